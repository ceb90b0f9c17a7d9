//! `[mapping]`, and `[topics.NAME.mapping]` over it: where each role is found in the records of a topic.

use std::{collections::BTreeMap, sync::Arc};

use figment::value::{Dict, Value};
use jiff::tz::TimeZone;

use super::{format, reader::Reader};
use crate::format::Format;
use crate::order::{
    Currency, DecimalForm, Identity, Mapping, MappingSettings, Only, Place, Role, Rulebook, Rules,
    Tombstones,
};

/// The keys of `[mapping]`, in the order of the example file; roles' names are keys too.
const KEYS: [&str; 35] = [
    "format",
    "schema_file",
    "message",
    "built_in",
    "order_number",
    "order_id",
    "identity",
    "items",
    "product",
    "quantity",
    "default_quantity",
    "unit_price",
    "amount",
    "item_discount",
    "total",
    "shipping",
    "tax",
    "discount",
    "currency",
    "sold_at",
    "sold_at_format",
    "times_without_zone",
    "status",
    "cancelled",
    "tombstones",
    "returns",
    "decimal",
    "base64_scale",
    "minor_units",
    "round",
    "float32",
    "records",
    "only.at",
    "only.is",
    "keep",
];

/// The rules of every topic.
pub(super) fn rulebook(
    reader: &mut Reader,
    shop_timezone: Option<&TimeZone>,
    has_registry: bool,
) -> Option<Rulebook> {
    let currency = currency(reader);
    let vocabulary = vocabulary(reader);
    let general = reader.table(&["mapping"]);
    for key in KEYS {
        reader.know(&format!("mapping.{key}"));
    }
    let of_all = settings(reader, "mapping", &[&general], vocabulary.clone());
    let tables = [&general];
    let mut table = Table::new(reader, "mapping", &tables);
    let reading = of_all.as_ref().and_then(|of| format::reading(&mut table, of, has_registry));
    let mut topics = BTreeMap::new();
    for topic in reader.names(&["topics"]) {
        let own = reader.table(&["topics", &topic, "mapping"]);
        let prefix = format!("topics.{topic}.mapping");
        for key in KEYS {
            reader.know(&format!("{prefix}.{key}"));
        }
        // What is wrong with the general mapping was told already.
        let tables = [&own, &general];
        let merged = settings(reader, &prefix, &tables, vocabulary.clone());
        let mut table = Table::new(reader, &prefix, &tables);
        let reading = merged.as_ref().and_then(|of| format::reading(&mut table, of, has_registry));
        topics.insert(Arc::<str>::from(topic), (prefix, merged, reading));
    }
    let general = of_all.and_then(|settings| compile(reader, "mapping", settings));
    let mut compiled = BTreeMap::new();
    for (topic, (prefix, settings, reading)) in topics {
        let mapping = settings.and_then(|settings| compile(reader, &prefix, settings));
        compiled.insert(topic, mapping.zip(reading));
    }
    let (shop, currency) = (shop_timezone?, currency?);
    let rules =
        |(mapping, reading)| Arc::new(Rules::new(mapping, shop.clone(), currency).reading(reading));
    let topics = compiled.into_iter().map(|(topic, both)| Some((topic, rules(both?))));
    let general = rules(general.zip(reading)?);
    Some(Rulebook { general, topics: topics.collect::<Option<_>>()? })
}

/// Notes everything that is wrong with the mapping of `prefix`.
fn compile(reader: &mut Reader, prefix: &str, settings: MappingSettings) -> Option<Mapping> {
    let errors = match Mapping::compile(settings) {
        Ok(mapping) => return Some(mapping),
        Err(errors) => errors,
    };
    for error in errors {
        let key = match error.key.strip_prefix("mapping") {
            Some(rest) => format!("{prefix}{rest}"),
            None => error.key,
        };
        reader.problem(&key, &error.text);
    }
    None
}

fn currency(reader: &mut Reader) -> Option<Currency> {
    let code = reader.text("orders.currency", "BRL")?;
    let currency = Currency::of_code(&code);
    if currency.is_none() {
        let text = format!("is {code:?}, must be a code of ISO 4217, such as \"BRL\"");
        reader.problem("orders.currency", &text);
    }
    currency
}

fn vocabulary(reader: &mut Reader) -> Vec<(Role, String)> {
    let mut names = Vec::new();
    for role in Role::VOCABULARY {
        let key = format!("vocabulary.{}", role.key());
        let more = reader
            .list(&key, &[], "a field's name", |name| (!name.is_empty()).then(|| name.to_owned()));
        names.extend(more.into_iter().flatten().map(|name| (role, name)));
    }
    names
}

/// What the first of `tables` that has a key says of it.
fn settings(
    reader: &mut Reader,
    prefix: &str,
    tables: &[&Dict],
    vocabulary: Vec<(Role, String)>,
) -> Option<MappingSettings> {
    let mut table = Table::new(reader, prefix, tables);
    let mut settings = MappingSettings { vocabulary, ..MappingSettings::default() };
    settings.format = table.choice("format", &Format::ALL).unwrap_or_default();
    settings.schema_file = table.text("schema_file");
    settings.message = table.text("message");
    if let Some(flag) = table.flag("built_in") {
        settings.built_in = flag;
    }
    for role in Role::ALL {
        if let Some(places) = table.places(role.key()).filter(|places| !places.is_empty()) {
            settings.places.push((role, places));
        }
    }
    settings.records = table.single_places("records").unwrap_or_default();
    settings.identity = table.choice(
        "identity",
        &[("order_number", Identity::OrderNumber), ("order_id", Identity::OrderId)],
    );
    settings.tombstones = table
        .choice(
            "tombstones",
            &[
                ("dead_letter", Tombstones::DeadLetter),
                ("cancel", Tombstones::Cancel),
                ("ignore", Tombstones::Ignore),
            ],
        )
        .unwrap_or_default();
    settings.default_quantity = table.integer("default_quantity");
    settings.cancelled = table.texts("cancelled").unwrap_or_default();
    settings.only = table.only();
    settings.keep = table.keep();
    settings.decimal = table.decimal();
    settings.minor_units = table.flag("minor_units").unwrap_or_default();
    settings.returns = table.flag("returns").unwrap_or_default();
    settings.round =
        table.choice("round", &[("exact", false), ("cents", true)]).unwrap_or_default();
    settings.float32 = table.flag("float32").unwrap_or_default();
    settings.sold_at_format = table.text("sold_at_format");
    settings.times_without_zone = table.zone("times_without_zone");
    (!table.failed).then_some(settings)
}

/// One key after the other of a mapping.
pub(super) struct Table<'a> {
    reader: &'a mut Reader,
    prefix: &'a str,
    /// A topic's own, and the general one.
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

    /// Notes that the value of `key` `text`.
    pub(super) fn problem(&mut self, key: &str, text: &str) {
        self.failed = true;
        match self.find(key) {
            Some((value, true)) => {
                let key = format!("{}.{key}", self.prefix);
                self.reader.problem_of(&key, &value, text);
            }
            // Of the general table it was told already.
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
        // What is wrong with the general mapping is told once.
        if found.1 {
            let key = format!("{}.{key}", self.prefix);
            self.reader.wrong_value(&key, &found.0, expected);
        }
        None
    }

    fn flag(&mut self, key: &str) -> Option<bool> {
        let found = self.find(key)?;
        match (&found.0, found.0.as_str()) {
            (Value::Bool(_, flag), _) => Some(*flag),
            (value, Some("true")) if self.reader.is_text_only(value) => Some(true),
            (value, Some("false")) if self.reader.is_text_only(value) => Some(false),
            _ => self.wrong(key, &found, "true or false"),
        }
    }

    fn integer(&mut self, key: &str) -> Option<u32> {
        let found = self.find(key)?;
        let number = match &found.0 {
            Value::Num(_, number) => number.to_i128().and_then(|number| number.try_into().ok()),
            value if self.reader.is_text_only(value) => value.as_str()?.trim().parse().ok(),
            _ => None,
        };
        number.or_else(|| self.wrong(key, &found, "a whole number from 0"))
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let found = self.find(key)?;
        match found.0.as_str().filter(|text| !text.is_empty()) {
            Some(text) => Some(text.to_owned()),
            None => self.wrong(key, &found, "a text that is not empty"),
        }
    }

    fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let found = self.find(key)?;
        self.texts_of(&found.0).or_else(|| self.wrong(key, &found, "a list of texts"))
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

    fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
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

    fn zone(&mut self, key: &str) -> Option<TimeZone> {
        let found = self.find(key)?;
        let zone = found.0.as_str().and_then(|name| TimeZone::get(name).ok());
        let expected = "a name of the IANA time zone database, such as \"UTC\"";
        zone.or_else(|| self.wrong(key, &found, expected))
    }

    fn decimal(&mut self) -> DecimalForm {
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

    /// A place, a list of them, or a list in which a list is a key of several fields.
    fn places(&mut self, key: &str) -> Option<Vec<Vec<Place>>> {
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
            self.reader.problem_of(&key, &found.0, &format!("holds {text:?}, which {rule}"));
        }
        None
    }

    /// Places of which none is a key of several fields.
    fn single_places(&mut self, key: &str) -> Option<Vec<Place>> {
        let places = self.places(key)?;
        if places.iter().any(|parts| parts.len() != 1) {
            let found = self.find(key)?;
            return self.wrong(key, &found, "a place, or a list of places");
        }
        Some(places.into_iter().flatten().collect())
    }

    fn only(&mut self) -> Option<Only> {
        let found = self.find("only")?;
        let Value::Dict(_, dict) = &found.0 else {
            return self.wrong(
                "only",
                &found,
                "a table such as { at = \"$.eventType\", is = [\"order.created\"] }",
            );
        };
        // A table within the table, whose keys are read like its own.
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

    fn keep(&mut self) -> Vec<(String, Vec<Place>)> {
        let Some(found) = self.find("keep") else { return Vec::new() };
        let Value::Dict(_, dict) = &found.0 else {
            self.wrong::<()>("keep", &found, "a table such as { store = \"$.store.id\" }");
            return Vec::new();
        };
        let prefix = format!("{}.keep", self.prefix);
        let mut kept = Vec::new();
        for name in dict.keys() {
            self.reader.know(&format!("{prefix}.{name}"));
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
