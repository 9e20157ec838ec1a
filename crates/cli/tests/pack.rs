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
