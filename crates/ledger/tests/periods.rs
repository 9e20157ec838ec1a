//! Periods of the journal, against every record looked at one by one.
#![allow(clippy::unwrap_used, clippy::panic, clippy::inconsistent_digit_grouping)]

mod hospital;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bedside_claim::Money;
use bedside_ledger::*;
use hospital::*;
use proptest::prelude::*;

const HOUR_MS: i64 = 60 * 60 * 1_000;

fn book(ledger: &Ledger, number: i64, booked_at_ms: i64) {
    let (msgid, visit) = (format!("m{number}"), format!("v{number}"));
    // What a segment holds differs, so that they begin at any record.
    let request = vec![7; usize::try_from(number * 131 % 900).unwrap()];
    let event = SettleEvent { booked_at_ms, request, ..settle_event(&msgid, "p", &visit, 100) };
    ledger.settle(event, halves(2026, 100)).unwrap();
}

/// The sequences that a period gives, and how many records were read for them.
fn read(ledger: &Ledger, period: Period) -> (Vec<u64>, usize) {
    let items: Vec<_> = ledger.period(period).unwrap().map(Result::unwrap).collect();
    (items.iter().flatten().map(|record| record.sequence).collect(), items.len())
}

fn one_by_one(ledger: &Ledger, period: Period) -> Vec<u64> {
    let records = ledger.records().map(|item| item.unwrap().1);
    records.filter(|record| period.has(record.booked_at_ms)).map(|record| record.sequence).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Records out of order by up to an hour, and a clock that was far wrong for a moment.
    #[test]
    fn a_period_has_every_record_of_it(
        late in prop::collection::vec(0..=HOUR_MS, 60),
        wrong in prop::option::of((0usize..60, prop_oneof![Just(90), Just(-90)])),
        step_ms in prop_oneof![Just(0), Just(1), 1..HOUR_MS, Just(7 * HOUR_MS)],
        periods in prop::collection::vec((-5i64..65, 0i64..20), 12),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let config = LedgerConfig { segment_bytes: 4096, ..config(dir.path()) };
        let ledger = Ledger::open(config).unwrap();
        let nothing = read(&ledger, Period::ALWAYS);
        prop_assert_eq!(nothing, (Vec::new(), 0));
        for (number, late) in (0i64..).zip(&late) {
            let days = wrong.filter(|(at, _)| i64::try_from(*at) == Ok(number)).map_or(0, |(_, days)| days);
            book(&ledger, number, number * step_ms - late + days * 24 * HOUR_MS);
        }
        prop_assert_eq!(read(&ledger, Period::ALWAYS).0.len(), late.len());
        for (from, length) in periods {
            let period = Period { from_ms: from * step_ms, until_ms: (from + length) * step_ms + length };
            prop_assert_eq!(read(&ledger, period).0, one_by_one(&ledger, period));
        }
    }
}

#[test]
fn only_the_segments_of_a_period_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(LedgerConfig { segment_bytes: 4096, ..config(dir.path()) }).unwrap();
    for number in 0..200 {
        book(&ledger, number, number * HOUR_MS);
    }
    let segments = fs::read_dir(dir.path().join("journal")).unwrap().count();
    assert!(segments > 20, "{segments}");
    let period = Period { from_ms: 100 * HOUR_MS, until_ms: 103 * HOUR_MS };
    let (sequences, read_in_all) = read(&ledger, period);
    assert_eq!(sequences, [101, 102, 103]);
    assert!(read_in_all < 40, "{read_in_all} of 200 records were read");
    // Another end of the journal is damaged: nobody of the period is told.
    let damage = |number: u64| {
        let path = dir.path().join(format!("journal/{number:010}.journal"));
        let mut bytes = fs::read(&path).unwrap();
        // In its last record; the first is looked at for its time.
        let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
    };
    damage(2);
    assert_eq!(read(&ledger, period).0, [101, 102, 103]);
    let early = Period { from_ms: 0, until_ms: 30 * HOUR_MS };
    let last = ledger.period(early).unwrap().last().unwrap();
    assert!(matches!(last, Err(ReadError::Damaged { segment: 2, .. })), "{last:?}");
}

/// Whatever is read while records come is a whole beginning of the journal.
#[test]
fn a_period_is_read_beside_the_committer() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(LedgerConfig { segment_bytes: 4096, ..config(dir.path()) }).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..150 {
                book(&ledger, number, number);
            }
            done.store(true, Ordering::Release);
        });
        let mut seen = 0;
        loop {
            let was_done = done.load(Ordering::Acquire);
            let sequences = read(&ledger, Period::ALWAYS).0;
            let whole: Vec<u64> = (1..).take(sequences.len()).collect();
            assert_eq!(sequences, whole);
            assert!(sequences.len() >= seen);
            seen = sequences.len();
            if was_done {
                break;
            }
        }
        assert_eq!(seen, 150);
    });
}

#[test]
fn what_is_posted_is_added_up_by_account_and_hospital() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let first = settle(&ledger, "m1", "p1", "v1", 100_01);
    settle(&ledger, "m2", "p2", "v2", 50_00);
    cancel(&ledger, "c1", "p1", &first).unwrap();
    let mut balance = Balance::default();
    let mut unknown = |_| Ok(None);
    for record in ledger.period(Period::ALWAYS).unwrap() {
        let record = record.unwrap().unwrap();
        for posted in posted_by(&record, &mut unknown).unwrap() {
            balance.add(&posted).unwrap();
        }
        // One fen more on one side.
        let mut off = record;
        off.postings[0].amount = off.postings[0].amount.plus(Money::from_units(1)).unwrap();
        let Err(error) = posted_by(&off, &mut unknown) else { panic!("it balances") };
        assert!(matches!(error, BalanceError::Unbalanced { sequence } if sequence == off.sequence));
    }
    let of: Vec<_> =
        balance.by_account().map(|(account, _, sum)| (account, sum.amount.units(), sum.bookings)).collect();
    assert_eq!(of, [("cash", 25_00, 3), ("insurer", 25_00, 3)]);
    let owed: Vec<_> = balance
        .hospitals()
        .map(|(it, sum)| (&*it.fixmedins_code, sum.amount.units(), sum.bookings))
        .collect();
    assert_eq!(owed, [("H1", 50_00, 3)]);
    assert_eq!(balance.owed().count(), 0, "the insurer's account has no payer's name");
}

/// A segment that was made ahead and has no record yet is what a kill may leave.
#[test]
fn a_segment_without_records_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let small = |dir: &std::path::Path| LedgerConfig { segment_bytes: 4096, ..config(dir) };
    let ledger = Ledger::open(small(&from)).unwrap();
    let second = "journal/0000000002.journal";
    let mut number = 0;
    while !from.join(second).exists() {
        book(&ledger, number, number * HOUR_MS);
        number += 1;
    }
    drop(ledger);
    let records = u64::try_from(number).unwrap() - 1;
    copy_ledger(&from, &to, Point::Sequence(records), |_| {}).unwrap();
    let mut empty = fs::read(from.join(second)).unwrap();
    empty[64..].fill(0);
    fs::write(to.join(second), empty).unwrap();
    let ledger = Ledger::open(small(&to)).unwrap();
    assert_eq!(ledger.verify().unwrap().records, records);
    assert_eq!(read(&ledger, Period::ALWAYS).0, one_by_one(&ledger, Period::ALWAYS));
    let late = Period { from_ms: (number - 2) * HOUR_MS, until_ms: i64::MAX };
    assert_eq!(read(&ledger, late).0, [records]);
}

/// What is older than the period is not read, whatever became of it.
#[test]
fn damage_before_a_period_does_not_hide_it() {
    let dir = tempfile::tempdir().unwrap();
    let config = || LedgerConfig { segment_bytes: 4096, ..config(dir.path()) };
    let ledger = Ledger::open(config()).unwrap();
    (0..120).for_each(|number| book(&ledger, number, number * HOUR_MS));
    let file = dir.path().join("journal/0000000002.journal");
    let mut bytes = fs::read(&file).unwrap();
    bytes[64 + 60] ^= 1;
    fs::write(&file, bytes).unwrap();
    let period = Period { from_ms: 110 * HOUR_MS, until_ms: 112 * HOUR_MS };
    assert_eq!(read(&ledger, period).0, [111, 112]);
    assert!(ledger.period(Period::ALWAYS).is_err_and(|error| matches!(error, ReadError::Damaged { .. })));
}
