//! A durable settlement through the ledger: decide with the real core, write, sync, apply, answer; beside the raw
//! sync of the same disk in the same run, because disks differ more than engines.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use bedside_adjudication::adjudicate;
use bedside_claim::Claim;
use bedside_fixtures::workload::employee_stay;
use bedside_gateway::answer;
use bedside_ledger::{
    Assigned, Decision, Ledger, LedgerConfig, MessageKey, PersonKey, Posting, Seen, SettleError, SettleEvent,
};
use bedside_policy::{Library, Programme};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const LINES: usize = 20;

/// The disk to measure; tmpfs would flatter.
fn disk() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

struct Desk {
    ledger: Ledger,
    claim: Arc<Claim>,
    programme: Arc<Programme>,
    /// A person's accumulators are his own: every call is somebody else.
    next: u64,
}

impl Desk {
    fn open(dir: &std::path::Path) -> Desk {
        let claim = Arc::new(employee_stay(LINES));
        let programme = Library::builtin().unwrap().programme_for(&claim).unwrap();
        Desk { ledger: Ledger::open(LedgerConfig::at(dir)).unwrap(), claim, programme, next: 0 }
    }

    fn submit(&mut self, reply: impl FnOnce() + Send + 'static) {
        self.next += 1;
        let name: Arc<str> = self.next.to_string().into();
        let event = SettleEvent {
            message: MessageKey { tenant: "t".into(), fixmedins_code: "H1".into(), msgid: name.clone() },
            person: PersonKey { tenant: "t".into(), psn_no: name.clone() },
            family_no: None,
            hold_id: None,
            mdtrt_id: name,
            stay: None,
            booked_at_ms: 0,
            request: vec![7; 2_400],
        };
        let (claim, programme) = (self.claim.clone(), self.programme.clone());
        let decide = move |seen: &Seen, _: &Assigned| -> Result<Decision, ()> {
            let settlement = adjudicate(&claim, &programme, &seen.booked).unwrap();
            let postings = answer::postings(&settlement);
            let posting = |(account, amount): (String, _)| Posting { account: account.into(), amount };
            Ok(Decision {
                benefit_year: settlement.benefit_year,
                medfee_sumamt: settlement.medfee_sumamt,
                postings: postings.into_iter().map(posting).collect(),
                accumulators: settlement.accumulators,
                // About what a settlement of twenty lines takes on the wire.
                answer: vec![7; 9_000],
            })
        };
        let reply = move |outcome: Result<_, SettleError<()>>| {
            outcome.unwrap();
            reply();
        };
        self.ledger.submit_settle(event, decide, reply).unwrap();
    }
}

fn durable(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("durable");
    group.sample_size(20).measurement_time(Duration::from_secs(4));
    for in_flight in [1u64, 64] {
        group.throughput(Throughput::Elements(in_flight));
        let dir = disk();
        let mut desk = Desk::open(dir.path());
        group.bench_function(BenchmarkId::new("settle_in_flight", in_flight), |bencher| {
            bencher.iter_custom(|rounds| {
                let begun = Instant::now();
                for _ in 0..rounds {
                    let (sender, receiver) = channel();
                    for _ in 0..in_flight {
                        let sender = sender.clone();
                        desk.submit(move || sender.send(()).unwrap());
                    }
                    for _ in 0..in_flight {
                        receiver.recv().unwrap();
                    }
                }
                begun.elapsed()
            });
        });
    }
    // The peer: overwrite and sync as many bytes of a preallocated file as one settlement's record has.
    group.throughput(Throughput::Elements(1));
    let dir = disk();
    let file = File::create(dir.path().join("raw")).unwrap();
    file.write_all_at(&vec![0; 64 << 20], 0).unwrap();
    file.sync_all().unwrap();
    let record = vec![7u8; 12_500];
    let mut offset = 0;
    group.bench_function("raw_sync", |bencher| {
        bencher.iter(|| {
            file.write_all_at(&record, offset).unwrap();
            file.sync_data().unwrap();
            offset = (offset + record.len() as u64) % (60 << 20);
        });
    });
    group.finish();
}

criterion_group!(benches, durable);
criterion_main!(benches);
