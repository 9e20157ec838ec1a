//! `bedside pack`: the tools of those who write and read plans.
//!
//! One file for each subcommand; what they share stands in `chosen`, `page` and `tables`.

mod check;
mod chosen;
mod diff;
mod diff_page;
mod explain;
mod list;
mod new;
mod page;
mod sheet_json;
mod tables;

use clap::{Args, Subcommand};

use crate::failure::Failure;

/// What `pack` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "docs/packs.md goes from a product sheet to a plan with these commands.\n\nExamples:\n  bedside pack list --on 2026-03-01\n  bedside pack explain hangzhou/resident-basic\n  bedside pack new lanting/huimin --kind commercial --packs my-packs\n  bedside pack diff lanting/huimin --packs my-packs --against next-packs"
)]
pub(crate) struct PackArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Finds what is wrong with packs, and the smallest bill that shows it.
    Check(check::CheckArguments),
    /// Lists plans, programmes and catalogues.
    List(list::ListArguments),
    /// Shows a plan as tables: who it is for, what counts, what it pays, where every number comes from.
    Explain(explain::ExplainArguments),
    /// Writes the commented skeleton of a plan, with all that is needed to try it.
    New(new::NewArguments),
    /// Compares two versions of a plan: what changed, and what that does to typical bills.
    Diff(diff::DiffArguments),
}

pub(crate) fn run(arguments: &PackArguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments),
        Command::List(arguments) => list::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::New(arguments) => new::run(arguments),
        Command::Diff(arguments) => diff::run(arguments),
    }
}
