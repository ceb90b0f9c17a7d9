//! A member of a consumer group, by the protocol that the group's coordinator supports.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kafka_protocol::{
    messages::{
        OffsetCommitRequest, OffsetCommitResponse,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    },
    protocol::StrBytes,
};
use tokio::time::{Instant, timeout_at};
use tracing::info;

use super::{
    classic::{Assignor, Classic},
    consumer::Consumer,
    coordinator::{Coordinator, GroupError},
    group_id,
    subscription::Subscription,
};
use crate::kafka::{
    cluster::metadata::topic_name, log::record::TopicPartition, offset::NextOffset,
    selection::Selection,
};

/// The protocol for joining a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The consumer protocol if the group's coordinator supports it, else the classic one.
    Auto,
    /// The consumer protocol (KIP-848, Apache Kafka 4.0): the broker assigns partitions.
    Consumer,
    /// The classic protocol: one of the members assigns partitions.
    Classic,
}

/// The settings for joining a group.
#[derive(Clone, Debug)]
pub struct GroupSettings {
    /// The protocol.
    pub protocol: GroupProtocol,
    /// The assignors of the classic protocol, in the order of preference; at least one.
    pub assignors: Vec<Assignor>,
    /// The session timeout: how long without a heartbeat until the group assigns this member's
    /// partitions to others. The consumer protocol uses the broker's timeout.
    pub session_timeout: Duration,
    /// How long the group waits for revoked partitions to be released.
    pub rebalance_timeout: Duration,
}

/// A member of a consumer group.
pub struct GroupMember {
    coordinator: Arc<Coordinator>,
    settings: Arc<GroupSettings>,
    subscription: Arc<Subscription>,
    consumer: Consumer,
    classic: Classic,
    is_classic: AtomicBool,
}

/// The result of a heartbeat.
#[derive(Clone, Debug)]
pub struct Beat {
    /// The time until the next heartbeat.
    pub every: Duration,
    /// The partitions assigned to this member.
    pub assigned: Vec<TopicPartition>,
    /// Whether it is a member: false during its first rebalance.
    pub joined: bool,
}

impl GroupMember {
    pub(in crate::kafka) fn new(
        coordinator: Coordinator,
        id: StrBytes,
        topics: Selection,
        settings: GroupSettings,
    ) -> Self {
        let (coordinator, settings) = (Arc::new(coordinator), Arc::new(settings));
        let subscription = Arc::new(Subscription::new(Arc::clone(&coordinator.cluster), topics));
        Self {
            consumer: Consumer::new(
                Arc::clone(&coordinator),
                id,
                Arc::clone(&subscription),
                settings.rebalance_timeout,
            ),
            classic: Classic::new(
                Arc::clone(&coordinator),
                Arc::clone(&settings),
                Arc::clone(&subscription),
            ),
            subscription,
            is_classic: AtomicBool::new(settings.protocol == GroupProtocol::Classic),
            coordinator,
            settings,
        }
    }

    /// The group's name.
    #[must_use]
    pub fn group(&self) -> &Arc<str> {
        &self.coordinator.group
    }

    /// The protocol in use: `consumer` or `classic`.
    #[must_use]
    pub fn protocol(&self) -> &'static str {
        if self.is_classic() { "classic" } else { "consumer" }
    }

    /// Sends a heartbeat with the `owned` partitions and returns the assignment. The first one
    /// joins the group, and so does the first after [`GroupError::Fenced`]; `owned` must be empty
    /// for both.
    ///
    /// # Errors
    /// [`GroupError`]; [`GroupError::Fenced`] revokes all partitions. After `deadline`, or after
    /// [`Settings::timeout`](crate::kafka::Settings::timeout) if that is sooner, it is
    /// [`KafkaError::Unreachable`](crate::kafka::KafkaError::Unreachable).
    pub async fn beat(
        &self,
        owned: &[TopicPartition],
        deadline: Instant,
    ) -> Result<Beat, GroupError> {
        let deadline = deadline.min(self.coordinator.deadline());
        let late = || self.coordinator.cluster.unreachable("timed out".to_owned()).into();
        timeout_at(deadline, self.beat_once(owned, deadline)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn beat_once(
        &self,
        owned: &[TopicPartition],
        deadline: Instant,
    ) -> Result<Beat, GroupError> {
        self.subscription.look().await?;
        if !self.is_classic() {
            match self.consumer.beat(owned, deadline).await {
                Err(GroupError::Unsupported { broker, cause })
                    if self.settings.protocol == GroupProtocol::Auto && !self.consumer.is_in() =>
                {
                    info!(group = %self.group(), reason = %format_args!("broker {broker} {cause}"), "using the classic group protocol");
                    self.is_classic.store(true, Ordering::Relaxed);
                }
                beaten => return beaten,
            }
        }
        self.classic.beat(owned, deadline).await
    }

    /// Makes the next [`beat`](Self::beat) join the group again.
    pub fn rejoin(&self) {
        if self.is_classic() { self.classic.rejoin() } else { self.consumer.rejoin() }
    }

    /// Leaves the group, so that it does not wait for the session timeout of this member.
    ///
    /// # Errors
    /// As for [`beat`](Self::beat); then the session times out.
    pub async fn leave(&self, deadline: Instant) -> Result<(), GroupError> {
        match self.is_classic() {
            true => self.classic.leave(deadline).await,
            false => self.consumer.leave(deadline).await,
        }
    }

    /// Commits offsets to the group. vendas never reads them: they are for Kafka's tools and lag
    /// exporters.
    ///
    /// # Errors
    /// [`GroupError`]; also if a partition was assigned to another member in the meantime.
    pub async fn commit(&self, offsets: &[(TopicPartition, NextOffset)]) -> Result<(), GroupError> {
        let identity =
            if self.is_classic() { self.classic.identity() } else { self.consumer.identity() };
        let (member_id, generation) = identity.ok_or(GroupError::Fenced)?;
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
            .with_member_id(member_id)
            .with_generation_id_or_member_epoch(generation)
            .with_topics(topics.collect());
        let deadline = self.coordinator.deadline();
        let worst = |response: &OffsetCommitResponse| {
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.error_code).find(|code| *code != 0).unwrap_or(0)
        };
        self.coordinator.ask(request, deadline, worst).await.map(drop)
    }

    fn is_classic(&self) -> bool {
        self.is_classic.load(Ordering::Relaxed)
    }
}
