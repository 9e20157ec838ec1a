//! Writes the ledger of this version that every later one must open: `cargo run -p bedside-ledger --example fixture --
//! FOLDER`. Made once for each version of the format, then copied with `bedside ledger backup` into
//! `fixtures/ledgers`; never made again.

use std::convert::Infallible;
use std::error::Error;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Date, Measure, Money, Owner, Term};
use bedside_ledger::{
    Assigned, BookedSettlement, CancelEvent, Decision, Ledger, LedgerConfig, MessageKey, MessageKind,
    PersonKey, Posting, ReverseEvent, Seen, SettleEvent,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("a folder is missing")?;
    let ledger = Ledger::open(LedgerConfig { segment_bytes: 4096, ..LedgerConfig::at(folder) })?;
    let message = |msgid: String| MessageKey {
        tenant: "zj".into(),
        fixmedins_code: "H33010000001".into(),
        msgid: msgid.into(),
    };
    let person = |number: i64| PersonKey { tenant: "zj".into(), psn_no: format!("330100{number}").into() };
    for number in 0..12i64 {
        let policy = Term::PolicyPeriod(Date::constant(2025, 7, 1));
        let (owner, term) = match number % 4 {
            0 => (Owner::Person, Term::Year(2026)),
            1 => (Owner::Family("F1".into()), policy),
            2 => (Owner::Person, Term::Event("E1".into())),
            _ => (Owner::Family("F1".into()), Term::Lifetime),
        };
        let measures = Measure::ALL;
        let event = SettleEvent {
            message: message(format!("H33010000001{number:018}")),
            person: person(number % 3),
            family_no: Some("F1".into()),
            hold_id: None,
            mdtrt_id: format!("V{number}").into(),
            stay: None,
            booked_at_ms: 1_774_929_600_000 + number * 1_000,
            request: format!("结算 {number}").into_bytes(),
        };
        let decide = move |seen: &Seen, assigned: &Assigned| {
            let changes = measures.into_iter().map(|measure| {
                let key = AccumulatorKey {
                    owner: owner.clone(),
                    term: term.clone(),
                    pack: "浙江/居民".into(),
                    benefit: "inpatient".into(),
                    measure,
                    subject: if measure == Measure::Counted { "MRI".into() } else { "".into() },
                };
                let before = seen.booked.get(&key);
                AccumulatorChange { key, before, after: Money::from_units(before.units() + 7 * (number + 1)) }
            });
            let posting =
                |account: &str, fen| Posting { account: account.into(), amount: Money::from_units(fen) };
            Ok::<_, Infallible>(Decision {
                benefit_year: 2026,
                medfee_sumamt: Money::from_units(10_001 + number),
                postings: vec![posting("basic_insurance", 10_000), posting("cash", 1 + number)],
                accumulators: changes.collect(),
                answer: format!("{} 已结算", assigned.setl_id).into_bytes(),
            })
        };
        let booked = ledger.settle(event, decide)?;
        if number % 5 == 4 {
            let event = CancelEvent {
                message: message(format!("cancel-{number}")),
                person: person(number % 3),
                setl_id: booked.receipt().setl_id.clone(),
                booked_at_ms: 1_774_929_600_500 + number * 1_000,
                request: format!("撤销 {number}").into_bytes(),
            };
            let agree = |settlement: &BookedSettlement, assigned: &Assigned| {
                Ok::<_, Infallible>(format!("{} 撤销 {}", assigned.setl_id, settlement.setl_id).into_bytes())
            };
            ledger.cancel(event, agree)?;
        }
    }
    // The last settlement that stands, a settlement that never came, and a cancellation that never came.
    for (number, omsgid, okind) in [
        (0, "H33010000001000000000000000011", MessageKind::Settle),
        (1, "never-settled", MessageKind::Settle),
        (2, "never-cancelled", MessageKind::Cancel),
    ] {
        let event = ReverseEvent {
            message: message(format!("reverse-{number}")),
            person: person(11 % 3),
            omsgid: omsgid.into(),
            okind,
            booked_at_ms: 1_774_929_700_000 + number * 1_000,
            request: format!("冲正 {omsgid}").into_bytes(),
        };
        let answer = |settlement: Option<&BookedSettlement>, assigned: &Assigned| {
            let of = settlement.map_or("", |settlement| &*settlement.setl_id);
            Ok::<_, Infallible>(format!("{} 冲正 {of}", assigned.setl_id).into_bytes())
        };
        ledger.reverse(event, answer)?;
    }
    println!("{:?}", ledger.verify()?);
    Ok(())
}
