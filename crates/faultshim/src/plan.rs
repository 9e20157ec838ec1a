//! What is to happen, read from the environment once.

use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What happens at the counted operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing: the operations are only counted.
    Nothing,
    /// The process ends before the operation.
    KillBefore,
    /// The process ends with half of a write done; before any other operation.
    KillMiddle,
    /// The process ends after the operation, before its caller learns.
    KillAfter,
    /// The operation fails with `EIO` and does nothing.
    Error,
    /// A write takes half of its bytes.
    Short,
    /// From here on nothing can grow: `ENOSPC`.
    Full,
    /// The operation never returns, and no later one begins: a disk that is gone without an error.
    Stall,
}

/// The settings.
#[derive(Debug)]
pub(crate) struct Plan {
    /// `FAULT_UNDER`: the absolute directory whose operations count.
    pub(crate) under: PathBuf,
    /// `FAULT_AT`: the operation, from 1.
    pub(crate) at: u64,
    /// `FAULT_KIND`: `kill-before`, `kill-middle`, `kill-after`, `error`, `short`, `full`, `stall`.
    pub(crate) fault: Fault,
    /// `FAULT_POWER`: when the process ends, what was not synced is lost with it. 0 loses all of it, any other number
    /// is the seed of which sectors and names are lost.
    pub(crate) power: Option<u64>,
    /// `FAULT_REPORT`: the file that gets the count and, where a fault fired, the operation.
    pub(crate) report: Option<PathBuf>,
}

impl Plan {
    /// The settings; nothing without `FAULT_UNDER`.
    pub(crate) fn from_environment() -> Option<Plan> {
        let number = |name| std::env::var(name).ok()?.parse().ok();
        let fault = match std::env::var("FAULT_KIND").unwrap_or_default().as_str() {
            "kill-before" => Fault::KillBefore,
            "kill-middle" => Fault::KillMiddle,
            "kill-after" => Fault::KillAfter,
            "error" => Fault::Error,
            "short" => Fault::Short,
            "full" => Fault::Full,
            "stall" => Fault::Stall,
            _ => Fault::Nothing,
        };
        Some(Plan {
            under: PathBuf::from(std::ffi::OsString::from_vec(std::env::var_os("FAULT_UNDER")?.into_vec())),
            at: number("FAULT_AT").unwrap_or(0),
            fault,
            power: number("FAULT_POWER"),
            report: std::env::var_os("FAULT_REPORT").map(PathBuf::from),
        })
    }
}
