//! The parameters of a plan: taken by name and unit, with their citations, also from other packs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bedside_claim::{Citation, Date, Money, Rate};

use super::conditions::when;
use super::words::{Checked, amount, grade, in_range, number, span};
use crate::error::PackProblem;
use crate::pack_file::{ParameterFile, PlanFile, RowFile};
use crate::plan::{Parameter, Stated, StatedNumber, Value, When};

/// Every version of every plan as written, by pack id: what references look into.
pub(crate) type PlanFiles = BTreeMap<Arc<str>, Vec<PlanFile>>;

/// The units of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Cny,
    Ratio,
    Days,
    Times,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Cny => "CNY",
            Unit::Ratio => "ratio",
            Unit::Days => "days",
            Unit::Times => "times",
        }
    }
}

/// The parameters of one plan; remembers which were used.
pub(super) struct Parameters<'a> {
    file: &'a PlanFile,
    others: &'a PlanFiles,
    valid: (Date, Date),
    used: BTreeSet<String>,
    /// Names that the policy schedule must carry: amounts and ratios.
    pub(super) schedule_amounts: BTreeSet<Arc<str>>,
    pub(super) schedule_rates: BTreeSet<Arc<str>>,
    /// The citation of the weakest grade among those taken.
    weakest: Option<Arc<Citation>>,
    /// All that were taken.
    pub(super) stated: BTreeMap<Arc<str>, Stated>,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(file: &'a PlanFile, others: &'a PlanFiles, valid: (Date, Date)) -> Parameters<'a> {
        Parameters {
            file,
            others,
            valid,
            used: BTreeSet::new(),
            schedule_amounts: BTreeSet::new(),
            schedule_rates: BTreeSet::new(),
            weakest: None,
            stated: BTreeMap::new(),
        }
    }

    pub(super) fn weakest(&self) -> Option<&Arc<Citation>> {
        self.weakest.as_ref()
    }

    /// Takes every parameter of a pack that holds them for others, so that each is checked.
    pub(super) fn take_all(&mut self) -> Checked<()> {
        let file = self.file;
        for (name, parameter) in &file.parameter {
            let place = format!("parameter.{name}");
            match parameter.unit.as_str() {
                "CNY" => self.amount(&place, name).map(|_| ())?,
                "ratio" => self.rate(&place, name).map(|_| ())?,
                "days" => self.days(&place, name).map(|_| ())?,
                "times" => self.times(&place, name).map(|_| ())?,
                other => {
                    return Err(PackProblem::UnknownWord {
                        place: format!("{place}.unit"),
                        word: other.to_owned(),
                        allowed: "`CNY`, `ratio`, `days`, `times`".to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The parameters that nothing uses.
    pub(super) fn unused(&self) -> impl Iterator<Item = &str> {
        self.file.parameter.keys().filter(|name| !self.used.contains(*name)).map(String::as_str)
    }

    pub(super) fn amount(&mut self, place: &str, name: &str) -> Checked<Parameter<Money>> {
        let parameter = self.take(place, name, Unit::Cny, amount)?;
        let named = names_on_schedule(&parameter);
        self.schedule_amounts.extend(named);
        self.state(name, StatedNumber::Amount(parameter.clone()));
        Ok(parameter)
    }

    pub(super) fn rate(&mut self, place: &str, name: &str) -> Checked<Parameter<Rate>> {
        let parameter = self.take(place, name, Unit::Ratio, |place, text| {
            let rate = number(place, text, Rate::parse)?;
            in_range(place, text, (Rate::ZERO..=Rate::ONE).contains(&rate), "0 to 1").map(|()| rate)
        })?;
        let named = names_on_schedule(&parameter);
        self.schedule_rates.extend(named);
        self.state(name, StatedNumber::Ratio(parameter.clone()));
        Ok(parameter)
    }

    pub(super) fn days(&mut self, place: &str, name: &str) -> Checked<Parameter<u16>> {
        let parameter = self.count(place, name, Unit::Days)?;
        self.state(name, StatedNumber::Days(parameter.clone()));
        Ok(parameter)
    }

    pub(super) fn times(&mut self, place: &str, name: &str) -> Checked<Parameter<u16>> {
        let parameter = self.count(place, name, Unit::Times)?;
        self.state(name, StatedNumber::Times(parameter.clone()));
        Ok(parameter)
    }

    fn state(&mut self, name: &str, number: StatedNumber) {
        let same_as = self.file.parameter.get(name).and_then(|file| file.same_as.as_deref());
        self.stated.insert(name.into(), Stated { number, same_as: same_as.map(Arc::from) });
    }

    fn count(&mut self, place: &str, name: &str, unit: Unit) -> Checked<Parameter<u16>> {
        let parameter = self.take(place, name, unit, |place, text| {
            text.parse::<u16>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit())).ok_or_else(
                || PackProblem::OutOfRange {
                    place: place.to_owned(),
                    text: text.to_owned(),
                    allowed: "whole numbers from 0 to 65535",
                },
            )
        })?;
        if names_on_schedule(&parameter).next().is_some() {
            return Err(PackProblem::Combination {
                place: format!("parameter.{name}"),
                problem: "only amounts and ratios stand on a policy schedule",
            });
        }
        Ok(parameter)
    }

    /// A band edge: one amount for everybody, or the bands could not be ordered.
    pub(super) fn edge(&mut self, place: &str, name: &str) -> Checked<(Money, Arc<Citation>)> {
        let parameter = self.amount(place, name)?;
        match parameter.rows() {
            [(when, Value::Fixed(edge))] if when.is_empty() => Ok((*edge, parameter.citation.clone())),
            _ => Err(PackProblem::EdgeWithRows { place: place.to_owned() }),
        }
    }

    fn take<T>(
        &mut self,
        place: &str,
        name: &str,
        unit: Unit,
        value: impl Fn(&str, &str) -> Checked<T>,
    ) -> Checked<Parameter<T>> {
        let file = self.file.parameter.get(name).ok_or_else(|| PackProblem::Dangling {
            place: place.to_owned(),
            kind: "parameter",
            name: name.to_owned(),
        })?;
        check_unit(place, name, file, unit)?;
        self.used.insert(name.to_owned());
        let here = format!("parameter.{name}");
        let parameter = match &file.same_as {
            None => {
                let citation = citation(self.file, &here, name, &file.source, &file.article)?;
                Parameter::new(citation, rows(&here, file, &value)?)
            }
            Some(target) => {
                // Anything beside it would be read by nobody.
                let has_more = file.value.is_some()
                    || file.rows.is_some()
                    || file.from_policy.is_some()
                    || !file.source.is_empty()
                    || !file.article.is_empty();
                if has_more {
                    return Err(PackProblem::Combination {
                        place: here,
                        problem: "has its value and citation from `same_as`, and none of its own",
                    });
                }
                self.elsewhere(&here, target, unit, &value)?
            }
        };
        if self.weakest.as_ref().is_none_or(|weakest| weakest.grade < parameter.citation.grade) {
            self.weakest = Some(parameter.citation.clone());
        }
        Ok(parameter)
    }

    /// The parameter of another pack, each of its versions' rows on the version's own days.
    fn elsewhere<T>(
        &self,
        place: &str,
        target: &str,
        unit: Unit,
        value: &impl Fn(&str, &str) -> Checked<T>,
    ) -> Checked<Parameter<T>> {
        let dangling = || PackProblem::Dangling {
            place: format!("{place}.same_as"),
            kind: "parameter of a pack",
            name: target.to_owned(),
        };
        let (pack, name) = target.split_once('#').ok_or_else(dangling)?;
        let mut versions = Vec::new();
        for file in self.others.get(pack).ok_or_else(dangling)? {
            versions.push((span("valid", &file.valid)?, file));
        }
        versions.sort_by_key(|((from, _), _)| *from);
        let mut found: Option<(Arc<Citation>, Rows<T>)> = None;
        let mut covered_to = self.valid.0;
        for ((from, until), file) in versions {
            if until <= self.valid.0 || self.valid.1 <= from {
                continue;
            }
            if from > covered_to {
                break;
            }
            covered_to = until;
            let parameter = file.parameter.get(name).ok_or_else(dangling)?;
            if parameter.same_as.is_some() {
                return Err(PackProblem::Combination {
                    place: format!("{place}.same_as"),
                    problem: "points at a parameter that is itself `same_as` another",
                });
            }
            check_unit(place, target, parameter, unit)?;
            let mut rows = rows(&format!("{target} of `{}`", file.version), parameter, value)?;
            for (when, _) in &mut rows {
                when.dates = Some(match when.dates {
                    Some((first, last)) => (first.max(from), last.min(until)),
                    None => (from, until),
                });
            }
            match &mut found {
                Some((_, found)) => found.extend(rows),
                None => {
                    let citation = citation(file, place, name, &parameter.source, &parameter.article)?;
                    found = Some((citation, rows));
                }
            }
        }
        if covered_to < self.valid.1 {
            return Err(PackProblem::Gap { place: format!("{place}.same_as"), date: covered_to });
        }
        let (citation, rows) = found.ok_or_else(dangling)?;
        Ok(Parameter::new(citation, rows))
    }
}

fn names_on_schedule<T>(parameter: &Parameter<T>) -> impl Iterator<Item = Arc<str>> {
    let names = parameter.rows().iter().filter_map(|(_, value)| match value {
        Value::OfPolicy(name) => Some(name.clone()),
        Value::Fixed(_) => None,
    });
    names.collect::<Vec<_>>().into_iter()
}

fn check_unit(place: &str, name: &str, file: &ParameterFile, unit: Unit) -> Checked<()> {
    if file.unit == unit.name() {
        return Ok(());
    }
    Err(PackProblem::WrongUnit {
        place: place.to_owned(),
        name: name.to_owned(),
        unit: file.unit.clone(),
        wanted: unit.name(),
    })
}

/// The citation of the parameter or list `name`, which stands at `place`.
pub(super) fn citation(
    file: &PlanFile,
    place: &str,
    name: &str,
    key: &str,
    article: &str,
) -> Checked<Arc<Citation>> {
    let source = file.source.get(key).ok_or_else(|| PackProblem::Dangling {
        place: format!("{place}.source"),
        kind: "source",
        name: key.to_owned(),
    })?;
    if article.trim().is_empty() {
        return Err(PackProblem::Combination {
            place: format!("{place}.article"),
            problem: "says nothing: every number is cited",
        });
    }
    Ok(Arc::new(Citation {
        parameter: name.into(),
        source: source.title.as_str().into(),
        article: article.into(),
        grade: grade(format!("source.{key}.grade"), &source.grade)?,
        condition: None,
    }))
}

/// Conditions and value, in order of precedence.
type Rows<T> = Vec<(When, Value<T>)>;

fn rows<T>(place: &str, file: &ParameterFile, value: &impl Fn(&str, &str) -> Checked<T>) -> Checked<Rows<T>> {
    let either = |text: &Option<String>, name: &Option<String>| -> Checked<Value<T>> {
        match (text, name) {
            (Some(text), None) => Ok(Value::Fixed(value(place, text)?)),
            (None, Some(name)) => Ok(Value::OfPolicy(name.as_str().into())),
            _ => Err(PackProblem::ValueOrRows { place: place.to_owned() }),
        }
    };
    let rows = match &file.rows {
        None => vec![(When::default(), either(&file.value, &file.from_policy)?)],
        Some(rows) if !rows.is_empty() && file.value.is_none() && file.from_policy.is_none() => {
            let row =
                |row: &RowFile| Ok((when(place, &row.conditions())?, either(&row.value, &row.from_policy)?));
            rows.iter().map(row).collect::<Checked<Vec<_>>>()?
        }
        Some(_) => return Err(PackProblem::ValueOrRows { place: place.to_owned() }),
    };
    for (later, (when, _)) in rows.iter().enumerate() {
        let dead = rows[..later].iter().position(|(earlier, _)| earlier.is_empty() || earlier == when);
        if let Some(earlier) = dead {
            let place = place.to_owned();
            return Err(PackProblem::DeadRow { place, row: later + 1, earlier: earlier + 1 });
        }
    }
    Ok(rows)
}
