//! The envelope of a record and the head of a segment, as bytes. No files here.
//!
//! A frame is `length | crc32c | sequence | group index | hash of the frame before | payload`. The checksum starts
//! from the segment head's own checksum, so that bytes which a client put into a request can never pass for a frame.
//! The group index says how many frames of the same group commit stand before this one: it tells a group that never
//! reached the disk whole (nobody was answered) from damage to one that did.

use sha2::{Digest, Sha256};

use crate::codec::{Decoder, Encoder};
use crate::kept;
use crate::planted;

/// What stands for a frame and all before it.
pub(crate) type Hash = [u8; 32];

/// What stands before the first frame.
pub(crate) const GENESIS: Hash = [0; 32];

pub(crate) const SEGMENT_HEAD_BYTES: u64 = 64;
pub(crate) const FRAME_HEAD_BYTES: u64 = 52;
const FRAME_HEAD: usize = 52;
/// Length and checksum: the checksum covers the length and everything behind itself.
const UNCOVERED: usize = 8;

/// Read as a length it is one that no frame has, so that no other frame has these bytes.
const IMPRINTED: [u8; 8] = *b"BEDSIDEI";

const MAGIC: [u8; 8] = *b"BEDSIDEJ";
const VERSION: u32 = 1;

/// Where a frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The segment, from 1.
    pub segment: u64,
    /// The byte within the segment's file.
    pub offset: u64,
}

/// The first 64 bytes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    pub(crate) number: u64,
    pub(crate) first_sequence: u64,
    pub(crate) previous: Hash,
}

impl SegmentHead {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::default();
        out.raw(&MAGIC);
        out.u32(VERSION);
        out.u64(self.number);
        out.u64(self.first_sequence);
        out.raw(&self.previous);
        out.u32(self.seed());
        out.finish()
    }

    /// The head's checksum, from which the checksums of its frames start.
    pub(crate) fn seed(&self) -> u32 {
        let mut crc = crc32c::crc32c(&MAGIC);
        crc = crc32c::crc32c_append(crc, &VERSION.to_le_bytes());
        crc = crc32c::crc32c_append(crc, &self.number.to_le_bytes());
        crc = crc32c::crc32c_append(crc, &self.first_sequence.to_le_bytes());
        crc32c::crc32c_append(crc, &self.previous)
    }

    /// The head, or nothing when the bytes are not one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<SegmentHead> {
        let mut input = Decoder::of(bytes);
        if input.array::<8>("magic").ok()? != MAGIC || input.u32("version").ok()? != VERSION {
            return None;
        }
        let head = SegmentHead {
            number: input.u64("number").ok()?,
            first_sequence: input.u64("first_sequence").ok()?,
            previous: input.array("previous").ok()?,
        };
        (input.u32("crc").ok()? == head.seed()).then_some(head)
    }
}

/// The first 52 bytes of a frame; not yet checked against the checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub(crate) length: u32,
    pub(crate) crc: u32,
    pub(crate) sequence: u64,
    pub(crate) group_index: u32,
    pub(crate) previous: Hash,
}

impl FrameHead {
    pub(crate) fn decode(bytes: &[u8; FRAME_HEAD]) -> FrameHead {
        let (length, rest) = bytes.split_first_chunk().expect("52 bytes begin with 4");
        let (crc, rest) = rest.split_first_chunk().expect("48 bytes begin with 4");
        let (sequence, rest) = rest.split_first_chunk().expect("44 bytes begin with 8");
        let (group_index, rest) = rest.split_first_chunk().expect("36 bytes begin with 4");
        let (previous, _) = rest.split_first_chunk().expect("32 bytes begin with 32");
        FrameHead {
            length: u32::from_le_bytes(*length),
            crc: u32::from_le_bytes(*crc),
            sequence: u64::from_le_bytes(*sequence),
            group_index: u32::from_le_bytes(*group_index),
            previous: *previous,
        }
    }

    /// The sequence of the first frame of the same group commit.
    pub(crate) fn group_first(&self) -> u64 {
        self.sequence.saturating_sub(u64::from(self.group_index))
    }
}

fn checksum(seed: u32, length: [u8; 4], behind: &[&[u8]]) -> u32 {
    behind.iter().fold(crc32c::crc32c_append(seed, &length), |crc, part| crc32c::crc32c_append(crc, part))
}

/// Appends one frame and returns its hash. `length` is the payload's, already narrowed.
pub(crate) fn push_frame(
    out: &mut Vec<u8>,
    seed: u32,
    sequence: u64,
    group_index: u32,
    previous: &Hash,
    length: u32,
    payload: &[u8],
) -> Hash {
    let length = length.to_le_bytes();
    let (sequence, group_index) = (sequence.to_le_bytes(), group_index.to_le_bytes());
    let crc = checksum(seed, length, &[&sequence, &group_index, previous, payload]);
    let begin = out.len();
    for part in [&length[..], &crc.to_le_bytes(), &sequence, &group_index, previous] {
        out.extend_from_slice(part);
    }
    let head = out[begin..].first_chunk().copied().expect("the head has just been written");
    out.extend_from_slice(payload);
    frame_hash(&head, payload)
}

/// Whether the head and payload are what [`push_frame`] wrote into a segment of this seed.
pub(crate) fn frame_is_whole(seed: u32, head: &[u8; FRAME_HEAD], payload: &[u8]) -> bool {
    let parsed = FrameHead::decode(head);
    let (_, covered) = head.split_at(UNCOVERED);
    parsed.crc == checksum(seed, parsed.length.to_le_bytes(), &[covered, payload])
        || planted::is("skip-checksum")
}

/// The hash of a frame: of all its bytes, or, for a record whose content may be erased one day, of what no erasing changes.
pub(crate) fn frame_hash(head: &[u8; FRAME_HEAD], payload: &[u8]) -> Hash {
    let FrameHead { sequence, group_index, previous, .. } = FrameHead::decode(head);
    match kept::imprint(sequence, payload) {
        None => Sha256::new().chain_update(head).chain_update(payload).finalize().into(),
        Some(imprint) => Sha256::new()
            .chain_update(IMPRINTED)
            .chain_update(sequence.to_le_bytes())
            .chain_update(group_index.to_le_bytes())
            .chain_update(previous)
            .chain_update(imprint)
            .finalize()
            .into(),
    }
}

/// Whether `bytes`, from one of its first `starts` offsets on, hold a whole frame of a group that began after
/// `sequence`. Such a group was written only once the one of `sequence` was synced.
pub(crate) fn later_group_within(seed: u32, bytes: &[u8], starts: usize, sequence: u64) -> bool {
    // So many frames fit at most; the bound also keeps the search from summing whatever looks like a length.
    let farthest = sequence.saturating_add(bytes.len() as u64 / FRAME_HEAD_BYTES);
    for start in 0..starts {
        let Some((head, behind)) = bytes.get(start..).and_then(|rest| rest.split_first_chunk()) else {
            return false;
        };
        let parsed = FrameHead::decode(head);
        if parsed.length > 0
            && parsed.sequence <= farthest
            && parsed.group_first() > sequence
            && let Ok(length) = usize::try_from(parsed.length)
            && let Some(payload) = behind.get(..length)
            && frame_is_whole(seed, head, payload)
        {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_segment_head_is_64_bytes_and_every_bit_counts() {
        let head = SegmentHead { number: 3, first_sequence: 99, previous: [7; 32] };
        let bytes = head.encode();
        assert_eq!(bytes.len() as u64, SEGMENT_HEAD_BYTES);
        assert_eq!(SegmentHead::decode(&bytes), Some(head));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHead::decode(&damaged), None, "bit {bit}");
        }
    }

    #[test]
    fn every_bit_of_a_frame_counts() {
        let mut bytes = Vec::new();
        let hash = push_frame(&mut bytes, 11, 5, 2, &[9; 32], 5, b"hello");
        assert_eq!(hash, <[u8; 32]>::from(Sha256::digest(&bytes)));
        let whole = |bytes: &[u8]| {
            let (head, payload) = bytes.split_first_chunk().unwrap();
            frame_is_whole(11, head, payload)
        };
        assert!(whole(&bytes));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(!whole(&damaged), "bit {bit}");
        }
        let (head, payload) = bytes.split_first_chunk().unwrap();
        assert!(!frame_is_whole(12, head, payload), "a frame of another segment");
        assert_eq!(FrameHead::decode(head).group_first(), 3);
    }

    #[test]
    fn only_a_later_group_proves_damage() {
        let frame = |sequence, group_index| {
            let mut bytes = vec![0xEE; 100];
            push_frame(&mut bytes, 1, sequence, group_index, &GENESIS, 3, b"abc");
            bytes.extend([0; 60]);
            bytes
        };
        // the unreadable frame is 10; 12 in a group from 10 was written together with it, 12 from 11 was not
        assert!(!later_group_within(1, &frame(12, 2), 215, 10));
        assert!(later_group_within(1, &frame(12, 1), 215, 10));
        assert!(!later_group_within(2, &frame(12, 1), 215, 10));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SegmentHead::decode(&bytes);
            let _ = later_group_within(0, &bytes, bytes.len(), 0);
        }
    }
}
