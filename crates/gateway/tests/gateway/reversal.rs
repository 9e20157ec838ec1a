//! Taking back a call whose answer was lost (2601): over the network, in every order, with what comes twice.

use bedside_gateway::v1;
use prost::Message;
use tonic::{Code, Status};

use crate::base::{base, edited};
use crate::house::{House, info, reason};

const PSN_NO: &str = "33010000000000000000012345";
const MSGID: &str = "H33010600001202603101200000001";

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_arrived_is_undone_like_a_cancellation() {
    let mut house = House::open().await;
    let first = house.settle(base()).await.unwrap();
    let used = house.accumulators(PSN_NO).await;
    let answer = house.reverse("R1", PSN_NO, MSGID, "2304").await.unwrap();
    assert_eq!(answer.outcome, "undone");
    let mirror = answer.settlement.clone().unwrap();
    assert_eq!((&mirror.init_setl_id, mirror.medins_setl_id.as_str()), (&first.setl_id, "R1"));
    assert_eq!(mirror.setlinfo.as_ref().unwrap().medfee_sumamt, "-100.00");
    assert_eq!(house.accumulators(PSN_NO).await, []);
    let again = house.reverse("R1", PSN_NO, MSGID, "2304").await.unwrap();
    assert_eq!(again.encode_to_vec(), answer.encode_to_vec());

    let query = house.query("R1").await;
    let told = (query.outcome.as_str(), query.infno.as_str(), query.state.as_str());
    assert_eq!((told, query.settlement), (("booked", "2601", "reversed"), Some(mirror.clone())));
    let query = house.query(MSGID).await;
    assert_eq!((query.infno.as_str(), query.state.as_str()), ("2304", "reversed"));
    let got = house.get(&first.setl_id, PSN_NO).await.unwrap();
    assert_eq!((got.state.as_str(), &got.cancelled_by), ("reversed", &mirror.setl_id));

    // The mirror of a reversal is that of a cancellation, but for its names and times.
    let second = house.settle(edited("header.msgid = M2")).await.unwrap();
    assert_eq!((&second.setlinfo, house.accumulators(PSN_NO).await), (&first.setlinfo, used));
    let cancelled = house.cancel("C2", &second).await.unwrap();
    let bare = |settlement: &v1::Settlement| v1::Settlement {
        setl_id: String::new(),
        init_setl_id: String::new(),
        medins_setl_id: String::new(),
        setl_time: String::new(),
        ..settlement.clone()
    };
    assert_eq!(bare(&mirror), bare(&cancelled));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_did_not_arrive_never_does() {
    let mut house = House::open().await;
    let answer = house.reverse("R1", PSN_NO, MSGID, "2304").await.unwrap();
    assert_eq!((answer.outcome.as_str(), &answer.settlement), ("tombstone", &None));
    let mut house = house.restart().await;
    let wrong = "feedetail[0].cnt = x";
    for late in ["", "feedetail[0].medins_list_codg = Y009", wrong] {
        let status = house.settle(edited(late)).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::FailedPrecondition, "MESSAGE_REVERSED"),
            "{late}"
        );
        assert_eq!(info(&status).metadata["msgid"], "R1");
    }
    let again = house.reverse("R1", PSN_NO, MSGID, "2304").await.unwrap();
    assert_eq!(again.encode_to_vec(), answer.encode_to_vec());
    let query = house.query(MSGID).await;
    assert_eq!(
        (query.outcome.as_str(), query.infno.as_str(), query.state.as_str(), query.settlement),
        ("reversed", "2304", "tombstone", None)
    );
    let query = house.query("R1").await;
    assert_eq!((query.infno.as_str(), query.state.as_str()), ("2601", "tombstone"));
    assert_eq!(house.accumulators(PSN_NO).await, []);
    house.settle(edited("header.msgid = M2")).await.unwrap();
    assert_eq!(house.ledger.verify().unwrap().tombstones, 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_settlement_blocks_is_named_and_goes_once_it_is_gone() {
    let mut house = House::open().await;
    house.settle(base()).await.unwrap();
    let later = "header.msgid = M2\nmdtrtinfo.mdtrt_id = MDT2";
    let second = house.settle(edited(later)).await.unwrap();
    let blocked = house.reverse("R1", PSN_NO, MSGID, "2304").await.unwrap_err();
    assert_eq!((blocked.code(), reason(&blocked).as_str()), (Code::FailedPrecondition, "BLOCKED_BY_LATER"));
    assert_eq!(info(&blocked).metadata["setl_id"], second.setl_id);
    assert_eq!(house.ledger.verify().unwrap().records, 2);
    house.reverse("R2", PSN_NO, "M2", "2304").await.unwrap();
    // A refusal used up nothing: the very same message goes through now.
    assert_eq!(house.reverse("R1", PSN_NO, MSGID, "2304").await.unwrap().outcome, "undone");
    assert_eq!(house.accumulators(PSN_NO).await, []);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_reversal_is_told_everything() {
    let mut house = House::open().await;
    let check = |status: Status, fields: &str| {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_MESSAGE"));
        let metadata = info(&status).metadata;
        assert_eq!(metadata["field"], fields);
    };
    check(house.reverse("R1", PSN_NO, "M1", "2601").await.unwrap_err(), "oinfno");
    check(house.reverse("R1", PSN_NO, "R1", "2304").await.unwrap_err(), "omsgid");
    check(house.reverse("R1", "", "M1", "2304").await.unwrap_err(), "psn_no");
    let empty = house.client.reverse(v1::ReverseRequest::default()).await.unwrap_err();
    assert_eq!(info(&empty).metadata["faults"], "4");

    house.reverse("R1", PSN_NO, "M1", "2304").await.unwrap();
    let other = house.reverse("R1", PSN_NO, "M2", "2304").await.unwrap_err();
    assert_eq!((other.code(), reason(&other).as_str()), (Code::AlreadyExists, "MESSAGE_CONFLICT"));
    assert_eq!(info(&other).metadata["field"], "omsgid");
    let other = house.reverse("R1", "P2", "M1", "2304").await.unwrap_err();
    assert_eq!(info(&other).metadata["field"], "psn_no");
    assert!(!other.message().contains(PSN_NO) && !format!("{other:?}").contains(PSN_NO));
    assert_eq!(house.ledger.verify().unwrap().records, 1);
    house.close().await;
}

/// One of four calls: the settlement or its reversal, the first or the second time; the answer's bytes, or the reason.
async fn play(
    mut client: crate::house::Client,
    what: usize,
    name: String,
) -> (usize, Result<Vec<u8>, String>) {
    let answered = if what < 2 {
        let bill = edited(&format!(
            "header.msgid = M-{name}\nmdtrtinfo.mdtrt_id = V-{name}\nbaseinfo.psn_no = P-{name}\nmdtrtinfo.psn_no = P-{name}"
        ));
        client.settle_bill(bill).await.map(|answer| answer.into_inner().encode_to_vec())
    } else {
        let request =
            crate::house::reversal(&format!("R-{name}"), &format!("P-{name}"), &format!("M-{name}"), "2304");
        client.reverse(request).await.map(|answer| answer.into_inner().encode_to_vec())
    };
    (what, answered.map_err(|status| reason(&status)))
}

/// One of two outcomes, told alike by every answer, the query and the accumulators. Whether the settlement arrived.
async fn check_outcomes(
    house: &mut House,
    name: &str,
    outcomes: Vec<(usize, Result<Vec<u8>, String>)>,
) -> bool {
    let (settled, reversed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(what, _)| *what < 2);
    let query = house.query(&format!("M-{name}")).await;
    let arrived = query.outcome == "booked";
    let reversed: Vec<_> = reversed.into_iter().map(|(_, answer)| answer.unwrap()).collect();
    assert_eq!(reversed[0], reversed[1]);
    let reversal = v1::ReverseResponse::decode(reversed[0].as_slice()).unwrap();
    if arrived {
        assert_eq!((reversal.outcome.as_str(), query.state.as_str()), ("undone", "reversed"));
        assert!(settled[0].1.is_ok() && settled[0].1 == settled[1].1, "{settled:?}");
    } else {
        assert_eq!((reversal.outcome.as_str(), query.state.as_str()), ("tombstone", "tombstone"));
        assert!(
            settled.iter().all(|(_, answer)| answer.as_ref().is_err_and(|why| why == "MESSAGE_REVERSED"))
        );
    }
    assert_eq!(house.accumulators(&format!("P-{name}")).await, []);
    arrived
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_a_call_and_its_reversal_comes_to_one_of_two_outcomes() {
    let mut house = House::open().await;
    let mut orders = 0;
    for code in 0..256 {
        let order = [code % 4, code / 4 % 4, code / 16 % 4, code / 64];
        if (0..4).any(|what| !order.contains(&what)) {
            continue;
        }
        orders += 1;
        let name = code.to_string();
        let mut outcomes = Vec::new();
        for what in order {
            outcomes.push(play(house.client.clone(), what, name.clone()).await);
        }
        assert_eq!(check_outcomes(&mut house, &name, outcomes).await, order[0] < 2, "{order:?}");
    }
    assert_eq!(orders, 24);
    let found = house.ledger.verify().unwrap();
    assert_eq!((found.settlements, found.reversals, found.tombstones), (12, 12, 12));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_and_its_reversal_may_race() {
    let mut house = House::open().await;
    let mut arrived = 0;
    for round in 0..50 {
        let name = format!("race-{round}");
        // Whichever is sent first, so that both outcomes have their chance.
        let order = if round % 2 == 0 { [0, 2, 1, 3] } else { [2, 0, 3, 1] };
        let calls: Vec<_> = order
            .into_iter()
            .map(|what| tokio::spawn(play(house.client.clone(), what, name.clone())))
            .collect();
        let mut outcomes = Vec::new();
        for call in calls {
            outcomes.push(call.await.unwrap());
        }
        arrived += u64::from(check_outcomes(&mut house, &name, outcomes).await);
    }
    let found = house.ledger.verify().unwrap();
    assert_eq!((found.settlements, found.reversals, found.tombstones), (arrived, arrived, 50 - arrived));
    house.close().await;
}
