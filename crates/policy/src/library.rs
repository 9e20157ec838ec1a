//! All packs together, and which of them apply to a claim.
//!
//! Invariant: on any day at most one version of a plan, programme or catalogue is valid; a library with a defective
//! file does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bedside_claim::{Claim, Date, DateRule, PackCard, Reason};
use include_dir::{Dir, DirEntry, include_dir};
use serde::de::DeserializeOwned;

use crate::catalogue::Catalogue;
use crate::compile;
use crate::error::{PackError, PackProblem};
use crate::pack_file::{CatalogueFile, PlanFile, ProgrammeFile};
use crate::plan::Plan;

static BUILTIN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/packs");

/// Why no programme applies to a claim: a business refusal, not a fault. Nothing is booked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// No programme for this insurance in this area on the day of settlement.
    #[error("no programme for `insutype` {insutype} insured in {insuplc_admdvs} on {date}")]
    NoProgramme {
        /// The insurance type.
        insutype: Arc<str>,
        /// The area of insurance.
        insuplc_admdvs: Arc<str>,
        /// The day of settlement.
        date: Date,
    },
    /// A plan of the programme has no version for the day its date rule asks about.
    #[error("pack `{pack}` has no version valid on {date}")]
    OutsideDates {
        /// The pack.
        pack: Arc<str>,
        /// The day.
        date: Date,
    },
    /// The plan says that it cannot decide such a claim at all.
    #[error("pack `{pack}` has no rules for this case: {}", .reason.text(bedside_claim::Lang::En))]
    OutOfScope {
        /// The pack.
        pack: Arc<str>,
        /// The condition that is not met.
        reason: Reason,
    },
    /// A policy of a product that has no place in the programme.
    #[error("policy product `{product}` has no place in programme `{programme}`")]
    UnknownProduct {
        /// The product.
        product: Arc<str>,
        /// The programme.
        programme: Arc<str>,
    },
    /// Two policies of one product in force on one day.
    #[error("two policies of product `{product}` are in force on {date}")]
    TwoPolicies {
        /// The product.
        product: Arc<str>,
        /// The day.
        date: Date,
    },
}

/// Whether a layer's cover holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// Public plans, and policies in force.
    InForce,
    /// The person holds policies of the product, none of them in force on the day.
    NotInForce,
}

/// One payer's place in the programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The version that decides.
    pub plan: Arc<Plan>,
    /// The day it goes by.
    pub date: Date,
    /// Whether it covers that day.
    pub cover: Cover,
}

/// The ordered layers that apply to one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programme {
    /// `authority/name`.
    pub id: Arc<str>,
    /// In the order in which they pay.
    pub layers: Vec<Layer>,
    /// What splits the lines.
    pub catalogue: Arc<Catalogue>,
    /// The day of settlement, which picked the programme and gives the benefit year.
    pub date: Date,
}

#[derive(Debug, Clone)]
enum Place {
    Plan(Arc<str>),
    Policy(Arc<str>),
}

#[derive(Debug, Clone)]
struct ProgrammeRule {
    id: Arc<str>,
    from: Date,
    until: Date,
    insutype: String,
    area: String,
    catalogue: Arc<str>,
    places: Vec<Place>,
}

/// Every pack, checked and compiled.
#[derive(Debug, Clone, Default)]
pub struct Library {
    plans: BTreeMap<Arc<str>, Vec<Arc<Plan>>>,
    catalogues: BTreeMap<Arc<str>, Vec<Arc<Catalogue>>>,
    programmes: Vec<ProgrammeRule>,
}

impl Library {
    /// The packs that come with the program.
    ///
    /// # Errors
    /// [`PackError`] names the file and the place in it.
    pub fn builtin() -> Result<Library, PackError> {
        fn collect(dir: &Dir<'_>, files: &mut BTreeMap<String, String>) -> Result<(), PackError> {
            for entry in dir.entries() {
                match entry {
                    DirEntry::Dir(dir) => collect(dir, files)?,
                    DirEntry::File(file) => {
                        let name = file.path().to_string_lossy().into_owned();
                        let text = file.contents_utf8().map(str::to_owned);
                        let text = text.ok_or_else(|| unreadable(&name, &"not UTF-8"))?;
                        files.insert(name, text);
                    }
                }
            }
            Ok(())
        }
        let mut files = BTreeMap::new();
        collect(&BUILTIN, &mut files)?;
        Library::from_files(&files)
    }

    /// The packs below a folder laid out like `crates/policy/packs`.
    ///
    /// # Errors
    /// [`PackError`] names the file and the place in it.
    pub fn load(folder: &Path) -> Result<Library, PackError> {
        /// Folders are three deep, `authority/product/file`; links may lead in circles, so nothing deeper is read.
        const DEPTH: usize = 3;
        fn collect(
            root: &Path,
            folder: &Path,
            depth: usize,
            files: &mut BTreeMap<String, String>,
        ) -> Result<(), PackError> {
            let shown = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
            let entries =
                std::fs::read_dir(folder).map_err(|error| unreadable(&folder.to_string_lossy(), &error))?;
            for entry in entries {
                let path = entry.map_err(|error| unreadable(&shown(folder), &error))?.path();
                let kind = path.metadata().map_err(|error| unreadable(&shown(&path), &error))?;
                let is_pack = path.extension().is_some_and(|kind| kind == "toml" || kind == "csv");
                if kind.is_dir() && depth < DEPTH {
                    collect(root, &path, depth + 1, files)?;
                } else if kind.is_file() && is_pack {
                    let text =
                        std::fs::read_to_string(&path).map_err(|error| unreadable(&shown(&path), &error))?;
                    files.insert(shown(&path), text);
                }
            }
            Ok(())
        }
        let mut files = BTreeMap::new();
        collect(folder, folder, 1, &mut files)?;
        let library = Library::from_files(&files)?;
        if library.programmes.is_empty() {
            return Err(unreadable(&folder.to_string_lossy(), &"there is no programme in it"));
        }
        Ok(library)
    }

    /// The packs in these files, by path relative to the folder of packs.
    ///
    /// # Errors
    /// [`PackError`] names the file and the place in it.
    pub fn from_files(files: &BTreeMap<String, String>) -> Result<Library, PackError> {
        let has_head = |file: &str| files.contains_key(&file.replace(".csv", ".toml"));
        if let Some(file) = files.keys().find(|file| file.ends_with(".csv") && !has_head(file)) {
            let problem = PackProblem::Unreadable("no `.toml` of the same name beside it".to_owned());
            return Err(PackError { file: file.clone(), problem });
        }
        let mut library = Library::default();
        let mut programme_files = Vec::new();
        for (file, text) in files.iter().filter(|(file, _)| file.ends_with(".toml")) {
            let fail = |problem| PackError { file: file.clone(), problem };
            let parts: Vec<&str> = file.trim_end_matches(".toml").split('/').collect();
            let &[authority, folder, name] = parts.as_slice() else {
                return Err(fail(PackProblem::Misplaced));
            };
            let id: Arc<str> = format!("{authority}/{folder}").into();
            match folder {
                "programmes" => programme_files.push((file, authority, name, text)),
                "catalogue" => {
                    let items = files.get(&file.replace(".toml", ".csv"));
                    let items = items
                        .ok_or_else(|| fail(PackProblem::Unreadable("no items beside it".to_owned())))?;
                    let head = parse::<CatalogueFile>(text).map_err(fail)?;
                    let catalogue = compile::catalogue(&id, &head, items).map_err(fail)?;
                    let versions = library.catalogues.entry(id).or_default();
                    check_overlap(&catalogue.card, versions.iter().map(|version| &version.card))
                        .map_err(fail)?;
                    versions.push(Arc::new(catalogue));
                }
                _ => {
                    let plan =
                        parse::<PlanFile>(text).and_then(|plan| compile::plan(&id, &plan)).map_err(fail)?;
                    let versions = library.plans.entry(id).or_default();
                    check_overlap(&plan.card, versions.iter().map(|version| &version.card)).map_err(fail)?;
                    // With two date rules one claim could fall into two versions, or between them.
                    if versions.first().is_some_and(|first: &Arc<Plan>| first.date_rule != plan.date_rule) {
                        let place = "date_rule".to_owned();
                        let problem = "every version of a plan goes by the same date";
                        return Err(fail(PackProblem::Combination { place, problem }));
                    }
                    versions.push(Arc::new(plan));
                }
            }
        }
        for (file, authority, name, text) in programme_files {
            let fail = |problem| PackError { file: file.clone(), problem };
            let rule =
                parse::<ProgrammeFile>(text).and_then(|file| library.programme_rule(authority, name, &file));
            library.programmes.push(rule.map_err(fail)?);
        }
        Ok(library)
    }

    fn programme_rule(
        &self,
        authority: &str,
        name: &str,
        file: &ProgrammeFile,
    ) -> Result<ProgrammeRule, PackProblem> {
        let (from, until) = compile::validity(&file.valid)?;
        if !(2..=6).contains(&file.area.len()) || !file.area.bytes().all(|byte| byte.is_ascii_digit()) {
            let (place, word) = ("area".to_owned(), file.area.clone());
            return Err(PackProblem::UnknownWord { place, word, allowed: "two to six digits".to_owned() });
        }
        let mut placed = BTreeSet::new();
        let mut places = Vec::new();
        for layer in &file.layers {
            let (pack, place): (&String, fn(Arc<str>) -> Place) = match (&layer.plan, &layer.policy) {
                (Some(pack), None) => (pack, Place::Plan),
                (None, Some(pack)) => (pack, Place::Policy),
                _ => {
                    return Err(PackProblem::Combination {
                        place: "layers".to_owned(),
                        problem: "a layer is either `plan` or `policy`",
                    });
                }
            };
            let dangling =
                || PackProblem::Dangling { place: "layers".to_owned(), kind: "pack", name: pack.clone() };
            let (id, _) = self.plans.get_key_value(pack.as_str()).ok_or_else(dangling)?;
            // A plan pays once: two places would share one set of accumulators.
            if !placed.insert(id.clone()) {
                return Err(PackProblem::Duplicate { place: "layers".to_owned(), name: pack.clone() });
            }
            places.push(place(id.clone()));
        }
        let dangling = || PackProblem::Dangling {
            place: "catalogue".to_owned(),
            kind: "catalogue",
            name: file.catalogue.clone(),
        };
        let (catalogue, _) = self.catalogues.get_key_value(file.catalogue.as_str()).ok_or_else(dangling)?;
        let rule = ProgrammeRule {
            id: format!("{authority}/{name}").into(),
            from,
            until,
            insutype: file.insutype.clone(),
            area: file.area.clone(),
            catalogue: catalogue.clone(),
            places,
        };
        let clash = self.programmes.iter().find(|other| {
            other.insutype == rule.insutype
                && (other.area.starts_with(&rule.area) || rule.area.starts_with(&other.area))
                && other.from < rule.until
                && rule.from < other.until
        });
        match clash {
            Some(other) => {
                Err(PackProblem::Overlap { date: rule.from.max(other.from), other: other.id.to_string() })
            }
            None => Ok(rule),
        }
    }

    /// Every version of every plan, by id and date.
    pub fn plans(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.plans.values().flatten()
    }

    /// Every version of every catalogue.
    pub fn catalogues(&self) -> impl Iterator<Item = &Arc<Catalogue>> {
        self.catalogues.values().flatten()
    }

    /// The layers that apply to the claim, in order.
    ///
    /// # Errors
    /// [`Unresolved`]: no programme, a pack without a version for the day or without rules for the case, a policy
    /// without a place.
    pub fn programme_for(&self, claim: &Claim) -> Result<Arc<Programme>, Unresolved> {
        let insurance = &claim.person.insurance;
        let date = claim.visit.date(DateRule::Settlement);
        let rule = self.programmes.iter().find(|rule| {
            rule.insutype == *insurance.insutype
                && insurance.insuplc_admdvs.starts_with(&rule.area)
                && rule.from <= date
                && date < rule.until
        });
        let rule = rule.ok_or_else(|| Unresolved::NoProgramme {
            insutype: insurance.insutype.clone(),
            insuplc_admdvs: insurance.insuplc_admdvs.clone(),
            date,
        })?;
        let is_placed = |product: &str| {
            rule.places.iter().any(|place| matches!(place, Place::Policy(id) if **id == *product))
        };
        if let Some(policy) = claim.person.policies.iter().find(|policy| !is_placed(&policy.product)) {
            return Err(Unresolved::UnknownProduct {
                product: policy.product.clone(),
                programme: rule.id.clone(),
            });
        }
        let mut layers = Vec::with_capacity(rule.places.len());
        for place in &rule.places {
            match place {
                Place::Plan(id) => layers.push(self.layer(id, claim, |_| Ok(Cover::InForce))?),
                Place::Policy(id) => {
                    let held = || claim.person.policies.iter().filter(|policy| policy.product == *id);
                    if held().next().is_none() {
                        continue;
                    }
                    layers.push(self.layer(id, claim, |date| {
                        match held().filter(|p| p.cover.contains(date)).count() {
                            0 => Ok(Cover::NotInForce),
                            1 => Ok(Cover::InForce),
                            _ => Err(Unresolved::TwoPolicies { product: id.clone(), date }),
                        }
                    })?);
                }
            }
        }
        let catalogue = version_on(self.catalogues.get(&rule.catalogue), date, |catalogue| &catalogue.card)
            .ok_or_else(|| Unresolved::OutsideDates { pack: rule.catalogue.clone(), date })?;
        Ok(Arc::new(Programme { id: rule.id.clone(), layers, catalogue, date }))
    }

    fn layer(
        &self,
        id: &Arc<str>,
        claim: &Claim,
        cover: impl Fn(Date) -> Result<Cover, Unresolved>,
    ) -> Result<Layer, Unresolved> {
        let versions = self.plans.get(id).map(Vec::as_slice).unwrap_or_default();
        // The version's own date rule says which day picks it.
        let plan = versions.iter().find(|plan| {
            let date = claim.visit.date(plan.date_rule);
            plan.card.from <= date && date < plan.card.until
        });
        let plan = plan.ok_or_else(|| Unresolved::OutsideDates {
            pack: id.clone(),
            date: claim.visit.date(versions.first().map_or(DateRule::Settlement, |plan| plan.date_rule)),
        })?;
        let date = claim.visit.date(plan.date_rule);
        let cover = cover(date)?;
        if let Some(reason) = plan.scope.unmet(claim, date) {
            return Err(Unresolved::OutOfScope { pack: id.clone(), reason });
        }
        Ok(Layer { plan: plan.clone(), date, cover })
    }
}

fn version_on<T>(
    versions: Option<&Vec<Arc<T>>>,
    date: Date,
    card: impl Fn(&T) -> &Arc<PackCard>,
) -> Option<Arc<T>> {
    let valid = |version: &&Arc<T>| card(version).from <= date && date < card(version).until;
    versions?.iter().find(valid).cloned()
}

fn check_overlap<'a>(
    new: &PackCard,
    mut versions: impl Iterator<Item = &'a Arc<PackCard>>,
) -> Result<(), PackProblem> {
    match versions.find(|old| old.from < new.until && new.from < old.until) {
        Some(old) => {
            Err(PackProblem::Overlap { date: old.from.max(new.from), other: old.version.to_string() })
        }
        None => Ok(()),
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, PackProblem> {
    toml::from_str(text).map_err(|error| PackProblem::Syntax(error.to_string().trim_end().to_owned()))
}

fn unreadable(file: &str, error: &dyn std::fmt::Display) -> PackError {
    PackError { file: file.to_owned(), problem: PackProblem::Unreadable(error.to_string()) }
}
