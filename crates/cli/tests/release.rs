//! Releases as an insurer makes and checks them: one digest at every granularity, and nothing changed goes unnoticed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use sha2::{Digest, Sha256};

const PLAN: &str = "hangzhou/xihu-yilianbao";

fn bedside(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bedside")).args(arguments).output().unwrap()
}

struct Place(tempfile::TempDir);

impl Place {
    fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn release(&self, granularity: &str, more: &[&str]) -> Value {
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("morning/08-cancer-out-of-catalogue.json");
        let key = self.file("salts.key");
        let mut words = vec!["settle", case.to_str().unwrap(), "--reveal", granularity, "--salt-key", &key];
        words.extend(more);
        let output = bedside(&words);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn verify(&self, release: &Value, more: &[&str]) -> Output {
        let file = self.file("release.json");
        std::fs::write(&file, release.to_string()).unwrap();
        bedside(&[&["verify", "release", &file, "--lang", "en"], more].concat())
    }
}

fn place() -> Place {
    Place(tempfile::tempdir().unwrap())
}

fn text(release: &Value) -> String {
    release.to_string()
}

#[test]
fn every_granularity_has_one_digest_and_shows_no_more_than_it_says() {
    let place = place();
    let releases =
        ["total", "benefit", "category", "line"].map(|granularity| place.release(granularity, &[]));
    let digest = releases[3]["digest"].as_str().unwrap();
    for (release, hidden) in releases.iter().zip(["benefit", "category", "line", ""]) {
        assert_eq!(release["digest"], digest);
        let verified = place.verify(release, &["--digest", digest]);
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
        let below = &release["levels"][hidden];
        assert!(hidden.is_empty() || (below["root"].is_string() && below["leaves"].is_null()));
    }
    assert!(text(&releases[3]).contains("med_list_codg") && !text(&releases[2]).contains("med_list_codg"));
    let sums: Vec<u64> = releases
        .iter()
        .map(|release| {
            let verified = place.verify(release, &["--format", "json"]);
            serde_json::from_slice::<Value>(&verified.stdout).unwrap()["sums"].as_u64().unwrap()
        })
        .collect();
    assert!(sums[0] == 1 && sums.is_sorted() && sums[3] > sums[2] && sums[2] > sums[1], "{sums:?}");
}

#[test]
fn one_plan_sees_its_own_payments_alone() {
    let place = place();
    let whole = place.release("line", &[]);
    let own = place.release("line", &["--plan", PLAN]);
    assert_eq!(own["digest"], whole["digest"]);
    assert!(place.verify(&own, &[]).status.success());
    let shown = text(&own);
    for hidden in
        ["medfee_sumamt", "med_list_codg", "hangzhou/resident-basic", "hangzhou/employee-basic", "acct_pay"]
    {
        assert!(!shown.contains(hidden), "`{hidden}` is shown");
    }
    assert!(shown.contains("30651.20"), "what the plan pays");
    let none = bedside(&["settle", "crates/cli/morning/none.json", "--reveal", "total"]);
    assert_eq!(none.status.code(), Some(2), "a salt key is asked for");
}

#[test]
fn what_was_changed_is_found() {
    let place = place();
    let release = place.release("line", &[]);
    let levels = release["levels"].as_object().unwrap();
    let mut tried = 0;
    for (level, content) in levels {
        for at in 0..content["leaves"].as_array().unwrap().len() {
            let mut changed = release.clone();
            let value = &mut changed["levels"][level]["leaves"][at]["value"];
            *value = format!("{}1", value.as_str().unwrap()).into();
            assert_eq!(place.verify(&changed, &[]).status.code(), Some(3), "{level} {at}");
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
    let mut swapped = release.clone();
    swapped["levels"]["total"]["leaves"].as_array_mut().unwrap().swap(3, 4);
    assert_eq!(place.verify(&swapped, &[]).status.code(), Some(3));
    let other = "00".repeat(32);
    let of_another = place.verify(&release, &["--digest", &other]);
    assert_eq!(of_another.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&of_another.stderr).contains("it is a release of digest"));
    let signed = format!("+{}", &release["digest"].as_str().unwrap()[1..]);
    for (field, value) in [("format", "x"), ("digest", "zz"), ("digest", &signed), ("reveal", "page")] {
        let mut broken = release.clone();
        broken[field] = value.into();
        assert_eq!(place.verify(&broken, &[]).status.code(), Some(2), "{field}");
    }
}

/// Amounts that hash well but do not add up: made by somebody who has the salts.
#[test]
fn what_does_not_add_up_is_found_though_it_hashes() {
    let place = place();
    let release = place.release("benefit", &[]);
    let mut forged = release.clone();
    let leaves = forged["levels"]["total"]["leaves"].as_array_mut().unwrap();
    let cash = leaves.iter_mut().find(|leaf| leaf["path"] == "psn_cash_pay").unwrap();
    cash["value"] = "0.01".into();
    forged["digest"] = digest(&forged).into();
    let output = place.verify(&forged, &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`medfee_sumamt` is"), "{output:?}");
}

/// The digest as docs/plans-travel.md says it is made, written a second time.
fn digest(release: &Value) -> String {
    let bytes = |text: &Value| -> Vec<u8> {
        let text = text.as_str().unwrap();
        (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    };
    let sha = |parts: &[&[u8]]| Sha256::digest(parts.concat()).to_vec();
    fn root(leaves: &[Vec<u8>], sha: &dyn Fn(&[&[u8]]) -> Vec<u8>) -> Vec<u8> {
        if leaves.len() < 2 {
            return leaves.first().cloned().unwrap_or_else(|| sha(&[]));
        }
        let mut left = 1;
        while left * 2 < leaves.len() {
            left *= 2;
        }
        sha(&[&[1], &root(&leaves[..left], sha), &root(&leaves[left..], sha)])
    }
    let mut whole = b"bedside-release-1\n".to_vec();
    for level in ["total", "benefit", "category", "line"] {
        let level = &release["levels"][level];
        whole.extend(match level["leaves"].as_array() {
            None => bytes(&level["root"]),
            Some(leaves) => {
                let hashes: Vec<Vec<u8>> = leaves
                    .iter()
                    .map(|leaf| {
                        let (path, value) = (leaf["path"].as_str().unwrap(), leaf["value"].as_str().unwrap());
                        let length = u32::try_from(path.len()).unwrap().to_be_bytes();
                        sha(&[&[0], &bytes(&leaf["salt"]), &length, path.as_bytes(), value.as_bytes()])
                    })
                    .collect();
                root(&hashes, &sha)
            }
        });
    }
    sha(&[&whole]).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_digest_is_made_as_the_page_says() {
    let place = place();
    for granularity in ["total", "line"] {
        let release = place.release(granularity, &[]);
        assert_eq!(release["digest"], digest(&release));
    }
}

#[test]
fn the_salt_key_is_its_owners_and_another_key_gives_another_digest() {
    use std::os::unix::fs::PermissionsExt;
    let (one, two) = (place(), place());
    let digests = [&one, &one, &two].map(|place| place.release("total", &[])["digest"].clone());
    assert_eq!(digests[0], digests[1]);
    assert_ne!(digests[0], digests[2]);
    let mode = std::fs::metadata(one.file("salts.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(one.file("salts.key"), "short").unwrap();
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("morning/08-cancer-out-of-catalogue.json");
    let key = one.file("salts.key");
    let refused = bedside(&["settle", case.to_str().unwrap(), "--reveal", "total", "--salt-key", &key]);
    assert_eq!(refused.status.code(), Some(2));
}
