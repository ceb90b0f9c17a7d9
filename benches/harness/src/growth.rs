//! The effect of existing rows on new orders and on reports.

use std::time::Instant;

use testbed::{Database, Result};
use tokio_postgres::Client;

use crate::{
    environment::{DEADLINE, Environment},
    load::{Load, Shape},
    results::Run,
};

const MILLION: u64 = 1_000_000;
/// Rows that are created in one statement.
const CHUNK: u64 = MILLION;

/// The tables with increasing numbers of rows: new orders, the same orders again, report, verify.
pub(crate) async fn growth(
    environment: &Environment,
    orders: u64,
    millions: &[u64],
) -> Result<Vec<Run>> {
    let mut all = Vec::new();
    for shape in [Shape::Numbered, Shape::Ecommerce] {
        let load = Load::send(environment, shape, orders, 4).await?;
        for count in millions {
            let rows = count * MILLION;
            let database = environment.prepared_database().await?;
            fill(&database, shape, rows).await?;
            let runs = on_filled(environment, &load, &database).await?;
            all.extend(runs.into_iter().map(|run| {
                Run { part: format!("growth {}", shape.name()), ..run }.with("rows before", rows)
            }));
        }
    }
    Ok(all)
}

async fn on_filled(
    environment: &Environment,
    load: &Load,
    database: &Database,
) -> Result<Vec<Run>> {
    let vendas = |args: &[&str]| environment.vendas(&[&load.topic], database).args(args);
    let before = sums(database, load.shape).await?;
    let mut all = Vec::new();
    for candidate in ["new orders", "the same orders again"] {
        let run = environment.time(&vendas(&["run", "--until-end"]), load.orders).await?;
        all.push(Run { candidate: candidate.to_owned(), ..run });
        let because = ["offsets", "reset", "--to", "earliest", "--because", "benchmark", "--yes"];
        vendas(&because).run(DEADLINE).await?.expect_code(0)?;
    }
    if load.shape == Shape::Ecommerce {
        for (candidate, args) in
            [("report", vec!["report", "--format", "json"]), ("verify", vec!["verify"])]
        {
            let run = environment.time(&vendas(&args), load.orders).await?;
            all.push(Run { candidate: candidate.to_owned(), ..run });
        }
    }
    let after = sums(database, load.shape).await?;
    testbed::ensure!(
        after.0 - before.0 == i64::try_from(load.orders)?,
        "{} rows were added instead of {}",
        after.0 - before.0,
        load.orders
    );
    load.check_difference(before.1, after.1)?;
    Ok(all)
}

async fn sums(database: &Database, shape: Shape) -> Result<(i64, rust_decimal::Decimal)> {
    let client = database.connect().await?;
    let sql = format!("SELECT count(*), coalesce(sum(total), 0) FROM {}", shape.table());
    let row = client.query_one(&sql, &[]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Rows in vendas' format, of orders that the load does not contain: order numbers after all of its
/// own, and random ids, which are spread between its own.
async fn fill(database: &Database, shape: Shape, rows: u64) -> Result<()> {
    let client = database.connect().await?;
    let started = Instant::now();
    if shape == Shape::Ecommerce {
        // The index of the key is created at the end, which is faster, and the totals are inserted
        // there as the triggers would have left them.
        client
            .batch_execute(
                "ALTER TABLE orders DISABLE TRIGGER USER; ALTER TABLE orders DROP CONSTRAINT orders_pkey",
            )
            .await?;
    }
    let mut done = 0;
    while done < rows {
        let (from, to) = (100 * MILLION + done, 100 * MILLION + (done + CHUNK).min(rows) - 1);
        match shape {
            Shape::Numbered => fill_sales(&client, from, to).await?,
            Shape::Ecommerce => fill_orders(&client, from, to).await?,
        }
        done += CHUNK;
    }
    if shape == Shape::Ecommerce {
        client
            .batch_execute(
                "SELECT rebuild_sums(); \
                 SET maintenance_work_mem = '1GB'; \
                 ALTER TABLE orders ADD CONSTRAINT orders_pkey PRIMARY KEY (order_id, numbered); \
                 ALTER TABLE orders ENABLE TRIGGER USER",
            )
            .await?;
    }
    client.batch_execute("VACUUM (ANALYZE)").await?;
    client.batch_execute("CHECKPOINT").await?;
    crate::say(&format!("{} filled with {rows} rows in {:.0?}", shape.table(), started.elapsed()));
    Ok(())
}

async fn fill_sales(client: &Client, from: u64, to: u64) -> Result<()> {
    let sql = format!(
        "INSERT INTO sales (order_number, total, processed_at) \
         SELECT number, (number % 100000)::numeric / 100, now() AT TIME ZONE 'UTC' \
         FROM generate_series({from}, {to}) AS number"
    );
    client.batch_execute(&sql).await?;
    Ok(())
}

async fn fill_orders(client: &Client, from: u64, to: u64) -> Result<()> {
    // Two or three items, as in the orders of the simulated shop.
    let sql = format!(
        "INSERT INTO orders (order_id, numbered, total, items, sold_at, processed_at) \
         SELECT gen_random_uuid()::text, false, 349.90 * (2 + number % 2), \
             CASE number % 2 \
                 WHEN 0 THEN ARRAY[ROW('Teclado', 1, 349.90)::order_item, ROW('Mouse', 1, 349.90)::order_item] \
                 ELSE ARRAY[ROW('Teclado', 1, 349.90)::order_item, ROW('Mouse', 1, 349.90)::order_item, \
                            ROW('Monitor', 1, 349.90)::order_item] \
             END::order_item[], \
             TIMESTAMP '2026-01-01' + number % 1000000 * INTERVAL '1 second', now() AT TIME ZONE 'UTC' \
         FROM generate_series({from}, {to}) AS number"
    );
    client.batch_execute(&sql).await?;
    Ok(())
}
