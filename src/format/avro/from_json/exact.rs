//! Exact decimal numbers, without floats.

use num_bigint::BigInt;

/// The maximum number of digits or zeros, so that `1e999999999` does not use much memory.
const DIGITS_LIMIT: usize = 10_000;

/// A number: its digits × 10^-`scale`.
pub(super) struct Exact {
    is_negative: bool,
    /// Without leading and trailing zeros; empty for zero.
    digits: String,
    scale: i64,
}

impl Exact {
    /// Parses a number in JSON's grammar (RFC 8259, section 6); `None` for any other text, and for
    /// more than 10,000 digits.
    pub(super) fn of(text: &str) -> Option<Self> {
        let is_json = serde_json::from_str::<&serde_json::value::RawValue>(text)
            .is_ok_and(|json| json.get().len() == text.len());
        if !is_json || !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return None;
        }
        let (is_negative, number) = match text.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, text),
        };
        let (number, exponent) = match number.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i64>().ok()?),
            None => (number, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let fraction = fraction.trim_end_matches('0');
        let all = [whole, fraction].concat();
        let mut scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        let digits = all.trim_start_matches('0').trim_end_matches('0');
        scale =
            scale.checked_sub(i64::try_from(all.len() - all.trim_end_matches('0').len()).ok()?)?;
        if digits.len() > DIGITS_LIMIT {
            return None;
        }
        let scale = if digits.is_empty() { 0 } else { scale };
        Some(Self { is_negative, digits: digits.to_owned(), scale })
    }

    /// The number of digits before the point.
    pub(super) fn whole_digits(&self) -> usize {
        let digits = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        usize::try_from(digits.saturating_sub(self.scale).max(0)).unwrap_or(usize::MAX)
    }

    /// The number as a multiple of 10^-`scale`; `None` if there is a remainder.
    pub(super) fn at_scale(&self, scale: usize) -> Option<BigInt> {
        if self.digits.is_empty() {
            return Some(BigInt::ZERO);
        }
        let zeros = i64::try_from(scale).ok()?.checked_sub(self.scale)?;
        let zeros = usize::try_from(zeros).ok().filter(|zeros| *zeros <= DIGITS_LIMIT)?;
        let number: BigInt = (self.digits.clone() + &"0".repeat(zeros)).parse().ok()?;
        Some(if self.is_negative { -number } else { number })
    }

    /// The number with as few decimals as possible, and the number of decimals.
    pub(super) fn shortest(&self) -> Option<(BigInt, i32)> {
        let scale = usize::try_from(self.scale.max(0)).ok()?;
        Some((self.at_scale(scale)?, i32::try_from(scale).ok()?))
    }
}

/// The whole number of a literal, including `2.0` and `1e3`.
pub(super) fn whole(literal: &str) -> Option<i64> {
    match literal.parse() {
        Ok(number) => Some(number),
        Err(_) => {
            let exact = Exact::of(literal).filter(|exact| exact.whole_digits() <= 19)?;
            i64::try_from(exact.at_scale(0)?).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_their_digits_say() {
        let cases = [
            ("0", 2, Some("0")),
            ("-0.00", 0, Some("0")),
            ("0e99999999999", 3, Some("0")),
            ("12.34", 2, Some("1234")),
            ("12.34", 3, Some("12340")),
            ("12.340", 2, Some("1234")),
            ("12.34", 1, None),
            ("-12.34e1", 1, Some("-1234")),
            ("1234e-2", 2, Some("1234")),
            ("1200e-2", 0, Some("12")),
            ("1E+3", 0, Some("1000")),
            ("0.00001", 5, Some("1")),
            ("1e999999999", 0, None),
            ("1e-999999999", 5, None),
        ];
        for (text, scale, number) in cases {
            let found = Exact::of(text).unwrap().at_scale(scale).map(|it| it.to_string());
            assert_eq!(found.as_deref(), number, "{text} {scale}");
        }
        for text in
            ["", "-", "1.", ".5", "+1", "01", " 1", "1 ", "1e", "NaN", "\"1\"", "[1]", "1,5"]
        {
            assert!(Exact::of(text).is_none(), "{text}");
        }
    }

    #[test]
    fn whole_numbers_have_64_bits() {
        let cases = [
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("2.0", Some(2)),
            ("1e3", Some(1_000)),
            ("2.5", None),
            ("1e400", None),
        ];
        for (text, number) in cases {
            assert_eq!(whole(text), number, "{text}");
        }
    }
}
