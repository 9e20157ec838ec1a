//! The settlement of a stay (2304), whole or midway: its bill is put together from its calls and goes the way of every other
//! bill.

use std::sync::Arc;

use bedside_claim::Claim;
use bedside_ledger::{
    Assigned, Committed, Seen, SettleError, SettleEvent, SettledStay, StayPart, StayRefusal,
};
use bedside_policy::Programme;
use tokio::sync::oneshot;

use super::{Desk, Draft, TRIES};
use crate::canonical;
use crate::deadline::Deadline;
use crate::desk::registers::Taken;
use crate::desk::{Asking, blocking, decide, now_ms, stored_answer};
use crate::errors::Refusal;
use crate::invalid::{Invalid, InvalidCode, Phrase, ShownValue};
use crate::request::{self, Envelope, StayCall};
use crate::v1;

/// A stay put together: the bytes of its bill, and what they ask.
pub(super) struct Composed {
    pub(super) bill: Vec<u8>,
    pub(super) envelope: Envelope,
    pub(super) claim: Claim,
    pub(super) taken: Taken,
    pub(super) programme: Arc<Programme>,
}

/// How much of a request to settle a stay its bill was put together from.
type Asked = (StayPart, u64, Result<Arc<Composed>, Refusal>);

impl Desk {
    /// Books a stay, or returns what was booked under the `msgid`.
    pub(crate) async fn settle_stay(
        &self,
        request: v1::SettleRequest,
        deadline: Deadline,
    ) -> Result<v1::SettleResponse, Refusal> {
        let call = request::stay(request.stay.as_ref()).map_err(Refusal::Invalid)?;
        let request = Arc::new(request);
        let sent = canonical::settle_stay_bytes(v1::SettleRequest::clone(&request));
        for _ in 0..TRIES {
            let (desk, asked_of, asked_by) = (self.clone(), call.clone(), Arc::clone(&request));
            let (part, version, composed) = blocking(move || desk.composed(&asked_of, &asked_by)).await??;
            let stay = SettledStay {
                part,
                version,
                bill: composed.as_ref().map(|composed| composed.bill.clone()).unwrap_or_default(),
            };
            let family_no =
                composed.as_ref().ok().and_then(|composed| composed.claim.person.family_no.clone());
            let event = SettleEvent {
                message: self.message_key(&call.envelope),
                person: self.person_key(&call.psn_no),
                family_no,
                hold_id: Some(request.hold_id.as_str()).filter(|hold_id| !hold_id.is_empty()).map(Arc::from),
                mdtrt_id: call.mdtrt_id.clone().unwrap_or_default(),
                stay: Some(stay),
                booked_at_ms: now_ms(),
                request: sent.clone(),
            };
            let answer_bytes_max = self.answer_bytes_max;
            let decide = move |seen: &Seen, assigned: &Assigned| {
                if deadline.has_passed() {
                    return Err(Refusal::DeadlineBeforeCommit);
                }
                let composed = composed.as_deref().map_err(Refusal::clone)?;
                let Composed { bill, envelope, claim, taken, programme } = composed;
                decide(claim, envelope, taken, programme, (seen, bill), assigned, answer_bytes_max)
            };
            let (reply, answer) = oneshot::channel();
            let send = move |result: Result<Committed, SettleError<Refusal>>| drop(reply.send(result));
            self.ledger.submit_settle(event, decide, send).map_err(|_| Refusal::Busy)?;
            match self.wait(answer, deadline).await? {
                Err(SettleError::Moved) => {}
                committed => {
                    let settlement = committed
                        .map_err(|error| self.settle_refusal(error, Asking::Stay, &sent))
                        .and_then(stored_answer)?;
                    let receipt = self.receipt_for(&settlement, self.message_key(&call.envelope)).await;
                    return Ok(v1::SettleResponse { settlement: Some(settlement), receipt });
                }
            }
        }
        Err(Refusal::Busy)
    }

    /// The bill of a stay as it stands now. What is wrong with it is told once the ledger has said that the stay takes a
    /// settlement, and nothing where the message is booked already.
    fn composed(&self, call: &StayCall, request: &v1::SettleRequest) -> Result<Asked, Refusal> {
        let is_mid_stay = request.data.as_ref().is_some_and(|data| data.mid_setl_flag == "1");
        let part = if is_mid_stay { StayPart::MidStay } else { StayPart::Final };
        let Some(stay) = self.stay_of(call)? else {
            return Ok((part, 0, Err(Refusal::Stay(StayRefusal::NotFound))));
        };
        let composed = Draft::of(&stay).and_then(|mut draft| {
            if is_mid_stay && !draft.is_discharged() {
                draft.end_with(&day_of_mid_stay(request)?);
            }
            self.compose(&draft, call, request.stay.clone().unwrap_or_default(), request).map(Arc::new)
        });
        Ok((part, stay.version, composed))
    }

    pub(super) fn compose(
        &self,
        draft: &Draft,
        call: &StayCall,
        stay: v1::StayReference,
        request: &v1::SettleRequest,
    ) -> Result<Composed, Refusal> {
        if draft.lines().is_empty() && request.evtinfo.is_empty() {
            return Err(Refusal::Stay(StayRefusal::NoLines));
        }
        let mdtrt_id = call.mdtrt_id.as_deref().unwrap_or_default();
        let mut bill = draft.bill(mdtrt_id, stay.header.unwrap_or_default(), v1::SettleData::default());
        bill.data.clone_from(&request.data);
        if let Some(data) = &mut bill.data {
            data.prev_setl_flag = if draft.has_settled_parts() { "1".to_owned() } else { String::new() };
        }
        bill.national.clone_from(&request.national);
        bill.mulaidinfo.clone_from(&request.mulaidinfo);
        bill.evtinfo.clone_from(&request.evtinfo);
        let (taken, sent) = self.complete(&mut bill)?;
        let (envelope, claim) = request::settle_stay(&bill).map_err(Refusal::Invalid)?;
        sent.restore(&mut bill);
        let programme = self.library.programme_for(&claim).map_err(Refusal::Unresolved)?;
        Ok(Composed { bill: canonical::settle_bytes(bill), envelope, claim, taken, programme })
    }
}

/// The day up to which a stay that goes on is settled.
fn day_of_mid_stay(request: &v1::SettleRequest) -> Result<String, Refusal> {
    let day = request.data.as_ref().map(|data| data.setl_date.clone()).unwrap_or_default();
    if !day.is_empty() {
        return Ok(day);
    }
    Err(Refusal::Invalid(
        Invalid {
            code: InvalidCode::Required,
            field: "data.setl_date".to_owned(),
            line: None,
            value: ShownValue::of("data.setl_date", ""),
            allowed: Phrase::fixed(
                "中途结算须有结算日 yyyy-MM-dd",
                "the day, where a stay is settled midway, yyyy-MM-dd",
            ),
        }
        .into(),
    ))
}
