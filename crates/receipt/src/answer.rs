//! What the bytes of an answer are: a settlement, what came of a reversal, a quote that binds, a correction, or nothing that
//! this crate adds up.
//!
//! Told by the bytes themselves, so that nobody can have a settlement read as something else. Invariant: an answer that says
//! it moved or promised money was added up.

use crate::correction::{Corrected, add_up_correction};
use crate::fields::Fields;
use crate::settlement::{Added, AnswerError, add_up};

/// The fields of `bedside.v1.ReverseResponse` that are stored.
const OUTCOME: u64 = 1;
const MIRROR: u64 = 2;
/// Those of `bedside.v1.PreSettleResponse`.
const QUOTE: u64 = 1;
const HOLD_ID: u64 = 2;
/// The last stored field of `bedside.v1.CorrectSettlementResponse`; a settlement has its `setlinfo` behind it.
const TOTALS: u64 = 6;

/// An answer, added up where it moves money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A settlement or its cancellation.
    Settlement(Added),
    /// A reversal that took a settlement back: its negated mirror.
    Undone(Added),
    /// A reversal of a call that moves nothing: of one that had not arrived and never will, of a hold, or of a stay's.
    Tombstone,
    /// A quote that binds; it moves nothing yet.
    Hold {
        /// Its `hold_id`.
        hold_id: String,
        /// What was promised.
        quote: Added,
    },
    /// A correction: what every settlement came to before and comes to now.
    Correction(Corrected),
}

impl Answer {
    /// Reads an answer and adds it up.
    ///
    /// # Errors
    /// [`AnswerError::NotASettlement`] when it is none of them, and whatever does not come out.
    pub fn of(bytes: &[u8]) -> Result<Answer, AnswerError> {
        let fields = Fields::of(bytes)?;
        let alone = fields.numbers().all(|number| number == OUTCOME || number == MIRROR);
        let once = |number| fields.all(number).count() == 1;
        if alone && once(QUOTE) && once(HOLD_ID) && fields.text(HOLD_ID).is_ok_and(|it| is_id('H', it)) {
            let hold_id = fields.text(HOLD_ID)?.to_owned();
            return Ok(Answer::Hold { hold_id, quote: add_up(fields.one(QUOTE))? });
        }
        // A settlement has its `setl_id` in this place, and a correction its own, which is never one of these words.
        match (fields.text(OUTCOME)?, fields.all(MIRROR).count()) {
            ("undone", 1) if alone => Ok(Answer::Undone(add_up(fields.one(MIRROR))?)),
            ("tombstone", 0) if alone => Ok(Answer::Tombstone),
            ("" | "undone" | "tombstone", _) => Err(AnswerError::NotASettlement),
            _ if fields.numbers().all(|number| number <= TOTALS) => {
                Ok(Answer::Correction(add_up_correction(&fields)?))
            }
            _ => Ok(Answer::Settlement(add_up(bytes)?)),
        }
    }

    /// The settlement in it, booked or promised.
    pub fn added(&self) -> Option<&Added> {
        match self {
            Answer::Settlement(added) | Answer::Undone(added) | Answer::Hold { quote: added, .. } => {
                Some(added)
            }
            Answer::Tombstone | Answer::Correction(_) => None,
        }
    }
}

/// Whether a text is an identifier that a ledger gives: a letter and 16 digits.
pub(crate) fn is_id(letter: char, text: &str) -> bool {
    text.strip_prefix(letter)
        .is_some_and(|rest| rest.len() == 16 && rest.bytes().all(|it| it.is_ascii_digit()))
}
