//! The receipt as a file, and what it proves.
//!
//! A receipt is its answer, the salt and the hash that make its leaf, the way from the leaf to a root, and a checkpoint that
//! names this root. `docs/receipts.md` describes the file. It must not know how a ledger stores any of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::checkpoint::Checkpoint;
use crate::entry::{Entry, answer_hash};
use crate::merkle::{self, Hash, Tree};
use crate::note::{NoteError, PublicKey};
use crate::settlement::AnswerError;

const FORMAT: &str = "bedside-receipt/1";
/// More hashes than a proof in any tree of 2^64 leaves has.
const PROOF_MAX: usize = 128;

/// The file's members, as JSON. Bytes are base64, numbers that may be large are texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptFile {
    /// `bedside-receipt/1`.
    format: String,
    /// The record's place in the ledger, from 1.
    sequence: String,
    /// When it was booked, in milliseconds since 1970-01-01 UTC.
    booked_at_ms: String,
    /// The exact bytes of the answer; [`Answer`] says which there are.
    answer: String,
    /// 32 bytes.
    salt: String,
    /// 32 bytes.
    record_hash: String,
    /// From the leaf to the root.
    inclusion_proof: Vec<String>,
    /// A signed checkpoint.
    checkpoint: String,
    /// The size of an earlier tree; empty where none was asked for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    earlier_tree_size: String,
    /// That the earlier tree is a beginning of this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    consistency_proof: Vec<String>,
}

/// A receipt, not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The record's place in the ledger, from 1.
    pub sequence: u64,
    /// When it was booked, in milliseconds since 1970-01-01 UTC.
    pub booked_at_ms: i64,
    /// The exact bytes of the answer.
    pub answer: Vec<u8>,
    /// The salt of the answer's hash.
    pub salt: Hash,
    /// What stands for the whole record.
    pub record_hash: Hash,
    /// From the leaf to the root.
    pub inclusion_proof: Vec<Hash>,
    /// A signed checkpoint.
    pub checkpoint: String,
    /// The size of an earlier tree and the proof that it is a beginning of this one.
    pub consistency: Option<(u64, Vec<Hash>)>,
}

/// Why a file is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not the JSON of a receipt.
    #[error("the file is not a receipt: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of another format.
    #[error("the receipt is of the format `{0}`, this program reads `{FORMAT}`")]
    Format(String),
    /// A member is not what its place asks for.
    #[error("`{0}` of the receipt is not well formed")]
    Member(&'static str),
}

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotProved {
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] NoteError),
    /// The record is not in the tree of the checkpoint.
    #[error("the answer is not in the ledger that the checkpoint names")]
    NotIncluded,
    /// The answer does not add up.
    #[error("the settlement does not add up: {0}")]
    Answer(#[from] AnswerError),
}

/// What a receipt proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The signed state of the ledger that holds the record.
    pub checkpoint: Checkpoint,
    /// The answer, added up.
    pub answer: Answer,
}

/// How two receipts of one ledger stand to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Continued {
    /// The later ledger holds everything that the earlier one held, unchanged and in order.
    Proved,
    /// History was taken back or replaced: both checkpoints are signed, and no honest ledger signs both.
    RolledBack(RollBack),
    /// The later receipt has no proof from the earlier one's tree.
    NoProof,
    /// The one that was called later was signed before the other.
    OtherOrder,
}

/// What shows that history was taken back or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollBack {
    /// Two trees of one size have different roots.
    OtherRoot,
    /// One place in the ledger has two records.
    OtherRecord,
    /// The later tree lacks records that the earlier one had.
    Shrunk,
}

fn number<T: std::str::FromStr + ToString>(text: &str, member: &'static str) -> Result<T, FileError> {
    let parsed: T = text.parse().map_err(|_| FileError::Member(member))?;
    if parsed.to_string() == text { Ok(parsed) } else { Err(FileError::Member(member)) }
}

fn hash(text: &str, member: &'static str) -> Result<Hash, FileError> {
    STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(FileError::Member(member))
}

fn hashes(texts: &[String], member: &'static str) -> Result<Vec<Hash>, FileError> {
    if texts.len() > PROOF_MAX {
        return Err(FileError::Member(member));
    }
    texts.iter().map(|text| hash(text, member)).collect()
}

impl Receipt {
    /// Reads a receipt's file.
    ///
    /// # Errors
    /// See [`FileError`]; nothing is checked beyond the form.
    pub fn from_json(bytes: &[u8]) -> Result<Receipt, FileError> {
        let file: ReceiptFile = serde_json::from_slice(bytes)?;
        if file.format != FORMAT {
            return Err(FileError::Format(file.format));
        }
        let consistency = match file.earlier_tree_size.as_str() {
            "" if file.consistency_proof.is_empty() => None,
            size => Some((
                number(size, "earlier_tree_size")?,
                hashes(&file.consistency_proof, "consistency_proof")?,
            )),
        };
        Ok(Receipt {
            sequence: number(&file.sequence, "sequence")?,
            booked_at_ms: number(&file.booked_at_ms, "booked_at_ms")?,
            answer: STANDARD.decode(&file.answer).map_err(|_| FileError::Member("answer"))?,
            salt: hash(&file.salt, "salt")?,
            record_hash: hash(&file.record_hash, "record_hash")?,
            inclusion_proof: hashes(&file.inclusion_proof, "inclusion_proof")?,
            checkpoint: file.checkpoint,
            consistency,
        })
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let encoded = |hashes: &[Hash]| hashes.iter().map(|it| STANDARD.encode(it)).collect();
        let (earlier_tree_size, consistency_proof) = match &self.consistency {
            Some((size, proof)) => (size.to_string(), encoded(proof)),
            None => (String::new(), Vec::new()),
        };
        let file = ReceiptFile {
            format: FORMAT.to_owned(),
            sequence: self.sequence.to_string(),
            booked_at_ms: self.booked_at_ms.to_string(),
            answer: STANDARD.encode(&self.answer),
            salt: STANDARD.encode(self.salt),
            record_hash: STANDARD.encode(self.record_hash),
            inclusion_proof: encoded(&self.inclusion_proof),
            checkpoint: self.checkpoint.clone(),
            earlier_tree_size,
            consistency_proof,
        };
        // Texts and lists of texts always have a JSON form.
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }

    /// The leaf that the record has in the tree.
    pub fn leaf(&self) -> Hash {
        let entry = Entry {
            sequence: self.sequence,
            booked_at_ms: self.booked_at_ms,
            answer_hash: answer_hash(&self.salt, &self.answer),
            record_hash: self.record_hash,
        };
        merkle::leaf_hash(&entry.encode())
    }

    /// Checks the receipt against the key that must have signed it.
    ///
    /// # Errors
    /// See [`NotProved`]: the first thing that does not hold.
    pub fn verify(&self, key: &PublicKey) -> Result<Proved, NotProved> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        let Tree { size, root } = checkpoint.tree;
        let index = self.sequence.checked_sub(1).ok_or(NotProved::NotIncluded)?;
        if !merkle::includes(&root, size, index, &self.leaf(), &self.inclusion_proof) {
            return Err(NotProved::NotIncluded);
        }
        let answer = Answer::of(&self.answer)?;
        Ok(Proved { checkpoint, answer })
    }

    /// Whether the ledger of a receipt that was given later still holds all that this one's held.
    ///
    /// # Errors
    /// See [`NotProved`]: both receipts must hold by themselves.
    pub fn continued_by(&self, later: &Receipt, key: &PublicKey) -> Result<Continued, NotProved> {
        let (earlier, latter) = (self.verify(key)?.checkpoint, later.verify(key)?.checkpoint);
        let (earlier_tree, later_tree) = (earlier.tree, latter.tree);
        if self.sequence == later.sequence && self.leaf() != later.leaf() {
            return Ok(Continued::RolledBack(RollBack::OtherRecord));
        }
        if later_tree.size < earlier_tree.size {
            // Both times are of one form, so that their texts have their order.
            let in_order = latter.time > earlier.time;
            return Ok(if in_order {
                Continued::RolledBack(RollBack::Shrunk)
            } else {
                Continued::OtherOrder
            });
        }
        if later_tree.size == earlier_tree.size {
            let same = later_tree.root == earlier_tree.root;
            return Ok(if same { Continued::Proved } else { Continued::RolledBack(RollBack::OtherRoot) });
        }
        Ok(match &later.consistency {
            Some((size, proof))
                if *size == earlier_tree.size
                    && merkle::is_beginning_of(&earlier_tree, &later_tree, proof) =>
            {
                Continued::Proved
            }
            _ => Continued::NoProof,
        })
    }
}
