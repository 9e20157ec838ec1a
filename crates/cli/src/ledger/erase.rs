//! `bedside ledger erase`: a copy of a ledger without the personal data of some persons.
//!
//! Exit codes: 2 for a person without a record, or records that cannot be erased; 3 for a ledger that serves.

use std::collections::BTreeSet;
use std::path::PathBuf;

use bedside_gateway::registers::Register;
use bedside_ledger::{EraseError, Erasure, PersonKey, erase_persons};
use clap::Args;
use serde_json::json;

use super::{Bar, DataArgument, FormatArgument, copy_failure};
use crate::failure::Failure;
use crate::format::{OutputFormat, hex, print};

#[derive(Debug, Args)]
pub(super) struct EraseArguments {
    #[command(flatten)]
    data: DataArgument,
    /// The folder to make.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// The tenant of the persons.
    #[arg(long, env = "BEDSIDE_TENANT", default_value = "default")]
    tenant: String,
    /// A file with one psn_no a line, `-` for standard input: numbers among the words of a command stay in its history.
    #[arg(long, value_name = "FILE")]
    persons: PathBuf,
    #[command(flatten)]
    format: FormatArgument,
}

/// Makes the copy and says what is still to be done.
pub(super) fn run(arguments: &EraseArguments) -> Result<(), Failure> {
    let EraseArguments { data, to, tenant, persons, format } = arguments;
    let read = if persons.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(persons)
    };
    let read =
        read.map_err(|error| Failure::wrong_input(format!("cannot read `{}`: {error}", persons.display())))?;
    let persons: BTreeSet<PersonKey> = read
        .lines()
        .map(str::trim)
        .filter(|psn_no| !psn_no.is_empty())
        .map(|psn_no| PersonKey { tenant: tenant.as_str().into(), psn_no: psn_no.into() })
        .collect();
    if persons.is_empty() {
        return Err(Failure::wrong_input("no psn_no was given"));
    }
    let bar = Bar::new("copied");
    let Erasure { copied, erased } =
        erase_persons(&data.data, to, &persons, Register::Persons.number(), |it| bar.tell(it))
            .map_err(|error| erase_failure(error, tenant))?;
    drop(bar);
    match format.format {
        OutputFormat::Text => print(&format!(
            "{} records in {}, {erased} of them erased ({} persons)\nhash {}\n`{}` still holds the data: destroy it, its backups and exports\n",
            copied.records,
            to.display(),
            persons.len(),
            hex(&copied.hash),
            data.data.display()
        )),
        OutputFormat::Json => print(&format!(
            "{}\n",
            json!({"records": copied.records, "erased": erased, "persons": persons.len(), "hash": hex(&copied.hash), "to": to})
        )),
    }
}

fn erase_failure(error: EraseError, tenant: &str) -> Failure {
    match error {
        EraseError::Copy(error) => copy_failure(error),
        EraseError::Live => Failure::refused(error),
        EraseError::NotFound { count } => Failure::wrong_input(format!(
            "{count} of the persons have no record under the tenant `{tenant}` (--tenant); nothing was erased"
        )),
        EraseError::TooMany(_)
        | EraseError::NotErasable { .. }
        | EraseError::KeptNames { .. }
        | EraseError::Shared { .. }
        | EraseError::StillNamed { .. } => Failure::wrong_input(error),
        EraseError::TooLarge { .. } => Failure::fault(error),
    }
}
