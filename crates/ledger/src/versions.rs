//! Which version of a settlement counts, and what each of them says.
//!
//! A row names the corrections that made the later versions; what they say stands in the journal alone. Invariant: version
//! one is the settlement's own record, version n what the n-1st correction in the row holds of it.

use std::sync::Arc;

use crate::codec::{Decoder, Encoder, Malformed, TooLarge};
use crate::event::{BookedSettlement, Status, setl_id_of};
use crate::frame::Position;
use crate::record::Record;
use crate::rows::{at_most_a_row, decode_position, encode_position, version, versions_key, with_version};
use crate::segments::ReadError;
use crate::tables::{Rows, TablesError};

/// A correction that made a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MadeBy {
    pub(crate) sequence: u64,
    pub(crate) position: Position,
}

/// The corrections of a settlement in order; none for one that was never corrected.
pub(crate) fn made(rows: &impl Rows, sequence: u64) -> Result<Vec<MadeBy>, TablesError> {
    let Some(body) = rows.row(&versions_key(sequence))? else { return Ok(Vec::new()) };
    Ok(decode(&body)?)
}

pub(crate) fn encode(made: &[MadeBy]) -> Result<Vec<u8>, TooLarge> {
    let mut out: Encoder = with_version();
    out.length("versions", made.len())?;
    for by in made {
        out.u64(by.sequence);
        encode_position(&mut out, by.position);
    }
    at_most_a_row("versions", out.finish())
}

pub(crate) fn decode(body: &[u8]) -> Result<Vec<MadeBy>, Malformed> {
    let mut input = Decoder::of(body);
    version(&mut input)?;
    let count = input.count("versions", 8 + 8 + 8)?;
    let mut made = Vec::with_capacity(count);
    for _ in 0..count {
        made.push(MadeBy { sequence: input.u64("by")?, position: decode_position(&mut input)? });
    }
    input.end("versions")?;
    Ok(made)
}

/// A settlement as one of its versions says.
#[derive(Debug, Clone)]
pub(crate) struct AtVersion {
    pub(crate) record: Arc<Record>,
    pub(crate) number: u32,
    /// The correction that made it; nothing for the first.
    pub(crate) correction: Option<u64>,
}

impl AtVersion {
    /// The settlement as it is told.
    pub(crate) fn booked(&self, status: Status) -> BookedSettlement {
        let booked = self.record.as_ref().clone().into_settlement(status);
        BookedSettlement { version: self.number, correction: self.correction.map(setl_id_of), ..booked }
    }
}

/// Finds records by their place.
pub(crate) type Load<'a> = &'a dyn Fn(u64, Position) -> Result<Arc<Record>, ReadError>;

/// The version that counts.
pub(crate) fn newest(rows: &impl Rows, load: Load<'_>, record: Arc<Record>) -> Result<AtVersion, ReadError> {
    let made = made(rows, record.sequence)?;
    let number = number_of(made.len());
    at(&made, load, record, number)?.ok_or(no_version())
}

/// The version of that number; nothing where there is none.
pub(crate) fn numbered(
    rows: &impl Rows,
    load: Load<'_>,
    record: Arc<Record>,
    number: u32,
) -> Result<Option<AtVersion>, ReadError> {
    at(&made(rows, record.sequence)?, load, record, number)
}

/// How many versions there are after so many corrections.
pub(crate) fn number_of(corrections: usize) -> u32 {
    // A row holds far fewer.
    u32::try_from(corrections).unwrap_or(u32::MAX).saturating_add(1)
}

fn at(
    made: &[MadeBy],
    load: Load<'_>,
    record: Arc<Record>,
    number: u32,
) -> Result<Option<AtVersion>, ReadError> {
    let place = match number {
        0 => return Ok(None),
        1 => return Ok(Some(AtVersion { record, number, correction: None })),
        later => usize::try_from(later - 2).unwrap_or(usize::MAX),
    };
    let Some(by) = made.get(place) else { return Ok(None) };
    let correction = load(by.sequence, by.position)?;
    let version = correction.version_of(record.sequence).filter(|version| version.number == number);
    let record = Arc::new(record.at(version.ok_or(no_version())?));
    Ok(Some(AtVersion { record, number, correction: Some(by.sequence) }))
}

/// The facts that the newest version was decided on: the latest that a correction brought, else those that were booked.
pub(crate) fn bill(rows: &impl Rows, load: Load<'_>, record: &Record) -> Result<Vec<u8>, ReadError> {
    for by in made(rows, record.sequence)?.iter().rev() {
        let correction = load(by.sequence, by.position)?;
        let version = correction.version_of(record.sequence).ok_or(no_version())?;
        if !version.bill.is_empty() {
            return Ok(version.bill.clone());
        }
    }
    Ok(record.settled_bill().to_vec())
}

fn no_version() -> ReadError {
    ReadError::Tables(TablesError::Contradiction("a version is not where its row says"))
}
