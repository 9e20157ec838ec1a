//! Numbers with their conditions, units and citations, and the sources that they rest on.

use std::sync::Arc;

use bedside_claim::{Citation, Lang, Money, Rate};

use super::conditions::in_one_line;
use super::words::of;
use super::{Cited, Number, NumberRow, Source};
use crate::plan::{Parameter, Value};

/// Collects the sources in the order in which they are first cited.
pub(super) struct Numbers {
    pub(super) lang: Lang,
    pub(super) sources: Vec<Source>,
}

/// What a factor does where none of its rows fits; every other number then has no value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Otherwise {
    /// Does not act.
    Idle,
    /// Is not stated.
    Unstated,
}

pub(super) fn amount(lang: Lang, amount: Money) -> String {
    match lang {
        Lang::Zh => format!("{amount} 元"),
        Lang::En => format!("CNY {amount}"),
    }
}

fn days(lang: Lang, days: u16) -> String {
    format!("{days} {}", of(lang, "天", "days"))
}

fn times(lang: Lang, times: u16) -> String {
    let en = if times == 1 { "time" } else { "times" };
    format!("{times} {}", of(lang, "次", en))
}

impl Numbers {
    pub(super) fn amount(&mut self, key: &str, label: &str, parameter: &Parameter<Money>) -> Number {
        let lang = self.lang;
        let unit = of(lang, "元", "CNY");
        self.number(key, label, parameter, unit, Otherwise::Unstated, |value| amount(lang, value))
    }

    pub(super) fn rate(&mut self, key: &str, label: &str, parameter: &Parameter<Rate>) -> Number {
        let unit = of(self.lang, "比例", "ratio");
        self.number(key, label, parameter, unit, Otherwise::Unstated, Rate::percent)
    }

    pub(super) fn factor(&mut self, key: &str, label: &str, parameter: &Parameter<Rate>) -> Number {
        let unit = of(self.lang, "比例", "ratio");
        self.number(key, label, parameter, unit, Otherwise::Idle, Rate::percent)
    }

    pub(super) fn days(&mut self, key: &str, label: &str, parameter: &Parameter<u16>) -> Number {
        let lang = self.lang;
        self.number(key, label, parameter, of(lang, "天", "days"), Otherwise::Unstated, |value| {
            days(lang, value)
        })
    }

    pub(super) fn times(&mut self, key: &str, label: &str, parameter: &Parameter<u16>) -> Number {
        let lang = self.lang;
        self.number(key, label, parameter, of(lang, "次", "times"), Otherwise::Unstated, |value| {
            times(lang, value)
        })
    }

    fn number<T: Copy>(
        &mut self,
        key: &str,
        label: &str,
        parameter: &Parameter<T>,
        unit: &str,
        otherwise: Otherwise,
        value_text: impl Fn(T) -> String,
    ) -> Number {
        let (citation, rows) = (&parameter.citation, parameter.rows());
        let lang = self.lang;
        let mut shown = Vec::with_capacity(rows.len());
        for (when, value) in rows {
            let value = match value {
                Value::Fixed(value) => value_text(*value),
                Value::OfPolicy(name) => match lang {
                    Lang::Zh => format!("见保险单 `{name}`（{unit}）"),
                    Lang::En => format!("on the policy schedule: `{name}` ({unit})"),
                },
            };
            let is_only = rows.len() == 1;
            let always =
                if is_only { of(lang, "一律", "always") } else { of(lang, "其他情况", "otherwise") };
            let conditions = in_one_line(lang, when).unwrap_or_else(|| always.to_owned());
            shown.push(NumberRow { conditions, value });
        }
        let is_open = rows.last().is_some_and(|(when, _)| !when.is_empty());
        if is_open && otherwise == Otherwise::Idle {
            shown.push(NumberRow {
                conditions: of(lang, "其他情况", "otherwise").to_owned(),
                value: of(lang, "不适用", "does not act").to_owned(),
            });
        }
        Number { key: key.to_owned(), label: label.to_owned(), rows: shown, cited: self.cite(citation) }
    }

    /// The citation with the number of its source, which is added to the list where it is new.
    pub(super) fn cite(&mut self, citation: &Arc<Citation>) -> Cited {
        let Citation { parameter, source, article, grade, condition: _ } = &**citation;
        let known = |known: &Source| known.title == **source && known.grade == *grade;
        let place = self.sources.iter().position(known).unwrap_or_else(|| {
            self.sources.push(Source { title: source.to_string(), grade: *grade });
            self.sources.len() - 1
        });
        Cited {
            parameter: parameter.to_string(),
            article: article.to_string(),
            source: place + 1,
            grade: *grade,
        }
    }
}
