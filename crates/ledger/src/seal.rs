//! What the files of the tables were when they were last closed.
//!
//! sled forgets rows without an error once a byte of its files is damaged, so an opening reads every row. Files that
//! are byte for byte what a clean end left behind need not be read that way: they hold what was counted then. The seal
//! is never taken away: files that were written to since do not match it. Invariant: at worst a seal is useless.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::codec::{Decoder, Encoder};
use crate::frame::Hash;
use crate::rows::Applied;

const MAGIC: [u8; 8] = *b"BEDSIDES";
const NAME: &str = "tables.seal";
/// Any damage within 32 bits of a block changes its checksum; SHA-256 is spent on the checksums alone.
const BLOCK_BYTES: usize = 1 << 20;

/// Seals the tables in `tables_dir` as they lie on disk.
pub(crate) fn write(dir: &Path, tables_dir: &Path, applied: &Applied) -> io::Result<()> {
    let mut out = Encoder::default();
    out.raw(&MAGIC);
    out.raw(&applied.encode());
    out.raw(&digest(tables_dir)?);
    let mut seal = out.finish();
    seal.extend_from_slice(&crc32c::crc32c(&seal).to_le_bytes());
    fs::write(dir.join(NAME), seal)
}

/// How far the tables had come when they were sealed, if their files are still what they were; asked before they are
/// opened, which may write to them.
pub(crate) fn unbroken(dir: &Path, tables_dir: &Path) -> Option<Applied> {
    let seal = fs::read(dir.join(NAME)).ok()?;
    let (covered, crc) = seal.split_last_chunk::<4>()?;
    if u32::from_le_bytes(*crc) != crc32c::crc32c(covered) {
        return None;
    }
    let mut input = Decoder::of(covered);
    if input.array::<8>("magic").ok()? != MAGIC {
        return None;
    }
    let applied = Applied::decode(input.raw("applied", Applied::BYTES).ok()?).ok()?;
    let sealed: Hash = input.array("digest").ok()?;
    input.end("seal").ok()?;
    (digest(tables_dir).ok()? == sealed).then_some(applied)
}

/// Over the name, length and content of every file.
fn digest(tables_dir: &Path) -> io::Result<Hash> {
    let mut files = Vec::new();
    for entry in fs::read_dir(tables_dir)? {
        let entry = entry?;
        // Rows are too small for `blobs`.
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    for path in files {
        hash.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        let mut file = File::open(&path)?;
        hash.update(file.metadata()?.len().to_le_bytes());
        loop {
            let length = fill(&mut file, &mut block)?;
            if length == 0 {
                break;
            }
            hash.update(crc32c::crc32c(&block[..length]).to_le_bytes());
        }
    }
    Ok(hash.finalize().into())
}

fn fill(file: &mut File, block: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < block.len() {
        match file.read(&mut block[length..])? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}
