//! What a JSON value, whose grammar was checked, is to the rules.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::order::value::{NumberList, Value};

/// What it is to the rules.
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
    if !inner.as_bytes().contains(&b'\\') {
        return Value::Text(Cow::Borrowed(inner));
    }
    // The escapes' grammar has been checked already, so that nothing else can be wrong.
    match serde_json::from_str(json) {
        Ok(text) => Value::Text(Cow::Owned(text)),
        Err(_) => Value::HalfCharacter,
    }
}

/// A date as Java writes it: `[2026,11,22,10,11]`.
fn numbers(json: &str) -> Option<Value<'_>> {
    // The seven longest numbers that a date is made of take less.
    if json.len() > 100 {
        return None;
    }
    let list: Vec<i32> = serde_json::from_str(json).ok()?;
    let mut numbers = [0; 7];
    numbers.get_mut(..list.len())?.copy_from_slice(&list);
    let count = u8::try_from(list.len()).ok()?;
    (count >= 3).then_some(Value::Numbers(NumberList { numbers, count }))
}

/// Money as google.type.Money and its likes have it.
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

/// What a number says; 64-bit integers are texts in the JSON of Protocol Buffers.
fn digits(json: &RawValue) -> &str {
    let json = json.get();
    json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(json)
}
