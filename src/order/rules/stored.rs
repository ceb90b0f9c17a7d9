//! Validates texts to be stored.

use std::borrow::Cow;

use memchr::memchr;

use super::super::{Reason, Rejection, value::Value};

/// The maximum number of characters of a text (Unicode scalar values, as PostgreSQL counts them).
pub(super) const CHARACTERS_LIMIT: usize = 200;

/// The value as text; fails with `reason` if it is blank, too long or not a text. Nothing is
/// trimmed. `place` is its place.
pub(super) fn text<'p>(
    value: Value<'p>,
    reason: Reason,
    place: impl Fn() -> String,
) -> Result<Cow<'p, str>, Rejection> {
    let reject = |reason, rule| Err(Rejection::new(reason, format!("{} {rule}", place())));
    let text = match value {
        Value::Text(text) => text,
        Value::LoneSurrogate => {
            return reject(Reason::LoneSurrogate, "must not contain an unpaired surrogate");
        }
        _ => return reject(reason, "must be text"),
    };
    if text.chars().all(char::is_whitespace) {
        return reject(reason, "must not be blank");
    }
    if is_too_long(&text) {
        return reject(reason, "must have at most 200 characters");
    }
    if memchr(0, text.as_bytes()).is_some() {
        return reject(Reason::NulCharacter, "must not contain the character U+0000");
    }
    Ok(text)
}

pub(super) fn is_too_long(text: &str) -> bool {
    text.len() > CHARACTERS_LIMIT && text.chars().count() > CHARACTERS_LIMIT
}

/// The digits, if the value is a plain integer.
pub(super) fn plain_integer<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    match value {
        Value::Number(digits) | Value::Exact(digits) if is_plain_integer(digits) => Some(digits),
        _ => None,
    }
}

/// Whether it is an optional minus and digits without a leading zero; -0 is not.
pub(super) fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    match digits {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}
