//! Ledgers that every version of the format left behind: each must open, prove itself, and say what it said.
//!
//! `fixtures/ledgers/vN` was written once, by `examples/fixture.rs` of the release that wrote version N, and copied
//! with `bedside ledger backup`. `expected.txt` lists what is in it.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::convert::Infallible;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use bedside_claim::{AccumulatorChange, Owner};
use bedside_ledger::*;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/ledgers")
}

/// A fixture where it may be written to.
fn copied(version: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("journal")).unwrap();
    let from = fixtures().join(version);
    for entry in fs::read_dir(from.join("journal")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), dir.path().join("journal").join(entry.file_name())).unwrap();
    }
    if from.join("checkpoint").exists() {
        fs::copy(from.join("checkpoint"), dir.path().join("checkpoint")).unwrap();
    }
    dir
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn amounts(postings: &[Posting]) -> String {
    postings.iter().map(|it| format!("{} {}", it.account, it.amount)).collect::<Vec<_>>().join(" + ")
}

fn change_text(change: &AccumulatorChange) -> String {
    let family = match &change.key.owner {
        Owner::Person => String::new(),
        Owner::Family(family_no) => format!("{family_no}: "),
    };
    format!("{family}{}: {} to {}", change.key, change.before, change.after)
}

/// What an entry says, field by field; of the first four what their names have always said.
fn entry_text(entry: &Entry) -> String {
    let mut text = String::new();
    match entry {
        Entry::Settlement | Entry::Cancellation { .. } | Entry::Reversal { .. } | Entry::Tombstone { .. } => {
            write!(text, "{entry:?}").unwrap();
        }
        Entry::Erased { kind } => write!(text, "erased {kind:?}").unwrap(),
        Entry::Stay(change) => {
            write!(text, "{:?} reverses {:?}:", change.kind, change.reverses).unwrap();
            for line in &change.lines {
                write!(text, " {} of {:?}", line.feedetl_sn, line.refunds).unwrap();
            }
        }
        Entry::Hold(terms) => {
            write!(text, "hold until {} of {:?}", terms.until_ms, terms.family_no).unwrap();
            for change in &terms.quoted {
                write!(text, ", {}", change_text(change)).unwrap();
            }
            for (key, value) in terms.seen.iter() {
                write!(text, ", saw {key} {value}").unwrap();
            }
        }
        Entry::Correction(correction) => {
            write!(text, "correction of {}", correction.of).unwrap();
            for turn in &correction.turns {
                write!(text, "\n  {} of {}", turn.sequence, turn.psn_no).unwrap();
                let Some(new) = &turn.new else { continue };
                write!(
                    text,
                    " is version {} for {} in {}: {} = {}, posted {}, {} -> {}",
                    new.number,
                    new.replaces,
                    new.benefit_year,
                    new.medfee_sumamt,
                    amounts(&new.postings),
                    amounts(&new.net),
                    words(&new.bill),
                    words(&new.answer)
                )
                .unwrap();
                for change in &new.accumulators {
                    write!(text, ", {}", change_text(change)).unwrap();
                }
            }
            for NetChange { psn_no, change } in &correction.net {
                write!(text, "\n  {psn_no} {}", change_text(change)).unwrap();
            }
        }
        Entry::Register { rows } => {
            write!(text, "register").unwrap();
            for row in rows {
                match row {
                    RecordedRow::Erased { hash } => write!(text, "\n  erased {}", hex(hash)).unwrap(),
                    RecordedRow::Whole { row, salt } => write!(
                        text,
                        "\n  {} {} {} from {:?} until {:?}: {}, {}",
                        row.register,
                        row.subject,
                        row.item,
                        row.span.from,
                        row.span.until,
                        words(&row.content),
                        hex(salt)
                    )
                    .unwrap(),
                }
            }
        }
    }
    text
}

fn listing(ledger: &Ledger) -> String {
    let mut text = String::new();
    for item in ledger.records() {
        let (position, record) = item.unwrap();
        let Record { message, person, .. } = &record;
        writeln!(
            text,
            "{} {} at {} {}, booked {} in {}\n  {} {} {} {} {}: {} = {}",
            record.setl_id(),
            entry_text(&record.entry),
            position.segment,
            position.offset,
            record.booked_at_ms,
            record.benefit_year,
            message.tenant,
            message.fixmedins_code,
            message.msgid,
            person.psn_no,
            record.mdtrt_id,
            record.medfee_sumamt,
            amounts(&record.postings),
        )
        .unwrap();
        for change in &record.accumulators {
            writeln!(text, "  {}", change_text(change)).unwrap();
        }
        if record.part.is_some() || !record.bill.is_empty() {
            writeln!(text, "  part {:?}, bill {}", record.part, words(&record.bill)).unwrap();
        }
        match record.salt {
            Salt::None => {}
            Salt::Of(salt) => writeln!(text, "  salt {}", hex(&salt)).unwrap(),
            Salt::Erased(erased) => {
                writeln!(text, "  erased {} {}", hex(&erased.answer_hash), hex(&erased.content_hash))
                    .unwrap();
            }
        }
        writeln!(text, "  {} -> {}", words(&record.request), words(&record.answer)).unwrap();
    }
    let verification = ledger.verify().unwrap();
    let (reversals, tombstones) = (verification.reversals, verification.tombstones);
    if reversals + tombstones > 0 {
        writeln!(text, "{reversals} reversals, {tombstones} tombstones").unwrap();
    }
    let Verification { stay_calls, imports, corrections, holds, erased, .. } = verification;
    if stay_calls + imports + corrections + holds + erased > 0 {
        writeln!(
            text,
            "{stay_calls} calls of stays, {imports} imports, {corrections} corrections, {holds} holds, {erased} erased"
        )
        .unwrap();
        let tree = ledger.tree().unwrap();
        writeln!(text, "tree of {} with root {}", tree.size, hex(&tree.root)).unwrap();
    }
    let hash = hex(&verification.hash);
    writeln!(
        text,
        "{} settlements, {} cancellations, {} persons, hash {hash}",
        verification.settlements, verification.cancellations, verification.persons
    )
    .unwrap();
    text
}

fn holds(version: &str) {
    let dir = copied(version);
    let config = LedgerConfig { segment_bytes: 4096, ..LedgerConfig::at(dir.path()) };
    let ledger = Ledger::open(config).unwrap();
    assert_eq!(ledger.open_report().tail_cut, None);
    let found = listing(&ledger);
    let expected = fs::read_to_string(fixtures().join(version).join("expected.txt")).unwrap_or_default();
    assert_eq!(found, expected, "{version} says something else now:\n{found}");

    // the messages of then are answered as then, and the ledger goes on
    let stored = ledger.records().next().unwrap().unwrap().1;
    let event = SettleEvent {
        message: stored.message.clone(),
        person: stored.person.clone(),
        family_no: Some("F1".into()),
        hold_id: None,
        mdtrt_id: stored.mdtrt_id.clone(),
        stay: None,
        booked_at_ms: 1,
        request: stored.request.clone(),
    };
    let never = |_: &Seen, _: &Assigned| -> Result<Decision, Infallible> { panic!("it is booked") };
    let again = ledger.settle(event.clone(), never).unwrap();
    assert_eq!(again, Committed::Replayed(stored.receipt()));
    let message = MessageKey { msgid: "after".into(), ..event.message };
    let event = SettleEvent { message, mdtrt_id: "after".into(), ..event };
    let decide = |_: &Seen, _: &Assigned| {
        Ok::<_, Infallible>(Decision {
            benefit_year: 2026,
            medfee_sumamt: bedside_claim::Money::ZERO,
            postings: Vec::new(),
            accumulators: Vec::new(),
            answer: Vec::new(),
        })
    };
    ledger.settle(event, decide).unwrap();
    ledger.verify().unwrap();
}

#[test]
fn version_1_is_read() {
    holds("v1");
}

#[test]
fn version_2_is_read() {
    holds("v2");
}

#[test]
fn version_3_is_read() {
    holds("v3");
}

#[test]
fn version_4_is_read() {
    holds("v4");
}

#[test]
fn version_5_is_read() {
    holds("v5");
}
