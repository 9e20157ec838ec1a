//! A disk that fails: the ledger stops, answers nothing it cannot keep, and loses nothing it answered.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};

use bedside_claim::Money;

use crate::journal::SegmentFile;
use crate::*;

/// Operations that still succeed on this thread's ledger; below zero every one fails.
static WRITES_LEFT: AtomicI64 = AtomicI64::new(i64::MAX);
static SYNCS_LEFT: AtomicI64 = AtomicI64::new(i64::MAX);

struct Failing(File);

fn spend(left: &AtomicI64) -> io::Result<()> {
    if left.fetch_sub(1, Ordering::SeqCst) > 0 { Ok(()) } else { Err(io::Error::other("the disk is gone")) }
}

impl SegmentFile for Failing {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        spend(&WRITES_LEFT)?;
        SegmentFile::write_all_at(&self.0, bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        spend(&SYNCS_LEFT)?;
        SegmentFile::sync_data(&self.0)
    }
}

fn event(number: u64) -> SettleEvent {
    SettleEvent {
        message: MessageKey {
            tenant: "t".into(),
            fixmedins_code: "H1".into(),
            msgid: number.to_string().into(),
        },
        person: PersonKey { tenant: "t".into(), psn_no: "P1".into() },
        mdtrt_id: number.to_string().into(),
        booked_at_ms: 0,
        request: Vec::new(),
    }
}

fn settle(ledger: &Ledger, number: u64) -> Result<Committed, SettleError<()>> {
    ledger.settle(event(number), |_: &Accumulators, assigned: &Assigned| {
        Ok(Decision {
            benefit_year: 2026,
            medfee_sumamt: Money::from_units(7),
            postings: vec![Posting { account: "cash".into(), amount: Money::from_units(7) }],
            accumulators: Vec::new(),
            answer: assigned.setl_id.as_bytes().to_vec(),
        })
    })
}

/// Both counters in one test, because they are shared by the process.
#[test]
fn after_an_error_nothing_is_acknowledged_and_nothing_acknowledged_is_lost() {
    for (left, good) in [(&SYNCS_LEFT, 0), (&SYNCS_LEFT, 3), (&WRITES_LEFT, 0), (&WRITES_LEFT, 5)] {
        let dir = tempfile::tempdir().unwrap();
        let config = LedgerConfig { segment_bytes: 1 << 16, ..LedgerConfig::at(dir.path()) };
        let ledger = Ledger::open_with(config.clone(), |file| Box::new(Failing(file))).unwrap();
        left.store(good, Ordering::SeqCst);
        for number in 0..u64::try_from(good).unwrap() {
            assert!(settle(&ledger, number).is_ok());
        }
        for number in 100..105 {
            assert_eq!(settle(&ledger, number), Err(SettleError::Stopped));
        }
        assert!(matches!(ledger.health(), Health::Stopped { .. }));
        left.store(i64::MAX, Ordering::SeqCst);
        // The disk is back, but the ledger stays stopped: nobody knows which pages were dropped.
        assert_eq!(settle(&ledger, 200), Err(SettleError::Stopped));
        drop(ledger);

        let ledger = Ledger::open(config).unwrap();
        for number in 0..u64::try_from(good).unwrap() {
            let again = settle(&ledger, number).unwrap();
            assert!(matches!(again, Committed::Replayed(_)), "{number} was acknowledged");
        }
        assert!(settle(&ledger, 300).is_ok());
        ledger.verify().unwrap();
    }
}
