//! Calls about a period: its days, and what a hospital has in its own books (3201, 3202, 3203).
//!
//! It must not know what the ledger has.

use std::sync::Arc;

use bedside_claim::{Date, Money};

use super::fields::{Charset, Era, ID, Place, Reader, TextForm};
use super::{FIXMEDINS_CODE, MSGID};
use crate::invalid::{InvalidCode, InvalidMessage, Phrase};
use crate::v1;

/// Days that one call may ask about.
const DAYS_MAX: i32 = 366;

/// A period of whole days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub from: Date,
    /// The last.
    pub to: Date,
}

/// The amounts that are compared, under their names on the wire, in the order of [`Amounts`].
pub const AMOUNTS: [&str; 5] =
    ["medfee_sumamt", "fund_pay_sumamt", "acct_pay", "cash_payamt", "commercial_pay"];

/// An amount for each of [`AMOUNTS`]; nothing where it is not to be compared.
pub type Amounts = [Option<Money>; AMOUNTS.len()];

/// A hospital's totals of a period (3201).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// The hospital.
    pub fixmedins_code: Arc<str>,
    /// The period.
    pub days: Days,
    /// The sums.
    pub amounts: Amounts,
    /// `fixmedins_setl_cnt`.
    pub bookings: u64,
    /// Whether cancellations and reversals count.
    pub with_refunds: bool,
}

/// A hospital's rows of a period (3202).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The hospital.
    pub fixmedins_code: Arc<str>,
    /// The period.
    pub days: Days,
    /// The rows as they were sent, with the amounts in them.
    pub rows: Vec<(v1::StatementRow, Amounts)>,
}

/// The checked request for clearing: its period.
///
/// # Errors
/// [`InvalidMessage`] with every fault found: a day missing or not real, the last before the first, more than 366 days, a
/// `fixmedins_code` or `payer_code` badly formed.
pub fn clearing(request: &v1::ClearingRequest) -> Result<Days, InvalidMessage> {
    let mut reader = Reader::default();
    reader.optional_text(Place::Top, "fixmedins_code", &request.fixmedins_code, FIXMEDINS_CODE);
    reader.optional_text(Place::Top, "payer_code", &request.payer_code, PAYER_CODE);
    let days = days(&mut reader, ("begndate", &request.begndate), ("enddate", &request.enddate));
    reader.faults.finish(days)
}

/// The checked totals of a hospital.
///
/// # Errors
/// [`InvalidMessage`] with every fault found: as for [`clearing`], and a sum or count that is missing or no number.
pub fn totals(request: &v1::ReconcileTotalsRequest) -> Result<Totals, InvalidMessage> {
    let mut reader = Reader::default();
    let fixmedins_code = hospital(&mut reader, request.header.as_ref());
    let days = statement_days(&mut reader, &request.stmt_begndate, &request.stmt_enddate);
    let v1::ReconcileTotalsRequest { medfee_sumamt, fund_pay_sumamt, acct_pay, .. } = request;
    let sent = [medfee_sumamt, fund_pay_sumamt, acct_pay, &request.cash_payamt, &request.commercial_pay];
    let amounts = amounts(&mut reader, Place::Top, sent);
    let bookings = count(&mut reader, &request.fixmedins_setl_cnt);
    let with_refunds = reader.optional_code(
        Place::Top,
        "refd_setl_flag",
        &request.refd_setl_flag,
        true,
        |value| match value {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        },
        Phrase::fixed("0、1 或空", "0, 1 or empty"),
    );
    let totals = match (fixmedins_code, days, amounts, bookings, with_refunds) {
        (Some(fixmedins_code), Some(days), Some(amounts), Some(bookings), Some(with_refunds)) => {
            Some(Totals { fixmedins_code, days, amounts, bookings, with_refunds })
        }
        _ => None,
    };
    reader.faults.finish(totals)
}

/// The checked rows of a hospital; a stream that was put together into one message.
///
/// # Errors
/// [`InvalidMessage`] with every fault found: as for [`clearing`]; a row that names neither `setl_id` nor `msgid`, or a
/// correction without its settlement, lacks its person or a sum, or has a field badly formed.
pub fn statement(request: v1::ReconcileDetailsRequest) -> Result<Statement, InvalidMessage> {
    let mut reader = Reader::default();
    let fixmedins_code = hospital(&mut reader, request.header.as_ref());
    let days = statement_days(&mut reader, &request.stmt_begndate, &request.stmt_enddate);
    let mut rows = Vec::with_capacity(request.rows.len());
    for (index, row) in request.rows.into_iter().enumerate() {
        if let Some(amounts) = statement_row(&mut reader, Place::Row("rows", index), &row) {
            rows.push((row, amounts));
        }
    }
    let statement = match (fixmedins_code, days) {
        (Some(fixmedins_code), Some(days)) => Some(Statement { fixmedins_code, days, rows }),
        _ => None,
    };
    reader.faults.finish(statement)
}

/// As packs write it.
const PAYER_CODE: TextForm = TextForm::up_to(Charset::Visible, 50);

fn hospital(reader: &mut Reader, header: Option<&v1::Header>) -> Option<Arc<str>> {
    let header = reader.node("header", header)?;
    let place = Place::Node("header");
    reader.optional_text(place, "msgid", &header.msgid, MSGID);
    reader.text(place, "fixmedins_code", &header.fixmedins_code, FIXMEDINS_CODE)
}

fn statement_days(reader: &mut Reader, begndate: &str, enddate: &str) -> Option<Days> {
    days(reader, ("stmt_begndate", begndate), ("stmt_enddate", enddate))
}

fn days(reader: &mut Reader, begins: (&str, &str), ends: (&str, &str)) -> Option<Days> {
    let from = reader.date(Place::Top, begins.0, begins.1, Era::Visit);
    let to = reader.date(Place::Top, ends.0, ends.1, Era::Visit);
    let (from, to) = (from?, to?);
    if to < from {
        let allowed = Phrase::made(format!("{} 当日或之后", begins.0), format!("{} or later", begins.0));
        reader.fault(Place::Top, ends.0, InvalidCode::DateOrder, ends.1, allowed);
        return None;
    }
    if (to - from).get_days() >= DAYS_MAX {
        let allowed = Phrase::made(
            format!("自 {} 起至多 {DAYS_MAX} 天", begins.0),
            format!("up to {DAYS_MAX} days from {} on", begins.0),
        );
        reader.fault(Place::Top, ends.0, InvalidCode::PeriodTooLong, ends.1, allowed);
        return None;
    }
    Some(Days { from, to })
}

/// The first three must be there.
fn amounts(reader: &mut Reader, place: Place<'_>, sent: [&String; AMOUNTS.len()]) -> Option<Amounts> {
    let mut amounts = Amounts::default();
    let mut is_whole = true;
    for (index, (field, value)) in AMOUNTS.into_iter().zip(sent).enumerate() {
        if index < 3 || !value.is_empty() {
            amounts[index] = reader.money(place, field, value);
            is_whole &= amounts[index].is_some();
        }
    }
    is_whole.then_some(amounts)
}

/// Ten digits at most.
fn count(reader: &mut Reader, value: &str) -> Option<u64> {
    let read = |text: &str| {
        let is_plain = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| text.parse().ok()).flatten()
    };
    let allowed = Phrase::fixed("至多 10 位的整数", "a whole number of up to 10 digits");
    reader.code(Place::Top, "fixmedins_setl_cnt", value, read, allowed)
}

fn statement_row(reader: &mut Reader, place: Place<'_>, row: &v1::StatementRow) -> Option<Amounts> {
    let before = reader.faults.count();
    reader.optional_text(place, "setl_id", &row.setl_id, ID);
    reader.optional_text(place, "msgid", &row.msgid, MSGID);
    reader.optional_text(place, "correction_id", &row.correction_id, ID);
    if row.setl_id.is_empty() && (row.msgid.is_empty() || !row.correction_id.is_empty()) {
        let allowed = match row.correction_id.is_empty() {
            true => Phrase::fixed("setl_id 或 msgid", "setl_id or msgid"),
            false => Phrase::fixed("被更正结算的 setl_id", "setl_id of the settlement that was corrected"),
        };
        reader.missing(place, "setl_id", allowed);
    }
    reader.optional_text(place, "mdtrt_id", &row.mdtrt_id, ID);
    reader.text(place, "psn_no", &row.psn_no, ID);
    let sent =
        [&row.medfee_sumamt, &row.fund_pay_sumamt, &row.acct_pay, &row.cash_payamt, &row.commercial_pay];
    let amounts = amounts(reader, place, sent);
    reader.optional_flag(place, "refd_setl_flag", &row.refd_setl_flag);
    amounts.filter(|_| reader.faults.count() == before)
}
