//! One page of a settlement's lines (5204), and the token that names where it begins.
//!
//! The token names the settlement and its version too: pages of one listing are of one settlement as it was, also when the
//! visit is settled anew, or the settlement corrected, in between. It opens nothing: whose the settlement is, is checked for every page.

use super::FIXMEDINS_CODE;
use super::fields::{ID, Place, Reader};
use crate::invalid::{InvalidCode, InvalidMessage, Phrase};
use crate::v1;

/// Lines of a page that asks for no number.
const LINES_DEFAULT: usize = 500;
/// Lines of the largest page.
const LINES_MAX: usize = 1_000;

/// Which lines are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeePage {
    /// Where the page begins.
    pub start: PageStart,
    /// How many lines it may have.
    pub lines_max: usize,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageStart {
    /// At the first line of this settlement.
    Settlement(String),
    /// At the first line of the settlement that stands for the visit.
    Visit,
    /// Behind the pages before: at this line of this settlement.
    Token {
        /// `setl_id`.
        setl_id: String,
        /// The version that the pages before are of.
        version: u32,
        /// Index of the line.
        line: usize,
    },
}

impl FeePage {
    /// The token of the page that begins at a line of a version of a settlement. That of the first version is as it was
    /// when there was no other.
    pub fn token(setl_id: &str, version: u32, line: usize) -> String {
        if version == 1 { format!("{setl_id}.{line}") } else { format!("{setl_id}.{version}.{line}") }
    }
}

/// The checked request.
///
/// # Errors
/// [`InvalidMessage`] with every fault found: `fixmedins_code` or `psn_no` missing, neither `setl_id` nor `mdtrt_id`, a field
/// badly formed, a `page_size` that is negative or above 1,000, a `page_token` that is none or of another `setl_id`.
pub fn list_fees(request: &v1::ListFeesRequest) -> Result<FeePage, InvalidMessage> {
    let mut reader = Reader::default();
    let fixmedins_code = reader.text(Place::Top, "fixmedins_code", &request.fixmedins_code, FIXMEDINS_CODE);
    let psn_no = reader.text(Place::Top, "psn_no", &request.psn_no, ID);
    reader.optional_text(Place::Top, "mdtrt_id", &request.mdtrt_id, ID);
    reader.optional_text(Place::Top, "setl_id", &request.setl_id, ID);
    if request.setl_id.is_empty() && request.mdtrt_id.is_empty() {
        let allowed = Phrase::fixed("setl_id 或 mdtrt_id", "setl_id or mdtrt_id");
        reader.missing(Place::Top, "setl_id", allowed);
    }
    let lines_max = match usize::try_from(request.page_size) {
        Ok(0) => Some(LINES_DEFAULT),
        Ok(lines) if lines <= LINES_MAX => Some(lines),
        _ => {
            let allowed = Phrase::made(format!("0 至 {LINES_MAX} 的整数"), format!("0 to {LINES_MAX}"));
            let sent = request.page_size.to_string();
            reader.fault(Place::Top, "page_size", InvalidCode::NotSupported, &sent, allowed);
            None
        }
    };
    let start = start(&mut reader, request);
    let page = match (fixmedins_code, psn_no, start, lines_max) {
        (Some(_), Some(_), Some(start), Some(lines_max)) => Some(FeePage { start, lines_max }),
        _ => None,
    };
    reader.faults.finish(page)
}

fn start(reader: &mut Reader, request: &v1::ListFeesRequest) -> Option<PageStart> {
    if request.page_token.is_empty() {
        return Some(match request.setl_id.as_str() {
            "" => PageStart::Visit,
            setl_id => PageStart::Settlement(setl_id.to_owned()),
        });
    }
    match token(&request.page_token) {
        Some(PageStart::Token { setl_id, version, line })
            if request.setl_id.is_empty() || request.setl_id == setl_id =>
        {
            Some(PageStart::Token { setl_id, version, line })
        }
        _ => {
            reader.faults.push(wrong_token(&request.page_token));
            None
        }
    }
}

fn token(text: &str) -> Option<PageStart> {
    let (setl_id, behind) = text.split_once('.')?;
    let (version, line) = match behind.split_once('.') {
        None => (1, behind),
        Some((version, line)) => (version.parse().ok()?, line),
    };
    let line: usize = line.parse().ok()?;
    // As it was given out, and not one of its many other spellings.
    let is_own = FeePage::token(setl_id, version, line) == text && line > 0 && version > 0;
    is_own.then(|| PageStart::Token { setl_id: setl_id.to_owned(), version, line })
}

/// A token that the listing did not give out.
pub(crate) fn wrong_token(page_token: &str) -> crate::invalid::Invalid {
    crate::invalid::Invalid {
        code: InvalidCode::WrongToken,
        field: "page_token".to_owned(),
        line: None,
        value: crate::invalid::ShownValue::of("page_token", page_token),
        allowed: Phrase::fixed(
            "同一查询上一页的 next_page_token",
            "next_page_token of the page before, of the same listing",
        ),
    }
}
