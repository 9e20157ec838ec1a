//! Two plans, or two versions of one, held against each other: what their sheets say differently.
//!
//! Numbers are compared by parameter and condition, everything else by its place in the pack file. It must not know what
//! the difference comes to on a bill. Invariant: two plans that say the same have no difference, whatever their order of
//! parameters.

use bedside_claim::Lang;

use crate::plan::Plan;
use crate::sheet::{AFTER, BandLine, ItemListSheet, Number, Part, Sheet};

/// What differs between two plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// What holds for the whole plan: payer, dates, status, scope, accounts.
    pub plan: Vec<Difference>,
    /// Parameters, a difference for each condition.
    pub parameters: Vec<ParameterDifference>,
    /// Benefits, in the order of the new plan, those that are gone last.
    pub benefits: Vec<BenefitDifference>,
    /// Items of lists.
    pub lists: Vec<Difference>,
}

/// One thing that was said and is now said differently, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where it stands in the pack file.
    pub key: String,
    /// What it is.
    pub label: String,
    /// What was said; `None`: nothing.
    pub before: Option<String>,
    /// What is said now; `None`: nothing.
    pub after: Option<String>,
}

/// A parameter's value under one condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterDifference {
    /// The parameter.
    pub name: String,
    /// The condition.
    pub conditions: String,
    /// Value before.
    pub before: Option<String>,
    /// Value after.
    pub after: Option<String>,
    /// Article, source and grade before; of a parameter that is new there is none.
    pub cited_before: Option<String>,
    /// The same after.
    pub cited_after: Option<String>,
}

/// A benefit that is new, gone or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenefitDifference {
    /// The benefit.
    pub id: String,
    /// Its name.
    pub title: String,
    /// What became of it.
    pub became: Became,
}

/// What became of a benefit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Became {
    /// It was not there.
    Added,
    /// It is not there any more.
    Removed,
    /// It says something else.
    Changed(Vec<Difference>),
}

impl Comparison {
    /// What `new` says differently from `old`.
    pub fn of(old: &Plan, new: &Plan, lang: Lang) -> Comparison {
        let (old, new) = (Sheet::of(old, &[], lang), Sheet::of(new, &[], lang));
        Comparison {
            plan: differences(&said(&old.head), &said(&new.head)),
            parameters: parameters(&old, &new),
            benefits: benefits(&old.benefits, &new.benefits, lang),
            lists: differences(&items(&old.lists), &items(&new.lists)),
        }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        let Comparison { plan, parameters, benefits, lists } = self;
        plan.is_empty() && parameters.is_empty() && benefits.is_empty() && lists.is_empty()
    }
}

/// Key, label and text of one thing that is said.
type Said = (String, String, String);

/// All that a part says, numbers by the parameter that states them.
fn said(part: &Part) -> Vec<Said> {
    let stated = part.facts.iter().filter(|fact| fact.key != AFTER);
    let mut said: Vec<Said> =
        stated.map(|fact| (fact.key.clone(), fact.label.clone(), fact.text.clone())).collect();
    for Number { key, label, rows: _, cited } in &part.numbers {
        // Rows are compared by parameter; here only which one it is.
        said.push((format!("{key}#"), label.clone(), format!("`{}`", cited.parameter)));
    }
    for BandLine { edges, edge: _, rate } in &part.bands {
        said.push((rate.key.clone(), rate.key.clone(), format!("{edges} `{}`", rate.cited.parameter)));
    }
    said
}

fn items(lists: &[ItemListSheet]) -> Vec<Said> {
    let mut said = Vec::new();
    for list in lists {
        let name = &list.name;
        said.push((format!("list.{name}"), name.clone(), format!("{} · {}", list.date, list.cited.article)));
        for item in &list.items {
            let key = format!("list.{name}.{}.{}", item.code, item.from);
            said.push((key, format!("{name} {}", item.code), format!("[{}, {})", item.from, item.until)));
        }
    }
    said
}

fn differences(old: &[Said], new: &[Said]) -> Vec<Difference> {
    let mut differences = Vec::new();
    let difference = |said: &Said, before: Option<&Said>, after: Option<&Said>| Difference {
        key: said.0.trim_end_matches('#').to_owned(),
        label: said.1.clone(),
        before: before.map(|said| said.2.clone()),
        after: after.map(|said| said.2.clone()),
    };
    for after in new {
        let before = old.iter().find(|before| before.0 == after.0);
        // A label may carry what differs, such as the period of a cap.
        if before.is_none_or(|before| (&before.1, &before.2) != (&after.1, &after.2)) {
            let mut found = difference(after, before, Some(after));
            if let Some(before) = before.filter(|before| before.1 != after.1) {
                found.before = Some(format!("{} {}", before.1, before.2));
                found.after = Some(format!("{} {}", after.1, after.2));
            }
            differences.push(found);
        }
    }
    for before in old.iter().filter(|before| !new.iter().any(|after| after.0 == before.0)) {
        differences.push(difference(before, Some(before), None));
    }
    differences
}

fn parameters(old: &Sheet, new: &Sheet) -> Vec<ParameterDifference> {
    let cited = |sheet: &Sheet, number: &Number| {
        let source = sheet.sources.get(number.cited.source - 1).map_or("", |source| &source.title);
        format!("{} · {source}, {}", number.cited.article, number.cited.grade.name())
    };
    let named =
        |sheet: &Sheet, name: &str| sheet.parameters.iter().find(|number| number.key == name).cloned();
    let mut names: Vec<&str> = new.parameters.iter().map(|number| number.key.as_str()).collect();
    names.extend(
        old.parameters.iter().map(|number| number.key.as_str()).filter(|name| named(new, name).is_none()),
    );
    let mut differences = Vec::new();
    for name in names {
        let (before, after) = (named(old, name), named(new, name));
        let cited_before = before.as_ref().map(|number| cited(old, number));
        let cited_after = after.as_ref().map(|number| cited(new, number));
        let rows =
            |number: &Option<Number>| number.as_ref().map(|number| number.rows.clone()).unwrap_or_default();
        let (old_rows, new_rows) = (rows(&before), rows(&after));
        let difference =
            |conditions: &str, before: Option<&String>, after: Option<&String>| ParameterDifference {
                name: name.to_owned(),
                conditions: conditions.to_owned(),
                before: before.cloned(),
                after: after.cloned(),
                cited_before: cited_before.clone(),
                cited_after: cited_after.clone(),
            };
        let known = differences.len();
        for row in &new_rows {
            let before = old_rows.iter().find(|old| old.conditions == row.conditions);
            if before.is_none_or(|before| before.value != row.value) {
                differences.push(difference(&row.conditions, before.map(|old| &old.value), Some(&row.value)));
            }
        }
        for row in old_rows.iter().filter(|old| !new_rows.iter().any(|new| new.conditions == old.conditions))
        {
            differences.push(difference(&row.conditions, Some(&row.value), None));
        }
        // The same values from another place, or asked in another order, are told once, row by row.
        let is_recited = before.is_some() && after.is_some() && cited_before != cited_after;
        if differences.len() == known && (is_recited || old_rows != new_rows) {
            for row in &new_rows {
                differences.push(difference(&row.conditions, Some(&row.value), Some(&row.value)));
            }
        }
    }
    differences
}

fn benefits(old: &[Part], new: &[Part], lang: Lang) -> Vec<BenefitDifference> {
    let difference =
        |part: &Part, became| BenefitDifference { id: part.id.clone(), title: part.title.clone(), became };
    // The place among those that are in both: a benefit that is added moves none of the others.
    let place = |parts: &[Part], others: &[Part], id: &str| {
        let common = parts.iter().filter(|part| others.iter().any(|other| other.id == part.id));
        common.into_iter().position(|part| part.id == id).map(|place| (place + 1).to_string())
    };
    let mut differences = Vec::new();
    for after in new {
        let Some(before) = old.iter().find(|before| before.id == after.id) else {
            differences.push(difference(after, Became::Added));
            continue;
        };
        let mut changed = differences_of(before, after);
        let (was, is) = (place(old, new, &after.id), place(new, old, &after.id));
        if was != is {
            let label = match lang {
                Lang::Zh => "支付次序",
                Lang::En => "order of payment",
            };
            changed.push(Difference {
                key: "order".to_owned(),
                label: label.to_owned(),
                before: was,
                after: is,
            });
        }
        if !changed.is_empty() {
            differences.push(difference(after, Became::Changed(changed)));
        }
    }
    let gone = old.iter().filter(|before| !new.iter().any(|after| after.id == before.id));
    differences.extend(gone.map(|before| difference(before, Became::Removed)));
    differences
}

fn differences_of(before: &Part, after: &Part) -> Vec<Difference> {
    let mut changed = differences(&said(before), &said(after));
    if before.title != after.title {
        let (was, is) = (Some(before.title.clone()), Some(after.title.clone()));
        changed.push(Difference { key: "name".to_owned(), label: "name".to_owned(), before: was, after: is });
    }
    changed
}
