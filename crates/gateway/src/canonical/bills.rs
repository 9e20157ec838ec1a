//! The first difference between the bill that was quoted and the one that is settled, for whoever wants to know what changed.
//!
//! Lines are held against each other by their number, not by their place: what was withdrawn or came in is named as such.
//! What always changes comes last: a stay that was quoted before it ended ends at another hour than was assumed, and with a
//! way of discharge; its quote may have come without the data of the settlement.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Difference;
use crate::invalid::ShownValue;
use crate::v1;

pub(super) fn first(quoted: v1::SettleBillRequest, sent: v1::SettleBillRequest) -> Option<Difference> {
    if quoted == sent {
        return None;
    }
    let (of_lines, lines) = line_difference(&quoted.feedetail, &sent.feedetail);
    if of_lines.is_some() {
        return of_lines;
    }
    let (before, after) = (ends_of(&quoted), ends_of(&sent));
    let ends = before.into_iter().zip(after).find(|((_, before), (_, after))| before != after);
    let alone = |mut bill: v1::SettleBillRequest| {
        let (dscginfo, data) = (bill.dscginfo.take(), bill.data.take());
        bill.feedetail.clear();
        let last = v1::SettleBillRequest { dscginfo, data, ..v1::SettleBillRequest::default() };
        (tree(bill), tree(last))
    };
    let ((quoted, quoted_last), (sent, sent_last)) = (alone(quoted), alone(sent));
    let compare = |quoted: &Value, sent: &Value| super::first(String::new(), Some(quoted), Some(sent));
    let ends = ends.map(|((field, before), (_, after))| Difference {
        stored: ShownValue::of(field, &before),
        sent: ShownValue::of(field, &after),
        field: field.to_owned(),
    });
    lines.or_else(|| compare(&quoted, &sent)).or(ends).or_else(|| compare(&quoted_last, &sent_last))
}

/// A line that is gone or new; and a field of a line that stands in both.
fn line_difference(
    quoted: &[v1::FeeDetail],
    sent: &[v1::FeeDetail],
) -> (Option<Difference>, Option<Difference>) {
    fn by_number(lines: &[v1::FeeDetail]) -> BTreeMap<&str, (usize, &v1::FeeDetail)> {
        lines.iter().enumerate().map(|(place, line)| (line.feedetl_sn.as_str(), (place, line))).collect()
    }
    let (quoted, sent) = (by_number(quoted), by_number(sent));
    let path = |place: usize| format!("feedetail[{place}].feedetl_sn");
    let shown = |field: &str, number: &str| ShownValue::of(field, number);
    let gone = quoted.iter().filter(|(number, _)| !sent.contains_key(*number));
    let gone = gone.min_by_key(|(_, (place, _))| *place).map(|(number, (place, _))| {
        let field = path(*place);
        Difference { stored: shown(&field, number), sent: shown(&field, ""), field }
    });
    let new = sent.iter().filter(|(number, _)| !quoted.contains_key(*number));
    let new = new.min_by_key(|(_, (place, _))| *place).map(|(number, (place, _))| {
        let field = path(*place);
        Difference { stored: shown(&field, ""), sent: shown(&field, number), field }
    });
    let both = sent.iter().filter_map(|(number, (place, now))| {
        quoted.get(number).filter(|(_, before)| before != now).map(|(_, before)| (*place, *before, *now))
    });
    let changed = both.min_by_key(|(place, ..)| *place).and_then(|(place, before, now)| {
        super::first(format!("feedetail[{place}]"), Some(&tree(before)), Some(&tree(now)))
    });
    (gone.or(new), changed)
}

/// What of the end of a stay and of the data of its settlement amounts depend on, as far as a quote says it.
fn ends_of(bill: &v1::SettleBillRequest) -> [(&'static str, String); 3] {
    let ended = bill.dscginfo.as_ref().and_then(|it| it.endtime.get(..10)).unwrap_or_default();
    let data = bill.data.clone().unwrap_or_default();
    let settled = if data.setl_date.is_empty() { ended.to_owned() } else { data.setl_date };
    [
        ("dscginfo.endtime", ended.to_owned()),
        ("data.setl_date", settled),
        ("data.acct_used_flag", data.acct_used_flag),
    ]
}

fn tree(message: impl serde::Serialize) -> Value {
    serde_json::to_value(message).unwrap_or_default()
}
