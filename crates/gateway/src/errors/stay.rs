//! What a stay does not take: the reason, the sentence and what it names.

use bedside_ledger::{SETTLEMENT_LINES_MAX, STAY_LINES_MAX, StayRefusal};

use super::ErrorReason;
use crate::invalid::{Phrase, escaped};

pub(super) fn reason(refusal: &StayRefusal) -> ErrorReason {
    match refusal {
        StayRefusal::NotFound => ErrorReason::StayNotFound,
        StayRefusal::Cancelled => ErrorReason::AdmissionCancelled,
        StayRefusal::AlreadyAdmitted => ErrorReason::AlreadyAdmitted,
        StayRefusal::AlreadySettled { .. } => ErrorReason::AlreadySettled,
        StayRefusal::AlreadyDischarged => ErrorReason::AlreadyDischarged,
        StayRefusal::NotDischarged => ErrorReason::NotDischarged,
        StayRefusal::InHospital { .. } => ErrorReason::PersonInHospital,
        StayRefusal::LinesStand { .. } => ErrorReason::LinesStand,
        StayRefusal::NoLines => ErrorReason::NoLines,
        StayRefusal::LineExists { .. } => ErrorReason::LineExists,
        StayRefusal::LineUnknown { .. } => ErrorReason::LineNotFound,
        StayRefusal::LineSettled { .. } => ErrorReason::LineSettled,
        StayRefusal::LineRefunded { .. } => ErrorReason::LineRefunded,
        StayRefusal::TooManyLines { .. } => ErrorReason::TooManyLines,
        StayRefusal::TooManyUnsettled { .. } => ErrorReason::TooManyUnsettled,
        StayRefusal::LaterStands => ErrorReason::LaterCallStands,
        StayRefusal::TakenBack => ErrorReason::AlreadyTakenBack,
    }
}

pub(super) fn phrase(refusal: &StayRefusal) -> Phrase {
    let line = |feedetl_sn: &str| escaped(feedetl_sn);
    match refusal {
        StayRefusal::NotFound => Phrase::fixed("没有此住院登记", "no such stay"),
        StayRefusal::Cancelled => Phrase::fixed("入院已撤销", "the admission was cancelled"),
        StayRefusal::AlreadyAdmitted => {
            Phrase::fixed("此 mdtrt_id 已有住院登记", "a stay stands under this mdtrt_id")
        }
        StayRefusal::AlreadySettled { setl_id } => Phrase::made(
            format!("本次就诊已结算：setl_id `{setl_id}`"),
            format!("the visit is settled already: setl_id `{setl_id}`"),
        ),
        StayRefusal::AlreadyDischarged => Phrase::fixed("患者已出院", "the person is discharged"),
        StayRefusal::NotDischarged => Phrase::fixed("患者尚未出院", "the person is not discharged"),
        StayRefusal::InHospital { fixmedins_code, .. } => Phrase::made(
            format!("患者正在 `{fixmedins_code}` 住院"),
            format!("the person is in hospital at `{fixmedins_code}`"),
        ),
        StayRefusal::LinesStand { lines } => Phrase::made(
            format!("尚有 {lines} 条费用明细，须先撤销"),
            format!("{lines} lines stand and must be withdrawn first"),
        ),
        StayRefusal::NoLines => Phrase::fixed("没有未结算的费用明细", "no line stands that is not settled"),
        StayRefusal::LineExists { feedetl_sn } => Phrase::made(
            format!("明细 `{}` 已存在", line(feedetl_sn)),
            format!("the line `{}` stands already", line(feedetl_sn)),
        ),
        StayRefusal::LineUnknown { feedetl_sn } => Phrase::made(
            format!("没有明细 `{}`", line(feedetl_sn)),
            format!("no line `{}` stands", line(feedetl_sn)),
        ),
        StayRefusal::LineSettled { feedetl_sn, setl_id } => Phrase::made(
            format!("明细 `{}` 已由中途结算 `{setl_id}` 结算", line(feedetl_sn)),
            format!("the line `{}` is settled by the mid-stay settlement `{setl_id}`", line(feedetl_sn)),
        ),
        StayRefusal::LineRefunded { feedetl_sn, by } => Phrase::made(
            format!("明细 `{}` 已由 `{}` 退费", line(feedetl_sn), line(by)),
            format!("the line `{}` is refunded by `{}`", line(feedetl_sn), line(by)),
        ),
        StayRefusal::TooManyLines { lines } => Phrase::made(
            format!("本次住院将有 {lines} 条明细，超过上限 {STAY_LINES_MAX}"),
            format!("the stay would have {lines} lines, more than {STAY_LINES_MAX}"),
        ),
        StayRefusal::TooManyUnsettled { lines } => Phrase::made(
            format!(
                "本次住院将有 {lines} 条未结算明细，超过一次结算的上限 {SETTLEMENT_LINES_MAX}，请先中途结算"
            ),
            format!(
                "{lines} lines of the stay would not be settled, more than the {SETTLEMENT_LINES_MAX} of one settlement; settle midway first"
            ),
        ),
        StayRefusal::LaterStands => Phrase::fixed(
            "其后的报文仍有效，须先冲正",
            "a later call stands on it and must be reversed first",
        ),
        StayRefusal::TakenBack => {
            Phrase::fixed("原报文此前已被撤销", "the earlier call was taken back before")
        }
    }
}

pub(super) fn named(refusal: &StayRefusal) -> Vec<(String, String)> {
    let named: Vec<(&str, String)> = match refusal {
        StayRefusal::AlreadySettled { setl_id } => vec![("setl_id", setl_id.to_string())],
        StayRefusal::InHospital { fixmedins_code, mdtrt_id } => {
            let own = mdtrt_id.iter().map(|mdtrt_id| ("mdtrt_id", mdtrt_id.to_string()));
            std::iter::once(("fixmedins_code", fixmedins_code.to_string())).chain(own).collect()
        }
        StayRefusal::LinesStand { lines } => vec![("lines", lines.to_string())],
        StayRefusal::TooManyLines { lines } => limited(*lines, STAY_LINES_MAX),
        StayRefusal::TooManyUnsettled { lines } => limited(*lines, SETTLEMENT_LINES_MAX),
        StayRefusal::LineExists { feedetl_sn } | StayRefusal::LineUnknown { feedetl_sn } => {
            vec![("feedetl_sn", feedetl_sn.to_string())]
        }
        StayRefusal::LineSettled { feedetl_sn, setl_id } => {
            vec![("feedetl_sn", feedetl_sn.to_string()), ("setl_id", setl_id.to_string())]
        }
        StayRefusal::LineRefunded { feedetl_sn, by } => {
            vec![("feedetl_sn", feedetl_sn.to_string()), ("by", by.to_string())]
        }
        _ => Vec::new(),
    };
    named.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn limited(lines: u32, limit: u32) -> Vec<(&'static str, String)> {
    vec![("lines", lines.to_string()), ("limit", limit.to_string())]
}
