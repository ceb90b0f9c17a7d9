//! What was read from PostgreSQL, and whether it is still what PostgreSQL holds.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};

use crate::store::StoreError;

/// How long between two readings at least and at most, and how many times as long as one took: the
/// dashboard of a shop with very many products is not to keep PostgreSQL busy.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const PAUSE_FACTOR: u32 = 20;

/// How much later than expected the next reading may come before the page says so. It waits in line
/// for a connection, as the partitions do, and for other readings of the dashboard.
const PATIENCE: Duration = Duration::from_secs(6);
const READINGS: u32 = 6;

/// A value that is read again and again; `None` until it is read for the first time.
#[derive(Debug)]
pub(super) struct Fresh<T>(Mutex<Inner<T>>);

#[derive(Debug)]
pub(super) struct Inner<T> {
    pub(super) value: Option<T>,
    /// Until when this counts as what PostgreSQL holds. `None`: reading it failed.
    current_until: Option<Instant>,
}

impl<T> Inner<T> {
    /// Nothing is read yet, and nothing has failed.
    fn unread() -> Self {
        Self { value: None, current_until: Some(Instant::now() + PATIENCE) }
    }

    /// Whether it is not much older than it should be.
    pub(super) fn is_current(&self) -> bool {
        self.current_until.is_some_and(|until| Instant::now() < until)
    }
}

impl<T> Fresh<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner::unread()))
    }

    /// Nobody asks for it any more: whoever does next is not to be shown what was true long ago.
    pub(super) fn forget(&self) {
        *self.lock() = Inner::unread();
    }

    /// Somebody begins to ask for it, so that it is about to be read if it is not known.
    pub(super) fn expect(&self) {
        let mut inner = self.lock();
        if inner.value.is_none() {
            *inner = Inner::unread();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads once, when `turns` allows, and keeps what `keep` makes of the value before and the answer.
    /// Then `tell` is called. Returns when the next reading is due.
    pub(super) async fn read<A>(
        &self,
        turns: &Semaphore,
        read: impl Future<Output = Result<A, StoreError>>,
        keep: impl FnOnce(Option<T>, A) -> T,
        tell: impl FnOnce(Option<&StoreError>),
    ) {
        // Never closed.
        let turn = turns.acquire().await;
        let begun = Instant::now();
        let answer = read.await;
        drop(turn);
        // What failed may have taken until its deadline, which says nothing about how dear it is.
        let took = if answer.is_ok() { begun.elapsed() } else { Duration::ZERO };
        let pause = (took * PAUSE_FACTOR).clamp(PAUSE, LONGEST_PAUSE);
        match answer {
            Ok(answer) => {
                let mut inner = self.lock();
                let before = inner.value.take();
                inner.value = Some(keep(before, answer));
                inner.current_until = Some(Instant::now() + pause + PATIENCE + took * READINGS);
                drop(inner);
                tell(None);
            }
            Err(error) => {
                // What was read before stays.
                self.lock().current_until = None;
                tell(Some(&error));
            }
        }
        sleep(pause).await;
    }
}
