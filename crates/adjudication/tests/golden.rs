//! Every Markdown case under `fixtures/cases`, with the packs that come with the program.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use bedside_adjudication::adjudicate;
use bedside_claim::{
    AccumulatorBook, AccumulatorKey, Accumulators, BenefitCard, Claim, ExplainedPart, Fault, Lang, Measure,
    Money, Origin, Owner, PayerKind, PublicLayers, Settlement, Step, Term,
};
use bedside_fixtures::cases::{self, CaseBill};
use bedside_policy::Library;

fn settle(library: &Library, claim: &Claim, accumulators: &Accumulators) -> Result<Settlement, String> {
    let programme = library.programme_for(claim).map_err(|error| error.to_string())?;
    adjudicate(claim, &programme, accumulators).map_err(|fault: Fault| fault.to_string())
}

/// `authority/product/benefit`.
fn rule_id(benefit: &BenefitCard) -> Option<String> {
    match &benefit.origin {
        Origin::Pack(pack) => Some(format!("{}/{}", pack.id, benefit.id)),
        Origin::NationalPlatform => None,
    }
}

/// The key that reads like its own text, with the family's number after `family`:
/// `family F1 policy 2026-01-01 pingan/esheng-inpatient deductible-plan-1 deductible of subject`.
fn key(words: &[&str]) -> Option<AccumulatorKey> {
    let (owner, words) = match words {
        ["family", family_no, rest @ ..] => (Owner::Family((*family_no).into()), rest),
        rest => (Owner::Person, rest),
    };
    let (term, words) = match words {
        ["policy", from, rest @ ..] => (Term::PolicyPeriod(from.parse().ok()?), rest),
        ["event", evt_no, rest @ ..] => (Term::Event((*evt_no).into()), rest),
        ["lifetime", rest @ ..] => (Term::Lifetime, rest),
        [year, rest @ ..] => (Term::Year(year.parse().ok()?), rest),
        [] => return None,
    };
    let [pack, benefit, measure, subject @ ..] = words else { return None };
    let subject = match subject {
        [] => "",
        ["of", subject] => subject,
        _ => return None,
    };
    let measure = Measure::from_name(measure)?;
    let (pack, benefit, subject) = ((*pack).into(), (*benefit).into(), subject.into());
    Some(AccumulatorKey { owner, term, pack, benefit, measure, subject })
}

/// What the settlement says under the name that a case uses; `None` for a name that says nothing of it.
fn actual(settlement: &Settlement, accumulators: &Accumulators, name: &str) -> Option<String> {
    let words: Vec<&str> = name.split_whitespace().collect();
    let line = |text: &str| text.parse::<usize>().expect("a line number") - 1;
    let step = |rule: &str, wanted: fn(&Step) -> bool| {
        let of_rule = |step: &&Step| {
            step.benefit().and_then(|benefit| rule_id(benefit)).as_deref() == Some(rule) && wanted(step)
        };
        settlement.explanation.iter().find(of_rule)
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
        ["account", "current_year"] => settlement.account.current_year.to_string(),
        ["account", "past_year"] => settlement.account.past_year.to_string(),
        ["account", psn_no] => {
            let relative = settlement.account.relatives.iter().find(|(known, _)| **known == **psn_no);
            relative.map_or(Money::ZERO, |(_, paid)| *paid).to_string()
        }
        ["accumulator", words @ ..] => accumulators.get(&key(words)?).to_string(),
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
            let PublicLayers::Adopted(adoption) = &settlement.public_layers else { return None };
            let variance = adoption.variances.iter().find(|variance| variance.payer.name() == *kind)?;
            format!("{} {}", variance.adopted, variance.computed)
        }
        ["causes", kind] => {
            let PublicLayers::Adopted(adoption) = &settlement.public_layers else { return None };
            let variance = adoption.variances.iter().find(|variance| variance.payer.name() == *kind)?;
            let part = |part: &ExplainedPart| {
                let known = |side: Option<String>| side.unwrap_or_else(|| "-".to_owned());
                let sides = match part.cause.evidence() {
                    (None, None) => String::new(),
                    (ours, theirs) => format!(" ({} / {})", known(ours), known(theirs)),
                };
                format!("{} {}{sides}", part.cause.code(), part.amount)
            };
            variance.causes.iter().map(part).collect::<Vec<_>>().join(", ")
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
    for payment in &settlement.to_person {
        let name = format!("to_person {}", rule_id(&payment.benefit).unwrap());
        let sum = payers.entry(name).or_insert(Money::ZERO);
        *sum = sum.plus(payment.amount).unwrap();
    }
    payers
}

/// Settles one claim and says everything in which the settlement differs from what is written.
fn differences(library: &Library, bill: &CaseBill, book: &mut AccumulatorBook) -> Vec<String> {
    let person = &bill.claim.person;
    let settlement = match settle(library, &bill.claim, &book.of(person)) {
        Ok(settlement) => settlement,
        Err(refusal) if bill.expected == [("refused".to_owned(), refusal.clone())] => return Vec::new(),
        Err(refusal) => return vec![format!("refused: {refusal}")],
    };
    book.apply(person, &settlement.accumulators).unwrap();
    let accumulators = book.of(person);
    let mut differences = Vec::new();
    let mut payers = payers(&settlement);
    let variances = match &settlement.public_layers {
        PublicLayers::Computed => 0,
        PublicLayers::Adopted(adoption) => adoption.variances.len(),
    };
    for (name, expected) in &bill.expected {
        let found = match payers.remove(name) {
            Some(amount) => amount.to_string(),
            None => actual(&settlement, &accumulators, name).unwrap_or_else(|| "nothing".to_owned()),
        };
        if found != *expected {
            differences.push(format!("`{name}` is {found}, expected {expected}"));
        }
    }
    payers.retain(|_, amount| !amount.is_zero());
    if !payers.is_empty() {
        differences.push(format!("nobody expects {payers:?}"));
    }
    if variances != bill.expected.iter().filter(|(name, _)| name.starts_with("variance ")).count() {
        differences.push(format!("nobody expects all of {:?}", settlement.public_layers));
    }
    if !differences.is_empty() {
        differences.extend(settlement.explanation.iter().map(|step| format!("    {}", step.text(Lang::En))));
    }
    differences
}

fn check(file: &str, library: &Library, text: &str, failures: &mut Vec<String>) -> usize {
    let mut bills = 0;
    for case in cases::read(text) {
        let mut book = AccumulatorBook::default();
        for bill in &case.bills {
            bills += 1;
            let differences = differences(library, bill, &mut book);
            if !differences.is_empty() {
                failures.push(format!("{file}, `{}`, `{}`:", case.title, bill.title));
                failures.extend(differences);
            }
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
    let mut failures = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        bills += check(&name, &library, &std::fs::read_to_string(file).unwrap(), &mut failures);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(files.len() >= 20 && bills >= 250, "{} files, {bills} bills", files.len());
}
