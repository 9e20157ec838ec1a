//! From the vocabulary back to the wire: a settlement becomes the answer that is stored and sent.
//!
//! The bytes of this message are the evidence: they are written once, before the commit, and replayed for ever, so
//! that nothing here may depend on anything but its arguments. It must not compute an amount beyond sums that the
//! settlement itself offers.

mod adoption;
mod explanation;
mod mirror;
mod reserved;

use bedside_claim::{
    BenefitCard, Claim, Fault, Grade, Lang, Line, LineSplit, Money, Origin, Owner, PackCard, PackStatus,
    PayerKind, PublicLayers, Settlement, Term,
};
use bedside_ledger::Period;
use jiff::Timestamp;
use jiff::tz::Offset;

use crate::request::Envelope;
use crate::v1;

pub use self::mirror::{MirrorError, mirror};
pub use self::reserved::reserved;

/// China Standard Time, the civil time of every hospital.
const CHINA: Offset = Offset::constant(8);

/// What the ledger gives a settlement when it books it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booking<'a> {
    /// `setl_id`.
    pub setl_id: &'a str,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub booked_at_ms: i64,
}

/// The answer to a claim; without a booking it is a pre-settlement, whose `setl_id` and `setl_time` are empty.
///
/// *Units*: amounts as decimal text with two decimals; `setl_time` in China Standard Time; `balc` is what is on the
/// account after the booking.
///
/// # Errors
/// [`Fault::OutOfRange`] when a sum or the time leaves its range.
pub fn settlement(
    claim: &Claim,
    envelope: &Envelope,
    settlement: &Settlement,
    booking: Option<Booking<'_>>,
) -> Result<v1::Settlement, Fault> {
    let setl_time = match booking {
        Some(booking) => setl_time(booking.booked_at_ms).ok_or(Fault::OutOfRange)?,
        None => String::new(),
    };
    let adoption::Wire { public_layers, variances, own_computation, identities_checked } =
        adoption::wire(&settlement.public_layers)?;
    Ok(v1::Settlement {
        setl_id: booking.map(|booking| booking.setl_id.to_owned()).unwrap_or_default(),
        mdtrt_id: claim.visit.mdtrt_id.to_string(),
        psn_no: claim.person.psn_no.to_string(),
        medins_setl_id: envelope.msgid.to_string(),
        setl_time,
        programme: settlement.programme.to_string(),
        benefit_year: settlement.benefit_year.to_string(),
        setlinfo: Some(setlinfo(claim, settlement)?),
        payments: settlement.payments.iter().map(|paid| payment(&paid.benefit, paid.amount)).collect(),
        lines: claim
            .bill
            .lines()
            .iter()
            .enumerate()
            .map(|(place, item)| line(settlement, place, item))
            .collect(),
        explanation: settlement.explanation.iter().map(explanation::step).collect(),
        packs: settlement.packs.iter().map(|pack| pack_use(pack)).collect(),
        accumulators: settlement.accumulators.iter().map(accumulator).collect(),
        public_layers: public_layers.to_owned(),
        variances,
        own_computation,
        identities_checked,
        init_setl_id: String::new(),
        notices: settlement.packs.iter().filter_map(|pack| notice(pack)).collect(),
        to_person: settlement
            .to_person
            .iter()
            .map(|paid| v1::FixedPayment {
                payment: Some(payment(&paid.benefit, paid.amount)),
                evt_no: paid.evt_no.as_ref().map(ToString::to_string).unwrap_or_default(),
            })
            .collect(),
        mulaid: settlement
            .account
            .relatives
            .iter()
            .map(|(psn_no, amount)| v1::MulAidPayment {
                psn_no: psn_no.to_string(),
                amount: amount.to_string(),
            })
            .collect(),
        register_versions: Vec::new(),
    })
}

/// The day in China Standard Time.
pub(crate) fn china_day(at: Timestamp) -> bedside_claim::Date {
    CHINA.to_datetime(at).date()
}

/// What is booked on these days in China Standard Time, both included; `None`: from the first record, or to the last. A settlement
/// counts on the day on which it was booked, whatever its `setl_date`.
pub fn days(from: Option<bedside_claim::Date>, to: Option<bedside_claim::Date>) -> Period {
    let begins =
        |day: bedside_claim::Date| CHINA.to_timestamp(day.at(0, 0, 0, 0)).ok().map(|it| it.as_millisecond());
    // The days before the first and behind the last that there are have no records.
    let from_ms = from.and_then(begins).unwrap_or(Period::ALWAYS.from_ms);
    let until_ms = to.and_then(|to| begins(to.tomorrow().ok()?)).unwrap_or(Period::ALWAYS.until_ms);
    Period { from_ms, until_ms }
}

/// `yyyy-MM-dd HH:mm:ss` in China Standard Time; `None` past the year 9999.
pub fn setl_time(booked_at_ms: i64) -> Option<String> {
    let booked_at = Timestamp::from_millisecond(booked_at_ms).ok()?;
    let civil = CHINA.to_datetime(booked_at);
    Some(civil.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// The ledger's entry for a settlement: what each payer, the hospital, the account and the patient owe.
///
/// *Shape*: account and amount in payment order, then `hospital`, `account`, `cash`; what is paid to the person beside the
/// bill stands on the payer and, negated, on `person`; zero amounts are left out. They sum to `medfee_sumamt`.
pub fn postings(settlement: &Settlement) -> Vec<(String, Money)> {
    let payers = settlement
        .payments
        .iter()
        .map(|payment| (format!("payer:{}", payment.benefit.payer.code), payment.amount));
    let own = [
        ("hospital".to_owned(), settlement.hosp_part_amt),
        ("account".to_owned(), settlement.acct_pay),
        ("cash".to_owned(), settlement.psn_cash_pay),
    ];
    let beside = settlement.to_person.iter().flat_map(|paid| {
        let received = Money::from_units(-paid.amount.units());
        let payer = format!("payer:{}", paid.benefit.payer.code);
        [(payer, paid.amount), ("person".to_owned(), received)]
    });
    payers.chain(own).chain(beside).filter(|(_, amount)| !amount.is_zero()).collect()
}

fn setlinfo(claim: &Claim, settlement: &Settlement) -> Result<v1::SetlInfo, Fault> {
    let paid_by = |kind: PayerKind| settlement.paid_by(kind).map(|amount| amount.to_string());
    let psn_part_amt = settlement.acct_pay.plus(settlement.psn_cash_pay)?;
    let paid = &settlement.account;
    let balance = claim.person.balc.total()?;
    let is_adopted = matches!(settlement.public_layers, PublicLayers::Adopted(_));
    // Where the platform does not say which part of acct_pay came from the family's accounts, it is what the own balance
    // did not hold; that ends at zero, not below.
    let of_family = claim.adopted.as_ref().and_then(|adopted| adopted.acct_mulaid_pay);
    let own = match of_family {
        Some(of_family) => settlement.acct_pay.minus(of_family)?,
        None if is_adopted => settlement.acct_pay.at_most(balance),
        None => paid.current_year.plus(paid.past_year)?,
    };
    let stated = claim.adopted.as_ref().and_then(|adopted| adopted.balc);
    let balc = stated.map_or_else(|| balance.minus(own).map(Money::or_zero), Ok)?;
    let acct_mulaid_pay = settlement.acct_pay.minus(own)?;
    let of_year = |amount: Money| if is_adopted { String::new() } else { amount.to_string() };
    let to_person_pay = Money::sum(settlement.to_person.iter().map(|paid| paid.amount))?;
    Ok(v1::SetlInfo {
        medfee_sumamt: settlement.medfee_sumamt.to_string(),
        fulamt_ownpay_amt: settlement.split.fulamt_ownpay_amt.to_string(),
        overlmt_selfpay: settlement.split.overlmt_amt.to_string(),
        preselfpay_amt: settlement.split.preselfpay_amt.to_string(),
        inscp_scp_amt: settlement.split.inscp_scp_amt.to_string(),
        act_pay_dedc: settlement.act_pay_dedc.to_string(),
        hifp_pay: paid_by(PayerKind::BasicInsurance)?,
        cvlserv_pay: paid_by(PayerKind::CivilServant)?,
        hifes_pay: paid_by(PayerKind::EnterpriseSupplement)?,
        hifmi_pay: paid_by(PayerKind::CriticalIllness)?,
        hifob_pay: paid_by(PayerKind::LargeAmount)?,
        maf_pay: paid_by(PayerKind::Assistance)?,
        oth_pay: paid_by(PayerKind::OtherFund)?,
        fund_pay_sumamt: settlement.fund_pay_sumamt()?.to_string(),
        commercial_pay: settlement.commercial_pay()?.to_string(),
        hosp_part_amt: settlement.hosp_part_amt.to_string(),
        psn_part_amt: psn_part_amt.to_string(),
        acct_pay: settlement.acct_pay.to_string(),
        psn_cash_pay: settlement.psn_cash_pay.to_string(),
        balc: balc.to_string(),
        acct_mulaid_pay: acct_mulaid_pay.to_string(),
        acct_crt_year_pay: of_year(paid.current_year),
        acct_past_year_pay: of_year(paid.past_year),
        to_person_pay: to_person_pay.to_string(),
    })
}

fn text(zh: &str, en: &str) -> Option<v1::Text> {
    Some(v1::Text { zh: zh.to_owned(), en: en.to_owned() })
}

fn payment(benefit: &BenefitCard, amount: Money) -> v1::Payment {
    v1::Payment {
        payer_kind: benefit.payer.kind.name().to_owned(),
        payer_code: benefit.payer.code.to_string(),
        payer: text(&benefit.payer.name_zh, &benefit.payer.name_en),
        pack_id: pack_id(benefit),
        benefit_id: benefit.id.to_string(),
        benefit: text(&benefit.name_zh, &benefit.name_en),
        clause: benefit.clause.to_string(),
        amount: amount.to_string(),
        origin: match benefit.origin {
            Origin::Pack(_) => "computed",
            Origin::NationalPlatform => "adopted",
        }
        .to_owned(),
    }
}

/// The pack a benefit rests on; empty when the national platform settled it.
fn pack_id(benefit: &BenefitCard) -> String {
    match &benefit.origin {
        Origin::Pack(pack) => pack.id.to_string(),
        Origin::NationalPlatform => String::new(),
    }
}

fn line(settlement: &Settlement, place: usize, item: &Line) -> v1::LineSettlement {
    let shares = settlement.shares.row(place);
    v1::LineSettlement {
        shares: shares.payments.iter().map(ToString::to_string).collect(),
        hosp_part_amt: shares.hosp_part_amt.to_string(),
        acct_pay: shares.acct_pay.to_string(),
        psn_cash_pay: shares.psn_cash_pay.to_string(),
        ..uploaded_line(item, Some(&settlement.line_splits[place]))
    }
}

/// A line that came in and is not settled: its four parts, where they are known, and no shares.
pub(crate) fn uploaded_line(item: &Line, split: Option<&LineSplit>) -> v1::LineSettlement {
    let known = v1::LineSettlement {
        feedetl_sn: item.feedetl_sn.to_string(),
        med_list_codg: item.med_list_codg.to_string(),
        med_chrgitm_type: item.med_chrgitm_type.code().to_owned(),
        det_item_fee_sumamt: item.det_item_fee_sumamt.to_string(),
        ..v1::LineSettlement::default()
    };
    match split {
        Some(split) => split_line(known, split),
        None => known,
    }
}

/// The line with its four parts and the terms that made them.
fn split_line(known: v1::LineSettlement, line_split: &LineSplit) -> v1::LineSettlement {
    let terms = line_split.item.as_ref();
    let ceiling = terms.and_then(|terms| terms.pric_uplmt_amt);
    v1::LineSettlement {
        item_name: terms.map(|terms| terms.name.to_string()).unwrap_or_default(),
        fulamt_ownpay_amt: line_split.split.fulamt_ownpay_amt.to_string(),
        overlmt_amt: line_split.split.overlmt_amt.to_string(),
        preselfpay_amt: line_split.split.preselfpay_amt.to_string(),
        inscp_scp_amt: line_split.split.inscp_scp_amt.to_string(),
        chrgitm_lv: terms.map(|terms| terms.chrgitm_lv.code().to_owned()).unwrap_or_default(),
        selfpay_prop: terms.map(|terms| terms.selfpay_prop.to_string()).unwrap_or_default(),
        pric_uplmt_amt: ceiling.map(|ceiling| ceiling.to_string()).unwrap_or_default(),
        reason_code: line_split.reason.map(|reason| reason.code().to_owned()).unwrap_or_default(),
        reason: line_split.reason.and_then(|reason| text(reason.text(Lang::Zh), reason.text(Lang::En))),
        ..known
    }
}

fn pack_use(pack: &PackCard) -> v1::PackUse {
    v1::PackUse {
        id: pack.id.to_string(),
        version: pack.version.to_string(),
        name: text(&pack.name_zh, &pack.name_en),
        from: pack.from.to_string(),
        until: pack.until.to_string(),
        status: pack.status.name().to_owned(),
        grade: pack.grade.name().to_owned(),
    }
}

/// What must be read with the amounts: a pack that is not in force, or that rests on less than official text.
fn notice(pack: &PackCard) -> Option<v1::Text> {
    let PackCard { id, version, name_zh, name_en, status, grade, .. } = pack;
    let (zh, en) = match status {
        PackStatus::InForce if *grade == Grade::A => return None,
        PackStatus::InForce => (
            format!("{name_zh}（{id} {version}）：部分参数的依据等级为 {}，并非官方原文", grade.name()),
            format!(
                "{name_en} ({id} {version}): some parameters rest on grade {} evidence, not on official text",
                grade.name()
            ),
        ),
        PackStatus::Unverified => (
            format!("{name_zh}（{id} {version}）：{}，金额不得用于实际支付", status.name_zh()),
            format!(
                "{name_en} ({id} {version}): a parameter is not verified; do not pay real money on these amounts"
            ),
        ),
        PackStatus::Demo => (
            format!("{name_zh}（{id} {version}）：{}，金额不得用于实际支付", status.name_zh()),
            format!(
                "{name_en} ({id} {version}): made up for demonstration; do not pay real money on these amounts"
            ),
        ),
    };
    Some(v1::Text { zh, en })
}

fn accumulator(change: &bedside_claim::AccumulatorChange) -> v1::AccumulatorChange {
    let key = &change.key;
    let (benefit_year, term) = term(&key.term);
    v1::AccumulatorChange {
        benefit_year,
        pack_id: key.pack.to_string(),
        benefit_id: key.benefit.to_string(),
        measure: key.measure.name().to_owned(),
        before: change.before.to_string(),
        after: change.after.to_string(),
        owner: owner(&key.owner).to_owned(),
        term,
        subject: key.subject.to_string(),
    }
}

/// The year, or what it runs over where that is no year.
pub(crate) fn term(term: &Term) -> (String, String) {
    match term {
        Term::Year(year) => (year.to_string(), String::new()),
        other => (String::new(), other.to_string()),
    }
}

/// The word for whose accumulator it is; a family's number is personal and stays inside.
pub(crate) fn owner(owner: &Owner) -> &'static str {
    match owner {
        Owner::Person => "person",
        Owner::Family(_) => "family",
    }
}
