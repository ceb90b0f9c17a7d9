//! The committed offsets of a group.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use kafka_protocol::{
    ResponseError,
    messages::{
        OffsetFetchRequest, OffsetFetchResponse,
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
    },
};

use crate::kafka::{
    cluster::{Cluster, metadata::topic_name},
    group::{Coordinator, GroupError, group_id},
    log::record::TopicPartition,
    offset::NextOffset,
};

/// The offsets that `group` has committed for `partitions`, in the same order; `None` if there are
/// none.
pub(in crate::kafka) async fn committed(
    cluster: &Arc<Cluster>,
    group: &Arc<str>,
    partitions: &[TopicPartition],
) -> Result<Vec<(TopicPartition, Option<NextOffset>)>, GroupError> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(&partition.topic).or_default().push(partition.partition);
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        OffsetFetchRequestTopics::default()
            .with_name(topic_name(name))
            .with_partition_indexes(partitions)
    });
    let wanted = OffsetFetchRequestGroup::default()
        .with_group_id(group_id(group))
        .with_member_epoch(-1)
        .with_topics(Some(topics.collect()));
    // Waits for open transactions of that group (KIP-447).
    let request = OffsetFetchRequest::default().with_groups(vec![wanted]).with_require_stable(true);
    let coordinator = Coordinator::new(Arc::clone(cluster), Arc::clone(group));
    let worst = |response: &OffsetFetchResponse| {
        let groups = response.groups.iter();
        let codes = groups.flat_map(|group| {
            let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
            [group.error_code].into_iter().chain(partitions.map(|partition| partition.error_code))
        });
        let is_error = |code: &i16| {
            // A group that does not exist has no committed offsets.
            ResponseError::try_from_code(*code)
                .is_some_and(|error| error != ResponseError::GroupIdNotFound)
        };
        codes.into_iter().find(is_error).unwrap_or(0)
    };
    let response = coordinator.ask(request, cluster.deadline(), worst).await?;
    let mut offsets = HashMap::new();
    for topic in response.groups.iter().flat_map(|group| &group.topics) {
        for partition in &topic.partitions {
            let at = (topic.name.0.as_str(), partition.partition_index);
            offsets.insert(at, partition.committed_offset);
        }
    }
    let in_order = partitions.iter().map(|partition| {
        let offset = offsets.get(&(&*partition.topic, partition.partition)).copied();
        (partition.clone(), offset.and_then(NextOffset::new))
    });
    Ok(in_order.collect())
}
