//! Which circumstances a plan tells apart: the values that its conditions name, and one beside them.
//!
//! [`dimensions`] lists them, [`combinations`] puts them together, and [`meeting`] changes facts until conditions are
//! met. It must not know what a benefit pays.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{Cause, Citation, HospitalTier, Money, OutOfAreaFiling, PublicSettlement, Setting, Sex};
use bedside_policy::{
    AgeRange, Answer, Benefit, CareArea, Gate, Limit, LimitAmount, Parameter, Pays, PreExistingBefore,
    PreExistingRule, Reimbursement, Value, When,
};

use crate::facts::{DIAGNOSIS, Fact, Facts, Happening, Registered};
use crate::stage::Stage;

/// Combinations of circumstances that are looked at in one place at most; beyond it each is changed alone.
pub(crate) const COMBINATIONS_MAX: usize = 600;
/// Diagnoses to choose from where some are excluded.
const DIAGNOSES: [&str; 6] = [DIAGNOSIS, "K35.8", "C34.9", "S72.0", "I10", "Z00.0"];
/// Policy terms and the like that no plan names.
const CAUSES: [Option<Cause>; 5] = [
    None,
    Some(Cause::Accident),
    Some(Cause::ThirdParty),
    Some(Cause::ThirdPartyPrePaid),
    Some(Cause::WorkInjury),
];

/// What kind of circumstance a fact is of; facts of one kind exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is the condition of that name")]
pub enum Dimension {
    Scene,
    Terms,
    PsnType,
    Identity,
    Setting,
    Tier,
    Hospital,
    CareArea,
    Public,
    Diagnosis,
    Age,
    AgeInsured,
    Sex,
    Cause,
    RelatedStay,
    Registered,
    ClaimFreeYears,
    VisitNumber,
    Happening,
    Day,
}

/// The values of each kind that conditions tell apart, in order.
pub type Dimensions = BTreeMap<Dimension, Vec<Fact>>;

/// Everything that these conditions ask for and its opposite.
pub fn dimensions<'a>(stage: &Stage, whens: impl IntoIterator<Item = &'a When>) -> Dimensions {
    let mut found = Dimensions::new();
    for when in whens {
        of_person(stage, when, &mut found);
        of_place(when, &mut found);
        of_health(when, &mut found);
        of_history(stage, when, &mut found);
    }
    // Two terms of one policy go together.
    let single: Vec<Arc<str>> = found
        .get(&Dimension::Terms)
        .into_iter()
        .flatten()
        .filter_map(|fact| match fact {
            Fact::Terms(terms) => terms.first().cloned(),
            _ => None,
        })
        .collect();
    for (place, first) in single.iter().enumerate() {
        for second in &single[place + 1..] {
            add(&mut found, Dimension::Terms, Fact::Terms(vec![first.clone(), second.clone()]));
        }
    }
    found
}

fn add(found: &mut Dimensions, dimension: Dimension, fact: Fact) {
    let facts = found.entry(dimension).or_default();
    if !facts.contains(&fact) {
        facts.push(fact);
    }
}

fn of_person(stage: &Stage, when: &When, found: &mut Dimensions) {
    for term in &when.policy_terms {
        add(found, Dimension::Terms, Fact::Terms(Vec::new()));
        add(found, Dimension::Terms, Fact::Terms(vec![term.clone()]));
    }
    if !when.insutype.is_empty() {
        for scene in 0..stage.scenes.len() {
            add(found, Dimension::Scene, Fact::Scene(scene));
        }
    }
    for prefix in &when.psn_type {
        add(found, Dimension::PsnType, Fact::PsnType("11".into()));
        add(found, Dimension::PsnType, Fact::PsnType(digits(prefix)));
        add(found, Dimension::PsnType, Fact::PsnType("99".into()));
    }
    for identity in &when.identity {
        add(found, Dimension::Identity, Fact::Identity(None));
        add(found, Dimension::Identity, Fact::Identity(Some(identity.clone())));
    }
    for sex in &when.sex {
        add(found, Dimension::Sex, Fact::Sex(*sex));
        for other in [Sex::Male, Sex::Female, Sex::Unknown] {
            add(found, Dimension::Sex, Fact::Sex(other));
        }
    }
    let mut ages = |range: Option<AgeRange>, dimension, fact: fn(i16) -> Fact| {
        let Some(AgeRange { from, until }) = range else { return };
        let edges = [Some(from), Some(from - 1), until.map(|until| until - 1), until];
        for age in edges.into_iter().flatten().filter(|age| (0..=120).contains(age)) {
            add(found, dimension, fact(age));
        }
    };
    ages(when.age, Dimension::Age, Fact::Age);
    ages(when.age_insured, Dimension::AgeInsured, Fact::AgeInsured);
}

/// A code of two to six digits that begins with the prefix.
fn digits(prefix: &str) -> Arc<str> {
    let mut code = prefix.to_owned();
    while code.len() < 2 {
        code.push('0');
    }
    code.into()
}

fn of_place(when: &When, found: &mut Dimensions) {
    if !when.setting.is_empty() {
        for setting in [Setting::Inpatient, Setting::SpecialOutpatient, Setting::Outpatient] {
            add(found, Dimension::Setting, Fact::Setting(setting));
        }
    }
    if !when.tier.is_empty() {
        for tier in HospitalTier::ALL {
            add(found, Dimension::Tier, Fact::Tier(tier));
        }
    }
    for hospital in &when.hospitals {
        add(found, Dimension::Hospital, Fact::Hospital(None));
        add(found, Dimension::Hospital, Fact::Hospital(Some(hospital.clone())));
    }
    if !when.care_area.is_empty() {
        add(found, Dimension::CareArea, Fact::CareArea(CareArea::Local));
        for filing in OutOfAreaFiling::ALL {
            add(found, Dimension::CareArea, Fact::CareArea(CareArea::Elsewhere(filing)));
        }
    }
    if when.through_basic.is_some() {
        add(found, Dimension::Public, Fact::Public(PublicSettlement::Through));
        add(found, Dimension::Public, Fact::Public(PublicSettlement::Without));
    }
}

fn of_health(when: &When, found: &mut Dimensions) {
    for prefix in when.diagnosis.iter().chain(&when.not_diagnosis) {
        add(found, Dimension::Diagnosis, Fact::Diagnosis(DIAGNOSIS.into()));
        add(found, Dimension::Diagnosis, Fact::Diagnosis(prefix.clone()));
    }
    if !when.cause.is_empty() || !when.not_cause.is_empty() {
        for cause in CAUSES {
            add(found, Dimension::Cause, Fact::Cause(cause));
        }
    }
}

fn of_history(stage: &Stage, when: &When, found: &mut Dimensions) {
    if when.near_stay.is_some() {
        add(found, Dimension::RelatedStay, Fact::RelatedStay(false));
        add(found, Dimension::RelatedStay, Fact::RelatedStay(true));
    }
    if let Some(rule) = &when.pre_existing {
        add(found, Dimension::Registered, Fact::Registered(None));
        for entry in entries(rule) {
            add(found, Dimension::Registered, Fact::Registered(Some(entry)));
        }
    }
    if let Some(years) = when.claim_free_years {
        add(found, Dimension::ClaimFreeYears, Fact::ClaimFreeYears(0));
        add(found, Dimension::ClaimFreeYears, Fact::ClaimFreeYears(years));
    }
    if let Some(number) = when.visit_number {
        add(found, Dimension::VisitNumber, Fact::VisitNumber(1));
        add(found, Dimension::VisitNumber, Fact::VisitNumber(number.min(5)));
    }
    if let Some((from, until)) = when.dates {
        let Some(scene) = stage.scenes.first() else { return };
        add(found, Dimension::Day, Fact::DayOffset(0));
        for day in [from, until] {
            let days = (day - scene.day).get_days();
            // Far away the version is another one.
            if days.abs() < 400 {
                add(found, Dimension::Day, Fact::DayOffset(days));
            }
        }
    }
    for grade in &when.grade {
        for grade in [*grade, grade.saturating_add(1).min(10)] {
            let happening = Happening { grade, ..Happening::plain(bedside_claim::OccurrenceKind::Care) };
            add(found, Dimension::Happening, Fact::Happening(happening));
        }
    }
}

fn entries(rule: &PreExistingRule) -> Vec<Registered> {
    let is_of_this_cover = rule.before == PreExistingBefore::ThisCover;
    let any: Arc<str> = "I10".into();
    let diseases = if rule.diseases.is_empty() { vec![any] } else { rule.diseases.clone() };
    let entry = |dise_code: &Arc<str>, years_before| Registered {
        dise_code: dise_code.clone(),
        years_before,
        is_of_this_cover,
    };
    let mut found: Vec<_> = diseases.iter().map(|disease| entry(disease, 0)).collect();
    if let (Some(years), Some(disease)) = (rule.years, diseases.first()) {
        found.push(entry(disease, years));
    }
    found
}

/// Every combination of one value of each kind; where these are too many, each value alone beside the first ones.
pub fn combinations(dimensions: &Dimensions) -> Vec<Vec<Fact>> {
    let count = dimensions.values().try_fold(1usize, |count, facts| count.checked_mul(facts.len().max(1)));
    let first: Vec<Fact> = dimensions.values().filter_map(|facts| facts.first().cloned()).collect();
    if count.is_none_or(|count| count > COMBINATIONS_MAX) {
        let mut found = vec![first.clone()];
        for (place, facts) in dimensions.values().enumerate() {
            for fact in facts.iter().skip(1) {
                let mut changed = first.clone();
                changed[place] = fact.clone();
                found.push(changed);
            }
        }
        return found;
    }
    let mut found: Vec<Vec<Fact>> = vec![Vec::new()];
    for facts in dimensions.values() {
        let longer = |start: &Vec<Fact>| {
            facts
                .iter()
                .map(|fact| [start.as_slice(), std::slice::from_ref(fact)].concat())
                .collect::<Vec<_>>()
        };
        found = found.iter().flat_map(longer).collect();
    }
    found
}

/// A parameter where a benefit uses it.
#[derive(Debug, Clone)]
pub struct Used<'a> {
    /// Name and source.
    pub citation: &'a Citation,
    /// The conditions of its rows, in their order.
    pub rows: Vec<&'a When>,
    /// Whether a case without a row that fits is a fault; a factor then does not act.
    pub is_needed: bool,
}

/// Every parameter that a benefit uses.
pub fn parameters(benefit: &Benefit) -> Vec<Used<'_>> {
    let mut used = Vec::new();
    let Gate { waiting, opens_after, .. } = &benefit.gate;
    used.extend(waiting.iter().map(|waiting| needed(&waiting.days)));
    used.extend(opens_after.iter().map(|opens_after| needed(&opens_after.cap.limit)));
    match &benefit.pays {
        Pays::Reimbursement(terms) => of_reimbursement(terms, &mut used),
        Pays::PerDiem(terms) => {
            used.push(needed(&terms.rate));
            let period_days = terms.period_days.iter().map(|(_, days)| days);
            used.extend(terms.waiting_days.iter().chain(&terms.stay_days).chain(period_days).map(needed));
        }
        Pays::LumpSum(terms) => {
            used.push(needed(&terms.sum));
            used.extend(terms.share.iter().map(needed));
            used.extend(terms.window_days.iter().map(needed));
        }
    }
    used
}

/// The conditions of a benefit's gate and of every parameter that it uses.
pub fn conditions(benefit: &Benefit) -> Vec<&When> {
    let rows = parameters(benefit).into_iter().flat_map(|used| used.rows);
    std::iter::once(&benefit.gate.when).chain(rows).collect()
}

fn needed<T>(parameter: &Parameter<T>) -> Used<'_> {
    let rows = parameter.rows().iter().map(|(when, _)| when).collect();
    Used { citation: &parameter.citation, rows, is_needed: true }
}

fn of_reimbursement<'a>(terms: &'a Reimbursement, used: &mut Vec<Used<'a>>) {
    used.extend(terms.base.limits.iter().map(|limit| match &limit.amount {
        LimitAmount::Money(amount) => needed(amount),
        LimitAmount::Times(times) => needed(times),
    }));
    if let Some(deductible) = &terms.deductible {
        used.push(needed(&deductible.standard));
        if let Some(decrease) = &deductible.decrease {
            used.extend([needed(&decrease.by), needed(&decrease.floor)]);
        }
        if let Some(group) = &deductible.group {
            used.extend(group.minimum.iter().chain(&group.maximum).map(needed));
        }
    }
    used.extend(terms.bands.iter().map(|band| needed(&band.rate)));
    used.extend(terms.factors.iter().map(|factor| Used { is_needed: false, ..needed(&factor.rate) }));
    used.extend(terms.limits.iter().map(|limit| match limit {
        Limit::Cap(cap) => needed(&cap.limit),
        Limit::Ceiling(rate) => needed(rate),
        Limit::PaidFor(limit) => needed(&limit.limit),
    }));
}

/// The facts changed as far as needed for the conditions to be met, one after the other; what cannot be met by facts
/// alone (the bill's total, a day far away) is left.
pub fn meeting(stage: &Stage, facts: &Facts, when: &When) -> Facts {
    let mut facts = facts.clone();
    if let Some(term) = when.policy_terms.first()
        && !when.policy_terms.iter().any(|term| facts.terms.contains(term))
    {
        facts.terms.push(term.clone());
    }
    let insutype = |scene: usize| stage.scenes.get(scene).map(|scene| &scene.programme.insutype);
    let is_asked = |scene: usize| insutype(scene).is_some_and(|insutype| when.insutype.contains(insutype));
    if !when.insutype.is_empty() && !is_asked(facts.scene) {
        facts.scene = (0..stage.scenes.len()).find(|scene| is_asked(*scene)).unwrap_or(facts.scene);
    }
    if let Some(prefix) = when.psn_type.first()
        && !when.psn_type.iter().any(|prefix| facts.psn_type.starts_with(&**prefix))
    {
        facts.psn_type = digits(prefix);
    }
    if let Some(identity) = when.identity.first()
        && !facts.identity.as_ref().is_some_and(|held| when.identity.contains(held))
    {
        facts.identity = Some(identity.clone());
    }
    meet_place(&mut facts, when);
    meet_health(&mut facts, when);
    meet_history(&mut facts, when);
    facts
}

fn meet_place(facts: &mut Facts, when: &When) {
    if let Some(setting) = when.setting.first()
        && !when.setting.contains(&facts.setting)
    {
        *facts = facts.clone().with(&[Fact::Setting(*setting)]);
    }
    if let Some(tier) = when.tier.first()
        && !when.tier.contains(&facts.tier)
    {
        facts.tier = *tier;
    }
    if let Some(hospital) = when.hospitals.first()
        && !facts.hospital.as_ref().is_some_and(|code| when.hospitals.contains(code))
    {
        facts.hospital = Some(hospital.clone());
    }
    if let Some(area) = when.care_area.first()
        && !when.care_area.contains(&facts.care_area)
    {
        facts.care_area = *area;
    }
    match when.through_basic {
        Some(Answer::Yes) => facts.public_settlement = PublicSettlement::Through,
        Some(Answer::No) => facts.public_settlement = PublicSettlement::Without,
        None => {}
    }
}

fn meet_health(facts: &mut Facts, when: &When) {
    let begins =
        |prefixes: &[Arc<str>], code: &str| prefixes.iter().any(|prefix| code.starts_with(&**prefix));
    if let Some(prefix) = when.diagnosis.first()
        && !begins(&when.diagnosis, &facts.diagnosis)
    {
        facts.diagnosis = prefix.clone();
    }
    if begins(&when.not_diagnosis, &facts.diagnosis)
        && let Some(other) = DIAGNOSES.into_iter().find(|code| {
            !begins(&when.not_diagnosis, code) && (when.diagnosis.is_empty() || begins(&when.diagnosis, code))
        })
    {
        facts.diagnosis = other.into();
    }
    let inside = |range: AgeRange, age: i16| range.from <= age && range.until.is_none_or(|until| age < until);
    if let Some(range) = when.age.filter(|range| !inside(*range, facts.age)) {
        facts.age = range.from;
    }
    if let Some(range) =
        when.age_insured.filter(|range| !facts.age_insured.is_some_and(|age| inside(*range, age)))
    {
        facts.age_insured = Some(range.from);
    }
    if let Some(sex) = when.sex.first()
        && !when.sex.contains(&facts.sex)
    {
        facts.sex = *sex;
    }
    let is_let_in = |cause: Option<Cause>| {
        let cause = cause.unwrap_or(Cause::Illness);
        (when.cause.is_empty() || when.cause.contains(&cause)) && !when.not_cause.contains(&cause)
    };
    if !is_let_in(facts.cause) {
        facts.cause = CAUSES.into_iter().find(|cause| is_let_in(*cause)).unwrap_or(facts.cause);
    }
    if let Some(grade) = when.grade.first() {
        let plain = Happening::plain(bedside_claim::OccurrenceKind::Care);
        let happening = facts.happening.get_or_insert(plain);
        if !when.grade.contains(&happening.grade) {
            happening.grade = *grade;
        }
    }
}

fn meet_history(facts: &mut Facts, when: &When) {
    if when.near_stay.is_some() && facts.setting != Setting::Inpatient {
        facts.has_related_stay = true;
    }
    if let Some(rule) = &when.pre_existing {
        facts.registered = match rule.answer {
            Answer::No => None,
            Answer::Yes => entries(rule).into_iter().next(),
        };
    }
    if let Some(years) = when.claim_free_years {
        facts.claim_free_years = facts.claim_free_years.max(years);
    }
    if let Some(number) = when.visit_number {
        facts.visit_number = facts.visit_number.max(number);
    }
}

/// Facts with which the benefit's gate and the plan's scope are met, as far as facts decide that.
pub fn let_in(stage: &Stage, facts: &Facts, benefit: &Benefit) -> Facts {
    let mut facts = meeting(stage, &meeting(stage, facts, &stage.plan.scope), &benefit.gate.when);
    if let Some(answer) = benefit.gate.prior_approval {
        facts.is_approved = answer == Answer::Yes;
    }
    if let Pays::LumpSum(terms) = &benefit.pays {
        let grade = facts.happening.as_ref().map_or(1, |happening| happening.grade);
        let mut happening = Happening { grade, ..Happening::plain(terms.on) };
        if let Some(prefix) = benefit.gate.when.diagnosis.first() {
            happening.diag_code = prefix.clone();
        }
        facts.happening = Some(happening);
    }
    facts
}

/// The fixed amounts of a parameter, in its rows' order.
pub(crate) fn amounts(parameter: &Parameter<Money>) -> impl Iterator<Item = Money> {
    parameter.rows().iter().filter_map(|(_, value)| match value {
        Value::Fixed(amount) => Some(*amount),
        Value::OfPolicy(_) => None,
    })
}
