//! The one counter, and what happens when it is reached.
//!
//! One lock is held over each counted operation, so that all threads' operations have one order and a dying process
//! does nothing more.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use libc::{c_int, c_long};

use crate::disk::Disk;
use crate::plan::{Fault, Plan};
use crate::sys;

/// What an operation does to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Growth {
    /// It needs no space.
    Never,
    /// It needs space, and a full disk refuses it.
    Needs,
}

/// How a counted operation is to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Do,
    /// Half of it, then the end; an operation without a half just ends.
    HalfThenEnd,
    DoThenEnd,
    /// A write of half the bytes.
    Short,
    Fail(c_int),
}

/// The state of the process.
pub(crate) struct World {
    plan: &'static Plan,
    count: u64,
    /// Kept only where the power is to be cut.
    pub(crate) disk: Option<Disk>,
}

static DYING: AtomicBool = AtomicBool::new(false);
static STALLED: AtomicBool = AtomicBool::new(false);

fn world() -> Option<&'static (&'static Plan, Mutex<World>)> {
    static WORLD: OnceLock<Option<(&'static Plan, Mutex<World>)>> = OnceLock::new();
    WORLD
        .get_or_init(|| {
            let plan: &'static Plan = Box::leak(Box::new(Plan::from_environment()?));
            // SAFETY: `at_exit` is a function that lives as long as this library.
            unsafe { libc::atexit(at_exit) };
            let disk = plan.power.map(|_| Disk::default());
            Some((plan, Mutex::new(World { plan, count: 0, disk })))
        })
        .as_ref()
}

/// The world, when this path is counted.
pub(crate) fn of(path: &Path) -> Option<MutexGuard<'static, World>> {
    let (plan, world) = world()?;
    path.starts_with(&plan.under).then(|| world.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The world and the path of a descriptor, when it is counted.
pub(crate) fn of_descriptor(fd: c_int) -> Option<(MutexGuard<'static, World>, PathBuf)> {
    world()?;
    let path = sys::path_of(fd)?;
    Some((of(&path)?, path))
}

/// A dying process tells nobody anything more.
pub(crate) fn hold_if_dying() {
    if DYING.load(Ordering::SeqCst) {
        sys::wait_for_ever();
    }
}

extern "C" fn at_exit() {
    // The stalled operation keeps the lock.
    if STALLED.load(Ordering::SeqCst) {
        return;
    }
    if let Some((_, world)) = world() {
        let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
        world.report("end", Path::new(""));
        DYING.store(true, Ordering::SeqCst);
        world.cut_power();
        // Kept locked: what a thread still wants to write would come after the power was cut.
        std::mem::forget(world);
    }
}

impl World {
    /// Counts one operation and says how it is carried out.
    pub(crate) fn turn(&mut self, operation: &str, path: &Path, growth: Growth) -> Turn {
        self.count += 1;
        let fault = self.plan.fault;
        if fault == Fault::Full && self.plan.at != 0 && self.count >= self.plan.at {
            return if growth == Growth::Needs { Turn::Fail(libc::ENOSPC) } else { Turn::Do };
        }
        if self.count != self.plan.at {
            return Turn::Do;
        }
        self.report(operation, path);
        match fault {
            Fault::Nothing | Fault::Full => Turn::Do,
            Fault::KillBefore => self.end(),
            Fault::KillMiddle => Turn::HalfThenEnd,
            Fault::KillAfter => Turn::DoThenEnd,
            Fault::Error => Turn::Fail(libc::EIO),
            Fault::Short => Turn::Short,
            Fault::Stall => {
                STALLED.store(true, Ordering::SeqCst);
                sys::wait_for_ever()
            }
        }
    }

    /// Carries out an operation that has no half.
    pub(crate) fn whole(&mut self, turn: Turn, call: impl FnOnce() -> c_long) -> c_long {
        match turn {
            Turn::Fail(errno) => sys::fail(errno),
            Turn::HalfThenEnd => self.end(),
            Turn::Do | Turn::Short | Turn::DoThenEnd => call(),
        }
    }

    /// Ends the process where the turn says so.
    pub(crate) fn end_after(&mut self, turn: Turn) {
        if turn == Turn::DoThenEnd {
            self.end();
        }
    }

    pub(crate) fn end(&mut self) -> ! {
        DYING.store(true, Ordering::SeqCst);
        self.cut_power();
        sys::die()
    }

    /// Where files wait that lost a name which is not durable: beside the counted directory, not in it.
    pub(crate) fn graveyard(&self) -> PathBuf {
        let mut name = self.plan.under.clone().into_os_string();
        name.push(".graveyard");
        PathBuf::from(name)
    }

    fn cut_power(&mut self) {
        let graveyard = self.graveyard();
        if let (Some(disk), Some(seed)) = (self.disk.as_mut(), self.plan.power) {
            disk.cut_power(seed, &graveyard);
        }
    }

    fn report(&self, operation: &str, path: &Path) {
        let Some(report) = &self.plan.report else { return };
        let Some(fd) = sys::open(report, libc::O_CREAT | libc::O_WRONLY | libc::O_APPEND) else { return };
        let below = path.strip_prefix(&self.plan.under).unwrap_or(path);
        let line = format!("{} {operation} {}\n", self.count, below.display());
        // SAFETY: the bytes live during the call.
        unsafe { sys::write(fd, line.as_ptr().cast(), line.len()) };
    }
}
