//! 预结算 (2303): quotes, those that bind, and settlements that are held to one.
//!
//! A quote without a hold books nothing. A hold is booked like everything that changes what others may count on: decided
//! by the committer, stored with its answer. Invariant: whoever settles within a hold is given the quoted amounts or told
//! which input changed.

use std::sync::Arc;

use bedside_claim::{Accumulators, Claim};
use bedside_ledger::{
    Assigned, Ended, Ending, Held, HoldEvent, HoldState, MessageKey, MessageKind, MessageRecord, Quote, Seen,
    Unusable,
};
use bedside_policy::{Programme, Unresolved};
use prost::Message;
use tokio::sync::oneshot;

use super::registers::Taken;
use super::{Asking, Desk, INLINE_LINES_MAX, Read, answered, blocking, decode, now_ms, reversal, sendable};
use crate::answer;
use crate::canonical;
use crate::deadline::Deadline;
use crate::errors::Refusal;
use crate::promise::{self, ChangedInput};
use crate::request::{self, Envelope};
use crate::v1;
use crate::v1::pre_settle_request::Subject;

const HELD: &str = "held";
const EXPIRED: &str = "expired";
const SETTLED: &str = "settled";
const REPLACED: &str = "replaced";
pub(super) const RELEASED: &str = "released";

/// A quote that is to bind, as it was read.
struct ReadHold {
    bytes: Vec<u8>,
    envelope: Envelope,
    claim: Claim,
    taken: Taken,
    hold_until: String,
    until_ms: i64,
    programme: Result<Arc<Programme>, Unresolved>,
}

/// One that could not be read, and what is needed to see whether it was booked by an earlier release.
struct UnreadHold {
    refusal: Refusal,
    message: Option<MessageKey>,
    bytes: Vec<u8>,
}

impl Desk {
    /// The whole answer; nothing is booked.
    pub(crate) async fn pre_settle(
        &self,
        request: v1::PreSettleRequest,
    ) -> Result<v1::PreSettleResponse, Refusal> {
        let desk = self.clone();
        blocking(move || {
            let bill = bill_of(request.subject);
            if !bill.hold_id.is_empty() {
                request::quote(&bill).map_err(Refusal::Invalid)?;
            }
            let Read { envelope, claim, taken, programme, .. } =
                desk.read(bill).map_err(|unread| unread.refusal)?;
            let programme = programme.map_err(Refusal::Unresolved)?;
            desk.quotable(&desk.message_key(&envelope), &claim.visit.mdtrt_id)?;
            let seen = desk.seen_by(&envelope, &claim)?;
            let (_, quote) = answered(&claim, &envelope, &taken, &programme, &seen, None)?;
            sendable(quote.encoded_len(), desk.answer_bytes_max)?;
            Ok(v1::PreSettleResponse { settlement: Some(quote), ..Default::default() })
        })
        .await?
    }

    /// What a quote for a claim may count on now.
    pub(super) fn seen_by(&self, envelope: &Envelope, claim: &Claim) -> Result<Seen, Refusal> {
        let seen = self.ledger.seen(
            &self.person_key(&claim.person.psn_no),
            claim.person.family_no.as_ref(),
            &self.message_key(envelope),
            &claim.visit.mdtrt_id,
            now_ms(),
        );
        seen.map_err(|error| self.read_refusal(&error))
    }

    /// Books a quote that binds, or returns what was booked under its `msgid`.
    pub(crate) async fn hold(
        &self,
        request: v1::PreSettleRequest,
        deadline: Deadline,
    ) -> Result<v1::PreSettleResponse, Refusal> {
        let may_take_long = match &request.subject {
            Some(Subject::Bill(bill)) => bill.feedetail.len() > INLINE_LINES_MAX || self.may_complete(bill),
            Some(Subject::Stay(stay)) => {
                let stay = stay.clone();
                return self.hold_stay(stay, request, deadline).await;
            }
            None => false,
        };
        let read = if may_take_long {
            let desk = self.clone();
            blocking(move || desk.read_hold(request)).await?
        } else {
            self.read_hold(request)
        };
        let read = match read {
            Ok(read) => read,
            Err(unread) => return self.held_before(*unread).await,
        };
        let ReadHold { bytes, envelope, claim, taken, hold_until, until_ms, programme } = read;
        let message = self.message_key(&envelope);
        let event = HoldEvent {
            message: message.clone(),
            person: self.person_key(&claim.person.psn_no),
            family_no: claim.person.family_no.clone(),
            mdtrt_id: Arc::clone(&claim.visit.mdtrt_id),
            until_ms,
            booked_at_ms: now_ms(),
            request: bytes.clone(),
            stay: None,
        };
        let (answer_bytes_max, hold_max_s) = (self.answer_bytes_max, self.hold_max_s);
        let decide = move |seen: &Seen, assigned: &Assigned| {
            if deadline.has_passed() {
                return Err(Refusal::DeadlineBeforeCommit);
            }
            request::hold_span(&hold_until, until_ms, assigned.booked_at_ms, hold_max_s)
                .map_err(Refusal::Invalid)?;
            let programme = programme.as_deref().map_err(|why| Refusal::Unresolved(why.clone()))?;
            quote(&claim, &envelope, &taken, programme, seen, assigned, answer_bytes_max)
        };
        let (reply, answer) = oneshot::channel();
        let send = move |result| drop(reply.send(result));
        self.ledger.submit_hold(event, decide, send).map_err(|_| Refusal::Busy)?;
        let committed = self.wait(answer, deadline).await?;
        let committed = committed.map_err(|error| self.settle_refusal(error, Asking::Hold, &bytes))?;
        let answer: v1::PreSettleResponse = decode(&committed.receipt().answer)?;
        let receipt = self.receipt_for(&answer, message).await;
        Ok(v1::PreSettleResponse { receipt, ..answer })
    }

    fn read_hold(&self, request: v1::PreSettleRequest) -> Result<ReadHold, Box<UnreadHold>> {
        let unread = |refusal| Box::new(UnreadHold { refusal, message: None, bytes: Vec::new() });
        let mut bill = bill_of(request.subject.clone());
        let (taken, _) = self.complete(&mut bill).map_err(unread)?;
        match request::hold(&bill, &request.hold_until) {
            Ok((envelope, claim, until_ms)) => {
                let programme = self.library.programme_for(&claim);
                let hold_until = request.hold_until.clone();
                let bytes = canonical::hold_bytes(request);
                Ok(ReadHold { bytes, envelope, claim, taken, hold_until, until_ms, programme })
            }
            Err(invalid) => {
                let message = bill.header.as_ref().map(|header| self.message_in(header));
                let bytes = canonical::hold_bytes(request);
                Err(Box::new(UnreadHold { refusal: Refusal::Invalid(invalid), message, bytes }))
            }
        }
    }

    /// As `booked_before`, of a hold.
    async fn held_before(&self, unread: UnreadHold) -> Result<v1::PreSettleResponse, Refusal> {
        let UnreadHold { refusal, message, bytes } = unread;
        let Some(key) = message else { return Err(refusal) };
        let desk = self.clone();
        blocking(move || match desk.ledger.message(&key) {
            Ok(Some(stored)) if stored.kind == MessageKind::Tombstone => Err(reversal::refused(&stored)),
            Ok(Some(stored)) if stored.kind == MessageKind::Hold && stored.request == bytes => {
                decode(&stored.receipt.answer)
            }
            _ => Err(refusal),
        })
        .await?
    }

    /// What a query tells of a hold: the quote, and where the hold stands now.
    pub(super) fn told_of_hold(
        &self,
        message: &MessageRecord,
        receipt: Option<v1::Receipt>,
    ) -> Result<v1::QueryByMsgidResponse, Refusal> {
        let held = self.ledger.held(&self.tenant, &message.receipt.setl_id);
        let held = held.map_err(|error| self.read_refusal(&error))?.ok_or(Refusal::Fault)?;
        let state = match held.state_at(now_ms()) {
            HoldState::Live => HELD,
            HoldState::Expired => EXPIRED,
            HoldState::Ended(Ended { ending: Ending::Settled, .. }) => SETTLED,
            HoldState::Ended(Ended { ending: Ending::Replaced, .. }) => REPLACED,
            HoldState::Ended(Ended { ending: Ending::Released, .. }) => RELEASED,
        };
        let v1::PreSettleResponse { settlement, hold_id, .. } = decode(&held.answer)?;
        Ok(v1::QueryByMsgidResponse {
            outcome: super::BOOKED.to_owned(),
            infno: "2303".to_owned(),
            settlement,
            state: state.to_owned(),
            hold_id,
            receipt,
            ..Default::default()
        })
    }
}

/// The bill of a quote that is of no stay; an empty one is told everything that it lacks.
fn bill_of(subject: Option<Subject>) -> v1::SettleBillRequest {
    match subject {
        Some(Subject::Bill(bill)) => bill,
        Some(Subject::Stay(_)) | None => v1::SettleBillRequest::default(),
    }
}

/// Decides one quote; runs on the committer, perhaps more than once.
pub(super) fn quote(
    claim: &Claim,
    envelope: &Envelope,
    taken: &Taken,
    programme: &Programme,
    seen: &Seen,
    assigned: &Assigned,
    answer_bytes_max: usize,
) -> Result<Quote, Refusal> {
    let (settlement, quote) = answered(claim, envelope, taken, programme, seen, None)?;
    let hold_id = assigned.hold_id().to_string();
    let answer = v1::PreSettleResponse { settlement: Some(quote), hold_id, receipt: None }.encode_to_vec();
    // One that could not be booked either, because of the size of its mirror, is not promised.
    sendable(answer.len() + answer.len() / 6, answer_bytes_max)?;
    Ok(Quote { accumulators: settlement.accumulators, answer })
}

/// Whether a settlement of a canonical bill is what its hold quoted; where it is not, which input changed. `again` settles
/// the same claim with other accumulators.
pub(super) fn keep_to(
    hold: &Held,
    bill: &[u8],
    seen: &Seen,
    now: &v1::Settlement,
    again: impl Fn(&Accumulators) -> Result<v1::Settlement, Refusal>,
) -> Result<(), Refusal> {
    let quote: v1::PreSettleResponse = decode(&hold.answer)?;
    let quoted = quote.settlement.unwrap_or_default();
    if promise::same_amounts(&quoted, now) {
        return Ok(());
    }
    let quoted_bill = if hold.bill.is_empty() {
        let request: v1::PreSettleRequest = decode(&hold.request)?;
        bill_of(request.subject)
    } else {
        decode(&hold.bill)?
    };
    let counted_with = seen.accumulators().map_err(|_| Refusal::Fault)?;
    let changed = promise::first_changed(
        (quoted_bill, &quoted, &hold.terms.seen),
        (decode(bill)?, now, &counted_with),
        |accumulators| again(accumulators).is_ok_and(|again| promise::same_amounts(&quoted, &again)),
    );
    Err(Refusal::HoldInputChanged(Box::new(changed.unwrap_or(ChangedInput::Engine))))
}

/// Why a settlement cannot be booked within the hold that it names.
pub(super) fn refusal(unusable: Unusable) -> Refusal {
    match unusable {
        Unusable::NotFound => Refusal::HoldNotFound,
        Unusable::OtherPerson => Refusal::HoldDiffers { field: "psn_no" },
        Unusable::OtherVisit => Refusal::HoldDiffers { field: "mdtrt_id" },
        Unusable::Ended(ended) => Refusal::HoldEnded(ended),
        Unusable::Expired { until_ms } => {
            Refusal::HoldExpired { until: answer::setl_time(until_ms).unwrap_or_default() }
        }
    }
}
