//! The pool of connections, and what they are made from.

use std::{sync::Arc, time::Duration};

use bb8::{ManageConnection, Pool, PooledConnection, RunError};
use secrecy::ExposeSecret;
use tokio_postgres::config::Config;

use super::{Cause, Settings, StoreError, schema::quote_identifier, session::Connection};

/// Where PostgreSQL is, and what is said to it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) config: Config,
    pub(super) connect_timeout: Duration,
    pub(super) statement_timeout: Duration,
    pub(super) sql: Arc<SqlText>,
    address: String,
}

/// The statements that depend on the schema's name.
#[derive(Debug)]
pub(super) struct SqlText {
    pub(super) commit: String,
    pub(super) commit_sales: String,
}

impl Server {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut config = Config::new();
        config
            .host(&settings.host)
            .port(settings.port)
            .user(&settings.user)
            .password(settings.password.expose_secret())
            .dbname(&settings.dbname)
            .application_name("vendas")
            .connect_timeout(settings.connect_timeout)
            // Unacknowledged bytes this old mean that the peer is gone (tcp(7)).
            .tcp_user_timeout(settings.statement_timeout)
            .keepalives_idle(Duration::from_secs(30));
        let schema = quote_identifier(&settings.schema);
        let sql = SqlText {
            commit: include_str!("sql/commit.sql").replace("{schema}", &schema),
            commit_sales: include_str!("sql/commit_sales.sql").replace("{schema}", &schema),
        };
        Self {
            config,
            connect_timeout: settings.connect_timeout,
            statement_timeout: settings.statement_timeout,
            sql: Arc::new(sql),
            address: format!("{}:{}", settings.host, settings.port),
        }
    }

    pub(super) fn unreachable(&self, why: &str) -> StoreError {
        StoreError::Transient(Cause::new(format!("PostgreSQL at {}: {why}", self.address)))
    }

    /// Adds the server's address, which tokio-postgres's errors lack.
    pub(super) fn explain(&self, error: tokio_postgres::Error) -> StoreError {
        let at = |cause: Cause| cause.at(&self.address);
        match StoreError::from(error) {
            StoreError::Transient(cause) => StoreError::Transient(at(cause)),
            StoreError::Permanent(cause) => StoreError::Permanent(at(cause)),
            StoreError::Data(cause) => StoreError::Data(at(cause)),
            StoreError::Fenced => StoreError::Fenced,
        }
    }
}

/// A place in the pool. Connecting is done by whoever takes the place, since a pool that connects
/// by itself keeps the reason of a failure to itself.
#[derive(Debug, Default)]
pub(super) struct Place {
    connection: Option<Connection>,
}

/// Hands out places, and drops connections that are of no more use.
#[derive(Debug)]
pub(super) struct Places;

impl ManageConnection for Places {
    type Connection = Place;
    type Error = StoreError;

    async fn connect(&self) -> Result<Place, StoreError> {
        Ok(Place::default())
    }

    async fn is_valid(&self, _: &mut Place) -> Result<(), StoreError> {
        Ok(())
    }

    fn has_broken(&self, place: &mut Place) -> bool {
        place.connection.as_ref().is_some_and(|connection| !connection.is_usable())
    }
}

/// A place from the pool with an open connection in it.
#[derive(Debug)]
pub(super) struct Lent<'a> {
    place: PooledConnection<'a, Places>,
}

impl Lent<'_> {
    /// # Errors
    /// [`StoreError::Transient`] if no place becomes free in time, else as connecting fails.
    pub(super) async fn take<'a>(
        pool: &'a Pool<Places>,
        server: &Server,
    ) -> Result<Lent<'a>, StoreError> {
        let mut place = pool.get().await.map_err(|error| match error {
            RunError::User(error) => error,
            RunError::TimedOut => server.unreachable(
                "all connections of the pool are busy: raise database.pool_size, or find out what \
                 the server waits for",
            ),
        })?;
        if !place.connection.as_ref().is_some_and(Connection::is_usable) {
            place.connection = Some(Connection::open(server).await?);
        }
        Ok(Lent { place })
    }

    /// The open connection; `None` never, since [`Self::take`] opened it.
    pub(super) fn connection(&self) -> Result<&Connection, StoreError> {
        self.place
            .connection
            .as_ref()
            .ok_or_else(|| StoreError::Transient(Cause::new("the connection is gone")))
    }
}
