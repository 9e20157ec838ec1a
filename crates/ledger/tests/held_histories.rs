//! Random histories of settlements and quotes that bind, against a model that is nothing but lists and loops: what was
//! paid and what is promised never exceed a cap, and a quote is kept where nothing changed.

// Test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used, clippy::panic)]

mod hospital;

use std::collections::BTreeMap;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Money, Owner};
use bedside_ledger::*;
use hospital::{agree, cancel_event, config, erases, message, paid_key, person, reverse_event, undo_or_bar};
use proptest::prelude::*;

const CAP: i64 = 1_000;
/// Shared by the persons 0 and 1; the person 2 has no family.
const FAMILY_CAP: i64 = 1_500;

#[derive(Debug, Clone)]
enum Step {
    Settle { visit: u8, amount: i64 },
    SettleWithin { visit: u8, amount: i64 },
    Keep { visit: u8 },
    Hold { visit: u8, amount: i64, span: i64 },
    Cancel { of: usize },
    Release { of: usize },
    Wait { ms: i64 },
    Reopen,
    LoseTables,
}

fn step() -> impl Strategy<Value = Step> {
    let amount = || 1i64..900;
    prop_oneof![
        6 => (0u8..9, amount()).prop_map(|(visit, amount)| Step::Settle { visit, amount }),
        3 => (0u8..9, amount()).prop_map(|(visit, amount)| Step::SettleWithin { visit, amount }),
        6 => (0u8..9).prop_map(|visit| Step::Keep { visit }),
        12 => (0u8..9, amount(), 1i64..40).prop_map(|(visit, amount, span)| Step::Hold { visit, amount, span }),
        6 => (0usize..12).prop_map(|of| Step::Cancel { of }),
        2 => (0usize..12).prop_map(|of| Step::Release { of }),
        6 => (1i64..20).prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Reopen),
        1 => Just(Step::LoseTables),
    ]
}

/// Every visit is of one person.
fn person_of(visit: u8) -> u8 {
    visit % 3
}

fn has_family(person: u8) -> bool {
    person < 2
}

#[derive(Debug, Clone)]
struct Settled {
    id: u64,
    visit: u8,
    paid: i64,
    undone: bool,
}

#[derive(Debug, Clone)]
struct HeldBy {
    id: u64,
    visit: u8,
    amount: i64,
    promised: i64,
    until: i64,
    ended: Option<&'static str>,
}

#[derive(Debug, Default)]
struct Model {
    now: i64,
    records: u64,
    settled: Vec<Settled>,
    holds: Vec<HeldBy>,
}

impl Model {
    fn is_live(&self, hold: &HeldBy) -> bool {
        hold.ended.is_none() && self.now < hold.until
    }

    /// What was paid to those whom a test picks, and what others than a visit are promised.
    fn used(&self, visit: Option<u8>, counts: impl Fn(u8) -> bool) -> i64 {
        let mut used = 0;
        for settled in &self.settled {
            if !settled.undone && counts(person_of(settled.visit)) {
                used += settled.paid;
            }
        }
        for hold in &self.holds {
            if self.is_live(hold) && Some(hold.visit) != visit && counts(person_of(hold.visit)) {
                used += hold.promised;
            }
        }
        used
    }

    /// What a bill of a visit would be paid now.
    fn pays(&self, visit: u8, amount: i64) -> i64 {
        let own = CAP - self.used(Some(visit), |person| person == person_of(visit));
        let left = match has_family(person_of(visit)) {
            true => own.min(FAMILY_CAP - self.used(Some(visit), has_family)),
            false => own,
        };
        amount.min(left).max(0)
    }

    fn standing(&self, visit: u8) -> Option<u64> {
        self.settled.iter().find(|it| it.visit == visit && !it.undone).map(|it| it.id)
    }

    /// The visit's latest hold, whatever became of it.
    fn latest(&self, visit: u8) -> Option<HeldBy> {
        self.holds.iter().rev().find(|it| it.visit == visit).cloned()
    }

    fn settle(&mut self, visit: u8, amount: i64, within: Option<&HeldBy>) -> String {
        if let Some(id) = self.standing(visit) {
            return format!("settled by {id}");
        }
        let pays = self.pays(visit, amount);
        if let Some(hold) = within {
            if let Some(ended) = hold.ended {
                return format!("ended {ended}");
            }
            if self.now >= hold.until {
                return "expired".to_owned();
            }
            if pays != hold.promised {
                return format!("changed {} {pays}", hold.promised);
            }
        }
        self.records += 1;
        let now = self.now;
        for hold in &mut self.holds {
            if hold.visit == visit && hold.ended.is_none() && now < hold.until {
                hold.ended = Some("settled");
            }
        }
        self.settled.push(Settled { id: self.records, visit, paid: pays, undone: false });
        format!("{} pays {pays}", self.records)
    }

    fn hold(&mut self, visit: u8, amount: i64, span: i64) -> String {
        if let Some(id) = self.standing(visit) {
            return format!("settled by {id}");
        }
        let promised = self.pays(visit, amount);
        self.records += 1;
        // Only the latest one before it can be one that has not ended, and one that was settled over is nobody's.
        let was_settled = |hold: &HeldBy| {
            self.settled.iter().any(|settled| settled.visit == hold.visit && settled.id > hold.id)
        };
        let replaced: Vec<u64> = self
            .holds
            .iter()
            .filter(|it| it.visit == visit && it.ended.is_none() && !was_settled(it))
            .map(|it| it.id)
            .collect();
        for hold in &mut self.holds {
            if replaced.contains(&hold.id) {
                hold.ended = Some("replaced");
            }
        }
        let until = self.now + span;
        self.holds.push(HeldBy { id: self.records, visit, amount, promised, until, ended: None });
        format!("{} promises {promised}", self.records)
    }

    fn cancel(&mut self, of: usize) -> String {
        let Some(settled) = self.settled.get(of).cloned() else { return "not found".to_owned() };
        if settled.undone {
            return "cancelled".to_owned();
        }
        let mine = person_of(settled.visit);
        let shares = |other: &Settled| {
            let theirs = person_of(other.visit);
            theirs == mine || (has_family(theirs) && has_family(mine) && other.paid > 0 && settled.paid > 0)
        };
        let later = self.settled.iter().filter(|it| !it.undone && shares(it)).map(|it| it.id).max().unwrap();
        if later != settled.id {
            return format!("blocked by {later}");
        }
        self.records += 1;
        self.settled[of].undone = true;
        format!("{} undoes", self.records)
    }

    fn release(&mut self, of: usize) -> String {
        let Some(hold) = self.holds.get_mut(of) else { return "not found".to_owned() };
        if let Some(ended) = hold.ended {
            return format!("ended {ended}");
        }
        self.records += 1;
        hold.ended = Some("released");
        format!("{} releases", self.records)
    }
}

fn keys(person: u8) -> Vec<(AccumulatorKey, i64)> {
    let own = paid_key(2026);
    let shared = AccumulatorKey { owner: Owner::Family("F".into()), ..own.clone() };
    let mut keys = vec![(own, CAP)];
    if has_family(person) {
        keys.push((shared, FAMILY_CAP));
    }
    keys
}

/// What is paid and what changes, counted with all that is seen and booked on what is booked.
fn paid_by(seen: &Seen, person: u8, amount: i64) -> (i64, Vec<AccumulatorChange>) {
    let counted_with = seen.accumulators().unwrap();
    let keys = keys(person);
    let left = keys.iter().map(|(key, cap)| cap - counted_with.get(key).units()).min().unwrap();
    let pays = amount.min(left).max(0);
    let changes = keys.into_iter().filter(|_| pays > 0).map(|(key, _)| {
        let before = counted_with.get(&key);
        AccumulatorChange { key, before, after: Money::from_units(before.units() + pays) }
    });
    (pays, seen.rebased(changes.collect()).unwrap())
}

/// The ledger under test, with the model's clock.
struct House {
    dir: tempfile::TempDir,
    ledger: Ledger,
    calls: u64,
}

impl House {
    fn msgid(&mut self) -> String {
        self.calls += 1;
        format!("m{}", self.calls)
    }

    fn family(visit: u8) -> Option<std::sync::Arc<str>> {
        has_family(person_of(visit)).then(|| "F".into())
    }

    fn settle(&mut self, visit: u8, amount: i64, within: Option<&HeldBy>, now: i64) -> String {
        let event = SettleEvent {
            stay: None,
            message: message(&self.msgid()),
            person: person(&format!("psn-no-{}", person_of(visit))),
            family_no: House::family(visit),
            hold_id: within.map(|hold| format!("H{:016}", hold.id).into()),
            mdtrt_id: format!("v{visit}").into(),
            booked_at_ms: now,
            request: Vec::new(),
        };
        let outcome = self.ledger.settle(event, move |seen, _| {
            let (pays, accumulators) = paid_by(seen, person_of(visit), amount);
            if let Some(hold) = &seen.hold {
                let promised = String::from_utf8(hold.answer.to_vec()).unwrap();
                if promised != format!("{pays}") {
                    return Err(format!("changed {promised} {pays}"));
                }
            }
            let posting =
                |account: &str, fen| Posting { account: account.into(), amount: Money::from_units(fen) };
            Ok(Decision {
                benefit_year: 2026,
                medfee_sumamt: Money::from_units(amount),
                postings: vec![posting("insurer", pays), posting("cash", amount - pays)],
                accumulators,
                answer: format!("{pays}").into_bytes(),
            })
        });
        match outcome {
            Ok(committed) => {
                let receipt = committed.receipt();
                format!("{} pays {}", receipt.sequence, String::from_utf8(receipt.answer.to_vec()).unwrap())
            }
            Err(SettleError::NotBooked(NotBooked::Refused(changed))) => changed,
            Err(SettleError::AlreadySettled { setl_id }) => format!("settled by {}", number(&setl_id)),
            Err(SettleError::Hold(Unusable::Expired { .. })) => "expired".to_owned(),
            Err(SettleError::Hold(Unusable::Ended(ended))) => format!("ended {}", word(ended.ending)),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn hold(&mut self, visit: u8, amount: i64, (now, span): (i64, i64)) -> (String, String) {
        let msgid = self.msgid();
        let event = HoldEvent {
            message: message(&msgid),
            person: person(&format!("psn-no-{}", person_of(visit))),
            family_no: House::family(visit),
            mdtrt_id: format!("v{visit}").into(),
            until_ms: now + span,
            booked_at_ms: now,
            request: Vec::new(),
            stay: None,
        };
        let outcome = self.ledger.hold(event, move |seen, _| {
            let (pays, accumulators) = paid_by(seen, person_of(visit), amount);
            Ok::<_, ()>(Quote { accumulators, answer: format!("{pays}").into_bytes() })
        });
        let told = match outcome {
            Ok(committed) => {
                let receipt = committed.receipt();
                format!(
                    "{} promises {}",
                    receipt.sequence,
                    String::from_utf8(receipt.answer.to_vec()).unwrap()
                )
            }
            Err(SettleError::AlreadySettled { setl_id }) => format!("settled by {}", number(&setl_id)),
            Err(other) => panic!("{other:?}"),
        };
        (msgid, told)
    }

    fn cancel(&mut self, settled: &Settled) -> String {
        let psn_no = format!("psn-no-{}", person_of(settled.visit));
        let event = cancel_event(&self.msgid(), &psn_no, &format!("S{:016}", settled.id));
        match self.ledger.cancel(event, agree) {
            Ok(committed) => format!("{} undoes", committed.receipt().sequence),
            Err(CancelError::AlreadyCancelled { .. }) => "cancelled".to_owned(),
            Err(CancelError::Blocked { by }) => format!("blocked by {}", number(&by)),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn release(&mut self, hold: &HeldBy, omsgid: &str) -> String {
        let psn_no = format!("psn-no-{}", person_of(hold.visit));
        let event = reverse_event(&self.msgid(), &psn_no, omsgid, MessageKind::Hold);
        match self.ledger.reverse(event, undo_or_bar) {
            Ok(committed) => format!("{} releases", committed.receipt().sequence),
            Err(ReverseError::AlreadyCancelled { .. }) => "ended released".to_owned(),
            Err(ReverseError::HoldEnded(ended)) => format!("ended {}", word(ended.ending)),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn reopen(mut self, lose_tables: bool) -> House {
        drop(self.ledger);
        if lose_tables {
            std::fs::remove_dir_all(self.dir.path().join("tables")).unwrap();
        }
        self.ledger = Ledger::open(config(self.dir.path())).unwrap();
        self
    }
}

fn number(id: &str) -> u64 {
    id[1..].parse().unwrap()
}

fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Settled => "settled",
        Ending::Replaced => "replaced",
        Ending::Released => "released",
    }
}

/// No cap is promised twice, and what the ledger sees is what the model has.
fn check_promises(model: &Model, ledger: &Ledger) {
    for number in 0..3 {
        let own = model.used(None, |person| person == number);
        assert!(own <= CAP, "person {number} is promised {own}");
        let family = House::family(number);
        let seen = ledger
            .seen(&person(&format!("psn-no-{number}")), family.as_ref(), &message(""), "no visit", model.now)
            .unwrap();
        let counted_with = seen.accumulators().unwrap();
        assert_eq!(counted_with.get(&paid_key(2026)).units(), own);
        if has_family(number) {
            let shared = model.used(None, has_family);
            assert!(shared <= FAMILY_CAP, "the family is promised {shared}");
            assert_eq!(counted_with.get(&keys(number)[1].0).units(), shared);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_paid_and_promised_equals_the_model(steps in prop::collection::vec(step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(config(dir.path())).unwrap();
        let mut house = House { dir, ledger, calls: 0 };
        let mut model = Model { now: 1_000, ..Model::default() };
        let mut msgids: BTreeMap<u64, String> = BTreeMap::new();
        for step in &steps {
            match step {
                Step::Settle { visit, amount } => {
                    let told = house.settle(*visit, *amount, None, model.now);
                    prop_assert_eq!(told, model.settle(*visit, *amount, None), "{:?}", step);
                }
                Step::SettleWithin { visit, amount } => {
                    let Some(hold) = model.latest(*visit) else { continue };
                    let told = house.settle(*visit, *amount, Some(&hold), model.now);
                    prop_assert_eq!(told, model.settle(*visit, *amount, Some(&hold)), "{:?}", step);
                }
                // The quoted bill itself.
                Step::Keep { visit } => {
                    let Some(hold) = model.latest(*visit) else { continue };
                    let nothing_since = model.records == hold.id && model.now < hold.until;
                    let told = house.settle(*visit, hold.amount, Some(&hold), model.now);
                    if nothing_since && hold.ended.is_none() {
                        prop_assert!(told.ends_with(&format!("pays {}", hold.promised)), "{told}");
                    }
                    prop_assert_eq!(told, model.settle(*visit, hold.amount, Some(&hold)), "{:?}", step);
                }
                Step::Hold { visit, amount, span } => {
                    let (msgid, told) = house.hold(*visit, *amount, (model.now, *span));
                    prop_assert_eq!(told, model.hold(*visit, *amount, *span), "{:?}", step);
                    let id = model.holds.last().map_or(0, |hold| hold.id);
                    msgids.entry(id).or_insert(msgid);
                }
                Step::Cancel { of } => {
                    let Some(settled) = model.settled.get(*of).cloned() else { continue };
                    prop_assert_eq!(house.cancel(&settled), model.cancel(*of), "{:?}", step);
                }
                Step::Release { of } => {
                    let Some(hold) = model.holds.get(*of).cloned() else { continue };
                    prop_assert_eq!(house.release(&hold, &msgids[&hold.id]), model.release(*of), "{:?}", step);
                }
                Step::Wait { ms } => model.now += ms,
                Step::Reopen => house = house.reopen(false),
                Step::LoseTables => house = house.reopen(true),
            }
            check_promises(&model, &house.ledger);
        }
        let verification = house.ledger.verify().unwrap();
        prop_assert_eq!((verification.records, verification.holds), (model.records, model.holds.len() as u64));
        let House { dir, ledger, .. } = house;
        drop(ledger);
        erases(dir.path(), &["psn-no-0"], "psn-no-1", config);
    }
}
