//! A stay at its limits: what stands unsettled is never more than one settlement takes, and of a long stay only what is asked for is
//! read.

#![allow(
    clippy::inconsistent_digit_grouping,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod hospital;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;

use bedside_ledger::*;
use hospital::{agree, cancel_event, config, halves, message, person, settle_event};

const VISIT: &str = "v";

fn number(line: u32) -> Arc<str> {
    format!("{line:06}").into()
}

/// Books a call of the stay.
fn call(
    ledger: &Ledger,
    msgid: &str,
    kind: StayKind,
    lines: Vec<StayLine>,
) -> Result<(), StayError<Infallible>> {
    let event = StayEvent {
        message: message(msgid),
        person: person("p"),
        mdtrt_id: Some(VISIT.into()),
        kind,
        lines: StayLines::These(lines),
        version: None,
        booked_at_ms: 1,
        request: msgid.as_bytes().to_vec(),
    };
    ledger.stay(event, |_| Ok(Vec::new())).map(drop)
}

fn upload(ledger: &Ledger, msgid: &str, lines: Range<u32>) -> Result<(), StayError<Infallible>> {
    let lines = lines.map(|line| StayLine { feedetl_sn: number(line), refunds: None });
    call(ledger, msgid, StayKind::FeesIn, lines.collect())
}

fn settle_midway(ledger: &Ledger, msgid: &str) -> Arc<str> {
    let version = ledger.unsettled_stay(&message(""), &VISIT.into()).unwrap().unwrap().version;
    let stay = SettledStay { part: StayPart::MidStay, version, bill: b"the bill".to_vec() };
    let event = SettleEvent { stay: Some(stay), ..settle_event(msgid, "p", VISIT, 10_00) };
    ledger.settle(event, halves(2026, 10_00)).unwrap().receipt().setl_id.clone()
}

fn batches(stay: Option<StandingStay>) -> Vec<String> {
    let batches = stay.unwrap().batches.into_iter();
    batches.map(|batch| String::from_utf8(batch.request).unwrap()).collect()
}

#[test]
fn no_more_stands_unsettled_than_one_settlement_takes() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(config(dir.path())).unwrap();
    call(&ledger, "admit", StayKind::Admit, Vec::new()).unwrap();
    upload(&ledger, "u1", 0..SETTLEMENT_LINES_MAX).unwrap();
    let lines = SETTLEMENT_LINES_MAX..SETTLEMENT_LINES_MAX + 1;
    let refused = upload(&ledger, "u2", lines.clone()).unwrap_err();
    assert!(matches!(refused, StayError::Stay(StayRefusal::TooManyUnsettled { lines: 50_001 })), "{refused}");
    // One goes, one comes.
    let line = |line| StayLine { feedetl_sn: number(line), refunds: None };
    call(&ledger, "w", StayKind::FeesOut, vec![line(7)]).unwrap();
    upload(&ledger, "u3", 7..8).unwrap();
    upload(&ledger, "u2", lines.clone()).unwrap_err();
    let midway = settle_midway(&ledger, "s1");
    upload(&ledger, "u2", lines).unwrap();
    // What the cancelled settlement took is unsettled again, besides what came since.
    ledger.cancel(cancel_event("c", "p", &midway), agree).unwrap();
    let refused = upload(&ledger, "u4", 100_000..100_001).unwrap_err();
    assert!(matches!(refused, StayError::Stay(StayRefusal::TooManyUnsettled { lines: 50_002 })), "{refused}");
    ledger.verify().unwrap();
}

#[test]
fn of_a_long_stay_is_read_what_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(config(dir.path())).unwrap();
    call(&ledger, "admit", StayKind::Admit, Vec::new()).unwrap();
    upload(&ledger, "u1", 0..10).unwrap();
    settle_midway(&ledger, "s1");
    upload(&ledger, "u2", 10..20).unwrap();
    upload(&ledger, "u3", 20..30).unwrap();
    let refund = |sn: &str, of| StayLine { feedetl_sn: sn.into(), refunds: Some(number(of)) };
    call(&ledger, "r1", StayKind::FeesIn, vec![refund("r1", 12)]).unwrap();
    let stay = Arc::from(VISIT);
    let unsettled = ledger.unsettled_stay(&message(""), &stay).unwrap();
    assert_eq!(batches(unsettled), ["u2", "u3", "r1"]);
    let around = |lines: &[u32]| {
        let lines: BTreeSet<Arc<str>> = lines.iter().map(|line| number(*line)).collect();
        ledger.stay_around(&message(""), &stay, &lines).unwrap()
    };
    assert_eq!(batches(around(&[])), Vec::<String>::new());
    assert_eq!(batches(around(&[25])), ["u3"]);
    assert_eq!(batches(around(&[3, 25, 99])), ["u1", "u3"]);
    assert_eq!(batches(around(&[12])), ["u2", "r1"]);
    let withdrawn = vec![StayLine { feedetl_sn: number(15), refunds: None }];
    call(&ledger, "w", StayKind::FeesOut, withdrawn).unwrap();
    let cut = around(&[12]).unwrap().batches;
    assert_eq!(cut[0].withdrawn, BTreeSet::from([number(15)]));
    // Under the number that went, another line.
    upload(&ledger, "u4", 15..16).unwrap();
    assert!(around(&[12]).unwrap().batches == cut);
    assert_eq!(batches(around(&[15])), ["u4"]);
}
