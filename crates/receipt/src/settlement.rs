//! Adds a settlement up again, from the bytes of its answer.
//!
//! Knows `settlement.proto` by its field numbers and no rule of any plan. Amounts are whole fen; there is no tolerance.
//! What must hold is listed at [`Sum`]; a cancellation's negated amounts obey the same sums.

use std::fmt;

use crate::fields::{Fields, NotAMessage};

/// A sum that does not come out, in the words of the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sum}: {left} is not {right}")]
pub struct Mismatch {
    /// Which.
    pub sum: Sum,
    /// The amount that is written.
    pub left: Fen,
    /// What its parts come to.
    pub right: Fen,
}

/// Why an answer does not add up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The bytes are no settlement.
    #[error("the answer is not a settlement")]
    NotASettlement,
    /// A text where an amount must stand.
    #[error("`{0}` is not an amount in yuan and fen")]
    NotAnAmount(&'static str),
    /// A line has more or fewer shares than there are payments.
    #[error("line {line} has {shares} shares of {payments} payments")]
    Shares {
        /// The line, from 1.
        line: usize,
        /// Its shares.
        shares: usize,
        /// The payments.
        payments: usize,
    },
    /// A sum.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

impl From<NotAMessage> for AnswerError {
    fn from(_: NotAMessage) -> AnswerError {
        AnswerError::NotASettlement
    }
}

/// An amount in fen; of the size of any sum of amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Fen(pub i128);

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let fen = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", fen / 100, fen % 100)
    }
}

/// What must add up. Lines and payments count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// A line's charge is its four parts.
    LineParts(usize),
    /// A line's charge is its shares of the payments, the hospital's, the account's and the cash.
    LineShares(usize),
    /// A payment is its shares of all lines.
    Payment(usize),
    /// A total of `setlinfo` is the sum of that column over the lines.
    Column(&'static str),
    /// `medfee_sumamt` is its four parts.
    BillParts,
    /// `medfee_sumamt` is what the funds, the policies, the hospital and the person pay.
    BillPayers,
    /// `psn_part_amt` is account and cash.
    Person,
    /// A fund's or the policies' total of `setlinfo` is the sum of its payments.
    Kind(&'static str),
    /// `to_person_pay` is what is paid to the person beside the bill.
    ToPerson,
    /// `acct_mulaid_pay` is what relatives' accounts pay.
    Relatives,
    /// A corrected settlement's `old_medfee_sumamt` is what its accounts bore.
    Before(usize),
    /// A corrected settlement's `new_medfee_sumamt` is what its accounts bear.
    After(usize),
    /// An account's `difference` is new less old.
    Difference(usize),
    /// `totals` are the sums over all corrected settlements, by account.
    Totals,
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sum::LineParts(line) => write!(f, "the four parts of line {line}"),
            Sum::LineShares(line) => write!(f, "the shares of line {line}"),
            Sum::Payment(payment) => write!(f, "the shares of payment {payment}"),
            Sum::Column(name) => write!(f, "`{name}` over the lines"),
            Sum::BillParts => f.write_str("the four parts of the bill"),
            Sum::BillPayers => f.write_str("what the bill's payers pay"),
            Sum::Person => f.write_str("account and cash"),
            Sum::Kind(name) => write!(f, "`{name}` over the payments"),
            Sum::ToPerson => f.write_str("what is paid beside the bill"),
            Sum::Relatives => f.write_str("what relatives' accounts pay"),
            Sum::Before(number) => write!(f, "what bore corrected settlement {number} before"),
            Sum::After(number) => write!(f, "what bears corrected settlement {number} now"),
            Sum::Difference(number) => write!(f, "a difference of corrected settlement {number}"),
            Sum::Totals => f.write_str("the totals over all corrected settlements"),
        }
    }
}

/// What was added up, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// `setl_id`.
    pub setl_id: String,
    /// `setl_time`.
    pub setl_time: String,
    /// The settlement that it mirrors; empty unless it is a cancellation.
    pub init_setl_id: String,
    /// Lines of the bill.
    pub lines: usize,
    /// Sums that were checked.
    pub sums: usize,
    /// `medfee_sumamt`.
    pub medfee_sumamt: Fen,
    /// What all public funds pay.
    pub fund_pay_sumamt: Fen,
    /// What commercial policies pay at the bedside.
    pub commercial_pay: Fen,
    /// `psn_part_amt`.
    pub psn_part_amt: Fen,
}

/// Yuan with at most two decimals; an amount that was not sent is zero.
pub(crate) fn fen(text: &str, field: &'static str) -> Result<Fen, AnswerError> {
    let wrong = AnswerError::NotAnAmount(field);
    if text.is_empty() {
        return Ok(Fen(0));
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (yuan, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|it| it.is_ascii_digit());
    if yuan.is_empty() || yuan.len() > 18 || decimals.len() > 2 || !plain(yuan) || !plain(decimals) {
        return Err(wrong);
    }
    let value: i128 = format!("{yuan}{decimals:0<2}").parse().map_err(|_| wrong)?;
    Ok(Fen(if negative { -value } else { value }))
}

pub(crate) fn amount(message: &Fields<'_>, number: u64, field: &'static str) -> Result<Fen, AnswerError> {
    fen(message.text(number)?, field)
}

pub(crate) fn sum(amounts: impl IntoIterator<Item = Fen>) -> Fen {
    Fen(amounts.into_iter().map(|it| it.0).sum())
}

/// Counts the sums that came out.
#[derive(Default)]
pub(crate) struct Checks(usize);

impl Checks {
    pub(crate) fn count(&self) -> usize {
        self.0
    }

    pub(crate) fn hold(&mut self, sum: Sum, left: Fen, right: Fen) -> Result<(), AnswerError> {
        self.0 += 1;
        if left == right { Ok(()) } else { Err(Mismatch { sum, left, right }.into()) }
    }
}

/// A column of the lines and the total that it must come to: the field in a line, the field in `setlinfo`.
const COLUMNS: [(u64, u64, &str); 8] = [
    (5, 1, "medfee_sumamt"),
    (6, 2, "fulamt_ownpay_amt"),
    (7, 3, "overlmt_selfpay"),
    (8, 4, "preselfpay_amt"),
    (9, 5, "inscp_scp_amt"),
    (14, 16, "hosp_part_amt"),
    (15, 18, "acct_pay"),
    (16, 19, "psn_cash_pay"),
];

/// Payers by `payer_kind`, and the field of `setlinfo` that sums their payments.
const KINDS: [(&str, u64, &str); 8] = [
    ("basic_insurance", 7, "hifp_pay"),
    ("civil_servant", 8, "cvlserv_pay"),
    ("enterprise_supplement", 9, "hifes_pay"),
    ("critical_illness", 10, "hifmi_pay"),
    ("large_amount", 11, "hifob_pay"),
    ("assistance", 12, "maf_pay"),
    ("other_fund", 13, "oth_pay"),
    ("commercial", 15, "commercial_pay"),
];

/// Adds the settlement up.
///
/// # Errors
/// The first thing that does not come out; see [`AnswerError`].
pub fn add_up(answer: &[u8]) -> Result<Added, AnswerError> {
    let settlement = Fields::of(answer)?;
    let info = settlement.message(8)?;
    let payments = settlement.messages(9)?;
    let lines = settlement.messages(10)?;
    let mut checks = Checks::default();

    let mut paid = vec![Fen(0); payments.len()];
    for (number, line) in lines.iter().enumerate().map(|(place, line)| (place + 1, line)) {
        add_up_line(number, line, &mut paid, &mut checks)?;
    }
    for (place, payment) in payments.iter().enumerate() {
        checks.hold(Sum::Payment(place + 1), amount(payment, 8, "payments.amount")?, paid[place])?;
    }
    for (of_line, of_info, name) in COLUMNS {
        let column = lines.iter().map(|line| amount(line, of_line, name)).collect::<Result<Vec<_>, _>>()?;
        checks.hold(Sum::Column(name), amount(&info, of_info, name)?, sum(column))?;
    }
    for (kind, of_info, name) in KINDS {
        let mut of_kind = Fen(0);
        for payment in &payments {
            if payment.text(1)? == kind {
                of_kind.0 += amount(payment, 8, "payments.amount")?.0;
            }
        }
        checks.hold(Sum::Kind(name), amount(&info, of_info, name)?, of_kind)?;
    }
    let of = |number: u64, name: &'static str| amount(&info, number, name);
    let medfee_sumamt = of(1, "medfee_sumamt")?;
    let parts = [
        of(2, "fulamt_ownpay_amt")?,
        of(3, "overlmt_selfpay")?,
        of(4, "preselfpay_amt")?,
        of(5, "inscp_scp_amt")?,
    ];
    checks.hold(Sum::BillParts, medfee_sumamt, sum(parts))?;
    let (fund_pay_sumamt, commercial_pay) = (of(14, "fund_pay_sumamt")?, of(15, "commercial_pay")?);
    let psn_part_amt = of(17, "psn_part_amt")?;
    let funds =
        KINDS[..7].iter().map(|(_, number, name)| of(*number, name)).collect::<Result<Vec<_>, _>>()?;
    checks.hold(Sum::Kind("fund_pay_sumamt"), fund_pay_sumamt, sum(funds))?;
    let payers = [fund_pay_sumamt, commercial_pay, of(16, "hosp_part_amt")?, psn_part_amt];
    checks.hold(Sum::BillPayers, medfee_sumamt, sum(payers))?;
    checks.hold(Sum::Person, psn_part_amt, sum([of(18, "acct_pay")?, of(19, "psn_cash_pay")?]))?;
    let mut to_person = Fen(0);
    for beside in settlement.messages(18)? {
        to_person.0 += amount(&beside.message(1)?, 8, "to_person.payment.amount")?.0;
    }
    checks.hold(Sum::ToPerson, of(24, "to_person_pay")?, to_person)?;
    let relatives = settlement.messages(19)?;
    if !relatives.is_empty() {
        let of_each =
            relatives.iter().map(|it| amount(it, 2, "mulaid.amount")).collect::<Result<Vec<_>, _>>()?;
        checks.hold(Sum::Relatives, of(21, "acct_mulaid_pay")?, sum(of_each))?;
    }
    Ok(Added {
        setl_id: settlement.text(1)?.to_owned(),
        setl_time: settlement.text(5)?.to_owned(),
        init_setl_id: settlement.text(16)?.to_owned(),
        lines: lines.len(),
        sums: checks.0,
        medfee_sumamt,
        fund_pay_sumamt,
        commercial_pay,
        psn_part_amt,
    })
}

fn add_up_line(
    number: usize,
    line: &Fields<'_>,
    paid: &mut [Fen],
    checks: &mut Checks,
) -> Result<(), AnswerError> {
    let of = |field: u64, name: &'static str| amount(line, field, name);
    let charge = of(5, "lines.det_item_fee_sumamt")?;
    let parts = [
        of(6, "lines.fulamt_ownpay_amt")?,
        of(7, "lines.overlmt_amt")?,
        of(8, "lines.preselfpay_amt")?,
        of(9, "lines.inscp_scp_amt")?,
    ];
    checks.hold(Sum::LineParts(number), charge, sum(parts))?;
    let shares: Vec<&[u8]> = line.all(13).collect();
    if shares.len() != paid.len() {
        return Err(AnswerError::Shares { line: number, shares: shares.len(), payments: paid.len() });
    }
    let own = [of(14, "lines.hosp_part_amt")?, of(15, "lines.acct_pay")?, of(16, "lines.psn_cash_pay")?];
    let mut shared = sum(own);
    for (total, share) in paid.iter_mut().zip(shares) {
        let share = fen(std::str::from_utf8(share).map_err(|_| NotAMessage)?, "lines.shares")?;
        total.0 += share.0;
        shared.0 += share.0;
    }
    checks.hold(Sum::LineShares(number), charge, shared)
}
