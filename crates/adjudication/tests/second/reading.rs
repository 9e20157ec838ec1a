//! The second reading: the rules as the documents state them, slow and obvious.
//!
//! Read from the design's sections on money, bill and benefits, from `docs/rounding.md` and `docs/reasons.md`, from
//! `docs/benefit-machine.md` on stays in parts, and from the packs. It must not know how the core reckons, and shares nothing with it but the types of a claim.

use std::collections::BTreeMap;

use bedside_claim::{
    AccountUse, Bill, Claim, DateRule, HospitalApproval, HospitalTier, Line, Measure, OutOfAreaFiling, Pool,
    Reason, Setting, Settling,
};

use crate::exact::{Fen, Fraction, spread};
use crate::packs::{Benefit, Conditions, Item, Packs, Parameter, Plan, Rule};

/// Term, pack, benefit, measure, subject.
pub(crate) type Key = (String, String, String, Measure, &'static str);

/// What a person has used up; an absent one is zero.
pub(crate) type Used = BTreeMap<Key, Fen>;

/// Pack and benefit.
pub(crate) type Name = (String, String);

/// The settlement as far as both readings state it.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) splits: Vec<[Fen; 4]>,
    pub(crate) line_reasons: Vec<Option<Reason>>,
    /// What each benefit that ran pays, zero included, in programme order.
    pub(crate) pays: Vec<(Name, Fen)>,
    pub(crate) denied: BTreeMap<Name, Reason>,
    pub(crate) charged: BTreeMap<Name, Fen>,
    /// For each payer and then `account` and `cash`: what it pays of each line.
    pub(crate) shares: BTreeMap<String, Vec<Fen>>,
    pub(crate) act_pay_dedc: Fen,
    pub(crate) account: Fen,
    pub(crate) account_reason: Option<Reason>,
    pub(crate) cash: Fen,
    pub(crate) used: Used,
    /// How each benefit came to its amount, for the count of edges that were met.
    pub(crate) workings: Vec<Working>,
}

/// How a benefit came to its amount.
#[derive(Debug, Default, Clone)]
pub(crate) struct Working {
    pub(crate) name: Name,
    pub(crate) reason: Option<Reason>,
    pub(crate) base: Fen,
    /// What was left of the deductible before this bill.
    pub(crate) deductible_left: Fen,
    pub(crate) charged: Fen,
    /// How far the base of the year has come, and the edges of the bands it runs along.
    pub(crate) reached: Fen,
    pub(crate) edges: Vec<Fen>,
    pub(crate) uncapped: Fen,
    pub(crate) cap_left: Option<Fen>,
    pub(crate) pays: Fen,
    pub(crate) used: Vec<(Key, Fen)>,
    /// Whether an earlier part of the stay left something in the base.
    pub(crate) goes_on: bool,
}

/// One part of one line.
type Part = (usize, Pool);

/// What is left of the bill's lines, and the order that decides ties.
pub(crate) struct Left {
    /// Fee category and the four parts.
    pub(crate) lines: Vec<(String, [Fen; 4])>,
    pub(crate) order: Vec<usize>,
    /// For each line itself, or the charge that it refunds.
    pub(crate) charges: Vec<usize>,
}

impl Left {
    fn parts(&self, pools: &[Pool], categories: Option<&Vec<String>>) -> Vec<(usize, Pool)> {
        let mut parts = Vec::new();
        for line in &self.order {
            if categories.is_none_or(|some| some.contains(&self.lines[*line].0)) {
                for pool in Pool::ALL.into_iter().filter(|pool| pools.contains(pool)) {
                    parts.push((*line, pool));
                }
            }
        }
        parts
    }

    fn sum(&self, parts: &[(usize, Pool)]) -> Fen {
        parts.iter().map(|(line, pool)| self.lines[*line].1[pool.index()]).sum()
    }

    /// Takes `amount` from the parts and returns how much from each line.
    fn take(&mut self, amount: Fen, parts: &[(usize, Pool)]) -> Vec<Fen> {
        // A charge and its refunds take together, then divide among themselves. Parts of nothing make no group.
        let mut groups: Vec<(Part, Vec<Part>)> = Vec::new();
        for part in parts.iter().filter(|part| self.sum(&[**part]) != 0) {
            let name = (self.charges[part.0], part.1);
            match groups.iter_mut().find(|(other, _)| *other == name) {
                Some((_, group)) => group.push(*part),
                None => groups.push((name, vec![*part])),
            }
        }
        let rank = |line: usize| self.order.iter().position(|other| *other == line);
        groups.sort_by_key(|((charge, pool), _)| (rank(*charge), pool.index()));
        let weights: Vec<Fen> = groups.iter().map(|(_, group)| self.sum(group)).collect();
        let mut of_line = vec![0; self.lines.len()];
        for ((_, group), of_group) in groups.iter().zip(spread(amount, &weights)) {
            let weights: Vec<Fen> = group.iter().map(|part| self.sum(&[*part])).collect();
            for ((line, pool), share) in group.iter().zip(spread(of_group, &weights)) {
                self.lines[*line].1[pool.index()] -= share;
                of_line[*line] += share;
            }
        }
        of_line
    }
}

/// A layer of the claim's programme: the version of its plan, and whether its cover holds.
pub(crate) struct Applies<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) in_force: bool,
}

/// The layers of the claim in order; `None`: the engine must refuse the claim.
pub(crate) fn layers<'a>(packs: &'a Packs, claim: &Claim) -> Option<Vec<Applies<'a>>> {
    let day = claim.visit.setl_date;
    let insurance = &claim.person.insurance;
    let programme = packs.programmes.iter().find(|programme| {
        programme.insutype == *insurance.insutype
            && insurance.insuplc_admdvs.starts_with(&programme.area)
            && programme.from <= day
            && day < programme.until
    })?;
    let has_place = |product: &str| programme.layers.iter().any(|l| l.only_with_policy && l.pack == product);
    if claim.person.policies.iter().any(|policy| !has_place(&policy.product)) {
        return None;
    }
    let mut layers = Vec::new();
    for layer in &programme.layers {
        let held = || claim.person.policies.iter().filter(|policy| *policy.product == layer.pack);
        if layer.only_with_policy && held().next().is_none() {
            continue;
        }
        let versions = || packs.plans.iter().filter(|plan| plan.id == layer.pack);
        let on_the_day = versions().find(|plan| {
            let day = claim.visit.date(plan.date_rule);
            plan.from <= day && day < plan.until
        });
        let covering = |plan: &Plan| {
            let day = claim.visit.date(plan.date_rule);
            held().filter(|policy| policy.cover.contains(day)).count()
        };
        // A policy that is not in force is denied whatever version it was sold under.
        let denied = || versions().next_back().filter(|plan| layer.only_with_policy && covering(plan) == 0);
        let plan = on_the_day.or_else(denied)?;
        let covers = covering(plan);
        let decides = !layer.only_with_policy || covers == 1;
        if layer.only_with_policy && covers > 1
            || decides && unmet(&plan.scope, claim, plan.date_rule).is_some()
        {
            return None;
        }
        layers.push(Applies { plan, in_force: !layer.only_with_policy || covers == 1 });
    }
    Some(layers)
}

fn tier(tier: HospitalTier) -> &'static str {
    match tier {
        HospitalTier::Tertiary => "tertiary",
        HospitalTier::Secondary => "secondary",
        HospitalTier::Primary => "primary",
        HospitalTier::Community => "community",
        HospitalTier::Ungraded => "ungraded",
    }
}

/// Local within the pooling area, which is the city; elsewhere by filing, and nothing filed counts as unfiled.
fn care_area(claim: &Claim) -> &'static str {
    let insured_in = &claim.person.insurance.insuplc_admdvs[..4];
    if claim.visit.hospital.mdtrtarea_admvs.starts_with(insured_in) {
        return "local";
    }
    match claim.visit.filing {
        Some(OutOfAreaFiling::LongTerm) => "long_term",
        Some(OutOfAreaFiling::Referral) => "referral",
        Some(OutOfAreaFiling::EmergencyUnfiled) => "emergency_unfiled",
        Some(OutOfAreaFiling::Unfiled) | None => "unfiled",
    }
}

/// The first condition that does not hold, in the order of `docs/reasons.md`.
fn unmet(conditions: &Conditions, claim: &Claim, date_rule: DateRule) -> Option<Reason> {
    let day = claim.visit.date(date_rule);
    let person = &claim.person;
    let setting = match claim.visit.setting {
        Setting::Inpatient => "inpatient",
        Setting::SpecialOutpatient => "special_outpatient",
        Setting::Outpatient => "outpatient",
    };
    let holds = |fact: &str, word: &str| match fact {
        "insutype" => *person.insurance.insutype == *word,
        "psn_type" => person.insurance.psn_type.starts_with(word),
        "identity" => person.identities.iter().any(|i| *i.psn_idet_type == *word && i.span.contains(day)),
        "setting" => setting == word,
        "tier" => tier(claim.visit.hospital.tier) == word,
        "care_area" => care_area(claim) == word,
        other => panic!("unknown fact `{other}`"),
    };
    let reasons = [
        ("insutype", Reason::InsuranceType),
        ("psn_type", Reason::PersonType),
        ("identity", Reason::IdentityCategory),
        ("setting", Reason::VisitType),
        ("tier", Reason::HospitalTier),
        ("care_area", Reason::CareArea),
    ];
    for (fact, reason) in reasons {
        if conditions.get(fact).is_some_and(|words| !words.iter().any(|word| holds(fact, word))) {
            return Some(reason);
        }
    }
    None
}

fn value(parameter: &Parameter, claim: &Claim, date_rule: DateRule) -> Fraction {
    let row = parameter.iter().find(|(conditions, _)| unmet(conditions, claim, date_rule).is_none());
    row.expect("a row of the parameter fits").1
}

/// The four parts of each line and why a part is not in scope.
pub(crate) fn splits(packs: &Packs, claim: &Claim) -> (Vec<[Fen; 4]>, Vec<Option<Reason>>) {
    let lines = claim.bill.lines();
    let mut splits = vec![[0; 4]; lines.len()];
    let mut reasons = vec![None; lines.len()];
    for (place, line) in lines.iter().enumerate() {
        if let Some(adopted) = &line.adopted_split {
            splits[place] = adopted.parts().map(|part| Fen::from(part.units()));
            continue;
        }
        if claim.bill.refunded(place).is_some() {
            continue;
        }
        // A charge and its refunds, in the order of time and number: each takes the change of what the rest splits to.
        let refunds =
            order(&claim.bill).into_iter().filter(|other| claim.bill.refunded(*other) == Some(place));
        let mut amount = 0;
        let mut cnt = 0;
        let mut before = [0; 4];
        for part in std::iter::once(place).chain(refunds) {
            amount += Fen::from(lines[part].det_item_fee_sumamt.units());
            cnt += lines[part].cnt.units();
            let (after, reason) = split(packs, claim, line, amount, cnt);
            for pool in 0..4 {
                splits[part][pool] = after[pool] - before[pool];
            }
            reasons[part] = reason;
            before = after;
        }
    }
    (splits, reasons)
}

/// `amount` for `cnt` units under the terms of the charge.
fn split(packs: &Packs, claim: &Claim, charge: &Line, amount: Fen, cnt: i64) -> ([Fen; 4], Option<Reason>) {
    let item = item_on(packs, charge);
    let excluded = match item {
        None => Some(Reason::ItemNotInCatalogue),
        Some(item) if item.level == "03" => Some(Reason::ItemOwnExpense),
        Some(_) if charge.hosp_appr_flag == HospitalApproval::Refused => Some(Reason::ApprovalRefused),
        Some(item) if item.restricted && charge.hosp_appr_flag != HospitalApproval::Granted => {
            Some(Reason::ApprovalMissing)
        }
        Some(_) => None,
    };
    let (Some(item), None) = (item, excluded) else { return ([amount, 0, 0, 0], excluded) };
    let pric = Fraction::of_units(charge.pric.units(), 1_000_000);
    let mut over = 0;
    let mut reason = None;
    if let Some(ceiling) = item.ceiling(claim.visit.hospital.tier).filter(|ceiling| pric.is_above(*ceiling)) {
        let at_ceiling = ceiling.times(Fraction::of_units(cnt, 10_000)).times(Fraction::of_text("100"));
        over = (amount - at_ceiling.rounded()).clamp(0, amount);
        reason = Some(Reason::AboveCeiling);
    }
    let selfpay =
        if *claim.person.insurance.insutype == *"310" { item.selfpay_310 } else { item.selfpay_390 };
    let first_pay = selfpay.of(amount - over);
    ([0, over, first_pay, amount - over - first_pay], reason)
}

pub(crate) fn item_on<'a>(packs: &'a Packs, line: &Line) -> Option<&'a Item> {
    let day = line.fee_ocur_time.date();
    packs.items.get(&*line.med_list_codg)?.iter().find(|item| item.from <= day && day < item.until)
}

/// The places of the lines by time and number.
pub(crate) fn order(bill: &Bill) -> Vec<usize> {
    let mut order: Vec<usize> = (0..bill.lines().len()).collect();
    order.sort_by_key(|place| {
        let line = &bill.lines()[*place];
        (line.fee_ocur_time, line.feedetl_sn.to_string())
    });
    order
}

pub(crate) fn left(packs: &Packs, claim: &Claim) -> Left {
    let (splits, _) = splits(packs, claim);
    let category = |line: &Line| line.med_chrgitm_type.code().to_owned();
    let lines: Vec<_> = claim.bill.lines().iter().map(category).zip(splits).collect();
    let charges = (0..lines.len()).map(|line| claim.bill.refunded(line).unwrap_or(line)).collect();
    Left { lines, order: order(&claim.bill), charges }
}

/// Runs every benefit of every layer over what is left.
pub(crate) fn run(
    layers: &[Applies<'_>],
    claim: &Claim,
    used: &Used,
    left: &mut Left,
) -> Vec<(Working, Vec<Fen>)> {
    let mut workings = Vec::new();
    for layer in layers {
        for benefit in &layer.plan.benefits {
            let parts = left.parts(&benefit.pools, benefit.categories.as_ref());
            let working = work(layer, benefit, claim, used, left.sum(&parts));
            let shares = left.take(working.pays, &parts);
            workings.push((working, shares));
        }
    }
    workings
}

fn work(layer: &Applies<'_>, benefit: &Benefit, claim: &Claim, used: &Used, base: Fen) -> Working {
    let plan = layer.plan;
    let year = claim.visit.date(plan.date_rule).year().to_string();
    let value = |parameter: &Parameter| value(parameter, claim, plan.date_rule);
    let of_year = |measure: Measure| (year.clone(), plan.id.clone(), benefit.id.clone(), measure, "");
    let read = |key: &Key| used.get(key).copied().unwrap_or(0);
    let so_far = |measure: Measure| read(&of_year(measure));
    // Over a visit something is kept where it is a stay settled in parts: its base, and what was charged of that.
    let visit = &claim.visit;
    let stay = format!("visit {}/{}", visit.hospital.fixmedins_code, visit.mdtrt_id);
    let of_stay = |measure: Measure, subject: &'static str| {
        let kept = visit.settling == Settling::InParts && !benefit.base_of_the_year;
        kept.then(|| (stay.clone(), plan.id.clone(), benefit.id.clone(), measure, subject))
    };
    let read_of_stay = |key: &Option<Key>| key.as_ref().map_or(0, &read);
    let mut working = Working { name: (plan.id.clone(), benefit.id.clone()), base, ..Working::default() };
    let gate = if layer.in_force {
        unmet(&benefit.gate, claim, plan.date_rule)
    } else {
        Some(Reason::CoverNotInForce)
    };
    working.reason = gate.or((base <= 0).then_some(Reason::NothingInBase));
    if working.reason.is_some() {
        return working;
    }

    if let Some((rule, standard)) = &benefit.deductible {
        let mut standard = value(standard).fen();
        if *rule == Rule::HighestLessCharged {
            standard = standard.max(so_far(Measure::DeductibleStandard));
            working.used.push((of_year(Measure::DeductibleStandard), standard));
        }
        working.deductible_left = (standard - so_far(Measure::Deductible)).max(0);
        working.charged = base.min(working.deductible_left);
        working.used.push((of_year(Measure::Deductible), so_far(Measure::Deductible) + working.charged));
    }

    // Where the payable part of the base starts and ends, measured as the band edges are.
    let base_of_stay = of_stay(Measure::Base, "");
    let charged_of_stay = of_stay(Measure::Deductible, "base");
    let (base_before, charged_before) = if benefit.base_of_the_year {
        (so_far(Measure::Base), so_far(Measure::Deductible))
    } else {
        (read_of_stay(&base_of_stay), read_of_stay(&charged_of_stay))
    };
    working.goes_on = base_of_stay.is_some() && base_before > 0;
    let deducted = charged_before + working.charged;
    let payable_before = base_before - charged_before;
    let payable_after = base_before + base - deducted;
    let start = if benefit.edges_on_base { deducted } else { 0 };
    working.reached = start + payable_after;
    working.edges =
        benefit.bands.iter().filter_map(|(until, _)| Some(value(until.as_ref()?).fen())).collect();
    // What the payable part of the base gives up to there.
    let gives = |up_to: Fen| {
        let mut amount = 0;
        let mut lower = 0;
        for (until, rate) in &benefit.bands {
            let upper = until.as_ref().map(|until| value(until).fen());
            let filled = |payable: Fen| {
                let end = start + payable;
                (upper.map_or(end, |upper| end.min(upper)) - lower.max(start)).max(0)
            };
            amount += value(rate).of(filled(up_to)) - value(rate).of(filled(payable_before));
            lower = upper.unwrap_or(lower);
        }
        benefit.factors.iter().fold(amount, |amount, factor| value(factor).of(amount))
    };
    working.uncapped = gives(payable_after);
    working.pays = working.uncapped;
    for cap in &benefit.caps_of_the_year {
        let cap_left = (value(cap).fen() - so_far(Measure::Paid)).max(0);
        working.cap_left = Some(working.cap_left.map_or(cap_left, |other: Fen| other.min(cap_left)));
        working.pays = working.pays.min(cap_left);
    }
    working.used.push((of_year(Measure::Paid), so_far(Measure::Paid) + working.pays));
    // A base that a cap cuts counts as far as what is paid needs it.
    let mut counts = base;
    if working.pays < working.uncapped {
        let (mut below, mut enough) = (payable_before - 1, payable_after);
        while enough - below > 1 {
            let middle = below + (enough - below) / 2;
            if gives(middle) >= working.pays { enough = middle } else { below = middle }
        }
        counts = working.charged + enough - payable_before;
    }
    let base_key = if benefit.base_of_the_year { Some(of_year(Measure::Base)) } else { base_of_stay };
    working.used.extend(base_key.map(|key| (key, base_before + counts)));
    working.used.extend(charged_of_stay.map(|key| (key, charged_before + working.charged)));
    if working.charged == base {
        working.reason = Some(Reason::BelowDeductible);
    } else if working.cap_left == Some(0) && working.uncapped > 0 {
        working.reason = Some(Reason::CapUsedUp);
    }
    working
}

/// The whole answer; `None`: the engine must refuse the claim.
pub(crate) fn settle(packs: &Packs, claim: &Claim, used: &Used) -> Option<Answer> {
    let layers = layers(packs, claim)?;
    let (splits, line_reasons) = splits(packs, claim);
    let mut left = left(packs, claim);
    let mut answer = Answer { splits, line_reasons, used: used.clone(), ..Answer::default() };
    for (working, shares) in run(&layers, claim, used, &mut left) {
        let plan = layers.iter().find(|layer| layer.plan.id == working.name.0).expect("its layer").plan;
        for (key, amount) in &working.used {
            answer.used.insert(key.clone(), *amount);
        }
        if let Some(reason) = working.reason {
            answer.denied.insert(working.name.clone(), reason);
        }
        if plan.is_basic {
            answer.act_pay_dedc += working.charged;
        }
        answer.charged.insert(working.name.clone(), working.charged);
        answer.pays.push((working.name.clone(), working.pays));
        answer.shares.insert(format!("{}/{}", working.name.0, working.name.1), shares);
        answer.workings.push(working);
    }
    answer.used.retain(|_, amount| *amount != 0);

    let pools = layers.iter().find_map(|layer| layer.plan.account.as_ref());
    let parts = left.parts(pools.map_or(&[], Vec::as_slice), None);
    let balance = Fen::from(claim.person.balc.current_year.units());
    answer.account_reason = if pools.is_none() || claim.account == AccountUse::Keep {
        Some(Reason::AccountNotUsed)
    } else {
        (balance == 0).then_some(Reason::AccountEmpty)
    };
    if answer.account_reason.is_none() {
        answer.account = balance.min(left.sum(&parts)).max(0);
    }
    let shares = left.take(answer.account, &parts);
    answer.shares.insert("account".to_owned(), shares);
    let cash: Vec<Fen> = left.lines.iter().map(|(_, parts)| parts.iter().sum()).collect();
    answer.cash = cash.iter().sum();
    answer.shares.insert("cash".to_owned(), cash);
    Some(answer)
}
