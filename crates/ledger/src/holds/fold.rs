//! What a record changes in the rows of holds, and what a decision reads from them.
//!
//! Part of the fold that the committer and the rebuild share. Time is the record's own, so that a rebuild comes to the
//! same rows. A person's expired reservations go with the person's next hold; until then nobody counts them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{AccumulatorKey, Money, Overflow};

use super::rows::{
    EndedBy, HoldRow, ReservationRow, Sharer, VisitHoldRow, hold_key, sequence_in, visit_hold_key,
};
use super::{Ending, HoldTerms};
use crate::booking::{BookingError, contradiction};
use crate::event::{MessageKey, PersonKey};
use crate::frame::Position;
use crate::planted;
use crate::record::Record;
use crate::seen::Reserved;
use crate::tables::{RowChanges, Rows, TablesError};

/// The row of a hold.
pub(crate) fn hold(rows: &impl Rows, sequence: u64) -> Result<Option<HoldRow>, TablesError> {
    Ok(rows.row(&hold_key(sequence))?.as_deref().map(HoldRow::decode).transpose()?)
}

/// The hold that a visit has; its time may be over.
pub(crate) fn of_visit(
    rows: &impl Rows,
    hospital: &MessageKey,
    mdtrt_id: &str,
) -> Result<Option<VisitHoldRow>, BookingError> {
    let row = rows.row(&visit_hold_key(hospital, mdtrt_id)?)?;
    Ok(row.as_deref().map(VisitHoldRow::decode).transpose().map_err(TablesError::from)?)
}

/// What one hold reserves of one sharer.
pub(crate) fn reservation(
    rows: &impl Rows,
    sharer: &Sharer,
    sequence: u64,
) -> Result<Option<ReservationRow>, BookingError> {
    let row = rows.row(&sharer.reservation_key(sequence)?)?;
    Ok(row.as_deref().map(ReservationRow::decode).transpose().map_err(TablesError::from)?)
}

/// What the holds that are live at a time reserve of a person and the family, but for one hold.
pub(crate) fn reserved(
    rows: &impl Rows,
    (person, family_no): (&PersonKey, Option<&Arc<str>>),
    but: Option<u64>,
    at_ms: i64,
) -> Result<BTreeMap<AccumulatorKey, Reserved>, BookingError> {
    let mut all: BTreeMap<AccumulatorKey, Reserved> = BTreeMap::new();
    for sharer in Sharer::of(person, family_no) {
        for (key, body) in rows.rows_under(&sharer.prefix()?)? {
            let sequence = sequence_in(&key).map_err(TablesError::from)?;
            let row = ReservationRow::decode(&body).map_err(TablesError::from)?;
            let is_over = row.until_ms <= at_ms && !planted::is("expired-hold-reserves");
            if Some(sequence) == but || is_over {
                continue;
            }
            for (key, amount) in row.amounts {
                let sum = all.entry(key).or_insert(Reserved { amount: Money::ZERO, until_ms: row.until_ms });
                sum.amount = sum.amount.plus(amount).map_err(|Overflow| contradiction("too much is held"))?;
                sum.until_ms = sum.until_ms.max(row.until_ms);
            }
        }
    }
    Ok(all)
}

/// What a new hold changes: its own rows, those of the hold that it replaces, and the person's expired ones.
pub(crate) fn held(
    rows: &impl Rows,
    record: &Record,
    terms: &HoldTerms,
    position: Position,
    changes: &mut RowChanges,
) -> Result<(), BookingError> {
    let sharers = Sharer::of(&record.person, terms.family_no.as_ref());
    for sharer in &sharers {
        for (key, body) in rows.rows_under(&sharer.prefix()?)? {
            let row = ReservationRow::decode(&body).map_err(TablesError::from)?;
            if row.until_ms <= record.booked_at_ms {
                changes.insert(key, None);
            }
        }
    }
    if let Some(old) = of_visit(rows, &record.message, &record.mdtrt_id)? {
        end(rows, record, &old, Ending::Replaced, changes)?;
    }
    let row = HoldRow { position, until_ms: terms.until_ms, ended: None };
    changes.insert(hold_key(record.sequence), Some(row.encode()));
    let row = VisitHoldRow {
        sequence: record.sequence,
        person: record.person.clone(),
        family_no: terms.family_no.clone(),
    };
    changes.insert(visit_hold_key(&record.message, &record.mdtrt_id)?, Some(row.encode()?));
    let (own, shared) = terms.reserves();
    for (sharer, amounts) in sharers.iter().zip([own, shared]) {
        let is_forgotten = matches!(sharer, Sharer::Family { .. }) && planted::is("hold-forgets-the-family");
        if !amounts.is_empty() && !is_forgotten {
            let row = ReservationRow { until_ms: terms.until_ms, amounts };
            changes.insert(sharer.reservation_key(record.sequence)?, Some(row.encode()?));
        }
    }
    Ok(())
}

/// What a settlement changes in the rows of holds: its visit's hold reserves nothing any more, and has ended with it
/// where it lived.
pub(crate) fn settled(
    rows: &impl Rows,
    record: &Record,
    changes: &mut RowChanges,
) -> Result<(), BookingError> {
    let own = of_visit(rows, &record.message, &record.mdtrt_id)?;
    let Some(own) = own.filter(|_| !planted::is("settlement-keeps-the-hold")) else { return Ok(()) };
    changes.insert(visit_hold_key(&record.message, &record.mdtrt_id)?, None);
    end(rows, record, &own, Ending::Settled, changes)
}

/// What the reversal of a hold changes.
pub(crate) fn released(
    rows: &impl Rows,
    record: &Record,
    of: u64,
    changes: &mut RowChanges,
) -> Result<(), BookingError> {
    let mut row = hold(rows, of)?.ok_or(contradiction("a released hold is missing"))?;
    if row.ended.is_some() {
        return Err(contradiction("a hold that has ended is released"));
    }
    let standing = of_visit(rows, &record.message, &record.mdtrt_id)?;
    if let Some(standing) = standing.filter(|standing| standing.sequence == of) {
        changes.insert(visit_hold_key(&record.message, &record.mdtrt_id)?, None);
        return end(rows, record, &standing, Ending::Released, changes);
    }
    // Its time was over when the visit was settled: it reserves nothing, and only its end is noted.
    row.ended = Some(ended_by(record, Ending::Released));
    changes.insert(hold_key(of), Some(row.encode()));
    Ok(())
}

fn ended_by(record: &Record, ending: Ending) -> EndedBy {
    EndedBy { ending, sequence: record.sequence, at_ms: record.booked_at_ms }
}

/// Takes back what a visit's hold reserves, and notes what ended it; one whose time is over is not ended by a
/// settlement.
fn end(
    rows: &impl Rows,
    record: &Record,
    of: &VisitHoldRow,
    ending: Ending,
    changes: &mut RowChanges,
) -> Result<(), BookingError> {
    let mut row = hold(rows, of.sequence)?.ok_or(contradiction("a visit's hold is missing"))?;
    if row.ended.is_some() {
        return Err(contradiction("a visit has a hold that has ended"));
    }
    if ending != Ending::Settled || row.until_ms > record.booked_at_ms {
        row.ended = Some(ended_by(record, ending));
        changes.insert(hold_key(of.sequence), Some(row.encode()));
    }
    for sharer in Sharer::of(&of.person, of.family_no.as_ref()) {
        let key = sharer.reservation_key(of.sequence)?;
        let is_left = ending == Ending::Released && planted::is("release-leaves-the-reservation");
        if rows.row(&key)?.is_some() && !is_left {
            changes.insert(key, None);
        }
    }
    Ok(())
}
