//! The national platform's answer: taken as given once its identities hold and it is about this very bill.
//!
//! The identities are those of the national interface, `docs/national-answers.md` has them: I1 payers and the person make
//! the total, I2 account and cash make the person's part, I3 the four parts make the total, I4 so do the lines part by
//! part, I7 the funds make the fund sum, I8 the detail rows make fund sum, account and hospital share, I9 the basic fund
//! pays its base at its ratio, I12 relatives' accounts are part of the account. One whose fields are not there is not
//! checked, and the result says so. A cancellation (2305) holds to the same with every sign turned, and to I10.

use bedside_claim::{AdoptedResult, Bill, FourWaySplit, Money, NationalIdentity, PayerKind, Rate};

use super::fields::{Charset, NODE, Place, Reader, TextForm};
use super::proc_info;
use crate::invalid::{InvalidCode, Phrase};
use crate::v1;

const PLACE: Place<'static> = Place::Node("national.setlinfo");

/// Which way the amounts of an answer point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// 2304: zero or more.
    Settled,
    /// 2305: zero or less.
    Cancelled,
}

/// The amounts of the answer as stated, read but not yet compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) medfee_sumamt: Money,
    pub(super) split: FourWaySplit,
    pub(super) funds: [(PayerKind, Money); 7],
    pub(super) hifdm_pay: Option<Money>,
    pub(super) fund_pay_sumamt: Money,
    pub(super) hosp_part_amt: Money,
    psn_part_amt: Option<Money>,
    pub(super) acct_pay: Money,
    acct_mulaid_pay: Option<Money>,
    balc: Option<Money>,
    pub(super) psn_cash_pay: Money,
    pub(super) act_pay_dedc: Option<Money>,
    pool_prop_selfpay: Option<Rate>,
}

/// One row of `setldetail`.
struct Detail {
    kind: Option<PayerKind>,
    fund_payamt: Money,
    limit: Option<Money>,
    /// The one product that the row says its payment was.
    product: Option<(Money, Rate)>,
}

/// What an answer states.
struct Answer<'a> {
    info: &'a v1::NationalSetlInfo,
    stated: Stated,
    /// `None` when a row could not be read.
    details: Option<Vec<Detail>>,
}

/// The adopted result; `None` when a part is missing or an identity fails, which the reader then knows.
pub(super) fn read(
    reader: &mut Reader,
    answer: &v1::NationalAnswer,
    bill: Option<&Bill>,
    of_lines: Vec<NationalIdentity>,
) -> Option<AdoptedResult> {
    let answer = stated_by(reader, answer, Sign::Settled)?;
    let identities = hold_own(reader, &answer);
    let about_bill = hold_bill(reader, answer.info, &answer.stated, bill);
    let Answer { stated, details, .. } = answer;
    let (details, mut identities) = (details?, identities.filter(|_| about_bill)?);
    identities.extend([NationalIdentity::I4, NationalIdentity::I5]);
    identities.extend(of_lines);
    identities.sort_unstable();
    let disabled = stated.hifdm_pay.unwrap_or_default();
    let mut funds = Vec::new();
    for (kind, amount) in stated.funds {
        let amount = if kind == PayerKind::OtherFund { amount.plus(disabled).ok()? } else { amount };
        if !amount.is_zero() {
            funds.push((kind, amount));
        }
    }
    Some(AdoptedResult {
        funds,
        hosp_part_amt: stated.hosp_part_amt,
        acct_pay: stated.acct_pay,
        act_pay_dedc: stated.act_pay_dedc,
        pool_prop_selfpay: stated.pool_prop_selfpay.filter(|ratio| !ratio.is_zero()),
        limits: limits(&details),
        acct_mulaid_pay: stated.acct_mulaid_pay,
        balc: stated.balc,
        identities,
    })
}

/// What a cancellation states, and the identities between its own fields that were checked and hold.
pub(super) fn read_cancel(
    reader: &mut Reader,
    answer: &v1::NationalAnswer,
) -> Option<(Stated, Vec<NationalIdentity>)> {
    let answer = stated_by(reader, answer, Sign::Cancelled)?;
    let identities = hold_own(reader, &answer)?;
    Some((answer.stated, identities))
}

fn stated_by<'a>(reader: &mut Reader, answer: &'a v1::NationalAnswer, sign: Sign) -> Option<Answer<'a>> {
    let details = details(reader, &answer.setldetail, sign);
    let Some(info) = &answer.setlinfo else {
        reader.missing(Place::Top, "national.setlinfo", NODE);
        return None;
    };
    let setl_id = TextForm::up_to(Charset::Visible, 30);
    reader.optional_text(PLACE, "setl_id", &info.setl_id, setl_id);
    let stated = stated(reader, info, sign)?;
    Some(Answer { info, stated, details })
}

/// The identities between the answer's own fields that were checked; `None` when one fails.
fn hold_own(reader: &mut Reader, answer: &Answer<'_>) -> Option<Vec<NationalIdentity>> {
    let Answer { info, stated, details } = answer;
    let details = details.as_deref();
    let mut identities = Vec::new();
    let held = [
        hold_person(reader, info, stated, &mut identities),
        hold_funds(reader, info, stated, &mut identities),
        hold_details(reader, info, stated, details, &mut identities),
        hold_ratio(reader, info, stated, details, &mut identities),
    ];
    (details.is_some() && !held.contains(&false)).then_some(identities)
}

/// An amount of the right sign.
fn signed(reader: &mut Reader, place: Place<'_>, field: &str, value: &str, sign: Sign) -> Option<Money> {
    if sign == Sign::Settled {
        return reader.amount(place, field, value);
    }
    let amount = reader.money(place, field, value)?;
    if amount > Money::ZERO {
        let allowed = Phrase::fixed(
            "不大于零：撤销返回相反数（I10）",
            "zero or less: a cancellation returns negated amounts (I10)",
        );
        reader.fault(place, field, InvalidCode::IdentityMismatch, value, allowed);
        return None;
    }
    Some(amount)
}

/// The same, where the field may be empty. The outer `None` is a fault.
fn optional(reader: &mut Reader, field: &str, value: &str, sign: Sign) -> Option<Option<Money>> {
    if value.is_empty() { Some(None) } else { signed(reader, PLACE, field, value, sign).map(Some) }
}

fn stated(reader: &mut Reader, info: &v1::NationalSetlInfo, sign: Sign) -> Option<Stated> {
    let medfee_sumamt = signed(reader, PLACE, "medfee_sumamt", &info.medfee_sumamt, sign);
    let own = signed(reader, PLACE, "fulamt_ownpay_amt", &info.fulamt_ownpay_amt, sign);
    let over = signed(reader, PLACE, "overlmt_selfpay", &info.overlmt_selfpay, sign);
    let first = signed(reader, PLACE, "preselfpay_amt", &info.preselfpay_amt, sign);
    let scope = signed(reader, PLACE, "inscp_scp_amt", &info.inscp_scp_amt, sign);
    let act_pay_dedc = optional(reader, "act_pay_dedc", &info.act_pay_dedc, sign);
    // A fund that was left out paid nothing; identity I7 finds one that was left out and paid.
    let funds = [
        (PayerKind::BasicInsurance, &info.hifp_pay),
        (PayerKind::CivilServant, &info.cvlserv_pay),
        (PayerKind::EnterpriseSupplement, &info.hifes_pay),
        (PayerKind::CriticalIllness, &info.hifmi_pay),
        (PayerKind::LargeAmount, &info.hifob_pay),
        (PayerKind::Assistance, &info.maf_pay),
        (PayerKind::OtherFund, &info.oth_pay),
    ]
    .map(|(kind, value)| {
        let field = kind.setlinfo_field().unwrap_or_default();
        (kind, optional(reader, field, value, sign))
    });
    let hifdm_pay = optional(reader, "hifdm_pay", &info.hifdm_pay, sign);
    let fund_pay_sumamt = signed(reader, PLACE, "fund_pay_sumamt", &info.fund_pay_sumamt, sign);
    let hosp_part_amt = optional(reader, "hosp_part_amt", &info.hosp_part_amt, sign);
    let psn_part_amt = optional(reader, "psn_part_amt", &info.psn_part_amt, sign);
    let acct_pay = signed(reader, PLACE, "acct_pay", &info.acct_pay, sign);
    let acct_mulaid_pay = optional(reader, "acct_mulaid_pay", &info.acct_mulaid_pay, sign);
    // The state of the account, not an amount of the settlement: never negated.
    let balc = optional(reader, "balc", &info.balc, Sign::Settled);
    let psn_cash_pay = signed(reader, PLACE, "psn_cash_pay", &info.psn_cash_pay, sign);
    let pool_prop_selfpay = match info.pool_prop_selfpay.as_str() {
        "" => Some(None),
        ratio => reader.ratio(PLACE, "pool_prop_selfpay", ratio).map(Some),
    };
    let mut paid = [(PayerKind::BasicInsurance, Money::ZERO); 7];
    for (slot, (kind, amount)) in paid.iter_mut().zip(funds) {
        *slot = (kind, amount?.unwrap_or_default());
    }
    let split = FourWaySplit {
        fulamt_ownpay_amt: own?,
        overlmt_amt: over?,
        preselfpay_amt: first?,
        inscp_scp_amt: scope?,
    };
    Some(Stated {
        medfee_sumamt: medfee_sumamt?,
        split,
        funds: paid,
        hifdm_pay: hifdm_pay?,
        fund_pay_sumamt: fund_pay_sumamt?,
        hosp_part_amt: hosp_part_amt?.unwrap_or_default(),
        psn_part_amt: psn_part_amt?,
        acct_pay: acct_pay?,
        acct_mulaid_pay: acct_mulaid_pay?,
        balc: balc?,
        psn_cash_pay: psn_cash_pay?,
        act_pay_dedc: act_pay_dedc?,
        pool_prop_selfpay: pool_prop_selfpay?,
    })
}

impl Stated {
    /// What the person bears: as stated, or the account and the cash.
    pub(super) fn person(&self) -> Vec<(&'static str, Money)> {
        match self.psn_part_amt {
            Some(psn_part_amt) => vec![("psn_part_amt", psn_part_amt)],
            None => vec![("acct_pay", self.acct_pay), ("psn_cash_pay", self.psn_cash_pay)],
        }
    }
}

/// Every row.
fn details(reader: &mut Reader, rows: &[v1::SetlDetail], sign: Sign) -> Option<Vec<Detail>> {
    let details: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let place = Place::Row("national.setldetail", index);
            // The table says six digits; eight-digit local codes are alive.
            let form = TextForm::between(Charset::Digits, 6, 8);
            let code = reader.text(place, "fund_pay_type", &row.fund_pay_type, form);
            let amount = signed(reader, place, "fund_payamt", &row.fund_payamt, sign);
            let mut beside = |field, value: &str| match value {
                "" => Some(None),
                value => signed(reader, place, field, value, sign).map(Some),
            };
            let scope = beside("inscp_scp_amt", &row.inscp_scp_amt);
            // What may be paid is not turned by a cancellation everywhere.
            let limit = match (sign, row.crt_payb_lmt_amt.as_str()) {
                (_, "") => Some(None),
                (Sign::Settled, limit) => beside("crt_payb_lmt_amt", limit),
                (Sign::Cancelled, limit) => reader.money(place, "crt_payb_lmt_amt", limit).map(Some),
            };
            let info = TextForm::up_to(Charset::Text, 4_000);
            let is_text = reader.optional_text(place, "setl_proc_info", row.setl_proc_info.trim(), info);
            let product = proc_info::product(&row.setl_proc_info);
            scope?;
            let kind = fund_kind(&code?);
            is_text.then_some(Detail { kind, fund_payamt: amount?, limit: limit?, product })
        })
        .collect();
    details.into_iter().collect()
}

/// Whose fund a `fund_pay_type` is, of those whose field is known. Used as evidence only: the codes mean different things
/// in different regions, and the amounts are those of `setlinfo`.
fn fund_kind(code: &str) -> Option<PayerKind> {
    Some(match code {
        "310100" | "310101" | "390100" => PayerKind::BasicInsurance,
        "320100" | "320200" => PayerKind::CivilServant,
        "330100" | "330101" => PayerKind::LargeAmount,
        "370100" | "370200" => PayerKind::EnterpriseSupplement,
        "390200" => PayerKind::CriticalIllness,
        "610100" | "610101" | "610102" => PayerKind::Assistance,
        _ => return None,
    })
}

/// `crt_payb_lmt_amt` of the payers that have one row.
fn limits(details: &[Detail]) -> Vec<(PayerKind, Money)> {
    let limit_of = |kind: PayerKind| {
        let mut rows = details.iter().filter(|detail| detail.kind == Some(kind));
        let only = rows.next().filter(|_| rows.next().is_none())?;
        only.limit.map(|limit| (kind, limit))
    };
    PayerKind::ALL.into_iter().filter_map(limit_of).collect()
}

fn hold_person(
    reader: &mut Reader,
    info: &v1::NationalSetlInfo,
    stated: &Stated,
    identities: &mut Vec<NationalIdentity>,
) -> bool {
    let mut total =
        vec![("fund_pay_sumamt", stated.fund_pay_sumamt), ("hosp_part_amt", stated.hosp_part_amt)];
    total.extend(stated.person());
    identities.push(NationalIdentity::I1);
    let whole = ("medfee_sumamt", info.medfee_sumamt.as_str(), stated.medfee_sumamt);
    let total = identity(reader, NationalIdentity::I1, whole, &total);
    let person = stated.psn_part_amt.is_none_or(|psn_part_amt| {
        identities.push(NationalIdentity::I2);
        let parts = [("acct_pay", stated.acct_pay), ("psn_cash_pay", stated.psn_cash_pay)];
        let whole = ("psn_part_amt", info.psn_part_amt.as_str(), psn_part_amt);
        identity(reader, NationalIdentity::I2, whole, &parts)
    });
    let account = stated.acct_mulaid_pay.is_none_or(|of_family| {
        identities.push(NationalIdentity::I12);
        // Both have the sign of the answer.
        let is_part = of_family.units().abs() <= stated.acct_pay.units().abs();
        if !is_part {
            let acct_pay = stated.acct_pay;
            let allowed = Phrase::made(
                format!("不超过 acct_pay = {acct_pay}（I12）"),
                format!("no more than acct_pay = {acct_pay} (I12)"),
            );
            let value = &info.acct_mulaid_pay;
            reader.fault(PLACE, "acct_mulaid_pay", InvalidCode::IdentityMismatch, value, allowed);
        }
        is_part
    });
    total && person && account
}

fn hold_funds(
    reader: &mut Reader,
    info: &v1::NationalSetlInfo,
    stated: &Stated,
    identities: &mut Vec<NationalIdentity>,
) -> bool {
    identities.extend([NationalIdentity::I3, NationalIdentity::I7]);
    let FourWaySplit { fulamt_ownpay_amt, overlmt_amt, preselfpay_amt, inscp_scp_amt } = stated.split;
    let parts = [
        ("fulamt_ownpay_amt", fulamt_ownpay_amt),
        ("overlmt_selfpay", overlmt_amt),
        ("preselfpay_amt", preselfpay_amt),
        ("inscp_scp_amt", inscp_scp_amt),
    ];
    let whole = ("medfee_sumamt", info.medfee_sumamt.as_str(), stated.medfee_sumamt);
    let split = identity(reader, NationalIdentity::I3, whole, &parts);
    let funds =
        stated.funds.iter().map(|(kind, amount)| (kind.setlinfo_field().unwrap_or_default(), *amount));
    let mut funds: Vec<_> = funds.collect();
    funds.extend(stated.hifdm_pay.map(|amount| ("hifdm_pay", amount)));
    let whole = ("fund_pay_sumamt", info.fund_pay_sumamt.as_str(), stated.fund_pay_sumamt);
    split && identity(reader, NationalIdentity::I7, whole, &funds)
}

fn hold_details(
    reader: &mut Reader,
    info: &v1::NationalSetlInfo,
    stated: &Stated,
    details: Option<&[Detail]>,
    identities: &mut Vec<NationalIdentity>,
) -> bool {
    let Some(details) = details.filter(|details| !details.is_empty()) else { return true };
    identities.push(NationalIdentity::I8);
    let Ok(rows) = Money::sum(details.iter().map(|detail| detail.fund_payamt)) else {
        return out_of_range(reader, details.len());
    };
    let sides =
        Money::sum([stated.fund_pay_sumamt, stated.acct_pay, stated.hosp_part_amt]).unwrap_or_default();
    if rows == sides {
        return true;
    }
    let allowed = Phrase::made(
        format!(
            "setldetail.fund_payamt 合计 {rows} = fund_pay_sumamt + acct_pay + hosp_part_amt = {sides}（I8）"
        ),
        format!(
            "sum of setldetail.fund_payamt = {rows} must equal fund_pay_sumamt + acct_pay + hosp_part_amt = {sides} (I8)"
        ),
    );
    reader.fault(PLACE, "fund_pay_sumamt", InvalidCode::IdentityMismatch, &info.fund_pay_sumamt, allowed);
    false
}

/// I9, where the row of the basic fund says of which base and ratio its payment is the product, and the answer names no
/// other ratio.
fn hold_ratio(
    reader: &mut Reader,
    info: &v1::NationalSetlInfo,
    stated: &Stated,
    details: Option<&[Detail]>,
    identities: &mut Vec<NationalIdentity>,
) -> bool {
    let basic = |detail: &&Detail| detail.kind == Some(PayerKind::BasicInsurance);
    let mut rows = details.unwrap_or_default().iter().filter(basic);
    let (Some(Detail { product: Some((base, ratio)), .. }), None) = (rows.next(), rows.next()) else {
        return true;
    };
    if stated.pool_prop_selfpay.is_some_and(|stated| !stated.is_zero() && stated != *ratio) {
        return true;
    }
    identities.push(NationalIdentity::I9);
    // The base is written without the sign of a cancellation.
    let expected = base.at_rate(*ratio);
    let hifp_pay = stated.funds[0].1;
    if expected.is_ok_and(|expected| expected.units().abs() == hifp_pay.units().abs()) {
        return true;
    }
    let expected = expected.unwrap_or_default();
    let allowed = Phrase::made(
        format!("setl_proc_info 中 {base} × {ratio} 四舍五入到分 = {expected}（I9）"),
        format!("{base} x {ratio} in setl_proc_info, rounded half up to the fen = {expected} (I9)"),
    );
    reader.fault(PLACE, "hifp_pay", InvalidCode::IdentityMismatch, &info.hifp_pay, allowed);
    false
}

/// Whether whatever the answer says of person, visit and insurance is said of this bill.
pub(super) fn is_of(reader: &mut Reader, request: &v1::SettleBillRequest) -> bool {
    let Some(info) = request.national.as_ref().and_then(|answer| answer.setlinfo.as_ref()) else {
        return true;
    };
    let visit = request.mdtrtinfo.clone().unwrap_or_default();
    let psn_no = request.baseinfo.as_ref().map(|person| person.psn_no.clone()).unwrap_or_default();
    let pairs = [
        ("psn_no", &info.psn_no, &psn_no),
        ("mdtrt_id", &info.mdtrt_id, &visit.mdtrt_id),
        ("insutype", &info.insutype, &visit.insutype),
    ];
    let mut held = true;
    for (field, theirs, ours) in pairs {
        if !theirs.is_empty() && theirs != ours {
            let allowed = Phrase::fixed("与本次结算相同，或为空", "the bill's own, or empty");
            reader.fault(PLACE, field, InvalidCode::Differs, theirs, allowed);
            held = false;
        }
    }
    held
}

/// The answer must be about this bill: the same total, and the same parts over the lines, each of which carries its
/// own. A line that the catalogue would split could disagree with what the platform paid on, and by whom a fen was
/// paid would be a guess.
fn hold_bill(reader: &mut Reader, info: &v1::NationalSetlInfo, stated: &Stated, bill: Option<&Bill>) -> bool {
    let Some(bill) = bill else { return true };
    let mut held = true;
    let total = bill.medfee_sumamt();
    if stated.medfee_sumamt != total {
        let allowed =
            Phrase::made(format!("data.medfee_sumamt = {total}"), format!("data.medfee_sumamt = {total}"));
        reader.fault(PLACE, "medfee_sumamt", InvalidCode::IdentityMismatch, &info.medfee_sumamt, allowed);
        held = false;
    }
    let mut splits = Vec::with_capacity(bill.lines().len());
    for (number, line) in bill.lines().iter().enumerate() {
        match line.adopted_split {
            Some(split) => splits.push(split),
            None => {
                let parts = Phrase::fixed(
                    "采用国家平台结算时，每条明细须带平台返回的四分拆分",
                    "the four parts that the platform returned, on every line of a bill with its answer",
                );
                reader.missing(Place::Line(number, &line.feedetl_sn), "fulamt_ownpay_amt", parts);
            }
        }
    }
    if splits.len() < bill.lines().len() {
        return false;
    }
    let sum = splits.iter().try_fold(FourWaySplit::default(), |sum, split| sum.plus(split));
    let Ok(sum) = sum else { return out_of_range(reader, bill.lines().len()) };
    let fields = [
        ("fulamt_ownpay_amt", &info.fulamt_ownpay_amt),
        ("overlmt_selfpay", &info.overlmt_selfpay),
        ("preselfpay_amt", &info.preselfpay_amt),
        ("inscp_scp_amt", &info.inscp_scp_amt),
    ];
    for ((field, value), (part, lines)) in
        fields.into_iter().zip(stated.split.parts().into_iter().zip(sum.parts()))
    {
        if part != lines {
            let allowed = Phrase::made(
                format!("明细行同项合计 = {lines}（I4）"),
                format!("the sum of this part over the lines = {lines} (I4)"),
            );
            reader.fault(PLACE, field, InvalidCode::IdentityMismatch, value, allowed);
            held = false;
        }
    }
    held
}

fn out_of_range(reader: &mut Reader, rows: usize) -> bool {
    let allowed = Phrase::fixed("合计不超过 16 位的金额", "amounts whose sums have up to 16 digits");
    reader.list_fault("national", rows, InvalidCode::TooLarge, allowed);
    false
}

/// Whether the field (name, text, amount) is the sum of the parts; tells the identity with both sides where it is not.
fn identity(
    reader: &mut Reader,
    identity: NationalIdentity,
    (field, value, whole): (&str, &str, Money),
    parts: &[(&str, Money)],
) -> bool {
    let sum = Money::sum(parts.iter().map(|(_, amount)| *amount));
    if sum == Ok(whole) {
        return true;
    }
    let names: Vec<_> = parts.iter().map(|(name, _)| *name).collect();
    let names = names.join(" + ");
    let sum = sum.unwrap_or_default();
    let allowed =
        Phrase::made(format!("{names} = {sum}（{identity}）"), format!("{names} = {sum} ({identity})"));
    reader.fault(PLACE, field, InvalidCode::IdentityMismatch, value, allowed);
    false
}
