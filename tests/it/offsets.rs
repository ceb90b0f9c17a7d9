use testbed::{Result, ensure, eventually};

use crate::{
    data_loss::with_deleted_records,
    shop::{DEADLINE, Shop},
    wait::{until_count, until_line, until_lock_waits},
};

#[tokio::test]
async fn offsets_show_prints_next_offset_log_end_and_lag_of_each_partition() -> Result<()> {
    let shop = Shop::open(2).await?;
    shop.send_numbers(0, 0..250).await?;
    shop.process_backlog().await?;
    shop.send_numbers(0, 250..257).await?;
    shop.send_numbers(1, 300..303).await?;

    let json = shop.vendas(&["offsets", "show", "--format", "json"]).run(DEADLINE).await?;
    let json: serde_json::Value = serde_json::from_str(&json.expect_code(0)?.stdout)?;
    let topic = shop.topic.as_str();
    let by = &shop.rows("SELECT moved_by FROM partitions WHERE partition = 0").await?[0];
    let expected = serde_json::json!([
        {"topic": topic, "partition": 0, "next_offset": 250, "log_end": 257, "lag": 7,
         "moved_by": by, "member": null, "host": null},
        {"topic": topic, "partition": 1, "next_offset": 0, "log_end": 3, "lag": 3,
         "moved_by": by, "member": null, "host": null},
    ]);
    ensure!(json == expected, "{json:#}");

    let table = shop.vendas(&["offsets", "show"]).run(DEADLINE).await?.expect_code(0)?.stdout;
    let cells: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    let expected = [vec![topic, "0", "250", "257", "7", by], vec![topic, "1", "0", "3", "3", by]];
    ensure!(cells.get(1..) == Some(&expected), "{table}");
    Ok(())
}

#[tokio::test]
async fn before_the_first_run_there_are_no_offsets_and_the_lag_is_the_whole_log() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..3).await?;
    let json = shop.vendas(&["offsets", "show", "--format", "json"]).run(DEADLINE).await?;
    let json: serde_json::Value = serde_json::from_str(&json.expect_code(0)?.stdout)?;
    let topic = shop.topic.as_str();
    let expected = serde_json::json!([
        {"topic": topic, "partition": 0, "next_offset": null, "log_end": 3, "lag": 3,
         "moved_by": null, "member": null, "host": null},
    ]);
    ensure!(json == expected, "{json:#}");
    Ok(())
}

#[tokio::test]
async fn a_restart_continues_at_the_stored_offsets() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..150).await?;
    shop.process_backlog().await?;
    let first = shop.rows("SELECT * FROM sales ORDER BY order_number").await?;
    shop.send_numbers(0, 150..160).await?;
    let second = shop.process_backlog().await?;
    ensure!(second.stderr.contains("records=10 "), "{}", second.state());
    let all = shop.rows("SELECT * FROM sales ORDER BY order_number").await?;
    ensure!(all.len() == 160 && all.starts_with(&first), "the first 150 were written again");
    Ok(())
}

#[tokio::test]
async fn latest_is_resolved_once_and_new_partitions_start_at_their_first_record() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..10).await?;
    let latest = ["--set", "kafka.start_from=latest"];
    let run = shop.vendas(&["run"]).args(latest).start()?;
    eventually("the start at the end of the log", DEADLINE, async || {
        let rows = shop.rows("SELECT next_offset FROM partitions").await?;
        ensure!(rows == ["10"], "{rows:?} {}", run.state());
        Ok(())
    })
    .await?;
    run.kill()?;
    // Written while no instance runs: resolving `latest` a second time would skip it.
    shop.send_numbers(0, [10]).await?;
    let run = shop.vendas(&["run"]).args(latest).start()?;
    shop.servers.kafka.add_partitions(&shop.topic, 2).await?;
    shop.send_numbers(1, [11]).await?;
    eventually("both orders after the start", DEADLINE, async || {
        let rows = shop.rows("SELECT order_number FROM sales ORDER BY 1").await?;
        ensure!(rows == ["10", "11"], "{rows:?} {}", run.state());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_topic_created_while_running_starts_at_its_first_record() -> Result<()> {
    let shop = Shop::open(1).await?;
    let later = format!("{}-later", shop.topic);
    let topics = format!("{},{later}", shop.topic);
    let run = shop
        .vendas(&["run", "--topics", &topics])
        .args(["--set", "kafka.start_from=latest"])
        .start()?;
    eventually("the first topic's row", DEADLINE, async || {
        let rows = shop.rows("SELECT next_offset FROM partitions").await?;
        ensure!(rows == ["0"], "{rows:?} {}", run.state());
        Ok(())
    })
    .await?;
    shop.servers.kafka.create_topic(&later, 1, &[]).await?;
    let records = [1, 2].map(|number| testbed::Record::new(crate::shop::numbered(number)));
    shop.servers.kafka.produce(&later, 0, &records).await?;
    until_count(&shop.database, "sales", 2, &run).await
}

#[tokio::test]
async fn a_stored_offset_beyond_the_end_of_the_log_is_data_loss_and_an_error() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..5).await?;
    let beyond = ["offsets", "reset", "--to", "6", "--because", "a test", "--yes"];
    shop.process_backlog().await?;
    let refused = shop.vendas(&beyond).run(DEADLINE).await?.expect_code(1)?;
    ensure!(refused.stderr.contains("beyond the end"), "{}", refused.stderr);
    shop.database.execute("UPDATE partitions SET next_offset = 6").await?;
    let halted = shop.vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(1)?;
    ensure!(halted.stderr.contains("but its log ends at 5"), "{}", halted.stderr);
    Ok(())
}

#[tokio::test]
async fn a_deleted_offset_halts_its_partition() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..5).await?;
    let run = shop.vendas(&["run"]).start()?;
    until_count(&shop.database, "sales", 5, &run).await?;
    shop.database.execute("DELETE FROM partitions").await?;
    shop.send_numbers(0, 5..8).await?;
    until_line(&run, &["is missing from PostgreSQL, it was 5"]).await?;
    ensure!(shop.database.count("partitions").await? == 0, "the offset was replaced");
    Ok(())
}

#[tokio::test]
async fn a_recreated_topic_halts_until_offsets_reset() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..5).await?;
    shop.process_backlog().await?;
    shop.servers.kafka.recreate_topic(&shop.topic).await?;
    shop.send_numbers(0, 100..120).await?;

    let halted = shop.vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(1)?;
    ensure!(halted.stderr.contains("belongs to a deleted topic"), "{}", halted.stderr);
    ensure!(
        shop.database.count("sales").await? == 5,
        "orders of the recreated topic were processed"
    );

    let reset = ["offsets", "reset", "--to", "earliest", "--because", "it is a new topic"];
    let shown = shop.vendas(&reset).run(DEADLINE).await?.expect_code(0)?;
    ensure!(shown.stdout.contains("next offset 5 -> 0"), "{}", shown.stdout);
    shop.vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(1)?;
    shop.vendas(&reset).args(["--yes"]).run(DEADLINE).await?.expect_code(0)?;
    shop.process_backlog().await?;
    ensure!(shop.database.count("sales").await? == 25, "the new topic's orders are missing");
    Ok(())
}

#[tokio::test]
async fn records_deleted_unread_halt_their_partition_only() -> Result<()> {
    let shop = with_deleted_records().await?;
    let halted = shop.vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(1)?;
    ensure!(halted.stderr.contains("next offset 50"), "{}", halted.stderr);
    let counts = "SELECT count(*) FILTER (WHERE order_number < 100), count(*) FROM sales";
    ensure!(shop.rows(counts).await? == ["50|80"], "{:?}", shop.rows(counts).await?);
    Ok(())
}

/// When further partitions are added, the start of partitions is cancelled and begins again. The
/// cancelled transaction must not stay open.
#[tokio::test]
async fn a_cancelled_start_of_partitions_releases_its_locks() -> Result<()> {
    let shop = Shop::open(1).await?;
    let kafka = &shop.servers.kafka;
    shop.send_numbers(0, [0]).await?;
    let run = shop.vendas(&["run"]).env("VENDAS_DATABASE__STATEMENT_TIMEOUT", "10min").start()?;
    until_count(&shop.database, "sales", 1, &run).await?;
    let other = shop.database.connect().await?;
    other.batch_execute("BEGIN; LOCK TABLE partitions IN EXCLUSIVE MODE").await?;
    let until_waits = async |statement: &str| {
        eventually(&format!("a waiting {statement}"), DEADLINE, async || {
            let waiting = format!(
                "pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
                 AND query LIKE '%{statement}%'"
            );
            ensure!(shop.database.count(&waiting).await? == 1, "{}", run.state());
            Ok(())
        })
        .await
    };
    kafka.add_partitions(&shop.topic, 2).await?;
    until_waits("INSERT INTO").await?;
    kafka.add_partitions(&shop.topic, 3).await?;
    // The next start waits for the cancelled one, on another connection.
    until_waits("pg_advisory_xact_lock").await?;
    other.batch_execute("COMMIT").await?;
    for partition in [1, 2] {
        shop.send_numbers(partition, [partition]).await?;
    }
    until_count(&shop.database, "sales", 3, &run).await
}

/// A commit that began before a reset sees the other tables as they were then, and must not
/// complete after it.
#[tokio::test]
async fn a_reset_waits_for_commits_in_progress() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..2).await?;
    shop.process_backlog().await?;
    let other = shop.database.connect().await?;
    other.batch_execute("BEGIN; SELECT FROM partitions FOR UPDATE").await?;
    shop.send_numbers(0, 2..3).await?;
    let run = shop.vendas(&["run", "--until-end"]).start()?;
    until_lock_waits(&shop.database, 1).await?;
    let reset = ["offsets", "reset", "--to", "earliest", "--because", "a test", "--yes"];
    let reset = shop.vendas(&reset).start()?;
    eventually("a reset that waits for the commit", DEADLINE, async || {
        let waiting = "SELECT mode FROM pg_locks JOIN pg_stat_activity USING (pid) \
                       WHERE NOT granted AND datname = current_database()
                         AND relation = 'partitions'::regclass";
        let modes = shop.rows(waiting).await?;
        ensure!(modes == ["ShareRowExclusiveLock"], "{modes:?}: {}", reset.state());
        Ok(())
    })
    .await?;
    other.batch_execute("COMMIT").await?;
    reset.wait_exit(DEADLINE).await?.expect_code(0)?;
    run.wait_exit(DEADLINE).await?.expect_code(0)?;
    shop.process_backlog().await?;
    let sales = shop.rows("SELECT count(*)::text, sum(total)::text FROM sales").await?;
    ensure!(sales == ["3|3.30"], "{sales:?}");
    Ok(())
}
