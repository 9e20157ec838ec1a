//! A claim as the case file that reads as it: the way back of [`request`](crate::request).
//!
//! For bills that a program has made up and a person shall settle: what [`case`] writes, `request::settle` reads as the
//! same claim (tested). It must not know why a claim is written.

use bedside_claim::{
    AccountUse, AdoptedResult, Bill, Cause, Claim, Date, DateTime, DiagnosisRole, Event, FourWaySplit,
    HospitalApproval, HospitalTier, Line, Money, Occurrence, PayerKind, Policy, PublicSettlement, Sex,
};

use crate::request::Envelope;
use crate::v1;

/// The document of a claim; `None` for one that no document says: a cover without a first or last day, or amounts of a
/// national answer out of range.
pub fn case(envelope: &Envelope, claim: &Claim) -> Option<v1::SettleBillRequest> {
    let person = &claim.person;
    let policies = person.policies.iter().map(policy).collect::<Option<Vec<_>>>()?;
    let national = match &claim.adopted {
        None => None,
        Some(adopted) => Some(national(adopted, &claim.bill)?),
    };
    let identity = |held: &bedside_claim::Identity| v1::IdetInfo {
        psn_idet_type: held.psn_idet_type.to_string(),
        begntime: held.span.from.map(|from| time(from.at(0, 0, 0, 0))).unwrap_or_default(),
        endtime: held
            .span
            .until
            .and_then(|day| day.yesterday().ok())
            .map(|day| time(day.at(0, 0, 0, 0)))
            .unwrap_or_default(),
        memo: String::new(),
    };
    let insured = v1::InsuInfo {
        insutype: person.insurance.insutype.to_string(),
        psn_type: person.insurance.psn_type.to_string(),
        insuplc_admdvs: person.insurance.insuplc_admdvs.to_string(),
        balc: person.balc.total().ok()?.to_string(),
        past_year_balc: stated(person.balc.past_year),
        ..v1::InsuInfo::default()
    };
    Some(v1::SettleBillRequest {
        national_fees: Vec::new(),
        header: Some(header(envelope, claim)),
        baseinfo: Some(v1::BaseInfo {
            psn_no: person.psn_no.to_string(),
            gend: match person.gend {
                Sex::Male => "1",
                Sex::Female => "2",
                Sex::Unknown => "9",
            }
            .to_owned(),
            brdy: person.brdy.map(|day| day.to_string()).unwrap_or_default(),
            family_no: person.family_no.as_deref().unwrap_or_default().to_owned(),
            ..v1::BaseInfo::default()
        }),
        insuinfo: vec![insured],
        idetinfo: person.identities.iter().map(identity).collect(),
        policyinfo: policies,
        mdtrtinfo: Some(visit(claim)),
        diseinfo: claim.visit.diagnoses.iter().map(diagnosis).collect(),
        feedetail: claim.bill.lines().iter().map(line).collect(),
        dscginfo: Some(v1::DscgInfo { endtime: time(claim.visit.endtime), ..v1::DscgInfo::default() }),
        data: Some(v1::SettleData {
            medfee_sumamt: claim.bill.medfee_sumamt().to_string(),
            acct_used_flag: flag(claim.account == AccountUse::Use),
            setl_date: claim.visit.setl_date.to_string(),
            pub_setl_flag: flag(claim.visit.public_settlement == PublicSettlement::Through),
            ..v1::SettleData::default()
        }),
        national,
        preexinfo: person
            .pre_existing
            .iter()
            .map(|entry| v1::PreExInfo {
                dise_code: entry.dise_code.to_string(),
                regdate: entry.regdate.to_string(),
            })
            .collect(),
        mulaidinfo: person
            .relatives
            .iter()
            .map(|relative| v1::MulAidInfo {
                psn_no: relative.psn_no.to_string(),
                balc: relative.balc.to_string(),
            })
            .collect(),
        evtinfo: claim.events.iter().map(event).collect(),
        hold_id: String::new(),
    })
}

fn flag(holds: bool) -> String {
    if holds { "1" } else { "0" }.to_owned()
}

/// Empty where it is zero.
fn stated(amount: Money) -> String {
    if amount.is_zero() { String::new() } else { amount.to_string() }
}

fn time(time: DateTime) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn header(envelope: &Envelope, claim: &Claim) -> v1::Header {
    let hospital = &claim.visit.hospital;
    let (hosp_lv, is_community) = match hospital.tier {
        HospitalTier::Tertiary => ("03", false),
        HospitalTier::Secondary => ("06", false),
        HospitalTier::Primary => ("09", false),
        HospitalTier::Community => ("09", true),
        HospitalTier::Ungraded => ("11", false),
    };
    v1::Header {
        msgid: envelope.msgid.to_string(),
        fixmedins_code: envelope.fixmedins_code.to_string(),
        fixmedins_name: hospital.fixmedins_name.to_string(),
        mdtrtarea_admvs: hospital.mdtrtarea_admvs.to_string(),
        hosp_lv: hosp_lv.to_owned(),
        community_flag: if is_community { flag(true) } else { String::new() },
        ..v1::Header::default()
    }
}

fn policy(policy: &Policy) -> Option<v1::PolicyInfo> {
    let named = |words: &[std::sync::Arc<str>]| words.iter().map(|word| word.to_string()).collect();
    Some(v1::PolicyInfo {
        policy_no: policy.policy_no.to_string(),
        product: policy.product.to_string(),
        begndate: policy.cover.from?.to_string(),
        enddate: policy.cover.until?.yesterday().ok()?.to_string(),
        first_begndate: policy.first_begndate.map(|day| day.to_string()).unwrap_or_default(),
        claim_free_years: if policy.claim_free_years == 0 {
            String::new()
        } else {
            policy.claim_free_years.to_string()
        },
        terms: named(&policy.terms),
        amounts: policy
            .amounts
            .iter()
            .map(|(name, amount)| v1::PolicyAmount { name: name.to_string(), amount: amount.to_string() })
            .collect(),
        rates: policy
            .rates
            .iter()
            .map(|(name, rate)| v1::PolicyRate { name: name.to_string(), rate: rate.to_string() })
            .collect(),
        approvals: named(&policy.approvals),
    })
}

fn visit(claim: &Claim) -> v1::MdtrtInfo {
    let visit = &claim.visit;
    let caused = |cause| if visit.causes.contains(&cause) { flag(true) } else { String::new() };
    let is_pre_paid = visit.causes.contains(&Cause::ThirdPartyPrePaid);
    let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
    v1::MdtrtInfo {
        mdtrt_id: visit.mdtrt_id.to_string(),
        insutype: claim.person.insurance.insutype.to_string(),
        med_type: visit.med_type.to_string(),
        begntime: time(visit.begntime),
        oarea_filing: visit.filing.map(|filing| filing.name()).unwrap_or_default().to_owned(),
        trum_flag: caused(Cause::Accident),
        rel_ttp_flag: if is_pre_paid { flag(true) } else { caused(Cause::ThirdParty) },
        pre_pay_flag: caused(Cause::ThirdPartyPrePaid),
        wrk_inj_flag: caused(Cause::WorkInjury),
        acdt_no: visit.accident.as_ref().map(|accident| accident.evt_no.to_string()).unwrap_or_default(),
        acdt_date: day(visit.accident.as_ref().map(|accident| accident.date)),
        icu_days: if visit.icu_days == 0 { String::new() } else { visit.icu_days.to_string() },
        rel_stay_begndate: day(visit.related_stay.map(|(first, _)| first)),
        rel_stay_enddate: day(visit.related_stay.map(|(_, last)| last)),
        ..v1::MdtrtInfo::default()
    }
}

fn diagnosis(diagnosis: &bedside_claim::Diagnosis) -> v1::DiseInfo {
    v1::DiseInfo {
        diag_type: "1".to_owned(),
        maindiag_flag: flag(diagnosis.role == DiagnosisRole::Main),
        diag_code: diagnosis.diag_code.to_string(),
        diag_name: diagnosis.diag_name.to_string(),
        ..v1::DiseInfo::default()
    }
}

fn line(line: &Line) -> v1::FeeDetail {
    let split = |part: fn(&FourWaySplit) -> Money| {
        line.adopted_split.as_ref().map(|split| part(split).to_string()).unwrap_or_default()
    };
    v1::FeeDetail {
        feedetl_sn: line.feedetl_sn.to_string(),
        init_feedetl_sn: line.init_feedetl_sn.as_deref().unwrap_or_default().to_owned(),
        fee_ocur_time: time(line.fee_ocur_time),
        med_list_codg: line.med_list_codg.to_string(),
        medins_list_codg: line.medins_list_codg.to_string(),
        med_chrgitm_type: line.med_chrgitm_type.code().to_owned(),
        det_item_fee_sumamt: line.det_item_fee_sumamt.to_string(),
        cnt: line.cnt.to_string(),
        pric: line.pric.to_string(),
        hosp_appr_flag: match line.hosp_appr_flag {
            HospitalApproval::NotNeeded => "",
            HospitalApproval::Granted => "1",
            HospitalApproval::Refused => "2",
        }
        .to_owned(),
        oprn_no: line.oprn_no.as_deref().unwrap_or_default().to_owned(),
        tags: line.tags.iter().map(|tag| tag.to_string()).collect(),
        fulamt_ownpay_amt: split(|split| split.fulamt_ownpay_amt),
        overlmt_amt: split(|split| split.overlmt_amt),
        preselfpay_amt: split(|split| split.preselfpay_amt),
        inscp_scp_amt: split(|split| split.inscp_scp_amt),
        ..v1::FeeDetail::default()
    }
}

fn event(event: &Event) -> v1::EvtInfo {
    let (mut diag_code, mut prior_grade) = (String::new(), String::new());
    match &event.occurrence {
        Occurrence::Diagnosis { diag_code: code } => diag_code = code.to_string(),
        Occurrence::Disability { prior_grade: Some(prior), .. } => prior_grade = prior.to_string(),
        Occurrence::Disability { .. } | Occurrence::Death { .. } | Occurrence::Care { .. } => {}
    }
    v1::EvtInfo {
        evt_no: event.evt_no.to_string(),
        evt_type: event.kind().name().to_owned(),
        evt_date: event.date.to_string(),
        diag_code,
        grade: event.grade().map(|grade| grade.to_string()).unwrap_or_default(),
        prior_grade,
        acdt_date: event.accident_date().map(|day| day.to_string()).unwrap_or_default(),
    }
}

/// The platform's answer with the sums that its identities ask for.
fn national(adopted: &AdoptedResult, bill: &Bill) -> Option<v1::NationalAnswer> {
    let mut split = FourWaySplit::default();
    for line in bill.lines() {
        split = split.plus(&line.adopted_split.unwrap_or_default()).ok()?;
    }
    let total = bill.medfee_sumamt();
    let funds = Money::sum(adopted.funds.iter().map(|(_, amount)| *amount)).ok()?;
    let others = Money::sum([funds, adopted.hosp_part_amt, adopted.acct_pay]).ok()?;
    let fund = |kind: PayerKind| {
        let of_kind = adopted.funds.iter().find(|(known, _)| *known == kind);
        of_kind.map_or(Money::ZERO, |(_, amount)| *amount).to_string()
    };
    let setlinfo = v1::NationalSetlInfo {
        medfee_sumamt: total.to_string(),
        fulamt_ownpay_amt: split.fulamt_ownpay_amt.to_string(),
        overlmt_selfpay: split.overlmt_amt.to_string(),
        preselfpay_amt: split.preselfpay_amt.to_string(),
        inscp_scp_amt: split.inscp_scp_amt.to_string(),
        act_pay_dedc: adopted.act_pay_dedc.map(|amount| amount.to_string()).unwrap_or_default(),
        pool_prop_selfpay: adopted.pool_prop_selfpay.map(|rate| rate.to_string()).unwrap_or_default(),
        hifp_pay: fund(PayerKind::BasicInsurance),
        cvlserv_pay: fund(PayerKind::CivilServant),
        hifes_pay: fund(PayerKind::EnterpriseSupplement),
        hifmi_pay: fund(PayerKind::CriticalIllness),
        hifob_pay: fund(PayerKind::LargeAmount),
        maf_pay: fund(PayerKind::Assistance),
        oth_pay: fund(PayerKind::OtherFund),
        fund_pay_sumamt: funds.to_string(),
        hosp_part_amt: adopted.hosp_part_amt.to_string(),
        acct_pay: adopted.acct_pay.to_string(),
        psn_cash_pay: total.minus(others).ok()?.to_string(),
        acct_mulaid_pay: adopted.acct_mulaid_pay.map(|amount| amount.to_string()).unwrap_or_default(),
        balc: adopted.balc.map(|amount| amount.to_string()).unwrap_or_default(),
        ..v1::NationalSetlInfo::default()
    };
    // Limits that the platform named stand in rows of which nothing else is kept.
    let national = v1::NationalAnswer { setlinfo: Some(setlinfo), ..v1::NationalAnswer::default() };
    adopted.limits.is_empty().then_some(national)
}
