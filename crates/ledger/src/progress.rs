//! How far a long reading of the journal has come.

use std::time::{Duration, Instant};

/// How often a long reading says where it is.
const INTERVAL: Duration = Duration::from_secs(1);

/// How far a long reading of the journal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Records read.
    pub records: u64,
    /// The segment that is read.
    pub segment: u64,
    /// The last segment.
    pub segments: u64,
}

/// Tells the log once a second, so that an opening that takes longer is not a silent one.
pub(crate) fn to_the_log(doing: &'static str) -> impl FnMut(Progress) {
    let mut told = Instant::now();
    move |Progress { records, segment, segments }| {
        if told.elapsed() >= INTERVAL {
            told = Instant::now();
            tracing::info!(records, segment, segments, "{doing}");
        }
    }
}
