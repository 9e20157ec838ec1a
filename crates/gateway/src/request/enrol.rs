//! Rows of registers, checked with the same readers as the nodes of a call; and the call that asks for a person (1101).
//!
//! It must not know where a row comes from nor how it is kept.

use bedside_claim::{Date, FeeCategory, Price, Span};
use jiff::Timestamp;

use super::fields::{Charset, Era, ID, Place, Reader, TextForm, day_after};
use super::person;
use super::visit;
use super::{FIXMEDINS_CODE, envelope_optional};
use crate::answer::china_day;
use crate::invalid::{InvalidCode, InvalidMessage, Phrase};
use crate::v1;

/// What every row of a register states beside its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stated {
    /// The days on which it holds.
    pub span: Span,
    /// Whether what it names is there on these days (`vali_flag`).
    pub is_valid: bool,
}

/// The checked row of a person.
///
/// # Errors
/// [`InvalidMessage`]: a field of a node that a call would be refused for too; an end before its beginning; a node with
/// another person's `psn_no`; a row that says nothing.
pub fn person_row(row: &v1::PersonRow) -> Result<Stated, InvalidMessage> {
    let mut reader = Reader::default();
    let reader_ = &mut reader;
    let psn_no = reader_.text(Place::Top, "psn_no", &row.psn_no, ID);
    let stated = stated(reader_, &row.valid_from, &row.valid_to, &row.vali_flag);
    match stated {
        Some(Stated { is_valid: false, .. }) => named_rows(reader_, row),
        _ => said_rows(reader_, row),
    }
    reader.faults.finish(stated.filter(|_| psn_no.is_some()))
}

fn said_rows(reader: &mut Reader, row: &v1::PersonRow) {
    let v1::PersonRow { baseinfo, insuinfo, idetinfo, policyinfo, preexinfo, .. } = row;
    let says_nothing = baseinfo.is_none()
        && insuinfo.is_empty()
        && idetinfo.is_empty()
        && policyinfo.is_empty()
        && preexinfo.is_empty();
    if says_nothing {
        reader.missing(Place::Top, "baseinfo", SOMETHING);
    }
    if let Some(base) = baseinfo {
        check_own(reader, &row.psn_no, &base.psn_no);
        let whole = v1::BaseInfo { psn_no: row.psn_no.clone(), ..base.clone() };
        person::base_fields(reader, &whole);
    }
    for (index, insured) in insuinfo.iter().enumerate() {
        let place = Place::Row("insuinfo", index);
        if !is_account_only(insured) {
            person::insured(reader, place, insured);
        }
        if has_account(insured) || is_account_only(insured) {
            reader.text(place, "insutype", &insured.insutype, person::INSUTYPE);
            person::balance(reader, place, insured);
        }
    }
    for (index, identity) in idetinfo.iter().enumerate() {
        person::identity(reader, Place::Row("idetinfo", index), identity);
    }
    for (index, policy) in policyinfo.iter().enumerate() {
        person::policy(reader, Place::Row("policyinfo", index), policy);
    }
    for (index, pre_existing) in preexinfo.iter().enumerate() {
        person::pre_existing(reader, Place::Row("preexinfo", index), pre_existing);
    }
}

/// A row that ends something only has to name it.
fn named_rows(reader: &mut Reader, row: &v1::PersonRow) {
    if let Some(base) = &row.baseinfo {
        check_own(reader, &row.psn_no, &base.psn_no);
    }
    for (index, insured) in row.insuinfo.iter().enumerate() {
        reader.text(Place::Row("insuinfo", index), "insutype", &insured.insutype, person::INSUTYPE);
    }
    let text = |chars| TextForm::up_to(Charset::Text, chars);
    for (index, identity) in row.idetinfo.iter().enumerate() {
        let place = Place::Row("idetinfo", index);
        reader.text(place, "psn_idet_type", &identity.psn_idet_type, text(6));
        reader.optional_time(place, "begntime", &identity.begntime, Era::Life);
    }
    for (index, policy) in row.policyinfo.iter().enumerate() {
        reader.text(Place::Row("policyinfo", index), "policy_no", &policy.policy_no, text(50));
    }
    for (index, pre_existing) in row.preexinfo.iter().enumerate() {
        reader.text(Place::Row("preexinfo", index), "dise_code", &pre_existing.dise_code, text(20));
    }
}

const SOMETHING: Phrase = Phrase::fixed(
    "baseinfo、insuinfo、idetinfo、policyinfo、preexinfo 至少其一",
    "at least one of baseinfo, insuinfo, idetinfo, policyinfo and preexinfo",
);

fn check_own(reader: &mut Reader, own: &str, psn_no: &str) {
    if !psn_no.is_empty() && psn_no != own {
        let allowed = Phrase::fixed("空，或与 psn_no 相同", "empty, or the same as psn_no");
        reader.fault(Place::Node("baseinfo"), "psn_no", InvalidCode::Differs, psn_no, allowed);
    }
}

/// Whether the row states what is on the account.
pub(crate) fn has_account(row: &v1::InsuInfo) -> bool {
    !row.balc.is_empty() || !row.past_year_balc.is_empty()
}

/// Whether the row states the account alone, and says nothing about the insurance.
pub(crate) fn is_account_only(row: &v1::InsuInfo) -> bool {
    let said = [
        &row.psn_type,
        &row.insuplc_admdvs,
        &row.psn_insu_stas,
        &row.psn_insu_date,
        &row.paus_insu_date,
        &row.cvlserv_flag,
    ];
    has_account(row) && said.iter().all(|field| field.is_empty())
}

/// The checked row of a hospital.
///
/// # Errors
/// [`InvalidMessage`]: a field that a call's header would be refused for too; an end before its beginning.
pub fn hospital_row(row: &v1::HospitalRow) -> Result<Stated, InvalidMessage> {
    let mut reader = Reader::default();
    let code = reader.text(Place::Top, "fixmedins_code", &row.fixmedins_code, FIXMEDINS_CODE);
    let stated = stated(&mut reader, &row.valid_from, &row.valid_to, &row.vali_flag);
    if stated.is_none_or(|stated| stated.is_valid) {
        let v1::HospitalRow { fixmedins_name, mdtrtarea_admvs, hosp_lv, community_flag, .. } = row.clone();
        let header =
            v1::Header { fixmedins_name, mdtrtarea_admvs, hosp_lv, community_flag, ..v1::Header::default() };
        visit::hospital_fields(&mut reader, Place::Top, &header);
    }
    reader.faults.finish(stated.filter(|_| code.is_some()))
}

/// The checked dated item of a catalogue.
///
/// *Units*: `enddate` is the first day after, as in the catalogue of a pack.
///
/// # Errors
/// [`InvalidMessage`]: what a pack's catalogue would be refused for too.
pub fn catalogue_row(row: &v1::CatalogueRow) -> Result<Stated, InvalidMessage> {
    let mut reader = Reader::default();
    let code =
        reader.text(Place::Top, "hilist_code", &row.hilist_code, TextForm::up_to(Charset::Visible, 50));
    let begndate = reader.date(Place::Top, "begndate", &row.begndate, Era::Life);
    let enddate = reader.optional_date(Place::Top, "enddate", &row.enddate, Era::Life);
    let is_valid = valid_flag(&mut reader, &row.vali_flag);
    let until = enddate.flatten().filter(|last| *last < Date::MAX);
    if let (Some(from), Some(until)) = (begndate, until)
        && until <= from
    {
        let allowed = Phrase::fixed("晚于 begndate（首个不再有效日）", "after begndate: the first day after");
        reader.fault(Place::Top, "enddate", InvalidCode::DateOrder, &row.enddate, allowed);
    }
    if is_valid != Some(false) {
        item_fields(&mut reader, row);
    }
    let stated = match (code, begndate, enddate, is_valid) {
        (Some(_), Some(from), Some(_), Some(is_valid)) => {
            Some(Stated { span: Span { from: Some(from), until }, is_valid })
        }
        _ => None,
    };
    reader.faults.finish(stated)
}

fn item_fields(reader: &mut Reader, row: &v1::CatalogueRow) {
    let place = Place::Top;
    reader.text(place, "hilist_name", &row.hilist_name, TextForm::up_to(Charset::Text, 500));
    let categories = Phrase::fixed("01 至 14", "01 to 14");
    reader.code(place, "med_chrgitm_type", &row.med_chrgitm_type, FeeCategory::from_code, categories);
    let levels = Phrase::fixed("01、02、03", "01, 02 or 03");
    let level_of = bedside_claim::CatalogueLevel::from_code;
    reader.code(place, "chrgitm_lv", &row.chrgitm_lv, level_of, levels);
    reader.flag(place, "lmt_used_flag", &row.lmt_used_flag);
    reader.ratio(place, "selfpay_prop_310", &row.selfpay_prop_310);
    reader.ratio(place, "selfpay_prop_390", &row.selfpay_prop_390);
    for (column, value) in [
        ("pric_uplmt_tertiary", &row.pric_uplmt_tertiary),
        ("pric_uplmt_secondary", &row.pric_uplmt_secondary),
        ("pric_uplmt_other", &row.pric_uplmt_other),
    ] {
        if !value.is_empty()
            && let Some(price) = reader.price(place, column, value)
            && price < Price::ZERO
        {
            let allowed = Phrase::fixed("不小于零", "zero or more");
            reader.fault(place, column, InvalidCode::Negative, value, allowed);
        }
    }
}

fn stated(reader: &mut Reader, valid_from: &str, valid_to: &str, vali_flag: &str) -> Option<Stated> {
    let from = reader.optional_date(Place::Top, "valid_from", valid_from, Era::Life);
    let to = reader.optional_date(Place::Top, "valid_to", valid_to, Era::Life);
    let is_valid = valid_flag(reader, vali_flag);
    let (from, to, is_valid) = (from?, to?, is_valid?);
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        let allowed = Phrase::fixed("空，或不早于 valid_from", "empty, or not before valid_from");
        reader.fault(Place::Top, "valid_to", InvalidCode::DateOrder, valid_to, allowed);
        return None;
    }
    Some(Stated { span: Span { from, until: to.and_then(day_after) }, is_valid })
}

/// `vali_flag`: empty or 1 is valid.
fn valid_flag(reader: &mut Reader, value: &str) -> Option<bool> {
    let allowed = Phrase::fixed("空、0、1", "empty, 0 or 1");
    let table = |code: &str| match code {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    };
    reader.optional_code(Place::Top, "vali_flag", value, true, table, allowed)
}

/// Whom `GetPerson` (1101) asks about, and on which day.
///
/// # Errors
/// [`InvalidMessage`]: `psn_no` missing, or a field badly formed.
pub fn get_person(request: &v1::GetPersonRequest) -> Result<Date, InvalidMessage> {
    let mut reader = Reader::default();
    envelope_optional(&mut reader, request.header.as_ref());
    let psn_no = reader.text(Place::Top, "psn_no", &request.psn_no, ID);
    let date = reader.optional_date(Place::Top, "date", &request.date, Era::Life);
    let date = date.map(|date| date.unwrap_or_else(|| china_day(Timestamp::now())));
    reader.faults.finish(date.filter(|_| psn_no.is_some()))
}
