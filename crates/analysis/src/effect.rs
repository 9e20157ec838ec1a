//! What a change of a plan does to its typical bills: who pays how much of each before and after, and in sum.
//!
//! The bills are those of the old plan and those of the new one, so that a benefit that is new is seen too. All are
//! settled on days of the old version, with the new one in its place. It must not know what the plans say. Invariant:
//! what is paid of a bill sums to its total on both sides.

use std::sync::Arc;

use bedside_claim::{Money, Overflow, Payer, Settlement};
use bedside_policy::{Library, Plan};

use crate::trial::Unsettled;
use crate::typical::{Typical, TypicalBill, typical};

/// From here on a bill is dear, in fen.
const DEAR_FEN: i64 = 30_000_000;

/// Who pays, or is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// A payer, of the bill.
    Payer(Payer),
    /// The hospital's share.
    Hospital,
    /// The personal accounts.
    Account,
    /// The patient, cash.
    Cash,
    /// A payer, to the person beside the bill.
    ToPerson(Payer),
}

impl Party {
    /// Funds first, then the patient, what stands beside the bill last.
    fn rank(&self) -> u8 {
        match self {
            Party::Payer(_) => 0,
            Party::Hospital => 1,
            Party::Account => 2,
            Party::Cash => 3,
            Party::ToPerson(_) => 4,
        }
    }
}

/// What one party pays under the old and the new plan, CNY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// Who.
    pub party: Party,
    /// Under the old plan.
    pub before: Money,
    /// Under the new one.
    pub after: Money,
}

/// One bill under both plans.
#[derive(Debug, Clone)]
pub struct BillEffect {
    /// The bill.
    pub bill: TypicalBill,
    /// Its total, CNY; zero of events alone.
    pub total: Money,
    /// Who pays what.
    pub outcome: Outcome,
}

/// What came of a bill under both plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Both settle it.
    Both(Vec<Paid>),
    /// Only the new plan does; why the old one does not.
    OnlyAfter(Unsettled),
    /// Only the old plan does; why the new one does not.
    OnlyBefore(Unsettled),
}

impl BillEffect {
    /// Whether anybody pays more or less than before, or the bill is settled by one plan alone.
    pub fn is_changed(&self) -> bool {
        match &self.outcome {
            Outcome::Both(paid) => paid.iter().any(|paid| paid.before != paid.after),
            Outcome::OnlyAfter(_) | Outcome::OnlyBefore(_) => true,
        }
    }
}

/// The effect on all bills.
#[derive(Debug, Clone)]
pub struct Effect {
    /// Every bill that one of the plans says something of.
    pub bills: Vec<BillEffect>,
    /// The sum by party, of the bills that both settle.
    pub parties: Vec<Paid>,
}

/// What the change from `old` among `old_packs` to `new` among `new_packs` does; `None` for packs of parameters alone.
///
/// # Errors
/// [`Overflow`].
pub fn effect(
    (old_packs, old): (&Library, &Arc<Plan>),
    (new_packs, new): (&Library, &Plan),
) -> Result<Option<Effect>, Overflow> {
    let (new_packs, new) = new_packs.with_in_place_of(&old.card, new);
    let of_old = typical(old_packs, old);
    let of_new = typical(&new_packs, &new);
    let mut bills: Vec<BillEffect> = Vec::new();
    for typical in [of_old, of_new].into_iter().flatten() {
        let dear: Vec<TypicalBill> = typical.bills.iter().filter_map(ten_times).collect();
        for bill in typical.bills.iter().chain(&dear) {
            if bills.iter().any(|known| known.bill.trial == bill.trial) {
                continue;
            }
            if let Some(effect) = of_bill(&typical, bill, old_packs, &new_packs)? {
                bills.push(effect);
            }
        }
    }
    if bills.is_empty() {
        return Ok(None);
    }
    let mut parties = Vec::new();
    for bill in &bills {
        if let Outcome::Both(paid) = &bill.outcome {
            for Paid { party, before, after } in paid {
                add(&mut parties, party, *before, *after)?;
            }
        }
    }
    Ok(Some(Effect { bills, parties }))
}

/// The bill ten times over, of those that are dear already: large limits are reached by such bills alone.
fn ten_times(bill: &TypicalBill) -> Option<TypicalBill> {
    if bill.trial.fen() < DEAR_FEN {
        return None;
    }
    let TypicalBill { name_zh, name_en, trial } = bill;
    let mut trial = trial.clone();
    for part in trial.bills.iter_mut().flatten().flat_map(|charge| &mut charge.parts) {
        *part = part.checked_mul(10)?;
    }
    Some(TypicalBill {
        name_zh: format!("{name_zh}（十倍）"),
        name_en: format!("{name_en} (ten times)"),
        trial,
    })
}

fn of_bill(
    typical: &Typical,
    bill: &TypicalBill,
    old_packs: &Library,
    new_packs: &Library,
) -> Result<Option<BillEffect>, Overflow> {
    let before = typical.settle(bill, old_packs);
    let after = typical.settle(bill, new_packs);
    let (total, outcome) = match (before, after) {
        (Ok(before), Ok(after)) => {
            let mut paid = Vec::new();
            for (party, amount) in parties(&before.settlement) {
                add(&mut paid, &party, amount, Money::ZERO)?;
            }
            for (party, amount) in parties(&after.settlement) {
                add(&mut paid, &party, Money::ZERO, amount)?;
            }
            (before.settlement.medfee_sumamt, Outcome::Both(paid))
        }
        (Ok(before), Err(why)) => (before.settlement.medfee_sumamt, Outcome::OnlyBefore(why)),
        (Err(why), Ok(after)) => (after.settlement.medfee_sumamt, Outcome::OnlyAfter(why)),
        (Err(_), Err(_)) => return Ok(None),
    };
    Ok(Some(BillEffect { bill: bill.clone(), total, outcome }))
}

/// Everyone who pays of the bill or to the person; cash always, so that every bill shows the patient.
fn parties(settlement: &Settlement) -> Vec<(Party, Money)> {
    let mut parties: Vec<(Party, Money)> = settlement
        .payments
        .iter()
        .map(|payment| (Party::Payer(payment.benefit.payer.clone()), payment.amount))
        .collect();
    let own = [(Party::Hospital, settlement.hosp_part_amt), (Party::Account, settlement.acct_pay)];
    parties.extend(own.into_iter().filter(|(_, amount)| !amount.is_zero()));
    parties.push((Party::Cash, settlement.psn_cash_pay));
    let to_person = settlement.to_person.iter();
    parties.extend(to_person.map(|paid| (Party::ToPerson(paid.benefit.payer.clone()), paid.amount)));
    parties
}

/// Adds to the party's row, which is made in the order of ranks.
fn add(paid: &mut Vec<Paid>, party: &Party, before: Money, after: Money) -> Result<(), Overflow> {
    if let Some(known) = paid.iter_mut().find(|known| known.party == *party) {
        known.before = known.before.plus(before)?;
        known.after = known.after.plus(after)?;
        return Ok(());
    }
    let place = paid.partition_point(|known| known.party.rank() <= party.rank());
    paid.insert(place, Paid { party: party.clone(), before, after });
    Ok(())
}
