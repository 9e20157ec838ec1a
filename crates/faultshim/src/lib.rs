//! Stands in for the C library's storage calls: counts them over the whole process, and at a counted one kills the
//! process, fails the call, or cuts the power.
//!
//! Preloaded (`LD_PRELOAD`) rather than built into the ledger, because half of the ledger's operations are not its
//! own: sled's writes, its snapshot at opening, the directories that the standard library makes. A seam in the journal
//! reaches none of them, and `strace -e inject` counts per thread. The settings are environment variables, read at the
//! first call; see `plan.rs`. Only what lies under `FAULT_UNDER` is counted: the ledger's files, not the standard
//! output on which a driver acknowledges.
//!
//! Invariant: the calls themselves go to the kernel directly (`sys.rs`), never through a function of this library.

#![cfg(target_os = "linux")]

mod calls;
mod disk;
mod plan;
mod sys;
mod world;
