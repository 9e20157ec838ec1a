//! Reading the journal's segment files: one frame at a position, and what lies behind the last whole frame.
//!
//! Never writes. Invariant: bytes leave here only with their checksum checked.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::codec::Malformed;
use crate::frame::{
    FRAME_HEAD_BYTES, FrameHead, Hash, Position, SEGMENT_HEAD_BYTES, SegmentHead, frame_hash, frame_is_whole,
    later_group_within,
};
use crate::planted;
use crate::record::Record;
use crate::tables::TablesError;

/// Open files kept; beyond that the oldest segment's is closed.
const OPEN_FILES_MAX: usize = 64;

/// In what way a place of the journal is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The segment's file is not there.
    #[error("the segment is missing")]
    SegmentMissing,
    /// The first 64 bytes are not a segment's, or another segment's.
    #[error("the segment's head is damaged")]
    SegmentHead,
    /// The frame's checksum does not hold.
    #[error("the record's checksum does not hold")]
    Checksum,
    /// The frame is whole but has another sequence than its place.
    #[error("the record is out of sequence")]
    Sequence,
    /// The frame is whole but names another predecessor.
    #[error("the record does not continue the hash chain")]
    Chain,
    /// The space behind the last record of a full segment is not zero.
    #[error("the space behind the last record is not empty")]
    Padding,
    /// The payload is whole but not of a version this program reads.
    #[error("the record is unreadable: {0}")]
    Payload(Malformed),
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The journal is damaged; restore the segment from a backup.
    #[error("segment {segment} is damaged at byte {offset}: {damage}")]
    Damaged {
        /// The segment.
        segment: u64,
        /// The byte where the damaged record, head or padding begins.
        offset: u64,
        /// In what way.
        damage: Damage,
    },
    /// The file system failed.
    #[error("segment {segment} cannot be read")]
    Io {
        /// The segment.
        segment: u64,
        /// What failed.
        source: io::Error,
    },
    /// The tables failed or contradict the journal; they are rebuilt when the ledger is opened the next time.
    #[error(transparent)]
    Tables(#[from] TablesError),
}

pub(crate) fn damaged(at: Position, damage: Damage) -> ReadError {
    ReadError::Damaged { segment: at.segment, offset: at.offset, damage }
}

/// One frame whose checksum holds.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) position: Position,
    pub(crate) head: FrameHead,
    pub(crate) hash: Hash,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Where the next frame of the same segment begins.
    pub(crate) fn end(&self) -> Position {
        let offset = self.position.offset + FRAME_HEAD_BYTES + u64::from(self.head.length);
        Position { offset, ..self.position }
    }

    pub(crate) fn record(&self) -> Result<Record, ReadError> {
        Record::decode(self.head.sequence, &self.payload)
            .map_err(|malformed| damaged(self.position, Damage::Payload(malformed)))
    }
}

/// What lies at a place where a frame may begin.
#[derive(Debug)]
pub(crate) enum Found {
    Frame(Box<Frame>),
    /// A zero length, or no room for a head.
    Nothing,
    /// Something whose checksum does not hold.
    Unreadable,
}

/// What lies behind the last whole frame of the last segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Zeros.
    Clean,
    /// The rest of a group that was never synced; so many bytes until the last that is not zero.
    Torn { bytes: u64 },
    /// A record that a synced group wrote.
    Damaged,
}

/// One segment opened for reading.
#[derive(Debug)]
pub(crate) struct Segment {
    file: File,
    pub(crate) head: SegmentHead,
    seed: u32,
    pub(crate) length: u64,
}

/// The segment files of one journal.
#[derive(Debug)]
pub(crate) struct Segments {
    dir: PathBuf,
    open: Mutex<BTreeMap<u64, Arc<Segment>>>,
}

impl Segments {
    pub(crate) fn at(dir: &Path) -> Segments {
        Segments { dir: dir.to_owned(), open: Mutex::default() }
    }

    pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
        dir.join(format!("{number:010}.journal"))
    }

    /// The numbers of the segments that exist, in order.
    pub(crate) fn numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".journal"));
            if let Some(number) = number.and_then(|digits| digits.parse().ok()) {
                numbers.push(number);
            }
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Opens a segment and checks its head.
    pub(crate) fn segment(&self, number: u64) -> Result<Arc<Segment>, ReadError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = open.get(&number) {
            return Ok(Arc::clone(segment));
        }
        let start = Position { segment: number, offset: 0 };
        let io = |source| ReadError::Io { segment: number, source };
        let file = match File::open(Segments::path(&self.dir, number)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged(start, Damage::SegmentMissing));
            }
            Err(error) => return Err(io(error)),
        };
        let length = file.metadata().map_err(io)?.len();
        let mut head = [0; 64];
        if length < SEGMENT_HEAD_BYTES {
            return Err(damaged(start, Damage::SegmentHead));
        }
        file.read_exact_at(&mut head, 0).map_err(io)?;
        let head = SegmentHead::decode(&head)
            .filter(|head| head.number == number)
            .ok_or(damaged(start, Damage::SegmentHead))?;
        let segment = Arc::new(Segment { file, head, seed: head.seed(), length });
        if open.len() >= OPEN_FILES_MAX {
            open.pop_first();
        }
        open.insert(number, Arc::clone(&segment));
        Ok(segment)
    }

    /// What lies at a position.
    pub(crate) fn find(&self, position: Position) -> Result<Found, ReadError> {
        let segment = self.segment(position.segment)?;
        let io = |source| ReadError::Io { segment: position.segment, source };
        let room = segment.length.saturating_sub(position.offset);
        if room < FRAME_HEAD_BYTES {
            return Ok(Found::Nothing);
        }
        let mut head = [0; 52];
        segment.file.read_exact_at(&mut head, position.offset).map_err(io)?;
        let parsed = FrameHead::decode(&head);
        if parsed.length == 0 {
            return Ok(Found::Nothing);
        }
        if u64::from(parsed.length) > room - FRAME_HEAD_BYTES {
            return Ok(Found::Unreadable);
        }
        let Ok(length) = usize::try_from(parsed.length) else { return Ok(Found::Unreadable) };
        let mut payload = vec![0; length];
        segment.file.read_exact_at(&mut payload, position.offset + FRAME_HEAD_BYTES).map_err(io)?;
        if !frame_is_whole(segment.seed, &head, &payload) {
            return Ok(Found::Unreadable);
        }
        let hash = frame_hash(&head, &payload);
        Ok(Found::Frame(Box::new(Frame { position, head: parsed, hash, payload })))
    }

    /// The record of that sequence at that position.
    pub(crate) fn record(&self, position: Position, sequence: u64) -> Result<Record, ReadError> {
        match self.find(position)? {
            Found::Frame(frame) if frame.head.sequence == sequence => frame.record(),
            Found::Frame(_) => Err(damaged(position, Damage::Sequence)),
            Found::Nothing | Found::Unreadable => Err(damaged(position, Damage::Checksum)),
        }
    }

    /// Whether a full segment holds only zeros from `at` to its end.
    pub(crate) fn zeros_from(&self, at: Position) -> Result<bool, ReadError> {
        Ok(self.rest(at)?.iter().all(|byte| *byte == 0) || planted::is("skip-padding"))
    }

    /// What lies from `at`, where the frame of `sequence` is not, to the end of the last segment.
    pub(crate) fn tail(&self, at: Position, sequence: u64) -> Result<Tail, ReadError> {
        let rest = self.rest(at)?;
        let Some(last) = rest.iter().rposition(|byte| *byte != 0) else { return Ok(Tail::Clean) };
        let seed = self.segment(at.segment)?.seed;
        // No frame begins behind the last byte that is not zero, though its payload may end there.
        if later_group_within(seed, &rest, last + 1, sequence) && !planted::is("call-damage-a-torn-tail") {
            return Ok(Tail::Damaged);
        }
        Ok(Tail::Torn { bytes: last as u64 + 1 })
    }

    fn rest(&self, at: Position) -> Result<Vec<u8>, ReadError> {
        let segment = self.segment(at.segment)?;
        let length = segment.length.saturating_sub(at.offset);
        // A segment is at most a few times the longest record; it was written from memory of this size.
        let mut rest = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        segment
            .file
            .read_exact_at(&mut rest, at.offset)
            .map_err(|source| ReadError::Io { segment: at.segment, source })?;
        Ok(rest)
    }
}
