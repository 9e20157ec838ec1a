//! What the benches compare with: the least that any engine would have to do for the same bill.
#![allow(clippy::unwrap_used)]

use bedside_claim::Claim;
use rust_decimal::{Decimal, RoundingStrategy::MidpointAwayFromZero};

/// A bare `rust_decimal` loop over the bill: amount of each line checked, one first-pay ratio, three layers with one
/// rate each, what is left for the patient. No catalogue, no rules, no allocation to lines, no explanation: the lower
/// bound of an engine on decimals.
pub fn decimal_loop(claim: &Claim) -> Decimal {
    let first_pay = Decimal::new(10, 2);
    let rates = [Decimal::new(84, 2), Decimal::new(70, 2), Decimal::new(80, 2)];
    let deductible = Decimal::new(80_000, 2);
    let (mut own, mut in_scope) = (Decimal::ZERO, Decimal::ZERO);
    for line in claim.bill.lines() {
        let amount = line.pric.to_decimal() * line.cnt.to_decimal();
        let amount = amount.round_dp_with_strategy(2, MidpointAwayFromZero);
        let first = (amount * first_pay).round_dp_with_strategy(2, MidpointAwayFromZero);
        own += first;
        in_scope += amount - first;
    }
    let mut left = in_scope;
    for rate in rates {
        let base = (left - deductible).max(Decimal::ZERO);
        left -= (base * rate).round_dp_with_strategy(2, MidpointAwayFromZero);
    }
    left + own
}
