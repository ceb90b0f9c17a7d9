//! Checks for the READ privilege. Requests for topics and offsets need only DESCRIBE.

use kafka_protocol::{
    ResponseError,
    messages::{
        FetchRequest,
        fetch_request::{FetchPartition, FetchTopic},
    },
};

use crate::kafka::{
    cluster::{Cluster, metadata::topic_name},
    error::KafkaError,
    log::record::TopicPartition,
    offset::NextOffset,
    transport::error::CallError,
};

/// Sends a fetch request from `at` on that returns nothing but needs READ on the topic. A partition
/// without a leader is not checked.
///
/// # Errors
/// [`KafkaError::Refused`] without the privilege, and the errors of offset requests.
pub(in crate::kafka) async fn may_read(
    cluster: &Cluster,
    partition: &TopicPartition,
    at: NextOffset,
) -> Result<(), KafkaError> {
    let known = cluster.topic_of(partition, None).await?;
    let Some(Ok(leader)) =
        known.topic.as_ref().and_then(|t| t.partitions.get(&partition.partition))
    else {
        return Ok(());
    };
    let asked = FetchPartition::default()
        .with_partition(partition.partition)
        .with_current_leader_epoch(leader.epoch)
        .with_fetch_offset(at.get())
        .with_partition_max_bytes(1);
    let topic = FetchTopic::default()
        .with_topic(topic_name(&partition.topic))
        .with_topic_id(partition.topic_id)
        .with_partitions(vec![asked]);
    let request = FetchRequest::default()
        .with_max_bytes(1)
        .with_isolation_level(1)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    let broker = leader.address.clone();
    let response = match cluster.call(&broker, request, cluster.deadline()).await {
        Ok(response) => response,
        Err(error @ CallError::NoVersion(_)) => {
            return Err(KafkaError::Unsupported { broker, cause: error.to_string() });
        }
        Err(CallError::Denied(cause)) => return Err(KafkaError::Denied { broker, cause }),
        Err(error) => return Err(cluster.unreachable(format!("{broker}: {error}"))),
    };
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    let codes = partitions.map(|partition| partition.error_code).chain([response.error_code]);
    // Other errors are transient, or halt the partition with their own message.
    let refusal = codes
        .filter_map(ResponseError::try_from_code)
        .find(|error| *error == ResponseError::TopicAuthorizationFailed);
    match refusal {
        Some(error) => Err(KafkaError::Refused {
            topic: partition.topic.to_string(),
            cause: error.to_string(),
        }),
        None => Ok(()),
    }
}
