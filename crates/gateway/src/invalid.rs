//! What is wrong with a message: the field, its value, what is allowed, and a stable code.
//!
//! Everything that a hospital sent wrong is said at once, in Chinese and English, because a cashier cannot fix a bill
//! one refusal at a time. Invariant: the value of a personal field leaves this module only as `***` and a length.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use bedside_claim::Lang;

/// Faults listed of one message; what lies beyond is only counted.
pub const FAULTS_MAX: usize = 50;

/// Characters of a value that are shown.
const VALUE_CHARS_MAX: usize = 40;

/// Fields that say who the person is, what ails them, or what they own.
const PERSONAL: [&str; 31] = [
    "acdt_date",
    "acdt_no",
    "adm_bed",
    "balc",
    "bilg_dr_codg",
    "brdy",
    "certno",
    "diag_code",
    "diag_name",
    "dise_code",
    "drord_no",
    "evt_date",
    "evt_no",
    "family_no",
    "grade",
    "invono",
    "ipt_no",
    "mdtrt_id",
    "memo",
    "opter",
    "opter_name",
    "past_year_balc",
    "policy_no",
    "prior_grade",
    "psn_idet_type",
    "psn_name",
    "psn_no",
    "raw_json",
    "reason",
    "regdate",
    "setl_proc_info",
];

/// Whether the value of this field, the last name of a path, must never be shown.
pub(crate) fn is_personal(field: &str) -> bool {
    PERSONAL.contains(&field)
}

macro_rules! invalid_codes {
    ($($(#[$doc:meta])* $variant:ident, $code:literal, $todo:literal;)+) => {
        /// What is wrong with a field. The code is stable; texts may be polished.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum InvalidCode { $($(#[$doc])* $variant,)+ }

        impl InvalidCode {
            /// Every code.
            pub const ALL: &'static [InvalidCode] = &[$(InvalidCode::$variant,)+];

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(InvalidCode::$variant => $code,)+ }
            }

            /// What the sender has to do about it.
            pub fn remedy(self) -> &'static str {
                match self { $(InvalidCode::$variant => $todo,)+ }
            }
        }
    };
}

invalid_codes! {
    /// A field that must be there is empty or its node is missing.
    Required, "required", "send the field";
    /// More characters than the national interface gives the field.
    TooLong, "too_long", "shorten the value to the national length";
    /// Control characters, or characters that the field does not take.
    BadCharacters, "bad_characters", "send only the characters that are allowed";
    /// Not a plain decimal text.
    NotADecimal, "not_a_decimal", "send digits with at most one point, no sign +, exponent or separator";
    /// More decimals than the field has.
    TooPrecise, "too_precise", "round where the amount arises, not on the way";
    /// More digits than the field has.
    TooLarge, "too_large", "check the unit: amounts are yuan, not fen";
    /// Below zero where only zero or more makes sense.
    Negative, "negative", "send zero or more; refunds are lines of their own";
    /// A code that its table does not have.
    UnknownCode, "unknown_code", "map the hospital's own code to the national table";
    /// Not a real date or time in the one accepted form.
    BadDate, "bad_date", "send yyyy-MM-dd or yyyy-MM-dd HH:mm:ss, whichever the field has";
    /// A hold that ends in the past, or too far ahead.
    HoldUntil, "hold_until", "send a time that lies ahead, and not further than the gateway allows";
    /// Dates that exclude each other.
    DateOrder, "date_order", "correct the earlier or the later date";
    /// Days that are more than one call may ask about.
    PeriodTooLong, "period_too_long", "ask for a shorter period";
    /// A list without rows.
    Empty, "empty", "send at least one row";
    /// A list with more rows than one message may have.
    TooManyRows, "too_many_rows", "settle the stay in parts; reconcile a shorter period";
    /// A row that another field names does not exist.
    NoSuchRow, "no_such_row", "send the row, or name one that is there";
    /// Two rows where one may be.
    DuplicateRow, "duplicate_row", "send the row once";
    /// A row that may not pay, such as an insurance that was ended.
    NotActive, "not_active", "fetch the person's entitlement again (1101) and settle under an active row";
    /// Two fields that must say the same say different things.
    Differs, "differs", "make both fields name the same";
    /// A `feedetl_sn` twice.
    DuplicateLine, "duplicate_line", "number every line of the visit once";
    /// A quantity of zero.
    ZeroQuantity, "zero_quantity", "leave the line out";
    /// `pric` x `cnt` is not the line's amount (I5).
    AmountMismatch, "amount_mismatch", "send the unrounded price, and the amount rounded half up to the fen";
    /// The lines do not sum to `medfee_sumamt`.
    TotalMismatch, "total_mismatch", "send every line, and the total of exactly these lines";
    /// The total is zero or below.
    NothingCharged, "nothing_charged", "do not settle a bill that was refunded whole";
    /// The adopted split of a line has some of its four parts, not all.
    SplitIncomplete, "split_incomplete", "send all four parts as 2301 returned them, or none";
    /// The four parts of a line do not sum to its amount (I4), or differ in sign.
    SplitMismatch, "split_mismatch", "send the four parts as 2301 returned them";
    /// A negative quantity without the line it refunds, or the other way round.
    RefundForm, "refund_form", "send a refund with a negative cnt and init_feedetl_sn";
    /// The refunded line is not on this bill or is itself a refund.
    RefundUnknown, "refund_unknown", "name a charge of the same bill";
    /// The refund is of another item or price.
    RefundDiffers, "refund_differs", "refund at the item and price of the charge";
    /// More is refunded than was charged.
    RefundExceeds, "refund_exceeds", "refund no more than the charge";
    /// The refund's split does not fit the split of the charge.
    RefundSplit, "refund_split", "send both with the splits that 2301 returned, or both without";
    /// Rows of diagnoses, none of them the main one.
    NoMainDiagnosis, "no_main_diagnosis", "set maindiag_flag to 1 on the main diagnosis";
    /// The national answer says that the platform did not settle.
    NationalFailed, "national_failed", "settle with the national platform first, then send the answer that says infcode 0";
    /// A national answer, or a part of it, is not the JSON it should be.
    NotJson, "not_json", "send the national answer as it arrived";
    /// An identity of the national answer does not hold.
    IdentityMismatch, "identity_mismatch", "send the national answer as it came";
    /// A mid-stay settlement.
    MidSettlement, "mid_settlement_unsupported", "admit the person (2401) and settle the stay midway with Settle; a bill that comes whole is settled at discharge";
    /// A page token that is not of this listing.
    WrongToken, "wrong_token", "send next_page_token as it came, with the same other fields, or begin with an empty one";
    /// A way of settling that the engine does not know yet.
    NotSupported, "not_supported", "use what is allowed";
}

/// A phrase in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// 中文.
    pub zh: Cow<'static, str>,
    /// English.
    pub en: Cow<'static, str>,
}

impl Phrase {
    /// A phrase known beforehand.
    pub const fn fixed(zh: &'static str, en: &'static str) -> Phrase {
        Phrase { zh: Cow::Borrowed(zh), en: Cow::Borrowed(en) }
    }

    /// A phrase made of values.
    pub fn made(zh: String, en: String) -> Phrase {
        Phrase { zh: Cow::Owned(zh), en: Cow::Owned(en) }
    }

    /// The phrase in one language.
    pub fn text(&self, lang: Lang) -> &str {
        match lang {
            Lang::Zh => &self.zh,
            Lang::En => &self.en,
        }
    }
}

/// A value as an error may show it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ShownValue {
    /// The field was empty or missing.
    #[default]
    Absent,
    /// At most 40 characters, control characters escaped.
    Text(String),
    /// Personal: only its length in characters.
    Masked(usize),
    /// A list: only its length in rows.
    Rows(usize),
}

impl ShownValue {
    /// The value of the field as an error may show it.
    pub fn of(field: &str, value: &str) -> ShownValue {
        if value.is_empty() {
            return ShownValue::Absent;
        }
        let name = field.rsplit('.').next().unwrap_or(field);
        if is_personal(name.split('[').next().unwrap_or(name)) {
            return ShownValue::Masked(value.chars().count());
        }
        ShownValue::Text(escaped(value))
    }

    /// `empty`, the value in backticks, or `***` with its length.
    pub fn text(&self, lang: Lang) -> String {
        match (self, lang) {
            (ShownValue::Absent, Lang::Zh) => "空".to_owned(),
            (ShownValue::Absent, Lang::En) => "empty".to_owned(),
            (ShownValue::Text(value), _) => format!("`{value}`"),
            (ShownValue::Masked(chars), Lang::Zh) => format!("***（{chars} 个字符）"),
            (ShownValue::Masked(chars), Lang::En) => format!("*** ({chars} characters)"),
            (ShownValue::Rows(rows), Lang::Zh) => format!("{rows} 行的列表"),
            (ShownValue::Rows(rows), Lang::En) => format!("a list of {rows} rows"),
        }
    }
}

/// At most 40 characters of a text from outside, escaped so that no log line can be forged.
pub(crate) fn escaped(value: &str) -> String {
    let mut shown = String::new();
    for character in value.chars().take(VALUE_CHARS_MAX) {
        match character {
            '\'' | '"' | '\\' => shown.push(character),
            '`' => shown.extend(character.escape_unicode()),
            // Escapes what is not printed, such as line ends and marks that turn the direction of writing.
            _ => shown.extend(character.escape_debug()),
        }
    }
    if value.chars().nth(VALUE_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// One fault of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// What kind of fault.
    pub code: InvalidCode,
    /// The path with the national names, rows counted from 0: `feedetail[3].det_item_fee_sumamt`.
    pub field: String,
    /// `feedetl_sn` of the line at fault, where it has one.
    pub line: Option<String>,
    /// What was sent.
    pub value: ShownValue,
    /// What may be sent.
    pub allowed: Phrase,
}

impl Invalid {
    /// The whole sentence.
    pub fn text(&self, lang: Lang) -> String {
        let Invalid { field, line, value, allowed, .. } = self;
        let value = value.text(lang);
        let allowed = allowed.text(lang);
        let mut text = format!("`{field}`");
        match (lang, line) {
            (_, None) => {}
            (Lang::Zh, Some(line)) => text.extend(["（feedetl_sn `", line, "`）"]),
            (Lang::En, Some(line)) => text.extend([" (feedetl_sn `", line, "`)"]),
        }
        match lang {
            Lang::Zh => text.extend(["为 ", &value, "；允许：", allowed]),
            Lang::En => text.extend([" is ", &value, "; allowed: ", allowed]),
        }
        text
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

/// Every fault of one message; at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct InvalidMessage {
    faults: Vec<Invalid>,
    unlisted: usize,
}

impl From<Invalid> for InvalidMessage {
    fn from(fault: Invalid) -> InvalidMessage {
        InvalidMessage { faults: vec![fault], unlisted: 0 }
    }
}

impl InvalidMessage {
    /// The faults in the order in which the message is read, 50 at most.
    pub fn faults(&self) -> &[Invalid] {
        &self.faults
    }

    /// The same faults in a message that is a node of another.
    pub(crate) fn inside(mut self, node: &str) -> InvalidMessage {
        for fault in &mut self.faults {
            fault.field = format!("{node}.{}", fault.field);
        }
        self
    }

    /// How many faults there were in all.
    pub fn count(&self) -> usize {
        self.faults.len() + self.unlisted
    }

    /// The first fault, and how many more there are.
    pub fn text(&self, lang: Lang) -> String {
        let mut text = self.faults.first().map(|fault| fault.text(lang)).unwrap_or_default();
        let more = self.count().saturating_sub(1);
        if more > 0 {
            // Writing to a string cannot fail.
            let _ = match lang {
                Lang::Zh => write!(text, "；另有 {more} 处错误"),
                Lang::En => write!(text, "; and {more} more"),
            };
        }
        text
    }
}

impl fmt::Display for InvalidMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Lang::En))
    }
}

/// Collects the faults of one message while it is read.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    faults: Vec<Invalid>,
    unlisted: usize,
}

impl Faults {
    pub(crate) fn push(&mut self, fault: Invalid) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        } else {
            self.unlisted += 1;
        }
    }

    /// How many were found.
    pub(crate) fn count(&self) -> usize {
        self.faults.len() + self.unlisted
    }

    /// The value, provided that nothing was found wrong and every part of it is there.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, InvalidMessage> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(InvalidMessage { faults: self.faults, unlisted: self.unlisted }),
        }
    }
}
