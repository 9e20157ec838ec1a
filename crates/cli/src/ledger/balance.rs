//! `bedside ledger balance`: the trial balance of a period and what is to be cleared, as a sheet and as JSON.
//!
//! Reads the whole journal, so that it counts records whatever their order; the sums are the ledger's own (`Balance`), the days
//! the gateway's, both as `Clearing` has them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use bedside_claim::{Lang, Money};
use bedside_ledger::{Balance, BalanceError, Entry, Hospital, Period, ReadError, Settled, posted_by};
use serde_json::{Value, json};

use super::life::each;
use super::names::Names;
use crate::failure::Failure;
use crate::format::table;

/// The sums of a period, and what their accounts are called.
pub(super) struct Sheet {
    balance: Balance,
    names: Names,
}

/// Adds up the journal of a folder.
///
/// # Errors
/// A fault when the journal cannot be read, a sum is out of range, or a record does not balance.
pub(super) fn of_period(folder: &Path, period: Period) -> Result<Sheet, Failure> {
    let mut balance = Balance::default();
    let mut names = Names::default();
    // A correction changes settlements of several hospitals; each knows its own.
    let mut settled: BTreeMap<u64, Settled> = BTreeMap::new();
    each(folder, |record| {
        // Whatever the period, because the rows of hospitals mostly come before it.
        names.learn(&record);
        if record.entry == Entry::Settlement {
            settled.insert(record.sequence, Settled::of(&record));
        }
        if !period.has(record.booked_at_ms) {
            return Ok(());
        }
        let mut find = |sequence| Ok::<_, ReadError>(settled.get(&sequence).cloned());
        for posted in posted_by(&record, &mut find).map_err(Failure::fault)? {
            balance.add(&posted).map_err(Failure::fault)?;
        }
        Ok(())
    })?;
    Ok(Sheet { balance, names })
}

fn out_of_range() -> Failure {
    Failure::fault(BalanceError::OutOfRange)
}

impl Sheet {
    /// The sheet for people.
    ///
    /// # Errors
    /// A fault when a sum is out of range.
    pub(super) fn text(&self, lang: Lang) -> Result<String, Failure> {
        let of = |zh: &'static str, en: &'static str| match lang {
            Lang::Zh => zh,
            Lang::En => en,
        };
        let Sheet { balance, names } = self;
        let mut out = String::new();
        let mut trial =
            table([of("科目", "account"), of("借方（元）", "debit"), of("贷方（元）", "credit")], &[1, 2]);
        let accounts = balance.accounts().map_err(|_| out_of_range())?;
        for (account, amount) in &accounts {
            trial.add_row([self.account(account, lang), amount.to_string(), String::new()]);
        }
        for (hospital, owed) in balance.hospitals() {
            let name = format!("{} {}", of("医院应收", "owed to hospital"), self.hospital(hospital));
            trial.add_row([name, String::new(), owed.amount.to_string()]);
        }
        let debits = Money::sum(accounts.into_values()).map_err(|_| out_of_range())?;
        let credits =
            Money::sum(balance.hospitals().map(|(_, owed)| owed.amount)).map_err(|_| out_of_range())?;
        trial.add_row([of("合计", "total").to_owned(), debits.to_string(), credits.to_string()]);
        line!(out, "{}\n{trial}", of("试算平衡", "Trial balance"));
        let mut cleared = table(
            [of("付款方", "payer"), of("医院", "hospital"), of("金额（元）", "yuan"), of("笔数", "records")],
            &[2, 3],
        );
        for (payer, hospital, owed) in balance.owed() {
            let payer = named(payer, names.payer_in(payer, lang));
            cleared.add_row([
                payer,
                self.hospital(hospital),
                owed.amount.to_string(),
                owed.bookings.to_string(),
            ]);
        }
        line!(
            out,
            "{}\n{cleared}",
            of("清算：各付款方应付各医院", "To be cleared: what each payer owes each hospital")
        );
        Ok(out)
    }

    fn account(&self, account: &str, lang: Lang) -> String {
        let name = self.names.account(account, lang);
        named(account, (name != account).then_some(name))
    }

    fn hospital(&self, hospital: &Hospital) -> String {
        let Hospital { tenant, fixmedins_code } = hospital;
        format!("{tenant} {}", named(fixmedins_code, self.names.hospital(hospital)))
    }

    /// The same for scripts; a name that is not known is null.
    ///
    /// # Errors
    /// A fault when a sum is out of range.
    pub(super) fn json(&self) -> Result<Value, Failure> {
        let Sheet { balance, names } = self;
        let accounts = balance.accounts().map_err(|_| out_of_range())?;
        let accounts: BTreeMap<&str, String> =
            accounts.into_iter().map(|(account, amount)| (account, amount.to_string())).collect();
        let hospitals = balance.hospitals().map(|(hospital, owed)| {
            json!({
                "tenant": *hospital.tenant,
                "fixmedins_code": *hospital.fixmedins_code,
                "fixmedins_name": names.hospital(hospital),
                "amount": owed.amount.to_string(),
            })
        });
        let clearing = balance.owed().map(|(payer, hospital, owed)| {
            json!({
                "payer_code": payer,
                "payer": names.payer(payer),
                "tenant": *hospital.tenant,
                "fixmedins_code": *hospital.fixmedins_code,
                "fixmedins_name": names.hospital(hospital),
                "amount": owed.amount.to_string(),
                "records": owed.bookings,
            })
        });
        Ok(json!({
            "accounts": accounts,
            "hospitals": hospitals.collect::<Vec<_>>(),
            "clearing": clearing.collect::<Vec<_>>(),
        }))
    }
}

/// A code with its name behind it, where it has one.
fn named(code: &str, name: Option<&str>) -> String {
    name.map_or_else(|| code.to_owned(), |name| format!("{code} {name}"))
}
