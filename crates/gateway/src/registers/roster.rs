//! Lines of rosters: columns of a table, or a JSON document, become checked rows of a register.
//!
//! Columns carry the national field names. It must not know files, nor the ledger's state. A line is taken whole or
//! refused whole.

use std::sync::Arc;

use bedside_claim::{Lang, Span};
use bedside_ledger::RegisterRow;
use prost::Message;

use super::Register;
use crate::case::read_strictly;
use crate::invalid::InvalidMessage;
use crate::request::{self, Stated, has_account};
use crate::v1;

/// What a file lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roster {
    /// Persons with what they are insured under.
    Persons,
    /// Hospitals.
    Hospitals,
    /// Dated items of the catalogue of that name, `authority/product`.
    Catalogue(Arc<str>),
}

/// Why a line is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFault {
    /// A stable code: that of the first field at fault, or `not_a_row`.
    pub code: String,
    /// The sentence; personal values are masked.
    pub reason: String,
}

impl From<InvalidMessage> for LineFault {
    fn from(invalid: InvalidMessage) -> LineFault {
        let code = invalid.faults().first().map_or("invalid", |fault| fault.code.code());
        LineFault { code: code.to_owned(), reason: invalid.text(Lang::En) }
    }
}

const PERSON_COLUMNS: &[&str] = &[
    "psn_no",
    "valid_from",
    "valid_to",
    "vali_flag",
    "gend",
    "brdy",
    "family_no",
    "insutype",
    "psn_type",
    "insuplc_admdvs",
    "psn_insu_stas",
    "psn_insu_date",
    "paus_insu_date",
    "cvlserv_flag",
    "balc",
    "past_year_balc",
    "psn_idet_type",
    "begntime",
    "endtime",
    "memo",
    "policy_no",
    "product",
    "begndate",
    "enddate",
    "first_begndate",
    "claim_free_years",
    "terms",
    "amounts",
    "rates",
    "approvals",
    "dise_code",
    "regdate",
];
/// National columns of 1101 that are taken and not kept: who the person is, and what no rule asks.
const PERSON_COLUMNS_NOT_KEPT: &[&str] = &[
    "psn_cert_type",
    "certno",
    "psn_name",
    "naty",
    "age",
    "exp_content",
    "expContent",
    "emp_name",
    "psn_type_lv",
];
const HOSPITAL_COLUMNS: &[&str] = &[
    "fixmedins_code",
    "fixmedins_name",
    "mdtrtarea_admvs",
    "hosp_lv",
    "community_flag",
    "valid_from",
    "valid_to",
    "vali_flag",
];
const CATALOGUE_COLUMNS: &[&str] = &[
    "hilist_code",
    "hilist_name",
    "med_chrgitm_type",
    "chrgitm_lv",
    "begndate",
    "enddate",
    "lmt_used_flag",
    "selfpay_prop_310",
    "selfpay_prop_390",
    "pric_uplmt_tertiary",
    "pric_uplmt_secondary",
    "pric_uplmt_other",
    "vali_flag",
];

/// Why a table cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnFault {
    /// A column that the roster does not have.
    #[error("unknown column `{column}`; allowed: {allowed}")]
    Unknown {
        /// The column.
        column: String,
        /// Those that there are.
        allowed: String,
    },
    /// A column twice.
    #[error("column `{0}` stands there twice")]
    Twice(String),
    /// Without it no line names anything.
    #[error("column `{0}` is missing")]
    Missing(&'static str),
}

impl Roster {
    fn columns(&self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Roster::Persons => (PERSON_COLUMNS, PERSON_COLUMNS_NOT_KEPT),
            Roster::Hospitals => (HOSPITAL_COLUMNS, &[]),
            Roster::Catalogue(_) => (CATALOGUE_COLUMNS, &[]),
        }
    }

    /// Checks the heading of a table.
    ///
    /// # Errors
    /// [`ColumnFault`].
    pub fn check_columns<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), ColumnFault> {
        let (columns, not_kept) = self.columns();
        let mut seen: Vec<&str> = Vec::new();
        for name in names {
            if !columns.contains(&name) && !not_kept.contains(&name) {
                let column = crate::invalid::escaped(name);
                return Err(ColumnFault::Unknown { column, allowed: columns.join(", ") });
            }
            if seen.contains(&name) {
                return Err(ColumnFault::Twice(name.to_owned()));
            }
            seen.push(name);
        }
        match columns.first() {
            Some(key) if !seen.contains(key) => Err(ColumnFault::Missing(key)),
            _ => Ok(()),
        }
    }

    /// The rows of one line of a table with such a heading. `valid_from` holds for lines that do not say theirs.
    ///
    /// # Errors
    /// [`LineFault`].
    pub fn of_cells<'a>(
        &self,
        cells: impl Iterator<Item = (&'a str, &'a str)>,
        valid_from: &str,
    ) -> Result<Vec<RegisterRow>, LineFault> {
        match self {
            Roster::Persons => person_rows(person_of_cells(cells)?, valid_from),
            Roster::Hospitals => {
                let mut row = v1::HospitalRow::default();
                cells.for_each(|(column, value)| set_hospital(&mut row, column, value));
                hospital_rows(row, valid_from)
            }
            Roster::Catalogue(catalogue) => {
                let mut row = v1::CatalogueRow::default();
                cells.for_each(|(column, value)| set_item(&mut row, column, value));
                item_rows(catalogue, row)
            }
        }
    }

    /// The rows of one JSON document.
    ///
    /// # Errors
    /// [`LineFault`].
    pub fn of_json(&self, text: &str, valid_from: &str) -> Result<Vec<RegisterRow>, LineFault> {
        match self {
            Roster::Persons => person_rows(document(text)?, valid_from),
            Roster::Hospitals => hospital_rows(document(text)?, valid_from),
            Roster::Catalogue(catalogue) => item_rows(catalogue, document(text)?),
        }
    }
}

fn document<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, LineFault> {
    read_strictly(text).map_err(|error| LineFault { code: "not_a_row".to_owned(), reason: error.to_string() })
}

/// The node of a line, made when one of its cells is filled.
fn node<T: Default>(rows: &mut Vec<T>) -> &mut T {
    if rows.is_empty() {
        rows.push(T::default());
    }
    &mut rows[0]
}

fn person_of_cells<'a>(cells: impl Iterator<Item = (&'a str, &'a str)>) -> Result<v1::PersonRow, LineFault> {
    let mut row = v1::PersonRow::default();
    for (column, value) in cells.filter(|(_, value)| !value.is_empty()) {
        let text = value.to_owned();
        match column {
            "psn_no" => row.psn_no = text,
            "valid_from" => row.valid_from = text,
            "valid_to" => row.valid_to = text,
            "vali_flag" => row.vali_flag = text,
            "gend" => row.baseinfo.get_or_insert_default().gend = text,
            "brdy" => row.baseinfo.get_or_insert_default().brdy = text,
            "family_no" => row.baseinfo.get_or_insert_default().family_no = text,
            "insutype" => node(&mut row.insuinfo).insutype = text,
            "psn_type" => node(&mut row.insuinfo).psn_type = text,
            "insuplc_admdvs" => node(&mut row.insuinfo).insuplc_admdvs = text,
            "psn_insu_stas" => node(&mut row.insuinfo).psn_insu_stas = text,
            "psn_insu_date" => node(&mut row.insuinfo).psn_insu_date = text,
            "paus_insu_date" => node(&mut row.insuinfo).paus_insu_date = text,
            "cvlserv_flag" => node(&mut row.insuinfo).cvlserv_flag = text,
            "balc" => node(&mut row.insuinfo).balc = text,
            "past_year_balc" => node(&mut row.insuinfo).past_year_balc = text,
            "psn_idet_type" => node(&mut row.idetinfo).psn_idet_type = text,
            "begntime" => node(&mut row.idetinfo).begntime = text,
            "endtime" => node(&mut row.idetinfo).endtime = text,
            "memo" => node(&mut row.idetinfo).memo = text,
            "policy_no" => node(&mut row.policyinfo).policy_no = text,
            "product" => node(&mut row.policyinfo).product = text,
            "begndate" => node(&mut row.policyinfo).begndate = text,
            "enddate" => node(&mut row.policyinfo).enddate = text,
            "first_begndate" => node(&mut row.policyinfo).first_begndate = text,
            "claim_free_years" => node(&mut row.policyinfo).claim_free_years = text,
            "terms" => node(&mut row.policyinfo).terms = words(value),
            "approvals" => node(&mut row.policyinfo).approvals = words(value),
            "amounts" => {
                let pair = |(name, amount)| v1::PolicyAmount { name, amount };
                node(&mut row.policyinfo).amounts = pairs(column, value)?.into_iter().map(pair).collect();
            }
            "rates" => {
                let pair = |(name, rate)| v1::PolicyRate { name, rate };
                node(&mut row.policyinfo).rates = pairs(column, value)?.into_iter().map(pair).collect();
            }
            "dise_code" => node(&mut row.preexinfo).dise_code = text,
            "regdate" => node(&mut row.preexinfo).regdate = text,
            // Columns that are not kept.
            _ => {}
        }
    }
    Ok(row)
}

/// `plan-1;with-social-insurance`.
fn words(value: &str) -> Vec<String> {
    value.split(';').map(|word| word.trim().to_owned()).collect()
}

/// `sum_insured=3000000;deductible=10000`.
fn pairs(column: &str, value: &str) -> Result<Vec<(String, String)>, LineFault> {
    let pair = |part: &str| {
        let (name, number) = part.split_once('=')?;
        Some((name.trim().to_owned(), number.trim().to_owned()))
    };
    value.split(';').map(pair).collect::<Option<Vec<_>>>().ok_or_else(|| LineFault {
        code: "not_a_row".to_owned(),
        reason: format!("`{column}` is no list of `name=number`, separated by `;`"),
    })
}

fn set_hospital(row: &mut v1::HospitalRow, column: &str, value: &str) {
    let field = match column {
        "fixmedins_code" => &mut row.fixmedins_code,
        "fixmedins_name" => &mut row.fixmedins_name,
        "mdtrtarea_admvs" => &mut row.mdtrtarea_admvs,
        "hosp_lv" => &mut row.hosp_lv,
        "community_flag" => &mut row.community_flag,
        "valid_from" => &mut row.valid_from,
        "valid_to" => &mut row.valid_to,
        "vali_flag" => &mut row.vali_flag,
        _ => return,
    };
    value.clone_into(field);
}

fn set_item(row: &mut v1::CatalogueRow, column: &str, value: &str) {
    let field = match column {
        "hilist_code" => &mut row.hilist_code,
        "hilist_name" => &mut row.hilist_name,
        "med_chrgitm_type" => &mut row.med_chrgitm_type,
        "chrgitm_lv" => &mut row.chrgitm_lv,
        "begndate" => &mut row.begndate,
        "enddate" => &mut row.enddate,
        "lmt_used_flag" => &mut row.lmt_used_flag,
        "selfpay_prop_310" => &mut row.selfpay_prop_310,
        "selfpay_prop_390" => &mut row.selfpay_prop_390,
        "pric_uplmt_tertiary" => &mut row.pric_uplmt_tertiary,
        "pric_uplmt_secondary" => &mut row.pric_uplmt_secondary,
        "pric_uplmt_other" => &mut row.pric_uplmt_other,
        "vali_flag" => &mut row.vali_flag,
        _ => return,
    };
    value.clone_into(field);
}

/// Makes rows of one subject.
struct Rows {
    register: u8,
    subject: Arc<str>,
    stated: Stated,
    rows: Vec<RegisterRow>,
}

impl Rows {
    fn of(register: Register, subject: &str, stated: Stated) -> Rows {
        Rows { register: register.number(), subject: Arc::from(subject), stated, rows: Vec::new() }
    }

    fn push(&mut self, item: impl Into<Arc<str>>, content: &impl Message) {
        let Rows { register, subject, stated: Stated { span, is_valid }, rows } = self;
        rows.push(RegisterRow {
            register: *register,
            subject: Arc::clone(subject),
            item: item.into(),
            span: *span,
            content: if *is_valid { content.encode_to_vec() } else { Vec::new() },
        });
    }
}

fn person_rows(mut row: v1::PersonRow, valid_from: &str) -> Result<Vec<RegisterRow>, LineFault> {
    if row.valid_from.is_empty() {
        valid_from.clone_into(&mut row.valid_from);
    }
    let stated = request::person_row(&row)?;
    let mut rows = Rows::of(Register::Persons, &row.psn_no, stated);
    let v1::PersonRow { baseinfo, insuinfo, idetinfo, policyinfo, preexinfo, .. } = row;
    let names_nothing =
        insuinfo.is_empty() && idetinfo.is_empty() && policyinfo.is_empty() && preexinfo.is_empty();
    if let Some(base) = baseinfo.or((!stated.is_valid && names_nothing).then(v1::BaseInfo::default)) {
        let v1::BaseInfo { gend, brdy, family_no, .. } = base;
        rows.push("baseinfo", &v1::BaseInfo { gend, brdy, family_no, ..v1::BaseInfo::default() });
    }
    for mut insured in insuinfo {
        let insutype = insured.insutype.clone();
        let account = v1::InsuInfo {
            insutype: insutype.clone(),
            balc: std::mem::take(&mut insured.balc),
            past_year_balc: std::mem::take(&mut insured.past_year_balc),
            ..v1::InsuInfo::default()
        };
        if has_account(&account) || !stated.is_valid {
            rows.push(format!("balc/{insutype}"), &account);
        }
        let says_insurance =
            v1::InsuInfo { insutype: String::new(), ..insured.clone() } != v1::InsuInfo::default();
        if says_insurance || !stated.is_valid {
            rows.push(format!("insuinfo/{insutype}"), &insured);
        }
    }
    for identity in idetinfo {
        let key = [identity.psn_idet_type.as_str(), &identity.begntime].join(" ");
        rows.push(format!("idetinfo/{}", key.trim_end()), &identity);
    }
    for policy in policyinfo {
        rows.push(format!("policyinfo/{}", policy.policy_no), &policy);
    }
    for pre_existing in preexinfo {
        rows.push(format!("preexinfo/{}", pre_existing.dise_code), &pre_existing);
    }
    Ok(rows.rows)
}

fn hospital_rows(mut row: v1::HospitalRow, valid_from: &str) -> Result<Vec<RegisterRow>, LineFault> {
    if row.valid_from.is_empty() {
        valid_from.clone_into(&mut row.valid_from);
    }
    let stated = request::hospital_row(&row)?;
    let mut rows = Rows::of(Register::Hospitals, &row.fixmedins_code, stated);
    let v1::HospitalRow { fixmedins_name, mdtrtarea_admvs, hosp_lv, community_flag, .. } = row;
    let said = v1::HospitalRow {
        fixmedins_name,
        mdtrtarea_admvs,
        hosp_lv,
        community_flag,
        ..v1::HospitalRow::default()
    };
    rows.push("hospital", &said);
    Ok(rows.rows)
}

fn item_rows(catalogue: &Arc<str>, row: v1::CatalogueRow) -> Result<Vec<RegisterRow>, LineFault> {
    let stated = request::catalogue_row(&row)?;
    let mut rows = Rows::of(Register::Catalogues, &row.hilist_code, stated);
    // Dates and flag are the row's own; what is left is the same content on whatever days.
    let said = v1::CatalogueRow {
        hilist_code: String::new(),
        begndate: String::new(),
        enddate: String::new(),
        vali_flag: String::new(),
        ..row
    };
    rows.push(Arc::clone(catalogue), &said);
    Ok(rows.rows)
}

/// Words of a row for people: its item and days.
pub fn days_of(span: Span) -> String {
    let day = |day: Option<bedside_claim::Date>| day.map_or("..".to_owned(), |day| day.to_string());
    format!("[{}, {})", day(span.from), day(span.until))
}
