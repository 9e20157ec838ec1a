//! One booking of a hospital, and the rows that it sent beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bedside_claim::{Lang, Money, Overflow};
use bedside_ledger::{Entry, Posted};

use super::{DIFFERS, EQUAL, Here, compared, fields_that_differ, out_of_range};
use crate::desk::{Desk, decode};
use crate::errors::Refusal;
use crate::invalid::ShownValue;
use crate::request::Amounts;
use crate::stored;
use crate::v1;

const ONLY_HERE: &str = "only_here";
const ONLY_THERE: &str = "only_there";

/// What was booked for one settlement by one record.
#[derive(Clone)]
pub(super) struct Row {
    setl_id: Arc<str>,
    /// Empty but for a correction's difference.
    correction_id: Arc<str>,
    /// Of the hospital's own call: a correction may be another's.
    msgid: Arc<str>,
    /// Empty where the content was erased, as is the person.
    mdtrt_id: Arc<str>,
    psn_no: Arc<str>,
    entry: &'static str,
    pub(super) amounts: Here,
}

impl Row {
    /// Whether it undoes a settlement.
    pub(super) fn is_refund(&self) -> bool {
        matches!(self.entry, "cancellation" | "reversal")
    }

    fn refd_setl_flag(&self) -> &'static str {
        if self.is_refund() { "1" } else { "0" }
    }

    fn told(&self) -> v1::StatementRow {
        let [medfee_sumamt, fund_pay_sumamt, acct_pay, cash_payamt, commercial_pay] =
            self.amounts.map(|amount| amount.map(|amount| amount.to_string()).unwrap_or_default());
        v1::StatementRow {
            setl_id: self.setl_id.to_string(),
            msgid: self.msgid.to_string(),
            correction_id: self.correction_id.to_string(),
            mdtrt_id: self.mdtrt_id.to_string(),
            psn_no: self.psn_no.to_string(),
            medfee_sumamt,
            fund_pay_sumamt,
            acct_pay,
            cash_payamt,
            commercial_pay,
            refd_setl_flag: self.refd_setl_flag().to_owned(),
        }
    }
}

/// What public funds and commercial policies paid of the bill, as an answer says.
fn funds(settlement: &v1::Settlement) -> Result<[Money; 2], Refusal> {
    let setlinfo = settlement.setlinfo.as_ref();
    let read = |text: Option<&String>| {
        Money::parse(text.map_or("", String::as_str)).map_err(|error| {
            tracing::error!(%error, setl_id = %settlement.setl_id, "a stored answer has no sums");
            Refusal::Fault
        })
    };
    Ok([read(setlinfo.map(|it| &it.fund_pay_sumamt))?, read(setlinfo.map(|it| &it.commercial_pay))?])
}

impl Desk {
    /// The row of what was posted.
    pub(super) fn row_of(&self, posted: &Posted<'_>) -> Result<Row, Refusal> {
        let record = posted.record;
        let setl_id = posted.setl_id();
        let correction_id = posted.corrected.map_or(Arc::from(""), |_| record.setl_id());
        let [fund, commercial] = match posted.corrected {
            // Which of its payers were public funds nobody can tell any more.
            _ if record.is_erased() => [None; 2],
            None => {
                let answer = stored::settlement_of(record).map_err(|error| {
                    tracing::error!(%error, sequence = record.sequence, "a stored answer cannot be read");
                    Refusal::Fault
                })?;
                funds(&answer.unwrap_or_default())?.map(Some)
            }
            Some((sequence, version)) => {
                let before = self.version(&setl_id, version.number.saturating_sub(1))?;
                let before = before.ok_or_else(|| {
                    tracing::error!(sequence, "the version before a correction is missing");
                    Refusal::Fault
                })?;
                let (new, old) = (funds(&decode(&version.answer)?)?, funds(&decode(&before.answer)?)?);
                let difference = |place: usize| new[place].minus(old[place]).map_err(out_of_range);
                [Some(difference(0)?), Some(difference(1)?)]
            }
        };
        let booked = |amount: Result<Money, Overflow>| amount.map(Some).map_err(out_of_range);
        let of_person = |text: &Arc<str>| if record.is_erased() { Arc::from("") } else { Arc::clone(text) };
        Ok(Row {
            setl_id,
            correction_id,
            msgid: Arc::clone(&posted.settled.message.msgid),
            mdtrt_id: of_person(&posted.settled.mdtrt_id),
            psn_no: of_person(posted.psn_no),
            entry: match record.entry {
                Entry::Cancellation { .. } => "cancellation",
                Entry::Reversal { .. } => "reversal",
                Entry::Correction(_) => "correction",
                _ => "settlement",
            },
            amounts: [
                booked(posted.amount())?,
                fund,
                booked(posted.on("account"))?,
                booked(posted.on("cash"))?,
                commercial,
            ],
        })
    }
}

/// The answers to a hospital's rows, made one by one as they are sent: first to each row, then what only the ledger has.
pub(crate) struct Answers {
    here: Vec<Row>,
    /// Places in `here`.
    by_setl_id: BTreeMap<(Arc<str>, Arc<str>), usize>,
    by_msgid: BTreeMap<Arc<str>, usize>,
    there: std::iter::Enumerate<std::vec::IntoIter<(v1::StatementRow, Amounts)>>,
    found: BTreeSet<usize>,
    /// Where to look on for what was not found.
    next_here: usize,
}

impl Answers {
    pub(super) fn of(here: Vec<Row>, there: Vec<(v1::StatementRow, Amounts)>) -> Answers {
        let mut by_setl_id = BTreeMap::new();
        let mut by_msgid = BTreeMap::new();
        for (place, row) in here.iter().enumerate() {
            by_setl_id.insert((Arc::clone(&row.setl_id), Arc::clone(&row.correction_id)), place);
            // The difference of a correction is found by its settlement alone.
            if row.correction_id.is_empty() {
                by_msgid.insert(Arc::clone(&row.msgid), place);
            }
        }
        let there = there.into_iter().enumerate();
        Answers { here, by_setl_id, by_msgid, there, found: BTreeSet::new(), next_here: 0 }
    }

    /// By `setl_id`; where that is unknown by `msgid`.
    fn place_of(&self, sent: &v1::StatementRow) -> Option<usize> {
        let key = (Arc::from(sent.setl_id.as_str()), Arc::from(sent.correction_id.as_str()));
        let by_msgid = || match sent.correction_id.is_empty() {
            true => self.by_msgid.get(sent.msgid.as_str()),
            false => None,
        };
        self.by_setl_id.get(&key).or_else(by_msgid).copied()
    }

    fn answer(
        &mut self,
        index: usize,
        sent: v1::StatementRow,
        amounts: Amounts,
    ) -> Result<v1::ReconcileDetailsResponse, Refusal> {
        let place = self.place_of(&sent);
        let fresh = place.filter(|place| self.found.insert(*place));
        let Some(row) = fresh.and_then(|place| self.here.get(place)) else {
            return Ok(only_there(index, sent, place.is_some()));
        };
        let mut differences = texts(row, &sent);
        differences.extend(compared(row.amounts, amounts)?.into_iter().filter(|it| it.stmt_rslt == DIFFERS));
        let differing = fields_that_differ(&differences);
        Ok(v1::ReconcileDetailsResponse {
            stmt_rslt: if differing.is_empty() { EQUAL } else { DIFFERS }.to_owned(),
            row: index.to_string(),
            booking: Some(row.told()),
            entry: row.entry.to_owned(),
            memo: (!differing.is_empty()).then(|| v1::Text {
                zh: format!("不一致：{}", differing.join("、")),
                en: format!("differs in {}", differing.join(", ")),
            }),
            differences,
        })
    }
}

impl Iterator for Answers {
    type Item = Result<v1::ReconcileDetailsResponse, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((index, (sent, amounts))) = self.there.next() {
            return Some(self.answer(index, sent, amounts));
        }
        loop {
            let place = self.next_here;
            let row = self.here.get(place)?;
            self.next_here += 1;
            if !self.found.contains(&place) {
                return Some(Ok(only_here(row)));
            }
        }
    }
}

/// The fields that are no amounts, where they were sent, were not erased, and differ.
fn texts(row: &Row, sent: &v1::StatementRow) -> Vec<v1::ReconciledField> {
    let fields = [
        ("setl_id", &*row.setl_id, &sent.setl_id),
        ("msgid", &*row.msgid, &sent.msgid),
        ("mdtrt_id", &*row.mdtrt_id, &sent.mdtrt_id),
        ("psn_no", &*row.psn_no, &sent.psn_no),
        ("refd_setl_flag", row.refd_setl_flag(), &sent.refd_setl_flag),
    ];
    let compared = fields.into_iter().filter(|(_, here, there)| !there.is_empty() && !here.is_empty());
    let differing = compared.filter(|(_, here, there)| here != there);
    let shown = |field: &str, value: &str| match ShownValue::of(field, value) {
        ShownValue::Text(text) => text,
        masked => masked.text(Lang::En),
    };
    let told = differing.map(|(field, here, there)| v1::ReconciledField {
        field: field.to_owned(),
        here: shown(field, here),
        there: shown(field, there),
        difference: String::new(),
        stmt_rslt: DIFFERS.to_owned(),
    });
    told.collect()
}

fn only_here(row: &Row) -> v1::ReconcileDetailsResponse {
    let (zh, en) = match row.entry {
        "settlement" => (
            "仅账本有：请补记，或以 msgid 冲正（2601）",
            "only in the ledger: book it, or reverse it by its msgid (2601)",
        ),
        "correction" => (
            "仅账本有：更正的差额，请补记",
            "only in the ledger: the difference that a correction made; book it",
        ),
        _ => ("仅账本有：结算已撤销，请补记", "only in the ledger: a settlement was undone; book that"),
    };
    v1::ReconcileDetailsResponse {
        stmt_rslt: ONLY_HERE.to_owned(),
        row: String::new(),
        booking: Some(row.told()),
        entry: row.entry.to_owned(),
        differences: Vec::new(),
        memo: Some(v1::Text { zh: zh.to_owned(), en: en.to_owned() }),
    }
}

fn only_there(index: usize, sent: v1::StatementRow, is_again: bool) -> v1::ReconcileDetailsResponse {
    let (zh, en) = if is_again {
        ("账本只有一笔，已与前面的行对过", "the ledger has it once, and an earlier row was held against it")
    } else {
        (
            "账本在此期间没有本院的这一笔：请用 QueryByMsgid 查询，未入账的请重新结算",
            "the ledger has no such booking of the hospital in the period: ask QueryByMsgid, and settle what was not booked",
        )
    };
    let v1::StatementRow { setl_id, msgid, correction_id, .. } = sent;
    v1::ReconcileDetailsResponse {
        stmt_rslt: ONLY_THERE.to_owned(),
        row: index.to_string(),
        booking: Some(v1::StatementRow { setl_id, msgid, correction_id, ..Default::default() }),
        entry: String::new(),
        differences: Vec::new(),
        memo: Some(v1::Text { zh: zh.to_owned(), en: en.to_owned() }),
    }
}
