//! From pack files to compiled plans: every word, unit, date, name and order is checked here and nowhere else.

mod benefits;
mod catalogue;
mod conditions;
mod parameters;
mod words;

use std::sync::Arc;

use bedside_claim::{
    BenefitCard, Date, Grade, Origin, PackCard, PackStatus, Payer, PayerKind, Period, Purse,
};

use self::benefits::Maker;
pub(crate) use self::catalogue::catalogue;
use self::conditions::when;
use self::parameters::Parameters;
pub(crate) use self::parameters::PlanFiles;
use self::words::{Checked, date_rule, named, pools, span, status, word};
use crate::error::PackProblem;
use crate::pack_file::{Names, PlanFile, PurseFile, TailFile, Validity};
use crate::plan::{Benefit, Plan, PurseRule, Tail, VersionBy};

pub(crate) fn validity(file: &Validity) -> Checked<(Date, Date)> {
    span("valid", file)
}

fn pack_card(
    id: &str,
    version: &str,
    name: &Names,
    valid: (Date, Date),
    status: PackStatus,
    grade: Grade,
) -> PackCard {
    PackCard {
        id: id.into(),
        version: version.into(),
        name_zh: name.zh.as_str().into(),
        name_en: name.en.as_str().into(),
        from: valid.0,
        until: valid.1,
        status,
        grade,
    }
}

/// Compiles one version of a plan; `others` are all plans as written, for references between packs.
///
/// # Errors
/// Everything that is wrong with it, in the order in which it is read.
pub(crate) fn plan(id: &str, file: &PlanFile, others: &PlanFiles) -> Result<Plan, Vec<PackProblem>> {
    // Without these nothing else can be read.
    let valid = validity(&file.valid).map_err(|problem| vec![problem])?;
    let kind = word("payer.kind", &file.payer.kind, &named(PayerKind::ALL, PayerKind::name));
    let payer = Payer {
        kind: kind.map_err(|problem| vec![problem])?,
        code: file.payer.code.as_str().into(),
        name_zh: file.payer.zh.as_str().into(),
        name_en: file.payer.en.as_str().into(),
    };
    let is_commercial = !payer.kind.is_public();
    let mut maker = Maker::new(file, Parameters::new(file, others, valid), is_commercial);
    let versions = [("date_rule", VersionBy::DateRule), ("policy_period", VersionBy::PolicyPeriod)];
    let version_by = maker.noted(word("version_by", &file.version_by, &versions));
    let terms = [("year", Period::Year), ("policy_period", Period::PolicyPeriod)];
    let term = maker.noted(word("term", &file.term, &terms));
    if version_by == Some(VersionBy::PolicyPeriod) {
        let is_there = maker.needs_policy("version_by");
        maker.noted(is_there);
    }
    if term == Some(Period::PolicyPeriod) {
        let is_there = maker.needs_policy("term");
        maker.noted(is_there);
    }
    let tail = tail(file.tail.as_ref(), &mut maker);
    let tail = maker.noted(tail);

    // The cards carry the pack's grade, which is known once every parameter is taken.
    let mut made = Vec::with_capacity(file.benefit.len());
    let mut ids: Vec<&String> = Vec::new();
    for entry in &file.benefit {
        if ids.contains(&&entry.id) {
            let (place, name) = ("benefit".to_owned(), entry.id.clone());
            maker.noted::<()>(Err(PackProblem::Duplicate { place, name }));
        }
        ids.push(&entry.id);
        let gate = maker.gate(&entry.id, &entry.gate);
        let gate = maker.noted(gate);
        let pays = maker.pays(entry);
        let jumps = maker.jumps(file, entry);
        let jumps = maker.noted(jumps);
        if let (Some(gate), Some(pays), Some(jumps)) = (gate, pays, jumps) {
            made.push((gate, pays, jumps));
        }
    }
    if file.benefit.is_empty() {
        let taken = maker.parameters.take_all();
        maker.noted(taken);
        if file.parameter.is_empty() {
            let problem = "a plan has at least one benefit, or parameters for other plans";
            maker.noted::<()>(Err(PackProblem::Combination { place: "benefit".to_owned(), problem }));
        }
    }
    if maker.problems.is_empty() {
        // What is wrong may have used more.
        for (place, name) in unused(&maker) {
            maker.noted::<()>(Err(PackProblem::Unused { place, name }));
        }
    }
    let date_rule = maker.noted(date_rule("date_rule", &file.date_rule));
    let scope = maker.noted(when("scope", &file.scope.conditions()));
    let account = maker.noted(purses(&file.account));
    let card = plan_card(id, file, valid, &maker);
    let (Some(card), true) = (maker.noted(card), maker.problems.is_empty()) else {
        return Err(maker.problems);
    };
    let (Some(date_rule), Some(version_by), Some(term), Some(tail)) = (date_rule, version_by, term, tail)
    else {
        return Err(maker.problems);
    };
    let card = Arc::new(card);
    let benefits = file.benefit.iter().zip(made).map(|(entry, (gate, pays, jumps))| {
        let card = BenefitCard {
            id: entry.id.as_str().into(),
            name_zh: entry.name.zh.as_str().into(),
            name_en: entry.name.en.as_str().into(),
            clause: entry.clause.as_str().into(),
            payer: payer.clone(),
            origin: Origin::Pack(card.clone()),
        };
        Benefit::new(Arc::new(card), gate, pays).with_jumps(jumps)
    });
    Ok(Plan {
        benefits: benefits.collect(),
        card: card.clone(),
        payer,
        date_rule,
        version_by,
        term,
        tail,
        scope: scope.unwrap_or_default(),
        account: account.unwrap_or_default(),
        schedule_amounts: maker.parameters.schedule_amounts.into_iter().collect(),
        schedule_rates: maker.parameters.schedule_rates.into_iter().collect(),
        parameters: maker.parameters.stated,
    })
}

/// Every parameter, list and group that no benefit uses.
fn unused(maker: &Maker<'_>) -> Vec<(&'static str, String)> {
    let parameters = maker.parameters.unused().map(|name| ("parameter", name.to_owned()));
    parameters.chain(maker.unused().map(|(place, name)| (place, name.to_owned()))).collect()
}

/// The card, with the weakest grade of what the plan rests on.
fn plan_card(id: &str, file: &PlanFile, valid: (Date, Date), maker: &Maker<'_>) -> Checked<PackCard> {
    let status = status("status", &file.status)?;
    let weakest = maker.weakest();
    if let (PackStatus::InForce, Some(citation)) = (status, weakest)
        && citation.grade > Grade::B
    {
        return Err(PackProblem::StatusAboveGrade {
            parameter: citation.parameter.to_string(),
            grade: citation.grade.name(),
        });
    }
    let grade = weakest.map_or(Grade::Assumed, |citation| citation.grade);
    Ok(pack_card(id, &file.version, &file.name, valid, status, grade))
}

fn tail(file: Option<&TailFile>, maker: &mut Maker<'_>) -> Checked<Tail> {
    match file {
        None => Ok(Tail::UntilDischarge),
        Some(TailFile::Word(text)) => {
            word("tail", text, &[("until_discharge", ())]).map(|()| Tail::UntilDischarge)
        }
        Some(TailFile::Days(days)) => {
            maker.needs_policy("tail")?;
            Ok(Tail::Days(maker.parameters.days("tail.days", &days.days)?))
        }
    }
}

fn purses(files: &[PurseFile]) -> Checked<Vec<PurseRule>> {
    let mut rules: Vec<PurseRule> = Vec::new();
    for file in files {
        let purse = word("account.purse", &file.purse, &named(Purse::ALL, Purse::name))?;
        if rules.iter().any(|rule| rule.purse == purse) {
            return Err(PackProblem::Duplicate { place: "account".to_owned(), name: file.purse.clone() });
        }
        rules.push(PurseRule { purse, pools: pools("account.pools", &file.pools)? });
    }
    Ok(rules)
}
