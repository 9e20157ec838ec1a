//! `bedside settle`: one case file in, its settlements out, no server.

use std::io::Read;
use std::path::PathBuf;

use bedside_gateway::to_json;
use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::format::{PacksArgument, print};
use crate::statement::Language;
use crate::{case, statement};

/// What `settle` can make of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SettleFormat {
    /// The statement in the terminal.
    Text,
    /// The answer for scripts.
    Json,
    /// The statement as one HTML page, to be looked at or printed on A4.
    Html,
}

/// What `settle` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "The case file is the JSON form of SettleBillRequest with the national field names, amounts as texts; or {\"prior\": [..], \"bills\": [..]}: what was used up before, and several bills in order, of one person or family. docs/case-files.md has every field.\n\nExamples:\n  bedside settle crates/cli/morning/01-resident-child.json\n  bedside settle case.json --format json > settlement.json\n  bedside settle case.json --format html > statement.html\n  cat case.json | bedside settle - --lang en"
)]
pub(crate) struct SettleArguments {
    /// The case file; `-` reads standard input.
    case: PathBuf,
    /// What to make of the settlement.
    #[arg(long, value_enum, default_value_t = SettleFormat::Text)]
    format: SettleFormat,
    /// The language of the statement.
    #[arg(long, value_enum, default_value_t = Language::Zh)]
    lang: Language,
    #[command(flatten)]
    packs: PacksArgument,
}

pub(crate) fn run(arguments: &SettleArguments) -> Result<(), Failure> {
    let text = read(&arguments.case)?;
    let lang = arguments.lang.first();
    let file = case::read(&text, lang)?;
    let settlements = case::settle(&file, &arguments.packs.library()?, lang)?;
    let mut out = String::new();
    match arguments.format {
        SettleFormat::Text => {
            for settlement in &settlements {
                out += &statement::render(settlement, arguments.lang)?;
            }
        }
        SettleFormat::Html => out = statement::page(&settlements, arguments.lang)?,
        SettleFormat::Json => {
            let documents: Vec<String> = settlements.iter().map(to_json).collect();
            // One bill, one object, as over the wire; several bills, a list.
            out = match documents.as_slice() {
                [document] => document.clone(),
                documents => format!("[{}]", documents.join(",\n")),
            };
            out.push('\n');
        }
    }
    print(&out)
}

fn read(path: &PathBuf) -> Result<String, Failure> {
    let result = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    result.map_err(|error| Failure::wrong_input(format!("cannot read `{}`: {error}", path.display())))
}
