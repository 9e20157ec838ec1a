//! `bedside enrol`: who is insured under what, and which hospitals there are, as dated rows of a ledger.

use std::str::FromStr;

use bedside_claim::Date;
use bedside_gateway::registers::roster::{Roster, days_of};
use bedside_gateway::registers::{Register, shown};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::failure::Failure;
use crate::format::{OutputFormat, print};
use crate::import::{self, FileArgument, LedgerArgument};

/// What `enrol` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "docs/registers.md has the columns.\n\nExamples:\n  bedside enrol import fixtures/registers/persons.csv --data ./ledger\n  bedside enrol show D33010001 --data ./ledger"
)]
pub(crate) struct EnrolArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Records a roster: persons with insurance, account, identities, policies, registry; or hospitals.
    #[command(
        after_help = "docs/registers.md has the columns. The same file again records nothing. Names and certificates are never stored.\n\nExamples:\n  bedside enrol import fixtures/registers/persons.csv --data ./ledger\n  bedside enrol import policies.parquet --data ./ledger --valid-from 2026-04-01\n  bedside enrol import fixtures/registers/hospitals.csv --of hospitals --data ./ledger"
    )]
    Import(ImportArguments),
    /// Shows what stands of a person or hospital, with the record that brought each row.
    #[command(
        after_help = "Examples:\n  bedside enrol show D33010001 --data ./ledger\n  bedside enrol show D33010001 --data ./ledger --date 2026-03-31 --format json"
    )]
    Show(ShowArguments),
}

/// What a roster lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Listed {
    /// Persons, by psn_no.
    Persons,
    /// Hospitals, by fixmedins_code.
    Hospitals,
}

#[derive(Debug, Args)]
struct ImportArguments {
    #[command(flatten)]
    file: FileArgument,
    #[command(flatten)]
    ledger: LedgerArgument,
    /// What the file lists.
    #[arg(long, value_enum, default_value_t = Listed::Persons)]
    of: Listed,
    /// The first day on which lines hold that do not say theirs (valid_from) [default: no bound].
    #[arg(long, value_name = "DATE", value_parser = Date::from_str)]
    valid_from: Option<Date>,
}

#[derive(Debug, Args)]
struct ShowArguments {
    /// The psn_no or fixmedins_code.
    number: String,
    #[command(flatten)]
    ledger: LedgerArgument,
    /// What the number is of.
    #[arg(long, value_enum, default_value_t = Listed::Persons)]
    of: Listed,
    /// Show what stands on this day only.
    #[arg(long, value_name = "DATE", value_parser = Date::from_str)]
    date: Option<Date>,
    /// Print for people or for scripts.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
}

pub(crate) fn run(arguments: &EnrolArguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Import(arguments) => {
            let roster = match arguments.of {
                Listed::Persons => Roster::Persons,
                Listed::Hospitals => Roster::Hospitals,
            };
            let valid_from = arguments.valid_from.map(|day| day.to_string()).unwrap_or_default();
            let summary = import::import(&roster, &arguments.ledger, &arguments.file, &valid_from)?;
            summary.tell(&arguments.file, true)
        }
        Command::Show(arguments) => {
            let register = match arguments.of {
                Listed::Persons => Register::Persons,
                Listed::Hospitals => Register::Hospitals,
            };
            let ShowArguments { number, ledger, date, format, .. } = arguments;
            show(register, number, ledger, *date, *format)
        }
    }
}

/// Prints what stands of a subject.
pub(crate) fn show(
    register: Register,
    subject: &str,
    ledger: &LedgerArgument,
    date: Option<Date>,
    format: OutputFormat,
) -> Result<(), Failure> {
    let opened = ledger.open()?;
    let rows = opened.standing_rows(&ledger.tenant, register.number(), subject).map_err(Failure::fault)?;
    let rows: Vec<_> = rows.into_iter().filter(|row| date.is_none_or(|day| row.span.contains(day))).collect();
    if rows.is_empty() {
        return Err(Failure::refused(match date {
            None => "nothing stands of it in the register".to_owned(),
            Some(day) => format!("nothing stands of it in the register on {day}"),
        }));
    }
    match format {
        OutputFormat::Text => {
            let mut text = String::new();
            for row in &rows {
                let content = shown(register, row).map_err(Failure::fault)?;
                text += &format!("{}  {}  record {}  {content}\n", row.item, days_of(row.span), row.sequence);
            }
            print(&text)
        }
        OutputFormat::Json => {
            let mut listed = Vec::with_capacity(rows.len());
            for row in &rows {
                listed.push(json!({
                    "item": *row.item,
                    "from": row.span.from.map(|day| day.to_string()),
                    "until": row.span.until.map(|day| day.to_string()),
                    "version": row.sequence,
                    "content": shown(register, row).map_err(Failure::fault)?,
                }));
            }
            print(&format!("{}\n", json!(listed)))
        }
    }
}
