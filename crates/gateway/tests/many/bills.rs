//! Bills of employees insured in Hangzhou, whose lines come with their split, and the policies they hold.

use std::sync::Arc;

use bedside_gateway::v1;
use bedside_policy::Library;
use serde_json::{Value, json};

/// The hospital that the house's client speaks for.
pub(crate) const HOSPITAL: &str = "H33010600001";

/// One stay of one person. Amounts in fen.
#[derive(Debug, Clone)]
pub(crate) struct Bill {
    pub(crate) msgid: String,
    pub(crate) mdtrt_id: String,
    pub(crate) psn_no: String,
    /// Empty: none.
    pub(crate) family_no: String,
    /// 医院等级: `02` tertiary, `05` secondary, `11` ungraded.
    pub(crate) hosp_lv: &'static str,
    /// The day of admission, discharge and settlement.
    pub(crate) date: String,
    pub(crate) in_scope: u64,
    pub(crate) first_pay: u64,
    pub(crate) own_expense: u64,
    /// What is on the personal account before.
    pub(crate) balc: u64,
    pub(crate) policies: Vec<Value>,
}

impl Bill {
    /// One of 2,000.01 inside the catalogue, of a person without family and policies.
    pub(crate) fn plain(msgid: String, mdtrt_id: String, psn_no: String) -> Bill {
        Bill {
            msgid,
            mdtrt_id,
            psn_no,
            family_no: String::new(),
            hosp_lv: "02",
            date: "2026-03-01".to_owned(),
            in_scope: 2_000_01,
            first_pay: 0,
            own_expense: 0,
            balc: 0,
            policies: Vec::new(),
        }
    }

    pub(crate) fn request(&self) -> v1::SettleBillRequest {
        let Bill { msgid, mdtrt_id, psn_no, family_no, hosp_lv, date, policies, .. } = self;
        let parts = [(0, 0, self.in_scope), (0, self.first_pay, 0), (self.own_expense, 0, 0)];
        let lines = parts.into_iter().enumerate().filter(|(_, (own, first, scope))| own + first + scope > 0);
        let feedetail: Vec<Value> = lines.map(|(place, parts)| line(place, date, parts)).collect();
        let total = self.in_scope + self.first_pay + self.own_expense;
        serde_json::from_value(json!({
            "header": {
                "msgid": msgid, "fixmedins_code": HOSPITAL, "fixmedins_name": "示例医院",
                "mdtrtarea_admvs": "330106", "hosp_lv": hosp_lv,
            },
            "baseinfo": { "psn_no": psn_no, "gend": "1", "family_no": family_no },
            "insuinfo": [{
                "insutype": "310", "psn_type": "1101", "insuplc_admdvs": "330106", "balc": yuan(self.balc),
            }],
            "policyinfo": policies,
            "mdtrtinfo": {
                "mdtrt_id": mdtrt_id, "psn_no": psn_no, "insutype": "310", "med_type": "21",
                "begntime": format!("{date} 08:00:00"),
            },
            "diseinfo": [{ "diag_type": "1", "maindiag_flag": "1", "diag_code": "J18.900", "diag_name": "肺炎" }],
            "feedetail": feedetail,
            "dscginfo": { "endtime": format!("{date} 16:00:00") },
            "data": { "medfee_sumamt": yuan(total), "acct_used_flag": "1" },
        }))
        .unwrap()
    }
}

fn line(place: usize, date: &str, (own, first, scope): (u64, u64, u64)) -> Value {
    let amount = yuan(own + first + scope);
    json!({
        "feedetl_sn": (place + 1).to_string(), "fee_ocur_time": format!("{date} 09:00:00"),
        "med_list_codg": format!("E{place}"), "medins_list_codg": format!("E{place}"), "med_chrgitm_type": "14",
        "det_item_fee_sumamt": amount, "cnt": "1", "pric": amount,
        "fulamt_ownpay_amt": yuan(own), "overlmt_amt": "0.00", "preselfpay_amt": yuan(first), "inscp_scp_amt": yuan(scope),
    })
}

pub(crate) fn yuan(fen: u64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// The fen of an amount of an answer.
pub(crate) fn fen(amount: &str) -> i64 {
    let (yuan, fen) = amount.split_once('.').unwrap();
    assert_eq!(fen.len(), 2, "{amount}");
    format!("{yuan}{fen}").parse().unwrap()
}

/// Group cover of a year with a deductible of 20,000 and a limit of 30,000, renewed.
pub(crate) fn group_policy(begndate: &str, enddate: &str) -> Value {
    json!({
        "policy_no": "G-1", "product": "cpic/group-medical", "begndate": begndate, "enddate": enddate,
        "first_begndate": "2024-01-01",
        "amounts": [
            { "name": "deductible", "amount": "20000.00" }, { "name": "general_limit", "amount": "30000.00" },
            { "name": "critical_limit", "amount": "50000.00" },
        ],
    })
}

/// Cover of `family.toml`.
pub(crate) fn family_policy(begndate: &str, enddate: &str) -> Value {
    json!({ "policy_no": "F-1", "product": "demo/family-medical", "begndate": begndate, "enddate": enddate })
}

/// The packs that come with the program, and `family.toml` behind the city's plan.
pub(crate) fn library() -> Arc<Library> {
    let mut files = Library::builtin_files().unwrap();
    files.insert("demo/family-medical/demo.toml".to_owned(), include_str!("family.toml").to_owned());
    let programme = files.get_mut("hangzhou/programmes/employee.toml").unwrap();
    let first = "    { policy = \"demo/accident-medical\" },\n";
    assert!(programme.contains(first));
    *programme = programme.replace(first, &format!("    {{ policy = \"demo/family-medical\" }},\n{first}"));
    Arc::new(Library::from_files(&files).unwrap())
}
