//! Records with schemas in a registry, written by Confluent's serializers.

mod commands;
mod dead_letters;
mod faults;
mod formats;
mod recovery;

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use testbed::{Kafka, Registry, Result, Serializers, Testbed, VendasCommand};
use tokio::sync::OnceCell;

use crate::shop::{Shop, VENDAS};

/// The Python files next to this one.
const MODULES: &[(&str, &str)] = &[
    ("avro_edges.py", include_str!("avro_edges.py")),
    ("avro_money.py", include_str!("avro_money.py")),
    ("avro_orders.py", include_str!("avro_orders.py")),
    ("keyed_orders.py", include_str!("keyed_orders.py")),
    ("mixed_orders.py", include_str!("mixed_orders.py")),
    ("oracle.py", include_str!("oracle.py")),
    ("plain.py", include_str!("plain.py")),
    ("protobuf_edges.py", include_str!("protobuf_edges.py")),
    ("protobuf_orders.py", include_str!("protobuf_orders.py")),
    ("topics.py", include_str!("topics.py")),
];

/// The serializers for the shared servers. Plans are executed one after the other.
async fn serializers() -> Result<&'static Serializers> {
    static SHARED: OnceCell<Serializers> = OnceCell::const_new();
    SHARED
        .get_or_try_init(|| async {
            let kafka = &Testbed::shared().await?.kafka;
            serializers_of(kafka, Registry::shared().await?).await
        })
        .await
}

async fn serializers_of(kafka: &Kafka, registry: &Registry) -> Result<Serializers> {
    Serializers::start(kafka, registry, MODULES).await
}

/// The shop's program, with the registry at `url`.
fn with_registry(shop: &Shop, url: &str, args: &[&str]) -> VendasCommand {
    shop.vendas(args).env("VENDAS_REGISTRY__URL", url)
}

/// The same for several topics.
fn of_topics(shop: &Shop, url: &str, topics: &[&str], args: &[&str]) -> VendasCommand {
    shop.servers
        .vendas(VENDAS, topics, &shop.database)
        .env("VENDAS_REGISTRY__URL", url)
        .args(args.iter().copied())
}

/// An order with the built-in names.
fn avro_schema() -> Value {
    json!({
        "type": "record", "name": "Order", "fields": [
            {"name": "order_number", "type": "int"},
            {"name": "product", "type": "string"},
            {"name": "qty", "type": "int"},
            {"name": "unit_price", "type": "double"},
        ],
    })
}

/// Orders of that schema: order number `n` has the total `n` and 10 cents, as with
/// [`Shop::send_numbers`].
fn avro_orders(numbers: impl IntoIterator<Item = i32>) -> Vec<Value> {
    let order = |number: i32| {
        let price: Value = format!("{number}.1").parse().unwrap_or_default();
        json!({"order_number": number, "product": "a", "qty": 1, "unit_price": price})
    };
    numbers.into_iter().map(order).collect()
}

/// Sends such orders to the topic's partitions in turn; returns the schema's id.
async fn send_avro(
    by: &Serializers,
    topic: &str,
    partitions: u16,
    numbers: impl IntoIterator<Item = i32>,
) -> Result<u32> {
    let plan = json!({
        "topic": topic, "partitions": partitions,
        "schema": avro_schema(), "values": avro_orders(numbers),
    });
    let id = by.run("plain.avro", plan).await?;
    Ok(serde_json::from_value(id)?)
}

/// A configuration file that is deleted with the folder.
fn configuration(text: &str) -> Result<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("vendas.toml");
    fs::write(&file, text)?;
    Ok((folder, file))
}
