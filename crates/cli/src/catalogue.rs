//! `bedside catalogue`: dated items of drugs, services and consumables as rows of a ledger.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use bedside_claim::{Date, Span};
use bedside_gateway::registers::roster::Roster;
use bedside_gateway::registers::{Register, catalogues};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::enrol;
use crate::failure::Failure;
use crate::format::{OutputFormat, print};
use crate::import::{self, FileArgument, LedgerArgument};

/// Gaps that are listed.
const GAPS_SHOWN: usize = 20;

/// What `catalogue` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "docs/registers.md has the columns.\n\nExamples:\n  bedside catalogue check items.csv\n  bedside catalogue import items.csv --catalogue demo/catalogue --data ./ledger\n  bedside catalogue show --data ./ledger"
)]
pub(crate) struct CatalogueArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Records the dated items of a catalogue.
    #[command(
        after_help = "docs/registers.md has the columns. The same file again records nothing. A gateway that is opened afterwards splits lines by these items where the catalogue's pack has others or none.\n\nExample:\n  bedside catalogue import items.csv --catalogue demo/catalogue --data ./ledger"
    )]
    Import(ImportArguments),
    /// Reads such a file and says what is wrong with it; records nothing.
    #[command(after_help = "Example:\n  bedside catalogue check items.csv")]
    Check(CheckArguments),
    /// Shows which catalogues have items in a ledger, or the dated rows of one item.
    #[command(
        after_help = "Examples:\n  bedside catalogue show --data ./ledger\n  bedside catalogue show XC15XCA000A008064084520 --data ./ledger --date 2026-03-31"
    )]
    Show(ShowArguments),
}

#[derive(Debug, Args)]
struct ImportArguments {
    #[command(flatten)]
    file: FileArgument,
    #[command(flatten)]
    ledger: LedgerArgument,
    /// The catalogue, `authority/product`, as programmes name it.
    #[arg(long, value_name = "ID", value_parser = catalogue_id)]
    catalogue: Arc<str>,
}

#[derive(Debug, Args)]
struct CheckArguments {
    #[command(flatten)]
    file: FileArgument,
}

#[derive(Debug, Args)]
struct ShowArguments {
    /// The hilist_code of an item.
    code: Option<String>,
    #[command(flatten)]
    ledger: LedgerArgument,
    /// Show what stands on this day only.
    #[arg(long, value_name = "DATE", value_parser = Date::from_str, requires = "code")]
    date: Option<Date>,
    /// Print for people or for scripts.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
}

fn catalogue_id(text: &str) -> Result<Arc<str>, String> {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    match text.split_once('/') {
        Some((authority, product)) if text.len() <= 100 && word(authority) && word(product) => {
            Ok(Arc::from(text))
        }
        _ => Err("a catalogue is named `authority/product`".to_owned()),
    }
}

pub(crate) fn run(arguments: &CatalogueArguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Import(ImportArguments { file, ledger, catalogue }) => {
            import::import(&Roster::Catalogue(Arc::clone(catalogue)), ledger, file, "")?.tell(file, true)
        }
        Command::Check(CheckArguments { file }) => check(file),
        Command::Show(ShowArguments { code, ledger, date, format }) => match code {
            Some(code) => enrol::show(Register::Catalogues, code, ledger, *date, *format),
            None => list(ledger, *format),
        },
    }
}

fn check(file: &FileArgument) -> Result<(), Failure> {
    let mut items: BTreeMap<Arc<str>, Vec<Span>> = BTreeMap::new();
    let roster = Roster::Catalogue(Arc::from("checked/file"));
    let summary = import::check(&roster, file, |row| {
        if !row.content.is_empty() {
            items.entry(row.subject).or_default().push(row.span);
        }
    })?;
    let mut gaps = Vec::new();
    for (code, spans) in &mut items {
        spans.sort_by_key(|span| span.from);
        for pair in spans.windows(2) {
            if let (Some(until), Some(from)) = (pair[0].until, pair[1].from)
                && until < from
            {
                gaps.push(format!("item `{code}` has no row from {until} until {from}"));
            }
        }
    }
    summary.tell(file, false)?;
    if file.format == OutputFormat::Text {
        let mut text = format!("{} items, {} gaps\n", items.len(), gaps.len());
        for gap in gaps.iter().take(GAPS_SHOWN) {
            text += &format!("gap: {gap}\n");
        }
        print(&text)?;
    }
    Ok(())
}

fn list(ledger: &LedgerArgument, format: OutputFormat) -> Result<(), Failure> {
    let opened = ledger.open()?;
    let counts = catalogues(&opened, &ledger.tenant).map_err(Failure::fault)?;
    match format {
        OutputFormat::Text if counts.is_empty() => print("no catalogue has items\n"),
        OutputFormat::Text => {
            let lines = counts.iter().map(|(id, rows)| format!("{id}  {rows} dated items\n"));
            print(&lines.collect::<String>())
        }
        OutputFormat::Json => {
            let listed = counts.iter().map(|(id, rows)| json!({"catalogue": **id, "dated_items": rows}));
            print(&format!("{}\n", json!(listed.collect::<Vec<_>>())))
        }
    }
}
