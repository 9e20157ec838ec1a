//! A quote that binds: what a hold asks for, promises and has come to.
//!
//! A hold reserves for one visit what its quote would use up, until it expires, is settled within, is replaced by the
//! visit's next hold, or is released. Time is the event's: whoever comes at or after `until_ms` finds it expired, and no
//! record says so. Must not know what a benefit is beyond which accumulators use one up. Invariant: a visit has at most
//! one hold that has not ended, and a decision sees what every live one reserves, but its own visit's.

mod calls;
pub(crate) mod deciding;
pub(crate) mod fold;
pub(crate) mod proof;
mod rows;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Accumulators, Money, Owner};

use crate::codec::{Decoder, Encoder, Malformed, TooLarge, check_text};
use crate::event::{MessageKey, PersonKey, setl_id_of};
use crate::record::{KEY_BYTES_MIN, decode_key, encode_key};

/// Asks to quote a bill and to hold to the quote.
#[derive(Clone, PartialEq, Eq)]
pub struct HoldEvent {
    /// The call.
    pub message: MessageKey,
    /// Whose accumulators it reserves.
    pub person: PersonKey,
    /// The person's family, whose shared accumulators it sees too and may reserve; nothing for none.
    pub family_no: Option<Arc<str>>,
    /// The visit (`mdtrt_id`), which has one hold at a time per tenant and hospital.
    pub mdtrt_id: Arc<str>,
    /// Until when, in milliseconds since 1970-01-01 UTC: an event at or after it finds the hold expired.
    pub until_ms: i64,
    /// When, in milliseconds since 1970-01-01 UTC; stamped by the shell.
    pub booked_at_ms: i64,
    /// The canonical bytes of the content.
    pub request: Vec<u8>,
    /// The stay that it quotes, as it was read; nothing for a bill that came whole.
    pub stay: Option<QuotedStay>,
}

/// A stay that is to be quoted, put together from its records.
#[derive(Clone, PartialEq, Eq)]
pub struct QuotedStay {
    /// [`StandingStay::version`](crate::StandingStay::version) of what was put together.
    pub version: u64,
    /// The canonical bytes of the whole bill, as if it had come in one call.
    pub bill: Vec<u8>,
}

impl HoldEvent {
    pub(crate) fn check(&self) -> Result<(), TooLarge> {
        self.message.check()?;
        self.person.check()?;
        check_text("family_no", self.family_no.as_deref().unwrap_or_default())?;
        check_text("mdtrt_id", &self.mdtrt_id)
    }
}

impl fmt::Debug for HoldEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HoldEvent").field("message", &self.message).finish_non_exhaustive()
    }
}

/// What a pure decision quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// What settling would change, from the booked values, each accumulator at most once.
    pub accumulators: Vec<AccumulatorChange>,
    /// The answer, stored and returned byte for byte.
    pub answer: Vec<u8>,
}

/// What a hold's record promises, beside what every record says.
#[derive(Clone, PartialEq, Eq)]
pub struct HoldTerms {
    /// Until when, in milliseconds since 1970-01-01 UTC.
    pub until_ms: i64,
    /// The person's family; nothing for none.
    pub family_no: Option<Arc<str>>,
    /// What settling would change.
    pub quoted: Vec<AccumulatorChange>,
    /// What the quote counted with: what was booked, and what others had reserved as if it were.
    pub seen: Accumulators,
}

impl fmt::Debug for HoldTerms {
    /// Without the family's number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HoldTerms").field("until_ms", &self.until_ms).finish_non_exhaustive()
    }
}

/// What one hold reserves of each accumulator.
pub(crate) type Reservation = BTreeMap<AccumulatorKey, Money>;

impl HoldTerms {
    /// What is reserved of the person's own accumulators and of the family's: what the quote would use up, and nothing
    /// of what it would charge.
    pub(crate) fn reserves(&self) -> (Reservation, Reservation) {
        let uses = self.quoted.iter().filter(|change| change.key.uses_up_benefit());
        let amounts = uses.filter_map(|change| {
            let amount = change.after.minus(change.before).ok()?;
            (amount > Money::ZERO).then(|| (change.key.clone(), amount))
        });
        amounts.partition(|(key, _)| key.owner == Owner::Person)
    }

    pub(crate) fn encode(&self, out: &mut Encoder) -> Result<(), TooLarge> {
        out.i64(self.until_ms);
        out.text("family_no", self.family_no.as_deref().unwrap_or_default())?;
        out.length("quoted", self.quoted.len())?;
        for change in &self.quoted {
            encode_key(out, &change.key)?;
            out.i64(change.before.units());
            out.i64(change.after.units());
        }
        out.length("seen", self.seen.iter().count())?;
        for (key, value) in self.seen.iter() {
            encode_key(out, key)?;
            out.i64(value.units());
        }
        Ok(())
    }

    pub(crate) fn decode(input: &mut Decoder<'_>) -> Result<HoldTerms, Malformed> {
        let until_ms = input.i64("until_ms")?;
        let family_no = Some(input.text("family_no")?).filter(|family_no| !family_no.is_empty());
        let count = input.count("quoted", KEY_BYTES_MIN + 16)?;
        let mut quoted = Vec::with_capacity(count);
        for _ in 0..count {
            let key = decode_key(input)?;
            let before = Money::from_units(input.i64("before")?);
            let after = Money::from_units(input.i64("after")?);
            quoted.push(AccumulatorChange { key, before, after });
        }
        let mut seen = Accumulators::default();
        for (key, value) in decode_amounts(input, "seen")? {
            seen.set(key, value);
        }
        Ok(HoldTerms { until_ms, family_no, quoted, seen })
    }
}

/// Accumulators with amounts, in key order and none of them zero, as they are written.
fn decode_amounts(input: &mut Decoder<'_>, field: &'static str) -> Result<Reservation, Malformed> {
    let count = input.count(field, KEY_BYTES_MIN + 8)?;
    let mut amounts = Reservation::new();
    for _ in 0..count {
        let key = decode_key(input)?;
        let amount = Money::from_units(input.i64(field)?);
        if amount.is_zero() || amounts.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(Malformed(field));
        }
        amounts.insert(key, amount);
    }
    Ok(amounts)
}

/// How a hold ended before it expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its visit was settled while it lived.
    Settled,
    /// Its visit was given another hold.
    Replaced,
    /// Its call was reversed.
    Released,
}

/// The record that ended a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub ending: Ending,
    /// The identifier of the settlement, of the other hold, or of the reversal.
    pub by: Arc<str>,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
}

/// Where a hold stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldState {
    /// It binds.
    Live,
    /// Its time is over.
    Expired,
    /// It ended before that.
    Ended(Ended),
}

/// One hold as it stands in the ledger.
#[derive(Clone, PartialEq, Eq)]
pub struct Held {
    /// Its identifier.
    pub hold_id: Arc<str>,
    /// Its place in the journal.
    pub sequence: u64,
    /// The call that booked it.
    pub message: MessageKey,
    /// The person.
    pub person: PersonKey,
    /// The visit.
    pub mdtrt_id: Arc<str>,
    /// What it promises.
    pub terms: HoldTerms,
    /// The canonical bytes of the call's content.
    pub request: Vec<u8>,
    /// The canonical bytes of the bill, where the content does not hold it.
    pub bill: Vec<u8>,
    /// The quote.
    pub answer: Arc<[u8]>,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub booked_at_ms: i64,
    /// What ended it; nothing where nothing did, whether its time is over or not.
    pub ended: Option<Ended>,
}

impl Held {
    /// Where it stands for an event at that time.
    pub fn state_at(&self, at_ms: i64) -> HoldState {
        match &self.ended {
            Some(ended) => HoldState::Ended(ended.clone()),
            None if self.terms.until_ms > at_ms => HoldState::Live,
            None => HoldState::Expired,
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("hold_id", &self.hold_id)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// The hold identifier of a sequence: `H0000000000000042`.
pub(crate) fn hold_id_of(sequence: u64) -> Arc<str> {
    Arc::from(format!("H{sequence:016}"))
}

/// The sequence of a hold identifier that this ledger could have given out.
pub(crate) fn sequence_of_hold(hold_id: &str) -> Option<u64> {
    let sequence = hold_id.strip_prefix('H')?.parse().ok()?;
    (*hold_id_of(sequence) == *hold_id).then_some(sequence)
}

/// The identifier of what ended a hold.
fn ender_of(ending: Ending, sequence: u64) -> Arc<str> {
    match ending {
        Ending::Replaced => hold_id_of(sequence),
        Ending::Settled | Ending::Released => setl_id_of(sequence),
    }
}
