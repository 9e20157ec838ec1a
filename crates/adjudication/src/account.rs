//! The personal account: this year's balance, what is left of years before, and relatives' accounts.
//!
//! Pays after every payer, from what its rules name. Invariant: no account pays more than its balance.

use std::sync::Arc;

use bedside_claim::{AccountPayment, AccountUse, Fault, Money, PayerKind, Purse, Reason, Step};
use bedside_policy::PurseRule;

use crate::Settling;

impl Settling<'_> {
    /// Lets the accounts pay, in the order of the rules; returns `acct_pay` and where it came from.
    pub(crate) fn account(&mut self) -> Result<(Money, AccountPayment), Fault> {
        let mut payment = AccountPayment::default();
        if let Some(result) = &self.claim.adopted {
            // Taken by the platform, and spread over the lines, before the commercial layers.
            return Ok((result.acct_pay, payment));
        }
        let rules = self.programme.layers.iter().map(|layer| &layer.plan.account);
        let rules = rules.into_iter().find(|account| !account.is_empty());
        let (AccountUse::Use, Some(rules)) = (self.claim.account, rules) else {
            self.steps.push(Step::AccountDenied { reason: Reason::AccountNotUsed });
            return Ok((Money::ZERO, payment));
        };
        let mut total = Money::ZERO;
        let mut is_empty = true;
        for rule in rules {
            for (owner, balance) in self.balances(rule.purse) {
                if balance.is_zero() {
                    continue;
                }
                is_empty = false;
                let paid = self.take(rule, balance)?;
                total = total.plus(paid)?;
                match (rule.purse, owner) {
                    (Purse::CurrentYear, _) => payment.current_year = paid,
                    (Purse::PastYear, _) => payment.past_year = paid,
                    (Purse::Relatives, Some(owner)) if !paid.is_zero() => {
                        payment.relatives.push((owner, paid));
                    }
                    (Purse::Relatives, _) => {}
                }
            }
        }
        if is_empty {
            self.steps.push(Step::AccountDenied { reason: Reason::AccountEmpty });
        }
        Ok((total, payment))
    }

    /// The accounts of a purse: whose, where it is not the person's own, and what is on it.
    fn balances(&self, purse: Purse) -> Vec<(Option<Arc<str>>, Money)> {
        let person = &self.claim.person;
        match purse {
            Purse::CurrentYear => vec![(None, person.balc.current_year)],
            Purse::PastYear => vec![(None, person.balc.past_year)],
            Purse::Relatives => {
                let relatives = person.relatives.iter();
                relatives.map(|relative| (Some(relative.psn_no.clone()), relative.balc)).collect()
            }
        }
    }

    fn take(&mut self, rule: &PurseRule, balance: Money) -> Result<Money, Fault> {
        let payable = self.remainder.gather_pools(&rule.pools)?;
        let paid = balance.at_most(payable.or_zero());
        // Not a payer of the bill: whatever kind is named, no commercial layer follows that could ask.
        let column = self.remainder.pay_gathered(paid, PayerKind::OtherFund)?;
        for (cell, share) in self.account_column.iter_mut().zip(column) {
            *cell = cell.plus(share)?;
        }
        self.steps.push(Step::Account { purse: rule.purse, balance, payable, paid });
        Ok(paid)
    }
}
