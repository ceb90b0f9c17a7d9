//! Stopping the program, and whether its last messages are true.

use testbed::{PostgresOptions, Result, Signal, ensure, eventually};

use crate::{
    brake::Brake,
    scenario::{
        DEADLINE, LANES, Scenario, committed_records, count_lines, field,
        postgres_with_delayed_wal, terminate,
    },
    wait::until_line,
};

/// Records of each partition.
const SHARE: usize = 50;

#[tokio::test]
async fn records_processed_by_until_end_survive_a_crash_of_postgresql() -> Result<()> {
    let postgres = postgres_with_delayed_wal().await?;
    let scenario = Scenario::with(postgres.database().await?, 8, SHARE).await?;
    scenario.send_rest().await?;
    scenario.run_until_end().await?;
    postgres.kill()?;
    postgres.restart().await?;
    scenario.expect_all().await
}

#[tokio::test]
async fn sigterm_stops_it_cleanly_and_a_restart_continues_at_the_same_offsets() -> Result<()> {
    let scenario = Scenario::shared(4, 200).await?;
    let progress = scenario.progress().await?;
    let brake = Brake::at(&scenario.database, 100).await?;
    let vendas = scenario.vendas(["run"]).env("VENDAS_PIPELINE__COMMIT_RECORDS", "10").start()?;
    scenario.send_rest().await?;
    progress.reach(150, &vendas).await?;
    vendas.signal(Signal::TERM)?;
    until_line(&vendas, &["stopping"]).await?;
    drop(brake);
    let first = vendas.wait_exit(DEADLINE).await?.expect_code(0)?;
    let committed = progress.records().await?;
    ensure!(committed < scenario.sent(), "it did not stop: {}", first.state());
    ensure!(committed_records(&first)? == committed, "{committed} committed: {}", first.state());
    let rows = scenario
        .database
        .table("SELECT topic, partition, next_offset FROM partitions ORDER BY 1, 2")
        .await?;
    ensure!(rows.rows.len() == LANES, "{rows:?}");

    let second = scenario.run_until_end().await?;
    for row in &rows.rows {
        let value = |index: usize| row[index].as_deref();
        let goes_on =
            second.stderr.lines().filter(|line| line.contains(" processing partition ")).any(
                |line| {
                    ["topic", "partition", "next_offset"]
                        .iter()
                        .enumerate()
                        .all(|(index, name)| field(line, name) == value(index))
                },
            );
        ensure!(goes_on, "no log line about continuing at {row:?}: {}", second.stderr);
    }
    ensure!(committed_records(&second)? == scenario.sent() - committed, "{}", second.state());
    scenario.expect_all().await
}

#[tokio::test]
async fn sigterm_while_postgresql_is_away_stops_it_without_losses() -> Result<()> {
    let postgres = PostgresOptions::default().start().await?;
    let scenario = Scenario::with(postgres.database().await?, 5, SHARE).await?;
    scenario.send_rest().await?;
    let _brake = Brake::at(&scenario.database, 10).await?;
    let vendas = scenario.vendas(["run"]).env("VENDAS_PIPELINE__COMMIT_RECORDS", "10").start()?;
    scenario.progress().await?.reach(1, &vendas).await?;
    postgres.kill()?;
    eventually("a log line about the outage", DEADLINE, async || {
        ensure!(count_lines(&vendas.stderr()?, "paused") == 1, "{}", vendas.state());
        Ok(())
    })
    .await?;
    terminate(vendas).await?;
    postgres.restart().await?;
    scenario.run_until_end().await?;
    scenario.expect_all().await
}
