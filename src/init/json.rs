//! A JSON document in memory, with numbers as written.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Values nested deeper are ignored: orders are not nested this deeply.
const DEPTH: usize = 16;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Json {
    /// `null`, or a value nested too deeply.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as written.
    Number(String),
    /// A string without quotes and escapes.
    Text(String),
    /// A string that contains a JSON object or list.
    Embedded(Box<Self>),
    /// A list.
    List(Vec<Self>),
    /// An object's fields, in order.
    Object(Vec<(String, Self)>),
}

impl Json {
    /// The document in `text`; `None` if it is not JSON.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let raw: &RawValue = serde_json::from_str(text).ok()?;
        Some(Self::of(raw.get(), DEPTH))
    }

    /// `json` is known to be one JSON value.
    fn of(json: &str, depth: usize) -> Self {
        let below = depth.saturating_sub(1);
        match json.as_bytes().first() {
            _ if depth == 0 => Self::Null,
            Some(b'{') => match serde_json::from_str::<Fields<'_>>(json) {
                Ok(Fields(fields)) => Self::Object(
                    fields
                        .into_iter()
                        .map(|(name, raw)| (name, Self::of(raw.get(), below)))
                        .collect(),
                ),
                Err(_) => Self::Null,
            },
            Some(b'[') => match serde_json::from_str::<Vec<&RawValue>>(json) {
                Ok(elements) => {
                    Self::List(elements.iter().map(|raw| Self::of(raw.get(), below)).collect())
                }
                Err(_) => Self::Null,
            },
            Some(b'"') => match serde_json::from_str::<String>(json) {
                Ok(text) => Self::text(text, below),
                Err(_) => Self::Null,
            },
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'-' | b'0'..=b'9') => Self::Number(json.to_owned()),
            _ => Self::Null,
        }
    }

    fn text(text: String, depth: usize) -> Self {
        let inner = text.trim();
        if inner.starts_with(['{', '['])
            && let Ok(raw) = serde_json::from_str::<&RawValue>(inner)
        {
            return Self::Embedded(Box::new(Self::of(raw.get(), depth)));
        }
        Self::Text(text)
    }

    /// The value of the first field with this name; `None` if this is not an object.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => {
                fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Whether it is a non-empty list of objects.
    pub(crate) fn is_list_of_objects(&self) -> bool {
        matches!(self, Self::List(elements)
            if !elements.is_empty() && elements.iter().all(|one| matches!(one, Self::Object(_))))
    }

    /// Whether it is an amount of money with units and nanos (google.type.Money).
    pub(crate) fn is_units_and_nanos(&self) -> bool {
        let Self::Object(fields) = self else { return false };
        let has = |name: &str| fields.iter().any(|(known, _)| known == name);
        (has("units") || has("nanos"))
            && fields.iter().all(|(name, _)| {
                matches!(name.as_str(), "units" | "nanos" | "currencyCode" | "currency_code")
            })
    }

    /// The text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// An object's fields.
struct Fields<'j>(Vec<(String, &'j RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry::<String, &'de RawValue>()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_as_they_are_written_and_texts_with_json_are_read() {
        let json = Json::parse(r#"{"a": 1.50, "b": "{\"c\": [2811.403981156083227688213804]}"}"#);
        let json = json.unwrap();
        assert_eq!(json.field("a"), Some(&Json::Number("1.50".to_owned())));
        let Some(Json::Embedded(inner)) = json.field("b") else { panic!("{json:?}") };
        let number = Json::Number("2811.403981156083227688213804".to_owned());
        assert_eq!(inner.field("c"), Some(&Json::List(vec![number])));
        assert_eq!(Json::parse("{"), None);
    }

    #[test]
    fn money_as_units_and_nanos_is_known_by_its_fields() {
        let money = |text| Json::parse(text).unwrap().is_units_and_nanos();
        assert!(money(r#"{"currencyCode": "USD", "units": "8", "nanos": 990000000}"#));
        assert!(money(r#"{"nanos": 5}"#));
        assert!(!money(r#"{"units": 5, "product": "x"}"#));
        assert!(!money(r#"{"currencyCode": "USD"}"#));
    }
}
