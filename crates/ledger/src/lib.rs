//! The memory: what was settled, once and only once, durable before it is answered, provable afterwards.
//!
//! [`journal`] is the truth: append-only, framed, checksummed and hash-chained; one data sync for a group of calls,
//! and no answer before it. The tables in sled follow the journal and are made again from it whenever they are missing,
//! damaged or disagree. One thread decides, in order. It must not know what a benefit is, nor protobuf, nor a clock:
//! the shell brings a pure closure that decides, and the bytes to answer with.
//!
//! Promises: acknowledged is durable; one message id, one booking, for ever; accumulators are the fold of the journal;
//! after the first write error it stops rather than guesses.
//!
//! ```
//! # use bedside_ledger::*;
//! # use std::convert::Infallible;
//! # let dir = tempfile::tempdir().unwrap();
//! let ledger = Ledger::open(LedgerConfig::at(dir.path()))?;
//! let event = SettleEvent {
//!     message: MessageKey { tenant: "t".into(), fixmedins_code: "H1".into(), msgid: "1".into() },
//!     person: PersonKey { tenant: "t".into(), psn_no: "P1".into() },
//!     mdtrt_id: "M1".into(),
//!     booked_at_ms: 0,
//!     request: b"the bill".to_vec(),
//! };
//! let decide = |_: &bedside_claim::Accumulators, assigned: &Assigned| {
//!     Ok::<_, Infallible>(Decision {
//!         benefit_year: 2026,
//!         medfee_sumamt: bedside_claim::Money::from_units(100),
//!         postings: vec![Posting { account: "cash".into(), amount: bedside_claim::Money::from_units(100) }],
//!         accumulators: Vec::new(),
//!         answer: assigned.setl_id.as_bytes().to_vec(),
//!     })
//! };
//! let first = ledger.settle(event.clone(), decide)?;
//! let again = ledger.settle(event, decide)?;
//! assert!(matches!((&first, &again), (Committed::New(_), Committed::Replayed(_))));
//! assert_eq!(first.receipt().answer, again.receipt().answer);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(clippy::unwrap_used, clippy::panic)]

mod committer;
pub mod event;
mod frame;
pub mod journal;
mod open;
pub mod record;
mod state;
mod tables;
mod verify;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bedside_claim::Accumulators;

use crate::committer::{CancelJob, Committer, Job, SettleJob, read_record, receipt};
use crate::journal::{Journal, JournalReader, WrapFile};
use crate::state::State;
use crate::tables::{Rows, Tables};

pub use event::{
    Assigned, BookedSettlement, Busy, CancelError, CancelEvent, Committed, Conflict, Decision, MessageKey,
    MessageRecord, PersonKey, Posting, Receipt, RecordKind, SettleError, SettleEvent, SettlementStatus,
    setl_id,
};
pub use frame::Hash;
pub use journal::{Entry, JournalError, Position};
pub use open::{OpenError, OpenReport};
pub use record::{NotARecord, Record};
pub use state::Health;
pub use tables::ReadError;
pub use verify::{JournalRecord, Records, Verification, VerifyError, read_journal, verify_journal};

/// Where a ledger lies and how it is sized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerConfig {
    /// Its folder; created where it is missing.
    pub dir: PathBuf,
    /// Bytes that a journal segment is preallocated with.
    pub segment_bytes: u64,
    /// Calls that may share one sync.
    pub group_max: usize,
    /// Calls that may wait; one more is [`Busy`].
    pub queue_max: usize,
}

impl LedgerConfig {
    /// A ledger in this folder: segments of 64 MiB, groups of 256, a queue of 4,096.
    pub fn at(dir: impl Into<PathBuf>) -> LedgerConfig {
        LedgerConfig { dir: dir.into(), segment_bytes: 64 << 20, group_max: 256, queue_max: 4_096 }
    }
}

/// A handle to an open ledger; cheap to clone. Dropping the last one lets the committer finish and stops it.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    calls: Mutex<Option<SyncSender<Box<dyn Job>>>>,
    committer: Mutex<Option<JoinHandle<()>>>,
    state: Arc<State>,
    tables: Tables,
    reader: Arc<JournalReader>,
    dir: PathBuf,
    report: OpenReport,
    _lock: File,
}

impl Ledger {
    /// Opens the ledger of a folder, or begins one. The tables are brought up to the journal, or made anew.
    ///
    /// # Errors
    /// [`OpenError`]: in use, unreadable, damaged before its end, or behind what was answered.
    pub fn open(config: LedgerConfig) -> Result<Ledger, OpenError> {
        Ledger::open_with(config, |file| Box::new(file))
    }

    fn open_with(config: LedgerConfig, wrap: WrapFile) -> Result<Ledger, OpenError> {
        let opened = open::open(&config.dir)?;
        let folder = open::journal_folder(&config.dir);
        let journal = Journal::open(&folder, config.segment_bytes, &opened.scan, wrap)?;
        let reader = Arc::new(JournalReader::new(&folder));
        let state = Arc::new(State::default());
        let (sender, receiver) = sync_channel(config.queue_max.max(1));
        let committer = Committer {
            journal,
            reader: reader.clone(),
            tables: opened.tables.clone(),
            state: state.clone(),
            group_max: config.group_max.max(1),
        };
        let thread = std::thread::Builder::new()
            .name("ledger-committer".to_owned())
            .spawn(move || committer.run(&receiver))
            .map_err(|error| OpenError::Io { path: config.dir.clone(), error })?;
        let inner = Inner {
            calls: Mutex::new(Some(sender)),
            committer: Mutex::new(Some(thread)),
            state,
            tables: opened.tables,
            reader,
            dir: config.dir,
            report: opened.report,
            _lock: opened.lock,
        };
        Ok(Ledger { inner: Arc::new(inner) })
    }

    /// What opening came to.
    pub fn open_report(&self) -> &OpenReport {
        &self.inner.report
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Whether it takes calls.
    pub fn health(&self) -> Health {
        self.inner.state.health()
    }

    /// Hands a settlement to the committer and returns at once; `reply` is called from the committer's thread once
    /// the outcome is durable, exactly once.
    ///
    /// `decide` is pure: it may be run again. It sees the accumulators after every call before this one.
    ///
    /// # Errors
    /// [`Busy`]: the queue is full, nothing was taken in and `reply` is not called.
    pub fn submit_settle<E, F, R>(&self, event: SettleEvent, decide: F, reply: R) -> Result<(), Busy>
    where
        E: Send + 'static,
        F: Fn(&Accumulators, &Assigned) -> Result<Decision, E> + Send + 'static,
        R: FnOnce(Result<Committed, SettleError<E>>) + Send + 'static,
    {
        self.submit(Box::new(SettleJob { event, decide, reply, outcome: None }))
    }

    /// Hands a cancellation to the committer; as [`Ledger::submit_settle`]. `decide` makes the answer's bytes.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn submit_cancel<E, F, R>(&self, event: CancelEvent, decide: F, reply: R) -> Result<(), Busy>
    where
        E: Send + 'static,
        F: Fn(&BookedSettlement, &Assigned) -> Result<Vec<u8>, E> + Send + 'static,
        R: FnOnce(Result<Committed, CancelError<E>>) + Send + 'static,
    {
        self.submit(Box::new(CancelJob { event, decide, reply, outcome: None }))
    }

    fn submit(&self, job: Box<dyn Job>) -> Result<(), Busy> {
        let calls = self.inner.calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(calls) = calls else {
            job.reply(false);
            return Ok(());
        };
        match calls.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(Busy),
            Err(TrySendError::Disconnected(job)) => {
                job.reply(false);
                Ok(())
            }
        }
    }

    /// Settles and waits for the outcome; a full queue is waited for.
    ///
    /// # Errors
    /// [`SettleError`].
    pub fn settle<E, F>(&self, event: SettleEvent, decide: F) -> Result<Committed, SettleError<E>>
    where
        E: Send + 'static,
        F: Fn(&Accumulators, &Assigned) -> Result<Decision, E> + Send + Clone + 'static,
    {
        let (sender, receiver) = std::sync::mpsc::channel();
        loop {
            let sender = sender.clone();
            // The receiver lives until the reply is in.
            let reply = move |outcome| drop(sender.send(outcome));
            if self.submit_settle(event.clone(), decide.clone(), reply).is_ok() {
                break;
            }
            std::thread::yield_now();
        }
        receiver.recv().unwrap_or(Err(SettleError::Stopped))
    }

    /// Cancels and waits for the outcome; a full queue is waited for.
    ///
    /// # Errors
    /// [`CancelError`].
    pub fn cancel<E, F>(&self, event: CancelEvent, decide: F) -> Result<Committed, CancelError<E>>
    where
        E: Send + 'static,
        F: Fn(&BookedSettlement, &Assigned) -> Result<Vec<u8>, E> + Send + Clone + 'static,
    {
        let (sender, receiver) = std::sync::mpsc::channel();
        loop {
            let sender = sender.clone();
            let reply = move |outcome| drop(sender.send(outcome));
            if self.submit_cancel(event.clone(), decide.clone(), reply).is_ok() {
                break;
            }
            std::thread::yield_now();
        }
        receiver.recv().unwrap_or(Err(CancelError::Stopped))
    }

    /// The settlement of that id within the tenant; cancellations are found by the settlement they cancel.
    ///
    /// # Errors
    /// [`ReadError`]: a row or record is damaged.
    pub fn settlement(&self, tenant: &str, setl_id: &str) -> Result<Option<BookedSettlement>, ReadError> {
        let Some(sequence) = event::sequence_of(setl_id) else { return Ok(None) };
        let Some(row) = self.inner.tables.settlement(sequence)? else { return Ok(None) };
        let record = read_record(&self.inner.reader, sequence, row.position)?;
        if *record.message.tenant != *tenant {
            return Ok(None);
        }
        let status = match row.cancelled_by {
            None => SettlementStatus::Booked,
            Some(by) => SettlementStatus::Cancelled { by: event::setl_id(by) },
        };
        Ok(Some(BookedSettlement { setl_id: event::setl_id(sequence), record, status }))
    }

    /// What became of a message; `None`: it never arrived.
    ///
    /// # Errors
    /// [`ReadError`]: a row or record is damaged.
    pub fn message(&self, message: &MessageKey) -> Result<Option<MessageRecord>, ReadError> {
        let Some(row) = self.inner.tables.message(message)? else { return Ok(None) };
        let record = read_record(&self.inner.reader, row.sequence, row.position)?;
        let (kind, request) = (record.kind.clone(), record.request.clone());
        Ok(Some(MessageRecord { kind, request, receipt: receipt(row.sequence, record) }))
    }

    /// What a person has used up.
    ///
    /// # Errors
    /// [`ReadError`]: the row is damaged.
    pub fn accumulators(&self, person: &PersonKey) -> Result<Accumulators, ReadError> {
        self.inner.tables.accumulators(person)
    }

    /// Every record from the start, the chain checked on the way.
    ///
    /// # Errors
    /// [`JournalError`]: the folder cannot be read.
    pub fn records(&self) -> Result<Records, JournalError> {
        Records::of(&self.inner.dir)
    }

    /// Reads the whole journal again and compares it with the tables. Meant for a ledger at rest: records that are
    /// booked meanwhile make it say that the tables differ.
    ///
    /// # Errors
    /// [`VerifyError`]: the first thing that does not hold.
    pub fn verify(&self) -> Result<Verification, VerifyError> {
        verify::verify(&self.inner.dir, &self.inner.tables)
    }

    /// Lets the calls that wait be answered, then stops the committer. Later calls are answered `Stopped`.
    pub fn shutdown(&self) {
        self.inner.shutdown();
    }
}

impl Inner {
    fn shutdown(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            // A reply may drop the last handle on the committer's own thread, which cannot wait for itself.
            && thread.thread().id() != std::thread::current().id()
        {
            // A committer that panicked has answered nothing; there is nothing left to do with its panic.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("dir", &self.inner.dir).field("health", &self.health()).finish()
    }
}

#[cfg(test)]
mod failing;
