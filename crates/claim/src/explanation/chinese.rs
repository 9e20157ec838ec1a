//! The steps in Chinese.

use super::{DayKind, DeductibleRule, Fall, GroupCharge, LimitUnit, Period, Purse, Step, whole};
use crate::Lang;
use crate::bill::FourWaySplit;

pub(super) fn text(step: &Step) -> String {
    match step {
        Step::SplitByCatalogue { split } => format!("按目录拆分：{}", split_zh(split)),
        Step::SplitAdopted { split } => format!("采用国家平台返回的拆分：{}", split_zh(split)),
        Step::Denied { reason, .. } | Step::AccountDenied { reason } => {
            format!("不予支付：{}", reason.text(Lang::Zh))
        }
        Step::Base { amount, period: Period::Visit, .. } => format!("本次纳入费用 {amount}"),
        Step::Base { amount, before, period, .. } => {
            format!("本次纳入费用 {amount}，{}此前累计 {before}", name_of(*period))
        }
        Step::Limit { subject, period, limit, unit, used, before, after, .. } => {
            let of = if subject.is_empty() { String::new() } else { format!("（{subject}）") };
            let limit =
                if *unit == LimitUnit::Times { format!("{} 次", whole(*limit)) } else { limit.to_string() };
            let used =
                if *unit == LimitUnit::Times { format!("{} 次", whole(*used)) } else { used.to_string() };
            format!("{}分项限额{of} {limit}，已用 {used}：{before} 按 {after} 计入", name_of(*period))
        }
        Step::Deductible { rule, period, standard, charged_before, charged, filled, fall, group, .. } => {
            let name = match (rule, period) {
                (DeductibleRule::HighestLessCharged, _) => "本年度最高等级起付标准",
                (DeductibleRule::PerVisit, _) => "起付标准",
                (DeductibleRule::Once, Period::Year) => "年度起付标准",
                (DeductibleRule::Once, Period::PolicyPeriod) => "保险期间免赔额",
                (DeductibleRule::Once, Period::Event) => "每次事故免赔额",
                (DeductibleRule::Once, _) => "终身免赔额",
            };
            let mut text = format!("{name} {standard}，");
            if let Some(Fall { full, by, visits_before, floor }) = fall.as_deref() {
                text +=
                    &format!("（首次 {full}，此前就诊 {visits_before} 次，每次递减 {by}，不低于 {floor}），");
            }
            if *rule != DeductibleRule::PerVisit || !charged_before.is_zero() {
                text += &format!("此前已扣 {charged_before}，");
            }
            if !filled.is_zero() {
                text += &format!("其他商业保险已赔付抵扣 {filled}，");
            }
            if let Some(GroupCharge { minimum, maximum, charged_before }) = group.as_deref() {
                text += &format!("同组责任此前已扣 {charged_before}");
                if let Some(minimum) = minimum {
                    text += &format!("，合计至少 {minimum}");
                }
                if let Some(maximum) = maximum {
                    text += &format!("，合计至多 {maximum}");
                }
                text += "，";
            }
            text + &format!("本次扣除 {charged}")
        }
        Step::Replaced { rate, .. } => format!("各段比例改按 {}", rate.percent()),
        Step::Ceiling { rate, of, paid, before, after, .. } => {
            format!(
                "各项支付合计不超过 {of} × {}，此前各方已付 {paid}，{before} 减为 {after}",
                rate.percent()
            )
        }
        Step::Indemnity { left, before, .. } => {
            format!("补偿不超过剩余费用 {left}，{before} 减为 {left}")
        }
        Step::SolvedBack { used, .. } => format!("限额内金额对应的纳入费用 {used}"),
        Step::PerDiem { kind, days, waiting, stay_days, days_left, paid_days, rate, amount, .. } => {
            let kind = match kind {
                DayKind::Stay => "住院",
                DayKind::Icu => "重症监护",
            };
            let stay = stay_days.map_or(String::new(), |most| format!("，每次至多 {most} 天"));
            let left = days_left.map_or(String::new(), |left| format!("，累计尚余 {left} 天"));
            format!(
                "{kind} {days} 天，免赔 {waiting} 天{stay}{left}，给付 {paid_days} 天 × {rate} = {amount}"
            )
        }
        Step::LumpSum { evt_no, sum, share, less, paid, amount, .. } => {
            let less = if less.is_zero() { String::new() } else { format!(" − 原有等级 {less}") };
            let paid = if paid.is_zero() {
                String::new()
            } else {
                format!("，已给付 {paid}，累计不超过 {sum}")
            };
            format!("事件 {evt_no}：{sum} × {}{less}{paid}，给付 {amount}", share.percent())
        }
        Step::Band { from, until, slice, rate, amount, .. } => {
            let edges = match until {
                None if from.is_zero() => String::new(),
                None => format!("{from} 以上部分："),
                Some(until) => format!("{from} 至 {until} 部分："),
            };
            format!("{edges}{slice} × {} = {amount}", rate.percent())
        }
        Step::Factor { rate, before, after, .. } => format!("{before} × {} = {after}", rate.percent()),
        Step::Cap { period, limit, used, before, after, .. } => {
            let name = cap(*period);
            format!("{name} {limit}，已用 {used}，{before} 减为 {after}")
        }
        Step::Idle { rule, .. } => rule.text(Lang::Zh),
        Step::Pays { amount, .. } => format!("支付 {amount}"),
        Step::Adopted { payer, amount } => format!("国家平台已结算：{} {amount}", payer.name_zh()),
        Step::HospitalShare { amount } => format!("医院负担 {amount}"),
        Step::AdoptedAccount { paid } => format!("国家平台已从个人账户支付 {paid}"),
        Step::Account { purse, balance, payable, paid } => {
            let name = match purse {
                Purse::CurrentYear => "个人账户当年余额",
                Purse::PastYear => "个人账户历年余额",
                Purse::Relatives => "家庭共济账户余额",
            };
            format!("{name} {balance}，可支付 {payable}，支付 {paid}")
        }
        Step::Cash { amount } => format!("个人现金支付 {amount}"),
    }
}

pub(super) fn name_of(period: Period) -> &'static str {
    match period {
        Period::Visit => "本次",
        Period::Year => "本年度",
        Period::PolicyPeriod => "本保险期间",
        Period::Event => "本次事故",
        Period::Lifetime => "终身",
    }
}

fn split_zh(split: &FourWaySplit) -> String {
    format!(
        "自费 {} + 超限价 {} + 先行自付 {} + 范围内 {}",
        split.fulamt_ownpay_amt, split.overlmt_amt, split.preselfpay_amt, split.inscp_scp_amt
    )
}

/// What a cap is called.
pub(super) fn cap(period: Period) -> &'static str {
    match period {
        Period::Visit => "单次限额",
        Period::Year => "年度限额",
        Period::PolicyPeriod => "保险期间限额",
        Period::Event => "每次事故限额",
        Period::Lifetime => "终身限额",
    }
}
