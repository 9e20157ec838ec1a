//! `bedside ledger` as operators run it, on a ledger at rest and on one that serves.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use bedside_claim::{AccumulatorChange, AccumulatorKey, Measure, Money, Owner};
use bedside_gateway::v1::bedside_service_client::BedsideServiceClient;
use bedside_gateway::{Config, Gateway, v1};
use bedside_ledger::{
    Assigned, BookedSettlement, CancelEvent, Decision, Ledger, LedgerConfig, MessageKey, MessageKind,
    PersonKey, Posting, ReverseEvent, Seen, SettleEvent,
};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::Value;

fn ledger(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
    command.arg("ledger").args(words).env_remove("BEDSIDE_DATA").output().unwrap()
}

/// Standard output of a command that must succeed.
fn done(words: &[&str]) -> String {
    let output = ledger(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Standard error of a command that must end with that code.
fn fails(words: &[&str], code: i32) -> String {
    let output = ledger(words);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn json(words: &[&str]) -> Value {
    serde_json::from_str(&done(&[words, &["--format", "json"]].concat())).unwrap()
}

/// Ten settlements of 100.01 each, of which a family's plan pays 0.01; the last is cancelled.
fn build(dir: &Path) -> Ledger {
    let config = LedgerConfig { segment_bytes: 4096, ..LedgerConfig::at(dir) };
    let ledger = Ledger::open(config).unwrap();
    let message =
        |msgid: String| MessageKey { tenant: "t".into(), fixmedins_code: "H1".into(), msgid: msgid.into() };
    let person = PersonKey { tenant: "t".into(), psn_no: "p1".into() };
    let key = AccumulatorKey {
        owner: Owner::Family("F1".into()),
        ..AccumulatorKey::of_year(2026, "a/b".into(), "x".into(), Measure::Paid)
    };
    let mut last = None;
    for number in 0..10 {
        let event = SettleEvent {
            message: message(format!("m{number}")),
            person: person.clone(),
            family_no: Some("F1".into()),
            hold_id: None,
            mdtrt_id: format!("v{number}").into(),
            stay: None,
            booked_at_ms: 1_774_929_600_000 + number * 1_000,
            request: vec![1, 2, 255],
        };
        let key = key.clone();
        let decide = move |seen: &Seen, _: &Assigned| {
            let posting =
                |account: &str, fen| Posting { account: account.into(), amount: Money::from_units(fen) };
            let before = seen.booked.get(&key);
            let after = Money::from_units(before.units() + 1);
            Ok::<_, Infallible>(Decision {
                benefit_year: 2026,
                medfee_sumamt: Money::from_units(10_001),
                postings: vec![posting("plan", 1), posting("cash", 10_000)],
                accumulators: vec![AccumulatorChange { key: key.clone(), before, after }],
                answer: b"ok".to_vec(),
            })
        };
        last = Some(ledger.settle(event, decide).unwrap().receipt().setl_id.clone());
    }
    let event = CancelEvent {
        message: message("c".to_owned()),
        person,
        setl_id: last.unwrap(),
        booked_at_ms: 1_774_929_700_000,
        request: vec![3],
    };
    ledger.cancel(event, |_: &BookedSettlement, _: &Assigned| Ok::<_, Infallible>(b"gone".to_vec())).unwrap();
    ledger
}

#[test]
fn a_ledger_is_shown_proved_and_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let serving = build(&dir.path().join("data"));
    let data = dir.path().join("data");
    let data = data.to_str().unwrap();
    // while it serves
    assert!(fails(&["verify", "--data", data], 3).contains("serves"));
    assert!(fails(&["rebuild", "--data", data], 3).contains("serves"));
    assert_eq!(json(&["show", "--data", data])["records"], 11);
    let proved = json(&["verify", "--data", data, "--journal"]);
    assert_eq!((&proved["settlements"], &proved["cancellations"]), (&10.into(), &1.into()));
    assert_eq!(proved["receivables"][0]["amount"], "900.09");
    drop(serving);

    let whole = json(&["verify", "--data", data]);
    assert_eq!(whole["hash"], proved["hash"]);
    assert_eq!(whole["opening"]["tables_rebuilt"], Value::Null);
    assert!(done(&["verify", "--data", data]).contains("cash bears 900.00"));
    let record = json(&["show", "--data", data, "--sequence", "11"]);
    assert_eq!((&record["entry"], &record["cancels"]), (&"cancellation".into(), &10.into()));
    assert!(fails(&["show", "--data", data, "--sequence", "12"], 2).contains("11 records, not 12"));
    assert!(done(&["rebuild", "--data", data]).contains("made from 11 records"));
    assert_eq!(json(&["rebuild", "--data", data])["tables_rebuilt"], "it was asked for");

    let nothing = dir.path().join("nothing");
    for word in ["show", "verify", "rebuild"] {
        let error = fails(&[word, "--data", nothing.to_str().unwrap()], 2);
        assert!(error.contains("there is no ledger here"), "{error}");
    }
    assert!(!nothing.exists(), "looking makes nothing");

    let segment = dir.path().join("data/journal/0000000001.journal");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[200] ^= 1;
    fs::write(&segment, bytes).unwrap();
    assert!(fails(&["verify", "--data", data], 1).contains("segment 1 is damaged at byte 64"));
    assert!(fails(&["verify", "--data", data, "--journal"], 1).contains("segment 1 is damaged at byte 64"));
}

#[test]
fn a_serving_ledger_is_backed_up_and_restored_to_a_point() {
    let dir = tempfile::tempdir().unwrap();
    let _serving = build(&dir.path().join("data"));
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (data, backup) = (path("data"), path("backup"));
    let copied = json(&["backup", "--data", &data, "--to", &backup]);
    assert_eq!(copied["records"], 11);
    assert!(fails(&["backup", "--data", &data, "--to", &backup], 2).contains("is there already"));

    assert!(done(&["restore", "--from", &backup, "--to", &path("whole")]).starts_with("11 records"));
    let whole = json(&["verify", "--data", &path("whole")]);
    assert_eq!(whole["hash"], copied["hash"]);
    done(&["restore", "--from", &backup, "--to", &path("four"), "--until-sequence", "4"]);
    assert_eq!(json(&["verify", "--data", &path("four")])["records"], 4);
    // 2026-03-31T12:00:00+08:00 is when the first was booked; they are a second apart
    let time = ["--until-time", "2026-03-31T12:00:05+08:00"];
    let then = json(&[&["restore", "--from", &backup, "--to", &path("then")][..], &time].concat());
    assert_eq!((&then["records"], &then["last_booked_at"]), (&6.into(), &"2026-03-31T04:00:05Z".into()));
    fails(&["restore", "--from", &backup, "--to", &path("more"), "--until-sequence", "12"], 2);
    fails(&["restore", "--from", &backup, "--to", &path("when"), "--until-time", "yesterday"], 2);
    assert!(!dir.path().join("more").exists());
}

fn rows(path: &Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    reader.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

fn field(row: &Row, name: &str) -> Field {
    row.get_column_iter().find(|(column, _)| *column == name).unwrap().1.clone()
}

#[test]
fn every_record_leaves_as_ndjson_and_parquet() {
    let dir = tempfile::tempdir().unwrap();
    let _serving = build(&dir.path().join("data"));
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let data = path("data");
    let lines = path("ledger.ndjson");
    assert_eq!(json(&["export", "--data", &data, "--as", "ndjson", "--to", &lines])["records"], 11);
    assert!(fails(&["export", "--data", &data, "--as", "ndjson", "--to", &lines], 2).contains("already"));
    let records: Vec<Value> =
        fs::read_to_string(&lines).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 11);
    assert_eq!(records[0]["medfee_sumamt"], "100.01");
    assert_eq!(records[0]["request"], "0102ff");
    assert_eq!(records[9]["accumulators"][0]["after"], "0.10");
    assert_eq!(records[10]["postings"][0]["amount"], "-0.01");

    let folder = path("parquet");
    assert_eq!(json(&["export", "--data", &data, "--as", "parquet", "--to", &folder])["records"], 11);
    let table = |name: &str| rows(&dir.path().join("parquet").join(name));
    let records = table("records.parquet");
    assert_eq!(records.len(), 11);
    let decimal = |row: &Row, name: &str| field(row, name).to_string();
    assert_eq!(decimal(&records[0], "medfee_sumamt"), "100.01");
    assert_eq!(field(&records[0], "cancels"), Field::Null);
    assert_eq!(field(&records[10], "cancels"), Field::Long(10));
    assert_eq!(field(&records[10], "booked_at"), Field::TimestampMillis(1_774_929_700_000));
    assert_eq!(field(&records[10], "answer"), Field::Bytes(b"gone".to_vec().into()));
    let postings = table("postings.parquet");
    assert_eq!(postings.len(), 22);
    assert_eq!(decimal(&postings[20], "amount"), "-0.01");
    assert_eq!(field(&postings[21], "account"), Field::Str("cash".to_owned()));
    let accumulators = table("accumulators.parquet");
    assert_eq!(accumulators.len(), 11);
    assert_eq!(field(&accumulators[9], "family_no"), Field::Str("F1".to_owned()));
    assert_eq!(decimal(&accumulators[9], "after"), "0.10");
    assert_eq!(field(&accumulators[9], "term_of"), Field::Str("2026".to_owned()));
    // neither is readable by others, nor is anything left beside them
    let names = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(names, 3);
}

#[test]
fn reversals_and_tombstones_are_shown_and_leave() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let ledger = build(&dir.path().join("ledger"));
    for (msgid, omsgid) in [("r1", "m8"), ("r2", "never")] {
        let event = ReverseEvent {
            message: MessageKey { tenant: "t".into(), fixmedins_code: "H1".into(), msgid: msgid.into() },
            person: PersonKey { tenant: "t".into(), psn_no: "p1".into() },
            omsgid: omsgid.into(),
            okind: MessageKind::Settle,
            booked_at_ms: 1_774_929_800_000,
            request: vec![4],
        };
        let answer = |_: Option<&BookedSettlement>, _: &Assigned| Ok::<_, Infallible>(b"undone".to_vec());
        ledger.reverse(event, answer).unwrap();
    }
    drop(ledger);
    let data = path("ledger");
    let proved = json(&["verify", "--data", &data]);
    assert_eq!((&proved["reversals"], &proved["tombstones"]), (&1.into(), &1.into()));
    assert!(done(&["verify", "--data", &data]).contains("1 cancellations, 1 reversals, 1 tombstones"));
    let shown = |sequence: &str| json(&["show", "--data", &data, "--sequence", sequence]);
    let (reversal, tombstone) = (shown("12"), shown("13"));
    assert_eq!((&reversal["entry"], &reversal["cancels"]), (&"reversal".into(), &9.into()));
    assert_eq!((&reversal["omsgid"], &reversal["medfee_sumamt"]), (&Value::Null, &"-100.01".into()));
    assert_eq!((&tombstone["entry"], &tombstone["omsgid"]), (&"tombstone".into(), &"never".into()));
    assert_eq!((&tombstone["cancels"], &tombstone["medfee_sumamt"]), (&Value::Null, &"0.00".into()));

    let folder = path("columns");
    done(&["export", "--data", &data, "--as", "parquet", "--to", &folder]);
    let records = rows(&Path::new(&folder).join("records.parquet"));
    assert_eq!(field(&records[11], "entry"), Field::Str("reversal".to_owned()));
    assert_eq!(field(&records[11], "cancels"), Field::Long(9));
    assert_eq!(field(&records[11], "omsgid"), Field::Null);
    assert_eq!(field(&records[12], "omsgid"), Field::Str("never".to_owned()));
}

/// Ten bills of 100.01, each 0.01 by the plan, the last one cancelled; the sums are those of nine.
#[test]
fn the_postings_of_a_period_balance() {
    let dir = tempfile::tempdir().unwrap();
    drop(build(dir.path()));
    let data = dir.path().to_str().unwrap();
    let whole = json(&["balance", "--data", data]);
    assert_eq!(whole["accounts"]["plan"], "0.09");
    assert_eq!(whole["accounts"]["cash"], "900.00");
    assert_eq!(whole["hospitals"][0]["amount"], "900.09");
    // the bookings are of 2026-03-31 12:00 in China
    let day = json(&["balance", "--data", data, "--from", "2026-03-31", "--to", "2026-03-31"]);
    assert_eq!(day, whole);
    for other in [["--to", "2026-03-30"], ["--from", "2026-04-01"]] {
        let nothing = json(&[&["balance", "--data", data], &other[..]].concat());
        assert_eq!(nothing["hospitals"].as_array().unwrap().len(), 0, "{other:?}");
    }
    let sheet = done(&["balance", "--data", data]);
    assert!(sheet.contains("试算平衡") && sheet.contains("900.09"), "{sheet}");
    assert!(fails(&["balance", "--data", data, "--from", "31.3.2026"], 2).contains("--from"));
}

/// Two hospitals of two tenants, two payers one of which pays twice in a bill: the command on the folder, and the call to the
/// gateway that serves it.
#[tokio::test(flavor = "multi_thread")]
async fn clearing_and_balance_come_to_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(LedgerConfig { segment_bytes: 4096, ..LedgerConfig::at(dir.path()) }).unwrap();
    for number in 0..40i64 {
        let hospital = ["H1", "H2", "H3"][usize::try_from(number % 3).unwrap()];
        let tenant = if number % 3 == 2 { "other" } else { "insurer" };
        let event = SettleEvent {
            message: MessageKey {
                tenant: tenant.into(),
                fixmedins_code: hospital.into(),
                msgid: format!("m{number}").into(),
            },
            person: PersonKey { tenant: tenant.into(), psn_no: format!("p{number}").into() },
            family_no: None,
            hold_id: None,
            mdtrt_id: format!("v{number}").into(),
            stay: None,
            // From 2026-03-31 12:00 in China, a booking every hour.
            booked_at_ms: 1_774_929_600_000 + number * 3_600_000,
            request: Vec::new(),
        };
        let decide = move |_: &Seen, _: &Assigned| {
            let posting =
                |account: &str, fen| Posting { account: account.into(), amount: Money::from_units(fen) };
            Ok::<_, Infallible>(Decision {
                benefit_year: 2026,
                medfee_sumamt: Money::from_units(1_000 + 4 * number),
                postings: vec![
                    posting("payer:hifp_pay", 600 + number),
                    posting("payer:PAJK", 100 + number),
                    posting("payer:PAJK", 50 + number),
                    posting("cash", 250 + number),
                ],
                accumulators: Vec::new(),
                answer: Vec::new(),
            })
        };
        ledger.settle(event, decide).unwrap();
    }
    let gateway = Gateway::bind(Config::new("127.0.0.1:0".parse().unwrap(), "insurer")).await.unwrap();
    let address = gateway.local_addr();
    let (shutdown, told) = tokio::sync::oneshot::channel::<()>();
    let library = std::sync::Arc::new(bedside_policy::Library::builtin().unwrap());
    let told = async { drop(told.await) };
    let served = tokio::spawn(gateway.serve(ledger, library, told));
    let mut client = BedsideServiceClient::connect(format!("http://{address}")).await.unwrap();

    let data = dir.path().to_str().unwrap().to_owned();
    for (from, to, bookings) in
        [("2026-03-31", "2026-03-31", 8), ("2026-04-01", "2026-04-01", 16), ("2026-03-01", "2026-04-30", 27)]
    {
        let request = v1::ClearingRequest {
            begndate: from.to_owned(),
            enddate: to.to_owned(),
            ..v1::ClearingRequest::default()
        };
        let cleared = client.clearing(request).await.unwrap().into_inner();
        let words = ["balance", "--data", &data, "--from", from, "--to", to];
        let balance = json(&words);
        let rows: Vec<Value> = balance["clearing"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| row["tenant"] == "insurer")
            .map(|row| {
                serde_json::json!({
                    "payer_code": row["payer_code"],
                    "fixmedins_code": row["fixmedins_code"],
                    "amount": row["amount"],
                    "fixmedins_setl_cnt": row["records"].to_string(),
                })
            })
            .collect();
        assert_eq!(serde_json::to_value(&cleared.rows).unwrap(), Value::Array(rows), "{from} to {to}");
        let count: usize =
            cleared.hospitals.iter().map(|own| own.fixmedins_setl_cnt.parse::<usize>().unwrap()).sum();
        assert_eq!((count, cleared.rows.len()), (bookings, 4));
        let owed: Vec<_> = cleared.hospitals.iter().map(|own| own.medfee_sumamt.as_str()).collect();
        let hospitals =
            balance["hospitals"].as_array().unwrap().iter().filter(|own| own["tenant"] == "insurer");
        assert_eq!(owed, hospitals.map(|own| own["amount"].as_str().unwrap()).collect::<Vec<_>>());
    }
    drop(client);
    shutdown.send(()).unwrap();
    served.await.unwrap().unwrap();
}

#[test]
fn every_command_has_an_example() {
    for word in ["show", "statement", "balance", "verify", "backup", "restore", "export", "rebuild"] {
        let help = done(&[word, "--help"]);
        assert!(help.contains(&format!("bedside ledger {word} --")), "{help}");
    }
}
