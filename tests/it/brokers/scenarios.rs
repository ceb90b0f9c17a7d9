//! Scenarios for every broker.

use testbed::{
    KafkaCaps, Librdkafka, Record, RecordBatch, Result, Step, Testbed, ensure, eventually,
    samples::{Random, Sample},
};

use crate::{
    brake::Brake,
    scenario::{LANES, Scenario, terminate},
    shop::{DEADLINE, Shop},
    topics,
    wait::{until_count, until_line},
};

/// Records with every codec are read exactly.
pub(super) async fn codecs(servers: &'static Testbed) -> Result<()> {
    let shop = Shop::on(servers, 3, &[]).await?;
    let librdkafka = Librdkafka::start(&servers.kafka).await?;
    let batches = topics::batches(&mut Random(21));
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        // Brokers send no zstd below Fetch 10 (KIP-110).
        let refused = codec == "zstd" && servers.kafka.caps().is_some_and(has_no_zstd);
        if !refused {
            librdkafka.produce(&shop.topic, codec, &batches).await?;
        }
    }
    topics::read_by_both(&shop, &librdkafka).await.map(drop)
}

fn has_no_zstd(caps: &KafkaCaps) -> bool {
    const FETCH: i16 = 1;
    caps.highest.iter().any(|(key, highest)| *key == FETCH && *highest < 10)
}

/// Committed transactions are read, aborted ones are not, and an open one ends the readable part.
pub(super) async fn transactions(servers: &'static Testbed) -> Result<()> {
    let shop = Shop::on(servers, 2, &[]).await?;
    let librdkafka = Librdkafka::start(&servers.kafka).await?;
    let batch = |partition: i32, fate: &str| RecordBatch {
        partition,
        records: (0..20).map(|number| Record::new(format!("{fate} {number}"))).collect(),
        headers: vec![],
    };
    let mut steps = Vec::new();
    for round in 0..3 {
        for partition in [0, 1] {
            steps.extend([
                Step::Begin("ana"),
                Step::Begin("bia"),
                Step::Send("ana", batch(partition, "committed")),
                Step::Send("bia", batch(partition, "aborted")),
                Step::SendPlainly(batch(partition, "plain")),
                if round == 1 { Step::Abort("bia") } else { Step::Commit("ana") },
                if round == 1 { Step::Commit("ana") } else { Step::Abort("bia") },
            ]);
        }
    }
    steps.extend([Step::Begin("eva"), Step::Send("eva", batch(1, "open"))]);
    steps.push(Step::SendPlainly(batch(1, "behind")));
    librdkafka.transactions(&shop.topic, &steps).await?;
    let logs = topics::read_by_both(&shop, &librdkafka).await?;
    let read: usize = logs.values().map(|log| log.records.len()).sum();
    ensure!(read == 3 * 2 * 2 * 20, "{read} records are readable");
    // Later scenarios on this broker must not wait for it.
    librdkafka.transactions(&shop.topic, &[Step::Commit("eva")]).await?;
    topics::read_by_both(&shop, &librdkafka).await.map(drop)
}

/// Offsets with gaps, and batches without records.
pub(super) async fn compaction(servers: &'static Testbed) -> Result<()> {
    topics::compacted(servers).await
}

/// A log is read from its start offset, even above 0. Records that were deleted unread are
/// reported, and skipped only on the operator's request.
pub(super) async fn retention(servers: &'static Testbed) -> Result<()> {
    let shop = Shop::on(servers, 2, &[]).await?;
    shop.send_numbers(0, 0..50).await?;
    servers.kafka.delete_records(&shop.topic, 0, 20).await?;
    shop.process_backlog().await?;
    ensure!(shop.database.count("sales").await? == 30, "orders are missing");

    shop.send_numbers(0, 50..80).await?;
    shop.send_numbers(1, 100..130).await?;
    servers.kafka.delete_records(&shop.topic, 0, 70).await?;
    let halted = shop.vendas(&["run", "--until-end"]).run(DEADLINE).await?.expect_code(1)?;
    ensure!(halted.stderr.contains("[50, 70) was deleted before it was read"), "{}", halted.stderr);
    ensure!(shop.database.count("sales").await? == 60, "the other partition is not read");
    let reset = ["offsets", "reset", "--partition", "0", "--to", "70", "--because", "x", "--yes"];
    shop.vendas(&reset).run(DEADLINE).await?.expect_code(0)?;
    shop.process_backlog().await?;
    ensure!(shop.database.count("sales").await? == 70, "orders are missing");
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

/// `verify` finds simulated orders of a new topic correct.
pub(super) async fn simulate(servers: &'static Testbed) -> Result<()> {
    let shop = Shop::on(servers, 1, &[]).await?;
    let topic = format!("{}-simulated", shop.topic);
    let args = ["simulate", "--topic", &topic, "--seed", "7", "--count", "2000"];
    let more = ["--partitions", "3", "--invalid", "5%", "--corrections", "5%", "--hard"];
    shop.vendas(&args).args(more).run(DEADLINE).await?.expect_code(0)?;
    let shop = Shop { topic, ..shop };
    let mut records = 0;
    for partition in 0..3 {
        records += servers.kafka.log_end(&shop.topic, partition).await?;
    }
    ensure!(records == 2_000, "{records} records");
    let ran = shop.process_backlog().await?;
    ensure!(ran.stderr.contains("records=2000 "), "{}", ran.stderr);
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

/// Sends the orders of a file.
pub(super) async fn produce(servers: &'static Testbed) -> Result<()> {
    let shop = Shop::on(servers, 2, &[]).await?;
    let produce = shop.vendas(&["produce", "-"]).input(Sample::Hard.file());
    produce.run(DEADLINE).await?.expect_code(0)?;
    let ran = shop.process_backlog().await?;
    let told = format!("records={} ", Sample::Hard.orders().len());
    ensure!(ran.stderr.contains(&told), "no {told:?}: {}", ran.stderr);
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

/// If `check` reports ok, `run` works.
pub(super) async fn check(servers: &'static Testbed) -> Result<()> {
    let shop = Shop::on(servers, 3, &[]).await?;
    shop.apply_schema().await?;
    let checked = shop.vendas(&["check"]).run(DEADLINE).await?.expect_code(0)?;
    let line = format!("ok    topic {}: 3 partitions can be read", shop.topic);
    ensure!(checked.stdout.contains(&line), "no {line:?} in {}", checked.stdout);
    shop.send_numbers(0, 0..5).await?;
    shop.process_backlog().await?;
    ensure!(shop.database.count("sales").await? == 5, "orders are missing");
    Ok(())
}

/// Two instances share a topic, and each order counts once.
pub(super) async fn group(servers: &'static Testbed) -> Result<()> {
    let shop = Shop::on(servers, 4, &[]).await?;
    let in_group = |args: &[&str]| shop.vendas(args).env("VENDAS_KAFKA__GROUP", &shop.topic);
    shop.apply_schema().await?;
    in_group(&["check"]).run(DEADLINE).await?.expect_code(0)?;
    let (one, two) = (in_group(&["run"]).start()?, in_group(&["run"]).start()?);
    eventually("two partitions each", DEADLINE, async || {
        let shown = in_group(&["offsets", "show", "--format", "json"]);
        let shown = shown.run(DEADLINE).await?.expect_code(0)?;
        let lines: Vec<serde_json::Value> = serde_json::from_str(&shown.stdout)?;
        let member = lines.first().and_then(|line| line["member"].as_str());
        let theirs = lines.iter().filter(|line| line["member"].as_str() == member).count();
        ensure!(member.is_some() && theirs == 2, "{}", shown.stdout);
        Ok(())
    })
    .await?;
    for partition in 0..4 {
        shop.send_numbers(partition, partition * 100..partition * 100 + 50).await?;
    }
    eventually("the orders", DEADLINE, async || {
        let count = shop.database.count("sales").await?;
        ensure!(count == 200, "{count}: {} {}", one.state(), two.state());
        Ok(())
    })
    .await?;
    for instance in [one, two] {
        terminate(instance).await?;
    }
    shop.vendas(&["verify"]).run(DEADLINE).await?.expect_code(0).map(drop)
}

/// A topic that is recreated while it is processed is recognized, even if it is fetched by name and
/// its log has become longer. Without topic ids this is impossible.
pub(super) async fn recreated(servers: &'static Testbed) -> Result<()> {
    if servers.kafka.caps().is_some() {
        return Ok(());
    }
    let shop = Shop::on(servers, 1, &[]).await?;
    shop.send_numbers(0, 0..20).await?;
    let vendas = shop.vendas(&["run"]).start()?;
    until_count(&shop.database, "sales", 20, &vendas).await?;
    servers.kafka.recreate_topic(&shop.topic).await?;
    shop.send_numbers(0, 100..150).await?;
    until_line(&vendas, &["was recreated"]).await?;
    ensure!(shop.database.count("sales").await? == 20, "orders of the new topic");
    terminate(vendas).await.map(drop)
}

/// Brokers with topic ids after an upgrade: processing continues at offsets that were stored
/// without ids.
pub(super) async fn ids_after_upgrade(servers: &'static Testbed) -> Result<()> {
    if servers.kafka.caps().is_none() {
        return Ok(());
    }
    const IDS: &str = "SELECT count(DISTINCT topic_id)::text, min(next_offset)::text, \
                       max(substr(topic_id::text, 15, 1)) FROM partitions";
    let shop = Shop::on(servers, 2, &[]).await?;
    for partition in [0, 1] {
        shop.send_numbers(partition, partition * 100..partition * 100 + 10).await?;
    }
    shop.process_backlog().await?;
    // A name-based UUID (version 5).
    ensure!(shop.rows(IDS).await? == ["1|10|5"], "{:?}", shop.rows(IDS).await?);
    for partition in [0, 1] {
        shop.send_numbers(partition, partition * 100 + 10..partition * 100 + 15).await?;
    }
    // The broker is asked directly first, and has topic ids; the leader that it names is still the
    // proxy.
    let upgraded = shop.vendas(&["run", "--until-end"]);
    let ran = upgraded
        .env("VENDAS_KAFKA__BROKERS", servers.kafka.address())
        .run(DEADLINE)
        .await?
        .expect_code(0)?;
    ensure!(ran.stderr.contains("records=10 "), "{}", ran.stderr);
    ensure!(shop.rows(IDS).await? == ["1|15|4"], "{:?}", shop.rows(IDS).await?);
    ensure!(shop.database.count("sales").await? == 30, "orders are missing");
    let noted = "SELECT DISTINCT because FROM offset_resets";
    ensure!(shop.rows(noted).await? == ["the brokers now assign topic ids"], "not noted");
    Ok(())
}

/// The broker is killed and restarted, then stopped and restarted, during processing.
pub(super) async fn restarts(servers: &'static Testbed) -> Result<()> {
    const ROUND: usize = 40;
    let scenario = Scenario::on(&servers.kafka, servers.database().await?, 23, 3 * ROUND).await?;
    let brake = Brake::at(&scenario.database, ROUND / 2).await?;
    let vendas = scenario.vendas(["run"]).env("VENDAS_PIPELINE__COMMIT_RECORDS", "10").start()?;
    let progress = scenario.progress().await?;
    scenario.send(ROUND).await?;
    // Four partitions with waiting commits occupy all connections.
    progress.reach(ROUND * 2, &vendas).await?;
    servers.kafka.kill()?;
    drop(brake);
    servers.kafka.restart().await?;
    progress.reach(ROUND * LANES, &vendas).await?;
    let brake = Brake::at(&scenario.database, ROUND * 3 / 2).await?;
    scenario.send(ROUND).await?;
    progress.reach(ROUND * LANES + ROUND * 2, &vendas).await?;
    servers.kafka.restart().await?;
    drop(brake);
    scenario.send_rest().await?;
    progress.reach(3 * ROUND * LANES, &vendas).await?;
    terminate(vendas).await?;
    scenario.expect_all().await
}
