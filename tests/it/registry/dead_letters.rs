//! Records that cannot be decoded: each has its reason, and is replayed when its schema is
//! available.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use testbed::{Record, Registry, Result, SchemaKind, Serializers, ensure};

use super::{MODULES, avro_orders, avro_schema, of_topics, with_registry};
use crate::shop::{DEADLINE, Shop, numbered};

const PROTO: &str =
    "syntax = \"proto3\";\nmessage Order { int32 order_number = 1; string total = 2; }";

/// A schema that the registry accepts and that cannot be compiled: the type of its field does not
/// exist.
const BROKEN: &str = "syntax = \"proto3\"; message Order { Nowhere x = 1; }";

/// The header that serializers write, before `bytes`.
fn framed(id: u32, bytes: &[u8]) -> Record {
    Record::new([&[0][..], &id.to_be_bytes(), bytes].concat())
}

/// The bytes of values without a header.
async fn encoded(by: &Serializers, plan: Value) -> Result<Vec<Vec<u8>>> {
    let bytes: Vec<String> = serde_json::from_value(by.run("plain.encoded", plan).await?)?;
    Ok(bytes.iter().map(|bytes| BASE64_STANDARD.decode(bytes)).collect::<Result<_, _>>()?)
}

async fn reasons(shop: &Shop) -> Result<Vec<String>> {
    let sql = "SELECT record_offset || ' ' || reason FROM dead_letters \
               WHERE replayed_at IS NULL ORDER BY topic, record_offset";
    shop.rows(sql).await
}

#[tokio::test]
async fn each_has_its_reason_and_is_replayed_when_its_schema_is_available() -> Result<()> {
    let (shop, registry) = (Shop::open(1).await?, Registry::start().await?);
    let by = Serializers::start(&shop.servers.kafka, &registry, MODULES).await?;
    let schema = avro_schema();
    let avro = by.register("orders-avro", SchemaKind::Avro, &schema.to_string()).await?;
    let proto = by.register("orders-proto", SchemaKind::Protobuf, PROTO).await?;
    let broken = by.register("orders-broken", SchemaKind::Protobuf, BROKEN).await?;
    // Ids are sequential: this schema gets its id after the first run.
    let later = broken + 1;
    let mut values = avro_orders([1, 2, 3]);
    values.push(json!({"order_number": 4, "product": "a", "qty": 0, "unit_price": 1.5}));
    let written = encoded(&by, json!({"schema": schema, "values": values})).await?;
    let plan = json!({
        "file": "letters.proto", "proto": PROTO, "message": "Order",
        "values": [{"order_number": 7, "total": "7.10"}, {"order_number": 8, "total": "-1.5"}],
    });
    let messages = encoded(&by, plan).await?;
    let message = &messages[0];
    // A single zero means the first message.
    let first = |bytes: &[u8]| [&[0], bytes].concat();
    let records = [
        framed(later, &written[0]),
        framed(u32::MAX, &written[0]),
        framed(broken, &first(message)),
        framed(avro, &written[0][..written[0].len() - 1]),
        framed(avro, &[&written[0][..], &[0]].concat()),
        framed(avro, b""),
        framed(proto, &first(&message[..message.len() - 1])),
        // The second message of a file that has only one.
        framed(proto, &[&[2, 2], &message[..]].concat()),
        framed(avro, &written[3]),
        framed(avro, &written[1]),
        framed(proto, &first(message)),
        Record::new(numbered(9)),
        // A zero byte with too few bytes after it is neither a header nor JSON.
        Record::new(*b"\0\0\0\0"),
        framed(proto, &first(&messages[1])),
    ];
    shop.servers.kafka.produce(&shop.topic, 0, &records).await?;
    let run = ["run", "--until-end"];
    let ended = with_registry(&shop, registry.url(), &run).run(DEADLINE).await?.expect_code(0)?;
    let expected = [
        "0 unknown_schema",
        "1 unknown_schema",
        "2 broken_schema",
        "3 not_avro",
        "4 not_avro",
        "5 not_avro",
        "6 not_protobuf",
        "7 broken_schema",
        "8 quantity_not_positive",
        "12 not_json",
        "13 negative_total",
    ];
    let found = reasons(&shop).await?;
    ensure!(found == expected, "{found:?}\n{}", ended.state());
    let sales = "SELECT order_number || ' ' || total FROM sales ORDER BY order_number";
    ensure!(
        shop.rows(sales).await? == ["2 2.10", "7 7.10", "9 9.10"],
        "{:?}",
        shop.rows(sales).await
    );

    for (offset, parts) in [
        (8, [&*format!("schema {avro}"), "Avro", "\"order_number\"", "\"unit_price\"", "1.5"]),
        (13, [&format!("schema {proto}"), "Protobuf", "\"order_number\"", "\"total\"", "-1.5"]),
        (0, [&format!("schema {later}"), "is not in the registry", "", "", ""]),
        (2, [&format!("schema {broken}"), "cannot be used", "Nowhere", "", ""]),
    ] {
        let id = format!("SELECT id FROM dead_letters WHERE record_offset = {offset}");
        let show = ["dead-letters", "show", &shop.rows(&id).await?[0]];
        let shown = with_registry(&shop, registry.url(), &show).run(DEADLINE).await?;
        let shown = shown.expect_code(0)?.stdout;
        for part in parts {
            ensure!(shown.contains(part), "no {part:?} in {shown}");
        }
    }

    let mut renamed = schema.clone();
    renamed["name"] = json!("Later");
    let registered = by.register("orders-later", SchemaKind::Avro, &renamed.to_string()).await?;
    ensure!(registered == later, "the registry assigned id {registered}, not {later}");
    let replay = ["dead-letters", "replay", "--all"];
    let replayed = with_registry(&shop, registry.url(), &replay).run(DEADLINE).await?;
    let replayed = replayed.expect_code(1)?;
    let found = reasons(&shop).await?;
    ensure!(found == expected[1..], "{found:?}\n{}", replayed.state());
    ensure!(shop.rows(sales).await?[0] == "1 1.10", "{:?}", shop.rows(sales).await);
    Ok(())
}

#[tokio::test]
async fn a_configured_format_applies_to_every_record() -> Result<()> {
    let (shop, registry) = (Shop::open(1).await?, Registry::shared().await?);
    let by = super::serializers().await?;
    let subject = format!("{}-proto", shop.topic);
    let proto = by.register(&subject, SchemaKind::Protobuf, PROTO).await?;
    let id = super::send_avro(by, &shop.topic, 1, 1..=2).await?;
    // The bytes of another record after the header of Protocol Buffers.
    let records = [Record::new(numbered(3)), framed(proto, b"\0"), framed(id, b"")];
    shop.servers.kafka.produce(&shop.topic, 0, &records).await?;
    let run = |format: &str| {
        let args = ["run", "--until-end", "--set", &format!("mapping.format={format}")];
        of_topics(&shop, registry.url(), &[&shop.topic], &args)
    };
    let ended = run("avro").run(DEADLINE).await?.expect_code(0)?;
    let found = reasons(&shop).await?;
    let expected = ["2 not_framed", "3 broken_schema", "4 not_avro"];
    ensure!(found == expected, "{found:?}\n{}", ended.state());
    ensure!(shop.database.count("sales").await? == 2, "{}", ended.state());

    // Without a registry, headers are not supported, and JSON is.
    let other = Shop::open(1).await?;
    super::send_avro(by, &other.topic, 1, [1]).await?;
    other.send_numbers(0, [2]).await?;
    let ended = other.process_backlog().await?;
    let found = reasons(&other).await?;
    ensure!(found.len() == 1 && found[0].starts_with("0 "), "{found:?}\n{}", ended.state());
    ensure!(other.database.count("sales").await? == 1, "{}", ended.state());
    Ok(())
}
