//! How long a ledger takes to open: `cargo run --release -p bedside-ledger --example start -- FOLDER 1000000`.
//!
//! Fills the folder up to that many settlements of 900-byte requests and answers, then opens it three times as after a
//! clean stop and three times as after a kill.

use std::convert::Infallible;
use std::error::Error;
use std::sync::mpsc;
use std::time::Instant;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Measure, Money};
use bedside_ledger::{
    Assigned, Committed, Decision, Ledger, LedgerConfig, MessageKey, PersonKey, Posting, Seen, SettleError,
    SettleEvent,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("a folder is missing")?;
    let wanted: u64 = arguments.next().ok_or("a number of settlements is missing")?.parse()?;
    let ledger = Ledger::open(LedgerConfig::at(&folder))?;
    let (sender, outcomes) = mpsc::channel();
    let mut waiting = 0;
    for number in ledger.open_report().records..wanted {
        if waiting == 2_000 {
            outcomes.recv()??;
            waiting -= 1;
        }
        submit(&ledger, number, sender.clone())?;
        waiting += 1;
    }
    drop(sender);
    for outcome in outcomes {
        outcome?;
    }
    drop(ledger);
    for round in 0..6 {
        if round >= 3 {
            // as after a kill
            std::fs::remove_file(std::path::Path::new(&folder).join("tables.seal"))?;
        }
        let start = Instant::now();
        let ledger = Ledger::open(LedgerConfig::at(&folder))?;
        let opened = start.elapsed();
        let report = ledger.open_report().clone();
        ledger.settle(event(u64::MAX), |_: &Seen, _: &Assigned| Err::<Decision, ()>(())).err();
        println!(
            "{} records open in {opened:?}, decide after {:?}: {report:?}",
            report.records,
            start.elapsed()
        );
    }
    Ok(())
}

fn event(number: u64) -> SettleEvent {
    SettleEvent {
        message: MessageKey {
            tenant: "zj".into(),
            fixmedins_code: "H33010000001".into(),
            msgid: format!("H33010000001{number:018}").into(),
        },
        person: PersonKey { tenant: "zj".into(), psn_no: format!("33010{:012}", number / 3).into() },
        family_no: None,
        hold_id: None,
        mdtrt_id: format!("V{number:018}").into(),
        stay: None,
        booked_at_ms: 1_780_000_000_000,
        request: vec![7; 900],
    }
}

fn submit(
    ledger: &Ledger,
    number: u64,
    reply: mpsc::Sender<Result<Committed, SettleError<Infallible>>>,
) -> Result<(), Box<dyn Error>> {
    let decide = |seen: &Seen, _: &Assigned| {
        let total = Money::from_units(100);
        let keys = [Measure::Base, Measure::Deductible, Measure::Paid]
            .map(|measure| AccumulatorKey::of_year(2026, "zj/resident".into(), "inpatient".into(), measure));
        let changes = keys.map(|key| {
            let before = seen.booked.get(&key);
            AccumulatorChange { key, before, after: Money::from_units(before.units() + 1) }
        });
        Ok(Decision {
            benefit_year: 2026,
            medfee_sumamt: total,
            postings: vec![Posting { account: "cash".into(), amount: total }],
            accumulators: changes.to_vec(),
            answer: vec![9; 900],
        })
    };
    // The receiver goes only when the program does.
    Ok(ledger.submit_settle(event(number), decide, move |outcome| drop(reply.send(outcome)))?)
}
