//! `bedside pack explain`: one plan as tables that a claims examiner can read.

use bedside_claim::{Date, Lang};
use bedside_policy::sheet::{BandLine, Cited, Number, Part, Sheet};
use clap::{Args, ValueEnum};

use super::chosen::{self, Pick};
use super::page::{self, Block};
use super::sheet_json;
use super::tables::of;
use crate::failure::Failure;
use crate::format::{LangArgument, PacksArgument, print};

/// More conditions than this do not fit beside each other; the table then has a row for each.
const COLUMNS_MAX: usize = 5;

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExplainFormat {
    /// For people, in a terminal.
    Text,
    /// For documents.
    Markdown,
    /// For scripts.
    Json,
}

/// What `pack explain` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Every number stands with its unit, its article, its source and the grade of that source. Without --version or --on the last version is shown. Exit codes: 2 no such plan or version, or a defective pack; 3 no version is valid on that day.\n\nExamples:\n  bedside pack explain hangzhou/resident-basic\n  bedside pack explain shanghai/huhuibao --on 2025-06-01 --lang en\n  bedside pack explain cpic/group-medical --version 2022 --format markdown > plan.md"
)]
pub(crate) struct ExplainArguments {
    /// The plan, `authority/product`.
    #[arg(value_name = "AUTHORITY/PRODUCT")]
    id: String,
    /// The version of this name.
    #[arg(long = "version", value_name = "VERSION", conflicts_with = "on")]
    named: Option<String>,
    /// The version that is valid on this day, yyyy-mm-dd.
    #[arg(long, value_name = "DATE")]
    on: Option<Date>,
    /// Print for people, for a document or for scripts.
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    format: ExplainFormat,
    /// The language.
    #[arg(long, value_enum, default_value_t = LangArgument::Zh)]
    lang: LangArgument,
    #[command(flatten)]
    packs: PacksArgument,
}

pub(crate) fn run(arguments: &ExplainArguments) -> Result<(), Failure> {
    let library = arguments.packs.library()?;
    let pick = match (&arguments.named, arguments.on) {
        (Some(name), _) => Pick::Version(name),
        (None, Some(day)) => Pick::On(day),
        (None, None) => Pick::Last,
    };
    let lang = Lang::from(arguments.lang);
    let plan = chosen::plan(&library, &arguments.id, pick, lang)?;
    let sheet = Sheet::of(plan, library.programmes(), lang);
    print(&match arguments.format {
        ExplainFormat::Text => page::text(&blocks(&sheet, lang)),
        ExplainFormat::Markdown => page::markdown(&blocks(&sheet, lang)),
        ExplainFormat::Json => format!("{:#}\n", sheet_json::document(&sheet)),
    })
}

fn blocks(sheet: &Sheet, lang: Lang) -> Vec<Block> {
    let Sheet { id, version, title, head, sources, benefits, lists, parameters } = sheet;
    let mut blocks = vec![Block::Title(format!("{title}   {id} {version}"))];
    part(&mut blocks, head, lang);
    let rows = sources.iter().enumerate().map(|(place, source)| {
        vec![format!("[{}]", place + 1), source.grade.name().to_owned(), source.title.clone()]
    });
    blocks.push(Block::Table {
        caption: of(lang, "来源", "Sources").to_owned(),
        head: heads(lang, &[("编号", "no."), ("等级", "grade"), ("文件", "document")]),
        rows: rows.collect(),
    });
    for (place, benefit) in benefits.iter().enumerate() {
        let (number, count) = (place + 1, benefits.len());
        blocks.push(Block::Heading(match lang {
            Lang::Zh => format!("责任 {number}/{count}：{}（{}）", benefit.title, benefit.id),
            Lang::En => format!("Benefit {number} of {count}: {} ({})", benefit.title, benefit.id),
        }));
        part(&mut blocks, benefit, lang);
    }
    for list in lists {
        let Cited { article, source, .. } = &list.cited;
        let items = list
            .items
            .iter()
            .map(|item| vec![item.code.clone(), item.from.to_string(), item.until.to_string()]);
        blocks.push(Block::Heading(format!("{} `{}`", of(lang, "清单", "List"), list.name)));
        blocks.push(Block::Note(format!("{article} [{source}]")));
        blocks.push(Block::Table {
            caption: format!(
                "{}{}",
                of(lang, "以此日在清单内为准：", "an item must be on it on "),
                list.date
            ),
            head: heads(lang, &[("项目编码", "item"), ("自", "from"), ("至（不含）", "until, not included")]),
            rows: items.collect(),
        });
    }
    blocks.push(Block::Heading(of(lang, "全部参数", "Every parameter").to_owned()));
    blocks.push(numbers(of(lang, "规则包中的名称", "by name in the pack"), parameters, lang));
    blocks
}

fn heads(lang: Lang, words: &[(&str, &str)]) -> Vec<String> {
    words.iter().map(|(zh, en)| of(lang, zh, en).to_owned()).collect()
}

fn part(blocks: &mut Vec<Block>, part: &Part, lang: Lang) {
    let Part { id: _, title: _, facts, numbers: of_part, bands: lines } = part;
    blocks.push(Block::Facts(facts.iter().map(|fact| (fact.label.clone(), fact.text.clone())).collect()));
    if !of_part.is_empty() {
        blocks.push(numbers(
            of(lang, "数值（自上而下，取第一个符合的条件）", "Numbers (the first row that fits decides)"),
            of_part,
            lang,
        ));
    }
    if !lines.is_empty() {
        blocks.push(bands(lines, lang));
    }
}

/// Numbers, a row for each condition; what is the same as above is left blank.
fn numbers(caption: &str, numbers: &[Number], lang: Lang) -> Block {
    let mut rows = Vec::new();
    for Number { key: _, label, rows: values, cited } in numbers {
        for (place, value) in values.iter().enumerate() {
            let first = |text: String| if place == 0 { text } else { String::new() };
            rows.push(vec![
                first(label.clone()),
                value.conditions.clone(),
                value.value.clone(),
                first(cited.article.clone()),
                first(source(cited)),
            ]);
        }
    }
    Block::Table {
        caption: caption.to_owned(),
        head: heads(
            lang,
            &[("项目", "what"), ("条件", "when"), ("数值", "value"), ("条款", "article"), ("来源", "source")],
        ),
        rows,
    }
}

/// The number of the source and its grade.
fn source(cited: &Cited) -> String {
    format!("[{}] {}", cited.source, cited.grade.name())
}

/// Bands: a row for each band and a column for each condition, where all bands ask the same and it fits.
fn bands(lines: &[BandLine], lang: Lang) -> Block {
    let conditions =
        |line: &BandLine| line.rate.rows.iter().map(|row| row.conditions.clone()).collect::<Vec<_>>();
    let columns = lines.first().map(conditions).unwrap_or_default();
    let is_grid = columns.len() <= COLUMNS_MAX && lines.iter().all(|line| conditions(line) == columns);
    let edge = |line: &BandLine| match &line.edge {
        None => String::new(),
        Some(cited) => format!("{}{} {}", of(lang, "；界限：", "; edge: "), cited.article, source(cited)),
    };
    let cited =
        |line: &BandLine| format!("{} {}{}", line.rate.cited.article, source(&line.rate.cited), edge(line));
    let caption = of(lang, "分段支付比例", "Bands").to_owned();
    let mut head = heads(lang, &[("段", "band")]);
    let mut rows = Vec::new();
    if is_grid {
        // One condition under the other, or the columns grow too wide.
        head.extend(columns.iter().map(|text| text.replace(of(lang, "；", "; "), "\n")));
        for line in lines {
            let mut row = vec![line.edges.clone()];
            row.extend(line.rate.rows.iter().map(|value| value.value.clone()));
            row.push(cited(line));
            rows.push(row);
        }
    } else {
        head.extend(heads(lang, &[("条件", "when"), ("比例", "rate")]));
        for line in lines {
            for (place, value) in line.rate.rows.iter().enumerate() {
                let first = |text: String| if place == 0 { text } else { String::new() };
                let (conditions, value) = (value.conditions.clone(), value.value.clone());
                rows.push(vec![first(line.edges.clone()), conditions, value, first(cited(line))]);
            }
        }
    }
    head.push(of(lang, "依据", "cited").to_owned());
    Block::Table { caption, head, rows }
}
