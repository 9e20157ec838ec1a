//! The tables: rows in one sled tree, derived from the journal and never trusted further than it.
//!
//! sled forgets rows without an error once a byte of its file is damaged, panics on other damage, and its flush does
//! not reach the disk. So every row carries a checksum bound to its key, one row counts and sums all others, a full
//! scan compares them at every opening that finds no unbroken seal (`seal.rs`), and what does not fit is rebuilt from
//! the journal. No flush is ever waited
//! for: a batch carries the applied position, and what is lost is applied again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::{Bound, RangeInclusive};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::codec::Malformed;
use crate::frame::{Hash, Position};
use crate::planted;
use crate::rows::{APPLIED_KEY, Applied};
use crate::tree;

/// Why the tables gave no answer. They hold nothing that the journal does not.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// sled returned an error.
    #[error("the tables failed: {0}")]
    Failed(#[from] sled::Error),
    /// sled panicked, as it does on damage.
    #[error("the tables are damaged: the store gave up")]
    Panicked,
    /// A row's checksum does not hold.
    #[error("the tables are damaged: a row's checksum does not hold")]
    Checksum,
    /// A row is not one that this version writes.
    #[error("the tables are damaged: {0}")]
    Malformed(#[from] Malformed),
    /// The rows are not those that were written.
    #[error("the tables are damaged: {found} rows found where {expected} were written, or of other content")]
    Rows {
        /// Rows written.
        expected: u64,
        /// Rows found.
        found: u64,
    },
    /// A row contradicts another or the journal.
    #[error("the tables contradict the journal: {0}")]
    Contradiction(&'static str),
}

/// Rows by key, wherever they are kept.
pub(crate) trait Rows {
    /// The body of one row.
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TablesError>;
    /// The rows whose keys begin with `prefix`.
    fn rows_under(&self, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, TablesError>;
}

/// New bodies by key; nothing where the row goes.
pub(crate) type RowChanges = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The number of rows and the wrapping sum of their checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Totals {
    rows: u64,
    sum: u64,
}

impl Totals {
    fn add(&mut self, crc: u32) {
        self.rows = self.rows.wrapping_add(1);
        self.sum = self.sum.wrapping_add(u64::from(crc));
    }

    fn remove(&mut self, crc: u32) {
        self.rows = self.rows.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(u64::from(crc));
    }
}

/// The open tables.
#[derive(Debug)]
pub(crate) struct Tables {
    db: sled::Db,
    /// Touched by the one applier only; a mutex because readers share the rest.
    totals: Mutex<Totals>,
}

/// sled panics where its file is damaged; its state is then given up, so nothing broken is seen again.
fn guarded<T>(work: impl FnOnce() -> Result<T, TablesError>) -> Result<T, TablesError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(TablesError::Panicked))
}

/// Over the key as well: a body under another row's key does not pass.
fn checksum(key: &[u8], body: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), body)
}

fn stored(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut value = checksum(key, body).to_le_bytes().to_vec();
    value.extend_from_slice(body);
    value
}

fn opened<'a>(key: &[u8], value: &'a [u8]) -> Result<(u32, &'a [u8]), TablesError> {
    let (crc, body) = value.split_first_chunk().ok_or(TablesError::Checksum)?;
    let crc = u32::from_le_bytes(*crc);
    if crc == checksum(key, body) || planted::is("skip-row-checksum") {
        Ok((crc, body))
    } else {
        Err(TablesError::Checksum)
    }
}

/// The first bytes of keys in parts of about one size, which leave none out.
const KINDS: [RangeInclusive<u8>; 4] = [0..=b'l', b'm'..=b'm', b'n'..=b's', b't'..=u8::MAX];

const LOCK_TRIES: u32 = 1_000;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Opens sled, waiting for its lock. Whoever opens tables holds the ledger's own lock, so the holder can only be a
/// background thread of a handle that this process has just dropped; it lets go when its round is over.
fn open_unlocked(config: &sled::Config) -> sled::Result<sled::Db> {
    let mut tries = 0;
    loop {
        match config.open() {
            // sled rewords the system's error and loses its kind.
            Err(sled::Error::Io(error))
                if tries < LOCK_TRIES && error.to_string().contains("could not acquire lock") =>
            {
                tries += 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            opened => return opened,
        }
    }
}

impl Tables {
    /// Opens or creates the tables. Their rows are not checked yet.
    pub(crate) fn open(dir: &Path) -> Result<Tables, TablesError> {
        // A process killed while sled wrote its snapshot leaves this behind, and then sled does not open.
        remove_unfinished_snapshots(dir).map_err(sled::Error::from)?;
        guarded(|| {
            let config = sled::Config::new()
                .path(dir)
                .cache_capacity(128 << 20)
                // No background flush: nobody waits for one, and it would compete with the journal's syncs.
                .flush_every_ms(None);
            Ok(Tables { db: open_unlocked(&config)?, totals: Mutex::default() })
        })
    }

    /// How far the tables say they have come.
    pub(crate) fn applied(&self) -> Result<Option<Applied>, TablesError> {
        Ok(self.row(APPLIED_KEY)?.as_deref().map(Applied::decode).transpose()?)
    }

    /// Whether an earlier release wrote them, whose rows are not read, or applied the last records, without their tree.
    pub(crate) fn outdated(&self) -> Result<bool, TablesError> {
        let Some(body) = self.row(APPLIED_KEY)? else { return Ok(false) };
        Ok(Applied::is_outdated(&body) || !tree::reaches(self, Applied::decode(&body)?.sequence)?)
    }

    /// Reads every row and compares them with what was written, up to `applied` (nothing: a new store).
    pub(crate) fn check(&self, applied: Option<&Applied>) -> Result<(), TablesError> {
        let found = self.counted()?;
        let expected = applied.map_or(Totals::default(), |it| Totals { rows: it.rows, sum: it.sum });
        if found != expected && !planted::is("skip-row-count") {
            return Err(TablesError::Rows { expected: expected.rows, found: found.rows });
        }
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }

    /// Takes the rows for what was written, because their files are sealed.
    pub(crate) fn trust(&self, applied: &Applied) {
        let totals = Totals { rows: applied.rows, sum: applied.sum };
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner) = totals;
    }

    /// Counts and sums every row, the kinds at the same time: that is most of what an opening does.
    fn counted(&self) -> Result<Totals, TablesError> {
        let count = |kinds: RangeInclusive<u8>| {
            let mut found = Totals::default();
            self.each_of(kinds, |_, crc, _| {
                found.add(crc);
                Ok(())
            })?;
            Ok::<_, TablesError>(found)
        };
        let count = &count;
        let parts: Vec<Result<Totals, TablesError>> = thread::scope(|scope| {
            let parts = KINDS.map(|kinds| scope.spawn(move || count(kinds)));
            parts.into_iter().map(|part| part.join().unwrap_or(Err(TablesError::Panicked))).collect()
        });
        let mut all = Totals::default();
        for part in parts {
            let part = part?;
            all.rows = all.rows.wrapping_add(part.rows);
            all.sum = all.sum.wrapping_add(part.sum);
        }
        Ok(all)
    }

    /// Visits every row but the applied one: key, checksum, body.
    pub(crate) fn each(
        &self,
        visit: impl FnMut(&[u8], u32, &[u8]) -> Result<(), TablesError>,
    ) -> Result<(), TablesError> {
        self.each_of(0..=u8::MAX, visit)
    }

    /// Whether a row's key begins with `prefix`.
    pub(crate) fn is_under(&self, prefix: &[u8]) -> Result<bool, TablesError> {
        guarded(|| Ok(self.db.scan_prefix(prefix).next().transpose()?.is_some()))
    }

    /// Visits the rows whose keys begin with `prefix`, in the order of their keys: key and body.
    pub(crate) fn each_under(
        &self,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), TablesError>,
    ) -> Result<(), TablesError> {
        guarded(|| {
            for row in self.db.scan_prefix(prefix) {
                let (key, value) = row?;
                visit(&key, opened(&key, &value)?.1)?;
            }
            Ok(())
        })
    }

    /// Visits the rows whose keys begin with one of these bytes.
    fn each_of(
        &self,
        kinds: RangeInclusive<u8>,
        mut visit: impl FnMut(&[u8], u32, &[u8]) -> Result<(), TablesError>,
    ) -> Result<(), TablesError> {
        let from = match *kinds.start() {
            // The empty key too, should there be one.
            0 => Bound::Unbounded,
            first => Bound::Included(vec![first]),
        };
        let to = match kinds.end().checked_add(1) {
            Some(behind) => Bound::Excluded(vec![behind]),
            None => Bound::Unbounded,
        };
        guarded(|| {
            for row in self.db.range::<Vec<u8>, _>((from, to)) {
                let (key, value) = row?;
                let (crc, body) = opened(&key, &value)?;
                if key != APPLIED_KEY {
                    visit(&key, crc, body)?;
                }
            }
            Ok(())
        })
    }

    /// Writes the changes of records up to `sequence`, and that they are applied, in one batch.
    pub(crate) fn apply(
        &self,
        changes: &RowChanges,
        sequence: u64,
        hash: Hash,
        position: Position,
    ) -> Result<Applied, TablesError> {
        let applied = guarded(|| {
            let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
            let mut next = *totals;
            let mut batch = sled::Batch::default();
            for (key, body) in changes {
                if let Some(old) = self.db.get(key)? {
                    next.remove(opened(key, &old)?.0);
                }
                match body {
                    Some(body) => {
                        next.add(checksum(key, body));
                        batch.insert(&key[..], stored(key, body));
                    }
                    None => batch.remove(&key[..]),
                }
            }
            let applied = Applied { sequence, hash, position, rows: next.rows, sum: next.sum };
            batch.insert(APPLIED_KEY, stored(APPLIED_KEY, &applied.encode()));
            self.db.apply_batch(batch)?;
            *totals = next;
            Ok(applied)
        });
        self.or_left_open(applied)
    }

    /// Hands what is in memory to the operating system, so that less is applied again at the next opening.
    pub(crate) fn hand_over(&self) -> Result<(), TablesError> {
        self.or_left_open(guarded(|| Ok(self.db.flush().map(drop)?)))
    }

    /// sled flushes once more when it is closed, and after an error of its file that flush may never return: what has
    /// failed to write is left open until the process ends. Nothing is lost, the journal has it.
    fn or_left_open<T>(&self, written: Result<T, TablesError>) -> Result<T, TablesError> {
        if written.is_err() {
            std::mem::forget(self.db.clone());
        }
        written
    }
}

impl Rows for Tables {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TablesError> {
        guarded(|| match self.db.get(key)? {
            Some(value) => Ok(Some(opened(key, &value)?.1.to_vec())),
            None => Ok(None),
        })
    }

    fn rows_under(&self, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, TablesError> {
        guarded(|| {
            let mut rows = BTreeMap::new();
            for row in self.db.scan_prefix(prefix) {
                let (key, value) = row?;
                let body = opened(&key, &value)?.1.to_vec();
                rows.insert(key.to_vec(), body);
            }
            Ok(rows)
        })
    }
}

/// Rows with changes that are not applied yet: what a group sees of itself.
pub(crate) struct Overlay<'a> {
    below: &'a dyn Rows,
    pub(crate) changes: RowChanges,
}

impl<'a> Overlay<'a> {
    pub(crate) fn on(below: &'a dyn Rows) -> Overlay<'a> {
        Overlay { below, changes: RowChanges::new() }
    }
}

impl Rows for Overlay<'_> {
    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TablesError> {
        match self.changes.get(key).filter(|_| !planted::is("group-blind-to-itself")) {
            Some(body) => Ok(body.clone()),
            None => self.below.row(key),
        }
    }

    fn rows_under(&self, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, TablesError> {
        let mut rows = self.below.rows_under(prefix)?;
        for (key, body) in
            self.changes.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix))
        {
            match body {
                Some(body) => rows.insert(key.clone(), body.clone()),
                None => rows.remove(key),
            };
        }
        Ok(rows)
    }
}

fn remove_unfinished_snapshots(dir: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_of_one_part() {
        let mut next = 0u16;
        for kinds in KINDS {
            assert_eq!(u16::from(*kinds.start()), next);
            next = u16::from(*kinds.end()) + 1;
        }
        assert_eq!(next, 256);
    }
}
