//! A small hospital whose bills are paid half by an insurer up to 100.00 a year, the rest in cash: what a person pays
//! depends on the order of the settlements.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::path::Path;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Measure, Money};
use bedside_ledger::*;

pub const CAP_YEAR: i64 = 100_00;

pub fn config(dir: &Path) -> LedgerConfig {
    LedgerConfig { segment_bytes: 16 << 10, ..LedgerConfig::at(dir) }
}

pub fn open(dir: &Path) -> Ledger {
    Ledger::open(config(dir)).unwrap()
}

pub fn message(msgid: &str) -> MessageKey {
    MessageKey { tenant: "zj".into(), fixmedins_code: "H1".into(), msgid: msgid.into() }
}

pub fn person(psn_no: &str) -> PersonKey {
    PersonKey { tenant: "zj".into(), psn_no: psn_no.into() }
}

pub fn settle_event(msgid: &str, psn_no: &str, mdtrt_id: &str, fen: i64) -> SettleEvent {
    SettleEvent {
        message: message(msgid),
        person: person(psn_no),
        family_no: None,
        hold_id: None,
        mdtrt_id: mdtrt_id.into(),
        stay: None,
        booked_at_ms: 1_780_000_000_000,
        request: format!("settle {psn_no} {mdtrt_id} {fen}").into_bytes(),
    }
}

pub fn cancel_event(msgid: &str, psn_no: &str, setl_id: &str) -> CancelEvent {
    CancelEvent {
        message: message(msgid),
        person: person(psn_no),
        setl_id: setl_id.into(),
        booked_at_ms: 1_780_000_100_000,
        request: format!("cancel {psn_no} {setl_id}").into_bytes(),
    }
}

/// Reverses the call under `omsgid`.
pub fn reverse_event(msgid: &str, psn_no: &str, omsgid: &str, okind: MessageKind) -> ReverseEvent {
    ReverseEvent {
        message: message(msgid),
        person: person(psn_no),
        omsgid: omsgid.into(),
        okind,
        booked_at_ms: 1_780_000_200_000,
        request: format!("reverse {psn_no} {okind:?} {omsgid}").into_bytes(),
    }
}

pub fn paid_key(benefit_year: i16) -> AccumulatorKey {
    AccumulatorKey::of_year(benefit_year, "zj/demo".into(), "inpatient".into(), Measure::Paid)
}

pub fn halves(
    benefit_year: i16,
    fen: i64,
) -> impl Fn(&Seen, &Assigned) -> Result<Decision, Infallible> + Send + Clone + 'static {
    move |seen, assigned| {
        let key = paid_key(benefit_year);
        let before = seen.booked.get(&key);
        let paid = (fen / 2).min(CAP_YEAR - before.units());
        let after = Money::from_units(before.units() + paid);
        let posting =
            |account: &str, fen| Posting { account: account.into(), amount: Money::from_units(fen) };
        Ok(Decision {
            benefit_year,
            medfee_sumamt: Money::from_units(fen),
            postings: vec![posting("insurer", paid), posting("cash", fen - paid)],
            accumulators: vec![AccumulatorChange { key, before, after }],
            answer: format!("{} pays {paid} of {fen}", assigned.setl_id).into_bytes(),
        })
    }
}

pub fn agree(settlement: &BookedSettlement, assigned: &Assigned) -> Result<Vec<u8>, Infallible> {
    Ok(format!("{} undoes {}", assigned.setl_id, settlement.setl_id).into_bytes())
}

/// The answer to a reversal.
pub fn undo_or_bar(
    settlement: Option<&BookedSettlement>,
    assigned: &Assigned,
) -> Result<Vec<u8>, Infallible> {
    let answer = match settlement {
        Some(settlement) => format!("{} reverses {}", assigned.setl_id, settlement.setl_id),
        None => format!("{} bars it", assigned.setl_id),
    };
    Ok(answer.into_bytes())
}

/// Settles and gives the `setl_id`.
pub fn settle(ledger: &Ledger, msgid: &str, psn_no: &str, mdtrt_id: &str, fen: i64) -> String {
    let committed = ledger.settle(settle_event(msgid, psn_no, mdtrt_id, fen), halves(2026, fen)).unwrap();
    assert!(matches!(committed, Committed::New(_)), "{committed:?}");
    committed.receipt().setl_id.to_string()
}

pub fn cancel(
    ledger: &Ledger,
    msgid: &str,
    psn_no: &str,
    setl_id: &str,
) -> Result<Committed, CancelError<Infallible>> {
    ledger.cancel(cancel_event(msgid, psn_no, setl_id), agree)
}

/// Reverses the settlement under `omsgid`.
pub fn reverse(
    ledger: &Ledger,
    msgid: &str,
    psn_no: &str,
    omsgid: &str,
) -> Result<Committed, ReverseError<Infallible>> {
    ledger.reverse(reverse_event(msgid, psn_no, omsgid, MessageKind::Settle), undo_or_bar)
}

pub fn paid(ledger: &Ledger, psn_no: &str) -> i64 {
    ledger.accumulators(&person(psn_no)).unwrap().get(&paid_key(2026)).units()
}

/// The register of persons.
pub const PERSONS: u8 = 1;

pub fn erase(from: &Path, to: &Path, numbers: &[&str]) -> Result<Erasure, EraseError> {
    let persons: BTreeSet<PersonKey> = numbers.iter().map(|psn_no| person(psn_no)).collect();
    erase_persons(from, to, &persons, PERSONS, |_| {})
}

/// Whether a text stands anywhere in the files of a folder.
pub fn is_found(text: &str, folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| match path.is_dir() {
        true => is_found(text, &path),
        false => fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()),
    })
}

/// Erases persons from a ledger at rest: chain, tree and sums are what they were, nothing in any file names them, and one
/// who is not erased has what he had, and his family `F` too, also in tables that are made again. Whether they were: nothing
/// is where there is no record of one, or a correction reached somebody else.
pub fn erases(from: &Path, erased: &[&str], other: &str, config: impl Fn(&Path) -> LedgerConfig) -> bool {
    let to = from.with_extension("erased");
    let ledger = Ledger::open(config(from)).unwrap();
    let stands = |ledger: &Ledger| {
        let accumulators = ledger.accumulators_with_family(&person(other), "F").unwrap();
        (ledger.tree().unwrap(), ledger.verify().unwrap(), accumulators)
    };
    let before = stands(&ledger);
    drop(ledger);
    match erase(from, &to, erased) {
        Err(EraseError::NotFound { .. } | EraseError::Shared { .. }) => return false,
        made => assert!(made.unwrap().erased > 0),
    }
    let Verification { erased: count, persons, stay_calls, holds, reversals, .. } = before.1;
    for is_made_again in [false, true] {
        if is_made_again {
            fs::remove_dir_all(to.join("tables")).unwrap();
        }
        let ledger = Ledger::open(config(&to)).unwrap();
        let after = stands(&ledger);
        // What the erased persons' calls of stays and holds were, is not counted any more.
        assert!(after.1.stay_calls <= stay_calls && after.1.holds <= holds && after.1.erased > count);
        let sums = Verification { erased: count, persons, stay_calls, holds, reversals, ..after.1 };
        assert_eq!((&after.0, &sums, &after.2), (&before.0, &before.1, &before.2));
        assert!(erased.iter().all(|psn_no| ledger.accumulators(&person(psn_no)).unwrap().is_empty()));
    }
    assert!(erased.iter().all(|psn_no| is_found(psn_no, from) && !is_found(psn_no, &to)));
    fs::remove_dir_all(to).unwrap();
    true
}
