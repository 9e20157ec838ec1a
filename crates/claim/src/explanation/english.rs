//! The steps in English.

use super::{DayKind, DeductibleRule, Fall, GroupCharge, LimitUnit, Period, Purse, Step, whole};
use crate::Lang;
use crate::bill::FourWaySplit;

pub(super) fn text(step: &Step) -> String {
    match step {
        Step::SplitByCatalogue { split } => format!("split by the catalogue: {}", split_en(split)),
        Step::SplitAdopted { split } => {
            format!("split as the national platform returned it: {}", split_en(split))
        }
        Step::Denied { reason, .. } | Step::AccountDenied { reason } => {
            format!("pays nothing: {}", reason.text(Lang::En))
        }
        Step::Base { amount, period: Period::Visit, .. } => format!("{amount} of this visit counts"),
        Step::Base { amount, before, period, .. } => {
            format!("{amount} of this visit counts, after {before} earlier {}", name_of(*period))
        }
        Step::Limit { per, subject, period, limit, unit, used, before, after, .. } => {
            let of = if subject.is_empty() { String::new() } else { format!(" ({subject})") };
            let limit = if *unit == LimitUnit::Times { whole(*limit) + " times" } else { limit.to_string() };
            let used = if *unit == LimitUnit::Times { whole(*used) + " times" } else { used.to_string() };
            format!(
                "limit {limit} for {}{of} {}, used {used}: {before} counts as {after}",
                per.name(),
                name_of(*period)
            )
        }
        Step::Deductible { rule, period, standard, charged_before, charged, filled, fall, group, .. } => {
            let mut text = match (rule, period) {
                (DeductibleRule::HighestLessCharged, _) => {
                    format!("highest deductible met this year {standard}, ")
                }
                (DeductibleRule::PerVisit, _) => format!("deductible {standard}, "),
                (DeductibleRule::Once, Period::Year) => format!("deductible {standard} a year, "),
                (DeductibleRule::Once, Period::PolicyPeriod) => {
                    format!("deductible {standard} a policy period, ")
                }
                (DeductibleRule::Once, Period::Event) => format!("deductible {standard} an accident, "),
                (DeductibleRule::Once, _) => format!("deductible {standard} in a lifetime, "),
            };
            if let Some(Fall { full, by, visits_before, floor }) = fall.as_deref() {
                text += &format!(
                    "fallen from {full} by {by} with each of {visits_before} visits before, not below {floor}, "
                );
            }
            if *rule != DeductibleRule::PerVisit || !charged_before.is_zero() {
                text += &format!("charged before {charged_before}, ");
            }
            if !filled.is_zero() {
                text += &format!("filled by other commercial cover {filled}, ");
            }
            if let Some(GroupCharge { minimum, maximum, charged_before }) = group.as_deref() {
                text += &format!("the group was charged {charged_before} before, ");
                if let Some(minimum) = minimum {
                    text += &format!("at least {minimum} together, ");
                }
                if let Some(maximum) = maximum {
                    text += &format!("at most {maximum} together, ");
                }
            }
            text + &format!("charged now {charged}")
        }
        Step::Replaced { rate, .. } => format!("every band at {} instead", rate.percent()),
        Step::Ceiling { rate, of, paid, before, after, .. } => format!(
            "all layers together at most {of} x {}, paid by others {paid}: {before} becomes {after}",
            rate.percent()
        ),
        Step::Indemnity { left, before, .. } => {
            format!("no more than the {left} that is left: {before} becomes {left}")
        }
        Step::SolvedBack { used, .. } => format!("the limited amount uses {used} of the base"),
        Step::PerDiem { kind, days, waiting, stay_days, days_left, paid_days, rate, amount, .. } => {
            let kind = match kind {
                DayKind::Stay => "days in hospital",
                DayKind::Icu => "days in intensive care",
            };
            let stay = stay_days.map_or(String::new(), |most| format!(", at most {most} a stay"));
            let left = days_left.map_or(String::new(), |left| format!(", {left} left of the period"));
            format!("{days} {kind}, {waiting} not paid{stay}{left}: {paid_days} days x {rate} = {amount}")
        }
        Step::LumpSum { evt_no, sum, share, less, paid, amount, .. } => {
            let less = if less.is_zero() { String::new() } else { format!(" - {less} of the grade before") };
            let paid = if paid.is_zero() { String::new() } else { format!(", {paid} paid before of {sum}") };
            format!("event {evt_no}: {sum} x {}{less}{paid}: pays {amount}", share.percent())
        }
        Step::Band { from, until, slice, rate, amount, .. } => {
            let edges = match until {
                None if from.is_zero() => String::new(),
                None => format!("above {from}: "),
                Some(until) => format!("from {from} to {until}: "),
            };
            format!("{edges}{slice} x {} = {amount}", rate.percent())
        }
        Step::Factor { rate, before, after, .. } => format!("{before} x {} = {after}", rate.percent()),
        Step::Cap { period, limit, used, before, after, .. } => {
            let name = cap(*period);
            format!("limit {limit} {name}, used {used}: {before} becomes {after}")
        }
        Step::Idle { rule, .. } => rule.text(Lang::En),
        Step::Pays { amount, .. } => format!("pays {amount}"),
        Step::Adopted { payer, amount } => {
            format!("settled by the national platform: {} {amount}", payer.name().replace('_', " "))
        }
        Step::HospitalShare { amount } => format!("the hospital bears {amount}"),
        Step::AdoptedAccount { paid } => {
            format!("the national platform has taken {paid} from the personal account")
        }
        Step::Account { purse, balance, payable, paid } => {
            let name = match purse {
                Purse::CurrentYear => "account balance of this year",
                Purse::PastYear => "account balance of past years",
                Purse::Relatives => "account balance of relatives",
            };
            format!("{name} {balance}, may pay {payable}, pays {paid}")
        }
        Step::Cash { amount } => format!("cash {amount}"),
    }
}

pub(super) fn name_of(period: Period) -> &'static str {
    match period {
        Period::Visit => "this visit",
        Period::Year => "this year",
        Period::PolicyPeriod => "this policy period",
        Period::Event => "this accident",
        Period::Lifetime => "in a lifetime",
    }
}

fn split_en(split: &FourWaySplit) -> String {
    format!(
        "own expense {} + over limit {} + first-pay {} + in scope {}",
        split.fulamt_ownpay_amt, split.overlmt_amt, split.preselfpay_amt, split.inscp_scp_amt
    )
}

/// What a cap is called.
pub(super) fn cap(period: Period) -> &'static str {
    match period {
        Period::Visit => "a visit",
        Period::Year => "a year",
        Period::PolicyPeriod => "a policy period",
        Period::Event => "an accident",
        Period::Lifetime => "in a lifetime",
    }
}
