//! Families, events, accidents and policy schedules: how they are read, and whole trips with them.

use bedside_claim::Lang;
use bedside_gateway::{parse_case_file, request, v1};

use crate::base::base;
use crate::house::House;

/// The first fault of the base message with this edit.
fn fault(edit: impl FnOnce(&mut v1::SettleBillRequest)) -> String {
    let mut message = base();
    edit(&mut message);
    let error = request::settle(&message).unwrap_err();
    format!("{}: {}", error.faults()[0].code.code(), error.faults()[0].text(Lang::En))
}

fn event(evt_type: &str) -> v1::EvtInfo {
    v1::EvtInfo {
        evt_no: "E1".to_owned(),
        evt_type: evt_type.to_owned(),
        evt_date: "2026-03-10".to_owned(),
        ..Default::default()
    }
}

fn visit(message: &mut v1::SettleBillRequest) -> &mut v1::MdtrtInfo {
    message.mdtrtinfo.as_mut().unwrap()
}

#[test]
fn what_does_not_fit_is_told_by_field() {
    let told = [
        fault(|message| message.insuinfo[0].past_year_balc = "9999999".to_owned()),
        fault(|message| message.data.as_mut().unwrap().pub_setl_flag = "2".to_owned()),
        fault(|message| visit(message).pre_pay_flag = "1".to_owned()),
        fault(|message| visit(message).icu_days = "400".to_owned()),
        fault(|message| visit(message).icu_days = "-1".to_owned()),
        fault(|message| {
            visit(message).acdt_no = "A1".to_owned();
            visit(message).acdt_date = "2026-03-01".to_owned();
        }),
        fault(|message| {
            visit(message).trum_flag = "1".to_owned();
            visit(message).acdt_no = "A1".to_owned();
        }),
        fault(|message| visit(message).rel_stay_begndate = "2026-02-01".to_owned()),
        fault(|message| message.feedetail[0].tags = vec!["car t".to_owned()]),
        fault(|message| message.evtinfo = vec![event("birth")]),
        fault(|message| message.evtinfo = vec![event("diagnosis")]),
        fault(|message| message.evtinfo = vec![v1::EvtInfo { grade: "11".to_owned(), ..event("care") }]),
        fault(|message| message.evtinfo = vec![v1::EvtInfo { grade: "1".to_owned(), ..event("death") }]),
        fault(|message| message.evtinfo = vec![event("death"), event("death")]),
        fault(|message| {
            message.evtinfo = vec![v1::EvtInfo { evt_date: "2027-01-01".to_owned(), ..event("death") }];
        }),
        fault(|message| {
            message.evtinfo = vec![event("death")];
            message.feedetail.clear();
        }),
        fault(|message| {
            message.mulaidinfo = vec![v1::MulAidInfo { psn_no: "R".to_owned(), balc: String::new() }]
        }),
        fault(|message| {
            let row = v1::MulAidInfo { psn_no: "R".to_owned(), balc: "1".to_owned() };
            message.mulaidinfo = vec![row.clone(), row];
        }),
        fault(|message| message.preexinfo = vec![v1::PreExInfo::default()]),
        fault(|message| {
            let own = message.baseinfo.as_ref().unwrap().psn_no.clone();
            message.mulaidinfo = vec![v1::MulAidInfo { psn_no: own, balc: "1".to_owned() }];
        }),
        fault(|message| {
            message.evtinfo = vec![v1::EvtInfo { acdt_date: "2026-03-11".to_owned(), ..event("death") }];
        }),
        fault(|message| {
            visit(message).rel_stay_begndate = "2026-02-01".to_owned();
            visit(message).rel_stay_enddate = "2026-02-02".to_owned();
        }),
    ];
    let expected = [
        "differs: `insuinfo[0].past_year_balc` is *** (7 characters); allowed: no more than balc of the row",
        "unknown_code: `data.pub_setl_flag` is `2`; allowed: empty, 0 or 1",
        "differs: `mdtrtinfo.pre_pay_flag` is `1`; allowed: 0, or 1 together with rel_ttp_flag 1",
        "date_order: `mdtrtinfo.icu_days` is `400`; allowed: up to ",
        "unknown_code: `mdtrtinfo.icu_days` is `-1`; allowed: a whole number from 0 to 3660",
        "differs: `mdtrtinfo.trum_flag` is empty; allowed: 1 where there is an acdt_no",
        "required: `mdtrtinfo.acdt_date` is empty; allowed: a real date yyyy-MM-dd",
        "required: `mdtrtinfo.rel_stay_enddate` is empty; allowed: a real date yyyy-MM-dd",
        "bad_characters: `feedetail[0].tags` (feedetl_sn `1`) is `car t`; allowed: up to 50 characters, visible ASCII \
         characters without spaces",
        "unknown_code: `evtinfo[0].evt_type` is `birth`; allowed: diagnosis, disability, death or care",
        "required: `evtinfo[0].diag_code` is empty; allowed: up to 20 characters, visible ASCII characters without \
         spaces",
        "unknown_code: `evtinfo[0].grade` is *** (2 characters); allowed: from 1 to 10",
        "differs: `evtinfo[0].grade` is *** (1 characters); allowed: empty on this type of event",
        "duplicate_row: `evtinfo[1].evt_no` is *** (2 characters); allowed: another number than evtinfo[0] has",
        "date_order: `evtinfo[0].evt_date` is *** (10 characters); allowed: not after the day of settlement",
        "total_mismatch: `data.medfee_sumamt` is `100.00`; allowed: 0 where there is no feedetail",
        "required: `mulaidinfo[0].balc` is empty; allowed: ",
        "duplicate_row: `mulaidinfo[1].psn_no` is *** (1 characters); allowed: another person than mulaidinfo[0] names",
        "required: `preexinfo[0].dise_code` is empty; allowed: up to 20 characters",
        "duplicate_row: `mulaidinfo[0].psn_no` is *** (26 characters); allowed: another person than the patient",
        "date_order: `evtinfo[0].acdt_date` is *** (10 characters); allowed: not after evt_date of the row",
        "differs: `mdtrtinfo.rel_stay_begndate` is `2026-02-01`; allowed: empty on a stay",
    ];
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
}

fn example(name: &str) -> Vec<v1::SettleBillRequest> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/case-files");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    let mut bills = parse_case_file(&text).unwrap().bills;
    // All at the hospital that the house's client speaks for.
    for bill in &mut bills {
        bill.header.as_mut().unwrap().fixmedins_code = base().header.unwrap().fixmedins_code;
    }
    bills
}

fn commercial(settlement: &v1::Settlement) -> &str {
    &settlement.setlinfo.as_ref().unwrap().commercial_pay
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_of_a_family_share_a_deductible_over_the_wire() {
    let mut house = House::open().await;
    let [first, second] = example("esheng-family").try_into().unwrap();
    let first = house.settle(first).await.unwrap();
    assert_eq!(commercial(&first), "0.00");
    let booked = house.settle(second.clone()).await.unwrap();
    assert_eq!(commercial(&booked), "2000.00");
    let shared = booked.accumulators.iter().find(|change| change.owner == "family").unwrap();
    assert_eq!((shared.before.as_str(), shared.after.as_str()), ("7000.00", "10000.00"));

    // Who finds the deductible met uses none of it, and stands on it all the same.
    let mut third = second.clone();
    third.header.as_mut().unwrap().msgid = "ef-4".to_owned();
    visit(&mut third).mdtrt_id = "EF4".to_owned();
    let third = house.settle(third).await.unwrap();
    assert!(third.accumulators.iter().all(|change| change.owner != "family"));
    assert_eq!(commercial(&third), "5000.00");
    let blocked = house.cancel("C1", &first).await.unwrap_err();
    assert_eq!(crate::house::info(&blocked).metadata["setl_id"], third.setl_id);
    house.cancel("C0", &third).await.unwrap();

    // The first one's cannot be taken back under the second one's; taken back in turn, nothing is left.
    let blocked = house.cancel("C1", &first).await.unwrap_err();
    assert_eq!(crate::house::reason(&blocked), "BLOCKED_BY_LATER");
    house.cancel("C2", &booked).await.unwrap();
    house.cancel("C3", &first).await.unwrap();
    let again = v1::SettleBillRequest {
        header: second.header.map(|header| v1::Header { msgid: "ef-3".to_owned(), ..header }),
        ..second
    };
    assert_eq!(commercial(&house.settle(again).await.unwrap()), "0.00");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_without_a_bill_is_paid_in_the_same_answer_and_once() {
    let mut house = House::open().await;
    let [event] = example("anyoufu-diagnosis").try_into().unwrap();
    let paid = house.settle(event.clone()).await.unwrap();
    let amounts: Vec<_> =
        paid.to_person.iter().map(|paid| paid.payment.as_ref().unwrap().amount.as_str()).collect();
    assert_eq!(amounts, ["300000.00", "150000.00"]);
    assert_eq!(paid.setlinfo.as_ref().unwrap().to_person_pay, "450000.00");

    let mut twice = event.clone();
    twice.header.as_mut().unwrap().msgid = "an-2".to_owned();
    visit(&mut twice).mdtrt_id = "AN2".to_owned();
    twice.evtinfo[0].evt_no = "E-2026-2".to_owned();
    let denied = house.settle(twice).await.unwrap();
    assert!(denied.to_person.is_empty());
    assert!(denied.explanation.iter().any(|step| step.reason_code == "event.paid_out"));

    house.cancel("C1", &denied).await.unwrap();
    let mirror = house.cancel("C2", &paid).await.unwrap();
    assert_eq!(mirror.setlinfo.unwrap().to_person_pay, "-450000.00");
    house.close().await;
}
