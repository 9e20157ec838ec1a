//! Limits for each line, item, category, operation or day, or so many times: inside a base, and on what is paid.
//!
//! A limit lowers the weights that the base was gathered with. Invariant: no weight moves further from zero, and the
//! weights of one subject sum to no more than its limit.

use std::sync::Arc;

use bedside_claim::{
    AccumulatorKey, Bill, Citation, Fault, Idle, LimitPer, LimitUnit, Line, Measure, Money, Overflow, Period,
    Quantity, Settling, Step,
};
use bedside_policy::{Benefit, InnerLimit, LimitAmount, LineSelector, PaidLimit, SharedBy};

use crate::reading::Reading;
use crate::remainder::Remainder;
use crate::usage::Usage;

/// What the limits use up, once the base turns out to be more than nothing.
pub(crate) type Uses = Vec<(Option<AccumulatorKey>, Money)>;

/// The cells of one subject: an item, a day and so on.
struct Subject {
    name: Arc<str>,
    /// Places among the gathered cells, in order.
    cells: Vec<usize>,
}

/// Applies the limits in order; returns what they use up.
pub(crate) fn apply(
    benefit: &Benefit,
    limits: &[InnerLimit],
    reading: &Reading<'_>,
    usage: &Usage<'_>,
    remainder: &mut Remainder<'_>,
    steps: &mut Vec<Step>,
) -> Result<Uses, Fault> {
    let mut uses = Uses::new();
    for limit in limits {
        let limiting = Limiting { benefit, scope: Scope::of_base(limit), reading };
        let said = steps.len();
        let mut within = None;
        for subject in limiting.subjects(remainder) {
            match &limit.amount {
                LimitAmount::Money(amount) => {
                    let (limit, citation) = reading.cited(amount)?;
                    let key = limiting.key(&subject, Measure::Counted);
                    let used = usage.of(key.as_ref());
                    let counts = limiting.cut_amount(&subject, (limit, used), citation, remainder, steps)?;
                    uses.push((key, counts));
                    within = Some(((limit, LimitUnit::Cny), citation));
                }
                LimitAmount::Times(times) => {
                    let (limit, citation) = reading.cited(times)?;
                    let key = limiting.key(&subject, Measure::Times);
                    let used = usage.of(key.as_ref());
                    let taken = limiting.cut_times(&subject, (limit, used), citation, remainder, steps)?;
                    uses.push((key, taken));
                    within = Some(((hundredths(i64::from(limit))?, LimitUnit::Times), citation));
                }
            }
        }
        if steps.len() == said {
            // Without a line there may be no value either.
            steps.push(match (within, &limit.amount) {
                (Some((limit, citation)), _) => limiting.idle(Some(limit), citation),
                (None, LimitAmount::Money(amount)) => limiting.idle(None, &amount.citation),
                (None, LimitAmount::Times(times)) => limiting.idle(None, &times.citation),
            });
        }
    }
    Ok(uses)
}

/// The line that a line is counted with: its charge, for a refund.
fn charge_of(bill: &Bill, line: usize) -> usize {
    bill.refunded(line).unwrap_or(line)
}

/// Cuts what would be paid for each subject; the cells count with what would be paid for them.
pub(crate) fn cut_paid(
    benefit: &Benefit,
    limit: &PaidLimit,
    reading: &Reading<'_>,
    usage: &Usage<'_>,
    remainder: &mut Remainder<'_>,
    steps: &mut Vec<Step>,
) -> Result<(), Fault> {
    let limiting = Limiting { benefit, scope: Scope::of_paid(limit), reading };
    let (amount, citation) = reading.cited(&limit.limit)?;
    let (said, subjects) = (steps.len(), limiting.subjects(remainder));
    for subject in &subjects {
        let used = usage.of(limiting.key(subject, Measure::Paid).as_ref());
        limiting.cut_amount(subject, (amount, used), citation, remainder, steps)?;
    }
    if steps.len() == said {
        let limit = (!subjects.is_empty()).then_some((amount, LimitUnit::Cny));
        steps.push(limiting.idle(limit, citation));
    }
    Ok(())
}

/// What was paid for each subject of a limit, by the payment made last.
pub(crate) fn paid(
    benefit: &Benefit,
    limit: &PaidLimit,
    reading: &Reading<'_>,
    remainder: &Remainder<'_>,
) -> Result<Uses, Fault> {
    let limiting = Limiting { benefit, scope: Scope::of_paid(limit), reading };
    let mut uses = Uses::new();
    for subject in limiting.subjects(remainder) {
        let parts = subject.cells.iter().map(|cell| remainder.paid_parts()[*cell]);
        uses.push((limiting.key(&subject, Measure::Paid), Money::sum(parts)?));
    }
    Ok(uses)
}

/// What a limit concerns, and what it is counted for.
#[derive(Clone, Copy)]
struct Scope<'a> {
    id: &'a Arc<str>,
    lines: &'a LineSelector,
    per: LimitPer,
    period: Period,
}

impl<'a> Scope<'a> {
    fn of_base(limit: &'a InnerLimit) -> Scope<'a> {
        Scope { id: &limit.id, lines: &limit.lines, per: limit.per, period: limit.period }
    }

    fn of_paid(limit: &'a PaidLimit) -> Scope<'a> {
        Scope { id: &limit.id, lines: &limit.lines, per: limit.per, period: limit.period }
    }
}

struct Limiting<'a> {
    benefit: &'a Benefit,
    scope: Scope<'a>,
    reading: &'a Reading<'a>,
}

impl Limiting<'_> {
    /// The selected cells by subject, in the order of their first cell.
    fn subjects(&self, remainder: &Remainder<'_>) -> Vec<Subject> {
        let bill = &self.reading.claim.bill;
        let mut subjects: Vec<Subject> = Vec::new();
        for (cell, (line, _)) in remainder.gathered().iter().enumerate() {
            let charge = &bill.lines()[charge_of(bill, *line)];
            if !self.scope.lines.selects(charge, self.reading.claim) {
                continue;
            }
            let name = self.name_of(charge);
            match subjects.iter_mut().find(|subject| subject.name == name) {
                Some(subject) => subject.cells.push(cell),
                None => subjects.push(Subject { name, cells: vec![cell] }),
            }
        }
        subjects
    }

    fn name_of(&self, charge: &Line) -> Arc<str> {
        match self.scope.per {
            LimitPer::Line => charge.feedetl_sn.clone(),
            LimitPer::Item => charge.med_list_codg.clone(),
            LimitPer::Category => Arc::from(charge.med_chrgitm_type.code()),
            LimitPer::Operation => charge.oprn_no.clone().unwrap_or_else(|| Arc::from("")),
            LimitPer::Day => Arc::from(charge.fee_ocur_time.date().to_string()),
            LimitPer::All => Arc::from(""),
        }
    }

    fn idle(&self, limit: Option<(Money, LimitUnit)>, citation: &Arc<Citation>) -> Step {
        let Scope { per, period, .. } = self.scope;
        let rule = match limit {
            None => Idle::LimitUnasked { per, period },
            Some((limit, unit)) => Idle::LimitWithin { per, period, limit, unit },
        };
        Step::Idle { benefit: self.benefit.card.clone(), rule, citation: citation.clone() }
    }

    fn key(&self, subject: &Subject, measure: Measure) -> Option<AccumulatorKey> {
        if self.scope.period == Period::Visit && self.reading.claim.visit.settling == Settling::AtOnce {
            return None;
        }
        let name = Arc::from(format!("{}:{}", self.scope.id, subject.name));
        let id = &self.benefit.card.id;
        self.reading.key_of(SharedBy::Person, self.scope.period, id, measure, name)
    }

    /// Lets the subject's cells count with no more than is left of the limit; returns what they count with.
    fn cut_amount(
        &self,
        subject: &Subject,
        (limit, used): (Money, Money),
        citation: &Arc<Citation>,
        remainder: &mut Remainder<'_>,
        steps: &mut Vec<Step>,
    ) -> Result<Money, Fault> {
        let before = remainder.weight_of(&subject.cells)?;
        let after = before.at_most(limit.minus(used)?.or_zero());
        if after < before {
            remainder.scale(&subject.cells, after)?;
            let (unit, subject) = (LimitUnit::Cny, subject.name.clone());
            steps.push(self.step(subject, limit, unit, used, before, after, citation));
        }
        Ok(after.or_zero())
    }

    /// Lets no more uses count than are left of the limit; returns how many count.
    fn cut_times(
        &self,
        subject: &Subject,
        (limit, used): (u16, Money),
        citation: &Arc<Citation>,
        remainder: &mut Remainder<'_>,
        steps: &mut Vec<Step>,
    ) -> Result<Money, Fault> {
        let bill = &self.reading.claim.bill;
        let before = remainder.weight_of(&subject.cells)?;
        let mut left = (i64::from(limit) - used.units() / 100).max(0);
        let mut taken = 0;
        for charge in self.charges(subject, remainder) {
            let of_charge = |line: usize| charge_of(bill, line) == charge;
            let cells: Vec<usize> = subject
                .cells
                .iter()
                .copied()
                .filter(|cell| of_charge(remainder.gathered()[*cell].0))
                .collect();
            let mut cnt = bill.lines()[charge].cnt;
            for &line in bill.order().iter().filter(|line| bill.refunded(**line) == Some(charge)) {
                cnt = cnt.plus(bill.lines()[line].cnt)?;
            }
            let (times, weight) = (whole_times(cnt), remainder.weight_of(&cells)?);
            if times == 0 || weight <= Money::ZERO {
                continue;
            }
            let allowed = times.min(left);
            left -= allowed;
            taken += allowed;
            if allowed < times {
                remainder.scale(&cells, part(weight, allowed, times)?)?;
            }
        }
        let after = remainder.weight_of(&subject.cells)?;
        if after != before {
            let limit = hundredths(i64::from(limit))?;
            steps.push(self.step(
                subject.name.clone(),
                limit,
                LimitUnit::Times,
                used,
                before,
                after,
                citation,
            ));
        }
        Ok(hundredths(taken)?)
    }

    /// The charges of the subject, by time and number.
    fn charges(&self, subject: &Subject, remainder: &Remainder<'_>) -> Vec<usize> {
        let bill = &self.reading.claim.bill;
        let has = |charge: usize| {
            let lines = subject.cells.iter().map(|cell| remainder.gathered()[*cell].0);
            lines.into_iter().any(|line| charge_of(bill, line) == charge)
        };
        bill.order().iter().copied().filter(|line| bill.refunded(*line).is_none() && has(*line)).collect()
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one step")]
    fn step(
        &self,
        subject: Arc<str>,
        limit: Money,
        unit: LimitUnit,
        used: Money,
        before: Money,
        after: Money,
        citation: &Arc<Citation>,
    ) -> Step {
        Step::Limit {
            benefit: self.benefit.card.clone(),
            per: self.scope.per,
            subject,
            period: self.scope.period,
            limit,
            unit,
            used,
            before,
            after,
            citation: citation.clone(),
        }
    }
}

/// How many times an item was used: what is left of a unit counts as one.
fn whole_times(cnt: Quantity) -> i64 {
    let units = cnt.units().max(0);
    units / QUANTITY_ONE + i64::from(units % QUANTITY_ONE > 0)
}

/// One of a quantity, in its units.
const QUANTITY_ONE: i64 = 10_000;

/// `round(weight x allowed / times)`.
fn part(weight: Money, allowed: i64, times: i64) -> Result<Money, Overflow> {
    let doubled = i128::from(weight.units()) * i128::from(allowed) * 2 + i128::from(times);
    let rounded = doubled.div_euclid(i128::from(times) * 2);
    i64::try_from(rounded).map(Money::from_units).map_err(|_| Overflow)
}

/// A count as accumulators hold it.
fn hundredths(count: i64) -> Result<Money, Overflow> {
    count.checked_mul(100).map(Money::from_units).ok_or(Overflow)
}
