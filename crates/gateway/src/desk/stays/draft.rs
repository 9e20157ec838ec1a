//! A bill put together from the calls of a stay: the same content that would have come with `SettleBill`.
//!
//! Must not know what any of it is worth. Invariant: equal calls make equal bytes, and what was withdrawn, taken back or
//! settled before is not in it.

use bedside_ledger::{StandingStay, StayRefusal, StayState};

use crate::errors::Refusal;
use crate::v1;

use super::super::decode;

/// What stands of a stay, in the fields of the wire.
#[derive(Clone)]
pub(crate) struct Draft {
    admission: v1::AdmitRequest,
    dscginfo: Option<v1::DscgInfo>,
    /// Whether a part of it is settled midway.
    has_settled_parts: bool,
    /// Lines that are not settled, in the order in which they came.
    lines: Vec<v1::FeeDetail>,
}

impl Draft {
    /// What stands of a stay.
    ///
    /// # Errors
    /// The admission was cancelled; or what is stored cannot be read.
    pub(crate) fn of(stay: &StandingStay) -> Result<Draft, Refusal> {
        if stay.state == StayState::Cancelled {
            return Err(Refusal::Stay(StayRefusal::Cancelled));
        }
        let mut draft = Draft {
            admission: decode(&stay.admission)?,
            dscginfo: None,
            has_settled_parts: !stay.settlements.is_empty(),
            lines: Vec::new(),
        };
        for update in &stay.updates {
            draft.update(&decode(update)?);
        }
        if let Some(discharge) = &stay.discharge {
            draft.discharge(&decode(discharge)?);
        }
        for batch in stay.batches.iter().filter(|batch| !batch.is_settled) {
            let upload: v1::UploadFeesRequest = decode(&batch.request)?;
            let standing = upload.feedetail.into_iter();
            draft.lines.extend(standing.filter(|line| !batch.withdrawn.contains(line.feedetl_sn.as_str())));
        }
        Ok(draft)
    }

    /// What a change says takes the place of what was said before.
    pub(crate) fn update(&mut self, update: &v1::UpdateAdmissionRequest) {
        if let Some(info) = &update.mdtrtinfo {
            self.admission.mdtrtinfo = Some(info.clone());
        }
        self.diagnose(&update.diseinfo);
    }

    pub(crate) fn discharge(&mut self, discharge: &v1::DischargeRequest) {
        self.dscginfo = Some(discharge.dscginfo.clone().unwrap_or_default());
        self.diagnose(&discharge.diseinfo);
    }

    fn diagnose(&mut self, diseinfo: &[v1::DiseInfo]) {
        if !diseinfo.is_empty() {
            self.admission.diseinfo = diseinfo.to_vec();
        }
    }

    /// The lines that are not settled.
    pub(crate) fn lines(&self) -> &[v1::FeeDetail] {
        &self.lines
    }

    /// The stay without lines, of which `lines` take the place.
    pub(crate) fn with_lines(&self, lines: Vec<v1::FeeDetail>) -> Draft {
        Draft {
            admission: self.admission.clone(),
            dscginfo: self.dscginfo.clone(),
            has_settled_parts: self.has_settled_parts,
            lines,
        }
    }

    /// Lets a stay that goes on end with a day: `yyyy-MM-dd`.
    pub(crate) fn end_with(&mut self, day: &str) {
        self.dscginfo = Some(v1::DscgInfo { endtime: format!("{day} 23:59:59"), ..v1::DscgInfo::default() });
    }

    pub(crate) fn has_settled_parts(&self) -> bool {
        self.has_settled_parts
    }

    pub(crate) fn is_discharged(&self) -> bool {
        self.dscginfo.is_some()
    }

    /// The last day of a line, else that of admission.
    pub(crate) fn last_day(&self) -> String {
        let admitted = self.admission.mdtrtinfo.as_ref().map_or("", |info| &info.begntime);
        let times = self.lines.iter().map(|line| line.fee_ocur_time.as_str());
        // Times in the one form that is accepted sort as texts.
        let last = times.chain(std::iter::once(admitted)).max().unwrap_or_default();
        last.get(..10).unwrap_or_default().to_owned()
    }

    /// The bill as far as it is known; a stay that goes on ends with `open_end`.
    pub(crate) fn so_far(&self, open_end: &str) -> v1::SettleBillRequest {
        let header = self.admission.header.clone().unwrap_or_default();
        let mut bill = self.bill("M", header, v1::SettleData::default());
        bill.dscginfo
            .get_or_insert_with(|| v1::DscgInfo { endtime: open_end.to_owned(), ..Default::default() });
        bill
    }

    /// The bill of what is not settled, under the message that settles it.
    pub(crate) fn bill(
        &self,
        mdtrt_id: &str,
        call: v1::Header,
        data: v1::SettleData,
    ) -> v1::SettleBillRequest {
        let admission = self.admission.clone();
        let psn_no = admission.baseinfo.as_ref().map(|base| base.psn_no.clone()).unwrap_or_default();
        let mdtrtinfo = admission.mdtrtinfo.map(|info| v1::MdtrtInfo {
            mdtrt_id: mdtrt_id.to_owned(),
            // An update need not say again whose stay it is.
            psn_no: if info.psn_no.is_empty() { psn_no } else { info.psn_no },
            ..info
        });
        let header = admission.header.map(|header| v1::Header { msgid: call.msgid, ..header });
        v1::SettleBillRequest {
            header,
            baseinfo: admission.baseinfo,
            insuinfo: admission.insuinfo,
            idetinfo: admission.idetinfo,
            policyinfo: admission.policyinfo,
            mdtrtinfo,
            diseinfo: admission.diseinfo,
            feedetail: self.lines.clone(),
            dscginfo: self.dscginfo.clone(),
            data: Some(data),
            preexinfo: admission.preexinfo,
            ..v1::SettleBillRequest::default()
        }
    }
}
