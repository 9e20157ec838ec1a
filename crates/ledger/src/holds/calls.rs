//! What the handle offers of holds: new ones, what became of one, and what a quote sees.

use std::sync::{Arc, mpsc};

use super::deciding::{held_of, seen};
use super::{Held, HoldEvent, Quote, fold, sequence_of_hold};
use crate::codec::check_text;
use crate::committer::{Command, Delivery, Group};
use crate::event::{Assigned, Committed, MessageKey, PersonKey};
use crate::ledger::Ledger;
use crate::outcome::{Busy, SettleError, Stopped};
use crate::seen::Seen;
use crate::segments::ReadError;

impl Ledger {
    /// Submits a hold; never blocks. `decide` quotes what it is given to see; otherwise as [`Ledger::submit_settle`].
    ///
    /// # Errors
    /// [`Busy`] when the queue is full; then neither closure runs.
    pub fn submit_hold<E, F, R>(&self, event: HoldEvent, decide: F, reply: R) -> Result<(), Busy>
    where
        F: Fn(&Seen, &Assigned) -> Result<Quote, E> + Send + 'static,
        R: FnOnce(Result<Committed, SettleError<E>>) + Send + 'static,
        E: Send + 'static,
    {
        self.submit(hold_command(event, decide, reply))
    }

    /// Holds and waits for the outcome, also for a place in the queue.
    ///
    /// # Errors
    /// See [`SettleError`]; nothing that only a settlement meets.
    pub fn hold<E, F>(&self, event: HoldEvent, decide: F) -> Result<Committed, SettleError<E>>
    where
        F: Fn(&Seen, &Assigned) -> Result<Quote, E> + Send + 'static,
        E: Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        self.submit_waiting(hold_command(event, decide, move |outcome| {
            let _ = sender.send(outcome);
        }));
        self.wait(&receiver).unwrap_or(Err(Stopped.into()))
    }

    /// The hold of a tenant under its identifier; nothing for another tenant's.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn held(&self, tenant: &str, hold_id: &str) -> Result<Option<Held>, ReadError> {
        let shared = self.shared();
        let Some(sequence) = sequence_of_hold(hold_id) else { return Ok(None) };
        let Some(row) = fold::hold(&shared.tables, sequence)? else { return Ok(None) };
        let record = shared.segments.record(row.position, sequence)?;
        Ok(held_of(record, &row).filter(|held| *held.message.tenant == *tenant))
    }

    /// What a decision sees for a visit at the hospital of a message at a time, in milliseconds since 1970-01-01 UTC:
    /// for a quote that does not bind.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn seen(
        &self,
        person: &PersonKey,
        family_no: Option<&Arc<str>>,
        hospital: &MessageKey,
        mdtrt_id: &str,
        at_ms: i64,
    ) -> Result<Seen, ReadError> {
        let fits = person.check().is_ok()
            && hospital.check().is_ok()
            && check_text("mdtrt_id", mdtrt_id).is_ok()
            && check_text("family_no", family_no.map_or("", AsRef::as_ref)).is_ok();
        if !fits {
            return Ok(Seen::default());
        }
        let _standing_still = self.shared().tip();
        Ok(seen(&self.shared().tables, (person, family_no), (hospital, mdtrt_id), at_ms)?)
    }
}

fn hold_command<E, F, R>(event: HoldEvent, decide: F, reply: R) -> Command
where
    F: Fn(&Seen, &Assigned) -> Result<Quote, E> + Send + 'static,
    R: FnOnce(Result<Committed, SettleError<E>>) + Send + 'static,
    E: Send + 'static,
{
    Box::new(move |group: Option<&mut Group<'_>>| -> Delivery {
        let outcome = match group {
            Some(group) => group.hold(event, decide),
            None => Err(Stopped.into()),
        };
        Box::new(move |written| reply(written.map_err(SettleError::from).and(outcome)))
    })
}
