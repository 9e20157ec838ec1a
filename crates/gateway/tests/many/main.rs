//! What must hold whatever comes, in whatever order and however often: many at once on one person and one family, events
//! of one settlement that race, clients that are killed, and accumulators as a fold of the journal.
//!
//! The gateway, the core and a ledger on disk are the real ones, and everything goes over gRPC. What is expected comes from
//! the pure core run over the same bills one after the other, from small models, or from sums that are plain.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::inconsistent_digit_grouping, reason = "amounts in fen are grouped as yuan and fen")]

#[path = "../gateway/house.rs"]
mod house;

mod bills;
mod families;
mod fold;
mod histories;
mod lost;
mod proxy;
mod races;
mod rounds;
mod serial;
mod stands;
