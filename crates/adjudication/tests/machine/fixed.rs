//! What is paid to the person beside the bill: so much a day, and sums for events.
//!
//! The sections "Per-diem" and "Lump sum" of `docs/benefit-machine.md`. Touches no line.

use bedside_claim::{DayKind, Event, Measure, Occurrence, Period, Reason, Setting};
use bedside_policy::library::Cover;
use bedside_policy::plan::{Benefit, Circumstances, LumpSum, PaidFor, PerDiem, SharedBy};

use crate::exact::{Fen, at_rate};
use crate::gate::{self, NoValue};
use crate::reading::{Place, Reading};

impl Reading<'_> {
    pub(crate) fn pay_days(
        &mut self,
        place: &Place<'_>,
        benefit: &Benefit,
        per_diem: &PerDiem,
    ) -> Result<(), NoValue> {
        let now = place.now(self.visit_number(place, benefit));
        if let Some(reason) = self.closed(place, benefit, &now)? {
            self.deny(place, benefit, reason);
            return Ok(());
        }
        let visit = &self.claim.visit;
        if visit.setting != Setting::Inpatient || self.claim.bill.lines().is_empty() {
            self.deny(place, benefit, Reason::NothingInBase);
            return Ok(());
        }
        let days = match per_diem.days {
            DayKind::Stay => gate::days_between(visit.begntime.date(), visit.endtime.date()).max(1),
            DayKind::Icu => i128::from(visit.icu_days),
        };
        let waiting = per_diem.waiting_days.as_ref().map_or(Ok(0), |waiting| gate::count(waiting, &now))?;
        let mut paid_days = (days - waiting).max(0);
        if paid_days == 0 {
            self.deny(place, benefit, Reason::NoDays);
            return Ok(());
        }
        if let Some(stay_days) = &per_diem.stay_days {
            let at_most = gate::count(stay_days, &now)?;
            self.meet_if(at_most < paid_days, "per-diem: days of a stay");
            paid_days = paid_days.min(at_most);
        }
        // Days are counted from admission in each part: those that earlier parts were paid for are not paid again.
        let of_stay = place.own_key(Period::Visit, benefit, Measure::Days, "stay");
        let before = self.read(&of_stay) / 100;
        self.meet_if(before > 0, "parts: days paid before");
        paid_days = (paid_days - before).max(0);
        let mut days_key = None;
        if let Some((period, period_days)) = &per_diem.period_days {
            days_key = place.own_key(*period, benefit, Measure::Days, "");
            let at_most = (gate::count(period_days, &now)? - self.read(&days_key) / 100).max(0);
            self.meet_if(at_most < paid_days, "per-diem: days of a period");
            paid_days = paid_days.min(at_most);
        }
        if paid_days == 0 {
            self.deny(place, benefit, Reason::CapUsedUp);
            return Ok(());
        }
        let amount = gate::amount(&per_diem.rate, &now)? * paid_days;
        self.add(of_stay, 100 * paid_days);
        self.add(days_key, 100 * paid_days);
        self.add(place.own_key(place.plan.term, benefit, Measure::Paid, ""), amount);
        self.answer.to_person.push((place.name(benefit), None, amount));
        Ok(())
    }

    pub(crate) fn pay_events(
        &mut self,
        place: &Place<'_>,
        benefit: &Benefit,
        lump_sum: &LumpSum,
    ) -> Result<(), NoValue> {
        let claim = self.claim;
        let mut events = claim.events.iter().filter(|event| event.kind() == lump_sum.on).peekable();
        if events.peek().is_none() {
            self.deny(place, benefit, Reason::NoEvent);
        }
        for event in events {
            if let Err(reason) = self.pay_event(place, benefit, lump_sum, event)? {
                self.deny(place, benefit, reason);
            }
        }
        Ok(())
    }

    fn pay_event(
        &mut self,
        place: &Place<'_>,
        benefit: &Benefit,
        lump_sum: &LumpSum,
        event: &Event,
    ) -> Result<Result<(), Reason>, NoValue> {
        let visit_number = self.visit_number(place, benefit);
        let now = Circumstances { date: event.date, event: Some(event), ..place.now(visit_number) };
        let covers = place
            .policy
            .is_some_and(|policy| policy.cover.contains(accident_date(event).unwrap_or(event.date)));
        if place.cover != Cover::Public && !covers {
            return Ok(Err(Reason::CoverNotInForce));
        }
        if let Some(reason) = self.closed(place, benefit, &now)? {
            return Ok(Err(reason));
        }
        if let Some(window) = &lump_sum.window_days {
            let window = gate::count(window, &now)?;
            let Some(accident) = accident_date(event) else { return Ok(Err(Reason::EventWindow)) };
            let after = gate::days_between(accident, event.date);
            self.meet_if(after == window, "window: its last day");
            self.meet_if(after == window + 1, "window: the first day after it");
            if after > window {
                return Ok(Err(Reason::EventWindow));
            }
        }
        let subject = match lump_sum.paid_for {
            PaidFor::Lifetime => String::new(),
            PaidFor::Event => event.evt_no.to_string(),
            PaidFor::Month => format!("{:04}-{:02}", event.date.year(), event.date.month()),
        };
        let times = place.own_key(Period::Lifetime, benefit, Measure::Times, &subject);
        if self.read(&times) != 0 {
            return Ok(Err(Reason::PaidOut));
        }
        let mut amount = self.sum_of(lump_sum, event, &now)?;
        let less_key = lump_sum.less_paid.as_ref().and_then(|account| {
            place.key(SharedBy::Person, Period::PolicyPeriod, account, Measure::Paid, "")
        });
        self.meet_if(self.read(&less_key) > 0, "lump sum: less paid");
        if lump_sum.less_paid.is_some() {
            amount = amount.min(gate::amount(&lump_sum.sum, &now)? - self.read(&less_key));
        }
        amount = amount.max(0);
        if amount == 0 {
            return Ok(Err(Reason::CapUsedUp));
        }
        self.meet(paid_for(lump_sum.paid_for));
        self.add(times, 100);
        self.add(place.own_key(place.plan.term, benefit, Measure::Paid, ""), amount);
        if lump_sum.less_paid.as_ref() != Some(&benefit.card.id) {
            self.add(less_key, amount);
        }
        self.answer.to_person.push((place.name(benefit), Some(event.evt_no.clone()), amount));
        Ok(Ok(()))
    }

    /// The share of the sum for the event, less the share of the grade that stood before.
    fn sum_of(&mut self, lump_sum: &LumpSum, event: &Event, now: &Circumstances<'_>) -> Result<Fen, NoValue> {
        let sum = gate::amount(&lump_sum.sum, now)?;
        let Some(share) = &lump_sum.share else { return Ok(sum) };
        let mut amount = at_rate(sum, gate::rate(share, now)?);
        if let Occurrence::Disability { prior_grade: Some(prior_grade), accident_date, .. } = event.occurrence
        {
            let occurrence = Occurrence::Disability { grade: prior_grade, prior_grade: None, accident_date };
            let prior = Event { occurrence, ..event.clone() };
            amount -= at_rate(sum, gate::rate(share, &Circumstances { event: Some(&prior), ..*now })?);
            self.meet("lump sum: a grade from before");
        }
        Ok(amount)
    }
}

fn accident_date(event: &Event) -> Option<bedside_claim::Date> {
    match event.occurrence {
        Occurrence::Disability { accident_date, .. } | Occurrence::Death { accident_date } => accident_date,
        Occurrence::Diagnosis { .. } | Occurrence::Care { .. } => None,
    }
}

fn paid_for(paid_for: PaidFor) -> &'static str {
    match paid_for {
        PaidFor::Lifetime => "lump sum: once for ever",
        PaidFor::Event => "lump sum: once for each event",
        PaidFor::Month => "lump sum: once for each month",
    }
}
