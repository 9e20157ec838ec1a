//! What a correction keeps: for every settlement that was computed again its place, and where it came out otherwise its
//! new version.
//!
//! Knows bytes, not rows. Invariant: the differences of a version are the new amounts less the old ones per account, they
//! sum to the difference of the totals, and the record's own postings are the sum of all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bedside_claim::{AccumulatorChange, Money, Overflow};

use crate::codec::{Decoder, Encoder, Malformed, TooLarge};
use crate::event::Posting;
use crate::kept;
use crate::record::{decode_changes, decode_postings, encode_changes, encode_postings};

/// The whole of one correction: nothing of it stands elsewhere, and nothing of an older record is changed.
#[derive(Clone, PartialEq, Eq)]
pub struct Correction {
    /// The sequence of the settlement whose facts or rules were corrected.
    pub of: u64,
    /// Every settlement that was computed again, in the order in which they stand from now on.
    pub turns: Vec<Turn>,
    /// What the accumulators come to by it, each once.
    pub net: Vec<NetChange>,
}

/// One settlement that was computed again.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its sequence.
    pub sequence: u64,
    /// Its person, of the tenant of the record.
    pub psn_no: Arc<str>,
    /// What it is now; nothing where it came out as it was.
    pub new: Option<Box<Version>>,
}

/// A later version of a settlement. It replaces the one before, which stays readable.
#[derive(Clone, PartialEq, Eq)]
pub struct Version {
    /// From 2; version 1 is the settlement as it was booked.
    pub number: u32,
    /// The record that holds the version before: an earlier correction, or the settlement's own.
    pub replaces: u64,
    /// The year in which it stands in the person's order.
    pub benefit_year: i16,
    /// The bill's total.
    pub medfee_sumamt: Money,
    /// Who bears it; sums to `medfee_sumamt`.
    pub postings: Vec<Posting>,
    /// What is posted: these postings less those of the version before, by account, without zeros.
    pub net: Vec<Posting>,
    /// What it changes in the accumulators, from where they stand at its new place.
    pub accumulators: Vec<AccumulatorChange>,
    /// The corrected facts; empty where the facts are those of the version before.
    pub bill: Vec<u8>,
    /// Its answer.
    pub answer: Arc<[u8]>,
}

/// What one accumulator comes to by a correction.
#[derive(Clone, PartialEq, Eq)]
pub struct NetChange {
    /// Whose accumulator it is; empty for a family's, whose key names it.
    pub psn_no: Arc<str>,
    /// Before and after the whole correction.
    pub change: AccumulatorChange,
}

impl fmt::Debug for Turn {
    /// Without the person: a `{:?}` in a log must not name one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("sequence", &self.sequence)
            .field("new", &self.new)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Version")
            .field("number", &self.number)
            .field("replaces", &self.replaces)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for NetChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetChange").finish_non_exhaustive()
    }
}

impl fmt::Debug for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Correction").field("of", &self.of).field("turns", &self.turns).finish_non_exhaustive()
    }
}

impl Correction {
    /// The version that it made of a settlement; nothing where it made none.
    pub fn version_of(&self, sequence: u64) -> Option<&Version> {
        self.turns.iter().find(|turn| turn.sequence == sequence)?.new.as_deref()
    }

    /// What is kept of it when it is erased: what it did to amounts, orders and families, and nothing of the persons.
    pub(crate) fn encode_kept(&self, out: &mut Encoder) -> Result<(), TooLarge> {
        out.u64(self.of);
        out.length("turns", self.turns.len())?;
        for Turn { sequence, new, .. } in &self.turns {
            out.u64(*sequence);
            out.u8(new.is_some().into());
            if let Some(version) = new {
                version.encode_amounts(out)?;
                encode_changes(out, &kept::of_families(&version.accumulators))?;
            }
        }
        let net: Vec<_> = self.net.iter().map(|net| net.change.clone()).collect();
        encode_changes(out, &kept::of_families(&net))
    }

    /// What was kept of it. For the person of each settlement stands the name that its erased record has.
    pub(crate) fn decode_kept(input: &mut Decoder<'_>) -> Result<Correction, Malformed> {
        let of = input.u64("corrects")?;
        // a sequence, nothing new
        let count = input.count("turns", 8 + 1)?;
        let mut turns = Vec::with_capacity(count);
        for _ in 0..count {
            let sequence = input.u64("turn")?;
            let new = match input.u8("new")? {
                0 => None,
                1 => {
                    let amounts = Version::decode_amounts(input)?;
                    let accumulators = kept::decode_of_families(input)?;
                    Some(Box::new(Version { accumulators, ..amounts }))
                }
                _ => return Err(Malformed("new")),
            };
            turns.push(Turn { sequence, psn_no: kept::name_of(sequence), new });
        }
        let net = kept::decode_of_families(input)?;
        let net = net.into_iter().map(|change| NetChange { psn_no: Arc::from(""), change }).collect();
        Ok(Correction { of, turns, net })
    }

    pub(crate) fn encode(&self, out: &mut Encoder) -> Result<(), TooLarge> {
        out.u64(self.of);
        out.length("turns", self.turns.len())?;
        for turn in &self.turns {
            out.u64(turn.sequence);
            out.text("psn_no", &turn.psn_no)?;
            match &turn.new {
                None => out.u8(0),
                Some(version) => {
                    out.u8(1);
                    version.encode(out)?;
                }
            }
        }
        out.length("net", self.net.len())?;
        for net in &self.net {
            out.text("psn_no", &net.psn_no)?;
            encode_changes(out, std::slice::from_ref(&net.change))?;
        }
        Ok(())
    }

    pub(crate) fn decode(input: &mut Decoder<'_>) -> Result<Correction, Malformed> {
        let of = input.u64("corrects")?;
        // a sequence, an empty text, nothing new
        let count = input.count("turns", 8 + 1 + 1)?;
        let mut turns = Vec::with_capacity(count);
        for _ in 0..count {
            let (sequence, psn_no) = (input.u64("turn")?, input.text("psn_no")?);
            let new = match input.u8("new")? {
                0 => None,
                1 => Some(Box::new(Version::decode(input)?)),
                _ => return Err(Malformed("new")),
            };
            turns.push(Turn { sequence, psn_no, new });
        }
        // an empty text, and a list
        let count = input.count("net", 1 + 4)?;
        let mut net = Vec::with_capacity(count);
        for _ in 0..count {
            let psn_no = input.text("psn_no")?;
            let [change] = decode_changes(input)?.try_into().map_err(|_| Malformed("net"))?;
            net.push(NetChange { psn_no, change });
        }
        Ok(Correction { of, turns, net })
    }
}

impl Version {
    fn encode(&self, out: &mut Encoder) -> Result<(), TooLarge> {
        self.encode_amounts(out)?;
        encode_changes(out, &self.accumulators)?;
        out.bytes("bill", &self.bill)?;
        out.bytes("answer", &self.answer)
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Version, Malformed> {
        let amounts = Version::decode_amounts(input)?;
        Ok(Version {
            accumulators: decode_changes(input)?,
            bill: input.bytes("bill")?.to_vec(),
            answer: Arc::from(input.bytes("answer")?),
            ..amounts
        })
    }

    /// All in front of what it changes in the accumulators.
    fn encode_amounts(&self, out: &mut Encoder) -> Result<(), TooLarge> {
        out.u32(self.number);
        out.u64(self.replaces);
        out.i16(self.benefit_year);
        out.i64(self.medfee_sumamt.units());
        encode_postings(out, &self.postings)?;
        encode_postings(out, &self.net)
    }

    fn decode_amounts(input: &mut Decoder<'_>) -> Result<Version, Malformed> {
        Ok(Version {
            number: input.u32("number")?,
            replaces: input.u64("replaces")?,
            benefit_year: input.i16("benefit_year")?,
            medfee_sumamt: Money::from_units(input.i64("medfee_sumamt")?),
            postings: decode_postings(input)?,
            net: decode_postings(input)?,
            accumulators: Vec::new(),
            bill: Vec::new(),
            answer: Arc::from([]),
        })
    }
}

/// What is to be posted so that accounts which stand at `old` come to stand at `new`, without zeros.
pub(crate) fn difference(new: &[Posting], old: &[Posting]) -> Result<Vec<Posting>, Overflow> {
    let mut net = BTreeMap::<&Arc<str>, Money>::new();
    for Posting { account, amount } in new {
        let sum = net.entry(account).or_default();
        *sum = sum.plus(*amount)?;
    }
    for Posting { account, amount } in old {
        let sum = net.entry(account).or_default();
        *sum = sum.minus(*amount)?;
    }
    Ok(without_zeros(net))
}

/// The sum of several lists of postings, by account, without zeros.
pub(crate) fn sum<'a>(lists: impl IntoIterator<Item = &'a [Posting]>) -> Result<Vec<Posting>, Overflow> {
    let mut all = BTreeMap::<&Arc<str>, Money>::new();
    for Posting { account, amount } in lists.into_iter().flatten() {
        let sum = all.entry(account).or_default();
        *sum = sum.plus(*amount)?;
    }
    Ok(without_zeros(all))
}

fn without_zeros(accounts: BTreeMap<&Arc<str>, Money>) -> Vec<Posting> {
    let amounts = accounts.into_iter().filter(|(_, amount)| !amount.is_zero());
    amounts.map(|(account, amount)| Posting { account: Arc::clone(account), amount }).collect()
}
