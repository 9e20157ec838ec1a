//! Checkpoints of C2SP (<https://c2sp.org/tlog-checkpoint>): what a ledger's tree is, signed.
//!
//! *Shape*: origin, number of records, root in base64, then one line of ours, `time` and when it was signed. The time is
//! the gateway's word and nothing rests on it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::merkle::Tree;
use crate::note::{NoteError, PublicKey, SigningKey};

/// What a note says of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose tree it is: the name of its key.
    pub origin: String,
    /// The tree.
    pub tree: Tree,
    /// When it was signed, as the gateway wrote it; empty where it did not say.
    pub time: String,
}

impl Checkpoint {
    /// The checkpoint as a note of that key, under whose name it is made.
    pub fn sign(tree: &Tree, time: &str, key: &SigningKey) -> String {
        let Tree { size, root } = tree;
        let origin = key.public().name().to_owned();
        key.sign(&format!("{origin}\n{size}\n{}\ntime {time}\n", STANDARD.encode(root)))
    }

    /// The checkpoint that a key signed.
    ///
    /// # Errors
    /// See [`PublicKey::open`]; [`NoteError::Form`] too when the signed text is no checkpoint of the key's name.
    pub fn open(note: &str, key: &PublicKey) -> Result<Checkpoint, NoteError> {
        let text = key.open(note)?;
        let lines: Vec<&str> = text.strip_suffix('\n').ok_or(NoteError::Form)?.split('\n').collect();
        let [origin, size, root, extensions @ ..] = lines.as_slice() else { return Err(NoteError::Form) };
        let parsed: u64 = size.parse().map_err(|_| NoteError::Form)?;
        let bytes = STANDARD.decode(root).map_err(|_| NoteError::Form)?;
        let root = bytes.try_into().map_err(|_| NoteError::Form)?;
        // One number is written in one way; and an empty line would let a text be read as another.
        let is_plain = parsed.to_string() == *size && !extensions.iter().any(|line| line.is_empty());
        if *origin != key.name() || !is_plain {
            return Err(NoteError::Form);
        }
        let time = extensions.iter().find_map(|line| line.strip_prefix("time ")).unwrap_or_default();
        Ok(Checkpoint {
            origin: (*origin).to_owned(),
            tree: Tree { size: parsed, root },
            time: time.to_owned(),
        })
    }
}
