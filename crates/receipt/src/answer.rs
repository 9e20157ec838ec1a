//! What the bytes of an answer are: a settlement, what came of a reversal, or nothing that this crate adds up.
//!
//! Told by the bytes themselves, so that nobody can have a settlement read as something else. Invariant: an answer that says
//! it moved money was added up.

use crate::fields::Fields;
use crate::settlement::{Added, AnswerError, add_up};

/// The fields of `bedside.v1.ReverseResponse` that are stored.
const OUTCOME: u64 = 1;
const MIRROR: u64 = 2;

/// An answer, added up where it moves money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A settlement or its cancellation.
    Settlement(Added),
    /// A reversal that took a settlement back: its negated mirror.
    Undone(Added),
    /// A reversal of a call that had not arrived and never will; it moves nothing.
    Tombstone,
}

impl Answer {
    /// Reads an answer and adds it up.
    ///
    /// # Errors
    /// [`AnswerError::NotASettlement`] when it is none of them, and whatever does not come out.
    pub fn of(bytes: &[u8]) -> Result<Answer, AnswerError> {
        let fields = Fields::of(bytes)?;
        let alone = fields.numbers().all(|number| number == OUTCOME || number == MIRROR);
        // A settlement has its `setl_id` in this place, which is never one of these words.
        match (fields.text(OUTCOME)?, fields.all(MIRROR).count()) {
            ("undone", 1) if alone => Ok(Answer::Undone(add_up(fields.one(MIRROR))?)),
            ("tombstone", 0) if alone => Ok(Answer::Tombstone),
            ("" | "undone" | "tombstone", _) => Err(AnswerError::NotASettlement),
            _ => Ok(Answer::Settlement(add_up(bytes)?)),
        }
    }

    /// The settlement in it.
    pub fn added(&self) -> Option<&Added> {
        match self {
            Answer::Settlement(added) | Answer::Undone(added) => Some(added),
            Answer::Tombstone => None,
        }
    }
}
