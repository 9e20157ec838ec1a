//! A small clinic with two layers, so that what a person pays depends on everything before it: a person's year has a
//! deductible, a band that rises and a cap; then a family shares a deductible and a cap over a policy period that crosses
//! the year.
#![allow(dead_code, unreachable_pub)]

use std::fmt::Write;
use std::sync::Arc;

use bedside_claim::{AccumulatorChange, AccumulatorKey, Accumulators, Date, Measure, Money, Owner, Term};
use bedside_ledger::*;

pub const DEDUCTIBLE: i64 = 50_00;
pub const BAND: i64 = 100_00;
pub const CAP_YEAR: i64 = 120_00;
pub const FAMILY_DEDUCTIBLE: i64 = 80_00;
pub const FAMILY_CAP: i64 = 60_00;

/// What is stored of a bill, as text: person, visit, family or `-`, end of service, day of settlement, fen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    pub psn_no: String,
    pub visit: String,
    pub family: Option<String>,
    /// Days since the first of December 2026.
    pub ended: i64,
    pub settled: i64,
    pub fen: i64,
}

pub fn day(since: i64) -> Date {
    let (year, month, day) = if since < 31 { (2026, 12, since + 1) } else { (2027, 1, since - 30) };
    Date::new(year, month, i8::try_from(day).unwrap()).unwrap()
}

impl Bill {
    pub fn bytes(&self) -> Vec<u8> {
        let Bill { psn_no, visit, family, ended, settled, fen } = self;
        let family = family.as_deref().unwrap_or("-");
        format!("{psn_no} {visit} {family} {ended} {settled} {fen}").into_bytes()
    }

    pub fn read(bytes: &[u8]) -> Result<Bill, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let words: Vec<&str> = text.split(' ').collect();
        let [psn_no, visit, family, ended, settled, fen] = words[..] else { return Err(format!("`{text}`")) };
        Ok(Bill {
            psn_no: psn_no.to_owned(),
            visit: visit.to_owned(),
            family: (family != "-").then(|| family.to_owned()),
            ended: ended.parse().unwrap(),
            settled: settled.parse().unwrap(),
            fen: fen.parse().unwrap(),
        })
    }
}

pub fn year_key(year: i16, measure: Measure) -> AccumulatorKey {
    AccumulatorKey::of_year(year, "zj/basic".into(), "inpatient".into(), measure)
}

pub fn family_key(family: &str, measure: Measure) -> AccumulatorKey {
    AccumulatorKey {
        owner: Owner::Family(family.into()),
        term: Term::PolicyPeriod(Date::new(2026, 7, 1).unwrap()),
        ..AccumulatorKey::of_year(0, "zj/family".into(), "plan".into(), measure)
    }
}

fn paid_by_band(base: i64) -> i64 {
    base.min(BAND) / 2 + (base - BAND).max(0) * 4 / 5
}

/// Decides a bill; every accumulator that was looked at is named, also where it stays.
pub fn decide(bill: &Bill, setl_id: &str, accumulators: &Accumulators) -> Decision {
    let mut changes = Vec::new();
    let mut use_up = |key: AccumulatorKey, amount: &dyn Fn(i64) -> i64| {
        let before = accumulators.get(&key);
        let amount = amount(before.units());
        changes.push(AccumulatorChange { key, before, after: Money::from_units(before.units() + amount) });
        amount
    };
    let year = day(bill.settled).year();
    let deducted = use_up(year_key(year, Measure::Deductible), &|used| bill.fen.min(DEDUCTIBLE - used));
    let base = bill.fen - deducted;
    let mut by_band = 0;
    let prior = accumulators.get(&year_key(year, Measure::Base)).units();
    use_up(year_key(year, Measure::Base), &|_| base);
    by_band += paid_by_band(prior + base) - paid_by_band(prior);
    let basic = use_up(year_key(year, Measure::Paid), &|used| by_band.min(CAP_YEAR - used));
    let mut family = 0;
    if let Some(name) = &bill.family {
        let left = bill.fen - basic;
        let deducted =
            use_up(family_key(name, Measure::Deductible), &|used| left.min(FAMILY_DEDUCTIBLE - used));
        family = use_up(family_key(name, Measure::Paid), &|used| (left - deducted).min(FAMILY_CAP - used));
    }
    let cash = bill.fen - basic - family;
    let posting = |account: &str, fen| Posting { account: account.into(), amount: Money::from_units(fen) };
    let mut answer = format!("{setl_id} basic {basic} family {family} cash {cash}");
    for change in &changes {
        write!(answer, "; {} {} {}", change.key, change.before, change.after).unwrap();
    }
    Decision {
        benefit_year: year,
        medfee_sumamt: Money::from_units(bill.fen),
        postings: vec![posting("basic", basic), posting("family", family), posting("cash", cash)],
        accumulators: changes,
        answer: answer.into_bytes(),
    }
}

pub fn config(dir: &std::path::Path) -> LedgerConfig {
    LedgerConfig { segment_bytes: 64 << 10, ..LedgerConfig::at(dir) }
}

pub fn open(dir: &std::path::Path) -> Ledger {
    Ledger::open(config(dir)).unwrap()
}

pub fn message(msgid: &str) -> MessageKey {
    MessageKey { tenant: "zj".into(), fixmedins_code: "H1".into(), msgid: msgid.into() }
}

pub fn person(psn_no: &str) -> PersonKey {
    PersonKey { tenant: "zj".into(), psn_no: psn_no.into() }
}

pub fn settle(ledger: &Ledger, msgid: &str, bill: &Bill) -> Result<Committed, SettleError<String>> {
    settle_at(ledger, message(msgid), bill)
}

pub fn settle_at(
    ledger: &Ledger,
    message: MessageKey,
    bill: &Bill,
) -> Result<Committed, SettleError<String>> {
    let event = SettleEvent {
        stay: None,
        message,
        person: person(&bill.psn_no),
        family_no: bill.family.as_deref().map(Arc::from),
        hold_id: None,
        mdtrt_id: bill.visit.as_str().into(),
        booked_at_ms: 1_780_000_000_000,
        request: bill.bytes(),
    };
    let bill = bill.clone();
    ledger.settle(event, move |seen: &Seen, assigned| Ok(decide(&bill, &assigned.setl_id, &seen.booked)))
}

pub fn cancel(
    ledger: &Ledger,
    msgid: &str,
    psn_no: &str,
    setl_id: &str,
) -> Result<Committed, CancelError<String>> {
    let event = CancelEvent {
        message: message(msgid),
        person: person(psn_no),
        setl_id: setl_id.into(),
        booked_at_ms: 1_780_000_100_000,
        request: format!("cancel {setl_id}").into_bytes(),
    };
    ledger.cancel(event, |settlement, _| Ok(settlement.answer.to_vec()))
}

/// Decides stored bills as they were decided first.
#[derive(Debug, Clone, Default)]
pub struct Again {
    /// A person whose bills cannot be decided any more.
    pub refuses: Option<String>,
}

impl Readjudication for Again {
    type Refusal = String;

    fn facts(&self, bill: &[u8]) -> Result<Facts, String> {
        let bill = Bill::read(bill)?;
        let service = Service { ended: day(bill.ended).at(0, 0, 0, 0), settled: day(bill.settled) };
        Ok(Facts { service, family_no: bill.family.as_deref().map(Arc::from) })
    }

    fn decide(
        &self,
        bill: &[u8],
        standing: &Standing<'_>,
        accumulators: &Accumulators,
    ) -> Result<Decision, String> {
        let bill = Bill::read(bill)?;
        if self.refuses.as_ref() == Some(&bill.psn_no) {
            return Err("no pack".to_owned());
        }
        Ok(decide(&bill, &standing.assigned.setl_id, accumulators))
    }

    fn answer(&self, effect: &Effect, _: &Assigned) -> Result<Vec<u8>, String> {
        let mut answer = format!("{} unchanged", effect.unchanged);
        for it in &effect.changed {
            write!(answer, "; {} v{}", it.setl_id, it.version).unwrap();
            for posting in &it.net {
                write!(answer, " {} {}", posting.account, posting.amount).unwrap();
            }
        }
        Ok(answer.into_bytes())
    }
}

pub fn correction(msgid: &str, psn_no: &str, setl_id: &str, bill: Option<&Bill>, run: Run) -> CorrectEvent {
    let bill = bill.map(Bill::bytes);
    let words = bill.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
    CorrectEvent {
        message: message(msgid),
        person: person(psn_no),
        setl_id: setl_id.into(),
        request: format!("correct {setl_id} {words}").into_bytes(),
        bill,
        run,
        booked_at_ms: 1_780_000_200_000,
    }
}

/// Corrects; a dry run first must answer the same and book nothing.
pub fn correct(
    ledger: &Ledger,
    msgid: &str,
    psn_no: &str,
    setl_id: &str,
    bill: Option<&Bill>,
) -> Result<String, CorrectError<String>> {
    let records = ledger.records().count();
    let run = |run| ledger.correct(correction(msgid, psn_no, setl_id, bill, run), Again::default());
    let dry = run(Run::Dry);
    assert_eq!(ledger.records().count(), records);
    match run(Run::Book)? {
        Corrected::Booked(Committed::New(receipt)) => {
            let Corrected::Dry(dry) = dry.unwrap() else { panic!("a dry run was booked") };
            assert_eq!(String::from_utf8_lossy(&dry), String::from_utf8_lossy(&receipt.answer));
            Ok(String::from_utf8(receipt.answer.to_vec()).unwrap())
        }
        other => panic!("{other:?}"),
    }
}
