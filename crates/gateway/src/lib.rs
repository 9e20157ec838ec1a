//! The door: protobuf and JSON at the edge, the gRPC service, its limits and its errors.
//!
//! A message comes in through [`request`] (or is refused with everything that is [`invalid`] about it), goes through
//! the core, and leaves through [`answer`]. [`canonical`] says when two messages are the same one. [`server`] serves
//! all this over gRPC, and [`errors`] says what a caller is told when there is no answer. This is the only crate that
//! knows protobuf, and it knows no rule, no amount's meaning and no byte on disk.
//!
//! ```
//! use bedside_gateway::{parse_case, request};
//! use bedside_claim::Lang;
//!
//! let case = parse_case(r#"{"header": {"msgid": "M 1"}}"#)?;
//! let invalid = request::settle(&case).unwrap_err();
//! assert_eq!(
//!     invalid.faults()[0].text(Lang::En),
//!     "`header.msgid` is `M 1`; allowed: up to 30 characters, letters, digits, `-` and `_`"
//! );
//! # Ok::<(), bedside_gateway::CaseError>(())
//! ```

pub mod answer;
pub mod canonical;
pub mod case;
mod connection;
mod deadline;
mod desk;
pub mod errors;
pub mod invalid;
mod national_json;
pub mod notary;
pub mod promise;
pub mod registers;
pub mod request;
pub mod server;
mod service;
pub mod stored;
pub mod wire;
pub mod written;

pub use case::{CaseError, CaseProblem, case_file_json, parse_case, parse_case_file, to_json};
pub use server::{Config, Gateway, Limits};
pub use wire::v1;
