//! What every store must do, whatever it is made of. A new one adds itself to `every_store`.

use std::convert::Infallible;
use std::sync::Arc;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Measure, Money, Owner};

use super::memory::MemoryStore;
use super::{DiskStore, Store};
use crate::committer::Group;
use crate::open::{self, Disk, WholeTables};
use crate::segments::ReadError;
use crate::*;

/// Runs a clause of the contract on each store, empty at its start.
fn every_store(clause: impl Fn(&mut dyn Store)) {
    clause(&mut MemoryStore::new());
    let dir = tempfile::tempdir().unwrap();
    let config = LedgerConfig { segment_bytes: 64 << 10, ..LedgerConfig::at(dir.path()) };
    let disk = Disk { free: Arc::new(|| Ok(u64::MAX)), ..Disk::real(dir.path()) };
    let (shared, writer, _) = open::open(config, disk, WholeTables::Use, |_| {}).unwrap();
    clause(&mut DiskStore { shared: &shared, writer });
}

fn message(msgid: &str) -> MessageKey {
    MessageKey { tenant: "t".into(), fixmedins_code: "H1".into(), msgid: msgid.into() }
}

fn settle(group: &mut Group<'_>, msgid: &str, mdtrt_id: &str) -> Result<Committed, SettleError<Infallible>> {
    let event = SettleEvent {
        message: message(msgid),
        person: PersonKey { tenant: "t".into(), psn_no: "p".into() },
        family_no: Some("F".into()),
        hold_id: None,
        mdtrt_id: mdtrt_id.into(),
        stay: None,
        booked_at_ms: 5,
        request: mdtrt_id.as_bytes().to_vec(),
    };
    group.settle(event, |seen: &Seen, assigned: &Assigned| {
        let changes = [Owner::Person, Owner::Family("F".into())].map(|owner| {
            let of_year = AccumulatorKey::of_year(2026, "a/b".into(), "x".into(), Measure::Paid);
            let key = AccumulatorKey { owner, ..of_year };
            let before = seen.booked.get(&key);
            AccumulatorChange { key, before, after: Money::from_units(before.units() + 1) }
        });
        let paid = changes[1].after.units();
        let total = Money::from_units(9);
        Ok(Decision {
            benefit_year: 2026,
            medfee_sumamt: total,
            postings: vec![Posting { account: "cash".into(), amount: total }],
            accumulators: changes.to_vec(),
            answer: format!("{} paid {paid}", assigned.setl_id).into_bytes(),
        })
    })
}

fn cancel(group: &mut Group<'_>, msgid: &str, setl_id: &str) -> Result<Committed, CancelError<Infallible>> {
    let event = CancelEvent {
        message: message(msgid),
        person: PersonKey { tenant: "t".into(), psn_no: "p".into() },
        setl_id: setl_id.into(),
        booked_at_ms: 6,
        request: setl_id.as_bytes().to_vec(),
    };
    group.cancel(event, |_: &BookedSettlement, _: &Assigned| Ok(b"undone".to_vec()))
}

/// Decides in one group and keeps it.
fn in_a_group<T>(store: &mut dyn Store, decide: impl FnOnce(&mut Group<'_>) -> T) -> T {
    let mut group = Group::on(store);
    let told = decide(&mut group);
    if let Some(finished) = group.finish() {
        store.keep(finished.draft, &finished.changes, finished.last).unwrap();
    }
    told
}

fn answer(committed: &Committed) -> String {
    String::from_utf8(committed.receipt().answer.to_vec()).unwrap()
}

#[test]
fn a_kept_group_is_read_as_it_was_given() {
    every_store(|store| {
        let first = in_a_group(store, |group| settle(group, "m1", "v1").unwrap());
        assert_eq!(answer(&first), "S0000000000000001 paid 1");
        let again = in_a_group(store, |group| settle(group, "m1", "v1").unwrap());
        assert_eq!(again, Committed::Replayed(first.receipt().clone()));
        let conflict = in_a_group(store, |group| settle(group, "m1", "v2").unwrap_err());
        assert!(
            matches!(&conflict, SettleError::NotBooked(NotBooked::Conflict { stored_request, .. }) if stored_request == b"v1")
        );
        let visit = in_a_group(store, |group| settle(group, "m2", "v1").unwrap_err());
        assert!(
            matches!(visit, SettleError::AlreadySettled { setl_id } if *setl_id == *first.receipt().setl_id)
        );
    });
}

#[test]
fn a_group_sees_itself_and_the_next_one_sees_it() {
    every_store(|store| {
        let answers = in_a_group(store, |group| {
            let settled = ["a", "b", "c"].map(|id| answer(&settle(group, id, id).unwrap()));
            let twin = settle(group, "b", "b").unwrap();
            assert!(matches!(twin, Committed::Replayed(_)));
            settled
        });
        assert_eq!(
            answers,
            ["S0000000000000001 paid 1", "S0000000000000002 paid 2", "S0000000000000003 paid 3"]
        );
        let next = in_a_group(store, |group| answer(&settle(group, "d", "d").unwrap()));
        assert_eq!(next, "S0000000000000004 paid 4");
    });
}

#[test]
fn a_group_that_is_not_kept_leaves_nothing() {
    every_store(|store| {
        in_a_group(store, |group| settle(group, "a", "a").unwrap());
        let mut dropped = Group::on(store);
        settle(&mut dropped, "b", "b").unwrap();
        cancel(&mut dropped, "c", "S0000000000000002").unwrap();
        drop(dropped);
        let next = in_a_group(store, |group| settle(group, "b", "b").unwrap());
        assert!(matches!(&next, Committed::New(receipt) if receipt.sequence == 2));
        assert_eq!(answer(&next), "S0000000000000002 paid 2");
    });
}

#[test]
fn cancellations_take_rows_away_and_restore_what_was() {
    every_store(|store| {
        in_a_group(store, |group| settle(group, "a", "a").map(drop).and(settle(group, "b", "b")).unwrap());
        let blocked = in_a_group(store, |group| cancel(group, "x", "S0000000000000001").unwrap_err());
        assert!(matches!(blocked, CancelError::Blocked { by } if &*by == "S0000000000000002"));
        in_a_group(store, |group| cancel(group, "x", "S0000000000000002").unwrap());
        in_a_group(store, |group| cancel(group, "y", "S0000000000000001").unwrap());
        for prefix in [b"a", b"f", b"v"] {
            assert!(store.rows_under(prefix).unwrap().is_empty());
        }
        assert_eq!(store.rows_under(b"m").unwrap().len(), 4);
        assert_eq!(store.rows_under(b"s").unwrap().len(), 2);
        let again = in_a_group(store, |group| answer(&settle(group, "c", "a").unwrap()));
        assert_eq!(again, "S0000000000000005 paid 1");
    });
}

#[test]
fn rows_are_found_by_what_their_keys_begin_with() {
    every_store(|store| {
        for msgid in ["a", "ab", "b"] {
            in_a_group(store, |group| settle(group, msgid, msgid).unwrap());
        }
        let all = store.rows_under(b"").unwrap();
        assert_eq!(store.rows_under(b"s").unwrap().len(), 3);
        let keys: Vec<_> = all.keys().cloned().collect();
        assert!(keys.is_sorted());
        for (key, body) in &all {
            assert_eq!(store.row(key).unwrap().as_ref(), Some(body));
            assert!(store.rows_under(key).unwrap().contains_key(key));
        }
        assert_eq!(store.row(b"nothing").unwrap(), None);
        assert!(store.rows_under(b"nothing").unwrap().is_empty());
    });
}

#[test]
fn a_record_elsewhere_than_its_row_says_is_damage() {
    every_store(|store| {
        in_a_group(store, |group| settle(group, "a", "a").unwrap());
        let position = Position { segment: 1, offset: 64 };
        assert_eq!(store.record(position, 1).unwrap().message, message("a"));
        let other = store.record(position, 2).unwrap_err();
        assert!(matches!(other, ReadError::Damaged { damage: Damage::Sequence, .. }));
        let nowhere = store.record(Position { offset: 65, ..position }, 1).unwrap_err();
        assert!(matches!(nowhere, ReadError::Damaged { damage: Damage::Checksum, .. }));
    });
}
