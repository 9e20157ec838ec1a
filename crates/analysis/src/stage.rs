//! A plan with the programmes in which it can be run.
//!
//! The library's own programmes that place the plan while it is valid, or, where none does, one in which it stands
//! alone. It must not know what is run.

use std::sync::Arc;

use bedside_claim::{Date, PackCard};
use bedside_policy::{Library, Place, Plan, ProgrammeRule, PublicSource};
use jiff::Span as Days;

/// A plan version, the packs around it, and where it is run.
#[derive(Debug, Clone)]
pub struct Stage {
    /// What claims are settled with.
    pub library: Library,
    /// The version that is looked at.
    pub plan: Arc<Plan>,
    /// At least one.
    pub scenes: Vec<Scene>,
    /// Whether no programme of the library places the plan, so that it is run alone.
    pub is_lone: bool,
}

/// One programme in which the plan is run, and the day around which visits happen.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The programme.
    pub programme: ProgrammeRule,
    /// The first day of the last visit: the plan's version is valid on it and for some weeks after, if it ever is.
    pub day: Date,
}

/// Days before and after a scene's day on which visits happen.
const BEFORE: i32 = 40;
const AFTER: i32 = 40;

impl Stage {
    /// The stage of a plan version; `None` for a pack that only holds parameters for others.
    pub fn of(library: &Library, plan: &Arc<Plan>) -> Option<Stage> {
        let payer = &plan.benefits.first()?.card.payer.kind;
        let mut placing = Vec::new();
        for programme in library.programmes() {
            let is_placed = programme.places.iter().any(|place| *place.pack() == plan.card.id);
            // The platform's answer stands in for public layers: there they pay nothing that could be looked at.
            let pays = programme.public_source == PublicSource::Computed || !payer.is_public();
            if is_placed
                && pays
                && let Some(day) = day_of(library, plan, programme)
            {
                placing.push(Scene { programme: programme.clone(), day });
            }
        }
        if !placing.is_empty() {
            return Some(Stage {
                library: library.clone(),
                plan: plan.clone(),
                scenes: placing,
                is_lone: false,
            });
        }
        let library = library.with_lone_programme(&plan.card.id)?;
        let programme = library.programmes().last()?.clone();
        let day = day_in(plan.card.from, plan.card.until);
        Some(Stage { library, plan: plan.clone(), scenes: vec![Scene { programme, day }], is_lone: true })
    }

    /// The same bills' stage with other packs: what a change of packs is tried on. `None` where the plan has no place
    /// in them.
    pub fn library_of(&self, packs: &Library) -> Option<Library> {
        if self.is_lone { packs.with_lone_programme(&self.plan.card.id) } else { Some(packs.clone()) }
    }
}

impl Scene {
    /// Whether the plan has to be held by a policy.
    pub fn needs_policy(&self, pack: &str) -> bool {
        self.programme.places.iter().any(|place| matches!(place, Place::Policy(id) if **id == *pack))
    }

    /// `insuplc_admdvs` of an insured: six digits of the programme's area.
    pub fn area(&self) -> Arc<str> {
        let mut area = self.programme.area.to_string();
        for digit in ["0", "1", "0", "0"] {
            area.push_str(digit);
        }
        area.truncate(6);
        if self.programme.area.len() == 4 {
            area = format!("{}00", self.programme.area);
        }
        area.into()
    }
}

/// A day on which the version and every public plan before it in the programme are valid.
fn day_of(library: &Library, plan: &Plan, programme: &ProgrammeRule) -> Option<Date> {
    let (mut from, mut until) = (plan.card.from.max(programme.from), plan.card.until.min(programme.until));
    let splits = |card: &&Arc<PackCard>| card.id == programme.catalogue;
    let catalogues: Vec<_> = library.catalogues().map(|catalogue| &catalogue.card).filter(splits).collect();
    from = catalogues.iter().map(|card| card.from).min()?.max(from);
    until = catalogues.iter().map(|card| card.until).max()?.min(until);
    for place in &programme.places {
        let Place::Plan(pack) = place else { continue };
        let versions = library.versions_of(pack);
        let valid = |version: &&Arc<Plan>| version.card.from < until && from < version.card.until;
        if let Some(version) = versions.iter().rev().find(valid) {
            from = version.card.from.max(from);
            until = version.card.until.min(until);
        }
    }
    (from < until).then(|| day_in(from, until))
}

/// A day well inside, with weeks before and after it in one calendar year, as far as the span has room for that.
fn day_in(from: Date, until: Date) -> Date {
    let room = |day: Date| {
        let before = day
            .checked_sub(Days::new().days(BEFORE))
            .is_ok_and(|first| first >= from && first.year() == day.year());
        let after = day
            .checked_add(Days::new().days(AFTER))
            .is_ok_and(|last| last < until && last.year() == day.year());
        before && after
    };
    let mut candidates = Vec::new();
    for year in (from.year()..=until.year()).rev() {
        candidates.extend(
            [(6, 1), (3, 1), (9, 1)].iter().filter_map(|(month, day)| Date::new(year, *month, *day).ok()),
        );
    }
    candidates.extend(from.checked_add(Days::new().days(BEFORE)));
    candidates.into_iter().find(|day| room(*day)).unwrap_or(from)
}
