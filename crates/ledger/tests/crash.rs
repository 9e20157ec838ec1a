//! What survives a torn write, a damaged byte, and the loss of the tables.

// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used)]

mod hospital;

use std::fs;
use std::path::{Path, PathBuf};

use bedside_ledger::*;
use hospital::*;

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A ledger with settlements of three persons, some cancelled, over several small segments.
fn build(dir: &Path, settlements: usize) -> Verification {
    let ledger = Ledger::open(LedgerConfig { segment_bytes: 4096, ..config(dir) }).unwrap();
    for number in 0..settlements {
        let psn_no = format!("p{}", number % 3);
        let setl_id = settle(&ledger, &format!("m{number}"), &psn_no, &format!("v{number}"), 7_00);
        if number % 4 == 3 {
            cancel(&ledger, &format!("c{number}"), &psn_no, &setl_id).unwrap();
        }
    }
    ledger.verify().unwrap()
}

/// As after a power cut: neither tables nor checkpoint know what was synced last.
fn forget(dir: &Path) {
    for tables in ["tables", "away"].map(|name| dir.join(name)).into_iter().filter(|it| it.exists()) {
        fs::remove_dir_all(tables).unwrap();
    }
    fs::remove_file(dir.join("checkpoint")).unwrap();
}

fn journal_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("journal")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Where each frame begins and ends, read with nothing but the format's description.
fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut frames = Vec::new();
    let mut at = 64;
    while at + 52 <= bytes.len() {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        if length == 0 {
            break;
        }
        frames.push((at, at + 52 + length));
        at += 52 + length;
    }
    frames
}

fn count(dir: &Path) -> Result<usize, ReadError> {
    let records: Result<Vec<_>, _> = read_journal(dir).unwrap().collect();
    records.map(|records| records.len())
}

#[test]
fn the_last_record_torn_at_every_byte_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), 5);
    forget(dir.path());
    let file = journal_files(dir.path()).pop().unwrap();
    let whole = fs::read(&file).unwrap();
    let (start, end) = frames(&whole).pop().unwrap();
    assert_eq!(count(dir.path()).unwrap(), 6);
    for kept in start..end {
        let mut torn = whole.clone();
        torn[kept..].fill(0);
        if torn == whole {
            continue;
        }
        fs::write(&file, &torn).unwrap();
        assert_eq!(count(dir.path()).unwrap(), 5, "torn at {kept}");
    }
    // the opening cuts; a few places are enough, each makes new tables
    for kept in [start, start + 1, start + 4, start + 51, start + 52, start + 60, end - 1] {
        let mut torn = whole.clone();
        torn[kept..].fill(0);
        fs::write(&file, &torn).unwrap();
        let ledger = open(dir.path());
        let report = ledger.open_report().clone();
        assert_eq!(report.records, 5);
        let cut = TailCut { segment: 1, offset: start as u64, bytes: (kept - start) as u64 };
        // the bytes kept may end in zeros
        assert_eq!(
            report.tail_cut.map(|it| TailCut { bytes: cut.bytes, ..it }),
            (kept > start).then_some(cut)
        );
        assert_eq!(ledger.verify().unwrap().records, 5);
        // and it goes on from there
        settle(&ledger, "after", "p9", "v9", 3_00);
        assert_eq!(ledger.verify().unwrap().records, 6);
        drop(ledger);
        forget(dir.path());
    }
    // a file cut short is no other than one with zeros
    fs::write(&file, &whole[..end - 3]).unwrap();
    assert_eq!(open(dir.path()).open_report().records, 5);
}

#[test]
fn an_acknowledged_record_that_is_gone_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), 5);
    let file = journal_files(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let (start, _) = frames(&bytes).pop().unwrap();
    bytes[start..].fill(0);
    fs::write(&file, &bytes).unwrap();
    // the tables have applied record 6, so it was on disk and answered: its setl_id must not be given out again
    let error = Ledger::open(config(dir.path())).unwrap_err();
    assert!(
        matches!(error, OpenError::Lost { journal: 5, acknowledged: 6, segment: 1, offset } if offset == start as u64),
        "{error:?}"
    );
    fs::remove_file(&file).unwrap();
    assert!(matches!(Ledger::open(config(dir.path())), Err(OpenError::Lost { journal: 0, .. })));
    fs::write(&file, &bytes).unwrap();
    // with the tables lost as well, the checkpoint still tells
    fs::rename(dir.path().join("tables"), dir.path().join("away")).unwrap();
    let error = Ledger::open(config(dir.path())).unwrap_err();
    assert!(matches!(error, OpenError::Lost { journal: 5, acknowledged: 6, .. }), "{error:?}");
    forget(dir.path());
    assert_eq!(open(dir.path()).open_report().records, 5);
}

/// The damage that the tail of the journal alone cannot tell from a group that was never synced.
#[test]
fn the_last_record_damaged_and_the_tables_lost_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path(), 5);
    let file = journal_files(dir.path()).pop().unwrap();
    let whole = fs::read(&file).unwrap();
    let (start, end) = frames(&whole).pop().unwrap();
    for at in start..end {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&file, &damaged).unwrap();
        let _ = fs::remove_dir_all(dir.path().join("tables"));
        let error = Ledger::open(config(dir.path())).unwrap_err();
        assert!(matches!(error, OpenError::Lost { journal: 5, acknowledged: 6, .. }), "byte {at}: {error:?}");
    }
    fs::write(&file, &whole).unwrap();
    assert_eq!(open(dir.path()).verify().unwrap().records, 6);
}

/// Another journal under this ledger's checkpoint: as long, whole in itself, and not what was acknowledged.
#[test]
fn a_journal_that_was_replaced_is_an_error() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    build(dir.path(), 5);
    let ledger = open(other.path());
    for number in 0..6 {
        settle(&ledger, &format!("x{number}"), "p", &format!("x{number}"), 1_00);
    }
    drop(ledger);
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    copy_dir(&other.path().join("journal"), &dir.path().join("journal"));
    let error = Ledger::open(config(dir.path())).unwrap_err();
    assert!(matches!(error, OpenError::Replaced { sequence: 6 }), "{error:?}");
    fs::remove_dir_all(dir.path().join("tables")).unwrap();
    let error = Ledger::open(config(dir.path())).unwrap_err();
    assert!(matches!(error, OpenError::Replaced { sequence: 6 }), "{error:?}");
}

#[test]
fn every_flipped_byte_before_the_tail_is_found() {
    let origin = tempfile::tempdir().unwrap();
    build(origin.path(), 40);
    let files = journal_files(origin.path());
    assert!(files.len() >= 3);
    let work = tempfile::tempdir().unwrap();
    copy_dir(origin.path(), work.path());
    let mut flips = 0;
    for (number, file) in files.iter().enumerate() {
        let bytes = fs::read(file).unwrap();
        let target = work.path().join("journal").join(file.file_name().unwrap());
        // in the last segment, the last record is the tail; in the others even the padding counts
        let last = number + 1 == files.len();
        let until = if last { frames(&bytes).pop().unwrap().0 } else { bytes.len() };
        for at in (0..until).step_by(7) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            fs::write(&target, &damaged).unwrap();
            match count(work.path()).unwrap_err() {
                ReadError::Damaged { segment, offset, .. } => {
                    assert_eq!(segment, number as u64 + 1);
                    assert!(offset <= at as u64);
                }
                error => panic!("{error}"),
            }
            flips += 1;
        }
        fs::write(&target, &bytes).unwrap();
    }
    assert!(flips > 1000);
    assert_eq!(count(work.path()).unwrap(), 50);
}

#[test]
fn damage_is_named_by_opening_or_by_verify() {
    let origin = tempfile::tempdir().unwrap();
    build(origin.path(), 40);
    let first = journal_files(origin.path()).remove(0);
    let mut bytes = fs::read(&first).unwrap();
    let (start, end) = frames(&bytes)[3];
    bytes[end - 1] ^= 1;
    fs::write(&first, &bytes).unwrap();
    // the tables are whole and stand behind the damage: opening does not read it, verify does
    let ledger = open(origin.path());
    match ledger.verify().unwrap_err() {
        VerifyError::Read(ReadError::Damaged { segment: 1, offset, damage: Damage::Checksum }) => {
            assert_eq!(offset, start as u64);
        }
        error => panic!("{error}"),
    }
    // and an answer from the damaged place is not given
    let error = ledger.message(&message("m3")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("segment 1 is damaged at byte {start}: the record's checksum does not hold")
    );
    let again = ledger.settle(settle_event("m3", "p0", "v3", 7_00), halves(2026, 7_00)).unwrap_err();
    assert!(matches!(again, SettleError::NotBooked(NotBooked::Unreadable(_))), "{again:?}");
    drop(ledger);
    fs::remove_dir_all(origin.path().join("tables")).unwrap();
    let error = Ledger::open(config(origin.path())).unwrap_err();
    assert!(matches!(error, OpenError::Journal(ReadError::Damaged { segment: 1, .. })), "{error:?}");
    // a segment that is gone
    fs::remove_file(&first).unwrap();
    let error = Ledger::open(config(origin.path())).unwrap_err();
    assert_eq!(error.to_string(), "segment 1 is damaged at byte 0: the segment is missing");
}

#[test]
fn tables_that_a_clean_end_left_are_not_read_row_by_row() {
    let dir = tempfile::tempdir().unwrap();
    let verification = build(dir.path(), 40);
    let sealed = |dir: &Path| {
        let ledger = open(dir);
        assert_eq!(ledger.verify().unwrap(), verification);
        (ledger.open_report().tables_sealed, ledger.open_report().tables_rebuilt.is_some())
    };
    assert_eq!(sealed(dir.path()), (true, false));
    // again and again, with or without anything booked between
    assert_eq!(sealed(dir.path()), (true, false));
    let harmed = tempfile::tempdir().unwrap();
    copy_dir(dir.path(), harmed.path());
    fs::write(harmed.path().join("tables.seal"), b"no seal").unwrap();
    assert_eq!(sealed(harmed.path()), (false, false));
    // one byte anywhere in any of the files that are not sled's configuration
    for name in fs::read_dir(dir.path().join("tables")).unwrap().map(|entry| entry.unwrap().file_name()) {
        let path = dir.path().join("tables").join(&name);
        if !path.is_file() {
            continue;
        }
        let length = fs::metadata(&path).unwrap().len();
        for part in 0..4 {
            let harmed = tempfile::tempdir().unwrap();
            copy_dir(dir.path(), harmed.path());
            let file = harmed.path().join("tables").join(&name);
            let mut bytes = fs::read(&file).unwrap();
            bytes[usize::try_from(length * part / 4).unwrap()] ^= 8;
            fs::write(&file, bytes).unwrap();
            assert!(!sealed(harmed.path()).0, "{} at {part} quarters", name.display());
        }
    }
    // a seal that was overtaken stands for nothing
    let seal = fs::read(dir.path().join("tables.seal")).unwrap();
    let ledger = open(dir.path());
    settle(&ledger, "later", "p1", "later", 1_00);
    drop(ledger);
    fs::write(dir.path().join("tables.seal"), seal).unwrap();
    let ledger = open(dir.path());
    assert!(!ledger.open_report().tables_sealed);
    assert_eq!(ledger.verify().unwrap().records, verification.records + 1);
}

#[test]
fn tables_lost_or_damaged_are_rebuilt_equal() {
    let origin = tempfile::tempdir().unwrap();
    let verification = build(origin.path(), 40);
    let other = tempfile::tempdir().unwrap();
    {
        let ledger = open(other.path());
        for number in 0..3 {
            settle(&ledger, &format!("x{number}"), "p1", &format!("x{number}"), 1_00);
        }
    }
    type Harm<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, Harm<'_>); 6] = [
        ("deleted", &|tables| fs::remove_dir_all(tables).unwrap()),
        ("garbage", &|tables| fs::write(tables.join("db"), vec![0xA5; 70_000]).unwrap()),
        ("empty", &|tables| fs::write(tables.join("db"), b"").unwrap()),
        ("no configuration", &|tables| fs::write(tables.join("conf"), b"segment_size: 1").unwrap()),
        ("of another ledger", &|tables| {
            fs::remove_dir_all(tables).unwrap();
            copy_dir(&other.path().join("tables"), tables);
        }),
        ("an unfinished snapshot", &|tables| {
            fs::write(tables.join("snap.0000000000000FFF.generating"), b"half").unwrap();
        }),
    ];
    for (name, harm) in cases {
        let work = tempfile::tempdir().unwrap();
        copy_dir(origin.path(), work.path());
        harm(&work.path().join("tables"));
        let ledger = open(work.path());
        let report = ledger.open_report().clone();
        assert_eq!(ledger.verify().unwrap(), verification, "{name}");
        if name != "an unfinished snapshot" {
            assert_eq!(report.replayed, 50, "{name}: {report:?}");
        }
        if name == "of another ledger" {
            assert_eq!(report.tables_rebuilt, Some(Rebuilt::Disagree));
            assert!(work.path().join("tables.aside.1").is_dir());
        }
        settle(&ledger, "after", "p1", "after", 1_00);
        ledger.verify().unwrap();
        drop(ledger);
        let ledger = open(work.path());
        assert_eq!(
            (ledger.open_report().replayed, &ledger.open_report().tables_rebuilt),
            (0, &None),
            "{name}"
        );
    }
}

#[test]
fn tables_with_any_damaged_byte_are_rebuilt_equal() {
    let origin = tempfile::tempdir().unwrap();
    let verification = build(origin.path(), 12);
    let bytes = fs::read(origin.path().join("tables/db")).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let mut rebuilt = 0;
    for sample in 0..40 {
        let at = sample * used / 40 + sample;
        let work = tempfile::tempdir().unwrap();
        copy_dir(origin.path(), work.path());
        let mut damaged = bytes.clone();
        if sample % 2 == 0 {
            damaged[at] ^= 0xFF;
        } else {
            damaged.truncate(at);
        }
        fs::write(work.path().join("tables/db"), damaged).unwrap();
        let ledger = open(work.path());
        assert_eq!(ledger.verify().unwrap(), verification, "sample {sample} at {at}");
        rebuilt += u32::from(ledger.open_report().replayed > 0);
    }
    assert!(rebuilt > 10, "{rebuilt}");
}
