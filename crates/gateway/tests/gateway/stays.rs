//! A stay call by call over the network: the same settlement as its bill in one document, each call once and only once.

use bedside_gateway::v1;
use tonic::Status;

use crate::base::edited;
use crate::house::{Client, House, info, reason};

/// A bill taken apart into the calls of a stay.
#[derive(Clone)]
pub(crate) struct Stay {
    pub(crate) bill: v1::SettleBillRequest,
}

impl Stay {
    /// The base bill of a person and visit of that name.
    pub(crate) fn named(name: &str, edits: &str) -> Stay {
        Stay::of(edited(&format!(
            "mdtrtinfo.mdtrt_id = V-{name}\nbaseinfo.psn_no = P-{name}\nmdtrtinfo.psn_no = P-{name}\n\
             data.setl_date =\n{edits}"
        )))
    }

    pub(crate) fn of(bill: v1::SettleBillRequest) -> Stay {
        Stay { bill }
    }

    fn header(&self, msgid: &str) -> v1::Header {
        v1::Header { msgid: msgid.to_owned(), ..self.bill.header.clone().unwrap() }
    }

    pub(crate) fn mdtrt_id(&self) -> &str {
        &self.bill.mdtrtinfo.as_ref().unwrap().mdtrt_id
    }

    pub(crate) fn psn_no(&self) -> &str {
        &self.bill.baseinfo.as_ref().unwrap().psn_no
    }

    pub(crate) fn reference(&self, msgid: &str) -> v1::StayReference {
        v1::StayReference {
            header: Some(self.header(msgid)),
            mdtrt_id: self.mdtrt_id().to_owned(),
            psn_no: self.psn_no().to_owned(),
        }
    }

    pub(crate) fn admit(&self, msgid: &str) -> v1::AdmitRequest {
        let bill = self.bill.clone();
        v1::AdmitRequest {
            header: Some(self.header(msgid)),
            baseinfo: bill.baseinfo,
            insuinfo: bill.insuinfo,
            idetinfo: bill.idetinfo,
            policyinfo: bill.policyinfo,
            mdtrtinfo: bill.mdtrtinfo,
            diseinfo: bill.diseinfo,
            preexinfo: bill.preexinfo,
        }
    }

    pub(crate) fn update(&self, msgid: &str) -> v1::UpdateAdmissionRequest {
        v1::UpdateAdmissionRequest {
            stay: Some(self.reference(msgid)),
            mdtrtinfo: self.bill.mdtrtinfo.clone(),
            diseinfo: Vec::new(),
        }
    }

    pub(crate) fn upload(&self, msgid: &str, rows: std::ops::Range<usize>) -> v1::UploadFeesRequest {
        v1::UploadFeesRequest {
            stay: Some(self.reference(msgid)),
            feedetail: self.bill.feedetail[rows].to_vec(),
        }
    }

    pub(crate) fn withdraw(&self, msgid: &str, numbers: &[&str]) -> v1::CancelFeesRequest {
        v1::CancelFeesRequest {
            stay: Some(self.reference(msgid)),
            feedetl_sn: numbers.iter().map(ToString::to_string).collect(),
        }
    }

    pub(crate) fn discharge(&self, msgid: &str) -> v1::DischargeRequest {
        let dscginfo = self.bill.dscginfo.clone();
        v1::DischargeRequest { stay: Some(self.reference(msgid)), dscginfo, diseinfo: Vec::new() }
    }

    pub(crate) fn settle(&self, msgid: &str) -> v1::SettleRequest {
        v1::SettleRequest {
            stay: Some(self.reference(msgid)),
            data: self.bill.data.clone(),
            national: self.bill.national.clone(),
            mulaidinfo: self.bill.mulaidinfo.clone(),
            evtinfo: self.bill.evtinfo.clone(),
            hold_id: String::new(),
        }
    }

    pub(crate) fn settle_midway(&self, msgid: &str, day: &str, medfee_sumamt: &str) -> v1::SettleRequest {
        let data = v1::SettleData {
            mid_setl_flag: "1".to_owned(),
            setl_date: day.to_owned(),
            medfee_sumamt: medfee_sumamt.to_owned(),
            ..self.bill.data.clone().unwrap()
        };
        v1::SettleRequest { data: Some(data), ..self.settle(msgid) }
    }

    pub(crate) fn quote(&self) -> v1::PreSettleRequest {
        v1::PreSettleRequest {
            subject: Some(v1::pre_settle_request::Subject::Stay(self.reference("quote"))),
            data: self.bill.data.clone(),
            ..v1::PreSettleRequest::default()
        }
    }

    /// A quote that binds until then.
    pub(crate) fn hold(&self, msgid: &str, hold_until: String) -> v1::PreSettleRequest {
        v1::PreSettleRequest {
            subject: Some(v1::pre_settle_request::Subject::Stay(self.reference(msgid))),
            hold_until,
            ..self.quote()
        }
    }
}

pub(crate) async fn settled(
    client: &mut Client,
    request: v1::SettleRequest,
) -> Result<v1::Settlement, Status> {
    Ok(client.settle(request).await?.into_inner().settlement.unwrap())
}

/// Admission, the lines up to `split` and the rest, discharge: ready to be settled.
async fn brought_to_discharge(client: &mut Client, stay: &Stay, name: &str, split: usize) {
    let lines = stay.bill.feedetail.len();
    client.admit(stay.admit(&format!("a-{name}"))).await.unwrap();
    for (batch, rows) in [0..split, split..lines].into_iter().filter(|rows| !rows.is_empty()).enumerate() {
        client.upload_fees(stay.upload(&format!("u{batch}-{name}"), rows)).await.unwrap();
    }
    client.discharge(stay.discharge(&format!("d-{name}"))).await.unwrap();
}

/// What does not depend on which message booked it, and when.
fn bare(settlement: v1::Settlement) -> v1::Settlement {
    v1::Settlement {
        setl_id: String::new(),
        setl_time: String::new(),
        medins_setl_id: String::new(),
        ..settlement
    }
}

/// The synthetic population's stays: every refund behind its charge, so that any place may part two batches.
fn population(count: usize) -> Vec<v1::SettleBillRequest> {
    let rows = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/bills-1000.ndjson"));
    let bills = rows.lines().map(|row| serde_json::from_str::<v1::SettleBillRequest>(row).unwrap());
    bills.filter(|bill| bill.mdtrtinfo.as_ref().unwrap().med_type.starts_with('2')).take(count).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stay_settles_as_its_bill_does() {
    let (mut whole, mut parts) = (House::open().await, House::open().await);
    let (mut settled_stays, mut refused) = (0, 0);
    for (number, bill) in population(120).into_iter().enumerate() {
        let stay = Stay::of(bill);
        let name = number.to_string();
        let at_once = match whole.settle(stay.bill.clone()).await {
            Ok(settlement) => settlement,
            Err(_) => {
                refused += 1;
                continue;
            }
        };
        let client = &mut parts.client;
        brought_to_discharge(client, &stay, &name, number % (stay.bill.feedetail.len() + 1)).await;
        let quote = client.pre_settle(stay.quote()).await.unwrap().into_inner().settlement.unwrap();
        let by_calls = settled(client, stay.settle(&format!("s-{name}"))).await.unwrap();
        assert_eq!(by_calls.medins_setl_id, format!("s-{name}"));
        assert_eq!(bare(quote), bare(by_calls.clone()), "bill {number}");
        assert_eq!(bare(by_calls), bare(at_once), "bill {number}");
        settled_stays += 1;
    }
    assert!(settled_stays > 100 && refused < 10, "{settled_stays} settled, {refused} refused");
    // The bill that the record keeps is the one that would have come whole, under the message that settled the stay.
    let mut kept = 0;
    for record in parts.ledger.records() {
        let (_, record) = record.unwrap();
        if record.bill.is_empty() {
            continue;
        }
        let bill = <v1::SettleBillRequest as prost::Message>::decode(&record.bill[..]).unwrap();
        assert_eq!(bedside_gateway::canonical::settle_bytes(bill.clone()), record.bill);
        bedside_gateway::request::settle(&bill).unwrap();
        kept += 1;
    }
    assert_eq!(kept, settled_stays);
    parts.ledger.verify().unwrap();
    let parts = parts.restart().await;
    assert_eq!(parts.ledger.verify().unwrap().settlements, settled_stays);
    whole.close().await;
    parts.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_is_booked_once() {
    let mut house = House::open().await;
    let stay = Stay::named("once", "");
    let client = &mut house.client;
    let admitted = client.admit(stay.admit("a")).await.unwrap().into_inner();
    assert_eq!(admitted.mdtrt_id, "V-once");
    client.update_admission(stay.update("c")).await.unwrap();
    let uploaded = client.upload_fees(stay.upload("u", 0..3)).await.unwrap().into_inner();
    client.discharge(stay.discharge("d")).await.unwrap();
    let settlement = settled(client, stay.settle("s")).await.unwrap();
    let records = house.ledger.records().count();

    let client = &mut house.client;
    assert_eq!(client.admit(stay.admit("a")).await.unwrap().into_inner(), admitted);
    client.update_admission(stay.update("c")).await.unwrap();
    assert_eq!(client.upload_fees(stay.upload("u", 0..3)).await.unwrap().into_inner(), uploaded);
    client.discharge(stay.discharge("d")).await.unwrap();
    assert_eq!(settled(client, stay.settle("s")).await.unwrap(), settlement);

    let conflict = |status: Status, field: &str| {
        assert_eq!(
            (reason(&status).as_str(), info(&status).metadata["field"].as_str()),
            ("MESSAGE_CONFLICT", field)
        );
    };
    let other = Stay::named(
        "once",
        "mdtrtinfo.adm_bed = 1\nfeedetail[1].medins_list_codg = Y9\ndscginfo.dscg_way = 2\ndata.invono = I2",
    );
    conflict(client.admit(other.admit("a")).await.unwrap_err(), "mdtrtinfo.adm_bed");
    conflict(client.update_admission(other.update("c")).await.unwrap_err(), "mdtrtinfo.adm_bed");
    conflict(client.upload_fees(other.upload("u", 0..3)).await.unwrap_err(), "feedetail[1].medins_list_codg");
    conflict(client.discharge(other.discharge("d")).await.unwrap_err(), "dscginfo.dscg_way");
    conflict(settled(client, other.settle("s")).await.unwrap_err(), "data.invono");
    // another call under the same msgid has no field to name
    conflict(client.discharge(other.discharge("a")).await.unwrap_err(), "");
    conflict(client.settle_bill(edited("header.msgid = u")).await.unwrap_err(), "");
    assert_eq!(house.ledger.records().count(), records);

    let told = house.query("u").await;
    assert_eq!(
        (told.outcome.as_str(), told.infno.as_str(), told.state.as_str()),
        ("booked", "2301", "settled")
    );
    assert_eq!(told.mdtrt_id, "V-once");
    let house = house.restart().await;
    house.ledger.verify().unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_split_as_it_will_be_settled() {
    let mut house = House::open().await;
    let stay = Stay::named("split", "");
    let client = &mut house.client;
    client.admit(stay.admit("a")).await.unwrap();
    let mut rows = Vec::new();
    for (number, row) in (0..3).enumerate() {
        let answer = client.upload_fees(stay.upload(&format!("u{number}"), row..row + 1)).await.unwrap();
        rows.extend(answer.into_inner().result);
    }
    client.discharge(stay.discharge("d")).await.unwrap();
    let settlement = settled(client, stay.settle("s")).await.unwrap();
    let split = |line: &v1::LineSettlement| v1::LineSettlement {
        shares: Vec::new(),
        hosp_part_amt: String::new(),
        acct_pay: String::new(),
        psn_cash_pay: String::new(),
        ..line.clone()
    };
    assert_eq!(rows, settlement.lines.iter().map(split).collect::<Vec<_>>());
    let page = client
        .list_fees(v1::ListFeesRequest {
            fixmedins_code: "H33010600001".to_owned(),
            psn_no: "P-split".to_owned(),
            mdtrt_id: "V-split".to_owned(),
            ..v1::ListFeesRequest::default()
        })
        .await
        .unwrap();
    assert_eq!(page.into_inner().lines, settlement.lines);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_one_upload() {
    let mut house = House::open().await;
    let stay = Stay::named("stream", "");
    house.client.admit(stay.admit("a")).await.unwrap();
    let batches = |sn: &str| {
        let mut rows = stay.bill.feedetail.clone();
        rows[2].feedetl_sn = sn.to_owned();
        let batch = |stay: Option<v1::StayReference>, row: &v1::FeeDetail| v1::StreamFeesRequest {
            stay,
            feedetail: vec![row.clone()],
        };
        let first = batch(Some(stay.reference("u")), &rows[0]);
        tokio_stream::iter(vec![first, batch(None, &rows[1]), batch(Some(stay.reference("u")), &rows[2])])
    };
    for _ in 0..2 {
        let answer = house.client.stream_fees(batches("3")).await.unwrap().into_inner();
        assert_eq!(answer.lines, "3");
    }
    let status = house.client.stream_fees(batches("4")).await.unwrap_err();
    assert_eq!(info(&status).metadata["field"], "feedetail[2].feedetl_sn");
    assert_eq!(
        reason(&house.client.upload_fees(stay.upload("u", 0..3)).await.unwrap_err()),
        "MESSAGE_CONFLICT"
    );
    let other = v1::StreamFeesRequest { stay: Some(stay.reference("u9")), feedetail: Vec::new() };
    let first = v1::StreamFeesRequest { stay: Some(stay.reference("u8")), feedetail: Vec::new() };
    let status = house.client.stream_fees(tokio_stream::iter(vec![first, other])).await.unwrap_err();
    assert_eq!(info(&status).metadata["field"], "stay");
    house.client.discharge(stay.discharge("d")).await.unwrap();
    let settlement = settled(&mut house.client, stay.settle("s")).await.unwrap();
    assert_eq!(settlement.lines.len(), 3);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_go_in_the_order_that_refunds_allow() {
    let mut house = House::open().await;
    let stay = Stay::named("lines", "");
    let client = &mut house.client;
    client.admit(stay.admit("a")).await.unwrap();
    // a refund before its charge
    let status = client.upload_fees(stay.upload("u0", 1..2)).await.unwrap_err();
    assert_eq!(
        (reason(&status).as_str(), info(&status).metadata["feedetl_sn"].as_str()),
        ("LINE_NOT_FOUND", "1")
    );
    client.upload_fees(stay.upload("u1", 0..1)).await.unwrap();
    client.upload_fees(stay.upload("u2", 1..3)).await.unwrap();
    let status = client.upload_fees(stay.upload("u3", 2..3)).await.unwrap_err();
    assert_eq!(
        (reason(&status).as_str(), info(&status).metadata["feedetl_sn"].as_str()),
        ("LINE_EXISTS", "3")
    );
    // a refund of more than is left, in a later batch
    let mut more = stay.upload("u4", 1..2);
    more.feedetail[0].feedetl_sn = "4".to_owned();
    more.feedetail[0].cnt = "-3".to_owned();
    more.feedetail[0].det_item_fee_sumamt = "-60.00".to_owned();
    let status = client.upload_fees(more).await.unwrap_err();
    assert_eq!(info(&status).metadata["code"], "refund_exceeds", "{status:?}");
    let status = client.cancel_fees(stay.withdraw("w1", &["1"])).await.unwrap_err();
    let named = info(&status).metadata;
    assert_eq!(
        (reason(&status).as_str(), named["feedetl_sn"].as_str(), named["by"].as_str()),
        ("LINE_REFUNDED", "1", "2")
    );
    let status = client.cancel_fees(stay.withdraw("w2", &["9"])).await.unwrap_err();
    assert_eq!(reason(&status), "LINE_NOT_FOUND");
    let status = client.cancel_fees(stay.withdraw("w3", &["2", "2"])).await.unwrap_err();
    assert_eq!(info(&status).metadata["field"], "feedetl_sn[1]");
    client.cancel_fees(stay.withdraw("w4", &["2"])).await.unwrap();
    client.cancel_fees(stay.withdraw("w5", &["1"])).await.unwrap();
    // withdrawn numbers are free again
    client.upload_fees(stay.upload("u5", 0..2)).await.unwrap();
    client.cancel_fees(stay.withdraw("w6", &["1", "2"])).await.unwrap();
    client.cancel_fees(stay.withdraw("w7", &["0000"])).await.unwrap();
    assert_eq!(reason(&client.cancel_fees(stay.withdraw("w8", &["0000"])).await.unwrap_err()), "NO_LINES");
    house.ledger.verify().unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_what_the_bill_says() {
    let mut house = House::open().await;
    let first = Stay::named("change", "mdtrtinfo.begntime = 2026-03-01 07:00:00\nmdtrtinfo.trum_flag = 1");
    let last = Stay::named("change", "");
    let client = &mut house.client;
    client.admit(first.admit("a")).await.unwrap();
    client.upload_fees(first.upload("u", 0..3)).await.unwrap();
    // lines stand that an admission so late would leave outside
    let mut late = last.update("c0");
    late.mdtrtinfo.as_mut().unwrap().begntime = "2026-03-09 00:00:00".to_owned();
    let status = client.update_admission(late).await.unwrap_err();
    assert_eq!(info(&status).metadata["field"], "feedetail[0].fee_ocur_time");
    client.update_admission(last.update("c1")).await.unwrap();
    // a discharge so early too
    let mut early = last.discharge("d0");
    early.dscginfo.as_mut().unwrap().endtime = "2026-03-05 00:00:00".to_owned();
    let status = client.discharge(early).await.unwrap_err();
    assert_eq!(info(&status).metadata["field"], "feedetail[2].fee_ocur_time");
    client.discharge(last.discharge("d")).await.unwrap();
    let settlement = settled(client, last.settle("s")).await.unwrap();
    let mut whole = House::open().await;
    let at_once = whole.settle(last.bill.clone()).await.unwrap();
    assert_eq!(bare(settlement), bare(at_once));
    house.close().await;
    whole.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_in_one_hospital() {
    let mut house = House::open().await;
    let here = Stay::named("one", "");
    let there = Stay::named("one", "header.fixmedins_code = H33010600002\nmdtrtinfo.mdtrt_id = W-one");
    let again = Stay::named("one", "mdtrtinfo.mdtrt_id = W-one");
    let client = &mut house.client;
    client.admit(here.admit("a")).await.unwrap();
    let status = client.admit(there.admit("a")).await.unwrap_err();
    let named = info(&status).metadata;
    assert_eq!(
        (reason(&status).as_str(), named["fixmedins_code"].as_str()),
        ("PERSON_IN_HOSPITAL", "H33010600001")
    );
    assert!(!named.contains_key("mdtrt_id") && !status.message().contains("V-one"));
    let status = client.admit(again.admit("b")).await.unwrap_err();
    assert_eq!(info(&status).metadata["mdtrt_id"], "V-one");
    client.upload_fees(here.upload("u", 0..3)).await.unwrap();
    client.discharge(here.discharge("d")).await.unwrap();
    client.admit(there.admit("a")).await.unwrap();
    // back into the first bed only once the second is left
    let cancel = |msgid: &str| v1::CancelDischargeRequest { stay: Some(here.reference(msgid)) };
    assert_eq!(reason(&client.cancel_discharge(cancel("x")).await.unwrap_err()), "PERSON_IN_HOSPITAL");
    let gone = v1::CancelAdmissionRequest { stay: Some(there.reference("y")) };
    client.cancel_admission(gone).await.unwrap();
    client.cancel_discharge(cancel("x")).await.unwrap();
    house.ledger.verify().unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_gives_a_number() {
    let mut house = House::open().await;
    let mut stay = Stay::named("number", "mdtrtinfo.mdtrt_id =");
    let given = house.client.admit(stay.admit("a")).await.unwrap().into_inner().mdtrt_id;
    assert_eq!(house.client.admit(stay.admit("a")).await.unwrap().into_inner().mdtrt_id, given);
    assert_eq!(house.query("a").await.mdtrt_id, given);
    stay.bill.mdtrtinfo.as_mut().unwrap().mdtrt_id = given.clone();
    house.client.upload_fees(stay.upload("u", 0..3)).await.unwrap();
    house.client.discharge(stay.discharge("d")).await.unwrap();
    let settlement = settled(&mut house.client, stay.settle("s")).await.unwrap();
    assert_eq!(settlement.mdtrt_id, given);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_s_stay_is_not_found() {
    let mut house = House::open().await;
    let stay = Stay::named("mine", "");
    house.client.admit(stay.admit("a")).await.unwrap();
    let mut upload = stay.upload("u", 0..3);
    upload.stay.as_mut().unwrap().psn_no = "P-other".to_owned();
    assert_eq!(reason(&house.client.upload_fees(upload).await.unwrap_err()), "STAY_NOT_FOUND");
    let mut quote = stay.quote();
    if let Some(v1::pre_settle_request::Subject::Stay(stay)) = &mut quote.subject {
        stay.header.as_mut().unwrap().fixmedins_code = "H33010600002".to_owned();
    }
    assert_eq!(reason(&house.client.pre_settle(quote).await.unwrap_err()), "STAY_NOT_FOUND");
    house.close().await;
}

/// Uploads race a settlement midway: whichever way each comes out, every line is in one settlement, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_in_the_settlement_or_behind_it() {
    let mut house = House::open().await;
    let stay = Stay::named("race", "drop feedetail[1]\ndata.medfee_sumamt = 120.00");
    house.client.admit(stay.admit("a")).await.unwrap();
    house.client.upload_fees(stay.upload("u", 0..2)).await.unwrap();
    let mut uploads = Vec::new();
    for number in 10..18 {
        let mut client = house.client.clone();
        let mut upload = stay.upload(&format!("u{number}"), 0..1);
        upload.feedetail[0].feedetl_sn = number.to_string();
        uploads.push(tokio::spawn(async move { client.upload_fees(upload).await.map(drop) }));
    }
    // The cashier settles what he saw; a line that came meanwhile is told by the total.
    let mut total = 12_000;
    let midway = loop {
        let amount = format!("{}.{:02}", total / 100, total % 100);
        match settled(&mut house.client, stay.settle_midway("m", "2026-03-10", &amount)).await {
            Ok(settlement) => break settlement,
            Err(status) => {
                assert_eq!(info(&status).metadata["code"], "total_mismatch", "{status:?}");
                total += 6_000;
            }
        }
    };
    for upload in uploads {
        upload.await.unwrap().unwrap();
    }
    house.client.discharge(stay.discharge("d")).await.unwrap();
    let mut lines: Vec<String> = midway.lines.iter().map(|line| line.feedetl_sn.clone()).collect();
    if lines.len() < 10 {
        let rest = format!("{}.00", (10 - lines.len()) * 60);
        let data = v1::SettleData { medfee_sumamt: rest, ..stay.bill.data.clone().unwrap() };
        let request = v1::SettleRequest { data: Some(data), ..stay.settle("s") };
        lines.extend(
            settled(&mut house.client, request).await.unwrap().lines.into_iter().map(|line| line.feedetl_sn),
        );
    }
    lines.sort_unstable_by_key(|number| number.parse::<u32>().unwrap());
    assert_eq!(lines, ["1", "3", "10", "11", "12", "13", "14", "15", "16", "17"]);
    house.ledger.verify().unwrap();
    house.close().await;
}

/// A stay settled midway and at its end, against the same stay settled at once: what the deductible took of both parts
/// together, what basic insurance paid, and a daily allowance.
async fn parts_and_whole(name: &str, edits: &str) -> ([String; 2], Vec<v1::Settlement>) {
    let lines = "copy feedetail[2]\nfeedetail[3].feedetl_sn = 4\nfeedetail[2].fee_ocur_time = 2026-03-05 08:00:00\n\
                 drop feedetail[3].fulamt_ownpay_amt\ndrop feedetail[3].overlmt_amt\ndrop feedetail[3].preselfpay_amt\n\
                 drop feedetail[3].inscp_scp_amt\ndrop insuinfo[1]\n\
                 feedetail[3].fulamt_ownpay_amt = 0\nfeedetail[3].overlmt_amt = 0\nfeedetail[3].preselfpay_amt = 0";
    let amounts = "feedetail[2].pric = 900\nfeedetail[2].det_item_fee_sumamt = 900.00\nfeedetail[2].fulamt_ownpay_amt = 0\n\
                   feedetail[2].preselfpay_amt = 0\nfeedetail[2].inscp_scp_amt = 900.00\nfeedetail[3].pric = 40000\n\
                   feedetail[3].det_item_fee_sumamt = 40000.00\nfeedetail[3].inscp_scp_amt = 40000.00\n\
                   data.medfee_sumamt = 40940.00\npolicyinfo[0].product = demo/inpatient-allowance";
    let stay = Stay::named(name, &format!("{lines}\n{amounts}\n{edits}"));
    let mut whole = House::open().await;
    let at_once = whole.settle(stay.bill.clone()).await.unwrap();
    let mut house = House::open().await;
    let client = &mut house.client;
    client.admit(stay.admit("a")).await.unwrap();
    client.upload_fees(stay.upload("u1", 0..3)).await.unwrap();
    let midway = settled(client, stay.settle_midway("m", "2026-03-05", "940.00")).await.unwrap();
    client.upload_fees(stay.upload("u2", 3..4)).await.unwrap();
    client.discharge(stay.discharge("d")).await.unwrap();
    let data = v1::SettleData { medfee_sumamt: "40000.00".to_owned(), ..stay.bill.data.clone().unwrap() };
    let quote = v1::PreSettleRequest { data: Some(data.clone()), ..stay.quote() };
    let quote = client.pre_settle(quote).await.unwrap().into_inner().settlement.unwrap();
    let rest = settled(client, v1::SettleRequest { data: Some(data), ..stay.settle("s") }).await.unwrap();
    assert_eq!(bare(quote), bare(rest.clone()));
    let fen = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
    let sum = |of: fn(&v1::SetlInfo) -> &str| {
        let parts = [&midway, &rest].map(|part| fen(of(part.setlinfo.as_ref().unwrap())));
        (parts.iter().sum::<i64>(), fen(of(at_once.setlinfo.as_ref().unwrap())))
    };
    let (charged, expected) = sum(|info| &info.act_pay_dedc);
    assert_eq!(charged, expected, "{name}: the deductible");
    let (paid, expected) = sum(|info| &info.hifp_pay);
    assert_eq!(paid, expected, "{name}: basic insurance");
    assert!(expected > 0);
    // the days that do not count are taken off once, and each day is paid once
    let (paid, expected) = sum(|info| &info.to_person_pay);
    assert_eq!(paid, expected, "{name}: the allowance");
    assert!(expected > 0);

    // The parts are undone latest first, and the stay stands as before them.
    let blocked = house.cancel("c0", &midway).await.unwrap_err();
    assert_eq!(
        (reason(&blocked).as_str(), &info(&blocked).metadata["setl_id"]),
        ("BLOCKED_BY_LATER", &rest.setl_id)
    );
    house.cancel("c1", &rest).await.unwrap();
    house.cancel("c2", &midway).await.unwrap();
    assert_eq!(house.accumulators(stay.psn_no()).await, []);
    let again = settled(&mut house.client, stay.settle("s2")).await.unwrap();
    assert_eq!(bare(again), bare(at_once.clone()), "{name}: the whole after both");
    house.ledger.verify().unwrap();
    house.close().await;
    whole.close().await;
    let deductibles = [&midway, &rest].map(|part| part.setlinfo.as_ref().unwrap().act_pay_dedc.clone());
    (deductibles, vec![midway, rest, at_once])
}

/// Three kinds of deductible: the highest of the year less what was charged, one per visit, one per visit that falls.
#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_stay_are_charged_one_deductible() {
    let (deductibles, _) = parts_and_whole("hangzhou", "").await;
    assert_eq!(deductibles[1], "0.00");
    let elsewhere = |area: &str| {
        format!(
            "insuinfo[0].insuplc_admdvs = {area}\nheader.insuplc_admdvs = {area}\nheader.mdtrtarea_admvs = {area}"
        )
    };
    // 940.00 do not fill the deductible of a tertiary hospital there: the rest of it is charged by the last part.
    let (deductibles, parts) = parts_and_whole("ulanqab", &elsewhere("150902")).await;
    assert!(deductibles.iter().all(|charged| charged != "0.00"), "{deductibles:?}");
    let terms: Vec<&str> = parts[1].accumulators.iter().map(|change| change.term.as_str()).collect();
    assert!(terms.contains(&"visit H33010600001/V-ulanqab"), "{terms:?}");
    // settled at once, nothing is kept over a visit
    assert!(parts[2].accumulators.iter().all(|change| !change.term.starts_with("visit")));
    let (deductibles, _) = parts_and_whole("jiamusi", &elsewhere("230803")).await;
    assert_ne!(deductibles[0], "0.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stay_settled_midway_is_settled_up_to_a_day() {
    let mut house = House::open().await;
    let stay = Stay::named("midway", "");
    let client = &mut house.client;
    client.admit(stay.admit("a")).await.unwrap();
    client.upload_fees(stay.upload("u", 0..3)).await.unwrap();
    let status = settled(client, stay.settle_midway("m0", "", "100.00")).await.unwrap_err();
    assert_eq!(info(&status).metadata["field"], "data.setl_date");
    let status = settled(client, stay.settle_midway("m0", "2026-03-05", "100.00")).await.unwrap_err();
    assert_eq!(info(&status).metadata["field"], "feedetail[2].fee_ocur_time");
    let mut forged = stay.settle_midway("m0", "2026-03-10", "100.00");
    forged.data.as_mut().unwrap().mid_setl_flag = "2".to_owned();
    assert_eq!(reason(&settled(client, forged).await.unwrap_err()), "NOT_DISCHARGED");
    let midway = settled(client, stay.settle_midway("m0", "2026-03-10", "100.00")).await.unwrap();
    let status = client.cancel_fees(stay.withdraw("w", &["1"])).await.unwrap_err();
    let named = info(&status).metadata;
    assert_eq!((reason(&status).as_str(), &named["setl_id"]), ("LINE_SETTLED", &midway.setl_id));
    // a refund of a settled line waits for that settlement's cancellation
    let mut refund = stay.upload("u2", 1..2);
    refund.feedetail[0].feedetl_sn = "9".to_owned();
    assert_eq!(reason(&client.upload_fees(refund).await.unwrap_err()), "LINE_SETTLED");
    client.discharge(stay.discharge("d")).await.unwrap();
    assert_eq!(reason(&settled(client, stay.settle("s")).await.unwrap_err()), "NO_LINES");
    // a bill that comes whole cannot say of itself that parts went before
    let mut bill = edited("");
    bill.data.as_mut().unwrap().prev_setl_flag = "1".to_owned();
    assert_eq!(info(&house.settle(bill).await.unwrap_err()).metadata["field"], "data.prev_setl_flag");
    house.close().await;
}
