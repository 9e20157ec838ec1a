//! What is paid to the person beside the bill: allowances by the day, sums for an event.
//!
//! Stands outside the bill's balance: no line, no remainder, no ceiling knows of it.

use std::sync::Arc;

use bedside_claim::{
    AccumulatorKey, DayKind, Event, Fault, FixedPayment, Measure, Money, Occurrence, Period, Rate, Reason,
    Setting, Step,
};
use bedside_policy::{Benefit, LumpSum, PaidFor, PerDiem, SharedBy};

use crate::reading::Reading;
use crate::usage::Usage;

/// Where a fixed payment goes.
pub(crate) struct Counter<'s, 'a> {
    pub(crate) usage: &'s mut Usage<'a>,
    pub(crate) steps: &'s mut Vec<Step>,
    pub(crate) to_person: &'s mut Vec<FixedPayment>,
}

impl Counter<'_, '_> {
    pub(crate) fn deny(&mut self, benefit: &Benefit, reason: Reason) {
        self.steps.push(Step::Denied { benefit: benefit.card.clone(), reason });
    }

    fn pay(
        &mut self,
        benefit: &Benefit,
        reading: &Reading<'_>,
        evt_no: Option<Arc<str>>,
        amount: Money,
    ) -> Result<(), Fault> {
        let term = reading.layer.plan.term;
        let own = reading.key(SharedBy::Person, term, &benefit.card.id, Measure::Paid);
        self.usage.add(own, amount)?;
        self.steps.push(Step::Pays { benefit: benefit.card.clone(), amount });
        self.to_person.push(FixedPayment { benefit: benefit.card.clone(), evt_no, amount });
        Ok(())
    }
}

/// Pays an allowance for the days of the stay.
pub(crate) fn per_diem(
    benefit: &Benefit,
    terms: &PerDiem,
    reading: &Reading<'_>,
    counter: &mut Counter<'_, '_>,
) -> Result<(), Fault> {
    let claim = reading.claim;
    if claim.bill.lines().is_empty() || claim.visit.setting != Setting::Inpatient {
        counter.deny(benefit, Reason::NothingInBase);
        return Ok(());
    }
    let days = match terms.days {
        DayKind::Stay => claim.visit.ipt_days(),
        DayKind::Icu => claim.visit.icu_days,
    };
    let waiting = terms.waiting_days.as_ref().map(|days| reading.value(days)).transpose()?.unwrap_or(0);
    let beyond = days.saturating_sub(waiting);
    let mut paid_days = beyond;
    let stay_days = terms.stay_days.as_ref().map(|days| reading.value(days)).transpose()?;
    paid_days = paid_days.min(stay_days.unwrap_or(u16::MAX));
    let (mut days_key, mut days_left) = (None, None);
    // Days are counted from admission, whichever part of the stay is settled: what earlier parts paid for is taken off.
    let stay_key = reading.over_parts(&benefit.card.id, Measure::Days, || "stay".to_owned());
    let paid_before = counter.usage.of(stay_key.as_ref()).units() / 100;
    if paid_before > 0 {
        paid_days = paid_days.saturating_sub(u16::try_from(paid_before).unwrap_or(u16::MAX));
        days_left = Some(paid_days);
    }
    if let Some((period, period_days)) = &terms.period_days {
        days_key = reading.key(SharedBy::Person, *period, &benefit.card.id, Measure::Days);
        let used = counter.usage.of(days_key.as_ref()).units() / 100;
        let left = (i64::from(reading.value(period_days)?) - used).max(0);
        let left = u16::try_from(left).unwrap_or(u16::MAX);
        paid_days = paid_days.min(left);
        days_left = Some(days_left.map_or(left, |of_stay| of_stay.min(left)));
    }
    let (rate, citation) = reading.cited(&terms.rate)?;
    if paid_days == 0 {
        counter.deny(benefit, if beyond == 0 { Reason::NoDays } else { Reason::CapUsedUp });
        return Ok(());
    }
    let amount = rate.units().checked_mul(i64::from(paid_days)).ok_or(Fault::OutOfRange)?;
    let amount = Money::from_units(amount);
    counter.steps.push(Step::PerDiem {
        benefit: benefit.card.clone(),
        kind: terms.days,
        days,
        waiting,
        stay_days,
        days_left,
        paid_days,
        rate,
        amount,
        citation: citation.clone(),
    });
    counter.usage.add(days_key, Money::from_units(i64::from(paid_days) * 100))?;
    counter.usage.add(stay_key, Money::from_units(i64::from(paid_days) * 100))?;
    counter.pay(benefit, reading, None, amount)
}

/// Pays for every event of the kind.
pub(crate) fn lump_sum(
    benefit: &Benefit,
    terms: &LumpSum,
    reading: &Reading<'_>,
    counter: &mut Counter<'_, '_>,
) -> Result<(), Fault> {
    let mut events = reading.claim.events.iter().filter(|event| event.kind() == terms.on).peekable();
    if events.peek().is_none() {
        counter.deny(benefit, Reason::NoEvent);
    }
    for event in events {
        let reading = reading.of_event(event);
        match refusal(benefit, terms, &reading, event, counter.usage)? {
            Some(reason) => counter.deny(benefit, reason),
            None => pay_event(benefit, terms, &reading, event, counter)?,
        }
    }
    Ok(())
}

fn refusal(
    benefit: &Benefit,
    terms: &LumpSum,
    reading: &Reading<'_>,
    event: &Event,
    usage: &Usage<'_>,
) -> Result<Option<Reason>, Fault> {
    // An accident counts for the policy of its own day, whenever its consequences are assessed.
    let day = event.accident_date().unwrap_or(event.date);
    if reading.policy.is_some_and(|policy| !policy.cover.contains(day)) {
        return Ok(Some(Reason::CoverNotInForce));
    }
    if let Some(reason) = reading.refusal(benefit, usage)? {
        return Ok(Some(reason));
    }
    if let Some(window_days) = &terms.window_days {
        let window = i32::from(reading.value(window_days)?);
        let days = event.accident_date().map(|accident| (event.date - accident).get_days());
        if days.is_none_or(|days| days > window) {
            return Ok(Some(Reason::EventWindow));
        }
    }
    let times = usage.of(times_key(benefit, terms, reading, event).as_ref());
    Ok((!times.is_zero()).then_some(Reason::PaidOut))
}

fn times_key(
    benefit: &Benefit,
    terms: &LumpSum,
    reading: &Reading<'_>,
    event: &Event,
) -> Option<AccumulatorKey> {
    let subject: Arc<str> = match terms.paid_for {
        PaidFor::Lifetime => Arc::from(""),
        PaidFor::Event => event.evt_no.clone(),
        PaidFor::Month => Arc::from(&event.date.to_string()[..7]),
    };
    reading.key_of(SharedBy::Person, Period::Lifetime, &benefit.card.id, Measure::Times, subject)
}

fn pay_event(
    benefit: &Benefit,
    terms: &LumpSum,
    reading: &Reading<'_>,
    event: &Event,
    counter: &mut Counter<'_, '_>,
) -> Result<(), Fault> {
    let (sum, citation) = reading.cited(&terms.sum)?;
    let (share, less) = share(terms, reading, event, sum)?;
    let less_key = terms
        .less_paid
        .as_ref()
        .and_then(|account| reading.key(SharedBy::Person, Period::PolicyPeriod, account, Measure::Paid));
    let paid = counter.usage.of(less_key.as_ref());
    let amount = sum.at_rate(share)?.minus(less)?.at_most(sum.minus(paid)?).or_zero();
    counter.steps.push(Step::LumpSum {
        benefit: benefit.card.clone(),
        evt_no: event.evt_no.clone(),
        sum,
        share,
        less,
        paid,
        amount,
        citation: citation.clone(),
    });
    if amount.is_zero() {
        counter.deny(benefit, Reason::CapUsedUp);
        return Ok(());
    }
    counter.usage.add(times_key(benefit, terms, reading, event), Money::from_units(100))?;
    // The benefit's own accumulator is counted with every payment.
    if terms.less_paid.as_deref() != Some(&*benefit.card.id) {
        counter.usage.add(less_key, amount)?;
    }
    counter.pay(benefit, reading, Some(event.evt_no.clone()), amount)
}

/// The share of the sum, and what a grade that stood before takes off.
fn share(terms: &LumpSum, reading: &Reading<'_>, event: &Event, sum: Money) -> Result<(Rate, Money), Fault> {
    let Some(parameter) = &terms.share else { return Ok((Rate::ONE, Money::ZERO)) };
    let share = reading.value(parameter)?;
    let Occurrence::Disability { prior_grade: Some(prior), accident_date, .. } = event.occurrence else {
        return Ok((share, Money::ZERO));
    };
    let occurrence = Occurrence::Disability { grade: prior, prior_grade: None, accident_date };
    let before = Event { evt_no: event.evt_no.clone(), date: event.date, occurrence };
    Ok((share, sum.at_rate(reading.value_for_event(parameter, &before)?)?))
}
