//! A small set of typical bills for a plan: what shows a reader, or a change of the plan, for what it is.
//!
//! Cheap, medium and dear stays for everyone whom the plan tells apart, a bill with a refund, one with items outside the
//! catalogue, one for each tag and category that it selects, and the second stay of a year. Only bills of which the plan
//! says something are kept. Deterministic; it must not know what is expected of them.

use std::sync::Arc;

use bedside_claim::{Lang, Pool, Step};
use bedside_policy::{Benefit, Library, LineSelector, Pays, Plan};

use crate::facts::{Fact, Facts};
use crate::stage::Stage;
use crate::told_apart::{amounts, combinations, conditions, dimensions, let_in};
use crate::trial::{Charge, SCHEDULE_AMOUNT, Settled, Trial, Unsettled, category, settle};

/// Bills of one plan, about: its benefits share them, each has some.
const BILLS_MAX: usize = 80;
const BILLS_MIN: usize = 8;

/// Totals of a cheap, a medium and a dear bill, in fen, with their names.
const TOTALS: [(i64, &str, &str); 3] =
    [(300_000, "费用较低", "cheap"), (3_000_000, "费用中等", "medium"), (30_000_000, "费用较高", "dear")];

/// A bill with the name by which a reader knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypicalBill {
    /// 名称.
    pub name_zh: String,
    /// Name.
    pub name_en: String,
    /// Facts and charges; what came before it stands in it too.
    pub trial: Trial,
}

impl TypicalBill {
    /// The name.
    pub fn name(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.name_zh,
            Lang::En => &self.name_en,
        }
    }
}

/// The typical bills of a plan, and where they are run.
#[derive(Debug, Clone)]
pub struct Typical {
    /// Where they are run.
    pub stage: Stage,
    /// The bills, each of which the plan says something of.
    pub bills: Vec<TypicalBill>,
}

impl Typical {
    /// The same bill under other packs, such as those after a change; the last visit's settlement.
    ///
    /// # Errors
    /// [`Unsettled`]: among others, the other packs do not decide it.
    pub fn settle(&self, bill: &TypicalBill, packs: &Library) -> Result<Settled, Unsettled> {
        let claims = bill.trial.claims(&self.stage).ok_or(Unsettled::NoClaim)?;
        settle(&claims, &self.stage.library_of(packs).ok_or(Unsettled::NoClaim)?)
    }
}

/// The typical bills of a plan version; `None` for a pack that only holds parameters for others.
pub fn typical(library: &Library, plan: &Arc<Plan>) -> Option<Typical> {
    let stage = Stage::of(library, plan)?;
    let mut bills: Vec<TypicalBill> = Vec::new();
    let most = (BILLS_MAX / plan.benefits.len()).max(BILLS_MIN);
    for benefit in &plan.benefits {
        let before = bills.len();
        let mut push = |trial: Trial, (zh, en): (&str, &str)| {
            let is_new = !bills.iter().any(|bill| bill.trial == trial);
            if bills.len() - before < most && is_new && is_decided(&stage, &trial) {
                let facts = &trial.facts;
                let name_zh = format!("{}：{zh}", facts.text(Lang::Zh));
                let name_en = format!("{}: {en}", facts.text(Lang::En));
                bills.push(TypicalBill { name_zh, name_en, trial });
            }
        };
        let facts = let_in(&stage, &Facts::plain(0), benefit);
        of_benefit(&stage, benefit, &facts, &mut push);
    }
    for scene in 1..stage.scenes.len() {
        for benefit in &plan.benefits {
            let facts = let_in(&stage, &Facts::plain(scene), benefit);
            let trial = Trial::of(facts, mixed(TOTALS[1].0));
            let is_new = !bills.iter().any(|bill| bill.trial == trial);
            if is_new && trial.facts.scene == scene && is_decided(&stage, &trial) {
                let id = &stage.scenes[scene].programme.id;
                let name_zh = format!("{}：{}（{id}）", trial.facts.text(Lang::Zh), TOTALS[1].1);
                let name_en = format!("{}: {} ({id})", trial.facts.text(Lang::En), TOTALS[1].2);
                bills.push(TypicalBill { name_zh, name_en, trial });
            }
        }
    }
    Some(Typical { bills, stage })
}

/// Whether the plan says more of the last bill than that it does not apply.
fn is_decided(stage: &Stage, trial: &Trial) -> bool {
    let Ok(Settled { settlement, .. }) = trial.settle(stage) else { return false };
    settlement.explanation.iter().any(|step| {
        let is_own = step
            .benefit()
            .is_some_and(|card| stage.plan.benefits.iter().any(|benefit| benefit.card == *card));
        is_own && !matches!(step, Step::Denied { .. })
    })
}

fn of_benefit(stage: &Stage, benefit: &Benefit, facts: &Facts, push: &mut impl FnMut(Trial, (&str, &str))) {
    let terms = match &benefit.pays {
        Pays::Reimbursement(terms) => terms,
        Pays::PerDiem(_) => {
            for (days, zh, en) in [(3, "短期住院", "a short stay"), (30, "长期住院", "a long stay")] {
                let facts = facts.clone().with(&[Fact::StayDays(days), Fact::IcuDays(2)]);
                push(Trial::of(facts, mixed(TOTALS[1].0)), (zh, en));
            }
            return;
        }
        Pays::LumpSum(_) => {
            let whens = conditions(benefit);
            for facts in told_apart(stage, facts, benefit, &dimensions(stage, whens)) {
                push(Trial::of(facts, Vec::new()), ("事件", "the event"));
            }
            return;
        }
    };
    for (fen, zh, en) in TOTALS {
        push(Trial::of(facts.clone(), mixed(fen)), (zh, en));
    }
    let [_, (mut medium, zh, en), _] = TOTALS;
    let whens = conditions(benefit);
    for (over, _) in whens.iter().filter_map(|when| when.bill_total) {
        let above = over.units().saturating_mul(2).max(TOTALS[1].0);
        push(Trial::of(facts.clone(), mixed(above)), ("费用总额在界限以上", "above the edge of the total"));
    }
    if let Some((over, _)) = benefit.gate.when.bill_total {
        // Otherwise nobody would be let in whom the gate tells apart.
        medium = medium.max(over.units().saturating_mul(2));
    }
    for facts in told_apart(stage, facts, benefit, &dimensions(stage, whens)) {
        push(Trial::of(facts, mixed(medium)), (zh, en));
    }
    let mut selectors: Vec<&LineSelector> = vec![&terms.base.lines];
    selectors.extend(terms.base.limits.iter().map(|limit| &limit.lines));
    let pool = terms.base.pools.last().copied().unwrap_or(Pool::InScope);
    for selector in selectors {
        for charge in selected(selector, pool, medium / 2) {
            let (zh, en) =
                (format!("含{}", named(&charge, Lang::Zh)), format!("with {}", named(&charge, Lang::En)));
            let mut charges = mixed(medium);
            charges.push(charge);
            push(Trial::of(facts.clone(), charges), (&zh, &en));
        }
    }
    let mut refunded = mixed(medium);
    refunded[1].is_refunded = true;
    push(Trial::of(facts.clone(), refunded), ("一项已退费", "one item refunded"));
    let mut outside = mixed(medium);
    outside.push(Charge { parts: [medium / 3, 0, 0, 0], ..mixed(medium)[1].clone() });
    push(Trial::of(facts.clone(), outside), ("含目录外费用", "with items outside the catalogue"));
    if let Some(opens_after) = &benefit.gate.opens_after {
        // What must be used up first takes a bill that is many times the limit.
        let limit = amounts(&opens_after.cap.limit).max().unwrap_or(SCHEDULE_AMOUNT);
        let huge = mixed(limit.units().saturating_mul(20));
        push(Trial::of(facts.clone(), huge.clone()), ("前置限额在本次用完", "using up the limit before it"));
        let bills = vec![huge, mixed(medium)];
        push(
            Trial { facts: facts.clone(), bills },
            ("前置限额用完之后", "after the limit before it is used up"),
        );
    }
    let twice = Trial { facts: facts.clone(), bills: vec![mixed(medium), mixed(medium)] };
    push(twice, ("年内第二次", "the second of the year"));
}

/// The facts with every circumstance that the dimensions tell apart changed alone, the gate still met.
fn told_apart(
    stage: &Stage,
    facts: &Facts,
    benefit: &Benefit,
    dimensions: &crate::told_apart::Dimensions,
) -> Vec<Facts> {
    let mut found: Vec<Facts> = vec![facts.clone()];
    for (dimension, values) in dimensions {
        let alone = [(*dimension, values.clone())].into_iter().collect();
        for change in combinations(&alone) {
            let facts = let_in(stage, &facts.clone().with(&change), benefit);
            if !found.contains(&facts) {
                found.push(facts);
            }
        }
    }
    found
}

/// A bill of a bed, drugs, an operation and materials, with all four parts.
pub(crate) fn mixed(fen: i64) -> Vec<Charge> {
    let charge = |code: &str, of_category: &str, percents: [i64; 4]| Charge {
        code: code.into(),
        category: category(of_category),
        tags: Vec::new(),
        parts: percents.map(|percent| fen / 100 * percent),
        times: 1,
        is_refunded: false,
    };
    vec![
        charge("BED", "01", [0, 0, 0, 10]),
        charge("DRUG", "09", [0, 0, 4, 36]),
        charge("OPERATION", "06", [0, 0, 2, 28]),
        charge("MATERIAL", "08", [8, 2, 2, 8]),
    ]
}

/// A charge for each tag, category and listed item that a selector names.
fn selected(selector: &LineSelector, pool: Pool, fen: i64) -> Vec<Charge> {
    let mut parts = [0; 4];
    parts[pool.index()] = fen;
    let plain = Charge {
        code: "X1".into(),
        category: category("08"),
        tags: Vec::new(),
        parts,
        times: 1,
        is_refunded: false,
    };
    let mut charges: Vec<Charge> = Vec::new();
    for tag in selector.tags.iter().chain(&selector.not_tags) {
        charges.push(Charge { tags: vec![tag.clone()], ..plain.clone() });
    }
    for category in &selector.categories {
        charges.push(Charge { category: *category, ..plain.clone() });
    }
    for item in selector.listed.iter().flat_map(|list| &list.items).take(1) {
        charges.push(Charge { code: item.code.clone(), ..plain.clone() });
    }
    charges
}

fn named(charge: &Charge, lang: Lang) -> String {
    match (charge.tags.first(), lang) {
        (Some(tag), _) => tag.to_string(),
        (None, _) if *charge.code != *"X1" => charge.code.to_string(),
        (None, Lang::Zh) => charge.category.name_zh().to_owned(),
        (None, Lang::En) => charge.category.name_en().to_owned(),
    }
}
