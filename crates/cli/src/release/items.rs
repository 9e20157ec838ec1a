//! A settlement taken apart into single items, level by level.
//!
//! Paths are made of positions, so that no text of the answer can be taken for another path.

use std::collections::{BTreeMap, BTreeSet};

use bedside_claim::Money;
use bedside_gateway::v1;

use super::Granularity;
use crate::failure::Failure;
use crate::statement::{money, sum};

/// One value of the settlement.
pub(super) struct Item {
    pub(super) path: String,
    pub(super) value: String,
    /// Whose it is.
    of: Of,
}

enum Of {
    /// What names the settlement.
    Everybody,
    /// Of the bill, of other payers.
    Bill,
    /// What a plan pays.
    Plan(String),
}

impl Item {
    pub(super) fn is_shown_to(&self, plan: &str) -> bool {
        match &self.of {
            Of::Everybody => true,
            Of::Bill => false,
            Of::Plan(of) => of == plan,
        }
    }
}

/// The items of each level, in the order in which they are hashed.
pub(super) struct Items {
    levels: BTreeMap<Granularity, Vec<Item>>,
    plans: Vec<String>,
}

/// The plan a payment is named by: its pack, or the field of the national answer.
pub(super) fn plan_of(payment: &v1::Payment) -> String {
    if payment.pack_id.is_empty() {
        format!("national:{}", payment.payer_code)
    } else {
        payment.pack_id.clone()
    }
}

impl Items {
    pub(super) fn of(answer: &v1::Settlement) -> Result<Items, Failure> {
        let plans: Vec<String> = answer.payments.iter().map(plan_of).collect();
        let levels = BTreeMap::from([
            (Granularity::Total, totals(answer, &plans)?),
            (Granularity::Benefit, benefits(answer, &plans)),
            (Granularity::Category, categories(answer, &plans)?),
            (Granularity::Line, lines(answer, &plans)),
        ]);
        Ok(Items { levels, plans })
    }

    pub(super) fn of_level(&self, granularity: Granularity) -> &[Item] {
        self.levels.get(&granularity).map_or(&[], Vec::as_slice)
    }

    /// The plans that pay, once each.
    pub(super) fn plans(&self) -> Vec<String> {
        let plans: BTreeSet<&String> = self.plans.iter().collect();
        plans.into_iter().map(|plan| format!("`{plan}`")).collect()
    }

    pub(super) fn has_plan(&self, plan: &str) -> bool {
        self.plans.iter().any(|known| known == plan)
    }
}

fn item(path: impl Into<String>, value: impl Into<String>, of: Of) -> Item {
    Item { path: path.into(), value: value.into(), of }
}

fn totals(answer: &v1::Settlement, plans: &[String]) -> Result<Vec<Item>, Failure> {
    let info = answer.setlinfo.clone().unwrap_or_default();
    let mut items = vec![
        item("mdtrt_id", &answer.mdtrt_id, Of::Everybody),
        item("setl_id", &answer.setl_id, Of::Everybody),
        item("medins_setl_id", &answer.medins_setl_id, Of::Everybody),
        item("medfee_sumamt", info.medfee_sumamt, Of::Bill),
        item("fund_pay_sumamt", info.fund_pay_sumamt, Of::Bill),
        item("commercial_pay", info.commercial_pay, Of::Bill),
        item("hosp_part_amt", info.hosp_part_amt, Of::Bill),
        item("acct_pay", info.acct_pay, Of::Bill),
        item("psn_cash_pay", info.psn_cash_pay, Of::Bill),
        item("to_person_pay", info.to_person_pay, Of::Bill),
    ];
    let mut sums: BTreeMap<&String, Money> = BTreeMap::new();
    for (plan, payment) in plans.iter().zip(&answer.payments) {
        let before = sums.get(plan).copied().unwrap_or(Money::ZERO);
        sums.insert(plan, sum([before, money(&payment.amount)?])?);
    }
    let of_plan = |(plan, paid): (&String, Money)| {
        item(format!("plan/{plan}"), paid.to_string(), Of::Plan(plan.clone()))
    };
    items.extend(sums.into_iter().map(of_plan));
    Ok(items)
}

fn benefits(answer: &v1::Settlement, plans: &[String]) -> Vec<Item> {
    let mut items = Vec::new();
    for (place, (plan, payment)) in plans.iter().zip(&answer.payments).enumerate() {
        let of = || Of::Plan(plan.clone());
        items.push(item(format!("payment/{place}/plan"), plan, of()));
        items.push(item(format!("payment/{place}/benefit_id"), &payment.benefit_id, of()));
        items.push(item(format!("payment/{place}/clause"), &payment.clause, of()));
        items.push(item(format!("payment/{place}/amount"), &payment.amount, of()));
    }
    for (place, paid) in answer.to_person.iter().enumerate() {
        let payment = paid.payment.clone().unwrap_or_default();
        let plan = plan_of(&payment);
        let of = || Of::Plan(plan.clone());
        items.push(item(format!("to_person/{place}/plan"), &plan, of()));
        items.push(item(format!("to_person/{place}/benefit_id"), payment.benefit_id, of()));
        items.push(item(format!("to_person/{place}/amount"), payment.amount, of()));
    }
    items
}

/// The amounts of one line, in the order of [`SHARES`] and then of the payments.
fn shares(line: &v1::LineSettlement) -> impl Iterator<Item = &String> {
    let own = [&line.det_item_fee_sumamt, &line.hosp_part_amt, &line.acct_pay, &line.psn_cash_pay];
    own.into_iter().chain(&line.shares)
}

const SHARES: [&str; 4] = ["det_item_fee_sumamt", "hosp_part_amt", "acct_pay", "psn_cash_pay"];

/// The items of amounts in that order.
fn of_shares(place: &str, amounts: impl IntoIterator<Item = String>, plans: &[String]) -> Vec<Item> {
    let own = SHARES.iter().map(|name| (format!("{place}/{name}"), None));
    let paid = plans.iter().enumerate().map(|(at, plan)| (format!("{place}/payment/{at}"), Some(plan)));
    own.chain(paid)
        .zip(amounts)
        .map(|((path, plan), amount)| {
            item(path, amount, plan.map_or(Of::Bill, |plan| Of::Plan(plan.clone())))
        })
        .collect()
}

fn categories(answer: &v1::Settlement, plans: &[String]) -> Result<Vec<Item>, Failure> {
    let mut sums: BTreeMap<&str, Vec<Money>> = BTreeMap::new();
    for line in &answer.lines {
        let amounts = shares(line).map(|share| money(share)).collect::<Result<Vec<_>, _>>()?;
        let of_category =
            sums.entry(&line.med_chrgitm_type).or_insert_with(|| vec![Money::ZERO; amounts.len()]);
        for (total, amount) in of_category.iter_mut().zip(amounts) {
            *total = sum([*total, amount])?;
        }
    }
    let items = sums.into_iter().flat_map(|(code, amounts)| {
        of_shares(&format!("category/{code}"), amounts.iter().map(Money::to_string), plans)
    });
    Ok(items.collect())
}

fn lines(answer: &v1::Settlement, plans: &[String]) -> Vec<Item> {
    let mut items = Vec::new();
    for (at, line) in answer.lines.iter().enumerate() {
        let place = format!("line/{at}");
        let facts = [
            ("feedetl_sn", &line.feedetl_sn),
            ("med_list_codg", &line.med_list_codg),
            ("med_chrgitm_type", &line.med_chrgitm_type),
            ("fulamt_ownpay_amt", &line.fulamt_ownpay_amt),
            ("overlmt_amt", &line.overlmt_amt),
            ("preselfpay_amt", &line.preselfpay_amt),
            ("inscp_scp_amt", &line.inscp_scp_amt),
        ];
        items.extend(facts.map(|(name, value)| item(format!("{place}/{name}"), value, Of::Bill)));
        items.extend(of_shares(&place, shares(line).cloned(), plans));
    }
    items
}
