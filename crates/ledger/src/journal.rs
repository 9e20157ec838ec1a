//! Writing the journal: frames are drafted in memory, then a group goes to disk with one write and one sync.
//!
//! Invariant: bytes of a later group are written only after the group before was synced, and a segment appears under
//! its name only when it is filled with zeros, has its head, and both are synced. After an error the writer is
//! never used again: the kernel reports a failed write-back once and drops the pages, so a second sync proves nothing.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::TooLarge;
use crate::frame::{FRAME_HEAD_BYTES, Position, SEGMENT_HEAD_BYTES, SegmentHead, push_frame};
use crate::planted;
use crate::record::PAYLOAD_BYTES_MAX;
use crate::room::Room;
use crate::scan::Place;
use crate::segments::Segments;

/// The file calls that the committer makes; a seam, so that tests can fail each of them.
pub(crate) trait JournalFile: Send {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn sync_data(&self) -> io::Result<()>;
}

impl JournalFile for File {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }
}

/// Turns an opened segment into what the committer writes to.
pub(crate) type Wrap = Arc<dyn Fn(File) -> Box<dyn JournalFile> + Send + Sync>;

/// The segment being written and the place in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tip {
    pub(crate) place: Place,
    seed: u32,
    capacity: u64,
}

/// Bytes for one segment.
#[derive(Debug)]
struct Chunk {
    /// The segment to create first, and its size.
    create: Option<(SegmentHead, u64)>,
    offset: u64,
    bytes: Vec<u8>,
}

fn frame_bytes(payload: &[u8]) -> u64 {
    FRAME_HEAD_BYTES + payload.len() as u64
}

/// A group on its way to the disk.
#[derive(Debug)]
pub(crate) struct Draft {
    tip: Tip,
    segment_bytes: u64,
    group_index: u32,
    chunks: Vec<Chunk>,
    bytes: usize,
}

impl Draft {
    /// An empty group behind a place in a segment of that size, for a store that has no segment files.
    #[cfg(test)]
    pub(crate) fn behind(place: Place, capacity: u64) -> Draft {
        let tip = Tip { place, seed: 0, capacity };
        Draft { tip, segment_bytes: capacity, group_index: 0, chunks: Vec::new(), bytes: 0 }
    }

    /// The drafted frames, by the offset at which they begin.
    #[cfg(test)]
    pub(crate) fn written(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.chunks.iter().map(|chunk| (chunk.offset, chunk.bytes.as_slice()))
    }

    /// Where the last drafted frame ends.
    pub(crate) fn place(&self) -> Place {
        self.tip.place
    }

    /// The bytes drafted so far.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where a frame with this payload will lie when it is the next one pushed.
    pub(crate) fn next_position(&self, payload: &[u8]) -> Position {
        let next = self.tip.place.next;
        if next.offset + frame_bytes(payload) <= self.tip.capacity {
            next
        } else {
            Position { segment: next.segment + 1, offset: SEGMENT_HEAD_BYTES }
        }
    }

    /// The new segment that a frame with this payload needs, in bytes; nothing when the present one has room.
    pub(crate) fn new_segment_for(&self, payload: &[u8]) -> Option<u64> {
        let rotates = self.next_position(payload).segment != self.tip.place.next.segment;
        rotates.then(|| self.capacity_for(frame_bytes(payload)))
    }

    /// Whether this group begins a new segment already.
    pub(crate) fn has_rotated(&self) -> bool {
        self.chunks.iter().any(|chunk| chunk.create.is_some())
    }

    fn capacity_for(&self, needed: u64) -> u64 {
        self.segment_bytes.max(SEGMENT_HEAD_BYTES + needed)
    }

    /// Adds one frame.
    ///
    /// # Errors
    /// [`TooLarge`] past [`PAYLOAD_BYTES_MAX`]; the draft is unchanged.
    pub(crate) fn push(&mut self, payload: &[u8]) -> Result<(), TooLarge> {
        let too_large = TooLarge { field: "record", bytes: payload.len(), limit: PAYLOAD_BYTES_MAX };
        let length = u32::try_from(payload.len()).map_err(|_| too_large)?;
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(too_large);
        }
        let position = self.next_position(payload);
        if position.segment != self.tip.place.next.segment {
            self.rotate(frame_bytes(payload));
        } else if self.chunks.is_empty() {
            self.chunks.push(Chunk { create: None, offset: position.offset, bytes: Vec::new() });
        }
        let sequence = self.tip.place.sequence + 1;
        if let Some(chunk) = self.chunks.last_mut() {
            let (seed, previous) = (self.tip.seed, &self.tip.place.hash);
            let hash =
                push_frame(&mut chunk.bytes, seed, sequence, self.group_index, previous, length, payload);
            let next = Position { offset: position.offset + frame_bytes(payload), ..position };
            self.tip.place = Place { next, sequence, hash };
        }
        self.group_index += 1;
        self.bytes += payload.len();
        Ok(())
    }

    /// Goes on in a new segment, larger than usual where a single frame needs it.
    fn rotate(&mut self, needed: u64) {
        let number = self.tip.place.next.segment + 1;
        let head = SegmentHead {
            number,
            first_sequence: self.tip.place.sequence + 1,
            previous: self.tip.place.hash,
        };
        let capacity = self.capacity_for(needed);
        self.tip.seed = head.seed();
        self.tip.capacity = capacity;
        self.tip.place.next = Position { segment: number, offset: SEGMENT_HEAD_BYTES };
        let create = Some((head, capacity));
        self.chunks.push(Chunk { create, offset: SEGMENT_HEAD_BYTES, bytes: Vec::new() });
    }
}

/// The one writer of a journal.
pub(crate) struct Writer {
    dir: PathBuf,
    segment_bytes: u64,
    wrap: Wrap,
    room: Arc<Room>,
    file: Box<dyn JournalFile>,
    tip: Tip,
}

impl Writer {
    /// Creates the first segment of an empty journal.
    pub(crate) fn create_first(dir: &Path, segment_bytes: u64) -> io::Result<()> {
        let head = SegmentHead { number: 1, first_sequence: 1, previous: Place::START.hash };
        create_segment(dir, &head, segment_bytes).map(drop)
    }

    /// Opens the segment of `place`, the end of the journal, for writing.
    pub(crate) fn open(
        dir: &Path,
        segment_bytes: u64,
        place: Place,
        wrap: Wrap,
        room: Arc<Room>,
    ) -> io::Result<Writer> {
        let file = OpenOptions::new().write(true).open(Segments::path(dir, place.next.segment))?;
        let capacity = file.metadata()?.len();
        let seed = Segments::at(dir).segment(place.next.segment).map_err(io::Error::other)?.head.seed();
        let tip = Tip { place, seed, capacity };
        Ok(Writer { dir: dir.to_owned(), segment_bytes, file: wrap(file), wrap, room, tip })
    }

    /// An empty group behind what is on disk.
    pub(crate) fn draft(&self) -> Draft {
        Draft {
            tip: self.tip,
            segment_bytes: self.segment_bytes,
            group_index: 0,
            chunks: Vec::new(),
            bytes: 0,
        }
    }

    /// Writes and syncs a group: when this returns, it is on disk. One sync; one more for each segment it fills.
    ///
    /// # Errors
    /// The first failing call. Whether the group is on disk is then unknown until the ledger is opened again.
    pub(crate) fn append(&mut self, mut draft: Draft) -> io::Result<()> {
        if planted::is("swap-segments") {
            draft.chunks.reverse();
        }
        let mut unsynced = false;
        for chunk in &draft.chunks {
            if let Some((head, capacity)) = &chunk.create {
                if unsynced && !planted::is("skip-sync-before-rotation") {
                    self.file.sync_data()?;
                }
                let file = match self.room.take_spare(*capacity) {
                    Some(spare) => {
                        let named = name_segment(&self.dir, &Room::spare_path(&self.dir), head, &spare);
                        named.map(|()| spare)
                    }
                    None => create_segment(&self.dir, head, *capacity),
                };
                self.file = (self.wrap)(file?);
                self.room.want_spare();
            }
            self.file.write_all_at(&chunk.bytes, chunk.offset)?;
            unsynced = true;
        }
        if unsynced && !planted::is("skip-sync") {
            self.file.sync_data()?;
        }
        self.tip = draft.tip;
        Ok(())
    }
}

/// Cuts a torn tail: zeros from `at` to the end of its segment, synced. The length stays.
pub(crate) fn zero_tail(dir: &Path, at: Position) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(Segments::path(dir, at.segment))?;
    let length = file.metadata()?.len();
    write_zeros(&file, at.offset, length)?;
    file.sync_all()
}

/// Makes what lies in a segment from `from` on durable before anyone is told of it: the same bytes again, synced.
///
/// A process that was killed, or stopped at a failed sync, leaves records that are read from the page cache but may
/// not be on disk; after a failed sync the kernel even takes their pages for clean, and a sync alone proves nothing.
pub(crate) fn write_again(dir: &Path, from: Position) -> io::Result<()> {
    if planted::is("trust-page-cache") {
        return Ok(());
    }
    let path = Segments::path(dir, from.segment);
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len().saturating_sub(from.offset);
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, from.offset)?;
    let Some(last) = bytes.iter().rposition(|byte| *byte != 0) else { return Ok(()) };
    FileExt::write_all_at(&file, &bytes[..=last], from.offset)?;
    file.sync_data()
}

/// Removes what an interrupted rotation left behind.
pub(crate) fn remove_unfinished(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "unfinished") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn create_segment(dir: &Path, head: &SegmentHead, capacity: u64) -> io::Result<File> {
    let unfinished = dir.join(format!("{:010}.unfinished", head.number));
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&unfinished)?;
    write_zeros(&file, 0, capacity)?;
    name_segment(dir, &unfinished, head, &file)?;
    Ok(file)
}

/// Gives zeros their head, and then the name under which they are a segment.
fn name_segment(dir: &Path, unfinished: &Path, head: &SegmentHead, file: &File) -> io::Result<()> {
    FileExt::write_all_at(file, &head.encode(), 0)?;
    if !planted::is("skip-segment-sync") {
        file.sync_all()?;
    }
    fs::rename(unfinished, Segments::path(dir, head.number))?;
    if planted::is("forget-directory-sync") {
        return Ok(());
    }
    sync_dir(dir)
}

pub(crate) fn write_zeros(file: &File, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; 1 << 20];
    let mut offset = from;
    while offset < to {
        let length = usize::try_from(to - offset).unwrap_or(usize::MAX).min(zeros.len());
        FileExt::write_all_at(file, &zeros[..length], offset)?;
        offset += length as u64;
    }
    Ok(())
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Makes durable under which names the journal is found: its segments', its own, and those of the directories above.
///
/// Whoever made them may have died, or failed, between making and syncing; from the opening on they are answered for.
pub(crate) fn sync_names(journal_dir: &Path) -> io::Result<()> {
    if planted::is("trust-found-names") {
        return Ok(());
    }
    for dir in fs::canonicalize(journal_dir)?.ancestors() {
        match sync_dir(dir) {
            // Not ours to read, and so not ours to have made.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// Creates a directory with its parents, each made durable in its own parent.
pub(crate) fn create_dir_durably(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_dir_durably(parent)?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_dir(parent)
}
