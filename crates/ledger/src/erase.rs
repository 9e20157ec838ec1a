//! Erasing: a ledger without the content of some persons' records, made beside the one that has it.
//!
//! Never writes to the source: whoever wants the content gone destroys that, its tables and its backups. What is left of each
//! record (`kept.rs`) has the same hash, so that chain, tree and every receipt hold as before. Must not know why someone is
//! erased. Invariant: all records of a person are erased or none, so that the fold of the accumulators has no gap.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, BuildError};

use crate::codec::TooLarge;
use crate::copy::{Copied, CopyError, Point, whole_or_nothing, write_copy};
use crate::event::PersonKey;
use crate::kept;
use crate::open::OpenError;
use crate::progress::Progress;
use crate::record::{Entry, Record};
use crate::segments::Frame;
use crate::source::Source;

/// What erasing made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The new ledger.
    pub copied: Copied,
    /// Records whose content it no longer has, and the source had.
    pub erased: u64,
}

/// Why nothing was erased. Nothing is left under the name that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// Source or target; see [`CopyError`].
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The ledger is open elsewhere: what it books meanwhile would be missing.
    #[error("the ledger is open elsewhere; stop what serves it first")]
    Live,
    /// Some of the persons have no record.
    #[error("{count} of the persons have no record in the ledger; nothing was erased")]
    NotFound {
        /// How many.
        count: usize,
    },
    /// A record of one of the persons cannot be erased: it is of before payload version 4, when every byte of it entered
    /// the hash chain, or a correction of version 4, of which too little would be left to fold it.
    #[error("record {sequence} in segment {segment} cannot be erased by this release; nothing was erased")]
    NotErasable {
        /// The record.
        sequence: u64,
        /// Its segment.
        segment: u64,
    },
    /// A correction changed settlements of one of the persons and of somebody else, of a relative.
    #[error(
        "record {sequence} in segment {segment} corrected settlements of one of these persons and of another; nothing was erased"
    )]
    Shared {
        /// The record.
        sequence: u64,
        /// Its segment.
        segment: u64,
    },
    /// Another record of the tenant names one of the persons: the bill of a relative.
    #[error(
        "record {sequence} in segment {segment} is not of these persons and names one of them; nothing was erased"
    )]
    StillNamed {
        /// The record.
        sequence: u64,
        /// Its segment.
        segment: u64,
    },
    /// What must be kept of one of their records has the person's number in it: a `msgid`, the one of a call that was reversed
    /// before it came, a `family_no` or an accident's number that was made of it.
    #[error(
        "record {sequence} in segment {segment} has the person's number in what is kept: its msgid or a family's or accident's number; nothing was erased"
    )]
    KeptNames {
        /// The record.
        sequence: u64,
        /// Its segment.
        segment: u64,
    },
    /// More persons than one run takes: hundreds of millions.
    #[error("too many persons at once: {0}")]
    TooMany(BuildError),
    /// What is left of a record does not fit.
    #[error("record {sequence}: {source}")]
    TooLarge {
        /// The record.
        sequence: u64,
        /// Why.
        source: TooLarge,
    },
}

impl From<OpenError> for EraseError {
    fn from(error: OpenError) -> EraseError {
        EraseError::Copy(CopyError::Source(error))
    }
}

/// Copies the ledger in `from`, which must be at rest, to `to`, without the content of these persons' records, and without
/// the rows about them in the register of persons, which has that number.
///
/// # Errors
/// See [`EraseError`].
pub fn erase_persons(
    from: &Path,
    to: &Path,
    persons: &BTreeSet<PersonKey>,
    register: u8,
    mut progress: impl FnMut(Progress),
) -> Result<Erasure, EraseError> {
    let names =
        AhoCorasick::new(persons.iter().map(|person| &*person.psn_no)).map_err(EraseError::TooMany)?;
    let tenants: BTreeSet<&str> = persons.iter().map(|person| &*person.tenant).collect();
    let source = Source::open(from)?;
    if source.is_live() {
        return Err(EraseError::Live);
    }
    let mut missing = persons.clone();
    let mut erased = 0;
    let copied = whole_or_nothing(to, |unfinished| {
        let mut change = |frame: &Frame, record: &Record| {
            let (sequence, segment) = (record.sequence, frame.position.segment);
            if let Entry::Correction(correction) = &record.entry {
                let people = correction
                    .turns
                    .iter()
                    .map(|turn| PersonKey { psn_no: Arc::clone(&turn.psn_no), ..record.person.clone() });
                let going = people.filter(|person| persons.contains(person)).count();
                if going != 0 && going != correction.turns.len() {
                    return Err(EraseError::Shared { sequence, segment });
                }
            }
            if persons.contains(&record.person) {
                missing.remove(&record.person);
                erased += 1;
                let left = left_of(frame, record)?;
                return if names.is_match(&left) {
                    Err(EraseError::KeptNames { sequence, segment })
                } else {
                    Ok(Some(left))
                };
            }
            let too_large = |source| EraseError::TooLarge { sequence, source };
            let rows = without_rows(record, register, &mut |person| {
                missing.remove(person);
                persons.contains(person)
            });
            let left = rows.and_then(|rows| rows.map(|it| it.encode()).transpose()).map_err(too_large)?;
            erased += u64::from(left.is_some());
            let is_of_them = tenants.contains(&*record.message.tenant);
            if is_of_them && names.is_match(left.as_ref().unwrap_or(&frame.payload)) {
                return Err(EraseError::StillNamed { sequence, segment });
            }
            Ok(left)
        };
        let copied = write_copy(&source, unfinished, Point::End, &mut change, &mut progress)?;
        match missing.len() {
            0 => Ok(copied),
            count => Err(EraseError::NotFound { count }),
        }
    })?;
    Ok(Erasure { copied, erased })
}

/// The payload that is left of a record.
fn left_of(frame: &Frame, record: &Record) -> Result<Vec<u8>, EraseError> {
    let (sequence, segment) = (record.sequence, frame.position.segment);
    let left =
        kept::erase(record, &frame.payload).map_err(|source| EraseError::TooLarge { sequence, source })?;
    left.ok_or(EraseError::NotErasable { sequence, segment })
}

/// A record of register rows without those about some persons; nothing where it has none of them.
fn without_rows(
    record: &Record,
    register: u8,
    is_going: &mut impl FnMut(&PersonKey) -> bool,
) -> Result<Option<Record>, TooLarge> {
    let Entry::Register { rows } = &record.entry else { return Ok(None) };
    let mut left = Vec::with_capacity(rows.len());
    for row in rows {
        let about = row.row().filter(|row| row.register == register);
        let goes = about.is_some_and(|row| {
            let psn_no = Arc::clone(&row.subject);
            is_going(&PersonKey { tenant: Arc::clone(&record.message.tenant), psn_no })
        });
        left.push(if goes { row.erased()? } else { row.clone() });
    }
    Ok((left != *rows).then(|| Record { entry: Entry::Register { rows: left }, ..record.clone() }))
}
