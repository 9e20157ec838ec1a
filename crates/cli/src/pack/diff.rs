//! `bedside pack diff`: what changed between two versions of a plan, and what that does to typical bills.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedside_analysis::{Effect, effect};
use bedside_claim::Lang;
use bedside_policy::{Comparison, Library, Plan};
use clap::Args;
use serde_json::{Value, json};

use super::chosen::{self, Pick};
use super::diff_page;
use super::page;
use super::tables::of;
use crate::failure::Failure;
use crate::format::{LangArgument, OutputFormat, PacksArgument, print};

/// What `pack diff` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "A plan is named AUTHORITY/PRODUCT@VERSION, without @VERSION its last one, or by the path of its file, which then is read with the folder of packs that it lies in. With --against, every plan of the one folder is compared with that of the other, or only the one named.\nBills are made for what either plan tells apart and settled on days of the old version, with the new one in its place; so the same bill meets both rules. Exit code 2: no such plan, version, file or folder; two different plans.\n\nExamples:\n  bedside pack diff hangzhou/resident-basic@2021 hangzhou/resident-basic@2027 --packs ./packs\n  bedside pack diff old/lanting/huimin/2026.toml new/lanting/huimin/2026.toml --lang en\n  bedside pack diff --packs ./packs --against ./packs-next --format json"
)]
pub(crate) struct DiffArguments {
    /// The plan before.
    old: Option<String>,
    /// The plan after; not with --against.
    new: Option<String>,
    /// Compare the packs with those of this folder: --packs before, this one after.
    #[arg(long, value_name = "FOLDER", conflicts_with = "new")]
    against: Option<PathBuf>,
    /// Print for people or for scripts.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// The language.
    #[arg(long, value_enum, default_value_t = LangArgument::Zh)]
    lang: LangArgument,
    #[command(flatten)]
    packs: PacksArgument,
}

/// A plan among the packs that it is run with.
pub(crate) struct Among {
    pub(crate) packs: Library,
    pub(crate) plan: Arc<Plan>,
}

/// Two versions that were held against each other.
pub(crate) struct Compared {
    pub(crate) old: Among,
    pub(crate) new: Among,
    pub(crate) comparison: Comparison,
    /// None for packs of parameters alone.
    pub(crate) effect: Option<Effect>,
}

/// Two folders: what both have, and what only one has.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) compared: Vec<Compared>,
    /// `authority/product version`.
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    /// Programmes that are not the same, by id.
    pub(crate) programmes: Vec<String>,
}

pub(crate) fn run(arguments: &DiffArguments) -> Result<(), Failure> {
    let lang = Lang::from(arguments.lang);
    let found = match (&arguments.against, &arguments.old, &arguments.new) {
        (Some(against), named, _) => folders(arguments, against, named.as_deref(), lang)?,
        (None, Some(old), Some(new)) => {
            let (old, new) = (among(arguments, old, lang)?, among(arguments, new, lang)?);
            Found { compared: vec![compared(old, new, lang)?], ..Found::default() }
        }
        _ => {
            let text = of(
                lang,
                "需要两个方案，或 --against 另一个目录",
                "needs two plans, or --against another folder",
            );
            return Err(Failure::wrong_input(text));
        }
    };
    match arguments.format {
        OutputFormat::Text => print(&page::text(&diff_page::blocks(&found, lang)?)),
        OutputFormat::Json => print(&format!("{:#}\n", document(&found, lang)?)),
    }
}

/// The plan that a word of the command line names.
fn among(arguments: &DiffArguments, word: &str, lang: Lang) -> Result<Among, Failure> {
    if Path::new(word).extension().is_some_and(|kind| kind == "toml") {
        let (packs, plan) = Library::load_plan(Path::new(word))
            .map_err(|error| Failure::wrong_input(format!("rule pack {error}")))?;
        return Ok(Among { packs, plan });
    }
    let packs = arguments.packs.library()?;
    let (id, pick) = match word.split_once('@') {
        Some((id, version)) => (id, Pick::Version(version)),
        None => (word, Pick::Last),
    };
    let plan = chosen::plan(&packs, id, pick, lang)?.clone();
    Ok(Among { packs, plan })
}

fn compared(old: Among, new: Among, lang: Lang) -> Result<Compared, Failure> {
    let (was, is) = (&old.plan.card.id, &new.plan.card.id);
    if was != is {
        return Err(Failure::wrong_input(match lang {
            Lang::Zh => format!("`{was}` 与 `{is}` 不是同一方案；只比较同一方案的版本"),
            Lang::En => format!("`{was}` and `{is}` are two plans; versions of one are compared"),
        }));
    }
    let comparison = Comparison::of(&old.plan, &new.plan, lang);
    let effect = effect((&old.packs, &old.plan), (&new.packs, &new.plan)).map_err(Failure::fault)?;
    Ok(Compared { old, new, comparison, effect })
}

/// Every plan of two folders, or the one named.
fn folders(
    arguments: &DiffArguments,
    against: &Path,
    named: Option<&str>,
    lang: Lang,
) -> Result<Found, Failure> {
    let old = arguments.packs.library()?;
    let new = Library::load(against).map_err(|error| Failure::wrong_input(format!("rule pack {error}")))?;
    let mut ids: Vec<String> = old.plans().chain(new.plans()).map(|plan| plan.card.id.to_string()).collect();
    ids.sort();
    ids.dedup();
    if let Some(named) = named {
        ids.retain(|id| id == named);
        if ids.is_empty() {
            chosen::plan(&old, named, Pick::Last, lang)?;
        }
    }
    let mut found = Found::default();
    for id in &ids {
        let (mut before, mut after) = (old.versions_of(id).to_vec(), new.versions_of(id).to_vec());
        let mut pairs = Vec::new();
        before.retain(|was| {
            let same = after.iter().position(|is| is.card.version == was.card.version);
            same.map(|place| pairs.push((was.clone(), after.remove(place)))).is_none()
        });
        if let ([was], [is]) = (before.as_slice(), after.as_slice()) {
            // One version gave way to another.
            pairs.push((was.clone(), is.clone()));
            before.clear();
            after.clear();
        }
        let name = |plan: &Arc<Plan>| format!("{id} {}", plan.card.version);
        found.removed.extend(before.iter().map(name));
        found.added.extend(after.iter().map(name));
        for (was, is) in pairs.into_iter().filter(|(was, is)| was != is) {
            let (was, is) = (Among { packs: old.clone(), plan: was }, Among { packs: new.clone(), plan: is });
            found.compared.push(compared(was, is, lang)?);
        }
    }
    if named.is_none() {
        let (was, is) = (old.programmes(), new.programmes());
        let only =
            was.iter().filter(|rule| !is.contains(rule)).chain(is.iter().filter(|rule| !was.contains(rule)));
        found.programmes = only.map(|rule| rule.id.to_string()).collect();
        found.programmes.sort();
        found.programmes.dedup();
    }
    Ok(found)
}

fn document(found: &Found, lang: Lang) -> Result<Value, Failure> {
    let Found { compared, added, removed, programmes } = found;
    let plans =
        compared.iter().map(|compared| diff_page::document(compared, lang)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "plans": plans, "added": added, "removed": removed, "programmes": programmes }))
}
