//! The second reading of stays, for [`crate::verify`]: plain maps, sharing no code with the fold that the tables come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::event::PersonKey;
use crate::frame::Position;
use crate::record::Record;
use crate::segments::ReadError;
use crate::stay::rows::{CallRow, InHospitalRow, LineRow, StayKey, StayRow};
use crate::stay::{StayChange, StayKind, StayPart, StayState, booking};
use crate::tables::Rows;

/// One stay as the fold knows it.
struct Folded {
    person: PersonKey,
    state: StayState,
    version: u64,
    admission: u64,
    updates: Vec<u64>,
    discharge: u64,
    settlements: Vec<u64>,
    calls: BTreeMap<u64, Call>,
    /// Line -> batch, refunded line.
    lines: BTreeMap<Arc<str>, (u64, Option<Arc<str>>)>,
}

struct Call {
    kind: StayKind,
    position: Position,
    came: u32,
    before: u64,
    undone: u64,
}

/// Every stay of a journal.
#[derive(Default)]
pub(crate) struct Stays {
    stays: BTreeMap<StayKey, Folded>,
    in_hospital: BTreeMap<PersonKey, StayKey>,
}

impl Stays {
    /// Takes a call of a stay in; false where it breaks a rule.
    pub(crate) fn call(&mut self, record: &Record, change: &StayChange, position: Position) -> bool {
        let key = StayKey::at(&record.message, &record.mdtrt_id);
        let sequence = record.sequence;
        let is_elsewhere = self.in_hospital.contains_key(&record.person);
        match change.kind {
            StayKind::Admit | StayKind::CancelDischarge => {
                self.in_hospital.insert(record.person.clone(), key.clone());
            }
            StayKind::Discharge | StayKind::CancelAdmission => drop(self.in_hospital.remove(&record.person)),
            _ => {}
        }
        let stay = match change.kind {
            StayKind::Admit => {
                let stay = self.stays.entry(key).or_insert_with(|| Folded::of(record));
                if !matches!(stay.state, StayState::Unknown | StayState::Cancelled) || is_elsewhere {
                    return false;
                }
                stay.person = record.person.clone();
                (stay.state, stay.admission) = (StayState::Admitted, sequence);
                stay
            }
            kind => {
                let Some(stay) = self.stays.get_mut(&key) else { return false };
                let wanted = match kind {
                    StayKind::CancelDischarge => StayState::Discharged,
                    _ => StayState::Admitted,
                };
                if stay.state != wanted || stay.person != record.person {
                    return false;
                }
                stay
            }
        };
        stay.version = sequence;
        let before = stay.updates.last().copied().unwrap_or_default();
        let mut call = Call { kind: change.kind, position, came: 0, before: 0, undone: 0 };
        let undone = match change.kind {
            StayKind::Admit => None,
            StayKind::Update => {
                call.before = before;
                stay.updates.push(sequence);
                None
            }
            StayKind::TakeBackUpdate => stay.updates.pop(),
            StayKind::CancelAdmission => {
                if !stay.lines.is_empty() {
                    return false;
                }
                stay.state = StayState::Cancelled;
                stay.updates.clear();
                Some(std::mem::take(&mut stay.admission))
            }
            StayKind::Discharge => {
                (stay.state, stay.discharge) = (StayState::Discharged, sequence);
                None
            }
            StayKind::CancelDischarge => {
                if is_elsewhere {
                    return false;
                }
                stay.state = StayState::Admitted;
                Some(std::mem::take(&mut stay.discharge))
            }
            StayKind::FeesIn => {
                let Ok(came) = u32::try_from(change.lines.len()) else { return false };
                call.came = came;
                if !stay.lines_in(change, sequence) {
                    return false;
                }
                None
            }
            StayKind::FeesOut => {
                if !stay.lines_out(change) {
                    return false;
                }
                change.reverses
            }
        };
        if let Some(undone) = undone {
            let Some(call) = stay.calls.get_mut(&undone) else { return false };
            if std::mem::replace(&mut call.undone, sequence) != 0 {
                return false;
            }
        }
        let says = matches!(
            change.kind,
            StayKind::Admit | StayKind::Update | StayKind::FeesIn | StayKind::Discharge
        );
        if says {
            stay.calls.insert(sequence, call);
        }
        true
    }

    /// Takes the settlement of a part in; false where it breaks a rule.
    pub(crate) fn settled(&mut self, record: &Record, part: StayPart) -> bool {
        let Some(stay) = self.stays.get_mut(&StayKey::at(&record.message, &record.mdtrt_id)) else {
            return false;
        };
        let (from, to) = match part {
            StayPart::MidStay => (StayState::Admitted, StayState::Admitted),
            StayPart::Final => (StayState::Discharged, StayState::Settled),
        };
        if stay.state != from || stay.person != record.person {
            return false;
        }
        (stay.state, stay.version) = (to, record.sequence);
        stay.settlements.push(record.sequence);
        true
    }

    /// Takes the undoing of such a settlement in; false where it breaks a rule.
    pub(crate) fn unsettled(&mut self, record: &Record, of: u64, part: StayPart) -> bool {
        let Some(stay) = self.stays.get_mut(&StayKey::at(&record.message, &record.mdtrt_id)) else {
            return false;
        };
        match (part, stay.state) {
            (StayPart::Final, StayState::Settled) => stay.state = StayState::Discharged,
            (StayPart::MidStay, StayState::Admitted | StayState::Discharged) => {}
            _ => return false,
        }
        stay.version = record.sequence;
        stay.settlements.pop() == Some(of)
    }

    /// Whether a bill may come whole under a number.
    pub(crate) fn is_free(&self, record: &Record) -> bool {
        let stay = self.stays.get(&StayKey::at(&record.message, &record.mdtrt_id));
        stay.is_none_or(|stay| stay.state == StayState::Cancelled)
    }

    /// Holds each row against the tables.
    pub(crate) fn compare<E>(
        &self,
        tables: &impl Rows,
        mut hold: impl FnMut(bool, &'static str, u64) -> Result<(), E>,
    ) -> Result<(), E>
    where
        E: From<ReadError>,
    {
        for (key, stay) in &self.stays {
            let found = booking::stay(tables, key).map_err(ReadError::from)?;
            hold(found == Some(stay.row()), "the stay", stay.version)?;
            let mut of_batch: BTreeMap<u64, u32> = BTreeMap::new();
            for (batch, _) in stay.lines.values() {
                *of_batch.entry(*batch).or_default() += 1;
            }
            for (sequence, call) in &stay.calls {
                let lines = of_batch.get(sequence).copied().unwrap_or_default();
                let Call { kind, position, came, before, undone } = *call;
                let row = CallRow { kind, position, came, lines, before, undone };
                let found = booking::call(tables, key, *sequence).map_err(ReadError::from)?;
                hold(found == Some(row), "the call of a stay", *sequence)?;
            }
            let mut refunds: BTreeMap<&Arc<str>, u32> = BTreeMap::new();
            for charge in stay.lines.values().filter_map(|(_, charge)| charge.as_ref()) {
                *refunds.entry(charge).or_default() += 1;
            }
            for (feedetl_sn, (batch, charge)) in &stay.lines {
                let refunded_by = refunds.get(feedetl_sn).copied().unwrap_or_default();
                let row = LineRow { batch: *batch, refunds: charge.clone(), refunded_by };
                let found = booking::line(tables, key, feedetl_sn).map_err(ReadError::from)?;
                hold(found == Some(row), "the line of a stay", *batch)?;
            }
            if stay.state == StayState::Admitted {
                let StayKey { fixmedins_code, mdtrt_id, .. } = key.clone();
                let found = booking::in_hospital(tables, &stay.person).map_err(ReadError::from)?;
                let expected = InHospitalRow { fixmedins_code, mdtrt_id };
                hold(found == Some(expected), "where a person is in hospital", stay.admission)?;
            }
        }
        Ok(())
    }
}

impl Folded {
    fn of(record: &Record) -> Folded {
        Folded {
            person: record.person.clone(),
            state: StayState::Unknown,
            version: 0,
            admission: 0,
            updates: Vec::new(),
            discharge: 0,
            settlements: Vec::new(),
            calls: BTreeMap::new(),
            lines: BTreeMap::new(),
        }
    }

    fn settled_up_to(&self) -> u64 {
        self.settlements.last().copied().unwrap_or_default()
    }

    fn lines_in(&mut self, change: &StayChange, sequence: u64) -> bool {
        for line in &change.lines {
            let row = (sequence, line.refunds.clone());
            if self.lines.insert(Arc::clone(&line.feedetl_sn), row).is_some() {
                return false;
            }
        }
        let settled_up_to = self.settled_up_to();
        let mut charges = change.lines.iter().filter_map(|line| line.refunds.as_ref());
        charges.all(|charge| self.lines.get(charge).is_some_and(|(batch, _)| *batch > settled_up_to))
    }

    fn lines_out(&mut self, change: &StayChange) -> bool {
        let settled_up_to = self.settled_up_to();
        for line in &change.lines {
            let Some((batch, refunds)) = self.lines.remove(&line.feedetl_sn) else { return false };
            if batch < settled_up_to || refunds != line.refunds {
                return false;
            }
        }
        let gone: std::collections::BTreeSet<_> = change.lines.iter().map(|line| &line.feedetl_sn).collect();
        !self.lines.values().any(|(_, refunds)| refunds.as_ref().is_some_and(|charge| gone.contains(charge)))
    }

    fn row(&self) -> StayRow {
        let unsettled = self.lines.values().filter(|(batch, _)| *batch > self.settled_up_to());
        StayRow {
            state: self.state,
            psn_no: Arc::clone(&self.person.psn_no),
            version: self.version,
            lines: u32::try_from(self.lines.len()).unwrap_or(u32::MAX),
            unsettled: u32::try_from(unsettled.count()).unwrap_or(u32::MAX),
            admission: self.admission,
            update: self.updates.last().copied().unwrap_or_default(),
            discharge: self.discharge,
            settlements: self.settlements.clone(),
        }
    }
}
