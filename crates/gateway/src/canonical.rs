//! Whether two messages are the same message: the bytes that are compared, and the first field that differs.
//!
//! The canonical bytes are the protobuf encoding of the decoded message, without what may change when a hospital sends
//! the same content again a second later (`header.inf_time`) or at another counter (`header.opter`,
//! `header.opter_name`), and without what is never stored (`baseinfo.psn_name`, `baseinfo.certno`). A national answer that
//! came verbatim stands in fields, so that it is the same however it is sent, and nothing else of it is kept. Fields the
//! engine does not know are dropped when the message is decoded, so they make no difference either. Invariant: what differs
//! in its canonical bytes has a field that differs, and personal values of it are not shown.

mod bills;

use prost::Message;
use serde::Serialize;
use serde_json::Value;

use bedside_claim::Lang;
use bedside_ledger::StayKind;

use crate::invalid::{Phrase, ShownValue};
use crate::request::verbatim;
use crate::v1;

/// The canonical bytes of a request to settle a bill; takes the request, so that a long bill is not copied.
pub fn settle_bytes(request: v1::SettleBillRequest) -> Vec<u8> {
    plain_bill(request).encode_to_vec()
}

fn plain_bill(mut request: v1::SettleBillRequest) -> v1::SettleBillRequest {
    request.header = request.header.map(bare_header);
    verbatim::make_plain(&mut request);
    if let Some(baseinfo) = &mut request.baseinfo {
        baseinfo.psn_name.clear();
        baseinfo.certno.clear();
    }
    request
}

/// The canonical bytes of a request for a quote that binds; takes the request, so that a long bill is not copied.
pub fn hold_bytes(mut request: v1::PreSettleRequest) -> Vec<u8> {
    use v1::pre_settle_request::Subject;
    request.subject = request.subject.map(|subject| match subject {
        Subject::Bill(bill) => Subject::Bill(plain_bill(bill)),
        Subject::Stay(stay) => {
            verbatim::make_plain_answer(request.national.as_mut());
            Subject::Stay(v1::StayReference { header: stay.header.map(bare_header), ..stay })
        }
    });
    request.encode_to_vec()
}

/// The canonical bytes of a request to cancel a settlement.
pub fn cancel_bytes(mut request: v1::CancelSettlementRequest) -> Vec<u8> {
    request.header = request.header.map(bare_header);
    verbatim::make_plain_cancel(&mut request);
    request.encode_to_vec()
}

/// The canonical bytes of a request to reverse an earlier call.
pub fn reverse_bytes(mut request: v1::ReverseRequest) -> Vec<u8> {
    request.header = request.header.map(bare_header);
    request.encode_to_vec()
}

/// The canonical bytes of a request to correct a settlement. Whether it is a dry run is not part of them: that one is not
/// stored.
pub fn correct_bytes(mut request: v1::CorrectSettlementRequest) -> Vec<u8> {
    request.header = request.header.map(bare_header);
    request.bill = request.bill.map(plain_bill);
    request.dry_run.clear();
    request.encode_to_vec()
}

/// A call of a stay, whose header stands in its reference or by itself.
pub(crate) trait StayMessage: Message + Default + Serialize {
    fn header_mut(&mut self) -> Option<&mut v1::Header>;
}

macro_rules! refer_to_a_stay {
    ($($message:ident)+) => {$(
        impl StayMessage for v1::$message {
            fn header_mut(&mut self) -> Option<&mut v1::Header> {
                self.stay.as_mut()?.header.as_mut()
            }
        }
    )+};
}

refer_to_a_stay! {
    UpdateAdmissionRequest CancelAdmissionRequest UploadFeesRequest CancelFeesRequest DischargeRequest
    CancelDischargeRequest SettleRequest
}

impl StayMessage for v1::AdmitRequest {
    fn header_mut(&mut self) -> Option<&mut v1::Header> {
        self.header.as_mut()
    }
}

/// The canonical bytes of a call of a stay.
pub(crate) fn stay_bytes(mut request: impl StayMessage) -> Vec<u8> {
    if let Some(header) = request.header_mut() {
        *header = bare_header(std::mem::take(header));
    }
    request.encode_to_vec()
}

/// The canonical bytes of an admission.
pub(crate) fn admit_bytes(mut request: v1::AdmitRequest) -> Vec<u8> {
    if let Some(baseinfo) = &mut request.baseinfo {
        baseinfo.psn_name.clear();
        baseinfo.certno.clear();
    }
    stay_bytes(request)
}

/// The canonical bytes of a request to settle a stay.
pub(crate) fn settle_stay_bytes(mut request: v1::SettleRequest) -> Vec<u8> {
    verbatim::make_plain_answer(request.national.as_mut());
    stay_bytes(request)
}

/// The bytes of an answer, as the ledger keeps them: its protobuf encoding, fields in the order of their numbers.
pub fn answer_bytes(answer: &v1::Settlement) -> Vec<u8> {
    answer.encode_to_vec()
}

fn bare_header(mut header: v1::Header) -> v1::Header {
    header.inf_time.clear();
    header.opter.clear();
    header.opter_name.clear();
    header
}

/// The first field in which two messages with the same `msgid` differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// The path with the national names: `feedetail[3].cnt`. Empty when the stored bytes are of another call.
    pub field: String,
    /// What the stored message says.
    pub stored: ShownValue,
    /// What this message says.
    pub sent: ShownValue,
}

impl Difference {
    /// The difference between two requests to settle a bill; `None` when they say the same.
    pub fn of_settle(stored: &[u8], sent: &[u8]) -> Option<Difference> {
        Difference::of::<v1::SettleBillRequest>(stored, sent)
    }

    /// The difference between two requests for a quote that binds; `None` when they say the same.
    pub fn of_hold(stored: &[u8], sent: &[u8]) -> Option<Difference> {
        Difference::of::<v1::PreSettleRequest>(stored, sent)
    }

    /// What differs first between two canonical bills, whatever calls they came with; `None` where nothing does.
    pub fn of_bills(quoted: v1::SettleBillRequest, sent: v1::SettleBillRequest) -> Option<Difference> {
        let content = |mut bill: v1::SettleBillRequest| {
            if let Some(header) = &mut bill.header {
                header.msgid.clear();
            }
            bill.hold_id.clear();
            bill
        };
        bills::first(content(quoted), content(sent))
    }

    /// The difference between two requests to cancel; `None` when they say the same.
    pub fn of_cancel(stored: &[u8], sent: &[u8]) -> Option<Difference> {
        Difference::of::<v1::CancelSettlementRequest>(stored, sent)
    }

    /// The difference between two requests to reverse; `None` when they say the same.
    pub fn of_reverse(stored: &[u8], sent: &[u8]) -> Option<Difference> {
        Difference::of::<v1::ReverseRequest>(stored, sent)
    }

    /// The difference between two requests to correct; `None` when they say the same.
    pub fn of_correct(stored: &[u8], sent: &[u8]) -> Option<Difference> {
        Difference::of::<v1::CorrectSettlementRequest>(stored, sent)
    }

    /// The difference between two calls of a stay; `None` when they say the same.
    pub(crate) fn of_stay(kind: StayKind, stored: &[u8], sent: &[u8]) -> Option<Difference> {
        match kind {
            StayKind::Admit => Difference::of::<v1::AdmitRequest>(stored, sent),
            StayKind::Update => Difference::of::<v1::UpdateAdmissionRequest>(stored, sent),
            StayKind::CancelAdmission => Difference::of::<v1::CancelAdmissionRequest>(stored, sent),
            StayKind::FeesIn => Difference::of::<v1::UploadFeesRequest>(stored, sent),
            StayKind::FeesOut => Difference::of::<v1::CancelFeesRequest>(stored, sent),
            StayKind::Discharge => Difference::of::<v1::DischargeRequest>(stored, sent),
            StayKind::CancelDischarge => Difference::of::<v1::CancelDischargeRequest>(stored, sent),
            StayKind::TakeBackUpdate => None,
        }
    }

    /// The difference between two requests to settle a stay; `None` when they say the same.
    pub(crate) fn of_settle_stay(stored: &[u8], sent: &[u8]) -> Option<Difference> {
        Difference::of::<v1::SettleRequest>(stored, sent)
    }

    fn of<M: Message + Default + Serialize>(stored: &[u8], sent: &[u8]) -> Option<Difference> {
        let tree =
            |bytes: &[u8]| M::decode(bytes).ok().and_then(|message| serde_json::to_value(message).ok());
        match (tree(stored), tree(sent)) {
            (Some(stored), Some(sent)) => first(String::new(), Some(&stored), Some(&sent)),
            _ => Some(Difference::default()),
        }
    }

    /// The sentence for the sender.
    pub fn phrase(&self) -> Phrase {
        if self.field.is_empty() {
            return Phrase::fixed("此 msgid 已用于另一交易", "this msgid was used for another call before");
        }
        let Difference { field, stored, sent } = self;
        Phrase::made(
            format!(
                "此 msgid 已用于其他内容：`{field}` 原为 {}，现为 {}",
                stored.text(Lang::Zh),
                sent.text(Lang::Zh)
            ),
            format!(
                "this msgid was used with other content: `{field}` was {}, now is {}",
                stored.text(Lang::En),
                sent.text(Lang::En)
            ),
        )
    }
}

fn first(path: String, stored: Option<&Value>, sent: Option<&Value>) -> Option<Difference> {
    if stored == sent {
        return None;
    }
    match (stored, sent) {
        (Some(Value::Object(_)) | None, Some(Value::Object(_)) | None)
        | (Some(Value::Array(_)) | None, Some(Value::Array(_)) | None) => children(&path, stored, sent),
        (stored, sent) => {
            let shown =
                |value: Option<&Value>| ShownValue::of(&path, value.and_then(Value::as_str).unwrap_or(""));
            Some(Difference { stored: shown(stored), sent: shown(sent), field: path })
        }
    }
}

fn children(path: &str, stored: Option<&Value>, sent: Option<&Value>) -> Option<Difference> {
    let rows = |value: Option<&Value>| value.and_then(Value::as_array).map_or(0, Vec::len);
    let row = (0..rows(stored).max(rows(sent))).find_map(|index| {
        first(
            format!("{path}[{index}]"),
            stored.and_then(|list| list.get(index)),
            sent.and_then(|list| list.get(index)),
        )
    });
    let keys = [stored, sent].into_iter().flatten().filter_map(Value::as_object).flat_map(|node| node.keys());
    row.or_else(|| {
        keys.into_iter().find_map(|key| {
            let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            first(inner, stored.and_then(|node| node.get(key)), sent.and_then(|node| node.get(key)))
        })
    })
}
