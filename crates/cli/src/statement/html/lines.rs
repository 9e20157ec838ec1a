//! The lines: each with its four parts and who pays how much of it, gathered by fee category.

use std::collections::BTreeMap;

use bedside_claim::{CatalogueLevel, Money};
use bedside_gateway::v1;

use super::Phrase;
use super::payers::Payer;
use crate::failure::Failure;
use crate::statement::{Words, fee_category, money, outside_reason, sum};

/// A line of the bill.
pub(super) struct LineRow {
    pub(super) id: String,
    pub(super) feedetl_sn: String,
    pub(super) med_list_codg: String,
    pub(super) name: String,
    category: String,
    /// Catalogue level, where the catalogue has the item.
    pub(super) level: Option<Phrase>,
    pub(super) amount: Money,
    /// 自费, 超限价, 先行自付, 范围内.
    pub(super) parts: [Money; 4],
    /// What each payer pays of it, in the payers' order, without those who pay nothing.
    pub(super) shares: Vec<Share>,
    pub(super) reason: Phrase,
    pub(super) reason_code: String,
    /// Account and cash.
    own: Money,
}

impl LineRow {
    /// What is outside the scope for the reason that it names.
    pub(super) fn outside(&self) -> Result<Money, Failure> {
        sum([self.parts[0], self.parts[1]])
    }
}

/// What one payer pays of a line.
pub(super) struct Share {
    pub(super) number: usize,
    pub(super) payer: String,
    pub(super) label: String,
    pub(super) colour: String,
    pub(super) amount: Money,
}

/// The lines of one fee category.
pub(super) struct Category {
    pub(super) id: String,
    pub(super) name: Phrase,
    pub(super) rows: Vec<LineRow>,
    pub(super) amount: Money,
    pub(super) paid: Money,
    pub(super) own: Money,
}

/// Every line in the order of the bill.
pub(super) fn rows(
    id: &str,
    answer: &v1::Settlement,
    payers: &[Payer],
    words: Words,
) -> Result<Vec<LineRow>, Failure> {
    answer
        .lines
        .iter()
        .enumerate()
        .map(|(place, line)| row(format!("{id}-l{}", place + 1), line, answer.payments.len(), payers, words))
        .collect()
}

fn row(
    id: String,
    line: &v1::LineSettlement,
    payments: usize,
    payers: &[Payer],
    words: Words,
) -> Result<LineRow, Failure> {
    let amount = money(&line.det_item_fee_sumamt)?;
    let mut shares = Vec::new();
    for payer in payers {
        let amount = money(payer.part.of_line(line))?;
        if !amount.is_zero() {
            shares.push(Share {
                number: payer.number,
                payer: payer.id.clone(),
                label: payer.label.clone(),
                colour: payer.colour.clone(),
                amount,
            });
        }
    }
    if line.shares.len() != payments || sum(shares.iter().map(|share| share.amount))? != amount {
        let line = &line.feedetl_sn;
        return Err(Failure::fault(format!("line `{line}` of the answer is not the sum of its shares")));
    }
    let own = sum([money(&line.acct_pay)?, money(&line.psn_cash_pay)?])?;
    let (reason, reason_code) = outside_reason(line)?.unwrap_or_default();
    Ok(LineRow {
        id,
        feedetl_sn: line.feedetl_sn.clone(),
        med_list_codg: line.med_list_codg.clone(),
        name: if line.item_name.is_empty() { line.med_list_codg.clone() } else { line.item_name.clone() },
        category: line.med_chrgitm_type.clone(),
        level: level(line, words),
        amount,
        parts: [
            money(&line.fulamt_ownpay_amt)?,
            money(&line.overlmt_amt)?,
            money(&line.preselfpay_amt)?,
            money(&line.inscp_scp_amt)?,
        ],
        shares,
        reason: words.say_text(Some(&reason)),
        reason_code,
        own,
    })
}

fn level(line: &v1::LineSettlement, words: Words) -> Option<Phrase> {
    Some(match CatalogueLevel::from_code(&line.chrgitm_lv)? {
        CatalogueLevel::A => words.say("甲类", "class A"),
        CatalogueLevel::B => words.say("乙类", "class B"),
        CatalogueLevel::C => words.say("丙类", "class C"),
    })
}

/// The lines by fee category, in the order of the national codes.
pub(super) fn categories(id: &str, rows: Vec<LineRow>, words: Words) -> Result<Vec<Category>, Failure> {
    let mut by_code: BTreeMap<String, Vec<LineRow>> = BTreeMap::new();
    for row in rows {
        by_code.entry(row.category.clone()).or_default().push(row);
    }
    by_code
        .into_iter()
        .enumerate()
        .map(|(place, (code, rows))| {
            let (zh, en) = fee_category(&code);
            let amount = sum(rows.iter().map(|row| row.amount))?;
            let own = sum(rows.iter().map(|row| row.own))?;
            Ok(Category {
                id: format!("{id}-k{}", place + 1),
                name: words.say(zh, en),
                amount,
                paid: amount.minus(own).map_err(Failure::fault)?,
                own,
                rows,
            })
        })
        .collect()
}
