//! Why a call of a stay was not booked.

use std::sync::Arc;

use crate::booking::BookingError;
use crate::codec::TooLarge;
use crate::event::MessageKind;
use crate::outcome::{ReverseError, Stopped};
use crate::segments::ReadError;
use crate::stay::StayRefusal;

/// Why a call of a stay was not booked. `E` is the refusal of the caller's decision.
#[derive(Debug, thiserror::Error)]
pub enum StayError<E> {
    /// The ledger no longer writes. Whether the command is on disk is unknown until the ledger is opened again; the
    /// same message then tells.
    #[error("the ledger has stopped")]
    Stopped,
    /// An identifier or the whole record is longer than the ledger stores.
    #[error(transparent)]
    TooLarge(TooLarge),
    /// The ledger's own files could not be read. Nothing was booked.
    #[error(transparent)]
    Unreadable(ReadError),
    /// The message is booked with other content, or asked for something else.
    #[error("message is booked with other content")]
    Conflict {
        /// What the booked message asked for.
        stored_kind: MessageKind,
        /// Its content.
        stored_request: Vec<u8>,
    },
    /// The message is booked and its content was erased since: nobody can tell any more whether this is the same.
    #[error("the message is booked by `{setl_id}`, whose content was erased")]
    Erased {
        /// What it booked.
        setl_id: Arc<str>,
    },
    /// The message was reversed before it arrived, and is refused for ever.
    #[error("the message was reversed by `{by}`")]
    Reversed {
        /// The `msgid` of the reversal.
        by: Arc<str>,
    },
    /// The stay does not take the call.
    #[error(transparent)]
    Stay(StayRefusal),
    /// The stay has moved since the call was checked against it: check it again.
    #[error("the stay has moved")]
    Moved,
    /// The disk is nearly full: what is left is for cancellations. Nothing was booked.
    #[error("the disk is nearly full")]
    DiskNearlyFull,
    /// The decision panicked: a defect of the decision, not of the ledger, which goes on.
    #[error("the decision failed")]
    Panicked,
    /// The decision refused; nothing is stored, the message may be used again.
    #[error("{0}")]
    Refused(E),
}

impl<E> From<Stopped> for StayError<E> {
    fn from(_: Stopped) -> Self {
        StayError::Stopped
    }
}

impl<E> From<TooLarge> for StayError<E> {
    fn from(error: TooLarge) -> Self {
        StayError::TooLarge(error)
    }
}

impl<E> From<ReadError> for StayError<E> {
    fn from(error: ReadError) -> Self {
        StayError::Unreadable(error)
    }
}

impl<E> From<StayRefusal> for StayError<E> {
    fn from(refusal: StayRefusal) -> Self {
        StayError::Stay(refusal)
    }
}

impl<E> From<BookingError> for StayError<E> {
    fn from(error: BookingError) -> Self {
        match error {
            BookingError::TooLarge(error) => StayError::TooLarge(error),
            BookingError::DiskFull => StayError::DiskNearlyFull,
            error => StayError::Unreadable(error.into()),
        }
    }
}

/// Why lines do not fit: the stay's answer, or the rows could not be read.
pub(crate) enum Unfit {
    Refusal(StayRefusal),
    Booking(BookingError),
}

impl From<StayRefusal> for Unfit {
    fn from(refusal: StayRefusal) -> Unfit {
        Unfit::Refusal(refusal)
    }
}

impl<T: Into<BookingError>> From<T> for Unfit {
    fn from(error: T) -> Unfit {
        Unfit::Booking(error.into())
    }
}

impl<E> From<Unfit> for StayError<E> {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Refusal(refusal) => StayError::Stay(refusal),
            Unfit::Booking(error) => error.into(),
        }
    }
}

impl<E> From<Unfit> for ReverseError<E> {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Refusal(refusal) => ReverseError::Stay(refusal),
            Unfit::Booking(error) => error.into(),
        }
    }
}
