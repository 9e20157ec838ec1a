//! Reading the whole journal again: what it comes to, and whether the tables say the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bedside_claim::{Accumulators, Money, Overflow};

use crate::event::{MessageKey, PersonKey, RecordKind};
use crate::journal::{Entry, JournalError, Scan};
use crate::open::{OpenError, journal_folder};
use crate::record::{NotARecord, Record};
use crate::tables::{ReadError, Rows, Tables};

/// A record and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRecord {
    /// Sequence, position, hash.
    pub entry: Entry,
    /// The record.
    pub record: Record,
}

/// Every record of a journal from the start, each frame and the chain checked on the way.
#[derive(Debug)]
pub struct Records {
    scan: Scan,
    failed: bool,
}

impl Records {
    pub(crate) fn of(dir: &Path) -> Result<Records, JournalError> {
        Ok(Records { scan: Scan::new(&journal_folder(dir))?, failed: false })
    }
}

impl Iterator for Records {
    type Item = Result<JournalRecord, VerifyError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let entry = match self.scan.next() {
            Ok(entry) => entry?,
            Err(error) => {
                self.failed = true;
                return Some(Err(error.into()));
            }
        };
        let sequence = entry.sequence;
        let record = Record::decode(&entry.payload);
        Some(match record {
            Ok(record) => Ok(JournalRecord { entry, record }),
            Err(problem) => Err(VerifyError::Record { sequence, problem }),
        })
    }
}

/// Reads a ledger's journal without opening it: no lock, no tables, nothing written.
///
/// # Errors
/// [`OpenError::NoLedger`] when the folder holds none, [`OpenError::Journal`] when it cannot be read.
pub fn read_journal(dir: &Path) -> Result<Records, OpenError> {
    if !journal_folder(dir).is_dir() {
        return Err(OpenError::NoLedger(dir.to_path_buf()));
    }
    Ok(Records::of(dir)?)
}

/// What a journal comes to. Amounts in CNY to the fen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verification {
    /// Records read.
    pub records: u64,
    /// Settlements among them.
    pub settlements: u64,
    /// Cancellations among them.
    pub cancellations: u64,
    /// What hospitals are owed, cancellations taken off.
    pub medfee_sumamt: Money,
    /// What each account owes, cancellations taken off; they sum to what hospitals are owed.
    pub accounts: BTreeMap<Arc<str>, Money>,
}

/// What does not hold.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The journal cannot be read or is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A record's frame reads well, its content does not.
    #[error("record {sequence} {problem}")]
    Record {
        /// Its sequence.
        sequence: u64,
        /// What is wrong.
        problem: NotARecord,
    },
    /// A table row cannot be read.
    #[error(transparent)]
    Tables(#[from] ReadError),
    /// A record or the whole does not add up.
    #[error("record {sequence}: {problem}")]
    Wrong {
        /// The record at which it shows.
        sequence: u64,
        /// What does not hold.
        problem: String,
    },
    /// A table says something else than the journal.
    #[error("the tables differ from the journal: {0}")]
    TablesDiffer(String),
    /// The sums left their range.
    #[error("the sums are out of range")]
    OutOfRange,
}

impl From<Overflow> for VerifyError {
    fn from(_: Overflow) -> VerifyError {
        VerifyError::OutOfRange
    }
}

/// What a booked settlement is known by.
#[derive(Debug)]
struct Booked {
    message: MessageKey,
    person: PersonKey,
    mdtrt_id: Arc<str>,
    benefit_year: i16,
    medfee_sumamt: Money,
}

/// Folds a journal and checks each record against what came before it.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    verification: Verification,
    persons: BTreeMap<PersonKey, Accumulators>,
    messages: BTreeMap<MessageKey, u64>,
    booked: BTreeMap<u64, Booked>,
    cancelled: BTreeMap<u64, u64>,
    last: u64,
}

impl Fold {
    /// Checks one record and adds it.
    pub(crate) fn add(&mut self, entry: &Entry, record: Record) -> Result<(), VerifyError> {
        let wrong = |problem: String| VerifyError::Wrong { sequence: entry.sequence, problem };
        let sums = &mut self.verification;
        sums.records += 1;
        sums.medfee_sumamt = sums.medfee_sumamt.plus(record.medfee_sumamt)?;
        let mut posted = Money::ZERO;
        for posting in &record.postings {
            posted = posted.plus(posting.amount)?;
            let account = sums.accounts.entry(posting.account.clone()).or_default();
            *account = account.plus(posting.amount)?;
        }
        if posted != record.medfee_sumamt {
            return Err(wrong(format!("its postings sum to {posted}, it is {}", record.medfee_sumamt)));
        }
        if self.messages.insert(record.message.clone(), entry.sequence).is_some() {
            return Err(wrong("its message id was used before".to_owned()));
        }
        let accumulators = self.persons.entry(record.person.clone()).or_default();
        accumulators.apply(&record.accumulators).map_err(|stale| wrong(stale.to_string()))?;
        self.last = entry.sequence;
        match record.kind {
            RecordKind::Settle => {
                sums.settlements += 1;
                let Record { message, person, mdtrt_id, benefit_year, medfee_sumamt, .. } = record;
                let booked = Booked { message, person, mdtrt_id, benefit_year, medfee_sumamt };
                self.booked.insert(entry.sequence, booked);
            }
            RecordKind::Cancel { cancels } => {
                sums.cancellations += 1;
                let original = self.booked.remove(&cancels);
                let original = original.ok_or_else(|| wrong("it cancels what is not booked".to_owned()))?;
                if original.medfee_sumamt.plus(record.medfee_sumamt)? != Money::ZERO
                    || original.person != record.person
                {
                    return Err(wrong("it does not mirror what it cancels".to_owned()));
                }
                self.cancelled.insert(cancels, entry.sequence);
            }
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), VerifyError> {
        let accounts = Money::sum(self.verification.accounts.values().copied())?;
        if accounts != self.verification.medfee_sumamt {
            let problem = format!(
                "accounts owe {accounts} in all, hospitals are owed {}",
                self.verification.medfee_sumamt
            );
            return Err(VerifyError::Wrong { sequence: self.last, problem });
        }
        Ok(())
    }

    /// Whether the tables say what the journal comes to.
    pub(crate) fn compare(&self, tables: &Tables) -> Result<(), VerifyError> {
        let differ = |what: String| VerifyError::TablesDiffer(what);
        let applied = tables.applied()?.map_or(0, |applied| applied.sequence);
        if applied != self.last {
            return Err(differ(format!("they stand at record {applied}, the journal at {}", self.last)));
        }
        let kept = tables.persons()?;
        if kept.len() != self.persons.len()
            || kept.iter().any(|(person, acc)| self.persons.get(person) != Some(acc))
        {
            return Err(differ("the accumulators of a person".to_owned()));
        }
        for (message, sequence) in &self.messages {
            if tables.message(message)?.is_none_or(|row| row.sequence != *sequence) {
                return Err(differ("a message id is missing".to_owned()));
            }
        }
        for (sequence, record) in &self.booked {
            let row = tables.settlement(*sequence)?;
            let visit = tables.booked_visit(&record.message, &record.mdtrt_id)?;
            let year = tables.booked_of_year(&record.person, record.benefit_year)?;
            if row.is_none_or(|row| row.cancelled_by.is_some())
                || visit != Some(*sequence)
                || !year.contains(sequence)
            {
                return Err(differ(format!("settlement {sequence} is booked")));
            }
        }
        for (sequence, by) in &self.cancelled {
            if tables.settlement(*sequence)?.and_then(|row| row.cancelled_by) != Some(*by) {
                return Err(differ(format!("settlement {sequence} is cancelled")));
            }
        }
        Ok(())
    }
}

/// Verifies a journal by itself.
///
/// # Errors
/// [`VerifyError`]: the first thing that does not hold.
pub fn verify_journal(dir: &Path) -> Result<Verification, VerifyError> {
    let mut fold = Fold::default();
    for record in Records::of(dir)? {
        let JournalRecord { entry, record } = record?;
        fold.add(&entry, record)?;
    }
    fold.finish()?;
    Ok(fold.verification)
}

pub(crate) fn verify(dir: &Path, tables: &Tables) -> Result<Verification, VerifyError> {
    let mut fold = Fold::default();
    for record in Records::of(dir)? {
        let JournalRecord { entry, record } = record?;
        fold.add(&entry, record)?;
    }
    fold.finish()?;
    fold.compare(tables)?;
    Ok(fold.verification)
}
