//! The pure core. (Signature first; the body follows.)
#![allow(missing_docs)]
use bedside_claim::{Accumulators, Claim, Fault, Settlement};
use bedside_policy::Programme;

pub fn adjudicate(
    _claim: &Claim,
    _programme: &Programme,
    _accumulators: &Accumulators,
) -> Result<Settlement, Fault> {
    Err(Fault::OutOfRange)
}
