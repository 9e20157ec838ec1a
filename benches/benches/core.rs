//! The pure core: a bill of a tertiary stay under basic insurance, critical-illness insurance, assistance and a
//! commercial plan, explanation kept, beside a bare `rust_decimal` loop over the same bill.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use bedside_adjudication::adjudicate;
use bedside_benches::decimal_loop;
use bedside_claim::Accumulators;
use bedside_fixtures::workload::employee_stay;
use bedside_policy::Library;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn core(criterion: &mut Criterion) {
    let library = Library::builtin().unwrap();
    let accumulators = Accumulators::default();
    let mut group = criterion.benchmark_group("core");
    for lines in [5usize, 20, 100, 1_000] {
        let claim = employee_stay(lines);
        let programme = library.programme_for(&claim).unwrap();
        let settlement = adjudicate(&claim, &programme, &accumulators).unwrap();
        assert!(lines < 20 || settlement.payments.len() >= 2, "several layers pay");
        group.throughput(Throughput::Elements(lines as u64));
        group.bench_with_input(BenchmarkId::new("adjudicate", lines), &claim, |bencher, claim| {
            bencher.iter(|| adjudicate(black_box(claim), &programme, &accumulators).unwrap());
        });
        group.bench_with_input(
            BenchmarkId::new("resolve_and_adjudicate", lines),
            &claim,
            |bencher, claim| {
                bencher.iter(|| {
                    let programme = library.programme_for(black_box(claim)).unwrap();
                    adjudicate(claim, &programme, &accumulators).unwrap()
                });
            },
        );
        group.bench_with_input(BenchmarkId::new("decimal_loop", lines), &claim, |bencher, claim| {
            bencher.iter(|| decimal_loop(black_box(claim)));
        });
    }
    group.finish();
}

criterion_group!(benches, core);
criterion_main!(benches);
