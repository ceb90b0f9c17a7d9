//! Stores orders, dead letters and offsets in PostgreSQL, exactly once.
//!
//! A partition's next offset is stored next to the data and moves by **compare-and-set** in the
//! statement that writes the batch (`sql/commit/commit.sql`): `UPDATE partitions SET next_offset =
//! to WHERE … AND next_offset = from`, and everything else in the statement depends on its one row.
//! If it updates no row, nothing is written ([`StoreError::Fenced`]). Either another instance moved
//! the offset, an earlier batch in flight failed, this instance's commit succeeded but its response
//! was lost, or PostgreSQL recovered from a crash with an older offset. The reaction is the same in
//! all cases: settle the batches in flight, read the offset again, and continue from there.
//!
//! Therefore several batches can be in flight on one connection, an instance that resumes after a
//! long pause does no harm, and `synchronous_commit = off` loses nothing: after a crash of
//! PostgreSQL the offset is as old as the rows, and Kafka still has the later records.
//!
//! ***Invariant:** this module never retries, and no statement relies on session state, except for
//! prepared statements where the settings allow them.

mod columns;
mod commit;
mod dead_letters;
mod encryption;
mod error;
mod finding;
mod found;
mod hosts;
mod identifier;
mod ledger;
mod locks;
mod notes;
mod offsets;
mod pool;
mod purge;
mod purgeable;
mod replay;
mod retention;
mod roll_up;
mod rows;
mod sales;
mod schema;
mod server;
mod session;
mod settings;
mod statement;
mod tables;
mod totals;
mod wire;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::watch;
use uuid::Uuid;

pub use commit::{Committed, Session};
pub use dead_letters::{
    DeadLetter, DeadLetterBytes, DeadLetterFilter, DeadLetterState, Purgeable, ReasonCount,
};
pub use encryption::Encryption;
pub use error::{Cause, StoreError};
pub use finding::Finding;
pub use hosts::{Host, Target};
pub use offsets::PartitionRow;
pub use purge::{Purge, PurgeGuard, Purged};
pub use purgeable::{PurgeableOrders, ShopDay};
pub use replay::{DeadLetterPosition, Redecoded, ReplayableDeadLetter, Replayed};
pub use roll_up::RollUp;
pub use sales::{Ends, Period, Sales, SalesBy, SalesFigure, SalesLine, SalesQuestion, Unit};
pub use schema::SCHEMA;
pub use settings::Settings;
pub use statement::{CommitStatement, WriteMode};
pub use totals::{Difference, Figures, ProductTotal, Totals, Verification, View};

use identifier::quote_identifier;
use pool::{Lending, Lent};
use server::Server;

/// Access to PostgreSQL. Cheap to clone; all clones share one pool.
#[derive(Clone, Debug)]
pub struct Store {
    lending: Arc<Lending>,
    server: Arc<Server>,
    schema: String,
    synchronous_commit: &'static str,
    shop_timezone: String,
    instance: Uuid,
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

    /// Waits for a connection from the pool to commit batches on.
    ///
    /// # Errors
    /// [`StoreError::Transient`] if the server is unreachable or the pool exhausted,
    /// [`StoreError::Permanent`] if it rejects the login.
    pub async fn session(&self) -> Result<Session<'_>, StoreError> {
        let lent = self.lend().await?;
        // Done here because a later round trip would let one batch overtake another.
        lent.connection()?.look_up_order_rows().await?;
        Ok(Session::new(self, lent))
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

    async fn lend(&self) -> Result<Lent<'_>, StoreError> {
        self.lending.lend(&self.server).await
    }

    /// `sql` with the schema's name filled in.
    fn sql(&self, sql: &str) -> String {
        sql.replace("{schema}", &quote_identifier(&self.schema))
    }
}
