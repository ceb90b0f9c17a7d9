//! Searches for the leader of a partition until it is found or an error is final.

use std::{sync::Arc, time::Duration};

use kafka_protocol::ResponseError;
use tokio::{sync::mpsc, time::sleep};

use crate::kafka::{
    cluster::{Cluster, metadata::Leader, offsets::Bound},
    error::{KafkaError, ReadError},
    fetch::{
        memory::Account,
        subscription::{Feed, Loss, Subscription},
    },
    log::record::TopicPartition,
    offset::{NextOffset, Position},
    transport::error::CallError,
    trouble::Trouble,
};
use crate::outage::Severity;

/// How long a leader may take to move before that is logged.
const MOVING: Duration = Duration::from_secs(2);

/// The pause before a final error is checked again.
const CONFIRM_AFTER: Duration = Duration::from_millis(200);

/// A subscription and the metadata that it is based on.
pub(in crate::kafka) struct Found {
    pub(in crate::kafka) feed: mpsc::Receiver<Feed>,
    pub(in crate::kafka) generation: u64,
}

/// The search of one partition.
pub(in crate::kafka) struct Search {
    pub(in crate::kafka) cluster: Arc<Cluster>,
    pub(in crate::kafka) partition: TopicPartition,
    pub(in crate::kafka) account: Arc<Account>,
    pub(in crate::kafka) position: Position,
    /// The metadata version that is known to be outdated.
    pub(in crate::kafka) stale: Option<u64>,
    pub(in crate::kafka) trouble: Option<Trouble>,
    /// A final error has to occur twice in a row: brokers learn of changes at different times.
    pub(in crate::kafka) suspected: bool,
}

/// Whether newer metadata is likely to help.
const fn is_about_leadership(error: ResponseError) -> bool {
    matches!(
        error,
        ResponseError::UnknownTopicOrPartition
            | ResponseError::LeaderNotAvailable
            | ResponseError::NotLeaderOrFollower
            | ResponseError::ReplicaNotAvailable
            | ResponseError::FencedLeaderEpoch
            | ResponseError::UnknownLeaderEpoch
            | ResponseError::UnknownTopicId
            | ResponseError::InconsistentTopicId
    )
}

/// Why the search has not succeeded yet.
enum Setback {
    Transient(Severity, String),
    /// Final if it occurs again.
    Suspicion(ReadError),
    Final(ReadError),
}

impl Setback {
    fn passing(cause: impl ToString) -> Self {
        Self::Transient(Severity::Transient, cause.to_string())
    }
}

impl Search {
    /// Subscribes at the leader; `loss` is why the previous subscription ended.
    pub(in crate::kafka) async fn run(mut self, loss: Option<Loss>) -> Result<Found, ReadError> {
        let mut check_range = false;
        if let Some(loss) = loss {
            check_range = matches!(loss, Loss::Error(ResponseError::OffsetOutOfRange));
            let repeated = self.trouble.is_some();
            match self.judge(loss) {
                Some(setback) => self.handle(setback).await?,
                None if repeated => self.trouble().wait_silently().await,
                // From now on retries are delayed.
                None => _ = self.trouble(),
            }
        }
        loop {
            match self.attempt(check_range).await {
                Ok(found) => return Ok(found),
                Err(setback) => self.handle(setback).await?,
            }
        }
    }

    async fn handle(&mut self, setback: Setback) -> Result<(), ReadError> {
        let (severity, cause) = match setback {
            Setback::Final(error) => return Err(error),
            Setback::Suspicion(error) if self.suspected => return Err(error),
            Setback::Suspicion(_) => {
                self.suspected = true;
                sleep(CONFIRM_AFTER).await;
                return Ok(());
            }
            Setback::Transient(severity, cause) => {
                self.suspected = false;
                (severity, format!("{}: {cause}", self.partition))
            }
        };
        self.trouble().wait(severity, &cause).await;
        Ok(())
    }

    fn is_fresh(&self) -> bool {
        self.trouble.as_ref().is_none_or(|trouble| trouble.age() < MOVING)
    }

    fn trouble(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_with(|| self.cluster.troubles.begin())
    }

    /// The meaning of an ended subscription; `None` if further requests have to show it.
    fn judge(&self, loss: Loss) -> Option<Setback> {
        let (partition, offset) = (self.partition.clone(), self.position.next_offset);
        match loss {
            Loss::Error(ResponseError::OffsetOutOfRange) => None,
            // A leader change is not an outage, unless it takes long.
            Loss::Error(error) if is_about_leadership(error) && self.is_fresh() => None,
            // A former leader would not know the epoch of the request.
            Loss::Diverged(from) => {
                Some(Setback::Final(ReadError::Truncated { partition, next_offset: offset, from }))
            }
            Loss::Stuck(detail) => {
                Some(Setback::Final(ReadError::Corrupt { partition, offset, detail }))
            }
            Loss::NoVersion(detail) => {
                let detail = format!("{detail}: use Apache Kafka 2.1 or newer");
                Some(Setback::Final(ReadError::Unsupported { partition, offset, detail }))
            }
            Loss::Error(ResponseError::CorruptMessage) => {
                let detail = "the broker reports a corrupt log".to_owned();
                Some(Setback::Final(ReadError::Corrupt { partition, offset, detail }))
            }
            Loss::Error(ResponseError::UnsupportedCompressionType) => {
                let detail =
                    "the broker does not support Fetch version 10, which zstd needs (KIP-110): use \
                     Apache Kafka 2.1 or newer, or set another compression.type and skip these \
                     records with `vendas offsets reset`"
                        .to_owned();
                Some(Setback::Final(ReadError::Unsupported { partition, offset, detail }))
            }
            Loss::Error(error) => {
                let (severity, remedy) = match error {
                    ResponseError::TopicAuthorizationFailed => {
                        (Severity::NeedsAttention, ": grant READ on the topic")
                    }
                    _ => (Severity::Transient, ""),
                };
                Some(Setback::Transient(severity, format!("{error}{remedy}")))
            }
            Loss::Denied(cause) => Some(Setback::Transient(Severity::NeedsAttention, cause)),
            Loss::Connection(cause) => Some(Setback::passing(cause)),
        }
    }

    async fn attempt(&mut self, check_range: bool) -> Result<Found, Setback> {
        let leader = self.leader().await?;
        if check_range {
            self.check_range(&leader).await?;
        }
        let (sender, feed) = mpsc::channel(self.cluster.settings.read_ahead.max(1));
        let subscription = Subscription {
            partition: self.partition.clone(),
            account: Arc::clone(&self.account),
            position: self.position,
            least_bytes: 0,
            leader_epoch: leader.epoch,
            feed: sender,
            trouble: self.trouble.take(),
        };
        self.cluster.fetchers.subscribe(&leader.address, subscription);
        Ok(Found { feed, generation: self.stale.unwrap_or_default() })
    }

    async fn leader(&mut self) -> Result<Leader, Setback> {
        let known = self.cluster.topic_of(&self.partition, self.stale).await;
        let known = known.map_err(|error| match error {
            KafkaError::Unsupported { .. } => Setback::Final(ReadError::Unsupported {
                partition: self.partition.clone(),
                offset: self.position.next_offset,
                detail: error.to_string(),
            }),
            KafkaError::Refused { .. } | KafkaError::Denied { .. } => {
                Setback::Transient(Severity::NeedsAttention, error.to_string())
            }
            KafkaError::Unreachable { .. } | KafkaError::Gone { .. } => Setback::passing(error),
        })?;
        self.stale = Some(known.generation);
        let Some(topic) = known.topic else {
            let cause =
                "the topic does not exist: create it, or remove it from kafka.topics".to_owned();
            return Err(Setback::Transient(Severity::NeedsAttention, cause));
        };
        if !self.partition.is_of(topic.id) {
            let (partition, topic_id) = (self.partition.clone(), topic.id);
            return Err(Setback::Suspicion(ReadError::Recreated { partition, topic_id }));
        }
        match topic.partitions.get(&self.partition.partition) {
            Some(Ok(leader)) => Ok(leader.clone()),
            Some(Err(cause)) => Err(Setback::passing(cause)),
            None => Err(Setback::passing("its topic does not have this partition")),
        }
    }

    /// Checks that the position is outside the log; a lagging leader may report that too.
    async fn check_range(&self, leader: &Leader) -> Result<(), Setback> {
        let [log_start, log_end] =
            [Bound::Start, Bound::HighWatermark].map(|bound| self.bound(leader, bound));
        let (log_start, log_end) = (log_start.await?, log_end.await?);
        if (log_start..=log_end).contains(&self.position.next_offset) {
            return Ok(());
        }
        Err(Setback::Suspicion(ReadError::OutOfRange {
            partition: self.partition.clone(),
            next_offset: self.position.next_offset,
            log_start,
            log_end,
        }))
    }

    async fn bound(&self, leader: &Leader, bound: Bound) -> Result<NextOffset, Setback> {
        let asked = vec![(self.partition.clone(), leader.epoch)];
        let deadline = self.cluster.deadline();
        let failed = |error: CallError| {
            let severity = match error {
                CallError::Denied(_) => Severity::NeedsAttention,
                _ => Severity::Transient,
            };
            Setback::Transient(severity, format!("{}: {error}", leader.address))
        };
        let answer = self.cluster.bounds(&leader.address, asked, bound, deadline).await;
        match answer.map_err(failed)?.pop() {
            Some((_, Ok(offset))) => Ok(offset),
            Some((_, Err(error))) => Err(Setback::passing(error)),
            None => Err(Setback::passing("no offsets in the response")),
        }
    }
}
