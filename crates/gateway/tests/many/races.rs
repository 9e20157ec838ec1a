//! Five events of one settlement, all 120 orders of them: one after the other, and fired at once. The answers and what the
//! ledger then tells must be those of a small model of `docs/lifecycle.md` in that order, or, fired at once, in some order.

use bedside_gateway::v1;
use tokio::sync::Barrier;
use tonic::Status;

use crate::bills::{Bill, HOSPITAL, library};
use crate::house::{Client, House, info, reversal};

/// The first and the second sending of the settlement M, another settlement N of the same visit, the cancellation of what
/// was settled first, and the reversal of M.
const EVENTS: [Event; 5] = [Event::Settle, Event::Retry, Event::Second, Event::Cancel, Event::Reverse];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Settle,
    Retry,
    Second,
    Cancel,
    Reverse,
}

/// An answer; records are counted from the first that the order books.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Settled { msgid: char, record: u64 },
    Cancelled { record: u64, of: u64 },
    Reversed { record: u64, of: u64 },
    Barred,
    Refused { reason: String, named: String },
}

/// Where a settlement stands, as the page names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    None,
    Tombstone,
    Booked(u64),
    Cancelled {
        record: u64,
        by: u64,
    },
    Reversed {
        record: u64,
        by: u64,
    },
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::None => "none",
            State::Tombstone => "tombstone",
            State::Booked(_) => "booked",
            State::Cancelled { .. } => "cancelled",
            State::Reversed { .. } => "reversed",
        }
    }
}

/// The page as a program: M, N, and how many records there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Model {
    m: State,
    n: State,
    records: u64,
}

fn refused(reason: &str, named: impl ToString) -> Told {
    Told::Refused { reason: reason.to_owned(), named: named.to_string() }
}

impl Model {
    fn take(&mut self, event: Event) -> Told {
        match event {
            Event::Settle | Event::Retry => self.settle('M'),
            Event::Second => self.settle('N'),
            Event::Cancel => self.cancel(),
            Event::Reverse => self.reverse(),
        }
    }

    fn settle(&mut self, msgid: char) -> Told {
        let (own, other) = if msgid == 'M' { (self.m, self.n) } else { (self.n, self.m) };
        match (own, other) {
            (State::Tombstone, _) => return refused("MESSAGE_REVERSED", 'R'),
            (State::Booked(record), _)
            | (State::Cancelled { record, .. } | State::Reversed { record, .. }, _) => {
                return Told::Settled { msgid, record };
            }
            (State::None, State::Booked(standing)) => return refused("ALREADY_SETTLED", standing),
            (State::None, _) => {}
        }
        self.records += 1;
        let state = State::Booked(self.records);
        if msgid == 'M' {
            self.m = state
        } else {
            self.n = state
        }
        Told::Settled { msgid, record: self.records }
    }

    /// Of the first record, whatever it is.
    fn cancel(&mut self) -> Told {
        for state in [&mut self.m, &mut self.n] {
            match *state {
                State::Booked(1) => {
                    self.records += 1;
                    *state = State::Cancelled { record: 1, by: self.records };
                    return Told::Cancelled { record: self.records, of: 1 };
                }
                State::Cancelled { record: 1, by } | State::Reversed { record: 1, by } => {
                    return refused("ALREADY_CANCELLED", by);
                }
                _ => {}
            }
        }
        refused("SETTLEMENT_NOT_FOUND", "")
    }

    fn reverse(&mut self) -> Told {
        match self.m {
            State::None => {
                self.records += 1;
                self.m = State::Tombstone;
                Told::Barred
            }
            State::Booked(record) => {
                self.records += 1;
                self.m = State::Reversed { record, by: self.records };
                Told::Reversed { record: self.records, of: record }
            }
            State::Cancelled { by, .. } | State::Reversed { by, .. } => refused("ALREADY_CANCELLED", by),
            State::Tombstone => refused("MESSAGE_REVERSED", 'R'),
        }
    }
}

/// Every order of the events.
fn orders() -> Vec<Vec<Event>> {
    let mut orders = vec![Vec::new()];
    for _ in 0..EVENTS.len() {
        let longer = |order: Vec<Event>| {
            let rest = EVENTS.into_iter().filter(|event| !order.contains(event)).collect::<Vec<_>>();
            rest.into_iter().map(move |event| [&order[..], &[event]].concat())
        };
        orders = orders.into_iter().flat_map(longer).collect();
    }
    orders
}

/// One settlement, with a person of its own.
#[derive(Debug, Clone)]
struct Life {
    name: String,
    /// How many records there were before.
    before: u64,
}

impl Life {
    fn msgid(&self, letter: char) -> String {
        format!("{letter}-{}", self.name)
    }

    fn psn_no(&self) -> String {
        format!("P-{}", self.name)
    }

    fn bill(&self, letter: char) -> v1::SettleBillRequest {
        Bill::plain(self.msgid(letter), format!("V-{}", self.name), self.psn_no()).request()
    }

    /// The place of a record among those of this settlement.
    fn record(&self, setl_id: &str) -> u64 {
        setl_id.strip_prefix('S').unwrap().parse::<u64>().unwrap() - self.before
    }

    async fn fire(&self, mut client: Client, event: Event) -> Told {
        let answered = match event {
            Event::Settle | Event::Retry => self.settle(&mut client, 'M').await,
            Event::Second => self.settle(&mut client, 'N').await,
            Event::Cancel => self.cancel(&mut client).await,
            Event::Reverse => self.reverse(&mut client).await,
        };
        answered.unwrap_or_else(|status| self.refusal(&status))
    }

    async fn settle(&self, client: &mut Client, letter: char) -> Result<Told, Status> {
        let answer = client.settle_bill(self.bill(letter)).await?.into_inner().settlement.unwrap();
        assert_eq!(answer.medins_setl_id, self.msgid(letter));
        Ok(Told::Settled { msgid: letter, record: self.record(&answer.setl_id) })
    }

    async fn cancel(&self, client: &mut Client) -> Result<Told, Status> {
        let header =
            v1::Header { msgid: self.msgid('C'), fixmedins_code: HOSPITAL.to_owned(), ..Default::default() };
        let request = v1::CancelSettlementRequest {
            header: Some(header),
            mdtrt_id: format!("V-{}", self.name),
            setl_id: format!("S{:016}", self.before + 1),
            psn_no: self.psn_no(),
            national: None,
        };
        let answer = client.cancel_settlement(request).await?.into_inner().settlement.unwrap();
        let (record, of) = (self.record(&answer.setl_id), self.record(&answer.init_setl_id));
        Ok(Told::Cancelled { record, of })
    }

    async fn reverse(&self, client: &mut Client) -> Result<Told, Status> {
        let request = reversal(&self.msgid('R'), &self.psn_no(), &self.msgid('M'), "2304");
        let answer = client.reverse(request).await?.into_inner();
        Ok(match answer.settlement {
            Some(mirror) => {
                assert_eq!(answer.outcome, "undone");
                let (record, of) = (self.record(&mirror.setl_id), self.record(&mirror.init_setl_id));
                Told::Reversed { record, of }
            }
            None => {
                assert_eq!(answer.outcome, "tombstone");
                Told::Barred
            }
        })
    }

    fn refusal(&self, status: &Status) -> Told {
        let info = info(status);
        let named = match (info.metadata.get("setl_id"), info.metadata.get("msgid")) {
            (Some(setl_id), _) => self.record(setl_id).to_string(),
            (None, Some(msgid)) => msgid.strip_suffix(&format!("-{}", self.name)).unwrap().to_owned(),
            (None, None) => String::new(),
        };
        Told::Refused { reason: info.reason, named }
    }

    /// What the ledger tells of it: the state of M and N as the page names it, and what the person has used up.
    async fn stands(&self, house: &mut House) -> (String, String, bool) {
        let m = named(&house.query(&self.msgid('M')).await);
        let n = named(&house.query(&self.msgid('N')).await);
        let used = house.accumulators(&self.psn_no()).await;
        (m, n, !used.is_empty())
    }
}

fn named(query: &v1::QueryByMsgidResponse) -> String {
    match (query.outcome.as_str(), query.state.as_str()) {
        ("unknown", "") => "none".to_owned(),
        ("booked", state @ ("booked" | "cancelled" | "reversed")) | ("reversed", state @ "tombstone") => {
            state.to_owned()
        }
        other => panic!("{other:?}"),
    }
}

/// What each event is told in an order, by its place in `EVENTS`, and what stands at the end.
fn modelled(order: &[Event]) -> (Vec<Told>, Model) {
    let mut model = Model::default();
    let told: Vec<(Event, Told)> = order.iter().map(|event| (*event, model.take(*event))).collect();
    let by_event = EVENTS.map(|event| told.iter().find(|(known, _)| *known == event).unwrap().1.clone());
    (by_event.to_vec(), model)
}

/// The states that `docs/lifecycle.md` has.
fn documented() -> Vec<&'static str> {
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lifecycle.md"));
    let rows = page.lines().skip_while(|line| *line != "| state | |").skip(2);
    rows.take_while(|line| !line.is_empty()).map(|line| line.split('|').nth(1).unwrap().trim()).collect()
}

async fn check_end(house: &mut House, life: &Life, model: &Model, what: &str) {
    let (m, n, used) = life.stands(house).await;
    assert!(documented().contains(&m.as_str()), "{m} is not in the page");
    assert_eq!((m.as_str(), n.as_str()), (model.m.name(), model.n.name()), "{what}");
    let stands = [model.m, model.n].iter().any(|state| matches!(state, State::Booked(_)));
    assert_eq!(used, stands, "{what}");
    let found = house.ledger.verify().unwrap();
    assert_eq!(found.records, life.before + model.records, "{what}");
}

/// A house for so many orders, so that proving the whole ledger after each stays quick.
const ORDERS_OF_A_HOUSE: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn every_order_of_five_events_goes_as_the_page_says() {
    let (library, mut states) = (library(), std::collections::BTreeSet::new());
    for orders in orders().chunks(ORDERS_OF_A_HOUSE) {
        let mut house = House::open_by(library.clone()).await;
        let mut before = 0;
        for (number, order) in orders.iter().enumerate() {
            let life = Life { name: number.to_string(), before };
            let (expected, model) = modelled(order);
            for event in order {
                let place = EVENTS.iter().position(|known| known == event).unwrap();
                let told = life.fire(house.client.clone(), *event).await;
                assert_eq!(told, expected[place], "{event:?} in {order:?}");
            }
            check_end(&mut house, &life, &model, &format!("{order:?}")).await;
            before += model.records;
            states.insert((model.m.name(), model.n.name()));
        }
        house.close().await;
    }
    let ends = [
        ("cancelled", "booked"),
        ("cancelled", "none"),
        ("reversed", "booked"),
        ("reversed", "cancelled"),
        ("reversed", "none"),
        ("tombstone", "booked"),
        ("tombstone", "cancelled"),
    ];
    assert_eq!(states.into_iter().collect::<Vec<_>>(), ends, "where M and N may end");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_events_at_once_go_as_in_some_order() {
    let (library, orders) = (library(), orders());
    assert_eq!(orders.len(), 120);
    let modelled: Vec<_> = orders.iter().map(|order| modelled(order)).collect();
    for orders in orders.chunks(ORDERS_OF_A_HOUSE) {
        let mut house = House::open_by(library.clone()).await;
        let mut clients = Vec::new();
        for _ in EVENTS {
            clients.push(house.another_client().await);
        }
        let mut before = 0;
        for (number, order) in orders.iter().enumerate() {
            let life = Life { name: number.to_string(), before };
            let told = fired_at_once(&life, order, &clients).await;
            let explained = modelled.iter().find(|(expected, _)| *expected == told);
            let (_, model) = explained.unwrap_or_else(|| panic!("{order:?} came to {told:?}"));
            check_end(&mut house, &life, model, &format!("{order:?}: {told:?}")).await;
            before += model.records;
        }
        drop(clients);
        house.close().await;
    }
}

/// What each event was told, by its place in `EVENTS`; each goes over a connection of its own, started in this order.
async fn fired_at_once(life: &Life, order: &[Event], clients: &[Client]) -> Vec<Told> {
    let start = std::sync::Arc::new(Barrier::new(order.len()));
    let fired: Vec<_> = order
        .iter()
        .zip(clients)
        .map(|(event, client)| {
            let (life, client, start, event) = (life.clone(), client.clone(), start.clone(), *event);
            tokio::spawn(async move {
                start.wait().await;
                (event, life.fire(client, event).await)
            })
        })
        .collect();
    let mut told = Vec::new();
    for fired in fired {
        told.push(fired.await.unwrap());
    }
    EVENTS.map(|event| told.iter().find(|(known, _)| *known == event).unwrap().1.clone()).to_vec()
}
