//! Why this amount: the ordered steps of a settlement, with their inputs, formula, clause and result.
//!
//! A [`Step`] holds values, not sentences, so that the core stays cheap; [`Step::text`] is the one place where the
//! formula is put into words. Invariant: the steps of a benefit alone suffice to recompute what it pays.

use std::sync::Arc;

use crate::Lang;
use crate::benefit::{BenefitCard, Citation, PayerKind};
use crate::bill::FourWaySplit;
use crate::money::{Money, Rate};
use crate::reason::Reason;

/// The span of time a limit, deductible or base runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// This visit alone.
    Visit,
    /// The calendar year that the pack's date rule assigns the visit to.
    Year,
    /// The policy period.
    PolicyPeriod,
    /// The accident that the visit treats, over all its visits.
    Event,
    /// For ever.
    Lifetime,
}

impl Period {
    /// Every period.
    pub const ALL: [Period; 5] =
        [Period::Visit, Period::Year, Period::PolicyPeriod, Period::Event, Period::Lifetime];

    /// The word rule packs use.
    pub fn name(self) -> &'static str {
        match self {
            Period::Visit => "visit",
            Period::Year => "year",
            Period::PolicyPeriod => "policy_period",
            Period::Event => "event",
            Period::Lifetime => "lifetime",
        }
    }

    fn zh(self) -> &'static str {
        match self {
            Period::Visit => "本次",
            Period::Year => "本年度",
            Period::PolicyPeriod => "本保险期间",
            Period::Event => "本次事故",
            Period::Lifetime => "终身",
        }
    }

    fn en(self) -> &'static str {
        match self {
            Period::Visit => "this visit",
            Period::Year => "this year",
            Period::PolicyPeriod => "this policy period",
            Period::Event => "this accident",
            Period::Lifetime => "in a lifetime",
        }
    }
}

/// What an inner limit is counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitPer {
    /// Each charge with its refunds.
    Line,
    /// Each item, by its national code.
    Item,
    /// Each fee category.
    Category,
    /// Each operation; lines that name none count as one.
    Operation,
    /// Each day.
    Day,
    /// All selected lines together.
    All,
}

impl LimitPer {
    /// Every one.
    pub const ALL: [LimitPer; 6] = [
        LimitPer::Line,
        LimitPer::Item,
        LimitPer::Category,
        LimitPer::Operation,
        LimitPer::Day,
        LimitPer::All,
    ];

    /// The word rule packs use.
    pub fn name(self) -> &'static str {
        match self {
            LimitPer::Line => "line",
            LimitPer::Item => "item",
            LimitPer::Category => "category",
            LimitPer::Operation => "operation",
            LimitPer::Day => "day",
            LimitPer::All => "all",
        }
    }
}

/// What a limit for each item and the like limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitUnit {
    /// An amount, CNY.
    Cny,
    /// How many times, in hundredths.
    Times,
}

/// Which days a per-diem is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DayKind {
    /// Days of the stay.
    Stay,
    /// Days in intensive care.
    Icu,
}

/// One of the accounts that may pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purse {
    /// 当年账户.
    CurrentYear,
    /// 历年账户.
    PastYear,
    /// 家庭共济: relatives' accounts.
    Relatives,
}

impl Purse {
    /// Every purse.
    pub const ALL: [Purse; 3] = [Purse::CurrentYear, Purse::PastYear, Purse::Relatives];

    /// The word rule packs use.
    pub fn name(self) -> &'static str {
        match self {
            Purse::CurrentYear => "current_year",
            Purse::PastYear => "past_year",
            Purse::Relatives => "relatives",
        }
    }
}

/// How a deductible was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeductibleRule {
    /// The standard, in full, for each visit.
    PerVisit,
    /// The standard once in its period, less what was charged.
    Once,
    /// The highest standard met this year, less what was charged.
    HighestLessCharged,
}

/// One step of the reasoning, in the order it was taken. All amounts in CNY to the fen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The bill was split four ways by the catalogue.
    SplitByCatalogue {
        /// The totals of the parts.
        split: FourWaySplit,
    },
    /// The four-way split was taken from the national platform for some or all lines.
    SplitAdopted {
        /// The totals of the parts, all lines together.
        split: FourWaySplit,
    },
    /// The benefit paid nothing.
    Denied {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// The first reason in precedence order.
        reason: Reason,
    },
    /// What the benefit counts of this bill.
    Base {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// The amount from this bill.
        amount: Money,
        /// What had been counted before in the period; zero for a base per visit.
        before: Money,
        /// The period.
        period: Period,
    },
    /// An inner limit that cut the base.
    Limit {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// What it is counted for.
        per: LimitPer,
        /// The item, category, operation, day or line; empty where all are counted together.
        subject: Arc<str>,
        /// Over what.
        period: Period,
        /// The limit, CNY, or how many times.
        limit: Money,
        /// Which of them.
        unit: LimitUnit,
        /// What had been used of it.
        used: Money,
        /// What would have counted.
        before: Money,
        /// What counts.
        after: Money,
        /// Where the limit comes from.
        citation: Arc<Citation>,
    },
    /// The deductible.
    Deductible {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// How it is found.
        rule: DeductibleRule,
        /// Over what.
        period: Period,
        /// What other cover paid and fills it now.
        filled: Money,
        /// The standard that applies.
        standard: Money,
        /// What had been charged before in the period.
        charged_before: Money,
        /// What is charged now.
        charged: Money,
        /// Where the standard comes from.
        citation: Arc<Citation>,
    },
    /// One band's part: `amount = slice x rate`, or for a cumulated base the difference of two such products.
    Band {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// Lower edge.
        from: Money,
        /// Upper edge; `None` for the last band.
        until: Option<Money>,
        /// The part of the base that falls into the band now.
        slice: Money,
        /// The rate.
        rate: Rate,
        /// What the band gives now.
        amount: Money,
        /// Where the rate comes from.
        citation: Arc<Citation>,
    },
    /// A rate that takes the place of every band's.
    Replaced {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// The rate.
        rate: Rate,
        /// Where the rate comes from.
        citation: Arc<Citation>,
    },
    /// A factor: `after = before x rate`.
    Factor {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// The factor.
        rate: Rate,
        /// Amount before.
        before: Money,
        /// Amount after.
        after: Money,
        /// Where the factor comes from.
        citation: Arc<Citation>,
    },
    /// A limit that cut the amount.
    Cap {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// The period of the limit.
        period: Period,
        /// The limit.
        limit: Money,
        /// What had been used of it.
        used: Money,
        /// Amount before.
        before: Money,
        /// Amount after: `limit - used` at most.
        after: Money,
        /// Where the limit comes from.
        citation: Arc<Citation>,
    },
    /// A ceiling on what all layers together pay that cut the amount.
    Ceiling {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// The ratio.
        rate: Rate,
        /// What it is a ratio of: the whole bill.
        of: Money,
        /// What earlier benefits paid.
        paid: Money,
        /// Amount before.
        before: Money,
        /// Amount after: `of x rate - paid` at most.
        after: Money,
        /// Where the ratio comes from.
        citation: Arc<Citation>,
    },
    /// The rest that nobody has paid yet cut the amount.
    Indemnity {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// What is left on the lines that made the base.
        left: Money,
        /// Amount before.
        before: Money,
    },
    /// The part of the base that gives what limits left of the amount; it is what the base's accumulator counts.
    SolvedBack {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// The part, the deductible included.
        used: Money,
    },
    /// A per-diem: `amount = rate x days`.
    PerDiem {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// Which days.
        kind: DayKind,
        /// Days of the stay, or in intensive care.
        days: u16,
        /// Days that are not paid.
        waiting: u16,
        /// Days that are paid, after the limits.
        paid_days: u16,
        /// CNY a day.
        rate: Money,
        /// The amount.
        amount: Money,
        /// Where the rate comes from.
        citation: Arc<Citation>,
    },
    /// A lump sum or allowance: `amount = round(sum x share) - less`, at most `sum - paid`.
    LumpSum {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// The event.
        evt_no: Arc<str>,
        /// The sum.
        sum: Money,
        /// The share of it.
        share: Rate,
        /// What a grade that stood before takes off.
        less: Money,
        /// What had been paid of the sum.
        paid: Money,
        /// The amount.
        amount: Money,
        /// Where the sum comes from.
        citation: Arc<Citation>,
    },
    /// What the benefit pays.
    Pays {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// The amount.
        amount: Money,
    },
    /// A public payer's amount, adopted from the national platform's answer.
    Adopted {
        /// The payer.
        payer: PayerKind,
        /// The amount.
        amount: Money,
    },
    /// What the hospital bears (`hosp_part_amt`).
    HospitalShare {
        /// The amount.
        amount: Money,
    },
    /// What the national platform has taken from the personal account already.
    AdoptedAccount {
        /// `acct_pay`.
        paid: Money,
    },
    /// What a personal account pays: the smaller of balance and what its rule allows.
    Account {
        /// Which account.
        purse: Purse,
        /// `balc` before.
        balance: Money,
        /// What the account may pay of this bill.
        payable: Money,
        /// `acct_pay`.
        paid: Money,
    },
    /// The account paid nothing.
    AccountDenied {
        /// Why.
        reason: Reason,
    },
    /// What is left for the patient to pay now (`psn_cash_pay`).
    Cash {
        /// The amount.
        amount: Money,
    },
}

impl Step {
    /// The benefit the step belongs to; `None` for steps on the whole bill.
    pub fn benefit(&self) -> Option<&Arc<BenefitCard>> {
        match self {
            Step::Denied { benefit, .. }
            | Step::Base { benefit, .. }
            | Step::Deductible { benefit, .. }
            | Step::Band { benefit, .. }
            | Step::Factor { benefit, .. }
            | Step::Limit { benefit, .. }
            | Step::Replaced { benefit, .. }
            | Step::Cap { benefit, .. }
            | Step::Ceiling { benefit, .. }
            | Step::Indemnity { benefit, .. }
            | Step::SolvedBack { benefit, .. }
            | Step::PerDiem { benefit, .. }
            | Step::LumpSum { benefit, .. }
            | Step::Pays { benefit, .. } => Some(benefit),
            Step::SplitByCatalogue { .. }
            | Step::SplitAdopted { .. }
            | Step::Adopted { .. }
            | Step::HospitalShare { .. }
            | Step::AdoptedAccount { .. }
            | Step::Account { .. }
            | Step::AccountDenied { .. }
            | Step::Cash { .. } => None,
        }
    }

    /// Where the step's number comes from; `None` where it is arithmetic alone.
    pub fn citation(&self) -> Option<&Arc<Citation>> {
        match self {
            Step::Deductible { citation, .. }
            | Step::Band { citation, .. }
            | Step::Factor { citation, .. }
            | Step::Limit { citation, .. }
            | Step::Replaced { citation, .. }
            | Step::Ceiling { citation, .. }
            | Step::PerDiem { citation, .. }
            | Step::LumpSum { citation, .. }
            | Step::Cap { citation, .. } => Some(citation),
            _ => None,
        }
    }

    /// The stable name of the kind of step.
    pub fn kind(&self) -> &'static str {
        match self {
            Step::SplitByCatalogue { .. } => "split_by_catalogue",
            Step::SplitAdopted { .. } => "split_adopted",
            Step::Denied { .. } => "denied",
            Step::Base { .. } => "base",
            Step::Deductible { .. } => "deductible",
            Step::Band { .. } => "band",
            Step::Factor { .. } => "factor",
            Step::Cap { .. } => "cap",
            Step::Limit { .. } => "limit",
            Step::Replaced { .. } => "replaced",
            Step::Ceiling { .. } => "ceiling",
            Step::Indemnity { .. } => "indemnity",
            Step::SolvedBack { .. } => "solved_back",
            Step::PerDiem { .. } => "per_diem",
            Step::LumpSum { .. } => "lump_sum",
            Step::Pays { .. } => "pays",
            Step::Adopted { .. } => "adopted",
            Step::HospitalShare { .. } => "hospital_share",
            Step::AdoptedAccount { .. } => "adopted_account",
            Step::Account { .. } => "account",
            Step::AccountDenied { .. } => "account_denied",
            Step::Cash { .. } => "cash",
        }
    }

    /// The amount the step arrives at.
    ///
    /// *Units*: CNY; a denial arrives at zero, a split at the bill's total.
    pub fn result(&self) -> Money {
        match self {
            Step::SplitByCatalogue { split } | Step::SplitAdopted { split } => {
                split.total().unwrap_or(Money::ZERO)
            }
            Step::Denied { .. } | Step::AccountDenied { .. } | Step::Replaced { .. } => Money::ZERO,
            Step::Base { amount, .. }
            | Step::Band { amount, .. }
            | Step::Pays { amount, .. }
            | Step::Adopted { amount, .. }
            | Step::HospitalShare { amount }
            | Step::Cash { amount } => *amount,
            Step::Deductible { charged, .. } => *charged,
            Step::Factor { after, .. }
            | Step::Cap { after, .. }
            | Step::Limit { after, .. }
            | Step::Ceiling { after, .. } => *after,
            Step::Indemnity { left, .. } => *left,
            Step::SolvedBack { used, .. } => *used,
            Step::PerDiem { amount, .. } | Step::LumpSum { amount, .. } => *amount,
            Step::AdoptedAccount { paid } | Step::Account { paid, .. } => *paid,
        }
    }

    /// The reason, where the step is a denial.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Step::Denied { reason, .. } | Step::AccountDenied { reason } => Some(*reason),
            _ => None,
        }
    }

    /// The step in words, its formula with numbers.
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::Zh => self.text_zh(),
            Lang::En => self.text_en(),
        }
    }

    fn text_zh(&self) -> String {
        match self {
            Step::SplitByCatalogue { split } => format!("按目录拆分：{}", split_zh(split)),
            Step::SplitAdopted { split } => format!("采用国家平台返回的拆分：{}", split_zh(split)),
            Step::Denied { reason, .. } | Step::AccountDenied { reason } => {
                format!("不予支付：{}", reason.text(Lang::Zh))
            }
            Step::Base { amount, period: Period::Visit, .. } => format!("本次纳入费用 {amount}"),
            Step::Base { amount, before, period, .. } => {
                format!("本次纳入费用 {amount}，{}此前累计 {before}", period.zh())
            }
            Step::Limit { subject, period, limit, unit, used, before, after, .. } => {
                let of = if subject.is_empty() { String::new() } else { format!("（{subject}）") };
                let limit = if *unit == LimitUnit::Times {
                    format!("{} 次", whole(*limit))
                } else {
                    limit.to_string()
                };
                let used = if *unit == LimitUnit::Times {
                    format!("{} 次", whole(*used))
                } else {
                    used.to_string()
                };
                format!("{}分项限额{of} {limit}，已用 {used}：{before} 按 {after} 计入", period.zh())
            }
            Step::Deductible { rule, period, standard, charged_before, charged, filled, .. } => {
                let name = match (rule, period) {
                    (DeductibleRule::HighestLessCharged, _) => "本年度最高等级起付标准",
                    (DeductibleRule::PerVisit, _) => "起付标准",
                    (DeductibleRule::Once, Period::Year) => "年度起付标准",
                    (DeductibleRule::Once, Period::PolicyPeriod) => "年度免赔额",
                    (DeductibleRule::Once, Period::Event) => "每次事故免赔额",
                    (DeductibleRule::Once, _) => "终身免赔额",
                };
                let mut text = format!("{name} {standard}，");
                if *rule != DeductibleRule::PerVisit {
                    text += &format!("此前已扣 {charged_before}，");
                }
                if !filled.is_zero() {
                    text += &format!("其他商业保险已赔付抵扣 {filled}，");
                }
                text + &format!("本次扣除 {charged}")
            }
            Step::Replaced { rate, .. } => format!("各段比例改按 {}", rate.percent()),
            Step::Ceiling { rate, of, paid, before, after, .. } => {
                format!(
                    "各项支付合计不超过 {of} × {}，此前各方已付 {paid}，{before} 减为 {after}",
                    rate.percent()
                )
            }
            Step::Indemnity { left, before, .. } => {
                format!("补偿不超过剩余费用 {left}，{before} 减为 {left}")
            }
            Step::SolvedBack { used, .. } => format!("限额内金额对应的纳入费用 {used}"),
            Step::PerDiem { kind, days, waiting, paid_days, rate, amount, .. } => {
                let kind = match kind {
                    DayKind::Stay => "住院",
                    DayKind::Icu => "重症监护",
                };
                format!("{kind} {days} 天，免赔 {waiting} 天，给付 {paid_days} 天 × {rate} = {amount}")
            }
            Step::LumpSum { evt_no, sum, share, less, paid, amount, .. } => {
                let less = if less.is_zero() { String::new() } else { format!(" − 原有等级 {less}") };
                let paid = if paid.is_zero() {
                    String::new()
                } else {
                    format!("，已给付 {paid}，累计不超过 {sum}")
                };
                format!("事件 {evt_no}：{sum} × {}{less}{paid}，给付 {amount}", share.percent())
            }
            Step::Band { from, until, slice, rate, amount, .. } => {
                let edges = match until {
                    None if from.is_zero() => String::new(),
                    None => format!("{from} 以上部分："),
                    Some(until) => format!("{from} 至 {until} 部分："),
                };
                format!("{edges}{slice} × {} = {amount}", rate.percent())
            }
            Step::Factor { rate, before, after, .. } => format!("{before} × {} = {after}", rate.percent()),
            Step::Cap { period, limit, used, before, after, .. } => {
                let name = match period {
                    Period::Visit => "单次限额",
                    Period::Year => "年度限额",
                    Period::PolicyPeriod => "保险期间限额",
                    Period::Event => "每次事故限额",
                    Period::Lifetime => "终身限额",
                };
                format!("{name} {limit}，已用 {used}，{before} 减为 {after}")
            }
            Step::Pays { amount, .. } => format!("支付 {amount}"),
            Step::Adopted { payer, amount } => format!("国家平台已结算：{} {amount}", payer.name_zh()),
            Step::HospitalShare { amount } => format!("医院负担 {amount}"),
            Step::AdoptedAccount { paid } => format!("国家平台已从个人账户支付 {paid}"),
            Step::Account { purse, balance, payable, paid } => {
                let name = match purse {
                    Purse::CurrentYear => "个人账户当年余额",
                    Purse::PastYear => "个人账户历年余额",
                    Purse::Relatives => "家庭共济账户余额",
                };
                format!("{name} {balance}，可支付 {payable}，支付 {paid}")
            }
            Step::Cash { amount } => format!("个人现金支付 {amount}"),
        }
    }

    fn text_en(&self) -> String {
        match self {
            Step::SplitByCatalogue { split } => format!("split by the catalogue: {}", split_en(split)),
            Step::SplitAdopted { split } => {
                format!("split as the national platform returned it: {}", split_en(split))
            }
            Step::Denied { reason, .. } | Step::AccountDenied { reason } => {
                format!("pays nothing: {}", reason.text(Lang::En))
            }
            Step::Base { amount, period: Period::Visit, .. } => format!("{amount} of this visit counts"),
            Step::Base { amount, before, period, .. } => {
                format!("{amount} of this visit counts, after {before} earlier {}", period.en())
            }
            Step::Limit { per, subject, period, limit, unit, used, before, after, .. } => {
                let of = if subject.is_empty() { String::new() } else { format!(" ({subject})") };
                let limit =
                    if *unit == LimitUnit::Times { whole(*limit) + " times" } else { limit.to_string() };
                let used = if *unit == LimitUnit::Times { whole(*used) + " times" } else { used.to_string() };
                format!(
                    "limit {limit} for {}{of} {}, used {used}: {before} counts as {after}",
                    per.name(),
                    period.en()
                )
            }
            Step::Deductible { rule, period, standard, charged_before, charged, filled, .. } => {
                let mut text = match (rule, period) {
                    (DeductibleRule::HighestLessCharged, _) => {
                        format!("highest deductible met this year {standard}, ")
                    }
                    (DeductibleRule::PerVisit, _) => format!("deductible {standard}, "),
                    (DeductibleRule::Once, Period::Year) => format!("deductible {standard} a year, "),
                    (DeductibleRule::Once, Period::PolicyPeriod) => {
                        format!("deductible {standard} a policy period, ")
                    }
                    (DeductibleRule::Once, Period::Event) => format!("deductible {standard} an accident, "),
                    (DeductibleRule::Once, _) => format!("deductible {standard} in a lifetime, "),
                };
                if *rule != DeductibleRule::PerVisit {
                    text += &format!("charged before {charged_before}, ");
                }
                if !filled.is_zero() {
                    text += &format!("filled by other commercial cover {filled}, ");
                }
                text + &format!("charged now {charged}")
            }
            Step::Replaced { rate, .. } => format!("every band at {} instead", rate.percent()),
            Step::Ceiling { rate, of, paid, before, after, .. } => format!(
                "all layers together at most {of} x {}, paid by others {paid}: {before} becomes {after}",
                rate.percent()
            ),
            Step::Indemnity { left, before, .. } => {
                format!("no more than the {left} that is left: {before} becomes {left}")
            }
            Step::SolvedBack { used, .. } => format!("the limited amount uses {used} of the base"),
            Step::PerDiem { kind, days, waiting, paid_days, rate, amount, .. } => {
                let kind = match kind {
                    DayKind::Stay => "days in hospital",
                    DayKind::Icu => "days in intensive care",
                };
                format!("{days} {kind}, {waiting} not paid: {paid_days} days x {rate} = {amount}")
            }
            Step::LumpSum { evt_no, sum, share, less, paid, amount, .. } => {
                let less =
                    if less.is_zero() { String::new() } else { format!(" - {less} of the grade before") };
                let paid =
                    if paid.is_zero() { String::new() } else { format!(", {paid} paid before of {sum}") };
                format!("event {evt_no}: {sum} x {}{less}{paid}: pays {amount}", share.percent())
            }
            Step::Band { from, until, slice, rate, amount, .. } => {
                let edges = match until {
                    None if from.is_zero() => String::new(),
                    None => format!("above {from}: "),
                    Some(until) => format!("from {from} to {until}: "),
                };
                format!("{edges}{slice} x {} = {amount}", rate.percent())
            }
            Step::Factor { rate, before, after, .. } => format!("{before} x {} = {after}", rate.percent()),
            Step::Cap { period, limit, used, before, after, .. } => {
                let name = match period {
                    Period::Visit => "a visit",
                    Period::Year => "a year",
                    Period::PolicyPeriod => "a policy period",
                    Period::Event => "an accident",
                    Period::Lifetime => "in a lifetime",
                };
                format!("limit {limit} {name}, used {used}: {before} becomes {after}")
            }
            Step::Pays { amount, .. } => format!("pays {amount}"),
            Step::Adopted { payer, amount } => {
                format!("settled by the national platform: {} {amount}", payer.name().replace('_', " "))
            }
            Step::HospitalShare { amount } => format!("the hospital bears {amount}"),
            Step::AdoptedAccount { paid } => {
                format!("the national platform has taken {paid} from the personal account")
            }
            Step::Account { purse, balance, payable, paid } => {
                let name = match purse {
                    Purse::CurrentYear => "account balance of this year",
                    Purse::PastYear => "account balance of past years",
                    Purse::Relatives => "account balance of relatives",
                };
                format!("{name} {balance}, may pay {payable}, pays {paid}")
            }
            Step::Cash { amount } => format!("cash {amount}"),
        }
    }
}

/// A count in hundredths as a whole number.
fn whole(count: Money) -> String {
    (count.units() / 100).to_string()
}

fn split_zh(split: &FourWaySplit) -> String {
    format!(
        "自费 {} + 超限价 {} + 先行自付 {} + 范围内 {}",
        split.fulamt_ownpay_amt, split.overlmt_amt, split.preselfpay_amt, split.inscp_scp_amt
    )
}

fn split_en(split: &FourWaySplit) -> String {
    format!(
        "own expense {} + over limit {} + first-pay {} + in scope {}",
        split.fulamt_ownpay_amt, split.overlmt_amt, split.preselfpay_amt, split.inscp_scp_amt
    )
}
