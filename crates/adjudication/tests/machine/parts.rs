//! A stay in parts comes to what one bill of all its lines would, where the rules say nothing that must part them.
//!
//! Random plans are cut down to one benefit of what adds up over the parts: deductibles of every kind, bands, an inner limit of money, caps.
//! What else there is parts them, and each for a reason that `docs/benefit-machine.md` tells under "In parts and at once". Must not
//! know the core beyond its answers.

use bedside_adjudication::adjudicate;
use bedside_claim::{AccountUse, Accumulators, Bill, Claim, Line, Money, Settlement, Settling, Term};
use bedside_policy::plan::{Amounts, Benefit, FactorRule, FilledBy, Limit, LimitAmount, Pays, Plan};

use crate::draw::Draw;
use crate::histories::Case;
use crate::reading::charge_of;

/// Stays of an ordinary run.
const STAYS: usize = 1_500;

#[test]
fn parts_come_to_what_one_bill_would() {
    let (mut stays, mut paid, mut cut) = (0, 0, 0);
    for seed in 0.. {
        if stays == STAYS {
            break;
        }
        let Some(case) = plain(Case::drawn(seed)) else { continue };
        let draw = &mut Draw::new(seed);
        let whole = &case.claims[0];
        let Some(parts) = parted(draw, whole) else { continue };
        let Some((at_once, once)) = settled(&case, std::slice::from_ref(whole)) else { continue };
        let (in_parts, after) =
            settled(&case, &parts).expect("parameters that have a value have it for each part");
        let of_all: Money = total(in_parts.iter());
        assert_eq!(of_all, total(at_once.iter()), "seed {seed}: paid in parts and at once");
        assert_eq!(charged(&in_parts), charged(&at_once), "seed {seed}: charged in parts and at once");
        assert_eq!(beyond_the_stay(&after), beyond_the_stay(&once), "seed {seed}");
        stays += 1;
        paid += usize::from(
            in_parts.iter().filter(|part| total(std::iter::once(*part)) > Money::ZERO).count() > 1,
        );
        cut += usize::from(at_once[0].explanation.iter().any(|step| step.kind() == "cap"));
    }
    assert!(paid > STAYS / 4 && cut > STAYS / 20, "{paid} paid in several parts, {cut} cut by a cap");
}

fn total<'a>(settlements: impl Iterator<Item = &'a Settlement>) -> Money {
    let payments = settlements.flat_map(|settlement| &settlement.payments);
    Money::sum(payments.map(|payment| payment.amount)).unwrap()
}

fn charged(settlements: &[Settlement]) -> Money {
    Money::sum(settlements.iter().map(|settlement| settlement.act_pay_dedc)).unwrap()
}

fn beyond_the_stay(accumulators: &Accumulators) -> Vec<(String, Money)> {
    let kept = accumulators.iter().filter(|(key, _)| !matches!(key.term, Term::Visit(_)));
    kept.map(|(key, value)| (key.to_string(), value)).collect()
}

/// Settles these in order; nothing where a parameter has no value for them.
fn settled(case: &Case, claims: &[Claim]) -> Option<(Vec<Settlement>, Accumulators)> {
    let mut accumulators = Accumulators::default();
    let mut settlements = Vec::new();
    for claim in claims {
        let settlement = adjudicate(claim, &case.programme(claim), &accumulators).ok()?;
        accumulators.apply(&settlement.accumulators).unwrap();
        settlements.push(settlement);
    }
    Some((settlements, accumulators))
}

/// The case under one plan of one benefit that reimburses, of what adds up over parts.
fn plain(mut case: Case) -> Option<Case> {
    case.plans.retain(|plan| plan.benefits.iter().any(reimburses));
    case.plans.truncate(1);
    let mut plan: Plan = case.plans.first()?.as_ref().clone();
    plan.account.clear();
    let Benefit { card, mut gate, pays, .. } = plan.benefits.into_iter().find(reimburses)?;
    let Pays::Reimbursement(mut reimbursement) = pays else { return None };
    gate.opens_after = None;
    reimbursement.factors.retain(|factor| factor.rule == FactorRule::Replace);
    reimbursement.limits.retain(|limit| matches!(limit, Limit::Cap(_)));
    let base = &mut reimbursement.base;
    base.limits.retain(|limit| matches!(limit.amount, LimitAmount::Money(_)));
    base.limits.truncate(1);
    base.continues = None;
    base.amounts = Amounts::Net;
    if let Some(deductible) = &mut reimbursement.deductible {
        deductible.filled_by = FilledBy::Own;
    }
    plan.benefits = vec![Benefit::new(card, gate, Pays::Reimbursement(reimbursement))];
    // A condition on the total of the bill looks at the part.
    if format!("{plan:?}").contains("bill_total: Some") {
        return None;
    }
    case.plans = vec![plan.into()];
    let claim = case.claims.first_mut()?;
    claim.adopted = None;
    claim.events.clear();
    claim.account = AccountUse::Keep;
    claim.visit.settling = Settling::AtOnce;
    Some(case)
}

fn reimburses(benefit: &Benefit) -> bool {
    matches!(benefit.pays, Pays::Reimbursement(_))
}

/// The claim in two to four parts: each charge with its refunds in one of them. Nothing where it has too few charges.
fn parted(draw: &mut Draw, whole: &Claim) -> Option<Vec<Claim>> {
    let lines = whole.bill.lines();
    let most = draw.of(&[2, 2, 3, 4]);
    let of_charge: Vec<usize> = lines.iter().map(|_| draw.upto(most - 1)).collect();
    let mut parts = Vec::new();
    for part in 0..most {
        let of_part = (0..lines.len()).filter(|line| of_charge[charge_of(whole, *line)] == part);
        let of_part: Vec<Line> = of_part.map(|line| lines[line].clone()).collect();
        let sum = Money::sum(of_part.iter().map(|line| line.det_item_fee_sumamt)).unwrap();
        // What is refunded whole makes no bill.
        let Ok(bill) = Bill::new(of_part, sum) else { continue };
        let mut claim = Claim { bill, ..whole.clone() };
        claim.visit.settling = Settling::InParts;
        parts.push(claim);
    }
    let sum = Money::sum(parts.iter().map(|part| part.bill.medfee_sumamt())).unwrap();
    (parts.len() > 1 && sum == whole.bill.medfee_sumamt()).then_some(parts)
}
