//! Where, when and why: header, mdtrtinfo, dscginfo, diseinfo and the day of settlement become a visit.

use std::sync::Arc;

use bedside_claim::{
    Accident, Cause, Date, DateTime, Diagnosis, DiagnosisRole, Hospital, HospitalTier, OutOfAreaFiling,
    PublicSettlement, Setting, Settling, Visit,
};

use super::fields::{AREA, Charset, Era, ID, Place, Reader, TextForm};
use crate::invalid::{InvalidCode, Phrase};
use crate::v1;

/// The visit; `None` when a part of it is missing or wrong, which the reader then knows.
pub(super) fn read(reader: &mut Reader, request: &v1::SettleBillRequest) -> Option<Visit> {
    let hospital = hospital(reader, request.header.as_ref());
    let admission = admission(reader, request.mdtrtinfo.as_ref());
    let endtime = discharge(reader, request.dscginfo.as_ref());
    let begntime = admission.as_ref().map(|admission| admission.begntime);
    let setl_date = settlement_day(reader, request.data.as_ref(), endtime);
    if let (Some(begntime), Some(endtime)) = (begntime, endtime)
        && endtime < begntime
    {
        let allowed = Phrase::fixed("不早于 mdtrtinfo.begntime", "not before mdtrtinfo.begntime");
        let value = request.dscginfo.as_ref().map_or("", |dscginfo| &dscginfo.endtime);
        reader.fault(Place::Node("dscginfo"), "endtime", InvalidCode::DateOrder, value, allowed);
        return None;
    }
    let diagnoses = diagnoses(reader, &request.diseinfo);
    let public_settlement = public_settlement(reader, request.data.as_ref());
    let settling = settling(reader, request.data.as_ref());
    let admission = admission?;
    let endtime_of = endtime?;
    let Admission { icu_days, .. } = admission;
    let is_stay = admission.setting == Setting::Inpatient;
    if is_stay && admission.related_stay.is_some() {
        let allowed = Phrase::fixed("住院为空", "empty on a stay");
        let value = request.mdtrtinfo.as_ref().map_or("", |info| &info.rel_stay_begndate);
        let place = Place::Node("mdtrtinfo");
        reader.fault(place, "rel_stay_begndate", InvalidCode::Differs, value, allowed);
        return None;
    }
    if !is_stay && icu_days > 0 {
        let allowed = Phrase::fixed("门诊为空或 0", "empty or 0 on a visit that is no stay");
        let value = icu_days.to_string();
        reader.fault(Place::Node("mdtrtinfo"), "icu_days", InvalidCode::Differs, &value, allowed);
        return None;
    }
    let stay_days = (endtime_of.date() - admission.begntime.date()).get_days() + 1;
    if i32::from(icu_days) > stay_days {
        let allowed = Phrase::made(format!("至多 {stay_days} 天"), format!("up to {stay_days} days"));
        let value = icu_days.to_string();
        reader.fault(Place::Node("mdtrtinfo"), "icu_days", InvalidCode::DateOrder, &value, allowed);
        return None;
    }
    Some(Visit {
        mdtrt_id: admission.mdtrt_id,
        hospital: hospital?,
        med_type: admission.med_type,
        setting: admission.setting,
        begntime: admission.begntime,
        endtime: endtime_of,
        setl_date: setl_date?,
        filing: admission.filing,
        diagnoses: diagnoses?,
        public_settlement: public_settlement?,
        causes: admission.causes,
        accident: admission.accident,
        icu_days,
        settling: settling?,
        related_stay: admission.related_stay,
    })
}

fn hospital(reader: &mut Reader, header: Option<&v1::Header>) -> Option<Hospital> {
    // A missing header is noted where the envelope is read.
    hospital_fields(reader, Place::Node("header"), header?)
}

/// What the fields of a hospital say, wherever they stand.
pub(super) fn hospital_fields(
    reader: &mut Reader,
    place: Place<'_>,
    header: &v1::Header,
) -> Option<Hospital> {
    let name = TextForm::up_to(Charset::Text, 200);
    let fixmedins_name = reader.text(place, "fixmedins_name", &header.fixmedins_name, name);
    let mdtrtarea_admvs = reader.text(place, "mdtrtarea_admvs", &header.mdtrtarea_admvs, AREA);
    let levels = Phrase::fixed("01 至 11", "01 to 11");
    let tier = reader.code(place, "hosp_lv", &header.hosp_lv, HospitalTier::from_hosp_lv, levels);
    let community = reader.optional_flag(place, "community_flag", &header.community_flag);
    Some(Hospital {
        fixmedins_code: Arc::from(header.fixmedins_code.as_str()),
        fixmedins_name: fixmedins_name?,
        tier: if community? { HospitalTier::Community } else { tier? },
        mdtrtarea_admvs: mdtrtarea_admvs?,
    })
}

struct Admission {
    mdtrt_id: Arc<str>,
    med_type: Arc<str>,
    setting: Setting,
    begntime: DateTime,
    filing: Option<OutOfAreaFiling>,
    causes: Vec<Cause>,
    accident: Option<Accident>,
    icu_days: u16,
    related_stay: Option<(Date, Date)>,
}

fn admission(reader: &mut Reader, mdtrtinfo: Option<&v1::MdtrtInfo>) -> Option<Admission> {
    let info = reader.node("mdtrtinfo", mdtrtinfo)?;
    let place = Place::Node("mdtrtinfo");
    let mdtrt_id = reader.text(place, "mdtrt_id", &info.mdtrt_id, ID);
    let types = Phrase::fixed(
        "2 至 6 位国家医疗类别，首两位为 11-16、19、21-28、51-53、81、91、92",
        "a national med_type of 2 to 6 digits that begins with 11-16, 19, 21-28, 51-53, 81, 91 or 92",
    );
    let setting = reader.code(place, "med_type", &info.med_type, Setting::from_med_type, types);
    let begntime = reader.time(place, "begntime", &info.begntime, Era::Visit);
    let local = TextForm::up_to(Charset::Text, 30);
    reader.optional_text(place, "ipt_no", &info.ipt_no, local);
    reader.optional_text(place, "adm_dept_codg", &info.adm_dept_codg, local);
    reader.optional_text(place, "adm_bed", &info.adm_bed, local);
    let filings = Phrase::fixed(
        "空、long_term、referral、emergency_unfiled、unfiled",
        "empty, long_term, referral, emergency_unfiled or unfiled",
    );
    let known = |name: &str| OutOfAreaFiling::from_name(name).map(Some);
    let filing = reader.optional_code(place, "oarea_filing", &info.oarea_filing, None, known, filings);
    let causes = causes(reader, info);
    let accident = accident(reader, info, begntime.map(DateTime::date));
    let icu_days = reader.optional_count(place, "icu_days", &info.icu_days, 3_660);
    let related_stay = related_stay(reader, info);
    Some(Admission {
        mdtrt_id: mdtrt_id?,
        med_type: Arc::from(info.med_type.as_str()),
        setting: setting?,
        begntime: begntime?,
        filing: filing?,
        causes: causes?,
        accident: accident?,
        icu_days: icu_days?,
        related_stay: related_stay?,
    })
}

fn causes(reader: &mut Reader, info: &v1::MdtrtInfo) -> Option<Vec<Cause>> {
    let place = Place::Node("mdtrtinfo");
    let hurt = reader.optional_flag(place, "trum_flag", &info.trum_flag);
    let third_party = reader.optional_flag(place, "rel_ttp_flag", &info.rel_ttp_flag);
    let pre_paid = reader.optional_flag(place, "pre_pay_flag", &info.pre_pay_flag);
    let at_work = reader.optional_flag(place, "wrk_inj_flag", &info.wrk_inj_flag);
    let (hurt, third_party, pre_paid, at_work) = (hurt?, third_party?, pre_paid?, at_work?);
    if pre_paid && !third_party {
        let allowed = Phrase::fixed("0，或与 rel_ttp_flag 1 同时", "0, or 1 together with rel_ttp_flag 1");
        reader.fault(place, "pre_pay_flag", InvalidCode::Differs, &info.pre_pay_flag, allowed);
        return None;
    }
    let named = [
        (hurt, Cause::Accident),
        (third_party && !pre_paid, Cause::ThirdParty),
        (pre_paid, Cause::ThirdPartyPrePaid),
        (at_work, Cause::WorkInjury),
    ];
    Some(named.into_iter().filter(|(holds, _)| *holds).map(|(_, cause)| cause).collect())
}

/// The accident: number and day, both or none. The outer `None` is a fault.
fn accident(reader: &mut Reader, info: &v1::MdtrtInfo, admitted: Option<Date>) -> Option<Option<Accident>> {
    let place = Place::Node("mdtrtinfo");
    if info.acdt_no.is_empty() && info.acdt_date.is_empty() {
        return Some(None);
    }
    let evt_no = reader.text(place, "acdt_no", &info.acdt_no, ID);
    let date = reader.date(place, "acdt_date", &info.acdt_date, Era::Life);
    if info.trum_flag != "1" {
        let allowed = Phrase::fixed("有 acdt_no 时为 1", "1 where there is an acdt_no");
        reader.fault(place, "trum_flag", InvalidCode::Differs, &info.trum_flag, allowed);
        return None;
    }
    let (evt_no, date) = (evt_no?, date?);
    if admitted.is_some_and(|admitted| date > admitted) {
        let allowed = Phrase::fixed("不晚于入院当日", "not after the day of admission");
        reader.fault(place, "acdt_date", InvalidCode::DateOrder, &info.acdt_date, allowed);
        return None;
    }
    Some(Some(Accident { evt_no, date }))
}

/// First and last day of the stay that an outpatient visit belongs to. The outer `None` is a fault.
fn related_stay(reader: &mut Reader, info: &v1::MdtrtInfo) -> Option<Option<(Date, Date)>> {
    let place = Place::Node("mdtrtinfo");
    if info.rel_stay_begndate.is_empty() && info.rel_stay_enddate.is_empty() {
        return Some(None);
    }
    let first = reader.date(place, "rel_stay_begndate", &info.rel_stay_begndate, Era::Visit);
    let last = reader.date(place, "rel_stay_enddate", &info.rel_stay_enddate, Era::Visit);
    let (first, last) = (first?, last?);
    if last < first {
        let allowed = Phrase::fixed("不早于 rel_stay_begndate", "not before rel_stay_begndate");
        reader.fault(place, "rel_stay_enddate", InvalidCode::DateOrder, &info.rel_stay_enddate, allowed);
        return None;
    }
    Some(Some((first, last)))
}

fn public_settlement(reader: &mut Reader, data: Option<&v1::SettleData>) -> Option<PublicSettlement> {
    let data = data?;
    let read = |flag: &str| match flag {
        "1" => Some(PublicSettlement::Through),
        "0" => Some(PublicSettlement::Without),
        _ => None,
    };
    let allowed = Phrase::fixed("空、0、1", "empty, 0 or 1");
    let flag = &data.pub_setl_flag;
    let default = PublicSettlement::Through;
    reader.optional_code(Place::Node("data"), "pub_setl_flag", flag, default, read, allowed)
}

/// A bill that was put together from a stay says whether other parts of the stay are settled apart.
fn settling(reader: &mut Reader, data: Option<&v1::SettleData>) -> Option<Settling> {
    let data = data?;
    let place = Place::Node("data");
    let goes_on = reader.optional_flag(place, "mid_setl_flag", &data.mid_setl_flag);
    let went_before = reader.optional_flag(place, "prev_setl_flag", &data.prev_setl_flag);
    Some(if goes_on? || went_before? { Settling::InParts } else { Settling::AtOnce })
}

fn discharge(reader: &mut Reader, dscginfo: Option<&v1::DscgInfo>) -> Option<DateTime> {
    let info = reader.node("dscginfo", dscginfo)?;
    let place = Place::Node("dscginfo");
    let endtime = reader.time(place, "endtime", &info.endtime, Era::Visit);
    let ways = Phrase::fixed("空、1、2、3、4、5、9", "empty, 1, 2, 3, 4, 5 or 9");
    let known = |way: &str| matches!(way, "1" | "2" | "3" | "4" | "5" | "9").then_some(());
    reader.optional_code(place, "dscg_way", &info.dscg_way, (), known, ways);
    let local = TextForm::up_to(Charset::Text, 30);
    reader.optional_text(place, "dscg_dept_codg", &info.dscg_dept_codg, local);
    endtime
}

fn settlement_day(
    reader: &mut Reader,
    data: Option<&v1::SettleData>,
    endtime: Option<DateTime>,
) -> Option<Date> {
    // A missing node is noted where the rest of it is read.
    let data = data?;
    let place = Place::Node("data");
    let stated = reader.optional_date(place, "setl_date", &data.setl_date, Era::Visit)?;
    let Some(setl_date) = stated else { return endtime.map(DateTime::date) };
    if endtime.is_some_and(|endtime| setl_date < endtime.date()) {
        let allowed = Phrase::fixed("不早于 dscginfo.endtime 当日", "not before the day of dscginfo.endtime");
        reader.fault(place, "setl_date", InvalidCode::DateOrder, &data.setl_date, allowed);
        return None;
    }
    Some(setl_date)
}

/// Main diagnoses first, otherwise in the order in which they were sent.
fn diagnoses(reader: &mut Reader, rows: &[v1::DiseInfo]) -> Option<Vec<Diagnosis>> {
    let mut diagnoses = Vec::with_capacity(rows.len());
    let mut complete = true;
    for (index, row) in rows.iter().enumerate() {
        match diagnosis(reader, Place::Row("diseinfo", index), row) {
            Some(diagnosis) => diagnoses.push(diagnosis),
            None => complete = false,
        }
    }
    let has_main = diagnoses.iter().any(|diagnosis| diagnosis.role == DiagnosisRole::Main);
    if complete && !rows.is_empty() && !has_main {
        let allowed = Phrase::fixed("至少一行 maindiag_flag 为 1", "at least one row with maindiag_flag 1");
        reader.list_fault("diseinfo", rows.len(), InvalidCode::NoMainDiagnosis, allowed);
        return None;
    }
    diagnoses.sort_by_key(|diagnosis| diagnosis.role == DiagnosisRole::Other);
    complete.then_some(diagnoses)
}

fn diagnosis(reader: &mut Reader, place: Place<'_>, row: &v1::DiseInfo) -> Option<Diagnosis> {
    let kinds = Phrase::fixed("空、1、2、3", "empty, 1, 2 or 3");
    let known = |kind: &str| matches!(kind, "1" | "2" | "3").then_some(());
    reader.optional_code(place, "diag_type", &row.diag_type, (), known, kinds);
    let main = reader.flag(place, "maindiag_flag", &row.maindiag_flag);
    reader.optional_text(place, "diag_srt_no", &row.diag_srt_no, TextForm::up_to(Charset::Digits, 2));
    let diag_code = reader.text(place, "diag_code", &row.diag_code, TextForm::up_to(Charset::Visible, 20));
    let diag_name = reader.text(place, "diag_name", &row.diag_name, TextForm::up_to(Charset::Text, 100));
    let role = if main? { DiagnosisRole::Main } else { DiagnosisRole::Other };
    Some(Diagnosis { diag_code: diag_code?, diag_name: diag_name?, role })
}
