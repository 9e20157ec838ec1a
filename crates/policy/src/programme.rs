//! A programme as its file says it: the places of plans, in the order in which they pay.

use std::sync::Arc;

use bedside_claim::Date;

/// One place of a programme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A public plan, which always has its place.
    Plan(Arc<str>),
    /// The place of a commercial product, for those who hold a policy of it.
    Policy(Arc<str>),
}

impl Place {
    /// The pack, `authority/product`.
    pub fn pack(&self) -> &Arc<str> {
        match self {
            Place::Plan(pack) | Place::Policy(pack) => pack,
        }
    }
}

/// Who settles the public layers of a programme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicSource {
    /// The packs.
    Computed,
    /// The national platform.
    Adopted,
}

/// The ordered plans that apply to an insurance type in an area, from a day to a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgrammeRule {
    /// `authority/name`.
    pub id: Arc<str>,
    /// First day.
    pub from: Date,
    /// First day after.
    pub until: Date,
    /// `insutype`, exact.
    pub insutype: Arc<str>,
    /// A prefix of `insuplc_admdvs`.
    pub area: Arc<str>,
    /// What splits the lines.
    pub catalogue: Arc<str>,
    /// Who settles the public layers.
    pub public_source: PublicSource,
    /// In the order in which they pay.
    pub places: Vec<Place>,
}
