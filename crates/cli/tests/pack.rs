//! `bedside pack` as its users run it: listing, explaining, beginning and comparing plans.
#![allow(clippy::unwrap_used, clippy::panic)]

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
