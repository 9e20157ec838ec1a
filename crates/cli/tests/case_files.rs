//! The example case files, settled by the program as anyone can from outside; expected amounts are those of the
//! published examples or computed by hand beside each row.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/case-files")
}

fn settle(path: &Path) -> Output {
    let arguments = ["settle", "--format", "json", "--lang", "en"];
    Command::new(env!("CARGO_BIN_EXE_bedside")).args(arguments).arg(path).output().unwrap()
}

fn settlements(path: &Path) -> Vec<Value> {
    let output = settle(path);
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    match serde_json::from_slice(&output.stdout).unwrap() {
        Value::Array(settlements) => settlements,
        settlement => vec![settlement],
    }
}

/// For each bill what public funds, commercial plans, and plans beside the bill pay.
type Amounts = [&'static str; 3];

const EXPECTED: &[(&str, &[Amounts])] = &[
    // Worked examples 1 to 3: (146,400 - 30,400) x 80 % + (197,000 - 20,000) x 70 %; (399,600 - 20,000) x 60 %.
    ("anyang-puhui-2022", &[["508600.00", "216700.00", "0.00"], ["0.00", "227760.00", "0.00"]]),
    // Worked example 4: (30,000 - 12,000) x 20 %.
    ("huhuibao-new-citizen-2025", &[["0.00", "3600.00", "0.00"]]),
    // Worked example 5: 8,000 stay below 10,000; of 6,000 the deductible takes 2,000 more.
    ("esheng-two-visits", &[["0.00", "0.00", "0.00"], ["0.00", "4000.00", "0.00"]]),
    // Two persons of one family share the 10,000: 7,000, then 3,000 of 5,000.
    ("esheng-family", &[["0.00", "0.00", "0.00"], ["0.00", "2000.00", "0.00"]]),
    // Worked example 9.
    (
        "hangzhou-repeat-admissions",
        &[["3760.00", "0.00", "0.00"], ["13650.00", "0.00", "0.00"], ["4500.00", "0.00", "0.00"]],
    ),
    // 300,000, and half of it for one insured at 13 and diagnosed at 14; no bill.
    ("anyoufu-diagnosis", &[["0.00", "0.00", "450000.00"]]),
    // Grade 3: 1,500 for March, and nothing for March again.
    ("long-term-care-months", &[["0.00", "0.00", "1500.00"], ["0.00", "0.00", "0.00"]]),
    // 20,000 x 70 %, the year's deductible being charged; 6,000 more of the year's 24,000, of which 25,000 is the
    // deductible: 5,000 x 70 %.
    ("critical-illness-prior", &[["17500.00", "0.00", "0.00"]]),
    // Worked example 6 as it arrived, an accident plan on top. The funds and 22.77 of the hospital's share fill what is in
    // scope, so first-pay is left: (703.44 - 100) x 80 %; and 28 days at 50.
    ("national-verbatim", &[["18785.39", "482.75", "1400.00"]]),
];

#[test]
fn every_example_comes_to_its_amounts() {
    let mut files: Vec<_> =
        std::fs::read_dir(examples()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut named: Vec<_> =
        EXPECTED.iter().map(|(name, _)| examples().join(format!("{name}.json"))).collect();
    named.sort();
    assert_eq!(files, named, "every example file has its row");
    for (name, expected) in EXPECTED {
        let settlements = settlements(&examples().join(format!("{name}.json")));
        let amount =
            |settlement: &Value, field: &str| settlement["setlinfo"][field].as_str().unwrap().to_owned();
        let found: Vec<_> = settlements
            .iter()
            .map(|settlement| {
                ["fund_pay_sumamt", "commercial_pay", "to_person_pay"].map(|field| amount(settlement, field))
            })
            .collect();
        assert_eq!(found, *expected, "{name}");
    }
}

#[test]
fn a_verbatim_answer_is_adopted_with_its_identities_and_causes() {
    let path = examples().join("national-verbatim.json");
    let settlement = settlements(&path).remove(0);
    assert_eq!(settlement["public_layers"], "adopted");
    let identities = ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I12"];
    assert_eq!(settlement["identities_checked"], serde_json::json!(identities));
    assert_eq!(settlement["setlinfo"]["psn_cash_pay"], "3499.27");
    // (18,808.16 - 800) x 88 %.
    assert_eq!(settlement["own_computation"]["payments"][0]["amount"], "15847.18");
    let causes: Vec<_> = settlement["variances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variance| (&variance["payer_kind"], &variance["difference"], &variance["causes"][0]["code"]))
        .map(|(payer, difference, code)| format!("{payer} {difference} {code}").replace('"', ""))
        .collect();
    assert_eq!(causes, ["basic_insurance -15847.18 unknown", "large_amount 18785.39 no_pack"]);

    // One fen, and the program says which identity, in both languages, with both sides.
    let text = std::fs::read_to_string(&path).unwrap().replacen("18785.39", "18785.38", 1);
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("case.json");
    std::fs::write(&broken, text).unwrap();
    let output = settle(&broken);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr.contains("`18785.39`") && stderr.contains("oth_pay = 18785.38 (I7)"), "{stderr}");
    // Outside the national answer a number is still an error.
    let text = std::fs::read_to_string(&path).unwrap().replacen("\"12000.00\"", "12000.00", 1);
    std::fs::write(&broken, text).unwrap();
    let output = settle(&broken);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("`feedetail[0].det_item_fee_sumamt`: expected a string, found a number"),
        "{stderr}"
    );
}

#[test]
fn a_file_with_a_history_is_as_strict_as_a_single_case() {
    let text = std::fs::read_to_string(examples().join("critical-illness-prior.json")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let cases = [
        ("\"measure\": \"base\"", "\"measure\": \"bases\"", "prior[0].measure"),
        (
            "\"benefit_year\": \"2026\"",
            "\"lifetime\": \"1\", \"benefit_year\": \"2026\"",
            "one of benefit_year",
        ),
        ("\"value\": \"24000.00\"", "\"value\": \"-1\"", "prior[0].value"),
        ("\"pack_id\"", "\"pack\"", "unknown field `pack`"),
        ("\"msgid\": \"ci-1\"", "\"msgid\": \"ci 1\"", "header.msgid"),
        ("\"bills\"", "\"bill\"", "unknown field `bill`"),
    ];
    for (from, to, message) in cases {
        assert!(text.contains(from), "{from}");
        let path = dir.path().join("case.json");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let output = settle(&path);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{to}: {stderr}");
        assert!(stderr.contains(message), "{to}: {stderr}");
    }
}

#[test]
fn replay_settles_a_family_in_service_order() {
    let text = std::fs::read_to_string(examples().join("esheng-family.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("bills.ndjson"), dir.path().join("results.ndjson"));
    // The later bill first: the other member's earlier one must be settled before it all the same.
    let rows: Vec<String> = file["bills"].as_array().unwrap().iter().rev().map(Value::to_string).collect();
    std::fs::write(&input, rows.join("\n")).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_bedside")).arg("replay").arg(&input).arg("--out").arg(&out).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results = std::fs::read_to_string(&out).unwrap();
    let paid: Vec<String> = results
        .lines()
        .map(|row| serde_json::from_str::<Value>(row).unwrap()["setlinfo"]["commercial_pay"].to_string())
        .collect();
    assert_eq!(paid, ["\"2000.00\"", "\"0.00\""]);
}
