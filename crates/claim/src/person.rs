//! Who was treated, and under what cover: basic insurance, identity categories, commercial policies, account.
//!
//! Invariant: nothing here names the person beyond `psn_no`; names and certificates stay at the door.

use std::sync::Arc;

use jiff::civil::Date;

use crate::money::{Money, Overflow, Rate};

/// A half-open span of days, `[from, until)`; an open end has no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First day inside.
    pub from: Option<Date>,
    /// First day after.
    pub until: Option<Date>,
}

impl Span {
    /// A span without bounds.
    pub const ALWAYS: Span = Span { from: None, until: None };

    /// Whether the day lies inside.
    pub fn contains(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day < until)
    }
}

/// The basic-insurance row that pays for this visit, one of those that 1101 answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicInsurance {
    /// `insutype`: 310 employee, 390 resident, ...
    pub insutype: Arc<str>,
    /// `psn_type`: two to six digits; rules test by prefix.
    pub psn_type: Arc<str>,
    /// `insuplc_admdvs`: six-digit area of insurance.
    pub insuplc_admdvs: Arc<str>,
}

/// An identity category of the person (`idetinfo`): 低保, 特困, ...
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `psn_idet_type` as the region spells it; the national table was not found, so packs name what they mean.
    pub psn_idet_type: Arc<str>,
    /// When it holds.
    pub span: Span,
}

/// A commercial policy that covers the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The insurer's policy number.
    pub policy_no: Arc<str>,
    /// The pack that describes the product, `authority/product`.
    pub product: Arc<str>,
    /// The cover period.
    pub cover: Span,
    /// The first day of cover without a gap, where the policy renews an earlier one; `None`: it is the first.
    pub first_begndate: Option<Date>,
    /// Years without a claim before this period, as the insurer's register has them.
    pub claim_free_years: u8,
    /// What was agreed, in the words that the product's pack uses: `plan-1`, `with-social-insurance`.
    pub terms: Vec<Arc<str>>,
    /// Amounts on the policy schedule by the pack's name for them: a sum insured, an agreed deductible. CNY.
    pub amounts: Vec<(Arc<str>, Money)>,
    /// Ratios on the policy schedule, likewise.
    pub rates: Vec<(Arc<str>, Rate)>,
    /// Benefits of the pack that the insurer has approved in advance for this visit.
    pub approvals: Vec<Arc<str>>,
}

impl Policy {
    /// A first policy on which nothing was agreed beyond product and cover.
    pub fn plain(policy_no: Arc<str>, product: Arc<str>, cover: Span) -> Policy {
        Policy {
            policy_no,
            product,
            cover,
            first_begndate: None,
            claim_free_years: 0,
            terms: Vec::new(),
            amounts: Vec::new(),
            rates: Vec::new(),
            approvals: Vec::new(),
        }
    }

    /// The day from which the insured has been covered without a gap; `None` for an open cover.
    pub fn first_day(&self) -> Option<Date> {
        self.first_begndate.or(self.cover.from)
    }

    /// Whether this period renews an earlier one.
    pub fn is_renewal(&self) -> bool {
        self.first_day() != self.cover.from
    }

    /// The amount of that name on the schedule.
    pub fn amount(&self, name: &str) -> Option<Money> {
        self.amounts.iter().find(|(known, _)| **known == *name).map(|(_, amount)| *amount)
    }

    /// The ratio of that name on the schedule.
    pub fn rate(&self, name: &str) -> Option<Rate> {
        self.rates.iter().find(|(known, _)| **known == *name).map(|(_, rate)| *rate)
    }
}

/// A row of the registry of pre-existing conditions (既往症), such as a 门诊大病 registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreExisting {
    /// `dise_code`: the disease, ICD-10 or the code of the special disease.
    pub dise_code: Arc<str>,
    /// The day of the registration.
    pub regdate: Date,
}

/// The personal account (个人账户): what was paid in this year, and what is left from years before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountBalance {
    /// 当年账户, CNY.
    pub current_year: Money,
    /// 历年结余, CNY.
    pub past_year: Money,
}

impl AccountBalance {
    /// Both together: the national `balc`.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn total(&self) -> Result<Money, Overflow> {
        self.current_year.plus(self.past_year)
    }
}

/// A relative's account that may pay for this person (家庭共济).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relative {
    /// `psn_no` of the relative.
    pub psn_no: Arc<str>,
    /// What the relative's account may pay at most, CNY.
    pub balc: Money,
}

/// `gend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sex {
    /// 1.
    Male,
    /// 2.
    Female,
    /// 0 or 9.
    Unknown,
}

/// The insured person of one visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// `psn_no`.
    pub psn_no: Arc<str>,
    /// `gend`.
    pub gend: Sex,
    /// `brdy`.
    pub brdy: Option<Date>,
    /// The row that pays.
    pub insurance: BasicInsurance,
    /// Identity categories with their dates.
    pub identities: Vec<Identity>,
    /// Commercial policies with their dates, in the order in which they are held.
    pub policies: Vec<Policy>,
    /// The family whose members share a deductible or a limit; `None`: nobody shares with the person.
    pub family_no: Option<Arc<str>>,
    /// The registry of pre-existing conditions.
    pub pre_existing: Vec<PreExisting>,
    /// `balc`: what is on the personal account before this visit.
    pub balc: AccountBalance,
    /// Whose accounts may pay when the person's own do not suffice, in this order.
    pub relatives: Vec<Relative>,
}
