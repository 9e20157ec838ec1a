//! Erasing: a ledger without the content of some persons' records, made beside the one that has it.
//!
//! Never writes to the source: whoever wants the content gone destroys that, its tables and its backups. What is left of each
//! record (`kept.rs`) has the same hash, so that chain, tree and every receipt hold as before. Must not know why someone is
//! erased. Invariant: all records of a person are erased or none, so that the fold of the accumulators has no gap.

use std::collections::BTreeSet;
use std::path::Path;

use crate::codec::TooLarge;
use crate::copy::{Copied, CopyError, Point, whole_or_nothing, write_copy};
use crate::event::PersonKey;
use crate::kept;
use crate::open::OpenError;
use crate::progress::Progress;
use crate::record::Record;
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
    /// the hash chain, or it is a hold or a correction, which cannot be folded without what it says.
    #[error("record {sequence} in segment {segment} cannot be erased by this release; nothing was erased")]
    NotErasable {
        /// The record.
        sequence: u64,
        /// Its segment.
        segment: u64,
    },
    /// Another record names one of the persons: rows of a register, a correction, the bill of a relative.
    #[error(
        "record {sequence} in segment {segment} is not of these persons and names one of them; nothing was erased"
    )]
    StillNamed {
        /// The record.
        sequence: u64,
        /// Its segment.
        segment: u64,
    },
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

/// Copies the ledger in `from`, which must be at rest, to `to`, without the content of these persons' records.
///
/// # Errors
/// See [`EraseError`].
pub fn erase_persons(
    from: &Path,
    to: &Path,
    persons: &BTreeSet<PersonKey>,
    mut progress: impl FnMut(Progress),
) -> Result<Erasure, EraseError> {
    let source = Source::open(from)?;
    if source.is_live() {
        return Err(EraseError::Live);
    }
    let mut missing = persons.clone();
    let mut erased = 0;
    let copied = whole_or_nothing(to, |unfinished| {
        let mut change = |frame: &Frame, record: &Record| {
            if !persons.contains(&record.person) {
                let (sequence, segment) = (record.sequence, frame.position.segment);
                return match persons.iter().any(|person| names(&frame.payload, &person.psn_no)) {
                    true => Err(EraseError::StillNamed { sequence, segment }),
                    false => Ok(None),
                };
            }
            missing.remove(&record.person);
            erased += 1;
            left_of(frame, record).map(Some)
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

fn names(payload: &[u8], psn_no: &str) -> bool {
    payload.windows(psn_no.len().max(1)).any(|window| window == psn_no.as_bytes())
}
