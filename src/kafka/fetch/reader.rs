//! Reads one partition: batches for its caller, and everything transient dealt with on the way.

use std::{mem, sync::Arc};

use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::kafka::{
    Batch, NextOffset, Position, ReadError, Record, Span, TopicPartition,
    cluster::Cluster,
    fetch::{
        memory::Account,
        search::{Found, Search},
        subscription::{Feed, Loss},
    },
    log::{
        decode::{Decoder, Room},
        header::Fault,
    },
    trouble::Trouble,
};

/// Keys and payloads of one batch together, unless its last record is larger. It bounds what one
/// statement has to carry.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// Several batches are under way between Kafka and PostgreSQL: each may be so small a part of what
/// its partition may hold.
const BATCHES_A_SHARE: usize = 16;

/// Reads a partition from a position on. Dropping it ends the subscription.
pub struct PartitionReader {
    cluster: Arc<Cluster>,
    partition: TopicPartition,
    account: Arc<Account>,
    /// Where the next batch's span begins.
    next: NextOffset,
    /// Of what lies before `next`.
    leader_epoch: Option<i32>,
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

    /// What is there, up to `max_records` (at least 1) or a mebibyte, less where many partitions
    /// share the memory; waits only if nothing is. A larger record comes alone or last.
    ///
    /// Its span begins where the one before ended. A batch without records is progress too: over
    /// transaction markers, aborted records or gaps. Cancelling loses nothing. Whatever passes by
    /// itself is waited out in here, and told by the log alone.
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
            // No await between here and the return, so that cancelling loses no records.
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

    /// Appends what there is room for; where that leads to, and what stands in the way there.
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
