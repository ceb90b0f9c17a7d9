//! The tables: created, upgraded from an earlier version, or already there.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use testbed::{Context, Result, ensure, eventually};
use tokio_postgres::{
    error::SqlState,
    types::{IsNull, ToSql, Type, to_sql_checked},
};

use crate::{
    shop::{DEADLINE, Shop, numbered},
    totals::expect_equal,
};

/// `schema.sql` as it was in version 2.
const VERSION_2: &str = include_str!("schema/version_2.sql");

/// Rows of version 2: orders with and without numbers, sums, and a dead letter.
const ROWS: &str = "
    INSERT INTO sales VALUES (1, 5.10, '2026-01-02 03:04:05.000006'), (2, 7, '2026-01-02 03:04:05');
    INSERT INTO orders VALUES
        ('1', true, 5.10, ARRAY[ROW('tea', 2, 5.10)::order_item], NULL, '2026-01-02 03:04:05.000006'),
        ('a', false, 9, ARRAY[ROW('cup', 1, 4)::order_item, ROW('tea', 1, 5)::order_item],
         '2026-01-01 10:00:00', '2026-01-02 03:04:06');
    SELECT fold_product_ledger();
    INSERT INTO orders SELECT 'b' || n, false, 1, ARRAY[ROW('tea', 1, 1)::order_item], NULL, now()
    FROM generate_series(1, 1000) AS n;
    INSERT INTO dead_letters (topic, partition, topic_id, record_offset, payload, reason, detail)
    VALUES ('t', 0, gen_random_uuid(), 7, 'rubbish', 'not_json', 'x');";

const STORED: &str = "
    SELECT to_jsonb(sales)::text FROM sales
    UNION ALL SELECT to_jsonb(orders)::text FROM orders
    UNION ALL SELECT to_jsonb(dead_letters)::text FROM dead_letters
    UNION ALL SELECT to_jsonb(product_totals)::text FROM product_totals
    UNION ALL SELECT to_jsonb(order_items)::text FROM order_items ORDER BY 1";

/// The same rows without the columns that version 3 added.
const STORED_IN_VERSION_2: &str = "
    SELECT (to_jsonb(sales) - 'counted_at')::text FROM sales
    UNION ALL SELECT (to_jsonb(orders) - '{charges,kept,cancelled,counted_at}'::text[])::text FROM orders
    UNION ALL SELECT (to_jsonb(dead_letters) - '{record_timestamp,headers}'::text[])::text
        FROM dead_letters
    UNION ALL SELECT to_jsonb(product_totals)::text FROM product_totals
    UNION ALL SELECT to_jsonb(order_items)::text FROM order_items ORDER BY 1";

/// Every column, index, function and trigger.
const CATALOGUE: &str = "
    SELECT attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
           || ' ' || attnum || attnotnull || coalesce(pg_get_expr(adbin, adrelid), '')
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = 'public'::regnamespace AND attnum > 0
    UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON oid = indexrelid
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT pg_get_viewdef(oid) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'
    UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'version ' || version FROM schema_version ORDER BY 1";

async fn of_version_2() -> Result<Shop> {
    let shop = Shop::open(1).await?;
    shop.database.execute(VERSION_2).await?;
    shop.database.execute(ROWS).await?;
    Ok(shop)
}

#[tokio::test]
async fn tables_of_version_2_are_upgraded_with_their_rows_and_equal_new_ones() -> Result<()> {
    let shop = of_version_2().await?;
    let before = shop.rows(STORED_IN_VERSION_2).await?;
    let refused = shop.vendas(&["check"]).run(DEADLINE).await?.expect_code(1)?;
    let version = "version 2 is too old: this vendas needs version 5";
    ensure!(refused.stdout.contains(version), "{}", refused.state());
    ensure!(!refused.stdout.contains("has no column"), "{}", refused.state());

    shop.apply_schema().await?;
    ensure!(before == shop.rows(STORED_IN_VERSION_2).await?, "other rows");
    let added = "SELECT DISTINCT charges::text, kept, cancelled FROM orders";
    ensure!(shop.rows(added).await? == ["0||f"], "{:?}", shop.rows(added).await?);
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0)?;

    let stored = shop.rows(STORED).await?;
    expect_current_schema(&shop).await?;
    ensure!(stored == shop.rows(STORED).await?, "other rows");
    Ok(())
}

/// Checks that applying the schema again changes nothing, and that new tables are equal.
async fn expect_current_schema(shop: &Shop) -> Result<()> {
    let catalogue = shop.rows(CATALOGUE).await?;
    shop.apply_schema().await?;
    ensure!(catalogue == shop.rows(CATALOGUE).await?, "another catalogue");
    let new = Shop::open(1).await?;
    new.apply_schema().await?;
    let new = new.rows(CATALOGUE).await?;
    ensure!(catalogue == new, "{catalogue:#?}, new: {new:#?}");
    Ok(())
}

/// `schema.sql` as it was in version 3.
const VERSION_3: &str = include_str!("schema/version_3.sql");

/// Rows of version 3, folded and not; one was inserted manually.
const ROWS_OF_VERSION_3: &str = "
    INSERT INTO sales VALUES (1, 5.10, '2026-01-02 01:04:05'), (2, 7, '2026-01-02 03:04:05'),
        (3, NULL, NULL);
    INSERT INTO orders VALUES
        ('1', true, 5.10, ARRAY[ROW('tea', 2, 5.10)::order_item], NULL, '2026-01-02 01:04:05', 1.5, NULL,
         false),
        ('a', false, 9, ARRAY[ROW('tea', 1, 4)::order_item, ROW('tea', 1, 5)::order_item],
         '2026-01-01 10:00:00', '2026-01-02 03:04:06', 0, NULL, false),
        ('b', false, 0, '{}', NULL, '2026-01-02 03:04:06', 0, NULL, true);
    SELECT fold_product_ledger();
    INSERT INTO orders SELECT 'c' || n, false, 1, ARRAY[ROW('tea', 1, 1)::order_item], NULL,
        '2026-01-02 03:04:06' FROM generate_series(1, 1000) AS n;";

/// The upgrade waits for a batch that is being committed; existing rows count by the shop's time
/// zone.
#[tokio::test]
async fn tables_of_version_3_are_upgraded_with_their_rows_during_commits() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.database.execute(VERSION_3).await?;
    shop.database.execute(ROWS_OF_VERSION_3).await?;
    let topic_id = "INSERT INTO partitions (topic, partition, topic_id, next_offset, moved_by) \
                    VALUES ('t', 0, gen_random_uuid(), 0, gen_random_uuid())";
    shop.database.execute(topic_id).await?;
    let old = shop.database.connect().await?;
    old.batch_execute("BEGIN; UPDATE partitions SET next_offset = 1").await?;
    let apply = shop.vendas(&["schema", "--apply"]).start()?;
    eventually("the upgrade to wait", DEADLINE, async || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        ensure!(shop.rows(waiting).await? == ["1"], "{}", apply.state());
        Ok(())
    })
    .await?;
    // The remaining tables of the commit were not locked before `partitions`.
    let rest = "INSERT INTO sales VALUES (4, 1, '2026-01-02 03:30:00'); \
                UPDATE orders SET total = 10 WHERE order_id = 'a'; COMMIT";
    old.batch_execute(rest).await?;
    apply.wait_exit(DEADLINE).await?.expect_code(0)?;

    expect_equal(&shop.database).await?;
    let hours = shop.rows("SELECT * FROM order_hours ORDER BY 1").await?;
    let expected = [
        "-infinity|1|0|0",
        "2026-01-01 10:00:00|1|10|0",
        "2026-01-01 22:00:00|1|5.10|1.5",
        "2026-01-02 00:00:00|1002|1008|0",
    ];
    ensure!(hours == expected, "{hours:?}");
    let days = shop
        .rows("SELECT day, product, orders, quantity, amount FROM product_days ORDER BY 1")
        .await?;
    ensure!(days == ["2026-01-01|tea|2|4|14.10", "2026-01-02|tea|1000|1000|1000"], "{days:?}");
    ensure!(
        shop.rows("SELECT to_regclass('product_ledger')").await? == [""],
        "an old table is left"
    );
    expect_current_schema(&shop).await?;

    shop.send(0, &[&numbered(2)]).await?;
    shop.process_backlog().await?;
    expect_equal(&shop.database).await?;
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

/// `schema.sql` as it was in version 4.
const VERSION_4: &str = include_str!("schema/version_4.sql");

/// Rows of version 4, folded and not.
const ROWS_OF_VERSION_4: &str = "
    INSERT INTO sales VALUES (1, 5.10, '2026-01-02 01:04:05', '2026-01-01 22:00:00');
    INSERT INTO sales VALUES (3, NULL, NULL);
    INSERT INTO orders VALUES
        ('1', true, 5.10, ARRAY[ROW('tea', 2, 5.10)::order_item], NULL, '2026-01-02 01:04:05', 1.5, NULL,
         false, '2026-01-01 22:00:00');
    SELECT fold_ledgers();
    INSERT INTO orders SELECT 'c' || n, false, 1, ARRAY[ROW('tea', 1, 1)::order_item], NULL,
        '2026-01-02 03:04:06' FROM generate_series(1, 1000) AS n;";

#[tokio::test]
async fn tables_of_version_4_are_upgraded_with_their_rows_and_sums_and_can_be_purged() -> Result<()>
{
    let shop = Shop::open(1).await?;
    let clock = "SET vendas.shop_timezone = 'America/Sao_Paulo';";
    shop.database.execute(&format!("{clock} {VERSION_4}")).await?;
    shop.database.execute(ROWS_OF_VERSION_4).await?;
    let before = shop.rows(STORED).await?;
    let hours = shop.rows("SELECT * FROM order_hours ORDER BY 1").await?;
    let refused = shop.vendas(&["check"]).run(DEADLINE).await?.expect_code(1)?;
    let version = "version 4 is too old: this vendas needs version 5";
    ensure!(refused.stdout.contains(version), "{}", refused.state());
    shop.apply_schema().await?;
    ensure!(before == shop.rows(STORED).await?, "other rows");
    ensure!(hours == shop.rows("SELECT * FROM order_hours ORDER BY 1").await?, "other sums");
    expect_equal(&shop.database).await?;

    expect_current_schema(&shop).await?;

    let purge = ["orders", "purge", "--before", "2026-01-02", "--because", "a test", "--yes"];
    shop.vendas(&purge).run(DEADLINE).await?.expect_code(0)?;
    ensure!(hours == shop.rows("SELECT * FROM order_hours ORDER BY 1").await?, "other sums");
    let left = "SELECT (SELECT count(*) FROM sales), (SELECT count(*) FROM orders)";
    // The row without a time stays.
    ensure!(shop.rows(left).await? == ["1|1000"], "{:?}", shop.rows(left).await?);
    shop.process_backlog().await?;
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn run_upgrades_tables_of_version_2_and_continues() -> Result<()> {
    let shop = of_version_2().await?;
    let with_id = r#"{"order_id": "a", "items": [{"qty": 3, "unit_price": 2, "product": "tea"}]}"#;
    shop.send(0, &[&numbered(2), with_id, "rubbish"]).await?;
    shop.process_backlog().await?;
    let sales = shop.rows("SELECT order_number, total FROM sales ORDER BY 1").await?;
    ensure!(sales == ["1|5.10", "2|2.10"], "{sales:?}");
    let totals = shop.rows("SELECT * FROM product_totals").await?;
    ensure!(totals == ["tea|1005|1011.10"], "{totals:?}");
    let versions = shop.rows("SELECT version FROM schema_version ORDER BY 1").await?;
    ensure!(versions == ["1", "2", "3", "4", "5"], "{versions:?}");
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn an_order_cancelled_manually_leaves_sales_and_the_totals() -> Result<()> {
    let shop = Shop::open(1).await?;
    let listed = r#"{"order_number": 1, "items": [{"qty": 1, "unit_price": 5, "product": "p"}]}"#;
    let with_id = r#"{"order_id": "1", "items": [{"qty": 1, "unit_price": 6, "product": "p"}]}"#;
    shop.send(0, &[listed, with_id, &numbered(2)]).await?;
    shop.process_backlog().await?;
    shop.database
        .execute(
            "UPDATE orders SET cancelled = true; \
             INSERT INTO orders (order_id, numbered, total, items, processed_at, cancelled) VALUES \
             ('2', true, 0, '{}', now(), true), ('no number', true, 0, '{}', now(), true), \
             ('9999999999999999999', true, 0, '{}', now(), true)",
        )
        .await?;
    for table in ["sales", "product_totals", "order_items"] {
        ensure!(shop.database.count(table).await? == 0, "{table}");
    }
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0)?;

    // Newer versions restore them, with products and without.
    shop.send(0, &[listed, with_id, &numbered(2)]).await?;
    shop.process_backlog().await?;
    let sales = shop.rows("SELECT order_number, total FROM sales ORDER BY 1").await?;
    ensure!(sales == ["1|5.00", "2|2.10"], "{sales:?}");
    let orders = "SELECT order_id, numbered, total FROM orders WHERE NOT cancelled ORDER BY 1, 2";
    let orders = shop.rows(orders).await?;
    ensure!(orders == ["1|f|6.00", "1|t|5.00"], "{orders:?}");
    let totals = shop.rows("SELECT * FROM product_totals").await?;
    ensure!(totals == ["p|2|11.00"], "{totals:?}");
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

#[tokio::test]
async fn a_sales_table_of_wider_types_is_filled_in_utc_for_any_server_time_zone() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.database
        .execute(
            "CREATE TABLE sales (order_number BIGINT PRIMARY KEY, total NUMERIC(12, 2), \
             processed_at TIMESTAMPTZ)",
        )
        .await?;
    let name = shop.database.name();
    shop.database.execute(&format!("ALTER DATABASE {name} SET TimeZone = 'Asia/Kolkata'")).await?;
    let listed = r#"{"order_number": 3, "items": [{"qty": 1, "unit_price": 5, "product": "p"}]}"#;
    let late = r#"{"order_number": 3, "items": [{"amount": 1, "unit_price": 4, "product": "p"}]}"#;
    // Through each of the commit statements.
    shop.send_numbers(0, 1..3).await?;
    shop.process_backlog().await?;
    shop.send(0, &[&numbered(1), listed, late, "rubbish"]).await?;
    shop.process_backlog().await?;
    let now = "SELECT count(*) FROM sales \
               WHERE processed_at BETWEEN now() - INTERVAL '10 min' AND now() + INTERVAL '1 s'";
    ensure!(shop.rows(now).await? == ["3"], "{:?}", shop.rows("TABLE sales").await?);

    let replay = shop
        .vendas(&["dead-letters", "replay", "--reason", "missing_quantity"])
        .args(["--set", "vocabulary.quantity=amount"]);
    // Newer than the version of order 3 in the same batch.
    let replayed = replay.run(DEADLINE).await?.expect_code(0)?;
    ensure!(replayed.stdout == "1 dead letter replayed\n", "{}", replayed.stdout);
    ensure!(shop.rows(now).await? == ["3"], "{:?}", shop.rows("TABLE sales").await?);
    // The stored version is newer than a dead letter that failed before it.
    shop.send(0, &[late]).await?;
    shop.process_backlog().await?;
    shop.send(0, &[listed]).await?;
    shop.process_backlog().await?;
    let superseded = replay.run(DEADLINE).await?.expect_code(1)?;
    ensure!(superseded.stdout.contains("1 superseded"), "{}", superseded.stdout);
    Ok(())
}

#[tokio::test]
async fn a_running_instance_of_version_2_cannot_write_to_orders() -> Result<()> {
    let shop = of_version_2().await?;
    let old = shop.database.connect().await?;
    let prepared = old.prepare("SELECT count(*) FROM UNNEST($1::order_row[])").await?;
    let oids = "SELECT 'order_row'::regtype::oid, 'order_item[]'::regtype::oid";
    let oids = old.query_one(oids, &[]).await?;
    let row = RowOfVersion2 { row: oids.get(0), items: oids.get(1) };
    old.query(&prepared, &[&row]).await?;
    shop.apply_schema().await?;
    let refused =
        old.query(&prepared, &[&row]).await.err().context("a row of version 2 was accepted")?;
    ensure!(refused.code() == Some(&SqlState::DATATYPE_MISMATCH), "{refused:?}");
    Ok(())
}

/// An array of one `order_row` as version 2 sends it: six NULL fields.
#[derive(Debug)]
struct RowOfVersion2 {
    row: u32,
    items: u32,
}

impl ToSql for RowOfVersion2 {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let types = [Type::TEXT, Type::BOOL, Type::NUMERIC].map(|of| of.oid()).into_iter();
        let types = types.chain([self.items, Type::TIMESTAMP.oid(), Type::INT4.oid()]);
        let fields = types.flat_map(|oid| [oid, u32::MAX]);
        let (dimensions, flags, length, from, bytes) = (1, 0, 1, 1, 4 + 6 * 8);
        for word in [dimensions, flags, self.row, length, from, bytes, 6].into_iter().chain(fields)
        {
            out.put_u32(word);
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
