//! The notary's files: the signing key, which its owner alone may read, and the checkpoint log, which only grows.
//!
//! The log is one signed note behind the other. A note that was not written whole is passed over; the next one begins on
//! a line of its own.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bedside_receipt::{NoteError, SigningKey};

/// Origin, size, root, time, the empty line, one signature.
const NOTE_LINES: usize = 6;
const SIGNATURE_BEGINS: &str = "\u{2014} ";
/// Far more than two notes.
const TAIL_BYTES: u64 = 64 << 10;

/// Why there is no signing key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file could not be read or made.
    #[error("the signing key `{}`: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// It holds no key, or the name of the key is not allowed.
    #[error("the signing key `{}`: {source}", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: NoteError,
    },
    /// Others than its owner may read or write it.
    #[error("the signing key `{}` must be readable by its owner only (mode 600)", .0.display())]
    Exposed(PathBuf),
}

/// The key in a file.
///
/// # Errors
/// See [`KeyError`].
pub fn read_key(path: &Path) -> Result<SigningKey, KeyError> {
    let io = |source| KeyError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::Exposed(path.to_owned()));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(io)?;
    SigningKey::from_secret_text(&text).map_err(|source| KeyError::Key { path: path.to_owned(), source })
}

/// The key in a file, which is made with a new key of that name where there is none.
///
/// # Errors
/// See [`KeyError`].
pub fn open_or_make_key(path: &Path, name: &str) -> Result<SigningKey, KeyError> {
    let io = |source| KeyError::Io { path: path.to_owned(), source };
    if path.exists() {
        return read_key(path);
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| io(io::Error::other(error)))?;
    let key =
        SigningKey::new(name, &secret).map_err(|source| KeyError::Key { path: path.to_owned(), source })?;
    // Under another name first: a key that was not written whole must not be found.
    let unfinished = path.with_added_extension("unfinished");
    let write = || {
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(key.to_secret_text().as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        sync_parent(path)
    };
    write().map_err(io)?;
    Ok(key)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(parent)?.sync_all()
}

/// The last whole note of a log; nothing in an empty one, or where there is none.
pub(crate) fn last_note(path: &Path) -> io::Result<Option<String>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let tail = String::from_utf8_lossy(&tail);
    // What follows the last newline is not written whole.
    let whole = tail.rfind('\n').map_or("", |end| &tail[..end]);
    let lines: Vec<&str> = whole.split('\n').collect();
    let ends = lines.iter().rposition(|line| line.starts_with(SIGNATURE_BEGINS));
    match ends.and_then(|end| lines.get((end + 1).checked_sub(NOTE_LINES)?..=end)) {
        Some(note) => Ok(Some(note.join("\n") + "\n")),
        None if length == 0 => Ok(None),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "it holds no checkpoint")),
    }
}

/// Appends a note; handed to the operating system, not synced.
pub(crate) fn append(path: &Path, note: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let torn = match file.seek(SeekFrom::End(-1)) {
        Ok(_) => {
            let mut last = [0];
            file.read_exact(&mut last)?;
            last != *b"\n"
        }
        // An empty file has no byte before its end.
        Err(_) => false,
    };
    file.write_all(format!("{}{note}", if torn { "\n" } else { "" }).as_bytes())
}

/// Makes the log durable, and the name that it has.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?.sync_all()?,
    }
    sync_parent(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(size: u32) -> String {
        format!("ward\n{size}\nroot\ntime now\n\n\u{2014} ward signature\n")
    }

    #[test]
    fn the_last_whole_note_is_found_behind_whatever_was_torn() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        assert_eq!(last_note(&log).unwrap(), None);
        sync(&log).unwrap();
        for size in 1..400 {
            append(&log, &note(size)).unwrap();
        }
        assert_eq!(last_note(&log).unwrap(), Some(note(399)));
        // one that was cut at any byte leaves the one before, and the next is whole again
        let whole = fs::read(&log).unwrap();
        let last = note(400);
        for cut in 1..last.len() {
            fs::write(&log, [&whole, &last.as_bytes()[..cut]].concat()).unwrap();
            assert_eq!(last_note(&log).unwrap(), Some(note(399)), "{cut}");
            append(&log, &note(401)).unwrap();
            assert_eq!(last_note(&log).unwrap(), Some(note(401)), "{cut}");
        }
        fs::write(&log, "something else\n").unwrap();
        assert!(last_note(&log).is_err());
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        assert!(matches!(read_key(&path), Err(KeyError::Io { .. })));
        fs::write(path.with_added_extension("unfinished"), "half a").unwrap();
        let made = open_or_make_key(&path, "bedside/ward").unwrap().public();
        assert_eq!(open_or_make_key(&path, "another").unwrap().public(), made);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_key(&path), Err(KeyError::Exposed(_))));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "no key").unwrap();
        assert!(matches!(read_key(&path), Err(KeyError::Key { .. })));
    }
}
