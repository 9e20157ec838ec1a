//! `bedside pack`: the tools of those who write and read plans.
//!
//! One file for each subcommand; what they share stands in `chosen` and `tables`.

mod list;
mod tables;

use clap::{Args, Subcommand};

use crate::failure::Failure;

/// What `pack` takes.
#[derive(Debug, Args)]
pub(crate) struct PackArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists plans, programmes and catalogues.
    List(list::ListArguments),
}

pub(crate) fn run(arguments: &PackArguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => list::run(arguments),
    }
}
