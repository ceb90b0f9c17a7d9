//! Why a run failed.

use std::sync::Arc;

use super::halt::Halt;
use crate::{
    kafka::{GroupError, KafkaError},
    store::StoreError,
};

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A non-transient error of Kafka.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// A non-transient error of the consumer group.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The group in `kafka.start_from` has no committed offsets.
    #[error(
        "the consumer group {0} has no committed offsets for these topics: check its name, or set \
         kafka.start_from to \"earliest\" or \"latest\""
    )]
    NothingCommitted(Arc<str>),
    /// A non-transient error of PostgreSQL.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A topic does not exist, so the run has no defined end.
    #[error("topic {0} does not exist: create it, or set kafka.topics")]
    NoSuchTopic(Arc<str>),
    /// Told to stop before reaching the end.
    #[error(
        "interrupted before reaching the end of the topics: committed batches are kept, the \
             next run continues from there"
    )]
    StoppedEarly,
    /// Partitions that need an operator's decision.
    #[error("{} halted: {}", count(.0.len()), join(.0))]
    Halted(Vec<Halt>),
    /// A worker panicked or ended unexpectedly.
    #[error("a partition's worker failed: report it as a defect")]
    WorkerFailed,
}

fn count(partitions: usize) -> String {
    if partitions == 1 { "1 partition".to_owned() } else { format!("{partitions} partitions") }
}

fn join(halts: &[Halt]) -> String {
    halts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
