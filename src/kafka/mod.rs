//! Reads partitions of Apache Kafka: connections, topics, offsets and batches of records.
//!
//! [`Kafka`] answers questions about topics and offsets, and a [`PartitionReader`] gives
//! [`Batch`]es of one partition, committed records only, each with the [`Span`] of offsets that it
//! accounts for. From the network inwards: [`transport`] has connections, [`cluster`] knows who leads
//! what, [`fetch`] reads partitions ahead and takes their [`log`]'s format apart, [`group`] shares
//! them out, and [`produce`] sends.
//!
//! - **Invariant:** every call has a deadline, and nothing waits for a broker without one.
//! - **Invariant:** no record batch makes it panic, or allocate beyond [`Settings`].
//! - **Invariant:** nothing here reads back an offset that was noted in a group as our own: they live
//!   beside the data.
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the map leads readers of the code through all of its rooms"
)]

mod cluster;
mod error;
mod fetch;
mod group;
mod log;
mod offset;
mod produce;
mod selection;
mod transport;
mod trouble;

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
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
pub use offset::{NextOffset, Position, Span};
pub use produce::{ProduceError, Producer};
pub use selection::{Selected, Selection};
pub use transport::{
    access::{Login, Mechanism, Sasl, Security},
    oauth::{OAuth, TokenSource, Tokens},
    token_endpoint::TokenEndpoint,
};

use crate::outage::Ongoing;

/// How to reach Kafka, and within which bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Brokers to ask for the others, as `host:port`.
    pub brokers: Vec<String>,
    /// Over which transport and as whom.
    pub security: Security,
    /// By which the brokers' logs and quotas call us.
    pub client_id: String,
    /// Bytes of one partition in one fetch, from 1. A larger record batch still comes whole.
    pub fetch_max_bytes: i32,
    /// Bytes of fetched records that all partitions together may hold, as they came from the brokers.
    /// Record batches of more than half a partition's share still come whole.
    pub buffer_bytes: usize,
    /// Fetched chunks held per partition beside the one in work, from 1.
    pub read_ahead: usize,
    /// Bytes that one record batch may decompress to.
    pub max_decompressed_bytes: usize,
    /// How long a broker has to answer, connecting included; a long poll has that much longer.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            brokers: vec!["localhost:9092".to_owned()],
            security: Security::default(),
            client_id: "vendas".to_owned(),
            fetch_max_bytes: 1 << 20,
            buffer_bytes: 128 << 20,
            read_ahead: 2,
            max_decompressed_bytes: 64 << 20,
            timeout: Duration::from_secs(10),
        }
    }
}

/// What there is of a topic that was asked for by its name, or by a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicState {
    /// No topic has the name, or matches the pattern, and none was created by asking.
    Missing {
        /// The name or the pattern asked for.
        topic: Arc<str>,
    },
    /// It exists.
    Present {
        /// Its name.
        topic: Arc<str>,
        /// Its identity (KIP-516).
        topic_id: Uuid,
        /// All its partitions by number, with or without a leader.
        partitions: Vec<TopicPartition>,
    },
}

impl TopicState {
    /// All its partitions; none where it is missing.
    #[must_use]
    pub fn partitions(&self) -> &[TopicPartition] {
        match self {
            Self::Missing { .. } => &[],
            Self::Present { partitions, .. } => partitions,
        }
    }
}

/// Which end of a partition is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetAt {
    /// The first offset still there.
    Earliest,
    /// The last stable offset: behind all that can be read now, transactions still open excluded
    /// (KIP-98).
    End,
}

/// One Kafka. Clones share its connections and what is known of it.
#[derive(Clone)]
pub struct Kafka {
    cluster: Arc<cluster::Cluster>,
}

impl Kafka {
    /// Does no I/O: whether `settings` lead anywhere shows with the first question.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { cluster: Arc::new(cluster::Cluster::new(settings)) }
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn connections_opened(&self) -> u64 {
        self.cluster.access.opened.load(Ordering::Relaxed)
    }

    /// What keeps partitions from being read now, if anything does.
    #[must_use]
    pub fn trouble(&self) -> Option<Ongoing> {
        self.cluster.troubles.ongoing()
    }

    /// The topics of `selection`: first those that are named, then those that match a pattern, each in
    /// the order of their names. A pattern that matches none is a topic that is missing. Kafka's
    /// internal topics match no pattern. Creates none.
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

    /// The topics called `names`, in their order. Creates none.
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

    /// The earliest or last offsets of `partitions`, in their order; one request a broker.
    ///
    /// Leaders that move meanwhile are followed.
    ///
    /// # Errors
    /// [`KafkaError::Unreachable`] if not all are known after [`Settings::timeout`],
    /// [`KafkaError::Gone`] if one belongs to a topic that is no more, and as for
    /// [`topics`](Self::topics).
    pub async fn offsets(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
    ) -> Result<Vec<(TopicPartition, NextOffset)>, KafkaError> {
        cluster::offsets::offsets(&self.cluster, partitions, at).await
    }

    /// Asks whether records of the topic of `partition` may be fetched, from `at` on. Fetches none.
    ///
    /// # Errors
    /// [`KafkaError::Refused`] if not, and as for [`offsets`](Self::offsets).
    pub async fn may_read(
        &self,
        partition: &TopicPartition,
        at: NextOffset,
    ) -> Result<(), KafkaError> {
        cluster::rights::may_read(&self.cluster, partition, at).await
    }

    /// A member of the consumer group `group` for `topics`, which joins with its first
    /// [`beat`](GroupMember::beat). `id` is the member's where the protocol lets it choose one.
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

    /// The offsets that `group`, of whatever protocol, has committed of `partitions`, in their
    /// order; `None` where it has none.
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

    /// Who is in `group`, and has what; `protocol` is how it would be joined.
    ///
    /// # Errors
    /// As for [`committed`](Self::committed); [`GroupError::Unsupported`] where it could not be joined
    /// so.
    pub async fn group(
        &self,
        group: &Arc<str>,
        protocol: GroupProtocol,
    ) -> Result<GroupSeen, GroupError> {
        Box::pin(group::members(&self.cluster, group, protocol)).await
    }

    /// Asks whether we may be a member of `group`, which takes READ. Changes nothing.
    ///
    /// # Errors
    /// As for [`committed`](Self::committed).
    pub async fn may_join(&self, group: &Arc<str>) -> Result<(), GroupError> {
        Box::pin(group::may_join(&self.cluster, group)).await
    }

    /// Reads `partition` from `from` on. Nothing is fetched before the first batch is asked for;
    /// then it is read ahead.
    #[must_use]
    pub fn read(&self, partition: TopicPartition, from: Position) -> PartitionReader {
        PartitionReader::new(Arc::clone(&self.cluster), partition, from)
    }
}

fn present(name: &Arc<str>, topic: cluster::Topic) -> TopicState {
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
