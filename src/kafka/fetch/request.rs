//! Builds fetch requests and assigns responses to subscriptions.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use kafka_protocol::{
    ResponseError,
    messages::{
        FetchRequest, FetchResponse, MetadataResponse, TopicName,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::PartitionData,
        metadata_response::MetadataResponseTopic,
    },
};
use uuid::Uuid;

use crate::kafka::{
    cluster::metadata::topic_name, fetch::subscription::Ready, log::record::TopicPartition,
};

/// The partitions of a request, in order.
///
/// A partition with two readers is included once: the broker would answer once, from one of both
/// positions. Of two topics with the same name, one deleted and one recreated, only one is
/// included: by name, a broker cannot distinguish them.
#[derive(Default)]
pub(super) struct Included {
    topics: HashMap<Arc<str>, Uuid>,
    partitions: HashSet<(Uuid, i32)>,
}

impl Included {
    /// Whether no partition is included yet.
    pub(super) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Adds `ready`; false if it cannot be in the same request.
    pub(super) fn add(&mut self, ready: &Ready) -> bool {
        let TopicPartition { topic, topic_id, .. } = &ready.subscription.partition;
        let id = self.topics.entry(Arc::clone(topic)).or_insert(*topic_id);
        id == topic_id && self.partitions.insert(ready.key())
    }
}

/// Whether one request cannot include all.
pub(super) fn needs_several_requests(ready: &VecDeque<Ready>) -> bool {
    let mut included = Included::default();
    !ready.iter().all(|ready| included.add(ready))
}

/// A fetch request for as many of `ready` as it can include, for up to `partition_bytes` of each and
/// `max_bytes` in all; the broker may wait `max_wait` for new records.
pub(super) fn request(
    ready: &VecDeque<Ready>,
    partition_bytes: usize,
    max_wait: Duration,
    max_bytes: usize,
) -> FetchRequest {
    let mut topics: Vec<FetchTopic> = Vec::new();
    let mut included = Included::default();
    for ready @ Ready { subscription, .. } in ready {
        if !included.add(ready) {
            continue;
        }
        let partition = FetchPartition::default()
            .with_partition(subscription.partition.partition)
            .with_current_leader_epoch(subscription.leader_epoch)
            .with_fetch_offset(subscription.position.next_offset.get())
            .with_last_fetched_epoch(subscription.position.leader_epoch.unwrap_or(-1))
            .with_partition_max_bytes(on_wire(subscription.fetch_bytes(partition_bytes)));
        let id = subscription.partition.topic_id;
        match topics.iter_mut().find(|topic| topic.topic_id == id) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(
                FetchTopic::default()
                    .with_topic(topic_name(&subscription.partition.topic))
                    .with_topic_id(id)
                    .with_partitions(vec![partition]),
            ),
        }
    }
    FetchRequest::default()
        .with_max_wait_ms(i32::try_from(max_wait.as_millis()).unwrap_or(i32::MAX))
        .with_min_bytes(1)
        .with_max_bytes(on_wire(max_bytes))
        .with_isolation_level(1)
        .with_session_epoch(-1)
        .with_topics(topics)
}

/// The responses by partition; before version 13 of Fetch they have only topic names.
pub(super) fn by_partition(
    ready: &VecDeque<Ready>,
    response: FetchResponse,
) -> HashMap<(Uuid, i32), PartitionData> {
    let mut included = Included::default();
    for ready in ready {
        included.add(ready);
    }
    let mut answers = HashMap::new();
    for topic in response.responses {
        let id = included.topics.get(topic.topic.as_str()).copied().unwrap_or(topic.topic_id);
        for answer in topic.partitions {
            answers.insert((id, answer.partition_index), answer);
        }
    }
    answers
}

/// The topics whose records were returned by name (before version 13 of Fetch).
pub(super) fn fetched_by_name(response: &FetchResponse) -> Vec<TopicName> {
    let has_records =
        |data: &PartitionData| data.records.as_ref().is_some_and(|records| !records.is_empty());
    let topics = response
        .responses
        .iter()
        .filter(|topic| !topic.topic.is_empty() && topic.partitions.iter().any(has_records));
    topics.map(|topic| topic.topic.clone()).collect()
}

/// The topics that were recreated, according to the broker that returned their records.
///
/// Records that were returned by topic name may be of a recreated topic. A broker learns of a topic
/// before it opens its log: if metadata requested after the fetch still has the expected topic id,
/// the records are of the expected topic. Without topic ids (before version 10 of Metadata) this is
/// unknown.
pub(super) fn recreated(requested: &VecDeque<Ready>, answer: &MetadataResponse) -> HashSet<Uuid> {
    let named = answer.topics.iter().filter_map(|topic| Some((topic.name.as_ref()?, topic)));
    let present: HashMap<&str, &MetadataResponseTopic> =
        named.map(|(name, topic)| (name.as_str(), topic)).collect();
    let is_another = |partition: &&TopicPartition| {
        present.get(&*partition.topic).is_some_and(|topic| {
            topic.error_code == ResponseError::UnknownTopicOrPartition.code()
                || !topic.topic_id.is_nil() && !partition.is_of(topic.topic_id)
        })
    };
    let partitions = requested.iter().map(|ready| &ready.subscription.partition);
    partitions.filter(is_another).map(|partition| partition.topic_id).collect()
}

/// A number of bytes in a request. With a limit of 0, a broker would not wait for new records.
fn on_wire(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX).max(1)
}
