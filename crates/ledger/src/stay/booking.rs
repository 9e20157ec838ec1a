//! What a record changes in the rows of its stay: the part of the fold that is about stays.
//!
//! What the table or a row does not let through is a contradiction here: the committer has asked before it wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::booking::{BookingError, contradiction};
use crate::codec::Decoder;
use crate::event::PersonKey;
use crate::frame::Position;
use crate::planted;
use crate::record::Record;
use crate::stay::rows::{CallRow, InHospitalRow, LineRow, StayKey, StayRow, in_hospital_key};
use crate::stay::{StayChange, StayKind, StayLine, StayPart, StayState, StayStep, after};
use crate::tables::{RowChanges, Rows, TablesError};

/// The row of a stay.
pub(crate) fn stay(rows: &impl Rows, key: &StayKey) -> Result<Option<StayRow>, BookingError> {
    let row = rows.row(&key.stay()?)?;
    Ok(row.as_deref().map(StayRow::decode).transpose().map_err(TablesError::from)?)
}

/// The row of one of its calls.
pub(crate) fn call(rows: &impl Rows, key: &StayKey, sequence: u64) -> Result<Option<CallRow>, BookingError> {
    let row = rows.row(&key.call(sequence)?)?;
    Ok(row.as_deref().map(CallRow::decode).transpose().map_err(TablesError::from)?)
}

/// The row of one of its lines.
pub(crate) fn line(
    rows: &impl Rows,
    key: &StayKey,
    feedetl_sn: &str,
) -> Result<Option<LineRow>, BookingError> {
    let row = rows.row(&key.line(feedetl_sn)?)?;
    Ok(row.as_deref().map(LineRow::decode).transpose().map_err(TablesError::from)?)
}

/// Its calls, by sequence.
pub(crate) fn calls(rows: &impl Rows, key: &StayKey) -> Result<BTreeMap<u64, CallRow>, BookingError> {
    let prefix = key.stay()?;
    let mut calls = BTreeMap::new();
    for (key, body) in rows.rows_under(&prefix)? {
        // The stay's own row has nothing behind the prefix.
        let Some(sequence) = key[prefix.len()..].first_chunk::<8>() else { continue };
        let row = CallRow::decode(&body).map_err(TablesError::from)?;
        calls.insert(u64::from_be_bytes(*sequence), row);
    }
    Ok(calls)
}

/// Its lines, by number.
pub(crate) fn lines(rows: &impl Rows, key: &StayKey) -> Result<BTreeMap<Arc<str>, LineRow>, BookingError> {
    let prefix = key.lines()?;
    let mut lines = BTreeMap::new();
    for (key, body) in rows.rows_under(&prefix)? {
        let mut input = Decoder::of(&key[prefix.len()..]);
        let feedetl_sn = input.text("feedetl_sn").map_err(TablesError::from)?;
        lines.insert(feedetl_sn, LineRow::decode(&body).map_err(TablesError::from)?);
    }
    Ok(lines)
}

/// Where a person is in hospital.
pub(crate) fn in_hospital(
    rows: &impl Rows,
    person: &PersonKey,
) -> Result<Option<InHospitalRow>, BookingError> {
    let row = rows.row(&in_hospital_key(person)?)?;
    Ok(row.as_deref().map(InHospitalRow::decode).transpose().map_err(TablesError::from)?)
}

fn state_of(row: Option<&StayRow>) -> StayState {
    row.map_or(StayState::Unknown, |row| row.state)
}

/// The state behind a step that was let through.
fn stepped(row: Option<&StayRow>, step: StayStep) -> Result<StayState, BookingError> {
    after(state_of(row), step, || Arc::from("")).map_err(|_| contradiction("a stay does not take a step"))
}

/// What a call of a stay changes.
pub(crate) fn moved(
    rows: &impl Rows,
    record: &Record,
    change: &StayChange,
    position: Position,
    changes: &mut RowChanges,
) -> Result<(), BookingError> {
    let key = StayKey::at(&record.message, &record.mdtrt_id);
    let before = stay(rows, &key)?;
    let state = stepped(before.as_ref(), StayStep::Call(change.kind))?;
    let mut row = match before {
        Some(row) if change.kind != StayKind::Admit => row,
        _ => StayRow {
            state,
            psn_no: Arc::clone(&record.person.psn_no),
            version: 0,
            lines: 0,
            unsettled: 0,
            admission: 0,
            update: 0,
            discharge: 0,
            settlements: Vec::new(),
        },
    };
    row.state = state;
    row.version = record.sequence;
    let said = CallRow { kind: change.kind, position, came: 0, lines: 0, before: 0, undone: 0 };
    let mut moving = Moving { rows, key: &key, record, changes };
    match change.kind {
        StayKind::Admit => {
            row.admission = record.sequence;
            moving.put_call(record.sequence, said)?;
            moving.enter()?;
        }
        StayKind::Update => {
            moving.put_call(record.sequence, CallRow { before: row.update, ..said })?;
            row.update = record.sequence;
        }
        StayKind::TakeBackUpdate => {
            let taken = moving.undo_call(row.update)?;
            row.update = taken.before;
        }
        StayKind::CancelAdmission => {
            moving.undo_call(row.admission)?;
            (row.admission, row.update) = (0, 0);
            moving.leave()?;
        }
        StayKind::FeesIn => {
            let count = moving.lines_in(&change.lines)?;
            moving.put_call(record.sequence, CallRow { came: count, lines: count, ..said })?;
            row.lines = row.lines.checked_add(count).ok_or(contradiction("lines without end"))?;
            row.unsettled = row.unsettled.checked_add(count).ok_or(contradiction("lines without end"))?;
        }
        StayKind::FeesOut => {
            let count = moving.lines_out(&change.lines, change.reverses)?;
            row.lines = row.lines.checked_sub(count).ok_or(contradiction("more lines go than stand"))?;
            row.unsettled = row
                .unsettled
                .checked_sub(count)
                .ok_or(contradiction("more lines go than are not settled"))?;
        }
        StayKind::Discharge => {
            row.discharge = record.sequence;
            moving.put_call(record.sequence, said)?;
            moving.leave()?;
        }
        StayKind::CancelDischarge => {
            moving.undo_call(row.discharge)?;
            row.discharge = 0;
            if !planted::is("cancelled-discharge-leaves-out") {
                moving.enter()?;
            }
        }
    }
    changes.insert(key.stay()?, Some(row.encode()?));
    Ok(())
}

/// What the settlement of a stay changes in its row.
pub(crate) fn settled(
    rows: &impl Rows,
    record: &Record,
    part: StayPart,
    changes: &mut RowChanges,
) -> Result<(), BookingError> {
    let key = StayKey::at(&record.message, &record.mdtrt_id);
    let mut row = stay(rows, &key)?.ok_or(contradiction("a stay that is settled is missing"))?;
    row.state = stepped(Some(&row), StayStep::Settle(part))?;
    row.version = record.sequence;
    if part == StayPart::Final || !planted::is("midway-marks-no-lines") {
        row.settlements.push(record.sequence);
    }
    row.unsettled = 0;
    changes.insert(key.stay()?, Some(row.encode()?));
    Ok(())
}

/// What undoing the settlement of a stay changes in its row.
pub(crate) fn unsettled(
    rows: &impl Rows,
    record: &Record,
    (of, part): (u64, StayPart),
    changes: &mut RowChanges,
) -> Result<(), BookingError> {
    let key = StayKey::at(&record.message, &record.mdtrt_id);
    let mut row = stay(rows, &key)?.ok_or(contradiction("a stay that was settled is missing"))?;
    row.state = stepped(Some(&row), StayStep::Unsettle(part))?;
    row.version = record.sequence;
    if row.settlements.pop() != Some(of) {
        return Err(contradiction("a settlement of a stay is undone before a later one"));
    }
    let settled_up_to = row.settled_up_to();
    let freed = calls(rows, &key)?.into_iter().filter(|(sequence, _)| *sequence > settled_up_to);
    row.unsettled = freed.map(|(_, call)| call.lines).sum();
    changes.insert(key.stay()?, Some(row.encode()?));
    Ok(())
}

struct Moving<'a, R: Rows> {
    rows: &'a R,
    key: &'a StayKey,
    record: &'a Record,
    changes: &'a mut RowChanges,
}

impl<R: Rows> Moving<'_, R> {
    fn put_call(&mut self, sequence: u64, row: CallRow) -> Result<(), BookingError> {
        self.changes.insert(self.key.call(sequence)?, Some(row.encode()));
        Ok(())
    }

    fn call(&self, sequence: u64) -> Result<CallRow, BookingError> {
        call(self.rows, self.key, sequence)?.ok_or(contradiction("a call of a stay is missing"))
    }

    fn undo_call(&mut self, sequence: u64) -> Result<CallRow, BookingError> {
        let row = self.call(sequence)?;
        if row.undone != 0 {
            return Err(contradiction("a call of a stay is taken back twice"));
        }
        self.put_call(sequence, CallRow { undone: self.record.sequence, ..row })?;
        Ok(row)
    }

    fn enter(&mut self) -> Result<(), BookingError> {
        if in_hospital(self.rows, &self.record.person)?.is_some() {
            return Err(contradiction("a person is in hospital twice"));
        }
        let StayKey { fixmedins_code, mdtrt_id, .. } = self.key.clone();
        let row = InHospitalRow { fixmedins_code, mdtrt_id };
        self.changes.insert(in_hospital_key(&self.record.person)?, Some(row.encode()?));
        Ok(())
    }

    fn leave(&mut self) -> Result<(), BookingError> {
        self.changes.insert(in_hospital_key(&self.record.person)?, None);
        Ok(())
    }

    fn lines_in(&mut self, lines: &[StayLine]) -> Result<u32, BookingError> {
        let mut rows: BTreeMap<&str, LineRow> = BTreeMap::new();
        for StayLine { feedetl_sn, refunds } in lines {
            let stands = rows.contains_key(&**feedetl_sn) || line(self.rows, self.key, feedetl_sn)?.is_some();
            if stands && !planted::is("line-comes-in-twice") {
                return Err(contradiction("a line comes in twice"));
            }
            let row = LineRow { batch: self.record.sequence, refunds: refunds.clone(), refunded_by: 0 };
            rows.insert(feedetl_sn, row);
        }
        for charge in lines.iter().filter_map(|line| line.refunds.as_deref()) {
            let row = match rows.get_mut(charge) {
                Some(row) => row,
                None => {
                    let row = line(self.rows, self.key, charge)?;
                    rows.entry(charge).or_insert(row.ok_or(contradiction("a refunded line is missing"))?)
                }
            };
            row.refunded_by += 1;
        }
        for (feedetl_sn, row) in rows {
            self.changes.insert(self.key.line(feedetl_sn)?, Some(row.encode()?));
        }
        count_of(lines)
    }

    fn lines_out(&mut self, lines: &[StayLine], reverses: Option<u64>) -> Result<u32, BookingError> {
        let going: BTreeSet<&str> = lines.iter().map(|line| &*line.feedetl_sn).collect();
        let mut batches: BTreeMap<u64, CallRow> = BTreeMap::new();
        let mut charges: BTreeMap<Arc<str>, LineRow> = BTreeMap::new();
        for feedetl_sn in &going {
            let row = line(self.rows, self.key, feedetl_sn)?;
            let row = row.ok_or(contradiction("a line goes that does not stand"))?;
            let batch = match batches.entry(row.batch) {
                std::collections::btree_map::Entry::Occupied(batch) => batch.into_mut(),
                std::collections::btree_map::Entry::Vacant(free) => free.insert(
                    call(self.rows, self.key, row.batch)?.ok_or(contradiction("a batch is missing"))?,
                ),
            };
            batch.lines = batch.lines.checked_sub(1).ok_or(contradiction("a batch has fewer lines"))?;
            self.changes.insert(self.key.line(feedetl_sn)?, None);
            let Some(charge) = row.refunds.filter(|charge| !going.contains(&**charge)) else { continue };
            if !charges.contains_key(&charge) {
                let row = line(self.rows, self.key, &charge)?;
                charges.insert(Arc::clone(&charge), row.ok_or(contradiction("a refunded line is missing"))?);
            }
            if let Some(row) = charges.get_mut(&charge) {
                row.refunded_by =
                    row.refunded_by.checked_sub(1).ok_or(contradiction("a line has fewer refunds"))?;
            }
        }
        for (charge, row) in charges {
            self.changes.insert(self.key.line(&charge)?, Some(row.encode()?));
        }
        for (sequence, mut row) in batches {
            if reverses == Some(sequence) {
                row.undone = self.record.sequence;
            }
            self.put_call(sequence, row)?;
        }
        u32::try_from(going.len()).map_err(|_| contradiction("lines without end"))
    }
}

fn count_of(lines: &[StayLine]) -> Result<u32, BookingError> {
    u32::try_from(lines.len()).map_err(|_| contradiction("lines without end"))
}
