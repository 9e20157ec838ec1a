//! `bedside replay`: a file of discharge bills through the same core as the gateway.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bedside_replay::{Progress, Sinks, Summary, run as replay};
use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::case::{CaseRows, RowDetail};
use crate::failure::Failure;
use crate::format::{OutputFormat, PacksArgument};

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
    /// Where wrong rows go, with line number and reason [default: the --out file with `.rejects.ndjson`].
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Write lines, explanation and accumulators of every settlement too.
    #[arg(long)]
    full: bool,
    /// Threads to use [default: one for each core].
    #[arg(long)]
    threads: Option<usize>,
    /// Print the summary for people or for scripts.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    #[command(flatten)]
    packs: PacksArgument,
}

pub(crate) fn run(arguments: &ReplayArguments) -> Result<(), Failure> {
    let library = arguments.packs.library()?;
    let open = |path: &Path, error: std::io::Error| format!("cannot open `{}`: {error}", path.display());
    let input =
        File::open(&arguments.bills).map_err(|error| Failure::wrong_input(open(&arguments.bills, error)))?;
    let rejects = arguments.rejects.clone().unwrap_or_else(|| arguments.out.with_extension("rejects.ndjson"));
    for path in [&arguments.out, &rejects] {
        if same_file(path, &arguments.bills) {
            return Err(Failure::wrong_input(format!("`{}` is the file of bills itself", path.display())));
        }
    }
    let create = |path: &Path| {
        File::create(path).map(BufWriter::new).map_err(|error| Failure::wrong_input(open(path, error)))
    };
    let mut sinks = Sinks { results: create(&arguments.out)?, rejects: create(&rejects)? };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.threads.unwrap_or(0))
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
    match arguments.format {
        OutputFormat::Text => print_text(&summary, elapsed, &arguments.out, &rejects),
        OutputFormat::Json => println!("{}", summary_json(&summary, elapsed)),
    }
    Ok(())
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
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

fn print_text(summary: &Summary, elapsed: Duration, out: &Path, rejects: &Path) {
    let rows = summary.settled + summary.rejects();
    println!(
        "{} bills settled, {} rejected, {} bills/s, {} ms",
        summary.settled,
        summary.rejects(),
        bills_a_second(rows, elapsed),
        elapsed.as_millis()
    );
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
    println!("{table}");
    for ((pack, status), bills) in &summary.unconfirmed_packs {
        println!("note: {bills} settlements used pack `{pack}`, which is `{status}`");
    }
    println!("results: {}", out.display());
    for (code, rows) in &summary.rejected {
        println!("rejected: {rows} x {code}");
    }
    if summary.rejects() > 0 {
        println!("rejects: {}", rejects.display());
    }
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
