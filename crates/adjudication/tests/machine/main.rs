//! The benefit machine a second time: random programmes and histories, settled by the core and by a plain reading.
//!
//! `reading`, `gate`, `base`, `reimbursement` and `fixed` are written from `docs/benefit-machine.md`; `programmes` and
//! `histories` draw cases; `always` asks what holds whatever the rules say; `met` fails a run that has tried too
//! little. 100,000 bills, or as many as `BEDSIDE_MACHINE_CASES` says; the seeds of the cases count up from `BEDSIDE_MACHINE_SEED`:
//!
//! ```text
//! BEDSIDE_MACHINE_CASES=10000000 cargo test -p bedside-adjudication --test machine --release
//! ```
// A test may fail loudly and be told how long to run.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod always;
mod base;
mod books;
mod conditions;
mod draw;
mod exact;
mod fixed;
mod gate;
mod histories;
mod met;
mod page;
mod parts;
mod programmes;
mod reading;
mod reimbursement;
mod smaller;
mod stays;
mod steps;

use bedside_adjudication::adjudicate;
use bedside_claim::Claim;

use crate::always::Settled;
use crate::books::Books;
use crate::gate::NoValue;
use crate::histories::Case;
use crate::met::Met;
use crate::reading::{Answer, settle};

/// Bills of an ordinary run.
const BILLS: u64 = 100_000;
/// From here on a run must have met everything.
const BILLS_THAT_MEET_ALL: u64 = 10_000;

#[test]
fn both_readings_agree() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let bills = number("BEDSIDE_MACHINE_CASES").unwrap_or(BILLS);
    let first = number("BEDSIDE_MACHINE_SEED").unwrap_or(0);
    let mut met = Met::default();
    let (mut settled, mut seed) = (0, first);
    while settled < bills {
        let case = Case::drawn(seed);
        settled += case.claims.len() as u64;
        if let Err(difference) = tried(&case, &mut met) {
            report(seed, case, &difference);
        }
        seed += 1;
    }
    println!("{settled} bills from seed {first}; the rarest: {:?}", met.rarest());
    if bills >= BILLS_THAT_MEET_ALL {
        assert_eq!(met.missed(), Vec::<&str>::new(), "a run of {settled} bills should have met these");
    }
}

/// Makes the case smaller and fails with it.
fn report(seed: u64, case: Case, difference: &str) -> ! {
    let kind = |difference: &str| difference.split_whitespace().next().map(str::to_owned);
    let fails = |smaller: &Case| {
        tried(smaller, &mut Met::default()).is_err_and(|other| kind(&other) == kind(difference))
    };
    let smallest = smaller::smallest(case, fails);
    let difference = tried(&smallest, &mut Met::default()).unwrap_err();
    panic!("seed {seed}\n{}\n{difference}", page::case(&smallest));
}

/// As `compared`; a panic is a difference like any other.
fn tried(case: &Case, met: &mut Met) -> Result<(), String> {
    let compared = std::panic::AssertUnwindSafe(|| compared(case, met));
    std::panic::catch_unwind(compared).unwrap_or_else(|_| Err("panic: one of the readings".to_owned()))
}

/// Settles every claim of the case twice; what differs, or what does not hold.
fn compared(case: &Case, met: &mut Met) -> Result<(), String> {
    let mut books = Books::default();
    for (place, claim) in case.claims.iter().enumerate() {
        let programme = case.programme(claim);
        let before = books.of(claim);
        let core = adjudicate(claim, &programme, &before);
        let (settlement, answer, seen) = match (core, settle(claim, &programme, &before)) {
            (Ok(settlement), Ok((answer, seen))) => (settlement, answer, seen),
            (Err(_), Err(NoValue)) => {
                met.count("fault: no row fits");
                continue;
            }
            (Err(fault), Ok(_)) => return Err(format!("fault: bill {place}, the core alone: {fault}")),
            (Ok(_), Err(NoValue)) => return Err(format!("fault: bill {place}, the reading alone")),
        };
        let mut after = before.clone();
        after.apply(&settlement.accumulators).map_err(|stale| format!("stale: bill {place}: {stale}"))?;
        let core = as_far_as_stated(Answer::of(&settlement, &after), case, claim);
        if core != answer {
            return Err(format!("differs: bill {place}\n{}", page::difference(&core, &answer)));
        }
        let settled =
            Settled { claim, programme: &programme, before: &before, after: &after, settlement: &settlement };
        let is_repeated = place == 0 && met.is_time_for_texts();
        let broken = always::broken(&settled);
        let broken = broken.or_else(|| if is_repeated { always::not_repeated(case, &settled) } else { None });
        if let Some(broken) = broken {
            return Err(format!("broken: bill {place}: {broken}"));
        }
        met.count_all(&settlement, &seen);
        books.book(claim, settlement, &after);
    }
    books.taken_back().map_or(Ok(()), |left| Err(format!("reversal: {left}")))
}

/// The machine's page does not say which of our own public denials stand beside an adopted answer.
fn as_far_as_stated(mut core: Answer, case: &Case, claim: &Claim) -> Answer {
    if claim.adopted.is_some() {
        let is_public = |pack: &str| {
            case.plans.iter().any(|plan| *plan.card.id == *pack && !histories::is_commercial(plan))
        };
        core.denied.retain(|((pack, _), _)| !is_public(pack));
    }
    core
}
