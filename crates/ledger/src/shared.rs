//! What the handles, the readers and the committer of one open ledger have in common.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use crate::checkpoint::CheckpointFile;
use crate::room::Room;
use crate::salts::Salts;
use crate::scan::Place;
use crate::segments::Segments;
use crate::tables::Tables;
use crate::watch::Watch;

/// How a ledger is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerConfig {
    /// The directory; created when it is not there.
    pub dir: PathBuf,
    /// The size of a new journal segment, in bytes; at least 4,096. A larger record makes a larger segment. As much
    /// again is held ready for the next segment, and as much again in reserve.
    pub segment_bytes: u64,
    /// The most commands that one sync covers; at least 1.
    pub group_max: usize,
    /// The most commands that wait; at least 1. Beyond it a submit is [`Busy`](crate::Busy).
    pub queue_max: usize,
    /// How long one group may take to be written and synced, before the ledger stops as after a failed write.
    pub write_deadline: Duration,
}

impl LedgerConfig {
    /// The defaults: segments of 64 MiB, groups of 256, a queue of 4,096, ten seconds for a write.
    pub fn at(dir: impl Into<PathBuf>) -> LedgerConfig {
        LedgerConfig {
            dir: dir.into(),
            segment_bytes: 64 << 20,
            group_max: 256,
            queue_max: 4096,
            write_deadline: Duration::from_secs(10),
        }
    }
}

/// Whether the ledger takes commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Serving,
    /// It never will again; reads go on. Open it anew.
    Stopped {
        /// Why, for an operator.
        reason: Arc<str>,
    },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: LedgerConfig,
    pub(crate) segments: Arc<Segments>,
    pub(crate) tables: Tables,
    pub(crate) checkpoint: CheckpointFile,
    pub(crate) room: Arc<Room>,
    pub(crate) salts: Salts,
    pub(crate) watch: Watch,
    /// The end of what is on disk and in the tables. Held for writing while a group is applied.
    pub(crate) tip: RwLock<Place>,
    pub(crate) stopped: OnceLock<Arc<str>>,
    /// Held, never read: the exclusive lock against a second process lives as long as this file is open.
    pub(crate) _lock: File,
}

impl Shared {
    /// Marks the ledger as stopped; the first reason stays.
    pub(crate) fn stop(&self, reason: &str) {
        if self.stopped.set(Arc::from(reason)).is_ok() {
            tracing::error!(reason, "the ledger has stopped");
        }
    }

    pub(crate) fn health(&self) -> Health {
        match self.stopped.get() {
            None => Health::Serving,
            Some(reason) => Health::Stopped { reason: Arc::clone(reason) },
        }
    }

    /// The end of the journal, with the tables standing still at it.
    pub(crate) fn tip(&self) -> RwLockReadGuard<'_, Place> {
        self.tip.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tip_for_writing(&self) -> RwLockWriteGuard<'_, Place> {
        self.tip.write().unwrap_or_else(PoisonError::into_inner)
    }
}
