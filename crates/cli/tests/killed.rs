//! A gateway that is killed (`kill -9`) at random points of an exchange while others settle too, started again and asked
//! again: every answer as it was, one settlement for each msgid.
//!
//! `BEDSIDE_ROUNDS` says how often it is killed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../gateway/tests/many/proxy.rs"]
mod proxy;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use bedside_gateway::v1::bedside_service_client::BedsideServiceClient;
use bedside_gateway::{parse_case, v1};
use prost::Message;
use proxy::{Break, Wire};
use tokio::sync::oneshot;
use tonic::transport::Channel;

/// Who settle while one exchange is broken.
const OTHERS: usize = 4;

/// A gateway of its own process.
struct Gateway {
    child: Arc<Mutex<Child>>,
    address: SocketAddr,
}

impl Gateway {
    fn start(data: &Path) -> Gateway {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("bedside listens on ").unwrap().parse().unwrap();
        Gateway { child: Arc::new(Mutex::new(child)), address }
    }

    fn killing(&self) -> impl FnOnce() + Send + use<> {
        let child = Arc::clone(&self.child);
        move || child.lock().unwrap().kill().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The discharge with that msgid: its own stay, all of one person.
fn discharge(msgid: &str) -> v1::SettleBillRequest {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("morning/01-resident-child.json");
    let mut request = parse_case(&std::fs::read_to_string(file).unwrap()).unwrap();
    request.header.as_mut().unwrap().msgid = msgid.to_owned();
    request.mdtrtinfo.as_mut().unwrap().mdtrt_id = msgid.to_owned();
    request
}

/// The answer's bytes over a connection of its own; nothing when the other end is gone.
async fn settle(address: SocketAddr, msgid: &str) -> Option<Vec<u8>> {
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.ok()?;
    let answer = BedsideServiceClient::new(channel).settle_bill(discharge(msgid)).await.ok()?;
    // The receipt beside it proves the same answer in a tree that has grown.
    answer.into_inner().settlement.map(|settlement| settlement.encode_to_vec())
}

/// Settles one bill after the other until the gateway is gone. What was answered, the last one without an answer.
async fn settle_until_gone(
    address: SocketAddr,
    name: String,
    first: oneshot::Sender<()>,
) -> Vec<(String, Option<Vec<u8>>)> {
    let mut told = Vec::new();
    let mut first = Some(first);
    loop {
        let msgid = format!("{name}-{}", told.len());
        let answer = settle(address, &msgid).await;
        let is_gone = answer.is_none();
        told.push((msgid, answer));
        if let Some(first) = first.take() {
            let _ = first.send(());
        }
        if is_gone {
            return told;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_killed_at_any_point_and_started_again_has_settled_once() {
    let kills = std::env::var("BEDSIDE_ROUNDS").map_or(5, |kills| kills.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let mut rng = fastrand::Rng::with_seed(20_260_301);
    let mut answers: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut gateway = Gateway::start(&data);

    let wire = Wire::to(gateway.address, Break::Never, || {});
    answers.insert("K".to_owned(), settle(wire.address, "K").await.unwrap());
    let (sent, answered) = tokio::task::spawn_blocking(|| wire.passed()).await.unwrap();

    let mut unknown = 0;
    for kill in 0..kills {
        let (others, settling): (Vec<_>, Vec<_>) = (0..OTHERS)
            .map(|other| {
                let (first, has_settled) = oneshot::channel();
                let name = format!("K{kill}-{other}");
                (tokio::spawn(settle_until_gone(gateway.address, name, first)), has_settled)
            })
            .unzip();
        for has_settled in settling {
            has_settled.await.unwrap();
        }
        let at =
            if rng.bool() { Break::Sent(rng.u64(0..=sent)) } else { Break::Answered(rng.u64(0..answered)) };
        let wire = Wire::to(gateway.address, at, gateway.killing());
        let msgid = format!("K{kill}");
        let mut told = vec![(msgid.clone(), settle(wire.address, &msgid).await)];
        for other in others {
            told.extend(other.await.unwrap());
        }
        drop(gateway);

        gateway = Gateway::start(&data);
        for (msgid, answer) in told {
            let again = settle(gateway.address, &msgid).await.unwrap();
            unknown += usize::from(answer.is_none());
            if let Some(answer) = answer {
                assert!(answer == again, "{msgid}, {at:?}: another answer than before");
            }
            answers.insert(msgid, again);
        }
    }
    for (msgid, answer) in &answers {
        assert!(settle(gateway.address, msgid).await.as_ref() == Some(answer), "{msgid}: another answer");
    }
    drop(gateway);
    println!("{kills} kills: {} settlements, {unknown} of them without an answer at first", answers.len());

    let mut verify = Command::new(env!("CARGO_BIN_EXE_bedside"));
    let verify = verify.args(["ledger", "verify", "--format", "json", "--data"]).arg(&data).output().unwrap();
    let proved: serde_json::Value = serde_json::from_slice(&verify.stdout).unwrap();
    assert_eq!((&proved["settlements"], &proved["records"]), (&answers.len().into(), &answers.len().into()));
}
