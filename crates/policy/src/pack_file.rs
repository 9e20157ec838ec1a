//! The shape of pack files: TOML as people write it, amounts and ratios as text.
//!
//! Unknown keys are errors, so that a misspelt one is found. Nothing here decides; `crate::compile` does.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A text in both languages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Names {
    pub zh: String,
    pub en: String,
}

/// `[from, until)`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Validity {
    pub from: String,
    pub until: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PayerFile {
    pub kind: String,
    pub code: String,
    pub zh: String,
    pub en: String,
}

/// A document that parameters cite.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceFile {
    pub title: String,
    pub grade: String,
}

/// A struct of all conditions, each of which may be left out, and of the fields that stand beside them. One list of
/// conditions serves gates, scopes and rows, and an unknown key is an error in each of them.
macro_rules! with_conditions {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $name {
            pub policy_terms: Words,
            pub insutype: Words,
            pub psn_type: Words,
            pub identity: Words,
            pub setting: Words,
            pub tier: Words,
            pub hospitals: Words,
            pub care_area: Words,
            pub through_basic: Option<String>,
            pub diagnosis: Words,
            pub not_diagnosis: Words,
            pub age: Option<AgeFile>,
            pub age_insured: Option<AgeFile>,
            pub sex: Words,
            pub cause: Words,
            pub not_cause: Words,
            pub near_stay: Option<NearStayFile>,
            pub pre_existing: Option<PreExistingFile>,
            pub claim_free_years: Option<u8>,
            pub visit_number: Option<u16>,
            pub bill_total: Option<BillTotalFile>,
            pub grade: Vec<u8>,
            pub dates: Option<Validity>,
            $(pub $field: $kind,)*
        }

        impl $name {
            /// The conditions alone.
            pub(crate) fn conditions(&self) -> WhenFile {
                let it = self.clone();
                WhenFile {
                    policy_terms: it.policy_terms,
                    insutype: it.insutype,
                    psn_type: it.psn_type,
                    identity: it.identity,
                    setting: it.setting,
                    tier: it.tier,
                    hospitals: it.hospitals,
                    care_area: it.care_area,
                    through_basic: it.through_basic,
                    diagnosis: it.diagnosis,
                    not_diagnosis: it.not_diagnosis,
                    age: it.age,
                    age_insured: it.age_insured,
                    sex: it.sex,
                    cause: it.cause,
                    not_cause: it.not_cause,
                    near_stay: it.near_stay,
                    pre_existing: it.pre_existing,
                    claim_free_years: it.claim_free_years,
                    visit_number: it.visit_number,
                    bill_total: it.bill_total,
                    grade: it.grade,
                    dates: it.dates,
                }
            }
        }
    };
}

with_conditions! {
    /// Conditions; most keys take one word or a list.
    WhenFile {}
}

with_conditions! {
    /// What is asked before a benefit looks at amounts.
    GateFile {
        waiting: Option<WaitingFile>,
        prior_approval: Option<String>,
        opens_after: Option<CapFile>,
    }
}

with_conditions! {
    /// A row of a parameter: conditions beside the value, or beside its name on the policy schedule.
    RowFile {
        value: Option<String>,
        from_policy: Option<String>,
    }
}

/// Completed years, `[from, until)`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgeFile {
    #[serde(default)]
    pub from: i16,
    pub until: Option<i16>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NearStayFile {
    pub before_days: u16,
    pub after_days: u16,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreExistingFile {
    pub answer: String,
    /// `first_cover` or `this_cover`.
    #[serde(default = "first_cover")]
    pub before: String,
    #[serde(default)]
    pub diseases: Words,
    pub years: Option<i16>,
}

fn first_cover() -> String {
    "first_cover".to_owned()
}

/// Amounts, `(over, up_to]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BillTotalFile {
    pub over: Option<String>,
    pub up_to: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitingFile {
    pub days: String,
    #[serde(default)]
    pub not_for: Words,
}

/// One word or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Words {
    One(String),
    Many(Vec<String>),
}

impl Default for Words {
    fn default() -> Words {
        Words::Many(Vec::new())
    }
}

impl Words {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Words::One(word) => std::slice::from_ref(word),
            Words::Many(words) => words,
        }
    }
}

/// A cited number: one `value`, `rows`, a name on the policy schedule, or a parameter of another pack.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParameterFile {
    pub unit: String,
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub article: String,
    pub value: Option<String>,
    pub rows: Option<Vec<RowFile>>,
    pub from_policy: Option<String>,
    /// `authority/product#parameter`.
    pub same_as: Option<String>,
}

/// A list of items, each from a day to a day.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListFile {
    pub source: String,
    pub article: String,
    /// `expense`, `admission` or `settlement`: the day on which an item must be listed.
    pub date: String,
    pub items: Vec<ListedItemFile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListedItemFile {
    pub code: String,
    pub from: String,
    pub until: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BaseFile {
    pub pools: Vec<String>,
    #[serde(default)]
    pub categories: Vec<String>,
    #[serde(default)]
    pub tags: Words,
    #[serde(default)]
    pub not_tags: Words,
    pub list: Option<String>,
    #[serde(default = "net")]
    pub amounts: String,
    #[serde(default = "visit")]
    pub period: String,
    #[serde(default)]
    pub limits: Vec<InnerLimitFile>,
    /// The earlier benefit of the plan that this one goes on behind.
    pub continues: Option<String>,
}

fn net() -> String {
    "net".to_owned()
}

fn visit() -> String {
    "visit".to_owned()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InnerLimitFile {
    pub id: String,
    pub per: String,
    #[serde(default = "visit")]
    pub period: String,
    pub amount: Option<String>,
    pub times: Option<String>,
    #[serde(default)]
    pub categories: Vec<String>,
    #[serde(default)]
    pub tags: Words,
    #[serde(default)]
    pub not_tags: Words,
    pub list: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeductibleFile {
    pub rule: String,
    pub standard: String,
    pub decrease: Option<DecreaseFile>,
    pub account: Option<String>,
    #[serde(default = "person")]
    pub shared_by: String,
    #[serde(default = "own")]
    pub filled_by: String,
    pub group: Option<String>,
}

fn person() -> String {
    "person".to_owned()
}

fn own() -> String {
    "own".to_owned()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecreaseFile {
    pub by: String,
    pub floor: String,
}

/// The deductibles of several benefits together.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeductibleGroupFile {
    pub period: String,
    pub minimum: Option<String>,
    pub maximum: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BandFile {
    /// The parameter that is the upper edge; absent on the last band.
    pub until: Option<String>,
    pub rate: String,
}

/// A parameter that multiplies, or one that replaces the bands' rates.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum FactorFile {
    Multiply(String),
    Replace(ReplaceFile),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplaceFile {
    pub replace: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CapFile {
    pub period: String,
    pub limit: String,
    pub account: Option<String>,
    #[serde(default = "person")]
    pub shared_by: String,
}

/// A cap, a ceiling on what all layers pay, or a limit on what is paid for each item and the like.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum LimitFile {
    Cap(CapFile),
    Ceiling(CeilingFile),
    PaidFor(PaidLimitFile),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PaidLimitFile {
    pub id: String,
    pub per: String,
    pub period: String,
    pub limit: String,
    #[serde(default)]
    pub categories: Vec<String>,
    #[serde(default)]
    pub tags: Words,
    #[serde(default)]
    pub not_tags: Words,
    pub list: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CeilingFile {
    pub ceiling: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PerDiemFile {
    pub days: String,
    pub rate: String,
    pub waiting_days: Option<String>,
    pub stay_days: Option<String>,
    pub period_days: Option<PeriodDaysFile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PeriodDaysFile {
    pub period: String,
    pub limit: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LumpSumFile {
    pub on: String,
    pub sum: String,
    pub share: Option<String>,
    pub paid_for: String,
    pub window_days: Option<String>,
    pub less_paid: Option<String>,
}

/// One responsibility: `base` and `bands` reimburse, or `per_diem`, or `lump_sum`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BenefitFile {
    pub id: String,
    pub name: Names,
    pub clause: String,
    #[serde(default)]
    pub gate: GateFile,
    pub base: Option<BaseFile>,
    pub deductible: Option<DeductibleFile>,
    #[serde(default = "excess")]
    pub band_edges: String,
    #[serde(default)]
    pub bands: Vec<BandFile>,
    #[serde(default)]
    pub factors: Vec<FactorFile>,
    #[serde(default)]
    pub caps: Vec<LimitFile>,
    pub per_diem: Option<PerDiemFile>,
    pub lump_sum: Option<LumpSumFile>,
    /// Where what it pays may jump.
    #[serde(default)]
    pub jumps: Vec<JumpFile>,
}

/// A jump that a plan declares: an amount of the `bill` or of the benefit's `base` behind which it pays otherwise, or
/// the `opening` of a benefit behind another's limit, which has no amount.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JumpFile {
    pub of: String,
    pub at: Option<String>,
    pub source: String,
    pub article: String,
}

fn excess() -> String {
    "excess".to_owned()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PurseFile {
    pub purse: String,
    pub pools: Vec<String>,
}

/// `tail = "until_discharge"`, or `tail = { days = "parameter" }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum TailFile {
    Word(String),
    Days(TailDaysFile),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TailDaysFile {
    pub days: String,
}

/// `<authority>/<product>/<version>.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanFile {
    pub version: String,
    pub name: Names,
    pub valid: Validity,
    pub status: String,
    pub date_rule: String,
    /// What picks the version: `date_rule` or `policy_period`.
    #[serde(default = "date_rule")]
    pub version_by: String,
    /// What visits and payments are counted over: `year` or `policy_period`.
    #[serde(default = "year")]
    pub term: String,
    pub tail: Option<TailFile>,
    pub payer: PayerFile,
    #[serde(default)]
    pub scope: WhenFile,
    #[serde(default)]
    pub source: BTreeMap<String, SourceFile>,
    #[serde(default)]
    pub parameter: BTreeMap<String, ParameterFile>,
    #[serde(default)]
    pub list: BTreeMap<String, ListFile>,
    #[serde(default)]
    pub deductible_group: BTreeMap<String, DeductibleGroupFile>,
    /// None in a pack that only holds parameters for others.
    #[serde(default)]
    pub benefit: Vec<BenefitFile>,
    #[serde(default)]
    pub account: Vec<PurseFile>,
}

fn date_rule() -> String {
    "date_rule".to_owned()
}

fn year() -> String {
    "year".to_owned()
}

/// `<authority>/programmes/<name>.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProgrammeFile {
    pub valid: Validity,
    pub insutype: String,
    /// A prefix of `insuplc_admdvs`.
    pub area: String,
    pub catalogue: String,
    /// Who settles the public layers: `computed` by the packs, or `adopted` from the national platform.
    #[serde(default = "computed")]
    pub public_layers: String,
    pub layers: Vec<LayerFile>,
}

fn computed() -> String {
    "computed".to_owned()
}

/// A public plan that always has its place, or the place of a commercial product for those who hold it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LayerFile {
    pub plan: Option<String>,
    pub policy: Option<String>,
}

/// `<authority>/catalogue/<version>.toml`, beside `<version>.csv` with the items.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CatalogueFile {
    pub version: String,
    pub name: Names,
    pub valid: Validity,
    pub status: String,
    pub grade: String,
}

/// One dated row of a catalogue. Columns carry the national names of 1312, 1318 and 1319.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ItemRow {
    pub hilist_code: String,
    pub hilist_name: String,
    pub med_chrgitm_type: String,
    pub chrgitm_lv: String,
    pub begndate: String,
    pub enddate: String,
    pub lmt_used_flag: String,
    /// `selfpay_prop` for employees (310).
    pub selfpay_prop_310: String,
    /// `selfpay_prop` for residents (390).
    pub selfpay_prop_390: String,
    /// `hilist_pric_uplmt_amt` at tertiary hospitals; empty: no ceiling.
    pub pric_uplmt_tertiary: String,
    /// At secondary hospitals.
    pub pric_uplmt_secondary: String,
    /// At all others.
    pub pric_uplmt_other: String,
}
