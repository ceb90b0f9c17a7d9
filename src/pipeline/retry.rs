//! Retries of transient errors.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

use super::error::RunError;
use crate::{
    kafka::{GroupError, KafkaError},
    outage::{Outage, Severity},
    store::StoreError,
};

/// Told to stop while waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stopped;

/// Pauses that grow from 0.1 to 30 seconds, with jitter, until [`Self::reset`].
#[derive(Debug)]
pub(super) struct Pauses {
    delays: Option<ExponentialBackoff>,
}

const LONGEST: Duration = Duration::from_secs(30);

impl Pauses {
    pub(super) const fn new() -> Self {
        Self { delays: None }
    }

    pub(super) fn reset(&mut self) {
        self.delays = None;
    }

    /// As [`Self::pause`], but ends with `outage`: when another worker finds that it is over, this
    /// one continues and resets its pauses.
    pub(super) async fn pause_during(
        &mut self,
        outage: &Outage,
        stop: &CancellationToken,
    ) -> Result<(), Stopped> {
        tokio::select! {
            () = outage.over() => {
                self.reset();
                Ok(())
            }
            paused = self.pause(stop) => paused,
        }
    }

    /// # Errors
    /// [`Stopped`] as soon as `stop` is cancelled.
    pub(super) async fn pause(&mut self, stop: &CancellationToken) -> Result<(), Stopped> {
        let delays = self.delays.get_or_insert_with(|| {
            ExponentialBuilder::new()
                .with_min_delay(Duration::from_millis(100))
                .with_max_delay(LONGEST)
                .with_jitter()
                .without_max_times()
                .build()
        });
        let delay = delays.next().unwrap_or(LONGEST).min(LONGEST);
        tokio::select! {
            () = stop.cancelled() => Err(Stopped),
            () = tokio::time::sleep(delay) => Ok(()),
        }
    }
}

/// Whether an error is transient.
pub(super) trait Passing: Display {
    /// Whether waiting helps.
    fn passes(&self) -> bool;

    fn severity(&self) -> Severity {
        if self.passes() { Severity::Transient } else { Severity::NeedsAttention }
    }
}

impl Passing for StoreError {
    fn passes(&self) -> bool {
        matches!(self, Self::Transient(_))
    }
}

impl Passing for KafkaError {
    fn passes(&self) -> bool {
        // A topic that is gone requires new metadata.
        matches!(self, Self::Unreachable { .. })
    }
}

impl Passing for GroupError {
    fn passes(&self) -> bool {
        matches!(self, Self::Kafka(error) if error.passes())
    }
}

impl Passing for RunError {
    fn passes(&self) -> bool {
        match self {
            Self::Kafka(error) => error.passes(),
            Self::Group(error) => error.passes(),
            Self::Store(error) => error.passes(),
            _ => false,
        }
    }
}

/// Repeats `work` until it succeeds, is told to stop, or fails permanently.
///
/// # Errors
/// The outer error is not transient; the inner one means that it was told to stop.
pub(super) async fn persist<T, E, F>(
    stop: &CancellationToken,
    outage: &Outage,
    mut work: impl FnMut() -> F,
) -> Result<Result<T, Stopped>, E>
where
    E: Passing,
    F: Future<Output = Result<T, E>>,
{
    let mut pauses = Pauses::new();
    loop {
        let asked = Instant::now();
        let result = tokio::select! {
            () = stop.cancelled() => return Ok(Err(Stopped)),
            result = work() => result,
        };
        match result {
            Ok(value) => {
                outage.recovered(asked);
                return Ok(Ok(value));
            }
            Err(error) if error.passes() => outage.failed(Severity::Transient, &error),
            Err(error) => return Err(error),
        }
        if pauses.pause(stop).await.is_err() {
            return Ok(Err(Stopped));
        }
    }
}
