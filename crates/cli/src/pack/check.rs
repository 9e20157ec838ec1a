//! `bedside pack check`: everything that is wrong with packs, before they go live.
//!
//! First what the loader refuses, all of it; then, of packs that load, what the readers of `bedside-analysis` find, and
//! the smallest bills that break what every plan promises. Nothing is decided here but what is printed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use bedside_analysis::{Broken, CounterExample, Effort, Finding, Severity, of_library, of_plan, search};
use bedside_claim::Lang;
use bedside_gateway::request::Envelope;
use bedside_gateway::{case_file_json, written};
use bedside_policy::{JumpOf, Library, PackError, Plan};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use super::tables::of;
use crate::failure::Failure;
use crate::format::{LangArgument, OutputFormat, PacksArgument, print};

/// What `pack check` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Every finding has a code; docs/pack-check.md says what each means. Exit code 0: nothing but warnings found. 2: a pack is defective.\n\nExamples:\n  bedside pack check\n  bedside pack check hangzhou/resident-basic --cases 20000 --lang en\n  bedside pack check --packs ./packs --deny warnings --counter-example case.json\n  bedside settle --packs ./packs case.json"
)]
pub(crate) struct CheckArguments {
    /// Only these plans, `authority/product` [default: all].
    #[arg(value_name = "ID")]
    plans: Vec<String>,
    /// Bills to draw for each plan, beside those at every edge.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    cases: u64,
    /// Where the drawing begins: the same seed draws the same bills.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What to refuse beside errors.
    #[arg(long, value_enum)]
    deny: Option<Denied>,
    /// Where the smallest bill that breaks a promise goes, as a case file of `bedside settle`.
    #[arg(long, value_name = "FILE")]
    counter_example: Option<PathBuf>,
    /// Print for people or for scripts.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// The language of the report.
    #[arg(long, value_enum, default_value_t = LangArgument::Zh)]
    lang: LangArgument,
    #[command(flatten)]
    packs: PacksArgument,
}

/// What can be refused beside errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Denied {
    /// Warnings too.
    Warnings,
}

/// One thing found, in the words of the report.
struct Told {
    severity: Severity,
    code: &'static str,
    /// The file, or the pack or programme.
    of: String,
    /// Where in it; empty: the whole, or said in the text.
    place: String,
    text: String,
    /// The case file that shows it.
    case: Option<String>,
    /// Why the case file cannot be settled as it is.
    note: Option<String>,
}

/// What was looked at.
#[derive(Default)]
struct Looked {
    files: usize,
    plans: usize,
    bills: u64,
}

pub(crate) fn run(arguments: &CheckArguments) -> Result<(), Failure> {
    let lang = Lang::from(arguments.lang);
    let files = arguments.packs.files()?;
    let (library, errors) = Library::read(&files);
    let mut looked = Looked { files: files.len(), ..Looked::default() };
    let mut told: Vec<Told> = errors.iter().map(told_error).collect();
    if told.is_empty() {
        if files.is_empty() {
            return Err(Failure::wrong_input(of(lang, "没有找到规则包文件", "there is no pack file")));
        }
        told = examine(arguments, &library, lang, &mut looked)?;
    }
    if let Some(path) = &arguments.counter_example
        && let Some(case) = told.iter().find_map(|told| told.case.as_ref())
    {
        std::fs::write(path, case)
            .map_err(|error| Failure::wrong_input(format!("cannot write `{}`: {error}", path.display())))?;
    }
    let count = |severity| told.iter().filter(|told| told.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match arguments.format {
        OutputFormat::Text => print(&text(&told, &looked, arguments, lang))?,
        OutputFormat::Json => print(&format!("{:#}\n", document(&told, &looked)))?,
    }
    if errors > 0 || (warnings > 0 && arguments.deny.is_some()) {
        let (zh, en) = (
            format!("规则包检查未通过：错误 {errors} 处，警告 {warnings} 处"),
            format!("the packs do not pass: errors {errors}, warnings {warnings}"),
        );
        return Err(Failure::wrong_input(of(lang, &zh, &en)));
    }
    Ok(())
}

fn told_error(error: &PackError) -> Told {
    Told {
        severity: Severity::Error,
        code: "file",
        of: error.file.clone(),
        place: String::new(),
        text: error.problem.to_string(),
        case: None,
        note: None,
    }
}

/// What the readers and the search find in packs that load.
fn examine(
    arguments: &CheckArguments,
    library: &Library,
    lang: Lang,
    looked: &mut Looked,
) -> Result<Vec<Told>, Failure> {
    let is_asked = |id: &str| arguments.plans.is_empty() || arguments.plans.iter().any(|plan| plan == id);
    if let Some(unknown) = arguments.plans.iter().find(|id| library.versions_of(id).is_empty()) {
        let (zh, en) = (format!("没有规则包 `{unknown}`"), format!("there is no pack `{unknown}`"));
        return Err(Failure::wrong_input(of(lang, &zh, &en)));
    }
    let mut told: Vec<Told> =
        of_library(library, &is_asked).iter().map(|finding| told_finding(finding, lang)).collect();
    let plans: Vec<&Arc<Plan>> = library.plans().filter(|plan| is_asked(&plan.card.id)).collect();
    let bar = progress(arguments.cases * plans.len() as u64);
    for plan in &plans {
        told.extend(of_plan(library, plan).iter().map(|finding| told_finding(finding, lang)));
        let effort = Effort { cases: arguments.cases, seed: arguments.seed };
        let Some(searched) = search(library, plan, effort, &|_| bar.inc(1)) else { continue };
        looked.bills += searched.tried;
        let id = format!("{} {}", plan.card.id, plan.card.version);
        for (benefit, jump) in &searched.unmet {
            told.push(told_unmet(&id, benefit, jump.of, lang));
        }
        for example in &searched.broken {
            told.push(told_broken(&id, plan, example, searched.is_lone, lang));
        }
    }
    bar.finish_and_clear();
    looked.plans = plans.len();
    told.sort_by(|a, b| (a.severity, &a.of).cmp(&(b.severity, &b.of)));
    Ok(told)
}

fn progress(cases: u64) -> ProgressBar {
    let bar = ProgressBar::new(cases);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    // The template is constant; a broken one would only cost the bar its looks.
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} bills, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn told_finding(finding: &Finding, lang: Lang) -> Told {
    Told {
        severity: finding.problem.severity(),
        code: finding.problem.code(),
        of: finding.of.clone(),
        place: finding.place.clone(),
        text: finding.problem.text(lang),
        case: None,
        note: None,
    }
}

fn told_unmet(id: &str, benefit: &str, jump: JumpOf, lang: Lang) -> Told {
    let (zh, en) = match jump {
        JumpOf::Bill(at) => (format!("费用总额 {at} 处"), format!("behind a bill of {at}")),
        JumpOf::Base(at) => (format!("计入费用 {at} 处"), format!("behind a base of {at}")),
        JumpOf::Opening => ("开启处".to_owned(), "where it opens".to_owned()),
    };
    let (zh, en) = (
        format!("声明了赔付在{zh}跳变（jumps），但各种情形下都没有跳变"),
        format!("a jump {en} is declared, and there is none in any circumstances"),
    );
    Told {
        severity: Severity::Error,
        code: "jump.not_there",
        of: id.to_owned(),
        place: format!("benefit.{benefit}.jumps"),
        text: of(lang, &zh, &en).to_owned(),
        case: None,
        note: None,
    }
}

fn told_broken(id: &str, plan: &Plan, example: &CounterExample, is_lone: bool, lang: Lang) -> Told {
    let (place, zh, en) = sentence(&example.broken);
    let facts = example.trial.facts.text(lang);
    let text = match lang {
        Lang::Zh => format!("{zh}（{facts}）"),
        Lang::En => format!("{en} ({facts})"),
    };
    let note = is_lone.then(|| lone_note(plan, lang));
    Told {
        severity: Severity::Error,
        code: example.broken.code(),
        of: id.to_owned(),
        place,
        text,
        case: case_file(example),
        note,
    }
}

/// What a broken promise says.
fn sentence(broken: &Broken) -> (String, String, String) {
    match broken {
        Broken::NoValue { parameter } => (
            format!("parameter.{parameter}"),
            "没有适用的行，该费用无法结算".to_owned(),
            "no row fits: this bill cannot be settled".to_owned(),
        ),
        Broken::PaysMore { benefit, pays, base, selected } => (
            format!("benefit.{benefit}"),
            format!("赔付 {pays}，超出 0 至计入费用 {base}（所选费用 {selected}）"),
            format!("pays {pays}, outside 0 to its base {base} (of {selected} selected)"),
        ),
        Broken::NotConserved { what, shares, amount } => (
            String::new(),
            format!("{what}：各方份额合计 {shares}，应为 {amount}"),
            format!("{what}: the shares sum to {shares}, not to {amount}"),
        ),
        Broken::Falls { growth, before, after } => (
            String::new(),
            format!("费用增加 {growth}，到本计划为止的赔付反而从 {before} 降到 {after}"),
            format!(
                "where the bill grows by {growth}, what is paid up to this plan falls from {before} to {after}"
            ),
        ),
        Broken::Jumps { benefit, at, before, after } => (
            format!("benefit.{benefit}"),
            format!("费用从 {at} 增加 0.01，赔付从 {before} 变为 {after}，而没有声明跳变（jumps）"),
            format!(
                "a bill of {at} that grows by 0.01 is paid {after} of instead of {before}, and no jump is declared"
            ),
        ),
    }
}

/// A case file needs a programme to be settled in.
fn lone_note(plan: &Plan, lang: Lang) -> String {
    let kind = if plan.payer.kind.is_public() { "plan" } else { "policy" };
    let head = of(
        lang,
        "该计划没有列入任何方案；用 settle 重放前，在规则包目录放一个 lone/programmes/programme.toml（目录取现有的一个）：",
        "no programme places this plan; before settling the case put a lone/programmes/programme.toml into the folder, with one of its catalogues:",
    );
    let insutype = plan.scope.insutype.first().map_or("390", |insutype| insutype);
    let (from, until) = (plan.card.from, plan.card.until);
    format!(
        "{head}\n    valid = {{ from = \"{from}\", until = \"{until}\" }}\n    insutype = \"{insutype}\"\n    area = \"{}\"\n    catalogue = \"…\"\n    layers = [{{ {kind} = \"{}\" }}]",
        bedside_policy::LONE_AREA,
        plan.card.id
    )
}

/// The bills of a counter-example as a case file; each has a message of its own.
fn case_file(example: &CounterExample) -> Option<String> {
    let bills = example.claims.iter().enumerate().map(|(place, claim)| {
        let fixmedins_code = claim.visit.hospital.fixmedins_code.clone();
        written::case(&Envelope { msgid: format!("CHECK-{}", place + 1).into(), fixmedins_code }, claim)
    });
    let mut text = case_file_json(bills.collect::<Option<Vec<_>>>()?);
    text.push('\n');
    Some(text)
}

fn text(told: &[Told], looked: &Looked, arguments: &CheckArguments, lang: Lang) -> String {
    let mut out = String::new();
    let mut by_pack: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
    for one in told {
        by_pack.entry(&one.of).or_default().push(one);
    }
    for (pack, found) in by_pack {
        // Writing to a string never fails.
        let _ = writeln!(out, "{pack}");
        for one in found {
            let severity = match one.severity {
                Severity::Error => of(lang, "错误", "error"),
                Severity::Warning => of(lang, "警告", "warning"),
            };
            let place = if one.place.is_empty() { String::new() } else { format!("`{}`: ", one.place) };
            let mut lines = one.text.lines();
            let first = lines.next().unwrap_or_default();
            let _ = writeln!(out, "  {severity} [{}] {place}{first}", one.code);
            for line in lines {
                let _ = writeln!(out, "    {line}");
            }
            if let (Some(case), None) = (&one.case, &arguments.counter_example) {
                let _ = writeln!(out, "{}", of(lang, "    案例文件：", "    case file:"));
                for line in case.lines() {
                    let _ = writeln!(out, "      {line}");
                }
            }
            if let Some(note) = &one.note {
                let _ = writeln!(out, "    {note}");
            }
        }
        out.push('\n');
    }
    let count = |severity| told.iter().filter(|told| told.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let Looked { files, plans, bills } = looked;
    let (zh, en) = (
        format!(
            "文件 {files} 个，计划 {plans} 个，试算费用 {bills} 单：错误 {errors} 处，警告 {warnings} 处"
        ),
        format!("files {files}, plans {plans}, bills tried {bills}: errors {errors}, warnings {warnings}"),
    );
    let _ = writeln!(out, "{}", of(lang, &zh, &en));
    out
}

fn document(told: &[Told], looked: &Looked) -> Value {
    let findings = told.iter().map(|one| {
        let severity = if one.severity == Severity::Error { "error" } else { "warning" };
        let case = one.case.as_ref().and_then(|case| serde_json::from_str::<Value>(case).ok());
        json!({
            "severity": severity,
            "code": one.code,
            "of": one.of,
            "place": one.place,
            "text": one.text,
            "case": case,
            "note": one.note,
        })
    });
    json!({
        "files": looked.files,
        "plans": looked.plans,
        "bills": looked.bills,
        "findings": findings.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use bedside_claim::Money;

    use super::*;

    #[test]
    fn every_broken_promise_has_its_sentence() {
        let money = Money::from_units;
        let jump = Broken::Jumps {
            benefit: "b".to_owned(),
            at: money(3_000_000),
            before: money(100),
            after: money(200),
        };
        let (place, zh, en) = sentence(&jump);
        assert_eq!(place, "benefit.b");
        assert!(zh.contains("30000.00") && en.contains("30000.00"), "{zh} {en}");
    }
}
