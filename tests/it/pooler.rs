//! Behind PgBouncer in transaction mode, which gives each transaction another connection.

use testbed::{Pgbouncer, Result, Testbed, ensure};

use crate::{
    brake::Brake,
    scenario::{DEADLINE, Scenario, committed_records, terminate},
    wait::until_line,
};

#[tokio::test]
async fn behind_pgbouncer_each_record_counts_once_despite_kills() -> Result<()> {
    let servers = Testbed::shared().await?;
    let scenario = Scenario::with(servers.database().await?, 31, 300).await?;
    let bouncer = Pgbouncer::start(&scenario.database, 3).await?;
    let run = scenario
        .vendas(["run"])
        .database(bouncer.database())
        .env("VENDAS_DATABASE__PREPARED_STATEMENTS", "false")
        .env("VENDAS_PIPELINE__COMMIT_RECORDS", "10");
    let progress = scenario.progress().await?;
    // Two instances that fence each other, on fewer connections than they request.
    let (one, other) = (run.start()?, run.start()?);
    let brake = Brake::at(&scenario.database, 50).await?;
    scenario.send(100).await?;
    // Two partitions with waiting commits may occupy all connections.
    progress.reach(100, &one).await?;
    bouncer.restart().await?;
    drop(brake);
    progress.reach(scenario.sent(), &one).await?;
    let brake = Brake::at(&scenario.database, 160).await?;
    scenario.send(100).await?;
    progress.reach(700, &one).await?;
    other.kill()?;
    drop(brake);
    scenario.send_rest().await?;
    progress.reach(scenario.sent(), &one).await?;
    terminate(one).await?;
    scenario.expect_all().await?;
    // All commands work there.
    for args in [vec!["verify"], vec!["report"], vec!["offsets", "show"], vec!["check"]] {
        let command = scenario.vendas([]).args(args).database(bouncer.database());
        let command = command.env("VENDAS_DATABASE__PREPARED_STATEMENTS", "false");
        command.run(DEADLINE).await?.expect_code(0)?;
    }
    Ok(())
}

#[tokio::test]
async fn behind_pgbouncer_a_rejected_order_is_isolated() -> Result<()> {
    let servers = Testbed::shared().await?;
    let shop = crate::shop::Shop::open(1).await?;
    shop.apply_schema().await?;
    shop.database.execute("ALTER TABLE sales ADD CHECK (order_number <> 55)").await?;
    shop.send_numbers(0, 1..=100).await?;
    let bouncer = Pgbouncer::start(&shop.database, 2).await?;
    let run = servers
        .vendas(crate::shop::VENDAS, &[&shop.topic], bouncer.database())
        .env("VENDAS_DATABASE__PREPARED_STATEMENTS", "false")
        .args(["run", "--until-end"]);
    let ended = run.run(DEADLINE).await?.expect_code(0)?;
    ensure!(committed_records(&ended)? == 100, "{}", ended.state());
    ensure!(shop.database.count("sales").await? == 99, "{}", ended.state());
    let letters = shop.rows("SELECT record_offset, reason FROM dead_letters").await?;
    ensure!(letters == ["54|rejected_by_database"], "{letters:?}");
    Ok(())
}

#[tokio::test]
async fn lost_prepared_statements_are_reported_with_the_remedy() -> Result<()> {
    let servers = Testbed::shared().await?;
    let scenario = Scenario::with(servers.database().await?, 32, 60).await?;
    let bouncer = Pgbouncer::start(&scenario.database, 1).await?;
    let with_them =
        scenario.vendas([]).database(bouncer.database()).env("VENDAS_DATABASE__POOL_SIZE", "1");
    scenario.send(20).await?;
    // Its statements stay on the only connection.
    with_them.clone().args(["run", "--until-end"]).run(DEADLINE).await?.expect_code(0)?;
    scenario.send_rest().await?;
    let run = with_them.args(["run"]).start()?;
    until_line(&run, &["database.prepared_statements = false"]).await?;
    run.kill()?;
    let without = scenario.vendas(["run", "--until-end"]).database(bouncer.database());
    let without = without.env("VENDAS_DATABASE__PREPARED_STATEMENTS", "false");
    without.run(DEADLINE).await?.expect_code(0)?;
    scenario.expect_all().await
}
