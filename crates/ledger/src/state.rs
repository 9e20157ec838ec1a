//! Whether the ledger still serves.

use std::sync::{Mutex, PoisonError};

/// Whether the ledger takes calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Serving,
    /// It stopped at a write, sync or table error, and answers nothing until it is opened again.
    Stopped {
        /// What went wrong.
        reason: String,
    },
}

/// Shared between the committer and the handles.
#[derive(Debug, Default)]
pub(crate) struct State {
    stopped: Mutex<Option<String>>,
}

impl State {
    pub(crate) fn stop(&self, reason: String) {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.get_or_insert(reason);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(crate) fn health(&self) -> Health {
        match &*self.stopped.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Health::Serving,
            Some(reason) => Health::Stopped { reason: reason.clone() },
        }
    }
}
