//! A process killed in the middle of its work loses nothing that it acknowledged. Alone in its file, because between
//! fork and exec a child holds the locks of every ledger that other tests have open.

// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used)]

mod hospital;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use bedside_ledger::*;
use hospital::*;

/// Not a test of its own: what `every_acknowledged_settlement_survives_a_kill` starts and kills.
#[test]
fn committing_child() {
    let Ok(dir) = std::env::var("LEDGER_CHILD_DIR") else { return };
    let ledger = open(Path::new(&dir));
    let from = ledger.open_report().records;
    let (sender, acknowledged) = mpsc::channel();
    let submit = |number: u64| {
        let sender = sender.clone();
        let event =
            settle_event(&format!("m{number}"), &format!("p{}", number % 5), &format!("v{number}"), 3_00);
        let reply = move |outcome: Result<Committed, SettleError<_>>| {
            // the parent may be gone
            let _ = sender.send(outcome.unwrap().receipt().setl_id.clone());
        };
        // every fourth is a quote that binds
        if number % 4 == 3 {
            let SettleEvent { message, person, family_no, mdtrt_id, booked_at_ms, request, .. } = event;
            let until_ms = booked_at_ms + 1;
            let event = HoldEvent {
                message,
                person,
                family_no,
                mdtrt_id,
                until_ms,
                booked_at_ms,
                request,
                stay: None,
            };
            let quote = |seen: &Seen, assigned: &Assigned| {
                let Decision { accumulators, answer, .. } = halves(2026, 3_00)(seen, assigned)?;
                Ok(Quote { accumulators, answer })
            };
            ledger.submit_hold(event, quote, reply).unwrap();
            return;
        }
        ledger.submit_settle(event, halves(2026, 3_00), reply).unwrap();
    };
    // eight always in flight, so that groups are of several records
    (from..from + 8).for_each(submit);
    for number in from + 8.. {
        println!("\nacknowledged {}", acknowledged.recv().unwrap());
        submit(number);
    }
}

#[test]
fn every_acknowledged_settlement_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
    let mut random = 0x2545_F491_4F6C_DD1Du64;
    for round in 0..20 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let kill_after = 1 + random % 120;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "committing_child", "--nocapture"])
            .env("LEDGER_CHILD_DIR", dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut seen = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            // killed in the middle of a line: that one was not received
            let Ok(line) = line else { break };
            if let Some(setl_id) = line.strip_prefix("acknowledged ").filter(|id| id.len() == 17) {
                acknowledged.insert(setl_id.to_owned(), round);
                seen += 1;
                if seen == kill_after {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        assert!(seen >= kill_after, "the child ended early in round {round}");
        let ledger = open(dir.path());
        for setl_id in acknowledged.keys() {
            let is_there = match setl_id.starts_with('H') {
                true => ledger.held("zj", setl_id).unwrap().is_some(),
                false => ledger.settlement("zj", setl_id).unwrap().is_some(),
            };
            assert!(is_there, "{setl_id} is lost in round {round}");
        }
        assert!(ledger.verify().unwrap().records >= acknowledged.len() as u64);
    }
}
