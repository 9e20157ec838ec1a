//! What the bytes of an answer are: a settlement, what came of a reversal, a quote that binds, a correction, a call of a stay,
//! or nothing that this crate adds up.
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
/// That of the answers to calls of a stay which says what was booked, and the last one before it.
const STAY_BOOKING: u64 = 30;
const STAY_ANSWER: u64 = 3;
const CALLS_OF_STAY: [&str; 7] = ["2301", "2302", "2401", "2402", "2403", "2404", "2405"];
/// The last stored field of `bedside.v1.CorrectSettlementResponse`; a settlement has its `setlinfo` behind it.
const TOTALS: u64 = 6;

/// An answer, added up where it moves money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A settlement or its cancellation.
    Settlement(Added),
    /// A reversal that took a settlement back: its negated mirror.
    Undone(Added),
    /// A reversal of a call that had not arrived and never will.
    Tombstone,
    /// A reversal that took back a call that moves nothing: a hold, or a call of a stay.
    TakenBack,
    /// A call of a stay; it moves nothing yet.
    Stay(StayBooking),
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

/// What a call of a stay did, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StayBooking {
    /// The transaction: 2301, 2302, 2401 to 2405.
    pub infno: String,
    /// The hospital.
    pub fixmedins_code: String,
    /// Its message.
    pub msgid: String,
    /// The stay.
    pub mdtrt_id: String,
    /// How many lines came in or went out; empty where there are none.
    pub lines: String,
    /// Their sum where they came in.
    pub det_item_fee_sumamt: String,
}

impl StayBooking {
    fn of(bytes: &[u8]) -> Result<StayBooking, AnswerError> {
        let fields = Fields::of(bytes)?;
        let text = |number| match fields.text(number)? {
            text if text.chars().any(char::is_control) => Err(AnswerError::NotASettlement),
            text => Ok(text.to_owned()),
        };
        if !CALLS_OF_STAY.contains(&fields.text(1)?) {
            return Err(AnswerError::NotASettlement);
        }
        Ok(StayBooking {
            infno: text(1)?,
            fixmedins_code: text(2)?,
            msgid: text(3)?,
            mdtrt_id: text(4)?,
            lines: text(5)?,
            det_item_fee_sumamt: text(6)?,
        })
    }
}

impl Answer {
    /// Reads an answer and adds it up.
    ///
    /// # Errors
    /// [`AnswerError::NotASettlement`] when it is none of these, and whatever does not come out.
    pub fn of(bytes: &[u8]) -> Result<Answer, AnswerError> {
        let fields = Fields::of(bytes)?;
        let alone = fields.numbers().all(|number| number == OUTCOME || number == MIRROR);
        let once = |number| fields.all(number).count() == 1;
        if alone && once(QUOTE) && once(HOLD_ID) && fields.text(HOLD_ID).is_ok_and(|it| is_id('H', it)) {
            let hold_id = fields.text(HOLD_ID)?.to_owned();
            return Ok(Answer::Hold { hold_id, quote: add_up(fields.one(QUOTE))? });
        }
        let is_of_stay = fields.numbers().all(|number| number <= STAY_ANSWER || number == STAY_BOOKING);
        if is_of_stay && once(STAY_BOOKING) {
            return Ok(Answer::Stay(StayBooking::of(fields.one(STAY_BOOKING))?));
        }
        // A settlement has its `setl_id` in this place, and a correction its own, which is never one of these words.
        match (fields.text(OUTCOME)?, fields.all(MIRROR).count()) {
            ("undone", 1) if alone => Ok(Answer::Undone(add_up(fields.one(MIRROR))?)),
            ("undone", 0) if alone => Ok(Answer::TakenBack),
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
            Answer::Tombstone | Answer::TakenBack | Answer::Stay(_) | Answer::Correction(_) => None,
        }
    }
}

/// Whether a text is an identifier that a ledger gives: a letter and 16 digits.
pub(crate) fn is_id(letter: char, text: &str) -> bool {
    text.strip_prefix(letter)
        .is_some_and(|rest| rest.len() == 16 && rest.bytes().all(|it| it.is_ascii_digit()))
}
