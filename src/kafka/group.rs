//! Kafka's consumer groups, by the protocol of KIP-848: who works which partitions, and how far.
//!
//! The group makes several instances efficient; what makes them right is the offset beside the data.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kafka_protocol::{
    ResponseError,
    messages::{
        ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
        GroupId, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
        OffsetFetchResponse,
        consumer_group_heartbeat_request::TopicPartitions,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
    },
    protocol::StrBytes,
};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::{
    NextOffset, TopicPartition,
    cluster::{Cluster, topic_name},
    coordinator::{Coordinator, GroupError},
};

/// The epochs by which a member joins and leaves (KIP-848).
const JOINING: i32 = 0;
const LEAVING: i32 = -1;

/// One instance in a consumer group.
pub struct GroupMember {
    coordinator: Coordinator,
    id: StrBytes,
    topics: Vec<Arc<str>>,
    /// How long the group waits for partitions to be let go.
    rebalance_timeout: Duration,
    state: Mutex<State>,
}

struct State {
    epoch: i32,
    assigned: Vec<(Uuid, Vec<i32>)>,
}

/// What a heartbeat brought.
#[derive(Clone, Debug)]
pub struct Beat {
    /// How often the broker wants to hear from this member.
    pub every: Duration,
    /// The partitions that are this member's now.
    pub assigned: Vec<TopicPartition>,
}

/// Somebody who is in a group.
#[derive(Clone, Debug)]
pub struct MemberSeen {
    /// The member's id, which vendas chooses to be its instance's.
    pub id: String,
    /// Where it runs, as the broker sees it.
    pub host: String,
    /// What it has.
    pub assigned: Vec<TopicPartition>,
}

impl GroupMember {
    pub(super) const fn new(
        coordinator: Coordinator,
        id: StrBytes,
        topics: Vec<Arc<str>>,
        rebalance_timeout: Duration,
    ) -> Self {
        let state = Mutex::new(State { epoch: JOINING, assigned: Vec::new() });
        Self { coordinator, id, topics, rebalance_timeout, state }
    }

    /// The group's name.
    #[must_use]
    pub const fn group(&self) -> &Arc<str> {
        &self.coordinator.group
    }

    /// Tells the coordinator that this member lives and has `owned`, and hears what it is to have.
    /// The first one joins, and so does the first after [`GroupError::Fenced`].
    ///
    /// # Errors
    /// [`GroupError`]; [`GroupError::Fenced`] takes all partitions away. After `deadline`, or after
    /// [`Settings::timeout`](super::Settings::timeout) if that is sooner, it is that Kafka is out of
    /// reach.
    pub async fn beat(
        &self,
        owned: &[TopicPartition],
        deadline: Instant,
    ) -> Result<Beat, GroupError> {
        let deadline = deadline.min(self.coordinator.deadline());
        let late = || self.coordinator.cluster.unreachable("no answer in time".to_owned()).into();
        timeout_at(deadline, self.beat_once(owned, deadline)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn beat_once(
        &self,
        owned: &[TopicPartition],
        deadline: Instant,
    ) -> Result<Beat, GroupError> {
        let epoch = self.state().epoch;
        let mut request = self.heartbeat(epoch).with_topic_partitions(Some(by_topic_id(owned)));
        if epoch == JOINING {
            let topics = self.topics.iter().map(|topic| topic_name(topic)).collect();
            let timeout = i32::try_from(self.rebalance_timeout.as_millis()).unwrap_or(i32::MAX);
            request = request
                .with_subscribed_topic_names(Some(topics))
                .with_rebalance_timeout_ms(timeout);
        }
        let asked = self.coordinator.ask(request, deadline, |response| response.error_code).await;
        if let Err(GroupError::Fenced) = asked {
            self.rejoin();
        }
        let response = asked?;
        let assigned = {
            let mut state = self.state();
            state.epoch = response.member_epoch;
            if let Some(assignment) = response.assignment {
                let topics = assignment.topic_partitions.into_iter();
                state.assigned = topics.map(|topic| (topic.topic_id, topic.partitions)).collect();
            }
            state.assigned.clone()
        };
        Ok(Beat {
            every: Duration::from_millis(response.heartbeat_interval_ms.try_into().unwrap_or(0)),
            assigned: self.named(assigned).await?,
        })
    }

    /// Forgets what the group has said: the next [`beat`](Self::beat) joins anew.
    pub fn rejoin(&self) {
        *self.state() = State { epoch: JOINING, assigned: Vec::new() };
    }

    /// Gives everything back, so that nobody has to wait for this member's session to end.
    ///
    /// # Errors
    /// As for [`beat`](Self::beat); then the session ends by itself.
    pub async fn leave(&self, deadline: Instant) -> Result<(), GroupError> {
        if self.state().epoch == JOINING {
            return Ok(());
        }
        let asked = self.coordinator.ask(self.heartbeat(LEAVING), deadline, |r| r.error_code).await;
        self.rejoin();
        asked.map(drop)
    }

    /// Notes in the group how far partitions have come, which nobody here ever reads: it is for
    /// Kafka's own tools and for lag exporters.
    ///
    /// # Errors
    /// [`GroupError`]; also where the group has meanwhile given a partition to another member.
    pub async fn commit(&self, offsets: &[(TopicPartition, NextOffset)]) -> Result<(), GroupError> {
        let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for (partition, offset) in offsets {
            topics.entry(&partition.topic).or_default().push(
                OffsetCommitRequestPartition::default()
                    .with_partition_index(partition.partition)
                    .with_committed_offset(offset.get()),
            );
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            OffsetCommitRequestTopic::default()
                .with_name(topic_name(name))
                .with_partitions(partitions)
        });
        let request = OffsetCommitRequest::default()
            .with_group_id(group_id(self.group()))
            .with_member_id(self.id.clone())
            .with_generation_id_or_member_epoch(self.state().epoch)
            .with_topics(topics.collect());
        let deadline = self.coordinator.deadline();
        let worst = |response: &OffsetCommitResponse| {
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.error_code).find(|code| *code != 0).unwrap_or(0)
        };
        self.coordinator.ask(request, deadline, worst).await.map(drop)
    }

    fn heartbeat(&self, epoch: i32) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group_id(self.group()))
            .with_member_id(self.id.clone())
            .with_member_epoch(epoch)
            .with_rebalance_timeout_ms(-1)
    }

    /// The partitions by their topics' names. One that metadata does not know yet, or no more, is
    /// left out: the next beat looks again.
    async fn named(
        &self,
        assigned: Vec<(Uuid, Vec<i32>)>,
    ) -> Result<Vec<TopicPartition>, GroupError> {
        let cluster = &self.coordinator.cluster;
        let mut topics = HashMap::new();
        for look_again in [false, true] {
            for name in &self.topics {
                let mut known = cluster.topic(name, None).await?;
                if look_again {
                    known = cluster.topic(name, Some(known.generation)).await?;
                }
                if let Some(topic) = known.topic {
                    topics.insert(topic.id, Arc::clone(name));
                }
            }
            if assigned.iter().all(|(topic_id, _)| topics.contains_key(topic_id)) {
                break;
            }
        }
        let named = assigned.into_iter().filter_map(|(topic_id, partitions)| {
            let topic = topics.get(&topic_id)?;
            Some(partitions.into_iter().map(move |partition| TopicPartition {
                topic: Arc::clone(topic),
                partition,
                topic_id,
            }))
        });
        Ok(named.flatten().collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The offsets that `group` has committed of `partitions`, in their order; `None` where it has none.
pub(super) async fn committed(
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
    // What an open transaction of that group still holds back is waited for (KIP-447).
    let request = OffsetFetchRequest::default().with_groups(vec![wanted]).with_require_stable(true);
    let coordinator = Coordinator::new(Arc::clone(cluster), Arc::clone(group));
    let worst = |response: &OffsetFetchResponse| {
        let groups = response.groups.iter();
        let codes = groups.flat_map(|group| {
            let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
            [group.error_code].into_iter().chain(partitions.map(|partition| partition.error_code))
        });
        let is_error = |code: &i16| {
            // A group that does not exist has committed nothing.
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

/// Who is in `group`; nobody where there is no such group.
pub(super) async fn members(
    cluster: &Arc<Cluster>,
    group: &Arc<str>,
) -> Result<Vec<MemberSeen>, GroupError> {
    let coordinator = Coordinator::new(Arc::clone(cluster), Arc::clone(group));
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(group)]);
    let code = |response: &ConsumerGroupDescribeResponse| {
        let code = response.groups.first().map_or(0, |group| group.error_code);
        match ResponseError::try_from_code(code) {
            Some(ResponseError::GroupIdNotFound) => 0,
            _ => code,
        }
    };
    let response = coordinator.ask(request, cluster.deadline(), code).await?;
    let members = response.groups.into_iter().flat_map(|group| group.members).map(|member| {
        let assigned = member.assignment.topic_partitions.into_iter().flat_map(|topic| {
            let name: Arc<str> = topic.topic_name.0.as_str().into();
            topic.partitions.into_iter().map(move |partition| TopicPartition {
                topic: Arc::clone(&name),
                partition,
                topic_id: topic.topic_id,
            })
        });
        MemberSeen {
            id: member.member_id.to_string(),
            host: member.client_host.trim_start_matches('/').to_owned(),
            assigned: assigned.collect(),
        }
    });
    Ok(members.collect())
}

fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}

fn by_topic_id(partitions: &[TopicPartition]) -> Vec<TopicPartitions> {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(partition.topic_id).or_default().push(partition.partition);
    }
    let topics = topics.into_iter().map(|(topic_id, partitions)| {
        TopicPartitions::default().with_topic_id(topic_id).with_partitions(partitions)
    });
    topics.collect()
}
