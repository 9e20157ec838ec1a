//! `bedside pack check` as its users meet it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn bedside(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bedside")).args(arguments).output().unwrap()
}

fn base() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/broken-packs/base")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The base with a rate that changes for the whole bill above 50,000.
fn with_a_jump(folder: &Path) {
    copy(&base(), folder);
    let path = folder.join("city/basic/2026.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let rows = "rows = [{ bill_total = { over = \"50000\" }, value = \"0.90\" }, { value = \"0.80\" }]";
    assert!(text.contains("value = \"0.80\""));
    std::fs::write(&path, text.replacen("value = \"0.80\"", rows, 1)).unwrap();
}

#[test]
fn the_program_s_own_packs_pass_in_both_languages() {
    for (lang, end) in [("zh", "错误 0 处，警告 0 处\n"), ("en", "errors 0, warnings 0\n")] {
        let asked = ["pack", "check", "hangzhou/resident-basic", "zhongan/accident", "--cases", "20"];
        let output = bedside(&[&asked[..], &["--lang", lang, "--deny", "warnings"]].concat());
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && report.ends_with(end), "{report}");
    }
}

#[test]
fn the_case_file_of_a_jump_settles_to_the_amounts_of_the_report() {
    let dir = tempfile::tempdir().unwrap();
    let packs = dir.path().join("packs");
    with_a_jump(&packs);
    let (folder, case) = (packs.to_str().unwrap(), dir.path().join("case.json"));
    let case = case.to_str().unwrap();
    let output = bedside(&["pack", "check", "--packs", folder, "--cases", "0", "--counter-example", case]);
    assert_eq!(output.status.code(), Some(2));
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(report.contains("费用从 50000.00 增加 0.01，赔付从 35360.00 变为 38280.01"), "{report}");
    let settled = bedside(&["settle", case, "--packs", folder, "--format", "json"]);
    assert!(settled.status.success(), "{}", String::from_utf8_lossy(&settled.stderr));
    let settlements: Value = serde_json::from_slice(&settled.stdout).unwrap();
    let paid = [0, 1].map(|bill| settlements[bill]["setlinfo"]["hifp_pay"].as_str().unwrap().to_owned());
    assert_eq!(paid, ["35360.00", "38280.01"]);
}

#[test]
fn the_report_for_scripts_carries_the_case() {
    let dir = tempfile::tempdir().unwrap();
    with_a_jump(dir.path());
    let folder = dir.path().to_str().unwrap();
    let output = bedside(&["pack", "check", "--packs", folder, "--cases", "0", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let finding = &report["findings"][0];
    assert_eq!(finding["code"], "search.jumps");
    assert_eq!(finding["place"], "benefit.inpatient");
    assert_eq!(finding["case"]["bills"].as_array().unwrap().len(), 2);
}

#[test]
fn a_plan_that_is_not_there_and_a_folder_that_is_not_there_are_wrong_input() {
    let folder = base();
    let folder = folder.to_str().unwrap();
    for (asked, message) in [
        (
            vec!["pack", "check", "city/none", "--packs", folder, "--lang", "en"],
            "there is no pack `city/none`",
        ),
        (vec!["pack", "check", "--packs", "no-such-folder"], "no-such-folder"),
    ] {
        let output = bedside(&asked);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(message), "{asked:?}");
    }
}

#[test]
fn warnings_are_refused_where_asked() {
    let dir = tempfile::tempdir().unwrap();
    copy(&base(), dir.path());
    let path = dir.path().join("city/programmes/resident.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("until = \"2028-01-01\"", "until = \"2029-01-01\"", 1)).unwrap();
    let folder = dir.path().to_str().unwrap();
    let asked = ["pack", "check", "--packs", folder, "--cases", "0"];
    assert_eq!(bedside(&asked).status.code(), Some(0));
    assert_eq!(bedside(&[&asked[..], &["--deny", "warnings"]].concat()).status.code(), Some(2));
}

/// A plan without a place is tried alone; the report says what its case file needs to be settled.
#[test]
fn the_case_of_a_plan_without_a_place_settles_in_the_programme_that_the_report_gives() {
    let dir = tempfile::tempdir().unwrap();
    let packs = dir.path().join("packs");
    with_a_jump(&packs);
    std::fs::remove_file(packs.join("city/programmes/resident.toml")).unwrap();
    let case = dir.path().join("case.json");
    let (folder, case) = (packs.to_str().unwrap(), case.to_str().unwrap());
    let asked = ["pack", "check", "city/basic", "--packs", folder, "--cases", "0", "--counter-example", case];
    let output = bedside(&asked);
    assert_eq!(output.status.code(), Some(2));
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(report.contains("[programme.unplaced]"), "{report}");
    let lines =
        report.lines().skip_while(|line| !line.contains("lone/programmes/programme.toml")).skip(1).take(5);
    let programme: String = lines.map(|line| format!("{line}\n")).collect();
    std::fs::create_dir_all(packs.join("lone/programmes")).unwrap();
    let programme = programme.replace('…', "city/catalogue");
    std::fs::write(packs.join("lone/programmes/programme.toml"), programme).unwrap();
    let settled = bedside(&["settle", case, "--packs", folder, "--format", "json"]);
    assert!(settled.status.success(), "{}", String::from_utf8_lossy(&settled.stderr));
    let settlements: Value = serde_json::from_slice(&settled.stdout).unwrap();
    assert_eq!(settlements[1]["setlinfo"]["hifp_pay"], "38280.01");
}

/// What opens behind a limit counts the bill again: a jump, unless it is declared.
#[test]
fn a_declared_opening_is_no_jump() {
    let dir = tempfile::tempdir().unwrap();
    copy(&base(), dir.path());
    let path = dir.path().join("city/extra/2026.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let shared = text.replace("limit = \"limit\" }]", "limit = \"limit\", account = \"total\" }]");
    assert_ne!(shared, text);
    let folder = dir.path().to_str().unwrap();
    let asked = ["pack", "check", "--packs", folder, "--cases", "100"];
    for (jumps, code) in
        [("", Some(2)), ("jumps = [{ of = \"opening\", source = \"text\", article = \"演示\" }]\n", Some(0))]
    {
        let more = format!(
            "[[benefit]]\nid = \"more-drugs\"\nname = {{ zh = \"追加\", en = \"more\" }}\nclause = \"演示\"\n\
             gate = {{ opens_after = {{ period = \"policy_period\", limit = \"limit\", account = \"total\" }} }}\n\
             base = {{ pools = [\"own_expense\", \"in_scope\"], tags = \"special\" }}\nbands = [{{ rate = \"rate\" }}]\n{jumps}"
        );
        std::fs::write(&path, format!("{shared}\n{more}")).unwrap();
        let output = bedside(&asked);
        assert_eq!(output.status.code(), code, "{}", String::from_utf8_lossy(&output.stdout));
    }
}
