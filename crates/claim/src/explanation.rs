//! Why this amount: the ordered steps of a settlement, with their inputs, formula, clause and result.
//!
//! A [`Step`] holds values, not sentences, so that the core stays cheap; [`Step::text`] is the one place where the
//! formula is put into words. Invariant: the steps of a benefit alone suffice to recompute what it pays.

mod chinese;
mod english;
mod idle;
mod inputs;

use std::sync::Arc;

use crate::Lang;
use crate::benefit::{BenefitCard, Citation, PayerKind};
use crate::bill::FourWaySplit;
use crate::money::{Money, Rate};
use crate::reason::Reason;

pub use self::idle::Idle;

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

/// How a standard has fallen with the visits of the year: `standard = max(full - by x visits before, floor)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fall {
    /// The standard of the first visit, CNY.
    pub full: Money,
    /// What it falls by with each visit, CNY.
    pub by: Money,
    /// How many visits came before.
    pub visits_before: u32,
    /// What it never falls below, CNY.
    pub floor: Money,
}

/// What a group of benefits is charged together: the charge is raised to what is missing of the minimum, then cut to
/// what is left of the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupCharge {
    /// At least so much, CNY.
    pub minimum: Option<Money>,
    /// At most so much, CNY.
    pub maximum: Option<Money>,
    /// What the group had been charged before, CNY.
    pub charged_before: Money,
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
        /// How the standard fell, where it does.
        fall: Option<Box<Fall>>,
        /// The group's part in it.
        group: Option<Box<GroupCharge>>,
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
    /// A per-diem: `amount = rate x min(days - waiting, stay_days, days_left)`.
    PerDiem {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// Which days.
        kind: DayKind,
        /// Days of the stay, or in intensive care.
        days: u16,
        /// Days that are not paid.
        waiting: u16,
        /// Days paid for one stay at most.
        stay_days: Option<u16>,
        /// Days that are left of those paid over a period.
        days_left: Option<u16>,
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
    /// A rule of the benefit that changed nothing.
    Idle {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// The rule, and what keeps it from acting.
        rule: Idle,
        /// Where its number comes from.
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
            | Step::Idle { benefit, .. }
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
            | Step::Idle { citation, .. }
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
            Step::Idle { .. } => "idle",
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
    /// *Units*: CNY; a denial arrives at zero, as does a rule that changed nothing; a split at the bill's total.
    pub fn result(&self) -> Money {
        match self {
            Step::SplitByCatalogue { split } | Step::SplitAdopted { split } => {
                split.total().unwrap_or(Money::ZERO)
            }
            Step::Denied { .. } | Step::AccountDenied { .. } | Step::Replaced { .. } | Step::Idle { .. } => {
                Money::ZERO
            }
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

    /// The stable code of the reason, where the step is a denial or a rule that changed nothing.
    pub fn reason_code(&self) -> Option<&'static str> {
        match self {
            Step::Idle { rule, .. } => Some(rule.code()),
            _ => self.reason().map(Reason::code),
        }
    }

    /// The numbers and words the step was taken with, in the order of its formula.
    ///
    /// *Units*: amounts in CNY with two decimals, rates with four, counts as whole numbers; an edge or limit that there is
    /// not is left out. The names are stable (`docs/explanation.md`).
    pub fn inputs(&self) -> Vec<(&'static str, String)> {
        inputs::of(self)
    }

    /// The step in words, its formula with numbers.
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::Zh => chinese::text(self),
            Lang::En => english::text(self),
        }
    }
}

/// A count in hundredths as a whole number.
fn whole(count: Money) -> String {
    (count.units() / 100).to_string()
}

#[cfg(test)]
mod tests {
    /// The page has every kind, input and code that the source has.
    #[test]
    fn the_page_names_every_step() {
        let page = include_str!("../../../docs/explanation.md");
        let source = include_str!("explanation.rs");
        let (_, kinds) = source.split_once("pub fn kind(&self)").unwrap();
        let (kinds, _) = kinds.split_once("\n    }\n").unwrap();
        let inputs = include_str!("explanation/inputs.rs");
        let codes = include_str!("explanation/idle.rs");
        let words = [kinds, inputs, codes].into_iter().flat_map(|text| text.split('"').skip(1).step_by(2));
        let is_name = |word: &&str| {
            !word.is_empty() && word.chars().all(|it| it.is_ascii_lowercase() || "._".contains(it))
        };
        let mut names = 0;
        for word in words.filter(is_name) {
            assert!(page.contains(&format!("`{word}`")), "`{word}` is not on the page");
            names += 1;
        }
        assert!(names > 60, "{names} names are too few to be all");
    }
}
