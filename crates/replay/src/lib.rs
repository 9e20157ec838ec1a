//! Batch replay: a file of discharge bills through the same core as the gateway.
//!
//! Bills of one person, and of one family, are settled in service order, families in parallel, results are written in input order, so that
//! the bytes do not depend on the number of threads. A row that cannot be settled goes to the reject file with its
//! line number and reason, and the others go on without it.
//!
//! Replay does not know how a row is spelt: the shell that calls it brings a [`RowFormat`]. It holds all rows of one
//! run in memory. Invariant: every input row is either a result or a reject.

#![deny(clippy::unwrap_used, clippy::panic)]

mod summary;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{BufRead, Write};
use std::sync::Arc;

use bedside_adjudication::adjudicate;
use bedside_claim::{AccumulatorBook, Claim, Date, DateTime, Fault, Money, Person, Settlement};
use bedside_policy::{Library, Programme, Unresolved};
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

/// A row by its line, with the programme that applies to it, or why it is rejected.
type InputRow<R> = (usize, Result<(R, Result<Arc<Programme>, Unresolved>), Reject>);

/// The lines that are not empty, by number; bytes, because a line that is no text is a reject and not an error.
fn texts(mut input: impl BufRead) -> Result<Vec<(usize, Vec<u8>)>, ReplayError> {
    const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
    let mut texts = Vec::new();
    for line in 1.. {
        let mut text = Vec::new();
        if input.read_until(b'\n', &mut text).map_err(ReplayError::Read)? == 0 {
            break;
        }
        if line == 1 && text.starts_with(BYTE_ORDER_MARK) {
            text.drain(..BYTE_ORDER_MARK.len());
        }
        if !text.trim_ascii().is_empty() {
            texts.push((line, text));
        }
    }
    Ok(texts)
}

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
    let texts = texts(input)?;
    progress(Progress::Read(texts.len() as u64));
    let rows: Vec<InputRow<F::Row>> = texts
        .into_par_iter()
        .map(|(line, text)| {
            let reject = |(code, reason)| Reject { line, code, reason };
            let text = String::from_utf8(text)
                .map_err(|_| reject(("not_text".to_owned(), "the row is not UTF-8".to_owned())));
            let row = text.and_then(|text| format.read(&text).map_err(reject)).map(|row| {
                let programme = library.programme_for(format.claim(&row));
                (row, programme)
            });
            (line, row)
        })
        .collect();

    let outcomes = settle_all(&rows, format, &progress);
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
    rows: &[InputRow<F::Row>],
    format: &F,
    progress: &(impl Fn(Progress) + Sync),
) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = Vec::new();
    outcomes.resize_with(rows.len(), || None);
    let mut messages: BTreeMap<RowKey, usize> = BTreeMap::new();
    let mut households = Households::default();
    for (place, (line, row)) in rows.iter().enumerate() {
        let reject = match row {
            Err(reject) => Some(reject.clone()),
            // A refusal does not use its message id up: the corrected row may carry it.
            Ok((_, Err(unresolved))) => {
                Some(Reject { line: *line, code: "no_rules".to_owned(), reason: unresolved.to_string() })
            }
            Ok((row, Ok(_))) => match messages.entry(format.key(row)) {
                Entry::Occupied(first) => {
                    let reason = format!("`msgid` was used by the row on line {}", first.get());
                    Some(Reject { line: *line, code: "duplicate_message".to_owned(), reason })
                }
                Entry::Vacant(free) => {
                    free.insert(*line);
                    households.add(&format.claim(row).person, place);
                    None
                }
            },
        };
        if let Some(reject) = reject {
            outcomes[place] = Some(Err(reject));
            progress(Progress::Done);
        }
    }
    let settled: Vec<Vec<(usize, Outcome)>> = households
        .places()
        .into_par_iter()
        .map(|places| settle_household(places, rows, format, progress))
        .collect();
    for (place, outcome) in settled.into_iter().flatten() {
        outcomes[place] = Some(outcome);
    }
    // Every place was either rejected above or belongs to exactly one household.
    outcomes.into_iter().flatten().collect()
}

/// Who must be settled one after the other: the persons of a family, which may share accumulators.
#[derive(Default)]
struct Households {
    /// The household of each person and family, followed until one names itself.
    leads: BTreeMap<(Member, Arc<str>), usize>,
    /// For each household the one it was merged into: itself, as long as it was not.
    merged_into: Vec<usize>,
    places: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    Person,
    Family,
}

impl Households {
    fn add(&mut self, person: &Person, place: usize) {
        let mut household = self.of(Member::Person, &person.psn_no);
        if let Some(family_no) = &person.family_no {
            let family = self.of(Member::Family, family_no);
            let (first, second) = (household.min(family), household.max(family));
            self.merged_into[second] = first;
            household = first;
        }
        self.places[household].push(place);
    }

    fn of(&mut self, member: Member, number: &Arc<str>) -> usize {
        let next = self.merged_into.len();
        let mut household = *self.leads.entry((member, number.clone())).or_insert(next);
        if household == next {
            self.merged_into.push(next);
            self.places.push(Vec::new());
        }
        while self.merged_into[household] != household {
            household = self.merged_into[household];
        }
        household
    }

    /// The places of each household.
    fn places(mut self) -> Vec<Vec<usize>> {
        // From the last, so that what was merged has arrived before its household is merged itself.
        for household in (0..self.places.len()).rev() {
            let into = self.merged_into[household];
            if into != household {
                let places = std::mem::take(&mut self.places[household]);
                self.places[into].extend(places);
            }
        }
        self.places.retain(|places| !places.is_empty());
        for places in &mut self.places {
            places.sort_unstable();
        }
        self.places
    }
}

fn settle_household<F: RowFormat>(
    mut places: Vec<usize>,
    rows: &[InputRow<F::Row>],
    format: &F,
    progress: &(impl Fn(Progress) + Sync),
) -> Vec<(usize, Outcome)> {
    let service_order = |place: &usize| -> Option<(Date, DateTime)> {
        let visit = &format.claim(&rows[*place].1.as_ref().ok()?.0).visit;
        Some((visit.setl_date, visit.endtime))
    };
    places.sort_by_key(service_order);
    let mut accumulators = AccumulatorBook::default();
    let mut visits: BTreeMap<(Arc<str>, Arc<str>), usize> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(places.len());
    for place in places {
        let (line, Ok((row, Ok(programme)))) = &rows[place] else { continue };
        let visit = &format.claim(row).visit;
        let visit = (visit.hospital.fixmedins_code.clone(), visit.mdtrt_id.clone());
        let outcome = match visits.get(&visit) {
            Some(first) => {
                Err(("already_settled", format!("`mdtrt_id` was settled by the row on line {first}")))
            }
            None => settle(format, row, programme, &mut accumulators).map_err(|fault| ("fault", fault)),
        };
        if outcome.is_ok() {
            visits.insert(visit, *line);
        }
        let outcome = outcome.map_err(|(code, reason)| Reject { line: *line, code: code.to_owned(), reason });
        outcomes.push((place, outcome));
        progress(Progress::Done);
    }
    outcomes
}

/// Settles and writes one row; what it uses up counts only once its result is in words.
fn settle<F: RowFormat>(
    format: &F,
    row: &F::Row,
    programme: &Programme,
    accumulators: &mut AccumulatorBook,
) -> Result<(String, Settlement), String> {
    let claim = format.claim(row);
    let settlement =
        adjudicate(claim, programme, &accumulators.of(&claim.person)).map_err(|fault| fault.to_string())?;
    let text = format.write(row, &settlement)?;
    accumulators.apply(&claim.person, &settlement.accumulators).map_err(|stale| stale.to_string())?;
    Ok((text, settlement))
}

/// Adds `amount` to the sum under `name`.
fn add(sums: &mut BTreeMap<&'static str, Money>, name: &'static str, amount: Money) -> Result<(), Fault> {
    let sum = sums.entry(name).or_insert(Money::ZERO);
    *sum = sum.plus(amount)?;
    Ok(())
}
