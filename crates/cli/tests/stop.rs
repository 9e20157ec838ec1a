//! A gateway whose disk fails, as a load balancer sees it: not ready, then gone, and nothing acknowledged lost.
//!
//! Readiness must be off within a second and the process out within five; the test waits for both and prints how long they
//! took, because a shared machine may hold up anything.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use bedside_gateway::v1::bedside_service_client::BedsideServiceClient;
use bedside_gateway::{parse_case, v1};
use tonic::transport::Channel;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// More settlements than any planned fault lets through.
const SETTLEMENTS_MAX: usize = 500;

/// What fails: the operation with that number on what lies below that name in the ledger's folder.
#[derive(Debug)]
struct Fault {
    kind: &'static str,
    below: &'static str,
    at: u64,
}

/// The segment that a young ledger writes; each group writes it once and syncs it once.
const SEGMENT: &str = "journal/0000000001.journal";

/// A gateway of its own process over a ledger on disk, with one storage operation of it planned to fail.
struct Gateway {
    child: Child,
    address: String,
}

impl Gateway {
    fn start(data: &Path, fault: Option<&Fault>) -> Gateway {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--write-deadline-s", "1", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(Fault { kind, below, at }) = fault {
            let library = std::env::current_exe().unwrap().with_file_name("libfaultshim.so");
            assert!(library.exists(), "`{}` is not there: build the package `faultshim`", library.display());
            command
                .env("LD_PRELOAD", library)
                .env("FAULT_UNDER", data.join(below))
                .env("FAULT_AT", at.to_string())
                .env("FAULT_KIND", kind);
        }
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("bedside listens on ").unwrap_or_default().to_owned();
        assert!(!address.is_empty(), "the fault came before the gateway listened");
        Gateway { child, address }
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The discharge with that number: its own stay and message.
fn discharge(number: usize) -> v1::SettleBillRequest {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("morning/01-resident-child.json");
    let mut request = parse_case(&std::fs::read_to_string(file).unwrap()).unwrap();
    request.header.as_mut().unwrap().msgid = format!("STOP{number:06}");
    request.mdtrtinfo.as_mut().unwrap().mdtrt_id = format!("STOP{number:06}");
    request
}

async fn stops_serving(fault: Fault) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let mut gateway = Gateway::start(&data, Some(&fault));
    let channel = gateway.channel().await;
    let question = HealthCheckRequest { service: String::new() };
    let mut health = HealthClient::new(channel.clone()).watch(question).await.unwrap().into_inner();
    let status = |told: Option<HealthCheckResponse>| told.map(|told| told.status());
    assert_eq!(status(health.message().await.unwrap()), Some(ServingStatus::Serving));

    let mut client = BedsideServiceClient::new(channel);
    let mut answers = Vec::new();
    let refused = loop {
        assert!(answers.len() < SETTLEMENTS_MAX, "the fault did not come");
        match client.settle_bill(discharge(answers.len())).await {
            Ok(answer) => answers.push(answer.into_inner().settlement.unwrap()),
            Err(refused) => break refused,
        }
    };
    let stopped = Instant::now();
    assert_eq!(refused.code(), tonic::Code::Unavailable, "{fault:?}: {refused:?}");
    assert!(!answers.is_empty(), "{fault:?}: the fault came before any answer");
    // An end of the stream means that nobody is there any more, which a load balancer takes for the same.
    let told = status(health.message().await.unwrap_or(None)).unwrap_or(ServingStatus::NotServing);
    assert_eq!(told, ServingStatus::NotServing, "{fault:?}");
    let unready = stopped.elapsed();
    let mut stderr = gateway.child.stderr.take().unwrap();
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    let ended = gateway.child.wait().unwrap();
    println!(
        "{fault:?}: {} answered, not ready after {unready:?}, out after {:?}",
        answers.len(),
        stopped.elapsed()
    );
    assert_eq!(ended.code(), Some(1), "{fault:?}: {said}");
    assert!(said.contains("the ledger has stopped"), "{fault:?}: {said}");
    drop(gateway);

    let gateway = Gateway::start(&data, None);
    let mut client = BedsideServiceClient::new(gateway.channel().await);
    for (number, answer) in answers.iter().enumerate() {
        let again = client.settle_bill(discharge(number)).await.unwrap().into_inner().settlement.unwrap();
        assert_eq!(again, *answer, "{fault:?}: settlement {number}");
    }
    // The one that was refused may be in the journal or not; settling it again gives it one answer.
    let number = answers.len();
    let first = client.settle_bill(discharge(number)).await.unwrap().into_inner().settlement.unwrap();
    let second = client.settle_bill(discharge(number)).await.unwrap().into_inner().settlement.unwrap();
    assert_eq!(first, second);
}

/// Two operations in a row: a write and a sync.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_error_ends_the_gateway() {
    for at in [8, 9] {
        stops_serving(Fault { kind: "error", below: SEGMENT, at }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_no_longer_answers_ends_the_gateway() {
    for at in [8, 9] {
        stops_serving(Fault { kind: "stall", below: SEGMENT, at }).await;
    }
}
