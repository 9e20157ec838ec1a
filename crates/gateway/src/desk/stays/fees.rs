//! Lines that come in (2301), with the four-way split that settlement will have.

use std::collections::BTreeSet;
use std::sync::Arc;

use bedside_adjudication::split_lines;
use bedside_claim::bill::LINES_MAX;
use bedside_claim::{Claim, LineSplit, Money};
use bedside_ledger::{AssignedStay, StayKind, StayLine, StayLines, StayRefusal};
use bedside_policy::Unresolved;

use super::{Asked, Checked, Desk, Draft, Outcome, Said, StayAnswer, TRIES};
use crate::answer;
use crate::canonical::{self, Difference};
use crate::deadline::Deadline;
use crate::desk::blocking;
use crate::errors::Refusal;
use crate::invalid::Phrase;
use crate::request::{self, OPEN_END, Withdrawn};
use crate::v1;

/// Sentences of an answer; what lies beyond is counted.
const WARNINGS_MAX: usize = 50;

/// The lines that a withdrawal names.
pub(super) fn named(withdrawn: Withdrawn) -> StayLines {
    match withdrawn {
        Withdrawn::All => StayLines::AllUnsettled,
        Withdrawn::These(numbers) => {
            let line = |feedetl_sn| StayLine { feedetl_sn, refunds: None };
            StayLines::These(numbers.into_iter().map(line).collect())
        }
    }
}

impl Desk {
    /// One batch.
    pub(crate) async fn upload_fees(
        &self,
        request: v1::UploadFeesRequest,
        deadline: Deadline,
    ) -> Result<v1::UploadFeesResponse, Refusal> {
        let say = |result, warnings| v1::UploadFeesResponse { result, warnings, ..Default::default() };
        let answer = self.fees_in(request, say, deadline).await?;
        // The same lines came as a stream before, whose answer says nothing of each.
        if answer.result.is_empty() { Err(Refusal::Conflict(Difference::default())) } else { Ok(answer) }
    }

    /// Batches of a stream, taken in together or not at all.
    pub(crate) async fn stream_fees(
        &self,
        request: v1::UploadFeesRequest,
        deadline: Deadline,
    ) -> Result<v1::StreamFeesResponse, Refusal> {
        let say = |result: Vec<v1::LineSettlement>, warnings| {
            let lines = result.len().to_string();
            v1::StreamFeesResponse { lines, warnings, ..Default::default() }
        };
        let answer = self.fees_in(request, say, deadline).await?;
        // The same lines came in one batch before.
        if answer.lines.is_empty() { Err(Refusal::Conflict(Difference::default())) } else { Ok(answer) }
    }

    /// Takes lines in; `say` makes the answer of what became of each, and of the warnings.
    async fn fees_in<A: StayAnswer>(
        &self,
        request: v1::UploadFeesRequest,
        say: fn(Vec<v1::LineSettlement>, Vec<v1::Text>) -> A,
        deadline: Deadline,
    ) -> Result<A, Refusal> {
        let request = Arc::new(request);
        let asked = {
            let request = Arc::clone(&request);
            blocking(move || -> Result<Asked, Refusal> {
                let call =
                    request::upload(request.stay.as_ref(), &request.feedetail).map_err(Refusal::Invalid)?;
                let lines = request.feedetail.iter().map(known_line).collect();
                let sent = canonical::stay_bytes(v1::UploadFeesRequest::clone(&request));
                Ok(Asked { lines: StayLines::These(lines), ..Asked::of(StayKind::FeesIn, call, sent) })
            })
            .await??
        };
        for _ in 0..TRIES {
            let (desk, call, request) = (self.clone(), asked.call.clone(), Arc::clone(&request));
            let Checked { version, answer } = blocking(move || -> Result<Checked, Refusal> {
                // Only what refunds an earlier line depends on what else comes and goes; dates are checked again at discharge.
                let charges = earlier_charges(&request.feedetail);
                let Some(stay) = desk.stay_around(&call, &charges)? else {
                    return Ok(Checked { version: Some(0), answer: Ok(Said::default()) });
                };
                let answer =
                    Draft::of(&stay).and_then(|draft| desk.taken_in(&draft, &request.feedetail, say));
                Ok(Checked { version: (!charges.is_empty()).then_some(stay.version), answer })
            })
            .await??;
            let decide = move |_: &AssignedStay| answer.clone();
            if let Outcome::Done(answer) = self.commit(asked.clone(), version, deadline, decide).await? {
                return Ok(answer);
            }
        }
        Err(Refusal::Busy)
    }

    /// The answer to lines that come in, once they fit the stay.
    fn taken_in<A: StayAnswer>(
        &self,
        draft: &Draft,
        rows: &[v1::FeeDetail],
        say: fn(Vec<v1::LineSettlement>, Vec<v1::Text>) -> A,
    ) -> Result<Said, Refusal> {
        let mut lines = rows.to_vec();
        lines.extend(refunded_with(draft, rows));
        if lines.len() > LINES_MAX {
            let lines = u32::try_from(lines.len()).unwrap_or(u32::MAX);
            return Err(Refusal::Stay(StayRefusal::TooManyLines { lines }));
        }
        let draft = draft.with_lines(lines);
        let mut claim = request::so_far(&draft.so_far(OPEN_END)).map_err(Refusal::Invalid)?;
        let last = claim.bill.lines()[..rows.len()].iter().map(|line| line.fee_ocur_time.date()).max();
        // Nobody knows the day of settlement yet.
        claim.visit.setl_date = last.unwrap_or(claim.visit.begntime.date());
        let mut warnings = Vec::new();
        let splits = match self.library.without_layers(&claim) {
            Ok(programme) => Some(split_lines(&claim, &programme).map_err(|fault| {
                tracing::error!(%fault, "lines of a stay were not split");
                Refusal::Fault
            })?),
            Err(unresolved) => {
                warnings.push(not_split(&unresolved));
                None
            }
        };
        let result: Vec<v1::LineSettlement> = (0..rows.len())
            .map(|place| {
                let split = splits.as_ref().map(|splits| &splits[place]);
                answer::uploaded_line(&claim.bill.lines()[place], split)
            })
            .collect();
        warnings.extend(warnings_of(&claim, splits.as_deref().unwrap_or_default(), rows.len()));
        let sum = Money::sum(claim.bill.lines()[..rows.len()].iter().map(|line| line.det_item_fee_sumamt));
        // The lines were read as a part of a bill, which has a sum.
        let sum = sum.map_err(|error| {
            tracing::error!(%error, "lines of a stay were not summed");
            Refusal::Fault
        })?;
        let bytes = say(result, warnings).encode_to_vec();
        Ok(Said { bytes, det_item_fee_sumamt: sum.to_string() })
    }
}

fn known_line(row: &v1::FeeDetail) -> StayLine {
    let refunds = Some(row.init_feedetl_sn.as_str()).filter(|charge| !charge.is_empty()).map(Arc::from);
    StayLine { feedetl_sn: Arc::from(row.feedetl_sn.as_str()), refunds }
}

/// The lines that are refunded and do not come with their refunds.
fn earlier_charges(rows: &[v1::FeeDetail]) -> BTreeSet<Arc<str>> {
    let coming: BTreeSet<&str> = rows.iter().map(|row| row.feedetl_sn.as_str()).collect();
    let charges = rows.iter().map(|row| row.init_feedetl_sn.as_str());
    charges.filter(|charge| !charge.is_empty() && !coming.contains(charge)).map(Arc::from).collect()
}

/// The lines of the stay that the new ones refund, with what refunds them already.
fn refunded_with<'a>(
    draft: &'a Draft,
    rows: &'a [v1::FeeDetail],
) -> impl Iterator<Item = v1::FeeDetail> + 'a {
    let charges: BTreeSet<&str> = rows.iter().map(|row| row.init_feedetl_sn.as_str()).collect();
    let coming: BTreeSet<&str> = rows.iter().map(|row| row.feedetl_sn.as_str()).collect();
    let concerns = move |row: &&v1::FeeDetail| {
        let is_charge = charges.contains(row.feedetl_sn.as_str());
        let is_refund = !row.init_feedetl_sn.is_empty() && charges.contains(row.init_feedetl_sn.as_str());
        // A number that stands already is the ledger's to refuse.
        (is_charge || is_refund) && !coming.contains(row.feedetl_sn.as_str())
    };
    draft.lines().iter().filter(concerns).cloned()
}

fn not_split(unresolved: &Unresolved) -> v1::Text {
    v1::Text {
        zh: "该日没有可用的目录，明细已接收，拆分待结算时确定".to_owned(),
        en: format!("the lines are taken in, their split is made at settlement: {unresolved}"),
    }
}

/// What a cashier should know of lines before settlement does it.
fn warnings_of(claim: &Claim, splits: &[LineSplit], rows: usize) -> Vec<v1::Text> {
    let told = splits.iter().take(rows).zip(claim.bill.lines());
    let mut warnings: Vec<v1::Text> = told
        .filter_map(|(split, line)| {
            let reason = split.reason?;
            let sn = crate::invalid::escaped(&line.feedetl_sn);
            Some(v1::Text {
                zh: format!("明细 `{sn}`：{}", reason.text(bedside_claim::Lang::Zh)),
                en: format!("line `{sn}`: {}", reason.text(bedside_claim::Lang::En)),
            })
        })
        .collect();
    let beyond = warnings.len().saturating_sub(WARNINGS_MAX);
    if beyond > 0 {
        warnings.truncate(WARNINGS_MAX);
        let Phrase { zh, en } = Phrase::made(format!("另有 {beyond} 条提示"), format!("and {beyond} more"));
        warnings.push(v1::Text { zh: zh.into_owned(), en: en.into_owned() });
    }
    warnings
}
