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

/// Conditions; every key takes one word or a list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WhenFile {
    pub insutype: Words,
    pub psn_type: Words,
    pub identity: Words,
    pub setting: Words,
    pub tier: Words,
    pub care_area: Words,
    pub diagnosis: Words,
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

/// A row of a parameter: conditions beside the value.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowFile {
    #[serde(default)]
    pub insutype: Words,
    #[serde(default)]
    pub psn_type: Words,
    #[serde(default)]
    pub identity: Words,
    #[serde(default)]
    pub setting: Words,
    #[serde(default)]
    pub tier: Words,
    #[serde(default)]
    pub care_area: Words,
    #[serde(default)]
    pub diagnosis: Words,
    pub value: String,
}

/// A cited number: one `value`, or `rows`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParameterFile {
    pub unit: String,
    pub source: String,
    pub article: String,
    pub value: Option<String>,
    pub rows: Option<Vec<RowFile>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BaseFile {
    pub pools: Vec<String>,
    #[serde(default)]
    pub categories: Vec<String>,
    #[serde(default = "visit")]
    pub period: String,
}

fn visit() -> String {
    "visit".to_owned()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeductibleFile {
    pub rule: String,
    pub standard: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BandFile {
    /// The parameter that is the upper edge; absent on the last band.
    pub until: Option<String>,
    pub rate: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CapFile {
    pub period: String,
    pub limit: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BenefitFile {
    pub id: String,
    pub name: Names,
    pub clause: String,
    #[serde(default)]
    pub gate: WhenFile,
    pub base: BaseFile,
    pub deductible: Option<DeductibleFile>,
    #[serde(default = "excess")]
    pub band_edges: String,
    pub bands: Vec<BandFile>,
    #[serde(default)]
    pub factors: Vec<String>,
    #[serde(default)]
    pub caps: Vec<CapFile>,
}

fn excess() -> String {
    "excess".to_owned()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountFile {
    pub pools: Vec<String>,
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
    pub payer: PayerFile,
    #[serde(default)]
    pub scope: WhenFile,
    #[serde(default)]
    pub source: BTreeMap<String, SourceFile>,
    #[serde(default)]
    pub parameter: BTreeMap<String, ParameterFile>,
    pub benefit: Vec<BenefitFile>,
    pub account: Option<AccountFile>,
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
    pub layers: Vec<LayerFile>,
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
