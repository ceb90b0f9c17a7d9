//! Requests the earliest or last offsets of partitions from all their leaders concurrently.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use futures::future::join_all;
use kafka_protocol::{
    ResponseError,
    messages::{
        ListOffsetsRequest,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    },
};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::kafka::{
    cluster::{Cluster, metadata::topic_name},
    error::KafkaError,
    log::record::TopicPartition,
    offset::{NextOffset, OffsetAt},
    transport::error::CallError,
    trouble::backoff,
};

/// Which offset of a partition is requested, and at which isolation level.
#[derive(Clone, Copy, Debug)]
pub(in crate::kafka) enum Bound {
    Start,
    HighWatermark,
    LastStable,
}

/// The result for one partition: its offset or an error.
pub(in crate::kafka) type BoundOf = (TopicPartition, Result<NextOffset, ResponseError>);

/// The offsets of `partitions`, in the same order.
pub(in crate::kafka) async fn offsets(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    at: OffsetAt,
) -> Result<Vec<(TopicPartition, NextOffset)>, KafkaError> {
    let mut inquiry = Inquiry {
        cluster,
        bound: match at {
            OffsetAt::Earliest => Bound::Start,
            OffsetAt::End => Bound::LastStable,
        },
        deadline: cluster.deadline(),
        stale: HashMap::new(),
        found: HashMap::new(),
        cause: "timed out".to_owned(),
    };
    for wait in backoff() {
        let missing: BTreeSet<&TopicPartition> =
            partitions.iter().filter(|asked| !inquiry.found.contains_key(*asked)).collect();
        if missing.is_empty() {
            break;
        }
        let wanted = missing.len() + inquiry.found.len();
        let deadline = inquiry.deadline;
        match timeout_at(deadline, inquiry.round(missing)).await {
            Ok(asked) => asked?,
            Err(_) => break,
        }
        if inquiry.found.len() < wanted {
            let again_at = Instant::now() + wait;
            if again_at >= inquiry.deadline {
                break;
            }
            sleep_until(again_at).await;
        }
    }
    let offsets = partitions.iter().map(|asked| {
        let offset = inquiry.found.get(asked).copied();
        offset.map(|offset| (asked.clone(), offset))
    });
    offsets.collect::<Option<_>>().ok_or_else(|| cluster.unreachable(inquiry.cause.clone()))
}

struct Inquiry<'a> {
    cluster: &'a Cluster,
    bound: Bound,
    deadline: Instant,
    /// The topics whose metadata is outdated.
    stale: HashMap<Arc<str>, u64>,
    found: HashMap<TopicPartition, NextOffset>,
    /// Why some offsets are still missing.
    cause: String,
}

impl Inquiry<'_> {
    /// Sends one request to each leader of `missing` partitions.
    async fn round(&mut self, missing: BTreeSet<&TopicPartition>) -> Result<(), KafkaError> {
        let mut generations: HashMap<Arc<str>, u64> = HashMap::new();
        let mut by_leader: HashMap<String, Vec<(TopicPartition, i32)>> = HashMap::new();
        for partition in missing {
            let mut stale = self.stale.get(&partition.topic).copied();
            // Within a round, all partitions of a topic use the same metadata.
            if generations.contains_key(&partition.topic) {
                stale = None;
            }
            let known = self.cluster.topic_of(partition, stale).await?;
            generations.insert(Arc::clone(&partition.topic), known.generation);
            let topic = known.topic.filter(|topic| partition.is_of(topic.id));
            let topic = topic.ok_or_else(|| KafkaError::Gone { partition: partition.clone() })?;
            match topic.partitions.get(&partition.partition) {
                Some(Ok(leader)) => by_leader
                    .entry(leader.address.clone())
                    .or_default()
                    .push((partition.clone(), leader.epoch)),
                Some(Err(cause)) => self.cause = format!("{partition}: {cause}"),
                None => return Err(KafkaError::Gone { partition: partition.clone() }),
            }
        }
        let (cluster, bound, deadline) = (self.cluster, self.bound, self.deadline);
        let answers = join_all(by_leader.into_iter().map(async |(address, asked)| {
            let answer = cluster.bounds(&address, asked, bound, deadline).await;
            (address, answer)
        }));
        for (address, answer) in answers.await {
            match answer {
                Ok(answer) => {
                    for (partition, offset) in answer {
                        self.accept(partition, offset)?;
                    }
                }
                Err(error @ CallError::NoVersion(_)) => {
                    let cause = error.to_string();
                    return Err(KafkaError::Unsupported { broker: address, cause });
                }
                Err(CallError::Denied(cause)) => {
                    return Err(KafkaError::Denied { broker: address, cause });
                }
                Err(error) => self.cause = format!("{address}: {error}"),
            }
        }
        // Missing offsets are requested again with newer metadata.
        self.stale = generations;
        Ok(())
    }

    fn accept(
        &mut self,
        partition: TopicPartition,
        offset: Result<NextOffset, ResponseError>,
    ) -> Result<(), KafkaError> {
        match offset {
            Ok(offset) => {
                self.found.insert(partition, offset);
            }
            Err(error @ ResponseError::TopicAuthorizationFailed) => {
                let (topic, cause) = (partition.topic.to_string(), error.to_string());
                return Err(KafkaError::Refused { topic, cause });
            }
            Err(error) => self.cause = format!("{partition}: {error}"),
        }
        Ok(())
    }
}

impl Cluster {
    /// Requests offsets of partitions from their leader at `address`.
    pub(in crate::kafka) async fn bounds(
        &self,
        address: &str,
        partitions: Vec<(TopicPartition, i32)>,
        bound: Bound,
        deadline: Instant,
    ) -> Result<Vec<BoundOf>, CallError> {
        let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
        let timestamp = if matches!(bound, Bound::Start) { -2 } else { -1 };
        for (partition, epoch) in &partitions {
            topics.entry(&partition.topic).or_default().push(
                ListOffsetsPartition::default()
                    .with_partition_index(partition.partition)
                    .with_current_leader_epoch(*epoch)
                    .with_timestamp(timestamp),
            );
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            ListOffsetsTopic::default().with_name(topic_name(name)).with_partitions(partitions)
        });
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_isolation_level(i8::from(matches!(bound, Bound::LastStable)))
            .with_topics(topics.collect());
        let response = self.call(address, request, deadline).await?;
        let mut answers = HashMap::new();
        for topic in &response.topics {
            for answer in &topic.partitions {
                answers.insert((topic.name.0.as_str(), answer.partition_index), answer);
            }
        }
        let bounds = partitions.into_iter().map(|(partition, _)| {
            let answer = answers.get(&(&*partition.topic, partition.partition));
            let offset = match answer {
                Some(answer) => match ResponseError::try_from_code(answer.error_code) {
                    Some(error) => Err(error),
                    None => NextOffset::new(answer.offset).ok_or(ResponseError::OffsetNotAvailable),
                },
                None => Err(ResponseError::UnknownTopicOrPartition),
            };
            (partition, offset)
        });
        Ok(bounds.collect())
    }
}
