//! Exact amounts, prices, quantities and ratios, as fixed-point integers.
//!
//! Knows the national scales (16,2 / 16,6 / 16,4 / 5,4) and one rounding: half away from zero. It must not know
//! what an amount is for. Invariant: every operation is exact or rounds once, at the place named in
//! `docs/rounding.md`, and overflow is an error, never a wrap. `rust_decimal` is the type at the border; the
//! property tests below hold both to the same result.

use std::fmt;

use rust_decimal::Decimal;

/// An operation left the range of the type. The shell turns it into a [`Fault`](crate::Fault).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("amount out of range")]
pub struct Overflow;

/// Why a text is not an amount, price, quantity or ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Empty text.
    #[error("is empty")]
    Empty,
    /// Something other than an optional minus, digits and at most one point with digits on both sides.
    #[error("is not a plain decimal number")]
    NotANumber,
    /// More decimals than the field has.
    #[error("has more than {0} decimals")]
    TooPrecise(u32),
    /// More integer digits than the field has.
    #[error("is larger than the field allows")]
    TooLarge,
}

/// Integer digits of the national type `N 16,s` are `16 - s`; amounts beyond are refused on the way in.
const DIGITS: u32 = 16;

/// Reads `-?d+(.d+)?` as an integer of `scale` decimals. No sign `+`, exponent, separator or bare point: what
/// `rust_decimal` would accept or round in silence is refused here.
fn parse_fixed(text: &str, scale: u32) -> Result<i64, NumberError> {
    if text.is_empty() {
        return Err(NumberError::Empty);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return Err(NumberError::NotANumber),
        Some((whole, fraction)) => (whole, fraction),
        None => (digits, ""),
    };
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return Err(NumberError::NotANumber);
    }
    // Trailing zeros carry no value: 1.100 is a legal amount, 1.101 is not.
    let significant = fraction.trim_end_matches('0');
    if significant.len() > scale as usize {
        return Err(NumberError::TooPrecise(scale));
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > (DIGITS - scale) as usize {
        return Err(NumberError::TooLarge);
    }
    let padding = scale as usize - significant.len();
    let value = whole
        .bytes()
        .chain(significant.bytes())
        .chain(std::iter::repeat_n(b'0', padding))
        .fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'));
    Ok(if negative { -value } else { value })
}

fn write_fixed(f: &mut fmt::Formatter<'_>, value: i64, scale: u32, keep: u32) -> fmt::Result {
    let unit = 10u64.pow(scale);
    let magnitude = value.unsigned_abs();
    let mut fraction = format!("{:0width$}", magnitude % unit, width = scale as usize);
    while fraction.len() > keep as usize && fraction.ends_with('0') {
        fraction.pop();
    }
    let sign = if value < 0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    f.pad_integral(true, "", &format!("{sign}{}{point}{fraction}", magnitude / unit))
}

/// `a x b / divisor`, half away from zero, the one rounding of the product. `divisor` is positive.
///
/// Amounts of real bills fit the narrow product, whose division costs a tenth of the wide one.
fn multiply_divide(a: i64, b: i64, divisor: i64) -> Result<i64, Overflow> {
    let half = divisor / 2;
    let signed_half = |negative: bool| if negative { -half } else { half };
    if let Some(product) = a.checked_mul(b)
        && let Some(shifted) = product.checked_add(signed_half(product < 0))
    {
        return Ok(shifted / divisor);
    }
    let product = i128::from(a) * i128::from(b);
    let shifted = product + i128::from(signed_half(product < 0));
    i64::try_from(shifted / i128::from(divisor)).map_err(|_| Overflow)
}

macro_rules! fixed_point {
    ($(#[$doc:meta])* $name:ident, $scale:literal, $keep:literal, $unit:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(i64);

        impl $name {
            /// Nothing.
            pub const ZERO: $name = $name(0);
            /// Decimals kept.
            pub const SCALE: u32 = $scale;

            #[doc = concat!("From a whole number of ", $unit, ".")]
            pub const fn from_units(units: i64) -> $name {
                $name(units)
            }

            #[doc = concat!("The value as a whole number of ", $unit, ".")]
            pub const fn units(self) -> i64 {
                self.0
            }

            /// Reads a plain decimal text: optional minus, digits, optional point and digits.
            ///
            /// # Errors
            /// [`NumberError`]: empty, not plain, more decimals than the scale, more digits than the field.
            pub fn parse(text: &str) -> Result<$name, NumberError> {
                parse_fixed(text, $scale).map($name)
            }

            /// The exact value of a decimal.
            ///
            /// # Errors
            /// [`NumberError::TooPrecise`] when a digit would be lost, [`NumberError::TooLarge`] past the field.
            pub fn from_decimal(value: Decimal) -> Result<$name, NumberError> {
                let mut scaled = value.normalize();
                if scaled.scale() > $scale {
                    return Err(NumberError::TooPrecise($scale));
                }
                scaled.rescale($scale);
                if scaled.scale() != $scale {
                    return Err(NumberError::TooLarge);
                }
                match i64::try_from(scaled.mantissa()) {
                    Ok(units) if units.unsigned_abs() < 10u64.pow(DIGITS) => Ok($name(units)),
                    _ => Err(NumberError::TooLarge),
                }
            }

            /// The same value as a decimal of this type's scale.
            pub fn to_decimal(self) -> Decimal {
                Decimal::new(self.0, $scale)
            }

            /// Whether the value is exactly zero.
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }

            /// Whether the value is below zero.
            pub const fn is_negative(self) -> bool {
                self.0 < 0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_fixed(f, self.0, $scale, $keep)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

fixed_point! {
    /// An amount that is booked: CNY, two decimals, signed. Negative amounts are refunds and reversals.
    Money, 2, 2, "fen"
}
fixed_point! {
    /// A unit price (`pric`, `pric_uplmt_amt`): CNY, up to six decimals.
    Price, 6, 2, "millionths of a yuan"
}
fixed_point! {
    /// A quantity (`cnt`): up to four decimals, negative on a refund line.
    Quantity, 4, 0, "ten-thousandths"
}
fixed_point! {
    /// A ratio (`selfpay_prop`, a band's rate, a factor): up to four decimals; 0.7 means 70 %.
    Rate, 4, 0, "ten-thousandths"
}

impl Money {
    /// The sum.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn plus(self, other: Money) -> Result<Money, Overflow> {
        self.0.checked_add(other.0).map(Money).ok_or(Overflow)
    }

    /// The difference.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn minus(self, other: Money) -> Result<Money, Overflow> {
        self.0.checked_sub(other.0).map(Money).ok_or(Overflow)
    }

    /// The amount with its sign turned: the mirror in a reversal.
    ///
    /// # Errors
    /// [`Overflow`] for the one value without a mirror.
    pub fn negate(self) -> Result<Money, Overflow> {
        self.0.checked_neg().map(Money).ok_or(Overflow)
    }

    /// The sum of many amounts.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn sum(amounts: impl IntoIterator<Item = Money>) -> Result<Money, Overflow> {
        amounts.into_iter().try_fold(Money::ZERO, Money::plus)
    }

    /// `self x rate`, rounded half away from zero to the fen.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn at_rate(self, rate: Rate) -> Result<Money, Overflow> {
        multiply_divide(self.0, rate.0, 10_000).map(Money)
    }

    /// The smaller of two amounts.
    pub fn at_most(self, limit: Money) -> Money {
        self.min(limit)
    }

    /// The amount, or zero where it is negative.
    pub fn or_zero(self) -> Money {
        self.max(Money::ZERO)
    }
}

impl Price {
    /// `price x quantity`, rounded half away from zero to the fen: the amount of a line.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn times(self, quantity: Quantity) -> Result<Money, Overflow> {
        multiply_divide(self.0, quantity.0, 100_000_000).map(Money)
    }
}

impl Quantity {
    /// The sum.
    ///
    /// # Errors
    /// [`Overflow`].
    pub fn plus(self, other: Quantity) -> Result<Quantity, Overflow> {
        self.0.checked_add(other.0).map(Quantity).ok_or(Overflow)
    }
}

impl Rate {
    /// The whole: 1, or 100 %.
    pub const ONE: Rate = Rate(10_000);

    /// The rate as a percentage text: `70 %`, `76.5 %`.
    pub fn percent(self) -> String {
        let price_scale = Decimal::new(self.0, 2).normalize();
        format!("{price_scale} %")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rust_decimal::RoundingStrategy::MidpointAwayFromZero;

    #[test]
    fn reads_only_plain_decimals() {
        let cases: &[(&str, Result<i64, NumberError>)] = &[
            ("0", Ok(0)),
            ("-0.00", Ok(0)),
            ("4.52", Ok(452)),
            ("-20.5", Ok(-2050)),
            ("1.1000", Ok(110)),
            ("007", Ok(700)),
            ("99999999999999.99", Ok(9_999_999_999_999_999)),
            ("100000000000000", Err(NumberError::TooLarge)),
            ("", Err(NumberError::Empty)),
            ("-", Err(NumberError::NotANumber)),
            ("1.", Err(NumberError::NotANumber)),
            (".5", Err(NumberError::NotANumber)),
            ("+1", Err(NumberError::NotANumber)),
            ("1_000", Err(NumberError::NotANumber)),
            ("1,000", Err(NumberError::NotANumber)),
            ("1e2", Err(NumberError::NotANumber)),
            (" 1", Err(NumberError::NotANumber)),
            ("1.5.5", Err(NumberError::NotANumber)),
            ("１", Err(NumberError::NotANumber)),
            ("1.005", Err(NumberError::TooPrecise(2))),
        ];
        for (text, expected) in cases {
            assert_eq!(Money::parse(text).map(Money::units), *expected, "{text}");
        }
    }

    #[test]
    fn prints_the_scale_of_its_kind() {
        assert_eq!(Money::from_units(-5).to_string(), "-0.05");
        assert_eq!(Money::from_units(1_234_500).to_string(), "12345.00");
        assert_eq!(Price::parse("1.5").unwrap().to_string(), "1.50");
        assert_eq!(Price::parse("0.1234").unwrap().to_string(), "0.1234");
        assert_eq!(Quantity::parse("3").unwrap().to_string(), "3");
        assert_eq!(Quantity::parse("-1.25").unwrap().to_string(), "-1.25");
        assert_eq!(Rate::parse("0.05").unwrap().to_string(), "0.05");
        assert_eq!(Rate::parse("0.765").unwrap().percent(), "76.5 %");
        assert_eq!(format!("{:>8}", Money::from_units(100)), "    1.00");
    }

    #[test]
    fn overflow_is_an_error() {
        let most = Money::from_units(i64::MAX);
        assert_eq!(most.plus(Money::from_units(1)), Err(Overflow));
        assert_eq!(Money::from_units(i64::MIN).negate(), Err(Overflow));
        assert_eq!(most.at_rate(Rate::from_units(20_000)), Err(Overflow));
        assert_eq!(Price::from_units(i64::MAX).times(Quantity::from_units(i64::MAX)), Err(Overflow));
    }

    #[test]
    fn rounds_half_away_from_zero() {
        // worked example 7: 4.52 at 5 % is 0.226, booked as 0.23
        assert_eq!(Money::from_units(452).at_rate(Rate::from_units(500)).unwrap().units(), 23);
        assert_eq!(Money::from_units(-1).at_rate(Rate::from_units(5_000)).unwrap().units(), -1);
    }

    const RANGE: i64 = 9_999_999_999_999_999;

    proptest! {
        #[test]
        fn equals_rust_decimal(a in -RANGE..=RANGE, b in -RANGE..=RANGE, rate in -20_000i64..=20_000,
                               price in 0i64..=1_000_000_000_000, quantity in -1_000_000_000i64..=1_000_000_000) {
            let (x, y) = (Money::from_units(a), Money::from_units(b));
            prop_assert_eq!(x.plus(y).unwrap().to_decimal(), x.to_decimal() + y.to_decimal());
            prop_assert_eq!(x.minus(y).unwrap().to_decimal(), x.to_decimal() - y.to_decimal());
            prop_assert_eq!(x.negate().unwrap().to_decimal(), -x.to_decimal());
            prop_assert_eq!(x < y, x.to_decimal() < y.to_decimal());
            let rate = Rate::from_units(rate);
            let exact = x.to_decimal() * rate.to_decimal();
            prop_assert_eq!(x.at_rate(rate).unwrap().to_decimal(), exact.round_dp_with_strategy(2, MidpointAwayFromZero));
            let (price, quantity) = (Price::from_units(price), Quantity::from_units(quantity));
            let exact = price.to_decimal() * quantity.to_decimal();
            prop_assert_eq!(price.times(quantity).unwrap().to_decimal(), exact.round_dp_with_strategy(2, MidpointAwayFromZero));
        }

        #[test]
        fn midpoints_equal_rust_decimal(fen in -1_000_000i64..=1_000_000, odd in 0i64..=10_000) {
            // an odd number of fen at 50 %, 12.5 % ... lands on exact midpoints
            let rate = Rate::from_units(odd * 2 + 1);
            let money = Money::from_units(fen);
            let exact = money.to_decimal() * rate.to_decimal();
            prop_assert_eq!(money.at_rate(rate).unwrap().to_decimal(), exact.round_dp_with_strategy(2, MidpointAwayFromZero));
        }

        #[test]
        fn text_and_decimal_round_trip(units in -RANGE..=RANGE) {
            let money = Money::from_units(units);
            prop_assert_eq!(Money::parse(&money.to_string()).unwrap(), money);
            prop_assert_eq!(Money::from_decimal(money.to_decimal()).unwrap(), money);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (Money::parse(&text), Price::parse(&text), Quantity::parse(&text), Rate::parse(&text));
        }
    }
}
