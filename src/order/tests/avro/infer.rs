//! Infers Avro schemas for JSON values, as a producer would define them.

use serde_json::{Map, Value, json};

use super::*;

/// The type of numbers with decimals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Numbers {
    Doubles,
    Decimals,
}

/// The results of a record in both formats.
pub(super) struct Judged {
    pub(super) bytes: Vec<u8>,
    pub(super) schema: Schema,
    pub(super) avro: Result<Meaning, Reason>,
    pub(super) json: Result<Meaning, Reason>,
}

/// Processes the same value in both formats; `None` if Avro cannot represent it.
pub(super) fn judge(rules: &Rules, value: &Value, numbers: Numbers) -> Option<Judged> {
    // Only a double keeps the digits of a JSON number.
    if numbers == Numbers::Decimals && !rules.mapping().settings().keep.is_empty() {
        return None;
    }
    let text = value.to_string();
    let schema = of(&[value], numbers, &mut 0)?.to_string();
    let schema = Schema::compile(&schema, &[]).ok()?;
    let bytes = from_json(&text, &schema).ok()?;
    // Both get the same key and headers.
    let judge = |rules: &Rules, payload: &[u8]| {
        let meaning = rules.understand_value(Some(payload));
        meaning.map_err(|rejection| rejection.reason())
    };
    let avro = judge(&by(rules, &schema), &bytes);
    Some(Judged { avro, json: judge(rules, text.as_bytes()), bytes, schema })
}

/// A schema for all the values.
fn of(values: &[&Value], numbers: Numbers, names: &mut usize) -> Option<Value> {
    let mut branches = Vec::new();
    if values.iter().any(|value| value.is_null()) {
        branches.push(json!("null"));
    }
    if values.iter().any(|value| value.is_boolean()) {
        branches.push(json!("boolean"));
    }
    if values.iter().any(|value| value.is_i64()) {
        branches.push(json!("long"));
    }
    let is_huge = |value: &Value| value.is_u64() && !value.is_i64();
    let fractions: Vec<_> = values.iter().filter(|it| it.is_f64()).collect();
    if values.iter().any(|value| is_huge(value)) {
        // Numbers with decimals have them everywhere, unlike in JSON, and a whole number with an
        // exponent may match either type of a union.
        if !fractions.is_empty() {
            return None;
        }
        branches.push(json!({ "type": "bytes", "logicalType": "decimal", "precision": 60 }));
    }
    if !fractions.is_empty() {
        branches.push(match numbers {
            Numbers::Doubles => json!("double"),
            Numbers::Decimals => {
                let scale = |text: String| text.split_once('.').map_or(0, |(_, it)| it.len());
                let scale = fractions.iter().map(|value| scale(value.to_string())).max();
                // JSON numbers with more decimals may be printed floats; exact decimals never are.
                if scale.is_some_and(|scale| scale > 4) {
                    return None;
                }
                json!({ "type": "bytes", "logicalType": "decimal", "precision": 60, "scale": scale })
            }
        });
    }
    if values.iter().any(|value| value.is_string()) {
        branches.push(json!("string"));
    }
    if values.iter().any(|value| value.is_array()) {
        let elements = values.iter().filter_map(|value| value.as_array()).flatten();
        let items = of(&elements.collect::<Vec<_>>(), numbers, names)?;
        branches.push(json!({ "type": "array", "items": items }));
    }
    let objects: Vec<_> = values.iter().filter_map(|value| value.as_object()).collect();
    if !objects.is_empty() {
        branches.push(object(&objects, numbers, names)?);
    }
    match branches.as_slice() {
        [] => Some(json!("null")),
        [only] => Some(only.clone()),
        _ => Some(Value::Array(branches)),
    }
}

/// A record if the names are valid in Avro, otherwise a map.
fn object(objects: &[&Map<String, Value>], numbers: Numbers, names: &mut usize) -> Option<Value> {
    let is_name = |key: &String| {
        key.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
            && key.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
    };
    if !objects.iter().flat_map(|object| object.keys()).all(is_name) {
        let values: Vec<_> = objects.iter().flat_map(|object| object.values()).collect();
        return Some(json!({ "type": "map", "values": of(&values, numbers, names)? }));
    }
    *names += 1;
    let name = format!("T{names}");
    let mut fields: Vec<Value> = Vec::new();
    for key in objects.iter().flat_map(|object| object.keys()) {
        if fields.iter().any(|field| field["name"] == **key) {
            continue;
        }
        let null = Value::Null;
        let values: Vec<_> = objects.iter().map(|it| it.get(key).unwrap_or(&null)).collect();
        let of = of(&values, numbers, names)?;
        fields.push(match objects.iter().all(|object| object.contains_key(key)) {
            true => json!({ "name": key, "type": of }),
            false => json!({ "name": key, "type": of, "default": null }),
        });
    }
    Some(json!({ "type": "record", "name": name, "fields": fields }))
}
