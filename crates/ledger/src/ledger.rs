//! The handle: submits commands to the committer and reads what is booked.

mod corrections;
mod periods;

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bedside_claim::Accumulators;

use crate::booking;
use crate::codec::check_text;
use crate::committer::{self, Command, Delivery, Group};
use crate::event::{
    Assigned, BookedSettlement, CancelEvent, Committed, Decision, MessageKey, MessageRecord, PersonKey,
    ReverseEvent, SettleEvent, Status, sequence_of, setl_id_of,
};
use crate::journal::Writer;
use crate::open::{self, Disk, OpenError, OpenReport, WholeTables};
use crate::outcome::{Busy, CancelError, RegisterError, ReverseError, SettleError, Stopped};
use crate::progress::{self, Progress};
use crate::record::Entry;
use crate::register::{self, RegisterEvent, Registered, StandingRow};
use crate::rows::{Undoing, UndoneBy};
use crate::scan::{Place, Records, Scanner};
use crate::seen::Seen;
use crate::segments::ReadError;
use crate::shared::{Health, LedgerConfig, Shared};
use crate::stay::booking as stays;
use crate::stay::rows::StayKey;
use crate::verify::{self, Verification, VerifyError};
use crate::versions;
use crate::watch;

/// How often a caller who waits looks whether waiting has become useless.
const PATIENCE: Duration = Duration::from_millis(100);
/// How often a shutdown looks whether the committer is done, or hangs.
const SHUTDOWN_STEP: Duration = Duration::from_millis(1);

/// An open ledger; clones are handles on the same one.
///
/// The last handle that goes stops the committer once every waiting command is answered.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    report: OpenReport,
    commands: RwLock<Option<SyncSender<Command>>>,
    committer: Mutex<Option<JoinHandle<()>>>,
    /// The watch and the maker of room.
    helpers: Mutex<Vec<JoinHandle<()>>>,
}

impl Ledger {
    /// Opens the ledger in a directory, or creates it there.
    ///
    /// # Errors
    /// See [`OpenError`]. Nothing is repaired but a torn tail, which is cut, and tables, which are rebuilt;
    /// [`Ledger::open_report`] tells.
    pub fn open(config: LedgerConfig) -> Result<Ledger, OpenError> {
        let disk = Disk::real(&config.dir);
        Ledger::open_on(config, disk)
    }

    pub(crate) fn open_on(config: LedgerConfig, disk: Disk) -> Result<Ledger, OpenError> {
        let progress = progress::to_the_log("the tables are made from the journal");
        Ledger::start(open::open(config, disk, WholeTables::Use, progress)?)
    }

    fn start((shared, writer, report): (Shared, Writer, OpenReport)) -> Result<Ledger, OpenError> {
        let shared = Arc::new(shared);
        let (sender, receiver) = mpsc::sync_channel(shared.config.queue_max);
        let committer = spawn("ledger-committer", {
            let shared = Arc::clone(&shared);
            move || committer::run(&shared, writer, &receiver)
        })?;
        let inner = Inner {
            shared: Arc::clone(&shared),
            report,
            commands: RwLock::new(Some(sender)),
            committer: Mutex::new(Some(committer)),
            helpers: Mutex::default(),
        };
        let ledger = Ledger { inner: Arc::new(inner) };
        // Should one of them not start, the drop of the ledger ends the others.
        let watch = spawn("ledger-watch", {
            let shared = Arc::clone(&shared);
            move || watch::run(&shared)
        })?;
        ledger.inner.helpers.lock().unwrap_or_else(PoisonError::into_inner).push(watch);
        let room = spawn("ledger-room", move || {
            let journal_dir = shared.config.dir.join("journal");
            shared.room.run(&shared, &journal_dir);
        })?;
        ledger.inner.helpers.lock().unwrap_or_else(PoisonError::into_inner).push(room);
        Ok(ledger)
    }

    /// Opens the ledger in a directory as [`Ledger::open`] does, tells how far the reading of its journal has come, and
    /// makes the tables anew even where they look whole.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn rebuild(config: LedgerConfig, progress: impl FnMut(Progress)) -> Result<Ledger, OpenError> {
        let disk = Disk::real(&config.dir);
        Ledger::start(open::open(config, disk, WholeTables::Rebuild, progress)?)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    /// What opening found and did.
    pub fn open_report(&self) -> &OpenReport {
        &self.inner.report
    }

    /// Whether commands are taken.
    pub fn health(&self) -> Health {
        self.inner.shared.health()
    }

    /// Submits a settlement; never blocks.
    ///
    /// On the committer's thread, `decide` gets what it may see of the accumulators of the person and of the event's
    /// family, and what is assigned to it, at most once and only when nothing is booked for the message; it must be pure and quick. `reply` gets the outcome there
    /// too, once it is on disk; it must not block, nor call [`Ledger::settle`] or [`Ledger::cancel`].
    ///
    /// # Errors
    /// [`Busy`] when the queue is full; then neither closure runs.
    pub fn submit_settle<E, F, R>(&self, event: SettleEvent, decide: F, reply: R) -> Result<(), Busy>
    where
        F: Fn(&Seen, &Assigned) -> Result<Decision, E> + Send + 'static,
        R: FnOnce(Result<Committed, SettleError<E>>) + Send + 'static,
        E: Send + 'static,
    {
        self.submit(settle_command(event, decide, reply))
    }

    /// Submits a cancellation; never blocks. `decide` gets the settlement and gives the answer's bytes; otherwise as
    /// [`Ledger::submit_settle`].
    ///
    /// # Errors
    /// [`Busy`] when the queue is full; then neither closure runs.
    pub fn submit_cancel<E, F, R>(&self, event: CancelEvent, decide: F, reply: R) -> Result<(), Busy>
    where
        F: Fn(&BookedSettlement, &Assigned) -> Result<Vec<u8>, E> + Send + 'static,
        R: FnOnce(Result<Committed, CancelError<E>>) + Send + 'static,
        E: Send + 'static,
    {
        self.submit(cancel_command(event, decide, reply))
    }

    /// Settles and waits for the outcome, also for a place in the queue.
    ///
    /// # Errors
    /// See [`SettleError`].
    pub fn settle<E, F>(&self, event: SettleEvent, decide: F) -> Result<Committed, SettleError<E>>
    where
        F: Fn(&Seen, &Assigned) -> Result<Decision, E> + Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        self.submit_waiting(settle_command(event, decide, move |outcome| {
            // The receiver waits below until this arrives.
            let _ = sender.send(outcome);
        }));
        self.wait(&receiver).unwrap_or(Err(Stopped.into()))
    }

    /// Cancels and waits for the outcome, also for a place in the queue.
    ///
    /// # Errors
    /// See [`CancelError`].
    pub fn cancel<E, F>(&self, event: CancelEvent, decide: F) -> Result<Committed, CancelError<E>>
    where
        F: Fn(&BookedSettlement, &Assigned) -> Result<Vec<u8>, E> + Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        self.submit_waiting(cancel_command(event, decide, move |outcome| {
            let _ = sender.send(outcome);
        }));
        self.wait(&receiver).unwrap_or(Err(Stopped.into()))
    }

    /// Submits a reversal; never blocks. `decide` gets what the earlier call booked, a settlement or, without amounts, a
    /// hold, or nothing where it never arrived and now never will, and gives the answer's bytes; otherwise as [`Ledger::submit_settle`].
    ///
    /// # Errors
    /// [`Busy`] when the queue is full; then neither closure runs.
    pub fn submit_reverse<E, F, R>(&self, event: ReverseEvent, decide: F, reply: R) -> Result<(), Busy>
    where
        F: Fn(Option<&BookedSettlement>, &Assigned) -> Result<Vec<u8>, E> + Send + 'static,
        R: FnOnce(Result<Committed, ReverseError<E>>) + Send + 'static,
        E: Send + 'static,
    {
        self.submit(reverse_command(event, decide, reply))
    }

    /// Reverses and waits for the outcome, also for a place in the queue.
    ///
    /// # Errors
    /// See [`ReverseError`].
    pub fn reverse<E, F>(&self, event: ReverseEvent, decide: F) -> Result<Committed, ReverseError<E>>
    where
        F: Fn(Option<&BookedSettlement>, &Assigned) -> Result<Vec<u8>, E> + Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        self.submit_waiting(reverse_command(event, decide, move |outcome| {
            let _ = sender.send(outcome);
        }));
        self.wait(&receiver).unwrap_or(Err(Stopped.into()))
    }

    /// Submits rows of registers, waiting for a place in the queue; otherwise as [`Ledger::submit_settle`]. Whoever sends
    /// many chunks bounds how many are under way.
    pub fn submit_register<R>(&self, event: RegisterEvent, reply: R)
    where
        R: FnOnce(Result<Registered, RegisterError>) + Send + 'static,
    {
        self.submit_waiting(register_command(event, reply));
    }

    /// Records rows of registers and waits for the outcome.
    ///
    /// # Errors
    /// See [`RegisterError`].
    pub fn register(&self, event: RegisterEvent) -> Result<Registered, RegisterError> {
        let (sender, receiver) = mpsc::channel();
        self.submit_register(event, move |outcome| {
            let _ = sender.send(outcome);
        });
        self.wait(&receiver).unwrap_or(Err(RegisterError::Stopped))
    }

    /// Everything that stands of a subject in a register, over all days, by item and first day.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn standing_rows(
        &self,
        tenant: &str,
        register: u8,
        subject: &str,
    ) -> Result<Vec<StandingRow>, ReadError> {
        if check_text("tenant", tenant).and_then(|()| check_text("subject", subject)).is_err() {
            return Ok(Vec::new());
        }
        let _standing_still = self.inner.shared.tip();
        Ok(register::standing(&self.inner.shared.tables, tenant, register, subject)?.1)
    }

    /// Whether anything stands in a register of a tenant.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn has_registers(&self, tenant: &str) -> Result<bool, ReadError> {
        let Ok(prefix) = register::tenant_prefix(tenant) else { return Ok(false) };
        self.inner.shared.tables.is_under(&prefix).map_err(ReadError::Tables)
    }

    /// Visits everything that stands in a register, by subject, item and first day. Commands wait meanwhile.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn each_standing_row(
        &self,
        tenant: &str,
        register: u8,
        mut visit: impl FnMut(Arc<str>, StandingRow),
    ) -> Result<(), ReadError> {
        let Ok(prefix) = register::register_prefix(tenant, register) else { return Ok(()) };
        let _standing_still = self.inner.shared.tip();
        let tables = &self.inner.shared.tables;
        let each = tables.each_under(&prefix, |key, body| {
            let (subject, rows) = register::page_of(key.get(prefix.len()..).unwrap_or_default(), body)?;
            rows.into_iter().for_each(|row| visit(Arc::clone(&subject), row));
            Ok(())
        });
        each.map_err(ReadError::Tables)
    }

    /// The settlement that stands for a visit at the hospital of a message, whatever its `msgid`, the latest where parts of
    /// a stay are settled; nothing where none does.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn standing(
        &self,
        hospital: &MessageKey,
        mdtrt_id: &str,
    ) -> Result<Option<BookedSettlement>, ReadError> {
        if hospital.check().is_err() || check_text("mdtrt_id", mdtrt_id).is_err() {
            return Ok(None);
        }
        match booking::visit(&self.inner.shared.tables, hospital, mdtrt_id)? {
            Some(sequence) => self.settlement_at(&hospital.tenant, sequence, None),
            None => {
                let key = StayKey::at(hospital, &Arc::from(mdtrt_id));
                match stays::stay(&self.inner.shared.tables, &key)?.map_or(0, |stay| stay.settled_up_to()) {
                    0 => Ok(None),
                    sequence => self.settlement_at(&hospital.tenant, sequence, None),
                }
            }
        }
    }

    /// The settlement of a tenant under its identifier, as its newest version says; nothing for another tenant's, for the
    /// identifier of a cancellation, reversal or correction, and for one whose content was erased.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn settlement(&self, tenant: &str, setl_id: &str) -> Result<Option<BookedSettlement>, ReadError> {
        sequence_of(setl_id).map_or(Ok(None), |sequence| self.settlement_at(tenant, sequence, None))
    }

    fn settlement_at(
        &self,
        tenant: &str,
        sequence: u64,
        version: Option<u32>,
    ) -> Result<Option<BookedSettlement>, ReadError> {
        let shared = &self.inner.shared;
        // A correction writes several rows: all of them are read before it or after it.
        let standing_still = shared.tip();
        let Some(row) = booking::settlement(&shared.tables, sequence)? else { return Ok(None) };
        let record = shared.segments.record(row.position, sequence)?;
        if record.entry != Entry::Settlement || &*record.message.tenant != tenant || record.is_erased() {
            return Ok(None);
        }
        let load = |sequence, position| shared.segments.record(position, sequence).map(Arc::new);
        let record = Arc::new(record);
        let found = match version {
            None => Some(versions::newest(&shared.tables, &load, record)?),
            Some(number) => versions::numbered(&shared.tables, &load, record, number)?,
        };
        drop(standing_still);
        let status = match row.undone {
            None => Status::Booked,
            Some(UndoneBy { undoing: Undoing::Cancellation, sequence, at_ms }) => {
                Status::Cancelled { by: setl_id_of(sequence), at_ms }
            }
            Some(UndoneBy { undoing: Undoing::Reversal, sequence, at_ms }) => {
                Status::Reversed { by: setl_id_of(sequence), at_ms }
            }
        };
        Ok(found.map(|found| found.booked(status)))
    }

    /// What became of a message; nothing when it was never booked nor reversed.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn message(&self, key: &MessageKey) -> Result<Option<MessageRecord>, ReadError> {
        let shared = &self.inner.shared;
        if key.check().is_err() {
            return Ok(None);
        }
        let Some(row) = booking::message(&shared.tables, key)? else { return Ok(None) };
        Ok(Some(shared.segments.record(row.position, row.sequence)?.into_message(row.kind)))
    }

    /// The person's own accumulators; empty for one who is not known.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn accumulators(&self, person: &PersonKey) -> Result<Accumulators, ReadError> {
        if person.check().is_err() {
            return Ok(Accumulators::default());
        }
        self.read_accumulators(person, None)
    }

    /// The accumulators of a person and those that the family shares, as a decision for both sees them.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn accumulators_with_family(
        &self,
        person: &PersonKey,
        family_no: &str,
    ) -> Result<Accumulators, ReadError> {
        if person.check().is_err() || check_text("family_no", family_no).is_err() {
            return Ok(Accumulators::default());
        }
        self.read_accumulators(person, Some(family_no))
    }

    fn read_accumulators(
        &self,
        person: &PersonKey,
        family_no: Option<&str>,
    ) -> Result<Accumulators, ReadError> {
        let _standing_still = self.inner.shared.tip();
        Ok(booking::accumulators(&self.inner.shared.tables, person, family_no)?)
    }

    /// The journal from its start to where it stands now.
    pub fn records(&self) -> Records {
        let shared = &self.inner.shared;
        let tip = *shared.tip();
        let scanner = Scanner::from(Arc::clone(&shared.segments), Place::START, tip.next.segment);
        Records::until(scanner, tip.sequence)
    }

    /// Folds the whole journal a second way and compares it with the tables.
    ///
    /// Commands go on while the journal is read, and wait while the tables are compared.
    ///
    /// # Errors
    /// See [`VerifyError`]: the first thing that is not as it must be.
    pub fn verify(&self) -> Result<Verification, VerifyError> {
        self.verify_telling(|_| {})
    }

    /// [`Ledger::verify`], telling how far it has come.
    ///
    /// # Errors
    /// See [`VerifyError`].
    pub fn verify_telling(&self, progress: impl FnMut(Progress)) -> Result<Verification, VerifyError> {
        verify::verify(&self.inner.shared, progress)
    }

    /// Takes no more commands, answers those that wait, and ends the committer. Reads go on.
    pub fn shutdown(&self) {
        self.inner.shutdown();
    }

    /// The reply; nothing when it was lost with the committer, or hangs with it in a write past its deadline. The
    /// outcome is unknown then, which is what `Stopped` says.
    pub(crate) fn wait<T>(&self, reply: &Receiver<T>) -> Option<T> {
        loop {
            match reply.recv_timeout(PATIENCE) {
                Ok(reply) => return Some(reply),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) if self.inner.is_hanging() => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    pub(crate) fn submit(&self, command: Command) -> Result<(), Busy> {
        if self.inner.is_hanging() {
            command(None)(Err(Stopped));
            return Ok(());
        }
        let commands = self.inner.commands.read().unwrap_or_else(PoisonError::into_inner);
        let refused = match commands.as_ref() {
            None => command,
            Some(sender) => match sender.try_send(command) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(_)) => return Err(Busy),
                Err(TrySendError::Disconnected(command)) => command,
            },
        };
        drop(commands);
        refused(None)(Err(Stopped));
        Ok(())
    }

    pub(crate) fn submit_waiting(&self, command: Command) {
        // A clone, so that a shutdown need not wait for a place in the queue.
        let sender = self.inner.commands.read().unwrap_or_else(PoisonError::into_inner).clone();
        let refused = match sender {
            None => command,
            Some(_) if self.inner.is_hanging() => command,
            Some(sender) => match sender.send(command) {
                Ok(()) => return,
                Err(mpsc::SendError(command)) => command,
            },
        };
        refused(None)(Err(Stopped));
    }
}

impl Inner {
    /// Whether the committer is held by a write past its deadline: nobody waits for it any more.
    fn is_hanging(&self) -> bool {
        self.shared.watch.is_past(self.shared.config.write_deadline)
            && self.shared.health() != Health::Serving
    }

    fn shutdown(&self) {
        self.commands.write().unwrap_or_else(PoisonError::into_inner).take();
        let committer = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A reply may hold the last handle: the committer cannot wait for itself, and ends by itself.
        if let Some(committer) = committer.filter(|it| it.thread().id() != thread::current().id()) {
            while !committer.is_finished() && !self.is_hanging() {
                thread::park_timeout(SHUTDOWN_STEP);
            }
            if committer.is_finished() && committer.join().is_err() {
                self.shared.stop("the committer failed");
            }
        }
        // After the committer, which may still need room.
        self.end_helpers();
        if self.shared.stopped.set(Arc::from("shut down")).is_ok() {
            tracing::info!("the ledger is shut down");
        }
    }
}

impl Inner {
    fn end_helpers(&self) {
        let Inner { shared, helpers, .. } = self;
        shared.watch.close();
        shared.room.close();
        if self.is_hanging() {
            // A disk that does not answer holds them too.
            return;
        }
        for helper in std::mem::take(&mut *helpers.lock().unwrap_or_else(PoisonError::into_inner)) {
            helper.thread().unpark();
            if helper.thread().id() != thread::current().id() && helper.join().is_err() {
                shared.stop("a helper of the committer failed");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shutdown();
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map_err(|source| OpenError::Io { path: PathBuf::from(name), source })
}

fn settle_command<E, F, R>(event: SettleEvent, decide: F, reply: R) -> Command
where
    F: Fn(&Seen, &Assigned) -> Result<Decision, E> + Send + 'static,
    R: FnOnce(Result<Committed, SettleError<E>>) + Send + 'static,
    E: Send + 'static,
{
    Box::new(move |group: Option<&mut Group<'_>>| -> Delivery {
        let outcome = match group {
            Some(group) => group.settle(event, decide),
            None => Err(Stopped.into()),
        };
        Box::new(move |written| reply(written.map_err(SettleError::from).and(outcome)))
    })
}

fn cancel_command<E, F, R>(event: CancelEvent, decide: F, reply: R) -> Command
where
    F: Fn(&BookedSettlement, &Assigned) -> Result<Vec<u8>, E> + Send + 'static,
    R: FnOnce(Result<Committed, CancelError<E>>) + Send + 'static,
    E: Send + 'static,
{
    Box::new(move |group: Option<&mut Group<'_>>| -> Delivery {
        let outcome = match group {
            Some(group) => group.cancel(event, decide),
            None => Err(Stopped.into()),
        };
        Box::new(move |written| reply(written.map_err(CancelError::from).and(outcome)))
    })
}

fn register_command<R>(event: RegisterEvent, reply: R) -> Command
where
    R: FnOnce(Result<Registered, RegisterError>) + Send + 'static,
{
    Box::new(move |group: Option<&mut Group<'_>>| -> Delivery {
        let outcome = match group {
            Some(group) => group.register(event),
            None => Err(RegisterError::Stopped),
        };
        Box::new(move |written| reply(written.map_err(RegisterError::from).and(outcome)))
    })
}

fn reverse_command<E, F, R>(event: ReverseEvent, decide: F, reply: R) -> Command
where
    F: Fn(Option<&BookedSettlement>, &Assigned) -> Result<Vec<u8>, E> + Send + 'static,
    R: FnOnce(Result<Committed, ReverseError<E>>) + Send + 'static,
    E: Send + 'static,
{
    Box::new(move |group: Option<&mut Group<'_>>| -> Delivery {
        let outcome = match group {
            Some(group) => group.reverse(event, decide),
            None => Err(Stopped.into()),
        };
        Box::new(move |written| reply(written.map_err(ReverseError::from).and(outcome)))
    })
}
