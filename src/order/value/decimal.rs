//! Exact decimals: literals are read digit by digit, calculated with as integers, never as floats.
//!
//! The bounds make every later step exact: a quantity has fewer than 6 + 4 digits, a price 10 + 4,
//! an order 9,999 items, so that the sum of their products stays below 10^28, which is within both
//! `i128` (1.7 × 10^38) and `Decimal` (7.9 × 10^28).

use base64::{Engine, engine::general_purpose::STANDARD};
use iso_currency::Currency;
use rust_decimal::Decimal;

use super::{
    Value,
    number::{Literal, Significant},
};

mod comma;

/// How many decimals a number may have; numbers are counted in units of 10^-4.
pub(in crate::order) const DECIMALS: u32 = 4;

/// How many decimals an amount of money shows at the least.
const MONEY_DECIMALS: u32 = 2;

/// From 10^16 on, numbers are beyond every bound.
const WHOLE_DIGITS: i64 = 16;

/// What a number must stay below, in either direction.
#[derive(Clone, Copy, Debug)]
pub(in crate::order) struct Bound {
    units: i128,
    /// What its user demands, as a person reads it.
    pub(in crate::order) rule: &'static str,
}

/// Of a quantity.
pub(in crate::order) const QUANTITY: Bound =
    Bound { units: 10_i128.pow(6 + DECIMALS), rule: "must be above 0 and below 1,000,000" };
/// Of a unit price.
pub(in crate::order) const UNIT_PRICE: Bound =
    Bound { units: 10_i128.pow(10 + DECIMALS), rule: "must be 0 or more and below 10,000,000,000" };
/// Of a stated total.
pub(in crate::order) const TOTAL: Bound = Bound {
    units: 10_i128.pow(16 + DECIMALS),
    rule: "must be 0 or more and below 10,000,000,000,000,000",
};

/// Why a value is no number to calculate with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::order) enum Trouble {
    /// It is not a number, nor a text that holds one in the mapping's notation.
    NotANumber,
    /// It is not below its bound.
    TooLarge,
    /// It has more than 4 decimals.
    TooFine,
}

/// How a topic's producer writes numbers; the default is JSON's grammar and nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::order) struct Notation {
    /// Texts are written as in Brazil: `R$ 1.234,56`; a currency that stands there is this one.
    pub(in crate::order) comma: Option<Currency>,
    /// Texts are base64 (RFC 4648, section 4) of a big-endian integer in two's complement, with this
    /// many decimals: Kafka Connect's Decimal. Goes before `comma`.
    pub(in crate::order) base64_scale: Option<u32>,
    /// How many of an integer's last digits stand behind the point: 2 for cents. Money in `units`
    /// and `nanos` states its unit itself and is not divided.
    pub(in crate::order) minor_digits: Option<u32>,
    /// Any number of decimals is rounded to this many (at most 4), half away from zero.
    pub(in crate::order) round_to: Option<u32>,
    /// A number that is a float of 32 bits is taken by that float's shortest form.
    pub(in crate::order) float32: bool,
}

impl Notation {
    /// Whether a plain number in JSON means what it says.
    const fn is_plain(&self) -> bool {
        self.minor_digits.is_none() && self.round_to.is_none()
    }

    /// The same for quantities, which are no money.
    pub(in crate::order) const fn for_quantity(self) -> Self {
        Self {
            comma: self.comma,
            base64_scale: None,
            minor_digits: None,
            round_to: None,
            float32: self.float32,
        }
    }
}

/// The number that `value` states, in units of 10^-4.
///
/// Trailing zeros don't count. A literal with more than 4 decimals that lies within 0.000001
/// (inclusive) of one with 4 is taken as that one: so other programs print binary floats. This
/// does not hold where the notation rounds, and for exact decimals, base64 and `units` with `nanos`,
/// which hold no floats.
///
/// In this order: [`Notation::float32`], [`Notation::minor_digits`], [`Notation::round_to`], the
/// bound.
pub(in crate::order) fn parse(
    value: &Value<'_>,
    bound: Bound,
    notation: &Notation,
) -> Result<i128, Trouble> {
    let units = match value {
        Value::Number(number) => match plain_units(number).filter(|_| notation.is_plain()) {
            Some(units) => Ok(units.into()),
            None => json(number, notation),
        },
        Value::Exact(number) => match plain_units(number).filter(|_| notation.is_plain()) {
            Some(units) => Ok(units.into()),
            None => {
                let literal = Literal::split(number).ok_or(Trouble::NotANumber)?;
                exact_units(literal.divided(notation.minor_digits), notation.round_to)
            }
        },
        Value::Text(text) => match notation.base64_scale {
            Some(scale) => connect_decimal(text, scale, notation),
            None => match notation.comma {
                Some(currency) => {
                    comma::parse(text, currency, |literal| in_units(literal, notation))
                }
                None => json(text, notation),
            },
        },
        Value::Units { units, nanos } => units_and_nanos(*units, *nanos, notation),
        _ => Err(Trouble::NotANumber),
    }?;
    if -bound.units < units && units < bound.units { Ok(units) } else { Err(Trouble::TooLarge) }
}

/// A quantity in its shortest form: 2 and not 2.0000. `None` beyond `Decimal`'s 96 bits.
pub(in crate::order) fn quantity(units: i128) -> Option<Decimal> {
    shortest(units, DECIMALS, 0)
}

/// Money of `units` × 10^-`scale`, in its shortest form of at least two decimals: 12.30 and 0.333.
/// `None` beyond `Decimal`'s 96 bits.
pub(in crate::order) fn money(units: i128, scale: u32) -> Option<Decimal> {
    shortest(units, scale, MONEY_DECIMALS)
}

/// The same number without its trailing zeros, but with `least` decimals if `scale` has as many.
pub(in crate::order) fn trim(units: i128, scale: u32, least: u32) -> (i128, u32) {
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

/// The units of what nearly all numbers are, in one go over their bytes: digits, perhaps up to 4
/// decimals, at most 18 digits in all. `None` for others, which may be numbers all the same.
fn plain_units(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if bytes.len() > 15 || matches!(bytes, [] | [b'0', b'0'..=b'9', ..] | [.., b'.']) {
        return None;
    }
    let (mut units, mut decimals, mut step) = (0_u64, 0_usize, 0_usize);
    for byte in bytes {
        match byte {
            b'0'..=b'9' => {
                units = units * 10 + u64::from(byte - b'0');
                decimals += step;
            }
            b'.' if step == 0 => step = 1,
            _ => return None,
        }
    }
    // A point at the beginning is no number either.
    let power = [10_000, 1_000, 100, 10, 1].get(decimals)?;
    (bytes.first() != Some(&b'.')).then(|| units * power)
}

/// A number of JSON's grammar.
fn json(text: &str, notation: &Notation) -> Result<i128, Trouble> {
    let literal = Literal::split(text).ok_or(Trouble::NotANumber)?;
    if notation.float32
        && let Some(digits) = literal.significant()
        && digits.decimals() > i64::from(DECIMALS)
        && let Some(shortest) = shortest_float32(text)
    {
        return in_units(Literal::split(&shortest).unwrap_or(literal), notation);
    }
    in_units(literal, notation)
}

/// The shortest decimal form of the 32-bit float that `literal` is exactly, as a 64-bit float; `None`
/// if it isn't one. Nothing is calculated with floats here: they are read, compared and printed.
fn shortest_float32(literal: &str) -> Option<String> {
    let single: f32 = literal.parse().ok()?;
    let double: f64 = literal.parse().ok()?;
    let same = single.is_finite() && f64::from(single).to_bits() == double.to_bits();
    same.then(|| single.to_string())
}

/// Kafka Connect's Decimal in JSON: org.apache.kafka.connect.data.Decimal, whose bytes are those of
/// java.math.BigInteger's `toByteArray`.
fn connect_decimal(text: &str, scale: u32, notation: &Notation) -> Result<i128, Trouble> {
    let bytes = STANDARD.decode(text).map_err(|_| Trouble::NotANumber)?;
    let first = *bytes.first().ok_or(Trouble::NotANumber)?;
    let mut integer = if first < 0x80 { [0; 16] } else { [0xff; 16] };
    let start = integer.len().checked_sub(bytes.len()).ok_or(Trouble::TooLarge)?;
    integer[start..].copy_from_slice(&bytes);
    let integer = i128::from_be_bytes(integer);
    let digits = integer.unsigned_abs().to_string();
    let literal = Literal {
        negative: integer < 0,
        whole: digits.as_bytes(),
        fraction: &[],
        exponent: -i64::from(scale),
    };
    exact_units(literal.divided(notation.minor_digits), notation.round_to)
}

/// google.type.Money: `units` + `nanos` × 10^-9, whose signs agree.
fn units_and_nanos(
    units: Option<&str>,
    nanos: Option<&str>,
    notation: &Notation,
) -> Result<i128, Trouble> {
    if units.is_none() && nanos.is_none() {
        return Err(Trouble::NotANumber);
    }
    let units = Literal::split_integer(units.unwrap_or("0")).ok_or(Trouble::NotANumber)?;
    let nanos = Literal::split_integer(nanos.unwrap_or("0")).ok_or(Trouble::NotANumber)?;
    let is_zero = |literal: &Literal<'_>| literal.whole == b"0";
    if units.negative != nanos.negative && !is_zero(&units) && !is_zero(&nanos) {
        return Err(Trouble::NotANumber);
    }
    let mut fraction = [b'0'; 9];
    let start = fraction.len().checked_sub(nanos.whole.len()).ok_or(Trouble::NotANumber)?;
    fraction[start..].copy_from_slice(nanos.whole);
    let negative = if is_zero(&units) { nanos.negative } else { units.negative };
    let money = Literal { negative, whole: units.whole, fraction: &fraction, exponent: 0 };
    exact_units(money, notation.round_to)
}

/// The value of a literal that may be a printed float, in units of 10^-4.
fn in_units(literal: Literal<'_>, notation: &Notation) -> Result<i128, Trouble> {
    let literal = literal.divided(notation.minor_digits);
    if notation.round_to.is_some() {
        return exact_units(literal, notation.round_to);
    }
    match literal.plain_units() {
        Some(units) => Ok(literal.signed(units.into())),
        None => literal.signed_units(nearest_units),
    }
}

/// The value of a literal, in units of 10^-4: exactly, or rounded on its digits.
fn exact_units(literal: Literal<'_>, round_to: Option<u32>) -> Result<i128, Trouble> {
    literal.signed_units(|digits| match round_to {
        Some(decimals) => Ok(rounded_units(digits, decimals.min(DECIMALS))),
        None if digits.decimals() > i64::from(DECIMALS) => Err(Trouble::TooFine),
        None => Ok(digits.cut(i64::from(DECIMALS)).units),
    })
}

/// Half up, on the digits.
fn rounded_units(digits: Significant<'_>, decimals: u32) -> i128 {
    let cut = digits.cut(i64::from(decimals));
    let rounded = if cut.tenths < 5 { cut.units } else { cut.units + 1 };
    rounded * 10_i128.pow(DECIMALS - decimals)
}

/// Those of the number with 4 decimals that lies within a hundredth of a unit, which is 0.000001.
fn nearest_units(digits: Significant<'_>) -> Result<i128, Trouble> {
    let cut = digits.cut(i64::from(DECIMALS));
    match (cut.tenths, cut.hundredths) {
        _ if cut.length <= 0 => Ok(cut.units),
        (0, 0) => Ok(cut.units),
        (0, 1) if cut.length == 2 => Ok(cut.units),
        (9, 9) => Ok(cut.units + 1),
        _ => Err(Trouble::TooFine),
    }
}

impl Literal<'_> {
    /// Divided by 10^`digits`.
    fn divided(self, digits: Option<u32>) -> Self {
        let digits = i64::from(digits.unwrap_or_default());
        Self { exponent: self.exponent.saturating_sub(digits), ..self }
    }

    /// Those of its value without its sign, in units of 10^-4. The short way for what nearly all
    /// literals are: up to 18 digits, 4 decimals, no exponent but what makes cents of an integer.
    fn plain_units(&self) -> Option<u64> {
        let (whole, fraction) = (self.whole, self.fraction);
        if whole.len() > 14 || !(-i64::from(DECIMALS)..=0).contains(&self.exponent) {
            return None;
        }
        let decimals = u64::try_from(fraction.len()).ok()? + self.exponent.unsigned_abs();
        let missing = u64::from(DECIMALS).checked_sub(decimals)?;
        let mut units = 0;
        for digit in whole.iter().chain(fraction) {
            units = units * 10 + u64::from(digit - b'0');
        }
        for _ in 0..missing {
            units *= 10;
        }
        Some(units)
    }

    /// What `units` makes of its digits, with its sign; the way for every literal.
    fn signed_units(
        &self,
        units: impl FnOnce(Significant<'_>) -> Result<i128, Trouble>,
    ) -> Result<i128, Trouble> {
        match self.significant() {
            None => Ok(0),
            Some(digits) if digits.point > WHOLE_DIGITS => Err(Trouble::TooLarge),
            Some(digits) => units(digits).map(|units| self.signed(units)),
        }
    }

    fn signed(&self, units: i128) -> i128 {
        if self.negative { -units } else { units }
    }
}

#[cfg(test)]
mod tests;
