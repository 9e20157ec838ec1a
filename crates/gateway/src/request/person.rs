//! Who was treated and under what cover: baseinfo, insuinfo, idetinfo, policyinfo become a person.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{
    AccountBalance, BasicInsurance, Date, DateTime, Identity, Person, Policy, PreExisting, Relative, Sex,
    Span, Visit,
};

use super::fields::{AREA, Charset, Era, ID, Place, Reader, TextForm, day_after};
use crate::invalid::{InvalidCode, Phrase};
use crate::v1;

pub(super) const INSUTYPE: TextForm = TextForm::between(Charset::Digits, 3, 6);
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
    let pre_existing =
        rows(&request.preexinfo, |index, row| pre_existing(reader, Place::Row("preexinfo", index), row));
    let own = request.baseinfo.as_ref().map_or("", |base| &base.psn_no);
    let relatives = relatives(reader, &request.mulaidinfo, own);
    let Base { psn_no, gend, brdy, family_no } = base?;
    let (insurance, balc) = paying?;
    Some(Person {
        psn_no,
        gend,
        brdy,
        insurance,
        identities: identities?,
        policies: policies?,
        family_no,
        pre_existing: pre_existing?,
        balc,
        relatives: relatives?,
    })
}

/// Every row read; `None` when one of them is wrong.
fn rows<R, T>(rows: &[R], mut read: impl FnMut(usize, &R) -> Option<T>) -> Option<Vec<T>> {
    let read: Vec<_> = rows.iter().enumerate().map(|(index, row)| read(index, row)).collect();
    read.into_iter().collect()
}

pub(super) fn pre_existing(
    reader: &mut Reader,
    place: Place<'_>,
    row: &v1::PreExInfo,
) -> Option<PreExisting> {
    let dise_code = reader.text(place, "dise_code", &row.dise_code, TextForm::up_to(Charset::Visible, 20));
    let regdate = reader.date(place, "regdate", &row.regdate, Era::Life);
    Some(PreExisting { dise_code: dise_code?, regdate: regdate? })
}

fn relatives(reader: &mut Reader, infos: &[v1::MulAidInfo], own: &str) -> Option<Vec<Relative>> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, row) in infos.iter().enumerate() {
        if row.psn_no == own {
            // The own balance would pay twice.
            let allowed = Phrase::fixed("患者以外的人员", "another person than the patient");
            let place = Place::Row("mulaidinfo", index);
            reader.fault(place, "psn_no", InvalidCode::DuplicateRow, &row.psn_no, allowed);
            return None;
        }
        if let Some(first) = seen.insert(&row.psn_no, index) {
            let allowed = Phrase::made(
                format!("与 mulaidinfo[{first}] 不同的人员"),
                format!("another person than mulaidinfo[{first}] names"),
            );
            let place = Place::Row("mulaidinfo", index);
            reader.fault(place, "psn_no", InvalidCode::DuplicateRow, &row.psn_no, allowed);
            return None;
        }
    }
    rows(infos, |index, row| {
        let place = Place::Row("mulaidinfo", index);
        let psn_no = reader.text(place, "psn_no", &row.psn_no, ID);
        let balc = reader.amount(place, "balc", &row.balc);
        Some(Relative { psn_no: psn_no?, balc: balc? })
    })
}

/// What baseinfo says.
pub(super) struct Base {
    psn_no: Arc<str>,
    gend: Sex,
    brdy: Option<Date>,
    family_no: Option<Arc<str>>,
}

fn base(reader: &mut Reader, request: &v1::SettleBillRequest, visit: Option<&Visit>) -> Option<Base> {
    let base = reader.node("baseinfo", request.baseinfo.as_ref())?;
    let read = base_fields(reader, base);
    if let (Some(brdy), Some(visit)) = (read.as_ref().and_then(|read| read.brdy), visit)
        && brdy > visit.endtime.date()
    {
        let allowed = Phrase::fixed("不晚于 dscginfo.endtime 当日", "not after the day of dscginfo.endtime");
        reader.fault(Place::Node("baseinfo"), "brdy", InvalidCode::DateOrder, &base.brdy, allowed);
    }
    let stay_of = request.mdtrtinfo.as_ref().map_or("", |info| &info.psn_no);
    if !stay_of.is_empty() && stay_of != base.psn_no {
        let allowed = Phrase::fixed("空，或与 baseinfo.psn_no 相同", "empty, or the same as baseinfo.psn_no");
        reader.fault(Place::Node("mdtrtinfo"), "psn_no", InvalidCode::Differs, stay_of, allowed);
    }
    read
}

/// The node by itself.
pub(super) fn base_fields(reader: &mut Reader, base: &v1::BaseInfo) -> Option<Base> {
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
    let family_no = reader.optional_text(place, "family_no", &base.family_no, ID);
    let family = (!base.family_no.is_empty()).then(|| Arc::from(base.family_no.as_str()));
    let family_no = family.filter(|_| family_no);
    Some(Base { psn_no: psn_no?, gend: gend?, brdy: brdy?, family_no })
}

/// The row that `mdtrtinfo.insutype` names, and the account balance on it. Every row is checked for its form.
fn insurance(
    reader: &mut Reader,
    request: &v1::SettleBillRequest,
) -> Option<(BasicInsurance, AccountBalance)> {
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
) -> Option<(BasicInsurance, AccountBalance)> {
    let insurance = insured(reader, place, row);
    let balc = balance(reader, place, row);
    Some((insurance?, balc?))
}

/// The row without what is on the account.
pub(super) fn insured(reader: &mut Reader, place: Place<'_>, row: &v1::InsuInfo) -> Option<BasicInsurance> {
    let insutype = reader.text(place, "insutype", &row.insutype, INSUTYPE);
    let psn_type = reader.text(place, "psn_type", &row.psn_type, PSN_TYPE);
    let insuplc_admdvs = reader.text(place, "insuplc_admdvs", &row.insuplc_admdvs, AREA);
    reader.optional_text(
        place,
        "psn_insu_stas",
        &row.psn_insu_stas,
        TextForm::up_to(Charset::Alphanumeric, 6),
    );
    reader.optional_date(place, "psn_insu_date", &row.psn_insu_date, Era::Life);
    reader.optional_date(place, "paus_insu_date", &row.paus_insu_date, Era::Life);
    reader.optional_flag(place, "cvlserv_flag", &row.cvlserv_flag);
    Some(BasicInsurance { insutype: insutype?, psn_type: psn_type?, insuplc_admdvs: insuplc_admdvs? })
}

/// This year's and past years' balance; the national `balc` is both together.
pub(super) fn balance(reader: &mut Reader, place: Place<'_>, row: &v1::InsuInfo) -> Option<AccountBalance> {
    let balc = reader.amount(place, "balc", &row.balc);
    let past_year = reader.optional_amount(place, "past_year_balc", &row.past_year_balc);
    let (balc, past_year) = (balc?, past_year?);
    match balc.minus(past_year) {
        Ok(current_year) if !current_year.is_negative() => Some(AccountBalance { current_year, past_year }),
        _ => {
            let allowed = Phrase::fixed("不大于同行 balc", "no more than balc of the row");
            reader.fault(place, "past_year_balc", InvalidCode::Differs, &row.past_year_balc, allowed);
            None
        }
    }
}

fn identities(reader: &mut Reader, rows: &[v1::IdetInfo]) -> Option<Vec<Identity>> {
    let identities: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| identity(reader, Place::Row("idetinfo", index), row))
        .collect();
    identities.into_iter().collect()
}

pub(super) fn identity(reader: &mut Reader, place: Place<'_>, row: &v1::IdetInfo) -> Option<Identity> {
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

pub(super) fn policy(reader: &mut Reader, place: Place<'_>, row: &v1::PolicyInfo) -> Option<Policy> {
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
    let first_begndate = reader.optional_date(place, "first_begndate", &row.first_begndate, Era::Life);
    if first_begndate.flatten().is_some_and(|first| first > from) {
        let allowed = Phrase::fixed("空，或不晚于同行 begndate", "empty, or not after begndate of the row");
        reader.fault(place, "first_begndate", InvalidCode::DateOrder, &row.first_begndate, allowed);
        return None;
    }
    let claim_free_years = reader.optional_count(place, "claim_free_years", &row.claim_free_years, 100);
    let terms = reader.words(place, "terms", &row.terms);
    let amounts = rows(&row.amounts, |_, named| {
        let name = reader.text(place, "amounts.name", &named.name, TextForm::up_to(Charset::Visible, 50));
        let amount = reader.amount(place, "amounts.amount", &named.amount);
        Some((name?, amount?))
    });
    let rates = rows(&row.rates, |_, named| {
        let name = reader.text(place, "rates.name", &named.name, TextForm::up_to(Charset::Visible, 50));
        let rate = reader.ratio(place, "rates.rate", &named.rate);
        Some((name?, rate?))
    });
    let approvals = reader.words(place, "approvals", &row.approvals);
    let (amounts, rates) = (amounts?, rates?);
    named_once(reader, place, "amounts.name", amounts.iter().map(|(name, _)| name))?;
    named_once(reader, place, "rates.name", rates.iter().map(|(name, _)| name))?;
    Some(Policy {
        policy_no: policy_no?,
        product: product?,
        cover,
        first_begndate: first_begndate?,
        claim_free_years: u8::try_from(claim_free_years?).unwrap_or(u8::MAX),
        terms: terms?,
        amounts,
        rates,
        approvals: approvals?,
    })
}

/// Refuses a second entry of one name on a policy schedule: which of them holds?
fn named_once<'a>(
    reader: &mut Reader,
    place: Place<'_>,
    field: &str,
    names: impl Iterator<Item = &'a Arc<str>>,
) -> Option<()> {
    let mut seen: Vec<&Arc<str>> = Vec::new();
    for name in names {
        if seen.contains(&name) {
            let allowed = Phrase::fixed("每个名称仅一次", "each name once");
            reader.fault(place, field, InvalidCode::DuplicateRow, name, allowed);
            return None;
        }
        seen.push(name);
    }
    Some(())
}

/// The product of a policy, where it has the shape of a pack's name.
fn product(text: &str) -> Option<Arc<str>> {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let (authority, product) = text.split_once('/')?;
    (text.len() <= 100 && word(authority) && word(product)).then(|| Arc::from(text))
}
