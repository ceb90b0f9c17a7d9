//! Cancelled orders, and records that contain several orders.

use std::collections::BTreeMap;

use testbed::{Record, Result, ensure, eventually};

use crate::{
    brake::Brake,
    shop::{DEADLINE, Shop, numbered},
};

const STATUS: [&str; 4] =
    ["--set", "mapping.status=status", "--set", "mapping.cancelled=cancelled"];

/// The orders that count, and the cancelled orders.
const STORED: &str = "
    SELECT 'sales', order_number::text, total FROM sales
    UNION ALL SELECT 'orders', order_id || numbered || cancelled, total FROM orders
    UNION ALL SELECT 'totals', product, amount FROM product_totals ORDER BY 1, 2";

fn listed(name: &str, key: &str, price: i32) -> String {
    format!(
        r#"{{"{name}": {key}, "items": [{{"qty": 1, "unit_price": {price}, "product": "p"}}]}}"#
    )
}

async fn send_and_run(shop: &Shop, payloads: &[&str]) -> Result<Vec<String>> {
    shop.send(0, payloads).await?;
    let run = shop.vendas(&["run", "--until-end"]).args(STATUS);
    let ended = run.run(DEADLINE).await?.expect_code(0)?;
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(ended.stderr.contains("dead_letters=0"), "{}", ended.state());
    shop.rows(STORED).await
}

#[tokio::test]
async fn cancelling_an_order_updates_all_sums_and_a_newer_version_restores_it() -> Result<()> {
    let shop = Shop::open(1).await?;
    let cancel = |name: &str, key: &str| format!(r#"{{"{name}": {key}, "status": "cancelled"}}"#);
    let (plain, with_id) = (numbered(1), listed("order_id", "\"a\"", 7));
    let with_products = listed("order_number", "2", 5);
    let sold = [
        "orders|2truefalse|5.00",
        "orders|afalsefalse|7.00",
        "sales|1|1.10",
        "sales|2|5.00",
        "totals|p|12.00",
    ];
    let found = send_and_run(&shop, &[&plain, &with_products, &with_id]).await?;
    ensure!(found == sold, "{found:?}");

    // One record per batch, through each of the commit statements; 3 and b were never stored.
    let found =
        send_and_run(&shop, &[&cancel("order_number", "1"), &cancel("order_id", "\"b\"")]).await?;
    let expected = [
        "orders|1truetrue|0",
        "orders|2truefalse|5.00",
        "orders|afalsefalse|7.00",
        "orders|bfalsetrue|0",
        "sales|2|5.00",
        "totals|p|12.00",
    ];
    ensure!(found == expected, "{found:?}");
    let rest = [
        cancel("order_number", "2"),
        cancel("order_number", "3"),
        cancel("order_id", "\"a\""),
        numbered(4),
    ];
    let found = send_and_run(&shop, &rest.each_ref().map(String::as_str)).await?;
    let expected = [
        "orders|1truetrue|0",
        "orders|2truetrue|0",
        "orders|3truetrue|0",
        "orders|afalsetrue|0",
        "orders|bfalsetrue|0",
        "sales|4|4.10",
    ];
    ensure!(found == expected, "{found:?}");

    let back = [plain, with_products, with_id, numbered(3), listed("order_id", "\"b\"", 1)];
    let found = send_and_run(&shop, &back.each_ref().map(String::as_str)).await?;
    let expected = [
        "orders|2truefalse|5.00",
        "orders|afalsefalse|7.00",
        "orders|bfalsefalse|1.00",
        "sales|1|1.10",
        "sales|2|5.00",
        "sales|3|3.10",
        "sales|4|4.10",
        "totals|p|13.00",
    ];
    ensure!(found == expected, "{found:?}");
    // Within a batch the last version counts.
    let both = [cancel("order_number", "1"), numbered(1), numbered(4), cancel("order_number", "4")];
    let found = send_and_run(&shop, &both.each_ref().map(String::as_str)).await?;
    ensure!(found.contains(&"sales|1|1.10".to_owned()), "{found:?}");
    ensure!(found.contains(&"orders|4truetrue|0".to_owned()), "{found:?}");
    // Reading the topic again from the start gives the same result.
    let reset = ["offsets", "reset", "--to", "earliest", "--because", "a test", "--yes"];
    shop.vendas(&reset).run(DEADLINE).await?.expect_code(0)?;
    let again = send_and_run(&shop, &[]).await?;
    ensure!(again == found, "{again:?}, not {found:?}");
    Ok(())
}

#[tokio::test]
async fn a_tombstone_cancels_the_order_of_its_key() -> Result<()> {
    let shop = Shop::open(1).await?;
    let order = Record::new(r#"{"total": 5}"#).with_key("a");
    let mapping = ["--set", "mapping.order_id=key", "--set", "mapping.tombstones=cancel"];
    let run = shop.vendas(&["run", "--until-end"]).args(mapping);
    shop.servers.kafka.produce(&shop.topic, 0, &[order]).await?;
    run.run(DEADLINE).await?.expect_code(0)?;
    shop.servers.kafka.produce(&shop.topic, 0, &[Record::tombstone("a")]).await?;
    let ended = run.run(DEADLINE).await?.expect_code(0)?;
    let line = "records=1 orders=0 cancelled=1 ignored=0 dead_letters=0";
    ensure!(ended.stderr.contains(line), "{}", ended.state());
    let found = shop.rows(STORED).await?;
    ensure!(found == ["orders|afalsetrue|0"], "{found:?}");
    Ok(())
}

#[tokio::test]
async fn charges_and_kept_fields_are_stored_with_the_order() -> Result<()> {
    let shop = Shop::open(1).await?;
    let order = r#"{"order_id": "a", "store": {"id": 7}, "shipping": "2.50",
                    "items": [{"qty": 2, "unit_price": 5, "product": "p"}]}"#;
    let plain = r#"{"order_number": 1, "store": {"id": "x"}, "total": 5}"#;
    shop.send(0, &[order, plain]).await?;
    let keep = ["run", "--until-end", "--set", "mapping.keep.store=$.store.id"];
    shop.vendas(&keep).run(DEADLINE).await?.expect_code(0)?;
    let found = "SELECT order_id, total, charges, kept, kept ->> 'store' FROM orders ORDER BY 1";
    let found = shop.rows(found).await?;
    let expected = [r#"1|5.00|0|{"store": "x"}|x"#, r#"a|12.50|2.50|{"store": 7}|7"#];
    ensure!(found == expected, "{found:?}");
    Ok(())
}

#[tokio::test]
async fn a_statement_writes_at_most_ten_thousand_orders_however_many_a_record_contains()
-> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database
        .execute(
            "CREATE TABLE statements (orders BIGINT); \
             CREATE FUNCTION count_orders() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO statements SELECT count(*) FROM added; RETURN NULL; END $$; \
             CREATE TRIGGER count_orders AFTER INSERT ON orders REFERENCING NEW TABLE AS added \
             FOR EACH STATEMENT EXECUTE FUNCTION count_orders()",
        )
        .await?;
    let record = |record: usize, orders: usize| {
        let order = |order| format!(r#"{{"order_id":"{record}-{order}","total":1}}"#);
        Record::new(format!("[{}]", (0..orders).map(order).collect::<Vec<_>>().join(",")))
    };
    let sizes = [4_000, 6_000, 9_999, 1, 2, 9_999];
    let records: Vec<_> = (0..).zip(sizes).map(|(index, size)| record(index, size)).collect();
    shop.servers.kafka.produce(&shop.topic, 0, &records).await?;
    let ended = shop.process_backlog().await?;
    ensure!(ended.stderr.contains("records=6 orders=30001 "), "{}", ended.state());
    let statements = shop.rows("SELECT max(orders), sum(orders) FROM statements").await?;
    ensure!(statements == ["10000|30001"], "{statements:?}");
    let next = shop.rows("SELECT next_offset FROM partitions").await?;
    ensure!(next == ["6"], "{next:?}");
    Ok(())
}

#[tokio::test]
async fn order_numbers_beyond_int_fit_into_a_bigint_column() -> Result<()> {
    let shop = Shop::open(1).await?;
    let wide = 9_007_199_254_740_993_i64;
    let order = format!(r#"{{"order_number": {wide}, "total": 5}}"#);
    let cancel = format!(r#"{{"order_number": {wide}, "status": "cancelled"}}"#);
    shop.database
        .execute("CREATE TABLE sales (order_number BIGINT PRIMARY KEY, total NUMERIC(6, 2), processed_at TIMESTAMPTZ)")
        .await?;
    let found = send_and_run(&shop, &[&order]).await?;
    ensure!(found == [format!("sales|{wide}|5.00")], "{found:?}");
    let found = send_and_run(&shop, &[&cancel]).await?;
    ensure!(found == [format!("orders|{wide}truetrue|0")], "{found:?}");
    shop.send(
        0,
        &[r#"{"order_number": 1, "total": 1.005}"#, r#"{"order_number": 2, "total": 10000}"#],
    )
    .await?;
    shop.process_backlog().await?;
    ensure!(shop.database.count("dead_letters").await? == 2, "{:?}", shop.rows(STORED).await?);
    Ok(())
}

/// Records with charges, corrections, cancellations and several orders, and the expected rows: each
/// order's key, total and charges, and the rows of `sales`.
fn mixed_records(records: i32) -> (Vec<String>, Vec<String>) {
    let (mut payloads, mut last) = (Vec::new(), BTreeMap::new());
    for number in 0..records {
        let mut one = |key: i32, turn: i32| {
            // An even key is an order number, an odd key is an order id.
            let name = if key % 2 == 0 { "order_number" } else { "order_id" };
            let (price, shipping) = (1 + turn % 13, turn % 5);
            let cancelled = turn % 7 == 3;
            last.insert(key, (!cancelled).then_some((price + shipping, shipping)));
            let status = if cancelled { "cancelled" } else { "paid" };
            format!(
                r#"{{"{name}": {key}, "status": "{status}", "shipping": {shipping}, "items": [{{"product": "p", "qty": 1, "unit_price": {price}}}]}}"#
            )
        };
        let first = one(number % 150, number);
        payloads.push(match number % 11 {
            0 => format!("[{first}, {}]", one((number + 75) % 150, number + 1)),
            _ => first,
        });
    }
    let mut rows = Vec::new();
    for (key, stored) in last {
        let Some((total, charges)) = stored else { continue };
        rows.push(format!("orders|{key}|{total}|{charges}"));
        if key % 2 == 0 {
            rows.push(format!("sales|{key}|{total}|"));
        }
    }
    rows.sort();
    (payloads, rows)
}

#[tokio::test]
async fn killed_during_corrections_and_cancellations_it_counts_each_order_once() -> Result<()> {
    const RECORDS: i32 = 3_000;
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    let (payloads, expected) = mixed_records(RECORDS);
    shop.send(0, &payloads.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let offset = "SELECT coalesce(sum(next_offset), 0)::bigint FROM partitions";
    for kill_at in [100, 700, 1_500, 2_300] {
        let brake = Brake::at(&shop.database, kill_at + 200).await?;
        let run = shop.vendas(&["run"]).args(STATUS);
        let vendas = run
            .env("VENDAS_PIPELINE__BATCH_SIZE", "10")
            .env("VENDAS_PIPELINE__COMMIT_RECORDS", "10")
            .start()?;
        eventually("the run to process the first records", DEADLINE, async || {
            let at: i64 = shop.database.query(offset, &[]).await?[0].try_get(0)?;
            ensure!(usize::try_from(at)? >= kill_at, "{at} records of {kill_at}");
            Ok(())
        })
        .await?;
        vendas.kill()?;
        vendas.wait_exit(DEADLINE).await?;
        drop(brake);
    }
    shop.vendas(&["run", "--until-end"]).args(STATUS).run(DEADLINE).await?.expect_code(0)?;
    let stored = "
        SELECT 'orders', order_id, trim_scale(total), trim_scale(charges) FROM orders
        WHERE NOT cancelled
        UNION ALL SELECT 'sales', order_number::text, trim_scale(total), NULL FROM sales";
    let mut found = shop.rows(stored).await?;
    found.sort();
    ensure!(found == expected, "{found:?}\n{expected:?}");
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}
