//! Prefetches and processes batches, in order, into a bounded channel.

use std::sync::Arc;

use tokio::{sync::mpsc, task::AbortHandle};

use super::{halt::Halt, shared::Shared};
use crate::{
    config::Pipeline,
    kafka::{NextOffset, Position, TopicPartition},
    process::{ProcessedBatch, process},
};

/// The maximum number of orders per statement, unless a single record has more. A record may
/// contain thousands, and `pipeline.batch_size` counts records.
const MOST_ORDERS: usize = 10_000;

/// Processed batches of one partition, each starting where the previous one ended. Dropping it
/// stops reading.
pub(super) struct Prepared {
    batches: mpsc::Receiver<Result<ProcessedBatch, Halt>>,
    /// A halt that follows the last batch taken.
    halt: Option<Halt>,
    task: AbortHandle,
}

impl Prepared {
    /// Reads from `from` to `end`, if there is one, and possibly some records further.
    pub(super) fn start(
        shared: &Arc<Shared>,
        partition: TopicPartition,
        from: Position,
        end: Option<NextOffset>,
    ) -> Self {
        let Pipeline { batch_size, commit_records, depth, .. } = shared.settings;
        // As much as the next commit may take.
        let (sender, batches) = mpsc::channel(depth.max(commit_records / batch_size));
        let shared = Arc::clone(shared);
        let task = tokio::spawn(async move {
            let mut reader = shared.kafka.read(partition.clone(), from);
            let mut next = from.next_offset;
            while end.is_none_or(|end| next < end) {
                let (prepared, halt) = match reader.next_batch(batch_size).await {
                    Ok(batch) => {
                        next = batch.span().to();
                        let rules = shared.rules.of(&partition.topic);
                        let schemas = shared.schemas.of(batch.records(), rules).await;
                        let batch = process(&partition, batch, rules, schemas).await;
                        shared.until_halt(batch, None)
                    }
                    Err(error) => (None, Some(error.into())),
                };
                let is_last = halt.is_some();
                let parts = prepared.map(|batch| batch.into_parts(MOST_ORDERS));
                let parts = parts.into_iter().flatten().map(Ok);
                for prepared in parts.chain(halt.map(Err)) {
                    // The receiver is gone.
                    if sender.send(prepared).await.is_err() {
                        return;
                    }
                }
                if is_last {
                    return;
                }
            }
        });
        Self { batches, halt: None, task: task.abort_handle() }
    }

    /// The next batch or halt; `None` at the end. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Result<ProcessedBatch, Halt>> {
        match self.halt.take() {
            Some(halt) => Some(Err(halt)),
            None => self.batches.recv().await,
        }
    }

    /// The next batch, if one is ready.
    pub(super) fn next_waiting(&mut self) -> Option<ProcessedBatch> {
        match self.batches.try_recv() {
            Ok(Ok(batch)) => Some(batch),
            Ok(Err(halt)) => {
                // Handled after all batches before it are committed.
                self.halt = Some(halt);
                None
            }
            Err(_) => None,
        }
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        self.task.abort();
    }
}
