//! What one record changes in the rows: the fold that the committer and the rebuild share.
//!
//! No IO of its own. Invariant: either all changes of a record come back or none, so the tables equal the fold of the
//! journal whatever happens in between. `verify.rs` holds a second, independent fold against this one.

use std::collections::{BTreeMap, BTreeSet};

use bedside_claim::accumulators::StaleChange;
use bedside_claim::{AccumulatorChange, Accumulators};

use crate::codec::TooLarge;
use crate::event::{MessageKey, MessageKind, PersonKey};
use crate::frame::Position;
use crate::holds;
use crate::planted;
use crate::record::{Entry, Record};
use crate::register;
use crate::reorder;
use crate::rows::{
    Bucket, BucketRow, MessageRow, SettlementRow, Undoing, UndoneBy, bucket_key, decode_visit, encode_visit,
    family_prefix, message_key, person_prefix, settlement_key, visit_key,
};
use crate::segments::ReadError;
use crate::stay::rows::StayKey;
use crate::stay::{StayPart, booking as stays};
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
    #[error("the disk is full")]
    DiskFull,
}

impl From<BookingError> for ReadError {
    /// In a read, or in folding what is already booked, an identifier that is too long or a change that does not fit
    /// means that the tables are not those of this journal.
    fn from(error: BookingError) -> ReadError {
        ReadError::Tables(match error {
            BookingError::Tables(error) => error,
            BookingError::TooLarge(_) => TablesError::Contradiction("a booked record does not fit a row"),
            BookingError::Stale(_) => TablesError::Contradiction("a booked change does not fit"),
            // Only a committer runs out of disk here.
            BookingError::DiskFull => TablesError::Contradiction("the disk is full"),
        })
    }
}

pub(crate) fn contradiction(what: &'static str) -> BookingError {
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

/// All accumulators of a person, and those of the family.
pub(crate) fn accumulators(
    rows: &impl Rows,
    person: &PersonKey,
    family_no: Option<&str>,
) -> Result<Accumulators, BookingError> {
    let family = family_no.map(|family_no| family_prefix(&person.tenant, family_no)).transpose()?;
    let mut all = Accumulators::default();
    for prefix in [Some(person_prefix(person)?), family].into_iter().flatten() {
        for body in rows.rows_under(&prefix)?.values() {
            let bucket = BucketRow::decode(body).map_err(TablesError::from)?;
            for (key, value) in bucket.accumulators.iter() {
                all.set(key.clone(), value);
            }
        }
    }
    Ok(all)
}

/// One bucket that the person uses.
pub(crate) fn bucket(
    rows: &impl Rows,
    person: &PersonKey,
    bucket: &Bucket,
) -> Result<BucketRow, BookingError> {
    match rows.row(&bucket_key(person, bucket)?)? {
        Some(body) => Ok(BucketRow::decode(&body).map_err(TablesError::from)?),
        None => Ok(BucketRow::default()),
    }
}

/// The buckets in whose order a settlement stands: the person's benefit year, and every one whose accumulators it
/// changed, so that cancelling latest first always finds each accumulator where the settlement left it.
pub(crate) fn buckets_of(benefit_year: i16, accumulators: &[AccumulatorChange]) -> BTreeSet<Bucket> {
    let changed = accumulators.iter().map(|change| Bucket::of(&change.key));
    std::iter::once(Bucket::own_year(benefit_year)).chain(changed).collect()
}

/// A standing settlement that must be cancelled before this one; nothing when it is the latest in every order itself.
///
/// The orders, not the sequences, say what stands on what: a correction may have put an earlier one on top. Of several
/// that stand in the way the one that was booked last is named.
pub(crate) fn blocked_by(
    rows: &impl Rows,
    record: &Record,
    row: &SettlementRow,
) -> Result<Option<u64>, BookingError> {
    let mut by = None;
    for touched in row.before.keys() {
        let latest = bucket(rows, &record.person, touched)?.latest;
        if latest != record.sequence {
            by = by.max(Some(latest));
        }
    }
    if by.is_none() && record.part.is_some() {
        // Parts of a stay are in its order too, whatever their years.
        let key = StayKey::at(&record.message, &record.mdtrt_id);
        let last = stays::stay(rows, &key)?.map_or(0, |stay| stay.settled_up_to());
        by = (last > record.sequence).then_some(last);
    }
    Ok(by)
}

/// The row of a record's own message.
pub(crate) fn put_message(
    rows: &impl Rows,
    record: &Record,
    position: Position,
    changes: &mut RowChanges,
) -> Result<MessageRow, BookingError> {
    let key = message_key(&record.message)?;
    if rows.row(&key)?.is_some() {
        return Err(contradiction("a message is booked twice"));
    }
    let row = MessageRow { kind: record.kind(), sequence: record.sequence, position };
    if !planted::is("drop-message-id") {
        changes.insert(key, Some(row.encode()));
    }
    Ok(row)
}

/// The rows as they stand once `record`, lying at `position`, is booked.
pub(crate) fn changes_of(
    rows: &impl Rows,
    record: &Record,
    position: Position,
) -> Result<RowChanges, BookingError> {
    let mut changes = RowChanges::new();
    let row = put_message(rows, record, position, &mut changes)?;

    match &record.entry {
        Entry::Settlement => {
            settled(rows, record, position, &mut changes)?;
            holds::fold::settled(rows, record, &mut changes)?;
        }
        Entry::Cancellation { of } => undone(rows, record, *of, Undoing::Cancellation, &mut changes)?,
        // The hold that it released is erased too.
        Entry::Reversal { of } if record.is_erased() && settlement(rows, *of)?.is_none() => {}
        Entry::Reversal { of } if settlement(rows, *of)?.is_none() => {
            holds::fold::released(rows, record, *of, &mut changes)?;
        }
        Entry::Reversal { of } => undone(rows, record, *of, Undoing::Reversal, &mut changes)?,
        Entry::Hold(terms) => {
            if visit(rows, &record.message, &record.mdtrt_id)?.is_some() {
                return Err(contradiction("a visit that is settled is held"));
            }
            holds::fold::held(rows, record, terms, position, &mut changes)?;
        }
        Entry::Correction(correction) => {
            reorder::corrected(rows, record, correction, position, &mut changes)?;
        }
        Entry::Tombstone { .. } | Entry::Erased { .. } => {}
        Entry::Register { rows: brought } => register::changes(rows, record, brought, &mut changes)?,
        Entry::Stay(change) => stays::moved(rows, record, change, position, &mut changes)?,
    }
    if let Some(barred) = record.bars() {
        let key = message_key(&barred)?;
        if rows.row(&key)?.is_some() || changes.contains_key(&key) {
            return Err(contradiction("a message that arrived is barred"));
        }
        let row = MessageRow { kind: MessageKind::Tombstone, ..row };
        if !planted::is("drop-tombstone") {
            changes.insert(key, Some(row.encode()));
        }
    }
    Ok(changes)
}

/// What a settlement changes: its own row, its visit, and the buckets it joins.
fn settled(
    rows: &impl Rows,
    record: &Record,
    position: Position,
    changes: &mut RowChanges,
) -> Result<(), BookingError> {
    if visit(rows, &record.message, &record.mdtrt_id)?.is_some() {
        return Err(contradiction("a visit is settled twice"));
    }
    if record.part != Some(StayPart::MidStay) {
        changes.insert(visit_row_key(record)?, Some(encode_visit(record.sequence)));
    }
    if let Some(part) = record.part.filter(|_| !record.is_erased()) {
        stays::settled(rows, record, part, changes)?;
    }
    let mut buckets = changed_buckets(rows, record)?;
    let mut before = BTreeMap::new();
    for (bucket, row) in &mut buckets {
        before.insert(bucket.clone(), row.latest);
        row.latest = record.sequence;
    }
    let row = SettlementRow { position, undone: None, before };
    changes.insert(settlement_key(record.sequence), Some(row.encode()?));
    put_buckets(record, &buckets, changes)
}

/// What the mirror of a settlement changes: everything back to before it.
fn undone(
    rows: &impl Rows,
    record: &Record,
    of: u64,
    undoing: Undoing,
    changes: &mut RowChanges,
) -> Result<(), BookingError> {
    let standing = visit(rows, &record.message, &record.mdtrt_id)?;
    let mut buckets = changed_buckets(rows, record)?;
    let mut row = settlement(rows, of)?.ok_or(contradiction("a cancelled settlement is missing"))?;
    // What is settled mid-stay has no row of the visit; the stay's row has it.
    let is_standing = record.part == Some(StayPart::MidStay) || standing == Some(of);
    if row.undone.is_some() || !is_standing || !row.before.keys().eq(buckets.keys()) {
        return Err(contradiction("a settlement that does not stand is cancelled"));
    }
    if record.part != Some(StayPart::MidStay) && !planted::is("cancel-keeps-visit") {
        changes.insert(visit_row_key(record)?, None);
    }
    if let Some(part) = record.part.filter(|_| !record.is_erased()) {
        stays::unsettled(rows, record, (of, part), changes)?;
    }
    for (bucket, standing) in &mut buckets {
        if standing.latest != of {
            return Err(contradiction("a settlement is cancelled before a later one"));
        }
        standing.latest = row.before.get(bucket).copied().unwrap_or_default();
    }
    row.undone = Some(UndoneBy { undoing, sequence: record.sequence, at_ms: record.booked_at_ms });
    changes.insert(settlement_key(of), Some(row.encode()?));
    put_buckets(record, &buckets, changes)
}

fn visit_row_key(record: &Record) -> Result<Vec<u8>, TooLarge> {
    visit_key(&record.message.tenant, &record.message.fixmedins_code, &record.mdtrt_id)
}

fn put_buckets(
    record: &Record,
    buckets: &BTreeMap<Bucket, BucketRow>,
    changes: &mut RowChanges,
) -> Result<(), BookingError> {
    for (bucket, row) in buckets.iter().filter(|_| !planted::is("forget-accumulators")) {
        changes.insert(bucket_key(&record.person, bucket)?, row.encode()?);
    }
    Ok(())
}

/// The buckets of a record with its accumulator changes applied, all or none.
fn changed_buckets(rows: &impl Rows, record: &Record) -> Result<BTreeMap<Bucket, BucketRow>, BookingError> {
    let mut buckets = BTreeMap::new();
    for touched in buckets_of(record.benefit_year, &record.accumulators) {
        let mut row = bucket(rows, &record.person, &touched)?;
        row.accumulators.apply(&reorder::inside(&record.accumulators, &touched))?;
        buckets.insert(touched, row);
    }
    Ok(buckets)
}
