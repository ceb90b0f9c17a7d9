//! Numbers, compared with big integers.

use jiff::tz::TimeZone;
use num_bigint::BigInt;
use serde_json::value::RawValue;
use vendas::order::Rules;

/// The most decimals of a number, beyond those that a binary float adds.
const DECIMALS: i64 = 4;

/// A number of more decimals is taken as the one of [`DECIMALS`] that is not further away than 10 to
/// the minus this.
const NEAR: i64 = 6;

/// Longer numbers are not compared: powers of ten as large as their exponents would take too long.
const EXPONENT: i64 = 2_000;

/// A number in JSON, as the total of an order: where it is accepted, the order is worth exactly that.
pub fn number(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if !is_number(text) {
        return;
    }
    let payload = format!(r#"{{"order_id":"a","total":{text}}}"#);
    let Ok(meaning) = Rules::built_in(TimeZone::UTC).understand_value(Some(payload.as_bytes()))
    else {
        return;
    };
    let [order] = meaning.orders() else { return };
    let total = order.total();
    let Some((digits, exponent)) = exact(text) else { return };
    if digits == BigInt::ZERO {
        assert!(total.is_zero(), "{text} became {total}");
        return;
    }
    let scale = i64::from(total.scale());
    let common = scale.max(-exponent).max(NEAR);
    let (Some(stored), Some(stated)) =
        (shifted(total.mantissa().into(), common - scale), shifted(digits, common + exponent))
    else {
        return;
    };
    let (Some(near), Some(unit)) =
        (shifted(1.into(), common - NEAR), shifted(1.into(), common - DECIMALS))
    else {
        return;
    };
    let difference = &stored - &stated;
    assert!(difference <= near && -&difference <= near, "{text} became {total}");
    if &stated % &unit == BigInt::ZERO {
        assert!(difference == BigInt::ZERO, "{text} became {total}");
    }
}

fn is_number(text: &str) -> bool {
    let first = text.bytes().next();
    first.is_some_and(|byte| byte == b'-' || byte.is_ascii_digit())
        && text.bytes().last().is_some_and(|byte| byte.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(text).is_ok()
}

/// All digits as an integer, and the power of ten to multiply it by.
fn exact(text: &str) -> Option<(BigInt, i64)> {
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}").parse().ok()?;
    let exponent: i64 = exponent.parse().ok()?;
    Some((digits, exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?))
}

fn shifted(number: BigInt, power: i64) -> Option<BigInt> {
    let power = u32::try_from(power).ok().filter(|power| i64::from(*power) <= EXPONENT)?;
    Some(number * BigInt::from(10).pow(power))
}
