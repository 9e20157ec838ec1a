//! What is written as a case file is read as the same claim.

use std::path::Path;

use bedside_analysis::typical;
use bedside_claim::Claim;
use bedside_gateway::request::{self, Envelope};
use bedside_gateway::{case_file_json, parse_case_file, written};
use bedside_policy::Library;

fn read_again(envelope: &Envelope, claim: &Claim) -> (Envelope, Claim) {
    let text = case_file_json(vec![written::case(envelope, claim).unwrap()]);
    let file = parse_case_file(&text).unwrap();
    let (envelope, claim) =
        request::settle(&file.bills[0]).unwrap_or_else(|invalid| panic!("{invalid:?}\n{text}"));
    (envelope, plain(claim))
}

/// Without the list of identities that were checked: a written answer has only the fields that are adopted.
fn plain(mut claim: Claim) -> Claim {
    if let Some(adopted) = &mut claim.adopted {
        adopted.identities.clear();
    }
    claim
}

#[test]
fn every_typical_bill_is_read_as_it_was_made() {
    let library = Library::builtin().unwrap();
    let mut claims = 0;
    for plan in library.plans() {
        let Some(typical) = typical(&library, plan) else { continue };
        for bill in &typical.bills {
            for claim in bill.trial.claims(&typical.stage).unwrap() {
                let fixmedins_code = claim.visit.hospital.fixmedins_code.clone();
                let envelope = Envelope { msgid: "M1".into(), fixmedins_code };
                assert_eq!(read_again(&envelope, &claim), (envelope, plain(claim)), "{}", bill.name_en);
                claims += 1;
            }
        }
    }
    assert!(claims > 300, "{claims}");
}

#[test]
fn every_example_case_file_is_written_as_it_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/case-files");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for bill in parse_case_file(&text).unwrap().bills {
            let (envelope, claim) = request::settle(&bill).unwrap();
            assert_eq!(read_again(&envelope, &claim), (envelope, plain(claim)));
        }
    }
}
