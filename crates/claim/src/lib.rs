//! The vocabulary of a medical claim. No IO, no serde, no clock, no float, no unordered collection.
//!
//! One word per idea: *bill* (what the hospital charges), *line* (one charge), *split* (the four parts of a line),
//! *pool* (one of the four parts), *visit*, *person*, *programme* (the ordered layers that apply), *layer* (one
//! payer's place in it), *benefit* (责任, the machine that pays), *band*, *deductible*, *factor*, *cap*,
//! *accumulator* (what was used up), *benefit year*, *payment* (what a benefit pays on a bill), *share* (what a payer
//! pays of a line), *settlement* (the whole answer), *step* (of its explanation), *reason* (of a denial), *fault*
//! (what must not happen), *pack* (a dated set of rules), *adopted* (taken from the national platform's answer).
//!
//! ```
//! use bedside_claim::{Money, Rate};
//!
//! let in_scope = Money::parse("10000")?;
//! let deductible = Money::parse("800")?;
//! let paid = in_scope.minus(deductible)?.at_rate(Rate::parse("0.7")?)?;
//! assert_eq!(paid.to_string(), "6440.00");
//! assert!(Money::parse("1e4").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::unwrap_used,
    clippy::panic
)]

pub mod accumulators;
pub mod adopted;
pub mod benefit;
pub mod bill;
pub mod explanation;
pub mod fault;
pub mod money;
pub mod person;
pub mod reason;
pub mod settlement;
pub mod split;
pub mod visit;

pub use accumulators::{
    AccumulatorBook, AccumulatorChange, AccumulatorKey, Accumulators, Measure, Owner, Term,
};
pub use adopted::{
    AdoptedResult, Adoption, ExplainedPart, NationalIdentity, OwnComputation, SplitDifference, Variance,
    VarianceCause,
};
pub use benefit::{BenefitCard, Citation, Condition, Grade, Origin, PackCard, PackStatus, Payer, PayerKind};
pub use bill::{Bill, BillError, FeeCategory, FourWaySplit, HospitalApproval, Line, Pool};
pub use explanation::{
    DayKind, DeductibleRule, Fall, GroupCharge, Idle, LimitPer, LimitUnit, Period, Purse, Step,
};
pub use fault::Fault;
pub use jiff::civil::{Date, DateTime};
pub use money::{Money, NumberError, Overflow, Price, Quantity, Rate};
pub use person::{
    AccountBalance, BasicInsurance, Identity, Person, Policy, PreExisting, Relative, Sex, Span,
};
pub use reason::Reason;
pub use settlement::{
    AccountPayment, CatalogueLevel, FixedPayment, ItemTerms, LineShares, LineSplit, Payment, PublicLayers,
    Settlement, ShareTable,
};
pub use visit::{
    Accident, Cause, DateRule, Diagnosis, DiagnosisRole, Event, Hospital, HospitalTier, Occurrence,
    OccurrenceKind, OutOfAreaFiling, PublicSettlement, Setting, Settling, Visit,
};

/// The language of a text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// 中文.
    Zh,
    /// English.
    En,
}

/// Whether the patient wants the personal account used (`acct_used_flag`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountUse {
    /// 1.
    Use,
    /// 0.
    Keep,
}

/// Everything that one settlement is asked about: the event's content without its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub person: Person,
    /// Where, when, why.
    pub visit: Visit,
    /// What was charged.
    pub bill: Bill,
    /// What happened to the person beside the bill.
    pub events: Vec<Event>,
    /// Whether the account may pay.
    pub account: AccountUse,
    /// The national platform's answer, where it settled the public layers already.
    pub adopted: Option<AdoptedResult>,
}
