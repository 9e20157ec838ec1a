//! Two versions of a plan held against each other: edits of built-in packs and what must be told of them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use bedside_claim::Lang;
use bedside_policy::comparison::{Became, Comparison};
use bedside_policy::{Library, Plan};

fn files() -> BTreeMap<String, String> {
    fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, files);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs");
    let mut files = BTreeMap::new();
    collect(&root, &root, &mut files);
    files
}

fn plan<'a>(library: &'a Library, id: &str) -> &'a Plan {
    library.versions_of(id).last().unwrap()
}

/// What is told of edits to one pack, one thing a line.
fn told(id: &str, file: &str, edits: &[(&str, &str)]) -> Vec<String> {
    let mut files = files();
    let old = Library::from_files(&files).unwrap();
    let text = files.get_mut(file).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "`{from}` is not in {file}");
        *text = text.replacen(from, to, 1);
    }
    let new = Library::from_files(&files).unwrap();
    let Comparison { plan: of_plan, parameters, benefits, lists } =
        Comparison::of(plan(&old, id), plan(&new, id), Lang::En);
    let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let mut told = Vec::new();
    for found in of_plan.into_iter().chain(lists) {
        told.push(format!("{}: {} -> {}", found.key, or(found.before), or(found.after)));
    }
    for found in parameters {
        told.push(format!(
            "{} [{}]: {} -> {}",
            found.name,
            found.conditions,
            or(found.before),
            or(found.after)
        ));
    }
    for benefit in benefits {
        match benefit.became {
            Became::Added => told.push(format!("{} added", benefit.id)),
            Became::Removed => told.push(format!("{} removed", benefit.id)),
            Became::Changed(differences) => told.extend(differences.into_iter().map(|found| {
                format!("{} {}: {} -> {}", benefit.id, found.key, or(found.before), or(found.after))
            })),
        }
    }
    told
}

/// A pack and its file.
type Pack = (&'static str, &'static str);

/// A pack, edits of it, and what must be told of them.
type Case = (Pack, &'static [(&'static str, &'static str)], &'static [&'static str]);

const RESIDENT: Pack = ("hangzhou/resident-basic", "hangzhou/resident-basic/2021.toml");
const HUHUIBAO: Pack = ("shanghai/huhuibao", "shanghai/huhuibao/2025.toml");

#[test]
fn every_kind_of_change_is_told_once() {
    let cases: &[Case] = &[
        (RESIDENT, &[], &[]),
        // A comment, and the order in which parameters stand, say nothing.
        (RESIDENT, &[("# Not found", "# Missing")], &[]),
        (
            RESIDENT,
            &[("value = \"500\"", "value = \"600\"")],
            &["inpatient_deductible [otherwise]: CNY 500.00 -> CNY 600.00"],
        ),
        (
            RESIDENT,
            &[("    { tier = \"community\", value = \"300\" },\n", "")],
            &["inpatient_deductible [hospital level: community]: CNY 300.00 -> -"],
        ),
        // Another article, the same number: told, because someone must look it up.
        (
            RESIDENT,
            &[("article = \"门诊起付标准\"", "article = \"第九条\"")],
            &["outpatient_deductible [always]: CNY 300.00 -> CNY 300.00"],
        ),
        (
            RESIDENT,
            &[("scope = { insutype = \"390\", care_area = \"local\" }", "scope = { insutype = \"390\" }")],
            &["scope.care_area: in the own area -> -"],
        ),
        (
            RESIDENT,
            &[("deductible = { rule = \"per_year\"", "deductible = { rule = \"per_visit\"")],
            &[
                "outpatient deductible.rule: once in a calendar year, until it is charged in full -> in full at every visit",
                "outpatient deductible.account: the person, this benefit alone -> -",
            ],
        ),
        (
            RESIDENT,
            &[(
                "standard = \"outpatient_deductible\" }\nbands = [{ rate = \"outpatient_rate\" }]",
                "standard = \"outpatient_deductible\" }\nbands = [{ rate = \"inpatient_rate\" }]\nfactors = [\"outpatient_rate\"]",
            )],
            &[
                "outpatient factors[1]: - -> `outpatient_rate`",
                "outpatient bands[1]: all above the deductible `outpatient_rate` -> all above the deductible `inpatient_rate`",
            ],
        ),
        (
            HUHUIBAO,
            &[("per = \"item\"\nperiod = \"policy_period\"", "per = \"item\"\nperiod = \"lifetime\"")],
            &[
                "listed-inpatient base.limits.one-drug: each item in a policy period (fee category 09 western medicine, 10 herbal pieces, 11 chinese patent medicine) -> each item in a lifetime (fee category 09 western medicine, 10 herbal pieces, 11 chinese patent medicine)",
            ],
        ),
        (HUHUIBAO, &[("id = \"car-t\"", "id = \"car-t-2\"")], &["car-t-2 added", "car-t removed"]),
        (
            HUHUIBAO,
            &[("until = \"2026-01-01\"", "until = \"2025-12-01\"")],
            &["valid: from 2025-04-15, before 2026-01-01 -> from 2025-04-15, before 2025-12-01"],
        ),
    ];
    for ((id, file), edits, expected) in cases {
        assert_eq!(told(id, file, edits), *expected, "{edits:?}");
    }
}

#[test]
fn a_benefit_that_pays_earlier_is_told() {
    let text = &files()[HUHUIBAO.1];
    let (_, last) = text.rsplit_once("[[benefit]]").unwrap();
    let last = format!("[[benefit]]{last}");
    // The last benefit before the first: all five change their places.
    let edits = [(last.as_str(), ""), ("[[benefit]]", &format!("{last}\n[[benefit]]"))];
    let told = told(HUHUIBAO.0, HUHUIBAO.1, &edits);
    assert!(told.contains(&"car-t order: 5 -> 1".to_owned()), "{told:?}");
    assert_eq!(told.len(), 5, "{told:?}");
}
