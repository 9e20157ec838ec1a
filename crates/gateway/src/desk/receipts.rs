//! The receipt (存证) beside an answer.
//!
//! No answer waits to fail for it: what is booked is answered, and `QueryByMsgid` gives a receipt at any time. It proves the
//! bytes that the ledger stores, which are the answer without its receipt.

use bedside_ledger::MessageKey;
use prost::Message;

use super::{Desk, blocking, sendable};
use crate::v1;

impl Desk {
    /// The receipt beside an answer that goes out now.
    pub(super) async fn receipt_for(
        &self,
        answer: &impl Message,
        message: MessageKey,
    ) -> Option<v1::Receipt> {
        self.notary.as_ref()?;
        let desk = self.clone();
        let answer_bytes = answer.encoded_len();
        blocking(move || desk.receipt(answer_bytes, &message, None)).await.ok()?
    }

    /// The receipt of what a message booked; nothing where an answer of an earlier release leaves no room for it.
    pub(super) fn receipt(
        &self,
        answer_bytes: usize,
        message: &MessageKey,
        known_tree_size: Option<u64>,
    ) -> Option<v1::Receipt> {
        let notary = self.notary.as_ref()?;
        sendable(answer_bytes, self.answer_bytes_max).ok()?;
        notary.receipt(&self.ledger, message, known_tree_size).unwrap_or_else(|error| {
            tracing::error!(%error, "a receipt could not be made");
            None
        })
    }
}
