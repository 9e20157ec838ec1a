//! The door as its callers see it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod answers;
mod base;
mod cases;
mod conflicts;
mod corrections;
mod error_docs;
mod fees;
mod history;
mod holds;
mod house;
mod lifecycle;
mod long_stays;
mod national;
mod privacy;
mod receipts;
mod reconciliation;
mod registers;
mod reversal;
mod stay_holds;
mod stay_lifecycle;
mod stay_receipts;
mod stays;
mod surroundings;
mod whole_trips;
mod written;
mod wrong_bills;
