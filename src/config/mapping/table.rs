//! The values of a mapping's keys; those of a topic override the general ones.

use figment::value::{Dict, Value};
use jiff::tz::TimeZone;

use crate::{
    config::reader::Reader,
    order::{DecimalForm, Only, Place},
};

/// Reads the keys of a mapping.
pub(super) struct Table<'a> {
    reader: &'a mut Reader,
    prefix: &'a str,
    /// The table of the topic, and the general one.
    tables: &'a [&'a Dict],
    failed: bool,
}

impl<'a> Table<'a> {
    pub(super) const fn new(
        reader: &'a mut Reader,
        prefix: &'a str,
        tables: &'a [&'a Dict],
    ) -> Self {
        Self { reader, prefix, tables, failed: false }
    }

    /// Whether a key that was read has a problem.
    pub(super) const fn has_failed(&self) -> bool {
        self.failed
    }

    /// Reports a problem with the value of `key`: `text` is the predicate.
    pub(super) fn problem(&mut self, key: &str, text: &str) {
        self.failed = true;
        match self.find(key) {
            Some((value, true)) => {
                let key = format!("{}.{key}", self.prefix);
                self.reader.problem_of(&key, &value, text);
            }
            // Problems of the general table are already reported.
            Some((_, false)) => {}
            None => self.reader.problem(&format!("{}.{key}", self.prefix), text),
        }
    }

    /// The value of a key, and whether it comes from the table of `prefix` itself.
    fn find(&self, key: &str) -> Option<(Value, bool)> {
        let own = self.tables.iter().position(|table| table.contains_key(key))?;
        let value = self.tables.get(own)?.get(key)?.clone();
        Some((value, own == 0))
    }

    fn wrong<T>(&mut self, key: &str, found: &(Value, bool), expected: &str) -> Option<T> {
        self.failed = true;
        // Problems of the general mapping are reported once.
        if found.1 {
            let key = format!("{}.{key}", self.prefix);
            self.reader.wrong_value(&key, &found.0, expected);
        }
        None
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let found = self.find(key)?;
        match (&found.0, found.0.as_str()) {
            (Value::Bool(_, flag), _) => Some(*flag),
            (value, Some("true")) if self.reader.is_text_only(value) => Some(true),
            (value, Some("false")) if self.reader.is_text_only(value) => Some(false),
            _ => self.wrong(key, &found, "true or false"),
        }
    }

    pub(super) fn integer(&mut self, key: &str) -> Option<u32> {
        let found = self.find(key)?;
        let number = match &found.0 {
            Value::Num(_, number) => number.to_i128().and_then(|number| number.try_into().ok()),
            value if self.reader.is_text_only(value) => value.as_str()?.trim().parse().ok(),
            _ => None,
        };
        number.or_else(|| self.wrong(key, &found, "an integer of 0 or more"))
    }

    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let found = self.find(key)?;
        match found.0.as_str().filter(|text| !text.is_empty()) {
            Some(text) => Some(text.to_owned()),
            None => self.wrong(key, &found, "a non-empty string"),
        }
    }

    pub(super) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let found = self.find(key)?;
        self.texts_of(&found.0).or_else(|| self.wrong(key, &found, "a list of strings"))
    }

    fn texts_of(&self, value: &Value) -> Option<Vec<String>> {
        match value {
            Value::Array(_, values) => {
                values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
            }
            Value::String(_, text) if self.reader.is_text_only(value) => {
                Some(text.split(',').map(|part| part.trim().to_owned()).collect())
            }
            Value::String(_, text) => Some(vec![text.clone()]),
            _ => None,
        }
    }

    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let found = self.find(key)?;
        let text = found.0.as_str();
        let chosen = choices.iter().find(|(name, _)| Some(*name) == text);
        match chosen {
            Some((_, choice)) => Some(*choice),
            None => {
                let names: Vec<String> =
                    choices.iter().map(|(name, _)| format!("{name:?}")).collect();
                self.wrong(key, &found, &names.join(" or "))
            }
        }
    }

    pub(super) fn zone(&mut self, key: &str) -> Option<TimeZone> {
        let found = self.find(key)?;
        let zone = found.0.as_str().and_then(|name| TimeZone::get(name).ok());
        let expected = "a name from the IANA time zone database, such as \"UTC\"";
        zone.or_else(|| self.wrong(key, &found, expected))
    }

    pub(super) fn decimal(&mut self) -> DecimalForm {
        let form = self.choice(
            "decimal",
            &[
                ("point", DecimalForm::Point),
                ("comma", DecimalForm::Comma),
                ("base64", DecimalForm::Base64(0)),
            ],
        );
        let scale = self.integer("base64_scale");
        match (form.unwrap_or_default(), scale) {
            (DecimalForm::Base64(_), Some(scale)) => DecimalForm::Base64(scale),
            (DecimalForm::Base64(_), None) => {
                self.failed = true;
                let key = format!("{}.decimal", self.prefix);
                let text = "is \"base64\", which needs base64_scale: the scale in the schema of \
                            Kafka Connect's Decimal";
                self.reader.problem(&key, text);
                DecimalForm::Point
            }
            (form, _) => form,
        }
    }

    /// A place, a list of places, or a list in which an inner list is a key of several fields.
    pub(super) fn places(&mut self, key: &str) -> Option<Vec<Vec<Place>>> {
        let found = self.find(key)?;
        let entries = match &found.0 {
            Value::Array(_, values) => values.clone(),
            value => self.texts_of(value)?.into_iter().map(Value::from).collect(),
        };
        let mut places = Vec::new();
        for entry in &entries {
            let texts: Option<Vec<String>> = match entry {
                Value::Array(_, parts) => {
                    parts.iter().map(|part| part.as_str().map(str::to_owned)).collect()
                }
                entry => entry.as_str().map(|text| vec![text.to_owned()]),
            };
            let Some(texts) = texts else {
                return self.wrong(
                    key,
                    &found,
                    "a place such as \"$.order.id\", or a list of places",
                );
            };
            let mut parts = Vec::new();
            for text in texts {
                match Place::parse(&text) {
                    Ok(place) => parts.push(place),
                    Err(rule) => return self.bad_place(key, &found, &text, &rule),
                }
            }
            places.push(parts);
        }
        Some(places)
    }

    fn bad_place<T>(
        &mut self,
        key: &str,
        found: &(Value, bool),
        text: &str,
        rule: &str,
    ) -> Option<T> {
        self.failed = true;
        if found.1 {
            let key = format!("{}.{key}", self.prefix);
            self.reader.problem_of(&key, &found.0, &format!("contains {text:?}, which {rule}"));
        }
        None
    }

    /// Places, none of which is a key of several fields.
    pub(super) fn single_places(&mut self, key: &str) -> Option<Vec<Place>> {
        let places = self.places(key)?;
        if places.iter().any(|parts| parts.len() != 1) {
            let found = self.find(key)?;
            return self.wrong(key, &found, "a place, or a list of places");
        }
        Some(places.into_iter().flatten().collect())
    }

    pub(super) fn only(&mut self) -> Option<Only> {
        let found = self.find("only")?;
        let Value::Dict(_, dict) = &found.0 else {
            return self.wrong(
                "only",
                &found,
                "a table such as { at = \"$.eventType\", is = [\"order.created\"] }",
            );
        };
        // An inner table, whose keys are read in the same way.
        let tables = [dict];
        let prefix = format!("{}.only", self.prefix);
        let mut table =
            Table { reader: self.reader, prefix: &prefix, tables: &tables, failed: false };
        let at = table.single_places("at").unwrap_or_default();
        let is = table.texts("is").unwrap_or_default();
        let failed = table.failed;
        self.failed |= failed;
        (!failed).then_some(Only { at, is })
    }

    pub(super) fn keep(&mut self) -> Vec<(String, Vec<Place>)> {
        let Some(found) = self.find("keep") else { return Vec::new() };
        let Value::Dict(_, dict) = &found.0 else {
            self.wrong::<()>("keep", &found, "a table such as { store = \"$.store.id\" }");
            return Vec::new();
        };
        let prefix = format!("{}.keep", self.prefix);
        let mut kept = Vec::new();
        for name in dict.keys() {
            self.reader.register(&format!("{prefix}.{name}"));
            let tables = [dict];
            let mut table =
                Table { reader: self.reader, prefix: &prefix, tables: &tables, failed: false };
            let places = table.single_places(name).unwrap_or_default();
            let failed = table.failed;
            self.failed |= failed;
            kept.push((name.clone(), places));
        }
        kept
    }
}
