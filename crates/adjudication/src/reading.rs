//! How a layer reads a claim: its date, policy, accumulators' names, and whether a benefit's gate lets the claim in.

use std::sync::Arc;

use bedside_claim::{
    AccumulatorKey, Citation, Claim, Date, Event, Fault, Measure, Money, Owner, Period, Policy,
    PublicSettlement, Reason, Settling, Term, Visit,
};
use bedside_policy::plan::OnSchedule;
use bedside_policy::{
    Answer, Benefit, Circumstances, Cover, Gate, Layer, Parameter, SharedBy, Tail, VisitCount, Waiting,
};

use crate::usage::Usage;

/// One layer over one claim; for a lump sum, over one event of it.
#[derive(Clone)]
pub(crate) struct Reading<'a> {
    pub(crate) claim: &'a Claim,
    pub(crate) layer: &'a Layer,
    pub(crate) policy: Option<&'a Policy>,
    /// The day the layer goes by, or the event's.
    pub(crate) date: Date,
    pub(crate) event: Option<&'a Event>,
    visit_number: u16,
    /// The empty subject, made once.
    nothing: Arc<str>,
}

/// A value and the citation of its row.
pub(crate) type Cited<'p, T> = (T, &'p Arc<Citation>);

impl<'a> Reading<'a> {
    pub(crate) fn new(claim: &'a Claim, layer: &'a Layer, nothing: Arc<str>) -> Reading<'a> {
        let policy = layer.policy(claim);
        Reading { claim, layer, policy, date: layer.date, event: None, visit_number: 1, nothing }
    }

    /// The same layer over an event.
    pub(crate) fn of_event(&self, event: &'a Event) -> Reading<'a> {
        Reading { event: Some(event), date: event.date, ..self.clone() }
    }

    /// The same layer for a benefit, with the number of its visit where that matters.
    pub(crate) fn of_benefit(&self, benefit: &Benefit, usage: &Usage<'_>) -> Reading<'a> {
        let visit_number = match benefit.visit_count() {
            VisitCount::NotKept => 1,
            VisitCount::Kept => {
                let visits = usage.of(self.visits(benefit).as_ref());
                // A part of this stay that is settled has counted it already.
                let own = usage.of(self.own_visit(benefit).as_ref());
                let before = (visits.units() - own.units()) / 100;
                u16::try_from(before).unwrap_or(u16::MAX).saturating_add(1)
            }
        };
        Reading { visit_number, ..self.clone() }
    }

    /// The accumulator of a benefit's visits.
    pub(crate) fn visits(&self, benefit: &Benefit) -> Option<AccumulatorKey> {
        let term = self.layer.plan.term;
        self.key_of(
            SharedBy::Person,
            term,
            &benefit.card.id,
            Measure::Times,
            Arc::from(AccumulatorKey::VISITS),
        )
    }

    /// Whether this stay is counted among them, where it is settled in parts; each year counts it for itself.
    pub(crate) fn own_visit(&self, benefit: &Benefit) -> Option<AccumulatorKey> {
        let subject = || {
            let counted_over = self.visits(benefit).map(|key| key.term.to_string()).unwrap_or_default();
            format!("{} {counted_over}", AccumulatorKey::VISITS)
        };
        self.over_parts(&benefit.card.id, Measure::Times, subject)
    }

    /// What is kept from one part of a stay to the next; `None` where the visit is settled at once.
    pub(crate) fn over_parts(
        &self,
        account: &Arc<str>,
        measure: Measure,
        subject: impl FnOnce() -> String,
    ) -> Option<AccumulatorKey> {
        match self.claim.visit.settling {
            Settling::AtOnce => None,
            Settling::InParts => {
                let subject = Arc::from(subject());
                self.key_of(SharedBy::Person, Period::Visit, account, measure, subject)
            }
        }
    }

    pub(crate) fn visit_number(&self) -> u16 {
        self.visit_number
    }

    fn circumstances(&self) -> Circumstances<'a> {
        Circumstances {
            claim: self.claim,
            date: self.date,
            version_by: self.layer.plan.version_by,
            policy: self.policy,
            event: self.event,
            visit_number: self.visit_number,
        }
    }

    /// The parameter's value; `None` where no row fits.
    pub(crate) fn optional<'p, T: OnSchedule>(&self, parameter: &'p Parameter<T>) -> Option<Cited<'p, T>> {
        parameter.cited(&self.circumstances())
    }

    /// The parameter's value with the citation of its row.
    ///
    /// # Errors
    /// As [`Reading::value`].
    pub(crate) fn cited<'p, T: OnSchedule>(
        &self,
        parameter: &'p Parameter<T>,
    ) -> Result<Cited<'p, T>, Fault> {
        self.cited_in(parameter, &self.circumstances())
    }

    /// The parameter's value.
    ///
    /// # Errors
    /// [`Fault::NoParameterValue`]: the pack lets in a case that it has no value for.
    pub(crate) fn value<T: OnSchedule>(&self, parameter: &Parameter<T>) -> Result<T, Fault> {
        self.cited(parameter).map(|(value, _)| value)
    }

    /// The value with the grade of the event as it stood before.
    pub(crate) fn value_for_event<T: OnSchedule>(
        &self,
        parameter: &Parameter<T>,
        event: &Event,
    ) -> Result<T, Fault> {
        let circumstances = Circumstances { event: Some(event), ..self.circumstances() };
        self.cited_in(parameter, &circumstances).map(|(value, _)| value)
    }

    fn cited_in<'p, T: OnSchedule>(
        &self,
        parameter: &'p Parameter<T>,
        circumstances: &Circumstances<'_>,
    ) -> Result<Cited<'p, T>, Fault> {
        parameter.cited(circumstances).ok_or_else(|| Fault::NoParameterValue {
            pack: self.layer.plan.card.id.to_string(),
            parameter: parameter.citation.parameter.to_string(),
        })
    }

    /// The accumulator's name; `None` where nothing is kept: over a visit that is settled at once, or over an accident that
    /// there is not.
    pub(crate) fn key(
        &self,
        shared_by: SharedBy,
        period: Period,
        account: &Arc<str>,
        measure: Measure,
    ) -> Option<AccumulatorKey> {
        self.key_of(shared_by, period, account, measure, self.nothing.clone())
    }

    /// The accumulator's name, of one subject.
    pub(crate) fn key_of(
        &self,
        shared_by: SharedBy,
        period: Period,
        account: &Arc<str>,
        measure: Measure,
        subject: Arc<str>,
    ) -> Option<AccumulatorKey> {
        let term = match period {
            Period::Visit => self.stay_in_parts()?,
            Period::Year => Term::Year(self.layer.date.year()),
            Period::PolicyPeriod => match self.policy.and_then(|policy| policy.cover.from) {
                Some(from) => Term::PolicyPeriod(from),
                None => Term::Lifetime,
            },
            // A visit that treats no accident is an event of its own.
            Period::Event => match &self.claim.visit.accident {
                Some(accident) => Term::Event(accident.evt_no.clone()),
                None => self.stay_in_parts()?,
            },
            Period::Lifetime => Term::Lifetime,
        };
        let owner = match (shared_by, &self.claim.person.family_no) {
            (SharedBy::Family, Some(family)) => Owner::Family(family.clone()),
            _ => Owner::Person,
        };
        let (pack, benefit) = (self.layer.plan.card.id.clone(), account.clone());
        Some(AccumulatorKey { owner, term, pack, benefit, measure, subject })
    }

    /// What something runs over that begins and ends with the visit; `None` where it is settled at once.
    fn stay_in_parts(&self) -> Option<Term> {
        let Visit { hospital, mdtrt_id, settling, .. } = &self.claim.visit;
        match settling {
            Settling::AtOnce => None,
            Settling::InParts => Some(Term::Visit(format!("{}/{mdtrt_id}", hospital.fixmedins_code).into())),
        }
    }

    /// The first day on which an expense no longer counts; `None`: every day counts.
    pub(crate) fn expenses_until(&self) -> Result<Option<Date>, Fault> {
        let (Tail::Days(days), Some(policy)) = (&self.layer.plan.tail, self.policy) else { return Ok(None) };
        let Some(until) = policy.cover.until else { return Ok(None) };
        let days = self.value(days)?;
        // Past the last day there is, nothing ends.
        Ok(until.checked_add(jiff::Span::new().days(days)).ok())
    }

    /// Why the benefit does not look at amounts; `None`: it does.
    pub(crate) fn refusal(&self, benefit: &Benefit, usage: &Usage<'_>) -> Result<Option<Reason>, Fault> {
        let gate = &benefit.gate;
        Ok(match self.layer.cover {
            Cover::NotInForce => Some(Reason::CoverNotInForce),
            Cover::Public if self.claim.visit.public_settlement == PublicSettlement::Without => {
                Some(Reason::WithoutBasicInsurance)
            }
            _ => match gate.when.unmet(&self.circumstances()) {
                Some(reason) => Some(reason),
                None if self.waits(gate)? => Some(Reason::WaitingPeriod),
                None if !self.is_approved_as_asked(benefit) => Some(Reason::PriorApproval),
                None if self.is_closed(gate, usage)? => Some(Reason::OpensAfter),
                None => None,
            },
        })
    }

    fn waits(&self, gate: &Gate) -> Result<bool, Fault> {
        let (Some(Waiting { days, not_for }), Some(policy)) = (&gate.waiting, self.policy) else {
            return Ok(false);
        };
        if not_for.iter().any(|cause| self.claim.visit.has_cause(*cause)) {
            return Ok(false);
        }
        let Some(first) = policy.first_day() else { return Ok(false) };
        let covered_days = (self.date - first).get_days();
        Ok(covered_days < i32::from(self.value(days)?))
    }

    fn is_approved_as_asked(&self, benefit: &Benefit) -> bool {
        let approved = self.policy.is_some_and(|policy| policy.approvals.contains(&benefit.card.id));
        benefit.gate.prior_approval.is_none_or(|asked| asked == Answer::to(approved))
    }

    fn is_closed(&self, gate: &Gate, usage: &Usage<'_>) -> Result<bool, Fault> {
        let Some(opens_after) = &gate.opens_after else { return Ok(false) };
        let cap = &opens_after.cap;
        let key = self.key(cap.shared_by, cap.period, &cap.account, Measure::Paid);
        let paid: Money = usage.of(key.as_ref());
        Ok(paid < self.value(&cap.limit)?)
    }
}
