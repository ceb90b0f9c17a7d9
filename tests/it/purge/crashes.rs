//! A purge is killed, or its server is, at any moment.

use testbed::{Context, Postgres, Result, Vendas, ensure, eventually, samples::Random};

use super::{BOUNDARY, OLD_ORDERS, OLD_ROWS, OLD_SUMS, purge, purged, verified, with_old_orders};
use crate::{
    shop::{DEADLINE, Shop, VENDAS},
    totals::expect_equal,
    wait::until_no_session,
};

/// Starts a purge that stops at a failpoint.
fn start_with_failpoint(shop: &Shop, failpoint: &str) -> Result<Vendas> {
    purge(shop).args(["--yes"]).env("FAILPOINTS", failpoint).start()
}

/// Waits until it has reached the failpoint, as this query shows.
async fn until_reached(shop: &Shop, purge: &Vendas, sql: &str) -> Result<()> {
    eventually(sql, DEADLINE, async || {
        ensure!(shop.rows(sql).await? == ["t"], "{}", purge.state());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn killed_at_each_step_a_purge_continues_when_started_again() -> Result<()> {
    let shop = with_old_orders(1).await?;
    let sums = shop.rows(OLD_SUMS).await?;
    let uncommitted = "SELECT count(*) > 0 FROM pg_stat_activity \
                       WHERE datname = current_database() AND state = 'idle in transaction' \
                         AND query LIKE '%UPDATE%purges%'";
    for (failpoint, reached) in [
        ("purge_begun=pause", "SELECT count(*) = 1 FROM purges WHERE sales = 0"),
        ("purge_uncommitted=1*off->pause", uncommitted),
        ("purge_committed=1*off->pause", "SELECT sum(sales) >= 10000 FROM purges"),
        ("purge_uncommitted=3*off->pause", uncommitted),
    ] {
        let purge = start_with_failpoint(&shop, failpoint)?;
        until_reached(&shop, &purge, reached).await?;
        // A second purge reports that another one is running, and changes nothing.
        let second = super::purge(&shop).args(["--yes"]).run(DEADLINE).await?.expect_code(1)?;
        ensure!(second.stderr.contains("another purge is running"), "{}", second.stderr);
        purge.kill()?;
        until_no_session(&shop.database).await.context(failpoint)?;
        verified(&shop).await?;
        ensure!(shop.rows(OLD_SUMS).await? == sums, "other sums after {failpoint}");
        ensure!(shop.rows(OLD_ROWS).await? != ["0|0"], "everything was deleted before {failpoint}");
    }
    purged(&shop).await?;
    ensure!(shop.rows(OLD_ROWS).await? == ["0|0"], "{:?}", shop.rows(OLD_ROWS).await?);
    let rows = "SELECT sum(sales), sum(orders) FROM purges";
    ensure!(shop.rows(rows).await? == ["18862|18925"], "{:?}", shop.rows(rows).await?);
    ensure!(shop.rows(OLD_SUMS).await? == sums, "other sums");
    verified(&shop).await
}

#[tokio::test]
async fn killed_at_random_moments_together_with_run_nothing_is_counted_twice() -> Result<()> {
    let shop = with_old_orders(1).await?;
    let sums = shop.rows(OLD_SUMS).await?;
    let mut random = Random(7);
    for round in 0..6 {
        let orders: Vec<_> =
            (0..200).map(|n| super::sold(&format!("{round} {n}"), "2026-01-01")).collect();
        shop.send(0, &orders.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let run = shop
            .vendas(&[
                "run",
                "--set",
                "pipeline.batch_size=3",
                "--set",
                "pipeline.commit_records=3",
            ])
            .start()?;
        let purge = start_with_failpoint(&shop, "purge_committed=sleep(20)")?;
        let (polls, mut polled) = (random.below(60), 0);
        eventually("a random moment", DEADLINE, async || {
            let rows = shop.rows("SELECT coalesce(sum(sales + orders), 0) FROM purges").await?;
            polled += 1;
            ensure!(polled > polls || !purge.is_running()?, "{rows:?}");
            Ok(())
        })
        .await?;
        purge.kill()?;
        run.kill()?;
        until_no_session(&shop.database).await?;
        ensure!(shop.rows(OLD_SUMS).await? == sums, "other sums in round {round}");
        verified(&shop).await?;
    }
    purged(&shop).await?;
    shop.process_backlog().await?;
    ensure!(shop.rows(OLD_ROWS).await? == ["0|0"], "{:?}", shop.rows(OLD_ROWS).await?);
    ensure!(shop.rows(OLD_SUMS).await? == sums, "other sums");
    verified(&shop).await
}

#[tokio::test]
async fn a_purge_survives_a_crash_of_postgresql() -> Result<()> {
    let postgres = Postgres::start().await?;
    let shop = Shop { database: postgres.database().await?, ..Shop::open(1).await? };
    shop.apply_schema().await?;
    shop.database.execute(OLD_ORDERS).await?;
    let sums = shop.rows(OLD_SUMS).await?;
    let purge = testbed::VendasCommand::new(VENDAS)
        .args(["orders", "purge", "--before", BOUNDARY, "--because", "a test", "--yes"])
        .database(&shop.database)
        .env("FAILPOINTS", "purge_committed=sleep(200)")
        .start()?;
    until_reached(&shop, &purge, "SELECT coalesce(sum(sales), 0) > 0 FROM purges").await?;
    postgres.kill()?;
    postgres.restart().await?;
    purge.wait_exit(DEADLINE).await?.expect_code(0)?;
    ensure!(shop.rows(OLD_ROWS).await? == ["0|0"], "{:?}", shop.rows(OLD_ROWS).await?);
    ensure!(shop.rows(OLD_SUMS).await? == sums, "other sums");
    let rows = "SELECT count(*), sum(sales), sum(orders) FROM purges";
    ensure!(shop.rows(rows).await? == ["1|18862|18925"], "{:?}", shop.rows(rows).await?);
    expect_equal(&shop.database).await
}
