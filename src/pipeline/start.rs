//! The start offsets of partitions: decided and stored in PostgreSQL before the first record is
//! read.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    mem, slice,
    sync::Arc,
};

use tokio_util::sync::CancellationToken;
use tracing::info;
use uuid::Uuid;

use super::{
    error::RunError,
    halt::Halt,
    retry::{Stopped, persist},
    shared::Shared,
    until::Until,
    worker::Halted,
};
use crate::{
    config::{OnDataLoss, StartFrom},
    kafka::{KafkaError, NextOffset, OffsetAt, Position, TopicPartition},
    store::{PartitionRow, StoreError},
};

/// A partition to process.
pub(super) struct Start {
    pub(super) partition: TopicPartition,
    pub(super) position: Position,
    /// Where processing ends, if it does.
    pub(super) end: Option<NextOffset>,
}

/// The result of starting partitions.
#[derive(Default)]
pub(super) struct Started {
    pub(super) ready: Vec<Start>,
    /// The partitions that need an operator's decision.
    pub(super) halted: Vec<(TopicPartition, Halted)>,
}

/// Determines where partitions continue.
pub(super) struct Starts {
    shared: Arc<Shared>,
    until: Until,
}

/// The inner error means that it was told to stop.
type Answer<T> = Result<Result<T, Stopped>, RunError>;

impl Starts {
    pub(super) const fn new(shared: Arc<Shared>, until: Until) -> Self {
        Self { shared, until }
    }

    /// Where `partitions` continue. A partition without a row was created after the first start,
    /// and is processed from its first record.
    ///
    /// # Errors
    /// [`RunError`] for errors that are not transient.
    pub(super) async fn find(
        &self,
        partitions: &[TopicPartition],
        stop: &CancellationToken,
    ) -> Answer<Started> {
        match self.try_find(partitions, stop).await {
            // A topic was deleted concurrently: the next call sees the new state.
            Err(RunError::Kafka(KafkaError::Gone { .. })) => Ok(Ok(Started::default())),
            found => found,
        }
    }

    async fn try_find(
        &self,
        partitions: &[TopicPartition],
        stop: &CancellationToken,
    ) -> Answer<Started> {
        if let Err(Stopped) = self.settle(partitions, &StartFrom::Earliest, stop).await? {
            return Ok(Err(Stopped));
        }
        let Ok(rows) = self.rows(partitions, stop).await? else {
            return Ok(Err(Stopped));
        };
        let mut started = Started::default();
        for partition in partitions.iter().cloned() {
            let Some(row) = rows.get(&place(&partition)) else {
                // It was deleted concurrently: the next call inserts it.
                continue;
            };
            let mut position = row.position();
            if row.partition.topic_id != partition.topic_id && row.partition.is_known_by_name() {
                let Ok(()) = self.identify(row, &partition, stop).await? else {
                    return Ok(Err(Stopped));
                };
            } else if row.partition.topic_id != partition.topic_id {
                let next_offset = row.next_offset;
                let halt = Halt::OtherTopic(partition.clone(), next_offset);
                if self.shared.settings.on_data_loss == OnDataLoss::Halt {
                    started.halted.push((partition, Halted { halt, next_offset }));
                    continue;
                }
                let Ok(earliest) = self.skip_old_topic(row, &partition, &halt, stop).await? else {
                    return Ok(Err(Stopped));
                };
                position = Position { next_offset: earliest, leader_epoch: None };
            }
            started.ready.push(Start { partition, position, end: None });
        }
        match self.until {
            Until::Stopped => Ok(Ok(started)),
            Until::End => self.with_ends(started, stop).await,
        }
    }

    async fn with_ends(&self, mut started: Started, stop: &CancellationToken) -> Answer<Started> {
        let wanted: Vec<_> = started.ready.iter().map(|start| start.partition.clone()).collect();
        let Ok(ends) = self.offsets(&wanted, OffsetAt::End, stop).await? else {
            return Ok(Err(Stopped));
        };
        for (mut start, (_, end)) in mem::take(&mut started.ready).into_iter().zip(ends) {
            let next_offset = start.position.next_offset;
            if next_offset > end {
                let partition = start.partition.clone();
                let halt = Halt::BeyondEnd { partition, next_offset, end };
                if self.shared.settings.on_data_loss == OnDataLoss::Halt {
                    started.halted.push((start.partition, Halted { halt, next_offset }));
                    continue;
                }
                let (from, to) = ((&start.partition, next_offset), (start.partition.topic_id, end));
                let Ok(()) = self.skip_to(from, to, &halt, stop).await? else {
                    return Ok(Err(Stopped));
                };
                start.position = Position { next_offset: end, leader_epoch: None };
                start.end = Some(end);
                started.ready.push(start);
            } else {
                start.end = Some(end);
                started.ready.push(start);
            }
        }
        Ok(Ok(started))
    }

    /// Stores the id that the brokers assign to the topic since their upgrade. If another instance
    /// was faster or has moved the offset, the worker detects that.
    async fn identify(
        &self,
        row: &PartitionRow,
        partition: &TopicPartition,
        stop: &CancellationToken,
    ) -> Answer<()> {
        let to = (partition.topic_id, row.next_offset);
        let because = "the brokers now assign topic ids";
        let note =
            || self.shared.store.skip_lost_data(&row.partition, row.next_offset, to, because);
        let noted = persist(stop, &self.shared.postgres, note).await?;
        info!(topic = %partition.topic, partition = partition.partition, topic_id = %partition.topic_id, "{because}");
        Ok(noted.map(drop))
    }

    /// Moves the offset of a deleted topic to the first record of the new topic of the same name.
    async fn skip_old_topic(
        &self,
        row: &PartitionRow,
        partition: &TopicPartition,
        halt: &Halt,
        stop: &CancellationToken,
    ) -> Answer<NextOffset> {
        let asked = slice::from_ref(partition);
        let Ok(earliest) = self.offsets(asked, OffsetAt::Earliest, stop).await? else {
            return Ok(Err(Stopped));
        };
        let earliest = earliest.first().map_or(row.next_offset, |(_, offset)| *offset);
        let from = (&row.partition, row.next_offset);
        let moved = self.skip_to(from, (partition.topic_id, earliest), halt, stop).await?;
        Ok(moved.map(|()| earliest))
    }

    /// If another instance was faster, the worker detects that.
    async fn skip_to(
        &self,
        (partition, from): (&TopicPartition, NextOffset),
        to: (Uuid, NextOffset),
        halt: &Halt,
        stop: &CancellationToken,
    ) -> Answer<()> {
        let pass = || self.shared.skip_lost_data(partition, from, to, halt);
        let moved = persist(stop, &self.shared.postgres, pass).await?;
        Ok(moved.map(drop))
    }

    /// The halted partitions that were reset since.
    ///
    /// # Errors
    /// As [`Store::session`](crate::store::Store::session).
    pub(super) async fn decided(
        &self,
        halted: &HashMap<TopicPartition, Halted>,
    ) -> Result<Vec<TopicPartition>, StoreError> {
        let rows = self.shared.store.partitions(&topics_of(halted.keys())).await?;
        let decided = rows.into_iter().filter(|row| {
            halted.get(&row.partition).is_some_and(|halted| match halted.halt {
                Halt::OtherTopic(..) | Halt::NoOffset(..) => true,
                _ => halted.next_offset != row.next_offset,
            })
        });
        Ok(decided.map(|row| row.partition).collect())
    }

    /// Inserts the missing rows of `partitions`, which fixes where those start.
    ///
    /// # Errors
    /// [`RunError`] for errors that are not transient.
    pub(super) async fn settle(
        &self,
        partitions: &[TopicPartition],
        start_from: &StartFrom,
        stop: &CancellationToken,
    ) -> Answer<()> {
        let Ok(rows) = self.rows(partitions, stop).await? else {
            return Ok(Err(Stopped));
        };
        let absent: Vec<_> = partitions
            .iter()
            .filter(|partition| !rows.contains_key(&place(partition)))
            .cloned()
            .collect();
        if absent.is_empty() {
            return Ok(Ok(()));
        }
        // A partition added to a processed topic starts at its first record: all its records are
        // newer than the first start.
        let worked: HashSet<_> = rows.into_keys().map(|(topic, _)| topic).collect();
        let (grown, new): (Vec<_>, Vec<_>) =
            absent.into_iter().partition(|partition| worked.contains(&partition.topic));
        let Ok(mut starts) = self.offsets(&grown, OffsetAt::Earliest, stop).await? else {
            return Ok(Err(Stopped));
        };
        let new = match start_from {
            StartFrom::Earliest => self.offsets(&new, OffsetAt::Earliest, stop).await?,
            StartFrom::Latest => self.offsets(&new, OffsetAt::End, stop).await?,
            StartFrom::Group(group) => self.committed(group, new, stop).await?,
        };
        let Ok(new) = new else {
            return Ok(Err(Stopped));
        };
        starts.extend(new);
        // The first instance decides; the rows of the others are ignored. The number of failovers
        // is read first because a failover may happen in between.
        let failovers = *self.shared.store.failovers().borrow();
        let put = || self.shared.store.start_partitions(&starts);
        if let Err(Stopped) = persist(stop, &self.shared.postgres, put).await? {
            return Ok(Err(Stopped));
        }
        let Ok(rows) = self.rows(partitions, stop).await? else {
            return Ok(Err(Stopped));
        };
        let instance = self.shared.store.instance();
        starts.retain(|(partition, offset)| {
            rows.get(&place(partition))
                .is_some_and(|row| row.moved_by == instance && row.next_offset == *offset)
        });
        self.shared.begun.note(&starts, failovers);
        Ok(Ok(()))
    }

    /// The committed offsets of `group`; the first record of partitions without one.
    async fn committed(
        &self,
        group: &Arc<str>,
        partitions: Vec<TopicPartition>,
        stop: &CancellationToken,
    ) -> Answer<Vec<(TopicPartition, NextOffset)>> {
        if partitions.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let ask = || self.shared.kafka.committed(group, &partitions);
        let Ok(committed) = persist(stop, &self.shared.kafka_outage, ask).await? else {
            return Ok(Err(Stopped));
        };
        let mut starts = Vec::new();
        let mut without = Vec::new();
        for (partition, offset) in committed {
            match offset {
                Some(offset) => starts.push((partition, offset)),
                None => without.push(partition),
            }
        }
        if starts.is_empty() {
            return Err(RunError::NothingCommitted(Arc::clone(group)));
        }
        for (partition, offset) in &starts {
            info!(%group, topic = %partition.topic, partition = partition.partition, %offset, "starting at the group's committed offset");
        }
        for partition in &without {
            info!(%group, topic = %partition.topic, partition = partition.partition, "the group \
                has no committed offset: starting at the earliest offset");
        }
        let Ok(earliest) = self.offsets(&without, OffsetAt::Earliest, stop).await? else {
            return Ok(Err(Stopped));
        };
        starts.extend(earliest);
        Ok(Ok(starts))
    }

    async fn rows(
        &self,
        partitions: &[TopicPartition],
        stop: &CancellationToken,
    ) -> Answer<HashMap<Place, PartitionRow>> {
        let topics = topics_of(partitions);
        let read = || self.shared.store.partitions(&topics);
        let rows = persist(stop, &self.shared.postgres, read).await?;
        Ok(rows.map(|rows| rows.into_iter().map(|row| (place(&row.partition), row)).collect()))
    }

    async fn offsets(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
        stop: &CancellationToken,
    ) -> Answer<Vec<(TopicPartition, NextOffset)>> {
        if partitions.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let ask = || self.shared.kafka.offsets(partitions, at);
        persist(stop, &self.shared.kafka_outage, ask).await.map_err(RunError::from)
    }
}

/// A partition by topic name and number, regardless of the topic id: the key of `partitions`.
type Place = (Arc<str>, i32);

fn topics_of<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Vec<Arc<str>> {
    let topics = partitions.into_iter().map(|partition| Arc::clone(&partition.topic));
    topics.collect::<BTreeSet<_>>().into_iter().collect()
}

fn place(partition: &TopicPartition) -> Place {
    (Arc::clone(&partition.topic), partition.partition)
}
