//! The pure core: a claim, its programme and the person's accumulators in, the settlement with its explanation out.
//!
//! [`adjudicate`] is the one door to the arithmetic; gateway, replay, command line and benches all come through it.
//! No clock, randomness, environment, thread, float or unordered iteration: same input, same bytes. Nothing is read
//! but the arguments, nothing written but the answer.
//!
//! A reimbursing benefit runs through `benefit.rs`, what is paid to the person through `fixed.rs`; `reading.rs` is how a
//! layer sees the claim, `usage.rs` what was used up, `remainder.rs` what is left of each line; `adopted.rs` takes over
//! what the national platform has settled, `own.rs` computes it all the same, and `variance.rs` says why that differs.

#![deny(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::unwrap_used,
    clippy::panic
)]

mod account;
mod adopted;
mod benefit;
mod division;
mod fixed;
mod limits;
mod lines;
mod own;
mod reading;
mod remainder;
mod usage;
mod variance;

use std::sync::Arc;

use bedside_claim::{
    AccountPayment, AccumulatorChange, AccumulatorKey, Accumulators, AdoptedResult, Adoption, Bill, Claim,
    Fault, FixedPayment, FourWaySplit, LineSplit, Money, PackCard, PayerKind, Payment, PublicLayers,
    Settlement, ShareTable, Step,
};
use bedside_policy::{Benefit, Layer, Pays, Programme};

use crate::benefit::Desk;
use crate::fixed::Counter;
use crate::lines::SplitSource;
use crate::reading::Reading;
use crate::remainder::Remainder;
use crate::usage::Usage;

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
            let (adoption, changes, seen) = adoption(claim, programme, accumulators, result)?;
            for change in changes {
                settling.usage.set(change.key, change.after);
            }
            for key in &seen {
                settling.usage.note(key);
            }
            adopted::public_layers(&mut settling, result)?;
            for layer in programme.layers.iter().filter(|layer| !is_public(layer)) {
                settling.layer(layer)?;
            }
            adopted::account(&mut settling, result)?;
            PublicLayers::Adopted(adoption)
        }
    };
    let hosp_part_amt = settling.hospital.iter().copied().try_fold(Money::ZERO, Money::plus)?;
    let (acct_pay, account) = settling.account()?;
    let totals = Totals { split, hosp_part_amt, acct_pay, account, public_layers };
    let mut settlement = settling.finish(&line_splits, totals)?;
    settlement.line_splits = line_splits;
    settlement.check(&claim.bill)?;
    Ok(settlement)
}

/// The four parts of each line of a claim, as [`adjudicate`] has them; no layer is asked.
///
/// # Errors
/// [`Fault::OutOfRange`] when an amount leaves its range.
pub fn split_lines(claim: &Claim, programme: &Programme) -> Result<Vec<LineSplit>, Fault> {
    lines::split(claim, programme, SplitSource::AdoptedFirst)
}

/// Our own computation beside an adopted answer, where it differs and why, what it would use up and what it looked at.
fn adoption(
    claim: &Claim,
    programme: &Programme,
    accumulators: &Accumulators,
    result: &AdoptedResult,
) -> Result<(Adoption, Vec<AccumulatorChange>, Vec<AccumulatorKey>), Fault> {
    let mut adoption = Adoption { identities: result.identities.clone(), ..Adoption::default() };
    // Without public layers of ours there is nothing to compare with.
    if !programme.layers.iter().any(is_public) {
        return Ok((adoption, Vec::new(), Vec::new()));
    }
    let mut own = own::compute(claim, programme, accumulators, &[])?;
    adoption.variances = variance::find(claim, programme, accumulators, result, &own)?;
    let (changes, seen) = (std::mem::take(&mut own.changes), std::mem::take(&mut own.seen));
    adoption.own = Some(own.into_result());
    Ok((adoption, changes, seen))
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

/// What of a settlement is known before its shares are written down.
struct Totals {
    split: FourWaySplit,
    hosp_part_amt: Money,
    acct_pay: Money,
    account: AccountPayment,
    public_layers: PublicLayers,
}

/// A settlement under way: what is left of each line, who has paid what so far, and why.
struct Settling<'a> {
    claim: &'a Claim,
    programme: &'a Programme,
    usage: Usage<'a>,
    remainder: Remainder<'a>,
    payments: Vec<Payment>,
    /// One column for each payment, a cell for each line.
    columns: Vec<Vec<Money>>,
    to_person: Vec<FixedPayment>,
    /// The hospital's share of each line.
    hospital: Vec<Money>,
    /// The accounts' share of each line.
    account_column: Vec<Money>,
    act_pay_dedc: Money,
    steps: Vec<Step>,
    /// What limits have left unused of the bases of the layer under way.
    unused: Vec<(Arc<str>, Money)>,
    /// The empty subject of most accumulators, made once.
    nothing: Arc<str>,
}

impl<'a> Settling<'a> {
    fn new(
        claim: &'a Claim,
        programme: &'a Programme,
        accumulators: &'a Accumulators,
        line_splits: &'a [LineSplit],
    ) -> Settling<'a> {
        let lines = line_splits.len();
        Settling {
            claim,
            programme,
            usage: Usage::new(accumulators),
            remainder: Remainder::new(claim, line_splits),
            payments: Vec::with_capacity(8),
            columns: Vec::with_capacity(8),
            to_person: Vec::new(),
            hospital: vec![Money::ZERO; lines],
            account_column: vec![Money::ZERO; lines],
            act_pay_dedc: Money::ZERO,
            steps: Vec::with_capacity(32),
            unused: Vec::new(),
            nothing: Arc::from(""),
        }
    }

    /// Lets every benefit of one layer pay, in order.
    fn layer(&mut self, layer: &'a Layer) -> Result<(), Fault> {
        let reading = Reading::new(self.claim, layer, self.nothing.clone());
        self.unused.clear();
        for benefit in &layer.plan.benefits {
            let reading = reading.of_benefit(benefit, &self.usage);
            if let Pays::LumpSum(terms) = &benefit.pays {
                // Its gate is asked for each event.
                fixed::lump_sum(benefit, terms, &reading, &mut self.counter())?;
                continue;
            }
            if let Some(reason) = reading.refusal(benefit, &self.usage)? {
                self.steps.push(Step::Denied { benefit: benefit.card.clone(), reason });
                continue;
            }
            self.benefit(benefit, &reading)?;
        }
        Ok(())
    }

    /// Lets a benefit pay whose gate has let the claim in.
    fn benefit(&mut self, benefit: &Benefit, reading: &Reading<'a>) -> Result<(), Fault> {
        let terms = match &benefit.pays {
            Pays::Reimbursement(terms) => terms,
            Pays::PerDiem(terms) => return fixed::per_diem(benefit, terms, reading, &mut self.counter()),
            Pays::LumpSum(_) => return Ok(()),
        };
        let mut desk = Desk {
            remainder: &mut self.remainder,
            usage: &mut self.usage,
            steps: &mut self.steps,
            payments: &self.payments,
            unused: &mut self.unused,
        };
        let outcome = benefit::reimburse(benefit, terms, reading, &mut desk)?;
        if benefit.card.payer.kind == PayerKind::BasicInsurance {
            self.act_pay_dedc = self.act_pay_dedc.plus(outcome.deductible)?;
        }
        if !outcome.pays.is_zero() {
            self.payments.push(Payment { benefit: benefit.card.clone(), amount: outcome.pays });
            self.columns.push(outcome.column);
        }
        Ok(())
    }

    fn counter(&mut self) -> Counter<'_, 'a> {
        Counter { usage: &mut self.usage, steps: &mut self.steps, to_person: &mut self.to_person }
    }

    fn finish(mut self, line_splits: &[LineSplit], totals: Totals) -> Result<Settlement, Fault> {
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
        let (accumulators, looked_at) = self.usage.into_changes();
        Ok(Settlement {
            programme: self.programme.id.clone(),
            rule_date: self.programme.date,
            benefit_year: self.programme.date.year(),
            medfee_sumamt: self.claim.bill.medfee_sumamt(),
            split: totals.split,
            line_splits: Vec::new(),
            payments: self.payments,
            hosp_part_amt: totals.hosp_part_amt,
            acct_pay: totals.acct_pay,
            account: totals.account,
            psn_cash_pay,
            to_person: self.to_person,
            act_pay_dedc: self.act_pay_dedc,
            shares,
            accumulators,
            looked_at,
            explanation: self.steps,
            packs: packs(self.programme, &self.claim.bill),
            public_layers: totals.public_layers,
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
