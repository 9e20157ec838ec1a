//! The committer's part: what is asked of a stay is held against the table and the rows, then booked.
//!
//! Invariant: what [`crate::stay::booking`] would call a contradiction is refused here with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use bedside_claim::Money;

use crate::booking;
use crate::codec::{TooLarge, check_text};
use crate::committer::{Group, decided, is_known};
use crate::event::{
    Assigned, Committed, MessageKey, MessageKind, PersonKey, ReverseEvent, SettledStay, setl_id_of,
};
use crate::outcome::{ReverseError, SettleError};
use crate::planted;
use crate::record::{Entry, Record};
use crate::stay::outcome::{StayError, Unfit};
use crate::stay::rows::{StayKey, StayRow};
use crate::stay::{
    SETTLEMENT_LINES_MAX, STAY_LINES_MAX, StayChange, StayKind, StayLine, StayRefusal, StayState, StayStep,
    after, booking as rows,
};

/// Which lines a call of a stay is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StayLines {
    /// These; none where the call is not about lines.
    These(Vec<StayLine>),
    /// Every one that stands and is not settled.
    AllUnsettled,
}

/// Asks something of a stay.
#[derive(Clone, PartialEq, Eq)]
pub struct StayEvent {
    /// The call.
    pub message: MessageKey,
    /// The person.
    pub person: PersonKey,
    /// The stay; nothing: an admission that leaves the number to the ledger.
    pub mdtrt_id: Option<Arc<str>>,
    /// What is asked.
    pub kind: StayKind,
    /// Of which lines.
    pub lines: StayLines,
    /// [`StandingStay::version`](crate::StandingStay::version) of what the call was checked against; nothing where it was
    /// checked against nothing.
    pub version: Option<u64>,
    /// When, in milliseconds since 1970-01-01 UTC; stamped by the shell.
    pub booked_at_ms: i64,
    /// The canonical bytes of the content.
    pub request: Vec<u8>,
}

impl StayEvent {
    fn check(&self) -> Result<(), TooLarge> {
        self.message.check()?;
        self.person.check()?;
        check_text("mdtrt_id", self.mdtrt_id.as_deref().unwrap_or_default())?;
        let StayLines::These(lines) = &self.lines else { return Ok(()) };
        for line in lines {
            check_text("feedetl_sn", &line.feedetl_sn)?;
            check_text("init_feedetl_sn", line.refunds.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }
}

impl fmt::Debug for StayEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StayEvent")
            .field("message", &self.message)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What the ledger gave a call of a stay before it was answered.
#[derive(Clone, PartialEq, Eq)]
pub struct AssignedStay {
    /// The stay: the caller's number, or `M` and the sequence of the admission, zero-padded to 16 digits.
    pub mdtrt_id: Arc<str>,
    /// How many lines come in or go out.
    pub lines: usize,
}

/// What a reversal of a call of a stay comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StayUndone {
    /// The call had arrived and is taken back.
    TakenBack,
    /// It never arrived and never will.
    Barred,
}

impl Group<'_> {
    /// Decides one call of a stay and drafts its record.
    pub(crate) fn move_stay<E>(
        &mut self,
        event: StayEvent,
        decide: impl Fn(&AssignedStay) -> Result<Vec<u8>, E>,
    ) -> Result<Committed, StayError<E>> {
        event.check()?;
        if let Some(replayed) =
            self.replayed(&event.message, MessageKind::Stay(event.kind), &event.request)?
        {
            return Ok(replayed);
        }
        let assigned = self.assign(event.booked_at_ms);
        let mdtrt_id =
            event.mdtrt_id.clone().unwrap_or_else(|| Arc::from(format!("M{:016}", assigned.sequence)));
        let key = StayKey::at(&event.message, &mdtrt_id);
        let row = rows::stay(&self.rows, &key)?;
        let lines = self.let_through(&key, row.as_ref(), &event)?;
        if event.version.is_some_and(|version| version != row.as_ref().map_or(0, |row| row.version)) {
            return Err(StayError::Moved);
        }
        let takes_back =
            matches!(event.kind, StayKind::CancelAdmission | StayKind::FeesOut | StayKind::CancelDischarge);
        if !self.is_ample && !takes_back {
            return Err(StayError::DiskNearlyFull);
        }
        let assigned_stay = AssignedStay { mdtrt_id: Arc::clone(&mdtrt_id), lines: lines.len() };
        let answer = decided(|| decide(&assigned_stay))?;
        let change = StayChange { kind: event.kind, reverses: None, lines };
        let StayEvent { message, person, booked_at_ms, request, .. } = event;
        let record = stay_record(&assigned, (message, person, mdtrt_id), change, request, answer);
        self.book(Record { booked_at_ms, ..record }).map_err(StayError::from)
    }

    /// The lines that the call is about, once the stay takes it.
    fn let_through(
        &self,
        key: &StayKey,
        row: Option<&StayRow>,
        event: &StayEvent,
    ) -> Result<Vec<StayLine>, Unfit> {
        step(row, &event.person, StayStep::Call(event.kind))?;
        let nothing = Vec::new();
        let Some(row) = row.filter(|_| event.kind != StayKind::Admit) else {
            if let Some(sequence) = booking::visit(&self.rows, &event.message, &key.mdtrt_id)? {
                return Err(StayRefusal::AlreadySettled { setl_id: setl_id_of(sequence) }.into());
            }
            self.not_in_hospital(key, &event.person)?;
            return Ok(nothing);
        };
        match (event.kind, &event.lines) {
            (StayKind::CancelAdmission, _) if row.lines > 0 => {
                Err(StayRefusal::LinesStand { lines: row.lines }.into())
            }
            (StayKind::CancelDischarge, _) => self.not_in_hospital(key, &event.person).map(|()| nothing),
            (StayKind::FeesIn, StayLines::These(lines)) => {
                self.can_come_in(key, row, lines)?;
                Ok(lines.clone())
            }
            (StayKind::FeesOut, lines) => self.going(key, row, lines),
            _ => Ok(nothing),
        }
    }

    fn not_in_hospital(&self, key: &StayKey, person: &PersonKey) -> Result<(), Unfit> {
        let Some(place) = rows::in_hospital(&self.rows, person)? else { return Ok(()) };
        // Of another hospital's stay no more than the hospital is told.
        let mdtrt_id = (place.fixmedins_code == key.fixmedins_code).then_some(place.mdtrt_id);
        Err(StayRefusal::InHospital { fixmedins_code: place.fixmedins_code, mdtrt_id }.into())
    }

    fn can_come_in(&self, key: &StayKey, row: &StayRow, lines: &[StayLine]) -> Result<(), Unfit> {
        let count = u32::try_from(lines.len()).unwrap_or(u32::MAX).saturating_add(row.lines);
        if count > STAY_LINES_MAX {
            return Err(StayRefusal::TooManyLines { lines: count }.into());
        }
        // Else the stay could come to hold what no settlement takes, since one takes all that is not settled.
        let count = u32::try_from(lines.len()).unwrap_or(u32::MAX).saturating_add(row.unsettled);
        if count > SETTLEMENT_LINES_MAX {
            return Err(StayRefusal::TooManyUnsettled { lines: count }.into());
        }
        let mut coming: BTreeSet<&str> = BTreeSet::new();
        for StayLine { feedetl_sn, .. } in lines {
            let stands = !coming.insert(feedetl_sn) || rows::line(&self.rows, key, feedetl_sn)?.is_some();
            if stands && !planted::is("line-comes-in-twice") {
                return Err(StayRefusal::LineExists { feedetl_sn: Arc::clone(feedetl_sn) }.into());
            }
        }
        for charge in lines.iter().filter_map(|line| line.refunds.as_ref()) {
            if coming.contains(&**charge) {
                continue;
            }
            let Some(line) = rows::line(&self.rows, key, charge)? else {
                return Err(StayRefusal::LineUnknown { feedetl_sn: Arc::clone(charge) }.into());
            };
            not_settled(row, charge, line.batch)?;
        }
        Ok(())
    }

    fn going(&self, key: &StayKey, row: &StayRow, lines: &StayLines) -> Result<Vec<StayLine>, Unfit> {
        let going: Vec<StayLine> = match lines {
            StayLines::AllUnsettled => {
                let standing = rows::lines(&self.rows, key)?.into_iter();
                let unsettled = standing.filter(|(_, line)| line.batch > row.settled_up_to());
                unsettled.map(|(feedetl_sn, line)| StayLine { feedetl_sn, refunds: line.refunds }).collect()
            }
            StayLines::These(named) => {
                let mut going = Vec::with_capacity(named.len());
                for StayLine { feedetl_sn, .. } in named {
                    let Some(line) = rows::line(&self.rows, key, feedetl_sn)? else {
                        return Err(StayRefusal::LineUnknown { feedetl_sn: Arc::clone(feedetl_sn) }.into());
                    };
                    not_settled(row, feedetl_sn, line.batch)?;
                    going.push(StayLine { feedetl_sn: Arc::clone(feedetl_sn), refunds: line.refunds });
                }
                going
            }
        };
        if going.is_empty() {
            return Err(StayRefusal::NoLines.into());
        }
        self.none_refunded(key, &going)?;
        Ok(going)
    }

    /// No refund stays behind that names a line which goes.
    fn none_refunded(&self, key: &StayKey, going: &[StayLine]) -> Result<(), Unfit> {
        let numbers: BTreeSet<&str> = going.iter().map(|line| &*line.feedetl_sn).collect();
        let mut going_too: BTreeMap<&str, u32> = BTreeMap::new();
        for charge in going.iter().filter_map(|line| line.refunds.as_deref()) {
            *going_too.entry(charge).or_default() += 1;
        }
        for line in going {
            let Some(row) = rows::line(&self.rows, key, &line.feedetl_sn)? else { continue };
            if row.refunded_by == going_too.get(&*line.feedetl_sn).copied().unwrap_or_default() {
                continue;
            }
            let staying = rows::lines(&self.rows, key)?.into_iter().find(|(feedetl_sn, it)| {
                it.refunds.as_ref() == Some(&line.feedetl_sn) && !numbers.contains(&**feedetl_sn)
            });
            let by = staying.map_or_else(|| Arc::from(""), |(feedetl_sn, _)| feedetl_sn);
            return Err(StayRefusal::LineRefunded { feedetl_sn: Arc::clone(&line.feedetl_sn), by }.into());
        }
        Ok(())
    }

    /// Whether a stay takes its settlement, or a bill under its number.
    pub(crate) fn settles_stay<E>(
        &self,
        (message, mdtrt_id): (&MessageKey, &Arc<str>),
        person: &PersonKey,
        stay: Option<&SettledStay>,
    ) -> Result<(), SettleError<E>> {
        let asked = stay.map_or(StayStep::SettleBill, |stay| StayStep::Settle(stay.part));
        self.is_at((message, mdtrt_id), person, asked, stay.map(|stay| stay.version))
    }

    /// Whether a stay may be quoted, or a bill under its number.
    pub(crate) fn quotes_stay<E>(
        &self,
        visit: (&MessageKey, &Arc<str>),
        person: &PersonKey,
        version: Option<u64>,
    ) -> Result<(), SettleError<E>> {
        let asked = if version.is_some() { StayStep::Quote } else { StayStep::SettleBill };
        self.is_at(visit, person, asked, version)
    }

    /// Whether the stay of a visit lets a step through, and has not moved since a version of it.
    fn is_at<E>(
        &self,
        (message, mdtrt_id): (&MessageKey, &Arc<str>),
        person: &PersonKey,
        asked: StayStep,
        version: Option<u64>,
    ) -> Result<(), SettleError<E>> {
        let row = rows::stay(&self.rows, &StayKey::at(message, mdtrt_id))?;
        step(row.as_ref(), person, asked).map_err(SettleError::Stay)?;
        let now = row.map_or(0, |row| row.version);
        if version.is_some_and(|version| version != now) && !planted::is("settle-a-moved-stay") {
            Err(SettleError::Moved)
        } else {
            Ok(())
        }
    }

    /// Decides one reversal of a call of a stay and drafts its record: what takes the call back, or its tombstone.
    pub(crate) fn reverse_stay<E>(
        &mut self,
        event: ReverseEvent,
        decide: impl Fn(StayUndone, &Assigned) -> Result<Vec<u8>, E>,
    ) -> Result<Committed, ReverseError<E>> {
        event.check()?;
        if let Some(replayed) = self.replayed_reversal(&event)? {
            return Ok(replayed);
        }
        let taken_back = match self.stored(&event.original())? {
            None => None,
            Some((kind, original)) => {
                let change = self.takes_back(&event, kind, &original)?;
                Some((Arc::clone(&original.mdtrt_id), change))
            }
        };
        let assigned = self.assign(event.booked_at_ms);
        let undone = if taken_back.is_some() { StayUndone::TakenBack } else { StayUndone::Barred };
        let answer = decided(|| decide(undone, &assigned))?;
        let ReverseEvent { message, person, omsgid, booked_at_ms, request, .. } = event;
        let record = match taken_back {
            Some((mdtrt_id, change)) => {
                stay_record(&assigned, (message, person, mdtrt_id), change, request, answer)
            }
            None => Record {
                sequence: assigned.sequence,
                entry: Entry::Tombstone { omsgid },
                request,
                answer: Arc::from(answer),
                ..Record::nothing_of(message, person)
            },
        };
        self.book(Record { booked_at_ms, ..record }).map_err(ReverseError::from)
    }

    /// What takes an earlier call of a stay back, where nothing later stands on it.
    fn takes_back<E>(
        &self,
        event: &ReverseEvent,
        kind: MessageKind,
        original: &Record,
    ) -> Result<StayChange, ReverseError<E>> {
        is_known(kind, original)?;
        if original.person != event.person {
            return Err(ReverseError::OtherPerson);
        }
        let (MessageKind::Stay(asked), Entry::Stay(change)) = (kind, &original.entry) else {
            return Err(ReverseError::OtherKind { stored_kind: kind });
        };
        if kind != event.okind {
            return Err(ReverseError::OtherKind { stored_kind: kind });
        }
        let Some(inverse) = asked.inverse() else { return Err(ReverseError::StayCancellationStands) };
        let lines = self.back(original, change, inverse)?;
        Ok(StayChange { kind: inverse, reverses: Some(original.sequence), lines })
    }

    fn back(
        &self,
        original: &Record,
        change: &StayChange,
        inverse: StayKind,
    ) -> Result<Vec<StayLine>, Unfit> {
        let key = StayKey::at(&original.message, &original.mdtrt_id);
        let call = rows::call(&self.rows, &key, original.sequence)?;
        let row = rows::stay(&self.rows, &key)?;
        let (Some(call), Some(row)) = (call, row) else { return Err(StayRefusal::TakenBack.into()) };
        let is_of_this_admission = original.sequence >= row.admission && row.admission != 0;
        let emptied = change.kind == StayKind::FeesIn && call.lines == 0;
        if call.undone != 0 || emptied || !is_of_this_admission {
            return Err(StayRefusal::TakenBack.into());
        }
        step(Some(&row), &original.person, StayStep::Call(inverse))?;
        match inverse {
            StayKind::CancelAdmission if row.lines > 0 => {
                Err(StayRefusal::LinesStand { lines: row.lines }.into())
            }
            StayKind::TakeBackUpdate if row.update != original.sequence => {
                Err(StayRefusal::LaterStands.into())
            }
            StayKind::CancelDischarge => self.not_in_hospital(&key, &original.person).map(|()| Vec::new()),
            StayKind::FeesOut => {
                let mut going = Vec::with_capacity(change.lines.len());
                for line in &change.lines {
                    let stands = rows::line(&self.rows, &key, &line.feedetl_sn)?;
                    if stands.is_some_and(|it| it.batch == original.sequence) {
                        not_settled(&row, &line.feedetl_sn, original.sequence)?;
                        going.push(line.clone());
                    }
                }
                self.none_refunded(&key, &going)?;
                Ok(going)
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// Whether the table lets the step through; a stay of another person is not there.
fn step(row: Option<&StayRow>, person: &PersonKey, asked: StayStep) -> Result<(), StayRefusal> {
    let state = row.map_or(StayState::Unknown, |row| row.state);
    let settled_by = || setl_id_of(row.map_or(0, StayRow::settled_up_to));
    let opens = matches!(asked, StayStep::Call(StayKind::Admit) | StayStep::SettleBill);
    if !opens && row.is_some_and(|row| row.psn_no != person.psn_no) {
        return Err(StayRefusal::NotFound);
    }
    after(state, asked, settled_by).map(drop)
}

fn not_settled(row: &StayRow, feedetl_sn: &Arc<str>, batch: u64) -> Result<(), StayRefusal> {
    // The first settlement behind the batch took it.
    let by = row.settlements.iter().find(|settlement| **settlement > batch);
    match by.filter(|_| !planted::is("withdraw-a-settled-line")) {
        None => Ok(()),
        Some(by) => {
            Err(StayRefusal::LineSettled { feedetl_sn: Arc::clone(feedetl_sn), setl_id: setl_id_of(*by) })
        }
    }
}

fn stay_record(
    assigned: &Assigned,
    (message, person, mdtrt_id): (MessageKey, PersonKey, Arc<str>),
    change: StayChange,
    request: Vec<u8>,
    answer: Vec<u8>,
) -> Record {
    Record {
        sequence: assigned.sequence,
        entry: Entry::Stay(change),
        mdtrt_id,
        medfee_sumamt: Money::ZERO,
        request,
        answer: Arc::from(answer),
        ..Record::nothing_of(message, person)
    }
}
