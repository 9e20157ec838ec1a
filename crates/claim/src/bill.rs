//! The hospital's bill: lines with price, quantity and amount, and the four-way split of each.
//!
//! A [`Bill`] that exists is checked: every line's amount is price times quantity to the fen, refunds name a line
//! that they do not exceed, splits and the stated total add up. It must not know the catalogue or any rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::DateTime;

use crate::money::{Money, Overflow, Price, Quantity};

/// Lines a bill may have; a longer stay settles in parts.
pub const LINES_MAX: usize = 200_000;

/// `med_chrgitm_type`: the fee category, 01 to 14.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeeCategory(u8);

impl FeeCategory {
    /// Names by code, from 01.
    const NAMES: [(&str, &str, &str); 14] = [
        ("01", "床位费", "bed"),
        ("02", "诊察费", "consultation"),
        ("03", "检查费", "examination"),
        ("04", "化验费", "laboratory"),
        ("05", "治疗费", "treatment"),
        ("06", "手术费", "surgery"),
        ("07", "护理费", "nursing"),
        ("08", "卫生材料费", "materials"),
        ("09", "西药费", "western medicine"),
        ("10", "中药饮片费", "herbal pieces"),
        ("11", "中成药费", "chinese patent medicine"),
        ("12", "一般诊疗费", "general care"),
        ("13", "挂号费", "registration"),
        ("14", "其他费", "other"),
    ];

    /// The category of a two-digit code; `None` outside 01 to 14.
    pub fn from_code(code: &str) -> Option<FeeCategory> {
        let index = FeeCategory::NAMES.iter().position(|(known, _, _)| *known == code)?;
        u8::try_from(index).ok().map(FeeCategory)
    }

    /// The two-digit code.
    pub fn code(self) -> &'static str {
        FeeCategory::NAMES[usize::from(self.0)].0
    }

    /// The Chinese name.
    pub fn name_zh(self) -> &'static str {
        FeeCategory::NAMES[usize::from(self.0)].1
    }

    /// The English name.
    pub fn name_en(self) -> &'static str {
        FeeCategory::NAMES[usize::from(self.0)].2
    }
}

/// One of the four parts of a line. Every plan treats them differently, so they are never merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pool {
    /// 自费, `fulamt_ownpay_amt`: outside the catalogue.
    OwnExpense,
    /// 超限价, `overlmt_amt`: above the ceiling price.
    OverLimit,
    /// 先行自付 (自理), `preselfpay_amt`: first-pay inside the catalogue.
    FirstPay,
    /// 范围内, `inscp_scp_amt`: what rules share out; what is left of it is 自负.
    InScope,
}

impl Pool {
    /// Every pool, in the order of the identity I3.
    pub const ALL: [Pool; 4] = [Pool::OwnExpense, Pool::OverLimit, Pool::FirstPay, Pool::InScope];

    /// The pool's place in [`Pool::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word rule packs use.
    pub fn name(self) -> &'static str {
        match self {
            Pool::OwnExpense => "own_expense",
            Pool::OverLimit => "over_limit",
            Pool::FirstPay => "first_pay",
            Pool::InScope => "in_scope",
        }
    }
}

/// `det_item_fee_sumamt = fulamt_ownpay_amt + overlmt_amt + preselfpay_amt + inscp_scp_amt`, in CNY to the fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FourWaySplit {
    /// 自费.
    pub fulamt_ownpay_amt: Money,
    /// 超限价.
    pub overlmt_amt: Money,
    /// 先行自付.
    pub preselfpay_amt: Money,
    /// 范围内.
    pub inscp_scp_amt: Money,
}

impl FourWaySplit {
    /// The parts in the order of [`Pool::ALL`].
    pub fn parts(&self) -> [Money; 4] {
        [self.fulamt_ownpay_amt, self.overlmt_amt, self.preselfpay_amt, self.inscp_scp_amt]
    }

    /// The split with these parts, in the order of [`Pool::ALL`].
    pub fn from_parts(parts: [Money; 4]) -> FourWaySplit {
        let [fulamt_ownpay_amt, overlmt_amt, preselfpay_amt, inscp_scp_amt] = parts;
        FourWaySplit { fulamt_ownpay_amt, overlmt_amt, preselfpay_amt, inscp_scp_amt }
    }

    /// The sum of the parts.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn total(&self) -> Result<Money, Overflow> {
        Money::sum(self.parts())
    }

    /// The splits added part by part.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn plus(&self, other: &FourWaySplit) -> Result<FourWaySplit, Overflow> {
        let mut parts = self.parts();
        for (part, more) in parts.iter_mut().zip(other.parts()) {
            *part = part.plus(more)?;
        }
        Ok(FourWaySplit::from_parts(parts))
    }

    /// The splits subtracted part by part.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn minus(&self, other: &FourWaySplit) -> Result<FourWaySplit, Overflow> {
        let mut parts = self.parts();
        for (part, less) in parts.iter_mut().zip(other.parts()) {
            *part = part.minus(less)?;
        }
        Ok(FourWaySplit::from_parts(parts))
    }
}

/// `hosp_appr_flag`: whether the hospital approved a restricted use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HospitalApproval {
    /// 0 or absent: 无须审批.
    #[default]
    NotNeeded,
    /// 1: 审批通过.
    Granted,
    /// 2: 审批不通过, the line becomes own-expense.
    Refused,
}

/// One line of the bill (`feedetail`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `feedetl_sn`: unique within the bill.
    pub feedetl_sn: Arc<str>,
    /// `init_feedetl_sn`: on a refund, the line that it refunds.
    pub init_feedetl_sn: Option<Arc<str>>,
    /// `med_list_codg`: the national code.
    pub med_list_codg: Arc<str>,
    /// `medins_list_codg`: the hospital's own code.
    pub medins_list_codg: Arc<str>,
    /// `med_chrgitm_type`.
    pub med_chrgitm_type: FeeCategory,
    /// `fee_ocur_time`.
    pub fee_ocur_time: DateTime,
    /// `pric`.
    pub pric: Price,
    /// `cnt`; negative on a refund.
    pub cnt: Quantity,
    /// `det_item_fee_sumamt`; negative on a refund.
    pub det_item_fee_sumamt: Money,
    /// `hosp_appr_flag`.
    pub hosp_appr_flag: HospitalApproval,
    /// The operation that it belongs to; `None`: none, or it was not stated.
    pub oprn_no: Option<Arc<str>>,
    /// What rule packs ask of an item beyond its code, in their words: `implant`, `car-t`, `listed-drug`.
    pub tags: Vec<Arc<str>>,
    /// The split that the national platform returned for the line; `None` asks the catalogue.
    pub adopted_split: Option<FourWaySplit>,
}

/// What is wrong with a bill. Every variant names the line, counted from 0, except the ones on the whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// No line at all.
    #[error("the bill has no lines")]
    Empty,
    /// More than [`LINES_MAX`].
    #[error("the bill has {0} lines, more than {LINES_MAX}")]
    TooManyLines(usize),
    /// A `feedetl_sn` twice.
    #[error("line {line}: `feedetl_sn` is the same as on line {first}")]
    DuplicateLine {
        /// The later line.
        line: usize,
        /// The line that has it already.
        first: usize,
    },
    /// A price below zero.
    #[error("line {line}: `pric` is negative")]
    NegativePrice {
        /// The line.
        line: usize,
    },
    /// A quantity of zero.
    #[error("line {line}: `cnt` is zero")]
    ZeroQuantity {
        /// The line.
        line: usize,
    },
    /// `pric x cnt` is not the stated amount (identity I5).
    #[error("line {line}: `det_item_fee_sumamt` is {stated}, but `pric` x `cnt` is {expected}")]
    Amount {
        /// The line.
        line: usize,
        /// The amount on the bill.
        stated: Money,
        /// Price times quantity, half up to the fen.
        expected: Money,
    },
    /// The adopted split does not add up to the amount (identity I4).
    #[error("line {line}: the four parts add up to {parts}, but `det_item_fee_sumamt` is {stated}")]
    Split {
        /// The line.
        line: usize,
        /// The amount on the bill.
        stated: Money,
        /// The sum of the parts.
        parts: Money,
    },
    /// A part of the adopted split has the other sign than the line.
    #[error("line {line}: a part of the split has the other sign than the line")]
    SplitSign {
        /// The line.
        line: usize,
    },
    /// A negative quantity without `init_feedetl_sn`, or the other way round.
    #[error("line {line}: a refund needs both a negative `cnt` and `init_feedetl_sn`")]
    RefundForm {
        /// The line.
        line: usize,
    },
    /// `init_feedetl_sn` names no charge of this bill, before or after it.
    #[error("line {line}: `init_feedetl_sn` names no charge of this bill")]
    RefundUnknown {
        /// The line.
        line: usize,
    },
    /// The refund is of another item, fee category or price than the line it names.
    #[error(
        "line {line}: the refund's `med_list_codg`, `med_chrgitm_type` or `pric` differs from the line it refunds"
    )]
    RefundDiffers {
        /// The line.
        line: usize,
    },
    /// More is refunded than was charged.
    #[error("line {line}: refunds exceed the line they refund, by {excess}")]
    RefundExceeds {
        /// The line whose refund goes past the charge.
        line: usize,
        /// What is left of the charge, below zero.
        excess: Money,
    },
    /// A larger quantity is given back than was charged.
    #[error("line {line}: refunds give back more than the quantity of the line they refund")]
    RefundQuantity {
        /// The line whose refund goes past the charge.
        line: usize,
    },
    /// A refund and the line it refunds do not both carry an adopted split, or a part of it exceeds the line's.
    #[error("line {line}: the refund's split does not fit the split of the line it refunds")]
    RefundSplit {
        /// The line.
        line: usize,
    },
    /// The lines do not add up to the stated total.
    #[error("`medfee_sumamt` is {stated}, but the lines add up to {lines}")]
    Total {
        /// The total on the bill.
        stated: Money,
        /// The sum of the lines.
        lines: Money,
    },
    /// The total is zero or negative.
    #[error("`medfee_sumamt` is not above zero")]
    NothingCharged,
    /// A sum left the range.
    #[error("an amount of the bill is out of range")]
    OutOfRange,
}

/// A checked bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    lines: Vec<Line>,
    /// For each line, the place of the line it refunds.
    refunds: Vec<Option<usize>>,
    /// The lines by `fee_ocur_time` and `feedetl_sn`.
    order: Vec<usize>,
    medfee_sumamt: Money,
}

impl Bill {
    /// Checks the lines and the stated total.
    ///
    /// # Errors
    /// Every [`BillError`] found, in the order of the lines; a total that does not add up comes last.
    pub fn new(lines: Vec<Line>, medfee_sumamt: Money) -> Result<Bill, Vec<BillError>> {
        Bill::checked(lines, Some(medfee_sumamt))
    }

    /// Checks lines that are a part of a bill to come: everything but the total, which may be zero or below.
    ///
    /// # Errors
    /// Every [`BillError`] found, in the order of the lines.
    pub fn part(lines: Vec<Line>) -> Result<Bill, Vec<BillError>> {
        Bill::checked(lines, None)
    }

    fn checked(lines: Vec<Line>, stated: Option<Money>) -> Result<Bill, Vec<BillError>> {
        if lines.is_empty() {
            return Err(vec![BillError::Empty]);
        }
        if lines.len() > LINES_MAX {
            return Err(vec![BillError::TooManyLines(lines.len())]);
        }
        let mut errors = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (line, item) in lines.iter().enumerate() {
            if let Some(first) = places.get(item.feedetl_sn.as_ref()) {
                errors.push(BillError::DuplicateLine { line, first: *first });
            } else {
                places.insert(&item.feedetl_sn, line);
            }
            check_line(line, item, &mut errors);
        }
        let mut order: Vec<usize> = (0..lines.len()).collect();
        let key = |line: usize| (lines[line].fee_ocur_time, &lines[line].feedetl_sn);
        order.sort_unstable_by(|a, b| key(*a).cmp(&key(*b)));
        let refunds = resolve_refunds(&lines, &order, &places, &mut errors);
        let sum = Money::sum(lines.iter().map(|line| line.det_item_fee_sumamt));
        match (sum, stated) {
            (Err(Overflow), _) => errors.push(BillError::OutOfRange),
            (Ok(sum), Some(stated)) if sum != stated => errors.push(BillError::Total { stated, lines: sum }),
            (Ok(sum), Some(_)) if sum <= Money::ZERO => errors.push(BillError::NothingCharged),
            (Ok(_), _) => {}
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Bill { lines, refunds, order, medfee_sumamt: sum.unwrap_or_default() })
    }

    /// No bill: what a claim has that reports events alone.
    pub fn none() -> Bill {
        Bill { lines: Vec::new(), refunds: Vec::new(), order: Vec::new(), medfee_sumamt: Money::ZERO }
    }

    /// The lines in bill order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Whether any line is a refund.
    pub fn has_refunds(&self) -> bool {
        self.refunds.iter().any(Option::is_some)
    }

    /// The place of the line that this line refunds.
    pub fn refunded(&self, line: usize) -> Option<usize> {
        self.refunds[line]
    }

    /// The places of the lines by `fee_ocur_time` and `feedetl_sn`: an order that does not depend on how they were sent.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// `medfee_sumamt`: the total, equal to the sum of the lines.
    pub fn medfee_sumamt(&self) -> Money {
        self.medfee_sumamt
    }
}

fn check_line(line: usize, item: &Line, errors: &mut Vec<BillError>) {
    if item.pric.is_negative() {
        errors.push(BillError::NegativePrice { line });
    }
    if item.cnt.is_zero() {
        errors.push(BillError::ZeroQuantity { line });
    }
    if item.cnt.is_negative() != item.init_feedetl_sn.is_some() {
        errors.push(BillError::RefundForm { line });
    }
    match item.pric.times(item.cnt) {
        Err(Overflow) => errors.push(BillError::OutOfRange),
        // A refund is compared once the charge that it refunds is known.
        Ok(expected) if expected != item.det_item_fee_sumamt && item.init_feedetl_sn.is_none() => {
            errors.push(BillError::Amount { line, stated: item.det_item_fee_sumamt, expected });
        }
        Ok(_) => {}
    }
    if let Some(split) = &item.adopted_split {
        // The quantity has the line's sign even where the amount is zero.
        let sign = if item.cnt.is_negative() { -1 } else { 1 };
        match split.total() {
            Err(Overflow) => errors.push(BillError::OutOfRange),
            Ok(parts) if parts != item.det_item_fee_sumamt => {
                errors.push(BillError::Split { line, stated: item.det_item_fee_sumamt, parts });
            }
            Ok(_) if split.parts().iter().any(|part| part.units().signum() * sign < 0) => {
                errors.push(BillError::SplitSign { line });
            }
            Ok(_) => {}
        }
    }
}

/// What is left of a charge after the refunds so far.
#[derive(Clone, Copy)]
struct ChargeLeft {
    amount: Money,
    cnt: Quantity,
    split: Option<FourWaySplit>,
}

/// For each line the line that it refunds; refunds are taken by time and number, errors reported by line.
fn resolve_refunds(
    lines: &[Line],
    order: &[usize],
    places: &BTreeMap<&str, usize>,
    errors: &mut Vec<BillError>,
) -> Vec<Option<usize>> {
    let left_of = |line: &Line| ChargeLeft {
        amount: line.det_item_fee_sumamt,
        cnt: line.cnt,
        split: line.adopted_split,
    };
    let mut left: Vec<ChargeLeft> = lines.iter().map(left_of).collect();
    let mut refunds = vec![None; lines.len()];
    let mut found: BTreeMap<usize, BillError> = BTreeMap::new();
    for &line in order {
        let item = &lines[line];
        let Some(init) = &item.init_feedetl_sn else { continue };
        let Some(original) = places.get(init.as_ref()).copied().filter(|place| {
            let charge = &lines[*place];
            charge.init_feedetl_sn.is_none() && !charge.cnt.is_negative()
        }) else {
            found.insert(line, BillError::RefundUnknown { line });
            continue;
        };
        let charge = &lines[original];
        let is_of_charge = charge.med_list_codg == item.med_list_codg
            && charge.med_chrgitm_type == item.med_chrgitm_type
            && charge.pric == item.pric;
        if !is_of_charge {
            found.insert(line, BillError::RefundDiffers { line });
            continue;
        }
        match refund(line, item, left[original]) {
            Ok(rest) => {
                left[original] = rest;
                refunds[line] = Some(original);
            }
            Err(error) => {
                found.insert(line, error);
            }
        }
    }
    errors.extend(found.into_values());
    refunds
}

/// What a refund leaves of its charge. The one that gives the last of the quantity back may give back what is left of
/// the amount: the rounded amounts of parts need not sum to the rounded amount of the whole.
fn refund(line: usize, item: &Line, left: ChargeLeft) -> Result<ChargeLeft, BillError> {
    let out_of_range = |_: Overflow| BillError::OutOfRange;
    let cnt = left.cnt.plus(item.cnt).map_err(out_of_range)?;
    if cnt.is_negative() {
        return Err(BillError::RefundQuantity { line });
    }
    let stated = item.det_item_fee_sumamt;
    let amount = left.amount.plus(stated).map_err(out_of_range)?;
    let expected = item.pric.times(item.cnt).map_err(out_of_range)?;
    let is_last = cnt.is_zero() && amount.is_zero();
    if stated != expected && !is_last {
        return Err(BillError::Amount { line, stated, expected });
    }
    if amount.is_negative() {
        return Err(BillError::RefundExceeds { line, excess: amount });
    }
    let split = refund_split(left.split, item.adopted_split).map_err(|_| BillError::RefundSplit { line })?;
    Ok(ChargeLeft { amount, cnt, split })
}

/// What is left of an adopted split after a refund's; an error where only one has a split or a part goes below zero.
fn refund_split(
    charge: Option<FourWaySplit>,
    refund: Option<FourWaySplit>,
) -> Result<Option<FourWaySplit>, Overflow> {
    match (charge, refund) {
        (None, None) => Ok(None),
        (Some(charge), Some(refund)) => {
            let rest = charge.plus(&refund)?;
            if rest.parts().iter().any(|part| part.is_negative()) { Err(Overflow) } else { Ok(Some(rest)) }
        }
        (Some(_), None) | (None, Some(_)) => Err(Overflow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(feedetl_sn: &str, pric: &str, cnt: &str, amount: &str) -> Line {
        Line {
            feedetl_sn: feedetl_sn.into(),
            init_feedetl_sn: None,
            med_list_codg: "X".into(),
            medins_list_codg: "x".into(),
            med_chrgitm_type: FeeCategory::from_code("09").unwrap(),
            fee_ocur_time: jiff::civil::date(2026, 3, 2).at(8, 0, 0, 0),
            pric: Price::parse(pric).unwrap(),
            cnt: Quantity::parse(cnt).unwrap(),
            det_item_fee_sumamt: Money::parse(amount).unwrap(),
            hosp_appr_flag: HospitalApproval::NotNeeded,
            oprn_no: None,
            tags: Vec::new(),
            adopted_split: None,
        }
    }

    fn refund(of: &str, line: Line) -> Line {
        Line { init_feedetl_sn: Some(of.into()), ..line }
    }

    fn errors(lines: Vec<Line>, total: &str) -> Vec<String> {
        let result = Bill::new(lines, Money::parse(total).unwrap());
        result.map(|_| Vec::new()).unwrap_or_else(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_bill_that_adds_up_is_a_bill() {
        let lines = vec![line("1", "0.335", "3", "1.01"), refund("1", line("2", "0.335", "-1", "-0.34"))];
        let bill = Bill::new(lines, Money::from_units(67)).unwrap();
        assert_eq!(bill.refunded(1), Some(0));
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        assert_eq!(errors(vec![], "1"), ["the bill has no lines"]);
        assert_eq!(
            errors(vec![line("1", "2", "3", "6"), line("1", "2", "3", "6.01")], "12"),
            [
                "line 1: `feedetl_sn` is the same as on line 0",
                "line 1: `det_item_fee_sumamt` is 6.01, but `pric` x `cnt` is 6.00",
                "`medfee_sumamt` is 12.00, but the lines add up to 12.01",
            ]
        );
        assert_eq!(
            errors(vec![line("1", "2", "3", "6"), line("2", "2", "-1", "-2")], "4"),
            ["line 1: a refund needs both a negative `cnt` and `init_feedetl_sn`"]
        );
        assert_eq!(
            errors(vec![line("1", "2", "3", "6"), refund("9", line("2", "2", "-1", "-2"))], "4"),
            ["line 1: `init_feedetl_sn` names no charge of this bill"]
        );
        assert_eq!(
            errors(
                vec![
                    line("1", "2", "3", "6"),
                    line("3", "5", "1", "5"),
                    refund("1", line("2", "2", "-4", "-8"))
                ],
                "3"
            ),
            ["line 2: refunds give back more than the quantity of the line they refund"]
        );
        assert_eq!(
            errors(vec![line("1", "2", "3", "6"), refund("1", line("2", "1", "-1", "-1"))], "5"),
            [
                "line 1: the refund's `med_list_codg`, `med_chrgitm_type` or `pric` differs from the line it refunds"
            ]
        );
    }

    #[test]
    fn a_refund_is_of_its_charge_and_no_more() {
        let charge = || line("1", "0.335", "3", "1.01");
        let back = |sn: &str, amount: &str| refund("1", line(sn, "0.335", "-1", amount));
        let other = line("9", "5", "1", "5");
        // 3 x 0.34 is more than 1.01: the last one gives back what is left.
        let last = vec![charge(), back("2", "-0.34"), back("3", "-0.34"), back("4", "-0.33"), other.clone()];
        assert!(Bill::new(last, Money::from_units(500)).is_ok());
        let more = vec![charge(), back("2", "-0.34"), back("3", "-0.34"), back("4", "-0.34"), other.clone()];
        assert_eq!(errors(more, "4.99"), ["line 3: refunds exceed the line they refund, by -0.01"]);
        let less = vec![charge(), back("2", "-0.33"), other.clone()];
        assert_eq!(
            errors(less, "5.68"),
            ["line 1: `det_item_fee_sumamt` is -0.33, but `pric` x `cnt` is -0.34"]
        );
        let mut elsewhere = back("2", "-0.34");
        elsewhere.med_chrgitm_type = FeeCategory::from_code("14").unwrap();
        assert_eq!(
            errors(vec![charge(), elsewhere, other], "5.67"),
            [
                "line 1: the refund's `med_list_codg`, `med_chrgitm_type` or `pric` differs from the line it refunds"
            ]
        );
    }

    #[test]
    fn a_line_of_nothing_carries_no_split() {
        let mut item = line("1", "0", "1", "0");
        item.adopted_split = Some(FourWaySplit {
            fulamt_ownpay_amt: Money::from_units(-900),
            inscp_scp_amt: Money::from_units(900),
            ..Default::default()
        });
        let lines = vec![item, line("2", "5", "1", "5")];
        assert_eq!(errors(lines, "5"), ["line 0: a part of the split has the other sign than the line"]);
    }

    #[test]
    fn an_adopted_split_adds_up() {
        let mut item = line("1", "2", "3", "6");
        item.adopted_split =
            Some(FourWaySplit { inscp_scp_amt: Money::from_units(599), ..Default::default() });
        assert_eq!(
            errors(vec![item.clone()], "6"),
            ["line 0: the four parts add up to 5.99, but `det_item_fee_sumamt` is 6.00"]
        );
        item.adopted_split = Some(FourWaySplit {
            inscp_scp_amt: Money::from_units(700),
            preselfpay_amt: Money::from_units(-100),
            ..Default::default()
        });
        assert_eq!(errors(vec![item], "6"), ["line 0: a part of the split has the other sign than the line"]);
    }
}
