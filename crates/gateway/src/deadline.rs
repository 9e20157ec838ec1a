//! How long a call may take: the caller's `grpc-timeout` or the server's cap, whichever is shorter.

use std::time::Duration;

use tokio::time::Instant;
use tonic::metadata::MetadataMap;

/// Taken off the caller's time, so that our status, which says what a timeout means, arrives before the caller gives up.
const MARGIN: Duration = Duration::from_millis(20);

/// The moment after which nobody waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn of(metadata: &MetadataMap, cap: Duration) -> Deadline {
        let asked = metadata.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(parse);
        let allowed = match asked {
            Some(asked) => asked.saturating_sub(MARGIN.min(asked / 10)).min(cap),
            None => cap,
        };
        Deadline(Instant::now() + allowed)
    }

    pub(crate) fn has_passed(self) -> bool {
        Instant::now() >= self.0
    }

    pub(crate) fn instant(self) -> Instant {
        self.0
    }
}

/// Up to eight digits and a unit, as gRPC writes it; anything else is no deadline.
fn parse(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let amount = text.strip_suffix(unit)?;
    if amount.is_empty() || amount.len() > 8 || !amount.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = amount.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(amount * 3600),
        'M' => Duration::from_secs(amount * 60),
        'S' => Duration::from_secs(amount),
        'm' => Duration::from_millis(amount),
        'u' => Duration::from_micros(amount),
        'n' => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_grpc_writes() {
        assert_eq!(parse("10S"), Some(Duration::from_secs(10)));
        assert_eq!(parse("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for text in ["", "S", "10", "1.5S", "-1S", "123456789S", "10s", "１S", "10秒"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
