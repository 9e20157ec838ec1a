//! What must never happen: a fault stops the settlement, and nothing is booked.

use crate::money::{Money, Overflow};

/// A defect of the engine or of a pack, not of the bill.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A sum or product left the range of an amount.
    #[error("an amount is out of range")]
    OutOfRange,
    /// A line's shares do not sum to its amount.
    #[error("line {line}: the shares sum to {shares}, the line is {amount}")]
    LineNotConserved {
        /// The line, counted from 0.
        line: usize,
        /// Its amount.
        amount: Money,
        /// What its shares sum to.
        shares: Money,
    },
    /// A column of shares does not sum to the payer's total.
    #[error("`{column}`: the lines' shares sum to {shares}, the total is {amount}")]
    ColumnNotConserved {
        /// The payer's column.
        column: String,
        /// The payer's total.
        amount: Money,
        /// What the lines' shares sum to.
        shares: Money,
    },
    /// A rule pack has no value for a case it lets in.
    #[error("pack `{pack}`: parameter `{parameter}` has no value for this case")]
    NoParameterValue {
        /// The pack.
        pack: String,
        /// The parameter.
        parameter: String,
    },
}

impl From<Overflow> for Fault {
    fn from(_: Overflow) -> Fault {
        Fault::OutOfRange
    }
}
