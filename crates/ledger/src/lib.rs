//! The memory of a settlement engine: books each settlement durably, once and only once, and can undo it.
//!
//! The *journal* is the truth: append-only segments of records, each with a checksum and the hash of the one before.
//! The *tables* (sled) are derived from it and never trusted further than it; when they are lost or damaged they are
//! made again. One thread, the *committer*, takes commands from a bounded queue, decides them in order, writes each
//! group with one `fdatasync`, applies it to the tables, and only then answers:
//!
//! ```text
//! submit -> bounded queue -> decide in order -> append, one sync -> apply to the tables -> answer
//!           (full: Busy)                        (the commit point)   (no sync)
//! ```
//!
//! Because a group is applied before it is answered, whoever has an answer reads his own write. The tables are never
//! synced on that path: what a power cut takes from them is applied again from the journal at the next opening.
//!
//! **Once and only once.** A message, named by tenant, hospital and `msgid`, is decided once. The same content again
//! gets the same answer byte for byte, for ever; other content is a conflict. A refusal stores nothing.
//!
//! **Reversal.** Whoever does not know whether a call arrived reverses it: what it booked is undone, and where it never
//! arrived its message gets a *tombstone*, so that it is refused whenever it comes.
//!
//! **Stays.** Admission, lines in and out, discharge and their cancellations move a stay from state to state; its settlement
//! is one more step, and counts for the lines that stood when it was booked, neither more nor fewer.
//!
//! **Errors.** After the first failed write or sync nothing is retried, because the kernel reports a failed write-back
//! once and drops the pages: the ledger stops, every command is answered `Stopped`, and what was on its way is unknown
//! until the ledger is opened again. A write past [`LedgerConfig::write_deadline`] is a failed one. On a disk that is
//! nearly full new settlements are refused, while reads and cancellations go on in reserved space.
//!
//! Must not know what a settlement means: the decision is the caller's pure closure, requests and answers are bytes.
//! `docs/ledger-format.md` describes every stored byte.
//!
//! ```
//! use bedside_ledger::*;
//! use bedside_claim::Money;
//!
//! let dir = tempfile::tempdir()?;
//! let ledger = Ledger::open(LedgerConfig { segment_bytes: 1 << 20, ..LedgerConfig::at(dir.path()) })?;
//! let event = SettleEvent {
//!     message: MessageKey { tenant: "zj".into(), fixmedins_code: "H33010000001".into(), msgid: "m-1".into() },
//!     person: PersonKey { tenant: "zj".into(), psn_no: "3300001".into() },
//!     family_no: None,
//!     hold_id: None,
//!     mdtrt_id: "V1".into(),
//!     stay: None,
//!     booked_at_ms: 1_780_000_000_000,
//!     request: b"the canonical content".to_vec(),
//! };
//! let total = Money::parse("100.00")?;
//! let decide = move |_: &Seen, assigned: &Assigned| {
//!     Ok::<_, std::convert::Infallible>(Decision {
//!         benefit_year: 2026,
//!         medfee_sumamt: total,
//!         postings: vec![Posting { account: "cash".into(), amount: total }],
//!         accumulators: Vec::new(),
//!         answer: format!("settled as {}", assigned.setl_id).into_bytes(),
//!     })
//! };
//! let first = ledger.settle(event.clone(), decide)?;
//! assert!(matches!(&first, Committed::New(receipt) if &*receipt.setl_id == "S0000000000000001"));
//! let again = ledger.settle(event, decide)?;
//! assert!(matches!(&again, Committed::Replayed(receipt) if receipt.answer == first.receipt().answer));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod balance;
mod booking;
mod checkpoint;
mod codec;
mod committer;
mod copy;
mod correction;
mod erase;
mod event;
mod evidence;
#[cfg(test)]
mod faults;
mod frame;
mod holds;
mod journal;
mod kept;
mod ledger;
mod node;
mod open;
mod outcome;
mod period;
mod planted;
mod progress;
mod readjudication;
mod record;
mod register;
mod reorder;
mod room;
mod rows;
mod salts;
mod scan;
mod seal;
mod seen;
mod segments;
mod shared;
mod source;
mod stay;
mod store;
mod tables;
mod tree;
mod verify;
mod versions;
mod watch;

pub use balance::{Balance, BalanceError, Hospital, PAYER_PREFIX, Posted, Settled, Sum, posted_by};
pub use codec::{Malformed, TEXT_BYTES_MAX, TooLarge};
pub use copy::{Copied, CopyError, Point, copy_ledger};
pub use correction::{Correction, NetChange, Turn, Version};
pub use erase::{EraseError, Erasure, erase_persons};
pub use event::{
    Assigned, BookedSettlement, CancelEvent, Committed, Decision, MessageKey, MessageKind, MessageRecord,
    PersonKey, Posting, Receipt, ReverseEvent, SettleEvent, SettledStay, Status, setl_id_of,
};
pub use evidence::{Evidence, Tree};
pub use frame::Position;
pub use holds::{Ended, Ending, Held, HoldEvent, HoldState, HoldTerms, Quote, QuotedStay};
pub use kept::{Erased, Salt};
pub use ledger::Ledger;
pub use node::Node;
pub use open::{OpenError, OpenReport, Rebuilt, TailCut};
pub use outcome::{
    Busy, CancelError, CorrectError, NotBooked, RegisterError, ReverseError, SettleError, Unusable,
};
pub use period::{Period, PeriodRecords};
pub use progress::Progress;
pub use readjudication::{
    ChangedSettlement, CorrectEvent, Corrected, Effect, Facts, Readjudication, Run, Service, Standing,
};
pub use record::{Entry, PAYLOAD_BYTES_MAX, Record};
pub use register::{
    CONTENT_BYTES_MAX, ROW_SALT_BYTES, RecordedRow, RegisterEvent, RegisterRow, Registered, StandingRow,
};
pub use scan::{Records, read_journal};
pub use seen::{Reserved, Seen};
pub use segments::{Damage, ReadError};
pub use shared::{Health, LedgerConfig};
pub use stay::command::{AssignedStay, StayEvent, StayLines, StayUndone};
pub use stay::outcome::StayError;
pub use stay::read::{StandingBatch, StandingStay};
pub use stay::{
    SETTLEMENT_LINES_MAX, STAY_LINES_MAX, StayChange, StayKind, StayLine, StayPart, StayRefusal, StayState,
};
pub use tables::TablesError;
pub use tree::Leaves;
pub use verify::{Broken, Verification, VerifyError, verify_journal};
