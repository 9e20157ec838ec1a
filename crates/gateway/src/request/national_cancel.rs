//! The platform's answer to a cancellation (2305): the exact negation of the 2304 answer that was adopted (I10).
//!
//! The adopted amounts stand in the stored settlement. What commercial plans paid at the bedside was the person's own in
//! the platform's answer, so it is put back there before both are compared.

use bedside_claim::{Money, NationalIdentity, PayerKind};

use super::fields::{Place, Reader};
use super::national::{self, Stated};
use crate::invalid::{InvalidCode, InvalidMessage, Phrase};
use crate::v1;

/// A 2305 answer that is consistent in itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NationalCancel {
    stated: Stated,
    identities: Vec<NationalIdentity>,
}

/// The answer; `None` when it is not consistent, which the reader then knows.
pub(super) fn read(reader: &mut Reader, answer: &v1::NationalAnswer) -> Option<NationalCancel> {
    let (stated, identities) = national::read_cancel(reader, answer)?;
    Some(NationalCancel { stated, identities })
}

impl NationalCancel {
    /// Holds the answer against the settlement that is cancelled; returns the identities that were checked.
    ///
    /// # Errors
    /// [`InvalidMessage`] with every field that is not the negation of what was adopted, and where nothing was adopted.
    pub fn negates(&self, settlement: &v1::Settlement) -> Result<Vec<NationalIdentity>, InvalidMessage> {
        let mut reader = Reader::default();
        let adopted = settlement.setlinfo.as_ref().filter(|_| settlement.public_layers == "adopted");
        let Some(info) = adopted else {
            let allowed = Phrase::fixed(
                "空：此结算未采用国家平台结果",
                "empty, because the settlement adopted no national answer",
            );
            reader.fault(Place::Top, "national", InvalidCode::NotSupported, "", allowed);
            return reader.faults.finish(None);
        };
        for (field, stated, original) in self.pairs(info) {
            let negated = original.and_then(|original| original.negate().ok());
            if negated == Some(stated) {
                continue;
            }
            let negated = negated.unwrap_or_default();
            let allowed = Phrase::made(
                format!("所采用 2304 结果同项的相反数 = {negated}（I10）"),
                format!("the negation of the same field of the adopted 2304 answer = {negated} (I10)"),
            );
            let place = Place::Node("national.setlinfo");
            reader.fault(place, field, InvalidCode::IdentityMismatch, &stated.to_string(), allowed);
        }
        let mut identities = self.identities.clone();
        identities.push(NationalIdentity::I10);
        identities.sort_unstable();
        reader.faults.finish(Some(identities))
    }

    /// Every field with what the answer says and what was adopted.
    fn pairs(&self, info: &v1::SetlInfo) -> Vec<(&'static str, Money, Option<Money>)> {
        let stored = |text: &str| Money::parse(text).ok();
        let commercial = stored(&info.commercial_pay).unwrap_or_default();
        let with_commercial = |text: &str| stored(text).and_then(|amount| amount.plus(commercial).ok());
        let Stated { split, .. } = &self.stated;
        let mut pairs = vec![
            ("medfee_sumamt", self.stated.medfee_sumamt, stored(&info.medfee_sumamt)),
            ("fulamt_ownpay_amt", split.fulamt_ownpay_amt, stored(&info.fulamt_ownpay_amt)),
            ("overlmt_selfpay", split.overlmt_amt, stored(&info.overlmt_selfpay)),
            ("preselfpay_amt", split.preselfpay_amt, stored(&info.preselfpay_amt)),
            ("inscp_scp_amt", split.inscp_scp_amt, stored(&info.inscp_scp_amt)),
            ("fund_pay_sumamt", self.stated.fund_pay_sumamt, stored(&info.fund_pay_sumamt)),
            ("hosp_part_amt", self.stated.hosp_part_amt, stored(&info.hosp_part_amt)),
            ("acct_pay", self.stated.acct_pay, stored(&info.acct_pay)),
            ("psn_cash_pay", self.stated.psn_cash_pay, with_commercial(&info.psn_cash_pay)),
        ];
        for (kind, amount) in self.stated.funds {
            let original = match kind {
                PayerKind::BasicInsurance => &info.hifp_pay,
                PayerKind::CivilServant => &info.cvlserv_pay,
                PayerKind::EnterpriseSupplement => &info.hifes_pay,
                PayerKind::CriticalIllness => &info.hifmi_pay,
                PayerKind::LargeAmount => &info.hifob_pay,
                PayerKind::Assistance => &info.maf_pay,
                PayerKind::OtherFund | PayerKind::Commercial => &info.oth_pay,
            };
            // The fund for the disabled is adopted with the other funds.
            let amount = match (kind, self.stated.hifdm_pay) {
                (PayerKind::OtherFund, Some(disabled)) => amount.plus(disabled).unwrap_or(amount),
                _ => amount,
            };
            pairs.push((kind.setlinfo_field().unwrap_or_default(), amount, stored(original)));
        }
        // A stored zero also stands for a 2304 answer that named no deductible.
        if let Some(stated) = self.stated.act_pay_dedc
            && let Some(original) = stored(&info.act_pay_dedc).filter(|original| !original.is_zero())
        {
            pairs.push(("act_pay_dedc", stated, Some(original)));
        }
        pairs
    }
}
