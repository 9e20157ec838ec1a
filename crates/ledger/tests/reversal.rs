//! Reversing a call of which nobody knows whether it arrived: one of two outcomes, in whatever order things come.

// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used, clippy::panic)]

mod hospital;

use std::convert::Infallible;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use bedside_ledger::*;
use hospital::*;

type Settled = Result<Committed, SettleError<Infallible>>;
type Reversed = Result<Committed, ReverseError<Infallible>>;

fn answer(committed: &Committed) -> String {
    String::from_utf8(committed.receipt().answer.to_vec()).unwrap()
}

#[test]
fn a_call_that_arrived_is_undone_and_the_visit_settled_again() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let first = settle(&ledger, "m1", "p1", "v1", 60_00);
    assert_eq!(ledger.standing(&message(""), "v1").unwrap().unwrap().setl_id, first.as_str().into());
    let undone = reverse(&ledger, "r1", "p1", "m1").unwrap();
    assert_eq!(answer(&undone), "S0000000000000002 reverses S0000000000000001");
    assert_eq!(paid(&ledger, "p1"), 0);
    assert_eq!(ledger.standing(&message(""), "v1").unwrap(), None);
    let by = Arc::clone(&undone.receipt().setl_id);
    let booked = ledger.settlement("zj", &first).unwrap().unwrap();
    assert_eq!(booked.status, Status::Reversed { by: Arc::clone(&by), at_ms: 1_780_000_200_000 });
    assert_eq!(ledger.settlement("zj", &by).unwrap(), None, "a reversal is no settlement");
    let kind = |msgid: &str| ledger.message(&message(msgid)).unwrap().unwrap().kind;
    assert_eq!((kind("m1"), kind("r1")), (MessageKind::Settle, MessageKind::Reverse));

    // What was answered is answered for ever, whatever became of it.
    let again = ledger.settle(settle_event("m1", "p1", "v1", 60_00), halves(2026, 60_00)).unwrap();
    assert!(matches!(&again, Committed::Replayed(receipt) if *receipt.setl_id == *first));
    let again = reverse(&ledger, "r1", "p1", "m1").unwrap();
    assert_eq!(again, Committed::Replayed(undone.receipt().clone()));
    settle(&ledger, "m2", "p1", "v1", 20_00);
    assert_eq!(paid(&ledger, "p1"), 10_00);

    let mirror = ledger.records().map(Result::unwrap).find(|(_, it)| it.setl_id() == by).unwrap().1;
    assert_eq!(mirror.entry, Entry::Reversal { of: 1 });
    assert_eq!(mirror.medfee_sumamt.units(), -60_00);
    assert_eq!(mirror.postings.iter().map(|it| it.amount.units()).collect::<Vec<_>>(), [-30_00, -30_00]);
    let found = ledger.verify().unwrap();
    assert_eq!((found.settlements, found.cancellations, found.reversals, found.tombstones), (2, 0, 1, 0));
}

#[test]
fn a_call_that_did_not_arrive_never_does() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let barred = reverse(&ledger, "r1", "p1", "m1").unwrap();
    assert_eq!(answer(&barred), "S0000000000000001 bars it");
    let check = |ledger: &Ledger| {
        for (psn_no, mdtrt_id) in [("p1", "v1"), ("p2", "v2")] {
            let late =
                ledger.settle(settle_event("m1", psn_no, mdtrt_id, 60_00), halves(2026, 60_00)).unwrap_err();
            assert!(
                matches!(&late, SettleError::NotBooked(NotBooked::Reversed { by }) if &**by == "r1"),
                "{late:?}"
            );
        }
        let late = cancel(ledger, "m1", "p1", "S0000000000000001").unwrap_err();
        assert!(
            matches!(&late, CancelError::NotBooked(NotBooked::Reversed { by }) if &**by == "r1"),
            "{late:?}"
        );
        for msgid in ["m1", "r2"] {
            // A reversal under the barred message, and a second one of it.
            let late = reverse(ledger, msgid, "p1", if msgid == "m1" { "m9" } else { "m1" }).unwrap_err();
            assert!(
                matches!(&late, ReverseError::NotBooked(NotBooked::Reversed { by }) if &**by == "r1"),
                "{late:?}"
            );
        }
        assert_eq!(reverse(ledger, "r1", "p1", "m1").unwrap(), Committed::Replayed(barred.receipt().clone()));
        let stored = ledger.message(&message("m1")).unwrap().unwrap();
        assert_eq!((stored.kind, &stored.receipt), (MessageKind::Tombstone, barred.receipt()));
        let found = ledger.verify().unwrap();
        assert_eq!((found.records, found.tombstones, found.settlements), (1, 1, 0));
    };
    check(&ledger);
    // Another hospital's message of the same name is another message.
    let mut elsewhere = settle_event("m1", "p1", "v1", 60_00);
    elsewhere.message.fixmedins_code = "H2".into();
    drop(ledger);
    check(&open(dir.path()));
    std::fs::remove_dir_all(dir.path().join("tables")).unwrap();
    let ledger = open(dir.path());
    check(&ledger);
    ledger.settle(elsewhere, halves(2026, 60_00)).unwrap();
    settle(&ledger, "m2", "p1", "v1", 60_00);
}

#[test]
fn what_cannot_be_reversed_says_why_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let first = settle(&ledger, "m1", "p1", "v1", 60_00);
    let second = settle(&ledger, "m2", "p1", "v2", 60_00);
    let refused = |msgid: &str, psn_no: &str, omsgid: &str, okind| {
        ledger.reverse(reverse_event(msgid, psn_no, omsgid, okind), undo_or_bar).unwrap_err()
    };
    let settle = MessageKind::Settle;
    let error = refused("r1", "p1", "m1", settle);
    assert!(matches!(&error, ReverseError::Blocked { by } if **by == *second), "{error:?}");
    let error = refused("r1", "p2", "m2", settle);
    assert!(matches!(error, ReverseError::OtherPerson), "{error:?}");
    let error = refused("r1", "p1", "m2", MessageKind::Cancel);
    assert!(matches!(error, ReverseError::OtherKind { stored_kind: MessageKind::Settle }), "{error:?}");
    let error = refused("r1", "p1", "r1", settle);
    assert!(matches!(error, ReverseError::Itself), "{error:?}");
    let error = refused("m1", "p1", "m2", settle);
    assert!(
        matches!(
            error,
            ReverseError::NotBooked(NotBooked::Conflict { stored_kind: MessageKind::Settle, .. })
        ),
        "{error:?}"
    );
    let declined = ledger.reverse(reverse_event("r1", "p1", "m9", settle), |_, _| Err::<Vec<u8>, _>("no"));
    assert!(matches!(declined, Err(ReverseError::NotBooked(NotBooked::Refused("no")))), "{declined:?}");
    let failed = ledger
        .reverse(reverse_event("r1", "p1", "m9", settle), |_, _| -> Result<Vec<u8>, Infallible> {
            panic!("a defect")
        });
    assert!(matches!(failed, Err(ReverseError::NotBooked(NotBooked::Panicked))), "{failed:?}");
    assert_eq!((ledger.verify().unwrap().records, paid(&ledger, "p1")), (2, 60_00));
    assert_eq!(ledger.message(&message("m9")).unwrap(), None);

    let undone = cancel(&ledger, "c2", "p1", &second).unwrap();
    let by = &undone.receipt().setl_id;
    let error = refused("r1", "p1", "m2", settle);
    assert!(matches!(&error, ReverseError::AlreadyCancelled { by: known } if known == by), "{error:?}");
    let error = refused("r1", "p1", "c2", MessageKind::Cancel);
    assert!(matches!(&error, ReverseError::CancellationStands { setl_id } if setl_id == by), "{error:?}");

    let undone = reverse(&ledger, "r1", "p1", "m1").unwrap();
    let by = &undone.receipt().setl_id;
    let error = cancel(&ledger, "c1", "p1", &first).unwrap_err();
    assert!(matches!(&error, CancelError::AlreadyCancelled { by: known } if known == by), "{error:?}");
    let error = refused("r2", "p1", "m1", settle);
    assert!(matches!(&error, ReverseError::AlreadyCancelled { by: known } if known == by), "{error:?}");
    let error = refused("r2", "p1", "r1", settle);
    assert!(matches!(error, ReverseError::OtherKind { stored_kind: MessageKind::Reverse }), "{error:?}");
    let error = refused("r1", "p1", "m2", settle);
    assert!(
        matches!(
            error,
            ReverseError::NotBooked(NotBooked::Conflict { stored_kind: MessageKind::Reverse, .. })
        ),
        "{error:?}"
    );
    // A cancellation that never arrived is barred like a settlement.
    ledger.reverse(reverse_event("r3", "p1", "c9", MessageKind::Cancel), undo_or_bar).unwrap();
    let late = cancel(&ledger, "c9", "p1", &first).unwrap_err();
    assert!(matches!(late, CancelError::NotBooked(NotBooked::Reversed { .. })), "{late:?}");
    assert_eq!(ledger.verify().unwrap().records, 5);
}

/// One of four calls: the settlement or its reversal, the first or the second time.
fn play(ledger: &Ledger, what: usize, name: &str) -> (Option<Settled>, Option<Reversed>) {
    let (msgid, psn_no) = (format!("m{name}"), format!("p{name}"));
    if what < 2 {
        let event = settle_event(&msgid, &psn_no, &format!("v{name}"), 60_00);
        (Some(ledger.settle(event, halves(2026, 60_00))), None)
    } else {
        (None, Some(reverse(ledger, &format!("r{name}"), &psn_no, &msgid)))
    }
}

/// Either everything of the settlement happened and was undone, or nothing of it ever did.
fn check_outcomes(ledger: &Ledger, name: &str, outcomes: Vec<(Option<Settled>, Option<Reversed>)>) -> bool {
    let (settled, reversed): (Vec<_>, Vec<_>) = outcomes.into_iter().unzip();
    let reversed: Vec<_> = reversed.into_iter().flatten().map(|it| answer(&it.unwrap())).collect();
    assert_eq!(reversed[0], reversed[1], "one reversal, one answer");
    let arrived = ledger.message(&message(&format!("m{name}"))).unwrap().unwrap().kind == MessageKind::Settle;
    assert_eq!(reversed[0].contains("reverses"), arrived);
    let settled: Vec<_> = settled.into_iter().flatten().collect();
    for outcome in &settled {
        match outcome {
            Ok(committed) => assert!(arrived && answer(committed) == answer(settled[0].as_ref().unwrap())),
            Err(error) => {
                let by = format!("r{name}");
                assert!(
                    !arrived
                        && matches!(error, SettleError::NotBooked(NotBooked::Reversed { by: known }) if **known == *by),
                    "{error:?}"
                );
            }
        }
    }
    assert_eq!(paid(ledger, &format!("p{name}")), 0);
    arrived
}

fn orders() -> Vec<[usize; 4]> {
    let mut orders = Vec::new();
    for a in 0..4 {
        for b in (0..4).filter(|it| *it != a) {
            for c in (0..4).filter(|it| ![a, b].contains(it)) {
                orders.push([a, b, c, 6 - a - b - c]);
            }
        }
    }
    orders
}

#[test]
fn every_order_comes_to_one_of_two_outcomes() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let orders = orders();
    assert_eq!(orders.len(), 24);
    for (number, order) in orders.iter().enumerate() {
        let name = number.to_string();
        let outcomes = order.iter().map(|what| play(&ledger, *what, &name)).collect();
        assert_eq!(check_outcomes(&ledger, &name, outcomes), order[0] < 2, "{order:?}");
    }
    let found = ledger.verify().unwrap();
    assert_eq!((found.settlements, found.reversals, found.tombstones), (12, 12, 12));
}

/// The same orders within one group, where nothing is on disk yet when the next is decided.
#[test]
fn every_order_within_a_group_comes_to_one_of_two_outcomes() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    for (number, order) in orders().into_iter().enumerate() {
        let (release, gate) = mpsc::channel::<()>();
        let (sender, outcomes) = mpsc::channel();
        let held = std::sync::Mutex::new(Some(gate));
        let hold = move |accumulators: &_, assigned: &_| {
            if let Some(gate) = held.lock().unwrap().take() {
                let _ = gate.recv();
            }
            halves(2026, 2_00)(accumulators, assigned)
        };
        let first = settle_event(&format!("hold{number}"), "other", &format!("hold{number}"), 2_00);
        ledger.submit_settle(first, hold, |outcome| drop(outcome.unwrap())).unwrap();
        for what in order {
            let (sender, psn_no, msgid) = (sender.clone(), format!("p{number}"), format!("m{number}"));
            if what < 2 {
                let event = settle_event(&msgid, &psn_no, &format!("v{number}"), 60_00);
                let reply = move |outcome| sender.send((Some(outcome), None)).unwrap();
                ledger.submit_settle(event, halves(2026, 60_00), reply).unwrap();
            } else {
                let event = reverse_event(&format!("r{number}"), &psn_no, &msgid, MessageKind::Settle);
                let reply = move |outcome| sender.send((None, Some(outcome))).unwrap();
                ledger.submit_reverse(event, undo_or_bar, reply).unwrap();
            }
        }
        drop((release, sender));
        let arrived = check_outcomes(&ledger, &number.to_string(), outcomes.iter().collect());
        assert_eq!(arrived, order[0] < 2, "{order:?}");
    }
    let found = ledger.verify().unwrap();
    assert_eq!((found.settlements, found.reversals, found.tombstones), (24 + 12, 12, 12));
}

#[test]
fn races_come_to_one_of_two_outcomes() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let mut arrived = 0u64;
    for round in 0..200 {
        let name = round.to_string();
        let barrier = Arc::new(Barrier::new(4));
        let calls: Vec<_> = (0..4)
            .map(|what| {
                let (ledger, barrier, name) = (ledger.clone(), Arc::clone(&barrier), name.clone());
                thread::spawn(move || {
                    barrier.wait();
                    play(&ledger, what, &name)
                })
            })
            .collect();
        let outcomes = calls.into_iter().map(|call| call.join().unwrap()).collect();
        arrived += u64::from(check_outcomes(&ledger, &name, outcomes));
    }
    let found = ledger.verify().unwrap();
    assert_eq!((found.settlements, found.reversals, found.tombstones), (arrived, arrived, 200 - arrived));
}
