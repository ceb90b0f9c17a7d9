//! Numbers in Brazilian notation: `R$ 1.234,56`, `-1234,5`, `10 BRL`.

use std::borrow::Cow;

use iso_currency::Currency;

use super::{Literal, NumberError};
use crate::order::value::number::split_digits;

/// Applies `units` to the number in `text`: an optional minus, an optional currency sign or code,
/// digits, and an optional comma with decimals.
///
/// The currency must be `currency`. It may precede or follow the number, and the minus may precede
/// or follow the currency, with optional spaces in between. Digits are in groups of three separated
/// by points, or without points: `1.234` is 1234, and `1.23` is not a number.
pub(super) fn parse(
    text: &str,
    currency: Currency,
    units: impl FnOnce(Literal<'_>) -> Result<i128, NumberError>,
) -> Result<i128, NumberError> {
    let (negative, number) = number(text, currency).ok_or(NumberError::NotANumber)?;
    let (whole, fraction) = digits(number).ok_or(NumberError::NotANumber)?;
    units(Literal { negative, whole: &whole, fraction, exponent: 0 })
}

/// Whether there is a minus, and the rest without the minus and the currency.
fn number(text: &str, currency: Currency) -> Option<(bool, &str)> {
    let (mut negative, mut rest) = minus(text);
    let currency_first = without_currency(rest, currency);
    if let Some(behind) = currency_first {
        rest = behind.trim_start_matches(is_blank);
        if !negative {
            (negative, rest) = minus(rest);
        }
    }
    let end = rest.find(|character| !matches!(character, '0'..='9' | '.' | ','));
    let (number, behind) = rest.split_at(end.unwrap_or(rest.len()));
    let complete = behind.is_empty()
        || currency_first.is_none()
            && without_currency(behind.trim_start_matches(is_blank), currency) == Some("");
    complete.then_some((negative, number))
}

/// Whether `text` begins with a minus, and what follows it.
fn minus(text: &str) -> (bool, &str) {
    text.strip_prefix('-').map_or((false, text), |rest| (true, rest.trim_start_matches(is_blank)))
}

/// The rest of `text` after its leading currency: a code of three capital letters (ISO 4217), or a
/// sign, optionally preceded by letters, as in `US$`.
fn without_currency(text: &str, currency: Currency) -> Option<&str> {
    let letters = text.bytes().take(3).take_while(u8::is_ascii_uppercase).count();
    let (code, rest) = text.split_at(letters);
    let rest = rest.strip_prefix(is_sign).or((letters == 3).then_some(rest))?;
    let stated = text.strip_suffix(rest)?;
    let country = currency.code().get(..2).unwrap_or_default();
    let is_own = stated == currency.code()
        || stated == currency.symbol().symbol
        || (code == country && stated.ends_with('$'));
    is_own.then_some(rest)
}

/// A currency sign (Unicode category Sc), except the cent sign.
const fn is_sign(character: char) -> bool {
    matches!(character, '$' | '£' | '¥' | '\u{20a0}'..='\u{20cf}')
}

/// A space or a no-break space.
const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\u{a0}' | '\u{202f}')
}

/// The digits before the comma, without points, and those after it.
fn digits(text: &str) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let (whole, fraction) = match text.split_once(',') {
        Some((whole, fraction)) => (whole.as_bytes(), Some(fraction.as_bytes())),
        None => (text.as_bytes(), None),
    };
    let fraction = match fraction {
        None => &[],
        Some(digits) if !digits.is_empty() && split_digits(digits).1.is_empty() => digits,
        Some(_) => return None,
    };
    let (first, groups) = split_digits(whole);
    if groups.is_empty() {
        return (!first.is_empty()).then_some((Cow::Borrowed(first), fraction));
    }
    if !matches!(first, [b'1'..=b'9', ..]) || first.len() > 3 || groups.len() % 4 != 0 {
        return None;
    }
    let mut digits = first.to_vec();
    for group in groups.chunks_exact(4) {
        match group {
            [b'.', group @ ..] if group.iter().all(u8::is_ascii_digit) => digits.extend(group),
            _ => return None,
        }
    }
    Some((Cow::Owned(digits), fraction))
}
