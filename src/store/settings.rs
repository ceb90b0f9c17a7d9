//! The settings of the connection to PostgreSQL.

use std::time::Duration;

use super::{
    encryption::Encryption,
    hosts::{Host, Target},
};
use crate::secret::Secret;

/// How to connect to PostgreSQL and use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The servers, of which one is used at a time; at least one.
    pub hosts: Vec<Host>,
    /// Which of them are acceptable.
    pub target: Target,
    /// The role to log in as.
    pub user: String,
    /// Its password, read again for each connection.
    pub password: Secret,
    /// Whether connections use TLS. Connections to a Unix socket never do.
    pub encryption: Encryption,
    /// The database.
    pub dbname: String,
    /// The schema that holds the tables.
    pub schema: String,
    /// Whether each commit waits for the WAL flush. Without it a crash of PostgreSQL loses
    /// progress, but no order: the records are processed again, exactly once.
    pub synchronous_commit: bool,
    /// Whether prepared statements survive between transactions. They do not behind a pooler that
    /// assigns a server per transaction.
    pub prepared_statements: bool,
    /// The maximum number of open connections.
    pub pool_size: u32,
    /// How long connecting to one address and logging in may take.
    pub connect_timeout: Duration,
    /// How long any one statement may take.
    pub statement_timeout: Duration,
    /// The shop's time zone: a name of the IANA database.
    pub shop_timezone: String,
}
