//! Sends the batches of one partition, in order.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::stream::{FuturesOrdered, StreamExt};
use jiff::Timestamp;
use kafka_protocol::{
    ResponseError,
    messages::{
        ProduceRequest, ProduceResponse,
        produce_request::{PartitionProduceData, TopicProduceData},
    },
    records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType},
};
use tokio::{sync::mpsc, time::Instant};

use super::{KafkaError, ProduceError, TopicPartition};
use crate::{
    kafka::{
        cluster::{Cluster, metadata::topic_name},
        transport::{connection::Connection, error::CallError},
        trouble::Trouble as Retry,
    },
    outage::Severity,
};

/// The maximum number of unacknowledged batches. Brokers detect duplicates among the last five
/// batches of a producer.
const IN_FLIGHT: usize = 4;

/// The number of timeouts without an acknowledgement until sending fails.
const MAX_TIMEOUTS: u32 = 3;

/// Failures are not logged for this long, since leaders of a new topic take some time.
const QUIET_FOR: Duration = Duration::from_secs(1);

/// The maximum overhead of a record in addition to key and payload.
const OVERHEAD_BYTES: usize = 24;

/// A record to be sent.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) key: Option<Bytes>,
    pub(super) payload: Option<Bytes>,
}

impl Pending {
    pub(super) fn size(&self) -> usize {
        let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        size(&self.key) + size(&self.payload) + OVERHEAD_BYTES
    }
}

/// The id and epoch of an idempotent producer (KIP-98).
#[derive(Clone, Copy, Debug)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// An encoded record batch. Retries send the same bytes.
struct Encoded {
    bytes: Bytes,
    records: u64,
}

/// Why sending over a connection ended.
enum Failure {
    Transient(String),
    Final(ProduceError),
}

/// Sends the batches of one partition to its leader.
pub(super) struct Lane {
    cluster: Arc<Cluster>,
    partition: TopicPartition,
    id: ProducerId,
    batches: mpsc::Receiver<Vec<Pending>>,
    acknowledged: Arc<AtomicU64>,
    /// The unacknowledged batches, oldest first.
    window: VecDeque<Encoded>,
    /// Whether the first batch was acknowledged, so that brokers know the producer id in this
    /// partition. Before that they would accept a later batch even if the first one failed, as it
    /// may while a topic is new, and would then reject the first one.
    introduced: bool,
    /// The sequence number of the next batch's first record.
    sequence: i32,
    /// The metadata version that is outdated.
    stale: Option<u64>,
    /// Since when an acknowledgement is overdue.
    waiting_since: Instant,
    /// Set from the first failure until the next acknowledgement.
    retry: Option<Retry>,
}

impl Lane {
    pub(super) fn new(
        cluster: Arc<Cluster>,
        partition: TopicPartition,
        id: ProducerId,
        batches: mpsc::Receiver<Vec<Pending>>,
        acknowledged: Arc<AtomicU64>,
    ) -> Self {
        Self {
            cluster,
            partition,
            id,
            batches,
            acknowledged,
            window: VecDeque::with_capacity(IN_FLIGHT),
            introduced: false,
            sequence: 0,
            stale: None,
            waiting_since: Instant::now(),
            retry: None,
        }
    }

    /// Sends until all batches are acknowledged and no more can come.
    pub(super) async fn run(mut self) -> Result<(), ProduceError> {
        let patience = self.cluster.settings.timeout * MAX_TIMEOUTS;
        loop {
            // Connects only when there is a batch to send.
            if self.window.is_empty() {
                let Some(batch) = self.batches.recv().await else { return Ok(()) };
                self.waiting_since = Instant::now();
                let encoded = encode(&self.partition, &batch, self.id, &mut self.sequence)?;
                self.window.push_back(encoded);
            }
            let cause = match self.send_on_one_connection().await {
                Ok(()) => continue,
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Transient(cause)) => cause,
            };
            let waited = self.waiting_since.elapsed();
            if waited >= patience {
                return Err(ProduceError::NotAcknowledged {
                    partition: self.partition,
                    waited,
                    cause,
                });
            }
            let retry = self.retry.get_or_insert_with(|| self.cluster.troubles.begin());
            if retry.age() < QUIET_FOR {
                retry.wait_silently().await;
            } else {
                retry.wait(Severity::Transient, &cause).await;
            }
        }
    }

    /// Sends the window, repeated if necessary, and further batches. `Ok` when all are acknowledged
    /// and no more can come.
    async fn send_on_one_connection(&mut self) -> Result<(), Failure> {
        let known = self.cluster.topic_of(&self.partition, self.stale).await;
        let known = known.map_err(|error| match error {
            KafkaError::Unreachable { .. } => Failure::Transient(error.to_string()),
            other => Failure::Final(other.into()),
        })?;
        self.stale = Some(known.generation);
        let topic = known.topic.filter(|topic| self.partition.is_of(topic.id));
        let gone = || Failure::Final(KafkaError::Gone { partition: self.partition.clone() }.into());
        let topic = topic.ok_or_else(gone)?;
        let leader = match topic.partitions.get(&self.partition.partition) {
            Some(Ok(leader)) => leader.address.clone(),
            Some(Err(cause)) => return Err(Failure::Transient(cause.clone())),
            None => return Err(gone()),
        };
        let opened = Connection::open(&leader, &self.cluster.access, self.cluster.deadline());
        let connection = opened.await.map_err(|error| match error {
            CallError::Denied(cause) => {
                Failure::Final(KafkaError::Denied { broker: leader.clone(), cause }.into())
            }
            error => Failure::Transient(error.to_string()),
        })?;

        let call = |bytes: Bytes| {
            let request =
                request(&self.partition, bytes, self.cluster.settings.timeout.as_millis());
            connection.call(request, self.cluster.deadline())
        };
        let mut answers = FuturesOrdered::new();
        for batch in &self.window {
            answers.push_back(call(batch.bytes.clone()));
        }
        let mut may_come = true;
        loop {
            let room = if self.introduced { IN_FLIGHT } else { 1 };
            tokio::select! {
                Some(answer) = answers.next() => {
                    judge(&self.partition, answer)?;
                    if let Some(batch) = self.window.pop_front() {
                        self.acknowledged.fetch_add(batch.records, Ordering::Relaxed);
                    }
                    self.introduced = true;
                    self.waiting_since = Instant::now();
                    if let Some(retry) = self.retry.take() {
                        retry.over();
                    }
                }
                batch = self.batches.recv(), if may_come && self.window.len() < room => {
                    let Some(batch) = batch else {
                        may_come = false;
                        continue;
                    };
                    if self.window.is_empty() {
                        self.waiting_since = Instant::now();
                    }
                    let encoded = encode(&self.partition, &batch, self.id, &mut self.sequence);
                    let encoded = encoded.map_err(Failure::Final)?;
                    answers.push_back(call(encoded.bytes.clone()));
                    self.window.push_back(encoded);
                }
                else => return Ok(()),
            }
        }
    }
}

/// Sequence numbers wrap to 0 after the largest one.
fn after(sequence: i32, records: usize) -> i32 {
    sequence.wrapping_add(i32::try_from(records).unwrap_or_default()) & i32::MAX
}

/// Also advances `sequence`.
fn encode(
    partition: &TopicPartition,
    batch: &[Pending],
    id: ProducerId,
    sequence: &mut i32,
) -> Result<Encoded, ProduceError> {
    let now = Timestamp::now().as_millisecond();
    let records: Vec<Record> = (0_i32..)
        .zip(batch)
        .map(|(index, pending)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: id.id,
            producer_epoch: id.epoch,
            timestamp_type: TimestampType::Creation,
            offset: index.into(),
            // The batch has only the sequence number of its first record.
            sequence: sequence.wrapping_add(index),
            timestamp: now,
            key: pending.key.clone(),
            value: pending.payload.clone(),
            headers: Default::default(),
        })
        .collect();
    let mut bytes = BytesMut::with_capacity(batch.iter().map(Pending::size).sum::<usize>() + 100);
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut bytes, &records, &options).map_err(|error| {
        ProduceError::Refused { partition: partition.clone(), cause: error.to_string() }
    })?;
    *sequence = after(*sequence, batch.len());
    Ok(Encoded { bytes: bytes.freeze(), records: u64::try_from(batch.len()).unwrap_or_default() })
}

fn request(partition: &TopicPartition, records: Bytes, timeout_ms: u128) -> ProduceRequest {
    let data =
        PartitionProduceData::default().with_index(partition.partition).with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(topic_name(&partition.topic))
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        // All in-sync replicas.
        .with_acks(-1)
        .with_timeout_ms(i32::try_from(timeout_ms).unwrap_or(i32::MAX))
        .with_topic_data(vec![topic])
}

/// Checks whether the batch is in the log.
fn judge(
    partition: &TopicPartition,
    answer: Result<ProduceResponse, CallError>,
) -> Result<(), Failure> {
    let refused =
        |cause| Failure::Final(ProduceError::Refused { partition: partition.clone(), cause });
    let answer = answer.map_err(|error| match error {
        CallError::NoVersion(_) | CallError::Denied(_) => refused(error.to_string()),
        CallError::Timeout(_) | CallError::Broken(_) => Failure::Transient(error.to_string()),
    })?;
    let result = answer.responses.first().and_then(|topic| topic.partition_responses.first());
    let Some(result) = result else {
        return Err(Failure::Transient("the response has no partition".to_owned()));
    };
    let message = result.error_message.as_ref();
    let message = message.map_or_else(String::new, |message| format!(" ({message})"));
    match ResponseError::try_from_code(result.error_code) {
        // A duplicate: the first attempt had arrived.
        None | Some(ResponseError::DuplicateSequenceNumber) => Ok(()),
        // An earlier batch failed, and is sent again before this one.
        Some(ResponseError::OutOfOrderSequenceNumber) => {
            Err(Failure::Transient("an earlier batch failed".to_owned()))
        }
        Some(error) if error.is_retriable() => Err(Failure::Transient(format!("{error}{message}"))),
        Some(error) => Err(refused(format!("{error}{message}"))),
    }
}
