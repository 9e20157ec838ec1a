//! The lines: feedetail becomes a checked bill, and what the bill refuses is told in the fields of the wire.

use std::sync::Arc;

use bedside_claim::bill::LINES_MAX;
use bedside_claim::{Bill, BillError, Date, FeeCategory, FourWaySplit, HospitalApproval, Line, Money, Visit};

use super::fields::{Charset, Era, ID, Place, Reader, TextForm};
use crate::invalid::{InvalidCode, Phrase};
use crate::v1;

/// The lines that could be read, each with its place on the wire.
pub(super) struct Lines {
    lines: Vec<Line>,
    places: Vec<usize>,
    /// How many rows were sent; more than lines when some could not be read.
    rows: usize,
}

impl Lines {
    pub(super) fn lines_mut(&mut self) -> &mut [Line] {
        &mut self.lines
    }

    /// Whether every row could be read.
    pub(super) fn are_whole(&self) -> bool {
        self.lines.len() == self.rows
    }
}

/// Reads every line; one that is wrong is noted and left out. `None` when there are none or too many.
pub(super) fn read(reader: &mut Reader, rows: &[v1::FeeDetail], visit: Option<&Visit>) -> Option<Lines> {
    if rows.is_empty() {
        let allowed = Phrase::fixed("至少一行费用明细", "at least one line");
        reader.list_fault("feedetail", 0, InvalidCode::Empty, allowed);
        return None;
    }
    if rows.len() > LINES_MAX {
        let allowed = Phrase::made(format!("至多 {LINES_MAX} 行"), format!("up to {LINES_MAX} lines"));
        reader.list_fault("feedetail", rows.len(), InvalidCode::TooManyRows, allowed);
        return None;
    }
    // Whole days: drugs of the admission day are often booked before the bed is.
    let stay = visit.map(|visit| (visit.begntime.date(), visit.endtime.date()));
    let mut lines = Vec::with_capacity(rows.len());
    let mut places = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        if let Some(line) = line(reader, Place::Line(index, &row.feedetl_sn), row, stay) {
            lines.push(line);
            places.push(index);
        }
    }
    Some(Lines { lines, places, rows: rows.len() })
}

fn line(
    reader: &mut Reader,
    place: Place<'_>,
    row: &v1::FeeDetail,
    stay: Option<(Date, Date)>,
) -> Option<Line> {
    let feedetl_sn = reader.text(place, "feedetl_sn", &row.feedetl_sn, ID);
    let names_charge = reader.optional_text(place, "init_feedetl_sn", &row.init_feedetl_sn, ID);
    let fee_ocur_time = reader.time(place, "fee_ocur_time", &row.fee_ocur_time, Era::Visit);
    if let (Some(time), Some((first, last))) = (fee_ocur_time, stay)
        && !(first..=last).contains(&time.date())
    {
        let allowed = Phrase::made(format!("{first} 至 {last}"), format!("from {first} to {last}"));
        reader.fault(place, "fee_ocur_time", InvalidCode::DateOrder, &row.fee_ocur_time, allowed);
    }
    let national = TextForm::up_to(Charset::Visible, 50);
    let med_list_codg = reader.text(place, "med_list_codg", &row.med_list_codg, national);
    let own = TextForm::up_to(Charset::Text, 150);
    let medins_list_codg = reader.text(place, "medins_list_codg", &row.medins_list_codg, own);
    let categories = Phrase::fixed("01 至 14", "01 to 14");
    let category =
        reader.code(place, "med_chrgitm_type", &row.med_chrgitm_type, FeeCategory::from_code, categories);
    let amount = reader.money(place, "det_item_fee_sumamt", &row.det_item_fee_sumamt);
    let cnt = reader.quantity(place, "cnt", &row.cnt);
    let pric = reader.price(place, "pric", &row.pric);
    let approvals = Phrase::fixed("空、0、1、2", "empty, 0, 1 or 2");
    let not_needed = HospitalApproval::NotNeeded;
    let approval = reader.optional_code(
        place,
        "hosp_appr_flag",
        &row.hosp_appr_flag,
        not_needed,
        approval_of,
        approvals,
    );
    let local = TextForm::up_to(Charset::Text, 30);
    reader.optional_text(place, "drord_no", &row.drord_no, local);
    reader.optional_text(place, "bilg_dept_codg", &row.bilg_dept_codg, local);
    reader.optional_text(place, "bilg_dr_codg", &row.bilg_dr_codg, local);
    reader.optional_text(place, "memo", &row.memo, TextForm::up_to(Charset::Text, 500));
    let adopted_split = adopted_split(reader, place, row);
    let names_operation = reader.optional_text(place, "oprn_no", &row.oprn_no, ID);
    let operation = (!row.oprn_no.is_empty()).then(|| Arc::from(row.oprn_no.as_str()));
    let tags = reader.words(place, "tags", &row.tags);
    let refunds = (!row.init_feedetl_sn.is_empty()).then(|| Arc::from(row.init_feedetl_sn.as_str()));
    Some(Line {
        feedetl_sn: feedetl_sn?,
        init_feedetl_sn: if names_charge { refunds } else { return None },
        med_list_codg: med_list_codg?,
        medins_list_codg: medins_list_codg?,
        med_chrgitm_type: category?,
        fee_ocur_time: fee_ocur_time?,
        pric: pric?,
        cnt: cnt?,
        det_item_fee_sumamt: amount?,
        hosp_appr_flag: approval?,
        oprn_no: if names_operation { operation } else { return None },
        tags: tags?,
        adopted_split: adopted_split?,
    })
}

fn approval_of(code: &str) -> Option<HospitalApproval> {
    match code {
        "0" => Some(HospitalApproval::NotNeeded),
        "1" => Some(HospitalApproval::Granted),
        "2" => Some(HospitalApproval::Refused),
        _ => None,
    }
}

/// The split that the national platform returned. The outer `None` is a fault.
fn adopted_split(reader: &mut Reader, place: Place<'_>, row: &v1::FeeDetail) -> Option<Option<FourWaySplit>> {
    let parts = [
        ("fulamt_ownpay_amt", &row.fulamt_ownpay_amt),
        ("overlmt_amt", &row.overlmt_amt),
        ("preselfpay_amt", &row.preselfpay_amt),
        ("inscp_scp_amt", &row.inscp_scp_amt),
    ];
    if parts.iter().all(|(_, value)| value.is_empty()) {
        return Some(None);
    }
    if let Some((field, _)) = parts.iter().find(|(_, value)| value.is_empty()) {
        let allowed =
            Phrase::fixed("四项拆分金额同时提供或同时为空", "all four parts of the split, or none of them");
        reader.fault(place, field, InvalidCode::SplitIncomplete, "", allowed);
        return None;
    }
    let [own, over, first, scope] = parts.map(|(field, value)| reader.money(place, field, value));
    Some(Some(FourWaySplit {
        fulamt_ownpay_amt: own?,
        overlmt_amt: over?,
        preselfpay_amt: first?,
        inscp_scp_amt: scope?,
    }))
}

/// The bill, once every line and the stated total could be read.
///
/// With some lines left out the others are still checked one by one, but not what depends on the missing ones: the
/// total, and the charges that refunds name.
pub(super) fn bill(
    reader: &mut Reader,
    request: &v1::SettleBillRequest,
    lines: Option<Lines>,
    medfee_sumamt: Option<Money>,
) -> Option<Bill> {
    if request.feedetail.is_empty() && !request.evtinfo.is_empty() {
        return no_bill(reader, request, medfee_sumamt?);
    }
    let lines = lines?;
    let whole = lines.are_whole();
    let Lines { lines, places, .. } = lines;
    match Bill::new(lines, medfee_sumamt.unwrap_or_default()) {
        Ok(bill) => (whole && medfee_sumamt.is_some()).then_some(bill),
        Err(errors) => {
            for error in &errors {
                let of_the_whole = matches!(error, BillError::Total { .. } | BillError::NothingCharged);
                let of_missing_lines =
                    matches!(error, BillError::Empty | BillError::RefundUnknown { .. }) || of_the_whole;
                let untold = (of_the_whole && medfee_sumamt.is_none()) || (of_missing_lines && !whole);
                if !untold {
                    tell(reader, request, &places, error);
                }
            }
            None
        }
    }
}

/// The lines as a part of a bill to come, once every one could be read.
pub(super) fn part(
    reader: &mut Reader,
    request: &v1::SettleBillRequest,
    lines: Option<Lines>,
) -> Option<Bill> {
    let lines = lines?;
    let whole = lines.are_whole();
    let Lines { lines, places, .. } = lines;
    match Bill::part(lines) {
        Ok(bill) => whole.then_some(bill),
        Err(errors) => {
            for error in
                errors.iter().filter(|error| whole || !matches!(error, BillError::RefundUnknown { .. }))
            {
                tell(reader, request, &places, error);
            }
            None
        }
    }
}

/// A claim of events alone has no bill, and no total.
fn no_bill(reader: &mut Reader, request: &v1::SettleBillRequest, medfee_sumamt: Money) -> Option<Bill> {
    if medfee_sumamt.is_zero() {
        return Some(Bill::none());
    }
    let allowed = Phrase::fixed("没有费用明细时为 0", "0 where there is no feedetail");
    let stated = request.data.as_ref().map_or("", |data| &data.medfee_sumamt);
    reader.fault(Place::Node("data"), "medfee_sumamt", InvalidCode::TotalMismatch, stated, allowed);
    None
}

/// Tells one error of the bill in the fields of the wire.
fn tell(reader: &mut Reader, request: &v1::SettleBillRequest, places: &[usize], error: &BillError) {
    let row = |line: usize| {
        let index = places[line];
        let row = &request.feedetail[index];
        (Place::Line(index, &row.feedetl_sn), row)
    };
    let stated = request.data.as_ref().map_or("", |data| &data.medfee_sumamt);
    match error {
        BillError::Empty | BillError::TooManyLines(_) => {
            let allowed =
                Phrase::made(format!("1 至 {LINES_MAX} 行"), format!("from 1 to {LINES_MAX} lines"));
            reader.list_fault("feedetail", places.len(), InvalidCode::Empty, allowed);
        }
        BillError::DuplicateLine { line, first } => {
            let (place, row) = row(*line);
            let first = places[*first];
            let allowed = Phrase::made(
                format!("与 feedetail[{first}] 不同的流水号"),
                format!("another number than feedetail[{first}] has"),
            );
            reader.fault(place, "feedetl_sn", InvalidCode::DuplicateLine, &row.feedetl_sn, allowed);
        }
        BillError::NegativePrice { line } => {
            let (place, row) = row(*line);
            let allowed =
                Phrase::fixed("不小于零；退费以负数量表示", "zero or more; a refund has a negative cnt");
            reader.fault(place, "pric", InvalidCode::Negative, &row.pric, allowed);
        }
        BillError::ZeroQuantity { line } => {
            let (place, row) = row(*line);
            let allowed = Phrase::fixed("不为零的数量", "a quantity other than zero");
            reader.fault(place, "cnt", InvalidCode::ZeroQuantity, &row.cnt, allowed);
        }
        BillError::Amount { line, expected, .. } => {
            let (place, row) = row(*line);
            let allowed = Phrase::made(
                format!("pric × cnt 四舍五入到分 = {expected}（I5）"),
                format!("pric x cnt rounded half up to the fen = {expected} (I5)"),
            );
            let value = &row.det_item_fee_sumamt;
            reader.fault(place, "det_item_fee_sumamt", InvalidCode::AmountMismatch, value, allowed);
        }
        BillError::Split { line, parts, .. } => {
            let (place, row) = row(*line);
            let allowed = Phrase::made(
                format!("四项拆分之和 = {parts}（I4）"),
                format!("the sum of the four parts of the split = {parts} (I4)"),
            );
            let value = &row.det_item_fee_sumamt;
            reader.fault(place, "det_item_fee_sumamt", InvalidCode::SplitMismatch, value, allowed);
        }
        BillError::SplitSign { line } => {
            let (place, row) = row(*line);
            let allowed = Phrase::fixed(
                "与四项拆分正负一致的金额",
                "an amount of the same sign as every part of the split",
            );
            let value = &row.det_item_fee_sumamt;
            reader.fault(place, "det_item_fee_sumamt", InvalidCode::SplitMismatch, value, allowed);
        }
        BillError::RefundForm { line } => {
            let (place, row) = row(*line);
            let allowed = Phrase::fixed(
                "退费同时需要负的 cnt 和 init_feedetl_sn，收费两者皆无",
                "both a negative cnt and init_feedetl_sn on a refund, neither on a charge",
            );
            reader.fault(place, "init_feedetl_sn", InvalidCode::RefundForm, &row.init_feedetl_sn, allowed);
        }
        BillError::RefundUnknown { line } => {
            let (place, row) = row(*line);
            let allowed =
                Phrase::fixed("本单一行收费的 feedetl_sn", "the feedetl_sn of a charge of this bill");
            reader.fault(place, "init_feedetl_sn", InvalidCode::RefundUnknown, &row.init_feedetl_sn, allowed);
        }
        BillError::RefundDiffers { line } => {
            let (place, row) = row(*line);
            let allowed = Phrase::fixed(
                "med_list_codg、med_chrgitm_type 与 pric 均相同的收费",
                "a charge with the same med_list_codg, med_chrgitm_type and pric",
            );
            reader.fault(place, "init_feedetl_sn", InvalidCode::RefundDiffers, &row.init_feedetl_sn, allowed);
        }
        BillError::RefundExceeds { line, excess } => {
            let (place, row) = row(*line);
            let allowed = Phrase::made(
                format!("不超过原收费；超出后余 {excess}"),
                format!("no more than is left of the charge, which would become {excess}"),
            );
            let value = &row.det_item_fee_sumamt;
            reader.fault(place, "det_item_fee_sumamt", InvalidCode::RefundExceeds, value, allowed);
        }
        BillError::RefundQuantity { line } => {
            let (place, row) = row(*line);
            let allowed = Phrase::fixed("不超过原收费的数量", "no more than the quantity of the charge");
            reader.fault(place, "cnt", InvalidCode::RefundExceeds, &row.cnt, allowed);
        }
        BillError::RefundSplit { line } => {
            let (place, row) = row(*line);
            let allowed = Phrase::fixed(
                "与原收费同样带四项拆分，且各项不超过原收费",
                "a charge that carries a split like this refund, no part of it smaller than what is refunded",
            );
            reader.fault(place, "init_feedetl_sn", InvalidCode::RefundSplit, &row.init_feedetl_sn, allowed);
        }
        BillError::Total { lines, .. } => {
            let allowed =
                Phrase::made(format!("明细合计 = {lines}"), format!("the sum of the lines = {lines}"));
            let place = Place::Node("data");
            reader.fault(place, "medfee_sumamt", InvalidCode::TotalMismatch, stated, allowed);
        }
        BillError::NothingCharged => {
            let allowed = Phrase::fixed("大于零的总额", "a total above zero");
            let place = Place::Node("data");
            reader.fault(place, "medfee_sumamt", InvalidCode::NothingCharged, stated, allowed);
        }
        BillError::OutOfRange => {
            let allowed = Phrase::fixed("合计不超过 16 位的金额", "amounts whose sums have up to 16 digits");
            reader.list_fault("feedetail", places.len(), InvalidCode::TooLarge, allowed);
        }
    }
}
