//! The committer's part in holds: what a decision sees, within which hold a settlement is booked, and new holds.

use std::sync::Arc;

use bedside_claim::{Money, Overflow};

use super::rows::HoldRow;
use super::{Ended, Ending, Held, HoldEvent, HoldTerms, Quote, fold, hold_id_of, sequence_of_hold};
use crate::booking::{self, BookingError};
use crate::committer::{Group, check_changes, decided};
use crate::event::{Assigned, Committed, MessageKey, MessageKind, PersonKey, SettleEvent, setl_id_of};
use crate::kept::Salt;
use crate::outcome::{ReverseError, SettleError, Unusable};
use crate::record::{Entry, Record};
use crate::seen::Seen;
use crate::segments::ReadError;
use crate::tables::{Rows, TablesError};

/// What a decision for a visit sees at a time: the booked accumulators, and what live holds of other visits reserve.
pub(crate) fn seen(
    rows: &impl Rows,
    (person, family_no): (&PersonKey, Option<&Arc<str>>),
    (hospital, mdtrt_id): (&MessageKey, &str),
    at_ms: i64,
) -> Result<Seen, BookingError> {
    let booked = booking::accumulators(rows, person, family_no.map(AsRef::as_ref))?;
    let own = fold::of_visit(rows, hospital, mdtrt_id)?.map(|own| own.sequence);
    let reserved = fold::reserved(rows, (person, family_no), own, at_ms)?;
    Ok(Seen { booked, reserved, hold: None })
}

/// A hold's record as it stands.
pub(crate) fn held_of(record: Record, row: &HoldRow) -> Option<Held> {
    let Entry::Hold(terms) = record.entry else { return None };
    Some(Held {
        hold_id: hold_id_of(record.sequence),
        sequence: record.sequence,
        message: record.message,
        person: record.person,
        mdtrt_id: record.mdtrt_id,
        terms: *terms,
        request: record.request,
        bill: record.bill,
        answer: record.answer,
        booked_at_ms: record.booked_at_ms,
        ended: row.ended.map(|by| by.named()),
    })
}

impl Group<'_> {
    /// Decides one hold and drafts its record.
    pub(crate) fn hold<E>(
        &mut self,
        event: HoldEvent,
        decide: impl Fn(&Seen, &Assigned) -> Result<Quote, E>,
    ) -> Result<Committed, SettleError<E>> {
        event.check()?;
        // Not by the bill of a stay: the stay may have moved since.
        if let Some(replayed) = self.replayed(&event.message, MessageKind::Hold, &event.request)? {
            return Ok(replayed);
        }
        if let Some(sequence) = booking::visit(&self.rows, &event.message, &event.mdtrt_id)? {
            return Err(SettleError::AlreadySettled { setl_id: setl_id_of(sequence) });
        }
        let version = event.stay.as_ref().map(|stay| stay.version);
        self.quotes_stay((&event.message, &event.mdtrt_id), &event.person, version)?;
        if !self.is_ample {
            return Err(SettleError::DiskNearlyFull);
        }
        let family_no = event.family_no.filter(|family_no| !family_no.is_empty());
        let seen = seen(
            &self.rows,
            (&event.person, family_no.as_ref()),
            (&event.message, &event.mdtrt_id),
            event.booked_at_ms,
        )?;
        let assigned = self.assign(event.booked_at_ms);
        let quote = decided(|| decide(&seen, &assigned))?;
        check_changes(&quote.accumulators, family_no.as_ref())?;
        let out_of_range = |Overflow| SettleError::OutOfRange;
        for change in &quote.accumulators {
            change.after.minus(change.before).map_err(out_of_range)?;
        }
        seen.booked.clone().apply(&quote.accumulators).map_err(SettleError::Stale)?;
        let counted_with = seen.accumulators().map_err(out_of_range)?.into_owned();
        let terms =
            HoldTerms { until_ms: event.until_ms, family_no, quoted: quote.accumulators, seen: counted_with };
        self.book(Record {
            sequence: assigned.sequence,
            entry: Entry::Hold(Box::new(terms)),
            message: event.message,
            person: event.person,
            mdtrt_id: event.mdtrt_id,
            booked_at_ms: event.booked_at_ms,
            benefit_year: 0,
            medfee_sumamt: Money::ZERO,
            postings: Vec::new(),
            accumulators: Vec::new(),
            request: event.request,
            answer: Arc::from(quote.answer),
            bill: event.stay.map(|stay| stay.bill).unwrap_or_default(),
            part: None,
            salt: Salt::None,
        })
        .map_err(SettleError::from)
    }

    /// The hold that an earlier call booked, where a reversal may release it.
    pub(crate) fn releasable<E>(&self, original: Arc<Record>) -> Result<Arc<Record>, ReverseError<E>> {
        let missing = TablesError::Contradiction("a reversed hold is missing");
        let row = fold::hold(&self.rows, original.sequence).map_err(ReadError::Tables)?;
        match row.ok_or(ReadError::Tables(missing))?.ended.map(|by| by.named()) {
            None => Ok(original),
            Some(Ended { ending: Ending::Released, by, .. }) => Err(ReverseError::AlreadyCancelled { by }),
            Some(ended) => Err(ReverseError::HoldEnded(ended)),
        }
    }

    /// What a settlement's decision sees, with the hold that it names.
    pub(crate) fn seen_by<E>(&self, event: &SettleEvent) -> Result<Seen, SettleError<E>> {
        let family_no = event.family_no.as_ref();
        let of_visit = (&event.message, &*event.mdtrt_id);
        let seen = seen(&self.rows, (&event.person, family_no), of_visit, event.booked_at_ms)?;
        let hold = match &event.hold_id {
            None => None,
            Some(hold_id) => Some(self.usable(event, hold_id)?.map_err(SettleError::Hold)?),
        };
        Ok(Seen { hold, ..seen })
    }

    /// The hold of that name, if the settlement can be booked within it. One of another hospital is not told.
    fn usable(&self, event: &SettleEvent, hold_id: &str) -> Result<Result<Arc<Held>, Unusable>, ReadError> {
        let Some(sequence) = sequence_of_hold(hold_id) else { return Ok(Err(Unusable::NotFound)) };
        let Some(row) = fold::hold(&self.rows, sequence)? else { return Ok(Err(Unusable::NotFound)) };
        let record = self.record(sequence, row.position)?;
        let missing = ReadError::Tables(TablesError::Contradiction("a hold's record is of something else"));
        let held = held_of(record.as_ref().clone(), &row).ok_or(missing)?;
        let MessageKey { tenant, fixmedins_code, .. } = &event.message;
        if (&held.message.tenant, &held.message.fixmedins_code) != (tenant, fixmedins_code) {
            return Ok(Err(Unusable::NotFound));
        }
        if held.person != event.person {
            return Ok(Err(Unusable::OtherPerson));
        }
        if held.mdtrt_id != event.mdtrt_id {
            return Ok(Err(Unusable::OtherVisit));
        }
        if let Some(ended) = held.ended {
            return Ok(Err(Unusable::Ended(ended)));
        }
        let own = fold::of_visit(&self.rows, &event.message, &event.mdtrt_id)?;
        let is_own = own.is_some_and(|own| own.sequence == sequence);
        if !is_own || held.terms.until_ms <= event.booked_at_ms {
            return Ok(Err(Unusable::Expired { until_ms: held.terms.until_ms }));
        }
        Ok(Ok(Arc::new(held)))
    }
}
