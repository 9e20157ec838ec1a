//! 冲正 (2601): an earlier call is undone, or barred where it never arrived.
//!
//! The whole answer is what the ledger stores, so that the same reversal gets the same bytes for ever. Invariant: every
//! refusal leaves the earlier call as it was.

use std::sync::Arc;

use bedside_ledger::{Assigned, BookedSettlement, MessageKind, MessageRecord, ReverseError, ReverseEvent};
use prost::Message;
use tokio::sync::oneshot;

use super::holds::RELEASED;
use super::{Desk, REVERSED, TOMBSTONE, decode, defect, now_ms, sendable};
use crate::answer::{self, Booking};
use crate::canonical::{self, Difference};
use crate::deadline::Deadline;
use crate::errors::Refusal;
use crate::request::{self, Envelope, Reversible};
use crate::v1;

pub(super) const UNDONE: &str = "undone";

impl Desk {
    /// Undoes an earlier call or bars it, or returns what was answered under the `msgid`.
    pub(crate) async fn reverse(
        &self,
        request: v1::ReverseRequest,
        deadline: Deadline,
    ) -> Result<v1::ReverseResponse, Refusal> {
        let reversal = request::reverse(&request).map_err(Refusal::Invalid)?;
        let answer_bytes_max = self.answer_bytes_max;
        let sent = canonical::reverse_bytes(request);
        let message = self.message_key(&reversal.envelope);
        let okind = match reversal.oinfno {
            Reversible::Settle => MessageKind::Settle,
            Reversible::Cancel => MessageKind::Cancel,
            Reversible::Hold => MessageKind::Hold,
            Reversible::Stay(kind) => return self.reverse_stay(reversal, kind, sent, deadline).await,
        };
        let event = ReverseEvent {
            message: message.clone(),
            person: self.person_key(&reversal.psn_no),
            omsgid: Arc::clone(&reversal.omsgid),
            okind,
            booked_at_ms: now_ms(),
            request: sent.clone(),
        };
        let decide = move |original: Option<&BookedSettlement>, assigned: &Assigned| {
            if deadline.has_passed() {
                return Err(Refusal::DeadlineBeforeCommit);
            }
            let outcome = if original.is_some() { UNDONE } else { TOMBSTONE };
            // A hold booked nothing that has a mirror.
            let mirrored = original.filter(|_| reversal.oinfno != Reversible::Hold);
            let mirror = mirrored.map(|original| undone(&reversal.envelope, original, assigned));
            let answer = v1::ReverseResponse {
                outcome: outcome.to_owned(),
                settlement: mirror.transpose()?,
                receipt: None,
                booking: Some(reversal.booking()),
            };
            let answer = answer.encode_to_vec();
            sendable(answer.len(), answer_bytes_max)?;
            Ok(answer)
        };
        let (reply, answer) = oneshot::channel();
        let send = move |result| drop(reply.send(result));
        self.ledger.submit_reverse(event, decide, send).map_err(|_| Refusal::Busy)?;
        let committed = self.wait(answer, deadline).await?;
        let committed = committed.map_err(|error| self.reverse_refusal(error, &sent))?;
        let answer: v1::ReverseResponse = decode(&committed.receipt().answer)?;
        let receipt = self.receipt_for(&answer, message).await;
        Ok(v1::ReverseResponse { receipt, ..answer })
    }

    pub(super) fn reverse_refusal(&self, error: ReverseError<Refusal>, sent: &[u8]) -> Refusal {
        match error {
            ReverseError::NotBooked(error) => {
                let difference = |stored: &[u8]| Difference::of_reverse(stored, sent);
                self.not_booked(error, "a reversal", MessageKind::Reverse, difference)
            }
            ReverseError::OtherPerson => Refusal::OtherPerson,
            ReverseError::OtherKind { stored_kind } => {
                Refusal::OtherTransaction { infno: infno_of(stored_kind) }
            }
            ReverseError::CancellationStands { setl_id } => {
                Refusal::CancellationStands { setl_id: setl_id.to_string() }
            }
            ReverseError::StayCancellationStands => Refusal::StayCancellationStands,
            ReverseError::Stay(refusal) => Refusal::Stay(refusal),
            ReverseError::AlreadyCancelled { by } => Refusal::AlreadyCancelled { setl_id: by.to_string() },
            ReverseError::HoldEnded(ended) => Refusal::HoldEnded(ended),
            ReverseError::Blocked { by } => Refusal::Blocked { setl_id: by.to_string() },
            ReverseError::DiskFull => Refusal::DiskNearlyFull,
            // Refused by `request::reverse`.
            ReverseError::Itself => defect(&error, "a reversal"),
        }
    }
}

/// The transaction of a call that arrived.
fn infno_of(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Settle => "2304",
        MessageKind::Cancel => "2305",
        MessageKind::Stay(kind) => request::stay_infno(kind),
        MessageKind::Hold => "2303",
        // A tombstone is no call that arrived, and the ledger tells it before the kind; rows of registers are no hospital's.
        MessageKind::Reverse | MessageKind::Tombstone | MessageKind::Register => "2601",
        MessageKind::Correct => super::correction::CALL,
    }
}

fn undone(
    envelope: &Envelope,
    original: &BookedSettlement,
    assigned: &Assigned,
) -> Result<v1::Settlement, Refusal> {
    let settlement = decode(&original.answer)?;
    let booking = Booking { setl_id: &assigned.setl_id, booked_at_ms: assigned.booked_at_ms };
    answer::mirror(&settlement, &envelope.msgid, booking).map_err(|error| {
        tracing::error!(%error, setl_id = %original.setl_id, "a stored answer has no mirror");
        Refusal::Fault
    })
}

/// What a query tells of a reversal.
pub(super) fn told(
    message: &MessageRecord,
    receipt: Option<v1::Receipt>,
) -> Result<v1::QueryByMsgidResponse, Refusal> {
    let answer: v1::ReverseResponse = decode(&message.receipt.answer)?;
    let reversal: v1::ReverseRequest = decode(&message.request)?;
    let state = match (answer.outcome.as_str(), reversal.oinfno.as_str()) {
        (UNDONE, "2303") => RELEASED,
        (UNDONE, _) => REVERSED,
        _ => TOMBSTONE,
    };
    Ok(v1::QueryByMsgidResponse {
        outcome: super::BOOKED.to_owned(),
        infno: "2601".to_owned(),
        settlement: answer.settlement,
        state: state.to_owned(),
        receipt,
        mdtrt_id: message.mdtrt_id.to_string(),
        // Beside the settlement, not as bytes that hold it a second time: two together are more than a message takes.
        reversal: answer.booking,
        ..Default::default()
    })
}

/// What a query tells of a message that was reversed before it came; the receipt is the reversal's.
pub(super) fn told_of_tombstone(
    message: &MessageRecord,
    receipt: Option<v1::Receipt>,
) -> Result<v1::QueryByMsgidResponse, Refusal> {
    // Empty where it was erased: which transaction it named is gone then.
    let reversal: v1::ReverseRequest = decode(&message.request)?;
    let answer: v1::ReverseResponse = decode(&message.receipt.answer)?;
    Ok(v1::QueryByMsgidResponse {
        outcome: REVERSED.to_owned(),
        infno: reversal.oinfno,
        state: TOMBSTONE.to_owned(),
        receipt,
        reversal: answer.booking,
        ..Default::default()
    })
}

/// What a query tells of a message whose content was erased: that it was booked, and no more.
pub(super) fn told_of_erased(message: &MessageRecord) -> v1::QueryByMsgidResponse {
    v1::QueryByMsgidResponse {
        outcome: super::BOOKED.to_owned(),
        infno: infno_of(message.kind).to_owned(),
        state: "erased".to_owned(),
        ..Default::default()
    }
}

/// What the sender of a message is told that was reversed before it came.
pub(super) fn refused(message: &MessageRecord) -> Refusal {
    Refusal::Reversed { msgid: message.booked_by.to_string() }
}
