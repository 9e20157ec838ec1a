//! Space on the disk that is taken before it is needed: the journal's next segment, and a reserve.
//!
//! A thread of its own fills the *spare*, the next segment, with zeros, so that no commit waits for that. The
//! *reserve* is a file as large as a segment that nobody reads: when the disk is nearly full, new settlements are
//! refused, and when it is full the reserve is given up, so that cancellations can still write. Knows nothing of
//! records. Invariant: settlements have room only while the reserve is whole and as much again is free.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::checkpoint::CheckpointFile;
use crate::shared::Shared;

/// Bytes that are free on the disk of the ledger; a seam, so that tests can fill it.
pub(crate) type FreeBytes = Arc<dyn Fn() -> io::Result<u64> + Send + Sync>;

/// How often what is known of the journal's end is synced.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);
/// Zeros are synced in steps, so that the committer's own syncs never wait for more than this.
const STEP_BYTES: usize = 4 << 20;

/// The next segment.
#[derive(Debug)]
enum Spare {
    Wanted,
    Making,
    Ready(File),
    /// It could not be made; tried again once there is space.
    Failed,
}

#[derive(Debug)]
struct State {
    spare: Spare,
    reserve_whole: bool,
    reserve_wanted: bool,
}

/// See the module.
pub(crate) struct Room {
    dir: PathBuf,
    segment_bytes: u64,
    free: FreeBytes,
    state: Mutex<State>,
    changed: Condvar,
    closed: AtomicBool,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Room {
    /// Takes the reserve; a disk without space for it is no error here, settlements are refused then.
    pub(crate) fn open(dir: &Path, segment_bytes: u64, free: FreeBytes) -> io::Result<Room> {
        let reserve_whole = match take_reserve(dir, segment_bytes) {
            Ok(()) => true,
            Err(error) if is_full(&error) => {
                tracing::warn!("the disk is nearly full, new settlements are refused");
                false
            }
            Err(error) => return Err(error),
        };
        let state = State { spare: Spare::Wanted, reserve_whole, reserve_wanted: false };
        Ok(Room {
            dir: dir.to_owned(),
            segment_bytes,
            free,
            state: Mutex::new(state),
            changed: Condvar::new(),
            closed: AtomicBool::new(false),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Measures the disk and tells whether new settlements have room. One system call.
    pub(crate) fn is_ample(&self) -> bool {
        let free = (self.free)();
        let mut state = self.state();
        let Ok(free) = free else { return state.reserve_whole };
        let reserve = self.segment_bytes;
        if state.reserve_whole && free < reserve / 4 {
            tracing::warn!(free, "the disk is full, the reserve is given up for cancellations");
            state.reserve_whole = false;
            if let Err(error) = give_up_reserve(&self.dir) {
                tracing::error!(%error, "the reserve could not be given up");
            }
        } else if !state.reserve_whole && free >= 2 * reserve {
            state.reserve_wanted = true;
            self.changed.notify_all();
        }
        if matches!(state.spare, Spare::Failed) && free >= self.segment_bytes + reserve {
            state.spare = Spare::Wanted;
            self.changed.notify_all();
        }
        state.reserve_whole && free >= reserve && !matches!(state.spare, Spare::Failed)
    }

    /// Whether the journal can go on in one more segment although the disk is nearly full. Waits while one is made.
    pub(crate) fn has_spare_of(&self, bytes: u64) -> bool {
        bytes <= self.segment_bytes && matches!(self.settled().spare, Spare::Ready(_))
    }

    /// The spare, zeros and synced, under [`Room::spare_path`]; nothing when there is none of that size.
    pub(crate) fn take_spare(&self, bytes: u64) -> Option<File> {
        let mut state = self.settled();
        if bytes != self.segment_bytes || !matches!(state.spare, Spare::Ready(_)) {
            return None;
        }
        let taken = std::mem::replace(&mut state.spare, Spare::Making);
        match taken {
            Spare::Ready(file) => Some(file),
            other => {
                state.spare = other;
                None
            }
        }
    }

    /// Asks for the next spare, once the one that was taken stands under its own name.
    pub(crate) fn want_spare(&self) {
        self.state().spare = Spare::Wanted;
        self.changed.notify_all();
    }

    pub(crate) fn spare_path(journal_dir: &Path) -> PathBuf {
        journal_dir.join("next.unfinished")
    }

    /// The state once no spare is being made.
    fn settled(&self) -> MutexGuard<'_, State> {
        let waiting = |state: &mut State| {
            matches!(state.spare, Spare::Wanted | Spare::Making) && !self.closed.load(Ordering::SeqCst)
        };
        self.changed.wait_while(self.state(), waiting).unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends [`Room::run`].
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        // Under the lock, so that nobody misses it between looking and waiting.
        let _state = self.state();
        self.changed.notify_all();
    }

    /// The thread: makes what is wanted, syncs the checkpoint now and then, until closed.
    pub(crate) fn run(&self, shared: &Shared, journal_dir: &Path) {
        while !self.closed.load(Ordering::SeqCst) {
            let idle = |state: &mut State| {
                !matches!(state.spare, Spare::Wanted)
                    && !state.reserve_wanted
                    && !self.closed.load(Ordering::SeqCst)
            };
            let (mut state, _) = self
                .changed
                .wait_timeout_while(self.state(), CHECKPOINT_INTERVAL, idle)
                .unwrap_or_else(PoisonError::into_inner);
            if matches!(state.spare, Spare::Wanted) {
                state.spare = Spare::Making;
                drop(state);
                let made = self.make_spare(&Room::spare_path(journal_dir));
                let mut state = self.state();
                state.spare = match made {
                    Ok(file) => Spare::Ready(file),
                    Err(error) => {
                        if !self.closed.load(Ordering::SeqCst) {
                            tracing::warn!(%error, "the next segment could not be made");
                        }
                        Spare::Failed
                    }
                };
                self.changed.notify_all();
            } else if std::mem::take(&mut state.reserve_wanted) {
                drop(state);
                let taken = take_reserve(&self.dir, self.segment_bytes);
                self.state().reserve_whole = taken.is_ok();
                match taken {
                    Ok(()) => tracing::info!("the disk has space again, settlements are taken"),
                    Err(error) => tracing::warn!(%error, "the reserve could not be taken"),
                }
            } else {
                drop(state);
            }
            sync_checkpoint(shared, &shared.checkpoint);
        }
        // Zeros that nobody needs; the next opening would remove them.
        let _ = fs::remove_file(Room::spare_path(journal_dir));
    }

    fn make_spare(&self, path: &Path) -> io::Result<File> {
        let made = OpenOptions::new().write(true).create(true).truncate(true).open(path).and_then(|file| {
            let zeros = vec![0; STEP_BYTES];
            let mut offset = 0;
            while offset < self.segment_bytes {
                if self.closed.load(Ordering::SeqCst) {
                    return Err(io::Error::from(io::ErrorKind::Interrupted));
                }
                let rest = usize::try_from(self.segment_bytes - offset).unwrap_or(usize::MAX);
                let step = &zeros[..rest.min(STEP_BYTES)];
                FileExt::write_all_at(&file, step, offset)?;
                file.sync_data()?;
                offset += step.len() as u64;
            }
            file.sync_all()?;
            Ok(file)
        });
        if made.is_err() {
            // What was written of it is space that others need now.
            let _ = fs::remove_file(path);
        }
        made
    }
}

fn sync_checkpoint(shared: &Shared, checkpoint: &CheckpointFile) {
    if let Err(error) = checkpoint.sync() {
        shared.stop(&format!("the checkpoint could not be written: {error}"));
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn reserve_path(dir: &Path) -> PathBuf {
    dir.join("reserve")
}

/// Blocks of the disk behind a file; their content is nothing.
fn take_reserve(dir: &Path, bytes: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(reserve_path(dir))?;
    if file.metadata()?.len() > bytes {
        file.set_len(bytes)?;
    }
    match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        Ok(()) => {}
        Err(rustix::io::Errno::OPNOTSUPP) => {
            for offset in (0..bytes).step_by(STEP_BYTES) {
                let step = usize::try_from(bytes - offset).unwrap_or(STEP_BYTES).min(STEP_BYTES);
                FileExt::write_all_at(&file, &vec![0; step], offset)?;
            }
        }
        Err(errno) => {
            let _ = file.set_len(0);
            return Err(errno.into());
        }
    }
    file.sync_all()
}

fn give_up_reserve(dir: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(reserve_path(dir))?.set_len(0)
}

/// What the file system says.
pub(crate) fn free_bytes(dir: &Path) -> FreeBytes {
    let dir = dir.to_owned();
    Arc::new(move || {
        let disk = rustix::fs::statvfs(&dir)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    })
}
