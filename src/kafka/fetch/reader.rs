//! Reads batches of one partition, and retries transient errors.

use std::{mem, sync::Arc};

use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::kafka::{
    cluster::Cluster,
    error::ReadError,
    fetch::{
        memory::Account,
        search::{Found, Search},
        subscription::{Feed, Loss},
    },
    log::{
        decode::{Decoder, Room},
        header::Fault,
        record::{Batch, Record, TopicPartition},
    },
    offset::{NextOffset, Position, Span},
    trouble::Trouble,
};

/// The maximum size of the keys and payloads of a batch, unless its last record is larger. It
/// limits the size of statements.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// Several batches of a partition are in flight, so each has at most this part of the partition's
/// share.
const BATCHES_A_SHARE: usize = 16;

/// Reads a partition from a position. Dropping it ends the subscription.
pub struct PartitionReader {
    cluster: Arc<Cluster>,
    partition: TopicPartition,
    account: Arc<Account>,
    /// The start of the next batch's span.
    next: NextOffset,
    /// The leader epoch before `next`.
    leader_epoch: Option<i32>,
    /// The rest of the current chunk.
    decoder: Option<Decoder>,
    source: Source,
}

/// The source of chunks.
enum Source {
    /// None until the first batch is requested.
    Idle,
    /// A search for the leader in a separate task, so that it continues when `next_batch` is
    /// cancelled.
    Searching(AbortOnDropHandle<Result<Found, ReadError>>),
    Feeding(Found),
    /// None: the partition is halted.
    Halted(ReadError),
}

impl PartitionReader {
    pub(in crate::kafka) fn new(
        cluster: Arc<Cluster>,
        partition: TopicPartition,
        from: Position,
    ) -> Self {
        let account = cluster.memory.open();
        let Position { next_offset: next, leader_epoch } = from;
        let (decoder, source) = (None, Source::Idle);
        Self { cluster, partition, account, next, leader_epoch, decoder, source }
    }

    /// The available records, up to `max_records` (at least 1) or 1 MiB, less if many partitions
    /// share the memory; waits only if there are none. A larger record is alone or last.
    ///
    /// Its span begins where the previous one ended. A batch without records is progress too: it
    /// skips transaction markers, aborted records or gaps. Cancelling loses nothing. Transient
    /// errors are retried and only logged.
    ///
    /// # Errors
    /// Any [`ReadError`] halts the partition: it is returned again from then on.
    pub async fn next_batch(&mut self, max_records: usize) -> Result<Batch, ReadError> {
        let bytes = MAX_BATCH_BYTES.min(self.account.share() / BATCHES_A_SHARE);
        let mut room = Room { records: max_records.max(1), bytes };
        let mut records = Vec::new();
        let mut chunks = 0;
        loop {
            let (next, fault) = self.decode(&mut room, &mut records);
            if let Some(fault) = fault {
                self.decoder = None;
                self.source = Source::Halted(self.fault(fault, next));
            }
            // No await from here to the return, so that cancelling loses no records.
            let enough = room.is_full() || chunks > self.cluster.settings.read_ahead;
            if !enough && self.take_waiting_chunk(next) {
                chunks += 1;
                continue;
            }
            if let Some(span) = Span::new(self.next, next) {
                self.next = next;
                return Ok(Batch::new(span, self.leader_epoch, records));
            }
            self.refill().await?;
        }
    }

    /// Appends records as long as there is room. Returns the position reached, and the fault there.
    fn decode(
        &mut self,
        room: &mut Room,
        records: &mut Vec<Record>,
    ) -> (NextOffset, Option<Fault>) {
        let Some(decoder) = &mut self.decoder else { return (self.next, None) };
        let result = decoder.take(room, records);
        let position = decoder.position();
        self.leader_epoch = decoder.leader_epoch().or(self.leader_epoch);
        if !room.is_full() {
            // It is exhausted, or has a fault.
            self.decoder = None;
        }
        (position, result.err())
    }

    /// Takes the next chunk, if there is one.
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

    /// Waits for the next event. Everything before it has been returned.
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
                    Feed::Lost(Loss::Connection("the fetcher ended".to_owned()), None)
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
            account: Arc::clone(&self.account),
            position: Position { next_offset: position, leader_epoch: self.leader_epoch },
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

#[cfg(test)]
mod tests;
