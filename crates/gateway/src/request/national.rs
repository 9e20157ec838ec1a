//! The national platform's answer: taken as given once its identities hold and it is about this very bill.
//!
//! The identities are those of the national interface: I1 payers and the person make the total, I2 account and cash
//! make the person's part, I3 the four parts make the total, I7 the funds make the fund sum, I8 the detail rows make
//! fund sum, account and hospital share.

use bedside_claim::{AdoptedResult, Bill, FourWaySplit, Money, PayerKind};

use super::fields::{Charset, NODE, Place, Reader, TextForm};
use crate::invalid::{InvalidCode, Phrase};
use crate::v1;

const PLACE: Place<'static> = Place::Node("national.setlinfo");

/// The amounts of the answer, read but not yet compared.
struct Stated {
    medfee_sumamt: Money,
    split: FourWaySplit,
    funds: [(PayerKind, Money); 7],
    fund_pay_sumamt: Money,
    hosp_part_amt: Money,
    psn_part_amt: Option<Money>,
    acct_pay: Money,
    psn_cash_pay: Money,
    act_pay_dedc: Money,
}

/// The adopted result; `None` when a part is missing or an identity fails, which the reader then knows.
pub(super) fn read(
    reader: &mut Reader,
    answer: &v1::NationalAnswer,
    bill: Option<&Bill>,
) -> Option<AdoptedResult> {
    let details = details(reader, &answer.setldetail);
    let Some(info) = &answer.setlinfo else {
        reader.missing(Place::Top, "national.setlinfo", NODE);
        return None;
    };
    let setl_id = TextForm::up_to(Charset::Visible, 30);
    reader.optional_text(PLACE, "setl_id", &info.setl_id, setl_id);
    let stated = stated(reader, info)?;
    let held = [
        hold_own(reader, info, &stated),
        hold_details(reader, info, &stated, details.as_deref()),
        hold_bill(reader, info, &stated, bill),
    ];
    if held.contains(&false) || details.is_none() {
        return None;
    }
    let funds = stated.funds.into_iter().filter(|(_, amount)| !amount.is_zero()).collect();
    Some(AdoptedResult {
        funds,
        hosp_part_amt: stated.hosp_part_amt,
        acct_pay: stated.acct_pay,
        act_pay_dedc: stated.act_pay_dedc,
    })
}

fn stated(reader: &mut Reader, info: &v1::NationalSetlInfo) -> Option<Stated> {
    let medfee_sumamt = reader.amount(PLACE, "medfee_sumamt", &info.medfee_sumamt);
    let own = reader.amount(PLACE, "fulamt_ownpay_amt", &info.fulamt_ownpay_amt);
    let over = reader.amount(PLACE, "overlmt_selfpay", &info.overlmt_selfpay);
    let first = reader.amount(PLACE, "preselfpay_amt", &info.preselfpay_amt);
    let scope = reader.amount(PLACE, "inscp_scp_amt", &info.inscp_scp_amt);
    let act_pay_dedc = reader.optional_amount(PLACE, "act_pay_dedc", &info.act_pay_dedc);
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
        (kind, reader.optional_amount(PLACE, field, value))
    });
    let fund_pay_sumamt = reader.amount(PLACE, "fund_pay_sumamt", &info.fund_pay_sumamt);
    let hosp_part_amt = reader.optional_amount(PLACE, "hosp_part_amt", &info.hosp_part_amt);
    let psn_part_amt = reader.optional_amount(PLACE, "psn_part_amt", &info.psn_part_amt);
    let acct_pay = reader.amount(PLACE, "acct_pay", &info.acct_pay);
    let psn_cash_pay = reader.amount(PLACE, "psn_cash_pay", &info.psn_cash_pay);
    let mut paid = [(PayerKind::BasicInsurance, Money::ZERO); 7];
    for (slot, (kind, amount)) in paid.iter_mut().zip(funds) {
        *slot = (kind, amount?);
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
        fund_pay_sumamt: fund_pay_sumamt?,
        hosp_part_amt: hosp_part_amt?,
        psn_part_amt: (!info.psn_part_amt.is_empty()).then_some(psn_part_amt?),
        acct_pay: acct_pay?,
        psn_cash_pay: psn_cash_pay?,
        act_pay_dedc: act_pay_dedc?,
    })
}

/// `fund_payamt` of every row.
fn details(reader: &mut Reader, rows: &[v1::SetlDetail]) -> Option<Vec<Money>> {
    let amounts: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let place = Place::Row("national.setldetail", index);
            // The table says six digits; eight-digit local codes are alive.
            let form = TextForm::between(Charset::Digits, 6, 8);
            let kind = reader.text(place, "fund_pay_type", &row.fund_pay_type, form);
            let amount = reader.amount(place, "fund_payamt", &row.fund_payamt);
            let scope = reader.optional_amount(place, "inscp_scp_amt", &row.inscp_scp_amt);
            kind.and(scope).and(amount)
        })
        .collect();
    amounts.into_iter().collect()
}

fn hold_own(reader: &mut Reader, info: &v1::NationalSetlInfo, stated: &Stated) -> bool {
    let person = stated.psn_part_amt.map_or_else(
        || vec![("acct_pay", stated.acct_pay), ("psn_cash_pay", stated.psn_cash_pay)],
        |psn_part_amt| vec![("psn_part_amt", psn_part_amt)],
    );
    let mut total =
        vec![("fund_pay_sumamt", stated.fund_pay_sumamt), ("hosp_part_amt", stated.hosp_part_amt)];
    total.extend(person);
    let total = identity(reader, "I1", "medfee_sumamt", &info.medfee_sumamt, stated.medfee_sumamt, &total);
    let person = stated.psn_part_amt.is_none_or(|psn_part_amt| {
        let parts = [("acct_pay", stated.acct_pay), ("psn_cash_pay", stated.psn_cash_pay)];
        identity(reader, "I2", "psn_part_amt", &info.psn_part_amt, psn_part_amt, &parts)
    });
    let FourWaySplit { fulamt_ownpay_amt, overlmt_amt, preselfpay_amt, inscp_scp_amt } = stated.split;
    let parts = [
        ("fulamt_ownpay_amt", fulamt_ownpay_amt),
        ("overlmt_selfpay", overlmt_amt),
        ("preselfpay_amt", preselfpay_amt),
        ("inscp_scp_amt", inscp_scp_amt),
    ];
    let split = identity(reader, "I3", "medfee_sumamt", &info.medfee_sumamt, stated.medfee_sumamt, &parts);
    let funds = stated.funds.map(|(kind, amount)| (kind.setlinfo_field().unwrap_or_default(), amount));
    let sum = stated.fund_pay_sumamt;
    let funds = identity(reader, "I7", "fund_pay_sumamt", &info.fund_pay_sumamt, sum, &funds);
    total && person && split && funds
}

fn hold_details(
    reader: &mut Reader,
    info: &v1::NationalSetlInfo,
    stated: &Stated,
    details: Option<&[Money]>,
) -> bool {
    let Some(details) = details.filter(|details| !details.is_empty()) else { return true };
    let Ok(rows) = Money::sum(details.iter().copied()) else { return out_of_range(reader, details.len()) };
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

/// Whether the field is the sum of the parts; tells the identity with both sides where it is not.
fn identity(
    reader: &mut Reader,
    name: &str,
    field: &str,
    value: &str,
    whole: Money,
    parts: &[(&str, Money)],
) -> bool {
    let sum = Money::sum(parts.iter().map(|(_, amount)| *amount));
    if sum == Ok(whole) {
        return true;
    }
    let names: Vec<_> = parts.iter().map(|(name, _)| *name).collect();
    let names = names.join(" + ");
    let sum = sum.unwrap_or_default();
    let allowed = Phrase::made(format!("{names} = {sum}（{name}）"), format!("{names} = {sum} ({name})"));
    reader.fault(PLACE, field, InvalidCode::IdentityMismatch, value, allowed);
    false
}
