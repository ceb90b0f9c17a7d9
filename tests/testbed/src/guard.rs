//! A small process that ends everything this process has started, even after a `kill -9`.
//!
//! It holds the reading end of a pipe whose other end only this process has, so that it notices the
//! end of this process for any cause. `PR_SET_PDEATHSIG` does not suffice: it takes effect when the
//! *thread* that started the child ends, and tests end threads all the time.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, Result, ensure};

/// The guard of this process, started together with the first process or folder to guard.
static GUARD: OnceLock<Mutex<Option<Guard>>> = OnceLock::new();

struct Guard {
    folder: PathBuf,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Guard {
    fn start() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("vendas-testbed-")
            // PostgreSQL may run as another user, who needs access to this folder.
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .context("no temporary folder")?;
        let mut child = Command::new("/bin/sh")
            .args(["-c", include_str!("guard.sh"), "guard"])
            .arg(folder.path())
            .current_dir("/")
            // Not reached by Ctrl-C.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("no /bin/sh")?;
        let orders = child.stdin.take().context("the guard has no standard input")?;
        let answers = child.stdout.take().context("the guard has no standard output")?;
        Ok(Self { folder: folder.keep(), child, orders, answers: BufReader::new(answers) })
    }

    fn tell(&mut self, order: &str) -> Result<()> {
        let mut answer = String::new();
        writeln!(self.orders, "{order}").context("the guard is gone")?;
        self.answers.read_line(&mut answer)?;
        ensure!(answer == "noted\n", "the guard is gone");
        Ok(())
    }
}

fn with_guard<T>(work: impl FnOnce(&mut Guard) -> Result<T>) -> Result<T> {
    let mut slot = GUARD.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if slot.is_none() {
        *slot = Some(Guard::start()?);
    }
    work(slot.as_mut().context("no guard")?)
}

/// From now on, the process group of `leader` and the children of the leader end with this process.
pub(crate) fn add(leader: u32) -> Result<()> {
    with_guard(|guard| guard.tell(&format!("add {leader}")))
}

/// `leader` has ended, and its process id may be reused.
pub(crate) fn drop(leader: u32) -> Result<()> {
    with_guard(|guard| guard.tell(&format!("drop {leader}")))
}

/// A folder in the system's temporary folder, accessible to every user. It is deleted when this
/// value is dropped, or when this process ends.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Creates an empty folder whose name begins with `name`.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn new(name: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = with_guard(|guard| Ok(guard.folder.join(format!("{name}-{number}"))))?;
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(Self { path })
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The guard deletes what remains.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Ends everything now instead of at this process's end: for a `main` that waits for it.
///
/// # Errors
/// If the folder still exists after a while.
pub fn end_everything() -> Result<()> {
    let Some(slot) = GUARD.get() else { return Ok(()) };
    let guard = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(mut guard) = guard else { return Ok(()) };
    std::mem::drop(guard.orders);
    guard.child.wait()?;
    ensure!(!guard.folder.exists(), "{} still exists", guard.folder.display());
    Ok(())
}
