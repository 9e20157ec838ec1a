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
pub(crate) fn plan(id: &str, file: &PlanFile, others: &PlanFiles) -> Checked<Plan> {
    let valid = validity(&file.valid)?;
    let payer = Payer {
        kind: word("payer.kind", &file.payer.kind, &named(PayerKind::ALL, PayerKind::name))?,
        code: file.payer.code.as_str().into(),
        name_zh: file.payer.zh.as_str().into(),
        name_en: file.payer.en.as_str().into(),
    };
    let is_commercial = !payer.kind.is_public();
    let mut maker = Maker::new(file, Parameters::new(file, others, valid), is_commercial)?;
    let versions = [("date_rule", VersionBy::DateRule), ("policy_period", VersionBy::PolicyPeriod)];
    let version_by = word("version_by", &file.version_by, &versions)?;
    let terms = [("year", Period::Year), ("policy_period", Period::PolicyPeriod)];
    let term = word("term", &file.term, &terms)?;
    if version_by == VersionBy::PolicyPeriod {
        maker.needs_policy("version_by")?;
    }
    if term == Period::PolicyPeriod {
        maker.needs_policy("term")?;
    }
    let tail = tail(file.tail.as_ref(), &mut maker)?;

    // The cards carry the pack's grade, which is known once every parameter is taken.
    let mut made = Vec::with_capacity(file.benefit.len());
    for entry in &file.benefit {
        if made.iter().any(|(other, _, _): &(&str, _, _)| *other == entry.id) {
            return Err(PackProblem::Duplicate { place: "benefit".to_owned(), name: entry.id.clone() });
        }
        made.push((entry.id.as_str(), maker.gate(&entry.id, &entry.gate)?, maker.pays(entry)?));
    }
    if made.is_empty() {
        maker.parameters.take_all()?;
        if file.parameter.is_empty() {
            let problem = "a plan has at least one benefit, or parameters for other plans";
            return Err(PackProblem::Combination { place: "benefit".to_owned(), problem });
        }
    }
    if let Some(name) = maker.parameters.unused() {
        return Err(PackProblem::Unused { place: "parameter", name: name.to_owned() });
    }
    if let Some((place, name)) = maker.unused() {
        return Err(PackProblem::Unused { place, name: name.to_owned() });
    }

    let card = Arc::new(plan_card(id, file, valid, &maker)?);
    let benefits = file.benefit.iter().zip(made).map(|(entry, (_, gate, pays))| {
        let card = BenefitCard {
            id: entry.id.as_str().into(),
            name_zh: entry.name.zh.as_str().into(),
            name_en: entry.name.en.as_str().into(),
            clause: entry.clause.as_str().into(),
            payer: payer.clone(),
            origin: Origin::Pack(card.clone()),
        };
        Benefit::new(Arc::new(card), gate, pays)
    });
    Ok(Plan {
        benefits: benefits.collect(),
        card: card.clone(),
        payer,
        date_rule: date_rule("date_rule", &file.date_rule)?,
        version_by,
        term,
        tail,
        scope: when("scope", &file.scope.conditions())?,
        account: purses(&file.account)?,
        schedule_amounts: maker.parameters.schedule_amounts.into_iter().collect(),
        schedule_rates: maker.parameters.schedule_rates.into_iter().collect(),
        parameters: maker.parameters.stated,
    })
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
