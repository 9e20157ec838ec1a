//! The second reading of holds: their part of the fold in `verify.rs`, which shares no code with `fold.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bedside_claim::{Measure, Money, Owner};

use super::rows::{EndedBy, HoldRow, ReservationRow, Sharer, VisitHoldRow};
use super::{Ending, HoldTerms, Reservation, fold};
use crate::event::MessageKey;
use crate::frame::Position;
use crate::record::Record;
use crate::segments::ReadError;
use crate::tables::Tables;
use crate::verify::Broken;

/// Tenant, hospital, visit.
type Visit = (Arc<str>, Arc<str>, Arc<str>);

/// One hold as the fold knows it.
struct Folded {
    row: HoldRow,
    visit: Visit,
    /// What it reserves, by who shares it; as long as the tables have it.
    reserves: BTreeMap<Sharer, Reservation>,
    own: VisitHoldRow,
}

/// Every hold, and which one each visit has.
#[derive(Default)]
pub(crate) struct HoldFold {
    holds: BTreeMap<u64, Folded>,
    of_visits: BTreeMap<Visit, u64>,
    /// Which holds reserve something of a sharer.
    sharers: BTreeMap<Sharer, BTreeSet<u64>>,
}

impl HoldFold {
    pub(crate) fn count(&self) -> u64 {
        self.holds.len() as u64
    }

    pub(crate) fn has(&self, sequence: u64) -> bool {
        self.holds.contains_key(&sequence)
    }

    /// A hold books nothing and has one place among the visit's.
    pub(crate) fn add(
        &mut self,
        record: &Record,
        terms: &HoldTerms,
        position: Position,
    ) -> Result<(), Broken> {
        let books = record.medfee_sumamt != Money::ZERO
            || record.benefit_year != 0
            || !record.postings.is_empty()
            || !record.accumulators.is_empty();
        if books {
            return Err(Broken::HoldBooks);
        }
        let family = terms.family_no.iter().map(|family_no| Sharer::Family {
            tenant: Arc::clone(&record.person.tenant),
            family_no: Arc::clone(family_no),
        });
        let person = Sharer::Person(record.person.clone());
        for sharer in family.chain([person.clone()]) {
            self.forget_expired(&sharer, record.booked_at_ms);
        }
        let visit = visit_of(record);
        if let Some(old) = self.of_visits.insert(visit.clone(), record.sequence) {
            self.end(old, record, Ending::Replaced)?;
        }
        let mut reserves: BTreeMap<Sharer, Reservation> = BTreeMap::new();
        for change in &terms.quoted {
            let sharer = match &change.key.owner {
                Owner::Person => person.clone(),
                Owner::Family(family_no) => Sharer::Family {
                    tenant: Arc::clone(&record.person.tenant),
                    family_no: Arc::clone(family_no),
                },
            };
            let is_used_up = match change.key.measure {
                Measure::Paid | Measure::Counted | Measure::Days => true,
                Measure::Times => &*change.key.subject != "visits",
                _ => false,
            };
            let more = i128::from(change.after.units()) - i128::from(change.before.units());
            if is_used_up && let Ok(more @ 1..) = i64::try_from(more) {
                let of_sharer = reserves.entry(sharer).or_default();
                of_sharer.insert(change.key.clone(), Money::from_units(more));
            }
        }
        for sharer in reserves.keys() {
            self.sharers.entry(sharer.clone()).or_default().insert(record.sequence);
        }
        let own = VisitHoldRow {
            sequence: record.sequence,
            person: record.person.clone(),
            family_no: terms.family_no.clone(),
        };
        let row = HoldRow { position, until_ms: terms.until_ms, ended: None };
        self.holds.insert(record.sequence, Folded { row, visit, reserves, own });
        Ok(())
    }

    /// A settlement ends its visit's hold.
    pub(crate) fn settle(&mut self, record: &Record) -> Result<(), Broken> {
        match self.of_visits.remove(&visit_of(record)) {
            Some(hold) => self.end(hold, record, Ending::Settled),
            None => Ok(()),
        }
    }

    /// A reversal ends a hold, and moves nothing.
    pub(crate) fn release(&mut self, record: &Record, of: u64) -> Result<(), Broken> {
        let folded = self.holds.get(&of).ok_or(Broken::CancelsNothing)?;
        let moves = record.medfee_sumamt != Money::ZERO
            || !record.postings.is_empty()
            || !record.accumulators.is_empty();
        if folded.visit != visit_of(record) || folded.own.person != record.person || moves {
            return Err(Broken::NoMirror);
        }
        if self.of_visits.get(&folded.visit) == Some(&of) {
            self.of_visits.remove(&visit_of(record));
        }
        self.end(of, record, Ending::Released)
    }

    fn forget_expired(&mut self, sharer: &Sharer, now_ms: i64) {
        let HoldFold { holds, sharers, .. } = self;
        let Some(reserving) = sharers.get_mut(sharer) else { return };
        reserving.retain(|hold| {
            let Some(folded) = holds.get_mut(hold) else { return false };
            let lives = folded.row.until_ms > now_ms;
            if !lives {
                folded.reserves.remove(sharer);
            }
            lives
        });
    }

    fn end(&mut self, hold: u64, record: &Record, ending: Ending) -> Result<(), Broken> {
        let folded = self.holds.get_mut(&hold).ok_or(Broken::CancelsNothing)?;
        if folded.row.ended.is_some() {
            return Err(Broken::HoldEndsTwice);
        }
        let was_over = folded.row.until_ms <= record.booked_at_ms;
        if !(ending == Ending::Settled && was_over) {
            let (sequence, at_ms) = (record.sequence, record.booked_at_ms);
            folded.row.ended = Some(EndedBy { ending, sequence, at_ms });
        }
        for sharer in std::mem::take(&mut folded.reserves).keys() {
            if let Some(reserving) = self.sharers.get_mut(sharer) {
                reserving.remove(&hold);
            }
        }
        Ok(())
    }

    /// Holds each row that the journal makes against the tables; `hold` counts them.
    pub(crate) fn compare<E: From<ReadError>>(
        &self,
        tables: &Tables,
        mut hold: impl FnMut(bool, &'static str, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        for (sequence, folded) in &self.holds {
            let found = fold::hold(tables, *sequence).map_err(ReadError::from)?;
            hold(found == Some(folded.row), "the hold", *sequence)?;
            for (sharer, amounts) in &folded.reserves {
                let row = ReservationRow { until_ms: folded.row.until_ms, amounts: amounts.clone() };
                let found = fold::reservation(tables, sharer, *sequence).map_err(ReadError::from)?;
                hold(found == Some(row), "the reservation", *sequence)?;
            }
        }
        for ((tenant, fixmedins_code, mdtrt_id), sequence) in &self.of_visits {
            let hospital = MessageKey {
                tenant: Arc::clone(tenant),
                fixmedins_code: Arc::clone(fixmedins_code),
                msgid: Arc::from(""),
            };
            let found = fold::of_visit(tables, &hospital, mdtrt_id).map_err(ReadError::from)?;
            let own = self.holds.get(sequence).map(|folded| &folded.own);
            hold(found.as_ref() == own, "the visit's hold", *sequence)?;
        }
        Ok(())
    }
}

fn visit_of(record: &Record) -> Visit {
    let MessageKey { tenant, fixmedins_code, .. } = &record.message;
    (Arc::clone(tenant), Arc::clone(fixmedins_code), Arc::clone(&record.mdtrt_id))
}
