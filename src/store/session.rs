//! One connection to PostgreSQL, lent out by the pool.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::OnceCell, time::timeout};
use tokio_postgres::{
    Client, Row, Statement,
    error::SqlState,
    types::{ToSql, Type},
};
use tracing::debug;

use super::{
    encryption::{Connected, Transport},
    error::{Cause, StoreError},
    retention::Retention,
    rows::{Oids, order_rows},
    server::{Epochs, Server, SqlText},
    statement::CommitStatement,
    wire::Leash,
};

/// A statement's plan is cached with it. A plan made for empty tables is very slow for full ones,
/// so statements are prepared again after this time.
const REPLAN_AFTER: Duration = Duration::from_secs(5);

/// A statement's parameter and its type.
pub(super) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A connection and the statements prepared on it.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    leash: Leash,
    transport: Transport,
    epochs: Epochs,
    epoch: u64,
    prepared: Mutex<HashMap<CommitStatement, Statement>>,
    order_rows: OnceCell<Type>,
    planned: Instant,
    deadline: Duration,
    sql: Arc<SqlText>,
    retention: Arc<Retention>,
    keeps_statements: bool,
    given_up: AtomicBool,
}

impl Connection {
    /// # Errors
    /// As [`Server::connect`].
    pub(super) async fn open(server: &Server) -> Result<Self, StoreError> {
        let (Connected { client, leash, transport }, epoch) = server.connect().await?;
        Ok(Self {
            client,
            leash,
            transport,
            epochs: server.epochs.clone(),
            epoch,
            prepared: Mutex::default(),
            order_rows: OnceCell::new(),
            planned: Instant::now(),
            deadline: server.statement_timeout,
            sql: Arc::clone(&server.sql),
            retention: Arc::clone(&server.retention),
            keeps_statements: server.prepared_statements,
            given_up: AtomicBool::new(false),
        })
    }

    /// Discards the prepared statements if their plans are too old.
    pub(super) fn replan(&mut self) {
        if self.planned.elapsed() > REPLAN_AFTER {
            self.planned = Instant::now();
            self.prepared = Mutex::default();
        }
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Prepares a statement, unless prepared statements are disabled.
    pub(super) async fn prepare(&self, statement: CommitStatement) -> Result<(), StoreError> {
        if self.keeps_statements {
            self.prepared(statement).await?;
        }
        Ok(())
    }

    /// The type of the parameter that holds rows of `orders`.
    ///
    /// # Errors
    /// [`StoreError::Transient`] if it has not been looked up yet.
    pub(super) fn order_rows(&self) -> Result<Type, StoreError> {
        self.order_rows.get().cloned().ok_or_else(|| {
            StoreError::Transient(Cause::new("the type order_row[] is unknown on this connection"))
        })
    }

    /// Looks up the type that [`Self::order_rows`] returns.
    pub(super) async fn look_up_order_rows(&self) -> Result<(), StoreError> {
        let ask = async {
            let types = self.client.query_typed_one(&self.sql.types, &[]);
            let row = self.in_time(types).await?;
            let item = Oids { of_one: row.try_get(0)?, of_array: row.try_get(1)? };
            let order = Oids { of_one: row.try_get(2)?, of_array: row.try_get(3)? };
            self.retention.set(row.try_get(4)?);
            Ok::<_, StoreError>(order_rows(item, order))
        };
        self.order_rows.get_or_try_init(|| ask).await.map(drop)
    }

    /// The single row that a statement returns.
    pub(super) async fn answer(
        &self,
        statement: CommitStatement,
        parameters: &[Parameter<'_>],
    ) -> Result<Row, StoreError> {
        if !self.keeps_statements {
            let text = self.sql.commits.of(statement);
            let answer = self.client.query_typed_one(&text, parameters);
            return self.in_time(answer).await;
        }
        let prepared = self.prepared(statement).await?;
        let parameters: Vec<_> = parameters.iter().map(|(value, _)| *value).collect();
        self.in_time(self.client.query_one(&prepared, &parameters)).await
    }

    async fn prepared(&self, statement: CommitStatement) -> Result<Statement, StoreError> {
        let prepared = || self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statement) = prepared().get(&statement) {
            return Ok(statement.clone());
        }
        let text = self.sql.commits.of(statement);
        let new = self.in_time(self.client.prepare(&text)).await?;
        prepared().insert(statement, new.clone());
        Ok(new)
    }

    /// Begins a transaction that the server aborts when it is idle for too long, such as after a
    /// network failure: its locks could otherwise block everyone for hours (tcp(7)).
    pub(super) fn begin(&self) -> String {
        let patience = self.deadline.as_millis().max(1);
        format!("BEGIN; SET LOCAL idle_in_transaction_session_timeout = {patience}")
    }

    /// Awaits `statements`, which begin a transaction and commit it. Unless they succeed, the connection
    /// is not used again, also if they are cancelled: closing it ends the transaction, which would
    /// otherwise include the statements of the next borrower.
    pub(super) async fn transaction<T>(
        &self,
        statements: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut unfinished = Unfinished { connection: Some(self) };
        let done = statements.await?;
        unfinished.connection = None;
        Ok(done)
    }

    /// Awaits `answer` for at most the statement deadline. After any error except a data error the
    /// connection is not used again. After an error that casts doubt on the server, no connection
    /// opened before it is used again: each would otherwise have to wait as long to find out.
    pub(super) async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        self.within(self.deadline, answer, || {
            StoreError::Transient(Cause::new(format!(
                "PostgreSQL did not answer a statement within database.statement_timeout, {:?}",
                self.deadline
            )))
        })
        .await
    }

    /// As [`Self::in_time`], with another deadline and the error after it.
    pub(super) async fn within<T>(
        &self,
        deadline: Duration,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
        late: impl FnOnce() -> StoreError,
    ) -> Result<T, StoreError> {
        let result = match timeout(deadline, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if casts_doubt(&error) {
                    self.epochs.end(self.epoch);
                }
                match self.leash.end() {
                    Some(end) if error.is_closed() => Err(StoreError::Transient(Cause::new(
                        format!("the connection to PostgreSQL was closed: {end}"),
                    ))),
                    _ => Err(StoreError::from(error)),
                }
            }
            Err(_) => {
                self.epochs.end(self.epoch);
                self.cancel();
                Err(late())
            }
        };
        if matches!(result, Err(StoreError::Transient(_) | StoreError::Permanent(_))) {
            self.give_up();
        }
        result
    }

    /// Cancels this connection's statement on the server, so that repeated attempts do not leave
    /// statements behind that wait for a lock. Nothing waits for the result.
    fn cancel(&self) {
        let (token, transport, deadline) =
            (self.client.cancel_token(), self.transport.clone(), self.deadline);
        tokio::spawn(async move {
            if let Ok(Err(error)) = timeout(deadline, transport.cancel(token)).await {
                debug!(%error, "cannot cancel a statement");
            }
        });
    }

    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_usable(&self) -> bool {
        !self.given_up.load(Ordering::Relaxed)
            && !self.client.is_closed()
            && self.epoch == self.epochs.current()
    }
}

/// Whether an error means that the server is down, shutting down, or no longer accepts writes.
fn casts_doubt(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => [
            &SqlState::READ_ONLY_SQL_TRANSACTION,
            &SqlState::ADMIN_SHUTDOWN,
            &SqlState::CRASH_SHUTDOWN,
            &SqlState::CANNOT_CONNECT_NOW,
        ]
        .contains(&code),
        None => error.is_closed(),
    }
}

/// Gives up the connection of a transaction that has not ended.
struct Unfinished<'a> {
    connection: Option<&'a Connection>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection {
            connection.give_up();
        }
    }
}

/// Without this, an unresponsive server would keep the connection's task waiting forever.
impl Drop for Connection {
    fn drop(&mut self) {
        if self.given_up.load(Ordering::Relaxed) {
            self.leash.cut();
        } else if let Some(end) = self.leash.end() {
            debug!(%end, "an idle connection to PostgreSQL was closed");
        }
    }
}
