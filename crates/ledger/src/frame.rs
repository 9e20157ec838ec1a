//! The frame around a record, and the chain that the frames form.
//!
//! `magic | length | crc32c | sequence | group | hash of the record before | payload`. Invariant: a frame that reads
//! well has the bytes that were written, and its hash covers everything before it.

use sha2::{Digest, Sha256};

/// What a hash of a record is: SHA-256 over sequence, the hash before and the payload.
pub type Hash = [u8; 32];

pub(crate) const MAGIC: [u8; 4] = *b"BSJ1";
pub(crate) const HEADER: usize = 4 + 4 + 4 + 8 + 8 + 32;
/// No record comes near: a message has 4 MiB, an answer not ten times as much.
pub(crate) const PAYLOAD_MAX: usize = 256 << 20;

/// One frame that reads well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) sequence: u64,
    /// The first sequence of the group that was synced together.
    pub(crate) group: u64,
    pub(crate) before: Hash,
    pub(crate) payload: &'a [u8],
}

impl Frame<'_> {
    pub(crate) fn hash(&self) -> Hash {
        hash(self.sequence, &self.before, self.payload)
    }

    pub(crate) fn len(&self) -> usize {
        HEADER + self.payload.len()
    }
}

pub(crate) fn hash(sequence: u64, before: &Hash, payload: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(sequence.to_le_bytes());
    hasher.update(before);
    hasher.update(payload);
    hasher.finalize().into()
}

fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(header), payload)
}

/// Appends the frame of a payload; returns the record's hash.
pub(crate) fn write(out: &mut Vec<u8>, sequence: u64, group: u64, before: &Hash, payload: &[u8]) -> Hash {
    let mut tail = Vec::with_capacity(48);
    tail.extend(sequence.to_le_bytes());
    tail.extend(group.to_le_bytes());
    tail.extend(before);
    out.extend(MAGIC);
    // Bounded by PAYLOAD_MAX, which the committer checks.
    out.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(checksum(&tail, payload).to_le_bytes());
    out.extend(tail);
    out.extend(payload);
    hash(sequence, before, payload)
}

/// The frame at the front of these bytes; `None` when there is none that reads well.
pub(crate) fn read(bytes: &[u8]) -> Option<Frame<'_>> {
    let header = bytes.get(..HEADER)?;
    if header[..4] != MAGIC {
        return None;
    }
    let number = |from: usize| -> Option<[u8; 8]> { header.get(from..from + 8)?.try_into().ok() };
    let length = u32::from_le_bytes(header[4..8].try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(header[8..12].try_into().ok()?);
    if length > PAYLOAD_MAX {
        return None;
    }
    let payload = bytes.get(HEADER..HEADER + length)?;
    if checksum(&header[12..], payload) != crc {
        return None;
    }
    Some(Frame {
        sequence: u64::from_le_bytes(number(12)?),
        group: u64::from_le_bytes(number(20)?),
        before: header[28..60].try_into().ok()?,
        payload,
    })
}

/// The first frame that reads well anywhere in these bytes.
pub(crate) fn find(bytes: &[u8]) -> Option<Frame<'_>> {
    let mut from = 0;
    while let Some(place) = bytes[from..].windows(4).position(|window| window == MAGIC) {
        if let Some(frame) = read(&bytes[from + place..]) {
            return Some(frame);
        }
        from += place + 1;
    }
    None
}
