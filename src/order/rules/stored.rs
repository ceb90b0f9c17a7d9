//! Texts that will be stored.

use super::super::{Reason, Rejection, value::Value};

/// How many characters (Unicode scalar values, as PostgreSQL counts) a text may have.
pub(super) const CHARACTERS_LIMIT: usize = 200;

/// The text that a value is: `reason` where it is empty, only blanks, too long or no text at all.
/// Nothing is trimmed. `place` is where it stands.
pub(super) fn text(
    value: Value<'_>,
    reason: Reason,
    place: impl Fn() -> String,
) -> Result<String, Rejection> {
    let reject = |reason, rule| Err(Rejection::new(reason, format!("{} {rule}", place())));
    let text = match value {
        Value::Text(text) => text,
        Value::HalfCharacter => {
            return reject(Reason::LoneSurrogate, "must not hold half of a surrogate pair");
        }
        _ => return reject(reason, "must be text"),
    };
    if text.chars().all(char::is_whitespace) {
        return reject(reason, "must be more than blanks");
    }
    if is_too_long(&text) {
        return reject(reason, "must have at most 200 characters");
    }
    if text.as_bytes().contains(&0) {
        return reject(Reason::NulCharacter, "must not hold the character U+0000");
    }
    Ok(text.into_owned())
}

pub(super) fn is_too_long(text: &str) -> bool {
    text.len() > CHARACTERS_LIMIT && text.chars().count() > CHARACTERS_LIMIT
}

/// The digits of a plain integer that the value is; `None` for anything else.
pub(super) fn plain_integer<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    match value {
        Value::Number(digits) | Value::Exact(digits) if is_plain_integer(digits) => Some(digits),
        _ => None,
    }
}

/// Digits without a leading zero, perhaps behind a minus; -0 is none.
pub(super) fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    match digits {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}
