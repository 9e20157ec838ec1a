//! `bedside settle`: one case file in, its settlements out, no server.

use std::io::Read;
use std::path::PathBuf;

use bedside_claim::Lang;
use bedside_gateway::to_json;
use clap::Args;

use crate::failure::Failure;
use crate::format::{LangArgument, OutputFormat, PacksArgument, print};
use crate::{case, statement};

/// What `settle` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "The case file is the JSON form of SettleBillRequest with the national field names, amounts as texts; or {\"prior\": [..], \"bills\": [..]}: what was used up before, and several bills in order, of one person or family. docs/case-files.md has every field.\n\nExamples:\n  bedside settle crates/cli/morning/01-resident-child.json\n  bedside settle case.json --format json > settlement.json\n  cat case.json | bedside settle - --lang en"
)]
pub(crate) struct SettleArguments {
    /// The case file; `-` reads standard input.
    case: PathBuf,
    /// Print for people or for scripts.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// The language of the statement.
    #[arg(long, value_enum, default_value_t = LangArgument::Zh)]
    lang: LangArgument,
    #[command(flatten)]
    packs: PacksArgument,
}

pub(crate) fn run(arguments: &SettleArguments) -> Result<(), Failure> {
    let text = read(&arguments.case)?;
    let lang = Lang::from(arguments.lang);
    let file = case::read(&text, lang)?;
    let settlements = case::settle(&file, &arguments.packs.library()?, lang)?;
    let mut out = String::new();
    match arguments.format {
        OutputFormat::Text => {
            for settlement in &settlements {
                out += &statement::render(settlement, lang)?;
            }
        }
        OutputFormat::Json => {
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
