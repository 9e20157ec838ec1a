//! The tables: what the journal comes to, in sled, for reading by key.
//!
//! One tree, one batch for each group, with the applied sequence and hash in the same batch, so that the tables are
//! always the journal up to some record. Rows are ours: a checksum, a version, and small values; requests and answers
//! stay in the journal. The person leads every key that belongs to one. sled's own `flush` does not reach the disk on
//! Linux and needs not: whatever is missing is applied again from the journal.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bedside_claim::{AccumulatorKey, Accumulators, Money};

use crate::event::{MessageKey, PersonKey, RecordKind};
use crate::frame::Hash;
use crate::journal::{JournalError, Position};
use crate::record::{NotARecord, Reader, Record, Writer};

const ROW_VERSION: u8 = 1;
const APPLIED: &[u8] = b"!applied";

/// A stored row or record cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A row's checksum or form is wrong.
    #[error("a row of table `{table}` is damaged")]
    DamagedRow {
        /// Which table.
        table: &'static str,
    },
    /// A row points at a record that does not read well.
    #[error("{0}")]
    Journal(String),
    /// The record's bytes are no record.
    #[error("record {sequence} {problem}")]
    Record {
        /// Its sequence.
        sequence: u64,
        /// What is wrong.
        problem: NotARecord,
    },
    /// sled failed.
    #[error("the tables cannot be read: {0}")]
    Tables(String),
}

impl From<JournalError> for ReadError {
    fn from(error: JournalError) -> ReadError {
        ReadError::Journal(error.to_string())
    }
}

impl From<sled::Error> for ReadError {
    fn from(error: sled::Error) -> ReadError {
        ReadError::Tables(error.to_string())
    }
}

/// How far the tables have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) sequence: u64,
    pub(crate) hash: Hash,
}

/// Where a settlement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SettlementRow {
    pub(crate) position: Position,
    /// The cancellation's sequence.
    pub(crate) cancelled_by: Option<u64>,
}

/// A message's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageRow {
    pub(crate) sequence: u64,
    pub(crate) position: Position,
}

fn key(table: u8, parts: &[&str], tail: &[u8]) -> Vec<u8> {
    let mut key = vec![table];
    for part in parts {
        // Length first, so that no text can reach into the next part.
        key.extend(u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes());
        key.extend(part.as_bytes());
    }
    key.extend(tail);
    key
}

fn message_key(message: &MessageKey) -> Vec<u8> {
    key(b'm', &[&message.tenant, &message.fixmedins_code, &message.msgid], &[])
}

fn visit_key(message: &MessageKey, mdtrt_id: &str) -> Vec<u8> {
    key(b'v', &[&message.tenant, &message.fixmedins_code, mdtrt_id], &[])
}

fn settlement_key(sequence: u64) -> Vec<u8> {
    key(b's', &[], &sequence.to_be_bytes())
}

fn accumulators_key(person: &PersonKey) -> Vec<u8> {
    key(b'a', &[&person.tenant, &person.psn_no], &[])
}

fn year_key(person: &PersonKey, benefit_year: i16) -> Vec<u8> {
    key(b'y', &[&person.tenant, &person.psn_no], &benefit_year.to_be_bytes())
}

fn seal(row: Writer) -> Vec<u8> {
    let mut bytes = crc32c::crc32c(&row.bytes).to_le_bytes().to_vec();
    bytes.extend(row.bytes);
    bytes
}

fn open_row(table: &'static str, bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    let damaged = || ReadError::DamagedRow { table };
    let (crc, row) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
    let (version, fields) = row.split_first().ok_or_else(damaged)?;
    if crc32c::crc32c(row) != u32::from_le_bytes(*crc) || *version != ROW_VERSION {
        return Err(damaged());
    }
    Ok(fields.to_vec())
}

fn row() -> Writer {
    let mut writer = Writer::default();
    writer.u8(ROW_VERSION);
    writer
}

fn put_position(row: &mut Writer, position: Position) {
    row.u64(position.segment);
    row.u64(position.offset);
}

fn take_position(from: &mut Reader<'_>) -> Result<Position, NotARecord> {
    Ok(Position { segment: from.u64()?, offset: from.u64()? })
}

/// Reads of the tables, with or without a group's changes on top.
pub(crate) trait Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError>;

    fn read<T>(
        &self,
        table: &'static str,
        key: &[u8],
        decode: impl Fn(&mut Reader<'_>) -> Result<T, NotARecord>,
    ) -> Result<Option<T>, ReadError> {
        let Some(bytes) = self.get(key)? else { return Ok(None) };
        let fields = open_row(table, &bytes)?;
        let mut reader = Reader::new(&fields);
        let value = decode(&mut reader).and_then(|value| reader.end().map(|()| value));
        value.map(Some).map_err(|_| ReadError::DamagedRow { table })
    }

    fn message(&self, message: &MessageKey) -> Result<Option<MessageRow>, ReadError> {
        self.read("messages", &message_key(message), |from| {
            Ok(MessageRow { sequence: from.u64()?, position: take_position(from)? })
        })
    }

    fn settlement(&self, sequence: u64) -> Result<Option<SettlementRow>, ReadError> {
        self.read("settlements", &settlement_key(sequence), |from| {
            let position = take_position(from)?;
            let cancelled_by = from.u64()?;
            Ok(SettlementRow { position, cancelled_by: (cancelled_by != 0).then_some(cancelled_by) })
        })
    }

    fn booked_visit(&self, message: &MessageKey, mdtrt_id: &str) -> Result<Option<u64>, ReadError> {
        self.read("visits", &visit_key(message, mdtrt_id), |from| from.u64())
    }

    fn accumulators(&self, person: &PersonKey) -> Result<Accumulators, ReadError> {
        let read = self.read("accumulators", &accumulators_key(person), |from| {
            let mut accumulators = Accumulators::default();
            for _ in 0..from.count()? {
                let (key, value): (AccumulatorKey, Money) = (from.key()?, from.money()?);
                accumulators.set(key, value);
            }
            Ok(accumulators)
        })?;
        Ok(read.unwrap_or_default())
    }

    /// The sequences of the person's booked settlements of a year, oldest first.
    fn booked_of_year(&self, person: &PersonKey, benefit_year: i16) -> Result<Vec<u64>, ReadError> {
        let read = self.read("years", &year_key(person, benefit_year), |from| {
            let mut booked = Vec::new();
            for _ in 0..from.count()? {
                booked.push(from.u64()?);
            }
            Ok(booked)
        })?;
        Ok(read.unwrap_or_default())
    }

    fn applied(&self) -> Result<Option<Applied>, ReadError> {
        self.read("applied", APPLIED, |from| {
            let sequence = from.u64()?;
            let mut hash = [0; 32];
            for byte in &mut hash {
                *byte = from.u8()?;
            }
            Ok(Applied { sequence, hash })
        })
    }
}

const LOCK_TRIES: u32 = 1_000;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(5);

/// sled rewords the system's error when its file is locked, and loses the kind.
fn is_lock(error: &std::io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// The tables on disk.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    tree: sled::Tree,
}

impl Rows for Tables {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.tree.get(key)?.map(|value| value.to_vec()))
    }
}

impl Tables {
    /// Opens or creates the tables.
    pub(crate) fn open(folder: &Path) -> Result<Tables, ReadError> {
        let config = sled::Config::new().path(folder).mode(sled::Mode::HighThroughput);
        let mut tries = 0;
        let db = loop {
            match config.open() {
                // Whoever opens tables holds the ledger's own lock, so this can only be sled's background thread of a
                // handle that this process has just dropped: it lets go when its round is over.
                Err(sled::Error::Io(error)) if is_lock(&error) && tries < LOCK_TRIES => {
                    tries += 1;
                    std::thread::sleep(LOCK_PAUSE);
                }
                opened => break opened?,
            }
        };
        Ok(Tables { tree: db.open_tree("ledger")? })
    }

    /// Every person's accumulators.
    pub(crate) fn persons(&self) -> Result<BTreeMap<PersonKey, Accumulators>, ReadError> {
        let damaged = || ReadError::DamagedRow { table: "accumulators" };
        let mut persons = BTreeMap::new();
        for row in self.tree.scan_prefix(b"a") {
            let (key, _) = row?;
            let mut rest = &key[1..];
            let mut part = || -> Option<Arc<str>> {
                let (length, tail) = rest.split_first_chunk::<2>()?;
                let (text, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
                rest = tail;
                Some(std::str::from_utf8(text).ok()?.into())
            };
            let tenant = part().ok_or_else(damaged)?;
            let person = PersonKey { tenant, psn_no: part().ok_or_else(damaged)? };
            let accumulators = self.accumulators(&person)?;
            persons.insert(person, accumulators);
        }
        Ok(persons)
    }

    /// Writes a group's changes at once.
    pub(crate) fn apply(&self, changes: Changes) -> Result<(), ReadError> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes.rows {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        Ok(self.tree.apply_batch(batch)?)
    }
}

/// The rows a group changes, in memory until the group is on disk.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

/// The tables with a group's changes on top.
pub(crate) struct Staged<'a> {
    pub(crate) tables: &'a Tables,
    pub(crate) changes: &'a mut Changes,
}

impl Rows for Staged<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        match self.changes.rows.get(key) {
            Some(staged) => Ok(staged.clone()),
            None => self.tables.get(key),
        }
    }
}

/// A record cannot be applied: the tables are not the journal up to the record before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Stale(#[from] bedside_claim::accumulators::StaleChange),
}

impl Staged<'_> {
    fn put(&mut self, key: Vec<u8>, row: Writer) {
        self.changes.rows.insert(key, Some(seal(row)));
    }

    /// Applies one record. Positions are filled in by [`Staged::place`] once the journal knows them.
    pub(crate) fn record(
        &mut self,
        sequence: u64,
        position: Position,
        record: &Record,
    ) -> Result<(), ApplyError> {
        let mut accumulators = self.accumulators(&record.person)?;
        accumulators.apply(&record.accumulators)?;
        let mut out = row();
        out.count(accumulators.iter().count());
        for (key, value) in accumulators.iter() {
            out.key(key);
            out.i64(value.units());
        }
        self.put(accumulators_key(&record.person), out);

        let mut booked = self.booked_of_year(&record.person, record.benefit_year)?;
        let visit = visit_key(&record.message, &record.mdtrt_id);
        match record.kind {
            RecordKind::Settle => {
                booked.push(sequence);
                let mut out = row();
                out.u64(sequence);
                self.put(visit, out);
                self.settlement_row(sequence, SettlementRow { position, cancelled_by: None });
            }
            RecordKind::Cancel { cancels } => {
                booked.retain(|other| *other != cancels);
                self.changes.rows.insert(visit, None);
                if let Some(row) = self.settlement(cancels)? {
                    self.settlement_row(cancels, SettlementRow { cancelled_by: Some(sequence), ..row });
                }
            }
        }
        let mut out = row();
        out.count(booked.len());
        for sequence in booked {
            out.u64(sequence);
        }
        self.put(year_key(&record.person, record.benefit_year), out);
        self.message_row(&record.message, MessageRow { sequence, position });
        Ok(())
    }

    fn settlement_row(&mut self, sequence: u64, settlement: SettlementRow) {
        let mut out = row();
        put_position(&mut out, settlement.position);
        out.u64(settlement.cancelled_by.unwrap_or(0));
        self.put(settlement_key(sequence), out);
    }

    fn message_row(&mut self, message: &MessageKey, at: MessageRow) {
        let mut out = row();
        out.u64(at.sequence);
        put_position(&mut out, at.position);
        self.put(message_key(message), out);
    }

    /// Fills in where a record of the group came to stand.
    pub(crate) fn place(
        &mut self,
        sequence: u64,
        position: Position,
        record: &Record,
    ) -> Result<(), ReadError> {
        self.message_row(&record.message, MessageRow { sequence, position });
        if record.kind == RecordKind::Settle
            && let Some(row) = self.settlement(sequence)?
        {
            self.settlement_row(sequence, SettlementRow { position, ..row });
        }
        Ok(())
    }

    /// Notes how far the tables will have come.
    pub(crate) fn applied_through(&mut self, applied: Applied) {
        let mut out = row();
        out.u64(applied.sequence);
        for byte in applied.hash {
            out.u8(byte);
        }
        self.put(APPLIED.to_vec(), out);
    }
}
