//! `bedside enrol` and `bedside catalogue` as operators run them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use bedside_ledger::{Ledger, LedgerConfig};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};

fn bedside(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
    command.args(words).env_remove("BEDSIDE_DATA").env_remove("BEDSIDE_TENANT").output().unwrap()
}

fn done(words: &[&str]) -> Value {
    let output = bedside(&[words, &["--format", "json"]].concat());
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn fails(words: &[&str], code: i32) -> String {
    let output = bedside(words);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn fixture(name: &str) -> String {
    format!("{}/../../fixtures/registers/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).to_str().unwrap().to_owned()
}

/// A ledger with small segments, which costs less to open.
fn ledger(dir: &Path) -> String {
    let folder = dir.join("ledger");
    let config = LedgerConfig { segment_bytes: 1 << 16, ..LedgerConfig::at(&folder) };
    Ledger::open(config).unwrap().shutdown();
    folder.to_str().unwrap().to_owned()
}

#[test]
fn a_roster_is_recorded_once_and_its_wrong_lines_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let (data, rejects) = (ledger(dir.path()), path(dir.path(), "rejects.ndjson"));
    let import = ["enrol", "import", &fixture("persons.csv"), "--data", &data, "--rejects", &rejects];
    let summary = done(&import);
    assert_eq!(
        (&summary["lines"], &summary["rows"], &summary["recorded"]),
        (&json!(5), &json!(8), &json!(8))
    );
    assert_eq!(summary["rejected"], json!({"bad_date": 1, "unknown_code": 1}));
    let told = fs::read_to_string(&rejects).unwrap();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&told[0]["line"], &told[1]["line"]), (&json!(5), &json!(6)));
    assert_eq!(told[0]["reason"], "`baseinfo.gend` is `3`; allowed: 0, 1, 2 or 9");
    // a date of birth and a name are never told
    assert!(!told[1].to_string().contains("1992") && !told[1].to_string().contains('戊'));

    let again = done(&import);
    assert_eq!((&again["recorded"], &again["records"]), (&json!(0), &json!(0)));
    let shown = done(&["enrol", "show", "D33010001", "--data", &data]);
    let items: Vec<&str> =
        shown.as_array().unwrap().iter().map(|row| row["item"].as_str().unwrap()).collect();
    assert_eq!(items, ["balc/310", "baseinfo", "insuinfo/310"]);
    assert_eq!(
        shown[0]["content"],
        json!({"insutype": "310", "balc": "1200.00", "past_year_balc": "400.00"})
    );

    // names are nowhere in the folder, also not as the file had them
    for entry in fs::read_dir(dir.path().join("ledger/journal")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(3).any(|window| window == "甲".as_bytes()));
    }
}

#[test]
fn a_later_file_changes_what_it_says_from_its_day_on() {
    let dir = tempfile::tempdir().unwrap();
    let (data, rejects) = (ledger(dir.path()), path(dir.path(), "rejects.ndjson"));
    done(&["enrol", "import", &fixture("persons.csv"), "--data", &data, "--rejects", &rejects]);
    let changes =
        done(&["enrol", "import", &fixture("persons.ndjson"), "--data", &data, "--rejects", &rejects]);
    assert_eq!((&changes["lines"], &changes["rejected"]), (&json!(4), &json!({})));
    let standing = |date: &str| {
        let shown = done(&["enrol", "show", "D33010003", "--data", &data, "--date", date]);
        let rows = shown.as_array().unwrap().iter();
        rows.map(|row| format!("{} {}", row["item"].as_str().unwrap(), row["version"])).collect::<Vec<_>>()
    };
    assert_eq!(standing("2026-06-30"), ["balc/310 1", "baseinfo 1", "insuinfo/310 1"]);
    assert_eq!(standing("2026-07-01"), ["balc/310 2", "baseinfo 1", "insuinfo/310 2"]);
    assert_eq!(standing("2027-01-01"), ["baseinfo 1"]);
    // the first file again puts back what it says without a day, as one more record
    let back = done(&["enrol", "import", &fixture("persons.csv"), "--data", &data, "--rejects", &rejects]);
    assert_eq!(back["recorded"], json!(2));
    assert_eq!(standing("2027-01-01"), ["balc/310 3", "baseinfo 1", "insuinfo/310 3"]);
    assert!(fails(&["enrol", "show", "nobody", "--data", &data], 3).contains("nothing stands"));
}

#[test]
fn a_parquet_table_reads_like_the_csv() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file) = (ledger(dir.path()), path(dir.path(), "accounts.parquet"));
    let schema = "message account {
        required binary psn_no (UTF8);
        required binary insutype (UTF8);
        required int64 balc (DECIMAL(18,2));
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build();
    let out = fs::File::create(&file).unwrap();
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for text in ["D1", "310"] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&[ByteArray::from(text)], None, None).unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[123_405], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();

    done(&["enrol", "import", &file, "--data", &data]);
    let shown = done(&["enrol", "show", "D1", "--data", &data]);
    assert_eq!(shown[0]["content"], json!({"insutype": "310", "balc": "1234.05"}));
    // the same said in CSV says nothing new
    let csv = path(dir.path(), "accounts.csv");
    fs::write(&csv, "psn_no,insutype,balc\nD1,310,1234.05\n").unwrap();
    assert_eq!(done(&["enrol", "import", &csv, "--data", &data])["recorded"], json!(0));
}

#[test]
fn a_file_that_is_no_roster_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let data = ledger(dir.path());
    for (name, text, told) in [
        ("a.csv", "psn_no,gender\nD1,1\n", "unknown column `gender`; allowed: psn_no,"),
        ("b.csv", "gend\n1\n", "column `psn_no` is missing"),
        ("c.csv", "psn_no,gend,gend\nD1,1,1\n", "column `gend` stands there twice"),
        ("d.txt", "psn_no,gend\nD1,1\n", "say what it is with --as"),
        ("e.csv", "psn_no,gend\nD1\n", "every line was rejected"),
        ("f.ndjson", "{\"psn_no\": \"D1\", \"gend\": \"1\"}\n", "every line was rejected"),
    ] {
        let file = path(dir.path(), name);
        fs::write(&file, text).unwrap();
        let failure = fails(&["enrol", "import", &file, "--data", &data], 2);
        assert!(failure.contains(told), "{name}: {failure}");
    }
    let rejects = fs::read_to_string(dir.path().join("f.rejects.ndjson")).unwrap();
    assert!(rejects.contains("unknown field `gend`"), "{rejects}");
}

#[test]
fn a_catalogue_is_checked_recorded_and_shown() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file) = (path(dir.path(), "ledger"), path(dir.path(), "items.csv"));
    let heading = "hilist_code,hilist_name,med_chrgitm_type,chrgitm_lv,begndate,enddate,lmt_used_flag,selfpay_prop_310,selfpay_prop_390,pric_uplmt_tertiary\n";
    let rows = "X1,一,09,01,2025-01-01,2026-01-01,0,0,0,\nX1,一,09,02,2026-02-01,,0,0.05,0.1,12.5\nX2,二,09,04,2025-01-01,,0,0,0,\nX1,一,09,03,2025-12-31,2026-02-02,0,0,0,\n";
    fs::write(&file, format!("{heading}{rows}")).unwrap();
    let checked = bedside(&["catalogue", "check", &file]);
    let checked = String::from_utf8(checked.stdout).unwrap();
    assert!(
        checked.contains("1 items, 1 gaps\ngap: item `X1` has no row from 2026-01-01 until 2026-02-01\n"),
        "{checked}"
    );
    assert!(
        checked.contains("被拒 / rejected: 1 x duplicate_row\n被拒 / rejected: 1 x unknown_code\n"),
        "{checked}"
    );
    assert!(!Path::new(&data).exists());

    let import = ["catalogue", "import", &file, "--catalogue", "a/list", "--data", &data];
    assert_eq!(done(&import)["recorded"], json!(2));
    assert_eq!(done(&import)["recorded"], json!(0));
    let listed = done(&["catalogue", "show", "--data", &data]);
    assert_eq!(listed, json!([{"catalogue": "a/list", "dated_items": 2}]));
    let shown = done(&["catalogue", "show", "X1", "--data", &data, "--date", "2026-02-01"]);
    assert_eq!((&shown[0]["content"]["chrgitm_lv"], &shown[0]["from"]), (&json!("02"), &json!("2026-02-01")));
    assert!(
        fails(&["catalogue", "import", &file, "--catalogue", "list", "--data", &data], 2)
            .contains("authority/product")
    );
}

#[test]
fn a_partly_rejected_import_says_what_went_in_and_keeps_earlier_rejects() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file) = (ledger(dir.path()), path(dir.path(), "p.csv"));
    let (rejects, aside) =
        (path(dir.path(), "p.rejects.ndjson"), path(dir.path(), "p.rejects.ndjson.aside.1"));
    let import = |rows: &str| {
        fs::write(&file, format!("psn_no,gend\n{rows}")).unwrap();
        let output = bedside(&["enrol", "import", &file, "--data", &data]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let lines = |file: &str| fs::read_to_string(file).unwrap().lines().count();
    let wrong_twice = "D1,1\nD2,7\nD3,8\n";
    let said = import(wrong_twice);
    for part in [
        "部分导入：1 行已导入，2 行被拒 / imported in part: 1 lines went in, 2 were rejected\n".to_owned(),
        "被拒 / rejected: 2 x unknown_code\n".to_owned(),
        format!("被拒的行见 / rejects: {rejects}\n"),
        format!("写入账本 {data}，租户 default / into the ledger in {data}, tenant default\n"),
    ] {
        assert!(said.contains(&part), "`{part}` is not in\n{said}");
    }
    // The same again has the same rejects; fewer do not take the place of more.
    assert!(!import(wrong_twice).contains("earlier run"));
    assert!(!Path::new(&aside).exists());
    let fewer = import("D1,1\nD2,2\nD3,8\n");
    assert!(fewer.contains(&format!("rejects of an earlier run, not of this one: {aside}\n")), "{fewer}");
    assert_eq!((lines(&rejects), lines(&aside)), (1, 2));
    let none = import("D1,1\nD2,2\nD3,1\n");
    assert!(!none.contains("imported in part"), "{none}");
    assert!(none.contains(&format!("rejects of an earlier run, not of this one: {rejects}\n")), "{none}");
    let told = done(&["enrol", "import", &file, "--data", &data]);
    let expected = json!([0, null, rejects]);
    assert_eq!(json!([told["rejected_lines"], told["rejects"], told["earlier_rejects"]]), expected);
    fs::write(&file, "psn_no,gend\nD1,5\n").unwrap();
    let failure = fails(&["enrol", "import", &file, "--data", &data], 2);
    assert!(
        failure.contains("全部行被拒，见 ") && failure.contains("every line was rejected, see "),
        "{failure}"
    );
}

#[test]
fn every_group_and_each_of_its_commands_has_an_example() {
    for words in [
        &["enrol"][..],
        &["enrol", "import"],
        &["enrol", "show"],
        &["catalogue"],
        &["catalogue", "import"],
        &["catalogue", "check"],
        &["catalogue", "show"],
        &["ledger"],
        &["ledger", "erase"],
        &["verify"],
        &["verify", "receipt"],
        &["verify", "release"],
        &["verify", "key"],
    ] {
        let output = bedside(&[words, &["--help"]].concat());
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.contains(&format!("\n  bedside {} ", words.join(" "))), "{words:?}: {help}");
    }
}
