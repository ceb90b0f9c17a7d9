//! `[mapping]`, and `[topics.NAME.mapping]`, which overrides it: the places of roles in records.

use std::{collections::BTreeMap, sync::Arc};

use figment::value::Dict;
use jiff::tz::TimeZone;

use super::reader::Reader;
use crate::format::Format;
use crate::order::{
    Currency, Identity, Mapping, MappingSettings, Role, Rulebook, Rules, Tombstones,
};

mod format;
mod table;

use table::Table;

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
        reader.register(&format!("mapping.{key}"));
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
            reader.register(&format!("{prefix}.{key}"));
        }
        // Problems of the general mapping are already reported.
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

/// Reports all problems of the mapping of `prefix`.
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
        let text = format!("is {code:?}, must be an ISO 4217 code, such as \"BRL\"");
        reader.problem("orders.currency", &text);
    }
    currency
}

fn vocabulary(reader: &mut Reader) -> Vec<(Role, String)> {
    let mut names = Vec::new();
    for role in Role::VOCABULARY {
        let key = format!("vocabulary.{}", role.key());
        let more = reader
            .list(&key, &[], "a field name", |name| (!name.is_empty()).then(|| name.to_owned()));
        names.extend(more.into_iter().flatten().map(|name| (role, name)));
    }
    names
}

/// The settings of a mapping: for each key the value of the first of `tables` that has it.
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
    (!table.has_failed()).then_some(settings)
}
