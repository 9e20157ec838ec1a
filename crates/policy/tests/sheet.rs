//! A plan's sheet leaves nothing out: a pack that states every word of the language, and every built-in pack as written.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use bedside_claim::Lang;
use bedside_policy::sheet::{Cited, Number, Part, Sheet};
use bedside_policy::{Library, Plan};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All that a sheet says, one thing a line.
fn said(sheet: &Sheet) -> String {
    let mut lines = vec![sheet.id.clone(), sheet.version.clone(), sheet.title.clone()];
    let cited = |cited: &Cited| {
        let source = &sheet.sources[cited.source - 1];
        assert_eq!(source.grade, cited.grade, "{cited:?}");
        format!("{} {} {} {}", cited.parameter, cited.article, source.title, cited.grade.name())
    };
    let number = |number: &Number| {
        let rows = number.rows.iter().map(|row| format!("{} -> {}", row.conditions, row.value));
        format!("{} {} {}", number.label, rows.collect::<Vec<_>>().join("\n"), cited(&number.cited))
    };
    let mut part = |part: &Part| {
        lines.push(format!("{} {}", part.id, part.title));
        lines.extend(part.facts.iter().map(|fact| format!("{} {}", fact.label, fact.text)));
        lines.extend(part.numbers.iter().map(number));
        for band in &part.bands {
            lines.push(format!("{} {}", band.edges, number(&band.rate)));
            lines.extend(band.edge.iter().map(cited));
        }
    };
    part(&sheet.head);
    sheet.benefits.iter().for_each(&mut part);
    for list in &sheet.lists {
        lines.push(format!("{} {} {}", list.name, list.date, cited(&list.cited)));
        lines.extend(list.items.iter().map(|item| format!("{} {} {}", item.code, item.from, item.until)));
    }
    lines.extend(sheet.sources.iter().map(|source| source.title.clone()));
    lines.join("\n")
}

fn whole() -> Library {
    Library::load(&root().join("fixtures/packs/whole-language")).unwrap()
}

fn plan<'a>(library: &'a Library, id: &str) -> &'a Plan {
    library.versions_of(id).last().unwrap()
}

/// What the pack of every word says, and each language's sheet must too.
const WORDS: [&str; 107] = [
    "demo-city/whole",
    "PAYER-CODE",
    "2021-01-01",
    "2027-01-01",
    "310",
    "390",
    "demo-city/resident",
    "factor_on_schedule",
    "cap_on_schedule",
    "产品说明书（演示）",
    "附件（演示）",
    "article-tail",
    "article-waiting",
    "article-opening",
    "article-item",
    "article-once",
    "article-falls",
    "article-floor",
    "article-minimum",
    "article-maximum",
    "article-edge",
    "article-low",
    "article-replacing",
    "article-factor",
    "article-cap",
    "article-ceiling",
    "article-paid-limit",
    "基准起付线",
    "基准文件（演示）",
    "article-day",
    "article-waiting-stay",
    "article-stay",
    "article-period",
    "article-sum",
    "article-share",
    "article-window",
    "article-standard",
    "article-list",
    "31 ",
    "32 ",
    "33 ",
    "34 ",
    "35 ",
    "36 ",
    "3 ",
    "2001.00",
    "2002.00",
    "2003.00",
    "2004.00",
    "2005.00",
    "2006.00",
    "30007.00",
    "51 %",
    "52 %",
    "93 %",
    "2008.00",
    "1111.00",
    "2009.00",
    "2010.00",
    "54 %",
    "`plan-x`",
    "12 ",
    "D01",
    "H00000000001",
    "C50",
    "Z51",
    "61",
    "71",
    "17",
    "19",
    "8 ",
    "9 ",
    "E11",
    "2 ",
    "50001.00",
    "60002.00",
    "2025-02-03",
    "2026-04-05",
    "3024.00",
    "XLISTED0001",
    "2025-01-02",
    "2026-01-03",
    "`both`",
    "clause-first",
    "clause-second",
    "clause-third",
    "clause-allowance",
    "clause-lump",
    "cap-account",
    "one-drug",
    "`tag-a`",
    "`tag-b`",
    "`drugs`",
    "opening-account",
    "`tag-c`",
    "`tag-d`",
    "`first`",
    "per-operation",
    "`tag-e`",
    "`tag-f`",
    "once-only",
    "deductible-account",
    "disability-account",
    "06 ",
    "08 ",
    "3025.00",
    "jump-article",
];

/// What words of the pack become, in Chinese and in English.
const TRANSLATED: [(&str, &str); 35] = [
    ("演示保险公司", "demo insurer"),
    ("入院（就诊）日", "the day of admission"),
    ("保险期间首日（按投保时的版本）", "the first day of the policy period"),
    ("门诊慢特病", "special outpatient"),
    ("无等级", "ungraded"),
    ("转诊备案", "elsewhere, referred"),
    ("异地未备案", "elsewhere, unfiled"),
    ("经基本医保结算：否", "settled by basic insurance: no"),
    ("女", "female"),
    ("就诊原因：意外伤害", "cause: accident"),
    ("排除原因：工伤", "not for the causes: work injury"),
    (
        "本期保险首日前 2 年内有登记",
        "an entry of a code that begins with E11 in the 2 years before the first day of this policy period",
    ),
    ("连续未理赔：满 3 年", "years without a claim: at least 3"),
    ("第 4 次及以后", "number of the visit: 4 and later"),
    ("失能（伤残）等级：5", "grade of disability: 5"),
    ("费用发生日", "the day of the expense"),
    ("按发生额，不扣除已支付部分", "as charged, whatever was paid before"),
    ("每保险期间累计", "summed up in a policy period"),
    ("按计入费用总额（含起付标准）", "over the whole base, the deductible included"),
    ("取代各段比例", "ratio instead of every band's"),
    ("乘在各段之和上", "multiplies what the bands give"),
    ("家庭共用", "the family together"),
    ("每年度", "in a calendar year"),
    ("各方支付合计不超过", "all payers together at most"),
    ("每个项目", "each item"),
    ("每次手术", "each operation"),
    ("住院、普通门诊", "inpatient stay, outpatient"),
    ("须保险人事先审核同意", "the insurer must have approved it in advance"),
    ("意外伤害除外", "not for accident"),
    ("自费、超限价、先行自付", "own expense (自费), over limit (超限价), first-pay (先行自付)"),
    ("以及之前商业保险对同一明细的赔付", "what earlier commercial layers paid of the same lines"),
    ("终身一次，扣满为止", "once in a lifetime, until it is charged in full"),
    ("重症监护日", "days in intensive care"),
    ("评定伤残", "an assessed disability"),
    ("家庭共济账户", "accounts of relatives"),
];

#[test]
fn a_sheet_says_every_word_of_the_language() {
    let library = whole();
    let plan = plan(&library, "demo-city/whole");
    let [zh, en] = [Lang::Zh, Lang::En].map(|lang| said(&Sheet::of(plan, library.programmes(), lang)));
    for word in WORDS {
        assert!(zh.contains(word), "`{word}` is not in\n{zh}");
        assert!(en.contains(word), "`{word}` is not in\n{en}");
    }
    for row in 3001..=3024 {
        assert!(zh.contains(&format!("-> {row}.00 元")) && en.contains(&format!("-> CNY {row}.00")), "{row}");
    }
    for (in_zh, in_en) in TRANSLATED {
        assert!(zh.contains(in_zh), "`{in_zh}` is not in\n{zh}");
        assert!(en.contains(in_en), "`{in_en}` is not in\n{en}");
    }
}

/// Every key of the pack files stands in the pack of every word, so that a new key cannot pass the test above by absence.
#[test]
fn the_pack_of_every_word_has_every_key() {
    let shapes = std::fs::read_to_string(root().join("crates/policy/src/pack_file.rs")).unwrap();
    let folder = root().join("fixtures/packs/whole-language/demo-city");
    let text: String = [
        "whole/demo.toml",
        "base/demo.toml",
        "programmes/resident.toml",
        "catalogue/demo.toml",
        "catalogue/demo.csv",
    ]
    .iter()
    .map(|file| std::fs::read_to_string(folder.join(file)).unwrap())
    .collect();
    let text = format!("{text}\nplan = ");
    let keys = keys(&shapes);
    assert!(keys.len() > 90, "{keys:?}");
    for key in keys {
        let found = text.match_indices(&key).any(|(place, _)| {
            let before = text[..place].chars().next_back().unwrap_or(' ');
            let after = text[place + key.len()..].chars().next().unwrap_or(' ');
            !before.is_alphanumeric() && before != '_' && !after.is_alphanumeric() && after != '_'
        });
        assert!(found, "`{key}` does not stand in the pack of every word");
    }
}

/// The names of all fields of the shapes: lines `name: Type,`, public or inside the macro.
fn keys(shapes: &str) -> Vec<String> {
    let field = |line: &str| {
        let (name, kind) = line.trim().trim_start_matches("pub ").split_once(": ")?;
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
        (is_name && kind.ends_with(',') && !kind.starts_with("it.")).then(|| name.to_owned())
    };
    let mut keys: Vec<String> = shapes.lines().filter_map(field).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// Every quoted text of a built-in pack that is a number, an article, a code or a name stands on its sheet.
#[test]
fn a_sheet_holds_every_number_and_article_of_a_built_in_pack() {
    let library = Library::builtin().unwrap();
    let mut articles = 0;
    for plan in library.plans() {
        let card = &plan.card;
        let sheet = Sheet::of(plan, library.programmes(), Lang::Zh);
        let text = said(&sheet)
            + &sheet
                .parameters
                .iter()
                .map(|number| {
                    format!(
                        "{}\n",
                        number.rows.iter().map(|row| format!("-> {}\n", row.value)).collect::<String>()
                            + &number.cited.article
                    )
                })
                .collect::<String>();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs").join(&*card.id);
        let mut pack = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        let pack = pack.find(|text| text.contains(&format!("version = \"{}\"", card.version))).unwrap();
        for line in pack.lines().filter(|line| !line.starts_with('#')) {
            for (key, value) in quoted(line) {
                let shown = match key {
                    "article" | "title" | "clause" => {
                        articles += 1;
                        value.to_owned()
                    }
                    "value" => match value.parse::<u64>() {
                        Ok(whole) if whole > 1 => format!("{whole}"),
                        _ => continue,
                    },
                    _ => continue,
                };
                assert!(text.contains(&shown), "{}: `{shown}` is not in\n{text}", card.id);
            }
        }
    }
    assert!(articles > 150, "{articles}");
}

/// The pairs `key = "value"` of a line.
fn quoted(line: &str) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    for (place, _) in line.match_indices(" = \"") {
        let key = line[..place].rsplit([' ', '{', ',']).next().unwrap_or("");
        let rest = &line[place + 4..];
        if let Some(end) = rest.find('"') {
            pairs.push((key, &rest[..end]));
        }
    }
    pairs
}
