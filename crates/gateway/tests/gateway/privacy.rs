//! What a hospital sends about a person never comes back in an error.

use bedside_claim::Lang;
use bedside_gateway::errors::Refusal;
use bedside_gateway::{canonical, request, v1};
use proptest::prelude::*;
use tonic::Status;
use tonic_types::StatusExt;

use crate::base::base;

/// Everything a status says, in every form a client or a log may show it.
pub(crate) fn said(status: &Status) -> String {
    let details = status.get_error_details();
    let bytes = String::from_utf8_lossy(status.details()).into_owned();
    format!("{status} {status:?} {details:?} {bytes}")
}

fn personal_fields(request: &mut v1::SettleBillRequest) -> Vec<&mut String> {
    let base = request.baseinfo.as_mut().unwrap();
    let stay = request.mdtrtinfo.as_mut().unwrap();
    let header = request.header.as_mut().unwrap();
    let identity = &mut request.idetinfo[0];
    let diagnosis = &mut request.diseinfo[0];
    let line = &mut request.feedetail[0];
    vec![
        &mut base.psn_no,
        &mut base.certno,
        &mut base.psn_name,
        &mut base.brdy,
        &mut stay.psn_no,
        &mut stay.mdtrt_id,
        &mut stay.ipt_no,
        &mut stay.adm_bed,
        &mut header.opter,
        &mut header.opter_name,
        &mut request.insuinfo[0].balc,
        &mut request.policyinfo[0].policy_no,
        &mut identity.psn_idet_type,
        &mut identity.memo,
        &mut diagnosis.diag_code,
        &mut diagnosis.diag_name,
        &mut line.bilg_dr_codg,
        &mut line.drord_no,
        &mut line.memo,
    ]
}

proptest! {
    #[test]
    fn no_personal_value_is_ever_said(secrets in prop::collection::vec("[A-Z]{2}[ \u{7}-]?[0-9a-z张李]{8,60}", 19)) {
        let mut sent = base();
        // A fault that has nothing to do with them, so that there is always an error.
        sent.data.as_mut().unwrap().medfee_sumamt = "abc".to_owned();
        let fields = personal_fields(&mut sent);
        prop_assert_eq!(fields.len(), secrets.len());
        for (field, secret) in fields.into_iter().zip(&secrets) {
            *field = secret.clone();
        }
        let invalid = request::settle(&sent).unwrap_err();
        let mut said_of = invalid.text(Lang::Zh) + &invalid.text(Lang::En) + &format!("{invalid:?}");
        for fault in invalid.faults() {
            said_of += &(fault.text(Lang::Zh) + &fault.text(Lang::En));
        }
        said_of += &said(&Status::from(Refusal::Invalid(invalid)));

        let stored = canonical::settle_bytes(&base());
        let difference = canonical::Difference::of_settle(&stored, &canonical::settle_bytes(&sent)).unwrap();
        said_of += &format!("{difference:?}");
        said_of += &said(&Status::from(Refusal::Conflict(difference)));
        for secret in &secrets {
            let escaped: String = secret.chars().take(10).collect();
            prop_assert!(!said_of.contains(escaped.as_str()), "{escaped:?} in {said_of}");
        }
    }
}

#[test]
fn a_status_fits_the_trailers_of_every_client() {
    let mut sent = base();
    let wrong =
        v1::FeeDetail { cnt: "数".repeat(50), feedetl_sn: "号".repeat(40), ..sent.feedetail[0].clone() };
    sent.feedetail = vec![wrong; 60];
    let status = Status::from(Refusal::Invalid(request::settle(&sent).unwrap_err()));
    let trailers = status.message().len() * 3 + status.details().len() * 4 / 3;
    assert!(trailers < 8_000, "{trailers} bytes");
    assert!(!status.get_error_details().bad_request().unwrap().field_violations.is_empty());
}
