//! The answers to calls of a stay: what each says that it did, held against the rest of the answer.
//!
//! Invariant: an answer that is taken for a call of a stay has the shape of that call's answer, in which no settlement has a
//! place; the lines that it lists are counted and added up again.

use crate::fields::{Fields, is_plain, is_word};
use crate::settlement::{AnswerError, Checks, Fen, Sum, amount, fen, sum};

/// The field that says what was booked.
pub(crate) const BOOKING: u64 = 30;
/// Those of `bedside.v1.AdmitResponse`, `UploadFeesResponse` and `StreamFeesResponse`.
const MDTRT_ID: u64 = 1;
const RESULT: u64 = 1;
const WARNINGS: u64 = 2;
const LINES: u64 = 3;

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
    /// How many lines came in (2301) or went out (2302).
    pub lines: Option<usize>,
    /// Their sum where they came in.
    pub det_item_fee_sumamt: Option<Fen>,
}

/// A text of a message that has it once, of visible ASCII.
pub(crate) fn word(fields: &Fields<'_>, number: u64) -> Result<String, AnswerError> {
    let text = fields.text(number)?;
    let is_one = fields.all(number).count() == 1 && is_word(text);
    if is_one { Ok(text.to_owned()) } else { Err(AnswerError::NotASettlement) }
}

impl StayBooking {
    fn of(fields: &Fields<'_>) -> Result<StayBooking, AnswerError> {
        let lines = match fields.text(5)? {
            "" => None,
            _ => Some(count(&word(fields, 5)?)?),
        };
        let det_item_fee_sumamt = match fields.text(6)? {
            "" => None,
            _ => Some(fen(&word(fields, 6)?, "booking.det_item_fee_sumamt")?),
        };
        Ok(StayBooking {
            infno: word(fields, 1)?,
            fixmedins_code: word(fields, 2)?,
            msgid: word(fields, 3)?,
            mdtrt_id: word(fields, 4)?,
            lines,
            det_item_fee_sumamt,
        })
    }

    /// Reads the answer to a call of a stay and adds it up.
    pub(crate) fn add_up(answer: &Fields<'_>) -> Result<StayBooking, AnswerError> {
        let booking = StayBooking::of(&answer.message(BOOKING)?)?;
        let only = |allowed: &[u64]| answer.numbers().all(|it| it == BOOKING || allowed.contains(&it));
        let is_whole = match (booking.infno.as_str(), booking.lines, booking.det_item_fee_sumamt) {
            ("2401", None, None) => only(&[MDTRT_ID]) && word(answer, MDTRT_ID)? == booking.mdtrt_id,
            ("2402" | "2403" | "2404" | "2405", None, None) | ("2302", Some(_), None) => only(&[]),
            ("2301", Some(lines), Some(total)) => {
                hold_warnings(answer)?;
                match answer.all(LINES).count() {
                    0 => only(&[RESULT, WARNINGS]) && hold_lines(answer, total)? == lines,
                    _ => only(&[WARNINGS, LINES]) && count(&word(answer, LINES)?)? == lines,
                }
            }
            _ => false,
        };
        if is_whole { Ok(booking) } else { Err(AnswerError::NotASettlement) }
    }
}

fn count(text: &str) -> Result<usize, AnswerError> {
    let parsed: usize = text.parse().map_err(|_| AnswerError::NotASettlement)?;
    if parsed.to_string() == text { Ok(parsed) } else { Err(AnswerError::NotASettlement) }
}

/// A sentence in two languages.
fn hold_text(text: &Fields<'_>) -> Result<(), AnswerError> {
    let is_text =
        text.numbers().all(|number| number <= 2) && is_plain(text.text(1)?) && is_plain(text.text(2)?);
    if is_text { Ok(()) } else { Err(AnswerError::NotASettlement) }
}

fn hold_warnings(answer: &Fields<'_>) -> Result<(), AnswerError> {
    answer.messages(WARNINGS)?.iter().try_for_each(hold_text)
}

/// The lines of an upload, with the four parts of each where it has them; gives how many there are.
fn hold_lines(answer: &Fields<'_>, total: Fen) -> Result<usize, AnswerError> {
    const PARTS: [(u64, &str); 4] = [
        (6, "result.fulamt_ownpay_amt"),
        (7, "result.overlmt_amt"),
        (8, "result.preselfpay_amt"),
        (9, "result.inscp_scp_amt"),
    ];
    const REASON: u64 = 18;
    let mut checks = Checks::default();
    let mut charges = Vec::new();
    for (place, line) in answer.messages(RESULT)?.iter().enumerate() {
        let charge = amount(line, 5, "result.det_item_fee_sumamt")?;
        if line.numbers().any(|number| PARTS.iter().any(|(part, _)| *part == number)) {
            let parts = PARTS.map(|(number, name)| amount(line, number, name));
            let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
            checks.hold(Sum::LineParts(place + 1), charge, sum(parts))?;
        }
        for number in line.numbers().filter(|number| *number != REASON) {
            if number > REASON || !is_plain(line.text(number)?) {
                return Err(AnswerError::NotASettlement);
            }
        }
        line.messages(REASON)?.iter().try_for_each(hold_text)?;
        charges.push(charge);
    }
    let lines = charges.len();
    checks.hold(Sum::Column("det_item_fee_sumamt"), total, sum(charges))?;
    Ok(lines)
}
