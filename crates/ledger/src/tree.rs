//! The Merkle tree over the records (RFC 6962), as rows of the tables.
//!
//! A leaf is a record, in order. Nodes are kept sixteen to a row: a row of level 0 holds leaves, one of level `n + 1` the roots
//! of sixteen whole rows of level `n`. Appending rewrites one row, and one more for each row that it completes, so that the
//! frontier is never more than its last rows, and it is lost, found and made again with all other rows. Must not know what
//! a record means, nor who signs a root. Invariant: the rows hold exactly the whole subtrees of the applied records.

use sha2::{Digest, Sha256};

use crate::codec::{Decoder, Encoder, Malformed};
use crate::frame::Hash;
use crate::kept::{self, Salt};
use crate::planted;
use crate::record::Record;
use crate::tables::{RowChanges, Rows, TablesError};

const TREE: u8 = b't';
const VERSION: u8 = 1;
/// Hashes in a whole row; four levels of the tree.
const ROW_HASHES: usize = 16;
const ROW_LEVELS: u32 = 4;

/// Version of the entry, whose bytes `docs/receipts.md` describes.
const ENTRY: u8 = 1;

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// What a record shows of itself in a receipt, and its leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Nothing where it was erased.
    pub(crate) salt: Option<Hash>,
    pub(crate) record_hash: Hash,
    pub(crate) hash: Hash,
}

impl Leaf {
    /// The leaf of a record in a frame of that hash.
    pub(crate) fn of(record: &Record, frame_hash: &Hash) -> Leaf {
        // A hash of the hash: the frame's own would let whoever has a receipt test guesses of the next record, whose frame
        // holds it.
        let record_hash = Sha256::digest(frame_hash).into();
        let (salt, answer_hash) = match &record.salt {
            Salt::Erased(erased) => (None, erased.answer_hash),
            Salt::Of(salt) => (Some(*salt), kept::answer_hash(salt, &record.answer)),
            // Records of before there was a salt take one from the chain, which no receipt shows.
            Salt::None => {
                let salt = Sha256::new().chain_update(b"salt").chain_update(frame_hash).finalize().into();
                (Some(salt), kept::answer_hash(&salt, &record.answer))
            }
        };
        let hash = Sha256::new()
            .chain_update([0, ENTRY])
            .chain_update(record.sequence.to_be_bytes())
            .chain_update(record.booked_at_ms.to_be_bytes())
            .chain_update(answer_hash)
            .chain_update(record_hash)
            .finalize()
            .into();
        Leaf { salt, record_hash, hash }
    }
}

fn key(level: u8, row: u64) -> Vec<u8> {
    let mut key = Encoder::with(TREE);
    key.u8(level);
    key.raw(&row.to_be_bytes());
    key.finish()
}

fn encode(hashes: &[Hash]) -> Vec<u8> {
    let mut out = Encoder::with(VERSION);
    hashes.iter().for_each(|hash| out.raw(hash));
    out.finish()
}

fn decode(body: &[u8]) -> Result<Vec<Hash>, Malformed> {
    let mut input = Decoder::of(body);
    if input.u8("version")? != VERSION {
        return Err(Malformed("version"));
    }
    let hashes = body.len() / size_of::<Hash>();
    if hashes > ROW_HASHES {
        return Err(Malformed("tree"));
    }
    let hashes = (0..hashes).map(|_| input.array("tree")).collect::<Result<_, _>>()?;
    input.end("tree")?;
    Ok(hashes)
}

fn read(rows: &(impl Rows + ?Sized), level: u8, row: u64) -> Result<Vec<Hash>, TablesError> {
    Ok(rows.row(&key(level, row))?.as_deref().map(decode).transpose()?.unwrap_or_default())
}

/// The root over a power of two of hashes.
fn whole_root(hashes: &[Hash]) -> Option<Hash> {
    match hashes {
        [] => None,
        [hash] => Some(*hash),
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            Some(node(&whole_root(left)?, &whole_root(right)?))
        }
    }
}

const DISCONTINUED: TablesError = TablesError::Contradiction("the tree does not continue");

/// The rows that the next leaf changes: the last of each level that it reaches.
pub(crate) struct Edge(Vec<(u8, u64, Vec<Hash>)>);

impl Edge {
    /// The edge of the tree over `size` records.
    pub(crate) fn of(rows: &(impl Rows + ?Sized), size: u64) -> Result<Edge, TablesError> {
        let mut edge = Vec::new();
        let mut place = size;
        for level in 0u8.. {
            let (row, within) = (place / ROW_HASHES as u64, place % ROW_HASHES as u64);
            let hashes = read(rows, level, row)?;
            if hashes.len() as u64 != within {
                return Err(DISCONTINUED);
            }
            edge.push((level, row, hashes));
            if within + 1 < ROW_HASHES as u64 {
                break;
            }
            place = row;
        }
        Ok(Edge(edge))
    }

    /// The rows with the leaf appended.
    pub(crate) fn append(self, leaf: Hash) -> RowChanges {
        let mut changes = RowChanges::new();
        let mut next = leaf;
        if planted::is("wrong-leaf") {
            next[0] ^= 1;
        }
        for (level, row, mut hashes) in self.0 {
            hashes.push(next);
            changes.insert(key(level, row), Some(encode(&hashes)));
            if let Some(root) = whole_root(&hashes) {
                next = root;
            }
        }
        changes
    }
}

/// Whether the rows have the tree of so many records; those of an earlier release have none.
pub(crate) fn reaches(rows: &(impl Rows + ?Sized), size: u64) -> Result<bool, TablesError> {
    // The edge holds nothing behind, and where it begins a row, the root all that is before.
    match Edge::of(rows, size).and_then(|_| TreeOf { rows, size }.root()) {
        Ok(_) => Ok(true),
        Err(TablesError::Contradiction(_) | TablesError::Malformed(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The tree of the first `size` records, read from rows that have come at least as far.
pub(crate) struct TreeOf<'a, R: Rows + ?Sized> {
    pub(crate) rows: &'a R,
    pub(crate) size: u64,
}

/// The largest power of two smaller than `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

impl<R: Rows + ?Sized> TreeOf<'_, R> {
    /// The root.
    pub(crate) fn root(&self) -> Result<Hash, TablesError> {
        if self.size == 0 {
            return Ok(Sha256::digest([]).into());
        }
        self.over(0, self.size)
    }

    /// The leaf `index`, from zero.
    pub(crate) fn leaf(&self, index: u64) -> Result<Hash, TablesError> {
        self.over(index, index + 1)
    }

    /// The root over the leaves `from..to`, which the definitions of RFC 6962 come to by splitting.
    fn over(&self, from: u64, to: u64) -> Result<Hash, TablesError> {
        let count = to - from;
        if count.is_power_of_two() {
            return self.whole(count.trailing_zeros(), from);
        }
        let middle = from + split(count);
        Ok(node(&self.over(from, middle)?, &self.over(middle, to)?))
    }

    /// The root over 2^`height` leaves from a multiple of that number on.
    fn whole(&self, height: u32, from: u64) -> Result<Hash, TablesError> {
        let (level, within) = (height / ROW_LEVELS, height % ROW_LEVELS);
        let place = from >> (level * ROW_LEVELS);
        // At most 16 levels of 4 in 64.
        let level = u8::try_from(level).map_err(|_| DISCONTINUED)?;
        let hashes = read(self.rows, level, place / ROW_HASHES as u64)?;
        let first = usize::try_from(place % ROW_HASHES as u64).map_err(|_| DISCONTINUED)?;
        hashes.get(first..first + (1 << within)).and_then(whole_root).ok_or(DISCONTINUED)
    }

    /// RFC 6962 section 2.1.1: that the leaf `index` is in the tree.
    pub(crate) fn inclusion(&self, index: u64) -> Result<Vec<Hash>, TablesError> {
        let (mut from, mut to) = (0, self.size);
        let mut proof = Vec::new();
        while to - from > 1 {
            let middle = from + split(to - from);
            if index < middle {
                proof.push(self.over(middle, to)?);
                to = middle;
            } else {
                proof.push(self.over(from, middle)?);
                from = middle;
            }
        }
        proof.reverse();
        Ok(proof)
    }

    /// RFC 6962 section 2.1.2: that the tree of the first `earlier` records is a beginning of this one.
    pub(crate) fn consistency(&self, earlier: u64) -> Result<Vec<Hash>, TablesError> {
        if earlier == 0 {
            return Ok(Vec::new());
        }
        let (mut from, mut to) = (0, self.size);
        let mut proof = Vec::new();
        while earlier < to {
            let middle = from + split(to - from);
            if earlier <= middle {
                proof.push(self.over(middle, to)?);
                to = middle;
            } else {
                proof.push(self.over(from, middle)?);
                from = middle;
            }
        }
        if from > 0 {
            proof.push(self.over(from, to)?);
        }
        proof.reverse();
        Ok(proof)
    }
}

/// The leaves of a whole journal, folded without the tables.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Leaves(Vec<Hash>);

impl std::fmt::Debug for Leaves {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Leaves").field(&self.0.len()).finish()
    }
}

impl Leaves {
    pub(crate) fn push(&mut self, leaf: Hash) {
        self.0.push(leaf);
    }

    /// The root of the tree over the first `size` records, level by level; nothing when there are fewer.
    pub fn root(&self, size: u64) -> Option<Hash> {
        let mut level = self.0.get(..usize::try_from(size).ok()?)?.to_vec();
        if level.is_empty() {
            return Some(Sha256::digest([]).into());
        }
        // An odd one goes up as it is, which comes to the same as splitting at powers of two.
        while level.len() > 1 {
            level = level
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node(left, right),
                    odd => odd[0],
                })
                .collect();
        }
        level.first().copied()
    }

    /// The rows that the tables must have, by key.
    pub(crate) fn rows(&self) -> RowChanges {
        let mut rows = RowChanges::new();
        let mut hashes = self.0.clone();
        for level in 0u8.. {
            for (row, chunk) in (0u64..).zip(hashes.chunks(ROW_HASHES)) {
                rows.insert(key(level, row), Some(encode(chunk)));
            }
            hashes = hashes.chunks_exact(ROW_HASHES).filter_map(whole_root).collect();
            if hashes.is_empty() {
                break;
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Plain(BTreeMap<Vec<u8>, Vec<u8>>);

    impl Rows for Plain {
        fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TablesError> {
            Ok(self.0.get(key).cloned())
        }

        fn rows_under(&self, _: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, TablesError> {
            Ok(BTreeMap::new())
        }
    }

    fn leaf(number: u64) -> Hash {
        Sha256::digest(number.to_be_bytes()).into()
    }

    /// RFC 6962 section 2.1.
    fn mth(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let mut k = 1;
                while k * 2 < leaves.len() {
                    k *= 2;
                }
                node(&mth(&leaves[..k]), &mth(&leaves[k..]))
            }
        }
    }

    /// Past the first row of the third level, where rows of every level begin.
    #[test]
    fn appending_keeps_the_tree_of_the_definitions() {
        let mut plain = Plain(BTreeMap::new());
        let (mut leaves, mut folded) = (Vec::new(), Leaves::default());
        for size in 0..=600u64 {
            assert!(reaches(&plain, size).unwrap());
            assert!(!reaches(&plain, size + 1).unwrap());
            let tree = TreeOf { rows: &plain, size };
            assert_eq!(tree.root().unwrap(), mth(&leaves), "{size}");
            assert_eq!(folded.root(size), Some(mth(&leaves)));
            assert_eq!(folded.root(size + 1), None);
            let expected: BTreeMap<_, _> =
                folded.rows().into_iter().filter_map(|(key, body)| Some((key, body?))).collect();
            assert_eq!(plain.0, expected, "{size}");
            if size > 0 {
                assert_eq!(tree.leaf(size / 2).unwrap(), leaf(size / 2));
            }
            let edge = Edge::of(&plain, size).unwrap();
            plain.0.extend(edge.append(leaf(size)).into_iter().filter_map(|(key, body)| Some((key, body?))));
            leaves.push(leaf(size));
            folded.push(leaf(size));
        }
        // 601 leaves later, each earlier tree is still read as it was
        for size in 0..=600u64 {
            let tree = TreeOf { rows: &plain, size };
            assert_eq!(tree.root().unwrap(), mth(&leaves[..usize::try_from(size).unwrap()]), "{size}");
        }
    }

    #[test]
    fn no_body_panics_and_none_is_longer_than_a_row() {
        assert_eq!(decode(&encode(&[[1; 32]; 16])).unwrap().len(), 16);
        assert!(decode(&encode(&[[1; 32]; 17])).is_err());
        assert!(decode(&[]).is_err() && decode(&[2]).is_err() && decode(&[1, 0]).is_err());
        assert_eq!(decode(&[1]), Ok(Vec::new()));
    }
}
