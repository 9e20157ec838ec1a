//! The calls of a stay (2401 to 2405, 2301, 2302): what a call says is checked together with the rest of the stay, then
//! committed against the version of the stay that it was checked with.
//!
//! A call that meets a stay which has moved meanwhile is checked again. Invariant: a message that was booked gets its
//! stored answer, whatever became of the stay since.

mod draft;
mod fees;
mod quote;
mod reversal;
mod settle;

use std::collections::BTreeSet;
use std::sync::Arc;

use bedside_ledger::{
    AssignedStay, Committed, MessageKey, MessageKind, ReadError, StandingStay, StayError, StayEvent,
    StayKind, StayLines, StayRefusal, StayState,
};
use prost::Message;
use tokio::sync::oneshot;

pub(super) use self::draft::Draft;
use super::{Desk, blocking, decode, now_ms, sendable};
use crate::canonical::{self, Difference};
use crate::deadline::Deadline;
use crate::errors::Refusal;
use crate::request::{self, OPEN_END, StayCall};
use crate::v1;

/// How often a call is checked against a stay that keeps moving.
const TRIES: usize = 16;

/// A call of a stay that was read.
#[derive(Clone)]
struct Asked {
    kind: StayKind,
    call: StayCall,
    lines: StayLines,
    sent: Vec<u8>,
}

impl Asked {
    fn of(kind: StayKind, call: StayCall, sent: Vec<u8>) -> Asked {
        Asked { kind, call, lines: StayLines::These(Vec::new()), sent }
    }
}

/// What a call comes to once it was held against the stay, and the version of it; none where none was asked for.
struct Checked {
    version: Option<u64>,
    answer: Result<Said, Refusal>,
}

/// An answer without its booking, encoded before it comes to the committer, which every caller waits for.
#[derive(Clone, Default)]
struct Said {
    bytes: Vec<u8>,
    /// The sum of the lines that come in, in yuan and fen; empty where none do.
    det_item_fee_sumamt: String,
}

/// What the ledger made of a call.
enum Outcome<A> {
    Done(A),
    Moved,
}

/// The answer to a call of a stay: what it booked is stored in it, and a receipt of that goes out beside it.
trait StayAnswer: Message + Default + 'static {
    fn booking(&mut self) -> &mut Option<v1::StayBooking>;
    fn receipt(&mut self) -> &mut Option<v1::Receipt>;
}

macro_rules! stay_answers {
    ($($answer:ident)*) => {$(
        impl StayAnswer for v1::$answer {
            fn booking(&mut self) -> &mut Option<v1::StayBooking> {
                &mut self.booking
            }

            fn receipt(&mut self) -> &mut Option<v1::Receipt> {
                &mut self.receipt
            }
        }
    )*};
}

stay_answers!(
    AdmitResponse UpdateAdmissionResponse CancelAdmissionResponse UploadFeesResponse StreamFeesResponse
    CancelFeesResponse DischargeResponse CancelDischargeResponse
);

impl Desk {
    /// 2401: opens a stay.
    pub(crate) async fn admit(
        &self,
        request: v1::AdmitRequest,
        deadline: Deadline,
    ) -> Result<v1::AdmitResponse, Refusal> {
        let call = request::admit(&request).map_err(Refusal::Invalid)?;
        let asked = Asked::of(StayKind::Admit, call, canonical::admit_bytes(request));
        let answer = |assigned: &AssignedStay| {
            let mdtrt_id = assigned.mdtrt_id.to_string();
            let bytes = v1::AdmitResponse { mdtrt_id, ..Default::default() }.encode_to_vec();
            Ok(Said { bytes, ..Said::default() })
        };
        match self.commit(asked, None, deadline, answer).await? {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Moved => Err(Refusal::Busy),
        }
    }

    /// 2403: changes what was said at admission.
    pub(crate) async fn update_admission(
        &self,
        request: v1::UpdateAdmissionRequest,
        deadline: Deadline,
    ) -> Result<v1::UpdateAdmissionResponse, Refusal> {
        let call = request::stay(request.stay.as_ref()).map_err(Refusal::Invalid)?;
        let asked = Asked::of(StayKind::Update, call, canonical::stay_bytes(request.clone()));
        let check = move |draft: &mut Draft| {
            draft.update(&request);
            request::so_far(&draft.so_far(OPEN_END)).map_err(Refusal::Invalid).map(drop)
        };
        self.checked(asked, deadline, check).await
    }

    /// 2404: it never was.
    pub(crate) async fn cancel_admission(
        &self,
        request: v1::CancelAdmissionRequest,
        deadline: Deadline,
    ) -> Result<v1::CancelAdmissionResponse, Refusal> {
        let call = request::stay(request.stay.as_ref()).map_err(Refusal::Invalid)?;
        let asked = Asked::of(StayKind::CancelAdmission, call, canonical::stay_bytes(request));
        self.unchecked(asked, deadline).await
    }

    /// 2302: lines are withdrawn.
    pub(crate) async fn cancel_fees(
        &self,
        request: v1::CancelFeesRequest,
        deadline: Deadline,
    ) -> Result<v1::CancelFeesResponse, Refusal> {
        let (call, numbers) = request::withdraw(&request).map_err(Refusal::Invalid)?;
        let lines = fees::named(numbers);
        let asked = Asked { lines, ..Asked::of(StayKind::FeesOut, call, canonical::stay_bytes(request)) };
        self.unchecked(asked, deadline).await
    }

    /// 2402: the person has left. Everything that stands must fit between admission and discharge.
    pub(crate) async fn discharge(
        &self,
        request: v1::DischargeRequest,
        deadline: Deadline,
    ) -> Result<v1::DischargeResponse, Refusal> {
        let call = request::stay(request.stay.as_ref()).map_err(Refusal::Invalid)?;
        let asked = Asked::of(StayKind::Discharge, call, canonical::stay_bytes(request.clone()));
        let check = move |draft: &mut Draft| {
            draft.discharge(&request);
            request::so_far(&draft.so_far("")).map_err(Refusal::Invalid).map(drop)
        };
        self.checked(asked, deadline, check).await
    }

    /// 2405: the person has not left.
    pub(crate) async fn cancel_discharge(
        &self,
        request: v1::CancelDischargeRequest,
        deadline: Deadline,
    ) -> Result<v1::CancelDischargeResponse, Refusal> {
        let call = request::stay(request.stay.as_ref()).map_err(Refusal::Invalid)?;
        let asked = Asked::of(StayKind::CancelDischarge, call, canonical::stay_bytes(request));
        self.unchecked(asked, deadline).await
    }

    /// A call that is held against the table alone.
    async fn unchecked<A: StayAnswer>(&self, asked: Asked, deadline: Deadline) -> Result<A, Refusal> {
        match self.commit(asked, None, deadline, |_: &AssignedStay| Ok(Said::default())).await? {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Moved => Err(Refusal::Busy),
        }
    }

    /// A call that is checked against the whole stay.
    async fn checked<A: StayAnswer>(
        &self,
        asked: Asked,
        deadline: Deadline,
        check: impl Fn(&mut Draft) -> Result<(), Refusal> + Clone + Send + 'static,
    ) -> Result<A, Refusal> {
        for _ in 0..TRIES {
            let (desk, call, check) = (self.clone(), asked.call.clone(), check.clone());
            let checked = blocking(move || -> Result<Checked, Refusal> {
                let Some(stay) = desk.stay_of(&call)? else {
                    // The ledger refuses it; should the stay be there by then, it has moved.
                    return Ok(Checked { version: Some(0), answer: Ok(Said::default()) });
                };
                let checked = Draft::of(&stay).and_then(|mut draft| check(&mut draft));
                Ok(Checked { version: Some(stay.version), answer: checked.map(|()| Said::default()) })
            })
            .await??;
            let Checked { version, answer } = checked;
            let decide = move |_: &AssignedStay| answer.clone();
            if let Outcome::Done(answer) = self.commit(asked.clone(), version, deadline, decide).await? {
                return Ok(answer);
            }
        }
        Err(Refusal::Busy)
    }

    async fn commit<A: StayAnswer>(
        &self,
        asked: Asked,
        version: Option<u64>,
        deadline: Deadline,
        answer: impl Fn(&AssignedStay) -> Result<Said, Refusal> + Send + 'static,
    ) -> Result<Outcome<A>, Refusal> {
        let Asked { kind, call, lines, sent } = asked;
        let message = self.message_key(&call.envelope);
        let event = StayEvent {
            message: message.clone(),
            person: self.person_key(&call.psn_no),
            mdtrt_id: call.mdtrt_id,
            kind,
            lines,
            version,
            booked_at_ms: now_ms(),
            request: sent.clone(),
        };
        let (envelope, answer_bytes_max) = (call.envelope, self.answer_bytes_max);
        let decide = move |assigned: &AssignedStay| {
            if deadline.has_passed() {
                return Err(Refusal::DeadlineBeforeCommit);
            }
            let Said { mut bytes, det_item_fee_sumamt } = answer(assigned)?;
            let has_lines = matches!(kind, StayKind::FeesIn | StayKind::FeesOut);
            let mut behind = A::default();
            *behind.booking() = Some(v1::StayBooking {
                infno: request::stay_infno(kind).to_owned(),
                fixmedins_code: envelope.fixmedins_code.to_string(),
                msgid: envelope.msgid.to_string(),
                mdtrt_id: assigned.mdtrt_id.to_string(),
                lines: if has_lines { assigned.lines.to_string() } else { String::new() },
                det_item_fee_sumamt,
            });
            // The booking is the last field but the receipt: behind the others it is encoded as with them.
            bytes.extend(behind.encode_to_vec());
            sendable(bytes.len(), answer_bytes_max)?;
            Ok(bytes)
        };
        let (reply, committed) = oneshot::channel();
        let send = move |result: Result<Committed, StayError<Refusal>>| drop(reply.send(result));
        self.ledger.submit_stay(event, decide, send).map_err(|_| Refusal::Busy)?;
        match self.wait(committed, deadline).await? {
            Ok(committed) => {
                let mut answer: A = decode(&committed.receipt().answer)?;
                // What an earlier release stored says nothing that a receipt could prove.
                if answer.booking().is_some() {
                    *answer.receipt() = self.receipt_for(&answer, message).await;
                }
                Ok(Outcome::Done(answer))
            }
            Err(StayError::Moved) => Ok(Outcome::Moved),
            Err(error) => Err(self.stay_refusal(error, kind, &sent)),
        }
    }

    fn stay_refusal(&self, error: StayError<Refusal>, kind: StayKind, sent: &[u8]) -> Refusal {
        match error {
            StayError::NotBooked(error) => {
                let difference = |stored: &[u8]| Difference::of_stay(kind, stored, sent);
                self.not_booked(error, "a call of a stay", MessageKind::Stay(kind), difference)
            }
            StayError::Stay(refusal) => Refusal::Stay(refusal),
            StayError::DiskNearlyFull => Refusal::DiskNearlyFull,
            StayError::Moved => Refusal::Busy,
        }
    }

    /// The stay that a call names, if it is the person's, with what is not settled of it.
    fn stay_of(&self, call: &StayCall) -> Result<Option<StandingStay>, Refusal> {
        let Some(mdtrt_id) = &call.mdtrt_id else { return Ok(None) };
        let stay = self.ledger.unsettled_stay(&self.message_key(&call.envelope), mdtrt_id);
        self.own(stay, call)
    }

    /// The same with these lines alone, and what refunds them.
    fn stay_around(
        &self,
        call: &StayCall,
        charges: &BTreeSet<Arc<str>>,
    ) -> Result<Option<StandingStay>, Refusal> {
        let Some(mdtrt_id) = &call.mdtrt_id else { return Ok(None) };
        let stay = self.ledger.stay_around(&self.message_key(&call.envelope), mdtrt_id, charges);
        self.own(stay, call)
    }

    fn own(
        &self,
        stay: Result<Option<StandingStay>, ReadError>,
        call: &StayCall,
    ) -> Result<Option<StandingStay>, Refusal> {
        let stay = stay.map_err(|error| self.read_refusal(&error))?;
        Ok(stay.filter(|stay| stay.psn_no == call.psn_no))
    }

    /// Where the stay of a call stands now, in a word.
    pub(super) fn stay_state(
        &self,
        hospital: &MessageKey,
        mdtrt_id: &Arc<str>,
    ) -> Result<&'static str, Refusal> {
        let state = self.ledger.stay_state(hospital, mdtrt_id).map_err(|error| self.read_refusal(&error))?;
        Ok(match state {
            StayState::Unknown => "",
            StayState::Admitted => "admitted",
            StayState::Discharged => "discharged",
            StayState::Settled => "settled",
            StayState::Cancelled => "cancelled",
        })
    }

    /// Whether a visit may be quoted: it is not settled, nor a stay where a bill came whole.
    pub(super) fn quotable(&self, hospital: &MessageKey, mdtrt_id: &Arc<str>) -> Result<(), Refusal> {
        let state = self.ledger.stay_state(hospital, mdtrt_id).map_err(|error| self.read_refusal(&error))?;
        if matches!(state, StayState::Admitted | StayState::Discharged) {
            return Err(Refusal::Stay(StayRefusal::AlreadyAdmitted));
        }
        let settled = self.ledger.standing(hospital, mdtrt_id).map_err(|error| self.read_refusal(&error))?;
        match settled {
            Some(booked) => Err(Refusal::AlreadySettled { setl_id: booked.setl_id.to_string() }),
            None => Ok(()),
        }
    }
}
