//! Real power cuts: a file system in an image file, copied right after an answer and mounted again. What the kernel
//! had not written to the image is not in the copy.
//!
//! Needs root for mounting, therefore ignored; `ci/power-cuts` runs it, `LEDGER_CUTS` times. Alone in its file, because
//! it forks.

#![cfg(target_os = "linux")]
// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used, clippy::panic)]

mod hospital;
mod ward;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use ward::Acknowledged;

#[test]
fn child() {
    ward::child();
}

fn done(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{program} {}`: {said}", arguments.join(" "));
}

/// A mounted file system, unmounted at the end.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn of(image: &Path, at: &'a Path) -> Mounted<'a> {
        fs::create_dir_all(at).unwrap();
        done("mount", &["-o", "loop", image.to_str().unwrap(), at.to_str().unwrap()]);
        Mounted(at)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        done("umount", &[self.0.to_str().unwrap()]);
    }
}

/// One cut, right after the answer number `answers`.
fn cut_after(answers: usize) {
    // On a disk: a copy of an image in memory would be no other, but slower to trust.
    let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = |name: &str| work.path().join(name);
    let (image, copy, before, after) = (path("image"), path("copy"), path("before"), path("after"));
    fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    done("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]);
    let mut known = Acknowledged::new();
    {
        let _mounted = Mounted::of(&image, &before);
        let mut player = ward::child_in(&before.join("new/ledger"), "play")
            .env("WARD_STOP_AFTER", answers.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for line in BufReader::new(player.stdout.take().unwrap()).lines() {
            ward::acknowledged(&(line.unwrap() + "\n"), &mut known).unwrap();
            if known.len() == answers {
                break;
            }
        }
        // The player has the ledger open and waits.
        fs::copy(&image, &copy).unwrap();
        player.kill().unwrap();
        player.wait().unwrap();
    }
    assert_eq!(known.len(), answers, "the player ended early");
    let _mounted = Mounted::of(&copy, &after);
    if let Err(what) = ward::check_apart(&after.join("new/ledger"), &known) {
        panic!("after {answers} answers: {what}");
    }
}

#[test]
#[ignore = "needs root; see ci/power-cuts"]
fn what_was_answered_survives_a_power_cut() {
    let cuts = std::env::var("LEDGER_CUTS").map_or(50, |cuts| cuts.parse().unwrap());
    let answers = usize::try_from(ward::expected().2).unwrap();
    for cut in 0..cuts {
        cut_after(1 + cut % answers);
    }
    println!("{cuts} power cuts, nothing lost");
}
