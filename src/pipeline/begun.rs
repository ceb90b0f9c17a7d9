//! Where partitions started whose offsets this process has made.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    kafka::{NextOffset, TopicPartition},
    store::Store,
};

/// The offsets at which partitions started. A standby that is promoted a moment later may not have their
/// rows: then it has nothing that was committed after them either, and the partitions start there again.
/// Where a start is no longer known, only a person can say where that was.
#[derive(Debug, Default)]
pub(super) struct Begun {
    starts: Mutex<HashMap<TopicPartition, Start>>,
}

#[derive(Clone, Copy, Debug)]
struct Start {
    offset: NextOffset,
    /// How many failovers there had been.
    failovers: u64,
}

impl Begun {
    /// Notes starts that PostgreSQL was told of after so many failovers.
    pub(super) fn note(&self, starts: &[(TopicPartition, NextOffset)], failovers: u64) {
        let starts = starts
            .iter()
            .map(|(partition, offset)| (partition.clone(), Start { offset: *offset, failovers }));
        self.lock().extend(starts);
    }

    /// Where a partition started whose row is gone, if PostgreSQL has failed over since. A row that
    /// is gone without a failover was deleted by somebody.
    pub(super) fn lost(&self, partition: &TopicPartition, store: &Store) -> Option<NextOffset> {
        let start = self.lock().get(partition).copied()?;
        (*store.failovers().borrow() > start.failovers).then_some(start.offset)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TopicPartition, Start>> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
