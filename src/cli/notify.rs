//! Notifies a service manager such as systemd of readiness and status, and keeps its
//! watchdog (`Type=notify`, `WatchdogSec=`): see sd_notify(3).

use std::{env, time::Duration};

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::debug;

use crate::http::{State, health::Health};

/// How often the state of the run is checked.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// The variable with the service manager's socket.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Notifies until the run has `finished`: readiness, status, watchdog and stopping. `None` if the
/// variable is not set.
pub(super) fn supervised(run: State, finished: CancellationToken) -> Option<AbortOnDropHandle<()>> {
    env::var_os(SOCKET)?;
    Some(AbortOnDropHandle::new(tokio::spawn(notify(run, finished))))
}

async fn notify(run: State, finished: CancellationToken) {
    let stopping = run.stopping();
    // Twice as often as required, as sd_watchdog_enabled(3) advises.
    let watchdog = sd_notify::watchdog_enabled().map(|within| within / 2);
    let every = watchdog.unwrap_or(CHECK_EVERY).clamp(Duration::from_millis(10), CHECK_EVERY);
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut ready, mut stops, mut sent) = (false, false, String::new());
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stopping.cancelled(), if !stops => {}
            () = finished.cancelled() => {}
        }
        if stopping.is_cancelled() && !stops {
            stops = true;
            say(&[NotifyState::Stopping]);
        }
        if finished.is_cancelled() {
            return;
        }
        let health = run.health();
        if health.ready && !ready {
            ready = true;
            say(&[NotifyState::Ready]);
        }
        let status = status(&health);
        if status != sent {
            say(&[NotifyState::Status(&status)]);
            sent = status;
        }
        if watchdog.is_some() {
            say(&[NotifyState::Watchdog]);
        }
    }
}

/// The status of the run, on one line.
fn status(health: &Health) -> String {
    if health.ready {
        return match health.partitions.working {
            1 => "processing 1 partition".to_owned(),
            count => format!("processing {count} partitions"),
        };
    }
    let reasons = health.reasons.iter().map(|reason| format!("{}: {}", reason.what, reason.error));
    reasons.collect::<Vec<_>>().join("; ").replace('\n', " ")
}

fn say(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        debug!(%error, "cannot notify the service manager");
    }
}
