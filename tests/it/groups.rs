//! Several instances that share the partitions out by Kafka's consumer group, by both protocols.

mod classic;

use std::{collections::BTreeMap, time::Duration};

use testbed::{
    Context, Kafka, KafkaRelease, Pgbouncer, PostgresOptions, Record, Result, Signal, Testbed,
    Vendas, VendasCommand, ensure, eventually,
};

use crate::{
    shop::{Shop, VENDAS, numbered},
    stage::{DEADLINE, Stage, lines, terminate},
};

/// The testbed's broker takes a member out after 6 seconds without a word.
const SESSION: &str = "6s";

/// In a group, with the broker's session timeout.
fn in_group(command: VendasCommand, group: &str) -> VendasCommand {
    command.env("VENDAS_KAFKA__GROUP", group).env("VENDAS_KAFKA__SESSION_TIMEOUT", SESSION)
}

/// How many partitions each instance has, as `offsets show` tells; the fewest first.
async fn shares(show: &VendasCommand) -> Result<Vec<usize>> {
    let shown = show.run(DEADLINE).await?.expect_code(0)?;
    let lines: serde_json::Value = serde_json::from_str(&shown.stdout)?;
    let mut shares = BTreeMap::new();
    for line in lines.as_array().context("no list")? {
        if let Some(member) = line["member"].as_str() {
            *shares.entry(member.to_owned()).or_default() += 1;
        }
    }
    let mut shares: Vec<_> = shares.into_values().collect();
    shares.sort_unstable();
    Ok(shares)
}

async fn shared_out(show: &VendasCommand, expected: &[usize], watched: &[&Vendas]) -> Result<()> {
    eventually(&format!("{expected:?} partitions"), DEADLINE, async || {
        let shares = shares(show).await?;
        let states: Vec<_> = watched.iter().map(|vendas| vendas.state()).collect();
        ensure!(shares == expected, "{shares:?}: {}", states.join("\n"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn instances_come_and_go_and_each_record_counts_once() -> Result<()> {
    let stage = Stage::wide(Testbed::shared().await?.database().await?, 6, 21, 260).await?;
    come_and_go(stage, |command| command).await
}

#[tokio::test]
async fn instances_come_and_go_on_kafka_2_8() -> Result<()> {
    let bed = Testbed::shared_with(KafkaRelease::V2_8).await?;
    let stage = Stage::wide_on(&bed.kafka, bed.database().await?, 6, 24, 260).await?;
    come_and_go(stage, |command| command).await
}

/// Where a change of the group is a rebalance of all that stops everything.
#[tokio::test]
async fn instances_come_and_go_in_ranges_on_kafka_3_9() -> Result<()> {
    let bed = Testbed::shared_with(KafkaRelease::V3_9).await?;
    let stage = Stage::wide_on(&bed.kafka, bed.database().await?, 6, 25, 260).await?;
    let ranges = |command: VendasCommand| command.env("VENDAS_KAFKA__GROUP_ASSIGNORS", "range");
    come_and_go(stage, ranges).await
}

#[tokio::test]
async fn behind_pgbouncer_they_do_so_too() -> Result<()> {
    let stage = Stage::wide(Testbed::shared().await?.database().await?, 6, 23, 260).await?;
    let bouncer = Pgbouncer::start(&stage.database, 4).await?;
    let behind = |command: VendasCommand| {
        let command = command.database(bouncer.database());
        command.env("VENDAS_DATABASE__PREPARED_STATEMENTS", "false")
    };
    come_and_go(stage, behind).await
}

async fn come_and_go(
    stage: Stage<'_>,
    reaching: impl Fn(VendasCommand) -> VendasCommand,
) -> Result<()> {
    let group = format!("group-{}", stage.database.name());
    let run = in_group(reaching(stage.vendas(["run"])), &group);
    let show = in_group(reaching(stage.vendas(["offsets", "show", "--format", "json"])), &group);
    let progress = stage.progress().await?;

    let one = run.start()?;
    shared_out(&show, &[12], &[&one]).await?;
    stage.send(40).await?;
    let two = run.start()?;
    shared_out(&show, &[6, 6], &[&one, &two]).await?;
    stage.send(40).await?;
    let three = run.start()?;
    shared_out(&show, &[4, 4, 4], &[&one, &two, &three]).await?;
    stage.send(40).await?;

    one.kill()?;
    stage.send(40).await?;
    shared_out(&show, &[6, 6], &[&two, &three]).await?;
    progress.reach(stage.sent(), &two).await?;

    // Frozen with work at hand, for longer than its session lasts.
    two.signal(Signal::STOP)?;
    stage.send(40).await?;
    shared_out(&show, &[12], &[&three]).await?;
    progress.reach(stage.sent(), &three).await?;
    two.signal(Signal::CONT)?;
    stage.send(20).await?;
    eventually("word that it was fenced", DEADLINE, async || {
        ensure!(lines(&two.stderr()?, "fenced: ") > 0, "{}", two.state());
        Ok(())
    })
    .await?;
    shared_out(&show, &[6, 6], &[&two, &three]).await?;
    stage.send_rest().await?;
    progress.reach(stage.sent(), &three).await?;

    // Kafka's own tool shows who has what, and how far it is.
    let args = ["--describe", "--group", &group];
    let class = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    eventually("no lag in Kafka's eyes", DEADLINE, async || {
        let text = stage.kafka().tool(class, &args, b"").await?;
        let columns = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let rows: Vec<_> = columns.filter(|row| row.first() == Some(&group.as_str())).collect();
        ensure!(rows.len() == 12, "{text}");
        let sent = stage.sent() / 12;
        for row in &rows {
            // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID
            let is_done = row[3] == sent.to_string() && row[3] == row[4] && row[5] == "0";
            // By the classic protocol the broker puts the client id before it.
            let is_member = row[6].trim_start_matches("vendas-").len() == 36;
            ensure!(is_done && is_member, "{text}");
        }
        Ok(())
    })
    .await?;

    let left = terminate(two).await?;
    ensure!(lines(&left.stderr, "left the group") == 1, "{}", left.state());
    shared_out(&show, &[12], &[&three]).await?;
    terminate(three).await?;
    stage.expect_all().await
}

#[tokio::test]
async fn what_is_revoked_is_released_although_postgresql_is_away() -> Result<()> {
    revoked_without_postgresql(&Testbed::shared().await?.kafka).await
}

#[tokio::test]
async fn what_is_revoked_is_released_on_kafka_3_9_too() -> Result<()> {
    revoked_without_postgresql(&Testbed::shared_with(KafkaRelease::V3_9).await?.kafka).await
}

async fn revoked_without_postgresql(kafka: &'static Kafka) -> Result<()> {
    let postgres = PostgresOptions::default().start().await?;
    let stage = Stage::wide_on(kafka, postgres.database().await?, 3, 22, 120).await?;
    let group = format!("group-{}-revoked", std::process::id());
    let run = in_group(stage.vendas(["run"]), &group)
        .env("VENDAS_PIPELINE__SHUTDOWN_TIMEOUT", "3s")
        .env("VENDAS_DATABASE__STATEMENT_TIMEOUT", "60s");
    let members = async || {
        let args = ["--describe", "--members", "--group", &group];
        let class = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
        let text = kafka.tool(class, &args, b"").await?;
        let columns = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let rows = columns.filter(|row| row.first() == Some(&group.as_str()));
        let mut shares: Vec<String> = rows.filter_map(|row| Some((*row.get(4)?).into())).collect();
        shares.sort_unstable();
        Ok::<_, testbed::Error>(shares)
    };
    let shared_out = async |expected: &[&str], watched: &[&Vendas]| {
        eventually(&format!("{expected:?} partitions"), DEADLINE, async || {
            let shares = members().await?;
            let states: Vec<_> = watched.iter().map(|vendas| vendas.state()).collect();
            ensure!(shares == expected, "{shares:?}: {}", states.join("\n"));
            Ok(())
        })
        .await
    };
    let progress = stage.progress().await?;
    let (one, two) = (run.start()?, run.start()?);
    shared_out(&["3", "3"], &[&one, &two]).await?;
    two.signal(Signal::STOP)?;
    shared_out(&["6"], &[&one]).await?;
    stage.send(40).await?;
    progress.reach(stage.sent(), &one).await?;
    // It answers nothing, so that what is in flight stays there.
    postgres.pause()?;
    stage.send(40).await?;
    two.signal(Signal::CONT)?;
    shared_out(&["3", "3"], &[&one, &two]).await?;
    postgres.resume()?;
    stage.send_rest().await?;
    progress.reach(stage.sent(), &one).await?;
    terminate(one).await?;
    terminate(two).await?;
    stage.expect_all().await
}

#[tokio::test]
async fn it_starts_where_another_consumer_left_off() -> Result<()> {
    takes_over(Testbed::shared().await?).await
}

#[tokio::test]
async fn it_does_so_on_kafka_2_8_and_3_9() -> Result<()> {
    let (older, newer) = (KafkaRelease::V2_8, KafkaRelease::V3_9);
    takes_over(Testbed::shared_with(older).await?).await?;
    takes_over(Testbed::shared_with(newer).await?).await
}

async fn takes_over(bed: &'static Testbed) -> Result<()> {
    let shop = Shop::on(bed, 2, &[]).await?;
    shop.send_numbers(0, 1..=10).await?;
    shop.send_numbers(1, 11..=20).await?;
    let group = format!("{}-before", shop.topic);
    let class = "org.apache.kafka.tools.consumer.ConsoleConsumer";
    // An unknown group is no reason to begin anywhere.
    let run = shop
        .vendas(&["run", "--until-end"])
        .env("VENDAS_KAFKA__START_FROM", format!("group:{group}"));
    let refused = run.run(DEADLINE).await?.expect_code(1)?;
    ensure!(
        refused.stderr.contains(&format!("group {group} has no committed offsets")),
        "{}",
        refused.state()
    );

    let args = [
        "--topic",
        &shop.topic,
        "--group",
        &group,
        "--max-messages",
        "20",
        "--from-beginning",
        "--timeout-ms",
        "30000",
    ];
    bed.kafka.tool(class, &args, b"").await?;
    shop.send_numbers(0, 21..=25).await?;
    shop.send_numbers(1, 26..=27).await?;
    run.run(DEADLINE).await?.expect_code(0)?;
    let numbers = shop.rows("SELECT order_number FROM sales ORDER BY 1").await?;
    let expected: Vec<_> = (21..=27).map(|number| number.to_string()).collect();
    ensure!(numbers == expected, "{numbers:?}");
    let offsets = shop.rows("SELECT partition, next_offset FROM partitions ORDER BY 1").await?;
    ensure!(offsets == ["0|15", "1|12"], "{offsets:?}");
    Ok(())
}

#[tokio::test]
async fn without_groups_instances_have_partitions_by_name() -> Result<()> {
    let bed = Testbed::shared_with(KafkaRelease::V3_9).await?;
    let database = bed.database().await?;
    let topic = bed.topic(4).await?;
    let command = bed.vendas(VENDAS, &[&topic], &database);
    let refused = command
        .clone()
        .args(["run"])
        .env("VENDAS_KAFKA__GROUP", "vendas")
        .env("VENDAS_KAFKA__GROUP_PROTOCOL", "consumer");
    let refused = refused.run(DEADLINE).await?.expect_code(1)?;
    ensure!(
        refused.stderr.contains("set kafka.group_protocol to auto")
            && refused.stderr.contains("kafka.partitions"),
        "{}",
        refused.state()
    );

    for partition in 0..4 {
        let records: Vec<_> =
            (1..=50).map(|n| Record::new(numbered(partition * 100 + n))).collect();
        bed.kafka.produce(&topic, partition, &records).await?;
    }
    let run = |partitions: &str| {
        command.clone().args(["run"]).env("VENDAS_KAFKA__PARTITIONS", partitions).start()
    };
    let (low, high) = (run(&format!("{topic}:0-1"))?, run(&format!("{topic}:2,{topic}:3"))?);
    let done = async || {
        let sql = "SELECT partition, next_offset, moved_by FROM partitions ORDER BY 1";
        let rows = database.table(sql).await?.rows;
        ensure!(rows.len() == 4, "{rows:?}");
        ensure!(rows.iter().all(|row| row[1].as_deref() == Some("50")), "{rows:?}");
        Ok(rows)
    };
    eventually("all orders", DEADLINE, async || done().await.map(drop)).await?;
    let rows = done().await?;
    ensure!(rows[0][2] == rows[1][2] && rows[2][2] == rows[3][2], "{rows:?}");
    ensure!(rows[0][2] != rows[2][2], "one instance did it all: {rows:?}");
    for ended in [terminate(low).await?, terminate(high).await?] {
        ensure!(lines(&ended.stderr, "fenced") == 0, "{}", ended.state());
    }
    ensure!(database.count("sales").await? == 200, "orders are missing");
    Ok(())
}

/// A topic that several instances see for the first time begins at the same place for all of them.
#[tokio::test]
async fn latest_means_the_same_for_all_instances() -> Result<()> {
    let shop = Shop::open(6).await?;
    for partition in 0..6 {
        shop.send_numbers(partition, partition * 10..partition * 10 + 5).await?;
    }
    let group = format!("{}-latest", shop.topic);
    let run = in_group(shop.vendas(&["run"]), &group).env("VENDAS_KAFKA__START_FROM", "latest");
    let (one, two) = (run.start()?, run.start()?);
    let show = in_group(shop.vendas(&["offsets", "show", "--format", "json"]), &group);
    shared_out(&show, &[3, 3], &[&one, &two]).await?;
    for partition in 0..6 {
        shop.send_numbers(partition, [1000 + partition]).await?;
    }
    eventually("the later orders", Duration::from_secs(30), async || {
        ensure!(shop.database.count("sales").await? >= 6, "{}\n{}", one.state(), two.state());
        Ok(())
    })
    .await?;
    terminate(one).await?;
    terminate(two).await?;
    let numbers = shop.rows("SELECT order_number FROM sales ORDER BY 1").await?;
    let expected: Vec<_> = (1000..1006).map(|number| number.to_string()).collect();
    ensure!(numbers == expected, "{numbers:?}");
    Ok(())
}
