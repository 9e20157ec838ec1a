//! Stays of many lines: what is too long is refused before anything is booked, and what is not is answered whole.

use std::time::{Duration, Instant};

use bedside_gateway::v1;
use bedside_ledger::{SETTLEMENT_LINES_MAX, STAY_LINES_MAX};
use prost::Message;
use tonic::{Code, Status};

use crate::base::base;
use crate::house::{Client, House, info, reason};
use crate::stays::Stay;

const SETTLEMENT_LINES: usize = SETTLEMENT_LINES_MAX as usize;
const STAY_LINES: usize = STAY_LINES_MAX as usize;

/// Where a stay of many lines is without any yet.
fn long_stay() -> Stay {
    Stay::named("long", "")
}

/// A line of ten yuan with every field that a hospital fills, at its usual length.
fn line(place: usize) -> v1::FeeDetail {
    let codes = ["XC15XCA000A008064084520", "XG01FEB001A002019079302", "XZZ99ZZZ999Z999999999999"];
    v1::FeeDetail {
        feedetl_sn: format!("ZY2026030000421-{place:08}"),
        fee_ocur_time: format!("2026-03-{:02} 08:{:02}:{:02}", 1 + place % 10, place % 60, place / 60 % 60),
        med_list_codg: codes[place % 3].to_owned(),
        medins_list_codg: "Y00342 注射用头孢哌酮钠舒巴坦钠（进口，1.5g×10支）".to_owned(),
        det_item_fee_sumamt: "10.00".to_owned(),
        cnt: "1".to_owned(),
        pric: "10".to_owned(),
        hosp_appr_flag: "0".to_owned(),
        drord_no: format!("YZ202603{place:08}"),
        bilg_dept_codg: "0301 呼吸与危重症".to_owned(),
        bilg_dr_codg: "D330106000123".to_owned(),
        memo: "静脉滴注，每日两次，皮试阴性".to_owned(),
        ..base().feedetail[0].clone()
    }
}

/// Lines as one stream.
async fn streamed(
    client: &mut Client,
    stay: &Stay,
    msgid: &str,
    lines: Vec<v1::FeeDetail>,
) -> Result<v1::StreamFeesResponse, Status> {
    let batches: Vec<v1::StreamFeesRequest> = lines
        .chunks(1_000)
        .map(|chunk| v1::StreamFeesRequest { stay: Some(stay.reference(msgid)), feedetail: chunk.to_vec() })
        .collect();
    Ok(client.stream_fees(tokio_stream::iter(batches)).await?.into_inner())
}

fn ten_yuan_each(lines: usize) -> String {
    format!("{}.00", lines * 10)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bill_longer_than_one_settlement_is_refused() {
    let mut house = House::open().await;
    let mut bill = base();
    let short = v1::FeeDetail {
        fee_ocur_time: "2026-03-02 08:00:00".to_owned(),
        med_list_codg: "A".to_owned(),
        medins_list_codg: "A".to_owned(),
        med_chrgitm_type: "09".to_owned(),
        det_item_fee_sumamt: "1".to_owned(),
        cnt: "1".to_owned(),
        pric: "1".to_owned(),
        ..v1::FeeDetail::default()
    };
    let lines = SETTLEMENT_LINES + 1;
    bill.feedetail =
        (0..lines).map(|sn| v1::FeeDetail { feedetl_sn: sn.to_string(), ..short.clone() }).collect();
    bill.data.as_mut().unwrap().medfee_sumamt = lines.to_string();
    let status = house.settle(bill).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "SETTLEMENT_TOO_LONG"));
    let told = info(&status).metadata;
    assert_eq!((told["lines"].as_str(), told["limit"].as_str()), ("50001", "50000"));
    assert_eq!(house.query("H33010600001202603101200000001").await.outcome, "unknown");
    assert_eq!(house.ledger.verify().unwrap().records, 0);
    house.close().await;
}

/// A client whose own limit is lower than the answer is the last to know: what it asked is booked, and a client that takes
/// more gets it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_be_larger_than_a_request() {
    const LIMIT: usize = 64 << 10;
    let mut house = House::open_with(|config| config.limits.message_bytes = LIMIT).await;
    let (stay, lines) = (long_stay(), 1_000);
    let client = &mut house.client;
    client.admit(stay.admit("a")).await.unwrap();
    for from in (0..lines).step_by(100) {
        let feedetail = (from..from + 100).map(line).collect();
        let upload = v1::UploadFeesRequest { stay: Some(stay.reference(&format!("u{from}"))), feedetail };
        client.upload_fees(upload).await.unwrap();
    }
    client.discharge(stay.discharge("d")).await.unwrap();
    let mut settle = stay.settle("s");
    settle.data.as_mut().unwrap().medfee_sumamt = ten_yuan_each(lines);
    let mut small = house.another_client().await.max_decoding_message_size(LIMIT);
    let status = small.settle(settle.clone()).await.unwrap_err();
    assert!(status.message().contains("message length too large"), "{status:?}");
    let booked = house.query("s").await.settlement.unwrap();
    assert!(booked.encoded_len() > 2 * LIMIT);
    assert_eq!(booked.lines.len(), lines);
    let again = house.client.settle(settle).await.unwrap().into_inner().settlement.unwrap();
    assert_eq!(again, booked);
    let mirror = house.cancel("c", &booked).await.unwrap();
    assert_eq!(mirror.lines.len(), lines);
    house.ledger.verify().unwrap();
    house.close().await;
}

/// A house for calls that take longer than an ordinary one, in a debug build above all.
async fn patient_house() -> House {
    House::open_with(|config| {
        config.limits.deadline_settle = Duration::from_secs(600);
        config.limits.deadline_check = Duration::from_secs(600);
    })
    .await
}

async fn timed<T>(what: &str, call: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let answered = call.await;
    println!("{what}: {} ms", begun.elapsed().as_millis());
    answered
}

async fn upload(client: &mut Client, stay: &Stay, msgid: &str, lines: std::ops::Range<usize>) -> Status {
    let feedetail = lines.map(line).collect();
    let upload = v1::UploadFeesRequest { stay: Some(stay.reference(msgid)), feedetail };
    match client.upload_fees(upload).await {
        Ok(_) => Status::ok(""),
        Err(status) => status,
    }
}

/// Every line of a settlement, page by page.
async fn pages_of(client: &mut Client, settlement: &v1::Settlement) -> Vec<v1::LineSettlement> {
    let mut request = v1::ListFeesRequest {
        setl_id: settlement.setl_id.clone(),
        psn_no: settlement.psn_no.clone(),
        fixmedins_code: "H33010600001".to_owned(),
        page_size: 1_000,
        ..v1::ListFeesRequest::default()
    };
    let mut lines = Vec::new();
    loop {
        let page = client.list_fees(request.clone()).await.unwrap().into_inner();
        lines.extend(page.lines);
        if page.next_page_token.is_empty() {
            return lines;
        }
        request.page_token = page.next_page_token;
    }
}

/// `ci/long-stays` runs it with optimisation and shows the times.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes without optimisation"]
async fn a_stay_of_two_hundred_thousand_lines() {
    let mut house = patient_house().await;
    let stay = long_stay();
    let client = &mut house.client;
    client.admit(stay.admit("a")).await.unwrap();
    let mut settled = Vec::new();
    for part in 0..STAY_LINES / SETTLEMENT_LINES {
        let from = part * SETTLEMENT_LINES;
        // The last thousand come alone in the last part, and the first in the others.
        let is_last = from + SETTLEMENT_LINES == STAY_LINES;
        let stands = if is_last { from + SETTLEMENT_LINES - 10_000 } else { from };
        if is_last {
            timed(
                "39,000 lines streamed",
                streamed(client, &stay, "first", (from + 1_000..stands).map(line).collect()),
            )
            .await
            .unwrap();
            assert_eq!(upload(client, &stay, "second", from..from + 1_000).await.code(), Code::Ok);
        }
        let what = format!("1,000 lines uploaded at {stands}");
        let uploaded =
            timed(&what, upload(client, &stay, &format!("u{stands}"), stands..stands + 1_000)).await;
        assert_eq!(uploaded.code(), Code::Ok, "{uploaded:?}");
        let rest = (stands + 1_000..from + SETTLEMENT_LINES).map(line).collect();
        let what = "the rest streamed";
        timed(what, streamed(client, &stay, &format!("s{stands}"), rest)).await.unwrap();

        let beyond = upload(client, &stay, "beyond", STAY_LINES..STAY_LINES + 1).await;
        let expected = if is_last { "TOO_MANY_LINES" } else { "TOO_MANY_UNSETTLED" };
        assert_eq!(reason(&beyond), expected);
        let (lines, limit) = if is_last { ("200001", "200000") } else { ("50001", "50000") };
        let told = info(&beyond).metadata;
        assert_eq!((told["lines"].as_str(), told["limit"].as_str()), (lines, limit));

        let sum = ten_yuan_each(SETTLEMENT_LINES);
        let mut request = stay.settle_midway(&format!("m{part}"), "2026-03-10", &sum);
        if is_last {
            client.discharge(stay.discharge("d")).await.unwrap();
            request = stay.settle("m3");
            request.data.as_mut().unwrap().medfee_sumamt = sum;
        }
        let answer = timed("50,000 lines settled", client.settle(request.clone())).await.unwrap();
        let settlement = answer.into_inner().settlement.unwrap();
        assert_eq!(settlement.lines.len(), SETTLEMENT_LINES);
        println!("{} payers, {} bytes of answer", settlement.payments.len(), settlement.encoded_len());
        let again = timed("the same again", client.settle(request)).await.unwrap().into_inner();
        assert!(again.settlement.unwrap() == settlement);
        settled.push(settlement);
    }
    for settlement in &settled {
        let pages = timed("50 pages of 1,000 lines", pages_of(&mut house.client, settlement)).await;
        assert!(pages == settlement.lines);
    }
    let last = settled.last().unwrap();
    timed("the last part cancelled", house.cancel("c", last)).await.unwrap();
    let mut request = stay.settle("m4");
    request.data.as_mut().unwrap().medfee_sumamt = ten_yuan_each(SETTLEMENT_LINES);
    let anew = house.client.settle(request).await.unwrap().into_inner().settlement.unwrap();
    assert!(anew.lines == last.lines);
    for record in house.ledger.records() {
        let (_, record) = record.unwrap();
        println!(
            "request {}, answer {}, bill {}",
            record.request.len(),
            record.answer.len(),
            record.bill.len()
        );
    }
    timed("the ledger proved", async { house.ledger.verify().unwrap() }).await;
    let house = timed("opened again", house.restart()).await;
    house.close().await;
}

/// Lines at the longest that a hospital may send them.
fn longest_line(place: usize) -> v1::FeeDetail {
    v1::FeeDetail {
        medins_list_codg: "药".repeat(150),
        memo: "注".repeat(500),
        drord_no: "嘱".repeat(30),
        bilg_dept_codg: "科".repeat(30),
        bilg_dr_codg: "医".repeat(30),
        ..line(place)
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes without optimisation"]
async fn what_no_record_holds_is_refused_and_the_ledger_goes_on() {
    let mut house = patient_house().await;
    let stay = long_stay();
    let client = &mut house.client;
    client.admit(stay.admit("a")).await.unwrap();
    let too_long = streamed(client, &stay, "too-long", (0..30_000).map(longest_line).collect()).await;
    assert_eq!(info(&too_long.unwrap_err()).metadata["code"], "too_many_rows");
    let batch = 15_000;
    for from in [0, batch, 2 * batch] {
        let lines = (from..from + batch).map(longest_line).collect();
        timed("15,000 longest lines streamed", streamed(client, &stay, &format!("u{from}"), lines))
            .await
            .unwrap();
    }
    let settle = |msgid: &str, lines: usize| stay.settle_midway(msgid, "2026-03-10", &ten_yuan_each(lines));
    let refused = timed("45,000 longest lines refused", client.settle(settle("s", 3 * batch))).await;
    let status = refused.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "TOO_LARGE_TO_BOOK"));
    let told = info(&status).metadata;
    assert_eq!((told["what"].as_str(), told["limit"].as_str()), ("record", "67108864"));
    println!("{} bytes of record", told["bytes"]);
    assert_eq!(house.query("s").await.outcome, "unknown");
    house.settle(base()).await.unwrap();

    // What the refusal says to do.
    let client = &mut house.client;
    let numbers: Vec<String> = (batch..3 * batch).map(|place| line(place).feedetl_sn).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    client.cancel_fees(stay.withdraw("w", &numbers)).await.unwrap();
    for (part, from) in [0, batch, 2 * batch].into_iter().enumerate() {
        if part > 0 {
            let lines = (from..from + batch).map(longest_line).collect();
            streamed(client, &stay, &format!("again{from}"), lines).await.unwrap();
        }
        client.settle(settle(&format!("s{part}"), batch)).await.unwrap();
    }
    house.ledger.verify().unwrap();
    house.close().await;
}
