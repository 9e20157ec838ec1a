//! The handle's part in corrections: submits them, and reads the versions that they made.

use std::sync::mpsc;

use super::Ledger;
use crate::committer::{Command, Delivery, Group};
use crate::event::{BookedSettlement, sequence_of};
use crate::outcome::{Busy, CorrectError, Stopped};
use crate::readjudication::{CorrectEvent, Corrected, Readjudication};
use crate::segments::ReadError;

impl Ledger {
    /// Submits a correction; never blocks. `again` decides what must be decided again and gives the answer's bytes;
    /// otherwise as [`Ledger::submit_settle`].
    ///
    /// # Errors
    /// [`Busy`] when the queue is full; then nothing of `again` runs, nor `reply`.
    pub fn submit_correct<A, R>(&self, event: CorrectEvent, again: A, reply: R) -> Result<(), Busy>
    where
        A: Readjudication,
        R: FnOnce(Result<Corrected, CorrectError<A::Refusal>>) + Send + 'static,
    {
        self.submit(correct_command(event, again, reply))
    }

    /// Corrects and waits for the outcome, also for a place in the queue.
    ///
    /// # Errors
    /// See [`CorrectError`].
    pub fn correct<A: Readjudication>(
        &self,
        event: CorrectEvent,
        again: A,
    ) -> Result<Corrected, CorrectError<A::Refusal>> {
        let (sender, receiver) = mpsc::channel();
        self.submit_waiting(correct_command(event, again, move |outcome| {
            let _ = sender.send(outcome);
        }));
        self.wait(&receiver).unwrap_or(Err(Stopped.into()))
    }

    /// One version of a settlement, from 1; nothing where there is no such version, otherwise as [`Ledger::settlement`].
    /// Its status is the settlement's, whatever the version.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn settlement_version(
        &self,
        tenant: &str,
        setl_id: &str,
        version: u32,
    ) -> Result<Option<BookedSettlement>, ReadError> {
        sequence_of(setl_id).map_or(Ok(None), |sequence| self.settlement_at(tenant, sequence, Some(version)))
    }
}

fn correct_command<A, R>(event: CorrectEvent, again: A, reply: R) -> Command
where
    A: Readjudication,
    R: FnOnce(Result<Corrected, CorrectError<A::Refusal>>) + Send + 'static,
{
    Box::new(move |group: Option<&mut Group<'_>>| -> Delivery {
        let outcome = match group {
            Some(group) => group.correct(event, &again),
            None => Err(Stopped.into()),
        };
        Box::new(move |written| reply(written.map_err(CorrectError::from).and(outcome)))
    })
}
