//! Bugs planted in the ledger, each to be caught by the check that is there for it, by name.
//!
//! `cargo test -p bedside-ledger --features planted-bugs --test planted`. Alone in its file, because it forks. Each bug lives in
//! child processes of the thread that plants it, so that several are tried at once.

#![cfg(target_os = "linux")]
// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used, clippy::panic)]

mod hospital;
mod ward;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ward::shim::{Fault, run_by};
use ward::{NO_BACKUP, PLANTED, hold_apart};
use ward::{promises, rules};

/// What is to catch a bug: a rule by its name, or the points of a kind.
#[derive(Debug, Clone, Copy)]
enum Catcher {
    Rule(&'static str),
    /// The power is cut after each operation, and all that is not synced is lost.
    PowerCuts,
    /// Each operation fails, and the power is cut at the end.
    Errors,
    /// Each of the operations that make the folder fails, and no backup beside it syncs its name.
    FirstErrors,
}

use Catcher::{Errors, FirstErrors, PowerCuts, Rule};

const BUGS: &[(&str, Catcher)] = &[
    // writing
    ("skip-sync", PowerCuts),
    ("answer-before-sync", PowerCuts),
    ("skip-sync-before-rotation", PowerCuts),
    ("skip-segment-sync", PowerCuts),
    ("forget-directory-sync", PowerCuts),
    ("swap-segments", Rule("the history comes out right")),
    ("go-on-after-error", Errors),
    ("swap-answers", Rule("answers come in the order of the calls")),
    // booking
    ("drop-message-id", Rule("a message is booked once")),
    ("message-without-hospital", Rule("a message belongs to its hospital")),
    ("accept-other-content", Rule("other content is a conflict")),
    ("group-blind-to-itself", Rule("a group sees itself")),
    ("settle-visit-twice", Rule("a visit is settled once")),
    ("accept-unbalanced", Rule("postings sum to the total")),
    ("cancel-in-any-order", Rule("the latest is cancelled first")),
    ("cancel-keeps-visit", Rule("a cancelled visit is settled again")),
    ("cancel-keeps-accumulators", Rule("a cancelled visit is settled again")),
    ("drop-tombstone", Rule("a reversed message never arrives")),
    ("reverse-in-any-order", Rule("the latest is reversed first")),
    ("correction-forgets-a-later-one", Rule("a correction reaches the later ones")),
    ("correction-posts-backwards", Rule("a correction posts the difference")),
    ("forget-accumulators", Rule("the history comes out right")),
    ("wrong-leaf", Rule("the history comes out right")),
    // holds, stays, registers
    ("expired-hold-reserves", Rule("a hold reserves until its time")),
    ("hold-forgets-the-family", Rule("a hold reserves of the family")),
    ("settlement-keeps-the-hold", Rule("a hold ends with its visit or its call")),
    ("release-leaves-the-reservation", Rule("a hold ends with its visit or its call")),
    ("settle-a-moved-stay", Rule("a stay that moved is not settled")),
    ("line-comes-in-twice", Rule("a line comes in once")),
    ("withdraw-a-settled-line", Rule("a settled line stands")),
    ("midway-marks-no-lines", Rule("a settled line stands")),
    ("cancelled-discharge-leaves-out", Rule("a person is in one hospital")),
    ("later-row-takes-no-days", Rule("a later row takes its days")),
    ("record-a-standing-row", Rule("a row that stands is no news")),
    ("forget-erased-messages", Rule("an erased message stays used up")),
    // opening
    ("no-lock", Rule("one process has the ledger")),
    ("trust-page-cache", Errors),
    ("trust-found-names", FirstErrors),
    ("leave-torn-tail", Rule("a torn tail is cut for good")),
    ("call-damage-a-torn-tail", Rule("damage is no torn tail")),
    ("open-without-lost-record", Rule("a lost record is refused")),
    ("ignore-checkpoint", Rule("a lost record is refused")),
    ("forget-applied-position", Rule("the history comes out right")),
    ("trust-foreign-tables", Rule("changed rows are made again")),
    // reading
    ("skip-checksum", Rule("a changed byte is never answered")),
    ("skip-chain", Rule("a forged record breaks the chain")),
    ("skip-padding", Rule("padding is empty")),
    ("skip-row-checksum", Rule("changed rows are made again")),
    ("skip-row-count", Rule("changed rows are made again")),
];

#[test]
fn child() {
    ward::child();
}

/// More than a new folder takes.
const FIRST_OPERATIONS: u64 = 30;

/// What the catcher finds, if anything.
fn caught(catcher: Catcher) -> Result<(), String> {
    let kind = match catcher {
        Rule(rule) => return hold_apart(rule),
        PowerCuts => "kill-after",
        Errors | FirstErrors => "error",
    };
    let is_first = matches!(catcher, FirstErrors);
    let prepare = |player: &mut Command| {
        if is_first {
            player.env(NO_BACKUP, "1");
        }
    };
    for at in 1.. {
        let tried = run_by(prepare, &Fault { at, kind, power: Some(0), recovery: None })?;
        if tried.operation == "end" || (is_first && at == FIRST_OPERATIONS) {
            break;
        }
    }
    Ok(())
}

/// The names that the source asks for.
fn planted_in(source: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            planted_in(&path, into);
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        for question in text.split("planted::is(\"").skip(1) {
            into.insert(question.split('"').next().unwrap().to_owned());
        }
    }
}

#[test]
fn every_planted_bug_is_caught_by_name() {
    for (rule, _) in rules::RULES.into_iter().chain(promises::RULES) {
        hold_apart(rule).unwrap_or_else(|what| panic!("without a bug, `{rule}`: {what}"));
    }
    for catcher in [PowerCuts, Errors, FirstErrors] {
        caught(catcher).unwrap_or_else(|what| panic!("without a bug, {catcher:?}: {what}"));
    }
    let mut asked = BTreeSet::new();
    planted_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut asked);
    let listed: BTreeSet<String> = BUGS.iter().map(|(bug, _)| (*bug).to_owned()).collect();
    assert_eq!(asked, listed, "every bug in the source has its catcher here, and the other way round");

    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((bug, catcher)) = BUGS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    PLANTED.set(Some(bug));
                    match caught(*catcher) {
                        Ok(()) => missed.lock().unwrap().push(format!("{bug} by {catcher:?}")),
                        Err(what) => {
                            println!(
                                "{bug}: caught by {catcher:?}: {}",
                                what.lines().next().unwrap_or_default()
                            );
                        }
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "not caught: {missed:#?}");
    println!("{} planted bugs, all caught", BUGS.len());
}
