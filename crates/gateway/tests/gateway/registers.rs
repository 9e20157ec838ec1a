//! Calls that leave to the registers what they do not carry.

use std::sync::Arc;

use bedside_gateway::registers::roster::Roster;
use bedside_gateway::v1;
use bedside_ledger::{MessageKey, RegisterEvent, Registered};
use prost::Message;
use tonic::Code;

use crate::base::{base, edited};
use crate::house::{House, info, reason};

const PSN_NO: &str = "33010000000000000000012345";

/// What the base message carries of its person, as a roster has it.
const PERSON: &str = r#"{"psn_no": "33010000000000000000012345",
  "baseinfo": {"gend": "1", "brdy": "1980-01-01", "psn_name": "张三丰", "certno": "330106198001011234"},
  "insuinfo": [
    {"insutype": "390", "psn_type": "1501", "insuplc_admdvs": "330106", "balc": "0", "psn_insu_stas": "1"},
    {"insutype": "310", "psn_type": "1101", "insuplc_admdvs": "330102", "balc": "50.00", "psn_insu_stas": "4"}
  ],
  "idetinfo": [{"psn_idet_type": "01", "begntime": "2025-01-01 00:00:00", "endtime": "9999-12-31 23:59:59"}],
  "policyinfo": [
    {"policy_no": "YLB-2026-777001", "product": "hangzhou/xihu-yilianbao", "begndate": "2026-01-01", "enddate": "2026-12-31"}
  ]}"#;

const HOSPITAL: &str = r#"{"fixmedins_code": "H33010600001", "fixmedins_name": "示例医院", "mdtrtarea_admvs": "330106", "hosp_lv": "02"}"#;

/// Leaves out of the base message what the registers have.
const BARE: &str = "drop baseinfo\ndrop insuinfo\ndrop idetinfo\ndrop policyinfo\ndrop header.fixmedins_name\ndrop header.mdtrtarea_admvs\ndrop header.hosp_lv";

fn record(house: &House, msgid: &str, roster: &Roster, documents: &[&str]) -> u64 {
    let rows = documents.iter().flat_map(|document| roster.of_json(document, "").unwrap()).collect();
    let event = RegisterEvent {
        message: MessageKey { tenant: "insurer".into(), fixmedins_code: "".into(), msgid: msgid.into() },
        booked_at_ms: 1_780_000_000_000,
        request: Vec::new(),
        rows,
    };
    match house.ledger.register(event).unwrap() {
        Registered::New { receipt, .. } => receipt.sequence,
        other => panic!("{other:?}"),
    }
}

async fn enrolled() -> House {
    let house = House::open().await;
    record(&house, "1", &Roster::Persons, &[PERSON]);
    record(&house, "2", &Roster::Hospitals, &[HOSPITAL]);
    house.restart().await
}

fn get_person(date: &str) -> v1::GetPersonRequest {
    v1::GetPersonRequest { psn_no: PSN_NO.to_owned(), date: date.to_owned(), header: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_bill_is_settled_like_one_that_carries_everything() {
    let mut inline = House::open().await;
    let expected = inline.settle(base()).await.unwrap();
    inline.close().await;

    let mut house = enrolled().await;
    let settled = house.settle(edited(BARE)).await.unwrap();
    assert_eq!(settled.setlinfo, expected.setlinfo);
    assert_eq!(settled.payments, expected.payments);
    assert_eq!(settled.lines, expected.lines);
    let used = |settled: &v1::Settlement| {
        let versions = settled.register_versions.iter();
        versions.map(|it| format!("{} {} {}", it.node, it.key, it.version)).collect::<Vec<_>>()
    };
    let expected = [
        "hospital  2",
        "baseinfo  1",
        "insuinfo 310 1",
        "insuinfo 390 1",
        "balc 310 1",
        "balc 390 1",
        "idetinfo 01 2025-01-01 00:00:00 1",
        "policyinfo YLB-2026-777001 1",
    ];
    assert_eq!(used(&settled), expected);

    // the same message has the same answer, also when the registers say something else by then
    let sequence = record(
        &house,
        "3",
        &Roster::Persons,
        &[
            r#"{"psn_no": "33010000000000000000012345", "vali_flag": "0", "policyinfo": [{"policy_no": "YLB-2026-777001"}]}"#,
        ],
    );
    assert_eq!(sequence, 4);
    let again = house.settle(edited(BARE)).await.unwrap();
    assert_eq!(again.encode_to_vec(), settled.encode_to_vec());
    // a call that carries everything takes nothing, but for what it leaves empty
    let whole = house.settle(edited("header.msgid = M2\nmdtrtinfo.mdtrt_id = V2")).await.unwrap();
    assert_eq!(used(&whole), [""; 0]);
    let verified = house.ledger.verify().unwrap();
    assert_eq!((verified.settlements, verified.imports), (2, 3));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_registers_a_bare_bill_is_refused() {
    let mut house = House::open().await;
    let refused = house.settle(edited(BARE)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "INVALID_MESSAGE"));
    assert_eq!(info(&refused).metadata["field"], "header.fixmedins_name");
    let unknown = house.client.get_person(get_person("2026-03-10")).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "PERSON_NOT_FOUND"));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_answered_as_of_a_day() {
    let house = enrolled().await;
    let moved = r#"{"psn_no": "33010000000000000000012345", "valid_from": "2026-07-01",
        "insuinfo": [{"insutype": "390", "psn_type": "1502", "insuplc_admdvs": "330110"}]}"#;
    record(&house, "3", &Roster::Persons, &[moved]);
    let mut house = house.restart().await;
    let mut on = async |date: &str| house.client.get_person(get_person(date)).await.unwrap().into_inner();
    let before = on("2026-06-30").await;
    let base = before.baseinfo.unwrap();
    assert_eq!((base.gend.as_str(), base.brdy.as_str(), base.psn_no.as_str()), ("1", "1980-01-01", PSN_NO));
    assert_eq!((base.psn_name, base.certno), (String::new(), String::new()));
    assert_eq!(before.insuinfo[1].psn_type, "1501");
    assert_eq!(
        (before.insuinfo[0].balc.as_str(), before.policyinfo.len(), before.idetinfo.len()),
        ("50.00", 1, 1)
    );
    let after = on("2026-07-01").await;
    assert_eq!((after.insuinfo[1].psn_type.as_str(), after.insuinfo[1].balc.as_str()), ("1502", "0"));
    let version = after.register_versions.iter().find(|it| it.node == "insuinfo" && it.key == "390").unwrap();
    assert_eq!(version.version, "3");
    let wrong = house.client.get_person(get_person("2026-02-30")).await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    house.close().await;
}

/// Two visits of an employee: the second finds on the account what the first left, and a cancellation puts it back.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_not_paid_from_twice() {
    let employee = r#"{"psn_no": "33010000000000000000012345", "baseinfo": {"gend": "1", "brdy": "1980-01-01"},
        "insuinfo": [{"insutype": "310", "psn_type": "1101", "insuplc_admdvs": "330106", "balc": "150.00", "past_year_balc": "20.00"}]}"#;
    let house = House::open().await;
    record(&house, "1", &Roster::Persons, &[employee]);
    let mut house = house.restart().await;
    let visit = |number: u8, inline: &str| {
        let edits = "drop baseinfo\ndrop insuinfo\ndrop idetinfo\ndrop policyinfo\nmdtrtinfo.insutype = 310";
        let mut request =
            edited(&format!("{edits}\nheader.msgid = M{number}\nmdtrtinfo.mdtrt_id = V{number}"));
        if !inline.is_empty() {
            let row = r#"{"insutype": "310", "psn_type": "1101", "insuplc_admdvs": "330106"}"#;
            let row: v1::InsuInfo = serde_json::from_str(row).unwrap();
            let (balc, past_year_balc) = inline.split_once(' ').unwrap();
            let (balc, past_year_balc) = (balc.to_owned(), past_year_balc.to_owned());
            request.insuinfo = vec![v1::InsuInfo { balc, past_year_balc, ..row }];
        }
        request
    };
    let first = house.settle(visit(1, "")).await.unwrap();
    let paid = first.setlinfo.as_ref().unwrap().clone();
    assert_ne!(paid.acct_pay, "0.00");
    // what 1101 answers is what the answer said is left
    let person = house.client.get_person(get_person("2026-03-10")).await.unwrap().into_inner();
    assert_eq!(person.insuinfo[0].balc, paid.balc);
    let left = format!("{} {}", person.insuinfo[0].balc, person.insuinfo[0].past_year_balc);
    // a quote that carries what is left is what the register comes to
    let quoted =
        house.client.pre_settle(quote(visit(2, &left))).await.unwrap().into_inner().settlement.unwrap();
    let second = house.settle(visit(2, "")).await.unwrap();
    assert_eq!(second.setlinfo, quoted.setlinfo);
    assert!(first.accumulators.iter().any(|change| change.pack_id == "register"));
    assert_ne!(second.setlinfo.as_ref().unwrap().acct_pay, "0.00");
    // both cancelled, the account is as it was stated
    house.cancel("C2", &second).await.unwrap();
    house.cancel("C1", &first).await.unwrap();
    let person = house.client.get_person(get_person("2026-03-10")).await.unwrap().into_inner();
    assert_eq!(person.insuinfo[0].balc, "150.00");
    house.ledger.verify().unwrap();
    house.close().await;
}

fn quote(bill: v1::SettleBillRequest) -> v1::PreSettleRequest {
    let subject = Some(v1::pre_settle_request::Subject::Bill(bill));
    v1::PreSettleRequest { subject, ..Default::default() }
}

/// An imported item splits a line from the day it is in force; the answer cites the record.
#[tokio::test(flavor = "multi_thread")]
async fn an_imported_catalogue_splits_the_lines() {
    let house = House::open().await;
    let dearer = r#"{"hilist_code": "XC15XCA000A008064084520", "hilist_name": "阿莫西林胶囊", "med_chrgitm_type": "09",
        "chrgitm_lv": "02", "begndate": "2026-03-01", "lmt_used_flag": "0", "selfpay_prop_310": "0.03",
        "selfpay_prop_390": "0.40", "pric_uplmt_tertiary": "15"}"#;
    let catalogue = Roster::Catalogue(Arc::from("demo/catalogue"));
    record(&house, "1", &catalogue, &[dearer]);
    let mut house = house.restart().await;
    let settled = house.settle(base()).await.unwrap();
    // 60.00 at a ceiling of 15 for 3: 15.00 above it; of the 45.00 left 40 % first-pay
    let line = &settled.lines[0];
    assert_eq!((line.overlmt_amt.as_str(), line.preselfpay_amt.as_str()), ("15.00", "18.00"));
    assert!(settled.packs.iter().any(|pack| pack.version.ends_with("+register.1")), "{:?}", settled.packs);
    house.close().await;
}
