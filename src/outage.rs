//! Says that a server is out of reach: once when it begins, once a minute, once when it is over.

use std::{
    fmt::Display,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::Notify;
use tracing::{error, info, warn};

/// How long an outage stays silent between two of its log lines.
pub const REMIND_AFTER: Duration = Duration::from_secs(60);

/// Outages up to this long are hardly worth the name.
const FLICKER: Duration = Duration::from_millis(500);

/// One server's state, shared by all who talk to it, so that an outage is told once and not by each.
#[derive(Debug)]
pub struct Outage {
    server: &'static str,
    current: Mutex<Option<Current>>,
    ended: Notify,
}

#[derive(Debug)]
struct Current {
    since: Instant,
    began: Timestamp,
    said: Instant,
    attempts: u64,
    cause: String,
}

/// An outage that is not over, as others are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ongoing {
    /// When its first attempt failed.
    pub since: Timestamp,
    /// Why the last one did, as the log says it.
    pub error: String,
}

/// Whether an outage goes away by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gravity {
    /// It is expected to.
    PassesByItself,
    /// A person has to put something right.
    NeedsAPerson,
}

impl Outage {
    /// `server` is the name by which the log lines call it.
    #[must_use]
    pub const fn new(server: &'static str) -> Self {
        Self { server, current: Mutex::new(None), ended: Notify::const_new() }
    }

    /// Notes a failed attempt, and says so if nothing was said within the last minute.
    pub fn failed(&self, gravity: Gravity, cause: &dyn Display) {
        let now = Instant::now();
        let mut current = self.lock();
        let first = current.is_none();
        let outage = current.get_or_insert_with(|| Current {
            since: now,
            began: Timestamp::now(),
            said: now,
            attempts: 0,
            cause: String::new(),
        });
        outage.attempts += 1;
        outage.cause = cause.to_string();
        if !first && now.duration_since(outage.said) < REMIND_AFTER {
            return;
        }
        outage.said = now;
        let (since, attempts) = (outage.since, outage.attempts);
        drop(current);
        let (server, elapsed_ms) = (self.server, now.duration_since(since).as_millis());
        match gravity {
            Gravity::PassesByItself => {
                warn!(server, attempts, elapsed_ms, error = %cause, "paused, will go on by itself");
            }
            Gravity::NeedsAPerson => {
                error!(server, attempts, elapsed_ms, error = %cause, "paused until this is put right");
            }
        }
    }

    /// Notes that the server answered what it was asked at `asked`, and says so if it had been out
    /// of reach. What it was asked before the outage began, and whose answer was only looked at
    /// later, says nothing.
    pub fn recovered(&self, asked: Instant) {
        let ended = self.lock().take_if(|outage| outage.since < asked);
        if let Some(outage) = ended {
            let elapsed_ms = outage.since.elapsed().as_millis();
            info!(server = self.server, attempts = outage.attempts, elapsed_ms, "going on");
            // One that flickers, as when there are too few connections, wakes nobody: they would all
            // come at once, each time.
            if outage.since.elapsed() > FLICKER {
                self.ended.notify_waiters();
            }
        }
    }

    /// Nobody waits for the server any more, so that nobody will find out when it is over.
    pub fn forget(&self) {
        drop(self.lock().take());
    }

    /// What is wrong now, if anything is.
    pub fn ongoing(&self) -> Option<Ongoing> {
        let current = self.lock();
        let outage = current.as_ref()?;
        Some(Ongoing { since: outage.began, error: outage.cause.clone() })
    }

    /// Waits until somebody finds that the outage is over, which must have lasted a while.
    pub async fn over(&self) {
        self.ended.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        // Nothing can be left half done under this lock, so a poisoned one is as good.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{Gravity, Outage};

    #[test]
    fn an_answer_to_an_older_question_does_not_end_an_outage() {
        let outage = Outage::new("server");
        let before = Instant::now();
        outage.failed(Gravity::PassesByItself, &"gone");
        outage.recovered(before);
        assert_eq!(outage.ongoing().unwrap().error, "gone");
        outage.recovered(Instant::now());
        assert_eq!(outage.ongoing(), None);
    }
}
