//! The four-way split of every line.
//!
//! Invariant: a charge and its refunds together split like a line of what is left, because a refund takes the
//! difference of the two splits, `f(left after) - f(left before)`.

use std::collections::BTreeMap;

use bedside_claim::{Claim, Fault, FourWaySplit, Line, LineSplit, Money, Quantity};
use bedside_policy::{LineTerms, Programme};

/// Which split counts where the national platform has returned one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SplitSource {
    /// The platform's, the catalogue's for lines without.
    AdoptedFirst,
    /// The catalogue's, the platform's for items that it does not list: our own computation beside an adopted one.
    CatalogueFirst,
}

/// What is left of a charge after the refunds so far.
#[derive(Clone, Copy)]
struct Left {
    amount: Money,
    cnt: Quantity,
    split: FourWaySplit,
}

/// Splits every line of the bill.
///
/// # Errors
/// [`Fault::OutOfRange`].
pub(crate) fn split(
    claim: &Claim,
    programme: &Programme,
    source: SplitSource,
) -> Result<Vec<LineSplit>, Fault> {
    let lines = claim.bill.lines();
    let mut splits: Vec<LineSplit> = Vec::with_capacity(lines.len());
    let mut has_refunds = false;
    for (place, line) in lines.iter().enumerate() {
        splits.push(match (adopted(claim, programme, place, source), claim.bill.refunded(place)) {
            (Some(split), _) => LineSplit { split, item: None, reason: None },
            (None, Some(_)) => {
                has_refunds = true;
                LineSplit { split: FourWaySplit::default(), item: None, reason: None }
            }
            (None, None) => {
                let terms = terms(claim, programme, line);
                let (split, reason) = terms.split(line.det_item_fee_sumamt, line.pric, line.cnt)?;
                LineSplit { split, item: terms.shown(), reason }
            }
        });
    }
    if has_refunds {
        split_refunds(claim, programme, source, &mut splits)?;
    }
    Ok(splits)
}

/// Fills in the refunds, by time and number: what each takes back must not depend on how they were sent.
fn split_refunds(
    claim: &Claim,
    programme: &Programme,
    source: SplitSource,
    splits: &mut [LineSplit],
) -> Result<(), Fault> {
    let lines = claim.bill.lines();
    let mut left: BTreeMap<usize, Left> = BTreeMap::new();
    for &place in claim.bill.order() {
        let line = &lines[place];
        let Some(original) = claim.bill.refunded(place) else { continue };
        if adopted(claim, programme, place, source).is_some() {
            continue;
        }
        // A refund goes by the terms of the day on which the item was charged.
        let charge = &lines[original];
        let terms = terms(claim, programme, charge);
        let before = match left.get(&original) {
            Some(left) => *left,
            None => Left {
                amount: charge.det_item_fee_sumamt,
                cnt: charge.cnt,
                split: terms.split(charge.det_item_fee_sumamt, charge.pric, charge.cnt)?.0,
            },
        };
        let amount = before.amount.plus(line.det_item_fee_sumamt)?;
        let cnt = before.cnt.plus(line.cnt)?;
        let (after, reason) = terms.split(amount, line.pric, cnt)?;
        left.insert(original, Left { amount, cnt, split: after });
        splits[place] = LineSplit { split: after.minus(&before.split)?, item: terms.shown(), reason };
    }
    Ok(())
}

/// The platform's split of a line, where it counts. A refund goes by the item and day of its charge, and carries a split
/// whenever its charge does.
fn adopted(claim: &Claim, programme: &Programme, place: usize, source: SplitSource) -> Option<FourWaySplit> {
    let lines = claim.bill.lines();
    let split = lines[place].adopted_split?;
    let charge = &lines[claim.bill.refunded(place).unwrap_or(place)];
    let is_listed = || programme.catalogue.item(&charge.med_list_codg, charge.fee_ocur_time.date()).is_some();
    (source == SplitSource::AdoptedFirst || !is_listed()).then_some(split)
}

fn terms<'a>(claim: &Claim, programme: &'a Programme, charge: &Line) -> LineTerms<'a> {
    let insutype = &claim.person.insurance.insutype;
    LineTerms::of(&programme.catalogue, charge, insutype, claim.visit.hospital.tier)
}
