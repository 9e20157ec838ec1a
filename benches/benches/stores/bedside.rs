//! The ledger, through its queue and its committer.

use std::path::Path;
use std::sync::mpsc;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Measure, Money};
use bedside_ledger::{
    Assigned, Decision, Ledger, LedgerConfig, MessageKey, PersonKey, Posting, Seen, SettleError, SettleEvent,
};

use crate::{Settlement, Store};

pub(crate) struct Bedside {
    ledger: Ledger,
}

impl Bedside {
    pub(crate) fn open(dir: &Path) -> Bedside {
        Bedside { ledger: Ledger::open(LedgerConfig::at(dir)).unwrap() }
    }
}

impl Store for Bedside {
    fn name(&self) -> &'static str {
        "**bedside ledger**"
    }

    fn settle(&mut self, group: Vec<Settlement>) {
        let (sender, outcomes) = mpsc::channel();
        let waited_for = group.len();
        for settlement in group {
            let event = SettleEvent {
                message: MessageKey {
                    tenant: "t".into(),
                    fixmedins_code: "H1".into(),
                    msgid: settlement.message.into(),
                },
                person: PersonKey { tenant: "t".into(), psn_no: settlement.person.into() },
                family_no: None,
                hold_id: None,
                mdtrt_id: settlement.visit.into(),
                stay: None,
                booked_at_ms: 0,
                request: settlement.request,
            };
            let answer = std::sync::Mutex::new(settlement.answer);
            let decide = move |seen: &Seen, _: &Assigned| -> Result<Decision, ()> {
                let key = AccumulatorKey::of_year(2026, "p".into(), "b".into(), Measure::Paid);
                let (before, total) = (seen.booked.get(&key), Money::from_units(100));
                let after = Money::from_units(before.units() + 100);
                Ok(Decision {
                    benefit_year: 2026,
                    medfee_sumamt: total,
                    postings: vec![Posting { account: "cash".into(), amount: total }],
                    accumulators: vec![AccumulatorChange { key, before, after }],
                    answer: std::mem::take(&mut *answer.lock().unwrap()),
                })
            };
            let sender = sender.clone();
            let reply = move |outcome: Result<_, SettleError<()>>| {
                outcome.unwrap();
                sender.send(()).unwrap();
            };
            self.ledger.submit_settle(event, decide, reply).unwrap();
        }
        for _ in 0..waited_for {
            outcomes.recv().unwrap();
        }
    }
}
