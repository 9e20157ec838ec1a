//! The second reading of corrections: takes the settlements back and books them again, one after another, and compares
//! what the record says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Accumulators, Money};

use super::{Broken, Fold, Shelf, buckets_of, shelf_of_person};
use crate::correction::{Correction, Turn, Version};
use crate::event::{PersonKey, Posting};
use crate::frame::Position;
use crate::record::Record;
use crate::rows::Bucket;

impl Fold {
    /// Folds one correction in.
    pub(super) fn correct(
        &mut self,
        record: &Record,
        correction: &Correction,
        position: Position,
    ) -> Result<(), Broken> {
        let lifted = self.corrected(record, correction)?;
        self.post_differences(record, correction)?;
        let before = self.shelves_of(correction);
        self.take_back(&lifted)?;
        for turn in &correction.turns {
            self.book_again(record, turn, position)?;
        }
        self.compare_net(correction, before)
    }

    /// The settlements that are computed again, each standing and named once.
    fn corrected(&self, record: &Record, correction: &Correction) -> Result<BTreeSet<u64>, Broken> {
        let mut lifted = BTreeSet::new();
        for turn in &correction.turns {
            let folded = self.settlements.get(&turn.sequence).ok_or(Broken::CorrectsNothing)?;
            let person =
                PersonKey { tenant: Arc::clone(&record.message.tenant), psn_no: Arc::clone(&turn.psn_no) };
            let stands = folded.undone.is_none() && folded.record.person == person;
            if !stands || !lifted.insert(turn.sequence) {
                return Err(Broken::CorrectsNothing);
            }
        }
        let target = self.settlements.get(&correction.of).filter(|_| lifted.contains(&correction.of));
        let own = target.is_some_and(|target| {
            target.record.person == record.person
                && target.record.mdtrt_id == record.mdtrt_id
                && target.record.message.fixmedins_code == record.message.fixmedins_code
        });
        if own { Ok(lifted) } else { Err(Broken::CorrectsNothing) }
    }

    /// Each difference is new less old, and is owed to the hospital of its settlement.
    fn post_differences(&mut self, record: &Record, correction: &Correction) -> Result<(), Broken> {
        let mut all = BTreeMap::<Arc<str>, i128>::new();
        let mut owed = 0;
        for turn in &correction.turns {
            let Some(new) = &turn.new else { continue };
            let old = &self.settlements.get(&turn.sequence).ok_or(Broken::CorrectsNothing)?.record;
            let mut net = by_account(&new.postings, 1);
            if net.values().sum::<i128>() != fen(new.medfee_sumamt) {
                return Err(Broken::Unbalanced);
            }
            add(&mut net, by_account(&old.postings, -1));
            if net != by_account(&new.net, 1) || new.net.iter().any(|it| it.amount.is_zero()) {
                return Err(Broken::Differences);
            }
            let difference = fen(new.medfee_sumamt) - fen(old.medfee_sumamt);
            let hospital = (Arc::clone(&old.message.tenant), Arc::clone(&old.message.fixmedins_code));
            *self.receivables.entry(hospital).or_default() += difference;
            owed += difference;
            add(&mut all, net);
        }
        if all != by_account(&record.postings, 1) || owed != fen(record.medfee_sumamt) {
            return Err(Broken::Differences);
        }
        for (account, amount) in all {
            *self.accounts.entry(account).or_default() += amount;
        }
        Ok(())
    }

    /// Everything that stands in a bucket of one of these settlements, before or after.
    fn shelves_of(&self, correction: &Correction) -> BTreeMap<Shelf, Accumulators> {
        let mut shelves = BTreeMap::new();
        for turn in &correction.turns {
            let Some(folded) = self.settlements.get(&turn.sequence) else { continue };
            let new = turn.new.iter().flat_map(|new| buckets_of(new.benefit_year, &new.accumulators));
            for bucket in folded.before.keys().cloned().chain(new) {
                let shelf = shelf_of_person(&folded.record.person, bucket);
                let stands = self.shelves.get(&shelf).map(|(_, accumulators)| accumulators.clone());
                shelves.insert(shelf, stands.unwrap_or_default());
            }
        }
        shelves
    }

    /// Off the top of every shelf that it stands in, what it changed there turned round.
    fn take_back(&mut self, lifted: &BTreeSet<u64>) -> Result<(), Broken> {
        let mut touched = BTreeSet::new();
        let mut standing = 0usize;
        for sequence in lifted {
            let folded = self.settlements.get(sequence).ok_or(Broken::CorrectsNothing)?;
            for bucket in folded.before.keys() {
                touched.insert(shelf_of_person(&folded.record.person, bucket.clone()));
                standing += 1;
            }
        }
        for shelf in touched {
            let (order, accumulators) = self.shelves.entry(shelf.clone()).or_default();
            while let Some(top) = order.last().copied().filter(|top| lifted.contains(top)) {
                order.pop();
                standing -= 1;
                let folded = self.settlements.get(&top).ok_or(Broken::CorrectsNothing)?;
                for change in folded.record.accumulators.iter().filter(|it| is_in(it, &shelf)) {
                    let back = AccumulatorChange {
                        key: change.key.clone(),
                        before: change.after,
                        after: change.before,
                    };
                    accumulators.apply(&[back]).map_err(|_| Broken::Accumulators)?;
                }
            }
        }
        if standing == 0 { Ok(()) } else { Err(Broken::CorrectsUnder) }
    }

    /// On top of every shelf that it stands in now, as its newest version says.
    fn book_again(&mut self, record: &Record, turn: &Turn, position: Position) -> Result<(), Broken> {
        let folded = self.settlements.get_mut(&turn.sequence).ok_or(Broken::CorrectsNothing)?;
        let mut buckets: BTreeSet<Bucket> = folded.before.keys().cloned().collect();
        if let Some(new) = &turn.new {
            let stands = folded.versions.last().map_or(turn.sequence, |(sequence, _)| *sequence);
            if new.number as usize != folded.versions.len() + 2 || new.replaces != stands {
                return Err(Broken::Versions);
            }
            folded.versions.push((record.sequence, position));
            let Version { benefit_year, medfee_sumamt, postings, accumulators, .. } = new.as_ref();
            folded.record = Record {
                benefit_year: *benefit_year,
                medfee_sumamt: *medfee_sumamt,
                postings: postings.clone(),
                accumulators: accumulators.clone(),
                ..folded.record.clone()
            };
            buckets = buckets_of(*benefit_year, accumulators);
        }
        folded.before.clear();
        for bucket in buckets {
            let shelf = shelf_of_person(&folded.record.person, bucket.clone());
            let (order, accumulators) = self.shelves.entry(shelf.clone()).or_default();
            for change in folded.record.accumulators.iter().filter(|it| is_in(it, &shelf)) {
                accumulators.apply(std::slice::from_ref(change)).map_err(|_| Broken::Accumulators)?;
            }
            folded.before.insert(bucket, order.last().copied().unwrap_or_default());
            order.push(turn.sequence);
        }
        Ok(())
    }

    /// What the record says of the accumulators is what has come of them.
    fn compare_net(
        &self,
        correction: &Correction,
        before: BTreeMap<Shelf, Accumulators>,
    ) -> Result<(), Broken> {
        let mut found = BTreeMap::<(Arc<str>, AccumulatorKey), (Money, Money)>::new();
        for ((tenant, psn_no, bucket), old) in before {
            let shelf = (tenant, psn_no, bucket);
            let new = self.shelves.get(&shelf).map(|(_, accumulators)| accumulators.clone());
            let new = new.unwrap_or_default();
            let psn_no = shelf.1.unwrap_or_else(|| Arc::from(""));
            for (key, _) in old.iter().chain(new.iter()) {
                if old.get(key) != new.get(key) {
                    found.insert((Arc::clone(&psn_no), key.clone()), (old.get(key), new.get(key)));
                }
            }
        }
        let told: BTreeMap<_, _> = correction
            .net
            .iter()
            .map(|net| {
                let AccumulatorChange { key, before, after } = net.change.clone();
                ((Arc::clone(&net.psn_no), key), (before, after))
            })
            .collect();
        let whole = told.len() == correction.net.len() && told == found;
        if whole { Ok(()) } else { Err(Broken::Accumulators) }
    }
}

fn is_in(change: &AccumulatorChange, (_, _, bucket): &Shelf) -> bool {
    (&change.key.owner, &change.key.term) == (&bucket.owner, &bucket.term)
}

fn fen(amount: Money) -> i128 {
    i128::from(amount.units())
}

/// The sum of each account, without zeros.
fn by_account(postings: &[Posting], sign: i128) -> BTreeMap<Arc<str>, i128> {
    let mut sums = BTreeMap::new();
    for posting in postings {
        *sums.entry(Arc::clone(&posting.account)).or_default() += sign * fen(posting.amount);
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

fn add(sums: &mut BTreeMap<Arc<str>, i128>, more: BTreeMap<Arc<str>, i128>) {
    for (account, amount) in more {
        *sums.entry(account).or_default() += amount;
    }
    sums.retain(|_, sum| *sum != 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correction::NetChange;
    use crate::event::MessageKey;
    use crate::kept::Salt;
    use crate::record::Entry;
    use bedside_claim::Measure;

    const PLACE: Position = Position { segment: 1, offset: 64 };

    fn used(before: i64, after: i64) -> AccumulatorChange {
        let key = AccumulatorKey::of_year(2026, "a/b".into(), "x".into(), Measure::Paid);
        AccumulatorChange { key, before: Money::from_units(before), after: Money::from_units(after) }
    }

    fn posting(account: &str, fen: i64) -> Posting {
        Posting { account: account.into(), amount: Money::from_units(fen) }
    }

    /// A bill of 100 fen, of which a cap of 80 lets so much be paid.
    fn settlement(sequence: u64, before: i64, after: i64) -> Record {
        Record {
            sequence,
            entry: Entry::Settlement,
            message: MessageKey {
                tenant: "t".into(),
                fixmedins_code: "H".into(),
                msgid: format!("m{sequence}").into(),
            },
            person: PersonKey { tenant: "t".into(), psn_no: "p".into() },
            mdtrt_id: format!("v{sequence}").into(),
            booked_at_ms: 0,
            benefit_year: 2026,
            medfee_sumamt: Money::from_units(100),
            postings: vec![posting("cash", 100 - after + before), posting("payer", after - before)],
            accumulators: vec![used(before, after)],
            request: Vec::new(),
            answer: Arc::from([]),
            bill: Vec::new(),
            part: None,
            salt: Salt::None,
        }
    }

    fn version(replaces: u64, fen: i64, paid: (i64, i64), net: Vec<Posting>) -> Version {
        let pays = paid.1 - paid.0;
        Version {
            number: 2,
            replaces,
            benefit_year: 2026,
            medfee_sumamt: Money::from_units(fen),
            postings: vec![posting("cash", fen - pays), posting("payer", pays)],
            net,
            accumulators: vec![used(paid.0, paid.1)],
            bill: Vec::new(),
            answer: Arc::from([]),
        }
    }

    fn turn(sequence: u64, new: Version) -> Turn {
        Turn { sequence, psn_no: "p".into(), new: Some(Box::new(new)) }
    }

    /// The first of two bills falls to 30 fen, of which 30 are paid; the second then has 50 paid instead of 20.
    fn correction() -> (Record, Correction) {
        let first = version(1, 30, (0, 30), vec![posting("cash", -40), posting("payer", -30)]);
        let second = version(2, 100, (30, 80), vec![posting("cash", -30), posting("payer", 30)]);
        let correction = Correction { of: 1, turns: vec![turn(1, first), turn(2, second)], net: Vec::new() };
        let record = Record {
            sequence: 3,
            medfee_sumamt: Money::from_units(-70),
            postings: vec![posting("cash", -70)],
            accumulators: Vec::new(),
            mdtrt_id: "v1".into(),
            ..settlement(3, 0, 0)
        };
        (record, correction)
    }

    fn folded(change: impl FnOnce(&mut Record, &mut Correction)) -> Result<Fold, Broken> {
        let mut fold = Fold::default();
        fold.add(settlement(1, 0, 60), PLACE)?;
        fold.add(settlement(2, 60, 80), PLACE)?;
        let (mut record, mut correction) = correction();
        change(&mut record, &mut correction);
        record.entry = Entry::Correction(Box::new(correction));
        fold.add(record, PLACE)?;
        Ok(fold)
    }

    #[test]
    fn a_correction_that_adds_up_passes() {
        let fold = folded(|_, _| {}).unwrap();
        assert_eq!(fold.accounts.values().sum::<i128>(), 130);
        assert_eq!(fold.receivables.values().sum::<i128>(), 130);
        assert_eq!(fold.settlements[&2].versions, [(3, PLACE)]);
    }

    #[test]
    fn what_does_not_add_up_is_named() {
        let broken = |change: &dyn Fn(&mut Record, &mut Correction)| folded(change).err();
        fn of(correction: &mut Correction, turn: usize) -> &mut Version {
            correction.turns[turn].new.as_mut().unwrap()
        }
        let net = |it: &mut Correction| it.net = vec![NetChange { psn_no: "p".into(), change: used(80, 79) }];
        type Change<'a> = &'a dyn Fn(&mut Record, &mut Correction);
        let cases: [(Broken, Change<'_>); 12] = [
            (Broken::Differences, &|_, it| of(it, 0).net = vec![posting("cash", 40), posting("payer", 30)]),
            (Broken::Differences, &|_, it| of(it, 1).net.push(posting("zero", 0))),
            (Broken::Differences, &|record, _| record.postings = vec![posting("cash", 70)]),
            (Broken::Differences, &|record, _| record.medfee_sumamt = Money::from_units(70)),
            (Broken::Unbalanced, &|_, it| of(it, 1).medfee_sumamt = Money::from_units(99)),
            (Broken::CorrectsUnder, &|record, it| {
                it.turns.pop();
                record.postings = vec![posting("cash", -40), posting("payer", -30)];
            }),
            (Broken::Accumulators, &|_, it| of(it, 1).accumulators = vec![used(60, 80)]),
            (Broken::Accumulators, &|_, it| net(it)),
            (Broken::Versions, &|_, it| of(it, 1).number = 3),
            (Broken::Versions, &|_, it| of(it, 0).replaces = 2),
            (Broken::CorrectsNothing, &|_, it| it.of = 3),
            (Broken::CorrectsNothing, &|record, _| record.mdtrt_id = "v2".into()),
        ];
        for (place, (expected, change)) in cases.into_iter().enumerate() {
            assert_eq!(broken(change), Some(expected), "case {place}");
        }
    }
}
