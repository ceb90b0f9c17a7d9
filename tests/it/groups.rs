//! Several instances share partitions through a consumer group, with both group protocols.

mod classic;

use std::{collections::BTreeMap, time::Duration};

use testbed::{
    Context, Direction, Kafka, KafkaOptions, KafkaRelease, Pgbouncer, PostgresOptions, Proxy,
    Record, Result, Signal, Testbed, Vendas, VendasCommand, ensure, eventually,
};

use crate::{
    brake::Brake,
    scenario::{DEADLINE, Scenario, count_lines, terminate},
    shop::{Shop, VENDAS, numbered},
    wait::{until_count, until_line, until_lock_waits},
};

/// The testbed's broker removes a member after 6 seconds without a heartbeat.
const SESSION: &str = "6s";
/// Connections of an instance whose statements all wait.
const POOL: usize = 4;

/// In a group, with the broker's session timeout.
fn in_group(command: VendasCommand, group: &str) -> VendasCommand {
    command.env("VENDAS_KAFKA__GROUP", group).env("VENDAS_KAFKA__SESSION_TIMEOUT", SESSION)
}

/// How many partitions each instance has, as `offsets show` reports them, in ascending order.
async fn assigned_counts(show: &VendasCommand) -> Result<Vec<usize>> {
    let shown = show.run(DEADLINE).await?.expect_code(0)?;
    let lines: serde_json::Value = serde_json::from_str(&shown.stdout)?;
    let mut counts = BTreeMap::new();
    for line in lines.as_array().context("no list")? {
        if let Some(member) = line["member"].as_str() {
            *counts.entry(member.to_owned()).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_unstable();
    Ok(counts)
}

async fn until_assigned(
    show: &VendasCommand,
    expected: &[usize],
    watched: &[&Vendas],
) -> Result<()> {
    eventually(&format!("{expected:?} partitions"), DEADLINE, async || {
        let counts = assigned_counts(show).await?;
        let states: Vec<_> = watched.iter().map(|vendas| vendas.state()).collect();
        ensure!(counts == expected, "{counts:?}: {}", states.join("\n"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn instances_join_and_leave_and_each_record_counts_once() -> Result<()> {
    let scenario =
        Scenario::with_partitions(Testbed::shared().await?.database().await?, 6, 21, 260).await?;
    join_and_leave(scenario, |command| command).await
}

#[tokio::test]
async fn instances_join_and_leave_on_kafka_2_8() -> Result<()> {
    let servers = Testbed::shared_with(KafkaRelease::V2_8).await?;
    let scenario =
        Scenario::with_partitions_on(&servers.kafka, servers.database().await?, 6, 24, 260).await?;
    join_and_leave(scenario, |command| command).await
}

/// Every change of the group is an eager rebalance.
#[tokio::test]
async fn instances_join_and_leave_with_range_assignment_on_kafka_3_9() -> Result<()> {
    let servers = Testbed::shared_with(KafkaRelease::V3_9).await?;
    let scenario =
        Scenario::with_partitions_on(&servers.kafka, servers.database().await?, 6, 25, 260).await?;
    let ranges = |command: VendasCommand| command.env("VENDAS_KAFKA__GROUP_ASSIGNORS", "range");
    join_and_leave(scenario, ranges).await
}

#[tokio::test]
async fn instances_join_and_leave_behind_pgbouncer() -> Result<()> {
    let scenario =
        Scenario::with_partitions(Testbed::shared().await?.database().await?, 6, 23, 260).await?;
    let bouncer = Pgbouncer::start(&scenario.database, 4).await?;
    let behind = |command: VendasCommand| {
        let command = command.database(bouncer.database());
        command.env("VENDAS_DATABASE__PREPARED_STATEMENTS", "false")
    };
    join_and_leave(scenario, behind).await
}

async fn join_and_leave(
    scenario: Scenario<'_>,
    reaching: impl Fn(VendasCommand) -> VendasCommand,
) -> Result<()> {
    let group = format!("group-{}", scenario.database.name());
    let run = in_group(reaching(scenario.vendas(["run"])), &group);
    let show = in_group(reaching(scenario.vendas(["offsets", "show", "--format", "json"])), &group);
    let progress = scenario.progress().await?;

    let one = run.start()?;
    until_assigned(&show, &[12], &[&one]).await?;
    scenario.send(40).await?;
    let two = run.start()?;
    until_assigned(&show, &[6, 6], &[&one, &two]).await?;
    scenario.send(40).await?;
    let three = run.start()?;
    until_assigned(&show, &[4, 4, 4], &[&one, &two, &three]).await?;
    scenario.send(40).await?;

    one.kill()?;
    scenario.send(40).await?;
    until_assigned(&show, &[6, 6], &[&two, &three]).await?;
    progress.reach(scenario.sent(), &two).await?;

    // Frozen with records in progress, for longer than the session timeout.
    two.signal(Signal::STOP)?;
    scenario.send(40).await?;
    until_assigned(&show, &[12], &[&three]).await?;
    progress.reach(scenario.sent(), &three).await?;
    two.signal(Signal::CONT)?;
    scenario.send(20).await?;
    until_line(&two, &["fenced: "]).await?;
    until_assigned(&show, &[6, 6], &[&two, &three]).await?;
    scenario.send_rest().await?;
    progress.reach(scenario.sent(), &three).await.with_context(|| two.state())?;

    // Kafka's own tool shows the assignment and the committed offsets.
    let args = ["--describe", "--group", &group];
    let class = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    eventually("no lag in kafka-consumer-groups", DEADLINE, async || {
        let text = scenario.kafka().tool(class, &args, b"").await?;
        let columns = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let rows: Vec<_> = columns.filter(|row| row.first() == Some(&group.as_str())).collect();
        ensure!(rows.len() == 12, "{text}");
        let sent = scenario.sent() / 12;
        for row in &rows {
            // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID
            let is_done = row[3] == sent.to_string() && row[3] == row[4] && row[5] == "0";
            // With the classic protocol the broker prefixes the client id.
            let is_member = row[6].trim_start_matches("vendas-").len() == 36;
            ensure!(is_done && is_member, "{text}");
        }
        Ok(())
    })
    .await?;

    let left = terminate(two).await?;
    ensure!(count_lines(&left.stderr, "left the group") == 1, "{}", left.state());
    until_assigned(&show, &[12], &[&three]).await?;
    terminate(three).await?;
    scenario.expect_all().await
}

/// The broker sends an assignment once, unless a member asks for it (KIP-848).
#[tokio::test]
async fn an_assignment_whose_response_is_lost_is_requested_again() -> Result<()> {
    loses_an_assignment(Until::Reconnected).await
}

#[tokio::test]
async fn an_assignment_whose_heartbeat_fails_is_requested_again() -> Result<()> {
    loses_an_assignment(Until::Failed).await
}

/// How long the connection stays lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// The same heartbeat is sent on a new connection.
    Reconnected,
    /// The heartbeat fails.
    Failed,
}

async fn loses_an_assignment(until: Until) -> Result<()> {
    let proxy = Proxy::start().await?;
    // No timeout makes it join again.
    let kafka = KafkaOptions::default()
        .behind(&proxy)
        .property("group.consumer.session.timeout.ms", "60000")
        // The first heartbeat after a change has the assignment.
        .property("group.consumer.assignment.interval.ms", "0")
        .start()
        .await?;
    proxy.lead_to(kafka.behind_proxy()?);
    kafka.create_topic("orders", 2, &[]).await?;
    let database = Testbed::shared().await?.database().await?;
    let vendas = VendasCommand::new(VENDAS)
        .kafka(&kafka, &["orders"])
        .database(&database)
        .env("VENDAS_KAFKA__GROUP", "orders")
        .env("VENDAS_KAFKA__SESSION_TIMEOUT", "60s")
        .env("VENDAS_KAFKA__TIMEOUT", if until == Until::Failed { "5s" } else { "60s" });
    let show = vendas.clone().args(["offsets", "show", "--format", "json"]);
    let run = vendas.args(["run"]);
    let one = run.start()?;
    until_assigned(&show, &[2], &[&one]).await?;
    let two = run.env("VENDAS_KAFKA__BROKERS", proxy.address()).start()?;
    until_assigned(&show, &[1, 1], &[&one, &two]).await?;

    // A heartbeat arrives when the other partition is free, and the connection is lost with the
    // response.
    proxy.block(Direction::ToServer);
    terminate(one).await?;
    until_assigned(&show, &[1], &[&two]).await?;
    proxy.block(Direction::ToClient);
    until_assigned(&show, &[2], &[&two]).await?;
    proxy.sever();
    if until == Until::Failed {
        until_line(&two, &["paused", "Kafka group"]).await?;
    }
    proxy.unblock();
    for partition in [0, 1] {
        kafka.produce("orders", partition, &[Record::new(numbered(partition))]).await?;
    }
    until_count(&database, "sales", 2, &two).await?;
    let ended = terminate(two).await?;
    ensure!(count_lines(&ended.stderr, "fenced") == 0, "{}", ended.stderr);
    Ok(())
}

#[tokio::test]
async fn revoked_partitions_are_released_while_postgresql_is_away() -> Result<()> {
    revokes_without_postgresql(&Testbed::shared().await?.kafka).await
}

#[tokio::test]
async fn revoked_partitions_are_released_on_kafka_3_9() -> Result<()> {
    revokes_without_postgresql(&Testbed::shared_with(KafkaRelease::V3_9).await?.kafka).await
}

async fn revokes_without_postgresql(kafka: &'static Kafka) -> Result<()> {
    let postgres = PostgresOptions::default().start().await?;
    let scenario =
        Scenario::with_partitions_on(kafka, postgres.database().await?, 3, 22, 120).await?;
    let group = format!("group-{}-revoked", std::process::id());
    let run = in_group(scenario.vendas(["run"]), &group)
        .env("VENDAS_PIPELINE__SHUTDOWN_TIMEOUT", "3s")
        .env("VENDAS_DATABASE__POOL_SIZE", POOL.to_string())
        .env("VENDAS_DATABASE__STATEMENT_TIMEOUT", "60s");
    let members = async || {
        let args = ["--describe", "--members", "--group", &group];
        let class = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
        let text = kafka.tool(class, &args, b"").await?;
        let columns = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let rows = columns.filter(|row| row.first() == Some(&group.as_str()));
        let mut counts: Vec<String> = rows.filter_map(|row| Some((*row.get(4)?).into())).collect();
        counts.sort_unstable();
        Ok::<_, testbed::Error>(counts)
    };
    let until_assigned = async |expected: &[&str], watched: &[&Vendas]| {
        eventually(&format!("{expected:?} partitions"), DEADLINE, async || {
            let counts = members().await?;
            let states: Vec<_> = watched.iter().map(|vendas| vendas.state()).collect();
            ensure!(counts == expected, "{counts:?}: {}", states.join("\n"));
            Ok(())
        })
        .await
    };
    let progress = scenario.progress().await?;
    let (one, two) = (run.start()?, run.start()?);
    until_assigned(&["3", "3"], &[&one, &two]).await?;
    two.signal(Signal::STOP)?;
    until_assigned(&["6"], &[&one]).await?;
    scenario.send(40).await?;
    progress.reach(scenario.sent(), &one).await?;
    // Commits wait when the server is frozen, and stay in flight.
    let brake = Brake::at(&scenario.database, scenario.sent_per_partition()).await?;
    scenario.send(40).await?;
    until_lock_waits(&scenario.database, POOL).await?;
    postgres.pause()?;
    drop(brake);
    two.signal(Signal::CONT)?;
    until_assigned(&["3", "3"], &[&one, &two]).await?;
    postgres.resume()?;
    scenario.send_rest().await?;
    progress.reach(scenario.sent(), &one).await?;
    terminate(one).await?;
    terminate(two).await?;
    scenario.expect_all().await
}

#[tokio::test]
async fn it_starts_at_the_offsets_of_another_group() -> Result<()> {
    starts_at_offsets_of_group(Testbed::shared().await?).await
}

#[tokio::test]
async fn it_starts_at_the_offsets_of_another_group_on_kafka_2_8_and_3_9() -> Result<()> {
    let (older, newer) = (KafkaRelease::V2_8, KafkaRelease::V3_9);
    starts_at_offsets_of_group(Testbed::shared_with(older).await?).await?;
    starts_at_offsets_of_group(Testbed::shared_with(newer).await?).await
}

async fn starts_at_offsets_of_group(servers: &'static Testbed) -> Result<()> {
    let shop = Shop::on(servers, 2, &[]).await?;
    shop.send_numbers(0, 1..=10).await?;
    shop.send_numbers(1, 11..=20).await?;
    let group = format!("{}-before", shop.topic);
    let class = "org.apache.kafka.tools.consumer.ConsoleConsumer";
    // An unknown group is an error.
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
    servers.kafka.tool(class, &args, b"").await?;
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
async fn without_groups_instances_have_fixed_partitions() -> Result<()> {
    let servers = Testbed::shared_with(KafkaRelease::V3_9).await?;
    let database = servers.database().await?;
    let topic = servers.topic(4).await?;
    let command = servers.vendas(VENDAS, &[&topic], &database);
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
        servers.kafka.produce(&topic, partition, &records).await?;
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
    ensure!(rows[0][2] != rows[2][2], "one instance processed everything: {rows:?}");
    for ended in [terminate(low).await?, terminate(high).await?] {
        ensure!(count_lines(&ended.stderr, "fenced") == 0, "{}", ended.state());
    }
    ensure!(database.count("sales").await? == 200, "orders are missing");
    Ok(())
}

/// A topic without stored offsets starts at the same offset for all instances.
#[tokio::test]
async fn latest_is_the_same_offset_for_all_instances() -> Result<()> {
    let shop = Shop::open(6).await?;
    for partition in 0..6 {
        shop.send_numbers(partition, partition * 10..partition * 10 + 5).await?;
    }
    let group = format!("{}-latest", shop.topic);
    let run = in_group(shop.vendas(&["run"]), &group).env("VENDAS_KAFKA__START_FROM", "latest");
    let (one, two) = (run.start()?, run.start()?);
    let show = in_group(shop.vendas(&["offsets", "show", "--format", "json"]), &group);
    until_assigned(&show, &[3, 3], &[&one, &two]).await?;
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
