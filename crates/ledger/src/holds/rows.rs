//! The rows of holds: where each lies and how it ended, which one a visit has, and what each reserves of whom.
//!
//! A reservation stands once for the person and, where it has a part of it, once for the family, so that a decision
//! finds all that concerns it under two prefixes. Invariant: as for every row, small and equal for equal states.

use std::sync::Arc;

use super::{Ended, Ending, Reservation, decode_amounts, ender_of};
use crate::codec::{Decoder, Encoder, Malformed, TooLarge};
use crate::event::{MessageKey, PersonKey};
use crate::frame::Position;
use crate::record::encode_key;
use crate::rows::{VERSION, at_most_a_row, decode_position, encode_position, version};

/// Every key of a hold's rows begins with it.
const HOLD: u8 = b'h';
const BY_SEQUENCE: u8 = b'i';
const OF_PERSON: u8 = b'p';
const OF_FAMILY: u8 = b'f';
const OF_VISIT: u8 = b'v';

pub(crate) fn hold_key(sequence: u64) -> Vec<u8> {
    let mut key = Encoder::with(HOLD);
    key.u8(BY_SEQUENCE);
    key.raw(&sequence.to_be_bytes());
    key.finish()
}

fn key_of(kind: u8, texts: &[&str]) -> Result<Vec<u8>, TooLarge> {
    let mut key = Encoder::with(HOLD);
    key.u8(kind);
    for text in texts {
        key.text("key", text)?;
    }
    Ok(key.finish())
}

/// The key of the visit's hold.
pub(crate) fn visit_hold_key(hospital: &MessageKey, mdtrt_id: &str) -> Result<Vec<u8>, TooLarge> {
    key_of(OF_VISIT, &[&hospital.tenant, &hospital.fixmedins_code, mdtrt_id])
}

/// Who shares what holds reserve: a person, or a family of the person's tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sharer {
    Person(PersonKey),
    Family { tenant: Arc<str>, family_no: Arc<str> },
}

impl Sharer {
    /// The person, and the family where there is one.
    pub(crate) fn of(person: &PersonKey, family_no: Option<&Arc<str>>) -> Vec<Sharer> {
        let family = family_no.map(|family_no| Sharer::Family {
            tenant: Arc::clone(&person.tenant),
            family_no: Arc::clone(family_no),
        });
        std::iter::once(Sharer::Person(person.clone())).chain(family).collect()
    }

    /// What the keys of reservations of theirs begin with.
    pub(crate) fn prefix(&self) -> Result<Vec<u8>, TooLarge> {
        match self {
            Sharer::Person(person) => key_of(OF_PERSON, &[&person.tenant, &person.psn_no]),
            Sharer::Family { tenant, family_no } => key_of(OF_FAMILY, &[tenant, family_no]),
        }
    }

    /// The key of what one hold reserves of theirs.
    pub(crate) fn reservation_key(&self, sequence: u64) -> Result<Vec<u8>, TooLarge> {
        let mut key = self.prefix()?;
        key.extend_from_slice(&sequence.to_be_bytes());
        Ok(key)
    }
}

/// The hold of a reservation's key.
pub(crate) fn sequence_in(key: &[u8]) -> Result<u64, Malformed> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes)).ok_or(Malformed("key"))
}

/// The record that ended a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndedBy {
    pub(crate) ending: Ending,
    pub(crate) sequence: u64,
    pub(crate) at_ms: i64,
}

impl EndedBy {
    pub(crate) fn named(&self) -> Ended {
        Ended { ending: self.ending, by: ender_of(self.ending, self.sequence), at_ms: self.at_ms }
    }
}

/// One hold: where its record lies, until when it is live, and what ended it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HoldRow {
    pub(crate) position: Position,
    pub(crate) until_ms: i64,
    pub(crate) ended: Option<EndedBy>,
}

impl HoldRow {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::with(VERSION);
        encode_position(&mut out, self.position);
        out.i64(self.until_ms);
        match self.ended {
            None => out.u8(0),
            Some(by) => {
                out.u8(match by.ending {
                    Ending::Settled => 1,
                    Ending::Replaced => 2,
                    Ending::Released => 3,
                });
                out.u64(by.sequence);
                out.i64(by.at_ms);
            }
        }
        out.finish()
    }

    pub(crate) fn decode(body: &[u8]) -> Result<HoldRow, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let position = decode_position(&mut input)?;
        let until_ms = input.i64("until_ms")?;
        let ending = match input.u8("ended")? {
            0 => None,
            1 => Some(Ending::Settled),
            2 => Some(Ending::Replaced),
            3 => Some(Ending::Released),
            _ => return Err(Malformed("ended")),
        };
        let ended = match ending {
            None => None,
            Some(ending) => Some(EndedBy { ending, sequence: input.u64("by")?, at_ms: input.i64("at_ms")? }),
        };
        input.end("hold")?;
        Ok(HoldRow { position, until_ms, ended })
    }
}

/// The hold that a visit has, and who shares what it reserves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VisitHoldRow {
    pub(crate) sequence: u64,
    pub(crate) person: PersonKey,
    pub(crate) family_no: Option<Arc<str>>,
}

impl VisitHoldRow {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, TooLarge> {
        let mut out = Encoder::with(VERSION);
        out.u64(self.sequence);
        out.text("tenant", &self.person.tenant)?;
        out.text("psn_no", &self.person.psn_no)?;
        out.text("family_no", self.family_no.as_deref().unwrap_or_default())?;
        Ok(out.finish())
    }

    pub(crate) fn decode(body: &[u8]) -> Result<VisitHoldRow, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let sequence = input.u64("sequence")?;
        let person = PersonKey { tenant: input.text("tenant")?, psn_no: input.text("psn_no")? };
        let family_no = Some(input.text("family_no")?).filter(|family_no| !family_no.is_empty());
        input.end("visit's hold")?;
        Ok(VisitHoldRow { sequence, person, family_no })
    }
}

/// What one hold reserves of one sharer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReservationRow {
    pub(crate) until_ms: i64,
    pub(crate) amounts: Reservation,
}

impl ReservationRow {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, TooLarge> {
        let mut out = Encoder::with(VERSION);
        out.i64(self.until_ms);
        out.length("reserved", self.amounts.len())?;
        for (key, amount) in &self.amounts {
            encode_key(&mut out, key)?;
            out.i64(amount.units());
        }
        at_most_a_row("reserved", out.finish())
    }

    pub(crate) fn decode(body: &[u8]) -> Result<ReservationRow, Malformed> {
        let mut input = Decoder::of(body);
        version(&mut input)?;
        let until_ms = input.i64("until_ms")?;
        let amounts = decode_amounts(&mut input, "reserved")?;
        input.end("reservation")?;
        Ok(ReservationRow { until_ms, amounts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bedside_claim::{AccumulatorKey, Measure, Money};

    #[test]
    fn rows_round_trip_and_their_keys_differ() {
        let position = Position { segment: 1, offset: 64 };
        for ending in [None, Some(Ending::Settled), Some(Ending::Replaced), Some(Ending::Released)] {
            let ended = ending.map(|ending| EndedBy { ending, sequence: 9, at_ms: -3 });
            let row = HoldRow { position, until_ms: 7, ended };
            assert_eq!(HoldRow::decode(&row.encode()), Ok(row));
        }
        let person = PersonKey { tenant: "t".into(), psn_no: "p".into() };
        for family_no in [None, Some("F".into())] {
            let row = VisitHoldRow { sequence: 3, person: person.clone(), family_no };
            assert_eq!(VisitHoldRow::decode(&row.encode().unwrap()), Ok(row));
        }
        let key = AccumulatorKey::of_year(2026, "a/b".into(), "x".into(), Measure::Paid);
        let row = ReservationRow { until_ms: 7, amounts: [(key, Money::from_units(5))].into() };
        let body = row.encode().unwrap();
        assert_eq!(ReservationRow::decode(&body), Ok(row));
        for length in 0..body.len() {
            assert!(ReservationRow::decode(&body[..length]).is_err());
        }

        let family: Arc<str> = "p".into();
        let sharers = Sharer::of(&person, Some(&family));
        let keys: Vec<_> = sharers.iter().map(|sharer| sharer.reservation_key(258).unwrap()).collect();
        assert_ne!(keys[0], keys[1]);
        assert_eq!(sequence_in(&keys[0]), Ok(258));
        assert!(keys[0].starts_with(&sharers[0].prefix().unwrap()));
        let longer = PersonKey { psn_no: "p1".into(), ..person };
        assert!(!keys[0].starts_with(&Sharer::Person(longer).prefix().unwrap()));
    }
}
