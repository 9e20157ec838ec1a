//! What a decision sees: the accumulators as booked, and what others were promised of the same benefits.
//!
//! A decision counts on both and books on the first alone. Must not know what a benefit is. Invariant: what is rebased
//! continues the booked values by exactly what the decision added.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Accumulators, Money, Overflow};

use crate::holds::Held;

/// The accumulators of the person and of the event's family.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// As they are booked: the fold of the journal.
    pub booked: Accumulators,
    /// What live holds of other visits reserve beyond that.
    pub reserved: BTreeMap<AccumulatorKey, Reserved>,
    /// The hold that the event names, which lives and is of its person and visit.
    pub hold: Option<Arc<Held>>,
}

/// What live holds reserve of one accumulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    /// How much, above zero, in the unit of its measure.
    pub amount: Money,
    /// When the last of them expires, in milliseconds since 1970-01-01 UTC.
    pub until_ms: i64,
}

impl Seen {
    /// Where nothing is reserved.
    pub fn of(booked: Accumulators) -> Seen {
        Seen { booked, reserved: BTreeMap::new(), hold: None }
    }

    /// What a decision counts with: what is booked and what is reserved as if it were.
    ///
    /// # Errors
    /// [`Overflow`] when a sum leaves the range of an amount.
    pub fn accumulators(&self) -> Result<Cow<'_, Accumulators>, Overflow> {
        if self.reserved.is_empty() {
            return Ok(Cow::Borrowed(&self.booked));
        }
        let mut all = self.booked.clone();
        for (key, reserved) in &self.reserved {
            all.set(key.clone(), all.get(key).plus(reserved.amount)?);
        }
        Ok(Cow::Owned(all))
    }

    /// Changes that were computed from [`Seen::accumulators`], as they are booked: from the booked values, by the same
    /// differences.
    ///
    /// # Errors
    /// [`Overflow`] when a difference leaves the range of an amount.
    pub fn rebased(&self, mut changes: Vec<AccumulatorChange>) -> Result<Vec<AccumulatorChange>, Overflow> {
        for change in &mut changes {
            if self.reserved.contains_key(&change.key) {
                let added = change.after.minus(change.before)?;
                change.before = self.booked.get(&change.key);
                change.after = change.before.plus(added)?;
            }
        }
        Ok(changes)
    }
}
