//! Recognizes the types of values: decimal numbers, currencies, identifiers.

use rust_decimal::Decimal;

use super::json::Json;

/// The notation of decimal numbers in texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Decimals {
    /// `1234.56`
    #[default]
    Point,
    /// `R$ 1.234,56`
    Comma,
    /// The bytes of an integer in base64, with this scale (Kafka Connect's Decimal).
    Base64(u32),
}

/// The value as a number with up to 28 digits; `None` if it is not one.
pub(crate) fn number(json: &Json, decimals: Decimals) -> Option<Decimal> {
    match json {
        Json::Number(literal) => literal_number(literal),
        Json::Text(text) => match decimals {
            Decimals::Point => literal_number(text.trim()).filter(|_| is_literal(text.trim())),
            Decimals::Comma => comma(text),
            Decimals::Base64(scale) => bytes_in_base64(text, scale),
        },
        money @ Json::Object(_) if money.is_units_and_nanos() => {
            let part = |name| match money.field(name) {
                None | Some(Json::Null) => Some(Decimal::ZERO),
                Some(value) => number(value, Decimals::Point),
            };
            let nanos = part("nanos")?.checked_mul(Decimal::new(1, 9))?;
            part("units")?.checked_add(nanos)
        }
        _ => None,
    }
}

fn literal_number(literal: &str) -> Option<Decimal> {
    literal.parse().or_else(|_| Decimal::from_scientific(literal)).ok()
}

/// Whether it is a JSON number.
fn is_literal(text: &str) -> bool {
    matches!(Json::parse(text), Some(Json::Number(_)))
}

/// A number with points between thousands and a decimal comma, optionally with a currency sign.
fn comma(text: &str) -> Option<Decimal> {
    let signs = ["R$", "US$", "€", "$", "£", "EUR", "BRL"];
    let text = text.trim();
    let negative = text.starts_with('-');
    let mut text = text.trim_start_matches('-').trim();
    for sign in signs {
        text = text.strip_prefix(sign).or_else(|| text.strip_suffix(sign)).unwrap_or(text).trim();
    }
    let (whole, fraction) = text.split_once(',').unwrap_or((text, ""));
    let groups: Vec<&str> = whole.split('.').collect();
    let is_grouped = groups.iter().skip(1).all(|group| group.len() == 3);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || !is_grouped
        || !groups.iter().all(|group| digits(group))
        || !digits(fraction)
    {
        return None;
    }
    let joined = format!("{}.{fraction}", groups.concat());
    let number: Decimal = joined.trim_end_matches('.').parse().ok()?;
    Some(if negative { -number } else { number })
}

/// A big-endian two's complement integer in base64.
fn bytes_in_base64(text: &str, scale: u32) -> Option<Decimal> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let body = text.trim_end_matches('=').as_bytes();
    let bits = body.len() * 6;
    if !(8..=126).contains(&bits) {
        return None;
    }
    let mut number = 0_i128;
    for byte in body {
        number = (number << 6) | i128::from(digit(*byte)?);
    }
    let (bytes, unused) = (bits / 8, bits % 8);
    number >>= unused;
    let sign = 1_i128 << (bytes * 8 - 1);
    let number = if number & sign == 0 { number } else { number - 2 * sign };
    Decimal::try_from_i128_with_scale(number, scale).ok()
}

/// Whether a text is a number with a decimal comma or currency sign, but not one with a decimal
/// point.
pub(crate) fn is_comma_only(json: &Json) -> bool {
    json.as_text()
        .is_some_and(|text| comma(text).is_some() && number(json, Decimals::Point).is_none())
}

/// Whether a number's literal is an integer, without a point or an exponent.
pub(crate) fn is_integer(json: &Json) -> bool {
    match json {
        Json::Number(text) | Json::Text(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

/// Whether a number has more than four decimals that are not a rounding error of a 64-bit float:
/// such errors are within 0.000001 of a number with four decimals.
pub(crate) fn is_long(json: &Json) -> bool {
    let (Json::Number(text) | Json::Text(text)) = json else { return false };
    let Some(number) = number(json, Decimals::Point) else { return false };
    if text.split(['.', 'e', 'E']).nth(1).is_none_or(|decimals| decimals.len() <= 4) {
        return false;
    }
    let strategy = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
    let near = number.round_dp_with_strategy(4, strategy);
    (number - near).abs() > Decimal::new(1, 6)
}

/// Whether a number is a 32-bit float printed with the digits of a 64-bit one, such as
/// 349.8999938964844.
pub(crate) fn is_float32(json: &Json) -> bool {
    let Json::Number(literal) = json else { return false };
    let digits = literal.bytes().filter(u8::is_ascii_digit).count();
    let Ok(single) = literal.parse::<f32>() else { return false };
    digits >= 9
        && f64::from(single).to_string() == *literal
        && single.to_string().len() + 2 < literal.len()
}

/// Whether a text may be base64: no spaces, and complete groups of four.
pub(crate) fn is_base64(json: &Json) -> bool {
    json.as_text().is_some_and(|text| {
        let body = text.trim_end_matches('=');
        (2..=24).contains(&body.len())
            && text.len() % 4 == 0
            && text.len() - body.len() <= 2
            && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
            && !body.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether a text looks like an ISO 4217 currency code: three letters.
pub(crate) fn is_currency(json: &Json) -> bool {
    json.as_text()
        .is_some_and(|text| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic()))
}

/// Whether a value can identify an order: a text without surrounding spaces, or an integer.
pub(crate) fn is_identity(json: &Json) -> bool {
    match json {
        Json::Text(text) => !text.is_empty() && text.chars().count() <= 200 && text.trim() == text,
        Json::Number(_) => is_integer(json),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    fn decimal(text: &str) -> Option<Decimal> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn numbers_are_read_with_point_comma_and_as_units_and_nanos() {
        assert_eq!(number(&json("10.50"), Decimals::Point), decimal("10.5"));
        assert_eq!(number(&json("1e2"), Decimals::Point), decimal("100"));
        assert_eq!(number(&json(r#""45.30""#), Decimals::Point), decimal("45.3"));
        assert_eq!(number(&json(r#""R$ 1.234,56""#), Decimals::Comma), decimal("1234.56"));
        assert_eq!(number(&json(r#""-1234,5""#), Decimals::Comma), decimal("-1234.5"));
        assert_eq!(number(&json(r#""1,234.56""#), Decimals::Comma), None);
        let money = json(r#"{"currencyCode": "USD", "units": "8", "nanos": 990000000}"#);
        assert_eq!(number(&money, Decimals::Point), decimal("8.99"));
        assert_eq!(number(&json(r#""A+g=""#), Decimals::Base64(2)), decimal("10.00"));
        assert_eq!(number(&json(r#""/w==""#), Decimals::Base64(0)), decimal("-1"));
        for none in [r#""R$ 12""#, r#""x""#, "true", "{}", r#""1,5""#] {
            assert_eq!(number(&json(none), Decimals::Point), None, "{none}");
        }
    }

    #[test]
    fn floats_of_32_bits_and_long_decimals_are_distinguished() {
        for float in ["349.8999938964844", "0.10000000149011612"] {
            assert!(is_float32(&json(float)), "{float}");
        }
        for none in
            ["349.9", "330.29999999999995", "0.7000000000000001", "12345678901", "1234.56789"]
        {
            assert!(!is_float32(&json(none)), "{none}");
        }
        assert!(is_long(&json("2811.40398115608322768821380436420440673828125")));
        assert!(is_long(&json("1.23456")));
        for none in ["330.29999999999995", "0.7000000000000001", "1.2345", "5"] {
            assert!(!is_long(&json(none)), "{none}");
        }
    }

    #[test]
    fn decimals_in_base64_do_not_look_like_words_or_numbers() {
        assert!(is_base64(&json(r#""A+g=""#)));
        assert!(!is_base64(&json(r#""1234""#)));
        assert!(!is_base64(&json(r#""R$ 12,30""#)));
    }
}
