//! `bedside pack list`: which plans there are, and which programmes and catalogues use them.

use std::fmt::Write as _;

use bedside_claim::{Date, Lang, PackCard};
use bedside_policy::{Catalogue, Library, Place, Plan, ProgrammeRule, PublicSource};
use clap::Args;
use serde_json::{Value, json};

use super::tables::of;
use crate::failure::Failure;
use crate::format::table;
use crate::format::{LangArgument, OutputFormat, PacksArgument, print};

/// What `pack list` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Dates are from the first day to the first day after. Exit code 2: a pack is defective, or a date is none.\n\nExamples:\n  bedside pack list\n  bedside pack list --on 2026-03-01 --lang en\n  bedside pack list --packs ./packs --format json"
)]
pub(crate) struct ListArguments {
    /// Only what is valid on this day, yyyy-mm-dd.
    #[arg(long, value_name = "DATE")]
    on: Option<Date>,
    /// Print for people or for scripts.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// The language of names and heads.
    #[arg(long, value_enum, default_value_t = LangArgument::Zh)]
    lang: LangArgument,
    #[command(flatten)]
    packs: PacksArgument,
}

/// What is listed.
struct Listed<'a> {
    plans: Vec<&'a Plan>,
    programmes: Vec<&'a ProgrammeRule>,
    catalogues: Vec<&'a Catalogue>,
}

pub(crate) fn run(arguments: &ListArguments) -> Result<(), Failure> {
    let library = arguments.packs.library()?;
    let listed = listed(&library, arguments.on);
    match arguments.format {
        OutputFormat::Text => print(&text(&listed, arguments.lang.into())),
        OutputFormat::Json => print(&format!("{:#}\n", document(&listed))),
    }
}

fn listed(library: &Library, on: Option<Date>) -> Listed<'_> {
    let valid = |from: Date, until: Date| on.is_none_or(|day| from <= day && day < until);
    let is_valid = |card: &PackCard| valid(card.from, card.until);
    Listed {
        plans: library.plans().map(AsRef::as_ref).filter(|plan: &&Plan| is_valid(&plan.card)).collect(),
        programmes: library.programmes().iter().filter(|rule| valid(rule.from, rule.until)).collect(),
        catalogues: library
            .catalogues()
            .map(AsRef::as_ref)
            .filter(|catalogue: &&Catalogue| is_valid(&catalogue.card))
            .collect(),
    }
}

fn span(from: Date, until: Date) -> String {
    format!("[{from}, {until})")
}

fn status(card: &PackCard, lang: Lang) -> &'static str {
    of(lang, card.status.name_zh(), card.status.name())
}

fn text(listed: &Listed<'_>, lang: Lang) -> String {
    let word = |zh, en| of(lang, zh, en);
    let (version, dates) = (word("版本", "version"), word("有效期", "valid"));
    let (state, grade, name) = (word("状态", "status"), word("证据等级", "grade"), word("名称", "name"));
    let mut plans =
        table([word("方案", "plan"), version, dates, state, grade, name, word("付款方", "payer")], &[]);
    for plan in &listed.plans {
        let card = &plan.card;
        plans.add_row([
            &*card.id,
            &card.version,
            &span(card.from, card.until),
            status(card, lang),
            card.grade.name(),
            of(lang, &card.name_zh, &card.name_en),
            of(lang, &plan.payer.name_zh, &plan.payer.name_en),
        ]);
    }
    let head = [
        word("结算方案", "programme"),
        word("险种", "insutype"),
        word("参保地", "area"),
        dates,
        word("公共层", "public layers"),
        word("目录", "catalogue"),
        word("支付顺序", "layers, in the order in which they pay"),
    ];
    let mut programmes = table(head, &[]);
    for rule in &listed.programmes {
        let layers: Vec<String> = rule.places.iter().enumerate().map(|place| layer(place, lang)).collect();
        let public = match rule.public_source {
            PublicSource::Computed => word("按规则包计算", "computed"),
            PublicSource::Adopted => word("采用国家平台结果", "adopted"),
        };
        programmes.add_row([
            &*rule.id,
            &rule.insutype,
            &rule.area,
            &span(rule.from, rule.until),
            public,
            &rule.catalogue,
            &layers.join("\n"),
        ]);
    }
    let mut catalogues =
        table([word("目录", "catalogue"), version, dates, state, grade, word("项目数", "items"), name], &[5]);
    for catalogue in &listed.catalogues {
        let card = &catalogue.card;
        catalogues.add_row([
            &*card.id,
            &card.version,
            &span(card.from, card.until),
            status(card, lang),
            card.grade.name(),
            &catalogue.items().count().to_string(),
            of(lang, &card.name_zh, &card.name_en),
        ]);
    }
    let mut out = String::new();
    for (table, is_empty) in [
        (plans, listed.plans.is_empty()),
        (programmes, listed.programmes.is_empty()),
        (catalogues, listed.catalogues.is_empty()),
    ] {
        if !is_empty {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{table}");
        }
    }
    if out.is_empty() {
        out = word("当日没有有效的规则包\n", "no pack is valid on that day\n").to_owned();
    }
    out
}

fn layer((index, place): (usize, &Place), lang: Lang) -> String {
    let number = index + 1;
    match place {
        Place::Plan(pack) => format!("{number:>2} {pack}"),
        Place::Policy(pack) => format!("{number:>2} {pack} {}", of(lang, "（有保单者）", "(with a policy)")),
    }
}

fn document(listed: &Listed<'_>) -> Value {
    let card = |card: &PackCard| {
        json!({
            "id": *card.id,
            "version": *card.version,
            "name": { "zh": *card.name_zh, "en": *card.name_en },
            "from": card.from.to_string(),
            "until": card.until.to_string(),
            "status": card.status.name(),
            "grade": card.grade.name(),
        })
    };
    let plans = listed.plans.iter().map(|plan| {
        let mut entry = card(&plan.card);
        entry["payer"] = json!({
            "kind": plan.payer.kind.name(),
            "code": *plan.payer.code,
            "zh": *plan.payer.name_zh,
            "en": *plan.payer.name_en,
        });
        entry["benefits"] = plan.benefits.iter().map(|benefit| json!(*benefit.card.id)).collect();
        entry
    });
    let programmes = listed.programmes.iter().map(|rule| {
        let layers = rule.places.iter().map(|place| match place {
            Place::Plan(pack) => json!({ "plan": **pack }),
            Place::Policy(pack) => json!({ "policy": **pack }),
        });
        json!({
            "id": *rule.id,
            "insutype": *rule.insutype,
            "area": *rule.area,
            "from": rule.from.to_string(),
            "until": rule.until.to_string(),
            "public_layers": match rule.public_source {
                PublicSource::Computed => "computed",
                PublicSource::Adopted => "adopted",
            },
            "catalogue": *rule.catalogue,
            "layers": layers.collect::<Vec<_>>(),
        })
    });
    let catalogues = listed.catalogues.iter().map(|catalogue| {
        let mut entry = card(&catalogue.card);
        entry["items"] = json!(catalogue.items().count());
        entry
    });
    json!({
        "plans": plans.collect::<Vec<_>>(),
        "programmes": programmes.collect::<Vec<_>>(),
        "catalogues": catalogues.collect::<Vec<_>>(),
    })
}
