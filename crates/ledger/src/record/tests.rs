use super::*;
use crate::correction::{NetChange, Turn};
use crate::register::RegisterRow;
use crate::stay::{StayKind, StayLine};
use bedside_claim::Span;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Arc<str>> {
    "[\\PC]{0,40}".prop_map(|text| Arc::from(text.as_str()))
}

fn money() -> impl Strategy<Value = Money> {
    any::<i64>().prop_map(Money::from_units)
}

fn key() -> impl Strategy<Value = AccumulatorKey> {
    let owner = prop_oneof![Just(Owner::Person), text().prop_map(Owner::Family)];
    let date = (any::<i16>(), 1i8..=12, 1i8..=31).prop_filter_map("a date", |(year, month, day)| {
        Date::new(year, month, day).ok().map(Term::PolicyPeriod)
    });
    let term = prop_oneof![
        4 => any::<i16>().prop_map(Term::Year),
        1 => date,
        2 => text().prop_map(Term::Event),
        1 => Just(Term::Lifetime)
    ];
    (owner, term, text(), text(), 0usize..Measure::ALL.len(), text()).prop_map(
        |(owner, term, pack, benefit, measure, subject)| AccumulatorKey {
            owner,
            term,
            pack,
            benefit,
            measure: Measure::ALL[measure],
            subject,
        },
    )
}

fn change() -> impl Strategy<Value = AccumulatorChange> {
    (key(), money(), money()).prop_map(|(key, before, after)| AccumulatorChange { key, before, after })
}

prop_compose! {
    fn terms()(
        until_ms in any::<i64>(),
        family_no in proptest::option::of("[a-z]{1,9}"),
        quoted in proptest::collection::vec(change(), 0..4),
        seen in proptest::collection::vec((key(), money()), 0..4),
    ) -> HoldTerms {
        let mut accumulators = bedside_claim::Accumulators::default();
        seen.into_iter().for_each(|(key, value)| accumulators.set(key, value));
        HoldTerms { until_ms, family_no: family_no.map(Arc::from), quoted, seen: accumulators }
    }
}

fn recorded() -> impl Strategy<Value = RecordedRow> {
    let whole = (row(), any::<[u8; 16]>()).prop_map(|(row, salt)| RecordedRow::Whole { row, salt });
    prop_oneof![4 => whole, 1 => any::<[u8; 32]>().prop_map(|hash| RecordedRow::Erased { hash })]
}

fn row() -> impl Strategy<Value = RegisterRow> {
    let from = proptest::option::of((1900i16..2100, 1i8..=12, 1i8..=28));
    (any::<u8>(), text(), text(), from, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..20))
        .prop_map(|(register, subject, item, from, ends, content)| {
            let from = from.map(|(year, month, day)| Date::new(year, month, day).unwrap());
            let until = from.filter(|_| ends).and_then(|from| from.tomorrow().ok());
            RegisterRow { register, subject, item, span: Span { from, until }, content }
        })
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        Just(Entry::Settlement),
        any::<u64>().prop_map(|of| Entry::Cancellation { of }),
        any::<u64>().prop_map(|of| Entry::Reversal { of }),
        text().prop_map(|omsgid| Entry::Tombstone { omsgid }),
        correction().prop_map(|correction| Entry::Correction(Box::new(correction))),
        proptest::collection::vec(recorded(), 0..4).prop_map(|rows| Entry::Register { rows }),
        terms().prop_map(|terms| Entry::Hold(Box::new(terms))),
        stay_change().prop_map(Entry::Stay),
    ]
}

fn postings() -> impl Strategy<Value = Vec<Posting>> {
    let posting = (text(), money()).prop_map(|(account, amount)| Posting { account, amount });
    proptest::collection::vec(posting, 0..3)
}

prop_compose! {
    fn version()(
        numbers in any::<(u32, u64, i16)>(),
        medfee_sumamt in money(),
        postings in postings(),
        net in postings(),
        accumulators in proptest::collection::vec(change(), 0..3),
        bill in proptest::collection::vec(any::<u8>(), 0..20),
        answer in proptest::collection::vec(any::<u8>(), 0..20),
    ) -> Box<Version> {
        let (number, replaces, benefit_year) = numbers;
        let answer = Arc::from(answer);
        Box::new(Version {
            number, replaces, benefit_year, medfee_sumamt, postings, net, accumulators, bill, answer
        })
    }
}

fn correction() -> impl Strategy<Value = Correction> {
    let turn = (any::<u64>(), text(), proptest::option::of(version()))
        .prop_map(|(sequence, psn_no, new)| Turn { sequence, psn_no, new });
    let net = (text(), change()).prop_map(|(psn_no, change)| NetChange { psn_no, change });
    let turns = proptest::collection::vec(turn, 0..3);
    (any::<u64>(), turns, proptest::collection::vec(net, 0..3)).prop_map(|(of, turns, net)| Correction {
        of,
        turns,
        net,
    })
}

prop_compose! {
    fn stay_change()(
        kind in 0usize..StayKind::ALL.len(),
        reverses in proptest::option::of(1u64..),
        lines in proptest::collection::vec((text(), proptest::option::of("[a-z0-9]{1,9}")), 0..5),
    ) -> StayChange {
        let line = |(feedetl_sn, refunds): (Arc<str>, Option<String>)| StayLine {
            feedetl_sn,
            refunds: refunds.map(Arc::from),
        };
        StayChange { kind: StayKind::ALL[kind], reverses, lines: lines.into_iter().map(line).collect() }
    }
}

prop_compose! {
    fn record()(
        sequence in any::<u64>(),
        entry in entry(),
        ids in proptest::array::uniform6(text()),
        numbers in (any::<i64>(), any::<i16>(), money()),
        postings in proptest::collection::vec((text(), money()), 0..5),
        accumulators in proptest::collection::vec(change(), 0..5),
        request in proptest::collection::vec(any::<u8>(), 0..200),
        answer in proptest::collection::vec(any::<u8>(), 0..200),
        part in proptest::option::of(prop_oneof![Just(StayPart::MidStay), Just(StayPart::Final)]),
        salt in prop_oneof![Just(Salt::None), any::<[u8; 32]>().prop_map(Salt::Of)],
        bill in proptest::collection::vec(any::<u8>(), 0..50),
    ) -> Record {
        let [tenant, fixmedins_code, msgid, person_tenant, psn_no, mdtrt_id] = ids;
        // What came with version 4 always has a salt.
        let is_new = matches!(
            entry,
            Entry::Stay(_) | Entry::Hold(_) | Entry::Correction(_) | Entry::Register { .. }
        );
        let salt = if is_new && salt == Salt::None { Salt::Of([7; 32]) } else { salt };
        let part = part.filter(|_| entry.has_part() && salt != Salt::None);
        let bill = if salt == Salt::None { Vec::new() } else { bill };
        Record {
            sequence,
            entry,
            message: MessageKey { tenant, fixmedins_code, msgid },
            person: PersonKey { tenant: person_tenant, psn_no },
            mdtrt_id,
            booked_at_ms: numbers.0,
            benefit_year: numbers.1,
            medfee_sumamt: numbers.2,
            postings: postings.into_iter().map(|(account, amount)| Posting { account, amount }).collect(),
            accumulators,
            request,
            answer: Arc::from(answer),
            salt,
            part,
            bill,
        }
    }
}

proptest! {
    #[test]
    fn round_trips(record in record()) {
        let payload = record.encode().unwrap();
        prop_assert_eq!(&Record::decode(record.sequence, &payload).unwrap(), &record);
        // every strict prefix and every extension is malformed
        for length in 0..payload.len() {
            prop_assert!(Record::decode(1, &payload[..length]).is_err());
        }
        let mut longer = payload;
        longer.push(0);
        prop_assert_eq!(Record::decode(1, &longer), Err(Malformed("record")));
    }

    #[test]
    fn what_is_left_of_a_record_has_its_imprint(record in record()) {
        let payload = record.encode().unwrap();
        prop_assert_eq!(kept::imprint(1, &payload).is_some(), record.salt != Salt::None);
        let Some(left) = kept::erase(&record, &payload).unwrap() else {
            let stays = matches!(record.entry, Entry::Register { .. });
            prop_assert!(record.salt == Salt::None || stays);
            return Ok(());
        };
        let erased = Record::decode(record.sequence, &left).unwrap();
        prop_assert_eq!(erased.encode().unwrap(), left.clone());
        prop_assert_eq!(kept::imprint(record.sequence, &left), kept::imprint(record.sequence, &payload));
        prop_assert_eq!(kept::erase(&erased, &left).unwrap(), Some(left));
        prop_assert!(erased.is_erased() && erased.postings == record.postings);
    }

    #[test]
    fn a_record_without_some_rows_has_its_imprint(record in record(), rows in proptest::collection::vec(recorded(), 1..6), going in any::<u8>()) {
        let whole = Record { entry: Entry::Register { rows: rows.clone() }, salt: Salt::Of([7; 32]), part: None, ..record };
        let left = rows.iter().enumerate().map(|(at, row)| if going >> at & 1 == 1 { row.erased().unwrap() } else { row.clone() });
        let left = Record { entry: Entry::Register { rows: left.collect() }, ..whole.clone() };
        let (whole, bytes) = (whole.encode().unwrap(), left.encode().unwrap());
        prop_assert_eq!(kept::imprint(1, &bytes), kept::imprint(1, &whole));
        prop_assert_eq!(Record::decode(left.sequence, &bytes).unwrap(), left);
    }

    #[test]
    fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), entry in 0u8..9) {
        let _ = Record::decode(1, &bytes);
        for version in (VERSION_OF_YEARS..=VERSION_OF_CORRECTIONS).chain([ERASED, ERASED_CORRECTION]) {
            if bytes.len() > 2 {
                (bytes[0], bytes[1]) = (version, entry);
                let _ = Record::decode(1, &bytes);
            }
        }
    }

    #[test]
    fn no_damaged_record_panics(record in record(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut payload = record.encode().unwrap();
        let at = at.index(payload.len());
        payload[at] = byte;
        // A correction of version 4 is written with version 5.
        let is_of_now = payload[0] > VERSION_OF_YEARS && (payload[0], payload[1]) != (VERSION, CORRECTION);
        if is_of_now && let Ok(decoded) = Record::decode(record.sequence, &payload) {
            prop_assert_eq!(decoded.encode().unwrap(), payload);
        }
    }
}

fn hex(parts: &[&str]) -> Vec<u8> {
    let digits = parts.concat();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn cancellation(accumulators: Vec<AccumulatorChange>) -> Record {
    Record {
        sequence: 7,
        entry: Entry::Cancellation { of: 5 },
        message: MessageKey { tenant: "t".into(), fixmedins_code: "H1".into(), msgid: "m".into() },
        person: PersonKey { tenant: "t".into(), psn_no: "p".into() },
        mdtrt_id: "v".into(),
        booked_at_ms: 1,
        benefit_year: 2026,
        medfee_sumamt: Money::from_units(-2),
        postings: vec![Posting { account: "cash".into(), amount: Money::from_units(-2) }],
        accumulators,
        request: b"req".to_vec(),
        answer: Arc::from(*b"ok"),
        salt: Salt::None,
        part: None,
        bill: Vec::new(),
    }
}

const BEFORE_THE_ACCUMULATORS: [&str; 13] = [
    "02",
    "0500000000000000",
    "0100000000000000",
    "ea07",
    "feffffffffffffff",
    "0174",
    "024831",
    "016d",
    "0174",
    "0170",
    "0176",
    "01000000",
    "0463617368feffffffffffffff",
];
const AMOUNTS: &str = "03000000000000000000000000000000";
const BEHIND: &str = "03000000726571020000006f6b";

fn change_of(key: AccumulatorKey) -> AccumulatorChange {
    AccumulatorChange { key, before: Money::from_units(3), after: Money::ZERO }
}

/// Version 1 as it lies on disks: it is read for ever, and never written again.
#[test]
fn version_1_was_these_bytes() {
    let head = BEFORE_THE_ACCUMULATORS.concat();
    let key = AccumulatorKey::of_year(2026, "a/b".into(), "x".into(), Measure::Paid);
    let payload = hex(&["01", &head, "01000000", "ea07", "03612f62", "0178", "03", AMOUNTS, BEHIND]);
    assert_eq!(Record::decode(7, &payload).unwrap(), cancellation(vec![change_of(key)]));
    let no_such_measure = hex(&["01", &head, "01000000", "ea07", "03612f62", "0178", "04", AMOUNTS, BEHIND]);
    assert_eq!(Record::decode(7, &no_such_measure), Err(Malformed("measure")));
}

/// Version 2 as it lies on disks: it is read for ever.
#[test]
fn version_2_was_these_bytes() {
    let head = BEFORE_THE_ACCUMULATORS.concat();
    let of_year = AccumulatorKey::of_year(2026, "a/b".into(), "x".into(), Measure::Paid);
    let key = |owner: Owner, term: Term, measure: Measure, subject: &str| {
        change_of(AccumulatorKey { owner, term, measure, subject: subject.into(), ..of_year.clone() })
    };
    let date = Date::new(2026, 7, 31).unwrap();
    let record = cancellation(vec![
        change_of(of_year.clone()),
        key(Owner::Family("F".into()), Term::PolicyPeriod(date), Measure::Counted, "MRI"),
        key(Owner::Person, Term::Event("E1".into()), Measure::Days, ""),
        key(Owner::Person, Term::Lifetime, Measure::Times, ""),
    ]);
    let expected = hex(&[
        "02", &head, "04000000", "00", "00", "ea07", "03612f62", "0178", "03", "00", AMOUNTS, "01", "0146",
        "01", "ea07", "07", "1f", "03612f62", "0178", "04", "034d5249", AMOUNTS, "00", "02", "024531",
        "03612f62", "0178", "06", "00", AMOUNTS, "00", "03", "03612f62", "0178", "05", "00", AMOUNTS, BEHIND,
    ]);
    assert_eq!(record.encode().unwrap(), expected);
    assert_eq!(Record::decode(7, &expected).unwrap(), record);
}

/// Version 3 as it lies on disks: what version 2 does not have, and nothing that it has. It is read for ever.
#[test]
fn version_3_was_these_bytes() {
    let behind_the_entry = BEFORE_THE_ACCUMULATORS[2..].concat();
    let mut record = Record { entry: Entry::Reversal { of: 5 }, ..cancellation(Vec::new()) };
    let reversal = hex(&["03", "03", "0500000000000000", &behind_the_entry, "00000000", BEHIND]);
    assert_eq!(record.encode().unwrap(), reversal);
    assert_eq!(Record::decode(7, &reversal).unwrap(), record);
    record.entry = Entry::Tombstone { omsgid: "m0".into() };
    let tombstone = hex(&["03", "04", "026d30", &behind_the_entry, "00000000", BEHIND]);
    assert_eq!(record.encode().unwrap(), tombstone);
    assert_eq!(Record::decode(7, &tombstone).unwrap(), record);
    for (version, entry) in [("03", "02"), ("02", "03"), ("01", "03")] {
        let other = hex(&[version, entry, "0500000000000000", &behind_the_entry, "00000000", BEHIND]);
        assert_eq!(Record::decode(7, &other), Err(Malformed("entry")), "{version} {entry}");
    }
}

/// Version 4 as it lies on disks: every entry, a part, a bill, and a salt. This text changes only together with a new
/// version.
#[test]
fn version_4_is_these_bytes() {
    let behind_the_entry = BEFORE_THE_ACCUMULATORS[2..].concat();
    let key = AccumulatorKey {
        term: Term::Visit("H1/v".into()),
        ..AccumulatorKey::of_year(2026, "a/b".into(), "x".into(), Measure::Paid)
    };
    let mut seen = bedside_claim::Accumulators::default();
    seen.set(key.clone(), Money::from_units(3));
    let terms = HoldTerms { until_ms: 9, family_no: Some("F".into()), quoted: vec![change_of(key)], seen };
    let key = ["00", "04", "0448312f76", "03612f62", "0178", "03", "00"].concat();
    let hold = |seen: &str| {
        ["06", "0900000000000000", "0146", "01000000", &key, AMOUNTS, "01000000", &key, seen].concat()
    };
    let lines = vec![
        StayLine { feedetl_sn: "1".into(), refunds: None },
        StayLine { feedetl_sn: "2".into(), refunds: Some("1".into()) },
    ];
    let stay = StayChange { kind: StayKind::FeesOut, reverses: Some(9), lines };
    let call = ["05", "05", "0900000000000000", "02000000", "0131", "00", "0132", "0131"].concat();
    let whole = |entry| Record { entry, bill: b"b".to_vec(), ..cancellation(Vec::new()) };
    let part = |entry, part| Record { part: Some(part), ..whole(entry) };
    for (record, bytes) in [
        (whole(Entry::Settlement), "0100"),
        (part(Entry::Settlement, StayPart::MidStay), "0101"),
        (part(Entry::Settlement, StayPart::Final), "0102"),
        (whole(Entry::Cancellation { of: 5 }), "02050000000000000000"),
        (part(Entry::Reversal { of: 5 }, StayPart::Final), "03050000000000000002"),
        (whole(Entry::Tombstone { omsgid: "m0".into() }), "04026d30"),
        (whole(Entry::Stay(stay)), &call),
        (whole(Entry::Hold(Box::new(terms))), &hold("0300000000000000")),
    ] {
        let record = Record { salt: Salt::Of([0xAB; 32]), ..record };
        let without = hex(&["04", bytes, &behind_the_entry, "00000000", BEHIND, "01000000", "62"]);
        let expected = [without.as_slice(), &[0xAB; 32]].concat();
        assert_eq!(record.encode().unwrap(), expected);
        assert_eq!(Record::decode(7, &expected).unwrap(), record);
        assert_eq!(Record::decode(7, &without), Err(Malformed("salt")));
    }
    // an accumulator of zero would be a second way to write the same
    let zero = hex(&["04", &hold("0000000000000000"), &behind_the_entry, "00000000", BEHIND, "00000000"]);
    assert_eq!(Record::decode(7, &zero), Err(Malformed("seen")));
    let no_such_part = hex(&["04", "01", "03", &behind_the_entry, "00000000", BEHIND, "00000000"]);
    assert_eq!(Record::decode(7, &no_such_part), Err(Malformed("part")));
}

#[test]
fn a_long_text_is_refused() {
    let mut record = Record::decode(
        1,
        &Record {
            sequence: 1,
            entry: Entry::Settlement,
            message: MessageKey { tenant: "t".into(), fixmedins_code: "H".into(), msgid: "m".into() },
            person: PersonKey { tenant: "t".into(), psn_no: "p".into() },
            mdtrt_id: "v".into(),
            booked_at_ms: 0,
            benefit_year: 0,
            medfee_sumamt: Money::ZERO,
            postings: Vec::new(),
            accumulators: Vec::new(),
            request: Vec::new(),
            answer: Arc::from([]),
            salt: Salt::None,
            part: None,
            bill: Vec::new(),
        }
        .encode()
        .unwrap(),
    )
    .unwrap();
    record.mdtrt_id = Arc::from("x".repeat(255));
    assert!(record.encode().is_ok());
    record.mdtrt_id = Arc::from("x".repeat(256));
    let error = record.encode().unwrap_err();
    assert_eq!(error.to_string(), "`mdtrt_id` has 256 bytes, at most 255 are stored");
}
