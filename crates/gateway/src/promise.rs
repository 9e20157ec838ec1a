//! Whether a settlement keeps to a quote: the same amounts, or the first input that changed.
//!
//! Compares answers as they were given and inputs as they were sent and seen; computes nothing. Because the core is pure,
//! amounts that differ have an input that differs, or come from another release of it.

use std::collections::BTreeSet;

use bedside_claim::{AccumulatorKey, Accumulators, Lang, Money};

use crate::canonical::Difference;
use crate::invalid::Phrase;
use crate::v1;

/// An input that is not what the quote was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangedInput {
    /// A field of the bill.
    Bill(Difference),
    /// A pack: another version decides, or one that did not before, or none.
    Pack {
        /// `authority/product`.
        id: String,
        /// The version at the time of the quote; empty for none.
        quoted: String,
        /// The version now; empty for none.
        now: String,
    },
    /// An accumulator, with what others have reserved of it.
    Accumulator {
        /// Which, without what names an accident or a family.
        name: String,
        /// Its value at the time of the quote.
        quoted: Money,
        /// Its value now.
        now: Money,
    },
    /// The engine itself: a release that computes otherwise.
    Engine,
}

impl ChangedInput {
    /// The name for a program: `bill.<field>`, `pack.<id>`, `accumulator.<name>`, `engine`.
    pub fn name(&self) -> String {
        match self {
            ChangedInput::Bill(difference) => format!("bill.{}", difference.field),
            ChangedInput::Pack { id, .. } => format!("pack.{id}"),
            ChangedInput::Accumulator { name, .. } => format!("accumulator.{name}"),
            ChangedInput::Engine => "engine".to_owned(),
        }
    }

    /// What it was and what it is, for people; personal values masked.
    pub fn values(&self, lang: Lang) -> (String, String) {
        let version = |version: &str| if version.is_empty() { "-" } else { version }.to_owned();
        match self {
            ChangedInput::Bill(Difference { stored, sent, .. }) => (stored.text(lang), sent.text(lang)),
            ChangedInput::Pack { quoted, now, .. } => (version(quoted), version(now)),
            ChangedInput::Accumulator { quoted, now, .. } => (quoted.to_string(), now.to_string()),
            ChangedInput::Engine => ("-".to_owned(), "-".to_owned()),
        }
    }

    /// The sentence for the caller.
    pub(crate) fn phrase(&self) -> Phrase {
        let name = self.name();
        let ((quoted_zh, now_zh), (quoted, now)) = (self.values(Lang::Zh), self.values(Lang::En));
        Phrase::made(
            format!("金额与预结算不同：`{name}` 预结算时为 {quoted_zh}，现为 {now_zh}；未记账，预结算仍保留"),
            format!(
                "the amounts are not the quoted ones: `{name}` was {quoted}, now is {now}; nothing was booked, the hold stays"
            ),
        )
    }
}

/// Whether every amount is the same: of payers, hospital, account and patient, on every line, and beside the bill. What
/// is left on the account is not an amount of the settlement.
pub fn same_amounts(quoted: &v1::Settlement, now: &v1::Settlement) -> bool {
    let totals = |settlement: &v1::Settlement| {
        settlement.setlinfo.clone().map(|setlinfo| v1::SetlInfo { balc: String::new(), ..setlinfo })
    };
    let payment = |payment: &v1::Payment| {
        let v1::Payment { payer_code, pack_id, benefit_id, amount, .. } = payment;
        [payer_code, pack_id, benefit_id, amount].map(String::clone)
    };
    let payments =
        |settlement: &v1::Settlement| -> Vec<_> { settlement.payments.iter().map(payment).collect() };
    let to_person = |settlement: &v1::Settlement| -> Vec<_> {
        let paid = settlement.to_person.iter();
        paid.map(|paid| (paid.payment.as_ref().map(payment), paid.evt_no.clone())).collect()
    };
    totals(quoted) == totals(now)
        && payments(quoted) == payments(now)
        && to_person(quoted) == to_person(now)
        && quoted.mulaid == now.mulaid
        && amounts_by_line(&quoted.lines) == amounts_by_line(&now.lines)
}

/// The amounts of each line behind its number, in whichever order the lines came.
fn amounts_by_line(lines: &[v1::LineSettlement]) -> Vec<Vec<&str>> {
    let mut all: Vec<Vec<&str>> = lines.iter().map(amounts_of).collect();
    all.sort_unstable();
    all
}

fn amounts_of(line: &v1::LineSettlement) -> Vec<&str> {
    let own = [
        &line.feedetl_sn,
        &line.det_item_fee_sumamt,
        &line.fulamt_ownpay_amt,
        &line.overlmt_amt,
        &line.preselfpay_amt,
        &line.inscp_scp_amt,
        &line.hosp_part_amt,
        &line.acct_pay,
        &line.psn_cash_pay,
    ];
    own.into_iter().chain(&line.shares).map(String::as_str).collect()
}

/// The first input that differs: the bill, then the packs in the programme's order, then the accumulators; of several
/// accumulators the one that alone, put back, would give the quoted amounts, which `restores` tells. A bill comes
/// canonical, an answer for its packs.
pub fn first_changed(
    (quoted_bill, quoted, quoted_seen): (v1::SettleBillRequest, &v1::Settlement, &Accumulators),
    (bill, now, seen): (v1::SettleBillRequest, &v1::Settlement, &Accumulators),
    restores: impl Fn(&Accumulators) -> bool,
) -> Option<ChangedInput> {
    Difference::of_bills(quoted_bill, bill)
        .map(ChangedInput::Bill)
        .or_else(|| changed_pack(&quoted.packs, &now.packs))
        .or_else(|| changed_accumulator(quoted_seen, seen, restores))
}

fn changed_pack(quoted: &[v1::PackUse], now: &[v1::PackUse]) -> Option<ChangedInput> {
    let version_in = |packs: &[v1::PackUse], id: &str| {
        packs.iter().find(|pack| pack.id == id).map(|pack| pack.version.clone()).unwrap_or_default()
    };
    let ids = quoted.iter().chain(now).map(|pack| pack.id.as_str());
    ids.into_iter().find_map(|id| {
        let (quoted, now) = (version_in(quoted, id), version_in(now, id));
        (quoted != now).then(|| ChangedInput::Pack { id: id.to_owned(), quoted, now })
    })
}

/// How many accumulators are put back one by one: it happens on the committer's thread.
const PUT_BACK_MAX: usize = 16;

fn changed_accumulator(
    quoted: &Accumulators,
    now: &Accumulators,
    restores: impl Fn(&Accumulators) -> bool,
) -> Option<ChangedInput> {
    let keys: BTreeSet<&AccumulatorKey> = quoted.iter().chain(now.iter()).map(|(key, _)| key).collect();
    let changed: Vec<&AccumulatorKey> =
        keys.into_iter().filter(|key| quoted.get(key) != now.get(key)).collect();
    let is_cause = |key: &&AccumulatorKey| {
        let mut put_back = now.clone();
        put_back.set((*key).clone(), quoted.get(key));
        restores(&put_back)
    };
    let cause = changed.iter().copied().take(PUT_BACK_MAX).find(is_cause);
    let key = cause.or(changed.first().copied())?;
    // The term may name an accident, and the subject an event.
    let name = format!("{} {} {}", key.pack, key.benefit, key.measure.name());
    Some(ChangedInput::Accumulator { name, quoted: quoted.get(key), now: now.get(key) })
}
