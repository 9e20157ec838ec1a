//! What `bedside ledger` says of settlements that a correction reached, of erased ones and of those of two tenants, on a ledger
//! that a gateway wrote.
//!
//! The family's plan has a deductible of 10,000.00 that its members share, and pays what exceeds it; the amounts below
//! follow from that alone.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use bedside_gateway::v1::bedside_service_client::BedsideServiceClient;
use bedside_gateway::{Config, Gateway, parse_case_file, v1};
use bedside_ledger::{Ledger, LedgerConfig};
use bedside_policy::Library;
use serde_json::{Value, json};
use tonic::transport::Channel;

const HOSPITAL: &str = "H33010600001";
/// The line of a family member's stay that is settled at its end.
const SECOND_LINE: &str = "second";

type Client = BedsideServiceClient<Channel>;

fn ledger(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedside"));
    command.args(words).env_remove("BEDSIDE_DATA").env_remove("BEDSIDE_TENANT").output().unwrap()
}

fn done(words: &[&str]) -> String {
    let output = ledger(words);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(words: &[&str], code: i32, says: &str) {
    let output = ledger(words);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(says), "{words:?}: `{says}` is not in `{said}`");
}

fn as_json(words: &[&str]) -> Value {
    serde_json::from_str(&done(&[words, &["--format", "json"]].concat())).unwrap()
}

/// What a gateway of a tenant does on a folder while `visit` sends.
async fn serving<T>(folder: &Path, tenant: &str, visit: impl AsyncFnOnce(&mut Client) -> T) -> T {
    let config = LedgerConfig { segment_bytes: 1 << 20, ..LedgerConfig::at(folder) };
    let ledger = Ledger::open(config).unwrap();
    let gateway = Gateway::bind(Config::new("127.0.0.1:0".parse().unwrap(), tenant)).await.unwrap();
    let address = gateway.local_addr();
    let (shutdown, told) = tokio::sync::oneshot::channel::<()>();
    let library = Arc::new(Library::builtin().unwrap());
    let served = tokio::spawn(gateway.serve(ledger, library, async { drop(told.await) }));
    let mut client = BedsideServiceClient::connect(format!("http://{address}")).await.unwrap();
    let result = visit(&mut client).await;
    drop(client);
    shutdown.send(()).unwrap();
    served.await.unwrap().unwrap();
    result
}

/// A stay of a person of a family, all of it in scope and not settled through basic insurance.
fn bill(person: u32, family_no: &str, month: u32, yuan: u32) -> v1::SettleBillRequest {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/case-files/esheng-family.json");
    let mut bill = parse_case_file(&std::fs::read_to_string(path).unwrap()).unwrap().bills.remove(0);
    bill.header = Some(v1::Header {
        fixmedins_code: HOSPITAL.to_owned(),
        msgid: format!("m-{person}"),
        ..bill.header.unwrap()
    });
    let baseinfo = bill.baseinfo.as_mut().unwrap();
    (baseinfo.psn_no, baseinfo.family_no) = (format!("33010001{person}"), family_no.to_owned());
    let visit = bill.mdtrtinfo.as_mut().unwrap();
    (visit.mdtrt_id, visit.begntime) = (format!("V{person}"), format!("2026-{month:02}-02 09:00:00"));
    bill.dscginfo.as_mut().unwrap().endtime = format!("2026-{month:02}-09 11:00:00");
    bill.feedetail[0].fee_ocur_time = format!("2026-{month:02}-02 10:00:00");
    charged(bill, yuan)
}

fn charged(mut bill: v1::SettleBillRequest, yuan: u32) -> v1::SettleBillRequest {
    charge(&mut bill.feedetail[0], yuan);
    bill.data.as_mut().unwrap().medfee_sumamt = format!("{yuan}.00");
    bill
}

fn charge(line: &mut v1::FeeDetail, yuan: u32) {
    for field in [&mut line.det_item_fee_sumamt, &mut line.pric, &mut line.inscp_scp_amt] {
        *field = format!("{yuan}.00");
    }
}

async fn settled(client: &mut Client, bill: v1::SettleBillRequest) -> v1::Settlement {
    client.settle_bill(bill).await.unwrap().into_inner().settlement.unwrap()
}

/// The second member's stay of two lines, the first of which is settled midway.
async fn in_parts(client: &mut Client) -> [v1::Settlement; 2] {
    let bill = bill(2, "F1", 3, 9_000);
    let reference = |msgid: &str| {
        Some(v1::StayReference {
            header: Some(v1::Header { msgid: msgid.to_owned(), ..bill.header.clone().unwrap() }),
            mdtrt_id: "V2".to_owned(),
            psn_no: "330100012".to_owned(),
        })
    };
    let admission = v1::AdmitRequest {
        header: reference("a").unwrap().header,
        baseinfo: bill.baseinfo.clone(),
        insuinfo: bill.insuinfo.clone(),
        policyinfo: bill.policyinfo.clone(),
        mdtrtinfo: bill.mdtrtinfo.clone(),
        diseinfo: bill.diseinfo.clone(),
        ..v1::AdmitRequest::default()
    };
    client.admit(admission).await.unwrap();
    let first = bill.feedetail[0].clone();
    let mut second = v1::FeeDetail {
        feedetl_sn: SECOND_LINE.to_owned(),
        fee_ocur_time: "2026-03-05 10:00:00".to_owned(),
        ..first.clone()
    };
    charge(&mut second, 5_000);
    let upload = |msgid: &str, line| v1::UploadFeesRequest { stay: reference(msgid), feedetail: vec![line] };
    let settle = |msgid: &str, yuan: &str, data: v1::SettleData| v1::SettleRequest {
        stay: reference(msgid),
        data: Some(v1::SettleData { medfee_sumamt: yuan.to_owned(), ..data }),
        ..v1::SettleRequest::default()
    };
    client.upload_fees(upload("u1", first)).await.unwrap();
    let data = v1::SettleData { setl_date: String::new(), ..bill.data.clone().unwrap() };
    let midway =
        v1::SettleData { mid_setl_flag: "1".to_owned(), setl_date: "2026-03-03".to_owned(), ..data.clone() };
    let midway = client.settle(settle("s1", "9000.00", midway)).await.unwrap().into_inner();
    client.upload_fees(upload("u2", second)).await.unwrap();
    let discharge =
        v1::DischargeRequest { stay: reference("d"), dscginfo: bill.dscginfo.clone(), diseinfo: Vec::new() };
    client.discharge(discharge).await.unwrap();
    let rest = client.settle(settle("s2", "5000.00", data)).await.unwrap().into_inner();
    [midway.settlement.unwrap(), rest.settlement.unwrap()]
}

async fn correct(client: &mut Client, msgid: &str, booked: &v1::Settlement, bill: v1::SettleBillRequest) {
    let header =
        v1::Header { msgid: msgid.to_owned(), fixmedins_code: HOSPITAL.to_owned(), ..v1::Header::default() };
    let request = v1::CorrectSettlementRequest {
        header: Some(header),
        psn_no: booked.psn_no.clone(),
        setl_id: booked.setl_id.clone(),
        reason: "a line was charged twice".to_owned(),
        bill: Some(bill),
        ..v1::CorrectSettlementRequest::default()
    };
    client.correct_settlement(request).await.unwrap();
}

async fn cancel(client: &mut Client, booked: &v1::Settlement) {
    let request = v1::CancelSettlementRequest {
        header: Some(v1::Header {
            msgid: "C1".to_owned(),
            fixmedins_code: HOSPITAL.to_owned(),
            ..v1::Header::default()
        }),
        psn_no: booked.psn_no.clone(),
        setl_id: booked.setl_id.clone(),
        mdtrt_id: booked.mdtrt_id.clone(),
        ..v1::CancelSettlementRequest::default()
    };
    client.cancel_settlement(request).await.unwrap();
}

/// The corrections of a claim: setl_id, version, bill's difference, difference by account.
fn corrections(life: &Value) -> Vec<Value> {
    let nodes = life["nodes"].as_array().unwrap().iter().filter(|node| node["node"] == "corrected");
    nodes
        .map(|node| json!([node["corrects"], node["version"], node["medfee_sumamt"], node["difference"]]))
        .collect()
}

/// The first member's bill of 8,000.00 is corrected to 500.00 and to 8,000.00 again; the stay of the second, settled in two
/// parts of 9,000.00 and 5,000.00, and the bill of 1,000.00 of the third come after it in the year.
#[tokio::test(flavor = "multi_thread")]
async fn a_correction_is_told_at_every_claim_that_it_reached() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledger");
    let (first, parts, third, alone) = serving(&data, "insurer", async |client: &mut Client| {
        let first = settled(client, bill(1, "F1", 1, 8_000)).await;
        let parts = in_parts(client).await;
        let third = settled(client, bill(3, "F1", 5, 1_000)).await;
        let alone = settled(client, bill(9, "F9", 5, 300)).await;
        correct(client, "K1", &first, bill(1, "F1", 1, 500)).await;
        (first, parts, third, alone)
    })
    .await;
    let folder = data.to_str().unwrap();
    let show = |claim: &str| as_json(&["ledger", "show", "--data", folder, claim]);
    let [midway, rest] = [&parts[0].setl_id, &parts[1].setl_id];

    let own = show("V1");
    assert_eq!(corrections(&own), [json!([first.setl_id, 2, "-7500.00", {"cash": "-7500.00"}])]);
    assert_eq!(own["standing"], json!({"cash": "500.00"}));
    // Each part with its own version and difference: 9,000.00 are now charged the deductible whole, then 500.00 of 5,000.00.
    let reached = show("V2");
    assert_eq!(
        corrections(&reached),
        [
            json!([midway, 2, "0.00", {"cash": "7000.00", "payer:PAJK": "-7000.00"}]),
            json!([rest, 2, "0.00", {"cash": "500.00", "payer:PAJK": "-500.00"}]),
        ]
    );
    assert_eq!(reached["standing"], json!({"cash": "9500.00", "payer:PAJK": "4500.00"}));
    let because = &reached["nodes"].as_array().unwrap().last().unwrap()["because_of"];
    assert_eq!(because, &json!(first.setl_id));
    let screen = done(&["ledger", "show", "--data", folder, "V2"]);
    for part in [
        format!("更正 {midway}  第2版"),
        format!("起因：更正 {}", first.setl_id),
        "个人现金 +7000.00".to_owned(),
        "平安健康保险 -500.00".to_owned(),
        format!("现在有效：{midway} 第2版 账单 9000.00 = 个人现金 9000.00"),
        "合计：账单 14000.00 = 个人现金 9500.00，平安健康保险 4500.00".to_owned(),
    ] {
        assert!(screen.contains(&part), "`{part}` is not in\n{screen}");
    }
    let english = done(&["ledger", "show", "--data", folder, "V2", "--lang", "en"]);
    assert!(english.contains(&format!("stands now: {rest} version 2 bill 5000.00 = ")), "{english}");
    // What another family settled is not touched.
    assert!(corrections(&show("V9")).is_empty());

    serving(&data, "insurer", async |client: &mut Client| {
        cancel(client, &third).await;
        correct(client, "K2", &first, bill(1, "F1", 1, 8_000)).await;
    })
    .await;
    let again = show("V2");
    assert_eq!(
        corrections(&again)[2],
        json!([midway, 3, "0.00", {"cash": "-7000.00", "payer:PAJK": "7000.00"}])
    );
    assert_eq!(again["standing"], json!({"cash": "2000.00", "payer:PAJK": "12000.00"}));
    let undone = show("V3");
    assert_eq!(undone["standing"], json!({}));
    assert!(undone["settlements"][0]["undone_by"].is_string(), "{undone}");
    assert!(done(&["ledger", "show", "--data", folder, "V3"]).contains("现在没有有效的结算"));

    statements(folder, &first, &third);
    names(folder);
    two_tenants(&data, folder).await;
    erased(dir.path(), folder, &alone);
}

fn statements(folder: &str, first: &v1::Settlement, undone: &v1::Settlement) {
    let setl_id = first.setl_id.as_str();
    let of = |words: &[&'static str]| [&["ledger", "statement", "--data", folder, setl_id], words].concat();
    let told = |words: &[&'static str]| {
        let said = as_json(&of(words));
        let amount = said["setlinfo"]["medfee_sumamt"].clone();
        json!([said["version"], said["versions"], amount])
    };
    assert_eq!(told(&[]), json!([3, 3, "8000.00"]));
    assert_eq!(told(&["--version", "2"]), json!([2, 3, "500.00"]));
    assert_eq!(told(&["--version", "1"]), json!([1, 3, "8000.00"]));
    assert!(done(&of(&[])).starts_with("第3版，共3版，由更正 S"));
    let second = done(&of(&["--version", "2", "--lang", "en"]));
    assert!(second.starts_with("version 2 of 3, made by correction S") && second.contains("not the newest"));
    assert!(done(&of(&["--format", "html"])).contains("第3版，共3版，由更正"));
    fails(&of(&["--version", "0"]), 2, "has versions 1 to 3, not 0");
    fails(&of(&["--version", "4"]), 2, "有第1至第3版，没有第4版");
    let cancelled = done(&["ledger", "statement", "--data", folder, &undone.setl_id]);
    assert!(cancelled.lines().next().unwrap().contains("撤销"), "{cancelled}");
    let correction = as_json(&of(&[]))["corrected_by"].as_str().unwrap().to_owned();
    fails(&["ledger", "statement", "--data", folder, &correction], 2, "is a correction, not a settlement");
}

fn names(folder: &str) {
    let unnamed = as_json(&["ledger", "balance", "--data", folder]);
    assert_eq!(unnamed["hospitals"][0]["fixmedins_name"], Value::Null);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/registers/hospitals.csv");
    done(&["enrol", "import", file, "--of", "hospitals", "--tenant", "insurer", "--data", folder]);
    let balance = as_json(&["ledger", "balance", "--data", folder]);
    let [owed] = balance["clearing"].as_array().unwrap().as_slice() else { panic!("{balance}") };
    assert_eq!(
        json!([owed["payer_code"], owed["payer"]["zh"], owed["fixmedins_name"], owed["amount"]]),
        json!(["PAJK", "平安健康保险", "西湖区第一人民医院", "12000.00"])
    );
    let sheet = done(&["ledger", "balance", "--data", folder]);
    for part in
        ["payer:PAJK 平安健康保险", "cash 个人现金", &format!("insurer {HOSPITAL} 西湖区第一人民医院")]
    {
        assert!(sheet.contains(part), "`{part}` is not in\n{sheet}");
    }
}

async fn two_tenants(data: &Path, folder: &str) {
    serving(data, "other", async |client: &mut Client| settled(client, bill(1, "F1", 1, 100)).await).await;
    fails(&["ledger", "show", "--data", folder, "V1"], 2, "insurer H33010600001, other H33010600001");
    let other = as_json(&["ledger", "show", "--data", folder, "V1", "--tenant", "other"]);
    assert_eq!(other["standing"], json!({"cash": "100.00"}));
    fails(&["ledger", "show", "--data", folder, "V2", "--tenant", "other"], 2, "no claim `V2`");
}

fn erased(dir: &Path, folder: &str, alone: &v1::Settlement) {
    let (persons, copy) = (dir.join("persons"), dir.join("copy"));
    std::fs::write(&persons, format!("{}\n", alone.psn_no)).unwrap();
    let (persons, copy) = (persons.to_str().unwrap(), copy.to_str().unwrap());
    let erase = ["ledger", "erase", "--data", folder, "--to", copy, "--tenant", "insurer"];
    done(&[&erase[..], &["--persons", persons]].concat());
    let setl_id = alone.setl_id.as_str();
    let screen = done(&["ledger", "show", "--data", copy, setl_id]);
    assert!(screen.contains("就诊 （内容已删除）") && screen.contains("账单 300.00"), "{screen}");
    assert!(!screen.contains("<erased"), "{screen}");
    let life = as_json(&["ledger", "show", "--data", copy, setl_id]);
    assert_eq!(json!([life["settlements"][0]["erased"], life["standing"]["cash"]]), json!([true, "300.00"]));
    let statement = ["ledger", "statement", "--data", copy, setl_id];
    fails(&statement, 3, "的内容已删除，无法出具结算单 / the content of settlement");
    fails(&["ledger", "show", "--data", copy, "V9"], 2, "no claim `V9`");
}
