//! A purge of old orders, which retries transient errors.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::civil::DateTime;

use crate::store::{Purge, PurgeGuard, Purged, Store, StoreError};

/// How often a transient error is retried before the purge gives up: for about a minute in all.
const RETRIES: usize = 12;

/// Which orders are purged, by whom and why.
#[derive(Clone, Copy, Debug)]
pub struct PurgeOrders<'a> {
    /// Orders before this time by the shop's clock are purged; it is the beginning of a day.
    pub before: DateTime,
    /// Whether their sums are deleted too.
    pub forget_sums: bool,
    /// The reason.
    pub because: &'a str,
    /// The operator: USER@HOST.
    pub purged_by: &'a str,
    /// The time limit of each statement that reads whole tables.
    pub time_limit: Duration,
}

/// Why a purge ended early. The next one continues it.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// Only one runs at a time.
    #[error("another purge is running: wait until it has ended, then start this one again")]
    Running,
    /// PostgreSQL is unavailable or refuses a statement.
    #[error("{0}; deleted rows stay deleted: start the command again to continue")]
    Store(#[from] StoreError),
}

/// Purges orders while instances may commit. `progress` is called with the number of rows deleted
/// so far.
///
/// # Errors
/// [`PurgeError`]. Rows deleted until then stay deleted.
pub async fn purge(
    store: &Store,
    orders: PurgeOrders<'_>,
    progress: impl FnMut(u64),
) -> Result<Purged, PurgeError> {
    let guard = store.guard_purge().await?.ok_or(PurgeError::Running)?;
    let mut work = Work { store, orders, guard: Some(guard), purge: None };
    let result = work.repeat_steps(progress).await;
    if let Some(guard) = work.guard.take() {
        // After an error the connection is closed, which releases the lock too.
        drop(guard.release().await);
    }
    result
}

impl PurgeError {
    /// Whether a retry can help. It can if another purge seems to hold the lock that this one held
    /// before: the server may not have noticed yet that the connection is closed.
    const fn is_transient(&self) -> bool {
        matches!(self, Self::Running | Self::Store(StoreError::Transient(_)))
    }
}

/// A purge in progress, with the lock unless it was lost.
struct Work<'a> {
    store: &'a Store,
    orders: PurgeOrders<'a>,
    guard: Option<PurgeGuard>,
    purge: Option<Purge>,
}

impl Work<'_> {
    /// Deletes everything, and retries transient errors.
    async fn repeat_steps(&mut self, mut progress: impl FnMut(u64)) -> Result<Purged, PurgeError> {
        let new_pauses = || {
            ExponentialBuilder::new()
                .with_min_delay(Duration::from_millis(100))
                .with_max_delay(Duration::from_secs(10))
                .with_max_times(RETRIES)
                .with_jitter()
                .build()
        };
        let mut pauses = new_pauses();
        loop {
            match self.step().await {
                Ok(Some(purged)) => return Ok(purged),
                Ok(None) => {
                    pauses = new_pauses();
                    progress(self.purge.as_ref().map_or(0, Purge::rows));
                }
                Err(error) if error.is_transient() => {
                    // The connection with the lock may be closed too.
                    self.guard = None;
                    match pauses.next() {
                        Some(pause) => tokio::time::sleep(pause).await,
                        None => return Err(error),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Deletes the next chunk; at the end returns what was deleted.
    async fn step(&mut self) -> Result<Option<Purged>, PurgeError> {
        let guard = match self.guard.take() {
            Some(guard) => guard,
            None => self.store.guard_purge().await?.ok_or(PurgeError::Running)?,
        };
        let guard = self.guard.insert(guard);
        let PurgeOrders { before, forget_sums, because, purged_by, time_limit } = self.orders;
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
        Ok(Some(self.store.end_purge(purge, time_limit).await?))
    }
}
