//! Makes a bill smaller as long as it breaks the same promise: bills, charges, amounts, circumstances.

use bedside_claim::{HospitalTier, Setting};

use crate::facts::Facts;
use crate::trial::{Charge, Trial};

/// The smallest trial that still fails, where no single step makes it smaller any more.
pub(crate) fn smallest(mut trial: Trial, fails: &dyn Fn(&Trial) -> bool) -> Trial {
    while let Some(smaller) = smaller(&trial).into_iter().find(|smaller| fails(smaller)) {
        trial = smaller;
    }
    trial
}

fn smaller(trial: &Trial) -> Vec<Trial> {
    let mut found = Vec::new();
    for place in 0..trial.bills.len().saturating_sub(1) {
        let mut bills = trial.bills.clone();
        bills.remove(place);
        found.push(Trial { facts: trial.facts.clone(), bills });
    }
    for (bill, charges) in trial.bills.iter().enumerate() {
        let mut push = |charges: Vec<Charge>| {
            let mut bills = trial.bills.clone();
            bills[bill] = charges;
            found.push(Trial { facts: trial.facts.clone(), bills });
        };
        for place in 0..charges.len() {
            if charges.len() > 1 {
                let mut fewer = charges.clone();
                fewer.remove(place);
                push(fewer);
            }
            if place > 0 {
                // Two charges as one.
                let mut merged = charges.clone();
                let charge = merged.remove(place);
                for (part, more) in merged[0].parts.iter_mut().zip(charge.parts) {
                    *part += more;
                }
                merged[0].times = 1;
                push(merged);
            }
            for charge in smaller_charges(&charges[place]) {
                let mut other = charges.clone();
                other[place] = charge;
                push(other);
            }
        }
    }
    let plainer = plainer(&trial.facts).into_iter();
    found.extend(plainer.map(|facts| Trial { facts, bills: trial.bills.clone() }));
    found
}

pub(crate) fn smaller_charges(charge: &Charge) -> Vec<Charge> {
    let mut found = Vec::new();
    let mut push = |change: &dyn Fn(&mut Charge)| {
        let mut smaller = charge.clone();
        change(&mut smaller);
        if smaller != *charge && smaller.fen() > 0 {
            found.push(smaller);
        }
    };
    push(&|charge| charge.is_refunded = false);
    push(&|charge| charge.tags.clear());
    push(&|charge| charge.times = 1);
    for pool in 0..4 {
        push(&|charge| charge.parts[pool] = 0);
    }
    // Rounder first, so that a reader sees an amount and not digits; then smaller by ever less.
    for unit in [10_000_000, 1_000_000, 100_000, 10_000, 100] {
        push(&|charge| charge.parts = charge.parts.map(|part| part / unit * unit));
    }
    for pool in 0..4 {
        let part = charge.parts[pool];
        for cut in [2, 4, 16, 256] {
            if part / cut > 0 {
                push(&|charge| charge.parts[pool] = part - part / cut);
            }
        }
    }
    found.sort_by_key(Charge::fen);
    found
}

/// The facts with one circumstance made plain.
fn plainer(facts: &Facts) -> Vec<Facts> {
    let plain = Facts::plain(0);
    let mut found = Vec::new();
    let mut push = |change: &dyn Fn(&mut Facts)| {
        let mut plainer = facts.clone();
        change(&mut plainer);
        if plainer != *facts {
            found.push(plainer);
        }
    };
    push(&|facts| facts.scene = 0);
    push(&|facts| facts.tier = HospitalTier::Tertiary);
    push(&|facts| {
        facts.setting = Setting::Inpatient;
        facts.stay_days = plain.stay_days;
    });
    push(&|facts| facts.care_area = plain.care_area);
    push(&|facts| facts.public_settlement = plain.public_settlement);
    push(&|facts| facts.psn_type = plain.psn_type.clone());
    push(&|facts| facts.identity = None);
    push(&|facts| facts.terms.clear());
    push(&|facts| drop(facts.terms.pop()));
    push(&|facts| facts.hospital = None);
    push(&|facts| facts.diagnosis = plain.diagnosis.clone());
    push(&|facts| facts.age = plain.age);
    push(&|facts| facts.age_insured = None);
    push(&|facts| facts.sex = plain.sex);
    push(&|facts| facts.cause = None);
    push(&|facts| facts.has_related_stay = false);
    push(&|facts| facts.registered = None);
    push(&|facts| facts.claim_free_years = 0);
    push(&|facts| facts.visit_number = 1);
    push(&|facts| facts.has_waited = true);
    push(&|facts| facts.is_approved = false);
    push(&|facts| facts.happening = None);
    push(&|facts| facts.day_offset = 0);
    found
}
