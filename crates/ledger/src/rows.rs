//! The rows of the tables: their keys and bodies as bytes. The person leads the keys of what belongs to a person.
//!
//! Knows neither sled nor files. Invariant: a row is small (far below 64 KiB, where sled starts files of its own that
//! it never syncs), holds positions instead of requests and answers, and equal states are equal rows.

use std::collections::BTreeMap;

use bedside_claim::{AccumulatorKey, Accumulators, Money, Owner, Term};

use crate::codec::{Decoder, Encoder, Malformed, TooLarge};
use crate::event::{MessageKey, MessageKind, PersonKey};
use crate::frame::Position;
use crate::planted;
use crate::record::{
    KEY_BYTES_MIN, decode_key, decode_owner, decode_term, encode_key, encode_owner, encode_term,
};
use crate::stay::StayKind;

/// The longest body of a row, in bytes.
pub(crate) const ROW_BYTES_MAX: usize = 60 * 1024;

pub(crate) const VERSION: u8 = 2;
/// Rows of an earlier release, which knew the person's years only: of those, the applied row alone is still read.
const VERSION_OF_YEARS: u8 = 1;

/// Every key begins with the letter of its kind.
pub(crate) const APPLIED_KEY: &[u8] = b"@";
const ACCUMULATORS: u8 = b'a';
const FAMILY: u8 = b'f';
const MESSAGE: u8 = b'm';
const SETTLEMENT: u8 = b's';
const VERSIONS: u8 = b'c';
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
    let hospital = if planted::is("message-without-hospital") { "" } else { &message.fixmedins_code };
    key_of(MESSAGE, [&message.tenant, hospital, &message.msgid])
}

pub(crate) fn visit_key(tenant: &str, fixmedins_code: &str, mdtrt_id: &str) -> Result<Vec<u8>, TooLarge> {
    key_of(VISIT, [tenant, fixmedins_code, mdtrt_id])
}

pub(crate) fn settlement_key(sequence: u64) -> Vec<u8> {
    let mut key = Encoder::with(SETTLEMENT);
    key.raw(&sequence.to_be_bytes());
    key.finish()
}

/// The key of the corrections of a settlement.
pub(crate) fn versions_key(sequence: u64) -> Vec<u8> {
    let mut key = Encoder::with(VERSIONS);
    key.raw(&sequence.to_be_bytes());
    key.finish()
}

/// The accumulators that stand in one row, and the settlements that stand in one order: one owner's, over one term.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bucket {
    pub(crate) owner: Owner,
    pub(crate) term: Term,
}

impl Bucket {
    pub(crate) fn of(key: &AccumulatorKey) -> Bucket {
        Bucket { owner: key.owner.clone(), term: key.term.clone() }
    }

    /// The person's own benefit year, whose order every settlement joins.
    pub(crate) fn own_year(benefit_year: i16) -> Bucket {
        Bucket { owner: Owner::Person, term: Term::Year(benefit_year) }
    }
}

/// What the keys of a person's buckets begin with.
pub(crate) fn person_prefix(person: &PersonKey) -> Result<Vec<u8>, TooLarge> {
    let mut key = Encoder::with(ACCUMULATORS);
    key.text("tenant", &person.tenant)?;
    key.text("psn_no", &person.psn_no)?;
    Ok(key.finish())
}

/// What the keys of a family's buckets begin with.
pub(crate) fn family_prefix(tenant: &str, family_no: &str) -> Result<Vec<u8>, TooLarge> {
    let mut key = Encoder::with(FAMILY);
    key.text("tenant", tenant)?;
    key.text("family_no", family_no)?;
    Ok(key.finish())
}

/// The key of a bucket that the person uses: his own, or one of his family in the same tenant.
pub(crate) fn bucket_key(person: &PersonKey, bucket: &Bucket) -> Result<Vec<u8>, TooLarge> {
    let mut key = Encoder::default();
    key.raw(&match &bucket.owner {
        Owner::Person => person_prefix(person)?,
        Owner::Family(family_no) => family_prefix(&person.tenant, family_no)?,
    });
    encode_term(&mut key, &bucket.term)?;
    Ok(key.finish())
}

/// The beginning of a body.
pub(crate) fn with_version() -> Encoder {
    Encoder::with(VERSION)
}

pub(crate) fn version(input: &mut Decoder<'_>) -> Result<(), Malformed> {
    if input.u8("version")? == VERSION { Ok(()) } else { Err(Malformed("version")) }
}

pub(crate) fn encode_position(out: &mut Encoder, position: Position) {
    out.u64(position.segment);
    out.u64(position.offset);
}

pub(crate) fn decode_position(input: &mut Decoder<'_>) -> Result<Position, Malformed> {
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
    /// Version, sequence, hash, segment, offset, rows, sum.
    pub(crate) const BYTES: usize = 1 + 8 + 32 + 8 + 8 + 8 + 8;

    /// Whether the body is of an earlier release: it tells how far the journal once reached, but its rows are made
    /// again.
    pub(crate) fn is_outdated(body: &[u8]) -> bool {
        body.first() == Some(&VERSION_OF_YEARS)
    }

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
        if input.u8("version")? != VERSION_OF_YEARS {
            input = Decoder::of(body);
            version(&mut input)?;
        }
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
            MessageKind::Reverse => 3,
            MessageKind::Tombstone => 4,
            MessageKind::Stay(_) => 5,
            MessageKind::Hold => 6,
            MessageKind::Correct => 7,
            MessageKind::Register => 8,
        });
        if let MessageKind::Stay(kind) = self.kind {
            out.u8(kind.number());
        }
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
            3 => MessageKind::Reverse,
            4 => MessageKind::Tombstone,
            5 => MessageKind::Stay(StayKind::from_number(input.u8("stay")?).ok_or(Malformed("stay"))?),
            6 => MessageKind::Hold,
            7 => MessageKind::Correct,
            8 => MessageKind::Register,
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

/// By what a settlement was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undoing {
    Cancellation,
    Reversal,
}

/// The cancellation or reversal of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UndoneBy {
    pub(crate) undoing: Undoing,
    pub(crate) sequence: u64,
    pub(crate) at_ms: i64,
}

/// One settlement: where its record lies and whether it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SettlementRow {
    pub(crate) position: Position,
    pub(crate) undone: Option<UndoneBy>,
    /// For each bucket it touches, the settlement that stood last in it before (zero: none). Settlements are
    /// cancelled latest first, so these links are a stack and going back needs no search.
    pub(crate) before: BTreeMap<Bucket, u64>,
}

impl SettlementRow {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, TooLarge> {
        let mut out = Encoder::with(VERSION);
        encode_position(&mut out, self.position);
        match self.undone {
            None => out.u8(0),
            Some(by) => {
                out.u8(match by.undoing {
                    Undoing::Cancellation => 1,
                    Undoing::Reversal => 2,
                });
                out.u64(by.sequence);
                out.i64(by.at_ms);
            }
        }
        out.length("buckets", self.before.len())?;
        for (bucket, sequence) in &self.before {
            encode_owner(&mut out, &bucket.owner)?;
            encode_term(&mut out, &bucket.term)?;
            out.u64(*sequence);
        }
        at_most_a_row("buckets", out.finish())
    }

    pub(crate) fn decode(body: &[u8]) -> Result<SettlementRow, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let position = decode_position(&mut input)?;
        let undoing = match input.u8("undone")? {
            0 => None,
            1 => Some(Undoing::Cancellation),
            2 => Some(Undoing::Reversal),
            _ => return Err(Malformed("undone")),
        };
        let undone = match undoing {
            None => None,
            Some(undoing) => {
                Some(UndoneBy { undoing, sequence: input.u64("by")?, at_ms: input.i64("at_ms")? })
            }
        };
        // a person's lifetime, and the sequence
        let count = input.count("buckets", 1 + 1 + 8)?;
        let mut before = BTreeMap::new();
        for _ in 0..count {
            let bucket = Bucket { owner: decode_owner(&mut input)?, term: decode_term(&mut input)? };
            before.insert(bucket, input.u64("before")?);
        }
        input.end("settlement")?;
        Ok(SettlementRow { position, undone, before })
    }
}

/// One bucket as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct BucketRow {
    /// The last settlement that touches the bucket and stands; zero for none.
    pub(crate) latest: u64,
    /// The accumulators in it.
    pub(crate) accumulators: Accumulators,
}

impl BucketRow {
    /// The body, or nothing for a bucket in which nothing stands.
    pub(crate) fn encode(&self) -> Result<Option<Vec<u8>>, TooLarge> {
        if *self == BucketRow::default() {
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

    pub(crate) fn decode(body: &[u8]) -> Result<BucketRow, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let latest = input.u64("latest")?;
        let count = input.count("accumulators", KEY_BYTES_MIN + 8)?;
        let mut accumulators = Accumulators::default();
        for _ in 0..count {
            let key = decode_key(&mut input)?;
            accumulators.set(key, Money::from_units(input.i64("value")?));
        }
        input.end("bucket")?;
        Ok(BucketRow { latest, accumulators })
    }
}

pub(crate) fn at_most_a_row(field: &'static str, body: Vec<u8>) -> Result<Vec<u8>, TooLarge> {
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
        let year = Bucket::own_year(2026);
        assert!(bucket_key(&person("t", "1"), &year).unwrap().starts_with(&prefix));
        assert!(!bucket_key(&person("t", "12"), &year).unwrap().starts_with(&prefix));
        // a family's bucket is the same row for each of its members, and never a person's of the same number
        let family = Bucket { owner: Owner::Family("1".into()), ..year };
        let shared = bucket_key(&person("t", "1"), &family).unwrap();
        assert_eq!(shared, bucket_key(&person("t", "2"), &family).unwrap());
        assert!(shared.starts_with(&family_prefix("t", "1").unwrap()) && !shared.starts_with(&prefix));
        assert_ne!(shared, bucket_key(&person("u", "1"), &family).unwrap());
    }

    /// How far the journal once reached is known also from tables that an earlier release left.
    #[test]
    fn the_applied_row_of_version_1_is_read() {
        let applied = Applied {
            sequence: 7,
            hash: [3; 32],
            position: Position { segment: 1, offset: 64 },
            rows: 5,
            sum: 9,
        };
        let mut body = applied.encode();
        assert!(!Applied::is_outdated(&body));
        body[0] = VERSION_OF_YEARS;
        assert!(Applied::is_outdated(&body));
        assert_eq!(Applied::decode(&body).unwrap(), applied);
        body[0] = 3;
        assert_eq!(Applied::decode(&body), Err(Malformed("version")));
        assert_eq!(decode_visit(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Malformed("version")));
    }

    fn bucket() -> impl Strategy<Value = Bucket> {
        let owner = prop_oneof![Just(Owner::Person), "[a-z]{0,4}".prop_map(|it| Owner::Family(it.into()))];
        let term = prop_oneof![
            any::<i16>().prop_map(Term::Year),
            "[a-z]{0,4}".prop_map(|it| Term::Event(it.into())),
            Just(Term::Lifetime)
        ];
        (owner, term).prop_map(|(owner, term)| Bucket { owner, term })
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut body in proptest::collection::vec(any::<u8>(), 0..120)) {
            let decode = |body: &[u8]| {
                let _ = (MessageRow::decode(body), SettlementRow::decode(body), BucketRow::decode(body));
                let _ = (Applied::decode(body), decode_visit(body));
            };
            decode(&body);
            if let Some(first) = body.first_mut() {
                *first = VERSION;
                decode(&body);
            }
        }

        #[test]
        fn rows_round_trip(numbers in any::<(u64, u64, u64, u64, i64)>(), before in proptest::collection::btree_map(bucket(), any::<u64>(), 0..4), undoing in proptest::option::of(prop_oneof![Just(Undoing::Cancellation), Just(Undoing::Reversal)])) {
            let (sequence, segment, offset, rows, at_ms) = numbers;
            let position = Position { segment, offset };
            let row = SettlementRow {
                position,
                undone: undoing.map(|undoing| UndoneBy { undoing, sequence, at_ms }),
                before,
            };
            prop_assert_eq!(SettlementRow::decode(&row.encode().unwrap()).unwrap(), row);
            let applied = Applied { sequence, hash: [3; 32], position, rows, sum: segment };
            prop_assert_eq!(Applied::decode(&applied.encode()).unwrap(), applied);
            for kind in [MessageKind::Settle, MessageKind::Cancel, MessageKind::Reverse, MessageKind::Tombstone, MessageKind::Stay(StayKind::FeesOut), MessageKind::Hold, MessageKind::Correct, MessageKind::Register] {
                let row = MessageRow { kind, sequence, position };
                prop_assert_eq!(MessageRow::decode(&row.encode()).unwrap(), row);
            }
            prop_assert_eq!(decode_visit(&encode_visit(sequence)).unwrap(), sequence);
        }
    }
}
