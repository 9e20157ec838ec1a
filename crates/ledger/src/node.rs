//! The twelve nodes of a claim's progress, each the trace of a record.
//!
//! A node is derived from what is booked and never stored beside it, so that a claim's progress and its money cannot
//! disagree; its time is the record's. `docs/progress.md` has the list.

use crate::record::{Entry, Record};
use crate::stay::{StayKind, StayPart};

/// One of the twelve things that can happen to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// 立案: the stay is admitted, or its bill comes whole.
    Opened,
    /// 信息变更: the admission is updated.
    Changed,
    /// 撤案: the admission is cancelled.
    Withdrawn,
    /// 费用上传: lines came in.
    FeesIn,
    /// 费用撤销: lines were withdrawn.
    FeesOut,
    /// 出院办理: the person is discharged.
    Discharged,
    /// 出院撤销: the discharge is cancelled.
    DischargeWithdrawn,
    /// 预结算占用: a quote reserves benefit.
    Held,
    /// 中途结算: a part of a stay that goes on is settled.
    InterimSettled,
    /// 结案: the claim is settled.
    Settled,
    /// 更正: the settlement got a new version.
    Corrected,
    /// 撤销或冲正: the settlement is undone.
    Undone,
}

impl Node {
    /// All twelve, in the order of their numbers.
    pub const ALL: [Node; 12] = [
        Node::Opened,
        Node::Changed,
        Node::Withdrawn,
        Node::FeesIn,
        Node::FeesOut,
        Node::Discharged,
        Node::DischargeWithdrawn,
        Node::Held,
        Node::InterimSettled,
        Node::Settled,
        Node::Corrected,
        Node::Undone,
    ];

    /// Its number, from 1.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// Its stable name.
    pub fn code(self) -> &'static str {
        match self {
            Node::Opened => "opened",
            Node::Changed => "changed",
            Node::Withdrawn => "withdrawn",
            Node::FeesIn => "fees_in",
            Node::FeesOut => "fees_out",
            Node::Discharged => "discharged",
            Node::DischargeWithdrawn => "discharge_withdrawn",
            Node::Held => "held",
            Node::InterimSettled => "interim_settled",
            Node::Settled => "settled",
            Node::Corrected => "corrected",
            Node::Undone => "undone",
        }
    }
}

impl Node {
    /// Its name for cashiers.
    pub fn name_zh(self) -> &'static str {
        match self {
            Node::Opened => "立案",
            Node::Changed => "信息变更",
            Node::Withdrawn => "撤案",
            Node::FeesIn => "费用上传",
            Node::FeesOut => "费用撤销",
            Node::Discharged => "出院办理",
            Node::DischargeWithdrawn => "出院撤销",
            Node::Held => "预结算占用",
            Node::InterimSettled => "中途结算",
            Node::Settled => "结案",
            Node::Corrected => "更正",
            Node::Undone => "撤销",
        }
    }

    /// Its name in English.
    pub fn name_en(self) -> &'static str {
        match self {
            Node::Opened => "opened",
            Node::Changed => "changed",
            Node::Withdrawn => "withdrawn",
            Node::FeesIn => "fees in",
            Node::FeesOut => "fees withdrawn",
            Node::Discharged => "discharged",
            Node::DischargeWithdrawn => "discharge withdrawn",
            Node::Held => "benefit held",
            Node::InterimSettled => "settled in part",
            Node::Settled => "settled",
            Node::Corrected => "corrected",
            Node::Undone => "undone",
        }
    }
}

impl Record {
    /// The nodes that this record takes its claim through, in order; none for a record of no claim.
    pub fn nodes(&self) -> &'static [Node] {
        match &self.entry {
            Entry::Settlement if self.part == Some(StayPart::MidStay) => &[Node::InterimSettled],
            Entry::Settlement if self.part.is_some() => &[Node::Settled],
            // One call brings the whole stay.
            Entry::Settlement => &[Node::Opened, Node::FeesIn, Node::Discharged, Node::Settled],
            Entry::Cancellation { .. } | Entry::Reversal { .. } => &[Node::Undone],
            Entry::Stay(change) => match change.kind {
                StayKind::Admit => &[Node::Opened],
                StayKind::Update | StayKind::TakeBackUpdate => &[Node::Changed],
                StayKind::CancelAdmission => &[Node::Withdrawn],
                StayKind::FeesIn => &[Node::FeesIn],
                StayKind::FeesOut => &[Node::FeesOut],
                StayKind::Discharge => &[Node::Discharged],
                StayKind::CancelDischarge => &[Node::DischargeWithdrawn],
            },
            Entry::Hold(_) => &[Node::Held],
            Entry::Correction(_) => &[Node::Corrected],
            Entry::Tombstone { .. } | Entry::Register { .. } | Entry::Erased { .. } => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twelve_are_numbered_in_order() {
        let numbers: Vec<u8> = Node::ALL.iter().map(|node| node.number()).collect();
        assert_eq!(numbers, (1..=12).collect::<Vec<u8>>());
        let codes: std::collections::BTreeSet<&str> = Node::ALL.iter().map(|node| node.code()).collect();
        assert_eq!(codes.len(), 12);
    }
}
