//! Replay over rows of a made-up format: the spelling of rows is not replay's business.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use bedside_claim::{Claim, Money, Settlement};
use bedside_fixtures::workload;
use bedside_policy::Library;
use bedside_replay::{Progress, RowFormat, RowKey, Sinks, Summary, run};

/// `psn_no day lines`: a stay of that many lines, settled on that day of March.
struct Words;

impl RowFormat for Words {
    type Row = (usize, Claim);

    fn read(&self, text: &str) -> Result<(usize, Claim), (String, String)> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let [psn_no, day, lines, rest @ ..] = words.as_slice() else {
            return Err(("format".to_owned(), "three words are needed".to_owned()));
        };
        let mut claim = workload::employee_stay(lines.parse().unwrap());
        claim.person.psn_no = (*psn_no).into();
        claim.visit.setl_date = format!("2026-03-{day}").parse().unwrap();
        claim.visit.mdtrt_id = format!("{psn_no}-{day}").into();
        if let [area] = rest {
            claim.person.insurance.insuplc_admdvs = (*area).into();
        }
        Ok((lines.parse().unwrap(), claim))
    }

    fn claim<'a>(&self, row: &'a (usize, Claim)) -> &'a Claim {
        &row.1
    }

    fn key(&self, row: &(usize, Claim)) -> RowKey {
        let claim = &row.1;
        RowKey { fixmedins_code: Arc::from("H"), msgid: format!("{}-{}", claim.visit.mdtrt_id, row.0).into() }
    }

    fn write(&self, row: &(usize, Claim), settlement: &Settlement) -> Result<String, String> {
        Ok(format!("{} {} {}", row.1.visit.mdtrt_id, row.0, settlement.psn_cash_pay))
    }
}

fn replay(input: &str, threads: usize) -> (Summary, String, String) {
    let library = Library::builtin().unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let mut sinks = Sinks { results: Vec::new(), rejects: Vec::new() };
    let done = std::sync::atomic::AtomicU64::new(0);
    let summary = pool.install(|| {
        run(input.as_bytes(), &Words, &library, &mut sinks, |progress| match progress {
            Progress::Read(_) => {}
            Progress::Done => {
                done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        })
        .unwrap()
    });
    assert_eq!(done.into_inner(), summary.settled + summary.rejects());
    (summary, String::from_utf8(sinks.results).unwrap(), String::from_utf8(sinks.rejects).unwrap())
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let rows: Vec<String> =
        (0..200).map(|row| format!("P{:02} {:02} {}", row % 17, 10 + row / 17, 1 + row % 9)).collect();
    let input = rows.join("\n");
    let one = replay(&input, 1);
    assert_eq!(one.0.settled, 200);
    assert_eq!(one.1.lines().count(), 200);
    for threads in [2, 3, 8] {
        assert_eq!(replay(&input, threads), one, "{threads} threads");
    }
    let payers = Money::sum(one.0.payers.values().copied()).unwrap();
    assert_eq!(payers, one.0.medfee_sumamt);
}

#[test]
fn a_persons_bills_are_settled_in_service_order() {
    let forward = replay("P 10 20\nP 11 20\n", 2).1;
    let backward = replay("P 11 20\nP 10 20\n", 2).1;
    let mut lines: Vec<&str> = backward.lines().collect();
    lines.reverse();
    assert_eq!(forward.lines().collect::<Vec<_>>(), lines);
    let costs: Vec<&str> = forward.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_ne!(costs[0], costs[1], "the second stay has its deductible charged already");
}

#[test]
fn every_row_is_a_result_or_a_reject_with_its_line() {
    let input = "P 10 5\n\nnonsense\nP 10 5\nP 10 6\nQ 10 5 440100\nQ 11 5\n";
    let (summary, results, rejects) = replay(input, 4);
    assert_eq!((summary.settled, summary.rejects()), (2, 4));
    assert_eq!(results.lines().count(), 2);
    assert_eq!(
        rejects.lines().collect::<Vec<_>>(),
        [
            r#"{"line":3,"code":"format","reason":"three words are needed"}"#,
            r#"{"line":4,"code":"duplicate_message","reason":"`msgid` was used by the row on line 1"}"#,
            r#"{"line":5,"code":"already_settled","reason":"`mdtrt_id` was settled by the row on line 1"}"#,
            r#"{"line":6,"code":"no_rules","reason":"no programme for `insutype` 310 insured in 440100 on 2026-03-10"}"#,
        ]
    );
}

#[test]
fn a_row_that_is_no_text_is_a_reject_and_a_refused_message_may_come_again() {
    let mut input = "\u{feff}P 10 5\n".as_bytes().to_vec();
    input.extend(b"\xff\xfe\r\n");
    input.extend(b"Q 10 5 440100\r\nQ 10 5\nQ 10 5\nQ 10 5\n");
    let library = Library::builtin().unwrap();
    let mut sinks = Sinks { results: Vec::new(), rejects: Vec::new() };
    let summary = run(input.as_slice(), &Words, &library, &mut sinks, |_| {}).unwrap();
    assert_eq!(summary.settled, 2);
    assert_eq!(
        String::from_utf8(sinks.rejects).unwrap().lines().collect::<Vec<_>>(),
        [
            r#"{"line":2,"code":"not_text","reason":"the row is not UTF-8"}"#,
            r#"{"line":3,"code":"no_rules","reason":"no programme for `insutype` 310 insured in 440100 on 2026-03-10"}"#,
            r#"{"line":5,"code":"duplicate_message","reason":"`msgid` was used by the row on line 4"}"#,
            r#"{"line":6,"code":"duplicate_message","reason":"`msgid` was used by the row on line 4"}"#,
        ]
    );
}
