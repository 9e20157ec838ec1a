//! Merkle trees of RFC 6962: hashing, and the checks of inclusion and consistency proofs.
//!
//! It only checks; nothing here makes a proof. Invariant: a proof is accepted when the roots follow from it and every
//! hash of it was used (the procedures of RFC 9162 sections 2.1.3.2 and 2.1.4.2, which are those of RFC 6962 written out).

use sha2::{Digest, Sha256};

/// A SHA-256.
pub type Hash = [u8; 32];

/// The hash of a leaf: the prefix keeps a leaf from passing for a node.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

/// The hash of a node over its two children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of a tree without leaves.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Whether the leaf `index`, from zero, is in the tree of `size` leaves with that root.
pub fn includes(root: &Hash, size: u64, index: u64, leaf: &Hash, proof: &[Hash]) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for beside in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(beside, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, beside);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// A tree as a checkpoint names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Whether the leaves of `earlier` are the first ones of `later`.
pub fn is_beginning_of(earlier: &Tree, later: &Tree, proof: &[Hash]) -> bool {
    if earlier.size > later.size {
        return false;
    }
    if earlier.size == later.size {
        return proof.is_empty() && earlier.root == later.root;
    }
    if earlier.size == 0 {
        return proof.is_empty() && earlier.root == empty_root();
    }
    let own = [earlier.root];
    // A whole subtree stands for itself and is not sent.
    let mut path =
        if earlier.size.is_power_of_two() { own.iter().chain(proof) } else { [].iter().chain(proof) };
    let (mut node, mut last) = (earlier.size - 1, later.size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let Some(first) = path.next() else { return false };
    let (mut of_earlier, mut of_later) = (*first, *first);
    for beside in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            of_earlier = node_hash(beside, &of_earlier);
            of_later = node_hash(beside, &of_later);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            of_later = node_hash(&of_later, beside);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && of_earlier == earlier.root && of_later == later.root
}
