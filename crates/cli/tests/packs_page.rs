//! `docs/packs.md` cannot lie: its commands are run and their outputs compared, its files are those of the fixtures, and it
//! names every key and word of the pack files.
//!
//! `BLESS=1` writes the outputs anew; read them before you keep them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;

use bedside_claim::{
    Cause, Grade, HospitalTier, LimitPer, OccurrenceKind, OutOfAreaFiling, PackStatus, PayerKind, Period,
    Pool, Purse, Setting,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/packs.md")).unwrap()
}

/// What a shell prints to both of its outputs, the program in front of its path.
fn shell(folder: &Path, command: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_bedside")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {command}; }} 2>&1")])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("BEDSIDE_PACKS")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The page as its reader works through it in an empty folder: each output in its place, each file written.
fn worked_through(page: &str, folder: &Path) -> String {
    let mut told = String::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        told += line;
        told.push('\n');
        if let Some(name) = line.strip_prefix("<!-- file: ").and_then(|rest| rest.strip_suffix(" -->")) {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            assert_eq!(block[0], "```toml", "{name}");
            let text = block[1..].join("\n") + "\n";
            let fixture = std::fs::read_to_string(root().join("fixtures/packs/tutorial").join(name)).unwrap();
            assert_eq!(text, fixture, "{name} of the page is not the fixture");
            std::fs::write(folder.join("my-packs").join(name), text).unwrap();
            told += &format!("{}\n```\n", block.join("\n"));
        }
        if line == "```console" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            for command in block.iter().filter_map(|line| line.strip_prefix("$ ")) {
                told += &format!("$ {command}\n");
                // The last line of a statement may be cut off; blanks at the end of a line are nobody's.
                let output = shell(folder, command);
                for line in output.lines() {
                    told += line.trim_end();
                    told.push('\n');
                }
            }
            told += "```\n";
        }
    }
    told
}

#[test]
fn the_tutorial_prints_what_the_page_says() {
    let dir = tempfile::tempdir().unwrap();
    let page = page();
    let told = worked_through(&page, dir.path());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(root().join("docs/packs.md"), &told).unwrap();
        return;
    }
    for (place, (is, should)) in page.lines().zip(told.lines()).enumerate() {
        assert_eq!(is, should, "line {} of docs/packs.md", place + 1);
    }
    assert_eq!(page.lines().count(), told.lines().count());
}

/// The names of all fields of the pack files: lines `name: Type,`.
fn keys(shapes: &str) -> Vec<&str> {
    let mut keys: Vec<&str> = shapes
        .lines()
        .filter_map(|line| {
            let (name, kind) = line.trim().trim_start_matches("pub ").split_once(": ")?;
            let is_name =
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            (is_name && kind.ends_with(',') && !kind.starts_with("it.")).then_some(name)
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The words between backticks, outside of blocks.
fn in_code(page: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut is_block = false;
    for line in page.lines() {
        if line.starts_with("```") {
            is_block = !is_block;
            continue;
        }
        if is_block {
            continue;
        }
        for code in line.split('`').skip(1).step_by(2) {
            words.extend(code.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned));
        }
    }
    words
}

#[test]
fn the_page_names_every_key_and_word() {
    let shapes = std::fs::read_to_string(root().join("crates/policy/src/pack_file.rs")).unwrap();
    let page = page();
    let (_, reference) = page.split_once("## Folders and files").unwrap();
    let named = in_code(reference);
    let keys = keys(&shapes);
    assert!(keys.len() > 100, "{keys:?}");
    let mut words: Vec<&str> = keys;
    words.extend(PayerKind::ALL.map(PayerKind::name));
    words.extend([PackStatus::InForce, PackStatus::Unverified, PackStatus::Demo].map(PackStatus::name));
    words.extend([Grade::A, Grade::B, Grade::C, Grade::D, Grade::Assumed].map(Grade::name));
    words.extend(Period::ALL.map(Period::name));
    words.extend(Pool::ALL.map(Pool::name));
    words.extend(HospitalTier::ALL.map(HospitalTier::name));
    words.extend([Setting::Inpatient, Setting::SpecialOutpatient, Setting::Outpatient].map(Setting::name));
    words.extend(OutOfAreaFiling::ALL.map(OutOfAreaFiling::name));
    words.extend(Cause::ALL.map(Cause::name));
    words.extend(LimitPer::ALL.map(LimitPer::name));
    words.extend(OccurrenceKind::ALL.map(OccurrenceKind::name));
    words.extend(Purse::ALL.map(Purse::name));
    // Words that stand in the compiler of packs alone.
    words.extend(["CNY", "ratio", "days", "times", "net", "gross", "base", "excess", "stay", "icu", "month"]);
    words.extend([
        "per_visit",
        "per_year",
        "per_policy_period",
        "per_event",
        "per_lifetime",
        "highest_less_charged",
    ]);
    words.extend(["own", "own_and_commercial", "person", "family", "yes", "no", "male", "female", "local"]);
    words.extend([
        "first_cover",
        "this_cover",
        "until_discharge",
        "computed",
        "adopted",
        "expense",
        "admission",
    ]);
    for word in words {
        assert!(named.iter().any(|known| known == word), "`{word}` is not explained in docs/packs.md");
    }
}
