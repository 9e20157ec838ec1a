//! The compiled form of a plan: what the core runs for every bill.
//!
//! Everything optional in a benefit is an `Option` or an empty list here, every number a [`Parameter`] with its
//! citation. It must not know TOML. Invariant: a compiled plan has no dangling name, no unit mix-up and ordered
//! bands; `crate::compile` is the only maker.

use std::sync::Arc;

use bedside_claim::{
    BenefitCard, Citation, Claim, Date, DateRule, DeductibleRule, FeeCategory, HospitalTier, Money,
    OutOfAreaFiling, PackCard, Period, Pool, Rate, Reason, Setting,
};

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

/// Conditions on a claim. An empty list asks nothing; a list is met by any of its members.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
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
    /// Where care took place.
    pub care_area: Vec<CareArea>,
    /// Diagnosis codes, by prefix.
    pub diagnosis: Vec<Arc<str>>,
}

impl When {
    /// The first condition that the claim does not meet, in the precedence of [`Reason`]; `None` when all are met.
    pub fn unmet(&self, claim: &Claim, date: Date) -> Option<Reason> {
        let insurance = &claim.person.insurance;
        let any_prefix =
            |prefixes: &[Arc<str>], text: &str| prefixes.iter().any(|prefix| text.starts_with(&**prefix));
        if !self.insutype.is_empty() && !self.insutype.contains(&insurance.insutype) {
            return Some(Reason::InsuranceType);
        }
        if !self.psn_type.is_empty() && !any_prefix(&self.psn_type, &insurance.psn_type) {
            return Some(Reason::PersonType);
        }
        let held = |wanted: &Arc<str>| {
            claim
                .person
                .identities
                .iter()
                .any(|held| held.psn_idet_type == *wanted && held.span.contains(date))
        };
        if !self.identity.is_empty() && !self.identity.iter().any(held) {
            return Some(Reason::IdentityCategory);
        }
        if !self.setting.is_empty() && !self.setting.contains(&claim.visit.setting) {
            return Some(Reason::VisitType);
        }
        if !self.tier.is_empty() && !self.tier.contains(&claim.visit.hospital.tier) {
            return Some(Reason::HospitalTier);
        }
        if !self.care_area.is_empty() && !self.care_area.contains(&CareArea::of(claim)) {
            return Some(Reason::CareArea);
        }
        let diagnosed =
            |diagnosis: &bedside_claim::Diagnosis| any_prefix(&self.diagnosis, &diagnosis.diag_code);
        if !self.diagnosis.is_empty() && !claim.visit.diagnoses.iter().any(diagnosed) {
            return Some(Reason::Diagnosis);
        }
        None
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == When::default()
    }
}

/// A cited number that may depend on the claim: the first row whose conditions are met decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter<T> {
    /// Where it comes from.
    pub citation: Arc<Citation>,
    /// Conditions and value, in order of precedence.
    pub rows: Vec<(When, T)>,
}

impl<T: Copy> Parameter<T> {
    /// The value for the claim; `None` when no row fits.
    pub fn value(&self, claim: &Claim, date: Date) -> Option<T> {
        self.rows.iter().find(|(when, _)| when.unmet(claim, date).is_none()).map(|(_, value)| *value)
    }
}

/// What a benefit counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Which parts of a line, as earlier layers left them.
    pub pools: Vec<Pool>,
    /// Which fee categories; empty: all.
    pub categories: Vec<FeeCategory>,
    /// This visit alone, or accumulated over the year.
    pub period: Period,
}

/// What comes off first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deductible {
    /// How much stands in the way.
    pub rule: DeductibleRule,
    /// The standard, CNY.
    pub standard: Parameter<Money>,
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
    /// Its rate.
    pub rate: Parameter<Rate>,
}

/// A limit on what a benefit pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// Over what.
    pub period: Period,
    /// The limit, CNY.
    pub limit: Parameter<Money>,
}

/// One responsibility (责任) of a plan: the machine of design section 5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Benefit {
    /// How results cite it.
    pub card: Arc<BenefitCard>,
    /// Who and what it applies to.
    pub gate: When,
    /// What it counts.
    pub base: Base,
    /// What comes off first.
    pub deductible: Option<Deductible>,
    /// Where the bands are measured.
    pub band_edges: BandEdges,
    /// At least one, in order, without gaps.
    pub bands: Vec<Band>,
    /// Multiply what the bands gave, in order.
    pub factors: Vec<Parameter<Rate>>,
    /// Cut what the factors gave, in order.
    pub caps: Vec<Cap>,
}

/// Which parts of the patient's share the personal account may pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRule {
    /// Parts of a line.
    pub pools: Vec<Pool>,
}

/// One version of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How results cite it.
    pub card: Arc<PackCard>,
    /// The date of the visit that picks the version and the benefit year.
    pub date_rule: DateRule,
    /// What the plan can decide at all; a claim outside is refused, not denied.
    pub scope: When,
    /// Its responsibilities, in the order in which they pay.
    pub benefits: Vec<Benefit>,
    /// Set by the plan of basic insurance; `None`: the account pays nothing.
    pub account: Option<AccountRule>,
}
