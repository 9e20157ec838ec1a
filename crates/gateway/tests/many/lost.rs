//! Clients that are gone in the middle of a call and come back with the same msgid: one booking, the same bytes.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bedside_gateway::v1;
use prost::Message;
use tonic::transport::Channel;

use crate::bills::{Bill, HOSPITAL};
use crate::house::{Client, House, reversal};
use crate::proxy::{Break, Wire};
use crate::rounds::rounds;

/// What the client wanted when it was lost.
#[derive(Debug, Clone)]
enum Call {
    Settle(Box<v1::SettleBillRequest>),
    Cancel(Box<v1::CancelSettlementRequest>),
    Reverse(Box<v1::ReverseRequest>),
}

impl Call {
    /// The answer's bytes from the gateway or wire at that address, over a connection of its own.
    async fn send(self, address: SocketAddr) -> Option<Vec<u8>> {
        let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.ok()?;
        let mut client = Client::new(channel);
        let answer = match self {
            Call::Settle(bill) => client.settle_bill(*bill).await.ok()?.into_inner().encode_to_vec(),
            Call::Cancel(request) => {
                client.cancel_settlement(*request).await.ok()?.into_inner().encode_to_vec()
            }
            Call::Reverse(request) => client.reverse(*request).await.ok()?.into_inner().encode_to_vec(),
        };
        Some(answer)
    }

    fn msgid(&self) -> String {
        let header = match self {
            Call::Settle(bill) => &bill.header,
            Call::Cancel(request) => &request.header,
            Call::Reverse(request) => &request.header,
        };
        header.clone().unwrap().msgid
    }
}

/// A house and how much was asked of it.
struct Ward {
    house: House,
    calls: u64,
}

impl Ward {
    async fn open() -> Ward {
        Ward { house: House::open().await, calls: 0 }
    }

    /// A call of a person of its own; a cancellation or reversal finds its settlement booked.
    async fn call(&mut self, kind: &str) -> Call {
        self.calls += 1;
        let number = self.calls;
        let psn_no = format!("P{number}");
        let bill = Bill::plain(format!("M{number}"), format!("V{number}"), psn_no.clone()).request();
        if kind == "settle" {
            return Call::Settle(Box::new(bill));
        }
        let settlement = self.house.settle(bill).await.unwrap();
        self.calls += 1;
        if kind == "reverse" {
            let request = reversal(&format!("R{number}"), &psn_no, &format!("M{number}"), "2304");
            return Call::Reverse(Box::new(request));
        }
        let header = v1::Header {
            msgid: format!("C{number}"),
            fixmedins_code: HOSPITAL.to_owned(),
            ..Default::default()
        };
        let request = v1::CancelSettlementRequest {
            header: Some(header),
            mdtrt_id: settlement.mdtrt_id,
            setl_id: settlement.setl_id,
            psn_no,
            national: None,
        };
        Call::Cancel(Box::new(request))
    }

    /// Two new clients send the call again and are answered alike, as was the lost one if it was.
    async fn come_back(&mut self, call: Call, lost: Option<Vec<u8>>, what: &str) {
        let again = call.clone().send(self.house.address).await;
        let again = again.unwrap_or_else(|| panic!("{what}: no answer to a retry"));
        if let Some(lost) = lost {
            assert_eq!(lost, again, "{what}");
        }
        assert_eq!(self.house.query(&call.msgid()).await.outcome, "booked", "{what}");
        assert_eq!(call.send(self.house.address).await, Some(again), "{what}");
    }

    /// Each call is booked once.
    async fn close(self) {
        assert_eq!(self.house.ledger.verify().unwrap().records, self.calls);
        self.house.close().await;
    }
}

/// A call that is dropped after so many polls.
struct Polled<F> {
    call: Pin<Box<F>>,
    polls_left: u32,
}

impl<F: Future> Future for Polled<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if self.polls_left > 0 {
            self.polls_left -= 1;
            if let Poll::Ready(answer) = self.call.as_mut().poll(context) {
                return Poll::Ready(Some(answer));
            }
        }
        if self.polls_left > 0 { Poll::Pending } else { Poll::Ready(None) }
    }
}

/// After no poll, one, two and so on, until the call is through before it is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_dropped_at_any_await_and_sent_again_is_booked_once() {
    let mut ward = Ward::open().await;
    let mut dropped = 0;
    for kind in ["settle", "cancel", "reverse"] {
        for turn in 0..rounds(5) {
            for polls_left in 0.. {
                let call = ward.call(kind).await;
                let first =
                    Polled { call: Box::pin(call.clone().send(ward.house.address)), polls_left }.await;
                let what = format!("{kind} after {polls_left} polls, turn {turn}");
                let is_through = first.is_some();
                ward.come_back(call, first.flatten(), &what).await;
                if is_through {
                    break;
                }
                dropped += 1;
            }
        }
    }
    println!("{dropped} calls dropped");
    ward.close().await;
}

/// Places along so many bytes: about forty of them, or with `BEDSIDE_ROUNDS` each.
fn places(bytes: u64) -> Vec<u64> {
    let step = if rounds(0) == 0 { bytes / 40 } else { 1 };
    let mut places: Vec<u64> = (0..bytes).step_by(usize::try_from(step.max(1)).unwrap()).collect();
    places.extend([bytes - 1, bytes]);
    places
}

async fn send_over(address: SocketAddr, at: Break, call: Call) -> (Option<Vec<u8>>, (u64, u64)) {
    let wire = Wire::to(address, at, || {});
    let answer = call.send(wire.address).await;
    (answer, tokio::task::spawn_blocking(|| wire.passed()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_cut_at_any_byte_and_sent_again_is_booked_once() {
    let mut ward = Ward::open().await;
    let mut cut = 0;
    for kind in ["settle", "cancel", "reverse"] {
        let call = ward.call(kind).await;
        let (answer, (sent, answered)) = send_over(ward.house.address, Break::Never, call.clone()).await;
        ward.come_back(call, Some(answer.unwrap()), "whole").await;
        let breaks = places(sent).into_iter().map(Break::Sent);
        for at in breaks.chain(places(answered).into_iter().map(Break::Answered)) {
            let call = ward.call(kind).await;
            let (answer, _) = send_over(ward.house.address, at, call.clone()).await;
            ward.come_back(call, answer, &format!("{kind}, {at:?}")).await;
            cut += 1;
        }
        println!("{kind}: {sent} bytes sent, {answered} answered");
    }
    println!("{cut} calls cut");
    ward.close().await;
}
