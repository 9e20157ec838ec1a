//! What goes on from part to part of a stay that is settled in parts.
//!
//! The section "Circumstances" of `docs/benefit-machine.md`. Must not know what is counted.

use std::sync::Arc;

use bedside_claim::{AccumulatorKey, Measure, Period, Settling, Term};
use bedside_policy::plan::{Benefit, SharedBy};

use crate::reading::{Place, Reading};

impl Place<'_> {
    /// Over a visit something is kept only where it is settled in parts.
    pub(crate) fn key_of_stay(
        &self,
        shared_by: SharedBy,
        account: &Arc<str>,
        measure: Measure,
        subject: &str,
    ) -> Option<AccumulatorKey> {
        let visit = &self.claim.visit;
        if visit.settling == Settling::AtOnce {
            return None;
        }
        let term = Term::Visit(format!("{}/{}", visit.hospital.fixmedins_code, visit.mdtrt_id).into());
        Some(AccumulatorKey { term, ..self.key(shared_by, Period::Lifetime, account, measure, subject)? })
    }
}

impl Reading<'_> {
    /// 1 and the visits of the term before this one, of which an earlier part of it is none.
    pub(crate) fn visit_number(&self, place: &Place<'_>, benefit: &Benefit) -> u16 {
        let visits = self.read(&place.own_key(place.plan.term, benefit, Measure::Times, "visits"));
        let earlier = if self.is_counted(place, benefit) { visits - 100 } else { visits };
        u16::try_from(1 + earlier / 100).expect("a small number of visits")
    }

    /// That the stay was counted as a visit of the term that this part falls in.
    fn counted_key(&self, place: &Place<'_>, benefit: &Benefit) -> Option<AccumulatorKey> {
        let of_term = place.own_key(place.plan.term, benefit, Measure::Times, "visits")?;
        place.own_key(Period::Visit, benefit, Measure::Times, &format!("visits {}", of_term.term))
    }

    /// Whether an earlier part of the stay was counted.
    fn is_counted(&self, place: &Place<'_>, benefit: &Benefit) -> bool {
        self.read(&self.counted_key(place, benefit)) != 0
    }

    pub(crate) fn count_visit(&mut self, place: &Place<'_>, benefit: &Benefit) {
        if self.is_counted(place, benefit) {
            self.meet("parts: the stay is one visit");
            return;
        }
        self.meet("visit number: counted");
        self.add(place.own_key(place.plan.term, benefit, Measure::Times, "visits"), 100);
        self.add(self.counted_key(place, benefit), 100);
    }
}
