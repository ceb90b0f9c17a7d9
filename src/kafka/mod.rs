//! A client of Apache Kafka: connections, topics, offsets and batches of records.
//!
//! [`Kafka`] has requests about topics and offsets, and a [`PartitionReader`] returns [`Batch`]es
//! of a partition, with committed records only, each with the [`Span`] of offsets that it accounts
//! for. From the network upwards: [`transport`] has connections, [`cluster`] metadata and leaders,
//! [`fetch`] prefetches partitions, [`log`] decodes their format, [`group`] assigns partitions, and
//! [`produce`] sends records.
//!
//! - **Invariant:** every call has a deadline; nothing waits for a broker without one.
//! - **Invariant:** no record batch causes a panic, or allocations beyond [`Settings`].
//! - **Invariant:** offsets committed to a group are never read back: the offsets that count are
//!   stored with the data.
#![allow(rustdoc::private_intra_doc_links, reason = "the overview links to private modules")]

mod cluster;
mod error;
mod fetch;
mod group;
mod log;
mod offset;
mod produce;
mod selection;
mod settings;
mod transport;
mod trouble;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

pub use error::{KafkaError, ReadError};
pub use fetch::reader::PartitionReader;
pub use group::{
    Assignor, Beat, GroupError, GroupMember, GroupProtocol, GroupSeen, GroupSettings, MemberSeen,
};
pub use log::{
    decode::records_in,
    record::{Batch, Headers, Record, TopicPartition},
};
pub use offset::{NextOffset, OffsetAt, Position, Span};
pub use produce::{ProduceError, Producer};
pub use selection::{Selected, Selection};
pub use settings::Settings;
pub use transport::{
    access::{Login, Mechanism, Sasl, Security},
    oauth::{OAuth, TokenSource, Tokens},
    token_endpoint::TokenEndpoint,
};

use crate::outage::Ongoing;

/// The state of a topic that was requested by name or pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicState {
    /// No topic has the name or matches the pattern.
    Missing {
        /// The requested name or pattern.
        topic: Arc<str>,
    },
    /// It exists.
    Present {
        /// Its name.
        topic: Arc<str>,
        /// Its id (KIP-516).
        topic_id: Uuid,
        /// All its partitions by number, including those without a leader.
        partitions: Vec<TopicPartition>,
    },
}

impl TopicState {
    /// All its partitions; none if it is missing.
    #[must_use]
    pub fn partitions(&self) -> &[TopicPartition] {
        match self {
            Self::Missing { .. } => &[],
            Self::Present { partitions, .. } => partitions,
        }
    }
}

/// A client of a Kafka cluster. Clones share connections and metadata.
#[derive(Clone)]
pub struct Kafka {
    cluster: Arc<cluster::Cluster>,
}

impl Kafka {
    /// Does no I/O: the first request shows whether `settings` are correct.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { cluster: Arc::new(cluster::Cluster::new(settings)) }
    }

    /// The number of connections opened so far.
    #[must_use]
    pub fn connections_opened(&self) -> u64 {
        self.cluster.access.opened.load(Ordering::Relaxed)
    }

    /// The current outage of partitions, if there is one.
    #[must_use]
    pub fn trouble(&self) -> Option<Ongoing> {
        self.cluster.troubles.ongoing()
    }

    /// The topics of `selection`: first those with names, then those that match a pattern, each
    /// sorted by name. A pattern without matches is a missing topic. Kafka's internal topics match
    /// no pattern. Creates no topics.
    ///
    /// # Errors
    /// As for [`topics_named`](Self::topics_named).
    pub async fn topics(&self, selection: &Selection) -> Result<Vec<TopicState>, KafkaError> {
        let mut states = match selection.names() {
            [] => Vec::new(),
            names => self.topics_named(names).await?,
        };
        if selection.has_patterns() {
            let found = self.cluster.all_topics().await?;
            let matching = found
                .into_iter()
                .filter(|(name, _)| !selection.names().contains(name) && selection.matches(name));
            let matching: BTreeMap<_, _> = matching.collect();
            let names = selection.names().iter().chain(matching.keys());
            let unmatched: Vec<_> = selection.unmatched(names).collect();
            states.extend(matching.into_iter().map(|(name, topic)| present(&name, topic)));
            states.extend(unmatched.into_iter().map(|topic| TopicState::Missing { topic }));
        }
        Ok(states)
    }

    /// The topics `names`, in the same order. Creates no topics.
    ///
    /// # Errors
    /// [`KafkaError::Unreachable`] after [`Settings::timeout`] at the latest,
    /// [`KafkaError::Unsupported`], and [`KafkaError::Refused`] if one of them is.
    pub async fn topics_named(&self, names: &[Arc<str>]) -> Result<Vec<TopicState>, KafkaError> {
        let mut found = self.cluster.metadata(names).await?;
        let states = names.iter().map(|name| match found.remove(name) {
            None => TopicState::Missing { topic: Arc::clone(name) },
            Some(topic) => present(name, topic),
        });
        Ok(states.collect())
    }

    /// The earliest or last offsets of `partitions`, in the same order, with one request per broker.
    ///
    /// Follows leader changes.
    ///
    /// # Errors
    /// [`KafkaError::Unreachable`] if not all are known after [`Settings::timeout`],
    /// [`KafkaError::Gone`] if one belongs to a topic that no longer exists, and as for
    /// [`topics`](Self::topics).
    pub async fn offsets(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
    ) -> Result<Vec<(TopicPartition, NextOffset)>, KafkaError> {
        cluster::offsets::offsets(&self.cluster, partitions, at).await
    }

    /// Checks for the privilege to fetch from the topic of `partition`, from `at` on. Fetches no
    /// records.
    ///
    /// # Errors
    /// [`KafkaError::Refused`] without it, and as for [`offsets`](Self::offsets).
    pub async fn may_read(
        &self,
        partition: &TopicPartition,
        at: NextOffset,
    ) -> Result<(), KafkaError> {
        cluster::rights::may_read(&self.cluster, partition, at).await
    }

    /// A member of the consumer group `group` for `topics`, which joins with its first
    /// [`beat`](GroupMember::beat). `id` is the member id, if the protocol allows to choose one.
    #[must_use]
    pub fn member(
        &self,
        group: Arc<str>,
        id: Uuid,
        topics: Selection,
        settings: GroupSettings,
    ) -> GroupMember {
        let coordinator = group::Coordinator::new(Arc::clone(&self.cluster), group);
        let id = StrBytes::from_string(id.to_string());
        GroupMember::new(coordinator, id, topics, settings)
    }

    /// The offsets that `group`, of any protocol, has committed for `partitions`, in the same order;
    /// `None` if there are none.
    ///
    /// # Errors
    /// [`GroupError`], but never [`GroupError::Fenced`].
    pub async fn committed(
        &self,
        group: &Arc<str>,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, Option<NextOffset>)>, GroupError> {
        group::committed(&self.cluster, group, partitions).await
    }

    /// The members of `group` and their partitions; `protocol` is the protocol for joining it.
    ///
    /// # Errors
    /// As for [`committed`](Self::committed); [`GroupError::Unsupported`] if it cannot be joined
    /// with that protocol.
    pub async fn group(
        &self,
        group: &Arc<str>,
        protocol: GroupProtocol,
    ) -> Result<GroupSeen, GroupError> {
        Box::pin(group::members(&self.cluster, group, protocol)).await
    }

    /// Checks for the privilege to join `group` (READ). Changes nothing.
    ///
    /// # Errors
    /// As for [`committed`](Self::committed).
    pub async fn may_join(&self, group: &Arc<str>) -> Result<(), GroupError> {
        Box::pin(group::may_join(&self.cluster, group)).await
    }

    /// Reads `partition` from `from` on. Prefetching begins when the first batch is requested.
    #[must_use]
    pub fn read(&self, partition: TopicPartition, from: Position) -> PartitionReader {
        PartitionReader::new(Arc::clone(&self.cluster), partition, from)
    }
}

fn present(name: &Arc<str>, topic: cluster::metadata::Topic) -> TopicState {
    let partitions = topic.partitions.into_keys().map(|partition| TopicPartition {
        topic: Arc::clone(name),
        partition,
        topic_id: topic.id,
    });
    TopicState::Present {
        topic: Arc::clone(name),
        topic_id: topic.id,
        partitions: partitions.collect(),
    }
}
