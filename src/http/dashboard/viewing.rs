//! The viewers of each period, and the updates for them.
//!
//! **Invariant:** regardless of the number of viewers, PostgreSQL is queried by one reader for each
//! period with viewers, and by one reader at a time.
//!
//! **Invariant:** the events of a period are serialized once, and all its viewers share these bytes.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::join_all;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::{Instant, MissedTickBehavior, interval},
};
use tracing::debug;

use super::{
    event::event,
    fresh::Fresh,
    pace::Pace,
    picture::Picture,
    snapshot::{Seen, snapshot},
    sold::{self, Sold},
    viewer::Viewer,
    window::Window,
};
use crate::{
    http::state::State,
    store::{DeadLetterFilter, ReasonCount},
};

/// The maximum number of viewers; others are asked to retry. It is lower than the server's maximum of
/// connections, so that metrics and health stay available.
const MAX_VIEWERS: usize = 220;

/// The interval of updates.
const UPDATE_EVERY: Duration = Duration::from_secs(1);

/// The state that all viewers share. Cheap to clone.
#[derive(Clone)]
pub(in crate::http) struct Dashboard(Arc<Shared>);

struct Shared {
    state: State,
    pace: Mutex<Pace>,
    letters: Fresh<Vec<ReasonCount>>,
    views: [View; Window::ALL.len()],
    /// Notified when a viewer arrives.
    looked: Notify,
    /// Limits concurrent queries.
    turns: Semaphore,
    places: Arc<Semaphore>,
}

/// A period and its viewers.
struct View {
    window: Window,
    sold: Fresh<Sold>,
    /// The latest picture; `None` while there are no viewers.
    pictures: watch::Sender<Option<Picture>>,
    looked: Notify,
}

impl View {
    fn new(window: Window) -> Self {
        Self {
            window,
            sold: Fresh::new(),
            pictures: watch::Sender::new(None),
            looked: Notify::new(),
        }
    }

    fn has_viewers(&self) -> bool {
        self.pictures.receiver_count() > 0
    }
}

impl Dashboard {
    pub(in crate::http) fn new(state: State) -> Self {
        Self(Arc::new(Shared {
            state,
            pace: Mutex::default(),
            letters: Fresh::new(),
            views: Window::ALL.map(View::new),
            looked: Notify::new(),
            turns: Semaphore::new(1),
            places: Arc::new(Semaphore::new(MAX_VIEWERS)),
        }))
    }

    /// Updates the pictures until the run stops.
    pub(in crate::http) async fn keep_up(&self) {
        let readers = self.0.views.iter().map(|view| self.read_sales(view));
        tokio::select! {
            () = self.0.state.stopping().cancelled() => {}
            () = self.take_pictures() => {}
            () = self.read_letters() => {}
            _ = join_all(readers) => {}
        }
    }

    /// Adds a viewer of a period, unless there are too many.
    pub(super) fn viewer(&self, window: Window) -> Option<Viewer> {
        let place = Arc::clone(&self.0.places).try_acquire_owned().ok()?;
        let view = self.view(window)?;
        let is_first = !view.has_viewers();
        let mut pictures = view.pictures.subscribe();
        if is_first {
            self.0.letters.expect();
            view.sold.expect();
            // The next update has more, but the page need not wait for it.
            self.show(view);
        }
        // If there are other viewers, there is a picture to begin with.
        pictures.mark_changed();
        view.looked.notify_one();
        self.0.looked.notify_one();
        let history = event("history", &self.pace().history()).unwrap_or_default();
        Some(Viewer::new(pictures, self.0.state.stopping().clone(), history, place))
    }

    fn view(&self, window: Window) -> Option<&View> {
        self.0.views.iter().find(|view| view.window == window)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.0.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take_pictures(&self) {
        let mut beat = interval(UPDATE_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            self.pace().note(Instant::now(), self.0.state.telemetry().orders.get());
            for view in &self.0.views {
                if view.has_viewers() {
                    self.show(view);
                } else {
                    // The next viewer must not see old values.
                    view.pictures.send_replace(None);
                }
            }
        }
    }

    /// Sends the current state to a period's viewers.
    fn show(&self, view: &View) {
        view.pictures.send_replace(self.picture(view));
    }

    fn picture(&self, view: &View) -> Option<Picture> {
        let (rate, peak) = {
            let pace = self.pace();
            (pace.now().to_string(), pace.peak().to_string())
        };
        let (sold, letters) = (view.sold.lock(), self.0.letters.lock());
        let current = sold.is_current() && letters.is_current();
        let letters = letters.value.as_deref();
        let sold = sold.value.as_ref();
        let as_of = sold.map(|sold| sold.as_of);
        let beat = snapshot(&self.0.state, Seen { rate, peak, letters, as_of, current })?;
        let whole = match sold {
            Some(sold) => [&sold.event[..], &beat].concat().into(),
            None => beat.clone(),
        };
        Some(Picture { version: sold.map(|sold| sold.version), beat, whole })
    }

    async fn read_sales(&self, view: &View) {
        let state = &self.0.state;
        let (store, currency) = (state.store(), state.currency());
        loop {
            while !view.has_viewers() {
                view.looked.notified().await;
            }
            while view.has_viewers() {
                let ask = sold::ask(store, view.window, currency);
                let keep = |before, answer| {
                    Sold::new(before, answer, view.window, currency, store.shop_timezone())
                };
                let tell = |error: Option<&_>| {
                    if let Some(error) = error {
                        // The workers log an outage; this line is for debugging.
                        debug!(error = %error, "the dashboard cannot read the sales");
                    }
                    self.show(view);
                };
                view.sold.read(&self.0.turns, ask, keep, tell).await;
            }
            view.sold.forget();
        }
    }

    async fn read_letters(&self) {
        let store = self.0.state.store();
        let has_viewers = || self.0.views.iter().any(View::has_viewers);
        loop {
            while !has_viewers() {
                self.0.looked.notified().await;
            }
            while has_viewers() {
                let filter = DeadLetterFilter::default();
                let ask = store.dead_letter_counts(&filter, false);
                let tell = |error: Option<&_>| {
                    if let Some(error) = error {
                        debug!(error = %error, "the dashboard cannot count the dead letters");
                    }
                };
                self.0.letters.read(&self.0.turns, ask, |_, counts| counts, tell).await;
            }
            self.0.letters.forget();
        }
    }
}
