//! What records post, by hospital: the trial balance, and what each payer owes each hospital.
//!
//! Each record debits who bears it (a payer, the personal account, the patient's cash, the hospital's own share, the person
//! beside the bill) and credits the hospital with the bill. A correction posts at the hospital of each settlement that it
//! changed, whoever sent it. Must not know which records are added, nor what an account is but by its name. Invariant: what is
//! added balances, record by record, else nothing of the record is.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{Money, Overflow};

use crate::correction::{self, Version};
use crate::event::{MessageKey, Posting, setl_id_of};
use crate::record::{Entry, Record};
use crate::segments::ReadError;

/// Accounts that begin with it are payers'; their code stands behind it.
pub const PAYER_PREFIX: &str = "payer:";

/// Whom a bill is owed to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hospital {
    /// Whose ledger entries these are.
    pub tenant: Arc<str>,
    /// `fixmedins_code`.
    pub fixmedins_code: Arc<str>,
}

impl Hospital {
    /// The hospital of a message.
    pub fn of(message: &MessageKey) -> Hospital {
        Hospital { tenant: Arc::clone(&message.tenant), fixmedins_code: Arc::clone(&message.fixmedins_code) }
    }
}

/// A settlement as far as whoever posts for it must know it.
#[derive(Clone, PartialEq, Eq)]
pub struct Settled {
    /// The call that booked it.
    pub message: MessageKey,
    /// The visit.
    pub mdtrt_id: Arc<str>,
}

impl Settled {
    /// What is to be known of the settlement that a record booked.
    pub fn of(record: &Record) -> Settled {
        Settled { message: record.message.clone(), mdtrt_id: Arc::clone(&record.mdtrt_id) }
    }
}

/// What a record posts for one settlement.
#[derive(Clone)]
pub struct Posted<'a> {
    /// The record.
    pub record: &'a Record,
    /// The settlement it is posted for: the record's own call, or of a correction the call that was corrected.
    pub settled: Settled,
    /// The person.
    pub psn_no: &'a Arc<str>,
    /// Of a correction: the settlement's sequence, and what it is now.
    pub corrected: Option<(u64, &'a Version)>,
    /// Who bears it; empty where a settlement of no lines pays nothing.
    pub postings: &'a [Posting],
}

impl Posted<'_> {
    /// The settlement's identifier, or of what undoes one its own.
    pub fn setl_id(&self) -> Arc<str> {
        self.corrected.map_or_else(|| self.record.setl_id(), |(sequence, _)| setl_id_of(sequence))
    }

    /// What the hospital is owed by it.
    ///
    /// # Errors
    /// When the sum leaves the range of an amount, which no record that was booked does.
    pub fn amount(&self) -> Result<Money, Overflow> {
        Money::sum(self.postings.iter().map(|posting| posting.amount))
    }

    /// The sum on one account.
    ///
    /// # Errors
    /// As [`Posted::amount`].
    pub fn on(&self, account: &str) -> Result<Money, Overflow> {
        let of_account = self.postings.iter().filter(|posting| *posting.account == *account);
        Money::sum(of_account.map(|posting| posting.amount))
    }
}

/// Why records do not add up.
#[derive(Debug, thiserror::Error)]
pub enum BalanceError {
    /// What a record posts is not what the hospital is owed by it.
    #[error("record {sequence} does not balance")]
    Unbalanced {
        /// The record.
        sequence: u64,
    },
    /// A correction names a settlement that is not there.
    #[error("record {sequence} corrects no settlement")]
    Unknown {
        /// The correction.
        sequence: u64,
    },
    /// A sum left the range of an amount.
    #[error("the sums are out of range")]
    OutOfRange,
    /// A record could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<Overflow> for BalanceError {
    fn from(_: Overflow) -> BalanceError {
        BalanceError::OutOfRange
    }
}

/// What a record posts, for each settlement apart. `find` gives the settlement of a sequence that a correction changed; it
/// stands before the correction, but perhaps not in the same period.
///
/// *Shape*: nothing for records that post nothing, one for a settlement and what undoes it, one for each settlement whose amounts
/// a correction changed.
///
/// # Errors
/// See [`BalanceError`].
pub fn posted_by<'a>(
    record: &'a Record,
    find: &mut dyn FnMut(u64) -> Result<Option<Settled>, ReadError>,
) -> Result<Vec<Posted<'a>>, BalanceError> {
    let mut all = Vec::new();
    match &record.entry {
        Entry::Correction(correction) => {
            for turn in &correction.turns {
                let Some(version) = turn.new.as_deref().filter(|version| !version.net.is_empty()) else {
                    continue;
                };
                let unknown = BalanceError::Unknown { sequence: record.sequence };
                let settled = find(turn.sequence)?.ok_or(unknown)?;
                let corrected = Some((turn.sequence, version));
                let (psn_no, postings) = (&turn.psn_no, version.net.as_slice());
                all.push(Posted { record, settled, psn_no, corrected, postings });
            }
        }
        entry if record.postings.is_empty() && !is_of_settlement(entry, find)? => {}
        // One that nobody pays for is a booking like any other.
        _ => {
            let (settled, psn_no) = (Settled::of(record), &record.person.psn_no);
            all.push(Posted { record, settled, psn_no, corrected: None, postings: &record.postings });
        }
    }
    let posted = all.iter().flat_map(|posted| posted.postings).map(|posting| posting.amount);
    if Money::sum(posted)? != record.medfee_sumamt {
        return Err(BalanceError::Unbalanced { sequence: record.sequence });
    }
    Ok(all)
}

/// Whether it is a settlement or undoes one; a reversal may release a hold instead.
fn is_of_settlement(
    entry: &Entry,
    find: &mut dyn FnMut(u64) -> Result<Option<Settled>, ReadError>,
) -> Result<bool, ReadError> {
    match entry {
        Entry::Settlement | Entry::Cancellation { .. } => Ok(true),
        Entry::Reversal { of } => Ok(find(*of)?.is_some()),
        _ => Ok(false),
    }
}

/// What stands on one account, or is owed to one hospital.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// In CNY.
    pub amount: Money,
    /// Settlements, cancellations, reversals, and settlements that a correction changed; each once, however many benefits of a
    /// payer pay in it.
    pub bookings: u64,
}

impl Sum {
    fn plus(self, amount: Money) -> Result<Sum, Overflow> {
        Ok(Sum { amount: self.amount.plus(amount)?, bookings: self.bookings + 1 })
    }
}

/// The sums of what was added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balance {
    accounts: BTreeMap<(Arc<str>, Hospital), Sum>,
    hospitals: BTreeMap<Hospital, Sum>,
}

impl Balance {
    /// Adds one of what a record posts.
    ///
    /// # Errors
    /// [`BalanceError::OutOfRange`]; the balance is of no use then.
    pub fn add(&mut self, posted: &Posted<'_>) -> Result<(), BalanceError> {
        let hospital = Hospital::of(&posted.settled.message);
        for Posting { account, amount } in correction::sum([posted.postings])? {
            let sum = self.accounts.entry((account, hospital.clone())).or_default();
            *sum = sum.plus(amount)?;
        }
        let owed = self.hospitals.entry(hospital).or_default();
        *owed = owed.plus(posted.amount()?)?;
        Ok(())
    }

    /// What stands on each account at each hospital, by account, then hospital.
    pub fn by_account(&self) -> impl Iterator<Item = (&str, &Hospital, Sum)> {
        self.accounts.iter().map(|((account, hospital), sum)| (&**account, hospital, *sum))
    }

    /// What each payer owes each hospital, by the payer's code, then hospital.
    pub fn owed(&self) -> impl Iterator<Item = (&str, &Hospital, Sum)> {
        self.by_account().filter_map(|(account, hospital, sum)| {
            account.strip_prefix(PAYER_PREFIX).map(|payer| (payer, hospital, sum))
        })
    }

    /// What each hospital is owed by all who bear it together.
    pub fn hospitals(&self) -> impl Iterator<Item = (&Hospital, Sum)> {
        self.hospitals.iter().map(|(hospital, sum)| (hospital, *sum))
    }

    /// The debit side of the trial balance: what stands on each account over all hospitals.
    ///
    /// # Errors
    /// When a sum leaves the range of an amount.
    pub fn accounts(&self) -> Result<BTreeMap<&str, Money>, Overflow> {
        let mut accounts = BTreeMap::<&str, Money>::new();
        for (account, _, sum) in self.by_account() {
            let total = accounts.entry(account).or_default();
            *total = total.plus(sum.amount)?;
        }
        Ok(accounts)
    }
}
