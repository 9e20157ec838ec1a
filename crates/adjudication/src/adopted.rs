//! Public layers that the national platform has settled: taken as given, beside our own computation.
//!
//! The platform's identities are checked before a claim exists; here its amounts are spread over the lines. The
//! platform does not say from which part of a line it paid: in scope first, then over limit, first-pay and own
//! expense, because public money beyond the scope is the exception (hospital share, relief funds).

use std::sync::Arc;

use bedside_claim::{
    Accumulators, AdoptedResult, BenefitCard, Claim, Fault, Money, Origin, Payer, PayerKind, Payment, Pool,
    Step, Variance,
};
use bedside_policy::Programme;

use crate::lines::{self, SplitSource};
use crate::{Settling, is_public};

const ORDER: [Pool; 4] = [Pool::InScope, Pool::OverLimit, Pool::FirstPay, Pool::OwnExpense];

/// Books the platform's amounts.
pub(crate) fn public_layers(settling: &mut Settling<'_>, result: &AdoptedResult) -> Result<(), Fault> {
    settling.act_pay_dedc = result.act_pay_dedc;
    for (kind, amount) in &result.funds {
        let column = spread(settling, *amount)?;
        settling.steps.push(Step::Adopted { payer: *kind, amount: *amount });
        settling.payments.push(Payment { benefit: Arc::new(card(*kind)), amount: *amount });
        settling.columns.push(column);
    }
    if !result.hosp_part_amt.is_zero() {
        settling.hospital = spread(settling, result.hosp_part_amt)?;
        settling.steps.push(Step::HospitalShare { amount: result.hosp_part_amt });
    }
    Ok(())
}

fn spread(settling: &mut Settling<'_>, amount: Money) -> Result<Vec<Money>, Fault> {
    let mut column = vec![Money::ZERO; settling.claim.bill.lines().len()];
    let mut rest = amount;
    for pool in ORDER {
        let left = settling.remainder.gather_pools(&[pool])?;
        let part = rest.at_most(left.or_zero());
        let shares = settling.remainder.pay_gathered(part)?;
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

/// Where our own packs come to another amount than the platform, payer by payer.
pub(crate) fn variances(
    claim: &Claim,
    programme: &Programme,
    accumulators: &Accumulators,
    result: &AdoptedResult,
) -> Result<Vec<Variance>, Fault> {
    let line_splits = lines::split(claim, programme, SplitSource::CatalogueOnly)?;
    let mut own = Settling::new(claim, programme, accumulators, &line_splits)?;
    for layer in programme.layers.iter().filter(|layer| is_public(layer)) {
        own.layer(layer)?;
    }
    let mut variances = Vec::new();
    for payer in PayerKind::ALL.into_iter().filter(|kind| kind.is_public()) {
        let of_payer = own.payments.iter().filter(|payment| payment.benefit.payer.kind == payer);
        let computed = Money::sum(of_payer.map(|payment| payment.amount))?;
        let of_payer = result.funds.iter().filter(|(kind, _)| *kind == payer);
        let adopted = Money::sum(of_payer.map(|(_, amount)| *amount))?;
        if adopted != computed {
            variances.push(Variance { payer, adopted, computed });
        }
    }
    Ok(variances)
}
