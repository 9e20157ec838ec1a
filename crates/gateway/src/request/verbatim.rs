//! The national platform's answers as they arrived: JSON becomes the fields of the wire.
//!
//! Takes the envelope or the bare output, the known aliases, numbers or texts, nulls, and passes over what it does not
//! know, because the answer is another system's document. Numbers are read as they are written, never through a binary
//! fraction. What is not read is not kept, so names and certificates end here. It must not know what a field is worth:
//! whether an amount is one, and whether amounts add up, is asked of the fields afterwards, however they were sent.

use std::borrow::Cow;

use bedside_claim::{Money, Price, Quantity, Rate};
use serde_json::value::RawValue;

use super::fields::{Place, Reader};
use super::proc_info;
use crate::invalid::{InvalidCode, Phrase};
use crate::national_json::Members;
use crate::v1;

/// Bytes of a 2304 or 2305 answer; the longest known is under 4 KiB.
const ANSWER_BYTES_MAX: usize = 256 << 10;
/// Bytes of a 2301 answer.
const FEES_BYTES_MAX: usize = 16 << 20;
/// Nesting of either; the platform's own is five deep.
const DEPTH_MAX: usize = 16;

const ANSWER: &str = "national";
const FEES: &str = "national_fees";

/// The request with every verbatim answer in fields; what could not be read is told, and stays verbatim.
pub(super) fn plain<'a>(
    reader: &mut Reader,
    request: &'a v1::SettleBillRequest,
) -> Cow<'a, v1::SettleBillRequest> {
    let is_plain = request.national.as_ref().is_none_or(|answer| answer.raw_json.is_empty())
        && request.national_fees.iter().all(|fees| fees.raw_json.is_empty());
    if is_plain {
        return Cow::Borrowed(request);
    }
    let mut request = request.clone();
    settle_in_place(reader, &mut request);
    Cow::Owned(request)
}

/// Puts every verbatim answer of the request into fields. One in which anything is wrong stays verbatim, so that whoever
/// reads the request finds it too.
pub(crate) fn make_plain(request: &mut v1::SettleBillRequest) {
    // What is wrong is told when the request is read.
    settle_in_place(&mut Reader::default(), request);
}

/// Puts the verbatim answer of a cancellation into fields.
pub(crate) fn make_plain_cancel(request: &mut v1::CancelSettlementRequest) {
    answer_in_place(&mut Reader::default(), request.national.as_mut());
}

fn settle_in_place(reader: &mut Reader, request: &mut v1::SettleBillRequest) {
    answer_in_place(reader, request.national.as_mut());
    for (batch, fees) in request.national_fees.iter_mut().enumerate() {
        if fees.raw_json.is_empty() {
            continue;
        }
        let place = Place::Row(FEES, batch);
        let (typed, told) = (&fees.result, reader.faults.count());
        let read = read_fees(reader, place, batch, &fees.raw_json, typed.is_empty());
        if let Some(read) = read.filter(|_| reader.faults.count() == told) {
            *fees = read;
        }
    }
}

/// Puts the verbatim answer of a request to settle a stay into fields.
pub(crate) fn make_plain_answer(answer: Option<&mut v1::NationalAnswer>) {
    answer_in_place(&mut Reader::default(), answer);
}

pub(super) fn answer_in_place(reader: &mut Reader, answer: Option<&mut v1::NationalAnswer>) {
    let Some(answer) = answer else { return };
    if !answer.raw_json.is_empty() {
        let alone = answer.setlinfo.is_none() && answer.setldetail.is_empty();
        let told = reader.faults.count();
        let read = read_answer(reader, &answer.raw_json, alone);
        if let Some(read) = read.filter(|_| reader.faults.count() == told) {
            *answer = read;
        }
    }
    for row in &mut answer.setldetail {
        row.setl_proc_info = proc_info::kept(&row.setl_proc_info);
    }
}

fn read_answer(reader: &mut Reader, raw: &str, alone: bool) -> Option<v1::NationalAnswer> {
    let root = document(reader, Place::Node(ANSWER), raw, ANSWER_BYTES_MAX, alone)?;
    let output = output(reader, Place::Node(ANSWER), root)?;
    let Some(output) = output else { return Some(v1::NationalAnswer::default()) };
    let members = object(reader, Place::Node(ANSWER), "output", output)?;
    let mut node = Node { reader, place: Place::Node(ANSWER), members };
    let info = node.raw("setlinfo", &[]);
    let rows = node.raw("setldetail", &[]);
    let setlinfo = match info {
        None => None,
        Some(info) => {
            let members = object(node.reader, Place::Node(ANSWER), "setlinfo", info)?;
            Some(setlinfo(&mut Node {
                reader: node.reader,
                place: Place::Node("national.setlinfo"),
                members,
            }))
        }
    };
    let mut setldetail = Vec::new();
    for (index, row) in rows_of(reader, Place::Node(ANSWER), "setldetail", rows)?.into_iter().enumerate() {
        let place = Place::Row("national.setldetail", index);
        let members = object(reader, place, "", row)?;
        setldetail.push(detail(&mut Node { reader, place, members }));
    }
    Some(v1::NationalAnswer { setlinfo, setldetail, raw_json: String::new() })
}

fn setlinfo(node: &mut Node<'_, '_>) -> v1::NationalSetlInfo {
    v1::NationalSetlInfo {
        medfee_sumamt: node.money("medfee_sumamt", &["med_fee_sumamt"]),
        fulamt_ownpay_amt: node.money("fulamt_ownpay_amt", &[]),
        overlmt_selfpay: node.money("overlmt_selfpay", &["overlmt_amt"]),
        preselfpay_amt: node.money("preselfpay_amt", &["prese_ifpay_amt"]),
        inscp_scp_amt: node.money("inscp_scp_amt", &["inscp_amt"]),
        act_pay_dedc: node.money("act_pay_dedc", &[]),
        hifp_pay: node.money("hifp_pay", &[]),
        cvlserv_pay: node.money("cvlserv_pay", &[]),
        hifes_pay: node.money("hifes_pay", &[]),
        hifmi_pay: node.money("hifmi_pay", &[]),
        hifob_pay: node.money("hifob_pay", &[]),
        maf_pay: node.money("maf_pay", &[]),
        oth_pay: node.money("oth_pay", &["othfund_pay"]),
        fund_pay_sumamt: node.money("fund_pay_sumamt", &[]),
        hosp_part_amt: node.money("hosp_part_amt", &["ownpay_hosp_part"]),
        psn_part_amt: node.money("psn_part_amt", &["psn_pay"]),
        acct_pay: node.money("acct_pay", &[]),
        psn_cash_pay: node.money(
            "psn_cash_pay",
            &["cash_payamt", "cashPayamt", "psn_cashpay", "psnCash_pay", "pdn_cash_pay"],
        ),
        setl_id: node.text("setl_id", &[]),
        pool_prop_selfpay: node.ratio("pool_prop_selfpay"),
        acct_mulaid_pay: node.money("acct_mulaid_pay", &[]),
        hifdm_pay: node.money("hifdm_pay", &[]),
        psn_no: node.text("psn_no", &[]),
        mdtrt_id: node.text("mdtrt_id", &[]),
        insutype: node.text("insutype", &[]),
        balc: node.money("balc", &[]),
    }
}

fn detail(node: &mut Node<'_, '_>) -> v1::SetlDetail {
    v1::SetlDetail {
        fund_pay_type: node.text("fund_pay_type", &[]),
        fund_payamt: node.money("fund_payamt", &[]),
        inscp_scp_amt: node.money("inscp_scp_amt", &["inscp_amt"]),
        crt_payb_lmt_amt: node.money("crt_payb_lmt_amt", &[]),
        setl_proc_info: node.text("setl_proc_info", &[]),
    }
}

fn read_fees(
    reader: &mut Reader,
    place: Place<'_>,
    batch: usize,
    raw: &str,
    alone: bool,
) -> Option<v1::NationalFees> {
    let root = document(reader, place, raw, FEES_BYTES_MAX, alone)?;
    let rows = if root.get().starts_with('[') {
        Some(root)
    } else {
        match output(reader, place, root)? {
            None => None,
            Some(output) if output.get().starts_with('[') => Some(output),
            Some(output) => {
                let members = object(reader, place, "output", output)?;
                Node { reader, place, members }.raw("result", &[])
            }
        }
    };
    let mut result = Vec::new();
    for (index, row) in rows_of(reader, place, "result", rows)?.into_iter().enumerate() {
        let place = Place::Fee(batch, index);
        let members = object(reader, place, "", row)?;
        result.push(fee(&mut Node { reader, place, members }));
    }
    Some(v1::NationalFees { result, raw_json: String::new() })
}

fn fee(node: &mut Node<'_, '_>) -> v1::FeeResult {
    v1::FeeResult {
        feedetl_sn: node.text("feedetl_sn", &[]),
        det_item_fee_sumamt: node.money("det_item_fee_sumamt", &[]),
        cnt: node.number("cnt", &[], |text| Quantity::parse(text).ok().map(|cnt| cnt.to_string())),
        pric: node.number("pric", &[], |text| Price::parse(text).ok().map(|pric| pric.to_string())),
        pric_uplmt_amt: node
            .number("pric_uplmt_amt", &[], |text| Price::parse(text).ok().map(|pric| pric.to_string())),
        selfpay_prop: node.ratio("selfpay_prop"),
        fulamt_ownpay_amt: node.money("fulamt_ownpay_amt", &[]),
        overlmt_amt: node.money("overlmt_amt", &["overlmt_selfpay"]),
        preselfpay_amt: node.money("preselfpay_amt", &["prese_ifpay_amt"]),
        inscp_scp_amt: node.money("inscp_scp_amt", &["inscp_amt"]),
    }
}

/// The document, provided that it is JSON within its bounds and no other form of it was sent.
fn document<'a>(
    reader: &mut Reader,
    place: Place<'_>,
    raw: &'a str,
    bytes_max: usize,
    alone: bool,
) -> Option<&'a RawValue> {
    if !alone {
        let allowed = Phrase::fixed("空：已按字段提供", "empty, because the answer is there in fields too");
        reader.fault(place, "raw_json", InvalidCode::Differs, raw, allowed);
        return None;
    }
    if raw.len() > bytes_max || depth(raw) > DEPTH_MAX {
        let allowed = Phrase::made(
            format!("至多 {bytes_max} 字节、{DEPTH_MAX} 层嵌套"),
            format!("up to {bytes_max} bytes, nested up to {DEPTH_MAX} deep"),
        );
        reader.fault(place, "raw_json", InvalidCode::TooLarge, raw, allowed);
        return None;
    }
    let document = serde_json::from_str(raw).ok();
    if document.is_none() {
        let allowed =
            Phrase::fixed("国家平台返回的 JSON 原文", "the platform's answer in JSON, as it arrived");
        reader.fault(place, "raw_json", InvalidCode::NotJson, raw, allowed);
    }
    document
}

/// How deep lists and objects are nested; brackets in texts do not count.
fn depth(raw: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0usize, 0usize, false, false);
    for byte in raw.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The output of an envelope that says it succeeded, or the document itself where it is no envelope. The outer `None` is a
/// fault, the inner one an envelope without output.
fn output<'a>(reader: &mut Reader, place: Place<'_>, root: &'a RawValue) -> Option<Option<&'a RawValue>> {
    let members = object(reader, place, "raw_json", root)?;
    let is_envelope = members.iter().any(|(name, _)| name == "infcode" || name == "output");
    if !is_envelope {
        return Some(Some(root));
    }
    let mut node = Node { reader, place, members };
    // An output without its envelope's code was taken out of one by hand.
    let is_named = node.members.iter().any(|(name, _)| name == "infcode");
    let infcode = node.text("infcode", &[]);
    if is_named && infcode != "0" {
        let allowed = Phrase::fixed("0（成功）", "0, success");
        node.reader.fault(place, "infcode", InvalidCode::NationalFailed, &infcode, allowed);
        return None;
    }
    Some(node.raw("output", &[]))
}

fn object<'a>(
    reader: &mut Reader,
    place: Place<'_>,
    name: &str,
    raw: &'a RawValue,
) -> Option<Vec<(String, &'a RawValue)>> {
    let members = serde_json::from_str::<Members<'a>>(raw.get());
    if members.is_err() {
        let allowed = Phrase::fixed("JSON 对象", "an object");
        // The document itself is masked by its name.
        let shown = if name == "raw_json" { raw.get() } else { kind(raw) };
        reader.fault(place, name, InvalidCode::NotJson, shown, allowed);
    }
    members.ok().map(|members| members.0)
}

/// The rows of a list; one model of the interface declares a single object instead.
fn rows_of<'a>(
    reader: &mut Reader,
    place: Place<'_>,
    name: &str,
    raw: Option<&'a RawValue>,
) -> Option<Vec<&'a RawValue>> {
    let Some(raw) = raw else { return Some(Vec::new()) };
    if raw.get().starts_with('{') {
        return Some(vec![raw]);
    }
    let rows = serde_json::from_str::<Vec<&'a RawValue>>(raw.get()).ok();
    if rows.is_none() {
        let allowed = Phrase::fixed("JSON 列表", "a list");
        reader.fault(place, name, InvalidCode::NotJson, kind(raw), allowed);
    }
    rows
}

/// What a value is, without saying it.
fn kind(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// One object of the answer while its fields are read.
struct Node<'r, 'a> {
    reader: &'r mut Reader,
    place: Place<'r>,
    members: Vec<(String, &'a RawValue)>,
}

impl<'a> Node<'_, 'a> {
    /// The first of the names that is there and not null.
    fn raw(&mut self, name: &str, aliases: &[&str]) -> Option<&'a RawValue> {
        [name].iter().chain(aliases).find_map(|name| self.member(name))
    }

    fn member(&mut self, name: &str) -> Option<&'a RawValue> {
        let mut found = self.members.iter().filter(|(known, _)| known == name).map(|(_, raw)| *raw);
        let first = found.next()?;
        if found.any(|other| other.get() != first.get()) {
            let allowed = Phrase::fixed("只出现一次的字段", "a field that stands there once");
            self.reader.fault(self.place, name, InvalidCode::DuplicateRow, "", allowed);
        }
        let is_empty = matches!(first.get(), "null" | "\"\"");
        (!is_empty).then_some(first)
    }

    /// A text, or a number as it is written; empty where there is neither.
    fn text(&mut self, name: &str, aliases: &[&str]) -> String {
        let Some(raw) = self.raw(name, aliases) else { return String::new() };
        match raw.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str::<String>(raw.get())
                .map(|text| text.trim().to_owned())
                .unwrap_or_default(),
            Some(b'-' | b'0'..=b'9') => plain_decimal(raw.get()),
            _ => {
                let allowed = Phrase::fixed("文本、数字或 null", "a text, a number or null");
                self.reader.fault(self.place, name, InvalidCode::NotJson, kind(raw), allowed);
                String::new()
            }
        }
    }

    /// A number in its one spelling, so that the same amount makes the same message; what is none stays as it is, to be told.
    fn number(&mut self, name: &str, aliases: &[&str], spelled: impl Fn(&str) -> Option<String>) -> String {
        let text = self.text(name, aliases);
        spelled(&text).unwrap_or(text)
    }

    fn money(&mut self, name: &str, aliases: &[&str]) -> String {
        self.number(name, aliases, |text| Money::parse(text).ok().map(|amount| amount.to_string()))
    }

    fn ratio(&mut self, name: &str) -> String {
        self.number(name, &[], |text| Rate::parse(text).ok().map(|rate| rate.to_string()))
    }
}

/// A JSON number without exponent: `1.878539e4` is `18785.39`. One with an exponent that no amount needs stays as it is.
fn plain_decimal(number: &str) -> String {
    let Some((mantissa, exponent)) = number.split_once(['e', 'E']) else { return number.to_owned() };
    let exponent: i32 = match exponent.parse() {
        Ok(exponent) if (-20..=20).contains(&exponent) => exponent,
        _ => return number.to_owned(),
    };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{whole}{fraction}{}", "0".repeat(21), "0".repeat(21));
    let point = 21 + i32::try_from(whole.len()).unwrap_or(0) + exponent;
    let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0).min(digits.len()));
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_written_out_exactly() {
        let cases = [
            ("18785.39", "18785.39"),
            ("1.878539e4", "18785.39"),
            ("1.878539E+04", "18785.39"),
            ("1878539e-2", "18785.39"),
            ("-5e-1", "-0.5"),
            ("0e0", "0"),
            ("1e20", "100000000000000000000"),
            ("1e-20", "0.00000000000000000001"),
            ("1e21", "1e21"),
            ("1e999999999999", "1e999999999999"),
        ];
        for (number, plain) in cases {
            assert_eq!(plain_decimal(number), plain, "{number}");
        }
    }

    #[test]
    fn brackets_in_texts_nest_nothing() {
        assert_eq!(depth(r#"{"a": "[[[[", "b": [1, {"c\"[": []}]}"#), 4);
    }
}
