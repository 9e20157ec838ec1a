//! The calls of a stay: each answer says what it did, and its receipt proves that, to anyone who has the public key.

use bedside_gateway::v1;
use bedside_receipt::{Answer, Continued, Fen, PublicKey, Receipt, Reversed, StayBooking};
use prost::Message;

use crate::holds::ahead;
use crate::house::{House, reason};
use crate::receipts::file;
use crate::stays::Stay;

/// What a receipt proves of a call.
fn proved(receipt: &Receipt, key: &PublicKey) -> StayBooking {
    match receipt.verify(key).unwrap().answer {
        Answer::Stay(booking) => booking,
        other => panic!("{other:?}"),
    }
}

fn booking(infno: &str, msgid: &str, mdtrt_id: &str, lines: &str, sum: &str) -> StayBooking {
    StayBooking {
        infno: infno.to_owned(),
        fixmedins_code: "H33010600001".to_owned(),
        msgid: msgid.to_owned(),
        mdtrt_id: mdtrt_id.to_owned(),
        lines: lines.parse().ok(),
        det_item_fee_sumamt: sum.replace('.', "").parse().ok().map(Fen),
    }
}

macro_rules! parted {
    ($call:expr) => {{
        let mut answer = $call.await.unwrap().into_inner();
        let receipt = answer.receipt.take();
        file(&answer, receipt)
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_of_a_stay_has_a_receipt_of_what_it_did() {
    let beside = tempfile::tempdir().unwrap();
    let (mut house, notary) =
        House::open_notarized(tempfile::tempdir().unwrap(), beside.path()).await.unwrap();
    let key = notary.public_key();
    let stay = Stay::named("all", "");
    let sums: Vec<&str> = stay.bill.feedetail.iter().map(|it| it.det_item_fee_sumamt.as_str()).collect();
    assert_eq!(sums, ["60.00", "-20.00", "60.00"]);
    let client = &mut house.client;
    let streamed = |msgid: &str| {
        let batches = (1..3).map(|place| v1::StreamFeesRequest {
            stay: Some(stay.reference(msgid)),
            feedetail: stay.bill.feedetail[place..=place].to_vec(),
        });
        tokio_stream::iter(batches.collect::<Vec<_>>())
    };
    let receipts = [
        parted!(client.admit(stay.admit("a"))),
        parted!(client.update_admission(stay.update("c"))),
        parted!(client.upload_fees(stay.upload("u", 0..1))),
        parted!(client.stream_fees(streamed("t"))),
        parted!(client.cancel_fees(stay.withdraw("w", &["0000"]))),
        parted!(client.upload_fees(stay.upload("v", 0..3))),
        parted!(client.cancel_fees(stay.withdraw("x", &[&stay.bill.feedetail[1].feedetl_sn]))),
        parted!(client.discharge(stay.discharge("d"))),
        parted!(client.cancel_discharge(v1::CancelDischargeRequest { stay: Some(stay.reference("e")) })),
        parted!(client.cancel_fees(stay.withdraw("y", &["0000"]))),
        parted!(client.cancel_admission(v1::CancelAdmissionRequest { stay: Some(stay.reference("z")) })),
    ];
    let expected = [
        booking("2401", "a", "V-all", "", ""),
        booking("2403", "c", "V-all", "", ""),
        booking("2301", "u", "V-all", "1", "60.00"),
        booking("2301", "t", "V-all", "2", "40.00"),
        booking("2302", "w", "V-all", "3", ""),
        booking("2301", "v", "V-all", "3", "100.00"),
        booking("2302", "x", "V-all", "1", ""),
        booking("2402", "d", "V-all", "", ""),
        booking("2405", "e", "V-all", "", ""),
        booking("2302", "y", "V-all", "2", ""),
        booking("2404", "z", "V-all", "", ""),
    ];
    for (place, (receipt, expected)) in receipts.iter().zip(expected).enumerate() {
        assert_eq!((proved(receipt, &key), receipt.sequence), (expected, place as u64 + 1));
    }

    // A lost answer is found by its msgid, byte for byte, with a proof from any earlier receipt.
    for receipt in &receipts {
        let asked = house.query_knowing(&proved(receipt, &key).msgid, "1").await;
        assert_eq!((asked.outcome.as_str(), &asked.answer), ("booked", &receipt.answer));
        let found =
            Receipt { answer: asked.answer, ..file(&v1::SettleBillResponse::default(), asked.receipt) };
        assert_eq!(receipts[0].continued_by(&found, &key), Ok(Continued::Proved));
    }
    let sent_again = parted!(house.client.upload_fees(stay.upload("u", 0..1)));
    assert_eq!(sent_again.answer, receipts[2].answer);
    // An upload and a stream of the same lines are two calls, whichever came first.
    let one = v1::StreamFeesRequest {
        stay: Some(stay.reference("u")),
        feedetail: stay.upload("u", 0..1).feedetail,
    };
    let status = house.client.stream_fees(tokio_stream::iter([one])).await.unwrap_err();
    assert_eq!(reason(&status), "MESSAGE_CONFLICT");
    let status = house.client.upload_fees(stay.upload("t", 1..3)).await.unwrap_err();
    assert_eq!(reason(&status), "MESSAGE_CONFLICT");
    house.close().await;
}

/// What takes back a call of a stay or a hold moves nothing, and proves that it did.
#[tokio::test(flavor = "multi_thread")]
async fn what_takes_back_a_call_that_moves_nothing_has_a_receipt() {
    let beside = tempfile::tempdir().unwrap();
    let (mut house, notary) =
        House::open_notarized(tempfile::tempdir().unwrap(), beside.path()).await.unwrap();
    let key = notary.public_key();
    let stay = Stay::named("back", "");
    house.client.admit(stay.admit("a")).await.unwrap();
    house.client.upload_fees(stay.upload("u", 0..3)).await.unwrap();
    house.client.discharge(stay.discharge("d")).await.unwrap();
    house.client.pre_settle(stay.hold("h", ahead(3_600))).await.unwrap();
    for (msgid, omsgid, oinfno, arrived) in [
        ("r1", "h", "2303", true),
        ("r2", "d", "2402", true),
        ("r3", "never", "2301", false),
        ("r4", "u", "2301", true),
    ] {
        let reversed = Reversed {
            fixmedins_code: "H33010600001".to_owned(),
            msgid: msgid.to_owned(),
            omsgid: omsgid.to_owned(),
            oinfno: oinfno.to_owned(),
        };
        let answer = if arrived { Answer::TakenBack(reversed) } else { Answer::Tombstone(Some(reversed)) };
        let mut answered = house.reverse(msgid, stay.psn_no(), omsgid, oinfno).await.unwrap();
        let receipt = answered.receipt.take();
        assert_eq!(file(&answered, receipt).verify(&key).unwrap().answer, answer, "{msgid}");
        let asked = house.query(msgid).await;
        assert_eq!(asked.reversal, answered.booking, "{msgid}");
        assert_eq!(file(&answered, asked.receipt).verify(&key).unwrap().answer, answer, "{msgid}");
    }
    house.close().await;
}

/// The stored bytes are the answer without its receipt, also where no key is there to sign one.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_the_answer_says_the_same() {
    let mut house = House::open().await;
    let stay = Stay::named("bare", "");
    let admitted = house.client.admit(stay.admit("a")).await.unwrap().into_inner();
    assert_eq!(admitted.receipt, None);
    assert_eq!(admitted.booking.as_ref().unwrap().mdtrt_id, "V-bare");
    assert_eq!(house.query("a").await.answer, admitted.encode_to_vec());
    house.close().await;
}
