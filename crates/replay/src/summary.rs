//! What a run came to: how many rows, and how many yuan each payer pays.

use std::collections::BTreeMap;

use bedside_claim::{Fault, Money, PayerKind, Settlement};

use crate::{Reject, add};

/// The closing summary of a run. All amounts in CNY to the fen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Rows settled.
    pub settled: u64,
    /// Rows rejected, by code.
    pub rejected: BTreeMap<String, u64>,
    /// `medfee_sumamt` of the settled rows.
    pub medfee_sumamt: Money,
    /// What each payer pays, by [`PayerKind::name`] or `hospital`, `account`, `cash`; they sum to the total.
    pub payers: BTreeMap<&'static str, Money>,
    /// Rows that used a pack which is not in force, by pack and status.
    pub unconfirmed_packs: BTreeMap<(String, &'static str), u64>,
}

impl Summary {
    pub(crate) fn settled(&mut self, settlement: &Settlement) -> Result<(), Fault> {
        self.settled += 1;
        self.medfee_sumamt = self.medfee_sumamt.plus(settlement.medfee_sumamt)?;
        for kind in PayerKind::ALL {
            let paid = settlement.paid_by(kind)?;
            if !paid.is_zero() {
                add(&mut self.payers, kind.name(), paid)?;
            }
        }
        add(&mut self.payers, "hospital", settlement.hosp_part_amt)?;
        add(&mut self.payers, "account", settlement.acct_pay)?;
        add(&mut self.payers, "cash", settlement.psn_cash_pay)?;
        for pack in settlement.packs.iter().filter(|pack| pack.status != bedside_claim::PackStatus::InForce) {
            *self.unconfirmed_packs.entry((pack.id.to_string(), pack.status.name())).or_default() += 1;
        }
        Ok(())
    }

    pub(crate) fn rejected(&mut self, reject: &Reject) {
        *self.rejected.entry(reject.code.clone()).or_default() += 1;
    }

    /// Rows rejected in all.
    pub fn rejects(&self) -> u64 {
        self.rejected.values().sum()
    }
}
