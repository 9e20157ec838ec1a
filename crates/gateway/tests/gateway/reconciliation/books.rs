//! A day at two hospitals, and their own books of it, kept from the answers that they got.

use std::collections::BTreeMap;

use bedside_gateway::v1;

use crate::corrections::{charged, stay, with_bill};
use crate::house::House;
use crate::stays::Stay;

pub(crate) const A: &str = "H33010600001";
pub(crate) const B: &str = "H33010600002";

pub(crate) fn fen(amount: &str) -> i64 {
    amount.replace('.', "").parse().unwrap()
}

pub(crate) fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", fen.abs() / 100, fen.abs() % 100)
}

/// What a hospital has of one booking: the row it would send, and who bears it.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) hospital: &'static str,
    pub(crate) entry: &'static str,
    pub(crate) row: v1::StatementRow,
    pub(crate) accounts: BTreeMap<String, i64>,
}

/// From the answer to a settlement, or of the mirror that undoes one.
pub(crate) fn own(hospital: &'static str, entry: &'static str, answer: &v1::Settlement) -> Own {
    let setlinfo = answer.setlinfo.clone().unwrap();
    let mut accounts = BTreeMap::<String, i64>::new();
    let mut bear = |account: String, amount: &str, sign: i64| {
        *accounts.entry(account).or_default() += sign * fen(amount);
    };
    for payment in &answer.payments {
        bear(format!("payer:{}", payment.payer_code), &payment.amount, 1);
    }
    for payment in answer.to_person.iter().map(|paid| paid.payment.as_ref().unwrap()) {
        bear(format!("payer:{}", payment.payer_code), &payment.amount, 1);
        bear("person".to_owned(), &payment.amount, -1);
    }
    bear("hospital".to_owned(), &setlinfo.hosp_part_amt, 1);
    bear("account".to_owned(), &setlinfo.acct_pay, 1);
    bear("cash".to_owned(), &setlinfo.psn_cash_pay, 1);
    accounts.retain(|_, amount| *amount != 0);
    let row = v1::StatementRow {
        setl_id: answer.setl_id.clone(),
        msgid: answer.medins_setl_id.clone(),
        correction_id: String::new(),
        mdtrt_id: answer.mdtrt_id.clone(),
        psn_no: answer.psn_no.clone(),
        medfee_sumamt: setlinfo.medfee_sumamt,
        fund_pay_sumamt: setlinfo.fund_pay_sumamt,
        acct_pay: setlinfo.acct_pay,
        cash_payamt: setlinfo.psn_cash_pay,
        commercial_pay: setlinfo.commercial_pay,
        refd_setl_flag: if entry == "settlement" { "0" } else { "1" }.to_owned(),
    };
    Own { hospital, entry, row, accounts }
}

/// From the answer to a correction: the difference of one settlement, whose payer is the commercial plan.
pub(crate) fn corrected(correction: &v1::CorrectSettlementResponse, booked: &[Own]) -> Vec<Own> {
    let of_one = |changed: &v1::CorrectedSettlement| {
        let before = booked.iter().find(|own| own.row.setl_id == changed.setl_id).unwrap();
        let accounts: BTreeMap<String, i64> = changed
            .accounts
            .iter()
            .map(|account| (account.account.clone(), fen(&account.difference)))
            .filter(|(_, amount)| *amount != 0)
            .collect();
        let on = |account: &str| yuan(accounts.get(account).copied().unwrap_or_default());
        let row = v1::StatementRow {
            correction_id: correction.correction_id.clone(),
            medfee_sumamt: yuan(fen(&changed.new_medfee_sumamt) - fen(&changed.old_medfee_sumamt)),
            fund_pay_sumamt: "0.00".to_owned(),
            acct_pay: on("account"),
            cash_payamt: on("cash"),
            commercial_pay: on("payer:PAJK"),
            ..before.row.clone()
        };
        Own { entry: "correction", row, accounts, ..before.clone() }
    };
    correction.changed.iter().map(of_one).collect()
}

/// The first and the last day of what was booked.
#[derive(Debug, Clone)]
pub(crate) struct Days(pub(crate) String, pub(crate) String);

/// A day at two hospitals: everything that posts, and some that does not. In the order of booking.
pub(crate) async fn a_day(house: &mut House) -> (Vec<Own>, Days) {
    let mut all = Vec::new();
    let named =
        |name: &str, edits: &str| Stay::named(name, &format!("header.msgid = m-{name}\n{edits}")).bill;

    // Adopted from the national platform: public funds, the account, the hospital's own share, and a commercial plan.
    let first = house.settle(named("one", "national")).await.unwrap();
    all.push(own(A, "settlement", &first));
    let again = named("one", "national\nheader.msgid = m-two\nmdtrtinfo.mdtrt_id = V-two");
    all.push(own(A, "settlement", &house.settle(again).await.unwrap()));
    // Computed by our packs, and cancelled.
    let gone = house.settle(named("gone", "")).await.unwrap();
    all.push(own(A, "settlement", &gone));
    all.push(own(A, "cancellation", &house.cancel("c-gone", &gone).await.unwrap()));
    // A hold, an admission and a tombstone post nothing.
    let held = Stay::named("held", "header.msgid = m-held").bill;
    let tomorrow = format!("{} 00:00:00", day_after(&first.setl_time));
    let quote = v1::PreSettleRequest {
        subject: Some(v1::pre_settle_request::Subject::Bill(held)),
        hold_until: tomorrow,
        ..Default::default()
    };
    // Near midnight the hold would lie in the past; it is only there to be in the way.
    let _ = house.client.pre_settle(quote).await;
    house.reverse("r-never", "P-never", "never", "2304").await.unwrap();

    // A stay at the other hospital, settled midway and at its end, with a daily allowance to the person.
    let stay_at_b = Stay::named(
        "parts",
        &format!(
            "header.fixmedins_code = {B}\ncopy feedetail[2]\nfeedetail[3].feedetl_sn = 4\n\
             feedetail[2].fee_ocur_time = 2026-03-05 08:00:00\nfeedetail[3].pric = 40000\n\
             feedetail[3].det_item_fee_sumamt = 40000.00\nfeedetail[3].fulamt_ownpay_amt = 0\n\
             feedetail[3].preselfpay_amt = 0\nfeedetail[3].inscp_scp_amt = 40000.00\ndrop insuinfo[1]\n\
             data.medfee_sumamt = 40100.00\npolicyinfo[0].product = demo/inpatient-allowance"
        ),
    );
    let client = &mut house.client;
    client.admit(stay_at_b.admit("a")).await.unwrap();
    client.upload_fees(stay_at_b.upload("u1", 0..3)).await.unwrap();
    let midway = client.settle(stay_at_b.settle_midway("s1", "2026-03-05", "100.00")).await.unwrap();
    all.push(own(B, "settlement", &midway.into_inner().settlement.unwrap()));
    client.upload_fees(stay_at_b.upload("u2", 3..4)).await.unwrap();
    client.discharge(stay_at_b.discharge("d")).await.unwrap();
    let data =
        v1::SettleData { medfee_sumamt: "40000.00".to_owned(), ..stay_at_b.bill.data.clone().unwrap() };
    let rest = v1::SettleRequest { data: Some(data), ..stay_at_b.settle("s2") };
    let rest = client.settle(rest).await.unwrap().into_inner().settlement.unwrap();
    assert!(fen(&rest.setlinfo.as_ref().unwrap().to_person_pay) > 0);
    all.push(own(B, "settlement", &rest));

    // A family whose shared deductible carries a correction of one hospital to the other.
    let mut second = stay(2, 2, 4, 5_000);
    second.header.as_mut().unwrap().fixmedins_code = B.to_owned();
    let bills = [stay(1, 1, 3, 7_000), second, stay(3, 3, 5, 1_000)];
    let mut family = Vec::new();
    for (bill, hospital) in bills.iter().zip([A, B, A]) {
        family.push(house.settle(bill.clone()).await.unwrap());
        all.push(own(hospital, "settlement", family.last().unwrap()));
    }
    let correction = with_bill("K1", &family[0], charged(bills[0].clone(), 4_500));
    let correction = house.client.correct_settlement(correction).await.unwrap().into_inner();
    assert_eq!(correction.changed.len(), 3);
    let differences = corrected(&correction, &all);
    all.extend(differences);
    // Reversed by its message: what was booked stays, and its mirror beside it.
    let lost = house.settle(named("lost", "")).await.unwrap();
    all.push(own(A, "settlement", &lost));
    let reversed = house.reverse("r-lost", "P-lost", "m-lost", "2304").await.unwrap();
    let mirror = reversed.settlement.unwrap();
    all.push(own(A, "reversal", &mirror));
    let days = Days(first.setl_time[..10].to_owned(), mirror.setl_time[..10].to_owned());
    (all, days)
}

pub(crate) fn day_after(setl_time: &str) -> String {
    let day: bedside_claim::Date = setl_time[..10].parse().unwrap();
    day.tomorrow().unwrap().to_string()
}

pub(crate) fn day_before(day: &str) -> String {
    let day: bedside_claim::Date = day.parse().unwrap();
    day.yesterday().unwrap().to_string()
}

/// What the hospitals' own books come to.
pub(crate) fn expected(books: &[Own], hospital: &str, payer: &str) -> v1::ClearingResponse {
    let (mut owed, mut beside) = (BTreeMap::new(), BTreeMap::new());
    let counts = |own: &&Own| hospital.is_empty() || own.hospital == hospital;
    for own in books.iter().filter(counts) {
        let (amount, accounts, count): &mut (i64, BTreeMap<&str, i64>, u64) =
            beside.entry(own.hospital).or_default();
        *amount += fen(&own.row.medfee_sumamt);
        *count += 1;
        for (account, fen) in &own.accounts {
            match account.strip_prefix("payer:") {
                Some(code) if payer.is_empty() || code == payer => {
                    let sum: &mut (i64, u64) = owed.entry((code, own.hospital)).or_default();
                    *sum = (sum.0 + fen, sum.1 + 1);
                }
                Some(_) => {}
                None => *accounts.entry(account).or_default() += fen,
            }
        }
    }
    let rows = owed.into_iter().map(|((code, hospital), (amount, count))| v1::ClearingRow {
        payer_code: code.to_owned(),
        fixmedins_code: hospital.to_owned(),
        amount: yuan(amount),
        fixmedins_setl_cnt: count.to_string(),
    });
    let hospitals = beside.into_iter().map(|(hospital, (amount, accounts, count))| {
        let on = |account| accounts.get(account).copied().unwrap_or_default();
        v1::ClearingHospital {
            fixmedins_code: hospital.to_owned(),
            medfee_sumamt: yuan(amount),
            hosp_part_amt: yuan(on("hospital")),
            acct_pay: yuan(on("account")),
            cash_payamt: yuan(on("cash")),
            to_person_pay: yuan(-on("person")),
            fixmedins_setl_cnt: count.to_string(),
        }
    });
    v1::ClearingResponse { rows: rows.collect(), hospitals: hospitals.collect() }
}
