//! A claim's life for people, on one screen, and for scripts.
//!
//! It must not know how the journal is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bedside_claim::{Lang, Money};
use bedside_gateway::answer;
use bedside_ledger::Node;
use serde_json::{Value, json};

use super::super::time;
use super::{Accounts, Event, Life, Revised, Settled, Visit, by_account, out_of_range};
use crate::failure::Failure;
use crate::format::table;

/// As many like events in a row are shown as one.
const FOLDED_FROM: usize = 4;

/// The words of one language.
#[derive(Clone, Copy)]
struct Words(Lang);

impl Words {
    fn of(self, zh: &'static str, en: &'static str) -> &'static str {
        match self.0 {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    fn node(self, node: Node) -> &'static str {
        self.of(node.name_zh(), node.name_en())
    }

    fn erased(self) -> &'static str {
        self.of("（内容已删除）", "(content erased)")
    }

    fn version(self, number: u32) -> String {
        match self.0 {
            Lang::Zh => format!("第{number}版"),
            Lang::En => format!("version {number}"),
        }
    }
}

impl Life {
    /// The screen.
    ///
    /// # Errors
    /// A fault when the sums leave the range of an amount.
    pub(in crate::ledger) fn text(&self, lang: Lang) -> Result<String, Failure> {
        let words = Words(lang);
        let Visit { fixmedins_code, mdtrt_id, .. } = &self.visit;
        // What is erased has names that the ledger made up.
        let is_erased = self.events.iter().all(|event| event.is_erased || event.correction.is_some());
        let name = |name| if is_erased { words.erased() } else { name };
        let mut out = String::new();
        line!(
            out,
            "{} {}   {} {fixmedins_code}   {} {}",
            words.of("就诊", "claim"),
            name(mdtrt_id),
            words.of("医院", "hospital"),
            words.of("人员", "person"),
            name(&self.psn_no)
        );
        line!(out, "{}", self.strip(words));
        let head = [
            words.of("时间", "time"),
            words.of("节点", "node"),
            words.of("金额（元）", "yuan"),
            words.of("记录与单号", "record and numbers"),
        ];
        let mut table = table(head, &[2]);
        for run in self.events.chunk_by(Event::is_like) {
            if let [first, .., last] = run
                && run.len() >= FOLDED_FROM
            {
                table.add_row(folded(first, last, run.len(), words));
                continue;
            }
            for event in run {
                let amount = if event.books() { event.medfee_sumamt.to_string() } else { String::new() };
                let numbers = self.numbers(event, words)?;
                table.add_row([civil(event.booked_at_ms), event.nodes_text(words), amount, numbers]);
            }
        }
        line!(out, "{table}");
        out.push_str(&self.standing_text(words)?);
        Ok(out)
    }

    /// What identifies an event, and what a correction changed.
    fn numbers(&self, event: &Event, words: Words) -> Result<String, Failure> {
        let mut out = format!("{} {}", words.of("第", "record"), event.sequence);
        if event.books() {
            let _ = write!(out, "  {}", event.setl_id);
        }
        if event.is_erased {
            let _ = write!(out, "  {}", words.erased());
        }
        let _ = write!(out, "\n{} {}", words.of("报文", "msgid"), event.msgid);
        if let Some(undone) = event.undoes.and_then(|of| self.events.iter().find(|it| it.sequence == of)) {
            let _ = write!(out, "\n{} {}", words.of("撤销", "undoes"), undone.setl_id);
        }
        let Some(Revised { setl_id, because_of, version }) = &event.correction else { return Ok(out) };
        let version = match version {
            Some(number) => words.version(*number),
            None => words.of("重算后不变", "came out as it was").to_owned(),
        };
        let _ = write!(out, "\n{} {setl_id}  {version}", words.of("更正", "corrects"));
        if let Some(because_of) = because_of {
            let _ = write!(out, "\n{} {because_of}", words.of("起因：更正", "because of the correction of"));
        }
        for (account, amount) in by_account(&event.postings)? {
            let plus = if amount.is_negative() { "" } else { "+" };
            let _ = write!(out, "\n{} {plus}{amount}", self.names.account(account, words.0));
        }
        Ok(out)
    }

    /// What stands now: each settlement with its version, and their sum where there are several.
    fn standing_text(&self, words: Words) -> Result<String, Failure> {
        let mut out = String::new();
        let mut count = 0;
        for settled in self.standing() {
            count += 1;
            let Settled { setl_id, versions, is_erased, medfee_sumamt, .. } = settled;
            let version =
                if *versions > 1 { format!(" {}", words.version(*versions)) } else { String::new() };
            let erased = if *is_erased { format!(" {}", words.erased()) } else { String::new() };
            let accounts = self.accounts_text(&settled.accounts()?, words);
            let now = words.of("现在有效：", "stands now: ");
            line!(out, "{now}{setl_id}{version}{erased} {} {medfee_sumamt} = {accounts}", bill(words));
        }
        match count {
            0 => line!(out, "{}", words.of("现在没有有效的结算", "nothing of it stands now")),
            1 => {}
            _ => {
                let accounts = self.accounts_text(&self.standing_accounts()?, words);
                let total = self.standing_total()?;
                line!(out, "{}{} {total} = {accounts}", words.of("合计：", "together: "), bill(words));
            }
        }
        Ok(out)
    }

    fn accounts_text(&self, accounts: &Accounts<'_>, words: Words) -> String {
        let name =
            |(account, sum): (&&str, &Money)| format!("{} {sum}", self.names.account(account, words.0));
        let named: Vec<String> = accounts.iter().map(name).collect();
        if named.is_empty() { "0.00".to_owned() } else { named.join(words.of("，", ", ")) }
    }

    fn standing_accounts(&self) -> Result<Accounts<'_>, Failure> {
        by_account(self.standing().flat_map(|settled| &settled.postings))
    }

    fn standing_total(&self) -> Result<Money, Failure> {
        Money::sum(self.standing().map(|settled| settled.medfee_sumamt)).map_err(out_of_range)
    }

    /// The twelve nodes in a row, those it went through marked.
    fn strip(&self, words: Words) -> String {
        let been: BTreeSet<Node> = self.events.iter().flat_map(|event| event.nodes).copied().collect();
        let cells = Node::ALL.map(|node| {
            let mark = if been.contains(&node) { "●" } else { "○" };
            format!("{mark}{}", words.node(node))
        });
        cells.join(" ")
    }

    /// The same for scripts.
    ///
    /// # Errors
    /// A fault when the sums leave the range of an amount.
    pub(in crate::ledger) fn json(&self) -> Result<Value, Failure> {
        let Visit { tenant, fixmedins_code, mdtrt_id } = &self.visit;
        let mut nodes = Vec::new();
        for event in &self.events {
            for node in event.nodes {
                nodes.push(event.json(*node)?);
            }
        }
        let settlements = self.settlements.values().map(|settled| {
            Ok(json!({
                "setl_id": *settled.setl_id,
                "versions": settled.versions,
                "erased": settled.is_erased,
                "undone_by": settled.undone_by.as_deref(),
                "medfee_sumamt": settled.medfee_sumamt.to_string(),
                "accounts": amounts(&settled.accounts()?),
            }))
        });
        Ok(json!({
            "tenant": **tenant,
            "fixmedins_code": **fixmedins_code,
            "mdtrt_id": **mdtrt_id,
            "psn_no": *self.psn_no,
            "nodes": nodes,
            "settlements": settlements.collect::<Result<Vec<_>, Failure>>()?,
            "standing": amounts(&self.standing_accounts()?),
        }))
    }
}

/// One row for a run of like events, so that a long stay is still one screen.
fn folded(first: &Event, last: &Event, count: usize, words: Words) -> [String; 4] {
    let (from, to) = (first.sequence, last.sequence);
    let records = match words.0 {
        Lang::Zh => format!("第 {from} 至 {to}，共 {count} 条"),
        Lang::En => format!("records {from} to {to}, {count} of them"),
    };
    let times = format!("{}\n{}", civil(first.booked_at_ms), civil(last.booked_at_ms));
    [times, format!("{} ×{count}", first.nodes_text(words)), String::new(), records]
}

impl Event {
    /// Whether the next one is the same step once more, with nothing of its own to say: another upload.
    fn is_like(&self, next: &Event) -> bool {
        let is_plain = |event: &Event| !event.books() && event.undoes.is_none() && !event.is_erased;
        is_plain(self) && is_plain(next) && self.nodes == next.nodes
    }

    fn nodes_text(&self, words: Words) -> String {
        let nodes = self.nodes.iter().map(|node| format!("{} {}", node.number(), words.node(*node)));
        nodes.collect::<Vec<_>>().join("\n")
    }

    /// Whether it is one of a settlement, be its amount zero.
    fn books(&self) -> bool {
        !self.postings.is_empty() || self.correction.is_some()
    }

    fn json(&self, node: Node) -> Result<Value, Failure> {
        let mut document = json!({
            "number": node.number(),
            "node": node.code(),
            "time": time(self.booked_at_ms),
            "sequence": self.sequence,
            "msgid": *self.msgid,
            "setl_id": self.books().then_some(&*self.setl_id),
            "erased": self.is_erased,
        });
        if let Some(Revised { setl_id, because_of, version }) = &self.correction {
            document["corrects"] = json!(**setl_id);
            document["because_of"] = json!(because_of.as_deref());
            document["version"] = json!(version);
            document["medfee_sumamt"] = json!(self.medfee_sumamt.to_string());
            document["difference"] = json!(amounts(&by_account(&self.postings)?));
        }
        Ok(document)
    }
}

fn amounts<'a>(accounts: &Accounts<'a>) -> BTreeMap<&'a str, String> {
    accounts.iter().map(|(account, sum)| (*account, sum.to_string())).collect()
}

fn bill(words: Words) -> &'static str {
    words.of("账单", "bill")
}

/// In the hospitals' civil time.
fn civil(at_ms: i64) -> String {
    answer::setl_time(at_ms).unwrap_or_else(|| time(at_ms))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn event(sequence: u64, nodes: &'static [Node]) -> Event {
        Event {
            sequence,
            booked_at_ms: 1_780_000_000_000 + i64::try_from(sequence).unwrap() * 60_000,
            msgid: format!("m{sequence}").into(),
            setl_id: Arc::from(""),
            nodes,
            is_erased: false,
            undoes: None,
            correction: None,
            medfee_sumamt: Money::ZERO,
            postings: Vec::new(),
        }
    }

    #[test]
    fn many_uploads_are_one_row() {
        let visit = Visit { tenant: "t".into(), fixmedins_code: "H1".into(), mdtrt_id: "V1".into() };
        let mut events = vec![event(1, &[Node::Opened])];
        events.extend((0..50).map(|place| event(3 + 2 * place, &[Node::FeesIn])));
        events.push(event(103, &[Node::FeesOut]));
        events.extend((0..3).map(|place| event(104 + place, &[Node::FeesIn])));
        let life = Life {
            visit,
            psn_no: "P1".into(),
            events,
            settlements: BTreeMap::new(),
            names: Default::default(),
        };
        let text = life.text(Lang::En).unwrap();
        assert!(text.contains("4 fees in ×50") && text.contains("records 3 to 101, 50 of them"), "{text}");
        assert!(text.contains("m1\n") || text.contains("m1 "), "{text}");
        assert!(!text.contains("msgid m51"), "{text}");
        for shown in ["msgid m103", "msgid m104", "msgid m106"] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
        assert!(life.text(Lang::Zh).unwrap().contains("第 3 至 101，共 50 条"));
        assert!(text.lines().count() < 24, "{text}");
        assert_eq!(life.json().unwrap()["nodes"].as_array().unwrap().len(), 55);
    }
}
