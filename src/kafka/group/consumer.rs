//! A member of a consumer group by the consumer protocol (KIP-848): the broker assigns partitions,
//! and heartbeat responses have the assignment.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kafka_protocol::{
    messages::{
        ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
        consumer_group_heartbeat_request::TopicPartitions,
    },
    protocol::StrBytes,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::kafka::{
    cluster::metadata::topic_name,
    group::{Beat, GroupError, coordinator::Coordinator, group_id, subscription::Subscription},
    log::record::TopicPartition,
};

/// The member epochs for joining and leaving (KIP-848).
const JOINING: i32 = 0;
const LEAVING: i32 = -1;

/// A member of a group by the consumer protocol.
pub(super) struct Consumer {
    coordinator: Arc<Coordinator>,
    id: StrBytes,
    subscription: Arc<Subscription>,
    /// How long the group waits for revoked partitions to be released.
    rebalance_timeout: Duration,
    state: Mutex<State>,
}

struct State {
    epoch: i32,
    assigned: Vec<(Uuid, Vec<i32>)>,
    /// The subscribed topics of the last heartbeat, if the assignment is known since its response.
    confirmed: Option<Arc<[Arc<str>]>>,
}

impl State {
    fn new() -> Self {
        Self { epoch: JOINING, assigned: Vec::new(), confirmed: None }
    }
}

impl Consumer {
    pub(super) fn new(
        coordinator: Arc<Coordinator>,
        id: StrBytes,
        subscription: Arc<Subscription>,
        rebalance_timeout: Duration,
    ) -> Self {
        let state = Mutex::new(State::new());
        Self { coordinator, id, subscription, rebalance_timeout, state }
    }

    /// Whether it is a member.
    pub(super) fn is_in(&self) -> bool {
        self.state().epoch != JOINING
    }

    /// The member id and the epoch; `None` if it is not a member.
    pub(super) fn identity(&self) -> Option<(StrBytes, i32)> {
        let epoch = self.state().epoch;
        (epoch != JOINING).then(|| (self.id.clone(), epoch))
    }

    /// As [`GroupMember::beat`](super::GroupMember::beat).
    pub(super) async fn beat(
        &self,
        owned: &[TopicPartition],
        deadline: Instant,
    ) -> Result<Beat, GroupError> {
        let (epoch, confirmed) = {
            let mut state = self.state();
            (state.epoch, state.confirmed.take())
        };
        let topics = self.subscription.topics();
        // A response has the assignment if it has just changed, or if all fields were sent (KIP-848).
        // After any failure all fields are sent: a response with a change may have been lost.
        let brief = self.heartbeat(epoch).with_topic_partitions(Some(by_topic_id(owned)));
        let timeout = i32::try_from(self.rebalance_timeout.as_millis()).unwrap_or(i32::MAX);
        let full = brief
            .clone()
            .with_rebalance_timeout_ms(timeout)
            .with_subscribed_topic_names(Some(topics.iter().map(|it| topic_name(it)).collect()));
        let first = if confirmed.as_ref() == Some(&topics) { brief } else { full.clone() };
        let code = |response: &ConsumerGroupHeartbeatResponse| response.error_code;
        let asked = self.coordinator.ask_or_retry(first, full, deadline, code).await;
        let response = match asked {
            Ok(response) => response,
            // Without the group or its protocol, the member owns no partitions.
            Err(GroupError::Unsupported { .. } | GroupError::Fenced) if epoch != JOINING => {
                self.rejoin();
                return Err(GroupError::Fenced);
            }
            Err(error) => return Err(error),
        };
        let assigned = {
            let mut state = self.state();
            // An earlier heartbeat that arrived late, and had the response with the assignment, may
            // have changed the epoch.
            let is_known = response.member_epoch == epoch || response.assignment.is_some();
            state.epoch = response.member_epoch;
            state.confirmed = is_known.then(|| Arc::clone(&topics));
            if let Some(assignment) = response.assignment {
                let topics = assignment.topic_partitions.into_iter();
                state.assigned = topics.map(|topic| (topic.topic_id, topic.partitions)).collect();
            }
            state.assigned.clone()
        };
        Ok(Beat {
            every: Duration::from_millis(response.heartbeat_interval_ms.try_into().unwrap_or(0)),
            assigned: self.named(&topics, assigned).await?,
            joined: true,
        })
    }

    pub(super) fn rejoin(&self) {
        *self.state() = State::new();
    }

    pub(super) async fn leave(&self, deadline: Instant) -> Result<(), GroupError> {
        if self.state().epoch == JOINING {
            return Ok(());
        }
        let asked = self.coordinator.ask(self.heartbeat(LEAVING), deadline, |r| r.error_code).await;
        self.rejoin();
        asked.map(drop)
    }

    fn heartbeat(&self, epoch: i32) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group_id(&self.coordinator.group))
            .with_member_id(self.id.clone())
            .with_member_epoch(epoch)
            .with_rebalance_timeout_ms(-1)
    }

    /// The partitions by topic name. Partitions that are not in the metadata are omitted until the
    /// next beat.
    async fn named(
        &self,
        subscribed: &[Arc<str>],
        assigned: Vec<(Uuid, Vec<i32>)>,
    ) -> Result<Vec<TopicPartition>, GroupError> {
        let cluster = &self.coordinator.cluster;
        let mut topics = HashMap::new();
        for look_again in [false, true] {
            for name in subscribed {
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
