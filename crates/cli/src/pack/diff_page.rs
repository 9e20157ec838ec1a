//! What changed, and what it does to bills, as a page and as JSON.

use bedside_analysis::{BillEffect, Effect, Outcome, Paid, Party, Unsettled};
use bedside_claim::{Lang, Money};
use bedside_gateway::errors::Refusal;
use bedside_policy::comparison::{Became, BenefitDifference, Difference, ParameterDifference};
use serde_json::{Value, json};

use super::diff::{Compared, Found};
use super::page::Block;
use super::tables::of;
use crate::failure::Failure;

/// The whole page.
pub(crate) fn blocks(found: &Found, lang: Lang) -> Result<Vec<Block>, Failure> {
    let Found { compared, added, removed, programmes } = found;
    let mut blocks = Vec::new();
    for compared in compared {
        of_plan(&mut blocks, compared, lang)?;
    }
    let lists = [
        (of(lang, "新增方案版本", "plan versions that are new"), added),
        (of(lang, "取消方案版本", "plan versions that are gone"), removed),
        (of(lang, "结算方案有变化", "programmes that differ"), programmes),
    ];
    let lists: Vec<(String, String)> = lists
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(label, names)| (label.to_owned(), names.join(of(lang, "、", ", "))))
        .collect();
    if !lists.is_empty() {
        blocks.push(Block::Facts(lists));
    }
    if blocks.is_empty() {
        blocks.push(Block::Note(of(lang, "没有差异", "nothing differs").to_owned()));
    }
    Ok(blocks)
}

fn of_plan(blocks: &mut Vec<Block>, compared: &Compared, lang: Lang) -> Result<(), Failure> {
    let (old, new) = (&compared.old.plan.card, &compared.new.plan.card);
    let name = of(lang, &new.name_zh, &new.name_en);
    blocks.push(Block::Title(format!("{name}   {} {} → {}", new.id, old.version, new.version)));
    let comparison = &compared.comparison;
    if comparison.is_empty() {
        blocks
            .push(Block::Note(of(lang, "内容没有差异", "nothing differs in what the plans say").to_owned()));
    }
    if !comparison.plan.is_empty() {
        blocks.push(differences(of(lang, "整个方案", "The plan"), &comparison.plan, lang));
    }
    if !comparison.parameters.is_empty() {
        blocks.push(parameters(&comparison.parameters, lang));
    }
    for benefit in &comparison.benefits {
        let BenefitDifference { id, title, became } = benefit;
        match became {
            Became::Added => {
                let label = of(lang, "新增责任", "New benefit");
                blocks.push(Block::Note(format!("{label} {title} ({id})")));
            }
            Became::Removed => {
                let label = of(lang, "取消责任", "Benefit that is gone");
                blocks.push(Block::Note(format!("{label} {title} ({id})")));
            }
            Became::Changed(changed) => {
                let caption = format!("{} {title} ({id})", of(lang, "责任", "Benefit"));
                blocks.push(differences(&caption, changed, lang));
            }
        }
    }
    if !comparison.lists.is_empty() {
        blocks.push(differences(of(lang, "清单", "Lists"), &comparison.lists, lang));
    }
    match &compared.effect {
        Some(effect) => bills(blocks, effect, lang)?,
        None => {
            let text = of(lang, "没有账单受该方案影响", "there is no bill that the plan says something of");
            blocks.push(Block::Note(text.to_owned()));
        }
    }
    Ok(())
}

fn heads(lang: Lang, words: &[(&str, &str)]) -> Vec<String> {
    words.iter().map(|(zh, en)| of(lang, zh, en).to_owned()).collect()
}

/// What is not there.
fn or_none(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "—".to_owned())
}

fn differences(caption: &str, differences: &[Difference], lang: Lang) -> Block {
    let rows = differences.iter().map(|Difference { key, label, before, after }| {
        let what = if key == label { key.clone() } else { format!("{label}\n{key}") };
        vec![what, or_none(before.as_ref()), or_none(after.as_ref())]
    });
    Block::Table {
        caption: caption.to_owned(),
        head: heads(lang, &[("项目", "what"), ("原", "before"), ("新", "after")]),
        rows: rows.collect(),
    }
}

fn parameters(differences: &[ParameterDifference], lang: Lang) -> Block {
    let rows = differences.iter().map(|difference| {
        let ParameterDifference { name, conditions, before, after, cited_before, cited_after } = difference;
        let cited = match (cited_before, cited_after) {
            (Some(was), Some(is)) if was != is => format!("{was}\n→ {is}"),
            (was, is) => or_none(is.as_ref().or(was.as_ref())),
        };
        vec![name.clone(), conditions.clone(), or_none(before.as_ref()), or_none(after.as_ref()), cited]
    });
    Block::Table {
        caption: of(lang, "参数", "Parameters").to_owned(),
        head: heads(
            lang,
            &[
                ("参数", "parameter"),
                ("条件", "when"),
                ("原值", "before"),
                ("新值", "after"),
                ("依据", "cited"),
            ],
        ),
        rows: rows.collect(),
    }
}

fn party(party: &Party, lang: Lang) -> String {
    let name = |payer: &bedside_claim::Payer| of(lang, &payer.name_zh, &payer.name_en).to_owned();
    match party {
        Party::Payer(payer) => name(payer),
        Party::Hospital => of(lang, "医院负担", "hospital").to_owned(),
        Party::Account => of(lang, "个人账户", "personal account").to_owned(),
        Party::Cash => of(lang, "个人现金", "patient, cash").to_owned(),
        Party::ToPerson(payer) => {
            format!("{}{}", name(payer), of(lang, "（付给本人）", " (to the person)"))
        }
    }
}

/// The difference with its sign.
fn change(paid: &Paid) -> Result<String, Failure> {
    let difference = paid.after.minus(paid.before).map_err(Failure::fault)?;
    Ok(if difference > Money::ZERO { format!("+{difference}") } else { difference.to_string() })
}

fn why(unsettled: &Unsettled, lang: Lang) -> String {
    match unsettled {
        Unsettled::NoClaim => of(lang, "不成其为账单", "is no claim").to_owned(),
        Unsettled::Unresolved(why) => Refusal::Unresolved(why.clone()).phrase().text(lang).to_string(),
        Unsettled::Fault(fault) => fault.to_string(),
    }
}

fn bills(blocks: &mut Vec<Block>, effect: &Effect, lang: Lang) -> Result<(), Failure> {
    let changed: Vec<&BillEffect> = effect.bills.iter().filter(|bill| bill.is_changed()).collect();
    let (all, some) = (effect.bills.len(), changed.len());
    let caption = match lang {
        Lang::Zh => format!("典型账单 {all} 张，其中 {some} 张有变化"),
        Lang::En => format!("Typical bills: {all}, of which {some} come to something else"),
    };
    if changed.is_empty() {
        blocks.push(Block::Note(caption));
        return Ok(());
    }
    let mut rows = Vec::new();
    for effect in changed {
        let who = match &effect.outcome {
            Outcome::Both(paid) => {
                let mut lines = Vec::new();
                for paid in paid.iter().filter(|paid| paid.before != paid.after) {
                    let Paid { party: who, before, after } = paid;
                    lines.push(format!("{} {before} → {after}  {}", party(who, lang), change(paid)?));
                }
                lines.join("\n")
            }
            Outcome::OnlyBefore(unsettled) => {
                format!("{}{}", of(lang, "新方案不能结算：", "not settled any more: "), why(unsettled, lang))
            }
            Outcome::OnlyAfter(unsettled) => {
                format!("{}{}", of(lang, "原方案不能结算：", "not settled before: "), why(unsettled, lang))
            }
        };
        rows.push(vec![effect.bill.name(lang).to_owned(), effect.total.to_string(), who]);
    }
    blocks.push(Block::Table {
        caption,
        head: heads(lang, &[("账单", "bill"), ("总额", "total"), ("谁多付、少付", "who pays more or less")]),
        rows,
    });
    let sums = effect.parties.iter().map(|paid| {
        let Paid { party: who, before, after } = paid;
        Ok(vec![party(who, lang), before.to_string(), after.to_string(), change(paid)?])
    });
    blocks.push(Block::Table {
        caption: of(
            lang,
            "合计（元，不代表真实的账单分布）",
            "In sum (CNY; real bills are not spread like these)",
        )
        .to_owned(),
        head: heads(lang, &[("付款方", "payer"), ("原", "before"), ("新", "after"), ("差额", "difference")]),
        rows: sums.collect::<Result<_, Failure>>()?,
    });
    Ok(())
}

/// One plan for scripts.
pub(crate) fn document(compared: &Compared, lang: Lang) -> Result<Value, Failure> {
    let comparison = &compared.comparison;
    let difference = |difference: &Difference| {
        let Difference { key, label, before, after } = difference;
        json!({ "key": key, "label": label, "before": before, "after": after })
    };
    let list = |differences: &[Difference]| differences.iter().map(difference).collect::<Vec<_>>();
    let parameters = comparison.parameters.iter().map(|found| {
        let ParameterDifference { name, conditions, before, after, cited_before, cited_after } = found;
        json!({
            "parameter": name, "when": conditions, "before": before, "after": after,
            "cited_before": cited_before, "cited_after": cited_after,
        })
    });
    let benefits = comparison.benefits.iter().map(|BenefitDifference { id, title, became }| {
        let (word, changed) = match became {
            Became::Added => ("added", Vec::new()),
            Became::Removed => ("removed", Vec::new()),
            Became::Changed(changed) => ("changed", list(changed)),
        };
        json!({ "id": id, "name": title, "became": word, "differences": changed })
    });
    let paid = |all: &[Paid]| -> Result<Vec<Value>, Failure> {
        let entry = |paid: &Paid| {
            let (before, after) = (paid.before.to_string(), paid.after.to_string());
            Ok(
                json!({ "payer": party(&paid.party, lang), "before": before, "after": after, "difference": change(paid)? }),
            )
        };
        all.iter().map(entry).collect()
    };
    let mut bills = Vec::new();
    let mut sums = Vec::new();
    if let Some(effect) = &compared.effect {
        for bill in &effect.bills {
            let (name, total) = (bill.bill.name(lang), bill.total.to_string());
            bills.push(match &bill.outcome {
                Outcome::Both(all) => json!({ "bill": name, "total": total, "paid": paid(all)? }),
                Outcome::OnlyBefore(unsettled) => {
                    json!({ "bill": name, "total": total, "not_settled_after": why(unsettled, lang) })
                }
                Outcome::OnlyAfter(unsettled) => {
                    json!({ "bill": name, "total": total, "not_settled_before": why(unsettled, lang) })
                }
            });
        }
        sums = paid(&effect.parties)?;
    }
    Ok(json!({
        "id": *compared.new.plan.card.id,
        "before": *compared.old.plan.card.version,
        "after": *compared.new.plan.card.version,
        "plan": list(&comparison.plan),
        "parameters": parameters.collect::<Vec<_>>(),
        "benefits": benefits.collect::<Vec<_>>(),
        "lists": list(&comparison.lists),
        "bills": bills,
        "sums": sums,
    }))
}
