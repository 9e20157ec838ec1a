//! Makes a failing case smaller, part by part, as long as it fails.
//!
//! Every part that a plan or a claim can do without is left out in turn. Must not know why the case fails.

use std::sync::Arc;

use bedside_claim::{AccountUse, Bill, Claim, Line, Money};
use bedside_policy::plan::{
    Base, Benefit, FilledBy, Gate, LineSelector, Parameter, Pays, Plan, Reimbursement,
};

use crate::histories::Case;

/// The smallest case that still fails, where no single part can be left out any more.
pub(crate) fn smallest(mut case: Case, fails: impl Fn(&Case) -> bool) -> Case {
    while let Some(smaller) = smaller(&case).into_iter().find(&fails) {
        case = smaller;
    }
    case
}

fn smaller(case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    for place in 0..case.claims.len() {
        let mut claims = case.claims.clone();
        claims.remove(place);
        cases.push(Case { claims, plans: case.plans.clone() });
    }
    for place in 0..case.plans.len() {
        let mut plans = case.plans.clone();
        plans.remove(place);
        cases.push(Case { plans, claims: case.claims.clone() });
        for plan in smaller_plans(&case.plans[place]) {
            let mut plans = case.plans.clone();
            plans[place] = Arc::new(plan);
            cases.push(Case { plans, claims: case.claims.clone() });
        }
    }
    for place in 0..case.claims.len() {
        for claim in smaller_claims(&case.claims[place]) {
            let mut claims = case.claims.clone();
            claims[place] = claim;
            cases.push(Case { claims, plans: case.plans.clone() });
        }
    }
    cases
}

/// The plans that differ from this one by one change.
fn smaller_plans(plan: &Plan) -> Vec<Plan> {
    let mut plans = Vec::new();
    let mut push = |change: &dyn Fn(&mut Plan)| {
        let mut smaller = plan.clone();
        change(&mut smaller);
        if smaller != *plan {
            smaller.benefits = smaller.benefits.into_iter().map(afresh).collect();
            plans.push(smaller);
        }
    };
    push(&|plan| plan.account.clear());
    push(&|plan| plan.tail = bedside_policy::plan::Tail::UntilDischarge);
    for place in 0..plan.benefits.len() {
        if plan.benefits.len() > 1 {
            push(&|plan| drop(plan.benefits.remove(place)));
        }
        push(&|plan| plan.benefits[place].gate = Gate::default());
        push(&|plan| plan.benefits[place].gate.opens_after = None);
        push(&|plan| plan.benefits[place].gate.waiting = None);
        push(&|plan| plan.benefits[place].gate.when = Default::default());
        let Pays::Reimbursement(reimbursement) = &plan.benefits[place].pays else { continue };
        for smaller in smaller_reimbursements(reimbursement) {
            push(&|plan| plan.benefits[place].pays = Pays::Reimbursement(Box::new(smaller.clone())));
        }
    }
    plans
}

/// The benefit of the changed parts.
fn afresh(benefit: Benefit) -> Benefit {
    Benefit::new(benefit.card, benefit.gate, benefit.pays)
}

fn smaller_reimbursements(whole: &Reimbursement) -> Vec<Reimbursement> {
    let mut found = Vec::new();
    let mut push = |change: &dyn Fn(&mut Reimbursement)| {
        let mut smaller = whole.clone();
        change(&mut smaller);
        if smaller != *whole {
            found.push(smaller);
        }
    };
    push(&|r| r.deductible = None);
    push(&|r| r.deductible.iter_mut().for_each(|deductible| deductible.group = None));
    push(&|r| r.deductible.iter_mut().for_each(|deductible| deductible.decrease = None));
    push(&|r| r.deductible.iter_mut().for_each(|deductible| deductible.filled_by = FilledBy::Own));
    push(&|r| r.deductible.iter_mut().for_each(|deductible| plain(&mut deductible.standard)));
    push(&|r| r.base = Base { limits: Vec::new(), ..r.base.clone() });
    push(&|r| r.base.lines = LineSelector::default());
    push(&|r| r.bands.iter_mut().for_each(|band| plain(&mut band.rate)));
    for place in 0..whole.base.limits.len() {
        push(&|r| drop(r.base.limits.remove(place)));
        push(&|r| r.base.limits[place].lines = LineSelector::default());
    }
    for place in 0..whole.limits.len() {
        push(&|r| drop(r.limits.remove(place)));
    }
    for place in 0..whole.factors.len() {
        push(&|r| drop(r.factors.remove(place)));
    }
    if whole.bands.len() > 1 {
        push(&|r| {
            drop(r.bands.pop());
            r.bands.iter_mut().last().expect("one is left").until = None;
        });
    }
    for place in 0..whole.base.pools.len() {
        if whole.base.pools.len() > 1 {
            push(&|r| r.base.pools.retain(|pool| *pool != whole.base.pools[place]));
        }
    }
    found
}

/// Leaves the last row, which always fits.
fn plain<T: Clone>(parameter: &mut Parameter<T>) {
    let last = parameter.rows().last().cloned().into_iter().collect();
    *parameter = parameter.clone().with_rows(last);
}

fn smaller_claims(claim: &Claim) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut push = |change: &dyn Fn(&mut Claim)| {
        let mut smaller = claim.clone();
        change(&mut smaller);
        if smaller != *claim {
            claims.push(smaller);
        }
    };
    push(&|claim| claim.account = AccountUse::Keep);
    push(&|claim| claim.adopted = None);
    push(&|claim| claim.person.relatives.clear());
    push(&|claim| claim.person.identities.clear());
    push(&|claim| claim.person.pre_existing.clear());
    push(&|claim| claim.person.family_no = None);
    push(&|claim| claim.visit.causes.clear());
    push(&|claim| claim.visit.diagnoses.clear());
    push(&|claim| claim.visit.accident = None);
    push(&|claim| claim.visit.related_stay = None);
    for place in 0..claim.events.len() {
        push(&|claim| drop(claim.events.remove(place)));
    }
    if claim.adopted.is_none() {
        for place in 0..claim.bill.lines().len() {
            let mut lines = claim.bill.lines().to_vec();
            lines.remove(place);
            if let Some(bill) = bill_of(lines) {
                push(&|claim| claim.bill = bill.clone());
            }
        }
    }
    claims
}

/// The bill of these lines, where it adds up.
fn bill_of(lines: Vec<Line>) -> Option<Bill> {
    let total = Money::sum(lines.iter().map(|line| line.det_item_fee_sumamt)).ok()?;
    Bill::new(lines, total).ok()
}
