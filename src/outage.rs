//! Logs that a server is unavailable: when the outage begins, once a minute, and when it ends.

use std::{
    fmt::Display,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::Notify;
use tracing::{error, info, warn};

/// The time between two log lines of an outage.
pub const REMIND_AFTER: Duration = Duration::from_secs(60);

/// The end of an outage up to this long does not wake waiting tasks.
const FLICKER: Duration = Duration::from_millis(500);

/// One server's state, shared by all its users, so that an outage is logged once and not by each.
///
/// ```
/// use std::time::Instant;
///
/// use vendas::outage::{Outage, Severity};
///
/// let postgres = Outage::new("PostgreSQL");
/// // Two workers find the server unavailable; the first failure is logged.
/// postgres.failed(Severity::Transient, &"connection refused");
/// postgres.failed(Severity::Transient, &"the database system is starting up");
/// let outage = postgres.ongoing().unwrap();
/// assert_eq!(outage.error, "the database system is starting up");
/// // One of them gets an answer, which ends the outage for both.
/// postgres.recovered(Instant::now());
/// assert_eq!(postgres.ongoing(), None);
/// ```
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
    logged: Instant,
    attempts: u64,
    cause: String,
}

/// An outage that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ongoing {
    /// When its first attempt failed.
    pub since: Timestamp,
    /// The error of the last attempt, as in the log.
    pub error: String,
}

/// Whether an outage ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It is expected to end by itself.
    Transient,
    /// The operator has to correct something.
    NeedsAttention,
}

impl Outage {
    /// `server` is the name in log lines.
    #[must_use]
    pub const fn new(server: &'static str) -> Self {
        Self { server, current: Mutex::new(None), ended: Notify::const_new() }
    }

    /// Records a failed attempt, and logs it unless one was logged within the last minute.
    pub fn failed(&self, severity: Severity, cause: &dyn Display) {
        let now = Instant::now();
        let mut current = self.lock();
        let first = current.is_none();
        let outage = current.get_or_insert_with(|| Current {
            since: now,
            began: Timestamp::now(),
            logged: now,
            attempts: 0,
            cause: String::new(),
        });
        outage.attempts += 1;
        outage.cause = cause.to_string();
        if !first && now.duration_since(outage.logged) < REMIND_AFTER {
            return;
        }
        outage.logged = now;
        let (since, attempts) = (outage.since, outage.attempts);
        drop(current);
        let (server, elapsed_ms) = (self.server, now.duration_since(since).as_millis());
        match severity {
            Severity::Transient => {
                warn!(server, attempts, elapsed_ms, error = %cause, "paused, will resume automatically");
            }
            Severity::NeedsAttention => {
                error!(server, attempts, elapsed_ms, error = %cause, "paused, needs attention");
            }
        }
    }

    /// Records that the server answered a request of `requested_at`, and logs the end of an outage.
    /// An answer to a request from before the outage does not end it.
    pub fn recovered(&self, requested_at: Instant) {
        let ended = self.lock().take_if(|outage| outage.since < requested_at);
        if let Some(outage) = ended {
            let elapsed_ms = outage.since.elapsed().as_millis();
            info!(server = self.server, attempts = outage.attempts, elapsed_ms, "resumed");
            // A short outage, as when there are too few connections, does not wake the waiting
            // tasks: they would all retry at once, each time.
            if outage.since.elapsed() > FLICKER {
                self.ended.notify_waiters();
            }
        }
    }

    /// Ends the outage without a log line, when no task waits for the server any more.
    pub fn forget(&self) {
        drop(self.lock().take());
    }

    /// The current outage, if there is one.
    pub fn ongoing(&self) -> Option<Ongoing> {
        let current = self.lock();
        let outage = current.as_ref()?;
        Some(Ongoing { since: outage.began, error: outage.cause.clone() })
    }

    /// Waits until another task finds that the outage has ended. The end of a short one is not
    /// notified.
    pub async fn over(&self) {
        self.ended.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        // No update under this lock can stop halfway, so poisoning is ignored.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{Outage, Severity};

    #[test]
    fn a_response_to_an_older_request_does_not_end_an_outage() {
        let outage = Outage::new("server");
        let before = Instant::now();
        outage.failed(Severity::Transient, &"gone");
        outage.recovered(before);
        assert_eq!(outage.ongoing().unwrap().error, "gone");
        outage.recovered(Instant::now());
        assert_eq!(outage.ongoing(), None);
    }
}
