//! 结算撤销 (2305): the negated mirror of a settlement is booked.
//!
//! Invariant: a settlement of another visit or hospital is not found.

use std::sync::Arc;

use bedside_ledger::{Assigned, BookedSettlement, CancelError, CancelEvent, MessageKind};
use prost::Message;
use tokio::sync::oneshot;

use super::{Desk, decode, now_ms, sendable, stored_answer};
use crate::answer::{self, Booking};
use crate::canonical::{self, Difference};
use crate::deadline::Deadline;
use crate::errors::Refusal;
use crate::request::{self, Cancellation};
use crate::v1;

impl Desk {
    /// Books the mirror of a settlement, or returns what was booked under the `msgid`.
    pub(crate) async fn cancel(
        &self,
        request: v1::CancelSettlementRequest,
        deadline: Deadline,
    ) -> Result<v1::CancelSettlementResponse, Refusal> {
        let cancellation = request::cancel(&request).map_err(Refusal::Invalid)?;
        let answer_bytes_max = self.answer_bytes_max;
        let sent = canonical::cancel_bytes(request);
        let message = self.message_key(&cancellation.envelope);
        let event = CancelEvent {
            message: message.clone(),
            person: self.person_key(&cancellation.psn_no),
            setl_id: Arc::clone(&cancellation.setl_id),
            booked_at_ms: now_ms(),
            request: sent.clone(),
        };
        let decide = move |original: &BookedSettlement, assigned: &Assigned| {
            if deadline.has_passed() {
                return Err(Refusal::DeadlineBeforeCommit);
            }
            mirror(&cancellation, original, assigned, answer_bytes_max)
        };
        let (reply, answer) = oneshot::channel();
        let send = move |result| drop(reply.send(result));
        self.ledger.submit_cancel(event, decide, send).map_err(|_| Refusal::Busy)?;
        let committed = self.wait(answer, deadline).await?;
        let settlement =
            committed.map_err(|error| self.cancel_refusal(error, &sent)).and_then(stored_answer)?;
        let receipt = self.receipt_for(&settlement, message).await;
        Ok(v1::CancelSettlementResponse { settlement: Some(settlement), receipt })
    }

    fn cancel_refusal(&self, error: CancelError<Refusal>, sent: &[u8]) -> Refusal {
        match error {
            CancelError::NotBooked(error) => {
                let difference = |stored: &[u8]| Difference::of_cancel(stored, sent);
                self.not_booked(error, "a cancellation", MessageKind::Cancel, difference)
            }
            CancelError::NotFound => Refusal::NotFound,
            CancelError::AlreadyCancelled { by } => Refusal::AlreadyCancelled { setl_id: by.to_string() },
            CancelError::Blocked { by } => Refusal::Blocked { setl_id: by.to_string() },
            CancelError::DiskFull => Refusal::DiskNearlyFull,
        }
    }
}

/// The mirror of a settlement; one of another visit or hospital is not found.
fn mirror(
    cancellation: &Cancellation,
    original: &BookedSettlement,
    assigned: &Assigned,
    answer_bytes_max: usize,
) -> Result<Vec<u8>, Refusal> {
    let own = original.mdtrt_id == cancellation.mdtrt_id
        && original.message.fixmedins_code == cancellation.envelope.fixmedins_code;
    if !own {
        return Err(Refusal::NotFound);
    }
    let settlement = decode(&original.answer)?;
    let identities = match &cancellation.national {
        Some(national) => national.negates(&settlement).map_err(Refusal::Invalid)?,
        None => Vec::new(),
    };
    let booking = Booking { setl_id: &assigned.setl_id, booked_at_ms: assigned.booked_at_ms };
    let mut mirror = answer::mirror(&settlement, &cancellation.envelope.msgid, booking).map_err(|error| {
        tracing::error!(%error, setl_id = %original.setl_id, "a stored answer has no mirror");
        Refusal::Fault
    })?;
    mirror.identities_checked = identities.iter().map(ToString::to_string).collect();
    let mirror = mirror.encode_to_vec();
    sendable(mirror.len(), answer_bytes_max)?;
    Ok(mirror)
}
