//! Why: the steps by benefit with their clause and pack, what was not paid, where we differ from the national platform.
//!
//! Steps are shown as they are, whatever their kind.

use bedside_claim::Money;
use bedside_gateway::v1;

use super::Phrase;
use super::lines::LineRow;
use crate::failure::Failure;
use crate::statement::{Words, pack, payer_kind, sum};

/// A pack as a statement cites it.
pub(super) struct PackRow {
    pub(super) name: Phrase,
    pub(super) id: String,
    pub(super) version: String,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) status: Phrase,
    pub(super) grade: Phrase,
}

/// Steps in a row of one benefit, or of the whole bill.
pub(super) struct Group {
    pub(super) id: String,
    pack_id: String,
    benefit_id: String,
    pub(super) title: Phrase,
    pub(super) clause: String,
    pub(super) pack: Option<PackRow>,
    pub(super) steps: Vec<StepRow>,
}

impl Group {
    pub(super) fn is_of(&self, pack_id: &str, benefit_id: &str) -> bool {
        !benefit_id.is_empty() && self.pack_id == pack_id && self.benefit_id == benefit_id
    }
}

/// One step.
pub(super) struct StepRow {
    pub(super) kind: String,
    pub(super) text: Phrase,
    /// Which of the parameter's numbers it is.
    pub(super) condition: Option<Phrase>,
    /// Where its number comes from; empty: from the bill.
    pub(super) article: String,
    pub(super) source: String,
    pub(super) grade: Phrase,
}

/// A benefit that pays nothing.
pub(super) struct Denied {
    pub(super) title: Phrase,
    pub(super) text: Phrase,
    pub(super) clause: String,
    pub(super) reason_code: String,
}

/// The lines that have a part outside the scope for one reason.
pub(super) struct Outside {
    pub(super) reason: Phrase,
    pub(super) reason_code: String,
    pub(super) amount: Money,
    pub(super) lines: Vec<OutsideLine>,
}

/// Such a line.
pub(super) struct OutsideLine {
    pub(super) id: String,
    pub(super) feedetl_sn: String,
    pub(super) name: String,
    pub(super) amount: Money,
}

/// A public payer whose adopted amount is not what our packs give.
pub(super) struct VarianceRow {
    pub(super) payer: Phrase,
    pub(super) adopted: String,
    pub(super) computed: String,
    pub(super) causes: Vec<CauseRow>,
}

/// Why, and the part of the difference that it explains.
pub(super) struct CauseRow {
    pub(super) text: Phrase,
    pub(super) amount: String,
}

/// The steps by benefit, in the order in which they were taken; what is denied stands with what was not paid.
pub(super) fn groups(id: &str, answer: &v1::Settlement, words: Words) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for step in answer.explanation.iter().filter(|step| !is_denied(step)) {
        let is_next = groups
            .last()
            .is_none_or(|group| group.pack_id != step.pack_id || group.benefit_id != step.benefit_id);
        if is_next {
            groups.push(Group {
                id: format!("{id}-c{}", groups.len() + 1),
                pack_id: step.pack_id.clone(),
                benefit_id: step.benefit_id.clone(),
                title: title(answer, step, words),
                clause: step.clause.clone(),
                pack: pack(answer, &step.pack_id).map(|pack| pack_row(pack, words)),
                steps: Vec::new(),
            });
        }
        if let Some(group) = groups.last_mut() {
            group.steps.push(StepRow {
                kind: step.kind.clone(),
                text: words.say_text(step.text.as_ref()),
                condition: step.condition.as_ref().map(|condition| words.say_text(Some(condition))),
                article: step.article.clone(),
                source: step.source.clone(),
                grade: grade(&step.grade, words),
            });
        }
    }
    groups
}

fn is_denied(step: &v1::Step) -> bool {
    step.kind == "denied"
}

/// The pack's name and the benefit's.
fn title(answer: &v1::Settlement, step: &v1::Step, words: Words) -> Phrase {
    if step.benefit_id.is_empty() {
        return words.say("整张账单", "The whole bill");
    }
    let name = pack(answer, &step.pack_id).and_then(|pack| pack.name.clone()).unwrap_or_default();
    let benefit = step.benefit.clone().unwrap_or_default();
    words.say(&joined(&name.zh, &benefit.zh), &joined(&name.en, &benefit.en))
}

fn joined(pack: &str, benefit: &str) -> String {
    if pack.is_empty() { benefit.to_owned() } else { format!("{pack} · {benefit}") }
}

fn pack_row(pack: &v1::PackUse, words: Words) -> PackRow {
    PackRow {
        name: words.say_text(pack.name.as_ref()),
        id: pack.id.clone(),
        version: pack.version.clone(),
        from: pack.from.clone(),
        until: pack.until.clone(),
        status: match pack.status.as_str() {
            "in_force" => words.say("现行", "in force"),
            "unverified" => words.say("参数未经核实", "not verified"),
            "demo" => words.say("演示参数", "made up for demonstration"),
            other => words.say(other, other),
        },
        grade: grade(&pack.grade, words),
    }
}

fn grade(grade: &str, words: Words) -> Phrase {
    match grade {
        "assumed" => words.say("假设", "assumed"),
        other => words.say(other, other),
    }
}

/// The packs that may not decide about real money.
pub(super) fn warned(answer: &v1::Settlement, words: Words) -> Vec<PackRow> {
    answer.packs.iter().filter(|pack| pack.status != "in_force").map(|pack| pack_row(pack, words)).collect()
}

/// The benefits that pay nothing, with the reason.
pub(super) fn denied(answer: &v1::Settlement, words: Words) -> Vec<Denied> {
    answer
        .explanation
        .iter()
        .filter(|step| is_denied(step))
        .map(|step| Denied {
            title: title(answer, step, words),
            text: words.say_text(step.text.as_ref()),
            clause: step.clause.clone(),
            reason_code: step.reason_code.clone(),
        })
        .collect()
}

/// The lines with a part outside the scope, by reason, in the order in which the reasons first come.
pub(super) fn outside(rows: &[LineRow]) -> Result<Vec<Outside>, Failure> {
    let mut reasons: Vec<Outside> = Vec::new();
    for row in rows.iter().filter(|row| !row.reason_code.is_empty()) {
        let amount = row.outside()?;
        let line = OutsideLine {
            id: row.id.clone(),
            feedetl_sn: row.feedetl_sn.clone(),
            name: row.name.clone(),
            amount,
        };
        if let Some(known) = reasons.iter_mut().find(|known| known.reason_code == row.reason_code) {
            known.amount = sum([known.amount, amount])?;
            known.lines.push(line);
        } else {
            reasons.push(Outside {
                reason: row.reason.clone(),
                reason_code: row.reason_code.clone(),
                amount,
                lines: vec![line],
            });
        }
    }
    Ok(reasons)
}

pub(super) fn variance(variance: &v1::Variance, words: Words) -> VarianceRow {
    let (zh, en) = payer_kind(&variance.payer_kind);
    VarianceRow {
        payer: words.say(&zh, &en),
        adopted: variance.adopted.clone(),
        computed: variance.computed.clone(),
        causes: variance
            .causes
            .iter()
            .map(|cause| CauseRow { text: words.say_text(cause.text.as_ref()), amount: cause.amount.clone() })
            .collect(),
    }
}
