//! Searches for a bill that breaks a promise of a plan, and makes it as small as it can be.
//!
//! First every edge of every benefit, then bills drawn from a seed. The same plan, seed and number of cases try the same
//! bills. It must not know what a plan should pay.

use std::sync::Arc;

use bedside_claim::Claim;
use bedside_policy::{Jump, Library, Plan};

use crate::draw::Drawing;
use crate::jumps::at_edges;
use crate::promises::{Broken, Growth, broken_alone, falls, grown, paid_by};
use crate::shrink::{smaller_charges, smallest};
use crate::stage::Stage;
use crate::trial::Trial;

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Bills to draw.
    pub cases: u64,
    /// Where the drawing begins.
    pub seed: u64,
}

/// The smallest bill found that breaks a promise.
#[derive(Debug, Clone)]
pub struct CounterExample {
    /// The promise, with the amounts of this bill.
    pub broken: Broken,
    /// The circumstances.
    pub trial: Trial,
    /// The bills in order; where two are compared, the second is another person's, so that nothing is used up between.
    pub claims: Vec<Claim>,
}

/// What a search has found.
#[derive(Debug, Default)]
pub struct Searched {
    /// Of each promise and benefit one.
    pub broken: Vec<CounterExample>,
    /// Declared jumps that no bill has met, with their benefit.
    pub unmet: Vec<(Arc<str>, Jump)>,
    /// Bills that were settled, about.
    pub tried: u64,
    /// Whether no programme places the plan.
    pub is_lone: bool,
}

/// Searches; `progress` is told the number of drawn bills. `None` for a pack that only holds parameters for others.
pub fn search(
    library: &Library,
    plan: &Arc<Plan>,
    effort: Effort,
    progress: &dyn Fn(u64),
) -> Option<Searched> {
    let stage = Stage::of(library, plan)?;
    let mut searched = Searched { is_lone: stage.is_lone, ..Searched::default() };
    for benefit in &plan.benefits {
        let found = at_edges(&stage, benefit);
        searched.tried += found.pairs * 2;
        let unmet = benefit.jumps.iter().filter(|jump| !found.met.contains(&jump.of));
        searched.unmet.extend(unmet.map(|jump| (benefit.card.id.clone(), jump.clone())));
        for (broken, smaller, larger) in found.broken {
            let example = match &broken {
                Broken::Jumps { .. } => small_jump(&stage, benefit, &broken, &smaller, &larger),
                _ => small_alone(&stage, &broken, smaller),
            };
            keep(&mut searched, example);
        }
    }
    let mut drawing = Drawing::new(&stage, effort.seed);
    for case in 0..effort.cases {
        let (trial, growth) = drawing.next();
        searched.tried += 2;
        if let Some(found) = tried(&stage, &trial, &growth) {
            let example = match found {
                Broken::Falls { .. } => small_fall(&stage, &found, trial, growth),
                broken => small_alone(&stage, &broken, trial),
            };
            keep(&mut searched, example);
        }
        progress(case + 1);
    }
    Some(searched)
}

/// One example for each promise and place.
fn keep(searched: &mut Searched, example: Option<CounterExample>) {
    let place = |broken: &Broken| match broken {
        Broken::NoValue { parameter } => parameter.clone(),
        Broken::PaysMore { benefit, .. } | Broken::Jumps { benefit, .. } => benefit.clone(),
        Broken::NotConserved { .. } | Broken::Falls { .. } => String::new(),
    };
    let Some(example) = example else { return };
    let is_new = |other: &CounterExample| {
        (other.broken.code(), place(&other.broken)) != (example.broken.code(), place(&example.broken))
    };
    if searched.broken.iter().all(is_new) {
        searched.broken.push(example);
    }
}

fn alone(stage: &Stage, trial: &Trial) -> Option<Broken> {
    broken_alone(&stage.plan, &trial.settle(stage))
}

/// What the bill breaks, or the bill that it grows to.
pub fn tried(stage: &Stage, trial: &Trial, growth: &Growth) -> Option<Broken> {
    let smaller = trial.settle(stage);
    if let Some(broken) = broken_alone(&stage.plan, &smaller) {
        return Some(broken);
    }
    let larger = grown(trial, growth).settle(stage);
    falls(stage, &smaller.ok()?, &larger.ok()?)
}

fn small_alone(stage: &Stage, broken: &Broken, trial: Trial) -> Option<CounterExample> {
    let fails = |trial: &Trial| alone(stage, trial).is_some_and(|other| other.code() == broken.code());
    let trial = smallest(trial, &fails);
    let claims = trial.claims(stage)?;
    Some(CounterExample { broken: alone(stage, &trial)?, trial, claims })
}

fn small_fall(stage: &Stage, broken: &Broken, trial: Trial, mut growth: Growth) -> Option<CounterExample> {
    let fall = |broken: &Broken| match broken {
        Broken::Falls { before, after, .. } => before.units() - after.units(),
        _ => 0,
    };
    // Not down to a fall of a fen, which would look like rounding.
    let enough = (fall(broken) / 10).max(1);
    let of = |trial: &Trial, growth: &Growth| {
        tried(stage, trial, growth).filter(|other| other.code() == broken.code() && fall(other) >= enough)
    };
    let mut trial = smallest(trial, &|trial| of(trial, &growth).is_some());
    while let Some(smaller) = smaller_growths(&growth).into_iter().find(|growth| of(&trial, growth).is_some())
    {
        growth = smaller;
        trial = smallest(trial, &|trial| of(trial, &growth).is_some());
    }
    let mut claims = trial.claims(stage)?;
    claims.extend(of_another(grown(&trial, &growth).claims(stage)?));
    Some(CounterExample { broken: of(&trial, &growth)?, trial, claims })
}

fn smaller_growths(growth: &Growth) -> Vec<Growth> {
    match growth {
        Growth::Charge(charge) => smaller_charges(charge).into_iter().map(Growth::Charge).collect(),
        Growth::Amount { place, pool, fen } => {
            let less = [1, *fen / 10_000 * 10_000, *fen / 100 * 100, *fen / 2, *fen - *fen / 16];
            let less = less.into_iter().filter(|other| 0 < *other && other < fen);
            less.map(|fen| Growth::Amount { place: *place, pool: *pool, fen }).collect()
        }
    }
}

/// A jump's bills are small already; only circumstances can be left out.
fn small_jump(
    stage: &Stage,
    benefit: &bedside_policy::Benefit,
    broken: &Broken,
    smaller: &Trial,
    larger: &Trial,
) -> Option<CounterExample> {
    let of = |trial: &Trial| {
        let after = Trial { facts: trial.facts.clone(), bills: larger.bills.clone() };
        let (before, after) = (trial.settle(stage).ok()?, after.settle(stage).ok()?);
        let paid = [before, after].map(|settled| paid_by(benefit, &settled.settlement));
        match broken {
            Broken::Jumps { benefit, at, .. } if (paid[1].units() - paid[0].units()).abs() > 1 => {
                let benefit = benefit.clone();
                Some(Broken::Jumps { benefit, at: *at, before: paid[0], after: paid[1] })
            }
            _ => None,
        }
    };
    let is_same_bill = |trial: &Trial| trial.bills == smaller.bills && of(trial).is_some();
    let trial = smallest(smaller.clone(), &is_same_bill);
    let mut claims = trial.claims(stage)?;
    let after = Trial { facts: trial.facts.clone(), bills: larger.bills.clone() };
    claims.extend(of_another(after.claims(stage)?));
    Some(CounterExample { broken: of(&trial)?, trial, claims })
}

/// The claims of a second person, whose visits have other numbers.
fn of_another(mut claims: Vec<Claim>) -> Vec<Claim> {
    for claim in &mut claims {
        claim.person.psn_no = "P2".into();
        claim.visit.mdtrt_id = format!("{}-2", claim.visit.mdtrt_id).into();
        for policy in &mut claim.person.policies {
            policy.policy_no = format!("{}-2", policy.policy_no).into();
        }
    }
    claims
}
