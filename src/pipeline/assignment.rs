//! Which partitions are worked, and from where: decided before the first record is read.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::{
    Halt, RunError, Shared, Until,
    retry::{Passing, Pauses, Stopped, persist},
};
use crate::{
    config::{Config, StartFrom},
    kafka::{KafkaError, NextOffset, OffsetAt, TopicPartition, TopicState},
    outage::{Gravity, Outage},
    store::PartitionRow,
};

/// How often new partitions are looked for.
pub(super) const REFRESH_EVERY: Duration = Duration::from_secs(10);

/// A partition to work.
pub(super) struct Assigned {
    pub(super) partition: TopicPartition,
    pub(super) next_offset: NextOffset,
    /// Where the work ends, if it does.
    pub(super) end: Option<NextOffset>,
}

/// Partitions that were not there before: those to work, and those that a person has to decide on.
#[derive(Default)]
pub(super) struct News {
    pub(super) assigned: Vec<Assigned>,
    pub(super) halted: Vec<Halt>,
}

/// All partitions of the configured topics, each handed out once.
pub(super) struct Assignment {
    shared: Arc<Shared>,
    topics: Vec<Arc<str>>,
    start_from: StartFrom,
    until: Until,
    handed_out: HashSet<(Arc<str>, i32)>,
    kafka: Outage,
    missing: Outage,
}

impl Assignment {
    pub(super) fn new(shared: Arc<Shared>, config: &Config, until: Until) -> Self {
        Self {
            shared,
            topics: config.topics.clone(),
            start_from: config.start_from,
            until,
            handed_out: HashSet::new(),
            kafka: Outage::new("Kafka"),
            missing: Outage::new("Kafka topic"),
        }
    }

    /// The partitions that are there now. Waits for Kafka, and for at least one of the topics unless
    /// the work has an end.
    ///
    /// # Errors
    /// [`RunError`] where waiting does not help.
    pub(super) async fn first(
        &mut self,
        stop: &CancellationToken,
    ) -> Result<Result<News, Stopped>, RunError> {
        let mut pauses = Pauses::new();
        loop {
            let (kafka, topics) = (&self.shared.kafka, &self.topics);
            let Ok(states) = persist(stop, &self.kafka, || kafka.topics(topics)).await? else {
                return Ok(Err(Stopped));
            };
            let missing = missing(&states);
            if let (Some(topic), Until::End) = (&missing, self.until) {
                return Err(RunError::NoSuchTopic(Arc::clone(topic)));
            }
            let present = self.unknown(states);
            if present.is_empty() {
                self.say_missing(missing.as_ref());
                if pauses.pause(stop).await.is_err() {
                    return Ok(Err(Stopped));
                }
                continue;
            }
            return self.hand_out(present, stop).await;
        }
    }

    /// The partitions that were added since, if Kafka can be asked now.
    ///
    /// # Errors
    /// [`RunError`] where waiting does not help.
    pub(super) async fn grown(
        &mut self,
        stop: &CancellationToken,
    ) -> Result<Result<News, Stopped>, RunError> {
        let asked = Instant::now();
        let states = match self.shared.kafka.topics(&self.topics).await {
            Ok(states) => states,
            Err(error) if error.passes() => {
                self.kafka.failed(Gravity::PassesByItself, &error);
                return Ok(Ok(News::default()));
            }
            Err(error) => return Err(error.into()),
        };
        self.kafka.recovered(asked);
        self.say_missing(missing(&states).as_ref());
        let grown = self.unknown(states);
        self.hand_out(grown, stop).await
    }

    fn say_missing(&self, missing: Option<&Arc<str>>) {
        match missing {
            Some(topic) => {
                self.missing
                    .failed(Gravity::PassesByItself, &format_args!("{topic} does not exist"));
            }
            None => self.missing.recovered(Instant::now()),
        }
    }

    fn unknown(&self, states: Vec<TopicState>) -> Vec<TopicPartition> {
        let present = states.into_iter().flat_map(|state| match state {
            TopicState::Missing { .. } => Vec::new(),
            TopicState::Present { partitions, .. } => partitions,
        });
        present
            .filter(|found| !self.handed_out.contains(&(Arc::clone(&found.topic), found.partition)))
            .collect()
    }

    async fn hand_out(
        &mut self,
        partitions: Vec<TopicPartition>,
        stop: &CancellationToken,
    ) -> Result<Result<News, Stopped>, RunError> {
        if partitions.is_empty() {
            return Ok(Ok(News::default()));
        }
        let Ok(rows) = self.rows(&partitions, stop).await? else {
            return Ok(Err(Stopped));
        };
        let mut news = News::default();
        for partition in &partitions {
            self.handed_out.insert((Arc::clone(&partition.topic), partition.partition));
            match rows.get(&(Arc::clone(&partition.topic), partition.partition)) {
                Some(row) if row.partition.topic_id == partition.topic_id => {
                    news.assigned.push(Assigned {
                        partition: partition.clone(),
                        next_offset: row.next_offset,
                        end: None,
                    });
                }
                _ => news.halted.push(Halt::OtherTopic(partition.clone())),
            }
        }
        if self.until == Until::End {
            let wanted: Vec<_> =
                news.assigned.iter().map(|assigned| assigned.partition.clone()).collect();
            let Ok(ends) = self.offsets(&wanted, OffsetAt::End, stop).await? else {
                return Ok(Err(Stopped));
            };
            for (assigned, (_, end)) in news.assigned.iter_mut().zip(ends) {
                assigned.end = Some(end);
            }
        }
        Ok(Ok(news))
    }

    /// The rows of `partitions`, made where there were none.
    async fn rows(
        &self,
        partitions: &[TopicPartition],
        stop: &CancellationToken,
    ) -> Result<Result<HashMap<(Arc<str>, i32), PartitionRow>, Stopped>, RunError> {
        let (store, postgres) = (&self.shared.store, &self.shared.postgres);
        let read = || store.partitions(&self.topics);
        let Ok(rows) = persist(stop, postgres, read).await? else {
            return Ok(Err(Stopped));
        };
        let worked: HashSet<_> = rows.iter().map(|row| Arc::clone(&row.partition.topic)).collect();
        let rows = by_partition(rows);
        let absent = partitions
            .iter()
            .filter(|found| !rows.contains_key(&(Arc::clone(&found.topic), found.partition)));
        // A partition that a worked topic gets later starts at its first record: whatever it holds
        // came after us.
        let (latest, earliest): (Vec<_>, Vec<_>) = absent.cloned().partition(|absent| {
            self.start_from == StartFrom::Latest && !worked.contains(&absent.topic)
        });
        let mut starts = Vec::with_capacity(latest.len() + earliest.len());
        for (partitions, at) in [(latest, OffsetAt::End), (earliest, OffsetAt::Earliest)] {
            let Ok(offsets) = self.offsets(&partitions, at, stop).await? else {
                return Ok(Err(Stopped));
            };
            starts.extend(offsets);
        }
        if starts.is_empty() {
            return Ok(Ok(rows));
        }
        let start = || store.start_partitions(&starts);
        let Ok(()) = persist(stop, postgres, start).await? else {
            return Ok(Err(Stopped));
        };
        // Read back: another instance may have been quicker.
        Ok(persist(stop, postgres, read).await?.map(by_partition))
    }

    async fn offsets(
        &self,
        partitions: &[TopicPartition],
        at: OffsetAt,
        stop: &CancellationToken,
    ) -> Result<Result<Vec<(TopicPartition, NextOffset)>, Stopped>, KafkaError> {
        if partitions.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        persist(stop, &self.kafka, || self.shared.kafka.offsets(partitions, at)).await
    }
}

fn by_partition(rows: Vec<PartitionRow>) -> HashMap<(Arc<str>, i32), PartitionRow> {
    rows.into_iter()
        .map(|row| ((Arc::clone(&row.partition.topic), row.partition.partition), row))
        .collect()
}

/// The first of the topics that is not there.
fn missing(states: &[TopicState]) -> Option<Arc<str>> {
    states.iter().find_map(|state| match state {
        TopicState::Missing { topic } => Some(Arc::clone(topic)),
        TopicState::Present { .. } => None,
    })
}
