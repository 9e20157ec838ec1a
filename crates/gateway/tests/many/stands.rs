//! What stands, by the answers alone: which settlement a call must come to, and which later one stands in its way.

use std::collections::{BTreeMap, BTreeSet};

use bedside_gateway::v1;

/// One settlement that was answered.
struct Booked {
    answer: v1::Settlement,
    /// What undid it: the msgid and the setl_id.
    undone: Option<(String, String)>,
}

impl Booked {
    /// The person's benefit year, and every span of time of the person or family whose accumulators it changed.
    fn buckets(&self) -> BTreeSet<(String, String)> {
        let person = &self.answer.psn_no;
        let changed = self.answer.accumulators.iter().map(|change| {
            let owner = if change.owner == "family" { "family" } else { person };
            (owner.to_owned(), format!("{}{}", change.benefit_year, change.term))
        });
        changed.chain([(person.clone(), self.answer.benefit_year.clone())]).collect()
    }
}

/// Settlements of one family and of persons without one.
#[derive(Default)]
pub(crate) struct Standing {
    /// By setl_id.
    booked: BTreeMap<String, Booked>,
    /// Barred msgids, by which msgid.
    barred: BTreeMap<String, String>,
}

/// What a call must come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// A record.
    New,
    /// The bytes of before.
    Same,
    /// A refusal: its reason, and the setl_id or msgid that it names.
    Refused(&'static str, String),
}

impl Standing {
    fn of(&self, msgid: &str) -> Option<&Booked> {
        self.booked.values().find(|it| it.answer.medins_setl_id == msgid)
    }

    pub(crate) fn answer(&self, msgid: &str) -> Option<&v1::Settlement> {
        self.of(msgid).map(|booked| &booked.answer)
    }

    pub(crate) fn settlements(&self) -> Vec<v1::Settlement> {
        let standing = self.booked.values().filter(|it| it.undone.is_none());
        standing.map(|it| it.answer.clone()).collect()
    }

    pub(crate) fn settle(&self, msgid: &str, mdtrt_id: &str) -> Expected {
        if let Some(by) = self.barred.get(msgid) {
            return Expected::Refused("MESSAGE_REVERSED", by.clone());
        }
        if self.of(msgid).is_some() {
            return Expected::Same;
        }
        match self.settlements().into_iter().find(|it| it.mdtrt_id == mdtrt_id) {
            Some(standing) => Expected::Refused("ALREADY_SETTLED", standing.setl_id),
            None => Expected::New,
        }
    }

    /// Undoing what `of` settled by a message `msgid`.
    pub(crate) fn undo(&self, msgid: &str, of: &str) -> Expected {
        let Some(booked) = self.of(of) else {
            return match self.barred.get(of) {
                None => Expected::New,
                Some(by) if by == msgid => Expected::Same,
                Some(by) => Expected::Refused("MESSAGE_REVERSED", by.clone()),
            };
        };
        if let Some((by, setl_id)) = &booked.undone {
            let refused = || Expected::Refused("ALREADY_CANCELLED", setl_id.clone());
            return if by == msgid { Expected::Same } else { refused() };
        }
        let buckets = booked.buckets();
        let later = self.booked.iter().rev().find(|(setl_id, it)| {
            **setl_id > booked.answer.setl_id && it.undone.is_none() && !it.buckets().is_disjoint(&buckets)
        });
        later.map_or(Expected::New, |(by, _)| Expected::Refused("BLOCKED_BY_LATER", by.clone()))
    }

    pub(crate) fn settled(&mut self, answer: v1::Settlement) {
        let booked = Booked { answer, undone: None };
        assert!(self.booked.insert(booked.answer.setl_id.clone(), booked).is_none());
    }

    pub(crate) fn undone(&mut self, mirror: &v1::Settlement) {
        let by = (mirror.medins_setl_id.clone(), mirror.setl_id.clone());
        assert!(self.booked.get_mut(&mirror.init_setl_id).unwrap().undone.replace(by).is_none());
    }

    pub(crate) fn bar(&mut self, msgid: &str, by: &str) {
        assert!(self.barred.insert(msgid.to_owned(), by.to_owned()).is_none());
    }
}
