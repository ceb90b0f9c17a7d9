//! Thousands of records of each format, compared with the expected rows.

use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use testbed::{Registry, Result, ensure};

use super::{configuration, of_topics, serializers};
use crate::{
    shapes::same_lines,
    shop::{DEADLINE, Shop},
    totals,
};

/// Records of each format.
const AVRO: usize = 4_320;
const PROTOBUF: usize = 3_000;
const MIXED: usize = 3_000;
const BY_KEY: usize = 1_200;

const PARTITIONS: u16 = 3;

/// The mapping for the records of avro_orders.py and protobuf_orders.py.
const MAPPING: &str = r#"
built_in = false
order_id = "id"
items = "$.lines[*]"
product = "$.product.name"
quantity = "quantity"
unit_price = ["$.price"]
amount = "$.amount"
item_discount = "rebate"
total = "total"
status = "state"
cancelled = ["CANCELLED"]
sold_at = "placed"
keep = { channel = "channel" }
"#;

/// The rows of each table in the format of oracle.py.
const ORDERS: &str = "
    SELECT concat_ws('|', order_id, CASE WHEN numbered THEN 'number' ELSE 'id' END,
        trim_scale(total), trim_scale(charges),
        coalesce(to_char(sold_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), ''),
        CASE WHEN cancelled THEN 'cancelled' ELSE 'counts' END, coalesce(kept::text, ''), (
            SELECT coalesce(string_agg(
                concat_ws('~', product, trim_scale(quantity), trim_scale(amount)), ';'
                ORDER BY position), '')
            FROM UNNEST(items) WITH ORDINALITY AS item (product, quantity, amount, position)))
    FROM orders";
const SALES: &str = "SELECT concat_ws('|', order_number, trim_scale(total)) FROM sales";
const DEAD_LETTERS: &str =
    "SELECT concat_ws('|', topic, partition, record_offset, reason) FROM dead_letters";
const PRODUCTS: &str = "SELECT concat_ws('|', product, trim_scale(quantity), trim_scale(amount)) \
                        FROM product_totals";

/// The expected contents of the tables, computed by oracle.py.
#[derive(Deserialize)]
struct Expected {
    records: usize,
    orders: Vec<String>,
    sales: Vec<String>,
    dead_letters: Vec<String>,
    products: Vec<String>,
}

impl Expected {
    async fn compare(&self, shop: &Shop) -> Result<()> {
        // First, since dead letters explain missing orders.
        same_lines("dead_letters", self.dead_letters.clone(), shop.rows(DEAD_LETTERS).await?)?;
        same_lines("orders", self.orders.clone(), shop.rows(ORDERS).await?)?;
        same_lines("sales", self.sales.clone(), shop.rows(SALES).await?)?;
        same_lines("product_totals", self.products.clone(), shop.rows(PRODUCTS).await?)?;
        totals::expect_equal(&shop.database).await
    }
}

/// Has a Python function send records to a new topic, processes them twice, and compares.
async fn all_rows_are_correct(function: &str, records: usize, mapping: &str) -> Result<()> {
    let shop = Shop::open(PARTITIONS).await?;
    let plan =
        json!({"topic": shop.topic, "partitions": PARTITIONS, "records": records, "seed": 13});
    let expected: Expected =
        serde_json::from_value(serializers().await?.run(function, plan).await?)?;
    ensure!(expected.records >= records, "{} records", expected.records);
    ensure!(expected.orders.len() > records / 5, "too few orders: {}", expected.orders.len());
    let (_folder, file) = configuration(mapping)?;
    for time in ["the first time", "the second time"] {
        run(&shop, &file, &["run", "--until-end"]).await?;
        expected.compare(&shop).await.map_err(|error| error.context(time))?;
        run(&shop, &file, &["verify"]).await?;
        let reset = ["offsets", "reset", "--to", "earliest", "--because", "a test", "--yes"];
        run(&shop, &file, &reset).await?;
    }
    Ok(())
}

async fn run(shop: &Shop, configuration: &Path, args: &[&str]) -> Result<()> {
    let url = Registry::shared().await?.url();
    let command = of_topics(shop, url, &[&shop.topic], args);
    let command = command.args([Path::new("--config"), configuration]);
    command.run(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn avro_by_72_schemas_in_one_topic() -> Result<()> {
    let charges = "shipping = \"$.delivery.cost\"\ntax = \"$.taxes.icms\"\n";
    let mapping = format!("[mapping]{MAPPING}{charges}");
    all_rows_are_correct("avro_orders.variants", AVRO, &mapping).await
}

#[tokio::test]
async fn protobuf_of_both_syntaxes_in_one_topic() -> Result<()> {
    let charges = "shipping = [\"$.delivery.amount\", \"$.delivery.cost\"]\n\
                   tax = \"$.taxes.icms\"\n";
    let mapping = format!("[mapping]{MAPPING}{charges}");
    all_rows_are_correct("protobuf_orders.orders", PROTOBUF, &mapping).await
}

#[tokio::test]
async fn json_avro_protobuf_and_json_schema_in_one_topic_without_a_mapping() -> Result<()> {
    all_rows_are_correct("mixed_orders.orders", MIXED, "").await
}

#[tokio::test]
async fn keys_in_avro_identify_orders_and_tombstones_cancel_them() -> Result<()> {
    let mapping = "[mapping]\norder_id = \"key:$.id\"\ntombstones = \"cancel\"\n";
    all_rows_are_correct("keyed_orders.orders", BY_KEY, mapping).await
}

#[tokio::test]
async fn avro_edge_cases() -> Result<()> {
    all_rows_are_correct("avro_edges.edges", 70, "").await
}

#[tokio::test]
async fn protobuf_edge_cases() -> Result<()> {
    let totals = "[mapping]\ntotal = [\"amount\", \"wrapped\", \"single\"]\n";
    all_rows_are_correct("protobuf_edges.edges", 30, totals).await
}
