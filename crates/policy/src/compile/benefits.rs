//! Benefits: base, deductible, bands, factors, limits, and what is paid to the person.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bedside_claim::{Citation, DayKind, DeductibleRule, LimitPer, Money, OccurrenceKind, Period};

use super::conditions::{causes, when};
use super::parameters::{Parameters, citation};
use super::words::{
    Checked, amount, answer, arcs, categories, date_rule, named, period, pools, shared_by, span, word,
};
use crate::error::PackProblem;
use crate::pack_file::{
    BaseFile, BenefitFile, CapFile, DeductibleFile, DeductibleGroupFile, FactorFile, GateFile,
    InnerLimitFile, LimitFile, ListFile, LumpSumFile, PaidLimitFile, PerDiemFile, PlanFile, Validity, Words,
};
use crate::plan::{
    Amounts, Band, BandEdges, Base, Cap, Decrease, Deductible, DeductibleGroup, Factor, FactorRule, FilledBy,
    Gate, InnerLimit, ItemList, Jump, JumpOf, Limit, LimitAmount, LineSelector, ListDate, ListedItem,
    LumpSum, OpensAfter, PaidFor, PaidLimit, Pays, PerDiem, Reimbursement, SharedBy, Waiting,
};

/// What the benefits of one plan are compiled from.
pub(super) struct Maker<'a> {
    pub(super) parameters: Parameters<'a>,
    lists: BTreeMap<&'a str, ItemList>,
    used_lists: BTreeSet<String>,
    groups: &'a BTreeMap<String, DeductibleGroupFile>,
    used_groups: BTreeSet<String>,
    /// Ids of all benefits, which no shared account may take.
    ids: BTreeSet<&'a str>,
    /// Ids of the reimbursing benefits so far.
    reimbursing: Vec<String>,
    /// Whether policies carry the plan.
    pub(super) is_commercial: bool,
    /// What is wrong so far, each once. Parts go on being read, so that a writer sees all of it together.
    pub(super) problems: Vec<PackProblem>,
}

impl<'a> Maker<'a> {
    pub(super) fn new(file: &'a PlanFile, parameters: Parameters<'a>, is_commercial: bool) -> Maker<'a> {
        let mut lists = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, list) in &file.list {
            let place = format!("list.{name}");
            let citation = citation(file, &place, name, &list.source, &list.article);
            match citation.and_then(|citation| item_list(&place, list, citation)) {
                Ok(list) => drop(lists.insert(name.as_str(), list)),
                Err(problem) => problems.push(problem),
            }
        }
        Maker {
            parameters,
            lists,
            used_lists: BTreeSet::new(),
            groups: &file.deductible_group,
            used_groups: BTreeSet::new(),
            reimbursing: Vec::new(),
            ids: file.benefit.iter().map(|benefit| benefit.id.as_str()).collect(),
            is_commercial,
            problems,
        }
    }

    /// Keeps what is wrong, and goes on without the part.
    pub(super) fn noted<T>(&mut self, part: Checked<T>) -> Option<T> {
        match part {
            Ok(part) => Some(part),
            Err(problem) => {
                if !self.problems.contains(&problem) {
                    self.problems.push(problem);
                }
                None
            }
        }
    }

    /// The citation of the weakest grade among parameters and lists.
    pub(super) fn weakest(&self) -> Option<&Arc<Citation>> {
        let lists = self.lists.values().map(|list| &list.citation);
        self.parameters.weakest().into_iter().chain(lists).max_by_key(|citation| citation.grade)
    }

    /// The lists and groups that no benefit uses.
    pub(super) fn unused(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let lists = self.lists.keys().filter(|name| !self.used_lists.contains(**name));
        let groups = self.groups.keys().filter(|name| !self.used_groups.contains(*name));
        let groups = groups.map(|name| ("deductible_group", name.as_str()));
        lists.map(|name| ("list", *name)).chain(groups)
    }

    pub(super) fn gate(&mut self, id: &str, file: &GateFile) -> Checked<Gate> {
        let place = format!("benefit.{id}.gate");
        let waiting = match &file.waiting {
            None => None,
            Some(waiting) => {
                self.needs_policy(&format!("{place}.waiting"))?;
                Some(Waiting {
                    days: self.parameters.days(&format!("{place}.waiting.days"), &waiting.days)?,
                    not_for: causes(&format!("{place}.waiting.not_for"), &waiting.not_for)?,
                })
            }
        };
        let opens_after = match &file.opens_after {
            None => None,
            Some(cap) => {
                // What must be used up first may be another benefit's own.
                let account = Arc::from(cap.account.as_deref().unwrap_or(id));
                Some(OpensAfter { cap: self.cap(&format!("{place}.opens_after"), account, cap)? })
            }
        };
        let approval = file.prior_approval.as_ref();
        Ok(Gate {
            when: when(&place, &file.conditions())?,
            waiting,
            prior_approval: approval
                .map(|text| answer(format!("{place}.prior_approval"), text))
                .transpose()?,
            opens_after,
        })
    }

    /// What a benefit pays; `None` where a part of it is wrong, which is then noted.
    pub(super) fn pays(&mut self, file: &BenefitFile) -> Option<Pays> {
        let place = format!("benefit.{}", file.id);
        let reimburses = file.deductible.is_some()
            || !file.bands.is_empty()
            || !file.factors.is_empty()
            || !file.caps.is_empty();
        match (&file.base, &file.per_diem, &file.lump_sum) {
            (Some(base), None, None) => {
                let pays = self.reimbursement(&place, file, base);
                self.reimbursing.push(file.id.clone());
                pays.map(|pays| Pays::Reimbursement(Box::new(pays)))
            }
            (None, Some(per_diem), None) if !reimburses => {
                let pays = self.per_diem(&place, per_diem);
                self.noted(pays).map(Pays::PerDiem)
            }
            (None, None, Some(lump_sum)) if !reimburses => {
                let pays = self.lump_sum(&place, lump_sum);
                self.noted(pays).map(Pays::LumpSum)
            }
            _ => self.noted(Err(PackProblem::Combination {
                place,
                problem: "pays by exactly one of `base` with `bands`, `per_diem`, `lump_sum`",
            })),
        }
    }

    /// The jumps that a benefit declares, each once and cited.
    pub(super) fn jumps(&mut self, file: &PlanFile, benefit: &BenefitFile) -> Checked<Vec<Jump>> {
        let mut jumps: Vec<Jump> = Vec::new();
        for (index, jump) in benefit.jumps.iter().enumerate() {
            let place = format!("benefit.{}.jumps[{}]", benefit.id, index + 1);
            let at = match &jump.at {
                Some(text) => Some(amount(&format!("{place}.at"), text)?),
                None => None,
            };
            let of = match (jump.of.as_str(), at) {
                ("bill", Some(at)) => JumpOf::Bill(at),
                ("base", Some(at)) => JumpOf::Base(at),
                ("opening", None) if benefit.gate.opens_after.is_some() => JumpOf::Opening,
                ("bill" | "base" | "opening", _) => {
                    let problem = "is of the `bill` or the `base` `at` an amount, or of the `opening` of a benefit \
                                   with `opens_after` without one";
                    return Err(PackProblem::Combination { place, problem });
                }
                (other, _) => {
                    return Err(PackProblem::UnknownWord {
                        place: format!("{place}.of"),
                        word: other.to_owned(),
                        allowed: "`bill`, `base`, `opening`".to_owned(),
                    });
                }
            };
            if jumps.iter().any(|other| other.of == of) {
                let name = jump.at.clone().unwrap_or_else(|| jump.of.clone());
                return Err(PackProblem::Duplicate { place: format!("benefit.{}.jumps", benefit.id), name });
            }
            let citation = citation(file, &place, "jump", &jump.source, &jump.article)?;
            jumps.push(Jump { of, citation });
        }
        Ok(jumps)
    }

    fn reimbursement(&mut self, place: &str, file: &BenefitFile, base: &BaseFile) -> Option<Reimbursement> {
        let base = self.base(place, base);
        let base = self.noted(base);
        let deductible = match &file.deductible {
            None => Some(None),
            Some(deductible) => {
                let deductible = self.deductible(place, &file.id, deductible);
                self.noted(deductible).map(Some)
            }
        };
        let band_edges = self.noted(word(
            format!("{place}.band_edges"),
            &file.band_edges,
            &[("base", BandEdges::Base), ("excess", BandEdges::Excess)],
        ));
        if let (Some(base), Some(deductible), Some(band_edges)) = (&base, &deductible, band_edges) {
            self.noted(check_combination(place, &file.id, base, deductible.as_ref(), band_edges));
        }
        let bands = self.bands(place, file);
        let bands = self.noted(bands);
        let factors = self.factors(place, file);
        let factors = self.noted(factors);
        let limits = self.limits(place, file);
        let limits = self.noted(limits);
        Some(Reimbursement {
            base: base?,
            deductible: deductible?,
            band_edges: band_edges?,
            bands: bands?,
            factors: factors?,
            limits: limits?,
        })
    }

    fn factors(&mut self, place: &str, file: &BenefitFile) -> Checked<Vec<Factor>> {
        let mut factors = Vec::new();
        for factor in &file.factors {
            let (rule, name) = match factor {
                FactorFile::Multiply(name) => (FactorRule::Multiply, name),
                FactorFile::Replace(file) => (FactorRule::Replace, &file.replace),
            };
            factors.push(Factor { rule, rate: self.parameters.rate(&format!("{place}.factors"), name)? });
        }
        Ok(factors)
    }

    fn limits(&mut self, place: &str, file: &BenefitFile) -> Checked<Vec<Limit>> {
        let mut limits = Vec::new();
        for limit in &file.caps {
            let place = format!("{place}.caps");
            limits.push(match limit {
                LimitFile::Cap(cap) => {
                    let account = self.account(&place, &file.id, cap.account.as_deref())?;
                    Limit::Cap(self.cap(&place, account, cap)?)
                }
                LimitFile::Ceiling(file) => Limit::Ceiling(self.parameters.rate(&place, &file.ceiling)?),
                LimitFile::PaidFor(file) => Limit::PaidFor(self.paid_limit(&place, file)?),
            });
        }
        let ids: Vec<&Arc<str>> = limits
            .iter()
            .filter_map(|limit| match limit {
                Limit::PaidFor(limit) => Some(&limit.id),
                Limit::Cap(_) | Limit::Ceiling(_) => None,
            })
            .collect();
        if let Some(twice) = ids.iter().enumerate().find(|(place, id)| ids[..*place].contains(id)) {
            let name = twice.1.to_string();
            return Err(PackProblem::Duplicate { place: format!("{place}.caps"), name });
        }
        Ok(limits)
    }

    fn base(&mut self, place: &str, file: &BaseFile) -> Checked<Base> {
        let place = format!("{place}.base");
        let lines = self.lines(&place, &file.categories, &file.tags, &file.not_tags, file.list.as_deref())?;
        let mut limits: Vec<InnerLimit> = Vec::new();
        for limit in &file.limits {
            let limit = self.inner_limit(&format!("{place}.limits"), limit)?;
            if limits.iter().any(|other| other.id == limit.id) {
                let name = limit.id.to_string();
                return Err(PackProblem::Duplicate { place: format!("{place}.limits"), name });
            }
            limits.push(limit);
        }
        let amounts = [("net", Amounts::Net), ("gross", Amounts::Gross)];
        Ok(Base {
            pools: pools(format!("{place}.pools"), &file.pools)?,
            lines,
            amounts: word(format!("{place}.amounts"), &file.amounts, &amounts)?,
            period: self.period(&format!("{place}.period"), &file.period)?,
            limits,
            continues: self.continues(&place, file.continues.as_deref())?,
        })
    }

    /// The earlier reimbursing benefit that a base goes on behind.
    fn continues(&self, place: &str, name: Option<&str>) -> Checked<Option<Arc<str>>> {
        let Some(name) = name else { return Ok(None) };
        if self.reimbursing.iter().any(|id| id == name) {
            return Ok(Some(name.into()));
        }
        let (place, name) = (format!("{place}.continues"), name.to_owned());
        Err(PackProblem::Dangling { place, kind: "earlier reimbursing benefit", name })
    }

    fn inner_limit(&mut self, place: &str, file: &InnerLimitFile) -> Checked<InnerLimit> {
        let place = format!("{place}.{}", file.id);
        let amount = match (&file.amount, &file.times) {
            (Some(amount), None) => LimitAmount::Money(self.parameters.amount(&place, amount)?),
            (None, Some(times)) => LimitAmount::Times(self.parameters.times(&place, times)?),
            _ => {
                let problem = "limits either an `amount` or how many `times`";
                return Err(PackProblem::Combination { place, problem });
            }
        };
        let lines = self.lines(&place, &file.categories, &file.tags, &file.not_tags, file.list.as_deref())?;
        let (per, period) = self.limit_scope(&place, &file.per, &file.period)?;
        Ok(InnerLimit { id: file.id.as_str().into(), lines, per, period, amount })
    }

    fn paid_limit(&mut self, place: &str, file: &PaidLimitFile) -> Checked<PaidLimit> {
        let place = format!("{place}.{}", file.id);
        let lines = self.lines(&place, &file.categories, &file.tags, &file.not_tags, file.list.as_deref())?;
        let (per, period) = self.limit_scope(&place, &file.per, &file.period)?;
        let limit = self.parameters.amount(&format!("{place}.limit"), &file.limit)?;
        Ok(PaidLimit { id: file.id.as_str().into(), lines, per, period, limit })
    }

    /// What a limit is counted for, and over what.
    fn limit_scope(&self, place: &str, per: &str, period: &str) -> Checked<(LimitPer, Period)> {
        let per = word(format!("{place}.per"), per, &named(LimitPer::ALL, LimitPer::name))?;
        let period = self.period(&format!("{place}.period"), period)?;
        if matches!(per, LimitPer::Line | LimitPer::Day) && period != Period::Visit {
            let problem = "a limit for each line or day is one of the visit";
            return Err(PackProblem::Combination { place: place.to_owned(), problem });
        }
        Ok((per, period))
    }

    fn lines(
        &mut self,
        place: &str,
        codes: &[String],
        tags: &Words,
        not_tags: &Words,
        list: Option<&str>,
    ) -> Checked<LineSelector> {
        let listed = match list {
            None => None,
            Some(name) => {
                let list = self.lists.get(name).cloned().ok_or_else(|| PackProblem::Dangling {
                    place: format!("{place}.list"),
                    kind: "list",
                    name: name.to_owned(),
                })?;
                self.used_lists.insert(name.to_owned());
                Some(list)
            }
        };
        Ok(LineSelector {
            categories: categories(&format!("{place}.categories"), codes)?,
            tags: arcs(tags),
            not_tags: arcs(not_tags),
            listed,
        })
    }

    fn deductible(&mut self, place: &str, id: &str, file: &DeductibleFile) -> Checked<Deductible> {
        let place = format!("{place}.deductible");
        let rules = [
            ("per_visit", (DeductibleRule::PerVisit, Period::Visit)),
            ("per_year", (DeductibleRule::Once, Period::Year)),
            ("per_policy_period", (DeductibleRule::Once, Period::PolicyPeriod)),
            ("per_event", (DeductibleRule::Once, Period::Event)),
            ("per_lifetime", (DeductibleRule::Once, Period::Lifetime)),
            ("highest_less_charged", (DeductibleRule::HighestLessCharged, Period::Year)),
        ];
        let (rule, period) = word(format!("{place}.rule"), &file.rule, &rules)?;
        if period == Period::PolicyPeriod {
            self.needs_policy(&format!("{place}.rule"))?;
        }
        let decrease = match &file.decrease {
            None => None,
            Some(decrease) => Some(Decrease {
                by: self.parameters.amount(&format!("{place}.decrease.by"), &decrease.by)?,
                floor: self.parameters.amount(&format!("{place}.decrease.floor"), &decrease.floor)?,
            }),
        };
        let group = match &file.group {
            None => None,
            Some(group) => Some(self.group(&place, group)?),
        };
        let fills = [("own", FilledBy::Own), ("own_and_commercial", FilledBy::OwnAndCommercial)];
        Ok(Deductible {
            rule,
            period,
            standard: self.parameters.amount(&format!("{place}.standard"), &file.standard)?,
            decrease,
            account: self.account(&place, id, file.account.as_deref())?,
            shared_by: shared_by(format!("{place}.shared_by"), &file.shared_by)?,
            filled_by: word(format!("{place}.filled_by"), &file.filled_by, &fills)?,
            group,
        })
    }

    fn group(&mut self, place: &str, name: &str) -> Checked<DeductibleGroup> {
        let (id, file) = self.groups.get_key_value(name).ok_or_else(|| PackProblem::Dangling {
            place: format!("{place}.group"),
            kind: "deductible_group",
            name: name.to_owned(),
        })?;
        self.used_groups.insert(id.clone());
        let place = format!("deductible_group.{id}");
        let period = self.period(&format!("{place}.period"), &file.period)?;
        if period == Period::Visit {
            let problem = "runs over a period, not a visit";
            return Err(PackProblem::Combination { place, problem });
        }
        if self.ids.contains(id.as_str()) {
            return Err(PackProblem::Duplicate { place: "deductible_group".to_owned(), name: id.clone() });
        }
        let mut bound = |key: &str, name: &Option<String>| {
            name.as_ref().map(|name| self.parameters.amount(&format!("{place}.{key}"), name)).transpose()
        };
        let (minimum, maximum) = (bound("minimum", &file.minimum)?, bound("maximum", &file.maximum)?);
        Ok(DeductibleGroup { id: id.as_str().into(), period, minimum, maximum })
    }

    /// The accumulator that a deductible or cap is counted on. Another benefit's own one would mix two counts.
    fn account(&self, place: &str, id: &str, name: Option<&str>) -> Checked<Arc<str>> {
        match name {
            None => Ok(id.into()),
            Some(name) if name != id && self.ids.contains(name) => Err(PackProblem::Combination {
                place: format!("{place}.account"),
                problem: "is the id of another benefit; share a name that is none",
            }),
            Some(name) => Ok(name.into()),
        }
    }

    fn cap(&mut self, place: &str, account: Arc<str>, file: &CapFile) -> Checked<Cap> {
        Ok(Cap {
            period: self.period(place, &file.period)?,
            limit: self.parameters.amount(place, &file.limit)?,
            account,
            shared_by: shared_by(format!("{place}.shared_by"), &file.shared_by)?,
        })
    }

    fn bands(&mut self, place: &str, file: &BenefitFile) -> Checked<Vec<Band>> {
        let mut from = Money::ZERO;
        let mut bands = Vec::with_capacity(file.bands.len());
        for (index, band) in file.bands.iter().enumerate() {
            let place = format!("{place}.bands[{}]", index + 1);
            let rate = self.parameters.rate(&format!("{place}.rate"), &band.rate)?;
            let (until, edge) = match &band.until {
                Some(name) => {
                    let (until, citation) = self.parameters.edge(&format!("{place}.until"), name)?;
                    (Some(until), Some(citation))
                }
                None => (None, None),
            };
            let is_last = index + 1 == file.bands.len();
            if until.is_none() != is_last || until.is_some_and(|until| until <= from) {
                return Err(PackProblem::BandOrder { place });
            }
            bands.push(Band { from, until, edge, rate });
            from = until.unwrap_or(from);
        }
        if bands.is_empty() {
            return Err(PackProblem::BandOrder { place: place.to_owned() });
        }
        Ok(bands)
    }

    fn per_diem(&mut self, place: &str, file: &PerDiemFile) -> Checked<PerDiem> {
        let place = format!("{place}.per_diem");
        let days = [("stay", DayKind::Stay), ("icu", DayKind::Icu)];
        let period_days = match &file.period_days {
            None => None,
            Some(period_days) => {
                let place = format!("{place}.period_days");
                let period = self.period(&place, &period_days.period)?;
                Some((period, self.parameters.days(&place, &period_days.limit)?))
            }
        };
        let mut optional = |key: &str, name: &Option<String>| {
            name.as_ref().map(|name| self.parameters.days(&format!("{place}.{key}"), name)).transpose()
        };
        let waiting_days = optional("waiting_days", &file.waiting_days)?;
        let stay_days = optional("stay_days", &file.stay_days)?;
        Ok(PerDiem {
            days: word(format!("{place}.days"), &file.days, &days)?,
            rate: self.parameters.amount(&format!("{place}.rate"), &file.rate)?,
            waiting_days,
            stay_days,
            period_days,
        })
    }

    fn lump_sum(&mut self, place: &str, file: &LumpSumFile) -> Checked<LumpSum> {
        let place = format!("{place}.lump_sum");
        let kinds = named(OccurrenceKind::ALL, OccurrenceKind::name);
        let paid_for =
            [("lifetime", PaidFor::Lifetime), ("event", PaidFor::Event), ("month", PaidFor::Month)];
        let share = match &file.share {
            None => None,
            Some(name) => Some(self.parameters.rate(&format!("{place}.share"), name)?),
        };
        let window_days = match &file.window_days {
            None => None,
            Some(name) => Some(self.parameters.days(&format!("{place}.window_days"), name)?),
        };
        if file.less_paid.is_some() {
            self.needs_policy(&format!("{place}.less_paid"))?;
        }
        Ok(LumpSum {
            on: word(format!("{place}.on"), &file.on, &kinds)?,
            sum: self.parameters.amount(&format!("{place}.sum"), &file.sum)?,
            share,
            paid_for: word(format!("{place}.paid_for"), &file.paid_for, &paid_for)?,
            window_days,
            less_paid: file.less_paid.as_deref().map(Arc::from),
        })
    }

    fn period(&self, place: &str, text: &str) -> Checked<Period> {
        let period = period(place, text)?;
        if period == Period::PolicyPeriod {
            self.needs_policy(place)?;
        }
        Ok(period)
    }

    /// Refuses what only a policy has in a plan that no policy carries.
    pub(super) fn needs_policy(&self, place: &str) -> Checked<()> {
        if self.is_commercial {
            return Ok(());
        }
        Err(PackProblem::Combination {
            place: place.to_owned(),
            problem: "needs a policy, and only plans of a `commercial` payer have one",
        })
    }
}

/// A period's bands go by how far its base is filled; a deductible with another count would tear them apart.
fn check_combination(
    place: &str,
    id: &str,
    base: &Base,
    deductible: Option<&Deductible>,
    band_edges: BandEdges,
) -> Checked<()> {
    let problem = match (base.period, deductible) {
        (_, None) => None,
        (Period::Visit, Some(deductible)) => (band_edges == BandEdges::Base
            && (deductible.rule != DeductibleRule::PerVisit
                || deductible.filled_by != FilledBy::Own
                || deductible.group.is_some()))
        .then_some("bands over the base of a visit go with a plain deductible per visit, or none"),
        (period, Some(deductible)) => {
            let is_plain = deductible.rule == DeductibleRule::Once
                && deductible.period == period
                && *deductible.account == *id
                && deductible.shared_by == SharedBy::Person
                && deductible.filled_by == FilledBy::Own
                && deductible.decrease.is_none()
                && deductible.group.is_none();
            (!is_plain).then_some(
                "a base over a period goes with the benefit's own deductible once in that period, or none",
            )
        }
    };
    match problem {
        None => Ok(()),
        Some(problem) => Err(PackProblem::Combination { place: place.to_owned(), problem }),
    }
}

fn item_list(place: &str, file: &ListFile, citation: Arc<Citation>) -> Checked<ItemList> {
    let date_of = match file.date.as_str() {
        "expense" => ListDate::Expense,
        other => ListDate::Visit(date_rule(format!("{place}.date"), other).map_err(|_| {
            PackProblem::UnknownWord {
                place: format!("{place}.date"),
                word: other.to_owned(),
                allowed: "`expense`, `admission`, `settlement`".to_owned(),
            }
        })?),
    };
    let mut items = Vec::with_capacity(file.items.len());
    for (index, item) in file.items.iter().enumerate() {
        let place = format!("{place}.items[{}]", index + 1);
        let validity = Validity { from: item.from.clone(), until: item.until.clone() };
        let (from, until) = span(&place, &validity)?;
        items.push(ListedItem { code: item.code.as_str().into(), from, until });
    }
    items.sort_by(|a, b| (&a.code, a.from).cmp(&(&b.code, b.from)));
    let overlap = items.windows(2).find(|pair| pair[0].code == pair[1].code && pair[1].from < pair[0].until);
    match overlap {
        Some(pair) => {
            Err(PackProblem::OverlappingRows { code: pair[1].code.to_string(), date: pair[1].from })
        }
        None => Ok(ItemList { citation, items, date: date_of }),
    }
}
