//! Batch replay: a file of discharge bills through the same core as the gateway.
//!
//! Bills of one person are settled in service order, persons in parallel, results are written in input order, so that
//! the bytes do not depend on the number of threads. A row that cannot be settled goes to the reject file with its
//! line number and reason, and the others go on without it.
//!
//! Replay does not know how a row is spelt: the shell that calls it brings a [`RowFormat`]. It holds all rows of one
//! run in memory. Invariant: every input row is either a result or a reject.

#![deny(clippy::unwrap_used, clippy::panic)]

mod summary;

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::sync::Arc;

use bedside_adjudication::adjudicate;
use bedside_claim::{Accumulators, Claim, Date, DateTime, Fault, Money, Settlement};
use bedside_policy::{Library, Unresolved};
use rayon::prelude::*;

pub use summary::Summary;

/// Why a row is in the reject file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The line of the input, from 1.
    pub line: usize,
    /// A stable code.
    pub code: String,
    /// The sentence.
    pub reason: String,
}

/// What makes two rows the same call or the same visit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey {
    /// `fixmedins_code`.
    pub fixmedins_code: Arc<str>,
    /// `msgid`.
    pub msgid: Arc<str>,
}

/// How rows are spelt.
pub trait RowFormat: Sync {
    /// A row that was read.
    type Row: Send + Sync;

    /// Reads one row.
    ///
    /// # Errors
    /// A stable code and a sentence that names the field at fault.
    fn read(&self, text: &str) -> Result<Self::Row, (String, String)>;

    /// What the row asks to settle.
    fn claim<'a>(&self, row: &'a Self::Row) -> &'a Claim;

    /// What makes it the same call when it comes again.
    fn key(&self, row: &Self::Row) -> RowKey;

    /// The result on one line, without the line end.
    ///
    /// # Errors
    /// A sentence, when the settlement cannot be put into words: a fault.
    fn write(&self, row: &Self::Row, settlement: &Settlement) -> Result<String, String>;
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many rows were read; the total is known now.
    Read(u64),
    /// One more row was settled or rejected.
    Done,
}

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The input could not be read.
    #[error("cannot read the bills: {0}")]
    Read(std::io::Error),
    /// A result or reject could not be written.
    #[error("cannot write the results: {0}")]
    Write(std::io::Error),
    /// The sums over the run left their range.
    #[error("the sums of the run are out of range")]
    OutOfRange,
}

/// Where results and rejects go.
#[derive(Debug)]
pub struct Sinks<W, J> {
    /// One line a settled row, in input order.
    pub results: W,
    /// One line a rejected row, in input order: `{"line":..,"code":..,"reason":..}`.
    pub rejects: J,
}

type Outcome = Result<(String, Settlement), Reject>;

/// Settles every row of `input`.
///
/// *Shape*: NDJSON in, empty lines are passed over; every other line ends up in exactly one sink.
///
/// # Errors
/// [`ReplayError`] when a file cannot be read or written; a wrong row is not an error.
pub fn run<F: RowFormat>(
    input: impl BufRead,
    format: &F,
    library: &Library,
    sinks: &mut Sinks<impl Write, impl Write>,
    progress: impl Fn(Progress) + Sync,
) -> Result<Summary, ReplayError> {
    let mut texts = Vec::new();
    for (index, text) in input.lines().enumerate() {
        let text = text.map_err(ReplayError::Read)?;
        if !text.trim().is_empty() {
            texts.push((index + 1, text));
        }
    }
    progress(Progress::Read(texts.len() as u64));
    let rows: Vec<(usize, Result<F::Row, Reject>)> = texts
        .into_par_iter()
        .map(|(line, text)| {
            let row = format.read(&text).map_err(|(code, reason)| Reject { line, code, reason });
            (line, row)
        })
        .collect();

    let outcomes = settle_all(&rows, format, library, &progress);
    let mut summary = Summary::default();
    for outcome in outcomes {
        match outcome {
            Ok((text, settlement)) => {
                summary.settled(&settlement).map_err(|_| ReplayError::OutOfRange)?;
                writeln!(sinks.results, "{text}").map_err(ReplayError::Write)?;
            }
            Err(reject) => {
                summary.rejected(&reject);
                let row = serde_json::json!({
                    "line": reject.line, "code": reject.code, "reason": reject.reason,
                });
                writeln!(sinks.rejects, "{row}").map_err(ReplayError::Write)?;
            }
        }
    }
    sinks.results.flush().map_err(ReplayError::Write)?;
    sinks.rejects.flush().map_err(ReplayError::Write)?;
    Ok(summary)
}

/// One outcome for each row, in input order.
fn settle_all<F: RowFormat>(
    rows: &[(usize, Result<F::Row, Reject>)],
    format: &F,
    library: &Library,
    progress: &(impl Fn(Progress) + Sync),
) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::new();
    outcomes.resize_with(rows.len(), || None);
    let mut messages: BTreeMap<RowKey, usize> = BTreeMap::new();
    let mut persons: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
    for (place, (line, row)) in rows.iter().enumerate() {
        let reject = match row {
            Err(reject) => Some(reject.clone()),
            Ok(row) => match messages.insert(format.key(row), *line) {
                Some(first) => {
                    let reason = format!("`msgid` was used by the row on line {first}");
                    Some(Reject { line: *line, code: "duplicate_message".to_owned(), reason })
                }
                None => {
                    persons.entry(format.claim(row).person.psn_no.clone()).or_default().push(place);
                    None
                }
            },
        };
        if let Some(reject) = reject {
            outcomes[place] = Some(Err(reject));
            progress(Progress::Done);
        }
    }
    let settled: Vec<Vec<(usize, Outcome)>> = persons
        .into_values()
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|places| settle_person(places, rows, format, library, progress))
        .collect();
    for (place, outcome) in settled.into_iter().flatten() {
        outcomes[place] = Some(outcome);
    }
    // Every place was either rejected above or belongs to exactly one person.
    outcomes.into_iter().flatten().collect()
}

fn settle_person<F: RowFormat>(
    mut places: Vec<usize>,
    rows: &[(usize, Result<F::Row, Reject>)],
    format: &F,
    library: &Library,
    progress: &(impl Fn(Progress) + Sync),
) -> Vec<(usize, Outcome)> {
    let service_order = |place: &usize| -> Option<(Date, DateTime)> {
        let visit = &format.claim(rows[*place].1.as_ref().ok()?).visit;
        Some((visit.setl_date, visit.endtime))
    };
    places.sort_by_key(service_order);
    let mut accumulators = Accumulators::default();
    let mut visits: BTreeMap<(Arc<str>, Arc<str>), usize> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(places.len());
    for place in places {
        let (line, Ok(row)) = &rows[place] else { continue };
        let claim = format.claim(row);
        let visit = (claim.visit.hospital.fixmedins_code.clone(), claim.visit.mdtrt_id.clone());
        let outcome = match visits.get(&visit) {
            Some(first) => {
                let reason = format!("`mdtrt_id` was settled by the row on line {first}");
                Err(Reject { line: *line, code: "already_settled".to_owned(), reason })
            }
            None => settle(claim, library, &mut accumulators)
                .and_then(|settlement| match format.write(row, &settlement) {
                    Ok(text) => Ok((text, settlement)),
                    Err(reason) => Err(("fault", reason)),
                })
                .map_err(|(code, reason)| Reject { line: *line, code: code.to_owned(), reason }),
        };
        if outcome.is_ok() {
            visits.insert(visit, *line);
        }
        outcomes.push((place, outcome));
        progress(Progress::Done);
    }
    outcomes
}

fn settle(
    claim: &Claim,
    library: &Library,
    accumulators: &mut Accumulators,
) -> Result<Settlement, (&'static str, String)> {
    let refused = |error: Unresolved| ("no_rules", error.to_string());
    let fault = |fault: Fault| ("fault", fault.to_string());
    let programme = library.programme_for(claim).map_err(refused)?;
    let settlement = adjudicate(claim, &programme, accumulators).map_err(fault)?;
    accumulators.apply(&settlement.accumulators).map_err(|stale| ("fault", stale.to_string()))?;
    Ok(settlement)
}

/// Adds `amount` to the sum under `name`.
fn add(sums: &mut BTreeMap<&'static str, Money>, name: &'static str, amount: Money) -> Result<(), Fault> {
    let sum = sums.entry(name).or_insert(Money::ZERO);
    *sum = sum.plus(amount)?;
    Ok(())
}
