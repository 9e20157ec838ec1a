//! 清算 (3203): what each payer owes each hospital for a period, and what the hospital is owed by whom else.
//!
//! Every sum comes from the postings, in the ledger's own `Balance`, as `bedside ledger balance` has it.

use std::collections::BTreeMap;

use bedside_ledger::{Balance, Hospital, Sum};
use prost::Message;

use super::periods::unbalanced;
use super::{Desk, sendable};
use crate::answer;
use crate::deadline::Deadline;
use crate::errors::Refusal;
use crate::request;
use crate::v1;

impl Desk {
    /// The sums of a period, of one hospital or of all of the tenant.
    pub(crate) async fn clearing(
        &self,
        request: v1::ClearingRequest,
        deadline: Deadline,
    ) -> Result<v1::ClearingResponse, Refusal> {
        let days = request::clearing(&request).map_err(Refusal::Invalid)?;
        let desk = self.clone();
        let reading = move |waiting: &super::periods::Waiting| {
            let asked = |field: &str, own: &str| field.is_empty() || field == own;
            let counts = |own: &str| asked(&request.fixmedins_code, own);
            let balance = desk.balance(answer::days(Some(days.from), Some(days.to)), waiting, counts)?;
            let rows = balance.owed().filter(|(payer, ..)| asked(&request.payer_code, payer));
            let rows = rows.map(|(payer, hospital, owed)| v1::ClearingRow {
                payer_code: payer.to_owned(),
                fixmedins_code: hospital.fixmedins_code.to_string(),
                amount: owed.amount.to_string(),
                fixmedins_setl_cnt: owed.bookings.to_string(),
            });
            let answer = v1::ClearingResponse { rows: rows.collect(), hospitals: hospitals(&balance)? };
            sendable(answer.encoded_len(), desk.answer_bytes_max)?;
            Ok(answer)
        };
        self.readings.read(deadline, reading).await
    }
}

/// By whom a hospital is owed beside the payers.
fn hospitals(balance: &Balance) -> Result<Vec<v1::ClearingHospital>, Refusal> {
    let mut own = BTreeMap::<(&Hospital, &str), Sum>::new();
    for (account, hospital, sum) in balance.by_account() {
        own.insert((hospital, account), sum);
    }
    let hospitals = balance.hospitals().map(|(hospital, owed)| {
        let on = |account| own.get(&(hospital, account)).copied().unwrap_or_default().amount;
        // What the person receives stands negated beside what the payer pays.
        let to_person = on("person").negate().map_err(|overflow| unbalanced(&overflow.into()))?;
        Ok(v1::ClearingHospital {
            fixmedins_code: hospital.fixmedins_code.to_string(),
            medfee_sumamt: owed.amount.to_string(),
            hosp_part_amt: on("hospital").to_string(),
            acct_pay: on("account").to_string(),
            cash_payamt: on("cash").to_string(),
            to_person_pay: to_person.to_string(),
            fixmedins_setl_cnt: owed.bookings.to_string(),
        })
    });
    hospitals.collect()
}
