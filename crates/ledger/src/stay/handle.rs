//! The handle's part for stays: submits their calls and reads what stands of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc;

use crate::codec::check_text;
use crate::committer::{Command, Delivery, Group};
use crate::event::{Assigned, Committed, MessageKey, ReverseEvent};
use crate::ledger::Ledger;
use crate::outcome::{Busy, ReverseError, Stopped};
use crate::segments::ReadError;
use crate::stay::command::{AssignedStay, StayEvent, StayUndone};
use crate::stay::outcome::StayError;
use crate::stay::read::{self, Batches, StandingStay};
use crate::stay::rows::StayKey;
use crate::stay::{StayState, booking};

impl Ledger {
    /// Submits a call of a stay; never blocks. `decide` gives the answer's bytes; otherwise as [`Ledger::submit_settle`].
    ///
    /// # Errors
    /// [`Busy`] when the queue is full; then neither closure runs.
    pub fn submit_stay<E, F, R>(&self, event: StayEvent, decide: F, reply: R) -> Result<(), Busy>
    where
        F: Fn(&AssignedStay) -> Result<Vec<u8>, E> + Send + 'static,
        R: FnOnce(Result<Committed, StayError<E>>) + Send + 'static,
        E: Send + 'static,
    {
        self.submit(stay_command(event, decide, reply))
    }

    /// Books a call of a stay and waits for the outcome, also for a place in the queue.
    ///
    /// # Errors
    /// See [`StayError`].
    pub fn stay<E, F>(&self, event: StayEvent, decide: F) -> Result<Committed, StayError<E>>
    where
        F: Fn(&AssignedStay) -> Result<Vec<u8>, E> + Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        self.submit_waiting(stay_command(event, decide, move |outcome| {
            let _ = sender.send(outcome);
        }));
        self.wait(&receiver).unwrap_or(Err(Stopped.into()))
    }

    /// Submits the reversal of a call of a stay; never blocks. `okind` is [`MessageKind::Stay`](crate::MessageKind::Stay);
    /// otherwise as [`Ledger::submit_reverse`].
    ///
    /// # Errors
    /// [`Busy`] when the queue is full; then neither closure runs.
    pub fn submit_reverse_stay<E, F, R>(&self, event: ReverseEvent, decide: F, reply: R) -> Result<(), Busy>
    where
        F: Fn(StayUndone, &Assigned) -> Result<Vec<u8>, E> + Send + 'static,
        R: FnOnce(Result<Committed, ReverseError<E>>) + Send + 'static,
        E: Send + 'static,
    {
        self.submit(reverse_stay_command(event, decide, reply))
    }

    /// Reverses a call of a stay and waits for the outcome, also for a place in the queue.
    ///
    /// # Errors
    /// See [`ReverseError`].
    pub fn reverse_stay<E, F>(&self, event: ReverseEvent, decide: F) -> Result<Committed, ReverseError<E>>
    where
        F: Fn(StayUndone, &Assigned) -> Result<Vec<u8>, E> + Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        self.submit_waiting(reverse_stay_command(event, decide, move |outcome| {
            let _ = sender.send(outcome);
        }));
        self.wait(&receiver).unwrap_or(Err(Stopped.into()))
    }

    /// A stay as it stands; nothing where nothing was ever admitted under that number.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn standing_stay(
        &self,
        hospital: &MessageKey,
        mdtrt_id: &Arc<str>,
    ) -> Result<Option<StandingStay>, ReadError> {
        if hospital.check().is_err() || check_text("mdtrt_id", mdtrt_id).is_err() {
            return Ok(None);
        }
        read::standing(&self.inner.shared, hospital, mdtrt_id, Batches::All)
    }

    /// As [`Ledger::standing_stay`], with the batches that no settlement has taken.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn unsettled_stay(
        &self,
        hospital: &MessageKey,
        mdtrt_id: &Arc<str>,
    ) -> Result<Option<StandingStay>, ReadError> {
        if hospital.check().is_err() || check_text("mdtrt_id", mdtrt_id).is_err() {
            return Ok(None);
        }
        read::standing(&self.inner.shared, hospital, mdtrt_id, Batches::Unsettled)
    }

    /// As [`Ledger::standing_stay`], with the batches alone that these lines came with, and lines that refund them. What it
    /// takes does not grow with the stay, but where one of them is refunded already.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn stay_around(
        &self,
        hospital: &MessageKey,
        mdtrt_id: &Arc<str>,
        charges: &BTreeSet<Arc<str>>,
    ) -> Result<Option<StandingStay>, ReadError> {
        let keys = charges.iter().try_for_each(|charge| check_text("feedetl_sn", charge));
        if keys.is_err() || hospital.check().is_err() || check_text("mdtrt_id", mdtrt_id).is_err() {
            return Ok(None);
        }
        read::standing(&self.inner.shared, hospital, mdtrt_id, Batches::Around(charges))
    }

    /// Where a stay stands, without what was said of it.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn stay_state(&self, hospital: &MessageKey, mdtrt_id: &Arc<str>) -> Result<StayState, ReadError> {
        if hospital.check().is_err() || check_text("mdtrt_id", mdtrt_id).is_err() {
            return Ok(StayState::Unknown);
        }
        let row = booking::stay(&self.inner.shared.tables, &StayKey::at(hospital, mdtrt_id))?;
        Ok(row.map_or(StayState::Unknown, |row| row.state))
    }
}

fn stay_command<E, F, R>(event: StayEvent, decide: F, reply: R) -> Command
where
    F: Fn(&AssignedStay) -> Result<Vec<u8>, E> + Send + 'static,
    R: FnOnce(Result<Committed, StayError<E>>) + Send + 'static,
    E: Send + 'static,
{
    Box::new(move |group: Option<&mut Group<'_>>| -> Delivery {
        let outcome = match group {
            Some(group) => group.move_stay(event, decide),
            None => Err(Stopped.into()),
        };
        Box::new(move |written| reply(written.map_err(StayError::from).and(outcome)))
    })
}

fn reverse_stay_command<E, F, R>(event: ReverseEvent, decide: F, reply: R) -> Command
where
    F: Fn(StayUndone, &Assigned) -> Result<Vec<u8>, E> + Send + 'static,
    R: FnOnce(Result<Committed, ReverseError<E>>) + Send + 'static,
    E: Send + 'static,
{
    Box::new(move |group: Option<&mut Group<'_>>| -> Delivery {
        let outcome = match group {
            Some(group) => group.reverse_stay(event, decide),
            None => Err(Stopped.into()),
        };
        Box::new(move |written| reply(written.map_err(ReverseError::from).and(outcome)))
    })
}
