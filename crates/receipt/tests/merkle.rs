//! The checks against the published vectors, and against RFC 6962's definitions written down as they stand.

#![allow(clippy::unwrap_used)]

use bedside_receipt::merkle::{Hash, Tree, empty_root, includes, is_beginning_of, leaf_hash, node_hash};

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn hash(hex: &str) -> Hash {
    bytes(hex).try_into().unwrap()
}

/// The entries and roots that implementations of RFC 6962 test each other with.
const ENTRIES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
/// Index, size, proof.
const INCLUSIONS: [(u64, u64, &[&str]); 5] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        &[
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];
/// Earlier size, later size, proof.
const CONSISTENCIES: [(u64, u64, &[&str]); 5] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        6,
        7,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

/// RFC 6962 section 2.1.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node_hash(&mth(left), &mth(right))
        }
    }
}

/// The largest power of two smaller than `n`.
fn split(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// RFC 6962 section 2.1.1.
fn path(m: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, beside) =
        if m < k { (path(m, left), mth(right)) } else { (path(m - k, right), mth(left)) };
    proof.push(beside);
    proof
}

/// RFC 6962 section 2.1.2: SUBPROOF.
fn subproof(m: usize, leaves: &[Hash], is_whole: bool) -> Vec<Hash> {
    if m == leaves.len() {
        return if is_whole { Vec::new() } else { vec![mth(leaves)] };
    }
    let k = split(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, beside) = if m <= k {
        (subproof(m, left, is_whole), mth(right))
    } else {
        (subproof(m - k, right, false), mth(left))
    };
    proof.push(beside);
    proof
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|it| leaf_hash(&it.to_be_bytes())).collect()
}

#[test]
fn the_published_vectors_hold() {
    assert_eq!(empty_root(), hash(ROOTS[0]));
    let leaves: Vec<Hash> = ENTRIES.iter().map(|entry| leaf_hash(&bytes(entry))).collect();
    for (size, root) in ROOTS.iter().enumerate() {
        assert_eq!(mth(&leaves[..size]), hash(root), "{size}");
    }
    for (index, size, proof) in INCLUSIONS {
        let root = hash(ROOTS[usize::try_from(size).unwrap()]);
        let leaf = leaves[usize::try_from(index).unwrap()];
        let proof: Vec<Hash> = proof.iter().map(|it| hash(it)).collect();
        assert!(includes(&root, size, index, &leaf, &proof), "{index} in {size}");
    }
    for (earlier, later, proof) in CONSISTENCIES {
        let tree = |size: u64| Tree { size, root: hash(ROOTS[usize::try_from(size).unwrap()]) };
        let proof: Vec<Hash> = proof.iter().map(|it| hash(it)).collect();
        assert!(is_beginning_of(&tree(earlier), &tree(later), &proof), "{earlier} to {later}");
    }
}

#[test]
fn every_leaf_of_every_tree_is_proved_and_no_other() {
    let all = leaves(130);
    for size in 1..=all.len() {
        let (leaves, root) = (&all[..size], mth(&all[..size]));
        for (index, leaf) in leaves.iter().enumerate() {
            let proof = path(index, leaves);
            let (size, index) = (size as u64, index as u64);
            assert!(includes(&root, size, index, leaf, &proof), "{index} in {size}");
            assert!(!includes(&root, size, index, &leaf_hash(b"other"), &proof));
            assert!(!includes(&root, size, index + 1, leaf, &proof));
            assert!(!includes(&root, size, index ^ 1, leaf, &proof) || size == 1 && index ^ 1 == 0);
            let longer: Vec<Hash> = proof.iter().copied().chain([root]).collect();
            assert!(!includes(&root, size, index, leaf, &longer));
            if let Some((_, shorter)) = proof.split_last() {
                assert!(!includes(&root, size, index, leaf, shorter));
            }
            for place in 0..proof.len() {
                let mut changed = proof.clone();
                changed[place][31] ^= 1;
                assert!(!includes(&root, size, index, leaf, &changed), "{index} in {size}: {place}");
            }
        }
    }
}

#[test]
fn every_beginning_of_every_tree_is_proved_and_no_other() {
    let all = leaves(130);
    let other = leaf_hash(b"other");
    let tree = |leaves: &[Hash]| Tree { size: leaves.len() as u64, root: mth(leaves) };
    for later in 0..=all.len() {
        for earlier in 0..=later {
            let (first, second) = (tree(&all[..earlier]), tree(&all[..later]));
            let proof = if earlier == 0 { Vec::new() } else { subproof(earlier, &all[..later], true) };
            assert!(is_beginning_of(&first, &second, &proof), "{earlier} to {later}");
            assert!(!is_beginning_of(&second, &first, &proof) || earlier == later);
            let longer: Vec<Hash> = proof.iter().copied().chain([second.root]).collect();
            assert!(!is_beginning_of(&first, &second, &longer), "{earlier} to {later}");
            if let Some((_, shorter)) = proof.split_last() {
                assert!(!is_beginning_of(&first, &second, shorter));
            }
            for place in 0..proof.len() {
                let mut changed = proof.clone();
                changed[place][0] ^= 1;
                assert!(!is_beginning_of(&first, &second, &changed), "{earlier} to {later}: {place}");
            }
            if earlier > 0 {
                // one record of the earlier tree was replaced: neither honest proof connects the two
                let mut replaced = all[..later].to_vec();
                replaced[earlier - 1] = other;
                let forged = tree(&replaced);
                assert!(!is_beginning_of(&first, &forged, &proof), "{earlier} to {later}");
                assert!(!is_beginning_of(&first, &forged, &subproof(earlier, &replaced, true)));
            }
        }
    }
}
