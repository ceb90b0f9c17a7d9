//! A purge of old orders from its boundary to its end, tried again while what fails passes by itself.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::civil::DateTime;

use crate::store::{Purge, PurgeGuard, Purged, Store, StoreError};

/// How often something that passes by itself is tried again before the purge gives up: for about a
/// minute in all.
const TRIES: usize = 12;

/// Which orders are purged, and who says so.
#[derive(Clone, Copy, Debug)]
pub struct PurgeOrders<'a> {
    /// Those that count before this, by the shop's clock; the beginning of a day.
    pub before: DateTime,
    /// Whether their sums go too.
    pub forget_sums: bool,
    /// Why.
    pub because: &'a str,
    /// Who says so: the user of a machine.
    pub purged_by: &'a str,
}

/// Why a purge ended early. The next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// Only one runs at a time.
    #[error("another purge is running: wait until it has ended, then start this one again")]
    Running,
    /// PostgreSQL does not let us work, or not any more.
    #[error("{0}; what was deleted stays deleted: start the command again to go on")]
    Store(#[from] StoreError),
}

/// Purges orders, while others commit. `tell` hears how many rows are deleted so far.
///
/// # Errors
/// [`PurgeError`]. What was done until then stays done.
pub async fn purge(
    store: &Store,
    asked: PurgeOrders<'_>,
    mut tell: impl FnMut(u64),
) -> Result<Purged, PurgeError> {
    let guard = store.guard_purge().await?.ok_or(PurgeError::Running)?;
    let mut work = Work { store, asked, guard: Some(guard), purge: None };
    let new_pauses = || {
        ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(10))
            .with_max_times(TRIES)
            .with_jitter()
            .build()
    };
    let mut pauses = new_pauses();
    loop {
        match work.go_on().await {
            Ok(Some(purged)) => return Ok(purged),
            Ok(None) => {
                pauses = new_pauses();
                tell(work.purge.as_ref().map_or(0, Purge::rows));
            }
            Err(error) if error.passes() => {
                // Its connection may be gone as well.
                work.guard = None;
                match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(error),
                }
            }
            Err(error) => return Err(error),
        }
    }
}

impl PurgeError {
    /// Whether waiting helps. That another purge holds the lock does, where this one held it before: the
    /// server may not know yet that the connection is gone.
    const fn passes(&self) -> bool {
        matches!(self, Self::Running | Self::Store(StoreError::Transient(_)))
    }
}

/// A purge that has the lock, or has lost it.
struct Work<'a> {
    store: &'a Store,
    asked: PurgeOrders<'a>,
    guard: Option<PurgeGuard>,
    purge: Option<Purge>,
}

impl Work<'_> {
    /// Does the next part; at the end says what was deleted.
    async fn go_on(&mut self) -> Result<Option<Purged>, PurgeError> {
        let guard = match self.guard.take() {
            Some(guard) => guard,
            None => self.store.guard_purge().await?.ok_or(PurgeError::Running)?,
        };
        let guard = self.guard.insert(guard);
        let PurgeOrders { before, forget_sums, because, purged_by } = self.asked;
        let purge = match &mut self.purge {
            Some(purge) => purge,
            none => {
                let who = (because, purged_by);
                none.insert(self.store.begin_purge(guard, before, forget_sums, who).await?)
            }
        };
        if self.store.purge_some(guard, purge).await? {
            return Ok(None);
        }
        Ok(Some(self.store.end_purge(purge).await?))
    }
}
