//! The call that takes an earlier one back (2601).

use std::sync::Arc;

use bedside_ledger::StayKind;

use super::fields::{ID, Place, Reader};
use super::{Envelope, MSGID};
use crate::invalid::{InvalidCode, InvalidMessage, Phrase};
use crate::v1;

/// Transactions that can be reversed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reversible {
    /// 2304, `SettleBill`.
    Settle,
    /// 2305, `CancelSettlement`.
    Cancel,
    /// 2303, `PreSettle` with a hold.
    Hold,
    /// A call of a stay.
    Stay(StayKind),
}

/// A checked request to reverse an earlier call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// This call.
    pub envelope: Envelope,
    /// `psn_no`.
    pub psn_no: Arc<str>,
    /// `omsgid`: the earlier call, of the same hospital.
    pub omsgid: Arc<str>,
    /// `oinfno`: what the earlier call asked for.
    pub oinfno: Reversible,
}

/// The checked request.
///
/// # Errors
/// [`InvalidMessage`] with every fault found: missing or badly formed `msgid`, `fixmedins_code`, `psn_no`, `omsgid` or
/// `oinfno`; an `omsgid` that is the call's own; a transaction that cannot be reversed.
pub fn reverse(request: &v1::ReverseRequest) -> Result<Reversal, InvalidMessage> {
    let mut reader = Reader::default();
    let envelope = super::envelope(&mut reader, request.header.as_ref());
    let psn_no = reader.text(Place::Top, "psn_no", &request.psn_no, ID);
    let omsgid = reader.text(Place::Top, "omsgid", &request.omsgid, MSGID);
    if let (Some(envelope), Some(omsgid)) = (&envelope, &omsgid)
        && envelope.msgid == *omsgid
    {
        let allowed =
            Phrase::fixed("先前报文的 msgid，不是本报文的", "the msgid of an earlier call, not of this one");
        reader.fault(Place::Top, "omsgid", InvalidCode::NotSupported, omsgid, allowed);
    }
    let allowed = Phrase::fixed("2301 至 2305、2401 至 2405", "2301 to 2305 or 2401 to 2405");
    let table = |infno: &str| match infno {
        "2304" => Some(Reversible::Settle),
        "2303" => Some(Reversible::Hold),
        "2305" => Some(Reversible::Cancel),
        infno => StayKind::ALL.into_iter().find(|kind| stay_infno(*kind) == infno).map(Reversible::Stay),
    };
    let oinfno = reader.code(Place::Top, "oinfno", &request.oinfno, table, allowed);
    reader.faults.finish(reversal(envelope, psn_no, omsgid, oinfno))
}

impl Reversal {
    /// What the answer says that it names.
    pub(crate) fn booking(&self) -> v1::ReversalBooking {
        let oinfno = match self.oinfno {
            Reversible::Settle => "2304",
            Reversible::Cancel => "2305",
            Reversible::Hold => "2303",
            Reversible::Stay(kind) => stay_infno(kind),
        };
        v1::ReversalBooking {
            fixmedins_code: self.envelope.fixmedins_code.to_string(),
            msgid: self.envelope.msgid.to_string(),
            omsgid: self.omsgid.to_string(),
            oinfno: oinfno.to_owned(),
        }
    }
}

/// The national transaction of a call of a stay; empty for what is no call.
pub(crate) fn stay_infno(kind: StayKind) -> &'static str {
    match kind {
        StayKind::Admit => "2401",
        StayKind::Update => "2403",
        StayKind::CancelAdmission => "2404",
        StayKind::FeesIn => "2301",
        StayKind::FeesOut => "2302",
        StayKind::Discharge => "2402",
        StayKind::CancelDischarge => "2405",
        StayKind::TakeBackUpdate => "",
    }
}

fn reversal(
    envelope: Option<Envelope>,
    psn_no: Option<Arc<str>>,
    omsgid: Option<Arc<str>>,
    oinfno: Option<Reversible>,
) -> Option<Reversal> {
    Some(Reversal { envelope: envelope?, psn_no: psn_no?, omsgid: omsgid?, oinfno: oinfno? })
}
