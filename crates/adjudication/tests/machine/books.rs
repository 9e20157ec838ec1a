//! The accumulators of a few members of one family: each his own, and the family's in common.
//!
//! Stands in for the ledger. Must not know what an accumulator counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{Accumulators, Claim, Owner, Settlement};

#[derive(Default)]
pub(crate) struct Books {
    own: BTreeMap<Arc<str>, Accumulators>,
    family: Accumulators,
    /// In the order in which they were booked.
    booked: Vec<(Arc<str>, Settlement)>,
}

impl Books {
    /// What the person's next settlement reads.
    pub(crate) fn of(&self, claim: &Claim) -> Accumulators {
        self.of_member(&claim.person.psn_no)
    }

    fn of_member(&self, psn_no: &str) -> Accumulators {
        let mut all = self.own.get(psn_no).cloned().unwrap_or_default();
        for (key, value) in self.family.iter() {
            all.set(key.clone(), value);
        }
        all
    }

    /// Books the settlement, after which the person's accumulators stand at `after`.
    pub(crate) fn book(&mut self, claim: &Claim, settlement: Settlement, after: &Accumulators) {
        self.keep(&claim.person.psn_no, after);
        self.booked.push((claim.person.psn_no.clone(), settlement));
    }

    fn keep(&mut self, psn_no: &Arc<str>, after: &Accumulators) {
        let (mut own, mut family) = (Accumulators::default(), Accumulators::default());
        for (key, value) in after.iter() {
            match key.owner {
                Owner::Person => own.set(key.clone(), value),
                Owner::Family(_) => family.set(key.clone(), value),
            }
        }
        self.own.insert(psn_no.clone(), own);
        self.family = family;
    }

    /// Takes everything back, the latest first; why an accumulator is not restored.
    pub(crate) fn taken_back(mut self) -> Option<String> {
        while let Some((psn_no, settlement)) = self.booked.pop() {
            let mut accumulators = self.of_member(&psn_no);
            let back: Vec<_> = settlement.accumulators.iter().rev().map(|change| change.reversed()).collect();
            if let Err(stale) = accumulators.apply(&back) {
                return Some(stale.to_string());
            }
            self.keep(&psn_no, &accumulators);
        }
        let is_restored = self.family.is_empty() && self.own.values().all(Accumulators::is_empty);
        (!is_restored).then(|| "something is left after all was taken back".to_owned())
    }
}
