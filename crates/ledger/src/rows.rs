//! The rows of the tables: their keys and bodies as bytes. The person leads the keys of what belongs to a person.
//!
//! Knows neither sled nor files. Invariant: a row is small (far below 64 KiB, where sled starts files of its own that
//! it never syncs), holds positions instead of requests and answers, and equal states are equal rows.

use std::collections::BTreeMap;

use bedside_claim::{Accumulators, Money};

use crate::codec::{Decoder, Encoder, Malformed, TooLarge};
use crate::event::{MessageKey, MessageKind, PersonKey};
use crate::frame::Position;
use crate::record::{KEY_BYTES_MIN, decode_key, encode_key};

/// The longest body of a row, in bytes.
pub(crate) const ROW_BYTES_MAX: usize = 60 * 1024;

const VERSION: u8 = 1;

/// Every key begins with the letter of its kind.
pub(crate) const APPLIED_KEY: &[u8] = b"@";
const ACCUMULATORS: u8 = b'a';
const MESSAGE: u8 = b'm';
const SETTLEMENT: u8 = b's';
const VISIT: u8 = b'v';

/// Texts in keys carry their length first, so that no two tuples make the same key and no tuple's key begins another's.
fn key_of(kind: u8, texts: [&str; 3]) -> Result<Vec<u8>, TooLarge> {
    let mut key = Encoder::with(kind);
    for text in texts {
        key.text("key", text)?;
    }
    Ok(key.finish())
}

pub(crate) fn message_key(message: &MessageKey) -> Result<Vec<u8>, TooLarge> {
    key_of(MESSAGE, [&message.tenant, &message.fixmedins_code, &message.msgid])
}

pub(crate) fn visit_key(tenant: &str, fixmedins_code: &str, mdtrt_id: &str) -> Result<Vec<u8>, TooLarge> {
    key_of(VISIT, [tenant, fixmedins_code, mdtrt_id])
}

pub(crate) fn settlement_key(sequence: u64) -> Vec<u8> {
    let mut key = Encoder::with(SETTLEMENT);
    key.raw(&sequence.to_be_bytes());
    key.finish()
}

/// What the keys of a person's years begin with.
pub(crate) fn person_prefix(person: &PersonKey) -> Result<Vec<u8>, TooLarge> {
    let mut key = Encoder::with(ACCUMULATORS);
    key.text("tenant", &person.tenant)?;
    key.text("psn_no", &person.psn_no)?;
    Ok(key.finish())
}

pub(crate) fn year_key(person: &PersonKey, year: i16) -> Result<Vec<u8>, TooLarge> {
    let mut key = person_prefix(person)?;
    // The sign bit turned, big-endian: byte order is the order of years.
    key.extend_from_slice(&((year.cast_unsigned()) ^ 0x8000).to_be_bytes());
    Ok(key)
}

fn version(input: &mut Decoder<'_>) -> Result<(), Malformed> {
    if input.u8("version")? == VERSION { Ok(()) } else { Err(Malformed("version")) }
}

fn encode_position(out: &mut Encoder, position: Position) {
    out.u64(position.segment);
    out.u64(position.offset);
}

fn decode_position(input: &mut Decoder<'_>) -> Result<Position, Malformed> {
    Ok(Position { segment: input.u64("segment")?, offset: input.u64("offset")? })
}

/// How far the tables have come, and what they must hold there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The last applied record.
    pub(crate) sequence: u64,
    pub(crate) hash: [u8; 32],
    /// Where that record lies.
    pub(crate) position: Position,
    /// Rows other than this one.
    pub(crate) rows: u64,
    /// The wrapping sum of their checksums: a row that is missing, or stands at an older value, is noticed.
    pub(crate) sum: u64,
}

impl Applied {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::with(VERSION);
        out.u64(self.sequence);
        out.raw(&self.hash);
        encode_position(&mut out, self.position);
        out.u64(self.rows);
        out.u64(self.sum);
        out.finish()
    }

    pub(crate) fn decode(body: &[u8]) -> Result<Applied, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let applied = Applied {
            sequence: input.u64("sequence")?,
            hash: input.array("hash")?,
            position: decode_position(&mut input)?,
            rows: input.u64("rows")?,
            sum: input.u64("sum")?,
        };
        input.end("applied")?;
        Ok(applied)
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageRow {
    pub(crate) kind: MessageKind,
    pub(crate) sequence: u64,
    pub(crate) position: Position,
}

impl MessageRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::with(VERSION);
        out.u8(match self.kind {
            MessageKind::Settle => 1,
            MessageKind::Cancel => 2,
        });
        out.u64(self.sequence);
        encode_position(&mut out, self.position);
        out.finish()
    }

    pub(crate) fn decode(body: &[u8]) -> Result<MessageRow, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let kind = match input.u8("kind")? {
            1 => MessageKind::Settle,
            2 => MessageKind::Cancel,
            _ => return Err(Malformed("kind")),
        };
        let sequence = input.u64("sequence")?;
        let row = MessageRow { kind, sequence, position: decode_position(&mut input)? };
        input.end("message")?;
        Ok(row)
    }
}

/// The settlement that stands for a visit.
pub(crate) fn encode_visit(sequence: u64) -> Vec<u8> {
    let mut out = Encoder::with(VERSION);
    out.u64(sequence);
    out.finish()
}

pub(crate) fn decode_visit(body: &[u8]) -> Result<u64, Malformed> {
    let mut input = Decoder::of(body);
    version(&mut input)?;
    let sequence = input.u64("sequence")?;
    input.end("visit")?;
    Ok(sequence)
}

/// The cancellation of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CancelledBy {
    pub(crate) sequence: u64,
    pub(crate) at_ms: i64,
}

/// One settlement: where its record lies and whether it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SettlementRow {
    pub(crate) position: Position,
    pub(crate) cancelled: Option<CancelledBy>,
    /// For each year it touches, the settlement of the person that stood last before it (zero: none). Settlements
    /// are cancelled latest first, so these links are a stack and going back needs no search.
    pub(crate) before: BTreeMap<i16, u64>,
}

impl SettlementRow {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, TooLarge> {
        let mut out = Encoder::with(VERSION);
        encode_position(&mut out, self.position);
        match self.cancelled {
            None => out.u8(0),
            Some(by) => {
                out.u8(1);
                out.u64(by.sequence);
                out.i64(by.at_ms);
            }
        }
        out.length("years", self.before.len())?;
        for (year, sequence) in &self.before {
            out.i16(*year);
            out.u64(*sequence);
        }
        at_most_a_row("years", out.finish())
    }

    pub(crate) fn decode(body: &[u8]) -> Result<SettlementRow, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let position = decode_position(&mut input)?;
        let cancelled = match input.u8("cancelled")? {
            0 => None,
            1 => Some(CancelledBy { sequence: input.u64("by")?, at_ms: input.i64("at_ms")? }),
            _ => return Err(Malformed("cancelled")),
        };
        let count = input.count("years", 10)?;
        let mut before = BTreeMap::new();
        for _ in 0..count {
            before.insert(input.i16("year")?, input.u64("before")?);
        }
        input.end("settlement")?;
        Ok(SettlementRow { position, cancelled, before })
    }
}

/// One benefit year of a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct YearRow {
    /// The last settlement that touches the year and stands; zero for none.
    pub(crate) latest: u64,
    /// The accumulators of the year.
    pub(crate) accumulators: Accumulators,
}

impl YearRow {
    /// The body, or nothing for a year in which nothing stands.
    pub(crate) fn encode(&self) -> Result<Option<Vec<u8>>, TooLarge> {
        if *self == YearRow::default() {
            return Ok(None);
        }
        let mut out = Encoder::with(VERSION);
        out.u64(self.latest);
        out.length("accumulators", self.accumulators.iter().count())?;
        for (key, value) in self.accumulators.iter() {
            encode_key(&mut out, key)?;
            out.i64(value.units());
        }
        at_most_a_row("accumulators", out.finish()).map(Some)
    }

    pub(crate) fn decode(body: &[u8]) -> Result<YearRow, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let latest = input.u64("latest")?;
        let count = input.count("accumulators", KEY_BYTES_MIN + 8)?;
        let mut accumulators = Accumulators::default();
        for _ in 0..count {
            let key = decode_key(&mut input)?;
            accumulators.set(key, Money::from_units(input.i64("value")?));
        }
        input.end("year")?;
        Ok(YearRow { latest, accumulators })
    }
}

fn at_most_a_row(field: &'static str, body: Vec<u8>) -> Result<Vec<u8>, TooLarge> {
    if body.len() > ROW_BYTES_MAX {
        return Err(TooLarge { field, bytes: body.len(), limit: ROW_BYTES_MAX });
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_of_different_things_differ() {
        let message = |tenant: &str, hospital: &str, msgid: &str| {
            message_key(&MessageKey {
                tenant: tenant.into(),
                fixmedins_code: hospital.into(),
                msgid: msgid.into(),
            })
            .unwrap()
        };
        assert_ne!(message("a", "bc", "d"), message("ab", "c", "d"));
        assert_ne!(message("a", "b", ""), message("a", "", "b"));
        assert!(message("a", "b", &"x".repeat(255)).len() < 1024);
        let person = |tenant: &str, psn_no: &str| PersonKey { tenant: tenant.into(), psn_no: psn_no.into() };
        let prefix = person_prefix(&person("t", "1")).unwrap();
        assert!(year_key(&person("t", "1"), 2026).unwrap().starts_with(&prefix));
        assert!(!year_key(&person("t", "12"), 2026).unwrap().starts_with(&prefix));
    }

    proptest! {
        #[test]
        fn years_sort(a in any::<i16>(), b in any::<i16>()) {
            let person = PersonKey { tenant: "t".into(), psn_no: "p".into() };
            let (x, y) = (year_key(&person, a).unwrap(), year_key(&person, b).unwrap());
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        }

        #[test]
        fn no_bytes_panic(mut body in proptest::collection::vec(any::<u8>(), 0..120)) {
            let decode = |body: &[u8]| {
                let _ = (MessageRow::decode(body), SettlementRow::decode(body), YearRow::decode(body));
                let _ = (Applied::decode(body), decode_visit(body));
            };
            decode(&body);
            if let Some(first) = body.first_mut() {
                *first = VERSION;
                decode(&body);
            }
        }

        #[test]
        fn rows_round_trip(numbers in any::<(u64, u64, u64, u64, i64)>(), years in proptest::collection::btree_map(any::<i16>(), any::<u64>(), 0..4), cancelled in any::<bool>()) {
            let (sequence, segment, offset, rows, at_ms) = numbers;
            let position = Position { segment, offset };
            let row = SettlementRow {
                position,
                cancelled: cancelled.then_some(CancelledBy { sequence, at_ms }),
                before: years,
            };
            prop_assert_eq!(SettlementRow::decode(&row.encode().unwrap()).unwrap(), row);
            let applied = Applied { sequence, hash: [3; 32], position, rows, sum: segment };
            prop_assert_eq!(Applied::decode(&applied.encode()).unwrap(), applied);
            let row = MessageRow { kind: MessageKind::Cancel, sequence, position };
            prop_assert_eq!(MessageRow::decode(&row.encode()).unwrap(), row);
            prop_assert_eq!(decode_visit(&encode_visit(sequence)).unwrap(), sequence);
        }
    }
}
