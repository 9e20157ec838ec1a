//! `bedside settle`: one case file in, its settlements out, no server.

use std::io::Read;
use std::path::PathBuf;

use bedside_gateway::v1;
use clap::Args;

use crate::failure::Failure;
use crate::format::{PacksArgument, print};
use crate::release::{Granularity, Reveal};
use crate::statement::{Form, Language};
use crate::{case, release, statement};

/// What `settle` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "The case file is the JSON form of SettleBillRequest with the national field names, amounts as texts; or {\"prior\": [..], \"bills\": [..]}: what was used up before, and several bills in order, of one person or family. docs/case-files.md has every field.\n\nExamples:\n  bedside settle crates/cli/morning/01-resident-child.json\n  bedside settle case.json --format json > settlement.json\n  bedside settle case.json --format html > statement.html\n  bedside settle case.json --line 0007\n  bedside settle case.json --payment 2\n  bedside settle case.json --reveal benefit --salt-key salts.key > release.json\n  cat case.json | bedside settle - --lang en"
)]
pub(crate) struct SettleArguments {
    /// The case file; `-` reads standard input.
    case: PathBuf,
    /// What to make of the settlement.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    /// The language of the statement.
    #[arg(long, value_enum, default_value_t = Language::Zh)]
    lang: Language,
    /// Only this line: who pays each fen of it, and why.
    #[arg(long, value_name = "FEEDETL_SN", conflicts_with_all = ["format", "payment", "reveal"])]
    line: Option<String>,
    /// Only this payment, counted from 1 as on the statement: why, and the lines it came from.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["format", "reveal"])]
    payment: Option<usize>,
    /// Release the settlement down to this granularity only, as JSON that `bedside verify release` can check
    /// (docs/plans-travel.md).
    #[arg(long, value_enum, value_name = "GRANULARITY", conflicts_with = "format", requires = "salt_key")]
    reveal: Option<Granularity>,
    /// With --reveal: only what this pack pays; `national:<field>` for a fund that the national platform settled.
    #[arg(long, value_name = "AUTHORITY/PRODUCT", requires = "reveal")]
    plan: Option<String>,
    /// With --reveal: the secret that the salts come from; made where there is none.
    #[arg(long, value_name = "FILE", requires = "reveal")]
    salt_key: Option<PathBuf>,
    #[command(flatten)]
    packs: PacksArgument,
}

pub(crate) fn run(arguments: &SettleArguments) -> Result<(), Failure> {
    let text = read(&arguments.case)?;
    let lang = arguments.lang.first();
    let file = case::read(&text, lang)?;
    let settlements = case::settle(&file, &arguments.packs.library()?, lang)?;
    if let (Some(granularity), Some(path)) = (arguments.reveal, &arguments.salt_key) {
        let reveal = Reveal { granularity, plan: arguments.plan.as_deref(), key: release::key(path)? };
        return print(&released(&settlements, &reveal)?);
    }
    if let Some(traced) = traced(&settlements, arguments) {
        return print(&traced?);
    }
    print(&statement::in_form(&settlements, arguments.format, arguments.lang)?)
}

/// The line or payment that was asked for, in every bill that has it.
fn traced(settlements: &[v1::Settlement], arguments: &SettleArguments) -> Option<Result<String, Failure>> {
    let lang = arguments.lang;
    let (asked, traces): (_, Vec<_>) = match (&arguments.line, arguments.payment) {
        (Some(line), _) => (
            format!("line `{line}`"),
            settlements.iter().map(|settlement| statement::of_line(settlement, line, lang)).collect(),
        ),
        (None, Some(number)) => (
            format!("payment `{number}`"),
            settlements.iter().map(|settlement| statement::of_payment(settlement, number, lang)).collect(),
        ),
        (None, None) => return None,
    };
    let found = traces.into_iter().filter_map(Result::transpose).collect::<Result<Vec<_>, _>>();
    Some(found.and_then(|found| match found.as_slice() {
        [] => Err(Failure::wrong_input(format!("the settlement has no {asked}"))),
        found => Ok(found.join("\n")),
    }))
}

/// One bill, one release; several bills, a list.
fn released(settlements: &[v1::Settlement], reveal: &Reveal<'_>) -> Result<String, Failure> {
    let releases = settlements.iter().map(|settlement| release::release(settlement, reveal));
    let releases = releases.collect::<Result<Vec<_>, _>>()?;
    Ok(match releases.as_slice() {
        [release] => format!("{release:#}\n"),
        releases => format!("{:#}\n", serde_json::Value::from(releases)),
    })
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
