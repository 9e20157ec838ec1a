//! Copies of a ledger's journal: a backup of one that serves, and a ledger restored from it, whole or up to a point.
//!
//! Both are the same act. Every frame is read with its checksum and hash chain checked, written to a new folder under
//! an `.unfinished` name, read again from there, and only then given its name. Never writes to the source.
//! Invariant: a folder under its final name is a whole ledger that opens, its records a prefix of the source's.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::checkpoint::CheckpointFile;
use crate::frame::{FrameHead, Hash, Position, SEGMENT_HEAD_BYTES, push_frame};
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
    let unchanged = &mut |_: &Frame, _: &Record| Ok::<_, CopyError>(None);
    whole_or_nothing(to, |unfinished| write_copy(&source, unfinished, point, unchanged, &mut progress))
}

/// Gives a copy its name once it is whole, and leaves nothing of one that is not.
pub(crate) fn whole_or_nothing<E: From<CopyError>>(
    to: &Path,
    write: impl FnOnce(&Path) -> Result<Copied, E>,
) -> Result<Copied, E> {
    let unfinished = unfinished_path(to);
    for path in [to, &unfinished] {
        if path.exists() {
            return Err(CopyError::Exists { path: path.to_owned() }.into());
        }
    }
    let copied = write(&unfinished).and_then(|copied| {
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
    /// Whether a payload was exchanged, and what follows lies elsewhere than in the source.
    is_shifted: bool,
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
        Ok(Target {
            path,
            out,
            seed,
            length: original.length,
            written: SEGMENT_HEAD_BYTES,
            is_shifted: false,
        })
    }

    /// Writes a frame, or another payload of the same hash in its place, and gives its position.
    fn push(&mut self, frame: &Frame, other: Option<Vec<u8>>) -> Result<Position, CopyError> {
        let position = Position { offset: self.written, ..frame.position };
        if position != frame.position && !self.is_shifted {
            return Err(CopyError::Differs);
        }
        self.is_shifted |= other.is_some();
        let payload = other.as_ref().unwrap_or(&frame.payload);
        let length = u32::try_from(payload.len()).map_err(|_| CopyError::Differs)?;
        let FrameHead { sequence, group_index, previous, .. } = &frame.head;
        let mut bytes = Vec::with_capacity(payload.len() + 64);
        let hash = push_frame(&mut bytes, self.seed, *sequence, *group_index, previous, length, payload);
        if hash != frame.hash {
            return Err(CopyError::Differs);
        }
        self.out.write_all(&bytes).map_err(io_at(&self.path))?;
        self.written += bytes.len() as u64;
        Ok(position)
    }

    fn end(self) -> Result<(), CopyError> {
        let Target { path, out, length, written, .. } = self;
        let file = out.into_inner().map_err(|error| io_at(&path)(error.into_error()))?;
        // What is left of a short record may be longer than it was.
        write_zeros(&file, written, length.max(written)).map_err(io_at(&path))?;
        file.sync_all().map_err(io_at(&path))
    }
}

/// Writes the records up to a point, with another payload where `change` gives one.
pub(crate) fn write_copy<E: From<CopyError>>(
    source: &Source,
    dir: &Path,
    point: Point,
    change: &mut impl FnMut(&Frame, &Record) -> Result<Option<Vec<u8>>, E>,
    progress: &mut impl FnMut(Progress),
) -> Result<Copied, E> {
    let journal_dir = dir.join("journal");
    create_dir_durably(&journal_dir).map_err(io_at(&journal_dir))?;
    let segments = source.segments();
    let mut scanner = source.scanner();
    let mut number = Place::START.next.segment;
    let mut target = Target::begin(&segments, &journal_dir, number)?;
    let mut last: Option<(Applied, i64)> = None;
    while let Some(frame) = source.next(&mut scanner).map_err(CopyError::Read)? {
        let record = frame.record().map_err(CopyError::Read)?;
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
        let position = target.push(&frame, change(&frame, &record)?)?;
        progress(source.progress(frame.position.segment, record.sequence));
        // Rows and sum are those of tables, which a copy has not.
        let reached = Applied { sequence: record.sequence, hash: frame.hash, position, rows: 0, sum: 0 };
        last = Some((reached, record.booked_at_ms));
    }
    target.end()?;
    let records = last.as_ref().map_or(0, |(reached, _)| reached.sequence);
    if let Point::Sequence(wanted) = point
        && records < wanted
    {
        return Err(CopyError::NotReached { records, wanted }.into());
    }
    if let Some((reached, _)) = &last {
        let checkpoint = CheckpointFile::open(dir).map_err(io_at(dir))?;
        checkpoint.write(reached).and_then(|()| checkpoint.sync()).map_err(io_at(dir))?;
    }
    for dir in [&journal_dir, dir] {
        sync_dir(dir).map_err(io_at(dir))?;
    }
    let hash = last.as_ref().map_or(Place::START.hash, |(reached, _)| reached.hash);
    read_again(dir, records, hash)?;
    let last_booked_at_ms = last.map(|(_, booked_at_ms)| booked_at_ms);
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
