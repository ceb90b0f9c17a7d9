//! A real Prometheus, and its promtool.

use std::{fs, path::Path, process::Command, sync::Mutex, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::{net::TcpStream, task::spawn_blocking};

use crate::{
    eventually::eventually,
    guard::Folder,
    install, port,
    process::{Launch, Process},
};

const START_DEADLINE: Duration = Duration::from_secs(60);

/// A server that scrapes one target every second. Dropping it ends it.
#[derive(Debug)]
pub struct Prometheus {
    address: String,
    // Before the folder, so that it is dropped, and with it the server killed, first.
    process: Mutex<Process>,
    folder: Folder,
}

impl Prometheus {
    /// Starts a server that scrapes `/metrics` of `target`, a host and a port, as the job `vendas`,
    /// and evaluates the rules of the file `rules`.
    ///
    /// # Errors
    /// If it is missing and cannot be installed (the error names the remedy), or rejects the rules.
    pub async fn start(target: &str, rules: &Path) -> Result<Self> {
        let programs = spawn_blocking(install::prometheus).await??;
        let folder = Folder::new("prometheus")?;
        let rules = fs::canonicalize(rules).with_context(|| rules.display().to_string())?;
        let settings = format!(
            "global:\n  \
               scrape_interval: 1s\n  \
               scrape_timeout: 1s\n  \
               evaluation_interval: 1s\n\
             rule_files: ['{}']\n\
             scrape_configs:\n  \
               - job_name: vendas\n    \
                 static_configs: [{{ targets: ['{target}'] }}]\n",
            rules.display()
        );
        fs::write(folder.path().join("prometheus.yml"), settings)?;
        let address = format!("127.0.0.1:{}", port::free()?);
        let (program, log) = (programs.join("prometheus"), folder.path().join("log"));
        let args = vec![
            "--config.file=prometheus.yml".into(),
            "--storage.tsdb.path=data".into(),
            format!("--web.listen-address={address}").into(),
        ];
        let launch = Launch::new(program.as_os_str(), args, folder.path(), &log);
        let process = Process::start(&launch)?;
        let prometheus = Self { address, process: Mutex::new(process), folder };
        eventually("Prometheus", START_DEADLINE, async || {
            TcpStream::connect(&prometheus.address).await.with_context(|| prometheus.state())?;
            Ok(())
        })
        .await?;
        Ok(prometheus)
    }

    /// The address of its HTTP API.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its log.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("log"))?)
    }

    fn state(&self) -> String {
        self.process.lock().map_or_else(|_| "no process".to_owned(), |mut process| process.state())
    }
}

/// The output of promtool, run in `folder`.
///
/// # Errors
/// If it fails, with its output, or is missing and cannot be installed.
pub async fn promtool(folder: &Path, args: &[&str]) -> Result<String> {
    let programs = spawn_blocking(install::prometheus).await??;
    let mut command = Command::new(programs.join("promtool"));
    command.args(args).current_dir(folder);
    let output = spawn_blocking(move || command.output()).await??;
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    ensure!(output.status.success(), "promtool {args:?}: {}: {printed}", output.status);
    Ok(printed)
}
