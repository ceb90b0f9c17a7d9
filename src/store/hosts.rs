//! The servers that `database.host` names, and which of them will do.

use std::{fmt, net::IpAddr, time::Duration};

use tokio::{net::lookup_host, time::timeout};
use tokio_postgres::Client;

use super::{Cause, StoreError};

/// Where one PostgreSQL server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A host name, an address, or the folder of a Unix socket, which begins with a slash.
    pub name: String,
    /// 1 to 65535.
    pub port: u16,
}

/// Which of several servers will do: those of libpq's `target_session_attrs` (PostgreSQL manual,
/// 32.1.2) that a program can use that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The first that lets us in.
    Any,
    /// One that takes writes: no standby, and transactions are not read-only by default.
    ReadWrite,
    /// One that is no standby.
    Primary,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

impl Host {
    /// Nobody listens on a Unix socket, so that it has no TLS; it has no address either.
    pub(super) fn is_unix_socket(&self) -> bool {
        self.name.starts_with('/')
    }

    /// The addresses behind the name, each tried on its own; `None` for a Unix socket.
    ///
    /// # Errors
    /// [`StoreError::Transient`] if the name leads nowhere.
    pub(super) async fn addresses(
        &self,
        within: Duration,
    ) -> Result<Vec<Option<IpAddr>>, StoreError> {
        if self.is_unix_socket() {
            return Ok(vec![None]);
        }
        let fails = |why: &dyn fmt::Display| {
            let text = format!("PostgreSQL at {self}: the host name cannot be resolved: {why}");
            StoreError::Transient(Cause::new(text))
        };
        let found = timeout(within, lookup_host((self.name.as_str(), self.port))).await;
        let found = found.map_err(|_| fails(&"no answer within database.connect_timeout"))?;
        let found = found.map_err(|error| fails(&error))?;
        Ok(found.map(|address| Some(address.ip())).collect())
    }
}

/// What a server says of itself when a connection is new. What it does not say is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) is_standby: Option<bool>,
    pub(super) is_read_only: Option<bool>,
    /// Only of a server that is no standby.
    pub(super) history: Option<History>,
}

/// Which history a server's data has: that of its cluster, up to a promotion and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct History {
    /// Of the cluster, made by initdb; the same on all standbys.
    pub(super) system: i64,
    /// One more with each promotion (PostgreSQL manual, 25.3.6).
    pub(super) timeline: i32,
}

const ASK: &str = "\
    SELECT standby, current_setting('transaction_read_only') = 'on', \
        (SELECT system_identifier FROM pg_control_system()), \
        CASE WHEN NOT standby THEN \
            ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int \
        END \
    FROM pg_is_in_recovery() AS standby";

impl Role {
    /// # Errors
    /// If the connection breaks.
    pub(super) async fn of(client: &Client) -> Result<Self, tokio_postgres::Error> {
        match client.query_typed_one(ASK, &[]).await {
            Ok(row) => {
                let (system, timeline) = (row.try_get(2)?, row.try_get::<_, Option<_>>(3)?);
                let history = timeline.map(|timeline| History { system, timeline });
                let (is_standby, is_read_only) = (Some(row.try_get(0)?), row.try_get(1)?);
                Ok(Self { is_standby, is_read_only, history })
            }
            // A service that has no such functions, or does not let everybody call them.
            Err(error) if error.as_db_error().is_some() => {
                let answer = client.simple_query("SHOW transaction_read_only").await?;
                let value = answer.iter().find_map(|message| match message {
                    tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
                    _ => None,
                });
                let is_read_only = value.map(|value| value == "on");
                Ok(Self { is_read_only, ..Self::default() })
            }
            Err(error) => Err(error),
        }
    }

    /// Why a server with this role will not do; `None` if it will.
    pub(super) fn refused_by(&self, target: Target) -> Option<&'static str> {
        let is_standby = self.is_standby == Some(true);
        match target {
            Target::Any => None,
            Target::ReadWrite | Target::Primary if is_standby => {
                Some("it is a standby, which only reads")
            }
            Target::ReadWrite if self.is_read_only == Some(true) => {
                Some("it only reads (default_transaction_read_only)")
            }
            Target::ReadWrite | Target::Primary => None,
        }
    }
}

/// Where the pool's connections lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whereabouts {
    /// The position of the server in `database.host`.
    pub(super) host: usize,
    pub(super) history: Option<History>,
}

impl Whereabouts {
    /// Whether `other` is an older state of the same cluster: a former primary that was left alive,
    /// or came back, after another server was promoted.
    pub(super) fn is_succeeded_by(&self, other: &Self) -> Option<(i32, i32)> {
        let (mine, theirs) = (self.history?, other.history?);
        let is_former = mine.system == theirs.system && mine.timeline < theirs.timeline;
        is_former.then_some((mine.timeline, theirs.timeline))
    }
}
