//! The calls of a stay: who, which stay, and whether what they say could ever be part of a bill.
//!
//! What a call says alone is checked here; what it says together with the rest of the stay is checked on the bill that is
//! put together from it (`desk/stays/draft.rs`), by the same reading as a bill that comes whole.

use std::sync::Arc;

use bedside_claim::{Claim, bill::LINES_MAX};

use super::fields::{ID, Place, Reader};
use super::{Envelope, envelope_at, lines, person, visit};
use crate::invalid::{InvalidCode, InvalidMessage, Phrase};
use crate::v1;

/// A checked reference to a stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StayCall {
    /// The call.
    pub envelope: Envelope,
    /// `psn_no`.
    pub psn_no: Arc<str>,
    /// `mdtrt_id`; nothing on an admission that leaves it to the engine.
    pub mdtrt_id: Option<Arc<str>>,
}

/// The far end of a stay whose end is not known: no date that a hospital sends lies behind it.
pub(crate) const OPEN_END: &str = "2099-12-31 23:59:59";

/// The checked admission, read as the beginning of a bill.
///
/// # Errors
/// [`InvalidMessage`] with every fault found; a `med_type` that is no stay.
pub fn admit(request: &v1::AdmitRequest) -> Result<StayCall, InvalidMessage> {
    let mut info = request.mdtrtinfo.clone();
    if let Some(info) = info.as_mut().filter(|info| info.mdtrt_id.is_empty()) {
        // It will have one.
        "M".clone_into(&mut info.mdtrt_id);
    }
    let bill = v1::SettleBillRequest {
        header: request.header.clone(),
        baseinfo: request.baseinfo.clone(),
        insuinfo: request.insuinfo.clone(),
        idetinfo: request.idetinfo.clone(),
        policyinfo: request.policyinfo.clone(),
        mdtrtinfo: info,
        diseinfo: request.diseinfo.clone(),
        preexinfo: request.preexinfo.clone(),
        dscginfo: Some(v1::DscgInfo { endtime: OPEN_END.to_owned(), ..v1::DscgInfo::default() }),
        data: Some(v1::SettleData::default()),
        ..v1::SettleBillRequest::default()
    };
    let mut reader = Reader::default();
    let envelope = envelope_at(&mut reader, "header", bill.header.as_ref());
    let visit = read_visit(&mut reader, &bill);
    let person = person::read(&mut reader, &bill, visit.as_ref());
    let given = request.mdtrtinfo.as_ref().map_or("", |info| &info.mdtrt_id);
    let mdtrt_id = Some(given).filter(|given| !given.is_empty()).map(Arc::from);
    let call = match (envelope, visit, person) {
        (Some(envelope), Some(_), Some(person)) => {
            Some(StayCall { envelope, psn_no: person.psn_no, mdtrt_id })
        }
        _ => None,
    };
    reader.faults.finish(call)
}

/// The checked reference of every other call of a stay.
///
/// # Errors
/// [`InvalidMessage`]: missing or badly formed `msgid`, `fixmedins_code`, `mdtrt_id` or `psn_no`.
pub fn stay(stay: Option<&v1::StayReference>) -> Result<StayCall, InvalidMessage> {
    let mut reader = Reader::default();
    let call = reference(&mut reader, stay);
    reader.faults.finish(call)
}

/// The checked upload: the reference, and the form of each line.
///
/// # Errors
/// [`InvalidMessage`] with every fault found.
pub fn upload(
    reference_of: Option<&v1::StayReference>,
    rows: &[v1::FeeDetail],
) -> Result<StayCall, InvalidMessage> {
    let mut reader = Reader::default();
    let call = reference(&mut reader, reference_of);
    let lines = lines::read(&mut reader, rows, None);
    let is_whole = lines.is_some_and(|lines| lines.are_whole());
    reader.faults.finish(call.filter(|_| is_whole))
}

/// Which lines a withdrawal names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withdrawn {
    /// `0000`: every one that is not settled.
    All,
    /// These.
    These(Vec<Arc<str>>),
}

/// The checked withdrawal.
///
/// # Errors
/// [`InvalidMessage`] with every fault found: no number, a number twice, `0000` beside others.
pub fn withdraw(request: &v1::CancelFeesRequest) -> Result<(StayCall, Withdrawn), InvalidMessage> {
    let mut reader = Reader::default();
    let call = reference(&mut reader, request.stay.as_ref());
    let numbers = &request.feedetl_sn;
    if numbers.is_empty() || numbers.len() > LINES_MAX {
        let allowed =
            Phrase::fixed("至少一个 feedetl_sn，全部为 0000", "at least one feedetl_sn, 0000 for all");
        let code = if numbers.is_empty() { InvalidCode::Empty } else { InvalidCode::TooManyRows };
        reader.list_fault("feedetl_sn", numbers.len(), code, allowed);
    }
    let is_all = matches!(&numbers[..], [all] if all == ALL_LINES);
    let mut seen = std::collections::BTreeMap::new();
    let mut read = Vec::with_capacity(numbers.len());
    for (index, number) in numbers.iter().enumerate() {
        let place = Place::Row("feedetl_sn", index);
        if let Some(first) = seen.insert(number, index) {
            let allowed = Phrase::made(
                format!("与 feedetl_sn[{first}] 不同的流水号"),
                format!("another number than feedetl_sn[{first}]"),
            );
            reader.fault(place, "", InvalidCode::DuplicateLine, number, allowed);
        } else if number == ALL_LINES && !is_all {
            let allowed = Phrase::fixed("0000 单独出现", "0000 alone");
            reader.fault(place, "", InvalidCode::DuplicateLine, number, allowed);
        } else if let Some(number) = reader.text(place, "", number, ID) {
            read.push(number);
        }
    }
    let withdrawn = if is_all { Withdrawn::All } else { Withdrawn::These(read) };
    let call = call.map(|call| (call, withdrawn));
    reader.faults.finish(call)
}

/// "Every line", in a withdrawal.
const ALL_LINES: &str = "0000";

/// What of a stay is known so far, as a claim: everything but the total, and perhaps without lines.
///
/// # Errors
/// [`InvalidMessage`] with every fault found.
pub(crate) fn so_far(bill: &v1::SettleBillRequest) -> Result<Claim, InvalidMessage> {
    let mut reader = Reader::default();
    let visit = read_visit(&mut reader, bill);
    let person = person::read(&mut reader, bill, visit.as_ref());
    let part = if bill.feedetail.is_empty() {
        Some(bedside_claim::Bill::none())
    } else {
        let read = lines::read(&mut reader, &bill.feedetail, visit.as_ref());
        lines::part(&mut reader, bill, read)
    };
    let claim = match (visit, person, part) {
        (Some(visit), Some(person), Some(bill)) => Some(Claim {
            person,
            visit,
            bill,
            events: Vec::new(),
            account: bedside_claim::AccountUse::Keep,
            adopted: None,
        }),
        _ => None,
    };
    reader.faults.finish(claim)
}

/// The visit, which must be a stay.
fn read_visit(reader: &mut Reader, bill: &v1::SettleBillRequest) -> Option<bedside_claim::Visit> {
    let visit = visit::read(reader, bill)?;
    if visit.setting != bedside_claim::Setting::Inpatient {
        let allowed = Phrase::fixed("住院类 med_type", "a med_type of a stay");
        let place = Place::Node("mdtrtinfo");
        reader.fault(place, "med_type", InvalidCode::NotSupported, &visit.med_type, allowed);
        return None;
    }
    Some(visit)
}

fn reference(reader: &mut Reader, stay: Option<&v1::StayReference>) -> Option<StayCall> {
    let stay = reader.node("stay", stay)?;
    let envelope = envelope_at(reader, "stay.header", stay.header.as_ref());
    let mdtrt_id = reader.text(Place::Node("stay"), "mdtrt_id", &stay.mdtrt_id, ID);
    let psn_no = reader.text(Place::Node("stay"), "psn_no", &stay.psn_no, ID);
    Some(StayCall { envelope: envelope?, psn_no: psn_no?, mdtrt_id: Some(mdtrt_id?) })
}
