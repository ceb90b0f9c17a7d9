//! The workers of this instance, one per partition: started and stopped as partitions are assigned
//! and revoked.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::{Instant, interval_at, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    error::RunError,
    halt::Halt,
    retry::Passing,
    shared::Shared,
    start::{Start, Started, Starts},
    topics::{REFRESH_EVERY, Wanted},
    until::Until,
    worker::{Halted, Worker},
};
use crate::{kafka::TopicPartition, outage::REMIND_AFTER, tally::Tally};

/// How long a check for resets of halted partitions may take.
const DECIDED_WITHIN: Duration = Duration::from_secs(2);

/// The workers and their results.
pub(super) struct Workers {
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: JoinSet<Result<Tally, Halted>>,
    running: HashMap<TopicPartition, Running>,
    halted: HashMap<TopicPartition, Halted>,
    /// Processed up to their end.
    done: HashSet<TopicPartition>,
    owned: watch::Sender<Vec<TopicPartition>>,
    tally: Tally,
}

struct Running {
    stop: CancellationToken,
    task: AbortHandle,
    /// When it was revoked.
    revoked: Option<Instant>,
}

impl Workers {
    /// `owned` receives the partitions that are processed, or about to be.
    pub(super) fn new(
        shared: Arc<Shared>,
        stop: CancellationToken,
        owned: watch::Sender<Vec<TopicPartition>>,
    ) -> Self {
        Self {
            shared,
            stop,
            tasks: JoinSet::new(),
            running: HashMap::new(),
            halted: HashMap::new(),
            done: HashSet::new(),
            owned,
            tally: Tally::default(),
        }
    }

    /// The counts so far.
    pub(super) const fn tally(&self) -> Tally {
        self.tally
    }

    /// Processes the `wanted` partitions, as they change, until told to stop or until all are done.
    ///
    /// # Errors
    /// [`RunError`] for non-transient errors at the start, or if a partition is halted that was to
    /// be processed up to its end.
    pub(super) async fn work(
        &mut self,
        mut wanted: watch::Receiver<Wanted>,
        starts: &Starts,
        until: Until,
    ) -> Result<(), RunError> {
        let mut refresh = interval_at(Instant::now() + REFRESH_EVERY, REFRESH_EVERY);
        let mut reminded = Instant::now();
        let mut started_before = false;
        let stop = self.stop.clone();
        loop {
            let now_wanted = wanted.borrow_and_update().clone();
            self.revoke_all_but(&now_wanted);
            let missing = self.missing(&now_wanted);
            self.publish(&missing);
            if until == Until::End && self.running.is_empty() && missing.is_empty() {
                return match self.halted.is_empty() {
                    true => Ok(()),
                    false => Err(RunError::Halted(self.halts().cloned().collect())),
                };
            }
            let (mut starting, mut ended_meanwhile) = (!missing.is_empty(), false);
            let start = starts.find(&missing, &stop);
            tokio::pin!(start);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    changed = wanted.changed() => match changed {
                        Ok(()) => break,
                        // The sender has ended, and reports why.
                        Err(_) => return Ok(()),
                    },
                    Some(ended) = self.tasks.join_next_with_id() => {
                        self.note(ended)?;
                        self.publish(&missing);
                        if !starting {
                            break;
                        }
                        ended_meanwhile = true;
                    }
                    found = &mut start, if starting => {
                        starting = false;
                        match found {
                            Ok(Ok(started)) => {
                                started_before = true;
                                self.start(started);
                                self.publish(&[]);
                            }
                            Ok(Err(_)) => return Ok(()),
                            Err(error) if !started_before => return Err(error),
                            Err(error) => self.shared.kafka_outage.failed(error.severity(), &error),
                        }
                        // A partition that ended may be wanted again.
                        if until == Until::End || ended_meanwhile {
                            break;
                        }
                    }
                    _ = refresh.tick() => {
                        if reminded.elapsed() >= REMIND_AFTER {
                            reminded = Instant::now();
                            self.remind();
                        }
                        self.abort_overdue();
                        if until == Until::Stopped {
                            self.resume_decided(starts).await;
                        }
                        if !starting {
                            break;
                        }
                    }
                }
            }
        }
    }

    /// The wanted partitions without a worker, neither running nor ended.
    fn missing(&self, wanted: &Wanted) -> Vec<TopicPartition> {
        let known = |partition: &&TopicPartition| {
            self.running.contains_key(*partition)
                || self.halted.contains_key(*partition)
                || self.done.contains(*partition)
        };
        wanted.iter().filter(|partition| !known(partition)).cloned().collect()
    }

    fn revoke_all_but(&mut self, wanted: &Wanted) {
        self.halted.retain(|partition, _| wanted.contains(partition));
        for (partition, running) in &mut self.running {
            if !wanted.contains(partition) && running.revoked.is_none() {
                info!(topic = %partition.topic, partition = partition.partition, "revoking \
                    partition");
                running.stop.cancel();
                running.revoked = Some(Instant::now());
            }
        }
    }

    /// Other members wait for revoked partitions. A commit in flight does them no harm: it is
    /// either first or fenced.
    fn abort_overdue(&self) {
        let bound = self.shared.settings.shutdown_timeout;
        let revoked = self.running.values().filter_map(|running| Some((running, running.revoked?)));
        for (running, _) in revoked.filter(|(_, since)| since.elapsed() >= bound) {
            running.task.abort();
        }
    }

    fn start(&mut self, started: Started) {
        for Start { partition, position, end } in started.ready {
            info!(topic = %partition.topic, partition = partition.partition, next_offset = %position.next_offset, "processing partition");
            let stop = self.stop.child_token();
            let status = self.shared.telemetry.partition(&partition);
            status.started(position.next_offset);
            if let Some(end) = end {
                status.ends_at(end);
            }
            let shared = Arc::clone(&self.shared);
            let worker =
                Worker::new(shared, (partition.clone(), status), position, end, stop.clone());
            let task = self.tasks.spawn(worker.run());
            self.running.insert(partition, Running { stop, task, revoked: None });
        }
        for (partition, halt) in started.halted {
            self.halt(partition, halt);
        }
    }

    fn publish(&self, missing: &[TopicPartition]) {
        let running = self.running.keys().chain(self.halted.keys()).chain(missing);
        let mut owned: Vec<_> = running.cloned().collect();
        owned.sort();
        self.shared.telemetry.assign(&owned);
        self.owned.send_if_modified(|before| {
            let changed = *before != owned;
            *before = owned;
            changed
        });
    }

    fn note(
        &mut self,
        ended: Result<(Id, Result<Tally, Halted>), JoinError>,
    ) -> Result<(), RunError> {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let partition = self
            .running
            .iter()
            .find(|(_, running)| running.task.id() == id)
            .map(|(p, _)| p.clone());
        let Some(partition) = partition else {
            return Ok(());
        };
        let running = self.running.remove(&partition);
        let revoked = running.is_some_and(|running| running.revoked.is_some());
        match ended {
            Ok((_, Ok(tally))) => {
                self.tally.add(&tally);
                if !revoked {
                    self.done.insert(partition);
                }
            }
            // The next owner finds out for itself.
            Ok((_, Err(_))) if revoked => {}
            Ok((_, Err(halt))) => self.halt(partition, halt),
            Err(error) if error.is_cancelled() => {
                warn!(
                    topic = %partition.topic,
                    partition = partition.partition,
                    "revoked with batches in flight: the next owner continues from the committed \
                     offset"
                );
            }
            Err(_) => return Err(RunError::WorkerFailed),
        }
        if revoked && self.running.is_empty() {
            // No worker is left that would notice the end of an outage.
            self.shared.postgres.forget();
        }
        Ok(())
    }

    fn halt(&mut self, partition: TopicPartition, halted: Halted) {
        error!(error = %halted.halt, "partition halted");
        let status = self.shared.telemetry.partition(&partition);
        status.halted(halted.next_offset, halted.halt.to_string());
        self.halted.insert(partition, halted);
    }

    fn halts(&self) -> impl Iterator<Item = &Halt> {
        self.halted.values().map(|halted| &halted.halt)
    }

    /// Resumes partitions that an operator has reset. If PostgreSQL does not answer now, the next
    /// call retries.
    async fn resume_decided(&mut self, starts: &Starts) {
        if self.halted.is_empty() {
            return;
        }
        if let Ok(Ok(decided)) = timeout(DECIDED_WITHIN, starts.decided(&self.halted)).await {
            for partition in decided {
                info!(topic = %partition.topic, partition = partition.partition, "resuming at the offset set by the operator");
                self.halted.remove(&partition);
            }
        }
    }

    fn remind(&self) {
        for halt in self.halts() {
            error!(error = %halt, "partition still halted");
        }
    }

    /// Waits for the workers to finish the batches in flight.
    pub(super) async fn finish(&mut self, within: Duration) {
        self.stop.cancel();
        let settled = timeout(within, async {
            while let Some(ended) = self.tasks.join_next_with_id().await {
                if let Err(error) = self.note(ended) {
                    error!(%error, "a worker failed during shutdown");
                }
            }
        });
        if settled.await.is_err() {
            warn!(
                "not all batches in flight completed within pipeline.shutdown_timeout: the next \
                 start continues from the committed offset"
            );
        }
    }
}
