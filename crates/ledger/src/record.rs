//! The bytes of a record: ours, versioned, canonical. `docs/ledger-format.md` describes them.
//!
//! Knows no file. Invariant: decoding what was encoded gives it back, and decoding anything else is an error, never a
//! panic.

use std::sync::Arc;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Measure, Money};

use crate::event::{MessageKey, PersonKey, Posting, RecordKind};

/// The version that this code writes.
pub(crate) const VERSION: u8 = 1;

/// One journal record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub kind: RecordKind,
    /// When the shell took it in, milliseconds since 1970-01-01 UTC.
    pub booked_at_ms: i64,
    /// The call.
    pub message: MessageKey,
    /// Who was treated.
    pub person: PersonKey,
    /// `mdtrt_id`.
    pub mdtrt_id: Arc<str>,
    /// The year whose settlements cancel latest first.
    pub benefit_year: i16,
    /// What the hospital is owed; negative in a cancellation.
    pub medfee_sumamt: Money,
    /// Who owes it.
    pub postings: Vec<Posting>,
    /// What the person used up.
    pub accumulators: Vec<AccumulatorChange>,
    /// The canonical bytes of the call's content.
    pub request: Vec<u8>,
    /// The bytes of the answer.
    pub answer: Vec<u8>,
}

/// The bytes are no record of a version that this code reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a record: {0}")]
pub struct NotARecord(pub &'static str);

/// Appends fields, little-endian, texts and bytes with their length.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(crate) fn count(&mut self, value: usize) {
        // A message has 4 MiB; no list or text of a record comes near 2^32.
        self.bytes.extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
    }

    pub(crate) fn blob(&mut self, value: &[u8]) {
        self.count(value.len());
        self.bytes.extend(value);
    }

    pub(crate) fn text(&mut self, value: &str) {
        self.blob(value.as_bytes());
    }

    pub(crate) fn key(&mut self, key: &AccumulatorKey) {
        self.i16(key.benefit_year);
        self.text(&key.pack);
        self.text(&key.benefit);
        self.u8(measure_code(key.measure));
    }
}

/// Takes fields off the front of bytes.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

const SHORT: NotARecord = NotARecord("it is cut short");

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], NotARecord> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], NotARecord> {
        self.take(N)?.try_into().map_err(|_| SHORT)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, NotARecord> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u64(&mut self) -> Result<u64, NotARecord> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, NotARecord> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, NotARecord> {
        self.array().map(i16::from_le_bytes)
    }

    pub(crate) fn count(&mut self) -> Result<usize, NotARecord> {
        let count = self.array().map(u32::from_le_bytes)?;
        usize::try_from(count).map_err(|_| SHORT)
    }

    pub(crate) fn blob(&mut self) -> Result<&'a [u8], NotARecord> {
        let count = self.count()?;
        self.take(count)
    }

    pub(crate) fn text(&mut self) -> Result<Arc<str>, NotARecord> {
        let text = std::str::from_utf8(self.blob()?).map_err(|_| NotARecord("a text is not UTF-8"))?;
        Ok(text.into())
    }

    pub(crate) fn key(&mut self) -> Result<AccumulatorKey, NotARecord> {
        Ok(AccumulatorKey {
            benefit_year: self.i16()?,
            pack: self.text()?,
            benefit: self.text()?,
            measure: measure(self.u8()?)?,
        })
    }

    pub(crate) fn money(&mut self) -> Result<Money, NotARecord> {
        self.i64().map(Money::from_units)
    }

    pub(crate) fn end(&self) -> Result<(), NotARecord> {
        if self.rest.is_empty() { Ok(()) } else { Err(NotARecord("bytes follow it")) }
    }
}

fn measure_code(measure: Measure) -> u8 {
    match measure {
        Measure::Base => 1,
        Measure::Deductible => 2,
        Measure::DeductibleStandard => 3,
        Measure::Paid => 4,
    }
}

fn measure(code: u8) -> Result<Measure, NotARecord> {
    Measure::ALL
        .into_iter()
        .find(|measure| measure_code(*measure) == code)
        .ok_or(NotARecord("an accumulator measures something unknown"))
}

impl Record {
    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.u8(VERSION);
        match self.kind {
            RecordKind::Settle => out.u8(1),
            RecordKind::Cancel { cancels } => {
                out.u8(2);
                out.u64(cancels);
            }
        }
        out.i64(self.booked_at_ms);
        out.text(&self.message.tenant);
        out.text(&self.message.fixmedins_code);
        out.text(&self.message.msgid);
        out.text(&self.person.psn_no);
        out.text(&self.mdtrt_id);
        out.i16(self.benefit_year);
        out.i64(self.medfee_sumamt.units());
        out.count(self.postings.len());
        for posting in &self.postings {
            out.text(&posting.account);
            out.i64(posting.amount.units());
        }
        out.count(self.accumulators.len());
        for change in &self.accumulators {
            out.key(&change.key);
            out.i64(change.before.units());
            out.i64(change.after.units());
        }
        out.blob(&self.request);
        out.blob(&self.answer);
        out.bytes
    }

    /// The record of these bytes.
    ///
    /// # Errors
    /// [`NotARecord`]: another version, cut short, followed by more, or a field that no record has.
    pub fn decode(bytes: &[u8]) -> Result<Record, NotARecord> {
        let mut from = Reader::new(bytes);
        if from.u8()? != VERSION {
            return Err(NotARecord("it is of another version"));
        }
        let kind = match from.u8()? {
            1 => RecordKind::Settle,
            2 => RecordKind::Cancel { cancels: from.u64()? },
            _ => return Err(NotARecord("it is of no known kind")),
        };
        let booked_at_ms = from.i64()?;
        let tenant = from.text()?;
        let message =
            MessageKey { tenant: tenant.clone(), fixmedins_code: from.text()?, msgid: from.text()? };
        let person = PersonKey { tenant, psn_no: from.text()? };
        let mdtrt_id = from.text()?;
        let benefit_year = from.i16()?;
        let medfee_sumamt = from.money()?;
        // Counts come from the bytes: lists grow as they are read, so that a lie about them costs nothing.
        let mut postings = Vec::new();
        for _ in 0..from.count()? {
            postings.push(Posting { account: from.text()?, amount: from.money()? });
        }
        let mut accumulators = Vec::new();
        for _ in 0..from.count()? {
            accumulators.push(AccumulatorChange {
                key: from.key()?,
                before: from.money()?,
                after: from.money()?,
            });
        }
        let request = from.blob()?.to_vec();
        let answer = from.blob()?.to_vec();
        from.end()?;
        Ok(Record {
            kind,
            booked_at_ms,
            message,
            person,
            mdtrt_id,
            benefit_year,
            medfee_sumamt,
            postings,
            accumulators,
            request,
            answer,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn record() -> impl Strategy<Value = Record> {
        let text = "[\\PC]{0,12}".prop_map(|text| Arc::<str>::from(text.as_str()));
        let money = any::<i64>().prop_map(Money::from_units);
        let posting = (text.clone(), money.clone()).prop_map(|(account, amount)| Posting { account, amount });
        let measure = prop::sample::select(Measure::ALL.to_vec());
        let change = (any::<i16>(), text.clone(), text.clone(), measure, money.clone(), money.clone())
            .prop_map(|(benefit_year, pack, benefit, measure, before, after)| AccumulatorChange {
                key: AccumulatorKey { benefit_year, pack, benefit, measure },
                before,
                after,
            });
        let kind = prop_oneof![
            Just(RecordKind::Settle),
            any::<u64>().prop_map(|cancels| RecordKind::Cancel { cancels })
        ];
        (
            (kind, any::<i64>(), prop::array::uniform5(text), any::<i16>(), money),
            prop::collection::vec(posting, 0..4),
            prop::collection::vec(change, 0..4),
            prop::collection::vec(any::<u8>(), 0..40),
            prop::collection::vec(any::<u8>(), 0..40),
        )
            .prop_map(
                |(
                    (kind, booked_at_ms, texts, benefit_year, medfee_sumamt),
                    postings,
                    accumulators,
                    request,
                    answer,
                )| {
                    let [tenant, fixmedins_code, msgid, psn_no, mdtrt_id] = texts;
                    Record {
                        kind,
                        booked_at_ms,
                        message: MessageKey { tenant: tenant.clone(), fixmedins_code, msgid },
                        person: PersonKey { tenant, psn_no },
                        mdtrt_id,
                        benefit_year,
                        medfee_sumamt,
                        postings,
                        accumulators,
                        request,
                        answer,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn decoding_gives_back_what_was_encoded(record in record()) {
            let bytes = record.encode();
            prop_assert_eq!(Record::decode(&bytes).unwrap(), record.clone());
            for cut in 0..bytes.len() {
                prop_assert!(Record::decode(&bytes[..cut]).is_err());
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Record::decode(&bytes);
        }
    }
}
