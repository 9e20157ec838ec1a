//! The rule packs as the second reading sees them, read from the same files by other code.
//!
//! Knows the words of the files and nothing of the library that compiles them for the core. A word that it does not
//! know stops the test, so that a rule of a new kind cannot pass unread.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bedside_claim::{Date, DateRule, HospitalTier, Pool};
use toml::{Table, Value};

use crate::exact::Fraction;

/// Values that a fact may have, by the name of the fact.
pub(crate) type Conditions = BTreeMap<String, Vec<String>>;

/// Rows from the first to the last; the first whose conditions hold gives the value.
pub(crate) type Parameter = Vec<(Conditions, Fraction)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    PerYear,
    HighestLessCharged,
}

#[derive(Debug)]
pub(crate) struct Benefit {
    pub(crate) id: String,
    pub(crate) gate: Conditions,
    pub(crate) pools: Vec<Pool>,
    pub(crate) categories: Option<Vec<String>>,
    pub(crate) base_of_the_year: bool,
    pub(crate) deductible: Option<(Rule, Parameter)>,
    /// Whether band edges count from the first fen of the base, not from the end of the deductible.
    pub(crate) edges_on_base: bool,
    /// Upper edge and rate.
    pub(crate) bands: Vec<(Option<Parameter>, Parameter)>,
    pub(crate) factors: Vec<Parameter>,
    pub(crate) caps_of_the_year: Vec<Parameter>,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) id: String,
    pub(crate) from: Date,
    pub(crate) until: Date,
    pub(crate) date_rule: DateRule,
    pub(crate) is_basic: bool,
    pub(crate) scope: Conditions,
    pub(crate) account: Option<Vec<Pool>>,
    pub(crate) benefits: Vec<Benefit>,
}

#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) pack: String,
    pub(crate) only_with_policy: bool,
}

#[derive(Debug)]
pub(crate) struct Programme {
    pub(crate) from: Date,
    pub(crate) until: Date,
    pub(crate) insutype: String,
    pub(crate) area: String,
    pub(crate) layers: Vec<Layer>,
}

/// One dated row of the catalogue.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) category: String,
    pub(crate) level: String,
    pub(crate) from: Date,
    pub(crate) until: Date,
    pub(crate) restricted: bool,
    pub(crate) selfpay_310: Fraction,
    pub(crate) selfpay_390: Fraction,
    ceilings: [Option<Fraction>; 3],
}

impl Item {
    pub(crate) fn ceiling(&self, tier: HospitalTier) -> Option<Fraction> {
        match tier {
            HospitalTier::Tertiary => self.ceilings[0],
            HospitalTier::Secondary => self.ceilings[1],
            _ => self.ceilings[2],
        }
    }
}

#[derive(Debug)]
pub(crate) struct Packs {
    pub(crate) plans: Vec<Plan>,
    pub(crate) programmes: Vec<Programme>,
    pub(crate) items: BTreeMap<String, Vec<Item>>,
}

const PLANS: [&str; 5] = [
    "hangzhou/resident-basic",
    "hangzhou/employee-basic",
    "zhejiang/critical-illness",
    "zhejiang/medical-assistance",
    "hangzhou/xihu-yilianbao",
];

impl Packs {
    pub(crate) fn read() -> Packs {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/packs");
        let mut plans = Vec::new();
        for id in PLANS {
            for file in files(&root.join(id), "toml") {
                plans.push(plan(id, table(&file)));
            }
        }
        let programmes = files(&root.join("hangzhou/programmes"), "toml");
        let programmes = programmes.iter().map(|file| programme(table(file))).collect();
        Packs { plans, programmes, items: catalogue(&root.join("demo/catalogue")) }
    }
}

fn files(folder: &Path, kind: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == kind));
    files.sort();
    files
}

fn table(file: &Path) -> Table {
    std::fs::read_to_string(file).unwrap().parse().unwrap_or_else(|error| panic!("{error}"))
}

fn date(text: &str) -> Date {
    text.parse().unwrap_or_else(|_| panic!("`{text}` is no date"))
}

fn text(table: &mut Table, key: &str) -> String {
    match table.remove(key) {
        Some(Value::String(text)) => text,
        other => panic!("`{key}` is {other:?}"),
    }
}

fn optional_table(table: &mut Table, key: &str) -> Table {
    match table.remove(key) {
        None => Table::new(),
        Some(Value::Table(found)) => found,
        other => panic!("`{key}` is {other:?}"),
    }
}

fn array(table: &mut Table, key: &str) -> Vec<Value> {
    match table.remove(key) {
        None => Vec::new(),
        Some(Value::Array(found)) => found,
        other => panic!("`{key}` is {other:?}"),
    }
}

fn words(value: Value) -> Vec<String> {
    match value {
        Value::String(word) => vec![word],
        Value::Array(words) => words.into_iter().flat_map(self::words).collect(),
        other => panic!("{other:?} are no words"),
    }
}

fn nothing_else(table: &Table) {
    assert!(table.is_empty(), "unread words: {table}");
}

fn validity(table: &mut Table) -> (Date, Date) {
    let mut valid = optional_table(table, "valid");
    (date(&text(&mut valid, "from")), date(&text(&mut valid, "until")))
}

fn conditions(table: Table) -> Conditions {
    const FACTS: [&str; 6] = ["insutype", "psn_type", "identity", "setting", "tier", "care_area"];
    // The persons here are ill, not hurt: what excludes a cause asks nothing of them.
    let asked = table.into_iter().filter(|(fact, _)| fact != "not_cause");
    let conditions: Conditions = asked.map(|(fact, value)| (fact, words(value))).collect();
    for fact in conditions.keys() {
        assert!(FACTS.contains(&fact.as_str()), "unknown fact `{fact}`");
    }
    conditions
}

fn pools(value: Value) -> Vec<Pool> {
    let pool = |word: String| Pool::ALL.into_iter().find(|pool| pool.name() == word).expect("a pool");
    words(value).into_iter().map(pool).collect()
}

fn parameter(value: &Value) -> Parameter {
    let mut table = value.as_table().expect("a parameter").clone();
    if let Some(value) = table.get("value") {
        return vec![(Conditions::new(), Fraction::of_text(value.as_str().expect("text")))];
    }
    let rows = array(&mut table, "rows").into_iter().map(|row| {
        let Value::Table(mut row) = row else { panic!("a row is no table") };
        let value = Fraction::of_text(&text(&mut row, "value"));
        (conditions(row), value)
    });
    rows.collect()
}

fn plan(id: &str, mut file: Table) -> Plan {
    let (from, until) = validity(&mut file);
    let date_rule = match text(&mut file, "date_rule").as_str() {
        "settlement" => DateRule::Settlement,
        "admission" => DateRule::Admission,
        other => panic!("unknown date rule `{other}`"),
    };
    let payer = text(&mut optional_table(&mut file, "payer"), "kind");
    let parameters: BTreeMap<String, Parameter> = optional_table(&mut file, "parameter")
        .iter()
        .map(|(name, rows)| (name.clone(), parameter(rows)))
        .collect();
    // The persons here have one balance and no relatives: the first purse says it all.
    let purses = array(&mut file, "account");
    let account = purses.first().map(|purse| pools(purse.as_table().expect("a purse")["pools"].clone()));
    let scope = conditions(optional_table(&mut file, "scope"));
    let benefits = array(&mut file, "benefit").into_iter().map(|one| {
        let Value::Table(one) = one else { panic!("a benefit is no table") };
        benefit(one, &parameters)
    });
    let benefits = benefits.collect();
    for cited in ["version", "name", "status", "source"] {
        file.remove(cited);
    }
    nothing_else(&file);
    Plan {
        id: id.to_owned(),
        from,
        until,
        date_rule,
        is_basic: payer == "basic_insurance",
        scope,
        account,
        benefits,
    }
}

fn benefit(mut file: Table, parameters: &BTreeMap<String, Parameter>) -> Benefit {
    let named = |name: String| parameters.get(&name).unwrap_or_else(|| panic!("no `{name}`")).clone();
    let mut base = optional_table(&mut file, "base");
    let pools = pools(base.remove("pools").expect("pools"));
    let categories = base.remove("categories").map(words);
    let base_of_the_year = match base.remove("period").map(words) {
        None => false,
        Some(period) => {
            assert_eq!(period, ["year"]);
            true
        }
    };
    nothing_else(&base);
    let mut deductible = optional_table(&mut file, "deductible");
    let deductible = (!deductible.is_empty()).then(|| {
        let rule = match text(&mut deductible, "rule").as_str() {
            "per_year" => Rule::PerYear,
            "highest_less_charged" => Rule::HighestLessCharged,
            other => panic!("unknown deductible rule `{other}`"),
        };
        (rule, named(text(&mut deductible, "standard")))
    });
    let bands = array(&mut file, "bands").into_iter().map(|band| {
        let Value::Table(mut band) = band else { panic!("a band is no table") };
        let until = band.contains_key("until").then(|| named(text(&mut band, "until")));
        let rate = named(text(&mut band, "rate"));
        nothing_else(&band);
        (until, rate)
    });
    let bands = bands.collect();
    let factors = file.remove("factors").map(words).unwrap_or_default().into_iter().map(named).collect();
    let caps = array(&mut file, "caps").into_iter().map(|cap| {
        let Value::Table(mut cap) = cap else { panic!("a cap is no table") };
        assert_eq!(text(&mut cap, "period"), "year");
        named(text(&mut cap, "limit"))
    });
    let caps_of_the_year = caps.collect();
    let edges_on_base = match file.remove("band_edges").map(words) {
        None => false,
        Some(word) => {
            assert_eq!(word, ["base"]);
            true
        }
    };
    let id = text(&mut file, "id");
    let gate = conditions(optional_table(&mut file, "gate"));
    for cited in ["name", "clause"] {
        file.remove(cited);
    }
    nothing_else(&file);
    Benefit {
        id,
        gate,
        pools,
        categories,
        base_of_the_year,
        deductible,
        edges_on_base,
        bands,
        factors,
        caps_of_the_year,
    }
}

fn programme(mut file: Table) -> Programme {
    let (from, until) = validity(&mut file);
    let layers = array(&mut file, "layers").into_iter().map(|layer| {
        let Value::Table(mut layer) = layer else { panic!("a layer is no table") };
        let only_with_policy = layer.contains_key("policy");
        let pack = text(&mut layer, if only_with_policy { "policy" } else { "plan" });
        nothing_else(&layer);
        Layer { pack, only_with_policy }
    });
    let layers = layers.collect();
    assert_eq!(text(&mut file, "catalogue"), "demo/catalogue");
    let (insutype, area) = (text(&mut file, "insutype"), text(&mut file, "area"));
    nothing_else(&file);
    Programme { from, until, insutype, area, layers }
}

fn catalogue(folder: &Path) -> BTreeMap<String, Vec<Item>> {
    let mut items: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    for file in files(folder, "csv") {
        let mut reader = csv::Reader::from_path(file).unwrap();
        let head = reader.headers().unwrap().clone();
        for record in reader.records() {
            let record = record.unwrap();
            let cell = |name: &str| {
                let place = head.iter().position(|column| column == name);
                &record[place.unwrap_or_else(|| panic!("no column `{name}`"))]
            };
            let ceiling = |name: &str| Some(cell(name)).filter(|c| !c.is_empty()).map(Fraction::of_text);
            items.entry(cell("hilist_code").to_owned()).or_default().push(Item {
                category: cell("med_chrgitm_type").to_owned(),
                level: cell("chrgitm_lv").to_owned(),
                from: date(cell("begndate")),
                until: date(cell("enddate")),
                restricted: cell("lmt_used_flag") == "1",
                selfpay_310: Fraction::of_text(cell("selfpay_prop_310")),
                selfpay_390: Fraction::of_text(cell("selfpay_prop_390")),
                ceilings: ["pric_uplmt_tertiary", "pric_uplmt_secondary", "pric_uplmt_other"].map(ceiling),
            });
        }
    }
    items
}
