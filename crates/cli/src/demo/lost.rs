//! The scene of a lost answer: found again by its msgid, taken back (2601), settled anew; and a call that never arrived,
//! reversed before it comes late.

use std::time::Instant;

use bedside_claim::Lang;
use bedside_gateway::v1;
use tonic::Status;
use tonic_types::StatusExt;

use super::morning::{self, Discharge};
use super::{Client, Ward, settlement, unexpected};
use crate::failure::Failure;

impl Ward {
    /// The hospital has its msgid and nothing else; `first` is what it was answered and lost.
    pub(super) async fn answer_lost(
        &mut self,
        client: &mut Client,
        discharge: &Discharge,
        first: &v1::Settlement,
    ) -> Result<(), Failure> {
        let header = discharge.request.header.clone().unwrap_or_default();
        let query = v1::QueryByMsgidRequest {
            fixmedins_code: header.fixmedins_code.clone(),
            msgid: header.msgid.clone(),
            known_tree_size: String::new(),
        };
        let found = client.query_by_msgid(query).await.map_err(|status| unexpected(discharge, &status))?;
        if found.into_inner().settlement.as_ref() != Some(first) {
            return Err(Failure::fault("the answer found again is not the one that was lost"));
        }

        let begun = Instant::now();
        let answer = self.reverse(client, discharge, (&header.msgid, 3), &first.psn_no).await?;
        let elapsed = begun.elapsed();
        let mirror = settlement(answer.settlement)?;
        self.books.add(&mirror)?;
        let name = match self.lang {
            Lang::Zh => format!("{}（冲正）", discharge.name(Lang::Zh)),
            Lang::En => format!("{} (reversed)", discharge.name(Lang::En)),
        };
        self.row(&name, &mirror, elapsed)?;

        let never_sent = morning::next_msgid(&header.msgid, 4);
        let answer = self.reverse(client, discharge, (&never_sent, 5), &first.psn_no).await?;
        if answer.outcome != "tombstone" {
            return Err(Failure::fault("a call that was never sent was undone"));
        }
        self.books.add_nothing_booked();
        let again = |msgid: String| {
            let header = Some(v1::Header { msgid, ..header.clone() });
            v1::SettleBillRequest { header, ..discharge.request.clone() }
        };
        let late = client.settle_bill(again(never_sent)).await;
        if !late.is_err_and(|status| is_reversed(&status)) {
            return Err(Failure::fault("a call that was reversed before it came was not refused"));
        }
        let settled = self.settle(client, discharge, &again(morning::next_msgid(&header.msgid, 6))).await?;
        if settled.setlinfo != first.setlinfo {
            return Err(Failure::fault("the settlement after the reversal differs from the first"));
        }
        let (lost, mirror, settled) = (&first.setl_id, &mirror.setl_id, &settled.setl_id);
        self.say(
            format!("答复丢失后凭 msgid 找回：{lost}；冲正并重新结算：{lost} → {mirror} → {settled}"),
            format!("a lost answer found again by its msgid: {lost}; reversed and settled again: {lost} -> {mirror} -> {settled}"),
        );
        self.say(
            "未到达的报文已冲正：迟到时被拒绝（MESSAGE_REVERSED），不会再付".to_owned(),
            "a call that had not arrived was reversed: it came late and was refused (MESSAGE_REVERSED), never paid".to_owned(),
        );
        Ok(())
    }

    /// Reverses the settlement under a msgid by the call of that step.
    async fn reverse(
        &mut self,
        client: &mut Client,
        discharge: &Discharge,
        (omsgid, step): (&str, u32),
        psn_no: &str,
    ) -> Result<v1::ReverseResponse, Failure> {
        let header = discharge.request.header.clone().unwrap_or_default();
        let request = v1::ReverseRequest {
            header: Some(v1::Header { msgid: morning::next_msgid(&header.msgid, step), ..header }),
            psn_no: psn_no.to_owned(),
            omsgid: omsgid.to_owned(),
            oinfno: "2304".to_owned(),
        };
        let answer = client.reverse(request).await.map_err(|status| unexpected(discharge, &status))?;
        let mut answer = answer.into_inner();
        let receipt = answer.receipt.take();
        self.auditor.check(&answer, receipt)?;
        Ok(answer)
    }
}

fn is_reversed(status: &Status) -> bool {
    status.get_details_error_info().is_some_and(|info| info.reason == "MESSAGE_REVERSED")
}
