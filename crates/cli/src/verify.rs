//! `bedside verify`: proofs that need no ledger.

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::release;

/// What `verify` takes.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(subcommand)]
    what: Proof,
}

#[derive(Debug, Subcommand)]
enum Proof {
    /// Checks a release of `settle --reveal` against a settlement's digest.
    Release(release::ReleaseArguments),
}

pub(crate) fn run(arguments: &VerifyArguments) -> Result<(), Failure> {
    match &arguments.what {
        Proof::Release(arguments) => release::run(arguments),
    }
}
