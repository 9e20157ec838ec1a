//! Tables in the terminal and words in two languages, for every subcommand of `pack`.

use bedside_claim::Lang;

/// The text of the language asked for.
pub(crate) fn of<'a>(lang: Lang, zh: &'a str, en: &'a str) -> &'a str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}
