//! The explanation says what was paid: every step begins where the one before it ended.
//!
//! Recomputes each benefit's amount from its steps alone. Must not know the plan.

use bedside_claim::{DeductibleRule, Idle, Money, Settlement, Step};

use crate::exact::{Fen, at_rate, fen};

/// What a benefit's steps have come to.
#[derive(Default)]
struct Chain {
    base: Fen,
    charged: Fen,
    amount: Fen,
    has_bands: bool,
    is_cut: bool,
    /// Paid to the person, beside the bill.
    is_fixed: bool,
}

/// The first step that does not follow from the ones before it.
pub(crate) fn broken(settlement: &Settlement) -> Option<String> {
    let mut chain = Chain::default();
    let mut payments = settlement.payments.iter().map(|payment| payment.amount);
    let mut to_person = settlement.to_person.iter().map(|payment| payment.amount);
    let mut benefit = None;
    for step in &settlement.explanation {
        let is_next = step.benefit() != benefit;
        if is_next || matches!(step, Step::Base { .. } | Step::PerDiem { .. } | Step::LumpSum { .. }) {
            chain = Chain::default();
            benefit = step.benefit();
        }
        if !chain.follows(step) {
            return Some(format!("{step:?} does not follow from the steps before it"));
        }
        let is_paid = match step {
            Step::Pays { amount, .. } if chain.is_fixed => to_person.next() == Some(*amount),
            Step::Pays { amount, .. } | Step::Adopted { amount, .. } if !amount.is_zero() => {
                payments.next() == Some(*amount)
            }
            _ => true,
        };
        if !is_paid {
            return Some(format!("{step:?} is not the next payment"));
        }
    }
    payments.chain(to_person).next().map(|amount| format!("no step says why {amount} is paid"))
}

impl Chain {
    /// Whether the step's numbers are right; goes on from where it ends.
    fn follows(&mut self, step: &Step) -> bool {
        match step {
            Step::Base { amount, .. } => {
                self.base = fen(*amount);
                self.base > 0
            }
            Step::Deductible { charged, .. } => {
                self.charged = fen(*charged);
                needed(step).map(|need| need.min(self.base)) == Some(self.charged)
            }
            Step::Band { slice, rate, amount, from, until, .. } => {
                self.has_bands = true;
                self.amount += fen(*amount);
                let inside = until.is_none_or(|until| fen(*slice) <= fen(until) - fen(*from));
                // A difference of two rounded products lies within a fen of the rounded product.
                inside && (at_rate(fen(*slice), *rate) - fen(*amount)).abs() <= 1
            }
            Step::Factor { rate, before, after, .. } => {
                self.goes_on(*before, *after) && at_rate(fen(*before), *rate) == fen(*after)
            }
            Step::Cap { limit, used, before, after, .. } => {
                self.is_cut = true;
                self.goes_on(*before, *after) && fen(*after) == (fen(*limit) - fen(*used)).max(0)
            }
            Step::Ceiling { rate, of, paid, before, after, .. } => {
                self.is_cut = true;
                let may = (at_rate(fen(*of), *rate) - fen(*paid)).max(0);
                self.goes_on(*before, *after) && fen(*after) == may
            }
            Step::Indemnity { left, before, .. } => {
                self.is_cut = true;
                self.goes_on(*before, *left)
            }
            Step::SolvedBack { used, .. } => self.is_cut && (self.charged..=self.base).contains(&fen(*used)),
            Step::Pays { amount, .. } => fen(*amount) == self.amount,
            Step::PerDiem { days, waiting, stay_days, days_left, paid_days, rate, amount, .. } => {
                self.is_fixed = true;
                self.amount = fen(*amount);
                let limits = [*stay_days, *days_left].into_iter().flatten();
                let of_limits = limits.fold(days.saturating_sub(*waiting), u16::min);
                *paid_days == of_limits && self.amount == fen(*rate) * Fen::from(*paid_days)
            }
            Step::LumpSum { sum, share, less, paid, amount, .. } => {
                self.is_fixed = true;
                self.amount = fen(*amount);
                let of_share = at_rate(fen(*sum), *share) - fen(*less);
                self.amount == of_share.min(fen(*sum) - fen(*paid)).max(0)
            }
            Step::Idle { rule, .. } => match rule {
                Idle::CapWithin { limit, used, amount, .. } => {
                    fen(*amount) == self.amount && fen(*amount) <= (fen(*limit) - fen(*used)).max(0)
                }
                Idle::CeilingWithin { rate, of, paid, amount } => {
                    let may = (at_rate(fen(*of), *rate) - fen(*paid)).max(0);
                    fen(*amount) == self.amount && fen(*amount) <= may
                }
                _ => true,
            },
            Step::Limit { before, after, .. } => {
                if self.has_bands {
                    // Of what is paid for one subject.
                    self.is_cut = true;
                    self.amount -= fen(*before) - fen(*after);
                }
                after < before
            }
            _ => true,
        }
    }

    fn goes_on(&mut self, before: Money, after: Money) -> bool {
        let is_next = fen(before) == self.amount;
        self.amount = fen(after);
        is_next
    }
}

/// What a deductible step asks for by its own numbers, before the base cuts it; nothing for another step.
fn needed(step: &Step) -> Option<Fen> {
    let Step::Deductible { rule, standard, charged_before, filled, fall, group, .. } = step else {
        return None;
    };
    if let Some(fall) = fall {
        let fallen = fen(fall.full) - fen(fall.by) * Fen::from(fall.visits_before);
        // The highest standard of the year may be that of an earlier visit.
        let is_at_least = fen(*standard) >= fallen.max(fen(fall.floor));
        if !is_at_least
            || (*rule != DeductibleRule::HighestLessCharged && fen(*standard) != fallen.max(fen(fall.floor)))
        {
            return None;
        }
    }
    // One per visit was charged before only where the visit is settled in parts.
    let mut need = (fen(*standard) - fen(*charged_before)).max(0) - fen(*filled);
    if let Some(group) = group {
        let of_group = |limit: Money| (fen(limit) - fen(group.charged_before)).max(0);
        need = need.max(group.minimum.map_or(0, of_group));
        need = need.min(group.maximum.map_or(need, of_group));
    }
    Some(need)
}
