//! What stands of a person, or of a hospital, on a day: the nodes that a call would carry, and the version of each.

use bedside_claim::Date;
use bedside_ledger::{Ledger, StandingRow};

use super::{Register, RegisterReadError, content};
use crate::v1;

/// A person as the registers have them on one day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PersonOnDay {
    /// With its `psn_no`; nothing where no such row stands.
    pub baseinfo: Option<v1::BaseInfo>,
    /// With the balance of each; `0.00` where no account is stated.
    pub insuinfo: Vec<v1::InsuInfo>,
    /// Identity categories with the days on which they hold.
    pub idetinfo: Vec<v1::IdetInfo>,
    /// Policies by their first day of cover.
    pub policyinfo: Vec<v1::PolicyInfo>,
    /// The registry of pre-existing conditions.
    pub preexinfo: Vec<v1::PreExInfo>,
    /// The version of each row.
    pub versions: Vec<v1::RegisterVersion>,
}

impl PersonOnDay {
    /// Whether nothing stands.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// The versions of the rows of one node.
    pub fn versions_of<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a v1::RegisterVersion> {
        self.versions.iter().filter(move |version| version.node == node)
    }
}

/// A hospital as the register has it on one day.
#[derive(Debug, Clone, PartialEq)]
pub struct HospitalOnDay {
    /// `fixmedins_name`, `mdtrtarea_admvs`, `hosp_lv`, `community_flag`.
    pub row: v1::HospitalRow,
    /// Its version.
    pub version: v1::RegisterVersion,
}

/// Reads what stands of a person on a day.
///
/// # Errors
/// [`RegisterReadError`].
pub fn person_on(
    ledger: &Ledger,
    tenant: &str,
    psn_no: &str,
    day: Date,
) -> Result<PersonOnDay, RegisterReadError> {
    let rows = ledger.standing_rows(tenant, Register::Persons.number(), psn_no)?;
    let mut person = PersonOnDay::default();
    let mut accounts = Vec::new();
    for StandingRow { item, sequence, content: bytes, .. } in
        rows.into_iter().filter(|row| row.span.contains(day))
    {
        let (node, key) = item.split_once('/').unwrap_or((&item, ""));
        match node {
            "baseinfo" => {
                let base: v1::BaseInfo = content(&bytes, sequence)?;
                person.baseinfo = Some(v1::BaseInfo { psn_no: psn_no.to_owned(), ..base });
            }
            "insuinfo" => person.insuinfo.push(content(&bytes, sequence)?),
            "balc" => accounts.push(content::<v1::InsuInfo>(&bytes, sequence)?),
            "idetinfo" => person.idetinfo.push(content(&bytes, sequence)?),
            "policyinfo" => person.policyinfo.push(content(&bytes, sequence)?),
            "preexinfo" => person.preexinfo.push(content(&bytes, sequence)?),
            _ => return Err(RegisterReadError::Row { sequence }),
        }
        person.versions.push(version(node, key, sequence));
    }
    for insured in &mut person.insuinfo {
        match accounts.iter().find(|account| account.insutype == insured.insutype) {
            Some(account) => {
                insured.balc.clone_from(&account.balc);
                insured.past_year_balc.clone_from(&account.past_year_balc);
            }
            None => "0.00".clone_into(&mut insured.balc),
        }
    }
    person.policyinfo.sort_by(|a, b| (&a.begndate, &a.policy_no).cmp(&(&b.begndate, &b.policy_no)));
    Ok(person)
}

fn version(node: &str, key: &str, sequence: u64) -> v1::RegisterVersion {
    v1::RegisterVersion { node: node.to_owned(), key: key.to_owned(), version: sequence.to_string() }
}

/// Reads what stands of a hospital on a day.
///
/// # Errors
/// [`RegisterReadError`].
pub fn hospital_on(
    ledger: &Ledger,
    tenant: &str,
    fixmedins_code: &str,
    day: Date,
) -> Result<Option<HospitalOnDay>, RegisterReadError> {
    let rows = ledger.standing_rows(tenant, Register::Hospitals.number(), fixmedins_code)?;
    let Some(StandingRow { sequence, content: bytes, .. }) =
        rows.into_iter().find(|row| row.span.contains(day))
    else {
        return Ok(None);
    };
    let row = v1::HospitalRow {
        fixmedins_code: fixmedins_code.to_owned(),
        ..content::<v1::HospitalRow>(&bytes, sequence)?
    };
    Ok(Some(HospitalOnDay { row, version: version("hospital", "", sequence) }))
}
