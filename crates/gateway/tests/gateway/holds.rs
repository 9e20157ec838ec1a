//! Quotes that bind (2303 with `hold_until`): over the network, between hospitals, kept or told why not.
//!
//! The benefit is the demo accident plan: 100 of deductible for each accident, then 80 %; under the term `full` no
//! deductible and all of it; up to the sum insured of the policy. Basic insurance has no part in it.

use bedside_gateway::v1;
use bedside_gateway::v1::pre_settle_request::Subject;
use bedside_receipt::Answer;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use prost::Message;
use tonic::{Code, Status};

use crate::base::edited;
use crate::corrections::with_bill;
use crate::house::{House, info, reason};
use crate::receipts::file;

pub(crate) const HERE: &str = "H33010600001";
pub(crate) const THERE: &str = "H33010600002";

/// Civil time so many seconds from now.
pub(crate) fn ahead(seconds: i64) -> String {
    let time = Timestamp::now() + SignedDuration::from_secs(seconds);
    Offset::constant(8).to_datetime(time).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A bill of one item after an accident, insured for 1,000.
#[derive(Clone)]
pub(crate) struct Stay {
    hospital: &'static str,
    psn_no: String,
    mdtrt_id: String,
    amount: u32,
    pub(crate) terms: &'static [&'static str],
}

impl Stay {
    pub(crate) fn of(hospital: &'static str, psn_no: &str, mdtrt_id: &str, amount: u32) -> Stay {
        Stay { hospital, psn_no: psn_no.to_owned(), mdtrt_id: mdtrt_id.to_owned(), amount, terms: &["full"] }
    }

    pub(crate) fn bill(&self, msgid: &str) -> v1::SettleBillRequest {
        let Stay { hospital, psn_no, mdtrt_id, amount, terms } = self;
        let mut bill = edited(&format!(
            "header.msgid = {msgid}\nheader.fixmedins_code = {hospital}\nmdtrtinfo.mdtrt_id = {mdtrt_id}\n\
             baseinfo.psn_no = {psn_no}\nmdtrtinfo.psn_no = {psn_no}\nmdtrtinfo.trum_flag = 1\n\
             mdtrtinfo.acdt_no = A1\nmdtrtinfo.acdt_date = 2026-03-01\ndata.pub_setl_flag = 0\n\
             data.medfee_sumamt = {amount}\ndrop feedetail[1]\ndrop feedetail[0]\nfeedetail[0].cnt = 1\n\
             feedetail[0].pric = {amount}\nfeedetail[0].det_item_fee_sumamt = {amount}\n\
             feedetail[0].fulamt_ownpay_amt = 0\nfeedetail[0].preselfpay_amt = 0\n\
             feedetail[0].inscp_scp_amt = {amount}"
        ));
        bill.policyinfo[0] = v1::PolicyInfo {
            policy_no: "D-2026-1".to_owned(),
            product: "demo/accident-medical".to_owned(),
            begndate: "2026-01-01".to_owned(),
            enddate: "2026-12-31".to_owned(),
            terms: terms.iter().map(|term| (*term).to_owned()).collect(),
            amounts: vec![v1::PolicyAmount { name: "sum_insured".to_owned(), amount: "1000".to_owned() }],
            ..v1::PolicyInfo::default()
        };
        bill
    }

    fn within(&self, msgid: &str, hold_id: &str) -> v1::SettleBillRequest {
        v1::SettleBillRequest { hold_id: hold_id.to_owned(), ..self.bill(msgid) }
    }
}

pub(crate) async fn pre_settle(
    house: &mut House,
    bill: v1::SettleBillRequest,
    hold_until: String,
) -> Result<v1::PreSettleResponse, Status> {
    let request =
        v1::PreSettleRequest { subject: Some(Subject::Bill(bill)), hold_until, ..Default::default() };
    Ok(house.client.pre_settle(request).await?.into_inner())
}

/// A quote that binds for an hour, and the name of its hold.
async fn hold(house: &mut House, stay: &Stay, msgid: &str) -> (v1::Settlement, String) {
    let answer = pre_settle(house, stay.bill(msgid), ahead(3_600)).await.unwrap();
    assert!(answer.hold_id.starts_with('H'));
    (answer.settlement.unwrap(), answer.hold_id)
}

async fn quote(house: &mut House, stay: &Stay) -> v1::Settlement {
    pre_settle(house, stay.bill("Q"), String::new()).await.unwrap().settlement.unwrap()
}

pub(crate) fn pays(settlement: &v1::Settlement) -> &str {
    &settlement.setlinfo.as_ref().unwrap().commercial_pay
}

pub(crate) async fn state(house: &mut House, hospital: &str, msgid: &str) -> String {
    let request = v1::QueryByMsgidRequest {
        fixmedins_code: hospital.to_owned(),
        msgid: msgid.to_owned(),
        ..Default::default()
    };
    let told = house.client.query_by_msgid(request).await.unwrap().into_inner();
    assert_eq!((told.outcome.as_str(), told.infno.as_str()), ("booked", "2303"));
    told.state
}

fn notices(settlement: &v1::Settlement) -> Vec<&str> {
    let of_holds = settlement.notices.iter().filter(|notice| notice.en.contains("reserved by another quote"));
    of_holds.map(|notice| notice.zh.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_thousand_of_a_cap_is_promised_to_one_of_two_hospitals() {
    for holder_first in [true, false] {
        let mut house = House::open().await;
        let (here, there) = (Stay::of(HERE, "P", "V1", 1_200), Stay::of(THERE, "P", "V2", 1_500));
        let (quoted, hold_id) = hold(&mut house, &here, "H1").await;
        assert_eq!((pays(&quoted), notices(&quoted).len()), ("1000.00", 0));
        assert!(quoted.setl_id.is_empty() && house.accumulators("P").await.is_empty(), "nothing is booked");
        assert_eq!(state(&mut house, HERE, "H1").await, "held");

        // the other one is told that it is promised, whether it asks, holds or settles
        let other = quote(&mut house, &there).await;
        assert_eq!(pays(&other), "0.00");
        let [notice] = notices(&other)[..] else { panic!("{:?}", other.notices) };
        assert!(
            notice.starts_with("意外医疗（演示）“意外医疗保险金”的部分额度已由另一份预结算保留至 20"),
            "{notice}"
        );
        assert_eq!(pays(&hold(&mut house, &there, "H2").await.0), "0.00");
        assert_eq!(
            pays(&quote(&mut house, &here).await),
            "1000.00",
            "its own hold does not stand in its way"
        );

        let settle = async |house: &mut House, first: bool| {
            let bill = if first { here.within("M1", &hold_id) } else { there.bill("M2") };
            house.settle(bill).await.unwrap()
        };
        let first = settle(&mut house, holder_first).await;
        let second = settle(&mut house, !holder_first).await;
        let (kept, left) = if holder_first { (&first, &second) } else { (&second, &first) };
        assert_eq!((pays(kept), pays(left)), ("1000.00", "0.00"));
        assert_eq!((&kept.setlinfo, &kept.lines), (&quoted.setlinfo, &quoted.lines));
        assert_eq!(
            notices(left).len(),
            usize::from(!holder_first),
            "once it is booked it is used up, not reserved"
        );
        assert_eq!(state(&mut house, HERE, "H1").await, "settled");
        let used = house.accumulators("P").await;
        let paid = used.iter().find(|it| it.benefit_id == "medical" && it.measure == "paid").unwrap();
        assert_eq!(paid.cum, "1000.00");
        assert_eq!(house.ledger.verify().unwrap().holds, 2);
        house.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_quote_binds_nobody() {
    let mut house = House::open().await;
    let (here, there) = (Stay::of(HERE, "P", "V1", 1_200), Stay::of(THERE, "P", "V2", 1_500));
    let until = ahead(2);
    let answer = pre_settle(&mut house, here.bill("H1"), until.clone()).await.unwrap();
    // nobody tells that its time is over; whoever comes then finds it so
    while pays(&quote(&mut house, &there).await) != "1000.00" {}
    assert_eq!(state(&mut house, HERE, "H1").await, "expired");
    let late = house.settle(here.within("M1", &answer.hold_id)).await.unwrap_err();
    assert_eq!((late.code(), reason(&late).as_str()), (Code::FailedPrecondition, "HOLD_EXPIRED"));
    assert_eq!(info(&late).metadata["until"].len(), "2026-03-10 12:00:00".len());
    let settled = house.settle(there.bill("M2")).await.unwrap();
    assert_eq!((pays(&settled), notices(&settled).len()), ("1000.00", 0));
    // the same message still has the same answer
    assert_eq!(pre_settle(&mut house, here.bill("H1"), until).await.unwrap(), answer);
    let held = house.query("H1").await;
    assert_eq!((held.settlement, held.hold_id), (answer.settlement, answer.hold_id));
    assert_eq!(house.ledger.verify().unwrap().records, 2, "its end is no record");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_is_kept_or_the_input_that_changed_is_named() {
    let mut house = House::open().await;
    // 100 of deductible, then 80 %
    let here = Stay { terms: &[], ..Stay::of(HERE, "P", "V1", 600) };
    let there = Stay { terms: &[], ..Stay::of(THERE, "P", "V2", 300) };
    let (quoted, hold_id) = hold(&mut house, &here, "H1").await;
    assert_eq!(pays(&quoted), "400.00");
    // a deductible is not charged less because of a quote that may lapse
    let other = house.settle(there.bill("M2")).await.unwrap();
    assert_eq!((pays(&other), notices(&other).len()), ("160.00", 1));
    let changed = house.settle(here.within("M1", &hold_id)).await.unwrap_err();
    assert_eq!((changed.code(), reason(&changed).as_str()), (Code::FailedPrecondition, "HOLD_INPUT_CHANGED"));
    let named = info(&changed).metadata;
    assert_eq!(named["input"], "accumulator.demo/accident-medical medical deductible");
    assert_eq!((named["quoted"].as_str(), named["now"].as_str()), ("0.00", "100.00"));
    assert!(named["zh"].contains("预结算时为 0.00，现为 100.00"), "{}", named["zh"]);
    assert_eq!(state(&mut house, HERE, "H1").await, "held", "a refusal ends nothing");

    // what stood in its way goes, and the quote is kept
    let cancel = v1::CancelSettlementRequest {
        header: there.bill("C2").header,
        mdtrt_id: "V2".to_owned(),
        setl_id: other.setl_id,
        psn_no: "P".to_owned(),
        national: None,
    };
    house.client.cancel_settlement(cancel).await.unwrap();
    let with = |change: fn(&mut v1::SettleBillRequest)| {
        let mut bill = here.within("M1", &hold_id);
        change(&mut bill);
        bill
    };
    let price = with(|bill| {
        let amount = "601";
        amount.clone_into(&mut bill.feedetail[0].pric);
        amount.clone_into(&mut bill.feedetail[0].det_item_fee_sumamt);
        amount.clone_into(&mut bill.feedetail[0].inscp_scp_amt);
        amount.clone_into(&mut bill.data.as_mut().unwrap().medfee_sumamt);
    });
    let another = with(|bill| "2".clone_into(&mut bill.mdtrtinfo.as_mut().unwrap().acdt_no));
    for (bill, input, quoted, now) in [
        (price, "bill.feedetail[0].det_item_fee_sumamt", "`600`", "`601`"),
        (
            with(|bill| bill.policyinfo[0].terms = vec!["full".to_owned()]),
            "bill.policyinfo[0].terms[0]",
            "",
            "`full`",
        ),
    ] {
        let changed = house.settle(bill).await.unwrap_err();
        let named = info(&changed).metadata;
        assert_eq!((reason(&changed).as_str(), named["input"].as_str()), ("HOLD_INPUT_CHANGED", input));
        assert!(named["quoted"].contains(quoted) && named["now"].contains(now), "{named:?}");
    }
    // what makes no difference to an amount is no reason to refuse
    let mut same = another;
    "9".clone_into(&mut same.diseinfo[0].diag_srt_no);
    let kept = house.settle(same).await.unwrap();
    assert_eq!((&kept.setlinfo, &kept.lines), (&quoted.setlinfo, &quoted.lines));
    house.ledger.verify().unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_a_call_that_is_safe_to_repeat() {
    let mut house = House::open().await;
    let here = Stay::of(HERE, "P", "V1", 1_200);
    let until = ahead(3_600);
    let first = pre_settle(&mut house, here.bill("H1"), until.clone()).await.unwrap();
    let again = pre_settle(&mut house, here.bill("H1"), until.clone()).await.unwrap();
    let mut house = house.restart().await;
    let later = pre_settle(&mut house, here.bill("H1"), until.clone()).await.unwrap();
    for answer in [again, later] {
        assert_eq!(answer.encode_to_vec(), first.encode_to_vec());
    }
    assert_eq!(state(&mut house, HERE, "H1").await, "held");
    let conflict = |status: Status| (reason(&status), info(&status).metadata["field"].clone());
    let other = Stay { amount: 1_300, ..here.clone() };
    for (bill, until, field) in [
        (other.bill("H1"), until.clone(), "bill.feedetail[0].det_item_fee_sumamt"),
        (here.bill("H1"), ahead(7_200), "hold_until"),
    ] {
        let status = pre_settle(&mut house, bill, until).await.unwrap_err();
        assert_eq!(conflict(status), ("MESSAGE_CONFLICT".to_owned(), field.to_owned()));
    }
    let settle = house.settle(here.bill("H1")).await.unwrap_err();
    assert_eq!(conflict(settle), ("MESSAGE_CONFLICT".to_owned(), String::new()));
    let kept = house.settle(here.within("M1", &first.hold_id)).await.unwrap();
    let replay = house.settle(here.within("M1", &first.hold_id)).await.unwrap();
    assert_eq!((pays(&kept), &replay), ("1000.00", &kept));
    let without = house.settle(here.bill("M1")).await.unwrap_err();
    assert_eq!(conflict(without), ("MESSAGE_CONFLICT".to_owned(), "hold_id".to_owned()));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_cannot_be_used_says_why() {
    let mut house = House::open().await;
    let here = Stay::of(HERE, "P", "V1", 1_200);
    let (_, first) = hold(&mut house, &here, "H1").await;
    let refused =
        async |house: &mut House, stay: &Stay, hold_id: &str, code: &str, key: &str, value: &str| {
            let status = house.settle(stay.within("M1", hold_id)).await.unwrap_err();
            let named = info(&status);
            assert_eq!(named.reason, code);
            assert!(key.is_empty() || named.metadata[key] == value, "{named:?}");
        };
    let house_ref = &mut house;
    refused(house_ref, &here, "H0000000000000099", "HOLD_NOT_FOUND", "", "").await;
    refused(house_ref, &Stay { hospital: THERE, ..here.clone() }, &first, "HOLD_NOT_FOUND", "", "").await;
    let somebody = Stay { psn_no: "Q".to_owned(), ..here.clone() };
    refused(house_ref, &somebody, &first, "HOLD_DIFFERS", "field", "psn_no").await;
    let elsewhere = Stay { mdtrt_id: "V9".to_owned(), ..here.clone() };
    refused(house_ref, &elsewhere, &first, "HOLD_DIFFERS", "field", "mdtrt_id").await;
    let (_, second) = hold(house_ref, &here, "H2").await;
    assert_eq!(state(house_ref, HERE, "H1").await, "replaced");
    refused(house_ref, &here, &first, "HOLD_REPLACED", "hold_id", &second).await;

    // its visit settles without naming it: it is used all the same
    let settled = house_ref.settle(here.bill("M2")).await.unwrap();
    assert_eq!((pays(&settled), state(house_ref, HERE, "H2").await.as_str()), ("1000.00", "settled"));
    let stands = house_ref.reverse("R2", "P", "H2", "2303").await.unwrap_err();
    assert_eq!(
        (reason(&stands).as_str(), &info(&stands).metadata["setl_id"]),
        ("HOLD_SETTLED", &settled.setl_id)
    );
    house_ref.cancel("C2", &settled).await.unwrap();
    refused(house_ref, &here, &second, "HOLD_SETTLED", "setl_id", &settled.setl_id).await;

    let (_, third) = hold(house_ref, &here, "H3").await;
    let answer = house_ref.reverse("R3", "P", "H3", "2303").await.unwrap();
    assert_eq!((answer.outcome.as_str(), &answer.settlement), ("undone", &None));
    assert_eq!(house_ref.reverse("R3", "P", "H3", "2303").await.unwrap(), answer);
    assert_eq!(state(house_ref, HERE, "H3").await, "released");
    let query = house_ref.query("R3").await;
    assert_eq!((query.infno.as_str(), query.state.as_str()), ("2601", "released"));
    refused(house_ref, &here, &third, "HOLD_RELEASED", "", "").await;
    assert_eq!(pays(&quote(house_ref, &Stay::of(THERE, "P", "V2", 1_500)).await), "1000.00");
    let barred = house_ref.reverse("R4", "P", "H4", "2303").await.unwrap();
    assert_eq!(barred.outcome, "tombstone");
    let late = pre_settle(house_ref, here.bill("H4"), ahead(3_600)).await.unwrap_err();
    assert_eq!(reason(&late), "MESSAGE_REVERSED");
    let other = house_ref.reverse("R5", "P", "H1", "2304").await.unwrap_err();
    assert_eq!(
        (reason(&other).as_str(), info(&other).metadata["infno"].as_str()),
        ("ORIGINAL_DIFFERS", "2303")
    );
    house_ref.ledger.verify().unwrap();
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_must_end_ahead_and_not_too_far() {
    let mut house = House::open_with(|config| config.hold_max = std::time::Duration::from_secs(7_200)).await;
    let here = Stay::of(HERE, "P", "V1", 1_200);
    for (until, code) in [
        (ahead(-60), "hold_until"),
        (ahead(7_260), "hold_until"),
        ("2026-03-10".to_owned(), "bad_date"),
        ("1999-01-01 00:00:00".to_owned(), "bad_date"),
    ] {
        let status = pre_settle(&mut house, here.bill("H1"), until.clone()).await.unwrap_err();
        let named = info(&status).metadata;
        assert_eq!((named["field"].as_str(), named["code"].as_str()), ("hold_until", code), "{until}");
    }
    let within = pre_settle(&mut house, here.within("H1", "H0000000000000001"), ahead(60)).await.unwrap_err();
    assert_eq!(info(&within).metadata["field"], "bill.hold_id");
    let within =
        pre_settle(&mut house, here.within("H1", "H0000000000000001"), String::new()).await.unwrap_err();
    assert_eq!(info(&within).metadata["field"], "bill.hold_id");
    assert_eq!(house.ledger.records().count(), 0);
    pre_settle(&mut house, here.bill("H1"), ahead(7_190)).await.unwrap();
    house.settle(here.bill("M1")).await.unwrap();
    let settled = pre_settle(&mut house, here.bill("H2"), ahead(60)).await.unwrap_err();
    assert_eq!(reason(&settled), "ALREADY_SETTLED");
    house.close().await;
}

/// Of 1,000 insured 400 are paid and 600 promised. The bill was of 800: a correction is what a replay makes of the right facts,
/// so it takes 400 of what was promised, and the hold is told so when it is to be kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_correction_does_not_see_what_was_promised() {
    let mut house = House::open().await;
    let first = house.settle(Stay::of(HERE, "P", "V1", 400).bill("M1")).await.unwrap();
    let there = Stay::of(THERE, "P", "V2", 900);
    let (quoted, hold_id) = hold(&mut house, &there, "H2").await;
    assert_eq!((pays(&first), pays(&quoted)), ("400.00", "600.00"));
    let right = with_bill("K1", &first, Stay::of(HERE, "P", "V1", 800).bill("M1"));
    house.client.correct_settlement(right).await.unwrap();
    assert_eq!(pays(&house.get(&first.setl_id, "P").await.unwrap().settlement.unwrap()), "800.00");

    let changed = house.settle(there.within("M2", &hold_id)).await.unwrap_err();
    assert_eq!(reason(&changed), "HOLD_INPUT_CHANGED");
    let told = info(&changed).metadata;
    assert_eq!(
        [&told["input"], &told["quoted"], &told["now"]].map(String::as_str),
        ["accumulator.demo/accident-medical medical paid", "400.00", "800.00"]
    );
    assert_eq!(state(&mut house, THERE, "H2").await, "held");
    // Without the hold the visit is settled from what is left.
    assert_eq!(pays(&house.settle(there.bill("M2")).await.unwrap()), "200.00");
    house.ledger.verify().unwrap();
    house.close().await;
}

/// What was promised is proved like what was booked, and asked for by msgid too.
#[tokio::test(flavor = "multi_thread")]
async fn a_hold_has_a_receipt() {
    let beside = tempfile::tempdir().unwrap();
    let (mut house, notary) =
        House::open_notarized(tempfile::tempdir().unwrap(), beside.path()).await.unwrap();
    let here = Stay::of(HERE, "33010001", "V1", 1_000);
    let answered = pre_settle(&mut house, here.bill("H1"), ahead(3_600)).await.unwrap();
    let hold = v1::PreSettleResponse { receipt: None, ..answered.clone() };
    let proved = file(&hold, answered.receipt).verify(&notary.public_key()).unwrap();
    let Answer::Hold { hold_id, quote } = proved.answer else { panic!("{:?}", proved.answer) };
    assert_eq!(hold_id, hold.hold_id);
    let promised = hold.settlement.as_ref().unwrap();
    assert_eq!(quote.commercial_pay.to_string(), pays(promised));
    let told = house.query("H1").await;
    let again = v1::PreSettleResponse { settlement: told.settlement, hold_id: told.hold_id, receipt: None };
    assert_eq!(again, hold);
    file(&again, told.receipt).verify(&notary.public_key()).unwrap();
    // a quote that does not bind is booked nowhere
    assert!(pre_settle(&mut house, here.bill("Q1"), String::new()).await.unwrap().receipt.is_none());
    house.close().await;
}
