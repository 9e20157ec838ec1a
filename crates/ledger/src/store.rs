//! The seam between deciding and keeping: what the committer needs of whatever holds a ledger's journal and rows.
//!
//! The disk is one such store: segments and sled. A database can be another: frames and rows in two tables, a group in
//! one transaction. Whatever it is, it must pass `store/contract.rs`. Must not know what a record means. Invariant: a
//! group is kept whole, behind the one before, or not at all; and what is kept is read back as it was given.

#[cfg(test)]
mod contract;
#[cfg(test)]
mod memory;

use crate::frame::Position;
use crate::journal::{Draft, Writer};
use crate::record::Record;
use crate::register::ROW_SALT_BYTES;
use crate::segments::ReadError;
use crate::shared::Shared;
use crate::tables::{RowChanges, Rows, TablesError};

/// What keeps a ledger. Rows are read as the last kept group left them.
pub(crate) trait Store: Rows {
    /// An empty group behind what is kept.
    fn draft(&self) -> Draft;

    /// The salt of the record that will have that sequence.
    fn salt(&self, sequence: u64) -> [u8; 32];

    /// The salt of a row of that record, by its place among the rows.
    fn row_salt(&self, sequence: u64, index: u32) -> [u8; ROW_SALT_BYTES];

    /// The record of that sequence, which a row says lies at that position.
    fn record(&self, position: Position, sequence: u64) -> Result<Record, ReadError>;

    /// Whether there is room for new settlements; cancellations may have some where these have none.
    fn is_ample(&self) -> bool;

    /// Whether a group may begin a new segment of that size when room is scarce.
    fn has_spare_of(&self, bytes: u64) -> bool;

    /// Makes a group durable, then visible: its records, and what they change in the rows. `last` is where its last
    /// record lies.
    ///
    /// # Errors
    /// The reason for an operator. Whether the group is kept is then unknown, and the store takes no more.
    fn keep(&mut self, draft: Draft, changes: &RowChanges, last: Position) -> Result<(), String>;
}

/// Journal segments and sled tables in one directory.
pub(crate) struct DiskStore<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) writer: Writer,
}

impl Rows for DiskStore<'_> {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TablesError> {
        self.shared.tables.row(key)
    }

    fn rows_under(&self, prefix: &[u8]) -> Result<std::collections::BTreeMap<Vec<u8>, Vec<u8>>, TablesError> {
        self.shared.tables.rows_under(prefix)
    }
}

impl Store for DiskStore<'_> {
    fn draft(&self) -> Draft {
        self.writer.draft()
    }

    fn salt(&self, sequence: u64) -> [u8; 32] {
        self.shared.salts.of(sequence)
    }

    fn row_salt(&self, sequence: u64, index: u32) -> [u8; ROW_SALT_BYTES] {
        self.shared.salts.of_row(sequence, index)
    }

    fn record(&self, position: Position, sequence: u64) -> Result<Record, ReadError> {
        self.shared.segments.record(position, sequence)
    }

    fn is_ample(&self) -> bool {
        self.shared.room.is_ample()
    }

    fn has_spare_of(&self, bytes: u64) -> bool {
        self.shared.room.has_spare_of(bytes)
    }

    fn keep(&mut self, draft: Draft, changes: &RowChanges, last: Position) -> Result<(), String> {
        let DiskStore { shared, writer } = self;
        let place = draft.place();
        writer.append(draft).map_err(|error| format!("the journal could not be written: {error}"))?;
        // Readers that look at several rows hold this lock, so they see all of a group or nothing of it.
        let mut tip = shared.tip_for_writing();
        let reached = shared
            .tables
            .apply(changes, place.sequence, place.hash, last)
            .map_err(|error| format!("the tables could not be written: {error}"))?;
        shared
            .checkpoint
            .write(&reached)
            .map_err(|error| format!("the checkpoint could not be written: {error}"))?;
        *tip = place;
        Ok(())
    }
}
