//! Every Markdown case under `fixtures/cases`, with the packs that come with the program.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use bedside_adjudication::adjudicate;
use bedside_claim::{
    AccumulatorKey, Accumulators, Claim, Fault, Measure, Money, Origin, PayerKind, PublicLayers, Settlement,
    Step,
};
use bedside_fixtures::cases;
use bedside_policy::Library;

fn settle(library: &Library, claim: &Claim, accumulators: &Accumulators) -> Result<Settlement, String> {
    let programme = library.programme_for(claim).map_err(|error| error.to_string())?;
    adjudicate(claim, &programme, accumulators).map_err(|fault: Fault| fault.to_string())
}

/// `authority/product/benefit` of a step's benefit.
fn rule_id(step: &Step) -> Option<String> {
    let benefit = step.benefit()?;
    match &benefit.origin {
        Origin::Pack(pack) => Some(format!("{}/{}", pack.id, benefit.id)),
        Origin::NationalPlatform => None,
    }
}

/// What the settlement says under the name that a case uses; `None` for a name that says nothing of it.
fn actual(settlement: &Settlement, accumulators: &Accumulators, name: &str) -> Option<String> {
    let words: Vec<&str> = name.split_whitespace().collect();
    let line = |text: &str| text.parse::<usize>().expect("a line number") - 1;
    let step = |rule: &str, wanted: fn(&Step) -> bool| {
        settlement.explanation.iter().find(|step| wanted(step) && rule_id(step).as_deref() == Some(rule))
    };
    Some(match words.as_slice() {
        ["own_expense"] => settlement.split.fulamt_ownpay_amt.to_string(),
        ["over_limit"] => settlement.split.overlmt_amt.to_string(),
        ["first_pay"] => settlement.split.preselfpay_amt.to_string(),
        ["in_scope"] => settlement.split.inscp_scp_amt.to_string(),
        ["act_pay_dedc"] => settlement.act_pay_dedc.to_string(),
        ["paid", rule] => step(rule, |step| matches!(step, Step::Pays { .. }))?.result().to_string(),
        ["denied", rule] => {
            step(rule, |step| matches!(step, Step::Denied { .. }))?.reason()?.code().to_owned()
        }
        ["account_reason"] => {
            let denial =
                settlement.explanation.iter().find(|step| matches!(step, Step::AccountDenied { .. }));
            denial?.reason()?.code().to_owned()
        }
        ["accumulator", year, pack, benefit, measure] => {
            let (year, measure) = (year.parse().ok()?, Measure::from_name(measure)?);
            let key = AccumulatorKey::of_year(year, (*pack).into(), (*benefit).into(), measure);
            accumulators.get(&key).to_string()
        }
        ["line", number] => {
            settlement.line_splits[line(number)].reason.map_or("-", |reason| reason.code()).to_owned()
        }
        ["share", number, "cash"] => settlement.shares.row(line(number)).psn_cash_pay.to_string(),
        ["share", number, kind] => {
            let row = settlement.shares.row(line(number));
            let place =
                settlement.payments.iter().position(|payment| payment.benefit.payer.kind.name() == *kind)?;
            row.payments[place].to_string()
        }
        ["variance", kind] => {
            let PublicLayers::Adopted(variances) = &settlement.public_layers else { return None };
            let variance = variances.iter().find(|variance| variance.payer.name() == *kind)?;
            format!("{} {}", variance.adopted, variance.computed)
        }
        _ => return None,
    })
}

/// Who pays, whether the case names it or not: an amount that no one expects is as wrong as a missing one.
fn payers(settlement: &Settlement) -> BTreeMap<String, Money> {
    let mut payers = BTreeMap::new();
    for kind in PayerKind::ALL {
        payers.insert(kind.name().to_owned(), settlement.paid_by(kind).unwrap());
    }
    payers.insert("hospital".to_owned(), settlement.hosp_part_amt);
    payers.insert("account".to_owned(), settlement.acct_pay);
    payers.insert("cash".to_owned(), settlement.psn_cash_pay);
    payers
}

fn check(file: &str, library: &Library, text: &str) -> usize {
    let mut bills = 0;
    for case in cases::read(text) {
        let mut accumulators = Accumulators::default();
        for bill in &case.bills {
            bills += 1;
            let place = format!("{file}, `{}`, `{}`", case.title, bill.title);
            let settlement = match settle(library, &bill.claim, &accumulators) {
                Ok(settlement) => settlement,
                Err(refusal) => {
                    assert_eq!(bill.expected, [("refused".to_owned(), refusal)], "{place}");
                    continue;
                }
            };
            accumulators.apply(&settlement.accumulators).unwrap();
            let mut payers = payers(&settlement);
            let mut variances = match &settlement.public_layers {
                PublicLayers::Computed => 0,
                PublicLayers::Adopted(variances) => variances.len(),
            };
            for (name, expected) in &bill.expected {
                let found = match payers.remove(name) {
                    Some(amount) => amount.to_string(),
                    None => actual(&settlement, &accumulators, name)
                        .unwrap_or_else(|| panic!("{place}: the settlement says nothing of `{name}`")),
                };
                variances -= usize::from(name.starts_with("variance "));
                assert_eq!(found, *expected, "{place}: {name}\n{:#?}", settlement.explanation);
            }
            payers.retain(|_, amount| !amount.is_zero());
            assert!(payers.is_empty(), "{place}: nobody expects {payers:?}");
            assert_eq!(variances, 0, "{place}: {:?}", settlement.public_layers);
        }
    }
    bills
}

#[test]
fn every_case_settles_as_written() {
    let library = Library::builtin().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/cases");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut bills = 0;
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        bills += check(&name, &library, &std::fs::read_to_string(file).unwrap());
    }
    assert!(files.len() >= 7 && bills >= 80, "{} files, {bills} bills", files.len());
}
