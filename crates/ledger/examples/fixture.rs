//! Writes the ledger of this version that every later one must open: `cargo run -p bedside-ledger --example fixture --
//! FOLDER`. It has every kind of record, and what is left of some when their person was erased. Made once for each version
//! of the format, for `fixtures/ledgers`; never made again.

use std::convert::Infallible;
use std::error::Error;

use bedside_claim::{
    AccumulatorChange, AccumulatorKey, Accumulators, Date, Measure, Money, Owner, Span, Term,
};
use bedside_ledger::*;

const HOSPITAL: &str = "H33010000001";
const REGISTER: u8 = 1;
/// Of whom only what is left is in the fixture.
const ERASED: i64 = 9;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("a folder is missing")?;
    let whole = format!("{folder}.whole");
    let ledger = Ledger::open(LedgerConfig { segment_bytes: 4096, ..LedgerConfig::at(&whole) })?;
    settlements(&ledger)?;
    for psn_no in [7, ERASED] {
        register(&ledger, psn_no)?;
        stay(&ledger, psn_no)?;
        holds(&ledger, psn_no)?;
    }
    for psn_no in [8, ERASED] {
        correction(&ledger, psn_no)?;
    }
    println!("{:?}", ledger.verify()?);
    drop(ledger);
    erase_persons(whole.as_ref(), folder.as_ref(), &[person(ERASED)].into(), REGISTER, |_| {})?;
    std::fs::remove_dir_all(whole)?;
    Ok(())
}

fn message(msgid: String) -> MessageKey {
    MessageKey { tenant: "zj".into(), fixmedins_code: HOSPITAL.into(), msgid: msgid.into() }
}

fn person(number: i64) -> PersonKey {
    PersonKey { tenant: "zj".into(), psn_no: format!("330100{number}").into() }
}

fn posting(account: &str, fen: i64) -> Posting {
    Posting { account: account.into(), amount: Money::from_units(fen) }
}

fn settlements(ledger: &Ledger) -> Result<(), Box<dyn Error>> {
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
    Ok(())
}

/// A row for the person, a later one over some of its days, and one of someone else in the same chunk.
fn register(ledger: &Ledger, number: i64) -> Result<(), Box<dyn Error>> {
    let row = |number: i64, from, content: &str| RegisterRow {
        register: REGISTER,
        subject: person(number).psn_no,
        item: "insuinfo".into(),
        span: Span { from, until: None },
        content: content.into(),
    };
    let rows = vec![
        row(number, None, "居民"),
        row(number, Some(Date::constant(2026, 7, 1)), "职工"),
        row(number + 100, None, "学生"),
    ];
    let event = RegisterEvent {
        message: MessageKey { fixmedins_code: "".into(), ..message(format!("chunk-{number}")) },
        booked_at_ms: 1_774_929_710_000,
        request: format!("参保文件 {number}").into_bytes(),
        rows,
    };
    ledger.register(event)?;
    Ok(())
}

/// Every call of a stay, a part of it settled, the rest settled and cancelled.
fn stay(ledger: &Ledger, number: i64) -> Result<(), Box<dyn Error>> {
    let stay: std::sync::Arc<str> = format!("住院 {number}").into();
    let call = |msgid: &str, kind, lines: StayLines| -> Result<(), Box<dyn Error>> {
        let event = StayEvent {
            message: message(format!("{msgid}-{number}")),
            person: person(number),
            mdtrt_id: Some(stay.clone()),
            kind,
            lines,
            version: None,
            booked_at_ms: 1_774_929_720_000,
            request: format!("{msgid} {number}").into_bytes(),
        };
        ledger.stay(event, |_| Ok::<_, Infallible>(b"ok".to_vec()))?;
        Ok(())
    };
    let lines = |numbers: &[&str]| {
        let line = |it: &&str| StayLine { feedetl_sn: (*it).into(), refunds: None };
        StayLines::These(numbers.iter().map(line).collect())
    };
    let settle = |msgid: &str, part| -> Result<Committed, Box<dyn Error>> {
        let standing = ledger.standing_stay(&message(String::new()), &stay)?.ok_or("the stay is missing")?;
        let bill = format!("{msgid} 账单 {number}").into_bytes();
        let event = SettleEvent {
            message: message(format!("{msgid}-{number}")),
            person: person(number),
            family_no: None,
            hold_id: None,
            mdtrt_id: stay.clone(),
            stay: Some(SettledStay { part, version: standing.version, bill }),
            booked_at_ms: 1_774_929_730_000,
            request: format!("{msgid} {number}").into_bytes(),
        };
        Ok(ledger.settle(event, paying(1_000 + number))?)
    };
    call("admit", StayKind::Admit, lines(&[]))?;
    call("update", StayKind::Update, lines(&[]))?;
    call("fees", StayKind::FeesIn, lines(&["1", "2", "3"]))?;
    call("out", StayKind::FeesOut, lines(&["3"]))?;
    settle("midway", StayPart::MidStay)?;
    let refund = StayLine { feedetl_sn: "5".into(), refunds: Some("4".into()) };
    let charge = StayLine { feedetl_sn: "4".into(), refunds: None };
    call("refund", StayKind::FeesIn, StayLines::These(vec![charge, refund]))?;
    call("discharge", StayKind::Discharge, lines(&[]))?;
    let last = settle("final", StayPart::Final)?;
    let event = CancelEvent {
        message: message(format!("cancel-final-{number}")),
        person: person(number),
        setl_id: last.receipt().setl_id.clone(),
        booked_at_ms: 1_774_929_740_000,
        request: format!("撤销 {number}").into_bytes(),
    };
    ledger.cancel(event, |_, _| Ok::<_, Infallible>(b"ok".to_vec()))?;
    let event = ReverseEvent {
        message: message(format!("reverse-discharge-{number}")),
        person: person(number),
        omsgid: format!("discharge-{number}").into(),
        okind: MessageKind::Stay(StayKind::Discharge),
        booked_at_ms: 1_774_929_750_000,
        request: format!("冲正 {number}").into_bytes(),
    };
    ledger.reverse_stay(event, |_, _| Ok::<_, Infallible>(b"ok".to_vec()))?;
    call("discharge-again", StayKind::Discharge, lines(&[]))?;
    call("stay-on", StayKind::CancelDischarge, lines(&[]))?;
    Ok(())
}

fn paid() -> AccumulatorKey {
    AccumulatorKey::of_year(2026, "浙江/居民".into(), "hold".into(), Measure::Paid)
}

/// One yuan of a benefit, the rest in cash.
fn paying(fen: i64) -> impl Fn(&Seen, &Assigned) -> Result<Decision, Infallible> + Send + 'static {
    move |seen, assigned| {
        let before = seen.booked.get(&paid());
        let after = Money::from_units(before.units() + 100);
        Ok(Decision {
            benefit_year: 2026,
            medfee_sumamt: Money::from_units(fen),
            postings: vec![posting("basic_insurance", 100), posting("cash", fen - 100)],
            accumulators: vec![AccumulatorChange { key: paid(), before, after }],
            answer: format!("{} 已结算", assigned.setl_id).into_bytes(),
        })
    }
}

/// One hold that is settled within, one that is released, one of the stay that lives.
fn holds(ledger: &Ledger, number: i64) -> Result<(), Box<dyn Error>> {
    let stay: std::sync::Arc<str> = format!("住院 {number}").into();
    let standing = ledger.standing_stay(&message(String::new()), &stay)?.ok_or("the stay is missing")?;
    let quoted = QuotedStay { version: standing.version, bill: "账单".into() };
    for visit in ["settled", "released", "kept"] {
        let is_of_stay = visit == "kept";
        let event = HoldEvent {
            message: message(format!("hold-{visit}-{number}")),
            person: person(number),
            family_no: Some("F2".into()),
            mdtrt_id: if is_of_stay { stay.clone() } else { format!("{visit} {number}").into() },
            until_ms: 1_774_933_000_000,
            booked_at_ms: 1_774_929_760_000,
            request: format!("预结算 {number}").into_bytes(),
            stay: is_of_stay.then(|| quoted.clone()),
        };
        let quote = |seen: &Seen, _: &Assigned| {
            let before = seen.booked.get(&paid());
            let after = Money::from_units(before.units() + 100);
            let accumulators = vec![AccumulatorChange { key: paid(), before, after }];
            Ok::<_, Infallible>(Quote { accumulators, answer: "报价".into() })
        };
        ledger.hold(event, quote)?;
    }
    let event = ReverseEvent {
        message: message(format!("release-{number}")),
        person: person(number),
        omsgid: format!("hold-released-{number}").into(),
        okind: MessageKind::Hold,
        booked_at_ms: 1_774_929_770_000,
        request: format!("释放 {number}").into_bytes(),
    };
    ledger.reverse(event, |_, _| Ok::<_, Infallible>(b"ok".to_vec()))?;
    let event = SettleEvent {
        message: message(format!("settle-held-{number}")),
        person: person(number),
        family_no: Some("F2".into()),
        hold_id: None,
        mdtrt_id: format!("settled {number}").into(),
        stay: None,
        booked_at_ms: 1_774_929_780_000,
        request: format!("结算 {number}").into_bytes(),
    };
    ledger.settle(event, paying(500))?;
    Ok(())
}

/// One yuan of the person's, and of all that is paid what a family has used up.
fn paying_of_family(
    family_no: &str,
    fen: i64,
) -> impl Fn(&Seen, &Assigned) -> Result<Decision, Infallible> + Send + 'static {
    let of_person = paying(fen);
    let key = AccumulatorKey { owner: Owner::Family(family_no.into()), term: Term::Lifetime, ..paid() };
    move |seen, assigned| {
        let mut decision = of_person(seen, assigned)?;
        let before = seen.booked.get(&key);
        let after = Money::from_units(before.units() + fen);
        decision.accumulators.push(AccumulatorChange { key: key.clone(), before, after });
        Ok(decision)
    }
}

/// A bill that was right but for its amount.
struct Again {
    family_no: String,
}

impl Readjudication for Again {
    type Refusal = Infallible;

    fn facts(&self, _bill: &[u8]) -> Result<Facts, Infallible> {
        let day = Date::constant(2026, 3, 31);
        let service = Service { ended: day.at(0, 0, 0, 0), settled: day };
        Ok(Facts { service, family_no: Some(self.family_no.as_str().into()) })
    }

    fn decide(
        &self,
        bill: &[u8],
        settlement: &Standing<'_>,
        accumulators: &Accumulators,
    ) -> Result<Decision, Infallible> {
        let seen = Seen { booked: accumulators.clone(), ..Seen::default() };
        let fen = if bill == "更正".as_bytes() { 700 } else { 600 };
        paying_of_family(&self.family_no, fen)(&seen, settlement.assigned)
    }

    fn answer(&self, effect: &Effect, assigned: &Assigned) -> Result<Vec<u8>, Infallible> {
        Ok(format!("{} 更正 {}", assigned.setl_id, effect.changed.len()).into_bytes())
    }
}

/// Two settlements of a family, the first of which is corrected: both get a version, the second with the amounts that it had;
/// then the second alone is settled again and comes out as it was.
fn correction(ledger: &Ledger, number: i64) -> Result<(), Box<dyn Error>> {
    let family_no = format!("F3-{number}");
    let mut setl_ids = Vec::new();
    for visit in ["first", "second"] {
        let event = SettleEvent {
            message: message(format!("{visit}-{number}")),
            person: person(number),
            family_no: Some(family_no.as_str().into()),
            hold_id: None,
            mdtrt_id: format!("{visit} {number}").into(),
            stay: None,
            booked_at_ms: 1_774_929_790_000,
            request: format!("结算 {visit} {number}").into_bytes(),
        };
        let booked = ledger.settle(event, paying_of_family(&family_no, 600))?;
        setl_ids.push(booked.receipt().setl_id.clone());
    }
    for (setl_id, bill) in setl_ids.into_iter().zip([Some("更正".into()), None]) {
        let event = CorrectEvent {
            message: message(format!("correct-{setl_id}")),
            person: person(number),
            setl_id: setl_id.clone(),
            bill,
            run: Run::Book,
            booked_at_ms: 1_774_929_800_000,
            request: format!("更正 {setl_id} {number}").into_bytes(),
        };
        ledger.correct(event, Again { family_no: family_no.clone() })?;
    }
    Ok(())
}
