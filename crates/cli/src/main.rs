//! The `bedside` program: one binary, a subcommand for each job.
//!
//! It parses words, opens files, prints; every decision is made in the crates it calls. Exit codes: 0 done, 2 wrong
//! input, 3 a business refusal, 1 a fault.

/// Writing to a string cannot fail; this keeps the call sites short.
macro_rules! line {
    ($out:expr) => { $out.push('\n') };
    ($out:expr, $($part:tt)*) => {{ let _ = writeln!($out, $($part)*); }};
}

mod case;
mod catalogue;
mod demo;
mod enrol;

mod failure;
mod format;
mod import;
mod ledger;
mod pack;
mod release;
mod replay;
mod serve;

mod settle;
mod statement;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// 床边结算: settles medical bills across basic insurance, critical-illness insurance, assistance and commercial
/// plans, to the fen, and explains every amount.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  bedside demo\n  bedside settle case.json --lang en\n  bedside replay bills.ndjson --out results.ndjson\n  bedside serve --listen 127.0.0.1:7070 --data ./ledger"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts a gateway with a fresh ledger on a free loopback port and plays a ward's morning over real gRPC.
    Demo(demo::DemoArguments),
    /// Runs the gateway.
    Serve(serve::ServeArguments),
    /// Settles one case file without a server: the JSON form of `SettleBillRequest` in, the settlement out.
    Settle(settle::SettleArguments),
    /// Records and shows who is insured under what, and hospitals: dated rows of a ledger.
    Enrol(enrol::EnrolArguments),
    /// Records, checks and shows dated items of catalogues.
    Catalogue(catalogue::CatalogueArguments),
    /// Looks at a ledger's folder: shows, verifies, backs up, restores, exports, rebuilds.
    Ledger(ledger::LedgerArguments),
    /// Works with rule packs: lists, explains, begins and compares them.
    Pack(pack::PackArguments),
    /// Checks receipts and releases, without ledger and network.
    Verify(verify::VerifyArguments),
    /// Settles a file of discharge bills, one JSON document a line, persons in parallel.
    Replay(replay::ReplayArguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Settle(arguments) => settle::run(&arguments),
        Command::Enrol(arguments) => enrol::run(&arguments),
        Command::Catalogue(arguments) => catalogue::run(&arguments),
        Command::Ledger(arguments) => ledger::run(&arguments),
        Command::Pack(arguments) => pack::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}
