//! The fields of a protobuf message, read without a schema: what an answer's bytes consist of.
//!
//! Only as much of the wire format as `settlement.proto` uses. Invariant: no bytes panic.

/// The bytes are not a protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAMessage;

/// One message's fields, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Fields<'a>(Vec<(u64, &'a [u8])>);

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const BYTES: u64 = 2;
const FIXED_32: u64 = 5;

impl<'a> Fields<'a> {
    /// Reads the whole message; what is neither text nor message is passed over.
    pub(crate) fn of(mut bytes: &'a [u8]) -> Result<Fields<'a>, NotAMessage> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes)?;
            match tag & 7 {
                VARINT => drop(varint(&mut bytes)?),
                FIXED_64 => drop(taken(&mut bytes, 8)?),
                FIXED_32 => drop(taken(&mut bytes, 4)?),
                BYTES => {
                    let length = usize::try_from(varint(&mut bytes)?).map_err(|_| NotAMessage)?;
                    fields.push((tag >> 3, taken(&mut bytes, length)?));
                }
                _ => return Err(NotAMessage),
            }
        }
        Ok(Fields(fields))
    }

    /// The values of a repeated field.
    pub(crate) fn all(&self, number: u64) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(found, _)| *found == number).map(|(_, bytes)| *bytes)
    }

    /// The numbers of the fields, each as often as it came.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|(number, _)| *number)
    }

    /// The last value of a field, as protobuf has it; empty when it was not sent.
    pub(crate) fn one(&self, number: u64) -> &'a [u8] {
        self.all(number).last().unwrap_or_default()
    }

    /// A text.
    pub(crate) fn text(&self, number: u64) -> Result<&'a str, NotAMessage> {
        std::str::from_utf8(self.one(number)).map_err(|_| NotAMessage)
    }

    /// A message; empty when it was not sent. One that came twice is refused: readers would merge the two.
    pub(crate) fn message(&self, number: u64) -> Result<Fields<'a>, NotAMessage> {
        if self.all(number).count() > 1 {
            return Err(NotAMessage);
        }
        Fields::of(self.one(number))
    }

    /// The messages of a repeated field.
    pub(crate) fn messages(&self, number: u64) -> Result<Vec<Fields<'a>>, NotAMessage> {
        self.all(number).map(Fields::of).collect()
    }
}

/// Whether a text is a number or code as the interface has them: visible ASCII.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a text is no message that is read as one, nor anything that a terminal obeys: the first byte of a message's first
/// text or message is a control character.
pub(crate) fn is_plain(text: &str) -> bool {
    let obeys = |it: char| matches!(it, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}');
    !text.chars().any(|it| it.is_control() || obeys(it))
}

fn varint(bytes: &mut &[u8]) -> Result<u64, NotAMessage> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(NotAMessage)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(NotAMessage)
}

fn taken<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], NotAMessage> {
    let (taken, rest) = bytes.split_at_checked(length).ok_or(NotAMessage)?;
    *bytes = rest;
    Ok(taken)
}
