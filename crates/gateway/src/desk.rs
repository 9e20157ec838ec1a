//! The desk where a checked message meets the core and the ledger.
//!
//! A message is converted before it is submitted; the ledger's committer then decides with the accumulators as they
//! stand, so that two bills of one person never see the same state. Nobody's leaving cancels a commit: the answer is
//! stored, and the same message gets it. It must not know tonic beyond the refusals it returns.

mod cancellation;
mod clearing;
mod correction;
mod fees;
mod holds;
mod periods;
mod queries;
mod receipts;
mod reconciliation;
mod registers;
mod reversal;
mod stays;

use std::fmt::Display;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bedside_adjudication::adjudicate;
use bedside_claim::{AccumulatorChange, Accumulators, Claim, Fault, Overflow, Settlement};
use bedside_ledger::{
    Assigned, Committed, Decision, Health, Ledger, MessageKey, MessageKind, NotBooked, PersonKey, Posting,
    ReadError, SETTLEMENT_LINES_MAX, Seen, SettleError, SettleEvent, TooLarge,
};
use bedside_policy::{Library, Programme, Unresolved};
use prost::Message;
use tokio::sync::{Semaphore, oneshot, watch};

use self::periods::Places;
pub(crate) use self::reconciliation::Answers;
use self::registers::Taken;
use crate::answer::{self, Booking};
use crate::canonical::{self, Difference};
use crate::deadline::Deadline;
use crate::errors::Refusal;
use crate::notary::Notary;
use crate::request::{self, Envelope};
use crate::v1;

/// Bills with more lines are converted on a thread that may block, so that they hold up no other call.
const INLINE_LINES_MAX: usize = 1_000;

/// Bytes that the largest response has beside the settlement in it: two proofs of at most 64 hashes, a checkpoint.
const WRAPPING_BYTES_MAX: usize = 8 << 10;

const BOOKED: &str = "booked";
const CORRECTED: &str = "corrected";
const CANCELLED: &str = "cancelled";
const REVERSED: &str = "reversed";
const TOMBSTONE: &str = "tombstone";

/// Everything that calls share.
#[derive(Clone)]
pub(crate) struct Desk {
    tenant: Arc<str>,
    ledger: Ledger,
    library: Arc<Library>,
    notary: Option<Arc<Notary>>,
    /// Whether there are registers to take from.
    has_registers: bool,
    answer_bytes_max: usize,
    /// How far ahead a quote may bind.
    hold_max_s: u64,
    /// For calls that read a period.
    readings: Places,
    /// For statements that are reconciled, which stay in memory until they are answered.
    pub(crate) statements: Arc<Semaphore>,
    /// Rows on either side of a reconciliation.
    pub(crate) statement_rows_max: usize,
    /// Turned once, when the ledger is found stopped.
    stopped: Arc<watch::Sender<bool>>,
}

/// What a call that may settle asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asking {
    /// To settle a bill that comes whole.
    Bill,
    /// To settle a stay.
    Stay,
    /// To hold to a quote.
    Hold,
}

/// A message that was read: what is stored of it, and what it asks.
///
/// The programme is looked up before the commit, but a message that was booked once is answered from the ledger even
/// when its pack is gone since.
struct Read {
    bytes: Vec<u8>,
    envelope: Envelope,
    claim: Claim,
    taken: Taken,
    /// The hold within which it is to be settled.
    hold_id: Option<Arc<str>>,
    programme: Result<Arc<Programme>, Unresolved>,
}

/// A message that could not be read, and what is needed to see whether it was booked by an earlier release.
struct Unread {
    refusal: Refusal,
    message: Option<MessageKey>,
    bytes: Vec<u8>,
}

impl Desk {
    pub(crate) fn new(
        tenant: Arc<str>,
        ledger: Ledger,
        library: Arc<Library>,
        notary: Option<Arc<Notary>>,
        answer_bytes_max: usize,
        hold_max_s: u64,
        statement_rows_max: usize,
    ) -> Desk {
        let (stopped, _) = watch::channel(false);
        // Tables that cannot be read are told by the first call that needs them.
        let has_registers = ledger.has_registers(&tenant).unwrap_or(true);
        let (stopped, readings) = (Arc::new(stopped), Places::default());
        Desk {
            tenant,
            ledger,
            library,
            notary,
            has_registers,
            answer_bytes_max,
            hold_max_s,
            readings,
            statements: Arc::new(Semaphore::new(periods::STATEMENTS_MAX)),
            statement_rows_max,
            stopped,
        }
    }

    /// Turns to true once the ledger is found stopped.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.subscribe()
    }

    /// Why the ledger stopped; nothing while it commits.
    pub(crate) fn ledger_stopped(&self) -> Option<String> {
        match self.ledger.health() {
            Health::Serving => None,
            Health::Stopped { reason } => Some(reason.to_string()),
        }
    }

    /// Books a bill, or returns what was booked under its `msgid`.
    pub(crate) async fn settle_bill(
        &self,
        request: v1::SettleBillRequest,
        deadline: Deadline,
    ) -> Result<v1::SettleBillResponse, Refusal> {
        let (settlement, message) = self.settled(request, deadline).await?;
        let receipt = self.receipt_for(&settlement, message).await;
        Ok(v1::SettleBillResponse { settlement: Some(settlement), receipt })
    }

    async fn settled(
        &self,
        request: v1::SettleBillRequest,
        deadline: Deadline,
    ) -> Result<(v1::Settlement, MessageKey), Refusal> {
        let read = if request.feedetail.len() > INLINE_LINES_MAX || self.may_complete(&request) {
            let desk = self.clone();
            blocking(move || desk.read(request)).await?
        } else {
            self.read(request)
        };
        let read = match read {
            Ok(read) => read,
            Err(unread) => return self.booked_before(*unread).await,
        };
        let Read { bytes, envelope, claim, taken, hold_id, programme } = read;
        let message = self.message_key(&envelope);
        let event = SettleEvent {
            message: message.clone(),
            person: self.person_key(&claim.person.psn_no),
            family_no: claim.person.family_no.clone(),
            hold_id: hold_id.clone(),
            mdtrt_id: Arc::clone(&claim.visit.mdtrt_id),
            stay: None,
            booked_at_ms: now_ms(),
            request: bytes.clone(),
        };
        let answer_bytes_max = self.answer_bytes_max;
        let bill = hold_id.map(|_| bytes.clone()).unwrap_or_default();
        let decide = move |seen: &Seen, assigned: &Assigned| {
            if deadline.has_passed() {
                return Err(Refusal::DeadlineBeforeCommit);
            }
            let programme = programme.as_deref().map_err(|why| Refusal::Unresolved(why.clone()))?;
            decide(&claim, &envelope, &taken, programme, (seen, &bill), assigned, answer_bytes_max)
        };
        let (reply, answer) = oneshot::channel();
        let send = move |result| drop(reply.send(result));
        self.ledger.submit_settle(event, decide, send).map_err(|_| Refusal::Busy)?;
        let committed = self.wait(answer, deadline).await?;
        let settlement = committed
            .map_err(|error| self.settle_refusal(error, Asking::Bill, &bytes))
            .and_then(stored_answer)?;
        Ok((settlement, message))
    }

    fn read(&self, mut request: v1::SettleBillRequest) -> Result<Read, Box<Unread>> {
        let completed = self.complete(&mut request);
        let (taken, sent) = match completed {
            Ok(completed) => completed,
            Err(refusal) => return Err(Box::new(Unread { refusal, message: None, bytes: Vec::new() })),
        };
        let read = request::settle(&request);
        sent.restore(&mut request);
        match read {
            Ok((envelope, claim)) => {
                let programme = self.library.programme_for(&claim);
                let hold_id = Some(request.hold_id.as_str()).filter(|hold_id| !hold_id.is_empty());
                let hold_id = hold_id.map(Arc::from);
                let bytes = canonical::settle_bytes(request);
                Ok(Read { bytes, envelope, claim, taken, hold_id, programme })
            }
            Err(invalid) => {
                let message = request.header.as_ref().map(|header| self.message_in(header));
                let bytes = canonical::settle_bytes(request);
                Err(Box::new(Unread { refusal: Refusal::Invalid(invalid), message, bytes }))
            }
        }
    }

    /// The answer that an earlier, less strict release gave to this very message; the same content has the same answer
    /// for ever.
    async fn booked_before(&self, unread: Unread) -> Result<(v1::Settlement, MessageKey), Refusal> {
        let Unread { refusal, message, bytes } = unread;
        let Some(key) = message else { return Err(refusal) };
        let desk = self.clone();
        blocking(move || match desk.ledger.message(&key) {
            Ok(Some(stored)) if stored.kind == MessageKind::Tombstone => Err(reversal::refused(&stored)),
            Ok(Some(stored)) if stored.is_erased => {
                Err(Refusal::Erased { setl_id: stored.receipt.setl_id.to_string() })
            }
            Ok(Some(stored)) if stored.request == bytes => {
                decode(&stored.receipt.answer).map(|settlement| (settlement, key))
            }
            _ => Err(refusal),
        })
        .await?
    }

    /// Waits for the committer; past the deadline the outcome is unknown to the caller, though not to the ledger. A
    /// committer that hangs in a write answers nobody: its callers learn that the ledger has stopped.
    async fn wait<T>(&self, answer: oneshot::Receiver<T>, deadline: Deadline) -> Result<T, Refusal> {
        let mut stopped = self.stopped();
        let answered = async {
            tokio::select! {
                biased;
                committed = answer => committed.map_err(|_| self.stop()),
                _ = stopped.wait_for(|stopped| *stopped) => Err(Refusal::Stopped),
            }
        };
        tokio::time::timeout_at(deadline.instant(), answered).await.unwrap_or(Err(Refusal::OutcomeUnknown))
    }

    /// Lets the calls under way go; the ledger has stopped.
    pub(crate) fn stop(&self) -> Refusal {
        self.stopped.send_replace(true);
        Refusal::Stopped
    }

    fn settle_refusal(&self, error: SettleError<Refusal>, asking: Asking, sent: &[u8]) -> Refusal {
        match error {
            SettleError::NotBooked(error) => {
                let kind = match asking {
                    Asking::Bill | Asking::Stay => MessageKind::Settle,
                    Asking::Hold => MessageKind::Hold,
                };
                self.not_booked(error, "a settlement or a hold", kind, |stored| match asking {
                    Asking::Bill => Difference::of_settle(stored, sent),
                    Asking::Stay => Difference::of_settle_stay(stored, sent),
                    Asking::Hold => Difference::of_hold(stored, sent),
                })
            }
            SettleError::AlreadySettled { setl_id } => {
                Refusal::AlreadySettled { setl_id: setl_id.to_string() }
            }
            SettleError::Stay(refusal) => Refusal::Stay(refusal),
            // A stay that does not stand still is put together again before.
            SettleError::Moved => Refusal::Busy,
            SettleError::DiskNearlyFull => Refusal::DiskNearlyFull,
            SettleError::Hold(unusable) => holds::refusal(unusable),
            SettleError::Unbalanced { .. }
            | SettleError::OutOfRange
            | SettleError::ChangedTwice(_)
            | SettleError::OtherFamily(_)
            | SettleError::Stale(_) => defect(&error, "a settlement or a hold"),
        }
    }

    /// What any command of a kind is refused for. `difference` holds the content of one that is booked against what was sent.
    fn not_booked(
        &self,
        error: NotBooked<Refusal>,
        what: &str,
        kind: MessageKind,
        difference: impl FnOnce(&[u8]) -> Option<Difference>,
    ) -> Refusal {
        match error {
            NotBooked::Refused(refusal) => refusal,
            NotBooked::Conflict { stored_kind, stored_request } => {
                let difference = (stored_kind == kind).then(|| difference(&stored_request)).flatten();
                Refusal::Conflict(difference.unwrap_or_default())
            }
            NotBooked::Reversed { by } => Refusal::Reversed { msgid: by.to_string() },
            NotBooked::Erased { setl_id } => Refusal::Erased { setl_id: setl_id.to_string() },
            NotBooked::Stopped => self.stop(),
            NotBooked::TooLarge(error) => too_large(error),
            NotBooked::Unreadable(_) | NotBooked::Panicked => defect(&error, what),
        }
    }

    fn read_refusal(&self, error: &ReadError) -> Refusal {
        tracing::error!(%error, "the ledger could not be read");
        Refusal::Fault
    }

    fn message_key(&self, envelope: &Envelope) -> MessageKey {
        MessageKey {
            tenant: Arc::clone(&self.tenant),
            fixmedins_code: Arc::clone(&envelope.fixmedins_code),
            msgid: Arc::clone(&envelope.msgid),
        }
    }

    /// The message that an unchecked header names.
    fn message_in(&self, header: &v1::Header) -> MessageKey {
        MessageKey {
            tenant: Arc::clone(&self.tenant),
            fixmedins_code: Arc::from(header.fixmedins_code.as_str()),
            msgid: Arc::from(header.msgid.as_str()),
        }
    }

    fn person_key(&self, psn_no: &str) -> PersonKey {
        PersonKey { tenant: Arc::clone(&self.tenant), psn_no: Arc::from(psn_no) }
    }
}

/// A claim settled with what is seen, as it is booked, and its answer: counted on what is booked and what others were
/// promised, told and booked from what is booked.
fn answered(
    claim: &Claim,
    envelope: &Envelope,
    taken: &Taken,
    programme: &Programme,
    seen: &Seen,
    booking: Option<Booking<'_>>,
) -> Result<(Settlement, v1::Settlement), Refusal> {
    let lines = claim.bill.lines().len();
    if lines > SETTLEMENT_LINES_MAX as usize {
        return Err(Refusal::SettlementTooLong { lines });
    }
    let fault = |fault: Fault| fault_refusal(envelope, &fault);
    let out_of_range = |error: Overflow| fault(error.into());
    let counted_on = seen.accumulators().map_err(out_of_range)?;
    let claim = taken.claim(claim, &counted_on).map_err(out_of_range)?;
    let mut settlement = adjudicate(&claim, programme, &counted_on).map_err(fault)?;
    taken.note(&claim, &counted_on, &mut settlement).map_err(out_of_range)?;
    settlement.accumulators = seen.rebased(settlement.accumulators).map_err(out_of_range)?;
    let mut answer = answer::settlement(&claim, envelope, &settlement, booking).map_err(fault)?;
    answer.register_versions.clone_from(&taken.versions);
    answer.notices.extend(answer::reserved(programme, &settlement, &seen.reserved));
    Ok((settlement, answer))
}

/// Decides one bill; runs on the committer, perhaps more than once. What it sees may hold it to a quote of its bill.
fn decide(
    claim: &Claim,
    envelope: &Envelope,
    taken: &Taken,
    programme: &Programme,
    (seen, bill): (&Seen, &[u8]),
    assigned: &Assigned,
    answer_bytes_max: usize,
) -> Result<Decision, Refusal> {
    let booking = Booking { setl_id: &assigned.setl_id, booked_at_ms: assigned.booked_at_ms };
    let (settlement, answer) = answered(claim, envelope, taken, programme, seen, Some(booking))?;
    if let Some(hold) = &seen.hold {
        let again = |accumulators: &Accumulators| {
            let seen = Seen::of(accumulators.clone());
            Ok(answered(claim, envelope, taken, programme, &seen, Some(booking))?.1)
        };
        holds::keep_to(hold, bill, seen, &answer, again)?;
    }
    // An answer that could not be sent must not be booked: its hospital would never learn of it. Nor one whose mirror
    // could not: a cancellation writes a sign before each amount, which takes six bytes or more itself.
    let answer = answer.encode_to_vec();
    sendable(answer.len() + answer.len() / 6, answer_bytes_max)?;
    let postings = answer::postings(&settlement);
    // A settlement stands on whatever it looked at, also where it found a deductible met and changes nothing of it.
    let looked_at = settlement.looked_at.into_iter().map(|key| {
        let stands = seen.booked.get(&key);
        AccumulatorChange { key, before: stands, after: stands }
    });
    Ok(Decision {
        benefit_year: settlement.benefit_year,
        medfee_sumamt: settlement.medfee_sumamt,
        postings: postings
            .into_iter()
            .map(|(account, amount)| Posting { account: account.into(), amount })
            .collect(),
        accumulators: settlement.accumulators.into_iter().chain(looked_at).collect(),
        answer,
    })
}

/// What only a defect or damage brings about.
fn defect(error: &impl Display, what: &str) -> Refusal {
    tracing::error!(%error, "the ledger did not book {what}");
    Refusal::Fault
}

/// What the ledger does not keep in one place. Identifiers are checked before they come to it.
fn too_large(error: TooLarge) -> Refusal {
    let TooLarge { field, bytes, limit } = error;
    tracing::warn!(%error, "what was to be booked is too large");
    Refusal::TooLargeToBook { what: field, bytes, limit }
}

/// Whether a settlement of so many bytes fits an answer.
fn sendable(settlement_bytes: usize, answer_bytes_max: usize) -> Result<(), Refusal> {
    let bytes = settlement_bytes + WRAPPING_BYTES_MAX;
    if bytes > answer_bytes_max {
        return Err(Refusal::AnswerTooLarge { bytes, limit: answer_bytes_max });
    }
    Ok(())
}

fn stored_answer(committed: Committed) -> Result<v1::Settlement, Refusal> {
    decode(&committed.receipt().answer)
}

fn decode<M: Message + Default>(answer: &[u8]) -> Result<M, Refusal> {
    M::decode(answer).map_err(|error| {
        tracing::error!(%error, "what is stored cannot be read");
        Refusal::Fault
    })
}

/// Faults speak of lines and sums, never of the person, so that they may be logged.
fn fault_refusal(envelope: &Envelope, fault: &Fault) -> Refusal {
    let Envelope { msgid, fixmedins_code } = envelope;
    tracing::error!(%fixmedins_code, %msgid, %fault, "a settlement was stopped by a fault");
    Refusal::Fault
}

/// Runs what may block on the threads that are meant for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a task of the gateway broke off");
        Refusal::Fault
    })
}

/// Milliseconds since 1970-01-01 UTC.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
