//! The promises can be broken: settlements that were tampered with, and plans that break them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bedside_analysis::promises::{more_than_base, not_conserved};
use bedside_analysis::search::tried;
use bedside_analysis::trial::Settled;
use bedside_analysis::{Broken, Effort, Searched, Stage, Trial, search, typical};
use bedside_claim::Money;
use bedside_policy::{Library, Plan};

const BASIC: &str = "city/basic/2026.toml";

/// The base of `fixtures/broken-packs` with one edit of its public plan.
fn edited(old: &str, new: &str) -> (Library, Arc<Plan>) {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/broken-packs/base");
    let mut files: BTreeMap<String, String> = Library::files_in(&base).unwrap();
    let text = files.get_mut(BASIC).unwrap();
    assert!(text.contains(old), "{old}");
    *text = text.replacen(old, new, 1);
    let library = Library::from_files(&files).unwrap();
    let plan = library.versions_of("city/basic")[0].clone();
    (library, plan)
}

fn searched(old: &str, new: &str, cases: u64, seed: u64) -> Searched {
    let (library, plan) = edited(old, new);
    search(&library, &plan, Effort { cases, seed }, &|_| ()).unwrap()
}

fn settled() -> (Arc<Plan>, Settled) {
    let (library, plan) = edited("status", "status");
    let typical = typical(&library, &plan).unwrap();
    let settled = typical.settle(&typical.bills[1], &library).unwrap();
    assert!(!settled.settlement.payments.is_empty());
    (plan, settled)
}

#[test]
fn a_settlement_as_it_was_made_breaks_nothing() {
    let (plan, settled) = settled();
    assert_eq!(not_conserved(&settled.claim.bill, &settled.settlement), None);
    assert_eq!(more_than_base(&plan, &settled.claim, &settled.settlement), None);
}

#[test]
fn a_fen_that_appears_is_found_in_its_line() {
    let (_, mut settled) = settled();
    let cash = settled.settlement.shares.row_mut(0).last_mut().unwrap();
    *cash = cash.plus(Money::from_units(1)).unwrap();
    let found = not_conserved(&settled.claim.bill, &settled.settlement);
    assert!(
        matches!(found, Some(Broken::NotConserved { ref what, .. }) if what == "feedetl_sn 1"),
        "{found:?}"
    );
}

#[test]
fn a_fen_that_moves_to_another_payer_is_found_in_its_column() {
    let (_, mut settled) = settled();
    let row = settled.settlement.shares.row_mut(0);
    row[0] = row[0].plus(Money::from_units(1)).unwrap();
    let cash = row.last_mut().unwrap();
    *cash = cash.minus(Money::from_units(1)).unwrap();
    let found = not_conserved(&settled.claim.bill, &settled.settlement);
    assert!(matches!(found, Some(Broken::NotConserved { ref what, .. }) if what == "inpatient"), "{found:?}");
}

#[test]
fn a_payment_above_the_base_or_below_zero_is_found() {
    for amount in [Money::from_units(1_000_000_000_000), Money::from_units(-1)] {
        let (plan, mut settled) = settled();
        settled.settlement.payments[0].amount = amount;
        let found = more_than_base(&plan, &settled.claim, &settled.settlement);
        assert!(matches!(found, Some(Broken::PaysMore { pays, .. }) if pays == amount), "{found:?}");
    }
}

const RATE: &str = "article = \"20,000 以上\"\nvalue = \"0.80\"";

/// A rate that changes for the whole bill: `(whole bill - 800) x rate`.
#[test]
fn a_rate_by_the_bill_s_total_jumps_there() {
    let rows = "article = \"20,000 以上\"\nrows = [{ bill_total = { over = \"50000\" }, value = \"0.90\" }, { value = \"0.80\" }]";
    let found = searched(RATE, rows, 0, 0);
    let [example] = found.broken.as_slice() else { panic!("{:?}", found.broken) };
    // 20,000 x 60 % + (50,000 - 800 - 20,000) x 80 %; a fen later the second part at 90 %.
    let expected = Broken::Jumps {
        benefit: "inpatient".to_owned(),
        at: Money::from_units(5_000_000),
        before: Money::from_units(1_200_000 + 2_336_000),
        after: Money::from_units(1_200_000 + 2_628_001),
    };
    assert_eq!(example.broken, expected);
    assert_eq!(example.claims.len(), 2);
}

#[test]
fn a_declared_jump_is_none() {
    let (library, _) = edited("status", "status");
    let plain =
        search(&library, &library.versions_of("city/basic")[0], Effort { cases: 20, seed: 0 }, &|_| ())
            .unwrap();
    assert!(plain.broken.is_empty() && plain.unmet.is_empty());
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/broken-packs/base");
    let mut files = Library::files_in(&base).unwrap();
    let text = files.get_mut(BASIC).unwrap();
    let rows = "article = \"20,000 以上\"\nrows = [{ bill_total = { over = \"50000\" }, value = \"0.50\" }, { value = \"0.80\" }]";
    *text = text.replacen(RATE, rows, 1);
    *text = text.replacen(
        "caps = [{ period",
        "jumps = [{ of = \"bill\", at = \"50000\", source = \"text\", article = \"演示\" }]\ncaps = [{ period",
        1,
    );
    let library = Library::from_files(&files).unwrap();
    let found =
        search(&library, &library.versions_of("city/basic")[0], Effort { cases: 300, seed: 0 }, &|_| ())
            .unwrap();
    assert!(found.broken.is_empty(), "{:?}", found.broken);
    assert!(found.unmet.is_empty(), "{:?}", found.unmet);
}

/// Drawn bills find a fall without being told where it is, and it is made small: one charge, plain circumstances.
#[test]
fn a_bill_that_is_paid_less_of_when_it_grows_is_found_and_made_small() {
    let rows = "article = \"20,000 以上\"\nrows = [{ bill_total = { over = \"50000\" }, value = \"0\" }, { value = \"0.80\" }]";
    let mut sizes = Vec::new();
    for seed in 0..4 {
        let found = searched(RATE, rows, 1_000, seed);
        let example = found.broken.iter().find(|example| matches!(example.broken, Broken::Falls { .. }));
        let example = example.unwrap_or_else(|| panic!("seed {seed} finds no fall"));
        let Trial { bills, facts } = &example.trial;
        assert_eq!(facts.text(bedside_claim::Lang::En), "tertiary, inpatient", "seed {seed}");
        assert_eq!((bills.len(), bills[0].len()), (1, 1), "seed {seed}: {bills:?}");
        sizes.push(example.trial.fen());
    }
    // No bill of less than 20,800 is paid anything at the second rate.
    assert!(sizes.iter().all(|fen| (2_080_000..=5_000_000).contains(fen)), "{sizes:?}");
}

#[test]
fn the_same_seed_finds_the_same_and_the_example_breaks_the_same_promise_again() {
    let rows = "    { bill_total = { over = \"10000\" }, value = \"5000\" },\n    { value = \"300\" },";
    let once = searched("    { value = \"300\" },", rows, 100, 7);
    let again = searched("    { value = \"300\" },", rows, 100, 7);
    let broken = |searched: &Searched| searched.broken.iter().map(|it| it.broken.clone()).collect::<Vec<_>>();
    assert!(!broken(&once).is_empty());
    assert_eq!(broken(&once), broken(&again));
}

#[test]
fn nothing_is_tried_of_bills_that_are_none() {
    let (library, plan) = edited("status", "status");
    let stage = Stage::of(&library, &plan).unwrap();
    let trial = Trial { facts: bedside_analysis::Facts::plain(0), bills: vec![Vec::new()] };
    let growth = bedside_analysis::promises::Growth::Amount { place: 0, pool: 3, fen: 1 };
    assert_eq!(tried(&stage, &trial, &growth), None);
}
