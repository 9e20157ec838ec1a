//! What stays of a record whose content is erased, and what of a payload enters the hash of its frame.
//!
//! A record of version 4 enters it in two parts: what is kept for ever, and the hash of the whole payload, which ends with a
//! random salt. An erased record is the first part and the second's hash: the chain and the tree hold with it as before,
//! no amount in it can be changed, and nothing is left to test a guess of the rest against. Rows of registers, of which one
//! record has those of many persons, enter it by the hash of each and are erased one by one. Of a correction what it did to
//! settlements is kept, since version 5 of its payload. It must not know who asks.
//! Invariant: a record and what is left of it have one imprint and one leaf.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use bedside_claim::{AccumulatorChange, Money, Owner, Term};

use crate::codec::{Decoder, Encoder, Malformed, TooLarge};
use crate::correction::Correction;
use crate::event::{MessageKey, MessageKind, PersonKey};
use crate::frame::Hash;
use crate::record::{
    CORRECTION, Entry, HOLD, REGISTER, Record, STAY, VERSION, VERSION_OF_CORRECTIONS, decode_changes,
    decode_plain_entry, decode_postings, encode_changes, encode_postings,
};
use crate::register::RowForm;
use crate::stay::{StayKind, StayPart};

/// In the version byte of a payload some or all of whose content was erased.
const ERASED_BIT: u8 = 0x80;
/// The version byte of an erased record's payload.
pub(crate) const ERASED: u8 = VERSION | ERASED_BIT;
/// The version byte of an erased correction's payload.
pub(crate) const ERASED_CORRECTION: u8 = VERSION_OF_CORRECTIONS | ERASED_BIT;

/// What hides the content of a record behind the hashes that others see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Salt {
    /// Nothing: records of before version 4.
    None,
    /// Random bytes.
    Of([u8; 32]),
    /// The content was erased, and its salt with it.
    Erased(Erased),
}

/// What stands for an erased content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// The salted hash of its answer, which is in its leaf.
    pub answer_hash: [u8; 32],
    /// The hash of its payload, salt and all.
    pub content_hash: [u8; 32],
}

/// The hash of an answer as leaves hold it.
pub(crate) fn answer_hash(salt: &Hash, answer: &[u8]) -> Hash {
    Sha256::new().chain_update(salt).chain_update(answer).finalize().into()
}

/// What enters the hash of a frame for its payload; nothing for one of before version 4, which enters byte by byte.
pub(crate) fn imprint(sequence: u64, payload: &[u8]) -> Option<Hash> {
    let version = payload.first()? & !ERASED_BIT;
    if !matches!(version, VERSION | VERSION_OF_CORRECTIONS) {
        return None;
    }
    // Whoever reads the record is told what is malformed in it.
    let record = Record::decode(sequence, payload).ok()?;
    let content_hash = match record.salt {
        Salt::Erased(erased) => erased.content_hash,
        Salt::None | Salt::Of(_) => content_hash(&record, payload).ok()?,
    };
    let kept = Sha256::digest(kept(&record, version).ok()?);
    Some(Sha256::new().chain_update(kept).chain_update(content_hash).finalize().into())
}

fn content_hash(record: &Record, payload: &[u8]) -> Result<Hash, TooLarge> {
    Ok(match &record.entry {
        Entry::Register { .. } => Sha256::digest(record.write(VERSION, RowForm::Hashes)?).into(),
        _ => Sha256::digest(payload).into(),
    })
}

/// What is left of a record; nothing of one of before version 4, whose frame holds every byte of it, nor of a correction of
/// version 4, of which too little is kept to fold it, nor of register rows, which are erased one by one.
pub(crate) fn erase(record: &Record, payload: &[u8]) -> Result<Option<Vec<u8>>, TooLarge> {
    match (&record.entry, &record.salt) {
        (Entry::Register { .. }, _) | (_, Salt::None) => Ok(None),
        (Entry::Correction(_), _) if payload.first() == Some(&VERSION) => Ok(None),
        (_, Salt::Erased(_)) => Ok(Some(payload.to_vec())),
        (_, Salt::Of(_)) => encode_with(record, &content_hash(record, payload)?).map(Some),
    }
}

/// The payload of an erased record.
pub(crate) fn encode(record: &Record, erased: &Erased) -> Result<Vec<u8>, TooLarge> {
    encode_with(record, &erased.content_hash)
}

fn encode_with(record: &Record, content_hash: &Hash) -> Result<Vec<u8>, TooLarge> {
    let version = record.version();
    let mut out = Encoder::with(version | ERASED_BIT);
    out.raw(&kept(record, version)?);
    out.raw(content_hash);
    Ok(out.finish())
}

/// Nothing of the person: the message, the amounts and who bears them, and what a family has used up together.
fn kept(record: &Record, version: u8) -> Result<Vec<u8>, TooLarge> {
    let mut out = Encoder::default();
    match &record.entry {
        Entry::Settlement | Entry::Cancellation { .. } | Entry::Reversal { .. } | Entry::Tombstone { .. } => {
            record.encode_entry(VERSION, &mut out)?;
        }
        // Of the others no field but what the call asked for: they speak of the person.
        Entry::Stay(_) | Entry::Hold(_) | Entry::Erased { .. } => encode_kind(&mut out, record.kind()),
        Entry::Correction(correction) => {
            out.u8(CORRECTION);
            if version == VERSION_OF_CORRECTIONS {
                correction.encode_kept(&mut out)?;
            }
        }
        Entry::Register { .. } => out.u8(REGISTER),
    }
    out.i64(record.booked_at_ms);
    out.i16(record.benefit_year);
    out.i64(record.medfee_sumamt.units());
    out.text("tenant", &record.message.tenant)?;
    out.text("fixmedins_code", &record.message.fixmedins_code)?;
    out.text("msgid", &record.message.msgid)?;
    out.text("tenant", &record.person.tenant)?;
    encode_postings(&mut out, &record.postings)?;
    encode_changes(&mut out, &of_families(&record.accumulators))?;
    out.raw(&match &record.salt {
        Salt::Of(salt) => answer_hash(salt, &record.answer),
        Salt::Erased(erased) => erased.answer_hash,
        // Never written into a frame: only what has a salt is kept apart.
        Salt::None => answer_hash(&[0; 32], &record.answer),
    });
    Ok(out.finish())
}

/// Whether a change stays. What a family uses up over one visit goes with the records of that visit, which are all of the
/// person.
fn is_kept(change: &AccumulatorChange) -> bool {
    change.key.owner != Owner::Person && !matches!(change.key.term, Term::Visit(_))
}

/// What families use up together.
pub(crate) fn of_families(changes: &[AccumulatorChange]) -> Vec<AccumulatorChange> {
    changes.iter().filter(|change| is_kept(change)).cloned().collect()
}

pub(crate) fn decode_of_families(input: &mut Decoder<'_>) -> Result<Vec<AccumulatorChange>, Malformed> {
    let changes = decode_changes(input)?;
    if changes.iter().all(is_kept) { Ok(changes) } else { Err(Malformed("accumulators")) }
}

/// What stands for the person and the visit of an erased settlement: a name that no request can have.
pub(crate) fn name_of(sequence: u64) -> Arc<str> {
    format!("<erased {sequence}>").into()
}

/// In the place of a stay's kind: the call took another one back.
const TAKES_BACK: u8 = 0;

fn encode_kind(out: &mut Encoder, kind: MessageKind) {
    match kind {
        MessageKind::Hold => out.u8(HOLD),
        MessageKind::Stay(kind) => {
            out.u8(STAY);
            out.u8(kind.number());
        }
        _ => {
            out.u8(STAY);
            out.u8(TAKES_BACK);
        }
    }
}

fn decode_kind(input: &mut Decoder<'_>, code: u8) -> Result<MessageKind, Malformed> {
    if code == HOLD {
        return Ok(MessageKind::Hold);
    }
    match input.u8("kind")? {
        TAKES_BACK => Ok(MessageKind::Reverse),
        number => StayKind::from_number(number).map(MessageKind::Stay).ok_or(Malformed("kind")),
    }
}

/// The rest of an erased record's payload, behind its version. In the place of person and visit stands one name for a
/// settlement, what undoes it and what corrects it, so that orders and visits are folded as ever.
pub(crate) fn decode(sequence: u64, version: u8, mut input: Decoder<'_>) -> Result<Record, Malformed> {
    let code = input.u8("entry")?;
    let entry = match (version, code) {
        (ERASED, REGISTER) => return Record::decode_rows_left(sequence, input),
        (ERASED, STAY | HOLD) => Entry::Erased { kind: decode_kind(&mut input, code)? },
        (ERASED, _) => decode_plain_entry(&mut input, code)?,
        (_, CORRECTION) => Entry::Correction(Box::new(Correction::decode_kept(&mut input)?)),
        _ => return Err(Malformed("entry")),
    };
    let part = if entry.has_part() { StayPart::decode(&mut input)? } else { None };
    let booked_at_ms = input.i64("booked_at_ms")?;
    let benefit_year = input.i16("benefit_year")?;
    let medfee_sumamt = Money::from_units(input.i64("medfee_sumamt")?);
    let message = MessageKey {
        tenant: input.text("tenant")?,
        fixmedins_code: input.text("fixmedins_code")?,
        msgid: input.text("msgid")?,
    };
    let tenant = input.text("tenant")?;
    let postings = decode_postings(&mut input)?;
    let accumulators = decode_of_families(&mut input)?;
    let erased =
        Erased { answer_hash: input.array("answer_hash")?, content_hash: input.array("content_hash")? };
    input.end("record")?;
    let name = name_of(match &entry {
        Entry::Correction(correction) => correction.of,
        _ => entry.undoes().unwrap_or(sequence),
    });
    let mdtrt_id = match entry {
        Entry::Tombstone { .. } | Entry::Erased { .. } => Arc::from(""),
        _ => Arc::clone(&name),
    };
    Ok(Record {
        sequence,
        entry,
        message,
        person: PersonKey { tenant, psn_no: name },
        mdtrt_id,
        booked_at_ms,
        benefit_year,
        medfee_sumamt,
        postings,
        accumulators,
        request: Vec::new(),
        answer: Arc::from([]),
        bill: Vec::new(),
        part,
        salt: Salt::Erased(erased),
    })
}
