//! What became of a call (by msgid), a settlement as it stands (5203), and what a person has used up (5206).
//!
//! Reads the ledger and changes nothing. Invariant: nobody learns whether a settlement of somebody else is there.

use bedside_claim::{Accumulators, Term};
use bedside_ledger::{BookedSettlement, MessageKind, PersonKey, Status};

use super::{BOOKED, CANCELLED, CORRECTED, Desk, REVERSED, blocking, correction, decode, reversal};
use crate::answer;
use crate::errors::Refusal;
use crate::request;
use crate::v1;

impl Desk {
    /// What became of a call.
    pub(crate) async fn query(
        &self,
        request: v1::QueryByMsgidRequest,
    ) -> Result<v1::QueryByMsgidResponse, Refusal> {
        let (envelope, known_tree_size) = request::query(&request).map_err(Refusal::Invalid)?;
        let desk = self.clone();
        blocking(move || {
            let key = desk.message_key(&envelope);
            let unknown = || v1::QueryByMsgidResponse { outcome: "unknown".to_owned(), ..Default::default() };
            let Some(message) = desk.ledger.message(&key).map_err(|error| desk.read_refusal(&error))? else {
                return Ok(unknown());
            };
            if message.is_erased && message.kind != MessageKind::Tombstone {
                return Ok(reversal::told_of_erased(&message));
            }
            let receipt = desk.receipt(message.receipt.answer.len(), &key, known_tree_size);
            let mdtrt_id = message.mdtrt_id.to_string();
            let (infno, state) = match message.kind {
                MessageKind::Settle => {
                    let booked = desk.booked(&message.receipt.setl_id)?;
                    ("2304", booked.as_ref().map_or(BOOKED, state))
                }
                MessageKind::Cancel => ("2305", CANCELLED),
                MessageKind::Reverse => return reversal::told(&message, receipt),
                MessageKind::Tombstone => return reversal::told_of_tombstone(&message, receipt),
                MessageKind::Stay(kind) => {
                    // Every answer to such a call has its booking in the same place.
                    let answer: v1::DischargeResponse = decode(&message.receipt.answer)?;
                    return Ok(v1::QueryByMsgidResponse {
                        outcome: BOOKED.to_owned(),
                        infno: request::stay_infno(kind).to_owned(),
                        state: desk.stay_state(&key, &message.mdtrt_id)?.to_owned(),
                        receipt: receipt.filter(|_| answer.booking.is_some()),
                        mdtrt_id,
                        answer: message.receipt.answer.to_vec(),
                        ..Default::default()
                    });
                }
                MessageKind::Hold => return desk.told_of_hold(&message, receipt),
                MessageKind::Correct => return correction::told(&message, receipt),
                // Its key has no hospital, so no hospital's question finds it.
                MessageKind::Register => return Ok(unknown()),
            };
            Ok(v1::QueryByMsgidResponse {
                outcome: "booked".to_owned(),
                infno: infno.to_owned(),
                settlement: Some(decode(&message.receipt.answer)?),
                state: state.to_owned(),
                receipt,
                mdtrt_id,
                ..Default::default()
            })
        })
        .await?
    }

    /// A settlement of the person who asks; one of somebody else is not found.
    pub(crate) async fn get_settlement(
        &self,
        request: v1::GetSettlementRequest,
    ) -> Result<v1::GetSettlementResponse, Refusal> {
        let version = request::get_settlement(&request).map_err(Refusal::Invalid)?;
        let desk = self.clone();
        blocking(move || {
            let booked = match version {
                None => desk.booked(&request.setl_id)?,
                Some(version) => desk.version(&request.setl_id, version)?,
            };
            let booked = booked.ok_or(Refusal::NotFound)?;
            let settlement = decode(&booked.answer)?;
            let asked = |field: &str, own: &str| field.is_empty() || field == own;
            let own = *booked.person.psn_no == *request.psn_no
                && asked(&request.mdtrt_id, &booked.mdtrt_id)
                && asked(&request.fixmedins_code, &booked.message.fixmedins_code);
            if !own {
                return Err(Refusal::NotFound);
            }
            let cancelled_by = match &booked.status {
                Status::Booked => String::new(),
                Status::Cancelled { by, .. } | Status::Reversed { by, .. } => by.to_string(),
            };
            // A version that a correction made stands in the correction's record, which this receipt does not prove.
            let receipt = match booked.correction {
                None => desk.receipt(booked.answer.len(), &booked.message, None),
                Some(_) => None,
            };
            Ok(v1::GetSettlementResponse {
                settlement: Some(settlement),
                // Of the settlement: an old version of a corrected one says so too.
                state: match version {
                    None => state(&booked).to_owned(),
                    Some(_) => desk.booked(&request.setl_id)?.as_ref().map_or(BOOKED, state).to_owned(),
                },
                cancelled_by,
                receipt,
                version: booked.version.to_string(),
                corrected_by: booked.correction.as_deref().unwrap_or_default().to_owned(),
            })
        })
        .await?
    }

    /// What a person has used up.
    pub(crate) async fn accumulators(
        &self,
        request: v1::GetAccumulatorsRequest,
    ) -> Result<v1::GetAccumulatorsResponse, Refusal> {
        let year = request::get_accumulators(&request).map_err(Refusal::Invalid)?;
        let desk = self.clone();
        blocking(move || {
            let person = desk.person_key(&request.psn_no);
            let family_no = Some(request.family_no.as_str()).filter(|family_no| !family_no.is_empty());
            let accumulators = desk.with_family(&person, family_no)?;
            let of_year =
                accumulators.iter().filter(|(key, _)| year.is_none_or(|year| key.term == Term::Year(year)));
            let accumulators = of_year
                .map(|(key, value)| {
                    let (benefit_year, term) = answer::term(&key.term);
                    v1::Accumulator {
                        benefit_year,
                        pack_id: key.pack.to_string(),
                        benefit_id: key.benefit.to_string(),
                        measure: key.measure.name().to_owned(),
                        cum: value.to_string(),
                        owner: answer::owner(&key.owner).to_owned(),
                        term,
                        subject: key.subject.to_string(),
                    }
                })
                .collect();
            Ok(v1::GetAccumulatorsResponse { accumulators })
        })
        .await?
    }

    pub(super) fn booked(&self, setl_id: &str) -> Result<Option<BookedSettlement>, Refusal> {
        self.ledger.settlement(&self.tenant, setl_id).map_err(|error| self.read_refusal(&error))
    }

    /// One version of a settlement.
    pub(super) fn version(&self, setl_id: &str, version: u32) -> Result<Option<BookedSettlement>, Refusal> {
        let found = self.ledger.settlement_version(&self.tenant, setl_id, version);
        found.map_err(|error| self.read_refusal(&error))
    }

    /// The person's accumulators, and those that the family shares.
    pub(super) fn with_family(
        &self,
        person: &PersonKey,
        family_no: Option<&str>,
    ) -> Result<Accumulators, Refusal> {
        let read = match family_no {
            None => self.ledger.accumulators(person),
            Some(family_no) => self.ledger.accumulators_with_family(person, family_no),
        };
        read.map_err(|error| self.read_refusal(&error))
    }
}

/// Where a settlement stands, told of its newest version.
fn state(newest: &BookedSettlement) -> &'static str {
    match newest.status {
        Status::Booked if newest.version > 1 => CORRECTED,
        Status::Booked => BOOKED,
        Status::Cancelled { .. } => CANCELLED,
        Status::Reversed { .. } => REVERSED,
    }
}
