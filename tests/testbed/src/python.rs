//! A Python script that answers requests line by line.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    guard::{self, Folder},
    install,
    process::tail,
};

/// Longer than the script's own deadline for a request.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running script. Dropping it kills it.
#[derive(Debug)]
pub struct Python {
    child: Child,
    pipes: Arc<Mutex<Pipes>>,
    folder: Folder,
}

#[derive(Debug)]
struct Pipes {
    plans: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Pipes {
    /// `None` if the script has ended.
    fn call(&mut self, plan: &Value) -> Option<String> {
        writeln!(self.plans, "{plan}").ok()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).ok().filter(|bytes| *bytes > 0)?;
        Some(answer)
    }
}

impl Python {
    /// Starts a script, given as its text, in an environment with librdkafka.
    ///
    /// # Errors
    /// If that cannot be created: the error names the package to install.
    pub async fn start(
        script: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Self> {
        let python = spawn_blocking(install::librdkafka).await??;
        Self::launch(&python, &[], script, args)
    }

    /// Starts `script` with this interpreter; it can import `modules`, files by name and text.
    pub(crate) fn launch(
        python: &Path,
        modules: &[(&str, &str)],
        script: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<Self> {
        let folder = Folder::new("python")?;
        for (name, text) in modules {
            fs::write(folder.path().join(name), text)?;
        }
        let log = File::create(folder.path().join("stderr"))?;
        let mut child = Command::new(python)
            .args(["-c", script])
            .args(args)
            .current_dir(folder.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        guard::add(child.id())?;
        let plans = child.stdin.take().context("no pipe to Python")?;
        let answers = BufReader::new(child.stdout.take().context("no pipe from Python")?);
        Ok(Self { child, pipes: Arc::new(Mutex::new(Pipes { plans, answers })), folder })
    }

    /// Executes a plan, and returns its result.
    ///
    /// # Errors
    /// If the script fails, ends, or is too slow.
    pub async fn call(&self, plan: Value) -> Result<Value> {
        let pipes = Arc::clone(&self.pipes);
        let answer = spawn_blocking(move || {
            pipes.lock().unwrap_or_else(PoisonError::into_inner).call(&plan)
        });
        let answer = timeout(DEADLINE, answer)
            .await
            .with_context(|| format!("the script has not answered within {DEADLINE:?}"))??;
        let Some(answer) = answer else {
            bail!("the script ended:\n{}", tail(&self.folder.path().join("stderr")))
        };
        let mut answer: Value = serde_json::from_str(&answer)?;
        if let Some(error) = answer.get("error") {
            bail!("the script failed: {}", error.as_str().unwrap_or_default());
        }
        Ok(answer["ok"].take())
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // A call that still waits for an answer finds the end of its pipe.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = guard::drop(self.child.id());
    }
}
