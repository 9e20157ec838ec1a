//! From a case file to a settlement, without a server: what `settle` and `replay` share.

use std::sync::Arc;

use bedside_adjudication::adjudicate;
use bedside_claim::{Accumulators, Claim, Lang, Settlement};
use bedside_gateway::errors::Refusal;
use bedside_gateway::request::{self, Envelope};
use bedside_gateway::{answer, parse_case, v1};
use bedside_policy::Library;
use bedside_replay::{RowFormat, RowKey};

use crate::failure::Failure;

/// A case that was read and checked.
pub(crate) struct Case {
    pub(crate) envelope: Envelope,
    pub(crate) claim: Claim,
}

/// Reads and checks the JSON form of `SettleBillRequest`; every fault is listed.
pub(crate) fn read(text: &str, lang: Lang) -> Result<Case, Failure> {
    let request = parse_case(text).map_err(Failure::wrong_input)?;
    match request::settle(&request) {
        Ok((envelope, claim)) => Ok(Case { envelope, claim }),
        Err(invalid) => {
            let faults: Vec<String> = invalid
                .faults()
                .iter()
                .map(|fault| format!("\n  {} {}", fault.code.code(), fault.text(lang)))
                .collect();
            let head = match lang {
                Lang::Zh => format!("案例有 {} 处错误：", invalid.count()),
                Lang::En => format!("faults in the case: {}", invalid.count()),
            };
            Err(Failure::wrong_input(head + &faults.concat()))
        }
    }
}

/// Settles a case for a person without a history.
pub(crate) fn settle(case: &Case, library: &Library, lang: Lang) -> Result<v1::Settlement, Failure> {
    let programme = library
        .programme_for(&case.claim)
        .map_err(|why| Failure::refused(Refusal::Unresolved(why).phrase().text(lang)))?;
    let settlement = adjudicate(&case.claim, &programme, &Accumulators::default()).map_err(Failure::fault)?;
    answer::settlement(&case.claim, &case.envelope, &settlement, None).map_err(Failure::fault)
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
        }
        serde_json::to_string(&answer).map_err(|error| error.to_string())
    }
}
