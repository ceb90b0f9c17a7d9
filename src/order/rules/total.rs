//! The values of an order and its items: summed up from prices, or split by quantity.
//!
//! All arithmetic uses integers. Quantities and prices are in units of 10^-4; results are
//! [`Amount`]s.

use super::super::value::decimal::{self, DECIMALS};

/// Money of `units` × 10^-`scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) units: i128,
    pub(super) scale: u32,
}

/// The scale of a quantity times a price.
const PRODUCT_SCALE: u32 = 2 * DECIMALS;

/// The scale of cents.
const CENTS: u32 = 2;

/// Half a cent at [`PRODUCT_SCALE`].
const HALF_A_CENT: i128 = 10_i128.pow(PRODUCT_SCALE - CENTS) / 2;

/// Quantity × unit price, below 10^24 units within their bounds.
pub(super) const fn priced(quantity: i128, unit_price: i128) -> Amount {
    Amount { units: quantity * unit_price, scale: PRODUCT_SCALE }
}

/// Money in units of 10^-4, at the scale of a quantity times a price.
pub(super) const fn at_product_scale(units: i128) -> i128 {
    units * 10_i128.pow(PRODUCT_SCALE - DECIMALS)
}

impl Amount {
    /// Money in units of 10^-4, at the scale of a quantity times a price.
    pub(super) const fn at_product_scale_of(units: i128) -> Self {
        Self { units: at_product_scale(units), scale: PRODUCT_SCALE }
    }
}

/// A total as it was stated.
pub(super) const fn stated(total: i128) -> Amount {
    Amount { units: total, scale: DECIMALS }
}

/// Whether a stated total agrees with the sum over `items` priced items: to within half a cent per
/// item, inclusive, because shops round each line.
pub(super) fn agree(stated: i128, sum: Amount, items: usize) -> bool {
    let difference = at_product_scale(stated) - sum.units;
    let tolerance = i128::try_from(items).unwrap_or(i128::MAX).saturating_mul(HALF_A_CENT);
    difference.abs() <= tolerance
}

/// Splits a stated total over items by their quantities, so that the parts sum to it exactly.
///
/// By largest remainder, the earlier item at a tie; in cents, or in the total's own smallest unit
/// if that is finer. `total` is 0 or more and every quantity above 0. A total is below 10^20 units
/// and a quantity below 10^10, so that their product, below 10^30, fits 128 bits.
pub(super) fn split(total: i128, quantities: &[i128]) -> Vec<Amount> {
    let (total, scale) = decimal::trim(total, DECIMALS, CENTS);
    let whole: i128 = quantities.iter().sum();
    let mut left = total;
    let mut remainders = Vec::with_capacity(quantities.len());
    let mut parts = Vec::with_capacity(quantities.len());
    for (index, quantity) in quantities.iter().enumerate() {
        let (units, remainder) = divide(total * quantity, whole);
        left -= units;
        parts.push(Amount { units, scale });
        remainders.push((remainder, index));
    }
    if left > 0 {
        // Stable, so that the earlier item comes first at a tie.
        remainders.sort_by_key(|(remainder, _)| std::cmp::Reverse(*remainder));
    }
    // The remainders sum to `left` times the whole and each is below the whole, so that fewer units
    // are left than there are items.
    for (_, index) in remainders {
        if left == 0 {
            break;
        }
        if let Some(part) = parts.get_mut(index) {
            part.units += 1;
            left -= 1;
        }
    }
    parts
}

/// Quotient and remainder; 64-bit division is several times faster where it suffices.
fn divide(dividend: i128, divisor: i128) -> (i128, i128) {
    match (u64::try_from(dividend), u64::try_from(divisor)) {
        (Ok(dividend), Ok(divisor)) => {
            (i128::from(dividend / divisor), i128::from(dividend % divisor))
        }
        _ => (dividend / divisor, dividend % divisor),
    }
}

#[cfg(test)]
mod tests {
    use num_bigint::BigInt;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn parts(total: i128, quantities: &[i128]) -> Vec<i128> {
        split(total, quantities).iter().map(|part| part.units).collect()
    }

    #[test]
    fn a_split_is_in_cents_and_the_earlier_item_wins_a_tie() {
        assert_eq!(parts(10_0000, &[1, 1, 1]), [334, 333, 333]);
        assert_eq!(parts(10_0000, &[1, 2]), [333, 667]);
        assert_eq!(parts(100, &[1, 1, 1]), [1, 0, 0]);
        assert_eq!(parts(200, &[1, 1, 1]), [1, 1, 0]);
        assert_eq!(parts(0, &[1, 1]), [0, 0]);
        assert_eq!(parts(6999_8000, &[2_0000]), [699_980]);
        assert_eq!(parts(100, &[1, 2, 1]), [0, 1, 0]);
    }

    #[test]
    fn a_total_finer_than_cents_is_split_in_its_own_smallest_unit() {
        assert_eq!(split(1_0010, &[1, 1]).first(), Some(&Amount { units: 501, scale: 3 }));
        assert_eq!(parts(1_0010, &[1, 1]), [501, 500]);
        assert_eq!(parts(1_0001, &[1, 1]), [5_001, 5_000]);
        assert_eq!(split(1_0000, &[1]).first(), Some(&Amount { units: 100, scale: 2 }));
    }

    #[test]
    fn the_largest_total_splits_over_the_largest_quantities() {
        let largest = 10_i128.pow(20) - 1;
        let quantities = vec![10_i128.pow(10) - 1; 9_999];
        let parts = parts(largest, &quantities);
        assert_eq!(parts.iter().sum::<i128>(), largest);
    }

    #[test]
    fn totals_agree_to_within_half_a_cent_an_item_inclusive() {
        let sum = priced(3_0000, 12_3400); // 37.02
        assert!(agree(37_0200, sum, 1));
        assert!(agree(37_0250, sum, 1));
        assert!(agree(37_0150, sum, 1));
        assert!(!agree(37_0251, sum, 1));
        assert!(!agree(37_0149, sum, 1));
        assert!(agree(37_0300, sum, 2));
        assert!(!agree(37_0301, sum, 2));
    }

    fn quantities() -> impl Strategy<Value = Vec<i128>> {
        prop_oneof![
            vec(1..5_i128, 1..8).prop_map(|all| all.iter().map(|it| it * 10_000).collect()),
            vec(1..10_i128.pow(10), 1..40),
        ]
    }

    fn totals() -> impl Strategy<Value = i128> {
        prop_oneof![0..10_i128.pow(20), (0..1_000_000_i128).prop_map(|cents| cents * 100)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn parts_sum_to_the_total_and_lie_within_a_unit_of_their_share(
            total in totals(),
            quantities in quantities(),
        ) {
            let parts = split(total, &quantities);
            let scale = parts.first().unwrap().scale;
            let unit = 10_i128.pow(4 - scale);
            prop_assert!(total % unit == 0 && (scale == 2 || total % (unit * 10) != 0));
            prop_assert_eq!(parts.iter().map(|part| part.units).sum::<i128>() * unit, total);
            let whole: i128 = quantities.iter().sum();
            for (part, quantity) in parts.iter().zip(&quantities) {
                // part − total/unit × quantity/whole, times the whole
                let share = BigInt::from(total / unit) * quantity;
                let distance = BigInt::from(part.units) * whole - share;
                prop_assert!(-BigInt::from(whole) < distance && distance < BigInt::from(whole));
            }
        }

        #[test]
        fn the_larger_remainder_is_served_first_and_the_earlier_item_at_a_tie(
            total in totals(),
            quantities in quantities(),
        ) {
            let parts = split(total, &quantities);
            let total = total / 10_i128.pow(4 - parts.first().unwrap().scale);
            let whole: i128 = quantities.iter().sum();
            let served: Vec<_> = parts.iter().zip(&quantities).map(|(part, quantity)| {
                let share = BigInt::from(total) * quantity;
                (part.units - i128::try_from(&share / whole).unwrap(), share % whole)
            }).collect();
            for (index, (extra, remainder)) in served.iter().enumerate() {
                prop_assert!(*extra == 0 || *extra == 1);
                for (later_extra, later_remainder) in served.iter().skip(index + 1) {
                    if remainder >= later_remainder {
                        prop_assert!(extra >= later_extra);
                    } else {
                        prop_assert!(extra <= later_extra);
                    }
                }
            }
        }

        #[test]
        fn a_sum_of_products_is_exact(
            items in vec((1..10_i128.pow(10), 0..10_i128.pow(14)), 1..60),
        ) {
            let sum: i128 = items.iter().map(|(quantity, price)| priced(*quantity, *price).units).sum();
            let exact: BigInt =
                items.iter().map(|(quantity, price)| BigInt::from(*quantity) * price).sum();
            prop_assert_eq!(&BigInt::from(sum), &exact);
            let shown = decimal::money(sum, PRODUCT_SCALE).unwrap();
            let power = PRODUCT_SCALE - shown.scale();
            prop_assert_eq!(BigInt::from(shown.mantissa()) * BigInt::from(10).pow(power), exact);
        }
    }

    #[test]
    fn the_largest_sum_of_products_fits_a_decimal() {
        let largest = priced(10_i128.pow(10) - 1, 10_i128.pow(14) - 1).units * 9_999;
        let shown = decimal::money(largest, PRODUCT_SCALE).unwrap();
        assert_eq!(shown.mantissa() * 10_i128.pow(PRODUCT_SCALE - shown.scale()), largest);
    }
}
