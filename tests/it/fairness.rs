//! Partitions with a backlog progress together, however few connections there are.

use testbed::{Result, ensure, eventually};

use crate::{
    audit,
    http::{listen, scrape},
    shop::{DEADLINE, Shop},
    wait::until_lock_waits,
};

#[tokio::test]
async fn every_partition_progresses_before_the_first_is_done() -> Result<()> {
    const PARTITIONS: u16 = 12;
    const RECORDS: i32 = 3_000;
    let (shop, listen) = (Shop::open(PARTITIONS).await?, listen()?);
    shop.apply_schema().await?;
    audit::install(&shop.database).await?;
    for partition in 0..i32::from(PARTITIONS) {
        let numbers = partition * RECORDS..(partition + 1) * RECORDS;
        shop.send_numbers(partition, numbers).await?;
    }
    // No partition commits before all of them are processed and one of them waits.
    let gate = shop.database.connect().await?;
    gate.batch_execute("BEGIN; LOCK TABLE sales").await?;
    let run = shop
        .vendas(&["run", "--until-end"])
        .env("VENDAS_HTTP__LISTEN", &listen)
        .env("VENDAS_DATABASE__POOL_SIZE", "1")
        .env("VENDAS_PIPELINE__BATCH_SIZE", "10")
        // Each partition needs hundreds of commits.
        .env("VENDAS_PIPELINE__COMMIT_RECORDS", "10")
        .start()?;
    eventually("all partitions to be processed", DEADLINE, async || {
        let scrape = scrape(&listen).await?;
        (0..PARTITIONS).try_for_each(|partition| {
            let labels = [("topic", &*shop.topic), ("partition", &*partition.to_string())];
            scrape.expect("vendas_lag_offsets", &labels, f64::from(RECORDS))
        })
    })
    .await?;
    until_lock_waits(&shop.database, 1).await?;
    gate.batch_execute("COMMIT").await?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    let sql = "WITH moves AS (SELECT min(n) AS first, max(n) AS last FROM audit.moves GROUP BY place) \
               SELECT count(*), max(first) < min(last) FROM moves";
    let rows = shop.rows(sql).await?;
    let all_before_one_ended = format!("{PARTITIONS}|t");
    ensure!(rows == [all_before_one_ended], "{rows:?}");
    Ok(())
}
