//! `CorrectSettlement` over real gRPC: a family whose shared deductible carries a correction from bill to bill, and random
//! histories against a fresh gateway that is sent the corrected bills in the order of their services.

use std::sync::Arc;

use bedside_gateway::{parse_case_file, v1};
use bedside_policy::Library;
use bedside_receipt::Answer;
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::{Code, Status};

use crate::base::{base, edited};
use crate::house::{House, info, reason};
use crate::receipts::file;
use crate::stays::{Stay, settled};

const HOSPITAL: &str = "H33010600001";

/// A stay of a member of the family F1, all of it in scope and not settled through basic insurance: the family's plan has a
/// deductible of 10,000.00 that its members share, and pays what exceeds it.
pub(crate) fn stay(member: u32, number: u32, month: u32, yuan: u32) -> v1::SettleBillRequest {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/case-files");
    let text = std::fs::read_to_string(format!("{folder}/esheng-family.json")).unwrap();
    let mut bill = parse_case_file(&text).unwrap().bills.remove(0);
    let header = bill.header.as_mut().unwrap();
    (header.fixmedins_code, header.msgid) = (HOSPITAL.to_owned(), format!("m-{number}"));
    let person = bill.baseinfo.as_mut().unwrap();
    person.psn_no = format!("33010001{member}");
    let visit = bill.mdtrtinfo.as_mut().unwrap();
    visit.mdtrt_id = format!("V{number}");
    visit.begntime = format!("2026-{month:02}-02 09:00:00");
    bill.dscginfo.as_mut().unwrap().endtime = format!("2026-{month:02}-09 11:00:00");
    bill.feedetail[0].fee_ocur_time = format!("2026-{month:02}-02 10:00:00");
    charge(&mut bill, yuan);
    bill
}

fn charge(bill: &mut v1::SettleBillRequest, yuan: u32) {
    let amount = format!("{yuan}.00");
    let line = &mut bill.feedetail[0];
    for field in [&mut line.det_item_fee_sumamt, &mut line.pric, &mut line.inscp_scp_amt] {
        field.clone_from(&amount);
    }
    bill.data.as_mut().unwrap().medfee_sumamt = amount;
}

pub(crate) fn charged(mut bill: v1::SettleBillRequest, yuan: u32) -> v1::SettleBillRequest {
    charge(&mut bill, yuan);
    bill
}

fn correction(msgid: &str, booked: &v1::Settlement) -> v1::CorrectSettlementRequest {
    let header =
        v1::Header { msgid: msgid.to_owned(), fixmedins_code: HOSPITAL.to_owned(), ..v1::Header::default() };
    v1::CorrectSettlementRequest {
        header: Some(header),
        psn_no: booked.psn_no.clone(),
        setl_id: booked.setl_id.clone(),
        reason: "a line was charged twice".to_owned(),
        ..v1::CorrectSettlementRequest::default()
    }
}

pub(crate) fn with_bill(
    msgid: &str,
    booked: &v1::Settlement,
    bill: v1::SettleBillRequest,
) -> v1::CorrectSettlementRequest {
    v1::CorrectSettlementRequest { bill: Some(bill), ..correction(msgid, booked) }
}

fn reapplying(msgid: &str, booked: &v1::Settlement) -> v1::CorrectSettlementRequest {
    v1::CorrectSettlementRequest { reapply_packs: "1".to_owned(), ..correction(msgid, booked) }
}

async fn correct(
    house: &mut House,
    request: v1::CorrectSettlementRequest,
) -> Result<v1::CorrectSettlementResponse, Status> {
    Ok(house.client.correct_settlement(request).await?.into_inner())
}

async fn version(house: &mut House, booked: &v1::Settlement, version: &str) -> v1::GetSettlementResponse {
    let request = v1::GetSettlementRequest {
        setl_id: booked.setl_id.clone(),
        psn_no: booked.psn_no.clone(),
        version: version.to_owned(),
        ..v1::GetSettlementRequest::default()
    };
    house.client.get_settlement(request).await.unwrap().into_inner()
}

/// `setl_id version: account old new difference, ...`, a line each, then the sums.
fn told(answer: &v1::CorrectSettlementResponse) -> Vec<String> {
    let accounts = |accounts: &[v1::AccountDifference]| {
        let one =
            |it: &v1::AccountDifference| format!("{} {} {} {}", it.account, it.old, it.new, it.difference);
        accounts.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let changed =
        answer.changed.iter().map(|it| format!("{} v{}: {}", it.setl_id, it.version, accounts(&it.accounts)));
    changed.chain([format!("{} unchanged; {}", answer.unchanged, accounts(&answer.totals))]).collect()
}

fn undated(answer: &v1::CorrectSettlementResponse) -> v1::CorrectSettlementResponse {
    v1::CorrectSettlementResponse {
        correction_id: String::new(),
        correction_time: String::new(),
        ..answer.clone()
    }
}

/// The worked example of `docs/corrections.md`.
#[tokio::test(flavor = "multi_thread")]
async fn a_correction_reaches_the_whole_family() {
    let mut house = House::open().await;
    let bills = [stay(1, 1, 3, 7_000), stay(2, 2, 4, 5_000), stay(3, 3, 5, 1_000)];
    let mut booked = Vec::new();
    for bill in &bills {
        booked.push(house.settle(bill.clone()).await.unwrap());
    }
    let paid: Vec<_> =
        booked.iter().map(|it| it.setlinfo.as_ref().unwrap().commercial_pay.as_str()).collect();
    assert_eq!(paid, ["0.00", "2000.00", "1000.00"]);
    let request = with_bill("K1", &booked[0], charged(bills[0].clone(), 4_500));

    let dry = v1::CorrectSettlementRequest { dry_run: "1".to_owned(), ..request.clone() };
    let shown = correct(&mut house, dry.clone()).await.unwrap();
    assert_eq!((shown.correction_id.as_str(), house.ledger.records().count()), ("", 3));
    assert_eq!(house.query("K1").await.outcome, "unknown");
    assert_eq!(
        told(&shown),
        [
            "S0000000000000001 v2: cash 7000.00 4500.00 -2500.00",
            "S0000000000000002 v2: cash 3000.00 5000.00 2000.00, payer:PAJK 2000.00 0.00 -2000.00",
            "S0000000000000003 v2: cash 0.00 500.00 500.00, payer:PAJK 1000.00 500.00 -500.00",
            "0 unchanged; cash 10000.00 10000.00 0.00, payer:PAJK 3000.00 500.00 -2500.00",
        ]
    );

    let answer = correct(&mut house, request.clone()).await.unwrap();
    assert_eq!(undated(&answer), shown);
    assert_eq!(answer.correction_id, "S0000000000000004");
    let again = correct(&mut house, request.clone()).await.unwrap();
    assert_eq!(again.encode_to_vec(), answer.encode_to_vec());
    assert_eq!(house.ledger.records().count(), 4);
    // A dry run of what is booked tells what would change now: nothing.
    let nothing = correct(&mut house, dry).await.unwrap();
    assert_eq!((nothing.changed.len(), nothing.unchanged.as_str()), (0, "3"));

    let mut house = house.restart().await;
    for (place, old) in booked.iter().enumerate() {
        let newest = version(&mut house, old, "").await;
        let told = (newest.state.as_str(), newest.version.as_str(), newest.corrected_by.as_str());
        assert_eq!(told, ("corrected", "2", answer.correction_id.as_str()));
        let new = newest.settlement.unwrap();
        assert_eq!((&new.setl_id, &new.setl_time), (&old.setl_id, &old.setl_time));
        assert_eq!(&new.medins_setl_id, &old.medins_setl_id);
        let first = version(&mut house, old, "1").await;
        let told = (first.state.as_str(), first.version.as_str(), first.corrected_by.as_str());
        assert_eq!((told, first.settlement.as_ref()), (("corrected", "1", ""), Some(old)));
        let query = house.query(&format!("m-{}", place + 1)).await;
        assert_eq!((query.state.as_str(), query.settlement.as_ref()), ("corrected", Some(old)));
        let same = house.settle(bills[place].clone()).await.unwrap();
        assert_eq!(same.encode_to_vec(), old.encode_to_vec());
    }
    let query = house.query("K1").await;
    assert_eq!((query.infno.as_str(), query.state.as_str()), ("CorrectSettlement", "booked"));
    assert_eq!(query.correction, Some(answer.clone()));

    // Undone latest first, each by what its newest version says.
    let blocked = house.cancel("C1", &booked[0]).await.unwrap_err();
    assert_eq!(reason(&blocked), "BLOCKED_BY_LATER");
    for place in [2, 1, 0] {
        let newest = version(&mut house, &booked[place], "").await.settlement.unwrap();
        let mirror = house.cancel(&format!("C{place}"), &booked[place]).await.unwrap();
        let (mirror, newest) = (mirror.setlinfo.unwrap(), newest.setlinfo.unwrap());
        assert_eq!(mirror.psn_cash_pay.trim_start_matches('-'), newest.psn_cash_pay);
        assert_eq!(mirror.commercial_pay.trim_start_matches('-'), newest.commercial_pay);
        assert_eq!(house.ledger.verify().unwrap().corrections, 1);
    }
    let verified = house.ledger.verify().unwrap();
    assert!(verified.accounts.values().all(|amount| amount.is_zero()), "{:?}", verified.accounts);
    for member in 1..=3 {
        assert_eq!(house.accumulators(&format!("33010001{member}")).await, []);
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_corrected_says_why_and_stays() {
    let mut house = House::open().await;
    let bills = [stay(1, 1, 3, 7_000), stay(2, 2, 4, 5_000)];
    let first = house.settle(bills[0].clone()).await.unwrap();
    let second = house.settle(bills[1].clone()).await.unwrap();
    let better = || charged(bills[0].clone(), 6_000);
    let refused = |request: v1::CorrectSettlementRequest| {
        let mut client = house.client.clone();
        async move { client.correct_settlement(request).await.unwrap_err() }
    };
    let field = |status: &Status| (reason(status), info(status).metadata["field"].clone());
    let invalid = |path: &str| ("INVALID_MESSAGE".to_owned(), path.to_owned());

    assert_eq!(field(&refused(correction("K1", &first)).await), invalid("bill"));
    let both =
        v1::CorrectSettlementRequest { reapply_packs: "1".to_owned(), ..with_bill("K1", &first, better()) };
    assert_eq!(field(&refused(both).await), invalid("reapply_packs"));
    let silent = v1::CorrectSettlementRequest { reason: String::new(), ..reapplying("K1", &first) };
    assert_eq!(field(&refused(silent).await), invalid("reason"));
    let mut wrong = better();
    wrong.feedetail[0].cnt = "x".to_owned();
    assert_eq!(field(&refused(with_bill("K1", &first, wrong)).await), invalid("bill.feedetail[0].cnt"));
    type Edit = fn(&mut v1::SettleBillRequest);
    let edits: [(&str, Edit); 4] = [
        ("bill.header.fixmedins_code", |bill| {
            bill.header.as_mut().unwrap().fixmedins_code = "H2".to_owned();
        }),
        ("bill.baseinfo.psn_no", |bill| bill.baseinfo.as_mut().unwrap().psn_no = "330100019".to_owned()),
        ("bill.header.msgid", |bill| bill.header.as_mut().unwrap().msgid = "other".to_owned()),
        ("bill.mdtrtinfo.mdtrt_id", |bill| bill.mdtrtinfo.as_mut().unwrap().mdtrt_id = "V9".to_owned()),
    ];
    for (path, edit) in edits {
        let mut bill = better();
        edit(&mut bill);
        assert_eq!(field(&refused(with_bill("K1", &first, bill)).await), invalid(path));
    }

    let somebody = v1::Settlement { psn_no: second.psn_no.clone(), ..first.clone() };
    let status = refused(reapplying("K1", &somebody)).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "SETTLEMENT_NOT_FOUND"));
    let status = refused(reapplying("m-1", &first)).await;
    assert_eq!(reason(&status), "MESSAGE_CONFLICT");
    house.client.clone().correct_settlement(with_bill("K2", &first, better())).await.unwrap();
    let status = refused(with_bill("K2", &first, charged(bills[0].clone(), 6_500))).await;
    assert_eq!(field(&status).1, "bill.feedetail[0].det_item_fee_sumamt");
    // An entitlement that ends before the day of settlement is told as it is of a bill.
    let mut uninsured = better();
    uninsured.insuinfo[0].insuplc_admdvs = "110000".to_owned();
    uninsured.header.as_mut().unwrap().insuplc_admdvs.clear();
    let status = refused(with_bill("K3", &first, uninsured)).await;
    assert_eq!(reason(&status), "NO_PROGRAMME");
    assert_eq!(house.ledger.records().count(), 3);

    let status = house.reverse("R1", &first.psn_no, "K2", "2304").await.unwrap_err();
    assert_eq!(
        (reason(&status).as_str(), info(&status).metadata["infno"].as_str()),
        ("ORIGINAL_DIFFERS", "CorrectSettlement")
    );
    house.reverse("R2", &first.psn_no, "K9", "2304").await.unwrap();
    let status = house.client.correct_settlement(reapplying("K9", &first)).await.unwrap_err();
    assert_eq!(reason(&status), "MESSAGE_REVERSED");
    let undone = house.cancel("C2", &second).await.unwrap();
    let status = house.client.correct_settlement(reapplying("K4", &second)).await.unwrap_err();
    assert_eq!(
        (reason(&status).as_str(), &info(&status).metadata["setl_id"]),
        ("ALREADY_CANCELLED", &undone.setl_id)
    );
    house.ledger.verify().unwrap();
    house.close().await;
}

/// The built-in packs with one text in one file replaced by another.
fn packs(file: &str, edit: impl Fn(&str) -> Option<String>) -> Arc<Library> {
    let mut files = Library::builtin_files().unwrap();
    let (name, text) = files.iter().find(|(name, _)| name.ends_with(file)).unwrap();
    let (name, edited) = (name.clone(), edit(text));
    match edited {
        Some(text) => files.insert(name, text),
        None => files.remove(&name),
    };
    Arc::new(Library::from_files(&files).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_packs_are_applied_to_the_facts_as_they_are() {
    let mut house = House::open().await;
    let large =
        "feedetail[0].cnt = 1001\nfeedetail[0].det_item_fee_sumamt = 20020.00\ndata.medfee_sumamt = 20060.00";
    let booked = house.settle(edited(large)).await.unwrap();
    let later = "header.msgid = M2\nmdtrtinfo.mdtrt_id = V2\nmdtrtinfo.begntime = 2026-04-01 09:30:00\n\
                 dscginfo.endtime = 2026-04-10 11:00:00\ndata.setl_date = 2026-04-10";
    let mut second = edited(&format!("{large}\n{later}"));
    for line in &mut second.feedetail {
        line.fee_ocur_time = "2026-04-02 08:00:00".to_owned();
    }
    let second_booked = house.settle(second.clone()).await.unwrap();
    let same = correct(&mut house, reapplying("K1", &booked)).await.unwrap();
    assert_eq!(told(&same), ["2 unchanged; "]);

    // The rate of the basic layer at a tertiary hospital falls from 0.70 to 0.60.
    let cut = packs("resident-basic/2021.toml", |text| {
        let old = "{ tier = \"tertiary\", value = \"0.70\" }";
        assert!(text.contains(old));
        Some(text.replace(old, "{ tier = \"tertiary\", value = \"0.60\" }"))
    });
    let mut house = house.restart_under(Arc::clone(&cut)).await;
    let answer = correct(&mut house, reapplying("K2", &booked)).await.unwrap();
    let ids: Vec<_> = answer.changed.iter().map(|it| (it.setl_id.clone(), it.version.as_str())).collect();
    assert_eq!(ids, [(booked.setl_id.clone(), "2"), (second_booked.setl_id.clone(), "2")]);
    let new = version(&mut house, &booked, "").await.settlement.unwrap();
    let second_new = version(&mut house, &second_booked, "").await.settlement.unwrap();
    // As if the packs had been these from the beginning.
    let mut fresh = House::open_by(cut).await;
    assert_eq!(undated_settlement(&fresh.settle(edited(large)).await.unwrap()), undated_settlement(&new));
    assert_eq!(undated_settlement(&fresh.settle(second).await.unwrap()), undated_settlement(&second_new));
    fresh.close().await;

    // Without the rules of the later one nothing is corrected, and it is named.
    let gone = packs("resident-basic/2021.toml", |text| {
        let until = "until = \"2027-01-01\"";
        assert!(text.contains(until));
        Some(text.replacen(until, "until = \"2026-04-01\"", 1))
    });
    let mut house = house.restart_under(gone).await;
    let before = house.ledger.records().count();
    let status = correct(&mut house, reapplying("K3", &booked)).await.unwrap_err();
    let told = info(&status);
    assert_eq!((told.reason.as_str(), status.code()), ("CANNOT_READJUDICATE", Code::FailedPrecondition));
    assert_eq!(told.metadata["setl_id"], second_booked.setl_id);
    assert_eq!(told.metadata["because"], "PACK_OUTSIDE_DATES");
    assert_eq!(house.ledger.records().count(), before);
    house.close().await;
}

/// Without what differs between two ledgers.
fn undated_settlement(settlement: &v1::Settlement) -> v1::Settlement {
    v1::Settlement { setl_id: String::new(), setl_time: String::new(), ..settlement.clone() }
}

/// A number below `bound`, and the next state.
fn draw(state: &mut u64, bound: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % bound
}

/// A bill of a ward: of one of three members of a family, in any month, through basic insurance or not.
fn drawn(state: &mut u64, number: u32) -> v1::SettleBillRequest {
    let member = 1 + u32::try_from(draw(state, 3)).unwrap();
    let month = 1 + u32::try_from(draw(state, 12)).unwrap();
    let mut bill = stay(member, number, month, 500 + 100 * u32::try_from(draw(state, 90)).unwrap());
    if draw(state, 2) == 0 {
        bill.data.as_mut().unwrap().pub_setl_flag.clear();
    }
    bill
}

/// What everybody has used, in the words of the wire.
async fn used(house: &mut House) -> Vec<Vec<v1::Accumulator>> {
    let mut all = Vec::new();
    for member in 1..=3 {
        let request = v1::GetAccumulatorsRequest {
            psn_no: format!("33010001{member}"),
            family_no: "F1".to_owned(),
            ..Default::default()
        };
        all.push(house.client.get_accumulators(request).await.unwrap().into_inner().accumulators);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn random_histories_equal_a_replay_in_service_order() {
    for seed in 0..6 {
        let mut state = seed;
        let mut house = House::open().await;
        let mut bills: Vec<v1::SettleBillRequest> = (1..=6).map(|number| drawn(&mut state, number)).collect();
        let mut booked = Vec::new();
        for bill in &bills {
            booked.push(house.settle(bill.clone()).await.unwrap());
        }
        // Two are corrected in what they cost and when they ended, then each is looked at once in its order.
        for turn in 0..2 {
            let which = usize::try_from(draw(&mut state, 6)).unwrap();
            let drawn = drawn(&mut state, u32::try_from(which + 1).unwrap());
            bills[which] = v1::SettleBillRequest {
                feedetail: drawn.feedetail,
                dscginfo: drawn.dscginfo,
                data: drawn.data,
                mdtrtinfo: drawn.mdtrtinfo,
                ..bills[which].clone()
            };
            let request = with_bill(&format!("K{turn}"), &booked[which], bills[which].clone());
            correct(&mut house, request).await.unwrap();
        }
        let mut order: Vec<usize> = (0..bills.len()).collect();
        order.sort_by_key(|it| (bills[*it].dscginfo.as_ref().unwrap().endtime.clone(), *it));
        for which in &order {
            correct(&mut house, reapplying(&format!("A{which}"), &booked[*which])).await.unwrap();
        }
        let mut fresh = House::open().await;
        for which in order {
            let replayed = fresh.settle(bills[which].clone()).await.unwrap();
            let newest = version(&mut house, &booked[which], "").await.settlement.unwrap();
            assert_eq!(undated_settlement(&newest), undated_settlement(&replayed), "seed {seed}");
        }
        assert_eq!(used(&mut house).await, used(&mut fresh).await, "seed {seed}");
        let (corrected, replayed) = (house.ledger.verify().unwrap(), fresh.ledger.verify().unwrap());
        let standing = |accounts: &std::collections::BTreeMap<Arc<str>, bedside_claim::Money>| {
            let mut accounts = accounts.clone();
            accounts.retain(|_, amount| !amount.is_zero());
            accounts
        };
        assert_eq!(standing(&corrected.accounts), standing(&replayed.accounts));
        assert_eq!(corrected.receivables, replayed.receivables);
        house.close().await;
        fresh.close().await;
    }
}

/// A listing goes on in the version that it began in.
#[tokio::test(flavor = "multi_thread")]
async fn a_listing_is_of_one_version() {
    let mut house = House::open().await;
    let booked = house.settle(base()).await.unwrap();
    let page = |page_token: &str| v1::ListFeesRequest {
        fixmedins_code: HOSPITAL.to_owned(),
        psn_no: booked.psn_no.clone(),
        setl_id: booked.setl_id.clone(),
        page_size: 1,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let mut bill = base();
    bill.feedetail.truncate(1);
    bill.data.as_mut().unwrap().medfee_sumamt = "60.00".to_owned();
    bill.feedetail.push(bill.feedetail[0].clone());
    bill.feedetail[1].feedetl_sn = "9".to_owned();
    bill.data.as_mut().unwrap().medfee_sumamt = "120.00".to_owned();
    let began = house.client.list_fees(page("")).await.unwrap().into_inner();
    correct(&mut house, with_bill("K1", &booked, bill)).await.unwrap();
    let old = house.client.list_fees(page(&began.next_page_token)).await.unwrap().into_inner();
    assert_eq!(old.lines, booked.lines[1..2]);
    let new = house.client.list_fees(page("")).await.unwrap().into_inner();
    let next = house.client.list_fees(page(&new.next_page_token)).await.unwrap().into_inner();
    let numbers: Vec<_> = new.lines.iter().chain(&next.lines).map(|line| line.feedetl_sn.as_str()).collect();
    assert_eq!((numbers.as_slice(), next.next_page_token.as_str()), (&["1", "9"][..], ""));
    house.close().await;
}

/// The receipt of a correction proves every version that it made, by its hash; other hospitals' too.
#[tokio::test(flavor = "multi_thread")]
async fn a_correction_has_a_receipt_that_proves_its_versions() {
    let beside = tempfile::tempdir().unwrap();
    let (mut house, notary) =
        House::open_notarized(tempfile::tempdir().unwrap(), beside.path()).await.unwrap();
    let mut booked = Vec::new();
    for number in 1..=3 {
        let bill = stay(number, number, number, 8_000);
        booked.push(house.client.settle_bill(bill).await.unwrap().into_inner().settlement.unwrap());
    }
    let request = with_bill("C1", &booked[0], charged(stay(1, 1, 1, 8_000), 3_000));
    let dry = v1::CorrectSettlementRequest { dry_run: "1".to_owned(), ..request.clone() };
    assert!(correct(&mut house, dry).await.unwrap().receipt.is_none());
    let answered = correct(&mut house, request).await.unwrap();
    let correction = v1::CorrectSettlementResponse { receipt: None, ..answered.clone() };
    let proved = file(&correction, answered.receipt).verify(&notary.public_key()).unwrap();
    let Answer::Correction(corrected) = proved.answer else { panic!("{:?}", proved.answer) };
    assert!(corrected.changed.len() > 1, "it went on to the family");
    for changed in &corrected.changed {
        let of = booked.iter().find(|it| it.setl_id == changed.setl_id).unwrap();
        let got = version(&mut house, of, &changed.version).await;
        assert_eq!(got.receipt, None);
        let hash = Sha256::digest(got.settlement.unwrap().encode_to_vec());
        assert_eq!(changed.settlement_sha256, hash.as_slice());
    }
    let told = house.query("C1").await;
    file(&told.correction.unwrap(), told.receipt).verify(&notary.public_key()).unwrap();
    house.close().await;
}

/// A member's stay of two lines, the first of which is settled midway, the other at the end: both settlements.
async fn in_parts(house: &mut House, yuan: u32) -> [v1::Settlement; 2] {
    let mut bill = stay(2, 2, 3, yuan);
    let mut second = bill.feedetail[0].clone();
    (second.feedetl_sn, second.fee_ocur_time) = ("second".to_owned(), "2026-03-05 10:00:00".to_owned());
    for field in [&mut second.det_item_fee_sumamt, &mut second.pric, &mut second.inscp_scp_amt] {
        "5000.00".clone_into(field);
    }
    bill.feedetail.push(second);
    let data = bill.data.as_mut().unwrap();
    (data.medfee_sumamt, data.setl_date) = ("5000.00".to_owned(), String::new());
    let stay = Stay::of(bill);
    house.client.admit(stay.admit("a")).await.unwrap();
    house.client.upload_fees(stay.upload("u1", 0..1)).await.unwrap();
    let midway = settled(&mut house.client, stay.settle_midway("s1", "2026-03-03", &format!("{yuan}.00")))
        .await
        .unwrap();
    house.client.upload_fees(stay.upload("u2", 1..2)).await.unwrap();
    house.client.discharge(stay.discharge("d")).await.unwrap();
    [midway, settled(&mut house.client, stay.settle("s2")).await.unwrap()]
}

/// What a correction reaches may be a stay that was settled in parts: each part is settled again from where the one before it
/// left the deductible, as if the corrected bill had come first.
#[tokio::test(flavor = "multi_thread")]
async fn a_correction_goes_on_through_a_stay_in_parts() {
    let mut house = House::open().await;
    let first = house.settle(stay(1, 1, 1, 8_000)).await.unwrap();
    let parts = in_parts(&mut house, 9_000).await;
    let corrected = charged(stay(1, 1, 1, 8_000), 3_000);
    let answer = correct(&mut house, with_bill("K1", &first, corrected.clone())).await.unwrap();
    let changed: Vec<_> = answer.changed.iter().map(|it| it.setl_id.as_str()).collect();
    assert_eq!(changed, [&first.setl_id, &parts[0].setl_id, &parts[1].setl_id].map(String::as_str));

    let mut fresh = House::open().await;
    let replayed = fresh.settle(corrected).await.unwrap();
    let newest = version(&mut house, &first, "").await.settlement.unwrap();
    assert_eq!(undated_settlement(&newest), undated_settlement(&replayed));
    for (part, replayed) in parts.iter().zip(in_parts(&mut fresh, 9_000).await) {
        let newest = version(&mut house, part, "").await.settlement.unwrap();
        assert_eq!(undated_settlement(&newest), undated_settlement(&replayed));
    }
    assert_eq!(used(&mut house).await, used(&mut fresh).await);
    house.ledger.verify().unwrap();
    house.close().await;
    fresh.close().await;
}

/// The bill of a part is corrected as one: the part after it goes on from where it leaves the deductible now.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_stay_is_corrected() {
    let mut house = House::open().await;
    let parts = in_parts(&mut house, 9_000).await;
    let mut bill = stay(2, 2, 3, 4_000);
    bill.header.as_mut().unwrap().msgid = "s1".to_owned();
    "2026-03-03 23:59:59".clone_into(&mut bill.dscginfo.as_mut().unwrap().endtime);
    let data = bill.data.as_mut().unwrap();
    "1".clone_into(&mut data.mid_setl_flag);
    "2026-03-03".clone_into(&mut data.setl_date);
    for (flags, field) in [(["", ""], "bill.data.mid_setl_flag"), (["1", "1"], "bill.data.prev_setl_flag")] {
        let mut other = bill.clone();
        let data = other.data.as_mut().unwrap();
        [data.mid_setl_flag, data.prev_setl_flag] = flags.map(str::to_owned);
        let status = correct(&mut house, with_bill("K0", &parts[0], other)).await.unwrap_err();
        assert_eq!(
            (reason(&status), info(&status).metadata["field"].as_str()),
            ("INVALID_MESSAGE".into(), field)
        );
    }
    correct(&mut house, with_bill("K1", &parts[0], bill)).await.unwrap();

    let mut fresh = House::open().await;
    for (part, replayed) in parts.iter().zip(in_parts(&mut fresh, 4_000).await) {
        let newest = version(&mut house, part, "").await.settlement.unwrap();
        assert_eq!(undated_settlement(&newest), undated_settlement(&replayed));
    }
    assert_eq!(used(&mut house).await, used(&mut fresh).await);
    house.ledger.verify().unwrap();
    house.close().await;
    fresh.close().await;
}
