//! What a power cut would take: sectors and names that no sync has made durable yet.
//!
//! The model is the strictest that POSIX allows. Data is durable after `fsync` or `fdatasync` of its file, a name after
//! `fsync` of its directory, and nothing else makes anything durable (`sync_file_range` does not). Sectors of one write
//! may arrive in any order. After a failed sync the kernel takes the pages for clean, so that a later sync proves
//! nothing about them until they are written again.
//!
//! Two things are kinder than the strictest: a rename over an existing name is taken for durable, and so is a
//! directory's removal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use libc::c_int;

use crate::sys;

const SECTOR: u64 = 512;

type FileId = (u64, u64);

/// One sector that differs, or may differ, from what the disk has.
struct Sector {
    durable: [u8; 512],
    /// Whether the next sync writes it; not after a failed one.
    dirty: bool,
}

struct File {
    /// Open for reading and writing as long as the process lives, so that the inode is not used again.
    fd: c_int,
    durable_length: u64,
}

/// A change of a directory that is not durable, with what undoes it.
enum Name {
    Created(PathBuf),
    MadeDirectory(PathBuf),
    Renamed {
        from: PathBuf,
        to: PathBuf,
    },
    /// The file keeps a second name in the graveyard.
    Unlinked {
        path: PathBuf,
        kept: PathBuf,
    },
}

impl Name {
    fn directory_is(&self, directory: &Path) -> bool {
        let is = |path: &Path| path.parent() == Some(directory);
        match self {
            Name::Created(path) | Name::MadeDirectory(path) | Name::Unlinked { path, .. } => is(path),
            Name::Renamed { from, to } => is(from) || is(to),
        }
    }
}

/// The state of the imagined disk.
#[derive(Default)]
pub(crate) struct Disk {
    sectors: BTreeMap<(FileId, u64), Sector>,
    files: BTreeMap<FileId, File>,
    names: Vec<Name>,
    graves: u64,
}

impl Disk {
    /// Remembers what the disk has where a write of `count` bytes will go.
    pub(crate) fn before_write(&mut self, fd: c_int, offset: u64, count: u64) {
        let Some((id, length, false)) = sys::stat(fd) else { return };
        let Some(shadow) = self.shadow(fd, id, length) else { return };
        if count == 0 {
            return;
        }
        for number in offset / SECTOR..=(offset + count - 1) / SECTOR {
            let sector = self.sectors.entry((id, number)).or_insert_with(|| {
                let mut durable = [0; 512];
                sys::read_at(shadow, &mut durable, number * SECTOR);
                Sector { durable, dirty: true }
            });
            sector.dirty = true;
        }
    }

    /// Remembers what shortening a file takes away.
    pub(crate) fn before_truncate(&mut self, fd: c_int, to: u64) {
        let Some((id, length, false)) = sys::stat(fd) else { return };
        self.shadow(fd, id, length);
        if to < length {
            self.before_write(fd, to, length - to);
        }
    }

    /// Takes what a sync of this file or directory makes durable.
    pub(crate) fn synced(&mut self, fd: c_int) {
        match sys::stat(fd) {
            Some((_, _, true)) => {
                if let Some(directory) = sys::path_of(fd) {
                    self.names.retain(|name| !name.directory_is(&directory));
                }
            }
            Some((id, length, false)) => {
                self.sectors.retain(|(of, _), sector| *of != id || !sector.dirty);
                if let Some(file) = self.files.get_mut(&id) {
                    file.durable_length = length;
                }
            }
            None => {}
        }
    }

    /// A failed sync: the pages count as clean, and the disk does not have them.
    pub(crate) fn sync_failed(&mut self, fd: c_int) {
        if let Some((id, _, false)) = sys::stat(fd) {
            for (_, sector) in self.sectors.iter_mut().filter(|((of, _), _)| *of == id) {
                sector.dirty = false;
            }
        }
    }

    pub(crate) fn created(&mut self, path: PathBuf) {
        self.names.push(Name::Created(path));
    }

    pub(crate) fn made_directory(&mut self, path: PathBuf) {
        self.names.push(Name::MadeDirectory(path));
    }

    pub(crate) fn renamed(&mut self, from: PathBuf, to: PathBuf) {
        self.names.push(Name::Renamed { from, to });
    }

    /// Keeps a file that is about to lose its name.
    pub(crate) fn before_unlink(&mut self, path: &Path, graveyard: &Path) {
        sys::mkdir(graveyard);
        self.graves += 1;
        let kept = graveyard.join(format!("{}-{}", std::process::id(), self.graves));
        if sys::link(path, &kept) {
            self.names.push(Name::Unlinked { path: path.to_owned(), kept });
        }
    }

    /// Takes back what is not durable: all of it for seed 0, otherwise each sector and name by the seed's chance.
    pub(crate) fn cut_power(&mut self, seed: u64, graveyard: &Path) {
        let mut state = seed;
        let mut lost = move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            seed == 0 || (mixed ^ (mixed >> 27)) & 1 == 0
        };
        for ((id, number), sector) in &self.sectors {
            if lost()
                && let Some(file) = self.files.get(id)
            {
                sys::write_at(file.fd, &sector.durable, number * SECTOR);
            }
        }
        for file in self.files.values() {
            if lost() {
                sys::set_length(file.fd, file.durable_length);
            }
        }
        while let Some(name) = self.names.pop() {
            if !lost() {
                continue;
            }
            match name {
                Name::Created(path) => sys::unlink(&path),
                Name::MadeDirectory(path) => {
                    sys::mkdir(graveyard);
                    self.graves += 1;
                    let grave = graveyard.join(format!("{}-{}", std::process::id(), self.graves));
                    sys::rename(&path, &grave);
                }
                Name::Renamed { from, to } => drop(sys::rename(&to, &from)),
                Name::Unlinked { path, kept } => drop(sys::rename(&kept, &path)),
            }
        }
    }

    fn shadow(&mut self, fd: c_int, id: FileId, length: u64) -> Option<c_int> {
        if let Some(file) = self.files.get(&id) {
            return Some(file.fd);
        }
        let path = PathBuf::from(format!("/proc/self/fd/{fd}"));
        let fd = sys::open(&path, libc::O_RDWR)?;
        self.files.insert(id, File { fd, durable_length: length });
        Some(fd)
    }
}
