//! From a case file to a settlement, without a server: what `settle` and `replay` share.

use std::collections::BTreeSet;
use std::sync::Arc;

use bedside_adjudication::adjudicate;
use bedside_claim::{AccumulatorBook, Claim, Lang, Settlement};
use bedside_gateway::errors::Refusal;
use bedside_gateway::invalid::InvalidMessage;
use bedside_gateway::request::{self, Envelope};
use bedside_gateway::{answer, parse_case, parse_case_file, v1};
use bedside_policy::Library;
use bedside_replay::{RowFormat, RowKey};

use crate::failure::Failure;

/// A case that was read and checked.
pub(crate) struct Case {
    pub(crate) envelope: Envelope,
    pub(crate) claim: Claim,
}

/// A case file that was read and checked.
pub(crate) struct CaseFile {
    /// What was used up before the first bill.
    prior: AccumulatorBook,
    /// The same as it was written.
    prior_rows: Vec<v1::PriorAccumulator>,
    /// The bills in order.
    pub(crate) bills: Vec<Case>,
}

/// Reads and checks a case file; every fault of every bill is listed.
pub(crate) fn read(text: &str, lang: Lang) -> Result<CaseFile, Failure> {
    let file = parse_case_file(text).map_err(Failure::wrong_input)?;
    if file.bills.is_empty() {
        return Err(Failure::wrong_input(match lang {
            Lang::Zh => "案例文件没有账单：bills 至少一项",
            Lang::En => "the case file has no bill: `bills` needs at least one",
        }));
    }
    let mut faults = Vec::new();
    let prior = request::prior(&file.prior).map_err(|invalid| faults.push((None, invalid)));
    let mut bills = Vec::with_capacity(file.bills.len());
    for (index, bill) in file.bills.iter().enumerate() {
        match request::settle(bill) {
            Ok((envelope, claim)) => bills.push(Case { envelope, claim }),
            Err(invalid) => faults.push(((file.bills.len() > 1).then_some(index), invalid)),
        }
    }
    match prior {
        Ok(prior) if faults.is_empty() => Ok(CaseFile { prior, prior_rows: file.prior, bills }),
        _ => Err(Failure::wrong_input(told(&faults, lang))),
    }
}

/// Refuses what would be read past: an accumulator that no plan or bill knows, a message or visit that comes twice.
fn check(file: &CaseFile, library: &Library) -> Result<(), Failure> {
    for (index, row) in file.prior_rows.iter().enumerate() {
        if !library.counts_on(&row.pack_id, &row.benefit_id) {
            let (pack, benefit) = (&row.pack_id, &row.benefit_id);
            let problem = format!("`prior[{index}]`: no plan `{pack}` counts on `{benefit}`");
            return Err(Failure::wrong_input(problem));
        }
        let is_there = file.bills.iter().any(|bill| {
            let person = &bill.claim.person;
            row.psn_no == *person.psn_no || person.family_no.as_deref() == Some(row.family_no.as_str())
        });
        if !is_there {
            return Err(Failure::wrong_input(format!(
                "`prior[{index}]`: its person or family has no bill here"
            )));
        }
    }
    let mut seen = BTreeSet::new();
    for (index, Case { envelope, claim }) in file.bills.iter().enumerate() {
        let hospital = &envelope.fixmedins_code;
        for (field, number) in
            [("header.msgid", &envelope.msgid), ("mdtrtinfo.mdtrt_id", &claim.visit.mdtrt_id)]
        {
            if !seen.insert((field, hospital.clone(), number.clone())) {
                let problem = format!("`bills[{index}].{field}`: a bill before has it already");
                return Err(Failure::wrong_input(problem));
            }
        }
    }
    Ok(())
}

/// Every fault, with the bill that it is in where there are several.
fn told(faults: &[(Option<usize>, InvalidMessage)], lang: Lang) -> String {
    let count: usize = faults.iter().map(|(_, invalid)| invalid.count()).sum();
    let mut text = match lang {
        Lang::Zh => format!("案例有 {count} 处错误："),
        Lang::En => format!("faults in the case: {count}"),
    };
    for (bill, invalid) in faults {
        for fault in invalid.faults() {
            let bill = bill.map_or_else(String::new, |bill| format!("bills[{bill}] "));
            text += &format!("\n  {bill}{} {}", fault.code.code(), fault.text(lang));
        }
    }
    text
}

/// Settles the bills of a case file in order, each against what the ones before have used up.
pub(crate) fn settle(file: &CaseFile, library: &Library, lang: Lang) -> Result<Vec<v1::Settlement>, Failure> {
    check(file, library)?;
    let mut book = file.prior.clone();
    let mut settlements = Vec::with_capacity(file.bills.len());
    for Case { envelope, claim } in &file.bills {
        let programme = library
            .programme_for(claim)
            .map_err(|why| Failure::refused(Refusal::Unresolved(why).phrase().text(lang)))?;
        let settlement = adjudicate(claim, &programme, &book.of(&claim.person)).map_err(Failure::fault)?;
        book.apply(&claim.person, &settlement.accumulators).map_err(Failure::fault)?;
        settlements.push(answer::settlement(claim, envelope, &settlement, None).map_err(Failure::fault)?);
    }
    Ok(settlements)
}

/// Rows of `replay`: one case a line in, one settlement a line out.
pub(crate) struct CaseRows {
    pub(crate) detail: RowDetail,
}

/// How much of a settlement a result row carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowDetail {
    /// Totals, payments and packs.
    Totals,
    /// Lines and explanation too.
    Full,
}

impl RowFormat for CaseRows {
    type Row = Case;

    fn read(&self, text: &str) -> Result<Case, (String, String)> {
        let request = parse_case(text).map_err(|error| ("not_a_case".to_owned(), error.to_string()))?;
        match request::settle(&request) {
            Ok((envelope, claim)) => Ok(Case { envelope, claim }),
            Err(invalid) => {
                let code = invalid.faults().first().map_or("invalid", |fault| fault.code.code());
                Err((code.to_owned(), invalid.text(Lang::En)))
            }
        }
    }

    fn claim<'a>(&self, row: &'a Case) -> &'a Claim {
        &row.claim
    }

    fn key(&self, row: &Case) -> RowKey {
        RowKey {
            fixmedins_code: Arc::clone(&row.envelope.fixmedins_code),
            msgid: Arc::clone(&row.envelope.msgid),
        }
    }

    fn write(&self, row: &Case, settlement: &Settlement) -> Result<String, String> {
        let mut answer = answer::settlement(&row.claim, &row.envelope, settlement, None)
            .map_err(|fault| fault.to_string())?;
        if self.detail == RowDetail::Totals {
            answer.lines.clear();
            answer.explanation.clear();
            answer.accumulators.clear();
            answer.notices.clear();
            if let Some(own) = &mut answer.own_computation {
                own.explanation.clear();
            }
        }
        serde_json::to_string(&answer).map_err(|error| error.to_string())
    }
}
