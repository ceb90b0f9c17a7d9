//! Fuzz targets: each takes any bytes, and panics where vendas does not do what it promises.
//!
//! fuzz_targets hands them to libFuzzer; tests/seeds.rs runs them over [`seeds`] on a stable compiler.

mod batches;
mod numbers;
pub mod seeds;

use std::sync::Arc;

use bytes::Bytes;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use uuid::Uuid;
use vendas::{
    config::{self, Sources},
    format::{Kind, Reading, Schema, Schemas, Source},
    kafka::{Record, TopicPartition},
    order::{Currency, Mapping, MappingSettings, Meaning, Order, Place, Reason, Role, Rules},
};

pub use batches::batch;
pub use numbers::number;

/// Parts of an input are separated by this byte, which neither TOML nor JSON contains.
pub const SEPARATOR: u8 = 0;

/// Settings that name files or directories, which the fuzzer must not choose.
const FILES: [&str; 6] = ["file", "ssl", "url", "path", "cert", "key_"];

/// A configuration, a key and a value: the record is an order that adds up, ignored, or rejected for a
/// reason.
pub fn record(data: &[u8]) {
    let [settings, key, payload] = parts(data);
    let Some(config) = text(settings).and_then(loaded) else { return };
    let key = Some(key).filter(|key| !key.is_empty());
    judge(&config.rules.general, key, payload);
}

/// An Avro schema and a value.
pub fn avro(data: &[u8]) {
    by_schema(Kind::Avro, data);
}

/// A schema of Protocol Buffers and a value.
pub fn protobuf(data: &[u8]) {
    by_schema(Kind::Protobuf, data);
}

fn by_schema(kind: Kind, data: &[u8]) {
    let middle = data.iter().position(|&byte| byte == SEPARATOR).unwrap_or(data.len());
    let (schema, payload) = data.split_at(middle);
    let Some(schema) = text(schema) else { return };
    let source = Source { kind, text: schema.to_owned(), imports: Vec::new() };
    let Ok(schema) = Schema::compile(&source) else { return };
    let rules = Rules::built_in(TimeZone::UTC).reading(Reading::By(Arc::new(schema)));
    judge(&rules, None, payload.get(1..).unwrap_or_default());
}

/// A role (the first byte) and a place of a mapping: records are understood by it.
pub fn place(data: &[u8]) {
    let Some((role, place)) = data.split_first() else { return };
    let Some(place) = text(place).and_then(|place| Place::parse(place).ok()) else { return };
    let role = Role::ALL[usize::from(*role) % Role::ALL.len()];
    let places = vec![(role, vec![vec![place]])];
    let settings = MappingSettings { places, ..MappingSettings::default() };
    let Ok(mapping) = Mapping::compile(settings) else { return };
    let rules = Rules::new(mapping, TimeZone::UTC, Currency::default());
    for payload in seeds::PAYLOADS {
        judge(&rules, Some(br#"{"id": "a"}"#), payload.as_bytes());
    }
}

/// A configuration file: settings, or a list of problems that is not empty.
pub fn configuration(data: &[u8]) {
    let Some(settings) = text(data).filter(|text| may_load(text)) else { return };
    if let Err(problems) = config::load(&sources(settings)) {
        assert!(!problems.0.is_empty() && !problems.to_string().is_empty());
    }
}

fn parts(data: &[u8]) -> [&[u8]; 3] {
    let mut parts = data.splitn(3, |&byte| byte == SEPARATOR);
    [(); 3].map(|()| parts.next().unwrap_or_default())
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn may_load(settings: &str) -> bool {
    !FILES.iter().any(|name| settings.contains(name))
}

fn sources(settings: &str) -> Sources {
    Sources { text: Some(settings.to_owned()), ..Sources::default() }
}

fn loaded(settings: &str) -> Option<config::Config> {
    may_load(settings).then(|| config::load(&sources(settings)).ok())?
}

/// Understands a record, and checks the result.
fn judge(rules: &Rules, key: Option<&[u8]>, payload: &[u8]) {
    let partition = TopicPartition { topic: "t".into(), partition: 0, topic_id: Uuid::nil() };
    let record = Record {
        key: key.map(Bytes::copy_from_slice),
        payload: Some(Bytes::copy_from_slice(payload)),
        timestamp: Some(1_700_000_000_000),
        ..Record::default()
    };
    match rules.understand(&partition, &record, &Schemas::default()) {
        Ok(Meaning::Ignored) => {}
        Ok(meaning) => {
            assert!(!meaning.orders().is_empty());
            for order in meaning.orders() {
                check(rules, order);
            }
        }
        Err(rejection) => {
            assert!(rejection.reason() != Reason::Panicked);
            assert!(!rejection.detail().is_empty());
        }
    }
}

/// What holds for every order.
fn check(rules: &Rules, order: &Order) {
    let settings = rules.mapping().settings();
    assert!(order.number().is_some() != order.id().is_some());
    if order.is_cancelled() {
        assert!(order.items().is_empty() && order.total().is_zero() && order.charges().is_zero());
        return;
    }
    assert!(order.is_in_sales() || order.is_in_orders());
    assert!(order.total().scale() <= 8 && order.charges().scale() <= 8);
    let lines: Decimal = order.items().iter().map(|item| item.amount()).sum();
    for item in order.items() {
        assert!(!item.product().trim().is_empty() && !item.product().contains('\0'));
        assert!(settings.returns || item.quantity() > Decimal::ZERO);
        assert!(settings.returns || item.amount() >= Decimal::ZERO);
    }
    // Lines without a product are in the total alone.
    assert!(settings.returns || order.charges() + lines <= order.total());
    if let Some(kept) = order.kept() {
        let kept: serde_json::Result<serde_json::Map<_, _>> = serde_json::from_str(kept);
        assert!(kept.is_ok_and(|kept| kept.len() <= settings.keep.len()));
    }
}
