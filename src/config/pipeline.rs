//! `[pipeline]`: batches and commits.

use std::time::Duration;

use super::reader::{MAX_TIMEOUT, Reader};

/// The settings of batches and commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// The maximum number of records in a batch, 1 to 1,000.
    pub batch_size: usize,
    /// The maximum number of records per commit, 1 to 10,000. Batches are not split for it.
    pub commit_records: usize,
    /// The maximum number of concurrent commits of a partition, 1 to 64.
    pub depth: usize,
    /// The time limit for batches in flight during shutdown.
    pub shutdown_timeout: Duration,
    /// What happens to a record that is rejected.
    pub on_dead_letter: OnDeadLetter,
    /// What happens to a partition of which Kafka has lost unread records.
    pub on_data_loss: OnDataLoss,
}

/// What happens to a record that is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDeadLetter {
    /// It is recorded as a dead letter, and processing continues.
    Record,
    /// It halts its partition.
    Halt,
}

/// What happens to a partition of which Kafka has lost unread records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDataLoss {
    /// It halts until the operator resets its offset.
    Halt,
    /// It is recorded in `offset_resets`, and the partition continues after the lost records.
    Continue,
}

pub(super) fn pipeline(reader: &mut Reader) -> Option<Pipeline> {
    let batch_size = reader.integer("pipeline.batch_size", 100, 1..=1000);
    let commit_records = reader.integer("pipeline.commit_records", 2000, 1..=10_000);
    let depth = reader.integer("pipeline.depth", 4, 1..=64);
    let shutdown_timeout =
        reader.duration("pipeline.shutdown_timeout", "30s", Duration::ZERO..=MAX_TIMEOUT);
    let on_data_loss = reader.choice(
        "pipeline.on_data_loss",
        &[("halt", OnDataLoss::Halt), ("continue", OnDataLoss::Continue)],
    );
    let on_dead_letter = reader.choice(
        "pipeline.on_dead_letter",
        &[("record", OnDeadLetter::Record), ("halt", OnDeadLetter::Halt)],
    );
    Some(Pipeline {
        batch_size: batch_size?,
        commit_records: commit_records?,
        depth: depth?,
        shutdown_timeout: shutdown_timeout?,
        on_dead_letter: on_dead_letter?,
        on_data_loss: on_data_loss?,
    })
}
