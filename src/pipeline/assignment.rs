//! Which partitions are worked, and from where: decided before the first record is read.

use std::{
    collections::{HashMap, HashSet},
    mem,
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
    handed_out: HashSet<Place>,
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
            self.say_missing(missing.as_ref());
            let present = self.unknown(states);
            let Ok(news) = self.hand_out(present, self.start_from, stop).await? else {
                return Ok(Err(Stopped));
            };
            if !news.assigned.is_empty() || !news.halted.is_empty() {
                return Ok(Ok(news));
            }
            if pauses.pause(stop).await.is_err() {
                return Ok(Err(Stopped));
            }
        }
    }

    /// The partitions that were added since, if they can be found out now. They start at their first
    /// record: whatever they hold came after us.
    pub(super) async fn grown(&mut self, stop: &CancellationToken) -> Result<News, Stopped> {
        let asked = Instant::now();
        match self.try_grown(stop).await {
            Ok(news) => {
                self.kafka.recovered(asked);
                news
            }
            Err(error) => {
                let passes = matches!(&error, RunError::Kafka(error) if error.passes());
                let gravity = if passes { Gravity::PassesByItself } else { Gravity::NeedsAPerson };
                self.kafka.failed(gravity, &error);
                Ok(News::default())
            }
        }
    }

    async fn try_grown(
        &mut self,
        stop: &CancellationToken,
    ) -> Result<Result<News, Stopped>, RunError> {
        let states = self.shared.kafka.topics(&self.topics).await?;
        self.say_missing(missing(&states).as_ref());
        let grown = self.unknown(states);
        self.hand_out(grown, StartFrom::Earliest, stop).await
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
        present.filter(|found| !self.handed_out.contains(&place(found))).collect()
    }

    async fn hand_out(
        &mut self,
        partitions: Vec<TopicPartition>,
        start_from: StartFrom,
        stop: &CancellationToken,
    ) -> Result<Result<News, Stopped>, RunError> {
        if partitions.is_empty() {
            return Ok(Ok(News::default()));
        }
        match self.find_places(&partitions, start_from, stop).await {
            // A topic was deleted meanwhile: what is there will be seen the next time.
            Err(RunError::Kafka(KafkaError::Gone { .. })) => Ok(Ok(News::default())),
            Ok(Ok(news)) => {
                self.handed_out.extend(partitions.iter().map(place));
                Ok(Ok(news))
            }
            stopped_or_failed => stopped_or_failed,
        }
    }

    async fn find_places(
        &self,
        partitions: &[TopicPartition],
        start_from: StartFrom,
        stop: &CancellationToken,
    ) -> Result<Result<News, Stopped>, RunError> {
        let Ok(rows) = self.rows(partitions, start_from, stop).await? else {
            return Ok(Err(Stopped));
        };
        let mut news = News::default();
        for partition in partitions {
            match rows.get(&place(partition)) {
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
            for (mut assigned, (_, end)) in mem::take(&mut news.assigned).into_iter().zip(ends) {
                let next_offset = assigned.next_offset;
                if next_offset > end {
                    let partition = assigned.partition;
                    news.halted.push(Halt::BeyondEnd { partition, next_offset, end });
                } else {
                    assigned.end = Some(end);
                    news.assigned.push(assigned);
                }
            }
        }
        Ok(Ok(news))
    }

    /// The rows of `partitions`, made where there were none.
    async fn rows(
        &self,
        partitions: &[TopicPartition],
        start_from: StartFrom,
        stop: &CancellationToken,
    ) -> Result<Result<HashMap<Place, PartitionRow>, Stopped>, RunError> {
        let (store, postgres) = (&self.shared.store, &self.shared.postgres);
        let read = || store.partitions(&self.topics);
        let Ok(rows) = persist(stop, postgres, read).await? else {
            return Ok(Err(Stopped));
        };
        let worked: HashSet<_> = rows.iter().map(|row| Arc::clone(&row.partition.topic)).collect();
        let rows = by_partition(rows);
        let absent = partitions.iter().filter(|found| !rows.contains_key(&place(found)));
        // A partition that a worked topic gets later starts at its first record: whatever it holds
        // came after us.
        let (latest, earliest): (Vec<_>, Vec<_>) = absent
            .cloned()
            .partition(|absent| start_from == StartFrom::Latest && !worked.contains(&absent.topic));
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

/// A partition by its topic's name, whichever topic has that now: what `partitions` has a row for.
type Place = (Arc<str>, i32);

fn place(partition: &TopicPartition) -> Place {
    (Arc::clone(&partition.topic), partition.partition)
}

fn by_partition(rows: Vec<PartitionRow>) -> HashMap<Place, PartitionRow> {
    rows.into_iter().map(|row| (place(&row.partition), row)).collect()
}

/// The first of the topics that is not there.
fn missing(states: &[TopicState]) -> Option<Arc<str>> {
    states.iter().find_map(|state| match state {
        TopicState::Missing { topic } => Some(Arc::clone(topic)),
        TopicState::Present { .. } => None,
    })
}
