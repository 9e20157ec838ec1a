//! Signed notes of C2SP (<https://c2sp.org/signed-note>): a text and the Ed25519 signatures under it.
//!
//! The form that transparency logs publish their checkpoints in, so that their witnesses and monitors read ours. It must not
//! know what a text says. Invariant: a text leaves here only with the signature of the key that was asked for.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use sha2::{Digest, Sha256};

/// The signature type of Ed25519 in keys and key ids.
const ED25519: u8 = 1;
/// A note with more is refused before anything is computed.
const NOTE_BYTES_MAX: usize = 64 << 10;
const SECRET_BEGINS: &str = "PRIVATE+KEY+";
const SIGNATURE_BEGINS: &str = "\u{2014} ";

/// Why a key or a note is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The key is not `name+id+base64`, or its id is not its own.
    #[error("the public key is not one of the form `name+8 hexadecimal digits+base64`")]
    Key,
    /// The text is not a secret key.
    #[error("the signing key is not one of the form `PRIVATE+KEY+name+8 hexadecimal digits+base64`")]
    SecretKey,
    /// A name is empty or has a space or a plus in it.
    #[error("the name of a key must not be empty, nor have a space or a `+` in it")]
    Name,
    /// It is no signed note.
    #[error("the checkpoint is not a signed note")]
    Form,
    /// It has no signature of this key.
    #[error("the checkpoint is not signed by this key")]
    Unsigned,
    /// The signature does not hold.
    #[error("the signature of the checkpoint does not hold")]
    Signature,
}

fn hex(id: [u8; 4]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check_name(name: &str) -> Result<(), NoteError> {
    let plain =
        !name.is_empty() && !name.contains(|it: char| it.is_whitespace() || it == '+' || it.is_control());
    if plain { Ok(()) } else { Err(NoteError::Name) }
}

/// The public half of a key, with the name it signs under; `Display` and `FromStr` are its text form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: VerifyingKey,
}

impl PublicKey {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        let [a, b, c, d, ..] = <[u8; 32]>::from(hash);
        [a, b, c, d]
    }

    /// The text of a note that this key signed, with its last newline.
    ///
    /// Signatures of other keys are passed over, as witnesses add theirs.
    ///
    /// # Errors
    /// [`NoteError::Form`], [`NoteError::Unsigned`], [`NoteError::Signature`].
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        if note.len() > NOTE_BYTES_MAX || note.chars().any(|it| it < ' ' && it != '\n') {
            return Err(NoteError::Form);
        }
        let at = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let (text, signatures) = (&note[..=at], &note[at + 2..]);
        let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Form)?;
        let mut signed = Err(NoteError::Unsigned);
        for line in signatures.split('\n') {
            let (name, bytes) = line
                .strip_prefix(SIGNATURE_BEGINS)
                .and_then(|rest| rest.split_once(' '))
                .ok_or(NoteError::Form)?;
            check_name(name).map_err(|_| NoteError::Form)?;
            let bytes = STANDARD.decode(bytes).map_err(|_| NoteError::Form)?;
            let (id, signature) = bytes.split_first_chunk::<4>().ok_or(NoteError::Form)?;
            if name != self.name || *id != self.id() || signed.is_ok() {
                continue;
            }
            let signature = Signature::from_slice(signature).map_err(|_| NoteError::Signature)?;
            self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| NoteError::Signature)?;
            signed = Ok(text);
        }
        signed
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex(self.id()), STANDARD.encode(key))
    }
}

impl FromStr for PublicKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<PublicKey, NoteError> {
        // The base64 may have a `+` of its own; a name has none.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        check_name(name)?;
        let key = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let Some((&ED25519, key)) = key.split_first() else { return Err(NoteError::Key) };
        let key = VerifyingKey::try_from(key).map_err(|_| NoteError::Key)?;
        let parsed = PublicKey { name: name.to_owned(), key };
        // The id is the key's own when the whole is written the same way again.
        if !key.is_weak() && parsed.to_string() == text { Ok(parsed) } else { Err(NoteError::Key) }
    }
}

/// A key that signs, with its name.
pub struct SigningKey {
    name: String,
    key: ed25519_dalek::SigningKey,
}

/// Never its secret.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("name", &self.name).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// The key of a secret of 32 random bytes.
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn new(name: &str, secret: &[u8; 32]) -> Result<SigningKey, NoteError> {
        check_name(name)?;
        Ok(SigningKey { name: name.to_owned(), key: ed25519_dalek::SigningKey::from_bytes(secret) })
    }

    /// The key that [`SigningKey::to_secret_text`] wrote.
    ///
    /// # Errors
    /// [`NoteError::SecretKey`].
    pub fn from_secret_text(text: &str) -> Result<SigningKey, NoteError> {
        let rest = text.trim_end().strip_prefix(SECRET_BEGINS).ok_or(NoteError::SecretKey)?;
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(id), Some(secret)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::SecretKey);
        };
        let secret = STANDARD.decode(secret).map_err(|_| NoteError::SecretKey)?;
        let Some((&ED25519, secret)) = secret.split_first() else { return Err(NoteError::SecretKey) };
        let secret = secret.try_into().map_err(|_| NoteError::SecretKey)?;
        let key = SigningKey::new(name, secret).map_err(|_| NoteError::SecretKey)?;
        if hex(key.public().id()) == id { Ok(key) } else { Err(NoteError::SecretKey) }
    }

    /// The key as it is kept, in the form of Go's signed notes: whoever has this text can sign.
    pub fn to_secret_text(&self) -> String {
        let mut secret = vec![ED25519];
        secret.extend_from_slice(self.key.as_bytes());
        format!("{SECRET_BEGINS}{}+{}+{}\n", self.name, hex(self.public().id()), STANDARD.encode(secret))
    }

    /// What others check its signatures with.
    pub fn public(&self) -> PublicKey {
        PublicKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The note of a text that ends in a newline.
    pub fn sign(&self, text: &str) -> String {
        let mut bytes = self.public().id().to_vec();
        bytes.extend_from_slice(&self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n{SIGNATURE_BEGINS}{} {}\n", self.name, STANDARD.encode(bytes))
    }
}
