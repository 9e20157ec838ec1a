//! Rows of registers against a calendar: one cell for each day, painted in the order of the rows.

// Test support is not a test to the lint.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{Date, Span};
use bedside_ledger::*;
use proptest::prelude::*;

const TENANT: &str = "zj";

fn config(dir: &std::path::Path) -> LedgerConfig {
    LedgerConfig { segment_bytes: 1 << 20, ..LedgerConfig::at(dir) }
}

fn day(number: i8) -> Date {
    Date::new(2026, 1, number).unwrap()
}

fn row(subject: &str, item: &str, span: (Option<i8>, Option<i8>), content: &str) -> RegisterRow {
    RegisterRow {
        register: 1,
        subject: subject.into(),
        item: item.into(),
        span: Span { from: span.0.map(day), until: span.1.map(day) },
        content: content.into(),
    }
}

fn event(msgid: &str, rows: Vec<RegisterRow>) -> RegisterEvent {
    RegisterEvent {
        message: MessageKey { tenant: TENANT.into(), fixmedins_code: "".into(), msgid: msgid.into() },
        booked_at_ms: 1_780_000_000_000,
        request: format!("chunk {msgid}").into_bytes(),
        rows,
    }
}

/// Item, first day, first day after, record, content.
fn standing(ledger: &Ledger, subject: &str) -> Vec<String> {
    let rows = ledger.standing_rows(TENANT, 1, subject).unwrap();
    let day = |day: Option<Date>| day.map_or("..".to_owned(), |day| day.day().to_string());
    rows.iter()
        .map(|row| {
            let content = String::from_utf8_lossy(&row.content);
            format!("{} {}-{} {} {content}", row.item, day(row.span.from), day(row.span.until), row.sequence)
        })
        .collect()
}

#[test]
fn a_later_row_takes_its_days_and_leaves_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(config(dir.path())).unwrap();
    let put = |msgid: &str, span, content: &str| {
        ledger.register(event(msgid, vec![row("p", "insured", span, content)])).unwrap()
    };
    put("1", (None, None), "a");
    assert_eq!(standing(&ledger, "p"), ["insured ..-.. 1 a"]);
    put("2", (Some(10), Some(20)), "b");
    assert_eq!(standing(&ledger, "p"), ["insured ..-10 1 a", "insured 10-20 2 b", "insured 20-.. 1 a"]);
    // one without content ends what stood, on its days only
    put("3", (Some(15), Some(25)), "");
    assert_eq!(standing(&ledger, "p"), ["insured ..-10 1 a", "insured 10-15 2 b", "insured 25-.. 1 a"]);
    // what stands already is not recorded, over whatever days of it
    for (msgid, span, content) in
        [("4", (Some(25), None), "a"), ("5", (Some(11), Some(15)), "b"), ("6", (Some(16), Some(24)), "")]
    {
        assert_eq!(put(msgid, span, content), Registered::Unchanged);
    }
    // a day more is
    assert!(matches!(put("7", (Some(11), Some(16)), "b"), Registered::New { rows: 1, .. }));
    assert_eq!(standing(&ledger, "p")[1..3], ["insured 10-11 2 b", "insured 11-16 4 b"]);
    assert_eq!(ledger.verify().unwrap().imports, 4);
}

#[test]
fn a_chunk_is_recorded_once_and_only_with_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(config(dir.path())).unwrap();
    let all = (None, None);
    let rows = vec![row("p", "a", all, "1"), row("p", "a", all, "1"), row("q", "a", all, "1")];
    let first = ledger.register(event("1", rows.clone())).unwrap();
    let Registered::New { receipt, rows: 2 } = first else { panic!("{first:?}") };
    assert_eq!(ledger.register(event("1", rows.clone())).unwrap(), Registered::Replayed(receipt));
    assert_eq!(ledger.register(event("2", rows)).unwrap(), Registered::Unchanged);
    let other = RegisterEvent { request: b"other".to_vec(), ..event("1", Vec::new()) };
    assert!(matches!(ledger.register(other), Err(RegisterError::Conflict)));
    let empty = event("3", vec![row("p", "a", (Some(2), Some(2)), "1")]);
    assert!(matches!(ledger.register(empty), Err(RegisterError::NoDays { index: 0 })));
    let long = event("4", vec![row("p", &"x".repeat(256), all, "1")]);
    assert!(matches!(ledger.register(long), Err(RegisterError::TooLarge(_))));
    // another tenant's register and another register are others
    assert!(ledger.standing_rows("sz", 1, "p").unwrap().is_empty());
    assert!(ledger.standing_rows(TENANT, 2, "p").unwrap().is_empty());
    let mut subjects = Vec::new();
    ledger.each_standing_row(TENANT, 1, |subject, row| subjects.push((subject, row.sequence))).unwrap();
    assert_eq!(subjects, [("p".into(), 1), ("q".into(), 1)]);
    assert!(matches!(
        ledger.message(&event("1", Vec::new()).message).unwrap(),
        Some(MessageRecord { kind: MessageKind::Register, .. })
    ));
}

/// A long history fills pages, each of them far below what sled keeps in a file of its own; taking it back empties them.
#[test]
fn a_long_history_is_kept_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(config(dir.path())).unwrap();
    let item = |number: u32| format!("balc/{number:05}");
    let content = "x".repeat(1_000);
    let all = (None, None);
    for part in 0..4 {
        let rows =
            (part * 50..(part + 1) * 50).map(|number| row("p", &item(number), all, &content)).collect();
        ledger.register(event(&part.to_string(), rows)).unwrap();
    }
    let standing = ledger.standing_rows(TENANT, 1, "p").unwrap();
    assert_eq!(standing.len(), 200);
    assert!(standing.iter().zip(0..).all(|(row, number)| *row.item == *item(number)));
    ledger.verify().unwrap();
    let ended = (0..199).map(|number| row("p", &item(number), all, "")).collect();
    ledger.register(event("ended", ended)).unwrap();
    assert_eq!(standing_items(&ledger), ["balc/00199"]);
    ledger.register(event("last", vec![row("p", &item(199), all, "")])).unwrap();
    assert!(standing_items(&ledger).is_empty() && !ledger.has_registers(TENANT).unwrap());
    ledger.verify().unwrap();
}

fn standing_items(ledger: &Ledger) -> Vec<String> {
    let rows = ledger.standing_rows(TENANT, 1, "p").unwrap();
    rows.iter().map(|row| row.item.to_string()).collect()
}

fn rows() -> impl Strategy<Value = Vec<RegisterRow>> {
    let bound = || prop_oneof![1 => Just(None), 4 => (1i8..=28).prop_map(Some)];
    let one = ("[pq]", "[ab]", bound(), bound(), "[xy]?");
    let one = one.prop_filter_map("days", |(subject, item, from, until, content)| {
        let has_days = !matches!((from, until), (Some(from), Some(until)) if until <= from);
        has_days.then(|| row(&subject, &item, (from, until), &content))
    });
    proptest::collection::vec(one, 1..6)
}

/// Content and record by subject, item and day; day 0 stands for all before the 1st, the last for all from the 28th on.
type Calendar = BTreeMap<(Arc<str>, Arc<str>, i8), (Vec<u8>, u64)>;

fn paint(calendar: &mut Calendar, row: &RegisterRow, sequence: u64) -> bool {
    let mut is_news = false;
    for number in 0..=28 {
        let inside = match number {
            0 => row.span.from.is_none(),
            number => row.span.contains(day(number)),
        };
        if !inside {
            continue;
        }
        let cell = (Arc::clone(&row.subject), Arc::clone(&row.item), number);
        let stood = calendar.get(&cell).map(|(content, _)| content.clone()).unwrap_or_default();
        is_news |= stood != row.content;
    }
    if is_news {
        for number in 0..=28 {
            let inside = if number == 0 { row.span.from.is_none() } else { row.span.contains(day(number)) };
            let cell = (Arc::clone(&row.subject), Arc::clone(&row.item), number);
            if inside && row.content.is_empty() {
                calendar.remove(&cell);
            } else if inside {
                calendar.insert(cell, (row.content.clone(), sequence));
            }
        }
    }
    is_news
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn tables_are_the_calendar(chunks in proptest::collection::vec(rows(), 1..8)) {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(config(dir.path())).unwrap();
        let mut calendar = Calendar::new();
        let mut sequence = 0;
        for (index, chunk) in chunks.into_iter().enumerate() {
            let news = chunk.iter().filter(|row| paint(&mut calendar, row, sequence + 1)).count();
            let registered = ledger.register(event(&index.to_string(), chunk)).unwrap();
            match registered {
                Registered::New { receipt, rows } => {
                    sequence += 1;
                    prop_assert_eq!((receipt.sequence, rows), (sequence, news));
                }
                _ => prop_assert_eq!(news, 0),
            }
        }
        let agrees = |ledger: &Ledger| {
            let mut found = Calendar::new();
            for subject in ["p", "q"] {
                for row in ledger.standing_rows(TENANT, 1, subject).unwrap() {
                    for number in 0..=28 {
                        let inside = if number == 0 { row.span.from.is_none() } else { row.span.contains(day(number)) };
                        if inside {
                            let cell = (subject.into(), Arc::clone(&row.item), number);
                            assert!(found.insert(cell, (row.content.clone(), row.sequence)).is_none());
                        }
                    }
                }
            }
            found == calendar
        };
        prop_assert!(agrees(&ledger));
        prop_assert_eq!(ledger.verify().unwrap().imports, sequence);
        drop(ledger);
        std::fs::remove_dir_all(dir.path().join("tables")).unwrap();
        let ledger = Ledger::open(config(dir.path())).unwrap();
        prop_assert!(agrees(&ledger));
        ledger.verify().unwrap();
    }
}
