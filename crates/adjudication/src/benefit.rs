//! The machine that every benefit is: base, deductible, bands, factors, caps.
//!
//! Pure arithmetic on one amount; it must not know lines or who else pays. Invariant: a benefit pays between zero and
//! its base. Rates and factors are at most one, and of any slice of a band the difference of two rounded products is
//! at most the slice.

use std::sync::Arc;

use bedside_claim::{
    AccumulatorChange, AccumulatorKey, Accumulators, Claim, Date, DeductibleRule, Fault, Measure, Money,
    Period, Rate, Reason, Step,
};
use bedside_policy::{Band, BandEdges, Benefit, Cap, Deductible, Parameter};

/// What a benefit reads besides its base.
pub(crate) struct Reading<'a> {
    pub(crate) claim: &'a Claim,
    /// The day the plan goes by.
    pub(crate) date: Date,
    pub(crate) benefit_year: i16,
    pub(crate) pack: &'a Arc<str>,
    pub(crate) accumulators: &'a Accumulators,
}

impl Reading<'_> {
    fn key(&self, benefit: &Benefit, measure: Measure) -> AccumulatorKey {
        AccumulatorKey::of_year(self.benefit_year, self.pack.clone(), benefit.card.id.clone(), measure)
    }

    fn value<T: Copy>(&self, parameter: &Parameter<T>) -> Result<T, Fault> {
        parameter.value(self.claim, self.date).ok_or_else(|| Fault::NoParameterValue {
            pack: self.pack.to_string(),
            parameter: parameter.citation.parameter.to_string(),
        })
    }
}

/// What a benefit comes to.
pub(crate) struct Outcome {
    /// What it pays.
    pub(crate) pays: Money,
    /// The deductible it charged.
    pub(crate) deductible: Money,
}

/// Runs one benefit over its base; appends its steps and what it uses up.
///
/// # Errors
/// [`Fault`] when an amount leaves its range or a parameter has no value for the claim.
pub(crate) fn evaluate(
    benefit: &Benefit,
    reading: &Reading<'_>,
    base: Money,
    steps: &mut Vec<Step>,
    changes: &mut Vec<AccumulatorChange>,
) -> Result<Outcome, Fault> {
    let denied = |reason| Step::Denied { benefit: benefit.card.clone(), reason };
    if base <= Money::ZERO {
        steps.push(denied(Reason::NothingInBase));
        return Ok(Outcome { pays: Money::ZERO, deductible: Money::ZERO });
    }
    let counter = |measure| Counter::read(reading, benefit, measure);
    let mut base_counter = counter(Measure::Base);
    let base_before = match benefit.base.period {
        Period::Visit => Money::ZERO,
        Period::Year => base_counter.before,
    };
    steps.push(Step::Base {
        benefit: benefit.card.clone(),
        amount: base,
        before: base_before,
        period: benefit.base.period,
    });
    if benefit.base.period == Period::Year {
        base_counter.add(base)?;
        base_counter.note(changes);
    }

    let charge = match &benefit.deductible {
        None => Charge::default(),
        Some(deductible) => charge(benefit, deductible, reading, base, steps, changes)?,
    };
    if charge.now == base {
        steps.push(denied(Reason::BelowDeductible));
        return Ok(Outcome { pays: Money::ZERO, deductible: charge.now });
    }

    // The stretch of the scale that this visit's excess covers, and where the scale begins to pay.
    let (start, from) = match benefit.band_edges {
        BandEdges::Excess => (Money::ZERO, base_before.minus(charge.before_in_base(benefit))?),
        BandEdges::Base => (charge.standard, base_before.plus(charge.now)?),
    };
    let until = from.plus(base.minus(charge.now)?)?;
    let mut amount = Money::ZERO;
    for band in &benefit.bands {
        amount = amount.plus(band_pays(benefit, band, reading, (start, from, until), steps)?)?;
    }
    for factor in &benefit.factors {
        let rate = reading.value(factor)?;
        if rate != Rate::ONE {
            let after = amount.at_rate(rate)?;
            let citation = factor.citation.clone();
            steps.push(Step::Factor { benefit: benefit.card.clone(), rate, before: amount, after, citation });
            amount = after;
        }
    }
    let mut paid = counter(Measure::Paid);
    for cap in &benefit.caps {
        amount = capped(benefit, cap, reading, amount, paid.before, steps)?;
    }
    if amount.is_zero() && matches!(steps.last(), Some(Step::Cap { .. })) {
        steps.push(denied(Reason::CapUsedUp));
    } else {
        steps.push(Step::Pays { benefit: benefit.card.clone(), amount });
    }
    paid.add(amount)?;
    paid.note(changes);
    Ok(Outcome { pays: amount, deductible: charge.now })
}

/// An accumulator on its way from before to after.
struct Counter {
    key: AccumulatorKey,
    before: Money,
    after: Money,
}

impl Counter {
    fn read(reading: &Reading<'_>, benefit: &Benefit, measure: Measure) -> Counter {
        let key = reading.key(benefit, measure);
        let before = reading.accumulators.get(&key);
        Counter { key, before, after: before }
    }

    fn add(&mut self, amount: Money) -> Result<(), Fault> {
        self.after = self.before.plus(amount)?;
        Ok(())
    }

    fn note(self, changes: &mut Vec<AccumulatorChange>) {
        if self.before != self.after {
            changes.push(AccumulatorChange { key: self.key, before: self.before, after: self.after });
        }
    }
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

impl Charge {
    /// The part of an accumulated base that earlier deductibles took.
    fn before_in_base(&self, benefit: &Benefit) -> Money {
        match benefit.base.period {
            Period::Visit => Money::ZERO,
            Period::Year => self.before,
        }
    }
}

fn charge(
    benefit: &Benefit,
    deductible: &Deductible,
    reading: &Reading<'_>,
    base: Money,
    steps: &mut Vec<Step>,
    changes: &mut Vec<AccumulatorChange>,
) -> Result<Charge, Fault> {
    let of_visit = reading.value(&deductible.standard)?;
    let mut charged = Counter::read(reading, benefit, Measure::Deductible);
    let mut highest = Counter::read(reading, benefit, Measure::DeductibleStandard);
    let (standard, before) = match deductible.rule {
        DeductibleRule::PerVisit => (of_visit, Money::ZERO),
        DeductibleRule::PerYear => (of_visit, charged.before),
        DeductibleRule::HighestLessCharged => (of_visit.max(highest.before), charged.before),
    };
    let now = standard.minus(before)?.or_zero().at_most(base);
    steps.push(Step::Deductible {
        benefit: benefit.card.clone(),
        rule: deductible.rule,
        standard,
        charged_before: before,
        charged: now,
        citation: deductible.standard.citation.clone(),
    });
    if deductible.rule != DeductibleRule::PerVisit {
        charged.add(now)?;
        charged.note(changes);
    }
    if deductible.rule == DeductibleRule::HighestLessCharged {
        highest.after = standard;
        highest.note(changes);
    }
    Ok(Charge { standard, before, now })
}

/// What one band gives for the stretch `[from, until)` of a scale that begins to pay at `start`.
///
/// *Units*: fen; `round(rate x band up to until) - round(rate x band up to from)`, so that the visits of a year give
/// what one visit of their sum would.
fn band_pays(
    benefit: &Benefit,
    band: &Band,
    reading: &Reading<'_>,
    (start, from, until): (Money, Money, Money),
    steps: &mut Vec<Step>,
) -> Result<Money, Fault> {
    let lower = band.from.max(start);
    let filled = |up_to: Money| -> Result<Money, Fault> {
        let upper = band.until.map_or(up_to, |edge| edge.min(up_to));
        Ok(upper.minus(lower)?.or_zero())
    };
    let (before, after) = (filled(from)?, filled(until)?);
    let slice = after.minus(before)?;
    if slice.is_zero() {
        return Ok(Money::ZERO);
    }
    let rate = reading.value(&band.rate)?;
    let amount = after.at_rate(rate)?.minus(before.at_rate(rate)?)?;
    steps.push(Step::Band {
        benefit: benefit.card.clone(),
        from: band.from,
        until: band.until,
        slice,
        rate,
        amount,
        citation: band.rate.citation.clone(),
    });
    Ok(amount)
}

fn capped(
    benefit: &Benefit,
    cap: &Cap,
    reading: &Reading<'_>,
    amount: Money,
    paid_before: Money,
    steps: &mut Vec<Step>,
) -> Result<Money, Fault> {
    let limit = reading.value(&cap.limit)?;
    let used = match cap.period {
        Period::Visit => Money::ZERO,
        Period::Year => paid_before,
    };
    let after = amount.at_most(limit.minus(used)?.or_zero());
    if after < amount {
        steps.push(Step::Cap {
            benefit: benefit.card.clone(),
            period: cap.period,
            limit,
            used,
            before: amount,
            after,
            citation: cap.limit.citation.clone(),
        });
    }
    Ok(after)
}
