//! Statements that read or change whole tables. They may take longer than
//! `database.statement_timeout`, which is for statements that a batch waits for, and have a time limit
//! of their own.
//!
//! PostgreSQL enforces the limit (`statement_timeout`), so that the statement also ends if this process
//! is frozen or disconnected. This process gives up a little later, in case PostgreSQL does not
//! answer at all. PostgreSQL also ends the statement when this process has ended
//! (`client_connection_check_interval`): an interrupted command leaves nothing behind.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tokio_postgres::{Row, error::SqlState};

use super::{
    database::Store,
    error::{Cause, StoreError},
    session::{Connection, Parameter},
};

/// How long after the time limit an answer of PostgreSQL is awaited.
const GRACE: Duration = Duration::from_secs(5);

/// Only on Linux: PostgreSQL rejects the setting on some other systems.
const END_WITH_CLIENT: &str = "SELECT set_config('client_connection_check_interval', '2s', true) \
                               WHERE version() LIKE '%linux%'";

impl Store {
    /// The rows of a statement that runs in a transaction of its own for at most `limit`. `what` it
    /// does is for the error.
    ///
    /// # Errors
    /// [`StoreError::Permanent`] after `limit`; otherwise as [`Store::session`].
    pub(super) async fn long_query(
        &self,
        what: &str,
        limit: Duration,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let client = connection.client();
        let all = async {
            let begin = format!("{}; {}", connection.begin(), begin_long(limit));
            connection.in_time(client.batch_execute(&begin)).await?;
            let query = client.query_typed(sql, parameters);
            let rows = self.in_long_time(connection, what, limit, query).await?;
            connection.in_time(client.batch_execute("COMMIT")).await?;
            Ok(rows)
        };
        connection.transaction(all).await
    }

    /// The single row of such a statement.
    ///
    /// # Errors
    /// As [`Self::long_query`].
    pub(super) async fn long_row(
        &self,
        what: &str,
        limit: Duration,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Row, StoreError> {
        let rows = self.long_query(what, limit, sql, parameters).await?;
        let row = rows.into_iter().next();
        row.ok_or_else(|| StoreError::Transient(Cause::new("PostgreSQL returned no row")))
    }

    /// Awaits the answer to a statement that PostgreSQL ends after `limit`.
    ///
    /// # Errors
    /// As [`Self::long_query`].
    pub(super) async fn in_long_time<T>(
        &self,
        connection: &Connection,
        what: &str,
        limit: Duration,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let answer = async {
            match answer.await {
                // Earlier, somebody has cancelled it.
                Err(error)
                    if error.code() == Some(&SqlState::QUERY_CANCELED)
                        && began.elapsed() >= limit =>
                {
                    Ok(None)
                }
                answer => answer.map(Some),
            }
        };
        let late = || self.exceeded(what, limit);
        let answer = connection.within(limit.saturating_add(GRACE), answer, late).await?;
        answer.ok_or_else(|| self.exceeded(what, limit))
    }

    fn exceeded(&self, what: &str, limit: Duration) -> StoreError {
        let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
        let host = self.server.host().map(|host| format!(" at {host}")).unwrap_or_default();
        StoreError::Permanent(Cause::new(format!(
            "PostgreSQL{host}: {what} took longer than --timeout, {limit:#}: set a longer one, or check \
             pg_stat_activity for locks and slow statements"
        )))
    }
}

/// Settings of a transaction whose statements PostgreSQL ends after `limit`.
pub(super) fn begin_long(limit: Duration) -> String {
    format!("SET LOCAL statement_timeout = {}; {END_WITH_CLIENT}", limit.as_millis().max(1))
}
