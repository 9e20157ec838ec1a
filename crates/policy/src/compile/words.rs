//! The small words of packs: names, dates, numbers, lists of codes.

use std::fmt::Display;
use std::sync::Arc;

use bedside_claim::{Date, DateRule, FeeCategory, Grade, Money, NumberError, PackStatus, Period, Pool};

use crate::error::PackProblem;
use crate::pack_file::{Validity, Words};
use crate::plan::{Answer, SharedBy};

pub(super) type Checked<T> = Result<T, PackProblem>;

/// Finds `word` among the named things.
pub(super) fn word<T: Copy>(place: impl Display, word: &str, known: &[(&'static str, T)]) -> Checked<T> {
    known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value).ok_or_else(|| {
        let allowed: Vec<String> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
        PackProblem::UnknownWord {
            place: place.to_string(),
            word: word.to_owned(),
            allowed: allowed.join(", "),
        }
    })
}

/// Finds each of the words among the named things.
pub(super) fn each<T: Copy>(place: &str, words: &Words, known: &[(&'static str, T)]) -> Checked<Vec<T>> {
    words.as_slice().iter().map(|text| word(place, text, known)).collect()
}

pub(super) fn named<T: Copy, const N: usize>(
    all: [T; N],
    name: impl Fn(T) -> &'static str,
) -> Vec<(&'static str, T)> {
    all.into_iter().map(|value| (name(value), value)).collect()
}

pub(super) fn pools(place: impl Display, words: &[String]) -> Checked<Vec<Pool>> {
    let known = named(Pool::ALL, Pool::name);
    let mut pools: Vec<Pool> = words.iter().map(|pool| word(&place, pool, &known)).collect::<Checked<_>>()?;
    pools.sort_unstable();
    if let Some(pair) = pools.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(PackProblem::Duplicate { place: place.to_string(), name: pair[0].name().to_owned() });
    }
    if pools.is_empty() {
        return Err(PackProblem::Combination { place: place.to_string(), problem: "names no pool" });
    }
    Ok(pools)
}

pub(super) fn categories(place: &str, codes: &[String]) -> Checked<Vec<FeeCategory>> {
    let category = |code: &String| {
        FeeCategory::from_code(code).ok_or_else(|| PackProblem::UnknownWord {
            place: place.to_owned(),
            word: code.clone(),
            allowed: "`01` to `14`".to_owned(),
        })
    };
    codes.iter().map(category).collect()
}

pub(super) fn period(place: impl Display, text: &str) -> Checked<Period> {
    word(place, text, &named(Period::ALL, Period::name))
}

pub(super) fn answer(place: impl Display, text: &str) -> Checked<Answer> {
    word(place, text, &[("yes", Answer::Yes), ("no", Answer::No)])
}

pub(super) fn shared_by(place: impl Display, text: &str) -> Checked<SharedBy> {
    word(place, text, &[("person", SharedBy::Person), ("family", SharedBy::Family)])
}

pub(super) fn date_rule(place: impl Display, text: &str) -> Checked<DateRule> {
    word(place, text, &[("admission", DateRule::Admission), ("settlement", DateRule::Settlement)])
}

pub(super) fn status(place: impl Display, text: &str) -> Checked<PackStatus> {
    word(
        place,
        text,
        &named([PackStatus::InForce, PackStatus::Unverified, PackStatus::Demo], PackStatus::name),
    )
}

pub(super) fn grade(place: impl Display, text: &str) -> Checked<Grade> {
    word(place, text, &named([Grade::A, Grade::B, Grade::C, Grade::D, Grade::Assumed], Grade::name))
}

pub(super) fn date(place: impl Display, text: &str) -> Checked<Date> {
    let problem = || PackProblem::NotADate { place: place.to_string(), text: text.to_owned() };
    if text.len() != 10 {
        return Err(problem());
    }
    text.parse().map_err(|_| problem())
}

/// `[from, until)` of the thing at `place`.
pub(super) fn span(place: &str, file: &Validity) -> Checked<(Date, Date)> {
    let from = date(format!("{place}.from"), &file.from)?;
    let until = date(format!("{place}.until"), &file.until)?;
    if from < until { Ok((from, until)) } else { Err(PackProblem::EmptyValidity { place: place.to_owned() }) }
}

pub(super) fn number<T>(
    place: impl Display,
    text: &str,
    parse: impl Fn(&str) -> Result<T, NumberError>,
) -> Checked<T> {
    let not = |problem| PackProblem::NotANumber { place: place.to_string(), text: text.to_owned(), problem };
    parse(text).map_err(not)
}

/// An amount of zero or more.
pub(super) fn amount(place: &str, text: &str) -> Checked<Money> {
    let amount = number(place, text, Money::parse)?;
    in_range(place, text, amount >= Money::ZERO, "0 and above").map(|()| amount)
}

pub(super) fn in_range(place: &str, text: &str, inside: bool, allowed: &'static str) -> Checked<()> {
    if inside {
        return Ok(());
    }
    Err(PackProblem::OutOfRange { place: place.to_owned(), text: text.to_owned(), allowed })
}

pub(super) fn arcs(words: &Words) -> Vec<Arc<str>> {
    words.as_slice().iter().map(|word| Arc::from(word.as_str())).collect()
}
