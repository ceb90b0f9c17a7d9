//! Parses JSON one level at a time.

use std::{collections::HashSet, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::exact::Exact;

/// A parsed value; nested values stay unparsed.
pub(super) enum Json<'t> {
    Null,
    Flag(bool),
    /// As written.
    Number(&'t str),
    Text(String),
    List(Vec<&'t RawValue>),
    Object(Vec<Entry<'t>>),
}

/// An object's field.
pub(super) type Entry<'t> = (String, &'t RawValue);

/// Checks that a text is a single JSON value.
pub(super) fn whole(text: &str) -> Result<&str, String> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(json) => Ok(json.get()),
        Err(error) => Err(format!("the text is not JSON: {error}")),
    }
}

impl<'t> Json<'t> {
    /// Parses a text whose syntax is already checked.
    pub(super) fn of(json: &'t str) -> Result<Self, &'static str> {
        let unreadable = |_| "must not contain an unpaired surrogate";
        Ok(match json.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't') => Self::Flag(true),
            Some(b'f') => Self::Flag(false),
            Some(b'"') => Self::Text(serde_json::from_str(json).map_err(unreadable)?),
            Some(b'[') => Self::List(serde_json::from_str(json).map_err(unreadable)?),
            Some(b'{') => {
                let Entries(entries) = serde_json::from_str(json).map_err(unreadable)?;
                Self::Object(entries)
            }
            _ => Self::Number(json),
        })
    }

    /// The number, or the number in a text.
    pub(super) fn exact(&self) -> Option<Exact> {
        match self {
            Self::Number(number) => Exact::of(number),
            Self::Text(text) => Exact::of(text),
            _ => None,
        }
    }
}

/// # Errors
/// A key is duplicated, so its value is ambiguous.
pub(super) fn no_duplicate_keys(entries: &[Entry<'_>]) -> Result<(), String> {
    let mut keys = HashSet::new();
    match entries.iter().find(|(key, _)| !keys.insert(key)) {
        Some((key, _)) => Err(format!("must contain {key} only once")),
        None => Ok(()),
    }
}

/// An object's fields in order, including duplicates.
struct Entries<'t>(Vec<Entry<'t>>);

impl<'t> Deserialize<'t> for Entries<'t> {
    fn deserialize<D: Deserializer<'t>>(json: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'t> Visitor<'t> for Reader {
            type Value = Entries<'t>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'t>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        json.deserialize_map(Reader)
    }
}
