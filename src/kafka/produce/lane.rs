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
        cluster::{Cluster, topic_name},
        transport::connection::{CallError, Connection},
        trouble::Trouble as Retry,
    },
    outage::Severity,
};

/// Batches sent and not yet acknowledged. Brokers remember the last five of a producer, by which
/// they tell one that is sent again from a new one.
const IN_FLIGHT: usize = 4;

/// So many times the settings' timeout may pass without an acknowledgement.
const PATIENCE: u32 = 3;

/// For so long nothing is said of a failure: a new topic's leaders take their time.
const SILENCE: Duration = Duration::from_secs(1);

/// What a record needs beside key and payload, at most.
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

/// By which brokers know what comes from the same producer (KIP-98).
#[derive(Clone, Copy, Debug)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// A record batch as it goes over the wire, always the same bytes.
struct Encoded {
    bytes: Bytes,
    records: u64,
}

/// Why a connection was of no more use.
enum Trouble {
    Passing(String),
    Final(ProduceError),
}

/// One partition's way to its leader.
pub(super) struct Lane {
    cluster: Arc<Cluster>,
    partition: TopicPartition,
    id: ProducerId,
    batches: mpsc::Receiver<Vec<Pending>>,
    acknowledged: Arc<AtomicU64>,
    /// Sent or about to be, the oldest first, and not yet acknowledged.
    window: VecDeque<Encoded>,
    /// Whether the brokers know our id in this partition, by a first batch that was acknowledged.
    /// Before that they would take a later batch though the first one failed, as it may while a
    /// topic is new, and would never take the first one again.
    introduced: bool,
    /// Of the next batch's first record.
    sequence: i32,
    /// The metadata that has proved wrong.
    stale: Option<u64>,
    /// Since when nothing was acknowledged that should have been.
    waiting_since: Instant,
    /// From the first failure up to the next acknowledgement.
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

    /// Sends until there is nothing left and nothing can come.
    pub(super) async fn run(mut self) -> Result<(), ProduceError> {
        let patience = self.cluster.settings.timeout * PATIENCE;
        loop {
            // No connection before there is something to send.
            if self.window.is_empty() {
                let Some(batch) = self.batches.recv().await else { return Ok(()) };
                self.waiting_since = Instant::now();
                let encoded = encode(&self.partition, &batch, self.id, &mut self.sequence)?;
                self.window.push_back(encoded);
            }
            let cause = match self.send_on_one_connection().await {
                Ok(()) => continue,
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Passing(cause)) => cause,
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
            if retry.age() < SILENCE {
                retry.wait_silently().await;
            } else {
                retry.wait(Severity::Transient, &cause).await;
            }
        }
    }

    /// Sends the window, again if need be, and whatever comes. `Ok` when all is acknowledged and no
    /// more can come.
    async fn send_on_one_connection(&mut self) -> Result<(), Trouble> {
        let known = self.cluster.topic_of(&self.partition, self.stale).await;
        let known = known.map_err(|error| match error {
            KafkaError::Unreachable { .. } => Trouble::Passing(error.to_string()),
            other => Trouble::Final(other.into()),
        })?;
        self.stale = Some(known.generation);
        let topic = known.topic.filter(|topic| self.partition.is_of(topic.id));
        let gone = || Trouble::Final(KafkaError::Gone { partition: self.partition.clone() }.into());
        let topic = topic.ok_or_else(gone)?;
        let leader = match topic.partitions.get(&self.partition.partition) {
            Some(Ok(leader)) => leader.address.clone(),
            Some(Err(cause)) => return Err(Trouble::Passing(cause.clone())),
            None => return Err(gone()),
        };
        let opened = Connection::open(&leader, &self.cluster.access, self.cluster.deadline());
        let connection = opened.await.map_err(|error| match error {
            CallError::Denied(cause) => {
                Trouble::Final(KafkaError::Denied { broker: leader.clone(), cause }.into())
            }
            error => Trouble::Passing(error.to_string()),
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
                    let encoded = encoded.map_err(Trouble::Final)?;
                    answers.push_back(call(encoded.bytes.clone()));
                    self.window.push_back(encoded);
                }
                else => return Ok(()),
            }
        }
    }
}

/// Sequences start again at 0 behind the largest one.
fn after(sequence: i32, records: usize) -> i32 {
    sequence.wrapping_add(i32::try_from(records).unwrap_or_default()) & i32::MAX
}

/// Also moves `sequence` on.
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
            // The batch names its first record's alone.
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
        // All replicas in sync.
        .with_acks(-1)
        .with_timeout_ms(i32::try_from(timeout_ms).unwrap_or(i32::MAX))
        .with_topic_data(vec![topic])
}

/// Whether the batch is in the log.
fn judge(
    partition: &TopicPartition,
    answer: Result<ProduceResponse, CallError>,
) -> Result<(), Trouble> {
    let refused =
        |cause| Trouble::Final(ProduceError::Refused { partition: partition.clone(), cause });
    let answer = answer.map_err(|error| match error {
        CallError::NoVersion(_) | CallError::Denied(_) => refused(error.to_string()),
        CallError::Late(_) | CallError::Broken(_) => Trouble::Passing(error.to_string()),
    })?;
    let told = answer.responses.first().and_then(|topic| topic.partition_responses.first());
    let Some(told) = told else {
        return Err(Trouble::Passing("the broker's answer names no partition".to_owned()));
    };
    let message = told.error_message.as_ref();
    let message = message.map_or_else(String::new, |message| format!(" ({message})"));
    match ResponseError::try_from_code(told.error_code) {
        // It was sent again, and had arrived the first time.
        None | Some(ResponseError::DuplicateSequenceNumber) => Ok(()),
        // A batch before it has failed, and is sent again before this one.
        Some(ResponseError::OutOfOrderSequenceNumber) => {
            Err(Trouble::Passing("an earlier batch failed".to_owned()))
        }
        Some(error) if error.is_retriable() => Err(Trouble::Passing(format!("{error}{message}"))),
        Some(error) => Err(refused(format!("{error}{message}"))),
    }
}
