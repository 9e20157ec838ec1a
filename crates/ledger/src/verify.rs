//! The second reading: folds the journal into its own plain maps and holds the tables against them.
//!
//! Shares no booking code with the committer, on purpose. Invariant it proves: messages are booked once, each record
//! balances, a cancellation mirrors the latest standing settlement, a correction posts what its versions differ by and
//! leaves nothing standing on what it changed, the trial balance is zero, and each row of the tables is what the journal
//! says.

mod corrections;
mod registers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bedside_claim::{AccumulatorChange, Accumulators, Money, Overflow, Owner, Term};

use crate::booking;
use crate::event::{MessageKey, MessageKind, PersonKey};
use crate::frame::Position;
use crate::holds::proof::HoldFold;
use crate::open::OpenError;
use crate::progress::Progress;
use crate::record::{Entry, Record};
use crate::register;
use crate::rows::{Bucket, BucketRow, MessageRow, SettlementRow, Undoing};
use crate::scan::{Place, Scanner};
use crate::segments::{Damage, Frame, ReadError, damaged};
use crate::shared::Shared;
use crate::source::Source;
use crate::stay::StayPart;
use crate::stay::folded::Stays;
use crate::tables::Rows;
use crate::tree::{Leaf, Leaves};
use crate::versions;

/// What a verified ledger holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Records in the journal.
    pub records: u64,
    /// SHA-256 of the last record's frame, which fixes all before it; zeros for an empty journal.
    pub hash: [u8; 32],
    /// Settlements among them.
    pub settlements: u64,
    /// Cancellations among them.
    pub cancellations: u64,
    /// Settlements whose call was reversed.
    pub reversals: u64,
    /// Calls that were reversed and had not arrived.
    pub tombstones: u64,
    /// Calls of stays: admissions, lines, discharges and what takes them back.
    pub stay_calls: u64,
    /// Records of rows of registers.
    pub imports: u64,
    /// Corrections.
    pub corrections: u64,
    /// Quotes that were held to.
    pub holds: u64,
    /// Persons with at least one record that is not erased.
    pub persons: u64,
    /// Records whose content was erased; their amounts are in the sums.
    pub erased: u64,
    /// The sum of each posting account over all tenants, cancellations included.
    pub accounts: BTreeMap<Arc<str>, Money>,
    /// What each hospital is owed, by tenant and `fixmedins_code`; sums to the sum of `accounts`.
    pub receivables: BTreeMap<(Arc<str>, Arc<str>), Money>,
    /// The leaves of the tree over the records.
    pub leaves: Leaves,
}

/// The first thing that is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The journal is damaged, or the tables cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no journal to read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A record breaks a rule of the ledger.
    #[error("record {sequence}: {broken}")]
    Record {
        /// The record.
        sequence: u64,
        /// The rule.
        broken: Broken,
    },
    /// The postings and the hospitals' receivables do not cancel out.
    #[error("the trial balance is {difference} fen, not zero")]
    TrialBalance {
        /// Postings minus receivables, in fen.
        difference: i128,
    },
    /// A sum leaves the range of an amount.
    #[error("the sums are out of range")]
    OutOfRange(Overflow),
    /// The tables are not what the journal says; opening the ledger without them rebuilds them.
    #[error("the tables disagree with the journal: {row} of record {sequence}")]
    Tables {
        /// What kind of row.
        row: &'static str,
        /// The record that the row belongs to.
        sequence: u64,
    },
    /// The tables have rows that no record explains.
    #[error("the tables have {found} rows, the journal makes {expected}")]
    Rows {
        /// Rows that the journal makes.
        expected: u64,
        /// Rows found.
        found: u64,
    },
}

/// A rule that a record breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Its message is booked before.
    #[error("its message is booked before")]
    MessageTwice,
    /// Its postings do not sum to its total.
    #[error("its postings do not sum to its total")]
    Unbalanced,
    /// Its visit has a standing settlement.
    #[error("its visit has a standing settlement")]
    VisitTwice,
    /// Its accumulator changes start elsewhere than the fold stands.
    #[error("its accumulator changes do not continue the fold")]
    Accumulators,
    /// It cancels nothing that stands.
    #[error("it cancels nothing that stands")]
    CancelsNothing,
    /// It does not mirror what it cancels.
    #[error("it does not mirror what it cancels")]
    NoMirror,
    /// It cancels a settlement before a later one of the person's benefit year or of an accumulator it changed.
    #[error("it cancels a settlement before a later one")]
    CancelsEarlier,
    /// It is a tombstone and books something.
    #[error("it is a tombstone and books something")]
    TombstoneBooks,
    /// Its stay is not where it could take it, or has other lines.
    #[error("its stay could not take it")]
    Stay,
    /// It brings rows of registers and books something.
    #[error("it brings rows of registers and books something")]
    RegisterBooks,
    /// It corrects what does not stand, or is another person's or visit's.
    #[error("it corrects nothing that stands")]
    CorrectsNothing,
    /// It corrects a settlement and leaves one as it was that stands on it.
    #[error("it corrects a settlement under a later one that stays")]
    CorrectsUnder,
    /// What it posts is not what its versions differ by.
    #[error("its postings are not what its versions differ by")]
    Differences,
    /// A version does not follow the one before.
    #[error("its versions do not follow the ones before")]
    Versions,
    /// It is a hold and books something.
    #[error("it is a hold and books something")]
    HoldBooks,
    /// It ends a hold that has ended.
    #[error("it ends a hold that has ended")]
    HoldEndsTwice,
}

pub(crate) fn verify(
    shared: &Shared,
    mut progress: impl FnMut(Progress),
) -> Result<Verification, VerifyError> {
    let mut fold = Fold::default();
    let tip = *shared.tip();
    let mut scanner = Scanner::from(Arc::clone(&shared.segments), Place::START, tip.next.segment);
    fold.read(&mut scanner, tip, &mut progress)?;
    // What came meanwhile is little; from here on the tables stand still.
    let standing_still = shared.tip();
    scanner.extend_to(standing_still.next.segment);
    fold.read(&mut scanner, *standing_still, &mut progress)?;
    let verification = fold.sums(*standing_still)?;
    fold.compare(shared)?;
    Ok(verification)
}

/// Folds the journal of a ledger's folder, whether it serves or not, without tables and without any write.
///
/// # Errors
/// See [`VerifyError`]: the first thing that is not as it must be.
pub fn verify_journal(dir: &Path, mut progress: impl FnMut(Progress)) -> Result<Verification, VerifyError> {
    let source = Source::open(dir)?;
    let mut scanner = source.scanner();
    let mut fold = Fold::default();
    while let Some(frame) = source.next(&mut scanner)? {
        fold.add_frame(&frame)?;
        progress(source.progress(frame.position.segment, frame.head.sequence));
    }
    fold.sums(scanner.place())
}

/// One settlement as the fold knows it.
struct Folded {
    /// As its newest version says, and without requests and answers: they are what is large, and the fold needs neither.
    record: Record,
    position: Position,
    undone: Option<(Undoing, u64, i64)>,
    before: BTreeMap<Bucket, u64>,
    /// The corrections that made its later versions.
    versions: Vec<(u64, Position)>,
}

type Visit = (Arc<str>, Arc<str>, Arc<str>);

/// Tenant, then the person's number or nothing, then the bucket: a family's is nobody's own.
type Shelf = (Arc<str>, Option<Arc<str>>, Bucket);

#[derive(Default)]
struct Fold {
    messages: BTreeMap<MessageKey, (MessageKind, u64, Position)>,
    settlements: BTreeMap<u64, Folded>,
    cancellations: u64,
    reversals: u64,
    tombstones: u64,
    stay_calls: u64,
    stays: Stays,
    corrections: u64,
    imports: u64,
    registers: registers::Registers,
    holds: HoldFold,
    visits: BTreeMap<Visit, u64>,
    persons: BTreeSet<PersonKey>,
    erased: u64,
    /// The settlements that stand, the latest last, and the accumulators, by each bucket that they touch.
    shelves: BTreeMap<Shelf, (Vec<u64>, Accumulators)>,
    leaves: Leaves,
    accounts: BTreeMap<Arc<str>, i128>,
    receivables: BTreeMap<(Arc<str>, Arc<str>), i128>,
}

impl Fold {
    fn read(
        &mut self,
        scanner: &mut Scanner,
        tip: Place,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), VerifyError> {
        while scanner.place().sequence < tip.sequence {
            let at = scanner.place().next;
            let frame = scanner.next_frame()?.ok_or(damaged(at, Damage::Checksum))?;
            self.add_frame(&frame)?;
            let Place { next, sequence, .. } = scanner.place();
            progress(Progress { records: sequence, segment: next.segment, segments: tip.next.segment });
        }
        // Not where the next frame begins: a segment may have been created behind without a record in it yet.
        if (scanner.place().sequence, scanner.place().hash) != (tip.sequence, tip.hash) {
            return Err(damaged(scanner.place().next, Damage::Chain).into());
        }
        Ok(())
    }

    fn add_frame(&mut self, frame: &Frame) -> Result<(), VerifyError> {
        let record = frame.record()?;
        let sequence = record.sequence;
        self.leaves.push(Leaf::of(&record, &frame.hash).hash);
        self.add(record, frame.position).map_err(|broken| VerifyError::Record { sequence, broken })
    }

    fn add(&mut self, mut record: Record, position: Position) -> Result<(), Broken> {
        let known = (record.kind(), record.sequence, position);
        if self.messages.insert(record.message.clone(), known).is_some() {
            return Err(Broken::MessageTwice);
        }
        if let Entry::Correction(correction) = &record.entry {
            self.corrections += 1;
            self.erased += u64::from(record.is_erased());
            return self.correct(&record, correction, position);
        }
        if let Entry::Register { rows } = &record.entry {
            if !books_nothing(&record) {
                return Err(Broken::RegisterBooks);
            }
            self.imports += 1;
            self.erased += u64::from(register::has_erased(rows));
            self.registers.add(&record, rows);
            return Ok(());
        }
        self.post(&record)?;
        if record.is_erased() {
            self.erased += 1;
        } else {
            self.persons.insert(record.person.clone());
        }
        for change in &record.accumulators {
            let shelf = shelf_of(&record, Bucket::of(&change.key));
            let (_, accumulators) = self.shelves.entry(shelf).or_default();
            accumulators.apply(std::slice::from_ref(change)).map_err(|_| Broken::Accumulators)?;
        }
        let MessageKey { tenant, fixmedins_code, .. } = &record.message;
        let visit = (Arc::clone(tenant), Arc::clone(fixmedins_code), Arc::clone(&record.mdtrt_id));
        match &record.entry {
            Entry::Settlement => {
                let is_visit = record.part != Some(StayPart::MidStay);
                let is_twice = self.visits.contains_key(&visit);
                if is_twice || (is_visit && self.visits.insert(visit, record.sequence).is_some()) {
                    return Err(Broken::VisitTwice);
                }
                self.holds.settle(&record)?;
                let fits = match record.part {
                    // Its calls are erased too.
                    Some(_) if record.is_erased() => true,
                    Some(part) => self.stays.settled(&record, part),
                    None => self.stays.is_free(&record),
                };
                if !fits {
                    return Err(Broken::Stay);
                }
                let mut before = BTreeMap::new();
                for bucket in buckets(&record) {
                    let (order, _) = self.shelves.entry(shelf_of(&record, bucket.clone())).or_default();
                    before.insert(bucket, order.last().copied().unwrap_or_default());
                    order.push(record.sequence);
                }
                record.request = Vec::new();
                record.answer = Arc::from([]);
                record.bill = Vec::new();
                self.settlements.insert(
                    record.sequence,
                    Folded { record, position, undone: None, before, versions: Vec::new() },
                );
            }
            Entry::Reversal { of } if self.holds.has(*of) => self.holds.release(&record, *of)?,
            // It released a hold that is erased too.
            Entry::Reversal { of } if record.is_erased() && !self.settlements.contains_key(of) => {
                if !moves_nothing(&record) {
                    return Err(Broken::CancelsNothing);
                }
            }
            Entry::Cancellation { of } | Entry::Reversal { of } => {
                let folded = self.settlements.get_mut(of).ok_or(Broken::CancelsNothing)?;
                let is_visit = record.part != Some(StayPart::MidStay);
                if folded.undone.is_some() || (is_visit && self.visits.remove(&visit) != Some(*of)) {
                    return Err(Broken::CancelsNothing);
                }
                let part = record.part.filter(|_| !record.is_erased());
                if part.is_some_and(|part| !self.stays.unsettled(&record, *of, part)) {
                    return Err(Broken::Stay);
                }
                if !mirrors(&record, &folded.record) {
                    return Err(Broken::NoMirror);
                }
                for bucket in buckets(&record) {
                    let (order, _) = self.shelves.entry(shelf_of(&record, bucket)).or_default();
                    if order.pop() != Some(*of) {
                        return Err(Broken::CancelsEarlier);
                    }
                }
                let undoing = match record.entry {
                    Entry::Reversal { .. } => Undoing::Reversal,
                    _ => Undoing::Cancellation,
                };
                folded.undone = Some((undoing, record.sequence, record.booked_at_ms));
                match undoing {
                    Undoing::Cancellation => self.cancellations += 1,
                    Undoing::Reversal => self.reversals += 1,
                }
            }
            Entry::Stay(change) => {
                if !moves_nothing(&record) || !self.stays.call(&record, change, position) {
                    return Err(Broken::Stay);
                }
                self.stay_calls += 1;
            }
            Entry::Erased { .. } if books_nothing(&record) => {}
            Entry::Erased { .. } => return Err(Broken::Stay),
            Entry::Tombstone { omsgid } => self.bar(&record, omsgid, position)?,
            Entry::Hold(terms) => {
                if self.visits.contains_key(&visit) {
                    return Err(Broken::VisitTwice);
                }
                self.holds.add(&record, terms, position)?;
            }
            // Added above.
            Entry::Correction(_) | Entry::Register { .. } => {}
        }
        Ok(())
    }

    /// The message that a tombstone bars counts as one that came, so that it can neither have come nor ever come.
    fn bar(&mut self, record: &Record, omsgid: &Arc<str>, position: Position) -> Result<(), Broken> {
        if !books_nothing(record) {
            return Err(Broken::TombstoneBooks);
        }
        let MessageKey { tenant, fixmedins_code, .. } = record.message.clone();
        let barred = MessageKey { tenant, fixmedins_code, msgid: Arc::clone(omsgid) };
        let row = (MessageKind::Tombstone, record.sequence, position);
        if self.messages.insert(barred, row).is_some() {
            return Err(Broken::MessageTwice);
        }
        self.tombstones += 1;
        Ok(())
    }

    /// Enters a record's postings against the hospital's receivable.
    fn post(&mut self, record: &Record) -> Result<(), Broken> {
        let mut posted = 0;
        for posting in &record.postings {
            let amount = i128::from(posting.amount.units());
            posted += amount;
            *self.accounts.entry(Arc::clone(&posting.account)).or_default() += amount;
        }
        let owed = i128::from(record.medfee_sumamt.units());
        let MessageKey { tenant, fixmedins_code, .. } = &record.message;
        let hospital = (Arc::clone(tenant), Arc::clone(fixmedins_code));
        *self.receivables.entry(hospital).or_default() += owed;
        if posted == owed { Ok(()) } else { Err(Broken::Unbalanced) }
    }

    fn sums(&self, tip: Place) -> Result<Verification, VerifyError> {
        let difference = self.accounts.values().sum::<i128>() - self.receivables.values().sum::<i128>();
        if difference != 0 {
            return Err(VerifyError::TrialBalance { difference });
        }
        let money = |fen: i128| match i64::try_from(fen) {
            Ok(fen) => Ok(Money::from_units(fen)),
            Err(_) => Err(VerifyError::OutOfRange(Overflow)),
        };
        let mut accounts = BTreeMap::new();
        for (account, fen) in &self.accounts {
            accounts.insert(Arc::clone(account), money(*fen)?);
        }
        let mut receivables = BTreeMap::new();
        for (hospital, fen) in &self.receivables {
            receivables.insert(hospital.clone(), money(*fen)?);
        }
        Ok(Verification {
            records: tip.sequence,
            hash: tip.hash,
            settlements: self.settlements.len() as u64,
            cancellations: self.cancellations,
            reversals: self.reversals,
            tombstones: self.tombstones,
            stay_calls: self.stay_calls,
            imports: self.imports,
            corrections: self.corrections,
            holds: self.holds.count(),
            persons: self.persons.len() as u64,
            erased: self.erased,
            accounts,
            receivables,
            leaves: self.leaves.clone(),
        })
    }

    /// Every row that the journal makes is there and equal, and there are no others.
    fn compare(&self, shared: &Shared) -> Result<(), VerifyError> {
        let tables = &shared.tables;
        let mut expected = 0u64;
        let mut hold = |equal: bool, row: &'static str, sequence: u64| {
            expected += 1;
            if equal { Ok(()) } else { Err(VerifyError::Tables { row, sequence }) }
        };
        for (key, (kind, sequence, position)) in &self.messages {
            let row = MessageRow { kind: *kind, sequence: *sequence, position: *position };
            let found = booking::message(tables, key).map_err(ReadError::from)?;
            hold(found == Some(row), "the message", *sequence)?;
        }
        for (sequence, folded) in &self.settlements {
            let found = booking::settlement(tables, *sequence).map_err(ReadError::from)?;
            hold(found.is_some_and(|row| folded.equals(&row)), "the settlement", *sequence)?;
            if !folded.versions.is_empty() {
                let found = versions::made(tables, *sequence).map_err(ReadError::Tables)?;
                let found: Vec<_> = found.into_iter().map(|by| (by.sequence, by.position)).collect();
                hold(found == folded.versions, "the versions", *sequence)?;
            }
        }
        for ((tenant, fixmedins_code, mdtrt_id), sequence) in &self.visits {
            let hospital = MessageKey {
                tenant: Arc::clone(tenant),
                fixmedins_code: Arc::clone(fixmedins_code),
                msgid: Arc::from(""),
            };
            let found = booking::visit(tables, &hospital, mdtrt_id).map_err(ReadError::from)?;
            hold(found == Some(*sequence), "the visit", *sequence)?;
        }
        for ((tenant, psn_no, bucket), (order, accumulators)) in &self.shelves {
            let latest = order.last().copied().unwrap_or_default();
            let expected = BucketRow { latest, accumulators: accumulators.clone() };
            if expected == BucketRow::default() {
                // No row; a stray one is noticed by the count.
                continue;
            }
            let person = PersonKey {
                tenant: Arc::clone(tenant),
                psn_no: psn_no.clone().unwrap_or_else(|| Arc::from("")),
            };
            let found = booking::bucket(tables, &person, bucket).map_err(ReadError::from)?;
            hold(found == expected, "the accumulators", latest)?;
        }
        for (key, body) in self.leaves.rows() {
            hold(tables.row(&key).map_err(ReadError::Tables)? == body, "the tree", 0)?;
        }
        self.stays.compare(tables, &mut hold)?;
        self.holds.compare(tables, &mut hold)?;
        match self.registers.compare(tables)? {
            Ok(rows) => expected += rows,
            Err(sequence) => return Err(VerifyError::Tables { row: "the register row", sequence }),
        }
        let mut found = 0u64;
        tables
            .each(|_, _, _| {
                found += 1;
                Ok(())
            })
            .map_err(ReadError::Tables)?;
        if found == expected { Ok(()) } else { Err(VerifyError::Rows { expected, found }) }
    }
}

impl Folded {
    fn equals(&self, row: &SettlementRow) -> bool {
        row.position == self.position
            && row.before == self.before
            && row.undone.map(|by| (by.undoing, by.sequence, by.at_ms)) == self.undone
    }
}

fn books_nothing(record: &Record) -> bool {
    (record.benefit_year, &*record.mdtrt_id) == (0, "") && moves_nothing(record)
}

fn moves_nothing(record: &Record) -> bool {
    record.medfee_sumamt == Money::ZERO && record.postings.is_empty() && record.accumulators.is_empty()
}

fn buckets(record: &Record) -> BTreeSet<Bucket> {
    buckets_of(record.benefit_year, &record.accumulators)
}

fn buckets_of(benefit_year: i16, accumulators: &[AccumulatorChange]) -> BTreeSet<Bucket> {
    let mut buckets: BTreeSet<Bucket> = accumulators.iter().map(|change| Bucket::of(&change.key)).collect();
    buckets.insert(Bucket { owner: Owner::Person, term: Term::Year(benefit_year) });
    buckets
}

fn shelf_of(record: &Record, bucket: Bucket) -> Shelf {
    shelf_of_person(&record.person, bucket)
}

fn shelf_of_person(person: &PersonKey, bucket: Bucket) -> Shelf {
    let PersonKey { tenant, psn_no } = person;
    match bucket.owner {
        Owner::Person => (Arc::clone(tenant), Some(Arc::clone(psn_no)), bucket),
        Owner::Family(_) => (Arc::clone(tenant), None, bucket),
    }
}

/// Same person, hospital, visit and year; every amount negated, every change turned round.
fn mirrors(cancellation: &Record, settlement: &Record) -> bool {
    let negated = |a: Money, b: Money| i128::from(a.units()) == -i128::from(b.units());
    let (c, s) = (cancellation, settlement);
    c.person == s.person
        && c.message.tenant == s.message.tenant
        && c.message.fixmedins_code == s.message.fixmedins_code
        && c.mdtrt_id == s.mdtrt_id
        && c.benefit_year == s.benefit_year
        && negated(c.medfee_sumamt, s.medfee_sumamt)
        && c.postings.len() == s.postings.len()
        && c.postings
            .iter()
            .zip(&s.postings)
            .all(|(a, b)| a.account == b.account && negated(a.amount, b.amount))
        && c.accumulators.len() == s.accumulators.len()
        && c.accumulators
            .iter()
            .zip(&s.accumulators)
            .all(|(a, b)| a.key == b.key && a.before == b.after && a.after == b.before)
}
