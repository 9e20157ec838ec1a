//! Conditions: gates, scopes, and what stands beside a parameter's value.

use bedside_claim::{Cause, HospitalTier, Money, Setting, Sex};

use super::words::{Checked, amount, answer, arcs, each, named, span, word};
use crate::error::PackProblem;
use crate::pack_file::{AgeFile, BillTotalFile, PreExistingFile, WhenFile, Words};
use crate::plan::{AgeRange, CareArea, NearStay, PreExistingBefore, PreExistingRule, When};

pub(super) fn causes(place: &str, words: &Words) -> Checked<Vec<Cause>> {
    each(place, words, &named(Cause::ALL, Cause::name))
}

/// Compiles the conditions that stand at `place`.
pub(super) fn when(place: &str, file: &WhenFile) -> Checked<When> {
    let settings =
        named([Setting::Inpatient, Setting::SpecialOutpatient, Setting::Outpatient], Setting::name);
    let tiers = named(HospitalTier::ALL, HospitalTier::name);
    let sexes = [("male", Sex::Male), ("female", Sex::Female)];
    let care_area = |text: &String| {
        CareArea::from_name(text).ok_or_else(|| PackProblem::UnknownWord {
            place: format!("{place}.care_area"),
            word: text.clone(),
            allowed: "`local`, `long_term`, `referral`, `emergency_unfiled`, `unfiled`".to_owned(),
        })
    };
    Ok(When {
        policy_terms: arcs(&file.policy_terms),
        insutype: arcs(&file.insutype),
        psn_type: arcs(&file.psn_type),
        identity: arcs(&file.identity),
        setting: each(&format!("{place}.setting"), &file.setting, &settings)?,
        tier: each(&format!("{place}.tier"), &file.tier, &tiers)?,
        hospitals: arcs(&file.hospitals),
        care_area: file.care_area.as_slice().iter().map(care_area).collect::<Checked<_>>()?,
        through_basic: file
            .through_basic
            .as_ref()
            .map(|text| answer(format!("{place}.through_basic"), text))
            .transpose()?,
        diagnosis: arcs(&file.diagnosis),
        not_diagnosis: arcs(&file.not_diagnosis),
        age: file.age.as_ref().map(|file| age(&format!("{place}.age"), file)).transpose()?,
        age_insured: file
            .age_insured
            .as_ref()
            .map(|file| age(&format!("{place}.age_insured"), file))
            .transpose()?,
        sex: each(&format!("{place}.sex"), &file.sex, &sexes)?,
        cause: causes(&format!("{place}.cause"), &file.cause)?,
        not_cause: causes(&format!("{place}.not_cause"), &file.not_cause)?,
        near_stay: file
            .near_stay
            .as_ref()
            .map(|near| NearStay { before_days: near.before_days, after_days: near.after_days }),
        pre_existing: file.pre_existing.as_ref().map(|file| pre_existing(place, file)).transpose()?,
        claim_free_years: file.claim_free_years,
        visit_number: file.visit_number,
        bill_total: file.bill_total.as_ref().map(|file| bill_total(place, file)).transpose()?,
        grade: file.grade.clone(),
        dates: file.dates.as_ref().map(|dates| span(&format!("{place}.dates"), dates)).transpose()?,
    })
}

fn age(place: &str, file: &AgeFile) -> Checked<AgeRange> {
    if file.from < 0 || file.until.is_some_and(|until| until <= file.from) {
        return Err(PackProblem::EmptyValidity { place: place.to_owned() });
    }
    Ok(AgeRange { from: file.from, until: file.until })
}

fn pre_existing(place: &str, file: &PreExistingFile) -> Checked<PreExistingRule> {
    let place = format!("{place}.pre_existing");
    if file.years.is_some_and(|years| years <= 0) {
        return Err(PackProblem::EmptyValidity { place: format!("{place}.years") });
    }
    let answer = answer(format!("{place}.answer"), &file.answer)?;
    let days = [("first_cover", PreExistingBefore::FirstCover), ("this_cover", PreExistingBefore::ThisCover)];
    let before = word(format!("{place}.before"), &file.before, &days)?;
    Ok(PreExistingRule { before, answer, diseases: arcs(&file.diseases), years: file.years })
}

fn bill_total(place: &str, file: &BillTotalFile) -> Checked<(Money, Option<Money>)> {
    let place = format!("{place}.bill_total");
    let over = match &file.over {
        Some(text) => amount(&format!("{place}.over"), text)?,
        None => Money::ZERO,
    };
    let up_to = file.up_to.as_ref().map(|text| amount(&format!("{place}.up_to"), text)).transpose()?;
    if up_to.is_some_and(|up_to| up_to <= over) {
        return Err(PackProblem::EmptyValidity { place });
    }
    Ok((over, up_to))
}
