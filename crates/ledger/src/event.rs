//! What goes into the ledger and what comes out: events, decisions, receipts, and the ways in which it says no.

use std::sync::Arc;

use bedside_claim::{AccumulatorChange, Money};

use crate::record::Record;
use crate::tables::ReadError;

/// The scope within which a message is the same message: tenant, hospital, `msgid`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey {
    /// The insurer or region that the caller belongs to.
    pub tenant: Arc<str>,
    /// `fixmedins_code`.
    pub fixmedins_code: Arc<str>,
    /// `msgid`.
    pub msgid: Arc<str>,
}

/// A person within a tenant; leads every key that belongs to a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonKey {
    /// The insurer or region.
    pub tenant: Arc<str>,
    /// `psn_no`.
    pub psn_no: Arc<str>,
}

/// A discharge to settle and book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettleEvent {
    /// The call.
    pub message: MessageKey,
    /// Who was treated.
    pub person: PersonKey,
    /// `mdtrt_id`: one booked settlement for each visit of a hospital at a time.
    pub mdtrt_id: Arc<str>,
    /// When the shell took it in, milliseconds since 1970-01-01 UTC; the ledger has no clock.
    pub booked_at_ms: i64,
    /// The canonical bytes of the call's content: what "the same message" means.
    pub request: Vec<u8>,
}

/// A settlement to cancel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelEvent {
    /// The call.
    pub message: MessageKey,
    /// Whose settlement it is; another person's is not found.
    pub person: PersonKey,
    /// The settlement.
    pub setl_id: Arc<str>,
    /// When the shell took it in, milliseconds since 1970-01-01 UTC.
    pub booked_at_ms: i64,
    /// The canonical bytes of the call's content.
    pub request: Vec<u8>,
}

/// What the ledger assigns before the shell decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// `setl_id`: `S` and the sequence in sixteen digits.
    pub setl_id: Arc<str>,
    /// The record's place in the journal, from 1.
    pub sequence: u64,
    /// As the event says.
    pub booked_at_ms: i64,
}

/// One part of a settlement's entry: what an account owes the hospital. CNY to the fen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// `payer:<code>`, `hospital`, `account` or `cash`.
    pub account: Arc<str>,
    /// The amount; negative in a cancellation.
    pub amount: Money,
}

/// What the shell decided about an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The year whose settlements cancel latest first.
    pub benefit_year: i16,
    /// `medfee_sumamt`: what the hospital is owed.
    pub medfee_sumamt: Money,
    /// Who owes it; they sum to `medfee_sumamt`.
    pub postings: Vec<Posting>,
    /// What the person used up.
    pub accumulators: Vec<AccumulatorChange>,
    /// The bytes of the answer, kept and given again as they are.
    pub answer: Vec<u8>,
}

/// Proof that something is booked and durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// `setl_id`.
    pub setl_id: Arc<str>,
    /// The record's place in the journal.
    pub sequence: u64,
    /// When the shell took it in, milliseconds since 1970-01-01 UTC.
    pub booked_at_ms: i64,
    /// The bytes of the answer.
    pub answer: Vec<u8>,
}

/// How a call ended that is booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// By this call.
    New(Receipt),
    /// By an earlier call with the same message id and content; the answer is the same bytes.
    Replayed(Receipt),
}

impl Committed {
    /// The receipt, whichever call booked it.
    pub fn receipt(&self) -> &Receipt {
        match self {
            Committed::New(receipt) | Committed::Replayed(receipt) => receipt,
        }
    }
}

/// What a journal record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordKind {
    /// A settlement.
    Settle,
    /// The cancellation of this settlement.
    Cancel {
        /// Its sequence.
        cancels: u64,
    },
}

/// Where a booked settlement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettlementStatus {
    /// Counts.
    Booked,
    /// Taken back.
    Cancelled {
        /// The `setl_id` of the cancellation.
        by: Arc<str>,
    },
}

/// A settlement as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedSettlement {
    /// `setl_id`.
    pub setl_id: Arc<str>,
    /// The journal record.
    pub record: Record,
    /// Where it stands now.
    pub status: SettlementStatus,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// What it asked for.
    pub kind: RecordKind,
    /// The canonical bytes of its content.
    pub request: Vec<u8>,
    /// Its answer.
    pub receipt: Receipt,
}

/// The queue is full; nothing was taken in, the call may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many calls are waiting")]
pub struct Busy;

/// The same message id came with another content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What the stored message asked for.
    pub stored_kind: RecordKind,
    /// The canonical bytes of the stored content.
    pub stored_request: Vec<u8>,
}

/// Why a settlement was not booked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettleError<E> {
    /// The shell refused: nothing is stored, the message id is free.
    #[error("refused")]
    Refused(E),
    /// The message id was used for another content.
    #[error("the message id was used for another content")]
    Conflict(Conflict),
    /// The visit has a booked settlement.
    #[error("the visit is settled by `{setl_id}`")]
    AlreadySettled {
        /// That settlement.
        setl_id: Arc<str>,
    },
    /// The postings do not sum to the total: a defect of the shell.
    #[error("the postings sum to {postings}, the settlement is {medfee_sumamt}")]
    Unbalanced {
        /// The total.
        medfee_sumamt: Money,
        /// What the postings sum to.
        postings: Money,
    },
    /// The changes were not computed from the person's accumulators: a defect of the shell.
    #[error(transparent)]
    Stale(#[from] bedside_claim::accumulators::StaleChange),
    /// A stored row or record is damaged.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// The ledger has stopped. The outcome is unknown until it is opened again.
    #[error("the ledger has stopped")]
    Stopped,
}

/// Why a settlement was not cancelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CancelError<E> {
    /// The shell refused.
    #[error("refused")]
    Refused(E),
    /// The message id was used for another content.
    #[error("the message id was used for another content")]
    Conflict(Conflict),
    /// No such settlement of this person at this hospital.
    #[error("there is no such settlement")]
    NotFound,
    /// It was cancelled before.
    #[error("the settlement was cancelled by `{by}`")]
    AlreadyCancelled {
        /// The `setl_id` of the cancellation.
        by: Arc<str>,
    },
    /// A later settlement of the person's year must be cancelled first.
    #[error("settlement `{by}` must be cancelled first")]
    Blocked {
        /// The latest one.
        by: Arc<str>,
    },
    /// The person's accumulators do not stand where the settlement left them: a defect.
    #[error(transparent)]
    Stale(#[from] bedside_claim::accumulators::StaleChange),
    /// A stored row or record is damaged.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// The ledger has stopped. The outcome is unknown until it is opened again.
    #[error("the ledger has stopped")]
    Stopped,
}

/// The `setl_id` of a sequence.
pub fn setl_id(sequence: u64) -> Arc<str> {
    format!("S{sequence:016}").into()
}

/// The sequence of a `setl_id`; `None` for a text that is none.
pub(crate) fn sequence_of(setl_id: &str) -> Option<u64> {
    let digits = setl_id.strip_prefix('S').filter(|digits| digits.len() == 16)?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}
