//! The national platform's answers as they arrive: the anonymised messages under `fixtures/national`, their many
//! spellings, and what breaks them.

use bedside_claim::{Lang, Money, NationalIdentity, PayerKind};
use bedside_gateway::canonical::{cancel_bytes, settle_bytes};
use bedside_gateway::{parse_case, request, v1};
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::base::{BASE, NATIONAL, edited};
use crate::house::{House, info, reason};

/// The message of a sample, byte for byte.
fn sample(name: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Sample<'a> {
        #[serde(borrow)]
        message: &'a RawValue,
    }
    let path = format!("{}/../../fixtures/national/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str::<Sample<'_>>(&text).unwrap().message.get().to_owned()
}

const SETTLE: &str = "01-2304-inpatient-310-large-amount";
const CANCEL: &str = "03-2305-inpatient-cancel-negative";
const FEES: &str = "04-2301-upload-result";
const OUTPATIENT: &str = "07-2207-outpatient-settle-account";

fn raw(raw_json: impl Into<String>) -> v1::NationalAnswer {
    v1::NationalAnswer { raw_json: raw_json.into(), ..v1::NationalAnswer::default() }
}

fn raw_fees(raw_json: impl Into<String>) -> v1::NationalFees {
    v1::NationalFees { raw_json: raw_json.into(), ..v1::NationalFees::default() }
}

/// A line of one unit: amount and its four parts.
fn line(amount: &str, parts: [&str; 4]) -> v1::FeeDetail {
    let [own, over, first, scope] = parts.map(str::to_owned);
    v1::FeeDetail {
        feedetl_sn: "L1".to_owned(),
        fee_ocur_time: "2026-03-01 10:00:00".to_owned(),
        med_list_codg: "NOT-IN-ANY-CATALOGUE".to_owned(),
        medins_list_codg: "Y".to_owned(),
        med_chrgitm_type: "09".to_owned(),
        det_item_fee_sumamt: amount.to_owned(),
        cnt: "1".to_owned(),
        pric: amount.to_owned(),
        fulamt_ownpay_amt: own,
        overlmt_amt: over,
        preselfpay_amt: first,
        inscp_scp_amt: scope,
        ..v1::FeeDetail::default()
    }
}

/// The base message as an employee's, with these lines.
fn bill(total: &str, lines: Vec<v1::FeeDetail>) -> v1::SettleBillRequest {
    let mut bill = edited(&format!(
        "data.medfee_sumamt = {total}\nmdtrtinfo.insutype = 310\ninsuinfo[1].psn_insu_stas = 1\n\
         insuinfo[1].insuplc_admdvs = 330106\ninsuinfo[1].balc = 200.00\nbaseinfo.psn_no = PSN0000001\n\
         mdtrtinfo.psn_no = PSN0000001\nmdtrtinfo.mdtrt_id = MDTRT0000001"
    ));
    bill.feedetail = lines;
    bill
}

/// The bill that sample 01 is about.
fn sample_bill() -> v1::SettleBillRequest {
    bill("23442.46", vec![line("23442.46", ["2533.97", "1396.89", "703.44", "18808.16"])])
}

fn told(request: &v1::SettleBillRequest) -> Vec<String> {
    let error = request::settle(request).unwrap_err();
    error.faults().iter().map(|fault| format!("{}: {fault}", fault.code.code())).collect()
}

fn checked(names: &[NationalIdentity]) -> String {
    names.iter().map(|identity| identity.name()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_settlement_is_adopted_as_it_arrived() {
    let mut bill = sample_bill();
    bill.national = Some(raw(sample(SETTLE)));
    let (_, claim) = request::settle(&bill).unwrap();
    let adopted = claim.adopted.unwrap();
    assert_eq!(adopted.funds, [(PayerKind::LargeAmount, Money::parse("18785.39").unwrap())]);
    assert_eq!(adopted.hosp_part_amt.to_string(), "505.01");
    assert_eq!(adopted.acct_pay.to_string(), "170.04");
    assert_eq!(adopted.act_pay_dedc, Some(Money::ZERO));
    assert_eq!(adopted.pool_prop_selfpay, None, "0.0 says nothing");
    assert_eq!(checked(&adopted.identities), "I1 I2 I3 I4 I5 I7 I8 I12");

    // The bare output is the same answer, and so is the case file that holds it.
    let value: Value = serde_json::from_str(&sample(SETTLE)).unwrap();
    let mut bare = bill.clone();
    bare.national = Some(raw(value["output"].to_string()));
    assert_eq!(settle_bytes(bare), settle_bytes(bill.clone()));
    let mut file = serde_json::to_value(sample_bill()).unwrap();
    file["national"] = json!("HERE");
    let file = file.to_string().replace("\"HERE\"", &sample(SETTLE));
    let case = parse_case(&file).unwrap();
    let fields = case.national.clone().unwrap();
    assert!(fields.raw_json.is_empty() && fields.setlinfo.is_some(), "a case file comes out in fields");
    assert_eq!(request::settle(&case).unwrap(), request::settle(&bill).unwrap());
    assert_eq!(settle_bytes(case), settle_bytes(bill));
}

/// Sample 17: every answer of it is none of a settlement.
#[test]
fn short_answers_are_none() {
    let cases: Vec<Value> = serde_json::from_str(&sample("17-envelope-responses")).unwrap();
    let told: Vec<String> = cases
        .iter()
        .map(|case| {
            let mut bill = sample_bill();
            bill.national = Some(raw(case["response"].to_string()));
            told(&bill).join(" ").split(';').next().unwrap().to_owned()
        })
        .collect();
    let no_setlinfo = "required: `national.setlinfo` is empty";
    let failed = "national_failed: `national.infcode` is `-1`";
    assert_eq!(told, [no_setlinfo, no_setlinfo, failed, no_setlinfo, no_setlinfo]);
}

#[test]
fn an_outpatient_answer_holds_with_the_ratio_of_its_line() {
    let mut charge = line("4.52", ["", "", "", ""]);
    charge.feedetl_sn = "L1".to_owned();
    let mut bill = bill("4.52", vec![charge]);
    bill.mdtrtinfo.as_mut().unwrap().med_type = "11".to_owned();
    bill.national = Some(raw(sample(OUTPATIENT)));
    let row = |first: &str, scope: &str| {
        raw_fees(format!(
            r#"{{"infcode": "0", "output": {{"result": [{{"feedetl_sn": "L1", "det_item_fee_sumamt": 4.52, "cnt": 1.0, "pric": "4.52",
            "pric_uplmt_amt": 999999, "selfpay_prop": 0.05, "fulamt_ownpay_amt": null, "overlmt_amt": 0, "preselfpay_amt": {first},
            "inscp_scp_amt": {scope}, "memo": "x"}}]}}}}"#
        ))
    };
    bill.national_fees = vec![row("0.23", "4.29")];
    let (_, claim) = request::settle(&bill).unwrap();
    assert_eq!(checked(&claim.adopted.unwrap().identities), "I1 I2 I3 I4 I5 I6 I7 I8 I12");

    // 4.52 x 0.05 = 0.226: the platform rounds half up, so 0.22 is none of its own.
    bill.national_fees = vec![row("0.22", "4.30")];
    assert_eq!(
        told(&bill)[0],
        "identity_mismatch: `national_fees[0].result[0].preselfpay_amt` is `0.22`; allowed: \
         det_item_fee_sumamt x selfpay_prop rounded half up to the fen = 0.23 (I6)"
    );
}

/// The bill of sample 04, its lines without splits, and the answer that fits it: all in scope is paid.
fn uploaded() -> v1::SettleBillRequest {
    let value: Value = serde_json::from_str(&sample(FEES)).unwrap();
    let rows = value["output"]["result"].as_array().unwrap();
    let lines = rows.iter().map(|row| {
        let text = |field: &str| row[field].to_string();
        v1::FeeDetail {
            feedetl_sn: row["feedetl_sn"].as_str().unwrap().to_owned(),
            det_item_fee_sumamt: text("det_item_fee_sumamt"),
            cnt: text("cnt"),
            pric: text("pric"),
            ..line("1", ["", "", "", ""])
        }
    });
    // 6+6+1+16+3+3+2+8+36+45+31.5 in scope, five lines of 1.5 own expense.
    let mut bill = bill("165.00", lines.collect());
    bill.national_fees = vec![raw_fees(sample(FEES))];
    bill.national = Some(raw(
        r#"{"setlinfo": {"medfee_sumamt": 165, "fulamt_ownpay_amt": 7.5, "overlmt_selfpay": 0, "preselfpay_amt": 0,
        "inscp_scp_amt": 157.5, "hifp_pay": 157.5, "fund_pay_sumamt": 157.5, "acct_pay": 0, "psn_cash_pay": 7.5}}"#,
    ));
    bill
}

#[test]
fn uploaded_lines_take_their_splits_from_2301() {
    let (_, claim) = request::settle(&uploaded()).unwrap();
    let own: Vec<String> = claim
        .bill
        .lines()
        .iter()
        .map(|line| line.adopted_split.unwrap().fulamt_ownpay_amt.to_string())
        .filter(|own| own != "0.00")
        .collect();
    assert_eq!(own, ["1.50"; 5]);
    assert_eq!(checked(&claim.adopted.unwrap().identities), "I1 I3 I4 I5 I6 I7");
    // The 2301 answers may also stand without a 2304 answer: only the splits are the platform's then.
    let mut bill = uploaded();
    bill.national = None;
    assert!(request::settle(&bill).unwrap().1.adopted.is_none());
}

#[test]
fn uploads_that_are_not_about_the_bill_are_told() {
    let swapped = |from: &str, to: &str| {
        let mut bill = uploaded();
        let text = sample(FEES);
        assert!(text.contains(from), "{from}");
        bill.national_fees = vec![raw_fees(text.replacen(from, to, 1))];
        told(&bill).remove(0)
    };
    let table = [
        (
            "\"feedetl_sn\": \"L0016\"",
            "\"feedetl_sn\": \"L0017\"",
            "no_such_row: `national_fees[0].result[15].feedetl_sn` is `L0017`; allowed: the feedetl_sn of a line that \
             feedetail has",
        ),
        (
            "\"cnt\": 3.0",
            "\"cnt\": 2.0",
            "differs: `national_fees[0].result[0].cnt` is `2`; allowed: the same as on the line in feedetail = 3",
        ),
        (
            "\"inscp_scp_amt\": 6.0",
            "\"inscp_scp_amt\": 5.99",
            "split_mismatch: `feedetail[0].det_item_fee_sumamt` (feedetl_sn `L0001`) is `6.0`; allowed: the sum of the four \
             parts of the split = 5.99 (I4)",
        ),
        (
            "\"preselfpay_amt\": 0.0",
            "\"preselfpay_amt\": true",
            "not_json: `national_fees[0].result[0].preselfpay_amt` is `true or false`; allowed: a text, a number or null",
        ),
    ];
    for (from, to, expected) in table {
        assert_eq!(swapped(from, to), expected);
    }
    let mut bill = uploaded();
    bill.national_fees.push(raw_fees(sample(FEES)));
    request::settle(&bill).expect("the same rows again say nothing new");
    bill.national_fees[1] =
        raw_fees(sample(FEES).replacen("\"selfpay_prop\": 0.0", "\"selfpay_prop\": 0.1", 1));
    assert!(told(&bill)[0].starts_with("duplicate_row: `national_fees[1].result[0].feedetl_sn` is `L0001`"));
}

#[test]
fn an_answer_that_is_none_says_so() {
    let settle = sample(SETTLE);
    let deep = format!("{}1{}", "[".repeat(17), "]".repeat(17));
    let table = [
        (r#"{"infcode": -1, "err_msg": ""}"#.to_owned(), "national_failed: `national.infcode` is `-1`"),
        (r#"{"infcode": "-2", "output": {}}"#.to_owned(), "national_failed: `national.infcode` is `-2`"),
        (r#"{"infcode": "0", "output": {}}"#.to_owned(), "required: `national.setlinfo` is empty"),
        (r#"{"infcode": 0, "output": null}"#.to_owned(), "required: `national.setlinfo` is empty"),
        (r#"{"infcode": 0}"#.to_owned(), "required: `national.setlinfo` is empty"),
        (r#"{"code": 999, "msg": "x"}"#.to_owned(), "required: `national.setlinfo` is empty"),
        (r#"{"infcode": 0, "output": []}"#.to_owned(), "not_json: `national.output` is `a list`"),
        ("[]".to_owned(), "not_json: `national.raw_json` is *** (2 characters)"),
        ("{\"setlinfo\": 7}".to_owned(), "not_json: `national.setlinfo` is `a number`"),
        (
            "{\"setlinfo\": {}, \"setldetail\": [7]}".to_owned(),
            "not_json: `national.setldetail[0]` is `a number`",
        ),
        (settle[..settle.len() - 1].to_owned(), "not_json: `national.raw_json` is *** ("),
        (deep, "too_large: `national.raw_json` is *** ("),
        (" ".repeat(256 << 10) + &settle, "too_large: `national.raw_json` is *** ("),
        (
            settle.replacen("18785.39", "18785.391", 1),
            "too_precise: `national.setlinfo.hifob_pay` is `18785.391`",
        ),
        (
            settle.replacen("18785.39", "\"1,8785.39\"", 1),
            "not_a_decimal: `national.setlinfo.hifob_pay` is `1,8785.39`",
        ),
        (settle.replacen("18785.39", "{}", 1), "not_json: `national.setlinfo.hifob_pay` is `an object`"),
        (
            settle.replacen("18785.39", "-18785.39", 1),
            "negative: `national.setlinfo.hifob_pay` is `-18785.39`",
        ),
        (
            settle.replacen("\"hifob_pay\": 18785.39", "\"hifob_pay\": 1, \"hifob_pay\": 18785.39", 1),
            "duplicate_row: `national.setlinfo.hifob_pay` is empty",
        ),
    ];
    for (text, expected) in table {
        let mut bill = sample_bill();
        bill.national = Some(raw(text));
        let told = told(&bill);
        assert!(told.iter().any(|fault| fault.starts_with(expected)), "{expected}: {told:#?}");
    }
    let mut both = sample_bill();
    both.national =
        Some(v1::NationalAnswer { setlinfo: Some(v1::NationalSetlInfo::default()), ..raw(settle) });
    assert!(told(&both)[0].starts_with("differs: `national.raw_json` is *** ("));
}

#[test]
fn no_name_or_certificate_of_an_answer_is_stored_or_told() {
    let mut bill = sample_bill();
    let secret = "李四丰收";
    let text = sample(SETTLE).replace("REDACTED", secret).replacen(
        "\"fund_pay_type\": \"330101\"",
        &format!("\"setl_proc_info\": \"{secret} 统筹 100.00*0.5\", \"fund_pay_type\": \"330101\""),
        1,
    );
    bill.national = Some(raw(text.clone()));
    request::settle(&bill).unwrap();
    let bytes = settle_bytes(bill.clone());
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!has(secret) && has("100.00*0.5"));
    bill.national = Some(raw(text.replacen('{', "{{", 1)));
    let told = told(&bill).join("\n");
    assert!(told.contains("***") && !told.contains(secret), "{told}");
}

/// One fen breaks each identity; both sides are told, in both languages.
#[test]
fn every_identity_is_told_with_both_sides() {
    let table = [
        // psn_part_amt and psn_cash_pay together, so that I2 still holds.
        (
            "4152.06|3982.02",
            "4152.07|3982.03",
            "medfee_sumamt",
            "23442.46",
            "fund_pay_sumamt + hosp_part_amt + psn_part_amt = 23442.47 (I1)",
        ),
        ("3982.02", "3982.01", "psn_part_amt", "4152.06", "acct_pay + psn_cash_pay = 4152.05 (I2)"),
        (
            "2533.97",
            "2533.98",
            "medfee_sumamt",
            "23442.46",
            "fulamt_ownpay_amt + overlmt_selfpay + preselfpay_amt + inscp_scp_amt = 23442.47 (I3)",
        ),
        (
            "2533.97|1396.89",
            "2533.98|1396.88",
            "fulamt_ownpay_amt",
            "2533.98",
            "the sum of this part over the lines = 2533.97 (I4)",
        ),
        (
            "\"oth_pay\": 0.0",
            "\"oth_pay\": 0.01",
            "fund_pay_sumamt",
            "18785.39",
            "hifp_pay + cvlserv_pay + hifes_pay + hifmi_pay + hifob_pay + maf_pay + oth_pay = 18785.40 (I7)",
        ),
        (
            "\"oth_pay\": 0.0",
            "\"hifdm_pay\": 0.01",
            "fund_pay_sumamt",
            "18785.39",
            "hifp_pay + cvlserv_pay + hifes_pay + hifmi_pay + hifob_pay + maf_pay + oth_pay + hifdm_pay = 18785.40 (I7)",
        ),
        (
            "\"fund_payamt\": 505.01",
            "\"fund_payamt\": 505.00",
            "fund_pay_sumamt",
            "18785.39",
            "sum of setldetail.fund_payamt = 19460.43 must equal fund_pay_sumamt + acct_pay + hosp_part_amt = 19460.44 (I8)",
        ),
        (
            "\"fund_pay_type\": \"330101\"",
            "\"setl_proc_info\": \"1.00 × 50% = 0.5\", \"fund_pay_type\": 310100",
            "hifp_pay",
            "0.00",
            "1.00 x 0.5 in setl_proc_info, rounded half up to the fen = 0.50 (I9)",
        ),
        (
            "\"acct_mulaid_pay\": 0",
            "\"acct_mulaid_pay\": 170.05",
            "acct_mulaid_pay",
            "170.05",
            "no more than acct_pay = 170.04 (I12)",
        ),
    ];
    for (from, to, field, value, allowed) in table {
        let mut text = sample(SETTLE);
        for (from, to) in from.split('|').zip(to.split('|')) {
            assert!(text.contains(from), "{from}");
            text = text.replacen(from, to, 1);
        }
        let mut bill = sample_bill();
        bill.national = Some(raw(text));
        let expected =
            format!("identity_mismatch: `national.setlinfo.{field}` is `{value}`; allowed: {allowed}");
        let told_all = told(&bill);
        assert_eq!(told_all[0], expected, "{told_all:#?}");
        let zh = request::settle(&bill).unwrap_err().text(Lang::Zh);
        assert!(zh.contains("（I") && zh.contains(value), "{zh}");
    }
}

/// The settlement that sample 03 takes back: its amounts with the sign turned, under their own names.
fn before_the_cancellation() -> v1::SettleBillRequest {
    let mut bill = bill("3379.26", vec![line("3379.26", ["956.34", "186.31", "197.22", "2039.39"])]);
    bill.national = Some(raw(
        r#"{"setlinfo": {"medfee_sumamt": 3379.26, "fulamt_ownpay_amt": 956.34, "overlmt_selfpay": 186.31, "preselfpay_amt": 197.22,
        "inscp_scp_amt": 2039.39, "hifob_pay": 2039.39, "fund_pay_sumamt": 2039.39, "hosp_part_amt": 32.86,
        "psn_part_amt": 1307.01, "acct_pay": 0, "psn_cash_pay": 1307.01}}"#,
    ));
    bill
}

#[tokio::test]
async fn a_cancellation_is_the_negation_of_what_was_adopted() {
    let mut house = House::open().await;
    let settled = house.settle(before_the_cancellation()).await.unwrap();
    assert_eq!(settled.identities_checked, ["I1", "I2", "I3", "I4", "I5", "I7"]);
    assert!(settled.own_computation.is_some());

    // A fen less from the fund and more in cash adds up in itself, and is another settlement's.
    let other = sample(CANCEL)
        .replace("-2039.39", "-2039.38")
        .replace("-1307.01", "-1307.02")
        .replace("\"inscp_scp_amt\": -2039.38", "\"inscp_scp_amt\": -2039.39");
    let status = house.cancel_with("C1", &settled, Some(raw(other))).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_MESSAGE");
    assert_eq!(info(&status).metadata["faults"], "3");
    assert!(
        status.message().starts_with(
            "`national.setlinfo.fund_pay_sumamt` is `-2039.38`; allowed: the negation of the same field of the adopted \
             2304 answer = -2039.39 (I10)"
        ),
        "{status}"
    );
    let positive = sample(CANCEL).replacen("-3379.26", "3379.26", 1);
    let status = house.cancel_with("C1", &settled, Some(raw(positive))).await.unwrap_err();
    assert!(status.message().contains("(I10)"), "{status}");

    let mirror = house.cancel_with("C1", &settled, Some(raw(sample(CANCEL)))).await.unwrap();
    assert_eq!(mirror.identities_checked, ["I1", "I2", "I3", "I7", "I8", "I10"]);
    assert_eq!(mirror.setlinfo.as_ref().unwrap().hifob_pay, "-2039.39");
    let again = house.cancel_with("C1", &settled, Some(raw(sample(CANCEL)))).await.unwrap();
    assert_eq!(again, mirror);
    house.close().await;
}

#[tokio::test]
async fn a_cancellation_of_what_was_computed_takes_no_national_answer() {
    let mut house = House::open().await;
    let settled = house.settle(crate::base::base()).await.unwrap();
    let status = house.cancel_with("C1", &settled, Some(raw(sample(CANCEL)))).await.unwrap_err();
    assert!(
        status.message().starts_with("`national` is empty; allowed: empty, because the settlement"),
        "{status}"
    );
    house.cancel_with("C1", &settled, None).await.unwrap();
    house.close().await;
}

#[tokio::test]
async fn a_verbatim_answer_travels_and_is_answered_for_ever() {
    let mut house = House::open().await;
    let mut bill = sample_bill();
    bill.national = Some(raw(sample(SETTLE)));
    let settled = house.settle(bill.clone()).await.unwrap();
    let causes: Vec<_> = settled.variances.iter().map(|variance| variance.causes[0].code.as_str()).collect();
    assert_eq!(causes, ["unknown", "no_pack"]);
    let own = settled.own_computation.as_ref().unwrap();
    // (18,808.16 - 800) x 84 %.
    assert_eq!(own.payments.len(), 1);
    assert_eq!((own.payments[0].amount.as_str(), own.payments[0].origin.as_str()), ("15126.85", "computed"));
    assert!(own.explanation.iter().any(|step| step.kind == "band"));
    // Another spelling of the same answer is the same message.
    bill.national = Some(raw(sample(SETTLE).replace("18785.39", "\"18785.390\"").replace("0.0,", "null,")));
    // pool_prop_selfpay, balc and oth_pay of 0.0 said nothing; oth_pay as null still is nothing, but another text.
    let other = house.settle(bill.clone()).await;
    assert_eq!(other.map_err(|status| reason(&status)), Err("MESSAGE_CONFLICT".to_owned()));
    bill.national =
        Some(raw(sample(SETTLE).replace("18785.39", "\"18785.390\"").replace("505.01", "5.0501e2")));
    assert_eq!(house.settle(bill).await.unwrap(), settled);
    house.close().await;
}

/// Our own pre-settlement, written as the platform would write it: 2304 in numbers, 2301 for the lines.
#[tokio::test]
async fn our_own_result_as_the_platforms_has_no_variance() {
    let mut house = House::open().await;
    let mut charges = Vec::new();
    for (number, (code, amount)) in
        [("000102810785-010270013", "3600.00"), ("XC15XCA000A008064084520", "1234.56"), ("UNLISTED", "77.70")]
            .into_iter()
            .enumerate()
    {
        let mut charge = line(amount, ["", "", "", ""]);
        charge.feedetl_sn = format!("L{number}");
        charge.med_list_codg = code.to_owned();
        charge.hosp_appr_flag = "1".to_owned();
        charges.push(charge);
    }
    let mut bill = bill("4912.26", charges);
    bill.policyinfo.clear();
    let request = v1::PreSettleRequest {
        subject: Some(v1::pre_settle_request::Subject::Bill(bill.clone())),
        ..v1::PreSettleRequest::default()
    };
    let ours = house.client.pre_settle(request).await.unwrap().into_inner().settlement.unwrap();
    let number = |value: &str| serde_json::from_str::<Value>(value).unwrap();
    let info = serde_json::to_value(ours.setlinfo.clone().unwrap()).unwrap();
    let info: serde_json::Map<String, Value> = info
        .as_object()
        .unwrap()
        .iter()
        .map(|(field, value)| (field.clone(), number(value.as_str().unwrap())))
        .collect();
    let rows: Vec<Value> = ours
        .lines
        .iter()
        .map(|line| {
            json!({
                "feedetl_sn": line.feedetl_sn, "det_item_fee_sumamt": number(&line.det_item_fee_sumamt),
                "fulamt_ownpay_amt": number(&line.fulamt_ownpay_amt), "overlmt_amt": number(&line.overlmt_amt),
                "preselfpay_amt": number(&line.preselfpay_amt), "inscp_scp_amt": number(&line.inscp_scp_amt),
                "selfpay_prop": line.selfpay_prop, "pric_uplmt_amt": line.pric_uplmt_amt,
            })
        })
        .collect();
    bill.national = Some(raw(json!({"infcode": 0, "output": {"setlinfo": info}}).to_string()));
    bill.national_fees = vec![raw_fees(json!({"output": {"result": rows}}).to_string())];
    let adopted = house.settle(bill.clone()).await.unwrap();
    assert_eq!(adopted.variances, vec![]);
    let paid = |settlement: &v1::Settlement| settlement.setlinfo.clone().unwrap().hifp_pay;
    assert_eq!(paid(&adopted), paid(&ours));
    assert_ne!(paid(&adopted), "0.00");
    assert_eq!(adopted.own_computation.clone().unwrap().payments, ours.payments);

    // The platform charges no deductible and pays at the same rate: 800 x 84 % more.
    let mut info = info;
    let more = |info: &mut serde_json::Map<String, Value>, field: &str, by: i64| {
        let amount = Money::parse(&info[field].to_string()).unwrap().units() + by;
        info.insert(field.to_owned(), number(&Money::from_units(amount).to_string()));
    };
    more(&mut info, "hifp_pay", 67_200);
    more(&mut info, "fund_pay_sumamt", 67_200);
    more(&mut info, "psn_part_amt", -67_200);
    more(&mut info, "psn_cash_pay", -67_200);
    info.insert("act_pay_dedc".to_owned(), json!(0));
    bill.national = Some(raw(json!({"setlinfo": info}).to_string()));
    bill.header.as_mut().unwrap().msgid = "OTHER".to_owned();
    let request = v1::PreSettleRequest {
        subject: Some(v1::pre_settle_request::Subject::Bill(bill)),
        ..v1::PreSettleRequest::default()
    };
    house.cancel("C1", &adopted).await.unwrap();
    let other = house.client.pre_settle(request).await.unwrap().into_inner().settlement.unwrap();
    let told: Vec<_> = other.variances.iter().flat_map(|variance| &variance.causes).collect();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].code.as_str(), told[0].amount.as_str()), ("deductible", "672.00"));
    assert_eq!((told[0].ours.as_str(), told[0].theirs.as_str()), ("800.00", "0.00"));
    house.close().await;
}

/// A field of the answer under one of its names, in one of its spellings.
fn spelled(field: &str, value: &str, name: usize, how: usize) -> String {
    let aliases: &[&str] = match field {
        "medfee_sumamt" => &["med_fee_sumamt"],
        "overlmt_selfpay" => &["overlmt_amt"],
        "preselfpay_amt" => &["prese_ifpay_amt"],
        "inscp_scp_amt" => &["inscp_amt"],
        "oth_pay" => &["othfund_pay"],
        "hosp_part_amt" => &["ownpay_hosp_part"],
        "psn_part_amt" => &["psn_pay"],
        "psn_cash_pay" => &["cash_payamt", "cashPayamt", "psn_cashpay", "psnCash_pay", "pdn_cash_pay"],
        _ => &[],
    };
    let value = match how {
        0 => value.to_owned(),
        1 => format!("\"{value}\""),
        2 => format!("{value}000"),
        3 => format!("\" {value} \""),
        _ => {
            let fen = Money::parse(value).unwrap().units();
            format!("{fen}e-2")
        }
    };
    match aliases.get(name % (aliases.len() + 1)) {
        None => format!("\"{field}\": {value}"),
        Some(alias) => format!("\"{field}\": null, \"{alias}\": {value}"),
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        prop::sample::select(vec![
            "infcode",
            "output",
            "setlinfo",
            "setldetail",
            "result",
            "raw_json",
            "hifp_pay",
            "feedetl_sn",
            "setl_proc_info",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,6}",
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn every_spelling_is_the_same_message(
        spellings in prop::collection::vec((0usize..6, 0usize..5), 24),
        envelope in 0usize..3,
        noise in any_json(),
    ) {
        let mut plain = edited("national");
        let answer: Value = serde_json::from_str(NATIONAL).unwrap();
        let mut spellings = spellings.into_iter();
        let mut info: Vec<String> = answer["setlinfo"].as_object().unwrap().iter().map(|(field, value)| {
            let (name, how) = spellings.next().unwrap();
            spelled(field, &Money::parse(value.as_str().unwrap()).unwrap().to_string(), name, how)
        }).collect();
        info.push(format!("\"something_else\": {noise}, \"psn_name\": \"赵钱孙\""));
        let rows = answer["setldetail"].to_string();
        let output = format!("{{\"setlinfo\": {{{}}}, \"setldetail\": {rows}, \"other\": {noise}}}", info.join(", "));
        let text = match envelope {
            0 => output,
            1 => format!("{{\"infcode\": 0, \"err_msg\": null, \"output\": {output}}}"),
            _ => format!("{{\"output\": {output}, \"infcode\": \"0\", \"warn_msg\": {noise}}}"),
        };
        // Noise may nest deeper than an answer may.
        prop_assume!(noise.to_string().matches(['[', '{']).count() < 10);
        let expected = request::settle(&plain).unwrap();
        let bytes = settle_bytes(plain.clone());
        plain.national = Some(raw(text));
        prop_assert_eq!(&request::settle(&plain).unwrap(), &expected);
        prop_assert_eq!(settle_bytes(plain), bytes);
    }

    #[test]
    fn any_text_is_an_answer_or_is_told_why_not(json in any_json(), cut in any::<prop::sample::Index>(), byte in 0u8..128) {
        let mut bytes = sample(SETTLE).into_bytes();
        let place = cut.index(bytes.len());
        bytes[place] = byte;
        let mutated = String::from_utf8(bytes).unwrap_or_default();
        for text in [json.to_string(), format!("{{\"output\": {json}}}"), mutated, sample(SETTLE)[..place].to_owned()] {
            let mut bill = sample_bill();
            bill.national = Some(raw(text.clone()));
            bill.national_fees = vec![raw_fees(text.clone())];
            let _ = request::settle(&bill);
            let _ = settle_bytes(bill);
            let cancel = v1::CancelSettlementRequest { national: Some(raw(text.clone())), ..Default::default() };
            prop_assert!(request::cancel(&cancel).is_err());
            let _ = cancel_bytes(cancel);
            let _ = parse_case(&BASE.replacen('{', &format!("{{\"national\": {text},"), 1));
        }
    }
}

/// A case file reads a verbatim answer before its fields are asked; what is wrong in the reading is told all the same.
#[test]
fn a_case_file_tells_what_is_wrong_in_a_verbatim_answer() {
    let case = include_str!("../../../../fixtures/case-files/national-verbatim.json");
    let field = |name: &str, value: &str| {
        let start = case.find(&format!("\"{name}\":")).unwrap();
        let end = start + case[start..].find([',', '\n']).unwrap();
        format!("{}\"{name}\": {value}{}", &case[..start], &case[end..])
    };
    let cases = [
        (field("hifob_pay", "18785.39, \"hifob_pay\": 1"), "duplicate_row"),
        (field("psn_cash_pay", "3982.02, \"psn_cash_pay\": 0"), "duplicate_row"),
        (field("hifp_pay", "[12000.00]"), "not_json"),
        (field("cvlserv_pay", "{\"amount\": 500}"), "not_json"),
        (field("psn_part_amt", "true"), "not_json"),
        (field("acct_mulaid_pay", "[\"9999999\"]"), "not_json"),
        (field("infcode", "false"), "not_json"),
        (field("infcode", "null"), "national_failed"),
        (field("infcode", "0, \"infcode\": -1"), "duplicate_row"),
    ];
    for (text, code) in cases {
        let bill = bedside_gateway::parse_case(&text).unwrap();
        let told = told(&bill);
        assert!(told.iter().any(|fault| fault.starts_with(code)), "{code}: {told:?}");
    }
}

#[test]
fn an_answer_about_another_person_visit_or_insurance_is_refused() {
    for (own, other) in [("PSN0000001", "PSN0000002"), ("MDTRT0000001", "MDTRT0000002")] {
        let mut bill = sample_bill();
        bill.national = Some(raw(sample(SETTLE).replace(own, other)));
        let told = told(&bill);
        assert!(told.len() == 1 && told[0].starts_with("differs: `national.setlinfo."), "{told:?}");
        assert!(!told[0].contains(other), "{told:?}");
    }
    let mut bill = sample_bill();
    bill.national = Some(raw(sample(SETTLE).replace("\"insutype\": \"310\"", "\"insutype\": \"390\"")));
    assert_eq!(
        told(&bill),
        ["differs: `national.setlinfo.insutype` is `390`; allowed: the bill's own, or empty"]
    );
}

/// Whose account paid, and what is left on it, is what the platform says.
#[test]
fn the_accounts_are_the_platforms() {
    let library = bedside_policy::Library::builtin().unwrap();
    let settled = |answer: String| {
        let mut bill = sample_bill();
        bill.national = Some(raw(answer));
        let (envelope, claim) = request::settle(&bill).unwrap();
        let programme = library.programme_for(&claim).unwrap();
        let settlement =
            bedside_adjudication::adjudicate(&claim, &programme, &bedside_claim::Accumulators::default())
                .unwrap();
        let info =
            bedside_gateway::answer::settlement(&claim, &envelope, &settlement, None).unwrap().setlinfo;
        info.map(|info| (info.acct_pay, info.acct_mulaid_pay, info.balc)).unwrap()
    };
    let expected = |mulaid: &str, balc: &str| ("170.04".to_owned(), mulaid.to_owned(), balc.to_owned());
    assert_eq!(settled(sample(SETTLE)), expected("0.00", "0.00"));
    let relatives = sample(SETTLE).replace("\"acct_mulaid_pay\": 0", "\"acct_mulaid_pay\": 100");
    assert_eq!(settled(relatives.replace("\"balc\": 0.0", "\"balc\": 55.50")), expected("100.00", "55.50"));
    let unsaid = sample(SETTLE).replace("\"balc\": 0.0", "\"balc\": null");
    let unsaid = unsaid.replace("\"acct_mulaid_pay\": 0", "\"acct_mulaid_pay\": null");
    assert_eq!(settled(unsaid), expected("0.00", "29.96"));
}
