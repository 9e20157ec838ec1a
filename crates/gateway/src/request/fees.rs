//! The platform's 2301 answers: their rows give the lines their split, and are held against them (I5, I6).
//!
//! A row belongs to the line of its `feedetl_sn`. It must be about that very line, and where the line carries a split of
//! its own, say the same: on which of two splits the platform paid would be a guess.

use std::collections::BTreeMap;

use bedside_claim::{FourWaySplit, Line, NationalIdentity, Rate};

use super::fields::{ID, Place, Reader};
use super::lines::Lines;
use crate::invalid::{InvalidCode, Phrase};
use crate::v1;

/// Gives the lines their splits; returns the identities that could be checked on some line beyond those of every bill.
pub(super) fn join(
    reader: &mut Reader,
    batches: &[v1::NationalFees],
    lines: &mut Lines,
) -> Vec<NationalIdentity> {
    let rows = rows(reader, batches);
    if rows.is_empty() {
        return Vec::new();
    }
    let mut unmet = rows.clone();
    let mut ratios_checked = 0usize;
    for line in lines.lines_mut() {
        let Some((place, row)) = unmet.remove(&*line.feedetl_sn) else { continue };
        hold_line(reader, place, row, line);
        let Some(split) = split(reader, place, row) else { continue };
        match line.adopted_split {
            None => line.adopted_split = Some(split),
            Some(own) if own == split => {}
            Some(own) => {
                for (name, theirs, own) in named(&split, &own) {
                    if theirs != own {
                        let allowed = Phrase::made(
                            format!("与 feedetail 同项一致 = {own}"),
                            format!("the same as on the line in feedetail = {own}"),
                        );
                        reader.fault(place, name, InvalidCode::Differs, &theirs.to_string(), allowed);
                    }
                }
            }
        }
        ratios_checked += usize::from(hold_first_pay(reader, place, row, line, &split));
    }
    // A line that could not be read may be the one.
    if lines.are_whole() {
        for (place, row) in unmet.into_values() {
            let allowed =
                Phrase::fixed("feedetail 中一行的 feedetl_sn", "the feedetl_sn of a line that feedetail has");
            reader.fault(place, "feedetl_sn", InvalidCode::NoSuchRow, &row.feedetl_sn, allowed);
        }
    }
    if ratios_checked > 0 { vec![NationalIdentity::I6] } else { Vec::new() }
}

type Rows<'a> = BTreeMap<&'a str, (Place<'static>, &'a v1::FeeResult)>;

/// The rows by `feedetl_sn`; a line that was uploaded again has the same row twice.
fn rows<'a>(reader: &mut Reader, batches: &'a [v1::NationalFees]) -> Rows<'a> {
    let mut rows = Rows::new();
    for (batch, fees) in batches.iter().enumerate() {
        for (index, row) in fees.result.iter().enumerate() {
            let place = Place::Fee(batch, index);
            if reader.text(place, "feedetl_sn", &row.feedetl_sn, ID).is_none() {
                continue;
            }
            match rows.get(row.feedetl_sn.as_str()) {
                Some((_, first)) if *first != row => {
                    let allowed = Phrase::fixed(
                        "每行明细仅一条结果，或各条完全相同",
                        "one result for a line, or the same one again",
                    );
                    reader.fault(place, "feedetl_sn", InvalidCode::DuplicateRow, &row.feedetl_sn, allowed);
                }
                Some(_) => {}
                None => drop(rows.insert(&row.feedetl_sn, (place, row))),
            }
        }
    }
    rows
}

/// The row is about the line as it stands on the bill; the bill has it that the line is price times quantity (I5).
fn hold_line(reader: &mut Reader, place: Place<'_>, row: &v1::FeeResult, line: &Line) {
    let differs = |reader: &mut Reader, field: &str, value: &str, own: String| {
        let allowed = Phrase::made(
            format!("与 feedetail 同项一致 = {own}"),
            format!("the same as on the line in feedetail = {own}"),
        );
        reader.fault(place, field, InvalidCode::Differs, value, allowed);
    };
    if !row.det_item_fee_sumamt.is_empty()
        && let Some(amount) = reader.money(place, "det_item_fee_sumamt", &row.det_item_fee_sumamt)
        && amount != line.det_item_fee_sumamt
    {
        differs(
            reader,
            "det_item_fee_sumamt",
            &row.det_item_fee_sumamt,
            line.det_item_fee_sumamt.to_string(),
        );
    }
    if !row.cnt.is_empty()
        && let Some(cnt) = reader.quantity(place, "cnt", &row.cnt)
        && cnt != line.cnt
    {
        differs(reader, "cnt", &row.cnt, line.cnt.to_string());
    }
    if !row.pric.is_empty()
        && let Some(pric) = reader.price(place, "pric", &row.pric)
        && pric != line.pric
    {
        differs(reader, "pric", &row.pric, line.pric.to_string());
    }
}

/// The four parts; one that is left out is zero, and I4 finds one that was left out and is not.
fn split(reader: &mut Reader, place: Place<'_>, row: &v1::FeeResult) -> Option<FourWaySplit> {
    let mut part = |field: &str, value: &str| match value {
        "" => Some(bedside_claim::Money::ZERO),
        value => reader.money(place, field, value),
    };
    let own = part("fulamt_ownpay_amt", &row.fulamt_ownpay_amt);
    let over = part("overlmt_amt", &row.overlmt_amt);
    let first = part("preselfpay_amt", &row.preselfpay_amt);
    let scope = part("inscp_scp_amt", &row.inscp_scp_amt);
    Some(FourWaySplit {
        fulamt_ownpay_amt: own?,
        overlmt_amt: over?,
        preselfpay_amt: first?,
        inscp_scp_amt: scope?,
    })
}

fn named(
    theirs: &FourWaySplit,
    own: &FourWaySplit,
) -> impl Iterator<Item = (&'static str, bedside_claim::Money, bedside_claim::Money)> {
    let names = ["fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt"];
    names.into_iter().zip(theirs.parts().into_iter().zip(own.parts())).map(|(name, (a, b))| (name, a, b))
}

/// I6: `preselfpay_amt` is the amount at its ratio, on a line without ceiling and without full own expense. Whether it was
/// checked.
fn hold_first_pay(
    reader: &mut Reader,
    place: Place<'_>,
    row: &v1::FeeResult,
    line: &Line,
    split: &FourWaySplit,
) -> bool {
    if row.selfpay_prop.is_empty() {
        return false;
    }
    let Some(ratio) = reader.ratio(place, "selfpay_prop", &row.selfpay_prop) else { return false };
    let ceiling = match row.pric_uplmt_amt.as_str() {
        "" => None,
        price => match reader.price(place, "pric_uplmt_amt", price) {
            Some(price) => Some(price),
            None => return false,
        },
    };
    // A ceiling of 999999 or of 0 is none.
    let is_capped = !split.overlmt_amt.is_zero()
        || ceiling.is_some_and(|ceiling| !ceiling.is_zero() && ceiling < line.pric);
    if is_capped || !split.fulamt_ownpay_amt.is_zero() || ratio == Rate::ONE {
        return false;
    }
    let expected = line.det_item_fee_sumamt.at_rate(ratio);
    if expected == Ok(split.preselfpay_amt) {
        return true;
    }
    let expected = expected.unwrap_or_default();
    let allowed = Phrase::made(
        format!("det_item_fee_sumamt × selfpay_prop 四舍五入到分 = {expected}（I6）"),
        format!("det_item_fee_sumamt x selfpay_prop rounded half up to the fen = {expected} (I6)"),
    );
    reader.fault(place, "preselfpay_amt", InvalidCode::IdentityMismatch, &row.preselfpay_amt, allowed);
    true
}
