//! A member of a consumer group, by the protocol of KIP-848.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kafka_protocol::{
    messages::{
        ConsumerGroupHeartbeatRequest, OffsetCommitRequest, OffsetCommitResponse,
        consumer_group_heartbeat_request::TopicPartitions,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    },
    protocol::StrBytes,
};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::kafka::{
    NextOffset, TopicPartition,
    cluster::topic_name,
    group::{
        coordinator::{Coordinator, GroupError},
        group_id,
    },
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

impl GroupMember {
    pub(in crate::kafka) const fn new(
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
    /// [`Settings::timeout`](crate::kafka::Settings::timeout) if that is sooner, it is that Kafka is out of
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
