//! Exact decimals: literals are read digit by digit, calculated with as integers, never as floats.
//!
//! The bounds make every later step exact: a quantity has fewer than 6 + 4 digits, a price 10 + 4,
//! an order 9,999 items, so that the sum of their products stays below 10^28, which is within both
//! `i128` (1.7 × 10^38) and `Decimal` (7.9 × 10^28).

use rust_decimal::Decimal;

use super::literal;

/// How many decimals a literal may have; numbers are counted in units of 10^-4.
pub(super) const DECIMALS: u32 = 4;

/// How many decimals an amount of money shows at the least.
const MONEY_DECIMALS: u32 = 2;

/// What a number must stay below, in either direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    units: i128,
    /// What its user demands, as a person reads it.
    pub(super) rule: &'static str,
}

/// Of a quantity.
pub(super) const QUANTITY: Bound =
    Bound { units: 10_i128.pow(6 + DECIMALS), rule: "must be above 0 and below 1,000,000" };
/// Of a unit price.
pub(super) const UNIT_PRICE: Bound =
    Bound { units: 10_i128.pow(10 + DECIMALS), rule: "must be 0 or more and below 10,000,000,000" };
/// Of a stated total.
pub(super) const TOTAL: Bound = Bound {
    units: 10_i128.pow(16 + DECIMALS),
    rule: "must be 0 or more and below 10,000,000,000,000,000",
};

/// Why a value is no number to calculate with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is not a number of JSON's grammar, nor a string that holds one.
    NotANumber,
    /// It is not below its bound.
    TooLarge,
    /// It has more than 4 decimals.
    TooFine,
}

/// The number that a JSON value states, in units of 10^-4.
///
/// Trailing zeros don't count. A literal with more than 4 decimals that lies within 0.000001
/// (inclusive) of one with 4 is taken as that one: so other programs print binary floats.
pub(super) fn parse(json: &str, bound: Bound) -> Result<i128, Trouble> {
    let units = if json.starts_with('"') {
        let text = literal::text(json).ok().flatten().ok_or(Trouble::NotANumber)?;
        Literal::split(&text).ok_or(Trouble::NotANumber)?.units()?
    } else {
        Literal::split(json).ok_or(Trouble::NotANumber)?.units()?
    };
    if -bound.units < units && units < bound.units { Ok(units) } else { Err(Trouble::TooLarge) }
}

/// A quantity in its shortest form: 2 and not 2.0000. `None` beyond `Decimal`'s 96 bits.
pub(super) fn quantity(units: i128) -> Option<Decimal> {
    shortest(units, DECIMALS, 0)
}

/// Money of `units` × 10^-`scale`, in its shortest form of at least two decimals: 12.30 and 0.333.
/// `None` beyond `Decimal`'s 96 bits.
pub(super) fn money(units: i128, scale: u32) -> Option<Decimal> {
    shortest(units, scale, MONEY_DECIMALS)
}

/// The same number without its trailing zeros, but with `least` decimals if `scale` has as many.
pub(super) fn trim(units: i128, scale: u32, least: u32) -> (i128, u32) {
    // Almost all numbers are small, and 64 bits divide several times faster than 128.
    if let Ok(small) = i64::try_from(units) {
        let (mut small, mut scale) = (small, scale);
        while scale > least && small % 10 == 0 {
            small /= 10;
            scale -= 1;
        }
        return (i128::from(small), scale);
    }
    let (mut units, mut scale) = (units, scale);
    while scale > least && units % 10 == 0 {
        units /= 10;
        scale -= 1;
    }
    (units, scale)
}

fn shortest(units: i128, scale: u32, least: u32) -> Option<Decimal> {
    let (units, scale) = trim(units, scale, least);
    Decimal::try_from_i128_with_scale(units, scale).ok()
}

/// The parts of a number as JSON writes it: `-12.5e3`.
struct Literal<'l> {
    negative: bool,
    whole: &'l [u8],
    fraction: &'l [u8],
    exponent: i64,
}

impl<'l> Literal<'l> {
    /// `None` unless all of `text` is a number of JSON's grammar.
    fn split(text: &'l str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, rest) = match bytes {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, bytes),
        };
        let (whole, rest) = split_digits(rest);
        if !matches!(whole, [b'0'] | [b'1'..=b'9', ..]) {
            return None;
        }
        let (fraction, rest): (&[u8], _) = match rest {
            [b'.', rest @ ..] => match split_digits(rest) {
                ([], _) => return None,
                split => split,
            },
            _ => (&[], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => exponent(rest)?,
            _ => return None,
        };
        Some(Self { negative, whole, fraction, exponent })
    }

    /// The value in units of 10^-4.
    fn units(&self) -> Result<i128, Trouble> {
        let units = match self.plain_units() {
            Some(units) => i128::from(units),
            None => self.any_units()?,
        };
        Ok(if self.negative { -units } else { units })
    }

    /// The short way for what nearly all literals are: up to 18 digits, 4 decimals, no exponent.
    fn plain_units(&self) -> Option<u64> {
        let (whole, fraction) = (self.whole, self.fraction);
        if self.exponent != 0 || whole.len() > 14 || fraction.len() > DECIMALS as usize {
            return None;
        }
        let mut units = 0;
        for digit in whole.iter().chain(fraction) {
            units = units * 10 + u64::from(digit - b'0');
        }
        for _ in fraction.len()..DECIMALS as usize {
            units *= 10;
        }
        Some(units)
    }

    /// The way for every literal: linear in its length, whatever its exponent.
    fn any_units(&self) -> Result<i128, Trouble> {
        let digits = || self.whole.iter().chain(self.fraction).copied();
        let Some(leading_zeros) = digits().position(|digit| digit != b'0') else {
            return Ok(0);
        };
        let trailing_zeros = digits().rev().take_while(|digit| *digit == b'0').count();
        let zeros = leading_zeros + trailing_zeros;
        let length = integer(self.whole.len() + self.fraction.len() - zeros);
        // How many digits, from the first that is not 0, count whole units; 0 or less if none does.
        let kept = (integer(self.whole.len()) - integer(leading_zeros) + i64::from(DECIMALS))
            .saturating_add(self.exponent);
        if kept > UNITS_DIGITS {
            return Err(Trouble::TooLarge);
        }
        let (mut units, mut tenths, mut hundredths) = (0, 0, 0);
        let mut place = 0;
        for digit in digits().skip(leading_zeros).map(|digit| i128::from(digit - b'0')) {
            match place - kept.max(-2) {
                ..0 => units = units * 10 + digit,
                0 => tenths = digit,
                1 => hundredths = digit,
                _ => break,
            }
            place += 1;
        }
        for _ in place..kept {
            units *= 10;
        }
        // 0.000001 is a hundredth of a unit.
        match (tenths, hundredths) {
            _ if length <= kept => Ok(units),
            (0, 0) => Ok(units),
            (0, 1) if length == kept + 2 => Ok(units),
            (9, 9) => Ok(units + 1),
            _ => Err(Trouble::TooFine),
        }
    }
}

/// More units than this have digits are beyond every bound.
const UNITS_DIGITS: i64 = 20;

/// The digits that `bytes` begins with, and what follows them.
fn split_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// What stands behind the `e`; far beyond every bound all exponents are alike.
fn exponent(bytes: &[u8]) -> Option<i64> {
    let (sign, digits) = match bytes {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0_i64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })?;
    Some(sign * number)
}

/// Lengths of texts in memory always fit.
fn integer(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
