//! The one thread that decides, writes and answers.
//!
//! It takes one command, drains what waits (no timer: a lone command never waits for company), decides each in order
//! against the rows and its own group, writes the group with one sync, applies it to the tables, answers. Invariant:
//! no answer that promises something leaves before its record is on disk, and after the first failed write, sync or
//! apply no promise leaves at all.

mod correcting;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use bedside_claim::{AccumulatorChange, Money, Overflow, Owner};

use crate::booking::{self, BookingError};
use crate::event::{
    Assigned, BookedSettlement, CancelEvent, Committed, Decision, MessageKey, MessageKind, PersonKey,
    Posting, ReverseEvent, SettleEvent, Status, sequence_of, setl_id_of,
};
use crate::frame::Position;
use crate::journal::{Draft, Writer};
use crate::kept::Salt;
use crate::outcome::{CancelError, NotBooked, RegisterError, ReverseError, SettleError, Stopped};
use crate::planted;
use crate::record::{Entry, Record};
use crate::register::{self, RecordedRow, RegisterEvent, Registered};
use crate::rows::SettlementRow;
use crate::seal;
use crate::seen::Seen;
use crate::segments::ReadError;
use crate::shared::{Health, Shared};
use crate::store::{DiskStore, Store};
use crate::tables::{Overlay, RowChanges, TablesError};
use crate::tree::{Edge, Leaf};
use crate::versions::{self, AtVersion};

/// A group is closed once it holds so many bytes: what a group keeps in memory is bounded by this and one record.
const GROUP_BYTES: usize = 8 << 20;

/// An answer that waits for its group.
pub(crate) type Delivery = Box<dyn FnOnce(Result<(), Stopped>) + Send>;

/// A command with the caller's closures inside: it takes its turn in a group, or learns that there is none.
pub(crate) type Command = Box<dyn FnOnce(Option<&mut Group<'_>>) -> Delivery + Send>;

/// Runs until every sender of commands is gone and the queue is empty.
pub(crate) fn run(shared: &Shared, writer: Writer, commands: &Receiver<Command>) {
    let mut store = DiskStore { shared, writer };
    while let Ok(first) = commands.recv() {
        let mut deliveries = Vec::new();
        let written = catch_unwind(AssertUnwindSafe(|| {
            commit_group(shared, &mut store, first, commands, &mut deliveries)
        }));
        match written.unwrap_or_else(|_| Err("the committer failed".to_owned())) {
            Ok(()) => deliver(deliveries, Ok(())),
            Err(_) if planted::is("go-on-after-error") => deliver(deliveries, Err(Stopped)),
            Err(reason) => {
                shared.stop(&reason);
                deliver(deliveries, Err(Stopped));
                for command in commands {
                    deliver(vec![command(None)], Err(Stopped));
                }
                return;
            }
        }
    }
    if let Err(error) = shared.checkpoint.sync() {
        tracing::warn!(%error, "the checkpoint was not synced at the end");
    }
    // A hand-over that hangs holds nobody who closes the ledger, just like a write that does.
    shared.watch.begin();
    let handed_over = shared.tables.hand_over();
    shared.watch.end();
    if let Err(error) = handed_over {
        // Nothing is lost: the journal has it, and the next opening applies it again.
        tracing::warn!(%error, "the tables were not handed over at the end");
        return;
    }
    let dir = &shared.config.dir;
    if let Ok(Some(applied)) = shared.tables.applied()
        && let Err(error) = seal::write(dir, &dir.join("tables"), &applied)
    {
        tracing::warn!(%error, "the tables were not sealed, the next opening reads every row");
    }
}

fn deliver(deliveries: Vec<Delivery>, outcome: Result<(), Stopped>) {
    for delivery in deliveries {
        if catch_unwind(AssertUnwindSafe(|| delivery(outcome))).is_err() {
            tracing::error!("a reply failed; what its command booked stays booked");
        }
    }
}

fn commit_group(
    shared: &Shared,
    store: &mut DiskStore<'_>,
    first: Command,
    commands: &Receiver<Command>,
    deliveries: &mut Vec<Delivery>,
) -> Result<(), String> {
    let mut group = Group::on(store);
    deliveries.push(first(Some(&mut group)));
    while deliveries.len() < shared.config.group_max && group.draft.bytes() < GROUP_BYTES {
        let Ok(command) = commands.try_recv() else { break };
        deliveries.push(command(Some(&mut group)));
    }
    let Some(Finished { draft, changes, last }) = group.finish() else { return Ok(()) };
    shared.watch.begin();
    if planted::is("answer-before-sync") {
        deliver(std::mem::take(deliveries), Ok(()));
    }
    if planted::is("swap-answers") {
        deliveries.reverse();
    }
    let written = store.keep(draft, &changes, last);
    let late = shared.watch.is_past(shared.config.write_deadline);
    shared.watch.end();
    // Whoever was told that the ledger stopped must not be told otherwise by the one behind him.
    match shared.health() {
        Health::Stopped { reason } => written.and(Err(reason.to_string())),
        Health::Serving if late => Err("a write was late".to_owned()),
        Health::Serving => written,
    }
}

/// Commands that go to disk together; each sees what the ones before it did.
pub(crate) struct Group<'a> {
    store: &'a dyn Store,
    pub(crate) rows: Overlay<'a>,
    draft: Draft,
    /// What this group books, by sequence; not readable from the journal yet.
    booked: BTreeMap<u64, (Arc<Record>, Position)>,
    /// Whether new settlements have room on the disk.
    pub(crate) is_ample: bool,
}

/// A group that is decided and booked something.
pub(crate) struct Finished {
    pub(crate) draft: Draft,
    pub(crate) changes: RowChanges,
    /// Where its last record will lie.
    pub(crate) last: Position,
}

impl<'a> Group<'a> {
    /// An empty group behind what a store keeps.
    pub(crate) fn on(store: &'a dyn Store) -> Group<'a> {
        let (draft, is_ample) = (store.draft(), store.is_ample());
        Group { store, rows: Overlay::on(store), draft, booked: BTreeMap::new(), is_ample }
    }

    /// What there is to keep; nothing when nothing was booked.
    pub(crate) fn finish(self) -> Option<Finished> {
        let last = self.booked.last_key_value().map(|(_, (_, position))| *position)?;
        Some(Finished { draft: self.draft, changes: self.rows.changes, last })
    }
}

impl Group<'_> {
    /// Decides one settlement and drafts its record.
    pub(crate) fn settle<E>(
        &mut self,
        event: SettleEvent,
        decide: impl Fn(&Seen, &Assigned) -> Result<Decision, E>,
    ) -> Result<Committed, SettleError<E>> {
        event.check()?;
        if let Some(replayed) = self.replayed(&event.message, MessageKind::Settle, &event.request)? {
            return Ok(replayed);
        }
        if let Some(sequence) = booking::visit(&self.rows, &event.message, &event.mdtrt_id)?
            && !planted::is("settle-visit-twice")
        {
            return Err(SettleError::AlreadySettled { setl_id: setl_id_of(sequence) });
        }
        self.settles_stay((&event.message, &event.mdtrt_id), &event.person, event.stay.as_ref())?;
        if !self.is_ample {
            return Err(SettleError::DiskNearlyFull);
        }
        let seen = self.seen_by(&event)?;
        let assigned = self.assign(event.booked_at_ms);
        let decision = decided(|| decide(&seen, &assigned))?;
        check_decision(&decision, event.family_no.as_ref())?;
        let (part, bill) = event.stay.map_or((None, Vec::new()), |stay| (Some(stay.part), stay.bill));
        self.book(Record {
            sequence: assigned.sequence,
            entry: Entry::Settlement,
            part,
            bill,
            message: event.message,
            person: event.person,
            mdtrt_id: event.mdtrt_id,
            booked_at_ms: event.booked_at_ms,
            benefit_year: decision.benefit_year,
            medfee_sumamt: decision.medfee_sumamt,
            postings: decision.postings,
            accumulators: decision.accumulators,
            request: event.request,
            answer: Arc::from(decision.answer),
            salt: Salt::None,
        })
        .map_err(SettleError::from)
    }

    /// Decides one cancellation and drafts its record, the negated mirror of the settlement's.
    pub(crate) fn cancel<E>(
        &mut self,
        event: CancelEvent,
        decide: impl Fn(&BookedSettlement, &Assigned) -> Result<Vec<u8>, E>,
    ) -> Result<Committed, CancelError<E>> {
        event.check()?;
        if let Some(replayed) = self.replayed(&event.message, MessageKind::Cancel, &event.request)? {
            return Ok(replayed);
        }
        let found = self.settlement_of(&event.message, &event.person, &event.setl_id)?;
        let (settlement, row) = found.ok_or(CancelError::NotFound)?;
        if let Some(by) = row.undone {
            return Err(CancelError::AlreadyCancelled { by: setl_id_of(by.sequence) });
        }
        if let Some(by) = booking::blocked_by(&self.rows, &settlement, &row)?
            && !planted::is("cancel-in-any-order")
        {
            return Err(CancelError::Blocked { by: setl_id_of(by) });
        }
        let assigned = self.assign(event.booked_at_ms);
        let newest = self.newest(settlement)?;
        let (settlement, booked) = (&newest.record, newest.booked(Status::Booked));
        let answer = decided(|| decide(&booked, &assigned))?;
        let mirror = mirror_of(settlement).map_err(no_mirror)?;
        self.book(Record {
            sequence: assigned.sequence,
            entry: Entry::Cancellation { of: settlement.sequence },
            message: event.message,
            booked_at_ms: event.booked_at_ms,
            request: event.request,
            answer: Arc::from(answer),
            ..mirror
        })
        .map_err(CancelError::from)
    }

    /// Decides one reversal and drafts its record: the negated mirror of the settlement that the earlier call booked, or
    /// the tombstone of a call that never arrived.
    pub(crate) fn reverse<E>(
        &mut self,
        event: ReverseEvent,
        decide: impl Fn(Option<&BookedSettlement>, &Assigned) -> Result<Vec<u8>, E>,
    ) -> Result<Committed, ReverseError<E>> {
        event.check()?;
        if let Some(replayed) = self.replayed_reversal(&event)? {
            return Ok(replayed);
        }
        let settlement = match self.stored(&event.original())? {
            None => None,
            Some((kind, original)) => {
                let original = self.reversible(&event, kind, original)?;
                Some(self.newest(original)?)
            }
        };
        let assigned = self.assign(event.booked_at_ms);
        let booked = settlement.as_ref().map(|it| it.booked(Status::Booked));
        let answer = decided(|| decide(booked.as_ref(), &assigned))?;
        let (entry, undoing) = match settlement {
            Some(newest) => {
                let mirror = mirror_of(&newest.record).map_err(no_mirror)?;
                (Entry::Reversal { of: mirror.sequence }, mirror)
            }
            None => {
                let omsgid = Arc::clone(&event.omsgid);
                (Entry::Tombstone { omsgid }, Record::nothing_of(event.message.clone(), event.person))
            }
        };
        self.book(Record {
            sequence: assigned.sequence,
            entry,
            message: event.message,
            booked_at_ms: event.booked_at_ms,
            request: event.request,
            answer: Arc::from(answer),
            ..undoing
        })
        .map_err(ReverseError::from)
    }

    /// Drafts the record of the rows that say something new; none where each stands already.
    pub(crate) fn register(&mut self, event: RegisterEvent) -> Result<Registered, RegisterError> {
        event.check()?;
        if let Some(index) = event.without_days() {
            return Err(RegisterError::NoDays { index });
        }
        if let Some((kind, stored)) = self.stored(&event.message)? {
            return if kind == MessageKind::Register && stored.request == event.request {
                Ok(Registered::Replayed(stored.receipt()))
            } else {
                Err(RegisterError::Conflict)
            };
        }
        let RegisterEvent { message, booked_at_ms, request, rows } = event;
        let sequence = self.assign(booked_at_ms).sequence;
        let (rows, changes) = register::news(&self.rows, &message.tenant, rows, sequence)?;
        if rows.is_empty() {
            return Ok(Registered::Unchanged);
        }
        if !self.is_ample {
            return Err(RegisterError::DiskNearlyFull);
        }
        let count = rows.len();
        let salted = |(index, row)| RecordedRow::Whole { row, salt: self.store.row_salt(sequence, index) };
        let rows = (0..).zip(rows).map(salted).collect();
        let nobody = PersonKey { tenant: Arc::clone(&message.tenant), psn_no: Arc::from("") };
        let record = Record {
            sequence,
            entry: Entry::Register { rows },
            booked_at_ms,
            request,
            ..Record::nothing_of(message, nobody)
        };
        // What the rows change was found with what is new in them, and there may be many.
        let booked = self.book_as(record, |rows, record, position| {
            let mut changes = changes;
            booking::put_message(rows, record, position, &mut changes)?;
            Ok(changes)
        })?;
        Ok(Registered::New { receipt: booked.receipt().clone(), rows: count })
    }

    /// What was booked under a message that asks for the same with the same content; nothing for a new message.
    pub(crate) fn replayed<E>(
        &self,
        message: &MessageKey,
        kind: MessageKind,
        request: &[u8],
    ) -> Result<Option<Committed>, NotBooked<E>> {
        let Some((stored_kind, stored)) = self.stored(message)? else { return Ok(None) };
        is_known(stored_kind, &stored)?;
        let is_blind = kind == MessageKind::Settle && planted::is("accept-other-content");
        if stored_kind == kind && (stored.request == request || is_blind) {
            Ok(Some(Committed::Replayed(stored.receipt())))
        } else {
            Err(NotBooked::Conflict { stored_kind, stored_request: stored.request.clone() })
        }
    }

    /// What was booked of a reversal before; nothing for a new one.
    pub(crate) fn replayed_reversal<E>(
        &self,
        event: &ReverseEvent,
    ) -> Result<Option<Committed>, ReverseError<E>> {
        let replayed = self.replayed(&event.message, MessageKind::Reverse, &event.request)?;
        if replayed.is_none() && event.omsgid == event.message.msgid {
            return Err(ReverseError::Itself);
        }
        Ok(replayed)
    }

    /// The settlement that an earlier call booked, where a reversal may undo it.
    fn reversible<E>(
        &self,
        event: &ReverseEvent,
        kind: MessageKind,
        original: Arc<Record>,
    ) -> Result<Arc<Record>, ReverseError<E>> {
        is_known(kind, &original)?;
        if original.person != event.person {
            return Err(ReverseError::OtherPerson);
        }
        if kind != event.okind || kind == MessageKind::Register {
            return Err(ReverseError::OtherKind { stored_kind: kind });
        }
        match &original.entry {
            Entry::Settlement => {}
            Entry::Hold(_) => return self.releasable(original),
            _ => return Err(ReverseError::CancellationStands { setl_id: original.setl_id() }),
        }
        let missing = TablesError::Contradiction("a reversed settlement is missing");
        let row = booking::settlement(&self.rows, original.sequence).map_err(ReadError::Tables)?;
        let row = row.ok_or(ReadError::Tables(missing))?;
        if let Some(by) = row.undone {
            return Err(ReverseError::AlreadyCancelled { by: setl_id_of(by.sequence) });
        }
        if let Some(by) = booking::blocked_by(&self.rows, &original, &row)?
            && !planted::is("reverse-in-any-order")
        {
            return Err(ReverseError::Blocked { by: setl_id_of(by) });
        }
        Ok(original)
    }

    pub(crate) fn assign(&self, booked_at_ms: i64) -> Assigned {
        let sequence = self.draft.place().sequence + 1;
        Assigned { setl_id: setl_id_of(sequence), sequence, booked_at_ms }
    }

    /// What a message is and its record, of this group or an earlier one; a tombstone's is that of the reversal.
    pub(crate) fn stored(
        &self,
        message: &MessageKey,
    ) -> Result<Option<(MessageKind, Arc<Record>)>, ReadError> {
        match booking::message(&self.rows, message)? {
            Some(row) => {
                let stored = (row.kind, self.record(row.sequence, row.position)?);
                Ok(Some(stored).filter(|(_, it)| !it.is_erased() || !planted::is("forget-erased-messages")))
            }
            None => Ok(None),
        }
    }

    pub(crate) fn record(&self, sequence: u64, position: Position) -> Result<Arc<Record>, ReadError> {
        match self.booked.get(&sequence) {
            Some((record, _)) => Ok(Arc::clone(record)),
            None => self.store.record(position, sequence).map(Arc::new),
        }
    }

    /// The settlement that a cancellation or correction names, if it is this person's at this hospital: whether
    /// another's exists is not told.
    fn settlement_of(
        &self,
        caller: &MessageKey,
        person: &PersonKey,
        setl_id: &str,
    ) -> Result<Option<(Arc<Record>, SettlementRow)>, ReadError> {
        let Some(sequence) = sequence_of(setl_id) else { return Ok(None) };
        let Some(row) = booking::settlement(&self.rows, sequence)? else { return Ok(None) };
        let record = self.record(sequence, row.position)?;
        let own = record.entry == Entry::Settlement
            && record.message.tenant == caller.tenant
            && record.message.fixmedins_code == caller.fixmedins_code
            && record.person == *person;
        Ok(own.then_some((record, row)))
    }

    /// A settlement as its newest version says, which is what is undone.
    fn newest(&self, record: Arc<Record>) -> Result<AtVersion, ReadError> {
        versions::newest(&self.rows, &|sequence, position| self.record(sequence, position), record)
    }

    /// Salts a record and drafts it and what it changes in the rows: both or neither.
    pub(crate) fn book(&mut self, record: Record) -> Result<Committed, BookingError> {
        self.book_as(record, |rows, record, position| booking::changes_of(rows, record, position))
    }

    fn book_as<F>(&mut self, record: Record, changes_of: F) -> Result<Committed, BookingError>
    where
        F: FnOnce(&Overlay<'_>, &Record, Position) -> Result<RowChanges, BookingError>,
    {
        let record = Record { salt: Salt::Of(self.store.salt(record.sequence)), ..record };
        let payload = record.encode()?;
        if let Some(bytes) = self.draft.new_segment_for(&payload)
            && !self.is_ample
            && (self.draft.has_rotated() || !self.store.has_spare_of(bytes))
        {
            return Err(BookingError::DiskFull);
        }
        let position = self.draft.next_position(&payload);
        let changes = changes_of(&self.rows, &record, position)?;
        let edge = Edge::of(&self.rows, record.sequence - 1)?;
        self.draft.push(&payload)?;
        self.rows.changes.extend(changes);
        self.rows.changes.extend(edge.append(Leaf::of(&record, &self.draft.place().hash).hash));
        let receipt = record.receipt();
        self.booked.insert(record.sequence, (Arc::new(record), position));
        Ok(Committed::New(receipt))
    }
}

/// The amounts are sound, and each accumulator is changed once, of no other family.
fn check_decision<E>(decision: &Decision, family_no: Option<&Arc<str>>) -> Result<(), SettleError<E>> {
    check_amounts(decision)?;
    check_changes(&decision.accumulators, family_no)
}

/// Postings sum to the total, and each amount has the mirror that a cancellation will need.
fn check_amounts<E>(decision: &Decision) -> Result<(), SettleError<E>> {
    let out_of_range = |Overflow| SettleError::OutOfRange;
    let medfee_sumamt = decision.medfee_sumamt;
    medfee_sumamt.negate().map_err(out_of_range)?;
    for posting in &decision.postings {
        posting.amount.negate().map_err(out_of_range)?;
    }
    let posted = Money::sum(decision.postings.iter().map(|posting| posting.amount)).map_err(out_of_range)?;
    if posted != medfee_sumamt && !planted::is("accept-unbalanced") {
        return Err(SettleError::Unbalanced { medfee_sumamt, posted });
    }
    Ok(())
}

/// Each accumulator is changed once, and no other family's.
pub(crate) fn check_changes<E>(
    changes: &[AccumulatorChange],
    family_no: Option<&Arc<str>>,
) -> Result<(), SettleError<E>> {
    let mut changed = BTreeSet::new();
    for change in changes {
        if !changed.insert(&change.key) {
            return Err(SettleError::ChangedTwice(change.key.clone()));
        }
        if let Owner::Family(of) = &change.key.owner
            && family_no != Some(of)
        {
            return Err(SettleError::OtherFamily(change.key.clone()));
        }
    }
    Ok(())
}

/// Neither barred nor erased: what the message asked for can be told.
pub(crate) fn is_known<E>(kind: MessageKind, stored: &Record) -> Result<(), NotBooked<E>> {
    if kind == MessageKind::Tombstone {
        return Err(NotBooked::Reversed { by: Arc::clone(&stored.message.msgid) });
    }
    if stored.is_erased() {
        return Err(NotBooked::Erased { setl_id: stored.setl_id() });
    }
    Ok(())
}

/// What the caller's decision comes to; its panic is caught here.
pub(crate) fn decided<T, E>(decide: impl FnOnce() -> Result<T, E>) -> Result<T, NotBooked<E>> {
    let decided = catch_unwind(AssertUnwindSafe(decide)).map_err(|_| NotBooked::Panicked)?;
    decided.map_err(NotBooked::Refused)
}

fn no_mirror(_: Overflow) -> ReadError {
    ReadError::Tables(TablesError::Contradiction("an amount has no mirror"))
}

/// What undoes a settlement, still under the settlement's own message.
fn mirror_of(settlement: &Record) -> Result<Record, Overflow> {
    let negated = |posting: &Posting| {
        let amount = posting.amount.negate()?;
        Ok(Posting { account: Arc::clone(&posting.account), amount })
    };
    Ok(Record {
        medfee_sumamt: settlement.medfee_sumamt.negate()?,
        postings: settlement.postings.iter().map(negated).collect::<Result<_, _>>()?,
        accumulators: settlement
            .accumulators
            .iter()
            .filter(|_| !planted::is("cancel-keeps-accumulators"))
            .map(AccumulatorChange::reversed)
            .collect(),
        // The bill stands with the settlement.
        bill: Vec::new(),
        ..settlement.clone()
    })
}
