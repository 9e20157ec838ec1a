//! The pure core over the same bills, one after the other: what the ledger booked together must be what this comes to.

use std::collections::{BTreeMap, BTreeSet};

use bedside_adjudication::adjudicate;
use bedside_claim::accumulators::AccumulatorBook;
use bedside_claim::{AccumulatorChange, AccumulatorKey, Claim, Money, Owner, Person, Term};
use bedside_gateway::answer::{self, Booking};
use bedside_gateway::{request, v1};
use bedside_policy::Library;

/// What a settlement joins: a person's or family's accumulators over a span of time.
pub(crate) type Bucket = (String, String);

/// One settlement as the core has it.
struct Settled {
    claim: Claim,
    answer: v1::Settlement,
    changes: Vec<AccumulatorChange>,
    stands: bool,
}

impl Settled {
    fn buckets(&self) -> BTreeSet<Bucket> {
        let person = self.claim.person.psn_no.to_string();
        let year = Term::Year(self.answer.benefit_year.parse().unwrap());
        let changed = self.changes.iter().map(|change| {
            let owner = match &change.key.owner {
                Owner::Person => person.clone(),
                Owner::Family(family_no) => format!("family {family_no}"),
            };
            (owner, change.key.term.to_string())
        });
        changed.chain([(person.clone(), year.to_string())]).collect()
    }
}

/// Settles in the order of the answers' identifiers and compares each answer whole.
pub(crate) struct Serial<'a> {
    library: &'a Library,
    /// By msgid.
    bills: &'a BTreeMap<String, v1::SettleBillRequest>,
    settled: BTreeMap<String, Settled>,
    book: AccumulatorBook,
}

impl<'a> Serial<'a> {
    pub(crate) fn new(
        library: &'a Library,
        bills: &'a BTreeMap<String, v1::SettleBillRequest>,
    ) -> Serial<'a> {
        Serial { library, bills, settled: BTreeMap::new(), book: AccumulatorBook::default() }
    }

    /// Takes the next answer of a settlement, cancellation or reversal.
    pub(crate) fn take(&mut self, answer: &v1::Settlement) {
        if answer.init_setl_id.is_empty() { self.settle(answer) } else { self.undo(answer) }
    }

    fn settle(&mut self, answer: &v1::Settlement) {
        let (envelope, claim) = request::settle(&self.bills[&answer.medins_setl_id]).unwrap();
        let programme = self.library.programme_for(&claim).unwrap();
        let settlement = adjudicate(&claim, &programme, &self.book.of(&claim.person)).unwrap();
        let booking = Booking { setl_id: &answer.setl_id, booked_at_ms: 0 };
        let mut expected = answer::settlement(&claim, &envelope, &settlement, Some(booking)).unwrap();
        // The clock is the gateway's.
        expected.setl_time.clone_from(&answer.setl_time);
        assert_eq!(*answer, expected, "not what the bills before it leave");
        self.book.apply(&claim.person, &settlement.accumulators).unwrap();
        let changes = settlement.accumulators;
        let settled = Settled { claim, answer: expected, changes, stands: true };
        assert!(self.settled.insert(answer.setl_id.clone(), settled).is_none());
    }

    fn undo(&mut self, answer: &v1::Settlement) {
        let original = self.settled.get(&answer.init_setl_id).unwrap();
        assert!(original.stands, "{} is undone twice", answer.init_setl_id);
        let buckets = original.buckets();
        for (setl_id, later) in self.settled.range(answer.init_setl_id.clone()..).skip(1) {
            let free = !later.stands || later.buckets().is_disjoint(&buckets);
            assert!(free, "{} is undone before {setl_id}", answer.init_setl_id);
        }
        let booking = Booking { setl_id: &answer.setl_id, booked_at_ms: 0 };
        let mut expected = answer::mirror(&original.answer, &answer.medins_setl_id, booking).unwrap();
        expected.setl_time.clone_from(&answer.setl_time);
        assert_eq!(*answer, expected, "not the mirror");
        let back: Vec<_> = original.changes.iter().map(AccumulatorChange::reversed).collect();
        self.book.apply(&original.claim.person, &back).unwrap();
        self.settled.get_mut(&answer.init_setl_id).unwrap().stands = false;
    }

    /// Every settlement, in order, whether it still stands or not.
    pub(crate) fn settlements(&self) -> impl Iterator<Item = &v1::Settlement> {
        self.settled.values().map(|settled| &settled.answer)
    }

    /// The settlements that stand, in order.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &v1::Settlement> {
        self.settled.values().filter(|settled| settled.stands).map(|settled| &settled.answer)
    }

    /// What `GetAccumulators` must tell of the person, and the family, now.
    pub(crate) fn accumulators(&self, person: &Person) -> Vec<v1::Accumulator> {
        self.book.of(person).iter().map(|(key, value)| told(key, value)).collect()
    }
}

/// An accumulator as `GetAccumulators` tells it.
pub(crate) fn told(key: &AccumulatorKey, value: Money) -> v1::Accumulator {
    let (benefit_year, term) = match &key.term {
        Term::Year(year) => (year.to_string(), String::new()),
        other => (String::new(), other.to_string()),
    };
    let owner = if key.owner == Owner::Person { "person" } else { "family" };
    v1::Accumulator {
        benefit_year,
        pack_id: key.pack.to_string(),
        benefit_id: key.benefit.to_string(),
        measure: key.measure.name().to_owned(),
        cum: value.to_string(),
        owner: owner.to_owned(),
        term,
        subject: key.subject.to_string(),
    }
}
