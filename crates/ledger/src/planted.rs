//! Bugs on purpose: the evidence that the suite would notice them.
//!
//! With the feature `planted-bugs`, which only `tests/planted.rs` is built with, a process has the one bug that
//! `BEDSIDE_PLANTED` names. Without it every question is answered no while compiling, and nothing is left of them.

/// Whether this process has that bug.
#[cfg(feature = "planted-bugs")]
pub(crate) fn is(bug: &str) -> bool {
    static PLANTED: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    PLANTED.get_or_init(|| std::env::var("BEDSIDE_PLANTED").unwrap_or_default()) == bug
}

/// Whether this process has that bug.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub(crate) const fn is(_: &str) -> bool {
    false
}
