//! The locks with which commands exclude each other, and a replay or a purge the batches.
//!
//! The keys of the advisory locks are arbitrary, distinct constants.

use std::time::Duration;

use super::{database::Store, error::StoreError, session::Connection};

/// Allows one session at a time to apply the schema.
pub(super) const APPLY_LOCK: i64 = 0x7665_6e64_6173;

/// Allows one session at a time to insert rows into `partitions`.
pub(super) const START_LOCK: i64 = 0x7665_6e64_6174;

/// Allows one session at a time to replay, discard or delete dead letters.
const DEAD_LETTERS_LOCK: i64 = 0x7665_6e64_6175;

/// Allows one purge at a time.
pub(super) const PURGE_LOCK: i64 = 0x7665_6e64_6176;

/// How long a replay or a purge waits for batches that are being committed. Later batches queue
/// behind it.
const BATCHES_END_WITHIN: Duration = Duration::from_secs(5);

/// Begins a durable transaction in which no other session replays, discards or deletes dead
/// letters. The lock is taken in a separate statement, so that the next one sees what the last
/// holder committed.
pub(super) async fn lock_dead_letters(connection: &Connection) -> Result<(), StoreError> {
    let begin = format!(
        "{}; SELECT pg_advisory_xact_lock({DEAD_LETTERS_LOCK}); SET LOCAL synchronous_commit = on",
        connection.begin()
    );
    connection.in_time(connection.client().batch_execute(&begin)).await
}

impl Store {
    /// Waits for batches that are being committed, and excludes others until the transaction ends.
    pub(super) async fn exclude_batches(&self, connection: &Connection) -> Result<(), StoreError> {
        let sql = self.sql(&format!(
            "SET LOCAL lock_timeout = {}; \
             LOCK TABLE {{schema}}.partitions IN SHARE ROW EXCLUSIVE MODE; \
             SET LOCAL lock_timeout TO DEFAULT; SET LOCAL TimeZone = 'UTC'",
            BATCHES_END_WITHIN.as_millis()
        ));
        connection.in_time(connection.client().batch_execute(&sql)).await
    }
}
