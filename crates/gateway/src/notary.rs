//! The notary (存证): signs what the ledger is, keeps what it signed outside the ledger, and makes receipts.
//!
//! It signs one tree after the other under one lock, so that a later checkpoint never names fewer records. A checkpoint
//! is signed when an answer needs one and the ledger has grown. The log beside it is appended to and synced at opening, at
//! closing and once a second in between, by a task of its own, so that no answer waits for it; an opening that finds another
//! history than the log's last checkpoint is refused. It must not know what a settlement means. Invariant: all that one key signs is one history.

mod files;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bedside_ledger::{Ledger, MessageKey, ReadError, Tree};
use bedside_receipt::{Checkpoint, NoteError, PublicKey, SigningKey, merkle};
use jiff::Timestamp;

use crate::v1;

pub use self::files::{KeyError, open_or_make_key, read_key};

/// A log line for every group under load would fill disks and prove no more.
pub(crate) const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// Why a notary does not open.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] ReadError),
    /// The log could not be read or written.
    #[error("the checkpoint log `{}`: {source}", .path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: std::io::Error,
    },
    /// The log's last checkpoint is not of this key.
    #[error("the checkpoint log `{}` ends with a checkpoint that this key did not sign: {source}", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: NoteError,
    },
    /// The ledger has fewer records than it once had.
    #[error(
        "the ledger has {records} records, but a checkpoint of {acknowledged} was signed: it was rolled back; restore \
         the ledger, or begin a new checkpoint log to accept the loss"
    )]
    RolledBack {
        /// Records that it has.
        records: u64,
        /// Records that it once had.
        acknowledged: u64,
    },
    /// The ledger's records are not those that it once had.
    #[error(
        "the first {acknowledged} records of the ledger are not those of the checkpoint that was signed: its history \
         was replaced; restore the ledger, or begin a new checkpoint log to accept the loss"
    )]
    Replaced {
        /// Records of the checkpoint.
        acknowledged: u64,
    },
}

/// See the module.
#[derive(Debug)]
pub struct Notary {
    key: SigningKey,
    log: Option<PathBuf>,
    last: Mutex<Last>,
    /// Held while the log is written to, so that a later checkpoint never comes before an earlier one.
    writing: Mutex<()>,
}

/// What was signed last.
#[derive(Debug, Default)]
struct Last {
    signed: Option<(Tree, String)>,
    signed_at: Timestamp,
    /// Whether the log has it.
    is_logged: bool,
}

impl Notary {
    /// A notary for a ledger, which must be the one that the log's last checkpoint names, grown or not.
    ///
    /// # Errors
    /// See [`NotaryError`].
    pub fn open(key: SigningKey, log: Option<PathBuf>, ledger: &Ledger) -> Result<Notary, NotaryError> {
        if let Some(path) = &log {
            check_log(&key.public(), path, ledger)?;
        }
        let notary = Notary { key, log, last: Mutex::default(), writing: Mutex::default() };
        notary.close(ledger)?;
        Ok(notary)
    }

    /// What others check its receipts with.
    pub fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// Writes the ledger's last state to the log, synced.
    ///
    /// # Errors
    /// [`NotaryError::Ledger`], [`NotaryError::Log`].
    pub fn close(&self, ledger: &Ledger) -> Result<(), NotaryError> {
        self.sign(&mut self.last(), ledger)?;
        self.write_log()
    }

    /// Writes what was signed last to the log, synced, if the log lacks it.
    ///
    /// # Errors
    /// [`NotaryError::Log`]; what was not written is written the next time.
    pub(crate) fn write_log(&self) -> Result<(), NotaryError> {
        let Some(path) = &self.log else { return Ok(()) };
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (tree, note) = match &*self.last() {
            Last { signed: Some(signed), is_logged: false, .. } => signed.clone(),
            Last { .. } => return Ok(()),
        };
        let io = |source| NotaryError::Log { path: path.clone(), source };
        files::append(path, &note).and_then(|()| files::sync(path)).map_err(io)?;
        let mut last = self.last();
        last.is_logged = last.signed.as_ref().is_some_and(|(signed, _)| *signed == tree);
        Ok(())
    }

    /// The receipt of what a message booked, in the ledger as it is now; with the proof from an earlier tree, if that is
    /// its beginning. Nothing when it was never booked.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn receipt(
        &self,
        ledger: &Ledger,
        message: &MessageKey,
        known_tree_size: Option<u64>,
    ) -> Result<Option<v1::Receipt>, ReadError> {
        let (tree, checkpoint) = self.checkpoint(ledger)?;
        let Some(evidence) = ledger.evidence(message, tree.size)? else { return Ok(None) };
        let consistency = match known_tree_size {
            Some(size) => ledger.consistency(size, tree.size)?.map(|proof| (size.to_string(), proof)),
            None => None,
        };
        let (earlier_tree_size, consistency_proof) = consistency.unwrap_or_default();
        let bytes = |hashes: Vec<[u8; 32]>| hashes.into_iter().map(Vec::from).collect();
        Ok(Some(v1::Receipt {
            sequence: evidence.sequence.to_string(),
            booked_at_ms: evidence.booked_at_ms.to_string(),
            salt: evidence.salt.to_vec(),
            record_hash: evidence.record_hash.to_vec(),
            inclusion_proof: bytes(evidence.inclusion),
            checkpoint,
            earlier_tree_size,
            consistency_proof: bytes(consistency_proof),
        }))
    }

    /// The ledger as it is now, signed.
    fn checkpoint(&self, ledger: &Ledger) -> Result<(Tree, String), ReadError> {
        self.sign(&mut self.last(), ledger)
    }

    /// Signs the ledger's tree if it is another than the one signed last.
    fn sign(&self, last: &mut Last, ledger: &Ledger) -> Result<(Tree, String), ReadError> {
        let tree = ledger.tree()?;
        if let Some((signed, note)) = &last.signed
            && *signed == tree
        {
            return Ok((tree, note.clone()));
        }
        // A clock that was put back does not make a later checkpoint an earlier one.
        last.signed_at = last.signed_at.max(Timestamp::now());
        let time = last.signed_at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        let named = merkle::Tree { size: tree.size, root: tree.root };
        let note = Checkpoint::sign(&named, &time, &self.key);
        last.signed = Some((tree, note.clone()));
        last.is_logged = false;
        Ok((tree, note))
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds the ledger against the log's last checkpoint; an empty log says nothing.
fn check_log(key: &PublicKey, path: &Path, ledger: &Ledger) -> Result<(), NotaryError> {
    let note = files::last_note(path).map_err(|source| NotaryError::Log { path: path.to_owned(), source })?;
    let Some(note) = note else { return Ok(()) };
    let signed = Checkpoint::open(&note, key)
        .map_err(|source| NotaryError::Foreign { path: path.to_owned(), source })?
        .tree;
    match ledger.earlier_tree(signed.size)? {
        Some(tree) if tree.root == signed.root => Ok(()),
        Some(_) => Err(NotaryError::Replaced { acknowledged: signed.size }),
        None => Err(NotaryError::RolledBack { records: ledger.tree()?.size, acknowledged: signed.size }),
    }
}
