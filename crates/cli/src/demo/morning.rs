//! The ward's morning: the discharges, as case files that `bedside settle` takes too, and one long bill made here.

use bedside_claim::{Lang, Money, Price, Quantity};
use bedside_gateway::{parse_case, v1};

use crate::failure::Failure;

/// One discharge of the morning.
pub(super) struct Discharge {
    /// The case's name.
    pub(super) id: &'static str,
    zh: &'static str,
    en: &'static str,
    pub(super) request: v1::SettleBillRequest,
}

impl Discharge {
    pub(super) fn name(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::Zh => self.zh,
            Lang::En => self.en,
        }
    }
}

/// Pre-settled before it is settled.
pub(super) const QUOTED: &str = "01-resident-child";
/// Quoted so that it binds, and settled within the hold.
pub(super) const HELD: &str = "08-cancer-out-of-catalogue";
/// Sent a second time.
pub(super) const SENT_TWICE: &str = "02-employee-appendectomy";
/// Cancelled and settled again.
pub(super) const CANCELLED: &str = "03-retired-secondary";
/// Its answer is lost, found again by its msgid, and the call taken back and settled anew.
pub(super) const ANSWER_LOST: &str = "13-newborn-refund";
/// Admitted, filled and discharged call by call.
pub(super) const CALL_BY_CALL: &str = "09-out-of-area";
/// Its statement is printed.
pub(super) const SHOWN: &str = "08-cancer-out-of-catalogue";
/// Refused.
pub(super) const DOES_NOT_ADD_UP: &str = "12-does-not-add-up";

macro_rules! cases {
    ($(($id:literal, $zh:literal, $en:literal)),+ $(,)?) => {
        &[$(($id, $zh, $en, include_str!(concat!("../../morning/", $id, ".json")))),+]
    };
}

/// Name, label and text of each case file.
type CaseFile = (&'static str, &'static str, &'static str, &'static str);

const CASES: &[CaseFile] = cases![
    ("01-resident-child", "居民儿童，肺炎", "resident child, pneumonia"),
    ("02-employee-appendectomy", "在职职工，阑尾炎", "active employee, appendicitis"),
    ("03-retired-secondary", "退休职工，二级医院", "retired employee, secondary hospital"),
    ("04-community-first-stay", "居民，社区首次住院", "resident, first stay, community"),
    ("05-tertiary-repeat", "同一居民，三级再住院", "same resident, repeat, tertiary"),
    ("06-secondary-repeat", "同一居民，二级再住院", "same resident, repeat, secondary"),
    ("07-low-income", "低保居民，尿毒症", "low-income resident, uraemia"),
    ("08-cancer-out-of-catalogue", "肺癌，目录外药，益联保", "lung cancer, drugs out of catalogue"),
    ("09-out-of-area", "异地转诊职工，骨折", "employee elsewhere, referred"),
    ("10-special-outpatient", "特病门诊，血液透析", "special outpatient, dialysis"),
    ("11-adopted-national", "国家平台已结算", "settled by the national platform"),
    ("12-does-not-add-up", "账单不平", "bill that does not add up"),
    ("13-newborn-refund", "新生儿，有退费", "newborn, with a refund"),
];

/// Every discharge of the morning, in order.
pub(super) fn discharges() -> Result<Vec<Discharge>, Failure> {
    let mut discharges = Vec::with_capacity(CASES.len() + 1);
    for (id, zh, en, text) in CASES {
        let request = parse_case(text).map_err(|error| Failure::fault(format!("case {id}: {error}")))?;
        discharges.push(Discharge { id, zh, en, request });
    }
    let model = discharges.iter().find(|discharge| discharge.id == SENT_TWICE);
    let request = model.map(|model| long_bill(&model.request, LONG_BILL_LINES));
    discharges.push(Discharge {
        id: "14-long-bill",
        zh: "长住职工，520 条明细",
        en: "long stay, 520 lines",
        request: request.ok_or_else(|| Failure::fault("the long bill has no model"))??,
    });
    Ok(discharges)
}

const LONG_BILL_LINES: usize = 520;

/// Another person's stay with the model's lines over and over, each for another quantity.
fn long_bill(model: &v1::SettleBillRequest, lines: usize) -> Result<v1::SettleBillRequest, Failure> {
    let out_of_range = |_| Failure::fault("the long bill is out of range");
    let mut request = model.clone();
    let mut total = Money::ZERO;
    let mut feedetail = Vec::with_capacity(lines);
    for (index, line) in model.feedetail.iter().cycle().take(lines).enumerate() {
        let pric = Price::parse(&line.pric).map_err(Failure::fault)?;
        let cnt = Quantity::parse(&(index % 3 + 1).to_string()).map_err(Failure::fault)?;
        let amount = pric.times(cnt).map_err(out_of_range)?;
        total = total.plus(amount).map_err(out_of_range)?;
        feedetail.push(v1::FeeDetail {
            feedetl_sn: format!("{:04}", index + 1),
            cnt: cnt.to_string(),
            det_item_fee_sumamt: amount.to_string(),
            ..line.clone()
        });
    }
    request.feedetail = feedetail;
    if let (Some(header), Some(base), Some(info), Some(data)) =
        (&mut request.header, &mut request.baseinfo, &mut request.mdtrtinfo, &mut request.data)
    {
        header.msgid = next_msgid(&header.msgid, 90);
        "PSN3301000114".clone_into(&mut base.psn_no);
        "MDTRT20260316014".clone_into(&mut info.mdtrt_id);
        data.medfee_sumamt = total.to_string();
    }
    Ok(request)
}

/// A message id of the same hospital and minute with another sequence: the last four digits are `5` and the step.
pub(super) fn next_msgid(msgid: &str, step: u32) -> String {
    let stem = msgid.get(..msgid.len().saturating_sub(4)).unwrap_or_default();
    format!("{stem}5{step:03}")
}
