//! Tables in the terminal and words in two languages, for every subcommand of `pack`.

use bedside_claim::Lang;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// The text of the language asked for.
pub(crate) fn of<'a>(lang: Lang, zh: &'a str, en: &'a str) -> &'a str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// A table with this head; columns named in `right` hold numbers.
pub(crate) fn table(head: &[&str], right: &[usize]) -> Table {
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
