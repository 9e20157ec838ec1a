//! Quotes of stays that bind: kept to the fen whatever call the others come with, or told what changed since.

use bedside_gateway::v1;
use bedside_ledger::{Entry, StayKind};
use prost::Message;
use tonic::Status;

use crate::holds::{self, HERE, THERE, ahead, pays, state};
use crate::house::{House, info, reason};
use crate::stays::{Stay, settled};

/// The calls of a stay after an accident, insured for 1,000: all of it is paid up to there.
fn after_an_accident(name: &str, amount: u32) -> Stay {
    Stay::of(holds::Stay::of(HERE, "P", name, amount).bill("-"))
}

fn within(stay: &Stay, msgid: &str, hold_id: &str) -> v1::SettleRequest {
    v1::SettleRequest { hold_id: hold_id.to_owned(), ..stay.settle(msgid) }
}

async fn admitted(house: &mut House, stay: &Stay) {
    house.client.admit(stay.admit("a")).await.unwrap();
    house.client.upload_fees(stay.upload("u", 0..stay.bill.feedetail.len())).await.unwrap();
}

async fn held(house: &mut House, request: v1::PreSettleRequest) -> (v1::Settlement, String) {
    let answer = house.client.pre_settle(request).await.unwrap().into_inner();
    (answer.settlement.unwrap(), answer.hold_id)
}

fn changed(status: &Status) -> [String; 3] {
    assert_eq!(reason(status), "HOLD_INPUT_CHANGED");
    ["input", "quoted", "now"].map(|name| info(status).metadata[name].clone())
}

/// A stay at one hospital, a bill that comes whole at another, and the last thousand of a cap.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_thousand_is_promised_to_the_stay_or_to_the_bill() {
    for stay_first in [true, false] {
        let mut house = House::open().await;
        let stay = after_an_accident("V1", 1_200);
        let there = holds::Stay::of(THERE, "P", "V2", 1_500);
        admitted(&mut house, &stay).await;
        let bill_held = async |house: &mut House| {
            let answer = holds::pre_settle(house, there.bill("H2"), ahead(3_600)).await.unwrap();
            (answer.settlement.unwrap(), answer.hold_id)
        };
        let (of_stay, of_bill) = if stay_first {
            let of_stay = held(&mut house, stay.hold("H1", ahead(3_600))).await;
            (of_stay, bill_held(&mut house).await)
        } else {
            let of_bill = bill_held(&mut house).await;
            (held(&mut house, stay.hold("H1", ahead(3_600))).await, of_bill)
        };
        let promised = if stay_first { ["1000.00", "0.00"] } else { ["0.00", "1000.00"] };
        assert_eq!([pays(&of_stay.0), pays(&of_bill.0)], promised);
        house.client.discharge(stay.discharge("d")).await.unwrap();
        // whoever settles first, each is given what he was promised
        let bill = v1::SettleBillRequest { hold_id: of_bill.1, ..there.bill("M2") };
        let bill = house.settle(bill).await.unwrap();
        let settled = settled(&mut house.client, within(&stay, "M1", &of_stay.1)).await.unwrap();
        assert_eq!((&settled.setlinfo, &settled.lines), (&of_stay.0.setlinfo, &of_stay.0.lines));
        assert_eq!((&bill.setlinfo, &bill.lines), (&of_bill.0.setlinfo, &of_bill.0.lines));
        assert_eq!(state(&mut house, HERE, "H1").await, "settled");
        let used = house.accumulators("P").await;
        let paid = used.iter().find(|it| it.benefit_id == "medical" && it.measure == "paid").unwrap();
        assert_eq!(paid.cum, "1000.00");
        house.ledger.verify().unwrap();
        let house = house.restart().await;
        house.ledger.verify().unwrap();
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_stay_is_named() {
    let mut house = House::open().await;
    let stay = Stay::named(
        "named",
        "policyinfo[0].product = demo/inpatient-allowance\ndrop insuinfo[0]\nmdtrtinfo.insutype = 310\n\
         insuinfo[0].psn_insu_stas = 1\ninsuinfo[0].insuplc_admdvs = 330106",
    );
    admitted(&mut house, &stay).await;
    // without the data of the settlement, on the day of the last line: the account is not used
    let bare = |msgid: &str| v1::PreSettleRequest { data: None, ..stay.hold(msgid, ahead(3_600)) };
    let (quoted, hold_id) = held(&mut house, bare("H1")).await;
    let client = &mut house.client;
    let settle = |total: &str, acct_used_flag: &str| {
        let data = stay.bill.data.clone().unwrap();
        let (medfee_sumamt, acct_used_flag) = (total.to_owned(), acct_used_flag.to_owned());
        let data = Some(v1::SettleData { medfee_sumamt, acct_used_flag, ..data });
        v1::SettleRequest { data, ..within(&stay, "M1", &hold_id) }
    };
    let refused = async |client: &mut crate::house::Client, request, expected: [&str; 3]| {
        assert_eq!(changed(&settled(client, request).await.unwrap_err()), expected);
    };
    let back = async |client: &mut crate::house::Client, msgid: &str| {
        let request = v1::CancelDischargeRequest { stay: Some(stay.reference(msgid)) };
        client.cancel_discharge(request).await.unwrap();
    };

    let mut more = stay.upload("u9", 2..3);
    more.feedetail[0].feedetl_sn = "9".to_owned();
    client.upload_fees(more).await.unwrap();
    client.discharge(stay.discharge("d1")).await.unwrap();
    refused(client, settle("160.00", "0"), ["bill.feedetail[3].feedetl_sn", "empty", "`9`"]).await;
    back(client, "x1").await;
    client.cancel_fees(stay.withdraw("w1", &["9", "2"])).await.unwrap();
    client.discharge(stay.discharge("d2")).await.unwrap();
    refused(client, settle("120.00", "0"), ["bill.feedetail[1].feedetl_sn", "`2`", "empty"]).await;
    back(client, "x2").await;

    // the withdrawn line comes in again, behind the others: the same bill
    client.upload_fees(stay.upload("u2", 1..2)).await.unwrap();
    let mut late = stay.discharge("d3");
    late.dscginfo.as_mut().unwrap().endtime = "2026-03-12 11:00:00".to_owned();
    client.discharge(late).await.unwrap();
    let ended = ["bill.dscginfo.endtime", "`2026-03-10`", "`2026-03-12`"];
    let mut open = settle("100.00", "0");
    open.data.as_mut().unwrap().setl_date.clear();
    refused(client, open, ended).await;
    back(client, "x3").await;
    client.discharge(stay.discharge("d4")).await.unwrap();
    refused(client, settle("100.00", "1"), ["bill.data.acct_used_flag", "`0`", "`1`"]).await;
    assert_eq!(state(&mut house, HERE, "H1").await, "held", "a refusal ends nothing");

    let kept = settled(&mut house.client, settle("100.00", "0")).await.unwrap();
    assert_eq!(kept.setlinfo, quoted.setlinfo);
    assert_eq!(kept.to_person, quoted.to_person);
    house.ledger.verify().unwrap();
    house.close().await;
}

/// What the admission says may change until the discharge; and what no amount depends on is no reason to refuse.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_admission_is_named_or_makes_no_difference() {
    let mut house = House::open().await;
    let stay = after_an_accident("V1", 600);
    admitted(&mut house, &stay).await;
    let (quoted, hold_id) = held(&mut house, stay.hold("H1", ahead(3_600))).await;
    assert_eq!(pays(&quoted), "600.00");
    let client = &mut house.client;
    let mut update = stay.update("c1");
    let info = update.mdtrtinfo.as_mut().unwrap();
    "0".clone_into(&mut info.trum_flag);
    info.acdt_no.clear();
    info.acdt_date.clear();
    client.update_admission(update).await.unwrap();
    let mut discharge = stay.discharge("d");
    discharge.diseinfo = stay.bill.diseinfo.clone();
    discharge.diseinfo[1].diag_code = "S72.001".to_owned();
    client.discharge(discharge).await.unwrap();
    let now = changed(&settled(client, within(&stay, "M1", &hold_id)).await.unwrap_err());
    assert_eq!(now, ["bill.mdtrtinfo.trum_flag", "`1`", "`0`"]);
    assert_eq!(
        house.reverse("R", "P", "c1", "2403").await.unwrap_err().code(),
        tonic::Code::FailedPrecondition
    );
    let back = v1::CancelDischargeRequest { stay: Some(stay.reference("x")) };
    house.client.cancel_discharge(back).await.unwrap();
    house.reverse("R", "P", "c1", "2403").await.unwrap();
    let mut discharge = stay.discharge("d2");
    discharge.diseinfo = stay.bill.diseinfo.clone();
    discharge.diseinfo[0].diag_code = "I11.900".to_owned();
    house.client.discharge(discharge).await.unwrap();
    let kept = settled(&mut house.client, within(&stay, "M1", &hold_id)).await.unwrap();
    assert_eq!((&kept.setlinfo, &kept.lines), (&quoted.setlinfo, &quoted.lines));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_of_a_stay_is_a_call_that_is_safe_to_repeat() {
    let mut house = House::open().await;
    let stay = after_an_accident("V1", 1_200);
    admitted(&mut house, &stay).await;
    let hold = stay.hold("H1", ahead(3_600));
    let first = house.client.pre_settle(hold.clone()).await.unwrap().into_inner();
    // the stay moves on; the message keeps its answer
    let mut more = stay.upload("u2", 0..1);
    more.feedetail[0].feedetl_sn = "9".to_owned();
    house.client.upload_fees(more).await.unwrap();
    let mut later = hold.clone();
    if let Some(v1::pre_settle_request::Subject::Stay(stay)) = &mut later.subject {
        stay.header.as_mut().unwrap().inf_time = "2026-03-10 23:00:00".to_owned();
    }
    for again in [hold.clone(), later] {
        let again = house.client.pre_settle(again).await.unwrap().into_inner();
        assert_eq!(again.encode_to_vec(), first.encode_to_vec());
    }
    let mut house = house.restart().await;
    let again = house.client.pre_settle(hold.clone()).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), first.encode_to_vec());
    let told = house.query("H1").await;
    assert_eq!((told.settlement, told.hold_id), (first.settlement.clone(), first.hold_id.clone()));
    let mut other = hold.clone();
    other.data.as_mut().unwrap().acct_used_flag = "0".to_owned();
    for (request, field) in [(other, "data.acct_used_flag"), (stay.hold("H1", ahead(7_200)), "hold_until")] {
        let status = house.client.pre_settle(request).await.unwrap_err();
        assert_eq!(
            (reason(&status).as_str(), info(&status).metadata["field"].as_str()),
            ("MESSAGE_CONFLICT", field)
        );
    }

    let undone = house.reverse("R1", "P", "H1", "2303").await.unwrap();
    assert_eq!((undone.outcome.as_str(), undone.settlement), ("undone", None));
    assert_eq!(state(&mut house, HERE, "H1").await, "released");
    house.reverse("R2", "P", "H2", "2303").await.unwrap();
    let barred = house.client.pre_settle(stay.hold("H2", ahead(3_600))).await.unwrap_err();
    assert_eq!(reason(&barred), "MESSAGE_REVERSED");
    house.client.discharge(stay.discharge("d")).await.unwrap();
    let released = settled(&mut house.client, within(&stay, "M1", &first.hold_id)).await.unwrap_err();
    assert_eq!(reason(&released), "HOLD_RELEASED");
    for until in [ahead(-60), "2026-03-10".to_owned()] {
        let status = house.client.pre_settle(stay.hold("H3", until)).await.unwrap_err();
        assert_eq!(info(&status).metadata["field"], "hold_until");
    }
    house.ledger.verify().unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_stay_is_settled_within_a_hold() {
    let mut house = House::open().await;
    let stay = after_an_accident("V1", 600);
    admitted(&mut house, &stay).await;
    let (quoted, hold_id) = held(&mut house, stay.hold("H1", ahead(3_600))).await;
    let midway = stay.settle_midway("m", "2026-03-10", "600");
    let midway = v1::SettleRequest { hold_id: hold_id.clone(), ..midway };
    let part = settled(&mut house.client, midway.clone()).await.unwrap();
    assert_eq!((&part.setlinfo, &part.lines), (&quoted.setlinfo, &quoted.lines));
    assert_eq!(settled(&mut house.client, midway).await.unwrap(), part);
    assert_eq!(state(&mut house, HERE, "H1").await, "settled");
    // the rest has a hold of its own
    let mut more = stay.upload("u2", 0..1);
    more.feedetail[0].feedetl_sn = "9".to_owned();
    house.client.upload_fees(more).await.unwrap();
    let (rest, rest_id) = held(&mut house, stay.hold("H2", ahead(3_600))).await;
    assert_eq!(pays(&rest), "400.00");
    house.client.discharge(stay.discharge("d")).await.unwrap();
    let ended = settled(&mut house.client, within(&stay, "M1", &hold_id)).await.unwrap_err();
    assert_eq!((reason(&ended).as_str(), &info(&ended).metadata["setl_id"]), ("HOLD_SETTLED", &part.setl_id));
    let last = settled(&mut house.client, within(&stay, "M1", &rest_id)).await.unwrap();
    assert_eq!((&last.setlinfo, &last.lines), (&rest.setlinfo, &rest.lines));
    house.ledger.verify().unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_hold_of_a_stay_binds_nobody() {
    let mut house = House::open().await;
    let stay = after_an_accident("V1", 1_200);
    let there = holds::Stay::of(THERE, "P", "V2", 1_500);
    admitted(&mut house, &stay).await;
    house.client.discharge(stay.discharge("d")).await.unwrap();
    let (_, hold_id) = held(&mut house, stay.hold("H1", ahead(2))).await;
    let quote = async |house: &mut House| {
        let answer = holds::pre_settle(house, there.bill("Q"), String::new()).await.unwrap();
        answer.settlement.unwrap()
    };
    while pays(&quote(&mut house).await) != "1000.00" {}
    assert_eq!(state(&mut house, HERE, "H1").await, "expired");
    let late = settled(&mut house.client, within(&stay, "M1", &hold_id)).await.unwrap_err();
    assert_eq!(reason(&late), "HOLD_EXPIRED");
    assert_eq!(pays(&house.settle(there.bill("M2")).await.unwrap()), "1000.00");
    let without = settled(&mut house.client, stay.settle("M1")).await.unwrap();
    assert_eq!(pays(&without), "0.00");
    house.ledger.verify().unwrap();
    house.close().await;
}

/// Uploads race holds: each hold has quoted exactly the lines that were in when it was booked.
#[tokio::test(flavor = "multi_thread")]
async fn a_stay_that_moves_is_quoted_as_it_was_when_the_hold_was_booked() {
    let mut house = House::open().await;
    let stay = after_an_accident("V1", 10);
    admitted(&mut house, &stay).await;
    let until = ahead(3_600);
    let mut calls = Vec::new();
    for number in 10..26 {
        let mut client = house.client.clone();
        let mut upload = stay.upload(&format!("u{number}"), 0..1);
        upload.feedetail[0].feedetl_sn = number.to_string();
        let hold = stay.hold(&format!("H{number}"), until.clone());
        // the total is that of the lines
        let hold = v1::PreSettleRequest { data: None, ..hold };
        calls.push(tokio::spawn(async move {
            if number % 2 == 0 {
                client.upload_fees(upload).await.map(drop)
            } else {
                client.pre_settle(hold).await.map(drop)
            }
        }));
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let (mut lines, mut holds) = (0, 0);
    for record in house.ledger.records() {
        let (_, record) = record.unwrap();
        match &record.entry {
            Entry::Stay(change) if change.kind == StayKind::FeesIn => lines += change.lines.len(),
            Entry::Hold(_) => {
                let quote = v1::PreSettleResponse::decode(&*record.answer).unwrap().settlement.unwrap();
                assert_eq!(quote.lines.len(), lines);
                let bill = v1::SettleBillRequest::decode(&*record.bill).unwrap();
                assert_eq!(bill.feedetail.len(), lines);
                holds += 1;
            }
            _ => {}
        }
    }
    assert_eq!((lines, holds), (9, 8));
    house.ledger.verify().unwrap();
    house.close().await;
}
