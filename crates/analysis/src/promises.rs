//! What every plan promises of one bill, and of the same bill a little larger.
//!
//! * [`Broken::PaysMore`]: a benefit pays at least zero and at most its base, and its base is no more than what it selects
//!   of the bill.
//! * [`Broken::NotConserved`]: every line is the sum of its shares, every payer's total the sum of its column.
//! * [`Broken::Falls`]: where a bill grows by a charge or a charge by an amount, what the payers up to this plan pay
//!   together does not fall.
//! * [`Broken::Jumps`]: where a bill of one charge in one part grows by one fen, no benefit pays more than one fen more,
//!   or less.
//!
//! The first two are kept by the core for every plan that can be loaded; they are asked all the same, of the settlement
//! and not of the code that made it. It must not know how bills are found.

use bedside_claim::{Bill, Claim, Money, Settlement, Step};
use bedside_policy::{Benefit, JumpOf, LineSelector, Pays, Plan};

use crate::stage::Stage;
use crate::trial::{Settled, Trial, Unsettled};

/// A promise that a bill breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// No row of a parameter fits a case that the plan lets in.
    NoValue {
        /// The parameter.
        parameter: String,
    },
    /// A benefit pays less than zero, or more than its base, or its base is more than what it selects.
    PaysMore {
        /// The benefit.
        benefit: String,
        /// What it pays.
        pays: Money,
        /// Its base.
        base: Money,
        /// What it selects of the bill.
        selected: Money,
    },
    /// A line or column does not add up.
    NotConserved {
        /// Which.
        what: String,
        /// What the shares sum to.
        shares: Money,
        /// What they should.
        amount: Money,
    },
    /// A larger bill is paid less of.
    Falls {
        /// What the bill grew by.
        growth: Money,
        /// What was paid before it grew.
        before: Money,
        /// What is paid after.
        after: Money,
    },
    /// A fen more of the bill moves what a benefit pays by more than a fen.
    Jumps {
        /// The benefit.
        benefit: String,
        /// The bill's total behind which it jumps.
        at: Money,
        /// What it pays there.
        before: Money,
        /// What it pays a fen later.
        after: Money,
    },
}

impl Broken {
    /// The kind, by which a smaller bill is known to break the same promise.
    pub fn code(&self) -> &'static str {
        match self {
            Broken::NoValue { .. } => "search.no_value",
            Broken::PaysMore { .. } => "search.more_than_base",
            Broken::NotConserved { .. } => "search.not_conserved",
            Broken::Falls { .. } => "search.falls",
            Broken::Jumps { .. } => "search.jumps",
        }
    }
}

/// What is wrong with the settlement of the trial's last bill alone.
pub fn broken_alone(plan: &Plan, settled: &Result<Settled, Unsettled>) -> Option<Broken> {
    match settled {
        Ok(settled) => not_conserved(&settled.claim.bill, &settled.settlement)
            .or_else(|| more_than_base(plan, &settled.claim, &settled.settlement)),
        Err(Unsettled::Fault(bedside_claim::Fault::NoParameterValue { pack, parameter }))
            if **pack == *plan.card.id =>
        {
            Some(Broken::NoValue { parameter: parameter.clone() })
        }
        Err(_) => None,
    }
}

/// Adds every line and column up again.
pub fn not_conserved(bill: &Bill, settlement: &Settlement) -> Option<Broken> {
    let columns = settlement.payments.len() + 3;
    let mut sums = vec![0i64; columns];
    for (place, line) in bill.lines().iter().enumerate() {
        let row = settlement.shares.row(place);
        let own = [row.hosp_part_amt, row.acct_pay, row.psn_cash_pay];
        let mut of_line = 0;
        for (sum, share) in sums.iter_mut().zip(row.payments.iter().chain(&own)) {
            *sum += share.units();
            of_line += share.units();
        }
        if of_line != line.det_item_fee_sumamt.units() {
            let what = format!("feedetl_sn {}", line.feedetl_sn);
            let (shares, amount) = (Money::from_units(of_line), line.det_item_fee_sumamt);
            return Some(Broken::NotConserved { what, shares, amount });
        }
    }
    let payments = settlement.payments.iter().map(|payment| (payment.benefit.id.to_string(), payment.amount));
    let own = [
        ("hosp_part_amt".to_owned(), settlement.hosp_part_amt),
        ("acct_pay".to_owned(), settlement.acct_pay),
        ("psn_cash_pay".to_owned(), settlement.psn_cash_pay),
    ];
    let mut totals = payments.chain(own).zip(sums);
    totals.find(|((_, amount), shares)| amount.units() != *shares).map(|((what, amount), shares)| {
        Broken::NotConserved { what, shares: Money::from_units(shares), amount }
    })
}

/// Compares what each benefit pays with its base, and that with what it selects.
pub fn more_than_base(plan: &Plan, claim: &Claim, settlement: &Settlement) -> Option<Broken> {
    for benefit in &plan.benefits {
        let Pays::Reimbursement(terms) = &benefit.pays else { continue };
        let base = settlement.explanation.iter().find_map(|step| match step {
            Step::Base { benefit: card, amount, .. } if *card == benefit.card => Some(*amount),
            _ => None,
        });
        let pays = paid_by(benefit, settlement);
        let base = base.unwrap_or(Money::ZERO);
        let mut selected = 0;
        for place in 0..claim.bill.lines().len() {
            let charge = &claim.bill.lines()[claim.bill.refunded(place).unwrap_or(place)];
            if LineSelector::selects(&terms.base.lines, charge, claim) {
                let parts = settlement.line_splits.get(place).unwrap_or(&NO_SPLIT).split.parts();
                selected += terms.base.pools.iter().map(|pool| parts[pool.index()].units()).sum::<i64>();
            }
        }
        let selected = Money::from_units(selected);
        if pays.is_negative() || pays > base || base > selected {
            let benefit = benefit.card.id.to_string();
            return Some(Broken::PaysMore { benefit, pays, base, selected });
        }
    }
    None
}

/// Stands for a line that a settlement has no split of: then nothing of it is selected.
static NO_SPLIT: bedside_claim::LineSplit = bedside_claim::LineSplit {
    split: bedside_claim::FourWaySplit {
        fulamt_ownpay_amt: Money::ZERO,
        overlmt_amt: Money::ZERO,
        preselfpay_amt: Money::ZERO,
        inscp_scp_amt: Money::ZERO,
    },
    item: None,
    reason: None,
};

/// What the benefit pays of the bill.
pub fn paid_by(benefit: &Benefit, settlement: &Settlement) -> Money {
    let own = settlement.payments.iter().find(|payment| payment.benefit == benefit.card);
    own.map_or(Money::ZERO, |payment| payment.amount)
}

/// What the payers up to this plan pay of the bill.
pub fn paid_up_to(plan: &Plan, settled: &Settled) -> Money {
    let order: Vec<_> = settled.programme.layers.iter().map(|layer| &layer.plan.card.id).collect();
    let own = order.iter().position(|id| **id == plan.card.id).unwrap_or(order.len());
    let counts = |payment: &bedside_claim::Payment| match &payment.benefit.origin {
        bedside_claim::Origin::Pack(card) => {
            order.iter().position(|id| **id == card.id).is_some_and(|place| place <= own)
        }
        bedside_claim::Origin::NationalPlatform => false,
    };
    let paid = settled.settlement.payments.iter().filter(|payment| counts(payment));
    Money::from_units(paid.map(|payment| payment.amount.units()).sum())
}

/// Whether a larger bill is paid less of, beyond the odd fen: where benefits select among the lines, an allocation of
/// the payers before may move one fen of each line from one base to another.
pub fn falls(stage: &Stage, smaller: &Settled, larger: &Settled) -> Option<Broken> {
    let plan = &stage.plan;
    let (before, after) = (paid_up_to(plan, smaller), paid_up_to(plan, larger));
    let lines = larger.claim.bill.lines().len();
    let odd_fen = if lines > 1 { lines * larger.settlement.payments.len() } else { 0 };
    let odd_fen = i64::try_from(odd_fen).unwrap_or(i64::MAX);
    let (old, new) = (smaller.claim.bill.medfee_sumamt(), larger.claim.bill.medfee_sumamt());
    if after.units().saturating_add(odd_fen) >= before.units() || is_declared_between(smaller, larger) {
        return None;
    }
    Some(Broken::Falls { growth: Money::from_units(new.units() - old.units()), before, after })
}

/// Whether any layer declares a jump that lies between the two bills.
fn is_declared_between(smaller: &Settled, larger: &Settled) -> bool {
    let (from, to) = (smaller.claim.bill.medfee_sumamt(), larger.claim.bill.medfee_sumamt());
    let layers = &larger.programme.layers;
    layers.iter().flat_map(|layer| &layer.plan.benefits).any(|benefit| {
        benefit.jumps.iter().any(|jump| match jump.of {
            JumpOf::Bill(at) => from <= at && at < to,
            JumpOf::Base(at) => {
                base_of(benefit, &smaller.settlement) <= at && at < base_of(benefit, &larger.settlement)
            }
            JumpOf::Opening => true,
        })
    })
}

/// The benefit's base; zero where it looked at none.
pub fn base_of(benefit: &Benefit, settlement: &Settlement) -> Money {
    let base = settlement.explanation.iter().find_map(|step| match step {
        Step::Base { benefit: card, amount, .. } if *card == benefit.card => Some(*amount),
        _ => None,
    });
    base.unwrap_or(Money::ZERO)
}

/// The trial whose last bill has grown.
pub fn grown(trial: &Trial, growth: &Growth) -> Trial {
    let mut larger = trial.clone();
    if let Some(bill) = larger.bills.last_mut() {
        match growth {
            Growth::Charge(charge) => bill.push(charge.clone()),
            Growth::Amount { place, pool, fen } => {
                // Where a bill was made smaller, its last charge stands for one that is gone.
                let last = bill.len().saturating_sub(1);
                if let Some(charge) = bill.get_mut((*place).min(last)) {
                    charge.parts[*pool] += fen;
                    charge.times = 1;
                }
            }
        }
    }
    larger
}

/// How a bill grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Growth {
    /// By a charge behind all others.
    Charge(crate::trial::Charge),
    /// A charge by an amount.
    Amount {
        /// Which.
        place: usize,
        /// In which of the four parts.
        pool: usize,
        /// By how much.
        fen: i64,
    },
}
