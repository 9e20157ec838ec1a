//! Evidence of a record: what its receipt is made of, read from the tables.
//!
//! Nothing here is signed; whoever signs a tree is above. Invariant: what is given out is of one tree, and the leaf is that
//! of the record as it lies in the journal.

use crate::booking;
use crate::codec::Malformed;
use crate::event::MessageKey;
use crate::ledger::Ledger;
use crate::segments::{Damage, Found, ReadError, damaged};
use crate::tables::TablesError;
use crate::tree::{Leaf, TreeOf};

/// The tree over the first records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// How many records.
    pub size: u64,
    /// The root, as RFC 6962 defines it.
    pub root: [u8; 32],
}

/// What is needed to prove that a record is in a tree. `docs/receipts.md` says how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The record's place in the journal, from 1.
    pub sequence: u64,
    /// When it was booked, in milliseconds since 1970-01-01 UTC.
    pub booked_at_ms: i64,
    /// The salt of its answer's hash.
    pub salt: [u8; 32],
    /// What stands for the whole record.
    pub record_hash: [u8; 32],
    /// The tree.
    pub tree: Tree,
    /// From the leaf to the root.
    pub inclusion: Vec<[u8; 32]>,
}

impl Ledger {
    /// The tree over all records.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn tree(&self) -> Result<Tree, ReadError> {
        let size = self.shared().tip().sequence;
        Ok(Tree { size, root: self.tree_of(size).root()? })
    }

    /// The tree over the first `size` records; nothing when there are fewer.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn earlier_tree(&self, size: u64) -> Result<Option<Tree>, ReadError> {
        if size > self.shared().tip().sequence {
            return Ok(None);
        }
        Ok(Some(Tree { size, root: self.tree_of(size).root()? }))
    }

    /// The proof that the tree over the first `earlier` records is a beginning of the one over the first `size`; nothing when
    /// `earlier` is more than that, or `size` more than there are.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn consistency(&self, earlier: u64, size: u64) -> Result<Option<Vec<[u8; 32]>>, ReadError> {
        if earlier > size || size > self.shared().tip().sequence {
            return Ok(None);
        }
        Ok(Some(self.tree_of(size).consistency(earlier)?))
    }

    /// The evidence of what a message booked, in the tree over the first `size` records; nothing when it is not among
    /// them, or when its content was erased.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn evidence(&self, key: &MessageKey, size: u64) -> Result<Option<Evidence>, ReadError> {
        let shared = self.shared();
        if key.check().is_err() || size > shared.tip().sequence {
            return Ok(None);
        }
        let Some(row) = booking::message(&shared.tables, key)? else { return Ok(None) };
        if row.sequence > size {
            return Ok(None);
        }
        let frame = match shared.segments.find(row.position)? {
            Found::Frame(frame) if frame.head.sequence == row.sequence => frame,
            Found::Frame(_) => return Err(damaged(row.position, Damage::Sequence)),
            Found::Nothing | Found::Unreadable => return Err(damaged(row.position, Damage::Checksum)),
        };
        let record = frame.record()?;
        let Some(index) = record.sequence.checked_sub(1) else {
            return Err(damaged(row.position, Damage::Payload(Malformed("sequence"))));
        };
        let Leaf { salt: Some(salt), record_hash, hash } = Leaf::of(&record, &frame.hash) else {
            return Ok(None);
        };
        let tree = self.tree_of(size);
        if tree.leaf(index)? != hash {
            return Err(TablesError::Contradiction("the tree has another leaf").into());
        }
        Ok(Some(Evidence {
            sequence: record.sequence,
            booked_at_ms: record.booked_at_ms,
            salt,
            record_hash,
            tree: Tree { size: tree.size, root: tree.root()? },
            inclusion: tree.inclusion(index)?,
        }))
    }

    /// The rows below never change once a record is behind them, so that they need no standing still.
    fn tree_of(&self, size: u64) -> TreeOf<'_, crate::tables::Tables> {
        TreeOf { rows: &self.shared().tables, size }
    }
}
