//! Why a call of a stay was not booked.

use crate::booking::BookingError;
use crate::outcome::{NotBooked, ReverseError};
use crate::stay::StayRefusal;

/// Why a call of a stay was not booked. `E` is the refusal of the caller's decision.
#[derive(Debug, thiserror::Error)]
pub enum StayError<E> {
    /// What any command may meet.
    #[error(transparent)]
    NotBooked(NotBooked<E>),
    /// The stay does not take the call.
    #[error(transparent)]
    Stay(StayRefusal),
    /// The stay has moved since the call was checked against it: check it again.
    #[error("the stay has moved")]
    Moved,
    /// The disk is nearly full: what is left is for cancellations. Nothing was booked.
    #[error("the disk is nearly full")]
    DiskNearlyFull,
}

impl<E, T: Into<NotBooked<E>>> From<T> for StayError<E> {
    fn from(error: T) -> Self {
        StayError::NotBooked(error.into())
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
            BookingError::DiskFull => StayError::DiskNearlyFull,
            error => NotBooked::unfolded(error).into(),
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
