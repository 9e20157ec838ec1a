//! Hashes of items and the tree over them, as RFC 6962 has it.

use sha2::{Digest, Sha256};

/// SHA-256.
pub(super) type Hash = [u8; 32];

/// `SHA-256(0x00 || salt || length of the path || path || value)`, the length in four bytes, big-endian.
pub(super) fn leaf(salt: &[u8; 32], path: &str, value: &str) -> Hash {
    let length = u32::try_from(path.len()).unwrap_or(u32::MAX);
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(salt);
    hash.update(length.to_be_bytes());
    hash.update(path.as_bytes());
    hash.update(value.as_bytes());
    hash.finalize().into()
}

/// The root over leaves: of none the hash of nothing, of one the leaf, else `SHA-256(0x01 || left || right)`, the left part
/// the largest power of two below their number.
pub(super) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        leaves => {
            let middle = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(middle);
            let mut hash = Sha256::new();
            hash.update([1]);
            hash.update(root(left));
            hash.update(root(right));
            hash.finalize().into()
        }
    }
}

/// The 32 bytes of 64 digits.
pub(super) fn unhex(text: &str) -> Option<Hash> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}
