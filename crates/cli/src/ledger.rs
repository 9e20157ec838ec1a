//! `bedside ledger`: looks at a ledger's folder, proves it, copies it, gives it out, makes its tables anew.
//!
//! Everything but `rebuild` and the whole `verify` reads only, also while the ledger serves. It must not know how a
//! record lies on disk.

mod balance;
mod erase;
mod export;
mod life;
mod names;
mod statement;

use std::io::IsTerminal;
use std::path::PathBuf;

use bedside_claim::Date;
use bedside_claim::Lang;
use bedside_gateway::answer;
use bedside_ledger::{
    Copied, CopyError, Ledger, LedgerConfig, OpenError, OpenReport, Point, Progress, Verification,
    VerifyError, copy_ledger, read_journal, verify_journal,
};
use bedside_receipt::PublicKey;
use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::format::{LangArgument, OutputFormat, hex, print};
use crate::verify::receipt;

/// What `ledger` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bedside ledger show --data ./ledger V-2026-0001\n  bedside ledger statement --data ./ledger S0000000000000042\n  bedside ledger balance --data ./ledger --from 2026-03-01 --to 2026-03-31\n  bedside ledger verify --data ./ledger\n  bedside ledger backup --data ./ledger --to ./backup"
)]
pub(crate) struct LedgerArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says how far a ledger has come, or shows a claim's life or one record.
    #[command(
        after_help = "Reads only, also while the ledger serves. A record names a person. docs/progress.md has the twelve nodes of a claim.\n\nExamples:\n  bedside ledger show --data ./ledger\n  bedside ledger show --data ./ledger V-2026-0001\n  bedside ledger show --data ./ledger S0000000000000042 --lang en\n  bedside ledger show --data ./ledger --sequence 42"
    )]
    Show(ShowArguments),
    /// Prints the statement of a booked settlement as its newest version says, or of what undoes one.
    #[command(
        after_help = "Reads only, also while the ledger serves. A correction makes a new version; the earlier ones stay.\n\nExamples:\n  bedside ledger statement --data ./ledger S0000000000000042\n  bedside ledger statement --data ./ledger S0000000000000042 --version 1\n  bedside ledger statement --data ./ledger S0000000000000042 --format html > statement.html"
    )]
    Statement(statement::StatementArguments),
    /// Adds up the postings of a period: the trial balance, and what each payer owes each hospital.
    #[command(
        after_help = "Reads only, also while the ledger serves. A booking counts on its day in China Standard Time; cancellations, reversals and corrections on theirs.\n\nExamples:\n  bedside ledger balance --data ./ledger\n  bedside ledger balance --data ./ledger --from 2026-03-01 --to 2026-03-31 --format json"
    )]
    Balance(BalanceArguments),
    /// Proves that every record is whole, balanced and in its place, and that the tables are what the journal says.
    #[command(
        after_help = "The whole proof needs a ledger that does not serve: it opens it, which cuts a torn tail and makes missing tables, and says so. With --journal nothing is written and a ledger that serves is read up to its last answer.\n\nExamples:\n  bedside ledger verify --data ./ledger\n  bedside ledger verify --data ./ledger --journal --format json\n  bedside ledger verify --data ./ledger --journal --receipt receipt.json --public-key ward.pub"
    )]
    Verify(VerifyArguments),
    /// Copies a ledger, also while it serves, into a new folder.
    #[command(
        after_help = "The copy is a ledger without tables; it is read and checked before it gets its name.\n\nExample:\n  bedside ledger backup --data /var/lib/bedside --to /backup/2026-03-31"
    )]
    Backup(BackupArguments),
    /// Makes a ledger from a backup, whole or as it was at a point in time.
    #[command(
        after_help = "Examples:\n  bedside ledger restore --from /backup/2026-03-31 --to /var/lib/bedside\n  bedside ledger restore --from /backup/2026-03-31 --to ./then --until-time 2026-03-31T12:00:00+08:00\n  bedside ledger restore --from /backup/2026-03-31 --to ./then --until-sequence 1000"
    )]
    Restore(RestoreArguments),
    /// Copies a ledger at rest into a new folder without the personal data of some persons.
    #[command(
        after_help = "What stays of their records: the amounts, who bears them, hospital, msgid and time, and what a family has used up together. Hashes, receipts and totals are those of before. The old folder, its backups and exports still hold the data: destroy them, and take signing key and checkpoint log along. docs/receipts.md says what can still be concluded.\n\nExample:\n  bedside ledger erase --data ./ledger --to ./ledger-2026-04 --tenant insurer --persons persons.txt"
    )]
    Erase(erase::EraseArguments),
    /// Gives every record out, for other programs.
    #[command(
        after_help = "NDJSON is one file, Parquet a folder of three: records, postings, accumulators. Amounts are exact decimals. The files name persons and are readable by their owner only.\n\nExamples:\n  bedside ledger export --data ./ledger --as ndjson --to ledger.ndjson\n  bedside ledger export --data ./ledger --as parquet --to ./ledger-parquet"
    )]
    Export(ExportArguments),
    /// Makes the tables anew from the journal. The old ones are kept as `tables.aside.N`.
    #[command(after_help = "Example:\n  bedside ledger rebuild --data ./ledger")]
    Rebuild(RebuildArguments),
}

/// The folder of a ledger.
#[derive(Debug, Args)]
struct DataArgument {
    /// The folder of the ledger.
    #[arg(long, env = "BEDSIDE_DATA", value_name = "FOLDER")]
    data: PathBuf,
}

#[derive(Debug, Args)]
struct FormatArgument {
    /// Print for people or for scripts.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
}

#[derive(Debug, Args)]
struct ShowArguments {
    #[command(flatten)]
    data: DataArgument,
    /// Show the life of this claim: its `mdtrt_id`, or a `setl_id` of it.
    claim: Option<String>,
    /// The hospital (`fixmedins_code`) of the claim, where several have one of that name.
    #[arg(long, value_name = "CODE", requires = "claim")]
    hospital: Option<String>,
    /// The tenant of the claim, where several have one of that name.
    #[arg(long, requires = "claim")]
    tenant: Option<String>,
    /// Show this record.
    #[arg(long, value_name = "NUMBER", conflicts_with = "claim")]
    sequence: Option<u64>,
    /// The language of a claim's life.
    #[arg(long, value_enum, default_value_t = LangArgument::Zh, requires = "claim")]
    lang: LangArgument,
    #[command(flatten)]
    format: FormatArgument,
}

#[derive(Debug, Args)]
struct BalanceArguments {
    #[command(flatten)]
    data: DataArgument,
    /// The first day that counts, yyyy-MM-dd; none: from the start.
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// The last day that counts; none: to the end.
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
    /// The language of the sheet.
    #[arg(long, value_enum, default_value_t = LangArgument::Zh)]
    lang: LangArgument,
    #[command(flatten)]
    format: FormatArgument,
}

#[derive(Debug, Args)]
struct VerifyArguments {
    #[command(flatten)]
    data: DataArgument,
    /// Read the journal only.
    #[arg(long)]
    journal: bool,
    /// Hold the ledger against a receipt too: it must still have all that it had when the receipt was given.
    #[arg(long, value_name = "FILE", requires = "public_key")]
    receipt: Vec<PathBuf>,
    /// The public key that signed the receipts, or a file that holds it.
    #[arg(long, env = "BEDSIDE_PUBLIC_KEY", value_name = "KEY|FILE")]
    public_key: Option<String>,
    #[command(flatten)]
    format: FormatArgument,
}

#[derive(Debug, Args)]
struct BackupArguments {
    #[command(flatten)]
    data: DataArgument,
    /// The folder to make.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    format: FormatArgument,
}

#[derive(Debug, Args)]
struct RestoreArguments {
    /// The backup.
    #[arg(long, value_name = "FOLDER")]
    from: PathBuf,
    /// The folder to make.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Up to this record, included.
    #[arg(long, value_name = "NUMBER", conflicts_with = "until_time")]
    until_sequence: Option<u64>,
    /// Up to the last record before the first one booked later than this time, which has an offset from UTC.
    #[arg(long, value_name = "TIME")]
    until_time: Option<Timestamp>,
    #[command(flatten)]
    format: FormatArgument,
}

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    /// A JSON document a line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

#[derive(Debug, Args)]
struct ExportArguments {
    #[command(flatten)]
    data: DataArgument,
    /// What to write.
    #[arg(long = "as", value_enum)]
    kind: ExportFormat,
    /// The file (NDJSON) or folder (Parquet) to make.
    #[arg(long, value_name = "PATH")]
    to: PathBuf,
    #[command(flatten)]
    format: FormatArgument,
}

#[derive(Debug, Args)]
struct RebuildArguments {
    #[command(flatten)]
    data: DataArgument,
    #[command(flatten)]
    format: FormatArgument,
}

pub(crate) fn run(arguments: &LedgerArguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Show(arguments) => show(arguments),
        Command::Balance(BalanceArguments { data, from, to, lang, format }) => {
            let sheet = balance::of_period(&data.data, answer::days(*from, *to))?;
            match format.format {
                OutputFormat::Text => print(&sheet.text((*lang).into())?),
                OutputFormat::Json => print(&format!("{}\n", sheet.json()?)),
            }
        }
        Command::Statement(arguments) => statement::run(arguments),
        Command::Verify(arguments) => verify(arguments),
        Command::Backup(BackupArguments { data, to, format }) => {
            let bar = Bar::new("copied");
            let copied = copy_ledger(&data.data, to, Point::End, |it| bar.tell(it)).map_err(copy_failure)?;
            print_copied(&copied, to, format)
        }
        Command::Restore(arguments) => restore(arguments),
        Command::Erase(arguments) => erase::run(arguments),
        Command::Export(arguments) => export(arguments),
        Command::Rebuild(arguments) => rebuild(arguments),
    }
}

fn show(arguments: &ShowArguments) -> Result<(), Failure> {
    if let Some(claim) = &arguments.claim {
        let (hospital, tenant) = (arguments.hospital.as_deref(), arguments.tenant.as_deref());
        let life = life::of_claim(&arguments.data.data, &life::Asked { claim, hospital, tenant })?;
        return match arguments.format.format {
            OutputFormat::Text => print(&life.text(arguments.lang.into())?),
            OutputFormat::Json => print(&format!("{}\n", life.json()?)),
        };
    }
    let mut records = read_journal(&arguments.data.data).map_err(open_failure)?;
    let bar = Bar::new("read");
    let (mut count, mut first, mut last) = (0u64, None, None);
    while let Some(item) = records.next() {
        let (_, record) = item.map_err(Failure::fault)?;
        bar.tell(records.progress());
        if arguments.sequence == Some(record.sequence) {
            drop(bar);
            let shown = export::json_of(&record);
            return match arguments.format.format {
                OutputFormat::Text => print(&format!("{shown:#}\n")),
                OutputFormat::Json => print(&format!("{shown}\n")),
            };
        }
        count = record.sequence;
        first.get_or_insert(record.booked_at_ms);
        last = Some(record.booked_at_ms);
    }
    drop(bar);
    if let Some(sequence) = arguments.sequence {
        return Err(Failure::wrong_input(format!("the ledger has {count} records, not {sequence}")));
    }
    let segments = records.progress().segments;
    let (first, last) = (first.map(time), last.map(time));
    match arguments.format.format {
        OutputFormat::Text => {
            let booked = match (&first, &last) {
                (Some(first), Some(last)) => format!(", booked from {first} to {last}"),
                _ => String::new(),
            };
            print(&format!("{count} records in {segments} segments{booked}\n"))
        }
        OutputFormat::Json => print(&format!(
            "{}\n",
            json!({"records": count, "segments": segments, "first_booked_at": first, "last_booked_at": last})
        )),
    }
}

fn verify(arguments: &VerifyArguments) -> Result<(), Failure> {
    let folder = &arguments.data.data;
    let (verification, report) = if arguments.journal {
        let bar = Bar::new("verified");
        (verify_journal(folder, |it| bar.tell(it)).map_err(verify_failure)?, None)
    } else {
        existing(folder)?;
        let ledger = Ledger::open(LedgerConfig::at(folder)).map_err(open_failure)?;
        let bar = Bar::new("verified");
        let verification = ledger.verify_telling(|it| bar.tell(it)).map_err(verify_failure)?;
        (verification, Some(ledger.open_report().clone()))
    };
    if let Some(key) = &arguments.public_key {
        hold_against(&verification, &arguments.receipt, &receipt::public_key(key, Lang::En)?)?;
    }
    match arguments.format.format {
        OutputFormat::Text => print(&verification_text(&verification, report.as_ref())),
        OutputFormat::Json => print(&format!("{}\n", verification_json(&verification, report.as_ref()))),
    }
}

/// Whether the ledger begins with the tree of each receipt.
fn hold_against(verification: &Verification, receipts: &[PathBuf], key: &PublicKey) -> Result<(), Failure> {
    for path in receipts {
        let given = receipt::read_receipt(path, Lang::En)?;
        let tree = receipt::proved(path, &given, key, Lang::En)?.checkpoint.tree;
        let (size, records) = (tree.size, verification.records);
        match verification.leaves.root(size) {
            Some(root) if root == tree.root => {}
            Some(_) => {
                return Err(Failure::refused(format!(
                    "the first {size} records are not those of `{}`: history was replaced",
                    path.display()
                )));
            }
            None => {
                return Err(Failure::refused(format!(
                    "the ledger has {records} records, `{}` was given by one of {size}: it was rolled back",
                    path.display()
                )));
            }
        }
    }
    Ok(())
}

fn restore(arguments: &RestoreArguments) -> Result<(), Failure> {
    let RestoreArguments { from, to, until_sequence, until_time, format } = arguments;
    let point = match (until_sequence, until_time) {
        (Some(sequence), _) => Point::Sequence(*sequence),
        (None, Some(time)) => Point::Time { at_ms: time.as_millisecond() },
        (None, None) => Point::End,
    };
    let bar = Bar::new("restored");
    let copied = copy_ledger(from, to, point, |it| bar.tell(it)).map_err(copy_failure)?;
    drop(bar);
    print_copied(&copied, to, format)
}

fn export(arguments: &ExportArguments) -> Result<(), Failure> {
    let records = read_journal(&arguments.data.data).map_err(open_failure)?;
    let bar = Bar::new("exported");
    let count = match arguments.kind {
        ExportFormat::Ndjson => export::ndjson(records, &arguments.to, |it| bar.tell(it))?,
        ExportFormat::Parquet => export::parquet(records, &arguments.to, |it| bar.tell(it))?,
    };
    drop(bar);
    match arguments.format.format {
        OutputFormat::Text => print(&format!("{count} records in {}\n", arguments.to.display())),
        OutputFormat::Json => print(&format!("{}\n", json!({"records": count, "to": arguments.to}))),
    }
}

fn rebuild(arguments: &RebuildArguments) -> Result<(), Failure> {
    let folder = &arguments.data.data;
    existing(folder)?;
    let bar = Bar::new("rebuilt");
    let ledger = Ledger::rebuild(LedgerConfig::at(folder), |it| bar.tell(it)).map_err(open_failure)?;
    drop(bar);
    let report = ledger.open_report();
    match arguments.format.format {
        OutputFormat::Text => {
            print(&format!("tables made from {} records{}\n", report.records, report_text(report)))
        }
        OutputFormat::Json => print(&format!("{}\n", report_json(report))),
    }
}

/// Opening would make a ledger where there is none.
fn existing(folder: &std::path::Path) -> Result<(), Failure> {
    read_journal(folder).map(drop).map_err(open_failure)
}

fn print_copied(copied: &Copied, to: &std::path::Path, format: &FormatArgument) -> Result<(), Failure> {
    let last = copied.last_booked_at_ms.map(time);
    match format.format {
        OutputFormat::Text => {
            let last = last.map_or(String::new(), |last| format!(", the last booked at {last}"));
            print(&format!(
                "{} records in {}{last}\nhash {}\n",
                copied.records,
                to.display(),
                hex(&copied.hash)
            ))
        }
        OutputFormat::Json => print(&format!(
            "{}\n",
            json!({"records": copied.records, "hash": hex(&copied.hash), "last_booked_at": last, "to": to})
        )),
    }
}

fn verification_text(verification: &Verification, report: Option<&OpenReport>) -> String {
    let Verification {
        records,
        hash,
        settlements,
        cancellations,
        reversals,
        tombstones,
        stay_calls,
        imports,
        corrections,
        holds,
        persons,
        erased,
        accounts,
        receivables,
        leaves,
    } = verification;
    let erased = if *erased > 0 { format!(", {erased} erased") } else { String::new() };
    let root = leaves.root(*records).map_or_else(String::new, |root| hex(&root));
    let mut text = format!(
        "{records} records verified: {settlements} settlements, {cancellations} cancellations, {reversals} reversals, {tombstones} tombstones, {stay_calls} calls of stays, {holds} holds, {corrections} corrections, {persons} persons{erased}\nhash {}\nroot {root}\n",
        hex(hash)
    );
    if *imports > 0 {
        text.push_str(&format!("{imports} records of rows of registers\n"));
    }
    for (account, amount) in accounts {
        text.push_str(&format!("{account} bears {amount}\n"));
    }
    for ((tenant, fixmedins_code), amount) in receivables {
        text.push_str(&format!("{tenant} {fixmedins_code} is owed {amount}\n"));
    }
    match report {
        Some(report) => text.push_str(&format!("the tables agree{}\n", report_text(report))),
        None => text.push_str("the tables were not looked at\n"),
    }
    text
}

fn verification_json(verification: &Verification, report: Option<&OpenReport>) -> Value {
    let amounts = |(name, amount): (String, String)| json!({"name": name, "amount": amount});
    let accounts = verification.accounts.iter().map(|(name, amount)| (name.to_string(), amount.to_string()));
    let receivables = verification.receivables.iter().map(|((tenant, hospital), amount)| {
        json!({"tenant": **tenant, "fixmedins_code": **hospital, "amount": amount.to_string()})
    });
    json!({
        "records": verification.records,
        "hash": hex(&verification.hash),
        "root": verification.leaves.root(verification.records).map(|root| hex(&root)),
        "settlements": verification.settlements,
        "cancellations": verification.cancellations,
        "reversals": verification.reversals,
        "tombstones": verification.tombstones,
        "stay_calls": verification.stay_calls,
        "imports": verification.imports,
        "corrections": verification.corrections,
        "holds": verification.holds,
        "persons": verification.persons,
        "erased": verification.erased,
        "accounts": accounts.map(amounts).collect::<Vec<_>>(),
        "receivables": receivables.collect::<Vec<_>>(),
        "opening": report.map(report_json),
    })
}

/// What opening did beyond reading; nothing for nothing.
fn report_text(report: &OpenReport) -> String {
    let mut text = String::new();
    if let Some(cut) = &report.tail_cut {
        text.push_str(&format!(
            "; a torn tail of {} bytes was cut in segment {} at byte {}",
            cut.bytes, cut.segment, cut.offset
        ));
    }
    if let Some(why) = &report.tables_rebuilt {
        text.push_str(&format!("; the tables were made anew: {why}"));
    }
    text
}

fn report_json(report: &OpenReport) -> Value {
    json!({
        "records": report.records,
        "replayed": report.replayed,
        "tail_cut": report.tail_cut.map(|cut| json!({"segment": cut.segment, "offset": cut.offset, "bytes": cut.bytes})),
        "tables_rebuilt": report.tables_rebuilt.as_ref().map(ToString::to_string),
    })
}

fn time(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| format!("{at_ms} ms"), |time| time.to_string())
}

pub(crate) fn open_failure(error: OpenError) -> Failure {
    match error {
        OpenError::Locked => Failure::refused(
            "the ledger serves: stop it first (`ledger verify --journal` and `ledger backup` need not)",
        ),
        OpenError::NotALedger | OpenError::Setting { .. } => Failure::wrong_input(error),
        error => Failure::fault(error),
    }
}

fn copy_failure(error: CopyError) -> Failure {
    match error {
        CopyError::Source(error) => open_failure(error),
        CopyError::Exists { .. } | CopyError::NotReached { .. } => Failure::wrong_input(error),
        error => Failure::fault(error),
    }
}

fn verify_failure(error: VerifyError) -> Failure {
    match error {
        VerifyError::Open(error) => open_failure(error),
        error => Failure::fault(error),
    }
}

/// Progress on a terminal; nothing where there is none.
struct Bar(ProgressBar);

impl Bar {
    fn new(done: &'static str) -> Bar {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(5)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{bar:30} segment {pos} of {len}, {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(done);
        Bar(bar)
    }

    fn tell(&self, Progress { records, segment, segments }: Progress) {
        if self.0.is_hidden() || !records.is_multiple_of(1_000) {
            return;
        }
        self.0.set_length(segments);
        self.0.set_position(segment);
        self.0.set_message(format!("{records} records {}", self.0.prefix()));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
