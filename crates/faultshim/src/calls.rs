//! The functions themselves, under the C library's names.
//!
//! An opening counts where it creates or empties a file; reading never counts. Copies inside the kernel are refused
//! into counted files, so that the standard library falls back to writes, which are.
#![allow(clippy::missing_safety_doc, missing_docs)]

use std::path::Path;

use libc::{c_char, c_int, c_long, c_uint, c_void, iovec, mode_t, off_t, size_t, ssize_t};

use crate::sys;
use crate::world::{self, Growth, Turn};

fn as_int(result: c_long) -> c_int {
    c_int::try_from(result).unwrap_or(-1)
}

fn as_size(result: c_long) -> ssize_t {
    ssize_t::try_from(result).unwrap_or(-1)
}

unsafe fn open_counted(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: what the caller gave, handed on.
    let call = || unsafe { sys::openat(dir, path, flags, mode) };
    if flags & (libc::O_CREAT | libc::O_TRUNC) == 0 {
        return as_int(call());
    }
    // SAFETY: an opening's path is a C string.
    let Some(name) = (unsafe { sys::path_at(dir, path) }) else { return as_int(call()) };
    let Some(mut world) = world::of(&name) else { return as_int(call()) };
    let exists = sys::exists(&name);
    if exists && flags & libc::O_TRUNC == 0 {
        return as_int(call());
    }
    let growth = if exists { Growth::Never } else { Growth::Needs };
    let turn = world.turn("open", &name, growth);
    if exists
        && let Some(disk) = world.disk.as_mut()
        && let Some(fd) = sys::open(&name, libc::O_RDWR)
    {
        disk.before_truncate(fd, 0);
    }
    let fd = world.whole(turn, call);
    if fd >= 0
        && !exists
        && let Some(disk) = world.disk.as_mut()
    {
        disk.created(name);
    }
    world.end_after(turn);
    as_int(fd)
}

// The C library's `open` is variadic; the third argument travels the same way on the platforms that Linux has here.

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: handed on.
    unsafe { open_counted(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: handed on.
    unsafe { open_counted(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: handed on.
    unsafe { open_counted(dir, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat64(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: handed on.
    unsafe { open_counted(dir, path, flags, mode) }
}

/// A write at a place, or at the file's own.
unsafe fn write_counted(fd: c_int, bytes: *const c_void, count: size_t, offset: Option<off_t>) -> ssize_t {
    let call = |count: size_t| match offset {
        // SAFETY: what the caller gave, or its first half.
        Some(offset) => unsafe { sys::pwrite(fd, bytes, count, offset) },
        // SAFETY: as above.
        None => unsafe { sys::write(fd, bytes, count) },
    };
    world::hold_if_dying();
    let Some((mut world, path)) = world::of_descriptor(fd) else { return as_size(call(count)) };
    // SAFETY: no memory is handed over.
    let here = offset.unwrap_or_else(|| unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) });
    let here = u64::try_from(here).unwrap_or(0);
    let length = sys::stat(fd).map_or(0, |(_, length, _)| length);
    let grows = here + count as u64 > length;
    let turn = world.turn("write", &path, if grows { Growth::Needs } else { Growth::Never });
    if let Some(disk) = world.disk.as_mut()
        && !matches!(turn, Turn::Fail(_))
    {
        disk.before_write(fd, here, count as u64);
    }
    let written = match turn {
        Turn::Fail(errno) => sys::fail(errno),
        Turn::Short => call(count.div_ceil(2)),
        Turn::HalfThenEnd => {
            call(count / 2);
            world.end()
        }
        Turn::Do | Turn::DoThenEnd => call(count),
    };
    world.end_after(turn);
    as_size(written)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, count: size_t) -> ssize_t {
    // SAFETY: handed on.
    unsafe { write_counted(fd, bytes, count, None) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, bytes: *const c_void, count: size_t, offset: off_t) -> ssize_t {
    // SAFETY: handed on.
    unsafe { write_counted(fd, bytes, count, Some(offset)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, bytes: *const c_void, count: size_t, offset: off_t) -> ssize_t {
    // SAFETY: handed on.
    unsafe { write_counted(fd, bytes, count, Some(offset)) }
}

/// The pieces of a gathering write in one.
unsafe fn gathered(pieces: *const iovec, count: c_int) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the caller gave `count` pieces, each of its own length.
        unsafe {
            let piece = &*pieces.add(number);
            if piece.iov_len > 0 {
                bytes.extend_from_slice(std::slice::from_raw_parts(piece.iov_base.cast(), piece.iov_len));
            }
        }
    }
    bytes
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, pieces: *const iovec, count: c_int) -> ssize_t {
    // SAFETY: handed on; the bytes live during the call.
    unsafe {
        let bytes = gathered(pieces, count);
        write_counted(fd, bytes.as_ptr().cast(), bytes.len(), None)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev(fd: c_int, pieces: *const iovec, count: c_int, offset: off_t) -> ssize_t {
    // SAFETY: handed on; the bytes live during the call.
    unsafe {
        let bytes = gathered(pieces, count);
        write_counted(fd, bytes.as_ptr().cast(), bytes.len(), Some(offset))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev64(fd: c_int, pieces: *const iovec, count: c_int, offset: off_t) -> ssize_t {
    // SAFETY: handed on.
    unsafe { pwritev(fd, pieces, count, offset) }
}

fn sync_counted(operation: &str, fd: c_int, call: impl FnOnce() -> c_long) -> c_int {
    let Some((mut world, path)) = world::of_descriptor(fd) else { return as_int(call()) };
    let turn = world.turn(operation, &path, Growth::Never);
    let result = world.whole(turn, call);
    if let Some(disk) = world.disk.as_mut() {
        if result == 0 { disk.synced(fd) } else { disk.sync_failed(fd) }
    }
    world.end_after(turn);
    as_int(result)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    // SAFETY: no memory is handed over.
    sync_counted("fsync", fd, || unsafe { sys::fsync(fd) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    // SAFETY: no memory is handed over.
    sync_counted("fdatasync", fd, || unsafe { sys::fdatasync(fd) })
}

/// An operation on an open file that the imagined disk takes no note of, or has taken note of before.
fn plain_counted(operation: &str, fd: c_int, growth: Growth, call: impl FnOnce() -> c_long) -> c_int {
    let Some((mut world, path)) = world::of_descriptor(fd) else { return as_int(call()) };
    let turn = world.turn(operation, &path, growth);
    let result = world.whole(turn, call);
    world.end_after(turn);
    as_int(result)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sync_file_range(fd: c_int, offset: off_t, count: off_t, flags: c_uint) -> c_int {
    // SAFETY: no memory is handed over.
    plain_counted("sync_file_range", fd, Growth::Never, || unsafe {
        sys::sync_file_range(fd, offset, count, flags)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    let mut growth = Growth::Never;
    if let Some((mut world, _)) = world::of_descriptor(fd) {
        let to = u64::try_from(length).unwrap_or(0);
        if to > sys::stat(fd).map_or(0, |(_, length, _)| length) {
            growth = Growth::Needs;
        }
        if let Some(disk) = world.disk.as_mut() {
            disk.before_truncate(fd, to);
        }
    }
    // SAFETY: no memory is handed over.
    plain_counted("ftruncate", fd, growth, || unsafe { sys::ftruncate(fd, length) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    // SAFETY: handed on.
    unsafe { ftruncate(fd, length) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fallocate(fd: c_int, mode: c_int, offset: off_t, length: off_t) -> c_int {
    if let Some((mut world, _)) = world::of_descriptor(fd)
        && let Some(disk) = world.disk.as_mut()
    {
        disk.before_write(fd, u64::try_from(offset).unwrap_or(0), u64::try_from(length).unwrap_or(0));
    }
    // SAFETY: no memory is handed over.
    plain_counted("fallocate", fd, Growth::Needs, || unsafe { sys::fallocate(fd, mode, offset, length) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fallocate64(fd: c_int, mode: c_int, offset: off_t, length: off_t) -> c_int {
    // SAFETY: handed on.
    unsafe { fallocate(fd, mode, offset, length) }
}

/// Gives the error instead of setting it, as POSIX has it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_fallocate(fd: c_int, offset: off_t, length: off_t) -> c_int {
    // SAFETY: handed on; the C library's error cell of this thread.
    unsafe { if fallocate(fd, 0, offset, length) == 0 { 0 } else { *libc::__errno_location() } }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_fallocate64(fd: c_int, offset: off_t, length: off_t) -> c_int {
    // SAFETY: handed on.
    unsafe { posix_fallocate(fd, offset, length) }
}

unsafe fn rename_counted(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    // SAFETY: what the caller gave, handed on.
    let call = || unsafe { sys::renameat2(from_dir, from, to_dir, to, flags) };
    // SAFETY: both are C strings.
    let names = unsafe { sys::path_at(from_dir, from).zip(sys::path_at(to_dir, to)) };
    let Some((old, new)) = names else { return as_int(call()) };
    let Some(mut world) = world::of(&new) else { return as_int(call()) };
    let turn = world.turn("rename", &new, Growth::Never);
    let replaces = sys::exists(&new);
    let result = world.whole(turn, call);
    if result == 0
        && !replaces
        && let Some(disk) = world.disk.as_mut()
    {
        disk.renamed(old, new);
    }
    world.end_after(turn);
    as_int(result)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: handed on.
    unsafe { rename_counted(libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
) -> c_int {
    // SAFETY: handed on.
    unsafe { rename_counted(from_dir, from, to_dir, to, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat2(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    // SAFETY: handed on.
    unsafe { rename_counted(from_dir, from, to_dir, to, flags) }
}

unsafe fn unlink_counted(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: what the caller gave, handed on.
    let call = || unsafe { sys::unlinkat(dir, path, flags) };
    // SAFETY: a C string.
    let Some(name) = (unsafe { sys::path_at(dir, path) }) else { return as_int(call()) };
    let Some(mut world) = world::of(&name) else { return as_int(call()) };
    let operation = if flags & libc::AT_REMOVEDIR == 0 { "unlink" } else { "rmdir" };
    let turn = world.turn(operation, &name, Growth::Never);
    if matches!(turn, Turn::Do | Turn::Short | Turn::DoThenEnd) && operation == "unlink" {
        let graveyard = world.graveyard();
        if let Some(disk) = world.disk.as_mut() {
            disk.before_unlink(&name, &graveyard);
        }
    }
    let result = world.whole(turn, call);
    world.end_after(turn);
    as_int(result)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: handed on.
    unsafe { unlink_counted(libc::AT_FDCWD, path, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: handed on.
    unsafe { unlink_counted(dir, path, flags) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    // SAFETY: handed on.
    unsafe { unlink_counted(libc::AT_FDCWD, path, libc::AT_REMOVEDIR) }
}

/// An operation that gives something a name.
fn named_counted(
    operation: &str,
    name: &Path,
    call: impl FnOnce() -> c_long,
    note: impl FnOnce(&mut crate::disk::Disk),
) -> c_int {
    let Some(mut world) = world::of(name) else { return as_int(call()) };
    let turn = world.turn(operation, name, Growth::Needs);
    let result = world.whole(turn, call);
    if result == 0
        && let Some(disk) = world.disk.as_mut()
    {
        note(disk);
    }
    world.end_after(turn);
    as_int(result)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdirat(dir: c_int, path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: what the caller gave, handed on.
    let call = || unsafe { sys::mkdirat(dir, path, mode) };
    // SAFETY: a C string.
    let Some(name) = (unsafe { sys::path_at(dir, path) }) else { return as_int(call()) };
    named_counted("mkdir", &name, call, |disk| disk.made_directory(name.clone()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: handed on.
    unsafe { mkdirat(libc::AT_FDCWD, path, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn linkat(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    // SAFETY: what the caller gave, handed on.
    let call = || unsafe { sys::linkat(from_dir, from, to_dir, to, flags) };
    // SAFETY: a C string.
    let Some(name) = (unsafe { sys::path_at(to_dir, to) }) else { return as_int(call()) };
    named_counted("link", &name, call, |disk| disk.created(name.clone()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: handed on.
    unsafe { linkat(libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn copy_file_range(
    from: c_int,
    from_offset: *mut off_t,
    to: c_int,
    to_offset: *mut off_t,
    count: size_t,
    flags: c_uint,
) -> ssize_t {
    if world::of_descriptor(to).is_some() {
        return as_size(sys::fail(libc::ENOSYS));
    }
    let number = libc::SYS_copy_file_range;
    // SAFETY: what the caller gave, handed on.
    as_size(unsafe { libc::syscall(number, from, from_offset, to, to_offset, count, flags) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendfile(to: c_int, from: c_int, offset: *mut off_t, count: size_t) -> ssize_t {
    if world::of_descriptor(to).is_some() {
        return as_size(sys::fail(libc::ENOSYS));
    }
    // SAFETY: what the caller gave, handed on.
    as_size(unsafe { libc::syscall(libc::SYS_sendfile, to, from, offset, count) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendfile64(to: c_int, from: c_int, offset: *mut off_t, count: size_t) -> ssize_t {
    // SAFETY: handed on.
    unsafe { sendfile(to, from, offset, count) }
}
