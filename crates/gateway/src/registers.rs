//! What the rows of the ledger's registers mean: persons with what they are insured under, hospitals, catalogues.
//!
//! The way in ([`roster`]): a line of a roster, checked as a call would be, becomes dated rows. The way out: what stands on
//! a day becomes the nodes of a call (`person`) or the items of a catalogue. It must not know how a row is kept, nor
//! decide anything by it. Invariant: names and certificates stop here, as at the door.

mod person;
pub mod roster;

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{CatalogueLevel, Date, Price, Rate};
use bedside_ledger::{Ledger, ReadError, RegisterRow, StandingRow};
use bedside_policy::{CatalogueItem, Ceilings, ItemUse, Library};
use prost::Message;

pub use self::person::{HospitalOnDay, PersonOnDay, hospital_on, person_on};

use crate::v1;

/// Which register of the ledger holds what; the numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Register {
    /// By `psn_no`: baseinfo, insuinfo, balc, idetinfo, policyinfo, preexinfo.
    Persons,
    /// By `fixmedins_code`.
    Hospitals,
    /// By `hilist_code`, an item for each catalogue that lists it.
    Catalogues,
}

impl Register {
    /// The number that the ledger keeps it under.
    pub fn number(self) -> u8 {
        match self {
            Register::Persons => 1,
            Register::Hospitals => 2,
            Register::Catalogues => 3,
        }
    }
}

/// Why a register gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum RegisterReadError {
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] ReadError),
    /// A row is not one that this program writes.
    #[error("a row of a register, brought by record {sequence}, cannot be read")]
    Row {
        /// The record.
        sequence: u64,
    },
}

fn content<M: Message + Default>(bytes: &[u8], sequence: u64) -> Result<M, RegisterReadError> {
    M::decode(bytes).map_err(|_| RegisterReadError::Row { sequence })
}

/// The dated items of a catalogue as they stand, with their code, and the last record that brought one of them; each as the
/// policy crate has it.
///
/// # Errors
/// [`RegisterReadError`].
pub fn catalogue_items(
    ledger: &Ledger,
    tenant: &str,
    catalogue: &str,
    mut visit: impl FnMut(Arc<str>, CatalogueItem),
) -> Result<u64, RegisterReadError> {
    let mut latest = 0;
    let mut wrong = None;
    ledger.each_standing_row(tenant, Register::Catalogues.number(), |code, row| {
        if *row.item != *catalogue {
            return;
        }
        let item = v1::CatalogueRow::decode(&*row.content).ok();
        match item.and_then(|item| item_of(&item, row.span.from?, row.span.until)) {
            Some(item) => {
                latest = latest.max(row.sequence);
                visit(code, item);
            }
            None => wrong = wrong.or(Some(row.sequence)),
        }
    })?;
    match wrong {
        Some(sequence) => Err(RegisterReadError::Row { sequence }),
        None => Ok(latest),
    }
}

fn item_of(row: &v1::CatalogueRow, from: Date, until: Option<Date>) -> Option<CatalogueItem> {
    let ceiling = |text: &str| match text {
        "" => Some(None),
        text => Price::parse(text).ok().map(Some),
    };
    Some(CatalogueItem {
        name: row.hilist_name.as_str().into(),
        level: CatalogueLevel::from_code(&row.chrgitm_lv)?,
        from,
        until: until.unwrap_or(Date::MAX),
        item_use: if row.lmt_used_flag == "1" { ItemUse::Restricted } else { ItemUse::Free },
        selfpay_prop_employee: Rate::parse(&row.selfpay_prop_310).ok()?,
        selfpay_prop_resident: Rate::parse(&row.selfpay_prop_390).ok()?,
        ceilings: Ceilings {
            tertiary: ceiling(&row.pric_uplmt_tertiary)?,
            secondary: ceiling(&row.pric_uplmt_secondary)?,
            other: ceiling(&row.pric_uplmt_other)?,
        },
    })
}

/// The catalogues of which items stand, with how many dated items of each.
///
/// # Errors
/// [`RegisterReadError`].
pub fn catalogues(ledger: &Ledger, tenant: &str) -> Result<BTreeMap<Arc<str>, u64>, RegisterReadError> {
    let mut counts = BTreeMap::new();
    ledger.each_standing_row(tenant, Register::Catalogues.number(), |_, row| {
        *counts.entry(row.item).or_default() += 1;
    })?;
    Ok(counts)
}

/// A library whose catalogues have the items that the ledger's registers list of them; each is cited with the last record
/// that brought an item of it.
///
/// # Errors
/// [`RegisterReadError`].
pub fn with_catalogues(
    library: Arc<Library>,
    ledger: &Ledger,
    tenant: &str,
) -> Result<Arc<Library>, RegisterReadError> {
    let catalogues = catalogues(ledger, tenant)?;
    if catalogues.is_empty() {
        return Ok(library);
    }
    let mut library = Library::clone(&library);
    for catalogue in catalogues.keys() {
        let mut rows: BTreeMap<Arc<str>, Vec<CatalogueItem>> = BTreeMap::new();
        let latest = catalogue_items(ledger, tenant, catalogue, |code, item| {
            rows.entry(code).or_default().push(item);
        })?;
        // Rows that stand do not overlap.
        let put = library.put_items(catalogue, &format!("+register.{latest}"), &rows);
        match put.map_err(|_| RegisterReadError::Row { sequence: latest })? {
            true => {
                tracing::info!(%catalogue, items = rows.len(), record = latest, "items of a register are used")
            }
            false => tracing::warn!(%catalogue, "a register lists items of a catalogue that no pack has"),
        }
    }
    Ok(Arc::new(library))
}

/// What a hospital is called by a row of its register; nothing of other rows, and where the row does not say it.
pub fn hospital_name(row: &RegisterRow) -> Option<String> {
    let is_hospital = row.register == Register::Hospitals.number();
    let name = is_hospital.then(|| v1::HospitalRow::decode(&*row.content).ok())??.fixmedins_name;
    (!name.is_empty()).then_some(name)
}

/// What a row says, as JSON with the national field names.
///
/// # Errors
/// [`RegisterReadError::Row`].
pub fn shown(register: Register, row: &StandingRow) -> Result<serde_json::Value, RegisterReadError> {
    let StandingRow { item, sequence, content: bytes, .. } = row;
    fn value<M: Message + Default + serde::Serialize>(
        bytes: &[u8],
        sequence: u64,
    ) -> Result<serde_json::Value, RegisterReadError> {
        let row: M = content(bytes, sequence)?;
        serde_json::to_value(row).map_err(|_| RegisterReadError::Row { sequence })
    }
    let node = item.split('/').next().unwrap_or_default();
    match (register, node) {
        (Register::Hospitals, _) => value::<v1::HospitalRow>(bytes, *sequence),
        (Register::Catalogues, _) => value::<v1::CatalogueRow>(bytes, *sequence),
        (Register::Persons, "baseinfo") => value::<v1::BaseInfo>(bytes, *sequence),
        (Register::Persons, "insuinfo" | "balc") => value::<v1::InsuInfo>(bytes, *sequence),
        (Register::Persons, "idetinfo") => value::<v1::IdetInfo>(bytes, *sequence),
        (Register::Persons, "policyinfo") => value::<v1::PolicyInfo>(bytes, *sequence),
        (Register::Persons, "preexinfo") => value::<v1::PreExInfo>(bytes, *sequence),
        (Register::Persons, _) => Err(RegisterReadError::Row { sequence: *sequence }),
    }
}
