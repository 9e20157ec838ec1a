//! The machine that every reimbursing benefit is: base, deductible, bands, factors, limits.
//!
//! It must not know who else pays but through what is left of the lines. `docs/benefit-machine.md` says what each step
//! means. Invariant: a benefit pays between zero and its base. Rates and factors are at most one, and of any slice of a
//! band the difference of two rounded products is at most the slice.

use bedside_claim::{
    AccumulatorKey, BenefitCard, Citation, DeductibleRule, Fall, Fault, GroupCharge, Idle, Measure, Money,
    Payment, Period, Rate, Reason, Step,
};
use bedside_policy::{
    Amounts, Band, BandEdges, Benefit, Cap, Deductible, Factor, FactorRule, FilledBy, Limit, PaidLimit,
    Parameter, Reimbursement, SharedBy, VisitCount,
};
use std::sync::Arc;

use crate::limits;
use crate::reading::Reading;
use crate::remainder::Remainder;
use crate::usage::Usage;

/// What a benefit works on.
pub(crate) struct Desk<'s, 'a> {
    pub(crate) remainder: &'s mut Remainder<'a>,
    pub(crate) usage: &'s mut Usage<'a>,
    pub(crate) steps: &'s mut Vec<Step>,
    /// What payers before have paid.
    pub(crate) payments: &'s [Payment],
    /// What limits have left unused of the bases of the plan's benefits so far, by benefit.
    pub(crate) unused: &'s mut Vec<(Arc<str>, Money)>,
}

/// What a benefit comes to.
#[derive(Default)]
pub(crate) struct Outcome {
    /// What it pays.
    pub(crate) pays: Money,
    /// The deductible it charged.
    pub(crate) deductible: Money,
    /// Each line's share of it; empty where it pays nothing.
    pub(crate) column: Vec<Money>,
}

/// Runs one benefit over what is left of the bill; appends its steps, counts what it uses up, and pays.
///
/// # Errors
/// [`Fault`] when an amount leaves its range or a parameter has no value for the claim.
pub(crate) fn reimburse(
    benefit: &Benefit,
    terms: &Reimbursement,
    reading: &Reading<'_>,
    desk: &mut Desk<'_, '_>,
) -> Result<Outcome, Fault> {
    let run = Run { benefit, terms, reading };
    let Some(base) = run.base(desk)? else { return Ok(Outcome::default()) };
    if benefit.visit_count() == VisitCount::Kept {
        let own = reading.own_visit(benefit);
        if desk.usage.of(own.as_ref()).is_zero() {
            desk.usage.add(reading.visits(benefit), Money::from_units(100))?;
            desk.usage.add(own, Money::from_units(100))?;
        }
    }
    let base_key = reading.key(SharedBy::Person, terms.base.period, &benefit.card.id, Measure::Base);
    let base_before = desk.usage.of(base_key.as_ref());
    desk.steps.push(Step::Base {
        benefit: benefit.card.clone(),
        amount: base,
        before: base_before,
        period: terms.base.period,
    });
    let charge = run.charge(base, desk)?;
    let stretch = run.stretch_key();
    let charged_to_base = desk.usage.of(stretch.as_ref());
    desk.usage.add(stretch, charge.now)?;
    if charge.now == base {
        desk.usage.add(base_key, base)?;
        run.deny(Reason::BelowDeductible, desk);
        return Ok(Outcome { deductible: charge.now, ..Outcome::default() });
    }

    let scale = run.scale(base_before, charged_to_base, &charge)?;
    let excess = base.minus(charge.now)?;
    let full = scale.pays(excess, Some(desk.steps))?;
    let amount = run.limited(full, desk)?;
    let counted = if amount < full { run.solved_back(&scale, excess, amount, &charge, desk)? } else { base };
    desk.usage.add(base_key, counted)?;
    if counted < base {
        desk.unused.push((benefit.card.id.clone(), base.minus(counted)?));
    }
    if amount.is_zero() && amount < full {
        run.deny(Reason::CapUsedUp, desk);
        return Ok(Outcome { deductible: charge.now, ..Outcome::default() });
    }
    desk.steps.push(Step::Pays { benefit: benefit.card.clone(), amount });
    run.count_paid(amount, desk)?;
    let mut outcome = Outcome { pays: amount, deductible: charge.now, column: Vec::new() };
    if !amount.is_zero() {
        let kind = benefit.card.payer.kind;
        outcome.column = match terms.base.amounts {
            Amounts::Net => desk.remainder.pay_gathered(amount, kind)?,
            Amounts::Gross => desk.remainder.pay_gross(amount, kind)?,
        };
        run.count_paid_for(desk)?;
    }
    Ok(outcome)
}

/// What the deductible takes.
#[derive(Default)]
struct Charge {
    /// The standard that applies.
    standard: Money,
    /// What was charged before in its period.
    before: Money,
    /// What is charged of this visit.
    now: Money,
}

/// The standard of a deductible for this visit.
struct Standard<'a> {
    amount: Money,
    fall: Option<Fall>,
    citation: &'a Arc<Citation>,
}

/// What of a charge is only explained.
struct Charged<'a> {
    filled: Money,
    fall: Option<Fall>,
    group: Option<GroupCharge>,
    citation: &'a Arc<Citation>,
}

/// One benefit over one claim.
struct Run<'a> {
    benefit: &'a Benefit,
    terms: &'a Reimbursement,
    reading: &'a Reading<'a>,
}

impl Run<'_> {
    fn card(&self) -> Arc<BenefitCard> {
        self.benefit.card.clone()
    }

    fn deny(&self, reason: Reason, desk: &mut Desk<'_, '_>) {
        desk.steps.push(Step::Denied { benefit: self.card(), reason });
    }

    /// Gathers the base and applies the limits inside it; `None` when nothing is in it, which is then denied.
    fn base(&self, desk: &mut Desk<'_, '_>) -> Result<Option<Money>, Fault> {
        let until = self.reading.expenses_until()?;
        let mut base = desk.remainder.gather(&self.terms.base, until)?;
        let mut uses = limits::Uses::new();
        if !self.terms.base.limits.is_empty() {
            let limits = &self.terms.base.limits;
            let (benefit, reading) = (self.benefit, self.reading);
            uses = limits::apply(benefit, limits, reading, desk.usage, desk.remainder, desk.steps)?;
            base = desk.remainder.weight()?;
        }
        if let Some(earlier) = &self.terms.base.continues {
            let unused = desk.unused.iter().find(|(id, _)| id == earlier).map(|(_, unused)| *unused);
            base = base.at_most(unused.unwrap_or(Money::ZERO));
        }
        if base <= Money::ZERO {
            self.fill(desk)?;
            self.deny(Reason::NothingInBase, desk);
            return Ok(None);
        }
        for (key, amount) in uses {
            desk.usage.add(key, amount)?;
        }
        Ok(Some(base))
    }

    /// Counts what other commercial cover fills of the deductible where it has left nothing of the base.
    fn fill(&self, desk: &mut Desk<'_, '_>) -> Result<(), Fault> {
        let Some(deductible) = &self.terms.deductible else { return Ok(()) };
        // One per visit goes on only in a stay that is settled in parts.
        let is_over = deductible.rule == DeductibleRule::PerVisit && self.charged_key(deductible).is_none();
        if is_over || deductible.filled_by == FilledBy::Own {
            return Ok(());
        }
        let (Standard { amount: standard, fall, citation }, before) =
            (self.standard(deductible)?, self.charged_before(deductible, desk));
        let filled = self.filled(deductible, standard.minus(before)?.or_zero(), desk)?;
        if filled.is_zero() {
            return Ok(());
        }
        let charge = Charge { standard, before, now: Money::ZERO };
        let explained = Charged { filled, fall, group: None, citation };
        desk.steps.push(self.charge_step(deductible, &charge, explained));
        desk.usage.add(self.charged_key(deductible), filled)
    }

    fn charged_key(&self, deductible: &Deductible) -> Option<AccumulatorKey> {
        let Deductible { shared_by, period, account, .. } = deductible;
        self.reading.key(*shared_by, *period, account, Measure::Deductible)
    }

    fn charged_before(&self, deductible: &Deductible, desk: &Desk<'_, '_>) -> Money {
        desk.usage.of(self.charged_key(deductible).as_ref())
    }

    /// What earlier commercial layers paid of the base's lines, as far as the deductible needs it.
    fn filled(&self, deductible: &Deductible, need: Money, desk: &Desk<'_, '_>) -> Result<Money, Fault> {
        match deductible.filled_by {
            FilledBy::Own => Ok(Money::ZERO),
            FilledBy::OwnAndCommercial => {
                let until = self.reading.expenses_until()?;
                Ok(need.at_most(desk.remainder.paid_by_commercial(&self.terms.base, until)?))
            }
        }
    }

    fn charge(&self, base: Money, desk: &mut Desk<'_, '_>) -> Result<Charge, Fault> {
        let Some(deductible) = &self.terms.deductible else { return Ok(Charge::default()) };
        let reading = self.reading;
        let key =
            |measure| reading.key(deductible.shared_by, deductible.period, &deductible.account, measure);
        let Standard { amount: of_visit, fall, citation } = self.standard(deductible)?;
        let before = self.charged_before(deductible, desk);
        let mut standard = of_visit;
        if deductible.rule == DeductibleRule::HighestLessCharged
            && let Some(highest) = key(Measure::DeductibleStandard)
        {
            standard = of_visit.max(desk.usage.of(Some(&highest)));
            desk.usage.set(highest, standard);
        }
        // Per visit nothing was charged before, but by earlier parts of a stay that is settled in parts.
        let mut need = standard.minus(before)?.or_zero();
        let filled = self.filled(deductible, need, desk)?;
        need = need.minus(filled)?;
        let group_key = self.group_key(deductible);
        let group = self.group_charge(deductible, desk.usage.of(group_key.as_ref()))?;
        if let Some(GroupCharge { minimum, maximum, charged_before }) = group {
            if let Some(minimum) = minimum {
                need = need.max(minimum.minus(charged_before)?.or_zero());
            }
            if let Some(maximum) = maximum {
                need = need.at_most(maximum.minus(charged_before)?.or_zero());
            }
        }
        let now = need.at_most(base);
        let charge = Charge { standard, before, now };
        let explained = Charged { filled, fall, group, citation };
        desk.steps.push(self.charge_step(deductible, &charge, explained));
        desk.usage.add(self.charged_key(deductible), now.plus(filled)?)?;
        desk.usage.add(group_key, now)?;
        Ok(charge)
    }

    fn charge_step(&self, deductible: &Deductible, charge: &Charge, explained: Charged<'_>) -> Step {
        let Charged { filled, fall, group, citation } = explained;
        Step::Deductible {
            benefit: self.card(),
            rule: deductible.rule,
            period: deductible.period,
            filled,
            standard: charge.standard,
            charged_before: charge.before,
            charged: charge.now,
            fall: fall.map(Box::new),
            group: group.map(Box::new),
            citation: citation.clone(),
        }
    }

    /// What the group's minimum and maximum are, and what it was charged before.
    fn group_charge(
        &self,
        deductible: &Deductible,
        charged_before: Money,
    ) -> Result<Option<GroupCharge>, Fault> {
        let Some(group) = &deductible.group else { return Ok(None) };
        let value = |limit: &Option<Parameter<Money>>| {
            limit.as_ref().map(|limit| self.reading.value(limit)).transpose()
        };
        Ok(Some(GroupCharge {
            minimum: value(&group.minimum)?,
            maximum: value(&group.maximum)?,
            charged_before,
        }))
    }

    fn group_key(&self, deductible: &Deductible) -> Option<AccumulatorKey> {
        let group = deductible.group.as_ref()?;
        self.reading.key(SharedBy::Person, group.period, &group.id, Measure::Deductible)
    }

    /// The standard of this visit, and how it fell.
    fn standard<'d>(&self, deductible: &'d Deductible) -> Result<Standard<'d>, Fault> {
        let (full, citation) = self.reading.cited(&deductible.standard)?;
        let Some(decrease) = &deductible.decrease else {
            return Ok(Standard { amount: full, fall: None, citation });
        };
        let by = self.reading.value(&decrease.by)?;
        let floor = self.reading.value(&decrease.floor)?;
        let visits_before = self.reading.visit_number().saturating_sub(1);
        let fallen = by.units().checked_mul(i64::from(visits_before)).ok_or(Fault::OutOfRange)?;
        let amount = full.minus(Money::from_units(fallen))?.max(floor);
        let fall = Some(Fall { full, by, visits_before: u32::from(visits_before), floor });
        Ok(Standard { amount, fall, citation })
    }

    /// What earlier parts of the stay were charged of a base over the visit, whatever the period of the deductible.
    fn stretch_key(&self) -> Option<AccumulatorKey> {
        if self.terms.base.period != Period::Visit {
            return None;
        }
        self.reading.over_parts(&self.benefit.card.id, Measure::Deductible, || "base".to_owned())
    }

    /// The scale that the base climbs, from where earlier visits of the period, or parts of the visit, have left it.
    fn scale(&self, base_before: Money, charged_to_base: Money, charge: &Charge) -> Result<Scale<'_>, Fault> {
        let is_visit = self.terms.base.period == Period::Visit;
        let (start, from) = match self.terms.band_edges {
            BandEdges::Excess if is_visit => (Money::ZERO, base_before.minus(charged_to_base)?),
            BandEdges::Excess => (Money::ZERO, base_before.minus(charge.before)?),
            BandEdges::Base => (charge.standard, base_before.plus(charge.now)?),
        };
        let mut replacing = self.terms.factors.iter().filter(|factor| factor.rule == FactorRule::Replace);
        let replaced = replacing.find_map(|factor| {
            let (rate, citation) = self.reading.optional(&factor.rate)?;
            Some(Replaced { rate, citation, factor })
        });
        Ok(Scale { run: self, start, from, replaced })
    }

    /// Caps, ceiling and what is left of the lines, in order.
    fn limited(&self, full: Money, desk: &mut Desk<'_, '_>) -> Result<Money, Fault> {
        let mut amount = full;
        for limit in &self.terms.limits {
            amount = match limit {
                Limit::Cap(cap) => self.capped(cap, amount, desk)?,
                Limit::Ceiling(rate) => self.under_ceiling(rate, amount, desk)?,
                Limit::PaidFor(limit) => self.paid_for(limit, amount, desk)?,
            };
        }
        let left = desk.remainder.left_of_gathered()?;
        if left < amount {
            desk.steps.push(Step::Indemnity { benefit: self.card(), left, before: amount });
            amount = left;
        }
        Ok(amount)
    }

    /// Cuts what would be paid for each subject of the limit; what is left of it is what the cells count with from here.
    fn paid_for(&self, limit: &PaidLimit, amount: Money, desk: &mut Desk<'_, '_>) -> Result<Money, Fault> {
        if amount.is_zero() {
            return Ok(amount);
        }
        desk.remainder.count_with_spread(amount)?;
        let (benefit, reading) = (self.benefit, self.reading);
        limits::cut_paid(benefit, limit, reading, desk.usage, desk.remainder, desk.steps)?;
        desk.remainder.weight()
    }

    fn paid_key(&self, cap: &Cap) -> Option<AccumulatorKey> {
        self.reading.key(cap.shared_by, cap.period, &cap.account, Measure::Paid)
    }

    fn capped(&self, cap: &Cap, amount: Money, desk: &mut Desk<'_, '_>) -> Result<Money, Fault> {
        let (limit, citation) = self.reading.cited(&cap.limit)?;
        let used = desk.usage.of(self.paid_key(cap).as_ref());
        let after = amount.at_most(limit.minus(used)?.or_zero());
        let (benefit, period, citation) = (self.card(), cap.period, citation.clone());
        desk.steps.push(if after < amount {
            Step::Cap { benefit, period, limit, used, before: amount, after, citation }
        } else {
            Step::Idle { benefit, rule: Idle::CapWithin { period, limit, used, amount }, citation }
        });
        Ok(after)
    }

    fn under_ceiling(
        &self,
        ceiling: &Parameter<Rate>,
        amount: Money,
        desk: &mut Desk<'_, '_>,
    ) -> Result<Money, Fault> {
        let (rate, citation) = self.reading.cited(ceiling)?;
        let of = self.reading.claim.bill.medfee_sumamt();
        let paid = Money::sum(desk.payments.iter().map(|payment| payment.amount))?;
        let after = amount.at_most(of.at_rate(rate)?.minus(paid)?.or_zero());
        let (benefit, citation) = (self.card(), citation.clone());
        desk.steps.push(if after < amount {
            Step::Ceiling { benefit, rate, of, paid, before: amount, after, citation }
        } else {
            Step::Idle { benefit, rule: Idle::CeilingWithin { rate, of, paid, amount }, citation }
        });
        Ok(after)
    }

    /// How much of the base gives what limits have left of the amount: the smallest part that gives it.
    fn solved_back(
        &self,
        scale: &Scale<'_>,
        excess: Money,
        amount: Money,
        charge: &Charge,
        desk: &mut Desk<'_, '_>,
    ) -> Result<Money, Fault> {
        let (mut too_little, mut enough) = (-1, excess.units());
        while enough - too_little > 1 {
            let middle = too_little + (enough - too_little) / 2;
            if scale.pays(Money::from_units(middle), None)? >= amount {
                enough = middle;
            } else {
                too_little = middle;
            }
        }
        let used = charge.now.plus(Money::from_units(enough))?;
        desk.steps.push(Step::SolvedBack { benefit: self.card(), used });
        Ok(used)
    }

    /// Counts what was paid for each subject of a limit.
    fn count_paid_for(&self, desk: &mut Desk<'_, '_>) -> Result<(), Fault> {
        for limit in &self.terms.limits {
            let Limit::PaidFor(limit) = limit else { continue };
            for (key, paid) in limits::paid(self.benefit, limit, self.reading, desk.remainder)? {
                desk.usage.add(key, paid)?;
            }
        }
        Ok(())
    }

    fn count_paid(&self, amount: Money, desk: &mut Desk<'_, '_>) -> Result<(), Fault> {
        let term = self.reading.layer.plan.term;
        let own = self.reading.key(SharedBy::Person, term, &self.benefit.card.id, Measure::Paid);
        let caps = self.terms.limits.iter().enumerate().filter_map(|(place, limit)| match limit {
            Limit::Cap(cap) => Some((place, cap)),
            Limit::Ceiling(_) | Limit::PaidFor(_) => None,
        });
        for (place, cap) in caps {
            let key = self.paid_key(cap);
            let earlier = self.terms.limits[..place].iter().any(|limit| match limit {
                Limit::Cap(earlier) => self.paid_key(earlier) == key,
                Limit::Ceiling(_) | Limit::PaidFor(_) => false,
            });
            // One accumulator counts a payment once, however many caps look at it.
            if key != own && !earlier {
                desk.usage.add(key, amount)?;
            }
        }
        desk.usage.add(own, amount)
    }
}

/// The bands, and where this visit's excess begins on them.
struct Scale<'a> {
    run: &'a Run<'a>,
    /// Where the scale begins to pay.
    start: Money,
    /// Where this visit's excess begins.
    from: Money,
    /// The rate that takes the place of every band's.
    replaced: Option<Replaced<'a>>,
}

/// The replacing factor that acts.
#[derive(Clone, Copy)]
struct Replaced<'a> {
    rate: Rate,
    citation: &'a Arc<Citation>,
    factor: &'a Factor,
}

impl Scale<'_> {
    /// What bands and factors give for the first `excess` of the stretch; explains itself where steps are wanted.
    fn pays(&self, excess: Money, mut steps: Option<&mut Vec<Step>>) -> Result<Money, Fault> {
        let benefit = &self.run.benefit.card;
        if let Some(steps) = steps.as_deref_mut() {
            self.explain_replacing(steps);
        }
        let until = self.from.plus(excess)?;
        let mut amount = Money::ZERO;
        for band in &self.run.terms.bands {
            amount = amount.plus(self.band(band, until, steps.as_deref_mut())?)?;
        }
        for factor in self.run.terms.factors.iter().filter(|factor| factor.rule == FactorRule::Multiply) {
            let Some((rate, citation)) = self.run.reading.optional(&factor.rate) else {
                if let Some(steps) = steps.as_deref_mut() {
                    steps.push(self.idle(Idle::Factor, &factor.rate));
                }
                continue;
            };
            let after = amount.at_rate(rate)?;
            if let Some(steps) = steps.as_deref_mut() {
                let (benefit, citation) = (benefit.clone(), citation.clone());
                steps.push(Step::Factor { benefit, rate, before: amount, after, citation });
            }
            amount = after;
        }
        Ok(amount)
    }

    /// Which replacing rates act, and which do not.
    fn explain_replacing(&self, steps: &mut Vec<Step>) {
        for factor in self.run.terms.factors.iter().filter(|factor| factor.rule == FactorRule::Replace) {
            match self.replaced {
                Some(Replaced { rate, citation, factor: replacing }) if std::ptr::eq(replacing, factor) => {
                    let (benefit, citation) = (self.run.card(), citation.clone());
                    steps.push(Step::Replaced { benefit, rate, citation });
                    // Later ones are not asked.
                    return;
                }
                _ => steps.push(self.idle(Idle::Factor, &factor.rate)),
            }
        }
    }

    fn idle<T>(&self, rule: Idle, parameter: &Parameter<T>) -> Step {
        Step::Idle { benefit: self.run.card(), rule, citation: parameter.citation.clone() }
    }

    /// What one band gives for the stretch up to `until`.
    ///
    /// *Units*: fen; `round(rate x band up to until) - round(rate x band up to from)`, so that the visits of a year give
    /// what one visit of their sum would.
    fn band(&self, band: &Band, until: Money, steps: Option<&mut Vec<Step>>) -> Result<Money, Fault> {
        let lower = band.from.max(self.start);
        let filled = |up_to: Money| -> Result<Money, Fault> {
            let upper = band.until.map_or(up_to, |edge| edge.min(up_to));
            Ok(upper.minus(lower)?.or_zero())
        };
        let (before, after) = (filled(self.from)?, filled(until)?);
        let slice = after.minus(before)?;
        if slice.is_zero() {
            if let Some(steps) = steps {
                let Band { from, until, rate, .. } = band;
                let (from, until) = (*from, *until);
                let reached = self.from.plus(Money::from_units(1))? > lower;
                let rule =
                    if reached { Idle::BandFilled { from, until } } else { Idle::BandAbove { from, until } };
                steps.push(self.idle(rule, rate));
            }
            return Ok(Money::ZERO);
        }
        let (rate, citation) = match self.replaced {
            Some(Replaced { rate, citation, .. }) => (rate, citation),
            None => self.run.reading.cited(&band.rate)?,
        };
        let amount = after.at_rate(rate)?.minus(before.at_rate(rate)?)?;
        if let Some(steps) = steps {
            steps.push(Step::Band {
                benefit: self.run.benefit.card.clone(),
                from: band.from,
                until: band.until,
                slice,
                rate,
                amount,
                citation: citation.clone(),
            });
        }
        Ok(amount)
    }
}
