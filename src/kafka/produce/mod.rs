//! An idempotent producer (KIP-98): sends batches of each partition in order, several of them in
//! flight, acknowledged by all in-sync replicas, without duplicates.
//!
//! A [`Producer`] partitions records and fills batches; a [`lane`] per partition sends them over a
//! separate connection, since a broker processes the requests of a connection one after the other.
//! [`setup`] creates the topic first.
#![allow(rustdoc::private_intra_doc_links, reason = "the overview links to private modules")]

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
    Kafka, TopicState, cluster::Cluster, error::KafkaError, log::record::TopicPartition,
    trouble::backoff,
};
use lane::{Lane, Pending, ProducerId};

/// The maximum size of a batch, unless it is a single larger record: well below the brokers' default
/// limit (`message.max.bytes`, 1 MiB).
const BATCH_BYTES: usize = 256 << 10;

/// The number of full batches that wait for their lane, in addition to those in flight.
const READY_BATCHES: usize = 2;

/// Why records could not be sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProduceError {
    /// A request before sending failed.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The topic does not exist and cannot be created.
    #[error("cannot create topic {topic}: {cause}: grant CREATE, or create the topic")]
    NotCreated {
        /// The topic's name.
        topic: String,
        /// The broker's error.
        cause: String,
    },
    /// A broker rejects records with a final error.
    #[error("Kafka rejects records for {partition}: {cause}: grant WRITE, or see the broker's log")]
    Refused {
        /// The partition.
        partition: TopicPartition,
        /// The broker's error.
        cause: String,
    },
    /// No acknowledgement for too long. It is unknown whether the batches in flight were stored.
    #[error(
        "no acknowledgement from {partition} for {waited:?}: {cause}; it is unknown whether the last \
         records were stored: send them again, since orders are upserted"
    )]
    NotAcknowledged {
        /// The partition.
        partition: TopicPartition,
        /// The time since the last acknowledgement.
        waited: Duration,
        /// The last error.
        cause: String,
    },
    /// A lane ended unexpectedly.
    #[error("internal error while sending: report it as a bug")]
    Defect,
}

impl Kafka {
    /// A producer for `topic`, which is created with `partitions` (1 or more) and the broker's
    /// default replication factor if it does not exist.
    ///
    /// # Errors
    /// [`ProduceError::Kafka`] if no broker answers in time, [`ProduceError::NotCreated`].
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

    /// Brokers learn of a new topic some time after it is created.
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
        Err(self
            .cluster
            .unreachable(format!("topic {topic} was created, but is not in the metadata")))
    }
}

/// Sends records to one topic.
///
/// If it is dropped without [`finish`](Self::finish), only the batches in flight are sent.
#[derive(Debug)]
pub struct Producer {
    /// One for each partition, by number.
    lanes: Vec<OpenLane>,
    /// The lane for records without a key; it changes when its batch is closed.
    without_key: usize,
    created: bool,
}

/// A lane and its current batch.
#[derive(Debug)]
struct OpenLane {
    partition: i32,
    pending: Vec<Pending>,
    pending_bytes: usize,
    ready: mpsc::Sender<Vec<Pending>>,
    acknowledged: Arc<AtomicU64>,
    /// `None` after its end is known.
    task: Option<JoinHandle<Result<(), ProduceError>>>,
}

impl Producer {
    /// Whether the topic was created by this producer.
    #[must_use]
    pub const fn has_created_topic(&self) -> bool {
        self.created
    }

    /// The number of records acknowledged so far, by partition.
    #[must_use]
    pub fn acknowledged(&self) -> Vec<(i32, u64)> {
        let lanes = self.lanes.iter();
        lanes.map(|lane| (lane.partition, lane.acknowledged.load(Ordering::Relaxed))).collect()
    }

    /// Adds a record, which is sent when its batch is full. Records with the same key are in the
    /// same partition, in order. Waits while brokers are slower than the caller; if it is
    /// cancelled, only this record is not added.
    ///
    /// # Errors
    /// Why sending has ended, including [`KafkaError::Gone`].
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

    /// Sends all added records, including partial batches, without waiting for acknowledgements.
    ///
    /// # Errors
    /// As for [`send`](Self::send).
    pub async fn flush(&mut self) -> Result<(), ProduceError> {
        for index in 0..self.lanes.len() {
            self.hand_over(index).await?;
        }
        Ok(())
    }

    /// Sends all added records and waits until they are acknowledged.
    ///
    /// # Errors
    /// The first error of a lane; the others still send their batches.
    pub async fn finish(&mut self) -> Result<(), ProduceError> {
        let mut result = self.flush().await;
        for lane in &mut self.lanes {
            // The lane ends when its channel is closed.
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
        // If this wait is cancelled, the batch is kept.
        if let Ok(place) = lane.ready.reserve().await {
            lane.pending_bytes = 0;
            let batch = mem::take(&mut lane.pending);
            lane.pending.reserve(batch.len());
            place.send(batch);
            return Ok(());
        }
        // Its channel is closed because it has failed.
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

    /// Waits for its end and returns the result.
    async fn end(&mut self) -> Result<(), ProduceError> {
        let ended = match &mut self.task {
            Some(task) => task.await.unwrap_or(Err(ProduceError::Defect)),
            None => Err(ProduceError::Defect),
        };
        self.task = None;
        ended
    }
}
