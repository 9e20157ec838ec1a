//! The batches of a stream become one upload: all of them are taken in, or none.

use bedside_ledger::{SETTLEMENT_LINES_MAX, StayRefusal};
use tonic::{Status, Streaming};

use crate::errors::Refusal;
use crate::invalid::{Invalid, InvalidCode, Phrase, ShownValue};
use crate::v1;

/// Bytes of all batches of a stream together: with the numbers of so many lines they fit one record.
const BYTES_MAX: usize = 60 << 20;

/// Reads a stream to its end.
///
/// # Errors
/// The stream broke off; batches of different stays; more lines or bytes than one record holds.
pub(super) async fn gather(
    mut batches: Streaming<v1::StreamFeesRequest>,
) -> Result<v1::UploadFeesRequest, Status> {
    let mut upload = v1::UploadFeesRequest::default();
    let (mut is_first, mut bytes) = (true, 0);
    while let Some(batch) = batches.message().await? {
        bytes += prost::Message::encoded_len(&batch);
        let v1::StreamFeesRequest { stay, feedetail } = batch;
        if is_first {
            upload.stay = stay;
        } else if stay.is_some() && stay != upload.stay {
            let allowed = Phrase::fixed("空，或与首个批次相同", "empty, or the same as in the first batch");
            return Err(invalid("stay", InvalidCode::Differs, allowed));
        }
        is_first = false;
        upload.feedetail.extend(feedetail);
        // As the ledger would refuse it, without the rest in memory.
        let lines = u32::try_from(upload.feedetail.len()).unwrap_or(u32::MAX);
        if lines > SETTLEMENT_LINES_MAX {
            return Err(Refusal::Stay(StayRefusal::TooManyUnsettled { lines }).into());
        }
        if bytes > BYTES_MAX {
            let allowed = Phrase::made(
                format!("一次至多 {BYTES_MAX} 字节"),
                format!("up to {BYTES_MAX} bytes in one stream"),
            );
            return Err(invalid("feedetail", InvalidCode::TooManyRows, allowed));
        }
    }
    Ok(upload)
}

fn invalid(field: &str, code: InvalidCode, allowed: Phrase) -> Status {
    let value = ShownValue::of(field, "");
    Refusal::Invalid(Invalid { code, field: field.to_owned(), line: None, value, allowed }.into()).into()
}
