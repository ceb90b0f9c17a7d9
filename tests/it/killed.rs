//! The program is told to end, and what it then says is so.

use std::time::Duration;

use testbed::{PostgresOptions, Result, ensure, eventually};
use tokio::try_join;

use crate::stage::{LANES, Stage, field, lines, tally, terminate, that_puts_off_what_it_may};

/// Records of each lane.
const SHARE: usize = 50;

#[tokio::test]
async fn what_until_end_says_is_done_outlives_a_crash_of_postgresql() -> Result<()> {
    let postgres = that_puts_off_what_it_may().await?;
    let stage = Stage::with(postgres.database().await?, 8, SHARE).await?;
    stage.send_rest().await?;
    stage.run_until_end().await?;
    postgres.kill()?;
    postgres.restart().await?;
    stage.expect_all().await
}

#[tokio::test]
async fn sigterm_in_the_middle_ends_it_in_order_and_a_restart_goes_on_exactly_there() -> Result<()>
{
    let stage = Stage::shared(4, 200).await?;
    let progress = stage.progress().await?;
    let vendas = stage.vendas(["run"]).start()?;
    let ((), first) = try_join!(stage.send_rest(), async {
        progress.reach(150, &vendas).await?;
        terminate(vendas).await
    })?;
    let committed = progress.records().await?;
    ensure!(committed < stage.sent(), "all was done before the signal came");
    ensure!(tally(&first)? == committed, "{committed} committed: {}", first.state());
    let rows = stage
        .database
        .table("SELECT topic, partition, next_offset FROM partitions ORDER BY 1, 2")
        .await?;
    ensure!(rows.rows.len() == LANES, "{rows:?}");

    let second = stage.run_until_end().await?;
    for row in &rows.rows {
        let value = |index: usize| row[index].as_deref();
        let goes_on = second.stderr.lines().filter(|line| line.contains(" working ")).any(|line| {
            ["topic", "partition", "next_offset"]
                .iter()
                .enumerate()
                .all(|(index, name)| field(line, name) == value(index))
        });
        ensure!(goes_on, "no word of going on at {row:?}: {}", second.stderr);
    }
    ensure!(tally(&second)? == stage.sent() - committed, "{}", second.state());
    stage.expect_all().await
}

#[tokio::test]
async fn sigterm_while_postgresql_is_gone_ends_it_and_nothing_is_lost() -> Result<()> {
    let postgres = PostgresOptions::default().start().await?;
    let stage = Stage::with(postgres.database().await?, 5, SHARE).await?;
    stage.send_rest().await?;
    let vendas = stage.vendas(["run"]).start()?;
    stage.progress().await?.reach(1, &vendas).await?;
    postgres.kill()?;
    eventually("word of the outage", Duration::from_secs(30), async || {
        ensure!(lines(&vendas.stderr()?, "paused") == 1, "{}", vendas.state());
        Ok(())
    })
    .await?;
    terminate(vendas).await?;
    postgres.restart().await?;
    stage.run_until_end().await?;
    stage.expect_all().await
}
