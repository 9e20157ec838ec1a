//! 冲正 (2601) of a call of a stay: it is taken back where nothing later stands on it, or barred where it never arrived.

use std::sync::Arc;

use bedside_ledger::{Assigned, Committed, MessageKind, ReverseError, ReverseEvent, StayKind, StayUndone};
use prost::Message;
use tokio::sync::oneshot;

use crate::deadline::Deadline;
use crate::desk::reversal::UNDONE;
use crate::desk::{Desk, TOMBSTONE, decode, now_ms};
use crate::errors::Refusal;
use crate::request::Reversal;
use crate::v1;

impl Desk {
    pub(in crate::desk) async fn reverse_stay(
        &self,
        reversal: Reversal,
        kind: StayKind,
        sent: Vec<u8>,
        deadline: Deadline,
    ) -> Result<v1::ReverseResponse, Refusal> {
        let (message, booking) = (self.message_key(&reversal.envelope), reversal.booking());
        let event = ReverseEvent {
            message: message.clone(),
            person: self.person_key(&reversal.psn_no),
            omsgid: Arc::clone(&reversal.omsgid),
            okind: MessageKind::Stay(kind),
            booked_at_ms: now_ms(),
            request: sent.clone(),
        };
        let decide = move |undone: StayUndone, _: &Assigned| {
            if deadline.has_passed() {
                return Err(Refusal::DeadlineBeforeCommit);
            }
            let outcome = match undone {
                StayUndone::TakenBack => UNDONE,
                StayUndone::Barred => TOMBSTONE,
            };
            let answer = v1::ReverseResponse {
                outcome: outcome.to_owned(),
                booking: Some(booking.clone()),
                ..Default::default()
            };
            Ok(answer.encode_to_vec())
        };
        let (reply, answer) = oneshot::channel();
        let send = move |result: Result<Committed, ReverseError<Refusal>>| drop(reply.send(result));
        self.ledger.submit_reverse_stay(event, decide, send).map_err(|_| Refusal::Busy)?;
        let committed = self.wait(answer, deadline).await?;
        let committed = committed.map_err(|error| self.reverse_refusal(error, &sent))?;
        let answer: v1::ReverseResponse = decode(&committed.receipt().answer)?;
        let receipt = self.receipt_for(&answer, message).await;
        Ok(v1::ReverseResponse { receipt, ..answer })
    }
}
