//! Which version of a plan is meant.

use std::sync::Arc;

use bedside_claim::{Date, Lang};
use bedside_policy::{Library, Plan};

use crate::failure::Failure;

/// How a version is picked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pick<'a> {
    /// By its name.
    Version(&'a str),
    /// By a day on which it is valid.
    On(Date),
    /// The last one.
    Last,
}

/// The version of the plan `id`.
///
/// # Errors
/// Wrong input where there is no such plan or version; a refusal where no version is valid on the day.
pub(crate) fn plan<'a>(
    library: &'a Library,
    id: &str,
    pick: Pick<'_>,
    lang: Lang,
) -> Result<&'a Arc<Plan>, Failure> {
    let versions = library.versions_of(id);
    if versions.is_empty() {
        return Err(unknown(library, id, lang));
    }
    let found = match pick {
        Pick::Version(name) => versions.iter().find(|plan| *plan.card.version == *name),
        Pick::On(day) => versions.iter().find(|plan| plan.card.from <= day && day < plan.card.until),
        Pick::Last => versions.iter().max_by_key(|plan| plan.card.from),
    };
    found.ok_or_else(|| {
        let versions = versions.iter().map(|plan| {
            let card = &plan.card;
            format!("{} [{}, {})", card.version, card.from, card.until)
        });
        let versions = versions.collect::<Vec<_>>().join(", ");
        match (pick, lang) {
            (Pick::On(day), Lang::Zh) => {
                Failure::refused(format!("`{id}` 在 {day} 没有有效版本；已有：{versions}"))
            }
            (Pick::On(day), Lang::En) => {
                Failure::refused(format!("`{id}` has no version valid on {day}; there are {versions}"))
            }
            (Pick::Version(name), Lang::Zh) => {
                Failure::wrong_input(format!("`{id}` 没有版本 `{name}`；已有：{versions}"))
            }
            (Pick::Version(name), Lang::En) => {
                Failure::wrong_input(format!("`{id}` has no version `{name}`; there are {versions}"))
            }
            (Pick::Last, _) => Failure::fault(format!("`{id}` has no version")),
        }
    })
}

/// Names the plans that are meant, perhaps: those that share authority or product; else all.
fn unknown(library: &Library, id: &str, lang: Lang) -> Failure {
    let mut known: Vec<&str> = library.plans().map(|plan| &*plan.card.id).collect();
    known.dedup();
    let near: Vec<&str> = known.iter().copied().filter(|known| is_near(known, id)).collect();
    let shown = if near.is_empty() { known } else { near }.join(", ");
    Failure::wrong_input(match lang {
        Lang::Zh => format!("没有方案 `{id}`；已有：{shown}"),
        Lang::En => format!("there is no plan `{id}`; there are {shown}"),
    })
}

/// Whether the half before or after the stroke is the same.
fn is_near(known: &str, wanted: &str) -> bool {
    let wanted: Vec<&str> = wanted.split('/').filter(|part| !part.is_empty()).collect();
    known.split('/').any(|part| wanted.contains(&part))
}
