//! Little-endian integers, length-prefixed texts and byte strings: the only primitives of what we store.
//!
//! Knows nothing of records or rows. Invariant: decoding arbitrary bytes gives a value or [`Malformed`], never a
//! panic, and never allocates more than the input is long.

use std::sync::Arc;

/// The longest identifier, account, pack or benefit name that is stored, in bytes.
pub const TEXT_BYTES_MAX: usize = 255;

/// A part of a command is longer than the ledger stores; nothing was booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` has {bytes} bytes, at most {limit} are stored")]
pub struct TooLarge {
    /// The field, by its national name where it has one.
    pub field: &'static str,
    /// Its length in bytes (or, for a list, its number of entries).
    pub bytes: usize,
    /// The limit in the same unit.
    pub limit: usize,
}

/// Bytes that are not what this version writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is malformed")]
pub struct Malformed(pub &'static str);

/// Refuses a text that [`Encoder::text`] would refuse, before it is used in a key.
pub(crate) fn check_text(field: &'static str, text: &str) -> Result<(), TooLarge> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(TooLarge { field, bytes: text.len(), limit: TEXT_BYTES_MAX });
    }
    Ok(())
}

/// Appends values to a byte string.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    pub(crate) fn with(first: u8) -> Encoder {
        Encoder { bytes: vec![first] }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.raw(&value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.raw(&value.to_le_bytes());
    }

    /// One length byte, then UTF-8.
    pub(crate) fn text(&mut self, field: &'static str, text: &str) -> Result<(), TooLarge> {
        check_text(field, text)?;
        let length = u8::try_from(text.len()).map_err(|_| TooLarge {
            field,
            bytes: text.len(),
            limit: TEXT_BYTES_MAX,
        })?;
        self.u8(length);
        self.raw(text.as_bytes());
        Ok(())
    }

    /// Four length bytes.
    pub(crate) fn length(&mut self, field: &'static str, length: usize) -> Result<(), TooLarge> {
        let limit = u32::MAX as usize;
        self.u32(u32::try_from(length).map_err(|_| TooLarge { field, bytes: length, limit })?);
        Ok(())
    }

    /// Four length bytes, then the bytes.
    pub(crate) fn bytes(&mut self, field: &'static str, bytes: &[u8]) -> Result<(), TooLarge> {
        self.length(field, bytes.len())?;
        self.raw(bytes);
        Ok(())
    }
}

/// Takes values off the front of a byte string.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Decoder<'a> {
        Decoder { rest: bytes }
    }

    pub(crate) fn raw(&mut self, field: &'static str, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed(field))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed(field))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        self.array(field).map(u64::from_le_bytes)
    }

    pub(crate) fn i16(&mut self, field: &'static str) -> Result<i16, Malformed> {
        self.array(field).map(i16::from_le_bytes)
    }

    pub(crate) fn i64(&mut self, field: &'static str) -> Result<i64, Malformed> {
        self.array(field).map(i64::from_le_bytes)
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<Arc<str>, Malformed> {
        let length = usize::from(self.u8(field)?);
        std::str::from_utf8(self.raw(field, length)?).map(Arc::from).map_err(|_| Malformed(field))
    }

    /// A number of things still to come, each at least `least` bytes long: more than fit is malformed, so that a
    /// damaged count cannot ask for memory.
    pub(crate) fn count(&mut self, field: &'static str, least: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.u32(field)?).map_err(|_| Malformed(field))?;
        if count > self.rest.len() / least {
            return Err(Malformed(field));
        }
        Ok(count)
    }

    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8], Malformed> {
        let length = self.count(field, 1)?;
        self.raw(field, length)
    }

    /// Nothing may follow: two byte strings never mean the same value.
    pub(crate) fn end(self, field: &'static str) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed(field)) }
    }
}
