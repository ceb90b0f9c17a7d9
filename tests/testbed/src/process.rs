//! Starts a program under guard, signals it with all its children, and waits with a deadline.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::guard;

/// How long the kernel may take to end a killed process.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// The user of a program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A program to start, with its options.
pub(crate) struct Launch<'a> {
    pub(crate) program: &'a OsStr,
    pub(crate) args: Vec<OsString>,
    /// Set, or removed with `None`.
    pub(crate) env: Vec<(OsString, Option<OsString>)>,
    pub(crate) folder: &'a Path,
    pub(crate) user: Option<User>,
    /// The contents of its standard input.
    pub(crate) input: &'a [u8],
    pub(crate) stdout: &'a Path,
    /// `None`: the same as its standard output.
    pub(crate) stderr: Option<&'a Path>,
}

impl<'a> Launch<'a> {
    /// With an empty standard input, the current user, and both outputs in one file.
    pub(crate) const fn new(
        program: &'a OsStr,
        args: Vec<OsString>,
        folder: &'a Path,
        output: &'a Path,
    ) -> Self {
        let env = Vec::new();
        Self { program, args, env, folder, user: None, input: &[], stdout: output, stderr: None }
    }
}

/// A running program, the leader of its own process group. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    command: String,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(launch: &Launch<'_>) -> Result<Self> {
        let append = |path: &Path| {
            File::options()
                .create(true)
                .append(true)
                .open(path)
                .with_context(|| format!("cannot open {}", path.display()))
        };
        let stdout = append(launch.stdout)?;
        let stderr = match launch.stderr {
            Some(path) => append(path)?,
            None => stdout.try_clone()?,
        };
        // A shell waits for one line before it becomes the program, so that the guard knows its
        // process id first.
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", r#"read -r _ || exit; exec "$@""#, "gate"])
            .arg(launch.program)
            .args(&launch.args)
            .current_dir(launch.folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr);
        for (name, value) in &launch.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(user) = launch.user {
            // When leaving root, the standard library also drops root's supplementary groups.
            command.uid(user.uid).gid(user.gid);
        }
        let mut words = vec![launch.program.to_string_lossy()];
        words.extend(launch.args.iter().map(|arg| arg.to_string_lossy()));
        let text = words.join(" ");
        let child = command.spawn().with_context(|| format!("cannot start `{text}`"))?;
        let log = launch.stderr.unwrap_or(launch.stdout).to_owned();
        let mut process = Self { child, command: text, log };
        guard::add(process.id())?;
        let mut stdin = process.child.stdin.take().context("no pipe to a new process")?;
        stdin.write_all(b"go\n")?;
        if !launch.input.is_empty() {
            // A program may end without reading all of its input.
            let input = launch.input.to_owned();
            std::thread::spawn(move || stdin.write_all(&input));
        }
        Ok(process)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `None` while it runs.
    pub(crate) fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends a signal to the program only, as `kill` does.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.exit_status()?.is_some() {
            bail!("it has ended already: {}", self.state());
        }
        kill_process(pid(self.id())?, signal)
            .with_context(|| format!("cannot signal `{}`", self.command))
    }

    /// Stops it together with its children.
    pub(crate) fn pause(&mut self) -> Result<()> {
        // The parent first: then no new child is missed.
        self.signal(Signal::STOP)?;
        for child in descendants(self.id())? {
            let _ = kill_process(child, Signal::STOP);
        }
        Ok(())
    }

    /// Resumes it.
    pub(crate) fn resume(&mut self) -> Result<()> {
        for child in descendants(self.id())? {
            let _ = kill_process(child, Signal::CONT);
        }
        self.signal(Signal::CONT)
    }

    /// Sends SIGKILL to it and all its children; returns when none of them is running.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if self.exit_status()?.is_none() {
            self.pause()?;
            let mut family = descendants(self.id())?;
            family.push(pid(self.id())?);
            for process in &family {
                let _ = kill_process(*process, Signal::KILL);
            }
            self.child.wait()?;
            let deadline = Instant::now() + KILL_DEADLINE;
            while family.iter().any(|process| is_running(*process)) {
                if Instant::now() > deadline {
                    bail!("children of `{}` outlive SIGKILL", self.command);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        guard::drop(self.id())
    }

    /// Sends SIGKILL to it only; returns when its children, which are not signalled, have ended
    /// too.
    pub(crate) async fn kill_alone(&mut self, deadline: Duration) -> Result<()> {
        self.signal(Signal::STOP)?;
        let children = descendants(self.id())?;
        self.signal(Signal::KILL)?;
        self.child.wait()?;
        let until = Instant::now() + deadline;
        while children.iter().any(|child| is_running(*child)) {
            if Instant::now() > until {
                bail!("children of `{}` outlive it", self.command);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        guard::drop(self.id())
    }

    /// Waits until it ends.
    pub(crate) async fn wait(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let until = Instant::now() + deadline;
        loop {
            if let Some(status) = self.exit_status()? {
                guard::drop(self.id())?;
                return Ok(status);
            }
            if Instant::now() > until {
                return Err(anyhow!("no end within {deadline:?}: {}", self.state()));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The command, whether it runs, and the end of its log: for error messages.
    pub(crate) fn state(&mut self) -> String {
        let state = match self.child.try_wait() {
            Ok(None) => "runs".to_owned(),
            Ok(Some(status)) => format!("ended with {status}"),
            Err(error) => format!("is in an unknown state ({error})"),
        };
        format!("`{}` {state}, its log ends:\n{}", self.command, tail(&self.log))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// The last lines of a log.
pub(crate) fn tail(path: &Path) -> String {
    const LINES: usize = 30;
    let bytes = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    match lines.len() {
        0 => "    (nothing)".to_owned(),
        n => lines[n.saturating_sub(LINES)..].iter().map(|line| format!("    {line}\n")).collect(),
    }
}

fn pid(id: u32) -> Result<Pid> {
    i32::try_from(id)
        .ok()
        .and_then(Pid::from_raw)
        .with_context(|| format!("{id} is not a process id"))
}

/// State and parent, from /proc/ID/stat. `None` if there is no such process.
fn stat(process: Pid) -> Option<(String, i32)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may itself contain spaces and parentheses.
    let mut fields = text.get(text.rfind(')')? + 1..)?.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

fn is_running(process: Pid) -> bool {
    stat(process).is_some_and(|(state, _)| state != "Z")
}

/// The children of a process, and theirs. PostgreSQL's children lead their own process groups, so
/// that a signal to the group would not reach them.
fn descendants(id: u32) -> Result<Vec<Pid>> {
    let parents: Vec<_> = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().and_then(Pid::from_raw))
        .filter_map(|process| Some((process, stat(process)?.1)))
        .collect();
    let mut family = vec![pid(id)?];
    let mut next = 0;
    while let Some(parent) = family.get(next).map(|parent| parent.as_raw_nonzero().get()) {
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
        next += 1;
    }
    Ok(family.split_off(1))
}
