//! The records of a period, read from a ledger while it serves.
//!
//! Records stand in the journal about in the order of their time, so a period is one range of it: its segments are found by the
//! time of their first records, and only these are read, up to what was durable when the reading began, with checksums and
//! chain checked. Nobody waits for it. Must not know what a day is. Invariant: never gives a record that is not on disk.

use std::sync::Arc;

use crate::frame::{Position, SEGMENT_HEAD_BYTES};
use crate::record::Record;
use crate::scan::{Place, Records, Scanner};
use crate::segments::{Damage, Found, ReadError, Segments, damaged};

/// By how much a record may be older than one before it: the time is the caller's, taken before the record waits for its turn,
/// and clocks are set back now and then. Where one was wrong by more, and for longer than a segment, records are missed.
const DISORDER_MAX_MS: i64 = 60 * 60 * 1_000;

/// Times of booking, in milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first that counts.
    pub from_ms: i64,
    /// The first that no longer does.
    pub until_ms: i64,
}

impl Period {
    /// From the first record to the last.
    pub const ALWAYS: Period = Period { from_ms: i64::MIN, until_ms: i64::MAX };

    /// Whether what was booked then counts.
    pub fn has(self, booked_at_ms: i64) -> bool {
        self.from_ms <= booked_at_ms && booked_at_ms < self.until_ms
    }
}

/// The records of a period in order.
///
/// # Errors
/// As of [`Records`].
#[derive(Debug)]
pub struct PeriodRecords {
    period: Period,
    /// Nothing where no segment can have any.
    records: Option<Records>,
}

impl Iterator for PeriodRecords {
    /// Nothing in the place of a record that was read and does not count, so that whoever reads can stop between any two.
    type Item = Result<Option<Record>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.records.as_mut()?.next()?;
        Some(item.map(|(_, record)| Some(record).filter(|record| self.period.has(record.booked_at_ms))))
    }
}

/// Reads a period of the journal in `segments`, which is durable up to `tip`.
pub(crate) fn records(
    segments: Arc<Segments>,
    tip: Place,
    period: Period,
) -> Result<PeriodRecords, ReadError> {
    let nothing = PeriodRecords { period, records: None };
    if tip.sequence == 0 || period.from_ms >= period.until_ms {
        return Ok(nothing);
    }
    let newest = newest_with_records(&segments, tip)?;
    let (mut first, mut last, mut earlier) = (1, None, 0);
    // From the end, because what is asked for is mostly recent; older segments are not touched.
    for number in (1..=newest).rev() {
        let begins_ms = first_time(&segments, number)?;
        // What lies in this one is no earlier.
        if last.is_none() && begins_ms.saturating_sub(DISORDER_MAX_MS) < period.until_ms {
            last = Some(number);
        }
        // What lies in the segments before is no later than this; one such time may be wrong, two in a row are not.
        let is_earlier = begins_ms.saturating_add(DISORDER_MAX_MS) < period.from_ms;
        earlier = if is_earlier { earlier + 1 } else { 0 };
        if earlier == 2 {
            first = number + 1;
            break;
        }
    }
    let last = last.unwrap_or(0);
    // One more on either side: the time of a first record may be the one that is wrong.
    let (first, last) = (first.saturating_sub(1).max(1), (last + 1).min(newest));
    if first > last {
        return Ok(nothing);
    }
    let head = segments.segment(first)?.head;
    let next = Position { segment: first, offset: SEGMENT_HEAD_BYTES };
    let place = Place { next, sequence: head.first_sequence.saturating_sub(1), hash: head.previous };
    let until = match last == newest {
        true => tip.sequence,
        false => segments.segment(last + 1)?.head.first_sequence.saturating_sub(1),
    };
    let scanner = Scanner::from(segments, place, newest);
    Ok(PeriodRecords { period, records: Some(Records::until(scanner, until)) })
}

/// The last segment, but for one that was made ahead and has no record yet, as a kill may leave it.
fn newest_with_records(segments: &Segments, tip: Place) -> Result<u64, ReadError> {
    let newest = tip.next.segment;
    let is_empty = segments.segment(newest)?.head.first_sequence > tip.sequence;
    Ok(if is_empty { newest.saturating_sub(1) } else { newest })
}

/// When the first record of a segment was booked.
fn first_time(segments: &Segments, number: u64) -> Result<i64, ReadError> {
    let at = Position { segment: number, offset: SEGMENT_HEAD_BYTES };
    match segments.find(at)? {
        Found::Frame(frame) => Ok(frame.record()?.booked_at_ms),
        Found::Nothing | Found::Unreadable => Err(damaged(at, Damage::Checksum)),
    }
}
