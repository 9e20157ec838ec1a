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
    /// The benefit year.
    Year,
}

/// How a deductible was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeductibleRule {
    /// The standard, in full, for each visit.
    PerVisit,
    /// The standard once a year, less what was charged.
    PerYear,
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
    /// The deductible.
    Deductible {
        /// The benefit.
        benefit: Arc<BenefitCard>,
        /// How it is found.
        rule: DeductibleRule,
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
    /// What the personal account pays: the smaller of balance and what its rule allows.
    Account {
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
            | Step::Cap { benefit, .. }
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
            Step::Denied { .. } | Step::AccountDenied { .. } => Money::ZERO,
            Step::Base { amount, .. }
            | Step::Band { amount, .. }
            | Step::Pays { amount, .. }
            | Step::Adopted { amount, .. }
            | Step::HospitalShare { amount }
            | Step::Cash { amount } => *amount,
            Step::Deductible { charged, .. } => *charged,
            Step::Factor { after, .. } | Step::Cap { after, .. } => *after,
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
            Step::Base { amount, before, period: Period::Year, .. } => {
                format!("本次纳入费用 {amount}，本年度此前累计 {before}")
            }
            Step::Deductible { rule, standard, charged_before, charged, .. } => match rule {
                DeductibleRule::PerVisit => format!("起付标准 {standard}，本次扣除 {charged}"),
                DeductibleRule::PerYear => {
                    format!("年度起付标准 {standard}，此前已扣 {charged_before}，本次扣除 {charged}")
                }
                DeductibleRule::HighestLessCharged => {
                    format!(
                        "本年度最高等级起付标准 {standard}，此前已扣 {charged_before}，本次扣除 {charged}"
                    )
                }
            },
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
                };
                format!("{name} {limit}，已用 {used}，{before} 减为 {after}")
            }
            Step::Pays { amount, .. } => format!("支付 {amount}"),
            Step::Adopted { payer, amount } => format!("国家平台已结算：{} {amount}", payer.name_zh()),
            Step::HospitalShare { amount } => format!("医院负担 {amount}"),
            Step::AdoptedAccount { paid } => format!("国家平台已从个人账户支付 {paid}"),
            Step::Account { balance, payable, paid } => {
                format!("个人账户余额 {balance}，可支付 {payable}，支付 {paid}")
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
            Step::Base { amount, before, period: Period::Year, .. } => {
                format!("{amount} of this visit counts, after {before} earlier this year")
            }
            Step::Deductible { rule, standard, charged_before, charged, .. } => match rule {
                DeductibleRule::PerVisit => format!("deductible {standard}, charged now {charged}"),
                DeductibleRule::PerYear => format!(
                    "deductible {standard} a year, charged before {charged_before}, charged now {charged}"
                ),
                DeductibleRule::HighestLessCharged => format!(
                    "highest deductible met this year {standard}, charged before {charged_before}, charged now {charged}"
                ),
            },
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
            Step::Account { balance, payable, paid } => {
                format!("account balance {balance}, may pay {payable}, pays {paid}")
            }
            Step::Cash { amount } => format!("cash {amount}"),
        }
    }
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
