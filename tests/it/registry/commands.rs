//! The commands with records that are not JSON, and schemas from files.

use std::fs;

use serde_json::json;
use testbed::{Record, Registry, Result, SchemaKind, ensure};

use super::{configuration, serializers, with_registry};
use crate::shop::{DEADLINE, Shop};

const PROTO: &str = "
syntax = \"proto3\";
package commands;
message Line { string descricao = 1; int32 qtde = 2; double preco_unitario = 3; }
message Pedido { string pedido_id = 1; repeated Line linhas = 2; double valor_total = 3; string criado_em = 4; }
";

/// Names that are in the dictionary of `init` and not among the built-in ones.
fn avro_schema() -> serde_json::Value {
    json!({
        "type": "record", "name": "Pedido", "fields": [
            {"name": "pedidoId", "type": "string"},
            {"name": "criadoEm", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            {"name": "linhas", "type": {"type": "array", "items": {
                "type": "record", "name": "Linha", "fields": [
                    {"name": "descricao", "type": "string"},
                    {"name": "qtde", "type": "int"},
                    {"name": "precoUnitario", "type": "double"},
                ],
            }}},
            {"name": "valorTotal", "type": "double"},
        ],
    })
}

fn ensure_parts(text: &str, parts: &[&str]) -> Result<()> {
    for part in parts {
        ensure!(text.contains(part), "no {part:?} in {text}");
    }
    Ok(())
}

/// The fields of [`pedidos`], in the order of their roles in `proposes`.
const NAMES: [&str; 7] =
    ["pedidoId", "linhas", "descricao", "qtde", "precoUnitario", "valorTotal", "criadoEm"];

/// Orders of a shop, all with this time.
fn pedidos(at: &serde_json::Value) -> [serde_json::Value; 3] {
    [("p-1", 2, 201.0), ("p-2", 1, 100.5), ("p-3", 3, 301.5)].map(|(id, quantity, total)| {
        json!({
            "pedidoId": id, "criadoEm": at, "valorTotal": total,
            "linhas": [{"descricao": "Mesa", "qtde": quantity, "precoUnitario": 100.5}],
        })
    })
}

#[tokio::test]
async fn init_proposes_a_mapping_for_avro_and_check_reports_a_sample() -> Result<()> {
    let (shop, url) = (Shop::open(2).await?, Registry::shared().await?.url());
    let values = pedidos(&json!(1_795_000_000_000_i64));
    let plan = json!({
        "topic": shop.topic, "partitions": 2, "schema": avro_schema(), "values": values,
    });
    serializers().await?.run("plain.avro", plan).await?;
    proposes(&shop, url, &NAMES).await
}

#[tokio::test]
async fn init_proposes_a_mapping_for_protobuf() -> Result<()> {
    let (shop, url) = (Shop::open(2).await?, Registry::shared().await?.url());
    let order = |id: &str, quantity: i32, total: f64| {
        json!({
            "pedido_id": id, "criado_em": "2026-11-22T10:11:12", "valor_total": total,
            "linhas": [{"descricao": "Mesa", "qtde": quantity, "preco_unitario": 100.5}],
        })
    };
    let values = [order("p-1", 2, 201.0), order("p-2", 1, 100.5), order("p-3", 3, 301.5)];
    let plan = json!({
        "topic": shop.topic, "partitions": 2, "file": "commands.proto", "proto": PROTO,
        "message": "Pedido", "values": values,
    });
    serializers().await?.run("plain.protobuf", plan).await?;
    let names =
        ["pedido_id", "linhas", "descricao", "qtde", "preco_unitario", "valor_total", "criado_em"];
    proposes(&shop, url, &names).await
}

#[tokio::test]
async fn init_proposes_a_mapping_for_json_schema() -> Result<()> {
    let (shop, url) = (Shop::open(2).await?, Registry::shared().await?.url());
    let values = pedidos(&json!("2026-11-22T10:11:12"));
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "title": "Pedido", "type": "object",
        "properties": {"pedidoId": {"type": "string"}, "linhas": {"type": "array"}},
    });
    let plan = json!({"topic": shop.topic, "partitions": 2, "schema": schema, "values": values});
    serializers().await?.run("plain.json_schema", plan).await?;
    proposes(&shop, url, &NAMES).await
}

#[tokio::test]
async fn init_reads_keys_in_json_schema() -> Result<()> {
    let (shop, url) = (Shop::open(1).await?, Registry::shared().await?.url());
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "title": "Any", "type": "object",
    });
    let plan = json!({
        "topic": shop.topic, "partitions": 1, "schema": schema,
        "keys": [{"orderId": "p-1"}, {"orderId": "p-2"}],
        "values": [{"total": 5}, {"total": 6}],
    });
    serializers().await?.run("plain.json_schema", plan).await?;
    let ended = with_registry(&shop, url, &["init"]).run(DEADLINE).await?.expect_code(0)?;
    ensure_parts(&ended.stdout, &["order_id = \"key:$.orderId\""])
}

/// `init` proposes these fields, in the order of the roles below; `check` and `run` use the written
/// file. The orders sum to 603.
async fn proposes(shop: &Shop, url: &str, names: &[&str; 7]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("vendas.toml").to_string_lossy().into_owned();
    let init = with_registry(shop, url, &["init", "--write", &path]);
    let ended = init.run(DEADLINE).await?.expect_code(0)?;
    let comes_to = "3 records: 3 orders, 0 cancelled, 0 ignored, 0 dead letters";
    ensure_parts(&ended.stdout, &["3 records, the newest of 2 partitions", comes_to])?;
    let roles = ["order_id", "items", "product", "quantity", "unit_price", "total", "sold_at"];
    let written = fs::read_to_string(&path)?;
    for (role, name) in roles.iter().zip(names) {
        let line = format!("{role} = \"{name}\"");
        let is_built_in = ["preco_unitario", "valor_total"].contains(name);
        ensure!(written.contains(&line) || is_built_in, "no {line:?} in {written}");
    }
    shop.apply_schema().await?;
    let check = ["check", "--sample", "10", "--config", &path];
    let checked = with_registry(shop, url, &check).run(DEADLINE).await?.expect_code(0)?;
    ensure_parts(&checked.stdout, &[comes_to, "sum of totals: 603.00", "schema registry"])?;
    let run = ["run", "--until-end", "--config", &path];
    with_registry(shop, url, &run).run(DEADLINE).await?.expect_code(0)?;
    let sums = shop.rows("SELECT count(*), sum(total) FROM orders").await?;
    ensure!(sums == ["3|603.00"], "{sums:?}");
    Ok(())
}

#[tokio::test]
async fn produce_writes_avro_that_fastavro_reads_and_run_processes() -> Result<()> {
    let (shop, url) = (Shop::open(1).await?, Registry::shared().await?.url());
    let by = serializers().await?;
    let subject = format!("{}-value", shop.topic);
    let mut schema = avro_schema();
    schema["fields"][3]["type"] = json!(
        ["null", {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}]
    );
    by.register(&subject, SchemaKind::Avro, &schema.to_string()).await?;
    let orders = json!([
        {"pedidoId": "a", "criadoEm": 1_795_000_000_000_i64, "valorTotal": 20.2,
         "linhas": [{"descricao": "Mesa ☕", "qtde": 2, "precoUnitario": 10.1}]},
        {"pedidoId": "b", "criadoEm": 1_795_000_000_123_i64, "valorTotal": null,
         "linhas": [{"descricao": "Açaí", "qtde": 1, "precoUnitario": 0.3}]},
    ]);
    let (folder, config) = configuration(
        "[mapping]\norder_id = \"pedidoId\"\nitems = \"linhas\"\nproduct = \"descricao\"\n\
         quantity = \"qtde\"\nunit_price = \"precoUnitario\"\ntotal = \"valorTotal\"\n\
         sold_at = \"criadoEm\"\n",
    )?;
    let config = config.to_string_lossy().into_owned();
    let file = folder.path().join("orders.json");
    fs::write(&file, orders.to_string())?;
    let file = file.to_string_lossy().into_owned();
    let produce = ["produce", "--subject", &subject, &file, "--config", &config];
    with_registry(&shop, url, &produce).run(DEADLINE).await?.expect_code(0)?;
    let read = by.run("plain.read", json!({"topic": shop.topic, "records": 2})).await?;
    ensure!(read[0]["pedidoId"] == "a" && read[1]["pedidoId"] == "b", "{read}");
    ensure!(read[0]["valorTotal"] == "20.20" && read[1]["valorTotal"].is_null(), "{read}");
    ensure!(read[0]["linhas"][0] == orders[0]["linhas"][0], "{read}");
    ensure!(read[1]["linhas"][0] == orders[1]["linhas"][0], "{read}");
    let run = ["run", "--until-end", "--config", &config];
    with_registry(&shop, url, &run).run(DEADLINE).await?.expect_code(0)?;
    let sums = shop.rows("SELECT order_id, total FROM orders ORDER BY order_id").await?;
    ensure!(sums == ["a|20.20", "b|0.30"], "{sums:?}");

    let unknown = ["produce", "--subject", "no-such", &file, "--config", &config];
    let refused = with_registry(&shop, url, &unknown).run(DEADLINE).await?.expect_code(1)?;
    let told =
        format!("the schema registry at {url} has no subject \"no-such\": register a schema");
    ensure_parts(&refused.stderr, &[&told])?;
    let refused = shop.vendas(&unknown).run(DEADLINE).await?.expect_code(2)?;
    ensure_parts(&refused.stderr, &["vendas: --subject needs registry.url"])?;

    // An order that does not match the schema is reported with its position, and nothing is sent.
    fs::write(&file, json!([{"pedidoId": "c", "valorTotal": 1}]).to_string())?;
    let refused = with_registry(&shop, url, &produce).run(DEADLINE).await?.expect_code(1)?;
    ensure_parts(&refused.stderr, &["order 1", "nothing was sent"])?;
    ensure!(shop.servers.kafka.log_end(&shop.topic, 0).await? == 2, "something was sent");
    Ok(())
}

#[tokio::test]
async fn avro_and_protobuf_are_read_with_a_schema_file_without_a_registry() -> Result<()> {
    let by = serializers().await?;
    let folder = tempfile::tempdir()?;
    let avro = folder.path().join("order.avsc");
    fs::write(&avro, super::avro_schema().to_string())?;
    let proto = folder.path().join("files.proto");
    let text = "syntax = \"proto3\"; package files; message Nothing {} \
                message Sale { int32 order_number = 1; double total = 2; }";
    fs::write(&proto, text)?;
    let values: Vec<_> = (1..=50).map(|n| json!({"order_number": n, "total": 0.1})).collect();
    let message =
        json!({"file": "files.proto", "proto": text, "message": "Sale", "values": values});
    let value = json!({"schema": super::avro_schema(), "values": super::avro_orders(0..50)});
    for (plan, settings, sum) in [
        (value, format!("format = \"avro\"\nschema_file = {avro:?}\n"), "1230.00"),
        (
            message,
            format!("format = \"protobuf\"\nschema_file = {proto:?}\nmessage = \"files.Sale\"\n"),
            "5.00",
        ),
    ] {
        let shop = Shop::open(1).await?;
        let payloads: Vec<String> = serde_json::from_value(by.run("plain.encoded", plan).await?)?;
        let records = payloads.iter().map(|payload| {
            use base64::{Engine, prelude::BASE64_STANDARD};
            Ok(Record::new(BASE64_STANDARD.decode(payload)?))
        });
        let mut records: Vec<_> = records.collect::<Result<_>>()?;
        records.push(Record::new(*b"\xff"));
        shop.servers.kafka.produce(&shop.topic, 0, &records).await?;
        let (_folder, config) = configuration(&format!("[mapping]\n{settings}"))?;
        let run = ["run", "--until-end", "--config", &config.to_string_lossy()];
        let ended = shop.vendas(&run).run(DEADLINE).await?.expect_code(0)?;
        let sums = shop.rows("SELECT count(*), sum(total) FROM sales").await?;
        ensure!(sums == [format!("50|{sum}")], "{sums:?} {}", ended.state());
        ensure!(shop.database.count("dead_letters").await? == 1, "{}", ended.state());
    }
    Ok(())
}
