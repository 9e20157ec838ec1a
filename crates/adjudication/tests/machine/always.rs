//! What holds of every settlement, whatever the rules say.
//!
//! Re-adds and re-runs; must not know what a benefit should pay.

use bedside_adjudication::adjudicate;
use bedside_claim::{AccumulatorKey, Accumulators, Bill, Claim, Line, Measure, Money, Settlement};
use bedside_policy::library::{Layer, Programme};
use bedside_policy::plan::{Cap, Limit, Parameter, Pays, Value};

use crate::histories::Case;
use crate::reading::Place;
use crate::steps;

/// One settlement and everything it was made from.
pub(crate) struct Settled<'a> {
    pub(crate) claim: &'a Claim,
    pub(crate) programme: &'a Programme,
    pub(crate) before: &'a Accumulators,
    pub(crate) after: &'a Accumulators,
    pub(crate) settlement: &'a Settlement,
}

/// The first thing that does not hold.
pub(crate) fn broken(settled: &Settled<'_>) -> Option<String> {
    conservation(settled)
        .or_else(|| more_than_is_left(settled))
        .or_else(|| passed_limit(settled))
        .or_else(|| order_of_lines(settled))
        .or_else(|| steps::broken(settled.settlement))
}

/// Every fen of every line has one payer, and every payer's lines sum to what he pays.
fn conservation(settled: &Settled<'_>) -> Option<String> {
    let Settled { claim, settlement, .. } = *settled;
    let mut columns = vec![0; settlement.payments.len() + 3];
    for (place, line) in claim.bill.lines().iter().enumerate() {
        let row = row(settlement, place);
        if row.iter().sum::<i64>() != line.det_item_fee_sumamt.units() {
            return Some(format!(
                "line {place}: the shares {row:?} do not sum to {}",
                line.det_item_fee_sumamt
            ));
        }
        for (column, share) in columns.iter_mut().zip(&row) {
            *column += share;
        }
    }
    let own = [settlement.hosp_part_amt, settlement.acct_pay, settlement.psn_cash_pay];
    let payments = settlement.payments.iter().map(|payment| payment.amount);
    let totals: Vec<i64> = payments.chain(own).map(Money::units).collect();
    if totals != columns {
        return Some(format!("the columns sum to {columns:?}, the totals are {totals:?}"));
    }
    if totals.iter().any(|total| *total < 0) {
        return Some(format!("a total below zero: {totals:?}"));
    }
    if settlement.to_person.iter().any(|paid| paid.amount <= Money::ZERO) {
        return Some("nothing or less is paid to the person".to_owned());
    }
    let unchecked = settlement.check(&claim.bill).err();
    unchecked.map(|fault| fault.to_string())
}

/// No payer takes more of a line than the ones before left, and a refund takes back no more than it gave.
fn more_than_is_left(settled: &Settled<'_>) -> Option<String> {
    for (place, line) in settled.claim.bill.lines().iter().enumerate() {
        let sign = if line.cnt.is_negative() { -1 } else { 1 };
        let mut left = line.det_item_fee_sumamt.units();
        for share in row(settled.settlement, place) {
            left -= share;
            if left * sign < 0 || share * sign < 0 {
                return Some(format!(
                    "line {place}: {:?} goes past {}",
                    row(settled.settlement, place),
                    line.det_item_fee_sumamt
                ));
            }
        }
    }
    None
}

/// Every paid accumulator that a cap names stands at most at the highest limit that a cap has for it.
fn passed_limit(settled: &Settled<'_>) -> Option<String> {
    for layer in &settled.programme.layers {
        let place = Place::of(settled.claim, layer);
        let key = |cap: &Cap| place.key(cap.shared_by, cap.period, &cap.account, Measure::Paid, "");
        for cap in caps(layer).into_iter().filter(|cap| !is_less_paid(layer, &cap.account)) {
            let Some(of_cap) = key(cap) else { continue };
            let of_account = caps(layer).into_iter().filter(|other| key(other).as_ref() == Some(&of_cap));
            let highest = of_account.flat_map(|cap| limits(&cap.limit, &place)).max().unwrap_or(Money::ZERO);
            let (before, after) = (settled.before.get(&of_cap), settled.after.get(&of_cap));
            if after > highest.max(before) {
                return Some(format!("`{of_cap}` stands at {after}, above {highest}"));
            }
        }
    }
    let below = |(_, value): &(&AccumulatorKey, Money)| value.is_negative();
    settled.after.iter().find(below).map(|(key, value)| format!("`{key}` stands at {value}"))
}

fn caps(layer: &Layer) -> Vec<&Cap> {
    let mut caps = Vec::new();
    for benefit in &layer.plan.benefits {
        let Pays::Reimbursement(reimbursement) = &benefit.pays else { continue };
        for limit in &reimbursement.limits {
            if let Limit::Cap(cap) = limit {
                caps.push(cap);
            }
        }
    }
    caps
}

/// Lump sums are kept under the account without asking its cap.
fn is_less_paid(layer: &Layer, account: &str) -> bool {
    layer.plan.benefits.iter().any(|benefit| match &benefit.pays {
        Pays::LumpSum(lump_sum) => lump_sum.less_paid.as_deref() == Some(account),
        Pays::Reimbursement(_) | Pays::PerDiem(_) => false,
    })
}

fn limits(parameter: &Parameter<Money>, place: &Place<'_>) -> Vec<Money> {
    let value = |value: &Value<Money>| match value {
        Value::Fixed(amount) => Some(*amount),
        Value::OfPolicy(name) => place.policy.and_then(|policy| policy.amount(name)),
    };
    parameter.rows().iter().filter_map(|(_, of_row)| value(of_row)).collect()
}

/// The lines turned round come to the same, each with the same shares.
fn order_of_lines(settled: &Settled<'_>) -> Option<String> {
    let Settled { claim, programme, before, settlement, .. } = *settled;
    let lines = claim.bill.lines();
    if lines.len() < 2 {
        return None;
    }
    let turned: Vec<Line> = lines.iter().rev().cloned().collect();
    let bill = Bill::new(turned, claim.bill.medfee_sumamt()).expect("the same lines");
    let again = adjudicate(&Claim { bill, ..claim.clone() }, programme, before);
    let Ok(again) = again else { return Some("a fault with the lines turned round".to_owned()) };
    let is_same_row = |place: usize| row(&again, lines.len() - 1 - place) == row(settlement, place);
    if again.payments != settlement.payments
        || again.to_person != settlement.to_person
        || again.account != settlement.account
        || again.accumulators != settlement.accumulators
        || !(0..lines.len()).all(is_same_row)
    {
        return Some("the order of the lines changes something".to_owned());
    }
    None
}

/// A line's shares: payments, hospital, account, cash.
fn row(settlement: &Settlement, line: usize) -> Vec<i64> {
    let row = settlement.shares.row(line);
    let own = [row.hosp_part_amt, row.acct_pay, row.psn_cash_pay];
    row.payments.iter().chain(&own).map(|share| share.units()).collect()
}

/// Same input, same bytes.
pub(crate) fn not_repeated(case: &Case, settled: &Settled<'_>) -> Option<String> {
    let again = adjudicate(settled.claim, &case.programme(settled.claim), settled.before);
    let is_same = again.is_ok_and(|again| format!("{again:?}") == format!("{:?}", settled.settlement));
    (!is_same).then(|| "the same input gives another answer".to_owned())
}
