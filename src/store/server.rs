//! Where PostgreSQL is, and what is said to it.

use std::{sync::Arc, time::Duration};

use secrecy::ExposeSecret;
use tokio_postgres::config::Config;

use super::{Cause, Settings, StoreError, schema::quote_identifier};

/// Where PostgreSQL is, and what is said to it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) config: Config,
    pub(super) connect_timeout: Duration,
    pub(super) statement_timeout: Duration,
    pub(super) sql: Arc<SqlText>,
    pub(super) prepared_statements: bool,
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
            prepared_statements: settings.prepared_statements,
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
            StoreError::Permanent(cause) | StoreError::Data(cause) => {
                StoreError::Permanent(at(cause))
            }
            StoreError::Fenced => StoreError::Fenced,
        }
    }
}
