//! A claim's life on one screen: each record of it, the nodes it went through, and what stands now.
//!
//! Reads the journal alone. Amounts are those of the postings; names of payers come from the stored answers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bedside_claim::{Lang, Money};
use bedside_gateway::{answer, stored};
use bedside_ledger::{Node, Posting, Record, read_journal};
use serde_json::{Value, json};

use super::{Bar, open_failure, time};
use crate::failure::Failure;
use crate::format::table;

/// What a visit is called in a ledger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Visit {
    tenant: Arc<str>,
    fixmedins_code: Arc<str>,
    mdtrt_id: Arc<str>,
}

impl Visit {
    fn of(record: &Record) -> Visit {
        Visit {
            tenant: Arc::clone(&record.message.tenant),
            fixmedins_code: Arc::clone(&record.message.fixmedins_code),
            mdtrt_id: Arc::clone(&record.mdtrt_id),
        }
    }
}

/// One record of a claim, without its bytes.
struct Event {
    sequence: u64,
    booked_at_ms: i64,
    msgid: Arc<str>,
    setl_id: Arc<str>,
    nodes: &'static [Node],
    undoes: Option<u64>,
    medfee_sumamt: Money,
    postings: Vec<Posting>,
}

/// Everything that happened to one claim, in order.
pub(super) struct Life {
    visit: Visit,
    psn_no: Arc<str>,
    events: Vec<Event>,
    /// Payers by the account that they are posted to, in both languages.
    payers: BTreeMap<String, (String, String)>,
}

/// The claim of a visit (`mdtrt_id`) or of a settlement (`setl_id`).
///
/// # Errors
/// Wrong input when there is none, or when several hospitals have a visit of that name; a fault when the journal cannot
/// be read.
pub(super) fn of_claim(folder: &Path, claim: &str, hospital: Option<&str>) -> Result<Life, Failure> {
    let is_asked = |record: &Record| {
        hospital.is_none_or(|hospital| *record.message.fixmedins_code == *hospital)
            && !record.nodes().is_empty()
    };
    let visits = visits(folder, |record| {
        is_asked(record) && (*record.mdtrt_id == *claim || *record.setl_id() == *claim)
    })?;
    let visit = match visits.iter().collect::<Vec<_>>().as_slice() {
        [] => return Err(Failure::wrong_input(format!("the ledger has no claim `{claim}`"))),
        [visit] => (*visit).clone(),
        several => {
            let hospitals: Vec<&str> = several.iter().map(|visit| &*visit.fixmedins_code).collect();
            return Err(Failure::wrong_input(format!(
                "several hospitals have a claim `{claim}`: {}; name one with --hospital",
                hospitals.join(", ")
            )));
        }
    };
    read(folder, visit)
}

fn visits(folder: &Path, is_it: impl Fn(&Record) -> bool) -> Result<BTreeSet<Visit>, Failure> {
    let mut found = BTreeSet::new();
    each(folder, |record| {
        if is_it(&record) {
            found.insert(Visit::of(&record));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Visits every record of a journal, with progress on a terminal.
///
/// # Errors
/// When the folder is no ledger, the journal cannot be read, or `look` fails.
pub(super) fn each(
    folder: &Path,
    mut look: impl FnMut(Record) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut records = read_journal(folder).map_err(open_failure)?;
    let bar = Bar::new("read");
    while let Some(item) = records.next() {
        let (_, record) = item.map_err(Failure::fault)?;
        bar.tell(records.progress());
        look(record)?;
    }
    Ok(())
}

fn read(folder: &Path, visit: Visit) -> Result<Life, Failure> {
    let mut life = Life { visit, psn_no: Arc::from(""), events: Vec::new(), payers: BTreeMap::new() };
    each(folder, |record| {
        if Visit::of(&record) != life.visit {
            return Ok(());
        }
        // Where the answer cannot be read, codes stand for the payers' names.
        let settlement = stored::settlement_of(&record).unwrap_or_default().unwrap_or_default();
        let beside = settlement.to_person.into_iter().filter_map(|paid| paid.payment);
        for payment in settlement.payments.into_iter().chain(beside) {
            let name = payment.payer.unwrap_or_default();
            life.payers.insert(format!("payer:{}", payment.payer_code), (name.zh, name.en));
        }
        life.psn_no = Arc::clone(&record.person.psn_no);
        life.events.push(Event {
            sequence: record.sequence,
            booked_at_ms: record.booked_at_ms,
            msgid: Arc::clone(&record.message.msgid),
            setl_id: record.setl_id(),
            nodes: record.nodes(),
            undoes: record.entry.undoes(),
            medfee_sumamt: record.medfee_sumamt,
            postings: record.postings,
        });
        Ok(())
    })?;
    Ok(life)
}

impl Life {
    /// What stands of the claim, by account.
    fn standing(&self) -> Result<BTreeMap<&str, Money>, Failure> {
        let mut sums = BTreeMap::new();
        for Posting { account, amount } in self.events.iter().flat_map(|event| &event.postings) {
            let sum: &mut Money = sums.entry(&**account).or_default();
            *sum = sum.plus(*amount).map_err(|_| Failure::fault("the sums are out of range"))?;
        }
        sums.retain(|_, sum| !sum.is_zero());
        Ok(sums)
    }

    fn account<'a>(&'a self, account: &'a str, lang: Lang) -> &'a str {
        let own = match account {
            "hospital" => ("医院负担", "hospital"),
            "account" => ("个人账户", "personal account"),
            "cash" => ("个人现金", "patient, cash"),
            "person" => ("付给个人", "to the person"),
            _ => ("", ""),
        };
        let name = match (own, self.payers.get(account)) {
            (("", _), Some((zh, en))) => (zh.as_str(), en.as_str()),
            (own, _) => own,
        };
        match lang {
            _ if name.0.is_empty() => account,
            Lang::Zh => name.0,
            Lang::En => name.1,
        }
    }

    /// The screen.
    ///
    /// # Errors
    /// A fault when the sums leave the range of an amount.
    pub(super) fn text(&self, lang: Lang) -> Result<String, Failure> {
        let of = |zh: &'static str, en: &'static str| match lang {
            Lang::Zh => zh,
            Lang::En => en,
        };
        let Visit { fixmedins_code, mdtrt_id, .. } = &self.visit;
        let mut out = String::new();
        line!(
            out,
            "{} {mdtrt_id}   {} {fixmedins_code}   {} {}",
            of("就诊", "claim"),
            of("医院", "hospital"),
            of("人员", "person"),
            self.psn_no
        );
        line!(out, "{}", self.strip(lang));
        let head = [
            of("时间", "time"),
            of("节点", "node"),
            of("金额（元）", "yuan"),
            of("记录与单号", "record and numbers"),
        ];
        let mut table = table(head, &[2]);
        for event in &self.events {
            let nodes: Vec<String> =
                event.nodes.iter().map(|node| format!("{} {}", node.number(), name(*node, lang))).collect();
            let books = !event.postings.is_empty();
            let mut numbers = format!("{} {}", of("第", "record"), event.sequence);
            if books {
                let _ = write!(numbers, "  {}", event.setl_id);
            }
            let _ = write!(numbers, "\n{} {}", of("报文", "msgid"), event.msgid);
            if let Some(undone) = event.undoes.and_then(|of| self.events.iter().find(|it| it.sequence == of))
            {
                let _ = write!(numbers, "\n{} {}", of("撤销", "undoes"), undone.setl_id);
            }
            let amount = if books { event.medfee_sumamt.to_string() } else { String::new() };
            table.add_row([civil(event.booked_at_ms), nodes.join("\n"), amount, numbers]);
        }
        line!(out, "{table}");
        let standing = self.standing()?;
        if standing.is_empty() {
            line!(out, "{}", of("现在没有有效的结算", "nothing of it stands now"));
        } else {
            let sums: Vec<String> = standing
                .iter()
                .map(|(account, sum)| format!("{} {sum}", self.account(account, lang)))
                .collect();
            line!(out, "{}{}", of("现在有效：", "stands now: "), sums.join(of("，", ", ")));
        }
        Ok(out)
    }

    /// The twelve nodes in a row, those it went through marked.
    fn strip(&self, lang: Lang) -> String {
        let been: BTreeSet<Node> = self.events.iter().flat_map(|event| event.nodes).copied().collect();
        let cells = Node::ALL.map(|node| {
            let mark = if been.contains(&node) { "●" } else { "○" };
            format!("{mark}{}", name(node, lang))
        });
        cells.join(" ")
    }

    /// The same for scripts.
    ///
    /// # Errors
    /// A fault when the sums leave the range of an amount.
    pub(super) fn json(&self) -> Result<Value, Failure> {
        let Visit { tenant, fixmedins_code, mdtrt_id } = &self.visit;
        let nodes = self.events.iter().flat_map(|event| {
            event.nodes.iter().map(|node| {
                json!({
                    "number": node.number(),
                    "node": node.code(),
                    "time": time(event.booked_at_ms),
                    "sequence": event.sequence,
                    "msgid": *event.msgid,
                    "setl_id": (!event.postings.is_empty()).then_some(&*event.setl_id),
                })
            })
        });
        let standing: BTreeMap<&str, String> =
            self.standing()?.into_iter().map(|(account, sum)| (account, sum.to_string())).collect();
        Ok(json!({
            "tenant": **tenant,
            "fixmedins_code": **fixmedins_code,
            "mdtrt_id": **mdtrt_id,
            "psn_no": *self.psn_no,
            "nodes": nodes.collect::<Vec<_>>(),
            "standing": standing,
        }))
    }
}

/// In the hospitals' civil time.
fn civil(at_ms: i64) -> String {
    answer::setl_time(at_ms).unwrap_or_else(|| time(at_ms))
}

fn name(node: Node, lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => node.name_zh(),
        Lang::En => node.name_en(),
    }
}

/// The statement that was booked under a `setl_id`, or of what undoes one.
///
/// # Errors
/// Wrong input when the ledger has none; a fault when it cannot be read.
pub(super) fn statement_of(folder: &Path, setl_id: &str) -> Result<bedside_gateway::v1::Settlement, Failure> {
    let mut found = None;
    each(folder, |record| {
        if *record.setl_id() == *setl_id {
            found = stored::settlement_of(&record)
                .map_err(|error| Failure::fault(format!("the answer of {setl_id}: {error}")))?;
        }
        Ok(())
    })?;
    found.ok_or_else(|| Failure::wrong_input(format!("the ledger has no settlement `{setl_id}`")))
}
