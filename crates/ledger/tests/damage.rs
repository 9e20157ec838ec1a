//! A ledger whose files were changed behind its back: no answer is ever a wrong one, and what is gone is said.
//!
//! `LEDGER_HARMS` sets how many places are harmed in each way.

// Amounts are in fen, grouped as yuan and fen; test support is not a test to the lint.
#![allow(clippy::inconsistent_digit_grouping, clippy::unwrap_used, clippy::panic, clippy::ptr_arg)]

mod hospital;
mod ward;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use ward::{Acknowledged, Found};

/// The file names and bytes of a ledger at rest.
struct Origin {
    files: Vec<(PathBuf, Vec<u8>)>,
    acknowledged: Acknowledged,
}

fn collect(dir: &Path, below: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, below, into);
        } else if !path.starts_with(below.join("tables.lost")) {
            into.push((path.strip_prefix(below).unwrap().to_owned(), fs::read(&path).unwrap()));
        }
    }
}

impl Origin {
    fn make() -> Origin {
        let work = ward::memory();
        let dir = work.path().join("ledger");
        let acknowledged = ward::play_through(&dir);
        let mut files = Vec::new();
        collect(&dir, &dir, &mut files);
        Origin { files, acknowledged }
    }

    /// The ledger with one file replaced.
    fn with(&self, harmed: &Path, bytes: &[u8]) -> tempfile::TempDir {
        let work = ward::memory();
        for (name, whole) in &self.files {
            let path = work.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, if name == harmed { bytes } else { whole }).unwrap();
        }
        work
    }
}

/// A seeded sequence of numbers below a bound.
struct Places(u64);

impl Places {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        usize::try_from((mixed ^ (mixed >> 27)) % bound as u64).unwrap()
    }
}

/// How far a file's content reaches, without the zeros after it.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Harms one file at one place; whether it is another file now. A `Vec`, because a harm may shorten.
type Harm = fn(&mut Vec<u8>, &mut Places) -> bool;

fn flip_a_bit(bytes: &mut Vec<u8>, places: &mut Places) -> bool {
    let at = places.below(used(bytes));
    bytes[at] ^= 1 << places.below(8);
    true
}

fn swap_two_blocks(bytes: &mut Vec<u8>, places: &mut Places) -> bool {
    const BLOCK: usize = 512;
    let blocks = bytes.len() / BLOCK;
    let in_use = used(bytes).div_ceil(BLOCK).min(blocks);
    if in_use == 0 || blocks < 2 {
        return false;
    }
    let (a, b) = (places.below(in_use), places.below(blocks));
    let before = bytes.clone();
    for offset in 0..BLOCK {
        bytes.swap(a * BLOCK + offset, b * BLOCK + offset);
    }
    *bytes != before
}

fn cut_short(bytes: &mut Vec<u8>, places: &mut Places) -> bool {
    bytes.truncate(places.below(used(bytes)));
    true
}

fn zero_a_block(bytes: &mut Vec<u8>, places: &mut Places) -> bool {
    let start = places.below(used(bytes)) / 512 * 512;
    let end = (start + 512).min(bytes.len());
    let before = bytes.clone();
    bytes[start..end].fill(0);
    *bytes != before
}

/// Harms many places in one way. After each, the ledger refuses, or says in `verify` what is wrong, or is whole; and
/// an acknowledged message is never answered otherwise than it was, nor forgotten.
fn nothing_wrong_is_answered(name: &str, harm: Harm) {
    let harms = std::env::var("LEDGER_HARMS").map_or(700, |harms| harms.parse().unwrap());
    let origin = Arc::new(Origin::make());
    let (next, counts) = (AtomicUsize::new(0), Mutex::new([0usize; 3]));
    let work = || {
        loop {
            let sample = next.fetch_add(1, Ordering::SeqCst);
            if sample >= harms {
                return;
            }
            let mut places = Places(sample as u64);
            let (file, bytes) = loop {
                // Half of the harm goes to the journal, which is the truth.
                let journal = sample.is_multiple_of(2);
                let (name, bytes) = &origin.files[places.below(origin.files.len())];
                let mut bytes = bytes.clone();
                if name.starts_with("journal") == journal && used(&bytes) > 0 && harm(&mut bytes, &mut places)
                {
                    break (name, bytes);
                }
            };
            let dir = origin.with(file, &bytes);
            let found = ward::look_at(dir.path(), &origin.acknowledged)
                .unwrap_or_else(|what| panic!("{name}, sample {sample}, {}: {what}", file.display()));
            counts.lock().unwrap()[match found {
                Found::Whole => 0,
                Found::Refused => 1,
                Found::ToldByVerify => 2,
            }] += 1;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> =
            (0..thread::available_parallelism().map_or(1, usize::from)).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            if let Err(panic) = worker.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    let [whole, refused, told] = counts.into_inner().unwrap();
    println!("{name}: {harms} places: {whole} made whole, {refused} refused, {told} told by verify");
    assert!(refused + told > harms / 20, "the journal's harm must be noticed");
}

#[test]
fn one_flipped_bit() {
    nothing_wrong_is_answered("flipped bits", flip_a_bit);
}

#[test]
fn two_swapped_blocks() {
    nothing_wrong_is_answered("swapped blocks", swap_two_blocks);
}

#[test]
fn a_file_cut_short() {
    nothing_wrong_is_answered("files cut short", cut_short);
}

#[test]
fn a_zeroed_block() {
    nothing_wrong_is_answered("zeroed blocks", zero_a_block);
}
