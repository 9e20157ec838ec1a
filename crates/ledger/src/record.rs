//! One booked fact and its bytes: version 4 of the payload that `docs/ledger-format.md` describes, 5 for corrections, and
//! the earlier ones to read.
//!
//! Must not know where the bytes lie. Invariant: `decode(encode(record)) == record`, and no other byte string of that
//! version decodes to the same record. A new field is a new version; an old version is read for ever.

use std::fmt;
use std::sync::Arc;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Date, Measure, Money, Owner, Term};

use crate::codec::{Decoder, Encoder, Malformed, TooLarge};
use crate::correction::{Correction, Version};
use crate::event::{
    BookedSettlement, MessageKey, MessageKind, MessageRecord, PersonKey, Posting, Receipt, Status, setl_id_of,
};
use crate::holds::{HoldTerms, hold_id_of};
use crate::kept::{self, ERASED, ERASED_CORRECTION, Salt};
use crate::register::{self, RecordedRow, RowForm, decode_rows, decode_rows_left, encode_rows};
use crate::stay::{StayChange, StayPart};

/// The longest payload of a record, in bytes: 64 MiB, an upload stream's limit.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;

pub(crate) const VERSION: u8 = 4;
/// Corrections alone: version 4, but for what is kept of one that is erased.
pub(crate) const VERSION_OF_CORRECTIONS: u8 = 5;
/// Reversals and tombstones alone, before there was a salt.
const VERSION_OF_REVERSALS: u8 = 3;
/// Settlements and cancellations alone, before there was a salt.
const VERSION_OF_BUCKETS: u8 = 2;
/// Accumulators were the person's own, by benefit year, of four measures and without subjects.
const VERSION_OF_YEARS: u8 = 1;
const SETTLEMENT: u8 = 1;
const CANCELLATION: u8 = 2;
const REVERSAL: u8 = 3;
const TOMBSTONE: u8 = 4;
pub(crate) const STAY: u8 = 5;
pub(crate) const HOLD: u8 = 6;
pub(crate) const CORRECTION: u8 = 7;
pub(crate) const REGISTER: u8 = 8;

/// What kind of fact a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A settlement.
    Settlement,
    /// The negated mirror of a settlement.
    Cancellation {
        /// The sequence of the settlement it cancels.
        of: u64,
    },
    /// The negated mirror of a settlement whose call was reversed, by its message instead of its `setl_id`; of a hold,
    /// which books nothing, its release.
    Reversal {
        /// The sequence of the settlement it undoes, or of the hold.
        of: u64,
    },
    /// Books nothing: the message of a call that had not arrived when it was reversed, and never will.
    Tombstone {
        /// The `msgid` of that call, of the same hospital.
        omsgid: Arc<str>,
    },
    /// Moves a stay.
    Stay(StayChange),
    /// A quote that binds: books nothing, and reserves what it would use up.
    Hold(Box<HoldTerms>),
    /// New versions of settlements. The record's own postings are the sum of their differences; its accumulator changes
    /// stand in the correction, because they are of several persons.
    Correction(Box<Correction>),
    /// Books nothing: rows of registers that an import brought.
    Register {
        /// The rows, in the order in which they count; none of them says what stood already.
        rows: Vec<RecordedRow>,
    },
    /// A call of a stay or a hold whose content was erased: moves, reserves and books nothing.
    Erased {
        /// What the call asked for.
        kind: MessageKind,
    },
}

impl Entry {
    /// The settlement that the record undoes, or the hold that it releases.
    pub fn undoes(&self) -> Option<u64> {
        match self {
            Entry::Cancellation { of } | Entry::Reversal { of } => Some(*of),
            Entry::Settlement
            | Entry::Tombstone { .. }
            | Entry::Stay(_)
            | Entry::Hold(_)
            | Entry::Correction(_)
            | Entry::Register { .. }
            | Entry::Erased { .. } => None,
        }
    }
}

impl Entry {
    /// Whether a record of it can be of a part of a stay.
    pub(crate) fn has_part(&self) -> bool {
        matches!(self, Entry::Settlement | Entry::Cancellation { .. } | Entry::Reversal { .. })
    }
}

/// One booked fact, as it stands in the journal.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the journal, from 1, without gaps.
    pub sequence: u64,
    /// What it books.
    pub entry: Entry,
    /// The call that booked it.
    pub message: MessageKey,
    /// The person.
    pub person: PersonKey,
    /// The visit.
    pub mdtrt_id: Arc<str>,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub booked_at_ms: i64,
    /// The year in which the settlement stands in the person's order.
    pub benefit_year: i16,
    /// Which part of a stay it settles, or undoes the settlement of; nothing for all that is of a whole bill.
    pub part: Option<StayPart>,
    /// What the hospital is owed by this record; negative in a cancellation of a positive bill.
    pub medfee_sumamt: Money,
    /// Who bears it; sums to `medfee_sumamt`.
    pub postings: Vec<Posting>,
    /// What it changes in the accumulators of the person and the family.
    pub accumulators: Vec<AccumulatorChange>,
    /// The canonical bytes of the call's content.
    pub request: Vec<u8>,
    /// The answer.
    pub answer: Arc<[u8]>,
    /// The canonical bytes of the bill that was settled or held, where the request does not hold it; else empty.
    pub bill: Vec<u8>,
    /// What hides its content behind the hashes that others see.
    pub salt: Salt,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("sequence", &self.sequence)
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

impl Record {
    /// A record that changes nothing, for what has no more to say.
    pub(crate) fn nothing_of(message: MessageKey, person: PersonKey) -> Record {
        Record {
            sequence: 0,
            entry: Entry::Settlement,
            message,
            person,
            mdtrt_id: Arc::from(""),
            booked_at_ms: 0,
            benefit_year: 0,
            part: None,
            medfee_sumamt: Money::ZERO,
            postings: Vec::new(),
            accumulators: Vec::new(),
            request: Vec::new(),
            answer: Arc::from([]),
            bill: Vec::new(),
            salt: Salt::None,
        }
    }

    /// The identifier of this settlement, or of what undoes one; of a hold its `hold_id`.
    pub fn setl_id(&self) -> Arc<str> {
        match self.entry {
            Entry::Hold(_) => hold_id_of(self.sequence),
            _ => setl_id_of(self.sequence),
        }
    }

    /// Whether its content was erased: it has no request and no answer, and names nobody.
    pub fn is_erased(&self) -> bool {
        matches!(self.salt, Salt::Erased(_))
    }

    /// What the call asked for.
    pub fn kind(&self) -> MessageKind {
        match self.entry {
            Entry::Settlement => MessageKind::Settle,
            Entry::Cancellation { .. } => MessageKind::Cancel,
            Entry::Reversal { .. } | Entry::Tombstone { .. } => MessageKind::Reverse,
            Entry::Stay(StayChange { reverses: Some(_), .. }) => MessageKind::Reverse,
            Entry::Stay(StayChange { kind, .. }) => MessageKind::Stay(kind),
            Entry::Hold(_) => MessageKind::Hold,
            Entry::Correction(_) => MessageKind::Correct,
            Entry::Register { .. } => MessageKind::Register,
            Entry::Erased { kind } => kind,
        }
    }

    /// The message that this record bars for ever; nothing for all but a tombstone.
    pub(crate) fn bars(&self) -> Option<MessageKey> {
        match &self.entry {
            Entry::Tombstone { omsgid } => {
                Some(MessageKey { msgid: Arc::clone(omsgid), ..self.message.clone() })
            }
            _ => None,
        }
    }

    /// The facts that a settlement was decided on, as they were booked; a later version may have others.
    pub(crate) fn settled_bill(&self) -> &[u8] {
        if self.bill.is_empty() { &self.request } else { &self.bill }
    }

    /// The settlement as a later version of it says.
    pub(crate) fn at(&self, version: &Version) -> Record {
        Record {
            benefit_year: version.benefit_year,
            medfee_sumamt: version.medfee_sumamt,
            postings: version.postings.clone(),
            accumulators: version.accumulators.clone(),
            answer: Arc::clone(&version.answer),
            ..self.clone()
        }
    }

    /// The version that this record made of a settlement, where it is a correction that made one.
    pub(crate) fn version_of(&self, sequence: u64) -> Option<&Version> {
        match &self.entry {
            Entry::Correction(correction) => correction.version_of(sequence),
            _ => None,
        }
    }

    /// The receipt that the call was given.
    pub fn receipt(&self) -> Receipt {
        Receipt {
            setl_id: self.setl_id(),
            sequence: self.sequence,
            booked_at_ms: self.booked_at_ms,
            answer: Arc::clone(&self.answer),
        }
    }

    /// What became of a message of that kind whose row names this record.
    pub(crate) fn into_message(self, kind: MessageKind) -> MessageRecord {
        let (receipt, is_erased) = (self.receipt(), self.is_erased());
        let (mdtrt_id, request, booked_by) = (self.mdtrt_id, self.request, self.message.msgid);
        MessageRecord { kind, mdtrt_id, request, receipt, booked_by, is_erased }
    }

    pub(crate) fn into_settlement(self, status: Status) -> BookedSettlement {
        BookedSettlement {
            setl_id: self.setl_id(),
            sequence: self.sequence,
            message: self.message,
            person: self.person,
            mdtrt_id: self.mdtrt_id,
            benefit_year: self.benefit_year,
            medfee_sumamt: self.medfee_sumamt,
            postings: self.postings,
            accumulators: self.accumulators,
            part: self.part,
            answer: self.answer,
            booked_at_ms: self.booked_at_ms,
            version: 1,
            correction: None,
            status,
        }
    }

    /// The payload's bytes; the sequence is not among them, it stands in the frame.
    ///
    /// # Errors
    /// [`TooLarge`] when a text is longer than [`TEXT_BYTES_MAX`](crate::TEXT_BYTES_MAX) or the whole longer than
    /// [`PAYLOAD_BYTES_MAX`].
    pub(crate) fn encode(&self) -> Result<Vec<u8>, TooLarge> {
        if let Salt::Erased(erased) = &self.salt {
            return kept::encode(self, erased);
        }
        match &self.entry {
            Entry::Register { rows } if register::has_erased(rows) => self.write(ERASED, RowForm::Left),
            _ => self.write(self.version(), RowForm::Whole),
        }
    }

    /// The payload with the rows of a register in some form.
    pub(crate) fn write(&self, version: u8, form: RowForm) -> Result<Vec<u8>, TooLarge> {
        let mut out = Encoder::with(version);
        match &self.entry {
            Entry::Register { rows } => {
                out.u8(REGISTER);
                encode_rows(&mut out, rows, form)?;
            }
            _ => self.encode_entry(version, &mut out)?,
        }
        out.i64(self.booked_at_ms);
        out.i16(self.benefit_year);
        out.i64(self.medfee_sumamt.units());
        out.text("tenant", &self.message.tenant)?;
        out.text("fixmedins_code", &self.message.fixmedins_code)?;
        out.text("msgid", &self.message.msgid)?;
        out.text("tenant", &self.person.tenant)?;
        out.text("psn_no", &self.person.psn_no)?;
        out.text("mdtrt_id", &self.mdtrt_id)?;
        encode_postings(&mut out, &self.postings)?;
        encode_changes(&mut out, &self.accumulators)?;
        out.bytes("request", &self.request)?;
        out.bytes("answer", &self.answer)?;
        if let Salt::Of(salt) = &self.salt {
            out.bytes("bill", &self.bill)?;
            out.raw(salt);
        }
        let bytes = out.finish();
        if bytes.len() > PAYLOAD_BYTES_MAX {
            return Err(TooLarge { field: "record", bytes: bytes.len(), limit: PAYLOAD_BYTES_MAX });
        }
        Ok(bytes)
    }

    /// The one of now, but for records of before there was a salt, which are what they were.
    pub(crate) fn version(&self) -> u8 {
        match (&self.salt, &self.entry) {
            (_, Entry::Correction(_)) => VERSION_OF_CORRECTIONS,
            (Salt::None, Entry::Reversal { .. } | Entry::Tombstone { .. }) => VERSION_OF_REVERSALS,
            (Salt::None, Entry::Settlement | Entry::Cancellation { .. }) => VERSION_OF_BUCKETS,
            _ => VERSION,
        }
    }

    pub(crate) fn encode_entry(&self, version: u8, out: &mut Encoder) -> Result<(), TooLarge> {
        match &self.entry {
            Entry::Settlement => out.u8(SETTLEMENT),
            Entry::Cancellation { of } => {
                out.u8(CANCELLATION);
                out.u64(*of);
            }
            Entry::Reversal { of } => {
                out.u8(REVERSAL);
                out.u64(*of);
            }
            Entry::Tombstone { omsgid } => {
                out.u8(TOMBSTONE);
                out.text("omsgid", omsgid)?;
            }
            Entry::Stay(change) => {
                out.u8(STAY);
                change.encode(out)?;
            }
            Entry::Hold(terms) => {
                out.u8(HOLD);
                terms.encode(out)?;
            }
            Entry::Correction(correction) => {
                out.u8(CORRECTION);
                correction.encode(out)?;
            }
            // Nothing of theirs: rows have forms, see `write`; what was erased is told by `kept.rs`.
            Entry::Register { .. } | Entry::Erased { .. } => {}
        }
        if version == VERSION && self.entry.has_part() {
            StayPart::encode(self.part, out);
        }
        Ok(())
    }

    /// The record of a payload.
    ///
    /// # Errors
    /// [`Malformed`] naming the field; no byte string panics.
    pub(crate) fn decode(sequence: u64, payload: &[u8]) -> Result<Record, Malformed> {
        let mut input = Decoder::of(payload);
        let version = input.u8("version")?;
        let decode_key: DecodeKey = match version {
            ERASED | ERASED_CORRECTION => return kept::decode(sequence, version, input),
            VERSION | VERSION_OF_CORRECTIONS | VERSION_OF_REVERSALS | VERSION_OF_BUCKETS => decode_key,
            VERSION_OF_YEARS => decode_key_of_year,
            _ => return Err(Malformed("version")),
        };
        let code = input.u8("entry")?;
        let entry = match (version, code) {
            (VERSION, _)
            | (VERSION_OF_CORRECTIONS, CORRECTION)
            | (VERSION_OF_BUCKETS | VERSION_OF_YEARS, SETTLEMENT | CANCELLATION)
            | (VERSION_OF_REVERSALS, REVERSAL | TOMBSTONE) => decode_entry(&mut input, code)?,
            _ => return Err(Malformed("entry")),
        };
        Record::decode_behind(sequence, version, (entry, decode_key), input)
    }

    /// The record of register rows some of which were erased.
    pub(crate) fn decode_rows_left(sequence: u64, mut input: Decoder<'_>) -> Result<Record, Malformed> {
        let entry = Entry::Register { rows: decode_rows_left(&mut input)? };
        Record::decode_behind(sequence, VERSION, (entry, decode_key), input)
    }

    fn decode_behind(
        sequence: u64,
        version: u8,
        (entry, decode_key): (Entry, DecodeKey),
        mut input: Decoder<'_>,
    ) -> Result<Record, Malformed> {
        let has_part = version == VERSION && entry.has_part();
        let part = if has_part { StayPart::decode(&mut input)? } else { None };
        let booked_at_ms = input.i64("booked_at_ms")?;
        let benefit_year = input.i16("benefit_year")?;
        let medfee_sumamt = Money::from_units(input.i64("medfee_sumamt")?);
        let message = MessageKey {
            tenant: input.text("tenant")?,
            fixmedins_code: input.text("fixmedins_code")?,
            msgid: input.text("msgid")?,
        };
        let person = PersonKey { tenant: input.text("tenant")?, psn_no: input.text("psn_no")? };
        let mdtrt_id = input.text("mdtrt_id")?;
        let postings = decode_postings(&mut input)?;
        let accumulators = decode_changes_by(&mut input, decode_key)?;
        let request = input.bytes("request")?.to_vec();
        let answer = Arc::from(input.bytes("answer")?);
        let (bill, salt) = match version {
            VERSION | VERSION_OF_CORRECTIONS => {
                (input.bytes("bill")?.to_vec(), Salt::Of(input.array("salt")?))
            }
            _ => (Vec::new(), Salt::None),
        };
        input.end("record")?;
        Ok(Record {
            sequence,
            entry,
            message,
            person,
            mdtrt_id,
            booked_at_ms,
            benefit_year,
            part,
            medfee_sumamt,
            postings,
            accumulators,
            request,
            answer,
            salt,
            bill,
        })
    }
}

/// Of the keys of accumulators, which an early version spelt otherwise.
type DecodeKey = fn(&mut Decoder<'_>) -> Result<AccumulatorKey, Malformed>;

fn decode_entry(input: &mut Decoder<'_>, code: u8) -> Result<Entry, Malformed> {
    match code {
        STAY => Ok(Entry::Stay(StayChange::decode(input)?)),
        HOLD => Ok(Entry::Hold(Box::new(HoldTerms::decode(input)?))),
        CORRECTION => Ok(Entry::Correction(Box::new(Correction::decode(input)?))),
        REGISTER => Ok(Entry::Register { rows: decode_rows(input)? }),
        _ => decode_plain_entry(input, code),
    }
}

/// An entry all of whose fields are kept when its record is erased, and with them its part of a stay.
pub(crate) fn decode_plain_entry(input: &mut Decoder<'_>, code: u8) -> Result<Entry, Malformed> {
    match code {
        SETTLEMENT => Ok(Entry::Settlement),
        CANCELLATION => Ok(Entry::Cancellation { of: input.u64("cancels")? }),
        REVERSAL => Ok(Entry::Reversal { of: input.u64("cancels")? }),
        TOMBSTONE => Ok(Entry::Tombstone { omsgid: input.text("omsgid")? }),
        _ => Err(Malformed("entry")),
    }
}

pub(crate) fn encode_postings(out: &mut Encoder, postings: &[Posting]) -> Result<(), TooLarge> {
    out.length("postings", postings.len())?;
    for posting in postings {
        out.text("account", &posting.account)?;
        out.i64(posting.amount.units());
    }
    Ok(())
}

pub(crate) fn decode_postings(input: &mut Decoder<'_>) -> Result<Vec<Posting>, Malformed> {
    // 1 length byte and an amount
    let count = input.count("postings", 9)?;
    let mut postings = Vec::with_capacity(count);
    for _ in 0..count {
        let account = input.text("account")?;
        postings.push(Posting { account, amount: Money::from_units(input.i64("amount")?) });
    }
    Ok(postings)
}

pub(crate) fn encode_changes(out: &mut Encoder, changes: &[AccumulatorChange]) -> Result<(), TooLarge> {
    out.length("accumulators", changes.len())?;
    for change in changes {
        encode_key(out, &change.key)?;
        out.i64(change.before.units());
        out.i64(change.after.units());
    }
    Ok(())
}

pub(crate) fn decode_changes(input: &mut Decoder<'_>) -> Result<Vec<AccumulatorChange>, Malformed> {
    decode_changes_by(input, decode_key)
}

fn decode_changes_by(
    input: &mut Decoder<'_>,
    decode_key: DecodeKey,
) -> Result<Vec<AccumulatorChange>, Malformed> {
    // the key of either version and two amounts
    let count = input.count("accumulators", KEY_BYTES_MIN.min(KEY_OF_YEAR_BYTES_MIN) + 16)?;
    let mut changes = Vec::with_capacity(count);
    for _ in 0..count {
        let key = decode_key(input)?;
        let before = Money::from_units(input.i64("before")?);
        let after = Money::from_units(input.i64("after")?);
        changes.push(AccumulatorChange { key, before, after });
    }
    Ok(changes)
}

/// Person, lifetime, two empty texts, measure, one more empty text.
pub(crate) const KEY_BYTES_MIN: usize = 1 + 1 + 1 + 1 + 1 + 1;

pub(crate) fn encode_key(out: &mut Encoder, key: &AccumulatorKey) -> Result<(), TooLarge> {
    encode_owner(out, &key.owner)?;
    encode_term(out, &key.term)?;
    out.text("pack", &key.pack)?;
    out.text("benefit", &key.benefit)?;
    out.u8(match key.measure {
        Measure::Base => 0,
        Measure::Deductible => 1,
        Measure::DeductibleStandard => 2,
        Measure::Paid => 3,
        Measure::Counted => 4,
        Measure::Times => 5,
        Measure::Days => 6,
    });
    out.text("subject", &key.subject)
}

pub(crate) fn decode_key(input: &mut Decoder<'_>) -> Result<AccumulatorKey, Malformed> {
    let owner = decode_owner(input)?;
    let term = decode_term(input)?;
    let pack = input.text("pack")?;
    let benefit = input.text("benefit")?;
    let measure = match input.u8("measure")? {
        0 => Measure::Base,
        1 => Measure::Deductible,
        2 => Measure::DeductibleStandard,
        3 => Measure::Paid,
        4 => Measure::Counted,
        5 => Measure::Times,
        6 => Measure::Days,
        _ => return Err(Malformed("measure")),
    };
    Ok(AccumulatorKey { owner, term, pack, benefit, measure, subject: input.text("subject")? })
}

/// Year, two empty texts, measure.
const KEY_OF_YEAR_BYTES_MIN: usize = 2 + 1 + 1 + 1;

/// The key as version 1 wrote it.
fn decode_key_of_year(input: &mut Decoder<'_>) -> Result<AccumulatorKey, Malformed> {
    let year = input.i16("benefit_year")?;
    let pack = input.text("pack")?;
    let benefit = input.text("benefit")?;
    let measure = match input.u8("measure")? {
        0 => Measure::Base,
        1 => Measure::Deductible,
        2 => Measure::DeductibleStandard,
        3 => Measure::Paid,
        _ => return Err(Malformed("measure")),
    };
    Ok(AccumulatorKey::of_year(year, pack, benefit, measure))
}

pub(crate) fn encode_owner(out: &mut Encoder, owner: &Owner) -> Result<(), TooLarge> {
    match owner {
        Owner::Person => out.u8(0),
        Owner::Family(family_no) => {
            out.u8(1);
            out.text("family_no", family_no)?;
        }
    }
    Ok(())
}

pub(crate) fn decode_owner(input: &mut Decoder<'_>) -> Result<Owner, Malformed> {
    match input.u8("owner")? {
        0 => Ok(Owner::Person),
        1 => Ok(Owner::Family(input.text("family_no")?)),
        _ => Err(Malformed("owner")),
    }
}

pub(crate) fn encode_term(out: &mut Encoder, term: &Term) -> Result<(), TooLarge> {
    match term {
        Term::Year(year) => {
            out.u8(0);
            out.i16(*year);
        }
        Term::PolicyPeriod(from) => {
            out.u8(1);
            out.i16(from.year());
            out.u8(from.month().cast_unsigned());
            out.u8(from.day().cast_unsigned());
        }
        Term::Event(evt_no) => {
            out.u8(2);
            out.text("evt_no", evt_no)?;
        }
        Term::Lifetime => out.u8(3),
        Term::Visit(visit) => {
            out.u8(4);
            out.text("visit", visit)?;
        }
    }
    Ok(())
}

pub(crate) fn decode_term(input: &mut Decoder<'_>) -> Result<Term, Malformed> {
    match input.u8("term")? {
        0 => Ok(Term::Year(input.i16("year")?)),
        1 => {
            let year = input.i16("policy_period")?;
            let month = input.u8("policy_period")?.cast_signed();
            let day = input.u8("policy_period")?.cast_signed();
            let from = Date::new(year, month, day).map_err(|_| Malformed("policy_period"))?;
            Ok(Term::PolicyPeriod(from))
        }
        2 => Ok(Term::Event(input.text("evt_no")?)),
        3 => Ok(Term::Lifetime),
        4 => Ok(Term::Visit(input.text("visit")?)),
        _ => Err(Malformed("term")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correction::{NetChange, Turn};
    use crate::register::RegisterRow;
    use crate::stay::{StayKind, StayLine};
    use bedside_claim::Span;
    use proptest::prelude::*;

    fn text() -> impl Strategy<Value = Arc<str>> {
        "[\\PC]{0,40}".prop_map(|text| Arc::from(text.as_str()))
    }

    fn money() -> impl Strategy<Value = Money> {
        any::<i64>().prop_map(Money::from_units)
    }

    fn key() -> impl Strategy<Value = AccumulatorKey> {
        let owner = prop_oneof![Just(Owner::Person), text().prop_map(Owner::Family)];
        let date = (any::<i16>(), 1i8..=12, 1i8..=31).prop_filter_map("a date", |(year, month, day)| {
            Date::new(year, month, day).ok().map(Term::PolicyPeriod)
        });
        let term = prop_oneof![
            4 => any::<i16>().prop_map(Term::Year),
            1 => date,
            2 => text().prop_map(Term::Event),
            1 => Just(Term::Lifetime)
        ];
        (owner, term, text(), text(), 0usize..Measure::ALL.len(), text()).prop_map(
            |(owner, term, pack, benefit, measure, subject)| AccumulatorKey {
                owner,
                term,
                pack,
                benefit,
                measure: Measure::ALL[measure],
                subject,
            },
        )
    }

    fn change() -> impl Strategy<Value = AccumulatorChange> {
        (key(), money(), money()).prop_map(|(key, before, after)| AccumulatorChange { key, before, after })
    }

    prop_compose! {
        fn terms()(
            until_ms in any::<i64>(),
            family_no in proptest::option::of("[a-z]{1,9}"),
            quoted in proptest::collection::vec(change(), 0..4),
            seen in proptest::collection::vec((key(), money()), 0..4),
        ) -> HoldTerms {
            let mut accumulators = bedside_claim::Accumulators::default();
            seen.into_iter().for_each(|(key, value)| accumulators.set(key, value));
            HoldTerms { until_ms, family_no: family_no.map(Arc::from), quoted, seen: accumulators }
        }
    }

    fn recorded() -> impl Strategy<Value = RecordedRow> {
        let whole = (row(), any::<[u8; 16]>()).prop_map(|(row, salt)| RecordedRow::Whole { row, salt });
        prop_oneof![4 => whole, 1 => any::<[u8; 32]>().prop_map(|hash| RecordedRow::Erased { hash })]
    }

    fn row() -> impl Strategy<Value = RegisterRow> {
        let from = proptest::option::of((1900i16..2100, 1i8..=12, 1i8..=28));
        (any::<u8>(), text(), text(), from, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..20))
            .prop_map(|(register, subject, item, from, ends, content)| {
                let from = from.map(|(year, month, day)| Date::new(year, month, day).unwrap());
                let until = from.filter(|_| ends).and_then(|from| from.tomorrow().ok());
                RegisterRow { register, subject, item, span: Span { from, until }, content }
            })
    }

    fn entry() -> impl Strategy<Value = Entry> {
        prop_oneof![
            Just(Entry::Settlement),
            any::<u64>().prop_map(|of| Entry::Cancellation { of }),
            any::<u64>().prop_map(|of| Entry::Reversal { of }),
            text().prop_map(|omsgid| Entry::Tombstone { omsgid }),
            correction().prop_map(|correction| Entry::Correction(Box::new(correction))),
            proptest::collection::vec(recorded(), 0..4).prop_map(|rows| Entry::Register { rows }),
            terms().prop_map(|terms| Entry::Hold(Box::new(terms))),
            stay_change().prop_map(Entry::Stay),
        ]
    }

    fn postings() -> impl Strategy<Value = Vec<Posting>> {
        let posting = (text(), money()).prop_map(|(account, amount)| Posting { account, amount });
        proptest::collection::vec(posting, 0..3)
    }

    prop_compose! {
        fn version()(
            numbers in any::<(u32, u64, i16)>(),
            medfee_sumamt in money(),
            postings in postings(),
            net in postings(),
            accumulators in proptest::collection::vec(change(), 0..3),
            bill in proptest::collection::vec(any::<u8>(), 0..20),
            answer in proptest::collection::vec(any::<u8>(), 0..20),
        ) -> Box<Version> {
            let (number, replaces, benefit_year) = numbers;
            let answer = Arc::from(answer);
            Box::new(Version {
                number, replaces, benefit_year, medfee_sumamt, postings, net, accumulators, bill, answer
            })
        }
    }

    fn correction() -> impl Strategy<Value = Correction> {
        let turn = (any::<u64>(), text(), proptest::option::of(version()))
            .prop_map(|(sequence, psn_no, new)| Turn { sequence, psn_no, new });
        let net = (text(), change()).prop_map(|(psn_no, change)| NetChange { psn_no, change });
        let turns = proptest::collection::vec(turn, 0..3);
        (any::<u64>(), turns, proptest::collection::vec(net, 0..3)).prop_map(|(of, turns, net)| Correction {
            of,
            turns,
            net,
        })
    }

    prop_compose! {
        fn stay_change()(
            kind in 0usize..StayKind::ALL.len(),
            reverses in proptest::option::of(1u64..),
            lines in proptest::collection::vec((text(), proptest::option::of("[a-z0-9]{1,9}")), 0..5),
        ) -> StayChange {
            let line = |(feedetl_sn, refunds): (Arc<str>, Option<String>)| StayLine {
                feedetl_sn,
                refunds: refunds.map(Arc::from),
            };
            StayChange { kind: StayKind::ALL[kind], reverses, lines: lines.into_iter().map(line).collect() }
        }
    }

    prop_compose! {
        fn record()(
            sequence in any::<u64>(),
            entry in entry(),
            ids in proptest::array::uniform6(text()),
            numbers in (any::<i64>(), any::<i16>(), money()),
            postings in proptest::collection::vec((text(), money()), 0..5),
            accumulators in proptest::collection::vec(change(), 0..5),
            request in proptest::collection::vec(any::<u8>(), 0..200),
            answer in proptest::collection::vec(any::<u8>(), 0..200),
            part in proptest::option::of(prop_oneof![Just(StayPart::MidStay), Just(StayPart::Final)]),
            salt in prop_oneof![Just(Salt::None), any::<[u8; 32]>().prop_map(Salt::Of)],
            bill in proptest::collection::vec(any::<u8>(), 0..50),
        ) -> Record {
            let [tenant, fixmedins_code, msgid, person_tenant, psn_no, mdtrt_id] = ids;
            // What came with version 4 always has a salt.
            let is_new = matches!(
                entry,
                Entry::Stay(_) | Entry::Hold(_) | Entry::Correction(_) | Entry::Register { .. }
            );
            let salt = if is_new && salt == Salt::None { Salt::Of([7; 32]) } else { salt };
            let part = part.filter(|_| entry.has_part() && salt != Salt::None);
            let bill = if salt == Salt::None { Vec::new() } else { bill };
            Record {
                sequence,
                entry,
                message: MessageKey { tenant, fixmedins_code, msgid },
                person: PersonKey { tenant: person_tenant, psn_no },
                mdtrt_id,
                booked_at_ms: numbers.0,
                benefit_year: numbers.1,
                medfee_sumamt: numbers.2,
                postings: postings.into_iter().map(|(account, amount)| Posting { account, amount }).collect(),
                accumulators,
                request,
                answer: Arc::from(answer),
                salt,
                part,
                bill,
            }
        }
    }

    proptest! {
        #[test]
        fn round_trips(record in record()) {
            let payload = record.encode().unwrap();
            prop_assert_eq!(&Record::decode(record.sequence, &payload).unwrap(), &record);
            // every strict prefix and every extension is malformed
            for length in 0..payload.len() {
                prop_assert!(Record::decode(1, &payload[..length]).is_err());
            }
            let mut longer = payload;
            longer.push(0);
            prop_assert_eq!(Record::decode(1, &longer), Err(Malformed("record")));
        }

        #[test]
        fn what_is_left_of_a_record_has_its_imprint(record in record()) {
            let payload = record.encode().unwrap();
            prop_assert_eq!(kept::imprint(1, &payload).is_some(), record.salt != Salt::None);
            let Some(left) = kept::erase(&record, &payload).unwrap() else {
                let stays = matches!(record.entry, Entry::Register { .. });
                prop_assert!(record.salt == Salt::None || stays);
                return Ok(());
            };
            let erased = Record::decode(record.sequence, &left).unwrap();
            prop_assert_eq!(erased.encode().unwrap(), left.clone());
            prop_assert_eq!(kept::imprint(record.sequence, &left), kept::imprint(record.sequence, &payload));
            prop_assert_eq!(kept::erase(&erased, &left).unwrap(), Some(left));
            prop_assert!(erased.is_erased() && erased.postings == record.postings);
        }

        #[test]
        fn a_record_without_some_rows_has_its_imprint(record in record(), rows in proptest::collection::vec(recorded(), 1..6), going in any::<u8>()) {
            let whole = Record { entry: Entry::Register { rows: rows.clone() }, salt: Salt::Of([7; 32]), part: None, ..record };
            let left = rows.iter().enumerate().map(|(at, row)| if going >> at & 1 == 1 { row.erased().unwrap() } else { row.clone() });
            let left = Record { entry: Entry::Register { rows: left.collect() }, ..whole.clone() };
            let (whole, bytes) = (whole.encode().unwrap(), left.encode().unwrap());
            prop_assert_eq!(kept::imprint(1, &bytes), kept::imprint(1, &whole));
            prop_assert_eq!(Record::decode(left.sequence, &bytes).unwrap(), left);
        }

        #[test]
        fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), entry in 0u8..9) {
            let _ = Record::decode(1, &bytes);
            for version in (VERSION_OF_YEARS..=VERSION_OF_CORRECTIONS).chain([ERASED, ERASED_CORRECTION]) {
                if bytes.len() > 2 {
                    (bytes[0], bytes[1]) = (version, entry);
                    let _ = Record::decode(1, &bytes);
                }
            }
        }

        #[test]
        fn no_damaged_record_panics(record in record(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut payload = record.encode().unwrap();
            let at = at.index(payload.len());
            payload[at] = byte;
            // A correction of version 4 is written with version 5.
            let is_of_now = payload[0] > VERSION_OF_YEARS && (payload[0], payload[1]) != (VERSION, CORRECTION);
            if is_of_now && let Ok(decoded) = Record::decode(record.sequence, &payload) {
                prop_assert_eq!(decoded.encode().unwrap(), payload);
            }
        }
    }

    fn hex(parts: &[&str]) -> Vec<u8> {
        let digits = parts.concat();
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
    }

    fn cancellation(accumulators: Vec<AccumulatorChange>) -> Record {
        Record {
            sequence: 7,
            entry: Entry::Cancellation { of: 5 },
            message: MessageKey { tenant: "t".into(), fixmedins_code: "H1".into(), msgid: "m".into() },
            person: PersonKey { tenant: "t".into(), psn_no: "p".into() },
            mdtrt_id: "v".into(),
            booked_at_ms: 1,
            benefit_year: 2026,
            medfee_sumamt: Money::from_units(-2),
            postings: vec![Posting { account: "cash".into(), amount: Money::from_units(-2) }],
            accumulators,
            request: b"req".to_vec(),
            answer: Arc::from(*b"ok"),
            salt: Salt::None,
            part: None,
            bill: Vec::new(),
        }
    }

    const BEFORE_THE_ACCUMULATORS: [&str; 13] = [
        "02",
        "0500000000000000",
        "0100000000000000",
        "ea07",
        "feffffffffffffff",
        "0174",
        "024831",
        "016d",
        "0174",
        "0170",
        "0176",
        "01000000",
        "0463617368feffffffffffffff",
    ];
    const AMOUNTS: &str = "03000000000000000000000000000000";
    const BEHIND: &str = "03000000726571020000006f6b";

    fn change_of(key: AccumulatorKey) -> AccumulatorChange {
        AccumulatorChange { key, before: Money::from_units(3), after: Money::ZERO }
    }

    /// Version 1 as it lies on disks: it is read for ever, and never written again.
    #[test]
    fn version_1_was_these_bytes() {
        let head = BEFORE_THE_ACCUMULATORS.concat();
        let key = AccumulatorKey::of_year(2026, "a/b".into(), "x".into(), Measure::Paid);
        let payload = hex(&["01", &head, "01000000", "ea07", "03612f62", "0178", "03", AMOUNTS, BEHIND]);
        assert_eq!(Record::decode(7, &payload).unwrap(), cancellation(vec![change_of(key)]));
        let no_such_measure =
            hex(&["01", &head, "01000000", "ea07", "03612f62", "0178", "04", AMOUNTS, BEHIND]);
        assert_eq!(Record::decode(7, &no_such_measure), Err(Malformed("measure")));
    }

    /// Version 2 as it lies on disks: it is read for ever.
    #[test]
    fn version_2_was_these_bytes() {
        let head = BEFORE_THE_ACCUMULATORS.concat();
        let of_year = AccumulatorKey::of_year(2026, "a/b".into(), "x".into(), Measure::Paid);
        let key = |owner: Owner, term: Term, measure: Measure, subject: &str| {
            change_of(AccumulatorKey { owner, term, measure, subject: subject.into(), ..of_year.clone() })
        };
        let date = Date::new(2026, 7, 31).unwrap();
        let record = cancellation(vec![
            change_of(of_year.clone()),
            key(Owner::Family("F".into()), Term::PolicyPeriod(date), Measure::Counted, "MRI"),
            key(Owner::Person, Term::Event("E1".into()), Measure::Days, ""),
            key(Owner::Person, Term::Lifetime, Measure::Times, ""),
        ]);
        let expected = hex(&[
            "02", &head, "04000000", "00", "00", "ea07", "03612f62", "0178", "03", "00", AMOUNTS, "01",
            "0146", "01", "ea07", "07", "1f", "03612f62", "0178", "04", "034d5249", AMOUNTS, "00", "02",
            "024531", "03612f62", "0178", "06", "00", AMOUNTS, "00", "03", "03612f62", "0178", "05", "00",
            AMOUNTS, BEHIND,
        ]);
        assert_eq!(record.encode().unwrap(), expected);
        assert_eq!(Record::decode(7, &expected).unwrap(), record);
    }

    /// Version 3 as it lies on disks: what version 2 does not have, and nothing that it has. It is read for ever.
    #[test]
    fn version_3_was_these_bytes() {
        let behind_the_entry = BEFORE_THE_ACCUMULATORS[2..].concat();
        let mut record = Record { entry: Entry::Reversal { of: 5 }, ..cancellation(Vec::new()) };
        let reversal = hex(&["03", "03", "0500000000000000", &behind_the_entry, "00000000", BEHIND]);
        assert_eq!(record.encode().unwrap(), reversal);
        assert_eq!(Record::decode(7, &reversal).unwrap(), record);
        record.entry = Entry::Tombstone { omsgid: "m0".into() };
        let tombstone = hex(&["03", "04", "026d30", &behind_the_entry, "00000000", BEHIND]);
        assert_eq!(record.encode().unwrap(), tombstone);
        assert_eq!(Record::decode(7, &tombstone).unwrap(), record);
        for (version, entry) in [("03", "02"), ("02", "03"), ("01", "03")] {
            let other = hex(&[version, entry, "0500000000000000", &behind_the_entry, "00000000", BEHIND]);
            assert_eq!(Record::decode(7, &other), Err(Malformed("entry")), "{version} {entry}");
        }
    }

    /// Version 4 as it lies on disks: every entry, a part, a bill, and a salt. This text changes only together with a new
    /// version.
    #[test]
    fn version_4_is_these_bytes() {
        let behind_the_entry = BEFORE_THE_ACCUMULATORS[2..].concat();
        let key = AccumulatorKey {
            term: Term::Visit("H1/v".into()),
            ..AccumulatorKey::of_year(2026, "a/b".into(), "x".into(), Measure::Paid)
        };
        let mut seen = bedside_claim::Accumulators::default();
        seen.set(key.clone(), Money::from_units(3));
        let terms =
            HoldTerms { until_ms: 9, family_no: Some("F".into()), quoted: vec![change_of(key)], seen };
        let key = ["00", "04", "0448312f76", "03612f62", "0178", "03", "00"].concat();
        let hold = |seen: &str| {
            ["06", "0900000000000000", "0146", "01000000", &key, AMOUNTS, "01000000", &key, seen].concat()
        };
        let lines = vec![
            StayLine { feedetl_sn: "1".into(), refunds: None },
            StayLine { feedetl_sn: "2".into(), refunds: Some("1".into()) },
        ];
        let stay = StayChange { kind: StayKind::FeesOut, reverses: Some(9), lines };
        let call = ["05", "05", "0900000000000000", "02000000", "0131", "00", "0132", "0131"].concat();
        let whole = |entry| Record { entry, bill: b"b".to_vec(), ..cancellation(Vec::new()) };
        let part = |entry, part| Record { part: Some(part), ..whole(entry) };
        for (record, bytes) in [
            (whole(Entry::Settlement), "0100"),
            (part(Entry::Settlement, StayPart::MidStay), "0101"),
            (part(Entry::Settlement, StayPart::Final), "0102"),
            (whole(Entry::Cancellation { of: 5 }), "02050000000000000000"),
            (part(Entry::Reversal { of: 5 }, StayPart::Final), "03050000000000000002"),
            (whole(Entry::Tombstone { omsgid: "m0".into() }), "04026d30"),
            (whole(Entry::Stay(stay)), &call),
            (whole(Entry::Hold(Box::new(terms))), &hold("0300000000000000")),
        ] {
            let record = Record { salt: Salt::Of([0xAB; 32]), ..record };
            let without = hex(&["04", bytes, &behind_the_entry, "00000000", BEHIND, "01000000", "62"]);
            let expected = [without.as_slice(), &[0xAB; 32]].concat();
            assert_eq!(record.encode().unwrap(), expected);
            assert_eq!(Record::decode(7, &expected).unwrap(), record);
            assert_eq!(Record::decode(7, &without), Err(Malformed("salt")));
        }
        // an accumulator of zero would be a second way to write the same
        let zero = hex(&["04", &hold("0000000000000000"), &behind_the_entry, "00000000", BEHIND, "00000000"]);
        assert_eq!(Record::decode(7, &zero), Err(Malformed("seen")));
        let no_such_part = hex(&["04", "01", "03", &behind_the_entry, "00000000", BEHIND, "00000000"]);
        assert_eq!(Record::decode(7, &no_such_part), Err(Malformed("part")));
    }

    #[test]
    fn a_long_text_is_refused() {
        let mut record = Record::decode(
            1,
            &Record {
                sequence: 1,
                entry: Entry::Settlement,
                message: MessageKey { tenant: "t".into(), fixmedins_code: "H".into(), msgid: "m".into() },
                person: PersonKey { tenant: "t".into(), psn_no: "p".into() },
                mdtrt_id: "v".into(),
                booked_at_ms: 0,
                benefit_year: 0,
                medfee_sumamt: Money::ZERO,
                postings: Vec::new(),
                accumulators: Vec::new(),
                request: Vec::new(),
                answer: Arc::from([]),
                salt: Salt::None,
                part: None,
                bill: Vec::new(),
            }
            .encode()
            .unwrap(),
        )
        .unwrap();
        record.mdtrt_id = Arc::from("x".repeat(255));
        assert!(record.encode().is_ok());
        record.mdtrt_id = Arc::from("x".repeat(256));
        let error = record.encode().unwrap_err();
        assert_eq!(error.to_string(), "`mdtrt_id` has 256 bytes, at most 255 are stored");
    }
}
