//! The morning's receipts: the client makes the file of each answer, and checks it with the auditor's crate.

use std::path::{Path, PathBuf};

use bedside_claim::Lang;
use bedside_gateway::v1;
use bedside_receipt::{PublicKey, Receipt};
use prost::Message;

use crate::failure::Failure;

/// The receipt that an answer came with.
fn file(answer: &impl Message, receipt: v1::Receipt) -> Result<Receipt, Failure> {
    let wrong = || Failure::fault("the answer's receipt is not well formed");
    let hash = |bytes: Vec<u8>| bytes.try_into().map_err(|_| wrong());
    Ok(Receipt {
        sequence: receipt.sequence.parse().map_err(|_| wrong())?,
        booked_at_ms: receipt.booked_at_ms.parse().map_err(|_| wrong())?,
        answer: answer.encode_to_vec(),
        salt: hash(receipt.salt)?,
        record_hash: hash(receipt.record_hash)?,
        inclusion_proof: receipt.inclusion_proof.into_iter().map(hash).collect::<Result<_, _>>()?,
        checkpoint: receipt.checkpoint,
        consistency: None,
    })
}

/// Checks receipts with the gateway's public key.
pub(super) struct Auditor {
    pub(super) key: PublicKey,
    pub(super) checked: usize,
}

impl Auditor {
    /// Checks the receipt of an answer, and gives its file's text.
    pub(super) fn check(
        &mut self,
        answer: &impl Message,
        receipt: Option<v1::Receipt>,
    ) -> Result<String, Failure> {
        let receipt = receipt.ok_or_else(|| Failure::fault("the answer has no receipt"))?;
        let receipt = file(answer, receipt)?;
        receipt.verify(&self.key).map_err(Failure::fault)?;
        self.checked += 1;
        Ok(receipt.to_json())
    }

    /// Keeps one receipt and the key beside the ledger, and says how they are checked.
    pub(super) fn keep(&self, dir: &Path, receipt: &str, lang: Lang) -> Result<String, Failure> {
        let write = |name: &str, text: &str| -> Result<PathBuf, Failure> {
            let path = dir.join(name);
            std::fs::write(&path, text)
                .map_err(|error| Failure::fault(format!("`{}`: {error}", path.display())))?;
            Ok(path)
        };
        let receipt = write("receipt.json", receipt)?;
        let key = write("public-key", &format!("{}\n", self.key))?;
        let command = format!("bedside verify receipt {} --public-key {}", receipt.display(), key.display());
        let count = self.checked;
        Ok(match lang {
            Lang::Zh => format!("存证：{count} 份答复的回执已用公钥核验；自行核验：{command} --lang zh\n"),
            Lang::En => {
                format!(
                    "receipts: {count} checked with the public key; check one yourself: {command} --lang en\n"
                )
            }
        })
    }
}
