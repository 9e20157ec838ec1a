//! `bedside settle`: one case file in, the settlement out, no server.

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
    after_help = "The case file is the JSON form of SettleBillRequest with the national field names; amounts are texts.\n\nExamples:\n  bedside settle crates/cli/morning/01-resident-child.json\n  bedside settle case.json --format json > settlement.json\n  cat case.json | bedside settle - --lang en"
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
    let case = case::read(&text, lang)?;
    let settlement = case::settle(&case, &arguments.packs.library()?, lang)?;
    match arguments.format {
        OutputFormat::Text => print(&statement::render(&settlement, lang)?),
        OutputFormat::Json => print(&(to_json(&settlement) + "\n")),
    }
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
