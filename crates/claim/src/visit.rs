//! Where, when and why a person was treated: the hospital, the dates, the kind of visit, the diagnoses.
//!
//! Codes keep their national spelling; the classes that rules ask for (tier, setting) are derived here, once.
//! It must not know what any rule pays.

use std::sync::Arc;

use jiff::civil::{Date, DateTime};

/// The hospital's class as benefits distinguish it, from `hosp_lv` and whether it is a community institution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HospitalTier {
    /// 三级: `hosp_lv` 01 to 04.
    Tertiary,
    /// 二级: 05 to 07.
    Secondary,
    /// 一级: 08 to 10, not a community institution.
    Primary,
    /// 社区卫生服务机构, of whatever level.
    Community,
    /// 无等级: 11.
    Ungraded,
}

impl HospitalTier {
    /// Every tier.
    pub const ALL: [HospitalTier; 5] = [
        HospitalTier::Tertiary,
        HospitalTier::Secondary,
        HospitalTier::Primary,
        HospitalTier::Community,
        HospitalTier::Ungraded,
    ];

    /// The word rule packs use.
    pub fn name(self) -> &'static str {
        match self {
            HospitalTier::Tertiary => "tertiary",
            HospitalTier::Secondary => "secondary",
            HospitalTier::Primary => "primary",
            HospitalTier::Community => "community",
            HospitalTier::Ungraded => "ungraded",
        }
    }

    /// The tier of a `hosp_lv` code (01 to 11); `None` for any other text.
    pub fn from_hosp_lv(code: &str) -> Option<HospitalTier> {
        Some(match code {
            "01" | "02" | "03" | "04" => HospitalTier::Tertiary,
            "05" | "06" | "07" => HospitalTier::Secondary,
            "08" | "09" | "10" => HospitalTier::Primary,
            "11" => HospitalTier::Ungraded,
            _ => return None,
        })
    }
}

/// A designated institution (定点医药机构).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hospital {
    /// `fixmedins_code`.
    pub fixmedins_code: Arc<str>,
    /// `fixmedins_name`.
    pub fixmedins_name: Arc<str>,
    /// The class rules ask for.
    pub tier: HospitalTier,
    /// `mdtrtarea_admvs`: the six-digit area the hospital lies in.
    pub mdtrtarea_admvs: Arc<str>,
}

/// The kind of visit that benefits distinguish, from `med_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// 住院: 21 to 28, 52, 92 and their local extensions.
    Inpatient,
    /// 门诊特病、慢病 (14): paid like a stay where the pack says so.
    SpecialOutpatient,
    /// 普通门诊、急诊.
    Outpatient,
}

impl Setting {
    /// The word rule packs use.
    pub fn name(self) -> &'static str {
        match self {
            Setting::Inpatient => "inpatient",
            Setting::SpecialOutpatient => "special_outpatient",
            Setting::Outpatient => "outpatient",
        }
    }

    /// The setting of a national `med_type`, by its two-digit class; `None` where the class names neither.
    pub fn from_med_type(code: &str) -> Option<Setting> {
        if !(2..=6).contains(&code.len()) || !code.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(match &code[..2] {
            "21" | "22" | "23" | "24" | "25" | "26" | "27" | "28" | "52" | "92" => Setting::Inpatient,
            "14" => Setting::SpecialOutpatient,
            "11" | "12" | "13" | "15" | "16" | "19" | "51" | "53" | "81" | "91" => Setting::Outpatient,
            _ => return None,
        })
    }
}

/// How care outside the insured's own area was arranged (异地就医备案).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutOfAreaFiling {
    /// 长期备案: settled or posted elsewhere.
    LongTerm,
    /// 转诊备案: referred.
    Referral,
    /// 急诊未备案.
    EmergencyUnfiled,
    /// 普通未备案.
    Unfiled,
}

impl OutOfAreaFiling {
    /// Every filing.
    pub const ALL: [OutOfAreaFiling; 4] = [
        OutOfAreaFiling::LongTerm,
        OutOfAreaFiling::Referral,
        OutOfAreaFiling::EmergencyUnfiled,
        OutOfAreaFiling::Unfiled,
    ];

    /// The word rule packs and the wire use; no national code table was found for it.
    pub fn name(self) -> &'static str {
        match self {
            OutOfAreaFiling::LongTerm => "long_term",
            OutOfAreaFiling::Referral => "referral",
            OutOfAreaFiling::EmergencyUnfiled => "emergency_unfiled",
            OutOfAreaFiling::Unfiled => "unfiled",
        }
    }

    /// The filing of that name.
    pub fn from_name(name: &str) -> Option<OutOfAreaFiling> {
        OutOfAreaFiling::ALL.into_iter().find(|filing| filing.name() == name)
    }
}

/// One diagnosis (`diseinfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// `diag_code`: ICD-10 with its national extension.
    pub diag_code: Arc<str>,
    /// `diag_name`.
    pub diag_name: Arc<str>,
    /// `maindiag_flag`.
    pub role: DiagnosisRole,
}

/// Whether a diagnosis is the main one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiagnosisRole {
    /// 主诊断.
    Main,
    /// 其他诊断.
    Other,
}

/// What the treatment goes back to, as far as rules ask; a visit without any is for an illness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// None of the others.
    Illness,
    /// An accident (`trum_flag`).
    Accident,
    /// A third party is liable (`rel_ttp_flag`).
    ThirdParty,
    /// A third party is liable, and the fund pays first (`pre_pay_flag`, 先行支付).
    ThirdPartyPrePaid,
    /// Work injury (工伤).
    WorkInjury,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Cause; 5] =
        [Cause::Illness, Cause::Accident, Cause::ThirdParty, Cause::ThirdPartyPrePaid, Cause::WorkInjury];

    /// The word rule packs use.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Illness => "illness",
            Cause::Accident => "accident",
            Cause::ThirdParty => "third_party",
            Cause::ThirdPartyPrePaid => "third_party_pre_paid",
            Cause::WorkInjury => "work_injury",
        }
    }
}

/// The accident that a visit treats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accident {
    /// `evt_no`: names the accident over all its visits.
    pub evt_no: Arc<str>,
    /// The day it happened.
    pub date: Date,
}

/// Whether a visit is settled in one settlement or in several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Settling {
    /// In one: what counts over a visit begins and ends with it.
    #[default]
    AtOnce,
    /// A stay of which parts are settled midway (中途结算): what counts over a visit goes on from one part to the next.
    InParts,
}

/// Whether basic insurance takes part in settling the visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicSettlement {
    /// It does.
    Through,
    /// The patient did not settle through basic insurance: public layers pay nothing.
    Without,
}

/// Something that happened to the person, beside the bill: what lump sums and allowances are paid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `evt_no`: names it for ever.
    pub evt_no: Arc<str>,
    /// The day of the confirmed diagnosis, the assessment, the death, or the first day of the month of care.
    pub date: Date,
    /// What it is.
    pub occurrence: Occurrence,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occurrence {
    /// A confirmed diagnosis.
    Diagnosis {
        /// `diag_code`.
        diag_code: Arc<str>,
    },
    /// An assessed disability.
    Disability {
        /// 1 (gravest) to 10, GB/T 44893.
        grade: u8,
        /// The grade that stood before, where there was one.
        prior_grade: Option<u8>,
        /// The day of the accident that it goes back to.
        accident_date: Option<Date>,
    },
    /// A death.
    Death {
        /// The day of the accident that it goes back to.
        accident_date: Option<Date>,
    },
    /// A month of long-term care.
    Care {
        /// The grade of disability (失能等级), 1 and up as the region counts them.
        grade: u8,
    },
}

/// The kind of an [`Occurrence`], as rules ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OccurrenceKind {
    /// A confirmed diagnosis.
    Diagnosis,
    /// An assessed disability.
    Disability,
    /// A death.
    Death,
    /// A month of long-term care.
    Care,
}

impl OccurrenceKind {
    /// Every kind.
    pub const ALL: [OccurrenceKind; 4] =
        [OccurrenceKind::Diagnosis, OccurrenceKind::Disability, OccurrenceKind::Death, OccurrenceKind::Care];

    /// The word of rule packs and of `evt_type`.
    pub fn name(self) -> &'static str {
        match self {
            OccurrenceKind::Diagnosis => "diagnosis",
            OccurrenceKind::Disability => "disability",
            OccurrenceKind::Death => "death",
            OccurrenceKind::Care => "care",
        }
    }
}

impl Event {
    /// Its kind.
    pub fn kind(&self) -> OccurrenceKind {
        match self.occurrence {
            Occurrence::Diagnosis { .. } => OccurrenceKind::Diagnosis,
            Occurrence::Disability { .. } => OccurrenceKind::Disability,
            Occurrence::Death { .. } => OccurrenceKind::Death,
            Occurrence::Care { .. } => OccurrenceKind::Care,
        }
    }

    /// The grade, where it has one.
    pub fn grade(&self) -> Option<u8> {
        match self.occurrence {
            Occurrence::Disability { grade, .. } | Occurrence::Care { grade } => Some(grade),
            Occurrence::Diagnosis { .. } | Occurrence::Death { .. } => None,
        }
    }

    /// The day of the accident that it goes back to.
    pub fn accident_date(&self) -> Option<Date> {
        match self.occurrence {
            Occurrence::Disability { accident_date, .. } | Occurrence::Death { accident_date } => {
                accident_date
            }
            Occurrence::Diagnosis { .. } | Occurrence::Care { .. } => None,
        }
    }
}

/// One visit, from admission to settlement.
///
/// Three dates rule a claim; a rule says which one it uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// `mdtrt_id`: the hospital's number of the visit.
    pub mdtrt_id: Arc<str>,
    /// Where.
    pub hospital: Hospital,
    /// `med_type` as sent.
    pub med_type: Arc<str>,
    /// The class of `med_type`.
    pub setting: Setting,
    /// `begntime`: admission.
    pub begntime: DateTime,
    /// `endtime`: discharge; not before `begntime`.
    pub endtime: DateTime,
    /// The date of settlement; not before the discharge date.
    pub setl_date: Date,
    /// How care elsewhere was arranged; `None` when nothing was filed or stated.
    pub filing: Option<OutOfAreaFiling>,
    /// Diagnoses, main first.
    pub diagnoses: Vec<Diagnosis>,
    /// Whether basic insurance settles it.
    pub public_settlement: PublicSettlement,
    /// What the treatment goes back to; empty: an illness.
    pub causes: Vec<Cause>,
    /// The accident that it treats.
    pub accident: Option<Accident>,
    /// Days in intensive care, not more than the days of the stay.
    pub icu_days: u16,
    /// The stay that an outpatient visit before or after belongs to: its first and last day.
    pub related_stay: Option<(Date, Date)>,
    /// Whether other parts of it are settled apart.
    pub settling: Settling,
}

/// The date of a visit that a rule goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DateRule {
    /// The day of admission.
    Admission,
    /// The day of settlement.
    Settlement,
}

impl Visit {
    /// The day that the rule goes by.
    pub fn date(&self, rule: DateRule) -> Date {
        match rule {
            DateRule::Admission => self.begntime.date(),
            DateRule::Settlement => self.setl_date,
        }
    }

    /// Whether the treatment goes back to that cause; a visit without any is for an illness.
    pub fn has_cause(&self, cause: Cause) -> bool {
        match cause {
            Cause::Illness => self.causes.is_empty() || self.causes.contains(&cause),
            cause => self.causes.contains(&cause),
        }
    }

    /// Days of the stay: from the day of admission to the day of discharge, that day not counted; at least one.
    pub fn ipt_days(&self) -> u16 {
        let days = (self.endtime.date() - self.begntime.date()).get_days();
        u16::try_from(days.max(1)).unwrap_or(u16::MAX)
    }
}
