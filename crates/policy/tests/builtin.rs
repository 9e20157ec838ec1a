//! The packs that come with the program: they compile, and on every day exactly one rule answers.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bedside_claim::{
    Bill, Cause, Claim, Date, DiagnosisRole, Event, HospitalTier, Identity, Money, Occurrence,
    OccurrenceKind, OutOfAreaFiling, Policy, PreExisting, Price, PublicSettlement, Quantity, Rate, Setting,
    Span,
};
use bedside_fixtures::workload;
use bedside_policy::{
    Benefit, CareArea, Circumstances, Library, Limit, LimitAmount, Pays, Plan, Tail, VersionBy, When,
};
use jiff::ToSpan;

#[test]
fn every_pack_compiles_from_the_binary_and_from_the_folder() {
    let embedded = Library::builtin().unwrap();
    let loaded = Library::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("packs")).unwrap();
    let ids = |library: &Library| library.plans().map(|plan| plan.card.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&embedded), ids(&loaded));
    assert_eq!(ids(&embedded).len(), 23);
    let catalogue = embedded.catalogues().next().unwrap();
    assert!(catalogue.items().count() >= 200, "{}", catalogue.items().count());
}

/// A parameter of a benefit, whatever its unit.
struct Asked<'a> {
    name: Arc<str>,
    whens: Vec<&'a When>,
    has_value: Box<dyn Fn(&Circumstances<'_>) -> bool + 'a>,
}

macro_rules! asked {
    ($parameter:expr) => {{
        let parameter = $parameter;
        Asked {
            name: parameter.citation.parameter.clone(),
            whens: parameter.rows().iter().map(|(when, _)| when).collect(),
            has_value: Box::new(|circumstances| parameter.value(circumstances).is_some()),
        }
    }};
}

/// The parameters that must have a value when the benefit's gate is passed. A factor need not: without a row that fits it
/// does not act.
fn needed<'a>(plan: &'a Plan, benefit: &'a Benefit) -> Vec<Asked<'a>> {
    let mut needed = Vec::new();
    if let Tail::Days(days) = &plan.tail {
        needed.push(asked!(days));
    }
    if let Some(waiting) = &benefit.gate.waiting {
        needed.push(asked!(&waiting.days));
    }
    if let Some(opens_after) = &benefit.gate.opens_after {
        needed.push(asked!(&opens_after.cap.limit));
    }
    match &benefit.pays {
        Pays::Reimbursement(terms) => {
            for limit in &terms.base.limits {
                needed.push(match &limit.amount {
                    LimitAmount::Money(amount) => asked!(amount),
                    LimitAmount::Times(times) => asked!(times),
                });
            }
            if let Some(deductible) = &terms.deductible {
                needed.push(asked!(&deductible.standard));
                if let Some(decrease) = &deductible.decrease {
                    needed.extend([asked!(&decrease.by), asked!(&decrease.floor)]);
                }
                if let Some(group) = &deductible.group {
                    needed.extend(group.minimum.iter().chain(&group.maximum).map(|bound| asked!(bound)));
                }
            }
            needed.extend(terms.bands.iter().map(|band| asked!(&band.rate)));
            for limit in &terms.limits {
                needed.push(match limit {
                    Limit::Cap(cap) => asked!(&cap.limit),
                    Limit::Ceiling(rate) => asked!(rate),
                    Limit::PaidFor(limit) => asked!(&limit.limit),
                });
            }
        }
        Pays::PerDiem(terms) => {
            needed.push(asked!(&terms.rate));
            needed.extend(terms.waiting_days.iter().chain(&terms.stay_days).map(|days| asked!(days)));
            needed.extend(terms.period_days.iter().map(|(_, days)| asked!(days)));
        }
        Pays::LumpSum(terms) => {
            needed.push(asked!(&terms.sum));
            needed.extend(terms.share.iter().map(|share| asked!(share)));
            needed.extend(terms.window_days.iter().map(|days| asked!(days)));
        }
    }
    needed
}

/// Claims that differ in everything that one of the conditions asks for, and in nothing else.
struct Grid {
    claims: Vec<Claim>,
}

impl Grid {
    fn of(plan: &Plan, whens: &[&When]) -> Grid {
        let mut grid = Grid { claims: vec![plain_claim(plan)] };
        let any = |asks: fn(&When) -> bool| whens.iter().any(|when| asks(when));
        let texts = |of: fn(&When) -> &Vec<Arc<str>>| -> Vec<Arc<str>> {
            let mut texts: Vec<Arc<str>> = whens.iter().flat_map(|when| of(when)).cloned().collect();
            texts.sort();
            texts.dedup();
            texts
        };
        let policy = |claim: &mut Claim, change: &dyn Fn(&mut Policy)| {
            claim.person.policies.iter_mut().for_each(change);
        };
        // Every combination of terms, as they are agreed apart from each other.
        for term in texts(|when| &when.policy_terms) {
            let agree = move |claim: &mut Claim, agreed: &bool| {
                policy(claim, &|policy| {
                    if *agreed {
                        policy.terms.push(term.clone());
                    }
                });
            };
            grid.vary(&[false, true], agree);
        }
        for identity in texts(|when| &when.identity) {
            grid.vary(&[false, true], move |claim, held| {
                if *held {
                    let psn_idet_type = identity.clone();
                    claim.person.identities.push(Identity { psn_idet_type, span: Span::ALWAYS });
                }
            });
        }
        if any(|when| !when.insutype.is_empty()) {
            grid.vary(&["310", "390"], |claim, insutype| {
                claim.person.insurance.insutype = (*insutype).into()
            });
        }
        if any(|when| !when.psn_type.is_empty()) {
            grid.vary(&["1101", "12", "13", "1501"], |claim, psn_type| {
                claim.person.insurance.psn_type = (*psn_type).into();
            });
        }
        if any(|when| !when.setting.is_empty() || when.near_stay.is_some()) {
            let settings = [Setting::Inpatient, Setting::SpecialOutpatient, Setting::Outpatient];
            grid.vary(&settings, |claim, setting| claim.visit.setting = *setting);
        }
        if any(|when| !when.tier.is_empty()) {
            grid.vary(&HospitalTier::ALL, |claim, tier| claim.visit.hospital.tier = *tier);
        }
        if any(|when| !when.care_area.is_empty()) {
            let elsewhere = OutOfAreaFiling::ALL.map(CareArea::Elsewhere);
            grid.vary(&[&[CareArea::Local], &elsewhere[..]].concat(), |claim, area| match area {
                CareArea::Local => {}
                CareArea::Elsewhere(filing) => {
                    claim.visit.filing = Some(*filing);
                    claim.visit.hospital.mdtrtarea_admvs = "999999".into();
                }
            });
        }
        if any(|when| when.through_basic.is_some()) {
            let ways = [PublicSettlement::Through, PublicSettlement::Without];
            grid.vary(&ways, |claim, way| claim.visit.public_settlement = *way);
        }
        if any(|when| !when.cause.is_empty() || !when.not_cause.is_empty()) {
            grid.vary(&Cause::ALL, |claim, cause| claim.visit.causes = vec![*cause]);
        }
        for diagnosis in texts(|when| &when.diagnosis) {
            grid.vary(&[false, true], move |claim, has| {
                if *has {
                    let mut second = claim.visit.diagnoses[0].clone();
                    (second.diag_code, second.role) = (diagnosis.clone(), DiagnosisRole::Other);
                    claim.visit.diagnoses.push(second);
                }
            });
        }
        if any(|when| when.age.is_some() || when.age_insured.is_some()) {
            grid.vary(&[None, Some(1980), Some(2015)], |claim, year| {
                claim.person.brdy = year.map(|year| Date::new(year, 6, 1).unwrap());
            });
        }
        if any(|when| when.pre_existing.is_some()) {
            // The day is set with the cover, a month before it.
            grid.vary(&[false, true], |claim, registered| {
                let entry = PreExisting { dise_code: "C34".into(), regdate: Date::MIN };
                claim.person.pre_existing = registered.then_some(entry).into_iter().collect();
            });
        }
        if any(|when| when.claim_free_years.is_some()) {
            grid.vary(&[0, 1, 2, 3, 4], |claim, years| {
                policy(claim, &|policy| policy.claim_free_years = *years);
            });
        }
        let mut totals: Vec<Money> = Vec::new();
        for (over, up_to) in whens.iter().filter_map(|when| when.bill_total) {
            for edge in [Some(over), up_to].into_iter().flatten() {
                totals.extend([edge, edge.plus(Money::from_units(1)).unwrap()]);
            }
        }
        totals.retain(|total| *total > Money::ZERO);
        if !totals.is_empty() {
            grid.vary(&totals, |claim, total| claim.bill = bill_of(&claim.bill, *total));
        }
        grid
    }

    fn vary<T>(&mut self, values: &[T], change: impl Fn(&mut Claim, &T)) {
        let mut claims = Vec::with_capacity(self.claims.len() * values.len());
        for claim in &self.claims {
            for value in values {
                let mut claim = claim.clone();
                change(&mut claim, value);
                claims.push(claim);
            }
        }
        self.claims = claims;
    }
}

/// A local stay; with a policy whose schedule has every number that the plan asks for.
fn plain_claim(plan: &Plan) -> Claim {
    let mut claim = workload::employee_stay(1);
    claim.person.policies.clear();
    if let Some(benefit) = plan.benefits.first()
        && !benefit.card.payer.kind.is_public()
    {
        let mut policy = Policy::plain("P1".into(), plan.card.id.clone(), Span::ALWAYS);
        policy.amounts = plan.schedule_amounts.iter().map(|name| (name.clone(), Money::ZERO)).collect();
        policy.rates = plan.schedule_rates.iter().map(|name| (name.clone(), Rate::ZERO)).collect();
        claim.person.policies.push(policy);
    }
    claim
}

fn bill_of(bill: &Bill, total: Money) -> Bill {
    let mut line = bill.lines()[0].clone();
    line.pric = Price::parse(&total.to_string()).unwrap();
    line.cnt = Quantity::parse("1").unwrap();
    line.det_item_fee_sumamt = total;
    Bill::new(vec![line], total).unwrap()
}

/// Events that a lump sum of the kind may be asked for, of every grade; `None` where it is no lump sum.
fn events(benefit: &Benefit, date: Date) -> Vec<Option<Event>> {
    let Pays::LumpSum(terms) = &benefit.pays else { return vec![None] };
    let occurrences = match terms.on {
        OccurrenceKind::Diagnosis => vec![Occurrence::Diagnosis { diag_code: "C34.900".into() }],
        OccurrenceKind::Death => vec![Occurrence::Death { accident_date: Some(date) }],
        OccurrenceKind::Disability => {
            let grade =
                |grade| Occurrence::Disability { grade, prior_grade: None, accident_date: Some(date) };
            (1..=10).map(grade).collect()
        }
        OccurrenceKind::Care => (1..=10).map(|grade| Occurrence::Care { grade }).collect(),
    };
    let event = |occurrence| Some(Event { evt_no: "E1".into(), date, occurrence });
    occurrences.into_iter().map(event).collect()
}

/// Days of cover that a version must answer for: the day itself, or every policy that begins on it, to its last day.
fn layer_dates(plan: &Plan, day: Date) -> Vec<(Date, Option<Span>)> {
    match plan.version_by {
        VersionBy::DateRule => vec![(day, None)],
        VersionBy::PolicyPeriod => {
            let until = day.saturating_add(1.year());
            let cover = Span { from: Some(day), until: Some(until) };
            vec![(day, Some(cover)), (until.yesterday().unwrap(), Some(cover))]
        }
    }
}

#[test]
fn on_every_day_exactly_one_version_and_one_row_answers() {
    let library = Library::builtin().unwrap();
    let mut versions: BTreeMap<Arc<str>, Vec<Arc<Plan>>> = BTreeMap::new();
    for plan in library.plans() {
        versions.entry(plan.card.id.clone()).or_default().push(plan.clone());
    }
    for (id, plans) in versions {
        let from = plans.iter().map(|plan| plan.card.from).min().unwrap();
        let until = plans.iter().map(|plan| plan.card.until).max().unwrap();
        for day in from.series(1.day()).take_while(|day| *day < until) {
            let valid: Vec<_> =
                plans.iter().filter(|plan| plan.card.from <= day && day < plan.card.until).collect();
            assert_eq!(valid.len(), 1, "{id} on {day}");
        }
        for plan in &plans {
            for benefit in &plan.benefits {
                check_rows(plan, benefit);
            }
        }
    }
}

fn check_rows(plan: &Plan, benefit: &Benefit) {
    let needed = needed(plan, benefit);
    let mut whens: Vec<&When> = needed.iter().flat_map(|asked| asked.whens.iter().copied()).collect();
    whens.extend([&plan.scope, &benefit.gate.when]);
    let mut grid = Grid::of(plan, &whens);
    let place = format!("{}, {}", plan.card.id, benefit.card.id);
    let mut passed = 0;
    let by_day = whens.iter().any(|when| when.dates.is_some());
    let days = plan.card.from.series(1.day()).take_while(|day| *day < plan.card.until);
    for day in days {
        // Where no condition looks at a date, the first and the last day stand for all.
        if !by_day && day != plan.card.from && day.tomorrow().unwrap() != plan.card.until {
            continue;
        }
        for (date, cover) in layer_dates(plan, day) {
            for event in events(benefit, date) {
                for claim in &mut grid.claims {
                    for policy in &mut claim.person.policies {
                        policy.cover = cover.unwrap_or(Span::ALWAYS);
                    }
                    for entry in &mut claim.person.pre_existing {
                        entry.regdate = day.saturating_sub(1.month());
                    }
                    let claim = &*claim;
                    let (policy, event) = (claim.person.policies.first(), event.as_ref());
                    let circumstances = Circumstances {
                        claim,
                        date,
                        version_by: plan.version_by,
                        policy,
                        event,
                        visit_number: 1,
                    };
                    let met = |when: &When| when.is_met(&circumstances);
                    if !met(&plan.scope) || !met(&benefit.gate.when) {
                        continue;
                    }
                    passed += 1;
                    for asked in &needed {
                        let has_value = (asked.has_value)(&circumstances);
                        assert!(has_value, "{place}: `{}` has no value on {date} for {claim:?}", asked.name);
                    }
                }
            }
        }
    }
    assert!(passed > 0, "{place}: no claim of the grid passes the gate");
}
