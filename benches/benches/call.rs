//! The whole call over loopback gRPC, with receipts and without: request to durable answer, one in flight and 64.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bedside_gateway::notary::{Notary, open_or_make_key};
use bedside_gateway::server::{Config, Gateway};
use bedside_gateway::v1::bedside_service_client::BedsideServiceClient;
use bedside_gateway::{parse_case, v1};
use bedside_ledger::{Ledger, LedgerConfig};
use bedside_policy::Library;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tonic::transport::Channel;

type Client = BedsideServiceClient<Channel>;

/// A bill of the workload that every plan of its person settles.
fn bill() -> v1::SettleBillRequest {
    let bills = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/bills-1000.ndjson");
    let bills = std::fs::read_to_string(bills).unwrap();
    parse_case(bills.lines().next().unwrap()).unwrap()
}

/// The same bill for somebody else.
fn numbered(bill: &v1::SettleBillRequest, number: u64) -> v1::SettleBillRequest {
    let mut bill = bill.clone();
    bill.header.as_mut().unwrap().msgid = format!("M{number}");
    bill.mdtrtinfo.as_mut().unwrap().mdtrt_id = format!("V{number}");
    bill.baseinfo.as_mut().unwrap().psn_no = format!("P{number}");
    bill
}

async fn serve(dir: &std::path::Path, with_receipts: bool) -> Client {
    let ledger = Ledger::open(LedgerConfig::at(dir)).unwrap();
    let mut gateway = Gateway::bind(Config::new("127.0.0.1:0".parse().unwrap(), "bench")).await.unwrap();
    if with_receipts {
        let key = open_or_make_key(&dir.join("key"), "bedside/bench").unwrap();
        gateway = gateway.with_notary(Arc::new(Notary::open(key, Some(dir.join("log")), &ledger).unwrap()));
    }
    let address = format!("http://{}", gateway.local_addr());
    let library = Arc::new(Library::builtin().unwrap());
    tokio::spawn(gateway.serve(ledger, library, std::future::pending()));
    Client::connect(address).await.unwrap()
}

fn call(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("call");
    group.sample_size(20).measurement_time(Duration::from_secs(4));
    let bill = bill();
    for in_flight in [1u64, 64] {
        group.throughput(Throughput::Elements(in_flight));
        for with_receipts in [false, true] {
            // The disk to measure; tmpfs would flatter.
            let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let runtime = Runtime::new().unwrap();
            let client = runtime.block_on(serve(dir.path(), with_receipts));
            let mut next = 0;
            let name = if with_receipts { "with_receipts" } else { "without_receipts" };
            group.bench_function(BenchmarkId::new(name, in_flight), |bencher| {
                bencher.iter_custom(|rounds| {
                    let begun = Instant::now();
                    runtime.block_on(async {
                        for _ in 0..rounds {
                            let mut calls = JoinSet::new();
                            for _ in 0..in_flight {
                                next += 1;
                                let (mut client, bill) = (client.clone(), numbered(&bill, next));
                                calls.spawn(async move { client.settle_bill(bill).await.unwrap() });
                            }
                            while let Some(answered) = calls.join_next().await {
                                assert_eq!(answered.unwrap().into_inner().receipt.is_some(), with_receipts);
                            }
                        }
                    });
                    begun.elapsed()
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, call);
criterion_main!(benches);
