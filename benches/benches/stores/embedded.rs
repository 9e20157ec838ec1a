//! Embedded stores, each used as its documentation has it for durable groups: one batch or transaction a group.

use std::fs::File;
use std::path::Path;

use redb::{Database, ReadableDatabase, TableDefinition};

use crate::{Settlement, Store};

/// What a person's year holds after one more settlement.
fn year_after(before: Option<&[u8]>) -> [u8; 8] {
    let paid = before.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
    (paid + 100).to_le_bytes()
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// What sled calls durable.
    FlushOnly,
    /// With a data sync of sled's file behind it.
    FlushAndSync,
}

pub(crate) struct Sled {
    db: sled::Db,
    file: File,
    sync: Sync,
    sequence: u64,
}

impl Sled {
    pub(crate) fn open(dir: &Path, sync: Sync) -> Sled {
        let db = sled::Config::new().path(dir).cache_capacity(128 << 20).flush_every_ms(None).open().unwrap();
        Sled { db, file: File::open(dir.join("db")).unwrap(), sync, sequence: 0 }
    }
}

impl Store for Sled {
    fn name(&self) -> &'static str {
        match self.sync {
            Sync::FlushOnly => "sled 0.34, `flush` (not durable)",
            Sync::FlushAndSync => "sled 0.34, `flush` + `fdatasync`",
        }
    }

    fn settle(&mut self, group: Vec<Settlement>) {
        let key = |kind: &str, name: &str| [kind.as_bytes(), name.as_bytes()].concat();
        let mut batch = sled::Batch::default();
        for settlement in &group {
            let (message, visit) = (key("m", &settlement.message), key("v", &settlement.visit));
            let person = key("a", &settlement.person);
            assert!(self.db.get(&message).unwrap().is_none() && self.db.get(&visit).unwrap().is_none());
            let year = year_after(self.db.get(&person).unwrap().as_deref());
            self.sequence += 1;
            let sequence = self.sequence.to_be_bytes();
            batch.insert([b"r", &sequence[..]].concat(), settlement.record());
            batch.insert([b"s", &sequence[..]].concat(), &b"booked"[..]);
            batch.insert(message, &sequence);
            batch.insert(visit, &sequence);
            batch.insert(person, &year);
        }
        self.db.apply_batch(batch).unwrap();
        self.db.flush().unwrap();
        if self.sync == Sync::FlushAndSync {
            self.file.sync_data().unwrap();
        }
    }
}

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
const SETTLEMENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("settlements");
const MESSAGES: TableDefinition<'_, &str, u64> = TableDefinition::new("messages");
const VISITS: TableDefinition<'_, &str, u64> = TableDefinition::new("visits");
const YEARS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("years");

pub(crate) struct Redb {
    db: Database,
    sequence: u64,
}

impl Redb {
    pub(crate) fn open(dir: &Path) -> Redb {
        let db = Database::create(dir.join("redb")).unwrap();
        // As the others: no table yet is no row yet.
        assert!(db.begin_read().is_ok());
        Redb { db, sequence: 0 }
    }
}

impl Store for Redb {
    fn name(&self) -> &'static str {
        "redb 4, `Immediate`"
    }

    fn settle(&mut self, group: Vec<Settlement>) {
        // Durability is `Immediate` unless asked otherwise.
        let transaction = self.db.begin_write().unwrap();
        {
            let mut records = transaction.open_table(RECORDS).unwrap();
            let mut settlements = transaction.open_table(SETTLEMENTS).unwrap();
            let mut messages = transaction.open_table(MESSAGES).unwrap();
            let mut visits = transaction.open_table(VISITS).unwrap();
            let mut years = transaction.open_table(YEARS).unwrap();
            for settlement in &group {
                self.sequence += 1;
                let year = {
                    let before = redb::ReadableTable::get(&years, &*settlement.person).unwrap();
                    year_after(before.as_ref().map(redb::AccessGuard::value))
                };
                let sequence = self.sequence;
                assert!(messages.insert(&*settlement.message, sequence).unwrap().is_none());
                assert!(visits.insert(&*settlement.visit, sequence).unwrap().is_none());
                records.insert(sequence, &*settlement.record()).unwrap();
                settlements.insert(sequence, &b"booked"[..]).unwrap();
                years.insert(&*settlement.person, &year[..]).unwrap();
            }
        }
        transaction.commit().unwrap();
    }
}

pub(crate) struct Sqlite {
    connection: rusqlite::Connection,
}

impl Sqlite {
    pub(crate) fn open(dir: &Path) -> Sqlite {
        let connection = rusqlite::Connection::open(dir.join("sqlite")).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 CREATE TABLE records (sequence INTEGER PRIMARY KEY, record BLOB NOT NULL);
                 CREATE TABLE settlements (sequence INTEGER PRIMARY KEY, state TEXT NOT NULL);
                 CREATE TABLE messages (message TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
                 CREATE TABLE visits (visit TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
                 CREATE TABLE years (person TEXT PRIMARY KEY, paid INTEGER NOT NULL) WITHOUT ROWID;",
            )
            .unwrap();
        Sqlite { connection }
    }
}

impl Store for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite, WAL, `FULL`"
    }

    fn settle(&mut self, group: Vec<Settlement>) {
        let transaction = self.connection.transaction().unwrap();
        for settlement in &group {
            let mut record = transaction.prepare_cached("INSERT INTO records (record) VALUES (?1)").unwrap();
            let sequence = record.insert([settlement.record()]).unwrap();
            let write = |statement: &str, name: &str| {
                let mut statement = transaction.prepare_cached(statement).unwrap();
                assert_eq!(statement.execute(rusqlite::params![name, sequence]).unwrap(), 1);
            };
            // The primary keys are what looks the message and the visit up.
            write("INSERT INTO messages VALUES (?1, ?2)", &settlement.message);
            write("INSERT INTO visits VALUES (?1, ?2)", &settlement.visit);
            write("INSERT INTO settlements (state, sequence) VALUES (?1, ?2)", "booked");
            let mut year = transaction
                .prepare_cached(
                    "INSERT INTO years VALUES (?1, 100) ON CONFLICT (person) DO UPDATE SET paid = paid + 100",
                )
                .unwrap();
            year.execute([&settlement.person]).unwrap();
        }
        transaction.commit().unwrap();
    }
}
