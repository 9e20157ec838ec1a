//! Random histories of four persons, three of them a family, over a year's end and two policy periods: bills that come late,
//! twice or never, cancellations, reversals and restarts. After each step accumulators are what `fold.rs` holds them to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use bedside_gateway::v1;
use bedside_policy::Library;
use proptest::prelude::*;
use prost::Message;
use tonic::Status;

use crate::bills::{Bill, HOSPITAL, family_policy, group_policy, library};
use crate::fold::{Member, check};
use crate::house::{House, info, reversal};
use crate::rounds::rounds;
use crate::serial::Serial;
use crate::stands::{Expected, Standing};

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Sends the bill, whether it was sent before or not.
    Send(usize),
    Cancel(usize),
    /// Cancels what stands last of a person.
    CancelLatest(usize),
    /// Reverses the bill, whether it ever arrived or not.
    Reverse(usize),
    Restart,
}

const PERSONS: usize = 4;
const BILLS: usize = 20;

/// Days of service: before and after the end of the year and of the policy period in the middle of it.
const DAYS: [&str; 7] =
    ["2025-08-02", "2025-12-30", "2026-01-02", "2026-03-01", "2026-06-29", "2026-07-02", "2026-11-20"];

fn packs() -> Arc<Library> {
    static LIBRARY: OnceLock<Arc<Library>> = OnceLock::new();
    LIBRARY.get_or_init(library).clone()
}

/// A history's own persons, bills and what became of them.
struct World {
    name: String,
    bills: Vec<v1::SettleBillRequest>,
    standing: Standing,
    /// The answer's bytes of each message that was booked.
    answers: BTreeMap<String, Vec<u8>>,
    /// Every settlement and mirror in order.
    in_order: BTreeMap<String, v1::Settlement>,
    /// What everybody had used up by what stood, whenever it stood.
    states: BTreeMap<BTreeSet<String>, Vec<Vec<v1::Accumulator>>>,
}

impl World {
    /// Of each bill: the person, the day, and what is in scope and at own expense, in fen. Every second bill is of the same
    /// visit as the one before it.
    fn new(name: &str, drawn: &[(usize, usize, u64, u64)]) -> World {
        let bill = |number: usize| {
            let (person, day, ..) = drawn[number & !1];
            let (.., in_scope, own_expense) = drawn[number];
            let mut policies = Vec::new();
            for (from, until) in [("2025-07-01", "2026-06-30"), ("2026-07-01", "2026-12-31")] {
                policies.push(if person < 2 {
                    family_policy(from, until)
                } else {
                    group_policy(from, until)
                });
            }
            if person == 2 {
                policies.push(family_policy("2025-01-01", "2026-12-31"));
            }
            for (number, policy) in policies.iter_mut().enumerate() {
                policy["policy_no"] = format!("{}-{number}", policy["policy_no"].as_str().unwrap()).into();
            }
            Bill {
                family_no: if person < 3 { format!("F-{name}") } else { String::new() },
                date: DAYS[day].to_owned(),
                in_scope,
                own_expense,
                balc: 500_00,
                policies,
                ..Bill::plain(
                    format!("M{number}-{name}"),
                    format!("V{}-{name}", number / 2),
                    format!("P{person}-{name}"),
                )
            }
            .request()
        };
        World {
            name: name.to_owned(),
            bills: (0..drawn.len()).map(bill).collect(),
            standing: Standing::default(),
            answers: BTreeMap::new(),
            in_order: BTreeMap::new(),
            states: BTreeMap::new(),
        }
    }

    fn members(&self) -> Vec<Member> {
        let family_no = Some(format!("F-{}", self.name));
        let member = |person| (format!("P{person}-{}", self.name), family_no.clone().filter(|_| person < 3));
        (0..PERSONS).map(member).collect()
    }

    fn msgid(&self, letter: char, bill: usize) -> String {
        format!("{letter}{bill}-{}", self.name)
    }

    async fn take(&mut self, house: &mut House, step: Step) {
        match step {
            Step::Send(bill) => self.send(house, bill).await,
            Step::Cancel(bill) => self.cancel(house, bill).await,
            Step::CancelLatest(person) => {
                let psn_no = format!("P{person}-{}", self.name);
                let latest = self.standing.settlements().into_iter().rfind(|it| it.psn_no == psn_no);
                let bill = |it: v1::Settlement| it.medins_setl_id[1..].split('-').next().unwrap().parse();
                if let Some(bill) = latest.map(bill) {
                    self.cancel(house, bill.unwrap()).await;
                }
            }
            Step::Reverse(bill) => self.reverse(house, bill).await,
            Step::Restart => {}
        }
    }

    async fn send(&mut self, house: &mut House, bill: usize) {
        let request = self.bills[bill].clone();
        let mdtrt_id = request.mdtrtinfo.as_ref().unwrap().mdtrt_id.clone();
        let msgid = self.msgid('M', bill);
        let expected = self.standing.settle(&msgid, &mdtrt_id);
        let answered = house.client.settle_bill(request).await.map(|answer| answer.into_inner());
        let bytes = answered.as_ref().map(Message::encode_to_vec);
        if self.told(&msgid, &expected, bytes) {
            let answer = answered.unwrap().settlement.unwrap();
            self.in_order.insert(answer.setl_id.clone(), answer.clone());
            self.standing.settled(answer);
        }
    }

    /// A bill that was settled once; of others there is no setl_id to name.
    async fn cancel(&mut self, house: &mut House, bill: usize) {
        let Some(original) = self.standing.answer(&self.msgid('M', bill)).cloned() else { return };
        let msgid = self.msgid('C', bill);
        let header =
            v1::Header { msgid: msgid.clone(), fixmedins_code: HOSPITAL.to_owned(), ..Default::default() };
        let request = v1::CancelSettlementRequest {
            header: Some(header),
            mdtrt_id: original.mdtrt_id,
            setl_id: original.setl_id,
            psn_no: original.psn_no,
            national: None,
        };
        let expected = self.standing.undo(&msgid, &original.medins_setl_id);
        let answered = house.client.cancel_settlement(request).await.map(|answer| answer.into_inner());
        let bytes = answered.as_ref().map(Message::encode_to_vec);
        if self.told(&msgid, &expected, bytes) {
            self.undone(&answered.unwrap().settlement.unwrap());
        }
    }

    async fn reverse(&mut self, house: &mut House, bill: usize) {
        let (msgid, omsgid) = (self.msgid('R', bill), self.msgid('M', bill));
        let psn_no = self.bills[bill].baseinfo.as_ref().unwrap().psn_no.clone();
        let expected = self.standing.undo(&msgid, &omsgid);
        let answered = house.client.reverse(reversal(&msgid, &psn_no, &omsgid, "2304")).await;
        let answered = answered.map(|answer| answer.into_inner());
        let bytes = answered.as_ref().map(Message::encode_to_vec);
        if self.told(&msgid, &expected, bytes) {
            match answered.unwrap().settlement {
                Some(mirror) => self.undone(&mirror),
                None => self.standing.bar(&omsgid, &msgid),
            }
        }
    }

    fn undone(&mut self, mirror: &v1::Settlement) {
        self.in_order.insert(mirror.setl_id.clone(), mirror.clone());
        self.standing.undone(mirror);
    }

    /// Whether the message was booked just now, as expected.
    fn told(&mut self, msgid: &str, expected: &Expected, answered: Result<Vec<u8>, &Status>) -> bool {
        match (expected, answered) {
            (Expected::New, Ok(bytes)) => {
                assert!(self.answers.insert(msgid.to_owned(), bytes).is_none(), "{msgid} is booked twice");
                true
            }
            (Expected::Same, Ok(bytes)) => {
                assert!(self.answers[msgid] == bytes, "{msgid} is answered otherwise than before");
                false
            }
            (Expected::Refused(reason, named), Err(status)) => {
                let info = info(status);
                let told = info.metadata.get("setl_id").or(info.metadata.get("msgid"));
                assert_eq!((info.reason.as_str(), told), (*reason, Some(named)), "{msgid}");
                false
            }
            // A later one that changed nothing of what both share, but looked at it: only the core knows that.
            (Expected::New, Err(status)) if info(status).reason == "BLOCKED_BY_LATER" => {
                let by = info(status).metadata["setl_id"].clone();
                let stands = self.standing.settlements().into_iter().any(|it| it.setl_id == by);
                assert!(stands, "{msgid}: `{by}` does not stand in the way");
                false
            }
            (expected, answered) => panic!("{msgid}: {expected:?}, {:?}", answered.map(|_| "an answer")),
        }
    }

    /// The four ways agree, and the same settlements standing is the same used up, whatever happened in between.
    async fn check(&mut self, house: &mut House) {
        let standing = self.standing.settlements();
        let used = check(house, &self.members(), &standing).await;
        let names: BTreeSet<String> = standing.into_iter().map(|it| it.setl_id).collect();
        let before = self.states.entry(names).or_insert_with(|| used.clone());
        assert_eq!(*before, used, "not restored exactly");
    }

    /// Each answer is the core's, run over what came before it.
    fn check_serially(&self, library: &Library) {
        let bills: BTreeMap<String, v1::SettleBillRequest> = self
            .bills
            .iter()
            .map(|bill| (bill.header.as_ref().unwrap().msgid.clone(), bill.clone()))
            .collect();
        let mut serial = Serial::new(library, &bills);
        self.in_order.values().for_each(|answer| serial.take(answer));
        assert_eq!(serial.standing().count(), self.standing.settlements().len());
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (0..BILLS).prop_map(Step::Send),
        3 => (0..BILLS).prop_map(Step::Cancel),
        4 => (0..PERSONS).prop_map(Step::CancelLatest),
        4 => (0..BILLS).prop_map(Step::Reverse),
        1 => Just(Step::Restart),
    ]
}

/// Amounts of up to 60,000, so that deductibles are crossed and limits exhausted.
fn bills() -> impl Strategy<Value = Vec<(usize, usize, u64, u64)>> {
    let bill = (0..PERSONS, 0..DAYS.len(), 1..60_000_00u64, 0..20_000_00u64);
    proptest::collection::vec(bill, BILLS)
}

async fn play(drawn: Vec<(usize, usize, u64, u64)>, steps: Vec<Step>) {
    let mut house = House::open_by(packs()).await;
    let mut world = World::new("1", &drawn);
    world.check(&mut house).await;
    for step in steps {
        if matches!(step, Step::Restart) {
            house = house.restart().await;
        }
        world.take(&mut house, step).await;
        world.check(&mut house).await;
    }
    house.ledger.verify().unwrap();
    world.check_serially(&house.library);
    house.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: u32::try_from(rounds(10)).unwrap(),
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    #[test]
    fn accumulators_are_a_fold_after_any_history(
        drawn in bills(),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(play(drawn, steps));
    }
}

/// Three settlements stand; then one is cancelled, another reversed, two bills come late, one of them of the year before, and
/// one comes twice.
#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_a_cancellation_a_reversal_and_late_arrivals_folds() {
    let of = |person, day, yuan: u64| [(person, day, yuan * 100 + 1, 999_99), (person, day, 1, 0)];
    let drawn =
        [of(0, 3, 12_000), of(1, 4, 30_000), of(0, 5, 25_000), of(0, 2, 9_000), of(1, 1, 40_000)].concat();
    let first = [Step::Send(0), Step::Send(2), Step::Send(4)];
    let then = [Step::Cancel(4), Step::Reverse(2), Step::Send(6), Step::Send(8), Step::Send(0)];
    let mut orders = vec![Vec::new()];
    for _ in then {
        let longer = |order: Vec<usize>| {
            let rest = (0..then.len()).filter(|place| !order.contains(place)).collect::<Vec<_>>();
            rest.into_iter().map(move |place| [&order[..], &[place]].concat())
        };
        orders = orders.into_iter().flat_map(longer).collect();
    }
    assert_eq!(orders.len(), 120);
    for orders in orders.chunks(12) {
        let mut house = House::open_by(packs()).await;
        for (number, order) in orders.iter().enumerate() {
            let mut world = World::new(&number.to_string(), &drawn);
            for step in first.into_iter().chain(order.iter().map(|place| then[*place])) {
                world.take(&mut house, step).await;
            }
            world.check(&mut house).await;
            world.check_serially(&house.library);
        }
        house.ledger.verify().unwrap();
        house.close().await;
    }
}
