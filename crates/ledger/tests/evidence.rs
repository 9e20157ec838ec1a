//! The ledger's evidence, checked by the auditor's crate, which shares no code with it.

#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used, clippy::panic)]

mod hospital;

use std::fs;
use std::path::Path;

use bedside_ledger::*;
use bedside_receipt::merkle;
use bedside_receipt::{Entry, answer_hash};
use hospital::{cancel, message, open, settle};

/// Books settlements up to that number; every seventh is cancelled at once.
fn book(ledger: &Ledger, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let (id, psn_no) = (format!("m{number}"), format!("p{}", number % 5));
        let setl_id = settle(ledger, &id, &psn_no, &id, 2_00);
        if number % 7 == 6 {
            cancel(ledger, &format!("c{number}"), &psn_no, &setl_id).unwrap();
        }
    }
}

fn tree_of(tree: Tree) -> merkle::Tree {
    merkle::Tree { size: tree.size, root: tree.root }
}

/// Every record's evidence holds by itself and against its answer.
fn check_all(ledger: &Ledger) {
    let tree = ledger.tree().unwrap();
    let mut records = 0;
    for item in ledger.records() {
        let record = item.unwrap().1;
        records += 1;
        let evidence = ledger.evidence(&record.message, tree.size).unwrap().unwrap();
        assert_eq!((evidence.sequence, evidence.tree), (record.sequence, tree));
        let entry = Entry {
            sequence: record.sequence,
            booked_at_ms: record.booked_at_ms,
            answer_hash: answer_hash(&evidence.salt, &record.answer),
            record_hash: evidence.record_hash,
        };
        let leaf = merkle::leaf_hash(&entry.encode());
        let index = record.sequence - 1;
        assert!(merkle::includes(&tree.root, tree.size, index, &leaf, &evidence.inclusion), "{index}");
        let earlier = ledger.earlier_tree(record.sequence).unwrap().unwrap();
        let proof = ledger.consistency(earlier.size, tree.size).unwrap().unwrap();
        assert!(merkle::is_beginning_of(&tree_of(earlier), &tree_of(tree), &proof), "{index}");
    }
    assert_eq!(records, tree.size);
    let last = ledger.records().last().unwrap().unwrap().1.message;
    assert_eq!(ledger.evidence(&last, records - 1).unwrap(), None, "it was not booked yet");
    assert_eq!(ledger.evidence(&last, records + 1).unwrap(), None);
    assert_eq!(ledger.earlier_tree(records + 1).unwrap(), None);
    assert_eq!(ledger.consistency(1, records + 1).unwrap(), None);
    let leaves = ledger.verify().unwrap().leaves;
    assert_eq!(leaves.root(records), Some(tree.root));
}

#[test]
fn every_record_is_proved_also_after_opening_and_without_tables() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    assert_eq!(ledger.tree().unwrap(), Tree { size: 0, root: merkle::empty_root() });
    assert_eq!(ledger.evidence(&message("nobody's"), 0).unwrap(), None);
    book(&ledger, 0..1);
    check_all(&ledger);
    book(&ledger, 1..300);
    check_all(&ledger);
    let tree = ledger.tree().unwrap();
    drop(ledger);

    let ledger = open(dir.path());
    assert_eq!((ledger.tree().unwrap(), ledger.open_report().replayed), (tree, 0));
    book(&ledger, 300..310);
    check_all(&ledger);
    let tree = ledger.tree().unwrap();
    drop(ledger);

    fs::remove_dir_all(dir.path().join("tables")).unwrap();
    let ledger = open(dir.path());
    assert_eq!(ledger.tree().unwrap(), tree);
    check_all(&ledger);
}

/// Salts come from the system: the same history twice has other leaves.
#[test]
fn the_same_history_has_other_leaves_elsewhere() {
    let roots = [(); 2].map(|()| {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        book(&ledger, 0..3);
        let salts: std::collections::BTreeSet<_> =
            (0..3).map(|it| ledger.evidence(&message(&format!("m{it}")), 3).unwrap().unwrap().salt).collect();
        assert_eq!(salts.len(), 3);
        ledger.tree().unwrap().root
    });
    assert_ne!(roots[0], roots[1]);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The whole folder, checkpoint and all, as it was a week ago: nothing inside it tells, and its tree does.
#[test]
fn a_folder_rolled_back_as_a_whole_has_another_tree() {
    let (dir, week_ago) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ledger = open(dir.path());
    book(&ledger, 0..20);
    drop(ledger);
    copy(dir.path(), week_ago.path());
    let ledger = open(dir.path());
    book(&ledger, 20..40);
    let seen = ledger.tree().unwrap();
    drop(ledger);

    let rolled_back = open(week_ago.path());
    assert_eq!(rolled_back.earlier_tree(seen.size).unwrap(), None);
    book(&rolled_back, 20..50);
    let now = rolled_back.earlier_tree(seen.size).unwrap().unwrap();
    assert_ne!(now.root, seen.root, "the same history told again has other salts");
    let proof = rolled_back.consistency(seen.size, rolled_back.tree().unwrap().size).unwrap().unwrap();
    assert!(!merkle::is_beginning_of(&tree_of(seen), &tree_of(rolled_back.tree().unwrap()), &proof));
}
