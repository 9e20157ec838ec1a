//! What must be read with the amounts where others were promised a part of the same benefits.

use std::collections::BTreeMap;
use std::mem::discriminant;
use std::sync::Arc;

use bedside_claim::{AccumulatorKey, Measure, Settlement, Term};
use bedside_ledger::Reserved;
use bedside_policy::{Plan, Programme};

use super::setl_time;
use crate::v1;

/// A notice for each benefit of which a part is reserved by quotes that bind, in the order of packs and benefits: the
/// settlement was not counted on it.
///
/// *Units*: the time until which the last of the quotes binds, in China Standard Time.
pub fn reserved(
    programme: &Programme,
    settlement: &Settlement,
    reserved: &BTreeMap<AccumulatorKey, Reserved>,
) -> Vec<v1::Text> {
    let mut until: BTreeMap<(Arc<str>, Arc<str>), i64> = BTreeMap::new();
    let plan_of = |pack: &str| {
        let layer = programme.layers.iter().find(|layer| *layer.plan.card.id == *pack);
        layer.map(|layer| &layer.plan)
    };
    // Payments without a cap are counted too, and nobody goes short of them.
    let is_limited = |key: &AccumulatorKey| {
        key.measure != Measure::Paid
            || !key.subject.is_empty()
            || plan_of(&key.pack).is_some_and(|plan| plan.caps(&key.benefit))
    };
    for (key, reserved) in reserved.iter().filter(|(key, _)| is_limited(key) && concerns(key, settlement)) {
        let until_ms = until.entry((Arc::clone(&key.pack), Arc::clone(&key.benefit))).or_default();
        *until_ms = reserved.until_ms.max(*until_ms);
    }
    let notices = until.iter().filter_map(|((pack, benefit), until_ms)| {
        Some(notice(plan_of(pack)?, benefit, &setl_time(*until_ms)?))
    });
    notices.collect()
}

/// Whether an accumulator runs over the same span as those that the settlement counts on.
fn concerns(key: &AccumulatorKey, settlement: &Settlement) -> bool {
    let of_pack = settlement.accumulators.iter().map(|change| &change.key);
    let mut same_kind = of_pack
        .filter(|other| other.pack == key.pack && discriminant(&other.term) == discriminant(&key.term))
        .peekable();
    match (same_kind.peek(), &key.term) {
        (None, Term::Year(year)) => *year == settlement.benefit_year,
        (None, _) => true,
        (Some(_), term) => same_kind.any(|other| other.term == *term),
    }
}

fn notice(plan: &Plan, benefit: &str, until: &str) -> v1::Text {
    let card = plan.benefits.iter().map(|of_plan| &of_plan.card).find(|card| *card.id == *benefit);
    // A limit that several benefits share has no name of its own.
    let (zh, en) = card.map_or((benefit, benefit), |card| (&*card.name_zh, &*card.name_en));
    let (pack_zh, pack_en) = (&plan.card.name_zh, &plan.card.name_en);
    v1::Text {
        zh: format!("{pack_zh}“{zh}”的部分额度已由另一份预结算保留至 {until}，本次未计入该部分"),
        en: format!(
            "part of `{en}` of {pack_en} is reserved by another quote until {until} and was left to it"
        ),
    }
}
