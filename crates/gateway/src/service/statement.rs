//! The rows of a stream become one statement, and its answers a stream.
//!
//! All rows are taken in before the first is answered, so that a caller may send everything before it reads anything.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Status, Streaming};

use crate::deadline::Deadline;
use crate::desk::Answers;
use crate::errors::Refusal;
use crate::invalid::{Invalid, InvalidCode, Phrase, ShownValue};
use crate::v1;

/// Bytes of all rows of a stream together; a row in order has some 200.
const BYTES_MAX: usize = 64 << 20;

/// Reads a stream to its end. A row keeps its place over the whole stream.
///
/// # Errors
/// The stream broke off; messages of different hospitals or periods; more rows than one call compares.
pub(super) async fn gather(
    mut messages: Streaming<v1::ReconcileDetailsRequest>,
    rows_max: usize,
) -> Result<v1::ReconcileDetailsRequest, Status> {
    let mut statement = v1::ReconcileDetailsRequest::default();
    let (mut is_first, mut bytes) = (true, 0);
    while let Some(message) = messages.message().await? {
        bytes += message.encoded_len();
        let v1::ReconcileDetailsRequest { header, stmt_begndate, stmt_enddate, rows } = message;
        if is_first {
            (statement.header, statement.stmt_begndate) = (header, stmt_begndate);
            statement.stmt_enddate = stmt_enddate;
        } else {
            let differs = [
                ("header", header.is_some() && header != statement.header),
                ("stmt_begndate", !stmt_begndate.is_empty() && stmt_begndate != statement.stmt_begndate),
                ("stmt_enddate", !stmt_enddate.is_empty() && stmt_enddate != statement.stmt_enddate),
            ];
            if let Some((field, _)) = differs.into_iter().find(|(_, differs)| *differs) {
                let allowed =
                    Phrase::fixed("空，或与首个报文相同", "empty, or the same as in the first message");
                return Err(invalid(field, ShownValue::Absent, InvalidCode::Differs, allowed));
            }
        }
        is_first = false;
        statement.rows.extend(rows);
        if statement.rows.len() > rows_max || bytes > BYTES_MAX {
            let allowed = Phrase::made(
                format!("一次至多 {rows_max} 行、{BYTES_MAX} 字节"),
                format!("up to {rows_max} rows and {BYTES_MAX} bytes in one stream"),
            );
            let rows = ShownValue::Rows(statement.rows.len());
            return Err(invalid("rows", rows, InvalidCode::TooManyRows, allowed));
        }
    }
    Ok(statement)
}

fn invalid(field: &str, value: ShownValue, code: InvalidCode, allowed: Phrase) -> Status {
    Refusal::Invalid(Invalid { code, field: field.to_owned(), line: None, value, allowed }.into()).into()
}

/// Answers sent ahead of what the caller has read.
const AHEAD: usize = 64;

/// The answers as they are sent.
pub(crate) type Sent = Pin<Box<dyn Stream<Item = Result<v1::ReconcileDetailsResponse, Status>> + Send>>;

/// Sends the answers until the deadline, and then gives the statement's place back: a caller that reads no further must not
/// keep its rows in memory. What was not sent by then ends the stream with a refusal, so that nobody takes it for the whole.
pub(super) fn send(answers: Answers, place: OwnedSemaphorePermit, deadline: Deadline) -> Sent {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let is_cut = Arc::new(AtomicBool::new(false));
    let cut = Arc::clone(&is_cut);
    tokio::spawn(async move {
        let _place = place;
        for answer in answers {
            let sent = sender.send(answer.map_err(Status::from));
            match tokio::time::timeout_at(deadline.instant(), sent).await {
                Ok(Ok(())) => {}
                // Whoever asked has left.
                Ok(Err(_)) => return,
                Err(_) => return cut.store(true, Ordering::Release),
            }
        }
    });
    let refused = std::iter::from_fn(move || {
        is_cut.swap(false, Ordering::Acquire).then(|| Err(Refusal::PeriodUnread.into()))
    });
    Box::pin(ReceiverStream::new(receiver).chain(tokio_stream::iter(refused)))
}
