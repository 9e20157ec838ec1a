//! What a ledger's record holds, read back as the messages that were stored in it.

use bedside_ledger::{Entry, Record, Version};
use prost::{DecodeError, Message};

use crate::v1;

/// The settlement that a record's call was answered with; of what undoes one its mirror, of a tombstone and of what was
/// erased nothing.
///
/// # Errors
/// When the stored bytes are no answer of a gateway.
pub fn settlement_of(record: &Record) -> Result<Option<v1::Settlement>, DecodeError> {
    if record.is_erased() {
        return Ok(None);
    }
    let answer: &[u8] = &record.answer;
    match record.entry {
        Entry::Settlement | Entry::Cancellation { .. } => v1::Settlement::decode(answer).map(Some),
        Entry::Reversal { .. } => Ok(v1::ReverseResponse::decode(answer)?.settlement),
        Entry::Hold(_) => Ok(v1::PreSettleResponse::decode(answer)?.settlement),
        Entry::Tombstone { .. }
        | Entry::Stay(_)
        | Entry::Correction(_)
        | Entry::Register { .. }
        | Entry::Erased { .. } => Ok(None),
    }
}

/// The settlement as a later version of it says; nothing where the version's content was erased.
///
/// # Errors
/// As [`settlement_of`].
pub fn settlement_of_version(version: &Version) -> Result<Option<v1::Settlement>, DecodeError> {
    if version.answer.is_empty() {
        return Ok(None);
    }
    v1::Settlement::decode(&*version.answer).map(Some)
}
