//! The start offsets of partitions whose rows this process has inserted.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    kafka::{NextOffset, TopicPartition},
    store::Store,
};

/// The start offsets of partitions. A standby that is promoted shortly afterwards may lack their
/// rows. It then also lacks everything committed after them, and the partitions start there again.
/// If a start offset is no longer known, an operator has to set it.
#[derive(Debug, Default)]
pub(super) struct Begun {
    starts: Mutex<HashMap<TopicPartition, Start>>,
}

#[derive(Clone, Copy, Debug)]
struct Start {
    offset: NextOffset,
    /// The number of failovers until then.
    failovers: u64,
}

impl Begun {
    /// Records starts that were inserted after this number of failovers.
    pub(super) fn note(&self, starts: &[(TopicPartition, NextOffset)], failovers: u64) {
        let starts = starts
            .iter()
            .map(|(partition, offset)| (partition.clone(), Start { offset: *offset, failovers }));
        self.lock().extend(starts);
    }

    /// The start offset of a partition whose row is missing, if PostgreSQL has failed over since. A
    /// row that is missing without a failover was deleted.
    pub(super) fn lost(&self, partition: &TopicPartition, store: &Store) -> Option<NextOffset> {
        let start = self.lock().get(partition).copied()?;
        (*store.failovers().borrow() > start.failovers).then_some(start.offset)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TopicPartition, Start>> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
