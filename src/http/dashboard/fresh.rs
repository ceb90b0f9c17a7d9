//! Values that are polled from PostgreSQL, and whether they are current.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use crate::store::StoreError;

/// The minimum and maximum pause between two queries, and its ratio to the duration of a query: the
/// dashboard of a shop with very many products must not keep PostgreSQL busy.
const PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);
const PAUSE_FACTOR: u32 = 20;

/// The tolerated delay of a query before the page reports old values. Queries wait for a
/// connection, as partitions do, and for other queries of the dashboard.
const TOLERATED_DELAY: Duration = Duration::from_secs(6);
const READINGS: u32 = 6;

/// A polled value; `None` until it is read for the first time.
#[derive(Debug)]
pub(super) struct Fresh<T>(Mutex<Inner<T>>);

#[derive(Debug)]
pub(super) struct Inner<T> {
    pub(super) value: Option<T>,
    /// Until when the value counts as current. `None`: the last query failed.
    current_until: Option<Instant>,
}

impl<T> Inner<T> {
    /// Nothing is read yet, and no query has failed.
    fn unread() -> Self {
        Self { value: None, current_until: Some(Instant::now() + TOLERATED_DELAY) }
    }

    /// Whether the value is current.
    pub(super) fn is_current(&self) -> bool {
        self.current_until.is_some_and(|until| Instant::now() < until)
    }
}

impl<T> Fresh<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner::unread()))
    }

    /// Discards the value when there are no viewers, so that the next one does not see an old value.
    pub(super) fn forget(&self) {
        *self.lock() = Inner::unread();
    }

    /// Marks the value as current when a viewer arrives, since it is about to be read.
    pub(super) fn expect(&self) {
        let mut inner = self.lock();
        if inner.value.is_none() {
            *inner = Inner::unread();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queries once, when `turns` permits, and stores the result of `keep` for the previous value
    /// and the answer. Then `report` is called. Returns when the next query is due.
    pub(super) async fn read<A>(
        &self,
        turns: &Semaphore,
        read: impl Future<Output = Result<A, StoreError>>,
        keep: impl FnOnce(Option<T>, A) -> T,
        report: impl FnOnce(Option<&StoreError>),
    ) {
        // Never closed.
        let turn = turns.acquire().await;
        let begun = Instant::now();
        let answer = read.await;
        drop(turn);
        // A failed query may have taken until its deadline, so its duration does not count.
        let took = if answer.is_ok() { begun.elapsed() } else { Duration::ZERO };
        let pause = (took * PAUSE_FACTOR).clamp(PAUSE, MAX_PAUSE);
        match answer {
            Ok(answer) => {
                let mut inner = self.lock();
                let before = inner.value.take();
                inner.value = Some(keep(before, answer));
                inner.current_until =
                    Some(Instant::now() + pause + TOLERATED_DELAY + took * READINGS);
                drop(inner);
                report(None);
            }
            Err(error) => {
                // The previous value is kept.
                self.lock().current_until = None;
                report(Some(&error));
            }
        }
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(fresh: &Fresh<u8>, took: Duration, answer: Result<u8, StoreError>) -> Duration {
        let asked = async {
            sleep(took).await;
            answer
        };
        let (turns, begun) = (Semaphore::new(1), Instant::now());
        fresh.read(&turns, asked, |before, now| before.unwrap_or(0) + now, |_| ()).await;
        begun.elapsed()
    }

    fn state(fresh: &Fresh<u8>) -> (Option<u8>, bool) {
        let inner = fresh.lock();
        (inner.value, inner.is_current())
    }

    #[tokio::test(start_paused = true)]
    async fn the_slower_a_query_the_longer_until_the_next() {
        for (took, total) in [(0, 1_000), (10, 1_010), (100, 2_100), (30_000, 90_000)] {
            let fresh = Fresh::new();
            let elapsed = read(&fresh, Duration::from_millis(took), Ok(1)).await;
            assert_eq!(elapsed, Duration::from_millis(total));
            // Until then, and during the tolerated delay, it counts as current.
            assert_eq!(state(&fresh), (Some(1), true));
            sleep(TOLERATED_DELAY + Duration::from_millis(took) * READINGS).await;
            assert_eq!(state(&fresh), (Some(1), false));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_that_cannot_be_read_again_is_kept_and_marked_as_old() {
        let fresh = Fresh::new();
        read(&fresh, Duration::ZERO, Ok(3)).await;
        let failed = read(&fresh, Duration::from_secs(30), Err(StoreError::Fenced)).await;
        assert_eq!(failed, Duration::from_secs(30) + PAUSE);
        assert_eq!(state(&fresh), (Some(3), false));
        // New viewers see it too, as long as there are viewers.
        fresh.expect();
        assert_eq!(state(&fresh), (Some(3), false));
        read(&fresh, Duration::ZERO, Ok(1)).await;
        assert_eq!(state(&fresh), (Some(4), true));
        fresh.forget();
        assert_eq!(state(&fresh), (None, true));
    }
}
