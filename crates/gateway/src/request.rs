//! From the wire to the vocabulary: a message becomes a claim, or everything that is wrong with it.
//!
//! This is the only way in. What leaves here is well formed, lies on real dates, adds up and names rows that exist, so
//! that neither the core nor the ledger looks at a text again. Names and certificates stop here. It must not know any
//! rule, nor whether the message came over the network or from a file.

mod correct;
mod enrol;
mod events;
mod fees;
mod fields;
mod hold;
mod lines;
mod list_fees;
mod national;
mod national_cancel;
mod period;
mod person;
mod prior;
mod proc_info;
mod reverse;
mod stay;
pub(crate) mod verbatim;
mod visit;

use std::sync::Arc;

use bedside_claim::{AccountUse, Bill, Claim, Event};

pub(crate) use self::correct::not_of_the_settlement;
pub use self::correct::{Correction, Effective, correct, service};
pub(crate) use self::enrol::has_account;
pub use self::enrol::{Stated, catalogue_row, get_person, hospital_row, person_row};
pub(crate) use self::hold::read_until;
pub use self::hold::{hold, hold_span, quote};
pub(crate) use self::list_fees::wrong_token;
pub use self::list_fees::{FeePage, PageStart, list_fees};
pub use self::national_cancel::NationalCancel;
pub use self::period::{AMOUNTS, Amounts, Days, Statement, Totals, clearing, statement, totals};
pub use self::prior::prior;
pub(crate) use self::reverse::stay_infno;
pub use self::reverse::{Reversal, Reversible, reverse};
pub(crate) use self::stay::{OPEN_END, so_far};
pub use self::stay::{StayCall, Withdrawn, admit, stay, upload, withdraw};

use self::fields::{AREA, Charset, ID, Place, Reader, TextForm};
use crate::invalid::{InvalidCode, InvalidMessage, Phrase};
use crate::v1;

/// Who calls and which call it is: what makes a message the same message when it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `msgid`: chosen and stored by the hospital before the call.
    pub msgid: Arc<str>,
    /// `fixmedins_code`: scope of the `msgid`.
    pub fixmedins_code: Arc<str>,
}

/// A checked request to cancel a settlement (2305).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// The call.
    pub envelope: Envelope,
    /// `psn_no`.
    pub psn_no: Arc<str>,
    /// `mdtrt_id`: must be the settlement's own.
    pub mdtrt_id: Arc<str>,
    /// `setl_id`: the settlement to cancel.
    pub setl_id: Arc<str>,
    /// The platform's own cancellation (2305), where it was sent.
    pub national: Option<NationalCancel>,
}

/// `msgid`.
const MSGID: TextForm = TextForm::up_to(Charset::MessageId, 30);
/// `fixmedins_code`.
const FIXMEDINS_CODE: TextForm = TextForm::up_to(Charset::Alphanumeric, 30);

/// The claim of a discharge in one document.
///
/// *Units*: `policyinfo.enddate` and the identity's `endtime` are the last day inside on the wire and become the first
/// day after in the claim. An empty `setl_date` is the day of discharge.
///
/// # Errors
/// [`InvalidMessage`] with every fault found (50 listed): fields that are missing, too long or badly formed, codes no
/// table has, dates that are not real or out of order, rows that are named and not there, lines and totals that do not
/// add up (identities I4, I5), a national answer that cannot be read, says that it failed, or whose identities (I1 to I4,
/// I6 to I9, I12) do not hold.
pub fn settle(request: &v1::SettleBillRequest) -> Result<(Envelope, Claim), InvalidMessage> {
    read_bill(request, MidStay::Refused)
}

/// The claim of a bill that was put together from the calls of a stay, as [`settle`]; it may be of the stay so far.
///
/// # Errors
/// As [`settle`].
pub fn settle_stay(bill: &v1::SettleBillRequest) -> Result<(Envelope, Claim), InvalidMessage> {
    read_bill(bill, MidStay::Taken)
}

/// Whether a bill may be that of a stay which goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MidStay {
    Taken,
    Refused,
}

fn read_bill(
    request: &v1::SettleBillRequest,
    mid_stay: MidStay,
) -> Result<(Envelope, Claim), InvalidMessage> {
    let mut reader = Reader::default();
    let plain = verbatim::plain(&mut reader, request);
    let request = plain.as_ref();
    let envelope = envelope(&mut reader, request.header.as_ref());
    let visit = visit::read(&mut reader, request);
    let person = person::read(&mut reader, request, visit.as_ref());
    let events = events::read(&mut reader, &request.evtinfo, visit.as_ref());
    let mut lines = match (request.feedetail.is_empty(), request.evtinfo.is_empty()) {
        (true, false) => None,
        _ => lines::read(&mut reader, &request.feedetail, visit.as_ref()),
    };
    let of_lines = lines
        .as_mut()
        .map(|lines| fees::join(&mut reader, &request.national_fees, lines))
        .unwrap_or_default();
    reader.optional_text(Place::Top, "hold_id", &request.hold_id, ID);
    let data = settle_data(&mut reader, request.data.as_ref(), mid_stay);
    let medfee_sumamt = data.as_ref().map(|(_, medfee_sumamt)| *medfee_sumamt);
    let bill = lines::bill(&mut reader, request, lines, medfee_sumamt);
    let without_basic = request.data.as_ref().is_some_and(|data| data.pub_setl_flag == "0");
    let adopted = match &request.national {
        None => Some(None),
        Some(_) if without_basic => {
            let allowed =
                Phrase::fixed("空或 1：附有国家平台结算结果", "empty or 1 beside a national answer");
            reader.fault(Place::Node("data"), "pub_setl_flag", InvalidCode::Differs, "0", allowed);
            None
        }
        // One that could not be read is told already.
        Some(answer) if !answer.raw_json.is_empty() => None,
        Some(answer) => {
            let is_of_bill = national::is_of(&mut reader, request);
            national::read(&mut reader, answer, bill.as_ref(), of_lines).filter(|_| is_of_bill).map(Some)
        }
    };
    let account = data.map(|(account, _)| account);
    let claim = claim(envelope, visit, person, account, (bill, events), adopted);
    reader.faults.finish(claim)
}

fn claim(
    envelope: Option<Envelope>,
    visit: Option<bedside_claim::Visit>,
    person: Option<bedside_claim::Person>,
    account: Option<AccountUse>,
    (bill, events): (Option<Bill>, Option<Vec<Event>>),
    adopted: Option<Option<bedside_claim::AdoptedResult>>,
) -> Option<(Envelope, Claim)> {
    Some((
        envelope?,
        Claim {
            person: person?,
            visit: visit?,
            bill: bill?,
            events: events?,
            account: account?,
            adopted: adopted?,
        },
    ))
}

/// The checked request to cancel a settlement.
///
/// # Errors
/// [`InvalidMessage`] with every fault found: missing or badly formed `msgid`, `fixmedins_code`, `psn_no`,
/// `mdtrt_id` or `setl_id`; a 2305 answer that cannot be read or whose identities do not hold.
pub fn cancel(request: &v1::CancelSettlementRequest) -> Result<Cancellation, InvalidMessage> {
    let mut reader = Reader::default();
    let envelope = envelope(&mut reader, request.header.as_ref());
    let psn_no = reader.text(Place::Top, "psn_no", &request.psn_no, ID);
    let mdtrt_id = reader.text(Place::Top, "mdtrt_id", &request.mdtrt_id, ID);
    let setl_id = reader.text(Place::Top, "setl_id", &request.setl_id, ID);
    let mut answer = request.national.clone();
    verbatim::answer_in_place(&mut reader, answer.as_mut());
    let national = match &answer {
        None => Some(None),
        Some(answer) if !answer.raw_json.is_empty() => None,
        Some(answer) => national_cancel::read(&mut reader, answer).map(Some),
    };
    let cancellation = cancellation(envelope, psn_no, mdtrt_id, setl_id, national);
    reader.faults.finish(cancellation)
}

fn cancellation(
    envelope: Option<Envelope>,
    psn_no: Option<Arc<str>>,
    mdtrt_id: Option<Arc<str>>,
    setl_id: Option<Arc<str>>,
    national: Option<Option<NationalCancel>>,
) -> Option<Cancellation> {
    Some(Cancellation {
        envelope: envelope?,
        psn_no: psn_no?,
        mdtrt_id: mdtrt_id?,
        setl_id: setl_id?,
        national: national?,
    })
}

/// The call that `QueryByMsgid` asks about, and the size of the tree in a receipt that the caller holds.
///
/// # Errors
/// [`InvalidMessage`]: missing or badly formed `fixmedins_code` or `msgid`, or a size that is no number.
pub fn query(request: &v1::QueryByMsgidRequest) -> Result<(Envelope, Option<u64>), InvalidMessage> {
    let mut reader = Reader::default();
    let fixmedins_code = reader.text(Place::Top, "fixmedins_code", &request.fixmedins_code, FIXMEDINS_CODE);
    let msgid = reader.text(Place::Top, "msgid", &request.msgid, MSGID);
    let envelope = match (msgid, fixmedins_code) {
        (Some(msgid), Some(fixmedins_code)) => Some(Envelope { msgid, fixmedins_code }),
        _ => None,
    };
    let allowed = Phrase::fixed("回执检查点中的记录数", "the number of records in a receipt's checkpoint");
    let digits = |size: &str| size.bytes().all(|it| it.is_ascii_digit()).then(|| size.parse::<u64>().ok());
    let read = |size: &str| digits(size).flatten().map(Some);
    let size = &request.known_tree_size;
    let known = reader.optional_code(Place::Top, "known_tree_size", size, None, read, allowed);
    reader.faults.finish(envelope.zip(known))
}

/// The version that `GetSettlement` asks for, `None` for the newest; checks `setl_id` and the `psn_no` it must belong to.
///
/// # Errors
/// [`InvalidMessage`]: one of them missing, or a field badly formed.
pub fn get_settlement(request: &v1::GetSettlementRequest) -> Result<Option<u32>, InvalidMessage> {
    let mut reader = Reader::default();
    let setl_id = reader.text(Place::Top, "setl_id", &request.setl_id, ID);
    let psn_no = reader.text(Place::Top, "psn_no", &request.psn_no, ID);
    reader.optional_text(Place::Top, "mdtrt_id", &request.mdtrt_id, ID);
    reader.optional_text(Place::Top, "fixmedins_code", &request.fixmedins_code, FIXMEDINS_CODE);
    let allowed = Phrase::fixed("空，或从 1 起的版本号", "empty, or the number of a version from 1");
    let number =
        |text: &str| text.parse::<u32>().ok().filter(|it| *it > 0 && it.to_string() == text).map(Some);
    let version = reader.optional_code(Place::Top, "version", &request.version, None, number, allowed);
    reader.faults.finish(version.filter(|_| setl_id.is_some() && psn_no.is_some()))
}

/// The benefit year that `GetAccumulators` asks about; `None` asks about every year.
///
/// # Errors
/// [`InvalidMessage`]: `psn_no` missing, or a field badly formed.
pub fn get_accumulators(request: &v1::GetAccumulatorsRequest) -> Result<Option<i16>, InvalidMessage> {
    let mut reader = Reader::default();
    let psn_no = reader.text(Place::Top, "psn_no", &request.psn_no, ID);
    reader.optional_text(Place::Top, "fixmedins_code", &request.fixmedins_code, FIXMEDINS_CODE);
    reader.optional_text(Place::Top, "family_no", &request.family_no, ID);
    let allowed = Phrase::fixed("四位年份", "a year of four digits");
    let four_digits = |year: &str| (year.len() == 4).then(|| year.parse::<u16>().ok()).flatten();
    let read = |year: &str| four_digits(year).and_then(|year| i16::try_from(year).ok()).map(Some);
    let year = reader.optional_code(Place::Top, "year", &request.year, None, read, allowed);
    reader.faults.finish(year.filter(|_| psn_no.is_some()))
}

/// The form of an envelope of a call that books nothing, and so may lack it.
fn envelope_optional(reader: &mut Reader, header: Option<&v1::Header>) {
    if let Some(header) = header {
        let place = Place::Node("header");
        reader.optional_text(place, "msgid", &header.msgid, MSGID);
        reader.optional_text(place, "fixmedins_code", &header.fixmedins_code, FIXMEDINS_CODE);
    }
}

fn envelope(reader: &mut Reader, header: Option<&v1::Header>) -> Option<Envelope> {
    envelope_at(reader, "header", header)
}

fn envelope_at(reader: &mut Reader, node: &'static str, header: Option<&v1::Header>) -> Option<Envelope> {
    let header = reader.node(node, header)?;
    let place = Place::Node(node);
    let msgid = reader.text(place, "msgid", &header.msgid, MSGID);
    let fixmedins_code = reader.text(place, "fixmedins_code", &header.fixmedins_code, FIXMEDINS_CODE);
    reader.optional_text(place, "opter", &header.opter, TextForm::up_to(Charset::Text, 30));
    reader.optional_text(place, "opter_name", &header.opter_name, TextForm::up_to(Charset::Text, 50));
    reader.optional_time(place, "inf_time", &header.inf_time, fields::Era::Visit);
    reader.optional_text(place, "insuplc_admdvs", &header.insuplc_admdvs, AREA);
    Some(Envelope { msgid: msgid?, fixmedins_code: fixmedins_code? })
}

/// Whether the account may pay, and the stated total.
fn settle_data(
    reader: &mut Reader,
    data: Option<&v1::SettleData>,
    mid_stay: MidStay,
) -> Option<(AccountUse, bedside_claim::Money)> {
    let data = reader.node("data", data)?;
    let place = Place::Node("data");
    let medfee_sumamt = reader.money(place, "medfee_sumamt", &data.medfee_sumamt);
    if !matches!(data.psn_setlway.as_str(), "" | "01") {
        let allowed = Phrase::fixed("01 按项目结算", "01 (settled by item)");
        reader.fault(place, "psn_setlway", InvalidCode::NotSupported, &data.psn_setlway, allowed);
    }
    let account = reader.flag(place, "acct_used_flag", &data.acct_used_flag);
    let is_mid_stay = data.mid_setl_flag == "1";
    if is_mid_stay && mid_stay == MidStay::Refused {
        let allowed = Phrase::fixed(
            "0：中途结算须先办理入院（2401）并用 Settle",
            "0: a stay is settled midway by Settle, after Admit",
        );
        reader.fault(place, "mid_setl_flag", InvalidCode::MidSettlement, &data.mid_setl_flag, allowed);
    }
    if mid_stay == MidStay::Refused && !data.prev_setl_flag.is_empty() {
        let allowed = Phrase::fixed("空：由系统填写", "empty: the engine says it itself");
        reader.fault(place, "prev_setl_flag", InvalidCode::NotSupported, &data.prev_setl_flag, allowed);
    }
    reader.optional_text(place, "invono", &data.invono, TextForm::up_to(Charset::Text, 50));
    let account = if account? { AccountUse::Use } else { AccountUse::Keep };
    Some((account, medfee_sumamt?))
}
