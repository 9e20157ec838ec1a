//! Dividing an amount over parts so that the parts sum to the whole.
//!
//! The odd-fen rule of the product: largest remainder, ties to the earliest part. Weights may be negative, because a
//! refund line takes its share of a payment back. Invariant: no part moves further from zero than its weight as long
//! as the amount lies between zero and the sum of the weights.

use crate::money::{Money, Overflow};

/// Divides `amount` in proportion to `weights` into `parts` (one for each weight).
///
/// *Units*: fen; each part is the exact proportion rounded down, and the odd fen go one each to the parts with the
/// largest remainders, the earliest first among equals.
///
/// # Errors
/// [`Overflow`] when the weights sum to zero or less while there is an amount to divide, or past the range.
pub fn largest_remainder(
    amount: Money,
    weights: &[Money],
    parts: &mut Vec<Money>,
    scratch: &mut Vec<(i64, usize)>,
) -> Result<(), Overflow> {
    parts.clear();
    if amount.is_zero() {
        parts.resize(weights.len(), Money::ZERO);
        return Ok(());
    }
    let total = Money::sum(weights.iter().copied())?.units();
    if total <= 0 {
        return Err(Overflow);
    }
    scratch.clear();
    let mut odd = amount.units();
    for (index, weight) in weights.iter().enumerate() {
        let (part, remainder) = proportion(amount.units(), weight.units(), total)?;
        if remainder > 0 {
            // Negated, so that the smallest key is the largest remainder, and the earliest among equals.
            scratch.push((-remainder, index));
        }
        odd = odd.checked_sub(part).ok_or(Overflow)?;
        parts.push(Money::from_units(part));
    }
    // Each part lost less than one fen, so fewer odd fen than parts with a remainder are left.
    let odd = usize::try_from(odd).map_err(|_| Overflow)?;
    if odd > 0 {
        scratch.select_nth_unstable(odd - 1);
        for (_, index) in &scratch[..odd] {
            parts[*index] = parts[*index].plus(Money::from_units(1))?;
        }
    }
    Ok(())
}

/// `amount x weight / total` rounded down, and what remains of the division. Amounts of real bills fit the narrow
/// product, whose division costs a tenth of the wide one.
fn proportion(amount: i64, weight: i64, total: i64) -> Result<(i64, i64), Overflow> {
    if let Some(product) = amount.checked_mul(weight) {
        return Ok((product.div_euclid(total), product.rem_euclid(total)));
    }
    let (product, total) = (i128::from(amount) * i128::from(weight), i128::from(total));
    let narrow = |value: i128| i64::try_from(value).map_err(|_| Overflow);
    Ok((narrow(product.div_euclid(total))?, narrow(product.rem_euclid(total))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn divide(amount: i64, weights: &[i64]) -> Vec<i64> {
        let weights: Vec<Money> = weights.iter().copied().map(Money::from_units).collect();
        let mut parts = Vec::new();
        largest_remainder(Money::from_units(amount), &weights, &mut parts, &mut Vec::new()).unwrap();
        parts.into_iter().map(Money::units).collect()
    }

    #[test]
    fn odd_fen_go_to_the_largest_remainder_then_the_earliest() {
        assert_eq!(divide(100, &[1, 1, 1]), [34, 33, 33]);
        assert_eq!(divide(101, &[1, 1, 1]), [34, 34, 33]);
        assert_eq!(divide(10, &[1, 2, 3]), [2, 3, 5]);
        assert_eq!(divide(5600, &[10_000, -2_000]), [7_000, -1_400]);
        assert_eq!(divide(0, &[0, 0]), [0, 0]);
        assert_eq!(divide(7, &[0, 7, 0]), [0, 7, 0]);
    }

    #[test]
    fn nothing_to_divide_over_is_an_error() {
        let mut parts = Vec::new();
        let result = largest_remainder(Money::from_units(1), &[Money::ZERO], &mut parts, &mut Vec::new());
        assert_eq!(result, Err(Overflow));
    }

    proptest! {
        #[test]
        fn wide_and_narrow_products_divide_alike(amount in 1i64..1 << 40, weights in prop::collection::vec(1i64..1 << 40, 1..6)) {
            let total: i64 = weights.iter().sum();
            for weight in weights {
                let exact = i128::from(amount) * i128::from(weight);
                let (part, remainder) = proportion(amount, weight, total).unwrap();
                prop_assert_eq!(i128::from(part) * i128::from(total) + i128::from(remainder), exact);
                prop_assert!((0..total).contains(&remainder));
            }
        }

        #[test]
        fn parts_sum_to_the_whole_and_stay_inside(weights in prop::collection::vec(-500i64..100_000, 1..40), share in 0i64..=1_000) {
            let total: i64 = weights.iter().sum();
            prop_assume!(total > 0);
            let amount = total * share / 1_000;
            let parts = divide(amount, &weights);
            prop_assert_eq!(parts.iter().sum::<i64>(), amount);
            for (part, weight) in parts.iter().zip(&weights) {
                prop_assert!(part.signum() * weight.signum() >= 0 && part.abs() <= weight.abs(), "{} of {}", part, weight);
            }
        }
    }
}
