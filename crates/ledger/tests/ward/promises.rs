//! What the ledger promises of holds, stays, registers and erased persons, one rule a function.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Date, Money, Owner, Span};
use bedside_ledger::*;

use super::rules::{Rule, hold, open_at, verified};
use super::told;
use crate::hospital::*;

/// The rules by name.
pub const RULES: [(&str, Rule); 10] = [
    ("a hold reserves until its time", a_hold_reserves_until_its_time),
    ("a hold reserves of the family", a_hold_reserves_of_the_family),
    ("a hold ends with its visit or its call", a_hold_ends),
    ("a stay that moved is not settled", a_stay_that_moved_is_not_settled),
    ("a line comes in once", a_line_comes_in_once),
    ("a settled line stands", a_settled_line_stands),
    ("a person is in one hospital", a_person_is_in_one_hospital),
    ("a later row takes its days", a_later_row_takes_its_days),
    ("a row that stands is no news", a_row_that_stands_is_no_news),
    ("an erased message stays used up", an_erased_message_stays_used_up),
];

const NOW: i64 = 1_780_000_000_000;
const UNTIL: i64 = NOW + 3_600_000;

/// Holds 60.00 for a visit of `p1`, of her own or of her family.
fn held(ledger: &Ledger, mdtrt_id: &str, owner: Owner) -> Result<(), String> {
    let event = HoldEvent {
        message: message(&format!("hold-{mdtrt_id}")),
        person: person("p1"),
        family_no: Some("F".into()),
        mdtrt_id: mdtrt_id.into(),
        until_ms: UNTIL,
        booked_at_ms: NOW,
        request: b"hold".to_vec(),
        stay: None,
    };
    let quote = move |seen: &Seen, _: &Assigned| {
        let key = key_of(owner.clone());
        let before = seen.booked.get(&key);
        let after = Money::from_units(before.units() + 60_00);
        let change = AccumulatorChange { key, before, after };
        Ok::<_, Infallible>(Quote { accumulators: vec![change], answer: b"quoted".to_vec() })
    };
    told(ledger.hold(event, quote)).map(drop)
}

fn key_of(owner: Owner) -> AccumulatorKey {
    AccumulatorKey { owner, ..paid_key(2026) }
}

/// What others find reserved of it.
fn reserved(ledger: &Ledger, psn_no: &str, owner: Owner, at_ms: i64) -> Result<i64, String> {
    let family: Arc<str> = "F".into();
    let seen = ledger.seen(&person(psn_no), Some(&family), &message(""), "another", at_ms);
    let seen = seen.map_err(|error| error.to_string())?;
    Ok(seen.reserved.get(&key_of(owner)).map_or(0, |reserved| reserved.amount.units()))
}

fn a_hold_reserves_until_its_time(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    held(&ledger, "v1", Owner::Person)?;
    for (at_ms, amount) in [(UNTIL - 1, 60_00), (UNTIL, 0)] {
        let found = reserved(&ledger, "p1", Owner::Person, at_ms)?;
        hold(found == amount, &format!("{found} is reserved at {at_ms}"))?;
    }
    verified(&ledger, 1)
}

fn a_hold_reserves_of_the_family(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    let family = Owner::Family("F".into());
    held(&ledger, "v1", family.clone())?;
    let found = reserved(&ledger, "p2", family, NOW)?;
    hold(found == 60_00, &format!("{found} is reserved for her husband to see"))?;
    verified(&ledger, 1)
}

fn a_hold_ends(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    held(&ledger, "v1", Owner::Person)?;
    told(ledger.settle(settle_event("m1", "p1", "v1", 2_00), halves(2026, 2_00)))?;
    hold(reserved(&ledger, "p1", Owner::Person, NOW)? == 0, "a settled visit still reserves")?;
    held(&ledger, "v2", Owner::Person)?;
    told(ledger.reverse(reverse_event("r1", "p1", "hold-v2", MessageKind::Hold), undo_or_bar))?;
    hold(reserved(&ledger, "p1", Owner::Person, NOW)? == 0, "a released hold still reserves")?;
    verified(&ledger, 4)
}

/// A call of the stay `v1` of `p1`.
fn call(ledger: &Ledger, msgid: &str, kind: StayKind, lines: &[&str]) -> Result<(), StayError<Infallible>> {
    let line = |feedetl_sn: &&str| StayLine { feedetl_sn: Arc::from(*feedetl_sn), refunds: None };
    let event = StayEvent {
        message: message(msgid),
        person: person("p1"),
        mdtrt_id: Some("v1".into()),
        kind,
        lines: StayLines::These(lines.iter().map(line).collect()),
        version: None,
        booked_at_ms: NOW,
        request: msgid.into(),
    };
    ledger.stay(event, |_| Ok::<_, Infallible>(b"taken".to_vec())).map(drop)
}

fn taken(ledger: &Ledger, msgid: &str, kind: StayKind, lines: &[&str]) -> Result<(), String> {
    call(ledger, msgid, kind, lines).map_err(|error| format!("{msgid}: {error:?}"))
}

fn version(ledger: &Ledger) -> Result<u64, String> {
    let stay = ledger.standing_stay(&message(""), &"v1".into()).map_err(|error| error.to_string())?;
    Ok(stay.map_or(0, |stay| stay.version))
}

fn settles(
    ledger: &Ledger,
    msgid: &str,
    (part, version): (StayPart, u64),
) -> Result<Committed, SettleError<Infallible>> {
    let stay = Some(SettledStay { part, version, bill: b"bill".to_vec() });
    ledger.settle(SettleEvent { stay, ..settle_event(msgid, "p1", "v1", 2_00) }, halves(2026, 2_00))
}

fn a_stay_that_moved_is_not_settled(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    taken(&ledger, "admit", StayKind::Admit, &[])?;
    taken(&ledger, "fees", StayKind::FeesIn, &["1"])?;
    let seen = version(&ledger)?;
    taken(&ledger, "more", StayKind::FeesIn, &["2"])?;
    let outcome = settles(&ledger, "m1", (StayPart::MidStay, seen));
    hold(matches!(outcome, Err(SettleError::Moved)), &format!("{outcome:?}"))
}

fn a_line_comes_in_once(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    taken(&ledger, "admit", StayKind::Admit, &[])?;
    taken(&ledger, "fees", StayKind::FeesIn, &["1"])?;
    let again = call(&ledger, "again", StayKind::FeesIn, &["1"]);
    let holds = matches!(again, Err(StayError::Stay(StayRefusal::LineExists { .. })));
    hold(holds, &format!("{again:?}"))?;
    verified(&ledger, 2)
}

fn a_settled_line_stands(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    taken(&ledger, "admit", StayKind::Admit, &[])?;
    taken(&ledger, "fees", StayKind::FeesIn, &["1"])?;
    told(settles(&ledger, "m1", (StayPart::MidStay, version(&ledger)?)))?;
    let gone = call(&ledger, "withdraw", StayKind::FeesOut, &["1"]);
    let holds = matches!(gone, Err(StayError::Stay(StayRefusal::LineSettled { .. })));
    hold(holds, &format!("{gone:?}"))?;
    verified(&ledger, 3)
}

/// Also once she is found not to have left.
fn a_person_is_in_one_hospital(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    taken(&ledger, "admit", StayKind::Admit, &[])?;
    taken(&ledger, "discharge", StayKind::Discharge, &[])?;
    taken(&ledger, "back", StayKind::CancelDischarge, &[])?;
    let event = StayEvent {
        message: message("elsewhere"),
        person: person("p1"),
        mdtrt_id: Some("v2".into()),
        kind: StayKind::Admit,
        lines: StayLines::These(Vec::new()),
        version: None,
        booked_at_ms: NOW,
        request: b"elsewhere".to_vec(),
    };
    let outcome = ledger.stay(event, |_| Ok::<_, Infallible>(b"taken".to_vec()));
    let holds = matches!(outcome, Err(StayError::Stay(StayRefusal::InHospital { .. })));
    hold(holds, &format!("{outcome:?}"))?;
    verified(&ledger, 3)
}

fn day(number: i8) -> Date {
    Date::new(2026, 1, number).unwrap()
}

fn register(ledger: &Ledger, msgid: &str, days: (i8, i8), content: &str) -> Result<Registered, String> {
    let row = RegisterRow {
        register: PERSONS,
        subject: "p1".into(),
        item: "insured".into(),
        span: Span { from: Some(day(days.0)), until: Some(day(days.1)) },
        content: content.into(),
    };
    let event = RegisterEvent {
        message: MessageKey { fixmedins_code: "".into(), ..message(msgid) },
        booked_at_ms: NOW,
        request: msgid.into(),
        rows: vec![row],
    };
    ledger.register(event).map_err(|error| format!("{error:?}"))
}

fn a_later_row_takes_its_days(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    register(&ledger, "first", (1, 20), "here")?;
    register(&ledger, "second", (10, 15), "there")?;
    let rows = ledger.standing_rows("zj", PERSONS, "p1").map_err(|error| error.to_string())?;
    let found: Vec<_> = rows.iter().map(|row| (row.span.from, row.span.until, &*row.content)).collect();
    let piece = |from, until, content: &'static [u8]| (Some(day(from)), Some(day(until)), content);
    let expected = [piece(1, 10, b"here"), piece(10, 15, b"there"), piece(15, 20, b"here")];
    hold(found == expected, &format!("{found:?} stands"))?;
    verified(&ledger, 2)
}

fn a_row_that_stands_is_no_news(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    register(&ledger, "first", (1, 20), "here")?;
    let again = register(&ledger, "second", (5, 10), "here")?;
    hold(matches!(again, Registered::Unchanged), &format!("{again:?}"))?;
    verified(&ledger, 1)
}

fn an_erased_message_stays_used_up(dir: &Path) -> Result<(), String> {
    let (from, to) = (dir.join("from"), dir.join("to"));
    let ledger = open_at(&from)?;
    let again = |ledger: &Ledger| ledger.settle(settle_event("m1", "p1", "v1", 2_00), halves(2026, 2_00));
    told(again(&ledger))?;
    drop(ledger);
    erase(&from, &to, &["p1"]).map_err(|error| format!("{error:?}"))?;
    let ledger = open_at(&to)?;
    let outcome = again(&ledger);
    hold(matches!(outcome, Err(SettleError::NotBooked(NotBooked::Erased { .. }))), &format!("{outcome:?}"))?;
    verified(&ledger, 1)
}
