//! Exact whole fen, the one rounding of the product and the one way to divide.
//!
//! Must not know what is being reckoned. A rate is a fraction of ten thousandths; a product is rounded where the
//! reading says so and nowhere else.

use bedside_claim::{Money, Rate};

/// An amount in fen, or what accumulators keep in hundredths.
pub(crate) type Fen = i128;

pub(crate) fn fen(amount: Money) -> Fen {
    Fen::from(amount.units())
}

/// `top / bottom`, half away from zero: 0.5 is 1, -0.5 is -1.
pub(crate) fn rounded(top: i128, bottom: i128) -> i128 {
    top.signum() * ((2 * top.abs() + bottom) / (2 * bottom))
}

/// `amount x rate` to the fen.
pub(crate) fn at_rate(amount: Fen, rate: Rate) -> Fen {
    rounded(amount * i128::from(rate.units()), 10_000)
}

/// Divides `amount` over the weights: each exact proportion rounded down, the fen that are left to the largest
/// remainders, the earliest first among equals.
pub(crate) fn largest_remainder(amount: Fen, weights: &[Fen]) -> Vec<Fen> {
    if amount == 0 {
        return vec![0; weights.len()];
    }
    let whole: Fen = weights.iter().sum();
    assert!(whole > 0, "{amount} fen are to be divided over {weights:?}");
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
