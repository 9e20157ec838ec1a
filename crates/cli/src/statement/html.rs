//! The statement as one HTML page that needs nothing beside itself, for a phone, a ward terminal and A4.
//!
//! Here the answer is put in the order of the page; the templates in `templates/` say how it looks and escape every text.
//! It must not compute an amount beyond sums of what the answer says. Invariant: every amount on the page is either the
//! answer's own or such a sum, and a line that is not the sum of its shares is a fault, not a page.

mod lines;
mod payers;
mod reasons;

use askama::Template;
use askama::filters::HtmlSafe;
use bedside_claim::Money;
use bedside_gateway::{canonical, v1};
use plotters::style::RGBColor;
use sha2::{Digest, Sha256};

use self::lines::Category;
use self::payers::{Beside, Payer, Picture};
use self::reasons::{Denied, Group, Outside, PackRow, VarianceRow};
use super::{Edition, Language, Words, chart, money, rendering, sum};
use crate::failure::Failure;

/// Lines up to which every category is open at first; on paper all are.
const OPEN_LINES: usize = 40;

/// A text in the languages of the page.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(
    ext = "html",
    source = "{% if let Some(zh) = zh %}<span lang=\"zh-CN\">{{ zh }}</span>{% endif %}{% if zh.is_some() && en.is_some() %} {% endif %}{% if let Some(en) = en %}<span lang=\"en\" class=\"en\">{{ en }}</span>{% endif %}"
)]
struct Phrase {
    zh: Option<String>,
    en: Option<String>,
}

/// Its own template has escaped it.
impl HtmlSafe for Phrase {}

impl Phrase {
    fn is_empty(&self) -> bool {
        [&self.zh, &self.en].into_iter().flatten().all(String::is_empty)
    }
}

impl Words {
    /// A text on the page.
    fn say(self, zh: &str, en: &str) -> Phrase {
        let (zh, en) = (zh.to_owned(), en.to_owned());
        match self.language {
            Language::Zh => Phrase { zh: Some(zh), en: None },
            Language::En => Phrase { zh: None, en: Some(en) },
            Language::Both if zh.trim() == en.trim() || en.trim().is_empty() => {
                Phrase { zh: Some(zh), en: None }
            }
            Language::Both => Phrase { zh: Some(zh), en: Some(en) },
        }
    }

    fn say_text(self, text: Option<&v1::Text>) -> Phrase {
        text.map_or_else(|| self.say("", ""), |text| self.say(&text.zh, &text.en))
    }
}

/// Every statement of a case file, each from the top of its own sheet of paper.
#[derive(Template)]
#[template(path = "statement.html")]
struct Page<'a> {
    words: Words,
    lang: &'static str,
    /// Class and colour of each payer.
    colours: Vec<(String, String)>,
    /// Which version they are of, where they are booked.
    edition: Option<Phrase>,
    sheets: Vec<Sheet<'a>>,
}

/// One statement.
struct Sheet<'a> {
    /// `s1`, `s2`: begins every anchor of this statement.
    id: String,
    answer: &'a v1::Settlement,
    info: v1::SetlInfo,
    /// What is not the patient's.
    paid: Money,
    /// Packs that are not in force.
    warned: Vec<PackRow>,
    payers: Vec<Payer>,
    pictures: Option<[Picture; 2]>,
    beside: Vec<Beside>,
    categories: Vec<Category>,
    is_open: bool,
    groups: Vec<Group>,
    denied: Vec<Denied>,
    outside: Vec<Outside>,
    variances: Vec<VarianceRow>,
    notices: Vec<Phrase>,
    /// SHA-256 of the answer's bytes.
    digest: String,
}

/// The page as HTML.
///
/// # Errors
/// A fault when the answer holds an amount that is none, or a line that is not the sum of its shares.
pub(crate) fn page(settlements: &[v1::Settlement], language: Language) -> Result<String, Failure> {
    page_of(settlements, None, language)
}

/// The page of settlements that are one version of what is booked, where there is an edition.
///
/// # Errors
/// As [`page`].
pub(crate) fn page_of(
    settlements: &[v1::Settlement],
    edition: Option<&Edition>,
    language: Language,
) -> Result<String, Failure> {
    let words = Words { language };
    let edition = edition.map(|edition| words.say_text(Some(&edition.text())));
    let sheets = settlements
        .iter()
        .enumerate()
        .map(|(place, answer)| sheet(place + 1, answer, words))
        .collect::<Result<_, _>>()?;
    let lang = match language {
        Language::Zh | Language::Both => "zh-CN",
        Language::En => "en",
    };
    let mut page = Page { words, lang, colours: colours(), edition, sheets }.render().map_err(rendering)?;
    page.push('\n');
    Ok(page)
}

fn sheet(number: usize, answer: &v1::Settlement, words: Words) -> Result<Sheet<'_>, Failure> {
    let id = format!("s{number}");
    let info = answer.setlinfo.clone().unwrap_or_default();
    let groups = reasons::groups(&id, answer, words);
    let mut payers = payers::payers(&id, answer, &info, &groups, words)?;
    let rows = lines::rows(&id, answer, &payers, words)?;
    payers::trace(&mut payers, &rows);
    let hospital = money(&info.hosp_part_amt)?;
    let paid = answer.payments.iter().map(|payment| money(&payment.amount)).collect::<Result<Vec<_>, _>>()?;
    Ok(Sheet {
        paid: sum(paid.into_iter().chain([hospital]))?,
        warned: reasons::warned(answer, words),
        pictures: payers::pictures(&payers, money(&info.medfee_sumamt)?, words)?,
        beside: payers::beside(answer, words),
        is_open: rows.len() <= OPEN_LINES,
        denied: reasons::denied(answer, words),
        outside: reasons::outside(&rows)?,
        categories: lines::categories(&id, rows, words)?,
        variances: answer.variances.iter().map(|variance| reasons::variance(variance, words)).collect(),
        notices: answer.notices.iter().map(|notice| words.say_text(Some(notice))).collect(),
        digest: digest(answer),
        id,
        answer,
        info,
        payers,
        groups,
    })
}

/// SHA-256 of the answer's bytes, in hexadecimal.
fn digest(answer: &v1::Settlement) -> String {
    crate::format::hex(&Sha256::digest(canonical::answer_bytes(answer)))
}

/// The picture's colours for the style sheet, so that both have one list.
fn colours() -> Vec<(String, String)> {
    let hex = |RGBColor(red, green, blue): RGBColor| format!("#{red:02x}{green:02x}{blue:02x}");
    let payers =
        chart::PALETTE.into_iter().enumerate().map(|(place, colour)| (format!("c{place}"), hex(colour)));
    let rest = [("hospital", chart::NEUTRAL), ("account", chart::ACCOUNT), ("cash", chart::CASH)];
    payers.chain(rest.map(|(class, colour)| (class.to_owned(), hex(colour)))).collect()
}

#[cfg(test)]
mod tests;
