//! Opening: the journal is read and folded, the tables are brought up to it, compared with it, or made anew.
//!
//! Invariant: a ledger that opens has tables that are the journal; a journal that lacks what the tables have is a
//! loss, and does not open.

use std::fs::{File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::journal::{JournalError, Scan, sync_folder};
use crate::record::{NotARecord, Record};
use crate::tables::{Applied, ApplyError, Changes, ReadError, Rows, Staged, Tables};
use crate::verify::Fold;

/// Why a ledger does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the ledger `{0}` is in use by another process")]
    InUse(PathBuf),
    /// There is no ledger in the folder.
    #[error("there is no ledger in `{0}`")]
    NoLedger(PathBuf),
    /// The folder or lock cannot be used.
    #[error("cannot use `{path}`: {error}")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The journal cannot be read, or is damaged before its end.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A record's frame reads well, its content does not.
    #[error("record {sequence} {problem}")]
    Record {
        /// Its sequence.
        sequence: u64,
        /// What is wrong.
        problem: NotARecord,
    },
    /// The journal ends before what was answered: records are lost.
    #[error(
        "the journal ends at record {journal}, but record {tables} was answered: restore the journal from a backup"
    )]
    JournalBehind {
        /// The journal's last sequence.
        journal: u64,
        /// The last sequence that the tables have.
        tables: u64,
    },
    /// The journal reads well, but its records do not follow from each other.
    #[error("the journal is inconsistent: {0}")]
    Inconsistent(String),
    /// The tables cannot be made even from the journal.
    #[error("the tables cannot be built: {0}")]
    Tables(String),
}

/// What opening came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenReport {
    /// Records in the journal.
    pub records: u64,
    /// Bytes of a torn tail that were cut; they were never answered.
    pub torn_bytes: u64,
    /// Records that were applied to the tables.
    pub applied: u64,
    /// Why the tables were made anew, if they were.
    pub rebuilt: Option<String>,
}

pub(crate) struct Opened {
    pub(crate) scan: Scan,
    pub(crate) tables: Tables,
    pub(crate) lock: File,
    pub(crate) report: OpenReport,
}

pub(crate) fn journal_folder(dir: &Path) -> PathBuf {
    dir.join("journal")
}

fn tables_folder(dir: &Path) -> PathBuf {
    dir.join("tables")
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_path_buf();
    move |error| OpenError::Io { path, error }
}

/// Creates a folder and syncs the one it lies in, so that it survives a power cut.
fn create_folder(path: &Path) -> Result<(), OpenError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_folder(parent)?;
    }
    std::fs::create_dir(path).map_err(io_error(path))?;
    Ok(sync_folder(parent.unwrap_or(Path::new(".")))?)
}

pub(crate) fn open(dir: &Path) -> Result<Opened, OpenError> {
    create_folder(&journal_folder(dir))?;
    let lock = lock(dir)?;
    let journal = journal_folder(dir);
    let mut report = OpenReport::default();

    let (tables, applied) = match existing_tables(&tables_folder(dir)) {
        Ok(found) => found,
        Err(reason) => {
            set_aside(&tables_folder(dir))?;
            report.rebuilt = Some(reason);
            (fresh_tables(dir)?, None)
        }
    };
    match catch_up(&journal, &tables, applied, &mut report) {
        Ok(scan) => Ok(Opened { scan, tables, lock, report }),
        Err(CatchUpError::Open(error)) => Err(error),
        Err(CatchUpError::TablesDisagree(reason)) => {
            drop(tables);
            set_aside(&tables_folder(dir))?;
            report = OpenReport { rebuilt: Some(reason), ..OpenReport::default() };
            let tables = fresh_tables(dir)?;
            match catch_up(&journal, &tables, None, &mut report) {
                Ok(scan) => Ok(Opened { scan, tables, lock, report }),
                Err(CatchUpError::Open(error)) => Err(error),
                Err(CatchUpError::TablesDisagree(reason)) => Err(OpenError::Tables(reason)),
            }
        }
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(io_error(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_path_buf())),
        Err(TryLockError::Error(error)) => Err(OpenError::Io { path, error }),
    }
}

/// Opens the tables that are there; sled panics on some kinds of damage.
fn existing_tables(folder: &Path) -> Result<(Tables, Option<Applied>), String> {
    // A crash during sled's own recovery leaves such a file, and sled then refuses to open.
    if let Ok(entries) = std::fs::read_dir(folder) {
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                let _ = std::fs::remove_file(path);
            }
        }
    }
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let tables = Tables::open(folder)?;
        let applied = tables.applied()?;
        Ok::<_, ReadError>((tables, applied))
    }));
    match opened {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the tables do not open".to_owned()),
    }
}

fn fresh_tables(dir: &Path) -> Result<Tables, OpenError> {
    let folder = tables_folder(dir);
    Tables::open(&folder).map_err(|error| OpenError::Tables(error.to_string()))
}

/// Moves the tables out of the way; they are kept for whoever wants to know what happened.
fn set_aside(folder: &Path) -> Result<(), OpenError> {
    if !folder.exists() {
        return Ok(());
    }
    let mut number = 1;
    let aside = loop {
        let aside = folder.with_extension(format!("damaged-{number}"));
        if !aside.exists() {
            break aside;
        }
        number += 1;
    };
    tracing::warn!("the tables are set aside and made anew from the journal");
    std::fs::rename(folder, aside).map_err(io_error(folder))
}

enum CatchUpError {
    Open(OpenError),
    TablesDisagree(String),
}

impl<E: Into<OpenError>> From<E> for CatchUpError {
    fn from(error: E) -> CatchUpError {
        CatchUpError::Open(error.into())
    }
}

/// Records that are applied to the tables at once while they catch up.
const BATCH: u64 = 512;

fn catch_up(
    journal: &Path,
    tables: &Tables,
    applied: Option<Applied>,
    report: &mut OpenReport,
) -> Result<Scan, CatchUpError> {
    let mut scan = Scan::new(journal)?;
    let done = applied.map_or(0, |applied| applied.sequence);
    let mut changes = Changes::default();
    let disagree = |error: ApplyError| CatchUpError::TablesDisagree(error.to_string());
    let mut fold = Fold::default();
    while let Some(entry) = scan.next()? {
        report.records += 1;
        if let Some(applied) = applied.filter(|applied| applied.sequence == entry.sequence)
            && applied.hash != entry.hash
        {
            return Err(CatchUpError::TablesDisagree("the tables come from another journal".to_owned()));
        }
        let record = Record::decode(&entry.payload)
            .map_err(|problem| OpenError::Record { sequence: entry.sequence, problem })?;
        if entry.sequence > done {
            let mut staged = Staged { tables, changes: &mut changes };
            staged.record(entry.sequence, entry.position, &record).map_err(disagree)?;
            staged.applied_through(Applied { sequence: entry.sequence, hash: entry.hash });
            report.applied += 1;
            if report.applied.is_multiple_of(BATCH) {
                tables.apply(std::mem::take(&mut changes)).map_err(|error| disagree(error.into()))?;
            }
        }
        fold.add(&entry, record).map_err(|error| OpenError::Inconsistent(error.to_string()))?;
    }
    tables.apply(changes).map_err(|error| disagree(error.into()))?;
    report.torn_bytes = scan.torn();
    if scan.head().sequence < done {
        return Err(OpenError::JournalBehind { journal: scan.head().sequence, tables: done }.into());
    }
    // sled can lose rows to one damaged byte and say nothing; a missing message id would pay twice.
    fold.compare(tables).map_err(|error| CatchUpError::TablesDisagree(error.to_string()))?;
    Ok(scan)
}
