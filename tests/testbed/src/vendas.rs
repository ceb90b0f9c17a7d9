//! The built program, run as a user runs it.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
pub use rustix::process::Signal;

use crate::{
    database::Database,
    guard::Folder,
    kafka::Kafka,
    postgres::unprivileged,
    process::{Launch, Process},
};

/// A command line with its environment.
///
/// It does not depend on the caller's environment: variables with the same prefix are removed, and
/// the working folder is a new one.
#[derive(Clone, Debug)]
pub struct VendasCommand {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    input: Vec<u8>,
    confined: bool,
}

impl VendasCommand {
    /// `program` is `env!("CARGO_BIN_EXE_vendas")`.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let inherited = env::vars_os().map(|(name, _)| name).filter(|name| {
            ["VENDAS_", "PG"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix))
                || ["FAILPOINTS", "RUST_LOG", "NO_COLOR"].iter().any(|other| name == other)
        });
        Self {
            program: program.into(),
            args: Vec::new(),
            env: inherited.map(|name| (name, None)).collect(),
            input: Vec::new(),
            confined: false,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Removes a variable of its environment.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), None));
        self
    }

    /// The broker and the topics to read.
    #[must_use]
    pub fn kafka(self, kafka: &Kafka, topics: &[&str]) -> Self {
        self.env("VENDAS_KAFKA__BROKERS", kafka.program_address())
            .env("VENDAS_KAFKA__TOPICS", topics.join(","))
    }

    /// The database to write.
    #[must_use]
    pub fn database(self, database: &Database) -> Self {
        database
            .settings()
            .into_iter()
            .fold(self, |command, (name, value)| command.env(name, value))
    }

    /// Its standard input; by default it is empty.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Makes all folders inaccessible for writing: an unprivileged user, if possible, in an empty
    /// read-only folder, without a home and without a temporary folder.
    #[must_use]
    pub fn confined(mut self) -> Self {
        self.confined = true;
        self.env("HOME", "/nonexistent").env("TMPDIR", "/nonexistent")
    }

    /// Starts it.
    ///
    /// # Errors
    /// If the program does not exist.
    pub fn start(&self) -> Result<Vendas> {
        ensure!(self.program.exists(), "there is no program {}", self.program.display());
        let folder = Folder::new("vendas")?;
        let (mut program, mut working_folder) = (self.program.clone(), folder.path().to_owned());
        let mut user = None;
        if self.confined {
            user = unprivileged()?;
            // The user may have no access to the build folder.
            program = folder.path().join("program");
            fs::copy(&self.program, &program)?;
            working_folder = folder.path().join("empty");
            fs::create_dir(&working_folder)?;
            fs::set_permissions(&working_folder, fs::Permissions::from_mode(0o555))?;
        }
        let process = Process::start(&Launch {
            program: program.as_os_str(),
            args: self.args.clone(),
            env: self.env.clone(),
            folder: &working_folder,
            user,
            input: &self.input,
            stdout: &folder.path().join("stdout"),
            stderr: Some(&folder.path().join("stderr")),
        })?;
        Ok(Vendas { process: Mutex::new(process), folder })
    }

    /// Starts it and waits for its end.
    ///
    /// # Errors
    /// If the program does not exist, or is still running at `deadline`, with the end of its log.
    pub async fn run(&self, deadline: Duration) -> Result<Ended> {
        self.start()?.wait_exit(deadline).await
    }
}

/// A running `vendas`. Dropping it kills it.
#[derive(Debug)]
pub struct Vendas {
    // Before the folder, so that it is dropped, and with it the process killed, first.
    process: Mutex<Process>,
    folder: Folder,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Ended {
    /// `None`: it was ended by a signal.
    pub code: Option<i32>,
    /// The exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error, the log.
    pub stderr: String,
    state: String,
}

impl Ended {
    /// Checks the exit code.
    ///
    /// # Errors
    /// If it differs, with the command and the end of its log.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        if self.code == Some(code) {
            return Ok(self);
        }
        Err(anyhow!("expected exit code {code}: {}", self.state))
    }

    /// The command, its exit status and the end of its log: for error messages.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }
}

impl Vendas {
    fn lock(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its process id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.lock().id()
    }

    /// Whether it is running.
    ///
    /// # Errors
    /// If its state is unknown.
    pub fn is_running(&self) -> Result<bool> {
        Ok(self.lock().exit_status()?.is_none())
    }

    /// Sends it a signal: `Signal::TERM`, `INT`, `STOP`, `CONT`; for KILL there is [`Self::kill`].
    ///
    /// # Errors
    /// If it has ended, with the end of its log.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.lock().signal(signal)
    }

    /// Kills it, and returns when it has ended.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn kill(&self) -> Result<()> {
        self.lock().kill()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it is still running at `deadline`, with the end of its log; it is killed then.
    pub async fn wait_exit(self, deadline: Duration) -> Result<Ended> {
        let Self { process, folder } = self;
        let mut process = process.into_inner().unwrap_or_else(PoisonError::into_inner);
        let status = process.wait(deadline).await?;
        Ok(Ended {
            code: status.code(),
            status,
            stdout: read(&folder.path().join("stdout"))?,
            stderr: read(&folder.path().join("stderr"))?,
            state: process.state(),
        })
    }

    /// Its standard output so far.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn stdout(&self) -> Result<String> {
        read(&self.folder.path().join("stdout"))
    }

    /// Its log so far.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn stderr(&self) -> Result<String> {
        read(&self.folder.path().join("stderr"))
    }

    /// The command, whether it runs, and the end of its log: for error messages.
    #[must_use]
    pub fn state(&self) -> String {
        self.lock().state()
    }
}

fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
