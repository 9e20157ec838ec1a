//! Bills that are wrong in one way each, and what the sender is told. `wrong_bills.txt` is the table.

use bedside_gateway::request;
use proptest::prelude::*;

use crate::base::edited;

/// Says what is wrong with each bill of the table: a `> ` line has the edits of the base message, joined by ` + `.
fn told(table: &str) -> String {
    let mut told = String::new();
    for edits in table.lines().filter_map(|line| line.strip_prefix("> ")) {
        told.push_str(&format!("> {edits}\n"));
        let request = edited(&edits.replace(" + ", "\n"));
        let error = request::settle(&request).expect_err(edits);
        assert_eq!(error.count(), error.faults().len());
        for fault in error.faults() {
            told.push_str(&format!("{}: {fault}\n", fault.code.code()));
        }
    }
    told
}

#[test]
fn every_wrong_bill_is_told_what_is_wrong() {
    let table = include_str!("wrong_bills.txt");
    assert!(table.lines().filter(|line| line.starts_with("> ")).count() >= 110);
    let told = told(table);
    // Read what it wrote before it is committed.
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateway/wrong_bills.txt"), &told).unwrap();
        return;
    }
    let first = told.lines().zip(table.lines()).find(|(told, written)| told != written);
    assert!(first.is_none(), "told and written: {first:#?}");
    assert_eq!(told.len(), table.len());
}

#[test]
fn the_base_message_is_right() {
    let (envelope, claim) = request::settle(&edited("")).unwrap();
    assert_eq!(&*envelope.fixmedins_code, "H33010600001");
    assert_eq!(claim.bill.medfee_sumamt().to_string(), "100.00");
    assert_eq!(&*claim.visit.diagnoses[0].diag_code, "J18.900");
    let cover = claim.person.policies[0].cover;
    assert_eq!(cover.until.unwrap().to_string(), "2027-01-01");
    assert_eq!(claim.person.identities[0].span.until, None);
    assert!(claim.adopted.is_none());
    let (_, claim) = request::settle(&edited("national")).unwrap();
    assert_eq!(claim.adopted.unwrap().funds.len(), 2);
}

#[test]
fn faults_beyond_fifty_are_counted() {
    let mut request = edited("");
    let wrong = bedside_gateway::v1::FeeDetail { cnt: "x".to_owned(), ..request.feedetail[0].clone() };
    request.feedetail = vec![wrong; 60];
    let error = request::settle(&request).unwrap_err();
    assert_eq!((error.faults().len(), error.count()), (50, 60));
    assert!(error.to_string().ends_with("; and 59 more"), "{error}");
}

#[test]
fn both_languages_say_the_same() {
    let error = request::settle(&edited("feedetail[0].pric = abc")).unwrap_err();
    assert_eq!(
        error.text(bedside_claim::Lang::Zh),
        "`feedetail[0].pric`（feedetl_sn `1`）为 `abc`；允许：单价，纯十进制文本，至多 10 位整数、6 位小数"
    );
}

/// The path of every text in a message.
fn leaves(path: &str, value: &serde_json::Value, paths: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(node) => {
            for (name, value) in node {
                leaves(&format!("{path}/{name}"), value, paths);
            }
        }
        serde_json::Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                leaves(&format!("{path}/{index}"), value, paths);
            }
        }
        _ => paths.push(path.to_owned()),
    }
}

proptest! {
    #[test]
    fn any_message_is_a_claim_or_is_told_why_not(
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[-0-9.]{0,20}|\\PC{0,60}|[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?"), 1..6)
    ) {
        let mut message = serde_json::to_value(edited("national")).unwrap();
        let mut paths = Vec::new();
        leaves("", &message, &mut paths);
        for (place, value) in edits {
            *message.pointer_mut(&paths[place.index(paths.len())]).unwrap() = value.into();
        }
        let message: bedside_gateway::v1::SettleBillRequest = serde_json::from_value(message).unwrap();
        if let Err(error) = request::settle(&message) {
            prop_assert!(error.count() > 0);
        }
    }
}
