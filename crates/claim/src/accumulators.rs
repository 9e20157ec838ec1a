//! What a person or family has used up so far, per benefit and span of time.
//!
//! A settlement reads them and returns the changes; the ledger alone applies changes. Invariant: the accumulators of
//! a person equal the fold of every booked change in order, and a reversal applies the same changes negated.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;

use crate::money::Money;
use crate::person::Person;

/// What an accumulator counts.
///
/// *Units*: a decimal with two places, as the national interface answers every accumulator (5206 `cum`): CNY, or as
/// [`Measure::unit`] says whole days or times, `3.00` for three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Amounts that entered the benefit's base.
    Base,
    /// Deductible charged.
    Deductible,
    /// The highest deductible standard met so far ("highest level so far less what was charged").
    DeductibleStandard,
    /// Amounts the benefit paid.
    Paid,
    /// Amounts that entered the base under an inner limit; the key's subject says of what.
    Counted,
    /// How many times: visits that met the benefit, uses of a once-only item, payments of a lump sum.
    Times,
    /// Days paid by a per-diem.
    Days,
}

impl Measure {
    /// Every measure, in order.
    pub const ALL: [Measure; 7] = [
        Measure::Base,
        Measure::Deductible,
        Measure::DeductibleStandard,
        Measure::Paid,
        Measure::Counted,
        Measure::Times,
        Measure::Days,
    ];

    /// The stable name on disk and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Base => "base",
            Measure::Deductible => "deductible",
            Measure::DeductibleStandard => "deductible_standard",
            Measure::Paid => "paid",
            Measure::Counted => "counted",
            Measure::Times => "times",
            Measure::Days => "days",
        }
    }

    /// What a value of one counts: `CNY`, `times` or `days`.
    pub fn unit(self) -> &'static str {
        match self {
            Measure::Times => "times",
            Measure::Days => "days",
            _ => "CNY",
        }
    }

    /// The measure of that name.
    pub fn from_name(name: &str) -> Option<Measure> {
        Measure::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

/// Who uses an accumulator up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// The person alone.
    Person,
    /// Everybody of one family (`family_no`) together.
    Family(Arc<str>),
}

/// The span of time that an accumulator runs over; the next span begins at zero.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// A calendar year, the one that the pack's date rule assigns the visit to.
    Year(i16),
    /// The policy period that begins on that day.
    PolicyPeriod(Date),
    /// One event (`evt_no`), such as an accident, over all its visits.
    Event(Arc<str>),
    /// One stay that is settled in parts, over all of them: hospital and number, with a slash between.
    Visit(Arc<str>),
    /// For ever.
    Lifetime,
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Year(year) => write!(f, "{year}"),
            Term::PolicyPeriod(from) => write!(f, "policy {from}"),
            Term::Event(event) => write!(f, "event {event}"),
            Term::Visit(visit) => write!(f, "visit {visit}"),
            Term::Lifetime => f.write_str("lifetime"),
        }
    }
}

/// Names one accumulator of one person or family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccumulatorKey {
    /// Who uses it up.
    pub owner: Owner,
    /// Over what span of time.
    pub term: Term,
    /// The pack, `authority/product`, without its version: a new version goes on where the old one stood.
    pub pack: Arc<str>,
    /// The benefit within the pack, or the group of benefits that shares it.
    pub benefit: Arc<str>,
    /// What is counted.
    pub measure: Measure,
    /// The item, category, month or the like that is counted apart; empty: the whole benefit.
    pub subject: Arc<str>,
}

impl AccumulatorKey {
    /// The subject under which the visits that met a benefit are counted.
    pub const VISITS: &'static str = "visits";

    /// Whether what is counted is benefit that is gone once used: what was paid, or counted towards a limit, how often and
    /// for how many days. What was charged, or only says how far a scale was climbed and which visit of the year it was,
    /// is not.
    pub fn uses_up_benefit(&self) -> bool {
        match self.measure {
            Measure::Paid | Measure::Counted | Measure::Days => true,
            Measure::Times => *self.subject != *AccumulatorKey::VISITS,
            Measure::Base | Measure::Deductible | Measure::DeductibleStandard => false,
        }
    }

    /// The person's own accumulator of a benefit in a calendar year, without a subject.
    pub fn of_year(year: i16, pack: Arc<str>, benefit: Arc<str>, measure: Measure) -> AccumulatorKey {
        let (owner, term) = (Owner::Person, Term::Year(year));
        AccumulatorKey { owner, term, pack, benefit, measure, subject: Arc::from("") }
    }
}

impl fmt::Display for AccumulatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self.owner, Owner::Family(_)) {
            f.write_str("family ")?;
        }
        write!(f, "{} {} {} {}", self.term, self.pack, self.benefit, self.measure.name())?;
        if self.subject.is_empty() { Ok(()) } else { write!(f, " of {}", self.subject) }
    }
}

/// One accumulator before and after a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccumulatorChange {
    /// Which accumulator.
    pub key: AccumulatorKey,
    /// Its value when the settlement read it.
    pub before: Money,
    /// Its value once the settlement is booked.
    pub after: Money,
}

impl AccumulatorChange {
    /// The change that restores what this one changed.
    pub fn reversed(&self) -> AccumulatorChange {
        AccumulatorChange { key: self.key.clone(), before: self.after, after: self.before }
    }
}

/// Why a change does not fit the accumulators it is applied to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("accumulator `{key}` stands at {found}, but the change was computed from {expected}")]
pub struct StaleChange {
    /// The accumulator.
    pub key: AccumulatorKey,
    /// The value the change was computed from.
    pub expected: Money,
    /// The value found.
    pub found: Money,
}

/// All accumulators of one person; an absent one is zero.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accumulators {
    values: BTreeMap<AccumulatorKey, Money>,
}

impl Accumulators {
    /// The accumulator's value; zero when nothing was booked on it.
    pub fn get(&self, key: &AccumulatorKey) -> Money {
        self.values.get(key).copied().unwrap_or(Money::ZERO)
    }

    /// Applies one settlement's changes, all or none.
    ///
    /// # Errors
    /// [`StaleChange`] when an accumulator does not stand where the change was computed from.
    pub fn apply(&mut self, changes: &[AccumulatorChange]) -> Result<(), StaleChange> {
        // On a copy, so that a second change of one accumulator must continue the first.
        let mut after = self.clone();
        for change in changes {
            let found = after.get(&change.key);
            if found != change.before {
                return Err(StaleChange { key: change.key.clone(), expected: change.before, found });
            }
            after.set(change.key.clone(), change.after);
        }
        *self = after;
        Ok(())
    }

    /// Sets one accumulator; zero removes it, so that equal states are equal values.
    pub fn set(&mut self, key: AccumulatorKey, value: Money) {
        if value.is_zero() {
            self.values.remove(&key);
        } else {
            self.values.insert(key, value);
        }
    }

    /// Every accumulator that is not zero, in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&AccumulatorKey, Money)> {
        self.values.iter().map(|(key, value)| (key, *value))
    }

    /// Whether nothing was ever booked.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// The accumulators of several persons and their families: what a file of bills is settled over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccumulatorBook {
    persons: BTreeMap<Arc<str>, Accumulators>,
    /// Every family's, under keys that name it.
    families: Accumulators,
}

impl AccumulatorBook {
    /// What a claim of this person is settled against: the person's own, and those of the family.
    pub fn of(&self, person: &Person) -> Accumulators {
        let mut all = self.persons.get(&person.psn_no).cloned().unwrap_or_default();
        if let Some(family_no) = &person.family_no {
            let owner = Owner::Family(family_no.clone());
            for (key, value) in self.families.iter().filter(|(key, _)| key.owner == owner) {
                all.set(key.clone(), value);
            }
        }
        all
    }

    /// Applies one settlement's changes, all or none.
    ///
    /// # Errors
    /// [`StaleChange`] when an accumulator does not stand where the change was computed from.
    pub fn apply(&mut self, person: &Person, changes: &[AccumulatorChange]) -> Result<(), StaleChange> {
        let (own, shared): (Vec<_>, Vec<_>) =
            changes.iter().cloned().partition(|change| change.key.owner == Owner::Person);
        let mut families = self.families.clone();
        families.apply(&shared)?;
        self.persons.entry(person.psn_no.clone()).or_default().apply(&own)?;
        self.families = families;
        Ok(())
    }

    /// Sets one accumulator: of the family that the key names, or of this person.
    pub fn set(&mut self, psn_no: &Arc<str>, key: AccumulatorKey, value: Money) {
        match key.owner {
            Owner::Person => self.persons.entry(psn_no.clone()).or_default().set(key, value),
            Owner::Family(_) => self.families.set(key, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(measure: Measure) -> AccumulatorKey {
        AccumulatorKey::of_year(2026, "a/b".into(), "inpatient".into(), measure)
    }

    #[test]
    fn a_reversal_restores_exactly() {
        let mut accumulators = Accumulators::default();
        let change =
            AccumulatorChange { key: key(Measure::Paid), before: Money::ZERO, after: Money::from_units(100) };
        accumulators.apply(std::slice::from_ref(&change)).unwrap();
        assert_eq!(accumulators.get(&key(Measure::Paid)).units(), 100);
        accumulators.apply(&[change.reversed()]).unwrap();
        assert_eq!(accumulators, Accumulators::default());
    }

    #[test]
    fn a_stale_change_is_refused_whole() {
        let mut accumulators = Accumulators::default();
        let fits =
            AccumulatorChange { key: key(Measure::Base), before: Money::ZERO, after: Money::from_units(5) };
        let stale = AccumulatorChange {
            key: key(Measure::Paid),
            before: Money::from_units(7),
            after: Money::from_units(8),
        };
        let error = accumulators.apply(&[fits, stale]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "accumulator `2026 a/b inpatient paid` stands at 0.00, but the change was computed from 0.07"
        );
        assert!(accumulators.is_empty());
    }
}
