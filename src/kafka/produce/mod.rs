//! Sends records to a topic: batches of each partition in order, several of them in flight, each
//! acknowledged by all replicas in sync, and none twice (KIP-98's idempotent producer).
//!
//! A [`Producer`] sorts records by partition and fills their batches; a [`lane`] for each partition
//! sends them over a connection of its own, for a broker works the requests of one connection one
//! after the other. [`setup`] sees to the topic before.
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the map leads readers of the code through all of its files"
)]

mod lane;
mod partitioner;
mod setup;

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::kafka::{
    Kafka, KafkaError, TopicPartition, TopicState, cluster::Cluster, trouble::backoff,
};
use lane::{Lane, Pending, ProducerId};

/// What one batch holds at most, if it isn't one large record: well below what brokers accept by
/// default (`message.max.bytes`, 1 MiB).
const BATCH_BYTES: usize = 256 << 10;

/// Filled batches that wait for their lane, beside those in flight.
const READY_BATCHES: usize = 2;

/// Why records could not be sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProduceError {
    /// Kafka could not be asked what has to be known first.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The topic isn't there and could not be created.
    #[error("topic {topic} was not created: {cause}")]
    NotCreated {
        /// Its name.
        topic: String,
        /// What the broker says.
        cause: String,
    },
    /// A broker refuses, for good, what it was sent.
    #[error("{partition} takes no more records: {cause}")]
    Refused {
        /// The partition.
        partition: TopicPartition,
        /// The broker's error.
        cause: String,
    },
    /// Nothing was acknowledged for too long. What was in flight may be there or not.
    #[error("{partition} acknowledged nothing for {waited:?}: {cause}")]
    NotAcknowledged {
        /// The partition.
        partition: TopicPartition,
        /// Since the last acknowledgement.
        waited: Duration,
        /// What happened last.
        cause: String,
    },
    /// A lane came to an end that no code foresees.
    #[error("sending failed: report it as a defect")]
    Defect,
}

impl Kafka {
    /// Sends to `topic`, which is created with `partitions` (1 or more) and the broker's default
    /// replication factor if it isn't there.
    ///
    /// # Errors
    /// [`ProduceError::Kafka`] where no broker answers in time, [`ProduceError::NotCreated`].
    pub async fn producer(
        &self,
        topic: &Arc<str>,
        partitions: i32,
    ) -> Result<Producer, ProduceError> {
        let cluster = &self.cluster;
        let (created, found) = match self.partitions_of(topic).await? {
            Some(found) => (false, found),
            None => {
                setup::topic(cluster, topic, partitions).await?;
                (true, self.partitions_created(topic).await?)
            }
        };
        let id = setup::producer_id(cluster).await?;
        let lanes = found.into_iter().map(|partition| OpenLane::start(cluster, partition, id));
        Ok(Producer { lanes: lanes.collect(), without_key: 0, created })
    }

    async fn partitions_of(
        &self,
        topic: &Arc<str>,
    ) -> Result<Option<Vec<TopicPartition>>, KafkaError> {
        let states = self.topics_named(std::slice::from_ref(topic)).await?;
        Ok(states.into_iter().find_map(|state| match state {
            TopicState::Present { partitions, .. } => {
                Some(partitions).filter(|partitions| !partitions.is_empty())
            }
            TopicState::Missing { .. } => None,
        }))
    }

    /// Brokers hear of a new topic some moments after it is created.
    async fn partitions_created(
        &self,
        topic: &Arc<str>,
    ) -> Result<Vec<TopicPartition>, KafkaError> {
        let deadline = self.cluster.deadline();
        for wait in backoff() {
            if let Some(found) = self.partitions_of(topic).await? {
                return Ok(found);
            }
            if Instant::now() + wait > deadline {
                break;
            }
            sleep(wait).await;
        }
        Err(self.cluster.unreachable(format!("topic {topic} was created, but doesn't show")))
    }
}

/// Sends records to one topic.
///
/// Dropped without [`finish`](Self::finish), it sends no more than what is in flight already.
#[derive(Debug)]
pub struct Producer {
    /// One for each partition, by number.
    lanes: Vec<OpenLane>,
    /// The lane that takes records without a key; the next one does as soon as its batch is closed.
    without_key: usize,
    created: bool,
}

/// A lane, and the batch that is being filled for it.
#[derive(Debug)]
struct OpenLane {
    partition: i32,
    pending: Vec<Pending>,
    pending_bytes: usize,
    ready: mpsc::Sender<Vec<Pending>>,
    acknowledged: Arc<AtomicU64>,
    /// `None` once its end is known.
    task: Option<JoinHandle<Result<(), ProduceError>>>,
}

impl Producer {
    /// Whether the topic was created for it.
    #[must_use]
    pub const fn has_created_topic(&self) -> bool {
        self.created
    }

    /// How many records each partition has acknowledged so far, by the partition's number.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<(i32, u64)> {
        let lanes = self.lanes.iter();
        lanes.map(|lane| (lane.partition, lane.acknowledged.load(Ordering::Relaxed))).collect()
    }

    /// Takes a record, to be sent when its batch is full. Those of one key stay in one partition,
    /// in order. Waits while brokers are slower than the caller; given up meanwhile, this record
    /// alone isn't taken.
    ///
    /// # Errors
    /// Why no more is sent, [`KafkaError::Gone`] included.
    pub async fn send(
        &mut self,
        key: Option<Bytes>,
        payload: Option<Bytes>,
    ) -> Result<(), ProduceError> {
        let index = match &key {
            Some(key) => partitioner::place(key, self.lanes.len()),
            None => self.without_key,
        };
        let pending = Pending { key, payload };
        let size = pending.size();
        let lane = self.lanes.get(index).ok_or(ProduceError::Defect)?;
        if lane.pending_bytes + size > BATCH_BYTES {
            self.hand_over(index).await?;
        }
        let lane = self.lanes.get_mut(index).ok_or(ProduceError::Defect)?;
        lane.pending_bytes += size;
        lane.pending.push(pending);
        Ok(())
    }

    /// Sends what was taken, full batches or not, without waiting for its acknowledgement.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), ProduceError> {
        for index in 0..self.lanes.len() {
            self.hand_over(index).await?;
        }
        Ok(())
    }

    /// Sends what was taken, and waits until all of it is acknowledged.
    ///
    /// # Errors
    /// The first that any lane has; the others still send what they have.
    pub async fn finish(&mut self) -> Result<(), ProduceError> {
        let mut result = self.flush().await;
        for lane in &mut self.lanes {
            // The lane ends when nobody can give it more.
            lane.ready = mpsc::channel(1).0;
        }
        for lane in &mut self.lanes {
            if lane.task.is_some() {
                result = result.and(lane.end().await);
            }
        }
        result
    }

    async fn hand_over(&mut self, index: usize) -> Result<(), ProduceError> {
        let next = (index + 1).checked_rem(self.lanes.len()).unwrap_or_default();
        let lane = self.lanes.get_mut(index).ok_or(ProduceError::Defect)?;
        if lane.pending.is_empty() {
            return Ok(());
        }
        if index == self.without_key {
            self.without_key = next;
        }
        // Should whoever waits here give up, the batch is still there.
        if let Ok(place) = lane.ready.reserve().await {
            lane.pending_bytes = 0;
            let batch = mem::take(&mut lane.pending);
            lane.pending.reserve(batch.len());
            place.send(batch);
            return Ok(());
        }
        // It takes no more because it has failed.
        lane.end().await.and(Err(ProduceError::Defect))
    }
}

impl OpenLane {
    fn start(cluster: &Arc<Cluster>, partition: TopicPartition, id: ProducerId) -> Self {
        let (ready, batches) = mpsc::channel(READY_BATCHES);
        let acknowledged = Arc::new(AtomicU64::new(0));
        let number = partition.partition;
        let lane =
            Lane::new(Arc::clone(cluster), partition, id, batches, Arc::clone(&acknowledged));
        Self {
            partition: number,
            pending: Vec::new(),
            pending_bytes: 0,
            ready,
            acknowledged,
            task: Some(tokio::spawn(lane.run())),
        }
    }

    /// Waits for it, and says what came of it.
    async fn end(&mut self) -> Result<(), ProduceError> {
        let ended = match &mut self.task {
            Some(task) => task.await.unwrap_or(Err(ProduceError::Defect)),
            None => Err(ProduceError::Defect),
        };
        self.task = None;
        ended
    }
}
