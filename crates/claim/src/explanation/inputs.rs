//! What a step was taken with, by name: the formula of its text in a form that a program can compute again.

use super::{DayKind, DeductibleRule, Idle, LimitUnit, Step};
use crate::bill::FourWaySplit;
use crate::money::{Money, Rate};

/// Names and values, in order.
#[derive(Default)]
struct Inputs(Vec<(&'static str, String)>);

impl Inputs {
    fn word(mut self, name: &'static str, value: impl Into<String>) -> Inputs {
        self.0.push((name, value.into()));
        self
    }

    fn money(self, name: &'static str, value: Money) -> Inputs {
        self.word(name, value.to_string())
    }

    fn optional(self, name: &'static str, value: Option<Money>) -> Inputs {
        match value {
            Some(value) => self.money(name, value),
            None => self,
        }
    }

    fn rate(self, name: &'static str, value: Rate) -> Inputs {
        self.word(name, value.to_string())
    }

    fn count(self, name: &'static str, value: impl Into<u32>) -> Inputs {
        self.word(name, value.into().to_string())
    }

    fn of_split(self, split: &FourWaySplit) -> Inputs {
        self.money("fulamt_ownpay_amt", split.fulamt_ownpay_amt)
            .money("overlmt_amt", split.overlmt_amt)
            .money("preselfpay_amt", split.preselfpay_amt)
            .money("inscp_scp_amt", split.inscp_scp_amt)
    }
}

/// A limit in its unit.
pub(super) fn amount_or_times(limit: Money, unit: LimitUnit) -> String {
    match unit {
        LimitUnit::Cny => limit.to_string(),
        LimitUnit::Times => super::whole(limit),
    }
}

fn unit_name(unit: LimitUnit) -> &'static str {
    match unit {
        LimitUnit::Cny => "CNY",
        LimitUnit::Times => "times",
    }
}

pub(super) fn of(step: &Step) -> Vec<(&'static str, String)> {
    let inputs = Inputs::default();
    let inputs = match step {
        Step::SplitByCatalogue { split } | Step::SplitAdopted { split } => inputs.of_split(split),
        Step::Denied { .. } | Step::AccountDenied { .. } => inputs,
        Step::Base { benefit: _, amount, before, period } => {
            inputs.money("amount", *amount).money("before", *before).word("period", period.name())
        }
        Step::Limit {
            benefit: _,
            per,
            subject,
            period,
            limit,
            unit,
            used,
            before,
            after: _,
            citation: _,
        } => inputs
            .word("per", per.name())
            .word("subject", &**subject)
            .word("period", period.name())
            .word("unit", unit_name(*unit))
            .word("limit", amount_or_times(*limit, *unit))
            .word("used", amount_or_times(*used, *unit))
            .money("before", *before),
        Step::Deductible {
            benefit: _,
            rule,
            period,
            filled,
            standard,
            charged_before,
            charged: _,
            fall,
            group,
            citation: _,
        } => {
            let rule = match rule {
                DeductibleRule::PerVisit => "per_visit",
                DeductibleRule::Once => "once",
                DeductibleRule::HighestLessCharged => "highest_less_charged",
            };
            let mut inputs = inputs
                .word("rule", rule)
                .word("period", period.name())
                .money("standard", *standard)
                .money("charged_before", *charged_before)
                .money("filled", *filled);
            if let Some(fall) = fall {
                inputs = inputs
                    .money("standard_full", fall.full)
                    .money("falls_by", fall.by)
                    .count("visits_before", fall.visits_before)
                    .money("floor", fall.floor);
            }
            if let Some(group) = group {
                inputs = inputs
                    .money("group_charged_before", group.charged_before)
                    .optional("group_minimum", group.minimum)
                    .optional("group_maximum", group.maximum);
            }
            inputs
        }
        Step::Band { benefit: _, from, until, slice, rate, amount: _, citation: _ } => {
            inputs.money("from", *from).optional("until", *until).money("slice", *slice).rate("rate", *rate)
        }
        Step::Replaced { benefit: _, rate, citation: _ } => inputs.rate("rate", *rate),
        Step::Factor { benefit: _, rate, before, after: _, citation: _ } => {
            inputs.money("before", *before).rate("rate", *rate)
        }
        Step::Cap { benefit: _, period, limit, used, before, after: _, citation: _ } => inputs
            .word("period", period.name())
            .money("limit", *limit)
            .money("used", *used)
            .money("before", *before),
        Step::Ceiling { benefit: _, rate, of, paid, before, after: _, citation: _ } => {
            inputs.rate("rate", *rate).money("of", *of).money("paid", *paid).money("before", *before)
        }
        Step::Indemnity { benefit: _, left, before } => inputs.money("left", *left).money("before", *before),
        Step::SolvedBack { benefit: _, used } => inputs.money("used", *used),
        Step::PerDiem {
            benefit: _,
            kind,
            days,
            waiting,
            stay_days,
            days_left,
            paid_days,
            rate,
            amount: _,
            citation: _,
        } => {
            let kind = match kind {
                DayKind::Stay => "stay",
                DayKind::Icu => "icu",
            };
            let mut inputs =
                inputs.word("days_of", kind).count("days", *days).count("waiting_days", *waiting);
            for (name, limit) in [("stay_days", stay_days), ("days_left", days_left)] {
                if let Some(limit) = limit {
                    inputs = inputs.count(name, *limit);
                }
            }
            inputs.count("paid_days", *paid_days).money("rate", *rate)
        }
        Step::LumpSum { benefit: _, evt_no, sum, share, less, paid, amount: _, citation: _ } => inputs
            .word("evt_no", &**evt_no)
            .money("sum", *sum)
            .rate("share", *share)
            .money("less", *less)
            .money("paid", *paid),
        Step::Idle { benefit: _, rule, citation: _ } => of_idle(inputs, *rule),
        Step::Pays { benefit: _, amount } => inputs.money("amount", *amount),
        Step::Adopted { payer, amount } => inputs.word("payer_kind", payer.name()).money("amount", *amount),
        Step::HospitalShare { amount } | Step::Cash { amount } => inputs.money("amount", *amount),
        Step::AdoptedAccount { paid } => inputs.money("paid", *paid),
        Step::Account { purse, balance, payable, paid: _ } => {
            inputs.word("purse", purse.name()).money("balance", *balance).money("payable", *payable)
        }
    };
    inputs.0
}

fn of_idle(inputs: Inputs, rule: Idle) -> Inputs {
    match rule {
        Idle::Factor => inputs,
        Idle::BandAbove { from, until } | Idle::BandFilled { from, until } => {
            inputs.money("from", from).optional("until", until)
        }
        Idle::LimitUnasked { per, period } => inputs.word("per", per.name()).word("period", period.name()),
        Idle::LimitWithin { per, period, limit, unit } => inputs
            .word("per", per.name())
            .word("period", period.name())
            .word("unit", unit_name(unit))
            .word("limit", amount_or_times(limit, unit)),
        Idle::CapWithin { period, limit, used, amount } => inputs
            .word("period", period.name())
            .money("limit", limit)
            .money("used", used)
            .money("amount", amount),
        Idle::CeilingWithin { rate, of, paid, amount } => {
            inputs.rate("rate", rate).money("of", of).money("paid", paid).money("amount", amount)
        }
    }
}
