//! Stays in the ledger: random histories of calls, settlements, cancellations and reversals, with the ledger opened again and
//! its tables lost in between. What stands is what a plain model of each stay's lines and state says, and `verify`, whose
//! fold shares no code with the tables', agrees.

#![allow(
    clippy::inconsistent_digit_grouping,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod hospital;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use bedside_ledger::*;
use hospital::{agree, config, erases, halves, person, reverse_event, undo_or_bar};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Call { kind: StayKind, hospital: u8, person: u8, stay: u8, lines: Vec<(u8, Option<u8>)> },
    WithdrawAll { hospital: u8, person: u8, stay: u8 },
    Settle { part: StayPart, hospital: u8, person: u8, stay: u8, is_stale: bool },
    SettleBill { hospital: u8, person: u8, stay: u8 },
    Cancel { hospital: u8, person: u8, of: u64 },
    Reverse { hospital: u8, person: u8, of: u8 },
    Reopen,
    LoseTables,
}

impl Step {
    fn hospital(&self) -> u8 {
        match self {
            Step::Call { hospital, .. }
            | Step::WithdrawAll { hospital, .. }
            | Step::Settle { hospital, .. }
            | Step::SettleBill { hospital, .. }
            | Step::Cancel { hospital, .. }
            | Step::Reverse { hospital, .. } => *hospital,
            Step::Reopen | Step::LoseTables => 0,
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let place = || (0u8..2, 0u8..2, 0u8..3);
    let kind = prop_oneof![
        4 => Just(StayKind::Admit),
        2 => Just(StayKind::Update),
        2 => Just(StayKind::CancelAdmission),
        6 => Just(StayKind::FeesIn),
        4 => Just(StayKind::FeesOut),
        4 => Just(StayKind::Discharge),
        2 => Just(StayKind::CancelDischarge),
    ];
    let lines = proptest::collection::vec((0u8..6, proptest::option::weighted(0.3, 0u8..6)), 1..4);
    let part = prop_oneof![Just(StayPart::MidStay), Just(StayPart::Final)];
    prop_oneof![
        24 => (kind, place(), lines).prop_map(|(kind, (hospital, person, stay), lines)| Step::Call { kind, hospital, person, stay, lines }),
        2 => place().prop_map(|(hospital, person, stay)| Step::WithdrawAll { hospital, person, stay }),
        6 => (part, place(), prop::bool::weighted(0.1)).prop_map(|(part, (hospital, person, stay), is_stale)| Step::Settle { part, hospital, person, stay, is_stale }),
        1 => place().prop_map(|(hospital, person, stay)| Step::SettleBill { hospital, person, stay }),
        3 => (0u8..2, 0u8..2, 1u64..60).prop_map(|(hospital, person, of)| Step::Cancel { hospital, person, of }),
        5 => (0u8..2, 0u8..2, 0u8..60).prop_map(|(hospital, person, of)| Step::Reverse { hospital, person, of }),
        1 => Just(Step::Reopen),
        1 => Just(Step::LoseTables),
    ]
}

/// A stay as the model sees it: lines by number with the batch they came in, and which settlement took them.
#[derive(Debug, Clone, Default)]
struct Modelled {
    state: Option<StayState>,
    person: u8,
    lines: BTreeMap<u8, (u64, Option<u8>)>,
    settlements: Vec<u64>,
}

#[derive(Default)]
struct Model {
    stays: BTreeMap<(u8, u8), Modelled>,
    /// What each message did: sequence, where, kind and its lines.
    calls: BTreeMap<(u8, u8), (u64, u8, StayKind)>,
}

impl Model {
    fn is_in_hospital(&self, person: u8) -> bool {
        self.stays.values().any(|stay| stay.state == Some(StayState::Admitted) && stay.person == person)
    }

    /// Whether a call must be taken; the model has no words for why not.
    fn takes(
        &self,
        kind: StayKind,
        (hospital, person, stay): (u8, u8, u8),
        lines: &[(u8, Option<u8>)],
    ) -> bool {
        let known = self.stays.get(&(hospital, stay));
        let state = known.and_then(|stay| stay.state);
        if kind == StayKind::Admit {
            let is_free = matches!(state, None | Some(StayState::Cancelled))
                && known.is_none_or(|stay| stay.settlements.is_empty());
            return is_free && !self.is_in_hospital(person);
        }
        let Some(stay) = known.filter(|stay| stay.person == person) else { return false };
        let last = stay.settlements.last().copied().unwrap_or(0);
        let open = state == Some(StayState::Admitted);
        match kind {
            StayKind::CancelAdmission => open && stay.lines.is_empty(),
            StayKind::FeesIn => {
                let numbers: BTreeSet<u8> = lines.iter().map(|(number, _)| *number).collect();
                open && numbers.len() == lines.len()
                    && numbers.iter().all(|number| !stay.lines.contains_key(number))
                    && lines.iter().filter_map(|(_, charge)| *charge).all(|charge| {
                        numbers.contains(&charge)
                            || stay.lines.get(&charge).is_some_and(|(batch, _)| *batch > last)
                    })
            }
            StayKind::FeesOut => {
                let numbers: BTreeSet<u8> = lines.iter().map(|(number, _)| *number).collect();
                let stays_behind = |charge: u8| {
                    stay.lines
                        .iter()
                        .any(|(number, (_, it))| *it == Some(charge) && !numbers.contains(number))
                };
                open && numbers.iter().all(|number| {
                    stay.lines.get(number).is_some_and(|(batch, _)| *batch > last) && !stays_behind(*number)
                })
            }
            StayKind::CancelDischarge => state == Some(StayState::Discharged) && !self.is_in_hospital(person),
            _ => open,
        }
    }
}

fn line(number: u8) -> Arc<str> {
    Arc::from(format!("L{number}"))
}

fn key(hospital: u8, msgid: u8) -> MessageKey {
    MessageKey {
        tenant: "zj".into(),
        fixmedins_code: format!("H{hospital}").into(),
        msgid: format!("m{msgid}").into(),
    }
}

fn number_of(stay: u8) -> Arc<str> {
    Arc::from(format!("v{stay}"))
}

fn told(ledger: &Ledger) -> Vec<Option<StandingStay>> {
    let stays = (0..2).flat_map(|hospital| (0..3).map(move |stay| (hospital, stay)));
    stays.map(|(hospital, stay)| ledger.standing_stay(&key(hospital, 0), &number_of(stay)).unwrap()).collect()
}

fn standing_lines(stay: &StandingStay) -> usize {
    stay.batches
        .iter()
        .map(|batch| {
            String::from_utf8(batch.request.clone()).unwrap().split(' ').count() - 1 - batch.withdrawn.len()
        })
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_history_of_stays_is_what_the_model_says(steps in proptest::collection::vec(step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let config = || LedgerConfig { segment_bytes: 4096, ..config(dir.path()) };
        let mut ledger = Ledger::open(config()).unwrap();
        let mut model = Model::default();
        for (msgid, step) in steps.into_iter().enumerate() {
            let msgid = u8::try_from(msgid).unwrap();
            // A call that was reversed before it came is refused, whatever it asks.
            if ledger.message(&key(step.hospital(), msgid)).unwrap().is_some() {
                continue;
            }
            match step {
                Step::Call { kind, hospital, person: who, stay, lines } => {
                    let numbers: BTreeSet<u8> = lines.iter().map(|(number, _)| *number).collect();
                    // Withdrawals name a line once.
                    let named: Vec<(u8, Option<u8>)> = if kind == StayKind::FeesOut { numbers.iter().map(|number| (*number, None)).collect() } else { lines };
                    let asked = named.iter().map(|(number, charge)| StayLine { feedetl_sn: line(*number), refunds: charge.map(line) });
                    let is_of_lines = matches!(kind, StayKind::FeesIn | StayKind::FeesOut);
                    let lines = if is_of_lines { asked.collect() } else { Vec::new() };
                    let event = StayEvent {
                        message: key(hospital, msgid),
                        person: person(&format!("psn-no-{who}")),
                        mdtrt_id: Some(number_of(stay)),
                        kind,
                        request: lines.iter().fold(format!("{kind:?}"), |text, line| format!("{text} {}", line.feedetl_sn)).into_bytes(),
                        lines: StayLines::These(lines),
                        version: None,
                        booked_at_ms: 1,
                    };
                    let expected = model.takes(kind, (hospital, who, stay), &named);
                    let outcome = ledger.stay(event.clone(), |_| Ok::<_, Infallible>(b"done".to_vec()));
                    prop_assert_eq!(outcome.is_ok(), expected, "{:?}: {:?}", event, outcome);
                    let Ok(committed) = outcome else { continue };
                    let again = ledger.stay(event, |_| Ok::<_, Infallible>(b"other".to_vec())).unwrap();
                    prop_assert_eq!(again.receipt(), committed.receipt());
                    let sequence = committed.receipt().sequence;
                    model.calls.insert((hospital, msgid), (sequence, stay, kind));
                    let modelled = model.stays.entry((hospital, stay)).or_default();
                    modelled.person = who;
                    match kind {
                        StayKind::Admit | StayKind::CancelDischarge => modelled.state = Some(StayState::Admitted),
                        StayKind::CancelAdmission => modelled.state = Some(StayState::Cancelled),
                        StayKind::Discharge => modelled.state = Some(StayState::Discharged),
                        StayKind::FeesIn => modelled.lines.extend(named.into_iter().map(|(number, charge)| (number, (sequence, charge)))),
                        StayKind::FeesOut => modelled.lines.retain(|number, _| !numbers.contains(number)),
                        _ => {}
                    }
                }
                Step::WithdrawAll { hospital, person: who, stay } => {
                    let event = StayEvent {
                        message: key(hospital, msgid),
                        person: person(&format!("psn-no-{who}")),
                        mdtrt_id: Some(number_of(stay)),
                        kind: StayKind::FeesOut,
                        lines: StayLines::AllUnsettled,
                        version: None,
                        booked_at_ms: 1,
                        request: b"all".to_vec(),
                    };
                    let modelled = model.stays.entry((hospital, stay)).or_default();
                    let last = modelled.settlements.last().copied().unwrap_or(0);
                    let is_open = modelled.state == Some(StayState::Admitted) && modelled.person == who;
                    let expected = is_open && modelled.lines.values().any(|(batch, _)| *batch > last);
                    let outcome = ledger.stay(event, |_| Ok::<_, Infallible>(Vec::new()));
                    prop_assert_eq!(outcome.is_ok(), expected, "{:?}", outcome);
                    if expected {
                        modelled.lines.retain(|_, (batch, _)| *batch < last);
                    }
                }
                Step::Settle { part, hospital, person: who, stay, is_stale } => {
                    let version = ledger.standing_stay(&key(hospital, 0), &number_of(stay)).unwrap().map_or(0, |stay| stay.version);
                    let version = if is_stale { version + 1 } else { version };
                    let event = SettleEvent {
                        hold_id: None,
                        message: key(hospital, msgid),
                        person: person(&format!("psn-no-{who}")),
                        family_no: None,
                        mdtrt_id: number_of(stay),
                        stay: Some(SettledStay { part, version, bill: b"the bill".to_vec() }),
                        booked_at_ms: 1,
                        request: b"settle".to_vec(),
                    };
                    let modelled = model.stays.entry((hospital, stay)).or_default();
                    let wanted = match part { StayPart::MidStay => StayState::Admitted, StayPart::Final => StayState::Discharged };
                    let may = modelled.state == Some(wanted) && modelled.person == who;
                    let outcome = ledger.settle(event, halves(2026, 10_00));
                    prop_assert_eq!(outcome.is_ok(), may && !is_stale, "{:?}", outcome);
                    prop_assert_eq!(matches!(outcome, Err(SettleError::Moved)), may && is_stale);
                    if let Ok(committed) = outcome {
                        modelled.settlements.push(committed.receipt().sequence);
                        if part == StayPart::Final {
                            modelled.state = Some(StayState::Settled);
                        }
                    }
                }
                Step::SettleBill { hospital, person: who, stay } => {
                    let event = SettleEvent {
                        hold_id: None,
                        message: key(hospital, msgid),
                        person: person(&format!("psn-no-{who}")),
                        family_no: None,
                        mdtrt_id: number_of(stay),
                        stay: None,
                        booked_at_ms: 1,
                        request: b"a bill".to_vec(),
                    };
                    let modelled = model.stays.entry((hospital, stay)).or_default();
                    let is_free = matches!(modelled.state, None | Some(StayState::Cancelled)) && modelled.settlements.is_empty();
                    let outcome = ledger.settle(event, halves(2026, 10_00));
                    prop_assert_eq!(outcome.is_ok(), is_free, "{:?}", outcome);
                    if let Ok(committed) = outcome {
                        modelled.settlements.push(committed.receipt().sequence);
                    }
                }
                Step::Cancel { hospital, person: who, of } => {
                    let event = CancelEvent {
                        message: key(hospital, msgid),
                        person: person(&format!("psn-no-{who}")),
                        setl_id: format!("S{of:016}").into(),
                        booked_at_ms: 1,
                        request: b"cancel".to_vec(),
                    };
                    if ledger.cancel(event, agree).is_ok() {
                        let stays = model.stays.iter_mut().filter(|((at, _), _)| *at == hospital);
                        let undone = stays.map(|(_, stay)| stay).find(|stay| stay.settlements.last() == Some(&of));
                        let stay = undone.expect("what was cancelled stood last in its stay");
                        stay.settlements.pop();
                        if stay.state == Some(StayState::Settled) {
                            stay.state = Some(StayState::Discharged);
                        }
                    }
                }
                Step::Reverse { hospital, person: who, of } => {
                    let Some((sequence, at, kind)) = model.calls.get(&(hospital, of)).copied() else {
                        let event = ReverseEvent { message: key(hospital, msgid), ..reverse_event("", &format!("psn-no-{who}"), &format!("m{of}"), MessageKind::Settle) };
                        if msgid != of && ledger.reverse(event, undo_or_bar).is_ok() {
                            // a settlement that stood last, or a call that never came
                            for stay in model.stays.iter_mut().filter(|((at, _), _)| *at == hospital).map(|(_, stay)| stay) {
                                let Some(last) = stay.settlements.last() else { continue };
                                let booked = ledger.settlement("zj", &format!("S{last:016}")).unwrap().unwrap();
                                if booked.status != Status::Booked {
                                    stay.settlements.pop();
                                    if stay.state == Some(StayState::Settled) {
                                        stay.state = Some(StayState::Discharged);
                                    }
                                }
                            }
                        }
                        continue;
                    };
                    let event = ReverseEvent { message: key(hospital, msgid), ..reverse_event("", &format!("psn-no-{who}"), &format!("m{of}"), MessageKind::Stay(kind)) };
                    let before = ledger.standing_stay(&key(hospital, 0), &number_of(at)).unwrap();
                    let outcome = ledger.reverse_stay(event, |undone, _| Ok::<_, Infallible>(format!("{undone:?}").into_bytes()));
                    let modelled = model.stays.get_mut(&(hospital, at)).unwrap();
                    let Ok(committed) = outcome else {
                        prop_assert_eq!(before, ledger.standing_stay(&key(hospital, 0), &number_of(at)).unwrap());
                        continue;
                    };
                    prop_assert_eq!(&*committed.receipt().answer, b"TakenBack");
                    match kind {
                        StayKind::Admit => {
                            prop_assert!(modelled.lines.is_empty());
                            modelled.state = Some(StayState::Cancelled);
                        }
                        StayKind::Discharge => modelled.state = Some(StayState::Admitted),
                        StayKind::FeesIn => modelled.lines.retain(|_, (batch, _)| *batch != sequence),
                        StayKind::Update => {}
                        kind => prop_assert!(false, "{kind:?} stands"),
                    }
                }
                Step::Reopen | Step::LoseTables => {
                    let before = told(&ledger);
                    drop(ledger);
                    if matches!(step, Step::LoseTables) {
                        std::fs::remove_dir_all(dir.path().join("tables")).unwrap();
                    }
                    ledger = Ledger::open(config()).unwrap();
                    prop_assert_eq!(told(&ledger), before);
                }
            }
        }
        ledger.verify().unwrap();
        for ((hospital, stay), modelled) in &model.stays {
            let found = ledger.standing_stay(&key(*hospital, 0), &number_of(*stay)).unwrap();
            prop_assert_eq!(found.as_ref().map(|stay| stay.state), modelled.state);
            let Some(found) = found else { continue };
            prop_assert_eq!(standing_lines(&found), modelled.lines.len());
        }
        drop(ledger);
        erases(dir.path(), &["psn-no-0"], "psn-no-1", |dir| LedgerConfig { segment_bytes: 4096, ..hospital::config(dir) });
    }
}
