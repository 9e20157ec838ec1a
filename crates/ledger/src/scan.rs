//! Reading the journal in order, from its start or from a known frame, with the hash chain checked.
//!
//! Invariant: a frame is handed out only if its checksum, its sequence and its predecessor's hash hold. Only the end
//! of the last segment may be unreadable, and only when no later group proves that it had been synced.

use std::path::Path;
use std::sync::Arc;

use crate::frame::{GENESIS, Hash, Position, SEGMENT_HEAD_BYTES};
use crate::open::OpenError;
use crate::planted;
use crate::progress::Progress;
use crate::record::Record;
use crate::segments::{Damage, Found, Frame, ReadError, Segments, Tail, damaged};
use crate::source::Source;

/// A place between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where the next frame begins.
    pub(crate) next: Position,
    /// The sequence of the frame before; zero at the start.
    pub(crate) sequence: u64,
    /// The hash of the frame before.
    pub(crate) hash: Hash,
}

impl Place {
    pub(crate) const START: Place =
        Place { next: Position { segment: 1, offset: SEGMENT_HEAD_BYTES }, sequence: 0, hash: GENESIS };
}

/// Walks over frames.
#[derive(Debug)]
pub(crate) struct Scanner {
    segments: Arc<Segments>,
    last_segment: u64,
    place: Place,
}

impl Scanner {
    /// From a place up to the end of `last_segment`.
    pub(crate) fn from(segments: Arc<Segments>, place: Place, last_segment: u64) -> Scanner {
        Scanner { segments, last_segment, place }
    }

    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Goes on to a segment that was written since.
    pub(crate) fn extend_to(&mut self, last_segment: u64) {
        self.last_segment = last_segment;
    }

    /// The next frame; nothing at the end, where [`Scanner::tail`] says what follows.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] for anything unreadable before the last segment, and anything whole that does not
    /// continue the sequence and the chain; [`ReadError::Io`].
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, ReadError> {
        if self.place.next.offset == SEGMENT_HEAD_BYTES {
            self.check_head(self.place.next.segment)?;
        }
        loop {
            let at = self.place.next;
            match self.segments.find(at)? {
                Found::Frame(frame) => {
                    if frame.head.sequence != self.place.sequence + 1 {
                        return Err(damaged(at, Damage::Sequence));
                    }
                    if frame.head.previous != self.place.hash && !planted::is("skip-chain") {
                        return Err(damaged(at, Damage::Chain));
                    }
                    self.place = Place { next: frame.end(), sequence: frame.head.sequence, hash: frame.hash };
                    return Ok(Some(*frame));
                }
                Found::Nothing | Found::Unreadable if at.segment >= self.last_segment => return Ok(None),
                Found::Unreadable => return Err(damaged(at, Damage::Checksum)),
                Found::Nothing => {
                    if !self.segments.zeros_from(at)? {
                        return Err(damaged(at, Damage::Padding));
                    }
                    let next = at.segment + 1;
                    self.check_head(next)?;
                    self.place.next = Position { segment: next, offset: SEGMENT_HEAD_BYTES };
                }
            }
        }
    }

    /// What lies behind the last frame. Meaningful once [`Scanner::next_frame`] gave nothing.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] when a synced group wrote there; [`ReadError::Io`].
    pub(crate) fn tail(&self) -> Result<Tail, ReadError> {
        match self.segments.tail(self.place.next, self.place.sequence + 1)? {
            Tail::Damaged => Err(damaged(self.place.next, Damage::Checksum)),
            tail => Ok(tail),
        }
    }

    fn check_head(&self, number: u64) -> Result<(), ReadError> {
        let head = self.segments.segment(number)?.head;
        let start = Position { segment: number, offset: 0 };
        if head.first_sequence != self.place.sequence + 1 {
            return Err(damaged(start, Damage::Sequence));
        }
        if head.previous != self.place.hash {
            return Err(damaged(start, Damage::Chain));
        }
        Ok(())
    }
}

/// The journal's records in order, with their positions; the hash chain is checked on the way.
///
/// # Errors
/// Each item is [`ReadError::Damaged`] at the first place that is not what was written, or [`ReadError::Io`]; the
/// iterator ends after the first error.
#[derive(Debug)]
pub struct Records {
    scanner: Scanner,
    end: End,
    done: bool,
}

/// Where the iterator ends.
#[derive(Debug)]
enum End {
    /// Behind that sequence.
    Sequence(u64),
    /// Where the folder that is read says.
    Source(Source),
}

/// Reads the journal of a ledger's folder, whether it serves or not, without any write. What was never answered, a torn
/// tail, is not given.
///
/// # Errors
/// [`OpenError::NotALedger`]; [`OpenError::Io`] when the directory cannot be listed. Damage is an item of the iterator.
pub fn read_journal(dir: &Path) -> Result<Records, OpenError> {
    let source = Source::open(dir)?;
    Ok(Records { scanner: source.scanner(), end: End::Source(source), done: false })
}

impl Records {
    pub(crate) fn until(scanner: Scanner, sequence: u64) -> Records {
        Records { scanner, end: End::Sequence(sequence), done: false }
    }

    /// How far the reading has come.
    pub fn progress(&self) -> Progress {
        let Place { next, sequence, .. } = self.scanner.place();
        Progress { records: sequence, segment: next.segment, segments: self.scanner.last_segment }
    }

    fn read(&mut self) -> Result<Option<(Position, Record)>, ReadError> {
        let frame = match &self.end {
            End::Sequence(last) if *last == self.scanner.place().sequence => None,
            End::Sequence(_) => {
                let at = self.scanner.place().next;
                Some(self.scanner.next_frame()?.ok_or(damaged(at, Damage::Checksum))?)
            }
            End::Source(source) => source.next(&mut self.scanner)?,
        };
        frame.map(|frame| Ok((frame.position, frame.record()?))).transpose()
    }
}

impl Iterator for Records {
    type Item = Result<(Position, Record), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.read().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}
