//! What one record changes in the rows: the fold that the committer and the rebuild share.
//!
//! No IO of its own. Invariant: either all changes of a record come back or none, so the tables equal the fold of the
//! journal whatever happens in between. `verify.rs` holds a second, independent fold against this one.

use std::collections::{BTreeMap, BTreeSet};

use bedside_claim::accumulators::StaleChange;
use bedside_claim::{AccumulatorChange, Accumulators};

use crate::codec::TooLarge;
use crate::event::{MessageKey, PersonKey};
use crate::frame::Position;
use crate::record::{Entry, Record};
use crate::rows::{
    CancelledBy, MessageRow, SettlementRow, YearRow, decode_visit, encode_visit, message_key, person_prefix,
    settlement_key, visit_key, year_key,
};
use crate::segments::ReadError;
use crate::tables::{RowChanges, Rows, TablesError};

/// Why a record cannot be folded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BookingError {
    #[error(transparent)]
    Tables(#[from] TablesError),
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error(transparent)]
    Stale(#[from] StaleChange),
}

impl From<BookingError> for ReadError {
    /// In a read, or in folding what is already booked, an identifier that is too long or a change that does not fit
    /// means that the tables are not those of this journal.
    fn from(error: BookingError) -> ReadError {
        ReadError::Tables(match error {
            BookingError::Tables(error) => error,
            BookingError::TooLarge(_) => TablesError::Contradiction("a booked record does not fit a row"),
            BookingError::Stale(_) => TablesError::Contradiction("a booked change does not fit"),
        })
    }
}

fn contradiction(what: &'static str) -> BookingError {
    BookingError::Tables(TablesError::Contradiction(what))
}

/// The row of a message.
pub(crate) fn message(rows: &impl Rows, key: &MessageKey) -> Result<Option<MessageRow>, BookingError> {
    let row = rows.row(&message_key(key)?)?;
    Ok(row.as_deref().map(MessageRow::decode).transpose().map_err(TablesError::from)?)
}

/// The row of a settlement.
pub(crate) fn settlement(rows: &impl Rows, sequence: u64) -> Result<Option<SettlementRow>, TablesError> {
    Ok(rows.row(&settlement_key(sequence))?.as_deref().map(SettlementRow::decode).transpose()?)
}

/// The settlement that stands for a visit.
pub(crate) fn visit(
    rows: &impl Rows,
    hospital: &MessageKey,
    mdtrt_id: &str,
) -> Result<Option<u64>, BookingError> {
    let key = visit_key(&hospital.tenant, &hospital.fixmedins_code, mdtrt_id)?;
    let row = rows.row(&key)?;
    Ok(row.as_deref().map(decode_visit).transpose().map_err(TablesError::from)?)
}

/// All accumulators of a person.
pub(crate) fn accumulators(rows: &impl Rows, person: &PersonKey) -> Result<Accumulators, BookingError> {
    let mut all = Accumulators::default();
    for body in rows.rows_under(&person_prefix(person)?)?.values() {
        let year = YearRow::decode(body).map_err(TablesError::from)?;
        for (key, value) in year.accumulators.iter() {
            all.set(key.clone(), value);
        }
    }
    Ok(all)
}

/// One benefit year of a person.
pub(crate) fn year(rows: &impl Rows, person: &PersonKey, year: i16) -> Result<YearRow, BookingError> {
    match rows.row(&year_key(person, year)?)? {
        Some(body) => Ok(YearRow::decode(&body).map_err(TablesError::from)?),
        None => Ok(YearRow::default()),
    }
}

/// The years in which a settlement stands in the person's order: its own, and every year whose accumulators it
/// changed, so that cancelling latest first always finds each accumulator where the settlement left it.
fn years_of(record: &Record) -> BTreeSet<i16> {
    let changed = record.accumulators.iter().map(|change| change.key.benefit_year);
    std::iter::once(record.benefit_year).chain(changed).collect()
}

/// The latest standing settlement that must be cancelled before this one; nothing when it is the latest itself.
pub(crate) fn blocked_by(
    rows: &impl Rows,
    record: &Record,
    row: &SettlementRow,
) -> Result<Option<u64>, BookingError> {
    let mut latest = record.sequence;
    for number in row.before.keys() {
        latest = latest.max(year(rows, &record.person, *number)?.latest);
    }
    Ok((latest != record.sequence).then_some(latest))
}

/// The rows as they stand once `record`, lying at `position`, is booked.
pub(crate) fn changes_of(
    rows: &impl Rows,
    record: &Record,
    position: Position,
) -> Result<RowChanges, BookingError> {
    let mut changes = RowChanges::new();
    let key = message_key(&record.message)?;
    if rows.row(&key)?.is_some() {
        return Err(contradiction("a message is booked twice"));
    }
    let row = MessageRow { kind: record.kind(), sequence: record.sequence, position };
    changes.insert(key, Some(row.encode()));

    let visit_row = visit_key(&record.message.tenant, &record.message.fixmedins_code, &record.mdtrt_id)?;
    let standing = visit(rows, &record.message, &record.mdtrt_id)?;
    let mut years = changed_years(rows, record)?;
    match record.entry {
        Entry::Settlement => {
            if standing.is_some() {
                return Err(contradiction("a visit is settled twice"));
            }
            changes.insert(visit_row, Some(encode_visit(record.sequence)));
            let mut before = BTreeMap::new();
            for (number, year) in &mut years {
                before.insert(*number, year.latest);
                year.latest = record.sequence;
            }
            let row = SettlementRow { position, cancelled: None, before };
            changes.insert(settlement_key(record.sequence), Some(row.encode()?));
        }
        Entry::Cancellation { of } => {
            let mut row = settlement(rows, of)?.ok_or(contradiction("a cancelled settlement is missing"))?;
            if row.cancelled.is_some() || standing != Some(of) || !row.before.keys().eq(years.keys()) {
                return Err(contradiction("a settlement that does not stand is cancelled"));
            }
            changes.insert(visit_row, None);
            for (number, year) in &mut years {
                if year.latest != of {
                    return Err(contradiction("a settlement is cancelled before a later one"));
                }
                year.latest = row.before.get(number).copied().unwrap_or_default();
            }
            row.cancelled = Some(CancelledBy { sequence: record.sequence, at_ms: record.booked_at_ms });
            changes.insert(settlement_key(of), Some(row.encode()?));
        }
    }
    for (number, year) in &years {
        changes.insert(year_key(&record.person, *number)?, year.encode()?);
    }
    Ok(changes)
}

/// The years of a record with its accumulator changes applied, all or none.
fn changed_years(rows: &impl Rows, record: &Record) -> Result<BTreeMap<i16, YearRow>, BookingError> {
    let mut years = BTreeMap::new();
    for number in years_of(record) {
        let mut row = year(rows, &record.person, number)?;
        let of_year = record.accumulators.iter().filter(|change| change.key.benefit_year == number);
        let of_year: Vec<AccumulatorChange> = of_year.cloned().collect();
        row.accumulators.apply(&of_year)?;
        years.insert(number, row);
    }
    Ok(years)
}
