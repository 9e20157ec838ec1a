//! Corrections: which settlements one touches, and what each comes to when they are decided again in the order of their
//! services.
//!
//! Nothing is changed here but an overlay. Invariant: the settlements that are decided again are, in every bucket that one
//! of them stands in before or after, all that stand above it and all whose service is later; so the outcome is that of a
//! history in which they had come in the order of their services.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bedside_claim::{AccumulatorChange, Accumulators, Money, Overflow, Owner};

use super::{Group, check_decision};
use crate::booking::{self, contradiction};
use crate::correction::{Correction, NetChange, Turn, Version, difference, sum};
use crate::event::{Assigned, Decision, MessageKind, PersonKey, setl_id_of};
use crate::kept::Salt;
use crate::outcome::{CorrectError, NotBooked, SettleError};
use crate::planted;
use crate::readjudication::{
    ChangedSettlement, CorrectEvent, Corrected, Effect, Facts, Readjudication, Run, Service, Standing,
};
use crate::record::{Entry, Record};
use crate::reorder::{Lifted, inside, lift, place};
use crate::rows::{Bucket, SettlementRow, bucket_key};
use crate::segments::ReadError;
use crate::tables::Overlay;
use crate::versions::{self, AtVersion, Load};

impl Group<'_> {
    /// Decides one correction and drafts its record: new versions of the settlement and of every later one that comes out
    /// otherwise.
    pub(crate) fn correct<R: Readjudication>(
        &mut self,
        event: CorrectEvent,
        again: &R,
    ) -> Result<Corrected, CorrectError<R::Refusal>> {
        event.check()?;
        if event.run == Run::Book
            && let Some(replayed) = self.replayed(&event.message, MessageKind::Correct, &event.request)?
        {
            return Ok(Corrected::Booked(replayed));
        }
        let found = self.settlement_of(&event.message, &event.person, &event.setl_id)?;
        let (settlement, row) = found.ok_or(CorrectError::NotFound)?;
        if let Some(by) = row.undone {
            return Err(CorrectError::AlreadyCancelled { by: setl_id_of(by.sequence) });
        }
        if event.run == Run::Book && !self.is_ample {
            return Err(CorrectError::DiskNearlyFull);
        }
        let assigned = self.assign(event.booked_at_ms);
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let load = |sequence, position| self.record(sequence, position);
            let cascade = Cascade::new(&self.rows, &load, again, settlement.sequence, event.bill.as_deref());
            let (correction, effect) = cascade.decide()?;
            let answer = again.answer(&effect, &assigned).map_err(NotBooked::Refused)?;
            Ok::<_, CorrectError<R::Refusal>>((correction, effect, answer))
        }));
        let (correction, effect, answer) =
            decided.map_err(|_| CorrectError::NotBooked(NotBooked::Panicked))??;
        if event.run == Run::Dry {
            return Ok(Corrected::Dry(answer));
        }
        let medfee_sumamt = medfee_difference(&effect)?;
        let postings = sum(effect.changed.iter().map(|changed| changed.net.as_slice()))?;
        let committed = self.book(Record {
            sequence: assigned.sequence,
            entry: Entry::Correction(Box::new(correction)),
            message: event.message,
            person: event.person,
            mdtrt_id: Arc::clone(&settlement.mdtrt_id),
            booked_at_ms: event.booked_at_ms,
            benefit_year: settlement.benefit_year,
            medfee_sumamt,
            postings,
            accumulators: Vec::new(),
            bill: Vec::new(),
            part: None,
            salt: Salt::None,
            request: event.request,
            answer: Arc::from(answer),
        })?;
        Ok(Corrected::Booked(committed))
    }
}

fn medfee_difference(effect: &Effect) -> Result<Money, Overflow> {
    effect
        .changed
        .iter()
        .try_fold(Money::ZERO, |all, it| all.plus(it.new_medfee_sumamt.minus(it.old_medfee_sumamt)?))
}

/// A standing settlement in the reach of a correction.
struct Member {
    /// As its newest version says.
    newest: AtVersion,
    row: SettlementRow,
    /// What it is to be decided on.
    bill: Vec<u8>,
    /// Whether the bill is not that of the newest version.
    is_rewritten: bool,
    facts: Facts,
}

impl Member {
    fn person(&self) -> &PersonKey {
        &self.newest.record.person
    }

    fn service(&self) -> (Service, u64) {
        (self.facts.service, self.newest.record.sequence)
    }
}

struct Cascade<'a, R> {
    rows: &'a Overlay<'a>,
    load: Load<'a>,
    again: &'a R,
    of: u64,
    bill: Option<&'a [u8]>,
    members: BTreeMap<u64, Member>,
}

/// The settlements that are decided again, and the buckets that each stands in before or after.
type Reach = BTreeMap<u64, BTreeSet<Bucket>>;

/// The rows as the new decisions leave them, and these in the order of their services.
type Decided<'a> = (Overlay<'a>, Vec<(u64, Decision)>);

impl<'a, R: Readjudication> Cascade<'a, R> {
    fn new(
        rows: &'a Overlay<'a>,
        load: Load<'a>,
        again: &'a R,
        of: u64,
        bill: Option<&'a [u8]>,
    ) -> Cascade<'a, R> {
        Cascade { rows, load, again, of, bill, members: BTreeMap::new() }
    }

    /// Decides what must be decided again, until no outcome reaches a settlement that was left out.
    fn decide(mut self) -> Result<(Correction, Effect), CorrectError<R::Refusal>> {
        let mut reach = Reach::new();
        self.include(self.of, &mut reach)?;
        loop {
            self.spread(&mut reach)?;
            let (after, decisions) = self.decide_again(&reach)?;
            let mut wider = reach.clone();
            for (sequence, decision) in &decisions {
                let into = booking::buckets_of(decision.benefit_year, &decision.accumulators);
                wider.entry(*sequence).or_default().extend(into);
            }
            self.spread(&mut wider)?;
            if wider.len() == reach.len() {
                let net = self.net_changes(&wider, &after)?;
                return self.outcome(decisions, net);
            }
            reach = wider;
        }
    }

    /// Brings a settlement into the reach with the buckets that it stands in.
    fn include(&mut self, sequence: u64, reach: &mut Reach) -> Result<(), CorrectError<R::Refusal>> {
        let member = self.member(sequence)?;
        reach.entry(sequence).or_default().extend(member.row.before.keys().cloned());
        Ok(())
    }

    fn member(&mut self, sequence: u64) -> Result<&Member, CorrectError<R::Refusal>> {
        if !self.members.contains_key(&sequence) {
            let member = self.read(sequence)?;
            self.members.insert(sequence, member);
        }
        self.members.get(&sequence).ok_or_else(|| missing().into())
    }

    fn read(&self, sequence: u64) -> Result<Member, CorrectError<R::Refusal>> {
        let row = booking::settlement(self.rows, sequence).map_err(ReadError::Tables)?;
        let row = row.filter(|row| row.undone.is_none()).ok_or_else(missing)?;
        let booked = (self.load)(sequence, row.position)?;
        if booked.is_erased() {
            return Err(CorrectError::ContentErased { setl_id: booked.setl_id() });
        }
        let stored = versions::bill(self.rows, self.load, &booked)?;
        let newest = versions::newest(self.rows, self.load, booked)?;
        let (bill, is_rewritten) = match self.bill.filter(|_| sequence == self.of) {
            Some(bill) => (bill.to_vec(), bill != stored),
            None => (stored, false),
        };
        let facts = self.again.facts(&bill).map_err(|refusal| not_again(sequence, refusal))?;
        Ok(Member { newest, row, bill, is_rewritten, facts })
    }

    /// Brings in, to a fixed point, what stands above the settlements in the reach, and what stands below one of them
    /// but is later in service: with all that stands on it.
    fn spread(&mut self, reach: &mut Reach) -> Result<(), CorrectError<R::Refusal>> {
        let mut waiting: Vec<u64> = reach.keys().copied().collect();
        while let Some(sequence) = waiting.pop() {
            let member = self.member(sequence)?;
            let (person, service) = (member.person().clone(), member.service());
            let buckets = reach.get(&sequence).cloned().unwrap_or_default();
            for bucket in buckets {
                let order = self.order(&person, &bucket)?;
                let mut lowest = order.iter().position(|it| *it == sequence).unwrap_or(order.len());
                for (place, below) in order.iter().enumerate().take(lowest) {
                    let is_later = match self.member(*below) {
                        // Nobody knows its service any more: it stays under what stood on it.
                        Err(CorrectError::ContentErased { .. }) => false,
                        below => below?.service() > service,
                    };
                    if is_later {
                        lowest = place;
                        break;
                    }
                }
                for above in order.into_iter().skip(lowest) {
                    if !reach.contains_key(&above) {
                        self.include(above, reach)?;
                        waiting.push(above);
                    }
                }
            }
        }
        Ok(())
    }

    /// The settlements that stand in a bucket, the latest last.
    fn order(&self, person: &PersonKey, bucket: &Bucket) -> Result<Vec<u64>, CorrectError<R::Refusal>> {
        let mut order = Vec::new();
        let mut next = booking::bucket(self.rows, person, bucket)?.latest;
        while next != 0 {
            order.push(next);
            let row = booking::settlement(self.rows, next).map_err(ReadError::Tables)?;
            next = row.and_then(|row| row.before.get(bucket).copied()).ok_or_else(missing)?;
        }
        order.reverse();
        Ok(order)
    }

    /// Takes what is in the reach back, latest first, and decides it in the order of services.
    fn decide_again(&self, reach: &Reach) -> Result<Decided<'a>, CorrectError<R::Refusal>> {
        let mut rows = Overlay::on(self.rows);
        let mut members: Vec<&Member> =
            reach.keys().filter_map(|sequence| self.members.get(sequence)).collect();
        let lifted: Lifted = members
            .iter()
            .map(|it| (it.newest.record.sequence, (it.person().clone(), it.row.clone())))
            .collect();
        lift(&mut rows, &lifted, |sequence, bucket, shelf| {
            let member = self.members.get(&sequence).ok_or(contradiction("a settlement was not read"))?;
            let taken: Vec<AccumulatorChange> = inside(&member.newest.record.accumulators, bucket)
                .iter()
                .map(AccumulatorChange::reversed)
                .collect();
            Ok(shelf.accumulators.apply(&taken)?)
        })?;
        members.sort_by_key(|member| member.service());
        let mut decisions = Vec::new();
        for member in members {
            let record = &member.newest.record;
            let decision = self.decide_one(member, &rows)?;
            let buckets = booking::buckets_of(decision.benefit_year, &decision.accumulators);
            let it = (record.sequence, member.person(), &member.row);
            place(&mut rows, it, buckets, &decision.accumulators)?;
            decisions.push((record.sequence, decision));
        }
        Ok((rows, decisions))
    }

    fn decide_one(&self, member: &Member, rows: &Overlay<'_>) -> Result<Decision, CorrectError<R::Refusal>> {
        let record = &member.newest.record;
        let family_no = member.facts.family_no.as_ref();
        let accumulators: Accumulators =
            booking::accumulators(rows, member.person(), family_no.map(AsRef::as_ref))?;
        let assigned = Assigned {
            setl_id: record.setl_id(),
            sequence: record.sequence,
            booked_at_ms: record.booked_at_ms,
        };
        let standing = Standing {
            assigned: &assigned,
            message: &record.message,
            mdtrt_id: &record.mdtrt_id,
            booked_bill: record.settled_bill(),
        };
        let decision = self
            .again
            .decide(&member.bill, &standing, &accumulators)
            .map_err(|refusal| not_again(record.sequence, refusal))?;
        let defect = |defect: SettleError<Infallible>| CorrectError::Defect {
            setl_id: record.setl_id(),
            defect: Box::new(defect),
        };
        check_decision(&decision, family_no).map_err(defect)?;
        Ok(decision)
    }

    /// What the accumulators in these buckets come to.
    fn net_changes(
        &self,
        reach: &Reach,
        after: &Overlay<'_>,
    ) -> Result<Vec<NetChange>, CorrectError<R::Refusal>> {
        let mut touched = BTreeMap::new();
        for (sequence, buckets) in reach {
            let Some(member) = self.members.get(sequence) else { continue };
            for bucket in buckets {
                touched.insert(bucket_key(member.person(), bucket)?, (member.person(), bucket));
            }
        }
        let mut net = Vec::new();
        for (person, bucket) in touched.into_values() {
            let old = booking::bucket(self.rows, person, bucket)?.accumulators;
            let new = booking::bucket(after, person, bucket)?.accumulators;
            let keys: BTreeSet<_> = old.iter().chain(new.iter()).map(|(key, _)| key).collect();
            let psn_no = match bucket.owner {
                Owner::Person => Arc::clone(&person.psn_no),
                Owner::Family(_) => Arc::from(""),
            };
            for key in keys.into_iter().filter(|key| old.get(key) != new.get(key)) {
                let change =
                    AccumulatorChange { key: key.clone(), before: old.get(key), after: new.get(key) };
                net.push(NetChange { psn_no: Arc::clone(&psn_no), change });
            }
        }
        Ok(net)
    }

    fn outcome(
        &self,
        decisions: Vec<(u64, Decision)>,
        net: Vec<NetChange>,
    ) -> Result<(Correction, Effect), CorrectError<R::Refusal>> {
        let mut effect = Effect { changed: Vec::new(), unchanged: 0 };
        let mut turns = Vec::new();
        for (sequence, decision) in decisions {
            let member = self.members.get(&sequence).ok_or_else(missing)?;
            let psn_no = Arc::clone(&member.person().psn_no);
            let is_forgotten = sequence != self.of && planted::is("correction-forgets-a-later-one");
            if is_forgotten || (!member.is_rewritten && is_same(&decision, &member.newest.record)) {
                effect.unchanged += 1;
                turns.push(Turn { sequence, psn_no, new: None });
                continue;
            }
            let (version, changed) = self.new_version(member, decision)?;
            effect.changed.push(changed);
            turns.push(Turn { sequence, psn_no, new: Some(Box::new(version)) });
        }
        Ok((Correction { of: self.of, turns, net }, effect))
    }

    fn new_version(
        &self,
        member: &Member,
        decision: Decision,
    ) -> Result<(Version, ChangedSettlement), CorrectError<R::Refusal>> {
        let AtVersion { record: old, number, correction } = &member.newest;
        let (new, before) = (&decision.postings, &old.postings);
        let is_backwards = planted::is("correction-posts-backwards");
        let net = if is_backwards { difference(before, new) } else { difference(new, before) }?;
        let number = number.checked_add(1).ok_or(CorrectError::OutOfRange)?;
        let answer: Arc<[u8]> = Arc::from(decision.answer);
        let changed = ChangedSettlement {
            setl_id: old.setl_id(),
            message: old.message.clone(),
            mdtrt_id: Arc::clone(&old.mdtrt_id),
            version: number,
            old_medfee_sumamt: old.medfee_sumamt,
            new_medfee_sumamt: decision.medfee_sumamt,
            old: old.postings.clone(),
            new: decision.postings.clone(),
            net: net.clone(),
            answer: Arc::clone(&answer),
        };
        let version = Version {
            number,
            replaces: correction.unwrap_or(old.sequence),
            benefit_year: decision.benefit_year,
            medfee_sumamt: decision.medfee_sumamt,
            postings: decision.postings,
            net,
            accumulators: decision.accumulators,
            bill: if member.is_rewritten { member.bill.clone() } else { Vec::new() },
            answer,
        };
        Ok((version, changed))
    }
}

fn is_same(decision: &Decision, stands: &Record) -> bool {
    let Decision { benefit_year, medfee_sumamt, postings, accumulators, answer } = decision;
    (*benefit_year, *medfee_sumamt) == (stands.benefit_year, stands.medfee_sumamt)
        && *postings == stands.postings
        && *accumulators == stands.accumulators
        && **answer == *stands.answer
}

fn not_again<E>(sequence: u64, refusal: E) -> CorrectError<E> {
    CorrectError::NotAgain { setl_id: setl_id_of(sequence), refusal }
}

fn missing() -> ReadError {
    ReadError::from(contradiction("a settlement in an order does not stand"))
}
