//! Every release of Kafka has the features that tests need.

use std::{collections::BTreeMap, time::Duration};

use testbed::{
    JavaConsumer, Kafka, KafkaCluster, KafkaOptions, KafkaRelease, Librdkafka, Record, RecordBatch,
    Result, Step, ensure, eventually,
};

const DEADLINE: Duration = Duration::from_secs(60);

fn batch(payloads: &[&str]) -> RecordBatch {
    let records = payloads.iter().map(|&payload| Record::new(payload).with_key("k")).collect();
    RecordBatch { partition: 1, records, headers: Vec::new() }
}

/// Two members of a group divide a topic's two partitions, and one takes over when the other
/// leaves.
async fn java_consumers_share(kafka: &Kafka, librdkafka: &Librdkafka) -> Result<()> {
    let join = |client_id: &'static str| {
        JavaConsumer::join(kafka, "java", client_id, &["plain"], "CooperativeStickyAssignor")
    };
    let (ana, bia) = tokio::try_join!(join("ana"), join("bia"))?;
    eventually("a partition each", DEADLINE, async || {
        let members = librdkafka.members("java").await?;
        let ids: Vec<_> = members.iter().map(|member| member.client_id.as_str()).collect();
        let shared =
            members.iter().all(|member| member.partitions.values().all(|it| it.len() == 1));
        ensure!(ids == ["ana", "bia"] && shared, "{members:?}");
        let read = ana.records()?.len() + bia.records()?.len();
        ensure!(read == 6, "{read} records: {:?} {:?}", ana.records(), bia.records());
        Ok(())
    })
    .await?;
    ana.leave().await?;
    eventually("both partitions for one member", DEADLINE, async || {
        let members = librdkafka.members("java").await?;
        let of_bia = members.first().and_then(|member| member.partitions.get("plain"));
        ensure!(of_bia.is_some_and(|it| it.len() == 2), "{members:?}");
        Ok(())
    })
    .await?;
    bia.kill()
}

async fn works(release: KafkaRelease) -> Result<()> {
    let kafka = KafkaOptions::default().release(release).start().await?;
    kafka.create_topic("plain", 2, &[]).await?;
    kafka.create_topic("compact", 1, &[("cleanup.policy", "compact")]).await?;
    let librdkafka = Librdkafka::start(&kafka).await?;
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        librdkafka.produce("plain", codec, &[batch(&[codec])]).await?;
    }
    let steps = [
        Step::Begin("a"),
        Step::Send("a", batch(&["committed"])),
        Step::Commit("a"),
        Step::Begin("a"),
        Step::Send("a", batch(&["aborted"])),
        Step::Abort("a"),
    ];
    librdkafka.transactions("plain", &steps).await?;
    assert_eq!(kafka.produce("plain", 1, &[Record::new("rskafka")]).await?, [9]);
    assert_eq!(kafka.log_end("plain", 1).await?, 10);

    kafka.kill()?;
    assert!(kafka.client().await.is_err(), "a killed broker still answers");
    kafka.restart().await?;
    kafka.restart().await?;

    kafka.delete_records("plain", 1, 1).await?;
    let read = librdkafka.consume("plain").await?;
    let payload = |record: &Record| String::from_utf8(record.payload.clone().unwrap_or_default());
    let partition: BTreeMap<_, _> = read[&1]
        .records
        .iter()
        .map(|(offset, record)| Ok((*offset, payload(record)?)))
        .collect::<Result<_>>()?;
    let expected =
        [(1, "gzip"), (2, "snappy"), (3, "lz4"), (4, "zstd"), (5, "committed"), (9, "rskafka")];
    assert_eq!(partition, expected.map(|(offset, payload)| (offset, payload.to_owned())).into());
    java_consumers_share(&kafka, &librdkafka).await?;
    let tool = "org.apache.kafka.tools.TopicCommand";
    let said = kafka.tool(tool, &["--describe", "--topic", "compact"], b"").await?;
    assert!(said.contains("cleanup.policy=compact"), "{said}");
    kafka.stop().await
}

#[tokio::test]
async fn kafka_2_8_works() -> Result<()> {
    works(KafkaRelease::V2_8).await
}

#[tokio::test]
async fn kafka_3_0_works() -> Result<()> {
    works(KafkaRelease::V3_0).await
}

#[tokio::test]
async fn kafka_3_9_works() -> Result<()> {
    works(KafkaRelease::V3_9).await
}

#[tokio::test]
async fn brokers_of_an_older_release_make_a_cluster() -> Result<()> {
    let cluster = KafkaCluster::start_of(KafkaRelease::V2_8).await?;
    cluster.kafka().create_topic("plain", 2, &[]).await?;
    let librdkafka = Librdkafka::start(cluster.kafka()).await?;
    librdkafka.produce("plain", "none", &[batch(&["before"])]).await?;
    let (leader, in_sync) = librdkafka.replicas("plain").await?[&1].clone();
    assert_eq!(in_sync.len(), 3);
    cluster.broker(leader)?.kill()?;
    librdkafka.produce("plain", "none", &[batch(&["after"])]).await?;
    cluster.broker(leader)?.restart().await?;
    assert_eq!(librdkafka.consume("plain").await?[&1].end, 2);
    Ok(())
}
