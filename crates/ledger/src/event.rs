//! What is asked of the ledger and what it gives back. No IO here.
//!
//! Identifiers are opaque texts of at most [`TEXT_BYTES_MAX`](crate::TEXT_BYTES_MAX) bytes; requests and answers are
//! opaque bytes, compared and returned exactly. Everything that names a person stays out of `Debug` output.

use std::fmt;
use std::sync::Arc;

use bedside_claim::{AccumulatorChange, Money};

use crate::codec::{TooLarge, check_text};
use crate::stay::{StayKind, StayPart};

/// Names one call of a hospital: the scope in which a `msgid` means one thing for ever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey {
    /// The tenant.
    pub tenant: Arc<str>,
    /// The hospital (`fixmedins_code`).
    pub fixmedins_code: Arc<str>,
    /// The identifier that the hospital stored before it sent the call.
    pub msgid: Arc<str>,
}

impl MessageKey {
    pub(crate) fn check(&self) -> Result<(), TooLarge> {
        check_text("tenant", &self.tenant)?;
        check_text("fixmedins_code", &self.fixmedins_code)?;
        check_text("msgid", &self.msgid)
    }
}

/// Names one insured person of one tenant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonKey {
    /// The tenant.
    pub tenant: Arc<str>,
    /// The person (`psn_no`).
    pub psn_no: Arc<str>,
}

impl PersonKey {
    pub(crate) fn check(&self) -> Result<(), TooLarge> {
        check_text("tenant", &self.tenant)?;
        check_text("psn_no", &self.psn_no)
    }
}

impl fmt::Debug for PersonKey {
    /// Without the number: a `{:?}` in a log must not name a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonKey").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// Asks to book one settlement.
#[derive(Clone, PartialEq, Eq)]
pub struct SettleEvent {
    /// The call.
    pub message: MessageKey,
    /// Whose accumulators it uses.
    pub person: PersonKey,
    /// The person's family, whose shared accumulators the decision sees too and may change; nothing for none.
    pub family_no: Option<Arc<str>>,
    /// The hold within which the visit is settled; nothing for none, or for whichever the visit has.
    pub hold_id: Option<Arc<str>>,
    /// The visit (`mdtrt_id`), settled at most once at a time per tenant and hospital.
    pub mdtrt_id: Arc<str>,
    /// The stay that it settles, as it was read; nothing for a bill that came whole.
    pub stay: Option<SettledStay>,
    /// When, in milliseconds since 1970-01-01 UTC; stamped by the shell, the ledger has no clock.
    pub booked_at_ms: i64,
    /// The canonical bytes of the content: the same content is the same bytes.
    pub request: Vec<u8>,
}

impl SettleEvent {
    pub(crate) fn check(&self) -> Result<(), TooLarge> {
        self.message.check()?;
        self.person.check()?;
        check_text("family_no", self.family_no.as_deref().unwrap_or_default())?;
        check_text("mdtrt_id", &self.mdtrt_id)
    }
}

impl fmt::Debug for SettleEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettleEvent").field("message", &self.message).finish_non_exhaustive()
    }
}

/// A stay that is to be settled, put together from its records.
#[derive(Clone, PartialEq, Eq)]
pub struct SettledStay {
    /// Which part of it.
    pub part: StayPart,
    /// [`StandingStay::version`](crate::StandingStay::version) of what was put together.
    pub version: u64,
    /// The canonical bytes of the whole bill, as if it had come in one call.
    pub bill: Vec<u8>,
}

/// Asks to cancel one booked settlement.
#[derive(Clone, PartialEq, Eq)]
pub struct CancelEvent {
    /// The call.
    pub message: MessageKey,
    /// The person of the settlement.
    pub person: PersonKey,
    /// The settlement to cancel.
    pub setl_id: Arc<str>,
    /// When, in milliseconds since 1970-01-01 UTC; stamped by the shell.
    pub booked_at_ms: i64,
    /// The canonical bytes of the content.
    pub request: Vec<u8>,
}

impl CancelEvent {
    pub(crate) fn check(&self) -> Result<(), TooLarge> {
        self.message.check()?;
        self.person.check()
    }
}

impl fmt::Debug for CancelEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelEvent")
            .field("message", &self.message)
            .field("setl_id", &self.setl_id)
            .finish_non_exhaustive()
    }
}

/// Asks to undo an earlier call of the same hospital, or to bar it where it never arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct ReverseEvent {
    /// This call.
    pub message: MessageKey,
    /// The person of the earlier call.
    pub person: PersonKey,
    /// The `msgid` of the earlier call.
    pub omsgid: Arc<str>,
    /// What the earlier call asked for.
    pub okind: MessageKind,
    /// When, in milliseconds since 1970-01-01 UTC; stamped by the shell.
    pub booked_at_ms: i64,
    /// The canonical bytes of the content.
    pub request: Vec<u8>,
}

impl ReverseEvent {
    pub(crate) fn check(&self) -> Result<(), TooLarge> {
        self.message.check()?;
        self.person.check()?;
        check_text("omsgid", &self.omsgid)
    }

    /// The earlier call.
    pub(crate) fn original(&self) -> MessageKey {
        MessageKey { msgid: Arc::clone(&self.omsgid), ..self.message.clone() }
    }
}

impl fmt::Debug for ReverseEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReverseEvent")
            .field("message", &self.message)
            .field("omsgid", &self.omsgid)
            .field("okind", &self.okind)
            .finish_non_exhaustive()
    }
}

/// What the ledger gave a command before it was decided; the answer may contain it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// `S` and the sequence, zero-padded to 16 digits.
    pub setl_id: Arc<str>,
    /// The place in the journal, from 1, without gaps.
    pub sequence: u64,
    /// The event's time.
    pub booked_at_ms: i64,
}

impl Assigned {
    /// The identifier, where it is a hold: `H` and the sequence.
    pub fn hold_id(&self) -> Arc<str> {
        crate::holds::hold_id_of(self.sequence)
    }
}

/// The settlement identifier of a sequence: `S0000000000000042`.
pub fn setl_id_of(sequence: u64) -> Arc<str> {
    Arc::from(format!("S{sequence:016}"))
}

/// The sequence of a settlement identifier that this ledger could have given out.
pub(crate) fn sequence_of(setl_id: &str) -> Option<u64> {
    let sequence = setl_id.strip_prefix('S')?.parse().ok()?;
    (*setl_id_of(sequence) == *setl_id).then_some(sequence)
}

/// One part of the bill's total and who bears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// A payer, `hospital`, `account` or `cash`.
    pub account: Arc<str>,
    /// What it bears, in fen; negative in a cancellation.
    pub amount: Money,
}

/// What a pure decision books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The year in which the settlement stands in the person's order of settlements.
    pub benefit_year: i16,
    /// The bill's total, which the hospital is owed.
    pub medfee_sumamt: Money,
    /// Who bears it; sums to `medfee_sumamt`.
    pub postings: Vec<Posting>,
    /// What it changes in the accumulators of the person and of the event's family, each accumulator at most once. One
    /// that it only looked at may be among them, unchanged: the settlement then stands on it, so that what it saw is not
    /// taken away under it, and it is decided again when that changes.
    pub accumulators: Vec<AccumulatorChange>,
    /// The answer, stored and returned byte for byte.
    pub answer: Vec<u8>,
}

/// The proof that a command is on disk, with its answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The settlement's (or cancellation's) own identifier.
    pub setl_id: Arc<str>,
    /// Its place in the journal.
    pub sequence: u64,
    /// Its time, of the first call.
    pub booked_at_ms: i64,
    /// The answer of the first call.
    pub answer: Arc<[u8]>,
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("setl_id", &self.setl_id).finish_non_exhaustive()
    }
}

/// What became of a command that is booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// Booked by this call.
    New(Receipt),
    /// Booked by an earlier call with the same `msgid` and the same bytes.
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

/// What a message is to the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageKind {
    /// It asked to settle.
    Settle,
    /// It asked to cancel a settlement.
    Cancel,
    /// It asked to reverse an earlier call.
    Reverse,
    /// It had not arrived when it was reversed, and is refused for ever.
    Tombstone,
    /// It asked something of a stay.
    Stay(StayKind),
    /// It asked to hold to a quote.
    Hold,
    /// It asked to correct a settlement.
    Correct,
    /// It brought rows of registers; no hospital's call.
    Register,
}

/// What became of a message.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// What it asked for.
    pub kind: MessageKind,
    /// The visit that it was about; empty of a tombstone.
    pub mdtrt_id: Arc<str>,
    /// Its content; of a tombstone the content of the reversal that made it.
    pub request: Vec<u8>,
    /// What it was answered; of a tombstone what that reversal was answered.
    pub receipt: Receipt,
    /// The `msgid` of the record that the row names: the message's own, or of a tombstone the reversal's.
    pub booked_by: Arc<str>,
    /// Whether content and answer were erased, and are empty here.
    pub is_erased: bool,
}

impl fmt::Debug for MessageRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRecord")
            .field("kind", &self.kind)
            .field("receipt", &self.receipt)
            .finish_non_exhaustive()
    }
}

/// Whether a booked settlement still stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It stands.
    Booked,
    /// It was cancelled; its postings and accumulator changes are undone.
    Cancelled {
        /// The identifier of the cancellation.
        by: Arc<str>,
        /// When, in milliseconds since 1970-01-01 UTC.
        at_ms: i64,
    },
    /// Its call was reversed; undone just as by a cancellation.
    Reversed {
        /// The identifier of the reversal.
        by: Arc<str>,
        /// When, in milliseconds since 1970-01-01 UTC.
        at_ms: i64,
    },
}

/// One settlement as it stands in the ledger.
#[derive(Clone, PartialEq, Eq)]
pub struct BookedSettlement {
    /// Its identifier.
    pub setl_id: Arc<str>,
    /// Its place in the journal.
    pub sequence: u64,
    /// The call that booked it.
    pub message: MessageKey,
    /// The person.
    pub person: PersonKey,
    /// The visit.
    pub mdtrt_id: Arc<str>,
    /// The year in which it stands in the person's order.
    pub benefit_year: i16,
    /// The bill's total.
    pub medfee_sumamt: Money,
    /// Who bears it.
    pub postings: Vec<Posting>,
    /// What it changed.
    pub accumulators: Vec<AccumulatorChange>,
    /// Which part of a stay it settles; nothing for a bill that came whole.
    pub part: Option<StayPart>,
    /// Its answer.
    pub answer: Arc<[u8]>,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub booked_at_ms: i64,
    /// Which version this is, from 1; amounts, accumulators and answer are of it.
    pub version: u32,
    /// The correction that made this version; nothing for the first.
    pub correction: Option<Arc<str>>,
    /// Whether it still stands.
    pub status: Status,
}

impl fmt::Debug for BookedSettlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BookedSettlement")
            .field("setl_id", &self.setl_id)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
