//! A private PgBouncer, which gives each transaction another connection to PostgreSQL.

use std::{
    fs,
    os::unix::fs::chown,
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::time::sleep;

use crate::{
    database::Database,
    guard::Folder,
    port,
    postgres::unprivileged,
    process::{Launch, Process, User},
};

const START_DEADLINE: Duration = Duration::from_secs(20);

/// The path in Debian's package, which is not on the PATH.
const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// PgBouncer in transaction mode in front of one database. Dropping it ends it.
#[derive(Debug)]
pub struct Pgbouncer {
    folder: Folder,
    user: Option<User>,
    behind: Database,
    process: Mutex<Option<Process>>,
}

impl Pgbouncer {
    /// Starts a PgBouncer in front of `database`, with at most `connections` to it.
    ///
    /// # Errors
    /// If it is not installed or does not start.
    pub async fn start(database: &Database, connections: u16) -> Result<Self> {
        let folder = Folder::new("pgbouncer")?;
        let (user, port) = (unprivileged()?, port::free()?);
        let (host, server_port) = (database.host(), database.port());
        let settings = format!(
            "[databases]\n\
             * = host={host} port={server_port}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = scram-sha-256\n\
             auth_file = users\n\
             pool_mode = transaction\n\
             default_pool_size = {connections}\n"
        );
        fs::write(folder.path().join("settings"), settings)?;
        let users = format!("\"{}\" \"{}\"\n", database.user(), database.password());
        fs::write(folder.path().join("users"), users)?;
        if let Some(user) = user {
            chown(folder.path(), Some(user.uid), Some(user.gid))?;
        }
        let (user_name, password) = (database.user(), database.password());
        let behind = Database::new("127.0.0.1", port, user_name, password, database.name());
        let bouncer = Self { folder, user, behind, process: Mutex::new(None) };
        bouncer.restart().await?;
        Ok(bouncer)
    }

    /// The database through PgBouncer.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.behind
    }

    /// Kills it if it runs, with everything in flight, and starts it again at the same address.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn restart(&self) -> Result<()> {
        let before = self.lock().take();
        if let Some(mut process) = before {
            process.kill()?;
        }
        let log = self.folder.path().join("log");
        let args = vec!["settings".into()];
        let mut process = Process::start(&Launch {
            user: self.user,
            ..Launch::new(PROGRAM.as_ref(), args, self.folder.path(), &log)
        })?;
        let until = Instant::now() + START_DEADLINE;
        while let Err(error) = self.behind.execute("SELECT 1").await {
            if process.exit_status()?.is_some() || Instant::now() > until {
                let state = process.state();
                return Err(error).with_context(|| {
                    format!("PgBouncer did not start (apt-get install pgbouncer): {state}")
                });
            }
            sleep(Duration::from_millis(20)).await;
        }
        match self.lock().replace(process) {
            None => Ok(()),
            Some(_) => bail!("PgBouncer was started twice at once"),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
