//! What the bytes of an answer are: a settlement, what came of a reversal, a quote that binds, a correction, a call of a stay,
//! or nothing that this crate adds up.
//!
//! Told by the bytes themselves, so that nobody can have a settlement read as something else. Invariant: an answer that says
//! it moved or promised money was added up.

use crate::correction::{Corrected, add_up_correction};
use crate::fields::Fields;
use crate::settlement::{Added, AnswerError, add_up};
use crate::stay::{BOOKING, StayBooking, word};

/// The fields of `bedside.v1.ReverseResponse` that are stored.
const OUTCOME: u64 = 1;
const MIRROR: u64 = 2;
const REVERSED: u64 = 29;
/// Those of `bedside.v1.PreSettleResponse`.
const QUOTE: u64 = 1;
const HOLD_ID: u64 = 2;
/// The last field before the booking in the answers to calls of a stay.
const STAY_ANSWER: u64 = 3;
/// What can be taken back and moved no money: a hold, and calls of a stay.
const MOVES_NOTHING: [&str; 5] = ["2303", "2301", "2401", "2402", "2403"];
/// The last stored field of `bedside.v1.CorrectSettlementResponse`; a settlement has its `setlinfo` behind it.
const TOTALS: u64 = 6;

/// An answer, added up where it moves money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A settlement or its cancellation.
    Settlement(Added),
    /// A reversal that took a settlement back: its negated mirror.
    Undone(Added),
    /// A reversal of a call that had not arrived and never will; an earlier release's answer did not say of which.
    Tombstone(Option<Reversed>),
    /// A reversal that took back a call that moves nothing: a hold, or a call of a stay.
    TakenBack(Reversed),
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

/// What a reversal named, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversed {
    /// The hospital.
    pub fixmedins_code: String,
    /// The reversal's message.
    pub msgid: String,
    /// The message that it reversed.
    pub omsgid: String,
    /// The transaction of that.
    pub oinfno: String,
}

impl Reversed {
    /// Nothing in the answers of releases before there was one.
    fn of(answer: &Fields<'_>) -> Result<Option<Reversed>, AnswerError> {
        if answer.all(REVERSED).count() == 0 {
            return Ok(None);
        }
        let fields = answer.message(REVERSED)?;
        Ok(Some(Reversed {
            fixmedins_code: word(&fields, 1)?,
            msgid: word(&fields, 2)?,
            omsgid: word(&fields, 3)?,
            oinfno: word(&fields, 4)?,
        }))
    }

    fn moves_money(&self) -> bool {
        !MOVES_NOTHING.contains(&self.oinfno.as_str())
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
        if once(BOOKING) && fields.numbers().all(|number| number <= STAY_ANSWER || number == BOOKING) {
            return Ok(Answer::Stay(StayBooking::add_up(&fields)?));
        }
        let reverses = fields.numbers().all(|number| matches!(number, OUTCOME | MIRROR | REVERSED));
        // A settlement has its `setl_id` in this place, and a correction its own, which is never one of these words.
        match (fields.text(OUTCOME)?, fields.all(MIRROR).count()) {
            ("undone", 1) if reverses => {
                let mirror = add_up(fields.one(MIRROR))?;
                let is_of_money = Reversed::of(&fields)?.is_none_or(|reversed| reversed.moves_money());
                if is_of_money { Ok(Answer::Undone(mirror)) } else { Err(AnswerError::NotASettlement) }
            }
            ("undone", 0) if reverses => {
                let reversed = Reversed::of(&fields)?.filter(|reversed| !reversed.moves_money());
                reversed.map(Answer::TakenBack).ok_or(AnswerError::NotASettlement)
            }
            ("tombstone", 0) if reverses => Ok(Answer::Tombstone(Reversed::of(&fields)?)),
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
            Answer::Tombstone(_) | Answer::TakenBack(_) | Answer::Stay(_) | Answer::Correction(_) => None,
        }
    }
}

/// Whether a text is an identifier that a ledger gives: a letter and 16 digits.
pub(crate) fn is_id(letter: char, text: &str) -> bool {
    text.strip_prefix(letter)
        .is_some_and(|rest| rest.len() == 16 && rest.bytes().all(|it| it.is_ascii_digit()))
}
