//! `bedside pack` as its users run it: listing, explaining, beginning and comparing plans.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn bedside(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bedside")).args(arguments).output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = bedside(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The arguments must be refused with this code and a message that says so.
fn refused(arguments: &[&str], code: i32, message: &str) {
    let output = bedside(arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(message), "`{message}` is not in\n{text}");
}

#[test]
fn list_shows_what_is_valid_on_a_day() {
    let all = stdout(&["pack", "list", "--lang", "en"]);
    for part in
        ["hangzhou/resident-basic", "[2021-01-01, 2027-01-01)", "in_force", "resident basic insurance fund"]
    {
        assert!(all.contains(part), "`{part}` is not in\n{all}");
    }
    let ids = |day: &str, what: &str| -> Vec<String> {
        let text = stdout(&["pack", "list", "--on", day, "--format", "json"]);
        let listed: Value = serde_json::from_str(&text).unwrap();
        listed[what]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["id"].as_str().unwrap().to_owned())
            .collect()
    };
    // 杭州居民 begins on this day; its programme on 2021-07-01, with 浙江省医疗保障条例.
    assert!(ids("2020-12-31", "plans").is_empty());
    assert!(ids("2021-01-01", "plans").contains(&"hangzhou/resident-basic".to_owned()));
    assert!(!ids("2021-06-30", "programmes").contains(&"hangzhou/resident".to_owned()));
    assert!(ids("2021-07-01", "programmes").contains(&"hangzhou/resident".to_owned()));
    assert_eq!(ids("2026-12-31", "catalogues"), ["demo/catalogue"]);
    assert!(ids("2027-01-01", "catalogues").is_empty());
    assert!(stdout(&["pack", "list", "--on", "1999-01-01"]).contains("没有有效的规则包"));
}

#[test]
fn list_refuses_what_it_cannot_read() {
    refused(&["pack", "list", "--on", "1999-13-01"], 2, "--on");
    refused(&["pack", "list", "--packs", "no-such-folder"], 2, "no-such-folder");
}

fn explained(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explained").join(name)
}

/// The whole of what two plans look like, one public in Chinese, one commercial in English; read against the packs before
/// each change. `BLESS=1` writes them anew.
#[test]
fn explain_prints_a_plan_as_it_was_read() {
    let cases: [(&str, &[&str]); 2] = [
        ("hangzhou-employee-basic.zh.txt", &["hangzhou/employee-basic"]),
        (
            "huhuibao-new-citizen.en.txt",
            &["shanghai/huhuibao-new-citizen", "--version", "2025", "--lang", "en"],
        ),
    ];
    for (name, arguments) in cases {
        let text = stdout(&[&["pack", "explain"], arguments].concat());
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(explained(name), &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(explained(name)).unwrap(), "{name}");
    }
}

#[test]
fn explain_is_there_for_documents_and_scripts() {
    let page = stdout(&["pack", "explain", "hangzhou/resident-basic", "--format", "markdown"]);
    assert!(page.contains("# 杭州市城乡居民基本医疗保险"), "{page}");
    assert!(page.contains("| 起付标准以上全部 | 70 % | 80 % | 75 % | 住院支付比例 [1] B |"), "{page}");
    let text = stdout(&["pack", "explain", "hangzhou/resident-basic", "--format", "json", "--lang", "en"]);
    let sheet: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        sheet["benefits"][0]["bands"][0]["rate"]["rows"][0],
        serde_json::json!({ "when": "hospital level: tertiary", "value": "70 %" })
    );
    assert_eq!(sheet["sources"][0]["grade"], "B");
}

#[test]
fn every_plan_can_be_explained_in_both_languages() {
    let listed: Value = serde_json::from_str(&stdout(&["pack", "list", "--format", "json"])).unwrap();
    for plan in listed["plans"].as_array().unwrap() {
        let (id, version) = (plan["id"].as_str().unwrap(), plan["version"].as_str().unwrap());
        for lang in ["zh", "en"] {
            let text = stdout(&["pack", "explain", id, "--version", version, "--lang", lang]);
            assert!(text.contains(plan["name"][lang].as_str().unwrap()), "{text}");
        }
    }
}

#[test]
fn explain_says_what_there_is_instead() {
    refused(&["pack", "explain", "hangzhou/nothing", "--lang", "en"], 2, "hangzhou/resident-basic");
    refused(
        &["pack", "explain", "hangzhou/resident-basic", "--version", "1"],
        2,
        "2021 [2021-01-01, 2027-01-01)",
    );
    refused(
        &["pack", "explain", "hangzhou/resident-basic", "--on", "2020-12-31"],
        3,
        "2021 [2021-01-01, 2027-01-01)",
    );
    refused(
        &["pack", "explain", "hangzhou/resident-basic", "--on", "2022-01-01", "--version", "2021"],
        2,
        "--on",
    );
}
