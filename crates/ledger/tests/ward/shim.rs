//! Starting the player with a fault planned: the preloaded library counts every storage operation of the process.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

/// When the process ends, or how the operation fails.
pub const KILLS: [&str; 3] = ["kill-before", "kill-middle", "kill-after"];

/// One planned fault.
#[derive(Debug, Clone)]
pub struct Fault {
    pub at: u64,
    pub kind: &'static str,
    /// Whether the power goes with the process: 0 takes everything that was not synced, other seeds a part.
    pub power: Option<u64>,
    /// A second end, at that operation of the recovery from the first.
    pub recovery: Option<u64>,
}

/// The library, which cargo builds beside this program.
pub fn library() -> PathBuf {
    let library = std::env::current_exe().unwrap().with_file_name("libfaultshim.so");
    assert!(library.exists(), "`{}` is not there: build the package `faultshim`", library.display());
    library
}

fn planned(command: &mut Command, dir: &Path, at: u64, kind: &str, power: Option<u64>, report: &Path) {
    // The data lie one level below, so that their own directory's creation counts.
    command
        .env("LD_PRELOAD", library())
        .env("FAULT_UNDER", dir.parent().unwrap())
        .env("FAULT_AT", at.to_string())
        .env("FAULT_KIND", kind)
        .env("FAULT_REPORT", report);
    if let Some(seed) = power {
        command.env("FAULT_POWER", seed.to_string());
    }
}

/// What a run with a fault came to.
pub struct Run {
    /// The operation that the fault met, as the library names it; `end` when the run ended before it.
    pub operation: String,
    /// How many operations there were until then.
    pub operations: u64,
    pub acknowledged: usize,
    /// Whether the ledger refused something and said so.
    pub refused: bool,
}

/// What a process said, and whether it had to be ended: sled may wait for ever after an error of its file.
struct Ended {
    said: String,
    hung: bool,
}

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

fn ended(command: &mut Command) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let (sender, said) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        std::io::Read::read_to_end(&mut out, &mut text).unwrap();
        sender.send(String::from_utf8_lossy(&text).into_owned()).unwrap();
    });
    let in_time = said.recv_timeout(PATIENCE).ok();
    let hung = in_time.is_none();
    if hung {
        child.kill().unwrap();
    }
    child.wait().unwrap();
    reader.join().unwrap();
    Ended { said: in_time.unwrap_or_else(|| said.recv().unwrap()), hung }
}

/// A backup that is there is whole and holds what was answered before it; one that was made is there.
fn check_copy(dir: &Path, said: &str) -> Result<(), String> {
    let (before, _) = said.split_once("\ncopying\n").unwrap_or_default();
    if !copy_of(dir).exists() {
        return if said.contains("\ncopied\n") { Err("the backup is lost".to_owned()) } else { Ok(()) };
    }
    let mut known = Acknowledged::new();
    acknowledged(before, &mut known)?;
    check_apart(&copy_of(dir), &known).map_err(|what| format!("the backup: {what}"))
}

/// Plays the script with one fault, recovers (with a second one, where planned), and checks.
///
/// # Errors
/// What does not hold, with the fault.
pub fn run(fault: &Fault) -> Result<Run, String> {
    run_by(|_| {}, fault)
}

/// The same with a player that is prepared.
///
/// # Errors
/// What does not hold, with the fault.
pub fn run_by(prepare: impl Fn(&mut Command), fault: &Fault) -> Result<Run, String> {
    let work = memory();
    let (dir, report) = (work.path().join("under/ledger"), work.path().join("report"));
    std::fs::create_dir(work.path().join("under")).unwrap();
    let mut player = child_in(&dir, "play");
    prepare(&mut player);
    planned(&mut player, &dir, fault.at, fault.kind, fault.power, &report);
    let Ended { said, hung } = ended(&mut player);
    let told = |what: String| format!("{what}\n  with {fault:?}\n  the player said: {said}");
    if let Some(found) = said.lines().find_map(|line| line.strip_prefix("found ")) {
        return Err(told(found.to_owned()));
    }
    let mut known = Acknowledged::new();
    acknowledged(&said, &mut known).map_err(told)?;
    let first = std::fs::read_to_string(&report).unwrap_or_default();
    let mut words = first.lines().next().unwrap_or_default().splitn(3, ' ');
    let operations = words.next().and_then(|count| count.parse().ok()).unwrap_or(0);
    let operation = if hung { "hung" } else { words.next().unwrap_or("none") }.to_owned();
    if let Some(at) = fault.recovery {
        let mut recovery = child_in(&dir, "recover");
        planned(&mut recovery, &dir, at, KILLS[usize::try_from(at % 3).unwrap()], fault.power, &report);
        let said = ended(&mut recovery).said;
        if said.contains("refused") {
            return Err(told(format!("the recovery refused: {said}")));
        }
    }
    check_apart(&dir, &known).map_err(told)?;
    check_copy(&dir, &said).map_err(told)?;
    let refused = said.contains("\nrefused");
    Ok(Run { operation, operations, acknowledged: known.len(), refused })
}
