//! The statement (结算单): the wire answer for people, one module for each form.
//!
//! Every form renders the answer as it came over the wire and adds nothing to it but sums of lines by fee category and
//! shares in percent. It knows no rule; a step is shown as it is, whatever its kind.

mod chart;
mod html;
mod text;
mod trace;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bedside_claim::{FeeCategory, Lang, Money, Overflow, PayerKind};
use bedside_gateway::{to_json, v1};
use clap::ValueEnum;

use crate::failure::Failure;

pub(crate) use self::text::render;
pub(crate) use self::trace::{of_line, of_payment};

/// What can be made of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// The statement in the terminal.
    Text,
    /// The answer for scripts.
    Json,
    /// The statement as one HTML page, to be looked at or printed on A4.
    Html,
}

/// Settlements in one form; in JSON one is an object, as over the wire, and several are a list.
///
/// # Errors
/// A fault when an answer holds an amount that is none, or a line that is not the sum of its shares.
pub(crate) fn in_form(
    settlements: &[v1::Settlement],
    form: Form,
    language: Language,
) -> Result<String, Failure> {
    match form {
        Form::Text => settlements.iter().map(|settlement| text::render(settlement, language)).collect(),
        Form::Html => html::page(settlements, language),
        Form::Json => {
            let documents: Vec<String> = settlements.iter().map(to_json).collect();
            Ok(match documents.as_slice() {
                [document] => format!("{document}\n"),
                documents => format!("[{}]\n", documents.join(",\n")),
            })
        }
    }
}

/// Which version of a booked settlement a statement is of.
#[derive(Debug, Clone)]
pub(crate) struct Edition {
    /// From 1.
    pub(crate) number: u32,
    /// How many there are.
    pub(crate) versions: u32,
    /// The correction that made this one; nothing for the first.
    pub(crate) made_by: Option<Arc<str>>,
    /// What took the settlement back.
    pub(crate) undone_by: Option<Arc<str>>,
}

impl Edition {
    fn text(&self) -> v1::Text {
        let Edition { number, versions, made_by, undone_by } = self;
        let mut zh = format!("第{number}版，共{versions}版");
        let mut en = format!("version {number} of {versions}");
        if let Some(correction) = made_by {
            zh += &format!("，由更正 {correction} 作出");
            en += &format!(", made by correction {correction}");
        }
        if number < versions {
            zh += "，不是最新版";
            en += ", not the newest";
        }
        if let Some(undone_by) = undone_by {
            zh += &format!("；本结算已由 {undone_by} 撤销");
            en += &format!("; the settlement was undone by {undone_by}");
        }
        v1::Text { zh, en }
    }
}

/// One version of a booked settlement in one form, which says which it is.
///
/// # Errors
/// As [`in_form`].
pub(crate) fn of_booked(
    settlement: &v1::Settlement,
    edition: Option<&Edition>,
    form: Form,
    language: Language,
) -> Result<String, Failure> {
    let settlements = std::slice::from_ref(settlement);
    let Some(edition) = edition else { return in_form(settlements, form, language) };
    match form {
        Form::Text => {
            let words = Words { language };
            let said = edition.text();
            Ok(format!("{}\n{}", words.text(Some(&said)), text::render(settlement, language)?))
        }
        Form::Html => html::page_of(settlements, Some(edition), language),
        Form::Json => {
            let mut document = serde_json::to_value(settlement).map_err(Failure::fault)?;
            document["version"] = edition.number.into();
            document["versions"] = edition.versions.into();
            document["corrected_by"] = edition.made_by.as_deref().into();
            document["undone_by"] = edition.undone_by.as_deref().into();
            Ok(format!("{document:#}\n"))
        }
    }
}

/// The language of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// 中文
    Zh,
    /// English
    En,
    /// 中文，附英文 / Chinese with English beside it
    Both,
}

impl Language {
    /// The language of what is said where there is no room for two.
    pub(crate) fn first(self) -> Lang {
        match self {
            Language::Zh | Language::Both => Lang::Zh,
            Language::En => Lang::En,
        }
    }
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Language {
        match lang {
            Lang::Zh => Language::Zh,
            Lang::En => Language::En,
        }
    }
}

/// The words of a statement.
#[derive(Debug, Clone, Copy)]
struct Words {
    language: Language,
}

impl Words {
    /// A text where one string must do: a terminal, an attribute.
    fn of<'a>(self, zh: &'a str, en: &'a str) -> Cow<'a, str> {
        match self.language {
            Language::Zh => zh.into(),
            Language::En => en.into(),
            // Numbers, separators and names that are the same are said once.
            Language::Both if zh.trim() == en.trim() || en.trim().is_empty() => zh.into(),
            Language::Both => format!("{zh} {en}").into(),
        }
    }

    /// A sentence of the answer; where it stands in two languages, its numbers must not run into one another.
    fn text(self, text: Option<&v1::Text>) -> Cow<'_, str> {
        let Some(text) = text else { return Cow::Borrowed("") };
        match self.language {
            Language::Both if text.zh.trim() != text.en.trim() && !text.en.trim().is_empty() => {
                format!("{} / {}", text.zh, text.en).into()
            }
            _ => self.of(&text.zh, &text.en),
        }
    }

    /// A text in the one language that comes first.
    fn first(self, text: Option<&v1::Text>) -> &str {
        text.map_or("", |text| match self.language.first() {
            Lang::Zh => text.zh.as_str(),
            Lang::En => text.en.as_str(),
        })
    }
}

pub(crate) fn money(text: &str) -> Result<Money, Failure> {
    Money::parse(text).map_err(|error| Failure::fault(format!("the answer's amount `{text}` {error}")))
}

pub(crate) fn sum(amounts: impl IntoIterator<Item = Money>) -> Result<Money, Failure> {
    Money::sum(amounts).map_err(|Overflow| Failure::fault("the sums of the statement are out of range"))
}

/// What part of the whole, in thousandths rounded half up like every other number; a mirror's negative amounts are like
/// what they mirror.
fn thousandths(part: Money, whole: Money) -> i128 {
    let (part, whole) = (i128::from(part.units()).abs(), i128::from(whole.units()).abs().max(1));
    (part * 2_000 + whole) / (whole * 2)
}

/// A share in percent with one decimal.
fn percent(part: Money, whole: Money) -> String {
    let thousandths = thousandths(part, whole);
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// Why a part of a line is outside the scope: a sentence and a code; `None` where no part is. The national platform's split
/// comes without reasons.
fn outside_reason(line: &v1::LineSettlement) -> Result<Option<(v1::Text, String)>, Failure> {
    if let Some(reason) = &line.reason {
        return Ok(Some((reason.clone(), line.reason_code.clone())));
    }
    let outside = sum([money(&line.fulamt_ownpay_amt)?, money(&line.overlmt_amt)?])?;
    let of_platform = v1::Text {
        zh: "按国家平台的拆分为自费或超限价".to_owned(),
        en: "own expense or over limit by the national platform's split".to_owned(),
    };
    Ok((!outside.is_zero()).then(|| (of_platform, "split_adopted".to_owned())))
}

/// A fee category in both languages; a code that is not national stands for itself.
fn fee_category(code: &str) -> (&str, &str) {
    FeeCategory::from_code(code).map_or((code, code), |category| (category.name_zh(), category.name_en()))
}

/// A payer's kind in both languages; a word that is not known stands for itself.
fn payer_kind(name: &str) -> (String, String) {
    let kind = PayerKind::ALL.into_iter().find(|kind| kind.name() == name);
    let zh = kind.map_or_else(|| name.to_owned(), |kind| kind.name_zh().to_owned());
    (zh, name.replace('_', " "))
}

/// The pack a step or payment rests on.
fn pack<'a>(settlement: &'a v1::Settlement, id: &str) -> Option<&'a v1::PackUse> {
    settlement.packs.iter().find(|pack| pack.id == id)
}

/// A displayed rendering of a template cannot fail but for want of memory.
fn rendering(error: impl fmt::Display) -> Failure {
    Failure::fault(format!("the statement cannot be rendered: {error}"))
}
