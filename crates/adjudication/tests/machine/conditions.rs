//! Random conditions in the words that claims are drawn with, so that each is met about as often as not.
//!
//! Must not know what a condition is asked for.

use std::sync::Arc;

use bedside_claim::{Cause, HospitalTier, Money, OutOfAreaFiling, Setting, Sex};
use bedside_policy::plan::{AgeRange, Answer, CareArea, NearStay, PreExistingBefore, PreExistingRule, When};

use crate::draw::{Draw, plus_days};
use crate::programmes::around;

pub(crate) const TERMS: [&str; 2] = ["plan-1", "plan-2"];
pub(crate) const PSN_TYPES: [&str; 3] = ["11", "1101", "12"];
pub(crate) const IDENTITIES: [&str; 2] = ["D01", "D02"];
pub(crate) const HOSPITALS: [&str; 2] = ["H1", "H2"];
pub(crate) const DIAGNOSES: [&str; 4] = ["C50.9", "I21.0", "J18.9", "J45"];

/// One question or two.
pub(crate) fn conditions(draw: &mut Draw) -> When {
    let mut when = When::default();
    for _ in 0..=draw.upto(1) {
        ask(draw, &mut when);
    }
    when
}

/// One question more.
fn ask(draw: &mut Draw, when: &mut When) {
    match draw.upto(23) {
        0 => when.policy_terms = words(draw.some(&TERMS)),
        1 => when.insutype = words(vec![draw.of(&["310", "390"])]),
        2 => when.psn_type = words(draw.some(&PSN_TYPES)),
        3 => when.identity = words(draw.some(&IDENTITIES)),
        4 => when.setting = draw.some(&[Setting::Inpatient, Setting::SpecialOutpatient, Setting::Outpatient]),
        5 => when.tier = draw.some(&HospitalTier::ALL),
        6 => when.hospitals = words(vec![draw.of(&HOSPITALS)]),
        7 => when.care_area = draw.some(&[CareArea::Local, CareArea::Elsewhere(OutOfAreaFiling::Unfiled)]),
        8 => when.through_basic = Some(draw.of(&[Answer::Yes, Answer::No])),
        9 => when.diagnosis = words(draw.some(&["C50", "J", "J18", "I21"])),
        10 => when.not_diagnosis = words(draw.some(&["C50", "J45", "I2"])),
        11 => when.age = Some(draw.of(&AGES)),
        12 => when.age_insured = Some(draw.of(&AGES)),
        13 => when.sex = draw.some(&[Sex::Male, Sex::Female]),
        14 => when.cause = draw.some(&Cause::ALL),
        15 => when.not_cause = draw.some(&Cause::ALL),
        16 => {
            when.near_stay = Some(NearStay { before_days: draw.of(&[0, 7]), after_days: draw.of(&[0, 30]) })
        }
        17 => {
            let diseases = if draw.one_in(2) { words(draw.some(&["C50", "J"])) } else { Vec::new() };
            let (answer, years) = (draw.of(&[Answer::Yes, Answer::No]), draw.of(&[None, Some(1), Some(2)]));
            let before = draw.of(&[PreExistingBefore::FirstCover, PreExistingBefore::ThisCover]);
            when.pre_existing = Some(PreExistingRule { before, answer, diseases, years });
        }
        18 => when.claim_free_years = Some(draw.of(&[1, 2])),
        19 | 20 => when.visit_number = Some(draw.of(&[2, 3])),
        21 => {
            let (over, more) = (draw.money(), draw.fen());
            let up_to = Money::from_units(over.units() + more);
            when.bill_total = Some((over, draw.of(&[None, Some(up_to)])));
        }
        22 => when.grade = draw.some(&[1, 2, 3]),
        _ => {
            let turn = plus_days(around(), draw.between(-40, 40));
            let before = (plus_days(turn, -400), turn);
            when.dates = Some(draw.of(&[before, (turn, plus_days(turn, 400))]));
        }
    }
}

const AGES: [AgeRange; 4] = [
    AgeRange { from: 0, until: Some(40) },
    AgeRange { from: 40, until: Some(41) },
    AgeRange { from: 40, until: None },
    AgeRange { from: 41, until: Some(60) },
];

pub(crate) fn words(words: Vec<&str>) -> Vec<Arc<str>> {
    words.into_iter().map(Arc::from).collect()
}
