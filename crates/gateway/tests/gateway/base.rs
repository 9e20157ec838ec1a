//! A valid message, and edits of it as text.

use bedside_gateway::v1;
use serde_json::Value;

/// One resident's stay: a drug, one of it refunded, an item with the split of the national platform; 100.00 in all.
pub(crate) const BASE: &str = r#"{
  "header": {
    "msgid": "H33010600001202603101200000001", "fixmedins_code": "H33010600001", "fixmedins_name": "示例医院",
    "mdtrtarea_admvs": "330106", "insuplc_admdvs": "330106", "opter": "0001", "opter_name": "王五",
    "inf_time": "2026-03-10 12:00:00", "hosp_lv": "02"
  },
  "baseinfo": {
    "psn_no": "33010000000000000000012345", "psn_cert_type": "01", "certno": "330106198001011234",
    "psn_name": "张三丰", "gend": "1", "brdy": "1980-01-01"
  },
  "insuinfo": [
    {"insutype": "390", "psn_type": "1501", "insuplc_admdvs": "330106", "balc": "0", "psn_insu_stas": "1"},
    {"insutype": "310", "psn_type": "1101", "insuplc_admdvs": "330102", "balc": "50.00", "psn_insu_stas": "4"}
  ],
  "idetinfo": [{"psn_idet_type": "01", "begntime": "2025-01-01 00:00:00", "endtime": "9999-12-31 23:59:59"}],
  "policyinfo": [
    {"policy_no": "YLB-2026-777001", "product": "hangzhou/xihu-yilianbao", "begndate": "2026-01-01", "enddate": "2026-12-31"}
  ],
  "mdtrtinfo": {
    "mdtrt_id": "MDT20260301000042", "psn_no": "33010000000000000000012345", "insutype": "390", "med_type": "21",
    "begntime": "2026-03-01 09:30:00", "ipt_no": "ZY0042", "adm_dept_codg": "0301", "adm_bed": "12-03"
  },
  "diseinfo": [
    {"diag_type": "1", "maindiag_flag": "0", "diag_srt_no": "2", "diag_code": "I10.x00", "diag_name": "高血压"},
    {"diag_type": "1", "maindiag_flag": "1", "diag_srt_no": "1", "diag_code": "J18.900", "diag_name": "肺炎"}
  ],
  "feedetail": [
    {"feedetl_sn": "1", "fee_ocur_time": "2026-03-01 08:00:00", "med_list_codg": "XC15XCA000A008064084520",
     "medins_list_codg": "Y001", "med_chrgitm_type": "09", "det_item_fee_sumamt": "60.00", "cnt": "3", "pric": "20"},
    {"feedetl_sn": "2", "init_feedetl_sn": "1", "fee_ocur_time": "2026-03-02 08:00:00",
     "med_list_codg": "XC15XCA000A008064084520", "medins_list_codg": "Y001", "med_chrgitm_type": "09",
     "det_item_fee_sumamt": "-20.00", "cnt": "-1", "pric": "20"},
    {"feedetl_sn": "3", "fee_ocur_time": "2026-03-10 23:59:59", "med_list_codg": "XG01FEB001A002019079302",
     "medins_list_codg": "Y002", "med_chrgitm_type": "09", "det_item_fee_sumamt": "60.00", "cnt": "1", "pric": "60",
     "hosp_appr_flag": "0", "fulamt_ownpay_amt": "10.00", "overlmt_amt": "0", "preselfpay_amt": "5.00",
     "inscp_scp_amt": "45.00"}
  ],
  "dscginfo": {"endtime": "2026-03-10 11:00:00", "dscg_way": "1", "dscg_dept_codg": "0301"},
  "data": {"medfee_sumamt": "100.00", "psn_setlway": "01", "acct_used_flag": "1", "mid_setl_flag": "0",
           "setl_date": "2026-03-10", "invono": "INV1"}
}"#;

/// The national platform's answer to the base bill.
pub(crate) const NATIONAL: &str = r#"{
  "setlinfo": {
    "medfee_sumamt": "100.00", "fulamt_ownpay_amt": "10.00", "overlmt_selfpay": "0", "preselfpay_amt": "5.00",
    "inscp_scp_amt": "85.00", "act_pay_dedc": "20.00", "hifp_pay": "50.00", "cvlserv_pay": "0", "hifes_pay": "0",
    "hifmi_pay": "3.00", "hifob_pay": "0", "maf_pay": "0", "oth_pay": "0", "fund_pay_sumamt": "53.00",
    "hosp_part_amt": "2.00", "psn_part_amt": "45.00", "acct_pay": "5.00", "psn_cash_pay": "40.00"
  },
  "setldetail": [
    {"fund_pay_type": "390100", "fund_payamt": "50.00"}, {"fund_pay_type": "390200", "fund_payamt": "3.00"},
    {"fund_pay_type": "310200", "fund_payamt": "5.00"}, {"fund_pay_type": "999996", "fund_payamt": "2.00"}
  ]
}"#;

/// The base message.
pub(crate) fn base() -> v1::SettleBillRequest {
    edited("")
}

/// The base message with edits, one a line: `path = value` sets a text, `drop path` removes a node, row or field,
/// `copy path` appends a row to its list once more, `national` adds the national answer
/// and the split of every line that has none.
pub(crate) fn edited(edits: &str) -> v1::SettleBillRequest {
    let mut message: Value = serde_json::from_str(BASE).unwrap();
    for edit in edits.lines().map(str::trim).filter(|edit| !edit.is_empty()) {
        apply(&mut message, edit);
    }
    serde_json::from_value(message).unwrap()
}

fn apply(message: &mut Value, edit: &str) {
    if edit == "national" {
        message["national"] = serde_json::from_str(NATIONAL).unwrap();
        for line in message["feedetail"].as_array_mut().unwrap() {
            if line.get("inscp_scp_amt").is_none() {
                let amount = line["det_item_fee_sumamt"].clone();
                let parts = ["fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt"];
                parts.into_iter().for_each(|part| line[part] = Value::String("0".to_owned()));
                line["inscp_scp_amt"] = amount;
            }
        }
    } else if let Some(path) = edit.strip_prefix("drop ") {
        let pointer = pointer(path);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match message.pointer_mut(parent).unwrap() {
            Value::Object(node) => assert!(node.remove(name).is_some(), "{edit}"),
            Value::Array(list) => drop(list.remove(name.parse().unwrap())),
            _ => panic!("{edit}"),
        }
    } else if let Some(path) = edit.strip_prefix("copy ") {
        let pointer = pointer(path);
        let row = message.pointer(&pointer).unwrap().clone();
        let (list, _) = pointer.rsplit_once('/').unwrap();
        message.pointer_mut(list).unwrap().as_array_mut().unwrap().push(row);
    } else {
        let (path, value) = edit.split_once(" =").unwrap();
        let pointer = pointer(path);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let value = value.strip_prefix(' ').unwrap_or("").replace("\\n", "\n");
        message.pointer_mut(parent).unwrap()[name] = Value::String(value);
    }
}

fn pointer(path: &str) -> String {
    format!("/{}", path.trim().replace(['.', '['], "/").replace(']', ""))
}
