//! Several instances on the same partitions, without knowing of each other.

use testbed::{Result, Signal, ensure, eventually};
use tokio::try_join;

use crate::{
    shop::Shop,
    stage::{DEADLINE, Stage, lines, tally, terminate},
};

const FENCED: &str = "fenced: another instance committed past this offset";

#[tokio::test]
async fn two_instances_on_the_same_partitions_fence_each_other() -> Result<()> {
    let stage = Stage::shared(6, 300).await?;
    let progress = stage.progress().await?;
    let (one, other) = (stage.vendas(["run"]).start()?, stage.vendas(["run"]).start()?);
    stage.send_rest().await?;
    progress.reach(stage.sent(), &one).await?;
    let (one, other) = try_join!(terminate(one), terminate(other))?;
    stage.expect_all().await?;
    let fenced = lines(&one.stderr, FENCED) + lines(&other.stderr, FENCED);
    ensure!(fenced > 0, "neither was fenced:\n{}\n{}", one.state(), other.state());
    // Each record was committed by one of them.
    let (one, other) = (tally(&one)?, tally(&other)?);
    ensure!(one + other == stage.sent(), "{one} and {other} make {}", stage.sent());
    Ok(())
}

#[tokio::test]
async fn an_instance_that_was_frozen_while_another_worked_writes_nothing_old() -> Result<()> {
    let stage = Stage::shared(7, 300).await?;
    let progress = stage.progress().await?;
    let frozen = stage.vendas(["run"]).start()?;
    try_join!(stage.send(150), async {
        progress.reach(100, &frozen).await?;
        frozen.signal(Signal::STOP)
    })?;
    let at = progress.records().await?;
    ensure!(at < stage.sent(), "all was done before it froze");
    let other = stage.vendas(["run"]).start()?;
    stage.send(50).await?;
    progress.reach(stage.sent(), &other).await?;

    frozen.signal(Signal::CONT)?;
    stage.send_rest().await?;
    eventually("word that the frozen one was fenced", DEADLINE, async || {
        ensure!(lines(&frozen.stderr()?, FENCED) > 0, "{}", frozen.state());
        Ok(())
    })
    .await?;
    progress.reach(stage.sent(), &other).await?;
    let (frozen, other) = try_join!(terminate(frozen), terminate(other))?;
    stage.expect_all().await?;
    let (frozen, other) = (tally(&frozen)?, tally(&other)?);
    ensure!(frozen + other == stage.sent(), "{frozen} and {other} make {}", stage.sent());
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
    // It has not seen the other's row, and now waits for what becomes of it.
    shop.until_it_waits_for_a_lock(&vendas).await?;
    other.batch_execute("COMMIT").await?;

    let ended = vendas.wait_exit(DEADLINE).await?.expect_code(0)?;
    let zero = shop.rows("SELECT order_number::text FROM sales WHERE total = 0").await?;
    ensure!(zero.is_empty(), "the other's row stayed: {}", ended.state());
    let (sales, letters) =
        (shop.database.count("sales").await?, shop.database.count("dead_letters").await?);
    ensure!((sales, letters) == (3, 0), "{sales} sales, {letters} letters: {}", ended.state());
    ensure!(!ended.stderr.contains("ERROR"), "it needed a person: {}", ended.stderr);
    Ok(())
}
