//! All packs together, and which of them apply to a claim.
//!
//! Invariant: on any day at most one version of a plan, programme or catalogue is valid; a library with a defective
//! file does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bedside_claim::{Claim, Date, DateRule, PackCard, Policy, PublicSettlement, Reason};
use include_dir::{Dir, DirEntry, include_dir};
use serde::de::DeserializeOwned;

use crate::catalogue::{Catalogue, CatalogueItem, OverlappingRows};
use crate::compile::{self, PlanFiles};
use crate::error::{PackError, PackProblem};
use crate::pack_file::{CatalogueFile, PlanFile, ProgrammeFile};
use crate::plan::{Circumstances, Plan, VersionBy};
use crate::programme::{Place, ProgrammeRule, PublicSource};

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
    /// The programme leaves the public layers to the national platform, and the claim carries no answer of it.
    #[error("programme `{programme}` needs the national platform's answer")]
    NeedsNationalAnswer {
        /// The programme.
        programme: Arc<str>,
    },
    /// The policy's schedule lacks a number that its product asks for.
    #[error("the schedule of a policy of product `{product}` lacks `{name}`")]
    ScheduleLacks {
        /// The product.
        product: Arc<str>,
        /// The amount or ratio.
        name: Arc<str>,
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
    /// A public plan: nothing to hold.
    Public,
    /// The policy in force on the day: its place in the person's list.
    Policy(usize),
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

impl Layer {
    /// The policy in force, of a commercial layer.
    pub fn policy<'a>(&self, claim: &'a Claim) -> Option<&'a Policy> {
        match self.cover {
            Cover::Policy(place) => claim.person.policies.get(place),
            Cover::Public | Cover::NotInForce => None,
        }
    }
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

/// The area of [`Library::with_lone_programme`].
pub const LONE_AREA: &str = "99";

/// Every pack, checked and compiled.
#[derive(Debug, Clone, Default)]
pub struct Library {
    plans: BTreeMap<Arc<str>, Vec<Arc<Plan>>>,
    catalogues: BTreeMap<Arc<str>, Vec<Arc<Catalogue>>>,
    programmes: Vec<ProgrammeRule>,
}

/// The packs of which a version could not be read.
#[derive(Debug, Default)]
struct Broken {
    plans: BTreeSet<Arc<str>>,
    catalogues: BTreeSet<Arc<str>>,
}

impl Library {
    /// The packs that come with the program.
    ///
    /// # Errors
    /// [`PackError`] names the file and the place in it.
    pub fn builtin() -> Result<Library, PackError> {
        Library::from_files(&Library::builtin_files()?)
    }

    /// The texts of the packs that come with the program, by path.
    ///
    /// # Errors
    /// [`PackError`]: a file is no text.
    pub fn builtin_files() -> Result<BTreeMap<String, String>, PackError> {
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
        Ok(files)
    }

    /// The packs below a folder laid out like `crates/policy/packs`.
    ///
    /// # Errors
    /// [`PackError`] names the file and the place in it.
    pub fn load(folder: &Path) -> Result<Library, PackError> {
        let library = Library::from_files(&Library::files_in(folder)?)?;
        if library.programmes.is_empty() {
            return Err(unreadable(&folder.to_string_lossy(), &"there is no programme in it"));
        }
        Ok(library)
    }

    /// The texts of the packs below a folder, by path relative to it.
    ///
    /// # Errors
    /// [`PackError`]: a file or folder cannot be read.
    pub fn files_in(folder: &Path) -> Result<BTreeMap<String, String>, PackError> {
        files_below(folder)
    }

    /// The plan that this file states, and the packs of the folder that it lies in, `.../authority/product/file.toml`.
    ///
    /// # Errors
    /// [`PackError`] names the file and the place in it.
    pub fn load_plan(path: &Path) -> Result<(Library, Arc<Plan>), PackError> {
        let shown = path.to_string_lossy().into_owned();
        let misplaced = || PackError { file: shown.clone(), problem: PackProblem::Misplaced };
        let whole = path.canonicalize().map_err(|error| unreadable(&shown, &error))?;
        let root = whole.ancestors().nth(3).ok_or_else(misplaced)?;
        let name = whole.strip_prefix(root).map_err(|_| misplaced())?.to_string_lossy().into_owned();
        let files = files_below(root)?;
        let text = files.get(&name).ok_or_else(misplaced)?;
        let id = name.rsplit_once('/').ok_or_else(misplaced)?.0;
        let file = parse::<PlanFile>(text).map_err(|problem| PackError { file: name.clone(), problem })?;
        let library = Library::from_files(&files)?;
        let plan = library.versions_of(id).iter().find(|plan| *plan.card.version == *file.version).cloned();
        plan.map(|plan| (library, plan)).ok_or_else(misplaced)
    }

    /// The same packs with `plan` on the days of another version of it, whatever days are its own: what a change of
    /// rules is tried on.
    pub fn with_in_place_of(&self, other: &PackCard, plan: &Plan) -> (Library, Arc<Plan>) {
        let mut plan = plan.clone();
        let days = PackCard { from: other.from, until: other.until, ..(*plan.card).clone() };
        plan.card = Arc::new(days);
        let plan = Arc::new(plan);
        let mut library = self.clone();
        let versions = library.plans.entry(other.id.clone()).or_default();
        versions.retain(|known| known.card.until <= other.from || other.until <= known.card.from);
        versions.push(plan.clone());
        (library, plan)
    }

    /// The packs in these files, by path relative to the folder of packs.
    ///
    /// # Errors
    /// [`PackError`] names the file and the place in it.
    pub fn from_files(files: &BTreeMap<String, String>) -> Result<Library, PackError> {
        let (library, errors) = Library::read(files);
        errors.into_iter().next().map_or(Ok(library), Err)
    }

    /// What of these files can be read, with everything that is wrong: the first error is the one that
    /// [`Library::from_files`] gives. With any error the library is one to look at, not one to settle with.
    pub fn read(files: &BTreeMap<String, String>) -> (Library, Vec<PackError>) {
        let mut library = Library::default();
        let mut errors = Vec::new();
        let has_head = |file: &str| files.contains_key(&file.replace(".csv", ".toml"));
        for file in files.keys().filter(|file| file.ends_with(".csv") && !has_head(file)) {
            let problem = PackProblem::Unreadable("no `.toml` of the same name beside it".to_owned());
            errors.push(PackError { file: file.clone(), problem });
        }
        let mut broken = Broken::default();
        let mut programme_files = Vec::new();
        let mut plan_files = PlanFiles::new();
        let mut plans = Vec::new();
        for (file, text) in files.iter().filter(|(file, _)| file.ends_with(".toml")) {
            let mut fail = |problem| errors.push(PackError { file: file.clone(), problem });
            let parts: Vec<&str> = file.trim_end_matches(".toml").split('/').collect();
            let &[authority, folder, name] = parts.as_slice() else {
                fail(PackProblem::Misplaced);
                continue;
            };
            let id: Arc<str> = format!("{authority}/{folder}").into();
            match folder {
                "programmes" => programme_files.push((file, authority, name, text)),
                "catalogue" => {
                    let items = files.get(&file.replace(".toml", ".csv"));
                    if let Err(problem) = library.add_catalogue(&id, text, items) {
                        broken.catalogues.insert(id);
                        fail(problem);
                    }
                }
                _ => match parse::<PlanFile>(text) {
                    Ok(plan) => {
                        plan_files.entry(id.clone()).or_default().push(plan.clone());
                        plans.push((file, id, plan));
                    }
                    Err(problem) => {
                        broken.plans.insert(id);
                        fail(problem);
                    }
                },
            }
        }
        // Only now, because a plan may point at a parameter of any other.
        for (file, id, plan) in plans {
            let compiled = compile::plan(&id, &plan, &plan_files);
            let added = compiled.and_then(|plan| library.add_plan(id.clone(), plan).map_err(|it| vec![it]));
            if let Err(problems) = added {
                broken.plans.insert(id);
                errors.extend(problems.into_iter().map(|problem| PackError { file: file.clone(), problem }));
            }
        }
        for (file, authority, name, text) in programme_files {
            let rule = parse::<ProgrammeFile>(text)
                .and_then(|file| library.programme_rule(authority, name, &file, &broken));
            match rule {
                Ok(rule) => library.programmes.push(rule),
                Err(problem) => errors.push(PackError { file: file.clone(), problem }),
            }
        }
        (library, errors)
    }

    fn add_catalogue(
        &mut self,
        id: &Arc<str>,
        text: &str,
        items: Option<&String>,
    ) -> Result<(), PackProblem> {
        let items = items.ok_or_else(|| PackProblem::Unreadable("no items beside it".to_owned()))?;
        let catalogue = compile::catalogue(id, &parse::<CatalogueFile>(text)?, items)?;
        let versions = self.catalogues.entry(id.clone()).or_default();
        check_overlap(&catalogue.card, versions.iter().map(|version| &version.card))?;
        versions.push(Arc::new(catalogue));
        Ok(())
    }

    fn add_plan(&mut self, id: Arc<str>, plan: Plan) -> Result<(), PackProblem> {
        let versions = self.plans.entry(id).or_default();
        check_overlap(&plan.card, versions.iter().map(|version| &version.card))?;
        // With two date rules one claim could fall into two versions, or between them.
        let differs =
            |first: &Arc<Plan>| (first.date_rule, first.version_by) != (plan.date_rule, plan.version_by);
        if versions.first().is_some_and(differs) {
            let place = "date_rule".to_owned();
            let problem = "every version of a plan goes by the same date";
            return Err(PackProblem::Combination { place, problem });
        }
        versions.push(Arc::new(plan));
        Ok(())
    }

    fn programme_rule(
        &self,
        authority: &str,
        name: &str,
        file: &ProgrammeFile,
        broken: &Broken,
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
            let known = match broken.plans.get(pack.as_str()) {
                // What is wrong with it is told where it stands.
                Some(id) => id.clone(),
                None => {
                    let (id, versions) = self.plans.get_key_value(pack.as_str()).ok_or_else(dangling)?;
                    check_place(versions, layer.policy.is_some())?;
                    id.clone()
                }
            };
            let id = &known;
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
        let known = self.catalogues.get_key_value(file.catalogue.as_str()).map(|(id, _)| id);
        let catalogue = known.or(broken.catalogues.get(file.catalogue.as_str())).ok_or_else(dangling)?;
        let public_source = match file.public_layers.as_str() {
            "computed" => PublicSource::Computed,
            "adopted" => PublicSource::Adopted,
            word => {
                return Err(PackProblem::UnknownWord {
                    place: "public_layers".to_owned(),
                    word: word.to_owned(),
                    allowed: "`computed`, `adopted`".to_owned(),
                });
            }
        };
        let rule = ProgrammeRule {
            id: format!("{authority}/{name}").into(),
            from,
            until,
            insutype: file.insutype.as_str().into(),
            area: file.area.as_str().into(),
            catalogue: catalogue.clone(),
            public_source,
            places,
        };
        let clash = self.programmes.iter().find(|other| {
            other.insutype == rule.insutype
                && (other.area.starts_with(&*rule.area) || rule.area.starts_with(&*other.area))
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

    /// Whether any version of the plan counts on an account of that name: a benefit's own, or one that is shared.
    pub fn counts_on(&self, pack: &str, account: &str) -> bool {
        self.plans.get(pack).into_iter().flatten().any(|plan| plan.counts_on(account))
    }

    /// The versions of one plan, by their file's name; none of a pack that is not there.
    pub fn versions_of(&self, pack: &str) -> &[Arc<Plan>] {
        self.plans.get(pack).map_or(&[], Vec::as_slice)
    }

    /// Every programme, by the path of its file.
    pub fn programmes(&self) -> &[ProgrammeRule] {
        &self.programmes
    }

    /// The same packs with one programme more, in which this plan stands alone: what a plan without a place is read in.
    /// `None` where there is no such plan, or it has no benefit.
    ///
    /// It is one of [`LONE_AREA`], which no real area is, and splits nothing: its lines must come split.
    pub fn with_lone_programme(&self, pack: &str) -> Option<Library> {
        let (id, versions) = self.plans.get_key_value(pack)?;
        let kind = versions.first()?.benefits.first()?.card.payer.kind;
        let from = versions.iter().map(|plan| plan.card.from).min()?;
        let until = versions.iter().map(|plan| plan.card.until).max()?;
        let asked = versions.first()?.scope.insutype.first().cloned();
        let mut library = self.clone();
        let catalogue = Arc::new(Catalogue::empty("lone/catalogue", (from, until)));
        library.catalogues.insert("lone/catalogue".into(), vec![catalogue]);
        library.programmes.push(ProgrammeRule {
            id: "lone/programme".into(),
            from,
            until,
            insutype: asked.unwrap_or_else(|| "390".into()),
            area: LONE_AREA.into(),
            catalogue: "lone/catalogue".into(),
            public_source: PublicSource::Computed,
            places: vec![if kind.is_public() { Place::Plan(id.clone()) } else { Place::Policy(id.clone()) }],
        });
        Some(library)
    }

    /// Every version of every catalogue.
    pub fn catalogues(&self) -> impl Iterator<Item = &Arc<Catalogue>> {
        self.catalogues.values().flatten()
    }

    /// Gives every version of a catalogue other rows for the items that `rows` names, and `suffix` behind its name, by which
    /// results cite it. Whether there is such a catalogue.
    ///
    /// # Errors
    /// [`OverlappingRows`].
    pub fn put_items(
        &mut self,
        catalogue: &str,
        suffix: &str,
        rows: &BTreeMap<Arc<str>, Vec<CatalogueItem>>,
    ) -> Result<bool, OverlappingRows> {
        let Some(versions) = self.catalogues.get_mut(catalogue) else { return Ok(false) };
        for version in versions {
            *version = Arc::new(version.with_items(suffix, rows)?);
        }
        Ok(true)
    }

    /// The programme of a claim with its catalogue and no layers: enough to split the lines of a stay before it is settled.
    ///
    /// # Errors
    /// [`Unresolved`]: no programme for the insurance, or no catalogue on the day of settlement.
    pub fn without_layers(&self, claim: &Claim) -> Result<Programme, Unresolved> {
        let (rule, date) = self.rule_for(claim)?;
        let catalogue = self.catalogue_of(rule, date)?;
        Ok(Programme { id: rule.id.clone(), layers: Vec::new(), catalogue, date })
    }

    fn rule_for(&self, claim: &Claim) -> Result<(&ProgrammeRule, Date), Unresolved> {
        let insurance = &claim.person.insurance;
        let date = claim.visit.date(DateRule::Settlement);
        let rule = self.programmes.iter().find(|rule| {
            rule.insutype == insurance.insutype
                && insurance.insuplc_admdvs.starts_with(&*rule.area)
                && rule.from <= date
                && date < rule.until
        });
        let rule = rule.ok_or_else(|| Unresolved::NoProgramme {
            insutype: insurance.insutype.clone(),
            insuplc_admdvs: insurance.insuplc_admdvs.clone(),
            date,
        })?;
        Ok((rule, date))
    }

    fn catalogue_of(&self, rule: &ProgrammeRule, date: Date) -> Result<Arc<Catalogue>, Unresolved> {
        version_on(self.catalogues.get(&rule.catalogue), date, |catalogue| &catalogue.card)
            .ok_or_else(|| Unresolved::OutsideDates { pack: rule.catalogue.clone(), date })
    }

    /// The layers that apply to the claim, in order.
    ///
    /// # Errors
    /// [`Unresolved`]: no programme, a pack without a version for the day or without rules for the case, a policy
    /// without a place.
    pub fn programme_for(&self, claim: &Claim) -> Result<Arc<Programme>, Unresolved> {
        let (rule, date) = self.rule_for(claim)?;
        let is_placed = |product: &str| {
            rule.places.iter().any(|place| matches!(place, Place::Policy(id) if **id == *product))
        };
        if let Some(policy) = claim.person.policies.iter().find(|policy| !is_placed(&policy.product)) {
            return Err(Unresolved::UnknownProduct {
                product: policy.product.clone(),
                programme: rule.id.clone(),
            });
        }
        let is_public = claim.visit.public_settlement == PublicSettlement::Through;
        let has_bill = !claim.bill.lines().is_empty();
        if rule.public_source == PublicSource::Adopted && is_public && has_bill && claim.adopted.is_none() {
            return Err(Unresolved::NeedsNationalAnswer { programme: rule.id.clone() });
        }
        let mut layers = Vec::with_capacity(rule.places.len());
        let mut has_own_public = true;
        for place in &rule.places {
            match place {
                Place::Plan(id) => match self.public_layer(id, claim) {
                    Ok(layer) => layers.push(layer),
                    // Someone else decides, or nobody: what our pack cannot say is not asked of it.
                    Err(_) if claim.adopted.is_some() || !is_public => has_own_public = false,
                    Err(unresolved) => return Err(unresolved),
                },
                Place::Policy(id) => {
                    if claim.person.policies.iter().any(|policy| policy.product == *id) {
                        layers.push(self.commercial_layer(id, claim)?);
                    }
                }
            }
        }
        if !has_own_public && claim.adopted.is_some() {
            // Half of an own computation beside an adopted answer would be no computation at all.
            layers.retain(|layer: &Layer| layer.cover != Cover::Public);
        }
        let catalogue = self.catalogue_of(rule, date)?;
        Ok(Arc::new(Programme { id: rule.id.clone(), layers, catalogue, date }))
    }

    fn public_layer(&self, id: &Arc<str>, claim: &Claim) -> Result<Layer, Unresolved> {
        let versions = self.versions(id);
        let date = claim.visit.date(versions.first().map_or(DateRule::Settlement, |plan| plan.date_rule));
        let plan = version_on(Some(versions), date, |plan| &plan.card)
            .ok_or_else(|| Unresolved::OutsideDates { pack: id.clone(), date })?;
        in_scope(id, &plan, claim, date, None)?;
        Ok(Layer { plan, date, cover: Cover::Public })
    }

    /// The layer of a product of which the person holds at least one policy.
    fn commercial_layer(&self, id: &Arc<str>, claim: &Claim) -> Result<Layer, Unresolved> {
        let versions = self.versions(id);
        let (date_rule, version_by) = versions
            .first()
            .map_or((DateRule::Settlement, VersionBy::DateRule), |plan| (plan.date_rule, plan.version_by));
        let date = claim.visit.date(date_rule);
        let held = || claim.person.policies.iter().enumerate().filter(|(_, policy)| policy.product == *id);
        let mut in_force = held().filter(|(_, policy)| policy.cover.contains(date));
        let policy = in_force.next();
        if in_force.next().is_some() {
            return Err(Unresolved::TwoPolicies { product: id.clone(), date });
        }
        let version_date = match version_by {
            VersionBy::DateRule => date,
            // Of a product of which no policy is in force any version can say so: the one of the first policy.
            VersionBy::PolicyPeriod => {
                let (_, policy) = policy
                    .or_else(|| held().next())
                    .ok_or_else(|| Unresolved::OutsideDates { pack: id.clone(), date })?;
                policy.cover.from.unwrap_or(date)
            }
        };
        let plan = version_on(Some(versions), version_date, |plan| &plan.card)
            // A policy that is not in force is denied whatever version it was sold under.
            .or_else(|| versions.last().filter(|_| policy.is_none()).cloned())
            .ok_or_else(|| Unresolved::OutsideDates { pack: id.clone(), date: version_date })?;
        if policy.is_some() {
            in_scope(id, &plan, claim, date, policy.map(|(_, policy)| policy))?;
        }
        let cover = match policy {
            None => Cover::NotInForce,
            Some((place, policy)) => {
                check_schedule(&plan, policy)?;
                Cover::Policy(place)
            }
        };
        Ok(Layer { plan, date, cover })
    }

    fn versions(&self, id: &Arc<str>) -> &Vec<Arc<Plan>> {
        static NONE: Vec<Arc<Plan>> = Vec::new();
        self.plans.get(id).unwrap_or(&NONE)
    }
}

/// Refuses a place that could never pay: of parameters alone, of a commercial plan that no policy carries, or of a policy
/// of public money.
fn check_place(versions: &[Arc<Plan>], of_policy: bool) -> Result<(), PackProblem> {
    let problem = |problem| PackProblem::Combination { place: "layers".to_owned(), problem };
    for plan in versions {
        let benefit = plan.benefits.first();
        let benefit = benefit.ok_or_else(|| problem("a pack that only holds parameters has no place"))?;
        if benefit.card.payer.kind.is_public() == of_policy {
            return Err(problem("`plan` places public payers, and `policy` commercial ones"));
        }
    }
    Ok(())
}

/// Refuses a claim that the plan cannot decide at all.
fn in_scope(
    id: &Arc<str>,
    plan: &Plan,
    claim: &Claim,
    date: Date,
    policy: Option<&Policy>,
) -> Result<(), Unresolved> {
    let version_by = plan.version_by;
    let circumstances = Circumstances { claim, date, version_by, policy, event: None, visit_number: 1 };
    match plan.scope.unmet(&circumstances) {
        Some(reason) => Err(Unresolved::OutOfScope { pack: id.clone(), reason }),
        None => Ok(()),
    }
}

/// Refuses a policy whose schedule lacks what its product asks for.
fn check_schedule(plan: &Plan, policy: &Policy) -> Result<(), Unresolved> {
    let amount = plan.schedule_amounts.iter().find(|name| policy.amount(name).is_none());
    let rate = plan.schedule_rates.iter().find(|name| policy.rate(name).is_none());
    match amount.or(rate) {
        Some(name) => Err(Unresolved::ScheduleLacks { product: policy.product.clone(), name: name.clone() }),
        None => Ok(()),
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

/// Every pack file below a folder, by its path within it.
fn files_below(root: &Path) -> Result<BTreeMap<String, String>, PackError> {
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
    collect(root, root, 1, &mut files)?;
    Ok(files)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, PackProblem> {
    let syntax = |error: toml::de::Error| PackProblem::Syntax(error.to_string().trim_end().to_owned());
    let parsed = toml::from_str(text).map_err(syntax)?;
    no_control_characters("", &toml::Value::Table(toml::from_str(text).map_err(syntax)?))?;
    Ok(parsed)
}

/// A pack's texts are shown on terminals and printed on statements as they are: an escape sequence in one could move the
/// cursor over an amount.
fn no_control_characters(place: &str, value: &toml::Value) -> Result<(), PackProblem> {
    let inside = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    match value {
        toml::Value::String(text) if text.chars().any(char::is_control) => {
            Err(PackProblem::ControlCharacter { place: place.to_owned() })
        }
        toml::Value::Array(values) => values.iter().try_for_each(|value| no_control_characters(place, value)),
        toml::Value::Table(table) => table.iter().try_for_each(|(key, value)| {
            if key.chars().any(char::is_control) {
                return Err(PackProblem::ControlCharacter { place: place.to_owned() });
            }
            no_control_characters(&inside(key), value)
        }),
        _ => Ok(()),
    }
}

fn unreadable(file: &str, error: &dyn std::fmt::Display) -> PackError {
    PackError { file: file.to_owned(), problem: PackProblem::Unreadable(error.to_string()) }
}
