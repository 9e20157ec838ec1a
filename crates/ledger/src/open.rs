//! Opening a ledger: lock, read what the journal has beyond the tables, cut a torn tail, or rebuild the tables.
//!
//! Decides what to trust. The journal wins over the tables in everything but one: tables that name a record which
//! the journal has lost prove that something acknowledged is gone, and then the ledger does not open at all - it would
//! give the same `setl_id` out twice.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, RwLock};

use crate::booking;
use crate::checkpoint::{self, CheckpointFile};
use crate::frame::{Position, SEGMENT_HEAD_BYTES};
use crate::journal::{self, Wrap, Writer, create_dir_durably, sync_dir};
use crate::planted;
use crate::progress::Progress;
use crate::room::{FreeBytes, Room, free_bytes};
use crate::rows::Applied;
use crate::salts::Salts;
use crate::scan::{Place, Scanner};
use crate::seal;
use crate::segments::{Found, ReadError, Segments, Tail};
use crate::shared::{LedgerConfig, Shared};
use crate::tables::{Overlay, Tables, TablesError};
use crate::tree::{Edge, Leaf};
use crate::watch::Watch;

/// Records applied to the tables in one batch while opening.
const BATCH: usize = 256;
const SEGMENT_BYTES_MIN: u64 = 4096;

/// Why a ledger does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting is outside its range.
    #[error("`{setting}` must be at least {least}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// Its least value.
        least: u64,
    },
    /// Another process, or another handle of this one, has the ledger open.
    #[error("the ledger is open elsewhere")]
    Locked,
    /// There is no journal in the directory.
    #[error("there is no ledger here")]
    NotALedger,
    /// The journal is damaged or cannot be read.
    #[error(transparent)]
    Journal(ReadError),
    /// The journal ends before a record that was acknowledged: tables and checkpoint are written after it. Restore the
    /// journal from a backup. To accept the loss, move `tables` and `checkpoint` away.
    #[error(
        "the journal ends at record {journal} in segment {segment} at byte {offset}, but record {acknowledged} was \
         acknowledged; restore the journal, or move `tables` and `checkpoint` away to accept the loss"
    )]
    Lost {
        /// The last record of the journal.
        journal: u64,
        /// A later record that was acknowledged.
        acknowledged: u64,
        /// The segment in which the journal ends.
        segment: u64,
        /// The byte at which it ends.
        offset: u64,
    },
    /// The journal has another record of that sequence than the one that was acknowledged: its history was replaced.
    #[error("record {sequence} is not the one that was acknowledged; restore the journal")]
    Replaced {
        /// The record that the checkpoint names.
        sequence: u64,
    },
    /// A record that is whole contradicts the ones before it.
    #[error("record {sequence} contradicts the records before it")]
    Contradiction {
        /// The record.
        sequence: u64,
        /// In what way.
        source: ReadError,
    },
    /// New tables could not be written.
    #[error("the tables cannot be written")]
    Tables(#[source] TablesError),
    /// The file system failed.
    #[error("`{}`: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
}

/// Why the tables were rebuilt from the journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rebuilt {
    /// They were not there.
    #[error("they were missing")]
    Missing,
    /// sled did not open them, or their rows were not those written.
    #[error("{0}")]
    Damaged(String),
    /// They were made from another journal.
    #[error("they were made from another journal")]
    Disagree,
    /// An earlier release wrote them; the journal it left is read as it is.
    #[error("an earlier release had written them")]
    Outdated,
    /// It was asked for.
    #[error("it was asked for")]
    Asked,
}

/// What was cut behind the last whole record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailCut {
    /// The segment.
    pub segment: u64,
    /// The byte from which it is zero now.
    pub offset: u64,
    /// How many bytes had been written there.
    pub bytes: u64,
}

/// What opening a ledger found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenReport {
    /// Records in the journal.
    pub records: u64,
    /// Records applied to the tables while opening.
    pub replayed: u64,
    /// Whether the tables' files were still what a clean end had left, so that their rows were not read one by one.
    pub tables_sealed: bool,
    /// The remains of a group that was never acknowledged.
    pub tail_cut: Option<TailCut>,
    /// Why the tables were rebuilt, when they were.
    pub tables_rebuilt: Option<Rebuilt>,
}

/// What is known of the tables before the journal is read.
struct TablesFound {
    usable: Result<Tables, Rebuilt>,
    /// How far they say they came, also where they are not usable.
    applied: Option<Applied>,
    /// Whether their seal stood for their rows.
    sealed: bool,
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { path, source }
}

/// What a ledger is written to; a seam for tests.
pub(crate) struct Disk {
    pub(crate) wrap: Wrap,
    pub(crate) free: FreeBytes,
}

impl Disk {
    /// The one that the directory is on.
    pub(crate) fn real(dir: &Path) -> Disk {
        Disk { wrap: Arc::new(|file: File| Box::new(file)), free: free_bytes(dir) }
    }
}

/// What becomes of tables that look whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WholeTables {
    Use,
    Rebuild,
}

pub(crate) fn open(
    config: LedgerConfig,
    disk: Disk,
    whole: WholeTables,
    mut progress: impl FnMut(Progress),
) -> Result<(Shared, Writer, OpenReport), OpenError> {
    check_settings(&config)?;
    let journal_dir = config.dir.join("journal");
    create_dir_durably(&journal_dir).map_err(io_at(&journal_dir))?;
    let lock = lock(&config.dir)?;
    journal::remove_unfinished(&journal_dir).map_err(io_at(&journal_dir))?;
    journal::sync_names(&journal_dir).map_err(io_at(&journal_dir))?;
    let segments = Arc::new(Segments::at(&journal_dir));
    let last_segment = segments.numbers().map_err(io_at(&journal_dir))?.last().copied();

    let tables_dir = config.dir.join("tables");
    let TablesFound { mut usable, applied, sealed } = find_tables(&config.dir, &tables_dir);
    if whole == WholeTables::Rebuild {
        usable = Err(Rebuilt::Asked);
    }
    let reached = checkpoint::read(&config.dir).map_err(io_at(&config.dir))?;
    let reached = reached.filter(|_| !planted::is("ignore-checkpoint"));
    let last_segment = match (last_segment, applied.or(reached)) {
        (Some(number), _) => number,
        (None, Some(acknowledged)) => {
            return Err(lost(Place::START, &acknowledged));
        }
        (None, None) => {
            Writer::create_first(&journal_dir, config.segment_bytes).map_err(io_at(&journal_dir))?;
            1
        }
    };

    if let Some(reached) = &reached
        && find_applied(&segments, reached, last_segment)?.is_none()
    {
        return Err(OpenError::Replaced { sequence: reached.sequence });
    }
    let start = match applied {
        Some(applied) if !planted::is("forget-applied-position") => {
            find_applied(&segments, &applied, last_segment)?
        }
        _ => Some(Place::START),
    };
    let (tables, place, rebuilt) = match (usable, start) {
        (Ok(tables), Some(place)) => (tables, place, None),
        (Ok(tables), None) => {
            drop(tables);
            (rebuild(&config.dir, &tables_dir, &Rebuilt::Disagree)?, Place::START, Some(Rebuilt::Disagree))
        }
        (Err(why), _) => (rebuild(&config.dir, &tables_dir, &why)?, Place::START, Some(why)),
    };

    // Segments before the last were synced before the last was made.
    let unproven = match place.next {
        next if next.segment == last_segment => next,
        _ => Position { segment: last_segment, offset: SEGMENT_HEAD_BYTES },
    };
    journal::write_again(&journal_dir, unproven).map_err(io_at(&journal_dir))?;
    let mut scanner = Scanner::from(Arc::clone(&segments), place, last_segment);
    let replayed = apply_rest(&mut scanner, &tables, last_segment, &mut progress)?;
    let tail_cut = cut_tail(&scanner, &journal_dir)?;
    let place = scanner.place();
    let report = OpenReport {
        records: place.sequence,
        replayed,
        tail_cut,
        // A journal without records has nothing to rebuild from: that is a new ledger.
        tables_sealed: sealed && rebuilt.is_none(),
        tables_rebuilt: rebuilt.filter(|why| place.sequence > 0 || *why != Rebuilt::Missing),
    };
    let checkpoint = open_checkpoint(&config.dir, &tables)?;
    let room = Room::open(&config.dir, config.segment_bytes, disk.free).map_err(io_at(&config.dir))?;
    sync_dir(&config.dir).map_err(io_at(&config.dir))?;
    let room = Arc::new(room);
    let salts = Salts::new().map_err(io_at(&config.dir))?;
    let writer = Writer::open(&journal_dir, config.segment_bytes, place, disk.wrap, Arc::clone(&room))
        .map_err(io_at(&journal_dir))?;
    let shared = Shared {
        config,
        segments,
        tables,
        checkpoint,
        room,
        salts,
        watch: Watch::default(),
        tip: RwLock::new(place),
        stopped: OnceLock::new(),
        _lock: lock,
    };
    Ok((shared, writer, report))
}

/// Opens the checkpoint and lets it name the end of the journal, synced: from here on that is answered for.
fn open_checkpoint(dir: &Path, tables: &Tables) -> Result<CheckpointFile, OpenError> {
    let file = CheckpointFile::open(dir).map_err(io_at(dir))?;
    if let Some(reached) = tables.applied().map_err(OpenError::Tables)? {
        // Both slots: what they named before must not come up again behind a torn write.
        file.write(&reached).and_then(|()| file.write(&reached)).map_err(io_at(dir))?;
        file.sync().map_err(io_at(dir))?;
    }
    Ok(file)
}

fn check_settings(config: &LedgerConfig) -> Result<(), OpenError> {
    let least = |setting, value: u64, least| {
        if value < least { Err(OpenError::Setting { setting, least }) } else { Ok(()) }
    };
    least("segment_bytes", config.segment_bytes, SEGMENT_BYTES_MIN)?;
    least("group_max", config.group_max as u64, 1)?;
    least("queue_max", config.queue_max as u64, 1)
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(io_at(&path))?;
    if planted::is("no-lock") {
        return Ok(file);
    }
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

fn find_tables(dir: &Path, tables_dir: &Path) -> TablesFound {
    let found = |usable, applied| TablesFound { usable, applied, sealed: false };
    if !tables_dir.exists() {
        return found(Err(Rebuilt::Missing), None);
    }
    let sealed = seal::unbroken(dir, tables_dir);
    let unusable = |error: TablesError| Rebuilt::Damaged(error.to_string());
    let tables = match Tables::open(tables_dir) {
        Ok(tables) => tables,
        Err(error) => return found(Err(unusable(error)), None),
    };
    match (tables.applied(), tables.outdated()) {
        (Ok(applied), Ok(true)) => found(Err(Rebuilt::Outdated), applied),
        (Ok(Some(applied)), Ok(false)) if sealed == Some(applied) => {
            tables.trust(&applied);
            TablesFound { usable: Ok(tables), applied: Some(applied), sealed: true }
        }
        (Ok(applied), Ok(false)) => {
            let checked = tables.check(applied.as_ref());
            found(checked.map(|()| tables).map_err(unusable), applied)
        }
        (Err(error), _) | (_, Err(error)) => found(Err(unusable(error)), None),
    }
}

fn lost(end: Place, applied: &Applied) -> OpenError {
    let Position { segment, offset } = end.next;
    OpenError::Lost { journal: end.sequence, acknowledged: applied.sequence, segment, offset }
}

/// Where the journal goes on behind the record that the tables applied last; nothing when the journal has another
/// record of that sequence.
///
/// # Errors
/// [`OpenError::Lost`] when the journal ends before that record; [`OpenError::Journal`] for damage on the way.
fn find_applied(
    segments: &Arc<Segments>,
    applied: &Applied,
    last_segment: u64,
) -> Result<Option<Place>, OpenError> {
    if applied.position.segment <= last_segment
        && let Found::Frame(frame) = segments.find(applied.position).map_err(OpenError::Journal)?
        && ((frame.head.sequence, frame.hash) == (applied.sequence, applied.hash)
            || planted::is("trust-foreign-tables"))
    {
        return Ok(Some(Place { next: frame.end(), sequence: applied.sequence, hash: applied.hash }));
    }
    let mut scanner = Scanner::from(Arc::clone(segments), Place::START, last_segment);
    while scanner.next_frame().map_err(OpenError::Journal)?.is_some() {}
    scanner.tail().map_err(OpenError::Journal)?;
    let lacks = scanner.place().sequence < applied.sequence && !planted::is("open-without-lost-record");
    if lacks { Err(lost(scanner.place(), applied)) } else { Ok(None) }
}

/// Moves what there is aside and opens new tables.
fn rebuild(dir: &Path, tables_dir: &Path, why: &Rebuilt) -> Result<Tables, OpenError> {
    if tables_dir.exists() {
        tracing::warn!(?why, "the tables are moved aside and rebuilt from the journal");
        let mut number = 1u32;
        let mut aside = dir.join("tables.aside.1");
        while aside.exists() {
            number += 1;
            aside = dir.join(format!("tables.aside.{number}"));
        }
        fs::rename(tables_dir, &aside).map_err(io_at(tables_dir))?;
        sync_dir(dir).map_err(io_at(dir))?;
    }
    create_dir_durably(tables_dir).map_err(io_at(tables_dir))?;
    Tables::open(tables_dir).map_err(OpenError::Tables)
}

/// Applies every record that the tables do not have yet.
fn apply_rest(
    scanner: &mut Scanner,
    tables: &Tables,
    last_segment: u64,
    progress: &mut impl FnMut(Progress),
) -> Result<u64, OpenError> {
    let mut replayed = 0;
    loop {
        let mut rows = Overlay::on(tables);
        let mut last: Option<Position> = None;
        for _ in 0..BATCH {
            let Some(frame) = scanner.next_frame().map_err(OpenError::Journal)? else { break };
            let record = frame.record().map_err(OpenError::Journal)?;
            let changes = booking::changes_of(&rows, &record, frame.position).map_err(|error| {
                OpenError::Contradiction { sequence: record.sequence, source: error.into() }
            })?;
            rows.changes.extend(changes);
            let edge = Edge::of(&rows, record.sequence - 1).map_err(OpenError::Tables)?;
            rows.changes.extend(edge.append(Leaf::of(&record, &frame.hash).hash));
            last = Some(frame.position);
            replayed += 1;
        }
        let Some(last) = last else { return Ok(replayed) };
        let place = scanner.place();
        tables.apply(&rows.changes, place.sequence, place.hash, last).map_err(OpenError::Tables)?;
        progress(Progress { records: place.sequence, segment: place.next.segment, segments: last_segment });
    }
}

/// Cuts what lies behind the last whole record; an error when a synced group had written it.
fn cut_tail(scanner: &Scanner, journal_dir: &Path) -> Result<Option<TailCut>, OpenError> {
    let Tail::Torn { bytes } = scanner.tail().map_err(OpenError::Journal)? else { return Ok(None) };
    let at = scanner.place().next;
    tracing::warn!(
        segment = at.segment,
        offset = at.offset,
        bytes,
        "a torn tail is cut; it was never acknowledged"
    );
    if !planted::is("leave-torn-tail") {
        journal::zero_tail(journal_dir, at).map_err(io_at(journal_dir))?;
    }
    Ok(Some(TailCut { segment: at.segment, offset: at.offset, bytes }))
}
