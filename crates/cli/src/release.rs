//! A settlement released at one granularity only, so that the rest stays where it was computed.
//!
//! One insurer's plan may run where another's data lie: its owner then needs what the plan owes, not the lines that tell
//! an illness. A release shows the items of a settlement down to one granularity and hashes for the rest; whoever knows
//! the settlement's digest can check that what is shown is part of it. Invariant: the digest is the same at every
//! granularity, and no hash can be guessed, because each item is salted.

mod items;
mod tree;
mod verify;

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bedside_gateway::{canonical, v1};
use clap::ValueEnum;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) use self::verify::{ReleaseArguments, run};

use self::items::{Item, Items};
use self::tree::{Hash, leaf, root};
use crate::failure::Failure;
use crate::format::hex;

/// The first line of what is hashed, and the release's `format`.
const FORMAT: &str = "bedside-release-1";

/// How much of a settlement is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Granularity {
    /// What each side pays in all.
    Total,
    /// What each benefit pays, too.
    Benefit,
    /// Every payment by fee category, too.
    Category,
    /// Everything: every payment by line.
    Line,
}

impl Granularity {
    const ALL: [Granularity; 4] =
        [Granularity::Total, Granularity::Benefit, Granularity::Category, Granularity::Line];

    fn name(self) -> &'static str {
        match self {
            Granularity::Total => "total",
            Granularity::Benefit => "benefit",
            Granularity::Category => "category",
            Granularity::Line => "line",
        }
    }

    fn from_name(name: &str) -> Option<Granularity> {
        Granularity::ALL.into_iter().find(|granularity| granularity.name() == name)
    }
}

/// What may be shown of a settlement.
pub(crate) struct Reveal<'a> {
    pub(crate) granularity: Granularity,
    /// Only what this pack pays.
    pub(crate) plan: Option<&'a str>,
    /// Where the salts come from.
    pub(crate) key: [u8; 32],
}

/// The release as JSON.
///
/// # Errors
/// Wrong input when the plan paid nothing; a fault when the answer holds an amount that is none.
pub(crate) fn release(answer: &v1::Settlement, reveal: &Reveal<'_>) -> Result<Value, Failure> {
    let items = Items::of(answer)?;
    if let Some(plan) = reveal.plan
        && !items.has_plan(plan)
    {
        return Err(Failure::wrong_input(format!(
            "`--plan`: `{plan}` pays nothing in this settlement; it has payments of {}",
            items.plans().join(", ")
        )));
    }
    let context = Sha256::digest(canonical::answer_bytes(answer));
    let mut levels = serde_json::Map::new();
    let mut roots = Vec::new();
    for granularity in Granularity::ALL {
        let leaves: Vec<(&Item, Hash, Hash)> = items
            .of_level(granularity)
            .iter()
            .map(|item| {
                let salt = salt(&reveal.key, &context, granularity, &item.path);
                (item, salt, leaf(&salt, &item.path, &item.value))
            })
            .collect();
        let of_level = root(&leaves.iter().map(|(_, _, hash)| *hash).collect::<Vec<_>>());
        roots.push(of_level);
        let level = if granularity > reveal.granularity {
            json!({ "root": hex(&of_level) })
        } else {
            let shown = leaves.iter().map(|(item, salt, hash)| {
                if reveal.plan.is_none_or(|plan| item.is_shown_to(plan)) {
                    json!({ "path": item.path, "value": item.value, "salt": hex(salt) })
                } else {
                    json!({ "hash": hex(hash) })
                }
            });
            json!({ "leaves": shown.collect::<Vec<_>>() })
        };
        levels.insert(granularity.name().to_owned(), level);
    }
    let mut document = json!({
        "format": FORMAT,
        "digest": hex(&digest(&roots)),
        "reveal": reveal.granularity.name(),
    });
    if let Some(plan) = reveal.plan {
        document["plan"] = json!(plan);
    }
    document["levels"] = Value::Object(levels);
    Ok(document)
}

/// The settlement's digest: over the roots of its four levels.
fn digest(roots: &[Hash]) -> Hash {
    let mut hash = Sha256::new();
    hash.update(FORMAT.as_bytes());
    hash.update(b"\n");
    for root in roots {
        hash.update(root);
    }
    hash.finalize().into()
}

fn salt(key: &[u8; 32], context: &[u8], granularity: Granularity, path: &str) -> Hash {
    // A key of one block is itself the HMAC key of what is shorter.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in [context, granularity.name().as_bytes(), b"/", path.as_bytes()] {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The key in the file; made where there is none, readable by its owner only.
///
/// # Errors
/// Wrong input when the file is no key or cannot be read or made.
pub(crate) fn key(path: &Path) -> Result<[u8; 32], Failure> {
    let failed =
        |error: std::io::Error| Failure::wrong_input(format!("the salt key `{}`: {error}", path.display()));
    let mut text = String::new();
    match File::open(path) {
        Ok(file) => file.take(1_000).read_to_string(&mut text).map_err(failed)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return make_key(path),
        Err(error) => return Err(failed(error)),
    };
    tree::unhex(text.trim()).ok_or_else(|| {
        Failure::wrong_input(format!("the salt key `{}` is not 64 hexadecimal digits", path.display()))
    })
}

fn make_key(path: &Path) -> Result<[u8; 32], Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::wrong_input(format!("the salt key `{}` cannot be made: {error}", path.display()))
    };
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| failed(&error))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| failed(&error))?;
    writeln!(file, "{}", hex(&key)).and_then(|()| file.sync_all()).map_err(|error| failed(&error))?;
    eprintln!("made the salt key `{}`: keep it, and keep it secret", path.display());
    Ok(key)
}
