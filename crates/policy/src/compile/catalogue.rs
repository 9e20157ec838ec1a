//! Catalogues: a head in TOML and dated items in CSV.

use std::sync::Arc;

use bedside_claim::{CatalogueLevel, FeeCategory, Grade, PackStatus, Price, Rate};

use super::pack_card;
use super::words::{Checked, date, grade, in_range, number, span, status, word};
use crate::catalogue::{Catalogue, CatalogueItem, Ceilings, ItemUse};
use crate::error::PackProblem;
use crate::pack_file::{CatalogueFile, ItemRow};

/// Compiles one version of a catalogue from its head and the text of its items.
pub(crate) fn catalogue(id: &str, file: &CatalogueFile, items: &str) -> Checked<Catalogue> {
    let valid = span("valid", &file.valid)?;
    let (status, grade) = (status("status", &file.status)?, grade("grade", &file.grade)?);
    if status == PackStatus::InForce && grade > Grade::B {
        return Err(PackProblem::StatusAboveGrade { parameter: "grade".to_owned(), grade: grade.name() });
    }
    let card = Arc::new(pack_card(id, &file.version, &file.name, valid, status, grade));
    let mut rows = Vec::new();
    for (index, row) in csv::Reader::from_reader(items.as_bytes()).deserialize::<ItemRow>().enumerate() {
        let row = row.map_err(|error| PackProblem::Syntax(error.to_string()))?;
        // The header is line 1.
        rows.push(catalogue_item(index + 2, &row)?);
    }
    Catalogue::new(card, rows)
        .map_err(|twice| PackProblem::OverlappingRows { code: twice.code.to_string(), date: twice.date })
}

fn catalogue_item(line: usize, row: &ItemRow) -> Checked<(Arc<str>, CatalogueItem)> {
    let place = |column: &str| format!("items line {line}, {column}");
    let ceiling = |column: &str, text: &str| -> Checked<Option<Price>> {
        if text.is_empty() {
            return Ok(None);
        }
        let price = number(place(column), text, Price::parse)?;
        in_range(&place(column), text, price >= Price::ZERO, "0 and above").map(|()| Some(price))
    };
    let prop = |column: &str, text: &str| -> Checked<Rate> {
        let rate = number(place(column), text, Rate::parse)?;
        in_range(&place(column), text, (Rate::ZERO..=Rate::ONE).contains(&rate), "0 to 1").map(|()| rate)
    };
    for (column, text) in [("hilist_code", &row.hilist_code), ("hilist_name", &row.hilist_name)] {
        if text.chars().any(char::is_control) {
            return Err(PackProblem::ControlCharacter { place: place(column) });
        }
    }
    let level = CatalogueLevel::from_code(&row.chrgitm_lv).ok_or_else(|| PackProblem::UnknownWord {
        place: place("chrgitm_lv"),
        word: row.chrgitm_lv.clone(),
        allowed: "`01`, `02`, `03`".to_owned(),
    })?;
    FeeCategory::from_code(&row.med_chrgitm_type).ok_or_else(|| PackProblem::UnknownWord {
        place: place("med_chrgitm_type"),
        word: row.med_chrgitm_type.clone(),
        allowed: "`01` to `14`".to_owned(),
    })?;
    let (from, until) = (date(place("begndate"), &row.begndate)?, date(place("enddate"), &row.enddate)?);
    if from >= until {
        return Err(PackProblem::EmptyValidity { place: place("enddate") });
    }
    let item = CatalogueItem {
        name: row.hilist_name.as_str().into(),
        level,
        from,
        until,
        item_use: word(
            place("lmt_used_flag"),
            &row.lmt_used_flag,
            &[("0", ItemUse::Free), ("1", ItemUse::Restricted)],
        )?,
        selfpay_prop_employee: prop("selfpay_prop_310", &row.selfpay_prop_310)?,
        selfpay_prop_resident: prop("selfpay_prop_390", &row.selfpay_prop_390)?,
        ceilings: Ceilings {
            tertiary: ceiling("pric_uplmt_tertiary", &row.pric_uplmt_tertiary)?,
            secondary: ceiling("pric_uplmt_secondary", &row.pric_uplmt_secondary)?,
            other: ceiling("pric_uplmt_other", &row.pric_uplmt_other)?,
        },
    };
    Ok((row.hilist_code.as_str().into(), item))
}
