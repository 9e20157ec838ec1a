//! The lines of a file, in whatever it is written: each with its number, and the rows that it makes or why it makes none.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use bedside_claim::Date;
use bedside_gateway::registers::roster::{LineFault, Roster};
use bedside_ledger::RegisterRow;
use jiff::ToSpan;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use super::FileKind;
use crate::failure::Failure;
use crate::replay::cannot;

/// How far a file is read, in bytes or rows.
pub(super) struct Reached {
    pub(super) at: u64,
    pub(super) of: u64,
}

type Visit<'a> = dyn FnMut(u64, Reached, Result<Vec<RegisterRow>, LineFault>) -> Result<(), Failure> + 'a;

pub(super) fn each_line(
    roster: &Roster,
    path: &Path,
    kind: FileKind,
    valid_from: &str,
    mut visit: impl FnMut(u64, Reached, Result<Vec<RegisterRow>, LineFault>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let file = File::open(path).map_err(|error| cannot("open", path, error))?;
    match kind {
        FileKind::Csv => csv(roster, path, file, valid_from, &mut visit),
        FileKind::Ndjson => ndjson(roster, path, file, valid_from, &mut visit),
        FileKind::Parquet => parquet(roster, path, file, valid_from, &mut visit),
    }
}

fn not_a_row(reason: impl Into<String>) -> LineFault {
    LineFault { code: "not_a_row".to_owned(), reason: reason.into() }
}

fn not_text() -> LineFault {
    LineFault { code: "not_text".to_owned(), reason: "the line is not UTF-8".to_owned() }
}

fn wrong_table(path: &Path) -> impl Fn(&dyn std::fmt::Display) -> Failure {
    move |problem| Failure::wrong_input(format!("`{}`: {problem}", path.display()))
}

fn csv(
    roster: &Roster,
    path: &Path,
    file: File,
    valid_from: &str,
    visit: &mut Visit<'_>,
) -> Result<(), Failure> {
    let of = file.metadata().map_or(0, |found| found.len());
    let wrong = wrong_table(path);
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).from_reader(BufReader::with_capacity(1 << 20, file));
    let heading = reader.headers().map_err(|error| wrong(&error))?;
    let names: Vec<String> =
        heading.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect();
    roster.check_columns(names.iter().map(String::as_str)).map_err(|fault| wrong(&fault))?;
    let mut record = csv::ByteRecord::new();
    loop {
        let more = reader.read_byte_record(&mut record).map_err(|error| wrong(&error))?;
        if !more {
            return Ok(());
        }
        let (line, at) = record.position().map_or((0, 0), |at| (at.line(), at.byte()));
        let cells: Option<Vec<&str>> = record.iter().map(|cell| std::str::from_utf8(cell).ok()).collect();
        let read = match cells {
            None => Err(not_text()),
            Some(cells) if cells.len() != names.len() => {
                Err(not_a_row(format!("the line has {} cells, the heading {}", cells.len(), names.len())))
            }
            Some(cells) => roster.of_cells(names.iter().map(String::as_str).zip(cells), valid_from),
        };
        visit(line, Reached { at, of }, read)?;
    }
}

fn ndjson(
    roster: &Roster,
    path: &Path,
    file: File,
    valid_from: &str,
    visit: &mut Visit<'_>,
) -> Result<(), Failure> {
    let of = file.metadata().map_or(0, |found| found.len());
    let mut input = BufReader::with_capacity(1 << 20, file);
    let (mut text, mut at) = (Vec::new(), 0);
    for line in 1.. {
        text.clear();
        let read = input.read_until(b'\n', &mut text).map_err(|error| cannot("read", path, error))?;
        if read == 0 {
            break;
        }
        at += read as u64;
        let bytes = if line == 1 { text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text) } else { &text };
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let read = std::str::from_utf8(bytes).map_err(|_| not_text());
        visit(line, Reached { at, of }, read.and_then(|text| roster.of_json(text, valid_from)))?;
    }
    Ok(())
}

fn parquet(
    roster: &Roster,
    path: &Path,
    file: File,
    valid_from: &str,
    visit: &mut Visit<'_>,
) -> Result<(), Failure> {
    let wrong = wrong_table(path);
    let reader = SerializedFileReader::new(file).map_err(|error| wrong(&error))?;
    let of = u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or_default();
    let schema = reader.metadata().file_metadata().schema().get_fields().to_vec();
    roster.check_columns(schema.iter().map(|field| field.name())).map_err(|fault| wrong(&fault))?;
    let rows = reader.get_row_iter(None).map_err(|error| wrong(&error))?;
    for (row, at) in rows.zip(1..) {
        let row = row.map_err(|error| wrong(&error))?;
        let cells: Result<Vec<(&str, String)>, LineFault> =
            row.get_column_iter().map(|(name, field)| Ok((name.as_str(), text_of(name, field)?))).collect();
        let read = cells.and_then(|cells| {
            roster.of_cells(cells.iter().map(|(name, text)| (*name, text.as_str())), valid_from)
        });
        visit(at, Reached { at, of }, read)?;
    }
    Ok(())
}

/// A value as the text that CSV would have; no floating point, which has lost what the amount was.
fn text_of(column: &str, field: &Field) -> Result<String, LineFault> {
    Ok(match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Bool(flag) => if *flag { "1" } else { "0" }.to_owned(),
        Field::Byte(number) => number.to_string(),
        Field::Short(number) => number.to_string(),
        Field::Int(number) => number.to_string(),
        Field::Long(number) => number.to_string(),
        Field::UByte(number) => number.to_string(),
        Field::UShort(number) => number.to_string(),
        Field::UInt(number) => number.to_string(),
        Field::ULong(number) => number.to_string(),
        Field::Decimal(decimal) if decimal.scale() >= 0 && decimal.precision() >= decimal.scale() => {
            field.to_string()
        }
        Field::Date(days) => {
            let day = Date::constant(1970, 1, 1).checked_add(i64::from(*days).days());
            day.map_err(|_| not_a_row(format!("`{column}` is no date")))?.to_string()
        }
        _ => {
            let problem = format!("`{column}` is neither text, whole number, decimal nor date");
            return Err(not_a_row(problem));
        }
    })
}
