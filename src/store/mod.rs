//! Keeps orders, dead letters and offsets in PostgreSQL, exactly once.
//!
//! A partition's next offset lies beside the data and moves by **compare-and-set**, in the very
//! statement that writes the batch (`sql/commit/commit.sql`): `UPDATE partitions SET next_offset = to
//! WHERE … AND next_offset = from`, and everything else in the statement depends on its one row.
//! No row, and nothing was written ([`StoreError::Fenced`]): somebody else moved the partition, an
//! earlier batch in flight failed, our own commit succeeded although its answer was lost, or
//! PostgreSQL came back from a crash with an older offset. One answer serves all of these: settle
//! what is in flight, read the offset again, go on from there.
//!
//! That is why several batches can be in flight on one connection, why an instance that comes back
//! from a long pause does no harm, and why `synchronous_commit = off` loses nothing: after a crash
//! of PostgreSQL the offset is as old as the rows, and Kafka has the rest.
//!
//! **Invariant:** nothing here retries, and no statement relies on the state of a session, except
//! for statements prepared on the connection, where the settings allow these.

mod columns;
mod commit;
mod dead_letters;
mod encryption;
mod error;
mod hosts;
mod ledger;
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
pub use dead_letters::{DeadLetter, Fate, LetterBytes, LetterFilter, Purgeable, ReasonCount};
pub use encryption::Encryption;
pub use error::{Cause, StoreError};
pub use hosts::{Host, Target};
pub use offsets::PartitionRow;
pub use purge::{Purge, PurgeGuard, Purged};
pub use purgeable::{PurgeableOrders, ShopDay};
pub use replay::{LetterPlace, ReplayableLetter, Replayed, Reread};
pub use roll_up::RollUp;
pub use sales::{Ends, Period, Sales, SalesBy, SalesFigure, SalesLine, SalesQuestion, Unit};
pub use schema::{Finding, SCHEMA, quote_identifier};
pub use statement::{CommitStatement, Way};
pub use totals::{Difference, Figures, ProductTotal, Totals, Verification, View};

use pool::{Lending, Lent};
use server::Server;

use crate::secret::Secret;

/// How PostgreSQL is reached, and how it is used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The servers, of which one is used at a time; at least one.
    pub hosts: Vec<Host>,
    /// Which of them will do.
    pub target: Target,
    /// The role to log in as.
    pub user: String,
    /// Its password, asked for anew for each connection.
    pub password: Secret,
    /// Whether connections are encrypted. Those to a Unix socket never are.
    pub encryption: Encryption,
    /// The database.
    pub dbname: String,
    /// The schema that holds the tables.
    pub schema: String,
    /// Whether each commit waits until it is on the disk. Without it a crash of PostgreSQL loses
    /// progress, but neither an order nor the guarantee.
    pub synchronous_commit: bool,
    /// Whether a statement that was prepared on a connection is still there at its next use. It is
    /// not behind a pooler that gives each transaction another server.
    pub prepared_statements: bool,
    /// The most connections open at once.
    pub pool_size: u32,
    /// How long connecting to one address and logging in may take.
    pub connect_timeout: Duration,
    /// How long any one statement may take.
    pub statement_timeout: Duration,
    /// The time zone of the shop's clock, as the IANA database calls it.
    pub shop_timezone: String,
}

/// PostgreSQL, as vendas uses it. Cheap to clone; all clones share one pool.
#[derive(Clone, Debug)]
pub struct Store {
    lending: Arc<Lending>,
    server: Arc<Server>,
    schema: String,
    synchronous_commit: &'static str,
    shop_timezone: String,
    instance: Uuid,
}

/// What the server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Which of the servers it is.
    pub host: Option<Host>,
    /// Its version.
    pub version: String,
    /// The version of TLS by which it is reached, if it is. Behind a pooler, by which that reaches it.
    pub tls: Option<String>,
}

impl Store {
    /// Connects to nothing yet. `instance` is written beside each offset that this process moves.
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

    /// Which instance this process is, as `partitions.moved_by` names it.
    #[must_use]
    pub const fn instance(&self) -> Uuid {
        self.instance
    }

    /// The time zone of the shop's clock, as the IANA database calls it.
    #[must_use]
    pub fn shop_timezone(&self) -> &str {
        &self.shop_timezone
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn connections_opened(&self) -> u64 {
        self.server.opened.load(Ordering::Relaxed)
    }

    /// Changes when connections begin to lead to another server, or to one that was promoted: what
    /// was committed before may not be there.
    #[must_use]
    pub fn failovers(&self) -> watch::Receiver<u64> {
        self.server.failovers()
    }

    /// Borrows a connection from the pool to commit batches on, when it is its turn.
    ///
    /// # Errors
    /// [`StoreError::Transient`] if the server is out of reach or the pool exhausted,
    /// [`StoreError::Permanent`] if it does not let us in.
    pub async fn session(&self) -> Result<Session<'_>, StoreError> {
        let lent = self.lend().await?;
        // Now, since later it would let one batch overtake another.
        lent.connection()?.ask_for_order_rows().await?;
        Ok(Session::new(self, lent))
    }

    /// How long somebody with an endless backlog keeps a session, given how many wait for one now.
    #[must_use]
    pub fn turn(&self) -> Duration {
        self.lending.turn()
    }

    /// Asks the server how it is reached.
    ///
    /// # Errors
    /// As [`Self::session`].
    pub async fn ping(&self) -> Result<Greeting, StoreError> {
        // Who may not see others' sessions sees his own.
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

    /// `sql` with the schema's name in it.
    fn sql(&self, sql: &str) -> String {
        sql.replace("{schema}", &quote_identifier(&self.schema))
    }
}
