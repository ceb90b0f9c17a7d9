//! A PostgreSQL database, and queries for tests.

use std::{
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage, types::ToSql};

const DEADLINE: Duration = Duration::from_secs(30);

/// The address of a database. Every call opens a new connection, so that it works after a restart
/// of the server.
pub struct Database {
    host: String,
    port: AtomicU16,
    user: String,
    password: String,
    name: String,
    /// Dropped together with this value, from this other database.
    dropped_from: Option<Box<Self>>,
}

/// Without the password.
impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}:{}/{}", self.user, self.host, self.port(), self.name)
    }
}

/// The result of a statement, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows, `None` for NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Database {
    /// The database at this address.
    #[must_use]
    pub fn new(host: &str, port: u16, user: &str, password: &str, name: &str) -> Self {
        Self {
            host: host.to_owned(),
            port: AtomicU16::new(port),
            user: user.to_owned(),
            password: password.to_owned(),
            name: name.to_owned(),
            dropped_from: None,
        }
    }

    /// Another database of the same server.
    pub(crate) fn sibling(&self, name: &str, dropped: bool) -> Self {
        let of = |name: &str| Self::new(&self.host, self.port(), &self.user, &self.password, name);
        let mut database = of(name);
        database.dropped_from = dropped.then(|| Box::new(of(&self.name)));
        database
    }

    /// The same database, for another user.
    #[must_use]
    pub fn as_user(&self, user: &str, password: &str) -> Self {
        Self::new(&self.host, self.port(), user, password, &self.name)
    }

    /// The server's host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The server's port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.load(Ordering::Relaxed)
    }

    /// The same database on another server of this host, to which it was copied.
    #[must_use]
    pub fn at(&self, server: &Self) -> Self {
        Self::new(&self.host, server.port(), &self.user, &self.password, &self.name)
    }

    /// From now on, the same database on another server of this host, to which it was copied.
    pub fn move_to(&self, server: &Self) {
        self.port.store(server.port(), Ordering::Relaxed);
    }

    /// The role to connect as.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// That role's password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The settings with which vendas connects to this database.
    #[must_use]
    pub fn settings(&self) -> [(&'static str, String); 5] {
        [
            ("VENDAS_DATABASE__HOST", self.host.clone()),
            ("VENDAS_DATABASE__PORT", self.port().to_string()),
            ("VENDAS_DATABASE__USER", self.user.clone()),
            ("VENDAS_DATABASE__PASSWORD", self.password.clone()),
            ("VENDAS_DATABASE__DBNAME", self.name.clone()),
        ]
    }

    /// A new connection, for transactions, locks and session settings.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn connect(&self) -> Result<Client> {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&self.host)
            .port(self.port())
            .user(&self.user)
            .password(&self.password)
            .dbname(&self.name)
            .application_name("testbed")
            .connect_timeout(Duration::from_secs(5));
        let (client, connection) = timeout(DEADLINE, config.connect(NoTls))
            .await
            .with_context(|| format!("{self:?} does not answer"))?
            .with_context(|| format!("cannot connect to {self:?}"))?;
        // It ends with the client; its errors are returned by the client's calls.
        tokio::spawn(connection);
        Ok(client)
    }

    /// Runs one or several statements.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        self.table(sql).await.map(drop)
    }

    /// Runs statements, and returns the result of the last one as text.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn table(&self, sql: &str) -> Result<Table> {
        let client = self.connect().await?;
        let messages = timeout(DEADLINE, client.simple_query(sql))
            .await
            .with_context(|| format!("no answer within {DEADLINE:?}: {sql}"))?
            .with_context(|| sql.to_owned())?;
        let mut table = Table::default();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    let columns = columns.iter().map(|column| column.name().to_owned()).collect();
                    table = Table { columns, rows: Vec::new() };
                }
                SimpleQueryMessage::Row(row) => {
                    let row = (0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect();
                    table.rows.push(row);
                }
                _ => {}
            }
        }
        Ok(table)
    }

    /// The rows of a query, each with its columns joined by `|`, and NULL as an empty string.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn rows(&self, sql: &str) -> Result<Vec<String>> {
        let text = |row: Vec<Option<String>>| {
            row.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join("|")
        };
        Ok(self.table(sql).await?.rows.into_iter().map(text).collect())
    }

    /// Runs one statement with parameters, and returns its rows with types.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let client = self.connect().await?;
        timeout(DEADLINE, client.query(sql, params))
            .await
            .with_context(|| format!("no answer within {DEADLINE:?}: {sql}"))?
            .with_context(|| sql.to_owned())
    }

    /// The number of rows of a table.
    ///
    /// # Errors
    /// If there is no such table, or the server refuses or does not answer.
    pub async fn count(&self, table: &str) -> Result<i64> {
        let rows = self.query(&format!("SELECT count(*) FROM {table}"), &[]).await?;
        Ok(rows.first().context("no row")?.try_get(0)?)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let Some(server) = self.dropped_from.take() else { return };
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // There may be no runtime any more, or one that must not block.
        let dropped = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(server.execute(&sql))
        });
        let _ = dropped.join();
    }
}
