//! The handle's part in reading periods.

use std::sync::Arc;

use super::Ledger;
use crate::balance::Settled;
use crate::booking;
use crate::period::{self, Period, PeriodRecords};
use crate::record::Entry;
use crate::segments::{ReadError, Segments};

impl Ledger {
    /// The records of a period, up to what is durable now; commands go on meanwhile. A record counts where it was booked out of
    /// order by an hour at most.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] where the first record of a segment cannot be read; [`ReadError::Io`].
    pub fn period(&self, period: Period) -> Result<PeriodRecords, ReadError> {
        let shared = self.shared();
        let tip = *shared.tip();
        // Files of its own: a long reading takes none away that the committer reads from.
        let segments = Arc::new(Segments::at(&shared.config.dir.join("journal")));
        period::records(segments, tip, period)
    }

    /// What is to be known of the settlement of a sequence; nothing where that is another record.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn settled(&self, sequence: u64) -> Result<Option<Settled>, ReadError> {
        let shared = self.shared();
        let Some(row) = booking::settlement(&shared.tables, sequence)? else { return Ok(None) };
        let record = shared.segments.record(row.position, sequence)?;
        Ok((record.entry == Entry::Settlement).then(|| Settled::of(&record)))
    }
}
