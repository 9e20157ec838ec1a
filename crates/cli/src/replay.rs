//! `bedside replay`: a file of discharge bills through the same core as the gateway.

use std::fs::{File, Permissions};
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bedside_replay::{Progress, Sinks, Summary, run as replay};
use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::case::{CaseRows, RowDetail};
use crate::failure::Failure;
use crate::format::{OutputFormat, PacksArgument, print};

/// What `replay` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Bills of one person are settled by settlement date and discharge time, persons in parallel; results stand in input order, so their bytes do not depend on the number of threads.\n\nExamples:\n  bedside replay fixtures/bills-1000.ndjson --out results.ndjson\n  bedside replay bills.ndjson --out results.ndjson --rejects rejects.ndjson --full --threads 2"
)]
pub(crate) struct ReplayArguments {
    /// The bills: one JSON form of SettleBillRequest a line.
    bills: PathBuf,
    /// Where the settlements go, one a line, in input order.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where wrong rows go, with line number and reason [default: the --out file with its extension replaced by
    /// `.rejects.ndjson`].
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Write lines, explanation and accumulators of every settlement too.
    #[arg(long)]
    full: bool,
    /// Threads to use, 1 to 256 [default: one for each core].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Print the summary for people or for scripts.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    #[command(flatten)]
    packs: PacksArgument,
}

pub(crate) fn run(arguments: &ReplayArguments) -> Result<(), Failure> {
    let library = arguments.packs.library()?;
    let input = File::open(&arguments.bills).map_err(|error| cannot("open", &arguments.bills, error))?;
    let rejects = arguments.rejects.clone().unwrap_or_else(|| arguments.out.with_extension("rejects.ndjson"));
    if rejects == arguments.out || same_file(&rejects, &arguments.out) {
        return Err(Failure::wrong_input(format!("results and rejects both go to `{}`", rejects.display())));
    }
    for path in [&arguments.out, &rejects] {
        if same_file(path, &arguments.bills) {
            return Err(Failure::wrong_input(format!("`{}` is the file of bills itself", path.display())));
        }
    }
    let (results_target, rejects_target) = (Target::of(&arguments.out)?, Target::of(&rejects)?);
    let mut sinks =
        Sinks { results: BufWriter::new(&results_target), rejects: BufWriter::new(&rejects_target) };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(usize::from(arguments.threads.unwrap_or(0)))
        .build()
        .map_err(Failure::fault)?;
    let detail = if arguments.full { RowDetail::Full } else { RowDetail::Totals };
    let format = CaseRows { detail };

    let bar = progress_bar();
    let begun = Instant::now();
    let summary = pool.install(|| {
        replay(BufReader::new(input), &format, &library, &mut sinks, |progress| match progress {
            Progress::Read(rows) => bar.set_length(rows),
            Progress::Done => bar.inc(1),
        })
    });
    bar.finish_and_clear();
    let elapsed = begun.elapsed();
    let summary = summary.map_err(Failure::fault)?;
    drop(sinks);
    results_target.finish()?;
    rejects_target.finish()?;
    match arguments.format {
        OutputFormat::Text => print(&summary_text(&summary, elapsed, &arguments.out, &rejects))?,
        OutputFormat::Json => print(&format!("{}\n", summary_json(&summary, elapsed)))?,
    }
    if summary.settled == 0 && summary.rejects() > 0 {
        return Err(Failure::wrong_input("every row was rejected"));
    }
    Ok(())
}

pub(crate) fn cannot(what: &str, path: &Path, error: std::io::Error) -> Failure {
    Failure::wrong_input(format!("cannot {what} `{}`: {error}", path.display()))
}

/// Where rows are written until the run is over.
pub(crate) enum Target {
    /// A file beside its place, moved there at the end, so that a run that fails leaves earlier results alone.
    Beside(NamedTempFile, PathBuf),
    /// A device or pipe, which cannot be moved onto.
    Direct(File),
}

impl Target {
    pub(crate) fn of(path: &Path) -> Result<Target, Failure> {
        match path.metadata() {
            Ok(found) if found.is_dir() => {
                return Err(Failure::wrong_input(format!("`{}` is a folder", path.display())));
            }
            Ok(found) if !found.is_file() => {
                let file = File::options().write(true).open(path);
                return file.map(Target::Direct).map_err(|error| cannot("write", path, error));
            }
            _ => {}
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().permissions(Permissions::from_mode(0o644)).tempfile_in(folder);
        file.map(|file| Target::Beside(file, path.to_path_buf()))
            .map_err(|error| cannot("write", path, error))
    }

    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self {
            Target::Direct(_) => Ok(()),
            Target::Beside(file, path) => match file.persist(&path) {
                Ok(_) => Ok(()),
                Err(error) => Err(cannot("write", &path, error.error)),
            },
        }
    }
}

impl Write for &Target {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Target::Beside(file, _) => file.as_file().write(bytes),
            Target::Direct(file) => {
                let mut file = file;
                file.write(bytes)
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether both names lead to one file, by whatever link.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    // The template is constant; a broken one would only cost the bar its looks.
    if let Ok(style) =
        ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} bills, {per_sec}, {eta} left")
    {
        bar.set_style(style);
    }
    bar
}

fn bills_a_second(bills: u64, elapsed: Duration) -> u128 {
    u128::from(bills) * 1_000_000 / elapsed.as_micros().max(1)
}

fn summary_text(summary: &Summary, elapsed: Duration, out: &Path, rejects: &Path) -> String {
    let rows = summary.settled + summary.rejects();
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["payer", "yuan"]);
    for (payer, amount) in &summary.payers {
        table.add_row([(*payer).to_owned(), amount.to_string()]);
    }
    table.add_row(["total".to_owned(), summary.medfee_sumamt.to_string()]);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut lines = vec![
        format!(
            "{} bills settled, {} rejected, {} bills/s, {} ms",
            summary.settled,
            summary.rejects(),
            bills_a_second(rows, elapsed),
            elapsed.as_millis()
        ),
        table.to_string(),
    ];
    for ((pack, status), bills) in &summary.unconfirmed_packs {
        lines.push(format!("note: {bills} settlements used pack `{pack}`, which is `{status}`"));
    }
    lines.push(format!("results: {}", out.display()));
    for (code, rows) in &summary.rejected {
        lines.push(format!("rejected: {rows} x {code}"));
    }
    if summary.rejects() > 0 {
        lines.push(format!("rejects: {}", rejects.display()));
    }
    lines.join("\n") + "\n"
}

fn summary_json(summary: &Summary, elapsed: Duration) -> serde_json::Value {
    let payers: serde_json::Map<String, serde_json::Value> = summary
        .payers
        .iter()
        .map(|(payer, amount)| ((*payer).to_owned(), json!(amount.to_string())))
        .collect();
    let packs: Vec<_> = summary
        .unconfirmed_packs
        .iter()
        .map(|((pack, status), bills)| json!({ "pack": pack, "status": status, "settlements": bills }))
        .collect();
    json!({
        "settled": summary.settled,
        "rejected": summary.rejected,
        "medfee_sumamt": summary.medfee_sumamt.to_string(),
        "payers": payers,
        "unconfirmed_packs": packs,
        "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
    })
}
