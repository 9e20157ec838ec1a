//! Who was treated and under what cover: baseinfo, insuinfo, idetinfo, policyinfo become a person.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{BasicInsurance, Date, DateTime, Identity, Money, Person, Policy, Sex, Span, Visit};

use super::fields::{AREA, Charset, Era, ID, Place, Reader, TextForm, day_after};
use crate::invalid::{InvalidCode, Phrase};
use crate::v1;

const INSUTYPE: TextForm = TextForm::between(Charset::Digits, 3, 6);
const PSN_TYPE: TextForm = TextForm::between(Charset::Digits, 2, 6);

/// The person; `None` when a part is missing or wrong, which the reader then knows.
pub(super) fn read(
    reader: &mut Reader,
    request: &v1::SettleBillRequest,
    visit: Option<&Visit>,
) -> Option<Person> {
    let base = base(reader, request, visit);
    let paying = insurance(reader, request);
    let identities = identities(reader, &request.idetinfo);
    let policies = policies(reader, &request.policyinfo);
    let (psn_no, gend, brdy) = base?;
    let (insurance, balc) = paying?;
    Some(Person { psn_no, gend, brdy, insurance, identities: identities?, policies: policies?, balc })
}

fn base(
    reader: &mut Reader,
    request: &v1::SettleBillRequest,
    visit: Option<&Visit>,
) -> Option<(Arc<str>, Sex, Option<Date>)> {
    let base = reader.node("baseinfo", request.baseinfo.as_ref())?;
    let place = Place::Node("baseinfo");
    let psn_no = reader.text(place, "psn_no", &base.psn_no, ID);
    reader.optional_text(
        place,
        "psn_cert_type",
        &base.psn_cert_type,
        TextForm::up_to(Charset::Alphanumeric, 6),
    );
    reader.optional_text(place, "certno", &base.certno, TextForm::up_to(Charset::Text, 50));
    reader.optional_text(place, "psn_name", &base.psn_name, TextForm::up_to(Charset::Text, 50));
    let sexes = Phrase::fixed("0、1、2、9", "0, 1, 2 or 9");
    let sex_of = |code: &str| match code {
        "1" => Some(Sex::Male),
        "2" => Some(Sex::Female),
        "0" | "9" => Some(Sex::Unknown),
        _ => None,
    };
    let gend = reader.code(place, "gend", &base.gend, sex_of, sexes);
    let brdy = reader.optional_date(place, "brdy", &base.brdy, Era::Life);
    if let (Some(Some(brdy)), Some(visit)) = (brdy, visit)
        && brdy > visit.endtime.date()
    {
        let allowed = Phrase::fixed("不晚于 dscginfo.endtime 当日", "not after the day of dscginfo.endtime");
        reader.fault(place, "brdy", InvalidCode::DateOrder, &base.brdy, allowed);
    }
    let stay_of = request.mdtrtinfo.as_ref().map_or("", |info| &info.psn_no);
    if !stay_of.is_empty() && stay_of != base.psn_no {
        let allowed = Phrase::fixed("空，或与 baseinfo.psn_no 相同", "empty, or the same as baseinfo.psn_no");
        reader.fault(Place::Node("mdtrtinfo"), "psn_no", InvalidCode::Differs, stay_of, allowed);
    }
    Some((psn_no?, gend?, brdy?))
}

/// The row that `mdtrtinfo.insutype` names, and the account balance on it. Every row is checked for its form.
fn insurance(reader: &mut Reader, request: &v1::SettleBillRequest) -> Option<(BasicInsurance, Money)> {
    let rows: Vec<_> = request
        .insuinfo
        .iter()
        .enumerate()
        .map(|(index, row)| insurance_row(reader, Place::Row("insuinfo", index), row))
        .collect();
    // A missing mdtrtinfo is noted where the visit is read.
    let info = request.mdtrtinfo.as_ref()?;
    let insutype = reader.text(Place::Node("mdtrtinfo"), "insutype", &info.insutype, INSUTYPE)?;
    let named: Vec<usize> =
        (0..rows.len()).filter(|row| request.insuinfo[*row].insutype == *insutype).collect();
    let paying = match named[..] {
        [paying] => paying,
        [] => {
            let allowed =
                Phrase::fixed("insuinfo 中存在的一行的险种", "the insutype of a row that insuinfo has");
            reader.fault(Place::Node("mdtrtinfo"), "insutype", InvalidCode::NoSuchRow, &insutype, allowed);
            return None;
        }
        [_, again, ..] => {
            let allowed = Phrase::fixed("每个险种仅一行", "one row for each insutype");
            let place = Place::Row("insuinfo", again);
            reader.fault(place, "insutype", InvalidCode::DuplicateRow, &insutype, allowed);
            return None;
        }
    };
    check_paying_row(reader, request, paying);
    rows.into_iter().nth(paying).flatten()
}

fn check_paying_row(reader: &mut Reader, request: &v1::SettleBillRequest, paying: usize) {
    let row = &request.insuinfo[paying];
    let place = Place::Row("insuinfo", paying);
    if !matches!(row.psn_insu_stas.as_str(), "" | "1") {
        let allowed = Phrase::fixed("空或 1 正常参保", "empty or 1 (insured)");
        reader.fault(place, "psn_insu_stas", InvalidCode::NotActive, &row.psn_insu_stas, allowed);
    }
    let area = request.header.as_ref().map_or("", |header| &header.insuplc_admdvs);
    if !area.is_empty() && area != row.insuplc_admdvs {
        let allowed = Phrase::made(
            format!("空，或与 insuinfo[{paying}].insuplc_admdvs 相同"),
            format!("empty, or the same as insuinfo[{paying}].insuplc_admdvs"),
        );
        reader.fault(Place::Node("header"), "insuplc_admdvs", InvalidCode::Differs, area, allowed);
    }
}

fn insurance_row(
    reader: &mut Reader,
    place: Place<'_>,
    row: &v1::InsuInfo,
) -> Option<(BasicInsurance, Money)> {
    let insutype = reader.text(place, "insutype", &row.insutype, INSUTYPE);
    let psn_type = reader.text(place, "psn_type", &row.psn_type, PSN_TYPE);
    let insuplc_admdvs = reader.text(place, "insuplc_admdvs", &row.insuplc_admdvs, AREA);
    let balc = reader.amount(place, "balc", &row.balc);
    reader.optional_text(
        place,
        "psn_insu_stas",
        &row.psn_insu_stas,
        TextForm::up_to(Charset::Alphanumeric, 6),
    );
    reader.optional_date(place, "psn_insu_date", &row.psn_insu_date, Era::Life);
    reader.optional_date(place, "paus_insu_date", &row.paus_insu_date, Era::Life);
    reader.optional_flag(place, "cvlserv_flag", &row.cvlserv_flag);
    let insurance =
        BasicInsurance { insutype: insutype?, psn_type: psn_type?, insuplc_admdvs: insuplc_admdvs? };
    Some((insurance, balc?))
}

fn identities(reader: &mut Reader, rows: &[v1::IdetInfo]) -> Option<Vec<Identity>> {
    let identities: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| identity(reader, Place::Row("idetinfo", index), row))
        .collect();
    identities.into_iter().collect()
}

fn identity(reader: &mut Reader, place: Place<'_>, row: &v1::IdetInfo) -> Option<Identity> {
    let form = TextForm::up_to(Charset::Alphanumeric, 6);
    let psn_idet_type = reader.text(place, "psn_idet_type", &row.psn_idet_type, form);
    let begntime = reader.optional_time(place, "begntime", &row.begntime, Era::Life);
    let endtime = reader.optional_time(place, "endtime", &row.endtime, Era::Life);
    reader.optional_text(place, "memo", &row.memo, TextForm::up_to(Charset::Text, 500));
    let (begntime, endtime) = (begntime?, endtime?);
    if let (Some(from), Some(last)) = (begntime, endtime)
        && last < from
    {
        let allowed = Phrase::fixed("不早于同行 begntime", "not before begntime of the row");
        reader.fault(place, "endtime", InvalidCode::DateOrder, &row.endtime, allowed);
        return None;
    }
    // An identity holds on every day it touches.
    let until = endtime.map(DateTime::date).and_then(day_after);
    let span = Span { from: begntime.map(DateTime::date), until };
    Some(Identity { psn_idet_type: psn_idet_type?, span })
}

fn policies(reader: &mut Reader, rows: &[v1::PolicyInfo]) -> Option<Vec<Policy>> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut policies = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let place = Place::Row("policyinfo", index);
        policies.push(policy(reader, place, row));
        if let Some(first) = seen.get(row.policy_no.as_str()) {
            let allowed = Phrase::made(
                format!("与 policyinfo[{first}] 不同的保单号"),
                format!("another number than policyinfo[{first}] has"),
            );
            reader.fault(place, "policy_no", InvalidCode::DuplicateRow, &row.policy_no, allowed);
        } else if !row.policy_no.is_empty() {
            seen.insert(&row.policy_no, index);
        }
    }
    policies.into_iter().collect()
}

fn policy(reader: &mut Reader, place: Place<'_>, row: &v1::PolicyInfo) -> Option<Policy> {
    let policy_no = reader.text(place, "policy_no", &row.policy_no, TextForm::up_to(Charset::Text, 50));
    let shape = Phrase::fixed("规则包 `authority/product`", "a rule pack `authority/product`");
    let product = reader.code(place, "product", &row.product, product, shape);
    let begndate = reader.date(place, "begndate", &row.begndate, Era::Life);
    let enddate = reader.date(place, "enddate", &row.enddate, Era::Life);
    let (from, last) = (begndate?, enddate?);
    if last < from {
        let allowed = Phrase::fixed("不早于同行 begndate", "not before begndate of the row");
        reader.fault(place, "enddate", InvalidCode::DateOrder, &row.enddate, allowed);
        return None;
    }
    let cover = Span { from: Some(from), until: day_after(last) };
    Some(Policy { policy_no: policy_no?, product: product?, cover })
}

/// The product of a policy, where it has the shape of a pack's name.
fn product(text: &str) -> Option<Arc<str>> {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let (authority, product) = text.split_once('/')?;
    (text.len() <= 100 && word(authority) && word(product)).then(|| Arc::from(text))
}
