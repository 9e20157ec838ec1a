//! Whole trips over the network: client, gateway, core, ledger.

use bedside_gateway::server::Config;
use bedside_gateway::v1;
use bedside_gateway::v1::pre_settle_request::Subject;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::base::{base, edited};
use crate::house::{House, info, reason};

const PSN_NO: &str = "33010000000000000000012345";

#[tokio::test(flavor = "multi_thread")]
async fn a_bill_is_settled_once_and_answered_for_ever() {
    let mut house = House::open().await;
    let first = house.settle(base()).await.unwrap();
    assert_eq!(first.medins_setl_id, "H33010600001202603101200000001");
    assert_eq!(first.setlinfo.as_ref().unwrap().medfee_sumamt, "100.00");
    assert!(!first.setl_id.is_empty() && !first.setl_time.is_empty() && !first.notices.is_empty());

    let resent = edited("header.inf_time = 2026-03-10 12:00:09\nheader.opter_name = 赵六");
    let again = house.settle(resent).await.unwrap();
    assert_eq!(again.encode_to_vec(), first.encode_to_vec());

    let other = house.settle(edited("feedetail[0].medins_list_codg = Y009")).await.unwrap_err();
    assert_eq!((other.code(), reason(&other).as_str()), (Code::AlreadyExists, "MESSAGE_CONFLICT"));
    assert_eq!(info(&other).metadata["field"], "feedetail[0].medins_list_codg");
    assert_eq!(
        other.message(),
        "this msgid was used with other content: `feedetail[0].medins_list_codg` was `Y001`, now is `Y009`"
    );

    let twice = house.settle(edited("header.msgid = M2")).await.unwrap_err();
    assert_eq!((twice.code(), reason(&twice).as_str()), (Code::FailedPrecondition, "ALREADY_SETTLED"));
    assert_eq!(info(&twice).metadata["setl_id"], first.setl_id);

    let query = house.query("H33010600001202603101200000001").await;
    assert_eq!(
        (query.outcome.as_str(), query.infno.as_str(), query.state.as_str()),
        ("booked", "2304", "booked")
    );
    assert_eq!(query.settlement.as_ref(), Some(&first));
    assert_eq!(house.query("M2").await.outcome, "unknown");

    let got = house.get(&first.setl_id, PSN_NO).await.unwrap();
    assert_eq!((got.settlement.as_ref(), got.state.as_str()), (Some(&first), "booked"));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_bill_leaves_nothing_and_can_be_settled_again() {
    let mut house = House::open().await;
    let first = house.settle(base()).await.unwrap();
    let used = house.accumulators(PSN_NO).await;
    assert!(!used.is_empty());

    let mirror = house.cancel("C1", &first).await.unwrap();
    assert_eq!(mirror.init_setl_id, first.setl_id);
    assert_ne!(mirror.setl_id, first.setl_id);
    assert_eq!(mirror.setlinfo.as_ref().unwrap().medfee_sumamt, "-100.00");
    assert_eq!(house.accumulators(PSN_NO).await, []);
    assert_eq!(house.cancel("C1", &first).await.unwrap().encode_to_vec(), mirror.encode_to_vec());

    let again = house.cancel("C2", &first).await.unwrap_err();
    assert_eq!((again.code(), reason(&again).as_str()), (Code::FailedPrecondition, "ALREADY_CANCELLED"));
    assert_eq!(info(&again).metadata["setl_id"], mirror.setl_id);
    let reused = house.cancel("H33010600001202603101200000001", &first).await.unwrap_err();
    assert_eq!((reused.code(), reason(&reused).as_str()), (Code::AlreadyExists, "MESSAGE_CONFLICT"));
    assert_eq!(reused.message(), "this msgid was used for another call before");
    let other =
        house.cancel("C1", &v1::Settlement { mdtrt_id: "V9".to_owned(), ..first.clone() }).await.unwrap_err();
    assert_eq!(
        other.message(),
        "this msgid was used with other content: `mdtrt_id` was *** (17 characters), now is *** (2 characters)"
    );
    let got = house.get(&first.setl_id, PSN_NO).await.unwrap();
    assert_eq!((got.state.as_str(), got.cancelled_by.as_str()), ("cancelled", mirror.setl_id.as_str()));
    let query = house.query("C1").await;
    assert_eq!(
        (query.outcome.as_str(), query.infno.as_str(), query.state.as_str()),
        ("booked", "2305", "cancelled")
    );
    let query = house.query("H33010600001202603101200000001").await;
    assert_eq!((query.infno.as_str(), query.state.as_str()), ("2304", "cancelled"));
    let query = house.query("C1").await;
    assert_eq!(query.settlement, Some(mirror));

    // The first call still gets its first answer.
    assert_eq!(house.settle(base()).await.unwrap(), first);
    let settled = house.settle(edited("header.msgid = M2")).await.unwrap();
    assert_eq!(settled.setlinfo, first.setlinfo);
    assert_eq!(house.accumulators(PSN_NO).await, used);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_later_settlement_is_cancelled_first() {
    let mut house = House::open().await;
    let first = house.settle(base()).await.unwrap();
    let second = house.settle(edited("header.msgid = M2\nmdtrtinfo.mdtrt_id = MDT2")).await.unwrap();
    let blocked = house.cancel("C1", &first).await.unwrap_err();
    assert_eq!((blocked.code(), reason(&blocked).as_str()), (Code::FailedPrecondition, "BLOCKED_BY_LATER"));
    assert_eq!(info(&blocked).metadata["setl_id"], second.setl_id);
    house.cancel("C2", &second).await.unwrap();
    house.cancel("C3", &first).await.unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_of_someone_else_is_not_found() {
    let mut house = House::open().await;
    let first = house.settle(base()).await.unwrap();
    let check = |result: Result<(), Status>| {
        let status = result.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "SETTLEMENT_NOT_FOUND"));
    };
    check(house.get(&first.setl_id, "33010000000000000000054321").await.map(drop));
    check(house.get("S9", PSN_NO).await.map(drop));
    let changes: [fn(&mut v1::Settlement); 3] = [
        |settlement| settlement.psn_no = "33010000000000000000054321".to_owned(),
        |settlement| settlement.mdtrt_id = "MDT9".to_owned(),
        |settlement| settlement.setl_id = "S9".to_owned(),
    ];
    for change in changes {
        let mut other = first.clone();
        change(&mut other);
        check(house.cancel("C1", &other).await.map(drop));
    }
    assert_eq!(house.get(&first.setl_id, PSN_NO).await.unwrap().state, "booked");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_bill_is_told_everything_and_leaves_nothing() {
    let mut house = House::open().await;
    let wrong = edited("feedetail[0].cnt = x\nbaseinfo.gend = 7\nbaseinfo.psn_no =\nmdtrtinfo.psn_no =");
    let status = house.settle(wrong).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_MESSAGE"));
    let metadata = info(&status).metadata;
    assert_eq!((metadata["faults"].as_str(), metadata["field"].as_str()), ("3", "baseinfo.psn_no"));
    let details = status.get_error_details();
    let fields: Vec<_> =
        details.bad_request().unwrap().field_violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["baseinfo.psn_no", "baseinfo.gend", "feedetail[0].cnt"]);
    assert_eq!(house.query("H33010600001202603101200000001").await.outcome, "unknown");
    // The same msgid is not used up.
    house.settle(base()).await.unwrap();

    let status = house.settle(v1::SettleBillRequest::default()).await.unwrap_err();
    assert_eq!(info(&status).metadata["faults"], "6");
    let far = house
        .settle(edited(
            "header.msgid = M2\nmdtrtinfo.mdtrt_id = V2\nmdtrtinfo.insutype = 310\ninsuinfo[1].psn_insu_stas = 1\n\
        insuinfo[1].insuplc_admdvs = 110101\nheader.insuplc_admdvs =",
        ))
        .await
        .unwrap_err();
    assert_eq!((far.code(), reason(&far).as_str()), (Code::FailedPrecondition, "NO_PROGRAMME"));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pre_settlement_says_what_the_settlement_will_and_books_nothing() {
    let mut house = House::open().await;
    let request = v1::PreSettleRequest { subject: Some(Subject::Bill(base())), ..Default::default() };
    let answered = house.client.pre_settle(request).await.unwrap().into_inner();
    let said = answered.settlement.unwrap();
    assert_eq!((said.setl_id.as_str(), said.setl_time.as_str()), ("", ""));
    assert_eq!(house.query("H33010600001202603101200000001").await.outcome, "unknown");
    assert_eq!(house.accumulators(PSN_NO).await, []);
    let settled = house.settle(base()).await.unwrap();
    let booked = v1::Settlement { setl_id: String::new(), setl_time: String::new(), ..settled };
    assert_eq!(said, booked);

    let again = v1::PreSettleRequest { subject: Some(Subject::Bill(base())), ..Default::default() };
    assert_eq!(reason(&house.client.pre_settle(again).await.unwrap_err()), "ALREADY_SETTLED");
    let empty = house.client.pre_settle(v1::PreSettleRequest::default()).await.unwrap_err();
    assert_eq!(reason(&empty), "INVALID_MESSAGE");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_deadline_nothing_is_booked() {
    let mut house =
        House::open_with(|config| config.limits.deadline_settle = std::time::Duration::ZERO).await;
    let status = house.settle(base()).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(["DEADLINE_BEFORE_COMMIT", "OUTCOME_UNKNOWN"].contains(&reason(&status).as_str()));
    assert_eq!(house.query("H33010600001202603101200000001").await.outcome, "unknown");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_sent_is_not_booked() {
    let small = |config: &mut Config| {
        (config.limits.message_bytes, config.limits.answer_bytes) = (4_000, 4_000);
    };
    let mut house = House::open_with(small).await;
    let status = house.settle(base()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "ANSWER_TOO_LARGE"));
    assert_eq!(house.query("H33010600001202603101200000001").await.outcome, "unknown");

    let mut long = base();
    long.feedetail = vec![long.feedetail[0].clone(); 100];
    let status = house.settle(long).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hospitals_at_once_each_get_their_own_answer() {
    let house = House::open().await;
    let calls: Vec<_> = (0..64)
        .map(|number| {
            let mut client = house.client.clone();
            let request =
                edited(&format!("header.msgid = M{}\nmdtrtinfo.mdtrt_id = V{}\n", number / 2, number / 2));
            tokio::spawn(async move { client.settle_bill(request).await.unwrap().into_inner() })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap().encode_to_vec());
    }
    for pair in answers.chunks(2) {
        assert_eq!(pair[0], pair[1]);
    }
    answers.sort();
    answers.dedup();
    assert_eq!(answers.len(), 32);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twins_at_the_same_time_run_once() {
    let house = House::open().await;
    // One msgid, two contents, eight calls of each: whichever comes first is what the msgid means for ever.
    let contents = ["header.opter_name = 赵六", "feedetail[0].medins_list_codg = Y009"];
    let calls: Vec<_> = (0..16)
        .map(|call| {
            let (mut client, request) = (house.client.clone(), edited(contents[call % 2]));
            tokio::spawn(async move { (call % 2, client.settle_bill(request).await) })
        })
        .collect();
    let (mut answers, mut refused) = (Vec::new(), Vec::new());
    for call in calls {
        let (content, answered) = call.await.unwrap();
        match answered {
            Ok(answered) => answers.push((content, answered.into_inner().encode_to_vec())),
            Err(status) => refused.push((content, status)),
        }
    }
    assert_eq!((answers.len(), refused.len()), (8, 8));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "one content, one answer, byte for byte");
    for (content, status) in &refused {
        assert_ne!(*content, answers[0].0);
        assert_eq!(reason(status), "MESSAGE_CONFLICT");
        assert_eq!(info(status).metadata["field"], "feedetail[0].medins_list_codg");
    }
    assert_eq!(house.ledger.verify().unwrap().records, 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_bill_is_settled_line_by_line() {
    let mut house = House::open().await;
    let mut long = base();
    let charge = long.feedetail[0].clone();
    long.feedetail = (1..=5_000)
        .map(|number| v1::FeeDetail { feedetl_sn: number.to_string(), ..charge.clone() })
        .collect();
    long.data.as_mut().unwrap().medfee_sumamt = "300000.00".to_owned();
    let settled = house.settle(long.clone()).await.unwrap();
    assert_eq!(settled.lines.len(), 5_000);
    assert_eq!(house.settle(long).await.unwrap(), settled);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_survive_a_restart() {
    let mut house = House::open().await;
    let first = house.settle(base()).await.unwrap();
    let used = house.accumulators(PSN_NO).await;
    let mut house = house.restart().await;
    assert_eq!(house.settle(base()).await.unwrap().encode_to_vec(), first.encode_to_vec());
    assert_eq!(house.accumulators(PSN_NO).await, used);
    let mirror = house.cancel("C1", &first).await.unwrap();
    let mut house = house.restart().await;
    assert_eq!(house.cancel("C1", &first).await.unwrap(), mirror);
    assert_eq!(house.accumulators(PSN_NO).await, []);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_does_not_cancel_the_commit() {
    let house = House::open().await;
    let mut leaving = house.client.clone();
    let mut call = Box::pin(async move { leaving.settle_bill(base()).await });
    // Polled once, so that the request is on its way, and then dropped.
    let left = tokio::select! {
        biased;
        answered = &mut call => Some(answered),
        () = std::future::ready(()) => None,
    };
    drop((left, call));
    let mut house = house;
    let settled = house.settle(base()).await.unwrap();
    assert_eq!(house.settle(base()).await.unwrap(), settled);
    let query = house.query("H33010600001202603101200000001").await;
    assert_eq!(query.settlement, Some(settled));
    house.close().await;
}
