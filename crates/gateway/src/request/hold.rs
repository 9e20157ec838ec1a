//! A quote that shall bind (2303 with `hold_until`): the bill, and until when.

use bedside_claim::{Claim, DateTime};
use jiff::tz::Offset;

use super::fields::{Era, Place, Reader};
use super::{Envelope, settle};
use crate::invalid::{InvalidCode, InvalidMessage, Phrase};
use crate::v1;

/// China Standard Time, the civil time of every hospital.
const CHINA: Offset = Offset::constant(8);

/// The claim of a quote, which is not settled within a hold.
///
/// # Errors
/// [`InvalidMessage`]: everything that [`settle`] finds; else a `hold_id`.
pub fn quote(bill: &v1::SettleBillRequest) -> Result<(Envelope, Claim), InvalidMessage> {
    let claim = settle(bill)?;
    let mut reader = Reader::default();
    if !bill.hold_id.is_empty() {
        let allowed = Phrase::fixed("预结算时为空", "empty in a quote");
        reader.fault(Place::Node("bill"), "hold_id", InvalidCode::NotSupported, &bill.hold_id, allowed);
        return reader.faults.finish(None);
    }
    Ok(claim)
}

/// The bill of a quote, and until when it shall bind, in milliseconds since 1970-01-01 UTC. Whether that lies ahead is
/// asked by [`hold_span`], because the same message must find its answer again later.
///
/// # Errors
/// [`InvalidMessage`]: everything that [`quote`] finds in the bill; else `hold_until` badly formed.
pub fn hold(
    bill: &v1::SettleBillRequest,
    hold_until: &str,
) -> Result<(Envelope, Claim, i64), InvalidMessage> {
    let (envelope, claim) = quote(bill)?;
    Ok((envelope, claim, read_until(hold_until)?))
}

/// Until when a quote shall bind, in milliseconds since 1970-01-01 UTC.
///
/// # Errors
/// [`InvalidMessage`]: `hold_until` badly formed.
pub(crate) fn read_until(hold_until: &str) -> Result<i64, InvalidMessage> {
    let mut reader = Reader::default();
    let until = reader.time(Place::Top, "hold_until", hold_until, Era::Visit);
    reader.faults.finish(until.and_then(millisecond))
}

fn millisecond(civil: DateTime) -> Option<i64> {
    CHINA.to_timestamp(civil).ok().map(|time| time.as_millisecond())
}

/// Checks that a hold ends after now, and within the longest span that is allowed.
///
/// # Errors
/// [`InvalidMessage`] of `hold_until`.
pub fn hold_span(
    hold_until: &str,
    until_ms: i64,
    now_ms: i64,
    hold_max_s: u64,
) -> Result<(), InvalidMessage> {
    let mut reader = Reader::default();
    let hold_max_ms = i64::try_from(hold_max_s).unwrap_or(i64::MAX).saturating_mul(1_000);
    let within = until_ms > now_ms && until_ms <= now_ms.saturating_add(hold_max_ms);
    if !within {
        let allowed = Phrase::made(
            format!("当前时间之后、{hold_max_s} 秒之内的北京时间"),
            format!("a time after now and at most {hold_max_s} seconds ahead, in China Standard Time"),
        );
        reader.fault(Place::Top, "hold_until", InvalidCode::HoldUntil, hold_until, allowed);
    }
    reader.faults.finish(within.then_some(()))
}
