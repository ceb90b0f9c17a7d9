//! Progress on a terminal: one line, from the second second on. Without a terminal, nothing.

use std::{
    io::{self, IsTerminal, Write},
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::sleep;

/// Shorter operations show nothing.
const SHOW_AFTER: Duration = Duration::from_secs(1);

const REDRAW: Duration = Duration::from_millis(250);

/// The line that is on the terminal now. It is hidden while other lines are written.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn shown() -> MutexGuard<'static, Option<ProgressBar>> {
    // Nothing can be left half done under this lock, so a poisoned one is as good.
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line on a terminal. Dropping it removes the line.
pub(super) struct Progress {
    started: Instant,
    what: &'static str,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// `what` is the unit that is counted, such as `records`, or a description of the operation.
    pub(super) fn new(what: &'static str) -> Self {
        Self { started: Instant::now(), what, bar: None }
    }

    /// Shows how much is done, and of how much if that is known.
    pub(super) fn show(&mut self, done: Option<u64>, all: Option<u64>) {
        if self.started.elapsed() < SHOW_AFTER || !io::stderr().is_terminal() {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::no_length().with_message(self.what);
            let template = match (done, all) {
                (Some(_), Some(_)) => "{bar:30} {human_pos} of {human_len} {msg}",
                (Some(_), None) => "{spinner} {human_pos} {msg}  {elapsed}",
                (None, _) => "{spinner} {msg}  {elapsed}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            *shown() = Some(bar.clone());
            bar
        });
        if let Some(all) = all {
            bar.set_length(all);
        }
        bar.set_position(done.unwrap_or_default());
        bar.tick();
    }

    /// Awaits `work` and shows its progress as `look` returns it: how much is done, and of how much.
    pub(super) async fn during<T>(
        mut self,
        work: impl Future<Output = T>,
        mut look: impl FnMut() -> (Option<u64>, Option<u64>),
    ) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                result = &mut work => return result,
                () = sleep(REDRAW) => {
                    let (done, all) = look();
                    self.show(done, all);
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            *shown() = None;
            bar.finish_and_clear();
        }
    }
}

/// Standard error. Hides the line of progress while writing.
pub(super) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bar = shown().clone();
        match bar {
            Some(bar) => bar.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
