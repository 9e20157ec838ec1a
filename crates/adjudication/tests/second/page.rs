//! A person's history as a page that a claims examiner can read.
//!
//! Must not know either reading; it shows what was asked, not what came of it.

use std::fmt::Write;

use bedside_claim::{AccountUse, Claim, HospitalApproval, Span};

fn span(span: &Span) -> String {
    let day = |day: Option<bedside_claim::Date>| day.map_or("open".to_owned(), |day| day.to_string());
    format!("[{}, {})", day(span.from), day(span.until))
}

/// The person and every bill in order.
pub(crate) fn history(claims: &[Claim]) -> String {
    let mut page = String::new();
    let Some(first) = claims.first() else { return page };
    let person = &first.person;
    let insurance = &person.insurance;
    writeln!(
        page,
        "person: insutype {}, psn_type {}, insured in {}",
        insurance.insutype, insurance.psn_type, insurance.insuplc_admdvs
    )
    .unwrap();
    for identity in &person.identities {
        writeln!(page, "  identity {} {}", identity.psn_idet_type, span(&identity.span)).unwrap();
    }
    for policy in &person.policies {
        writeln!(page, "  policy {} {}", policy.product, span(&policy.cover)).unwrap();
    }
    for (number, claim) in claims.iter().enumerate() {
        let visit = &claim.visit;
        writeln!(
            page,
            "bill {}: {} hospital in {}, filing {}, med_type {}, admitted {}, settled {}; total {}; account {} with {}",
            number + 1,
            visit.hospital.tier.name(),
            visit.hospital.mdtrtarea_admvs,
            visit.filing.map_or("none", |filing| filing.name()),
            visit.med_type,
            visit.begntime.date(),
            visit.setl_date,
            claim.bill.medfee_sumamt(),
            if claim.account == AccountUse::Use { "used" } else { "kept" },
            claim.person.balc.current_year,
        )
        .unwrap();
        for (place, line) in claim.bill.lines().iter().enumerate() {
            write!(
                page,
                "  line {} no. {} {} {} category {}: {} x {} = {}",
                place + 1,
                line.feedetl_sn,
                line.fee_ocur_time,
                line.med_list_codg,
                line.med_chrgitm_type.code(),
                line.pric,
                line.cnt,
                line.det_item_fee_sumamt,
            )
            .unwrap();
            match line.hosp_appr_flag {
                HospitalApproval::NotNeeded => {}
                HospitalApproval::Granted => page.push_str(", approved"),
                HospitalApproval::Refused => page.push_str(", approval refused"),
            }
            if let Some(init) = &line.init_feedetl_sn {
                write!(page, ", refunds no. {init}").unwrap();
            }
            if let Some(split) = &line.adopted_split {
                let [own, over, first, scope] = split.parts();
                write!(page, ", split: own {own}, over limit {over}, first-pay {first}, in scope {scope}")
                    .unwrap();
            }
            page.push('\n');
        }
    }
    page
}
