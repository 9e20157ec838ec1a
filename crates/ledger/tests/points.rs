//! Every storage operation of a process, its start-ups and its rotations, as a place to die, to lose power, to fail or
//! to run out of disk. Alone in its file, because it forks.
//!
//! `LEDGER_POINTS` sets how many crash points are tried; `ci/crash-points` runs them at full length.

#![cfg(target_os = "linux")]
// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used, clippy::panic)]

mod hospital;
mod ward;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use ward::shim::{Fault, Run, run};

#[test]
fn child() {
    ward::child();
}

/// How many operations an undisturbed run of the script has.
fn operations() -> u64 {
    let undisturbed = run(&Fault { at: 0, kind: "none", power: None, recovery: None }).unwrap();
    assert_eq!(undisturbed.acknowledged as u64, ward::expected().2);
    assert!(!undisturbed.refused);
    assert!(undisturbed.operations > 100, "{} operations are too few to be all", undisturbed.operations);
    undisturbed.operations
}

/// Tries each fault, on as many threads as there are cores, and gives what came of it by operation.
fn try_all(faults: &[Fault]) -> BTreeMap<String, u64> {
    let (next, met) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let failures = Mutex::new(Vec::new());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            let Some(fault) = faults.get(number) else { return };
            if number > 0 && number.is_multiple_of(1_000) {
                println!("{number} of {} tried", faults.len());
            }
            match run(fault) {
                Ok(Run { operation, .. }) => {
                    *met.lock().unwrap_or_else(PoisonError::into_inner).entry(operation).or_insert(0) += 1;
                }
                Err(what) => failures.lock().unwrap().push(what),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} of {} points failed:\n{}",
        failures.len(),
        faults.len(),
        failures.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("\n\n")
    );
    met.into_inner().unwrap()
}

#[test]
fn nothing_acknowledged_is_lost_wherever_the_process_ends() {
    let points = std::env::var("LEDGER_POINTS").map_or(2_000, |points| points.parse().unwrap());
    let operations = operations();
    let faults: Vec<Fault> = (0..points)
        .map(|point: u64| {
            // Every operation once with each way to end before any of them comes again.
            let (round, at) = (point / operations, point % operations + 1);
            let (kind, power) = match round % 9 {
                0 => ("kill-middle", Some(0)),
                1 => ("kill-after", None),
                2 => ("kill-after", Some(0)),
                3 => ("kill-middle", None),
                4 => ("kill-before", None),
                5 => ("kill-before", Some(0)),
                6 => ("kill-before", Some(1 + point)),
                7 => ("kill-middle", Some(1 + point)),
                _ => ("kill-after", Some(1 + point)),
            };
            // A third of the recoveries end at an operation of theirs, too.
            let recovery = point.is_multiple_of(3).then_some(1 + point / 3 % 40);
            Fault { at, kind, power, recovery }
        })
        .collect();
    let met = try_all(&faults);
    println!("{points} crash points over {operations} operations: {met:?}");
}

#[test]
fn an_error_at_any_operation_loses_nothing() {
    let faults: Vec<Fault> = (1..=operations())
        .flat_map(|at| {
            // With the power cut at the end: what a failed sync left in memory must not have been answered for.
            [("error", Some(0)), ("error", None), ("short", None)].map(|(kind, power)| Fault {
                at,
                kind,
                power,
                recovery: None,
            })
        })
        .collect();
    let met = try_all(&faults);
    println!("{} errors and short writes: {met:?}", faults.len());
}

#[test]
fn a_full_disk_from_any_operation_on_loses_nothing() {
    let faults: Vec<Fault> =
        (1..=operations()).map(|at| Fault { at, kind: "full", power: Some(0), recovery: None }).collect();
    try_all(&faults);
    println!("{} full disks", faults.len());
}
