//! Dated rule packs. (Signatures first; the body follows.)
#![allow(missing_docs)]
use std::path::Path;
use std::sync::Arc;

use bedside_claim::Claim;

#[derive(Debug)]
pub struct Library;

#[derive(Debug)]
pub struct Programme;

#[derive(Debug, thiserror::Error)]
#[error("defective pack")]
pub struct PackError;

/// Why no programme applies to a claim: a business refusal, not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    #[error("no programme for `insutype` {insutype} insured in {insuplc_admdvs}")]
    NoProgramme { insutype: Arc<str>, insuplc_admdvs: Arc<str> },
    #[error("pack `{pack}` has no version for {date}")]
    OutsideDates { pack: Arc<str>, date: bedside_claim::Date },
    #[error("policy product `{product}` is no known pack")]
    UnknownProduct { product: Arc<str> },
}

impl Library {
    /// The packs that come with the program.
    pub fn builtin() -> Result<Library, PackError> {
        Ok(Library)
    }
    pub fn load(_dir: &Path) -> Result<Library, PackError> {
        Ok(Library)
    }
    pub fn programme_for(&self, _claim: &Claim) -> Result<Arc<Programme>, Unresolved> {
        Ok(Arc::new(Programme))
    }
}
