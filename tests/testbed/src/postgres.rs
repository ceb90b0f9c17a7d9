//! A private PostgreSQL.

mod standby;

pub use standby::Replicas;

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Signal, geteuid};
use tokio::{task::spawn_blocking, time::sleep};
use tokio_postgres::config::Host;

use crate::{
    database::Database,
    guard::Folder,
    install, port,
    process::{Launch, Process, User, tail},
};

/// Including recovery after a crash.
const START_DEADLINE: Duration = Duration::from_secs(90);
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// As in the first challenge's configuration.
const USER: &str = "postgres";
const PASSWORD: &str = "postgres";

/// Options that differ from the usual ones.
#[derive(Clone, Debug, Default)]
pub struct PostgresOptions {
    settings: Vec<(String, String)>,
    files: Vec<(String, String)>,
    wal: Option<PathBuf>,
}

impl PostgresOptions {
    /// A setting of postgresql.conf, such as `("fsync", "off")`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A file next to the data folder, which is the server's working folder. Only the server may
    /// read it.
    #[must_use]
    pub fn file(mut self, name: &str, content: &str) -> Self {
        self.files.push((name.to_owned(), content.to_owned()));
        self
    }

    /// Puts the write-ahead log into this empty folder, which belongs to the server's user, in
    /// segments of 1 MiB.
    #[must_use]
    pub fn wal(mut self, folder: PathBuf) -> Self {
        self.wal = Some(folder);
        self
    }

    /// Starts a server with these options.
    ///
    /// # Errors
    /// If it does not start, with the end of its log.
    pub async fn start(self) -> Result<Postgres> {
        let programs = spawn_blocking(install::postgres).await??;
        let start = async || self.start_at(&programs, port::free()?).await;
        port::start_on_free("PostgreSQL", start).await
    }

    /// `None` if the port is in use.
    async fn start_at(&self, programs: &Path, port: u16) -> Result<Option<Postgres>> {
        let server = self.server(programs, port)?;
        server.initdb(self.wal.as_deref()).await?;
        let postgres = Database::new("127.0.0.1", port, USER, PASSWORD, "postgres");
        match server.start(&postgres).await {
            Ok(()) => Ok(Some(Postgres { postgres, server: Some(server) })),
            Err(_) if tail(&server.log()).contains("Address already in use") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A server without data.
    fn server(&self, programs: &Path, port: u16) -> Result<Server> {
        let folder = Folder::new("postgres")?;
        let user = unprivileged()?;
        if let Some(user) = user {
            chown(folder.path(), Some(user.uid), Some(user.gid))?;
        }
        for (name, content) in &self.files {
            let path = folder.path().join(name);
            fs::write(&path, content)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            if let Some(user) = user {
                chown(&path, Some(user.uid), Some(user.gid))?;
            }
        }
        let mut args = vec![
            ("listen_addresses".to_owned(), "127.0.0.1".to_owned()),
            ("port".to_owned(), port.to_string()),
            ("unix_socket_directories".to_owned(), String::new()),
            // In files of the folder, so that a killed server leaves none elsewhere.
            ("dynamic_shared_memory_type".to_owned(), "mmap".to_owned()),
            // Many tests share a server.
            ("max_connections".to_owned(), "500".to_owned()),
        ];
        args.extend(self.settings.clone());
        let args = args.iter().flat_map(|(name, value)| ["-c".into(), format!("{name}={value}")]);
        Ok(Server {
            folder,
            programs: programs.to_owned(),
            args: args.collect(),
            user,
            process: Mutex::new(None),
        })
    }
}

/// The part of a private server that can be stopped.
#[derive(Debug)]
struct Server {
    folder: Folder,
    programs: PathBuf,
    args: Vec<String>,
    user: Option<User>,
    process: Mutex<Option<Process>>,
}

impl Server {
    fn log(&self) -> PathBuf {
        self.folder.path().join("postgres.log")
    }

    fn lock(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn launch(&self, program: &str, args: Vec<OsString>, log: &Path) -> Result<Process> {
        // PGPORT, PGOPTIONS and similar variables are not for this server.
        let env = env::vars_os().map(|(name, _)| name).filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("PG") || name.starts_with("LC_") || name == "LANG"
        });
        let program = self.programs.join(program);
        Process::start(&Launch {
            env: env.map(|name| (name, None)).collect(),
            user: self.user,
            ..Launch::new(program.as_os_str(), args, self.folder.path(), log)
        })
    }

    async fn initdb(&self, wal: Option<&Path>) -> Result<()> {
        let folder = self.folder.path();
        fs::write(folder.join("password"), PASSWORD)?;
        let mut args = [
            "--pgdata=data",
            "--username=postgres",
            "--pwfile=password",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
            // After a power loss the whole folder is gone.
            "--no-sync",
        ]
        .map(OsString::from)
        .to_vec();
        if let Some(wal) = wal {
            args.extend(["--wal-segsize=1".into(), "--waldir".into(), wal.as_os_str().to_owned()]);
        }
        let log = folder.join("initdb.log");
        let mut process = self.launch("initdb", args, &log)?;
        let status = process.wait(START_DEADLINE).await?;
        ensure!(status.success(), "{}", process.state());
        Ok(())
    }

    async fn start(&self, postgres: &Database) -> Result<()> {
        let mut args = vec![OsString::from("-D"), self.folder.path().join("data").into_os_string()];
        args.extend(self.args.iter().map(OsString::from));
        let mut process = self.launch("postgres", args, &self.log())?;
        let until = Instant::now() + START_DEADLINE;
        while let Err(error) = postgres.execute("SELECT 1").await {
            let ended = process.exit_status()?.is_some();
            if ended || Instant::now() > until {
                let state = process.state();
                return Err(error).with_context(|| format!("PostgreSQL did not start: {state}"));
            }
            sleep(Duration::from_millis(20)).await;
        }
        *self.lock() = Some(process);
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.lock().take().map(|mut process| process.kill());
        // A killed server cannot release the shared memory segment whose id is in this file.
        let lock = fs::read_to_string(self.folder.path().join("data/postmaster.pid"));
        let line = lock.as_ref().ok().and_then(|text| text.lines().nth(6));
        if let Some(id) = line.and_then(|line| line.split_whitespace().nth(1)) {
            let _ = Command::new("ipcrm").args(["-m", id]).output();
        }
    }
}

/// A PostgreSQL server: a private one, or an external one. Dropping a private one ends it.
#[derive(Debug)]
pub struct Postgres {
    /// The database that every server has.
    postgres: Database,
    server: Option<Server>,
}

impl Postgres {
    /// Starts a private server with the usual settings.
    ///
    /// # Errors
    /// If it does not start, with the end of its log.
    pub async fn start() -> Result<Self> {
        PostgresOptions::default().start().await
    }

    /// An external server with a connection URL: `postgresql://user:password@host/db`.
    ///
    /// # Errors
    /// If the URL is invalid, or names no host.
    pub fn external(url: &str) -> Result<Self> {
        // The error could contain the URL, and with it the password.
        let config: tokio_postgres::Config =
            url.parse().ok().context("not a connection URL of PostgreSQL")?;
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host,
            _ => bail!("the connection URL names no host"),
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let user = config.get_user().unwrap_or(USER);
        let password = String::from_utf8(config.get_password().unwrap_or_default().to_owned())?;
        let name = config.get_dbname().unwrap_or("postgres");
        Ok(Self { postgres: Database::new(host, port, user, &password, name), server: None })
    }

    /// The same server, which does not end with this value and cannot be stopped through it.
    pub(crate) fn handle(&self) -> Self {
        let postgres = self.postgres.sibling(self.postgres.name(), false);
        Self { postgres, server: None }
    }

    /// The database that the server has from the start: for statements that concern all databases.
    #[must_use]
    pub const fn postgres(&self) -> &Database {
        &self.postgres
    }

    /// Creates a new, empty database. On an external server it is dropped with this value.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn database(&self) -> Result<Database> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        self.named_database(&format!("test_{}_{number}", std::process::id())).await
    }

    /// Creates a database with this name, which may contain only letters, digits and underscores.
    ///
    /// # Errors
    /// If the server refuses or does not answer.
    pub async fn named_database(&self, name: &str) -> Result<Database> {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        ensure!(plain, "{name:?} is not a valid database name");
        self.postgres.execute(&format!("CREATE DATABASE {name}")).await?;
        Ok(self.postgres.sibling(name, self.server.is_none()))
    }

    /// The private server's first process, while it runs: for its CPU time.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        let mut process = self.server.as_ref()?.lock();
        let process = process.as_mut()?;
        process.exit_status().ok()?.is_none().then(|| process.id())
    }

    /// Shuts it down and disconnects its clients ("fast"). Its data and its port stay.
    ///
    /// # Errors
    /// If it is not private, is not running, or is too slow.
    pub async fn stop(&self) -> Result<()> {
        self.stop_by(Signal::INT).await
    }

    /// Stops it without a checkpoint ("immediate"), so that its next start runs recovery.
    ///
    /// # Errors
    /// If it is not private, is not running, or is too slow.
    pub async fn stop_immediately(&self) -> Result<()> {
        self.stop_by(Signal::QUIT).await
    }

    async fn stop_by(&self, signal: Signal) -> Result<()> {
        let mut process = self.server()?.lock().take().context("PostgreSQL is not running")?;
        let _ = process.resume();
        process.signal(signal)?;
        process.wait(STOP_DEADLINE).await.map(drop)
    }

    /// Kills the postmaster only, and waits until the other processes, which continue until they
    /// notice, have ended.
    ///
    /// # Errors
    /// If it is not private, is not running, or they are too slow.
    pub async fn kill_postmaster(&self) -> Result<()> {
        let mut process = self.server()?.lock().take().context("PostgreSQL is not running")?;
        process.kill_alone(STOP_DEADLINE).await
    }

    /// Kills it with all its children, as in a power failure, except for data in the kernel's
    /// memory. Recent commits with `synchronous_commit = off` are lost.
    ///
    /// # Errors
    /// If it is not private or not running.
    pub fn kill(&self) -> Result<()> {
        self.server()?.lock().take().context("PostgreSQL is not running")?.kill()
    }

    /// Starts it again with the same data at the same port, after stopping it if it runs.
    ///
    /// # Errors
    /// If it is not private or does not start.
    pub async fn restart(&self) -> Result<()> {
        if self.process_id().is_some() {
            self.stop().await?;
        }
        self.server()?.start(&self.postgres).await
    }

    /// Its log so far.
    ///
    /// # Errors
    /// If it is not private, or the log cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.server()?.log())?).into_owned())
    }

    /// Freezes it with all its children: its connections stay open, and statements are not
    /// answered.
    ///
    /// # Errors
    /// If it is not private or not running.
    pub fn pause(&self) -> Result<()> {
        self.server()?.lock().as_mut().context("PostgreSQL is not running")?.pause()
    }

    /// Resumes it.
    ///
    /// # Errors
    /// If it is not private or not running.
    pub fn resume(&self) -> Result<()> {
        self.server()?.lock().as_mut().context("PostgreSQL is not running")?.resume()
    }

    fn server(&self) -> Result<&Server> {
        self.server.as_ref().context(
            "this PostgreSQL is external and cannot be stopped: use a private one (`Postgres::start`)",
        )
    }

    /// The server that tests share: that of `VENDAS_TEST_POSTGRES`, or a private one.
    pub(crate) async fn shared() -> Result<Self> {
        match env::var("VENDAS_TEST_POSTGRES") {
            Ok(url) => {
                let postgres = Self::external(&url).context("VENDAS_TEST_POSTGRES")?;
                postgres.postgres.execute("SELECT 1").await.context("VENDAS_TEST_POSTGRES")?;
                Ok(postgres)
            }
            Err(_) => Self::start().await,
        }
    }
}

/// PostgreSQL refuses to run as root: returns another user. `None` if the current user is not root.
pub(crate) fn unprivileged() -> Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let find = |wanted: &str| {
        // postgres:x:101:104:PostgreSQL administrator:/var/lib/postgresql:/bin/bash
        let line = users.lines().find(|line| line.split(':').next() == Some(wanted))?;
        let mut numbers = line.split(':').skip(2).map(|field| field.parse::<u32>().ok());
        let user = User { uid: numbers.next()??, gid: numbers.next()?? };
        (user.uid != 0).then_some(user)
    };
    ["postgres", "nobody"].into_iter().find_map(find).map(Some).context(
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody`",
    )
}
