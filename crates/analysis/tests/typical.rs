//! The typical bills of the packs that come with the program.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use bedside_analysis::{Stage, typical};
use bedside_claim::Step;
use bedside_policy::Library;

#[test]
fn every_plan_has_typical_bills_that_it_decides() {
    let library = Library::builtin().unwrap();
    for plan in library.plans() {
        let id = format!("{} {}", plan.card.id, plan.card.version);
        let Some(typical) = typical(&library, plan) else {
            assert!(plan.benefits.is_empty(), "{id}");
            continue;
        };
        assert!(typical.bills.len() >= 2, "{id} has {} typical bills", typical.bills.len());
        // Every benefit is met by one of them.
        let mut decided = BTreeSet::new();
        for bill in &typical.bills {
            let settled = typical.settle(bill, &library).unwrap();
            let own = |pack: &str| *pack == *plan.card.id;
            assert!(
                settled
                    .settlement
                    .packs
                    .iter()
                    .any(|card| own(&card.id) && card.version == plan.card.version)
            );
            for step in &settled.settlement.explanation {
                let Some(benefit) = step.benefit() else { continue };
                if plan.benefits.iter().any(|own| own.card == *benefit)
                    && !matches!(step, Step::Denied { .. })
                {
                    decided.insert(benefit.id.to_string());
                }
            }
        }
        let missed: Vec<_> = plan
            .benefits
            .iter()
            .map(|benefit| benefit.card.id.to_string())
            .filter(|id| !decided.contains(id))
            .collect();
        assert_eq!(missed, Vec::<String>::new(), "{id}: no typical bill meets these");
    }
}

#[test]
fn the_same_packs_give_the_same_bills() {
    let library = Library::builtin().unwrap();
    let plan = library.plans().find(|plan| *plan.card.id == *"hangzhou/resident-basic").unwrap();
    let once = typical(&library, plan).unwrap();
    assert_eq!(once.bills, typical(&library, plan).unwrap().bills);
    let names: BTreeSet<_> = once.bills.iter().map(|bill| &bill.name_zh).collect();
    assert_eq!(names.len(), once.bills.len(), "each has its own name");
}

#[test]
fn a_plan_that_no_programme_places_is_run_alone() {
    let library = Library::builtin().unwrap();
    let plans: Vec<_> = library.plans().filter_map(|plan| Stage::of(&library, plan)).collect();
    assert!(plans.iter().all(|stage| !stage.scenes.is_empty()));
}
