//! 64 clients at once, each over a connection of its own: rounds of 64 bills in which a deductible is crossed and a cap
//! exhausted, with messages that two clients send at once and clients that cancel the latest.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bedside_claim::Person;
use bedside_gateway::{request, v1};
use tokio::sync::Barrier;

use crate::bills::HOSPITAL;
use crate::house::{Client, House, info};
use crate::serial::Serial;

pub(crate) const CLIENTS: usize = 64;

/// As many rounds as `BEDSIDE_ROUNDS` says, else `few`.
pub(crate) fn rounds(few: usize) -> usize {
    std::env::var("BEDSIDE_ROUNDS").map_or(few, |rounds| rounds.parse().unwrap())
}

/// What the clients of a round share.
pub(crate) struct Round {
    name: String,
    /// One for each client.
    bills: Vec<v1::SettleBillRequest>,
    start: Barrier,
    told: Mutex<Told>,
}

/// Every answer by its setl_id, and every reading of a person's accumulators.
#[derive(Default)]
struct Told {
    answers: BTreeMap<String, v1::Settlement>,
    readings: Vec<(String, Vec<v1::Accumulator>)>,
    /// Bills that were settled again after a cancellation, by msgid.
    again: BTreeMap<String, v1::SettleBillRequest>,
    replayed: u64,
    blocked: u64,
}

impl Told {
    /// Whichever client hears of a booking hears the same.
    fn answer(&mut self, answer: &v1::Settlement) {
        if let Some(known) = self.answers.insert(answer.setl_id.clone(), answer.clone()) {
            assert_eq!(known, *answer, "one booking, two answers");
            self.replayed += 1;
        }
    }

    /// The latest settlement that nobody is known to have cancelled.
    fn latest(&self, gone: &[String]) -> Option<v1::Settlement> {
        let cancelled = |setl_id: &String| self.answers.values().any(|it| it.init_setl_id == *setl_id);
        let is_free = |it: &&v1::Settlement| {
            it.init_setl_id.is_empty() && !gone.contains(&it.setl_id) && !cancelled(&it.setl_id)
        };
        self.answers.values().rev().find(is_free).cloned()
    }
}

/// What a round, or all of them, came to.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) records: u64,
    pub(crate) settlements: u64,
    pub(crate) cancellations: u64,
    pub(crate) replayed: u64,
    pub(crate) blocked: u64,
    pub(crate) readings: u64,
}

impl Count {
    pub(crate) fn add(&mut self, other: &Count) {
        self.records += other.records;
        self.settlements += other.settlements;
        self.cancellations += other.cancellations;
        self.replayed += other.replayed;
        self.blocked += other.blocked;
        self.readings += other.readings;
    }
}

impl Round {
    pub(crate) fn new(name: String, bills: Vec<v1::SettleBillRequest>) -> Arc<Round> {
        assert_eq!(bills.len(), CLIENTS);
        Arc::new(Round { name, bills, start: Barrier::new(CLIENTS), told: Mutex::default() })
    }

    /// Lets every client play its part at once.
    pub(crate) async fn play(self: &Arc<Round>, clients: &[Client]) {
        let playing: Vec<_> = clients
            .iter()
            .enumerate()
            .map(|(number, client)| {
                let (round, client) = (Arc::clone(self), client.clone());
                tokio::spawn(async move { round.part(number, client).await })
            })
            .collect();
        for part in playing {
            part.await.unwrap();
        }
    }

    /// Reads first, up to three times, so that the bills come in waves; some then send their neighbour's bill too, and
    /// some cancel.
    async fn part(&self, number: usize, mut client: Client) {
        self.start.wait().await;
        for _ in 0..number / 16 {
            let read = read(&self.bills[number], &mut client).await;
            self.told.lock().unwrap().readings.push(read);
        }
        let own = self.settle(self.bills[number].clone(), client.clone());
        if number % 8 == 1 {
            let neighbours = self.settle(self.bills[number - 1].clone(), client.clone());
            tokio::join!(own, neighbours);
        } else {
            own.await;
        }
        if number % 8 == 5 {
            let cancelled = self.cancel_the_latest(number, &mut client).await;
            if number % 16 == 5 {
                self.settle_again(number, &cancelled, client).await;
            }
        }
    }

    async fn settle(&self, bill: v1::SettleBillRequest, mut client: Client) {
        let answer = client.settle_bill(bill).await.unwrap().into_inner().settlement.unwrap();
        self.told.lock().unwrap().answer(&answer);
    }

    /// Follows what refusals name until a cancellation is booked.
    async fn cancel_the_latest(&self, number: usize, client: &mut Client) -> v1::Settlement {
        let mut gone = Vec::new();
        loop {
            let Some(latest) = self.told.lock().unwrap().latest(&gone) else {
                // Somebody's answer is on its way.
                gone.clear();
                tokio::task::yield_now().await;
                continue;
            };
            let header = v1::Header {
                msgid: format!("C{number}-{}", self.name),
                fixmedins_code: HOSPITAL.to_owned(),
                ..Default::default()
            };
            let request = v1::CancelSettlementRequest {
                header: Some(header),
                mdtrt_id: latest.mdtrt_id.clone(),
                setl_id: latest.setl_id.clone(),
                psn_no: latest.psn_no.clone(),
                national: None,
            };
            match client.cancel_settlement(request).await {
                Ok(answer) => {
                    self.told.lock().unwrap().answer(&answer.into_inner().settlement.unwrap());
                    return latest;
                }
                Err(status) => match info(&status).reason.as_str() {
                    "BLOCKED_BY_LATER" => self.told.lock().unwrap().blocked += 1,
                    "ALREADY_CANCELLED" => gone.push(latest.setl_id),
                    reason => panic!("{reason}"),
                },
            }
        }
    }

    /// Settles what was cancelled again, under a msgid of its own.
    async fn settle_again(&self, number: usize, cancelled: &v1::Settlement, client: Client) {
        let mut bill = self.bill(&cancelled.medins_setl_id);
        let msgid = format!("A{number}-{}", self.name);
        bill.header.as_mut().unwrap().msgid.clone_from(&msgid);
        self.told.lock().unwrap().again.insert(msgid, bill.clone());
        self.settle(bill, client).await;
    }

    /// The first bills of a round are of one person each.
    fn persons(&self) -> BTreeMap<String, Person> {
        let persons = self.bills.iter().map(|bill| request::settle(bill).unwrap().1.person);
        persons.map(|person| (person.psn_no.to_string(), person)).collect()
    }

    fn bill(&self, msgid: &str) -> v1::SettleBillRequest {
        let again = self.told.lock().unwrap().again.get(msgid).cloned();
        let own = || self.bills.iter().find(|bill| bill.header.as_ref().unwrap().msgid == msgid);
        again.unwrap_or_else(|| own().unwrap().clone())
    }

    /// Holds everything that was answered against the serial order of the identifiers; `end` looks at what stands.
    pub(crate) async fn check(&self, house: &mut House, before: u64, end: impl FnOnce(&Serial<'_>)) -> Count {
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        let mut bills = told.again;
        for bill in &self.bills {
            bills.insert(bill.header.as_ref().unwrap().msgid.clone(), bill.clone());
        }
        let library = Arc::clone(&house.library);
        let mut serial = Serial::new(&library, &bills);
        let persons = self.persons();
        let readings = told.readings.len() as u64;
        // Each must be what some number of the bookings leaves.
        let mut unexplained = told.readings;
        let mut explain = |serial: &Serial<'_>| {
            for (psn_no, person) in &persons {
                let now = serial.accumulators(person);
                unexplained.retain(|(whose, read)| whose != psn_no || *read != now);
            }
        };
        explain(&serial);
        for (place, (setl_id, answer)) in (1..).zip(&told.answers) {
            assert_eq!(*setl_id, format!("S{:016}", before + place), "a booking that nobody asked for");
            serial.take(answer);
            explain(&serial);
        }
        assert!(unexplained.is_empty(), "read what was at no time so: {unexplained:?}");
        for bill in &self.bills[..persons.len()] {
            let (psn_no, stands) = read(bill, &mut house.client).await;
            assert_eq!(stands, serial.accumulators(&persons[&psn_no]));
        }
        end(&serial);
        let records = told.answers.len() as u64;
        let cancellations =
            told.answers.values().filter(|answer| !answer.init_setl_id.is_empty()).count() as u64;
        Count {
            records,
            settlements: records - cancellations,
            cancellations,
            replayed: told.replayed,
            blocked: told.blocked,
            readings,
        }
    }
}

/// What a person of a bill, and the family, has used up.
async fn read(bill: &v1::SettleBillRequest, client: &mut Client) -> (String, Vec<v1::Accumulator>) {
    let v1::BaseInfo { psn_no, family_no, .. } = bill.baseinfo.clone().unwrap();
    let request = v1::GetAccumulatorsRequest { psn_no: psn_no.clone(), family_no, ..Default::default() };
    (psn_no, client.get_accumulators(request).await.unwrap().into_inner().accumulators)
}

/// Plays rounds and holds each against the core, and the whole ledger against its journal.
pub(crate) async fn play_rounds(
    mut house: House,
    few: usize,
    bills: impl Fn(&str, &mut fastrand::Rng) -> Vec<v1::SettleBillRequest>,
    end: impl Fn(&Serial<'_>),
) {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(house.another_client().await);
    }
    let mut rng = fastrand::Rng::with_seed(20_260_301);
    let mut all = Count::default();
    let rounds = rounds(few);
    for number in 0..rounds {
        let name = number.to_string();
        let round = Round::new(name.clone(), bills(&name, &mut rng));
        round.play(&clients).await;
        let count = round.check(&mut house, all.records, &end).await;
        assert_eq!((count.settlements, count.cancellations), (64 + 4, 8));
        assert!(count.replayed >= 8);
        all.add(&count);
    }
    let found = house.ledger.verify().unwrap();
    assert_eq!((found.records, found.settlements), (all.records, all.settlements));
    println!("{rounds} rounds: {all:?}");
    drop(clients);
    house.close().await;
}
