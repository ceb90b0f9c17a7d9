//! Before when orders were purged, as the server last said (see `schema.sql`, the table `retention`).
//!
//! An order that counts before that may have been stored, counted and purged. So a batch is judged by
//! that boundary before it is committed, and the statement that commits it compares: where the table
//! says otherwise nothing is written, the answer has the new boundary, and the batch is judged again.
//! A purge sets the boundary while no batch is being committed (see `purge`), so that none that was
//! judged by an older one lands after it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::civil::DateTime;
use tracing::info;

use super::{Store, StoreError, session::Connection};

/// What is known of the table `retention`; `None` where nothing was purged, or nothing is known.
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
                "orders were purged: records of orders before that day become dead letters"
            );
        }
        *known = purged_before;
    }

    fn lock(&self) -> MutexGuard<'_, Option<DateTime>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Before when orders were purged, by the shop's clock, as far as this process has heard: a
    /// batch has to be judged by it
    /// ([`ProcessedBatch::with_purge_boundary`](crate::process::ProcessedBatch::with_purge_boundary))
    /// to be committed.
    #[must_use]
    pub fn known_retention(&self) -> Option<DateTime> {
        self.server.retention.get()
    }

    /// Before when orders were purged, by the shop's clock; `None` if they never were.
    ///
    /// # Errors
    /// As [`Store::session`].
    pub async fn purged_before(&self) -> Result<Option<DateTime>, StoreError> {
        let lent = self.lend().await?;
        self.purged_before_on(lent.connection()?).await
    }

    pub(super) async fn purged_before_on(
        &self,
        connection: &Connection,
    ) -> Result<Option<DateTime>, StoreError> {
        let sql = self.sql("SELECT (SELECT purged_before FROM {schema}.retention)");
        let row = connection.in_time(connection.client().query_typed_one(&sql, &[])).await?;
        Ok(row.try_get(0)?)
    }
}
