//! Reads plans before they go live: what they pay on typical bills, and whether a bill can be found that breaks what
//! every plan promises.
//!
//! A [`Stage`] is a plan with the programmes to run it in; [`Facts`] are the circumstances of a claim as far as plans
//! tell them apart; a [`Trial`] is facts with bills, the last of which is looked at. [`typical`](mod@typical) makes the
//! bills that a plan's reader wants to see; [`search`](mod@search) looks for one that breaks a promise of
//! [`promises`] and makes it small. No clock, no threads, no IO: the same packs and the same seed give the same
//! bills. It must not know protobuf, nor how a pack is spelt.

#![deny(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::unwrap_used,
    clippy::panic
)]

mod draw;
pub mod effect;
pub mod facts;
pub mod findings;
mod jumps;
pub mod promises;
pub mod search;
mod shrink;
pub mod stage;
pub mod told_apart;
pub mod trial;
pub mod typical;

pub use effect::{BillEffect, Effect, Outcome, Paid, Party, effect};
pub use facts::Facts;
pub use findings::{Finding, Problem, Severity, of_library, of_plan};
pub use promises::Broken;
pub use search::{CounterExample, Effort, Searched, search};
pub use stage::Stage;
pub use trial::{Charge, Trial, Unsettled};
pub use typical::{Typical, TypicalBill, typical};
