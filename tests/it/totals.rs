//! `product_totals` equals the sum over `orders` after any change of these.

use testbed::{Database, Result, ensure, eventually};

use crate::shop::{DEADLINE, Shop};

/// The stored sums next to those computed from the tables and the archived sums: all differences,
/// in both directions.
const DIFFERENCES: &str = "
    WITH counted AS (
        SELECT coalesce(counted_at, sold_at,
                        processed_at AT TIME ZONE 'UTC' AT TIME ZONE 'America/Sao_Paulo',
                        '-infinity') AS at, *
        FROM orders WHERE NOT cancelled
    ), sold AS (
        SELECT coalesce(counted_at,
                        processed_at AT TIME ZONE 'UTC' AT TIME ZONE 'America/Sao_Paulo',
                        '-infinity') AS at, total, 1 AS orders
        FROM sales
        UNION ALL SELECT at, total, 1 FROM counted WHERE NOT numbered
    ), charged AS (
        SELECT at, total, orders, 0 AS charges FROM sold
        UNION ALL SELECT at, 0, 0, charges FROM counted
        UNION ALL SELECT hour, total, orders, 0 FROM archived_sales_hours
        UNION ALL SELECT hour, total, orders, charges FROM archived_orders_hours
    ), products AS (
        SELECT at::date AS day, order_id, numbered, coalesce(item.product, '') AS product,
               sum(item.quantity) AS quantity, sum(item.amount) AS amount
        FROM counted, UNNEST(items) AS item GROUP BY 1, 2, 3, 4
    ), counted_products AS (
        SELECT day, product, count(*) AS orders, sum(quantity) AS quantity, sum(amount) AS amount
        FROM products GROUP BY day, product
        UNION ALL SELECT day, product, orders, quantity, amount FROM archived_product_days
    ), rolled_up AS (
        SELECT coalesce(max(rolled_up_before), '-infinity') AS before FROM roll_ups
    ), summed (of, key, orders, quantity, amount) AS (
        SELECT 'total', product, NULL, sum(quantity), sum(amount) FROM counted_products GROUP BY 2
        UNION ALL
        SELECT 'day', CASE WHEN day < before THEN date_trunc('month', day)::date ELSE day END
               || ' ' || product, sum(orders), sum(coalesce(quantity, 0)), sum(coalesce(amount, 0))
        FROM counted_products, rolled_up GROUP BY 2
        UNION ALL
        SELECT 'month', date_trunc('month', day)::date || ' ' || product, sum(orders),
               sum(coalesce(quantity, 0)), sum(coalesce(amount, 0))
        FROM counted_products GROUP BY 2
        UNION ALL
        SELECT 'hour', date_trunc('hour', at)::text, sum(orders), coalesce(sum(total), 0), sum(charges)
        FROM charged GROUP BY 2
        UNION ALL
        SELECT 'date', at::date::text, sum(orders), coalesce(sum(total), 0), sum(charges)
        FROM charged GROUP BY 2
    ), kept (of, key, orders, quantity, amount) AS (
        SELECT 'total', product, NULL, quantity, amount FROM product_totals
        UNION ALL
        SELECT 'day', CASE WHEN day < before THEN date_trunc('month', day)::date ELSE day END
               || ' ' || product, sum(orders), sum(quantity), sum(amount)
        FROM product_days, rolled_up GROUP BY 2
        UNION ALL
        SELECT 'month', month || ' ' || product, orders, quantity, amount FROM product_months
        UNION ALL SELECT 'hour', hour::text, orders, total, charges FROM order_hours
        UNION ALL SELECT 'date', day::text, orders, total, charges FROM order_days
    )
    SELECT of, key, kept.orders, kept.quantity, kept.amount,
           summed.orders, summed.quantity, summed.amount
    FROM kept FULL JOIN summed USING (of, key)
    WHERE (kept.orders, kept.quantity, kept.amount)
              IS DISTINCT FROM (summed.orders, summed.quantity, summed.amount)
      AND (coalesce(kept.orders, 0), coalesce(kept.quantity, 0), coalesce(kept.amount, 0))
              IS DISTINCT FROM
          (coalesce(summed.orders, 0), coalesce(summed.quantity, 0), coalesce(summed.amount, 0))";

pub(crate) async fn expect_equal(database: &Database) -> Result<()> {
    let differences = database.table(DIFFERENCES).await?;
    ensure!(differences.rows.is_empty(), "{:?}", differences.rows);
    Ok(())
}

/// An order of `count` of each product, at 1.10 each.
fn order(id: usize, products: &[&str], count: usize) -> String {
    let items: Vec<_> = products
        .iter()
        .map(|product| serde_json::json!({"product": product, "qty": count, "unit_price": "1.10"}))
        .collect();
    serde_json::json!({"order_id": id.to_string(), "items": items}).to_string()
}

async fn send(shop: &Shop, partition: i32, orders: &[String]) -> Result<()> {
    shop.send(partition, &orders.iter().map(String::as_str).collect::<Vec<_>>()).await
}

#[tokio::test]
async fn totals_follow_new_repeated_corrected_and_manually_changed_orders() -> Result<()> {
    let shop = Shop::open(1).await?;
    let first: Vec<_> = (0..250).map(|id| order(id, &["a", "b", "a"], 2)).collect();
    // Redelivered, with a corrected quantity, with corrected products, without products, and new.
    let second: Vec<_> = (0..300)
        .map(|id| match id % 4 {
            0 => order(id, &["a", "b", "a"], 2),
            1 => order(id, &["a", "b", "a"], 3),
            2 => order(id, &["c \"d\" \\e, {f}", "é😀"], 1),
            _ => format!(r#"{{"order_id": "{id}", "total": 5}}"#),
        })
        .collect();
    send(&shop, 0, &first).await?;
    shop.process_backlog().await?;
    let totals = "SELECT product, quantity, amount FROM product_totals ORDER BY product";
    let found = shop.rows(totals).await?;
    ensure!(found == ["a|1000|1100.00", "b|500|550.00"], "{found:?}");
    expect_equal(&shop.database).await?;
    send(&shop, 0, &second).await?;
    shop.process_backlog().await?;
    ensure!(shop.rows(totals).await?.len() == 4, "{:?}", shop.rows(totals).await?);

    for statement in [
        "UPDATE orders SET items = items || ROW('by hand', 1.5, 2.25)::order_item WHERE order_id < '2'",
        "UPDATE orders SET items = NULLIF(items, items) || ROW('a', NULL, 1)::order_item WHERE order_id = '5'",
        "SELECT fold_ledgers()",
        "DELETE FROM orders WHERE order_id LIKE '%3'",
        "INSERT INTO orders VALUES ('x', false, 1, ARRAY[ROW('a', 1, -7)]::order_item[], NULL, now()), \
         ('y', false, 1, '{}', NULL, now())",
        "UPDATE orders SET order_id = order_id || 'z'",
        "BEGIN; DELETE FROM orders; ROLLBACK",
        "SELECT fold_ledgers()",
    ] {
        shop.database.execute(statement).await?;
        let unknown =
            "SELECT count(*) FROM product_totals WHERE quantity IS NULL OR amount IS NULL";
        ensure!(shop.rows(unknown).await? == ["0"], "unknown totals after {statement}");
    }
    // `verify` counts unknown totals as zero and finds no difference.
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0)?;
    shop.database.execute("DELETE FROM orders WHERE order_id = '5z'").await?;
    expect_equal(&shop.database).await?;
    shop.database.execute("TRUNCATE orders").await?;
    ensure!(shop.rows(totals).await?.is_empty(), "{:?}", shop.rows(totals).await?);
    Ok(())
}

#[tokio::test]
async fn totals_are_exact_at_all_times_while_two_instances_write_and_the_ledger_is_folded()
-> Result<()> {
    /// After each round of orders, snapshots are compared while these are processed.
    const ROUNDS: usize = 16;
    /// For one partition.
    const ORDERS_A_ROUND: usize = 125;
    let shop = Shop::open(4).await?;
    let send_round = async |round: usize| -> Result<()> {
        for partition in 0..4 {
            let orders: Vec<_> = (round * ORDERS_A_ROUND..(round + 1) * ORDERS_A_ROUND)
                .map(|n| {
                    // Each order is sent four times, with another quantity or another product.
                    let id = usize::try_from(partition).unwrap() * 10_000 + n % 500;
                    order(id, [&["a", "b"][..], &["b", "c"], &["c"]][n % 3], n % 7 + 1)
                })
                .collect();
            send(&shop, partition, &orders).await?;
        }
        Ok(())
    };
    send_round(0).await?;
    let small = ["--set", "pipeline.batch_size=1", "--set", "pipeline.commit_records=1"];
    let instances =
        [shop.vendas(&["run"]).args(small).start()?, shop.vendas(&["run"]).args(small).start()?];
    let records = async || shop.rows("SELECT coalesce(sum(next_offset), 0) FROM partitions").await;
    eventually("the first record", DEADLINE, async || {
        ensure!(shop.rows("SELECT to_regclass('partitions')").await? != [""], "no tables yet");
        ensure!(records().await? != ["0"], "{}", instances[0].state());
        Ok(())
    })
    .await?;
    for round in 1..ROUNDS {
        send_round(round).await?;
        for statement in ["SELECT 1", "SELECT fold_ledgers()"] {
            shop.database.execute(statement).await?;
            expect_equal(&shop.database).await?;
        }
        if round % 4 == 0 {
            shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0)?;
        }
    }
    eventually("all 8000 records", DEADLINE * 3, async || {
        let rows = records().await?;
        ensure!(rows == ["8000"], "{rows:?} {}", instances[0].state());
        Ok(())
    })
    .await?;
    expect_equal(&shop.database).await
}
