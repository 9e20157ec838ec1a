//! What is asked of the ledger by a correction, what it asks back, and what it tells. No IO here.
//!
//! The ledger keeps bills as bytes and knows no rule: whoever submits a correction brings the reading of a stored bill and
//! the decision. Both must be pure.

use std::fmt;
use std::sync::Arc;

use bedside_claim::{Accumulators, Date, DateTime, Money};

use crate::codec::TooLarge;
use crate::event::{Assigned, Committed, Decision, MessageKey, PersonKey, Posting};

/// Whether a correction is booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// It is booked under its message.
    Book,
    /// Nothing is booked and no message used up: what it would come to is answered.
    Dry,
}

/// Asks to correct one booked settlement and whatever was computed from it.
#[derive(Clone, PartialEq, Eq)]
pub struct CorrectEvent {
    /// The call.
    pub message: MessageKey,
    /// The person of the settlement.
    pub person: PersonKey,
    /// The settlement to correct.
    pub setl_id: Arc<str>,
    /// The corrected facts; nothing where the facts stay and only the rules are others.
    pub bill: Option<Vec<u8>>,
    /// Whether it is booked.
    pub run: Run,
    /// When, in milliseconds since 1970-01-01 UTC; stamped by the shell.
    pub booked_at_ms: i64,
    /// The canonical bytes of the content.
    pub request: Vec<u8>,
}

impl CorrectEvent {
    pub(crate) fn check(&self) -> Result<(), TooLarge> {
        self.message.check()?;
        self.person.check()
    }
}

impl fmt::Debug for CorrectEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CorrectEvent")
            .field("message", &self.message)
            .field("setl_id", &self.setl_id)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// When a service ended: settlements are computed again in this order, ties in the order in which they were booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// When the visit ended.
    pub ended: DateTime,
    /// The day of its settlement.
    pub settled: Date,
}

/// What the ledger must know of a bill to compute it again.
#[derive(Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its place in the order of services.
    pub service: Service,
    /// The person's family, whose accumulators the decision sees too and may change; nothing for none.
    pub family_no: Option<Arc<str>>,
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("service", &self.service).finish_non_exhaustive()
    }
}

/// How stored bills are decided again. Runs on the committer's thread: pure and quick.
pub trait Readjudication: Send + 'static {
    /// Why a bill cannot be decided, or the answer not given.
    type Refusal: Send + 'static;

    /// What the order goes by. Asked also of settlements that turn out not to be touched.
    ///
    /// # Errors
    /// The refusal, where the bytes are no bill that can be read.
    fn facts(&self, bill: &[u8]) -> Result<Facts, Self::Refusal>;

    /// Decides a bill against the accumulators as they stand at its place. `settlement` is as it was when it was booked,
    /// so that the same outcome is the same bytes.
    ///
    /// # Errors
    /// The refusal, where it cannot be decided under the rules of now.
    fn decide(
        &self,
        bill: &[u8],
        settlement: &Standing<'_>,
        accumulators: &Accumulators,
    ) -> Result<Decision, Self::Refusal>;

    /// The answer to the correction.
    ///
    /// # Errors
    /// The refusal, where it cannot be given; nothing is booked then.
    fn answer(&self, effect: &Effect, assigned: &Assigned) -> Result<Vec<u8>, Self::Refusal>;
}

/// A settlement that is decided again.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// What it was assigned when it was booked, and is still.
    pub assigned: &'a Assigned,
    /// The call that booked it.
    pub message: &'a MessageKey,
    /// The visit.
    pub mdtrt_id: &'a str,
    /// The facts that it was booked with.
    pub booked_bill: &'a [u8],
}

/// What a correction comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The settlements that get a new version, in the order of their services.
    pub changed: Vec<ChangedSettlement>,
    /// How many were computed again and came out as they were.
    pub unchanged: u64,
}

/// A settlement before and after a correction.
#[derive(Clone, PartialEq, Eq)]
pub struct ChangedSettlement {
    /// Its identifier, which it keeps.
    pub setl_id: Arc<str>,
    /// The call that booked it.
    pub message: MessageKey,
    /// The visit.
    pub mdtrt_id: Arc<str>,
    /// The number of the new version.
    pub version: u32,
    /// The bill's total before.
    pub old_medfee_sumamt: Money,
    /// The bill's total now.
    pub new_medfee_sumamt: Money,
    /// Who bore it.
    pub old: Vec<Posting>,
    /// Who bears it.
    pub new: Vec<Posting>,
    /// What is posted: new less old by account, without zeros.
    pub net: Vec<Posting>,
    /// The answer of the new version.
    pub answer: Arc<[u8]>,
}

impl fmt::Debug for ChangedSettlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangedSettlement")
            .field("setl_id", &self.setl_id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What became of a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Corrected {
    /// It is booked, by this call or an earlier one.
    Booked(Committed),
    /// It was a dry run: what it would come to.
    Dry(Vec<u8>),
}
