//! The steps of the reasoning on the wire, each in both languages with the place its number comes from.

use bedside_claim::{Lang, Step};

use super::{pack_id, text};
use crate::v1;

pub(super) fn step(step: &Step) -> v1::Step {
    let benefit = step.benefit();
    let citation = step.citation();
    v1::Step {
        kind: step.kind().to_owned(),
        pack_id: benefit.map(|benefit| pack_id(benefit)).unwrap_or_default(),
        benefit_id: benefit.map(|benefit| benefit.id.to_string()).unwrap_or_default(),
        benefit: benefit.and_then(|benefit| text(&benefit.name_zh, &benefit.name_en)),
        clause: benefit.map(|benefit| benefit.clause.to_string()).unwrap_or_default(),
        text: text(&step.text(Lang::Zh), &step.text(Lang::En)),
        result: step.result().to_string(),
        reason_code: step.reason_code().unwrap_or_default().to_owned(),
        parameter: citation.map(|citation| citation.parameter.to_string()).unwrap_or_default(),
        source: citation.map(|citation| citation.source.to_string()).unwrap_or_default(),
        article: citation.map(|citation| citation.article.to_string()).unwrap_or_default(),
        grade: citation.map(|citation| citation.grade.name().to_owned()).unwrap_or_default(),
        condition: citation
            .and_then(|citation| citation.condition.as_ref())
            .and_then(|condition| text(&condition.zh, &condition.en)),
        inputs: step
            .inputs()
            .into_iter()
            .map(|(name, value)| v1::StepInput { name: name.to_owned(), value })
            .collect(),
    }
}
