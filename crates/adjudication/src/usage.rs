//! The accumulators while a claim is settled: what was used before, and what this claim has used so far.
//!
//! A benefit sees what the ones before it in the same claim have used. Invariant: a change continues from the value that
//! the ledger holds, no accumulator changes twice, and whatever was looked at is known: a settlement depends on a family's
//! deductible also when it finds it met and changes nothing of it.

use std::cell::RefCell;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Accumulators, Fault, Money};

/// The accumulators and their changes.
pub(crate) struct Usage<'a> {
    before: &'a Accumulators,
    changes: Vec<AccumulatorChange>,
    /// Looked at: one accumulator for each owner and term.
    seen: RefCell<Vec<AccumulatorKey>>,
}

impl<'a> Usage<'a> {
    pub(crate) fn new(before: &'a Accumulators) -> Usage<'a> {
        Usage { before, changes: Vec::with_capacity(16), seen: RefCell::default() }
    }

    /// What stands on the accumulator now. No key: nothing is counted, and nothing stands on it.
    pub(crate) fn of(&self, key: Option<&AccumulatorKey>) -> Money {
        let Some(key) = key else { return Money::ZERO };
        match self.changes.iter().find(|change| same(&change.key, key)) {
            Some(change) => change.after,
            None => {
                self.note(key);
                self.before.get(key)
            }
        }
    }

    /// Notes that an accumulator was looked at.
    pub(crate) fn note(&self, key: &AccumulatorKey) {
        let mut seen = self.seen.borrow_mut();
        if !seen.iter().any(|known| in_one_bucket(known, key)) {
            seen.push(key.clone());
        }
    }

    /// Adds to an accumulator.
    pub(crate) fn add(&mut self, key: Option<AccumulatorKey>, amount: Money) -> Result<(), Fault> {
        let Some(key) = key else { return Ok(()) };
        if amount.is_zero() {
            return Ok(());
        }
        let after = self.of(Some(&key)).plus(amount)?;
        self.set(key, after);
        Ok(())
    }

    /// Sets an accumulator.
    pub(crate) fn set(&mut self, key: AccumulatorKey, after: Money) {
        match self.changes.iter_mut().find(|change| same(&change.key, &key)) {
            Some(change) => change.after = after,
            None => {
                let before = self.before.get(&key);
                self.changes.push(AccumulatorChange { key, before, after });
            }
        }
    }

    /// What the claim uses up, and what it looked at beside: one accumulator for each owner and term of which it changes
    /// none.
    pub(crate) fn into_changes(mut self) -> (Vec<AccumulatorChange>, Vec<AccumulatorKey>) {
        self.changes.retain(|change| change.before != change.after);
        let mut seen = self.seen.into_inner();
        seen.retain(|key| !self.changes.iter().any(|change| in_one_bucket(&change.key, key)));
        (self.changes, seen)
    }
}

fn in_one_bucket(a: &AccumulatorKey, b: &AccumulatorKey) -> bool {
    a.term == b.term && a.owner == b.owner
}

/// Whether two keys name one accumulator; what differs most often is compared first.
fn same(a: &AccumulatorKey, b: &AccumulatorKey) -> bool {
    a.measure == b.measure && a.benefit == b.benefit && a == b
}
