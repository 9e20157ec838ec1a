//! A claim's life: each record of it, the nodes it went through, and what stands of it now.
//!
//! Reads the journal alone. Amounts are those of the postings. A correction belongs to every claim that it gave a new version,
//! with that version's own difference, whoever's settlement was corrected. Invariant: the amounts of the events sum to what stands.

mod screen;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bedside_claim::{Money, Overflow};
use bedside_ledger::{Correction, Entry, Node, Posting, Record, read_journal, setl_id_of};

use super::names::Names;
use super::{Bar, open_failure};
use crate::failure::Failure;

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

/// One thing that happened to a claim: a record of it, or what a correction came to for one of its settlements.
struct Event {
    sequence: u64,
    booked_at_ms: i64,
    msgid: Arc<str>,
    setl_id: Arc<str>,
    nodes: &'static [Node],
    is_erased: bool,
    /// The sequence of what it undoes.
    undoes: Option<u64>,
    correction: Option<Revised>,
    /// What the hospital is owed by it, of this claim alone.
    medfee_sumamt: Money,
    /// Who bears that.
    postings: Vec<Posting>,
}

/// What a correction came to for one settlement of the claim.
struct Revised {
    /// The settlement.
    setl_id: Arc<str>,
    /// The settlement that was corrected, where it is another one, perhaps of another claim.
    because_of: Option<Arc<str>>,
    /// The new version; nothing where it came out as it was.
    version: Option<u32>,
}

/// A settlement of the claim, as its newest version has it.
struct Settled {
    setl_id: Arc<str>,
    /// How many there are.
    versions: u32,
    is_erased: bool,
    /// What took it back.
    undone_by: Option<Arc<str>>,
    medfee_sumamt: Money,
    postings: Vec<Posting>,
}

/// Sums by account, without zeros.
type Accounts<'a> = BTreeMap<&'a str, Money>;

/// Everything that happened to one claim, in order.
pub(super) struct Life {
    visit: Visit,
    psn_no: Arc<str>,
    events: Vec<Event>,
    /// By sequence.
    settlements: BTreeMap<u64, Settled>,
    names: Names,
}

/// Which claim is asked for.
pub(super) struct Asked<'a> {
    /// Its `mdtrt_id`, or a `setl_id` of it.
    pub(super) claim: &'a str,
    pub(super) hospital: Option<&'a str>,
    pub(super) tenant: Option<&'a str>,
}

/// The claim of a visit or of a settlement.
///
/// # Errors
/// Wrong input when there is none, or when several tenants or hospitals have a visit of that name; refused when its content was
/// erased and nothing of it is left to show; a fault when the journal cannot be read.
pub(super) fn of_claim(folder: &Path, asked: &Asked<'_>) -> Result<Life, Failure> {
    let Asked { claim, hospital, tenant } = *asked;
    let (mut visits, mut is_erased) = (BTreeSet::new(), false);
    each(folder, |record| {
        let is_asked = hospital.is_none_or(|hospital| *record.message.fixmedins_code == *hospital)
            && tenant.is_none_or(|tenant| *record.message.tenant == *tenant)
            && (*record.mdtrt_id == *claim || *record.setl_id() == *claim);
        if is_asked && !record.nodes().is_empty() {
            visits.insert(Visit::of(&record));
        }
        is_erased |= is_asked && record.is_erased();
        Ok(())
    })?;
    match visits.iter().collect::<Vec<_>>().as_slice() {
        [] if is_erased => Err(Failure::refused(format!(
            "`{claim}` 的内容已删除，无可显示 / the content of `{claim}` was erased: nothing of it is left to show"
        ))),
        [] => Err(Failure::wrong_input(format!("the ledger has no claim `{claim}`"))),
        [visit] => read(folder, (*visit).clone()),
        several => {
            let of = |visit: &&Visit| format!("{} {}", visit.tenant, visit.fixmedins_code);
            let places: Vec<String> = several.iter().map(of).collect();
            Err(Failure::wrong_input(format!(
                "several hospitals have a claim `{claim}` (tenant and hospital): {}; name one with --hospital, --tenant",
                places.join(", ")
            )))
        }
    }
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
    let mut life = Life {
        visit,
        psn_no: Arc::from(""),
        events: Vec::new(),
        settlements: BTreeMap::new(),
        names: Names::default(),
    };
    each(folder, |record| match &record.entry {
        Entry::Correction(correction) => life.correct(&record, correction),
        _ if Visit::of(&record) == life.visit => {
            life.add(record);
            Ok(())
        }
        _ => Ok(()),
    })?;
    Ok(life)
}

impl Life {
    fn add(&mut self, record: Record) {
        self.names.learn(&record);
        let setl_id = record.setl_id();
        if record.entry == Entry::Settlement {
            let settled = Settled {
                setl_id: Arc::clone(&setl_id),
                versions: 1,
                is_erased: record.is_erased(),
                undone_by: None,
                medfee_sumamt: record.medfee_sumamt,
                postings: record.postings.clone(),
            };
            self.settlements.insert(record.sequence, settled);
        }
        let undoes = record.entry.undoes();
        if let Some(undone) = undoes.and_then(|of| self.settlements.get_mut(&of)) {
            undone.undone_by = Some(Arc::clone(&setl_id));
        }
        self.psn_no = Arc::clone(&record.person.psn_no);
        self.events.push(Event {
            sequence: record.sequence,
            booked_at_ms: record.booked_at_ms,
            msgid: Arc::clone(&record.message.msgid),
            setl_id,
            nodes: record.nodes(),
            is_erased: record.is_erased(),
            undoes,
            correction: None,
            medfee_sumamt: record.medfee_sumamt,
            postings: record.postings,
        });
    }

    /// What a correction came to for each settlement of this claim, in their new order.
    fn correct(&mut self, record: &Record, correction: &Correction) -> Result<(), Failure> {
        let mut is_of_claim = false;
        for turn in &correction.turns {
            let Some(settled) = self.settlements.get_mut(&turn.sequence) else { continue };
            let is_of_turn = turn.sequence == correction.of;
            // What was settled again because of another one and came out as it was is no part of its life.
            if turn.new.is_none() && !is_of_turn {
                continue;
            }
            is_of_claim = true;
            let mut event = Event {
                sequence: record.sequence,
                booked_at_ms: record.booked_at_ms,
                msgid: Arc::clone(&record.message.msgid),
                setl_id: record.setl_id(),
                nodes: record.nodes(),
                is_erased: record.is_erased(),
                undoes: None,
                correction: None,
                medfee_sumamt: Money::ZERO,
                postings: Vec::new(),
            };
            if let Some(version) = &turn.new {
                event.medfee_sumamt =
                    version.medfee_sumamt.minus(settled.medfee_sumamt).map_err(out_of_range)?;
                event.postings.clone_from(&version.net);
                settled.versions = version.number;
                settled.medfee_sumamt = version.medfee_sumamt;
                settled.postings.clone_from(&version.postings);
            }
            event.correction = Some(Revised {
                setl_id: Arc::clone(&settled.setl_id),
                because_of: (!is_of_turn).then(|| setl_id_of(correction.of)),
                version: turn.new.as_ref().map(|version| version.number),
            });
            self.events.push(event);
        }
        if is_of_claim {
            self.names.learn(record);
        }
        Ok(())
    }

    /// The settlements that were not taken back.
    fn standing(&self) -> impl Iterator<Item = &Settled> {
        self.settlements.values().filter(|settled| settled.undone_by.is_none())
    }
}

impl Settled {
    fn accounts(&self) -> Result<Accounts<'_>, Failure> {
        by_account(&self.postings)
    }
}

fn by_account<'a>(postings: impl IntoIterator<Item = &'a Posting>) -> Result<Accounts<'a>, Failure> {
    let mut sums = Accounts::new();
    for Posting { account, amount } in postings {
        let sum = sums.entry(account).or_default();
        *sum = sum.plus(*amount).map_err(out_of_range)?;
    }
    sums.retain(|_, sum| !sum.is_zero());
    Ok(sums)
}

fn out_of_range(_: Overflow) -> Failure {
    Failure::fault("the sums are out of range")
}
