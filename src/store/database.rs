//! Access to PostgreSQL, which all statements share.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::watch;
use uuid::Uuid;

use super::{
    error::StoreError,
    hosts::Host,
    identifier::quote_identifier,
    pool::{Lending, Lent},
    server::Server,
    settings::Settings,
};

/// Access to PostgreSQL. Cheap to clone; all clones share one pool.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) lending: Arc<Lending>,
    pub(super) server: Arc<Server>,
    pub(super) schema: String,
    pub(super) synchronous_commit: &'static str,
    pub(super) shop_timezone: String,
    pub(super) instance: Uuid,
}

/// The server's description of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Its address.
    pub host: Option<Host>,
    /// Its version.
    pub version: String,
    /// The TLS version of the connection, if encrypted; behind a pooler, of the pooler's
    /// connection.
    pub tls: Option<String>,
}

impl Store {
    /// Does not connect yet. `instance` is stored with each offset that this process moves.
    #[must_use]
    pub fn new(settings: &Settings, instance: Uuid) -> Self {
        Self {
            lending: Arc::new(Lending::new(settings.pool_size)),
            server: Arc::new(Server::new(settings)),
            schema: settings.schema.clone(),
            synchronous_commit: if settings.synchronous_commit { "on" } else { "off" },
            shop_timezone: settings.shop_timezone.clone(),
            instance,
        }
    }

    /// The id of this instance, as stored in `partitions.moved_by`.
    #[must_use]
    pub const fn instance(&self) -> Uuid {
        self.instance
    }

    /// The shop's time zone: a name of the IANA database.
    #[must_use]
    pub fn shop_timezone(&self) -> &str {
        &self.shop_timezone
    }

    /// The number of connections opened so far.
    #[must_use]
    pub fn connections_opened(&self) -> u64 {
        self.server.opened.load(Ordering::Relaxed)
    }

    /// Changes when connections lead to a different or newly promoted server, which may lack
    /// earlier commits.
    #[must_use]
    pub fn failovers(&self) -> watch::Receiver<u64> {
        self.server.failovers()
    }

    /// How long a worker with a backlog keeps a session, given how many wait for one now.
    #[must_use]
    pub fn turn(&self) -> Duration {
        self.lending.turn()
    }

    /// Asks the server for its version and TLS version.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub async fn ping(&self) -> Result<Greeting, StoreError> {
        // An unprivileged role sees its own session.
        let sql = "SELECT current_setting('server_version'), tls.version \
                   FROM (VALUES (pg_backend_pid())) AS own (pid) \
                   LEFT JOIN pg_stat_ssl AS tls ON tls.pid = own.pid AND tls.ssl";
        let lent = self.lend().await?;
        let connection = lent.connection()?;
        let row = connection.in_time(connection.client().query_typed_one(sql, &[])).await?;
        let host = self.server.host().cloned();
        Ok(Greeting { host, version: row.try_get(0)?, tls: row.try_get(1)? })
    }

    pub(super) async fn lend(&self) -> Result<Lent<'_>, StoreError> {
        self.lending.lend(&self.server).await
    }

    /// `sql` with the schema's name filled in.
    pub(super) fn sql(&self, sql: &str) -> String {
        sql.replace("{schema}", &quote_identifier(&self.schema))
    }
}
