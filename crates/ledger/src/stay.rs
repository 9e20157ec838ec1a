//! The life of a stay: what a call does to it, the states it can be in, and which call each state lets through.
//!
//! [`after`] is the one table; it is pure, and `docs/lifecycle.md` shows it. What a call says in words (diagnoses, prices,
//! dates) is opaque here: the ledger knows of a line its number and the line that it refunds. Must not know how a
//! row is spelt (`rows.rs`), nor what a settlement is worth. Invariant: a refusal changes nothing.

pub(crate) mod booking;
pub(crate) mod command;
pub(crate) mod folded;
mod handle;
pub(crate) mod outcome;
pub(crate) mod read;
pub(crate) mod rows;

use std::sync::Arc;

use crate::codec::{Decoder, Encoder, Malformed, TooLarge};

/// Lines that stand in one stay at most.
pub const STAY_LINES_MAX: u32 = 200_000;

/// Lines of one settlement, and so those of a stay that stand and are not settled: with every field filled and six payers, bill and
/// answer of so many fit one record.
pub const SETTLEMENT_LINES_MAX: u32 = 50_000;

/// What a record does to a stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StayKind {
    /// 2401: opens it.
    Admit,
    /// 2403: changes what was said at admission.
    Update,
    /// 2404: it never was.
    CancelAdmission,
    /// 2301: lines come in.
    FeesIn,
    /// 2302: lines are withdrawn.
    FeesOut,
    /// 2402: the person has left.
    Discharge,
    /// 2405: the person has not left.
    CancelDischarge,
    /// A change (2403) is taken back; only a reversal does that.
    TakeBackUpdate,
}

impl StayKind {
    /// Every kind, by stored number from 1.
    pub const ALL: [StayKind; 8] = [
        StayKind::Admit,
        StayKind::Update,
        StayKind::CancelAdmission,
        StayKind::FeesIn,
        StayKind::FeesOut,
        StayKind::Discharge,
        StayKind::CancelDischarge,
        StayKind::TakeBackUpdate,
    ];

    pub(crate) fn number(self) -> u8 {
        self as u8 + 1
    }

    pub(crate) fn from_number(number: u8) -> Option<StayKind> {
        StayKind::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// What takes it back; nothing for what takes back itself, which stands.
    pub fn inverse(self) -> Option<StayKind> {
        match self {
            StayKind::Admit => Some(StayKind::CancelAdmission),
            StayKind::Update => Some(StayKind::TakeBackUpdate),
            StayKind::FeesIn => Some(StayKind::FeesOut),
            StayKind::Discharge => Some(StayKind::CancelDischarge),
            StayKind::CancelAdmission
            | StayKind::FeesOut
            | StayKind::CancelDischarge
            | StayKind::TakeBackUpdate => None,
        }
    }
}

/// A line as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StayLine {
    /// `feedetl_sn`: unique among the lines that stand in the stay.
    pub feedetl_sn: Arc<str>,
    /// On a refund, the line that it refunds, of the same batch or an earlier one.
    pub refunds: Option<Arc<str>>,
}

/// What a record does to a stay, and to which of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StayChange {
    /// What it does.
    pub kind: StayKind,
    /// The sequence of the call that it takes back, where it is a reversal's.
    pub reverses: Option<u64>,
    /// The lines that come in or go out.
    pub lines: Vec<StayLine>,
}

impl StayChange {
    pub(crate) fn encode(&self, out: &mut Encoder) -> Result<(), TooLarge> {
        out.u8(self.kind.number());
        out.u64(self.reverses.unwrap_or_default());
        out.length("lines", self.lines.len())?;
        for line in &self.lines {
            out.text("feedetl_sn", &line.feedetl_sn)?;
            out.text("init_feedetl_sn", line.refunds.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    pub(crate) fn decode(input: &mut Decoder<'_>) -> Result<StayChange, Malformed> {
        let kind = StayKind::from_number(input.u8("kind")?).ok_or(Malformed("kind"))?;
        let reverses = Some(input.u64("reverses")?).filter(|of| *of != 0);
        // two empty texts
        let count = input.count("lines", 2)?;
        let mut lines = Vec::with_capacity(count);
        for _ in 0..count {
            let feedetl_sn = input.text("feedetl_sn")?;
            let refunds = Some(input.text("init_feedetl_sn")?).filter(|charge| !charge.is_empty());
            lines.push(StayLine { feedetl_sn, refunds });
        }
        Ok(StayChange { kind, reverses, lines })
    }
}

/// Which part of a stay a settlement is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StayPart {
    /// Every line that stands and is not settled; the stay goes on.
    MidStay,
    /// The rest, after discharge.
    Final,
}

impl StayPart {
    pub(crate) fn encode(part: Option<StayPart>, out: &mut Encoder) {
        out.u8(match part {
            None => 0,
            Some(StayPart::MidStay) => 1,
            Some(StayPart::Final) => 2,
        });
    }

    pub(crate) fn decode(input: &mut Decoder<'_>) -> Result<Option<StayPart>, Malformed> {
        match input.u8("part")? {
            0 => Ok(None),
            1 => Ok(Some(StayPart::MidStay)),
            2 => Ok(Some(StayPart::Final)),
            _ => Err(Malformed("part")),
        }
    }
}

/// Where a stay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StayState {
    /// Nothing was admitted under the number.
    Unknown,
    /// The person is in hospital.
    Admitted,
    /// The person has left; nothing more comes in or goes out.
    Discharged,
    /// The whole stay is settled.
    Settled,
    /// The admission was cancelled.
    Cancelled,
}

/// What a call asks of a stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StayStep {
    /// A call of the stay itself.
    Call(StayKind),
    /// A settlement.
    Settle(StayPart),
    /// The cancellation or reversal of a settlement.
    Unsettle(StayPart),
    /// A quote that binds.
    Quote,
    /// `SettleBill` under the stay's number.
    SettleBill,
}

/// Why a stay does not take a call. In the order in which the conditions are looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StayRefusal {
    /// There is no stay under that number of that person at that hospital.
    #[error("there is no such stay")]
    NotFound,
    /// Its admission was cancelled.
    #[error("the admission was cancelled")]
    Cancelled,
    /// A stay stands under that number.
    #[error("a stay stands under that number")]
    AlreadyAdmitted,
    /// The visit is settled.
    #[error("the visit is settled by `{setl_id}`")]
    AlreadySettled {
        /// By which settlement.
        setl_id: Arc<str>,
    },
    /// The person has left.
    #[error("the person is discharged")]
    AlreadyDischarged,
    /// The person has not left.
    #[error("the person is not discharged")]
    NotDischarged,
    /// The person is recorded as in hospital.
    #[error("the person is in hospital at `{fixmedins_code}`")]
    InHospital {
        /// Where.
        fixmedins_code: Arc<str>,
        /// Under which number, where it is the caller's own hospital.
        mdtrt_id: Option<Arc<str>>,
    },
    /// Lines stand in the stay.
    #[error("{lines} lines stand")]
    LinesStand {
        /// How many.
        lines: u32,
    },
    /// No line stands that the call could be about.
    #[error("no unsettled line stands")]
    NoLines,
    /// A line of that number stands.
    #[error("line `{feedetl_sn}` stands already")]
    LineExists {
        /// The line.
        feedetl_sn: Arc<str>,
    },
    /// No line of that number stands.
    #[error("no line `{feedetl_sn}` stands")]
    LineUnknown {
        /// The line.
        feedetl_sn: Arc<str>,
    },
    /// The line is settled mid-stay.
    #[error("line `{feedetl_sn}` is settled by `{setl_id}`")]
    LineSettled {
        /// The line.
        feedetl_sn: Arc<str>,
        /// By which settlement.
        setl_id: Arc<str>,
    },
    /// A refund that stands names the line.
    #[error("line `{feedetl_sn}` is refunded by `{by}`")]
    LineRefunded {
        /// The line.
        feedetl_sn: Arc<str>,
        /// The refund.
        by: Arc<str>,
    },
    /// More lines than a stay may have.
    #[error("{lines} lines, at most {STAY_LINES_MAX} stand in a stay")]
    TooManyLines {
        /// How many there would be.
        lines: u32,
    },
    /// More lines that are not settled than one settlement takes.
    #[error("{lines} lines are not settled, one settlement takes {SETTLEMENT_LINES_MAX}")]
    TooManyUnsettled {
        /// How many there would be.
        lines: u32,
    },
    /// A later call stands on the one that is to be taken back.
    #[error("a later call stands on it")]
    LaterStands,
    /// What the call did was taken back before.
    #[error("it was taken back before")]
    TakenBack,
}

/// The state behind a step, or why the step is refused: the one table of a stay. `settled_by` is the settlement that
/// stands last.
pub(crate) fn after(
    state: StayState,
    step: StayStep,
    settled_by: impl Fn() -> Arc<str>,
) -> Result<StayState, StayRefusal> {
    use StayKind::{
        Admit, CancelAdmission, CancelDischarge, Discharge, FeesIn, FeesOut, TakeBackUpdate, Update,
    };
    use StayPart::{Final, MidStay};
    use StayState::{Admitted, Cancelled, Discharged, Settled, Unknown};
    use StayStep::{Call, Quote, Settle, SettleBill, Unsettle};
    match (state, step) {
        (Unknown | Cancelled, Call(Admit)) => Ok(Admitted),
        (Unknown | Cancelled, SettleBill) => Ok(state),
        (Unknown, _) => Err(StayRefusal::NotFound),
        (Cancelled, _) => Err(StayRefusal::Cancelled),

        (Settled, Unsettle(Final)) => Ok(Discharged),
        (Admitted | Discharged, Unsettle(MidStay)) => Ok(state),
        // What undoes a settlement has found it standing; a settlement in the wrong state is the journal's fault.
        (Admitted | Discharged, Unsettle(Final)) => Err(StayRefusal::NotFound),
        (Settled, Unsettle(MidStay)) => Err(StayRefusal::LaterStands),
        (Settled, Call(Admit)) => Err(StayRefusal::AlreadyAdmitted),
        (Settled, _) => Err(StayRefusal::AlreadySettled { setl_id: settled_by() }),

        (_, Call(Admit) | SettleBill) => Err(StayRefusal::AlreadyAdmitted),
        (Admitted | Discharged, Quote) => Ok(state),
        (Admitted, Call(Update | FeesIn | FeesOut | TakeBackUpdate)) => Ok(Admitted),
        (Admitted, Call(CancelAdmission)) => Ok(Cancelled),
        (Admitted, Call(Discharge)) => Ok(Discharged),
        (Admitted, Settle(MidStay)) => Ok(Admitted),
        (Admitted, Call(CancelDischarge) | Settle(Final)) => Err(StayRefusal::NotDischarged),

        (Discharged, Call(CancelDischarge)) => Ok(Admitted),
        (Discharged, Settle(Final)) => Ok(Settled),
        (Discharged, Call(_) | Settle(MidStay)) => Err(StayRefusal::AlreadyDischarged),
    }
}
