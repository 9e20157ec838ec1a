//! How far the journal has come, kept outside the tables: tables and tail of the journal lost together are noticed.
//!
//! Two slots in one small file, written in turn after each group, so that one torn write leaves the other. A write
//! is handed to the operating system before the group is answered and synced within a second or so: a killed process
//! loses nothing of it, a power cut the last moment. Invariant: it never names a record that is not on disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::codec::{Decoder, Encoder};
use crate::rows::Applied;

/// A sector each, so that one cannot take the other with it.
const SLOT_BYTES: usize = 512;
const MAGIC: [u8; 8] = *b"BEDSIDEC";
const NAME: &str = "checkpoint";
/// Magic, what is applied, checksum.
const USED_BYTES: usize = 8 + Applied::BYTES + 4;

/// The open file of a ledger.
#[derive(Debug)]
pub(crate) struct CheckpointFile {
    file: File,
    next_slot: AtomicU64,
    unsynced: AtomicBool,
}

impl CheckpointFile {
    /// Opens it or creates it empty; whoever calls syncs the directory.
    pub(crate) fn open(dir: &Path) -> io::Result<CheckpointFile> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(dir.join(NAME))?;
        if file.metadata()?.len() < 2 * SLOT_BYTES as u64 {
            // Written, not only lengthened: its blocks are there when the disk is full.
            FileExt::write_all_at(&file, &[0; 2 * SLOT_BYTES], 0)?;
            file.sync_all()?;
        }
        Ok(CheckpointFile { file, next_slot: AtomicU64::new(0), unsynced: AtomicBool::new(false) })
    }

    /// Names the last record that is on disk.
    pub(crate) fn write(&self, reached: &Applied) -> io::Result<()> {
        let mut out = Encoder::default();
        out.raw(&MAGIC);
        out.raw(&reached.encode());
        let mut slot = out.finish();
        slot.extend_from_slice(&crc32c::crc32c(&slot).to_le_bytes());
        let number = self.next_slot.fetch_add(1, Ordering::Relaxed) % 2;
        FileExt::write_all_at(&self.file, &slot, number * SLOT_BYTES as u64)?;
        self.unsynced.store(true, Ordering::Release);
        Ok(())
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        if self.unsynced.swap(false, Ordering::AcqRel) { self.file.sync_data() } else { Ok(()) }
    }
}

/// The later of the two slots that are whole; nothing when there is none, or no file.
pub(crate) fn read(dir: &Path) -> io::Result<Option<Applied>> {
    let bytes = match fs::read(dir.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes?,
    };
    let slots = [0, SLOT_BYTES].into_iter().filter_map(|start| {
        let slot = bytes.get(start..)?.get(..USED_BYTES)?;
        let (covered, crc) = slot.split_last_chunk::<4>()?;
        let whole = u32::from_le_bytes(*crc) == crc32c::crc32c(covered);
        let mut input = Decoder::of(covered);
        let magic = input.array::<8>("magic").ok()?;
        if !whole || magic != MAGIC {
            return None;
        }
        Applied::decode(covered.get(MAGIC.len()..)?).ok()
    });
    Ok(slots.max_by_key(|reached| reached.sequence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Position;

    fn reached(sequence: u64) -> Applied {
        let position = Position { segment: 1, offset: 64 + sequence };
        Applied { sequence, hash: [sequence.to_le_bytes()[0]; 32], position, rows: 3, sum: 4 }
    }

    #[test]
    fn the_last_write_is_read_and_a_torn_one_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), None);
        let file = CheckpointFile::open(dir.path()).unwrap();
        assert_eq!(read(dir.path()).unwrap(), None);
        for sequence in 1..=5 {
            file.write(&reached(sequence)).unwrap();
            assert_eq!(read(dir.path()).unwrap(), Some(reached(sequence)));
        }
        file.sync().unwrap();
        // the fifth write went to the first slot
        let whole = fs::read(dir.path().join(NAME)).unwrap();
        for at in 0..USED_BYTES {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            fs::write(dir.path().join(NAME), torn).unwrap();
            assert_eq!(read(dir.path()).unwrap(), Some(reached(4)), "byte {at}");
        }
        fs::write(dir.path().join(NAME), [7; 1024]).unwrap();
        assert_eq!(read(dir.path()).unwrap(), None);
    }
}
