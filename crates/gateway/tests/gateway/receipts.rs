//! Receipts as a hospital gets them over gRPC, checked by the auditor's crate.

use std::fs;
use std::path::Path;

use bedside_adjudication::adjudicate;
use bedside_claim::Accumulators;
use bedside_gateway::answer::{self, Booking};
use bedside_gateway::notary::NotaryError;
use bedside_gateway::registers::Register;
use bedside_gateway::{parse_case, request, v1};
use bedside_ledger::{PersonKey, erase_persons};
use bedside_policy::Library;
use bedside_receipt::{Answer, Continued, PublicKey, Receipt, Reversed, RollBack, add_up};
use prost::Message;
use tonic::Code;

use crate::base::{base, edited};
use crate::house::{House, info, reason};

const MSGID: &str = "H33010600001202603101200000001";

/// The file that a hospital makes of an answer.
pub(crate) fn file(answer: &impl Message, receipt: Option<v1::Receipt>) -> Receipt {
    let receipt = receipt.unwrap();
    let hash = |bytes: Vec<u8>| <[u8; 32]>::try_from(bytes).unwrap();
    let hashes = |hashes: Vec<Vec<u8>>| hashes.into_iter().map(hash).collect();
    let earlier = receipt.earlier_tree_size;
    let receipt = Receipt {
        sequence: receipt.sequence.parse().unwrap(),
        booked_at_ms: receipt.booked_at_ms.parse().unwrap(),
        answer: answer.encode_to_vec(),
        salt: hash(receipt.salt),
        record_hash: hash(receipt.record_hash),
        inclusion_proof: hashes(receipt.inclusion_proof),
        checkpoint: receipt.checkpoint,
        consistency: (!earlier.is_empty())
            .then(|| (earlier.parse().unwrap(), hashes(receipt.consistency_proof))),
    };
    assert_eq!(Receipt::from_json(receipt.to_json().as_bytes()).unwrap(), receipt);
    receipt
}

async fn settled(house: &mut House, edits: &str) -> (v1::Settlement, Receipt) {
    let answered = house.client.settle_bill(edited(edits)).await.unwrap().into_inner();
    let settlement = answered.settlement.unwrap();
    let receipt = file(&settlement, answered.receipt);
    (settlement, receipt)
}

fn visit(number: u32) -> String {
    format!("header.msgid = M{number}\nmdtrtinfo.mdtrt_id = V{number}\n")
}

fn size(receipt: &Receipt, key: &PublicKey) -> u64 {
    receipt.verify(key).unwrap().checkpoint.tree.size
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_a_receipt_that_anyone_can_check() {
    let beside = tempfile::tempdir().unwrap();
    let (mut house, notary) =
        House::open_notarized(tempfile::tempdir().unwrap(), beside.path()).await.unwrap();
    let key = notary.public_key();
    let (settlement, first) = settled(&mut house, "").await;
    let proved = first.verify(&key).unwrap();
    let Answer::Settlement(added) = proved.answer else { panic!("it is a settlement") };
    assert_eq!(added.setl_id, settlement.setl_id);
    assert_eq!((added.lines, added.medfee_sumamt.to_string().as_str()), (3, "100.00"));
    assert_eq!((size(&first, &key), first.sequence), (1, 1));
    let (_, adopted) = settled(&mut house, &format!("national\n{}", visit(1))).await;
    assert_eq!(size(&adopted, &key), 2);

    // sent again: the same answer, a receipt of the ledger as it is now
    let (again, replayed) = settled(&mut house, "").await;
    assert_eq!(again, settlement);
    assert_eq!((replayed.answer == first.answer, size(&replayed, &key)), (true, 2));

    let booked = house.get(&settlement.setl_id, &settlement.psn_no).await.unwrap();
    file(&booked.settlement.unwrap(), booked.receipt).verify(&key).unwrap();
    let mut cancel = v1::CancelSettlementRequest {
        header: Some(v1::Header {
            msgid: "C1".to_owned(),
            fixmedins_code: "H33010600001".to_owned(),
            ..v1::Header::default()
        }),
        mdtrt_id: "V1".to_owned(),
        setl_id: "S0000000000000002".to_owned(),
        psn_no: settlement.psn_no.clone(),
        national: None,
    };
    let answered = house.client.cancel_settlement(cancel.clone()).await.unwrap().into_inner();
    let mirror = file(&answered.settlement.unwrap(), answered.receipt).verify(&key).unwrap();
    let added = mirror.answer.added().unwrap();
    assert_eq!(added.init_setl_id, "S0000000000000002");
    assert_eq!(added.medfee_sumamt.to_string(), "-100.00");

    // what the ledger holds now holds what it held at the first receipt
    let asked = house.query_knowing(MSGID, "1").await;
    let later = file(&asked.settlement.unwrap(), asked.receipt);
    assert_eq!(first.continued_by(&later, &key), Ok(Continued::Proved));
    assert_eq!(first.continued_by(&replayed, &key), Ok(Continued::NoProof));
    assert!(house.query("M-unknown").await.receipt.is_none());
    let asked = house.query_knowing(MSGID, "99").await;
    assert_eq!(file(&asked.settlement.unwrap(), asked.receipt).consistency, None, "there never were so many");

    cancel.header.as_mut().unwrap().msgid = "C2".to_owned();
    assert!(house.client.cancel_settlement(cancel).await.is_err());
    house.close().await;
}

/// Of a reversal the whole answer is proved, also to the hospital whose call never came.
#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_has_a_receipt_of_what_came_of_it() {
    let beside = tempfile::tempdir().unwrap();
    let (mut house, notary) =
        House::open_notarized(tempfile::tempdir().unwrap(), beside.path()).await.unwrap();
    let key = notary.public_key();
    let (settlement, first) = settled(&mut house, "").await;
    let answered = house.reverse("R1", &settlement.psn_no, MSGID, "2304").await.unwrap();
    let receipt = answered.receipt.clone();
    let undone = v1::ReverseResponse { receipt: None, ..answered };
    let proved = file(&undone, receipt).verify(&key).unwrap();
    let Answer::Undone(added) = &proved.answer else { panic!("{:?}", proved.answer) };
    assert_eq!((&added.init_setl_id, proved.checkpoint.tree.size), (&settlement.setl_id, 2));
    assert_eq!(added.medfee_sumamt.to_string(), "-100.00");
    let asked = house.query_knowing("R1", "1").await;
    let again = v1::ReverseResponse {
        outcome: "undone".to_owned(),
        settlement: asked.settlement,
        receipt: None,
        booking: asked.reversal,
    };
    assert_eq!((&again, asked.answer), (&undone, Vec::new()), "the settlement is told once");
    assert_eq!(first.continued_by(&file(&again, asked.receipt), &key), Ok(Continued::Proved));

    let answered = house.reverse("R2", &settlement.psn_no, "M-lost", "2304").await.unwrap();
    let receipt = answered.receipt.clone();
    let tombstone = v1::ReverseResponse { receipt: None, ..answered };
    let named = |msgid: &str, omsgid: &str| {
        Answer::Tombstone(Some(Reversed {
            fixmedins_code: "H33010600001".to_owned(),
            msgid: msgid.to_owned(),
            omsgid: omsgid.to_owned(),
            oinfno: "2304".to_owned(),
        }))
    };
    assert_eq!(file(&tombstone, receipt).verify(&key).unwrap().answer, named("R2", "M-lost"));
    let replayed = house.reverse("R2", &settlement.psn_no, "M-lost", "2304").await.unwrap();
    file(&tombstone, replayed.receipt).verify(&key).unwrap();
    for msgid in ["R2", "M-lost"] {
        let asked = house.query(msgid).await;
        assert_eq!((asked.state.as_str(), &asked.reversal), ("tombstone", &tombstone.booking), "{msgid}");
        assert_eq!(file(&tombstone, asked.receipt).verify(&key).unwrap().answer, named("R2", "M-lost"));
    }
    let got = house.get(&settlement.setl_id, &settlement.psn_no).await.unwrap();
    assert_eq!((got.state.as_str(), got.settlement.as_ref()), ("reversed", Some(&settlement)));
    file(&settlement, got.receipt).verify(&key).unwrap();
    house.close().await;
}

/// The person's data is gone, the msgid stays taken, and the receipt that was given then still proves.
#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_is_not_booked_again_and_her_receipt_still_proves() {
    let beside = tempfile::tempdir().unwrap();
    let (mut house, notary) =
        House::open_notarized(tempfile::tempdir().unwrap(), beside.path()).await.unwrap();
    let key = notary.public_key();
    let (settlement, given) = settled(&mut house, "").await;
    house.reverse("R2", &settlement.psn_no, "M-lost", "2304").await.unwrap();
    settled(&mut house, &format!("baseinfo.psn_no = P2\nmdtrtinfo.psn_no = P2\n{}", visit(2))).await;
    notary.close(&house.ledger).unwrap();
    let (_, folder) = house.end().await;
    let without = tempfile::tempdir().unwrap();
    fs::remove_dir(without.path()).unwrap();
    let person = PersonKey { tenant: "insurer".into(), psn_no: settlement.psn_no.as_str().into() };
    erase_persons(folder.path(), without.path(), &[person].into(), Register::Persons.number(), |_| {})
        .unwrap();

    let (mut house, _) = House::open_notarized(without, beside.path()).await.unwrap();
    let check = |status: tonic::Status| {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "MESSAGE_ERASED"));
        assert_eq!(info(&status).metadata["setl_id"], settlement.setl_id);
    };
    check(house.settle(base()).await.unwrap_err());
    check(house.settle(edited("feedetail[0].cnt = x")).await.unwrap_err());
    check(house.reverse("R3", &settlement.psn_no, MSGID, "2304").await.unwrap_err());
    let late = house.settle(edited("header.msgid = M-lost")).await.unwrap_err();
    assert_eq!(reason(&late), "MESSAGE_REVERSED");
    let told = house.query(MSGID).await;
    assert_eq!(
        (told.outcome.as_str(), told.infno.as_str(), told.state.as_str()),
        ("booked", "2304", "erased")
    );
    assert_eq!((told.settlement, told.receipt), (None, None));
    assert_eq!(house.query("M-lost").await.state, "tombstone");
    let got = house.get(&settlement.setl_id, &settlement.psn_no).await.unwrap_err();
    assert_eq!(reason(&got), "SETTLEMENT_NOT_FOUND");

    given.verify(&key).unwrap();
    let asked = house.query_knowing("M2", "1").await;
    let later = file(&asked.settlement.unwrap(), asked.receipt);
    assert_eq!(given.continued_by(&later, &key), Ok(Continued::Proved));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_there_is_no_receipt() {
    let mut house = House::open().await;
    let answered = house.client.settle_bill(base()).await.unwrap().into_inner();
    assert!(answered.settlement.is_some() && answered.receipt.is_none());
    house.close().await;
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The whole folder is replaced by last week's copy: the log finds it at the start, and where the log is gone too, any
/// receipt that was given since.
#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_of_the_whole_folder_is_found() {
    let beside = tempfile::tempdir().unwrap();
    let (mut house, notary) =
        House::open_notarized(tempfile::tempdir().unwrap(), beside.path()).await.unwrap();
    let key = notary.public_key();
    for number in 0..3 {
        settled(&mut house, &visit(number)).await;
    }
    let ledger = house.ledger.clone();
    let (_, folder) = house.end().await;
    notary.close(&ledger).unwrap();
    drop((ledger, notary));
    let week_ago = tempfile::tempdir().unwrap();
    copy(folder.path(), week_ago.path());

    let (mut house, notary) = House::open_notarized(folder, beside.path()).await.unwrap();
    let mut given = Vec::new();
    for number in 3..6 {
        given.push(settled(&mut house, &visit(number)).await.1);
    }
    let ledger = house.ledger.clone();
    let (_, _lost) = house.end().await;
    notary.close(&ledger).unwrap();
    drop((ledger, notary));

    let refused = House::open_notarized(week_ago, beside.path()).await.err().unwrap();
    assert!(matches!(refused, NotaryError::RolledBack { records: 3, acknowledged: 6 }), "{refused}");
    let week_ago = tempfile::tempdir().unwrap();
    copy(_lost.path(), week_ago.path());
    // the folder of today is still taken
    let (house, _) = House::open_notarized(week_ago, beside.path()).await.unwrap();
    house.close().await;
    assert_eq!(size(&given[2], &key), 6);
}

/// Last week's folder goes on without the log, with the right key, and books other bills.
#[tokio::test(flavor = "multi_thread")]
async fn any_receipt_given_since_convicts_a_ledger_that_was_rolled_back() {
    let beside = tempfile::tempdir().unwrap();
    let (mut house, notary) =
        House::open_notarized(tempfile::tempdir().unwrap(), beside.path()).await.unwrap();
    let key = notary.public_key();
    let (_, before) = settled(&mut house, &visit(0)).await;
    let (_, folder) = house.end().await;
    drop(notary);
    let week_ago = tempfile::tempdir().unwrap();
    copy(folder.path(), week_ago.path());
    let (mut house, _) = House::open_notarized(folder, beside.path()).await.unwrap();
    let (_, lost) = settled(&mut house, &visit(1)).await;
    settled(&mut house, &visit(2)).await;
    house.close().await;

    fs::remove_file(beside.path().join("log")).unwrap();
    let (mut house, _) = House::open_notarized(week_ago, beside.path()).await.unwrap();
    let (_, shrunk) = settled(&mut house, &visit(0)).await;
    assert_eq!(lost.continued_by(&shrunk, &key), Ok(Continued::RolledBack(RollBack::Shrunk)));
    let (_, same_place) = settled(&mut house, &visit(3)).await;
    assert_eq!(lost.continued_by(&same_place, &key), Ok(Continued::RolledBack(RollBack::OtherRecord)));
    settled(&mut house, &visit(4)).await;
    // what was lost is not there, and what is there cannot be proved to continue the lost receipt's ledger
    assert_eq!(house.query("M1").await.outcome, "unknown");
    let asked = house.query_knowing("M4", "2").await;
    let later = file(&asked.settlement.unwrap(), asked.receipt);
    assert_eq!(lost.continued_by(&later, &key), Ok(Continued::NoProof));
    // a receipt from before the copy is not concerned
    let asked = house.query_knowing("M4", "1").await;
    let later = file(&asked.settlement.unwrap(), asked.receipt);
    assert_eq!(before.continued_by(&later, &key), Ok(Continued::Proved));
    house.close().await;
}

/// Whatever the engine answers, the auditor's sums come out, and so do those of its mirror.
#[test]
fn every_settlement_of_the_workload_adds_up_again() {
    let library = Library::builtin().unwrap();
    let bills = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/bills-1000.ndjson");
    let mut settled = 0;
    for bill in fs::read_to_string(bills).unwrap().lines() {
        let Ok((envelope, claim)) = request::settle(&parse_case(bill).unwrap()) else { continue };
        let programme = library.programme_for(&claim).unwrap();
        let settlement = adjudicate(&claim, &programme, &Accumulators::default()).unwrap();
        let booking = Booking { setl_id: "S1", booked_at_ms: 1 };
        let answer = answer::settlement(&claim, &envelope, &settlement, Some(booking)).unwrap();
        let added = add_up(&answer.encode_to_vec()).unwrap_or_else(|error| panic!("{error}: {bill}"));
        assert_eq!(added.medfee_sumamt.to_string(), settlement.medfee_sumamt.to_string());
        let mirror = answer::mirror(&answer, "M", booking).unwrap().encode_to_vec();
        assert_eq!(add_up(&mirror).unwrap().medfee_sumamt.0, -added.medfee_sumamt.0);
        settled += 1;
    }
    assert!(settled >= 990, "{settled}");
}

/// What never came was not booked, whoever was erased since and whatever is wrong with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_of_an_erased_person_is_still_one() {
    let beside = tempfile::tempdir().unwrap();
    let (mut house, notary) =
        House::open_notarized(tempfile::tempdir().unwrap(), beside.path()).await.unwrap();
    house.reverse("r-never", "P-never", "m-never", "2304").await.unwrap();
    notary.close(&house.ledger).unwrap();
    let (_, folder) = house.end().await;
    let without = tempfile::tempdir().unwrap();
    fs::remove_dir(without.path()).unwrap();
    let person = PersonKey { tenant: "insurer".into(), psn_no: "P-never".into() };
    erase_persons(folder.path(), without.path(), &[person].into(), Register::Persons.number(), |_| {})
        .unwrap();
    let (mut house, _) = House::open_notarized(without, beside.path()).await.unwrap();
    for wrong in ["", "data.medfee_sumamt = 99.00"] {
        let late = house.settle(edited(&format!("header.msgid = m-never\n{wrong}"))).await.unwrap_err();
        assert_eq!(reason(&late), "MESSAGE_REVERSED", "{wrong}");
        assert_eq!(info(&late).metadata["msgid"], "r-never");
    }
    house.close().await;
}
