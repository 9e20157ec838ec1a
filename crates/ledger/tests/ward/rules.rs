//! What the ledger promises, one rule a function, each small enough to say by its name what broke.
//!
//! The rules run in a process of their own each, so that a bug planted there (`tests/planted.rs`) meets nothing else.

use std::path::Path;

use super::*;

/// Holds in a new directory, or says what does not.
pub type Rule = fn(&Path) -> Result<(), String>;

/// The rules by name.
pub const RULES: [(&str, Rule); 22] = [
    ("the history comes out right", the_history_comes_out_right),
    ("answers come in the order of the calls", answers_come_in_order),
    ("a message is booked once", a_message_is_booked_once),
    ("a group sees itself", a_group_sees_itself),
    ("other content is a conflict", other_content_is_a_conflict),
    ("a message belongs to its hospital", a_message_belongs_to_its_hospital),
    ("a visit is settled once", a_visit_is_settled_once),
    ("postings sum to the total", postings_sum_to_the_total),
    ("the latest is cancelled first", the_latest_is_cancelled_first),
    ("a cancelled visit is settled again", a_cancelled_visit_is_settled_again),
    ("a reversed message never arrives", a_reversed_message_never_arrives),
    ("the latest is reversed first", the_latest_is_reversed_first),
    ("a correction reaches the later ones", a_correction_reaches_the_later_ones),
    ("a correction posts the difference", a_correction_posts_the_difference),
    ("one process has the ledger", one_process_has_the_ledger),
    ("a changed byte is never answered", a_changed_byte_is_never_answered),
    ("a forged record breaks the chain", a_forged_record_breaks_the_chain),
    ("padding is empty", padding_is_empty),
    ("a torn tail is cut for good", a_torn_tail_is_cut_for_good),
    ("damage is no torn tail", damage_is_no_torn_tail),
    ("a lost record is refused", a_lost_record_is_refused),
    ("changed rows are made again", changed_rows_are_made_again),
];

pub(super) fn open_at(dir: &Path) -> Result<Ledger, String> {
    Ledger::open(small_segments(dir)).map_err(|error| format!("does not open: {error:?}"))
}

fn book(ledger: &Ledger, number: u32, person: u32) -> Result<String, String> {
    let event = settlement_event(number, person, 2_00);
    told(ledger.settle(event, halves(2026, 2_00))).map(|(setl_id, _)| setl_id)
}

pub(super) fn hold(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

pub(super) fn verified(ledger: &Ledger, records: u64) -> Result<(), String> {
    let found = ledger.verify().map_err(|error| format!("verify: {error}"))?.records;
    hold(found == records, &format!("{found} records, not {records}"))
}

/// The journal's segments in order.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(dir.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "journal"));
    files.sort();
    files
}

/// Where the frames of a segment begin and end, read with nothing but the format's description.
fn frames(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut frames, mut at) = (Vec::new(), 64);
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        if length == 0 {
            break;
        }
        frames.push((at, at + 52 + length));
        at += 52 + length;
    }
    frames
}

/// A closed ledger of so many settlements of three persons, each a group of its own.
fn closed(dir: &Path, settlements: u32) -> Result<(), String> {
    let ledger = open_at(dir)?;
    (0..settlements).try_for_each(|number| book(&ledger, number, number % 3).map(drop))
}

/// As a power cut may leave it: the journal alone, without any proof of how far it reached.
fn forget_all_but_the_journal(dir: &Path) {
    fs::remove_dir_all(dir.join("tables")).unwrap();
    let _ = fs::remove_file(dir.join("checkpoint"));
}

fn the_history_comes_out_right(dir: &Path) -> Result<(), String> {
    let mut known = Acknowledged::new();
    play_sessions(dir, &mut keep(&mut known))?;
    check_dir(dir, &known)?;
    // The backup of the second session holds its answers, and goes on from there on its own.
    let last = script().into_iter().take(2).flatten().flatten().count();
    let copied = known.into_iter().filter(|(number, _)| (*number as usize) < last).collect();
    check_dir(&copy_of(dir), &copied).map_err(|what| format!("the backup: {what}"))?;
    let ledger = open_at(dir)?;
    let report = ledger.open_report();
    hold(report.replayed == 0 && report.tables_rebuilt.is_none(), "a clean stop left something to do")
}

fn answers_come_in_order(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    for group in script().iter().flatten() {
        let numbers: Vec<u32> = play_group(&ledger, group).into_iter().map(|(number, _)| number).collect();
        let sent: Vec<u32> = group
            .iter()
            .map(|step| match *step {
                Step::Settle { number, .. } | Step::Cancel { number, .. } | Step::Reverse { number, .. } => {
                    number
                }
            })
            .collect();
        hold(numbers == sent, &format!("sent {sent:?}, answered {numbers:?}"))?;
    }
    Ok(())
}

fn a_message_is_booked_once(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    let first = book(&ledger, 1, 1)?;
    hold(book(&ledger, 1, 1)? == first, "the second answer is another")?;
    drop(ledger);
    let ledger = open_at(dir)?;
    hold(book(&ledger, 1, 1)? == first, "the answer after an opening is another")?;
    verified(&ledger, 1)
}

fn a_group_sees_itself(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    let settle = |number| Step::Settle { number, person: 1, fen: 2_00 };
    let outcomes = play_group(&ledger, &[settle(1), settle(1), settle(2)]);
    let ids: Vec<_> = outcomes.into_iter().map(|(_, outcome)| outcome).collect::<Result<_, _>>()?;
    hold(ids[0] == ids[1] && ids[1] != ids[2], "twins in one group have two answers")?;
    verified(&ledger, 2)
}

fn other_content_is_a_conflict(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    book(&ledger, 1, 1)?;
    let mut other = settlement_event(1, 1, 2_00);
    other.request.push(b'!');
    let outcome = ledger.settle(other, halves(2026, 2_00));
    hold(matches!(outcome, Err(SettleError::NotBooked(NotBooked::Conflict { .. }))), &format!("{outcome:?}"))
}

fn a_message_belongs_to_its_hospital(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    book(&ledger, 1, 1)?;
    let mut elsewhere = settlement_event(1, 1, 2_00);
    elsewhere.message.fixmedins_code = "H2".into();
    let outcome = ledger.settle(elsewhere, halves(2026, 2_00));
    hold(matches!(outcome, Ok(Committed::New(_))), &format!("{outcome:?}"))?;
    verified(&ledger, 2)
}

fn a_visit_is_settled_once(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    book(&ledger, 1, 1)?;
    let mut twin = settlement_event(2, 1, 2_00);
    twin.mdtrt_id = "v1".into();
    let outcome = ledger.settle(twin, halves(2026, 2_00));
    hold(matches!(outcome, Err(SettleError::AlreadySettled { .. })), &format!("{outcome:?}"))
}

fn postings_sum_to_the_total(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    let decide = halves(2026, 2_00);
    let outcome = ledger.settle(settlement_event(1, 1, 2_00), move |accumulators, assigned| {
        let mut decision = decide(accumulators, assigned)?;
        decision.postings.pop();
        Ok::<_, std::convert::Infallible>(decision)
    });
    hold(matches!(outcome, Err(SettleError::Unbalanced { .. })), &format!("{outcome:?}"))
}

fn the_latest_is_cancelled_first(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    let first = book(&ledger, 1, 1)?;
    book(&ledger, 2, 1)?;
    let outcome = ledger.cancel(cancel_event("c1", "p1", &first), agree);
    hold(matches!(outcome, Err(CancelError::Blocked { .. })), &format!("{outcome:?}"))
}

fn a_cancelled_visit_is_settled_again(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    let first = book(&ledger, 1, 1)?;
    told(ledger.cancel(cancel_event("c1", "p1", &first), agree))?;
    hold(crate::hospital::paid(&ledger, "p1") == 0, "a cancelled settlement still counts")?;
    let mut again = settlement_event(2, 1, 2_00);
    again.mdtrt_id = "v1".into();
    told(ledger.settle(again, halves(2026, 2_00)))?;
    hold(crate::hospital::paid(&ledger, "p1") == 1_00, "the second settlement is not what counts")?;
    verified(&ledger, 3)
}

/// Neither in the group of the reversal, nor later, nor after an opening, nor from tables that were made again.
fn a_reversed_message_never_arrives(dir: &Path) -> Result<(), String> {
    let refused = |outcome: Result<Committed, SettleError<_>>| {
        let holds =
            matches!(&outcome, Err(SettleError::NotBooked(NotBooked::Reversed { by })) if &**by == "m2");
        hold(holds, &format!("{outcome:?}"))
    };
    let late = |ledger: &Ledger| ledger.settle(settlement_event(1, 1, 2_00), halves(2026, 2_00));
    let ledger = open_at(dir)?;
    let group = [
        Step::Settle { number: 3, person: 1, fen: 2_00 },
        Step::Reverse { number: 2, person: 1, of: 1 },
        Step::Settle { number: 1, person: 1, fen: 2_00 },
    ];
    let outcomes = play_group(&ledger, &group);
    hold(outcomes[1].1.is_ok() && outcomes[2].1.is_err(), &format!("{outcomes:?}"))?;
    refused(late(&ledger))?;
    let cancel = ledger.cancel(cancel_event("m1", "p1", "S0000000000000001"), agree);
    hold(matches!(cancel, Err(CancelError::NotBooked(NotBooked::Reversed { .. }))), &format!("{cancel:?}"))?;
    drop(ledger);
    refused(late(&open_at(dir)?))?;
    fs::remove_dir_all(dir.join("tables")).unwrap();
    let ledger = open_at(dir)?;
    refused(late(&ledger))?;
    verified(&ledger, 2)
}

fn the_latest_is_reversed_first(dir: &Path) -> Result<(), String> {
    let ledger = open_at(dir)?;
    book(&ledger, 1, 1)?;
    let second = book(&ledger, 2, 1)?;
    let outcome = ledger.reverse(reversal_event(3, 1, 1), undo_or_bar);
    let holds = matches!(&outcome, Err(ReverseError::Blocked { by }) if **by == *second);
    hold(holds, &format!("{outcome:?}"))?;
    told(ledger.reverse(reversal_event(4, 1, 2), undo_or_bar))?;
    told(ledger.reverse(reversal_event(3, 1, 1), undo_or_bar))?;
    hold(crate::hospital::paid(&ledger, "p1") == 0, "a reversed settlement still counts")?;
    verified(&ledger, 4)
}

/// Halves again, from the text that was stored: the fen are its fourth word.
struct Halves;

fn fen_of(bill: &[u8]) -> Result<i64, String> {
    let text = String::from_utf8_lossy(bill);
    let word = text.split(' ').nth(3).map(|word| word.trim_end_matches('.'));
    word.and_then(|word| word.parse().ok()).ok_or_else(|| format!("no bill: {text}"))
}

impl Readjudication for Halves {
    type Refusal = String;

    fn facts(&self, bill: &[u8]) -> Result<Facts, String> {
        fen_of(bill)?;
        let settled = bedside_claim::Date::new(2026, 3, 1).unwrap();
        Ok(Facts { service: Service { ended: settled.at(0, 0, 0, 0), settled }, family_no: None })
    }

    fn decide(
        &self,
        bill: &[u8],
        standing: &Standing<'_>,
        accumulators: &bedside_claim::Accumulators,
    ) -> Result<Decision, String> {
        let decided = halves(2026, fen_of(bill)?)(&Seen::of(accumulators.clone()), standing.assigned);
        decided.map_err(|never| match never {})
    }

    fn answer(&self, effect: &Effect, assigned: &Assigned) -> Result<Vec<u8>, String> {
        Ok(format!("{} changes {}", assigned.setl_id, effect.changed.len()).into_bytes())
    }
}

/// Two bills of one person, of which the cap cuts the second; then the first is found to have been a third.
fn corrected(dir: &Path) -> Result<Ledger, String> {
    let ledger = open_at(dir)?;
    for number in [1, 2] {
        let (settled, event) = (halves(2026, 120_00), settlement_event(number, 1, 120_00));
        told(ledger.settle(event, settled))?;
    }
    let event = CorrectEvent {
        message: message("k1"),
        person: crate::hospital::person("p1"),
        setl_id: "S0000000000000001".into(),
        bill: Some(b"settle p1 v1 4000".to_vec()),
        run: Run::Book,
        booked_at_ms: 1_780_000_300_000,
        request: b"correct".to_vec(),
    };
    let outcome = ledger.correct(event, Halves);
    hold(matches!(outcome, Ok(Corrected::Booked(Committed::New(_)))), &format!("{outcome:?}"))?;
    Ok(ledger)
}

fn a_correction_reaches_the_later_ones(dir: &Path) -> Result<(), String> {
    let ledger = corrected(dir)?;
    hold(
        crate::hospital::paid(&ledger, "p1") == 80_00,
        "the accumulators are not those of the corrected bills",
    )?;
    for (setl_id, paid) in [("S0000000000000001", 20_00), ("S0000000000000002", 60_00)] {
        let found = ledger.settlement("zj", setl_id).map_err(|error| error.to_string())?.unwrap();
        let insurer = found.postings[0].amount.units();
        hold((found.version, insurer) == (2, paid), &format!("{setl_id} is paid {insurer}, not {paid}"))?;
    }
    verified(&ledger, 3)
}

fn a_correction_posts_the_difference(dir: &Path) -> Result<(), String> {
    let ledger = corrected(dir)?;
    let record = ledger.records().last().unwrap().map_err(|error| error.to_string())?.1;
    let posted: Vec<_> = record.postings.iter().map(|it| (&*it.account, it.amount.units())).collect();
    hold(posted == [("cash", -60_00), ("insurer", -20_00)], &format!("{posted:?} is posted"))?;
    hold(record.medfee_sumamt.units() == -80_00, "the hospital is not owed what the bills come to")?;
    verified(&ledger, 3)
}

fn one_process_has_the_ledger(dir: &Path) -> Result<(), String> {
    let _ledger = open_at(dir)?;
    // Without tables, whose own lock would say no as well.
    let _gone = fs::rename(dir.join("tables"), dir.join("tables.away"));
    let second = Ledger::open(small_segments(dir));
    let second = second.map(drop);
    hold(matches!(second, Err(OpenError::Locked)), &format!("a second opening came to {second:?}"))
}

/// What a record ends with, behind its answer: no bill, four bytes that say so, and the salt.
const BEHIND_THE_ANSWER: usize = 4 + 32;

fn a_changed_byte_is_never_answered(dir: &Path) -> Result<(), String> {
    let origin = dir.join("origin");
    let mut known = Acknowledged::new();
    play_sessions(&origin, &mut keep(&mut known))?;
    let file = segments(&origin).remove(0);
    let whole = fs::read(&file).unwrap();
    for (_, end) in frames(&whole) {
        let mut bytes = whole.clone();
        bytes[end - BEHIND_THE_ANSWER - 1] ^= 1;
        fs::write(&file, bytes).unwrap();
        let found = look_at(&origin, &known)?;
        hold(found != Found::Whole, "a changed answer was not noticed")?;
    }
    Ok(())
}

/// Someone who knows the format changes what was booked and mends the checksum.
fn a_forged_record_breaks_the_chain(dir: &Path) -> Result<(), String> {
    closed(dir, 5)?;
    let file = segments(dir).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let (start, end) = frames(&bytes)[1];
    let seed = u32::from_le_bytes(bytes[60..64].try_into().unwrap());
    let sum = |bytes: &[u8]| {
        crc32c::crc32c_append(crc32c::crc32c_append(seed, &bytes[start..start + 4]), &bytes[start + 8..end])
    };
    let stored = u32::from_le_bytes(bytes[start + 4..start + 8].try_into().unwrap());
    assert_eq!(sum(&bytes), stored, "the rule reads the format as the ledger does");
    bytes[end - 1] ^= 1;
    let mended = sum(&bytes);
    bytes[start + 4..start + 8].copy_from_slice(&mended.to_le_bytes());
    fs::write(&file, bytes).unwrap();
    forget_all_but_the_journal(dir);
    hold(Ledger::open(small_segments(dir)).is_err(), "a forged record was rebuilt from")
}

fn padding_is_empty(dir: &Path) -> Result<(), String> {
    closed(dir, 12)?;
    let file = segments(dir).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let told = open_at(dir)?.verify().is_err();
    hold(told, "something hides behind the last record of a segment")
}

/// The last group reached the disk in part, and its place is taken by a shorter one.
fn a_torn_tail_is_cut_for_good(dir: &Path) -> Result<(), String> {
    closed(dir, 3)?;
    forget_all_but_the_journal(dir);
    let file = segments(dir).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let (start, end) = frames(&bytes)[2];
    bytes[start + 60] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let ledger = open_at(dir)?;
    hold(ledger.open_report().records == 2, "a torn record counts")?;
    let event = settle_event("short", "p1", "short", 2_00);
    told(ledger.settle(event, halves(2026, 2_00)))?;
    drop(ledger);
    let bytes = fs::read(&file).unwrap();
    hold(bytes[end - 100..end].iter().all(|byte| *byte == 0), "what was torn is still there")?;
    let ledger = open_at(dir)?;
    hold(ledger.open_report().tail_cut.is_none(), "the tail is torn again")?;
    verified(&ledger, 3)
}

fn damage_is_no_torn_tail(dir: &Path) -> Result<(), String> {
    closed(dir, 4)?;
    forget_all_but_the_journal(dir);
    let file = segments(dir).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let (start, end) = frames(&bytes)[1];
    bytes[start..end].fill(0);
    fs::write(&file, &bytes).unwrap();
    hold(Ledger::open(small_segments(dir)).is_err(), "records behind damage were dropped without a word")
}

/// Either of the tables and the checkpoint is enough to prove that an acknowledged record is gone.
fn a_lost_record_is_refused(dir: &Path) -> Result<(), String> {
    for kept in ["tables", "checkpoint"] {
        let dir = dir.join(kept);
        closed(&dir, 3)?;
        if kept == "tables" {
            fs::remove_file(dir.join("checkpoint")).unwrap();
        } else {
            fs::remove_dir_all(dir.join("tables")).unwrap();
        }
        let file = segments(&dir).remove(0);
        let mut bytes = fs::read(&file).unwrap();
        let (start, _) = frames(&bytes)[2];
        bytes[start..].fill(0);
        fs::write(&file, &bytes).unwrap();
        let opened = Ledger::open(small_segments(&dir));
        hold(opened.is_err(), &format!("opened without an acknowledged record that the {kept} had named"))?;
    }
    Ok(())
}

/// Rows changed, removed, and put in from another ledger, past the ledger but not past sled.
fn changed_rows_are_made_again(dir: &Path) -> Result<(), String> {
    for harm in ["changed", "removed", "foreign"] {
        let own = dir.join(harm);
        closed(&own, 3)?;
        if harm == "foreign" {
            let other = dir.join("other");
            let ledger = open_at(&other)?;
            for number in 0..3 {
                // The same sequences at the same places, and another person.
                book(&ledger, number, 5)?;
            }
            drop(ledger);
            fs::remove_dir_all(own.join("tables")).unwrap();
            fs::rename(other.join("tables"), own.join("tables")).unwrap();
        } else {
            let db = sled::open(own.join("tables")).unwrap();
            let (key, value) = db.scan_prefix("a").next().unwrap().unwrap();
            if harm == "changed" {
                let mut value = value.to_vec();
                *value.last_mut().unwrap() ^= 1;
                db.insert(key, value).unwrap();
            } else {
                db.remove(key).unwrap();
            }
            db.flush().unwrap();
        }
        let ledger = open_at(&own)?;
        verified(&ledger, 3).map_err(|what| format!("{harm}: {what}"))?;
        for person in 0..3 {
            let paid = crate::hospital::paid(&ledger, &format!("p{person}"));
            hold(paid == 1_00, &format!("{harm}: person {person} was paid {paid}"))?;
        }
    }
    Ok(())
}
