//! `vendas orders purge` deletes old orders, keeps their sums, and counts nothing twice.

#[cfg(feature = "failpoints")]
mod crashes;

use testbed::{Ended, Result, Signal, VendasCommand, ensure, eventually};

use crate::{
    shop::{DEADLINE, Shop, numbered},
    totals::expect_equal,
};

/// More than one batch of each table: numbered orders with and without products, orders with ids
/// and cancelled orders, a few minutes apart.
const OLD_ORDERS: &str = "
    INSERT INTO sales (order_number, total, processed_at, counted_at)
    SELECT n, n * 1.01, now(), '2024-03-01'::timestamp + n * interval '7 min'
    FROM generate_series(1, 30000) AS n;
    INSERT INTO orders (order_id, numbered, total, items, sold_at, processed_at, charges, cancelled,
                        counted_at)
    SELECT n, n % 3 = 0, n * 1.01, ARRAY[ROW('p' || n % 50, n % 7, n)::order_item],
           '2024-03-01'::timestamp + n * interval '7 min', now(), n % 5, n % 100 = 1,
           '2024-03-01'::timestamp + n * interval '7 min'
    FROM generate_series(1, 24000) AS n;
    SELECT fold_ledgers();";

/// Sums of the days before `BOUNDARY`, and of the days from it on.
const BOUNDARY: &str = "2024-06-01";
const OLD_SUMS: &str = "
    SELECT 'product', day, product, orders, quantity, amount FROM product_days WHERE day < '2024-06-01'
    UNION ALL
    SELECT 'hour', hour, NULL, orders, total, charges FROM order_hours WHERE hour < '2024-06-01'
    UNION ALL
    SELECT 'day', day, NULL, orders, total, charges FROM order_days WHERE day < '2024-06-01'
    ORDER BY 1, 2, 3";
const OLD_ROWS: &str = "SELECT (SELECT count(*) FROM sales WHERE counted_at < '2024-06-01'), \
                        (SELECT count(*) FROM orders WHERE counted_at < '2024-06-01')";
const ROWS: &str = "SELECT (SELECT count(*) FROM sales), (SELECT count(*) FROM orders)";

async fn with_old_orders(partitions: u16) -> Result<Shop> {
    let shop = Shop::open(partitions).await?;
    shop.apply_schema().await?;
    shop.database.execute(OLD_ORDERS).await?;
    Ok(shop)
}

fn purge(shop: &Shop) -> VendasCommand {
    shop.vendas(&["orders", "purge", "--before", BOUNDARY, "--because", "a test"])
}

async fn purged(shop: &Shop) -> Result<Ended> {
    purge(shop).args(["--yes"]).run(DEADLINE).await?.expect_code(0)
}

async fn verified(shop: &Shop) -> Result<()> {
    expect_equal(&shop.database).await?;
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

fn sold(id: &str, day: &str) -> String {
    format!(
        r#"{{"order_id": "{id}", "sold_at": "{day}T12:00:00", "items": [{{"product": "p1", "qty": 1, "unit_price": "2.50"}}]}}"#
    )
}

#[tokio::test]
async fn old_orders_are_deleted_while_run_processes_and_the_views_stay() -> Result<()> {
    let shop = with_old_orders(2).await?;
    let sums = shop.rows(OLD_SUMS).await?;
    ensure!(sums.len() > 1_000, "only {} sums", sums.len());
    let run = shop
        .vendas(&["run", "--set", "pipeline.batch_size=3", "--set", "pipeline.commit_records=3"])
        .start()?;
    let send = async {
        for round in 0..20 {
            let orders: Vec<_> = (0..100)
                .map(|n| sold(&format!("new {}", (round * 100 + n) % 700), "2026-01-01"))
                .chain((0..50).map(|n| numbered(100_000 + n)))
                .collect();
            let orders: Vec<_> = orders.iter().map(String::as_str).collect();
            shop.send(round % 2, &orders).await?;
            expect_equal(&shop.database).await?;
        }
        Ok(())
    };
    let (ended, ()) = tokio::try_join!(purged(&shop), send)?;
    ensure!(ended.stdout.contains("deleted 18862 rows of sales"), "{}", ended.stdout);
    eventually("all records", DEADLINE, async || {
        let done = shop.rows("SELECT sum(next_offset) FROM partitions").await?;
        ensure!(done == ["3000"], "{done:?} {}", run.state());
        Ok(())
    })
    .await?;
    ensure!(shop.rows(OLD_ROWS).await? == ["0|0"], "{:?}", shop.rows(OLD_ROWS).await?);
    let letters = shop.database.count("dead_letters").await?;
    ensure!(letters == 0, "{letters} dead letters");
    ensure!(shop.rows(OLD_SUMS).await? == sums, "other sums");
    verified(&shop).await?;
    let noted = "SELECT purged_before, forget_sums, because, purged_by LIKE '%@%', role = session_user, \
                 sales, orders, ended_at > begun_at FROM purges";
    let noted = shop.rows(noted).await?;
    ensure!(noted.len() == 1, "{noted:?}");
    ensure!(noted[0].starts_with("2024-06-01 00:00:00|f|a test|t|t|18862|18925|"), "{noted:?}");
    ensure!(noted[0].ends_with("|t"), "{noted:?}");

    // The sums after rebuild_sums, and after TRUNCATE, include the archived ones.
    shop.database.execute("SELECT rebuild_sums()").await?;
    ensure!(shop.rows(OLD_SUMS).await? == sums, "other sums after rebuild_sums");
    let verify = shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(verify.stdout.contains(" of them purged)"), "{}", verify.stdout);
    shop.database.execute("TRUNCATE sales; TRUNCATE orders").await?;
    ensure!(shop.rows(OLD_SUMS).await? == sums, "other sums after TRUNCATE");
    run.signal(Signal::TERM)?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    verified(&shop).await
}

#[tokio::test]
async fn forgetting_sums_includes_those_kept_by_earlier_purges() -> Result<()> {
    let shop = with_old_orders(1).await?;
    let later = "SELECT * FROM order_hours WHERE hour >= '2024-06-01' ORDER BY 1";
    let kept = shop.rows(later).await?;
    let first = ["orders", "purge", "--before", "2024-04-01", "--because", "a test", "--yes"];
    shop.vendas(&first).run(DEADLINE).await?.expect_code(0)?;
    let ended =
        purge(&shop).args(["--forget-sums", "--yes"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(ended.stdout.contains("that were purged before"), "{}", ended.stdout);
    ensure!(shop.rows(OLD_ROWS).await? == ["0|0"], "{:?}", shop.rows(OLD_ROWS).await?);
    ensure!(shop.rows(OLD_SUMS).await?.is_empty(), "{:?}", shop.rows(OLD_SUMS).await?);
    ensure!(shop.rows(later).await? == kept, "other sums of the remaining days");
    let left = "SELECT (SELECT count(*) FROM archived_product_days), \
                (SELECT count(*) FROM product_day_sums WHERE day < '2024-06-01'), \
                (SELECT count(*) FROM sales_hours WHERE hour < '2024-06-01')";
    ensure!(shop.rows(left).await? == ["0|0|0"], "{:?}", shop.rows(left).await?);
    verified(&shop).await
}

#[tokio::test]
async fn an_order_that_arrives_again_after_its_purge_is_a_dead_letter() -> Result<()> {
    let shop = Shop::open(1).await?;
    let numbered_at = |number: i32| {
        format!(r#"{{"order_number": {number}, "total": 7, "sold_at": "2024-01-01T10:00:00"}}"#)
    };
    let (old, new) = (sold("a", "2024-01-01"), sold("b", "2026-01-01"));
    let old_number = numbered_at(1);
    let several = format!("[{}, {}]", sold("c", "2024-01-01"), sold("d", "2026-01-01"));
    let mixed = [&*old, &new, &old_number, "rubbish", &several];
    let run = shop.vendas(&["run"]).start()?;
    let caught_up = async |records: i64| {
        eventually("all records", DEADLINE, async || {
            let done = shop.rows("SELECT sum(next_offset) FROM partitions").await?;
            ensure!(done == [records.to_string()], "{done:?} {}", run.state());
            Ok(())
        })
        .await
    };
    shop.send(0, &mixed).await?;
    eventually("the tables", DEADLINE, async || {
        ensure!(shop.rows("SELECT to_regclass('partitions')").await? != [""], "{}", run.state());
        Ok(())
    })
    .await?;
    caught_up(5).await?;
    purged(&shop).await?;
    let sums = shop.rows(OLD_SUMS).await?;
    ensure!(sums.len() == 4, "{sums:?}");

    // Through each of the commit statements, with the boundary that the run knew before.
    let reasons = "SELECT reason, count(*) FROM dead_letters GROUP BY 1 ORDER BY 1";
    let mut sent = 5;
    for (records, purged) in [
        (&[&*old, &new][..], 1),
        (&[&*old_number, &numbered(2)], 2),
        (&[&*old, &old_number, "rubbish", &several, &new], 5),
    ] {
        shop.send(0, records).await?;
        sent += i64::try_from(records.len())?;
        caught_up(sent).await?;
        let found = shop.rows(reasons).await?;
        ensure!(found.contains(&format!("purged|{purged}")), "{found:?}");
        ensure!(shop.rows(OLD_SUMS).await? == sums, "{:?}", shop.rows(OLD_SUMS).await?);
        verified(&shop).await?;
    }
    ensure!(run.stderr()?.contains("orders before this day were purged"), "{}", run.state());
    run.signal(Signal::TERM)?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;

    // Neither a forced replay nor reading the topic again writes it.
    let replay = ["dead-letters", "replay", "--reason", "purged", "--force"];
    let replayed = shop.vendas(&replay).run(DEADLINE).await?.expect_code(1)?;
    ensure!(replayed.stdout.contains("5 still rejected"), "{}", replayed.stdout);
    ensure!(replayed.stdout.contains("before 2024-06-01"), "{}", replayed.stdout);
    let reset = ["offsets", "reset", "--to", "earliest", "--because", "a test", "--yes"];
    shop.vendas(&reset).run(DEADLINE).await?.expect_code(0)?;
    shop.process_backlog().await?;
    let found = shop.rows(reasons).await?;
    ensure!(found == ["not_json|2", "purged|8"], "{found:?}");
    ensure!(shop.rows(OLD_SUMS).await? == sums, "{:?}", shop.rows(OLD_SUMS).await?);
    verified(&shop).await?;

    // A dead letter from before the purge that is valid by now.
    shop.database.execute("DELETE FROM dead_letters WHERE reason = 'purged'").await?;
    let late = r#"{"order_id": "e", "sold_at": "2024-01-01", "frete": "much", "total": 3}"#;
    shop.send(0, &[late]).await?;
    shop.vendas(&["run", "--until-end", "--set", "mapping.shipping=frete"])
        .run(DEADLINE)
        .await?
        .expect_code(0)?;
    let replay = ["dead-letters", "replay", "--reason", "invalid_number"];
    let replay = shop.vendas(&replay).args(["--set", "mapping.shipping=shipping"]);
    replay.run(DEADLINE).await?.expect_code(1)?;
    let found = shop.rows(reasons).await?;
    ensure!(found == ["not_json|2", "purged|1"], "{found:?}");

    // With `on_dead_letter = "halt"` it halts.
    shop.send(0, &[&new, &old, &new]).await?;
    let halt = ["run", "--until-end", "--on-dead-letter", "halt"];
    let halted = shop.vendas(&halt).run(DEADLINE).await?.expect_code(1)?;
    ensure!(
        halted.stderr.contains(
            "at offset 16 is not a valid order (purged: \
                                    "
        ),
        "{}",
        halted.stderr
    );
    let next = shop.rows("SELECT next_offset FROM partitions").await?;
    ensure!(next == ["16"], "{next:?}");
    verified(&shop).await
}

#[tokio::test]
async fn a_purge_waits_for_commits_in_progress_and_deletes_their_orders() -> Result<()> {
    let shop = with_old_orders(1).await?;
    shop.send_numbers(0, 500_000..500_001).await?;
    shop.process_backlog().await?;
    let batch = shop.database.connect().await?;
    let old = "BEGIN; UPDATE partitions SET moved_at = now(); \
               INSERT INTO sales (order_number, total, counted_at) VALUES (-1, 3, '2024-01-01 10:00')";
    batch.batch_execute(old).await?;
    let ending = purge(&shop).args(["--yes"]).start()?;
    eventually("the purge to wait", DEADLINE, async || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        ensure!(shop.rows(waiting).await? == ["1"], "{}", ending.state());
        Ok(())
    })
    .await?;
    batch.batch_execute("COMMIT").await?;
    ending.wait_exit(DEADLINE).await?.expect_code(0)?;
    ensure!(shop.rows(OLD_ROWS).await? == ["0|0"], "{:?}", shop.rows(OLD_ROWS).await?);
    let sum = "SELECT * FROM order_hours WHERE hour = '2024-01-01 10:00'";
    ensure!(shop.rows(sum).await? == ["2024-01-01 10:00:00|1|3|0"], "{:?}", shop.rows(sum).await?);
    verified(&shop).await
}

#[tokio::test]
async fn without_confirmation_it_only_reports_what_it_would_delete() -> Result<()> {
    let shop = with_old_orders(1).await?;
    let state = "SELECT (SELECT count(*) FROM retention), (SELECT count(*) FROM purges)";
    let rows = shop.rows(ROWS).await?;
    let shown = purge(&shop).run(DEADLINE).await?.expect_code(0)?;
    for text in [
        "orders before 2024-06-01 (America/Sao_Paulo): 31352, of 2024-03-01 to 2024-05-31, total ",
        "rows to delete: 18862 of sales, 18925 of orders\n",
        "the sums of these orders are kept",
        "nothing was changed: use --yes",
    ] {
        ensure!(shown.stdout.contains(text), "no {text:?} in {}", shown.stdout);
    }
    let forget = purge(&shop).args(["--forget-sums"]).run(DEADLINE).await?.expect_code(0)?;
    ensure!(
        forget.stdout.contains("the sums of these orders are deleted too"),
        "{}",
        forget.stdout
    );
    let future = ["orders", "purge", "--before", "2999-01-01", "--because", "a test", "--yes"];
    let future = shop.vendas(&future).run(DEADLINE).await?.expect_code(1)?;
    ensure!(future.stderr.contains("is after today"), "{}", future.stderr);
    for wrong in [
        &["--before", "2024-01-01"][..],
        &["--because", "a test"],
        &["--because", "a test", "--older-than", "-3d"],
        // Three minutes.
        &["--because", "a test", "--older-than", "3m"],
        &["--because", "a test", "--older-than", "3d", "--before", "2024-01-01"],
    ] {
        shop.vendas(&["orders", "purge"]).args(wrong).run(DEADLINE).await?.expect_code(2)?;
    }
    ensure!(shop.rows(ROWS).await? == rows, "{:?}", shop.rows(ROWS).await?);
    ensure!(shop.rows(state).await? == ["0|0"], "{:?}", shop.rows(state).await?);

    // An age counts back to the beginning of a day in the shop's time zone.
    let age = ["orders", "purge", "--older-than", "30d", "--because", "a test", "--yes"];
    shop.vendas(&age).run(DEADLINE).await?.expect_code(0)?;
    let boundary = "SELECT purged_before \
                    = ((now() - interval '30 days') AT TIME ZONE 'America/Sao_Paulo')::date \
                    FROM retention";
    ensure!(shop.rows(boundary).await? == ["t"], "{:?}", shop.rows("TABLE retention").await?);
    // A purge with an earlier boundary does not move it back.
    purged(&shop).await?;
    ensure!(shop.rows(boundary).await? == ["t"], "{:?}", shop.rows("TABLE retention").await?);
    Ok(())
}
