//! The service: each rpc opens its span, hands the message to the desk, and turns a refusal into a status.
//!
//! Spans carry the call, `fixmedins_code` and `msgid`, never anything of the person.

mod batches;
mod statement;

use std::sync::Arc;
use std::time::Duration;

use tokio_stream::Empty;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use crate::deadline::Deadline;
use crate::desk::Desk;
use crate::errors::Refusal;
use crate::v1;
use crate::v1::bedside_service_server::BedsideService;

/// How long a call may take at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    /// Calls that book.
    pub(crate) settle: Duration,
    /// Calls that only read.
    pub(crate) check: Duration,
    /// Calls that read a period.
    pub(crate) period: Duration,
}

/// The door of one tenant.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) desk: Desk,
    pub(crate) caps: Caps,
}

/// Waits for a call that books nothing; past the deadline nothing is lost by leaving.
async fn within<T>(
    deadline: Deadline,
    call: impl Future<Output = Result<T, Refusal>>,
) -> Result<Response<T>, Status> {
    let answered = tokio::time::timeout_at(deadline.instant(), call).await;
    answered.unwrap_or(Err(Refusal::DeadlineBeforeCommit)).map(Response::new).map_err(Status::from)
}

/// Runs a call in its span and writes one line on how it ended.
async fn traced<T>(
    span: tracing::Span,
    call: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let traced = async {
        let answered = call.await;
        let outcome = answered.as_ref().err().map_or("OK", |refusal| refusal.reason().code());
        tracing::info!(outcome, "answered");
        answered
    };
    traced.instrument(span).await
}

fn span(call: &'static str, header: Option<&v1::Header>) -> tracing::Span {
    header
        .map_or_else(|| span_of(call, "", ""), |header| span_of(call, &header.fixmedins_code, &header.msgid))
}

fn span_of_stay(call: &'static str, stay: Option<&v1::StayReference>) -> tracing::Span {
    span(call, stay.and_then(|stay| stay.header.as_ref()))
}

fn span_of(call: &'static str, fixmedins_code: &str, msgid: &str) -> tracing::Span {
    // The texts are the sender's and not checked yet, so they are shortened and escaped.
    let fixmedins_code = crate::invalid::escaped(fixmedins_code);
    let msgid = crate::invalid::escaped(msgid);
    tracing::info_span!("call", rpc = call, fixmedins_code, msgid)
}

fn not_implemented<T>(call: &'static str) -> Result<T, Status> {
    Err(Refusal::NotImplemented(call).into())
}

#[tonic::async_trait]
impl BedsideService for Service {
    async fn settle_bill(
        &self,
        request: Request<v1::SettleBillRequest>,
    ) -> Result<Response<v1::SettleBillResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let span = span("SettleBill", request.header.as_ref());
        Ok(Response::new(traced(span, self.desk.settle_bill(request, deadline)).await?))
    }

    async fn pre_settle(
        &self,
        request: Request<v1::PreSettleRequest>,
    ) -> Result<Response<v1::PreSettleResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let header = match &request.subject {
            Some(v1::pre_settle_request::Subject::Bill(bill)) => bill.header.as_ref(),
            Some(v1::pre_settle_request::Subject::Stay(stay)) => stay.header.as_ref(),
            None => None,
        };
        let span = span("PreSettle", header);
        // One that binds is booked: past the deadline its outcome is not known, which the desk tells.
        if !request.hold_until.is_empty() {
            return Ok(Response::new(traced(span, self.desk.hold(request, deadline)).await?));
        }
        if let Some(v1::pre_settle_request::Subject::Stay(stay)) = &request.subject {
            let call = self.desk.pre_settle_stay(stay.clone(), request);
            return within(deadline, traced(span, call)).await;
        }
        within(deadline, traced(span, self.desk.pre_settle(request))).await
    }

    async fn cancel_settlement(
        &self,
        request: Request<v1::CancelSettlementRequest>,
    ) -> Result<Response<v1::CancelSettlementResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let span = span("CancelSettlement", request.header.as_ref());
        Ok(Response::new(traced(span, self.desk.cancel(request, deadline)).await?))
    }

    async fn reverse(
        &self,
        request: Request<v1::ReverseRequest>,
    ) -> Result<Response<v1::ReverseResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let span = span("Reverse", request.header.as_ref());
        let answer = traced(span, self.desk.reverse(request, deadline)).await?;
        Ok(Response::new(answer))
    }

    async fn correct_settlement(
        &self,
        request: Request<v1::CorrectSettlementRequest>,
    ) -> Result<Response<v1::CorrectSettlementResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let span = span("CorrectSettlement", request.header.as_ref());
        let answer = traced(span, self.desk.correct(request, deadline)).await?;
        Ok(Response::new(answer))
    }

    async fn query_by_msgid(
        &self,
        request: Request<v1::QueryByMsgidRequest>,
    ) -> Result<Response<v1::QueryByMsgidResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.check);
        let request = request.into_inner();
        let span = span_of("QueryByMsgid", &request.fixmedins_code, &request.msgid);
        let call = traced(span, self.desk.query(request));
        within(deadline, call).await
    }

    async fn get_settlement(
        &self,
        request: Request<v1::GetSettlementRequest>,
    ) -> Result<Response<v1::GetSettlementResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.check);
        let request = request.into_inner();
        let span = span_of("GetSettlement", &request.fixmedins_code, "");
        let call = traced(span, self.desk.get_settlement(request));
        within(deadline, call).await
    }

    async fn list_fees(
        &self,
        request: Request<v1::ListFeesRequest>,
    ) -> Result<Response<v1::ListFeesResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.check);
        let request = request.into_inner();
        let span = span_of("ListFees", &request.fixmedins_code, "");
        let call = traced(span, self.desk.list_fees(request));
        within(deadline, call).await
    }

    async fn get_accumulators(
        &self,
        request: Request<v1::GetAccumulatorsRequest>,
    ) -> Result<Response<v1::GetAccumulatorsResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.check);
        let request = request.into_inner();
        let span = span_of("GetAccumulators", &request.fixmedins_code, "");
        let call = traced(span, self.desk.accumulators(request));
        within(deadline, call).await
    }

    async fn get_person(
        &self,
        request: Request<v1::GetPersonRequest>,
    ) -> Result<Response<v1::GetPersonResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.check);
        let request = request.into_inner();
        let span = span("GetPerson", request.header.as_ref());
        let call = traced(span, self.desk.get_person(request));
        within(deadline, call).await
    }

    async fn admit(&self, request: Request<v1::AdmitRequest>) -> Result<Response<v1::AdmitResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let span = span("Admit", request.header.as_ref());
        Ok(Response::new(traced(span, self.desk.admit(request, deadline)).await?))
    }

    async fn update_admission(
        &self,
        request: Request<v1::UpdateAdmissionRequest>,
    ) -> Result<Response<v1::UpdateAdmissionResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let span = span_of_stay("UpdateAdmission", request.stay.as_ref());
        Ok(Response::new(traced(span, self.desk.update_admission(request, deadline)).await?))
    }

    async fn cancel_admission(
        &self,
        request: Request<v1::CancelAdmissionRequest>,
    ) -> Result<Response<v1::CancelAdmissionResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let span = span_of_stay("CancelAdmission", request.stay.as_ref());
        Ok(Response::new(traced(span, self.desk.cancel_admission(request, deadline)).await?))
    }

    async fn upload_fees(
        &self,
        request: Request<v1::UploadFeesRequest>,
    ) -> Result<Response<v1::UploadFeesResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let span = span_of_stay("UploadFees", request.stay.as_ref());
        Ok(Response::new(traced(span, self.desk.upload_fees(request, deadline)).await?))
    }

    async fn cancel_fees(
        &self,
        request: Request<v1::CancelFeesRequest>,
    ) -> Result<Response<v1::CancelFeesResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let span = span_of_stay("CancelFees", request.stay.as_ref());
        Ok(Response::new(traced(span, self.desk.cancel_fees(request, deadline)).await?))
    }

    async fn discharge(
        &self,
        request: Request<v1::DischargeRequest>,
    ) -> Result<Response<v1::DischargeResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let span = span_of_stay("Discharge", request.stay.as_ref());
        Ok(Response::new(traced(span, self.desk.discharge(request, deadline)).await?))
    }

    async fn cancel_discharge(
        &self,
        request: Request<v1::CancelDischargeRequest>,
    ) -> Result<Response<v1::CancelDischargeResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let span = span_of_stay("CancelDischarge", request.stay.as_ref());
        Ok(Response::new(traced(span, self.desk.cancel_discharge(request, deadline)).await?))
    }

    async fn stream_fees(
        &self,
        request: Request<Streaming<v1::StreamFeesRequest>>,
    ) -> Result<Response<v1::StreamFeesResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let gathered =
            tokio::time::timeout_at(deadline.instant(), batches::gather(request.into_inner())).await;
        let request = gathered.unwrap_or(Err(Refusal::DeadlineBeforeCommit.into()))?;
        let span = span_of_stay("StreamFees", request.stay.as_ref());
        Ok(Response::new(traced(span, self.desk.stream_fees(request, deadline)).await?))
    }

    async fn settle(
        &self,
        request: Request<v1::SettleRequest>,
    ) -> Result<Response<v1::SettleResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.settle);
        let request = request.into_inner();
        let span = span_of_stay("Settle", request.stay.as_ref());
        Ok(Response::new(traced(span, self.desk.settle_stay(request, deadline)).await?))
    }

    async fn reconcile_totals(
        &self,
        request: Request<v1::ReconcileTotalsRequest>,
    ) -> Result<Response<v1::ReconcileTotalsResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.period);
        let request = request.into_inner();
        let span = span("ReconcileTotals", request.header.as_ref());
        Ok(Response::new(traced(span, self.desk.reconcile_totals(request, deadline)).await?))
    }

    type ReconcileDetailsStream = statement::Sent;

    async fn reconcile_details(
        &self,
        request: Request<Streaming<v1::ReconcileDetailsRequest>>,
    ) -> Result<Response<Self::ReconcileDetailsStream>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.period);
        let place = Arc::clone(&self.desk.statements).acquire_owned();
        let place = tokio::time::timeout_at(deadline.instant(), place).await;
        // Nobody closes the semaphore.
        let place = place.map_err(|_| Refusal::PeriodsBusy)?.map_err(|_| Refusal::Fault)?;
        let gathering = statement::gather(request.into_inner(), self.desk.statement_rows_max);
        let gathered = tokio::time::timeout_at(deadline.instant(), gathering).await;
        let request = gathered.unwrap_or(Err(Refusal::PeriodUnread.into()))?;
        let span = span("ReconcileDetails", request.header.as_ref());
        let answers = traced(span, self.desk.reconcile_details(request, deadline)).await?;
        Ok(Response::new(statement::send(answers, place, deadline)))
    }

    async fn clearing(
        &self,
        request: Request<v1::ClearingRequest>,
    ) -> Result<Response<v1::ClearingResponse>, Status> {
        let deadline = Deadline::of(request.metadata(), self.caps.period);
        let request = request.into_inner();
        let span = span_of("Clearing", &request.fixmedins_code, "");
        Ok(Response::new(traced(span, self.desk.clearing(request, deadline)).await?))
    }

    type WatchClaimStream = Empty<Result<v1::WatchClaimResponse, Status>>;

    async fn watch_claim(
        &self,
        _: Request<v1::WatchClaimRequest>,
    ) -> Result<Response<Self::WatchClaimStream>, Status> {
        not_implemented("WatchClaim")
    }
}
