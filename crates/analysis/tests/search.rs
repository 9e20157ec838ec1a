//! The reading and the search over the packs that come with the program.
#![allow(clippy::unwrap_used, clippy::panic)]

use bedside_analysis::{Effort, of_library, of_plan, search};
use bedside_claim::Lang;
use bedside_policy::Library;

#[test]
fn nothing_is_found_in_the_program_s_packs() {
    let library = Library::builtin().unwrap();
    let mut found: Vec<String> = Vec::new();
    for plan in library.plans() {
        for finding in of_plan(&library, plan) {
            found.push(format!("{} {}: {}", finding.of, finding.place, finding.problem.text(Lang::En)));
        }
    }
    for finding in of_library(&library, &|_| true) {
        found.push(format!("{}: {}", finding.of, finding.problem.text(Lang::En)));
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn no_bill_breaks_a_promise_of_the_program_s_packs() {
    let library = Library::builtin().unwrap();
    for plan in library.plans() {
        let Some(found) = search(&library, plan, Effort { cases: 50, seed: 1 }, &|_| ()) else { continue };
        let broken: Vec<_> = found.broken.iter().map(|example| (&example.broken, &example.trial)).collect();
        assert!(broken.is_empty(), "{} {}: {broken:?}", plan.card.id, plan.card.version);
        assert!(found.unmet.is_empty(), "{} {}: {:?}", plan.card.id, plan.card.version, found.unmet);
    }
}
