//! Groups whose members are not all of one kind: of both protocols, and Java's consumers.

use testbed::{KafkaOptions, KafkaRelease, Result, Testbed, VendasCommand, ensure};

use super::{in_group, shared_out};
use crate::{
    shop::VENDAS,
    stage::{Stage, lines, terminate},
};

#[tokio::test]
async fn a_group_with_java_of_kafka_2_8_is_cooperative() -> Result<()> {
    let strategy = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
    beside_java(KafkaRelease::V2_8, strategy, 3, 27).await
}

#[tokio::test]
async fn a_group_with_java_of_kafka_3_9_has_ranges() -> Result<()> {
    let strategy = "org.apache.kafka.clients.consumer.RangeAssignor";
    // Its member id comes first, so that it has two of three partitions of each topic.
    beside_java(KafkaRelease::V3_9, strategy, 4, 28).await
}

/// Java's consumer leads the group, leaves it, and comes back to be led. `javas` of six partitions are
/// its.
async fn beside_java(release: KafkaRelease, strategy: &str, javas: usize, seed: u64) -> Result<()> {
    let bed = Testbed::shared_with(release).await?;
    let stage = Stage::wide_on(&bed.kafka, bed.database().await?, 3, seed, 120).await?;
    let group = format!("group-{}", stage.database.name());
    let run = in_group(stage.vendas(["run"]), &group)
        .env("VENDAS_LOG__LEVEL", "info,vendas::kafka=debug");
    let show = in_group(stage.vendas(["offsets", "show", "--format", "json"]), &group);
    let progress = stage.progress().await?;
    let shares = [6 - javas, javas];
    // What is sent to it then ends it.
    let messages = (40 * javas).to_string();
    let java = async || {
        let properties = [
            format!("partition.assignment.strategy={strategy}"),
            "session.timeout.ms=6000".to_owned(),
            "heartbeat.interval.ms=500".to_owned(),
        ];
        let topics = stage.topics.join("|");
        let mut args = vec!["--group", &group, "--from-beginning", "--max-messages", &messages];
        // What subscribes to a pattern.
        let whitelist = if release == KafkaRelease::V2_8 { "--whitelist" } else { "--include" };
        args.extend([whitelist, &topics, "--timeout-ms", "60000"]);
        args.extend(properties.iter().flat_map(|property| ["--consumer-property", property]));
        let class = "org.apache.kafka.tools.consumer.ConsoleConsumer";
        let said = bed.kafka.tool(class, &args, b"").await?;
        ensure!(said.lines().count() >= 40 * javas, "Java has read {} lines", said.lines().count());
        Ok(())
    };

    let beside = async {
        shared_out(&show, &[6], &[]).await?;
        let one = run.start()?;
        shared_out(&show, &shares, &[&one]).await?;
        ensure!(lines(&one.stderr()?, "leader=true") == 0, "{}", one.state());
        stage.send(40).await?;
        Ok::<_, testbed::Error>(one)
    };
    let ((), one) = tokio::try_join!(java(), beside)?;
    shared_out(&show, &[6], &[&one]).await?;
    ensure!(lines(&one.stderr()?, "leader=true") > 0, "{}", one.state());
    // What Java has read is none of PostgreSQL's business.
    progress.reach(stage.sent(), &one).await?;

    let beside = async {
        shared_out(&show, &shares, &[&one]).await?;
        stage.send(40).await?;
        Ok(())
    };
    tokio::try_join!(java(), beside)?;
    stage.send_rest().await?;
    shared_out(&show, &[6], &[&one]).await?;
    progress.reach(stage.sent(), &one).await?;
    let left = terminate(one).await?;
    ensure!(lines(&left.stderr, "fenced") == 0, "{}", left.state());
    stage.expect_all().await
}

/// As when the brokers are new and one instance after the other is restarted; and back again.
#[tokio::test]
async fn a_group_changes_its_protocol_instance_by_instance() -> Result<()> {
    let stage = Stage::wide(Testbed::shared().await?.database().await?, 3, 26, 200).await?;
    let group = format!("group-{}", stage.database.name());
    let run = |protocol: &str| {
        in_group(stage.vendas(["run"]), &group).env("VENDAS_KAFKA__GROUP_PROTOCOL", protocol)
    };
    let show = in_group(stage.vendas(["offsets", "show", "--format", "json"]), &group);
    let progress = stage.progress().await?;

    let (one, two) = (run("classic").start()?, run("classic").start()?);
    shared_out(&show, &[3, 3], &[&one, &two]).await?;
    stage.send(40).await?;
    let left = terminate(one).await?;
    ensure_protocol(&left.stderr, "classic")?;
    let one = run("auto").start()?;
    stage.send(40).await?;
    shared_out(&show, &[3, 3], &[&one, &two]).await?;
    terminate(two).await?;
    let two = run("auto").start()?;
    stage.send(40).await?;
    shared_out(&show, &[3, 3], &[&one, &two]).await?;
    progress.reach(stage.sent(), &two).await?;

    let left = terminate(one).await?;
    ensure_protocol(&left.stderr, "consumer")?;
    let one = run("classic").start()?;
    stage.send(40).await?;
    shared_out(&show, &[3, 3], &[&one, &two]).await?;
    terminate(two).await?;
    stage.send_rest().await?;
    shared_out(&show, &[6], &[&one]).await?;
    progress.reach(stage.sent(), &one).await?;
    terminate(one).await?;
    stage.expect_all().await
}

/// Where the brokers do not let a group change its protocol while it has members.
#[tokio::test]
async fn a_group_that_may_not_change_its_protocol_is_joined_by_it() -> Result<()> {
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
    shared_out(&show, &[4], &[&one]).await?;
    let two = vendas(&["run"], "auto").start()?;
    shared_out(&show, &[2, 2], &[&one, &two]).await?;
    ensure_protocol(&terminate(two).await?.stderr, "classic")?;
    terminate(one).await?;
    Ok(())
}

fn ensure_protocol(log: &str, protocol: &str) -> Result<()> {
    let joined = lines(log, &format!("protocol=\"{protocol}\""));
    ensure!(joined == 1, "not joined by the {protocol} protocol: {log}");
    Ok(())
}
