//! The four-way split of every line.
//!
//! Invariant: a charge and its refunds together split like a line of what is left, because a refund takes the
//! difference of the two splits, `f(left after) - f(left before)`.

use std::collections::BTreeMap;

use bedside_claim::{Claim, Fault, FourWaySplit, LineSplit, Money, Quantity};
use bedside_policy::{LineTerms, Programme};

/// Which split counts where the national platform has returned one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SplitSource {
    /// The platform's, the catalogue's for lines without.
    AdoptedFirst,
    /// The catalogue's for every line: our own computation beside an adopted one.
    CatalogueOnly,
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
    let mut refunded: BTreeMap<usize, Left> = BTreeMap::new();
    for (place, line) in lines.iter().enumerate() {
        if let (Some(split), SplitSource::AdoptedFirst) = (line.adopted_split, source) {
            splits.push(LineSplit { split, item: None, reason: None });
            continue;
        }
        // A refund goes by the terms of the day on which the item was charged.
        let original = claim.bill.refunded(place);
        let charge = &lines[original.unwrap_or(place)];
        let insutype = &claim.person.insurance.insutype;
        let terms = LineTerms::of(&programme.catalogue, charge, insutype, claim.visit.hospital.tier);
        let (split, reason) = match original {
            None => terms.split(line.det_item_fee_sumamt, line.pric, line.cnt)?,
            Some(original) => {
                let whole = Left {
                    amount: charge.det_item_fee_sumamt,
                    cnt: charge.cnt,
                    split: terms.split(charge.det_item_fee_sumamt, charge.pric, charge.cnt)?.0,
                };
                let before = refunded.get(&original).copied().unwrap_or(whole);
                let amount = before.amount.plus(line.det_item_fee_sumamt)?;
                let cnt = before.cnt.plus(line.cnt)?;
                let (after, reason) = terms.split(amount, line.pric, cnt)?;
                refunded.insert(original, Left { amount, cnt, split: after });
                (after.minus(&before.split)?, reason)
            }
        };
        splits.push(LineSplit { split, item: terms.shown(), reason });
    }
    Ok(splits)
}
