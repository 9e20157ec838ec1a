//! The JSON door.

use bedside_gateway::{parse_case, to_json, v1};

use crate::base::{BASE, NATIONAL, base};

#[test]
fn the_base_message_reads_and_writes_back() {
    let request = parse_case(BASE).unwrap();
    assert_eq!(request, base());
    let again = serde_json::to_string(&request).unwrap();
    assert_eq!(parse_case(&again).unwrap(), request);
    let with_answer = BASE.replacen('{', &format!("{{\"national\": {NATIONAL},"), 1);
    assert!(parse_case(&with_answer).unwrap().national.is_some());
}

#[test]
fn a_case_that_is_not_one_is_told_where_and_why() {
    let table: &[(&str, &str, &str)] = &[
        (
            "\"cnt\": \"3\"",
            "\"cnt\": 3",
            "line 29 column 99, `feedetail[0].cnt`: expected a string, found a number",
        ),
        (
            "\"pric\": \"60\"",
            "\"pric\": 60.5",
            "line 34 column 115, `feedetail[2].pric`: expected a string, found a number",
        ),
        (
            "\"psn_no\": \"33010000000000000000012345\", \"psn_cert_type\"",
            "\"psn_no\": 330100000000000045, \"psn_cert_type\"",
            "line 8 column 32, `baseinfo.psn_no`: expected a string, found a number",
        ),
        ("\"gend\"", "\"gender\"", "line 9 column 37, `baseinfo.gender`: unknown field `gender`"),
        (
            "\"gend\": \"1\"",
            "\"gend\": \"1\", \"gend\": \"1\"",
            "line 9 column 48, `baseinfo`: field `gend` stands here twice",
        ),
        (
            "\"gend\": \"1\"",
            "\"gend\": null",
            "line 9 column 41, `baseinfo.gend`: expected a string, found null",
        ),
        (
            "\"insuinfo\": [",
            "\"insuinfo\": [7,",
            "line 11 column 16, `insuinfo[0]`: expected an object, found a number",
        ),
        (
            "\"invono\": \"INV1\"}\n}",
            "\"invono\": \"INV1\"}\n} x",
            "line 41 column 3, `.`: trailing characters",
        ),
        (
            "\"invono\": \"INV1\"}\n}",
            "\"invono\": \"INV1\"",
            "line 40 column 54, `data`: EOF while parsing an object",
        ),
    ];
    for (from, to, expected) in table {
        assert_eq!(BASE.matches(from).count(), 1, "{from}");
        let error = parse_case(&BASE.replace(from, to)).unwrap_err();
        assert_eq!(error.to_string(), *expected);
    }
}

#[test]
fn a_settlement_is_written_with_the_national_names() {
    let setlinfo = v1::SetlInfo { medfee_sumamt: "100.00".to_owned(), ..v1::SetlInfo::default() };
    let settlement =
        v1::Settlement { setl_id: "S1".to_owned(), setlinfo: Some(setlinfo), ..v1::Settlement::default() };
    let json = to_json(&settlement);
    assert_eq!(
        json.split_whitespace().collect::<String>(),
        r#"{"setl_id":"S1","setlinfo":{"medfee_sumamt":"100.00"}}"#
    );
}
