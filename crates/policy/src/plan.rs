//! The compiled form of a plan: what the core runs for every bill.
//!
//! Everything optional in a benefit is an `Option` or an empty list here, every number a [`Parameter`] with its
//! citation. It must not know TOML. Invariant: a compiled plan has no dangling name, no unit mix-up and ordered
//! bands; `crate::compile` is the only maker.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::{
    BenefitCard, Cause, Citation, Claim, Date, DateRule, DayKind, DeductibleRule, Event, FeeCategory,
    HospitalTier, LimitPer, Line, Money, Occurrence, OccurrenceKind, OutOfAreaFiling, PackCard, Payer,
    Period, Policy, Pool, PublicSettlement, Purse, Rate, Reason, Setting, Sex,
};

use crate::sheet;

/// Where care took place relative to the area of insurance (统筹区: the first four digits of the area code).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CareArea {
    /// In the insured's own pooling area.
    Local,
    /// Elsewhere, under this filing; nothing stated counts as unfiled.
    Elsewhere(OutOfAreaFiling),
}

impl CareArea {
    /// Where the claim's care took place.
    pub fn of(claim: &Claim) -> CareArea {
        let pooling_area = |admvs: &Arc<str>| admvs.get(..4).map(str::to_owned);
        let hospital = pooling_area(&claim.visit.hospital.mdtrtarea_admvs);
        if hospital == pooling_area(&claim.person.insurance.insuplc_admdvs) {
            CareArea::Local
        } else {
            CareArea::Elsewhere(claim.visit.filing.unwrap_or(OutOfAreaFiling::Unfiled))
        }
    }

    /// The word packs use: `local` or the filing's name.
    pub fn name(self) -> &'static str {
        match self {
            CareArea::Local => "local",
            CareArea::Elsewhere(filing) => filing.name(),
        }
    }

    /// The care area of that name.
    pub fn from_name(name: &str) -> Option<CareArea> {
        if name == "local" {
            return Some(CareArea::Local);
        }
        OutOfAreaFiling::from_name(name).map(CareArea::Elsewhere)
    }
}

/// What a rule is asked about: the claim, and for whom and when the rule reads it.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// The day that the plan goes by; for an event, the event's day.
    pub date: Date,
    /// What picks the version of the plan.
    pub version_by: VersionBy,
    /// The policy of a commercial layer.
    pub policy: Option<&'a Policy>,
    /// The event that a lump sum is asked for.
    pub event: Option<&'a Event>,
    /// The how-manieth visit of the benefit in the plan's term this is, from 1.
    pub visit_number: u16,
}

impl Circumstances<'_> {
    /// The day that dated rows of the plan are read on.
    fn version_date(&self) -> Date {
        match self.version_by {
            VersionBy::DateRule => self.date,
            VersionBy::PolicyPeriod => self.policy.and_then(|policy| policy.cover.from).unwrap_or(self.date),
        }
    }
}

/// Yes or no, where a rule asks for either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It holds.
    Yes,
    /// It does not.
    No,
}

impl Answer {
    /// The answer to a question.
    pub fn to(question: bool) -> Answer {
        if question { Answer::Yes } else { Answer::No }
    }
}

/// A half-open range of completed years of age, `[from, until)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgeRange {
    /// First age inside.
    pub from: i16,
    /// First age outside; `None`: no upper end.
    pub until: Option<i16>,
}

impl AgeRange {
    fn contains(&self, birthday: Option<Date>, day: Option<Date>) -> bool {
        let (Some(birthday), Some(day)) = (birthday, day) else { return false };
        let age = completed_years(birthday, day);
        self.from <= age && self.until.is_none_or(|until| age < until)
    }
}

/// Completed years between two days; a birthday on 29 February is completed on 1 March of other years.
pub fn completed_years(birthday: Date, day: Date) -> i16 {
    let years = day.year() - birthday.year();
    if (day.month(), day.day()) < (birthday.month(), birthday.day()) { years - 1 } else { years }
}

/// The day before which a registry entry is pre-existing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreExistingBefore {
    /// The first day of uninterrupted cover: a disease that began while insured is none.
    FirstCover,
    /// The first day of this policy period.
    ThisCover,
}

/// What makes a registry entry count as pre-existing for a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreExistingRule {
    /// Before which day.
    pub before: PreExistingBefore,
    /// What the rule asks for.
    pub answer: Answer,
    /// Disease codes, by prefix; empty: any.
    pub diseases: Vec<Arc<str>>,
    /// Only entries of so many years before that day, the first of them included; `None`: of any time before it.
    pub years: Option<i16>,
}

impl PreExistingRule {
    /// Whether the registry has an entry from before the first day of uninterrupted cover that the rule counts.
    fn holds(&self, circumstances: &Circumstances<'_>) -> bool {
        let policy = circumstances.policy;
        let first = match self.before {
            PreExistingBefore::FirstCover => policy.and_then(Policy::first_day),
            PreExistingBefore::ThisCover => policy.and_then(|policy| policy.cover.from),
        };
        let first = first.unwrap_or(circumstances.date);
        let last = first.yesterday().unwrap_or(first);
        circumstances.claim.person.pre_existing.iter().any(|entry| {
            entry.regdate < first
                && self.years.is_none_or(|years| completed_years(entry.regdate, last) < years)
                && (self.diseases.is_empty() || any_prefix(&self.diseases, &entry.dise_code))
        })
    }
}

/// Days before and after a stay that an outpatient visit must lie within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearStay {
    /// Before the first day of the stay.
    pub before_days: u16,
    /// After its last day.
    pub after_days: u16,
}

/// Conditions on a claim. An empty list asks nothing; a list is met by any of its members.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
    /// What the policy agreed.
    pub policy_terms: Vec<Arc<str>>,
    /// `insutype`, exact.
    pub insutype: Vec<Arc<str>>,
    /// `psn_type`, by prefix: live answers carry two, four or six digits for the same class.
    pub psn_type: Vec<Arc<str>>,
    /// Identity categories held on the rule's date.
    pub identity: Vec<Arc<str>>,
    /// Kinds of visit.
    pub setting: Vec<Setting>,
    /// Hospital tiers.
    pub tier: Vec<HospitalTier>,
    /// Hospitals, by `fixmedins_code`.
    pub hospitals: Vec<Arc<str>>,
    /// Where care took place.
    pub care_area: Vec<CareArea>,
    /// Whether basic insurance settles the visit.
    pub through_basic: Option<Answer>,
    /// Diagnosis codes, by prefix: of the visit, or of the event alone where that is a diagnosis.
    pub diagnosis: Vec<Arc<str>>,
    /// Diagnosis codes, by prefix, none of which may be there.
    pub not_diagnosis: Vec<Arc<str>>,
    /// Completed years on the date.
    pub age: Option<AgeRange>,
    /// Completed years on the first day of uninterrupted cover.
    pub age_insured: Option<AgeRange>,
    /// Sexes.
    pub sex: Vec<Sex>,
    /// Causes, any of which the visit must have.
    pub cause: Vec<Cause>,
    /// Causes, none of which the visit may have.
    pub not_cause: Vec<Cause>,
    /// An outpatient visit must lie within these days of its related stay; a stay itself always does.
    pub near_stay: Option<NearStay>,
    /// The registry of pre-existing conditions.
    pub pre_existing: Option<PreExistingRule>,
    /// At least so many years without a claim.
    pub claim_free_years: Option<u8>,
    /// At least the so-manieth visit of the benefit in the plan's term.
    pub visit_number: Option<u16>,
    /// The whole bill, `(over, up to)`: above the first, up to and including the second.
    pub bill_total: Option<(Money, Option<Money>)>,
    /// Grades of the event.
    pub grade: Vec<u8>,
    /// Days `[from, until)`, of the rule's date; of the first day of cover in a plan whose version that day picks.
    pub dates: Option<(Date, Date)>,
}

fn any_prefix(prefixes: &[Arc<str>], text: &str) -> bool {
    prefixes.iter().any(|prefix| text.starts_with(&**prefix))
}

impl When {
    /// The first condition that is not met, in the precedence of [`Reason`]; `None` when all are met.
    pub fn unmet(&self, circumstances: &Circumstances<'_>) -> Option<Reason> {
        self.unmet_cover(circumstances)
            .or_else(|| self.unmet_place(circumstances))
            .or_else(|| self.unmet_health(circumstances))
            .or_else(|| self.unmet_history(circumstances))
    }

    /// Whether all are met.
    pub fn is_met(&self, circumstances: &Circumstances<'_>) -> bool {
        self.unmet(circumstances).is_none()
    }

    fn unmet_cover(&self, circumstances: &Circumstances<'_>) -> Option<Reason> {
        let Circumstances { claim, date, policy, .. } = *circumstances;
        let insurance = &claim.person.insurance;
        if !self.policy_terms.is_empty() {
            let agreed = |term: &Arc<str>| policy.is_some_and(|policy| policy.terms.contains(term));
            if !self.policy_terms.iter().any(agreed) {
                return Some(Reason::PolicyTerms);
            }
        }
        if !self.insutype.is_empty() && !self.insutype.contains(&insurance.insutype) {
            return Some(Reason::InsuranceType);
        }
        if !self.psn_type.is_empty() && !any_prefix(&self.psn_type, &insurance.psn_type) {
            return Some(Reason::PersonType);
        }
        let held = |wanted: &Arc<str>| {
            let identities = &claim.person.identities;
            identities.iter().any(|held| held.psn_idet_type == *wanted && held.span.contains(date))
        };
        if !self.identity.is_empty() && !self.identity.iter().any(held) {
            return Some(Reason::IdentityCategory);
        }
        None
    }

    fn unmet_place(&self, circumstances: &Circumstances<'_>) -> Option<Reason> {
        let visit = &circumstances.claim.visit;
        if !self.setting.is_empty() && !self.setting.contains(&visit.setting) {
            return Some(Reason::VisitType);
        }
        if !self.tier.is_empty() && !self.tier.contains(&visit.hospital.tier) {
            return Some(Reason::HospitalTier);
        }
        if !self.hospitals.is_empty() && !self.hospitals.contains(&visit.hospital.fixmedins_code) {
            return Some(Reason::HospitalList);
        }
        if !self.care_area.is_empty() && !self.care_area.contains(&CareArea::of(circumstances.claim)) {
            return Some(Reason::CareArea);
        }
        let through = Answer::to(visit.public_settlement == PublicSettlement::Through);
        if self.through_basic.is_some_and(|wanted| wanted != through) {
            return Some(Reason::PublicSettlement);
        }
        None
    }

    fn unmet_health(&self, circumstances: &Circumstances<'_>) -> Option<Reason> {
        let Circumstances { claim, date, policy, event, .. } = *circumstances;
        let visit = &claim.visit;
        let diagnosed = |prefixes: &[Arc<str>]| match event.map(|event| &event.occurrence) {
            Some(Occurrence::Diagnosis { diag_code }) => any_prefix(prefixes, diag_code),
            _ => visit.diagnoses.iter().any(|diagnosis| any_prefix(prefixes, &diagnosis.diag_code)),
        };
        if !self.diagnosis.is_empty() && !diagnosed(&self.diagnosis) {
            return Some(Reason::Diagnosis);
        }
        if diagnosed(&self.not_diagnosis) {
            return Some(Reason::DiagnosisExcluded);
        }
        let birthday = claim.person.brdy;
        if self.age.is_some_and(|age| !age.contains(birthday, Some(date))) {
            return Some(Reason::Age);
        }
        let insured = policy.and_then(Policy::first_day);
        if self.age_insured.is_some_and(|age| !age.contains(birthday, insured)) {
            return Some(Reason::AgeInsured);
        }
        if !self.sex.is_empty() && !self.sex.contains(&claim.person.gend) {
            return Some(Reason::Sex);
        }
        let caused = |cause: &Cause| visit.has_cause(*cause);
        if (!self.cause.is_empty() && !self.cause.iter().any(caused)) || self.not_cause.iter().any(caused) {
            return Some(Reason::Cause);
        }
        None
    }

    fn unmet_history(&self, circumstances: &Circumstances<'_>) -> Option<Reason> {
        let Circumstances { claim, policy, event, visit_number, .. } = *circumstances;
        if self.near_stay.is_some_and(|near| !near.holds(claim)) {
            return Some(Reason::RelatedStay);
        }
        let registered = |rule: &PreExistingRule| Answer::to(rule.holds(circumstances)) == rule.answer;
        if self.pre_existing.as_ref().is_some_and(|rule| !registered(rule)) {
            return Some(Reason::PreExisting);
        }
        let claim_free = policy.map_or(0, |policy| policy.claim_free_years);
        if self.claim_free_years.is_some_and(|wanted| claim_free < wanted) {
            return Some(Reason::ClaimFreeYears);
        }
        if self.visit_number.is_some_and(|wanted| visit_number < wanted) {
            return Some(Reason::VisitNumber);
        }
        let total = claim.bill.medfee_sumamt();
        let outside =
            |(over, up_to): (Money, Option<Money>)| total <= over || up_to.is_some_and(|up_to| total > up_to);
        if self.bill_total.is_some_and(outside) {
            return Some(Reason::BillTotal);
        }
        let grade = event.and_then(Event::grade);
        if !self.grade.is_empty() && !grade.is_some_and(|grade| self.grade.contains(&grade)) {
            return Some(Reason::Grade);
        }
        let date = circumstances.version_date();
        if self.dates.is_some_and(|(from, until)| date < from || until <= date) {
            return Some(Reason::Dates);
        }
        None
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        // Taken apart, so that a condition added to the language cannot be forgotten here.
        let When {
            policy_terms,
            insutype,
            psn_type,
            identity,
            setting,
            tier,
            hospitals,
            care_area,
            through_basic,
            diagnosis,
            not_diagnosis,
            age,
            age_insured,
            sex,
            cause,
            not_cause,
            near_stay,
            pre_existing,
            claim_free_years,
            visit_number,
            bill_total,
            grade,
            dates,
        } = self;
        policy_terms.is_empty()
            && insutype.is_empty()
            && psn_type.is_empty()
            && identity.is_empty()
            && setting.is_empty()
            && tier.is_empty()
            && hospitals.is_empty()
            && care_area.is_empty()
            && through_basic.is_none()
            && diagnosis.is_empty()
            && not_diagnosis.is_empty()
            && age.is_none()
            && age_insured.is_none()
            && sex.is_empty()
            && cause.is_empty()
            && not_cause.is_empty()
            && near_stay.is_none()
            && pre_existing.is_none()
            && claim_free_years.is_none()
            && visit_number.is_none()
            && bill_total.is_none()
            && grade.is_empty()
            && dates.is_none()
    }
}

impl NearStay {
    fn holds(self, claim: &Claim) -> bool {
        let visit = &claim.visit;
        if visit.setting == Setting::Inpatient {
            return true;
        }
        let Some((first, last)) = visit.related_stay else { return false };
        let day = visit.begntime.date();
        let within = |days: i32, limit: u16| (0..=i32::from(limit)).contains(&days);
        within((first - day).get_days(), self.before_days) || within((day - last).get_days(), self.after_days)
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<T> {
    /// The pack says it.
    Fixed(T),
    /// The policy schedule has it under this name.
    OfPolicy(Arc<str>),
}

/// A cited number that may depend on the claim: the first row whose conditions are met decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter<T> {
    /// Where it comes from.
    pub citation: Arc<Citation>,
    rows: Vec<(When, Value<T>)>,
    /// The citation of each row, which tells its conditions in words.
    row_citations: Vec<Arc<Citation>>,
}

/// A type of number that a policy schedule can carry.
pub trait OnSchedule: Copy {
    /// The number of that name on the schedule.
    fn of(policy: &Policy, name: &str) -> Option<Self>;
}

impl OnSchedule for Money {
    fn of(policy: &Policy, name: &str) -> Option<Money> {
        policy.amount(name)
    }
}

impl OnSchedule for Rate {
    fn of(policy: &Policy, name: &str) -> Option<Rate> {
        policy.rate(name)
    }
}

impl OnSchedule for u16 {
    /// Days and times are the pack's.
    fn of(_: &Policy, _: &str) -> Option<u16> {
        None
    }
}

impl<T> Parameter<T> {
    /// A number with these rows.
    pub fn new(citation: Arc<Citation>, rows: Vec<(When, Value<T>)>) -> Parameter<T> {
        let row_citations = rows
            .iter()
            .map(|(when, _)| match sheet::condition(when) {
                None => citation.clone(),
                condition => Arc::new(Citation { condition, ..Citation::clone(&citation) }),
            })
            .collect();
        Parameter { citation, rows, row_citations }
    }

    /// Conditions and value, in order of precedence.
    pub fn rows(&self) -> &[(When, Value<T>)] {
        &self.rows
    }

    /// With these rows instead.
    #[must_use]
    pub fn with_rows(self, rows: Vec<(When, Value<T>)>) -> Parameter<T> {
        Parameter::new(self.citation, rows)
    }

    fn asks_visit_number(&self) -> bool {
        self.rows.iter().any(|(when, _)| when.visit_number.is_some())
    }
}

impl<T: OnSchedule> Parameter<T> {
    /// The value for the claim; `None` when no row fits, or the schedule lacks it.
    pub fn value(&self, circumstances: &Circumstances<'_>) -> Option<T> {
        self.cited(circumstances).map(|(value, _)| value)
    }

    /// The value with the citation of its row.
    pub fn cited(&self, circumstances: &Circumstances<'_>) -> Option<(T, &Arc<Citation>)> {
        let place = self.rows.iter().position(|(when, _)| when.is_met(circumstances))?;
        let value = match &self.rows[place].1 {
            Value::Fixed(value) => *value,
            Value::OfPolicy(name) => T::of(circumstances.policy?, name)?,
        };
        Some((value, &self.row_citations[place]))
    }
}

/// The date that decides whether an item is on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListDate {
    /// The day of the expense.
    Expense,
    /// The day of the visit that the rule names: the version of the list is then one for the whole bill.
    Visit(DateRule),
}

/// An item on a list, from a day to a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedItem {
    /// `med_list_codg`.
    pub code: Arc<str>,
    /// First day.
    pub from: Date,
    /// First day after.
    pub until: Date,
}

/// A list of items (特药目录 and the like).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemList {
    /// Where it comes from.
    pub citation: Arc<Citation>,
    /// In code order.
    pub items: Vec<ListedItem>,
    /// Which day an item must be listed on.
    pub date: ListDate,
}

impl ItemList {
    fn has(&self, line: &Line, claim: &Claim) -> bool {
        let day = match self.date {
            ListDate::Expense => line.fee_ocur_time.date(),
            ListDate::Visit(rule) => claim.visit.date(rule),
        };
        let start = self.items.partition_point(|item| item.code < line.med_list_codg);
        let same = self.items[start..].iter().take_while(|item| item.code == line.med_list_codg);
        same.into_iter().any(|item| item.from <= day && day < item.until)
    }
}

/// Which lines count. Empty lists ask nothing; a line must meet all that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineSelector {
    /// Fee categories.
    pub categories: Vec<FeeCategory>,
    /// Tags, any of which the line must carry.
    pub tags: Vec<Arc<str>>,
    /// Tags, none of which it may carry.
    pub not_tags: Vec<Arc<str>>,
    /// The list that the item must be on.
    pub listed: Option<ItemList>,
}

impl LineSelector {
    /// Whether every line counts.
    pub fn is_empty(&self) -> bool {
        self.categories.is_empty()
            && self.tags.is_empty()
            && self.not_tags.is_empty()
            && self.listed.is_none()
    }

    /// Whether the line counts. A refund is asked about by its charge.
    pub fn selects(&self, line: &Line, claim: &Claim) -> bool {
        (self.categories.is_empty() || self.categories.contains(&line.med_chrgitm_type))
            && (self.tags.is_empty() || self.tags.iter().any(|tag| line.tags.contains(tag)))
            && !self.not_tags.iter().any(|tag| line.tags.contains(tag))
            && self.listed.as_ref().is_none_or(|list| list.has(line, claim))
    }
}

/// Which amounts of a line count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amounts {
    /// What earlier benefits left.
    Net,
    /// As charged, whatever earlier benefits paid.
    Gross,
}

/// How much an inner limit lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitAmount {
    /// An amount, CNY.
    Money(Parameter<Money>),
    /// So many units of `cnt`; what is left of a unit counts as one.
    Times(Parameter<u16>),
}

/// A limit inside the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InnerLimit {
    /// Names its accumulators within the benefit.
    pub id: Arc<str>,
    /// Which of the lines of the base it concerns.
    pub lines: LineSelector,
    /// What it is counted for.
    pub per: LimitPer,
    /// Over what.
    pub period: Period,
    /// How much.
    pub amount: LimitAmount,
}

/// What a benefit counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Which parts of a line.
    pub pools: Vec<Pool>,
    /// Which lines.
    pub lines: LineSelector,
    /// Gross or net.
    pub amounts: Amounts,
    /// This visit alone, or accumulated over a period.
    pub period: Period,
    /// Limits inside, in order; each takes what the ones before let through.
    pub limits: Vec<InnerLimit>,
    /// An earlier benefit of the plan that this one goes on behind: no more counts than limits left unused of its base.
    pub continues: Option<Arc<str>>,
}

/// Whose accumulator counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedBy {
    /// The person's own.
    Person,
    /// The family's, for a person who has one.
    Family,
}

/// Who fills a deductible besides the benefit's own base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilledBy {
    /// Nobody: only what the benefit counts and public money left.
    Own,
    /// What earlier commercial layers paid of the same lines fills it too.
    OwnAndCommercial,
}

/// A standard that falls with every visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decrease {
    /// How much it falls with each visit after the first, CNY.
    pub by: Parameter<Money>,
    /// What it never falls below, CNY.
    pub floor: Parameter<Money>,
}

/// The deductibles of several benefits together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeductibleGroup {
    /// Names its accumulator within the pack.
    pub id: Arc<str>,
    /// Over what; not a visit.
    pub period: Period,
    /// At least so much is charged by the group, as far as the base goes, CNY.
    pub minimum: Option<Parameter<Money>>,
    /// At most so much, CNY.
    pub maximum: Option<Parameter<Money>>,
}

/// What comes off first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deductible {
    /// How much stands in the way.
    pub rule: DeductibleRule,
    /// Over what the accumulator runs; `Visit` goes with `PerVisit`.
    pub period: Period,
    /// The standard, CNY.
    pub standard: Parameter<Money>,
    /// How the standard falls with the number of the visit.
    pub decrease: Option<Decrease>,
    /// Names the accumulator within the pack: the benefit's own id, or a name that several benefits share.
    pub account: Arc<str>,
    /// Whose accumulator.
    pub shared_by: SharedBy,
    /// Who fills it.
    pub filled_by: FilledBy,
    /// The group whose minimum and maximum hold.
    pub group: Option<DeductibleGroup>,
}

/// Where the edges of the bands are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandEdges {
    /// Over the whole base, the deductible included: "25,000 to 100,000".
    Base,
    /// Over what exceeds the deductible: "the first 30,000 above it".
    Excess,
}

/// One marginal segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// Lower edge, CNY.
    pub from: Money,
    /// Upper edge, CNY; `None` for the last.
    pub until: Option<Money>,
    /// Where the upper edge comes from.
    pub edge: Option<Arc<Citation>>,
    /// Its rate.
    pub rate: Parameter<Rate>,
}

/// How a factor acts. It acts only where one of its parameter's rows fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorRule {
    /// Multiplies what the bands gave, rounded.
    Multiply,
    /// Takes the place of every band's rate.
    Replace,
}

/// A rate that changes what the bands give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// How.
    pub rule: FactorRule,
    /// The rate.
    pub rate: Parameter<Rate>,
}

/// A limit on what is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// On what one accumulator counts as paid.
    Cap(Cap),
    /// On what all layers together pay of the bill: `round(rate x medfee_sumamt)`.
    Ceiling(Parameter<Rate>),
    /// On what is paid for each item, operation and the like.
    PaidFor(PaidLimit),
}

/// A limit on what is paid for one line, item, category, operation or day, or for some lines together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidLimit {
    /// Names its accumulators within the benefit.
    pub id: Arc<str>,
    /// Which of the lines of the base it concerns.
    pub lines: LineSelector,
    /// What it is counted for.
    pub per: LimitPer,
    /// Over what.
    pub period: Period,
    /// The limit, CNY.
    pub limit: Parameter<Money>,
}

/// A limit on what a benefit, a group of benefits, the plan or a family is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// Over what.
    pub period: Period,
    /// The limit, CNY.
    pub limit: Parameter<Money>,
    /// Names the accumulator within the pack: the benefit's own id, or a name that several benefits share.
    pub account: Arc<str>,
    /// Whose accumulator.
    pub shared_by: SharedBy,
}

/// A waiting period (等待期).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Days from the first day of uninterrupted cover on which nothing is paid.
    pub days: Parameter<u16>,
    /// Causes that it does not hold for. A renewal never waits, because its first day lies back.
    pub not_for: Vec<Cause>,
}

/// The cap that must be used up before a benefit opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpensAfter {
    /// The cap: period, limit and accumulator.
    pub cap: Cap,
}

/// What is asked before a benefit looks at amounts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gate {
    /// Who and what it applies to.
    pub when: When,
    /// The waiting period.
    pub waiting: Option<Waiting>,
    /// Whether the policy must carry the insurer's approval of this benefit.
    pub prior_approval: Option<Answer>,
    /// What must be used up first.
    pub opens_after: Option<OpensAfter>,
}

impl Gate {
    fn asks_visit_number(&self) -> bool {
        self.when.visit_number.is_some()
            || self.waiting.iter().any(|waiting| waiting.days.asks_visit_number())
            || self.opens_after.iter().any(|opens_after| opens_after.cap.limit.asks_visit_number())
    }
}

/// A benefit that reimburses cost: it never pays more than what is left on its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reimbursement {
    /// What it counts.
    pub base: Base,
    /// What comes off first.
    pub deductible: Option<Deductible>,
    /// Where the bands are measured.
    pub band_edges: BandEdges,
    /// At least one, in order, without gaps.
    pub bands: Vec<Band>,
    /// Change what the bands give: replacing ones first, then multiplying ones in order.
    pub factors: Vec<Factor>,
    /// Cut what the factors gave, in order.
    pub limits: Vec<Limit>,
}

/// An allowance for every day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerDiem {
    /// Which days.
    pub days: DayKind,
    /// CNY a day.
    pub rate: Parameter<Money>,
    /// Days of each stay that are not paid.
    pub waiting_days: Option<Parameter<u16>>,
    /// Days paid for one stay at most.
    pub stay_days: Option<Parameter<u16>>,
    /// Days paid over a period at most.
    pub period_days: Option<(Period, Parameter<u16>)>,
}

/// How often a lump sum is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaidFor {
    /// Once for ever.
    Lifetime,
    /// Once for each event.
    Event,
    /// Once for each calendar month of the event's day.
    Month,
}

/// A sum paid for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LumpSum {
    /// The kind of event.
    pub on: OccurrenceKind,
    /// The sum, CNY.
    pub sum: Parameter<Money>,
    /// The share of it that is paid, by grade and the like; `None`: all of it. A grade that stood before is taken off:
    /// the share of the prior grade is subtracted.
    pub share: Option<Parameter<Rate>>,
    /// How often.
    pub paid_for: PaidFor,
    /// The event must lie within so many days after its accident.
    pub window_days: Option<Parameter<u16>>,
    /// What this accumulator of the policy period has as paid is taken off, and the payment added to it.
    pub less_paid: Option<Arc<str>>,
}

/// What a benefit pays, and how it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pays {
    /// A part of the bill.
    Reimbursement(Box<Reimbursement>),
    /// So much a day, to the person.
    PerDiem(PerDiem),
    /// So much for an event, to the person.
    LumpSum(LumpSum),
}

/// Whether the number of the visit matters to a benefit, so that visits must be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisitCount {
    /// It does.
    Kept,
    /// Nothing asks for it.
    NotKept,
}

/// One responsibility (责任) of a plan: the machine of design section 5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Benefit {
    /// How results cite it.
    pub card: Arc<BenefitCard>,
    /// What is asked first.
    pub gate: Gate,
    /// What it pays.
    pub pays: Pays,
    /// Where what it pays may jump; the core never looks here.
    pub jumps: Vec<Jump>,
    pub(crate) visit_count: VisitCount,
}

/// Where a benefit's payment may jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JumpOf {
    /// Behind an amount of the whole bill.
    Bill(Money),
    /// Behind an amount of the benefit's base.
    Base(Money),
    /// Where it opens, another benefit's limit being used up.
    Opening,
}

/// A jump that the plan declares, so that nobody takes it for a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jump {
    /// Where.
    pub of: JumpOf,
    /// What says so.
    pub citation: Arc<Citation>,
}

impl Benefit {
    /// A benefit of these parts.
    pub fn new(card: Arc<BenefitCard>, gate: Gate, pays: Pays) -> Benefit {
        let kept = match &pays {
            Pays::Reimbursement(terms) => gate.asks_visit_number() || terms.asks_visit_number(),
            Pays::PerDiem(_) | Pays::LumpSum(_) => false,
        };
        let visit_count = if kept { VisitCount::Kept } else { VisitCount::NotKept };
        Benefit { card, gate, pays, jumps: Vec::new(), visit_count }
    }

    /// The same benefit with these declared jumps.
    pub fn with_jumps(self, jumps: Vec<Jump>) -> Benefit {
        Benefit { jumps, ..self }
    }

    /// Whether its visits are counted.
    pub fn visit_count(&self) -> VisitCount {
        self.visit_count
    }
}

impl Reimbursement {
    fn asks_visit_number(&self) -> bool {
        let deductible = self.deductible.iter().any(|deductible| {
            deductible.decrease.is_some()
                || deductible.standard.asks_visit_number()
                || deductible
                    .group
                    .iter()
                    .any(|group| group.minimum.iter().chain(&group.maximum).any(Parameter::asks_visit_number))
        });
        deductible
            || self.bands.iter().any(|band| band.rate.asks_visit_number())
            || self.factors.iter().any(|factor| factor.rate.asks_visit_number())
            || self.limits.iter().any(|limit| match limit {
                Limit::Cap(cap) => cap.limit.asks_visit_number(),
                Limit::Ceiling(rate) => rate.asks_visit_number(),
                Limit::PaidFor(limit) => limit.limit.asks_visit_number(),
            })
            || self.base.limits.iter().any(|limit| match &limit.amount {
                LimitAmount::Money(amount) => amount.asks_visit_number(),
                LimitAmount::Times(times) => times.asks_visit_number(),
            })
    }
}

/// Which parts of the patient's share one account may pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurseRule {
    /// The account.
    pub purse: Purse,
    /// Parts of a line.
    pub pools: Vec<Pool>,
}

/// How far a stay that crosses the end of the cover is covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// Until discharge.
    UntilDischarge,
    /// Expenses of so many days after the last day of cover still count; later ones do not.
    Days(Parameter<u16>),
}

/// The number of a parameter, by its unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatedNumber {
    /// `CNY`.
    Amount(Parameter<Money>),
    /// `ratio`.
    Ratio(Parameter<Rate>),
    /// `days`.
    Days(Parameter<u16>),
    /// `times`.
    Times(Parameter<u16>),
}

/// A parameter as the plan states it. The core never looks here; benefits hold their own copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// Conditions and values.
    pub number: StatedNumber,
    /// The parameter of another pack that it stands for, `authority/product#parameter`.
    pub same_as: Option<Arc<str>>,
}

/// What picks the version of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionBy {
    /// The plan's date rule.
    DateRule,
    /// The first day of the policy period: what was sold stays as it was sold.
    PolicyPeriod,
}

/// One version of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How results cite it.
    pub card: Arc<PackCard>,
    /// Who owes what its benefits pay.
    pub payer: Payer,
    /// The date of the visit that the plan goes by: benefit year, cover, conditions.
    pub date_rule: DateRule,
    /// What picks the version.
    pub version_by: VersionBy,
    /// What the plan counts visits and its own payments over: the year, or the policy period.
    pub term: Period,
    /// How far a stay that crosses the end of the cover is covered.
    pub tail: Tail,
    /// What the plan can decide at all; a claim outside is refused, not denied.
    pub scope: When,
    /// Its responsibilities, in the order in which they pay; none in a pack that only holds parameters for others.
    pub benefits: Vec<Benefit>,
    /// Set by the plan of basic insurance: which accounts pay what, in order; empty: none pays.
    pub account: Vec<PurseRule>,
    /// Amounts that a policy of the product must carry on its schedule.
    pub schedule_amounts: Vec<Arc<str>>,
    /// Ratios that it must carry.
    pub schedule_rates: Vec<Arc<str>>,
    /// Every parameter by its name in the pack: what is shown and compared, and what other packs point at.
    pub parameters: BTreeMap<Arc<str>, Stated>,
}

impl Plan {
    /// Whether any benefit counts on an account of that name: its own, or one that is shared.
    pub fn counts_on(&self, account: &str) -> bool {
        self.benefits.iter().any(|benefit| benefit.counts_on(account))
    }

    /// Whether any benefit pays less, or not at all, for what was paid on an account of that name.
    pub fn caps(&self, account: &str) -> bool {
        let is = |name: &Arc<str>| **name == *account;
        self.benefits.iter().any(|benefit| match &benefit.pays {
            Pays::Reimbursement(terms) => {
                terms.limits.iter().any(|limit| matches!(limit, Limit::Cap(cap) if is(&cap.account)))
            }
            Pays::PerDiem(_) => false,
            Pays::LumpSum(terms) => terms.less_paid.iter().any(is),
        })
    }
}

impl Benefit {
    fn counts_on(&self, account: &str) -> bool {
        let is = |name: &Arc<str>| **name == *account;
        if is(&self.card.id) {
            return true;
        }
        match &self.pays {
            Pays::Reimbursement(terms) => {
                let of_deductible = terms.deductible.iter().any(|deductible| {
                    is(&deductible.account) || deductible.group.iter().any(|group| is(&group.id))
                });
                let of_cap = |limit: &Limit| matches!(limit, Limit::Cap(cap) if is(&cap.account));
                of_deductible || terms.limits.iter().any(of_cap)
            }
            Pays::PerDiem(_) => false,
            Pays::LumpSum(terms) => terms.less_paid.iter().any(is),
        }
    }
}
