//! A journal written for other programs: NDJSON lines, or Parquet columns.
//!
//! Amounts leave as exact decimals, never as floating point. What is written appears under its name only when it is
//! whole. It must not know where the records come from.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedside_claim::{AccumulatorChange, Money, Owner, Term};
use bedside_ledger::{Correction, Entry, Posting, Progress, Record, RecordedRow, Records, StayKind, Turn};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::failure::Failure;
use crate::format::hex;

/// What is held in memory before it becomes a row group.
const GROUP_RECORDS: usize = 20_000;
const GROUP_BYTES: usize = 64 << 20;
/// The largest amount that a decimal of 18 digits holds, in fen.
const UNITS_MAX: u64 = 999_999_999_999_999_999;

const RECORDS: &str = "message record {
    required int64 sequence;
    required binary setl_id (UTF8);
    required binary entry (UTF8);
    optional int64 cancels;
    optional binary omsgid (UTF8);
    required binary tenant (UTF8);
    required binary fixmedins_code (UTF8);
    required binary msgid (UTF8);
    required binary psn_no (UTF8);
    required binary mdtrt_id (UTF8);
    required int64 booked_at (TIMESTAMP(MILLIS,true));
    required int32 benefit_year;
    required int64 medfee_sumamt (DECIMAL(18,2));
    required binary request;
    required binary answer;
    required binary bill;
}";

const POSTINGS: &str = "message posting {
    required int64 sequence;
    required binary account (UTF8);
    required int64 amount (DECIMAL(18,2));
}";

const ACCUMULATORS: &str = "message accumulator_change {
    required int64 sequence;
    optional binary family_no (UTF8);
    required binary term (UTF8);
    required binary term_of (UTF8);
    required binary pack (UTF8);
    required binary benefit (UTF8);
    required binary measure (UTF8);
    required binary subject (UTF8);
    required int64 before (DECIMAL(18,2));
    required int64 after (DECIMAL(18,2));
}";

/// The kind of a term, and which one.
fn term(term: &Term) -> (&'static str, String) {
    match term {
        Term::Year(year) => ("year", year.to_string()),
        Term::PolicyPeriod(from) => ("policy_period", from.to_string()),
        Term::Event(evt_no) => ("event", evt_no.to_string()),
        Term::Visit(visit) => ("visit", visit.to_string()),
        Term::Lifetime => ("lifetime", String::new()),
    }
}

fn family_no(owner: &Owner) -> Option<&str> {
    match owner {
        Owner::Person => None,
        Owner::Family(family_no) => Some(family_no),
    }
}

fn entry(record: &Record) -> &'static str {
    match &record.entry {
        Entry::Settlement => "settlement",
        Entry::Cancellation { .. } => "cancellation",
        Entry::Reversal { .. } => "reversal",
        Entry::Tombstone { .. } => "tombstone",
        Entry::Stay(change) => match change.kind {
            StayKind::Admit => "admission",
            StayKind::Update => "admission changed",
            StayKind::CancelAdmission => "admission cancelled",
            StayKind::FeesIn => "lines in",
            StayKind::FeesOut => "lines out",
            StayKind::Discharge => "discharge",
            StayKind::CancelDischarge => "discharge cancelled",
            StayKind::TakeBackUpdate => "change taken back",
        },
        Entry::Correction(_) => "correction",
        Entry::Register { .. } => "register",
        Entry::Erased { .. } => "erased",
        Entry::Hold(_) => "hold",
    }
}

/// The `msgid` that a tombstone bars.
fn omsgid(record: &Record) -> Option<&str> {
    match &record.entry {
        Entry::Tombstone { omsgid } => Some(omsgid),
        _ => None,
    }
}

fn postings_json(postings: &[Posting]) -> Vec<Value> {
    let one = |posting: &Posting| json!({"account": *posting.account, "amount": posting.amount.to_string()});
    postings.iter().map(one).collect()
}

fn changes_json(changes: &[AccumulatorChange]) -> Vec<Value> {
    let one = |AccumulatorChange { key, before, after }: &AccumulatorChange| {
        let (term, term_of) = term(&key.term);
        json!({
            "family_no": family_no(&key.owner),
            "term": term,
            "term_of": term_of,
            "pack": *key.pack,
            "benefit": *key.benefit,
            "measure": key.measure.name(),
            "subject": *key.subject,
            "before": before.to_string(),
            "after": after.to_string(),
        })
    };
    changes.iter().map(one).collect()
}

/// Every settlement that a correction settled again, in their new order; `version` is nothing where it came out as it was.
fn correction_json(correction: &Correction) -> Value {
    let turn = |turn: &Turn| {
        let version = turn.new.as_ref().map(|version| {
            json!({
                "number": version.number,
                "replaces": version.replaces,
                "benefit_year": version.benefit_year,
                "medfee_sumamt": version.medfee_sumamt.to_string(),
                "postings": postings_json(&version.postings),
                "net": postings_json(&version.net),
                "accumulators": changes_json(&version.accumulators),
                "bill": hex(&version.bill),
                "answer": hex(&version.answer),
            })
        });
        json!({"sequence": turn.sequence, "psn_no": *turn.psn_no, "version": version})
    };
    json!({"of": correction.of, "turns": correction.turns.iter().map(turn).collect::<Vec<_>>()})
}

/// One record as a JSON document; request and answer as hexadecimal digits.
pub(crate) fn json_of(record: &Record) -> Value {
    let correction = match &record.entry {
        Entry::Correction(correction) => Some(correction_json(correction)),
        _ => None,
    };
    let mut document = json!({
        "sequence": record.sequence,
        "setl_id": *record.setl_id(),
        "entry": entry(record),
        "cancels": record.entry.undoes(),
        "omsgid": omsgid(record),
        "correction": correction,
        "tenant": *record.message.tenant,
        "fixmedins_code": *record.message.fixmedins_code,
        "msgid": *record.message.msgid,
        "erased": record.is_erased(),
        "psn_no": *record.person.psn_no,
        "mdtrt_id": *record.mdtrt_id,
        "booked_at_ms": record.booked_at_ms,
        "benefit_year": record.benefit_year,
        "medfee_sumamt": record.medfee_sumamt.to_string(),
        "postings": postings_json(&record.postings),
        "accumulators": changes_json(&record.accumulators),
        "request": hex(&record.request),
        "answer": hex(&record.answer),
        "bill": hex(&record.bill),
    });
    if let Entry::Register { rows } = &record.entry {
        document["rows"] = rows.iter().map(row_json).collect();
    }
    document
}

fn row_json(row: &RecordedRow) -> Value {
    let Some(row) = row.row() else { return json!({"erased": true}) };
    json!({
        "register": row.register,
        "subject": *row.subject,
        "item": *row.item,
        "from": row.span.from.map(|day| day.to_string()),
        "until": row.span.until.map(|day| day.to_string()),
        "content": hex(&row.content),
    })
}

fn exists(path: &Path) -> Failure {
    Failure::wrong_input(format!("`{}` is there already", path.display()))
}

fn cannot_write(path: &Path) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::fault(format!("cannot write `{}`: {error}", path.display()))
}

/// Writes a line for each record and gives their number.
pub(crate) fn ndjson(records: Records, to: &Path, told: impl FnMut(Progress)) -> Result<u64, Failure> {
    if to.exists() {
        return Err(exists(to));
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Readable by its owner only, as `tempfile` makes it.
    let file = NamedTempFile::new_in(folder)
        .map_err(|error| Failure::wrong_input(format!("cannot write `{}`: {error}", to.display())))?;
    let mut out = BufWriter::new(&file);
    let count =
        each(records, told, |record| writeln!(out, "{}", json_of(&record)).map_err(cannot_write(to)))?;
    out.flush().map_err(cannot_write(to))?;
    drop(out);
    file.as_file().sync_all().map_err(cannot_write(to))?;
    file.persist_noclobber(to).map_err(|error| cannot_write(to)(error.error))?;
    Ok(count)
}

fn each(
    mut records: Records,
    mut told: impl FnMut(Progress),
    mut write: impl FnMut(Record) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let mut count = 0;
    while let Some(item) = records.next() {
        let (_, record) = item.map_err(Failure::fault)?;
        write(record)?;
        count += 1;
        told(records.progress());
    }
    Ok(count)
}

/// Writes a folder with three files and gives the number of records.
pub(crate) fn parquet(records: Records, to: &Path, told: impl FnMut(Progress)) -> Result<u64, Failure> {
    if to.exists() {
        return Err(exists(to));
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unfinished = tempfile::Builder::new()
        .prefix(".export-")
        .tempdir_in(folder)
        .map_err(|error| Failure::wrong_input(format!("cannot write `{}`: {error}", to.display())))?;
    let mut tables = [("records", RECORDS), ("postings", POSTINGS), ("accumulators", ACCUMULATORS)]
        .into_iter()
        .map(|(name, schema)| Table::create(&unfinished.path().join(format!("{name}.parquet")), schema))
        .collect::<Result<Vec<_>, _>>()?;
    let [records_table, postings_table, accumulators_table] = tables.as_mut_slice() else {
        return Err(Failure::fault("three tables were asked for"));
    };
    let mut group = Vec::new();
    let mut bytes = 0;
    let mut flush = |group: &mut Vec<Record>| -> Result<(), Failure> {
        if group.is_empty() {
            return Ok(());
        }
        records_table.write(|out| write_records(out, group))?;
        postings_table.write(|out| write_postings(out, group))?;
        accumulators_table.write(|out| write_accumulators(out, group))?;
        group.clear();
        Ok(())
    };
    let count = each(records, told, |record| {
        bytes += record.request.len() + record.answer.len() + record.bill.len();
        group.push(record);
        if group.len() >= GROUP_RECORDS || bytes >= GROUP_BYTES {
            bytes = 0;
            flush(&mut group)?;
        }
        Ok(())
    })?;
    flush(&mut group)?;
    for table in tables {
        table.end()?;
    }
    File::open(unfinished.path()).and_then(|dir| dir.sync_all()).map_err(cannot_write(to))?;
    fs::rename(unfinished.path(), to).map_err(cannot_write(to))?;
    // It has its own name now; nothing is left to remove.
    drop(unfinished.keep());
    Ok(count)
}

/// One Parquet file.
struct Table {
    path: PathBuf,
    writer: SerializedFileWriter<File>,
}

impl Table {
    fn create(path: &Path, schema: &str) -> Result<Table, Failure> {
        let schema = parse_message_type(schema).map_err(Failure::fault)?;
        let file = File::create_new(path).map_err(cannot_write(path))?;
        let properties = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).build();
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties));
        Ok(Table { path: path.to_owned(), writer: writer.map_err(Failure::fault)? })
    }

    fn write(
        &mut self,
        columns: impl FnOnce(&mut SerializedRowGroupWriter<'_, File>) -> Result<(), ParquetError>,
    ) -> Result<(), Failure> {
        let written = self.writer.next_row_group().and_then(|mut group| {
            columns(&mut group)?;
            group.close().map(drop)
        });
        written.map_err(|error| Failure::fault(format!("cannot write `{}`: {error}", self.path.display())))
    }

    fn end(self) -> Result<(), Failure> {
        let Table { path, writer } = self;
        let file = writer
            .into_inner()
            .map_err(|error| Failure::fault(format!("cannot write `{}`: {error}", path.display())))?;
        file.sync_all().map_err(cannot_write(&path))
    }
}

type Group<'a> = SerializedRowGroupWriter<'a, File>;

fn numbers(out: &mut Group<'_>, values: &[i64], present: Option<&[i16]>) -> Result<(), ParquetError> {
    let Some(mut column) = out.next_column()? else { return Err(too_many_columns()) };
    column.typed::<Int64Type>().write_batch(values, present, None)?;
    column.close()
}

fn texts<T: AsRef<[u8]>>(
    out: &mut Group<'_>,
    values: impl Iterator<Item = T>,
    present: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let values: Vec<ByteArray> = values.map(|text| ByteArray::from(text.as_ref().to_vec())).collect();
    let Some(mut column) = out.next_column()? else { return Err(too_many_columns()) };
    column.typed::<ByteArrayType>().write_batch(&values, present, None)?;
    column.close()
}

fn too_many_columns() -> ParquetError {
    ParquetError::General("more columns than the schema has".to_owned())
}

fn sequence(record: &Record) -> Result<i64, ParquetError> {
    i64::try_from(record.sequence).map_err(|error| ParquetError::External(Box::new(error)))
}

/// Fen as the unscaled value of a decimal with two places.
fn decimal(amount: Money) -> Result<i64, ParquetError> {
    let units = amount.units();
    if units.unsigned_abs() > UNITS_MAX {
        return Err(ParquetError::General(format!("{amount} has more than 18 digits")));
    }
    Ok(units)
}

fn write_records(out: &mut Group<'_>, records: &[Record]) -> Result<(), ParquetError> {
    let sequences = records.iter().map(sequence).collect::<Result<Vec<_>, _>>()?;
    numbers(out, &sequences, None)?;
    texts(out, records.iter().map(|record| record.setl_id().to_string()), None)?;
    texts(out, records.iter().map(entry), None)?;
    let cancelled: Vec<Option<u64>> = records.iter().map(|record| record.entry.undoes()).collect();
    let present: Vec<i16> = cancelled.iter().map(|cancels| i16::from(cancels.is_some())).collect();
    let cancels = cancelled
        .into_iter()
        .flatten()
        .map(|of| i64::try_from(of).map_err(|error| ParquetError::External(Box::new(error))));
    numbers(out, &cancels.collect::<Result<Vec<_>, _>>()?, Some(&present))?;
    let present: Vec<i16> = records.iter().map(|record| i16::from(omsgid(record).is_some())).collect();
    texts(out, records.iter().filter_map(omsgid), Some(&present))?;
    texts(out, records.iter().map(|record| record.message.tenant.as_bytes()), None)?;
    texts(out, records.iter().map(|record| record.message.fixmedins_code.as_bytes()), None)?;
    texts(out, records.iter().map(|record| record.message.msgid.as_bytes()), None)?;
    texts(out, records.iter().map(|record| record.person.psn_no.as_bytes()), None)?;
    texts(out, records.iter().map(|record| record.mdtrt_id.as_bytes()), None)?;
    let booked: Vec<i64> = records.iter().map(|record| record.booked_at_ms).collect();
    numbers(out, &booked, None)?;
    let years: Vec<i32> = records.iter().map(|record| i32::from(record.benefit_year)).collect();
    let Some(mut column) = out.next_column()? else { return Err(too_many_columns()) };
    column.typed::<Int32Type>().write_batch(&years, None, None)?;
    column.close()?;
    let amounts = records.iter().map(|record| decimal(record.medfee_sumamt));
    numbers(out, &amounts.collect::<Result<Vec<_>, _>>()?, None)?;
    texts(out, records.iter().map(|record| &record.request), None)?;
    texts(out, records.iter().map(|record| &record.answer), None)?;
    texts(out, records.iter().map(|record| &record.bill), None)
}

fn write_postings(out: &mut Group<'_>, records: &[Record]) -> Result<(), ParquetError> {
    let rows = || records.iter().flat_map(|record| record.postings.iter().map(move |it| (record, it)));
    numbers(out, &rows().map(|(record, _)| sequence(record)).collect::<Result<Vec<_>, _>>()?, None)?;
    texts(out, rows().map(|(_, posting)| posting.account.as_bytes()), None)?;
    numbers(out, &rows().map(|(_, posting)| decimal(posting.amount)).collect::<Result<Vec<_>, _>>()?, None)
}

fn write_accumulators(out: &mut Group<'_>, records: &[Record]) -> Result<(), ParquetError> {
    let rows = || records.iter().flat_map(|record| record.accumulators.iter().map(move |it| (record, it)));
    numbers(out, &rows().map(|(record, _)| sequence(record)).collect::<Result<Vec<_>, _>>()?, None)?;
    let present: Vec<i16> =
        rows().map(|(_, change)| i16::from(family_no(&change.key.owner).is_some())).collect();
    texts(out, rows().filter_map(|(_, change)| family_no(&change.key.owner)), Some(&present))?;
    texts(out, rows().map(|(_, change)| term(&change.key.term).0), None)?;
    texts(out, rows().map(|(_, change)| term(&change.key.term).1), None)?;
    texts(out, rows().map(|(_, change)| change.key.pack.as_bytes()), None)?;
    texts(out, rows().map(|(_, change)| change.key.benefit.as_bytes()), None)?;
    texts(out, rows().map(|(_, change)| change.key.measure.name()), None)?;
    texts(out, rows().map(|(_, change)| change.key.subject.as_bytes()), None)?;
    numbers(out, &rows().map(|(_, change)| decimal(change.before)).collect::<Result<Vec<_>, _>>()?, None)?;
    numbers(out, &rows().map(|(_, change)| decimal(change.after)).collect::<Result<Vec<_>, _>>()?, None)
}
