//! `docs/lifecycle.md`, the life of a stay: every state and every call, walked over the network.

use bedside_gateway::v1;
use tonic::Status;

use crate::holds::ahead;
use crate::house::{House, info};
use crate::stays::Stay;

const STATES: [&str; 7] =
    ["none", "admitted", "lines in", "settled midway", "discharged", "settled", "admission cancelled"];

const CALLS: [&str; 26] = [
    "`Admit`",
    "`Admit` at another hospital",
    "`UpdateAdmission`",
    "`UploadFees`, a new line",
    "`UploadFees`, the same lines",
    "`CancelFees` of a line",
    "`CancelFees` 0000",
    "`CancelAdmission`",
    "`Discharge`",
    "`CancelDischarge`",
    "`PreSettle`",
    "`PreSettle` with a hold",
    "`PreSettle` with a hold, of a bill",
    "`Settle`",
    "`Settle` within the hold",
    "`Settle` midway",
    "`SettleBill` under its number",
    "`CancelSettlement` of it",
    "`Reverse` of the settlement",
    "`Reverse` of the admission",
    "`Reverse` of the lines",
    "`Reverse` of the discharge",
    "`Reverse` of the cancelled admission",
    "`Reverse` of the hold",
    "`QueryByMsgid` of the admission",
    "`ListFees` by mdtrt_id",
];

/// One stay of a person of its own, brought into a state.
struct Life<'a> {
    house: &'a mut House,
    name: String,
    stay: Stay,
    settlement: Option<v1::Settlement>,
    hold_id: String,
}

impl<'a> Life<'a> {
    /// A stay that has lines has a hold, for a call that is about one.
    async fn begin(house: &'a mut House, state: &str, name: String, is_held: bool) -> Life<'a> {
        let stay = Stay::named(&name, "");
        let mut life = Life { house, name, stay, settlement: None, hold_id: "H0000000000000000".to_owned() };
        let [a, u, d, s, x, h] = ["A", "U", "D", "S", "X", "H"].map(|letter| life.msgid(letter));
        let stay = life.stay.clone();
        let client = &mut life.house.client;
        if state != "none" {
            client.admit(stay.admit(&a)).await.unwrap();
        }
        if ["lines in", "settled midway", "discharged", "settled"].contains(&state) {
            client.upload_fees(stay.upload(&u, 0..3)).await.unwrap();
            if is_held {
                let held = client.pre_settle(stay.hold(&h, ahead(3_600))).await.unwrap();
                life.hold_id = held.into_inner().hold_id;
            }
        }
        if ["discharged", "settled"].contains(&state) {
            client.discharge(stay.discharge(&d)).await.unwrap();
        }
        let settle = match state {
            "settled" => Some(stay.settle(&s)),
            "settled midway" => Some(stay.settle_midway(&s, "2026-03-10", "100.00")),
            _ => None,
        };
        if let Some(settle) = settle {
            life.settlement = client.settle(settle).await.unwrap().into_inner().settlement;
        }
        if state == "admission cancelled" {
            let stay = Some(stay.reference(&x));
            client.cancel_admission(v1::CancelAdmissionRequest { stay }).await.unwrap();
        }
        life
    }

    fn msgid(&self, letter: &str) -> String {
        format!("{letter}-{}", self.name)
    }

    async fn reverse(&mut self, letter: &str, oinfno: &str) -> Result<String, Status> {
        let (msgid, omsgid) = (self.msgid("R"), self.msgid(letter));
        let psn_no = self.stay.psn_no().to_owned();
        let answer = self.house.reverse(&msgid, &psn_no, &omsgid, oinfno).await?;
        assert_eq!(answer.settlement.is_some(), oinfno == "2304" && answer.outcome == "undone");
        let again = self.house.reverse(&msgid, &psn_no, &omsgid, oinfno).await?;
        assert_eq!(again, answer);
        let told = self.house.query(&msgid).await;
        let word = match (answer.outcome.as_str(), oinfno) {
            ("undone", "2303") => "released",
            ("undone", _) => "reversed",
            _ => "tombstone",
        };
        assert_eq!((told.infno.as_str(), told.state.as_str()), ("2601", word));
        Ok(format!("→ {}", answer.outcome))
    }

    async fn call(&mut self, call: &str) -> Result<String, Status> {
        let stay = self.stay.clone();
        let [n, c] = ["N", "C"].map(|letter| self.msgid(letter));
        let done = |what: &str| Ok(format!("→ {what}"));
        let client = &mut self.house.client;
        match call {
            "`Admit`" => client.admit(stay.admit(&n)).await.map(drop).and_then(|()| done("admitted")),
            "`Admit` at another hospital" => {
                let mut other = stay;
                other.bill.header.as_mut().unwrap().fixmedins_code = "H33010600002".to_owned();
                client.admit(other.admit(&n)).await.map(drop).and_then(|()| done("admitted there"))
            }
            "`UpdateAdmission`" => {
                client.update_admission(stay.update(&n)).await.map(drop).and_then(|()| done("changed"))
            }
            "`UploadFees`, a new line" => {
                let mut upload = stay.upload(&n, 2..3);
                upload.feedetail[0].feedetl_sn = "9".to_owned();
                client.upload_fees(upload).await.map(drop).and_then(|()| done("lines in"))
            }
            "`UploadFees`, the same lines" => {
                client.upload_fees(stay.upload(&n, 0..3)).await.map(drop).and_then(|()| done("lines in"))
            }
            "`CancelFees` of a line" => {
                client.cancel_fees(stay.withdraw(&n, &["3"])).await.map(drop).and_then(|()| done("withdrawn"))
            }
            "`CancelFees` 0000" => client
                .cancel_fees(stay.withdraw(&n, &["0000"]))
                .await
                .map(drop)
                .and_then(|()| done("withdrawn")),
            "`CancelAdmission`" => {
                let request = v1::CancelAdmissionRequest { stay: Some(stay.reference(&n)) };
                client.cancel_admission(request).await.map(drop).and_then(|()| done("admission cancelled"))
            }
            "`Discharge`" => {
                client.discharge(stay.discharge(&n)).await.map(drop).and_then(|()| done("discharged"))
            }
            "`CancelDischarge`" => {
                let request = v1::CancelDischargeRequest { stay: Some(stay.reference(&n)) };
                client.cancel_discharge(request).await.map(drop).and_then(|()| done("admitted"))
            }
            "`PreSettle`" => client.pre_settle(stay.quote()).await.map(|_| "the quote".to_owned()),
            "`PreSettle` with a hold" => {
                client.pre_settle(stay.hold(&n, ahead(3_600))).await.map(drop).and_then(|()| done("held"))
            }
            "`PreSettle` with a hold, of a bill" => {
                let mut bill = stay.bill.clone();
                bill.header.as_mut().unwrap().msgid = n;
                let subject = Some(v1::pre_settle_request::Subject::Bill(bill));
                let request =
                    v1::PreSettleRequest { subject, hold_until: ahead(3_600), ..Default::default() };
                client.pre_settle(request).await.map(drop).and_then(|()| done("held"))
            }
            "`Settle` within the hold" => {
                let request = v1::SettleRequest { hold_id: self.hold_id.clone(), ..stay.settle(&n) };
                client.settle(request).await.map(drop).and_then(|()| done("settled"))
            }
            "`Settle`" => client.settle(stay.settle(&n)).await.map(drop).and_then(|()| done("settled")),
            "`Settle` midway" => {
                let request = stay.settle_midway(&n, "2026-03-10", "100.00");
                client.settle(request).await.map(drop).and_then(|()| done("settled midway"))
            }
            "`SettleBill` under its number" => {
                let mut bill = stay.bill.clone();
                bill.header.as_mut().unwrap().msgid = n;
                client.settle_bill(bill).await.map(drop).and_then(|()| done("booked"))
            }
            "`CancelSettlement` of it" => {
                let nothing = v1::Settlement {
                    setl_id: "S9999999999999999".to_owned(),
                    mdtrt_id: stay.mdtrt_id().to_owned(),
                    psn_no: stay.psn_no().to_owned(),
                    ..v1::Settlement::default()
                };
                let original = self.settlement.clone().unwrap_or(nothing);
                self.house.cancel(&c, &original).await.map(drop).and_then(|()| done("cancelled"))
            }
            "`Reverse` of the settlement" => self.reverse("S", "2304").await,
            "`Reverse` of the admission" => self.reverse("A", "2401").await,
            "`Reverse` of the lines" => self.reverse("U", "2301").await,
            "`Reverse` of the discharge" => self.reverse("D", "2402").await,
            "`Reverse` of the cancelled admission" => self.reverse("X", "2404").await,
            "`Reverse` of the hold" => self.reverse("H", "2303").await,
            "`QueryByMsgid` of the admission" => {
                let told = self.house.query(&self.msgid("A")).await;
                Ok(if told.outcome == "unknown" {
                    told.outcome
                } else {
                    format!("{}, {}", told.outcome, told.state)
                })
            }
            "`ListFees` by mdtrt_id" => {
                let request = v1::ListFeesRequest {
                    fixmedins_code: "H33010600001".to_owned(),
                    psn_no: stay.psn_no().to_owned(),
                    mdtrt_id: stay.mdtrt_id().to_owned(),
                    ..v1::ListFeesRequest::default()
                };
                let page = client.list_fees(request).await?.into_inner();
                assert_eq!(page.lines, self.settlement.as_ref().unwrap().lines);
                Ok("lines".to_owned())
            }
            call => panic!("`{call}` is no call"),
        }
    }

    async fn cell(&mut self, call: &str) -> String {
        let before = self.house.ledger.records().count();
        let came_to = match self.call(call).await {
            Ok(came_to) => came_to,
            Err(status) => {
                let info = info(&status);
                if ["ALREADY_SETTLED", "LINE_SETTLED", "HOLD_SETTLED"].contains(&info.reason.as_str()) {
                    assert_eq!(info.metadata["setl_id"], self.settlement.as_ref().unwrap().setl_id);
                }
                format!("`{}`", info.reason)
            }
        };
        let booked = self.house.ledger.records().count() - before;
        assert_eq!(booked, usize::from(came_to.starts_with('→')), "{call}: {came_to}");
        came_to
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_a_stay_meets_every_call() {
    let mut house = House::open().await;
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lifecycle.md"));
    let (_, page) = page.split_once("# The life of a stay").unwrap();
    assert!(page.contains(&format!("| call | {} |\n", STATES.join(" | "))));
    let mut wrong = Vec::new();
    for (row, call) in CALLS.iter().enumerate() {
        let mut cells = vec![(*call).to_owned()];
        for (column, state) in STATES.iter().enumerate() {
            let is_held = call.ends_with("the hold");
            let mut life = Life::begin(&mut house, state, format!("{row}-{column}"), is_held).await;
            cells.push(life.cell(call).await);
        }
        let row = format!("| {} |\n", cells.join(" | "));
        if !page.contains(&row) {
            wrong.push(row);
        }
    }
    assert!(wrong.is_empty(), "docs/lifecycle.md differs in these rows:\n{}", wrong.concat());
    let walked = page.lines().filter(|line| line.matches('|').count() == STATES.len() + 2).count();
    assert_eq!(walked, CALLS.len() + 2, "head, rule and a row for each call");
    house.ledger.verify().unwrap();
    house.close().await;
}
