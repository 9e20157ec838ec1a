//! `bedside ledger statement`: the statement of a booked settlement as its newest version says, or an earlier one.
//!
//! Exit codes: 2 for a settlement or version that there is not, 3 for one whose content was erased.

use std::path::Path;
use std::sync::Arc;

use bedside_gateway::{stored, v1};
use bedside_ledger::{Entry, setl_id_of};
use clap::Args;

use super::DataArgument;
use super::life::each;
use crate::failure::Failure;
use crate::format::print;
use crate::statement::{self, Edition, Form, Language};

#[derive(Debug, Args)]
pub(super) struct StatementArguments {
    #[command(flatten)]
    data: DataArgument,
    /// The settlement.
    setl_id: String,
    /// The version to print, from 1 [default: the newest].
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
    /// What to make of it.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
    /// The language of the statement.
    #[arg(long, value_enum, default_value_t = Language::Zh)]
    lang: Language,
}

/// One version of a settlement as it lies in the ledger.
struct Version {
    /// Nothing where its content was erased, or its record answers no settlement.
    settlement: Option<v1::Settlement>,
    /// The correction that made it; nothing for the first.
    made_by: Option<Arc<str>>,
}

/// A record that was asked for by its `setl_id`.
struct Found {
    sequence: u64,
    is_settlement: bool,
    is_erased: bool,
    /// The settlements that it gave new versions, where it is a correction.
    corrects: Vec<Arc<str>>,
    /// In order; the first is what was booked.
    versions: Vec<Version>,
    undone_by: Option<Arc<str>>,
}

/// Prints the statement.
pub(super) fn run(arguments: &StatementArguments) -> Result<(), Failure> {
    let StatementArguments { data, setl_id, version, format, lang } = arguments;
    let Some(found) = find(&data.data, setl_id)? else {
        return Err(Failure::wrong_input(format!("the ledger has no settlement `{setl_id}`")));
    };
    let (settlement, edition) = found.at(setl_id, *version)?;
    print(&statement::of_booked(&settlement, edition.as_ref(), *format, *lang)?)
}

fn find(folder: &Path, setl_id: &str) -> Result<Option<Found>, Failure> {
    let unreadable = |error| Failure::fault(format!("the answer of {setl_id}: {error}"));
    let mut found: Option<Found> = None;
    each(folder, |record| {
        let Some(found) = &mut found else {
            if *record.setl_id() != *setl_id {
                return Ok(());
            }
            let settlement = stored::settlement_of(&record).map_err(unreadable)?;
            found = Some(Found {
                sequence: record.sequence,
                is_settlement: record.entry == Entry::Settlement,
                is_erased: record.is_erased(),
                corrects: match &record.entry {
                    Entry::Correction(correction) => {
                        let changed = correction.turns.iter().filter(|turn| turn.new.is_some());
                        changed.map(|turn| setl_id_of(turn.sequence)).collect()
                    }
                    _ => Vec::new(),
                },
                versions: vec![Version { settlement, made_by: None }],
                undone_by: None,
            });
            return Ok(());
        };
        if let Entry::Correction(correction) = &record.entry
            && let Some(version) = correction.version_of(found.sequence)
        {
            let settlement = stored::settlement_of_version(version).map_err(unreadable)?;
            found.versions.push(Version { settlement, made_by: Some(record.setl_id()) });
        }
        if record.entry.undoes() == Some(found.sequence) {
            found.undone_by = Some(record.setl_id());
        }
        Ok(())
    })?;
    Ok(found)
}

impl Found {
    /// One version, or the newest. What undoes a settlement, and a quote, have one version and say nothing of it.
    fn at(self, setl_id: &str, version: Option<u32>) -> Result<(v1::Settlement, Option<Edition>), Failure> {
        // A ledger's sequences end long before.
        let versions = u32::try_from(self.versions.len()).unwrap_or(u32::MAX);
        let number = version.unwrap_or(versions);
        let place = number.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let Some(asked) = place.and_then(|place| self.versions.into_iter().nth(place)) else {
            let (zh, en) = match versions {
                1 => ("只有第1版".to_owned(), "has version 1 only".to_owned()),
                last => (format!("有第1至第{last}版"), format!("has versions 1 to {last}")),
            };
            return Err(Failure::wrong_input(format!(
                "结算 `{setl_id}` {zh}，没有第{number}版 / settlement `{setl_id}` {en}, not {number}"
            )));
        };
        let Some(settlement) = asked.settlement else {
            if !self.corrects.is_empty() {
                return Err(Failure::wrong_input(format!(
                    "`{setl_id}` is a correction, not a settlement; it made new versions of {}",
                    self.corrects.join(", ")
                )));
            }
            if self.is_erased || asked.made_by.is_some() {
                return Err(Failure::refused(format!(
                    "结算 `{setl_id}` 的内容已删除，无法出具结算单 / the content of settlement `{setl_id}` was erased: there is no statement of it"
                )));
            }
            return Err(Failure::wrong_input(format!("`{setl_id}` is no settlement")));
        };
        let edition = Edition { number, versions, made_by: asked.made_by, undone_by: self.undone_by };
        Ok((settlement, self.is_settlement.then_some(edition)))
    }
}
