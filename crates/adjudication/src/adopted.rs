//! Public layers that the national platform has settled: taken as given, beside our own computation.
//!
//! The platform's identities are checked before a claim exists; here its amounts are spread over the lines. The
//! platform does not say from which part of a line it paid: in scope first, then over limit, first-pay and own
//! expense, because public money beyond the scope is the exception (hospital share, relief funds). What it took from
//! the account is the patient's own money and goes by first-pay before over limit. It counts in the base of a commercial
//! layer and fills its deductible like cash (e生保: 个人账户 counts as own payment), but no layer pays it: together they pay
//! no more than what is still to be paid in cash.
//!
//! Our packs' accumulators move as our own computation (`own.rs`) has them, so that the next bill of the year, adopted or not,
//! does not meet a deductible that was charged.

use std::sync::Arc;

use bedside_claim::{
    AdoptedResult, BenefitCard, Fault, Money, Origin, Payer, PayerKind, Payment, Pool, Step,
};

use crate::Settling;

/// Which parts a payer pays from, the first as far as it goes.
type PoolOrder = [Pool; 4];
const OF_FUNDS: PoolOrder = [Pool::InScope, Pool::OverLimit, Pool::FirstPay, Pool::OwnExpense];
const OF_ACCOUNT: PoolOrder = [Pool::InScope, Pool::FirstPay, Pool::OverLimit, Pool::OwnExpense];

/// Books the platform's amounts.
pub(crate) fn public_layers(settling: &mut Settling<'_>, result: &AdoptedResult) -> Result<(), Fault> {
    settling.act_pay_dedc = result.act_pay_dedc.unwrap_or_default();
    for (kind, amount) in &result.funds {
        let column = spread(settling, *amount, *kind, OF_FUNDS)?;
        settling.steps.push(Step::Adopted { payer: *kind, amount: *amount });
        settling.payments.push(Payment { benefit: Arc::new(card(*kind)), amount: *amount });
        settling.columns.push(column);
    }
    if !result.hosp_part_amt.is_zero() {
        settling.hospital = spread(settling, result.hosp_part_amt, PayerKind::OtherFund, OF_FUNDS)?;
        settling.steps.push(Step::HospitalShare { amount: result.hosp_part_amt });
    }
    settling.remainder.reserve(result.acct_pay);
    Ok(())
}

/// Books what the platform took from the account, once the commercial layers have paid from what was left beside it.
pub(crate) fn account(settling: &mut Settling<'_>, result: &AdoptedResult) -> Result<(), Fault> {
    if !result.acct_pay.is_zero() {
        settling.account_column = spread(settling, result.acct_pay, PayerKind::OtherFund, OF_ACCOUNT)?;
        settling.steps.push(Step::AdoptedAccount { paid: result.acct_pay });
    }
    Ok(())
}

fn spread(
    settling: &mut Settling<'_>,
    amount: Money,
    kind: PayerKind,
    order: PoolOrder,
) -> Result<Vec<Money>, Fault> {
    let mut column = vec![Money::ZERO; settling.claim.bill.lines().len()];
    let mut rest = amount;
    for pool in order {
        let left = settling.remainder.gather_pools(&[pool])?;
        let part = rest.at_most(left.or_zero());
        let shares = settling.remainder.pay_gathered(part, kind)?;
        for (cell, share) in column.iter_mut().zip(shares) {
            *cell = cell.plus(share)?;
        }
        rest = rest.minus(part)?;
    }
    if rest.is_zero() { Ok(column) } else { Err(Fault::OutOfRange) }
}

fn card(kind: PayerKind) -> BenefitCard {
    let name_zh: Arc<str> = kind.name_zh().into();
    let name_en: Arc<str> = kind.name().replace('_', " ").into();
    let code: Arc<str> = kind.setlinfo_field().unwrap_or("commercial").into();
    BenefitCard {
        id: code.clone(),
        name_zh: name_zh.clone(),
        name_en: name_en.clone(),
        clause: "2304 setlinfo".into(),
        payer: Payer { kind, code, name_zh, name_en },
        origin: Origin::NationalPlatform,
    }
}
