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
mod tests;
