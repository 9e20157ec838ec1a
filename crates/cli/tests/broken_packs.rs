//! Broken packs, each a small edit of `fixtures/broken-packs/base`, with the whole report that each must give.
//!
//! `BEDSIDE_BLESS=1` writes the reports; read them before they are kept.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/broken-packs")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Applies an `edit.txt`: `in FILE` with lines `- ` to be replaced by lines `+ `, `new FILE` with lines `+ `, and
/// `copy FILE to FILE`. The first line says what is wrong.
fn apply(edit: &str, packs: &Path) {
    for block in edit.split("\n\n").skip(1) {
        let mut lines = block.lines();
        let words: Vec<&str> = lines.next().unwrap().split(' ').collect();
        let marked = |mark: &str| {
            let of_mark = block.lines().skip(1).filter_map(|line| line.strip_prefix(mark));
            of_mark.collect::<Vec<_>>().join("\n")
        };
        match words.as_slice() {
            ["new", file] => std::fs::write(packs.join(file), marked("+ ") + "\n").unwrap(),
            ["copy", from, "to", to] => {
                std::fs::copy(packs.join(from), packs.join(to)).unwrap();
            }
            ["in", file] => {
                let text = std::fs::read_to_string(packs.join(file)).unwrap();
                let (old, new) = (marked("- "), marked("+ "));
                assert!(text.contains(&old), "{file} does not have\n{old}");
                std::fs::write(packs.join(file), text.replacen(&old, &new, 1)).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
}

fn bedside(arguments: &[&str], packs: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
    command.args(arguments).arg("--packs").arg(packs).output().unwrap()
}

fn same(path: &Path, found: &str) {
    if std::env::var_os("BEDSIDE_BLESS").is_some() {
        std::fs::write(path, found).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(found, expected, "{}", path.display());
}

/// The report and exit code of a pack with this edit; its smallest bill is compared too, and settled.
fn check(kind: &Path) {
    let dir = tempfile::tempdir().unwrap();
    let packs = dir.path().join("packs");
    copy(&folder().join("base"), &packs);
    apply(&std::fs::read_to_string(kind.join("edit.txt")).unwrap(), &packs);
    let case = dir.path().join("case.json");
    let asked =
        ["pack", "check", "--lang", "en", "--cases", "40", "--counter-example", case.to_str().unwrap()];
    let output = bedside(&asked, &packs);
    let report = String::from_utf8_lossy(&output.stdout);
    same(&kind.join("expected.txt"), &format!("exit code {}\n{report}", output.status.code().unwrap()));
    if let Ok(text) = std::fs::read_to_string(&case) {
        same(&kind.join("case.json"), &text);
        let settled = bedside(&["settle", case.to_str().unwrap(), "--format", "json"], &packs);
        let is_fault = report.contains("[search.no_value]");
        let stderr = String::from_utf8_lossy(&settled.stderr);
        assert_eq!(settled.status.code(), Some(i32::from(is_fault)), "{}: {stderr}", kind.display());
    }
}

#[test]
fn every_broken_pack_gives_its_report() {
    let mut kinds: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    kinds.retain(|path| path.is_dir() && !path.ends_with("base"));
    kinds.sort();
    assert!(kinds.len() >= 40, "{} kinds", kinds.len());
    for kind in &kinds {
        check(kind);
    }
}

#[test]
fn the_base_that_they_are_edits_of_is_sound() {
    let output = bedside(&["pack", "check", "--lang", "en", "--deny", "warnings"], &folder().join("base"));
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    assert!(report.ends_with("errors 0, warnings 0\n"), "{report}");
}
