//! Erasing persons: what is gone, what still proves itself, and what can be booked behind it.

// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used, clippy::panic)]

mod hospital;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::Path;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Accumulators, Measure, Money, Owner, Term};
use bedside_ledger::*;
use bedside_receipt::{Entry as Leaf, answer_hash, merkle};
use hospital::*;

const ALICE: &str = "330100197001011234";
const BOB: &str = "330100198002022345";
const CAROL: &str = "330100199003033456";

fn small(dir: &Path) -> Ledger {
    Ledger::open(LedgerConfig { segment_bytes: 4096, ..config(dir) }).unwrap()
}

fn family_key() -> AccumulatorKey {
    AccumulatorKey {
        owner: Owner::Family("F1".into()),
        term: Term::Lifetime,
        ..AccumulatorKey::of_year(2026, "zj/demo".into(), "family".into(), Measure::Paid)
    }
}

/// Half up to the person's cap, and one yuan more of what the family has used up.
fn with_family(fen: i64) -> impl Fn(&Seen, &Assigned) -> Result<Decision, Infallible> + Send + 'static {
    let half = halves(2026, fen);
    move |seen, assigned| {
        let mut decision = half(seen, assigned)?;
        let before = seen.booked.get(&family_key());
        let after = Money::from_units(before.units() + 1_00);
        decision.accumulators.push(AccumulatorChange { key: family_key(), before, after });
        Ok(decision)
    }
}

fn of_family(ledger: &Ledger, msgid: &str, psn_no: &str, mdtrt_id: &str, fen: i64) -> String {
    let event = SettleEvent { family_no: Some("F1".into()), ..settle_event(msgid, psn_no, mdtrt_id, fen) };
    ledger.settle(event, with_family(fen)).unwrap().receipt().setl_id.to_string()
}

/// Three persons, two of them one family: settlements, a cancellation, a reversal, tombstones.
fn book(ledger: &Ledger) {
    for round in 0..8 {
        for psn_no in [ALICE, BOB, CAROL] {
            let id = format!("{round}-{}", &psn_no[6..10]);
            let setl_id = match psn_no {
                CAROL => settle(ledger, &id, psn_no, &format!("visit-{id}"), 9_00),
                _ => of_family(ledger, &id, psn_no, &format!("visit-{id}"), 9_00),
            };
            match round {
                2 => drop(cancel(ledger, &format!("c{id}"), psn_no, &setl_id).unwrap()),
                4 => drop(reverse(ledger, &format!("r{id}"), psn_no, &id).unwrap()),
                6 => drop(reverse(ledger, &format!("r{id}"), psn_no, &format!("never-{id}")).unwrap()),
                _ => {}
            }
        }
    }
}

/// Each person's records, and the receipt of each record.
fn all(ledger: &Ledger) -> (BTreeMap<String, Vec<Record>>, BTreeMap<u64, Evidence>) {
    let size = ledger.tree().unwrap().size;
    let (mut records, mut evidence) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
    for item in ledger.records() {
        let record = item.unwrap().1;
        if let Some(found) = ledger.evidence(&record.message, size).unwrap() {
            evidence.insert(record.sequence, found);
        }
        records.entry(record.person.psn_no.to_string()).or_default().push(record);
    }
    (records, evidence)
}

#[test]
fn the_content_is_gone_and_everything_else_stands() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let ledger = small(&from);
    book(&ledger);
    let (tree, before) = (ledger.tree().unwrap(), ledger.verify().unwrap());
    let (records, receipts) = all(&ledger);
    let family = ledger.accumulators_with_family(&person(BOB), "F1").unwrap();
    assert!(matches!(erase(&from, &to, &[ALICE]), Err(EraseError::Live)));
    drop(ledger);

    let count = records[ALICE].len() as u64;
    assert_eq!(erase(&from, &to, &[ALICE]).unwrap().erased, count);
    let ledger = small(&to);
    let after = ledger.verify().unwrap();
    assert_eq!((after.erased, after.persons), (count, 2));
    assert_eq!(Verification { erased: 0, persons: 3, ..after }, before, "chain, tree, counts and all sums");
    assert_eq!(ledger.tree().unwrap(), tree);

    // nothing of her is in any file: neither number, nor visit, nor what she asked and was answered
    let of_alice = &records[ALICE];
    for text in [ALICE, "visit-0-1970", &String::from_utf8(of_alice[0].request.clone()).unwrap()] {
        assert!(is_found(text, &from) && !is_found(text, &to), "{text}");
    }
    assert!(is_found(BOB, &to));
    let (now, receipts_now) = all(&ledger);
    assert_eq!((&now[BOB], &now[CAROL]), (&records[BOB], &records[CAROL]));
    for record in now.values().flatten().filter(|record| record.is_erased()) {
        let was = of_alice.iter().find(|it| it.sequence == record.sequence).unwrap();
        assert_eq!(
            (&record.message, &record.entry, &record.postings),
            (&was.message, &was.entry, &was.postings)
        );
        assert_eq!((record.request.len(), record.answer.len()), (0, 0));
        assert!(record.accumulators.iter().all(|it| it.key == family_key()));
    }
    assert_eq!(ledger.accumulators_with_family(&person(BOB), "F1").unwrap(), family);
    assert_eq!(ledger.accumulators(&person(ALICE)).unwrap(), Accumulators::default());

    // whoever has a receipt can still prove it, hers too; new ones of hers there are none
    for (sequence, receipt) in &receipts {
        let record = records.values().flatten().find(|it| it.sequence == *sequence).unwrap();
        let entry = Leaf {
            sequence: *sequence,
            booked_at_ms: receipt.booked_at_ms,
            answer_hash: answer_hash(&receipt.salt, &record.answer),
            record_hash: receipt.record_hash,
        };
        let leaf = merkle::leaf_hash(&entry.encode());
        assert!(merkle::includes(&tree.root, tree.size, sequence - 1, &leaf, &receipt.inclusion));
        let kept = (&*record.person.psn_no != ALICE).then_some(receipt);
        assert_eq!(receipts_now.get(sequence), kept);
    }
}

#[test]
fn an_erased_message_is_never_booked_again_and_booking_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to, further) = (dir.path().join("from"), dir.path().join("to"), dir.path().join("further"));
    let ledger = small(&from);
    book(&ledger);
    drop(ledger);
    erase(&from, &to, &[ALICE]).unwrap();
    let ledger = small(&to);
    let again = ledger.settle(settle_event("0-1970", ALICE, "visit-0-1970", 9_00), halves(2026, 9_00));
    assert!(
        matches!(&again, Err(SettleError::NotBooked(NotBooked::Erased { setl_id })) if &**setl_id == "S0000000000000001"),
        "{again:?}"
    );
    let empty = SettleEvent { request: Vec::new(), ..settle_event("0-1970", ALICE, "v", 1) };
    assert!(matches!(
        ledger.settle(empty, halves(2026, 1)),
        Err(SettleError::NotBooked(NotBooked::Erased { .. }))
    ));
    let other = ledger.cancel(cancel_event("c2-1970", ALICE, "S0000000000000007"), agree);
    assert!(matches!(other, Err(CancelError::NotBooked(NotBooked::Erased { .. }))), "{other:?}");
    let undone = reverse(&ledger, "r-new", ALICE, "0-1970");
    assert!(matches!(undone, Err(ReverseError::NotBooked(NotBooked::Erased { .. }))), "{undone:?}");
    assert!(matches!(cancel(&ledger, "c-new", ALICE, "S0000000000000001"), Err(CancelError::NotFound)));
    let pretended = cancel(&ledger, "c-new", "<erased 1>", "S0000000000000001");
    assert!(pretended.is_err(), "{pretended:?}");
    // what she barred stays barred
    let late = ledger.settle(settle_event("never-6-1970", ALICE, "v", 1_00), halves(2026, 1_00));
    assert!(matches!(late, Err(SettleError::NotBooked(NotBooked::Reversed { .. }))), "{late:?}");
    assert!(ledger.message(&message("0-1970")).unwrap().is_some_and(|message| message.is_erased));
    assert_eq!(ledger.settlement("zj", "S0000000000000001").unwrap(), None);

    // the family goes on where it stood, behind her settlements too
    let booked = of_family(&ledger, "new", BOB, "visit-new", 3_00);
    cancel(&ledger, "c-bob", BOB, &booked).unwrap();
    of_family(&ledger, "new2", BOB, "visit-new", 3_00);
    let (tree, verified) = (ledger.tree().unwrap(), ledger.verify().unwrap());
    drop(ledger);
    fs::remove_dir_all(to.join("tables")).unwrap();
    let ledger = small(&to);
    assert_eq!((ledger.tree().unwrap(), ledger.verify().unwrap()), (tree, verified));
    drop(ledger);

    // another one is erased from what is left, and a backup of that is the same ledger
    erase(&to, &further, &[BOB]).unwrap();
    let copied = copy_ledger(&further, &dir.path().join("backup"), Point::End, |_| {}).unwrap();
    let ledger = small(&dir.path().join("backup"));
    assert_eq!((ledger.tree().unwrap(), ledger.verify().unwrap().hash), (tree, copied.hash));
    assert!(!is_found(BOB, &further));
}

#[test]
fn no_amount_of_an_erased_record_can_be_changed() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let ledger = small(&from);
    book(&ledger);
    drop(ledger);
    erase(&from, &to, &[ALICE]).unwrap();
    let file = to.join("journal/0000000001.journal");
    let whole = fs::read(&file).unwrap();
    let seed = u32::from_le_bytes(whole[60..64].try_into().unwrap());
    // The first record is hers and is erased: every byte behind the head, its checksum mended each time.
    let end = 64 + 52 + u32::from_le_bytes(whole[64..68].try_into().unwrap()) as usize;
    assert_eq!(whole[64 + 52], 0x84);
    for at in 64 + 52..end {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let crc = crc32c::crc32c_append(crc32c::crc32c_append(seed, &bytes[64..68]), &bytes[72..end]);
        bytes[68..72].copy_from_slice(&crc.to_le_bytes());
        fs::write(&file, bytes).unwrap();
        assert!(verify_journal(&to, |_| {}).is_err(), "byte {at}");
    }
}

#[test]
fn nobody_is_erased_by_halves() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let ledger = small(&from);
    book(&ledger);
    drop(ledger);
    let unknown = erase(&from, &to, &[ALICE, "nobody"]);
    assert!(matches!(unknown, Err(EraseError::NotFound { count: 1 })), "{unknown:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

    // of releases that hashed every byte, and every byte of a correction
    for (version, psn_no, record) in [("v2", "3301000", 1), ("v4", "3301008", 56)] {
        let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/ledgers").join(version);
        let too_old = erase(&old, &to, &[psn_no]);
        assert!(
            matches!(too_old, Err(EraseError::NotErasable { sequence, .. }) if sequence == record),
            "{too_old:?}"
        );
    }
    assert!(!to.exists());
}

fn row(register: u8, subject: &str, content: &str) -> RegisterRow {
    let span = bedside_claim::Span { from: None, until: None };
    RegisterRow { register, subject: subject.into(), item: "insured".into(), span, content: content.into() }
}

fn import(ledger: &Ledger, msgid: &str, rows: Vec<RegisterRow>) {
    let event = RegisterEvent {
        message: MessageKey { tenant: "zj".into(), fixmedins_code: "".into(), msgid: msgid.into() },
        booked_at_ms: 1_780_000_000_000,
        request: msgid.into(),
        rows,
    };
    ledger.register(event).unwrap();
}

fn says(ledger: &Ledger, register: u8, subject: &str) -> Vec<Vec<u8>> {
    let rows = ledger.standing_rows("zj", register, subject).unwrap();
    rows.into_iter().map(|row| row.content).collect()
}

/// A chunk of a register has rows of many persons: hers go, and the others prove what they proved.
#[test]
fn rows_of_a_register_are_erased_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to, further) = (dir.path().join("from"), dir.path().join("to"), dir.path().join("further"));
    let ledger = small(&from);
    import(
        &ledger,
        "one",
        vec![row(1, ALICE, "alice"), row(1, BOB, "bob"), row(2, ALICE, "a hospital of that name")],
    );
    book(&ledger);
    import(&ledger, "two", vec![row(1, BOB, "bob again"), row(1, CAROL, "carol")]);
    let (tree, receipts) = (ledger.tree().unwrap(), all(&ledger).1);
    drop(ledger);

    // whoever is named in a row that is not about her is not erased by halves
    let named = erase(&from, &to, &[ALICE]);
    assert!(matches!(named, Err(EraseError::StillNamed { sequence: 1, .. })), "{named:?}");
    erase(&from, &to, &[CAROL]).unwrap();
    assert!(!is_found(CAROL, &to) && !is_found("carol", &to) && is_found("bob again", &to));
    let ledger = small(&to);
    assert_eq!((ledger.tree().unwrap(), ledger.verify().unwrap().imports), (tree, 2));
    assert_eq!(says(&ledger, 1, CAROL), Vec::<Vec<u8>>::new());
    assert_eq!(
        (says(&ledger, 1, BOB), says(&ledger, 1, ALICE)),
        (vec![b"bob again".to_vec()], vec![b"alice".to_vec()])
    );
    let last = tree.size;
    assert_eq!(all(&ledger).1.get(&last), receipts.get(&last), "the receipt of a chunk that lost a row");
    // the tables made again, the chunk imported again, a second person erased from what is left
    drop(ledger);
    fs::remove_dir_all(to.join("tables")).unwrap();
    let ledger = small(&to);
    assert_eq!(ledger.tree().unwrap(), tree);
    import(&ledger, "three", vec![row(1, CAROL, "carol is insured again")]);
    assert_eq!(says(&ledger, 1, CAROL).len(), 1);
    drop(ledger);
    erase(&to, &further, &[BOB, CAROL]).unwrap();
    assert!(!is_found(CAROL, &further) && !is_found(BOB, &further) && is_found(ALICE, &further));
    small(&further).verify().unwrap();
}

/// A person without any record but rows of a register.
#[test]
fn whoever_never_was_ill_is_erased_too() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let ledger = small(&from);
    import(&ledger, "one", vec![row(1, ALICE, "alice"), row(1, BOB, "bob")]);
    drop(ledger);
    assert_eq!(erase(&from, &to, &[ALICE]).unwrap().erased, 1);
    assert!(!is_found(ALICE, &to) && is_found(BOB, &to));
    assert_eq!(small(&to).verify().unwrap().erased, 1);
}

/// What other records say of a person keeps all of it where it is.
#[test]
fn whoever_is_named_elsewhere_is_not_erased() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let ledger = small(&from);
    book(&ledger);
    let event = settle_event("names", BOB, "visit-names", 1_00);
    let request = format!("the bill of {BOB}, whose mother is {ALICE}").into_bytes();
    ledger.settle(SettleEvent { request, ..event }, halves(2026, 1_00)).unwrap();
    let records = ledger.verify().unwrap().records;
    drop(ledger);
    let named = erase(&from, &to, &[ALICE]);
    assert!(
        matches!(named, Err(EraseError::StillNamed { sequence, .. }) if sequence == records),
        "{named:?}"
    );
    assert!(!to.exists());
    erase(&from, &to, &[ALICE, BOB]).unwrap();
    assert_eq!(small(&to).verify().unwrap().persons, 1);
}

/// A stay and a hold of hers go like all else, and their messages stay used up.
#[test]
fn stays_and_holds_are_erased() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let ledger = small(&from);
    let call = |msgid: &str, kind, request: &str, lines: StayLines| {
        let event = StayEvent {
            message: message(msgid),
            person: person(ALICE),
            mdtrt_id: Some("visit-stay".into()),
            kind,
            lines,
            version: None,
            booked_at_ms: 1_780_000_000_000,
            request: request.into(),
        };
        ledger.stay(event, |_| Ok::<_, Infallible>(b"taken".to_vec()))
    };
    let none = || StayLines::These(Vec::new());
    call("admit", StayKind::Admit, "admitted", none()).unwrap();
    let line = StayLine { feedetl_sn: "line-of-hers".into(), refunds: None };
    call("fees", StayKind::FeesIn, "her fees", StayLines::These(vec![line])).unwrap();
    let event = HoldEvent {
        message: message("hold"),
        person: person(ALICE),
        family_no: None,
        mdtrt_id: "visit-held".into(),
        until_ms: 1_780_000_900_000,
        booked_at_ms: 1_780_000_000_000,
        request: b"her quote".to_vec(),
        stay: None,
    };
    let quote = |_: &Seen, _: &Assigned| {
        Ok::<_, Infallible>(Quote { accumulators: Vec::new(), answer: b"quoted".to_vec() })
    };
    ledger.hold(event.clone(), quote).unwrap();
    ledger.reverse(reverse_event("release", ALICE, "hold", MessageKind::Hold), undo_or_bar).unwrap();
    let (tree, before) = (ledger.tree().unwrap(), ledger.verify().unwrap());
    assert_eq!((before.stay_calls, before.holds), (2, 1));
    drop(ledger);
    erase(&from, &to, &[ALICE]).unwrap();
    for text in [ALICE, "visit-stay", "line-of-hers", "visit-held", "her quote", "her fees"] {
        assert!(is_found(text, &from) && !is_found(text, &to), "{text}");
    }
    let ledger = small(&to);
    let after = ledger.verify().unwrap();
    assert_eq!((after.erased, after.stay_calls, after.holds, after.hash), (4, 0, 0, before.hash));
    assert_eq!(ledger.tree().unwrap(), tree);
    let again = ledger.hold(event, quote);
    assert!(matches!(again, Err(SettleError::NotBooked(NotBooked::Erased { .. }))), "{again:?}");
    for (msgid, kind) in [
        ("hold", MessageKind::Hold),
        ("release", MessageKind::Reverse),
        ("fees", MessageKind::Stay(StayKind::FeesIn)),
    ] {
        let stored = ledger.message(&message(msgid)).unwrap().unwrap();
        assert!(stored.is_erased && stored.kind == kind, "{msgid}");
        let undone = ledger.reverse(reverse_event(&format!("r-{msgid}"), ALICE, msgid, kind), undo_or_bar);
        assert!(matches!(undone, Err(ReverseError::NotBooked(NotBooked::Erased { .. }))), "{undone:?}");
    }
}

/// What a family uses up over one visit has the visit's number in its key, and goes with the visit.
#[test]
fn a_visit_in_a_familys_accumulator_is_erased() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let ledger = small(&from);
    let key = AccumulatorKey { term: Term::Visit("H1/MDTRT-777".into()), ..family_key() };
    let half = halves(2026, 9_00);
    let decide = move |seen: &Seen, assigned: &Assigned| {
        let mut decision = half(seen, assigned)?;
        let change =
            AccumulatorChange { key: key.clone(), before: Money::ZERO, after: Money::from_units(1_00) };
        decision.accumulators.push(change);
        Ok::<_, Infallible>(decision)
    };
    let event = SettleEvent { family_no: Some("F1".into()), ..settle_event("m1", ALICE, "MDTRT-777", 9_00) };
    let booked = ledger.settle(event, decide).unwrap();
    of_family(&ledger, "m2", BOB, "visit-bob", 9_00);
    cancel(&ledger, "c1", ALICE, &booked.receipt().setl_id).unwrap();
    let (tree, family) =
        (ledger.tree().unwrap(), ledger.accumulators_with_family(&person(BOB), "F1").unwrap());
    drop(ledger);
    erase(&from, &to, &[ALICE]).unwrap();
    assert!(is_found("MDTRT-777", &from) && !is_found("MDTRT-777", &to));
    let ledger = small(&to);
    ledger.verify().unwrap();
    assert_eq!(
        (ledger.tree().unwrap(), ledger.accumulators_with_family(&person(BOB), "F1").unwrap()),
        (tree, family)
    );
}

/// What must be kept of a record may have been made of the person's number.
#[test]
fn a_number_in_what_is_kept_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for (at, msgid, family_no) in
        [("msgid", format!("{ALICE}-001"), "F1"), ("family", "m1".to_owned(), ALICE)]
    {
        let (from, to) = (dir.path().join(at), dir.path().join("to"));
        let ledger = small(&from);
        let key = AccumulatorKey { owner: Owner::Family(family_no.into()), ..family_key() };
        let half = halves(2026, 9_00);
        let decide = move |seen: &Seen, assigned: &Assigned| {
            let mut decision = half(seen, assigned)?;
            let change =
                AccumulatorChange { key: key.clone(), before: Money::ZERO, after: Money::from_units(1_00) };
            decision.accumulators.push(change);
            Ok::<_, Infallible>(decision)
        };
        let event =
            SettleEvent { family_no: Some(family_no.into()), ..settle_event(&msgid, ALICE, "v1", 9_00) };
        ledger.settle(event, decide).unwrap();
        drop(ledger);
        let refused = erase(&from, &to, &[ALICE]);
        assert!(matches!(refused, Err(EraseError::KeptNames { sequence: 1, .. })), "{refused:?}");
        assert!(!to.exists());
    }
}
