//! The call that settles a settled bill again.

use std::sync::Arc;

use bedside_claim::{Date, DateTime};

use super::fields::{Charset, Era, ID, Place, Reader, TextForm};
use super::{Envelope, settle_stay};
use crate::invalid::{Invalid, InvalidCode, InvalidMessage, Phrase, ShownValue};
use crate::v1;

const REASON: TextForm = TextForm::up_to(Charset::Text, 200);

/// Whether a call books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effective {
    /// It books.
    Booked,
    /// It tells what it would come to.
    DryRun,
}

/// A checked request to correct a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// This call.
    pub envelope: Envelope,
    /// `psn_no`.
    pub psn_no: Arc<str>,
    /// `setl_id`: the settlement to correct.
    pub setl_id: Arc<str>,
    /// `dry_run`.
    pub effective: Effective,
}

/// The checked request. A bill in it is checked as [`settle_stay`] does, and to be of the same person and hospital.
///
/// # Errors
/// [`InvalidMessage`] with every fault found: missing or badly formed `msgid`, `fixmedins_code`, `psn_no`, `setl_id` or
/// `reason`; both or neither of `bill` and `reapply_packs`; faults of the bill, their fields beginning with `bill.`.
pub fn correct(request: &v1::CorrectSettlementRequest) -> Result<Correction, InvalidMessage> {
    let mut reader = Reader::default();
    let envelope = super::envelope(&mut reader, request.header.as_ref());
    let psn_no = reader.text(Place::Top, "psn_no", &request.psn_no, ID);
    let setl_id = reader.text(Place::Top, "setl_id", &request.setl_id, ID);
    reader.text(Place::Top, "reason", &request.reason, REASON);
    let effective = match reader.optional_flag(Place::Top, "dry_run", &request.dry_run) {
        Some(true) => Some(Effective::DryRun),
        Some(false) => Some(Effective::Booked),
        None => None,
    };
    let reapplies = reader.optional_flag(Place::Top, "reapply_packs", &request.reapply_packs);
    match (&request.bill, reapplies) {
        (None, Some(false)) => {
            let allowed = Phrase::fixed(
                "更正后的整份报文，或 reapply_packs 为 1",
                "the whole corrected bill, or reapply_packs 1",
            );
            reader.missing(Place::Top, "bill", allowed);
        }
        (Some(_), Some(true)) => {
            let allowed = Phrase::fixed("附有 bill 时为空或 0", "empty or 0 beside a bill");
            reader.fault(Place::Top, "reapply_packs", InvalidCode::Differs, "1", allowed);
        }
        (Some(bill), _) => {
            own_bill(&mut reader, bill, request);
            // Perhaps a part of a stay; whether the settlement is one is known where it is decided.
            if let Err(invalid) = settle_stay(bill) {
                for fault in invalid.inside("bill").faults() {
                    reader.faults.push(fault.clone());
                }
            }
        }
        (None, _) => {}
    }
    reader.faults.finish(correction(envelope, psn_no, setl_id, effective))
}

/// The same hospital and person; message and visit are compared where the settlement is known.
fn own_bill(reader: &mut Reader, bill: &v1::SettleBillRequest, request: &v1::CorrectSettlementRequest) {
    let header = |header: Option<&v1::Header>| header.map(|it| it.fixmedins_code.clone()).unwrap_or_default();
    let (sent, own) = (header(bill.header.as_ref()), header(request.header.as_ref()));
    if !sent.is_empty() && sent != own {
        let allowed = Phrase::fixed("与 header.fixmedins_code 相同", "as header.fixmedins_code");
        reader.fault(Place::Node("bill.header"), "fixmedins_code", InvalidCode::Differs, &sent, allowed);
    }
    let sent = bill.baseinfo.as_ref().map(|it| it.psn_no.as_str()).unwrap_or_default();
    if !sent.is_empty() && sent != request.psn_no {
        let allowed = Phrase::fixed("与 psn_no 相同", "as psn_no");
        reader.fault(Place::Node("bill.baseinfo"), "psn_no", InvalidCode::Differs, sent, allowed);
    }
}

fn correction(
    envelope: Option<Envelope>,
    psn_no: Option<Arc<str>>,
    setl_id: Option<Arc<str>>,
    effective: Option<Effective>,
) -> Option<Correction> {
    Some(Correction { envelope: envelope?, psn_no: psn_no?, setl_id: setl_id?, effective: effective? })
}

/// When a booked bill's service ended, and the day of its settlement. Nothing else of it is looked at: a bill of an earlier
/// release that today's checks would refuse still has its place in the order.
///
/// # Errors
/// [`InvalidMessage`]: one of the two is not there or no date.
pub fn service(bill: &v1::SettleBillRequest) -> Result<(DateTime, Date), InvalidMessage> {
    let mut reader = Reader::default();
    let ended = bill.dscginfo.as_ref().map(|it| it.endtime.as_str()).unwrap_or_default();
    let ended = reader.time(Place::Node("dscginfo"), "endtime", ended, Era::Visit);
    let settled = bill.data.as_ref().map(|it| it.setl_date.as_str()).unwrap_or_default();
    let settled = reader.optional_date(Place::Node("data"), "setl_date", settled, Era::Visit);
    let service = match (ended, settled) {
        (Some(ended), Some(settled)) => Some((ended, settled.unwrap_or_else(|| ended.date()))),
        _ => None,
    };
    reader.faults.finish(service)
}

/// A corrected bill is not of the settlement that it corrects.
pub(crate) fn not_of_the_settlement(field: &str, value: &str) -> InvalidMessage {
    let field = format!("bill.{field}");
    let value = ShownValue::of(&field, value);
    let allowed = Phrase::fixed("与原结算相同", "as the settlement was booked");
    Invalid { code: InvalidCode::Differs, field, line: None, value, allowed }.into()
}
