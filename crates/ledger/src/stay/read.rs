//! A stay as it stands, for whoever puts a bill together from it or shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::event::MessageKey;
use crate::record::Entry;
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

/// Reads a stay; nothing where nothing was ever admitted under that number.
pub(crate) fn standing(
    shared: &Shared,
    hospital: &MessageKey,
    mdtrt_id: &Arc<str>,
) -> Result<Option<StandingStay>, ReadError> {
    let key = StayKey::at(hospital, mdtrt_id);
    let (row, calls, lines) = {
        let _standing_still = shared.tip();
        let Some(row) = booking::stay(&shared.tables, &key)? else { return Ok(None) };
        let calls = booking::calls(&shared.tables, &key)?;
        // Only where some lines of a batch are gone is it asked which.
        let is_cut = calls.values().any(|call| call.lines != 0 && call.lines != call.came);
        let lines = if is_cut { booking::lines(&shared.tables, &key)? } else { BTreeMap::new() };
        (row, calls, lines)
    };
    let missing = || ReadError::Tables(TablesError::Contradiction("a call of a stay is missing"));
    let call = |sequence: u64| calls.get(&sequence).copied().ok_or_else(missing);
    let record = |sequence: u64, call: CallRow| shared.segments.record(call.position, sequence);
    let admission = match row.admission {
        0 => Vec::new(),
        sequence => record(sequence, call(sequence)?)?.request,
    };
    let mut updates = Vec::new();
    let mut sequence = row.update;
    while sequence != 0 {
        let update = call(sequence)?;
        updates.push(record(sequence, update)?.request);
        sequence = update.before;
    }
    updates.reverse();
    let discharge = match row.discharge {
        0 => None,
        sequence => Some(record(sequence, call(sequence)?)?.request),
    };
    let mut batches = Vec::new();
    for (sequence, call) in &calls {
        if call.kind != StayKind::FeesIn || call.lines == 0 {
            continue;
        }
        let record = record(*sequence, *call)?;
        let Entry::Stay(change) = &record.entry else { return Err(missing()) };
        let is_gone = |feedetl_sn: &Arc<str>| lines.get(feedetl_sn).is_none_or(|it| it.batch != *sequence);
        let withdrawn = if call.lines == call.came {
            BTreeSet::new()
        } else {
            change.lines.iter().map(|line| &line.feedetl_sn).filter(|it| is_gone(it)).cloned().collect()
        };
        let is_settled = *sequence < row.settled_up_to();
        batches.push(StandingBatch { request: record.request, withdrawn, is_settled });
    }
    Ok(Some(StandingStay {
        state: row.state,
        psn_no: Arc::clone(&row.psn_no),
        version: row.version,
        admission,
        updates,
        discharge,
        batches,
        settlements: row.settlements.iter().map(|it| crate::event::setl_id_of(*it)).collect(),
    }))
}
