//! Quotes that bind: what they reserve, how they end, and what outlives a restart.

// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used, clippy::panic)]

mod hospital;

use std::convert::Infallible;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Measure, Money, Owner};
use bedside_ledger::*;
use hospital::*;

/// When everything happens that says nothing else.
const NOW: i64 = 1_780_000_000_000;
const HOUR: i64 = 3_600_000;

fn hold_event(msgid: &str, psn_no: &str, mdtrt_id: &str, fen: i64) -> HoldEvent {
    HoldEvent {
        message: message(msgid),
        person: person(psn_no),
        family_no: None,
        mdtrt_id: mdtrt_id.into(),
        until_ms: NOW + HOUR,
        booked_at_ms: NOW,
        request: format!("hold {psn_no} {mdtrt_id} {fen}").into_bytes(),
        stay: None,
    }
}

/// As `halves` of the same bill, counted with what others reserve, from the booked values; and the deductible of a yuan.
fn counted(fen: i64) -> impl Fn(&Seen, &Assigned) -> Result<Decision, Infallible> + Send + Clone + 'static {
    move |seen, assigned| {
        let counted_with = Seen::of(seen.accumulators().unwrap().into_owned());
        let mut decision = halves(2026, fen)(&counted_with, assigned)?;
        let charged = AccumulatorKey { measure: Measure::Deductible, ..paid_key(2026) };
        let before = counted_with.booked.get(&charged);
        let after = before.plus(Money::from_units(1_00)).unwrap();
        decision.accumulators.push(AccumulatorChange { key: charged, before, after });
        decision.accumulators = seen.rebased(decision.accumulators).unwrap();
        Ok(decision)
    }
}

fn quoted(fen: i64) -> impl Fn(&Seen, &Assigned) -> Result<Quote, Infallible> + Send + Clone + 'static {
    move |seen, assigned| {
        let Decision { accumulators, postings, .. } = counted(fen)(seen, assigned)?;
        let answer = format!("{} promises {}", assigned.hold_id(), postings[0].amount);
        Ok(Quote { accumulators, answer: answer.into_bytes() })
    }
}

/// Holds and gives the `hold_id`.
fn hold(ledger: &Ledger, event: HoldEvent, fen: i64) -> String {
    let committed = ledger.hold(event, quoted(fen)).unwrap();
    assert!(matches!(committed, Committed::New(_)), "{committed:?}");
    committed.receipt().setl_id.to_string()
}

fn settle_at(
    ledger: &Ledger,
    (msgid, psn_no, mdtrt_id): (&str, &str, &str),
    fen: i64,
    hold_id: Option<&str>,
    at_ms: i64,
) -> Result<Committed, SettleError<Infallible>> {
    let event = SettleEvent {
        stay: None,
        booked_at_ms: at_ms,
        hold_id: hold_id.map(Into::into),
        ..settle_event(msgid, psn_no, mdtrt_id, fen)
    };
    ledger.settle(event, counted(fen))
}

fn answer(committed: &Committed) -> String {
    String::from_utf8(committed.receipt().answer.to_vec()).unwrap()
}

fn unusable(outcome: Result<Committed, SettleError<Infallible>>) -> Unusable {
    match outcome {
        Err(SettleError::Hold(unusable)) => unusable,
        other => panic!("{other:?}"),
    }
}

fn state(ledger: &Ledger, hold_id: &str, at_ms: i64) -> HoldState {
    ledger.held("zj", hold_id).unwrap().unwrap().state_at(at_ms)
}

#[test]
fn the_rest_of_a_cap_is_promised_once() {
    // 100.00 a year, 80.00 of it promised to one visit of two
    for (at_ms, pays) in [(NOW + HOUR - 1, 20_00), (NOW + HOUR, 100_00)] {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        let first = hold(&ledger, hold_event("h1", "p", "v1", 160_00), 160_00);
        let settled = settle_at(&ledger, ("m2", "p", "v2"), 400_00, None, at_ms).unwrap();
        assert_eq!(answer(&settled), format!("S0000000000000002 pays {pays} of 40000"), "at {at_ms}");
        // the booked values continue without what is only promised, and the deductible never counts it
        let booked = ledger.accumulators(&person("p")).unwrap();
        assert_eq!(booked.get(&paid_key(2026)).units(), pays);
        let charged = AccumulatorKey { measure: Measure::Deductible, ..paid_key(2026) };
        assert_eq!(booked.get(&charged).units(), 1_00);
        if at_ms < NOW + HOUR {
            let kept = settle_at(&ledger, ("m1", "p", "v1"), 160_00, Some(&first), at_ms).unwrap();
            assert_eq!(answer(&kept), "S0000000000000003 pays 8000 of 16000");
            assert_eq!(paid(&ledger, "p"), CAP_YEAR);
        }
        ledger.verify().unwrap();
    }
}

#[test]
fn two_holds_share_what_is_left_in_either_order() {
    for visits in [["v1", "v2"], ["v2", "v1"]] {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        let ids = ["v1", "v2"].map(|visit| hold(&ledger, hold_event(visit, "p", visit, 160_00), 160_00));
        let promised = |id: &str| ledger.held("zj", id).unwrap().unwrap().answer.to_vec();
        assert_eq!(promised(&ids[0]), b"H0000000000000001 promises 80.00");
        assert_eq!(promised(&ids[1]), b"H0000000000000002 promises 20.00");
        let stranger = settle_at(&ledger, ("m0", "p", "v0"), 10_00, None, NOW).unwrap();
        assert!(answer(&stranger).contains("pays 0 of"), "nothing is left for a third visit");
        for visit in visits {
            let (id, pays) = if visit == "v1" { (&ids[0], 80_00) } else { (&ids[1], 20_00) };
            let settled = settle_at(&ledger, (&format!("m{visit}"), "p", visit), 160_00, Some(id), NOW);
            assert!(answer(&settled.unwrap()).contains(&format!("pays {pays} of")), "{visit}");
        }
        assert_eq!(paid(&ledger, "p"), CAP_YEAR);
        assert_eq!(ledger.verify().unwrap().holds, 2);
    }
}

#[test]
fn a_decision_is_given_the_hold_and_what_others_reserve() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let own = hold(&ledger, hold_event("h1", "p", "v1", 60_00), 60_00);
    let other = HoldEvent { until_ms: NOW + 2 * HOUR, ..hold_event("h2", "p", "v2", 40_00) };
    hold(&ledger, other, 40_00);
    let seen =
        |mdtrt_id: &str, at_ms| ledger.seen(&person("p"), None, &message(""), mdtrt_id, at_ms).unwrap();
    let reserved = |mdtrt_id: &str, at_ms| {
        seen(mdtrt_id, at_ms).reserved.get(&paid_key(2026)).map(|it| (it.amount.units(), it.until_ms))
    };
    assert_eq!(reserved("v1", NOW), Some((20_00, NOW + 2 * HOUR)));
    assert_eq!(reserved("v2", NOW), Some((30_00, NOW + HOUR)));
    assert_eq!(reserved("v3", NOW), Some((50_00, NOW + 2 * HOUR)));
    assert_eq!(reserved("v3", NOW + HOUR), Some((20_00, NOW + 2 * HOUR)));
    assert_eq!(reserved("v3", NOW + 2 * HOUR), None);
    assert_eq!(seen("v3", NOW).reserved.len(), 1, "a deductible is not promised");

    let event = SettleEvent { hold_id: Some(own.as_str().into()), ..settle_event("m1", "p", "v1", 60_00) };
    let decide = counted(60_00);
    let committed = ledger.settle(event, move |seen, assigned| {
        let held = seen.hold.as_ref().unwrap();
        assert_eq!((&*held.hold_id, held.request.as_slice()), ("H0000000000000001", &b"hold p v1 6000"[..]));
        assert_eq!(held.terms.seen, bedside_claim::Accumulators::default());
        assert_eq!(held.terms.quoted, decide(seen, assigned)?.accumulators);
        decide(seen, assigned)
    });
    assert!(matches!(committed.unwrap(), Committed::New(_)));
}

#[test]
fn a_hold_is_booked_once_and_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let event = hold_event("h1", "p", "v1", 60_00);
    let first = ledger.hold(event.clone(), quoted(60_00)).unwrap();
    let never = |_: &Seen, _: &Assigned| -> Result<Quote, Infallible> { panic!("it is booked") };
    let again = ledger.hold(HoldEvent { booked_at_ms: NOW + 9 * HOUR, ..event.clone() }, never).unwrap();
    assert_eq!(again, Committed::Replayed(first.receipt().clone()));
    let other = ledger.hold(HoldEvent { request: b"other".to_vec(), ..event.clone() }, never).unwrap_err();
    let settled = ledger.settle(settle_event("h1", "p", "v1", 60_00), counted(60_00)).unwrap_err();
    for error in [other, settled] {
        assert!(matches!(
            error,
            SettleError::NotBooked(NotBooked::Conflict { stored_kind: MessageKind::Hold, stored_request }) if stored_request == event.request
        ));
    }
    let message = ledger.message(&message("h1")).unwrap().unwrap();
    assert_eq!((message.kind, &message.receipt), (MessageKind::Hold, first.receipt()));
    assert_eq!(ledger.verify().unwrap().records, 1);
    assert!(ledger.accumulators(&person("p")).unwrap().is_empty());
    settle(&ledger, "m2", "p", "v2", 10_00);
    let late = ledger.hold(hold_event("h2", "p", "v2", 10_00), never).unwrap_err();
    assert!(matches!(late, SettleError::AlreadySettled { setl_id } if &*setl_id == "S0000000000000002"));
}

#[test]
fn what_cannot_be_settled_within_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let id = hold(&ledger, hold_event("h1", "p", "v1", 60_00), 60_00);
    let within = |hold_id: &str, psn_no: &str, mdtrt_id: &str, at_ms| {
        unusable(settle_at(&ledger, ("m1", psn_no, mdtrt_id), 60_00, Some(hold_id), at_ms))
    };
    for unknown in ["", "H1", "H0000000000000009", "S0000000000000001"] {
        assert_eq!(within(unknown, "p", "v1", NOW), Unusable::NotFound, "{unknown}");
    }
    assert_eq!(within(&id, "q", "v1", NOW), Unusable::OtherPerson);
    assert_eq!(within(&id, "p", "v2", NOW), Unusable::OtherVisit);
    assert_eq!(within(&id, "p", "v1", NOW + HOUR), Unusable::Expired { until_ms: NOW + HOUR });
    let mut elsewhere = settle_event("m1", "p", "v1", 60_00);
    elsewhere.message.fixmedins_code = "H2".into();
    elsewhere.hold_id = Some(id.as_str().into());
    assert_eq!(unusable(ledger.settle(elsewhere, counted(60_00))), Unusable::NotFound);

    let newer = hold(&ledger, hold_event("h2", "p", "v1", 80_00), 80_00);
    let ended = |ending, by: &str| Unusable::Ended(Ended { ending, by: by.into(), at_ms: NOW });
    assert_eq!(within(&id, "p", "v1", NOW), ended(Ending::Replaced, &newer));
    let settled = settle_at(&ledger, ("m2", "p", "v1"), 80_00, Some(&newer), NOW).unwrap();
    cancel(&ledger, "c2", "p", &settled.receipt().setl_id).unwrap();
    assert_eq!(within(&newer, "p", "v1", NOW), ended(Ending::Settled, &settled.receipt().setl_id));
    let third = hold(&ledger, hold_event("h3", "p", "v1", 80_00), 80_00);
    let released = ledger.reverse(reverse_event("r3", "p", "h3", MessageKind::Hold), undo_or_bar).unwrap();
    let Unusable::Ended(told) = within(&third, "p", "v1", NOW) else { panic!("{third} was released") };
    assert_eq!((told.ending, &told.by), (Ending::Released, &released.receipt().setl_id));
    ledger.verify().unwrap();
}

#[test]
fn a_visit_is_never_blocked_by_its_own_hold() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let id = hold(&ledger, hold_event("h1", "p", "v1", 200_00), 200_00);
    let settled = settle_at(&ledger, ("m1", "p", "v1"), 200_00, None, NOW).unwrap();
    assert_eq!(answer(&settled), "S0000000000000002 pays 10000 of 20000");
    assert!(matches!(state(&ledger, &id, NOW), HoldState::Ended(Ended { ending: Ending::Settled, .. })));

    // an expired one is not ended by it, and its settlement takes nothing of what others hold
    let id = hold(&ledger, hold_event("h2", "q", "v2", 200_00), 200_00);
    settle_at(&ledger, ("m2", "q", "v2"), 200_00, None, NOW + HOUR).unwrap();
    assert_eq!(state(&ledger, &id, NOW + HOUR), HoldState::Expired);
    ledger.reverse(reverse_event("r2", "q", "h2", MessageKind::Hold), undo_or_bar).unwrap();
    assert!(matches!(state(&ledger, &id, NOW), HoldState::Ended(Ended { ending: Ending::Released, .. })));
    ledger.verify().unwrap();
}

#[test]
fn a_newer_hold_replaces_and_a_reversal_releases() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let left = || {
        let seen = ledger.seen(&person("p"), None, &message(""), "other", NOW).unwrap();
        CAP_YEAR - seen.accumulators().unwrap().get(&paid_key(2026)).units()
    };
    let first = hold(&ledger, hold_event("h1", "p", "v1", 180_00), 180_00);
    assert_eq!(left(), 10_00);
    let second = hold(&ledger, hold_event("h2", "p", "v1", 60_00), 60_00);
    assert_eq!(left(), 70_00, "the visit's own hold does not count against its next one");
    let reverse = |msgid: &str, omsgid: &str| {
        ledger.reverse(reverse_event(msgid, "p", omsgid, MessageKind::Hold), undo_or_bar)
    };
    let replaced = reverse("r1", "h1").unwrap_err();
    assert!(
        matches!(&replaced, ReverseError::HoldEnded(Ended { ending: Ending::Replaced, by, .. }) if **by == *second)
    );
    let released = reverse("r1", "h2").unwrap();
    assert_eq!(answer(&released), format!("S0000000000000003 reverses {second}"));
    assert_eq!(left(), CAP_YEAR);
    assert_eq!(reverse("r1", "h2").unwrap(), Committed::Replayed(released.receipt().clone()));
    let again = reverse("r2", "h2").unwrap_err();
    assert!(matches!(&again, ReverseError::AlreadyCancelled { by } if **by == *released.receipt().setl_id));
    let other_kind = ledger.reverse(reverse_event("r2", "p", "h2", MessageKind::Settle), undo_or_bar);
    assert!(matches!(other_kind.unwrap_err(), ReverseError::OtherKind { stored_kind: MessageKind::Hold }));

    // one that never arrived never does
    reverse("r9", "h9").unwrap();
    let late = ledger.hold(hold_event("h9", "p", "v9", 10_00), quoted(10_00)).unwrap_err();
    assert!(matches!(late, SettleError::NotBooked(NotBooked::Reversed { by }) if &*by == "r9"));
    let verification = ledger.verify().unwrap();
    assert_eq!((verification.holds, verification.tombstones, verification.reversals), (2, 1, 0));
    assert!(matches!(state(&ledger, &first, NOW), HoldState::Ended(Ended { ending: Ending::Replaced, .. })));
}

/// As `quoted`, of a cap that the family shares.
fn family_quoted(fen: i64) -> impl Fn(&Seen, &Assigned) -> Result<Quote, Infallible> + Send + 'static {
    move |seen, assigned| {
        let key = AccumulatorKey { owner: Owner::Family("F".into()), ..paid_key(2026) };
        let before = seen.accumulators().unwrap().get(&key);
        let pays = fen.min(CAP_YEAR - before.units());
        let after = before.plus(Money::from_units(pays)).unwrap();
        let accumulators = seen.rebased(vec![AccumulatorChange { key, before, after }]).unwrap();
        Ok(Quote { accumulators, answer: format!("{} promises {pays}", assigned.hold_id()).into_bytes() })
    }
}

#[test]
fn what_a_family_shares_is_promised_to_one_member() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let family_hold = |msgid: &str, psn_no: &str, fen| {
        let event = HoldEvent { family_no: Some("F".into()), ..hold_event(msgid, psn_no, msgid, fen) };
        answer(&ledger.hold(event, family_quoted(fen)).unwrap())
    };
    assert_eq!(family_hold("h1", "p1", 70_00), "H0000000000000001 promises 7000");
    assert_eq!(family_hold("h2", "p2", 70_00), "H0000000000000002 promises 3000");
    assert_eq!(family_hold("h3", "p1", 70_00), "H0000000000000003 promises 0");
    let alone = ledger.seen(&person("p2"), None, &message(""), "x", NOW).unwrap();
    assert!(alone.reserved.is_empty(), "nothing of the family without it");
    ledger.verify().unwrap();
}

#[test]
fn holds_outlive_a_restart_and_lost_tables() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(dir.path());
    // expired before the next one of the person: its reservation goes with that one
    let old = HoldEvent { until_ms: NOW + 1, ..hold_event("h0", "p", "v0", 20_00) };
    hold(&ledger, old, 20_00);
    let event = HoldEvent { booked_at_ms: NOW + 2, ..hold_event("h1", "p", "v1", 160_00) };
    let id = hold(&ledger, event, 160_00);
    let settled = settle(&ledger, "m5", "p", "v5", 2_00);
    cancel(&ledger, "c5", "p", &settled).unwrap();
    let before = (ledger.held("zj", &id).unwrap().unwrap(), ledger.verify().unwrap());
    let seen = |ledger: &Ledger| ledger.seen(&person("p"), None, &message(""), "x", NOW + 3).unwrap();
    let reserved = seen(&ledger);
    assert_eq!(reserved.reserved[&paid_key(2026)].amount.units(), 80_00);
    for lose_tables in [false, true] {
        drop(ledger);
        if lose_tables {
            std::fs::remove_dir_all(dir.path().join("tables")).unwrap();
        }
        ledger = open(dir.path());
        assert_eq!((ledger.held("zj", &id).unwrap().unwrap(), ledger.verify().unwrap()), before);
        assert_eq!(seen(&ledger), reserved);
    }
    let kept = settle_at(&ledger, ("m1", "p", "v1"), 160_00, Some(&id), NOW + 3).unwrap();
    assert!(answer(&kept).contains("pays 8000 of"));
    assert!(ledger.held("other", &id).unwrap().is_none());
}
