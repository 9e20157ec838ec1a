//! Why a command was not booked: one enum per command, its own conditions in the order in which they are checked; what any
//! command may meet is [`NotBooked`].

mod not_booked;

use std::convert::Infallible;
use std::sync::Arc;

use bedside_claim::accumulators::StaleChange;
use bedside_claim::{AccumulatorKey, Money, Overflow};

use crate::booking::BookingError;
use crate::codec::TooLarge;
use crate::event::MessageKind;
use crate::holds::Ended;
use crate::segments::ReadError;
use crate::stay::StayRefusal;

pub use self::not_booked::NotBooked;
pub(crate) use self::not_booked::Stopped;

/// The queue is full. Nothing happened and nothing will: the command may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ledger is busy")]
pub struct Busy;

/// Why a settlement, or a hold, was not booked. `E` is the refusal of the caller's decision.
#[derive(Debug, thiserror::Error)]
pub enum SettleError<E> {
    /// What any command may meet.
    #[error(transparent)]
    NotBooked(NotBooked<E>),
    /// The visit is settled under another message.
    #[error("visit is already settled by `{setl_id}`")]
    AlreadySettled {
        /// By which settlement.
        setl_id: Arc<str>,
    },
    /// The hold that the settlement names is not one that it can be booked within.
    #[error(transparent)]
    Hold(Unusable),
    /// The stay that is settled does not take a settlement, or one stands under the number of a bill that came whole.
    #[error(transparent)]
    Stay(StayRefusal),
    /// The stay has moved since its bill was put together: put it together again.
    #[error("the stay has moved")]
    Moved,
    /// The disk is nearly full: what is left is for cancellations. Nothing was booked.
    #[error("the disk is nearly full, no settlement is booked")]
    DiskNearlyFull,
    /// The postings do not sum to the bill's total.
    #[error("postings sum to {posted}, but the bill's total is {medfee_sumamt}")]
    Unbalanced {
        /// The bill's total.
        medfee_sumamt: Money,
        /// The sum of the postings.
        posted: Money,
    },
    /// A sum leaves the range of an amount, or an amount has no mirror for a cancellation.
    #[error("an amount is out of range")]
    OutOfRange,
    /// An accumulator is changed twice by one decision.
    #[error("accumulator `{0}` is changed twice")]
    ChangedTwice(AccumulatorKey),
    /// An accumulator of a family is changed that is not the event's.
    #[error("accumulator `{0}` is not of the person's family")]
    OtherFamily(AccumulatorKey),
    /// The changes were not computed from the accumulators given to the decision.
    #[error(transparent)]
    Stale(StaleChange),
}

/// Why a settlement cannot be booked within a hold, in the order in which the conditions are checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// There is no such hold at this hospital.
    #[error("hold not found")]
    NotFound,
    /// It is another person's.
    #[error("the hold is another person's")]
    OtherPerson,
    /// It is of another visit.
    #[error("the hold is of another visit")]
    OtherVisit,
    /// It ended before it expired.
    #[error("the hold was ended by `{}`", .0.by)]
    Ended(Ended),
    /// Its time is over.
    #[error("the hold has expired")]
    Expired {
        /// Since when, in milliseconds since 1970-01-01 UTC.
        until_ms: i64,
    },
}

/// Why a cancellation was not booked. `E` is the refusal of the caller's decision.
#[derive(Debug, thiserror::Error)]
pub enum CancelError<E> {
    /// What any command may meet.
    #[error(transparent)]
    NotBooked(NotBooked<E>),
    /// There is no such settlement of this person at this hospital. Another's settlement is answered the same way.
    #[error("settlement not found")]
    NotFound,
    /// The settlement is cancelled or reversed under another message.
    #[error("settlement is already cancelled by `{by}`")]
    AlreadyCancelled {
        /// By which cancellation or reversal.
        by: Arc<str>,
    },
    /// A later settlement stands in the person's benefit year, or in the order of an accumulator that this one changed,
    /// be it a family member's; cancel that one first.
    #[error("settlement `{by}` must be cancelled first")]
    Blocked {
        /// The latest settlement that stands.
        by: Arc<str>,
    },
    /// The disk is full and the reserved space used up. Nothing was booked.
    #[error("the disk is full, the reserved space is used up")]
    DiskFull,
}

/// Why a reversal was not booked: in each case the earlier call is as it was. `E` is the refusal of the caller's decision.
#[derive(Debug, thiserror::Error)]
pub enum ReverseError<E> {
    /// What any command may meet.
    #[error(transparent)]
    NotBooked(NotBooked<E>),
    /// The reversal names itself.
    #[error("a call cannot reverse itself")]
    Itself,
    /// The earlier call asked for something else than the reversal says.
    #[error("the earlier call asked for something else")]
    OtherKind {
        /// What it asked for.
        stored_kind: MessageKind,
    },
    /// The earlier call was given a hold that has ended since.
    #[error("the hold was ended by `{}`", .0.by)]
    HoldEnded(Ended),
    /// The earlier call was another person's.
    #[error("the earlier call was another person's")]
    OtherPerson,
    /// The earlier call is a cancellation, which stands: what it undid would not come back as it was.
    #[error("cancellation `{setl_id}` stands")]
    CancellationStands {
        /// The cancellation.
        setl_id: Arc<str>,
    },
    /// The earlier call took something of a stay back, and stands.
    #[error("what the earlier call took back of the stay stays so")]
    StayCancellationStands,
    /// The stay does not let the earlier call be taken back.
    #[error(transparent)]
    Stay(StayRefusal),
    /// The settlement is cancelled or reversed under another message.
    #[error("settlement is already cancelled by `{by}`")]
    AlreadyCancelled {
        /// By which cancellation or reversal.
        by: Arc<str>,
    },
    /// A later settlement stands in the order of this one, as for a cancellation; undo that one first.
    #[error("settlement `{by}` must be cancelled first")]
    Blocked {
        /// The latest settlement that stands.
        by: Arc<str>,
    },
    /// The disk is full and the reserved space used up. Nothing was booked.
    #[error("the disk is full, the reserved space is used up")]
    DiskFull,
}

/// Why rows of registers were not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The ledger no longer writes. Whether the rows are on disk is unknown until it is opened again.
    #[error("the ledger has stopped")]
    Stopped,
    /// A subject, item or content, or the whole record, is longer than the ledger stores.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The ledger's own files could not be read. Nothing was recorded.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// A row holds on no day.
    #[error("row {index} of the chunk holds on no day")]
    NoDays {
        /// Which, from 0.
        index: usize,
    },
    /// The message is booked with other content, or asked for something else.
    #[error("message is booked with other content")]
    Conflict,
    /// The disk is nearly full: what is left is for cancellations. Nothing was recorded.
    #[error("the disk is nearly full, no register is recorded")]
    DiskNearlyFull,
}

impl From<Stopped> for RegisterError {
    fn from(_: Stopped) -> Self {
        RegisterError::Stopped
    }
}

impl From<BookingError> for RegisterError {
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::TooLarge(error) => RegisterError::TooLarge(error),
            BookingError::DiskFull => RegisterError::DiskNearlyFull,
            error => RegisterError::Unreadable(error.into()),
        }
    }
}

/// Why a correction was not booked: in each case every settlement is as it was. `E` is the refusal of the caller's
/// [`Readjudication`](crate::Readjudication).
#[derive(Debug, thiserror::Error)]
pub enum CorrectError<E> {
    /// What any command may meet.
    #[error(transparent)]
    NotBooked(NotBooked<E>),
    /// There is no such settlement of this person at this hospital. Another's settlement is answered the same way.
    #[error("settlement not found")]
    NotFound,
    /// The settlement is cancelled or reversed.
    #[error("settlement is already cancelled by `{by}`")]
    AlreadyCancelled {
        /// By which cancellation or reversal.
        by: Arc<str>,
    },
    /// The disk is nearly full: what is left is for cancellations. Nothing was booked.
    #[error("the disk is nearly full, no correction is booked")]
    DiskNearlyFull,
    /// A settlement that would have to be decided again cannot be.
    #[error("settlement `{setl_id}` cannot be decided again")]
    NotAgain {
        /// Which.
        setl_id: Arc<str>,
        /// Why.
        refusal: E,
    },
    /// A settlement that would have to be decided again, because it stands on one that is, was erased.
    #[error("settlement `{setl_id}` cannot be decided again: its content was erased")]
    ContentErased {
        /// Which.
        setl_id: Arc<str>,
    },
    /// A settlement was decided again in a way that cannot be booked.
    #[error("settlement `{setl_id}`: {defect}")]
    Defect {
        /// Which.
        setl_id: Arc<str>,
        /// What is wrong with the decision.
        defect: Box<SettleError<Infallible>>,
    },
    /// A sum leaves the range of an amount.
    #[error("an amount is out of range")]
    OutOfRange,
}

impl<E, T: Into<NotBooked<E>>> From<T> for SettleError<E> {
    fn from(error: T) -> Self {
        SettleError::NotBooked(error.into())
    }
}

impl<E> From<BookingError> for SettleError<E> {
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::Stale(error) => SettleError::Stale(error),
            BookingError::DiskFull => SettleError::DiskNearlyFull,
            error => NotBooked::unfolded(error).into(),
        }
    }
}

impl<E, T: Into<NotBooked<E>>> From<T> for CancelError<E> {
    fn from(error: T) -> Self {
        CancelError::NotBooked(error.into())
    }
}

impl<E> From<BookingError> for CancelError<E> {
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::DiskFull => CancelError::DiskFull,
            error => NotBooked::unfolded(error).into(),
        }
    }
}

impl<E, T: Into<NotBooked<E>>> From<T> for ReverseError<E> {
    fn from(error: T) -> Self {
        ReverseError::NotBooked(error.into())
    }
}

impl<E> From<BookingError> for ReverseError<E> {
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::DiskFull => ReverseError::DiskFull,
            error => NotBooked::unfolded(error).into(),
        }
    }
}

impl<E> From<Overflow> for CorrectError<E> {
    fn from(_: Overflow) -> Self {
        CorrectError::OutOfRange
    }
}

impl<E, T: Into<NotBooked<E>>> From<T> for CorrectError<E> {
    fn from(error: T) -> Self {
        CorrectError::NotBooked(error.into())
    }
}

impl<E> From<BookingError> for CorrectError<E> {
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::DiskFull => CorrectError::DiskNearlyFull,
            error => NotBooked::unfolded(error).into(),
        }
    }
}
