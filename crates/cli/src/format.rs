//! Words that several commands take: the language, the output format, the folder of packs.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use bedside_claim::Lang;
use bedside_policy::Library;
use clap::{Args, ValueEnum};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use crate::failure::Failure;

/// The language of texts for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LangArgument {
    /// 中文
    Zh,
    /// English
    En,
}

impl From<LangArgument> for Lang {
    fn from(argument: LangArgument) -> Lang {
        match argument {
            LangArgument::Zh => Lang::Zh,
            LangArgument::En => Lang::En,
        }
    }
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

/// Where the rules come from.
#[derive(Debug, Args)]
pub(crate) struct PacksArgument {
    /// Read the rule packs from this folder instead of those that come with the program.
    #[arg(long, value_name = "FOLDER", env = "BEDSIDE_PACKS")]
    packs: Option<PathBuf>,
}

impl PacksArgument {
    pub(crate) fn library(&self) -> Result<Library, Failure> {
        let library = match &self.packs {
            Some(folder) => Library::load(folder),
            None => Library::builtin(),
        };
        library.map_err(|error| Failure::wrong_input(format!("rule pack {error}")))
    }

    /// The files as they are, whatever is wrong with them.
    pub(crate) fn files(&self) -> Result<BTreeMap<String, String>, Failure> {
        let files = match &self.packs {
            Some(folder) => Library::files_in(folder),
            None => Library::builtin_files(),
        };
        files.map_err(|error| Failure::wrong_input(format!("rule pack {error}")))
    }
}

/// Prints to standard output. A reader that has gone away ends the program as if it had read everything; a full disk
/// is a failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::fault(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}

/// An empty table with that head, the columns of these numbers set to the right.
pub(crate) fn table(head: impl IntoIterator<Item = impl Into<Cell>>, right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head);
    for index in right {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Two lower-case digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
