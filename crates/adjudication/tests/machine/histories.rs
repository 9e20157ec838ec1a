//! Random histories: bills and events of one or two members of a family, in order, under one programme.
//!
//! Every line carries an adopted split, so that no catalogue has a part. Amounts are drawn near the landmarks of the
//! case, whole in one pool as often as not, so that bases meet deductibles, edges and limits to the fen.

use std::sync::Arc;

use bedside_claim::{
    Accident, AccountBalance, AccountUse, AdoptedResult, BasicInsurance, Bill, Cause, Claim, Date, DateRule,
    Diagnosis, DiagnosisRole, Event, FeeCategory, FourWaySplit, Grade, Hospital, HospitalApproval,
    HospitalTier, Identity, Line, Money, Occurrence, OutOfAreaFiling, PackCard, PackStatus, PayerKind,
    Person, Policy, PreExisting, Price, PublicSettlement, Quantity, Relative, Setting, Settling, Sex, Span,
    Visit,
};
use bedside_policy::catalogue::Catalogue;
use bedside_policy::library::{Cover, Layer, Programme};
use bedside_policy::plan::Plan;

use crate::conditions::{DIAGNOSES, HOSPITALS, IDENTITIES, PSN_TYPES, TERMS};
use crate::draw::{Draw, plus_days};
use crate::programmes::{AMOUNTS, BENEFITS, CATEGORIES, ITEMS, RATIO, TAGS, around, plans};

/// A programme and the claims that come to it one after the other.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) plans: Vec<Arc<Plan>>,
    pub(crate) claims: Vec<Claim>,
}

impl Case {
    pub(crate) fn drawn(seed: u64) -> Case {
        let draw = &mut Draw::new(seed);
        let plans: Vec<Arc<Plan>> = plans(draw).into_iter().map(Arc::new).collect();
        let family_no = draw.of(&[None, Some("F")]);
        let mut day = plus_days(around(), draw.between(-60, 20));
        let members = 0..=draw.upto(1);
        let persons: Vec<Person> =
            members.map(|member| person(draw, member, family_no, &plans, day)).collect();
        let mut claims = Vec::new();
        for _ in 0..=draw.upto(4) {
            let person = draw.of(&persons);
            let first = claim(draw, person, day);
            day = plus_days(day, draw.of(&[0, 1, 7, 20]));
            let is_stay = first.visit.setting == Setting::Inpatient;
            claims.extend(if is_stay && draw.one_in(3) { parts(draw, first) } else { vec![first] });
        }
        if !public_plans_come_first(&plans) {
            claims.iter_mut().for_each(|claim| claim.adopted = None);
        }
        Case { plans, claims }
    }

    /// The layers that apply to the claim: a commercial plan only where the person holds a policy of it.
    pub(crate) fn programme(&self, claim: &Claim) -> Programme {
        let mut layers = Vec::new();
        for plan in &self.plans {
            let date = claim.visit.date(plan.date_rule);
            let policies = &claim.person.policies;
            let is_held = policies.iter().any(|policy| policy.product == plan.card.id);
            let in_force = policies
                .iter()
                .position(|policy| policy.product == plan.card.id && policy.cover.contains(date));
            let cover = match (is_commercial(plan), in_force) {
                (false, _) => Cover::Public,
                (true, Some(place)) => Cover::Policy(place),
                (true, None) if is_held => Cover::NotInForce,
                (true, None) => continue,
            };
            layers.push(Layer { plan: plan.clone(), date, cover });
        }
        let date = claim.visit.date(DateRule::Settlement);
        Programme { id: "p/programme".into(), layers, catalogue: Arc::new(empty_catalogue()), date }
    }
}

pub(crate) fn is_commercial(plan: &Plan) -> bool {
    plan.benefits.iter().any(|benefit| benefit.card.payer.kind == PayerKind::Commercial)
}

/// Where a commercial plan pays before a public one, the platform's answer cannot have come before both.
fn public_plans_come_first(plans: &[Arc<Plan>]) -> bool {
    plans.iter().skip_while(|plan| !is_commercial(plan)).all(|plan| is_commercial(plan))
}

fn empty_catalogue() -> Catalogue {
    let card = PackCard {
        id: "p/catalogue".into(),
        version: "1".into(),
        name_zh: "".into(),
        name_en: "".into(),
        from: plus_days(around(), -4_000),
        until: plus_days(around(), 4_000),
        status: PackStatus::Demo,
        grade: Grade::Assumed,
    };
    Catalogue::new(Arc::new(card), []).expect("no rows overlap")
}

/// One member; `day` is that of the first bill, around which policies begin and end.
fn person(draw: &mut Draw, member: usize, family_no: Option<&str>, plans: &[Arc<Plan>], day: Date) -> Person {
    let mut policies = Vec::new();
    for plan in plans {
        policies.extend(policies_of(draw, plan, day));
    }
    let born = plus_days(around(), -draw.of(&[40, 41]) * 365 - 10 + draw.between(-30, 30));
    let registered = plus_days(around(), -draw.of(&[10, 100, 400, 800]));
    Person {
        psn_no: format!("P{member}").into(),
        gend: draw.of(&[Sex::Male, Sex::Female, Sex::Unknown]),
        brdy: (!draw.one_in(6)).then_some(born),
        insurance: BasicInsurance {
            insutype: draw.of(&["310", "390"]).into(),
            psn_type: draw.of(&PSN_TYPES).into(),
            insuplc_admdvs: "330100".into(),
        },
        identities: some(draw, |draw| Identity {
            psn_idet_type: draw.of(&IDENTITIES).into(),
            span: draw.of(&[Span::ALWAYS, Span { from: Some(around()), until: None }]),
        }),
        policies,
        family_no: family_no.map(Arc::from),
        pre_existing: some(draw, |draw| PreExisting {
            dise_code: draw.of(&DIAGNOSES).into(),
            regdate: registered,
        }),
        balc: AccountBalance { current_year: balance(draw), past_year: balance(draw) },
        relatives: some(draw, |draw| Relative { psn_no: draw.of(&["R1", "R2"]).into(), balc: balance(draw) }),
    }
}

fn balance(draw: &mut Draw) -> Money {
    if draw.one_in(3) { Money::ZERO } else { draw.money() }
}

/// None, one or two.
fn some<T>(draw: &mut Draw, one: impl Fn(&mut Draw) -> T) -> Vec<T> {
    (0..draw.upto(2)).map(|_| one(draw)).collect()
}

/// The policies of the plan: one period, the next, both or none.
fn policies_of(draw: &mut Draw, plan: &Plan, day: Date) -> Vec<Policy> {
    if plan.benefits[0].card.payer.kind != PayerKind::Commercial || draw.one_in(12) {
        return Vec::new();
    }
    let turn = plus_days(day, draw.of(&[-10, 1, 2, 4, 15, 200, 200]));
    let first = plus_days(day, -draw.of(&[29, 30, 59, 60, 61, 365]));
    let last = draw.of(&[None, Some(plus_days(turn, 365))]);
    let held =
        draw.of(&[(true, true), (true, true), (true, true), (true, true), (true, false), (false, true)]);
    let mut policies = Vec::new();
    let from = if draw.one_in(8) { None } else { Some(first) };
    if held.0 {
        policies.push(policy(draw, plan, Span { from, until: Some(turn) }, None));
    }
    if held.1 {
        let renews = if draw.one_in(2) { Some(first) } else { None };
        policies.push(policy(draw, plan, Span { from: Some(turn), until: last }, renews));
    }
    policies
}

fn policy(draw: &mut Draw, plan: &Plan, cover: Span, first_begndate: Option<Date>) -> Policy {
    Policy {
        policy_no: "1".into(),
        product: plan.card.id.clone(),
        cover,
        first_begndate,
        claim_free_years: draw.of(&[0, 1, 2]),
        terms: some(draw, |draw| draw.of(&TERMS).into()),
        amounts: AMOUNTS.iter().map(|name| ((*name).into(), draw.money())).collect(),
        rates: vec![(RATIO.into(), draw.rate())],
        approvals: some(draw, |draw| draw.of(&BENEFITS).into()),
    }
}

fn claim(draw: &mut Draw, person: Person, day: Date) -> Claim {
    let visit = visit(draw, day);
    of_visit(draw, person, visit, day)
}

fn of_visit(draw: &mut Draw, person: Person, visit: Visit, day: Date) -> Claim {
    let events: Vec<Event> = some(draw, |draw| event(draw, day));
    let has_bill = events.is_empty() || !draw.one_in(8);
    let bill = if has_bill { bill(draw, &visit) } else { Bill::none() };
    let account = draw.of(&[AccountUse::Use, AccountUse::Use, AccountUse::Keep]);
    let is_adopted = has_bill && visit.public_settlement == PublicSettlement::Through && draw.one_in(8);
    let adopted = is_adopted.then(|| adopted(draw, bill.medfee_sumamt().units()));
    Claim { person, visit, bill, events, account, adopted }
}

/// A stay settled in two to four parts, of which the claim is the first; no line of one is in another.
fn parts(draw: &mut Draw, first: Claim) -> Vec<Claim> {
    let stay: Arc<str> = format!("S{}", first.visit.begntime.date()).into();
    let more = draw.of(&[1, 1, 2, 3]);
    let mut parts = vec![first];
    for _ in 0..more {
        let before = parts.last().expect("there is a first part").clone();
        let days = draw.of(&[0, 1, 2, 7, 300]);
        let ended = plus_days(before.visit.endtime.date(), days);
        let anew = visit(draw, before.visit.begntime.date());
        // What is said at admission may be changed in between, but not where the person lies.
        let mut visit = if draw.one_in(3) {
            Visit {
                hospital: before.visit.hospital.clone(),
                med_type: before.visit.med_type.clone(),
                setting: before.visit.setting,
                ..anew
            }
        } else {
            before.visit.clone()
        };
        visit.endtime = ended.at(9, 0, 0, 0);
        visit.setl_date = ended;
        let most = i64::from(before.visit.icu_days) + days;
        visit.icu_days = u16::try_from(draw.between(before.visit.icu_days.into(), most)).expect("a few days");
        let mut next = of_visit(draw, before.person, visit, ended);
        // An event is told once.
        next.events.clear();
        if next.bill.lines().is_empty() {
            next.bill = bill(draw, &next.visit);
        }
        parts.push(next);
    }
    for (number, part) in parts.iter_mut().enumerate() {
        part.visit.mdtrt_id = stay.clone();
        part.visit.settling = Settling::InParts;
        if part.bill.lines().is_empty() {
            continue;
        }
        let of_part = |sn: &Arc<str>| Arc::from(format!("{number}.{sn}"));
        let lines = part.bill.lines().iter().map(|line| Line {
            feedetl_sn: of_part(&line.feedetl_sn),
            init_feedetl_sn: line.init_feedetl_sn.as_ref().map(of_part),
            ..line.clone()
        });
        part.bill = Bill::new(lines.collect(), part.bill.medfee_sumamt()).expect("the same lines");
    }
    parts
}

/// An answer of the platform that shares out some or all of the bill.
fn adopted(draw: &mut Draw, mut left: i64) -> AdoptedResult {
    let mut takes = |draw: &mut Draw| {
        let most = draw.of(&[left, left / 2]);
        let amount = draw.between(0, most);
        left -= amount;
        Money::from_units(amount)
    };
    let kinds = [PayerKind::BasicInsurance, PayerKind::CriticalIllness, PayerKind::Assistance];
    let funds: Vec<(PayerKind, Money)> = kinds.into_iter().map(|kind| (kind, takes(draw))).collect();
    let hosp_part_amt = if draw.one_in(2) { takes(draw) } else { Money::ZERO };
    let acct_pay = if draw.one_in(2) { takes(draw) } else { Money::ZERO };
    let funds = funds.into_iter().filter(|(_, amount)| !amount.is_zero()).collect();
    AdoptedResult {
        funds,
        hosp_part_amt,
        acct_pay,
        act_pay_dedc: Some(draw.money()),
        pool_prop_selfpay: None,
        limits: Vec::new(),
        acct_mulaid_pay: None,
        balc: None,
        identities: Vec::new(),
    }
}

fn visit(draw: &mut Draw, day: Date) -> Visit {
    let (setting, med_type) = draw.of(&[
        (Setting::Inpatient, "21"),
        (Setting::Inpatient, "21"),
        (Setting::SpecialOutpatient, "14"),
        (Setting::Outpatient, "11"),
    ]);
    let days = draw.of(&[0, 1, 3, 4, 6, 8]);
    let discharged = plus_days(day, days);
    let causes = if draw.one_in(2) { draw.some(&Cause::ALL) } else { Vec::new() };
    let stay_ended = plus_days(day, draw.of(&[-31, -30, -3, 0, 12]));
    let hospital = Hospital {
        fixmedins_code: draw.of(&HOSPITALS).into(),
        fixmedins_name: "".into(),
        tier: draw.of(&HospitalTier::ALL),
        mdtrtarea_admvs: draw.of(&["330100", "330102", "330200"]).into(),
    };
    Visit {
        mdtrt_id: "M".into(),
        hospital,
        med_type: med_type.into(),
        setting,
        begntime: day.at(8, 0, 0, 0),
        endtime: discharged.at(9, 0, 0, 0),
        setl_date: plus_days(discharged, draw.of(&[0, 0, 1])),
        filing: draw.of(&[None, Some(OutOfAreaFiling::Referral), Some(OutOfAreaFiling::Unfiled)]),
        diagnoses: some(draw, |draw| Diagnosis {
            diag_code: draw.of(&DIAGNOSES).into(),
            diag_name: "".into(),
            role: DiagnosisRole::Other,
        }),
        public_settlement: if draw.one_in(10) {
            PublicSettlement::Without
        } else {
            PublicSettlement::Through
        },
        causes,
        accident: draw
            .of(&[None, Some("A1"), Some("A2")])
            .map(|evt_no| Accident { evt_no: evt_no.into(), date: day }),
        icu_days: u16::try_from(draw.between(0, days)).expect("a small number of days"),
        settling: Settling::AtOnce,
        related_stay: draw.of(&[None, Some((plus_days(stay_ended, -5), stay_ended))]),
    }
}

fn event(draw: &mut Draw, day: Date) -> Event {
    let date = plus_days(day, draw.of(&[-40, -1, 0, 0, 0, 2]));
    let accident_date =
        draw.of(&[None, Some(0), Some(1), Some(30), Some(31)]).map(|days| plus_days(date, -days));
    let grade = draw.of(&[1, 2, 3]);
    let occurrence = match draw.upto(4) {
        0 => Occurrence::Diagnosis { diag_code: draw.of(&DIAGNOSES).into() },
        1 => Occurrence::Death { accident_date },
        2 => Occurrence::Care { grade },
        _ => Occurrence::Disability {
            grade,
            prior_grade: draw.of(&[None, None, Some(grade + 1)]),
            accident_date,
        },
    };
    Event { evt_no: draw.of(&["E1", "E2", "E3", "E4"]).into(), date, occurrence }
}

fn bill(draw: &mut Draw, visit: &Visit) -> Bill {
    let mut lines = Vec::new();
    let most = draw.of(&[3, 3, 3, 3, 3, 3, 3, 12]);
    for _ in 0..=draw.upto(most) {
        let feedetl_sn = number(draw, lines.len());
        let charge = charge(draw, visit, feedetl_sn);
        let mut left = (charge.cnt, charge.adopted_split.expect("it has a split"));
        lines.push(charge.clone());
        while draw.one_in(4) {
            let feedetl_sn = number(draw, lines.len());
            lines.extend(refund(draw, visit, &charge, &mut left, feedetl_sn));
        }
    }
    if draw.one_in(2) {
        lines.reverse();
    }
    let last = charge(draw, visit, "last".into());
    checked(lines.clone(), &last).unwrap_or_else(|| {
        // The refund of all that is left may come before another one: then the charges alone.
        lines.retain(|line| line.init_feedetl_sn.is_none());
        checked(lines, &last).expect("a bill of charges adds up")
    })
}

/// The bill of these lines, with one fen more where they come to nothing.
fn checked(mut lines: Vec<Line>, last: &Line) -> Option<Bill> {
    let total =
        |lines: &[Line]| Money::sum(lines.iter().map(|line| line.det_item_fee_sumamt)).expect("a small sum");
    if total(&lines) <= Money::ZERO {
        let amount = Money::from_units(1);
        lines.push(Line {
            pric: Price::from_units(10_000),
            cnt: Quantity::from_units(10_000),
            det_item_fee_sumamt: amount,
            adopted_split: Some(FourWaySplit { inscp_scp_amt: amount, ..FourWaySplit::default() }),
            ..last.clone()
        });
    }
    let total = total(&lines);
    Bill::new(lines, total).ok()
}

/// Numbers that sort other than they were given.
fn number(draw: &mut Draw, place: usize) -> Arc<str> {
    format!("{}-{place}", draw.upto(2)).into()
}

fn charge(draw: &mut Draw, visit: &Visit, feedetl_sn: Arc<str>) -> Line {
    // A whole number of units at a price in whole fen, or a part of a unit at a price with six decimals.
    let (pric, cnt) = match draw.upto(5) {
        0 => (draw.fen() * 10_000 / 3 + 1, draw.between(1, 50_000)),
        1 | 2 => (draw.fen() * 10_000, draw.of(&[2, 3, 4]) * 10_000),
        _ => (draw.fen() * 10_000, 10_000),
    };
    let (pric, cnt) = (Price::from_units(pric), Quantity::from_units(cnt));
    let amount = pric.times(cnt).expect("a small amount");
    let stay = i64::from((visit.endtime.date() - visit.begntime.date()).get_days());
    let day = plus_days(visit.begntime.date(), draw.between(0, stay));
    let item = draw.of(&ITEMS);
    Line {
        feedetl_sn,
        init_feedetl_sn: None,
        med_list_codg: item.into(),
        medins_list_codg: item.into(),
        med_chrgitm_type: FeeCategory::from_code(draw.of(&CATEGORIES)).expect("a category"),
        fee_ocur_time: day.at(draw.of(&[8, 8, 9]), 0, 0, 0),
        pric,
        cnt,
        det_item_fee_sumamt: amount,
        hosp_appr_flag: HospitalApproval::NotNeeded,
        oprn_no: draw.of(&[None, Some("O1"), Some("O2")]).map(Arc::from),
        tags: some(draw, |draw| draw.of(&TAGS).into()),
        adopted_split: Some(split(draw, amount)),
    }
}

fn split(draw: &mut Draw, amount: Money) -> FourWaySplit {
    let mut parts = [Money::ZERO; 4];
    if draw.one_in(2) {
        parts[draw.of(&[0, 1, 2, 3, 3, 3, 3])] = amount;
        return FourWaySplit::from_parts(parts);
    }
    let mut rest = amount.units();
    for part in &mut parts[..3] {
        let takes = draw.between(0, rest);
        let takes = draw.of(&[0, takes / 2]);
        *part = Money::from_units(takes);
        rest -= takes;
    }
    parts[3] = Money::from_units(rest);
    FourWaySplit::from_parts(parts)
}

/// A refund of some or all of what is left of the charge: quantity and split.
fn refund(
    draw: &mut Draw,
    visit: &Visit,
    charge: &Line,
    left: &mut (Quantity, FourWaySplit),
    feedetl_sn: Arc<str>,
) -> Option<Line> {
    let (cnt, split) = (left.0.units(), left.1);
    if cnt == 0 {
        return None;
    }
    let back =
        if draw.one_in(2) { cnt } else { draw.of(&[cnt / 2, cnt - 1, 10_000.min(cnt), 1]).clamp(1, cnt) };
    let whole = split.total().expect("a small sum").units();
    let priced = charge.pric.times(Quantity::from_units(back)).expect("a small amount").units();
    let amount = if back == cnt { whole } else { priced };
    if amount > whole {
        return None;
    }
    let mut parts = [0; 4];
    let mut rest = amount;
    // In proportion, rounded down; what is missing from wherever there is still something.
    for (part, of) in parts.iter_mut().zip(split.parts()) {
        let exact = i128::from(of.units()) * i128::from(amount) / i128::from(whole.max(1));
        *part = i64::try_from(exact).expect("no more than the part");
        rest -= *part;
    }
    for (part, of) in parts.iter_mut().zip(split.parts()) {
        let more = rest.min(of.units() - *part);
        *part += more;
        rest -= more;
    }
    let given_back = FourWaySplit::from_parts(parts.map(|part| Money::from_units(-part)));
    *left = (Quantity::from_units(cnt - back), split.plus(&given_back).expect("small sums"));
    let day = plus_days(visit.begntime.date(), draw.of(&[0, 0, 2]));
    Some(Line {
        feedetl_sn,
        init_feedetl_sn: Some(charge.feedetl_sn.clone()),
        fee_ocur_time: day.at(8, 0, 0, 0),
        cnt: Quantity::from_units(-back),
        det_item_fee_sumamt: Money::from_units(-amount),
        adopted_split: Some(given_back),
        ..charge.clone()
    })
}
