//! The trial balance and what is to be cleared, added up from the postings of a period.
//!
//! Each record debits who bears it (a payer, the personal account, the patient's cash, the hospital's own share, the person
//! beside the bill) and credits the hospital with the bill. Reads the journal alone; shares nothing with `ledger verify`
//! but the records.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bedside_claim::{Date, Lang, Money};
use bedside_gateway::answer;
use bedside_ledger::{Entry, Posting, Record};
use serde_json::{Value, json};

use super::life::each;
use crate::failure::Failure;
use crate::format::table;

/// Tenant and `fixmedins_code`.
type Hospital = (Arc<str>, Arc<str>);

/// What one payer owes one hospital.
#[derive(Debug, Default)]
struct Owed {
    amount: Money,
    records: u64,
}

/// The sums of a period.
#[derive(Debug, Default)]
pub(super) struct Balance {
    accounts: BTreeMap<Arc<str>, Money>,
    hospitals: BTreeMap<Hospital, Money>,
    clearing: BTreeMap<(Arc<str>, Hospital), Owed>,
}

/// The days whose bookings count, in China Standard Time, both included.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Period {
    pub(super) from: Option<Date>,
    pub(super) to: Option<Date>,
}

impl Period {
    fn has(self, booked_at_ms: i64) -> bool {
        let day = answer::setl_time(booked_at_ms).and_then(|time| time.get(..10)?.parse::<Date>().ok());
        day.is_some_and(|day| self.from.is_none_or(|from| day >= from) && self.to.is_none_or(|to| day <= to))
    }
}

/// Adds up the journal of a folder.
///
/// # Errors
/// A fault when the journal cannot be read, a sum is out of range, or debits and credits differ.
pub(super) fn of_period(folder: &Path, period: Period) -> Result<Balance, Failure> {
    let mut balance = Balance::default();
    // A correction changes settlements of several hospitals; each knows its own.
    let mut settled_at: BTreeMap<u64, Hospital> = BTreeMap::new();
    each(folder, |record| {
        let hospital = hospital_of(&record);
        if record.entry == Entry::Settlement {
            settled_at.insert(record.sequence, hospital.clone());
        }
        if !period.has(record.booked_at_ms) {
            return Ok(());
        }
        match &record.entry {
            Entry::Correction(correction) => {
                for turn in &correction.turns {
                    let Some(version) = &turn.new else { continue };
                    let unknown =
                        || Failure::fault(format!("record {} corrects no settlement", record.sequence));
                    let own = settled_at.get(&turn.sequence).ok_or_else(unknown)?;
                    balance.post(own, &version.net)?;
                }
                Ok(())
            }
            _ => balance.post(&hospital, &record.postings),
        }
    })?;
    let debits = sum(balance.accounts.values())?;
    let credits = sum(balance.hospitals.values())?;
    if debits != credits {
        return Err(Failure::fault(format!("the debits are {debits}, the credits {credits}")));
    }
    Ok(balance)
}

fn hospital_of(record: &Record) -> Hospital {
    (Arc::clone(&record.message.tenant), Arc::clone(&record.message.fixmedins_code))
}

fn sum<'a>(amounts: impl Iterator<Item = &'a Money>) -> Result<Money, Failure> {
    Money::sum(amounts.copied()).map_err(|_| Failure::fault("the sums are out of range"))
}

impl Balance {
    fn post(&mut self, hospital: &Hospital, postings: &[Posting]) -> Result<(), Failure> {
        let add = |to: &mut Money, amount: Money| -> Result<(), Failure> {
            *to = to.plus(amount).map_err(|_| Failure::fault("the sums are out of range"))?;
            Ok(())
        };
        for Posting { account, amount } in postings {
            add(self.accounts.entry(Arc::clone(account)).or_default(), *amount)?;
            add(self.hospitals.entry(hospital.clone()).or_default(), *amount)?;
            if account.starts_with("payer:") {
                let owed = self.clearing.entry((Arc::clone(account), hospital.clone())).or_default();
                add(&mut owed.amount, *amount)?;
                owed.records += 1;
            }
        }
        Ok(())
    }

    /// The sheet for people.
    ///
    /// # Errors
    /// A fault when a sum is out of range.
    pub(super) fn text(&self, lang: Lang) -> Result<String, Failure> {
        let of = |zh: &'static str, en: &'static str| match lang {
            Lang::Zh => zh,
            Lang::En => en,
        };
        let mut out = String::new();
        let mut trial =
            table([of("科目", "account"), of("借方（元）", "debit"), of("贷方（元）", "credit")], &[1, 2]);
        for (account, amount) in &self.accounts {
            trial.add_row([account.to_string(), amount.to_string(), String::new()]);
        }
        for ((tenant, fixmedins_code), amount) in &self.hospitals {
            let name = format!("{} {tenant} {fixmedins_code}", of("医院应收", "owed to hospital"));
            trial.add_row([name, String::new(), amount.to_string()]);
        }
        let total = sum(self.accounts.values())?;
        trial.add_row([of("合计", "total").to_owned(), total.to_string(), total.to_string()]);
        line!(out, "{}\n{trial}", of("试算平衡", "Trial balance"));
        let mut cleared = table(
            [of("付款方", "payer"), of("医院", "hospital"), of("金额（元）", "yuan"), of("笔数", "records")],
            &[2, 3],
        );
        for ((payer, (tenant, fixmedins_code)), owed) in &self.clearing {
            cleared.add_row([
                payer.trim_start_matches("payer:").to_owned(),
                format!("{tenant} {fixmedins_code}"),
                owed.amount.to_string(),
                owed.records.to_string(),
            ]);
        }
        line!(
            out,
            "{}\n{cleared}",
            of("清算：各付款方应付各医院", "To be cleared: what each payer owes each hospital")
        );
        Ok(out)
    }

    /// The same for scripts.
    pub(super) fn json(&self) -> Value {
        let accounts: BTreeMap<&str, String> =
            self.accounts.iter().map(|(account, amount)| (&**account, amount.to_string())).collect();
        let hospitals = self.hospitals.iter().map(|((tenant, fixmedins_code), amount)| {
            json!({"tenant": **tenant, "fixmedins_code": **fixmedins_code, "amount": amount.to_string()})
        });
        let clearing = self.clearing.iter().map(|((payer, (tenant, fixmedins_code)), owed)| {
            json!({
                "payer_code": payer.trim_start_matches("payer:"),
                "tenant": **tenant,
                "fixmedins_code": **fixmedins_code,
                "amount": owed.amount.to_string(),
                "records": owed.records,
            })
        });
        json!({
            "accounts": accounts,
            "hospitals": hospitals.collect::<Vec<_>>(),
            "clearing": clearing.collect::<Vec<_>>(),
        })
    }
}
