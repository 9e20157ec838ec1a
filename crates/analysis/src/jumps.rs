//! Looks at what a benefit pays on either side of every edge, deductible, cap and total that the plan names.
//!
//! A bill of one charge in one part grows by a fen there, in every combination of circumstances that the benefit tells
//! apart. It must not know how a benefit is computed, only where it may change.

use std::collections::BTreeSet;

use bedside_claim::{Money, Pool};
use bedside_policy::{BandEdges, Benefit, JumpOf, Limit, LimitAmount, Parameter, Pays, Reimbursement};

use crate::facts::Facts;
use crate::promises::{Broken, base_of, broken_alone, paid_by};
use crate::stage::Stage;
use crate::told_apart::{amounts, combinations, conditions, dimensions, let_in};
use crate::trial::{Charge, SCHEDULE_AMOUNT, Settled, Trial, plain_charge};

/// No bill that is tried is larger: ten million yuan.
const FEN_MAX: i64 = 1_000_000_000;

/// What was found at the edges of one benefit.
#[derive(Debug, Default)]
pub(crate) struct AtEdges {
    /// Broken promises with the bill before and the bill a fen larger; of each kind and benefit the first.
    pub broken: Vec<(Broken, Trial, Trial)>,
    /// Which of the benefit's declared jumps were met.
    pub met: BTreeSet<JumpOf>,
    /// Pairs of bills that were looked at.
    pub pairs: u64,
}

/// Looks at every edge of the benefit.
pub(crate) fn at_edges(stage: &Stage, benefit: &Benefit) -> AtEdges {
    let mut found = AtEdges::default();
    let Pays::Reimbursement(terms) = &benefit.pays else { return found };
    let apart = dimensions(stage, conditions(benefit));
    let mut tried: BTreeSet<Facts> = BTreeSet::new();
    for scene in 0..stage.scenes.len() {
        for change in combinations(&apart) {
            let facts = let_in(stage, &Facts::plain(scene).with(&change), benefit);
            if tried.insert(facts.clone()) {
                Looking { stage, benefit, terms, facts }.look(&mut found);
            }
        }
    }
    found
}

struct Looking<'a> {
    stage: &'a Stage,
    benefit: &'a Benefit,
    terms: &'a Reimbursement,
    facts: Facts,
}

impl Looking<'_> {
    fn look(&self, found: &mut AtEdges) {
        let largest = self.trial(FEN_MAX);
        let settled = largest.settle(self.stage);
        if let Some(broken) = broken_alone(&self.stage.plan, &settled) {
            self.report(found, broken, largest.clone(), largest);
            return;
        }
        let Ok(settled) = settled else { return };
        if base_of(self.benefit, &settled.settlement).is_zero() && self.totals().is_empty() {
            return;
        }
        for fen in self.points() {
            for before in [fen - 1, fen] {
                self.pair(before, found);
            }
        }
    }

    fn trial(&self, fen: i64) -> Trial {
        Trial::of(self.facts.clone(), vec![selected_charge(self.terms, fen)])
    }

    fn settled(&self, fen: i64) -> Option<Settled> {
        self.trial(fen).settle(self.stage).ok()
    }

    /// Compares the bill of so many fen with the one of a fen more.
    fn pair(&self, before: i64, found: &mut AtEdges) {
        if before < 1 {
            return;
        }
        found.pairs += 1;
        let (Some(smaller), Some(larger)) = (self.settled(before), self.settled(before + 1)) else { return };
        let paid = [&smaller, &larger].map(|settled| paid_by(self.benefit, &settled.settlement));
        if (paid[1].units() - paid[0].units()).abs() <= 1 {
            return;
        }
        let bases = [&smaller, &larger].map(|settled| base_of(self.benefit, &settled.settlement));
        let total = Money::from_units(before);
        let declared = self.benefit.jumps.iter().find(|jump| match jump.of {
            JumpOf::Bill(at) => at == total,
            JumpOf::Base(at) => bases[0] <= at && at < bases[1],
            JumpOf::Opening => bases[0].is_zero(),
        });
        if let Some(jump) = declared {
            found.met.insert(jump.of);
            return;
        }
        let is_anothers = self.is_declared_by_another(total, &smaller, &larger);
        if !is_anothers {
            let benefit = self.benefit.card.id.to_string();
            let broken = Broken::Jumps { benefit, at: total, before: paid[0], after: paid[1] };
            self.report(found, broken, self.trial(before), self.trial(before + 1));
        }
    }

    /// Whether a benefit that pays before this one declares a jump here: what it leaves jumps with it.
    fn is_declared_by_another(&self, total: Money, smaller: &Settled, larger: &Settled) -> bool {
        let mut before = Vec::new();
        'layers: for layer in &larger.programme.layers {
            for benefit in &layer.plan.benefits {
                if benefit.card == self.benefit.card {
                    break 'layers;
                }
                before.push(benefit);
            }
        }
        before.into_iter().any(|benefit| {
            let bases = [smaller, larger].map(|settled| base_of(benefit, &settled.settlement));
            benefit.jumps.iter().any(|jump| match jump.of {
                JumpOf::Bill(at) => at == total,
                JumpOf::Base(at) => bases[0] <= at && at < bases[1],
                JumpOf::Opening => bases[0].is_zero() && !bases[1].is_zero(),
            })
        })
    }

    fn report(&self, found: &mut AtEdges, broken: Broken, smaller: Trial, larger: Trial) {
        if !found.broken.iter().any(|(other, _, _)| other.code() == broken.code()) {
            found.broken.push((broken, smaller, larger));
        }
    }

    /// The totals of bills, in fen, about which something may change.
    fn points(&self) -> BTreeSet<i64> {
        let mut points: BTreeSet<i64> = self.totals().into_iter().collect();
        let base = |settled: &Settled| base_of(self.benefit, &settled.settlement).units();
        let paid = |settled: &Settled| paid_by(self.benefit, &settled.settlement).units();
        points.extend(self.smallest(1, &base));
        for edge in self.edges() {
            points.extend(self.smallest(edge, &base));
        }
        for cap in self.caps() {
            points.extend(self.smallest(cap, &paid));
        }
        points
    }

    /// The smallest bill of which the measure is at least so much, if any is.
    fn smallest(&self, wanted: i64, measure: &impl Fn(&Settled) -> i64) -> Option<i64> {
        let is_enough = |fen: i64| self.settled(fen).is_some_and(|settled| measure(&settled) >= wanted);
        if wanted < 1 || !is_enough(FEN_MAX) {
            return None;
        }
        let (mut too_little, mut enough) = (0, FEN_MAX);
        if is_enough(wanted) {
            // Of a plan that nobody pays before, the base is the bill.
            enough = wanted;
            too_little = if wanted > 1 && !is_enough(wanted - 1) { wanted - 1 } else { 0 };
        }
        while enough - too_little > 1 {
            let middle = too_little + (enough - too_little) / 2;
            if is_enough(middle) {
                enough = middle;
            } else {
                too_little = middle;
            }
        }
        Some(enough)
    }

    /// Totals of the bill that conditions name.
    fn totals(&self) -> Vec<i64> {
        let named = conditions(self.benefit).into_iter().filter_map(|when| when.bill_total);
        let edges = named.flat_map(|(over, up_to)| [Some(over), up_to]).flatten();
        edges.map(Money::units).filter(|fen| (1..FEN_MAX).contains(fen)).collect()
    }

    /// Amounts of the base at which bands and deductibles end.
    fn edges(&self) -> BTreeSet<i64> {
        let terms = self.terms;
        let mut standards = vec![0];
        if let Some(deductible) = &terms.deductible {
            standards.extend(fixed(&deductible.standard));
            standards.extend(deductible.decrease.iter().flat_map(|decrease| fixed(&decrease.floor)));
        }
        let mut edges: BTreeSet<i64> = standards.iter().copied().collect();
        for edge in terms.bands.iter().filter_map(|band| band.until) {
            match terms.band_edges {
                BandEdges::Base => drop(edges.insert(edge.units())),
                BandEdges::Excess => edges.extend(standards.iter().map(|standard| edge.units() + standard)),
            }
        }
        for limit in &terms.base.limits {
            if let LimitAmount::Money(amount) = &limit.amount {
                edges.extend(fixed(amount));
            }
        }
        let declared = self.benefit.jumps.iter().filter_map(|jump| match jump.of {
            JumpOf::Base(at) => Some(at.units()),
            JumpOf::Bill(_) | JumpOf::Opening => None,
        });
        edges.extend(declared);
        edges.into_iter().filter(|fen| (1..FEN_MAX).contains(fen)).collect()
    }

    fn caps(&self) -> BTreeSet<i64> {
        let limits = self.terms.limits.iter().flat_map(|limit| match limit {
            Limit::Cap(cap) => fixed(&cap.limit),
            Limit::PaidFor(limit) => fixed(&limit.limit),
            Limit::Ceiling(_) => Vec::new(),
        });
        limits.filter(|fen| (1..FEN_MAX).contains(fen)).collect()
    }
}

/// The parameter's amounts in fen; of one that stands on the policy's schedule, what the made-up policy has there.
fn fixed(parameter: &Parameter<Money>) -> Vec<i64> {
    let stated: Vec<i64> = amounts(parameter).map(Money::units).collect();
    if stated.is_empty() { vec![SCHEDULE_AMOUNT.units(), SCHEDULE_AMOUNT.units() / 10] } else { stated }
}

/// A charge that the base selects, in one part.
pub(crate) fn selected_charge(terms: &Reimbursement, fen: i64) -> Charge {
    let base = &terms.base;
    let pool = if base.pools.contains(&Pool::InScope) { Pool::InScope } else { base.pools[0] };
    let mut charge = plain_charge(fen);
    charge.parts = [0; 4];
    charge.parts[pool.index()] = fen;
    if let Some(category) = base.lines.categories.first() {
        charge.category = *category;
    }
    charge.tags = base.lines.tags.first().cloned().into_iter().collect();
    if let Some(item) = base.lines.listed.iter().flat_map(|list| &list.items).next() {
        charge.code = item.code.clone();
    }
    charge
}
