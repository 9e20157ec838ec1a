//! Who was treated, and under what cover: basic insurance, identity categories, commercial policies, account.
//!
//! Invariant: nothing here names the person beyond `psn_no`; names and certificates stay at the door.

use std::sync::Arc;

use jiff::civil::Date;

use crate::money::Money;

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
    /// `balc`: what is on the personal account before this visit.
    pub balc: Money,
}
