//! A PostgreSQL primary and its standby.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tokio::task::spawn_blocking;

use super::{PASSWORD, Postgres, PostgresOptions, USER};
use crate::{database::Database, eventually, install, port, process::User};

const DEADLINE: Duration = Duration::from_secs(60);

/// A primary and a standby that streams from it. Databases are created on the primary at any time.
#[derive(Debug)]
pub struct Replicas {
    /// The primary.
    pub primary: Postgres,
    /// The standby; after [`Self::promote`] the former primary, in any state.
    pub standby: Postgres,
    synchronous: bool,
}

impl Replicas {
    /// Starts both. If it is `synchronous`, commits with `synchronous_commit` on wait for the
    /// standby.
    ///
    /// # Errors
    /// If one does not start.
    pub async fn start(synchronous: bool) -> Result<Self> {
        let primary = Postgres::start().await?;
        let standby = primary.standby_at(port::free()?).await?;
        let replicas = Self { primary, standby, synchronous };
        replicas.follow().await?;
        Ok(replicas)
    }

    /// Both addresses, in the format of `database.host`: the former primary first.
    #[must_use]
    pub fn hosts(&self) -> String {
        [&self.standby, &self.primary]
            .map(|server| format!("127.0.0.1:{}", server.postgres().port()))
            .join(",")
    }

    /// Whether the primary waits for the standby.
    #[must_use]
    pub const fn is_synchronous(&self) -> bool {
        self.synchronous
    }

    /// From now on the standby receives nothing, as a lagging one.
    ///
    /// # Errors
    /// If it continues to follow.
    pub async fn cut_off(&self) -> Result<()> {
        let standby = self.standby.postgres();
        standby.execute("ALTER SYSTEM SET primary_conninfo = ''").await?;
        standby.execute("SELECT pg_reload_conf()").await?;
        eventually("a standby that is cut off", DEADLINE, async || {
            let followers = self.primary.postgres().count("pg_stat_replication").await?;
            ensure!(followers == 0, "it follows");
            Ok(())
        })
        .await
    }

    /// Promotes the standby; the old primary is not notified.
    ///
    /// # Errors
    /// If it does not become the primary.
    pub async fn promote(&mut self) -> Result<()> {
        let promoted = self.standby.postgres().table("SELECT pg_promote(true, 60)").await?;
        ensure!(promoted.rows == [[Some("t".to_owned())]], "not promoted: {promoted:?}");
        std::mem::swap(&mut self.primary, &mut self.standby);
        Ok(())
    }

    /// Ends the former primary, and makes it a standby of the new one, at the same port.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn rebuild(&mut self) -> Result<()> {
        if self.standby.process_id().is_some() {
            self.standby.kill()?;
        }
        self.standby = self.primary.standby_at(self.standby.postgres().port()).await?;
        self.follow().await
    }

    /// Waits until the standby has received everything from the primary.
    ///
    /// # Errors
    /// If it does not in time.
    pub async fn caught_up(&self) -> Result<()> {
        let lsn = self.primary.postgres().table("SELECT pg_current_wal_insert_lsn()").await?;
        let lsn: String = lsn.rows.concat().into_iter().flatten().collect();
        let sql = format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'::pg_lsn");
        eventually("the standby to catch up", DEADLINE, async || {
            let there = self.standby.postgres().table(&sql).await?;
            ensure!(there.rows == [[Some("t".to_owned())]], "{lsn} was not received yet");
            Ok(())
        })
        .await
    }

    /// The same name for all standbys of a primary, since it has one at a time.
    async fn follow(&self) -> Result<()> {
        let postgres = self.primary.postgres();
        let streams = "pg_stat_replication WHERE state = 'streaming'";
        eventually("the standby to follow", DEADLINE, async || {
            ensure!(postgres.count(streams).await? == 1, "no standby follows");
            Ok(())
        })
        .await?;
        if !self.synchronous {
            return Ok(());
        }
        postgres.execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await?;
        postgres.execute("SELECT pg_reload_conf()").await?;
        let waits = "pg_stat_replication WHERE sync_state = 'sync'";
        eventually("the synchronous standby", DEADLINE, async || {
            ensure!(postgres.count(waits).await? == 1, "the standby is not synchronous");
            Ok(())
        })
        .await?;
        // Commits wait for it once the checkpointer too has read the setting.
        postgres.execute("CHECKPOINT").await
    }
}

impl Postgres {
    /// Starts a standby of this server at a port. It is created from an online backup (PostgreSQL
    /// manual, 25.3.4), since Maven's package does not include pg_basebackup.
    pub(crate) async fn standby_at(&self, port: u16) -> Result<Self> {
        let programs = spawn_blocking(install::postgres).await??;
        let server = PostgresOptions::default().server(&programs, port)?;
        let (ours, theirs) = (self.server()?.folder.path(), server.folder.path());
        let session = self.postgres().connect().await?;
        let slot = format!("standby_{port}_{}", std::process::id());
        // WAL that is written during the backup is kept for the standby.
        let drop_slots = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots \
                          WHERE NOT active";
        session.batch_execute(drop_slots).await?;
        session
            .batch_execute(&format!("SELECT pg_create_physical_replication_slot('{slot}', true)"))
            .await?;
        session.batch_execute("SELECT pg_backup_start('standby', true)").await?;
        let (from, to) = (ours.join("data"), theirs.join("data"));
        let user = server.user;
        let copied = to.clone();
        spawn_blocking(move || copy(&from, &copied, user)).await??;
        let stopped = session.query_one("SELECT labelfile FROM pg_backup_stop(false)", &[]).await?;
        let connection = format!(
            "primary_conninfo = 'host=127.0.0.1 port={} user={USER} password={PASSWORD}'\n\
             primary_slot_name = '{slot}'\n",
            self.postgres().port()
        );
        for (name, content) in [
            ("backup_label", stopped.try_get::<_, String>(0)?),
            ("standby.signal", String::new()),
            ("postgresql.auto.conf", connection),
        ] {
            write(&to.join(name), content.as_bytes(), user)?;
        }
        let postgres = Database::new("127.0.0.1", port, USER, PASSWORD, "postgres");
        server.start(&postgres).await.context("the standby")?;
        Ok(Self { postgres, server: Some(server) })
    }
}

/// Files that a backup omits (PostgreSQL manual, 25.3.4.3), and folders whose contents it omits.
const LEFT_OUT: [&str; 4] =
    ["postmaster.pid", "postmaster.opts", "postgresql.auto.conf", "pg_internal.init"];
const LEFT_EMPTY: [&str; 8] = [
    "pg_wal",
    "pg_replslot",
    "pg_dynshmem",
    "pg_notify",
    "pg_serial",
    "pg_snapshots",
    "pg_stat_tmp",
    "pg_subtrans",
];

fn copy(from: &Path, to: &Path, user: Option<User>) -> Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o700))?;
    own(to, user)?;
    let empty = from.file_name().is_some_and(|name| LEFT_EMPTY.iter().any(|left| name == *left));
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            if !empty {
                copy(&entry.path(), &target, user)?;
            }
        } else if !empty && !LEFT_OUT.iter().any(|left| name == *left) {
            match fs::read(entry.path()) {
                Ok(content) => write(&target, &content, user)?,
                // The server is running during the backup.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn write(path: &Path, content: &[u8], user: Option<User>) -> Result<()> {
    fs::write(path, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    own(path, user)
}

fn own(path: &Path, user: Option<User>) -> Result<()> {
    if let Some(user) = user {
        chown(path, Some(user.uid), Some(user.gid))?;
    }
    Ok(())
}
