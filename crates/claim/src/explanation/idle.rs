//! Rules of a benefit that changed nothing, and what keeps them from acting.

use super::{LimitPer, LimitUnit, Period, chinese, english, inputs};
use crate::Lang;
use crate::money::{Money, Rate};

/// A rule that changed nothing. All amounts in CNY to the fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// A factor or replacing rate none of whose conditions is met.
    Factor,
    /// A band that the base does not reach.
    BandAbove {
        /// Lower edge.
        from: Money,
        /// Upper edge; `None` for the last band.
        until: Option<Money>,
    },
    /// A band that earlier visits of the period, or the deductible, have filled.
    BandFilled {
        /// Lower edge.
        from: Money,
        /// Upper edge; `None` for the last band.
        until: Option<Money>,
    },
    /// An inner limit, or one on what is paid for each item and the like: no line is of the kind that it limits.
    LimitUnasked {
        /// What it is counted for.
        per: LimitPer,
        /// Over what.
        period: Period,
    },
    /// The same, and every item and the like stays within it.
    LimitWithin {
        /// What it is counted for.
        per: LimitPer,
        /// Over what.
        period: Period,
        /// The limit, CNY, or how many times.
        limit: Money,
        /// Which of them.
        unit: LimitUnit,
    },
    /// A cap: the amount is no more than is left of it.
    CapWithin {
        /// Over what.
        period: Period,
        /// The limit.
        limit: Money,
        /// What had been used of it.
        used: Money,
        /// The amount.
        amount: Money,
    },
    /// A ceiling on what all layers together pay: the amount is no more than is left below it.
    CeilingWithin {
        /// The ratio.
        rate: Rate,
        /// What it is a ratio of: the whole bill.
        of: Money,
        /// What earlier benefits paid.
        paid: Money,
        /// The amount.
        amount: Money,
    },
}

impl Idle {
    /// The stable code of what keeps it from acting.
    pub fn code(self) -> &'static str {
        match self {
            Idle::Factor => "idle.condition_not_met",
            Idle::BandAbove { .. } => "idle.band_not_reached",
            Idle::BandFilled { .. } => "idle.band_filled",
            Idle::LimitUnasked { .. } => "idle.no_line_limited",
            Idle::LimitWithin { .. } | Idle::CapWithin { .. } | Idle::CeilingWithin { .. } => {
                "idle.within_limit"
            }
        }
    }

    pub(super) fn text(self, lang: Lang) -> String {
        let period = |period| match lang {
            Lang::Zh => chinese::name_of(period),
            Lang::En => english::name_of(period),
        };
        let edges = |from: Money, until: Option<Money>| match (lang, until) {
            (Lang::Zh, None) => format!("{from} 以上部分"),
            (Lang::Zh, Some(until)) => format!("{from} 至 {until} 部分"),
            (Lang::En, None) => format!("above {from}"),
            (Lang::En, Some(until)) => format!("from {from} to {until}"),
        };
        let is_zh = lang == Lang::Zh;
        match self {
            Idle::Factor if is_zh => "不符合该系数的条件，不适用".to_owned(),
            Idle::Factor => "no condition of this rate is met, it does not apply".to_owned(),
            Idle::BandAbove { from, until } if is_zh => format!("{}：费用未达到", edges(from, until)),
            Idle::BandAbove { from, until } => format!("{}: not reached", edges(from, until)),
            Idle::BandFilled { from, until } if is_zh => format!("{}：此前已计满", edges(from, until)),
            Idle::BandFilled { from, until } => format!("{}: filled before", edges(from, until)),
            Idle::LimitUnasked { period: over, .. } if is_zh => {
                format!("{}分项限额：账单中没有该类项目", period(over))
            }
            Idle::LimitUnasked { period: over, .. } => {
                format!("inner limit {}: no such item on the bill", period(over))
            }
            Idle::LimitWithin { period: over, limit, unit, .. } => {
                let limit = inputs::amount_or_times(limit, unit);
                match lang {
                    Lang::Zh => {
                        let times = if unit == LimitUnit::Times { " 次" } else { "" };
                        format!("{}分项限额 {limit}{times}：均未超过", period(over))
                    }
                    Lang::En => {
                        let times = if unit == LimitUnit::Times { " times" } else { "" };
                        format!("inner limit {limit}{times} {}: not exceeded", period(over))
                    }
                }
            }
            Idle::CapWithin { period: over, limit, used, amount } if is_zh => {
                format!("{} {limit}，已用 {used}：{amount} 未超过", chinese::cap(over))
            }
            Idle::CapWithin { period: over, limit, used, amount } => {
                format!("limit {limit} {}, used {used}: {amount} is within it", english::cap(over))
            }
            Idle::CeilingWithin { rate, of, paid, amount } if is_zh => {
                format!("各项支付合计不超过 {of} × {}，此前各方已付 {paid}：{amount} 未超过", rate.percent())
            }
            Idle::CeilingWithin { rate, of, paid, amount } => format!(
                "all layers together at most {of} x {}, paid by others {paid}: {amount} is within it",
                rate.percent()
            ),
        }
    }
}
