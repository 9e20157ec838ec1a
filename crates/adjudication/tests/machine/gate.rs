//! The conditions of a gate or of a parameter's row, one question after the other.
//!
//! The order of the questions is the order of `docs/reasons.md`. Must not know any amount but the bill's total.

use bedside_claim::{
    Cause, Date, Money, Occurrence, OutOfAreaFiling, Policy, PublicSettlement, Rate, Reason, Setting,
};
use bedside_policy::plan::{
    AgeRange, Answer, CareArea, Circumstances, NearStay, Parameter, PreExistingBefore, PreExistingRule,
    Value, VersionBy, When,
};

use crate::exact::{Fen, fen};

/// No row of a parameter fits: nothing may be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoValue;

fn fits<'p, T>(parameter: &'p Parameter<T>, now: &Circumstances<'_>) -> Option<&'p Value<T>> {
    parameter.rows().iter().find(|(when, _)| unmet(when, now).is_none()).map(|(_, value)| value)
}

/// The amount of the first row that fits, or of the policy schedule under the row's name.
pub(crate) fn amount(parameter: &Parameter<Money>, now: &Circumstances<'_>) -> Result<Fen, NoValue> {
    let amount = match fits(parameter, now).ok_or(NoValue)? {
        Value::Fixed(amount) => *amount,
        Value::OfPolicy(name) => {
            let schedule = &now.policy.ok_or(NoValue)?.amounts;
            schedule.iter().find(|(known, _)| known == name).ok_or(NoValue)?.1
        }
    };
    Ok(fen(amount))
}

/// The rate of the first row that fits.
pub(crate) fn rate(parameter: &Parameter<Rate>, now: &Circumstances<'_>) -> Result<Rate, NoValue> {
    match fits(parameter, now).ok_or(NoValue)? {
        Value::Fixed(rate) => Ok(*rate),
        Value::OfPolicy(name) => {
            let schedule = &now.policy.ok_or(NoValue)?.rates;
            Ok(schedule.iter().find(|(known, _)| known == name).ok_or(NoValue)?.1)
        }
    }
}

/// The number of days or times of the first row that fits.
pub(crate) fn count(parameter: &Parameter<u16>, now: &Circumstances<'_>) -> Result<i128, NoValue> {
    match fits(parameter, now).ok_or(NoValue)? {
        Value::Fixed(count) => Ok(i128::from(*count)),
        Value::OfPolicy(_) => Err(NoValue),
    }
}

/// Days from `earlier` to `later`.
pub(crate) fn days_between(earlier: Date, later: Date) -> i128 {
    i128::from((later - earlier).get_days())
}

/// The day from which the insured has been covered without a gap.
pub(crate) fn first_day(policy: &Policy) -> Option<Date> {
    policy.first_begndate.or(policy.cover.from)
}

/// Whether the visit has the cause; a visit without any is for an illness.
pub(crate) fn has_cause(now: &Circumstances<'_>, cause: Cause) -> bool {
    let causes = &now.claim.visit.causes;
    causes.contains(&cause) || (causes.is_empty() && cause == Cause::Illness)
}

/// The first condition that does not hold.
pub(crate) fn unmet(when: &When, now: &Circumstances<'_>) -> Option<Reason> {
    let (person, visit, policy) = (&now.claim.person, &now.claim.visit, now.policy);
    let insurance = &person.insurance;
    let through = visit.public_settlement == PublicSettlement::Through;
    let free_years = policy.map_or(0, |policy| policy.claim_free_years);
    let grade = now.event.and_then(|event| match event.occurrence {
        Occurrence::Disability { grade, .. } | Occurrence::Care { grade } => Some(grade),
        Occurrence::Diagnosis { .. } | Occurrence::Death { .. } => None,
    });
    let questions = [
        (Reason::PolicyTerms, any(&when.policy_terms, |term| policy.is_some_and(|p| p.terms.contains(term)))),
        (Reason::InsuranceType, any(&when.insutype, |insutype| insurance.insutype == *insutype)),
        (Reason::PersonType, any(&when.psn_type, |prefix| insurance.psn_type.starts_with(&**prefix))),
        (Reason::IdentityCategory, any(&when.identity, |identity| has_identity(now, identity))),
        (Reason::VisitType, any(&when.setting, |setting| visit.setting == *setting)),
        (Reason::HospitalTier, any(&when.tier, |tier| visit.hospital.tier == *tier)),
        (Reason::HospitalList, any(&when.hospitals, |code| visit.hospital.fixmedins_code == *code)),
        (Reason::CareArea, any(&when.care_area, |area| care_area(now) == *area)),
        (Reason::PublicSettlement, when.through_basic.is_none_or(|wanted| says(wanted) == through)),
        (Reason::Diagnosis, any(&when.diagnosis, |prefix| is_diagnosed(now, prefix))),
        (Reason::DiagnosisExcluded, !when.not_diagnosis.iter().any(|prefix| is_diagnosed(now, prefix))),
        (Reason::Age, when.age.is_none_or(|range| in_range(range, person.brdy, Some(now.date)))),
        (
            Reason::AgeInsured,
            when.age_insured.is_none_or(|r| in_range(r, person.brdy, policy.and_then(first_day))),
        ),
        (Reason::Sex, any(&when.sex, |sex| person.gend == *sex)),
        (
            Reason::Cause,
            any(&when.cause, |cause| has_cause(now, *cause))
                && !when.not_cause.iter().any(|cause| has_cause(now, *cause)),
        ),
        (Reason::RelatedStay, when.near_stay.is_none_or(|near| is_near(near, now))),
        (Reason::PreExisting, when.pre_existing.as_ref().is_none_or(|rule| registry_agrees(rule, now))),
        (Reason::ClaimFreeYears, when.claim_free_years.is_none_or(|wanted| free_years >= wanted)),
        (Reason::VisitNumber, when.visit_number.is_none_or(|wanted| now.visit_number >= wanted)),
        (
            Reason::BillTotal,
            when.bill_total.is_none_or(|(over, up_to)| {
                let total = now.claim.bill.medfee_sumamt();
                over < total && up_to.is_none_or(|up_to| total <= up_to)
            }),
        ),
        (Reason::Grade, any(&when.grade, |wanted| grade == Some(*wanted))),
        (
            Reason::Dates,
            when.dates.is_none_or(|(from, until)| from <= version_date(now) && version_date(now) < until),
        ),
    ];
    questions.into_iter().find(|(_, holds)| !holds).map(|(reason, _)| reason)
}

/// The rule's date; of a plan whose version the policy picks, the first day of its cover.
fn version_date(now: &Circumstances<'_>) -> Date {
    match now.version_by {
        VersionBy::DateRule => now.date,
        VersionBy::PolicyPeriod => now.policy.and_then(|policy| policy.cover.from).unwrap_or(now.date),
    }
}

fn any<T>(asked: &[T], holds: impl Fn(&T) -> bool) -> bool {
    asked.is_empty() || asked.iter().any(holds)
}

pub(crate) fn says(answer: Answer) -> bool {
    answer == Answer::Yes
}

fn has_identity(now: &Circumstances<'_>, wanted: &str) -> bool {
    let identities = &now.claim.person.identities;
    identities.iter().any(|held| *held.psn_idet_type == *wanted && held.span.contains(now.date))
}

/// Local within the pooling area, the first four digits; elsewhere by filing, and nothing filed counts as unfiled.
fn care_area(now: &Circumstances<'_>) -> CareArea {
    let insured_in = &now.claim.person.insurance.insuplc_admdvs[..4];
    if now.claim.visit.hospital.mdtrtarea_admvs.starts_with(insured_in) {
        return CareArea::Local;
    }
    CareArea::Elsewhere(now.claim.visit.filing.unwrap_or(OutOfAreaFiling::Unfiled))
}

/// An event that is a diagnosis is asked about by itself, everything else by the diagnoses of the visit.
fn is_diagnosed(now: &Circumstances<'_>, prefix: &str) -> bool {
    match now.event.map(|event| &event.occurrence) {
        Some(Occurrence::Diagnosis { diag_code }) => diag_code.starts_with(prefix),
        _ => now.claim.visit.diagnoses.iter().any(|diagnosis| diagnosis.diag_code.starts_with(prefix)),
    }
}

fn completed_years(birthday: Date, day: Date) -> i16 {
    let not_yet = (day.month(), day.day()) < (birthday.month(), birthday.day());
    day.year() - birthday.year() - i16::from(not_yet)
}

fn in_range(range: AgeRange, birthday: Option<Date>, day: Option<Date>) -> bool {
    let (Some(birthday), Some(day)) = (birthday, day) else { return false };
    let age = completed_years(birthday, day);
    range.from <= age && range.until.is_none_or(|until| age < until)
}

fn is_near(near: NearStay, now: &Circumstances<'_>) -> bool {
    if now.claim.visit.setting == Setting::Inpatient {
        return true;
    }
    let Some((first, last)) = now.claim.visit.related_stay else { return false };
    let day = now.claim.visit.begntime.date();
    let (before, after) = (days_between(day, first), days_between(last, day));
    (0 <= before && before <= i128::from(near.before_days))
        || (0 <= after && after <= i128::from(near.after_days))
}

fn registry_agrees(rule: &PreExistingRule, now: &Circumstances<'_>) -> bool {
    let first = match rule.before {
        PreExistingBefore::FirstCover => now.policy.and_then(first_day),
        PreExistingBefore::ThisCover => now.policy.and_then(|policy| policy.cover.from),
    };
    let first = first.unwrap_or(now.date);
    // So many years earlier, that day included: not so many whole years before the day before the first.
    let day_before = first.yesterday().expect("no policy begins with time");
    let is_there = now.claim.person.pre_existing.iter().any(|entry| {
        entry.regdate < first
            && rule.years.is_none_or(|years| completed_years(entry.regdate, day_before) < years)
            && any(&rule.diseases, |prefix| entry.dise_code.starts_with(&**prefix))
    });
    is_there == says(rule.answer)
}
