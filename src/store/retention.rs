//! The purge boundary as last reported by the server (see `schema.sql`, the table `retention`).
//!
//! An order that counts before the boundary may have been stored, counted and purged. A batch is
//! therefore judged by the boundary before it is committed, and the statement that commits it
//! compares the boundary with the table. If they differ, nothing is written, the statement returns
//! the current boundary, and the batch is judged again. A purge sets the boundary while no batch is
//! being committed (see `purge`), so no batch judged by an older boundary is committed after it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::civil::DateTime;
use tracing::info;

/// The known boundary; `None` if nothing was purged or nothing is known yet.
#[derive(Debug, Default)]
pub(super) struct Retention(Mutex<Option<DateTime>>);

impl Retention {
    pub(super) fn get(&self) -> Option<DateTime> {
        *self.lock()
    }

    pub(super) fn set(&self, purged_before: Option<DateTime>) {
        let mut known = self.lock();
        if let Some(purged_before) = purged_before.filter(|_| *known != purged_before) {
            info!(
                purged_before = %purged_before.date(),
                "orders before this day were purged: their records become dead letters"
            );
        }
        *known = purged_before;
    }

    fn lock(&self) -> MutexGuard<'_, Option<DateTime>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
