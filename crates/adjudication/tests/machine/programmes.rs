//! Random plans in the whole language of benefits, as the compiler of packs would let them through.
//!
//! Builds the plan types directly, so that no pack has to spell what a case tries. Must not know claims beyond the
//! words that both are drawn with.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{
    BenefitCard, Cause, Citation, Date, DateRule, DayKind, DeductibleRule, FeeCategory, Grade, LimitPer,
    Money, OccurrenceKind, Origin, PackCard, PackStatus, Payer, PayerKind, Period, Pool, Purse, Rate,
};
use bedside_policy::plan::{
    Amounts, Answer, Band, BandEdges, Base, Benefit, Cap, Decrease, Deductible, DeductibleGroup, Factor,
    FactorRule, FilledBy, Gate, InnerLimit, ItemList, Limit, LimitAmount, LineSelector, ListDate, ListedItem,
    LumpSum, OpensAfter, PaidFor, PaidLimit, Parameter, Pays, PerDiem, Plan, PurseRule, Reimbursement,
    SharedBy, Tail, Value, VersionBy, Waiting, When,
};

use crate::conditions::{conditions, words};
use crate::draw::{Draw, plus_days};

pub(crate) const CATEGORIES: [&str; 3] = ["05", "06", "09"];
pub(crate) const TAGS: [&str; 3] = ["implant", "car-t", "special"];
pub(crate) const ITEMS: [&str; 3] = ["X1", "X2", "X3"];
pub(crate) const AMOUNTS: [&str; 2] = ["sum-insured", "agreed"];
pub(crate) const RATIO: &str = "ratio";
pub(crate) const BENEFITS: [&str; 3] = ["b1", "b2", "b3"];
/// What a cap, and what a deductible, of several benefits is kept under.
const SHARED_LIMIT: &str = "shared-limit";
const SHARED_DEDUCTIBLE: &str = "shared-deductible";
const DEDUCTIBLE_GROUP: &str = "group";

/// The day around which everything happens: a year and a policy period turn near it.
pub(crate) fn around() -> Date {
    Date::new(2026, 1, 1).expect("a day")
}

/// The plans of a programme, in order.
pub(crate) fn plans(draw: &mut Draw) -> Vec<Plan> {
    (0..=draw.upto(3)).map(|place| plan(draw, place)).collect()
}

fn payer(kind: PayerKind) -> Payer {
    Payer { kind, code: "F".into(), name_zh: "".into(), name_en: "".into() }
}

fn plan(draw: &mut Draw, place: usize) -> Plan {
    let kind = match place {
        0 => draw.of(&[PayerKind::BasicInsurance, PayerKind::BasicInsurance, PayerKind::Commercial]),
        1 => draw.of(&[PayerKind::CriticalIllness, PayerKind::Assistance, PayerKind::Commercial]),
        _ => draw.of(&[PayerKind::OtherFund, PayerKind::Commercial, PayerKind::Commercial]),
    };
    let card = Arc::new(PackCard {
        id: format!("p/{place}").into(),
        version: "1".into(),
        name_zh: "".into(),
        name_en: "".into(),
        from: plus_days(around(), -4_000),
        until: plus_days(around(), 4_000),
        status: PackStatus::Demo,
        grade: Grade::Assumed,
    });
    let mut of_plan = OfPlan { draw, card, kind, benefits: Vec::new() };
    let count = 1 + of_plan.draw.upto(2);
    for id in &BENEFITS[..count] {
        let benefit = of_plan.benefit(id);
        of_plan.benefits.push(benefit);
    }
    of_plan.finished()
}

/// The plan that is being drawn up.
struct OfPlan<'a> {
    draw: &'a mut Draw,
    card: Arc<PackCard>,
    kind: PayerKind,
    benefits: Vec<Benefit>,
}

impl OfPlan<'_> {
    fn is_commercial(&self) -> bool {
        self.kind == PayerKind::Commercial
    }

    fn finished(mut self) -> Plan {
        let is_commercial = self.is_commercial();
        let term =
            if is_commercial { self.draw.of(&[Period::Year, Period::PolicyPeriod]) } else { Period::Year };
        let tail = if is_commercial && self.draw.one_in(2) {
            Tail::Days(self.whole_number(&[0, 3, 5]))
        } else {
            Tail::UntilDischarge
        };
        let account = if !is_commercial && self.draw.one_in(2) { self.purse_rules() } else { Vec::new() };
        let version_by = if is_commercial {
            self.draw.of(&[VersionBy::DateRule, VersionBy::PolicyPeriod])
        } else {
            VersionBy::DateRule
        };
        let date_rule = self.draw.of(&[DateRule::Admission, DateRule::Settlement]);
        Plan {
            payer: payer(self.kind),
            card: self.card,
            date_rule,
            version_by,
            term,
            tail,
            scope: When::default(),
            benefits: self.benefits,
            account,
            schedule_amounts: Vec::new(),
            schedule_rates: Vec::new(),
            parameters: BTreeMap::new(),
        }
    }

    fn purse_rules(&mut self) -> Vec<PurseRule> {
        let mut purses = Purse::ALL.to_vec();
        if self.draw.one_in(2) {
            purses.reverse();
        }
        purses.truncate(1 + self.draw.upto(2));
        purses.into_iter().map(|purse| PurseRule { purse, pools: self.pools() }).collect()
    }

    fn benefit(&mut self, id: &str) -> Benefit {
        let payer = payer(self.kind);
        let card = Arc::new(BenefitCard {
            id: id.into(),
            name_zh: "".into(),
            name_en: "".into(),
            clause: "".into(),
            payer,
            origin: Origin::Pack(self.card.clone()),
        });
        let pays = match self.draw.upto(9) {
            0 => Pays::PerDiem(self.per_diem()),
            1 | 2 => Pays::LumpSum(self.lump_sum(id)),
            _ => Pays::Reimbursement(Box::new(self.reimbursement(id))),
        };
        let gate = self.gate();
        Benefit::new(card, gate, pays)
    }

    fn gate(&mut self) -> Gate {
        let when = if self.draw.one_in(5) { conditions(self.draw) } else { When::default() };
        let waiting = self.draw.one_in(8).then(|| Waiting {
            days: self.whole_number(&[0, 30, 60, 61]),
            not_for: if self.draw.one_in(2) { vec![self.cause()] } else { Vec::new() },
        });
        let prior_approval = self.draw.one_in(12).then(|| self.answer());
        let opens_after = if self.draw.one_in(8) { self.opens_after() } else { None };
        Gate { when, waiting, prior_approval, opens_after }
    }

    /// What must be used up first: a cap of a benefit before, or what that benefit pays at all.
    fn opens_after(&mut self) -> Option<OpensAfter> {
        if self.benefits.is_empty() {
            return None;
        }
        let before = self.draw.of(&self.benefits);
        if let Pays::Reimbursement(reimbursement) = &before.pays
            && let Some(Limit::Cap(cap)) = reimbursement.limits.first()
        {
            return Some(OpensAfter { cap: cap.clone() });
        }
        let account = before.card.id.clone();
        let (period, limit) = (self.period_kept(), self.amount());
        Some(OpensAfter { cap: Cap { period, limit, account, shared_by: SharedBy::Person } })
    }

    fn reimbursement(&mut self, id: &str) -> Reimbursement {
        let period = if self.draw.one_in(3) { self.period_kept() } else { Period::Visit };
        let mut band_edges = self.draw.of(&[BandEdges::Base, BandEdges::Excess]);
        let deductible = match period {
            Period::Visit => self.draw.one_in(2).then(|| self.deductible(id)),
            period => self.draw.one_in(2).then(|| self.deductible_of_the_period(id, period)),
        };
        let is_plain = |deductible: &Deductible| {
            deductible.rule == DeductibleRule::PerVisit
                && deductible.filled_by == FilledBy::Own
                && deductible.group.is_none()
        };
        if period == Period::Visit && !deductible.as_ref().is_none_or(is_plain) {
            band_edges = BandEdges::Excess;
        }
        let limits = (0..self.draw.upto(2)).map(|place| self.limit(id, place)).collect();
        let factors = if self.draw.one_in(3) {
            (0..=self.draw.upto(1)).map(|_| self.factor()).collect()
        } else {
            vec![]
        };
        Reimbursement {
            base: self.base(period),
            deductible,
            band_edges,
            bands: self.bands(),
            factors,
            limits,
        }
    }

    fn base(&mut self, period: Period) -> Base {
        let mut limits = Vec::new();
        if self.draw.one_in(3) {
            for id in ["l1", "l2"].into_iter().take(1 + self.draw.upto(1)) {
                limits.push(self.inner_limit(id));
            }
        }
        let lines = if self.draw.one_in(3) { self.selector() } else { LineSelector::default() };
        let amounts = self.draw.of(&[Amounts::Net, Amounts::Gross]);
        let continues = if self.draw.one_in(3) { self.reimbursing() } else { None };
        Base { pools: self.pools(), lines, amounts, period, limits, continues }
    }

    /// An earlier benefit that reimburses.
    fn reimbursing(&mut self) -> Option<Arc<str>> {
        let earlier = self.benefits.iter().filter(|benefit| matches!(benefit.pays, Pays::Reimbursement(_)));
        let ids: Vec<Arc<str>> = earlier.map(|benefit| benefit.card.id.clone()).collect();
        if ids.is_empty() { None } else { Some(ids[self.draw.upto(ids.len() - 1)].clone()) }
    }

    fn pools(&mut self) -> Vec<Pool> {
        let mut pools: Vec<Pool> = Pool::ALL.into_iter().filter(|_| self.draw.one_in(2)).collect();
        if !pools.contains(&Pool::InScope) && !self.draw.one_in(5) {
            pools.push(Pool::InScope);
        }
        if pools.is_empty() { vec![Pool::InScope] } else { pools }
    }

    fn selector(&mut self) -> LineSelector {
        let mut selector = LineSelector::default();
        match self.draw.upto(3) {
            0 => {
                let codes = self.draw.some(&CATEGORIES);
                selector.categories = codes.into_iter().filter_map(FeeCategory::from_code).collect();
            }
            1 => selector.tags = words(self.draw.some(&TAGS)),
            2 => selector.not_tags = words(self.draw.some(&TAGS)),
            _ => selector.listed = Some(self.item_list()),
        }
        selector
    }

    fn item_list(&mut self) -> ItemList {
        let turn = plus_days(around(), self.draw.between(-5, 5));
        let mut items = Vec::new();
        // In code order, one item in two spans with a day between them.
        for code in &ITEMS[..=self.draw.upto(1)] {
            let (from, until) = (plus_days(turn, -400), plus_days(turn, 400));
            items.push(ListedItem { code: (*code).into(), from, until: turn });
            if self.draw.one_in(2) {
                items.push(ListedItem { code: (*code).into(), from: plus_days(turn, 1), until });
            }
        }
        let date = match self.draw.upto(2) {
            0 => ListDate::Visit(DateRule::Admission),
            1 => ListDate::Visit(DateRule::Settlement),
            _ => ListDate::Expense,
        };
        ItemList { citation: citation(), items, date }
    }

    fn inner_limit(&mut self, id: &str) -> InnerLimit {
        let lines = if self.draw.one_in(3) { self.selector() } else { LineSelector::default() };
        let amount = if self.draw.one_in(2) {
            LimitAmount::Money(self.amount())
        } else {
            LimitAmount::Times(self.whole_number(&[0, 1, 2, 3, 5]))
        };
        let (per, period) = self.limit_scope();
        InnerLimit { id: id.into(), lines, per, period, amount }
    }

    /// What a limit is counted for, and over what: for each line or day only over a visit.
    fn limit_scope(&mut self) -> (LimitPer, Period) {
        let per = self.draw.of(&LimitPer::ALL);
        let is_of_visit = matches!(per, LimitPer::Line | LimitPer::Day);
        (per, if is_of_visit { Period::Visit } else { self.period() })
    }

    fn deductible(&mut self, id: &str) -> Deductible {
        let rule = self.draw.of(&[
            DeductibleRule::PerVisit,
            DeductibleRule::PerVisit,
            DeductibleRule::Once,
            DeductibleRule::Once,
            DeductibleRule::HighestLessCharged,
        ]);
        let period = match rule {
            DeductibleRule::PerVisit => Period::Visit,
            DeductibleRule::Once => self.period_kept(),
            DeductibleRule::HighestLessCharged => Period::Year,
        };
        let is_shared = rule != DeductibleRule::PerVisit && self.draw.one_in(3);
        Deductible {
            rule,
            period,
            standard: self.standard(),
            decrease: self.draw.one_in(4).then(|| Decrease { by: self.amount(), floor: self.amount() }),
            account: if is_shared { SHARED_DEDUCTIBLE } else { id }.into(),
            shared_by: if rule == DeductibleRule::PerVisit { SharedBy::Person } else { self.shared_by() },
            filled_by: self.draw.of(&[FilledBy::Own, FilledBy::Own, FilledBy::OwnAndCommercial]),
            group: self.draw.one_in(4).then(|| self.group()),
        }
    }

    /// Now and then a pack without a row for the case: a fault.
    fn standard(&mut self) -> Parameter<Money> {
        let mut standard = self.amount();
        if self.draw.one_in(60) {
            standard = standard.with_rows(vec![(conditions(self.draw), Value::Fixed(self.draw.money()))]);
        }
        standard
    }

    fn deductible_of_the_period(&mut self, id: &str, period: Period) -> Deductible {
        Deductible {
            rule: DeductibleRule::Once,
            period,
            standard: self.amount(),
            decrease: None,
            account: id.into(),
            shared_by: SharedBy::Person,
            filled_by: FilledBy::Own,
            group: None,
        }
    }

    fn group(&mut self) -> DeductibleGroup {
        let (low, high) = (self.draw.fen(), self.draw.fen());
        let fixed = |amount: i64| Some(sure(Value::Fixed(Money::from_units(amount))));
        let (minimum, maximum) = (fixed(low.min(high)), fixed(low.max(high)));
        let (minimum, maximum) = match self.draw.upto(2) {
            0 => (minimum, None),
            1 => (None, maximum),
            _ => (minimum, maximum),
        };
        DeductibleGroup { id: DEDUCTIBLE_GROUP.into(), period: self.period_kept(), minimum, maximum }
    }

    fn bands(&mut self) -> Vec<Band> {
        let mut edges: Vec<Money> = (0..self.draw.upto(3)).map(|_| self.draw.money()).collect();
        edges.sort_unstable();
        edges.dedup();
        edges.retain(|edge| !edge.is_zero());
        let mut bands = Vec::new();
        let mut from = Money::ZERO;
        for edge in edges {
            bands.push(Band { from, until: Some(edge), edge: None, rate: self.rate() });
            from = edge;
        }
        bands.push(Band { from, until: None, edge: None, rate: self.rate() });
        bands
    }

    fn factor(&mut self) -> Factor {
        let rule = self.draw.of(&[FactorRule::Multiply, FactorRule::Multiply, FactorRule::Replace]);
        let mut rate = self.rate();
        if self.draw.one_in(2) {
            let value = Value::Fixed(self.draw.rate());
            rate = rate.with_rows(vec![(conditions(self.draw), value)]);
        }
        Factor { rule, rate }
    }

    fn limit(&mut self, id: &str, place: usize) -> Limit {
        if self.draw.one_in(4) {
            return Limit::Ceiling(self.rate());
        }
        if self.draw.one_in(4) {
            let lines = if self.draw.one_in(3) { self.selector() } else { LineSelector::default() };
            let (per, period) = self.limit_scope();
            return Limit::PaidFor(PaidLimit {
                id: format!("paid-{place}").into(),
                lines,
                per,
                period,
                limit: self.amount(),
            });
        }
        let account = if self.draw.one_in(3) { SHARED_LIMIT } else { id }.into();
        Limit::Cap(Cap { period: self.period(), limit: self.amount(), account, shared_by: self.shared_by() })
    }

    fn per_diem(&mut self) -> PerDiem {
        let days = self.draw.of(&[DayKind::Stay, DayKind::Stay, DayKind::Icu]);
        let rate = sure(Value::Fixed(Money::from_units(1 + self.draw.fen())));
        let waiting_days = self.draw.one_in(2).then(|| self.whole_number(&[0, 1, 3]));
        let stay_days = self.draw.one_in(2).then(|| self.whole_number(&[1, 3, 5]));
        let period_days = self.draw.one_in(2).then(|| (self.period(), self.whole_number(&[1, 5, 7])));
        PerDiem { days, rate, waiting_days, stay_days, period_days }
    }

    fn lump_sum(&mut self, id: &str) -> LumpSum {
        let on = self.draw.of(&[
            OccurrenceKind::Disability,
            OccurrenceKind::Diagnosis,
            OccurrenceKind::Disability,
            OccurrenceKind::Death,
            OccurrenceKind::Care,
        ]);
        let share = self.draw.one_in(2).then(|| self.rate_by_grade());
        let window_days = self.draw.one_in(3).then(|| self.whole_number(&[0, 30]));
        let accounts = [SHARED_LIMIT, "paid-before", "b1"];
        let less_paid = (self.is_commercial() && self.draw.one_in(3)).then(|| self.draw.of(&accounts));
        LumpSum {
            on,
            sum: self.amount(),
            share,
            paid_for: self.draw.of(&[PaidFor::Lifetime, PaidFor::Event, PaidFor::Month]),
            window_days,
            less_paid: less_paid.filter(|account| *account != id).map(Arc::from),
        }
    }

    fn rate_by_grade(&mut self) -> Parameter<Rate> {
        let share = self.rate();
        let mut rows = share.rows().to_vec();
        for grade in [1, 2] {
            let when = When { grade: vec![grade], ..When::default() };
            rows.insert(0, (when, Value::Fixed(self.draw.rate())));
        }
        share.with_rows(rows)
    }

    fn period(&mut self) -> Period {
        if self.draw.one_in(4) { Period::Visit } else { self.period_kept() }
    }

    fn period_kept(&mut self) -> Period {
        let public = [Period::Year, Period::Year, Period::Lifetime, Period::Event];
        if self.is_commercial() && self.draw.one_in(2) { Period::PolicyPeriod } else { self.draw.of(&public) }
    }

    fn shared_by(&mut self) -> SharedBy {
        self.draw.of(&[SharedBy::Person, SharedBy::Person, SharedBy::Family])
    }

    fn answer(&mut self) -> Answer {
        self.draw.of(&[Answer::Yes, Answer::No])
    }

    fn cause(&mut self) -> Cause {
        self.draw.of(&Cause::ALL)
    }

    fn amount(&mut self) -> Parameter<Money> {
        let is_of_policy = self.is_commercial() && self.draw.one_in(6);
        let value = |draw: &mut Draw| match is_of_policy {
            true => Value::OfPolicy(draw.of(&AMOUNTS).into()),
            false => Value::Fixed(draw.money()),
        };
        self.parameter(value)
    }

    fn rate(&mut self) -> Parameter<Rate> {
        let is_of_policy = self.is_commercial() && self.draw.one_in(8);
        let value = |draw: &mut Draw| match is_of_policy {
            true => Value::OfPolicy(RATIO.into()),
            false => Value::Fixed(draw.rate()),
        };
        self.parameter(value)
    }

    fn whole_number(&mut self, choices: &[u16]) -> Parameter<u16> {
        self.parameter(|draw| Value::Fixed(draw.of(choices)))
    }

    /// Now and then with rows that ask something; the last row always fits.
    fn parameter<T>(&mut self, value: impl Fn(&mut Draw) -> Value<T>) -> Parameter<T> {
        let last = (When::default(), value(self.draw));
        let mut rows = Vec::new();
        if self.draw.one_in(6) {
            rows.push((conditions(self.draw), value(self.draw)));
        }
        rows.push(last);
        Parameter::new(citation(), rows)
    }
}

/// A parameter with one row that always fits.
fn sure<T>(value: Value<T>) -> Parameter<T> {
    Parameter::new(citation(), vec![(When::default(), value)])
}

/// One for all: no case looks at it.
fn citation() -> Arc<Citation> {
    thread_local! {
        static CITATION: Arc<Citation> = Arc::new(Citation {
            parameter: "p".into(),
            source: "".into(),
            article: "".into(),
            grade: Grade::Assumed,
            condition: None,
        });
    }
    CITATION.with(Arc::clone)
}
