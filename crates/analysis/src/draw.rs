//! Draws bills near what a plan names: its circumstances, its lines, its amounts.

use std::collections::BTreeSet;
use std::sync::Arc;

use bedside_claim::{FeeCategory, Money};
use bedside_policy::{LineSelector, Pays};

use crate::facts::{Fact, Facts};
use crate::promises::Growth;
use crate::stage::Stage;
use crate::told_apart::{Dimensions, amounts, conditions, dimensions, let_in};
use crate::trial::{Charge, Trial, category};

/// Bills from a seed, one after the other.
pub(crate) struct Drawing<'a> {
    stage: &'a Stage,
    random: fastrand::Rng,
    dimensions: Dimensions,
    landmarks: Vec<i64>,
    categories: Vec<FeeCategory>,
    tags: Vec<Arc<str>>,
    codes: Vec<Arc<str>>,
}

impl<'a> Drawing<'a> {
    /// Begins.
    pub(crate) fn new(stage: &'a Stage, seed: u64) -> Drawing<'a> {
        let whens: Vec<_> = stage.plan.benefits.iter().flat_map(conditions).collect();
        let totals = whens.iter().filter_map(|when| when.bill_total);
        let mut landmarks: BTreeSet<i64> =
            totals.flat_map(|(over, up_to)| [Some(over), up_to]).flatten().map(Money::units).collect();
        let mut selectors: Vec<&LineSelector> = Vec::new();
        for benefit in &stage.plan.benefits {
            let Pays::Reimbursement(terms) = &benefit.pays else { continue };
            selectors.push(&terms.base.lines);
            selectors.extend(terms.base.limits.iter().map(|limit| &limit.lines));
            landmarks.extend(terms.bands.iter().filter_map(|band| band.until).map(Money::units));
            let standards = terms.deductible.iter().flat_map(|deductible| amounts(&deductible.standard));
            landmarks.extend(standards.map(Money::units));
        }
        let mut categories: Vec<_> = ["01", "06", "08", "09", "14"].map(category).to_vec();
        categories.extend(selectors.iter().flat_map(|lines| lines.categories.iter().copied()));
        let tags = selectors.iter().flat_map(|lines| lines.tags.iter().chain(&lines.not_tags)).cloned();
        let tags: BTreeSet<_> = tags.collect();
        let listed =
            selectors.iter().flat_map(|lines| lines.listed.iter().flat_map(|list| list.items.iter().take(3)));
        let codes = ["X1", "X2"].map(Arc::from).into_iter().chain(listed.map(|item| item.code.clone()));
        Drawing {
            stage,
            random: fastrand::Rng::with_seed(seed),
            dimensions: dimensions(stage, whens),
            landmarks: landmarks.into_iter().filter(|fen| *fen > 0).collect(),
            categories,
            tags: tags.into_iter().collect(),
            codes: codes.collect(),
        }
    }

    /// The next bill, and how it grows.
    pub(crate) fn next(&mut self) -> (Trial, Growth) {
        let facts = self.facts();
        let mut bills = Vec::new();
        for _ in 0..usize::from(self.one_in(3)) {
            bills.push(self.bill());
        }
        let last = self.bill();
        let growth = self.growth(&last);
        bills.push(last);
        (Trial { facts, bills }, growth)
    }

    fn one_in(&mut self, many: u8) -> bool {
        self.random.u8(0..many) == 0
    }

    fn of<T: Clone>(&mut self, things: &[T]) -> Option<T> {
        if things.is_empty() { None } else { things.get(self.random.usize(0..things.len())).cloned() }
    }

    fn facts(&mut self) -> Facts {
        let mut facts = Facts::plain(self.random.usize(0..self.stage.scenes.len()));
        let dimensions: Vec<Vec<Fact>> = self.dimensions.values().cloned().collect();
        for values in dimensions {
            if self.one_in(2)
                && let Some(fact) = self.of(&values)
            {
                facts = facts.with(&[fact]);
            }
        }
        let stage = self.stage;
        match self.of(&stage.plan.benefits) {
            Some(benefit) if !self.one_in(6) => let_in(stage, &facts, &benefit),
            _ => facts,
        }
    }

    fn bill(&mut self) -> Vec<Charge> {
        let lines = self.random.usize(1..=4);
        (0..lines).map(|_| self.charge()).collect()
    }

    fn charge(&mut self) -> Charge {
        let mut parts = [0; 4];
        let fen = self.fen();
        if self.one_in(3) {
            let mut rest = fen;
            for part in &mut parts[..3] {
                *part = self.random.i64(0..=rest) / 2;
                rest -= *part;
            }
            parts[3] = rest;
        } else {
            // In scope as often as in all other parts together.
            let pool = self.random.usize(0..6).min(3);
            parts[pool] = fen;
        }
        let times = if self.one_in(4) { self.random.u8(2..=4) } else { 1 };
        let parts = parts.map(|part| part / i64::from(times) * i64::from(times));
        let category = self.of(&self.categories.clone()).unwrap_or_else(|| category("14"));
        let tags = self.tags.clone();
        let tag = if self.one_in(2) { self.of(&tags) } else { None };
        let code = self.of(&self.codes.clone()).unwrap_or_else(|| "X1".into());
        let charge = Charge {
            code,
            category,
            tags: tag.into_iter().collect(),
            parts,
            times,
            is_refunded: self.one_in(10),
        };
        if charge.fen() > 0 { charge } else { Charge { parts: [0, 0, 0, 100], times: 1, ..charge } }
    }

    /// An amount near one that the plan names, or of any size up to a million yuan.
    fn fen(&mut self) -> i64 {
        let landmarks = self.landmarks.clone();
        match self.of(&landmarks) {
            Some(landmark) if self.one_in(2) => (landmark + self.random.i64(-2..=2)).max(1),
            _ => {
                let digits = self.random.u32(1..=8);
                self.random.i64(1..=10_i64.pow(digits))
            }
        }
    }

    fn growth(&mut self, bill: &[Charge]) -> Growth {
        if self.one_in(3) {
            return Growth::Charge(Charge { is_refunded: false, ..self.charge() });
        }
        let place = self.random.usize(0..bill.len());
        let pool =
            bill.get(place).and_then(|charge| charge.parts.iter().position(|part| *part > 0)).unwrap_or(3);
        let fen = if self.one_in(2) { self.of(&[1, 2, 100, 10_000]).unwrap_or(1) } else { self.fen() };
        Growth::Amount { place, pool, fen }
    }
}
