//! Tells a service manager such as systemd how a run fares, where it has asked for that
//! (`Type=notify`, `WatchdogSec=`): see sd_notify(3).

use std::{env, time::Duration};

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::debug;

use crate::http::{State, health::Health};

/// How often it looks how the run fares.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where the service manager listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Tells until the run has `finished`: ready once it works, what it does or waits for, that it lives,
/// and that it ends. `None` where nobody has asked.
pub(super) fn supervised(run: State, finished: CancellationToken) -> Option<AbortOnDropHandle<()>> {
    env::var_os(SOCKET)?;
    Some(AbortOnDropHandle::new(tokio::spawn(tell(run, finished))))
}

async fn tell(run: State, finished: CancellationToken) {
    let stopping = run.stopping();
    // Twice as often as it has to be, as sd_watchdog_enabled(3) advises.
    let watchdog = sd_notify::watchdog_enabled().map(|within| within / 2);
    let every = watchdog.unwrap_or(LOOK_EVERY).clamp(Duration::from_millis(10), LOOK_EVERY);
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut ready, mut stops, mut told) = (false, false, String::new());
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
        let words = words(&health);
        if words != told {
            say(&[NotifyState::Status(&words)]);
            told = words;
        }
        if watchdog.is_some() {
            say(&[NotifyState::Watchdog]);
        }
    }
}

/// How the run fares, on one line.
fn words(health: &Health) -> String {
    if health.ready {
        return match health.partitions.working {
            1 => "working 1 partition".to_owned(),
            count => format!("working {count} partitions"),
        };
    }
    let reasons = health.reasons.iter().map(|reason| format!("{}: {}", reason.what, reason.error));
    reasons.collect::<Vec<_>>().join("; ").replace('\n', " ")
}

fn say(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        debug!(%error, "the service manager does not listen");
    }
}
