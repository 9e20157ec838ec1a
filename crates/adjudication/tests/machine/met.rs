//! What a run of ten thousand bills must have met, or it has tried nothing.
//!
//! Reasons and steps are counted from the answers, options and edges from the second reading. Must not know a case.

use std::collections::{BTreeMap, BTreeSet};

use bedside_claim::{Reason, Settlement};

/// Steps that the core's explanations must have; the catalogue has no part in these cases.
const STEPS: &[&str] = &[
    "account",
    "account_denied",
    "adopted",
    "adopted_account",
    "band",
    "base",
    "cap",
    "cash",
    "ceiling",
    "deductible",
    "denied",
    "factor",
    "hospital_share",
    "idle",
    "idle.band_filled",
    "idle.band_not_reached",
    "idle.condition_not_met",
    "idle.no_line_limited",
    "idle.within_limit",
    "indemnity",
    "limit",
    "lump_sum",
    "pays",
    "per_diem",
    "replaced",
    "solved_back",
    "split_adopted",
];

const OPTIONS_AND_EDGES: &[&str] = &[
    "account: balance is what is left",
    "account: current year pays",
    "account: past year pays",
    "account: relatives pay",
    "band: ends at the edge",
    "band: ends one fen above the edge",
    "band: ends one fen below the edge",
    "band: starts at the edge",
    "band: the edge inside",
    "base: accumulated",
    "cap: of the family",
    "cap: on the benefit's own accumulator",
    "cap: used in a lifetime",
    "cap: used in a policy period",
    "cap: used in a year",
    "cap: used in an accident",
    "ceiling: cuts",
    "decrease",
    "decrease: at its floor",
    "continues: what another left unused",
    "deductible: highest less charged",
    "deductible: of the family",
    "deductible: once",
    "deductible: per visit",
    "deductible: the base equals it",
    "deductible: the base is one fen above",
    "deductible: the base is one fen below",
    "edges over the base of a period",
    "edges over the base of a visit",
    "factor: does not act",
    "fault: no row fits",
    "filled by other commercial cover",
    "gross: back to what is left",
    "group: maximum",
    "group: minimum",
    "highest: a new one",
    "highest: one from before",
    "indemnity: all that is left",
    "indemnity: cuts",
    "inner limit: all",
    "inner limit: cuts",
    "inner limit: exactly met",
    "inner limit: nothing left",
    "inner limit: per category",
    "inner limit: per day",
    "inner limit: per item",
    "inner limit: per line",
    "inner limit: per operation",
    "limit: exactly met",
    "limit: one fen left",
    "limit: one fen short",
    "lump sum: a grade from before",
    "lump sum: less paid",
    "lump sum: once for each event",
    "lump sum: once for each month",
    "lump sum: once for ever",
    "opens_after: opened",
    "paid for: cuts",
    "paid for: exactly met",
    "paid for: nothing left",
    "paid for: used before",
    "parts: bands go on",
    "parts: bands over the base go on",
    "parts: days paid before",
    "parts: deductible from before",
    "parts: filled where nothing is in the base",
    "parts: the deductible rises",
    "parts: the stay is one visit",
    "pays zero after rounding",
    "per-diem: days of a period",
    "per-diem: days of a stay",
    "selector: another category",
    "selector: listed",
    "selector: listed on other days",
    "selector: not listed",
    "selector: with a tag that excludes",
    "selector: without the tag",
    "solved back: inside the stretch",
    "tail: a line after it",
    "tail: the first day after it",
    "times: a charge of nothing",
    "times: a part of a unit",
    "times: cuts",
    "times: nothing left",
    "visit number: counted",
    "waiting: first day after",
    "waiting: last day of",
    "waiting: not for the cause",
    "window: its last day",
    "window: the first day after it",
];

/// Reasons of the catalogue, which has no part in these cases.
const OF_THE_CATALOGUE: [Reason; 5] = [
    Reason::ItemNotInCatalogue,
    Reason::ItemOwnExpense,
    Reason::ApprovalRefused,
    Reason::ApprovalMissing,
    Reason::AboveCeiling,
];

/// How often everything was met.
#[derive(Default)]
pub(crate) struct Met {
    settlements: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl Met {
    /// The reasons and steps of a settlement, and what the second reading has seen.
    pub(crate) fn count_all(&mut self, settlement: &Settlement, seen: &BTreeSet<&'static str>) {
        for step in &settlement.explanation {
            self.count(step.kind());
            if let Some(code) = step.reason_code() {
                self.count(code);
            }
        }
        for what in seen {
            self.count(what);
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Comparing texts is slow: of so many settlements one.
    pub(crate) fn is_time_for_texts(&mut self) -> bool {
        const OF: u64 = 50;
        self.settlements += 1;
        self.settlements.is_multiple_of(OF)
    }

    /// What should have been met and was not.
    pub(crate) fn missed(&self) -> Vec<&'static str> {
        let reasons = Reason::ALL.iter().filter(|reason| !OF_THE_CATALOGUE.contains(reason));
        let expected =
            reasons.map(|reason| reason.code()).chain(STEPS.iter().chain(OPTIONS_AND_EDGES).copied());
        expected.filter(|what| !self.counts.contains_key(what)).collect()
    }

    /// The ten rarest, for the eye.
    pub(crate) fn rarest(&self) -> Vec<(&'static str, u64)> {
        let mut counts: Vec<(&'static str, u64)> =
            self.counts.iter().map(|(what, count)| (*what, *count)).collect();
        counts.sort_by_key(|(_, count)| *count);
        counts.truncate(10);
        counts
    }
}
