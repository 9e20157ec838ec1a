//! From a line forward to who pays each fen of it and why, and from a payment back to its lines.
//!
//! Reads the answer as it came over the wire, like the statement; adds nothing to it.

use std::fmt::Write as _;

use bedside_claim::Money;
use bedside_gateway::v1;

use super::{Language, Words, money, sum};
use crate::failure::Failure;

/// One line: its parts, and each payer's share of it with the reasoning behind that payer's amount; `None` where the
/// settlement has no such line.
///
/// # Errors
/// A fault when the answer holds an amount that is none, or a line that is not the sum of its shares.
pub(crate) fn of_line(
    answer: &v1::Settlement,
    feedetl_sn: &str,
    language: Language,
) -> Result<Option<String>, Failure> {
    let Some(line) = answer.lines.iter().find(|line| line.feedetl_sn == feedetl_sn) else { return Ok(None) };
    let (words, mut out) = (Words { language }, String::new());
    line!(
        out,
        "{} {} {} {}  {}",
        words.of("明细", "line"),
        line.feedetl_sn,
        line.med_list_codg,
        line.item_name,
        line.det_item_fee_sumamt
    );
    line!(
        out,
        "  {} {} + {} {} + {} {} + {} {}",
        words.of("自费", "own expense"),
        line.fulamt_ownpay_amt,
        words.of("超限价", "over limit"),
        line.overlmt_amt,
        words.of("先行自付", "first-pay"),
        line.preselfpay_amt,
        words.of("范围内", "in scope"),
        line.inscp_scp_amt
    );
    if line.reason.is_some() {
        line!(out, "  ○ {} ({})", words.text(line.reason.as_ref()), line.reason_code);
    }
    let mut shares = Vec::new();
    for (payment, share) in answer.payments.iter().zip(&line.shares) {
        let share = money(share)?;
        shares.push(share);
        if !share.is_zero() {
            line!(out, "→ {share}  {}", name(payment, words));
            steps(&mut out, answer, payment, Some(feedetl_sn), words);
        }
    }
    let own = [
        (words.of("医院负担", "hospital"), &line.hosp_part_amt),
        (words.of("个人账户", "personal account"), &line.acct_pay),
        (words.of("个人现金", "patient, cash"), &line.psn_cash_pay),
    ];
    for (payer, share) in own {
        let share = money(share)?;
        shares.push(share);
        if !share.is_zero() {
            line!(out, "→ {share}  {payer}");
        }
    }
    if sum(shares)? != money(&line.det_item_fee_sumamt)? {
        return Err(Failure::fault(format!("line `{feedetl_sn}` is not the sum of its shares")));
    }
    Ok(Some(out))
}

/// One payment, counted from 1: its reasoning, and each line that it came from; `None` where there is no such payment.
///
/// # Errors
/// A fault when the answer holds an amount that is none, or a payment that is not the sum of its lines.
pub(crate) fn of_payment(
    answer: &v1::Settlement,
    number: usize,
    language: Language,
) -> Result<Option<String>, Failure> {
    let Some(payment) = number.checked_sub(1).and_then(|place| answer.payments.get(place)) else {
        return Ok(None);
    };
    let (words, mut out) = (Words { language }, String::new());
    line!(out, "{} {number}  {}  {}", words.of("支付", "payment"), payment.amount, name(payment, words));
    steps(&mut out, answer, payment, None, words);
    let mut shares: Vec<Money> = Vec::new();
    for line in &answer.lines {
        let share = money(line.shares.get(number - 1).map_or("0", String::as_str))?;
        shares.push(share);
        if !share.is_zero() {
            line!(
                out,
                "← {share}  {} {} {} ({} {})",
                words.of("明细", "line"),
                line.feedetl_sn,
                line.item_name,
                words.of("共", "of"),
                line.det_item_fee_sumamt
            );
        }
    }
    if sum(shares)? != money(&payment.amount)? {
        return Err(Failure::fault(format!("payment {number} is not the sum of its lines")));
    }
    Ok(Some(out))
}

fn name(payment: &v1::Payment, words: Words) -> String {
    let payer = words.text(payment.payer.as_ref());
    if payment.origin == "adopted" {
        return format!("{payer} · {}", words.of("国家平台已结算", "settled by the national platform"));
    }
    format!("{payer} · {}  〔{}〕", words.text(payment.benefit.as_ref()), payment.clause)
}

/// The steps behind a payment. Of a line's point of view limits on other lines and items are left out.
fn steps(
    out: &mut String,
    answer: &v1::Settlement,
    payment: &v1::Payment,
    of_line: Option<&str>,
    words: Words,
) {
    if payment.origin == "adopted" {
        return;
    }
    let of_payment = |step: &&v1::Step| {
        (&step.pack_id, &step.benefit_id) == (&payment.pack_id, &payment.benefit_id) && step.kind != "idle"
    };
    for step in answer.explanation.iter().filter(of_payment) {
        let input =
            |name: &str| step.inputs.iter().find(|input| input.name == name).map(|it| it.value.as_str());
        let is_of_another =
            of_line.is_some_and(|line| input("per") == Some("line") && input("subject") != Some(line));
        if !is_of_another {
            line!(out, "    - {}", words.text(step.text.as_ref()));
        }
    }
}
