//! Copies of a ledger's journal: a backup of one that serves, and a ledger restored from it, whole or up to a point.
//!
//! Both are the same act. Every frame is read with its checksum and hash chain checked, written to a new folder under
//! an `.unfinished` name, read again from there, and only then given its name. Never writes to the source.
//! Invariant: a folder under its final name is a whole ledger that opens, its records a prefix of the source's.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::checkpoint::CheckpointFile;
use crate::frame::{Hash, SEGMENT_HEAD_BYTES, push_frame};
use crate::journal::{create_dir_durably, sync_dir, write_zeros};
use crate::open::OpenError;
use crate::progress::Progress;
use crate::record::Record;
use crate::rows::Applied;
use crate::scan::{Place, Scanner};
use crate::segments::{Frame, ReadError, Segments};
use crate::source::Source;

/// Up to where a copy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The last record that was answered.
    End,
    /// That record, included.
    Sequence(u64),
    /// The last record before the first one that was booked later than that.
    Time {
        /// In milliseconds since 1970-01-01 UTC.
        at_ms: i64,
    },
}

/// What a copy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its records.
    pub records: u64,
    /// SHA-256 of the last record's frame, which fixes all before it; zeros for none.
    pub hash: [u8; 32],
    /// When the last record was booked, in milliseconds since 1970-01-01 UTC.
    pub last_booked_at_ms: Option<i64>,
}

/// Why there is no copy. Nothing is left under the name that was asked for.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The source cannot be opened.
    #[error(transparent)]
    Source(#[from] OpenError),
    /// The source is damaged or cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The target is there already, or the remains of a copy that was broken off are.
    #[error("`{}` is there already", .path.display())]
    Exists {
        /// The target, or its `.unfinished` folder.
        path: PathBuf,
    },
    /// The source ends before the point.
    #[error("the ledger has {records} records, not {wanted}")]
    NotReached {
        /// The last record of the source.
        records: u64,
        /// The record that was asked for.
        wanted: u64,
    },
    /// What was written is not what was read from the target again.
    #[error("the copy does not read as what was written")]
    Differs,
    /// The file system failed.
    #[error("`{}`: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> CopyError {
    let path = path.to_owned();
    move |source| CopyError::Io { path, source }
}

/// Copies the ledger in `from` to `to`, which must not be there yet. A ledger that serves is copied up to the last
/// group that it answered; nothing in it waits meanwhile.
///
/// # Errors
/// See [`CopyError`].
pub fn copy_ledger(
    from: &Path,
    to: &Path,
    point: Point,
    mut progress: impl FnMut(Progress),
) -> Result<Copied, CopyError> {
    let source = Source::open(from)?;
    let unfinished = unfinished_path(to);
    for path in [to, &unfinished] {
        if path.exists() {
            return Err(CopyError::Exists { path: path.to_owned() });
        }
    }
    let copied = write_copy(&source, &unfinished, point, &mut progress);
    let copied = copied.and_then(|copied| {
        fs::rename(&unfinished, to).map_err(io_at(to))?;
        let parent = to.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        sync_dir(parent).map_err(io_at(parent))?;
        Ok(copied)
    });
    if copied.is_err() {
        // Made by this call, and of no use to anyone; the first error is the one to tell.
        let _ = fs::remove_dir_all(&unfinished);
    }
    copied
}

fn unfinished_path(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}

/// One segment of the copy.
struct Target {
    path: PathBuf,
    out: BufWriter<File>,
    seed: u32,
    /// The source's, so that every frame keeps its position.
    length: u64,
    written: u64,
}

impl Target {
    /// Begins a segment with the head that the source's has.
    fn begin(segments: &Segments, journal_dir: &Path, number: u64) -> Result<Target, CopyError> {
        let original = segments.segment(number)?;
        let path = Segments::path(journal_dir, number);
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(io_at(&path))?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(&original.head.encode()).map_err(io_at(&path))?;
        let seed = original.head.seed();
        Ok(Target { path, out, seed, length: original.length, written: SEGMENT_HEAD_BYTES })
    }

    fn push(&mut self, frame: &Frame) -> Result<(), CopyError> {
        let mut bytes = Vec::with_capacity(frame.payload.len() + 64);
        let head = &frame.head;
        let hash = push_frame(
            &mut bytes,
            self.seed,
            head.sequence,
            head.group_index,
            &head.previous,
            head.length,
            &frame.payload,
        );
        if hash != frame.hash || self.written != frame.position.offset {
            return Err(CopyError::Differs);
        }
        self.out.write_all(&bytes).map_err(io_at(&self.path))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn end(self) -> Result<(), CopyError> {
        let Target { path, out, length, written, .. } = self;
        let file = out.into_inner().map_err(|error| io_at(&path)(error.into_error()))?;
        write_zeros(&file, written, length).map_err(io_at(&path))?;
        file.sync_all().map_err(io_at(&path))
    }
}

fn write_copy(
    source: &Source,
    dir: &Path,
    point: Point,
    progress: &mut impl FnMut(Progress),
) -> Result<Copied, CopyError> {
    let journal_dir = dir.join("journal");
    create_dir_durably(&journal_dir).map_err(io_at(&journal_dir))?;
    let segments = source.segments();
    let mut scanner = source.scanner();
    let mut number = Place::START.next.segment;
    let mut target = Target::begin(&segments, &journal_dir, number)?;
    let mut last: Option<(Frame, Record)> = None;
    while let Some(frame) = source.next(&mut scanner)? {
        let record = frame.record()?;
        let behind = match point {
            Point::End => false,
            Point::Sequence(sequence) => record.sequence > sequence,
            Point::Time { at_ms } => record.booked_at_ms > at_ms,
        };
        if behind {
            break;
        }
        while number < frame.position.segment {
            target.end()?;
            number += 1;
            target = Target::begin(&segments, &journal_dir, number)?;
        }
        target.push(&frame)?;
        progress(source.progress(frame.position.segment, record.sequence));
        last = Some((frame, record));
    }
    target.end()?;
    let records = last.as_ref().map_or(0, |(_, record)| record.sequence);
    if let Point::Sequence(wanted) = point
        && records < wanted
    {
        return Err(CopyError::NotReached { records, wanted });
    }
    if let Some((frame, record)) = &last {
        // Rows and sum are those of tables, which a copy has not.
        let (sequence, hash, position) = (record.sequence, frame.hash, frame.position);
        let reached = Applied { sequence, hash, position, rows: 0, sum: 0 };
        let checkpoint = CheckpointFile::open(dir).map_err(io_at(dir))?;
        checkpoint.write(&reached).and_then(|()| checkpoint.sync()).map_err(io_at(dir))?;
    }
    for dir in [&journal_dir, dir] {
        sync_dir(dir).map_err(io_at(dir))?;
    }
    let hash = last.as_ref().map_or(Place::START.hash, |(frame, _)| frame.hash);
    read_again(dir, records, hash)?;
    let last_booked_at_ms = last.map(|(_, record)| record.booked_at_ms);
    Ok(Copied { records, hash, last_booked_at_ms })
}

/// A copy that was never read is a hope.
fn read_again(dir: &Path, records: u64, hash: Hash) -> Result<(), CopyError> {
    let copy = Source::open(dir)?;
    let mut scanner: Scanner = copy.scanner();
    while copy.next(&mut scanner)?.is_some() {}
    let place = scanner.place();
    if (place.sequence, place.hash) == (records, hash) { Ok(()) } else { Err(CopyError::Differs) }
}
