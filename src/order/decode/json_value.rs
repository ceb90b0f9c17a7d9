//! Converts a syntactically valid JSON value into the form that the rules take.

use std::borrow::Cow;

use memchr::memchr;
use serde_json::value::RawValue;

use crate::order::value::{NumberList, Value};

/// The value in the form that the rules take.
pub(super) fn value(json: &str) -> Value<'_> {
    match json.as_bytes().first() {
        Some(b'"') => text_value(json),
        Some(b'n') => Value::Null,
        Some(b't') => Value::Flag(true),
        Some(b'f') => Value::Flag(false),
        Some(b'[') => numbers(json).unwrap_or(Value::Other),
        Some(b'{') => units(json).unwrap_or(Value::Other),
        _ => Value::Number(json),
    }
}

fn text_value(json: &str) -> Value<'_> {
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
    if memchr(b'\\', inner.as_bytes()).is_none() {
        return Value::Text(Cow::Borrowed(inner));
    }
    // The syntax of escapes is already checked, so this is the only possible error.
    match serde_json::from_str(json) {
        Ok(text) => Value::Text(Cow::Owned(text)),
        Err(_) => Value::LoneSurrogate,
    }
}

/// A date in Java's list form: `[2026,11,22,10,11]`.
fn numbers(json: &str) -> Option<Value<'_>> {
    // The longest possible date is shorter.
    if json.len() > 100 {
        return None;
    }
    let list: Vec<i32> = serde_json::from_str(json).ok()?;
    let mut numbers = [0; 7];
    numbers.get_mut(..list.len())?.copy_from_slice(&list);
    let count = u8::try_from(list.len()).ok()?;
    (count >= 3).then_some(Value::Numbers(NumberList { numbers, count }))
}

/// Money like google.type.Money.
fn units(json: &str) -> Option<Value<'_>> {
    #[derive(serde::Deserialize)]
    struct Money<'j> {
        #[serde(borrow)]
        units: Option<&'j RawValue>,
        #[serde(borrow)]
        nanos: Option<&'j RawValue>,
    }
    let Money { units, nanos } = serde_json::from_str(json).ok()?;
    let (units, nanos) = (units.map(digits), nanos.map(digits));
    (units.is_some() || nanos.is_some()).then_some(Value::Units { units, nanos })
}

/// The digits of a number; 64-bit integers are strings in the JSON of Protocol Buffers.
fn digits(json: &RawValue) -> &str {
    let json = json.get();
    json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(json)
}
