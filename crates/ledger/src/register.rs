//! Registers: who is insured under what, which hospitals there are, what a catalogue lists; dated rows that an import brings.
//!
//! A row says that an *item* of a *subject* reads so over a span of days. A later row over the same days stands in its place
//! there, and the days around it stay as they were; one without content ends what stood. So on a day at most one row of an
//! item stands: the last recorded whose span contains the day. Must not know what an item or a content means. Invariant: the
//! pieces of an item do not overlap, each names the record that brought it, and a row that says what stands already is
//! never recorded.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bedside_claim::{Date, Span};
use sha2::{Digest, Sha256};

use crate::booking::BookingError;
use crate::codec::{Decoder, Encoder, Malformed, TEXT_BYTES_MAX, TooLarge, check_text};
use crate::event::{MessageKey, Receipt};
use crate::frame::Hash;
use crate::planted;
use crate::record::Record;
use crate::rows::{ROW_BYTES_MAX, VERSION, version};
use crate::tables::{RowChanges, Rows, TablesError};

/// The first byte of the keys of registers.
pub(crate) const REGISTER: u8 = b'r';

/// The longest content of a row, in bytes.
pub const CONTENT_BYTES_MAX: usize = 32 << 10;

/// One row of a register.
#[derive(Clone, PartialEq, Eq)]
pub struct RegisterRow {
    /// Which register: a number that the caller gives each of its registers.
    pub register: u8,
    /// Whom or what the row is about.
    pub subject: Arc<str>,
    /// What of the subject it says.
    pub item: Arc<str>,
    /// The days on which it holds, at least one.
    pub span: Span,
    /// What it says; empty: the item is not there on these days.
    pub content: Vec<u8>,
}

impl RegisterRow {
    /// The least bytes of an encoded row: register, two empty texts, two days, a length.
    const BYTES_MIN: usize = 1 + 1 + 1 + 2 * DAY_BYTES + 4;

    fn check(&self) -> Result<(), TooLarge> {
        check_text("subject", &self.subject)?;
        check_text("item", &self.item)?;
        if self.content.len() > CONTENT_BYTES_MAX {
            return Err(TooLarge { field: "content", bytes: self.content.len(), limit: CONTENT_BYTES_MAX });
        }
        Ok(())
    }

    fn has_days(&self) -> bool {
        has_days(self.span)
    }

    pub(crate) fn encode(&self, out: &mut Encoder) -> Result<(), TooLarge> {
        self.check()?;
        out.u8(self.register);
        out.text("subject", &self.subject)?;
        out.text("item", &self.item)?;
        out.raw(&day_bytes(self.span.from));
        out.raw(&day_bytes(self.span.until));
        out.bytes("content", &self.content)
    }

    pub(crate) fn decode(input: &mut Decoder<'_>) -> Result<RegisterRow, Malformed> {
        let register = input.u8("register")?;
        let (subject, item) = (input.text("subject")?, input.text("item")?);
        let span = Span { from: day(input.array("from")?)?, until: day(input.array("until")?)? };
        let content = input.bytes("content")?.to_vec();
        if !has_days(span) || content.len() > CONTENT_BYTES_MAX {
            return Err(Malformed("register row"));
        }
        Ok(RegisterRow { register, subject, item, span, content })
    }
}

impl fmt::Debug for RegisterRow {
    /// Without subject and content, which may name a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisterRow").field("register", &self.register).finish_non_exhaustive()
    }
}

/// A row as a record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordedRow {
    /// With a salt of its own, because a row is erased alone.
    Whole {
        /// What it says.
        row: RegisterRow,
        /// Random bytes.
        salt: [u8; ROW_SALT_BYTES],
    },
    /// What is left of a row that was erased.
    Erased {
        /// The hash of its bytes, salt and all.
        hash: [u8; 32],
    },
}

/// Bytes of a row's salt.
pub const ROW_SALT_BYTES: usize = 16;

impl RecordedRow {
    /// What it says, where that was not erased.
    pub fn row(&self) -> Option<&RegisterRow> {
        match self {
            RecordedRow::Whole { row, .. } => Some(row),
            RecordedRow::Erased { .. } => None,
        }
    }

    /// What is left of it once it is erased.
    pub(crate) fn erased(&self) -> Result<RecordedRow, TooLarge> {
        Ok(RecordedRow::Erased { hash: self.hash()? })
    }

    fn hash(&self) -> Result<Hash, TooLarge> {
        match self {
            RecordedRow::Erased { hash } => Ok(*hash),
            RecordedRow::Whole { .. } => {
                let mut out = Encoder::default();
                self.encode_whole(&mut out)?;
                Ok(Sha256::digest(out.finish()).into())
            }
        }
    }

    fn encode_whole(&self, out: &mut Encoder) -> Result<(), TooLarge> {
        let RecordedRow::Whole { row, salt } = self else { return Ok(()) };
        row.encode(out)?;
        out.raw(salt);
        Ok(())
    }

    fn decode_whole(input: &mut Decoder<'_>) -> Result<RecordedRow, Malformed> {
        Ok(RecordedRow::Whole { row: RegisterRow::decode(input)?, salt: input.array("salt")? })
    }
}

/// How the rows of a record are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowForm {
    /// Each whole.
    Whole,
    /// Each behind a byte that says whether it is whole.
    Left,
    /// The hash of each, which is the same whether it is erased or not.
    Hashes,
}

pub(crate) fn has_erased(rows: &[RecordedRow]) -> bool {
    rows.iter().any(|row| row.row().is_none())
}

pub(crate) fn encode_rows(out: &mut Encoder, rows: &[RecordedRow], form: RowForm) -> Result<(), TooLarge> {
    out.length("rows", rows.len())?;
    for row in rows {
        match (form, row) {
            (RowForm::Whole, _) => row.encode_whole(out)?,
            (RowForm::Left, RecordedRow::Whole { .. }) => {
                out.u8(1);
                row.encode_whole(out)?;
            }
            (RowForm::Left, RecordedRow::Erased { hash }) => {
                out.u8(0);
                out.raw(hash);
            }
            (RowForm::Hashes, _) => out.raw(&row.hash()?),
        }
    }
    Ok(())
}

pub(crate) fn decode_rows(input: &mut Decoder<'_>) -> Result<Vec<RecordedRow>, Malformed> {
    let count = input.count("rows", RegisterRow::BYTES_MIN + ROW_SALT_BYTES)?;
    (0..count).map(|_| RecordedRow::decode_whole(input)).collect()
}

/// The rows of a record some of which were erased.
pub(crate) fn decode_rows_left(input: &mut Decoder<'_>) -> Result<Vec<RecordedRow>, Malformed> {
    let count = input.count("rows", 1 + RegisterRow::BYTES_MIN + ROW_SALT_BYTES)?;
    let mut rows = Vec::with_capacity(count);
    for _ in 0..count {
        rows.push(match input.u8("row")? {
            0 => RecordedRow::Erased { hash: input.array("hash")? },
            1 => RecordedRow::decode_whole(input)?,
            _ => return Err(Malformed("row")),
        });
    }
    if has_erased(&rows) { Ok(rows) } else { Err(Malformed("rows")) }
}

fn has_days(span: Span) -> bool {
    match (span.from, span.until) {
        (Some(from), Some(until)) => from < until,
        _ => true,
    }
}

const DAY_BYTES: usize = 4;
/// Years count from here, so that each is above zero and the bytes of days stand in their order.
const YEAR_ZERO: i16 = -10_000;

/// Year big-endian, month, day; zeros for no bound. In the order of the days, no bound first.
fn day_bytes(day: Option<Date>) -> [u8; DAY_BYTES] {
    let Some(day) = day else { return [0; DAY_BYTES] };
    let [high, low] = day.year().wrapping_sub(YEAR_ZERO).to_be_bytes();
    [high, low, day.month().cast_unsigned(), day.day().cast_unsigned()]
}

fn day(bytes: [u8; DAY_BYTES]) -> Result<Option<Date>, Malformed> {
    if bytes == [0; DAY_BYTES] {
        return Ok(None);
    }
    let [high, low, month, day] = bytes;
    let year = i16::from_be_bytes([high, low]).wrapping_add(YEAR_ZERO);
    Date::new(year, month.cast_signed(), day.cast_signed()).map(Some).map_err(|_| Malformed("day"))
}

/// Asks to record rows of registers: one chunk of an import.
#[derive(Clone, PartialEq, Eq)]
pub struct RegisterEvent {
    /// Tenant, no hospital, and a name that the chunk alone has.
    pub message: MessageKey,
    /// When, in milliseconds since 1970-01-01 UTC; stamped by the shell.
    pub booked_at_ms: i64,
    /// Where the rows come from, in the shell's words.
    pub request: Vec<u8>,
    /// The rows, in the order in which they count.
    pub rows: Vec<RegisterRow>,
}

impl RegisterEvent {
    pub(crate) fn check(&self) -> Result<(), TooLarge> {
        self.message.check()?;
        self.rows.iter().try_for_each(RegisterRow::check)
    }

    /// The first row that holds on no day.
    pub(crate) fn without_days(&self) -> Option<usize> {
        self.rows.iter().position(|row| !row.has_days())
    }
}

impl fmt::Debug for RegisterEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisterEvent").field("message", &self.message).finish_non_exhaustive()
    }
}

/// What became of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// Recorded; `rows` of it said something new.
    New {
        /// The receipt of the record.
        receipt: Receipt,
        /// The rows that it holds.
        rows: usize,
    },
    /// Every row stands already; nothing is recorded.
    Unchanged,
    /// Recorded by an earlier call with the same message.
    Replayed(Receipt),
}

/// A row that stands over some days.
#[derive(Clone, PartialEq, Eq)]
pub struct StandingRow {
    /// What of the subject it says.
    pub item: Arc<str>,
    /// The days on which it stands: its own, less those that later rows took.
    pub span: Span,
    /// The record that brought it: its version.
    pub sequence: u64,
    /// What it says.
    pub content: Vec<u8>,
}

impl fmt::Debug for StandingRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandingRow")
            .field("span", &self.span)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

/// What the keys of a tenant's registers begin with.
pub(crate) fn tenant_prefix(tenant: &str) -> Result<Vec<u8>, TooLarge> {
    let mut key = Encoder::with(REGISTER);
    key.text("tenant", tenant)?;
    Ok(key.finish())
}

pub(crate) fn register_prefix(tenant: &str, register: u8) -> Result<Vec<u8>, TooLarge> {
    let mut key = tenant_prefix(tenant)?;
    key.push(register);
    Ok(key)
}

pub(crate) fn subject_prefix(tenant: &str, register: u8, subject: &str) -> Result<Vec<u8>, TooLarge> {
    let mut key = Encoder::default();
    key.raw(&register_prefix(tenant, register)?);
    key.text("subject", subject)?;
    Ok(key.finish())
}

/// What stands of an item from a day on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    until: Option<Date>,
    sequence: u64,
    content: Vec<u8>,
}

/// Bytes of a page, the row that holds pieces of one subject: what a person has is mostly one row, and a long history of
/// balances some more.
const PAGE_BYTES_MAX: usize = ROW_BYTES_MAX;

/// Puts pieces into pages, as many into each as fit.
fn pages_of(pieces: &BTreeMap<PieceKey, Piece>) -> Result<Vec<Vec<u8>>, TooLarge> {
    let mut pages: Vec<Encoder> = Vec::new();
    for ((item, from), Piece { until, sequence, content }) in pieces {
        let mut out = Encoder::default();
        out.text("item", item)?;
        out.raw(&day_bytes(*from));
        out.raw(&day_bytes(*until));
        out.u64(*sequence);
        out.bytes("content", content)?;
        let piece = out.finish();
        match pages.last_mut() {
            Some(page) if page.len() + piece.len() <= PAGE_BYTES_MAX => page.raw(&piece),
            _ => {
                let mut page = Encoder::with(VERSION);
                page.raw(&piece);
                pages.push(page);
            }
        }
    }
    Ok(pages.into_iter().map(Encoder::finish).collect())
}

/// The pieces of a page, at least one.
fn rows_of_page(body: &[u8]) -> Result<Vec<StandingRow>, Malformed> {
    let mut input = Decoder::of(body);
    version(&mut input)?;
    let mut rows = Vec::new();
    while rows.is_empty() || !input.is_empty() {
        let item = input.text("item")?;
        let span = Span { from: day(input.array("from")?)?, until: day(input.array("until")?)? };
        let sequence = input.u64("sequence")?;
        let content = input.bytes("content")?.to_vec();
        rows.push(StandingRow { item, span, sequence, content });
    }
    Ok(rows)
}

/// The subject of a page's key, behind the register's prefix, and the page's rows.
pub(crate) fn page_of(rest: &[u8], body: &[u8]) -> Result<(Arc<str>, Vec<StandingRow>), Malformed> {
    let mut input = Decoder::of(rest);
    let subject = input.text("subject")?;
    let _page: [u8; 2] = input.array("page")?;
    input.end("register key")?;
    Ok((subject, rows_of_page(body)?))
}

/// How many pages there are of a subject, and everything that stands of it, by item and first day.
pub(crate) fn standing(
    rows: &impl Rows,
    tenant: &str,
    register: u8,
    subject: &str,
) -> Result<(u64, Vec<StandingRow>), BookingError> {
    let pages = rows.rows_under(&subject_prefix(tenant, register, subject)?)?;
    let mut standing = Vec::new();
    for body in pages.values() {
        standing.extend(rows_of_page(body).map_err(TablesError::from)?);
    }
    Ok((pages.len() as u64, standing))
}

/// The rows of an event that say something new, against what stands and the ones before them; and what they change as those
/// of the record of that sequence.
pub(crate) fn news(
    rows: &impl Rows,
    tenant: &str,
    brought: Vec<RegisterRow>,
    sequence: u64,
) -> Result<(Vec<RegisterRow>, RowChanges), BookingError> {
    let mut subjects = Subjects::of(tenant);
    let mut news = Vec::with_capacity(brought.len());
    for row in brought {
        let subject = subjects.get(rows, &row)?;
        if !subject.says(&row) || planted::is("record-a-standing-row") {
            subject.take(&row, sequence);
            news.push(row);
        }
    }
    let mut changes = RowChanges::new();
    for subject in subjects.loaded.into_values() {
        subject.put(&mut changes)?;
    }
    Ok((news, changes))
}

/// What the rows of a record change.
pub(crate) fn changes(
    rows: &impl Rows,
    record: &Record,
    brought: &[RecordedRow],
    changes: &mut RowChanges,
) -> Result<(), BookingError> {
    let mut subjects = Subjects::of(&record.message.tenant);
    for row in brought.iter().filter_map(RecordedRow::row) {
        subjects.get(rows, row)?.take(row, record.sequence);
    }
    for subject in subjects.loaded.into_values() {
        subject.put(changes)?;
    }
    Ok(())
}

/// The subjects that the rows of one record are about.
struct Subjects<'a> {
    tenant: &'a str,
    loaded: BTreeMap<(u8, Arc<str>), Subject>,
}

impl Subjects<'_> {
    fn of(tenant: &str) -> Subjects<'_> {
        Subjects { tenant, loaded: BTreeMap::new() }
    }

    fn get(&mut self, rows: &impl Rows, row: &RegisterRow) -> Result<&mut Subject, BookingError> {
        use std::collections::btree_map::Entry;
        match self.loaded.entry((row.register, Arc::clone(&row.subject))) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(free) => {
                Ok(free.insert(Subject::load(rows, self.tenant, row.register, &row.subject)?))
            }
        }
    }
}

type PieceKey = (Arc<str>, Option<Date>);

/// What stands of one subject, and its pages as they were loaded.
struct Subject {
    prefix: Vec<u8>,
    loaded: Vec<Vec<u8>>,
    pieces: BTreeMap<PieceKey, Piece>,
    is_changed: bool,
}

impl Subject {
    fn load(rows: &impl Rows, tenant: &str, register: u8, subject: &str) -> Result<Subject, BookingError> {
        let prefix = subject_prefix(tenant, register, subject)?;
        let loaded: Vec<Vec<u8>> = rows.rows_under(&prefix)?.into_values().collect();
        let mut pieces = BTreeMap::new();
        for body in &loaded {
            for row in rows_of_page(body).map_err(TablesError::from)? {
                let StandingRow { item, span, sequence, content } = row;
                pieces.insert((item, span.from), Piece { until: span.until, sequence, content });
            }
        }
        Ok(Subject { prefix, loaded, pieces, is_changed: false })
    }

    /// The pieces of the row's item that hold on one of its days, in their order.
    fn overlapping(&self, row: &RegisterRow) -> Vec<(Option<Date>, &Piece)> {
        let Span { from, until } = row.span;
        self.pieces
            .range((Arc::clone(&row.item), None)..)
            .take_while(|((item, _), _)| *item == row.item)
            .filter(|((_, begins), piece)| is_before(*begins, until) && is_before(from, piece.until))
            .map(|((_, begins), piece)| (*begins, piece))
            .collect()
    }

    /// Whether what stands reads as the row does on each of its days.
    fn says(&self, row: &RegisterRow) -> bool {
        let pieces = self.overlapping(row);
        if row.content.is_empty() {
            return pieces.is_empty();
        }
        // Nothing where the end of the row is reached.
        let mut reached = row.span.from;
        for (index, (begins, piece)) in pieces.iter().enumerate() {
            let joins = if index == 0 { *begins <= reached } else { *begins == reached };
            if !joins || piece.content != row.content {
                return false;
            }
            let Some(until) = piece.until else { return true };
            reached = Some(until);
        }
        !pieces.is_empty() && row.span.until.is_some_and(|until| reached.is_some_and(|day| until <= day))
    }

    /// Puts the row in the place of what stood on its days.
    fn take(&mut self, row: &RegisterRow, sequence: u64) {
        let Span { from, until } = row.span;
        let replaced: Vec<(Option<Date>, Piece)> =
            self.overlapping(row).into_iter().map(|(begins, piece)| (begins, piece.clone())).collect();
        let key = |day: Option<Date>| (Arc::clone(&row.item), day);
        for (begins, piece) in replaced.into_iter().filter(|_| !planted::is("later-row-takes-no-days")) {
            self.remove(key(begins));
            if begins < from {
                self.insert(key(begins), Piece { until: from, ..piece.clone() });
            }
            if until.is_some() && is_before(until, piece.until) {
                self.insert(key(until), piece);
            }
        }
        if !row.content.is_empty() {
            self.insert(key(from), Piece { until, sequence, content: row.content.clone() });
        }
    }

    fn remove(&mut self, key: PieceKey) {
        self.pieces.remove(&key);
        self.is_changed = true;
    }

    fn insert(&mut self, key: PieceKey, piece: Piece) {
        self.pieces.insert(key, piece);
        self.is_changed = true;
    }

    /// The pages that are no longer as they were loaded.
    fn put(self, changes: &mut RowChanges) -> Result<(), TooLarge> {
        let Subject { prefix, loaded, pieces, is_changed } = self;
        if !is_changed {
            return Ok(());
        }
        let pages = pages_of(&pieces)?;
        for number in 0..pages.len().max(loaded.len()) {
            let page = pages.get(number);
            if page == loaded.get(number) {
                continue;
            }
            let limit = usize::from(u16::MAX);
            let too_many = |_| TooLarge { field: "history of a subject", bytes: number, limit };
            let mut key = prefix.clone();
            key.extend(u16::try_from(number).map_err(too_many)?.to_be_bytes());
            changes.insert(key, page.cloned());
        }
        Ok(())
    }
}

/// Whether a first day lies before a first day after; no bound is before, or behind, every day.
fn is_before(from: Option<Date>, until: Option<Date>) -> bool {
    match (from, until) {
        (Some(from), Some(until)) => from < until,
        _ => true,
    }
}

// A page holds the largest piece: item, days, sequence, length, content.
const _: () = assert!(PAGE_BYTES_MAX > 1 + 1 + TEXT_BYTES_MAX + 2 * DAY_BYTES + 8 + 4 + CONTENT_BYTES_MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_day() -> impl Strategy<Value = Option<Date>> {
        let day = (-9999i16..=9999, 1i8..=12, 1i8..=28)
            .prop_map(|(year, month, day)| Some(Date::new(year, month, day).unwrap()));
        prop_oneof![1 => Just(None), 4 => day]
    }

    proptest! {
        #[test]
        fn days_keep_their_order(a in any_day(), b in any_day()) {
            prop_assert_eq!(day(day_bytes(a)), Ok(a));
            prop_assert_eq!(day_bytes(a).cmp(&day_bytes(b)), a.cmp(&b));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = rows_of_page(&bytes);
            let _ = page_of(&bytes, &bytes);
            let _ = decode_rows(&mut Decoder::of(&bytes));
        }
    }
}
