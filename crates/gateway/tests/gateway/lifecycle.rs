//! `docs/lifecycle.md`: every state and every call, walked over the network, and the page held to what they came to.

use bedside_gateway::v1;
use tonic::Status;

use crate::base::edited;
use crate::house::{House, info};

const STATES: [&str; 7] =
    ["none", "tombstone", "booked", "corrected", "under a later one", "cancelled", "reversed"];

const CALLS: [&str; 25] = [
    "`SettleBill` M",
    "`SettleBill` M, other content",
    "`SettleBill` N, same visit",
    "`CancelSettlement` N",
    "`CancelSettlement` C",
    "`CancelSettlement` M",
    "`Reverse` N of M, 2304",
    "`Reverse` R of M, 2304",
    "`Reverse` R of another msgid",
    "`Reverse` M of another msgid",
    "`Reverse` N of M, 2305",
    "`Reverse` N of M, another person",
    "`Reverse` N of C, 2305",
    "`Reverse` N of K, 2304",
    "`CorrectSettlement` N",
    "`CorrectSettlement` K",
    "`CorrectSettlement` M",
    "`CorrectSettlement` N, dry run",
    "`QueryByMsgid` M",
    "`QueryByMsgid` C",
    "`QueryByMsgid` R",
    "`QueryByMsgid` K",
    "`GetSettlement`",
    "`ListFees` by setl_id",
    "`ListFees` by mdtrt_id",
];

/// One settlement of a person of its own, brought into a state.
struct Life<'a> {
    house: &'a mut House,
    name: String,
    settlement: Option<v1::Settlement>,
    later: Option<v1::Settlement>,
    /// The cancellation or what the reversal undid.
    undone: Option<v1::Settlement>,
    reversal: Option<v1::ReverseResponse>,
    corrected: Option<v1::CorrectSettlementResponse>,
}

impl<'a> Life<'a> {
    async fn begin(house: &'a mut House, state: &str, name: String) -> Life<'a> {
        let mut life = Life {
            house,
            name,
            settlement: None,
            later: None,
            undone: None,
            reversal: None,
            corrected: None,
        };
        if !["none", "tombstone"].contains(&state) {
            life.settlement = Some(life.house.settle(life.bill("M", "V", "")).await.unwrap());
        }
        match state {
            "corrected" => {
                life.corrected = Some(life.send_correction("K", "").await.unwrap());
            }
            "under a later one" => {
                life.later = Some(life.house.settle(life.bill("L", "W", "")).await.unwrap());
            }
            "cancelled" => {
                let original = life.settlement.clone().unwrap();
                life.undone = Some(life.house.cancel(&life.msgid("C"), &original).await.unwrap());
            }
            "tombstone" | "reversed" => {
                let answer = life.reverse("R", "M", "2304", "").await.unwrap();
                life.undone = answer.settlement.clone();
                life.reversal = Some(answer);
            }
            _ => {}
        }
        life
    }

    fn msgid(&self, letter: &str) -> String {
        format!("{letter}-{}", self.name)
    }

    fn bill(&self, msgid: &str, visit: &str, edits: &str) -> v1::SettleBillRequest {
        let name = &self.name;
        edited(&format!(
            "header.msgid = {msgid}-{name}\nmdtrtinfo.mdtrt_id = {visit}-{name}\nbaseinfo.psn_no = P-{name}\n\
             mdtrtinfo.psn_no = P-{name}\n{edits}"
        ))
    }

    async fn reverse(
        &mut self,
        msgid: &str,
        omsgid: &str,
        oinfno: &str,
        other: &str,
    ) -> Result<v1::ReverseResponse, Status> {
        let psn_no = format!("P-{}{other}", self.name);
        let (msgid, omsgid) = (self.msgid(msgid), self.msgid(omsgid));
        self.house.reverse(&msgid, &psn_no, &omsgid, oinfno).await
    }

    /// What is to be cancelled; where nothing was settled, something that was not.
    fn original(&self) -> v1::Settlement {
        let nothing = v1::Settlement {
            setl_id: "S9999999999999999".to_owned(),
            mdtrt_id: self.msgid("V"),
            psn_no: format!("P-{}", self.name),
            ..v1::Settlement::default()
        };
        self.settlement.clone().unwrap_or(nothing)
    }

    async fn settle(&mut self, request: v1::SettleBillRequest) -> Result<String, Status> {
        let answer = self.house.settle(request).await?;
        let same = self.settlement.as_ref() == Some(&answer);
        Ok(if same { "same answer" } else { "→ booked" }.to_owned())
    }

    async fn cancel(&mut self, msgid: &str) -> Result<String, Status> {
        let (msgid, original) = (self.msgid(msgid), self.original());
        let answer = self.house.cancel(&msgid, &original).await?;
        let same = self.undone.as_ref() == Some(&answer);
        Ok(if same { "same answer" } else { "→ cancelled" }.to_owned())
    }

    /// The first line was charged once too often.
    async fn send_correction(
        &mut self,
        msgid: &str,
        dry_run: &str,
    ) -> Result<v1::CorrectSettlementResponse, Status> {
        let edits =
            "feedetail[0].cnt = 2\nfeedetail[0].det_item_fee_sumamt = 40.00\ndata.medfee_sumamt = 80.00";
        let original = self.original();
        let request = v1::CorrectSettlementRequest {
            header: Some(v1::Header {
                msgid: self.msgid(msgid),
                fixmedins_code: "H33010600001".to_owned(),
                ..v1::Header::default()
            }),
            psn_no: original.psn_no,
            setl_id: original.setl_id,
            bill: Some(self.bill("M", "V", edits)),
            reason: "charged once too often".to_owned(),
            dry_run: dry_run.to_owned(),
            ..v1::CorrectSettlementRequest::default()
        };
        Ok(self.house.client.correct_settlement(request).await?.into_inner())
    }

    async fn correct(&mut self, msgid: &str) -> Result<String, Status> {
        let answer = self.send_correction(msgid, "").await?;
        let same = self.corrected.as_ref() == Some(&answer);
        Ok(if same { "same answer" } else { "→ corrected" }.to_owned())
    }

    /// The settlement as it stands.
    async fn newest(&mut self) -> v1::Settlement {
        let original = self.original();
        self.house.get(&original.setl_id, &original.psn_no).await.unwrap().settlement.unwrap()
    }

    /// A reversal of the settlement.
    async fn undo(&mut self, msgid: &str, oinfno: &str, other: &str) -> Result<String, Status> {
        let answer = self.reverse(msgid, "M", oinfno, other).await?;
        if self.reversal.as_ref() == Some(&answer) {
            return Ok("same answer".to_owned());
        }
        match &answer.settlement {
            Some(mirror) => {
                assert_eq!(mirror.init_setl_id, self.settlement.as_ref().unwrap().setl_id);
                assert_eq!((answer.outcome.as_str(), &mirror.medins_setl_id), ("undone", &self.msgid(msgid)));
                Ok("→ reversed".to_owned())
            }
            None => {
                assert_eq!(answer.outcome, "tombstone");
                Ok("→ tombstone".to_owned())
            }
        }
    }

    /// A reversal of something else, which never arrived.
    async fn bar(&mut self, msgid: &str, omsgid: &str, oinfno: &str) -> Result<String, Status> {
        let answer = self.reverse(msgid, omsgid, oinfno, "").await?;
        assert_eq!((answer.outcome.as_str(), answer.settlement), ("tombstone", None));
        let barred = self.house.query(&self.msgid(omsgid)).await;
        assert_eq!((barred.outcome.as_str(), barred.infno.as_str()), ("reversed", oinfno));
        Ok("→ tombstone of it".to_owned())
    }

    async fn query(&mut self, msgid: &str) -> String {
        let msgid = self.msgid(msgid);
        let told = self.house.query(&msgid).await;
        if told.outcome == "unknown" { told.outcome } else { format!("{}, {}", told.outcome, told.state) }
    }

    async fn list(&mut self, request: v1::ListFeesRequest) -> Result<String, Status> {
        let request = v1::ListFeesRequest {
            fixmedins_code: "H33010600001".to_owned(),
            psn_no: format!("P-{}", self.name),
            ..request
        };
        let page = self.house.client.list_fees(request).await?.into_inner();
        let settlement = self.newest().await;
        assert_eq!((&page.lines, &page.setl_id), (&settlement.lines, &settlement.setl_id));
        Ok("lines".to_owned())
    }

    async fn call(&mut self, call: &str) -> Result<String, Status> {
        let original = self.original();
        match call {
            "`SettleBill` M" => self.settle(self.bill("M", "V", "")).await,
            "`SettleBill` M, other content" => {
                self.settle(self.bill("M", "V", "feedetail[0].medins_list_codg = Y009")).await
            }
            "`SettleBill` N, same visit" => self.settle(self.bill("N", "V", "")).await,
            "`CancelSettlement` N" => self.cancel("N").await,
            "`CancelSettlement` C" => self.cancel("C").await,
            "`CancelSettlement` M" => self.cancel("M").await,
            "`Reverse` N of M, 2304" => self.undo("N", "2304", "").await,
            "`Reverse` R of M, 2304" => self.undo("R", "2304", "").await,
            "`Reverse` R of another msgid" => self.bar("R", "X", "2304").await,
            "`Reverse` M of another msgid" => self.bar("M", "X", "2304").await,
            "`Reverse` N of M, 2305" => self.undo("N", "2305", "").await,
            "`Reverse` N of M, another person" => self.undo("N", "2304", "x").await,
            "`Reverse` N of C, 2305" => self.bar("N", "C", "2305").await,
            "`Reverse` N of K, 2304" => self.bar("N", "K", "2304").await,
            "`CorrectSettlement` N" => self.correct("N").await,
            "`CorrectSettlement` K" => self.correct("K").await,
            "`CorrectSettlement` M" => self.correct("M").await,
            "`CorrectSettlement` N, dry run" => {
                let shown = self.send_correction("N", "1").await?;
                assert_eq!(shown.correction_id, "");
                Ok("the effect".to_owned())
            }
            "`QueryByMsgid` K" => Ok(self.query("K").await),
            "`QueryByMsgid` M" => Ok(self.query("M").await),
            "`QueryByMsgid` C" => Ok(self.query("C").await),
            "`QueryByMsgid` R" => Ok(self.query("R").await),
            "`GetSettlement`" => {
                let told = self.house.get(&original.setl_id, &original.psn_no).await?;
                let by = self.undone.as_ref().map(|undone| undone.setl_id.clone()).unwrap_or_default();
                let as_booked = told.settlement == self.settlement;
                let is_first = told.version == "1" && told.corrected_by.is_empty();
                assert_eq!((as_booked, is_first), (self.corrected.is_none(), self.corrected.is_none()));
                assert_eq!(told.cancelled_by, by);
                Ok(told.state)
            }
            "`ListFees` by setl_id" => {
                self.list(v1::ListFeesRequest { setl_id: original.setl_id, ..Default::default() }).await
            }
            "`ListFees` by mdtrt_id" => {
                self.list(v1::ListFeesRequest { mdtrt_id: original.mdtrt_id, ..Default::default() }).await
            }
            call => panic!("`{call}` is no call"),
        }
    }

    /// What a refusal must name.
    fn check_named(&self, status: &Status) {
        let info = info(status);
        let id = |of: &Option<v1::Settlement>| of.as_ref().unwrap().setl_id.clone();
        let named = |key: &str| info.metadata[key].clone();
        match info.reason.as_str() {
            "BLOCKED_BY_LATER" => {
                assert_eq!(named("setl_id"), id(&self.later));
                assert!(status.message().contains(&named("setl_id")));
            }
            "ALREADY_CANCELLED" | "CANCELLATION_STANDS" => assert_eq!(named("setl_id"), id(&self.undone)),
            "ALREADY_SETTLED" => assert_eq!(named("setl_id"), id(&self.settlement)),
            "MESSAGE_REVERSED" => assert_eq!(named("msgid"), self.msgid("R")),
            "ORIGINAL_DIFFERS" if named("field") == "oinfno" => {
                assert!(["2304", "CorrectSettlement"].contains(&named("infno").as_str()));
            }
            "ORIGINAL_DIFFERS" => assert_eq!(named("field"), "psn_no"),
            _ => {}
        }
    }

    async fn cell(&mut self, call: &str) -> String {
        let before = (self.query("M").await, self.house.ledger.records().count());
        let came_to = match self.call(call).await {
            Ok(came_to) => came_to,
            Err(status) => {
                self.check_named(&status);
                format!("`{}`", info(&status).reason)
            }
        };
        let after = (self.query("M").await, self.house.ledger.records().count());
        match came_to.as_str() {
            booked if booked.starts_with('→') => assert_eq!(after.1, before.1 + 1, "{call}: {came_to}"),
            _ => assert_eq!(after, before, "{call}: {came_to}"),
        }
        let state = match came_to.as_str() {
            "→ cancelled" => "booked, cancelled",
            "→ reversed" => "booked, reversed",
            "→ tombstone" => "reversed, tombstone",
            "→ corrected" => "booked, corrected",
            _ => return came_to,
        };
        assert_eq!(after.0, state);
        came_to
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_meets_every_call() {
    let mut house = House::open().await;
    let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/lifecycle.md"));
    let (page, _) = page.split_once("# The life of a stay").unwrap();
    assert!(page.contains(&format!("| call | {} |\n", STATES.join(" | "))));
    let mut wrong = Vec::new();
    for (row, call) in CALLS.iter().enumerate() {
        let mut cells = vec![(*call).to_owned()];
        for (column, state) in STATES.iter().enumerate() {
            let mut life = Life::begin(&mut house, state, format!("{row}-{column}")).await;
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
