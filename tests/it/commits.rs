//! Commit statements: waiting batches are committed together, and orders are inserted until one of
//! them is stored already.

use testbed::{Result, ensure, eventually};

use crate::{
    http::{listen, scrape},
    scenario::terminate,
    shop::{DEADLINE, Shop, numbered},
    totals::expect_equal,
    wait::until_lock_waits,
};

/// Records by how many offsets each statement moved a partition.
const NOTE_STEPS: &str = "
    CREATE TABLE steps (n BIGSERIAL PRIMARY KEY, offsets BIGINT);
    CREATE FUNCTION note_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO steps (offsets) VALUES (NEW.next_offset - OLD.next_offset);
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_step AFTER UPDATE ON partitions FOR EACH ROW
        WHEN (OLD.next_offset <> NEW.next_offset) EXECUTE FUNCTION note_step()";

/// The steps in which a backlog of 10,000 records is committed after commits were blocked for a
/// moment.
async fn steps(settings: &[&str]) -> Result<Vec<i64>> {
    let shop = Shop::open(1).await?;
    shop.process_backlog().await?;
    shop.database.execute(NOTE_STEPS).await?;
    shop.send_numbers(0, 1..=10_000).await?;
    let other = shop.database.connect().await?;
    other.batch_execute("BEGIN; LOCK TABLE partitions IN SHARE MODE").await?;
    let run = shop.vendas(&["run", "--until-end"]).args(settings.iter().copied()).start()?;
    until_lock_waits(&shop.database, 1).await?;
    other.batch_execute("COMMIT").await?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    let rows = shop.database.query("SELECT offsets FROM steps ORDER BY n", &[]).await?;
    let steps: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    ensure!(steps.iter().sum::<i64>() == 10_000, "{steps:?}");
    let sales = shop.rows("SELECT count(*)::text, sum(total)::text FROM sales").await?;
    ensure!(sales == ["10000|50006000.00"], "{sales:?}");
    Ok(steps)
}

#[tokio::test]
async fn waiting_batches_are_committed_together() -> Result<()> {
    let together = steps(&[]).await?;
    ensure!(together.iter().any(|step| *step > 100), "each batch on its own: {together:?}");
    ensure!(together.iter().all(|step| *step <= 2000), "more records than allowed: {together:?}");
    Ok(())
}

#[tokio::test]
async fn a_statement_commits_at_most_commit_records() -> Result<()> {
    let some = steps(&["--set", "pipeline.commit_records=250"]).await?;
    ensure!(some.iter().all(|step| *step <= 250), "{some:?}");
    let single = steps(&["--set", "pipeline.commit_records=1"]).await?;
    ensure!(single.iter().all(|step| *step <= 100), "{single:?}");
    Ok(())
}

const STORED: &str = "
    SELECT 'sales', order_number::text, total::text FROM sales
    UNION ALL SELECT 'orders', order_id || numbered, total::text FROM orders ORDER BY 1, 2";

#[tokio::test]
async fn repeated_orders_are_replaced_and_few_inserts_fail() -> Result<()> {
    let shop = Shop::open(1).await?;
    let small = ["--set", "pipeline.batch_size=10", "--set", "pipeline.commit_records=10"];
    let with_id = |n: i32, price: i32| {
        format!(
            r#"{{"order_id": "a-{n}", "items": [{{"product": "p", "qty": 1, "unit_price": {price}}}]}}"#
        )
    };
    let records: Vec<_> = (0..600).flat_map(|n| [numbered(n), with_id(n, 1)]).collect();
    shop.send(0, &records.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    shop.vendas(&["run", "--until-end"]).args(small).run(DEADLINE).await?.expect_code(0)?;
    let stored = shop.rows(STORED).await?;
    ensure!(stored.len() == 1200, "{}", stored.len());

    // All of them again, then new ones, with one correction among them.
    let reset = ["offsets", "reset", "--to", "earliest", "--because", "a test", "--yes"];
    shop.vendas(&reset).run(DEADLINE).await?.expect_code(0)?;
    let mut more: Vec<_> = (600..1200).map(|n| with_id(n, 1)).collect();
    more.push(with_id(7, 9));
    shop.send(0, &more.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let listen = listen()?;
    let run = shop.vendas(&["run"]).args(small).env("VENDAS_HTTP__LISTEN", &listen).start()?;
    let failed = eventually("all orders", DEADLINE, async || {
        let scrape = scrape(&listen).await?;
        scrape.expect("vendas_records", &[("outcome", "order")], 1801.0)?;
        scrape.value("vendas_failed_inserts", &[])
    })
    .await?;
    terminate(run).await?;
    // 120 statements contained stored orders, and not all of them were tried as inserts.
    ensure!((1.0..=4.0).contains(&failed), "{failed} failed");
    let found = shop.rows(STORED).await?;
    ensure!(found.len() == 1800, "{}", found.len());
    ensure!(found.contains(&"orders|a-7false|9.00".to_owned()), "the correction is missing");
    ensure!(found.iter().filter(|row| !stored.contains(row)).count() == 601, "others changed");
    expect_equal(&shop.database).await?;
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0)?;
    Ok(())
}
