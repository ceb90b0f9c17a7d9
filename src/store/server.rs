//! Where PostgreSQL is, and what is said to it.

use std::{
    error::Error,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use secrecy::ExposeSecret;
use tokio_postgres::config::Config;

use super::{
    Cause, Encryption, Settings, StoreError, encryption::REMEDIES, schema::quote_identifier,
};
use crate::{
    secret::Secret,
    tls::{Fault, Tls},
};

/// Where PostgreSQL is, and what is said to it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) config: Config,
    password: Secret,
    pub(super) encryption: Encryption,
    pub(super) connect_timeout: Duration,
    pub(super) statement_timeout: Duration,
    pub(super) sql: Arc<SqlText>,
    pub(super) prepared_statements: bool,
    /// How many connections were let in.
    pub(super) opened: AtomicU64,
    address: String,
}

/// The statements that depend on the schema's name.
#[derive(Debug)]
pub(super) struct SqlText {
    pub(super) commit: String,
    pub(super) commit_sales: String,
    pub(super) commit_orders: String,
    pub(super) types: String,
}

impl Server {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut config = Config::new();
        config
            .host(&settings.host)
            .port(settings.port)
            .user(&settings.user)
            .dbname(&settings.dbname)
            .application_name("vendas")
            .connect_timeout(settings.connect_timeout)
            // Unacknowledged bytes this old mean that the peer is gone (tcp(7)).
            .tcp_user_timeout(settings.statement_timeout)
            .keepalives_idle(Duration::from_secs(30));
        // As libpq does: nobody listens on a Unix socket.
        let is_unix_socket = settings.host.starts_with('/');
        let encryption =
            if is_unix_socket { Encryption::Never } else { settings.encryption.clone() };
        let schema = quote_identifier(&settings.schema);
        let sql = SqlText {
            commit: include_str!("sql/commit.sql").replace("{schema}", &schema),
            commit_sales: include_str!("sql/commit_sales.sql").replace("{schema}", &schema),
            commit_orders: include_str!("sql/commit_orders.sql").replace("{schema}", &schema),
            // Within a literal there.
            types: include_str!("sql/types.sql").replace("{schema}", &schema.replace('\'', "''")),
        };
        Self {
            config,
            password: settings.password.clone(),
            encryption,
            connect_timeout: settings.connect_timeout,
            statement_timeout: settings.statement_timeout,
            sql: Arc::new(sql),
            prepared_statements: settings.prepared_statements,
            opened: AtomicU64::new(0),
            address: format!("{}:{}", settings.host, settings.port),
        }
    }

    /// How one new connection is made, with the password as it is now.
    pub(super) fn config_now(&self) -> Config {
        let mut config = self.config.clone();
        config.password(self.password.current().expose_secret());
        config
    }

    pub(super) fn unreachable(&self, why: &str) -> StoreError {
        StoreError::Transient(Cause::new(format!("PostgreSQL at {}: {why}", self.address)))
    }

    /// Why connecting failed: adds the server's address, which tokio-postgres's errors lack, and
    /// what TLS has to do with it.
    pub(super) fn explain(&self, error: tokio_postgres::Error) -> StoreError {
        let has_identity = self.encryption.tls().is_some_and(Tls::has_identity);
        if let Some(fault) = Fault::behind(&error, has_identity, &REMEDIES) {
            let cause = Cause::new(format!("PostgreSQL at {} {}", self.address, fault.text));
            return match fault.passes {
                true => StoreError::Transient(cause),
                false => StoreError::Permanent(cause),
            };
        }
        if lacks_tls(&error) {
            return StoreError::Permanent(Cause::new(format!(
                "PostgreSQL at {} has no TLS: set ssl = on there, or another database.sslmode",
                self.address
            )));
        }
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

/// Whether the server was asked for TLS and does not have it, which tokio-postgres says in words only.
fn lacks_tls(error: &tokio_postgres::Error) -> bool {
    error.source().is_some_and(|cause| cause.to_string() == "server does not support TLS")
}
