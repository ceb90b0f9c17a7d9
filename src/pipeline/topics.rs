//! The partitions to process: all partitions of the configured topics, or the configured ones.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::watch,
    time::{Instant as TokioInstant, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    error::RunError,
    retry::{Passing, Pauses, Stopped, persist},
    shared::Shared,
    until::Until,
};
use crate::{
    config::{Config, Partitions},
    kafka::{Selection, TopicPartition, TopicState},
    outage::{Outage, Severity},
};

/// How often to look for new partitions.
pub(super) const REFRESH_EVERY: Duration = Duration::from_secs(10);

/// The partitions that this instance is to process now.
pub(super) type Wanted = HashSet<TopicPartition>;

/// The configured topics and their state in Kafka.
pub(super) struct Topics {
    shared: Arc<Shared>,
    selection: Selection,
    partitions: Partitions,
    missing: Arc<Outage>,
}

impl Topics {
    pub(super) fn new(shared: Arc<Shared>, config: &Config) -> Self {
        Self {
            selection: config.topics.clone(),
            partitions: config.partitions.clone(),
            missing: Arc::clone(&shared.telemetry.topic),
            shared,
        }
    }

    /// The partitions that exist at the start. Waits for Kafka, and, unless the run has an end, for
    /// at least one of the topics.
    ///
    /// # Errors
    /// [`RunError`] where waiting does not help.
    pub(super) async fn first(
        &self,
        until: Until,
        stop: &CancellationToken,
    ) -> Result<Result<Vec<TopicPartition>, Stopped>, RunError> {
        let mut pauses = Pauses::new();
        loop {
            let ask = || self.shared.kafka.topics(&self.selection);
            let Ok(states) = persist(stop, &self.shared.kafka_outage, ask).await? else {
                return Ok(Err(Stopped));
            };
            let missing = missing(&states);
            if let (Some(topic), Until::End) = (&missing, until) {
                return Err(RunError::NoSuchTopic(Arc::clone(topic)));
            }
            self.report_missing(missing.as_ref());
            let present = present(states);
            if !present.is_empty() {
                return Ok(Ok(present));
            }
            if pauses.pause(stop).await.is_err() {
                return Ok(Err(Stopped));
            }
        }
    }

    /// The partitions of `present` that this instance processes without a consumer group.
    pub(super) fn chosen(&self, present: &[TopicPartition]) -> Wanted {
        let chosen =
            present.iter().filter(|found| self.partitions.contain(&found.topic, found.partition));
        chosen.cloned().collect()
    }

    /// Adds new partitions of the topics to `wanted` until the last receiver is gone. A run that
    /// has an end processes only the partitions that exist at its start.
    pub(super) async fn follow(self, wanted: watch::Sender<Wanted>, until: Until) {
        if until == Until::End {
            return wanted.closed().await;
        }
        let mut refresh = interval_at(TokioInstant::now() + REFRESH_EVERY, REFRESH_EVERY);
        loop {
            tokio::select! {
                () = wanted.closed() => return,
                _ = refresh.tick() => {}
            }
            let asked = Instant::now();
            match self.shared.kafka.topics(&self.selection).await {
                Ok(states) => {
                    self.shared.kafka_outage.recovered(asked);
                    self.report_missing(missing(&states).as_ref());
                    let grown = self.chosen(&present(states));
                    wanted.send_if_modified(|wanted| add(wanted, grown));
                }
                Err(error) => {
                    self.shared.kafka_outage.failed(error.severity(), &error);
                }
            }
        }
    }

    fn report_missing(&self, missing: Option<&Arc<str>>) {
        match missing {
            Some(topic) => {
                let cause = format_args!(
                    "topic {topic} does not exist: create it, or remove it from kafka.topics"
                );
                self.missing.failed(Severity::Transient, &cause);
            }
            None => self.missing.recovered(Instant::now()),
        }
    }
}

/// Adds new partitions. Partitions of a recreated topic replace the old ones. Missing partitions
/// are kept: they may reappear.
fn add(wanted: &mut Wanted, found: Wanted) -> bool {
    let new: Vec<_> = found.into_iter().filter(|found| !wanted.contains(found)).collect();
    let place = |partition: &TopicPartition| (Arc::clone(&partition.topic), partition.partition);
    let places: HashSet<_> = new.iter().map(place).collect();
    wanted.retain(|wanted| !places.contains(&place(wanted)));
    let changed = !new.is_empty();
    wanted.extend(new);
    changed
}

fn present(states: Vec<TopicState>) -> Vec<TopicPartition> {
    let partitions = states.into_iter().map(|state| match state {
        TopicState::Missing { .. } => Vec::new(),
        TopicState::Present { partitions, .. } => partitions,
    });
    partitions.flatten().collect()
}

/// The first missing topic.
fn missing(states: &[TopicState]) -> Option<Arc<str>> {
    states.iter().find_map(|state| match state {
        TopicState::Missing { topic } => Some(Arc::clone(topic)),
        TopicState::Present { .. } => None,
    })
}
