//! The statement (结算单) in the terminal: who pays what, why, what was not paid, and what to mind.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bedside_claim::Money;
use bedside_gateway::v1;

use super::{Language, Words, fee_category, money, outside_reason, pack, payer_kind, percent, sum};
use crate::failure::Failure;
use crate::format::table;

/// Longest list of lines with a reason; the rest is counted.
const REASON_LINES: usize = 12;
const BAR_WIDTH: i128 = 24;

/// The statement as text.
///
/// # Errors
/// A fault when the answer holds an amount that is none.
pub(crate) fn render(settlement: &v1::Settlement, language: Language) -> Result<String, Failure> {
    let words = Words { language };
    let mut out = String::new();
    head(&mut out, settlement, words);
    payers(&mut out, settlement, words)?;
    to_person(&mut out, settlement, words);
    split(&mut out, settlement, words);
    categories(&mut out, settlement, words)?;
    explanation(&mut out, settlement, words);
    unpaid(&mut out, settlement, words)?;
    variances(&mut out, settlement, words);
    notices(&mut out, settlement, words);
    Ok(out)
}

fn head(out: &mut String, settlement: &v1::Settlement, words: Words) {
    line!(out, "━━━━━━━━━━ {} ━━━━━━━━━━", words.of("医疗费用结算单", "Settlement statement"));
    let setl_id = if settlement.setl_id.is_empty() {
        words.of("（预结算，未入账）", "(pre-settlement, not booked)")
    } else {
        settlement.setl_id.as_str().into()
    };
    line!(
        out,
        "{} {setl_id}   {} {}",
        words.of("结算号", "settlement"),
        words.of("就诊号", "visit"),
        settlement.mdtrt_id
    );
    if !settlement.setl_time.is_empty() {
        line!(out, "{} {}", words.of("结算时间", "settled at"), settlement.setl_time);
    }
    if !settlement.init_setl_id.is_empty() {
        line!(out, "{} {}", words.of("撤销结算", "cancels settlement"), settlement.init_setl_id);
    }
    line!(
        out,
        "{} {}   {} {}",
        words.of("结算方案", "programme"),
        settlement.programme,
        words.of("待遇年度", "benefit year"),
        settlement.benefit_year
    );
}

/// Who pays, as a table with a bar for each share: the picture before the reasons.
fn payers(out: &mut String, settlement: &v1::Settlement, words: Words) -> Result<(), Failure> {
    let info = settlement.setlinfo.clone().unwrap_or_default();
    let total = money(&info.medfee_sumamt)?;
    line!(out);
    let mut table = table(
        [
            words.of("付款方", "payer"),
            words.of("责任", "benefit"),
            words.of("金额（元）", "yuan"),
            words.of("占比", "share"),
        ],
        &[2],
    );
    let mut row = |payer: &str, benefit: &str, amount: &str| -> Result<(), Failure> {
        table.add_row([payer, benefit, amount, &bar(money(amount)?, total)]);
        Ok(())
    };
    for payment in &settlement.payments {
        let benefit = if payment.origin == "adopted" {
            words.of("国家平台已结算", "settled by the national platform")
        } else {
            words.text(payment.benefit.as_ref())
        };
        row(&words.text(payment.payer.as_ref()), &benefit, &payment.amount)?;
    }
    let own = [
        (words.of("医院负担", "hospital"), &info.hosp_part_amt),
        (words.of("个人账户", "personal account"), &info.acct_pay),
    ];
    for (payer, amount) in own {
        if !money(amount)?.is_zero() {
            row(&payer, "", amount)?;
        }
    }
    row(&words.of("个人现金", "patient, cash"), "", &info.psn_cash_pay)?;
    row(&words.of("合计", "total"), "", &info.medfee_sumamt)?;
    line!(out, "{table}");
    Ok(())
}

/// What is paid to the person beside the bill, and what relatives' accounts paid of it.
fn to_person(out: &mut String, settlement: &v1::Settlement, words: Words) {
    for paid in &settlement.to_person {
        let payment = paid.payment.clone().unwrap_or_default();
        let event = if paid.evt_no.is_empty() { String::new() } else { format!(" [{}]", paid.evt_no) };
        line!(
            out,
            "{} {}{} {} · {}{event}",
            words.of("另行给付本人", "paid to the person"),
            payment.amount,
            words.of("：", ":"),
            words.text(payment.payer.as_ref()),
            words.text(payment.benefit.as_ref())
        );
    }
    for paid in &settlement.mulaid {
        line!(
            out,
            "{} {}{} {}",
            words.of("其中家庭共济", "of it a relative's account"),
            paid.psn_no,
            words.of("：", ":"),
            paid.amount
        );
    }
}

/// A percentage and a bar, in whole numbers; a mirror's negative amounts are drawn like what they mirror.
fn bar(part: Money, total: Money) -> String {
    let (units, whole) = (i128::from(part.units()).abs(), i128::from(total.units()).abs().max(1));
    let filled = usize::try_from(units * BAR_WIDTH / whole).unwrap_or(0);
    format!("{:>7} {}", percent(part, total), "█".repeat(filled))
}

fn split(out: &mut String, settlement: &v1::Settlement, words: Words) {
    let info = settlement.setlinfo.clone().unwrap_or_default();
    line!(
        out,
        "{} {} = {} {} + {} {} + {} {} + {} {}",
        words.of("费用拆分：总额", "split: total"),
        info.medfee_sumamt,
        words.of("自费", "own expense"),
        info.fulamt_ownpay_amt,
        words.of("超限价", "over limit"),
        info.overlmt_selfpay,
        words.of("先行自付", "first-pay"),
        info.preselfpay_amt,
        words.of("范围内", "in scope"),
        info.inscp_scp_amt
    );
}

fn categories(out: &mut String, settlement: &v1::Settlement, words: Words) -> Result<(), Failure> {
    let mut sums: BTreeMap<&str, [Money; 3]> = BTreeMap::new();
    for line in &settlement.lines {
        let paid = line.shares.iter().map(|share| money(share)).collect::<Result<Vec<_>, _>>()?;
        let own = [money(&line.acct_pay)?, money(&line.psn_cash_pay)?, money(&line.hosp_part_amt)?];
        let amounts = [
            money(&line.det_item_fee_sumamt)?,
            sum(paid.into_iter().chain([own[2]]))?,
            sum([own[0], own[1]])?,
        ];
        for (total, amount) in sums.entry(&line.med_chrgitm_type).or_default().iter_mut().zip(amounts) {
            *total = sum([*total, amount])?;
        }
    }
    if sums.is_empty() {
        return Ok(());
    }
    let mut table = table(
        [
            words.of("费用类别", "fee category"),
            words.of("金额", "amount"),
            words.of("各方支付", "paid for the patient"),
            words.of("个人负担", "the patient's"),
        ],
        &[1, 2, 3],
    );
    for (code, [amount, paid, own]) in &sums {
        let (zh, en) = fee_category(code);
        table.add_row([words.of(zh, en).into_owned(), amount.to_string(), paid.to_string(), own.to_string()]);
    }
    line!(out, "{table}");
    Ok(())
}

fn explanation(out: &mut String, settlement: &v1::Settlement, words: Words) {
    if settlement.explanation.is_empty() {
        return;
    }
    line!(out, "{}", words.of("逐条说明", "Clause by clause"));
    // No step has this benefit, so that the first one opens a group too.
    let mut benefit = ("-", "-");
    for step in settlement.explanation.iter().filter(|step| step.kind != "denied") {
        let of = (step.pack_id.as_str(), step.benefit_id.as_str());
        if of != benefit && !step.benefit_id.is_empty() {
            let pack = pack(settlement, &step.pack_id);
            let name = words.text(pack.and_then(|pack| pack.name.as_ref()));
            line!(out, "  ● {name} · {}", words.text(step.benefit.as_ref()));
            line!(out, "    {} {}", words.of("依据", "clause"), step.clause);
            if let Some(pack) = pack {
                line!(
                    out,
                    "    {} {} {} [{}, {})  {} {}  {} {}",
                    words.of("规则包", "pack"),
                    pack.id,
                    pack.version,
                    pack.from,
                    pack.until,
                    words.of("状态", "status"),
                    pack.status,
                    words.of("证据等级", "evidence grade"),
                    pack.grade
                );
            }
        } else if of != benefit {
            line!(out, "  ● {}", words.of("整张账单", "The whole bill"));
        }
        benefit = of;
        let source = if step.parameter.is_empty() {
            String::new()
        } else {
            format!("   〔{} {}, {}〕", step.article, step.source, step.grade)
        };
        // A rule that changed nothing is told apart at a glance.
        let bullet = if step.kind == "idle" { '○' } else { '-' };
        let condition = words.text(step.condition.as_ref());
        let condition = if condition.is_empty() { String::new() } else { format!("   [{condition}]") };
        line!(out, "    {bullet} {}{condition}{source}", words.text(step.text.as_ref()));
    }
}

fn unpaid(out: &mut String, settlement: &v1::Settlement, words: Words) -> Result<(), Failure> {
    let denied: Vec<_> = settlement.explanation.iter().filter(|step| step.kind == "denied").collect();
    let mut lines = Vec::new();
    for line in &settlement.lines {
        if let Some(reason) = outside_reason(line)? {
            lines.push((line, reason));
        }
    }
    if denied.is_empty() && lines.is_empty() {
        return Ok(());
    }
    line!(out, "{}", words.of("未支付及原因", "What was not paid, and why"));
    for step in denied {
        let pack = pack(settlement, &step.pack_id);
        let name = words.text(pack.and_then(|pack| pack.name.as_ref()));
        line!(
            out,
            "  ○ {name} · {}{}{} ({})",
            words.text(step.benefit.as_ref()),
            words.of("：", ": "),
            words.text(step.text.as_ref()),
            step.reason_code
        );
    }
    for (line, (reason, reason_code)) in lines.iter().take(REASON_LINES) {
        let name = if line.item_name.is_empty() { &line.med_list_codg } else { &line.item_name };
        let outside = sum([money(&line.fulamt_ownpay_amt)?, money(&line.overlmt_amt)?])?;
        line!(
            out,
            "  ○ {} {} {name} {outside}{}{} ({})",
            words.of("明细", "line"),
            line.feedetl_sn,
            words.of("：", ": "),
            words.text(Some(reason)),
            reason_code
        );
    }
    if lines.len() > REASON_LINES {
        let more = lines.len() - REASON_LINES;
        line!(out, "  ○ {}", words.of(&format!("另有 {more} 条明细"), &format!("and {more} more lines")));
    }
    Ok(())
}

fn variances(out: &mut String, settlement: &v1::Settlement, words: Words) {
    for variance in &settlement.variances {
        let (zh, en) = payer_kind(&variance.payer_kind);
        let payer = words.of(&zh, &en);
        line!(
            out,
            "{} {}{} {}{} {}",
            words.of("差异", "variance"),
            payer,
            words.of("：国家平台", ": national platform"),
            variance.adopted,
            words.of("，本系统规则", ", our packs"),
            variance.computed
        );
        for cause in &variance.causes {
            line!(out, "  ○ {} {}", cause.amount, words.text(cause.text.as_ref()));
        }
    }
}

fn notices(out: &mut String, settlement: &v1::Settlement, words: Words) {
    for notice in &settlement.notices {
        line!(out, "⚠ {}", words.text(Some(notice)));
    }
}
