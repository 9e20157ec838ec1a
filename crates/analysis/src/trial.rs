//! Bills on a stage: facts and amounts become claims, and are settled one after the other.
//!
//! Every charge carries its four-way split, so that no catalogue has a part in what is looked at. The person is made
//! up and the same in every trial.

use std::sync::Arc;

use bedside_adjudication::adjudicate;
use bedside_claim::{
    Accident, AccountBalance, AccountUse, AccumulatorBook, Accumulators, AdoptedResult, BasicInsurance, Bill,
    Cause, Claim, Date, Diagnosis, DiagnosisRole, Event, Fault, FeeCategory, FourWaySplit, Hospital,
    HospitalApproval, Identity, Line, Money, PayerKind, Person, Policy, PreExisting, Price, PublicSettlement,
    Quantity, Rate, Setting, Settlement, Span, Visit,
};
use bedside_policy::{CareArea, Library, Pays, Plan, Programme, PublicSource, Unresolved, Value, VersionBy};
use jiff::Span as Days;

use crate::facts::{Facts, Registered};
use crate::stage::{Scene, Stage};

/// One charge of a bill, and what of it is refunded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Charge {
    /// `med_list_codg`.
    pub code: Arc<str>,
    /// `med_chrgitm_type`.
    pub category: FeeCategory,
    /// Tags.
    pub tags: Vec<Arc<str>>,
    /// The four parts in fen, in the order of `Pool::ALL`; none below zero.
    pub parts: [i64; 4],
    /// `cnt`; the amount divides by it.
    pub times: u8,
    /// Whether all of it is given back.
    pub is_refunded: bool,
}

impl Charge {
    /// The amount in fen.
    pub fn fen(&self) -> i64 {
        self.parts.iter().sum()
    }
}

/// Facts with bills in order; the last bill is the one that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The circumstances, the same for every bill.
    pub facts: Facts,
    /// At least one; a bill without charges is a claim of events alone.
    pub bills: Vec<Vec<Charge>>,
}

/// Why a trial has no settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsettled {
    /// The charges are no bill, or the facts contradict each other.
    NoClaim,
    /// No programme decides it: the plan says so.
    Unresolved(Unresolved),
    /// A defect of pack or engine.
    Fault(Fault),
}

/// A settled last bill.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The claim.
    pub claim: Claim,
    /// Its programme.
    pub programme: Arc<Programme>,
    /// What was used up before it.
    pub before: Accumulators,
    /// The settlement.
    pub settlement: Settlement,
}

/// Names of the one person.
const PSN_NO: &str = "P1";
const POLICY_NO: &str = "POLICY-1";
const HOSPITAL: &str = "H00000000001";
const ACCIDENT: &str = "A1";
const EVENT: &str = "E1";
/// Elsewhere: another pooling area than any that a programme has.
const ELSEWHERE: [&str; 2] = ["110100", "120100"];
/// What is on a policy schedule where the pack asks for an amount or a ratio.
pub(crate) const SCHEDULE_AMOUNT: Money = Money::from_units(10_000_000);
const SCHEDULE_RATE: Rate = Rate::from_units(8_000);

impl Trial {
    /// One bill.
    pub fn of(facts: Facts, charges: Vec<Charge>) -> Trial {
        Trial { facts, bills: vec![charges] }
    }

    /// The last bill's total in fen, refunds taken off.
    pub fn fen(&self) -> i64 {
        let left = |charge: &Charge| if charge.is_refunded { 0 } else { charge.fen() };
        self.bills.last().map_or(0, |bill| bill.iter().map(left).sum())
    }

    /// The claims in order; `None` where they would be none that a hospital could send.
    pub fn claims(&self, stage: &Stage) -> Option<Vec<Claim>> {
        let scene = stage.scenes.get(self.facts.scene)?;
        let before = usize::from(self.facts.visit_number.saturating_sub(1));
        let small = vec![vec![plain_charge(100)]; before];
        let bills: Vec<_> = small.iter().chain(&self.bills).collect();
        let mut claims = Vec::with_capacity(bills.len());
        for (place, charges) in bills.iter().enumerate() {
            // The last bill stands on the scene's day, earlier ones a few days before each other.
            let days_before = i32::try_from(bills.len() - 1 - place).ok()?.checked_mul(3)?;
            let day = day_plus(scene.day, self.facts.day_offset - days_before)?;
            claims.push(self.claim(stage, scene, day, place, charges)?);
        }
        Some(claims)
    }

    fn claim(
        &self,
        stage: &Stage,
        scene: &Scene,
        day: Date,
        number: usize,
        charges: &[Charge],
    ) -> Option<Claim> {
        let facts = &self.facts;
        let visit = visit(facts, scene, day, number)?;
        let events = match &facts.happening {
            Some(happening) => {
                vec![Event { evt_no: EVENT.into(), date: day, occurrence: happening.occurrence(day) }]
            }
            None => Vec::new(),
        };
        let bill = if charges.is_empty() { Bill::none() } else { bill(charges, day)? };
        if charges.is_empty() && events.is_empty() {
            return None;
        }
        let is_adopted = scene.programme.public_source == PublicSource::Adopted
            && facts.public_settlement == PublicSettlement::Through
            && !charges.is_empty();
        let adopted = if is_adopted { Some(platform(&bill)?) } else { None };
        let person = person(facts, stage, scene, day)?;
        Some(Claim { person, visit, bill, events, account: AccountUse::Keep, adopted })
    }

    /// Settles the bills in order; the last one's settlement.
    ///
    /// # Errors
    /// [`Unsettled`].
    pub fn settle(&self, stage: &Stage) -> Result<Settled, Unsettled> {
        settle(&self.claims(stage).ok_or(Unsettled::NoClaim)?, &stage.library)
    }
}

/// Settles claims of one person in order; the last one's settlement.
///
/// # Errors
/// [`Unsettled`].
pub fn settle(claims: &[Claim], library: &Library) -> Result<Settled, Unsettled> {
    let mut book = AccumulatorBook::default();
    let mut last = Err(Unsettled::NoClaim);
    for claim in claims {
        let programme = library.programme_for(claim).map_err(Unsettled::Unresolved)?;
        let before = book.of(&claim.person);
        let settlement = adjudicate(claim, &programme, &before).map_err(Unsettled::Fault)?;
        // What was computed from these accumulators fits them.
        book.apply(&claim.person, &settlement.accumulators).map_err(|_| Unsettled::NoClaim)?;
        last = Ok(Settled { claim: claim.clone(), programme, before, settlement });
    }
    last
}

/// A charge of one part in scope.
pub(crate) fn plain_charge(fen: i64) -> Charge {
    Charge {
        code: "X1".into(),
        category: category("14"),
        tags: Vec::new(),
        parts: [0, 0, 0, fen],
        times: 1,
        is_refunded: false,
    }
}

/// The category of a two-digit code that is one.
#[expect(clippy::expect_used, reason = "every caller names a category that is in the table")]
pub(crate) fn category(code: &str) -> FeeCategory {
    FeeCategory::from_code(code).expect("a category of the table")
}

fn day_plus(day: Date, days: i32) -> Option<Date> {
    day.checked_add(Days::new().days(days)).ok()
}

fn years_before(day: Date, years: i16) -> Option<Date> {
    day.checked_sub(Days::new().years(years)).ok()
}

fn visit(facts: &Facts, scene: &Scene, day: Date, number: usize) -> Option<Visit> {
    let is_stay = facts.setting == Setting::Inpatient;
    let days = if is_stay { facts.stay_days } else { 0 };
    let discharged = day_plus(day, i32::from(days))?;
    let home = scene.area();
    let area: Arc<str> = match facts.care_area {
        CareArea::Local => home,
        CareArea::Elsewhere(_) => ELSEWHERE.into_iter().find(|area| area.get(..4) != home.get(..4))?.into(),
    };
    let filing = match facts.care_area {
        CareArea::Local => None,
        CareArea::Elsewhere(filing) => Some(filing),
    };
    let related =
        (facts.has_related_stay && !is_stay).then(|| Some((day_plus(day, -10)?, day_plus(day, -1)?)));
    let is_accident = facts.cause == Some(Cause::Accident);
    Some(Visit {
        mdtrt_id: format!("V{}", number + 1).into(),
        hospital: Hospital {
            fixmedins_code: facts.hospital.clone().unwrap_or_else(|| HOSPITAL.into()),
            fixmedins_name: "示例医院".into(),
            tier: facts.tier,
            mdtrtarea_admvs: area,
        },
        med_type: match facts.setting {
            Setting::Inpatient => "21",
            Setting::SpecialOutpatient => "14",
            Setting::Outpatient => "11",
        }
        .into(),
        setting: facts.setting,
        begntime: day.at(9, 0, 0, 0),
        endtime: discharged.at(11, 0, 0, 0),
        setl_date: discharged,
        filing,
        diagnoses: vec![Diagnosis {
            diag_code: facts.diagnosis.clone(),
            diag_name: "示例诊断".into(),
            role: DiagnosisRole::Main,
        }],
        public_settlement: facts.public_settlement,
        causes: facts.cause.into_iter().filter(|cause| *cause != Cause::Illness).collect(),
        accident: is_accident
            .then(|| Accident { evt_no: ACCIDENT.into(), date: day_plus(day, -1).unwrap_or(day) }),
        icu_days: if is_stay { facts.icu_days.min(days) } else { 0 },
        settling: bedside_claim::Settling::AtOnce,
        related_stay: related.flatten(),
    })
}

fn person(facts: &Facts, stage: &Stage, scene: &Scene, day: Date) -> Option<Person> {
    let plan = &stage.plan;
    let mut policies = Vec::new();
    let mut born = years_before(day, facts.age)?;
    // What a registry's rule counts from: the first day of cover where there is one.
    let mut counted_from = (day, day);
    if scene.needs_policy(&plan.card.id) {
        let policy = policy(facts, stage, scene, &mut born)?;
        counted_from = (policy.first_day()?, policy.cover.from?);
        policies.push(policy);
    }
    let registered = match &facts.registered {
        None => Vec::new(),
        Some(Registered { dise_code, years_before: years, is_of_this_cover }) => {
            let from = if *is_of_this_cover { counted_from.1 } else { counted_from.0 };
            let day = day_plus(years_before(from, *years)?, -30)?;
            vec![PreExisting { dise_code: dise_code.clone(), regdate: day }]
        }
    };
    Some(Person {
        psn_no: PSN_NO.into(),
        gend: facts.sex,
        brdy: Some(born),
        insurance: BasicInsurance {
            insutype: scene.programme.insutype.clone(),
            psn_type: facts.psn_type.clone(),
            insuplc_admdvs: scene.area(),
        },
        identities: facts
            .identity
            .iter()
            .map(|identity| Identity { psn_idet_type: identity.clone(), span: Span::ALWAYS })
            .collect(),
        policies,
        family_no: None,
        pre_existing: registered,
        balc: AccountBalance::default(),
        relatives: Vec::new(),
    })
}

/// The policy of the plan: a year's cover around the scene's day that the version was sold under.
fn policy(facts: &Facts, stage: &Stage, scene: &Scene, born: &mut Date) -> Option<Policy> {
    let plan = &stage.plan;
    let mut from = day_plus(scene.day, if facts.has_waited { -300 } else { -1 })?;
    if plan.version_by == VersionBy::PolicyPeriod {
        from = from.max(plan.card.from);
    }
    let until = from.checked_add(Days::new().years(1)).ok()?;
    let asks_to_wait = plan.benefits.iter().any(|benefit| benefit.gate.waiting.is_some());
    let mut first = if asks_to_wait && facts.has_waited { years_before(from, 2)? } else { from };
    if let Some(age) = facts.age_insured {
        // The age on the day follows from it.
        first = from;
        *born = years_before(from, age)?;
    }
    let mut policy =
        Policy::plain(POLICY_NO.into(), plan.card.id.clone(), Span { from: Some(from), until: Some(until) });
    policy.first_begndate = (first != from).then_some(first);
    policy.claim_free_years = facts.claim_free_years;
    policy.terms = facts.terms.clone();
    policy.amounts = plan.schedule_amounts.iter().map(|name| (name.clone(), scheduled(plan, name))).collect();
    policy.rates = plan.schedule_rates.iter().map(|name| (name.clone(), SCHEDULE_RATE)).collect();
    if facts.is_approved {
        policy.approvals = plan.benefits.iter().map(|benefit| benefit.card.id.clone()).collect();
    }
    Some(policy)
}

/// An agreed deductible is a tenth of a sum insured.
fn scheduled(plan: &Plan, name: &Arc<str>) -> Money {
    let is_it = |value: &Value<Money>| matches!(value, Value::OfPolicy(known) if known == name);
    let is_deductible = plan.benefits.iter().any(|benefit| match &benefit.pays {
        Pays::Reimbursement(terms) => terms
            .deductible
            .iter()
            .any(|deductible| deductible.standard.rows().iter().any(|(_, value)| is_it(value))),
        Pays::PerDiem(_) | Pays::LumpSum(_) => false,
    });
    if is_deductible { Money::from_units(SCHEDULE_AMOUNT.units() / 10) } else { SCHEDULE_AMOUNT }
}

fn bill(charges: &[Charge], day: Date) -> Option<Bill> {
    let mut lines = Vec::with_capacity(charges.len());
    for (place, charge) in charges.iter().enumerate() {
        let line = line(charge, day, place)?;
        if charge.is_refunded {
            lines.push(refund(&line, place)?);
        }
        lines.push(line);
    }
    let total = Money::sum(lines.iter().map(|line| line.det_item_fee_sumamt)).ok()?;
    Bill::new(lines, total).ok()
}

/// Minutes keep the lines in the order of the charges.
fn line(charge: &Charge, day: Date, place: usize) -> Option<Line> {
    let times = i64::from(charge.times.max(1));
    let amount = Money::from_units(charge.fen());
    // A price has four decimals more than an amount.
    let pric = charge.fen().checked_mul(10_000)?;
    if charge.fen() <= 0 || pric % times != 0 {
        return None;
    }
    let minutes = i64::try_from(place).ok()?;
    Some(Line {
        feedetl_sn: format!("{}", place + 1).into(),
        init_feedetl_sn: None,
        med_list_codg: charge.code.clone(),
        medins_list_codg: charge.code.clone(),
        med_chrgitm_type: charge.category,
        fee_ocur_time: day.at(10, 0, 0, 0).checked_add(Days::new().minutes(minutes)).ok()?,
        pric: Price::from_units(pric / times),
        cnt: Quantity::from_units(times * 10_000),
        det_item_fee_sumamt: amount,
        hosp_appr_flag: HospitalApproval::NotNeeded,
        oprn_no: None,
        tags: charge.tags.clone(),
        adopted_split: Some(FourWaySplit::from_parts(charge.parts.map(Money::from_units))),
    })
}

fn refund(charge: &Line, place: usize) -> Option<Line> {
    let parts = charge.adopted_split?.parts();
    Some(Line {
        feedetl_sn: format!("{}-R", place + 1).into(),
        init_feedetl_sn: Some(charge.feedetl_sn.clone()),
        cnt: Quantity::from_units(-charge.cnt.units()),
        det_item_fee_sumamt: charge.det_item_fee_sumamt.negate().ok()?,
        adopted_split: Some(FourWaySplit::from_parts(parts.map(|part| Money::from_units(-part.units())))),
        ..charge.clone()
    })
}

/// What a platform might answer: basic insurance pays half of what is in scope.
fn platform(bill: &Bill) -> Option<AdoptedResult> {
    let in_scope = bill.lines().iter().filter_map(|line| line.adopted_split).map(|split| split.inscp_scp_amt);
    let half = Money::sum(in_scope).ok()?.at_rate(Rate::from_units(5_000)).ok()?;
    let funds = if half.is_zero() { Vec::new() } else { vec![(PayerKind::BasicInsurance, half)] };
    Some(AdoptedResult {
        funds,
        hosp_part_amt: Money::ZERO,
        acct_pay: Money::ZERO,
        act_pay_dedc: None,
        pool_prop_selfpay: None,
        limits: Vec::new(),
        acct_mulaid_pay: None,
        balc: None,
        identities: Vec::new(),
    })
}
