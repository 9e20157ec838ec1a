//! The circumstances of a claim, as far as plans can tell them apart.
//!
//! The plainest facts are those of an adult in a tertiary hospital of the own area. A [`Fact`] changes one of them;
//! words for the facts that are not plain stand here too. It must not know amounts.

use std::sync::Arc;

use bedside_claim::{
    Cause, HospitalTier, Lang, Occurrence, OccurrenceKind, OutOfAreaFiling, PublicSettlement, Setting, Sex,
};
use bedside_policy::CareArea;

/// What happened beside the bill, with days before the day of the visit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Happening {
    /// The kind.
    pub kind: OccurrenceKind,
    /// The grade, of a disability or of care.
    pub grade: u8,
    /// The diagnosis.
    pub diag_code: Arc<str>,
}

impl Happening {
    /// The kind's plainest happening.
    pub fn plain(kind: OccurrenceKind) -> Happening {
        Happening { kind, grade: 1, diag_code: "C34.9".into() }
    }

    /// As an event has it; an accident lies on the same day.
    pub fn occurrence(&self, day: bedside_claim::Date) -> Occurrence {
        match self.kind {
            OccurrenceKind::Diagnosis => Occurrence::Diagnosis { diag_code: self.diag_code.clone() },
            OccurrenceKind::Disability => Occurrence::Disability {
                grade: self.grade.clamp(1, 10),
                prior_grade: None,
                accident_date: Some(day),
            },
            OccurrenceKind::Death => Occurrence::Death { accident_date: Some(day) },
            OccurrenceKind::Care => Occurrence::Care { grade: self.grade.clamp(1, 10) },
        }
    }
}

/// An entry of the registry of pre-existing conditions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Registered {
    /// The disease.
    pub dise_code: Arc<str>,
    /// Whole years before the day that the plan counts from.
    pub years_before: i16,
    /// Whether that is the first day of this cover, not of the first one.
    pub is_of_this_cover: bool,
}

/// The circumstances of a claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Facts {
    /// Which of the stage's programmes.
    pub scene: usize,
    /// The hospital's tier.
    pub tier: HospitalTier,
    /// The kind of visit.
    pub setting: Setting,
    /// Where care took place.
    pub care_area: CareArea,
    /// Whether basic insurance settles the visit.
    pub public_settlement: PublicSettlement,
    /// `psn_type`.
    pub psn_type: Arc<str>,
    /// An identity category.
    pub identity: Option<Arc<str>>,
    /// What the policy agreed.
    pub terms: Vec<Arc<str>>,
    /// The hospital, where one is named.
    pub hospital: Option<Arc<str>>,
    /// The diagnosis.
    pub diagnosis: Arc<str>,
    /// Completed years on the day of the visit.
    pub age: i16,
    /// Completed years on the first day of cover; `None`: as it comes out.
    pub age_insured: Option<i16>,
    /// The sex.
    pub sex: Sex,
    /// What the treatment goes back to; `None`: an illness.
    pub cause: Option<Cause>,
    /// Whether an outpatient visit belongs to a stay of the week before.
    pub has_related_stay: bool,
    /// The registry.
    pub registered: Option<Registered>,
    /// Years without a claim.
    pub claim_free_years: u8,
    /// The how-manieth visit it is: earlier ones, of one yuan each, come before it.
    pub visit_number: u16,
    /// Whether the waiting period is over.
    pub has_waited: bool,
    /// Whether the insurer approved every benefit in advance.
    pub is_approved: bool,
    /// What happened beside the bill.
    pub happening: Option<Happening>,
    /// Days of the stay.
    pub stay_days: u16,
    /// Days in intensive care.
    pub icu_days: u16,
    /// Days between the scene's day and the visit.
    pub day_offset: i32,
}

/// Where nothing is asked.
const PSN_TYPE: &str = "11";
/// Pneumonia, which hardly a rule names.
pub(crate) const DIAGNOSIS: &str = "J18.9";

impl Facts {
    /// The plainest facts in one of the stage's programmes.
    pub fn plain(scene: usize) -> Facts {
        Facts {
            scene,
            tier: HospitalTier::Tertiary,
            setting: Setting::Inpatient,
            care_area: CareArea::Local,
            public_settlement: PublicSettlement::Through,
            psn_type: PSN_TYPE.into(),
            identity: None,
            terms: Vec::new(),
            hospital: None,
            diagnosis: DIAGNOSIS.into(),
            age: 40,
            age_insured: None,
            sex: Sex::Male,
            cause: None,
            has_related_stay: false,
            registered: None,
            claim_free_years: 0,
            visit_number: 1,
            has_waited: true,
            is_approved: false,
            happening: None,
            stay_days: 7,
            icu_days: 0,
            day_offset: 0,
        }
    }

    /// The facts changed by each of these.
    pub fn with(mut self, changes: &[Fact]) -> Facts {
        for change in changes {
            change.apply(&mut self);
        }
        self
    }

    /// The facts that are not plain, in words; the programme where there are several.
    pub fn text(&self, lang: Lang) -> String {
        let plain = Facts::plain(self.scene);
        let mut words = vec![tier(self.tier, lang).to_owned(), setting(self.setting, lang).to_owned()];
        let mut add = |is_said: bool, zh: String, en: String| {
            if is_said {
                words.push(if lang == Lang::Zh { zh } else { en });
            }
        };
        let area = care_area(self.care_area);
        add(self.care_area != plain.care_area, area.0.to_owned(), area.1.to_owned());
        let without = self.public_settlement == PublicSettlement::Without;
        add(without, "未经基本医保".to_owned(), "without basic insurance".to_owned());
        let psn_type = &self.psn_type;
        add(*psn_type != plain.psn_type, format!("人员类别 {psn_type}"), format!("person type {psn_type}"));
        if let Some(identity) = &self.identity {
            add(true, format!("身份 {identity}"), format!("identity {identity}"));
        }
        for term in &self.terms {
            add(true, format!("约定 {term}"), format!("term {term}"));
        }
        if let Some(hospital) = &self.hospital {
            add(true, format!("医院 {hospital}"), format!("hospital {hospital}"));
        }
        let diagnosis = &self.diagnosis;
        add(*diagnosis != plain.diagnosis, format!("诊断 {diagnosis}"), format!("diagnosis {diagnosis}"));
        let age = self.age;
        add(age != plain.age, format!("{age} 岁"), format!("aged {age}"));
        if let Some(age) = self.age_insured {
            add(true, format!("投保时 {age} 岁"), format!("insured at {age}"));
        }
        let sex = if self.sex == Sex::Female { ("女", "female") } else { ("性别不详", "sex unknown") };
        add(self.sex != plain.sex, sex.0.to_owned(), sex.1.to_owned());
        if let Some(of) = self.cause {
            let (zh, en) = cause(of);
            add(true, zh.to_owned(), en.to_owned());
        }
        add(self.has_related_stay, "住院前后门诊".to_owned(), "near a stay".to_owned());
        if let Some(Registered { dise_code, years_before, .. }) = &self.registered {
            let zh = format!("既往症 {dise_code}（{years_before} 年前）");
            add(true, zh, format!("pre-existing {dise_code} ({years_before} years before)"));
        }
        let years = self.claim_free_years;
        add(years > 0, format!("连续 {years} 年未理赔"), format!("{years} claim-free years"));
        let number = self.visit_number;
        add(number > 1, format!("第 {number} 次就诊"), format!("visit {number}"));
        add(!self.has_waited, "等待期内".to_owned(), "in the waiting period".to_owned());
        add(self.is_approved, "已事先审核".to_owned(), "approved in advance".to_owned());
        if let Some(Happening { kind, grade, diag_code }) = &self.happening {
            let (zh, en) = match kind {
                OccurrenceKind::Diagnosis => (format!("确诊 {diag_code}"), format!("diagnosed {diag_code}")),
                OccurrenceKind::Disability => {
                    (format!("伤残 {grade} 级"), format!("disability grade {grade}"))
                }
                OccurrenceKind::Death => ("身故".to_owned(), "death".to_owned()),
                OccurrenceKind::Care => (format!("失能 {grade} 级"), format!("care grade {grade}")),
            };
            add(true, zh, en);
        }
        let days = self.stay_days;
        add(days != plain.stay_days, format!("{days} 天"), format!("{days} days"));
        let days = self.icu_days;
        add(days > 0, format!("重症监护 {days} 天"), format!("{days} days in intensive care"));
        let days = self.day_offset;
        add(days != 0, format!("日期 {days:+} 天"), format!("{days:+} days"));
        words.join(if lang == Lang::Zh { "、" } else { ", " })
    }
}

/// One change of the facts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each sets the field of that name")]
pub enum Fact {
    Scene(usize),
    Tier(HospitalTier),
    Setting(Setting),
    CareArea(CareArea),
    Public(PublicSettlement),
    PsnType(Arc<str>),
    Identity(Option<Arc<str>>),
    Terms(Vec<Arc<str>>),
    Hospital(Option<Arc<str>>),
    Diagnosis(Arc<str>),
    Age(i16),
    AgeInsured(i16),
    Sex(Sex),
    Cause(Option<Cause>),
    RelatedStay(bool),
    Registered(Option<Registered>),
    ClaimFreeYears(u8),
    VisitNumber(u16),
    Waited(bool),
    Approved(bool),
    Happening(Happening),
    StayDays(u16),
    IcuDays(u16),
    DayOffset(i32),
}

impl Fact {
    fn apply(&self, facts: &mut Facts) {
        match self {
            Fact::Scene(scene) => facts.scene = *scene,
            Fact::Tier(tier) => facts.tier = *tier,
            Fact::Setting(setting) => {
                facts.setting = *setting;
                if *setting != Setting::Inpatient {
                    facts.stay_days = 1;
                    facts.icu_days = 0;
                }
            }
            Fact::CareArea(area) => facts.care_area = *area,
            Fact::Public(public) => facts.public_settlement = *public,
            Fact::PsnType(psn_type) => facts.psn_type = psn_type.clone(),
            Fact::Identity(identity) => facts.identity.clone_from(identity),
            Fact::Terms(terms) => facts.terms.clone_from(terms),
            Fact::Hospital(hospital) => facts.hospital.clone_from(hospital),
            Fact::Diagnosis(diagnosis) => facts.diagnosis = diagnosis.clone(),
            Fact::Age(age) => facts.age = *age,
            Fact::AgeInsured(age) => facts.age_insured = Some(*age),
            Fact::Sex(sex) => facts.sex = *sex,
            Fact::Cause(cause) => facts.cause = *cause,
            Fact::RelatedStay(has) => facts.has_related_stay = *has,
            Fact::Registered(registered) => facts.registered.clone_from(registered),
            Fact::ClaimFreeYears(years) => facts.claim_free_years = *years,
            Fact::VisitNumber(number) => facts.visit_number = *number,
            Fact::Waited(has) => facts.has_waited = *has,
            Fact::Approved(is) => facts.is_approved = *is,
            Fact::Happening(happening) => facts.happening = Some(happening.clone()),
            Fact::StayDays(days) => facts.stay_days = *days,
            Fact::IcuDays(days) => facts.icu_days = *days,
            Fact::DayOffset(days) => facts.day_offset = *days,
        }
    }
}

fn tier(tier: HospitalTier, lang: Lang) -> &'static str {
    let (zh, en) = match tier {
        HospitalTier::Tertiary => ("三级", "tertiary"),
        HospitalTier::Secondary => ("二级", "secondary"),
        HospitalTier::Primary => ("一级", "primary"),
        HospitalTier::Community => ("社区", "community"),
        HospitalTier::Ungraded => ("无等级", "ungraded"),
    };
    if lang == Lang::Zh { zh } else { en }
}

fn setting(setting: Setting, lang: Lang) -> &'static str {
    let (zh, en) = match setting {
        Setting::Inpatient => ("住院", "inpatient"),
        Setting::SpecialOutpatient => ("门诊特病", "special outpatient"),
        Setting::Outpatient => ("普通门诊", "outpatient"),
    };
    if lang == Lang::Zh { zh } else { en }
}

fn care_area(area: CareArea) -> (&'static str, &'static str) {
    match area {
        CareArea::Local => ("参保地", "in the own area"),
        CareArea::Elsewhere(OutOfAreaFiling::LongTerm) => ("异地长期备案", "elsewhere, long-term filing"),
        CareArea::Elsewhere(OutOfAreaFiling::Referral) => ("异地转诊备案", "elsewhere, referred"),
        CareArea::Elsewhere(OutOfAreaFiling::EmergencyUnfiled) => {
            ("异地急诊未备案", "elsewhere, unfiled emergency")
        }
        CareArea::Elsewhere(OutOfAreaFiling::Unfiled) => ("异地未备案", "elsewhere, unfiled"),
    }
}

fn cause(cause: Cause) -> (&'static str, &'static str) {
    match cause {
        Cause::Illness => ("疾病", "illness"),
        Cause::Accident => ("意外", "accident"),
        Cause::ThirdParty => ("第三方责任", "third party liable"),
        Cause::ThirdPartyPrePaid => ("第三方责任、先行支付", "third party liable, paid first"),
        Cause::WorkInjury => ("工伤", "work injury"),
    }
}
