//! The program and PostgreSQL die in the middle, again and again.

use std::time::Duration;

use testbed::{Postgres, PostgresOptions, Result, ensure, eventually};
use tokio::try_join;

use crate::{
    stage::{DEADLINE, LANES, Stage, field, lines, tally, terminate},
    stream::Dice,
};

/// Records of each lane that are sent around each outage.
const SHARE: usize = 50;

#[tokio::test]
async fn killed_at_random_moments_it_neither_loses_nor_repeats_anything() -> Result<()> {
    const KILLS: usize = 12;
    let mut stage = Stage::shared(2, SHARE * (KILLS + 1)).await?;
    let progress = stage.progress().await?;
    let mut dice = Dice::new(2);
    let mut in_the_middle = 0;
    for _ in 0..KILLS {
        let vendas = stage.vendas(["run"]).start()?;
        let target = progress.records().await? + 1 + dice.below(SHARE * LANES);
        try_join!(stage.send(SHARE), async {
            progress.reach(target, &vendas).await?;
            vendas.kill()
        })?;
        in_the_middle += usize::from(progress.records().await? < stage.sent());
    }
    ensure!(in_the_middle >= KILLS / 2, "only {in_the_middle} of {KILLS} kills left work behind");
    stage.send_rest().await?;
    stage.run_until_end().await?;
    stage.expect_all().await
}

#[tokio::test]
async fn it_outlives_postgresql_killed_with_promised_commits_in_flight() -> Result<()> {
    let taken_back = outlives_postgresql("off").await?;
    // Otherwise this was no different from the other test.
    ensure!(taken_back > 0, "no outage took anything back");
    Ok(())
}

#[tokio::test]
async fn it_outlives_postgresql_killed_with_durable_commits_in_flight() -> Result<()> {
    let taken_back = outlives_postgresql("on").await?;
    ensure!(taken_back == 0, "{taken_back} outages took back what was durable");
    Ok(())
}

/// A PostgreSQL that keeps to itself, for as long as it may, what need not be durable at once.
async fn that_puts_off_what_it_may() -> Result<Postgres> {
    let options = PostgresOptions::default();
    options
        .setting("wal_writer_delay", "10s")
        .setting("wal_writer_flush_after", "1GB")
        .start()
        .await
}

/// Returns how many outages took back what had been committed.
async fn outlives_postgresql(synchronous_commit: &str) -> Result<usize> {
    const OUTAGES: usize = 4;
    let postgres = that_puts_off_what_it_may().await?;
    let mut stage = Stage::with(postgres.database().await?, 3, SHARE * (OUTAGES + 1)).await?;
    let mut dice = Dice::new(3);
    let mut taken_back = 0;
    let vendas = stage
        .vendas(["run"])
        .env("VENDAS_DATABASE__SYNCHRONOUS_COMMIT", synchronous_commit)
        .start()?;
    for outage in 1..=OUTAGES {
        let progress = stage.progress().await?;
        let target = progress.records().await? + 1 + dice.below(SHARE * LANES / 2);
        let ((), seen) = try_join!(stage.send(SHARE), async {
            let seen = progress.reach(target, &vendas).await?;
            postgres.kill()?;
            Ok(seen)
        })?;
        eventually("word of the outage", DEADLINE, async || {
            let said = lines(&vendas.stderr()?, "paused");
            ensure!(said >= outage, "{said} of {outage}: {}", vendas.state());
            Ok(())
        })
        .await?;
        postgres.restart().await?;
        taken_back += usize::from(stage.progress().await?.records().await? < seen);
        eventually("word of its end", DEADLINE, async || {
            let said = lines(&vendas.stderr()?, "going on");
            ensure!(said >= outage, "{said} of {outage}: {}", vendas.state());
            Ok(())
        })
        .await?;
    }
    stage.send_rest().await?;
    stage.progress().await?.reach(stage.sent(), &vendas).await?;
    let ended = terminate(vendas).await?;
    stage.expect_all().await?;
    for (text, said) in ["paused", "going on"].map(|text| (text, lines(&ended.stderr, text))) {
        ensure!(said == OUTAGES, "{OUTAGES} outages, {said} times {text:?}:\n{}", ended.stderr);
    }
    Ok(taken_back)
}

#[tokio::test]
async fn what_until_end_says_is_done_outlives_a_crash_of_postgresql() -> Result<()> {
    let postgres = that_puts_off_what_it_may().await?;
    let mut stage = Stage::with(postgres.database().await?, 8, SHARE).await?;
    stage.send_rest().await?;
    stage.run_until_end().await?;
    postgres.kill()?;
    postgres.restart().await?;
    stage.expect_all().await
}

#[tokio::test]
async fn sigterm_in_the_middle_ends_it_in_order_and_a_restart_goes_on_exactly_there() -> Result<()>
{
    let mut stage = Stage::shared(4, 200).await?;
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
    let mut stage = Stage::with(postgres.database().await?, 5, SHARE).await?;
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
