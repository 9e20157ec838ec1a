//! `bedside pack` as its users run it: listing, explaining, beginning and comparing plans.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn bedside(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bedside")).args(arguments).output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = bedside(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The arguments must be refused with this code and a message that says so.
fn refused(arguments: &[&str], code: i32, message: &str) {
    let output = bedside(arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(message), "`{message}` is not in\n{text}");
}

#[test]
fn list_shows_what_is_valid_on_a_day() {
    let all = stdout(&["pack", "list", "--lang", "en"]);
    for part in
        ["hangzhou/resident-basic", "[2021-01-01, 2027-01-01)", "in_force", "resident basic insurance fund"]
    {
        assert!(all.contains(part), "`{part}` is not in\n{all}");
    }
    let ids = |day: &str, what: &str| -> Vec<String> {
        let text = stdout(&["pack", "list", "--on", day, "--format", "json"]);
        let listed: Value = serde_json::from_str(&text).unwrap();
        listed[what]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["id"].as_str().unwrap().to_owned())
            .collect()
    };
    // 杭州居民 begins on this day; its programme on 2021-07-01, with 浙江省医疗保障条例.
    assert!(ids("2020-12-31", "plans").is_empty());
    assert!(ids("2021-01-01", "plans").contains(&"hangzhou/resident-basic".to_owned()));
    assert!(!ids("2021-06-30", "programmes").contains(&"hangzhou/resident".to_owned()));
    assert!(ids("2021-07-01", "programmes").contains(&"hangzhou/resident".to_owned()));
    assert_eq!(ids("2026-12-31", "catalogues"), ["demo/catalogue"]);
    assert!(ids("2027-01-01", "catalogues").is_empty());
    assert!(stdout(&["pack", "list", "--on", "1999-01-01"]).contains("没有有效的规则包"));
}

#[test]
fn list_refuses_what_it_cannot_read() {
    refused(&["pack", "list", "--on", "1999-13-01"], 2, "--on");
    refused(&["pack", "list", "--packs", "no-such-folder"], 2, "no-such-folder");
}

fn explained(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explained").join(name)
}

/// The whole of what two plans look like, one public in Chinese, one commercial in English; read against the packs before
/// each change. `BLESS=1` writes them anew.
#[test]
fn explain_prints_a_plan_as_it_was_read() {
    let cases: [(&str, &[&str]); 2] = [
        ("hangzhou-employee-basic.zh.txt", &["hangzhou/employee-basic"]),
        (
            "huhuibao-new-citizen.en.txt",
            &["shanghai/huhuibao-new-citizen", "--version", "2025", "--lang", "en"],
        ),
    ];
    for (name, arguments) in cases {
        let text = stdout(&[&["pack", "explain"], arguments].concat());
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(explained(name), &text).unwrap();
        }
        assert_eq!(text, std::fs::read_to_string(explained(name)).unwrap(), "{name}");
    }
}

#[test]
fn explain_is_there_for_documents_and_scripts() {
    let page = stdout(&["pack", "explain", "hangzhou/resident-basic", "--format", "markdown"]);
    assert!(page.contains("# 杭州市城乡居民基本医疗保险"), "{page}");
    assert!(page.contains("| 起付标准以上全部 | 70 % | 80 % | 75 % | 住院支付比例 [1] B |"), "{page}");
    let text = stdout(&["pack", "explain", "hangzhou/resident-basic", "--format", "json", "--lang", "en"]);
    let sheet: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        sheet["benefits"][0]["bands"][0]["rate"]["rows"][0],
        serde_json::json!({ "when": "hospital level: tertiary", "value": "70 %" })
    );
    assert_eq!(sheet["sources"][0]["grade"], "B");
}

#[test]
fn every_plan_can_be_explained_in_both_languages() {
    let listed: Value = serde_json::from_str(&stdout(&["pack", "list", "--format", "json"])).unwrap();
    for plan in listed["plans"].as_array().unwrap() {
        let (id, version) = (plan["id"].as_str().unwrap(), plan["version"].as_str().unwrap());
        for lang in ["zh", "en"] {
            let text = stdout(&["pack", "explain", id, "--version", version, "--lang", lang]);
            assert!(text.contains(plan["name"][lang].as_str().unwrap()), "{text}");
        }
    }
}

#[test]
fn explain_says_what_there_is_instead() {
    refused(&["pack", "explain", "hangzhou/nothing", "--lang", "en"], 2, "hangzhou/resident-basic");
    refused(
        &["pack", "explain", "hangzhou/resident-basic", "--version", "1"],
        2,
        "2021 [2021-01-01, 2027-01-01)",
    );
    refused(
        &["pack", "explain", "hangzhou/resident-basic", "--on", "2020-12-31"],
        3,
        "2021 [2021-01-01, 2027-01-01)",
    );
    refused(
        &["pack", "explain", "hangzhou/resident-basic", "--on", "2022-01-01", "--version", "2021"],
        2,
        "--on",
    );
}

/// What the first bill of each skeleton comes to, by hand: (58,000 - 800) x 70 %; 50,000 x 60 % + 5,000 x 80 % of 65,000 -
/// 10,000; (10 - 3) days x 100; the whole sum. Paid of the bill, and to the person.
const SKELETONS: [(&str, &str, &str); 4] = [
    ("public", "40040.00", "0.00"),
    ("commercial", "34000.00", "0.00"),
    ("per-diem", "0.00", "700.00"),
    ("lump-sum", "0.00", "100000.00"),
];

#[test]
fn new_writes_plans_that_load_and_settle_a_bill() {
    let dir = tempfile::tempdir().unwrap();
    let packs = dir.path().join("packs");
    let packs = packs.to_str().unwrap();
    for (kind, of_bill, to_person) in SKELETONS {
        let id = format!("lanting/{kind}");
        let told = stdout(&[
            "pack",
            "new",
            &id,
            "--kind",
            kind,
            "--packs",
            packs,
            "--from",
            "2024-01-01",
            "--lang",
            "en",
        ]);
        assert!(told.contains(&format!("{packs}/{id}/demo.toml")), "{told}");
        let bill = format!("{packs}/{id}/first-bill.json");
        let settlement: Value =
            serde_json::from_str(&stdout(&["settle", &bill, "--packs", packs, "--format", "json"])).unwrap();
        let sum = |amounts: Vec<&Value>| -> String {
            let fen: i64 = amounts
                .iter()
                .map(|amount| amount.as_str().unwrap().replace('.', "").parse::<i64>().unwrap())
                .sum();
            format!("{}.{:02}", fen / 100, fen % 100)
        };
        let payments =
            settlement["payments"].as_array().into_iter().flatten().map(|payment| &payment["amount"]);
        assert_eq!(sum(payments.collect()), of_bill, "{kind}: {settlement:#}");
        let to =
            settlement["to_person"].as_array().into_iter().flatten().map(|paid| &paid["payment"]["amount"]);
        assert_eq!(sum(to.collect()), to_person, "{kind}: {settlement:#}");
        assert!(stdout(&["pack", "explain", &id, "--packs", packs]).contains("演示"), "{kind}");
    }
    let listed: Value =
        serde_json::from_str(&stdout(&["pack", "list", "--packs", packs, "--format", "json"])).unwrap();
    assert!(listed["plans"].as_array().unwrap().iter().all(|plan| plan["status"] == "demo"));
    assert_eq!(listed["catalogues"].as_array().unwrap().len(), 1, "the first one is shared");
}

#[test]
fn new_touches_nothing_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let packs = dir.path().to_str().unwrap();
    stdout(&["pack", "new", "lanting/huimin", "--packs", packs]);
    let plan = dir.path().join("lanting/huimin/demo.toml");
    let before = std::fs::read_to_string(&plan).unwrap();
    refused(&["pack", "new", "lanting/huimin", "--packs", packs, "--lang", "en"], 2, "is there already");
    assert_eq!(std::fs::read_to_string(&plan).unwrap(), before);
    for id in
        ["huimin", "a/b/c", "Lanting/huimin", "lanting/", "lanting/catalogue", "../huimin", "lanting/hui min"]
    {
        refused(&["pack", "new", id, "--packs", packs], 2, "不是方案名");
    }
    std::fs::write(&plan, "version = 1").unwrap();
    refused(&["pack", "new", "lanting/second", "--packs", packs], 2, "lanting/huimin/demo.toml");
    assert!(!dir.path().join("lanting/second").exists());
}

/// The comments of a skeleton, uncommented, are a pack that loads; and every key of the pack files is in them.
#[test]
fn the_commented_language_is_one_that_loads() {
    let dir = tempfile::tempdir().unwrap();
    let packs = dir.path().to_str().unwrap();
    stdout(&["pack", "new", "lanting/huimin", "--packs", packs, "--from", "2026-01-01"]);
    let text = std::fs::read_to_string(dir.path().join("lanting/huimin/demo.toml")).unwrap();
    let (_, comments) = text.split_once("============ The whole language").unwrap();
    let lines =
        comments.lines().skip(1).map(|line| line.strip_prefix("# ").unwrap_or(line.trim_start_matches('#')));
    let language: String = lines.map(|line| format!("{line}\n")).collect();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let base = "version = \"2026\"\nname = { zh = \"基准\", en = \"base\" }\nvalid = { from = \"2026-01-01\", until = \"2027-01-01\" }\nstatus = \"demo\"\ndate_rule = \"admission\"\npayer = { kind = \"commercial\", code = \"D\", zh = \"甲\", en = \"a\" }\n[source.s]\ntitle = \"t\"\ngrade = \"assumed\"\n[parameter.deductible]\nunit = \"CNY\"\nsource = \"s\"\narticle = \"a\"\nvalue = \"1\"\n";
    write("demo/base/2026.toml", base);
    write("lanting/language/2026.toml", &language);
    let listed = stdout(&["pack", "list", "--packs", packs, "--lang", "en"]);
    assert!(listed.contains("lanting/language"), "{listed}");
    let shapes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/src/pack_file.rs");
    for key in plan_keys(&std::fs::read_to_string(shapes).unwrap()) {
        assert!(
            language
                .lines()
                .any(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == key)),
            "`{key}` is not in the comments"
        );
    }
}

/// The names of all fields of a plan's file: lines `name: Type,` up to the programme.
fn plan_keys(shapes: &str) -> Vec<String> {
    let (plan, _) = shapes.split_once("pub(crate) struct ProgrammeFile").unwrap();
    let field = |line: &str| {
        let (name, kind) = line.trim().trim_start_matches("pub ").split_once(": ")?;
        let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        (is_name && kind.ends_with(',') && !kind.starts_with("it.")).then(|| name.to_owned())
    };
    let keys: Vec<String> = plan.lines().filter_map(field).collect();
    assert!(keys.len() > 100, "{keys:?}");
    keys
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copied(&path, &target) } else { assert!(std::fs::copy(&path, &target).is_ok()) }
    }
}

const RESIDENT: &str = "hangzhou/resident-basic/2021.toml";

/// The built-in packs, and a copy in which residents' rules are edited: another deductible at tertiary hospitals, a ratio of
/// its own at secondary ones, grown-ups alone at the outpatient door.
fn two_folders(dir: &Path) -> (String, String) {
    let (old, new) = (dir.join("old"), dir.join("new"));
    for folder in [&old, &new] {
        copied(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/packs"), folder);
    }
    let text = std::fs::read_to_string(new.join(RESIDENT)).unwrap();
    let text = text
        .replacen("{ tier = \"tertiary\", value = \"800\" }", "{ tier = \"tertiary\", value = \"1000\" }", 1)
        .replacen(
            "{ tier = \"community\", value = \"0.80\" },",
            "{ tier = \"community\", value = \"0.80\" },\n    { tier = \"secondary\", value = \"0.77\" },",
            1,
        )
        .replacen(
            "setting = \"outpatient\", not_cause",
            "setting = \"outpatient\", age = { from = 18 }, not_cause",
            1,
        );
    std::fs::write(new.join(RESIDENT), text).unwrap();
    (old.to_str().unwrap().to_owned(), new.to_str().unwrap().to_owned())
}

fn fen(amount: &Value) -> i64 {
    amount.as_str().unwrap().trim_start_matches('+').replace('.', "").parse().unwrap()
}

#[test]
fn diff_tells_what_changed_and_what_it_does_to_bills() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = two_folders(dir.path());
    let arguments = ["pack", "diff", "--packs", &old, "--against", &new, "--lang", "en"];
    let found: Value =
        serde_json::from_str(&stdout(&[&arguments[..], &["--format", "json"]].concat())).unwrap();
    assert_eq!(found["plans"].as_array().unwrap().len(), 1, "only the plan that was edited");
    let plan = &found["plans"][0];
    let parameters: Vec<[&str; 4]> = plan["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| ["parameter", "when", "before", "after"].map(|key| found[key].as_str().unwrap_or("-")))
        .collect();
    assert_eq!(
        parameters,
        [
            ["inpatient_deductible", "hospital level: tertiary", "CNY 800.00", "CNY 1000.00"],
            ["inpatient_rate", "hospital level: secondary", "-", "77 %"],
        ]
    );
    assert!(plan["parameters"][0]["cited_after"].as_str().unwrap().starts_with("住院起付标准"));
    let benefits = plan["benefits"].as_array().unwrap();
    assert_eq!(benefits.len(), 1);
    assert_eq!((&benefits[0]["id"], &benefits[0]["became"]), (&"outpatient".into(), &"changed".into()));
    assert_eq!(benefits[0]["differences"][0]["key"], "gate.age");

    // 24,600 of a bill of 30,000 are in scope: (24,600 - 500) x 75 %, then 77 %; (24,600 - 800), then - 1,000, x 70 %.
    let bills = plan["bills"].as_array().unwrap();
    let fund = |name: &str| -> (&str, &str) {
        let bill =
            bills.iter().find(|bill| bill["bill"] == name).unwrap_or_else(|| panic!("no bill `{name}`"));
        let paid = bill["paid"].as_array().unwrap();
        let fund = paid.iter().find(|paid| paid["payer"] == "resident basic insurance fund").unwrap();
        (fund["before"].as_str().unwrap(), fund["after"].as_str().unwrap())
    };
    assert_eq!(fund("secondary, inpatient: medium"), ("18075.00", "18557.00"));
    assert_eq!(fund("tertiary, inpatient: medium"), ("16660.00", "16520.00"));
    for bill in bills {
        for side in ["before", "after"] {
            let sum: i64 = bill["paid"].as_array().unwrap().iter().map(|paid| fen(&paid[side])).sum();
            assert_eq!(sum, fen(&bill["total"]), "{side} of {bill:#}");
        }
    }
    let sums = plan["sums"].as_array().unwrap();
    assert_eq!(sums.iter().map(|sum| fen(&sum["difference"])).sum::<i64>(), 0);
    let of_bills: i64 =
        bills.iter().flat_map(|bill| bill["paid"].as_array().unwrap()).map(|paid| fen(&paid["after"])).sum();
    assert_eq!(sums.iter().map(|sum| fen(&sum["after"])).sum::<i64>(), of_bills);

    let text = stdout(&arguments);
    for part in ["CNY 1000.00", "gate.age", "18075.00 → 18557.00"] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}

#[test]
fn diff_takes_versions_files_and_folders() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = two_folders(dir.path());
    let [was, is] = [&old, &new].map(|folder| format!("{folder}/{RESIDENT}"));
    let by_file = stdout(&["pack", "diff", &was, &is]);
    assert_eq!(
        by_file,
        stdout(&["pack", "diff", "hangzhou/resident-basic", "--packs", &old, "--against", &new])
    );
    assert!(by_file.contains("1000.00 元"), "{by_file}");

    // The next year's version in one folder: the same bills meet both, though no day has both.
    let next = std::fs::read_to_string(&is).unwrap();
    let next = next.replace("version = \"2021\"", "version = \"2027\"").replace(
        "from = \"2021-01-01\", until = \"2027-01-01\"",
        "from = \"2027-01-01\", until = \"2028-01-01\"",
    );
    std::fs::write(format!("{old}/hangzhou/resident-basic/2027.toml"), next).unwrap();
    let pair = ["hangzhou/resident-basic@2021", "hangzhou/resident-basic@2027"];
    let by_version = stdout(&["pack", "diff", pair[0], pair[1], "--packs", &old, "--lang", "en"]);
    for part in ["from 2027-01-01, before 2028-01-01", "18075.00 → 18557.00", "CNY 1000.00"] {
        assert!(by_version.contains(part), "`{part}` is not in\n{by_version}");
    }
    assert!(stdout(&["pack", "diff", "--packs", &old, "--against", &old]).contains("没有差异"));
    let gone = stdout(&["pack", "diff", "--packs", &old, "--against", &new, "--lang", "en"]);
    assert!(gone.contains("hangzhou/resident-basic 2027"), "{gone}");
}

#[test]
fn diff_refuses_what_cannot_be_compared() {
    let resident = "hangzhou/resident-basic";
    refused(&["pack", "diff", resident], 2, "--against");
    refused(&["pack", "diff", resident, "hangzhou/employee-basic", "--lang", "en"], 2, "are two plans");
    refused(&["pack", "diff", resident, "hangzhou/resident-basic@1"], 2, "2021 [2021-01-01, 2027-01-01)");
    refused(&["pack", "diff", resident, "no/such/file.toml"], 2, "no/such/file.toml");
    refused(&["pack", "diff", resident, "--against", "no-such-folder"], 2, "no-such-folder");
}
