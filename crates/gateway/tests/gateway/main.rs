//! The door as its callers see it.

mod answers;
mod base;
mod cases;
mod conflicts;
mod error_docs;
mod privacy;
mod wrong_bills;
