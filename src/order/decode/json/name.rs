//! Field names, looked up in the mapping's tree.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use crate::order::mapping::{Spot, Tree};

/// Looks up a field name; `None` if it is not in the tree.
pub(super) struct Name<'m> {
    pub(super) tree: &'m Tree,
    pub(super) is_second: bool,
}

impl<'m, 'p> DeserializeSeed<'p> for Name<'m> {
    type Value = Option<&'m Spot>;

    fn deserialize<D: Deserializer<'p>>(self, json: D) -> Result<Self::Value, D::Error> {
        if !self.is_second {
            return json.deserialize_str(self);
        }
        let name = <&RawValue as serde::Deserialize>::deserialize(json)?.get();
        let name: Option<String> = serde_json::from_str(name).ok();
        Ok(name.and_then(|name| self.tree.names.get(&name)))
    }
}

impl<'m> Visitor<'_> for Name<'m> {
    type Value = Option<&'m Spot>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.tree.names.get(name))
    }
}
