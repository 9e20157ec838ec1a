//! Receipts (存证): what a hospital keeps of a settlement, and what anyone can check of it with a public key alone.
//!
//! A receipt shows that an answer is in a ledger whose state its gateway has signed, that the answer adds up to the fen, and,
//! with an earlier receipt, that nothing was taken out of the ledger in between. This crate shares no code with the ledger
//! on purpose: it is the second reading of what the ledger claims. It opens no file and has no clock. Invariant: what it
//! calls proved follows from the bytes it was given and the key.

mod answer;
mod checkpoint;
mod correction;
mod entry;
mod fields;
pub mod merkle;
mod note;
mod receipt;
mod settlement;
mod stay;

pub use answer::{Answer, Reversed};
pub use checkpoint::Checkpoint;
pub use correction::{Corrected, CorrectedVersion};
pub use entry::{Entry, answer_hash};
pub use note::{NoteError, PublicKey, SigningKey};
pub use receipt::{Continued, FileError, NotProved, Proved, Receipt, ReceiptFile, RollBack};
pub use settlement::{Added, AnswerError, Fen, Mismatch, Sum, add_up};
pub use stay::StayBooking;
