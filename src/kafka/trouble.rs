//! Partitions that can't be read just now: told as one outage, each retried at its own pace.

use std::{
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::outage::{Ongoing, Outage, Severity};

const SHORTEST_WAIT: Duration = Duration::from_millis(50);
/// Before jitter, which at most doubles it.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// From 50 ms to 2 s with jitter, without end.
pub(super) fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(SHORTEST_WAIT)
        .with_max_delay(LONGEST_WAIT)
        .with_jitter()
        .without_max_times()
        .build()
}

/// The outage that all partitions of one Kafka share: it ends when the last of them goes on.
#[derive(Debug)]
pub(super) struct Troubles {
    outage: Outage,
    partitions: Mutex<usize>,
}

/// One partition's trouble, from its first failure up to its first success; its drop is its end.
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
    /// Says what is wrong, as the outage sees fit, and waits until it is time to try again.
    pub(super) async fn wait(&mut self, severity: Severity, cause: &(dyn Display + Sync)) {
        self.shared.outage.failed(severity, cause);
        self.wait_silently().await;
    }

    /// How long it has lasted.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Waits without a word: what is wrong isn't certain yet.
    pub(super) async fn wait_silently(&mut self) {
        tokio::time::sleep(self.backoff.next().unwrap_or(LONGEST_WAIT)).await;
    }

    /// The partition was answered.
    pub(super) fn over(mut self) {
        self.over = true;
    }
}

impl Drop for Trouble {
    fn drop(&mut self) {
        let mut partitions = self.shared.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        *partitions = partitions.saturating_sub(1);
        // A reader that is dropped amid trouble proves nothing about Kafka.
        if *partitions == 0 && self.over {
            self.shared.outage.recovered(Instant::now());
        }
    }
}
