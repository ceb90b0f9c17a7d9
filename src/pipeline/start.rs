//! Where partitions are worked from: decided, and kept in PostgreSQL, before the first record is
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
    Halt, RunError, Shared, Until,
    retry::{Stopped, persist},
    worker::Halted,
};
use crate::{
    config::{OnDataLoss, StartFrom},
    kafka::{KafkaError, NextOffset, OffsetAt, Position, TopicPartition},
    store::{PartitionRow, StoreError},
};

/// A partition to work.
pub(super) struct Start {
    pub(super) partition: TopicPartition,
    pub(super) position: Position,
    /// Where the work ends, if it does.
    pub(super) end: Option<NextOffset>,
}

/// What became of partitions that were to be started.
#[derive(Default)]
pub(super) struct Started {
    pub(super) ready: Vec<Start>,
    /// Those that a person has to decide on.
    pub(super) halted: Vec<(TopicPartition, Halted)>,
}

/// Finds out where partitions go on.
pub(super) struct Starts {
    shared: Arc<Shared>,
    until: Until,
}

/// The inner error says that it was told to stop.
type Answer<T> = Result<Result<T, Stopped>, RunError>;

impl Starts {
    pub(super) const fn new(shared: Arc<Shared>, until: Until) -> Self {
        Self { shared, until }
    }

    /// Where `partitions` go on. One that has no row yet came after the first start, so that it is
    /// worked from its first record on.
    ///
    /// # Errors
    /// [`RunError`] where waiting does not help.
    pub(super) async fn find(
        &self,
        partitions: &[TopicPartition],
        stop: &CancellationToken,
    ) -> Answer<Started> {
        match self.try_find(partitions, stop).await {
            // A topic was deleted meanwhile: what is there will be seen the next time.
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
                // Somebody has deleted it just now: the next time it is made.
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
                let Ok(earliest) = self.pass_over_topic(row, &partition, &halt, stop).await? else {
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
                let Ok(()) = self.pass_over(from, to, &halt, stop).await? else {
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

    /// Notes the id that brokers give the topic since they were upgraded. If somebody else was quicker,
    /// or has moved the offset meanwhile, the worker will find that out.
    async fn identify(
        &self,
        row: &PartitionRow,
        partition: &TopicPartition,
        stop: &CancellationToken,
    ) -> Answer<()> {
        let to = (partition.topic_id, row.next_offset);
        let because = "the brokers give topics ids now";
        let note =
            || self.shared.store.pass_over_loss(&row.partition, row.next_offset, to, because);
        let noted = persist(stop, &self.shared.postgres, note).await?;
        info!(topic = %partition.topic, partition = partition.partition, topic_id = %partition.topic_id, "{because}");
        Ok(noted.map(drop))
    }

    /// Moves the offset of a topic that is no more to the first record of its namesake.
    async fn pass_over_topic(
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
        let moved = self.pass_over(from, (partition.topic_id, earliest), halt, stop).await?;
        Ok(moved.map(|()| earliest))
    }

    /// If somebody else was quicker, the worker will find that out.
    async fn pass_over(
        &self,
        (partition, from): (&TopicPartition, NextOffset),
        to: (Uuid, NextOffset),
        halt: &Halt,
        stop: &CancellationToken,
    ) -> Answer<()> {
        let pass = || self.shared.pass_over_loss(partition, from, to, halt);
        let moved = persist(stop, &self.shared.postgres, pass).await?;
        Ok(moved.map(drop))
    }

    /// Those of these halted partitions about which somebody has decided since.
    ///
    /// # Errors
    /// As PostgreSQL answers.
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

    /// Makes the rows that `partitions` lack, and so decides where those start.
    ///
    /// # Errors
    /// [`RunError`] where waiting does not help.
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
        // A partition that a worked topic gets later starts at its first record: whatever it holds
        // came after us.
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
        // Whichever instance is first decides, the others' rows are not taken.
        // Before, since a failover may come between.
        let failovers = *self.shared.store.failovers().borrow();
        let put = || self.shared.store.start_partitions(&starts);
        let made = persist(stop, &self.shared.postgres, put).await?;
        self.shared.begun.note(&starts, failovers);
        Ok(made)
    }

    /// Where `group` left off; the first record where it has committed nothing.
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
            info!(%group, topic = %partition.topic, partition = partition.partition, %offset, "starting where the group left off");
        }
        for partition in &without {
            info!(%group, topic = %partition.topic, partition = partition.partition, "the group has committed nothing: starting at the first record");
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

/// A partition by its topic's name, whichever topic has that now: what `partitions` has a row for.
type Place = (Arc<str>, i32);

fn topics_of<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Vec<Arc<str>> {
    let topics = partitions.into_iter().map(|partition| Arc::clone(&partition.topic));
    topics.collect::<BTreeSet<_>>().into_iter().collect()
}

fn place(partition: &TopicPartition) -> Place {
    (Arc::clone(&partition.topic), partition.partition)
}
