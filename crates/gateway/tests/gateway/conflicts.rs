//! When two messages are the same one, and what is named when they are not.

use bedside_claim::Lang;
use bedside_gateway::canonical::{Difference, settle_bytes};

use crate::base::{base, edited};

fn told(edits: &str) -> Option<String> {
    let difference = Difference::of_settle(&settle_bytes(base()), &settle_bytes(edited(edits)))?;
    Some(difference.phrase().text(Lang::En).replace("this msgid was used with other content: ", ""))
}

#[test]
fn a_resend_a_second_later_is_the_same_message() {
    let resent = "header.inf_time = 2026-03-10 12:00:01\nheader.opter = 0002\nheader.opter_name = 赵六\n\
                  baseinfo.psn_name = 张三\nbaseinfo.certno = 330106198001011235";
    assert_eq!(settle_bytes(base()), settle_bytes(edited(resent)));
    assert_eq!(told(resent), None);
}

#[test]
fn names_are_not_in_the_canonical_bytes() {
    let bytes = settle_bytes(base());
    for secret in ["张三丰", "330106198001011234", "王五"] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

#[test]
fn the_first_difference_is_named_in_the_order_of_the_message() {
    let table: &[(&str, &str)] = &[
        ("data.medfee_sumamt = 99.00", "`data.medfee_sumamt` was `100.00`, now is `99.00`"),
        ("feedetail[2].cnt = 2\ndata.medfee_sumamt = 9.00", "`feedetail[2].cnt` was `1`, now is `2`"),
        ("header.community_flag = 1\nfeedetail[2].cnt = 2", "`header.community_flag` was empty, now is `1`"),
        (
            "mdtrtinfo.mdtrt_id = OTHER",
            "`mdtrtinfo.mdtrt_id` was *** (17 characters), now is *** (5 characters)",
        ),
        (
            "baseinfo.psn_no = 33010000000000000000012346",
            "`baseinfo.psn_no` was *** (26 characters), now is *** (26 characters)",
        ),
        ("drop feedetail[2]", "`feedetail[2].feedetl_sn` was `3`, now is empty"),
        ("copy feedetail[0]", "`feedetail[3].feedetl_sn` was empty, now is `1`"),
        ("drop data.setl_date", "`data.setl_date` was `2026-03-10`, now is empty"),
        ("national", "`feedetail[0].fulamt_ownpay_amt` was empty, now is `0`"),
    ];
    for (edits, expected) in table {
        assert_eq!(told(edits).as_deref(), Some(*expected), "{edits}");
    }
}

#[test]
fn a_message_of_another_call_has_no_first_field() {
    let difference = Difference::of_settle(b"\xff\xff", &settle_bytes(base())).unwrap();
    assert_eq!(difference.phrase().text(Lang::En), "this msgid was used for another call before");
}
