//! The servers in `database.host`, and which of them are acceptable.

use std::{fmt, net::IpAddr, time::Duration};

use tokio::{net::lookup_host, time::timeout};
use tokio_postgres::Client;

use super::error::{Cause, StoreError};

/// The address of one PostgreSQL server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A host name, an IP address, or the directory of a Unix socket (starts with a slash).
    pub name: String,
    /// 1 to 65535.
    pub port: u16,
}

/// Which of several servers are acceptable: the values of libpq's `target_session_attrs` that suit
/// a writing program (PostgreSQL manual, 32.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The first that accepts the connection.
    Any,
    /// One that accepts writes: not a standby, and transactions are not read-only by default.
    ReadWrite,
    /// One that is not a standby.
    Primary,
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

impl Host {
    /// A Unix socket has neither TLS nor an IP address.
    pub(super) fn is_unix_socket(&self) -> bool {
        self.name.starts_with('/')
    }

    /// The addresses that the name resolves to, each tried separately; `None` for a Unix socket.
    ///
    /// # Errors
    /// [`StoreError::Transient`] if the name cannot be resolved.
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

/// The role that a server reports on a new connection. Unreported values are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) is_standby: Option<bool>,
    pub(super) is_read_only: Option<bool>,
    /// Only for a server that is not a standby.
    pub(super) history: Option<History>,
}

/// The history of a server's data: its cluster and its timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct History {
    /// The system identifier, set by initdb and the same on all standbys.
    pub(super) system: i64,
    /// Increases by one with each promotion (PostgreSQL manual, 25.3.6).
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
            // A service that lacks these functions or restricts their use.
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

    /// Why a server with this role is not acceptable; `None` if it is.
    pub(super) fn mismatch(&self, target: Target) -> Option<&'static str> {
        let is_standby = self.is_standby == Some(true);
        match target {
            Target::Any => None,
            Target::ReadWrite | Target::Primary if is_standby => {
                Some("it is a standby (read-only)")
            }
            Target::ReadWrite if self.is_read_only == Some(true) => {
                Some("it is read-only (default_transaction_read_only)")
            }
            Target::ReadWrite | Target::Primary => None,
        }
    }
}

/// The server that the pool's connections use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// The position of the server in `database.host`.
    pub(super) host: usize,
    pub(super) history: Option<History>,
}

impl Location {
    /// Returns both timelines if `other` is on a newer timeline of the same cluster: this server is
    /// then a former primary that is still running, or came back, after a promotion.
    pub(super) fn newer_timeline(&self, other: &Self) -> Option<(i32, i32)> {
        let (mine, theirs) = (self.history?, other.history?);
        let is_former = mine.system == theirs.system && mine.timeline < theirs.timeline;
        is_former.then_some((mine.timeline, theirs.timeline))
    }
}
