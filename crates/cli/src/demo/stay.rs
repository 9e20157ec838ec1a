//! A stay the long way: admission, two uploads, a line withdrawn, discharge, a quote that binds, settlement within it; the
//! same settlement as its bill in one document.

use std::time::Instant;

use bedside_gateway::v1;

use super::held::in_an_hour;
use super::morning::{self, Discharge};
use super::{Client, Ward, settlement, unexpected};
use crate::failure::Failure;

/// The number of a line that is sent by mistake.
const BY_MISTAKE: &str = "9999";

/// The answer to a call, whose receipt was checked.
macro_rules! proved {
    ($auditor:expr, $answer:expr) => {{
        let mut answer = $answer.into_inner();
        let receipt = answer.receipt.take();
        $auditor.check(&answer, receipt)?;
        answer
    }};
}

impl Ward {
    pub(super) async fn long_way(
        &mut self,
        client: &mut Client,
        discharge: &Discharge,
    ) -> Result<v1::Settlement, Failure> {
        let bill = discharge.request.clone();
        let failed = |status| unexpected(discharge, &status);
        let info = bill.mdtrtinfo.clone().unwrap_or_default();
        let header = bill.header.clone().unwrap_or_default();
        let psn_no = bill.baseinfo.as_ref().map(|base| base.psn_no.clone()).unwrap_or_default();
        let at = |msgid: String| v1::Header { msgid, ..header.clone() };
        let stay = |step| {
            let header = Some(at(morning::next_msgid(&header.msgid, step)));
            Some(v1::StayReference { header, mdtrt_id: info.mdtrt_id.clone(), psn_no: psn_no.clone() })
        };
        let admission = v1::AdmitRequest {
            header: stay(60).and_then(|stay| stay.header),
            baseinfo: bill.baseinfo,
            insuinfo: bill.insuinfo,
            idetinfo: bill.idetinfo,
            policyinfo: bill.policyinfo,
            mdtrtinfo: bill.mdtrtinfo,
            diseinfo: bill.diseinfo,
            preexinfo: bill.preexinfo,
        };
        let mdtrt_id = proved!(self.auditor, client.admit(admission).await.map_err(failed)?).mdtrt_id;
        let (first, second) = bill.feedetail.split_at(bill.feedetail.len() / 2);
        let mistake =
            second.first().map(|line| v1::FeeDetail { feedetl_sn: BY_MISTAKE.to_owned(), ..line.clone() });
        let mut split = 0;
        for (step, rows) in [(61, first.to_vec()), (62, second.iter().cloned().chain(mistake).collect())] {
            let upload = v1::UploadFeesRequest { stay: stay(step), feedetail: rows };
            let taken = client.upload_fees(upload).await.map_err(failed)?;
            split += proved!(self.auditor, taken).result.len();
        }
        let withdrawn = v1::CancelFeesRequest { stay: stay(63), feedetl_sn: vec![BY_MISTAKE.to_owned()] };
        proved!(self.auditor, client.cancel_fees(withdrawn).await.map_err(failed)?);
        let left = v1::DischargeRequest { stay: stay(64), dscginfo: bill.dscginfo, diseinfo: Vec::new() };
        proved!(self.auditor, client.discharge(left).await.map_err(failed)?);
        self.books.add_calls(5);

        let subject = stay(65).map(v1::pre_settle_request::Subject::Stay);
        let quote = v1::PreSettleRequest {
            subject,
            data: bill.data.clone(),
            national: bill.national.clone(),
            hold_until: in_an_hour(),
            mulaidinfo: bill.mulaidinfo.clone(),
            evtinfo: bill.evtinfo.clone(),
        };
        let v1::PreSettleResponse { settlement: quote, hold_id, .. } =
            proved!(self.auditor, client.pre_settle(quote).await.map_err(failed)?);
        self.books.add_nothing_booked();
        self.books.expect_next(settlement(quote)?);
        let begun = Instant::now();
        let settle = v1::SettleRequest {
            stay: stay(66),
            data: bill.data,
            national: bill.national,
            mulaidinfo: bill.mulaidinfo,
            evtinfo: bill.evtinfo,
            hold_id: hold_id.clone(),
        };
        let answer = client.settle(settle).await.map_err(failed)?;
        let elapsed = begun.elapsed();
        let answer = answer.into_inner();
        let settled = settlement(answer.settlement)?;
        self.auditor.check(&settled, answer.receipt)?;
        self.books.add(&settled)?;
        self.row(discharge.name(self.lang), &settled, elapsed)?;
        let lines = settled.lines.len();
        self.say(
            format!("住院 {mdtrt_id}：入院、两次上传（{split} 条，各有四项拆分）、撤销 1 条、出院、预结算并保留（{hold_id}）、按预结算结算 {lines} 条：{}", settled.setl_id),
            format!(
                "stay {mdtrt_id}: admitted, two uploads ({split} lines, each split four ways), one line withdrawn, discharged, pre-settled and held ({hold_id}), {lines} lines settled as quoted: {}",
                settled.setl_id
            ),
        );
        Ok(settled)
    }
}
