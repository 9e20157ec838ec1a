//! The statement as `bedside settle --format html` prints it, looked at in a real browser.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

mod browser;

use std::path::{Path, PathBuf};
use std::process::Command;

use browser::Page;
use serde_json::{Value, json};

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn fen(text: &str) -> i64 {
    let (yuan, fen) = text.split_once('.').unwrap();
    yuan.parse::<i64>().unwrap() * 100 + fen.parse::<i64>().unwrap()
}

/// The page of a case, with the bills' totals and lines as the case itself has them.
fn page(name: &'static str, case: &Value, lang: &str) -> Page {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("case.json");
    std::fs::write(&file, case.to_string()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_bedside"))
        .args(["settle", file.to_str().unwrap(), "--format", "html", "--lang", lang])
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let bills: Vec<&Value> =
        case["bills"].as_array().map_or_else(|| vec![case], |bills| bills.iter().collect());
    Page {
        name,
        html: String::from_utf8(output.stdout).unwrap(),
        totals: bills.iter().map(|bill| fen(bill["data"]["medfee_sumamt"].as_str().unwrap())).collect(),
        lines: bills.iter().map(|bill| bill["feedetail"].as_array().map_or(0, Vec::len)).collect(),
    }
}

fn case(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(root(path)).unwrap()).unwrap()
}

/// The case with its lines again and again, numbered anew, until there are as many as asked for.
fn with_lines(mut case: Value, count: usize) -> Value {
    let lines = case["feedetail"].as_array().unwrap().clone();
    let mut total = 0;
    let long: Vec<Value> = lines
        .into_iter()
        .cycle()
        .take(count)
        .enumerate()
        .map(|(place, mut line)| {
            line["feedetl_sn"] = json!(format!("{:04}", place + 1));
            total += fen(line["det_item_fee_sumamt"].as_str().unwrap());
            line
        })
        .collect();
    case["feedetail"] = json!(long);
    case["data"]["medfee_sumamt"] = json!(format!("{}.{:02}", total / 100, total % 100));
    case
}

#[test]
fn statements_fit_print_and_add_up_in_a_browser() {
    let cancer = || case("morning/08-cancer-out-of-catalogue.json");
    let _ = browser::check(&[
        page("eight-lines", &with_lines(cancer(), 8), "zh"),
        page("eight-lines-both", &with_lines(cancer(), 8), "both"),
        page("800-lines", &with_lines(cancer(), 800), "zh"),
        page("800-lines-both", &with_lines(cancer(), 800), "both"),
        page("low-income-english", &case("morning/07-low-income.json"), "en"),
        page("adopted", &case("morning/11-adopted-national.json"), "both"),
        page("refund", &case("morning/13-newborn-refund.json"), "zh"),
        page("event", &case("../../fixtures/case-files/anyoufu-diagnosis.json"), "both"),
        page("several-bills", &case("../../fixtures/case-files/hangzhou-repeat-admissions.json"), "both"),
    ]);
}

#[test]
fn a_page_with_a_fault_is_found() {
    let eight = || page("planted", &with_lines(case("morning/08-cancer-out-of-catalogue.json"), 8), "zh");
    if !browser::check(&[eight()]) {
        return;
    }
    let plants = [
        // A digit more for one payer, a fen less on one line.
        (r#"<td class="num amount">"#, r#"<td class="num amount">1"#),
        (r#"class="num sum" data-label="金额">360.00"#, r#"class="num sum" data-label="金额">359.99"#),
        // Wider than a phone, and cut off.
        ("<footer", r#"<div style="width:400px">wide</div><footer"#),
        (
            "<footer",
            r#"<div style="width:9rem;overflow:hidden;white-space:nowrap">a text that is cut off at its end</div><footer"#,
        ),
        // Asked for elsewhere; the page forbids it, and the console says so.
        ("<footer", r#"<img src="http://127.0.0.1:9/x.png" alt=""><footer"#),
        // Not on paper.
        ("@media print{", "@media print{.items tr{display:none}"),
    ];
    for (sound, planted) in plants {
        let mut page = eight();
        assert!(page.html.contains(sound), "`{sound}` is not on the page");
        page.html = page.html.replacen(sound, planted, 1);
        let caught = std::panic::catch_unwind(|| browser::check(&[page]));
        assert!(caught.is_err(), "`{planted}` is not found");
    }
}
