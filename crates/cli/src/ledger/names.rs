//! What accounts and hospitals are called, as far as the ledger itself says it.
//!
//! Payers are named by the stored answers, hospitals by the rows of their register; no pack is asked, whose names may be others
//! today. What nobody names keeps its code.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedside_claim::Lang;
use bedside_gateway::registers::hospital_name;
use bedside_gateway::{stored, v1};
use bedside_ledger::{Entry, Hospital, PAYER_PREFIX, Record};

/// The names that were read so far.
#[derive(Default)]
pub(super) struct Names {
    /// By the account that a payer is posted to.
    payers: BTreeMap<String, v1::Text>,
    hospitals: BTreeMap<Hospital, String>,
}

impl Names {
    /// Takes what a record says. Its answers are looked into only where they may name a payer that has no name yet.
    pub(super) fn learn(&mut self, record: &Record) {
        match &record.entry {
            Entry::Register { rows } => {
                for row in rows.iter().filter_map(|row| row.row()) {
                    if let Some(name) = hospital_name(row) {
                        let tenant = Arc::clone(&record.message.tenant);
                        let hospital = Hospital { tenant, fixmedins_code: Arc::clone(&row.subject) };
                        self.hospitals.insert(hospital, name);
                    }
                }
            }
            Entry::Correction(correction) => {
                for version in correction.turns.iter().filter_map(|turn| turn.new.as_deref()) {
                    if version.postings.iter().any(|posting| self.lacks(&posting.account)) {
                        // Where an answer cannot be read, codes stand for the payers' names.
                        self.learn_payers(stored::settlement_of_version(version).unwrap_or_default());
                    }
                }
            }
            _ => {
                if record.postings.iter().any(|posting| self.lacks(&posting.account)) {
                    self.learn_payers(stored::settlement_of(record).unwrap_or_default());
                }
            }
        }
    }

    fn lacks(&self, account: &str) -> bool {
        account.starts_with(PAYER_PREFIX) && !self.payers.contains_key(account)
    }

    fn learn_payers(&mut self, settlement: Option<v1::Settlement>) {
        let Some(settlement) = settlement else { return };
        let beside = settlement.to_person.into_iter().filter_map(|paid| paid.payment);
        for payment in settlement.payments.into_iter().chain(beside) {
            if let Some(name) = payment.payer.filter(|name| !name.zh.is_empty()) {
                self.payers.insert(format!("{PAYER_PREFIX}{}", payment.payer_code), name);
            }
        }
    }

    /// Both names of a payer, by its code.
    pub(super) fn payer(&self, code: &str) -> Option<&v1::Text> {
        self.payers.get(&format!("{PAYER_PREFIX}{code}"))
    }

    /// A payer's name; nothing where only its code is known.
    pub(super) fn payer_in(&self, code: &str, lang: Lang) -> Option<&str> {
        self.payer(code).map(|name| in_language(name, lang))
    }

    /// An account's name, else the account as it is posted to.
    pub(super) fn account<'a>(&'a self, account: &'a str, lang: Lang) -> &'a str {
        let (zh, en) = match account {
            "hospital" => ("医院负担", "hospital"),
            "account" => ("个人账户", "personal account"),
            "cash" => ("个人现金", "patient, cash"),
            "person" => ("付给个人", "to the person"),
            _ => return self.payers.get(account).map_or(account, |name| in_language(name, lang)),
        };
        match lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// A hospital's name, as the last import that named it has it.
    pub(super) fn hospital(&self, hospital: &Hospital) -> Option<&str> {
        self.hospitals.get(hospital).map(String::as_str)
    }
}

fn in_language(name: &v1::Text, lang: Lang) -> &str {
    match lang {
        Lang::En if !name.en.is_empty() => &name.en,
        Lang::Zh | Lang::En => &name.zh,
    }
}
