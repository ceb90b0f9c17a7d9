//! An unclean leader election (KIP-320): the log no longer contains the records that were read.

use testbed::{
    Context, KafkaCluster, Librdkafka, Record, Result, Testbed, VendasCommand, ensure, eventually,
};

use super::Figures;
use crate::{
    shop::{DEADLINE, VENDAS, numbered},
    wait::{until_count, until_line},
};

#[tokio::test]
async fn an_unclean_election_that_replaces_records_already_read_halts_the_partition() -> Result<()>
{
    let cluster = KafkaCluster::start().await?;
    let kafka = cluster.kafka();
    let args = ["--create", "--topic", "t", "--replica-assignment", "1:2"];
    let configs = ["--config", "unclean.leader.election.enable=true"];
    let configs = [&configs[..], &["--config", "min.insync.replicas=1"]].concat();
    let args = [&args[..], &configs].concat();
    kafka.tool("org.apache.kafka.tools.TopicCommand", &args, b"").await?;
    let observer = Librdkafka::start(kafka).await?;
    let until = async |expected: (i32, &[i32])| {
        eventually(&format!("leader and replicas in sync {expected:?}"), DEADLINE, async || {
            let (leader, in_sync) =
                observer.replicas("t").await?.get(&0).context("not listed")?.clone();
            ensure!((leader, &in_sync[..]) == expected, "{leader} {in_sync:?}");
            Ok(())
        })
        .await
    };
    let send = async |numbers: std::ops::Range<i32>| {
        let records: Vec<_> = numbers.map(|number| Record::new(numbered(number))).collect();
        eventually("an answer", DEADLINE, async || kafka.produce("t", 0, &records).await).await
    };
    until((1, &[1, 2])).await?;
    let database = Testbed::shared().await?.database().await?;
    let vendas = VendasCommand::new(VENDAS)
        .args(["run"])
        .kafka(kafka, &["t"])
        .database(&database)
        .start()?;

    send(0..100).await?;
    cluster.broker(2)?.kill()?;
    until((1, &[1])).await?;
    // Only broker 1 has these.
    send(100..150).await?;
    until_count(&database, "sales", 150, &vendas).await?;
    cluster.broker(1)?.kill()?;
    cluster.broker(2)?.restart().await?;
    until((2, &[2])).await?;
    // From offset 100 on, and beyond the offsets that were read.
    let offsets = send(1_000..1_100).await?;
    ensure!(offsets.first() == Some(&100), "the election lost nothing: {offsets:?}");
    cluster.broker(1)?.restart().await?;

    until_line(&vendas, &["truncated at 100: the records read in [100, 150)"]).await?;
    ensure!(database.count("sales").await? == 150, "records after the truncation were processed");
    Figures { what: "an unclean election", times: 1, records: 250, longest: None, after: None }
        .print();
    Ok(())
}
