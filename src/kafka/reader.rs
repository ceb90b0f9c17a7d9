//! Reads one partition: batches for its caller, and everything transient dealt with on the way.

use std::{mem, sync::Arc};

use kafka_protocol::ResponseError;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use super::{
    Batch, KafkaError, NextOffset, ReadError, Span, TopicPartition,
    cluster::{Bound, Cluster, Leader},
    connection::CallError,
    decode::Decoder,
    fetcher::{Feed, Loss, Subscription},
    header::Fault,
    trouble::Trouble,
};
use crate::outage::Gravity;

/// Reads a partition from a position on. Dropping it ends the subscription.
pub struct PartitionReader {
    cluster: Arc<Cluster>,
    partition: TopicPartition,
    /// Where the next batch's span begins.
    next: NextOffset,
    /// What is left of the chunk in work.
    decoder: Option<Decoder>,
    source: Source,
}

/// Where chunks come from.
enum Source {
    /// Nowhere until the first batch is asked for.
    Idle,
    /// From a leader being looked for, in a task of its own: whoever cancels `next_batch` every so
    /// often doesn't keep it from being found.
    Searching(AbortOnDropHandle<Result<Found, ReadError>>),
    Feeding(Found),
    /// From nowhere until somebody decides.
    Halted(ReadError),
}

/// A running subscription and the metadata that led to it.
struct Found {
    feed: mpsc::Receiver<Feed>,
    generation: u64,
}

impl PartitionReader {
    pub(super) const fn new(
        cluster: Arc<Cluster>,
        partition: TopicPartition,
        from: NextOffset,
    ) -> Self {
        Self { cluster, partition, next: from, decoder: None, source: Source::Idle }
    }

    /// What is there, up to `max_records` (at least 1); waits only if nothing is.
    ///
    /// Its span begins where the one before ended. A batch without records is progress too: over
    /// transaction markers, aborted records or gaps. Cancelling loses nothing. Whatever passes by
    /// itself is waited out in here, and told by the log alone.
    ///
    /// # Errors
    /// Any [`ReadError`] halts the partition: it is returned again from then on.
    pub async fn next_batch(&mut self, max_records: usize) -> Result<Batch, ReadError> {
        let max_records = max_records.max(1);
        let mut records = Vec::new();
        let mut chunks = 0;
        loop {
            let (next, fault) = self.decode(max_records, &mut records);
            if let Some(fault) = fault {
                self.decoder = None;
                self.source = Source::Halted(self.fault(fault, next));
            }
            // No await between here and the return, so that cancelling loses no records.
            let enough = records.len() >= max_records || chunks > self.cluster.settings.read_ahead;
            if !enough && self.take_waiting_chunk(next) {
                chunks += 1;
                continue;
            }
            if let Some(span) = Span::new(self.next, next) {
                self.next = next;
                return Ok(Batch::new(span, records));
            }
            self.refill().await?;
        }
    }

    /// Appends up to `max` records in all; where that leads to, and what stands in the way there.
    fn decode(
        &mut self,
        max: usize,
        records: &mut Vec<super::Record>,
    ) -> (NextOffset, Option<Fault>) {
        let Some(decoder) = &mut self.decoder else { return (self.next, None) };
        let result = decoder.take(max - records.len(), records);
        let position = decoder.position();
        if records.len() < max {
            // It is exhausted, or at fault.
            self.decoder = None;
        }
        (position, result.err())
    }

    /// Whether there was another chunk, which is in work now.
    fn take_waiting_chunk(&mut self, position: NextOffset) -> bool {
        let Source::Feeding(found) = &mut self.source else { return false };
        let Ok(item) = found.feed.try_recv() else { return false };
        self.accept(item, position)
    }

    fn accept(&mut self, item: Feed, position: NextOffset) -> bool {
        match item {
            Feed::Chunk(chunk) => {
                let limit = self.cluster.settings.max_decompressed_bytes;
                self.decoder = Some(Decoder::new(chunk, position, limit));
                true
            }
            Feed::Lost(loss, trouble) => {
                self.search(Some(loss), trouble, position);
                false
            }
        }
    }

    /// Waits for the next thing to happen. Everything before is accounted for.
    async fn refill(&mut self) -> Result<(), ReadError> {
        let next = self.next;
        match &mut self.source {
            Source::Idle => self.search(None, None, next),
            Source::Halted(error) => return Err(error.clone()),
            Source::Searching(task) => {
                self.source = match task.await {
                    Ok(Ok(found)) => Source::Feeding(found),
                    Ok(Err(error)) => Source::Halted(error),
                    Err(error) => {
                        debug!(error = %error, "search for a leader ended");
                        Source::Idle
                    }
                };
            }
            Source::Feeding(found) => {
                let item = found.feed.recv().await.unwrap_or_else(|| {
                    Feed::Lost(Loss::Connection("fetching ended".to_owned()), None)
                });
                self.accept(item, next);
            }
        }
        Ok(())
    }

    fn search(&mut self, loss: Option<Loss>, trouble: Option<Trouble>, position: NextOffset) {
        let stale = match mem::replace(&mut self.source, Source::Idle) {
            Source::Feeding(found) => Some(found.generation),
            _ => None,
        };
        let search = Search {
            cluster: Arc::clone(&self.cluster),
            partition: self.partition.clone(),
            position,
            stale,
            trouble,
            suspected: false,
        };
        self.source = Source::Searching(AbortOnDropHandle::new(tokio::spawn(search.run(loss))));
    }

    fn fault(&self, fault: Fault, offset: NextOffset) -> ReadError {
        let partition = self.partition.clone();
        match fault {
            Fault::Corrupt(detail) => ReadError::Corrupt { partition, offset, detail },
            Fault::TooLarge => {
                let max_bytes = self.cluster.settings.max_decompressed_bytes;
                ReadError::TooLarge { partition, offset, max_bytes }
            }
            Fault::Unsupported(detail) => ReadError::Unsupported { partition, offset, detail },
        }
    }
}

/// Looks for the leader of a partition until it has one, or until that is hopeless.
struct Search {
    cluster: Arc<Cluster>,
    partition: TopicPartition,
    position: NextOffset,
    /// The metadata that is known to be wrong.
    stale: Option<u64>,
    trouble: Option<Trouble>,
    /// What halts a partition has to be seen twice in a row: brokers learn of changes one by one.
    suspected: bool,
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

/// Why there is no leader yet.
enum Setback {
    Passing(Gravity, String),
    /// Final, if it is seen again.
    Suspicion(ReadError),
    Final(ReadError),
}

impl Setback {
    fn passing(cause: impl ToString) -> Self {
        Self::Passing(Gravity::PassesByItself, cause.to_string())
    }
}

impl Search {
    async fn run(mut self, loss: Option<Loss>) -> Result<Found, ReadError> {
        let mut check_range = false;
        if let Some(loss) = loss {
            check_range = matches!(loss, Loss::Error(ResponseError::OffsetOutOfRange));
            let repeated = self.trouble.is_some();
            match self.judge(loss) {
                Some(setback) => self.sit_out(setback).await?,
                None if repeated => self.trouble().wait_silently().await,
                // From now on it is a trouble, so that a second time isn't tried at once.
                None => _ = self.trouble(),
            }
        }
        loop {
            match self.attempt(check_range).await {
                Ok(found) => return Ok(found),
                Err(setback) => self.sit_out(setback).await?,
            }
        }
    }

    async fn sit_out(&mut self, setback: Setback) -> Result<(), ReadError> {
        let (gravity, cause) = match setback {
            Setback::Final(error) => return Err(error),
            Setback::Suspicion(error) if self.suspected => return Err(error),
            Setback::Suspicion(_) => {
                self.suspected = true;
                self.trouble().wait_silently().await;
                return Ok(());
            }
            Setback::Passing(gravity, cause) => {
                self.suspected = false;
                (gravity, format!("{}: {cause}", self.partition))
            }
        };
        self.trouble().wait(gravity, &cause).await;
        Ok(())
    }

    fn trouble(&mut self) -> &mut Trouble {
        self.trouble.get_or_insert_with(|| self.cluster.troubles.begin())
    }

    /// What an ended subscription means; `None` if only asking further will tell.
    fn judge(&self, loss: Loss) -> Option<Setback> {
        let (partition, offset) = (self.partition.clone(), self.position);
        match loss {
            Loss::Error(ResponseError::OffsetOutOfRange) => None,
            // A leader that moves is no outage, unless newer metadata doesn't know better.
            Loss::Error(error) if self.trouble.is_none() && is_about_leadership(error) => None,
            Loss::Stuck(detail) => {
                Some(Setback::Final(ReadError::Corrupt { partition, offset, detail }))
            }
            Loss::NoVersion(detail) => {
                let detail = format!("{detail}: use Apache Kafka 3.1 or newer");
                Some(Setback::Final(ReadError::Unsupported { partition, offset, detail }))
            }
            Loss::Error(ResponseError::CorruptMessage) => {
                let detail = "the broker finds its log damaged".to_owned();
                Some(Setback::Final(ReadError::Corrupt { partition, offset, detail }))
            }
            Loss::Error(error) => {
                let gravity = match error {
                    ResponseError::TopicAuthorizationFailed => Gravity::NeedsAPerson,
                    _ => Gravity::PassesByItself,
                };
                Some(Setback::Passing(gravity, error.to_string()))
            }
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
            position: self.position,
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
                offset: self.position,
                detail: error.to_string(),
            }),
            KafkaError::Refused { .. } => {
                Setback::Passing(Gravity::NeedsAPerson, error.to_string())
            }
            KafkaError::Unreachable { .. } | KafkaError::Gone { .. } => Setback::passing(error),
        })?;
        self.stale = Some(known.generation);
        let Some(topic) = known.topic else {
            let cause = "there is no such topic: create it, or leave it out".to_owned();
            return Err(Setback::Passing(Gravity::NeedsAPerson, cause));
        };
        if topic.id != self.partition.topic_id {
            let (partition, topic_id) = (self.partition.clone(), topic.id);
            return Err(Setback::Suspicion(ReadError::Recreated { partition, topic_id }));
        }
        match topic.partitions.get(&self.partition.partition) {
            Some(Ok(leader)) => Ok(leader.clone()),
            Some(Err(cause)) => Err(Setback::passing(cause)),
            None => Err(Setback::passing("its topic has no such partition")),
        }
    }

    /// Whether the position really lies outside the log; a leader that lags may think so too.
    async fn check_range(&self, leader: &Leader) -> Result<(), Setback> {
        let [log_start, log_end] =
            [Bound::Start, Bound::HighWatermark].map(|bound| self.bound(leader, bound));
        let (log_start, log_end) = (log_start.await?, log_end.await?);
        if (log_start..=log_end).contains(&self.position) {
            return Ok(());
        }
        Err(Setback::Suspicion(ReadError::OutOfRange {
            partition: self.partition.clone(),
            next_offset: self.position,
            log_start,
            log_end,
        }))
    }

    async fn bound(&self, leader: &Leader, bound: Bound) -> Result<NextOffset, Setback> {
        let asked = vec![(self.partition.clone(), leader.epoch)];
        let deadline = self.cluster.deadline();
        let failed = |error: CallError| Setback::passing(format!("{}: {error}", leader.address));
        let answer = self.cluster.bounds(&leader.address, asked, bound, deadline).await;
        match answer.map_err(failed)?.pop() {
            Some((_, Ok(offset))) => Ok(offset),
            Some((_, Err(error))) => Err(Setback::passing(error)),
            None => Err(Setback::passing("no answer about its offsets")),
        }
    }
}
