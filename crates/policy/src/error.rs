//! What can be wrong with pack files. Every error names the file and the place in it.

use bedside_claim::{Date, NumberError};

/// A defect of one pack file; nothing of the library is used when there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{file}`: {problem}")]
pub struct PackError {
    /// The file, relative to the folder of packs.
    pub file: String,
    /// What is wrong.
    pub problem: PackProblem,
}

/// What is wrong with a pack file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackProblem {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// Not TOML, an unknown or missing key, a value of the wrong type.
    #[error("{0}")]
    Syntax(String),
    /// A text with a line break, an escape or another control character.
    #[error("`{place}`: has a control character, texts are one line of plain characters")]
    ControlCharacter {
        /// The key whose value, or a key in whose table, has one.
        place: String,
    },
    /// The file lies where no pack belongs.
    #[error(
        "does not lie in a folder `authority/product/`, `authority/programmes/` or `authority/catalogue/`"
    )]
    Misplaced,
    /// A word that is none of those allowed.
    #[error("`{place}`: `{word}` is not one of {allowed}")]
    UnknownWord {
        /// Where it stands.
        place: String,
        /// The word.
        word: String,
        /// The words that are allowed.
        allowed: String,
    },
    /// A text that is no date `yyyy-mm-dd`.
    #[error("`{place}`: `{text}` is not a date `yyyy-mm-dd`")]
    NotADate {
        /// Where it stands.
        place: String,
        /// The text.
        text: String,
    },
    /// `from` is not before `until`.
    #[error("`{place}`: is empty, `from` must lie before `until`")]
    EmptyValidity {
        /// Where it stands.
        place: String,
    },
    /// A text that is no amount or ratio.
    #[error("`{place}`: `{text}` {problem}")]
    NotANumber {
        /// Where it stands.
        place: String,
        /// The text.
        text: String,
        /// Why not.
        problem: NumberError,
    },
    /// An amount below zero, or a ratio outside 0 to 1.
    #[error("`{place}`: `{text}` is outside {allowed}")]
    OutOfRange {
        /// Where it stands.
        place: String,
        /// The number.
        text: String,
        /// The range.
        allowed: &'static str,
    },
    /// A name that nothing defines.
    #[error("`{place}`: there is no {kind} `{name}`")]
    Dangling {
        /// Where it stands.
        place: String,
        /// What was looked for.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A parameter used where another unit is needed.
    #[error("`{place}`: parameter `{name}` is in `{unit}`, `{wanted}` is needed")]
    WrongUnit {
        /// Where it stands.
        place: String,
        /// The parameter.
        name: String,
        /// Its unit.
        unit: String,
        /// The unit needed.
        wanted: &'static str,
    },
    /// Neither or both of `value` and `rows`, or no row.
    #[error("`{place}`: needs either `value` or at least one of `rows`")]
    ValueOrRows {
        /// Where it stands.
        place: String,
    },
    /// A row that can never decide, since an earlier row asks nothing or the same.
    #[error("`{place}`: row {row} can never apply, row {earlier} decides before it")]
    DeadRow {
        /// Where it stands.
        place: String,
        /// The row, from 1.
        row: usize,
        /// The row before it, from 1.
        earlier: usize,
    },
    /// Band edges that do not rise, or an open band that is not the last.
    #[error("`{place}`: bands must rise, and exactly the last has no `until`")]
    BandOrder {
        /// Where it stands.
        place: String,
    },
    /// A band edge that depends on the claim.
    #[error("`{place}`: a band edge must be one value, not rows")]
    EdgeWithRows {
        /// Where it stands.
        place: String,
    },
    /// Parts that do not go together.
    #[error("`{place}`: {problem}")]
    Combination {
        /// Where it stands.
        place: String,
        /// What does not go together.
        problem: &'static str,
    },
    /// A second thing of one name.
    #[error("`{place}`: `{name}` is there twice")]
    Duplicate {
        /// Where it stands.
        place: String,
        /// The name.
        name: String,
    },
    /// A parameter, list or group that no benefit uses.
    #[error("`{place}.{name}`: no benefit uses it")]
    Unused {
        /// What it is.
        place: &'static str,
        /// Its name.
        name: String,
    },
    /// A referenced pack without a version for a day of this one.
    #[error("`{place}`: the pack it points at has no version on {date}")]
    Gap {
        /// Where it stands.
        place: String,
        /// The first day without.
        date: Date,
    },
    /// Two versions that are valid on one day.
    #[error("is valid on {date}, and so is version `{other}`")]
    Overlap {
        /// The first day with two.
        date: Date,
        /// The other version.
        other: String,
    },
    /// `in_force` with a parameter of a grade that cannot carry it.
    #[error("is `in_force`, but `{parameter}` is only of grade {grade}")]
    StatusAboveGrade {
        /// The parameter.
        parameter: String,
        /// Its grade.
        grade: &'static str,
    },
    /// Two rows of one item on one day.
    #[error("item `{code}` has two rows on {date}")]
    OverlappingRows {
        /// The item.
        code: String,
        /// The first day with two.
        date: Date,
    },
}
