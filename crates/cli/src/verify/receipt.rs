//! `bedside verify receipt`: a receipt (存证回执) checked with a public key, without ledger and network.
//!
//! Exit codes: 0 what was asked is proved; 3 it is not, or history was taken back; 2 a file or key cannot be read, or the
//! files do not decide it.

mod words;

use std::path::{Path, PathBuf};

use bedside_claim::Lang;
use bedside_gateway::notary;
use bedside_receipt::{
    Added, Answer, Checkpoint, Continued, Corrected, CorrectedVersion, Proved, PublicKey, Receipt,
};
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::format::{LangArgument, OutputFormat, hex, print};

#[derive(Debug, Args)]
pub(crate) struct ReceiptArguments {
    /// The receipt's file.
    receipt: PathBuf,
    /// The gateway's public key, or a file that holds it.
    #[arg(long, env = "BEDSIDE_PUBLIC_KEY", value_name = "KEY|FILE")]
    public_key: String,
    /// A receipt that the same gateway gave later.
    #[arg(long, value_name = "FILE")]
    later: Option<PathBuf>,
    /// The language of the text.
    #[arg(long, value_enum, default_value_t = LangArgument::Zh)]
    lang: LangArgument,
    /// Print for people or for scripts.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
}

#[derive(Debug, Args)]
pub(crate) struct KeyArguments {
    /// The file of the signing key.
    #[arg(long, env = "BEDSIDE_SIGNING_KEY", value_name = "FILE")]
    signing_key: PathBuf,
}

/// Prints the public half of a signing key.
pub(crate) fn print_key(arguments: &KeyArguments) -> Result<(), Failure> {
    let key = notary::read_key(&arguments.signing_key).map_err(Failure::wrong_input)?;
    print(&format!("{}\n", key.public()))
}

/// A public key as it is, or the file that holds it.
pub(crate) fn public_key(text: &str, lang: Lang) -> Result<PublicKey, Failure> {
    let read = match text.parse() {
        Ok(key) => return Ok(key),
        Err(_) => std::fs::read_to_string(text),
    };
    let written = read.map_err(|error| {
        Failure::wrong_input(match lang {
            Lang::Zh => format!("`{text}` 既不是公钥，也不是可读的文件：{error}"),
            Lang::En => format!("`{text}` is neither a public key nor a file that can be read: {error}"),
        })
    })?;
    written
        .trim()
        .parse()
        .map_err(|error| Failure::wrong_input(format!("`{text}`: {}", words::key_error(error, lang))))
}

/// The receipt in a file, not checked yet.
pub(crate) fn read_receipt(path: &Path, lang: Lang) -> Result<Receipt, Failure> {
    let name = path.display();
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::wrong_input(match lang {
            Lang::Zh => format!("无法读取 `{name}`：{error}"),
            Lang::En => format!("cannot read `{name}`: {error}"),
        })
    })?;
    Receipt::from_json(&bytes)
        .map_err(|error| Failure::wrong_input(format!("`{name}`: {}", words::file_error(&error, lang))))
}

/// What a receipt proves; a refusal that says what does not hold.
pub(crate) fn proved(path: &Path, receipt: &Receipt, key: &PublicKey, lang: Lang) -> Result<Proved, Failure> {
    receipt.verify(key).map_err(|error| {
        Failure::refused(format!("`{}`: {}", path.display(), words::not_proved(&error, lang)))
    })
}

/// Checks a receipt, and whether a later one continues it.
pub(crate) fn run(arguments: &ReceiptArguments) -> Result<(), Failure> {
    let lang = arguments.lang.into();
    let key = public_key(&arguments.public_key, lang)?;
    let receipt = read_receipt(&arguments.receipt, lang)?;
    let found = proved(&arguments.receipt, &receipt, &key, lang)?;
    let later = match &arguments.later {
        None => None,
        Some(path) => Some(continued(&receipt, &found.checkpoint, path, &key, lang)?),
    };
    match arguments.format {
        OutputFormat::Json => print(&format!("{:#}\n", as_json(&receipt, &found, later.as_ref()))),
        OutputFormat::Text => print(&as_text(&receipt, &found, later.as_ref(), lang)),
    }
}

/// The checkpoint of a later receipt that shows that history stands.
fn continued(
    receipt: &Receipt,
    earlier: &Checkpoint,
    path: &Path,
    key: &PublicKey,
    lang: Lang,
) -> Result<Checkpoint, Failure> {
    let later = read_receipt(path, lang)?;
    let checkpoint = proved(path, &later, key, lang)?.checkpoint;
    let continued = receipt.continued_by(&later, key).map_err(|error| {
        Failure::refused(format!("`{}`: {}", path.display(), words::not_proved(&error, lang)))
    })?;
    let why = words::not_continued(&continued, earlier.tree.size, checkpoint.tree.size, lang);
    match continued {
        Continued::Proved => Ok(checkpoint),
        Continued::RolledBack(_) => Err(Failure::refused(why)),
        Continued::NoProof | Continued::OtherOrder => Err(Failure::wrong_input(why)),
    }
}

fn as_json(receipt: &Receipt, found: &Proved, later: Option<&Checkpoint>) -> serde_json::Value {
    let Proved { checkpoint, answer } = found;
    let kind = match answer {
        Answer::Settlement(added) if added.init_setl_id.is_empty() => "settlement",
        Answer::Settlement(_) => "cancellation",
        Answer::Undone(_) => "reversal",
        Answer::Tombstone(_) => "tombstone",
        Answer::Hold { .. } => "hold",
        Answer::Correction(_) => "correction",
        Answer::TakenBack(_) => "taken_back",
        Answer::Stay(_) => "stay",
    };
    let reversed = match answer {
        Answer::Tombstone(Some(reversed)) | Answer::TakenBack(reversed) => Some(json!({
            "fixmedins_code": reversed.fixmedins_code,
            "msgid": reversed.msgid,
            "omsgid": reversed.omsgid,
            "oinfno": reversed.oinfno,
        })),
        _ => None,
    };
    let stay = match answer {
        Answer::Stay(booking) => Some(json!({
            "infno": booking.infno,
            "fixmedins_code": booking.fixmedins_code,
            "msgid": booking.msgid,
            "mdtrt_id": booking.mdtrt_id,
            "lines": booking.lines,
            "det_item_fee_sumamt": booking.det_item_fee_sumamt.map(|sum| sum.to_string()),
        })),
        _ => None,
    };
    let correction = match answer {
        Answer::Correction(corrected) => Some(json!({
            "correction_id": corrected.correction_id,
            "correction_time": corrected.correction_time,
            "setl_id": corrected.setl_id,
            "sums": corrected.sums,
            "changed": corrected.changed.iter().map(version_json).collect::<Vec<_>>(),
        })),
        _ => None,
    };
    let settlement = answer.added().map(|added| {
        json!({
            "setl_id": added.setl_id,
            "setl_time": added.setl_time,
            "init_setl_id": added.init_setl_id,
            "lines": added.lines,
            "sums": added.sums,
            "medfee_sumamt": added.medfee_sumamt.to_string(),
            "fund_pay_sumamt": added.fund_pay_sumamt.to_string(),
            "commercial_pay": added.commercial_pay.to_string(),
            "psn_part_amt": added.psn_part_amt.to_string(),
        })
    });
    json!({
        "proved": true,
        "ledger": checkpoint.origin,
        "sequence": receipt.sequence.to_string(),
        "records": checkpoint.tree.size.to_string(),
        "signed_at": checkpoint.time,
        "kind": kind,
        "settlement": settlement,
        "correction": correction,
        "stay": stay,
        "reversed": reversed,
        "later": later.map(|later| json!({"records": later.tree.size.to_string(), "signed_at": later.time})),
    })
}

fn version_json(version: &CorrectedVersion) -> serde_json::Value {
    json!({
        "setl_id": version.setl_id,
        "version": version.version,
        "old_medfee_sumamt": version.old_medfee_sumamt.to_string(),
        "new_medfee_sumamt": version.new_medfee_sumamt.to_string(),
        "settlement_sha256": hex(&version.settlement_sha256),
    })
}

fn as_text(receipt: &Receipt, found: &Proved, later: Option<&Checkpoint>, lang: Lang) -> String {
    let Proved { checkpoint, answer } = found;
    let Checkpoint { origin, tree, time } = checkpoint;
    let (sequence, records) = (receipt.sequence, tree.size);
    let what = words::answer(answer, lang);
    let mut text = match lang {
        Lang::Zh => format!(
            "存证成立：{what}，是 {origin} 账本 {records} 条记录中的第 {sequence} 条，账本状态签署于 {time}\n"
        ),
        Lang::En => format!(
            "proved: {what} is record {sequence} of {records} in the ledger of {origin}, signed at {time}\n"
        ),
    };
    if let Some(Added { lines, sums, medfee_sumamt, fund_pay_sumamt, commercial_pay, psn_part_amt, .. }) =
        answer.added()
    {
        text += &match lang {
            Lang::Zh => format!(
                "重新加总无误：{lines} 行费用，{sums} 个等式；总额 {medfee_sumamt} = 基金 {fund_pay_sumamt} + 商保 {commercial_pay} + 个人 {psn_part_amt}（其余由医院负担）\n"
            ),
            Lang::En => format!(
                "added up again: {lines} lines, {sums} sums; total {medfee_sumamt} = funds {fund_pay_sumamt} + policies {commercial_pay} + person {psn_part_amt} (the rest is the hospital's)\n"
            ),
        };
    }
    if let Answer::Correction(Corrected { changed, sums, .. }) = answer {
        text += &match lang {
            Lang::Zh => format!("重新加总无误：{} 笔结算有新版本，{sums} 个等式\n", changed.len()),
            Lang::En => {
                format!("added up again: {} settlements with a new version, {sums} sums\n", changed.len())
            }
        };
        for CorrectedVersion { setl_id, version, old_medfee_sumamt, new_medfee_sumamt, settlement_sha256 } in
            changed
        {
            let hash = hex(settlement_sha256);
            text += &match lang {
                Lang::Zh => format!(
                    "  {setl_id} 第 {version} 版：总额 {old_medfee_sumamt} 改为 {new_medfee_sumamt}，该版结算的 SHA-256 为 {hash}\n"
                ),
                Lang::En => format!(
                    "  {setl_id} version {version}: total {old_medfee_sumamt} is now {new_medfee_sumamt}, SHA-256 of that version {hash}\n"
                ),
            };
        }
    }
    if let Some(Checkpoint { tree, time, .. }) = later {
        let later = tree.size;
        text += &match lang {
            Lang::Zh => format!("历史未变：此后签署于 {time} 的 {later} 条记录，以这 {records} 条原样开头\n"),
            Lang::En => format!(
                "history stands: the {later} records signed at {time} begin with these {records}, unchanged\n"
            ),
        };
    }
    text
}
