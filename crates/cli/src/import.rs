//! From a file to rows of a register in a ledger's folder: what `enrol import` and `catalogue import` share.
//!
//! Lines are read and checked here while the ledger records the chunk before. A wrong line goes to the reject file with its
//! number and reason, and the others go on without it. It must not know what a column means.

mod source;
mod summary;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bedside_claim::{Date, Span};
use bedside_gateway::registers::roster::{LineFault, Roster};
use bedside_ledger::{
    Ledger, LedgerConfig, MessageKey, OpenError, RegisterError, RegisterEvent, RegisterRow, Registered,
};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use sha2::{Digest, Sha256};

use self::summary::{Destination, Summary};
use crate::failure::Failure;
use crate::format::{OutputFormat, hex};
use crate::ledger::open_failure;
use crate::replay::{Target, cannot, same_file};

/// Rows in one record, and bytes of content after which one is closed sooner.
const CHUNK_ROWS: usize = 8_192;
const CHUNK_BYTES: usize = 2 << 20;
/// Chunks under way: one that is recorded, one that waits.
const UNDER_WAY_MAX: usize = 2;
/// Lines between two looks of the progress bar.
const TOLD_LINES: u64 = 10_000;

/// Whose folder, and whose entries in it.
#[derive(Debug, Args)]
pub(crate) struct LedgerArgument {
    /// The folder of the ledger, which must not serve meanwhile.
    #[arg(long, env = "BEDSIDE_DATA", value_name = "FOLDER")]
    pub(crate) data: PathBuf,
    /// Whose entries these are, as the gateway is told.
    #[arg(long, env = "BEDSIDE_TENANT", default_value = "default")]
    pub(crate) tenant: String,
}

impl LedgerArgument {
    /// Opens the ledger, which must be there.
    pub(crate) fn open(&self) -> Result<Ledger, Failure> {
        bedside_ledger::read_journal(&self.data).map(drop).map_err(open_failure)?;
        Ledger::open(LedgerConfig::at(&self.data)).map_err(open_failure)
    }
}

/// What a file is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileKind {
    /// A table with a heading, comma-separated, UTF-8.
    Csv,
    /// A JSON document a line.
    Ndjson,
    /// Apache Parquet, plain or with Snappy.
    Parquet,
}

/// The file and where its wrong lines go.
#[derive(Debug, Args)]
pub(crate) struct FileArgument {
    /// The file.
    pub(crate) file: PathBuf,
    /// What it is written as [default: what its name ends with].
    #[arg(long = "as", value_enum)]
    kind: Option<FileKind>,
    /// Where wrong lines go, with number and reason; what an earlier run put there is moved to `.aside.N` [default: the file
    /// with its extension replaced by `.rejects.ndjson`].
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Print the summary for people or for scripts.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) format: OutputFormat,
}

impl FileArgument {
    fn kind(&self) -> Result<FileKind, Failure> {
        if let Some(kind) = self.kind {
            return Ok(kind);
        }
        match self.file.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => Ok(FileKind::Csv),
            Some("ndjson" | "jsonl") => Ok(FileKind::Ndjson),
            Some("parquet") => Ok(FileKind::Parquet),
            _ => Err(Failure::wrong_input(format!(
                "`{}` ends with none of .csv, .ndjson, .parquet; say what it is with --as",
                self.file.display()
            ))),
        }
    }

    fn rejects(&self) -> Result<PathBuf, Failure> {
        let rejects = self.rejects.clone().unwrap_or_else(|| self.file.with_extension("rejects.ndjson"));
        if rejects == self.file || same_file(&rejects, &self.file) {
            return Err(Failure::wrong_input(format!("`{}` is the file itself", rejects.display())));
        }
        Ok(rejects)
    }
}

/// Records what a file lists in a ledger, which is made where there is none.
pub(crate) fn import(
    roster: &Roster,
    ledger: &LedgerArgument,
    argument: &FileArgument,
    valid_from: &str,
) -> Result<Summary, Failure> {
    let begun = Instant::now();
    let digest = digest_of(&argument.file)?;
    let mut lines = Lines::open(roster, argument, valid_from)?;
    let is_new = matches!(bedside_ledger::read_journal(&ledger.data), Err(OpenError::NotALedger));
    let ledger_opened = Ledger::open(LedgerConfig::at(&ledger.data)).map_err(open_failure)?;
    let mut chunks = Chunks::of(&ledger_opened, &ledger.tenant, &digest);
    lines.each(|rows| chunks.add(rows))?;
    chunks.end(&mut lines.summary)?;
    ledger_opened.shutdown();
    let mut summary = lines.end()?;
    summary.elapsed = begun.elapsed();
    summary.into = Some(Destination { ledger: ledger.data.clone(), tenant: ledger.tenant.clone(), is_new });
    Ok(summary)
}

/// Reads a file and checks it, without a ledger.
pub(crate) fn check(
    roster: &Roster,
    argument: &FileArgument,
    mut visit: impl FnMut(RegisterRow),
) -> Result<Summary, Failure> {
    let begun = Instant::now();
    let mut lines = Lines::open(roster, argument, "")?;
    lines.each(|rows| {
        rows.into_iter().for_each(&mut visit);
        Ok(())
    })?;
    let mut summary = lines.end()?;
    summary.elapsed = begun.elapsed();
    Ok(summary)
}

/// The lines of a file on their way: right ones go on, wrong ones to the reject file.
struct Lines<'a> {
    roster: &'a Roster,
    argument: &'a FileArgument,
    kind: FileKind,
    valid_from: &'a str,
    rejects_path: PathBuf,
    rejects: Option<Target>,
    seen: Seen,
    summary: Summary,
    bar: ProgressBar,
}

impl<'a> Lines<'a> {
    fn open(
        roster: &'a Roster,
        argument: &'a FileArgument,
        valid_from: &'a str,
    ) -> Result<Lines<'a>, Failure> {
        let target = match std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr_with_hz(5),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent}%, {msg}, {eta} left") {
            bar.set_style(style);
        }
        Ok(Lines {
            roster,
            argument,
            kind: argument.kind()?,
            valid_from,
            rejects_path: argument.rejects()?,
            rejects: None,
            seen: Seen::default(),
            summary: Summary::default(),
            bar,
        })
    }

    fn each(&mut self, mut take: impl FnMut(Vec<RegisterRow>) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut out: Option<BufWriter<Vec<u8>>> = None;
        let (roster, path, kind, valid_from) = (self.roster, &self.argument.file, self.kind, self.valid_from);
        source::each_line(roster, path, kind, valid_from, |line, reached, read| {
            self.summary.lines += 1;
            if self.summary.lines.is_multiple_of(TOLD_LINES) && !self.bar.is_hidden() {
                self.bar.set_length(reached.of);
                self.bar.set_position(reached.at);
                self.bar.set_message(format!("{} lines", self.summary.lines));
            }
            let fault = match read {
                Ok(rows) => match self.seen.first_twice(&rows, line) {
                    None => {
                        self.summary.rows += rows.len() as u64;
                        return take(rows);
                    }
                    Some(first) => LineFault {
                        code: "duplicate_row".to_owned(),
                        reason: format!("line {first} says something else of the same for one of these days"),
                    },
                },
                Err(fault) => fault,
            };
            let text = json!({"line": line, "code": fault.code, "reason": fault.reason}).to_string() + "\n";
            *self.summary.rejected.entry(fault.code).or_default() += 1;
            let written = out.get_or_insert_with(|| BufWriter::new(Vec::new()));
            written.write_all(text.as_bytes()).map_err(Failure::fault)?;
            if written.get_ref().len() > CHUNK_BYTES {
                let bytes = std::mem::take(written.get_mut());
                self.reject(&bytes)?;
            }
            Ok(())
        })?;
        if let Some(out) = out {
            let bytes = out.into_inner().map_err(Failure::fault)?;
            self.reject(&bytes)?;
        }
        Ok(())
    }

    fn reject(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.rejects.is_none() {
            self.rejects = Some(Target::of(&self.rejects_path)?);
        }
        let Some(target) = &self.rejects else { return Ok(()) };
        let mut target = target;
        target.write_all(bytes).map_err(|error| cannot("write", &self.rejects_path, error))
    }

    fn end(mut self) -> Result<Summary, Failure> {
        self.bar.finish_and_clear();
        match self.rejects {
            Some(rejects) => {
                self.summary.earlier_rejects = keep_earlier(&rejects, &self.rejects_path)?;
                rejects.finish()?;
            }
            None if self.rejects_path.is_file() => self.summary.earlier_rejects = Some(self.rejects_path),
            None => {}
        }
        Ok(self.summary)
    }
}

/// Moves the reject file of an earlier run aside, to the first free `.aside.N`, before another takes its name; nothing where
/// there is none, or where both say the same.
fn keep_earlier(rejects: &Target, path: &Path) -> Result<Option<PathBuf>, Failure> {
    let Target::Beside(file, _) = rejects else { return Ok(None) };
    if !path.is_file() || digest_of(path)? == digest_of(file.path())? {
        return Ok(None);
    }
    let numbered = |number: u64| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".aside.{number}"));
        PathBuf::from(name)
    };
    let Some(aside) = (1..).map(numbered).find(|aside| aside.symlink_metadata().is_err()) else {
        return Ok(None);
    };
    std::fs::rename(path, &aside).map_err(|error| cannot("move", path, error))?;
    Ok(Some(aside))
}

/// The first 16 bytes of a SHA-256.
type Print = [u8; 16];

fn print_of(parts: &[&[u8]]) -> Print {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let digest: [u8; 32] = digest.finalize().into();
    std::array::from_fn(|index| digest[index])
}

/// What the lines so far say of each item: two lines that say different things of one day leave open which is meant. A line
/// that begins later than one without an end goes on where that one stops being true.
#[derive(Default)]
struct Seen {
    /// What the first line says of an item: mostly the only one, and there may be millions.
    first: HashMap<Print, Said>,
    more: HashMap<Print, Vec<Said>>,
}

struct Said {
    span: Span,
    content: Print,
    line: u64,
}

impl Seen {
    /// The line that a row of this one contradicts.
    fn first_twice(&mut self, rows: &[RegisterRow], line: u64) -> Option<u64> {
        let printed: Vec<(Print, Print, Span)> = rows
            .iter()
            .map(|row| {
                let item = print_of(&[row.subject.as_bytes(), row.item.as_bytes()]);
                (item, print_of(&[&row.content]), row.span)
            })
            .collect();
        for (item, content, span) in &printed {
            let more = self.more.get(item).into_iter().flatten();
            let other = self.first.get(item).into_iter().chain(more).find(|other| {
                let goes_on = other.span.until.is_none() && other.span.from < span.from;
                other.content != *content && have_a_day(other.span, *span) && !goes_on
            });
            if let Some(other) = other {
                return Some(other.line);
            }
        }
        for (item, content, span) in printed {
            let said = Said { span, content, line };
            match self.first.entry(item) {
                Entry::Vacant(free) => drop(free.insert(said)),
                Entry::Occupied(_) => self.more.entry(item).or_default().push(said),
            }
        }
        None
    }
}

fn have_a_day(a: Span, b: Span) -> bool {
    let before = |from: Option<Date>, until: Option<Date>| match (from, until) {
        (Some(from), Some(until)) => from < until,
        _ => true,
    };
    before(a.from, b.until) && before(b.from, a.until)
}

/// Rows on their way into the ledger.
struct Chunks<'a> {
    ledger: &'a Ledger,
    tenant: &'a str,
    /// The file's digest and how far the ledger had come: the same file again, after others, is another import.
    name: String,
    digest: &'a str,
    number: u64,
    rows: Vec<RegisterRow>,
    bytes: usize,
    under_way: usize,
    sender: Sender<Result<Registered, RegisterError>>,
    outcomes: Receiver<Result<Registered, RegisterError>>,
    recorded: u64,
    records: u64,
    last_record: Option<u64>,
}

impl<'a> Chunks<'a> {
    fn of(ledger: &'a Ledger, tenant: &'a str, digest: &'a str) -> Chunks<'a> {
        let (sender, outcomes) = mpsc::channel();
        let start = digest.get(..16).unwrap_or(digest);
        let name = format!("import-{start}-{}", ledger.open_report().records);
        Chunks {
            ledger,
            tenant,
            name,
            digest,
            number: 0,
            rows: Vec::new(),
            bytes: 0,
            under_way: 0,
            sender,
            outcomes,
            recorded: 0,
            records: 0,
            last_record: None,
        }
    }

    fn add(&mut self, rows: Vec<RegisterRow>) -> Result<(), Failure> {
        for row in rows {
            self.bytes += row.subject.len() + row.item.len() + row.content.len();
            self.rows.push(row);
        }
        if self.rows.len() >= CHUNK_ROWS || self.bytes >= CHUNK_BYTES { self.submit() } else { Ok(()) }
    }

    fn submit(&mut self) -> Result<(), Failure> {
        if self.rows.is_empty() {
            return Ok(());
        }
        while self.under_way >= UNDER_WAY_MAX {
            self.settle()?;
        }
        let event = RegisterEvent {
            message: MessageKey {
                tenant: self.tenant.into(),
                fixmedins_code: "".into(),
                msgid: format!("{}-{}", self.name, self.number).into(),
            },
            booked_at_ms: now_ms(),
            request: format!("sha256 {} chunk {}", self.digest, self.number).into_bytes(),
            rows: std::mem::take(&mut self.rows),
        };
        let sender = self.sender.clone();
        self.ledger.submit_register(event, move |outcome| drop(sender.send(outcome)));
        self.bytes = 0;
        self.number += 1;
        self.under_way += 1;
        Ok(())
    }

    /// Waits for a chunk.
    fn settle(&mut self) -> Result<(), Failure> {
        let outcome = self.outcomes.recv().map_err(Failure::fault)?;
        self.under_way -= 1;
        match outcome {
            Ok(Registered::New { receipt, rows }) => {
                self.recorded += rows as u64;
                self.records += 1;
                self.last_record = Some(receipt.sequence);
            }
            Ok(Registered::Unchanged | Registered::Replayed(_)) => {}
            Err(error @ RegisterError::DiskNearlyFull) => return Err(Failure::refused(error)),
            Err(error) => return Err(Failure::fault(error)),
        }
        Ok(())
    }

    fn end(mut self, summary: &mut Summary) -> Result<(), Failure> {
        self.submit()?;
        while self.under_way > 0 {
            self.settle()?;
        }
        let Chunks { recorded, records, last_record, .. } = self;
        (summary.recorded, summary.records, summary.last_record) = (recorded, records, last_record);
        Ok(())
    }
}

fn digest_of(path: &Path) -> Result<String, Failure> {
    let mut file = File::open(path).map_err(|error| cannot("open", path, error))?;
    let mut digest = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block).map_err(|error| cannot("read", path, error))? {
            0 => return Ok(hex(&digest.finalize())),
            read => digest.update(&block[..read]),
        }
    }
}

/// Milliseconds since 1970-01-01 UTC.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
