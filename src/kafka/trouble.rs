//! Partitions that cannot be read: reported as one outage, each retried with its own backoff.

use std::{
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::outage::{Ongoing, Outage, Severity};

const MIN_DELAY: Duration = Duration::from_millis(50);
/// Before jitter, which at most doubles it.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// From 50 ms to 2 s with jitter, without a limit of retries.
pub(super) fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(MIN_DELAY)
        .with_max_delay(MAX_DELAY)
        .with_jitter()
        .without_max_times()
        .build()
}

/// The outage that all partitions of a cluster share: it ends when the last of them continues.
#[derive(Debug)]
pub(super) struct Troubles {
    outage: Outage,
    partitions: Mutex<usize>,
}

/// The trouble of one partition, from its first failure to its next success. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Trouble {
    shared: Arc<Troubles>,
    backoff: ExponentialBackoff,
    since: Instant,
    over: bool,
}

impl Troubles {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { outage: Outage::new("kafka"), partitions: Mutex::new(0) })
    }

    pub(super) fn ongoing(&self) -> Option<Ongoing> {
        self.outage.ongoing()
    }

    pub(super) fn begin(self: &Arc<Self>) -> Trouble {
        *self.partitions.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        Trouble { shared: Arc::clone(self), backoff: backoff(), since: Instant::now(), over: false }
    }
}

impl Trouble {
    /// Reports the cause to the outage and waits until the next retry.
    pub(super) async fn wait(&mut self, severity: Severity, cause: &(dyn Display + Sync)) {
        self.shared.outage.failed(severity, cause);
        self.wait_silently().await;
    }

    /// How long it has lasted.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Waits without reporting: the cause is not confirmed yet.
    pub(super) async fn wait_silently(&mut self) {
        tokio::time::sleep(self.backoff.next().unwrap_or(MAX_DELAY)).await;
    }

    /// Ends it: the partition can be read again.
    pub(super) fn over(mut self) {
        self.over = true;
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        let mut partitions = self.shared.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        *partitions = partitions.saturating_sub(1);
        if *partitions > 0 {
            return;
        }
        if self.over {
            self.shared.outage.recovered(Instant::now());
        } else {
            // The last reader was dropped during trouble: whether Kafka is available is unknown.
            self.shared.outage.forget();
        }
    }
}
