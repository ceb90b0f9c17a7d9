//! Which partitions there are to work: all of the configured topics, or those that are named.

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
    RunError, Shared, Until,
    retry::{Passing, Pauses, Stopped, persist},
};
use crate::{
    config::{Config, Partitions},
    kafka::{Selection, TopicPartition, TopicState},
    outage::{Outage, Severity},
};

/// How often new partitions are looked for.
pub(super) const REFRESH_EVERY: Duration = Duration::from_secs(10);

/// The partitions that this instance is to work now.
pub(super) type Wanted = HashSet<TopicPartition>;

/// The configured topics, as Kafka has them.
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

    /// The partitions that are there at the start. Waits for Kafka, and for at least one of the
    /// topics unless the work has an end.
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
            self.say_missing(missing.as_ref());
            let present = present(states);
            if !present.is_empty() {
                return Ok(Ok(present));
            }
            if pauses.pause(stop).await.is_err() {
                return Ok(Err(Stopped));
            }
        }
    }

    /// Those of `present` that this instance works when nobody shares them out.
    pub(super) fn chosen(&self, present: &[TopicPartition]) -> Wanted {
        let chosen =
            present.iter().filter(|found| self.partitions.contain(&found.topic, found.partition));
        chosen.cloned().collect()
    }

    /// Adds to `wanted` what the topics get while they are worked, until the last receiver is gone.
    /// Work that has an end is what was there at its start.
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
                    self.say_missing(missing(&states).as_ref());
                    let grown = self.chosen(&present(states));
                    wanted.send_if_modified(|wanted| add(wanted, grown));
                }
                Err(error) => {
                    self.shared.kafka_outage.failed(error.severity(), &error);
                }
            }
        }
    }

    fn say_missing(&self, missing: Option<&Arc<str>>) {
        match missing {
            Some(topic) => {
                self.missing.failed(Severity::Transient, &format_args!("{topic} does not exist"));
            }
            None => self.missing.recovered(Instant::now()),
        }
    }
}

/// Adds partitions that were not there before. Those of a topic that was recreated under its name
/// take the place of the old ones. What is only missing stays: it may come back.
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

/// The first of the topics that is not there.
fn missing(states: &[TopicState]) -> Option<Arc<str>> {
    states.iter().find_map(|state| match state {
        TopicState::Missing { topic } => Some(Arc::clone(topic)),
        TopicState::Present { .. } => None,
    })
}
