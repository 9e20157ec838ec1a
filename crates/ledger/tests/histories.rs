//! Random histories against a model that is nothing but maps and loops.

// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used)]

mod hospital;

use std::collections::BTreeMap;

use bedside_ledger::*;
use hospital::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Settle { msgid: u8, person: u8, visit: u8, fen: i64 },
    Cancel { msgid: u8, person: u8, of: u64 },
    Reverse { msgid: u8, person: u8, omsgid: u8 },
    Reopen,
    LoseTables,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0u8..40, 0u8..3, 0u8..12, 1i64..150_00)
            .prop_map(|(msgid, person, visit, fen)| Step::Settle { msgid, person, visit, fen }),
        8 => (0u8..40, 0u8..3, 1u64..20).prop_map(|(msgid, person, of)| Step::Cancel { msgid, person, of }),
        8 => (0u8..40, 0u8..3, 0u8..40).prop_map(|(msgid, person, omsgid)| Step::Reverse { msgid, person, omsgid }),
        1 => Just(Step::Reopen),
        1 => Just(Step::LoseTables),
    ]
}

#[derive(Debug, Clone)]
struct Settled {
    person: u8,
    visit: u8,
    paid: i64,
    /// By which record, and whether that was a reversal.
    undone: Option<(u64, &'static str)>,
}

/// Every settlement and cancellation by sequence, every message by its number; all answers found by looping.
#[derive(Debug, Default)]
struct Model {
    sequence: u64,
    settled: BTreeMap<u64, Settled>,
    messages: BTreeMap<u8, (Vec<u8>, String)>,
    /// By whom each message was booked that was, and what it booked.
    booked: BTreeMap<u8, (u8, u64)>,
    /// Reversed before they came, by which message.
    barred: BTreeMap<u8, u8>,
}

impl Model {
    fn paid(&self, person: u8) -> i64 {
        self.standing(person).map(|(_, settled)| settled.paid).sum()
    }

    fn standing(&self, person: u8) -> impl Iterator<Item = (&u64, &Settled)> {
        self.settled.iter().filter(move |(_, it)| it.person == person && it.undone.is_none())
    }

    fn settle(&mut self, msgid: u8, person: u8, visit: u8, fen: i64) -> String {
        let request = settle_event("", &format!("p{person}"), &format!("v{visit}"), fen).request;
        if let Some(by) = self.barred.get(&msgid) {
            return format!("reversed by m{by}");
        }
        if let Some((stored, answer)) = self.messages.get(&msgid) {
            return if *stored == request { format!("replayed {answer}") } else { "conflict".to_owned() };
        }
        for (sequence, it) in &self.settled {
            if it.visit == visit && it.undone.is_none() {
                return format!("settled by S{sequence:016}");
            }
        }
        self.sequence += 1;
        let paid = (fen / 2).min(CAP_YEAR - self.paid(person));
        self.settled.insert(self.sequence, Settled { person, visit, paid, undone: None });
        self.booked.insert(msgid, (person, self.sequence));
        let answer = format!("S{:016} pays {paid} of {fen}", self.sequence);
        self.messages.insert(msgid, (request, answer.clone()));
        format!("new {answer}")
    }

    fn cancel(&mut self, msgid: u8, person: u8, of: u64) -> String {
        let request = cancel_event("", &format!("p{person}"), &format!("S{of:016}")).request;
        if let Some(by) = self.barred.get(&msgid) {
            return format!("reversed by m{by}");
        }
        if let Some((stored, answer)) = self.messages.get(&msgid) {
            return if *stored == request { format!("replayed {answer}") } else { "conflict".to_owned() };
        }
        let Some(settled) = self.settled.get(&of).filter(|it| it.person == person) else {
            return "not found".to_owned();
        };
        if let Some((by, _)) = settled.undone {
            return format!("cancelled by S{by:016}");
        }
        let latest = self.standing(person).map(|(sequence, _)| *sequence).max().unwrap();
        if latest != of {
            return format!("blocked by S{latest:016}");
        }
        self.sequence += 1;
        self.settled.get_mut(&of).unwrap().undone = Some((self.sequence, "cancelled"));
        self.booked.insert(msgid, (person, self.sequence));
        let answer = format!("S{:016} undoes S{of:016}", self.sequence);
        self.messages.insert(msgid, (request, answer.clone()));
        format!("new {answer}")
    }
}

impl Model {
    fn reverse(&mut self, msgid: u8, person: u8, omsgid: u8) -> String {
        let request =
            reverse_event("", &format!("p{person}"), &format!("m{omsgid}"), MessageKind::Settle).request;
        if let Some(by) = self.barred.get(&msgid) {
            return format!("reversed by m{by}");
        }
        if let Some((stored, answer)) = self.messages.get(&msgid) {
            return if *stored == request { format!("replayed {answer}") } else { "conflict".to_owned() };
        }
        if msgid == omsgid {
            return "itself".to_owned();
        }
        if let Some(by) = self.barred.get(&omsgid) {
            return format!("reversed by m{by}");
        }
        let answer = match self.booked.get(&omsgid) {
            None => {
                self.barred.insert(omsgid, msgid);
                format!("S{:016} bars it", self.sequence + 1)
            }
            Some((whose, _)) if *whose != person => return "another person".to_owned(),
            Some((_, of)) => {
                let Some(settled) = self.settled.get(of) else { return "another kind".to_owned() };
                if let Some((by, _)) = settled.undone {
                    return format!("cancelled by S{by:016}");
                }
                let latest = self.standing(person).map(|(sequence, _)| *sequence).max().unwrap();
                if latest != *of {
                    return format!("blocked by S{latest:016}");
                }
                let of = *of;
                self.settled.get_mut(&of).unwrap().undone = Some((self.sequence + 1, "reversed"));
                format!("S{:016} reverses S{of:016}", self.sequence + 1)
            }
        };
        self.sequence += 1;
        self.booked.insert(msgid, (person, self.sequence));
        self.messages.insert(msgid, (request, answer.clone()));
        format!("new {answer}")
    }
}

fn told(committed: &Committed) -> String {
    let answer = String::from_utf8(committed.receipt().answer.to_vec()).unwrap();
    match committed {
        Committed::New(_) => format!("new {answer}"),
        Committed::Replayed(_) => format!("replayed {answer}"),
    }
}

fn settle_told(ledger: &Ledger, msgid: u8, person: u8, visit: u8, fen: i64) -> String {
    let event = settle_event(&format!("m{msgid}"), &format!("p{person}"), &format!("v{visit}"), fen);
    match ledger.settle(event, halves(2026, fen)) {
        Ok(committed) => told(&committed),
        Err(SettleError::NotBooked(NotBooked::Conflict { .. })) => "conflict".to_owned(),
        Err(SettleError::NotBooked(NotBooked::Reversed { by })) => format!("reversed by {by}"),
        Err(SettleError::AlreadySettled { setl_id }) => format!("settled by {setl_id}"),
        Err(error) => format!("{error:?}"),
    }
}

fn cancel_told(ledger: &Ledger, msgid: u8, person: u8, of: u64) -> String {
    match cancel(ledger, &format!("m{msgid}"), &format!("p{person}"), &format!("S{of:016}")) {
        Ok(committed) => told(&committed),
        Err(CancelError::NotBooked(NotBooked::Conflict { .. })) => "conflict".to_owned(),
        Err(CancelError::NotBooked(NotBooked::Reversed { by })) => format!("reversed by {by}"),
        Err(CancelError::NotFound) => "not found".to_owned(),
        Err(CancelError::AlreadyCancelled { by }) => format!("cancelled by {by}"),
        Err(CancelError::Blocked { by }) => format!("blocked by {by}"),
        Err(error) => format!("{error:?}"),
    }
}

fn reverse_told(ledger: &Ledger, msgid: u8, person: u8, omsgid: u8) -> String {
    match reverse(ledger, &format!("m{msgid}"), &format!("p{person}"), &format!("m{omsgid}")) {
        Ok(committed) => told(&committed),
        Err(ReverseError::NotBooked(NotBooked::Conflict { .. })) => "conflict".to_owned(),
        Err(ReverseError::NotBooked(NotBooked::Reversed { by })) => format!("reversed by {by}"),
        Err(ReverseError::Itself) => "itself".to_owned(),
        Err(ReverseError::OtherPerson) => "another person".to_owned(),
        Err(ReverseError::OtherKind { .. }) => "another kind".to_owned(),
        Err(ReverseError::AlreadyCancelled { by }) => format!("cancelled by {by}"),
        Err(ReverseError::Blocked { by }) => format!("blocked by {by}"),
        Err(error) => format!("{error:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_model(steps in proptest::collection::vec(step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let config = || LedgerConfig { segment_bytes: 4096, ..config(dir.path()) };
        let mut ledger = Ledger::open(config()).unwrap();
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Settle { msgid, person, visit, fen } => prop_assert_eq!(
                    settle_told(&ledger, msgid, person, visit, fen),
                    model.settle(msgid, person, visit, fen)
                ),
                Step::Cancel { msgid, person, of } => prop_assert_eq!(
                    cancel_told(&ledger, msgid, person, of),
                    model.cancel(msgid, person, of)
                ),
                Step::Reverse { msgid, person, omsgid } => prop_assert_eq!(
                    reverse_told(&ledger, msgid, person, omsgid),
                    model.reverse(msgid, person, omsgid)
                ),
                Step::Reopen => {
                    drop(ledger);
                    ledger = Ledger::open(config()).unwrap();
                }
                Step::LoseTables => {
                    drop(ledger);
                    std::fs::remove_dir_all(dir.path().join("tables")).unwrap();
                    ledger = Ledger::open(config()).unwrap();
                    prop_assert_eq!(ledger.open_report().replayed, model.sequence);
                }
            }
        }
        for person in 0..3 {
            prop_assert_eq!(paid(&ledger, &format!("p{person}")), model.paid(person));
        }
        for (sequence, settled) in &model.settled {
            let booked = ledger.settlement("zj", &format!("S{sequence:016}")).unwrap().unwrap();
            let by = match booked.status {
                Status::Booked => None,
                Status::Cancelled { by, .. } => Some((by.to_string(), "cancelled")),
                Status::Reversed { by, .. } => Some((by.to_string(), "reversed")),
            };
            prop_assert_eq!(by, settled.undone.map(|(by, how)| (format!("S{by:016}"), how)));
            prop_assert_eq!(booked.postings[0].amount.units(), settled.paid);
        }
        let verification = ledger.verify().unwrap();
        prop_assert_eq!(verification.records, model.sequence);
        prop_assert_eq!(verification.tombstones, model.barred.len() as u64);
        let paid = verification.accounts.get("insurer").map_or(0, |money| money.units());
        prop_assert_eq!(paid, (0..3).map(|person| model.paid(person)).sum::<i64>());
    }
}
