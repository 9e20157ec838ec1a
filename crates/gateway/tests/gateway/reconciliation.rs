//! `Clearing`, `ReconcileTotals` and `ReconcileDetails` over real gRPC. What is expected is added up here from the answers that
//! the hospitals got, as their own systems would.

mod books;

use std::collections::{BTreeMap, BTreeSet};

use bedside_gateway::registers::Register;
use bedside_gateway::v1;
use bedside_ledger::{BalanceError, Entry, PersonKey, erase_persons, posted_by};
use tokio_stream::StreamExt;
use tonic::{Code, Status};

use self::books::{A, B, Days, Own, a_day, corrected, day_after, day_before, expected, fen, own, yuan};
use crate::base::edited;
use crate::corrections::{charged, stay, with_bill};
use crate::house::{House, info, reason};
use crate::privacy::said;
use crate::stays::Stay;

fn clearing(hospital: &str, payer: &str, Days(from, to): &Days) -> v1::ClearingRequest {
    v1::ClearingRequest {
        fixmedins_code: hospital.to_owned(),
        payer_code: payer.to_owned(),
        begndate: from.clone(),
        enddate: to.clone(),
    }
}

async fn cleared(house: &mut House, request: v1::ClearingRequest) -> Result<v1::ClearingResponse, Status> {
    Ok(house.client.clearing(request).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_cleared_to_the_fen() {
    let mut house = House::open().await;
    let (books, days) = a_day(&mut house).await;
    let whole = cleared(&mut house, clearing("", "", &days)).await.unwrap();
    assert_eq!(whole, expected(&books, "", ""));
    for hospital in [A, B, "H33010600003"] {
        let own = cleared(&mut house, clearing(hospital, "", &days)).await.unwrap();
        assert_eq!(own, expected(&books, hospital, ""), "{hospital}");
    }
    let payers: BTreeSet<&str> = whole.rows.iter().map(|row| row.payer_code.as_str()).collect();
    assert!(payers.len() >= 4, "{payers:?}");
    for payer in payers {
        let own = cleared(&mut house, clearing("", payer, &days)).await.unwrap();
        assert_eq!(own, expected(&books, "", payer), "{payer}");
    }
    // The plan owes what the correction left: 500.00 of the third member's bill at A, and nothing any more at B.
    let plan: Vec<_> = whole.rows.iter().filter(|row| row.payer_code == "PAJK").collect();
    let plan: Vec<_> = plan.iter().map(|row| (row.fixmedins_code.as_str(), row.amount.as_str())).collect();
    assert_eq!(plan, [(A, "500.00"), (B, "0.00")]);

    // The postings of the whole journal, added up without hospitals.
    let mut accounts = BTreeMap::<String, i64>::new();
    for record in house.ledger.records() {
        for posting in record.unwrap().1.postings {
            *accounts.entry(posting.account.to_string()).or_default() += posting.amount.units();
        }
    }
    let mut of_payers = BTreeMap::<String, i64>::new();
    for row in &whole.rows {
        *of_payers.entry(format!("payer:{}", row.payer_code)).or_default() += fen(&row.amount);
    }
    accounts.retain(|account, _| account.starts_with("payer:"));
    assert_eq!(of_payers, accounts);
    for own in &whole.hospitals {
        let rows = whole.rows.iter().filter(|row| row.fixmedins_code == own.fixmedins_code);
        let payers: i64 = rows.map(|row| fen(&row.amount)).sum();
        let others = fen(&own.hosp_part_amt) + fen(&own.acct_pay) + fen(&own.cash_payamt);
        assert_eq!(fen(&own.medfee_sumamt), payers + others - fen(&own.to_person_pay));
    }

    // What a correction posts needs the settlement that it changed.
    let records = house.ledger.records().map(|item| item.unwrap().1);
    let correction = records.into_iter().find(|record| matches!(record.entry, Entry::Correction(_))).unwrap();
    let Err(error) = posted_by(&correction, &mut |_| Ok(None)) else { panic!("it posts for nothing") };
    assert!(matches!(error, BalanceError::Unknown { sequence } if sequence == correction.sequence));

    let before = Days(day_before(&days.0), day_before(&days.0));
    let nothing = cleared(&mut house, clearing("", "", &before)).await.unwrap();
    assert_eq!(nothing, v1::ClearingResponse::default());
    let house = house.restart().await;
    let mut client = house.client.clone();
    assert_eq!(client.clearing(clearing("", "", &days)).await.unwrap().into_inner(), whole);
    drop(client);
    house.close().await;
}

fn header(hospital: &str) -> Option<v1::Header> {
    Some(v1::Header { fixmedins_code: hospital.to_owned(), ..v1::Header::default() })
}

fn sum(books: &[Own], of: fn(&v1::StatementRow) -> &str) -> String {
    yuan(books.iter().map(|own| fen(of(&own.row))).sum())
}

fn totals(hospital: &str, books: &[Own], days: &Days) -> v1::ReconcileTotalsRequest {
    v1::ReconcileTotalsRequest {
        header: header(hospital),
        stmt_begndate: days.0.clone(),
        stmt_enddate: days.1.clone(),
        medfee_sumamt: sum(books, |row| &row.medfee_sumamt),
        fund_pay_sumamt: sum(books, |row| &row.fund_pay_sumamt),
        acct_pay: sum(books, |row| &row.acct_pay),
        cash_payamt: sum(books, |row| &row.cash_payamt),
        commercial_pay: sum(books, |row| &row.commercial_pay),
        fixmedins_setl_cnt: books.len().to_string(),
        refd_setl_flag: String::new(),
    }
}

fn of(books: &[Own], hospital: &str) -> Vec<Own> {
    books.iter().filter(|own| own.hospital == hospital).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_agree_or_say_by_how_much_they_differ() {
    let mut house = House::open().await;
    let (books, days) = a_day(&mut house).await;
    for hospital in [A, B] {
        let own = of(&books, hospital);
        let mut request = totals(hospital, &own, &days);
        let answer = house.client.reconcile_totals(request.clone()).await.unwrap().into_inner();
        assert_eq!(answer.stmt_rslt, "equal", "{answer:?}");
        assert_eq!(answer.totals.len(), 6);
        assert!(
            answer.totals.iter().all(
                |total| total.here == total.there && total.difference.trim_matches(['0', '.']).is_empty()
            )
        );
        // As the national 3201 has it, without what it lacks.
        request.cash_payamt.clear();
        request.commercial_pay.clear();
        let answer = house.client.reconcile_totals(request.clone()).await.unwrap().into_inner();
        assert_eq!((answer.stmt_rslt.as_str(), answer.totals.len()), ("equal", 4));

        let standing: Vec<Own> =
            own.iter().filter(|own| !matches!(own.entry, "cancellation" | "reversal")).cloned().collect();
        let without = v1::ReconcileTotalsRequest {
            refd_setl_flag: "0".to_owned(),
            ..totals(hospital, &standing, &days)
        };
        let answer = house.client.reconcile_totals(without).await.unwrap().into_inner();
        assert_eq!(answer.stmt_rslt, "equal", "{answer:?}");
    }

    let own = of(&books, A);
    let mut short = totals(A, &own[1..], &days);
    short.fund_pay_sumamt = totals(A, &own, &days).fund_pay_sumamt;
    let answer = house.client.reconcile_totals(short.clone()).await.unwrap().into_inner();
    assert_eq!(answer.stmt_rslt, "differs");
    let told: BTreeMap<&str, (&str, &str)> = answer
        .totals
        .iter()
        .map(|total| (total.field.as_str(), (total.stmt_rslt.as_str(), total.difference.as_str())))
        .collect();
    assert_eq!(told["medfee_sumamt"], ("differs", own[0].row.medfee_sumamt.as_str()));
    assert_eq!(told["fund_pay_sumamt"], ("equal", "0.00"));
    assert_eq!(told["cash_payamt"], ("differs", own[0].row.cash_payamt.as_str()));
    assert_eq!(told["fixmedins_setl_cnt"], ("differs", "1"));
    let sentence = answer.stmt_rslt_dscr.unwrap();
    assert!(sentence.en.contains("medfee_sumamt") && sentence.zh.contains("medfee_sumamt"), "{sentence:?}");
    house.close().await;
}

fn details(hospital: &str, days: &Days, rows: &[v1::StatementRow]) -> Vec<v1::ReconcileDetailsRequest> {
    let head = v1::ReconcileDetailsRequest {
        header: header(hospital),
        stmt_begndate: days.0.clone(),
        stmt_enddate: days.1.clone(),
        rows: Vec::new(),
    };
    let batches =
        rows.chunks(3).map(|rows| v1::ReconcileDetailsRequest { rows: rows.to_vec(), ..Default::default() });
    std::iter::once(head).chain(batches).collect()
}

async fn reconciled(
    house: &mut House,
    messages: Vec<v1::ReconcileDetailsRequest>,
) -> Result<Vec<v1::ReconcileDetailsResponse>, Status> {
    let answers = house.client.reconcile_details(tokio_stream::iter(messages)).await?.into_inner();
    answers.collect::<Result<Vec<_>, _>>().await
}

fn rows(books: &[Own]) -> Vec<v1::StatementRow> {
    books.iter().map(|own| own.row.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_is_equal_differs_or_is_on_one_side_only() {
    let mut house = House::open().await;
    let (books, days) = a_day(&mut house).await;
    for hospital in [A, B] {
        let own = of(&books, hospital);
        let answers = reconciled(&mut house, details(hospital, &days, &rows(&own))).await.unwrap();
        assert_eq!(answers.len(), own.len());
        for (place, (answer, own)) in answers.iter().zip(&own).enumerate() {
            assert_eq!((answer.stmt_rslt.as_str(), &answer.row), ("equal", &place.to_string()), "{answer:?}");
            assert_eq!((answer.booking.as_ref(), answer.entry.as_str()), (Some(&own.row), own.entry));
        }
        // By msgid alone, without what need not be sent, the other way round.
        let mut bare = rows(&own);
        bare.reverse();
        for row in bare.iter_mut() {
            if row.correction_id.is_empty() {
                row.setl_id.clear();
            }
            for text in
                [&mut row.mdtrt_id, &mut row.cash_payamt, &mut row.commercial_pay, &mut row.refd_setl_flag]
            {
                text.clear();
            }
        }
        let answers = reconciled(&mut house, details(hospital, &days, &bare)).await.unwrap();
        assert!(answers.iter().all(|answer| answer.stmt_rslt == "equal"), "{answers:?}");

        // Nothing sent: everything is only here, in the order of booking.
        let answers = reconciled(&mut house, details(hospital, &days, &[])).await.unwrap();
        let told: Vec<_> = answers.iter().map(|answer| answer.booking.clone().unwrap()).collect();
        assert_eq!(told, rows(&own));
        assert!(answers.iter().all(|answer| answer.stmt_rslt == "only_here" && answer.row.is_empty()));
    }

    let (own, foreign) = (of(&books, A), of(&books, B));
    let mut sent = rows(&own);
    let missing = sent.remove(1);
    // Altered amounts; another person; another visit; booked twice; a booking of the other hospital; one that never was.
    sent[0].medfee_sumamt = yuan(fen(&sent[0].medfee_sumamt) + 1);
    sent[0].cash_payamt = yuan(fen(&sent[0].cash_payamt) + 1);
    sent[1].psn_no = "P-somebody-else".to_owned();
    sent[2].mdtrt_id = "V-two".to_owned();
    let twice = sent[3].clone();
    let never = v1::StatementRow { setl_id: "S0000000000009999".to_owned(), ..sent[3].clone() };
    let known = sent.len();
    sent.extend([twice, foreign[0].row.clone(), v1::StatementRow { msgid: "m-never".to_owned(), ..never }]);
    let answers = reconciled(&mut house, details(A, &days, &sent)).await.unwrap();
    assert_eq!(answers.len(), sent.len() + 1);
    let differing = |answer: &v1::ReconcileDetailsResponse| {
        let fields = answer.differences.iter();
        fields
            .map(|it| (it.field.clone(), it.here.clone(), it.there.clone(), it.difference.clone()))
            .collect::<Vec<_>>()
    };
    let amount = |field: &str, here: &str, there: &str| {
        (field.to_owned(), here.to_owned(), there.to_owned(), "-0.01".to_owned())
    };
    assert_eq!(
        differing(&answers[0]),
        [
            amount("medfee_sumamt", &own[0].row.medfee_sumamt, &sent[0].medfee_sumamt),
            amount("cash_payamt", &own[0].row.cash_payamt, &sent[0].cash_payamt),
        ]
    );
    let masked = |field: &str, here: usize, there: usize| {
        let shown = |chars| format!("*** ({chars} characters)");
        (field.to_owned(), shown(here), shown(there), String::new())
    };
    assert_eq!(differing(&answers[1]), [masked("psn_no", 6, 15)]);
    assert_eq!(differing(&answers[2]), [masked("mdtrt_id", 6, 5)]);
    for (place, answer) in answers.iter().enumerate().take(known) {
        assert_eq!(answer.stmt_rslt, if place < 3 { "differs" } else { "equal" }, "{answer:?}");
    }
    for (place, answer) in answers.iter().enumerate().skip(known).take(3) {
        assert_eq!((answer.stmt_rslt.as_str(), answer.row.clone()), ("only_there", place.to_string()));
        let only = v1::StatementRow {
            setl_id: sent[place].setl_id.clone(),
            msgid: sent[place].msgid.clone(),
            ..Default::default()
        };
        assert_eq!(answer.booking, Some(only));
    }
    assert!(answers[known].memo.as_ref().unwrap().en.contains("earlier row"), "{:?}", answers[known]);
    let last = answers.last().unwrap();
    assert_eq!((last.stmt_rslt.as_str(), last.booking.as_ref()), ("only_here", Some(&missing)));
    let all = format!("{answers:?}");
    for row in rows(&foreign).iter().filter(|row| row.correction_id.is_empty()).skip(1) {
        assert!(!all.contains(&row.setl_id) && !all.contains(&row.psn_no), "{row:?}");
    }

    // Two visits of one person for the same amounts, taken for each other; and a setl_id that got lost.
    let mut swapped = rows(&own[..2]);
    assert_eq!(
        (&swapped[0].psn_no, &swapped[0].medfee_sumamt),
        (&swapped[1].psn_no, &swapped[1].medfee_sumamt)
    );
    (swapped[0].setl_id, swapped[1].setl_id) = (swapped[1].setl_id.clone(), "S0000000000009999".to_owned());
    let answers = reconciled(&mut house, details(A, &days, &swapped)).await.unwrap();
    let names = |answer: &v1::ReconcileDetailsResponse| {
        answer.differences.iter().map(|it| it.field.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&answers[0]), ["msgid", "mdtrt_id"]);
    assert_eq!((answers[1].stmt_rslt.as_str(), answers[1].memo.is_some()), ("only_there", true));
    swapped[0].setl_id.clone_from(&own[0].row.setl_id);
    let answers = reconciled(&mut house, details(A, &days, &swapped)).await.unwrap();
    assert_eq!((answers[0].stmt_rslt.as_str(), names(&answers[1])), ("equal", vec!["setl_id".to_owned()]));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_an_erased_person_is_still_reconciled() {
    let beside = tempfile::tempdir().unwrap();
    let (mut house, notary) =
        House::open_notarized(tempfile::tempdir().unwrap(), beside.path()).await.unwrap();
    let (mut books, mut days) = (Vec::new(), None);
    for name in ["gone", "stays"] {
        let bill = Stay::named(name, &format!("header.msgid = m-{name}\nnational")).bill;
        let answer = house.settle(bill).await.unwrap();
        days.get_or_insert(Days(answer.setl_time[..10].to_owned(), day_after(&answer.setl_time)));
        books.push(own(A, "settlement", &answer));
    }
    let relative = stay(2, 2, 2, 1_000);
    let below = house.settle(relative.clone()).await.unwrap();
    books.push(own(A, "settlement", &below));
    // Settled, corrected, and then erased.
    let bill = stay(1, 1, 3, 12_000);
    let answer = house.settle(bill.clone()).await.unwrap();
    books.push(own(A, "settlement", &answer));
    let correction = with_bill("K1", &answer, charged(bill, 11_000));
    let correction = house.client.correct_settlement(correction).await.unwrap().into_inner();
    books.extend(corrected(&correction, &books));
    let days = days.unwrap();
    notary.close(&house.ledger).unwrap();
    let (_, folder) = house.end().await;
    let without = tempfile::tempdir().unwrap();
    std::fs::remove_dir(without.path()).unwrap();
    let gone = ["P-gone", &answer.psn_no]
        .map(|psn_no| PersonKey { tenant: "insurer".into(), psn_no: psn_no.into() });
    erase_persons(folder.path(), without.path(), &gone.into(), Register::Persons.number(), |_| {}).unwrap();

    let (mut house, _) = House::open_notarized(without, beside.path()).await.unwrap();
    assert_eq!(cleared(&mut house, clearing("", "", &days)).await.unwrap(), expected(&books, "", ""));
    let answer = house.client.reconcile_totals(totals(A, &books, &days)).await.unwrap().into_inner();
    let results: Vec<_> = answer.totals.iter().map(|total| total.stmt_rslt.as_str()).collect();
    assert_eq!(
        (answer.stmt_rslt.as_str(), results),
        ("equal", vec!["equal", "erased", "equal", "equal", "erased", "equal"])
    );
    let answers = reconciled(&mut house, details(A, &days, &rows(&books))).await.unwrap();
    assert!(answers.iter().all(|answer| answer.stmt_rslt == "equal"), "{answers:?}");
    for (place, (answer, own)) in answers.iter().zip(&books).enumerate() {
        let erased = v1::StatementRow {
            mdtrt_id: String::new(),
            psn_no: String::new(),
            fund_pay_sumamt: String::new(),
            commercial_pay: String::new(),
            ..own.row.clone()
        };
        let left = if matches!(place, 1 | 2) { &own.row } else { &erased };
        assert_eq!((answer.booking.as_ref(), answer.entry.as_str()), (Some(left), own.entry));
    }
    // What stood below an erased relative in the family's accumulators stays as it is.
    let correction = with_bill("K2", &below, charged(relative, 900));
    let refused = house.client.correct_settlement(correction).await.unwrap_err();
    let told = info(&refused);
    assert_eq!(
        [told.reason.as_str(), &told.metadata["setl_id"], &told.metadata["because"]],
        ["CANNOT_READJUDICATE", &books[3].row.setl_id, "MESSAGE_ERASED"]
    );
    house.close().await;
}

/// A diagnosis for which no plan pays is booked, and its hospital finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_settlement_that_nobody_pays_for_is_reconciled() {
    let mut house = House::open().await;
    let mut bill = edited("header.msgid = event");
    bill.feedetail.clear();
    let event = v1::EvtInfo {
        evt_no: "E1".to_owned(),
        evt_type: "diagnosis".to_owned(),
        evt_date: "2026-03-05".to_owned(),
        diag_code: "C50.900".to_owned(),
        ..v1::EvtInfo::default()
    };
    bill.evtinfo = vec![event];
    bill.data.as_mut().unwrap().medfee_sumamt = "0".to_owned();
    let answer = house.settle(bill).await.unwrap();
    let days = Days(answer.setl_time[..10].to_owned(), day_after(&answer.setl_time));
    let books = [own(A, "settlement", &answer)];
    let told = house.client.reconcile_totals(totals(A, &books, &days)).await.unwrap().into_inner();
    assert_eq!(told.stmt_rslt, "equal", "{told:?}");
    let answers = reconciled(&mut house, details(A, &days, &rows(&books))).await.unwrap();
    assert_eq!(answers.iter().map(|it| it.stmt_rslt.as_str()).collect::<Vec<_>>(), ["equal"]);
    house.close().await;
}

/// A booking that came while others went on is in the answer or not, never half of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_read_while_settlements_go_on() {
    let mut house = House::open().await;
    let first = house.settle(edited("header.msgid = first")).await.unwrap();
    let days = Days(day_before(&first.setl_time[..10]), day_after(&first.setl_time));
    let mut client = house.client.clone();
    let booking = tokio::spawn(async move {
        for number in 0..60 {
            let name = format!("n{number}");
            let bill = Stay::named(&name, &format!("header.msgid = {name}")).bill;
            client.settle_bill(bill).await.unwrap();
        }
    });
    let mut counts = Vec::new();
    while !booking.is_finished() {
        let answer = cleared(&mut house, clearing(A, "", &days)).await.unwrap();
        let own = &answer.hospitals[0];
        let count: i64 = own.fixmedins_setl_cnt.parse().unwrap();
        assert_eq!(fen(&own.medfee_sumamt), count * 10_000);
        counts.push(count);
    }
    booking.await.unwrap();
    assert!(counts.is_sorted(), "{counts:?}");
    let answer = cleared(&mut house, clearing(A, "", &days)).await.unwrap();
    assert_eq!(answer.hospitals[0].fixmedins_setl_cnt, "61");
    house.close().await;
}

/// `reason field code` of a refusal.
fn told(status: &Status) -> String {
    let metadata = info(status).metadata;
    format!("{} {} {}", reason(status), metadata["field"], metadata["code"])
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_questions_are_refused_by_name() {
    let mut house = House::open().await;
    let days = Days("2026-03-01".to_owned(), "2026-03-31".to_owned());
    let good = clearing("", "", &days);
    for (request, expected) in [
        (v1::ClearingRequest { begndate: String::new(), ..good.clone() }, "begndate required"),
        (v1::ClearingRequest { begndate: "2026-3-1".to_owned(), ..good.clone() }, "begndate bad_date"),
        (v1::ClearingRequest { enddate: "2026-02-28".to_owned(), ..good.clone() }, "enddate date_order"),
        (v1::ClearingRequest { enddate: "2027-03-02".to_owned(), ..good.clone() }, "enddate period_too_long"),
        (
            v1::ClearingRequest { fixmedins_code: "H-1".to_owned(), ..good.clone() },
            "fixmedins_code bad_characters",
        ),
        (v1::ClearingRequest { payer_code: "a b".to_owned(), ..good.clone() }, "payer_code bad_characters"),
    ] {
        let status = cleared(&mut house, request).await.unwrap_err();
        assert_eq!(
            (status.code(), told(&status)),
            (Code::InvalidArgument, format!("INVALID_MESSAGE {expected}"))
        );
    }
    // 2026-03-01 to 2027-03-01 are 366 days.
    cleared(&mut house, v1::ClearingRequest { enddate: "2027-03-01".to_owned(), ..good }).await.unwrap();

    let good = totals(A, &[], &days);
    for (request, expected) in [
        (v1::ReconcileTotalsRequest { header: None, ..good.clone() }, "header required"),
        (v1::ReconcileTotalsRequest { header: header(""), ..good.clone() }, "header.fixmedins_code required"),
        (
            v1::ReconcileTotalsRequest { medfee_sumamt: String::new(), ..good.clone() },
            "medfee_sumamt required",
        ),
        (v1::ReconcileTotalsRequest { acct_pay: "1.001".to_owned(), ..good.clone() }, "acct_pay too_precise"),
        (
            v1::ReconcileTotalsRequest { cash_payamt: "1,00".to_owned(), ..good.clone() },
            "cash_payamt not_a_decimal",
        ),
        (
            v1::ReconcileTotalsRequest { fixmedins_setl_cnt: "-1".to_owned(), ..good.clone() },
            "fixmedins_setl_cnt unknown_code",
        ),
        (
            v1::ReconcileTotalsRequest { refd_setl_flag: "2".to_owned(), ..good.clone() },
            "refd_setl_flag unknown_code",
        ),
    ] {
        let status = house.client.reconcile_totals(request).await.unwrap_err();
        assert_eq!(told(&status), format!("INVALID_MESSAGE {expected}"));
    }

    let row = v1::StatementRow {
        setl_id: "S0000000000000001".to_owned(),
        psn_no: "33010000000000000000012345".to_owned(),
        medfee_sumamt: "1.00".to_owned(),
        fund_pay_sumamt: "0".to_owned(),
        acct_pay: "0".to_owned(),
        ..Default::default()
    };
    for (wrong, expected) in [
        (v1::StatementRow { setl_id: String::new(), ..row.clone() }, "rows[3].setl_id required"),
        (
            v1::StatementRow {
                setl_id: String::new(),
                msgid: "m".to_owned(),
                correction_id: "S1".to_owned(),
                ..row.clone()
            },
            "rows[3].setl_id required",
        ),
        (
            v1::StatementRow { psn_no: "张三丰 12345".to_owned(), ..row.clone() },
            "rows[3].psn_no bad_characters",
        ),
        (v1::StatementRow { acct_pay: String::new(), ..row.clone() }, "rows[3].acct_pay required"),
        (
            v1::StatementRow { refd_setl_flag: "001".to_owned(), ..row.clone() },
            "rows[3].refd_setl_flag unknown_code",
        ),
    ] {
        // In the second batch: places count over the whole stream.
        let rows = [row.clone(), row.clone(), row.clone(), wrong];
        let status = reconciled(&mut house, details(A, &days, &rows)).await.unwrap_err();
        assert_eq!(told(&status), format!("INVALID_MESSAGE {expected}"));
        assert!(!said(&status).contains("张三丰"));
    }
    let mut messages = details(A, &days, &[row]);
    messages[1].header = header(B);
    let status = reconciled(&mut house, messages).await.unwrap_err();
    assert_eq!(told(&status), "INVALID_MESSAGE header differs");
    let status = reconciled(&mut house, Vec::new()).await.unwrap_err();
    assert_eq!(told(&status), "INVALID_MESSAGE header required");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_rows_than_one_call_compares_are_refused_on_either_side() {
    let mut house = House::open_with(|config| config.limits.statement_rows = 3).await;
    let mut books = Vec::new();
    for name in ["one", "two", "three"] {
        let bill = Stay::named(name, &format!("header.msgid = m-{name}")).bill;
        books.push(own(A, "settlement", &house.settle(bill).await.unwrap()));
    }
    // However many others have.
    let elsewhere = format!("header.msgid = m-else\nheader.fixmedins_code = {B}");
    let last = house.settle(Stay::named("else", &elsewhere).bill).await.unwrap();
    let days = Days(day_before(&last.setl_time[..10]), day_after(&last.setl_time));
    let mut sent = rows(&books);
    let answers = reconciled(&mut house, details(A, &days, &sent)).await.unwrap();
    assert!(answers.iter().all(|answer| answer.stmt_rslt == "equal"), "{answers:?}");
    sent.push(sent[0].clone());
    let status = reconciled(&mut house, details(A, &days, &sent)).await.unwrap_err();
    assert_eq!(told(&status), "INVALID_MESSAGE rows too_many_rows");
    house.settle(Stay::named("four", "header.msgid = m-four").bill).await.unwrap();
    let status = reconciled(&mut house, details(A, &days, &sent[..3])).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "PERIOD_TOO_LARGE"));
    // Sums need no rows.
    let answer = cleared(&mut house, clearing(A, "", &days)).await.unwrap();
    assert_eq!(answer.hospitals[0].fixmedins_setl_cnt, "4");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_is_not_read_in_time_says_so() {
    let mut house =
        House::open_with(|config| config.limits.deadline_period = std::time::Duration::ZERO).await;
    let days = Days("2026-03-01".to_owned(), "2026-03-31".to_owned());
    let status = house.client.reconcile_totals(totals(A, &[], &days)).await.unwrap_err();
    assert!(matches!(reason(&status).as_str(), "PERIODS_BUSY" | "PERIOD_UNREAD"), "{status:?}");
    house.close().await;
}
