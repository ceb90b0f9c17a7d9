use testbed::{Result, ensure, eventually};

use crate::shop::{DEADLINE, Shop};

#[tokio::test]
async fn offsets_show_prints_next_offset_log_end_and_lag_of_each_partition() -> Result<()> {
    let shop = Shop::open(2).await?;
    shop.send_numbers(0, 0..250).await?;
    shop.work().await?;
    shop.send_numbers(0, 250..257).await?;
    shop.send_numbers(1, 300..303).await?;

    let json = shop.vendas(&["offsets", "show", "--format", "json"]).run(DEADLINE).await?;
    let json: serde_json::Value = serde_json::from_str(&json.expect_code(0)?.stdout)?;
    let topic = shop.topic.as_str();
    let expected = serde_json::json!([
        {"topic": topic, "partition": 0, "next_offset": 250, "log_end": 257, "lag": 7},
        {"topic": topic, "partition": 1, "next_offset": 0, "log_end": 3, "lag": 3},
    ]);
    ensure!(json == expected, "{json:#}");

    let table = shop.vendas(&["offsets", "show"]).run(DEADLINE).await?.expect_code(0)?.stdout;
    let cells: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    let expected = [vec![topic, "0", "250", "257", "7"], vec![topic, "1", "0", "3", "3"]];
    ensure!(cells.get(1..) == Some(&expected), "{table}");
    Ok(())
}

#[tokio::test]
async fn a_restart_goes_on_where_it_left_off() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..150).await?;
    shop.work().await?;
    let first = shop.rows("SELECT * FROM sales ORDER BY order_number").await?;
    shop.send_numbers(0, 150..160).await?;
    let second = shop.work().await?;
    ensure!(second.stderr.contains("records=10 "), "{}", second.state());
    let all = shop.rows("SELECT * FROM sales ORDER BY order_number").await?;
    ensure!(all.len() == 160 && all.starts_with(&first), "the first 150 were written again");
    Ok(())
}

#[tokio::test]
async fn latest_is_resolved_once_and_partitions_that_come_later_start_at_their_first_record()
-> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..10).await?;
    let latest = ["--set", "kafka.start_from=latest"];
    let run = shop.vendas(&["run"]).args(latest).start()?;
    eventually("the start at the end", DEADLINE, async || {
        let rows = shop.rows("SELECT next_offset FROM partitions").await?;
        ensure!(rows == ["10"], "{rows:?} {}", run.state());
        Ok(())
    })
    .await?;
    run.kill()?;
    // Written while nobody looked: a second `latest` would miss it.
    shop.send_numbers(0, [10]).await?;
    let run = shop.vendas(&["run"]).args(latest).start()?;
    let alter = ["--alter", "--topic", &shop.topic, "--partitions", "2"];
    shop.bed.kafka.tool("org.apache.kafka.tools.TopicCommand", &alter, b"").await?;
    shop.send_numbers(1, [11]).await?;
    eventually("both orders that came after the start", DEADLINE, async || {
        let rows = shop.rows("SELECT order_number FROM sales ORDER BY 1").await?;
        ensure!(rows == ["10", "11"], "{rows:?} {}", run.state());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_topic_that_was_created_anew_halts_until_a_person_decides() -> Result<()> {
    let shop = Shop::open(1).await?;
    shop.send_numbers(0, 0..5).await?;
    shop.work().await?;
    shop.bed.kafka.delete_topic(&shop.topic).await?;
    eventually("the topic again", DEADLINE, async || {
        shop.bed.kafka.create_topic(&shop.topic, 1, &[]).await
    })
    .await?;
    shop.send_numbers(0, 100..120).await?;

    let halted = shop.vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(1)?;
    ensure!(halted.stderr.contains("belongs to a topic that is no more"), "{}", halted.stderr);
    ensure!(shop.database.count("sales").await? == 5, "orders of the namesake were taken");

    let reset = ["offsets", "reset", "--to", "earliest"];
    let shown = shop.vendas(&reset).run(DEADLINE).await?.expect_code(0)?;
    ensure!(shown.stdout.contains("next offset 5 -> 0"), "{}", shown.stdout);
    shop.vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(1)?;
    shop.vendas(&reset).args(["--yes"]).run(DEADLINE).await?.expect_code(0)?;
    shop.work().await?;
    ensure!(shop.database.count("sales").await? == 25, "the new topic's orders are missing");
    Ok(())
}

#[tokio::test]
async fn records_that_were_deleted_unread_halt_their_partition_alone() -> Result<()> {
    let shop = Shop::open(2).await?;
    shop.send_numbers(0, 0..50).await?;
    shop.work().await?;
    shop.send_numbers(0, 50..80).await?;
    shop.send_numbers(1, 100..130).await?;
    shop.bed.kafka.delete_records(&shop.topic, 0, 70).await?;
    let halted = shop.vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(1)?;
    ensure!(halted.stderr.contains("next offset 50"), "{}", halted.stderr);
    let counts = "SELECT count(*) FILTER (WHERE order_number < 100), count(*) FROM sales";
    ensure!(shop.rows(counts).await? == ["50|80"], "{:?}", shop.rows(counts).await?);
    Ok(())
}
