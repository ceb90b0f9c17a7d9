//! Exact decimals in PostgreSQL's binary form.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use postgres_types::{IsNull, ToSql, Type, to_sql_checked};
use rust_decimal::Decimal;

/// A decimal as a NUMERIC parameter.
///
/// It sends the same value as `Decimal` itself, but neither allocates nor divides all 96 bits for
/// each digit: most of an order's parameters are decimals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numeric(pub(super) Decimal);

/// How many decimal digits a numeric digit has (DEC_DIGITS in PostgreSQL's numeric.c).
const WIDTH: u32 = 4;

/// A `Decimal` has up to 29 decimal digits; up to 3 zeros are appended.
const MOST_DIGITS: usize = 8;

/// The sign of a negative number (NUMERIC_NEG).
const NEGATIVE: u16 = 0x4000;

/// The numeric digits of a whole number, the last one first.
struct Digits {
    digits: [u16; MOST_DIGITS],
    count: usize,
}

impl Digits {
    fn of(mut number: u128) -> Self {
        const BASE: u128 = 10_u128.pow(WIDTH);
        const BASE_64: u64 = 10_u64.pow(WIDTH);
        let mut all = Self { digits: [0; MOST_DIGITS], count: 0 };
        // Almost all numbers are small, and 64-bit division is several times faster.
        let mut small = loop {
            if let Ok(small) = u64::try_from(number) {
                break small;
            }
            all.push(u16::try_from(number % BASE).unwrap_or_default());
            number /= BASE;
        };
        while small > 0 {
            all.push(u16::try_from(small % BASE_64).unwrap_or_default());
            small /= BASE_64;
        }
        all
    }

    /// There is room for every digit of a `Decimal`.
    fn push(&mut self, digit: u16) {
        if let Some(free) = self.digits.get_mut(self.count) {
            *free = digit;
            self.count += 1;
        }
    }
}

impl ToSql for Numeric {
    /// As `numeric_recv` in PostgreSQL's numeric.c reads it: the number of digits, the weight of
    /// the first one (a power of 10,000), the sign, the number of decimals, and the digits.
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let decimals = self.0.scale();
        // No numeric digit may extend over the decimal point.
        let appended = decimals.next_multiple_of(WIDTH) - decimals;
        let mantissa = self.0.mantissa();
        let Digits { digits, count } = Digits::of(mantissa.unsigned_abs() * 10_u128.pow(appended));
        let fractional = i16::try_from(decimals.div_ceil(WIDTH))?;
        let zeros = digits.iter().take(count).take_while(|digit| **digit == 0).count();
        out.reserve(8 + 2 * MOST_DIGITS);
        out.put_u16(u16::try_from(count - zeros)?);
        out.put_i16(i16::try_from(count)? - fractional - 1);
        out.put_u16(if mantissa < 0 { NEGATIVE } else { 0 });
        // As `Decimal` does: zero has no decimals.
        out.put_u16(if mantissa == 0 { 0 } else { u16::try_from(decimals)? });
        for digit in digits.iter().take(count).skip(zeros).rev() {
            out.put_u16(*digit);
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::NUMERIC
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use postgres_types::FromSql;
    use proptest::prelude::*;

    use super::*;

    fn sent(number: Decimal) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        Numeric(number).to_sql(&Type::NUMERIC, &mut bytes).unwrap();
        bytes.to_vec()
    }

    fn received(bytes: &[u8]) -> Decimal {
        Decimal::from_sql(&Type::NUMERIC, bytes).unwrap()
    }

    #[test]
    fn a_number_is_sent_in_postgresqls_form() {
        // Digits, weight, sign, decimals; see the arguments of `numeric_recv`.
        let number = |text: &str| sent(text.parse().unwrap());
        assert_eq!(number("12.30"), [0, 2, 0, 0, 0, 0, 0, 2, 0, 12, 11, 184]);
        assert_eq!(number("-0.0001"), [0, 1, 0xff, 0xff, 0x40, 0, 0, 4, 0, 1]);
        assert_eq!(number("10000"), [0, 1, 0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(number("0.00")[..2], [0, 0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn a_number_arrives_exactly_with_its_decimals(
            digits in prop_oneof![0..=u128::from(u32::MAX), 0..(1_u128 << 96)],
            is_negative: bool,
            scale in 0..=28_u32,
        ) {
            let digits = i128::try_from(digits).unwrap();
            let digits = if is_negative { -digits } else { digits };
            let number = Decimal::try_from_i128_with_scale(digits, scale).unwrap();
            let arrived = received(&sent(number));
            prop_assert_eq!(arrived, number);
            prop_assert!(number.is_zero() || arrived.scale() == number.scale());
        }
    }
}
