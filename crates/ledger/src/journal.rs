//! The journal: append-only segments of frames. The truth, and the evidence.
//!
//! Knows files and frames, not what a record means. Segments are preallocated and zero-filled, so that a data sync
//! writes no metadata; a group of frames never spans two. Invariants: a group that [`Journal::append`] returned is on
//! disk; after the first write or sync error nothing is ever written again, because the kernel reports such an error
//! once and drops the pages.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::frame::{self, HEADER, Hash, PAYLOAD_MAX};

const SEGMENT_MAGIC: [u8; 8] = *b"BEDSIDEJ";
const SEGMENT_VERSION: u32 = 1;
/// Magic, version, first sequence, hash before, checksum.
const SEGMENT_HEADER: usize = 8 + 4 + 8 + 32 + 4;

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The first sequence of the segment.
    pub segment: u64,
    /// Byte offset of the frame in it.
    pub offset: u64,
}

/// What a segment file is written through; tests put a failing one in its place.
pub(crate) trait SegmentFile: Send {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn sync_data(&self) -> io::Result<()>;
}

impl SegmentFile for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }
}

/// Wraps each segment file that is opened for writing.
pub(crate) type WrapFile = fn(File) -> Box<dyn SegmentFile>;

/// What is wrong with a journal on disk.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file or folder cannot be read, created or synced.
    #[error("cannot use `{path}`: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Bytes before the end of the journal are not what was written.
    #[error("segment `{segment}` is damaged at offset {offset}: {problem}")]
    Damaged {
        /// The segment's file name.
        segment: String,
        /// The byte offset of the frame or header.
        offset: u64,
        /// What does not fit.
        problem: &'static str,
    },
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> JournalError {
    let path = path.to_path_buf();
    move |error| JournalError::Io { path: path.clone(), error }
}

pub(crate) fn sync_folder(path: &Path) -> Result<(), JournalError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io_error(path))
}

fn file_name(first: u64) -> String {
    format!("journal-{first:016}.seg")
}

/// The segments of a folder, in order of their first sequence.
fn segments(folder: &Path) -> Result<Vec<(u64, PathBuf)>, JournalError> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io_error(folder))? {
        let path = entry.map_err(io_error(folder))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let digits = name.strip_prefix("journal-").and_then(|rest| rest.strip_suffix(".seg"));
        if let Some(first) = digits.and_then(|digits| digits.parse().ok()) {
            segments.push((first, path));
        }
    }
    segments.sort();
    Ok(segments)
}

fn segment_header(first: u64, before: &Hash) -> Vec<u8> {
    let mut header = Vec::with_capacity(SEGMENT_HEADER);
    header.extend(SEGMENT_MAGIC);
    header.extend(SEGMENT_VERSION.to_le_bytes());
    header.extend(first.to_le_bytes());
    header.extend(before);
    let crc = crc32c::crc32c(&header);
    header.extend(crc.to_le_bytes());
    header
}

/// The end of the chain: the last sequence, its hash, and where the next frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) sequence: u64,
    pub(crate) hash: Hash,
    /// The first sequence of the last segment; `None` before the first.
    segment: Option<u64>,
    offset: u64,
}

/// One record as the journal holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From 1, without gaps.
    pub sequence: u64,
    /// Where it stands.
    pub position: Position,
    /// Its hash.
    pub hash: Hash,
    /// The record's bytes.
    pub payload: Vec<u8>,
}

/// Reads the journal from the start, checking every frame and the chain.
#[derive(Debug)]
pub(crate) struct Scan {
    segments: std::vec::IntoIter<(u64, PathBuf)>,
    current: Option<Segment>,
    sequence: u64,
    hash: Hash,
    /// Bytes of a torn tail, when the end was reached.
    torn: u64,
}

#[derive(Debug)]
struct Segment {
    first: u64,
    name: String,
    bytes: Vec<u8>,
    offset: usize,
    group: u64,
}

impl Scan {
    pub(crate) fn new(folder: &Path) -> Result<Scan, JournalError> {
        let segments = segments(folder)?.into_iter();
        Ok(Scan { segments, current: None, sequence: 0, hash: [0; 32], torn: 0 })
    }

    /// The next entry; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, JournalError> {
        loop {
            if let Some(entry) = self.next_in_segment()? {
                return Ok(Some(entry));
            }
            let Some((first, path)) = self.segments.next() else { return Ok(None) };
            self.open_segment(first, &path)?;
        }
    }

    fn open_segment(&mut self, first: u64, path: &Path) -> Result<(), JournalError> {
        let name = file_name(first);
        let bytes = std::fs::read(path).map_err(io_error(path))?;
        let damaged = |problem| JournalError::Damaged { segment: name.clone(), offset: 0, problem };
        if self.torn > 0 {
            return Err(damaged("the segment before it ends in the middle of a record"));
        }
        let expected = segment_header(self.sequence + 1, &self.hash);
        if bytes.get(..SEGMENT_HEADER) != Some(expected.as_slice()) {
            // A crash while the segment was being created leaves a file without any frame.
            if self.segments.len() == 0 && frame::find(&bytes).is_none() {
                self.current = None;
                return Ok(());
            }
            return Err(damaged("its header does not continue the chain"));
        }
        self.current = Some(Segment { first, name, bytes, offset: SEGMENT_HEADER, group: 0 });
        Ok(())
    }

    fn next_in_segment(&mut self) -> Result<Option<Entry>, JournalError> {
        let Some(segment) = &mut self.current else { return Ok(None) };
        let rest = &segment.bytes[segment.offset..];
        let offset = segment.offset as u64;
        let damaged = |problem| JournalError::Damaged { segment: segment.name.clone(), offset, problem };
        let Some(frame) = frame::read(rest) else {
            if rest.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            // A group that was being written when the machine stopped was never answered. A frame of a later group
            // proves that this one was synced before, so its damage is a loss.
            match frame::find(rest) {
                Some(later) if later.group > self.sequence + 1 => {
                    return Err(damaged("no record reads well here, but records of later groups follow"));
                }
                _ => self.torn = rest.len() as u64,
            }
            return Ok(None);
        };
        if frame.sequence != self.sequence + 1 {
            return Err(damaged("the sequence does not continue"));
        }
        if frame.before != self.hash {
            return Err(damaged("the hash chain is broken"));
        }
        let entry = Entry {
            sequence: frame.sequence,
            position: Position { segment: segment.first, offset },
            hash: frame.hash(),
            payload: frame.payload.to_vec(),
        };
        segment.group = frame.group;
        segment.offset += frame.len();
        self.sequence = entry.sequence;
        self.hash = entry.hash;
        Ok(Some(entry))
    }

    /// The end of the chain, once [`Scan::next`] has returned `None`.
    pub(crate) fn head(&self) -> Head {
        let (segment, offset) = match &self.current {
            Some(segment) => (Some(segment.first), segment.offset as u64),
            None => (None, 0),
        };
        Head { sequence: self.sequence, hash: self.hash, segment, offset }
    }

    /// Bytes of a torn tail.
    pub(crate) fn torn(&self) -> u64 {
        self.torn
    }
}

/// Point reads of records, from any thread.
#[derive(Debug)]
pub(crate) struct JournalReader {
    folder: PathBuf,
    files: Mutex<BTreeMap<u64, Arc<File>>>,
}

impl JournalReader {
    pub(crate) fn new(folder: &Path) -> JournalReader {
        JournalReader { folder: folder.to_path_buf(), files: Mutex::new(BTreeMap::new()) }
    }

    /// The payload of the record at a position, its checksum and sequence verified.
    pub(crate) fn read(&self, position: Position, sequence: u64) -> Result<Vec<u8>, JournalError> {
        let path = self.folder.join(file_name(position.segment));
        let file = {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            match files.get(&position.segment) {
                Some(file) => file.clone(),
                None => {
                    let file = Arc::new(File::open(&path).map_err(io_error(&path))?);
                    files.insert(position.segment, file.clone());
                    file
                }
            }
        };
        let damaged = |problem| JournalError::Damaged {
            segment: file_name(position.segment),
            offset: position.offset,
            problem,
        };
        let mut bytes = vec![0; HEADER];
        file.read_exact_at(&mut bytes, position.offset).map_err(io_error(&path))?;
        let length = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]) as usize;
        if length > PAYLOAD_MAX {
            return Err(damaged("the record's length is impossible"));
        }
        bytes.resize(HEADER + length, 0);
        file.read_exact_at(&mut bytes[HEADER..], position.offset + HEADER as u64).map_err(io_error(&path))?;
        match frame::read(&bytes) {
            Some(frame) if frame.sequence == sequence => Ok(frame.payload.to_vec()),
            _ => Err(damaged("the record does not read well")),
        }
    }
}

/// The writing end.
pub(crate) struct Journal {
    folder: PathBuf,
    segment_bytes: u64,
    head: Head,
    file: Option<Box<dyn SegmentFile>>,
    /// Bytes the open segment has.
    capacity: u64,
    wrap: WrapFile,
}

impl Journal {
    /// Goes on where a scan ended; a torn tail is overwritten with zeros first.
    pub(crate) fn open(
        folder: &Path,
        segment_bytes: u64,
        scan: &Scan,
        wrap: WrapFile,
    ) -> Result<Journal, JournalError> {
        let head = scan.head();
        let mut journal =
            Journal { folder: folder.to_path_buf(), segment_bytes, head, file: None, capacity: 0, wrap };
        if let Some(segment) = head.segment {
            let path = folder.join(file_name(segment));
            let open = || -> io::Result<(File, u64)> {
                let file = OpenOptions::new().read(true).write(true).open(&path)?;
                let capacity = file.metadata()?.len();
                if scan.torn() > 0 {
                    let zeros = vec![0u8; usize::try_from(capacity - head.offset).unwrap_or(0)];
                    FileExt::write_all_at(&file, &zeros, head.offset)?;
                    file.sync_all()?;
                }
                Ok((file, capacity))
            };
            let (file, capacity) = open().map_err(io_error(&path))?;
            journal.capacity = capacity;
            journal.file = Some(wrap(file));
        } else {
            // Filling a segment takes longer than a call may wait.
            journal.rotate(0)?;
        }
        Ok(journal)
    }

    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// Writes a group and syncs it once; returns where each record stands and its hash.
    ///
    /// # Errors
    /// Any write or sync error; the journal must not be used again after one.
    pub(crate) fn append(&mut self, payloads: &[Vec<u8>]) -> Result<Vec<(Position, Hash)>, JournalError> {
        let size: usize = payloads.iter().map(|payload| HEADER + payload.len()).sum();
        let fits = self.file.is_some() && self.head.offset + size as u64 <= self.capacity;
        if !fits {
            self.rotate(size as u64)?;
        }
        let (Some(file), Some(segment)) = (&self.file, self.head.segment) else {
            // `rotate` either opens a segment or fails.
            return Err(io_error(&self.folder)(io::Error::other("no segment is open")));
        };
        let mut bytes = Vec::with_capacity(size);
        let mut head = self.head;
        let group = head.sequence + 1;
        let mut placed = Vec::with_capacity(payloads.len());
        for payload in payloads {
            let position = Position { segment, offset: self.head.offset + bytes.len() as u64 };
            head.sequence += 1;
            head.hash = frame::write(&mut bytes, head.sequence, group, &head.hash, payload);
            placed.push((position, head.hash));
        }
        head.offset += bytes.len() as u64;
        let path = self.folder.join(file_name(segment));
        file.write_all_at(&bytes, self.head.offset).map_err(io_error(&path))?;
        file.sync_data().map_err(io_error(&path))?;
        self.head = head;
        Ok(placed)
    }

    fn rotate(&mut self, needed: u64) -> Result<(), JournalError> {
        let first = self.head.sequence + 1;
        let path = self.folder.join(file_name(first));
        let capacity = self.segment_bytes.max(SEGMENT_HEADER as u64 + needed);
        let create = || -> io::Result<File> {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
            let zeros = vec![0u8; 1 << 20];
            let mut offset = 0;
            while offset < capacity {
                let part =
                    usize::try_from((capacity - offset).min(zeros.len() as u64)).unwrap_or(zeros.len());
                FileExt::write_all_at(&file, &zeros[..part], offset)?;
                offset += part as u64;
            }
            FileExt::write_all_at(&file, &segment_header(first, &self.head.hash), 0)?;
            file.sync_all()?;
            Ok(file)
        };
        let file = create().map_err(io_error(&path))?;
        sync_folder(&self.folder)?;
        self.file = Some((self.wrap)(file));
        self.capacity = capacity;
        self.head.segment = Some(first);
        self.head.offset = SEGMENT_HEADER as u64;
        Ok(())
    }
}
