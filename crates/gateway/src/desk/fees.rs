//! 费用明细查询 (5204): the lines of a settlement as they were booked, page by page.

use bedside_ledger::{BookedSettlement, MessageKey};
use prost::Message;

use super::{Desk, WRAPPING_BYTES_MAX, blocking, decode};
use crate::errors::Refusal;
use crate::request::{self, FeePage, PageStart};
use crate::v1;

/// What a listing needs of a settlement: its lines stay bytes, since a page shows few of them. The tags are those of
/// [`v1::Settlement`].
#[derive(Clone, PartialEq, Message)]
struct Listed {
    #[prost(string, tag = "1")]
    setl_id: String,
    #[prost(bytes = "vec", repeated, tag = "10")]
    lines: Vec<Vec<u8>>,
}

impl Desk {
    /// A page of the lines of a settlement of the person and hospital that ask; those of somebody else are not found.
    pub(crate) async fn list_fees(
        &self,
        request: v1::ListFeesRequest,
    ) -> Result<v1::ListFeesResponse, Refusal> {
        let page = request::list_fees(&request).map_err(Refusal::Invalid)?;
        let desk = self.clone();
        blocking(move || {
            let wrong_token = || Refusal::Invalid(request::wrong_token(&request.page_token).into());
            let (booked, from) = match &page.start {
                PageStart::Visit => (desk.standing(&request)?, 0),
                PageStart::Settlement(setl_id) => (desk.booked(setl_id)?, 0),
                PageStart::Token { setl_id, version, line } => {
                    let booked = desk.version(setl_id, *version)?.filter(|booked| is_own(booked, &request));
                    (Some(booked.ok_or_else(wrong_token)?), *line)
                }
            };
            let booked = booked.filter(|booked| is_own(booked, &request)).ok_or(Refusal::NotFound)?;
            let listed: Listed = decode(&booked.answer)?;
            // An empty page is the first one of a settlement without lines, never one that a token names.
            if from > 0 && from >= listed.lines.len() {
                return Err(wrong_token());
            }
            page_of((listed, booked.version), from, page.lines_max, desk.answer_bytes_max)
        })
        .await?
    }

    fn standing(&self, request: &v1::ListFeesRequest) -> Result<Option<BookedSettlement>, Refusal> {
        let hospital = MessageKey {
            tenant: self.tenant.clone(),
            fixmedins_code: request.fixmedins_code.as_str().into(),
            msgid: "".into(),
        };
        self.ledger.standing(&hospital, &request.mdtrt_id).map_err(|error| self.read_refusal(&error))
    }
}

fn is_own(booked: &BookedSettlement, request: &v1::ListFeesRequest) -> bool {
    *booked.message.fixmedins_code == *request.fixmedins_code
        && *booked.person.psn_no == *request.psn_no
        && (request.mdtrt_id.is_empty() || *booked.mdtrt_id == *request.mdtrt_id)
}

/// At least one line where there is one, else a listing would not end; a single line always fits, since it came with a
/// whole settlement.
fn page_of(
    (listed, version): (Listed, u32),
    from: usize,
    lines_max: usize,
    answer_bytes_max: usize,
) -> Result<v1::ListFeesResponse, Refusal> {
    let Listed { setl_id, lines: all } = listed;
    let count = all.len();
    let mut bytes = WRAPPING_BYTES_MAX;
    let mut lines = Vec::new();
    for line in all.iter().skip(from).take(lines_max) {
        // Its key and length before it.
        bytes += line.len() + 1 + prost::length_delimiter_len(line.len());
        if bytes > answer_bytes_max && !lines.is_empty() {
            break;
        }
        lines.push(decode(line)?);
    }
    let next = from + lines.len();
    let next_page_token = if next < count { FeePage::token(&setl_id, version, next) } else { String::new() };
    Ok(v1::ListFeesResponse { lines, next_page_token, setl_id })
}
