//! `bedside verify` as an auditor runs it, on the receipt that a demo leaves.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn bedside(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
    for variable in ["BEDSIDE_DATA", "BEDSIDE_PUBLIC_KEY", "BEDSIDE_SIGNING_KEY"] {
        command.env_remove(variable);
    }
    command.args(words).output().unwrap()
}

/// What a command says that must end with that code.
fn ends(words: &[&str], code: i32) -> String {
    let output = bedside(words);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_receipt_is_checked_with_the_key_alone_and_held_against_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    let said = ends(&["demo", "--lang", "en", "--data", text(&ledger)], 0);
    assert!(said.contains("receipts: "), "{said}");
    let (receipt, key) = (ledger.join("receipt.json"), ledger.join("public-key"));
    let (receipt, key) = (text(&receipt), text(&key));

    let zh = ends(&["verify", "receipt", receipt, "--public-key", key], 0);
    assert!(zh.starts_with("存证成立：结算 S00000000"), "{zh}");
    let en =
        ends(&["verify", "receipt", receipt, "--public-key", key, "--lang", "en", "--later", receipt], 0);
    assert!(en.starts_with("proved: settlement S00000000") && en.contains("history stands"), "{en}");
    let json = ends(&["verify", "receipt", receipt, "--public-key", key, "--format", "json"], 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["proved"].as_bool(), json["ledger"].as_str()), (Some(true), Some("bedside/demo")));

    // the key as a word, and the key that the gateway signs with
    let written = fs::read_to_string(key).unwrap();
    ends(&["verify", "receipt", receipt, "--public-key", written.trim()], 0);
    assert_eq!(ends(&["verify", "key", "--signing-key", text(&ledger.join("signing-key"))], 0), written);

    // one changed character, another's key, no receipt, no key
    let changed = dir.path().join("changed.json");
    let whole = fs::read_to_string(receipt).unwrap();
    let salt = whole.find("\"salt\": \"").unwrap() + "\"salt\": \"".len();
    let other = if &whole[salt..=salt] == "A" { "B" } else { "A" };
    fs::write(&changed, [&whole[..salt], other, &whole[salt + 1..]].concat()).unwrap();
    let refused = ends(&["verify", "receipt", text(&changed), "--public-key", key], 3);
    assert!(refused.contains("存证不成立：该答复不在检查点所指的账本中"), "{refused}");
    let refused = ends(&["verify", "receipt", text(&changed), "--public-key", key, "--lang", "en"], 3);
    assert!(refused.contains("not proved: the answer is not in the ledger"), "{refused}");
    let stranger = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    ends(&["verify", "receipt", receipt, "--public-key", stranger], 3);
    ends(&["verify", "receipt", key, "--public-key", key], 2);
    ends(&["verify", "receipt", receipt, "--public-key", "no key"], 2);

    // the folder, and the folder as it was after three records
    let (backup, then) = (dir.path().join("backup"), dir.path().join("then"));
    ends(&["ledger", "backup", "--data", text(&ledger), "--to", text(&backup)], 0);
    ends(&["ledger", "restore", "--from", text(&backup), "--to", text(&then), "--until-sequence", "3"], 0);
    let against = |data: &Path, code| {
        ends(
            &[
                "ledger",
                "verify",
                "--data",
                text(data),
                "--journal",
                "--receipt",
                receipt,
                "--public-key",
                key,
            ],
            code,
        )
    };
    against(&ledger, 0);
    assert!(against(&then, 3).contains("rolled back"));

    // without one of the morning's persons it is the same ledger to every receipt
    let (persons, erased) = (dir.path().join("persons.txt"), dir.path().join("erased"));
    let shown = ends(&["ledger", "show", "--data", text(&ledger), "--sequence", "1", "--format", "json"], 0);
    let first: serde_json::Value = serde_json::from_str(&shown).unwrap();
    fs::write(&persons, format!("{}\n", first["psn_no"].as_str().unwrap())).unwrap();
    let tenant = first["tenant"].as_str().unwrap();
    let (data, to, list) = (text(&ledger), text(&erased), text(&persons));
    let erase = ["ledger", "erase", "--data", data, "--to", to, "--tenant", tenant, "--persons", list];
    let said = ends(&erase, 0);
    assert!(said.contains("erased (1 persons)") && said.contains("destroy it"), "{said}");
    assert!(against(&erased, 0).contains(" erased"));
    let shown = ends(&["ledger", "show", "--data", to, "--sequence", "1", "--format", "json"], 0);
    let now: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((now["erased"].as_bool(), now["psn_no"].as_str()), (Some(true), Some("<erased 1>")));
    assert_eq!((&now["medfee_sumamt"], &now["answer"]), (&first["medfee_sumamt"], &"".into()));
    fs::write(&persons, "nobody\n").unwrap();
    let other = dir.path().join("other");
    let said = ends(
        &["ledger", "erase", "--data", data, "--to", text(&other), "--tenant", tenant, "--persons", list],
        2,
    );
    assert!(said.contains("have no record under the tenant") && !other.exists(), "{said}");
}
