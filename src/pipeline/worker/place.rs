//! Reads a partition's offset in PostgreSQL, and compares it with the worker's.

use std::{slice, time::Instant};

use tracing::warn;

use super::{Broken, Worker};
use crate::{pipeline::halt::Halt, store::PartitionRow};

/// What precedes reading the row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    /// All commits are made durable.
    Flush,
}

impl Worker {
    /// Reads the partition's row in PostgreSQL. Ends an outage that it has reported.
    pub(super) async fn row(&mut self) -> Result<PartitionRow, Broken> {
        self.read_row(After::Nothing).await
    }

    /// As [`Self::row`], after making all commits durable. Ends any outage: PostgreSQL has committed.
    pub(super) async fn durable_row(&mut self) -> Result<PartitionRow, Broken> {
        self.read_row(After::Flush).await
    }

    async fn read_row(&mut self, after: After) -> Result<PartitionRow, Broken> {
        let mut failed = false;
        loop {
            let asked = Instant::now();
            let (store, partition) = (&self.shared.store, &self.partition);
            let read = async {
                match after {
                    After::Nothing => store.partition(partition).await,
                    After::Flush => {
                        let rows = store.make_durable(slice::from_ref(partition)).await;
                        rows.map(|mut rows| rows.pop())
                    }
                }
            };
            let read = tokio::select! {
                () = self.stop.cancelled() => return Err(Broken::Stopped),
                read = read => read,
            };
            match read {
                Ok(row) => {
                    // Without new records, no commit would end an outage reported here.
                    if failed || after == After::Flush {
                        self.shared.postgres.recovered(asked);
                    }
                    if failed {
                        self.status.trouble.recovered(asked);
                    }
                    return self.own(row).await;
                }
                Err(error) => {
                    failed = true;
                    self.react(error).await?;
                }
            }
        }
    }

    /// Checks that the row exists and belongs to this topic, and warns if its offset is not the
    /// worker's.
    async fn own(&mut self, row: Option<PartitionRow>) -> Result<PartitionRow, Broken> {
        let row = match row {
            Some(row) => row,
            None => self.begin_again().await?,
        };
        if row.partition.topic_id != self.partition.topic_id {
            return Err(Halt::OtherTopic(self.partition.clone(), row.next_offset).into());
        }
        let (topic, partition) = (&self.partition.topic, self.partition.partition);
        let (next_offset, before) = (row.next_offset, self.next.next_offset);
        if row.moved_by != self.shared.store.instance() && next_offset != before {
            warn!(%topic, partition, %next_offset, "fenced: another instance committed past this \
                offset");
            self.pauses.pause(&self.stop).await?;
        } else if next_offset < before {
            // The worker moves on only after a proven commit, so these commits existed.
            warn!(
                %topic, partition, %next_offset, committed = %before,
                "PostgreSQL has lost commits: processing these records again"
            );
        }
        self.status.moved(row.next_offset);
        Ok(row)
    }

    /// Inserts the row again after the promotion of a standby that had not received it, nor
    /// anything committed after it.
    async fn begin_again(&mut self) -> Result<PartitionRow, Broken> {
        let halt = Halt::NoOffset(self.partition.clone(), self.next.next_offset);
        let Some(start) = self.shared.begun.lost(&self.partition, &self.shared.store) else {
            return Err(halt.into());
        };
        warn!(
            topic = %self.partition.topic, partition = self.partition.partition,
            next_offset = %start, committed = %self.next.next_offset,
            "PostgreSQL has lost the partition's offset: processing it again from its start offset"
        );
        let starts = [(self.partition.clone(), start)];
        loop {
            let made = async {
                self.shared.store.start_partitions(&starts).await?;
                self.shared.store.partition(&self.partition).await
            };
            match made.await {
                Ok(Some(row)) => return Ok(row),
                Ok(None) => return Err(halt.into()),
                Err(error) => self.react(error).await?,
            }
        }
    }
}
