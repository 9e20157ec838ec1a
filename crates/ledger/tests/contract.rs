//! What a caller may rely on while the ledger is open and the disk is well.

// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used, clippy::panic)]

mod hospital;

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use bedside_claim::{AccumulatorKey, Accumulators, Date, Money, Owner, Term};
use bedside_ledger::*;
use hospital::*;

fn never() -> impl Fn(&Seen, &Assigned) -> Result<Decision, Infallible> + Send + 'static {
    |_, _| panic!("decided although the message is booked")
}

#[test]
fn books_and_reads_its_own_write() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(&dir.path().join("new/deep/ledger"));
    assert_eq!(*ledger.open_report(), OpenReport::default());
    let setl_id = settle(&ledger, "m1", "p1", "v1", 60_00);
    assert_eq!(setl_id, "S0000000000000001");
    let booked = ledger.settlement("zj", &setl_id).unwrap().unwrap();
    assert_eq!(booked.status, Status::Booked);
    assert_eq!(booked.mdtrt_id, "v1".into());
    assert_eq!(booked.medfee_sumamt, Money::from_units(60_00));
    assert_eq!(booked.answer, Arc::from(*b"S0000000000000001 pays 3000 of 6000"));
    assert_eq!(paid(&ledger, "p1"), 30_00);
    let record = ledger.message(&message("m1")).unwrap().unwrap();
    assert_eq!((record.kind, record.request), (MessageKind::Settle, b"settle p1 v1 6000".to_vec()));
    assert_eq!(record.receipt.answer, booked.answer);

    assert_eq!(ledger.settlement("other", &setl_id).unwrap(), None);
    for not_an_id in ["", "S1", "S0000000000000002", "S+000000000000001", "x", "S99999999999999999999999"] {
        assert_eq!(ledger.settlement("zj", not_an_id).unwrap(), None, "{not_an_id}");
    }
    assert_eq!(ledger.message(&message("m2")).unwrap(), None);
    let verification = ledger.verify().unwrap();
    assert_eq!((verification.records, verification.settlements, verification.persons), (1, 1, 1));
}

#[test]
fn the_same_message_is_answered_the_same_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let event = settle_event("m1", "p1", "v1", 60_00);
    let first = ledger.settle(event.clone(), halves(2026, 60_00)).unwrap();
    let cancelled = cancel(&ledger, "c1", "p1", &first.receipt().setl_id).unwrap();
    settle(&ledger, "m2", "p1", "v1", 10_00);
    let replay = |ledger: &Ledger| {
        let again = ledger.settle(event.clone(), never()).unwrap();
        assert_eq!(again, Committed::Replayed(first.receipt().clone()));
        let again = cancel(ledger, "c1", "p1", &first.receipt().setl_id).unwrap();
        assert_eq!(again, Committed::Replayed(cancelled.receipt().clone()));
    };
    replay(&ledger);
    let verification = ledger.verify().unwrap();
    drop(ledger);
    let ledger = open(dir.path());
    assert_eq!(ledger.open_report().replayed, 0);
    replay(&ledger);
    // other times of arrival do not matter, they are no content
    let later = SettleEvent { booked_at_ms: 5, ..event.clone() };
    assert_eq!(ledger.settle(later, never()).unwrap().receipt(), first.receipt());
    assert_eq!(ledger.verify().unwrap(), verification);
}

#[test]
fn other_content_under_a_message_is_a_conflict() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let setl_id = settle(&ledger, "m1", "p1", "v1", 60_00);
    let other = SettleEvent { request: b"other".to_vec(), ..settle_event("m1", "p1", "v1", 60_00) };
    match ledger.settle(other, never()).unwrap_err() {
        SettleError::NotBooked(NotBooked::Conflict { stored_kind: MessageKind::Settle, stored_request }) => {
            assert_eq!(stored_request, b"settle p1 v1 6000");
        }
        error => panic!("{error:?}"),
    }
    // a cancellation with the very bytes of the settlement is another thing too
    let mut as_cancel = cancel_event("m1", "p1", &setl_id);
    as_cancel.request = b"settle p1 v1 6000".to_vec();
    let error = ledger.cancel(as_cancel, agree).unwrap_err();
    assert!(
        matches!(error, CancelError::NotBooked(NotBooked::Conflict { stored_kind: MessageKind::Settle, .. })),
        "{error:?}"
    );
    // the same msgid of another hospital is another message
    let mut elsewhere = settle_event("m1", "p1", "v1", 60_00);
    elsewhere.message.fixmedins_code = "H2".into();
    assert!(matches!(ledger.settle(elsewhere, halves(2026, 1)).unwrap(), Committed::New(_)));
}

#[test]
fn twins_from_8_threads_are_decided_once() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    for round in 0..20 {
        let (decided, barrier) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(8)));
        let twins: Vec<_> = (0..8)
            .map(|_| {
                let (ledger, decided, barrier) = (ledger.clone(), Arc::clone(&decided), Arc::clone(&barrier));
                thread::spawn(move || {
                    let event = settle_event(&format!("m{round}"), "p1", &format!("v{round}"), 2_00);
                    let decide = halves(2026, 2_00);
                    barrier.wait();
                    ledger.settle(event, move |seen, assigned| {
                        decided.fetch_add(1, Ordering::SeqCst);
                        decide(seen, assigned)
                    })
                })
            })
            .collect();
        let outcomes: Vec<_> = twins.into_iter().map(|twin| twin.join().unwrap().unwrap()).collect();
        assert_eq!(decided.load(Ordering::SeqCst), 1);
        assert_eq!(outcomes.iter().filter(|it| matches!(it, Committed::New(_))).count(), 1);
        assert!(outcomes.iter().all(|it| it.receipt() == outcomes[0].receipt()));
    }
    assert_eq!(paid(&ledger, "p1"), 20_00);
    assert_eq!(ledger.verify().unwrap().records, 20);
}

/// Holds the committer in a decision until the returned sender is used, so that what is submitted meanwhile is
/// decided as one group.
fn hold(ledger: &Ledger, msgid: &str) -> mpsc::Sender<()> {
    let (open, gate) = mpsc::channel::<()>();
    let (entered, inside) = mpsc::channel();
    let decide = halves(2026, 0);
    let gate = std::sync::Mutex::new(gate);
    let event = settle_event(msgid, "holder", msgid, 0);
    ledger
        .submit_settle(
            event,
            move |seen, assigned| {
                entered.send(()).unwrap();
                gate.lock().unwrap().recv().unwrap();
                decide(seen, assigned)
            },
            |outcome| drop(outcome.unwrap()),
        )
        .unwrap();
    inside.recv().unwrap();
    open
}

#[test]
fn commands_of_one_group_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let gate = hold(&ledger, "hold");
    let (sender, replies) = mpsc::channel();
    let submit = |msgid: &str, visit: &str, fen| {
        let sender = sender.clone();
        let event = settle_event(msgid, "p1", visit, fen);
        ledger.submit_settle(event, halves(2026, fen), move |it| sender.send(it).unwrap()).unwrap();
    };
    submit("m1", "v1", 120_00);
    submit("m2", "v2", 120_00);
    submit("m1", "v1", 120_00);
    submit("m3", "v1", 120_00);
    let cancels = sender.clone();
    let event = cancel_event("c1", "p1", "S0000000000000003");
    ledger.submit_cancel(event, agree, move |it| cancels.send(Ok(it.unwrap())).unwrap()).unwrap();
    submit("m4", "v2", 40_00);
    gate.send(()).unwrap();
    let answer = |outcome: Result<Committed, SettleError<Infallible>>| {
        String::from_utf8(outcome.unwrap().receipt().answer.to_vec()).unwrap()
    };
    assert_eq!(answer(replies.recv().unwrap()), "S0000000000000002 pays 6000 of 12000");
    assert_eq!(answer(replies.recv().unwrap()), "S0000000000000003 pays 4000 of 12000");
    let twin = replies.recv().unwrap();
    assert!(matches!(twin, Ok(Committed::Replayed(_))), "{twin:?}");
    assert_eq!(answer(twin), "S0000000000000002 pays 6000 of 12000");
    let third = replies.recv().unwrap().unwrap_err();
    assert!(
        matches!(&third, SettleError::AlreadySettled { setl_id } if &**setl_id == "S0000000000000002"),
        "{third:?}"
    );
    assert_eq!(answer(replies.recv().unwrap()), "S0000000000000004 undoes S0000000000000003");
    assert_eq!(answer(replies.recv().unwrap()), "S0000000000000005 pays 2000 of 4000");
    assert_eq!(ledger.verify().unwrap().records, 5);
    assert_eq!(paid(&ledger, "p1"), 80_00);
}

#[test]
fn racing_settlements_equal_a_serial_order() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    for round in 0..10 {
        let psn_no = format!("p{round}");
        let barrier = Arc::new(Barrier::new(2));
        let racers: Vec<_> = [150_00, 90_00]
            .into_iter()
            .map(|fen| {
                let (ledger, psn_no, barrier) = (ledger.clone(), psn_no.clone(), Arc::clone(&barrier));
                thread::spawn(move || {
                    barrier.wait();
                    settle(&ledger, &format!("m{psn_no}{fen}"), &psn_no, &format!("v{psn_no}{fen}"), fen)
                })
            })
            .collect();
        let parts: Vec<i64> = racers
            .into_iter()
            .map(|racer| {
                let booked = ledger.settlement("zj", &racer.join().unwrap()).unwrap().unwrap();
                booked.postings[0].amount.units()
            })
            .collect();
        // 75 then 25, or 45 then 55
        assert!(parts == [75_00, 25_00] || parts == [55_00, 45_00], "{parts:?}");
        assert_eq!(paid(&ledger, &psn_no), CAP_YEAR);
    }
    ledger.verify().unwrap();
}

#[test]
fn cancels_latest_first_and_settles_again() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let first = settle(&ledger, "m1", "p1", "v1", 60_00);
    let second = settle(&ledger, "m2", "p1", "v2", 80_00);
    settle(&ledger, "m3", "p2", "v3", 80_00);
    let error = cancel(&ledger, "c1", "p1", &first).unwrap_err();
    assert!(matches!(&error, CancelError::Blocked { by } if **by == *second), "{error:?}");
    let undone = cancel(&ledger, "c1", "p1", &second).unwrap();
    assert_eq!(paid(&ledger, "p1"), 30_00);
    let by = Arc::clone(&undone.receipt().setl_id);
    assert_ne!(*by, *second);
    let booked = ledger.settlement("zj", &second).unwrap().unwrap();
    assert_eq!(booked.status, Status::Cancelled { by: Arc::clone(&by), at_ms: 1_780_000_100_000 });
    let error = cancel(&ledger, "c2", "p1", &second).unwrap_err();
    assert!(matches!(&error, CancelError::AlreadyCancelled { by: known } if *known == by), "{error:?}");
    let error = cancel(&ledger, "c2", "p1", &by).unwrap_err();
    assert!(matches!(error, CancelError::NotFound), "a cancellation is no settlement: {error:?}");
    let again = settle(&ledger, "m4", "p1", "v2", 20_00);
    let error = cancel(&ledger, "c2", "p1", &first).unwrap_err();
    assert!(matches!(&error, CancelError::Blocked { by } if **by == *again), "{error:?}");
    cancel(&ledger, "c2", "p1", &again).unwrap();
    cancel(&ledger, "c3", "p1", &first).unwrap();
    assert!(ledger.accumulators(&person("p1")).unwrap().is_empty());

    let verification = ledger.verify().unwrap();
    assert_eq!((verification.settlements, verification.cancellations), (4, 3));
    assert_eq!(verification.accounts[&Arc::from("insurer")].units(), 40_00);
    assert_eq!(verification.receivables[&("zj".into(), "H1".into())].units(), 80_00);
    let mirror = ledger.records().map(Result::unwrap).find(|(_, it)| it.setl_id() == by).unwrap().1;
    assert_eq!(mirror.entry, Entry::Cancellation { of: 2 });
    assert_eq!(mirror.medfee_sumamt.units(), -80_00);
    assert_eq!(mirror.postings.iter().map(|it| it.amount.units()).collect::<Vec<_>>(), [-40_00, -40_00]);
}

#[test]
fn years_do_not_block_each_other_unless_a_settlement_touches_both() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let mut ids = Vec::new();
    // the last one stands in 2027 but also uses up 2026
    for (number, year, touched) in [(1, 2025, 2025), (2, 2026, 2026), (3, 2027, 2026)] {
        let event = settle_event(&format!("m{number}"), "p1", &format!("v{number}"), 10_00);
        let decide = halves(touched, 10_00);
        let committed = ledger.settle(event, move |seen, assigned| {
            decide(seen, assigned).map(|decision| Decision { benefit_year: year, ..decision })
        });
        ids.push(committed.unwrap().receipt().setl_id.to_string());
    }
    cancel(&ledger, "c1", "p1", &ids[0]).unwrap();
    let error = cancel(&ledger, "c2", "p1", &ids[1]).unwrap_err();
    assert!(matches!(&error, CancelError::Blocked { by } if **by == *ids[2]), "{error:?}");
    cancel(&ledger, "c2", "p1", &ids[2]).unwrap();
    cancel(&ledger, "c3", "p1", &ids[1]).unwrap();
    ledger.verify().unwrap();
}

/// What `halves` decides, but the cap is shared by the family.
fn shared_halves(
    family_no: &str,
    fen: i64,
) -> impl Fn(&Seen, &Assigned) -> Result<Decision, Infallible> + Send + 'static {
    let key = AccumulatorKey { owner: Owner::Family(family_no.into()), ..paid_key(2026) };
    let decide = halves(2026, fen);
    move |seen, assigned| {
        let mut own = Accumulators::default();
        own.set(paid_key(2026), seen.booked.get(&key));
        let mut decision = decide(&Seen::of(own), assigned)?;
        decision.accumulators[0].key = key.clone();
        Ok(decision)
    }
}

fn settle_shared(ledger: &Ledger, msgid: &str, psn_no: &str, family_no: &str, fen: i64) -> Arc<str> {
    let event = SettleEvent { family_no: Some(family_no.into()), ..settle_event(msgid, psn_no, msgid, fen) };
    let committed = ledger.settle(event, shared_halves(family_no, fen)).unwrap();
    Arc::clone(&committed.receipt().setl_id)
}

#[test]
fn members_of_a_family_use_up_one_accumulator() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let shared = AccumulatorKey { owner: Owner::Family("F1".into()), ..paid_key(2026) };
    let first = settle_shared(&ledger, "m1", "p1", "F1", 150_00);
    let second = settle_shared(&ledger, "m2", "p2", "F1", 90_00);
    settle_shared(&ledger, "m3", "p3", "F2", 90_00);
    assert_eq!(ledger.settlement("zj", &second).unwrap().unwrap().postings[0].amount.units(), 25_00);
    for psn_no in ["p1", "p2", "new"] {
        let seen = ledger.accumulators_with_family(&person(psn_no), "F1").unwrap();
        assert_eq!(seen.get(&shared).units(), CAP_YEAR, "{psn_no}");
        assert!(ledger.accumulators(&person(psn_no)).unwrap().is_empty(), "nothing of his own");
    }
    let elsewhere = PersonKey { tenant: "other".into(), psn_no: "p1".into() };
    assert!(ledger.accumulators_with_family(&elsewhere, "F1").unwrap().is_empty());

    // the order of the family's accumulator holds across its members, and only there
    let error = cancel(&ledger, "c1", "p1", &first).unwrap_err();
    assert!(matches!(&error, CancelError::Blocked { by } if *by == second), "{error:?}");
    let verification = ledger.verify().unwrap();
    drop(ledger);
    std::fs::remove_dir_all(dir.path().join("tables")).unwrap();
    let ledger = open(dir.path());
    assert_eq!(ledger.verify().unwrap(), verification);
    cancel(&ledger, "c1", "p2", &second).unwrap();
    cancel(&ledger, "c2", "p1", &first).unwrap();
    assert!(ledger.accumulators_with_family(&person("p1"), "F1").unwrap().is_empty());
    assert_eq!(ledger.verify().unwrap().persons, 3);
}

#[test]
fn another_familys_accumulator_is_out_of_reach() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    settle_shared(&ledger, "m1", "p1", "F1", 150_00);
    for family_no in [None, Some("F2".into())] {
        let event = SettleEvent { family_no, ..settle_event("m2", "p1", "v2", 10_00) };
        let outcome = ledger.settle(event, |seen: &Seen, assigned: &Assigned| {
            assert!(seen.booked.is_empty(), "the decision sees its own family's only");
            shared_halves("F1", 10_00)(seen, assigned)
        });
        let error = outcome.unwrap_err();
        assert!(matches!(&error, SettleError::OtherFamily(key) if key.owner == Owner::Family("F1".into())));
    }
    assert_eq!(ledger.verify().unwrap().records, 1);
}

#[test]
fn every_term_has_its_own_order() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let policy = |month| Term::PolicyPeriod(Date::new(2026, month, 1).unwrap());
    let terms = [Term::Lifetime, policy(7), policy(8), Term::Event("E1".into()), Term::Lifetime];
    let mut ids = Vec::new();
    for (number, term) in terms.iter().enumerate() {
        let (year, term) = (2020 + i16::try_from(number).unwrap(), term.clone());
        let event = settle_event(&format!("m{number}"), "p1", &format!("v{number}"), 10_00);
        let committed = ledger.settle(event, move |seen: &Seen, assigned: &Assigned| {
            let key = AccumulatorKey { term: term.clone(), subject: "MRI".into(), ..paid_key(2026) };
            let before = seen.booked.get(&key);
            let after = before.plus(Money::from_units(1)).unwrap();
            let mut decision = halves(year, 10_00)(&Seen::default(), assigned)?;
            decision.accumulators = vec![bedside_claim::AccumulatorChange { key, before, after }];
            Ok::<_, Infallible>(decision)
        });
        ids.push(Arc::clone(&committed.unwrap().receipt().setl_id));
    }
    // the lifetime is touched again by the last one; the other terms and years stand alone
    let error = cancel(&ledger, "c0", "p1", &ids[0]).unwrap_err();
    assert!(matches!(&error, CancelError::Blocked { by } if *by == ids[4]), "{error:?}");
    for number in [1, 2, 3, 4, 0] {
        cancel(&ledger, &format!("c{number}"), "p1", &ids[number]).unwrap();
        ledger.verify().unwrap();
    }
    assert!(ledger.accumulators(&person("p1")).unwrap().is_empty());
}

#[test]
fn what_belongs_to_another_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let setl_id = settle(&ledger, "m1", "p1", "v1", 60_00);
    let own = cancel_event("c1", "p1", &setl_id);
    let mut others = vec![cancel_event("c1", "p2", &setl_id), cancel_event("c1", "p1", "S0000000000000009")];
    let mut other = own.clone();
    other.message.fixmedins_code = "H2".into();
    others.push(other);
    let mut other = own.clone();
    (other.message.tenant, other.person.tenant) = ("sh".into(), "sh".into());
    others.push(other);
    for event in others {
        let error = ledger.cancel(event.clone(), agree).unwrap_err();
        assert!(matches!(error, CancelError::NotFound), "{event:?} {error:?}");
    }
    ledger.cancel(own, agree).unwrap();
}

#[test]
fn what_does_not_fit_books_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    settle(&ledger, "m0", "p1", "v0", 20_00);
    type Change = fn(&mut Decision);
    let cases: [(Change, &str); 6] = [
        (
            |it| it.postings[1].amount = Money::from_units(1),
            "postings sum to 5.01, but the bill's total is 10.00",
        ),
        (|it| it.postings[1].amount = Money::from_units(i64::MIN), "an amount is out of range"),
        (|it| it.medfee_sumamt = Money::from_units(i64::MIN), "an amount is out of range"),
        (
            |it| it.accumulators.push(it.accumulators[0].clone()),
            "accumulator `2026 zj/demo inpatient paid` is changed twice",
        ),
        (
            |it| it.accumulators[0].before = Money::ZERO,
            "accumulator `2026 zj/demo inpatient paid` stands at 10.00, but the change was computed from 0.00",
        ),
        (
            |it| it.postings[0].account = "x".repeat(256).into(),
            "`account` has 256 bytes, at most 255 are stored",
        ),
    ];
    for (change, expected) in cases {
        let decide = halves(2026, 10_00);
        let outcome = ledger.settle(settle_event("m1", "p1", "v1", 10_00), move |seen, assigned| {
            let mut decision = decide(seen, assigned).unwrap();
            change(&mut decision);
            Ok::<_, Infallible>(decision)
        });
        assert_eq!(outcome.unwrap_err().to_string(), expected);
    }
    let event = settle_event("m1", "p1", "v1", 10_00);
    let refused = ledger.settle(event.clone(), |_, _| Err("not insured")).unwrap_err();
    assert!(matches!(refused, SettleError::NotBooked(NotBooked::Refused("not insured"))));
    let panicked = ledger.settle(event.clone(), |_, _| -> Result<Decision, ()> { panic!("defect") });
    assert!(matches!(panicked, Err(SettleError::NotBooked(NotBooked::Panicked))));
    let long = SettleEvent { mdtrt_id: "v".repeat(256).into(), ..event.clone() };
    assert!(matches!(ledger.settle(long, never()), Err(SettleError::NotBooked(NotBooked::TooLarge(_)))));
    let huge = SettleEvent { request: vec![0; PAYLOAD_BYTES_MAX], ..event };
    assert!(matches!(
        ledger.settle(huge, halves(2026, 10_00)),
        Err(SettleError::NotBooked(NotBooked::TooLarge(_)))
    ));

    assert_eq!(ledger.message(&message("m1")).unwrap(), None);
    assert_eq!(ledger.verify().unwrap().records, 1);
    assert_eq!(settle(&ledger, "m1", "p1", "v1", 10_00), "S0000000000000002");
    assert_eq!(ledger.health(), Health::Serving);
}

#[test]
fn a_full_queue_is_busy_and_a_shut_ledger_answers_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(LedgerConfig { queue_max: 2, ..config(dir.path()) }).unwrap();
    let gate = hold(&ledger, "hold");
    let (sender, replies) = mpsc::channel();
    let submit = |number: i32| {
        let sender = sender.clone();
        let event = settle_event(&format!("m{number}"), "p1", &format!("v{number}"), 10_00);
        ledger.submit_settle(event, halves(2026, 10_00), move |outcome| sender.send(outcome).unwrap())
    };
    assert_eq!((submit(1), submit(2)), (Ok(()), Ok(())));
    assert_eq!(submit(3), Err(Busy));
    // what waits is still answered when the ledger shuts
    gate.send(()).unwrap();
    ledger.shutdown();
    assert!(matches!(replies.recv().unwrap(), Ok(Committed::New(_))));
    assert!(matches!(replies.recv().unwrap(), Ok(Committed::New(_))));
    assert_eq!(submit(4), Ok(()));
    assert!(matches!(replies.recv().unwrap(), Err(SettleError::NotBooked(NotBooked::Stopped))));
    assert_eq!(ledger.health(), Health::Stopped { reason: "shut down".into() });
    assert_eq!(paid(&ledger, "p1"), 10_00, "reads go on");
}

#[test]
fn the_last_handle_may_go_in_a_reply() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let (sender, gone) = mpsc::channel();
    let handle = ledger.clone();
    let event = settle_event("m1", "p1", "v1", 10_00);
    let reply = move |outcome: Result<Committed, SettleError<Infallible>>| {
        outcome.unwrap();
        drop(handle);
        sender.send(()).unwrap();
    };
    ledger.submit_settle(event, halves(2026, 10_00), reply).unwrap();
    drop(ledger);
    gone.recv().unwrap();
}

#[test]
fn a_second_opening_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    assert!(matches!(Ledger::open(config(dir.path())), Err(OpenError::Locked)));
    drop(ledger);
    drop(open(dir.path()));
    let error = Ledger::open(LedgerConfig { segment_bytes: 1, ..config(dir.path()) }).unwrap_err();
    assert_eq!(error.to_string(), "`segment_bytes` must be at least 4096");
    assert!(matches!(read_journal(&dir.path().join("nowhere")), Err(OpenError::NotALedger)));
}

#[test]
fn segments_fill_and_a_large_record_gets_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(LedgerConfig { segment_bytes: 4096, ..config(dir.path()) }).unwrap();
    for number in 0..40 {
        let mut event = settle_event(&format!("m{number}"), "p1", &format!("v{number}"), 1_00);
        event.request = vec![b'x'; if number % 10 == 7 { 20_000 } else { 300 }];
        ledger.settle(event, halves(2026, 1_00)).unwrap();
    }
    let read: Vec<_> = ledger.records().map(Result::unwrap).collect();
    assert_eq!(read.len(), 40);
    assert!(read.last().unwrap().0.segment > 5);
    let verification = ledger.verify().unwrap();
    drop(ledger);
    let from_outside: Vec<_> = read_journal(dir.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(from_outside, read);
    std::fs::remove_dir_all(dir.path().join("tables")).unwrap();
    let ledger = open(dir.path());
    assert_eq!(ledger.open_report().replayed, 40);
    assert_eq!(ledger.verify().unwrap(), verification);
}
