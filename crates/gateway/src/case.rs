//! The JSON door: a case file becomes a request, a settlement becomes JSON.
//!
//! Strict, because a misspelt field that is skipped is an amount that is wrong: an unknown or repeated field, a number
//! where a decimal text must be, anything after the document is an error with its path, line and column. Field names
//! are the national ones. Errors show no values, for a case file may hold real people. The answers of the national
//! platform (`national`, `national_fees`) stand there as they arrived and are put into fields.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::invalid::escaped;
use crate::request::verbatim;
use crate::v1;

/// Why a text is not a case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CaseError {
    /// Where in the document, `feedetail[3].cnt`; `.` for the document itself.
    pub path: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: CaseProblem,
}

/// What is wrong at a place of a case file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseProblem {
    /// Not JSON, or cut off; what the JSON reader says.
    Syntax(String),
    /// A field that the message does not have.
    UnknownField(String),
    /// A field twice.
    DuplicateField(String),
    /// A value of another type than the field's; decimals are texts.
    WrongType {
        /// What stands there.
        found: String,
        /// What belongs there.
        expected: String,
    },
}

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CaseError { path, line, column, problem } = self;
        write!(f, "line {line} column {column}, `{path}`: ")?;
        match problem {
            CaseProblem::Syntax(message) => write!(f, "{message}"),
            CaseProblem::UnknownField(field) => write!(f, "unknown field `{field}`"),
            CaseProblem::DuplicateField(field) => write!(f, "field `{field}` stands here twice"),
            CaseProblem::WrongType { found, expected } => write!(f, "expected {expected}, found {found}"),
        }
    }
}

/// Reads one case: the JSON form of `SettleBillRequest`. What its fields say is checked by
/// [`request::settle`](crate::request::settle).
///
/// # Errors
/// [`CaseError`]: not JSON, unknown or repeated field, wrong type (amounts are texts: `"4.52"`, not `4.52`), text after
/// the document.
///
/// # Example
/// ```
/// let error = bedside_gateway::parse_case(r#"{"data": {"medfee_sumamt": 4.52}}"#).unwrap_err();
/// assert_eq!(error.to_string(), "line 1 column 31, `data.medfee_sumamt`: expected a string, found a number");
/// ```
pub fn parse_case(text: &str) -> Result<v1::SettleBillRequest, CaseError> {
    let mut request = read_strictly(text)?;
    verbatim::make_plain(&mut request);
    Ok(request)
}

pub(crate) fn read_strictly<T: DeserializeOwned>(text: &str) -> Result<T, CaseError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let request = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        case_error(path, error.inner())
    })?;
    reader.end().map_err(|error| case_error(".".to_owned(), &error))?;
    Ok(request)
}

/// Reads a case file: one case, or `{"prior": [..], "bills": [..]}` with a history.
///
/// # Errors
/// [`CaseError`], as for [`parse_case`]; a file without a bill is read, and has none.
///
/// # Example
/// ```
/// let error = bedside_gateway::parse_case_file(r#"{"bills": [{"header": {"msgd": "1"}}]}"#).unwrap_err();
/// assert_eq!(error.to_string(), "line 1 column 29, `bills[0].header.msgd`: unknown field `msgd`");
/// ```
pub fn parse_case_file(text: &str) -> Result<v1::CaseFile, CaseError> {
    if has_history(text) {
        let mut file: v1::CaseFile = read_strictly(text)?;
        file.bills.iter_mut().for_each(verbatim::make_plain);
        return Ok(file);
    }
    Ok(v1::CaseFile { prior: Vec::new(), bills: vec![parse_case(text)?] })
}

/// Whether the document is one with a history: its first field says so, since neither kind has the other's fields.
fn has_history(text: &str) -> bool {
    let first_word = text.trim_start().strip_prefix('{').map(str::trim_start);
    first_word.is_some_and(|rest| rest.starts_with("\"bills\"") || rest.starts_with("\"prior\""))
}

/// A settlement as JSON with the national field names; empty fields are left out.
pub fn to_json(settlement: &v1::Settlement) -> String {
    json(settlement)
}

/// Bills in order as one case file, which [`parse_case_file`] reads.
pub fn case_file_json(bills: Vec<v1::SettleBillRequest>) -> String {
    json(&v1::CaseFile { prior: Vec::new(), bills })
}

fn json(message: &impl Serialize) -> String {
    // The generated serialisers write only texts, lists and maps with text keys, which JSON always has a form for.
    serde_json::to_string_pretty(message).unwrap_or_default()
}

fn case_error(path: String, error: &serde_json::Error) -> CaseError {
    // The reader's words may quote the value, which may be personal; only its kind and names of fields are kept.
    let message = error.to_string();
    let quoted = || message.split('`').nth(1).map(escaped).unwrap_or_default();
    let problem = if message.starts_with("unknown field") {
        CaseProblem::UnknownField(quoted())
    } else if message.starts_with("duplicate field") {
        CaseProblem::DuplicateField(quoted())
    } else if let Some(rest) = message.strip_prefix("invalid type: ") {
        CaseProblem::WrongType { found: kind_of(rest).to_owned(), expected: expected_of(rest) }
    } else if let Some(rest) = message.strip_prefix("invalid value: ") {
        CaseProblem::WrongType { found: kind_of(rest).to_owned(), expected: expected_of(rest) }
    } else {
        let place = message.rfind(" at line ").unwrap_or(message.len());
        CaseProblem::Syntax(message[..place].to_owned())
    };
    // A document that is cut off has no name for what should come next.
    let path = path.trim_end_matches(".?").to_owned();
    CaseError { path, line: error.line(), column: error.column(), problem }
}

fn kind_of(rest: &str) -> &'static str {
    const KINDS: [(&str, &str); 7] = [
        ("integer", "a number"),
        ("floating point", "a number"),
        ("string", "a string"),
        ("boolean", "true or false"),
        ("null", "null"),
        ("sequence", "a list"),
        ("map", "an object"),
    ];
    KINDS.iter().find(|(start, _)| rest.starts_with(start)).map_or("another type", |(_, kind)| kind)
}

fn expected_of(rest: &str) -> String {
    let expected = rest.rsplit_once("expected ").map_or("another type", |(_, expected)| expected);
    let place = expected.rfind(" at line ").unwrap_or(expected.len());
    match &expected[..place] {
        // The generated readers name the Rust type of a message.
        message if message.starts_with("struct ") => "an object".to_owned(),
        expected => expected.to_owned(),
    }
}
