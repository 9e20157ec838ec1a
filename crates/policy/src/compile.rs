//! From pack files to compiled plans: every word, unit, date, name and order is checked here and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::Arc;

use bedside_claim::{
    BenefitCard, CatalogueLevel, Citation, Date, DateRule, DeductibleRule, FeeCategory, Grade, HospitalTier,
    Money, NumberError, Origin, PackCard, PackStatus, Payer, PayerKind, Period, Pool, Price, Rate, Setting,
};

use crate::catalogue::{Catalogue, CatalogueItem, Ceilings, ItemUse};
use crate::error::PackProblem;
use crate::pack_file::{
    BenefitFile, CatalogueFile, ItemRow, Names, ParameterFile, PlanFile, RowFile, Validity, WhenFile, Words,
};
use crate::plan::{
    AccountRule, Band, BandEdges, Base, Benefit, Cap, CareArea, Deductible, Parameter, Plan, When,
};

type Checked<T> = Result<T, PackProblem>;

/// Finds `word` among the named things.
fn word<T: Copy>(place: impl Display, word: &str, known: &[(&'static str, T)]) -> Checked<T> {
    known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value).ok_or_else(|| {
        let allowed: Vec<String> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
        PackProblem::UnknownWord {
            place: place.to_string(),
            word: word.to_owned(),
            allowed: allowed.join(", "),
        }
    })
}

fn named<T: Copy, const N: usize>(all: [T; N], name: impl Fn(T) -> &'static str) -> Vec<(&'static str, T)> {
    all.into_iter().map(|value| (name(value), value)).collect()
}

fn pools(place: impl Display, words: &[String]) -> Checked<Vec<Pool>> {
    let known = named(Pool::ALL, Pool::name);
    let mut pools: Vec<Pool> = words.iter().map(|pool| word(&place, pool, &known)).collect::<Checked<_>>()?;
    pools.sort_unstable();
    if let Some(pair) = pools.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(PackProblem::Duplicate { place: place.to_string(), name: pair[0].name().to_owned() });
    }
    if pools.is_empty() {
        return Err(PackProblem::Combination { place: place.to_string(), problem: "names no pool" });
    }
    Ok(pools)
}

fn period(place: impl Display, text: &str) -> Checked<Period> {
    word(place, text, &[("visit", Period::Visit), ("year", Period::Year)])
}

fn status(place: impl Display, text: &str) -> Checked<PackStatus> {
    word(
        place,
        text,
        &named([PackStatus::InForce, PackStatus::Unverified, PackStatus::Demo], PackStatus::name),
    )
}

fn grade(place: impl Display, text: &str) -> Checked<Grade> {
    word(place, text, &named([Grade::A, Grade::B, Grade::C, Grade::D, Grade::Assumed], Grade::name))
}

fn date(place: impl Display, text: &str) -> Checked<Date> {
    let problem = || PackProblem::NotADate { place: place.to_string(), text: text.to_owned() };
    if text.len() != 10 {
        return Err(problem());
    }
    text.parse().map_err(|_| problem())
}

pub(crate) fn validity(file: &Validity) -> Checked<(Date, Date)> {
    let (from, until) = (date("valid.from", &file.from)?, date("valid.until", &file.until)?);
    if from < until {
        Ok((from, until))
    } else {
        Err(PackProblem::EmptyValidity { place: "valid".to_owned() })
    }
}

fn number<T>(place: impl Display, text: &str, parse: impl Fn(&str) -> Result<T, NumberError>) -> Checked<T> {
    let not = |problem| PackProblem::NotANumber { place: place.to_string(), text: text.to_owned(), problem };
    parse(text).map_err(not)
}

fn arcs(words: &Words) -> Vec<Arc<str>> {
    words.as_slice().iter().map(|word| Arc::from(word.as_str())).collect()
}

fn when(place: &str, file: &WhenFile) -> Checked<When> {
    let settings =
        named([Setting::Inpatient, Setting::SpecialOutpatient, Setting::Outpatient], Setting::name);
    let tiers = named(HospitalTier::ALL, HospitalTier::name);
    let list = |words: &Words| words.as_slice().to_vec();
    let care_area = |text: &String| {
        CareArea::from_name(text).ok_or_else(|| PackProblem::UnknownWord {
            place: format!("{place}.care_area"),
            word: text.clone(),
            allowed: "`local`, `long_term`, `referral`, `emergency_unfiled`, `unfiled`".to_owned(),
        })
    };
    Ok(When {
        insutype: arcs(&file.insutype),
        psn_type: arcs(&file.psn_type),
        identity: arcs(&file.identity),
        setting: list(&file.setting)
            .iter()
            .map(|text| word(format!("{place}.setting"), text, &settings))
            .collect::<Checked<_>>()?,
        tier: list(&file.tier)
            .iter()
            .map(|text| word(format!("{place}.tier"), text, &tiers))
            .collect::<Checked<_>>()?,
        care_area: list(&file.care_area).iter().map(care_area).collect::<Checked<_>>()?,
        diagnosis: arcs(&file.diagnosis),
    })
}

fn row_when(row: &RowFile) -> WhenFile {
    WhenFile {
        insutype: row.insutype.clone(),
        psn_type: row.psn_type.clone(),
        identity: row.identity.clone(),
        setting: row.setting.clone(),
        tier: row.tier.clone(),
        care_area: row.care_area.clone(),
        diagnosis: row.diagnosis.clone(),
    }
}

/// The parameters of one plan, taken by name and unit; remembers which were used.
struct Parameters<'a> {
    file: &'a PlanFile,
    citations: BTreeMap<&'a str, Arc<Citation>>,
    used: BTreeSet<String>,
}

impl<'a> Parameters<'a> {
    fn new(file: &'a PlanFile) -> Checked<Parameters<'a>> {
        let mut citations = BTreeMap::new();
        for (name, parameter) in &file.parameter {
            let place = format!("parameter.{name}.source");
            let source = file.source.get(&parameter.source).ok_or_else(|| PackProblem::Dangling {
                place,
                kind: "source",
                name: parameter.source.clone(),
            })?;
            let citation = Citation {
                parameter: name.as_str().into(),
                source: source.title.as_str().into(),
                article: parameter.article.as_str().into(),
                grade: grade(format!("source.{}.grade", parameter.source), &source.grade)?,
            };
            citations.insert(name.as_str(), Arc::new(citation));
        }
        Ok(Parameters { file, citations, used: BTreeSet::new() })
    }

    fn weakest(&self) -> Option<&Arc<Citation>> {
        self.citations.values().max_by_key(|citation| citation.grade)
    }

    fn take<T>(
        &mut self,
        place: &str,
        name: &str,
        unit: &'static str,
        value: impl Fn(&str, &str) -> Checked<T>,
    ) -> Checked<Parameter<T>> {
        let dangling =
            || PackProblem::Dangling { place: place.to_owned(), kind: "parameter", name: name.to_owned() };
        let (key, file) = self.file.parameter.get_key_value(name).ok_or_else(dangling)?;
        let citation = self.citations.get(key.as_str()).cloned().ok_or_else(dangling)?;
        if file.unit != unit {
            return Err(PackProblem::WrongUnit {
                place: place.to_owned(),
                name: name.to_owned(),
                unit: file.unit.clone(),
                wanted: unit,
            });
        }
        self.used.insert(name.to_owned());
        Ok(Parameter { citation, rows: rows(name, file, value)? })
    }

    fn amount(&mut self, place: &str, name: &str) -> Checked<Parameter<Money>> {
        self.take(place, name, "CNY", |place, text| {
            let amount = number(place, text, Money::parse)?;
            in_range(place, text, amount >= Money::ZERO, "0 and above").map(|()| amount)
        })
    }

    fn rate(&mut self, place: &str, name: &str) -> Checked<Parameter<Rate>> {
        self.take(place, name, "ratio", |place, text| {
            let rate = number(place, text, Rate::parse)?;
            in_range(place, text, (Rate::ZERO..=Rate::ONE).contains(&rate), "0 to 1").map(|()| rate)
        })
    }

    /// A band edge: one amount for everybody, or the bands could not be ordered.
    fn edge(&mut self, place: &str, name: &str) -> Checked<Money> {
        let parameter = self.amount(place, name)?;
        match parameter.rows.as_slice() {
            [(when, edge)] if when.is_empty() => Ok(*edge),
            _ => Err(PackProblem::EdgeWithRows { place: place.to_owned() }),
        }
    }
}

fn in_range(place: &str, text: &str, inside: bool, allowed: &'static str) -> Checked<()> {
    if inside {
        return Ok(());
    }
    Err(PackProblem::OutOfRange { place: place.to_owned(), text: text.to_owned(), allowed })
}

fn rows<T>(
    name: &str,
    file: &ParameterFile,
    value: impl Fn(&str, &str) -> Checked<T>,
) -> Checked<Vec<(When, T)>> {
    let place = format!("parameter.{name}");
    let rows = match (&file.value, &file.rows) {
        (Some(text), None) => vec![(When::default(), value(&place, text)?)],
        (None, Some(rows)) if !rows.is_empty() => {
            let mut compiled = Vec::with_capacity(rows.len());
            for row in rows {
                compiled.push((when(&place, &row_when(row))?, value(&place, &row.value)?));
            }
            compiled
        }
        _ => return Err(PackProblem::ValueOrRows { place }),
    };
    for (later, (when, _)) in rows.iter().enumerate() {
        let dead = rows[..later].iter().position(|(earlier, _)| earlier.is_empty() || earlier == when);
        if let Some(earlier) = dead {
            return Err(PackProblem::DeadRow { place, row: later + 1, earlier: earlier + 1 });
        }
    }
    Ok(rows)
}

fn bands(place: &str, file: &BenefitFile, parameters: &mut Parameters<'_>) -> Checked<Vec<Band>> {
    let mut from = Money::ZERO;
    let mut bands = Vec::with_capacity(file.bands.len());
    for (index, band) in file.bands.iter().enumerate() {
        let place = format!("{place}.bands[{}]", index + 1);
        let rate = parameters.rate(&format!("{place}.rate"), &band.rate)?;
        let until = match &band.until {
            Some(name) => Some(parameters.edge(&format!("{place}.until"), name)?),
            None => None,
        };
        let is_last = index + 1 == file.bands.len();
        if until.is_none() != is_last || until.is_some_and(|until| until <= from) {
            return Err(PackProblem::BandOrder { place });
        }
        bands.push(Band { from, until, rate });
        from = until.unwrap_or(from);
    }
    if bands.is_empty() {
        return Err(PackProblem::BandOrder { place: place.to_owned() });
    }
    Ok(bands)
}

fn benefit(
    file: &BenefitFile,
    payer: &Payer,
    pack: &Arc<PackCard>,
    parameters: &mut Parameters<'_>,
) -> Checked<Benefit> {
    let place = format!("benefit.{}", file.id);
    let deductible = match &file.deductible {
        None => None,
        Some(deductible) => {
            let place = format!("{place}.deductible");
            let rules = [
                ("per_visit", DeductibleRule::PerVisit),
                ("per_year", DeductibleRule::PerYear),
                ("highest_less_charged", DeductibleRule::HighestLessCharged),
            ];
            Some(Deductible {
                rule: word(format!("{place}.rule"), &deductible.rule, &rules)?,
                standard: parameters.amount(&format!("{place}.standard"), &deductible.standard)?,
            })
        }
    };
    let categories = file.base.categories.iter().map(|code| {
        FeeCategory::from_code(code).ok_or_else(|| PackProblem::UnknownWord {
            place: format!("{place}.base.categories"),
            word: code.clone(),
            allowed: "`01` to `14`".to_owned(),
        })
    });
    let base = Base {
        pools: pools(format!("{place}.base.pools"), &file.base.pools)?,
        categories: categories.collect::<Checked<_>>()?,
        period: period(format!("{place}.base.period"), &file.base.period)?,
    };
    let band_edges = word(
        format!("{place}.band_edges"),
        &file.band_edges,
        &[("base", BandEdges::Base), ("excess", BandEdges::Excess)],
    )?;
    let per_year = matches!(&deductible, None | Some(Deductible { rule: DeductibleRule::PerYear, .. }));
    if base.period == Period::Year && !per_year {
        return Err(PackProblem::Combination {
            place,
            problem: "a base over the year goes with a deductible per year, or none",
        });
    }
    let per_visit = matches!(&deductible, None | Some(Deductible { rule: DeductibleRule::PerVisit, .. }));
    if base.period == Period::Visit && band_edges == BandEdges::Base && !per_visit {
        return Err(PackProblem::Combination {
            place,
            problem: "bands over the base of a visit go with a deductible per visit, or none",
        });
    }
    let mut factors = Vec::new();
    for name in &file.factors {
        factors.push(parameters.rate(&format!("{place}.factors"), name)?);
    }
    let mut caps = Vec::new();
    for cap in &file.caps {
        let place = format!("{place}.caps");
        caps.push(Cap {
            period: period(&place, &cap.period)?,
            limit: parameters.amount(&place, &cap.limit)?,
        });
    }
    let card = BenefitCard {
        id: file.id.as_str().into(),
        name_zh: file.name.zh.as_str().into(),
        name_en: file.name.en.as_str().into(),
        clause: file.clause.as_str().into(),
        payer: payer.clone(),
        origin: Origin::Pack(pack.clone()),
    };
    Ok(Benefit {
        card: Arc::new(card),
        gate: when(&format!("{place}.gate"), &file.gate)?,
        base,
        deductible,
        band_edges,
        bands: bands(&place, file, parameters)?,
        factors,
        caps,
    })
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

/// Compiles one version of a plan.
pub(crate) fn plan(id: &str, file: &PlanFile) -> Checked<Plan> {
    let mut parameters = Parameters::new(file)?;
    let status = status("status", &file.status)?;
    let weakest = parameters.weakest();
    if let (PackStatus::InForce, Some(citation)) = (status, weakest)
        && citation.grade > Grade::B
    {
        return Err(PackProblem::StatusAboveGrade {
            parameter: citation.parameter.to_string(),
            grade: citation.grade.name(),
        });
    }
    let grade = weakest.map_or(Grade::Assumed, |citation| citation.grade);
    let valid = validity(&file.valid)?;
    let card = Arc::new(pack_card(id, &file.version, &file.name, valid, status, grade));
    let payer = Payer {
        kind: word("payer.kind", &file.payer.kind, &named(PayerKind::ALL, PayerKind::name))?,
        code: file.payer.code.as_str().into(),
        name_zh: file.payer.zh.as_str().into(),
        name_en: file.payer.en.as_str().into(),
    };
    let date_rules = [("admission", DateRule::Admission), ("settlement", DateRule::Settlement)];
    let mut benefits: Vec<Benefit> = Vec::new();
    for entry in &file.benefit {
        let compiled = benefit(entry, &payer, &card, &mut parameters)?;
        if benefits.iter().any(|other| other.card.id == compiled.card.id) {
            return Err(PackProblem::Duplicate { place: "benefit".to_owned(), name: entry.id.clone() });
        }
        benefits.push(compiled);
    }
    if benefits.is_empty() {
        return Err(PackProblem::Combination {
            place: "benefit".to_owned(),
            problem: "a plan has at least one",
        });
    }
    if let Some(name) = file.parameter.keys().find(|name| !parameters.used.contains(*name)) {
        return Err(PackProblem::Unused { name: name.clone() });
    }
    let account = match &file.account {
        Some(account) => Some(AccountRule { pools: pools("account.pools", &account.pools)? }),
        None => None,
    };
    Ok(Plan {
        card,
        date_rule: word("date_rule", &file.date_rule, &date_rules)?,
        scope: when("scope", &file.scope)?,
        benefits,
        account,
    })
}

/// Compiles one version of a catalogue from its head and the text of its items.
pub(crate) fn catalogue(id: &str, file: &CatalogueFile, items: &str) -> Checked<Catalogue> {
    let valid = validity(&file.valid)?;
    let (status, grade) = (status("status", &file.status)?, grade("grade", &file.grade)?);
    if status == PackStatus::InForce && grade > Grade::B {
        return Err(PackProblem::StatusAboveGrade { parameter: "grade".to_owned(), grade: grade.name() });
    }
    let card = Arc::new(pack_card(id, &file.version, &file.name, valid, status, grade));
    let mut rows = Vec::new();
    for (index, row) in csv::Reader::from_reader(items.as_bytes()).deserialize::<ItemRow>().enumerate() {
        let row = row.map_err(|error| PackProblem::Syntax(error.to_string()))?;
        // The header is line 1.
        rows.push(catalogue_item(index + 2, &row)?);
    }
    Catalogue::new(card, rows)
        .map_err(|twice| PackProblem::OverlappingRows { code: twice.code.to_string(), date: twice.date })
}

fn catalogue_item(line: usize, row: &ItemRow) -> Checked<(Arc<str>, CatalogueItem)> {
    let place = |column: &str| format!("items line {line}, {column}");
    let ceiling = |column: &str, text: &str| -> Checked<Option<Price>> {
        if text.is_empty() {
            return Ok(None);
        }
        let price = number(place(column), text, Price::parse)?;
        in_range(&place(column), text, price >= Price::ZERO, "0 and above").map(|()| Some(price))
    };
    let prop = |column: &str, text: &str| -> Checked<Rate> {
        let rate = number(place(column), text, Rate::parse)?;
        in_range(&place(column), text, (Rate::ZERO..=Rate::ONE).contains(&rate), "0 to 1").map(|()| rate)
    };
    let level = CatalogueLevel::from_code(&row.chrgitm_lv).ok_or_else(|| PackProblem::UnknownWord {
        place: place("chrgitm_lv"),
        word: row.chrgitm_lv.clone(),
        allowed: "`01`, `02`, `03`".to_owned(),
    })?;
    FeeCategory::from_code(&row.med_chrgitm_type).ok_or_else(|| PackProblem::UnknownWord {
        place: place("med_chrgitm_type"),
        word: row.med_chrgitm_type.clone(),
        allowed: "`01` to `14`".to_owned(),
    })?;
    let (from, until) = (date(place("begndate"), &row.begndate)?, date(place("enddate"), &row.enddate)?);
    if from >= until {
        return Err(PackProblem::EmptyValidity { place: place("enddate") });
    }
    let item = CatalogueItem {
        name: row.hilist_name.as_str().into(),
        level,
        from,
        until,
        item_use: word(
            place("lmt_used_flag"),
            &row.lmt_used_flag,
            &[("0", ItemUse::Free), ("1", ItemUse::Restricted)],
        )?,
        selfpay_prop_employee: prop("selfpay_prop_310", &row.selfpay_prop_310)?,
        selfpay_prop_resident: prop("selfpay_prop_390", &row.selfpay_prop_390)?,
        ceilings: Ceilings {
            tertiary: ceiling("pric_uplmt_tertiary", &row.pric_uplmt_tertiary)?,
            secondary: ceiling("pric_uplmt_secondary", &row.pric_uplmt_secondary)?,
            other: ceiling("pric_uplmt_other", &row.pric_uplmt_other)?,
        },
    };
    Ok((row.hilist_code.as_str().into(), item))
}
