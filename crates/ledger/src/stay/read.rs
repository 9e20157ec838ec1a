//! A stay as it stands, for whoever puts a bill together from it or shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::event::MessageKey;
use crate::record::{Entry, Record};
use crate::segments::ReadError;
use crate::shared::Shared;
use crate::stay::booking;
use crate::stay::rows::{CallRow, StayKey};
use crate::stay::{StayKind, StayState};
use crate::tables::TablesError;

/// What stands of a stay.
#[derive(Clone, PartialEq, Eq)]
pub struct StandingStay {
    /// Where it stands.
    pub state: StayState,
    /// The person.
    pub psn_no: Arc<str>,
    /// Moves with every record that touches it.
    pub version: u64,
    /// The content of the admission; empty once it is cancelled.
    pub admission: Vec<u8>,
    /// The content of the changes that stand, in order.
    pub updates: Vec<Vec<u8>>,
    /// The content of the discharge that stands.
    pub discharge: Option<Vec<u8>>,
    /// The batches with lines that stand, in order.
    pub batches: Vec<StandingBatch>,
    /// The settlements that stand, in order.
    pub settlements: Vec<Arc<str>>,
}

impl fmt::Debug for StandingStay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandingStay")
            .field("state", &self.state)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// One batch of lines.
#[derive(Clone, PartialEq, Eq)]
pub struct StandingBatch {
    /// Its content.
    pub request: Vec<u8>,
    /// The lines of it that were withdrawn since.
    pub withdrawn: BTreeSet<Arc<str>>,
    /// Whether a settlement that stands has taken its lines.
    pub is_settled: bool,
}

/// Which batches are read with a stay.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Batches<'a> {
    /// Every one with lines that stand.
    All,
    /// Those that no settlement has taken.
    Unsettled,
    /// Those of these lines, and of lines that refund them.
    Around(&'a BTreeSet<Arc<str>>),
}

/// Reads a stay; nothing where nothing was ever admitted under that number.
pub(crate) fn standing(
    shared: &Shared,
    hospital: &MessageKey,
    mdtrt_id: &Arc<str>,
    batches: Batches<'_>,
) -> Result<Option<StandingStay>, ReadError> {
    let reading = Reading { shared, key: StayKey::at(hospital, mdtrt_id) };
    let standing_still = shared.tip();
    let Some(row) = booking::stay(&shared.tables, &reading.key)? else { return Ok(None) };
    let admission = reading.said_if_any(row.admission)?;
    let mut updates = Vec::new();
    let mut sequence = row.update;
    while sequence != 0 {
        let update = reading.call(sequence)?;
        updates.push((sequence, update));
        sequence = update.before;
    }
    updates.reverse();
    let discharge = reading.said_if_any(row.discharge)?;
    let mut chosen = Vec::new();
    for (sequence, call) in reading.batches(batches, row.settled_up_to())? {
        let withdrawn = reading.withdrawn(sequence, call)?;
        chosen.push((sequence, call, withdrawn));
    }
    // Records do not change: what they hold is read without holding up whoever books.
    drop(standing_still);
    let said = |(sequence, call): (u64, CallRow)| Ok::<_, ReadError>(reading.record(sequence, call)?.request);
    Ok(Some(StandingStay {
        state: row.state,
        psn_no: Arc::clone(&row.psn_no),
        version: row.version,
        admission: admission.map(said).transpose()?.unwrap_or_default(),
        updates: updates.into_iter().map(said).collect::<Result<_, _>>()?,
        discharge: discharge.map(said).transpose()?,
        batches: chosen
            .into_iter()
            .map(|(sequence, call, withdrawn)| {
                let is_settled = sequence < row.settled_up_to();
                Ok(StandingBatch { request: said((sequence, call))?, withdrawn, is_settled })
            })
            .collect::<Result<_, ReadError>>()?,
        settlements: row.settlements.iter().map(|it| crate::event::setl_id_of(*it)).collect(),
    }))
}

struct Reading<'a> {
    shared: &'a Shared,
    key: StayKey,
}

impl Reading<'_> {
    fn call(&self, sequence: u64) -> Result<CallRow, ReadError> {
        booking::call(&self.shared.tables, &self.key, sequence)?.ok_or_else(missing)
    }

    fn said_if_any(&self, sequence: u64) -> Result<Option<(u64, CallRow)>, ReadError> {
        if sequence == 0 { Ok(None) } else { Ok(Some((sequence, self.call(sequence)?))) }
    }

    fn record(&self, sequence: u64, call: CallRow) -> Result<Record, ReadError> {
        self.shared.segments.record(call.position, sequence)
    }

    /// The chosen batches with lines that stand, in order.
    fn batches(&self, chosen: Batches<'_>, settled_up_to: u64) -> Result<BTreeMap<u64, CallRow>, ReadError> {
        let from = match chosen {
            Batches::All => 0,
            Batches::Unsettled => settled_up_to,
            Batches::Around(lines) => return self.batches_around(lines),
        };
        let calls = booking::calls(&self.shared.tables, &self.key)?.into_iter();
        let is_chosen = |sequence: u64, call: &CallRow| {
            sequence > from && call.kind == StayKind::FeesIn && call.lines > 0
        };
        Ok(calls.filter(|(sequence, call)| is_chosen(*sequence, call)).collect())
    }

    fn batches_around(&self, lines: &BTreeSet<Arc<str>>) -> Result<BTreeMap<u64, CallRow>, ReadError> {
        let tables = &self.shared.tables;
        let mut sequences = BTreeSet::new();
        let mut is_refunded = false;
        for feedetl_sn in lines {
            let Some(line) = booking::line(tables, &self.key, feedetl_sn)? else { continue };
            sequences.insert(line.batch);
            is_refunded |= line.refunded_by > 0;
        }
        // A line knows how many refund it, not which: only then all are looked through.
        if is_refunded {
            let all = booking::lines(tables, &self.key)?.into_values();
            let refunds = all.filter(|line| line.refunds.as_ref().is_some_and(|of| lines.contains(of)));
            sequences.extend(refunds.map(|line| line.batch));
        }
        sequences.into_iter().map(|sequence| Ok((sequence, self.call(sequence)?))).collect()
    }

    /// The lines that came with a batch and no longer stand.
    fn withdrawn(&self, sequence: u64, call: CallRow) -> Result<BTreeSet<Arc<str>>, ReadError> {
        let mut withdrawn = BTreeSet::new();
        if call.lines == call.came {
            return Ok(withdrawn);
        }
        let Entry::Stay(change) = self.record(sequence, call)?.entry else { return Err(missing()) };
        for line in change.lines {
            let row = booking::line(&self.shared.tables, &self.key, &line.feedetl_sn)?;
            // Under the same number another line may have come since.
            if row.is_none_or(|row| row.batch != sequence) {
                withdrawn.insert(line.feedetl_sn);
            }
        }
        Ok(withdrawn)
    }
}

fn missing() -> ReadError {
    ReadError::Tables(TablesError::Contradiction("a call of a stay is missing"))
}
