//! Exact decimals: literals are parsed digit by digit and computed with as integers, never as
//! floats.
//!
//! The bounds make every later step exact: a quantity has at most 6 + 4 digits, a price 10 + 4, and
//! an order 9,999 items. The sum of their products is below 10^28, within both `i128` (1.7 × 10^38)
//! and `Decimal` (7.9 × 10^28).

use base64::{Engine, engine::general_purpose::STANDARD};
use iso_currency::Currency;
use rust_decimal::Decimal;

use super::{
    Value,
    number::{Literal, Significant},
};

mod comma;

/// The maximum number of decimals; numbers are in units of 10^-4.
pub(in crate::order) const DECIMALS: u32 = 4;

/// The minimum number of decimals of an amount.
const MONEY_DECIMALS: u32 = 2;

/// Numbers from 10^16 on exceed every bound.
const WHOLE_DIGITS: i64 = 16;

/// The limit of a number's magnitude (exclusive).
#[derive(Clone, Copy, Debug)]
pub(in crate::order) struct Bound {
    units: i128,
    /// The rule, as shown in messages.
    pub(in crate::order) rule: &'static str,
}

/// The bound of a quantity.
pub(in crate::order) const QUANTITY: Bound =
    Bound { units: 10_i128.pow(6 + DECIMALS), rule: "must be above 0 and below 1,000,000" };
/// The bound of a unit price.
pub(in crate::order) const UNIT_PRICE: Bound =
    Bound { units: 10_i128.pow(10 + DECIMALS), rule: "must be 0 or more and below 10,000,000,000" };
/// The bound of a stated total.
pub(in crate::order) const TOTAL: Bound = Bound {
    units: 10_i128.pow(16 + DECIMALS),
    rule: "must be 0 or more and below 10,000,000,000,000,000",
};

/// Why a value is not a usable number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::order) enum NumberError {
    /// It is neither a number nor a text with a number in the mapping's notation.
    NotANumber,
    /// It exceeds its bound.
    TooLarge,
    /// It has more than 4 decimals.
    TooFine,
}

/// The notation of numbers in a topic; the default is only JSON's grammar.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::order) struct Notation {
    /// Texts are in Brazilian notation: `R$ 1.234,56`; a currency in them must be this one.
    pub(in crate::order) comma: Option<Currency>,
    /// Texts are base64 (RFC 4648, section 4) of a big-endian integer in two's complement, with
    /// this many decimals: Kafka Connect's Decimal. Has priority over `comma`.
    pub(in crate::order) base64_scale: Option<u32>,
    /// The number of an integer's last digits that are decimals: 2 for cents. Money in `units` and
    /// `nanos` defines its own unit and is not divided.
    pub(in crate::order) minor_digits: Option<u32>,
    /// Numbers are rounded to this many decimals (at most 4), half away from zero.
    pub(in crate::order) round_to: Option<u32>,
    /// A number that is a 32-bit float is replaced by that float's shortest form.
    pub(in crate::order) float32: bool,
}

impl Notation {
    /// Whether JSON numbers are taken unchanged.
    const fn is_plain(&self) -> bool {
        self.minor_digits.is_none() && self.round_to.is_none()
    }

    /// The notation for quantities, which are not money.
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

/// Parses `value` as a number in units of 10^-4.
///
/// Trailing zeros are ignored. A literal with more than 4 decimals that is within 0.000001
/// (inclusive) of a number with 4 decimals is taken as that number: other programs print binary
/// floats this way. This does not apply if the notation rounds, nor to exact decimals, base64, and
/// `units` with `nanos`, which contain no floats.
///
/// Applied in this order: [`Notation::float32`], [`Notation::minor_digits`],
/// [`Notation::round_to`], the bound.
pub(in crate::order) fn parse(
    value: &Value<'_>,
    bound: Bound,
    notation: &Notation,
) -> Result<i128, NumberError> {
    let units = match value {
        Value::Number(number) => match plain_units(number).filter(|_| notation.is_plain()) {
            Some(units) => Ok(units.into()),
            None => json(number, notation),
        },
        Value::Exact(number) => match plain_units(number).filter(|_| notation.is_plain()) {
            Some(units) => Ok(units.into()),
            None => {
                let literal = Literal::split(number).ok_or(NumberError::NotANumber)?;
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
        _ => Err(NumberError::NotANumber),
    }?;
    if -bound.units < units && units < bound.units { Ok(units) } else { Err(NumberError::TooLarge) }
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

/// The number without trailing zeros, but with at least `least` decimals if `scale` has as many.
pub(in crate::order) fn trim(units: i128, scale: u32, least: u32) -> (i128, u32) {
    // Almost all numbers are small, and 64-bit division is several times faster than 128-bit
    // division.
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

/// The fast path for nearly all numbers, in one pass over their bytes: digits with up to 4
/// decimals, at most 18 digits in total. `None` for others, which may still be numbers.
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
    // A leading point is not a number either.
    let power = [10_000, 1_000, 100, 10, 1].get(decimals)?;
    (bytes.first() != Some(&b'.')).then(|| units * power)
}

/// A number of JSON's grammar.
fn json(text: &str, notation: &Notation) -> Result<i128, NumberError> {
    let literal = Literal::split(text).ok_or(NumberError::NotANumber)?;
    if notation.float32
        && let Some(digits) = literal.significant()
        && digits.decimals() > i64::from(DECIMALS)
        && let Some(shortest) = shortest_float32(text)
    {
        return in_units(Literal::split(&shortest).unwrap_or(literal), notation);
    }
    in_units(literal, notation)
}

/// The shortest decimal form of the 32-bit float that equals `literal` as a 64-bit float; `None` if
/// there is none. Floats are only parsed, compared and printed here.
fn shortest_float32(literal: &str) -> Option<String> {
    let single: f32 = literal.parse().ok()?;
    let double: f64 = literal.parse().ok()?;
    let same = single.is_finite() && f64::from(single).to_bits() == double.to_bits();
    same.then(|| single.to_string())
}

/// Kafka Connect's Decimal in JSON: org.apache.kafka.connect.data.Decimal, whose bytes are those of
/// java.math.BigInteger's `toByteArray`.
fn connect_decimal(text: &str, scale: u32, notation: &Notation) -> Result<i128, NumberError> {
    let bytes = STANDARD.decode(text).map_err(|_| NumberError::NotANumber)?;
    let first = *bytes.first().ok_or(NumberError::NotANumber)?;
    let mut integer = if first < 0x80 { [0; 16] } else { [0xff; 16] };
    let start = integer.len().checked_sub(bytes.len()).ok_or(NumberError::TooLarge)?;
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
) -> Result<i128, NumberError> {
    if units.is_none() && nanos.is_none() {
        return Err(NumberError::NotANumber);
    }
    let units = Literal::split_integer(units.unwrap_or("0")).ok_or(NumberError::NotANumber)?;
    let nanos = Literal::split_integer(nanos.unwrap_or("0")).ok_or(NumberError::NotANumber)?;
    let is_zero = |literal: &Literal<'_>| literal.whole == b"0";
    if units.negative != nanos.negative && !is_zero(&units) && !is_zero(&nanos) {
        return Err(NumberError::NotANumber);
    }
    let mut fraction = [b'0'; 9];
    let start = fraction.len().checked_sub(nanos.whole.len()).ok_or(NumberError::NotANumber)?;
    fraction[start..].copy_from_slice(nanos.whole);
    let negative = if is_zero(&units) { nanos.negative } else { units.negative };
    let money = Literal { negative, whole: units.whole, fraction: &fraction, exponent: 0 };
    exact_units(money, notation.round_to)
}

/// The value of a literal that may be a printed float, in units of 10^-4.
fn in_units(literal: Literal<'_>, notation: &Notation) -> Result<i128, NumberError> {
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
fn exact_units(literal: Literal<'_>, round_to: Option<u32>) -> Result<i128, NumberError> {
    literal.signed_units(|digits| match round_to {
        Some(decimals) => Ok(rounded_units(digits, decimals.min(DECIMALS))),
        None if digits.decimals() > i64::from(DECIMALS) => Err(NumberError::TooFine),
        None => Ok(digits.cut(i64::from(DECIMALS)).units),
    })
}

/// Half up, on the digits.
fn rounded_units(digits: Significant<'_>, decimals: u32) -> i128 {
    let cut = digits.cut(i64::from(decimals));
    let rounded = if cut.tenths < 5 { cut.units } else { cut.units + 1 };
    rounded * 10_i128.pow(DECIMALS - decimals)
}

/// The number with 4 decimals within a hundredth of a unit, which is 0.000001.
fn nearest_units(digits: Significant<'_>) -> Result<i128, NumberError> {
    let cut = digits.cut(i64::from(DECIMALS));
    match (cut.tenths, cut.hundredths) {
        _ if cut.length <= 0 => Ok(cut.units),
        (0, 0) => Ok(cut.units),
        (0, 1) if cut.length == 2 => Ok(cut.units),
        (9, 9) => Ok(cut.units + 1),
        _ => Err(NumberError::TooFine),
    }
}

impl Literal<'_> {
    /// Divided by 10^`digits`.
    fn divided(self, digits: Option<u32>) -> Self {
        let digits = i64::from(digits.unwrap_or_default());
        Self { exponent: self.exponent.saturating_sub(digits), ..self }
    }

    /// The magnitude in units of 10^-4. The fast path for nearly all literals: up to 18 digits, 4
    /// decimals, and no exponent except the one that converts cents.
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

    /// Applies `units` to the digits and adds the sign; the general path for all literals.
    fn signed_units(
        &self,
        units: impl FnOnce(Significant<'_>) -> Result<i128, NumberError>,
    ) -> Result<i128, NumberError> {
        match self.significant() {
            None => Ok(0),
            Some(digits) if digits.point > WHOLE_DIGITS => Err(NumberError::TooLarge),
            Some(digits) => units(digits).map(|units| self.signed(units)),
        }
    }

    fn signed(&self, units: i128) -> i128 {
        if self.negative { -units } else { units }
    }
}

#[cfg(test)]
mod tests;
