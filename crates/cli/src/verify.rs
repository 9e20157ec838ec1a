//! `bedside verify`: proofs that need neither ledger nor network.

pub(crate) mod receipt;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::release;

/// What `verify` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bedside verify receipt receipt.json --public-key ward.pub\n  bedside verify key --signing-key /var/lib/bedside/signing-key > ward.pub\n  bedside verify release release.json"
)]
pub(crate) struct VerifyArguments {
    #[command(subcommand)]
    what: Proof,
}

#[derive(Debug, Subcommand)]
enum Proof {
    /// Checks a release of `settle --reveal` against a settlement's digest.
    #[command(
        after_help = "Examples:\n  bedside verify release release.json\n  bedside verify release release.json --digest 5d0c4f6a5d0c4f6a5d0c4f6a5d0c4f6a5d0c4f6a5d0c4f6a5d0c4f6a5d0c4f6a --lang en"
    )]
    Release(release::ReleaseArguments),
    /// Checks that an answer stands in a signed ledger, and that it adds up.
    #[command(
        after_help = "The later receipt of --later shows that the ledger still holds all that it held at the first: get it with QueryByMsgid and known_tree_size.\n\nExamples:\n  bedside verify receipt receipt.json --public-key bedside/ward+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n  bedside verify receipt receipt.json --public-key ward.pub --later today.json --lang en\n  bedside verify receipt receipt.json --public-key ward.pub --format json"
    )]
    Receipt(receipt::ReceiptArguments),
    /// Prints the public key of a signing key, for auditors.
    #[command(
        after_help = "Example:\n  bedside verify key --signing-key /var/lib/bedside/signing-key > ward.pub"
    )]
    Key(receipt::KeyArguments),
}

pub(crate) fn run(arguments: &VerifyArguments) -> Result<(), Failure> {
    match &arguments.what {
        Proof::Release(arguments) => release::run(arguments),
        Proof::Receipt(arguments) => receipt::run(arguments),
        Proof::Key(arguments) => receipt::print_key(arguments),
    }
}
