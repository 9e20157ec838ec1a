//! Headings, facts and tables, printed for a terminal or as Markdown.
//!
//! What is said on a page is decided by whoever fills it; here is only how it looks.

use std::fmt::Write as _;

use comfy_table::{ContentArrangement, Table, TableStyle, presets};

/// Columns of a page that goes to no terminal.
const WIDTH: u16 = 118;

/// A part of a page.
pub(crate) enum Block {
    /// The title of the page.
    Title(String),
    /// The heading of a part.
    Heading(String),
    /// A sentence by itself.
    Note(String),
    /// What is stated, as label and text.
    Facts(Vec<(String, String)>),
    /// A table with its caption.
    Table {
        /// What it shows.
        caption: String,
        /// The heads of its columns.
        head: Vec<String>,
        /// Its rows.
        rows: Vec<Vec<String>>,
    },
}

/// The page for a terminal.
pub(crate) fn text(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        // Writing to a string cannot fail.
        let _ = match block {
            Block::Title(title) => writeln!(out, "━━━━━━ {title} ━━━━━━"),
            Block::Heading(heading) => writeln!(out, "\n● {heading}"),
            Block::Note(note) => writeln!(out, "  {note}"),
            Block::Facts(facts) => {
                let mut table = fitted(presets::NOTHING);
                for (label, text) in facts {
                    table.add_row([label, text]);
                }
                writeln!(out, "{}", table.trim_fmt())
            }
            Block::Table { caption, head, rows } => {
                let mut table = fitted(presets::UTF8_FULL_CONDENSED);
                table.set_header(head);
                table.add_rows(rows);
                writeln!(out, "  {caption}\n{table}")
            }
        };
    }
    out
}

/// A table as wide as the terminal, or as a page where there is none.
fn fitted(style: TableStyle) -> Table {
    let mut table = Table::new();
    table.load_style(style).set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(WIDTH);
    }
    table
}

/// The page as Markdown.
pub(crate) fn markdown(blocks: &[Block]) -> String {
    let cell = |text: &String| text.replace('|', "\\|").replace('\n', "<br>");
    let row = |cells: &[String]| format!("| {} |", cells.iter().map(cell).collect::<Vec<_>>().join(" | "));
    let mut out = String::new();
    for block in blocks {
        // Writing to a string cannot fail.
        let _ = match block {
            Block::Title(title) => writeln!(out, "# {title}\n"),
            Block::Heading(heading) => writeln!(out, "## {heading}\n"),
            Block::Note(note) => writeln!(out, "{note}\n"),
            Block::Facts(facts) => {
                let facts: Vec<String> =
                    facts.iter().map(|(label, text)| format!("* **{label}** {text}")).collect();
                writeln!(out, "{}\n", facts.join("\n"))
            }
            Block::Table { caption, head, rows } => {
                let rule = vec!["---".to_owned(); head.len()];
                let rows: Vec<String> =
                    [head, &rule].into_iter().chain(rows).map(|cells| row(cells)).collect();
                writeln!(out, "{caption}\n\n{}\n", rows.join("\n"))
            }
        };
    }
    out
}
