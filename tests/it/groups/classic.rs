//! Groups with members of both protocols, and with Java consumers.

use testbed::{
    JavaConsumer, KafkaCluster, KafkaOptions, KafkaRelease, Result, Testbed, VendasCommand, ensure,
    eventually,
};

use super::{in_group, until_assigned};
use crate::{
    scenario::{DEADLINE, Scenario, count_lines, terminate},
    shop::VENDAS,
    wait::until_line,
};

#[tokio::test]
async fn a_group_with_java_of_kafka_2_8_is_cooperative() -> Result<()> {
    with_java_consumer(KafkaRelease::V2_8, "CooperativeStickyAssignor", [3, 3], 27).await
}

/// Of the three partitions of each topic one member has two.
#[tokio::test]
async fn a_group_with_java_of_kafka_3_9_uses_range_assignment() -> Result<()> {
    with_java_consumer(KafkaRelease::V3_9, "RangeAssignor", [2, 4], 28).await
}

/// The Java consumer leads the group, leaves it, and joins again as a follower.
async fn with_java_consumer(
    release: KafkaRelease,
    assignor: &str,
    expected: [usize; 2],
    seed: u64,
) -> Result<()> {
    let servers = Testbed::shared_with(release).await?;
    let scenario =
        Scenario::with_partitions_on(&servers.kafka, servers.database().await?, 3, seed, 120)
            .await?;
    let group = format!("group-{}", scenario.database.name());
    let run = in_group(scenario.vendas(["run"]), &group)
        .env("VENDAS_LOG__LEVEL", "info,vendas::kafka=debug");
    let show = in_group(scenario.vendas(["offsets", "show", "--format", "json"]), &group);
    let progress = scenario.progress().await?;
    let topics: Vec<_> = scenario.topics.iter().map(String::as_str).collect();
    let join = async || JavaConsumer::join(&servers.kafka, &group, "java", &topics, assignor).await;
    // It receives the records of its partitions.
    let reads = async |java: &JavaConsumer| {
        let before = java.count()?;
        scenario.send(40).await?;
        eventually("Java's share", DEADLINE, async || {
            let read = java.count()? - before;
            ensure!(read >= expected[0] * 40, "Java has read {read} records");
            Ok(())
        })
        .await
    };

    let java = join().await?;
    until_assigned(&show, &[6], &[]).await?;
    let one = run.start()?;
    until_assigned(&show, &expected, &[&one]).await?;
    ensure!(count_lines(&one.stderr()?, "leader=true") == 0, "{}", one.state());
    reads(&java).await?;
    java.leave().await?;
    until_assigned(&show, &[6], &[&one]).await?;
    // Kafka knows the assignment before the leader logs it.
    until_line(&one, &["leader=true"]).await?;
    // Records that Java has read do not reach PostgreSQL.
    progress.reach(scenario.sent(), &one).await?;

    let java = join().await?;
    until_assigned(&show, &expected, &[&one]).await?;
    reads(&java).await?;
    java.leave().await?;
    scenario.send_rest().await?;
    until_assigned(&show, &[6], &[&one]).await?;
    progress.reach(scenario.sent(), &one).await?;
    let left = terminate(one).await?;
    ensure!(count_lines(&left.stderr, "fenced") == 0, "{}", left.state());
    scenario.expect_all().await
}

/// As after an upgrade of the brokers, when the instances are restarted one by one; and back again.
#[tokio::test]
async fn a_group_changes_its_protocol_one_instance_at_a_time() -> Result<()> {
    let scenario =
        Scenario::with_partitions(Testbed::shared().await?.database().await?, 3, 26, 200).await?;
    let group = format!("group-{}", scenario.database.name());
    let run = |protocol: &str| {
        in_group(scenario.vendas(["run"]), &group).env("VENDAS_KAFKA__GROUP_PROTOCOL", protocol)
    };
    let show = in_group(scenario.vendas(["offsets", "show", "--format", "json"]), &group);
    let progress = scenario.progress().await?;

    let (one, two) = (run("classic").start()?, run("classic").start()?);
    until_assigned(&show, &[3, 3], &[&one, &two]).await?;
    scenario.send(40).await?;
    let left = terminate(one).await?;
    ensure_protocol(&left.stderr, "classic")?;
    let one = run("auto").start()?;
    scenario.send(40).await?;
    until_assigned(&show, &[3, 3], &[&one, &two]).await?;
    terminate(two).await?;
    let two = run("auto").start()?;
    scenario.send(40).await?;
    until_assigned(&show, &[3, 3], &[&one, &two]).await?;
    progress.reach(scenario.sent(), &two).await?;

    let left = terminate(one).await?;
    ensure_protocol(&left.stderr, "consumer")?;
    let one = run("classic").start()?;
    scenario.send(40).await?;
    until_assigned(&show, &[3, 3], &[&one, &two]).await?;
    terminate(two).await?;
    scenario.send_rest().await?;
    until_assigned(&show, &[6], &[&one]).await?;
    progress.reach(scenario.sent(), &one).await?;
    terminate(one).await?;
    scenario.expect_all().await
}

/// A rolling upgrade of a cluster, followed by the new release's features: the group continues, and
/// its instances change the protocol when they are restarted.
#[tokio::test]
async fn a_group_continues_during_a_rolling_upgrade_of_its_brokers() -> Result<()> {
    let cluster = KafkaCluster::start_of(KafkaRelease::V3_9).await?;
    let cluster: &'static _ = Box::leak(Box::new(cluster));
    let database = Testbed::shared().await?.database().await?;
    let scenario = Scenario::with_partitions_on(cluster.kafka(), database, 3, 27, 260).await?;
    let run = in_group(scenario.vendas(["run"]), "upgraded");
    let show = in_group(scenario.vendas(["offsets", "show", "--format", "json"]), "upgraded");
    let progress = scenario.progress().await?;

    let (one, two) = (run.start()?, run.start()?);
    until_assigned(&show, &[3, 3], &[&one, &two]).await?;
    for id in 1..=3 {
        scenario.send(40).await?;
        cluster.broker(id)?.upgrade(KafkaRelease::V4_3).await?;
    }
    scenario.send(40).await?;
    progress.reach(scenario.sent(), &one).await?;
    until_assigned(&show, &[3, 3], &[&one, &two]).await?;

    // As long as the cluster has the features of the old release, its groups have the old protocol.
    let left = terminate(one).await?;
    ensure_protocol(&left.stderr, "classic")?;
    let one = run.start()?;
    until_assigned(&show, &[3, 3], &[&one, &two]).await?;
    let class = "org.apache.kafka.tools.FeatureCommand";
    let args = ["upgrade", "--release-version", "4.3"];
    cluster.broker(1)?.tool(class, &args, b"").await?;
    scenario.send(40).await?;
    let left = terminate(two).await?;
    ensure_protocol(&left.stderr, "classic")?;
    let two = run.start()?;
    until_assigned(&show, &[3, 3], &[&one, &two]).await?;
    let left = terminate(one).await?;
    ensure_protocol(&left.stderr, "classic")?;
    scenario.send_rest().await?;
    until_assigned(&show, &[6], &[&two]).await?;
    progress.reach(scenario.sent(), &two).await?;
    ensure_protocol(&terminate(two).await?.stderr, "consumer")?;
    scenario.expect_all().await
}

/// If the brokers do not allow a group with members to change its protocol.
#[tokio::test]
async fn a_group_that_cannot_change_its_protocol_is_joined_with_its_own() -> Result<()> {
    let kafka = KafkaOptions::default()
        .property("group.consumer.migration.policy", "disabled")
        .start()
        .await?;
    kafka.create_topic("orders", 4, &[]).await?;
    let database = Testbed::shared().await?.database().await?;
    let vendas = |args: &[&str], protocol: &str| {
        let command = VendasCommand::new(VENDAS).kafka(&kafka, &["orders"]).database(&database);
        let command = command.args(args.iter().copied());
        in_group(command, "vendas").env("VENDAS_KAFKA__GROUP_PROTOCOL", protocol)
    };
    let show = vendas(&["offsets", "show", "--format", "json"], "auto");
    let one = vendas(&["run"], "classic").start()?;
    until_assigned(&show, &[4], &[&one]).await?;
    let two = vendas(&["run"], "auto").start()?;
    until_assigned(&show, &[2, 2], &[&one, &two]).await?;
    ensure_protocol(&terminate(two).await?.stderr, "classic")?;
    terminate(one).await?;
    Ok(())
}

/// A topic that is created later and matches is assigned too, with both protocols.
#[tokio::test]
async fn topics_that_match_later_are_assigned() -> Result<()> {
    let servers = Testbed::shared_with(KafkaRelease::V3_9).await?;
    let newest = Testbed::shared().await?;
    tokio::try_join!(matches_later(servers), matches_later(newest))?;
    Ok(())
}

async fn matches_later(servers: &Testbed) -> Result<()> {
    let database = servers.database().await?;
    let name = format!("matched-{}", database.name());
    servers.kafka.create_topic(&format!("{name}.a"), 2, &[]).await?;
    let command = servers.vendas(VENDAS, &[&format!("re:{name}\\..*")], &database);
    let group = format!("group-{}", database.name());
    let run = in_group(command.clone().args(["run"]), &group);
    let show = in_group(command.args(["offsets", "show", "--format", "json"]), &group);
    let (one, two) = (run.start()?, run.start()?);
    until_assigned(&show, &[1, 1], &[&one, &two]).await?;
    servers.kafka.create_topic(&format!("{name}.b"), 4, &[]).await?;
    until_assigned(&show, &[3, 3], &[&one, &two]).await?;
    terminate(one).await?;
    terminate(two).await?;
    Ok(())
}

fn ensure_protocol(log: &str, protocol: &str) -> Result<()> {
    let joined = count_lines(log, &format!("protocol=\"{protocol}\""));
    ensure!(joined == 1, "not joined by the {protocol} protocol: {log}");
    Ok(())
}
