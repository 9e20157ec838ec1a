//! The salts of records: what keeps a leaf that others see from telling what it is the hash of.
//!
//! One secret from the operating system for each opening, never stored; each record's salt is a hash of it and the
//! record's sequence, so that booking cannot fail for want of random bytes. Invariant: no two records share a salt, and none
//! follows from another.

use std::fmt;
use std::io;

use sha2::{Digest, Sha256};

use crate::register::ROW_SALT_BYTES;

/// See the module.
#[derive(Clone)]
pub(crate) struct Salts([u8; 32]);

/// Never the secret.
impl fmt::Debug for Salts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Salts").finish_non_exhaustive()
    }
}

impl Salts {
    /// Those of a new secret.
    pub(crate) fn new() -> io::Result<Salts> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(io::Error::other)?;
        Ok(Salts(secret))
    }

    /// The salt of a row of a record's, which that of the record does not tell.
    pub(crate) fn of_row(&self, sequence: u64, index: u32) -> [u8; ROW_SALT_BYTES] {
        let salt: [u8; 32] = Sha256::new()
            .chain_update(self.0)
            .chain_update(sequence.to_le_bytes())
            .chain_update(index.to_le_bytes())
            .finalize()
            .into();
        std::array::from_fn(|at| salt[at])
    }

    /// The salt of a record.
    pub(crate) fn of(&self, sequence: u64) -> [u8; 32] {
        Sha256::new().chain_update(self.0).chain_update(sequence.to_le_bytes()).finalize().into()
    }
}
