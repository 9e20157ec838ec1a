//! The order of the settlements in their buckets, and what a correction does to it.
//!
//! A bucket's order is a chain: the row of the bucket names the latest, each settlement the one that stood before it. A
//! correction takes its settlements off the top of every chain and puts them back in another order, perhaps into other
//! buckets. Invariant: what it does not name stays where it is, under what it names.

use std::collections::{BTreeMap, BTreeSet};

use bedside_claim::AccumulatorChange;

use crate::booking::{self, BookingError, contradiction};
use crate::correction::Correction;
use crate::event::PersonKey;
use crate::frame::Position;
use crate::record::Record;
use crate::rows::{Bucket, BucketRow, SettlementRow, bucket_key, settlement_key, versions_key};
use crate::tables::{Overlay, RowChanges, Rows};
use crate::versions::{self, MadeBy};

/// Settlements that are taken out of their order, by sequence.
pub(crate) type Lifted = BTreeMap<u64, (PersonKey, SettlementRow)>;

/// Takes settlements out of the order of every bucket that they stand in, latest first; `give_back` changes the bucket
/// as the going of one of them does.
pub(crate) fn lift(
    rows: &mut Overlay<'_>,
    lifted: &Lifted,
    mut give_back: impl FnMut(u64, &Bucket, &mut BucketRow) -> Result<(), BookingError>,
) -> Result<(), BookingError> {
    let mut touched = BTreeMap::new();
    let mut standing = 0usize;
    for (person, row) in lifted.values() {
        for bucket in row.before.keys() {
            touched.insert(bucket_key(person, bucket)?, (person, bucket));
            standing += 1;
        }
    }
    for (key, (person, bucket)) in touched {
        let mut shelf = booking::bucket(rows, person, bucket)?;
        while let Some((_, row)) = lifted.get(&shelf.latest) {
            give_back(shelf.latest, bucket, &mut shelf)?;
            let missing = contradiction("a settlement is latest where it does not stand");
            shelf.latest = *row.before.get(bucket).ok_or(missing)?;
            standing -= 1;
        }
        rows.changes.insert(key, shelf.encode()?);
    }
    if standing > 0 {
        return Err(contradiction("a settlement is corrected under a later one that stays"));
    }
    Ok(())
}

/// Puts a settlement on top of the order of these buckets and applies what it changes in them.
pub(crate) fn place(
    rows: &mut Overlay<'_>,
    (sequence, person, row): (u64, &PersonKey, &SettlementRow),
    buckets: impl IntoIterator<Item = Bucket>,
    accumulators: &[AccumulatorChange],
) -> Result<(), BookingError> {
    let mut before = BTreeMap::new();
    for bucket in buckets {
        let mut shelf = booking::bucket(rows, person, &bucket)?;
        shelf.accumulators.apply(&inside(accumulators, &bucket))?;
        before.insert(bucket.clone(), shelf.latest);
        shelf.latest = sequence;
        rows.changes.insert(bucket_key(person, &bucket)?, shelf.encode()?);
    }
    let row = SettlementRow { before, ..row.clone() };
    rows.changes.insert(settlement_key(sequence), Some(row.encode()?));
    Ok(())
}

/// The changes within one bucket.
pub(crate) fn inside(changes: &[AccumulatorChange], bucket: &Bucket) -> Vec<AccumulatorChange> {
    changes.iter().filter(|change| Bucket::of(&change.key) == *bucket).cloned().collect()
}

/// What a correction changes: the order of its settlements, the accumulators, and which versions count.
pub(crate) fn corrected(
    rows: &impl Rows,
    record: &Record,
    correction: &Correction,
    position: Position,
    changes: &mut RowChanges,
) -> Result<(), BookingError> {
    let mut after = Overlay::on(rows);
    let mut lifted = Lifted::new();
    for turn in &correction.turns {
        let row = booking::settlement(rows, turn.sequence)?;
        let row = row.filter(|row| row.undone.is_none());
        let row = row.ok_or(contradiction("a settlement that does not stand is corrected"))?;
        let person = PersonKey { psn_no: turn.psn_no.clone(), ..record.person.clone() };
        if lifted.insert(turn.sequence, (person, row)).is_some() {
            return Err(contradiction("a settlement is corrected twice at once"));
        }
    }
    if !lifted.contains_key(&correction.of) {
        return Err(contradiction("a correction leaves out what it corrects"));
    }
    lift(&mut after, &lifted, |_, _, _| Ok(()))?;
    for net in &correction.net {
        let person = PersonKey { psn_no: net.psn_no.clone(), ..record.person.clone() };
        let bucket = Bucket::of(&net.change.key);
        let mut shelf = booking::bucket(&after, &person, &bucket)?;
        shelf.accumulators.apply(std::slice::from_ref(&net.change))?;
        after.changes.insert(bucket_key(&person, &bucket)?, shelf.encode()?);
    }
    for turn in &correction.turns {
        let Some((person, row)) = lifted.get(&turn.sequence) else { continue };
        let buckets: BTreeSet<Bucket> = match &turn.new {
            Some(version) => booking::buckets_of(version.benefit_year, &version.accumulators),
            None => row.before.keys().cloned().collect(),
        };
        // The accumulators stand already where the whole correction leaves them.
        place(&mut after, (turn.sequence, person, row), buckets, &[])?;
        if turn.new.is_some() {
            let mut made = versions::made(rows, turn.sequence)?;
            made.push(MadeBy { sequence: record.sequence, position });
            after.changes.insert(versions_key(turn.sequence), Some(versions::encode(&made)?));
        }
    }
    changes.append(&mut after.changes);
    Ok(())
}
