//! Exact fractions, written plainly, and the one rounding of the product.
//!
//! Must not know what is being reckoned. Every amount is a whole number of fen; every rate, price and quantity is a
//! fraction; a product is rounded where the reading says so and nowhere else.

/// An amount in fen.
pub(crate) type Fen = i128;

/// `top / bottom`, with `bottom` above zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fraction {
    top: i128,
    bottom: i128,
}

impl Fraction {
    /// The number that a text such as `0.84` spells.
    pub(crate) fn of_text(text: &str) -> Fraction {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let mut bottom = 1;
        for _ in decimals.chars() {
            bottom *= 10;
        }
        let top = format!("{whole}{decimals}").parse().unwrap_or_else(|_| panic!("`{text}` is no number"));
        Fraction { top, bottom }
    }

    pub(crate) fn of_units(units: i64, units_of_one: i128) -> Fraction {
        Fraction { top: i128::from(units), bottom: units_of_one }
    }

    pub(crate) fn times(self, other: Fraction) -> Fraction {
        Fraction { top: self.top * other.top, bottom: self.bottom * other.bottom }
    }

    pub(crate) fn is_above(self, other: Fraction) -> bool {
        self.top * other.bottom > other.top * self.bottom
    }

    /// Half away from zero: 0.5 is 1, -0.5 is -1.
    pub(crate) fn rounded(self) -> i128 {
        let twice = 2 * self.top.abs() + self.bottom;
        self.top.signum() * (twice / (2 * self.bottom))
    }

    /// An amount of CNY as fen; packs state amounts in whole fen.
    pub(crate) fn fen(self) -> Fen {
        let fen = Fraction { top: self.top * 100, bottom: self.bottom };
        assert!(fen.top % fen.bottom == 0, "{self:?} has more than two decimals");
        fen.top / fen.bottom
    }

    /// `self x amount` to the fen.
    pub(crate) fn of(self, amount: Fen) -> Fen {
        self.times(Fraction { top: amount, bottom: 1 }).rounded()
    }
}

/// `12.30`.
pub(crate) fn shown(amount: Fen) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", amount.abs() / 100, amount.abs() % 100)
}

/// Divides `amount` over the weights: each exact proportion rounded down, the fen that are left to the largest
/// remainders, the earliest first among equals.
pub(crate) fn spread(amount: Fen, weights: &[Fen]) -> Vec<Fen> {
    let whole: Fen = weights.iter().sum();
    if amount == 0 {
        return vec![0; weights.len()];
    }
    assert!(whole > 0, "{amount} fen are to be spread over nothing");
    let mut shares: Vec<Fen> = weights.iter().map(|weight| (amount * weight).div_euclid(whole)).collect();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    // A stable sort keeps the earliest first among equals.
    by_remainder.sort_by_key(|place| -(amount * weights[*place]).rem_euclid(whole));
    let mut left = amount - shares.iter().sum::<Fen>();
    for place in by_remainder {
        if left == 0 {
            break;
        }
        shares[place] += 1;
        left -= 1;
    }
    shares
}
