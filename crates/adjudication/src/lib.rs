//! The pure core: a claim, its programme and the person's accumulators in, the settlement with its explanation out.
//!
//! [`adjudicate`] is the one door to the arithmetic; gateway, replay, command line and benches all come through it.
//! No clock, randomness, environment, thread, float or unordered iteration: same input, same bytes. Nothing is read
//! but the arguments, nothing written but the answer.
//!
//! A benefit runs through `benefit.rs` alone; what is left of each line lies in `remainder.rs`; `adopted.rs` takes over
//! what the national platform has settled.

#![deny(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::unwrap_used,
    clippy::panic
)]

mod adopted;
mod benefit;
mod lines;
mod remainder;

use bedside_claim::{
    AccountUse, AccumulatorChange, Accumulators, Bill, Claim, Fault, FourWaySplit, LineSplit, Money,
    PackCard, PayerKind, Payment, PublicLayers, Reason, Settlement, ShareTable, Step,
};
use bedside_policy::{AccountRule, Cover, Layer, Programme};
use std::sync::Arc;

use crate::benefit::Reading;
use crate::lines::SplitSource;
use crate::remainder::Remainder;

/// Settles one claim.
///
/// *Units*: CNY to the fen. Bands, factors and the catalogue's split round half away from zero, once each
/// (`docs/rounding.md`); odd fen of an allocation go to the largest remainder, ties to the earliest line by time and number.
///
/// # Errors
/// [`Fault`] when an amount leaves its range, a pack has no value for a case that it lets in, or a fen would be lost:
/// nothing may be booked then.
pub fn adjudicate(
    claim: &Claim,
    programme: &Programme,
    accumulators: &Accumulators,
) -> Result<Settlement, Fault> {
    let line_splits = lines::split(claim, programme, SplitSource::AdoptedFirst)?;
    let mut settling = Settling::new(claim, programme, accumulators, &line_splits);
    let split = totals(&line_splits)?;
    settling.steps.push(if claim.bill.lines().iter().any(|line| line.adopted_split.is_some()) {
        Step::SplitAdopted { split }
    } else {
        Step::SplitByCatalogue { split }
    });

    let public_layers = match &claim.adopted {
        None => {
            for layer in &programme.layers {
                settling.layer(layer)?;
            }
            PublicLayers::Computed
        }
        Some(result) => {
            let own = adopted::own_computation(claim, programme, accumulators)?;
            let variances = own.variances(result)?;
            settling.changes.extend(own.changes);
            adopted::public_layers(&mut settling, result)?;
            for layer in programme.layers.iter().filter(|layer| !is_public(layer)) {
                settling.layer(layer)?;
            }
            PublicLayers::Adopted(variances)
        }
    };
    let hosp_part_amt = settling.hospital.iter().copied().try_fold(Money::ZERO, Money::plus)?;
    let acct_pay = settling.account()?;
    let settlement = settling.finish(split, line_splits, hosp_part_amt, acct_pay, public_layers)?;
    settlement.check(&claim.bill)?;
    Ok(settlement)
}

fn is_public(layer: &Layer) -> bool {
    layer.plan.benefits.iter().all(|benefit| benefit.card.payer.kind.is_public())
}

fn totals(line_splits: &[LineSplit]) -> Result<FourWaySplit, Fault> {
    let mut total = FourWaySplit::default();
    for line in line_splits {
        total = total.plus(&line.split)?;
    }
    Ok(total)
}

/// A settlement under way: what is left of each line, who has paid what so far, and why.
struct Settling<'a> {
    claim: &'a Claim,
    programme: &'a Programme,
    accumulators: &'a Accumulators,
    remainder: Remainder<'a>,
    payments: Vec<Payment>,
    /// One column for each payment, a cell for each line.
    columns: Vec<Vec<Money>>,
    /// The hospital's share of each line.
    hospital: Vec<Money>,
    /// The account's share of each line.
    account_column: Vec<Money>,
    act_pay_dedc: Money,
    changes: Vec<AccumulatorChange>,
    steps: Vec<Step>,
}

impl<'a> Settling<'a> {
    fn new(
        claim: &'a Claim,
        programme: &'a Programme,
        accumulators: &'a Accumulators,
        line_splits: &[LineSplit],
    ) -> Settling<'a> {
        let lines = line_splits.len();
        Settling {
            claim,
            programme,
            accumulators,
            remainder: Remainder::new(&claim.bill, line_splits),
            payments: Vec::with_capacity(8),
            columns: Vec::with_capacity(8),
            hospital: vec![Money::ZERO; lines],
            account_column: vec![Money::ZERO; lines],
            act_pay_dedc: Money::ZERO,
            changes: Vec::with_capacity(16),
            steps: Vec::with_capacity(32),
        }
    }

    /// Lets every benefit of one layer pay, in order.
    fn layer(&mut self, layer: &Layer) -> Result<(), Fault> {
        let reading = Reading {
            claim: self.claim,
            date: layer.date,
            benefit_year: layer.date.year(),
            pack: &layer.plan.card.id,
            accumulators: self.accumulators,
        };
        for benefit in &layer.plan.benefits {
            let refusal = match layer.cover {
                Cover::NotInForce => Some(Reason::CoverNotInForce),
                Cover::InForce => benefit.gate.unmet(self.claim, layer.date),
            };
            if let Some(reason) = refusal {
                self.steps.push(Step::Denied { benefit: benefit.card.clone(), reason });
                continue;
            }
            let base = self.remainder.gather(&benefit.base)?;
            let outcome = benefit::evaluate(benefit, &reading, base, &mut self.steps, &mut self.changes)?;
            if benefit.card.payer.kind == PayerKind::BasicInsurance {
                self.act_pay_dedc = self.act_pay_dedc.plus(outcome.deductible)?;
            }
            if !outcome.pays.is_zero() {
                let column = self.remainder.pay_gathered(outcome.pays)?;
                self.payments.push(Payment { benefit: benefit.card.clone(), amount: outcome.pays });
                self.columns.push(column);
            }
        }
        Ok(())
    }

    /// Lets the personal account pay what its rule and balance allow; returns `acct_pay`.
    fn account(&mut self) -> Result<Money, Fault> {
        if let Some(result) = &self.claim.adopted {
            // Taken by the platform, and spread over the lines, before the commercial layers.
            return Ok(result.acct_pay);
        }
        let rule = self.programme.layers.iter().find_map(|layer| layer.plan.account.as_ref());
        let (AccountUse::Use, Some(AccountRule { pools })) = (self.claim.account, rule) else {
            self.steps.push(Step::AccountDenied { reason: Reason::AccountNotUsed });
            return Ok(Money::ZERO);
        };
        let balance = self.claim.person.balc;
        if balance.is_zero() {
            self.steps.push(Step::AccountDenied { reason: Reason::AccountEmpty });
            return Ok(Money::ZERO);
        }
        let payable = self.remainder.gather_pools(pools)?;
        let paid = balance.at_most(payable.or_zero());
        self.account_column = self.remainder.pay_gathered(paid)?;
        self.steps.push(Step::Account { balance, payable, paid });
        Ok(paid)
    }

    fn finish(
        mut self,
        split: FourWaySplit,
        line_splits: Vec<LineSplit>,
        hosp_part_amt: Money,
        acct_pay: Money,
        public_layers: PublicLayers,
    ) -> Result<Settlement, Fault> {
        let mut shares = ShareTable::new(line_splits.len(), self.payments.len());
        let mut psn_cash_pay = Money::ZERO;
        for line in 0..line_splits.len() {
            let cash = self.remainder.of_line(line)?;
            psn_cash_pay = psn_cash_pay.plus(cash)?;
            let paid = self.columns.iter().map(|column| column[line]);
            let own = [self.hospital[line], self.account_column[line], cash];
            for (cell, share) in shares.row_mut(line).iter_mut().zip(paid.chain(own)) {
                *cell = share;
            }
        }
        self.steps.push(Step::Cash { amount: psn_cash_pay });
        Ok(Settlement {
            programme: self.programme.id.clone(),
            rule_date: self.programme.date,
            benefit_year: self.programme.date.year(),
            medfee_sumamt: self.claim.bill.medfee_sumamt(),
            split,
            line_splits,
            payments: self.payments,
            hosp_part_amt,
            acct_pay,
            psn_cash_pay,
            act_pay_dedc: self.act_pay_dedc,
            shares,
            accumulators: self.changes,
            explanation: self.steps,
            packs: packs(self.programme, &self.claim.bill),
            public_layers,
        })
    }
}

/// Every pack version that had a say; the catalogue last, unless every line came split.
fn packs(programme: &Programme, bill: &Bill) -> Vec<Arc<PackCard>> {
    let mut packs: Vec<_> = programme.layers.iter().map(|layer| layer.plan.card.clone()).collect();
    if bill.lines().iter().any(|line| line.adopted_split.is_none()) {
        packs.push(programme.catalogue.card.clone());
    }
    packs
}
