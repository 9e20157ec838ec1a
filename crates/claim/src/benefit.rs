//! What a settlement says about a benefit (责任): whose it is, which clause and pack it rests on, how far to trust it.
//!
//! These cards are shared by every settlement that used the benefit. They say nothing about how it is computed.

use std::sync::Arc;

use jiff::civil::Date;

/// The kind of payer, after the fields of the national settlement (`setlinfo`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PayerKind {
    /// 基本医疗保险统筹基金, `hifp_pay`.
    BasicInsurance,
    /// 公务员医疗补助, `cvlserv_pay`.
    CivilServant,
    /// 企业补充医疗保险, `hifes_pay`.
    EnterpriseSupplement,
    /// 大病保险, `hifmi_pay`.
    CriticalIllness,
    /// 职工大额医疗费用补助, `hifob_pay`.
    LargeAmount,
    /// 医疗救助, `maf_pay`.
    Assistance,
    /// 其他基金, `oth_pay`.
    OtherFund,
    /// 商业保险: not part of the national answer.
    Commercial,
}

impl PayerKind {
    /// Every kind.
    pub const ALL: [PayerKind; 8] = [
        PayerKind::BasicInsurance,
        PayerKind::CivilServant,
        PayerKind::EnterpriseSupplement,
        PayerKind::CriticalIllness,
        PayerKind::LargeAmount,
        PayerKind::Assistance,
        PayerKind::OtherFund,
        PayerKind::Commercial,
    ];

    /// The word rule packs and the wire use.
    pub fn name(self) -> &'static str {
        match self {
            PayerKind::BasicInsurance => "basic_insurance",
            PayerKind::CivilServant => "civil_servant",
            PayerKind::EnterpriseSupplement => "enterprise_supplement",
            PayerKind::CriticalIllness => "critical_illness",
            PayerKind::LargeAmount => "large_amount",
            PayerKind::Assistance => "assistance",
            PayerKind::OtherFund => "other_fund",
            PayerKind::Commercial => "commercial",
        }
    }

    /// The Chinese word.
    pub fn name_zh(self) -> &'static str {
        match self {
            PayerKind::BasicInsurance => "基本医保统筹",
            PayerKind::CivilServant => "公务员补助",
            PayerKind::EnterpriseSupplement => "企业补充",
            PayerKind::CriticalIllness => "大病保险",
            PayerKind::LargeAmount => "职工大额补助",
            PayerKind::Assistance => "医疗救助",
            PayerKind::OtherFund => "其他基金",
            PayerKind::Commercial => "商业保险",
        }
    }

    /// The field of the national settlement that carries this payer's amount; `None` for commercial cover.
    pub fn setlinfo_field(self) -> Option<&'static str> {
        Some(match self {
            PayerKind::BasicInsurance => "hifp_pay",
            PayerKind::CivilServant => "cvlserv_pay",
            PayerKind::EnterpriseSupplement => "hifes_pay",
            PayerKind::CriticalIllness => "hifmi_pay",
            PayerKind::LargeAmount => "hifob_pay",
            PayerKind::Assistance => "maf_pay",
            PayerKind::OtherFund => "oth_pay",
            PayerKind::Commercial => return None,
        })
    }

    /// Whether public money pays: what a national answer settles and an engine adopts.
    pub fn is_public(self) -> bool {
        self != PayerKind::Commercial
    }
}

/// How far a number may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Official text, or the insurer's own clause.
    A,
    /// Secondary text that quotes the official rule.
    B,
    /// Hand-written code or demo data; origin of numbers not shown.
    C,
    /// Looks machine-generated; never the basis of a pack in force.
    D,
    /// No source at all: an assumption made for demonstration.
    Assumed,
}

impl Grade {
    /// The letter, or `assumed`.
    pub fn name(self) -> &'static str {
        match self {
            Grade::A => "A",
            Grade::B => "B",
            Grade::C => "C",
            Grade::D => "D",
            Grade::Assumed => "assumed",
        }
    }
}

/// Whether a pack may decide about real money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackStatus {
    /// Rests on its cited source.
    InForce,
    /// A number in it is not confirmed; shown on every result.
    Unverified,
    /// Made up to show the engine; shown on every result.
    Demo,
}

impl PackStatus {
    /// The word in packs and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            PackStatus::InForce => "in_force",
            PackStatus::Unverified => "unverified",
            PackStatus::Demo => "demo",
        }
    }

    /// The Chinese word on a statement.
    pub fn name_zh(self) -> &'static str {
        match self {
            PackStatus::InForce => "现行",
            PackStatus::Unverified => "参数未经核实",
            PackStatus::Demo => "演示参数",
        }
    }
}

/// One version of a rule pack, as results cite it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackCard {
    /// `authority/product`.
    pub id: Arc<str>,
    /// The version's own name.
    pub version: Arc<str>,
    /// 名称.
    pub name_zh: Arc<str>,
    /// Name.
    pub name_en: Arc<str>,
    /// First day on which it decides.
    pub from: Date,
    /// First day on which it no longer does.
    pub until: Date,
    /// Whether it may decide about real money.
    pub status: PackStatus,
    /// The weakest grade among its parameters.
    pub grade: Grade,
}

/// Where the rule of a payment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A rule pack computed it.
    Pack(Arc<PackCard>),
    /// The national platform had settled it, and its answer was adopted.
    NationalPlatform,
}

/// Who owes a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payer {
    /// What kind of payer.
    pub kind: PayerKind,
    /// The payer in clearing: a national `fund_pay_type`, or the insurer's code.
    pub code: Arc<str>,
    /// 名称.
    pub name_zh: Arc<str>,
    /// Name.
    pub name_en: Arc<str>,
}

/// A benefit as results cite it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenefitCard {
    /// The benefit within its pack.
    pub id: Arc<str>,
    /// 责任名称.
    pub name_zh: Arc<str>,
    /// Name.
    pub name_en: Arc<str>,
    /// The clause it rests on.
    pub clause: Arc<str>,
    /// Who owes it.
    pub payer: Payer,
    /// The pack, or the national platform.
    pub origin: Origin,
}

/// When a number holds, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// In Chinese.
    pub zh: Arc<str>,
    /// In English.
    pub en: Arc<str>,
}

/// Where a parameter's number comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// The parameter's name in its pack.
    pub parameter: Arc<str>,
    /// The document.
    pub source: Arc<str>,
    /// Article or place in it.
    pub article: Arc<str>,
    /// How far to trust it.
    pub grade: Grade,
    /// Which of the parameter's numbers it is: the conditions that the claim meets; `None` where nothing is asked.
    pub condition: Option<Condition>,
}
