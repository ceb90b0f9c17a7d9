//! Who looks, and what they see.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    http::{StatusCode, header::RETRY_AFTER},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::debug;
use uuid::Uuid;

use super::{
    pace::{Pace, Rate},
    sold::{self, Sold},
};
use crate::http::{State, health::Because};

/// The most that look at once; who comes later is asked to come again.
const PLACES: usize = 100;

/// How often the picture changes.
const BEAT: Duration = Duration::from_secs(1);

/// How soon a browser that lost its connection tries again.
const RECONNECT_AFTER: Duration = Duration::from_secs(2);

/// What all viewers share. Cheap to clone.
#[derive(Clone)]
pub(in crate::http) struct Dashboard(Arc<Shared>);

struct Shared {
    state: State,
    pace: Mutex<Pace>,
    sold: Mutex<Sold>,
    /// The newest snapshot as JSON; `None` while nobody looks.
    snapshots: watch::Sender<Option<Arc<str>>>,
    /// Somebody has begun to look.
    looked: Notify,
    places: Arc<Semaphore>,
}

#[derive(Serialize)]
struct Snapshot<'a> {
    instance: Uuid,
    version: &'static str,
    rate: String,
    peak: String,
    lag: Option<String>,
    /// Orders cancelled and records ignored by this instance since its start.
    cancelled: String,
    ignored: String,
    reasons: Vec<Because>,
    sold: Option<&'a str>,
    totals: Option<&'a RawValue>,
    letters: Option<Vec<Letters<'a>>>,
    /// Whether totals and letters are what PostgreSQL holds now.
    current: bool,
}

/// Numbers are texts, as in the totals: a browser reads a JSON number as a binary float.
#[derive(Serialize)]
struct Letters<'a> {
    reason: &'a str,
    letters: String,
}

impl Dashboard {
    pub(in crate::http) fn new(state: State) -> Self {
        Self(Arc::new(Shared {
            state,
            pace: Mutex::default(),
            sold: Mutex::new(Sold::unread()),
            snapshots: watch::Sender::new(None),
            looked: Notify::new(),
            places: Arc::new(Semaphore::new(PLACES)),
        }))
    }

    /// Keeps the picture up to date until it is told to stop.
    pub(in crate::http) async fn keep_up(&self) {
        tokio::select! {
            () = self.0.state.stopping().cancelled() => {}
            () = self.take_snapshots() => {}
            () = self.read_what_is_sold() => {}
        }
    }

    /// The rates of the last minutes, for the chart.
    pub(super) fn history(&self) -> Vec<(u64, Rate)> {
        lock(&self.0.pace).history()
    }

    /// A stream of snapshots to whoever asks for it.
    pub(super) fn events(&self) -> Response {
        let Ok(place) = Arc::clone(&self.0.places).try_acquire_owned() else {
            return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")]).into_response();
        };
        let mut snapshots = self.0.snapshots.subscribe();
        // Where others look already there is one to begin with.
        snapshots.mark_changed();
        self.0.looked.notify_one();
        let viewer = Viewer { snapshots, stop: self.0.state.stopping().clone(), _place: place };
        // A stream that is dropped, because the browser is gone, gives its place back.
        Sse::new(stream::unfold(viewer, Viewer::next))
            .keep_alive(KeepAlive::default())
            .into_response()
    }

    fn is_looked_at(&self) -> bool {
        self.0.snapshots.receiver_count() > 0
    }

    async fn take_snapshots(&self) {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            lock(&self.0.pace).note(Instant::now(), self.0.state.telemetry().orders.get());
            // Who comes next is not to be shown what was true long ago.
            let snapshot = if self.is_looked_at() { self.snapshot() } else { None };
            self.0.snapshots.send_replace(snapshot);
        }
    }

    async fn read_what_is_sold(&self) {
        loop {
            while !self.is_looked_at() {
                self.0.looked.notified().await;
            }
            *lock(&self.0.sold) = Sold::unread();
            while self.is_looked_at() {
                sold::read(self.0.state.store(), |read| match read {
                    Ok(sold) => *lock(&self.0.sold) = sold,
                    Err(error) => {
                        // The work tells of an outage; this is for whoever looks for the cause.
                        debug!(error = %error, "the dashboard cannot read the totals");
                        lock(&self.0.sold).failed();
                    }
                })
                .await;
            }
        }
    }

    /// Offsets of all this instance's partitions that are still to be worked, as far as is known.
    fn lag(&self) -> Option<i64> {
        let partitions = self.0.state.telemetry().partitions();
        let lags: Vec<_> = partitions.iter().filter_map(|(_, told)| told.lag()).collect();
        (!lags.is_empty()).then(|| lags.iter().sum())
    }

    fn snapshot(&self) -> Option<Arc<str>> {
        let (rate, peak) = {
            let pace = lock(&self.0.pace);
            (pace.now().to_string(), pace.peak().to_string())
        };
        let sold = lock(&self.0.sold);
        let letters = sold.letters.as_ref().map(|counts| {
            counts
                .iter()
                .map(|count| Letters { reason: &count.reason, letters: count.letters.to_string() })
                .collect()
        });
        let telemetry = self.0.state.telemetry();
        let snapshot = Snapshot {
            instance: self.0.state.store().instance(),
            version: env!("CARGO_PKG_VERSION"),
            rate,
            peak,
            lag: self.lag().map(|lag| lag.to_string()),
            cancelled: telemetry.cancelled.get().to_string(),
            ignored: telemetry.ignored.get().to_string(),
            reasons: self.0.state.health().reasons,
            sold: sold.all.as_deref(),
            totals: sold.totals.as_deref(),
            letters,
            current: sold.is_current(),
        };
        serde_json::to_string(&snapshot).ok().map(Arc::from)
    }
}

/// One who looks.
struct Viewer {
    snapshots: watch::Receiver<Option<Arc<str>>>,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Viewer {
    /// The next snapshot; one that came too fast for this viewer is passed over.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return None,
                changed = self.snapshots.changed() => changed.ok()?,
            }
            let snapshot = self.snapshots.borrow_and_update().clone();
            if let Some(snapshot) = snapshot {
                let event =
                    Event::default().event("snapshot").retry(RECONNECT_AFTER).data(snapshot);
                return Some((Ok(event), self));
            }
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
