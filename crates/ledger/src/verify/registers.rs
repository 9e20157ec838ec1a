//! The second reading of registers: of every item the rows in the order of the journal, and on each day the last of them.
//!
//! Shares no folding with `register.rs`, on purpose: nothing is cut or put together here, each stretch of days between two
//! bounds is asked by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bedside_claim::{Date, Span};
use sha2::{Digest, Sha256};

use crate::record::Record;
use crate::register::{self, RecordedRow, StandingRow};
use crate::segments::ReadError;
use crate::tables::Tables;

/// One row as the journal has it; of its content only what proves it, because all registers are held at once.
struct Version {
    sequence: u64,
    span: Span,
    /// Nothing where the row ends the item.
    content: Option<[u8; 16]>,
}

type Subject = (Arc<str>, u8, Arc<str>);

/// Every row of every register.
#[derive(Default)]
pub(super) struct Registers {
    subjects: BTreeMap<Subject, BTreeMap<Arc<str>, Vec<Version>>>,
}

impl Registers {
    pub(super) fn add(&mut self, record: &Record, rows: &[RecordedRow]) {
        for row in rows.iter().filter_map(RecordedRow::row) {
            let subject = (Arc::clone(&record.message.tenant), row.register, Arc::clone(&row.subject));
            let content = (!row.content.is_empty()).then(|| proof(&row.content));
            let version = Version { sequence: record.sequence, span: row.span, content };
            let items = self.subjects.entry(subject).or_default();
            items.entry(Arc::clone(&row.item)).or_default().push(version);
        }
    }

    /// Holds the tables against the rows: how many pages hold them, or the record of the first that is not as it must be.
    pub(super) fn compare(&self, tables: &Tables) -> Result<Result<u64, u64>, ReadError> {
        let mut count = 0;
        for ((tenant, register, subject), items) in &self.subjects {
            let (pages, found) = register::standing(tables, tenant, *register, subject)?;
            count += pages;
            let mut found = found.iter();
            for (item, versions) in items {
                for (span, version) in stretches(versions) {
                    let equal = found.next().is_some_and(|row| equals(row, item, span, version));
                    if !equal {
                        return Ok(Err(version.sequence));
                    }
                }
            }
            if let Some(stray) = found.next() {
                return Ok(Err(stray.sequence));
            }
        }
        Ok(Ok(count))
    }
}

fn proof(content: &[u8]) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(content).into();
    std::array::from_fn(|index| digest[index])
}

fn equals(row: &StandingRow, item: &Arc<str>, span: Span, version: &Version) -> bool {
    row.item == *item
        && row.span == span
        && row.sequence == version.sequence
        && Some(proof(&row.content)) == version.content
}

/// The stretches of days on which one version is the last, without those on which it ends the item.
fn stretches(versions: &[Version]) -> Vec<(Span, &Version)> {
    let bounds: BTreeSet<Date> =
        versions.iter().flat_map(|it| [it.span.from, it.span.until]).flatten().collect();
    // The days before the first bound are asked by the day before it; there is always one, or nobody can mean it.
    let before =
        bounds.first().and_then(|first| first.yesterday().ok()).or(bounds.is_empty().then_some(Date::MIN));
    let mut stretches: Vec<(Option<Date>, usize)> = Vec::new();
    let mut all: Vec<(Option<Date>, Option<usize>)> = Vec::new();
    for (from, asked) in
        before.map(|day| (None, day)).into_iter().chain(bounds.iter().map(|day| (Some(*day), *day)))
    {
        let last = versions.iter().rposition(|version| version.span.contains(asked));
        if all.last().is_none_or(|(_, before)| *before != last) {
            all.push((from, last));
            if let Some(last) = last {
                stretches.push((from, last));
            }
        }
    }
    let until =
        |from: Option<Date>| all.iter().map(|(begins, _)| *begins).find(|begins| *begins > from).flatten();
    stretches
        .into_iter()
        .filter(|(_, last)| versions[*last].content.is_some())
        .map(|(from, last)| (Span { from, until: until(from) }, &versions[last]))
        .collect()
}
