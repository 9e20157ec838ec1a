//! The negated mirror of a settlement, which a cancellation answers (2305, identity I10).
//!
//! It is made from the stored answer, not computed again: what was paid is what is taken back, under whatever rules
//! hold on the day of the cancellation.

use bedside_claim::Money;

use super::{Booking, setl_time};
use crate::v1;

/// Why a stored answer has no mirror: it is not what this program writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// An amount of the stored answer is no amount, or its sum leaves the range.
    #[error("`{field}` of the stored settlement is not an amount")]
    NotAnAmount {
        /// The field.
        field: &'static str,
    },
    /// The stored answer has no `setlinfo`.
    #[error("the stored settlement has no `setlinfo`")]
    NoSetlInfo,
    /// The time of the booking is out of range.
    #[error("the time of the booking is out of range")]
    Time,
}

/// The mirror of a stored settlement: every amount negated, accumulators led back, its own `setl_id`, and
/// `init_setl_id` naming the original. It has no explanation and no causes; the original's explain both. Which identities
/// of a 2305 answer were checked is not the original's to say.
///
/// *Units*: as the original. `balc` is not an amount of the settlement but the account's state: it is what is on the
/// account once `acct_pay` is back (I13).
///
/// # Errors
/// [`MirrorError`] when the stored answer is not one that [`settlement`](super::settlement) made.
pub fn mirror(
    original: &v1::Settlement,
    msgid: &str,
    booking: Booking<'_>,
) -> Result<v1::Settlement, MirrorError> {
    let mut mirror = v1::Settlement {
        setl_id: booking.setl_id.to_owned(),
        init_setl_id: original.setl_id.clone(),
        medins_setl_id: msgid.to_owned(),
        setl_time: setl_time(booking.booked_at_ms).ok_or(MirrorError::Time)?,
        explanation: Vec::new(),
        identities_checked: Vec::new(),
        ..original.clone()
    };
    let setlinfo = mirror.setlinfo.as_mut().ok_or(MirrorError::NoSetlInfo)?;
    mirror_setlinfo(setlinfo)?;
    for payment in &mut mirror.payments {
        negate("payments.amount", &mut payment.amount)?;
    }
    for line in &mut mirror.lines {
        mirror_line(line)?;
    }
    for paid in &mut mirror.to_person {
        if let Some(payment) = &mut paid.payment {
            negate("to_person.payment.amount", &mut payment.amount)?;
        }
    }
    for paid in &mut mirror.mulaid {
        negate("mulaid.amount", &mut paid.amount)?;
    }
    for change in &mut mirror.accumulators {
        std::mem::swap(&mut change.before, &mut change.after);
    }
    for variance in &mut mirror.variances {
        negate("variances.adopted", &mut variance.adopted)?;
        negate("variances.computed", &mut variance.computed)?;
        // Absent from answers of before there was such a thing.
        if !variance.difference.is_empty() {
            negate("variances.difference", &mut variance.difference)?;
        }
        variance.causes.clear();
    }
    if let Some(own) = &mut mirror.own_computation {
        mirror_own(own)?;
    }
    Ok(mirror)
}

fn mirror_setlinfo(info: &mut v1::SetlInfo) -> Result<(), MirrorError> {
    let balc = amount("setlinfo.balc", &info.balc)?;
    let acct_pay = amount("setlinfo.acct_pay", &info.acct_pay)?;
    let of_family = amount("setlinfo.acct_mulaid_pay", &info.acct_mulaid_pay)?;
    let restored = acct_pay
        .minus(of_family)
        .and_then(|own| balc.plus(own))
        .map_err(|_| MirrorError::NotAnAmount { field: "setlinfo.balc" })?;
    info.balc = restored.to_string();
    // Taken apart, so that a field added to the wire cannot be forgotten here.
    let v1::SetlInfo {
        medfee_sumamt,
        fulamt_ownpay_amt,
        overlmt_selfpay,
        preselfpay_amt,
        inscp_scp_amt,
        act_pay_dedc,
        hifp_pay,
        cvlserv_pay,
        hifes_pay,
        hifmi_pay,
        hifob_pay,
        maf_pay,
        oth_pay,
        fund_pay_sumamt,
        commercial_pay,
        hosp_part_amt,
        psn_part_amt,
        acct_pay,
        psn_cash_pay,
        balc: _,
        acct_mulaid_pay,
        acct_crt_year_pay,
        acct_past_year_pay,
        to_person_pay,
    } = info;
    // Empty in an adopted answer, and absent from answers of before there was such a thing.
    for (field, value) in [
        ("setlinfo.acct_crt_year_pay", acct_crt_year_pay),
        ("setlinfo.acct_past_year_pay", acct_past_year_pay),
        ("setlinfo.to_person_pay", to_person_pay),
    ] {
        if !value.is_empty() {
            negate(field, value)?;
        }
    }
    let amounts = [
        ("setlinfo.medfee_sumamt", medfee_sumamt),
        ("setlinfo.fulamt_ownpay_amt", fulamt_ownpay_amt),
        ("setlinfo.acct_mulaid_pay", acct_mulaid_pay),
        ("setlinfo.overlmt_selfpay", overlmt_selfpay),
        ("setlinfo.preselfpay_amt", preselfpay_amt),
        ("setlinfo.inscp_scp_amt", inscp_scp_amt),
        ("setlinfo.act_pay_dedc", act_pay_dedc),
        ("setlinfo.hifp_pay", hifp_pay),
        ("setlinfo.cvlserv_pay", cvlserv_pay),
        ("setlinfo.hifes_pay", hifes_pay),
        ("setlinfo.hifmi_pay", hifmi_pay),
        ("setlinfo.hifob_pay", hifob_pay),
        ("setlinfo.maf_pay", maf_pay),
        ("setlinfo.oth_pay", oth_pay),
        ("setlinfo.fund_pay_sumamt", fund_pay_sumamt),
        ("setlinfo.commercial_pay", commercial_pay),
        ("setlinfo.hosp_part_amt", hosp_part_amt),
        ("setlinfo.psn_part_amt", psn_part_amt),
        ("setlinfo.acct_pay", acct_pay),
        ("setlinfo.psn_cash_pay", psn_cash_pay),
    ];
    amounts.into_iter().try_for_each(|(field, value)| negate(field, value))
}

fn mirror_own(own: &mut v1::OwnComputation) -> Result<(), MirrorError> {
    let v1::OwnComputation { split, act_pay_dedc, payments, explanation } = own;
    explanation.clear();
    negate("own_computation.act_pay_dedc", act_pay_dedc)?;
    for payment in payments {
        negate("own_computation.payments.amount", &mut payment.amount)?;
    }
    let Some(split) = split else { return Ok(()) };
    let v1::FourParts { fulamt_ownpay_amt, overlmt_amt, preselfpay_amt, inscp_scp_amt } = split;
    let parts = [
        ("own_computation.split.fulamt_ownpay_amt", fulamt_ownpay_amt),
        ("own_computation.split.overlmt_amt", overlmt_amt),
        ("own_computation.split.preselfpay_amt", preselfpay_amt),
        ("own_computation.split.inscp_scp_amt", inscp_scp_amt),
    ];
    parts.into_iter().try_for_each(|(field, value)| negate(field, value))
}

fn mirror_line(line: &mut v1::LineSettlement) -> Result<(), MirrorError> {
    let amounts = [
        ("lines.det_item_fee_sumamt", &mut line.det_item_fee_sumamt),
        ("lines.fulamt_ownpay_amt", &mut line.fulamt_ownpay_amt),
        ("lines.overlmt_amt", &mut line.overlmt_amt),
        ("lines.preselfpay_amt", &mut line.preselfpay_amt),
        ("lines.inscp_scp_amt", &mut line.inscp_scp_amt),
        ("lines.hosp_part_amt", &mut line.hosp_part_amt),
        ("lines.acct_pay", &mut line.acct_pay),
        ("lines.psn_cash_pay", &mut line.psn_cash_pay),
    ];
    amounts.into_iter().try_for_each(|(field, value)| negate(field, value))?;
    line.shares.iter_mut().try_for_each(|share| negate("lines.shares", share))
}

fn amount(field: &'static str, value: &str) -> Result<Money, MirrorError> {
    Money::parse(value).map_err(|_| MirrorError::NotAnAmount { field })
}

fn negate(field: &'static str, value: &mut String) -> Result<(), MirrorError> {
    let negated = amount(field, value)?.negate().map_err(|_| MirrorError::NotAnAmount { field })?;
    *value = negated.to_string();
    Ok(())
}
