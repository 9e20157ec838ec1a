//! What the check of a receipt says, in Chinese and English: the crate that checks speaks English and knows no language.
//!
//! Must not decide anything. Invariant: both languages name the same field and the same amounts.

use bedside_claim::Lang;
use bedside_receipt::{
    Added, Answer, AnswerError, Continued, Corrected, FileError, Mismatch, NotProved, NoteError, Reversed,
    RollBack, StayBooking, Sum,
};

/// What an answer is.
pub(super) fn answer(answer: &Answer, lang: Lang) -> String {
    let (added, zh, en) = match answer {
        Answer::Settlement(added) => (added, "撤销", "cancels"),
        Answer::Undone(added) => (added, "冲正", "reverses"),
        Answer::Hold { hold_id, .. } => {
            return match lang {
                Lang::Zh => format!("预结算保留 {hold_id}"),
                Lang::En => format!("hold {hold_id}"),
            };
        }
        Answer::Correction(Corrected { correction_id, correction_time, setl_id, .. }) => {
            return match lang {
                Lang::Zh => format!("更正 {correction_id}（更正结算 {setl_id}），{correction_time}"),
                Lang::En => {
                    format!("correction {correction_id} (of settlement {setl_id}) of {correction_time}")
                }
            };
        }
        Answer::Tombstone(None) => {
            return match lang {
                Lang::Zh => "一份未到达报文的冲正，该报文永不受理，不涉及金额".to_owned(),
                Lang::En => {
                    "the reversal of a call that had not arrived and never will, which moves no money,"
                        .to_owned()
                }
            };
        }
        Answer::Tombstone(Some(reversed)) => {
            let of = named(reversed, lang);
            return match lang {
                Lang::Zh => format!("{of}的冲正：该报文未到达，永不受理，不涉及金额"),
                Lang::En => {
                    format!("the reversal of {of}, which had not arrived and never will and moves no money,")
                }
            };
        }
        Answer::TakenBack(reversed) => {
            let of = named(reversed, lang);
            return match lang {
                Lang::Zh => format!("{of}的冲正，不涉及金额"),
                Lang::En => format!("the reversal of {of}, which moves no money,"),
            };
        }
        Answer::Stay(booking) => return stay(booking, lang),
    };
    let Added { setl_id, setl_time, init_setl_id, .. } = added;
    match (lang, init_setl_id.as_str()) {
        (Lang::Zh, "") => format!("结算 {setl_id}，{setl_time}"),
        (Lang::Zh, of) => format!("结算 {setl_id}（{zh} {of}），{setl_time}"),
        (Lang::En, "") => format!("settlement {setl_id} of {setl_time}"),
        (Lang::En, of) => format!("settlement {setl_id} ({en} {of}) of {setl_time}"),
    }
}

/// What a reversal names.
fn named(reversed: &Reversed, lang: Lang) -> String {
    let Reversed { fixmedins_code, omsgid, oinfno, .. } = reversed;
    match lang {
        Lang::Zh => format!("医院 {fixmedins_code} 的 {oinfno} 报文 {omsgid} "),
        Lang::En => format!("call {oinfno} of hospital {fixmedins_code} (message {omsgid})"),
    }
}

fn stay(booking: &StayBooking, lang: Lang) -> String {
    let StayBooking { infno, fixmedins_code, msgid, mdtrt_id, lines, det_item_fee_sumamt } = booking;
    let lines = match (lang, lines, det_item_fee_sumamt) {
        (_, None, _) => String::new(),
        (Lang::Zh, Some(lines), None) => format!("，明细 {lines} 条"),
        (Lang::Zh, Some(lines), Some(sum)) => format!("，明细 {lines} 条、合计 {sum} 元"),
        (Lang::En, Some(lines), None) => format!(", {lines} lines"),
        (Lang::En, Some(lines), Some(sum)) => format!(", {lines} lines of {sum} yuan together"),
    };
    match lang {
        Lang::Zh => format!("就诊 {mdtrt_id} 的 {infno}（医院 {fixmedins_code}，报文 {msgid}{lines}）"),
        Lang::En => {
            format!("call {infno} of stay {mdtrt_id} at hospital {fixmedins_code} (message {msgid}{lines})")
        }
    }
}

/// Why a file is no receipt.
pub(super) fn file_error(error: &FileError, lang: Lang) -> String {
    if lang == Lang::En {
        return error.to_string();
    }
    match error {
        FileError::Json(error) => format!("该文件不是回执：{error}"),
        FileError::Format(format) => format!("回执格式为 `{format}`，本程序只读 `bedside-receipt/1`"),
        FileError::Member(member) => format!("回执的 `{member}` 格式有误"),
    }
}

/// Why a key is none.
pub(super) fn key_error(error: NoteError, lang: Lang) -> String {
    match lang {
        Lang::Zh => note_error(error).to_owned(),
        Lang::En => error.to_string(),
    }
}

fn note_error(error: NoteError) -> &'static str {
    match error {
        NoteError::Key => "公钥的格式应为 `名称+8 位十六进制数+base64`",
        NoteError::SecretKey => "签名密钥的格式应为 `PRIVATE+KEY+名称+8 位十六进制数+base64`",
        NoteError::Name => "密钥名称不能为空，也不能含空格或 `+`",
        NoteError::Form => "检查点不是签名文本",
        NoteError::Unsigned => "检查点没有该公钥的签名",
        NoteError::Signature => "检查点的签名不成立",
    }
}

/// Why a receipt proves nothing.
pub(super) fn not_proved(error: &NotProved, lang: Lang) -> String {
    if lang == Lang::En {
        return format!("not proved: {error}");
    }
    let why = match error {
        NotProved::Checkpoint(error) => note_error(*error).to_owned(),
        NotProved::NotIncluded => "该答复不在检查点所指的账本中".to_owned(),
        NotProved::Answer(error) => format!("结算加总不符：{}", answer_error(error)),
    };
    format!("存证不成立：{why}")
}

fn answer_error(error: &AnswerError) -> String {
    match error {
        AnswerError::NotASettlement => "答复不是结算".to_owned(),
        AnswerError::NotAnAmount(field) => format!("`{field}` 不是以元、角、分计的金额"),
        AnswerError::Shares { line, shares, payments } => {
            format!("第 {line} 行有 {shares} 份分摊，支付方却有 {payments} 个")
        }
        AnswerError::Mismatch(Mismatch { sum, left, right }) => {
            format!("{}：{left} 不等于 {right}", sum_of(*sum))
        }
    }
}

fn sum_of(sum: Sum) -> String {
    match sum {
        Sum::LineParts(line) => format!("第 {line} 行的四个部分"),
        Sum::LineShares(line) => format!("第 {line} 行的分摊"),
        Sum::Payment(payment) => format!("第 {payment} 项支付在各行的分摊"),
        Sum::Column(name) => format!("各行 `{name}` 之和"),
        Sum::BillParts => "总额的四个部分".to_owned(),
        Sum::BillPayers => "各方支付之和".to_owned(),
        Sum::Person => "个人账户与现金之和".to_owned(),
        Sum::Kind(name) => format!("`{name}` 各项支付之和"),
        Sum::ToPerson => "账单之外付给个人之和".to_owned(),
        Sum::Relatives => "共济账户支付之和".to_owned(),
        Sum::Before(number) => format!("第 {number} 笔被更正结算更正前各方负担之和"),
        Sum::After(number) => format!("第 {number} 笔被更正结算更正后各方负担之和"),
        Sum::Difference(number) => format!("第 {number} 笔被更正结算的差额"),
        Sum::Totals => "各笔更正的合计".to_owned(),
    }
}

/// Why a later receipt does not show that history stands: that of so many records, held against a later one of so many.
pub(super) fn not_continued(continued: &Continued, from: u64, to: u64, lang: Lang) -> String {
    match (continued, lang) {
        (Continued::Proved, _) => String::new(),
        (Continued::RolledBack(why), Lang::Zh) => {
            let why = match why {
                RollBack::OtherRoot => format!("两个已签名的账本同为 {to} 条记录，内容却不同"),
                RollBack::OtherRecord => "账本的同一位置有两条不同的记录".to_owned(),
                RollBack::Shrunk => format!("账本曾有 {from} 条记录，后来只有 {to} 条"),
            };
            format!("历史被撤回或替换：{why}；两个检查点均有签名，请保存两份文件")
        }
        (Continued::RolledBack(why), Lang::En) => {
            let why = match why {
                RollBack::OtherRoot => format!("two signed ledgers of {to} records are not the same"),
                RollBack::OtherRecord => "one place of the ledger has two records".to_owned(),
                RollBack::Shrunk => format!("the ledger had {from} records and later {to}"),
            };
            format!("history was taken back or replaced: {why}; both checkpoints are signed, keep both files")
        }
        (Continued::NoProof, Lang::Zh) => format!(
            "后一份回执没有对 {from} 条记录的证明：请用 QueryByMsgid 并填 known_tree_size {from} 取得；不能给出该证明的网关已丢失或替换记录"
        ),
        (Continued::NoProof, Lang::En) => format!(
            "the later receipt proves nothing of the ledger of {from} records: get it with QueryByMsgid and \
             known_tree_size {from}; a gateway that cannot give this proof has lost or replaced records"
        ),
        (Continued::OtherOrder, Lang::Zh) => "--later 的回执签署在先：请交换两份文件".to_owned(),
        (Continued::OtherOrder, Lang::En) => {
            "the receipt of --later was signed before the other: give them in the other order".to_owned()
        }
    }
}

#[cfg(test)]
#[allow(clippy::inconsistent_digit_grouping)]
mod tests {
    use super::*;
    use bedside_receipt::Fen;

    #[test]
    fn a_reversal_names_what_it_reversed() {
        let reversed = Reversed {
            fixmedins_code: "H1".to_owned(),
            msgid: "r1".to_owned(),
            omsgid: "m1".to_owned(),
            oinfno: "2304".to_owned(),
        };
        let tombstone = Answer::Tombstone(Some(reversed.clone()));
        assert_eq!(
            answer(&tombstone, Lang::Zh),
            "医院 H1 的 2304 报文 m1 的冲正：该报文未到达，永不受理，不涉及金额"
        );
        let taken_back = Answer::TakenBack(Reversed { oinfno: "2303".to_owned(), ..reversed });
        assert_eq!(
            answer(&taken_back, Lang::En),
            "the reversal of call 2303 of hospital H1 (message m1), which moves no money,"
        );
    }

    #[test]
    fn a_call_of_a_stay_is_told_in_both_languages() {
        let booking = StayBooking {
            infno: "2301".to_owned(),
            fixmedins_code: "H1".to_owned(),
            msgid: "m1".to_owned(),
            mdtrt_id: "V1".to_owned(),
            lines: Some(3),
            det_item_fee_sumamt: Some(Fen(100_00)),
        };
        let told = |booking: &StayBooking, lang| answer(&Answer::Stay(booking.clone()), lang);
        assert_eq!(
            told(&booking, Lang::Zh),
            "就诊 V1 的 2301（医院 H1，报文 m1，明细 3 条、合计 100.00 元）"
        );
        assert_eq!(
            told(&booking, Lang::En),
            "call 2301 of stay V1 at hospital H1 (message m1, 3 lines of 100.00 yuan together)"
        );
        let bare = StayBooking { lines: None, det_item_fee_sumamt: None, ..booking };
        assert_eq!(told(&bare, Lang::En), "call 2301 of stay V1 at hospital H1 (message m1)");
    }
}
