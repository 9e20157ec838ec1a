//! How a command fails, and the exit code that tells a script which kind it was.

use std::fmt;
use std::process::ExitCode;

/// What kind of failure, after the exit codes of design section 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The program or its surroundings: exit code 1.
    Fault,
    /// A file, field or flag: exit code 2.
    WrongInput,
    /// Well-formed, but the rules do not allow it: exit code 3.
    Refused,
}

/// A failure with the sentences to print.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    text: String,
}

impl Failure {
    pub(crate) fn fault(text: impl fmt::Display) -> Failure {
        Failure { kind: Kind::Fault, text: text.to_string() }
    }

    pub(crate) fn wrong_input(text: impl fmt::Display) -> Failure {
        Failure { kind: Kind::WrongInput, text: text.to_string() }
    }

    pub(crate) fn refused(text: impl fmt::Display) -> Failure {
        Failure { kind: Kind::Refused, text: text.to_string() }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.kind {
            Kind::Fault => ExitCode::from(1),
            Kind::WrongInput => ExitCode::from(2),
            Kind::Refused => ExitCode::from(3),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bedside: {}", self.text)
    }
}
