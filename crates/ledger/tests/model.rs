//! The ledger against a naive model of it, and damage of every kind, written without reading the implementation.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Measure, Money};
use bedside_ledger::{
    Assigned, BookedSettlement, CancelError, CancelEvent, Committed, Decision, Ledger, LedgerConfig,
    MessageKey, NotBooked, PersonKey, Posting, Seen, SettleError, SettleEvent, read_journal,
};
use proptest::prelude::*;

const CAP: i64 = 1_000;

fn config(dir: &Path) -> LedgerConfig {
    LedgerConfig { segment_bytes: 4 << 10, ..LedgerConfig::at(dir) }
}

fn message(msgid: &str) -> MessageKey {
    MessageKey { tenant: "t".into(), fixmedins_code: "H1".into(), msgid: msgid.into() }
}

fn person(psn_no: &str) -> PersonKey {
    PersonKey { tenant: "t".into(), psn_no: psn_no.into() }
}

fn key() -> AccumulatorKey {
    AccumulatorKey::of_year(2026, "a/b".into(), "x".into(), Measure::Paid)
}

fn settle_event(msgid: &str, psn_no: &str, mdtrt_id: &str, request: &str) -> SettleEvent {
    SettleEvent {
        message: message(msgid),
        person: person(psn_no),
        family_no: None,
        hold_id: None,
        mdtrt_id: mdtrt_id.into(),
        stay: None,
        booked_at_ms: 17,
        request: request.as_bytes().to_vec(),
    }
}

/// A plan that pays up to what is left of a cap; the patient pays the rest.
fn decide(amount: i64) -> impl Fn(&Seen, &Assigned) -> Result<Decision, &'static str> + Clone + Send {
    move |seen, assigned| {
        if amount > 9_000 {
            return Err("too dear");
        }
        let before = seen.booked.get(&key());
        let paid = amount.min(CAP - before.units());
        let after = Money::from_units(before.units() + paid);
        let posting =
            |account: &str, fen| Posting { account: account.into(), amount: Money::from_units(fen) };
        Ok(Decision {
            benefit_year: 2026,
            medfee_sumamt: Money::from_units(amount),
            postings: vec![posting("payer:a", paid), posting("cash", amount - paid)],
            accumulators: vec![AccumulatorChange { key: key(), before, after }],
            answer: format!("{} pays {paid}", assigned.setl_id).into_bytes(),
        })
    }
}

fn settle(
    ledger: &Ledger,
    msgid: &str,
    psn_no: &str,
    mdtrt_id: &str,
    amount: i64,
) -> Result<Committed, SettleError<&'static str>> {
    ledger.settle(settle_event(msgid, psn_no, mdtrt_id, &amount.to_string()), decide(amount))
}

fn cancel(ledger: &Ledger, msgid: &str, psn_no: &str, setl_id: &str) -> Result<Committed, CancelError<()>> {
    let event = CancelEvent {
        message: message(msgid),
        person: person(psn_no),
        setl_id: setl_id.into(),
        booked_at_ms: 18,
        request: setl_id.as_bytes().to_vec(),
    };
    ledger.cancel(event, |settlement: &BookedSettlement, assigned: &Assigned| {
        Ok(format!("{} cancels {}", assigned.setl_id, settlement.setl_id).into_bytes())
    })
}

fn answer(committed: &Committed) -> String {
    String::from_utf8(committed.receipt().answer.to_vec()).unwrap()
}

/// Fills a ledger over several segments and returns its answers by message.
fn filled(dir: &Path) -> BTreeMap<String, String> {
    let ledger = Ledger::open(config(dir)).unwrap();
    let mut answers = BTreeMap::new();
    for number in 0..60 {
        let msgid = format!("m{number}");
        let done = settle(&ledger, &msgid, &format!("p{}", number % 5), &msgid, 50 + number).unwrap();
        answers.insert(msgid, answer(&done));
    }
    cancel(&ledger, "c", "p4", "S0000000000000060").unwrap();
    answers
}

fn assert_whole(ledger: &Ledger, answers: &BTreeMap<String, String>) {
    for (msgid, answer) in answers {
        let kept = ledger.message(&message(msgid)).unwrap().unwrap();
        assert_eq!(String::from_utf8(kept.receipt.answer.to_vec()).unwrap(), *answer);
    }
    assert_eq!(ledger.verify().unwrap().records, 61);
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target)
        } else {
            assert!(std::fs::copy(&path, &target).is_ok())
        }
    }
}

fn copied(from: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(from, copy.path());
    copy
}

#[test]
fn tables_that_are_missing_or_damaged_are_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let answers = filled(dir.path());
    let tables = |dir: &Path| dir.join("tables");

    let copy = copied(dir.path());
    std::fs::remove_dir_all(tables(copy.path())).unwrap();
    let ledger = Ledger::open(config(copy.path())).unwrap();
    assert_eq!(ledger.open_report().replayed, 61);
    assert_whole(&ledger, &answers);

    // sled's own file: cut short, emptied, overwritten with noise, a byte flipped here and there.
    let size = std::fs::metadata(tables(dir.path()).join("db")).unwrap().len();
    for damage in 0..24u64 {
        let copy = copied(dir.path());
        let db = tables(copy.path()).join("db");
        let mut bytes = std::fs::read(&db).unwrap();
        match damage {
            0 => bytes.clear(),
            1 => bytes.truncate(bytes.len() / 2),
            2 => bytes.iter_mut().for_each(|byte| *byte ^= 0x5a),
            3 => bytes = b"not a database".to_vec(),
            _ => {
                let place = usize::try_from((damage * 7_919) % size.min(60_000)).unwrap();
                bytes[place] ^= 0xff;
            }
        }
        std::fs::write(&db, bytes).unwrap();
        let ledger = Ledger::open(config(copy.path())).unwrap();
        assert_whole(&ledger, &answers);
    }

    // Tables of another ledger.
    let other = tempfile::tempdir().unwrap();
    drop(settle(&Ledger::open(config(other.path())).unwrap(), "x", "p", "x", 5).unwrap());
    let copy = copied(dir.path());
    std::fs::remove_dir_all(tables(copy.path())).unwrap();
    copy_folder(&tables(other.path()), &tables(copy.path()));
    let ledger = Ledger::open(config(copy.path())).unwrap();
    assert!(ledger.open_report().tables_rebuilt.is_some());
    assert_whole(&ledger, &answers);
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(dir.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Length of a segment's content, without the zeros after it.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
}

#[test]
fn a_changed_byte_of_the_journal_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let files = segments(dir.path());
    assert!(files.len() > 2, "the history spans several segments");
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        let used = used(&bytes);
        for place in (0..used).step_by(37) {
            let mut changed = bytes.clone();
            changed[place] ^= 0x01;
            std::fs::write(file, &changed).unwrap();
            // Whoever reads the journal finds it: a reading of the whole, or the opening of the ledger, which reads
            // its end and has the tables to tell a torn tail from a loss.
            let records = read_journal(dir.path()).unwrap().take_while(Result::is_ok).count();
            assert!(records < 61, "byte {place} of {}", file.display());
            let verified = Ledger::open(config(dir.path())).map(|ledger| ledger.verify().is_ok());
            assert!(!matches!(verified, Ok(true)), "byte {place} of {}", file.display());
        }
        std::fs::write(file, bytes).unwrap();
    }
    Ledger::open(config(dir.path())).unwrap().verify().unwrap();
}

#[test]
fn a_tail_that_was_never_answered_is_cut_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    {
        let ledger = Ledger::open(config(dir.path())).unwrap();
        settle(&ledger, "m1", "p", "v1", 5).unwrap();
    }
    let before = copied(dir.path());
    let file = segments(dir.path()).pop().unwrap();
    let begin = used(&std::fs::read(&file).unwrap());
    {
        let ledger = Ledger::open(config(dir.path())).unwrap();
        settle(&ledger, "m2", "p", "v2", 6).unwrap();
    }
    let bytes = std::fs::read(&file).unwrap();
    let end = used(&bytes);
    for cut in begin..end {
        // The tables are as they were before the group, the journal holds a part of it.
        let copy = copied(before.path());
        let mut torn = bytes.clone();
        torn[cut..].fill(0);
        std::fs::write(segments(copy.path()).pop().unwrap(), &torn).unwrap();
        let ledger = Ledger::open(config(copy.path())).unwrap();
        assert_eq!(ledger.open_report().records, 1, "cut at {cut}");
        assert!(matches!(settle(&ledger, "m2", "p", "v2", 6).unwrap(), Committed::New(_)));
        assert_eq!(ledger.verify().unwrap().records, 2);
    }
}

#[derive(Debug, Clone)]
enum Act {
    Settle { msgid: u8, person: u8, visit: u8, amount: i64 },
    Cancel { msgid: u8, person: u8, setl: u8 },
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0u8..40, 0u8..3, 0u8..30, 1i64..700)
            .prop_map(|(msgid, person, visit, amount)| Act::Settle { msgid, person, visit, amount }),
        4 => (0u8..40, 0u8..3, 1u8..25).prop_map(|(msgid, person, setl)| Act::Cancel { msgid, person, setl }),
        1 => Just(Act::Reopen),
    ]
}

/// The obvious ledger: lists and maps, nothing else.
#[derive(Default)]
struct Model {
    messages: BTreeMap<u8, (String, String)>,
    /// Person, visit, amount, paid, cancelled by; by sequence.
    booked: BTreeMap<u64, (u8, u8, i64, i64, Option<u64>)>,
    records: u64,
}

impl Model {
    fn used(&self, person: u8) -> i64 {
        self.booked.values().filter(|row| row.0 == person && row.4.is_none()).map(|row| row.3).sum()
    }

    /// The answer, or the name of the refusal.
    fn settle(&mut self, msgid: u8, person: u8, visit: u8, amount: i64) -> Result<String, &'static str> {
        let request = format!("settle {person} {visit} {amount}");
        if let Some((stored, answer)) = self.messages.get(&msgid) {
            return if *stored == request { Ok(answer.clone()) } else { Err("conflict") };
        }
        if self.booked.values().any(|row| row.1 == visit && row.4.is_none()) {
            return Err("already settled");
        }
        let paid = amount.min(CAP - self.used(person));
        self.records += 1;
        let answer = format!("S{:016} pays {paid}", self.records);
        self.booked.insert(self.records, (person, visit, amount, paid, None));
        self.messages.insert(msgid, (request, answer.clone()));
        Ok(answer)
    }

    fn cancel(&mut self, msgid: u8, person: u8, setl: u64) -> Result<String, &'static str> {
        let request = format!("cancel {person} {setl}");
        if let Some((stored, answer)) = self.messages.get(&msgid) {
            return if *stored == request { Ok(answer.clone()) } else { Err("conflict") };
        }
        let row = self.booked.get(&setl).filter(|row| row.0 == person).ok_or("not found")?;
        if row.4.is_some() {
            return Err("already cancelled");
        }
        let latest = self.booked.iter().rev().find(|(_, row)| row.0 == person && row.4.is_none());
        if latest.map(|(sequence, _)| *sequence) != Some(setl) {
            return Err("blocked");
        }
        self.records += 1;
        let answer = format!("S{:016} cancels S{setl:016}", self.records);
        self.booked.get_mut(&setl).unwrap().4 = Some(self.records);
        self.messages.insert(msgid, (request, answer.clone()));
        Ok(answer)
    }
}

fn act_on(ledger: &Ledger, act: &Act) -> Result<String, &'static str> {
    match act {
        Act::Settle { msgid, person, visit, amount } => {
            let mut event = settle_event(&msgid.to_string(), &person.to_string(), &visit.to_string(), "");
            event.request = format!("settle {person} {visit} {amount}").into_bytes();
            let outcome = ledger.settle(event, decide(*amount));
            outcome.map(|done| answer(&done)).map_err(|error| match error {
                SettleError::NotBooked(NotBooked::Conflict { .. }) => "conflict",
                SettleError::AlreadySettled { .. } => "already settled",
                other => panic!("{other}"),
            })
        }
        Act::Cancel { msgid, person: psn_no, setl } => {
            let event = CancelEvent {
                message: message(&msgid.to_string()),
                person: person(&psn_no.to_string()),
                setl_id: format!("S{setl:016}").into(),
                booked_at_ms: 18,
                request: format!("cancel {psn_no} {setl}").into_bytes(),
            };
            let outcome = ledger.cancel(event, |settlement: &BookedSettlement, assigned: &Assigned| {
                Ok::<_, ()>(format!("{} cancels {}", assigned.setl_id, settlement.setl_id).into_bytes())
            });
            outcome.map(|done| answer(&done)).map_err(|error| match error {
                CancelError::NotBooked(NotBooked::Conflict { .. }) => "conflict",
                CancelError::NotFound => "not found",
                CancelError::AlreadyCancelled { .. } => "already cancelled",
                CancelError::Blocked { .. } => "blocked",
                other => panic!("{other:?}"),
            })
        }
        Act::Reopen => unreachable!("handled by the caller"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_equals_the_model(acts in prop::collection::vec(act(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(config(dir.path())).unwrap();
        let mut model = Model::default();
        for act in &acts {
            let expected = match act {
                Act::Settle { msgid, person, visit, amount } => model.settle(*msgid, *person, *visit, *amount),
                Act::Cancel { msgid, person, setl } => model.cancel(*msgid, *person, u64::from(*setl)),
                Act::Reopen => {
                    drop(ledger);
                    ledger = Ledger::open(config(dir.path())).unwrap();
                    prop_assert_eq!(ledger.open_report().tables_rebuilt.as_ref(), None);
                    continue;
                }
            };
            prop_assert_eq!(act_on(&ledger, act), expected, "{:?}", act);
        }
        for psn in 0u8..3 {
            let kept = ledger.accumulators(&person(&psn.to_string())).unwrap();
            prop_assert_eq!(kept.get(&key()).units(), model.used(psn));
        }
        let verified = ledger.verify().unwrap();
        prop_assert_eq!(verified.records, model.records);
        let owed: i64 = model.booked.values().filter(|row| row.4.is_none()).map(|row| row.2).sum();
        let receivable: i64 = verified.receivables.values().map(|amount| amount.units()).sum();
        prop_assert_eq!(receivable, owed);
    }
}
