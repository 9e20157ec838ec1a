//! The kernel's calls, without the C library's functions that `calls.rs` stands in for.

use std::ffi::CString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use libc::{c_char, c_int, c_long, c_uint, c_void, mode_t, off_t, size_t};

/// Sets the caller's error and gives what a failed call gives.
pub(crate) fn fail(errno: c_int) -> c_long {
    // SAFETY: the C library's own error cell of this thread.
    unsafe { *libc::__errno_location() = errno };
    -1
}

fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}

macro_rules! kernel {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) = $number:ident;)*) => {$(
        #[allow(clippy::missing_safety_doc)]
        pub(crate) unsafe fn $name($($argument: $kind),*) -> c_long {
            // SAFETY: the caller hands on what the C library's function of this name was given.
            unsafe { libc::syscall(libc::$number, $($argument),*) }
        }
    )*};
}

kernel! {
    fn openat(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) = SYS_openat;
    fn pwrite(fd: c_int, bytes: *const c_void, count: size_t, offset: off_t) = SYS_pwrite64;
    fn write(fd: c_int, bytes: *const c_void, count: size_t) = SYS_write;
    fn fsync(fd: c_int) = SYS_fsync;
    fn fdatasync(fd: c_int) = SYS_fdatasync;
    fn sync_file_range(fd: c_int, offset: off_t, count: off_t, flags: c_uint) = SYS_sync_file_range;
    fn ftruncate(fd: c_int, length: off_t) = SYS_ftruncate;
    fn fallocate(fd: c_int, mode: c_int, offset: off_t, length: off_t) = SYS_fallocate;
    fn renameat2(from_dir: c_int, from: *const c_char, to_dir: c_int, to: *const c_char, flags: c_uint) = SYS_renameat2;
    fn unlinkat(dir: c_int, path: *const c_char, flags: c_int) = SYS_unlinkat;
    fn linkat(from_dir: c_int, from: *const c_char, to_dir: c_int, to: *const c_char, flags: c_int) = SYS_linkat;
    fn mkdirat(dir: c_int, path: *const c_char, mode: mode_t) = SYS_mkdirat;
}

/// The file behind a descriptor, as the kernel names it now.
pub(crate) fn path_of(fd: c_int) -> Option<PathBuf> {
    let link = c_path(Path::new(&format!("/proc/self/fd/{fd}")));
    let mut name = vec![0u8; 4096];
    // SAFETY: the kernel writes at most `name.len()` bytes into `name`.
    let length = unsafe { libc::readlink(link.as_ptr(), name.as_mut_ptr().cast(), name.len()) };
    name.truncate(usize::try_from(length).ok()?);
    Some(PathBuf::from(std::ffi::OsString::from_vec(name)))
}

/// The path that a call names: absolute, or below a directory's descriptor.
///
/// # Safety
/// `path` is a C string.
pub(crate) unsafe fn path_at(dir: c_int, path: *const c_char) -> Option<PathBuf> {
    // SAFETY: as the caller promises.
    let path = unsafe { std::ffi::CStr::from_ptr(path) };
    let path = Path::new(std::ffi::OsStr::from_bytes(path.to_bytes()));
    match () {
        () if path.is_absolute() => Some(path.to_owned()),
        () if dir == libc::AT_FDCWD => Some(std::env::current_dir().ok()?.join(path)),
        () => Some(path_of(dir)?.join(path)),
    }
}

/// Opens by path; nothing where that fails.
pub(crate) fn open(path: &Path, flags: c_int) -> Option<c_int> {
    let path = c_path(path);
    // SAFETY: a C string that lives during the call.
    let fd = unsafe { openat(libc::AT_FDCWD, path.as_ptr(), flags | libc::O_CLOEXEC, 0o644) };
    c_int::try_from(fd).ok().filter(|fd| *fd >= 0)
}

/// Device and inode, length, and whether it is a directory.
pub(crate) fn stat(fd: c_int) -> Option<((u64, u64), u64, bool)> {
    let mut found = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: `found` is a `stat` that the call fills where it gives zero.
    let found = unsafe {
        if libc::fstat(fd, found.as_mut_ptr()) != 0 {
            return None;
        }
        found.assume_init()
    };
    let directory = found.st_mode & libc::S_IFMT == libc::S_IFDIR;
    Some(((found.st_dev, found.st_ino), u64::try_from(found.st_size).ok()?, directory))
}

/// Whether something has this name.
pub(crate) fn exists(path: &Path) -> bool {
    let path = c_path(path);
    // SAFETY: a C string that lives during the call.
    unsafe { libc::access(path.as_ptr(), libc::F_OK) == 0 }
}

/// Reads as much of `bytes` as there is.
pub(crate) fn read_at(fd: c_int, bytes: &mut [u8], offset: u64) -> usize {
    let Ok(offset) = off_t::try_from(offset) else { return 0 };
    // SAFETY: the kernel writes at most `bytes.len()` bytes into `bytes`.
    let read = unsafe { libc::pread(fd, bytes.as_mut_ptr().cast(), bytes.len(), offset) };
    usize::try_from(read).unwrap_or(0)
}

/// Writes; what fails is left.
pub(crate) fn write_at(fd: c_int, bytes: &[u8], offset: u64) {
    let Ok(offset) = off_t::try_from(offset) else { return };
    // SAFETY: the bytes live during the call.
    unsafe { pwrite(fd, bytes.as_ptr().cast(), bytes.len(), offset) };
}

/// Renames without replacing; whether it did.
pub(crate) fn rename(from: &Path, to: &Path) -> bool {
    let (from, to) = (c_path(from), c_path(to));
    // SAFETY: C strings that live during the call.
    unsafe {
        renameat2(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), libc::RENAME_NOREPLACE) == 0
    }
}

/// Gives a file a second name; whether it did.
pub(crate) fn link(from: &Path, to: &Path) -> bool {
    let (from, to) = (c_path(from), c_path(to));
    // SAFETY: C strings that live during the call.
    unsafe { linkat(libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), 0) == 0 }
}

/// Removes a file's name.
pub(crate) fn unlink(path: &Path) {
    let path = c_path(path);
    // SAFETY: a C string that lives during the call.
    unsafe { unlinkat(libc::AT_FDCWD, path.as_ptr(), 0) };
}

/// Makes a directory.
pub(crate) fn mkdir(path: &Path) {
    let path = c_path(path);
    // SAFETY: a C string that lives during the call.
    unsafe { mkdirat(libc::AT_FDCWD, path.as_ptr(), 0o755) };
}

/// Sets a file's length.
pub(crate) fn set_length(fd: c_int, length: u64) {
    if let Ok(length) = off_t::try_from(length) {
        // SAFETY: no memory is handed over.
        unsafe { ftruncate(fd, length) };
    }
}

/// Ends the process as a kill from outside would.
pub(crate) fn die() -> ! {
    loop {
        // SAFETY: no memory is handed over.
        unsafe {
            libc::kill(libc::getpid(), libc::SIGKILL);
            libc::pause();
        }
    }
}

/// Waits for an end that is on its way.
pub(crate) fn wait_for_ever() -> ! {
    loop {
        // SAFETY: no memory is handed over.
        unsafe { libc::pause() };
    }
}
