//! The entry of a record in the tree: what a leaf is the hash of.
//!
//! *Shape*: one byte 1, `sequence` u64, `booked_at_ms` i64, the SHA-256 of salt and answer, the record's hash; integers
//! big-endian, 81 bytes. Personal data enters through the salted hash alone, so that a neighbour's proof, which shows the
//! leaf, tells nothing.

use sha2::{Digest, Sha256};

use crate::merkle::Hash;

const VERSION: u8 = 1;

/// A record as its leaf holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the ledger, from 1.
    pub sequence: u64,
    /// When it was booked, in milliseconds since 1970-01-01 UTC.
    pub booked_at_ms: i64,
    /// The salted hash of the answer.
    pub answer_hash: Hash,
    /// What stands for the whole record: request, postings, accumulators and the records before it.
    pub record_hash: Hash,
}

/// The salted hash of an answer.
pub fn answer_hash(salt: &Hash, answer: &[u8]) -> Hash {
    Sha256::new().chain_update(salt).chain_update(answer).finalize().into()
}

impl Entry {
    /// Its bytes.
    pub fn encode(&self) -> [u8; 81] {
        let mut bytes = [0; 81];
        let mut at = 0;
        let (sequence, booked_at_ms) = (self.sequence.to_be_bytes(), self.booked_at_ms.to_be_bytes());
        for part in [&[VERSION][..], &sequence, &booked_at_ms, &self.answer_hash, &self.record_hash] {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        bytes
    }
}
