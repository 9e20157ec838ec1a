//! The quote of a stay (2303): its bill as it stands now, with the data that `Settle` will send. One that binds is kept with
//! its bill, because its message does not say it.
//!
//! Invariant: what is promised is what the stay was when it was committed; a stay that moved meanwhile is read again.

use std::sync::Arc;

use bedside_claim::Money;
use bedside_ledger::{
    Assigned, Committed, HoldEvent, QuotedStay, Seen, SettleError, StandingStay, StayRefusal, StayState,
};
use prost::Message;
use tokio::sync::oneshot;

use super::settle::Composed;
use super::{Desk, Draft, TRIES};
use crate::canonical;
use crate::deadline::Deadline;
use crate::desk::holds::quote;
use crate::desk::{Asking, answered, blocking, decode, now_ms, sendable};
use crate::errors::Refusal;
use crate::request::{self, StayCall};
use crate::v1;

/// What a quote of a stay asks, as it was sent.
#[derive(Clone)]
struct Asked {
    call: StayCall,
    stay: v1::StayReference,
    request: Arc<v1::PreSettleRequest>,
}

impl Asked {
    fn of(stay: v1::StayReference, request: v1::PreSettleRequest) -> Result<Asked, Refusal> {
        let call = request::stay(Some(&stay)).map_err(Refusal::Invalid)?;
        Ok(Asked { call, stay, request: Arc::new(request) })
    }
}

impl Desk {
    /// The whole answer for a stay as it stands; nothing is booked.
    pub(crate) async fn pre_settle_stay(
        &self,
        stay: v1::StayReference,
        request: v1::PreSettleRequest,
    ) -> Result<v1::PreSettleResponse, Refusal> {
        let asked = Asked::of(stay, request)?;
        let desk = self.clone();
        blocking(move || {
            let standing = desk.stay_of(&asked.call)?.ok_or(Refusal::Stay(StayRefusal::NotFound))?;
            if standing.state == StayState::Settled {
                let setl_id = standing.settlements.last().map(ToString::to_string).unwrap_or_default();
                return Err(Refusal::AlreadySettled { setl_id });
            }
            let Composed { envelope, claim, taken, programme, .. } = desk.quoted_bill(&standing, &asked)?;
            let seen = desk.seen_by(&envelope, &claim)?;
            let (_, quote) = answered(&claim, &envelope, &taken, &programme, &seen, None)?;
            sendable(quote.encoded_len(), desk.answer_bytes_max)?;
            Ok(v1::PreSettleResponse { settlement: Some(quote), ..Default::default() })
        })
        .await?
    }

    /// Books a quote of a stay that binds, or returns what was booked under its `msgid`.
    pub(in crate::desk) async fn hold_stay(
        &self,
        stay: v1::StayReference,
        request: v1::PreSettleRequest,
        deadline: Deadline,
    ) -> Result<v1::PreSettleResponse, Refusal> {
        let asked = Asked::of(stay, request)?;
        let hold_until = asked.request.hold_until.clone();
        let until_ms = request::read_until(&hold_until).map_err(Refusal::Invalid)?;
        let sent = canonical::hold_bytes(v1::PreSettleRequest::clone(&asked.request));
        for _ in 0..TRIES {
            let (desk, of) = (self.clone(), asked.clone());
            // What is wrong with its bill is told once the ledger has said that the stay may be quoted.
            let (version, composed) = blocking(move || -> Result<_, Refusal> {
                let Some(standing) = desk.stay_of(&of.call)? else {
                    return Ok((0, Err(Refusal::Stay(StayRefusal::NotFound))));
                };
                Ok((standing.version, desk.quoted_bill(&standing, &of)))
            })
            .await??;
            let read = composed.as_ref().ok();
            let event = HoldEvent {
                message: self.message_key(&asked.call.envelope),
                person: self.person_key(&asked.call.psn_no),
                family_no: read.and_then(|composed| composed.claim.person.family_no.clone()),
                mdtrt_id: asked.call.mdtrt_id.clone().unwrap_or_default(),
                until_ms,
                booked_at_ms: now_ms(),
                request: sent.clone(),
                stay: Some(QuotedStay {
                    version,
                    bill: read.map(|composed| composed.bill.clone()).unwrap_or_default(),
                }),
            };
            let (answer_bytes_max, hold_max_s) = (self.answer_bytes_max, self.hold_max_s);
            let hold_until = hold_until.clone();
            let decide = move |seen: &Seen, assigned: &Assigned| {
                if deadline.has_passed() {
                    return Err(Refusal::DeadlineBeforeCommit);
                }
                request::hold_span(&hold_until, until_ms, assigned.booked_at_ms, hold_max_s)
                    .map_err(Refusal::Invalid)?;
                let Composed { envelope, claim, taken, programme, .. } =
                    composed.as_ref().map_err(Refusal::clone)?;
                quote(claim, envelope, taken, programme, seen, assigned, answer_bytes_max)
            };
            let (reply, answer) = oneshot::channel();
            let send = move |result: Result<Committed, SettleError<Refusal>>| drop(reply.send(result));
            self.ledger.submit_hold(event, decide, send).map_err(|_| Refusal::Busy)?;
            match self.wait(answer, deadline).await? {
                Err(SettleError::Moved) => {}
                Ok(committed) => {
                    let answer: v1::PreSettleResponse = decode(&committed.receipt().answer)?;
                    let message = self.message_key(&asked.call.envelope);
                    let receipt = self.receipt_for(&answer, message).await;
                    return Ok(v1::PreSettleResponse { receipt, ..answer });
                }
                Err(error) => return Err(self.settle_refusal(error, Asking::Hold, &sent)),
            }
        }
        Err(Refusal::Busy)
    }

    /// The bill of a stay as it stands, under the message that asks for its quote; one that is not discharged is quoted as
    /// if it ended.
    fn quoted_bill(&self, standing: &StandingStay, asked: &Asked) -> Result<Composed, Refusal> {
        let Asked { call, stay, request } = asked;
        let mut draft = Draft::of(standing)?;
        let data = quoted_data(&draft, request.data.clone())?;
        if !draft.is_discharged() {
            let day = if data.setl_date.is_empty() { draft.last_day() } else { data.setl_date.clone() };
            draft.end_with(&day);
        }
        let settle = v1::SettleRequest {
            data: Some(data),
            national: request.national.clone(),
            mulaidinfo: request.mulaidinfo.clone(),
            evtinfo: request.evtinfo.clone(),
            ..v1::SettleRequest::default()
        };
        self.compose(&draft, call, stay.clone(), &settle)
    }
}

/// What a quote goes by where it was not sent.
fn quoted_data(draft: &Draft, data: Option<v1::SettleData>) -> Result<v1::SettleData, Refusal> {
    let mut data = data.unwrap_or_default();
    if data.acct_used_flag.is_empty() {
        "0".clone_into(&mut data.acct_used_flag);
    }
    if data.medfee_sumamt.is_empty() {
        let amounts = draft.lines().iter().map(|line| Money::parse(&line.det_item_fee_sumamt));
        let amounts: Vec<Money> = amounts.collect::<Result<_, _>>().map_err(|_| Refusal::Fault)?;
        data.medfee_sumamt = Money::sum(amounts).map_err(|_| Refusal::Fault)?.to_string();
    }
    Ok(data)
}
