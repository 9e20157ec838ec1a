//! A process killed in the middle of its work loses nothing that it acknowledged. Alone in its file, because a fork
//! holds the locks of every ledger that other tests have open.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use bedside_claim::{Accumulators, Money};
use bedside_ledger::{Assigned, Decision, Ledger, LedgerConfig, MessageKey, PersonKey, Posting, SettleEvent};

fn config(dir: &Path) -> LedgerConfig {
    LedgerConfig { segment_bytes: 64 << 10, ..LedgerConfig::at(dir) }
}

fn message(msgid: &str) -> MessageKey {
    MessageKey { tenant: "t".into(), fixmedins_code: "H1".into(), msgid: msgid.into() }
}

/// Settles five fen in cash; returns the `setl_id`.
fn settle(ledger: &Ledger, name: &str, psn_no: &str) -> String {
    let event = SettleEvent {
        message: message(name),
        person: PersonKey { tenant: "t".into(), psn_no: psn_no.into() },
        mdtrt_id: name.into(),
        booked_at_ms: 0,
        request: Vec::new(),
    };
    let done = ledger.settle(event, |_: &Accumulators, assigned: &Assigned| {
        let amount = Money::from_units(5);
        Ok::<_, ()>(Decision {
            benefit_year: 2026,
            medfee_sumamt: amount,
            postings: vec![Posting { account: "cash".into(), amount }],
            accumulators: Vec::new(),
            answer: assigned.setl_id.as_bytes().to_vec(),
        })
    });
    done.unwrap().receipt().setl_id.to_string()
}

/// Run as a child of the next test: settles until it is killed, printing each acknowledged settlement.
#[test]
fn child_settles_until_killed() {
    let Ok(dir) = std::env::var("BEDSIDE_LEDGER_CHILD") else { return };
    let ledger = Ledger::open(config(Path::new(&dir))).unwrap();
    let begin = ledger.open_report().records;
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let ledger = ledger.clone();
            std::thread::spawn(move || {
                for call in 0.. {
                    let name = format!("{begin}-{client}-{call}");
                    let setl_id = settle(&ledger, &name, &format!("p{client}"));
                    // One write call for a line, so that a kill cuts between lines.
                    use std::io::Write;
                    let line = format!("ACK {name} {setl_id}\n");
                    std::io::stderr().write_all(line.as_bytes()).unwrap();
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..12usize {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_settles_until_killed", "--nocapture", "--test-threads=1"])
            .env("BEDSIDE_LEDGER_CHILD", dir.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = 0;
        let mut note = |line: String| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            if let [ack, name, setl_id] = words.as_slice()
                && ack == "ACK"
            {
                acknowledged.insert(name.clone(), setl_id.clone());
                seen += 1;
            }
            seen
        };
        // Killed after another number of answers each round, in the middle of whatever it does then.
        for line in lines.by_ref() {
            if note(line.unwrap()) > 7 + round * 13 {
                break;
            }
        }
        child.kill().unwrap();
        for line in lines.map_while(Result::ok) {
            note(line);
        }
        child.wait().unwrap();
        let ledger = Ledger::open(config(dir.path())).unwrap();
        for (name, setl_id) in &acknowledged {
            let kept = ledger.message(&message(name)).unwrap();
            assert_eq!(
                kept.map(|kept| kept.receipt.setl_id.to_string()).as_ref(),
                Some(setl_id),
                "round {round}"
            );
        }
        ledger.verify().unwrap();
    }
    assert!(acknowledged.len() > 500);
}
