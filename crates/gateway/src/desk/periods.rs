//! Calls that read a period of the journal: few at a time, on threads that may block, and none longer than somebody waits.
//!
//! They share the disk and the cores with the committer, so two run at once and the others wait in the order in which they came.
//! It must not know what a call makes of the records. Invariant: a place is given back only when its thread is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bedside_ledger::{Balance, BalanceError, Period, Posted, posted_by};
use tokio::sync::Semaphore;

use super::{Desk, blocking};
use crate::deadline::Deadline;
use crate::errors::Refusal;

/// Readings at once.
const READINGS_MAX: usize = 2;

/// Statements in memory at once: some 100 MB each at most.
pub(super) const STATEMENTS_MAX: usize = 8;

/// The places for readings.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Places {
        Places(Arc::new(Semaphore::new(READINGS_MAX)))
    }
}

/// Whether somebody still waits for a reading.
#[derive(Debug)]
pub(super) struct Waiting {
    gone: Arc<AtomicBool>,
    deadline: Deadline,
}

impl Waiting {
    /// To be asked between any two records.
    pub(super) fn goes_on(&self) -> Result<(), Refusal> {
        if self.gone.load(Ordering::Relaxed) || self.deadline.has_passed() {
            return Err(Refusal::PeriodUnread);
        }
        Ok(())
    }
}

/// Tells the thread when the call is dropped, because its client left.
struct Caller(Arc<AtomicBool>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Places {
    /// Runs a reading in the next place that is free.
    ///
    /// # Errors
    /// [`Refusal::PeriodsBusy`] where none is before the deadline, [`Refusal::PeriodUnread`] where the reading is not done by then;
    /// and those of the reading.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        deadline: Deadline,
        reading: impl FnOnce(&Waiting) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = tokio::time::timeout_at(deadline.instant(), Arc::clone(&self.0).acquire_owned()).await;
        // Nobody closes the semaphore.
        let place = place.map_err(|_| Refusal::PeriodsBusy)?.map_err(|_| Refusal::Fault)?;
        let caller = Caller(Arc::new(AtomicBool::new(false)));
        let waiting = Waiting { gone: Arc::clone(&caller.0), deadline };
        let read = blocking(move || {
            let _place = place;
            waiting.goes_on()?;
            reading(&waiting)
        });
        let read = tokio::time::timeout_at(deadline.instant(), read).await;
        drop(caller);
        read.unwrap_or(Ok(Err(Refusal::PeriodUnread)))?
    }
}

impl Desk {
    /// Gives everything that the tenant's records of a period post to `take`, in order. Blocks.
    pub(super) fn each_posted(
        &self,
        period: Period,
        waiting: &Waiting,
        mut take: impl FnMut(&Posted<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut find = |sequence| self.ledger.settled(sequence);
        for record in self.ledger.period(period).map_err(|error| self.read_refusal(&error))? {
            waiting.goes_on()?;
            let Some(record) = record.map_err(|error| self.read_refusal(&error))? else { continue };
            if record.message.tenant != self.tenant {
                continue;
            }
            for posted in posted_by(&record, &mut find).map_err(|error| unbalanced(&error))? {
                take(&posted)?;
            }
        }
        Ok(())
    }

    /// The sums of what a period posts at the hospitals that count.
    pub(super) fn balance(
        &self,
        period: Period,
        waiting: &Waiting,
        counts: impl Fn(&str) -> bool,
    ) -> Result<Balance, Refusal> {
        let mut balance = Balance::default();
        self.each_posted(period, waiting, |posted| match counts(&posted.settled.message.fixmedins_code) {
            true => balance.add(posted).map_err(|error| unbalanced(&error)),
            false => Ok(()),
        })?;
        Ok(balance)
    }
}

/// Sums and sequences name nobody.
pub(super) fn unbalanced(error: &BalanceError) -> Refusal {
    tracing::error!(%error, "a period does not add up");
    Refusal::Fault
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tonic::metadata::MetadataMap;

    use super::*;

    fn within(time: Duration) -> Deadline {
        Deadline::of(&MetadataMap::new(), time)
    }

    const LONG: Duration = Duration::from_secs(3_600);

    /// Takes a place until it is told to go on, or nobody waits any more.
    fn hold(
        places: &Places,
    ) -> (tokio::task::JoinHandle<Result<(), Refusal>>, mpsc::Receiver<()>, mpsc::Receiver<Refusal>) {
        let (began, has_begun) = mpsc::channel();
        let (ended, has_ended) = mpsc::channel();
        let places = places.clone();
        let call = tokio::spawn(async move {
            places
                .read(within(LONG), move |waiting| {
                    began.send(()).unwrap();
                    loop {
                        if let Err(refusal) = waiting.goes_on() {
                            ended.send(refusal.clone()).unwrap();
                            return Err(refusal);
                        }
                        std::thread::yield_now();
                    }
                })
                .await
        });
        (call, has_begun, has_ended)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_call_that_finds_no_place_says_so_and_one_whose_client_leaves_gives_its_place_back() {
        let places = Places::default();
        let held = [hold(&places), hold(&places)];
        for (_, has_begun, _) in &held {
            has_begun.recv().unwrap();
        }
        let busy = places.read(within(Duration::ZERO), |_| Ok(())).await;
        assert_eq!(busy, Err(Refusal::PeriodsBusy));

        for (call, _, has_ended) in held {
            call.abort();
            assert_eq!(has_ended.recv().unwrap(), Refusal::PeriodUnread);
        }
        assert_eq!(places.read(within(LONG), |waiting| waiting.goes_on()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_reading_ends_at_its_deadline() {
        let past = Waiting { gone: Arc::default(), deadline: within(Duration::ZERO) };
        assert_eq!(past.goes_on(), Err(Refusal::PeriodUnread));
    }
}
