//! The client's own books of the morning: every settlement is re-added line by line, and in the end the sums must be
//! those that the ledger on disk comes to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use bedside_claim::{Lang, Money, Overflow};
use bedside_gateway::v1;
use bedside_ledger::{MessageKind, read_journal};

use crate::failure::Failure;

/// Sums by account, as the client has them from the answers.
#[derive(Default)]
pub(super) struct Books {
    medfee_sumamt: Money,
    accounts: BTreeMap<String, Money>,
    settlements: u64,
    /// Calls of stays, which book no amount.
    calls: u64,
    lines: usize,
    expected: Option<v1::Settlement>,
}

fn money(text: &str) -> Result<Money, Failure> {
    Money::parse(text).map_err(|error| Failure::fault(format!("the answer's amount `{text}` {error}")))
}

fn out_of_range(_: Overflow) -> Failure {
    Failure::fault("the morning's sums are out of range")
}

fn sum(amounts: impl IntoIterator<Item = Result<Money, Failure>>) -> Result<Money, Failure> {
    amounts.into_iter().try_fold(Money::ZERO, |sum, amount| sum.plus(amount?).map_err(out_of_range))
}

/// Total, basic, critical illness, assistance, other public money and hospital share, commercial, account, cash.
pub(super) fn columns(settlement: &v1::Settlement) -> Result<[Money; 8], Failure> {
    let info = settlement.setlinfo.clone().unwrap_or_default();
    let others = [info.cvlserv_pay, info.hifes_pay, info.hifob_pay, info.oth_pay, info.hosp_part_amt];
    Ok([
        money(&info.medfee_sumamt)?,
        money(&info.hifp_pay)?,
        money(&info.hifmi_pay)?,
        money(&info.maf_pay)?,
        sum(others.iter().map(|amount| money(amount)))?,
        money(&info.commercial_pay)?,
        money(&info.acct_pay)?,
        money(&info.psn_cash_pay)?,
    ])
}

impl Books {
    /// The next settlement must have these amounts.
    pub(super) fn expect_next(&mut self, quote: v1::Settlement) {
        self.expected = Some(quote);
    }

    /// A record that books nothing: a hold, a tombstone.
    pub(super) fn add_nothing_booked(&mut self) {
        self.settlements += 1;
    }

    /// Records of calls of stays.
    pub(super) fn add_calls(&mut self, calls: u64) {
        self.calls += calls;
    }

    /// Re-adds an answer and takes it into the books.
    pub(super) fn add(&mut self, settlement: &v1::Settlement) -> Result<(), Failure> {
        if let Some(quote) = self.expected.take()
            && (quote.setlinfo != settlement.setlinfo || quote.lines != settlement.lines)
        {
            return Err(Failure::fault("the settlement differs from its quote"));
        }
        let [total, parts @ ..] = columns(settlement)?;
        if sum(parts.into_iter().map(Ok))? != total {
            return Err(Failure::fault(format!("settlement {} does not add up", settlement.setl_id)));
        }
        for line in &settlement.lines {
            let own = [&line.hosp_part_amt, &line.acct_pay, &line.psn_cash_pay];
            let shares = sum(line.shares.iter().chain(own).map(|share| money(share)))?;
            if shares != money(&line.det_item_fee_sumamt)? {
                let sn = &line.feedetl_sn;
                return Err(Failure::fault(format!("line {sn} of {} does not add up", settlement.setl_id)));
            }
        }
        self.medfee_sumamt = self.medfee_sumamt.plus(total).map_err(out_of_range)?;
        for payment in &settlement.payments {
            self.post(format!("payer:{}", payment.payer_code), money(&payment.amount)?)?;
        }
        let info = settlement.setlinfo.clone().unwrap_or_default();
        self.post("hospital".to_owned(), money(&info.hosp_part_amt)?)?;
        self.post("account".to_owned(), money(&info.acct_pay)?)?;
        self.post("cash".to_owned(), money(&info.psn_cash_pay)?)?;
        self.settlements += 1;
        self.lines += settlement.lines.len();
        Ok(())
    }

    fn post(&mut self, account: String, amount: Money) -> Result<(), Failure> {
        let sum = self.accounts.entry(account).or_default();
        *sum = sum.plus(amount).map_err(out_of_range)?;
        Ok(())
    }

    /// Reads the journal back from disk and compares; what it found, in words.
    pub(super) fn compare_with_ledger(&self, dir: &Path, lang: Lang) -> Result<String, Failure> {
        let mut ledger = Books::default();
        let (mut cancellations, mut reversals, mut holds) = (0, 0, 0);
        for record in read_journal(dir).map_err(Failure::fault)? {
            let (_, record) = record.map_err(Failure::fault)?;
            let is_of_stay = matches!(record.kind(), MessageKind::Stay(_));
            ledger.calls += u64::from(is_of_stay);
            ledger.settlements += u64::from(!is_of_stay);
            cancellations += u64::from(record.kind() == MessageKind::Cancel);
            reversals += u64::from(record.kind() == MessageKind::Reverse);
            holds += u64::from(record.kind() == MessageKind::Hold);
            ledger.medfee_sumamt = ledger.medfee_sumamt.plus(record.medfee_sumamt).map_err(out_of_range)?;
            for posting in &record.postings {
                ledger.post(posting.account.to_string(), posting.amount)?;
            }
        }
        let standing = |books: &Books| -> BTreeMap<String, Money> {
            books
                .accounts
                .iter()
                .filter(|(_, sum)| !sum.is_zero())
                .map(|(name, sum)| (name.clone(), *sum))
                .collect()
        };
        let kept = standing(&ledger);
        if kept != standing(self)
            || ledger.medfee_sumamt != self.medfee_sumamt
            || (ledger.settlements, ledger.calls) != (self.settlements, self.calls)
        {
            return Err(Failure::fault(format!(
                "the ledger comes to {} in {} records, the answers to {} in {}",
                ledger.medfee_sumamt,
                ledger.settlements + ledger.calls,
                self.medfee_sumamt,
                self.settlements + self.calls
            )));
        }
        let owed = sum(kept.values().copied().map(Ok))?;
        if owed != ledger.medfee_sumamt {
            return Err(Failure::fault(format!(
                "payers owe {owed}, hospitals are owed {}",
                ledger.medfee_sumamt
            )));
        }
        let (calls, settlements) = (ledger.calls, ledger.settlements - cancellations - reversals - holds);
        let records = ledger.settlements + calls;
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = match lang {
            Lang::Zh => writeln!(
                text,
                "\n✔ 账本回读：{} 条记录（结算 {}，撤销 {}，冲正 {}，保留 {}，住院 {}），{} 条明细逐条复核；账单总额 {} =",
                records,
                settlements,
                cancellations,
                reversals,
                holds,
                calls,
                self.lines,
                ledger.medfee_sumamt
            ),
            Lang::En => writeln!(
                text,
                "\n✔ ledger read back: {} records ({} settlements, {} cancellations, {} reversals, {} holds, {} calls of stays), {} lines re-added; billed {} =",
                records,
                settlements,
                cancellations,
                reversals,
                holds,
                calls,
                self.lines,
                ledger.medfee_sumamt
            ),
        };
        for (account, amount) in &kept {
            let _ = writeln!(text, "    {account:<18} {amount:>12}");
        }
        Ok(text)
    }
}
