//! The packs that come with the program, and the messages that broken ones give.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;

use bedside_policy::Library;

fn packs() -> BTreeMap<String, String> {
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

#[test]
fn every_pack_compiles_from_the_binary_and_from_the_folder() {
    let embedded = Library::builtin().unwrap();
    let loaded = Library::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("packs")).unwrap();
    let ids = |library: &Library| library.plans().map(|plan| plan.card.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&embedded), ids(&loaded));
    assert_eq!(ids(&embedded).len(), 5);
    let catalogue = embedded.catalogues().next().unwrap();
    assert!(catalogue.items().count() >= 200, "{}", catalogue.items().count());
}

const RESIDENT: &str = "hangzhou/resident-basic/2021.toml";
const CRITICAL: &str = "zhejiang/critical-illness/2025.toml";
const CATALOGUE: &str = "demo/catalogue/demo.csv";

/// One edit to one file of the packs, and the message it must give.
#[test]
fn a_broken_pack_is_refused_with_its_place() {
    let cases: &[(&str, &str, &str, &str)] = &[
        (
            RESIDENT,
            "status = \"in_force\"",
            "status = \"valid\"",
            "`status`: `valid` is not one of `in_force`, `unverified`, `demo`",
        ),
        (
            RESIDENT,
            "from = \"2021-01-01\"",
            "from = \"2021-13-01\"",
            "`valid.from`: `2021-13-01` is not a date `yyyy-mm-dd`",
        ),
        (
            RESIDENT,
            "until = \"2027-01-01\"",
            "until = \"2021-01-01\"",
            "`valid`: is empty, `from` must lie before `until`",
        ),
        (
            RESIDENT,
            "grade = \"B\"",
            "grade = \"D\"",
            "is `in_force`, but `outpatient_rate` is only of grade D",
        ),
        (
            RESIDENT,
            "value = \"0.70\"",
            "value = \"70%\"",
            "`parameter.inpatient_rate`: `70%` is not a plain decimal number",
        ),
        (
            RESIDENT,
            "value = \"0.70\"",
            "value = \"1.70\"",
            "`parameter.inpatient_rate`: `1.70` is outside 0 to 1",
        ),
        (
            RESIDENT,
            "value = \"800\"",
            "value = \"-800\"",
            "`parameter.inpatient_deductible`: `-800` is outside 0 and above",
        ),
        (
            RESIDENT,
            "value = \"800\"",
            "value = \"800.001\"",
            "`parameter.inpatient_deductible`: `800.001` has more than 2 decimals",
        ),
        (
            RESIDENT,
            "tier = \"tertiary\"",
            "tier = \"third\"",
            "`parameter.inpatient_deductible.tier`: `third` is not one of `tertiary`, `secondary`, `primary`, `community`, `ungraded`",
        ),
        (
            RESIDENT,
            "    { tier = \"community\", value = \"300\" },\n    { value = \"500\" },",
            "    { value = \"500\" },\n    { tier = \"community\", value = \"300\" },",
            "`parameter.inpatient_deductible`: row 3 can never apply, row 2 decides before it",
        ),
        (
            RESIDENT,
            "source = \"measure\"\narticle = \"住院起付标准\"",
            "source = \"rumour\"\narticle = \"住院起付标准\"",
            "`parameter.inpatient_deductible.source`: there is no source `rumour`",
        ),
        (
            RESIDENT,
            "standard = \"inpatient_deductible\"",
            "standard = \"deductible\"",
            "`benefit.inpatient.deductible.standard`: there is no parameter `deductible`",
        ),
        (
            RESIDENT,
            "standard = \"inpatient_deductible\"",
            "standard = \"inpatient_rate\"",
            "`benefit.inpatient.deductible.standard`: parameter `inpatient_rate` is in `ratio`, `CNY` is needed",
        ),
        (
            RESIDENT,
            "bands = [{ rate = \"outpatient_rate\" }]",
            "bands = [{ rate = \"inpatient_rate\" }]",
            "`parameter.outpatient_rate`: no benefit uses it",
        ),
        (RESIDENT, "id = \"outpatient\"", "id = \"inpatient\"", "`benefit`: `inpatient` is there twice"),
        (
            RESIDENT,
            "pools = [\"in_scope\"]",
            "pools = [\"in_scope\", \"in_scope\"]",
            "`benefit.inpatient.base.pools`: `in_scope` is there twice",
        ),
        (RESIDENT, "pools = [\"in_scope\"]", "pools = []", "`benefit.inpatient.base.pools`: names no pool"),
        (
            RESIDENT,
            "pools = [\"in_scope\"]",
            "pools = [\"in_scope\"], period = \"year\"",
            "`benefit.inpatient`: a base over the year goes with a deductible per year, or none",
        ),
        (
            RESIDENT,
            "rule = \"highest_less_charged\"",
            "rule = \"none\"",
            "`benefit.inpatient.deductible.rule`: `none` is not one of `per_visit`, `per_year`, `highest_less_charged`",
        ),
        (
            RESIDENT,
            "bands = [{ rate = \"inpatient_rate\" }]",
            "bands = []",
            "`benefit.inpatient`: bands must rise, and exactly the last has no `until`",
        ),
        (
            RESIDENT,
            "care_area = \"local\"",
            "care_area = \"abroad\"",
            "`scope.care_area`: `abroad` is not one of `local`, `long_term`, `referral`, `emergency_unfiled`, `unfiled`",
        ),
        (
            CRITICAL,
            "value = \"200000\"",
            "value = \"100000\"",
            "`benefit.major.bands[2]`: bands must rise, and exactly the last has no `until`",
        ),
        (
            CRITICAL,
            "value = \"200000\"",
            "rows = [{ tier = \"tertiary\", value = \"200000\" }]",
            "`benefit.major.bands[2].until`: a band edge must be one value, not rows",
        ),
        (
            CATALOGUE,
            ",2026-01-01,2027-01-01,0,0.05,",
            ",2025-12-31,2027-01-01,0,0.05,",
            "has two rows on 2025-12-31",
        ),
        (
            CATALOGUE,
            ",普通病房床位费,01,",
            ",普通病房床位费,15,",
            "med_chrgitm_type`: `15` is not one of `01` to `14`",
        ),
        (
            "hangzhou/programmes/resident.toml",
            "{ plan = \"zhejiang/medical-assistance\" }",
            "{ plan = \"zhejiang/critical-illness\" }",
            "`layers`: `zhejiang/critical-illness` is there twice",
        ),
        (
            "hangzhou/programmes/resident.toml",
            "area = \"3301\"",
            "area = \"\"",
            "`area`: `` is not one of two to six digits",
        ),
        (
            CATALOGUE,
            ",60.00,54.00,48.00",
            ",-60.00,54.00,48.00",
            "pric_uplmt_tertiary`: `-60.00` is outside 0 and above",
        ),
        (
            "demo/catalogue/demo.toml",
            "status = \"demo\"",
            "status = \"in_force\"",
            "is `in_force`, but `grade` is only of grade assumed",
        ),
        (
            "hangzhou/programmes/resident.toml",
            "area = \"3301\"",
            "area = \"3301\"\ncity = \"x\"",
            "unknown field `city`",
        ),
        (
            "hangzhou/programmes/resident.toml",
            "insutype = \"390\"",
            "insutype = \"310\"",
            "is valid on 2025-01-01, and so is version `hangzhou/employee`",
        ),
        (
            "hangzhou/programmes/resident.toml",
            "{ policy = \"hangzhou/xihu-yilianbao\" }",
            "{ policy = \"hangzhou/yilianbao\" }",
            "`layers`: there is no pack `hangzhou/yilianbao`",
        ),
        (
            "hangzhou/programmes/resident.toml",
            "demo/catalogue",
            "hangzhou/catalogue",
            "`catalogue`: there is no catalogue `hangzhou/catalogue`",
        ),
    ];
    for (file, old, new, message) in cases {
        let mut files = packs();
        let text = files.get_mut(*file).unwrap();
        assert!(text.contains(old), "`{old}` is not in {file}");
        *text = text.replacen(old, new, 1);
        let error = Library::from_files(&files).map(|_| ()).expect_err(new).to_string();
        assert!(error.contains(message), "{old} -> {new}\n  gives  {error}\n  wanted {message}");
    }
}

#[test]
fn two_versions_on_one_day_are_refused() {
    let mut files = packs();
    files.insert("hangzhou/resident-basic/2022.toml".to_owned(), files[RESIDENT].clone());
    let error = Library::from_files(&files).unwrap_err().to_string();
    assert_eq!(
        error,
        "`hangzhou/resident-basic/2022.toml`: is valid on 2021-01-01, and so is version `2021`"
    );
}
