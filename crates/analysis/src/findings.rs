//! What is wrong with packs that can be loaded, found by reading them: gaps in time, places that never pay, benefits
//! that never open, rows that are never chosen, cases that no row fits.
//!
//! Rows are asked about by trying every combination of the circumstances that they tell apart, so that the words of a
//! condition are read in one place only, where bills are settled too. It must not know how a pack is spelt beyond names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bedside_claim::{Claim, Date, Lang, Money, PackCard};
use bedside_policy::{
    Benefit, Circumstances, Library, Limit, Pays, Place, Plan, ProgrammeRule, SharedBy, When,
};

use crate::facts::Facts;
use crate::stage::Stage;
use crate::told_apart::{COMBINATIONS_MAX, combinations, dimensions, let_in, parameters};
use crate::trial::{Trial, plain_charge};

/// Whether a finding stops a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The pack is defective.
    Error,
    /// Someone should look at it; it may be meant.
    Warning,
}

/// Something found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The pack or programme, with its version where it has one.
    pub of: String,
    /// Where in it: `benefit.inpatient`, `parameter.rate`; empty: the whole.
    pub place: String,
    /// What.
    pub problem: Problem,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Days between two versions on which none is valid.
    GapInTime {
        /// First day without.
        from: Date,
        /// First day with one again.
        until: Date,
    },
    /// Days of a programme on which one of its packs has no version.
    ProgrammeGap {
        /// The pack.
        pack: String,
        /// First day without.
        from: Date,
        /// First day with one again, or the programme's end.
        until: Date,
    },
    /// No programme places the plan.
    Unplaced,
    /// A public plan behind a commercial one.
    PublicBehindCommercial {
        /// The public plan.
        pack: String,
    },
    /// No circumstances meet the benefit's gate and the plan's scope.
    NeverMet,
    /// What must be used up first is never paid on.
    NeverOpens {
        /// The account.
        account: String,
    },
    /// An account with a name of its own that only one benefit names: nothing is shared by it.
    AccountOfOne {
        /// The account.
        account: String,
    },
    /// A row that no circumstances choose.
    RowNeverChosen {
        /// From 1.
        row: usize,
    },
    /// Circumstances that the plan lets in and no row fits.
    NoRowFits {
        /// Which.
        facts: Facts,
    },
}

impl Problem {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Problem::GapInTime { .. } => "time.gap",
            Problem::ProgrammeGap { .. } => "time.programme_gap",
            Problem::Unplaced => "programme.unplaced",
            Problem::PublicBehindCommercial { .. } => "programme.order",
            Problem::NeverMet => "gate.never_met",
            Problem::NeverOpens { .. } => "gate.never_opens",
            Problem::AccountOfOne { .. } => "account.of_one",
            Problem::RowNeverChosen { .. } => "row.never_chosen",
            Problem::NoRowFits { .. } => "row.none_fits",
        }
    }

    /// Whether it stops the pack.
    pub fn severity(&self) -> Severity {
        match self {
            Problem::GapInTime { .. }
            | Problem::ProgrammeGap { .. }
            | Problem::Unplaced
            | Problem::PublicBehindCommercial { .. }
            | Problem::AccountOfOne { .. } => Severity::Warning,
            Problem::NeverMet
            | Problem::NeverOpens { .. }
            | Problem::RowNeverChosen { .. }
            | Problem::NoRowFits { .. } => Severity::Error,
        }
    }

    /// The sentence for a reader.
    pub fn text(&self, lang: Lang) -> String {
        let (zh, en) = match self {
            Problem::GapInTime { from, until } => (
                format!("{from} 至 {until}（不含）没有有效版本"),
                format!("no version is valid from {from} until {until}"),
            ),
            Problem::ProgrammeGap { pack, from, until } => (
                format!("规则包 `{pack}` 在 {from} 至 {until}（不含）没有版本，期间的费用无法结算"),
                format!(
                    "pack `{pack}` has no version from {from} until {until}: no bill of these days is settled"
                ),
            ),
            Problem::Unplaced => (
                "没有任何方案（programmes）列入该计划，只能单独试算".to_owned(),
                "no programme places it: it was tried alone".to_owned(),
            ),
            Problem::PublicBehindCommercial { pack } => (
                format!("公共计划 `{pack}` 排在商业计划之后，国家平台的结算结果无法采用"),
                format!(
                    "public plan `{pack}` stands behind a commercial one: no national answer can be adopted"
                ),
            ),
            Problem::NeverMet => (
                "没有任何情形同时满足该责任的条件和计划的适用范围".to_owned(),
                "no circumstances meet both its gate and the plan's scope".to_owned(),
            ),
            Problem::NeverOpens { account } => (
                format!("永远不会开启：没有先于它能够赔付的责任计入账户 `{account}` 的同一期间"),
                format!(
                    "never opens: nothing that can pay before it counts on account `{account}` over the same period"
                ),
            ),
            Problem::AccountOfOne { account } => (
                format!("账户 `{account}` 只有该责任使用，没有与其他责任合并计算；是否写错了名称？"),
                format!(
                    "no other benefit names account `{account}`, so nothing is shared by it; is it misspelt?"
                ),
            ),
            Problem::RowNeverChosen { row } => (
                format!("第 {row} 行永远不会被选中：前面的行或责任条件已排除其全部情形"),
                format!("row {row} is never chosen: earlier rows or the benefit's gate leave it no case"),
            ),
            Problem::NoRowFits { facts } => (
                format!("没有适用的行，但计划接受该情形：{}", facts.text(lang)),
                format!("no row fits a case that the plan lets in: {}", facts.text(lang)),
            ),
        };
        if lang == Lang::Zh { zh } else { en }
    }
}

/// What is found about time and places, of packs and programmes that `is_asked` for.
pub fn of_library(library: &Library, is_asked: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut cards: BTreeMap<&str, Vec<&PackCard>> = BTreeMap::new();
    let of_catalogues = library.catalogues().map(|catalogue| &*catalogue.card);
    for card in library.plans().map(|plan| &*plan.card).chain(of_catalogues) {
        cards.entry(&card.id).or_default().push(card);
    }
    for versions in cards.values_mut() {
        versions.sort_by_key(|card| card.from);
    }
    for (id, versions) in cards.iter().filter(|(id, _)| is_asked(id)) {
        for pair in versions.windows(2).filter(|pair| pair[0].until < pair[1].from) {
            let problem = Problem::GapInTime { from: pair[0].until, until: pair[1].from };
            found.push(Finding { of: (*id).to_owned(), place: String::new(), problem });
        }
    }
    for programme in library.programmes() {
        of_programme(library, programme, &cards, is_asked, &mut found);
    }
    for (id, _) in cards.iter().filter(|(id, _)| is_asked(id)) {
        let has_benefits = library.versions_of(id).iter().any(|plan| !plan.benefits.is_empty());
        let places = |programme: &ProgrammeRule| programme.places.iter().any(|place| **place.pack() == **id);
        if has_benefits && !library.programmes().iter().any(places) {
            found.push(Finding { of: (*id).to_owned(), place: String::new(), problem: Problem::Unplaced });
        }
    }
    found
}

fn of_programme(
    library: &Library,
    programme: &ProgrammeRule,
    cards: &BTreeMap<&str, Vec<&PackCard>>,
    is_asked: &dyn Fn(&str) -> bool,
    found: &mut Vec<Finding>,
) {
    let named = |place: &Place| place.pack().clone();
    let packs: Vec<Arc<str>> =
        programme.places.iter().map(named).chain([programme.catalogue.clone()]).collect();
    for pack in packs.iter().filter(|pack| is_asked(&programme.id) || is_asked(pack)) {
        let mut day = programme.from;
        // A policy keeps the version that it was sold under; when none is sold any more, none is missing.
        let is_policy = programme.places.iter().any(|place| matches!(place, Place::Policy(id) if id == pack));
        for card in cards.get(&**pack).into_iter().flatten() {
            if day < card.from.min(programme.until) && !is_policy {
                let (from, until) = (day, card.from.min(programme.until));
                let problem = Problem::ProgrammeGap { pack: pack.to_string(), from, until };
                found.push(Finding { of: programme.id.to_string(), place: String::new(), problem });
            }
            day = day.max(card.until);
        }
        if day < programme.until && !is_policy {
            let problem = Problem::ProgrammeGap { pack: pack.to_string(), from: day, until: programme.until };
            found.push(Finding { of: programme.id.to_string(), place: String::new(), problem });
        }
    }
    let commercial = programme.places.iter().position(|place| matches!(place, Place::Policy(_)));
    for place in programme.places.iter().skip(commercial.unwrap_or(usize::MAX)) {
        if let Place::Plan(pack) = place
            && (is_asked(&programme.id) || is_asked(pack))
            && !library.versions_of(pack).is_empty()
        {
            let problem = Problem::PublicBehindCommercial { pack: pack.to_string() };
            found.push(Finding { of: programme.id.to_string(), place: String::new(), problem });
        }
    }
}

/// What is found about the benefits and parameters of a plan version.
pub fn of_plan(library: &Library, plan: &Arc<Plan>) -> Vec<Finding> {
    let Some(stage) = Stage::of(library, plan) else { return Vec::new() };
    let of = format!("{} {}", plan.card.id, plan.card.version);
    let mut found = Vec::new();
    let mut push = |place: String, problem| found.push(Finding { of: of.clone(), place, problem });
    for (benefit, account) in accounts_of_one(plan) {
        push(format!("benefit.{benefit}"), Problem::AccountOfOne { account: account.to_owned() });
    }
    let opening = opening(plan);
    let mut asked: BTreeMap<&str, Rows> = BTreeMap::new();
    for benefit in &plan.benefits {
        let place = format!("benefit.{}", benefit.card.id);
        if let Some(opens_after) = &benefit.gate.opens_after
            && !opening.contains(&*benefit.card.id)
        {
            push(place.clone(), Problem::NeverOpens { account: opens_after.cap.account.to_string() });
        }
        let cases = cases(&stage, benefit, &[&benefit.gate.when, &plan.scope]);
        if cases.is_whole && cases.let_in.is_empty() {
            push(place, Problem::NeverMet);
            continue;
        }
        for used in parameters(benefit) {
            let rows = asked.entry(&used.citation.parameter).or_insert_with(|| Rows::of(used.rows.len()));
            rows.ask(&stage, benefit, &used.rows, used.is_needed);
        }
    }
    for (parameter, rows) in asked {
        let place = format!("parameter.{parameter}");
        if rows.is_whole {
            for row in (0..rows.count).filter(|row| !rows.chosen.contains(row)) {
                push(place.clone(), Problem::RowNeverChosen { row: row + 1 });
            }
        }
        if let Some(facts) = rows.unfitted {
            push(place, Problem::NoRowFits { facts });
        }
    }
    found
}

/// Accounts with a name that is not the benefit's own and that no other benefit names, each with its benefit.
fn accounts_of_one(plan: &Plan) -> Vec<(&str, &str)> {
    let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for benefit in &plan.benefits {
        let of_gate = benefit.gate.opens_after.iter().map(|opens_after| &opens_after.cap.account);
        let of_pays: Vec<&Arc<str>> = match &benefit.pays {
            Pays::Reimbursement(terms) => {
                let caps = terms.limits.iter().filter_map(|limit| match limit {
                    Limit::Cap(cap) => Some(&cap.account),
                    Limit::Ceiling(_) | Limit::PaidFor(_) => None,
                });
                terms.deductible.iter().map(|deductible| &deductible.account).chain(caps).collect()
            }
            Pays::LumpSum(terms) => terms.less_paid.iter().collect(),
            Pays::PerDiem(_) => Vec::new(),
        };
        for account in of_gate.chain(of_pays) {
            named.entry(account).or_default().insert(&benefit.card.id);
        }
    }
    let is_own = |account: &str| plan.benefits.iter().any(|benefit| &*benefit.card.id == account);
    named
        .into_iter()
        .filter(|(account, benefits)| benefits.len() == 1 && !is_own(account))
        .filter_map(|(account, benefits)| benefits.first().map(|benefit| (*benefit, account)))
        .collect()
}

/// What is known of the rows of one parameter.
struct Rows {
    count: usize,
    chosen: BTreeSet<usize>,
    /// Whether every case was tried.
    is_whole: bool,
    /// A case that no row fits.
    unfitted: Option<Facts>,
}

impl Rows {
    fn of(count: usize) -> Rows {
        Rows { count, chosen: BTreeSet::new(), is_whole: true, unfitted: None }
    }

    /// Tries every case that the benefit lets in.
    fn ask(&mut self, stage: &Stage, benefit: &Benefit, rows: &[&When], is_needed: bool) {
        let mut whens: Vec<&When> = vec![&benefit.gate.when, &stage.plan.scope];
        whens.extend(rows);
        let cases = cases(stage, benefit, &whens);
        self.is_whole &= cases.is_whole;
        for case in &cases.let_in {
            match case.chosen(stage, rows) {
                Some(row) => drop(self.chosen.insert(row)),
                None if is_needed && self.unfitted.is_none() => self.unfitted = Some(case.facts.clone()),
                None => {}
            }
        }
    }
}

/// A claim that a benefit lets in.
struct Case {
    facts: Facts,
    claim: Claim,
    date: Date,
}

impl Case {
    fn circumstances<'a>(&'a self, stage: &Stage) -> Circumstances<'a> {
        Circumstances {
            claim: &self.claim,
            date: self.date,
            version_by: stage.plan.version_by,
            policy: self.claim.person.policies.first(),
            event: self.claim.events.first(),
            visit_number: self.facts.visit_number,
        }
    }

    fn chosen(&self, stage: &Stage, rows: &[&When]) -> Option<usize> {
        rows.iter().position(|when| when.is_met(&self.circumstances(stage)))
    }
}

struct Cases {
    let_in: Vec<Case>,
    /// Whether these are all that the conditions tell apart.
    is_whole: bool,
}

/// Every case that the conditions tell apart and the benefit lets in.
fn cases(stage: &Stage, benefit: &Benefit, whens: &[&When]) -> Cases {
    let apart = dimensions(stage, whens.iter().copied());
    let count = apart.values().try_fold(1usize, |count, facts| count.checked_mul(facts.len()));
    // Days may lie where another version decides, and the age at two moments is one fact.
    let has_day = whens.iter().any(|when| when.dates.is_some());
    let has_two_ages =
        whens.iter().any(|when| when.age.is_some()) && whens.iter().any(|when| when.age_insured.is_some());
    let is_whole = count.is_some_and(|count| count <= COMBINATIONS_MAX) && !has_day && !has_two_ages;
    let totals = totals(whens);
    let mut cases = Cases { let_in: Vec::new(), is_whole };
    let mut tried = BTreeSet::new();
    for change in combinations(&apart) {
        let plain = Facts::plain(0).with(&change);
        // As it is, which the gate may refuse; and changed so that the gate lets it in, for what no row names.
        for facts in [let_in(stage, &plain, benefit), plain] {
            for fen in &totals {
                if tried.insert((facts.clone(), *fen)) {
                    cases.let_in.extend(case(stage, benefit, &facts, *fen));
                }
            }
        }
    }
    cases
}

fn case(stage: &Stage, benefit: &Benefit, facts: &Facts, fen: i64) -> Option<Case> {
    let claims = Trial::of(facts.clone(), vec![plain_charge(fen)]).claims(stage)?;
    let claim = claims.into_iter().next_back()?;
    let date = claim.visit.date(stage.plan.date_rule);
    let case = Case { facts: facts.clone(), claim, date };
    let now = case.circumstances(stage);
    // Of a public plan without basic insurance nothing is asked.
    let is_asked = !benefit.card.payer.kind.is_public()
        || facts.public_settlement == bedside_claim::PublicSettlement::Through;
    let is_let_in = is_asked && stage.plan.scope.is_met(&now) && benefit.gate.when.is_met(&now);
    is_let_in.then_some(case)
}

/// Totals of bills, in fen, on either side of every edge that conditions name.
fn totals(whens: &[&When]) -> Vec<i64> {
    let edges = whens.iter().filter_map(|when| when.bill_total);
    let edges = edges.flat_map(|(over, up_to)| [Some(over), up_to]).flatten().map(Money::units);
    let mut totals: BTreeSet<i64> =
        edges.flat_map(|fen| [fen, fen.saturating_add(1)]).filter(|fen| *fen > 0).collect();
    if totals.is_empty() {
        totals.insert(1_000_000);
    }
    totals.into_iter().collect()
}

/// The benefits that can come to pay: those without `opens_after`, and those behind what such a one counts on.
fn opening(plan: &Plan) -> BTreeSet<String> {
    let mut open: BTreeSet<String> = BTreeSet::new();
    loop {
        let before = open.len();
        for benefit in &plan.benefits {
            let opens = match &benefit.gate.opens_after {
                None => true,
                Some(opens_after) => plan.benefits.iter().any(|other| {
                    let cap = &opens_after.cap;
                    open.contains(&*other.card.id)
                        && counts_on(plan, other, &cap.account, cap.period, cap.shared_by)
                }),
            };
            if opens {
                open.insert(benefit.card.id.to_string());
            }
        }
        if open.len() == before {
            return open;
        }
    }
}

/// Whether what the benefit pays is counted under that key.
fn counts_on(
    plan: &Plan,
    benefit: &Benefit,
    account: &str,
    period: bedside_claim::Period,
    shared_by: SharedBy,
) -> bool {
    // Every benefit is counted under its own name over the plan's term.
    if *benefit.card.id == *account && period == plan.term && shared_by == SharedBy::Person {
        return true;
    }
    match &benefit.pays {
        Pays::Reimbursement(terms) => terms.limits.iter().any(|limit| match limit {
            Limit::Cap(cap) => *cap.account == *account && cap.period == period && cap.shared_by == shared_by,
            Limit::Ceiling(_) | Limit::PaidFor(_) => false,
        }),
        Pays::LumpSum(terms) => terms.less_paid.as_deref() == Some(account),
        Pays::PerDiem(_) => false,
    }
}
