//! Topics and their records.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use tokio::time::timeout;

use super::{CALL_DEADLINE, Kafka, Record};
use crate::eventually;

/// How long a broker may take to apply the controller's changes, also while it creates hundreds of
/// logs.
const METADATA_DEADLINE: Duration = Duration::from_secs(60);

/// Below the broker's `message.max.bytes` of 1 MiB.
const PRODUCE_BYTES: usize = 500_000;

impl Kafka {
    /// Creates a topic with a new name, and returns the name.
    ///
    /// # Errors
    /// If the broker refuses or does not answer.
    pub async fn new_topic(&self, partitions: u16, configs: &[(&str, &str)]) -> Result<String> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = std::time::UNIX_EPOCH.elapsed()?.as_micros();
        // An external server may have topics of earlier runs.
        let name = format!("test-{now}-{number}");
        self.create_topic(&name, partitions, configs).await?;
        Ok(name)
    }

    /// Creates a topic, and waits until the broker lists its partitions; `configs` are Kafka's topic
    /// configurations, for example `("cleanup.policy", "compact")`.
    ///
    /// # Errors
    /// If the broker refuses or does not answer.
    pub async fn create_topic(
        &self,
        name: &str,
        partitions: u16,
        configs: &[(&str, &str)],
    ) -> Result<()> {
        if configs.is_empty() {
            self.request_topic(name, partitions).await?;
        } else {
            // rskafka does not support configurations.
            let configs: Vec<_> =
                configs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let partitions = partitions.to_string();
            let mut args = vec!["--create", "--topic", name, "--partitions", &partitions];
            args.extend(configs.iter().flat_map(|config| ["--config", config]));
            self.tool("org.apache.kafka.tools.TopicCommand", &args, b"").await?;
        }
        self.until_listed(name, partitions).await
    }

    /// Increases the number of a topic's partitions, and waits until the broker lists them.
    ///
    /// # Errors
    /// If the broker refuses or does not answer.
    pub async fn add_partitions(&self, name: &str, partitions: u16) -> Result<()> {
        let number = partitions.to_string();
        let args = ["--alter", "--topic", name, "--partitions", &number];
        self.tool("org.apache.kafka.tools.TopicCommand", &args, b"").await?;
        self.until_listed(name, partitions).await
    }

    /// Waits until the broker has applied all earlier changes of topics, configurations, quotas, users
    /// and ACLs. For a single broker.
    ///
    /// # Errors
    /// If the broker does not answer in time.
    pub async fn settled(&self) -> Result<()> {
        // A broker applies changes in batches, and in each the topics first. Once a second topic is
        // listed, the batch with the first one is applied.
        for _ in 0..2 {
            self.new_topic(1, &[]).await?;
        }
        Ok(())
    }

    /// The controller answers first: a broker that is creating many other logs follows seconds later.
    async fn until_listed(&self, name: &str, partitions: u16) -> Result<()> {
        eventually(&format!("partitions of {name}"), METADATA_DEADLINE, async || {
            let listed = self.partitions(name).await?;
            ensure!(listed.len() == usize::from(partitions), "{listed:?}");
            Ok(())
        })
        .await
    }

    /// Deletes a topic and creates another one of the same name, with the broker's default
    /// configuration. Each partition must contain records.
    ///
    /// # Errors
    /// If the broker refuses or does not answer, or a partition is empty.
    pub async fn recreate_topic(&self, name: &str) -> Result<()> {
        let partitions = u16::try_from(self.partitions(name).await?.len())?;
        for partition in 0..i32::from(partitions) {
            let end = self.log_end(name, partition).await?;
            ensure!(end > 0, "{name}-{partition} is empty: its new log would look the same");
        }
        self.delete_topic(name).await?;
        // Kafka deletes a topic some time after it has answered.
        eventually(&format!("a new topic {name}"), METADATA_DEADLINE, async || {
            self.request_topic(name, partitions).await
        })
        .await?;
        // Until the broker follows the controller it acknowledges records in the deleted log.
        for partition in 0..i32::from(partitions) {
            eventually(
                &format!("a new log of {name}-{partition}"),
                METADATA_DEADLINE,
                async || {
                    let end = self.log_end(name, partition).await?;
                    ensure!(end == 0, "the log ends at {end}");
                    Ok(())
                },
            )
            .await?;
        }
        Ok(())
    }

    /// Asks the controller to create a topic, with the brokers' default number of replicas.
    async fn request_topic(&self, name: &str, partitions: u16) -> Result<()> {
        let client = self.client().await?;
        let controller = client.controller_client()?;
        let created = controller.create_topic(name, i32::from(partitions), -1, 10_000);
        timeout(CALL_DEADLINE, created)
            .await
            .with_context(|| format!("topic {name} not created within {CALL_DEADLINE:?}"))?
            .with_context(|| format!("topic {name} not created"))
    }

    /// Deletes a topic. The broker completes this after its answer.
    ///
    /// # Errors
    /// If the broker refuses or does not answer.
    pub async fn delete_topic(&self, name: &str) -> Result<()> {
        let client = self.client().await?;
        let controller = client.controller_client()?;
        timeout(CALL_DEADLINE, controller.delete_topic(name, 10_000))
            .await
            .with_context(|| format!("topic {name} not deleted within {CALL_DEADLINE:?}"))?
            .with_context(|| format!("topic {name} not deleted"))
    }

    /// Deletes a partition's records below `offset`, as retention does.
    ///
    /// # Errors
    /// If the broker refuses or does not answer.
    pub async fn delete_records(&self, topic: &str, partition: i32, offset: i64) -> Result<()> {
        let client = self.partition(topic, partition).await?;
        timeout(CALL_DEADLINE, client.delete_records(offset, 10_000))
            .await
            .with_context(|| format!("records not deleted within {CALL_DEADLINE:?}"))?
            .context("records not deleted")
    }

    /// A topic's partitions; none if there is no such topic.
    ///
    /// # Errors
    /// If the broker does not answer.
    pub async fn partitions(&self, topic: &str) -> Result<Vec<i32>> {
        let client = self.client().await?;
        let topics = timeout(CALL_DEADLINE, client.list_topics())
            .await
            .with_context(|| format!("no list of topics within {CALL_DEADLINE:?}"))??;
        let topic = topics.into_iter().find(|other| other.name == topic);
        Ok(topic.map_or_else(Vec::new, |topic| topic.partitions.into_iter().collect()))
    }

    /// The log end offset of a partition.
    ///
    /// # Errors
    /// If the broker refuses or does not answer.
    pub async fn log_end(&self, topic: &str, partition: i32) -> Result<i64> {
        let client = self.partition(topic, partition).await?;
        Ok(timeout(CALL_DEADLINE, client.get_offset(OffsetAt::Latest)).await??)
    }

    /// Appends records to a partition without compression, and returns their offsets.
    ///
    /// # Errors
    /// If the broker refuses or does not answer; some records may then be stored, or stored twice.
    pub async fn produce(
        &self,
        topic: &str,
        partition: i32,
        records: &[Record],
    ) -> Result<Vec<i64>> {
        let client = self.partition(topic, partition).await?;
        let mut offsets = Vec::with_capacity(records.len());
        let mut rest = records;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fitting = rest.iter().take_while(|record| {
                bytes += record.size();
                bytes <= PRODUCE_BYTES
            });
            let (now, later) = rest.split_at(fitting.count().max(1));
            let now = now.iter().map(|record| rskafka::record::Record {
                key: record.key.clone(),
                value: record.payload.clone(),
                headers: record.headers.clone(),
                timestamp: record
                    .timestamp
                    .and_then(DateTime::from_timestamp_millis)
                    .unwrap_or_else(Utc::now),
            });
            let sent = client.produce(now.collect(), Compression::NoCompression);
            offsets.extend(
                timeout(CALL_DEADLINE, sent)
                    .await
                    .with_context(|| format!("not produced within {CALL_DEADLINE:?}"))??,
            );
            rest = later;
        }
        Ok(offsets)
    }

    async fn partition(&self, topic: &str, partition: i32) -> Result<Arc<PartitionClient>> {
        let client = self.client().await?;
        let found = client.partition_client(topic, partition, UnknownTopicHandling::Retry);
        let found = timeout(CALL_DEADLINE, found)
            .await
            .with_context(|| format!("no {topic}-{partition} within {CALL_DEADLINE:?}"))?
            .with_context(|| format!("no {topic}-{partition}"))?;
        Ok(Arc::new(found))
    }
}
