//! Dated rule packs: read, checked, resolved by date and compiled into what the core runs.
//!
//! The only crate that knows TOML. It opens files when a [`Library`] is loaded and never again; the day that picks a
//! version comes with the claim. A new city is a new folder under `packs/` and no line of code.
//!
//! *Plan*: one payer's rules, in versions. *Programme*: the ordered plans that apply to an insurance type in an area.
//! *Catalogue*: the dated items that split a line.

#![deny(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::unwrap_used,
    clippy::panic
)]

pub mod catalogue;
pub mod comparison;
mod compile;
pub mod error;
pub mod library;
mod pack_file;
pub mod plan;
pub mod programme;
pub mod sheet;

pub use catalogue::{Catalogue, CatalogueItem, Ceilings, ItemUse, LineTerms, OverlappingRows};
pub use comparison::Comparison;
pub use error::{PackError, PackProblem};
pub use library::{Cover, LONE_AREA, Layer, Library, Programme, Unresolved};
pub use plan::{
    AgeRange, Amounts, Answer, Band, BandEdges, Base, Benefit, Cap, CareArea, Circumstances, Decrease,
    Deductible, DeductibleGroup, Factor, FactorRule, FilledBy, Gate, InnerLimit, ItemList, Jump, JumpOf,
    Limit, LimitAmount, LineSelector, ListDate, ListedItem, LumpSum, NearStay, OpensAfter, PaidFor,
    PaidLimit, Parameter, Pays, PerDiem, Plan, PreExistingBefore, PreExistingRule, PurseRule, Reimbursement,
    SharedBy, Stated, StatedNumber, Tail, Value, VersionBy, VisitCount, Waiting, When,
};
pub use programme::{Place, ProgrammeRule, PublicSource};
pub use sheet::Sheet;
