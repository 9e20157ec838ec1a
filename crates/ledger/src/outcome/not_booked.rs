//! Why any command was not booked, whatever it asks for: what the ledger says before and beside its own conditions.

use std::sync::Arc;

use crate::booking::BookingError;
use crate::codec::TooLarge;
use crate::event::MessageKind;
use crate::segments::ReadError;

/// Why a command was not booked that could have been any. `E` is the refusal of the caller's decision.
#[derive(Debug, thiserror::Error)]
pub enum NotBooked<E> {
    /// The ledger no longer writes. Whether the command is on disk is unknown until the ledger is opened again; the
    /// same message then tells.
    #[error("the ledger has stopped")]
    Stopped,
    /// An identifier, the whole record or the accumulators of one term are longer than the ledger stores.
    #[error(transparent)]
    TooLarge(TooLarge),
    /// The ledger's own files could not be read. Nothing was booked.
    #[error(transparent)]
    Unreadable(ReadError),
    /// The message was reversed before it arrived, and is refused for ever; or the call that a reversal names was, under
    /// another message.
    #[error("the message was reversed by `{by}`")]
    Reversed {
        /// The `msgid` of the reversal.
        by: Arc<str>,
    },
    /// The message, or the call that a reversal names, is booked and its content was erased since: nobody can tell any more
    /// whether this is the same.
    #[error("the message is booked by `{setl_id}`, whose content was erased")]
    Erased {
        /// What it booked.
        setl_id: Arc<str>,
    },
    /// The message is booked with other content, or asked for something else.
    #[error("message is booked with other content")]
    Conflict {
        /// What the booked message asked for.
        stored_kind: MessageKind,
        /// Its content.
        stored_request: Vec<u8>,
    },
    /// The decision panicked: a defect of the decision, not of the ledger, which goes on.
    #[error("the decision failed")]
    Panicked,
    /// The decision refused; nothing is stored, the message may be used again.
    #[error("{0}")]
    Refused(E),
}

impl<E> NotBooked<E> {
    /// A record that could not be folded. That the disk is full each command tells itself, before.
    pub(crate) fn unfolded(error: BookingError) -> NotBooked<E> {
        match error {
            BookingError::TooLarge(error) => NotBooked::TooLarge(error),
            error => NotBooked::Unreadable(error.into()),
        }
    }
}

/// The group of a command did not reach the disk, as far as anyone knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

impl<E> From<Stopped> for NotBooked<E> {
    fn from(_: Stopped) -> Self {
        NotBooked::Stopped
    }
}

impl<E> From<TooLarge> for NotBooked<E> {
    fn from(error: TooLarge) -> Self {
        NotBooked::TooLarge(error)
    }
}

impl<E> From<ReadError> for NotBooked<E> {
    fn from(error: ReadError) -> Self {
        NotBooked::Unreadable(error)
    }
}
