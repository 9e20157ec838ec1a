//! Backups of a ledger that serves, ledgers restored from them up to any point, and tables made anew.

// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used)]

mod hospital;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use bedside_ledger::*;
use hospital::*;

/// Settlements one second apart, every third cancelled, over several small segments.
fn build(dir: &Path, settlements: u32) -> Verification {
    let ledger = Ledger::open(LedgerConfig { segment_bytes: 4096, ..config(dir) }).unwrap();
    for number in 0..settlements {
        let (msgid, psn_no) = (format!("m{number}"), format!("p{}", number % 3));
        let event = SettleEvent {
            stay: None,
            booked_at_ms: i64::from(number) * 1_000,
            ..settle_event(&msgid, &psn_no, &format!("v{number}"), 7_00)
        };
        let committed = ledger.settle(event, halves(2026, 7_00)).unwrap();
        if number % 3 == 2 {
            let event = CancelEvent {
                booked_at_ms: i64::from(number) * 1_000 + 500,
                ..cancel_event(&format!("c{number}"), &psn_no, &committed.receipt().setl_id)
            };
            ledger.cancel(event, agree).unwrap();
        }
    }
    ledger.verify().unwrap()
}

fn copy(from: &Path, to: &Path, point: Point) -> Result<Copied, CopyError> {
    copy_ledger(from, to, point, |_| {})
}

#[test]
fn a_backup_of_a_serving_ledger_has_what_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let ledger =
        Ledger::open(LedgerConfig { segment_bytes: 4096, ..config(&dir.path().join("live")) }).unwrap();
    let (answered, done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0u64.. {
                settle(&ledger, &format!("m{number}"), "p1", &format!("v{number}"), 1_00);
                answered.store(number + 1, Ordering::SeqCst);
                if done.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        for round in 0..5 {
            let to = dir.path().join(format!("backup{round}"));
            let before = answered.load(Ordering::SeqCst);
            let copied = copy(&dir.path().join("live"), &to, Point::End).unwrap();
            assert!(copied.records >= before, "{} of {before}", copied.records);
            let proved = verify_journal(&to, |_| {}).unwrap();
            assert_eq!((proved.records, proved.hash), (copied.records, copied.hash));
            // the copy is a ledger of its own and goes on where the other stood
            let restored = Ledger::open(config(&to)).unwrap();
            assert_eq!(restored.verify().unwrap().records, copied.records);
            settle(&restored, "elsewhere", "p1", "elsewhere", 1_00);
        }
        done.store(true, Ordering::SeqCst);
    });
    // a reader from outside sees what was answered, no less
    let records = read_journal(&dir.path().join("live")).unwrap().map(Result::unwrap).count();
    assert_eq!(records as u64, answered.load(Ordering::SeqCst));
    assert_eq!(verify_journal(&dir.path().join("live"), |_| {}).unwrap(), ledger.verify().unwrap());
}

#[test]
fn every_record_is_a_point_to_restore_to() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let whole = build(&from, 24);
    let original: Vec<_> = read_journal(&from).unwrap().map(Result::unwrap).collect();
    assert!(original.last().unwrap().0.segment > 1, "the history spans segments");
    for sequence in 0..=whole.records {
        let copied = copy(&from, &to, Point::Sequence(sequence)).unwrap();
        assert_eq!(copied.records, sequence);
        let ledger = Ledger::open(config(&to)).unwrap();
        let verification = ledger.verify().unwrap();
        assert_eq!((verification.records, verification.hash), (sequence, copied.hash));
        let kept: Vec<_> = ledger.records().map(Result::unwrap).collect();
        assert_eq!(kept[..], original[..usize::try_from(sequence).unwrap()]);
        settle(&ledger, "after", "p9", "after", 3_00);
        ledger.verify().unwrap();
        drop(ledger);
        fs::remove_dir_all(&to).unwrap();
    }
    let error = copy(&from, &to, Point::Sequence(whole.records + 1)).unwrap_err();
    assert!(matches!(error, CopyError::NotReached { records, wanted } if records + 1 == wanted), "{error:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left of it");
}

#[test]
fn a_time_is_a_point_to_restore_to() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    build(&from, 6);
    // m0 at 0, m1 at 1,000, m2 at 2,000, c2 at 2,500, m3 at 3,000 ...
    for (at_ms, records) in [(-1, 0), (0, 1), (1_999, 2), (2_000, 3), (2_499, 3), (2_500, 4), (9_999, 8)] {
        let to = dir.path().join(at_ms.to_string());
        assert_eq!(copy(&from, &to, Point::Time { at_ms }).unwrap().records, records, "{at_ms}");
        assert_eq!(Ledger::open(config(&to)).unwrap().open_report().records, records);
    }
}

#[test]
fn no_copy_is_made_of_damage_or_over_something() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let whole = build(&from, 12);
    fs::create_dir(&to).unwrap();
    let error = copy(&from, &to, Point::End).unwrap_err();
    assert!(matches!(&error, CopyError::Exists { path } if *path == to), "{error:?}");
    fs::remove_dir(&to).unwrap();
    let error = copy(&dir.path().join("nothing"), &to, Point::End).unwrap_err();
    assert!(matches!(error, CopyError::Source(OpenError::NotALedger)), "{error:?}");
    let segments = fs::read_dir(from.join("journal")).unwrap().count();
    for number in 1..=segments {
        let file = from.join(format!("journal/{number:010}.journal"));
        let bytes = fs::read(&file).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for at in (0..used).step_by(61) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            fs::write(&file, damaged).unwrap();
            let error = copy(&from, &to, Point::End).unwrap_err();
            assert!(matches!(error, CopyError::Read(ReadError::Damaged { .. })), "{number} {at}: {error:?}");
            assert!(verify_journal(&from, |_| {}).is_err(), "{number} {at}");
            assert!(!to.exists() && !dir.path().join("to.unfinished").exists());
        }
        fs::write(&file, bytes).unwrap();
    }
    assert_eq!(copy(&from, &to, Point::End).unwrap().hash, whole.hash);
}

#[test]
fn tables_are_made_anew_on_demand() {
    let dir = tempfile::tempdir().unwrap();
    let whole = build(dir.path(), 12);
    let mut told = Vec::new();
    let ledger = Ledger::rebuild(config(dir.path()), |progress| told.push(progress.records)).unwrap();
    let report = ledger.open_report();
    assert_eq!((report.replayed, &report.tables_rebuilt), (whole.records, &Some(Rebuilt::Asked)));
    assert_eq!(told.last(), Some(&whole.records));
    assert_eq!(ledger.verify().unwrap(), whole);
    assert!(dir.path().join("tables.aside.1").is_dir());
    assert!(matches!(Ledger::rebuild(config(dir.path()), |_| {}), Err(OpenError::Locked)));
}
