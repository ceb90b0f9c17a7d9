//! Several instances on the same partitions without a consumer group.

use testbed::{Result, Signal, ensure, eventually};
use tokio::try_join;

use crate::{
    brake::Brake,
    scenario::{DEADLINE, LANES, Scenario, committed_records, count_lines, terminate},
    shop::Shop,
    wait::{until_line, until_lock_waits},
};

const FENCED: &str = "fenced: another instance committed past this offset";

#[tokio::test]
async fn two_instances_on_the_same_partitions_fence_each_other() -> Result<()> {
    let scenario = Scenario::shared(6, 300).await?;
    let progress = scenario.progress().await?;
    let (one, other) = (scenario.vendas(["run"]).start()?, scenario.vendas(["run"]).start()?);
    let lines = |text: &str| -> Result<_> {
        Ok([count_lines(&one.stderr()?, text), count_lines(&other.stderr()?, text)])
    };
    eventually("both to process all partitions", DEADLINE, async || {
        let working = lines("processing partition")?;
        ensure!(working == [LANES; 2], "{working:?}: {}", one.state());
        Ok(())
    })
    .await?;
    scenario.send_rest().await?;
    progress.reach(scenario.sent(), &one).await?;
    eventually("one of them to be fenced", DEADLINE, async || {
        ensure!(lines(FENCED)? != [0; 2], "{}\n{}", one.state(), other.state());
        Ok(())
    })
    .await?;
    let (one, other) = try_join!(terminate(one), terminate(other))?;
    scenario.expect_all().await?;
    // Each record was committed by one of them.
    let (one, other) = (committed_records(&one)?, committed_records(&other)?);
    ensure!(one + other == scenario.sent(), "{one} and {other} make {}", scenario.sent());
    Ok(())
}

#[tokio::test]
async fn an_instance_frozen_while_another_one_commits_writes_no_old_records() -> Result<()> {
    let scenario = Scenario::shared(7, 300).await?;
    let progress = scenario.progress().await?;
    let brake = Brake::at(&scenario.database, 40).await?;
    let frozen = scenario.vendas(["run"]).env("VENDAS_PIPELINE__COMMIT_RECORDS", "10").start()?;
    scenario.send(150).await?;
    progress.reach(100, &frozen).await?;
    frozen.signal(Signal::STOP)?;
    drop(brake);
    let other = scenario.vendas(["run"]).start()?;
    scenario.send(50).await?;
    progress.reach(scenario.sent(), &other).await?;

    frozen.signal(Signal::CONT)?;
    scenario.send_rest().await?;
    until_line(&frozen, &[FENCED]).await?;
    progress.reach(scenario.sent(), &other).await?;
    let (frozen, other) = try_join!(terminate(frozen), terminate(other))?;
    scenario.expect_all().await?;
    let (frozen, other) = (committed_records(&frozen)?, committed_records(&other)?);
    ensure!(frozen + other == scenario.sent(), "{frozen} and {other} make {}", scenario.sent());
    Ok(())
}

#[tokio::test]
async fn an_order_that_another_session_inserts_at_the_same_moment_is_replaced() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.send_numbers(0, 1..=3).await?;

    let other = shop.database.connect().await?;
    other.batch_execute("BEGIN; INSERT INTO sales (order_number, total) VALUES (2, 0)").await?;
    let vendas = shop.vendas(&["run", "--until-end"]).start()?;
    // Its snapshot does not include the other session's row, and it waits for the end of that
    // transaction.
    until_lock_waits(&shop.database, 1).await?;
    other.batch_execute("COMMIT").await?;

    let ended = vendas.wait_exit(DEADLINE).await?.expect_code(0)?;
    let zero = shop.rows("SELECT order_number::text FROM sales WHERE total = 0").await?;
    ensure!(zero.is_empty(), "the row of the other session stayed: {}", ended.state());
    let (sales, letters) =
        (shop.database.count("sales").await?, shop.database.count("dead_letters").await?);
    ensure!((sales, letters) == (3, 0), "{sales} sales, {letters} letters: {}", ended.state());
    ensure!(!ended.stderr.contains("ERROR"), "it paused with an error: {}", ended.stderr);
    Ok(())
}
