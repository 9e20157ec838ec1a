//! A failing case on as few lines as say it.
//!
//! The types' own debug text, without what is empty and without the cards and citations that decide nothing.

use std::fmt::{Debug, Write as _};

use crate::histories::Case;
use crate::reading::Answer;

/// Fields that decide nothing in these cases.
const HIDDEN: [&str; 12] = [
    "citation:",
    "origin:",
    "payer:",
    "name_zh:",
    "name_en:",
    "clause:",
    "scope:",
    "version_by:",
    "medins_list_codg:",
    "hosp_appr_flag:",
    "version:",
    "grade: Assumed",
];

/// The case with its plans, persons and claims.
pub(crate) fn case(case: &Case) -> String {
    let mut page = String::new();
    for plan in &case.plans {
        let _ = writeln!(page, "{}", without_blanks(plan));
    }
    for claim in &case.claims {
        let _ = writeln!(page, "{}", without_blanks(claim));
    }
    page
}

/// The fields in which the answers differ, the core's first.
pub(crate) fn difference(core: &Answer, reading: &Answer) -> String {
    let fields = |answer: &Answer| {
        [
            format!("payments {:?}", answer.payments),
            format!("shares {:?}", answer.shares),
            format!("account {:?} {:?} {:?}", answer.account, answer.relatives, answer.account_denied),
            format!("hospital {} cash {}", answer.hospital, answer.cash),
            format!("to person {:?}", answer.to_person),
            format!("denied {:?}", answer.denied),
            format!("deductible {}", answer.deductible),
        ]
    };
    let mut page = String::new();
    for (core, reading) in fields(core).iter().zip(&fields(reading)).filter(|(core, reading)| core != reading)
    {
        let _ = writeln!(page, "core    {core}\nreading {reading}");
    }
    for (key, value) in &core.used {
        let reading = reading.used.get(key).copied().unwrap_or(0);
        if *value != reading {
            let _ = writeln!(page, "`{key}`: core {value}, reading {reading}");
        }
    }
    for (key, value) in reading.used.iter().filter(|(key, _)| !core.used.contains_key(*key)) {
        let _ = writeln!(page, "`{key}`: core 0, reading {value}");
    }
    page
}

fn without_blanks(value: &impl Debug) -> String {
    let text = format!("{value:#?}");
    let mut page = String::new();
    let mut hidden_until = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if let Some(until) = hidden_until {
            if indent <= until {
                hidden_until = None;
            }
            continue;
        }
        if HIDDEN.iter().any(|field| trimmed.starts_with(field)) {
            hidden_until = trimmed.ends_with(['{', '(', '[']).then_some(indent);
            continue;
        }
        let is_blank = [": None,", ": [],", ": \"\","].iter().any(|blank| trimmed.ends_with(blank));
        if !is_blank {
            let _ = writeln!(page, "{}{trimmed}", " ".repeat(indent / 2));
        }
    }
    page
}
