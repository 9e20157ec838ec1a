//! A durable settlement in the ledger and in other stores doing the same writes, in one run on one disk.
//!
//! Each settlement looks up its message and visit, adds to its person's year, and writes a record of the size of a
//! 20-line settlement with four rows about it. The stores take turns in short slices, and before each slice the raw sync
//! of the same disk is probed, because this kind of disk changes its mind within a minute: what counts is the ratio to
//! the probe beside it. `STORES_ROUNDS` sets the number of turns. The result is a Markdown table.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::cast_possible_truncation, missing_docs)]

mod bedside;
mod embedded;
mod postgresql;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// About what a settlement of twenty lines takes on the wire.
const REQUEST_BYTES: usize = 2_400;
const ANSWER_BYTES: usize = 9_000;
/// Nobody settles twice in one group.
const PERSONS: u64 = 10_000;
const GROUPS: [u64; 4] = [1, 16, 64, 256];
const SLICE: Duration = Duration::from_millis(700);
const PROBE: Duration = Duration::from_millis(200);

/// One settlement to book, with every key that is its own.
struct Settlement {
    message: String,
    person: String,
    visit: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Settlement {
    fn numbered(number: u64) -> Settlement {
        // No pattern, so that a store which compresses gains nothing that real records would not give.
        let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut noise = |bytes: usize| -> Vec<u8> {
            let mut out = Vec::with_capacity(bytes + 8);
            while out.len() < bytes {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                out.extend_from_slice(&state.to_le_bytes());
            }
            out.truncate(bytes);
            out
        };
        Settlement {
            message: format!("m{number:012}"),
            person: format!("p{:08}", number % PERSONS),
            visit: format!("v{number:012}"),
            request: noise(REQUEST_BYTES),
            answer: noise(ANSWER_BYTES),
        }
    }

    fn record(&self) -> Vec<u8> {
        [&self.request[..], &self.answer].concat()
    }
}

/// A store that books groups.
trait Store {
    fn name(&self) -> &'static str;
    /// Books the group and returns when all of it is as durable as this store makes it.
    fn settle(&mut self, group: Vec<Settlement>);
    /// The processes, besides this one, that work for it.
    fn processes(&self) -> Vec<u32> {
        Vec::new()
    }
}

/// Processor time in milliseconds of this process and others, and bytes handed to the operating system by the others,
/// or by this one where there are none. Not the kernel's `write_bytes`: it counts a whole folio, of up to a megabyte,
/// for a small write into a file that was filled in large ones.
fn spent(others: &[u32]) -> (u64, u64) {
    let mut all = (0, 0);
    for process in others.iter().map(u32::to_string).chain(["self".to_owned()]) {
        // One that has ended since has nothing to add.
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2).collect();
        all.0 += fields.iter().map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum::<u64>();
        if others.is_empty() || process != "self" {
            let io = fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
            let written = io.lines().find_map(|line| line.strip_prefix("wchar: "));
            all.1 += written.map_or(0, |bytes| bytes.parse::<u64>().unwrap());
        }
    }
    all
}

/// Overwrites and syncs as many bytes of a preallocated file as one record has; gives the syncs a second.
struct Probe {
    file: File,
    bytes: Vec<u8>,
    offset: u64,
}

impl Probe {
    const FILE_BYTES: u64 = 64 << 20;

    fn at(path: &Path) -> Probe {
        let file = File::create(path).unwrap();
        file.write_all_at(&vec![0; Probe::FILE_BYTES as usize], 0).unwrap();
        file.sync_all().unwrap();
        Probe { file, bytes: vec![7; REQUEST_BYTES + ANSWER_BYTES], offset: 0 }
    }

    fn syncs_a_second(&mut self) -> f64 {
        let (begun, mut syncs) = (Instant::now(), 0);
        while begun.elapsed() < PROBE {
            self.file.write_all_at(&self.bytes, self.offset).unwrap();
            self.file.sync_data().unwrap();
            self.offset = (self.offset + self.bytes.len() as u64) % (Probe::FILE_BYTES / 2);
            syncs += 1;
        }
        f64::from(syncs) / begun.elapsed().as_secs_f64()
    }
}

/// What the slices of one store with one size of group came to.
#[derive(Default)]
struct Slices {
    rates: Vec<f64>,
    ratios: Vec<f64>,
    latencies: Vec<Duration>,
    settlements: u64,
    cpu_ms: u64,
    bytes: u64,
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

impl Slices {
    fn add(&mut self, store: &mut dyn Store, group: u64, next: &mut u64, probe: f64) {
        let before = spent(&store.processes());
        let (mut busy, mut settled) = (Duration::ZERO, 0);
        while busy < SLICE {
            let settlements = (*next..*next + group).map(Settlement::numbered).collect();
            *next += group;
            let begun = Instant::now();
            store.settle(settlements);
            let took = begun.elapsed();
            busy += took;
            settled += group;
            self.latencies.push(took);
        }
        let after = spent(&store.processes());
        let rate = settled as f64 / busy.as_secs_f64();
        self.rates.push(rate);
        self.ratios.push(rate / probe);
        self.settlements += settled;
        self.cpu_ms += after.0.saturating_sub(before.0);
        self.bytes += after.1.saturating_sub(before.1);
    }

    fn row(mut self, name: &str, generating_us: f64) -> String {
        self.latencies.sort_unstable();
        let at = |thousandths: usize| {
            self.latencies[self.latencies.len() * thousandths / 1000].as_secs_f64() * 1e3
        };
        let (p50, p99) = (at(500), at(990));
        let settlements = self.settlements as f64;
        let cpu_us = self.cpu_ms as f64 * 1000.0 / settlements - generating_us;
        format!(
            "| {name} | {:.0} | {:.2} | {p50:.2} | {p99:.2} | {:.0} | {:.1} |",
            middle(&mut self.rates),
            middle(&mut self.ratios),
            cpu_us,
            self.bytes as f64 / settlements / 1024.0,
        )
    }
}

/// What making the settlements costs this program itself, in microseconds each.
fn generating_us() -> f64 {
    let begun = Instant::now();
    (0..2_000).for_each(|number| drop(std::hint::black_box(Settlement::numbered(number))));
    begun.elapsed().as_secs_f64() * 1e6 / 2_000.0
}

fn main() {
    // `cargo test --benches` only asks whether it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let rounds = std::env::var("STORES_ROUNDS").map_or(7, |rounds| rounds.parse().unwrap());
    // The disk to measure; tmpfs would flatter.
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let below = |name: &str| {
        let dir = disk.path().join(name);
        fs::create_dir(&dir).unwrap();
        dir
    };
    let mut probe = Probe::at(&disk.path().join("probe"));
    let mut stores: Vec<Box<dyn Store>> = vec![
        Box::new(bedside::Bedside::open(&below("bedside"))),
        Box::new(embedded::Sled::open(&below("sled-flush"), embedded::Sync::FlushOnly)),
        Box::new(embedded::Sled::open(&below("sled-synced"), embedded::Sync::FlushAndSync)),
        Box::new(embedded::Redb::open(&below("redb"))),
        Box::new(embedded::Sqlite::open(&below("sqlite"))),
    ];
    match postgresql::Postgresql::start(disk.path()) {
        Ok(store) => stores.push(Box::new(store)),
        Err(why) => println!("SKIPPED: PostgreSQL: {why}"),
    }
    let generating_us = generating_us();
    let mut next: Vec<u64> = vec![1; stores.len()];
    // What each does once, at its beginning, is no settlement's.
    for (number, store) in stores.iter_mut().enumerate() {
        Slices::default().add(store.as_mut(), 16, &mut next[number], 1.0);
    }
    for group in GROUPS {
        let mut slices: Vec<Slices> = stores.iter().map(|_| Slices::default()).collect();
        let mut probes = Vec::new();
        for _ in 0..rounds {
            for (number, store) in stores.iter_mut().enumerate() {
                let syncs = probe.syncs_a_second();
                probes.push(syncs);
                slices[number].add(store.as_mut(), group, &mut next[number], syncs);
            }
        }
        println!("\nGroups of {group}; raw sync {:.0} a second\n", middle(&mut probes));
        println!(
            "| | settlements/s | per raw sync | group p50 ms | p99 ms | CPU us each | KiB written each |"
        );
        println!("|---|---|---|---|---|---|---|");
        for (store, slices) in stores.iter().zip(slices) {
            println!("{}", slices.row(store.name(), generating_us));
        }
    }
}
