//! The one thread that decides: takes calls in order, writes a group, syncs once, applies it to the tables, answers.
//!
//! Applying before answering costs some tens of microseconds a call and buys that whoever has an answer reads his own
//! write. Nothing in the loop waits for more calls: a lone call is a group of one. Invariant: no reply of a group
//! leaves before the group's record is on disk, and none at all after a write or sync error.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use bedside_claim::Money;

use crate::event::{
    Assigned, BookedSettlement, CancelError, CancelEvent, Committed, Conflict, Decision, Receipt, RecordKind,
    SettleError, SettleEvent, SettlementStatus, sequence_of, setl_id,
};
use crate::frame::{HEADER, PAYLOAD_MAX};
use crate::journal::{Journal, JournalReader, Position};
use crate::record::Record;
use crate::state::State;
use crate::tables::{Applied, ApplyError, Changes, ReadError, Rows, Staged, Tables};

/// A call with its decision and its reply, of whatever types these have.
pub(crate) trait Job: Send {
    fn decide(&mut self, group: &mut Group<'_>);
    /// Replies; `durable` tells whether the group reached the disk.
    fn reply(self: Box<Self>, durable: bool);
}

/// The calls that share one sync.
pub(crate) struct Group<'a> {
    pub(crate) staged: Staged<'a>,
    reader: &'a JournalReader,
    /// The sequence of the next record.
    next: u64,
    records: BTreeMap<u64, Record>,
}

impl Group<'_> {
    fn assigned(&self, booked_at_ms: i64) -> Assigned {
        Assigned { setl_id: setl_id(self.next), sequence: self.next, booked_at_ms }
    }

    fn record(&self, sequence: u64, position: Position) -> Result<Record, ReadError> {
        match self.records.get(&sequence) {
            Some(record) => Ok(record.clone()),
            None => read_record(self.reader, sequence, position),
        }
    }

    /// What an earlier call with this message id came to: its answer, or a conflict.
    fn earlier(
        &self,
        message: &crate::event::MessageKey,
        same_kind: fn(&RecordKind) -> bool,
        request: &[u8],
    ) -> Result<Option<Result<Committed, Conflict>>, ReadError> {
        let Some(row) = self.staged.message(message)? else { return Ok(None) };
        let record = self.record(row.sequence, row.position)?;
        if same_kind(&record.kind) && record.request == request {
            return Ok(Some(Ok(Committed::Replayed(receipt(row.sequence, record)))));
        }
        Ok(Some(Err(Conflict { stored_kind: record.kind, stored_request: record.request })))
    }

    fn book(&mut self, record: Record) -> Result<Committed, ApplyError> {
        let sequence = self.next;
        // The position is filled in once the journal has placed the group.
        self.staged.record(sequence, Position { segment: 0, offset: 0 }, &record)?;
        self.next += 1;
        let receipt = receipt(sequence, record.clone());
        self.records.insert(sequence, record);
        Ok(Committed::New(receipt))
    }
}

pub(crate) fn receipt(sequence: u64, record: Record) -> Receipt {
    Receipt { setl_id: setl_id(sequence), sequence, booked_at_ms: record.booked_at_ms, answer: record.answer }
}

pub(crate) fn read_record(
    reader: &JournalReader,
    sequence: u64,
    position: Position,
) -> Result<Record, ReadError> {
    let payload = reader.read(position, sequence)?;
    Record::decode(&payload).map_err(|problem| ReadError::Record { sequence, problem })
}

pub(crate) struct SettleJob<F, R, E> {
    pub(crate) event: SettleEvent,
    pub(crate) decide: F,
    pub(crate) reply: R,
    pub(crate) outcome: Option<Result<Committed, SettleError<E>>>,
}

impl<F, R, E> SettleJob<F, R, E>
where
    F: Fn(&bedside_claim::Accumulators, &Assigned) -> Result<Decision, E>,
{
    fn run(&self, group: &mut Group<'_>) -> Result<Committed, SettleError<E>> {
        let SettleEvent { message, person, mdtrt_id, booked_at_ms, request } = &self.event;
        if let Some(earlier) = group.earlier(message, |kind| *kind == RecordKind::Settle, request)? {
            return earlier.map_err(SettleError::Conflict);
        }
        if let Some(sequence) = group.staged.booked_visit(message, mdtrt_id)? {
            return Err(SettleError::AlreadySettled { setl_id: setl_id(sequence) });
        }
        let accumulators = group.staged.accumulators(person)?;
        let assigned = group.assigned(*booked_at_ms);
        let decision = (self.decide)(&accumulators, &assigned).map_err(SettleError::Refused)?;
        let Decision { benefit_year, medfee_sumamt, postings, accumulators, answer } = decision;
        let posted = Money::sum(postings.iter().map(|posting| posting.amount));
        if posted != Ok(medfee_sumamt) {
            let postings = posted.unwrap_or(Money::ZERO);
            return Err(SettleError::Unbalanced { medfee_sumamt, postings });
        }
        let record = Record {
            kind: RecordKind::Settle,
            booked_at_ms: *booked_at_ms,
            message: message.clone(),
            person: person.clone(),
            mdtrt_id: mdtrt_id.clone(),
            benefit_year,
            medfee_sumamt,
            postings,
            accumulators,
            request: request.clone(),
            answer,
        };
        group.book(record).map_err(|error| match error {
            ApplyError::Read(error) => SettleError::Unreadable(error),
            ApplyError::Stale(stale) => SettleError::Stale(stale),
        })
    }
}

impl<F, R, E> Job for SettleJob<F, R, E>
where
    F: Fn(&bedside_claim::Accumulators, &Assigned) -> Result<Decision, E> + Send,
    R: FnOnce(Result<Committed, SettleError<E>>) + Send,
    E: Send,
{
    fn decide(&mut self, group: &mut Group<'_>) {
        self.outcome = Some(self.run(group));
    }

    fn reply(self: Box<Self>, durable: bool) {
        let outcome = self.outcome.filter(|_| durable).unwrap_or(Err(SettleError::Stopped));
        (self.reply)(outcome);
    }
}

pub(crate) struct CancelJob<F, R, E> {
    pub(crate) event: CancelEvent,
    pub(crate) decide: F,
    pub(crate) reply: R,
    pub(crate) outcome: Option<Result<Committed, CancelError<E>>>,
}

impl<F, R, E> CancelJob<F, R, E>
where
    F: Fn(&BookedSettlement, &Assigned) -> Result<Vec<u8>, E>,
{
    fn run(&self, group: &mut Group<'_>) -> Result<Committed, CancelError<E>> {
        let CancelEvent { message, person, setl_id: wanted, booked_at_ms, request } = &self.event;
        let same_kind = |kind: &RecordKind| matches!(kind, RecordKind::Cancel { .. });
        if let Some(earlier) = group.earlier(message, same_kind, request)? {
            return earlier.map_err(CancelError::Conflict);
        }
        let sequence = sequence_of(wanted).ok_or(CancelError::NotFound)?;
        let row = group.staged.settlement(sequence)?.ok_or(CancelError::NotFound)?;
        let record = group.record(sequence, row.position)?;
        // Somebody else's settlement is not revealed.
        if record.person != *person || record.message.fixmedins_code != message.fixmedins_code {
            return Err(CancelError::NotFound);
        }
        if let Some(by) = row.cancelled_by {
            return Err(CancelError::AlreadyCancelled { by: setl_id(by) });
        }
        let booked = group.staged.booked_of_year(person, record.benefit_year)?;
        if let Some(latest) = booked.last().filter(|latest| **latest != sequence) {
            return Err(CancelError::Blocked { by: setl_id(*latest) });
        }
        let assigned = group.assigned(*booked_at_ms);
        let settlement =
            BookedSettlement { setl_id: wanted.clone(), record, status: SettlementStatus::Booked };
        let answer = (self.decide)(&settlement, &assigned).map_err(CancelError::Refused)?;
        let mirror = mirror(settlement.record, sequence, &self.event, answer);
        group.book(mirror).map_err(|error| match error {
            ApplyError::Read(error) => CancelError::Unreadable(error),
            ApplyError::Stale(stale) => CancelError::Stale(stale),
        })
    }
}

/// The record that takes a settlement back: the same postings and changes, turned.
fn mirror(record: Record, cancels: u64, event: &CancelEvent, answer: Vec<u8>) -> Record {
    // A booked amount came from a sum of fen; only i64::MIN has no negative, and no sum of amounts reaches it.
    let turned = |amount: Money| amount.negate().unwrap_or(amount);
    Record {
        kind: RecordKind::Cancel { cancels },
        booked_at_ms: event.booked_at_ms,
        message: event.message.clone(),
        medfee_sumamt: turned(record.medfee_sumamt),
        postings: record
            .postings
            .into_iter()
            .map(|posting| crate::event::Posting { amount: turned(posting.amount), ..posting })
            .collect(),
        accumulators: record.accumulators.iter().rev().map(|change| change.reversed()).collect(),
        request: event.request.clone(),
        answer,
        ..record
    }
}

impl<F, R, E> Job for CancelJob<F, R, E>
where
    F: Fn(&BookedSettlement, &Assigned) -> Result<Vec<u8>, E> + Send,
    R: FnOnce(Result<Committed, CancelError<E>>) + Send,
    E: Send,
{
    fn decide(&mut self, group: &mut Group<'_>) {
        self.outcome = Some(self.run(group));
    }

    fn reply(self: Box<Self>, durable: bool) {
        let outcome = self.outcome.filter(|_| durable).unwrap_or(Err(CancelError::Stopped));
        (self.reply)(outcome);
    }
}

/// What the committer works on.
pub(crate) struct Committer {
    pub(crate) journal: Journal,
    pub(crate) reader: Arc<JournalReader>,
    pub(crate) tables: Tables,
    pub(crate) state: Arc<State>,
    pub(crate) group_max: usize,
}

impl Committer {
    /// Runs until every sender is gone; after an error it answers `Stopped` to whatever still comes.
    pub(crate) fn run(mut self, calls: &Receiver<Box<dyn Job>>) {
        while let Ok(first) = calls.recv() {
            let mut jobs = vec![first];
            while jobs.len() < self.group_max {
                let Ok(job) = calls.try_recv() else { break };
                jobs.push(job);
            }
            if self.state.is_stopped() {
                jobs.into_iter().for_each(|job| job.reply(false));
                continue;
            }
            let durable = match self.commit(&mut jobs) {
                Ok(()) => true,
                Err(reason) => {
                    tracing::error!(%reason, "the ledger stops");
                    self.state.stop(reason);
                    false
                }
            };
            jobs.into_iter().for_each(|job| job.reply(durable));
        }
    }

    fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), String> {
        let first = self.journal.head().sequence + 1;
        let mut changes = Changes::default();
        let mut group = Group {
            staged: Staged { tables: &self.tables, changes: &mut changes },
            reader: &self.reader,
            next: first,
            records: BTreeMap::new(),
        };
        for job in jobs.iter_mut() {
            job.decide(&mut group);
        }
        let records = group.records;
        if records.is_empty() {
            return Ok(());
        }
        let payloads: Vec<Vec<u8>> = records.values().map(Record::encode).collect();
        if payloads.iter().any(|payload| payload.len() + HEADER > PAYLOAD_MAX) {
            return Err("a record is larger than a frame can hold".to_owned());
        }
        let placed = self.journal.append(&payloads).map_err(|error| error.to_string())?;
        let mut staged = Staged { tables: &self.tables, changes: &mut changes };
        for ((sequence, record), (position, hash)) in records.iter().zip(placed) {
            staged.place(*sequence, position, record).map_err(|error| error.to_string())?;
            staged.applied_through(Applied { sequence: *sequence, hash });
        }
        // The group is on disk. Tables that fail now are mended from the journal at the next start; going on without
        // them could read a stale row, so the ledger stops all the same.
        self.tables.apply(changes).map_err(|error| error.to_string())
    }
}
