//! The door: protobuf and JSON at the edge, the gRPC service, its limits and its errors.
//!
//! A message comes in through [`request`] (or is refused with everything that is [`invalid`] about it), goes through
//! the core, and leaves through [`answer`]. [`canonical`] says when two messages are the same one. This is the only
//! crate that knows protobuf, and it knows no rule, no amount's meaning and no byte on disk.

pub mod answer;
pub mod canonical;
pub mod case;
pub mod errors;
pub mod invalid;
pub mod request;
pub mod wire;

pub use case::{CaseError, CaseProblem, parse_case, to_json};
pub use wire::v1;
