//! Corrections that cascade: random histories of a family against a plain model that knows no ledger, and single cases.

// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used, clippy::panic)]

mod clinic;
mod hospital;

use std::collections::{BTreeMap, BTreeSet};

use bedside_claim::Measure;
use bedside_ledger::*;
use clinic::*;
use proptest::prelude::*;

const MEMBERS: [&str; 3] = ["psn-no-0", "psn-no-1", "psn-no-2"];

/// What a bill came to: basic, family, cash.
type Paid = (i64, i64, i64);

/// Everything used so far, by a name that says whose and over what.
type Used = BTreeMap<String, i64>;

/// The clinic's rules once more, on nothing but integers and a map.
fn pay(bill: &Bill, used: &mut Used) -> Paid {
    fn take(used: &mut Used, name: String, limit: i64, wanted: i64) -> i64 {
        let so_far = used.entry(name).or_default();
        let taken = if wanted < limit - *so_far { wanted } else { limit - *so_far };
        *so_far += taken;
        taken
    }
    let year = if bill.settled < 31 { 2026 } else { 2027 };
    let own = |what: &str| format!("{} {year} {what}", bill.psn_no);
    let over = bill.fen - take(used, own("deductible"), 50_00, bill.fen);
    let before = *used.entry(own("base")).or_default();
    *used.get_mut(&own("base")).unwrap() += over;
    // Half of the first 100.00 of a year, eight tenths of the rest.
    let paid_at = |base: i64| {
        let low = if base < 100_00 { base } else { 100_00 };
        low / 2 + (base - low) * 8 / 10
    };
    let basic = take(used, own("paid"), 120_00, paid_at(before + over) - paid_at(before));
    let mut family = 0;
    if let Some(name) = &bill.family {
        let left = bill.fen - basic;
        let over = left - take(used, format!("{name} deductible"), 80_00, left);
        family = take(used, format!("{name} paid"), 60_00, over);
    }
    (basic, family, bill.fen - basic - family)
}

/// The buckets that a bill stands in.
fn buckets(bill: &Bill) -> BTreeSet<String> {
    let own = format!("{} {}", bill.psn_no, if bill.settled < 31 { 2026 } else { 2027 });
    std::iter::once(own).chain(bill.family.clone()).collect()
}

fn service(sequence: u64, bill: &Bill) -> (i64, i64, u64) {
    (bill.ended, bill.settled, sequence)
}

#[derive(Debug, Default)]
struct Model {
    records: u64,
    /// The facts of every settlement that stands, as they are known now.
    bills: BTreeMap<u64, Bill>,
    /// In the order in which they count, the first first.
    order: Vec<u64>,
}

impl Model {
    /// From empty, in their order.
    fn replay(&self, order: &[u64]) -> (BTreeMap<u64, Paid>, Used) {
        let mut used = Used::new();
        let paid = order.iter().map(|it| (*it, pay(&self.bills[it], &mut used))).collect();
        used.retain(|_, amount| *amount != 0);
        (paid, used)
    }

    fn is_blocked(&self, of: u64) -> bool {
        let place = self.order.iter().position(|it| *it == of).unwrap();
        let own = buckets(&self.bills[&of]);
        self.order[place + 1..].iter().any(|it| !own.is_disjoint(&buckets(&self.bills[it])))
    }

    /// By the rule: what shares a bucket with what is touched, and stands above it or is later in service.
    fn correct(&mut self, of: u64, bill: Option<Bill>) {
        let stood: BTreeMap<u64, BTreeSet<String>> =
            self.bills.iter().map(|(sequence, bill)| (*sequence, buckets(bill))).collect();
        let mut stands = stood.clone();
        if let Some(bill) = bill {
            stands.get_mut(&of).unwrap().extend(buckets(&bill));
            self.bills.insert(of, bill);
        }
        let place = |it: u64| self.order.iter().position(|other| *other == it).unwrap();
        let reaches = |known: u64, it: u64| {
            let above = !stood[&known].is_disjoint(&stood[&it]) && place(it) > place(known);
            let later = service(it, &self.bills[&it]) > service(known, &self.bills[&known]);
            above || (later && !stands[&known].is_disjoint(&stood[&it]))
        };
        let mut touched = vec![of];
        loop {
            let next = self
                .order
                .iter()
                .find(|it| !touched.contains(it) && touched.iter().any(|known| reaches(*known, **it)));
            let Some(next) = next else { break };
            touched.push(*next);
        }
        self.order.retain(|it| !touched.contains(it));
        touched.sort_by_key(|it| service(*it, &self.bills[it]));
        self.order.extend(touched);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Settle {
        person: u8,
        in_family: bool,
        ended: i64,
        after: i64,
        fen: i64,
    },
    /// The n-th settlement that stands, modulo how many there are.
    Cancel {
        which: usize,
        reverse: bool,
    },
    Correct {
        which: usize,
        bill: Option<(bool, i64, i64, i64)>,
    },
    Reopen,
    LoseTables,
}

fn step() -> impl Strategy<Value = Step> {
    let facts = || (prop::bool::weighted(0.7), 0i64..50, 0i64..8, 1i64..200_00);
    prop_oneof![
        10 => (0u8..3, facts()).prop_map(|(person, (in_family, ended, after, fen))| Step::Settle {
            person, in_family, ended, after, fen
        }),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(which, reverse)| Step::Cancel { which, reverse }),
        6 => (any::<usize>(), prop::option::weighted(0.8, facts()))
            .prop_map(|(which, bill)| Step::Correct { which, bill }),
        1 => Just(Step::Reopen),
        1 => Just(Step::LoseTables),
    ]
}

fn setl_id(sequence: u64) -> String {
    format!("S{sequence:016}")
}

/// A ledger and its model, which take every step together.
struct Pair {
    dir: tempfile::TempDir,
    ledger: Option<Ledger>,
    model: Model,
    /// How many versions of each settlement there are, and what the newest says.
    newest: BTreeMap<u64, (u32, String)>,
}

impl Pair {
    fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().unwrap()
    }

    fn settle(&mut self, bill: Bill) {
        let msgid = format!("m{}", self.model.records);
        let committed = settle(self.ledger(), &msgid, &bill).unwrap();
        self.model.records += 1;
        let sequence = self.model.records;
        assert_eq!(committed.receipt().sequence, sequence);
        self.model.bills.insert(sequence, bill);
        self.model.order.push(sequence);
        self.newest.insert(sequence, (1, self.told(sequence).1));
    }

    /// Version and answer as the ledger tells them.
    fn told(&self, sequence: u64) -> (u32, String) {
        let booked = self.ledger().settlement("zj", &setl_id(sequence)).unwrap().unwrap();
        (booked.version, String::from_utf8(booked.answer.to_vec()).unwrap())
    }

    fn undo(&mut self, of: u64, by_reversal: bool) {
        let msgid = format!("m{}", self.model.records);
        let psn_no = self.model.bills[&of].psn_no.clone();
        let blocked = if by_reversal {
            let stands = self.ledger().settlement("zj", &setl_id(of)).unwrap().unwrap();
            let event = ReverseEvent {
                message: message(&msgid),
                person: person(&psn_no),
                omsgid: stands.message.msgid.clone(),
                okind: MessageKind::Settle,
                booked_at_ms: 3,
                request: b"reverse".to_vec(),
            };
            match self.ledger().reverse(event, |_, _| Ok::<_, ()>(b"reversed".to_vec())) {
                Ok(_) => false,
                Err(ReverseError::Blocked { .. }) => true,
                Err(error) => panic!("{error:?}"),
            }
        } else {
            match cancel(self.ledger(), &msgid, &psn_no, &setl_id(of)) {
                Ok(_) => false,
                Err(CancelError::Blocked { .. }) => true,
                Err(error) => panic!("{error:?}"),
            }
        };
        assert_eq!(blocked, self.model.is_blocked(of));
        if !blocked {
            self.model.records += 1;
            self.model.order.retain(|it| *it != of);
            self.model.bills.remove(&of);
        }
    }

    fn correct(&mut self, of: u64, bill: Option<Bill>) {
        let msgid = format!("m{}", self.model.records);
        let psn_no = self.model.bills[&of].psn_no.clone();
        let rewritten = bill.as_ref().is_some_and(|bill| *bill != self.model.bills[&of]);
        correct(self.ledger(), &msgid, &psn_no, &setl_id(of), bill.as_ref()).unwrap();
        self.model.records += 1;
        self.model.correct(of, bill);
        for sequence in &self.model.order {
            let (version, answer) = self.told(*sequence);
            let before = self.newest.insert(*sequence, (version, answer.clone())).unwrap();
            let changed = answer != before.1 || (*sequence == of && rewritten);
            assert_eq!(version, before.0 + u32::from(changed), "{sequence}");
        }
    }

    fn play(&mut self, step: Step) {
        let standing = self.model.order.clone();
        let pick = |which: usize| standing.get(which % standing.len().max(1)).copied();
        match step {
            Step::Settle { person, in_family, ended, after, fen } => self.settle(Bill {
                psn_no: format!("psn-no-{person}"),
                visit: format!("v{}", self.model.records),
                family: in_family.then(|| "F".to_owned()),
                ended,
                settled: ended + after,
                fen,
            }),
            Step::Cancel { which, reverse } => {
                if let Some(of) = pick(which) {
                    self.undo(of, reverse);
                }
            }
            Step::Correct { which, bill } => {
                let Some(of) = pick(which) else { return };
                let old = self.model.bills[&of].clone();
                let bill = bill.map(|(in_family, ended, after, fen)| Bill {
                    family: in_family.then(|| "F".to_owned()),
                    ended,
                    settled: ended + after,
                    fen,
                    ..old
                });
                self.correct(of, bill);
            }
            Step::Reopen | Step::LoseTables => {
                self.ledger = None;
                if matches!(step, Step::LoseTables) {
                    std::fs::remove_dir_all(self.dir.path().join("tables")).unwrap();
                }
                self.ledger = Some(open(self.dir.path()));
            }
        }
    }

    /// Each member alone where no correction reached another too, and all of those who were ever there, can be erased.
    fn erase(&mut self) {
        let ledger = self.ledger.take().unwrap();
        let (mut present, mut together) = (BTreeSet::new(), BTreeSet::new());
        for record in ledger.records() {
            let record = record.unwrap().1;
            present.insert(record.person.psn_no.to_string());
            if let Entry::Correction(correction) = &record.entry {
                let reached: BTreeSet<String> =
                    correction.turns.iter().map(|turn| turn.psn_no.to_string()).collect();
                if reached.len() > 1 {
                    together.extend(reached);
                }
            }
        }
        drop(ledger);
        let path = self.dir.path();
        for psn_no in &present {
            let other = MEMBERS.into_iter().find(|member| member != psn_no).unwrap();
            let is_erased = hospital::erases(path, &[psn_no], other, clinic::config);
            assert_eq!(is_erased, !together.contains(psn_no), "{psn_no}");
        }
        let all: Vec<&str> = present.iter().map(String::as_str).collect();
        if !all.is_empty() {
            assert!(hospital::erases(path, &all, "nobody", clinic::config));
        }
        self.ledger = Some(open(path));
    }

    /// Every settlement and every accumulator is what the model has when it replays from empty.
    fn check(&self, order: &[u64]) {
        let (paid, used) = self.model.replay(order);
        let mut posted = (0, 0, 0);
        for (sequence, (basic, family, cash)) in &paid {
            let booked = self.ledger().settlement("zj", &setl_id(*sequence)).unwrap().unwrap();
            let amounts: Vec<i64> = booked.postings.iter().map(|it| it.amount.units()).collect();
            assert_eq!(amounts, [*basic, *family, *cash], "{sequence} in {order:?}");
            posted = (posted.0 + basic, posted.1 + family, posted.2 + cash);
        }
        let mut found = Used::new();
        for psn_no in MEMBERS {
            let accumulators = self.ledger().accumulators_with_family(&person(psn_no), "F").unwrap();
            let mut add = |name: String, key| found.insert(name, accumulators.get(&key).units());
            for year in [2026, 2027] {
                add(format!("{psn_no} {year} deductible"), year_key(year, Measure::Deductible));
                add(format!("{psn_no} {year} base"), year_key(year, Measure::Base));
                add(format!("{psn_no} {year} paid"), year_key(year, Measure::Paid));
            }
            add("F deductible".to_owned(), family_key("F", Measure::Deductible));
            add("F paid".to_owned(), family_key("F", Measure::Paid));
        }
        found.retain(|_, amount| *amount != 0);
        assert_eq!(found, used);
        let verified = self.ledger().verify().unwrap();
        assert_eq!(verified.records, self.model.records);
        let account = |name: &str| verified.accounts.get(name).map_or(0, |amount| amount.units());
        assert_eq!((account("basic"), account("family"), account("cash")), posted);
        let owed: i64 = verified.receivables.values().map(|amount| amount.units()).sum();
        assert_eq!(owed, self.model.bills.values().map(|bill| bill.fen).sum::<i64>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// After every step the ledger is what a replay from empty makes of the facts in the order in which they count; and
    /// when everything was touched once, that order is the order of services.
    #[test]
    fn equals_a_replay_from_empty(steps in prop::collection::vec(step(), 1..24)) {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Some(open(dir.path()));
        let mut pair = Pair { dir, ledger, model: Model::default(), newest: BTreeMap::new() };
        for step in steps {
            pair.play(step);
        }
        pair.check(&pair.model.order.clone());
        pair.erase();
        let mut by_service = pair.model.order.clone();
        by_service.sort_by_key(|it| service(*it, &pair.model.bills[it]));
        for sequence in &by_service {
            pair.correct(*sequence, None);
        }
        pair.check(&by_service);
        // Nothing is left to change, and what was corrected is undone in its new order down to nothing.
        let versions = pair.newest.clone();
        for sequence in &by_service {
            pair.correct(*sequence, None);
        }
        prop_assert_eq!(&pair.newest, &versions);
        while let Some(last) = pair.model.order.last().copied() {
            pair.undo(last, false);
        }
        pair.check(&[]);
    }
}

fn bill(psn_no: &str, visit: &str, ended: i64, fen: i64) -> Bill {
    Bill {
        psn_no: psn_no.to_owned(),
        visit: visit.to_owned(),
        family: Some("F".to_owned()),
        ended,
        settled: ended,
        fen,
    }
}

fn amounts(ledger: &Ledger, setl_id: &str, version: u32) -> Vec<i64> {
    let booked = ledger.settlement_version("zj", setl_id, version).unwrap().unwrap();
    booked.postings.iter().map(|it| it.amount.units()).collect()
}

const P1: &str = MEMBERS[0];
const P2: &str = MEMBERS[1];
const FIRST: &str = "S0000000000000001";
const SECOND: &str = "S0000000000000002";

/// Two members at two hospitals: 200.00 and 90.00. Of the first 50.00 are deducted, 150.00 pay 50.00 + 40.00, and of the
/// 110.00 that are left 80.00 fill the family's deductible and 30.00 are paid; of the second 20.00 are paid, and 30.00 of
/// the 70.00 that are left, to the family's cap.
fn two_hospitals(dir: &std::path::Path) -> Ledger {
    let ledger = open(dir);
    settle(&ledger, "m1", &bill(P1, "v1", 1, 200_00)).unwrap();
    let elsewhere = MessageKey { fixmedins_code: "H2".into(), ..message("m2") };
    settle_at(&ledger, elsewhere, &bill(P2, "v2", 2, 90_00)).unwrap();
    assert_eq!(amounts(&ledger, FIRST, 1), [90_00, 30_00, 80_00]);
    assert_eq!(amounts(&ledger, SECOND, 1), [20_00, 30_00, 40_00]);
    ledger
}

/// The first falls to 100.00: 25.00 are paid, and 75.00 go to the family's deductible. Of the second one's 70.00 then 5.00
/// fill it up, and 60.00 of 65.00 are paid.
#[test]
fn each_hospital_is_owed_its_own_difference() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = two_hospitals(dir.path());
    let told = correct(&ledger, "k1", P1, FIRST, Some(&bill(P1, "v1", 1, 100_00))).unwrap();
    assert_eq!(
        told,
        format!(
            "0 unchanged; {FIRST} v2 basic -65.00 cash -5.00 family -30.00; {SECOND} v2 cash -30.00 family 30.00"
        )
    );
    let check = |ledger: &Ledger| {
        assert_eq!(amounts(ledger, FIRST, 2), [25_00, 0, 75_00]);
        assert_eq!(amounts(ledger, SECOND, 2), [20_00, 60_00, 10_00]);
        // What was, stays.
        assert_eq!(amounts(ledger, FIRST, 1), [90_00, 30_00, 80_00]);
        assert_eq!(amounts(ledger, SECOND, 1), [20_00, 30_00, 40_00]);
        assert_eq!(ledger.settlement_version("zj", FIRST, 3).unwrap(), None);
        assert_eq!(ledger.settlement_version("zj", FIRST, 0).unwrap(), None);
        assert_eq!(ledger.settlement_version("zj", "S0000000000000003", 1).unwrap(), None);
        let newest = ledger.settlement("zj", SECOND).unwrap().unwrap();
        assert_eq!((newest.version, newest.correction.as_deref()), (2, Some("S0000000000000003")));
        let first = ledger.settlement_version("zj", FIRST, 1).unwrap().unwrap();
        assert_eq!(ledger.message(&message("m1")).unwrap().unwrap().receipt.answer, first.answer);
        let verified = ledger.verify().unwrap();
        let owed: Vec<i64> = verified.receivables.values().map(|amount| amount.units()).collect();
        assert_eq!((owed.as_slice(), verified.corrections), (&[100_00, 90_00][..], 1));
    };
    check(&ledger);
    let record = ledger.records().last().unwrap().unwrap().1;
    assert_eq!((record.medfee_sumamt.units(), record.kind()), (-100_00, MessageKind::Correct));
    drop(ledger);
    check(&open(dir.path()));
    std::fs::remove_dir_all(dir.path().join("tables")).unwrap();
    check(&open(dir.path()));
}

/// A bill that came late, but was of an earlier service, takes its place under the one that came first.
#[test]
fn a_late_arrival_takes_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    settle(&ledger, "m1", &bill(P1, "v1", 9, 90_00)).unwrap();
    settle(&ledger, "m2", &bill(P1, "v2", 3, 90_00)).unwrap();
    let third = settle(&ledger, "m3", &bill(P1, "v3", 40, 90_00)).unwrap().receipt().setl_id.to_string();
    let deducted = |setl_id: &str| {
        let booked = ledger.settlement("zj", setl_id).unwrap().unwrap();
        let change = &booked.accumulators[0];
        change.after.units() - change.before.units()
    };
    assert_eq!((deducted(FIRST), deducted(SECOND)), (50_00, 0));
    correct(&ledger, "k1", P1, SECOND, None).unwrap();
    assert_eq!((deducted(FIRST), deducted(SECOND)), (0, 50_00));
    // The first is the later one now, and blocks the second; the third is of another year, and blocks through the family.
    let blocked = |msgid, setl_id| match cancel(&ledger, msgid, P1, setl_id) {
        Err(CancelError::Blocked { by }) => by.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(blocked("c1", FIRST), third);
    cancel(&ledger, "c3", P1, &third).unwrap();
    assert_eq!(blocked("c2", SECOND), FIRST);
    cancel(&ledger, "c1", P1, FIRST).unwrap();
    cancel(&ledger, "c2", P1, SECOND).unwrap();
    assert!(ledger.accumulators_with_family(&person(P1), "F").unwrap().is_empty());
    ledger.verify().unwrap();
}

#[test]
fn what_cannot_be_corrected_says_why_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = two_hospitals(dir.path());
    let better = bill(P1, "v1", 1, 100_00);
    let event = |msgid: &str, psn_no: &str, setl_id: &str| {
        correction(msgid, psn_no, setl_id, Some(&better), Run::Book)
    };
    let refused = |event: CorrectEvent, again: Again| ledger.correct(event, again).unwrap_err();
    let error = refused(event("k1", P2, FIRST), Again::default());
    assert!(matches!(error, CorrectError::NotFound), "{error:?}");
    // Another hospital's.
    let error = refused(event("k1", P2, SECOND), Again::default());
    assert!(matches!(error, CorrectError::NotFound), "{error:?}");
    let error = refused(event("m1", P1, FIRST), Again::default());
    assert!(
        matches!(
            error,
            CorrectError::NotBooked(NotBooked::Conflict { stored_kind: MessageKind::Settle, .. })
        ),
        "{error:?}"
    );
    let error = refused(event("k1", P1, FIRST), Again { refuses: Some(P2.to_owned()) });
    assert!(
        matches!(&error, CorrectError::NotAgain { setl_id, refusal } if (&**setl_id, refusal.as_str()) == (SECOND, "no pack")),
        "{error:?}"
    );
    assert_eq!(ledger.verify().unwrap().records, 2);
    assert_eq!(amounts(&ledger, SECOND, 1), [20_00, 30_00, 40_00]);

    let first = ledger.correct(event("k1", P1, FIRST), Again::default()).unwrap();
    let Corrected::Booked(Committed::New(receipt)) = first else { panic!("{first:?}") };
    let again = ledger.correct(event("k1", P1, FIRST), Again { refuses: Some(P2.to_owned()) }).unwrap();
    assert_eq!(again, Corrected::Booked(Committed::Replayed(receipt)));
    let other = correction("k1", P1, FIRST, Some(&bill(P1, "v1", 1, 110_00)), Run::Book);
    let error = refused(other, Again::default());
    assert!(
        matches!(
            error,
            CorrectError::NotBooked(NotBooked::Conflict { stored_kind: MessageKind::Correct, .. })
        ),
        "{error:?}"
    );

    // A reversal knows that it was no settlement; a barred message is no correction any more.
    let reverse = |msgid: &str, omsgid: &str| ReverseEvent {
        message: message(msgid),
        person: person(P1),
        omsgid: omsgid.into(),
        okind: MessageKind::Settle,
        booked_at_ms: 3,
        request: b"reverse".to_vec(),
    };
    let error = ledger.reverse(reverse("r1", "k1"), |_, _| Ok::<_, ()>(Vec::new())).unwrap_err();
    assert!(matches!(error, ReverseError::OtherKind { stored_kind: MessageKind::Correct }), "{error:?}");
    ledger.reverse(reverse("r1", "k2"), |_, _| Ok::<_, ()>(Vec::new())).unwrap();
    let error = refused(event("k2", P1, FIRST), Again::default());
    assert!(
        matches!(&error, CorrectError::NotBooked(NotBooked::Reversed { by }) if &**by == "r1"),
        "{error:?}"
    );

    let elsewhere = CancelEvent {
        message: MessageKey { fixmedins_code: "H2".into(), ..message("c2") },
        person: person(P2),
        setl_id: SECOND.into(),
        booked_at_ms: 4,
        request: b"cancel".to_vec(),
    };
    ledger.cancel(elsewhere, |settlement, _| Ok::<_, ()>(settlement.answer.to_vec())).unwrap();
    cancel(&ledger, "c1", P1, FIRST).unwrap();
    let error = refused(event("k3", P1, FIRST), Again::default());
    assert!(matches!(error, CorrectError::AlreadyCancelled { .. }), "{error:?}");
    let verified = ledger.verify().unwrap();
    assert!(verified.accounts.values().all(|amount| amount.is_zero()), "{:?}", verified.accounts);
}

/// Whom one correction reached goes together, and what it did to the sums stays; its message stays used up.
#[test]
fn whom_a_correction_reached_is_erased_together() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let ledger = two_hospitals(&from);
    let better = bill(P1, "v1", 1, 100_00);
    correct(&ledger, "k1", P1, FIRST, Some(&better)).unwrap();
    let (tree, before) = (ledger.tree().unwrap(), ledger.verify().unwrap());
    drop(ledger);
    for numbers in [&[P1][..], &[P2]] {
        let shared = hospital::erase(&from, &to, numbers);
        assert!(matches!(shared, Err(EraseError::Shared { sequence: 3, .. })), "{shared:?}");
    }
    assert_eq!(hospital::erase(&from, &to, &[P1, P2]).unwrap().erased, 3);
    let ledger = open(&to);
    let Verification { erased, persons, .. } = before;
    let after = ledger.verify().unwrap();
    assert_eq!((after.erased, after.persons), (3, 0));
    assert_eq!(Verification { erased, persons, ..after }, before, "chain, corrections and all sums");
    assert_eq!(ledger.tree().unwrap(), tree);
    assert_eq!(ledger.settlement("zj", SECOND).unwrap(), None);
    let again = ledger.correct(correction("k1", P1, FIRST, Some(&better), Run::Book), Again::default());
    assert!(matches!(again, Err(CorrectError::NotBooked(NotBooked::Erased { .. }))), "{again:?}");
}

/// A relative can be settled and corrected above an erased member, whose correction still counts, but not below.
#[test]
fn a_relative_is_corrected_above_an_erased_member() {
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let ledger = open(&from);
    let settled =
        |msgid: &str, bill: &Bill| settle(&ledger, msgid, bill).unwrap().receipt().setl_id.to_string();
    let below = settled("m1", &bill(P2, "v1", 1, 60_00));
    let of_p1 = settled("m2", &bill(P1, "v2", 2, 60_00));
    correct(&ledger, "k1", P1, &of_p1, Some(&bill(P1, "v2", 2, 90_00))).unwrap();
    let above = settled("m3", &bill(P2, "v3", 3, 60_00));
    drop(ledger);
    hospital::erase(&from, &to, &[P1]).unwrap();

    // Both ledgers answer the same to what is above.
    let better = bill(P2, "v3", 3, 80_00);
    let told = [&from, &to].map(|folder| {
        let ledger = open(folder);
        let told = correct(&ledger, "k2", P2, &above, Some(&better)).unwrap();
        let family = ledger.accumulators_with_family(&person(P2), "F").unwrap();
        (told, amounts(&ledger, &above, 2), family, ledger.tree().unwrap().size)
    });
    assert_eq!(told[0], told[1]);
    let ledger = open(&to);
    let refused = correct(&ledger, "k3", P2, &below, Some(&bill(P2, "v1", 1, 50_00))).unwrap_err();
    assert!(
        matches!(&refused, CorrectError::ContentErased { setl_id } if **setl_id == *of_p1),
        "{refused:?}"
    );
    // Its service was before that of the erased one, which nobody knows any more.
    correct(&ledger, "k4", P2, &above, Some(&Bill { ended: 1, ..better })).unwrap();
    assert_eq!(ledger.verify().unwrap().corrections, 3);
}
