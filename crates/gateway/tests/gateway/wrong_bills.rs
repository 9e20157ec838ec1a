//! Bills that are wrong in one way each, and what the sender is told. `wrong_bills.txt` is the table.

use bedside_gateway::request;

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
