//! A ward's history as a script, the program that plays it into a ledger, and what must hold after any mishap.
//!
//! The player prints `ack <msgid> <setl_id> <answer>` once it has the answer, and nothing before: what a parent has
//! read of it is what a hospital knows. Player and checker run as processes of their own, so that the parent opens no
//! ledger and a fork never inherits a lock.
#![allow(dead_code, unreachable_pub, clippy::panic, clippy::unwrap_used, clippy::inconsistent_digit_grouping)]

pub mod promises;
pub mod rules;
pub mod shim;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, mpsc};

use bedside_ledger::*;

use crate::hospital::*;

/// One call of the script. What a step settles or cancels follows from its number.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    Settle {
        number: u32,
        person: u32,
        fen: i64,
    },
    Cancel {
        number: u32,
        person: u32,
        of: u32,
    },
    /// Reverses the settlement `of`, which comes before it in the script, or never.
    Reverse {
        number: u32,
        person: u32,
        of: u32,
    },
}

/// From here on numbers are of settlements that are reversed and never sent.
pub const NEVER_SENT: u32 = 1_000;

/// The script: sessions (the ledger is opened anew for each) of groups (submitted together) of steps.
///
/// Nobody reaches the cap, and whoever is cancelled has no later settlement, so that sums do not depend on the order in
/// which a history that was broken off is completed. With small segments it rotates in every session.
pub fn script() -> Vec<Vec<Vec<Step>>> {
    let settle = |number, person| Step::Settle { number, person, fen: 2_00 + i64::from(number) * 2 };
    let cancel = |number, person, of| Step::Cancel { number, person, of };
    let reverse = |number, person, of| Step::Reverse { number, person, of };
    vec![
        vec![
            vec![settle(0, 0)],
            vec![settle(1, 1), settle(2, 2), settle(3, 0), settle(4, 9)],
            vec![cancel(5, 9, 4), settle(6, 1)],
            vec![settle(7, 2), settle(8, 0), settle(9, 8), reverse(10, 5, NEVER_SENT)],
        ],
        vec![
            vec![settle(11, 1), cancel(12, 8, 9), settle(13, 9)],
            vec![settle(14, 2), settle(15, 6)],
            vec![reverse(16, 6, 15), reverse(17, 1, NEVER_SENT + 1)],
            vec![settle(18, 0), settle(19, 1), settle(20, 2), settle(21, 0)],
        ],
        vec![
            vec![settle(22, 1)],
            vec![settle(23, 7), settle(24, 2)],
            vec![cancel(25, 7, 23), reverse(26, 9, 13)],
        ],
    ]
}

/// What each person must have been paid in the end, and the sum of all bills that stand.
pub fn expected() -> (BTreeMap<u32, i64>, i64, u64) {
    let mut settled = BTreeMap::new();
    let mut steps = 0;
    for step in script().into_iter().flatten().flatten() {
        steps += 1;
        match step {
            Step::Settle { number, person, fen } => drop(settled.insert(number, (person, fen))),
            Step::Cancel { of, .. } | Step::Reverse { of, .. } => drop(settled.remove(&of)),
        }
    }
    let mut paid = BTreeMap::new();
    for (person, fen) in settled.values() {
        *paid.entry(*person).or_default() += fen / 2;
    }
    (paid, settled.values().map(|(_, fen)| fen).sum(), steps)
}

fn small_segments(dir: &Path) -> LedgerConfig {
    LedgerConfig { segment_bytes: 4096, ..config(dir) }
}

fn msgid(number: u32) -> String {
    format!("m{number}")
}

fn settlement_event(number: u32, person: u32, fen: i64) -> SettleEvent {
    let mut event = settle_event(&msgid(number), &format!("p{person}"), &format!("v{number}"), fen);
    // Long enough that a few records fill a segment.
    event.request.resize(500, b'.');
    event
}

fn reversal_event(number: u32, person: u32, of: u32) -> ReverseEvent {
    reverse_event(&msgid(number), &format!("p{person}"), &msgid(of), MessageKind::Settle)
}

/// What was reversed before it came must not come, under whatever content.
fn check_barred(ledger: &Ledger, number: u32) -> Result<(), String> {
    for step in script().into_iter().flatten().flatten() {
        let Step::Reverse { number: reversal, person, of } = step else { continue };
        if reversal != number || of < NEVER_SENT {
            continue;
        }
        let found = ledger.message(&message(&msgid(of))).map_err(|error| format!("{of}: {error}"))?;
        if found.is_none_or(|found| found.kind != MessageKind::Tombstone) {
            return Err(format!("step {number} was acknowledged and its tombstone is lost"));
        }
        let late = ledger.settle(settlement_event(of, person, 2_00), halves(2026, 2_00));
        match late {
            Err(SettleError::NotBooked(NotBooked::Reversed { by })) if *by == *msgid(number) => {}
            late => return Err(format!("a reversed message came late, and came to {late:?}")),
        }
    }
    Ok(())
}

type Outcome = (u32, Result<(String, String), String>);

fn told<E: std::fmt::Debug>(outcome: Result<Committed, E>) -> Result<(String, String), String> {
    let committed = outcome.map_err(|error| format!("{error:?}"))?;
    let receipt = committed.receipt();
    Ok((receipt.setl_id.to_string(), String::from_utf8(receipt.answer.to_vec()).unwrap()))
}

/// Submits steps so that they are one group: the first is not decided before all are submitted. Their outcomes come in
/// order of arrival.
fn submit_group(ledger: &Ledger, group: &[Step]) -> mpsc::Receiver<Outcome> {
    let (sender, outcomes) = mpsc::channel::<Outcome>();
    let (release, gate) = mpsc::channel::<()>();
    let mut gate = Some(gate);
    for step in group {
        let sender = sender.clone();
        // An answer that is replayed is not decided: then nobody waits, and nobody needs to.
        let gate = Mutex::new(gate.take());
        let wait = move || {
            if let Some(gate) = gate.lock().unwrap().take() {
                // An end of the channel is the release.
                let _ = gate.recv();
            }
        };
        match *step {
            Step::Settle { number, person, fen } => {
                let (event, decide) = (settlement_event(number, person, fen), halves(2026, fen));
                let held = move |accumulators: &_, assigned: &_| {
                    wait();
                    decide(accumulators, assigned)
                };
                let reply = move |outcome| sender.send((number, told(outcome))).unwrap();
                ledger.submit_settle(event, held, reply).unwrap();
            }
            Step::Cancel { number, person, of } => {
                let setl_id = match ledger.message(&message(&msgid(of))) {
                    Ok(Some(settled)) => settled.receipt.setl_id,
                    other => {
                        sender.send((number, Err(format!("{other:?}")))).unwrap();
                        continue;
                    }
                };
                let event = cancel_event(&msgid(number), &format!("p{person}"), &setl_id);
                let held = move |settlement: &_, assigned: &_| {
                    wait();
                    agree(settlement, assigned)
                };
                let reply = move |outcome| sender.send((number, told(outcome))).unwrap();
                ledger.submit_cancel(event, held, reply).unwrap();
            }
            Step::Reverse { number, person, of } => {
                let held = move |settlement: Option<&_>, assigned: &_| {
                    wait();
                    undo_or_bar(settlement, assigned)
                };
                let reply = move |outcome| sender.send((number, told(outcome))).unwrap();
                ledger.submit_reverse(reversal_event(number, person, of), held, reply).unwrap();
            }
        }
    }
    drop(release);
    outcomes
}

/// Submits one group and waits for its outcomes.
fn play_group(ledger: &Ledger, group: &[Step]) -> Vec<Outcome> {
    submit_group(ledger, group).iter().collect()
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The parent may be gone. On a line of its own: the test harness leaves its line open.
    let _ = out.write_all(format!("\n{line}\n").as_bytes());
    let _ = out.flush();
}

/// What a player tells.
#[derive(Debug)]
pub enum Told {
    /// A step's answer.
    Answer { number: u32, setl_id: String, answer: String },
    /// A backup begins; it must hold every answer told before.
    Copying,
    /// The backup is made.
    Copied,
}

/// Set where the player makes no backup, which makes the names beside it durable too.
pub const NO_BACKUP: &str = "WARD_NO_BACKUP";

/// Where the player's backup goes.
pub fn copy_of(dir: &Path) -> PathBuf {
    dir.with_extension("copy")
}

/// Copies the serving ledger, as an operator would who begins again after a mishap.
fn back_up(dir: &Path, tell: &mut dyn FnMut(Told)) -> Result<(), String> {
    if copy_of(dir).exists() {
        return Ok(());
    }
    match fs::remove_dir_all(copy_of(dir).with_extension("copy.unfinished")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.to_string()),
        _ => {}
    }
    tell(Told::Copying);
    copy_ledger(dir, &copy_of(dir), Point::End, |_| {}).map_err(|error| format!("copy: {error:?}"))?;
    tell(Told::Copied);
    Ok(())
}

/// Plays what is left of the script, telling; stops at the first outcome that is no answer.
fn play_sessions(dir: &Path, tell: &mut dyn FnMut(Told)) -> Result<(), String> {
    for (number, session) in script().into_iter().enumerate() {
        // The third session starts from the journal alone.
        if number == 2 && dir.join("tables").exists() && !dir.join("tables.lost").exists() {
            fs::rename(dir.join("tables"), dir.join("tables.lost")).map_err(|error| error.to_string())?;
        }
        let ledger = Ledger::open(small_segments(dir)).map_err(|error| format!("open: {error:?}"))?;
        for group in session {
            let mut failed = Vec::new();
            for (number, outcome) in play_group(&ledger, &group) {
                match outcome {
                    Ok((setl_id, answer)) => tell(Told::Answer { number, setl_id, answer }),
                    Err(error) => failed.push(format!("step {number}: {error}")),
                }
            }
            if let Some(error) = failed.into_iter().next() {
                return Err(still_stopped(&ledger, error));
            }
        }
        if number == 1 && std::env::var_os(NO_BACKUP).is_none() {
            back_up(dir, tell)?;
        }
    }
    Ok(())
}

/// Plays the script, and once more from its beginning where it failed: answers may then come from what a failed sync
/// has left in memory only.
pub fn play(dir: &Path) {
    let stop_after = std::env::var("WARD_STOP_AFTER").ok().and_then(|answers| answers.parse().ok());
    let mut answers = 0u32;
    let mut tell = |told| {
        match told {
            Told::Answer { number, setl_id, answer } => say(&format!("ack {number} {setl_id} {answer}")),
            Told::Copying => return say("copying"),
            Told::Copied => return say("copied"),
        }
        answers += 1;
        while stop_after == Some(answers) {
            // With the ledger open, until it is killed.
            std::thread::park();
        }
    };
    for attempt in ["first", "second"] {
        match play_sessions(dir, &mut tell) {
            Ok(()) => break,
            Err(error) => say(&format!("refused {attempt} {error}")),
        }
    }
}

/// Opens the ledger and lets it go: what a crash during recovery interrupts.
pub fn recover(dir: &Path) {
    if let Err(error) = Ledger::open(small_segments(dir)) {
        say(&format!("refused {error:?}"));
    }
}

/// Answers by step, as acknowledged.
pub type Acknowledged = BTreeMap<u32, (String, String)>;

/// The acknowledgements in a player's output. The last line counts only if it is whole.
pub fn acknowledged(output: &str, into: &mut Acknowledged) -> Result<(), String> {
    for line in output.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let Some(rest) = line.trim_end().strip_prefix("ack ") else { continue };
        let mut words = rest.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (number, answer) = (word().parse().unwrap(), (word(), word()));
        let before = into.insert(number, answer.clone());
        if before.is_some_and(|before| before != answer) {
            return Err(format!("step {number} is answered in two ways"));
        }
    }
    Ok(())
}

/// Everything that must hold in an opened ledger: what was acknowledged is there with its answer, the journal and the
/// tables prove each other, and the history can be completed to the sums that it would have had undisturbed.
pub fn check_ledger(ledger: &Ledger, acknowledged: &Acknowledged) -> Result<(), String> {
    for (number, (setl_id, answer)) in acknowledged {
        let found =
            ledger.message(&message(&msgid(*number))).map_err(|error| format!("{number}: {error}"))?;
        let found = found.ok_or(format!("step {number} was acknowledged as {setl_id} and is lost"))?;
        if (&*found.receipt.setl_id, &*found.receipt.answer) != (setl_id.as_str(), answer.as_bytes()) {
            return Err(format!("step {number} has another answer than was acknowledged"));
        }
        check_barred(ledger, *number)?;
    }
    ledger.verify().map_err(|error| format!("verify after opening: {error}"))?;
    let mut completed = acknowledged.clone();
    for group in script().iter().flatten() {
        for (number, outcome) in play_group(ledger, group) {
            let answer = outcome.map_err(|error| format!("step {number} cannot be completed: {error}"))?;
            let before = completed.insert(number, answer.clone());
            if before.is_some_and(|before| before != answer) {
                return Err(format!("step {number} is answered in two ways"));
            }
        }
    }
    let ids: std::collections::BTreeSet<_> = completed.values().map(|(setl_id, _)| setl_id).collect();
    if ids.len() != completed.len() {
        return Err("two steps have one setl_id".to_owned());
    }
    let verification = ledger.verify().map_err(|error| format!("verify at the end: {error}"))?;
    let (paid, owed, steps) = expected();
    if verification.records != steps {
        return Err(format!("{} records of {steps} steps", verification.records));
    }
    let receivable: i64 = verification.receivables.values().map(|amount| amount.units()).sum();
    if receivable != owed {
        return Err(format!("{receivable} fen owed, not {owed}"));
    }
    for person in 0..10 {
        let (found, due) =
            (crate::hospital::paid(ledger, &format!("p{person}")), paid.get(&person).copied().unwrap_or(0));
        if found != due {
            return Err(format!("person {person} was paid {found} fen, not {due}"));
        }
    }
    Ok(())
}

/// Opens the directory and checks it, twice: what the first opening repaired must stay.
pub fn check_dir(dir: &Path, acknowledged: &Acknowledged) -> Result<(), String> {
    for opening in ["first", "second"] {
        let ledger =
            Ledger::open(small_segments(dir)).map_err(|error| format!("{opening} opening: {error}"))?;
        check_ledger(&ledger, acknowledged).map_err(|what| format!("{opening} opening: {what}"))?;
    }
    Ok(())
}

/// The error with which a session ends; a ledger that has stopped must book nothing more.
fn still_stopped(ledger: &Ledger, error: String) -> String {
    if error.ends_with("NotBooked(Stopped)")
        && ledger.settle(settlement_event(99, 3, 2_00), halves(2026, 2_00)).is_ok()
    {
        say("found a stopped ledger that books");
    }
    error
}

/// Keeps the answers that are told.
fn keep(known: &mut Acknowledged) -> impl FnMut(Told) {
    |told| {
        if let Told::Answer { number, setl_id, answer } = told {
            known.insert(number, (setl_id, answer));
        }
    }
}

/// Plays the whole script in this process and gives what was acknowledged.
pub fn play_through(dir: &Path) -> Acknowledged {
    let mut known = Acknowledged::new();
    play_sessions(dir, &mut keep(&mut known)).unwrap();
    known
}

/// What became of a ledger that was harmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It is as it was: the harm was in what is derived, or in nothing.
    Whole,
    /// It does not open, and says why.
    Refused,
    /// It opens, and `verify` says what is wrong.
    ToldByVerify,
}

/// Opens a harmed ledger and holds its answers against what was acknowledged.
///
/// # Errors
/// An answer that is a wrong one, or an acknowledged message that is forgotten without a word.
pub fn look_at(dir: &Path, acknowledged: &Acknowledged) -> Result<Found, String> {
    let Ok(ledger) = Ledger::open(small_segments(dir)) else { return Ok(Found::Refused) };
    let told = ledger.verify().is_err();
    let mut unreadable = false;
    for (number, (setl_id, answer)) in acknowledged {
        match ledger.message(&message(&msgid(*number))) {
            Err(_) => unreadable = true,
            Ok(None) => return Err(format!("step {number} is forgotten")),
            Ok(Some(found)) => {
                if (&*found.receipt.setl_id, &*found.receipt.answer) != (setl_id.as_str(), answer.as_bytes())
                {
                    return Err(format!("step {number} has another answer than was acknowledged"));
                }
            }
        }
    }
    if told {
        return Ok(Found::ToldByVerify);
    }
    if unreadable {
        return Err("an answer is unreadable, and verify does not say so".to_owned());
    }
    check_ledger(&ledger, acknowledged).map(|()| Found::Whole)
}

thread_local! {
    /// The bug that children of this thread get, in a program built with the feature `planted-bugs`.
    pub static PLANTED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// The processes that this program starts of itself, by the name of the test that they run.
pub const CHILD: &str = "child";

/// What the child does: the body of the test named [`CHILD`] in every program that uses this module.
pub fn child() {
    let Some(dir) = std::env::var_os("WARD_DIR").map(PathBuf::from) else { return };
    match std::env::var("WARD_ROLE").unwrap().as_str() {
        "play" => play(&dir),
        "recover" => recover(&dir),
        "check" => {
            let mut known = Acknowledged::new();
            acknowledged(&fs::read_to_string(std::env::var("WARD_ACKS").unwrap()).unwrap(), &mut known)
                .unwrap();
            match check_dir(&dir, &known) {
                Ok(()) => say("checked"),
                Err(what) => say(&format!("found {what}")),
            }
        }
        "hold" => {
            let name = std::env::var("WARD_RULE").unwrap();
            let (_, rule) =
                rules::RULES.into_iter().chain(promises::RULES).find(|(known, _)| *known == name).unwrap();
            match rule(&dir) {
                Ok(()) => say("checked"),
                Err(what) => say(&format!("found {what}")),
            }
        }
        role => panic!("no role `{role}`"),
    }
}

/// A process of this program in a role, not started yet.
pub fn child_in(dir: &Path, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    if let Some(bug) = PLANTED.get() {
        command.env("BEDSIDE_PLANTED", bug);
    }
    command
        .args(["--exact", CHILD, "--nocapture", "--test-threads", "1"])
        .env("WARD_DIR", dir)
        .env("WARD_ROLE", role)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null());
    command
}

/// Checks a directory in a process of its own.
///
/// # Errors
/// What does not hold.
pub fn check_apart(dir: &Path, acknowledged: &Acknowledged) -> Result<(), String> {
    let mut acks = String::new();
    for (number, (setl_id, answer)) in acknowledged {
        writeln!(acks, "ack {number} {setl_id} {answer}").unwrap();
    }
    let file = dir.with_extension("acks");
    fs::write(&file, acks).unwrap();
    judged(child_in(dir, "check").env("WARD_ACKS", &file))
}

/// Holds one of the rules in a new directory, in a process of its own.
///
/// # Errors
/// What does not hold.
pub fn hold_apart(rule: &str) -> Result<(), String> {
    let work = memory();
    judged(child_in(&work.path().join("ledger"), "hold").env("WARD_RULE", rule))
}

fn judged(checker: &mut Command) -> Result<(), String> {
    let Output { status, stdout, stderr } = checker.output().unwrap();
    let said = String::from_utf8_lossy(&stdout);
    if let Some(found) = said.lines().find_map(|line| line.strip_prefix("found ")) {
        return Err(found.to_owned());
    }
    if said.lines().any(|line| line == "checked") {
        return Ok(());
    }
    Err(format!("the checker ended with {status}: {}", String::from_utf8_lossy(&stderr)))
}

/// A directory in memory where the machine has one: syncs cost nothing there, and these tests make their own losses.
pub fn memory() -> tempfile::TempDir {
    let shm = Path::new("/dev/shm");
    tempfile::tempdir_in(shm).or_else(|_| tempfile::tempdir()).unwrap()
}
