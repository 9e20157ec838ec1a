//! The rows of a stream become one statement, and its answers a stream.
//!
//! All rows are taken in before the first is answered, so that a caller may send everything before it reads anything.

use prost::Message;
use tonic::{Status, Streaming};

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

/// The answers as they are sent.
pub(crate) struct Statuses(pub(crate) Answers);

impl Iterator for Statuses {
    type Item = Result<v1::ReconcileDetailsResponse, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map_err(Status::from))
    }
}
