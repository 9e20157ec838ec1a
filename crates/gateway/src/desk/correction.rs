//! A settled bill is settled again, and whatever was computed from it.
//!
//! The ledger says what must be decided again and in which order; here stored bills are read and decided, by the same
//! door as a new one. Invariant: the same bill, packs and accumulators give the same answer byte for byte, so that what
//! was not touched is told apart from what was.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{Accumulators, Money};
use bedside_ledger::{
    Assigned, ChangedSettlement, CorrectError, CorrectEvent, Corrected, Decision, Effect, Facts, MessageKind,
    MessageRecord, Posting, Readjudication, Run, Seen, Service, Standing,
};
use prost::Message;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::{BOOKED, Desk, INLINE_LINES_MAX, blocking, decode, now_ms, sendable};
use crate::answer;
use crate::canonical::{self, Difference};
use crate::deadline::Deadline;
use crate::errors::Refusal;
use crate::request::{self, Correction, Effective};
use crate::v1;

/// What a query calls it: it has no national number.
pub(super) const CALL: &str = "CorrectSettlement";

impl Desk {
    /// Corrects a settlement, tells what a correction would come to, or returns what was answered under the `msgid`.
    pub(crate) async fn correct(
        &self,
        request: v1::CorrectSettlementRequest,
        deadline: Deadline,
    ) -> Result<v1::CorrectSettlementResponse, Refusal> {
        let may_take_long = request
            .bill
            .as_ref()
            .is_some_and(|bill| bill.feedetail.len() > INLINE_LINES_MAX || self.may_complete(bill));
        let read = if may_take_long {
            let desk = self.clone();
            blocking(move || desk.read_correction(request)).await?
        } else {
            self.read_correction(request)
        };
        let (correction, bill, sent) = read?;
        let run = match correction.effective {
            Effective::Booked => Run::Book,
            Effective::DryRun => Run::Dry,
        };
        let event = CorrectEvent {
            message: self.message_key(&correction.envelope),
            person: self.person_key(&correction.psn_no),
            setl_id: Arc::clone(&correction.setl_id),
            bill: bill.clone(),
            run,
            booked_at_ms: now_ms(),
            request: sent.clone(),
        };
        let again =
            Again { desk: self.clone(), setl_id: Arc::clone(&correction.setl_id), bill, run, deadline };
        let (reply, answer) = oneshot::channel();
        let send = move |result| drop(reply.send(result));
        self.ledger.submit_correct(event, again, send).map_err(|_| Refusal::Busy)?;
        let corrected = self.wait(answer, deadline).await?;
        match corrected.map_err(|error| self.correct_refusal(error, &correction, &sent))? {
            Corrected::Booked(committed) => {
                let answer: v1::CorrectSettlementResponse = decode(&committed.receipt().answer)?;
                let receipt = self.receipt_for(&answer, self.message_key(&correction.envelope)).await;
                Ok(v1::CorrectSettlementResponse { receipt, ..answer })
            }
            Corrected::Dry(answer) => decode(&answer),
        }
    }

    /// A bill that leaves out what registers have is checked with what they have, and stored as it was sent.
    fn read_correction(&self, request: v1::CorrectSettlementRequest) -> Result<Read, Refusal> {
        let mut completed = request.clone();
        if let Some(bill) = &mut completed.bill {
            self.complete(bill)?;
        }
        let correction = request::correct(&completed).map_err(Refusal::Invalid)?;
        let bill = request.bill.clone().map(canonical::settle_bytes);
        Ok((correction, bill, canonical::correct_bytes(request)))
    }

    fn correct_refusal(&self, error: CorrectError<Refusal>, correction: &Correction, sent: &[u8]) -> Refusal {
        match error {
            CorrectError::NotBooked(error) => {
                let difference = |stored: &[u8]| Difference::of_correct(stored, sent);
                self.not_booked(error, "a correction", MessageKind::Correct, difference)
            }
            // What is wrong with the correction itself is told as it is of a bill; what stands in its way elsewhere, by
            // the settlement that it concerns.
            CorrectError::NotAgain { refusal: Refusal::Fault, .. } => Refusal::Fault,
            CorrectError::NotAgain { setl_id, refusal } if setl_id == correction.setl_id => refusal,
            CorrectError::NotAgain { setl_id, refusal } => {
                Refusal::NotAgain { setl_id: setl_id.to_string(), because: Box::new(refusal) }
            }
            CorrectError::ContentErased { setl_id } => {
                let setl_id = setl_id.to_string();
                let because = Box::new(Refusal::Erased { setl_id: setl_id.clone() });
                Refusal::NotAgain { setl_id, because }
            }
            CorrectError::NotFound => Refusal::NotFound,
            CorrectError::AlreadyCancelled { by } => Refusal::AlreadyCancelled { setl_id: by.to_string() },
            CorrectError::DiskNearlyFull => Refusal::DiskNearlyFull,
            CorrectError::Defect { .. } | CorrectError::OutOfRange => super::defect(&error, "a correction"),
        }
    }
}

/// The checked request, the bytes of the corrected bill, and the bytes that are stored of the call.
type Read = (Correction, Option<Vec<u8>>, Vec<u8>);

/// Decides stored bills under the packs as they are loaded now.
struct Again {
    desk: Desk,
    /// The settlement that is corrected, and its corrected facts.
    setl_id: Arc<str>,
    bill: Option<Vec<u8>>,
    run: Run,
    deadline: Deadline,
}

impl Readjudication for Again {
    type Refusal = Refusal;

    fn facts(&self, bill: &[u8]) -> Result<Facts, Refusal> {
        let mut bill: v1::SettleBillRequest = decode(bill)?;
        self.desk.complete(&mut bill)?;
        let (ended, settled) = request::service(&bill).map_err(Refusal::Invalid)?;
        let family_no = bill.baseinfo.map(|baseinfo| baseinfo.family_no).filter(|it| !it.is_empty());
        Ok(Facts { service: Service { ended, settled }, family_no: family_no.map(Arc::from) })
    }

    fn decide(
        &self,
        sent: &[u8],
        standing: &Standing<'_>,
        accumulators: &Accumulators,
    ) -> Result<Decision, Refusal> {
        let mut bill: v1::SettleBillRequest = decode(sent)?;
        let (taken, _) = self.desk.complete(&mut bill)?;
        // The stored bill may be that of a stay so far.
        let (envelope, claim) = request::settle_stay(&bill).map_err(Refusal::Invalid)?;
        if self.bill.is_some() && standing.assigned.setl_id == self.setl_id {
            of_the_settlement("header.msgid", &envelope.msgid, &standing.message.msgid)?;
            of_the_settlement("mdtrtinfo.mdtrt_id", &claim.visit.mdtrt_id, standing.mdtrt_id)?;
            of_the_part(bill.data.as_ref(), standing.booked_bill)?;
        }
        let programme = self.desk.library.programme_for(&claim).map_err(Refusal::Unresolved)?;
        // What was promised since is not seen: a quote whose inputs this changes is refused when it is settled.
        let seen = Seen::of(accumulators.clone());
        let limit = self.desk.answer_bytes_max;
        super::decide(&claim, &envelope, &taken, &programme, (&seen, sent), standing.assigned, limit)
    }

    fn answer(&self, effect: &Effect, assigned: &Assigned) -> Result<Vec<u8>, Refusal> {
        if self.deadline.has_passed() {
            return Err(Refusal::DeadlineBeforeCommit);
        }
        let (correction_id, correction_time) = match self.run {
            Run::Dry => (String::new(), String::new()),
            Run::Book => {
                let time = answer::setl_time(assigned.booked_at_ms).ok_or(Refusal::Fault)?;
                (assigned.setl_id.to_string(), time)
            }
        };
        let all = |of: fn(&ChangedSettlement) -> &[Posting]| effect.changed.iter().flat_map(of);
        let answer = v1::CorrectSettlementResponse {
            correction_id,
            correction_time,
            setl_id: self.setl_id.to_string(),
            changed: effect.changed.iter().map(changed).collect::<Result<_, _>>()?,
            unchanged: effect.unchanged.to_string(),
            totals: differences(all(|it| &it.old), all(|it| &it.new))?,
            receipt: None,
        };
        let answer = answer.encode_to_vec();
        sendable(answer.len(), self.desk.answer_bytes_max)?;
        Ok(answer)
    }
}

fn of_the_settlement(field: &str, sent: &str, booked: &str) -> Result<(), Refusal> {
    if sent == booked {
        return Ok(());
    }
    Err(Refusal::Invalid(request::not_of_the_settlement(field, sent)))
}

/// Of a stay settled in parts the corrected bill is that of the same part, and a whole bill stays one.
fn of_the_part(sent: Option<&v1::SettleData>, booked: &[u8]) -> Result<(), Refusal> {
    let booked: v1::SettleBillRequest = decode(booked)?;
    let (sent, booked) = (sent.cloned().unwrap_or_default(), booked.data.unwrap_or_default());
    let flag = |flag: &str| if flag == "1" { "1" } else { "" }.to_owned();
    for (field, sent, booked) in [
        ("data.mid_setl_flag", &sent.mid_setl_flag, &booked.mid_setl_flag),
        ("data.prev_setl_flag", &sent.prev_setl_flag, &booked.prev_setl_flag),
    ] {
        of_the_settlement(field, &flag(sent), &flag(booked))?;
    }
    Ok(())
}

fn changed(settlement: &ChangedSettlement) -> Result<v1::CorrectedSettlement, Refusal> {
    Ok(v1::CorrectedSettlement {
        setl_id: settlement.setl_id.to_string(),
        version: settlement.version.to_string(),
        mdtrt_id: settlement.mdtrt_id.to_string(),
        fixmedins_code: settlement.message.fixmedins_code.to_string(),
        old_medfee_sumamt: settlement.old_medfee_sumamt.to_string(),
        new_medfee_sumamt: settlement.new_medfee_sumamt.to_string(),
        accounts: differences(&settlement.old, &settlement.new)?,
        settlement_sha256: Sha256::digest(&settlement.answer).to_vec(),
    })
}

/// Each account that bears something before or after, in the order of their names.
fn differences<'a>(
    old: impl IntoIterator<Item = &'a Posting>,
    new: impl IntoIterator<Item = &'a Posting>,
) -> Result<Vec<v1::AccountDifference>, Refusal> {
    let mut accounts = BTreeMap::<&str, (Money, Money)>::new();
    for posting in old {
        let (old, _) = accounts.entry(&posting.account).or_default();
        *old = old.plus(posting.amount).map_err(|_| Refusal::Fault)?;
    }
    for posting in new {
        let (_, new) = accounts.entry(&posting.account).or_default();
        *new = new.plus(posting.amount).map_err(|_| Refusal::Fault)?;
    }
    let told = accounts.into_iter().map(|(account, (old, new))| {
        Ok(v1::AccountDifference {
            account: account.to_owned(),
            old: old.to_string(),
            new: new.to_string(),
            difference: new.minus(old).map_err(|_| Refusal::Fault)?.to_string(),
        })
    });
    told.collect()
}

/// What a query tells of a correction.
pub(super) fn told(
    message: &MessageRecord,
    receipt: Option<v1::Receipt>,
) -> Result<v1::QueryByMsgidResponse, Refusal> {
    Ok(v1::QueryByMsgidResponse {
        outcome: BOOKED.to_owned(),
        infno: CALL.to_owned(),
        state: BOOKED.to_owned(),
        receipt,
        mdtrt_id: message.mdtrt_id.to_string(),
        correction: Some(decode(&message.receipt.answer)?),
        ..Default::default()
    })
}
