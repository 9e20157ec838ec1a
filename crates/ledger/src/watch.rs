//! The time that the write under way has taken: a disk that does not answer is a disk that failed.
//!
//! Knows no files. Invariant: once a write is past its deadline the ledger is stopped, and the write, should it return
//! after all, promises nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::shared::Shared;

/// How late a deadline may be noticed at most.
const INTERVAL_MAX: Duration = Duration::from_millis(100);
const INTERVAL_MIN: Duration = Duration::from_millis(1);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    since: Mutex<Option<Instant>>,
    closed: AtomicBool,
}

impl Watch {
    /// A write begins.
    pub(crate) fn begin(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// The write returned.
    pub(crate) fn end(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether a write is under way that began longer ago than that.
    pub(crate) fn is_past(&self, deadline: Duration) -> bool {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() > deadline)
    }

    /// Ends [`run`]; its thread must be unparked too.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

/// The thread: stops the ledger when a write is past its deadline.
pub(crate) fn run(shared: &Shared) {
    let deadline = shared.config.write_deadline;
    let interval = (deadline / 4).clamp(INTERVAL_MIN, INTERVAL_MAX);
    while !shared.watch.closed.load(Ordering::SeqCst) {
        if shared.watch.is_past(deadline) {
            shared.stop(&format!("a write took longer than {deadline:?}"));
            return;
        }
        thread::park_timeout(interval);
    }
}
