//! Reads single fields: presence, length, characters, numbers, dates, code tables.
//!
//! A reader returns the value or notes a fault and returns nothing, so that the rest of the message is read all the
//! same. It must not know what a field means beside its form. A path is spelled out only when there is a fault.

use std::sync::Arc;

use bedside_claim::{Date, DateTime, Money, NumberError, Price, Quantity, Rate};
use jiff::civil::date;

use crate::invalid::{Faults, Invalid, InvalidCode, Phrase, ShownValue, escaped};

/// Where in the message a field stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// A field of the message itself.
    Top,
    /// A field of a node that is there once: `data.medfee_sumamt`.
    Node(&'static str),
    /// A field of a list's row: `insuinfo[0].balc`.
    Row(&'static str, usize),
    /// A field of a line, with its `feedetl_sn`.
    Line(usize, &'a str),
    /// A field of a row of a 2301 answer, by answer and row.
    Fee(usize, usize),
}

impl Place<'_> {
    fn path(self, field: &str) -> String {
        match self {
            Place::Top => field.to_owned(),
            Place::Node(node) => format!("{node}.{field}"),
            // A row that is wrong as a whole has no field.
            Place::Row(list, index) if field.is_empty() => format!("{list}[{index}]"),
            Place::Row(list, index) => format!("{list}[{index}].{field}"),
            Place::Fee(batch, index) if field.is_empty() => format!("national_fees[{batch}].result[{index}]"),
            Place::Fee(batch, index) => format!("national_fees[{batch}].result[{index}].{field}"),
            Place::Line(index, _) => format!("feedetail[{index}].{field}"),
        }
    }
}

/// What a text field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    /// ASCII letters and digits.
    Alphanumeric,
    /// ASCII letters, digits, `-`, `_`.
    MessageId,
    /// Visible ASCII: numbers and codes that must compare equal byte for byte.
    Visible,
    /// ASCII digits.
    Digits,
    /// Anything but control characters.
    Text,
}

impl Charset {
    fn takes(self, character: char) -> bool {
        match self {
            Charset::Alphanumeric => character.is_ascii_alphanumeric(),
            Charset::MessageId => character.is_ascii_alphanumeric() || character == '-' || character == '_',
            Charset::Visible => character.is_ascii_graphic(),
            Charset::Digits => character.is_ascii_digit(),
            Charset::Text => !character.is_control(),
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Charset::Alphanumeric => ("字母和数字", "letters and digits"),
            Charset::MessageId => ("字母、数字、`-`、`_`", "letters, digits, `-` and `_`"),
            Charset::Visible => ("不含空格的可见 ASCII 字符", "visible ASCII characters without spaces"),
            Charset::Digits => ("数字", "digits"),
            Charset::Text => ("不含控制字符的文本", "text without control characters"),
        }
    }
}

/// The form of a text field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextForm {
    charset: Charset,
    chars_min: usize,
    chars_max: usize,
}

impl TextForm {
    pub(crate) const fn up_to(charset: Charset, chars_max: usize) -> TextForm {
        TextForm { charset, chars_min: 1, chars_max }
    }

    pub(crate) const fn between(charset: Charset, chars_min: usize, chars_max: usize) -> TextForm {
        TextForm { charset, chars_min, chars_max }
    }

    fn allowed(self) -> Phrase {
        let (zh, en) = self.charset.words();
        let TextForm { chars_min, chars_max, .. } = self;
        if chars_min == chars_max {
            Phrase::made(format!("{chars_max} 位{zh}"), format!("{chars_max} {en}"))
        } else if chars_min > 1 {
            Phrase::made(
                format!("{chars_min} 至 {chars_max} 位{zh}"),
                format!("{chars_min} to {chars_max} {en}"),
            )
        } else {
            Phrase::made(
                format!("至多 {chars_max} 个字符，{zh}"),
                format!("up to {chars_max} characters, {en}"),
            )
        }
    }
}

/// Six digits of an administrative area.
pub(crate) const AREA: TextForm = TextForm::between(Charset::Digits, 6, 6);
/// Identifiers of up to 30 characters, the national ones and those of families, accidents, events and operations.
pub(crate) const ID: TextForm = TextForm::up_to(Charset::Visible, 30);

const PLAIN_DATE: Phrase = Phrase::fixed("真实日期 yyyy-MM-dd", "a real date yyyy-MM-dd");
const PLAIN_TIME: Phrase = Phrase::fixed("真实时间 yyyy-MM-dd HH:mm:ss", "a real time yyyy-MM-dd HH:mm:ss");

/// What a node that is missing should be.
pub(crate) const NODE: Phrase = Phrase::fixed("此节点及其字段", "the node with its fields");

/// The years in which a visit can lie; a date outside is a typing error.
const VISIT_YEARS: std::ops::Range<i16> = 2000..2100;

/// What a date is the date of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    /// Part of the visit: 2000 to 2099.
    Visit,
    /// Of a life or a contract: registers write 9999-12-31 for "no end".
    Life,
}

/// Reads fields and keeps what is wrong with them.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) faults: Faults,
}

impl Reader {
    /// Notes a fault.
    pub(crate) fn fault(
        &mut self,
        place: Place<'_>,
        field: &str,
        code: InvalidCode,
        value: &str,
        allowed: Phrase,
    ) {
        let path = place.path(field);
        let line = match place {
            Place::Line(_, feedetl_sn) if !feedetl_sn.is_empty() => Some(escaped(feedetl_sn)),
            _ => None,
        };
        let value = ShownValue::of(&path, value);
        self.faults.push(Invalid { code, field: path, line, value, allowed });
    }

    /// Notes a fault of a list as a whole.
    pub(crate) fn list_fault(&mut self, list: &str, rows: usize, code: InvalidCode, allowed: Phrase) {
        let value = ShownValue::Rows(rows);
        self.faults.push(Invalid { code, field: list.to_owned(), line: None, value, allowed });
    }

    /// Notes that something must be there.
    pub(crate) fn missing(&mut self, place: Place<'_>, field: &str, allowed: Phrase) {
        self.fault(place, field, InvalidCode::Required, "", allowed);
    }

    /// A node that must be there.
    pub(crate) fn node<'a, T>(&mut self, name: &str, node: Option<&'a T>) -> Option<&'a T> {
        if node.is_none() {
            self.missing(Place::Top, name, NODE);
        }
        node
    }

    /// A text that must be there.
    pub(crate) fn text(
        &mut self,
        place: Place<'_>,
        field: &str,
        value: &str,
        form: TextForm,
    ) -> Option<Arc<str>> {
        if value.is_empty() {
            self.missing(place, field, form.allowed());
            return None;
        }
        self.check_text(place, field, value, form).then(|| Arc::from(value))
    }

    /// A text that may be empty; whether it is well formed.
    pub(crate) fn optional_text(
        &mut self,
        place: Place<'_>,
        field: &str,
        value: &str,
        form: TextForm,
    ) -> bool {
        value.is_empty() || self.check_text(place, field, value, form)
    }

    fn check_text(&mut self, place: Place<'_>, field: &str, value: &str, form: TextForm) -> bool {
        let chars = value.chars().count();
        let padded = value.trim().len() != value.len();
        if padded || !value.chars().all(|character| form.charset.takes(character)) {
            self.fault(place, field, InvalidCode::BadCharacters, value, form.allowed());
            return false;
        }
        if chars > form.chars_max {
            self.fault(place, field, InvalidCode::TooLong, value, form.allowed());
            return false;
        }
        if chars < form.chars_min {
            self.fault(place, field, InvalidCode::UnknownCode, value, form.allowed());
            return false;
        }
        true
    }

    /// A code that must be there and in its table.
    pub(crate) fn code<T>(
        &mut self,
        place: Place<'_>,
        field: &str,
        value: &str,
        table: impl FnOnce(&str) -> Option<T>,
        allowed: Phrase,
    ) -> Option<T> {
        if value.is_empty() {
            self.missing(place, field, allowed);
            return None;
        }
        let found = table(value);
        if found.is_none() {
            self.fault(place, field, InvalidCode::UnknownCode, value, allowed);
        }
        found
    }

    /// A code that may be empty, which means the default.
    pub(crate) fn optional_code<T>(
        &mut self,
        place: Place<'_>,
        field: &str,
        value: &str,
        default: T,
        table: impl FnOnce(&str) -> Option<T>,
        allowed: Phrase,
    ) -> Option<T> {
        if value.is_empty() { Some(default) } else { self.code(place, field, value, table, allowed) }
    }

    /// A flag, `0` or `1`, that must be there.
    pub(crate) fn flag(&mut self, place: Place<'_>, field: &str, value: &str) -> Option<bool> {
        self.code(place, field, value, flag_of, FLAG)
    }

    /// A flag that may be empty, which means `0`.
    pub(crate) fn optional_flag(&mut self, place: Place<'_>, field: &str, value: &str) -> Option<bool> {
        self.optional_code(place, field, value, false, flag_of, FLAG)
    }

    /// An amount that must be there; its sign is not looked at.
    pub(crate) fn money(&mut self, place: Place<'_>, field: &str, value: &str) -> Option<Money> {
        self.number(place, field, value, Money::parse(value), ("金额", "amount"), Money::SCALE)
    }

    /// An amount of zero or more that must be there.
    pub(crate) fn amount(&mut self, place: Place<'_>, field: &str, value: &str) -> Option<Money> {
        let money = self.money(place, field, value)?;
        if money.is_negative() {
            let allowed = Phrase::fixed("不小于零的金额", "an amount of zero or more");
            self.fault(place, field, InvalidCode::Negative, value, allowed);
            return None;
        }
        Some(money)
    }

    /// An amount of zero or more; empty is zero.
    pub(crate) fn optional_amount(&mut self, place: Place<'_>, field: &str, value: &str) -> Option<Money> {
        if value.is_empty() { Some(Money::ZERO) } else { self.amount(place, field, value) }
    }

    /// A unit price that must be there.
    pub(crate) fn price(&mut self, place: Place<'_>, field: &str, value: &str) -> Option<Price> {
        self.number(place, field, value, Price::parse(value), ("单价", "price"), Price::SCALE)
    }

    /// A quantity that must be there.
    pub(crate) fn quantity(&mut self, place: Place<'_>, field: &str, value: &str) -> Option<Quantity> {
        self.number(place, field, value, Quantity::parse(value), ("数量", "quantity"), Quantity::SCALE)
    }

    /// A ratio from 0 to 1 that must be there.
    pub(crate) fn ratio(&mut self, place: Place<'_>, field: &str, value: &str) -> Option<Rate> {
        let rate = self.number(place, field, value, Rate::parse(value), ("比例", "ratio"), Rate::SCALE)?;
        if (Rate::ZERO..=Rate::ONE).contains(&rate) {
            return Some(rate);
        }
        let allowed = Phrase::fixed("0 至 1", "from 0 to 1");
        self.fault(place, field, InvalidCode::UnknownCode, value, allowed);
        None
    }

    /// A whole number up to a bound; empty is zero.
    pub(crate) fn optional_count(
        &mut self,
        place: Place<'_>,
        field: &str,
        value: &str,
        max: u16,
    ) -> Option<u16> {
        let read = |text: &str| {
            let is_plain = text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
            is_plain.then(|| text.parse::<u16>().ok()).flatten().filter(|count| *count <= max)
        };
        let allowed = Phrase::made(format!("0 至 {max} 的整数"), format!("a whole number from 0 to {max}"));
        self.optional_code(place, field, value, 0, read, allowed)
    }

    /// A list of words, none of them empty.
    pub(crate) fn words(
        &mut self,
        place: Place<'_>,
        field: &str,
        values: &[String],
    ) -> Option<Vec<Arc<str>>> {
        let form = TextForm::up_to(Charset::Visible, 50);
        // Each is read, so that each that is wrong is told.
        let words: Vec<_> = values.iter().map(|value| self.text(place, field, value, form)).collect();
        words.into_iter().collect()
    }

    fn number<T>(
        &mut self,
        place: Place<'_>,
        field: &str,
        value: &str,
        parsed: Result<T, NumberError>,
        (zh, en): (&str, &str),
        decimals: u32,
    ) -> Option<T> {
        let code = match parsed {
            Ok(number) => return Some(number),
            Err(NumberError::Empty) => InvalidCode::Required,
            Err(NumberError::NotANumber) => InvalidCode::NotADecimal,
            Err(NumberError::TooPrecise(_)) => InvalidCode::TooPrecise,
            Err(NumberError::TooLarge) => InvalidCode::TooLarge,
        };
        let digits = 16 - decimals;
        let article = if en.starts_with('a') { "an" } else { "a" };
        let allowed = Phrase::made(
            format!("{zh}，纯十进制文本，至多 {digits} 位整数、{decimals} 位小数"),
            format!("{article} {en} as plain decimal text, up to {digits} digits and {decimals} decimals"),
        );
        self.fault(place, field, code, value, allowed);
        None
    }

    /// A date that must be there.
    pub(crate) fn date(&mut self, place: Place<'_>, field: &str, value: &str, era: Era) -> Option<Date> {
        self.day(place, field, value, parse_date(value), era, PLAIN_DATE)
    }

    /// A date that may be empty. The outer `None` is a fault.
    pub(crate) fn optional_date(
        &mut self,
        place: Place<'_>,
        field: &str,
        value: &str,
        era: Era,
    ) -> Option<Option<Date>> {
        if value.is_empty() { Some(None) } else { self.date(place, field, value, era).map(Some) }
    }

    /// A time that must be there.
    pub(crate) fn time(&mut self, place: Place<'_>, field: &str, value: &str, era: Era) -> Option<DateTime> {
        self.day(place, field, value, parse_time(value), era, PLAIN_TIME)
    }

    /// A time that may be empty. The outer `None` is a fault.
    pub(crate) fn optional_time(
        &mut self,
        place: Place<'_>,
        field: &str,
        value: &str,
        era: Era,
    ) -> Option<Option<DateTime>> {
        if value.is_empty() { Some(None) } else { self.time(place, field, value, era).map(Some) }
    }

    fn day<T: Copy + Into<DateTime>>(
        &mut self,
        place: Place<'_>,
        field: &str,
        value: &str,
        parsed: Option<T>,
        era: Era,
        allowed: Phrase,
    ) -> Option<T> {
        if value.is_empty() {
            self.missing(place, field, allowed);
            return None;
        }
        let Some(day) = parsed else {
            self.fault(place, field, InvalidCode::BadDate, value, allowed);
            return None;
        };
        if era == Era::Visit && !VISIT_YEARS.contains(&day.into().year()) {
            let allowed = Phrase::fixed("2000 至 2099 年", "a year from 2000 to 2099");
            self.fault(place, field, InvalidCode::BadDate, value, allowed);
            return None;
        }
        Some(day)
    }
}

const FLAG: Phrase = Phrase::fixed("0 或 1", "0 or 1");

fn flag_of(value: &str) -> Option<bool> {
    match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// Reads exactly `yyyy-MM-dd`. The library's own parser takes many more forms, and hospitals send them by mistake.
fn parse_date(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let separated = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-';
    if !separated {
        return None;
    }
    let year = digits(&bytes[..4])?;
    let month = i8::try_from(digits(&bytes[5..7])?).ok()?;
    let day = i8::try_from(digits(&bytes[8..])?).ok()?;
    let year_is_real = year > 0;
    year_is_real.then(|| Date::new(year, month, day).ok()).flatten()
}

/// Reads exactly `yyyy-MM-dd HH:mm:ss`, 00:00:00 to 23:59:59.
fn parse_time(text: &str) -> Option<DateTime> {
    let bytes = text.as_bytes();
    let separated = bytes.len() == 19 && bytes[10] == b' ' && bytes[13] == b':' && bytes[16] == b':';
    if !separated {
        return None;
    }
    let day = parse_date(text.get(..10)?)?;
    let hour = i8::try_from(digits(&bytes[11..13])?).ok()?;
    let minute = i8::try_from(digits(&bytes[14..16])?).ok()?;
    let second = i8::try_from(digits(&bytes[17..])?).ok()?;
    DateTime::new(day.year(), day.month(), day.day(), hour, minute, second, 0).ok()
}

fn digits(bytes: &[u8]) -> Option<i16> {
    bytes
        .iter()
        .try_fold(0i16, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i16::from(byte - b'0')))
}

/// The first day after an inclusive last day; registers write 9999-12-31 for "no end".
pub(crate) fn day_after(last: Date) -> Option<Date> {
    if last == date(9999, 12, 31) { None } else { last.tomorrow().ok() }
}
