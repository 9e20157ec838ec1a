//! A ledger's folder opened for reading only, while it serves or not: for copies, exports and the journal's proof.
//!
//! Never writes, and takes the lock shared at most. Invariant: gives only records that were answered for: of a ledger
//! that is open elsewhere those up to its checkpoint, of one at rest all that are whole, and never fewer than its
//! checkpoint names.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::checkpoint;
use crate::open::OpenError;
use crate::progress::Progress;
use crate::rows::Applied;
use crate::scan::{Place, Scanner};
use crate::segments::{Damage, Frame, ReadError, Segments, damaged};

/// See the module.
#[derive(Debug)]
pub(crate) struct Source {
    segments: Arc<Segments>,
    last_segment: u64,
    reached: Option<Applied>,
    /// Whether somebody writes to it.
    is_live: bool,
    /// Keeps a ledger at rest from being opened while it is read.
    _lock: Option<File>,
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { path, source }
}

impl Source {
    pub(crate) fn open(dir: &Path) -> Result<Source, OpenError> {
        let journal_dir = dir.join("journal");
        let lock = match File::open(dir.join("lock")) {
            Ok(file) => Some(file),
            // A copy has none, and on a medium without locks nobody writes.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_at(dir)(error)),
        };
        let is_live = lock.as_ref().is_some_and(|file| file.try_lock_shared().is_err());
        // Before the segments are listed, so that the one it names is among them.
        let reached = checkpoint::read(dir).map_err(io_at(dir))?;
        let segments = Arc::new(Segments::at(&journal_dir));
        let numbers = match segments.numbers() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OpenError::NotALedger),
            numbers => numbers.map_err(io_at(&journal_dir))?,
        };
        let last_segment = numbers.last().copied().ok_or(OpenError::NotALedger)?;
        Ok(Source { segments, last_segment, reached, is_live, _lock: lock })
    }

    pub(crate) fn is_live(&self) -> bool {
        self.is_live
    }

    pub(crate) fn segments(&self) -> Arc<Segments> {
        Arc::clone(&self.segments)
    }

    /// From the start.
    pub(crate) fn scanner(&self) -> Scanner {
        Scanner::from(self.segments(), Place::START, self.last_segment)
    }

    /// The next record that was answered for; nothing behind the last.
    ///
    /// # Errors
    /// See [`Scanner::next_frame`]; [`ReadError::Damaged`] too when the journal ends before the checkpoint, or has
    /// another record there.
    pub(crate) fn next(&self, scanner: &mut Scanner) -> Result<Option<Frame>, ReadError> {
        let place = scanner.place();
        let acknowledged = self.reached.as_ref().map_or(0, |reached| reached.sequence);
        if self.is_live && place.sequence >= acknowledged {
            return Ok(None);
        }
        let Some(frame) = scanner.next_frame()? else {
            if place.sequence < acknowledged {
                return Err(damaged(scanner.place().next, Damage::Checksum));
            }
            // A torn tail was never answered: it is no record, and no error.
            return scanner.tail().map(|_| None);
        };
        if let Some(reached) = &self.reached
            && reached.sequence == frame.head.sequence
            && reached.hash != frame.hash
        {
            return Err(damaged(frame.position, Damage::Chain));
        }
        Ok(Some(frame))
    }

    pub(crate) fn progress(&self, segment: u64, records: u64) -> Progress {
        Progress { records, segment, segments: self.last_segment }
    }
}
